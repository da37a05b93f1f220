/*
 * rowback/repo/repo.h: reading objects, from packs of any making, also damaged ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/sh.h"
#include "packs_priv.h"
#include "rowback/base/fs.h"
#include "rowback/repo/pack.h"
#include "rowback/repo/repo.h"

struct fixture {
	char dir[32];
	struct rb_repo *repo;
	struct rb_oid oids[300];
	size_t count;
};

static int set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	if (!fx)
		return -1;
	*state = fx;
	snprintf(fx->dir, sizeof(fx->dir), "read.XXXXXX");
	if (!mkdtemp(fx->dir))
		return -1;
	return rb_repo_init(fx->dir, "main", true, &fx->repo, NULL);
}

static int tear_down(void **state)
{
	struct fixture *fx = *state;
	int rc;

	rb_repo_free(fx->repo);
	rc = rb_fs_remove_tree(fx->dir, NULL);
	free(fx);
	return rc;
}

/* Blobs of many sizes, written by us; blob n holds the lines n .. n + n * n. */
static size_t blob(size_t n, char **out)
{
	struct rb_buf text = RB_BUF((size_t)1 << 20);
	size_t len;

	for (size_t i = n; i <= n + n * n / 4; i++)
		assert_int_equal(rb_buf_addf(&text, NULL, "line %zu of a blob\n", i), RB_OK);
	len = text.len;
	*out = rb_buf_detach(&text);
	return len;
}

static void write_pack(struct fixture *fx)
{
	struct rb_pack *pack = NULL;

	assert_int_equal(rb_pack_begin(fx->repo, 1, &pack, NULL), RB_OK);
	for (fx->count = 0; fx->count < 200; fx->count++) {
		char *text;
		size_t len = blob(fx->count, &text);

		assert_int_equal(rb_pack_add(pack, 0, RB_OBJECT_BLOB, text, len,
		                             &fx->oids[fx->count], NULL, NULL),
		                 RB_OK);
		free(text);
	}
	assert_int_equal(rb_pack_finish(pack, NULL, NULL), RB_OK);
	rb_pack_free(pack);
}

static void assert_all_read(struct fixture *fx)
{
	struct rb_buf out = RB_BUF((size_t)1 << 20);

	for (size_t i = 0; i < fx->count; i++) {
		char *text;
		size_t len = blob(i, &text);

		rb_buf_clear(&out);
		assert_true(rb_repo_has(fx->repo, &fx->oids[i]));
		assert_int_equal(
		        rb_repo_read_verified(fx->repo, &fx->oids[i], RB_OBJECT_BLOB, &out, NULL),
		        RB_OK);
		assert_int_equal(out.len, len);
		assert_string_equal(rb_buf_str(&out), text);
		free(text);
	}
	rb_buf_release(&out);
}

/* Whether our own reader has an object, without libgit2. */
static int read_own(struct fixture *fx, const struct rb_oid *oid)
{
	struct rb_inflater *inflater = rb_packs_take_inflater(fx->repo->packs, NULL);
	enum rb_object_type type;
	struct rb_buf out = RB_BUF((size_t)1 << 20);
	bool outdated = false;
	int rc = rb_packs_read(fx->repo, oid, inflater, &type, &out, &outdated, NULL);

	rb_packs_give_inflater(fx->repo->packs, inflater);
	rb_buf_release(&out);
	return rc;
}

static struct rb_oid oid_of(const char *text)
{
	struct rb_oid oid;

	assert_true(rb_oid_parse(text, &oid));
	return oid;
}

/* The hash that a command prints. */
static struct rb_oid sh_oid(const char *dir, const char *command)
{
	char *text = sh_out("cd %s && %s", dir, command);
	struct rb_oid oid = oid_of(text);

	free(text);
	return oid;
}

static void whole_objects_are_read_by_our_own_reader(void **state)
{
	struct fixture *fx = *state;

	write_pack(fx);
	assert_all_read(fx);
	for (size_t i = 0; i < fx->count; i++)
		assert_int_equal(read_own(fx, &fx->oids[i]), RB_OK);
}

static void content_is_appended(void **state)
{
	struct fixture *fx = *state;
	struct rb_buf out = RB_BUF(100);

	write_pack(fx);
	assert_int_equal(rb_buf_adds(&out, "before ", NULL), RB_OK);
	assert_int_equal(rb_repo_read(fx->repo, &fx->oids[0], 0, &out, NULL), RB_OK);
	assert_string_equal(rb_buf_str(&out), "before line 0 of a blob\n");
	rb_buf_release(&out);
}

