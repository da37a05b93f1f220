/*
 * rowback/repo/tree.h: the differences are those of git diff-tree.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/sh.h"
#include "rowback/base/fs.h"
#include "rowback/repo/tree.h"

struct fixture {
	char dir[32];
	struct rb_repo *repo;
	struct rb_pack *pack;
	struct rb_oid blobs[4];
};

static const struct rb_oid none;

static int set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	if (!fx)
		return -1;
	*state = fx;
	snprintf(fx->dir, sizeof(fx->dir), "diff.XXXXXX");
	if (!mkdtemp(fx->dir))
		return -1;
	sh("git init -q --bare %s", fx->dir);
	if (rb_repo_open(fx->dir, &fx->repo, NULL) < 0 ||
	    rb_pack_begin(fx->repo, 1, &fx->pack, NULL) < 0)
		return -1;
	for (size_t i = 0; i < 4; i++)
		if (rb_pack_add(fx->pack, 0, RB_OBJECT_BLOB, &"0123"[i], 1, &fx -> blobs[i], NULL,
		                NULL) < 0)
			return -1;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fx = *state;
	int rc;

	rb_pack_free(fx->pack);
	rb_repo_free(fx->repo);
	rc = rb_fs_remove_tree(fx->dir, NULL);
	free(fx);
	return rc;
}

/* "a=0 b/c=1": a tree of these files with these blobs. */
static struct rb_oid make_tree(struct fixture *fx, const char *files)
{
	struct rb_tree_builder *builder = NULL;
	struct rb_oid root;

	assert_int_equal(rb_tree_builder_new(&builder, NULL), RB_OK);
	while (*files) {
		char path[100];
		int blob = 0;
		int used = 0;

		assert_int_equal(sscanf(files, "%99[^=]=%d%n", path, &blob, &used), 2);
		assert_int_equal(rb_tree_builder_add(builder, path,
		                                     blob < 4 ? RB_MODE_FILE : 0100755,
		                                     &fx->blobs[blob % 4], NULL),
		                 RB_OK);
		files += used;
		files += *files == ' ';
	}
	assert_int_equal(rb_tree_builder_write(builder, fx->pack, 0, &root, NULL), RB_OK);
	rb_tree_builder_free(builder);
	return root;
}

static void finish(struct fixture *fx)
{
	assert_int_equal(rb_pack_finish(fx->pack, NULL, NULL), RB_OK);
}

static int collect(void *ctx, const char *path, const struct rb_oid *old_oid,
                   const struct rb_oid *new_oid, struct rb_err *err)
{
	char old_hex[RB_OID_HEX_SIZE];
	char new_hex[RB_OID_HEX_SIZE];

	rb_oid_hex(old_oid, old_hex);
	rb_oid_hex(new_oid, new_hex);
	return rb_buf_addf(ctx, err, "%s %s %s\n", old_hex, new_hex, path);
}

/* Compare with git, in both directions. */
static void assert_diff_of_git(struct fixture *fx, const struct rb_oid *a, const struct rb_oid *b)
{
	const struct rb_oid *trees[] = {a, b, a};

	for (int i = 0; i < 2; i++) {
		struct rb_buf out = RB_BUF(100000);
		char old_hex[RB_OID_HEX_SIZE];
		char new_hex[RB_OID_HEX_SIZE];
		char *want;

		rb_oid_hex(trees[i], old_hex);
		rb_oid_hex(trees[i + 1], new_hex);
		want = sh_out("git -C %s diff-tree -r --no-renames %s %s |"
		              " awk -F'\\t' '{split($1, m, \" \"); print m[3], m[4], $2}'",
		              fx->dir, old_hex, new_hex);
		assert_int_equal(
		        rb_tree_diff(fx->repo, trees[i], trees[i + 1], collect, &out, NULL), RB_OK);
		if (out.len > 0)
			out.data[out.len - 1] = '\0';
		assert_string_equal(rb_buf_str(&out), want);
		free(want);
		rb_buf_release(&out);
	}
}

static void differences_are_those_of_git(void **state)
{
	static const char *const pairs[][2] = {
	        {"a=0", "a=1"},
	        {"a=0", "b=0"},
	        {"a=0 b=0 c=0", "b=0"},
	        {"d/a=0 d/b=0", "d/a=0 d/b=1"},
	        {"d/a=0", "e/a=0"},
	        {"a=0", "a/b=0"},
	        {"a=0 a-=0 a.=1", "a/b=0 a-=0 a.=2"},
	        {"a/x=0 a0=1", "a=0 a0=2"},
	        {"a/b/c/d=0", "a/b=0"},
	        {"a=0", "a=4"},
	        {"a/b=0 a/c/d=1 a/c/e=2 f=3", ""},
	        {"t/rows/00=0 t/rows/01=1 t/table=2", "t/rows/01=1 t/rows/02=3 t/table=2 u=0"},
	};
	struct fixture *fx = *state;
	struct rb_oid trees[2 * sizeof(pairs) / sizeof(pairs[0])];

	for (size_t i = 0; i < sizeof(trees) / sizeof(trees[0]); i++)
		trees[i] = make_tree(fx, pairs[i / 2][i % 2]);
	finish(fx);
	for (size_t i = 0; i < sizeof(trees) / sizeof(trees[0]); i += 2)
		assert_diff_of_git(fx, &trees[i], &trees[i + 1]);
}

