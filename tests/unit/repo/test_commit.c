/*
 * rowback/repo/commit.h: commits as git writes and reads them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/sh.h"
#include "rowback/base/cancel.h"
#include "rowback/base/fs.h"
#include "rowback/repo/commit.h"

struct fixture {
	char dir[32];
	struct rb_repo *repo;
};

static const struct rb_oid none;

static int set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	if (!fx)
		return -1;
	*state = fx;
	snprintf(fx->dir, sizeof(fx->dir), "commit.XXXXXX");
	if (!mkdtemp(fx->dir))
		return -1;
	sh("git init -q --bare %s", fx->dir);
	return rb_repo_open(fx->dir, &fx->repo, NULL);
}

static int tear_down(void **state)
{
	struct fixture *fx = *state;
	int rc;

	sh_isolate_git();
	rb_cancel_request(0);
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

static struct rb_oid sh_oid(const struct fixture *fx, const char *command)
{
	char *text = sh_out("cd %s && %s", fx->dir, command);
	struct rb_oid oid;

	assert_true(rb_oid_parse(text, &oid));
	free(text);
	return oid;
}

/* Write a commit of the empty tree. */
static struct rb_oid write_commit(struct fixture *fx, const struct rb_oid *parents, size_t count,
                                  const char *message)
{
	struct rb_commit_opts opts = {.parents = parents,
	                              .parent_count = count,
	                              .time_unix_s = 1763650000,
	                              .message = message};
	struct rb_pack *pack = NULL;
	struct rb_oid oid;

	assert_int_equal(rb_pack_begin(fx->repo, 1, &pack, NULL), RB_OK);
	assert_int_equal(rb_pack_add(pack, 0, RB_OBJECT_TREE, "", 0, &opts.tree, NULL, NULL),
	                 RB_OK);
	assert_int_equal(rb_commit_write(fx->repo, pack, 0, &opts, &oid, NULL), RB_OK);
	assert_int_equal(rb_pack_finish(pack, NULL, NULL), RB_OK);
	rb_pack_free(pack);
	return oid;
}

static void assert_identity(struct fixture *fx, const char *want)
{
	struct rb_oid oid = write_commit(fx, NULL, 0, "x\n");
	char hex[RB_OID_HEX_SIZE];

	rb_oid_hex(&oid, hex);
	sh("git -C %s fsck --strict --no-dangling", fx->dir);
	assert_out(want,
	           sh_out("git -C %s show -s --format='%%an <%%ae> %%cn <%%ce>' %s", fx->dir, hex));
}

static void commit_is_that_of_git_commit_tree(void **state)
{
	static const char message[] = "backup: app +3 ~2 -1 rows in 2 of 12 tables\n\n"
	                              "Backup-Id: 20261120T155800Z\n";
	struct fixture *fx = *state;
	struct rb_oid parents[2];
	struct rb_oid oid;
	char hex[RB_OID_HEX_SIZE];
	char path[64];
	char *want;

	parents[0] = write_commit(fx, NULL, 0, "one\n");
	parents[1] = write_commit(fx, NULL, 0, "two\n");
	oid = write_commit(fx, parents, 2, message);
	snprintf(path, sizeof(path), "%s/message", fx->dir);
	assert_int_equal(rb_fs_replace(path, message, sizeof(message) - 1, 0600, NULL), RB_OK);
	want = sh_out("cd %s && T=$(git mktree </dev/null) && git commit-tree -F message"
	              " -p $(echo one | git commit-tree $T) -p $(echo two | git commit-tree $T) $T",
	              fx->dir);
	rb_oid_hex(&oid, hex);
	assert_string_equal(hex, want);
	free(want);
}

static void identity_comes_from_the_environment(void **state)
{
	assert_identity(*state, "A U Thor <author@example.com> C O Mitter <committer@example.com>");
}

static void unset_identity(void)
{
	unsetenv("GIT_AUTHOR_NAME");
	unsetenv("GIT_AUTHOR_EMAIL");
	unsetenv("GIT_COMMITTER_NAME");
	unsetenv("GIT_COMMITTER_EMAIL");
}

