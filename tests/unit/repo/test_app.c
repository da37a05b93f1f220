/*
 * rowback/repo/app.h: repositories of every kind that git makes.
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
#include <unistd.h>

#include "harness/fault.h"
#include "harness/sh.h"
#include "rowback/repo/app.h"

/* A repository DIR/app with the commits "one" and "two" on master. */
struct fixture {
	char dir[512];
	char app[576];
	struct rb_app_state at;
	struct rb_err err;
};

static int set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));
	char here[400];

	assert_non_null(fx);
	*state = fx;
	assert_non_null(getcwd(here, sizeof(here)));
	snprintf(fx->dir, sizeof(fx->dir), "%s/rb-test-app.XXXXXX", here);
	assert_non_null(mkdtemp(fx->dir));
	snprintf(fx->app, sizeof(fx->app), "%s/app", fx->dir);
	sh("git init -q -b master %s && cd %s && echo 1 >file && git add file && "
	   "git commit -qm one && echo 2 >file && git commit -qam two",
	   fx->app, fx->app);
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fx = *state;

	fault_disarm();
	rb_app_state_release(&fx->at);
	sh("rm -rf %s", fx->dir);
	free(fx);
	return 0;
}

static int look(struct fixture *fx, const char *path, const char *branch)
{
	rb_app_state_release(&fx->at);
	return rb_app_look(path, branch, NULL, &fx->at, &fx->err);
}

/* That it was looked at, and that git says the same of the branch's commit. */
static void assert_state(struct fixture *fx, const char *revision, bool is_clean,
                         bool is_checked_out)
{
	sh_assert(fx->at.commit, sh_out("git -C %s rev-parse %s", fx->app, revision));
	sh_assert(fx->at.subject, sh_out("git -C %s log -1 --format=%%s %s", fx->app, revision));
	assert_int_equal(fx->at.is_clean, is_clean);
	assert_int_equal(fx->at.is_checked_out, is_checked_out);
}

static void a_clean_working_tree(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(look(fx, fx->app, "master"), RB_OK);
	assert_state(fx, "master", true, true);
	assert_string_equal(fx->at.branch, "master");
	assert_string_equal(fx->at.subject, "two");
}

static void a_changed_file_an_untracked_one_and_a_staged_one_are_not_clean(void **state)
{
	static const char *const changes[] = {"echo 3 >file", "echo 3 >new", "git rm -q file"};
	struct fixture *fx = *state;

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		sh("cd %s && %s", fx->app, changes[i]);
		assert_int_equal(look(fx, fx->app, "master"), RB_OK);
		assert_state(fx, "master", false, true);
		sh("cd %s && git reset -q --hard && git clean -qfd", fx->app);
	}
	sh("cd %s && echo ignored >>.git/info/exclude && touch ignored", fx->app);
	assert_int_equal(look(fx, fx->app, "master"), RB_OK);
	assert_state(fx, "master", true, true);
}

/* A list of changes past every limit is not kept. */
static void ten_thousand_changes_are_changes(void **state)
{
	struct fixture *fx = *state;

	sh("cd %s && git rm -q file && i=0; while [ $i -lt 5000 ]; do "
	   "echo >a-name-that-is-long-enough-to-fill-it-$i; i=$((i + 1)); done",
	   fx->app);
	sh("cd %s && git add .", fx->app);
	assert_int_equal(look(fx, fx->app, "master"), RB_OK);
	assert_state(fx, "master", false, true);
}

static void looking_takes_no_lock_and_writes_nothing(void **state)
{
	struct fixture *fx = *state;

	sh("cd %s && touch -d '2001-01-01' file && cp .git/index ../index && "
	   "touch .git/index.lock",
	   fx->app);
	assert_int_equal(look(fx, fx->app, "master"), RB_OK);
	assert_state(fx, "master", true, true);
	sh("cd %s && cmp .git/index ../index", fx->app);
}

static void a_detached_head_has_the_branch_all_the_same(void **state)
{
	struct fixture *fx = *state;

	sh("git -C %s checkout -q --detach HEAD~1", fx->app);
	assert_int_equal(look(fx, fx->app, "master"), RB_OK);
	assert_state(fx, "master", true, false);
	assert_string_equal(fx->at.subject, "two");
}

