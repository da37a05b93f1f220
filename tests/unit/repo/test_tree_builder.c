/*
 * rowback/repo/tree.h: the builder makes the trees that git makes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/fault.h"
#include "harness/sh.h"
#include "rowback/base/fs.h"
#include "rowback/repo/tree.h"
#include "tree_priv.h"

struct fixture {
	char dir[32];
	struct rb_repo *repo;
	struct rb_pack *pack;
	struct rb_tree_builder *builder;
	struct rb_oid blob;
};

static int set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	if (!fx)
		return -1;
	*state = fx;
	snprintf(fx->dir, sizeof(fx->dir), "builder.XXXXXX");
	if (!mkdtemp(fx->dir))
		return -1;
	sh("git init -q --bare %s", fx->dir);
	if (rb_repo_open(fx->dir, &fx->repo, NULL) < 0 ||
	    rb_pack_begin(fx->repo, 1, &fx->pack, NULL) < 0 ||
	    rb_tree_builder_new(&fx->builder, NULL) < 0)
		return -1;
	return rb_pack_add(fx->pack, 0, RB_OBJECT_BLOB, "x\n", 2, &fx->blob, NULL, NULL);
}

static int tear_down(void **state)
{
	struct fixture *fx = *state;
	int rc;

	fault_disarm();
	rb_tree_builder_free(fx->builder);
	rb_pack_free(fx->pack);
	rb_repo_free(fx->repo);
	rc = rb_fs_remove_tree(fx->dir, NULL);
	free(fx);
	return rc;
}

static void add(struct fixture *fx, const char *path)
{
	assert_int_equal(rb_tree_builder_add(fx->builder, path, RB_MODE_FILE, &fx->blob, NULL),
	                 RB_OK);
}

/* Write, finish the pack, and let git check all. */
static void write_tree(struct fixture *fx, char hex[RB_OID_HEX_SIZE])
{
	struct rb_oid root;

	assert_int_equal(rb_tree_builder_write(fx->builder, fx->pack, 0, &root, NULL), RB_OK);
	assert_int_equal(rb_pack_finish(fx->pack, NULL, NULL), RB_OK);
	rb_oid_hex(&root, hex);
	sh("git -C %s fsck --strict 2>&1", fx->dir);
}

/* What git makes of the paths, one on a line in `list`. */
static char *git_tree(const struct fixture *fx)
{
	return sh_out("cd %s && export GIT_INDEX_FILE=tmp-index && rm -f tmp-index &&"
	              "sed 's/^/100644 587be6b4c3f93f93c489c0111bba5596147a26cb 0\\t/' <list |"
	              " git update-index --index-info && git write-tree",
	              fx->dir);
}

static void tree_is_that_of_git(void **state)
{
	static const char *const paths[] = {
	        "rowback.json",
	        "app/schema.sql",
	        "app/t/table.json",
	        "app/t/rows/00/a.jsonl",
	        "app/t/rows/01/b.jsonl",
	        "app/t-x/table.json",
	        "app/t.x/table.json",
	        "app/t0/table.json",
	        "app/t/rows/00-1",
	        "app/t/rows/00.1",
	        "app/t/rows/000",
	        "a",
	        "a-b",
	        "a.b",
	        "a0",
	        "b/c",
	        "b-/c",
	        "b./c",
	        "b0/c",
	        "RESTORE.md",
	        "caf\xc3\xa9/\xff\xfe",
	        "d/e/f/g/h/i/j/k/l/m/n/o/p",
	};
	const size_t count = sizeof(paths) / sizeof(paths[0]);
	struct fixture *fx = *state;
	struct rb_buf list = RB_BUF(10000);
	char hex[RB_OID_HEX_SIZE];
	char path[64];
	char *want;

	/* In an order that has nothing of sorting. */
	for (size_t i = 0; i < count; i++) {
		add(fx, paths[i * 7 % count]);
		assert_int_equal(rb_buf_addf(&list, NULL, "%s\n", paths[i]), RB_OK);
	}
	snprintf(path, sizeof(path), "%s/list", fx->dir);
	assert_int_equal(rb_fs_replace(path, list.data, list.len, 0600, NULL), RB_OK);
	write_tree(fx, hex);
	want = git_tree(fx);
	assert_string_equal(hex, want);
	free(want);
	rb_buf_release(&list);
}

