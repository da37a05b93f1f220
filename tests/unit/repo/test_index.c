/*
 * index_priv.h: git's index is read in every version and written as git reads it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/fault.h"
#include "harness/sh.h"
#include "index_priv.h"
#include "rowback/base/fs.h"

/* A repository with an index that git made: paths in an order that strcmp() must keep. */
static int set_up(void **state)
{
	char *dir = sh_out("mktemp -d $PWD/index.XXXXXX");

	*state = dir;
	sh("cd %s && git init -q && mkdir -p a/b 'a b' && echo 1 >a/b/c && echo 2 >a/b.c && "
	   "echo 3 >'a b/c' && echo 4 >a.c && echo 5 >\"$(printf 'new\\nline')\" && "
	   "echo 6 >run && chmod 755 run && ln -s a link && git add -A",
	   dir);
	return 0;
}

static int tear_down(void **state)
{
	fault_disarm();
	sh("rm -rf %s", (char *)*state);
	free(*state);
	return 0;
}

static int isolate(void **state)
{
	(void)state;
	sh_isolate_git();
	return 0;
}

static int read_index(const char *dir, struct rb_index *index, struct rb_err *err)
{
	char *path = sh_out("echo %s/.git/index", dir);
	int rc = rb_index_read(path, index, err);

	free(path);
	return rc;
}

/* Write an index over a file. */
static void write_index(const struct rb_index *index, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(rb_index_write(index, fd, path, NULL), RB_OK);
	assert_int_equal(close(fd), 0);
}

/* Everything git knows of an index: names, modes, flags, times, sizes. */
static char *listing(const char *dir)
{
	return sh_out("cd %s && git ls-files -s -t --debug -z | tr '\\0' '|'", dir);
}

/* Write what was read back; git must see no difference. */
static void assert_round_trip(const char *dir)
{
	struct rb_index index = {0};
	char *before = listing(dir);
	char *path = sh_out("echo %s/.git/index", dir);

	assert_int_equal(read_index(dir, &index, NULL), RB_OK);
	assert_false(index.is_damaged);
	write_index(&index, path);
	sh_assert(before, listing(dir));
	sh("git -C %s fsck --strict 2>/dev/null", dir);
	rb_index_release(&index);
	free(before);
	free(path);
}

static void every_version_is_read_and_written_back(void **state)
{
	const char *dir = *state;

	assert_round_trip(dir);
	sh("cd %s && git update-index --index-version 4", dir);
	assert_round_trip(dir);
	/* Flags that need version 3. */
	sh("cd %s && git update-index --skip-worktree a.c && echo 7 >later && git add -N later && "
	   "git update-index --assume-unchanged a/b/c",
	   dir);
	assert_round_trip(dir);
	sh("cd %s && git update-index --index-version 4", dir);
	assert_round_trip(dir);
}

static void version_2_is_the_bytes_that_git_writes(void **state)
{
	const char *dir = *state;
	struct rb_index index = {0};
	struct rb_buf file = RB_BUF(1 << 20);
	struct rb_buf git_file = RB_BUF(1 << 20);
	char *path = sh_out("echo %s/.git/index", dir);

	assert_int_equal(rb_fs_read(path, &git_file, NULL), RB_OK);
	assert_int_equal(read_index(dir, &index, NULL), RB_OK);
	write_index(&index, "written");
	assert_int_equal(rb_fs_read("written", &file, NULL), RB_OK);
	assert_int_equal(file.len, git_file.len);
	assert_memory_equal(file.data, git_file.data, file.len);
	rb_index_release(&index);
	rb_buf_release(&file);
	rb_buf_release(&git_file);
	free(path);
}

static void extensions_that_may_be_ignored_are(void **state)
{
	const char *dir = *state;
	struct rb_index index = {0};

	sh("cd %s && git commit -q -m x && git config core.untrackedCache true && "
	   "git update-index --untracked-cache && git status && "
	   "tail -c 2000 .git/index | grep -q -a -e TREE -e UNTR",
	   dir);
	assert_int_equal(read_index(dir, &index, NULL), RB_OK);
	assert_int_equal(index.count, 7);
	rb_index_release(&index);
}

static void no_file_is_an_empty_index(void **state)
{
	const char *dir = *state;
	struct rb_index index;

	sh("rm %s/.git/index", dir);
	assert_int_equal(read_index(dir, &index, NULL), RB_OK);
	assert_int_equal(index.count, 0);
	assert_false(index.is_damaged);
}

