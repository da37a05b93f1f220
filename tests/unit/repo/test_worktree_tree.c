/*
 * rowback/repo/worktree.h: a tree becomes files, files become a tree.  git is the oracle.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/fault.h"
#include "harness/sh.h"
#include "rowback/repo/worktree.h"

struct fixture {
	char *dir;   /* absolute */
	char *store; /* dir + "/store" */
	struct rb_repo *repo;
	struct rb_err err;
};

/* A store with a commit of plain files, one of them executable. */
static int set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	if (!fx)
		return -1;
	*state = fx;
	fx->dir = sh_out("mktemp -d $PWD/tree.XXXXXX");
	fx->store = sh_out("echo %s/store", fx->dir);
	assert_int_equal(rb_repo_init(fx->store, "main", false, &fx->repo, NULL), RB_OK);
	sh("cd %s && mkdir -p app/t && echo 1 >app/t/a && echo 2 >app/t/b && echo 3 >top && "
	   "echo run >app/run && chmod 755 app/run && git add -A && git commit -q -m one",
	   fx->store);
	return rb_repo_refresh(fx->repo, NULL);
}

static int tear_down(void **state)
{
	struct fixture *fx = *state;

	fault_disarm();
	rb_repo_free(fx->repo);
	sh("rm -rf %s", fx->dir);
	free(fx->store);
	free(fx->dir);
	free(fx);
	return 0;
}

static int isolate(void **state)
{
	(void)state;
	umask(022);
	sh_isolate_git();
	return 0;
}

static struct rb_oid tree_of(struct fixture *fx, const char *rev)
{
	char *hex = sh_out("git -C %s rev-parse '%s^{tree}'", fx->store, rev);
	struct rb_oid oid;

	assert_true(rb_oid_parse(hex, &oid));
	free(hex);
	return oid;
}

static int checkout(struct fixture *fx, const char *rev)
{
	struct rb_oid tree = tree_of(fx, rev);

	return rb_worktree_checkout(fx->repo, &tree, &fx->err);
}

static void assert_clean(struct fixture *fx)
{
	sh_assert("", sh_out("git -C %s status --porcelain", fx->store));
}

static void assert_files(struct fixture *fx, const char *want)
{
	sh_assert(want,
	          sh_out("cd %s && find * ! -type d | LC_ALL=C sort | tr '\\n' ' '", fx->store));
}

static void an_empty_directory_becomes_the_tree(void **state)
{
	struct fixture *fx = *state;

	sh("cd %s && rm -rf app top .git/index", fx->store);
	assert_int_equal(checkout(fx, "HEAD"), RB_OK);
	assert_clean(fx);
	assert_files(fx, "app/run app/t/a app/t/b top ");
	sh("cd %s && test -x app/run && test ! -x top && test \"$(cat app/t/a top)\" = \"$(printf "
	   "'1\\n3')\"",
	   fx->store);
}

static void another_tree_replaces_what_is_tracked(void **state)
{
	struct fixture *fx = *state;

	sh("cd %s && git rm -q -r app/t top && mkdir top && echo 4 >top/x && git add top && "
	   "git commit -q -m two && touch note app/left",
	   fx->store);
	assert_int_equal(checkout(fx, "HEAD~"), RB_OK);
	assert_files(fx, "app/run app/t/a app/t/b note top ");
	sh_assert("note", sh_out("git -C %s ls-files -o", fx->store));
	sh_assert("", sh_out("git -C %s diff --cached --name-only HEAD~", fx->store));
	assert_int_equal(checkout(fx, "HEAD"), RB_OK);
	assert_files(fx, "app/run note top/x ");
	sh_assert("?? note", sh_out("git -C %s status --porcelain", fx->store));
}

static void edits_of_tracked_files_are_undone(void **state)
{
	struct fixture *fx = *state;

	sh("cd %s && echo edit >top && rm app/t/a && chmod 644 app/run && git add top", fx->store);
	assert_int_equal(checkout(fx, "HEAD"), RB_OK);
	assert_clean(fx);
}

static void files_that_are_right_are_not_written(void **state)
{
	struct fixture *fx = *state;
	char *before;

	assert_int_equal(checkout(fx, "HEAD"), RB_OK);
	before = sh_out("cd %s && stat -c '%%n %%i %%z' top app/run app/t/*", fx->store);
	assert_int_equal(checkout(fx, "HEAD"), RB_OK);
	sh_assert(before, sh_out("cd %s && stat -c '%%n %%i %%z' top app/run app/t/*", fx->store));
	free(before);
}

static void a_tree_with_a_link_is_refused(void **state)
{
	struct fixture *fx = *state;

	sh("cd %s && ln -s /etc app/link && git add app/link && git commit -q -m link && "
	   "rm app/link",
	   fx->store);
	assert_int_equal(checkout(fx, "HEAD"), RB_E_UNSUPPORTED);
	assert_string_equal(fx->err.msg,
	                    "'app/link' is a link or a submodule: a store holds plain files only");
	sh_assert("", sh_out("find %s -type l", fx->store));
	sh("test ! -e %s/.git/index.lock", fx->store);
}