static void deltas_of_git_are_read_too(void **state)
{
	struct fixture *fx = *state;
	char *chains;

	write_pack(fx);
	for (size_t i = 0; i < fx->count; i++) {
		char hex[RB_OID_HEX_SIZE];

		rb_oid_hex(&fx->oids[i], hex);
		sh("git -C %s update-ref refs/x/%zu %s", fx->dir, i, hex);
	}
	sh("git -C %s repack -adfq", fx->dir);
	chains = sh_out("git -C %s verify-pack -v $(ls %s/objects/pack/*.idx | xargs realpath) |"
	                " grep -c '^chain length'",
	                fx->dir, fx->dir);
	assert_true(atoi(chains) > 0);
	free(chains);
	assert_int_equal(rb_repo_refresh(fx->repo, NULL), RB_OK);
	assert_all_read(fx);
}

static void large_offsets_are_followed(void **state)
{
	struct fixture *fx = *state;

	write_pack(fx);
	sh("cd %s/objects/pack && chmod u+w *.idx &&"
	   "git index-pack --index-version=2,5000 -o new *.pack >/dev/null && mv -f new *.idx",
	   fx->dir);
	rb_repo_free(fx->repo);
	fx->repo = NULL;
	assert_int_equal(rb_repo_open(fx->dir, &fx->repo, NULL), RB_OK);
	assert_all_read(fx);
	for (size_t i = 0; i < fx->count; i++)
		assert_int_equal(read_own(fx, &fx->oids[i]), RB_OK);
}

static void index_of_version_1_is_left_to_libgit2(void **state)
{
	struct fixture *fx = *state;

	write_pack(fx);
	sh("cd %s/objects/pack && chmod u+w *.idx &&"
	   "git index-pack --index-version=1 -o new *.pack >/dev/null && mv -f new *.idx",
	   fx->dir);
	rb_repo_free(fx->repo);
	fx->repo = NULL;
	assert_int_equal(rb_repo_open(fx->dir, &fx->repo, NULL), RB_OK);
	assert_all_read(fx);
	assert_int_equal(read_own(fx, &fx->oids[0]), RB_E_NOTFOUND);
}

static void loose_objects_are_read(void **state)
{
	struct fixture *fx = *state;
	struct rb_oid oid = sh_oid(fx->dir, "printf loose | git hash-object -w --stdin");
	struct rb_buf out = RB_BUF(100);

	assert_int_equal(rb_repo_read_verified(fx->repo, &oid, RB_OBJECT_BLOB, &out, NULL), RB_OK);
	assert_string_equal(rb_buf_str(&out), "loose");
	rb_buf_release(&out);
}

static void pack_that_came_later_is_found(void **state)
{
	struct fixture *fx = *state;
	struct rb_oid oid = sh_oid(fx->dir, "printf later | git hash-object -w --stdin");
	struct rb_buf out = RB_BUF(100);

	sh("cd %s && printf later | git hash-object --stdin |"
	   " git pack-objects -q objects/pack/pack >/dev/null && git prune-packed",
	   fx->dir);
	assert_false(rb_repo_has(fx->repo, &oid));
	assert_int_equal(rb_repo_read(fx->repo, &oid, RB_OBJECT_BLOB, &out, NULL), RB_OK);
	assert_true(rb_repo_has(fx->repo, &oid));
	assert_int_equal(read_own(fx, &oid), RB_OK);
	rb_buf_release(&out);
}

static void objects_are_read_while_git_repacks(void **state)
{
	struct fixture *fx = *state;

	write_pack(fx);
	sh("cd %s && for p in objects/pack/*.pack; do mv $p ${p%%.pack}.idx .; done &&"
	   "git unpack-objects -q <$(ls pack-*.pack) && rm -f pack-* &&"
	   "find objects -type f | sed 's/objects//; s/[^0-9a-f]//g' | grep '^.\\{40\\}$' |"
	   " git pack-objects -q objects/pack/pack >/dev/null && git prune-packed",
	   fx->dir);
	assert_all_read(fx);
}