static void a_file_that_is_not_whole_is_damaged(void **state)
{
	static const char *const damage[] = {
	        ": >.git/index",
	        "truncate -s -1 .git/index",
	        "truncate -s +8 .git/index",
	        "printf X | dd of=.git/index bs=1 seek=40 conv=notrunc",
	        "printf X | dd of=.git/index bs=1 seek=0 conv=notrunc",
	        "head -c 4096 /dev/zero >.git/index",
	};
	const char *dir = *state;

	sh("cp %s/.git/index %s/keep", dir, dir);
	for (size_t i = 0; i < sizeof(damage) / sizeof(damage[0]); i++) {
		struct rb_index index;

		sh("cd %s && cp keep .git/index && { %s; } 2>&1", dir, damage[i]);
		assert_int_equal(read_index(dir, &index, NULL), RB_OK);
		assert_true(index.is_damaged);
		assert_int_equal(index.count, 0);
	}
}

/* A checksum of zeros is what index.skipHash writes. */
static void a_file_without_a_checksum_is_read(void **state)
{
	const char *dir = *state;
	struct rb_index index;

	sh("cd %s && truncate -s -20 .git/index && head -c 20 /dev/zero >>.git/index", dir);
	assert_int_equal(read_index(dir, &index, NULL), RB_OK);
	assert_false(index.is_damaged);
	assert_int_equal(index.count, 7);
	rb_index_release(&index);
}

static void kinds_that_are_not_handled_are_named(void **state)
{
	static const struct {
		const char *make;
		int status;
		const char *what;
		const char *hint;
	} cases[] = {
	        {"git update-index --split-index", RB_E_UNSUPPORTED, "is split",
	         "run: git update-index --no-split-index"},
	        {"git commit -q -m x && git sparse-checkout set --cone --sparse-index a/b",
	         RB_E_UNSUPPORTED, "is sparse", "run: git sparse-checkout disable"},
	        {"git commit -q -m 1 && git checkout -q -b x && echo x >a.c && git commit -qam 2 "
	         "&& "
	         "git checkout -q -b y HEAD~ && echo y >a.c && git commit -qam 3 && "
	         "! git merge x",
	         RB_E_CONFLICT, "'a.c' is in an unfinished merge",
	         "end it first: 'git merge --abort', or 'git reset --hard'"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rb_index index;
		struct rb_err err = {0};
		const char *dir;

		if (i > 0) {
			tear_down(state);
			set_up(state);
		}
		dir = *state;
		sh("cd %s && { %s; } >log 2>&1", dir, cases[i].make);
		assert_int_equal(read_index(dir, &index, &err), cases[i].status);
		assert_non_null(strstr(err.msg, cases[i].what));
		assert_string_equal(err.hint, cases[i].hint);
		assert_int_equal(index.count, 0);
	}
}

/* Whatever stands in the file: no crash, nothing left allocated, nothing half read. */
static void any_byte_may_be_wrong(void **state)
{
	const char *dir = *state;
	char *path = sh_out("echo %s/.git/index", dir);
	struct rb_buf file = RB_BUF(1 << 20);

	sh("cd %s && git update-index --index-version 4 && truncate -s -20 .git/index && "
	   "head -c 20 /dev/zero >>.git/index",
	   dir);
	assert_int_equal(rb_fs_read(path, &file, NULL), RB_OK);
	for (size_t i = 4; i < file.len - 20; i++) {
		char was = file.data[i];

		for (int flip = 0; flip < 3; flip++) {
			struct rb_index index;
			FILE *out = fopen(path, "wb");

			file.data[i] = (char)(flip == 0 ? was ^ 0x80 : flip == 1 ? 0 : 0xff);
			assert_non_null(out);
			assert_int_equal(fwrite(file.data, 1, file.len, out), file.len);
			assert_int_equal(fclose(out), 0);
			if (rb_index_read(path, &index, NULL) < 0)
				assert_int_equal(index.count, 0);
			rb_index_release(&index);
		}
		file.data[i] = was;
	}
	rb_buf_release(&file);
	free(path);
}

static void without_memory_nothing_is_read(void **state)
{
	const char *dir = *state;
	char *path = sh_out("echo %s/.git/index", dir);
	int rc = RB_E_NOMEM;

	for (unsigned int n = 1; rc != RB_OK; n++) {
		struct rb_index index;

		fault_arm(FAULT_MALLOC, n, 12 /* ENOMEM */);
		rc = rb_index_read(path, &index, NULL);
		fault_disarm();
		if (rc < 0) {
			assert_int_equal(rc, RB_E_NOMEM);
			assert_int_equal(index.count, 0);
		}
		rb_index_release(&index);
		assert_true(n < 1000);
	}
	free(path);
}

static void the_last_entry_of_a_path_stays(void **state)
{
	struct rb_index index = {0};
	struct rb_index_entry entry = {0};
	static const char *const paths[] = {"b", "a/b", "a", "a-b", "b"};

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		entry.mode = (uint32_t)i;
		assert_int_equal(rb_index_add(&index, paths[i], &entry, NULL), RB_OK);
	}
	rb_index_sort(&index);
	assert_int_equal(index.count, 4);
	assert_string_equal(index.entries[0].path, "a");
	assert_string_equal(index.entries[1].path, "a-b");
	assert_string_equal(index.entries[2].path, "a/b");
	assert_int_equal(index.entries[3].mode, 4);
	assert_int_equal(rb_index_find(&index, "a-b"), 1);
	assert_int_equal(rb_index_find(&index, "a-"), 4);
	assert_int_equal(rb_index_find(&index, "c"), 4);
	assert_int_equal(rb_index_lower_bound(&index, "a/", 2), 2);
	rb_index_release(&index);
}