static void a_missing_object_is_named(void **state)
{
	struct fixture *fx = *state;

	sh("cd %s && rm -rf top .git/index && rm -f .git/objects/$(git rev-parse HEAD:top | "
	   "sed 's|^..|&/|')",
	   fx->store);
	assert_int_equal(checkout(fx, "HEAD"), RB_E_NOTFOUND);
	assert_non_null(strstr(fx->err.msg, "'top': "));
}

/* A power cut may leave the index in pieces: HEAD has what it had. */
static void a_damaged_index_is_taken_from_head(void **state)
{
	struct fixture *fx = *state;
	struct rb_worktree *wt = NULL;
	struct rb_oid oid;

	sh("cd %s && truncate -s 100 .git/index", fx->store);
	assert_int_equal(rb_worktree_begin(fx->repo, &wt, &fx->err), RB_OK);
	assert_int_equal(rb_worktree_manage(wt, "app", NULL), RB_OK);
	assert_int_equal(rb_object_id(RB_OBJECT_BLOB, "1\n", 2, &oid, NULL), RB_OK);
	assert_int_equal(rb_worktree_put(wt, "app/t/a", &oid, "1\n", 2, NULL), RB_OK);
	assert_int_equal(rb_worktree_finish(wt, NULL), RB_OK);
	rb_worktree_free(wt);
	sh_assert("D  app/run\nD  app/t/b", sh_out("git -C %s status --porcelain", fx->store));
}

static void unstaged_files_show_as_changes(void **state)
{
	struct fixture *fx = *state;
	struct rb_worktree *wt = NULL;
	struct rb_oid oid;

	assert_int_equal(rb_worktree_begin(fx->repo, &wt, NULL), RB_OK);
	assert_int_equal(rb_worktree_manage(wt, "app", NULL), RB_OK);
	assert_int_equal(rb_object_id(RB_OBJECT_BLOB, "9\n", 2, &oid, NULL), RB_OK);
	assert_int_equal(rb_worktree_put(wt, "app/t/a", &oid, "9\n", 2, NULL), RB_OK);
	assert_int_equal(rb_worktree_finish_unstaged(wt, NULL), RB_OK);
	rb_worktree_free(wt);
	sh_assert(" D app/run\n M app/t/a\n D app/t/b",
	          sh_out("git -C %s status --porcelain", fx->store));
	sh("test ! -e %s/.git/index.lock", fx->store);
}

/* Add all; the tree's name, for free(), or NULL. */
static char *add_all(struct fixture *fx, struct rb_pack_stats *stats, int want)
{
	struct rb_worktree *wt = NULL;
	struct rb_pack *pack = NULL;
	struct rb_oid tree;
	char hex[RB_OID_HEX_SIZE];
	int rc;

	sh("cp %s/.git/index %s/index", fx->store, fx->dir);
	assert_int_equal(rb_worktree_begin(fx->repo, &wt, NULL), RB_OK);
	assert_int_equal(rb_pack_begin(fx->repo, 1, &pack, NULL), RB_OK);
	rc = rb_worktree_add_all(wt, pack, 0, &tree, &fx->err);
	assert_int_equal(rc, want);
	if (rc == RB_OK) {
		assert_int_equal(rb_pack_finish(pack, stats, NULL), RB_OK);
		assert_int_equal(rb_worktree_finish(wt, NULL), RB_OK);
		rb_oid_hex(&tree, hex);
	}
	rb_pack_free(pack);
	rb_worktree_free(wt);
	return rc == RB_OK ? strdup(hex) : NULL;
}

/* The tree that git makes of the same files and the index that add_all() began with. */
static char *git_tree(struct fixture *fx)
{
	return sh_out("cd %s && export GIT_INDEX_FILE=$PWD/../index && git add -A && "
	              "git write-tree",
	              fx->store);
}

/* Let HEAD have the index's tree. */
static void commit_index(struct fixture *fx)
{
	sh("cd %s && git update-ref HEAD $(git commit-tree -m x $(git write-tree))", fx->store);
}

static void all_that_git_would_add_is_added(void **state)
{
	struct fixture *fx = *state;
	struct rb_pack_stats stats;
	char *tree;
	char *want;

	sh("cd %s && echo changed >top && rm app/t/b && mkdir -p new/deep logs empty app/logs && "
	   "echo 5 >new/deep/f && echo 6 >'new/\\odd\"' && echo x >skip.tmp && echo y >app/t/c.tmp "
	   "&& "
	   "echo z >logs/l && printf '*.tmp\\n/logs/\\n' >.gitignore && chmod 755 app/t/a && "
	   "echo kept >app/kept.tmp && git add -f app/kept.tmp && echo more >>app/kept.tmp && "
	   "echo l >app/logs/l && touch .rowback-tmp-1-1 && echo '/.rowback-tmp-*' "
	   ">.git/info/exclude",
	   fx->store);
	tree = add_all(fx, &stats, RB_OK);
	sh_assert("1", sh_out("ls %s/.git/objects/pack/*.pack | wc -l", fx->store));
	want = git_tree(fx);
	assert_string_equal(tree, want);
	commit_index(fx);
	assert_clean(fx);
	sh("git -C %s fsck --strict", fx->store);
	free(tree);
	free(want);
}

