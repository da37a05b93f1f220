/*
 * rowback/repo/app.h: moving the application repository's branch, and its remote.
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
#include "rowback/repo/app.h"

#define TIMEOUT_MS 60000

/* A repository DIR/app with the commits "one" and "two" on master, pushed to DIR/far.git. */
struct fixture {
	char dir[512];
	char app[576];
	char one[RB_APP_OID_SIZE];
	char two[RB_APP_OID_SIZE];
	struct rb_app_state at;
	struct rb_app_place place;
	struct rb_err err;
};

static void copy_oid(char out[RB_APP_OID_SIZE], char *got)
{
	snprintf(out, RB_APP_OID_SIZE, "%s", got);
	free(got);
}

static int set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));
	char here[400];

	assert_non_null(fx);
	*state = fx;
	assert_non_null(getcwd(here, sizeof(here)));
	snprintf(fx->dir, sizeof(fx->dir), "%s/rb-test-move.XXXXXX", here);
	assert_non_null(mkdtemp(fx->dir));
	snprintf(fx->app, sizeof(fx->app), "%s/app", fx->dir);
	sh("git init -q --bare -b master %s/far.git && git init -q -b master %s && cd %s && "
	   "git remote add origin ../far.git && mkdir sub && echo 1 >file && echo 1 >sub/x && "
	   "git add . && git commit -qm one && git rm -q sub/x && echo 2 >file && echo 2 >new && "
	   "git add . && git commit -qm two && git push -q origin master",
	   fx->dir, fx->app, fx->app);
	copy_oid(fx->one, sh_out("git -C %s rev-parse master~1", fx->app));
	copy_oid(fx->two, sh_out("git -C %s rev-parse master", fx->app));
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fx = *state;

	rb_app_place_release(&fx->place);
	rb_app_state_release(&fx->at);
	sh("rm -rf %s", fx->dir);
	free(fx);
	return 0;
}

static int find(struct fixture *fx, const char *path, const char *remote)
{
	rb_app_place_release(&fx->place);
	rb_app_state_release(&fx->at);
	assert_int_equal(rb_app_look(path, "master", NULL, &fx->at, &fx->err), RB_OK);
	return rb_app_place_find(path, &fx->at, remote, 022, &fx->place, &fx->err);
}

static void assert_place(struct fixture *fx, const char *dir, bool is_checked_out)
{
	sh_assert(fx->place.dir, sh_out("cd %s && realpath %s", fx->dir, dir));
	assert_int_equal(fx->place.is_checked_out, is_checked_out);
	assert_string_equal(fx->place.ref, "refs/heads/master");
}

static void the_working_tree_that_has_the_branch_is_the_place(void **state)
{
	struct fixture *fx = *state;
	char path[640];

	snprintf(path, sizeof(path), "%s/sub", fx->app);
	sh("mkdir -p %s", path);
	assert_int_equal(find(fx, path, NULL), RB_OK);
	assert_place(fx, "app", true);
	sh("cd %s && git switch -q -c other", fx->app);
	assert_int_equal(find(fx, fx->app, NULL), RB_OK);
	assert_place(fx, "app", false);
	sh("cd %s && git worktree add -q '../a tree' master", fx->app);
	assert_int_equal(find(fx, fx->app, NULL), RB_OK);
	assert_place(fx, "'a tree'", true);
	snprintf(path, sizeof(path), "%s/far.git", fx->dir);
	assert_int_equal(find(fx, path, NULL), RB_OK);
	assert_place(fx, "far.git", false);
	assert_null(fx->place.remote);
}

static void the_remote_is_the_configured_one_the_branchs_own_or_origin(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(find(fx, fx->app, NULL), RB_OK);
	assert_string_equal(fx->place.remote, "origin");
	sh("cd %s && git remote add live ../far.git && git config branch.master.remote live",
	   fx->app);
	assert_int_equal(find(fx, fx->app, NULL), RB_OK);
	assert_string_equal(fx->place.remote, "live");
	assert_int_equal(find(fx, fx->app, "origin"), RB_OK);
	assert_string_equal(fx->place.remote, "origin");
	assert_int_equal(find(fx, fx->app, "none"), RB_E_NOTFOUND);
	assert_non_null(strstr(fx->err.msg, "has no remote 'none'"));
	assert_null(fx->place.dir);
}