/* Names of few letters, so that many begin with one another. */
static void trees_of_random_paths_are_those_of_git(void **state)
{
	static const char letters[] = "a-.0b/";
	struct fixture *fx = *state;
	uint32_t x = 1;

	for (int round = 0; round < 30; round++) {
		struct rb_buf list = RB_BUF(100000);
		struct rb_tree_builder *builder = NULL;
		struct rb_oid root;
		char hex[RB_OID_HEX_SIZE];
		char path[64];
		char *want;

		assert_int_equal(rb_tree_builder_new(&builder, NULL), RB_OK);
		for (int i = 0; i < 60; i++) {
			char name[16] = "";

			for (size_t len = 0; len < 3 + (size_t)i % 6; len++) {
				x = x * 1664525u + 1013904223u;
				name[len] = letters[(x >> 16) % (sizeof(letters) - 1)];
			}
			strcat(name, i % 2 ? "f" : "/f");
			/* The file's name ends in f, a directory's does not: no conflicts. */
			if (rb_tree_builder_add(builder, name, RB_MODE_FILE, &fx->blob, NULL) ==
			    RB_OK)
				assert_int_equal(rb_buf_addf(&list, NULL, "%s\n", name), RB_OK);
		}
		assert_int_equal(rb_tree_builder_write(builder, fx->pack, 0, &root, NULL), RB_OK);
		rb_oid_hex(&root, hex);
		snprintf(path, sizeof(path), "%s/list", fx->dir);
		assert_int_equal(rb_fs_replace(path, list.data, list.len, 0600, NULL), RB_OK);
		if (round == 0)
			sh("cd %s && echo x | git hash-object -w --stdin", fx->dir);
		want = git_tree(fx);
		assert_string_equal(hex, want);
		free(want);
		rb_tree_builder_free(builder);
		rb_buf_release(&list);
	}
}

static void whole_trees_are_put_in(void **state)
{
	struct fixture *fx = *state;
	struct rb_oid sub;
	char hex[RB_OID_HEX_SIZE];
	char *text = sh_out("cd %s && echo x | git hash-object -w --stdin >/dev/null &&"
	                    "printf '100644 blob 587be6b4c3f93f93c489c0111bba5596147a26cb\\tf\\n' |"
	                    " git mktree",
	                    fx->dir);
	char *got;

	assert_true(rb_oid_parse(text, &sub));
	assert_int_equal(rb_tree_builder_add(fx->builder, "old", RB_MODE_TREE, &sub, NULL), RB_OK);
	assert_int_equal(rb_tree_builder_add(fx->builder, "d/old", RB_MODE_TREE, &sub, NULL),
	                 RB_OK);
	add(fx, "old-1");
	add(fx, "old.1");
	add(fx, "old0");
	add(fx, "d/old-1");
	write_tree(fx, hex);
	got = sh_out("git -C %s ls-tree -r --name-only %s | paste -sd' '", fx->dir, hex);
	assert_string_equal(got, "d/old-1 d/old/f old-1 old.1 old/f old0");
	free(got);
	free(text);
}

static void nothing_makes_the_empty_tree(void **state)
{
	struct fixture *fx = *state;
	char hex[RB_OID_HEX_SIZE];

	write_tree(fx, hex);
	assert_string_equal(hex, "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
}

static void tree_that_the_store_has_is_not_written(void **state)
{
	struct fixture *fx = *state;
	struct rb_pack_stats stats;
	struct rb_oid root;
	char hex[RB_OID_HEX_SIZE];

	add(fx, "a/b");
	add(fx, "c/d");
	write_tree(fx, hex);
	rb_pack_free(fx->pack);
	fx->pack = NULL;
	assert_int_equal(rb_pack_begin(fx->repo, 1, &fx->pack, NULL), RB_OK);
	add(fx, "e/f"); /* the same subtree twice is one object, and new */
	add(fx, "g/f");
	assert_int_equal(rb_tree_builder_write(fx->builder, fx->pack, 0, &root, NULL), RB_OK);
	assert_int_equal(rb_pack_finish(fx->pack, &stats, NULL), RB_OK);
	assert_int_equal(stats.objects_written, 2);
}

/* In an order that is not sorted, but keeps what is below a directory together. */
static void stream_writes_a_directory_when_it_ends(void **state)
{
	static const char *const paths[] = {"t/a",   "t/0",  "t/a-b", "t/c/f/x", "t/c/f/b",
	                                    "t/c/0", "t/a0", "r",     "p/q"};
	struct fixture *fx = *state;
	struct rb_tree_stream *stream = NULL;
	struct rb_oid streamed;
	struct rb_oid built;

	assert_int_equal(rb_tree_stream_new(fx->pack, &stream, NULL), RB_OK);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		assert_int_equal(
		        rb_tree_stream_add(stream, 0, paths[i], RB_MODE_FILE, &fx->blob, NULL),
		        RB_OK);
		add(fx, paths[i]);
	}
	assert_int_equal(rb_tree_stream_end(stream, 0, &streamed, NULL), RB_OK);
	rb_tree_stream_free(stream);
	assert_int_equal(rb_tree_builder_write(fx->builder, fx->pack, 0, &built, NULL), RB_OK);
	assert_true(rb_oid_equal(&streamed, &built));
}