static void another_branch_may_be_checked_out(void **state)
{
	struct fixture *fx = *state;

	sh("git -C %s checkout -q -b topic HEAD~1", fx->app);
	assert_int_equal(look(fx, fx->app, "master"), RB_OK);
	assert_state(fx, "master", true, false);
	assert_int_equal(look(fx, fx->app, "topic"), RB_OK);
	assert_state(fx, "topic", true, true);
}

static void linked_worktrees_subdirectories_and_the_git_directory(void **state)
{
	struct fixture *fx = *state;
	char path[640];

	sh("cd %s && mkdir sub && git worktree add -q -b live ../linked HEAD~1", fx->app);
	snprintf(path, sizeof(path), "%s/linked", fx->dir);
	assert_int_equal(look(fx, path, "live"), RB_OK);
	assert_state(fx, "live", true, true);
	assert_int_equal(look(fx, path, "master"), RB_OK);
	assert_state(fx, "master", true, false);
	snprintf(path, sizeof(path), "%s/sub", fx->app);
	assert_int_equal(look(fx, path, "master"), RB_OK);
	assert_state(fx, "master", true, true);
	snprintf(path, sizeof(path), "%s/.git", fx->app);
	assert_int_equal(look(fx, path, "master"), RB_OK);
	assert_state(fx, "master", true, false);
}

static void bare_shallow_and_sha256(void **state)
{
	struct fixture *fx = *state;
	char path[640];

	sh("cd %s && git clone -q --bare app bare.git && "
	   "git clone -q --depth 1 file://%s shallow && "
	   "git init -q -b master --object-format=sha256 new && "
	   "git -C new commit -q --allow-empty -m 'with SHA-256'",
	   fx->dir, fx->app);
	snprintf(path, sizeof(path), "%s/bare.git", fx->dir);
	assert_int_equal(look(fx, path, "master"), RB_OK);
	assert_state(fx, "master", true, false);
	snprintf(path, sizeof(path), "%s/shallow", fx->dir);
	assert_int_equal(look(fx, path, "master"), RB_OK);
	assert_state(fx, "master", true, true);
	snprintf(path, sizeof(path), "%s/new", fx->dir);
	assert_int_equal(look(fx, path, "master"), RB_OK);
	assert_string_equal(fx->at.subject, "with SHA-256");
	sh_assert(fx->at.commit, sh_out("git -C %s rev-parse HEAD", path));
	assert_int_equal(strlen(fx->at.commit), 64);
}

static void the_home_directory_is_a_tilde(void **state)
{
	struct fixture *fx = *state;
	char *home = strdup(getenv("HOME"));

	assert_non_null(home);
	setenv("HOME", fx->dir, 1);
	assert_int_equal(look(fx, "~/app", "master"), RB_OK);
	assert_state(fx, "master", true, true);
	unsetenv("HOME");
	assert_int_equal(look(fx, "~/app", "master"), RB_E_USAGE);
	assert_string_equal(fx->err.msg, "'~/app' needs HOME to be set");
	setenv("HOME", home, 1);
	free(home);
}

/* As below a hook: git's own environment names another repository. */
static void the_repository_that_we_run_below_is_not_taken_for_it(void **state)
{
	struct fixture *fx = *state;

	sh("git init -q -b master %s/other && git -C %s/other commit -q --allow-empty -m other",
	   fx->dir, fx->dir);
	setenv("GIT_DIR", "../other/.git", 1);
	setenv("GIT_WORK_TREE", "/", 1);
	setenv("GIT_INDEX_FILE", "/nonexistent/index", 1);
	setenv("GIT_PREFIX", "x/", 1);
	assert_int_equal(look(fx, fx->app, "master"), RB_OK);
	unsetenv("GIT_DIR");
	unsetenv("GIT_WORK_TREE");
	unsetenv("GIT_INDEX_FILE");
	unsetenv("GIT_PREFIX");
	assert_state(fx, "master", true, true);
}

static void settings_of_the_user_do_not_change_what_is_read(void **state)
{
	struct fixture *fx = *state;

	sh("cd %s && git config log.showSignature true && git config color.ui always && "
	   "git config status.short false && git config status.showUntrackedFiles no && "
	   "git config i18n.logOutputEncoding ISO-8859-1 && git config core.pager false && "
	   "git commit -q --allow-empty -m 'gr\xc3\xbc\xc3\x9f' && touch new",
	   fx->app);
	assert_int_equal(look(fx, fx->app, "master"), RB_OK);
	assert_string_equal(fx->at.subject, "gr\xc3\xbc\xc3\x9f");
	assert_false(fx->at.is_clean);
}