static void a_commit_is_looked_at(void **state)
{
	struct fixture *fx = *state;
	struct rb_app_commit commit;
	size_t count = 0;

	assert_int_equal(find(fx, fx->app, NULL), RB_OK);
	assert_int_equal(rb_app_commit_look(&fx->place, "master~1", &commit, &fx->err), RB_OK);
	assert_string_equal(commit.oid, fx->one);
	sh_assert(commit.tree, sh_out("git -C %s rev-parse master~1^{tree}", fx->app));
	sh_assert(commit.brief, sh_out("git -C %s rev-parse --short master~1", fx->app));
	assert_string_equal(commit.subject, "one");
	rb_app_commit_release(&commit);
	assert_int_equal(rb_app_commit_look(&fx->place, "nosuch", &commit, &fx->err),
	                 RB_E_NOTFOUND);
	assert_int_equal(rb_app_count(&fx->place, fx->two, fx->one, &count, &fx->err), RB_OK);
	assert_int_equal(count, 1);
	assert_int_equal(rb_app_is_ancestor(&fx->place, fx->one, fx->two, &fx->err), 1);
	assert_int_equal(rb_app_is_ancestor(&fx->place, fx->two, fx->one, &fx->err), 0);
	assert_int_equal(rb_app_is_ancestor(&fx->place, "nosuch", fx->one, &fx->err), RB_E_IO);
}

static void assert_at(struct fixture *fx, const char *commit)
{
	sh_assert(commit, sh_out("git -C %s rev-parse master", fx->app));
	sh("cd %s && git fsck --strict --no-dangling", fx->app);
}

static void the_branch_moves_with_its_files_and_back(void **state)
{
	struct fixture *fx = *state;
	char commit[RB_APP_OID_SIZE];
	struct rb_app_commit one;

	assert_int_equal(find(fx, fx->app, NULL), RB_OK);
	assert_int_equal(rb_app_commit_look(&fx->place, fx->one, &one, &fx->err), RB_OK);
	assert_int_equal(
	        rb_app_commit_tree(&fx->place, one.tree, fx->two, "back\n\nA: b", commit, &fx->err),
	        RB_OK);
	rb_app_commit_release(&one);
	assert_at(fx, fx->two);
	assert_int_equal(rb_app_set_branch(&fx->place, fx->two, commit, &fx->err), RB_OK);
	assert_at(fx, commit);
	sh("cd %s && git diff --exit-code %s && test -z \"$(git status --porcelain)\" && test -e "
	   "sub/x && test ! -e new",
	   fx->app, fx->one);
	sh_assert("A: b", sh_out("git -C %s log -1 --format='%%(trailers)' | head -n 1", fx->app));
	assert_int_equal(rb_app_set_branch(&fx->place, commit, fx->two, &fx->err), RB_OK);
	assert_at(fx, fx->two);
	sh("cd %s && test -z \"$(git status --porcelain)\" && test -e new", fx->app);
}

static void a_branch_that_somebody_moved_stays(void **state)
{
	struct fixture *fx = *state;

	for (int checked_out = 1; checked_out >= 0; checked_out--) {
		if (!checked_out)
			sh("git -C %s switch -q --detach", fx->app);
		assert_int_equal(find(fx, fx->app, NULL), RB_OK);
		assert_int_equal(fx->place.is_checked_out, checked_out);
		assert_int_equal(rb_app_set_branch(&fx->place, fx->one, fx->two, &fx->err),
		                 RB_E_CONFLICT);
		assert_non_null(strstr(fx->err.msg, "somebody moved branch 'master'"));
		assert_at(fx, fx->two);
		assert_int_equal(rb_app_set_branch(&fx->place, fx->two, fx->one, &fx->err), RB_OK);
		assert_at(fx, fx->one);
		assert_int_equal(rb_app_set_branch(&fx->place, fx->one, fx->two, &fx->err), RB_OK);
	}
}

/* git itself is what decides; what it would refuse is named before. */
static void files_that_are_in_the_way_are_named(void **state)
{
	static const struct {
		const char *change;
		const char *files; /* NULL: nothing is in the way */
	} cases[] = {
	        {"echo mine >file", "'file'"},
	        {"echo mine >file && git add file", "'file'"},
	        {"rm new", "'new'"},
	        {"echo mine >sub", "'sub'"},
	        {"mkdir sub && echo mine >sub/x", "'sub/x'"},
	        {"mkdir sub && echo mine >sub/y", NULL},
	        {"echo mine >other && git add other", NULL},
	        {"chmod +x new", "'new'"},
	};
	struct fixture *fx = *state;

	assert_int_equal(find(fx, fx->app, NULL), RB_OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char want[1024];
		int rc;

		sh("cd %s && git reset -q --hard %s && git clean -qfdx && %s", fx->app, fx->two,
		   cases[i].change);
		rc = rb_app_check_files(&fx->place, fx->two, fx->one, &fx->err);
		if (!cases[i].files) {
			assert_int_equal(rc, RB_OK);
			assert_int_equal(rb_app_set_branch(&fx->place, fx->two, fx->one, &fx->err),
			                 RB_OK);
			continue;
		}
		snprintf(want, sizeof(want),
		         "the app repository '%s' has changes of its own in what would move: %s",
		         fx->place.dir, cases[i].files);
		assert_int_equal(rc, RB_E_CONFLICT);
		assert_string_equal(fx->err.msg, want);
		assert_at(fx, fx->two);
	}
}