static void missing_object_is_notfound(void **state)
{
	struct fixture *fx = *state;
	struct rb_oid oid = oid_of("0123456789abcdef0123456789abcdef01234567");
	struct rb_buf out = RB_BUF(100);
	struct rb_err err = {0};

	assert_false(rb_repo_has(fx->repo, &oid));
	assert_int_equal(rb_repo_read(fx->repo, &oid, 0, &out, &err), RB_E_NOTFOUND);
	assert_string_equal(err.msg, "there is no object 0123456789abcdef0123456789abcdef01234567");
	rb_buf_release(&out);
}

static void object_of_another_type_is_refused(void **state)
{
	struct fixture *fx = *state;
	struct rb_buf out = RB_BUF((size_t)1 << 20);
	struct rb_err err = {0};
	char hex[RB_OID_HEX_SIZE];
	char want[100];

	write_pack(fx);
	assert_int_equal(rb_buf_adds(&out, "kept", NULL), RB_OK);
	assert_int_equal(rb_repo_read(fx->repo, &fx->oids[0], RB_OBJECT_TREE, &out, &err),
	                 RB_E_FORMAT);
	rb_oid_hex(&fx->oids[0], hex);
	snprintf(want, sizeof(want), "object %s is a blob, not a tree", hex);
	assert_string_equal(err.msg, want);
	assert_string_equal(rb_buf_str(&out), "kept");
	rb_buf_release(&out);
}

static void object_past_the_limit_is_refused(void **state)
{
	struct fixture *fx = *state;
	struct rb_oid loose = sh_oid(fx->dir, "printf 0123456789 | git hash-object -w --stdin");
	struct rb_buf out = RB_BUF(9);
	struct rb_err err = {0};

	write_pack(fx);
	assert_int_equal(rb_repo_read(fx->repo, &fx->oids[0], 0, &out, &err), RB_E_LIMIT);
	assert_string_equal(err.msg, "17 bytes are more than the limit of 9");
	assert_int_equal(rb_repo_read(fx->repo, &loose, 0, &out, &err), RB_E_LIMIT);
	assert_string_equal(err.msg, "10 bytes are more than the limit of 9");
	assert_int_equal(out.len, 0);
	rb_buf_release(&out);
}

/* A repository with one pack of one blob, 5,000 bytes long. */
struct single {
	struct rb_oid oid;
	char pack[128];
	char idx[128];
	uint64_t offset; /* of the blob in the pack */
};

static void write_single(struct fixture *fx, struct single *one)
{
	struct rb_pack *pack = NULL;
	struct rb_packfile *file = NULL;
	char text[5000];
	char *stem;

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i * i % 23);
	assert_int_equal(rb_pack_begin(fx->repo, 1, &pack, NULL), RB_OK);
	assert_int_equal(
	        rb_pack_add(pack, 0, RB_OBJECT_BLOB, text, sizeof(text), &one->oid, NULL, NULL),
	        RB_OK);
	assert_int_equal(rb_pack_finish(pack, NULL, NULL), RB_OK);
	rb_pack_free(pack);
	stem = sh_out("chmod u+w %s/objects/pack/* && ls %s/objects/pack/*.idx | sed 's/.idx$//'",
	              fx->dir, fx->dir);
	snprintf(one->pack, sizeof(one->pack), "%s.pack", stem);
	snprintf(one->idx, sizeof(one->idx), "%s.idx", stem);
	free(stem);
	assert_int_equal(rb_packfile_open(one->idx, &file, NULL), RB_OK);
	assert_true(rb_packfile_find(file, &one->oid, &one->offset));
	rb_packfile_close(file);
}

static void patch(const char *path, uint64_t offset, const void *bytes, size_t len)
{
	int fd = open(path, O_WRONLY);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, (off_t)offset), (ssize_t)len);
	assert_int_equal(close(fd), 0);
}

static int reopen_and_read(struct fixture *fx, const struct rb_oid *oid, struct rb_err *err)
{
	struct rb_buf out = RB_BUF((size_t)1 << 20);
	int rc;

	rb_repo_free(fx->repo);
	fx->repo = NULL;
	assert_int_equal(rb_repo_open(fx->dir, &fx->repo, NULL), RB_OK);
	rc = rb_repo_read(fx->repo, oid, RB_OBJECT_BLOB, &out, err);
	assert_int_equal(out.len, rc == RB_OK ? 5000 : 0);
	rb_buf_release(&out);
	return rc;
}