static void identity_comes_from_the_configuration_else(void **state)
{
	struct fixture *fx = *state;

	unset_identity();
	sh("cd %s && git config user.name 'Con Fig' && git config user.email c@example.com",
	   fx->dir);
	assert_identity(fx, "Con Fig <c@example.com> Con Fig <c@example.com>");
}

static void without_identity_it_is_rowback_on_this_host(void **state)
{
	char *want = sh_out("printf 'rowback <rowback@%%s> rowback <rowback@%%s>' $(uname -n) "
	                    "$(uname -n)");

	unset_identity();
	assert_identity(*state, want);
	free(want);
}

static void identity_is_cleaned_as_git_does(void **state)
{
	struct fixture *fx = *state;
	char *want;

	setenv("GIT_AUTHOR_NAME", " .,;<Evil\n> Name\n<x@y>.\n", 1);
	setenv("GIT_AUTHOR_EMAIL", "<a\n@b>> ", 1);
	setenv("GIT_COMMITTER_NAME", "'J. Doe, Jr.'", 1);
	want = sh_out("cd %s && git show -s --format='%%an <%%ae> %%cn <%%ce>' "
	              "$(git commit-tree -m x $(git mktree </dev/null))",
	              fx->dir);
	assert_identity(fx, want);
	free(want);
	setenv("GIT_AUTHOR_NAME", " .<> ", 1);
	setenv("GIT_AUTHOR_EMAIL", "", 1);
	unsetenv("GIT_COMMITTER_NAME");
	want = sh_out("printf 'rowback <rowback@%%s> rowback <committer@example.com>' $(uname -n)");
	assert_identity(fx, want);
	free(want);
}

static void commit_is_read_back(void **state)
{
	struct fixture *fx = *state;
	struct rb_oid parents[3];
	struct rb_commit commit;
	struct rb_oid oid;
	struct rb_oid tree = sh_oid(fx, "git mktree </dev/null");

	for (size_t i = 0; i < 3; i++)
		parents[i] = write_commit(fx, parents, i, "p\n");
	oid = write_commit(fx, parents, 3, "subject\n\nbody\n\nA: b\n");
	assert_int_equal(rb_commit_read(fx->repo, &oid, &commit, NULL), RB_OK);
	assert_true(rb_oid_equal(&commit.oid, &oid));
	assert_true(rb_oid_equal(&commit.tree, &tree));
	assert_int_equal(commit.parent_count, 3);
	for (size_t i = 0; i < 3; i++)
		assert_true(rb_oid_equal(&commit.parents[i], &parents[i]));
	assert_int_equal(commit.time_unix_s, 1763650000);
	assert_string_equal(commit.message, "subject\n\nbody\n\nA: b\n");
	rb_commit_release(&commit);
	assert_null(commit.message);
	assert_null(commit.parents);
}

#define TREE "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n"
#define PARENT "parent 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n"
#define WHO " a <a@b> "

static struct rb_oid write_raw(struct fixture *fx, const char *text)
{
	struct rb_pack *pack = NULL;
	struct rb_oid oid;

	assert_int_equal(rb_pack_begin(fx->repo, 1, &pack, NULL), RB_OK);
	assert_int_equal(
	        rb_pack_add(pack, 0, RB_OBJECT_COMMIT, text, strlen(text), &oid, NULL, NULL),
	        RB_OK);
	assert_int_equal(rb_pack_finish(pack, NULL, NULL), RB_OK);
	rb_pack_free(pack);
	return oid;
}