static void work_that_is_going_on_is_seen(void **state)
{
	static const struct {
		const char *file;
		int status;
	} cases[] = {{"index.lock", RB_E_LOCKED},     {"HEAD.lock", RB_E_LOCKED},
	             {"MERGE_HEAD", RB_E_CONFLICT},   {"rebase-merge", RB_E_CONFLICT},
	             {"rebase-apply", RB_E_CONFLICT}, {"CHERRY_PICK_HEAD", RB_E_CONFLICT},
	             {"REVERT_HEAD", RB_E_CONFLICT}};
	struct fixture *fx = *state;

	assert_int_equal(find(fx, fx->app, NULL), RB_OK);
	assert_int_equal(rb_app_check_idle(&fx->place, &fx->err), RB_OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		sh("touch %s/.git/%s", fx->app, cases[i].file);
		assert_int_equal(rb_app_check_idle(&fx->place, &fx->err), cases[i].status);
		assert_non_null(strstr(fx->err.msg, cases[i].file));
		sh("rm %s/.git/%s", fx->app, cases[i].file);
	}
}

static void a_commit_is_kept_under_a_name(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(find(fx, fx->app, NULL), RB_OK);
	assert_int_equal(rb_app_keep(&fx->place, "20261120T155800Z", fx->one, &fx->err), RB_OK);
	sh_assert(fx->one,
	          sh_out("git -C %s rev-parse refs/rowback/rollback/20261120T155800Z", fx->app));
	assert_int_equal(rb_app_keep(&fx->place, "20261120T155800Z", NULL, &fx->err), RB_OK);
	assert_int_equal(rb_app_keep(&fx->place, "20261120T155800Z", NULL, &fx->err), RB_OK);
	sh_assert("", sh_out("git -C %s for-each-ref refs/rowback", fx->app));
}

static void remember_line(void *ctx, const char *line)
{
	char *text = ctx;

	if (strstr(line, "no"))
		snprintf(text, 256, "%s", line);
}

static void a_push_is_read_back_and_refusals_are_told(void **state)
{
	struct fixture *fx = *state;
	char said[256] = "";
	char at[RB_APP_OID_SIZE];
	struct rb_app_push push = {
	        .commit = fx->one, .timeout_ms = TIMEOUT_MS, .on_line = remember_line, .ctx = said};

	assert_int_equal(find(fx, fx->app, NULL), RB_OK);
	assert_int_equal(rb_app_push(&fx->place, &push, &fx->err), RB_E_REJECTED);
	assert_non_null(strstr(fx->err.msg, "non-fast-forward"));
	push.lease = fx->one;
	assert_int_equal(rb_app_push(&fx->place, &push, &fx->err), RB_E_REJECTED);
	assert_non_null(strstr(fx->err.msg, "stale info"));
	push.lease = fx->two;
	assert_int_equal(rb_app_push(&fx->place, &push, &fx->err), RB_OK);
	assert_int_equal(rb_app_remote_at(&fx->place, TIMEOUT_MS, at, &fx->err), RB_OK);
	assert_string_equal(at, fx->one);

	push.commit = fx->two;
	push.lease = NULL;
	sh("cd %s/far.git && printf '#!/bin/sh\\necho no, not today\\nexit 1\\n' "
	   ">hooks/pre-receive "
	   "&& chmod +x hooks/pre-receive",
	   fx->dir);
	assert_int_equal(rb_app_push(&fx->place, &push, &fx->err), RB_E_REJECTED);
	assert_string_equal(fx->err.msg,
	                    "the push to branch 'master' of remote 'origin' was refused "
	                    "(pre-receive hook declined): no, not today");
	assert_non_null(strstr(said, "no, not today"));
	/* A hook that lets it pass, and changes its mind. */
	sh("cd %s/far.git && rm hooks/pre-receive && printf '#!/bin/sh\\ngit update-ref "
	   "refs/heads/master %s\\n' >hooks/post-receive && chmod +x hooks/post-receive",
	   fx->dir, fx->one);
	assert_int_equal(rb_app_push(&fx->place, &push, &fx->err), RB_E_REJECTED);
	assert_non_null(strstr(fx->err.msg, "says after the push that branch 'master' is at"));
	sh("rm -rf %s/far.git", fx->dir);
	assert_int_equal(rb_app_push(&fx->place, &push, &fx->err), RB_E_REJECTED);
	assert_int_equal(rb_app_remote_at(&fx->place, TIMEOUT_MS, at, &fx->err), RB_E_REJECTED);
}