static void damaged_entry_is_format(void **state)
{
	/* 5,000 is 0x1388: 0xb8 0xb8 0x02 as a blob. */
	static const struct {
		uint64_t at;
		size_t len;
		unsigned char bytes[12];
	} patches[] = {
	        {0, 3, {0xb9, 0xb8, 0x02}}, /* says one byte more */
	        {0, 3, {0xb7, 0xb8, 0x02}}, /* one byte less */
	        {0, 3, {0xb8, 0xb8, 0x7f}}, /* far more */
	        {0, 3, {0x88, 0xb8, 0x02}}, /* of type 0 */
	        {0, 3, {0xd8, 0xb8, 0x02}}, /* of type 5 */
	        {0, 3, {0xe8, 0xb8, 0x02}}, /* a delta */
	        {0, 3, {0xf8, 0xb8, 0x02}}, /* a delta against a name */
	        {0, 12, {0xbf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}},
	        {3, 2, {0x00, 0x00}},              /* no zlib header */
	        {3, 2, {0x78, 0xbb}},              /* one that asks for a dictionary */
	        {40, 4, {0xff, 0xff, 0xff, 0xff}}, /* other bits */
	};
	struct fixture *fx = *state;
	struct single one;

	write_single(fx, &one);
	sh("cp %s %s/whole", one.pack, fx->dir);
	for (size_t i = 0; i < sizeof(patches) / sizeof(patches[0]); i++) {
		struct rb_err err = {0};

		sh("cp %s/whole %s", fx->dir, one.pack);
		patch(one.pack, one.offset + patches[i].at, patches[i].bytes, patches[i].len);
		assert_int_equal(reopen_and_read(fx, &one.oid, &err), RB_E_FORMAT);
	}
}

static void pack_that_is_cut_is_format(void **state)
{
	struct fixture *fx = *state;
	struct single one;
	struct stat st;

	write_single(fx, &one);
	assert_int_equal(stat(one.pack, &st), 0);
	for (off_t size = st.st_size - 1; size > 0; size = size * 3 / 4) {
		int rc;

		assert_int_equal(truncate(one.pack, size), 0);
		rc = reopen_and_read(fx, &one.oid, NULL);
		assert_true(rc == RB_E_FORMAT || rc == RB_E_NOTFOUND);
	}
}

static void object_under_a_wrong_name_is_seen_when_verified(void **state)
{
	struct fixture *fx = *state;
	struct rb_buf out = RB_BUF((size_t)1 << 20);
	struct rb_err err = {0};
	struct single one;
	char hex[RB_OID_HEX_SIZE];
	char want[100];

	write_single(fx, &one);
	one.oid.id[19] ^= 1;
	patch(one.idx, 8 + 1024, one.oid.id, sizeof(one.oid.id));
	assert_int_equal(reopen_and_read(fx, &one.oid, NULL), RB_OK);
	assert_int_equal(rb_repo_read_verified(fx->repo, &one.oid, 0, &out, &err), RB_E_FORMAT);
	rb_oid_hex(&one.oid, hex);
	snprintf(want, sizeof(want), "object %s is damaged: its content is another's", hex);
	assert_string_equal(err.msg, want);
	assert_int_equal(out.len, 0);
	rb_buf_release(&out);
}

/* Our own reader alone: libgit2 must not be asked about these. */
static void damaged_index_is_refused_or_finds_nothing(void **state)
{
	static const struct {
		uint64_t at;
		unsigned char bytes[4];
		int opened;
	} patches[] = {
	        {0, {0, 0, 0, 0}, RB_E_UNSUPPORTED},
	        {4, {0, 0, 0, 3}, RB_E_UNSUPPORTED},
	        {8, {0, 0, 0, 9}, RB_E_FORMAT},
	        {8 + 1020, {0, 0, 0, 0}, RB_E_FORMAT},
	        {8 + 1020, {0, 0, 0, 2}, RB_E_FORMAT},
	        {8 + 1020, {0xff, 0xff, 0xff, 0xff}, RB_E_FORMAT},
	        {8 + 1024 + 24, {0, 0, 0, 0}, RB_OK},
	        {8 + 1024 + 24, {0, 0, 0, 11}, RB_OK},
	        {8 + 1024 + 24, {0x7f, 0xff, 0xff, 0xff}, RB_OK},
	        {8 + 1024 + 24, {0x80, 0, 0, 0}, RB_OK},
	        {8 + 1024 + 24, {0xff, 0xff, 0xff, 0xff}, RB_OK},
	};
	struct fixture *fx = *state;
	struct single one;

	write_single(fx, &one);
	sh("cp %s %s/whole", one.idx, fx->dir);
	for (size_t i = 0; i < sizeof(patches) / sizeof(patches[0]); i++) {
		struct rb_packfile *file = NULL;
		uint64_t offset = 77;

		sh("cp %s/whole %s", fx->dir, one.idx);
		patch(one.idx, patches[i].at, patches[i].bytes, 4);
		assert_int_equal(rb_packfile_open(one.idx, &file, NULL), patches[i].opened);
		if (file)
			assert_false(rb_packfile_find(file, &one.oid, &offset));
		assert_int_equal(offset, 77);
		rb_packfile_close(file);
	}
	for (int size = 1132 - 1; size >= 0; size -= 53) {
		struct rb_packfile *file = NULL;

		sh("cp %s/whole %s && truncate -s %d %s", fx->dir, one.idx, size, one.idx);
		assert_int_equal(rb_packfile_open(one.idx, &file, NULL), RB_E_FORMAT);
		assert_null(file);
	}
}

