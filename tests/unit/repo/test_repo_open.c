/*
 * rowback/repo/repo.h: making and opening a repository, and what is refused.
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
#include <sys/stat.h>
#include <unistd.h>

#include "harness/fault.h"
#include "harness/sh.h"
#include "rowback/base/fs.h"
#include "rowback/repo/repo.h"

/* The directory of one test; the paths below are in it. */
struct fixture {
	char dir[32];
	char path[64];
	char *cwd; /* absolute, for messages */
};

static int set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	if (!fx)
		return -1;
	*state = fx;
	snprintf(fx->dir, sizeof(fx->dir), "open.XXXXXX");
	if (!mkdtemp(fx->dir))
		return -1;
	snprintf(fx->path, sizeof(fx->path), "%s/store", fx->dir);
	fx->cwd = sh_out("cd %s && pwd -P", fx->dir);
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fx = *state;
	int rc = rb_fs_remove_tree(fx->dir, NULL);

	fault_disarm();
	free(fx->cwd);
	free(fx);
	return rc;
}

static void assert_out(const char *want, char *got)
{
	assert_string_equal(got, want);
	free(got);
}

static void open_fails(const char *path, int status, const char *message, const char *hint)
{
	struct rb_repo *repo = NULL;
	struct rb_err err = {0};

	assert_int_equal(rb_repo_open(path, &repo, &err), status);
	assert_null(repo);
	assert_string_equal(err.msg, message);
	assert_string_equal(err.hint, hint);
}

static void init_makes_a_private_repository(void **state)
{
	struct fixture *fx = *state;
	struct rb_repo *repo = NULL;
	char *want = sh_out("printf %%s %s/store/.git", fx->cwd);

	assert_int_equal(rb_repo_init(fx->path, "main", false, &repo, NULL), RB_OK);
	assert_string_equal(rb_repo_git_dir(repo), want);
	want[strlen(want) - strlen("/.git")] = '\0';
	assert_string_equal(rb_repo_work_dir(repo), want);
	free(want);
	rb_repo_free(repo);

	assert_out("refs/heads/main", sh_out("git -C %s symbolic-ref HEAD", fx->path));
	assert_out("0600", sh_out("git -C %s config core.sharedRepository", fx->path));
	assert_out("", sh_out("git -C %s status --porcelain", fx->path));
	assert_out("", sh_out("git -C %s fsck --strict 2>&1 | grep -v -e notice: -e Checking || :",
	                      fx->path));
	assert_out("", sh_out("find %s -type d ! -perm 0700 -o -type f ! -perm 0600", fx->path));
}

static void init_makes_a_bare_one_that_keeps_a_reflog(void **state)
{
	struct fixture *fx = *state;
	struct rb_repo *repo = NULL;

	assert_int_equal(rb_repo_init(fx->path, "backups", true, &repo, NULL), RB_OK);
	assert_null(rb_repo_work_dir(repo));
	rb_repo_free(repo);
	assert_out("true", sh_out("git -C %s rev-parse --is-bare-repository", fx->path));
	assert_out("true", sh_out("git -C %s config core.logAllRefUpdates", fx->path));
	assert_out("refs/heads/backups", sh_out("git -C %s symbolic-ref HEAD", fx->path));
}

static void init_takes_an_empty_directory_only(void **state)
{
	struct fixture *fx = *state;
	struct rb_repo *repo = NULL;
	struct rb_err err = {0};

	sh("mkdir %s", fx->path);
	assert_int_equal(rb_repo_init(fx->path, "main", false, &repo, NULL), RB_OK);
	rb_repo_free(repo);
	repo = NULL;

	assert_int_equal(rb_repo_init(fx->path, "main", false, &repo, &err), RB_E_EXISTS);
	sh("rm -rf %s/.git && touch %s/file", fx->path, fx->path);
	assert_int_equal(rb_repo_init(fx->path, "main", false, &repo, &err), RB_E_EXISTS);
	assert_string_equal(err.hint, "give the store a directory of its own");
	assert_out("file", sh_out("ls -A %s", fx->path));
	sh("rm -r %s && touch %s", fx->path, fx->path);
	assert_int_equal(rb_repo_init(fx->path, "main", false, &repo, &err), RB_E_EXISTS);
	assert_null(repo);
}

static void init_refuses_a_branch_that_git_would_not_take(void **state)
{
	static const char *const names[] = {"", "a b", "-x", "a..b", "HEAD", "a.lock", "a/"};
	struct fixture *fx = *state;
	struct rb_repo *repo = NULL;
	struct rb_err err = {0};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(rb_repo_init(fx->path, names[i], false, &repo, &err), RB_E_USAGE);
	assert_string_equal(err.msg, "'a/' is no valid name of a branch");
	assert_null(repo);
	assert_out("", sh_out("ls -A %s", fx->dir));
}