static void with_nothing_new_no_object_is_written(void **state)
{
	struct fixture *fx = *state;
	struct rb_pack_stats stats;
	char *want = sh_out("git -C %s rev-parse 'HEAD^{tree}'", fx->store);
	char *tree = add_all(fx, &stats, RB_OK);

	assert_string_equal(tree, want);
	assert_int_equal(stats.objects_written, 0);
	assert_clean(fx);
	free(tree);
	free(want);
}

/* An entry that names another content stays as long as lstat(2) fits: nothing was read. */
static void what_lstat_knows_is_not_read(void **state)
{
	struct fixture *fx = *state;
	struct rb_worktree *wt = NULL;
	struct rb_pack_stats stats;
	struct rb_oid other;
	char *tree;

	assert_int_equal(rb_object_id(RB_OBJECT_BLOB, "1\n", 2, &other, NULL), RB_OK);
	assert_int_equal(rb_worktree_begin(fx->repo, &wt, NULL), RB_OK);
	assert_int_equal(rb_worktree_manage(wt, "top", NULL), RB_OK);
	assert_int_equal(rb_worktree_put(wt, "top", &other, "3\n", 2, NULL), RB_OK);
	assert_int_equal(rb_worktree_finish(wt, NULL), RB_OK);
	rb_worktree_free(wt);
	tree = add_all(fx, &stats, RB_OK);
	sh_assert("1", sh_out("git -C %s cat-file -p %s:top", fx->store, tree));
	free(tree);
}

static void what_is_no_plain_file_is_refused(void **state)
{
	static const struct {
		const char *make, *message, *hint;
	} cases[] = {
	        {"ln -s /etc app/link",
	         "'app/link' is a symbolic link: a store holds plain files only",
	         "remove it, or name it in .gitignore"},
	        {"mkfifo app/pipe", "'app/pipe' is no plain file: a store holds plain files only",
	         "remove it, or name it in .gitignore"},
	        {"git init -q app/sub", "'app/sub/.git' is a repository of its own",
	         "move it out of the store"},
	};
	struct fixture *fx = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		sh("cd %s && %s", fx->store, cases[i].make);
		assert_null(add_all(fx, NULL, RB_E_FORMAT));
		assert_string_equal(fx->err.msg, cases[i].message);
		assert_string_equal(fx->err.hint, cases[i].hint);
		sh("cd %s && rm -rf app/link app/pipe app/sub", fx->store);
		assert_clean(fx);
	}
}

static void ignored_links_are_passed_over(void **state)
{
	struct fixture *fx = *state;
	struct rb_pack_stats stats;
	char *tree;
	char *want;

	sh("cd %s && ln -s /etc link && echo link >.gitignore", fx->store);
	tree = add_all(fx, &stats, RB_OK);
	want = git_tree(fx);
	assert_string_equal(tree, want);
	free(tree);
	free(want);
}

static void entries_outside_a_sparse_checkout_stay(void **state)
{
	struct fixture *fx = *state;
	struct rb_pack_stats stats;
	char *want = sh_out("git -C %s rev-parse 'HEAD^{tree}'", fx->store);
	char *tree;

	sh("cd %s && git update-index --skip-worktree top && rm top", fx->store);
	tree = add_all(fx, &stats, RB_OK);
	assert_string_equal(tree, want);
	assert_clean(fx);
	free(tree);
	free(want);
}

static void a_bare_repository_has_nothing_to_add(void **state)
{
	struct fixture *fx = *state;
	struct rb_oid tree;

	assert_int_equal(rb_worktree_add_all(NULL, NULL, 0, &tree, &fx->err), RB_E_USAGE);
	assert_string_equal(fx->err.msg, "a bare repository has no working tree");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(an_empty_directory_becomes_the_tree),
	        TEST(another_tree_replaces_what_is_tracked),
	        TEST(edits_of_tracked_files_are_undone),
	        TEST(files_that_are_right_are_not_written),
	        TEST(a_tree_with_a_link_is_refused),
	        TEST(a_missing_object_is_named),
	        TEST(a_damaged_index_is_taken_from_head),
	        TEST(unstaged_files_show_as_changes),
	        TEST(all_that_git_would_add_is_added),
	        TEST(with_nothing_new_no_object_is_written),
	        TEST(what_lstat_knows_is_not_read),
	        TEST(what_is_no_plain_file_is_refused),
	        TEST(ignored_links_are_passed_over),
	        TEST(entries_outside_a_sparse_checkout_stay),
	        TEST(a_bare_repository_has_nothing_to_add),
	};

	return cmocka_run_group_tests(tests, isolate, NULL);
}