/* Any byte of an index may be anything: nothing outside it is read (the sanitizers see). */
static void no_index_leads_outside_of_itself(void **state)
{
	struct fixture *fx = *state;
	struct rb_buf whole = RB_BUF((size_t)1 << 20);
	char *idx;
	uint32_t x = 1;

	write_pack(fx);
	idx = sh_out("chmod u+w %s/objects/pack/* && ls %s/objects/pack/*.idx", fx->dir, fx->dir);
	assert_int_equal(rb_fs_read(idx, &whole, NULL), RB_OK);
	for (unsigned int round = 0; round < 300; round++) {
		struct rb_packfile *file = NULL;
		FILE *out = fopen(idx, "w");

		assert_non_null(out);
		for (unsigned int i = 0; i <= round % 8; i++) {
			x = x * 1664525u + 1013904223u;
			whole.data[(x >> 8) % whole.len] ^= (char)(1 << (x & 7));
		}
		assert_int_equal(fwrite(whole.data, 1, whole.len, out), whole.len);
		assert_int_equal(fclose(out), 0);
		if (rb_packfile_open(idx, &file, NULL) == RB_OK) {
			for (size_t i = 0; i < fx->count; i++) {
				uint64_t offset;

				(void)rb_packfile_find(file, &fx->oids[i], &offset);
			}
		}
		rb_packfile_close(file);
	}
	rb_buf_release(&whole);
	free(idx);
}

struct reader {
	struct fixture *fx;
	int rc;
};

static void *read_many(void *arg)
{
	struct reader *reader = arg;
	struct rb_buf out = RB_BUF((size_t)1 << 20);

	for (size_t i = 0; i < 3 * reader->fx->count && reader->rc == RB_OK; i++) {
		rb_buf_clear(&out);
		reader->rc = rb_repo_read_verified(reader->fx->repo,
		                                   &reader->fx->oids[i % reader->fx->count],
		                                   RB_OBJECT_BLOB, &out, NULL);
	}
	rb_buf_release(&out);
	return NULL;
}

static void threads_read_while_packs_come(void **state)
{
	struct fixture *fx = *state;
	struct reader readers[4];
	pthread_t threads[4];

	write_pack(fx);
	for (size_t i = 0; i < 4; i++) {
		readers[i] = (struct reader){.fx = fx};
		assert_int_equal(pthread_create(&threads[i], NULL, read_many, &readers[i]), 0);
	}
	for (int i = 0; i < 50; i++)
		assert_int_equal(rb_repo_refresh(fx->repo, NULL), RB_OK);
	for (size_t i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(readers[i].rc, RB_OK);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	        TEST(whole_objects_are_read_by_our_own_reader),
	        TEST(content_is_appended),
	        TEST(deltas_of_git_are_read_too),
	        TEST(large_offsets_are_followed),
	        TEST(index_of_version_1_is_left_to_libgit2),
	        TEST(loose_objects_are_read),
	        TEST(pack_that_came_later_is_found),
	        TEST(objects_are_read_while_git_repacks),
	        TEST(missing_object_is_notfound),
	        TEST(object_of_another_type_is_refused),
	        TEST(object_past_the_limit_is_refused),
	        TEST(damaged_entry_is_format),
	        TEST(pack_that_is_cut_is_format),
	        TEST(object_under_a_wrong_name_is_seen_when_verified),
	        TEST(damaged_index_is_refused_or_finds_nothing),
	        TEST(no_index_leads_outside_of_itself),
	        TEST(threads_read_while_packs_come),
	};

	sh_isolate_git();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