static void odd_commits_are_read(void **state)
{
	static const struct {
		const char *text;
		size_t parents;
		int64_t time;
		const char *message;
	} commits[] = {
	        {TREE "author" WHO "1 +0000\ncommitter" WHO "2 -1200\n\nm\n", 0, 2, "m\n"},
	        {TREE "author" WHO "1 +0000\ncommitter" WHO "2 +0000\n\n", 0, 2, ""},
	        {TREE "author" WHO "1 +0000\ncommitter" WHO "2 +0000\n", 0, 2, ""},
	        {TREE PARENT "author" WHO "1 +0000\ncommitter" WHO "3 +0000\n"
	                     "gpgsig -----BEGIN\n \n line\n -----END\nencoding ISO-8859-1\n"
	                     "mergetag object x\n type y\n\nm",
	         1, 3, "m"},
	        {TREE "author" WHO "1\ncommitter" WHO "-5 +0000\n\nm\n", 0, -5, "m\n"},
	        {TREE "author x\ncommitter x\n\nm\n", 0, 0, "m\n"},
	        {TREE "author <>\ncommitter <>\n\n77\n", 0, 0, "77\n"},
	        {TREE "author <>\ncommitter a <b> c> 9999999999 +0100\n\n", 0, 9999999999, ""},
	};
	struct fixture *fx = *state;

	for (size_t i = 0; i < sizeof(commits) / sizeof(commits[0]); i++) {
		struct rb_oid oid = write_raw(fx, commits[i].text);
		struct rb_commit commit;

		assert_int_equal(rb_commit_read(fx->repo, &oid, &commit, NULL), RB_OK);
		assert_int_equal(commit.parent_count, commits[i].parents);
		assert_int_equal(commit.time_unix_s, commits[i].time);
		assert_string_equal(commit.message, commits[i].message);
		rb_commit_release(&commit);
	}
}

static void damaged_commit_is_format(void **state)
{
	static const char *const commits[] = {
	        "",
	        "tree",
	        "tree \n",
	        "tree 4b825dc642cb6eb9a060e54bf8d69288fbee490\n",
	        "tree 4b825dc642cb6eb9a060e54bf8d69288fbee49042\n",
	        "tree 4b825dc642cb6eb9a060e54bf8d69288fbee490x\n",
	        "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904",
	        TREE,
	        TREE "parent 4b825\nauthor" WHO "1 +0000\ncommitter" WHO "2 +0000\n\nm\n",
	        TREE "parent 4b825dc642cb6eb9a060e54bf8d69288fbee4904",
	        TREE "committer" WHO "2 +0000\nauthor" WHO "1 +0000\n\nm\n",
	        TREE "author" WHO "1 +0000\n\nm\n",
	        TREE "author" WHO "1 +0000\ncommitter" WHO "2 +0000",
	        TREE "author" WHO "1 +0000\ncommitter" WHO "2 +0000\ngpgsig x",
	        "author" WHO "1 +0000\ncommitter" WHO "2 +0000\n\nm\n",
	};
	struct fixture *fx = *state;

	for (size_t i = 0; i < sizeof(commits) / sizeof(commits[0]); i++) {
		struct rb_oid oid = write_raw(fx, commits[i]);
		struct rb_commit commit = {.parent_count = 77};
		struct rb_err err = {0};
		char hex[RB_OID_HEX_SIZE];
		char want[100];

		rb_oid_hex(&oid, hex);
		snprintf(want, sizeof(want), "commit %s is damaged", hex);
		assert_int_equal(rb_commit_read(fx->repo, &oid, &commit, &err), RB_E_FORMAT);
		assert_string_equal(err.msg, want);
		assert_int_equal(commit.parent_count, 77);
	}
}

static void what_is_no_commit_is_refused(void **state)
{
	struct fixture *fx = *state;
	struct rb_oid tree = sh_oid(fx, "git mktree </dev/null");
	struct rb_oid missing = {{1}};
	struct rb_commit commit;

	assert_int_equal(rb_commit_read(fx->repo, &tree, &commit, NULL), RB_E_FORMAT);
	assert_int_equal(rb_commit_read(fx->repo, &missing, &commit, NULL), RB_E_NOTFOUND);
}

/* Collect subjects; a message "stop" ends the walk, "fail" fails it. */
static int collect(void *ctx, const struct rb_commit *commit, struct rb_err *err)
{
	int rc = rb_buf_adds(ctx, commit->message, err);

	if (strcmp(commit->message, "fail\n") == 0)
		return rb_err_set(err, RB_E_CONFLICT, "asked to fail");
	return rc < 0 ? rc : strcmp(commit->message, "stop\n") == 0;
}

