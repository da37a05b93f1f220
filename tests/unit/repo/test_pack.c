/*
 * rowback/repo/pack.h: git takes what is written, and nothing half-written stays.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/fault.h"
#include "harness/sh.h"
#include "rowback/base/fs.h"
#include "rowback/repo/pack.h"
#include "rowback/repo/repo.h"

struct fixture {
	char dir[32];
	struct rb_repo *repo;
};

static int set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	if (!fx)
		return -1;
	*state = fx;
	snprintf(fx->dir, sizeof(fx->dir), "pack.XXXXXX");
	if (!mkdtemp(fx->dir))
		return -1;
	return rb_repo_init(fx->dir, "main", true, &fx->repo, NULL);
}

static int tear_down(void **state)
{
	struct fixture *fx = *state;
	int rc;

	fault_disarm();
	rb_repo_free(fx->repo);
	rc = rb_fs_remove_tree(fx->dir, NULL);
	free(fx);
	return rc;
}

static void assert_out(const char *want, char *got)
{
	assert_string_equal(got, want);
	free(got);
}

/* The same bytes every time; without `noise` they deflate well. */
static unsigned char *content(size_t len, unsigned int seed, bool noise)
{
	unsigned char *data = malloc(len + 1);
	uint32_t x = seed * 2654435761u + 12345u;

	assert_non_null(data);
	for (size_t i = 0; i < len; i++) {
		x = x * 1664525u + 1013904223u;
		data[i] = noise ? (unsigned char)(x >> 24)
		                : (unsigned char)"{\"id\":,12 aei}\n"[(x >> 24) % 14];
	}
	return data;
}

static struct rb_pack *begin(struct fixture *fx, unsigned int slots)
{
	struct rb_pack *pack = NULL;

	assert_int_equal(rb_pack_begin(fx->repo, slots, &pack, NULL), RB_OK);
	return pack;
}

static bool add(struct rb_pack *pack, const void *data, size_t len, struct rb_oid *oid)
{
	bool was_new = false;

	assert_int_equal(rb_pack_add(pack, 0, RB_OBJECT_BLOB, data, len, oid, &was_new, NULL),
	                 RB_OK);
	return was_new;
}

static void finish(struct rb_pack *pack, struct rb_pack_stats *stats)
{
	assert_int_equal(rb_pack_finish(pack, stats, NULL), RB_OK);
	rb_pack_free(pack);
}

/* git finds nothing wrong, and makes the same index. */
static void assert_git_agrees(const struct fixture *fx)
{
	sh("git -C %s fsck --strict --no-dangling 2>&1", fx->dir);
	sh("cd %s/objects/pack && for p in *.pack; do"
	   " git index-pack --strict -o ../ours.idx $p >/dev/null &&"
	   " cmp ../ours.idx ${p%%.pack}.idx && git verify-pack $p || exit 1; done;"
	   " rm -f ../ours.idx",
	   fx->dir);
}

static void empty_pack_makes_no_file(void **state)
{
	struct fixture *fx = *state;
	struct rb_pack_stats stats = {.objects_written = 7};

	finish(begin(fx, 1), &stats);
	assert_int_equal(stats.objects_written, 0);
	assert_int_equal(stats.bytes_written, 0);
	assert_int_equal(stats.bytes_raw, 0);
	assert_out("", sh_out("ls -A %s/objects/pack", fx->dir));
}

/* Sizes around each boundary of the varint in front of an entry and of the buffers. */
static void git_reads_objects_of_any_size(void **state)
{
	static const size_t sizes[] = {1,       15,      16,      2047,   2048,   16383,
	                               16384,   65535,   65536,   262143, 262144, 1048575,
	                               1048576, 1048577, 3 << 20, 9 << 20};
	const size_t count = sizeof(sizes) / sizeof(sizes[0]);
	struct fixture *fx = *state;
	struct rb_pack *pack = begin(fx, 1);
	struct rb_pack_stats stats;
	uint64_t raw = 0;
	char *size;

	for (size_t i = 0; i < 2 * count; i++) {
		unsigned char *data = content(sizes[i / 2], (unsigned int)i, i % 2);
		struct rb_oid oid;
		char path[128];
		char hex[RB_OID_HEX_SIZE];

		assert_true(add(pack, data, sizes[i / 2], &oid));
		rb_oid_hex(&oid, hex);
		snprintf(path, sizeof(path), "%s/%s.raw", fx->dir, hex);
		assert_int_equal(rb_fs_replace(path, data, sizes[i / 2], 0600, NULL), RB_OK);
		raw += sizes[i / 2];
		free(data);
	}
	finish(pack, &stats);
	assert_int_equal(stats.objects_written, 2 * count);
	assert_int_equal(stats.bytes_raw, raw);
	assert_out("400\n400", sh_out("stat -c %%a %s/objects/pack/*", fx->dir));
	size = sh_out("cat %s/objects/pack/* | wc -c", fx->dir);
	assert_int_equal(stats.bytes_written, strtoull(size, NULL, 10));
	free(size);
	assert_git_agrees(fx);
	sh("cd %s && for f in *.raw; do git cat-file blob ${f%%.raw} | cmp - $f || exit 1; done",
	   fx->dir);
}