static void stream_refuses_a_directory_that_ended(void **state)
{
	static const char *const paths[] = {"a/x/1", "a/y", "a/x/2"};
	struct fixture *fx = *state;
	struct rb_tree_stream *stream = NULL;
	struct rb_err err = {0};
	struct rb_oid root;

	assert_int_equal(rb_tree_stream_new(fx->pack, &stream, NULL), RB_OK);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(
		        rb_tree_stream_add(stream, 0, paths[i], RB_MODE_FILE, &fx->blob, NULL),
		        RB_OK);
	assert_int_equal(rb_tree_stream_end(stream, 0, &root, &err), RB_E_EXISTS);
	assert_string_equal(err.msg, "'a/x' is a directory and something else");
	rb_tree_stream_free(stream);
	rb_tree_stream_free(NULL);
}

static void stream_refuses_a_file_that_is_there(void **state)
{
	struct fixture *fx = *state;
	struct rb_tree_stream *stream = NULL;
	struct rb_err err = {0};
	struct rb_oid root;

	assert_int_equal(rb_tree_stream_new(fx->pack, &stream, NULL), RB_OK);
	assert_int_equal(rb_tree_stream_add(stream, 0, "../a", RB_MODE_FILE, &fx->blob, &err),
	                 RB_E_FORMAT);
	assert_string_equal(err.msg, "git could not check out the path '../a'");
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(
		        rb_tree_stream_add(stream, 0, "a/b", RB_MODE_FILE, &fx->blob, NULL), RB_OK);
	assert_int_equal(rb_tree_stream_end(stream, 0, &root, &err), RB_E_EXISTS);
	assert_string_equal(err.msg, "'a/b' is there twice");
	rb_tree_stream_free(stream);
}

static void path_that_is_there_is_refused(void **state)
{
	struct fixture *fx = *state;
	struct rb_err err = {0};

	add(fx, "a/b");
	assert_int_equal(rb_tree_builder_add(fx->builder, "a/b", RB_MODE_FILE, &fx->blob, &err),
	                 RB_E_EXISTS);
	assert_string_equal(err.msg, "'a/b' is there twice");
	assert_int_equal(rb_tree_builder_add(fx->builder, "a/b", RB_MODE_TREE, &fx->blob, &err),
	                 RB_E_EXISTS);
}

static void file_that_is_a_directory_too_is_refused(void **state)
{
	static const struct {
		const char *paths[4];
		uint32_t mode; /* of the first */
		const char *message;
	} cases[] = {
	        {{"a", "a/b"}, RB_MODE_FILE, "'a' is a directory and something else"},
	        {{"a", "a-b", "a/b"}, RB_MODE_FILE, "'a' is a directory and something else"},
	        {{"a", "a/b"}, RB_MODE_TREE, "'a' is a directory and something else"},
	        {{"a/b", "a/b/c/d"}, RB_MODE_FILE, "'a/b' is a directory and something else"},
	};
	struct fixture *fx = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rb_tree_builder *builder = NULL;
		struct rb_err err = {0};
		struct rb_oid root;

		assert_int_equal(rb_tree_builder_new(&builder, NULL), RB_OK);
		for (size_t j = 0; cases[i].paths[j]; j++)
			assert_int_equal(rb_tree_builder_add(builder, cases[i].paths[j],
			                                     j == 0 ? cases[i].mode : RB_MODE_FILE,
			                                     &fx->blob, NULL),
			                 RB_OK);
		assert_int_equal(rb_tree_builder_write(builder, fx->pack, 0, &root, &err),
		                 RB_E_EXISTS);
		assert_string_equal(err.msg, cases[i].message);
		rb_tree_builder_free(builder);
	}
}