/* Whatever step fails, nothing is left, and an empty directory that was there stays. */
static void failed_init_leaves_nothing(void **state)
{
	static const enum fault_call which[] = {FAULT_MALLOC, FAULT_FSYNC, FAULT_RENAME,
	                                        FAULT_CLOSE};
	struct fixture *fx = *state;

	for (size_t i = 0; i < sizeof(which) / sizeof(which[0]); i++) {
		for (unsigned int nth = 1; nth < 1000; nth++) {
			struct rb_repo *repo = NULL;
			int rc;

			fault_arm(which[i], nth, EIO);
			rc = rb_repo_init(fx->path, "main", nth % 2, &repo, NULL);
			if (fault_disarm() == 0) {
				assert_int_equal(rc, RB_OK);
				rb_repo_free(repo);
				sh("rm -r %s", fx->path);
				break;
			}
			if (rc == RB_OK) {
				rb_repo_free(repo);
				sh("rm -r %s", fx->path);
			}
			assert_out("", sh_out("ls -A %s", fx->dir));
		}
	}
}

static void open_finds_the_repository_above(void **state)
{
	struct fixture *fx = *state;
	struct rb_repo *repo = NULL;
	char *want = sh_out("printf %%s %s/store/.git", fx->cwd);

	sh("git init -q %s && mkdir -p %s/a/b", fx->path, fx->path);
	strcat(fx->path, "/a/b");
	assert_int_equal(rb_repo_open(fx->path, &repo, NULL), RB_OK);
	assert_string_equal(rb_repo_git_dir(repo), want);
	rb_repo_free(repo);
	free(want);
}

static void environment_does_not_lead_elsewhere(void **state)
{
	struct fixture *fx = *state;
	struct rb_repo *repo = NULL;
	char *want = sh_out("printf %%s %s/store/.git", fx->cwd);

	sh("git init -q %s && git init -q %s/other", fx->path, fx->dir);
	setenv("GIT_DIR", "other/.git", 1);
	setenv("GIT_WORK_TREE", "other", 1);
	assert_int_equal(rb_repo_open(fx->path, &repo, NULL), RB_OK);
	unsetenv("GIT_DIR");
	unsetenv("GIT_WORK_TREE");
	assert_string_equal(rb_repo_git_dir(repo), want);
	rb_repo_free(repo);
	free(want);
}

static void no_repository_is_nostore(void **state)
{
	(void)state;
	open_fails("/nonexistent/x", RB_E_NOSTORE,
	           "there is no git repository at '/nonexistent/x' or above it",
	           "rowback init /nonexistent/x");
	open_fails("/", RB_E_NOSTORE, "there is no git repository at '/' or above it",
	           "rowback init /");
}

static void shallow_repository_is_refused(void **state)
{
	struct fixture *fx = *state;
	char message[256];

	sh("git init -q %s/o && git -C %s/o commit -q --allow-empty -m 1 &&"
	   "git -C %s/o commit -q --allow-empty -m 2 &&"
	   "git clone -q --depth 1 file://%s/o %s",
	   fx->dir, fx->dir, fx->dir, fx->cwd, fx->path);
	snprintf(message, sizeof(message),
	         "the repository '%s/store/.git' is shallow: part of its history is missing",
	         fx->cwd);
	open_fails(fx->path, RB_E_UNSUPPORTED, message, "git fetch --unshallow");
}

static void sha256_repository_is_refused(void **state)
{
	struct fixture *fx = *state;

	sh("git init -q --object-format=sha256 %s", fx->path);
	open_fails(fx->path, RB_E_UNSUPPORTED,
	           "the repository names objects by 'sha256', not by SHA-1",
	           "make a new store: rowback init DIR");
}

static void unknown_extension_is_refused(void **state)
{
	struct fixture *fx = *state;

	sh("git init -q %s && git -C %s config core.repositoryFormatVersion 1 &&"
	   "git -C %s config extensions.frobnicate true",
	   fx->path, fx->path, fx->path);
	open_fails(fx->path, RB_E_UNSUPPORTED,
	           "the repository uses the extension 'frobnicate', which rowback does not know",
	           "");
	sh("git config -f %s/.git/config core.repositoryFormatVersion 0", fx->path);
	open_fails(fx->path, RB_E_UNSUPPORTED,
	           "the repository uses the extension 'frobnicate', which rowback does not know",
	           "");
}