static void git_reads_objects_of_any_type(void **state)
{
	static const char commit[] = "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n"
	                             "author a <a@example.com> 1763650000 +0000\n"
	                             "committer a <a@example.com> 1763650000 +0000\n\nfirst\n";
	static const char tag[] = "object e69de29bb2d1d6434b8b29ae775ad8c2e48c5391\ntype blob\n"
	                          "tag empty\ntagger a <a@example.com> 1763650000 +0000\n\nx\n";
	static const struct {
		enum rb_object_type type;
		const char *text;
		const char *name;
	} objects[] = {{RB_OBJECT_BLOB, "", "blob"},
	               {RB_OBJECT_TREE, "", "tree"},
	               {RB_OBJECT_COMMIT, commit, "commit"},
	               {RB_OBJECT_TAG, tag, "tag"}};
	struct fixture *fx = *state;
	struct rb_pack *pack = begin(fx, 1);
	struct rb_oid oid[4];

	for (size_t i = 0; i < 4; i++)
		assert_int_equal(rb_pack_add(pack, 0, objects[i].type, objects[i].text,
		                             strlen(objects[i].text), &oid[i], NULL, NULL),
		                 RB_OK);
	finish(pack, NULL);
	assert_git_agrees(fx);
	for (size_t i = 0; i < 4; i++) {
		char hex[RB_OID_HEX_SIZE];

		rb_oid_hex(&oid[i], hex);
		assert_out(objects[i].name, sh_out("git -C %s cat-file -t %s", fx->dir, hex));
	}
}

static void object_is_visible_to_its_repository_after_finish(void **state)
{
	struct fixture *fx = *state;
	struct rb_pack *pack = begin(fx, 1);
	struct rb_buf out = RB_BUF(100);
	struct rb_oid oid;

	add(pack, "one\n", 4, &oid);
	assert_false(rb_repo_has(fx->repo, &oid));
	finish(pack, NULL);
	assert_true(rb_repo_has(fx->repo, &oid));
	assert_int_equal(rb_repo_read(fx->repo, &oid, RB_OBJECT_BLOB, &out, NULL), RB_OK);
	assert_string_equal(rb_buf_str(&out), "one\n");
	rb_buf_release(&out);
}

static void object_is_written_once(void **state)
{
	struct fixture *fx = *state;
	struct rb_pack *pack = begin(fx, 1);
	struct rb_pack_stats stats;
	struct rb_oid oid;

	assert_true(add(pack, "one\n", 4, &oid));
	assert_false(add(pack, "one\n", 4, &oid));
	finish(pack, &stats);
	assert_int_equal(stats.objects_written, 1);
	assert_int_equal(stats.bytes_raw, 4);

	pack = begin(fx, 1);
	assert_false(add(pack, "one\n", 4, &oid));
	finish(pack, &stats);
	assert_int_equal(stats.objects_written, 0);
	assert_out("1", sh_out("ls %s/objects/pack/*.pack | wc -l", fx->dir));
}

static void object_that_is_loose_or_in_an_alternate_is_not_written(void **state)
{
	struct fixture *fx = *state;
	struct rb_pack *pack;
	struct rb_oid oid;

	sh("git -C %s init -q --bare alt && printf alt | git -C %s/alt hash-object -w --stdin &&"
	   "printf loose | git -C %s hash-object -w --stdin &&"
	   "echo ../alt/objects >%s/objects/info/alternates",
	   fx->dir, fx->dir, fx->dir, fx->dir);
	assert_int_equal(rb_repo_refresh(fx->repo, NULL), RB_OK);
	rb_repo_free(fx->repo);
	assert_int_equal(rb_repo_open(fx->dir, &fx->repo, NULL), RB_OK);
	pack = begin(fx, 1);
	assert_false(add(pack, "alt", 3, &oid));
	assert_false(add(pack, "loose", 5, &oid));
	finish(pack, NULL);
	assert_out("", sh_out("ls %s/objects/pack", fx->dir));
}