static void path_that_git_could_not_check_out_is_refused(void **state)
{
	static const char *const paths[] = {"",      "/a",        "a/",       "a//b",   ".",
	                                    "a/./b", "../a",      "a/..",     ".git/a", "a/.GIT",
	                                    "git~1", "a/.git /b", "b/.git\\c"};
	struct fixture *fx = *state;
	struct rb_err err = {0};
	char deep[2 * RB_TREE_DEPTH_MAX + 2] = "";
	char longest[RB_TREE_PATH_MAX + 2];

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		assert_int_equal(
		        rb_tree_builder_add(fx->builder, paths[i], RB_MODE_FILE, &fx->blob, &err),
		        RB_E_FORMAT);
	assert_string_equal(err.msg, "git could not check out the path 'b/.git\\c'");

	for (size_t i = 0; i < RB_TREE_DEPTH_MAX; i++)
		strcat(deep, i ? "/d" : "d");
	add(fx, deep);
	strcat(deep, "/d");
	assert_int_equal(rb_tree_builder_add(fx->builder, deep, RB_MODE_FILE, &fx->blob, NULL),
	                 RB_E_FORMAT);
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(rb_tree_builder_add(fx->builder, longest, RB_MODE_FILE, &fx->blob, NULL),
	                 RB_E_FORMAT);
}

static int count_file(void *ctx, const struct rb_tree_entry *entry, struct rb_err *err)
{
	(void)entry;
	(void)err;
	++*(unsigned int *)ctx;
	return 0;
}

static void what_was_built_is_walked(void **state)
{
	struct fixture *fx = *state;
	struct rb_oid root;
	unsigned int files = 0;
	char deep[2 * RB_TREE_DEPTH_MAX] = "";

	for (unsigned int i = 0; i < 20000; i++) {
		char path[64];

		snprintf(path, sizeof(path), "app/table%u/rows/%02u/%05u.jsonl", i % 7, i / 500, i);
		add(fx, path);
	}
	for (size_t i = 0; i < RB_TREE_DEPTH_MAX; i++)
		strcat(deep, i ? "/d" : "d");
	add(fx, deep);
	assert_int_equal(rb_tree_builder_write(fx->builder, fx->pack, 0, &root, NULL), RB_OK);
	assert_int_equal(rb_pack_finish(fx->pack, NULL, NULL), RB_OK);
	assert_int_equal(rb_tree_walk(fx->repo, &root, count_file, &files, NULL), RB_OK);
	assert_int_equal(files, 20001);
}

static void without_memory_it_fails_cleanly(void **state)
{
	struct fixture *fx = *state;
	struct rb_oid root;

	add(fx, "a/b");
	add(fx, "a/c/d");
	add(fx, "A");
	for (unsigned int nth = 1; nth < 100; nth++) {
		struct rb_pack *pack = NULL;
		int rc;

		assert_int_equal(rb_pack_begin(fx->repo, 1, &pack, NULL), RB_OK);
		fault_arm(FAULT_MALLOC, nth, ENOMEM);
		rc = rb_tree_builder_write(fx->builder, pack, 0, &root, NULL);
		rb_pack_free(pack);
		if (fault_disarm() == 0) {
			assert_int_equal(rc, RB_OK);
			return;
		}
		/* Lookups of loose objects may do without. */
		assert_true(rc == RB_E_NOMEM || rc == RB_OK);
	}
	fail();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	        TEST(tree_is_that_of_git),
	        TEST(trees_of_random_paths_are_those_of_git),
	        TEST(whole_trees_are_put_in),
	        TEST(nothing_makes_the_empty_tree),
	        TEST(tree_that_the_store_has_is_not_written),
	        TEST(stream_writes_a_directory_when_it_ends),
	        TEST(stream_refuses_a_directory_that_ended),
	        TEST(stream_refuses_a_file_that_is_there),
	        TEST(path_that_is_there_is_refused),
	        TEST(file_that_is_a_directory_too_is_refused),
	        TEST(path_that_git_could_not_check_out_is_refused),
	        TEST(what_was_built_is_walked),
	        TEST(without_memory_it_fails_cleanly),
	};

	sh_isolate_git();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