static void walk_follows_first_parents(void **state)
{
	struct fixture *fx = *state;
	struct rb_buf out = RB_BUF(100);
	struct rb_oid oids[6];
	struct rb_oid two[2];

	oids[0] = write_commit(fx, NULL, 0, "1\n");
	oids[1] = write_commit(fx, &oids[0], 1, "2\n");
	two[0] = oids[1];
	two[1] = write_commit(fx, NULL, 0, "side\n");
	oids[2] = write_commit(fx, two, 2, "3\n");
	oids[3] = write_commit(fx, &oids[1], 1, "stop\n");
	oids[4] = write_commit(fx, &oids[3], 1, "4\n");
	oids[5] = write_commit(fx, &oids[0], 1, "fail\n");

	assert_int_equal(rb_commit_walk(fx->repo, &oids[2], collect, &out, NULL), RB_OK);
	assert_string_equal(rb_buf_str(&out), "3\n2\n1\n");
	rb_buf_clear(&out);
	assert_int_equal(rb_commit_walk(fx->repo, &oids[4], collect, &out, NULL), RB_OK);
	assert_string_equal(rb_buf_str(&out), "4\nstop\n");
	rb_buf_clear(&out);
	assert_int_equal(rb_commit_walk(fx->repo, &oids[5], collect, &out, NULL), RB_E_CONFLICT);
	assert_string_equal(rb_buf_str(&out), "fail\n");
	rb_buf_clear(&out);
	assert_int_equal(rb_commit_walk(fx->repo, &none, collect, &out, NULL), RB_OK);
	rb_cancel_request(2);
	assert_int_equal(rb_commit_walk(fx->repo, &oids[2], collect, &out, NULL), RB_E_CANCELLED);
	assert_int_equal(out.len, 0);
	rb_buf_release(&out);
}

static void ancestors_are_known(void **state)
{
	struct fixture *fx = *state;
	struct rb_err err = {0};
	struct rb_oid missing = {{1}};
	struct rb_oid two[2];
	struct rb_oid first = write_commit(fx, NULL, 0, "1\n");
	struct rb_oid second = write_commit(fx, &first, 1, "2\n");
	struct rb_oid side = write_commit(fx, NULL, 0, "side\n");
	struct rb_oid merge;

	two[0] = second;
	two[1] = side;
	merge = write_commit(fx, two, 2, "merge\n");
	assert_int_equal(rb_commit_is_ancestor(fx->repo, &first, &second, NULL), 1);
	assert_int_equal(rb_commit_is_ancestor(fx->repo, &first, &first, NULL), 1);
	assert_int_equal(rb_commit_is_ancestor(fx->repo, &second, &first, NULL), 0);
	assert_int_equal(rb_commit_is_ancestor(fx->repo, &first, &side, NULL), 0);
	assert_int_equal(rb_commit_is_ancestor(fx->repo, &side, &merge, NULL), 1);
	assert_int_equal(rb_commit_is_ancestor(fx->repo, &first, &merge, NULL), 1);
	assert_int_equal(rb_commit_is_ancestor(fx->repo, &first, &missing, NULL), RB_E_NOTFOUND);
	assert_int_equal(rb_commit_is_ancestor(fx->repo, &missing, &first, &err), RB_E_NOTFOUND);
	assert_string_equal(err.msg, "there is no commit 0100000000000000000000000000000000000000");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	        TEST(commit_is_that_of_git_commit_tree),
	        TEST(identity_comes_from_the_environment),
	        TEST(identity_comes_from_the_configuration_else),
	        TEST(without_identity_it_is_rowback_on_this_host),
	        TEST(identity_is_cleaned_as_git_does),
	        TEST(commit_is_read_back),
	        TEST(odd_commits_are_read),
	        TEST(damaged_commit_is_format),
	        TEST(what_is_no_commit_is_refused),
	        TEST(walk_follows_first_parents),
	        TEST(ancestors_are_known),
	};

	sh_isolate_git();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