static void pack_of_an_object_used_again_is_kept_by_gc(void **state)
{
	struct fixture *fx = *state;
	struct rb_pack *pack = begin(fx, 1);
	struct rb_oid oid;

	add(pack, "one\n", 4, &oid);
	finish(pack, NULL);
	sh("touch -d @1000000000 %s/objects/pack/*.pack", fx->dir);
	pack = begin(fx, 1);
	add(pack, "one\n", 4, &oid);
	finish(pack, NULL);
	assert_out("", sh_out("find %s/objects/pack -name '*.pack' -mtime +1", fx->dir));
}

static void without_a_repository_only_names_are_made(void **state)
{
	struct rb_pack *pack = NULL;
	struct rb_pack_stats stats;
	struct rb_oid oid;
	char hex[RB_OID_HEX_SIZE];

	(void)state;
	assert_int_equal(rb_pack_begin(NULL, 1, &pack, NULL), RB_OK);
	assert_false(add(pack, "", 0, &oid));
	rb_oid_hex(&oid, hex);
	assert_string_equal(hex, "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
	finish(pack, &stats);
	assert_int_equal(stats.objects_written, 0);
}

static void unfinished_pack_leaves_nothing(void **state)
{
	struct fixture *fx = *state;
	struct rb_pack *pack = begin(fx, 1);
	struct rb_oid oid;

	add(pack, "one\n", 4, &oid);
	assert_out("1", sh_out("ls %s/objects/pack/tmp_pack_* | wc -l", fx->dir));
	rb_pack_free(pack);
	rb_pack_free(NULL);
	assert_out("", sh_out("ls -A %s/objects/pack", fx->dir));
}

/* What a thread adds: some objects of its own, some that all others add too. */
struct worker {
	struct rb_pack *pack;
	unsigned int slot;
	unsigned int written;
	int rc;
};

enum { THREADS = 4, OWN = 300, SHARED = 300 };

static void *add_many(void *arg)
{
	struct worker *worker = arg;

	for (unsigned int i = 0; i < OWN + SHARED && worker->rc == RB_OK; i++) {
		unsigned int seed = i < SHARED ? i : 1000 * (worker->slot + 1) + i;
		unsigned char *data = content(500 + seed % 9000, seed, false);
		struct rb_oid oid;
		bool was_new = false;

		worker->rc = rb_pack_add(worker->pack, worker->slot, RB_OBJECT_BLOB, data,
		                         500 + seed % 9000, &oid, &was_new, NULL);
		worker->written += was_new;
		free(data);
	}
	return NULL;
}

static void threads_add_at_the_same_time(void **state)
{
	struct fixture *fx = *state;
	struct rb_pack *pack = begin(fx, THREADS);
	struct worker workers[THREADS];
	pthread_t threads[THREADS];
	struct rb_pack_stats stats;
	unsigned int written = 0;

	for (unsigned int i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){.pack = pack, .slot = i};
		assert_int_equal(pthread_create(&threads[i], NULL, add_many, &workers[i]), 0);
	}
	for (unsigned int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(workers[i].rc, RB_OK);
		written += workers[i].written;
	}
	assert_int_equal(written, SHARED + THREADS * OWN);
	finish(pack, &stats);
	assert_int_equal(stats.objects_written, SHARED + THREADS * OWN);
	assert_git_agrees(fx);
}

/* Add objects past the buffer's size, and finish. */
static int write_some(struct fixture *fx, struct rb_err *err)
{
	static unsigned char data[200000];
	struct rb_pack *pack = NULL;
	uint32_t x = 1;
	int rc = rb_pack_begin(fx->repo, 1, &pack, err);

	for (size_t i = 0; i < sizeof(data); i++) {
		x = x * 1664525u + 1013904223u;
		data[i] = (unsigned char)(x >> 24);
	}
	for (unsigned char i = 0; i < 12 && rc == RB_OK; i++) {
		struct rb_oid oid;

		data[0] = i;
		rc = rb_pack_add(pack, 0, RB_OBJECT_BLOB, data, sizeof(data), &oid, NULL, err);
	}
	if (rc == RB_OK)
		rc = rb_pack_finish(pack, NULL, err);
	rb_pack_free(pack);
	return rc;
}

static void forget_packs(struct fixture *fx)
{
	sh("rm -f %s/objects/pack/pack-*", fx->dir);
	assert_int_equal(rb_repo_refresh(fx->repo, NULL), RB_OK);
}