static void differences_of_random_trees_are_those_of_git(void **state)
{
	enum { TREES = 16 };
	struct fixture *fx = *state;
	struct rb_oid trees[TREES];
	uint32_t x = 7;

	for (size_t i = 0; i < TREES; i++) {
		struct rb_buf files = RB_BUF(10000);

		for (int dir = 0; dir < 6; dir++) {
			for (int file = 0; file < 5; file++) {
				x = x * 1664525u + 1013904223u;
				if ((x >> 8) % 3 > 0)
					assert_int_equal(rb_buf_addf(&files, NULL, "%sd%c%d/%d=%u",
					                             files.len ? " " : "",
					                             "-.0"[dir % 3], dir, file,
					                             (x >> 16) % 2),
					                 RB_OK);
			}
		}
		trees[i] = make_tree(fx, rb_buf_str(&files));
		rb_buf_release(&files);
	}
	finish(fx);
	for (size_t i = 0; i + 1 < TREES; i++)
		assert_diff_of_git(fx, &trees[i], &trees[i + 1]);
}

static void none_is_a_tree_without_files(void **state)
{
	struct fixture *fx = *state;
	struct rb_oid tree = make_tree(fx, "a=0 d/b=0");
	struct rb_buf out = RB_BUF(1000);
	char zero[RB_OID_HEX_SIZE];
	char blob[RB_OID_HEX_SIZE];
	char want[300];

	finish(fx);
	rb_oid_hex(&none, zero);
	rb_oid_hex(&fx->blobs[0], blob);
	assert_int_equal(rb_tree_diff(fx->repo, &none, &tree, collect, &out, NULL), RB_OK);
	snprintf(want, sizeof(want), "%s %s a\n%s %s d/b\n", zero, blob, zero, blob);
	assert_string_equal(rb_buf_str(&out), want);
	rb_buf_clear(&out);
	assert_int_equal(rb_tree_diff(fx->repo, &tree, &none, collect, &out, NULL), RB_OK);
	snprintf(want, sizeof(want), "%s %s a\n%s %s d/b\n", blob, zero, blob, zero);
	assert_string_equal(rb_buf_str(&out), want);
	rb_buf_clear(&out);
	assert_int_equal(rb_tree_diff(fx->repo, &none, &none, collect, &out, NULL), RB_OK);
	assert_int_equal(out.len, 0);
	rb_buf_release(&out);
}

/* The subtree is in no store: only a difference in it would be an error. */
static void equal_subtrees_are_not_read(void **state)
{
	struct fixture *fx = *state;
	struct rb_buf out = RB_BUF(1000);
	struct rb_oid trees[2];

	finish(fx);
	for (int i = 0; i < 2; i++) {
		char *hex = sh_out("cd %s && printf '040000 tree "
		                   "0123456789012345678901234567890123456789\\td\\n"
		                   "100644 blob %d123456789012345678901234567890123456789\\tf\\n' |"
		                   " git mktree --missing",
		                   fx->dir, i);

		assert_true(rb_oid_parse(hex, &trees[i]));
		free(hex);
	}
	assert_int_equal(rb_tree_diff(fx->repo, &trees[0], &trees[1], collect, &out, NULL), RB_OK);
	assert_string_equal(rb_buf_str(&out), "0123456789012345678901234567890123456789 "
	                                      "1123456789012345678901234567890123456789 f\n");
	assert_int_equal(rb_tree_diff(fx->repo, &trees[0], &none, collect, &out, NULL),
	                 RB_E_NOTFOUND);
	rb_buf_release(&out);
}

static int stop(void *ctx, const char *path, const struct rb_oid *old_oid,
                const struct rb_oid *new_oid, struct rb_err *err)
{
	(void)ctx;
	(void)old_oid;
	(void)new_oid;
	return rb_err_set(err, RB_E_CONFLICT, "at %s", path);
}

static void failure_of_the_callback_ends_it(void **state)
{
	struct fixture *fx = *state;
	struct rb_oid a = make_tree(fx, "d/a=0 d/b=0");
	struct rb_oid b = make_tree(fx, "d/a=1 d/b=1");
	struct rb_err err = {0};

	finish(fx);
	assert_int_equal(rb_tree_diff(fx->repo, &a, &b, stop, NULL, &err), RB_E_CONFLICT);
	assert_string_equal(err.msg, "at d/a");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	        TEST(differences_are_those_of_git),
	        TEST(differences_of_random_trees_are_those_of_git),
	        TEST(none_is_a_tree_without_files),
	        TEST(equal_subtrees_are_not_read),
	        TEST(failure_of_the_callback_ends_it),
	};

	sh_isolate_git();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