static void what_is_missing_is_named_with_the_keys(void **state)
{
	struct fixture *fx = *state;
	char want[2048];
	char path[640];

	snprintf(path, sizeof(path), "%s/none", fx->dir);
	assert_int_equal(look(fx, path, "master"), RB_E_NOTFOUND);
	snprintf(want, sizeof(want),
	         "cannot open the app repository '%s': No such file or directory", path);
	assert_string_equal(fx->err.msg, want);
	assert_string_equal(fx->err.hint, "say where it is and what is deployed: "
	                                  "git config app.path DIR, git config app.branch NAME");

	snprintf(path, sizeof(path), "%s/file", fx->app);
	assert_int_equal(look(fx, path, "master"), RB_E_NOTFOUND);
	snprintf(want, sizeof(want), "the app repository '%s' is no directory", path);
	assert_string_equal(fx->err.msg, want);

	assert_int_equal(look(fx, fx->app, "main"), RB_E_NOTFOUND);
	snprintf(want, sizeof(want), "the app repository '%s' has no commit on branch 'main'",
	         fx->app);
	assert_string_equal(fx->err.msg, want);
	assert_string_equal(fx->err.hint,
	                    "it is on branch 'master'; name what is deployed with app.branch: "
	                    "git config app.branch NAME (and app.path, if it is another one)");
	assert_null(fx->at.branch);
	assert_null(fx->at.subject);
}

static void a_directory_without_a_repository(void **state)
{
	struct fixture *fx = *state;
	char dir[] = "/tmp/rb-test-app.XXXXXX";
	char want[2048];

	assert_non_null(mkdtemp(dir));
	assert_int_equal(look(fx, dir, "master"), RB_E_NOTFOUND);
	rmdir(dir);
	snprintf(want, sizeof(want),
	         "git cannot use the app repository '%s': fatal: not a git repository "
	         "(or any of the parent directories): .git",
	         dir);
	assert_string_equal(fx->err.msg, want);
	assert_string_equal(fx->err.hint, "say where it is and what is deployed: "
	                                  "git config app.path DIR, git config app.branch NAME");
}

static void an_unborn_branch_has_no_commit(void **state)
{
	struct fixture *fx = *state;
	char path[640];

	snprintf(path, sizeof(path), "%s/unborn", fx->dir);
	sh("git init -q -b master %s", path);
	assert_int_equal(look(fx, path, "master"), RB_E_NOTFOUND);
	assert_string_equal(fx->err.hint,
	                    "make its first commit, or name another branch with app.branch, "
	                    "another repository with app.path");
}

static void a_repository_of_another_user_needs_to_be_trusted(void **state)
{
	struct fixture *fx = *state;
	char want[2048];

	if (geteuid() != 0)
		skip(); /* only root can give a directory away */
	unsetenv("SUDO_UID");
	sh("chown -R 65534 %s", fx->app);
	assert_int_equal(look(fx, fx->app, "master"), RB_E_NOTFOUND);
	snprintf(want, sizeof(want),
	         "git cannot use the app repository '%s': fatal: detected dubious ownership in "
	         "repository at '%s'",
	         fx->app, fx->app);
	assert_string_equal(fx->err.msg, want);
	snprintf(want, sizeof(want),
	         "it belongs to another user; if you trust it: "
	         "git config --global --add safe.directory '%s'",
	         fx->app);
	assert_string_equal(fx->err.hint, want);
}

static void damage_is_an_error_of_its_own(void **state)
{
	struct fixture *fx = *state;

	sh("echo damaged >%s/.git/index", fx->app);
	assert_int_equal(look(fx, fx->app, "master"), RB_E_IO);
	assert_non_null(strstr(fx->err.msg, "git cannot look at the files of '"));
	assert_null(fx->at.branch);
}

static void revisions_are_resolved_by_git(void **state)
{
	static const char *const texts[] = {"HEAD~1", "master^", "v1", "refs/tags/v1",
	                                    "HEAD^{/one}"};
	struct fixture *fx = *state;
	char *want;
	char got[RB_APP_OID_SIZE];
	char start[8];

	sh("git -C %s tag -a -m v1 v1 HEAD~1", fx->app);
	want = sh_out("git -C %s rev-parse HEAD~1", fx->app);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(rb_app_resolve(fx->app, texts[i], got, &fx->err), RB_OK);
		assert_string_equal(got, want);
	}
	assert_int_equal(rb_app_resolve(fx->app, want, got, &fx->err), RB_OK);
	assert_string_equal(got, want);
	snprintf(start, sizeof(start), "%s", want);
	assert_int_equal(rb_app_resolve(fx->app, start, got, &fx->err), RB_OK);
	assert_string_equal(got, want);
	free(want);
}