static void only_the_branch_of_that_name_counts_on_the_remote(void **state)
{
	struct fixture *fx = *state;
	char at[RB_APP_OID_SIZE];

	assert_int_equal(find(fx, fx->app, NULL), RB_OK);
	sh("cd %s/far.git && git update-ref refs/heads/a/refs/heads/master %s && "
	   "git update-ref refs/zz/refs/heads/master %s",
	   fx->dir, fx->one, fx->one);
	assert_int_equal(rb_app_remote_at(&fx->place, TIMEOUT_MS, at, &fx->err), RB_OK);
	assert_string_equal(at, fx->two);
	sh("git -C %s/far.git update-ref -d refs/heads/master", fx->dir);
	assert_int_equal(rb_app_remote_at(&fx->place, TIMEOUT_MS, at, &fx->err), RB_OK);
	assert_string_equal(at, "");
}

static void a_fetch_moves_no_ref(void **state)
{
	struct fixture *fx = *state;
	char commit[RB_APP_OID_SIZE];

	assert_int_equal(find(fx, fx->app, NULL), RB_OK);
	sh("cd %s && git clone -q far.git other && cd other && git commit -q --allow-empty -m "
	   "three "
	   "&& git push -q origin master",
	   fx->dir);
	copy_oid(commit, sh_out("git -C %s/other rev-parse HEAD", fx->dir));
	sh("cd %s && git for-each-ref >../refs", fx->app);
	assert_int_equal(rb_app_fetch(&fx->place, commit, TIMEOUT_MS, &fx->err), RB_OK);
	sh("cd %s && git cat-file -e %s && git for-each-ref | cmp - ../refs && test ! -e "
	   ".git/FETCH_HEAD",
	   fx->app, commit);
}

static void a_command_has_its_directory_and_environment(void **state)
{
	struct fixture *fx = *state;
	static const char *const env[] = {"WHAT=no 1", NULL};
	char said[256] = "";
	struct rb_app_run run = {.dir = fx->app,
	                         .command = "echo \"$WHAT $(pwd) ${GIT_DIR-unset}\"",
	                         .env = env,
	                         .on_line = remember_line,
	                         .ctx = said};
	char want[1024];

	setenv("GIT_DIR", "/nonexistent", 1);
	assert_int_equal(rb_app_run(&run, &fx->err), RB_OK);
	unsetenv("GIT_DIR");
	snprintf(want, sizeof(want), "no 1 %s unset", fx->app);
	assert_memory_equal(said, want, strlen(said));
	run.command = "exit 3";
	assert_int_equal(rb_app_run(&run, &fx->err), RB_E_IO);
	assert_string_equal(fx->err.msg, "the command ended with status 3: exit 3");
	run.command = "kill -9 $$";
	assert_int_equal(rb_app_run(&run, &fx->err), RB_E_IO);
	assert_string_equal(fx->err.msg, "the command was ended by signal 9: kill -9 $$");
}

static void a_commit_needs_no_name_of_the_user(void **state)
{
	struct fixture *fx = *state;
	char commit[RB_APP_OID_SIZE];
	char tree[RB_APP_OID_SIZE];

	assert_int_equal(find(fx, fx->app, NULL), RB_OK);
	copy_oid(tree, sh_out("git -C %s rev-parse %s^{tree}", fx->app, fx->one));
	sh("git -C %s config user.useConfigOnly true", fx->app);
	unsetenv("GIT_AUTHOR_NAME");
	unsetenv("GIT_AUTHOR_EMAIL");
	unsetenv("GIT_COMMITTER_NAME");
	unsetenv("GIT_COMMITTER_EMAIL");
	assert_int_equal(
	        rb_app_commit_tree(&fx->place, tree, fx->two, "by nobody", commit, &fx->err),
	        RB_OK);
	sh_isolate_git();
	sh_assert("rowback", sh_out("git -C %s log -1 --format=%%an %s", fx->app, commit));
}

static int isolate(void **state)
{
	(void)state;
	sh_isolate_git();
	return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	        TEST(the_working_tree_that_has_the_branch_is_the_place),
	        TEST(the_remote_is_the_configured_one_the_branchs_own_or_origin),
	        TEST(a_commit_is_looked_at),
	        TEST(the_branch_moves_with_its_files_and_back),
	        TEST(a_branch_that_somebody_moved_stays),
	        TEST(files_that_are_in_the_way_are_named),
	        TEST(work_that_is_going_on_is_seen),
	        TEST(a_commit_is_kept_under_a_name),
	        TEST(a_push_is_read_back_and_refusals_are_told),
	        TEST(only_the_branch_of_that_name_counts_on_the_remote),
	        TEST(a_fetch_moves_no_ref),
	        TEST(a_command_has_its_directory_and_environment),
	        TEST(a_commit_needs_no_name_of_the_user),
	};

	return cmocka_run_group_tests(tests, isolate, NULL);
}