static void harmless_extensions_are_taken(void **state)
{
	struct fixture *fx = *state;
	struct rb_repo *repo = NULL;

	sh("git init -q %s && cd %s && git config core.repositoryFormatVersion 1 &&"
	   "git config extensions.noop true && git config extensions.objectFormat sha1",
	   fx->path, fx->path);
	assert_int_equal(rb_repo_open(fx->path, &repo, NULL), RB_OK);
	rb_repo_free(repo);
}

static void newer_format_is_refused(void **state)
{
	struct fixture *fx = *state;

	sh("git init -q %s && git -C %s config core.repositoryFormatVersion 2", fx->path, fx->path);
	open_fails(fx->path, RB_E_UNSUPPORTED,
	           "the repository has format version '2'; rowback knows 0 and 1", "");
}

static void split_index_is_refused(void **state)
{
	struct fixture *fx = *state;
	const char *hint = "git config core.splitIndex false && "
	                   "git update-index --no-split-index";
	char message[256];

	snprintf(message, sizeof(message), "the repository '%s/store/.git' has a split index",
	         fx->cwd);
	sh("git init -q %s && cd %s && touch a && git add a && git update-index --split-index",
	   fx->path, fx->path);
	open_fails(fx->path, RB_E_UNSUPPORTED, message, hint);
	sh("rm %s/.git/sharedindex.* && git -C %s config core.splitIndex true", fx->path, fx->path);
	open_fails(fx->path, RB_E_UNSUPPORTED, message, hint);
	sh("cd %s && rm .git/index && %s && rm -f .git/sharedindex.*", fx->path, hint);
}

static void repository_of_another_user_is_refused(void **state)
{
	struct fixture *fx = *state;
	char message[256];
	char hint[256];

	if (geteuid() != 0)
		skip();
	sh("git init -q %s && chown -R 12345 %s", fx->path, fx->path);
	snprintf(message, sizeof(message), "the repository '%s/store/.git' belongs to another user",
	         fx->cwd);
	snprintf(hint, sizeof(hint),
	         "run rowback as its owner, or trust it: "
	         "git config --global --add safe.directory '%s/store'",
	         fx->cwd);
	open_fails(fx->path, RB_E_UNSUPPORTED, message, hint);
}

static void root_opens_what_the_user_of_sudo_owns(void **state)
{
	struct fixture *fx = *state;
	struct rb_repo *repo = NULL;

	if (geteuid() != 0)
		skip();
	sh("git init -q %s && chown -R 12345 %s", fx->path, fx->path);
	setenv("SUDO_UID", "12345", 1);
	assert_int_equal(rb_repo_open(fx->path, &repo, NULL), RB_OK);
	unsetenv("SUDO_UID");
	rb_repo_free(repo);
}

static void broken_configuration_is_usage(void **state)
{
	struct fixture *fx = *state;
	struct rb_repo *repo = NULL;

	sh("git init -q %s && echo '[' >>%s/.git/config", fx->path, fx->path);
	assert_int_equal(rb_repo_open(fx->path, &repo, NULL), RB_E_USAGE);
}

static void state_files_have_a_private_directory(void **state)
{
	struct fixture *fx = *state;
	struct rb_repo *repo = NULL;
	char *want = sh_out("printf %%s %s/store/.git/rowback/last-check", fx->cwd);
	char *got;

	sh("git init -q %s", fx->path);
	assert_int_equal(rb_repo_open(fx->path, &repo, NULL), RB_OK);
	got = rb_repo_state_path(repo, "last-check");
	assert_string_equal(got, want);
	assert_out("700", sh_out("stat -c %%a %s/.git/rowback", fx->path));
	free(got);
	free(want);
	rb_repo_free(repo);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	        TEST(init_makes_a_private_repository),
	        TEST(init_makes_a_bare_one_that_keeps_a_reflog),
	        TEST(init_takes_an_empty_directory_only),
	        TEST(init_refuses_a_branch_that_git_would_not_take),
	        TEST(failed_init_leaves_nothing),
	        TEST(open_finds_the_repository_above),
	        TEST(environment_does_not_lead_elsewhere),
	        TEST(no_repository_is_nostore),
	        TEST(shallow_repository_is_refused),
	        TEST(sha256_repository_is_refused),
	        TEST(unknown_extension_is_refused),
	        TEST(harmless_extensions_are_taken),
	        TEST(newer_format_is_refused),
	        TEST(split_index_is_refused),
	        TEST(repository_of_another_user_is_refused),
	        TEST(root_opens_what_the_user_of_sudo_owns),
	        TEST(broken_configuration_is_usage),
	        TEST(state_files_have_a_private_directory),
	};

	sh_isolate_git();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