/* Whatever call fails, no file stays behind and the next pack can be written. */
static void any_fault_leaves_nothing(void **state)
{
	static const struct {
		enum fault_call which;
		int errnum;
		int status;
	} steps[] = {
	        {FAULT_WRITE, ENOSPC, RB_E_IO},
	        {FAULT_FSYNC, EIO, RB_E_IO},
	        {FAULT_RENAME, EACCES, RB_E_IO},
	        {FAULT_MALLOC, ENOMEM, RB_E_NOMEM},
	};
	struct fixture *fx = *state;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		unsigned int nth = 1;

		for (;; nth++) {
			struct rb_err err = {0};
			int rc;

			fault_arm(steps[i].which, nth, steps[i].errnum);
			rc = write_some(fx, &err);
			if (fault_disarm() == 0) {
				assert_int_equal(rc, RB_OK);
				break;
			}
			if (rc < 0) {
				assert_int_equal(rc, steps[i].status);
				assert_int_equal(err.status, steps[i].status);
				assert_out("", sh_out("ls -A %s/objects/pack", fx->dir));
			} else {
				forget_packs(fx);
			}
		}
		assert_true(nth > 2);
		assert_git_agrees(fx);
		forget_packs(fx);
	}
}

static void full_disk_is_named(void **state)
{
	struct fixture *fx = *state;
	struct rb_err err = {0};

	fault_arm(FAULT_WRITE, 1, ENOSPC);
	assert_int_equal(write_some(fx, &err), RB_E_IO);
	assert_non_null(strstr(err.msg, "/objects/pack/tmp_pack_"));
	assert_non_null(strstr(err.msg, "No space left on device"));
}

static void failed_close_is_an_error(void **state)
{
	struct fixture *fx = *state;

	fault_arm(FAULT_CLOSE, 1, ENOSPC);
	assert_int_equal(write_some(fx, NULL), RB_E_IO);
	assert_int_equal(fault_disarm(), 1);
	assert_out("", sh_out("ls -A %s/objects/pack", fx->dir));
}

static void pack_that_failed_once_is_never_finished(void **state)
{
	struct fixture *fx = *state;
	struct rb_pack *pack = begin(fx, 1);
	struct rb_err err = {0};
	struct rb_oid oid;
	unsigned char *data = content(3 << 20, 1, true);

	add(pack, "one\n", 4, &oid);
	fault_arm(FAULT_WRITE, 1, ENOSPC);
	assert_int_equal(rb_pack_add(pack, 0, RB_OBJECT_BLOB, data, 3 << 20, &oid, NULL, NULL),
	                 RB_E_IO);
	assert_int_equal(fault_disarm(), 1);
	/* Another thread may be the first to tell: it tells why. */
	assert_int_equal(rb_pack_add(pack, 0, RB_OBJECT_BLOB, "two\n", 4, &oid, NULL, &err),
	                 RB_E_IO);
	assert_non_null(strstr(err.msg, "No space left on device"));
	memset(&err, 0, sizeof(err));
	assert_int_equal(rb_pack_finish(pack, NULL, &err), RB_E_IO);
	assert_non_null(strstr(err.msg, "No space left on device"));
	rb_pack_free(pack);
	assert_out("", sh_out("ls -A %s/objects/pack", fx->dir));
	free(data);
}

static void scratch_pack_goes_when_it_is_freed(void **state)
{
	struct fixture *fx = *state;
	struct rb_pack *pack = begin(fx, 1);
	struct rb_buf text = RB_BUF(100);
	struct rb_oid oid;

	rb_pack_make_scratch(pack);
	add(pack, "one\n", 4, &oid);
	assert_int_equal(rb_pack_finish(pack, NULL, NULL), RB_OK);
	assert_int_equal(rb_repo_read(fx->repo, &oid, RB_OBJECT_BLOB, &text, NULL), RB_OK);
	assert_string_equal(rb_buf_str(&text), "one\n");
	rb_buf_release(&text);
	rb_pack_free(pack);
	assert_out("", sh_out("ls -A %s/objects/pack", fx->dir));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	        TEST(empty_pack_makes_no_file),
	        TEST(git_reads_objects_of_any_size),
	        TEST(git_reads_objects_of_any_type),
	        TEST(object_is_visible_to_its_repository_after_finish),
	        TEST(object_is_written_once),
	        TEST(object_that_is_loose_or_in_an_alternate_is_not_written),
	        TEST(pack_of_an_object_used_again_is_kept_by_gc),
	        TEST(without_a_repository_only_names_are_made),
	        TEST(unfinished_pack_leaves_nothing),
	        TEST(threads_add_at_the_same_time),
	        TEST(any_fault_leaves_nothing),
	        TEST(full_disk_is_named),
	        TEST(failed_close_is_an_error),
	        TEST(pack_that_failed_once_is_never_finished),
	        TEST(scratch_pack_goes_when_it_is_freed),
	};

	sh_isolate_git();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