/* More than one block of paths, and one path longer than a block. */
static void entries_are_moved_with_their_paths(void **state)
{
	struct rb_index to = {0};
	struct rb_index from = {0};
	struct rb_index_entry entry = {0};
	char path[20001];

	(void)state;
	for (int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < 3000; i++) {
			snprintf(path, sizeof(path), "%04u/%d", i, round);
			entry.mode = i;
			assert_int_equal(rb_index_add(&from, path, &entry, NULL), RB_OK);
		}
		memset(path, 'x', sizeof(path) - 1);
		path[sizeof(path) - 1] = '\0';
		entry.mode = 7000 + (unsigned int)round;
		assert_int_equal(rb_index_add(&from, path, &entry, NULL), RB_OK);
		assert_int_equal(rb_index_move(&to, &from, NULL), RB_OK);
		assert_int_equal(from.count, 0);
		assert_null(from.blocks);
	}
	rb_index_sort(&to);
	assert_int_equal(to.count, 9001);
	for (unsigned int i = 0; i < 9000; i++) {
		snprintf(path, sizeof(path), "%04u/%u", i / 3, i % 3);
		assert_string_equal(to.entries[i].path, path);
		assert_int_equal(to.entries[i].mode, i / 3);
	}
	assert_int_equal(strlen(to.entries[9000].path), 20000);
	assert_int_equal(to.entries[9000].mode, 7002); /* the last */
	rb_index_release(&to);
}

static void a_full_disk_is_told(void **state)
{
	struct rb_index index = {0};
	struct rb_index_entry entry = {0};
	struct rb_err err = {0};
	int fd = open("full", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	(void)state;
	assert_int_equal(rb_index_add(&index, "a", &entry, NULL), RB_OK);
	for (unsigned int nth = 1; nth <= 2; nth++) {
		fault_arm(FAULT_WRITE, nth, ENOSPC);
		assert_int_equal(rb_index_write(&index, fd, "full", &err), RB_E_IO);
		assert_int_equal(fault_disarm(), 1);
		assert_string_equal(err.msg, "cannot write full: No space left on device");
	}
	assert_int_equal(close(fd), 0);
	rb_index_release(&index);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(every_version_is_read_and_written_back),
	        TEST(version_2_is_the_bytes_that_git_writes),
	        TEST(extensions_that_may_be_ignored_are),
	        TEST(no_file_is_an_empty_index),
	        TEST(a_file_that_is_not_whole_is_damaged),
	        TEST(a_file_without_a_checksum_is_read),
	        TEST(kinds_that_are_not_handled_are_named),
	        TEST(any_byte_may_be_wrong),
	        TEST(without_memory_nothing_is_read),
	        TEST(entries_are_moved_with_their_paths),
	        TEST(a_full_disk_is_told),
	        cmocka_unit_test(the_last_entry_of_a_path_stays),
	};

	return cmocka_run_group_tests(tests, isolate, NULL);
}