static void what_names_no_commit_is_not_found(void **state)
{
	static const char *const texts[] = {
	        "nothing",     "",
	        "--all",       "-h",
	        "^HEAD",       "HEAD..HEAD~1",
	        "HEAD:file",   "0000000",
	        "HEAD^{tree}", "1234567890123456789012345678901234567890"};
	struct fixture *fx = *state;
	char got[RB_APP_OID_SIZE] = "as it was";

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(rb_app_resolve(fx->app, texts[i], got, &fx->err), RB_E_NOTFOUND);
		assert_string_equal(got, "as it was");
		assert_int_equal(fx->err.status, RB_E_NOTFOUND);
	}
	assert_int_equal(rb_app_resolve("/nonexistent", "HEAD", got, &fx->err), RB_E_NOTFOUND);
}

/* The commits that a test says are known. */
static bool is_known(void *ctx, const char *commit)
{
	const char *known = ctx;

	return strstr(known, commit) != NULL;
}

static void the_nearest_is_found_in_the_order_of_rev_list(void **state)
{
	struct fixture *fx = *state;
	char *head = sh_out("git -C %s rev-parse HEAD", fx->app);
	char *first = sh_out("git -C %s rev-parse HEAD~1", fx->app);
	char none[] = "";
	char got[RB_APP_OID_SIZE] = "as it was";

	assert_int_equal(rb_app_nearest(fx->app, head, is_known, none, got, &fx->err),
	                 RB_E_NOTFOUND);
	assert_string_equal(got, "as it was");
	assert_int_equal(rb_app_nearest(fx->app, head, is_known, first, got, &fx->err), RB_OK);
	assert_string_equal(got, first);
	assert_int_equal(rb_app_nearest(fx->app, head, is_known, head, got, &fx->err), RB_OK);
	assert_string_equal(got, head);
	assert_int_equal(rb_app_nearest(fx->app, first, is_known, head, got, &fx->err),
	                 RB_E_NOTFOUND);
	memset(head, '1', strlen(head));
	assert_int_equal(rb_app_nearest(fx->app, head, is_known, head, got, &fx->err),
	                 RB_E_NOTFOUND);
	free(head);
	free(first);
}

static void without_memory_nothing_is_left(void **state)
{
	struct fixture *fx = *state;

	for (unsigned int nth = 1;; nth++) {
		int rc;

		fault_arm(FAULT_MALLOC, nth, ENOMEM);
		rc = look(fx, fx->app, "master");
		if (fault_disarm() == 0)
			break;
		assert_int_equal(rc, RB_E_NOMEM);
		assert_null(fx->at.branch);
		assert_null(fx->at.subject);
	}
	assert_state(fx, "master", true, true);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static int set_up_group(void **state)
{
	(void)state;
	sh_isolate_git();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(a_clean_working_tree),
	        TEST(a_changed_file_an_untracked_one_and_a_staged_one_are_not_clean),
	        TEST(ten_thousand_changes_are_changes),
	        TEST(looking_takes_no_lock_and_writes_nothing),
	        TEST(a_detached_head_has_the_branch_all_the_same),
	        TEST(another_branch_may_be_checked_out),
	        TEST(linked_worktrees_subdirectories_and_the_git_directory),
	        TEST(bare_shallow_and_sha256),
	        TEST(the_home_directory_is_a_tilde),
	        TEST(the_repository_that_we_run_below_is_not_taken_for_it),
	        TEST(settings_of_the_user_do_not_change_what_is_read),
	        TEST(what_is_missing_is_named_with_the_keys),
	        TEST(a_directory_without_a_repository),
	        TEST(an_unborn_branch_has_no_commit),
	        TEST(a_repository_of_another_user_needs_to_be_trusted),
	        TEST(damage_is_an_error_of_its_own),
	        TEST(revisions_are_resolved_by_git),
	        TEST(what_names_no_commit_is_not_found),
	        TEST(the_nearest_is_found_in_the_order_of_rev_list),
	        TEST(without_memory_nothing_is_left),
	};

	return cmocka_run_group_tests(tests, set_up_group, NULL);
}
