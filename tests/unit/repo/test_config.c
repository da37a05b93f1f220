/*
 * rowback/repo/repo.h: configuration, set durably and under git's lock.
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
#include <sys/wait.h>
#include <unistd.h>

#include "harness/fault.h"
#include "harness/sh.h"
#include "repo_priv.h"
#include "rowback/base/fs.h"
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
	snprintf(fx->dir, sizeof(fx->dir), "config.XXXXXX");
	if (!mkdtemp(fx->dir))
		return -1;
	return rb_repo_init(fx->dir, "main", false, &fx->repo, NULL);
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

static void assert_value(struct fixture *fx, const char *name, const char *want)
{
	struct rb_buf out = RB_BUF(1000);

	assert_int_equal(rb_repo_config_get(fx->repo, name, &out, NULL), RB_OK);
	assert_string_equal(rb_buf_str(&out), want);
	rb_buf_release(&out);
}

static void value_that_was_set_is_read_by_git_and_by_us(void **state)
{
	static const char *const values[] = {
	        "plain", "", " with spaces ", "a\"quote\\back;#hash", "two\nlines", "caf\xc3\xa9"};
	struct fixture *fx = *state;

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		assert_int_equal(rb_repo_config_set(fx->repo, "source.my App.url", values[i], NULL),
		                 RB_OK);
		assert_value(fx, "source.my App.url", values[i]);
		assert_out(values[i], sh_out("git -C %s config 'source.my App.url'", fx->dir));
	}
}

static void value_that_git_sets_later_is_seen(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(rb_repo_config_set(fx->repo, "rowback.branch", "a", NULL), RB_OK);
	sh("git -C %s config rowback.branch bcd", fx->dir);
	assert_value(fx, "rowback.branch", "bcd");
}

static void unset_value_is_notfound(void **state)
{
	struct fixture *fx = *state;
	struct rb_buf out = RB_BUF(100);
	struct rb_err err = {0};

	assert_int_equal(rb_repo_config_get(fx->repo, "rowback.nothing", &out, &err),
	                 RB_E_NOTFOUND);
	assert_string_equal(err.msg, "'rowback.nothing' is not set");
	rb_buf_release(&out);
}

static void name_that_git_refuses_is_usage(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(rb_repo_config_set(fx->repo, "no-section", "x", NULL), RB_E_USAGE);
	assert_int_equal(rb_repo_config_set(fx->repo, "a.b c", "x", NULL), RB_E_USAGE);
	assert_out("", sh_out("ls %s/.git | grep -E 'lock|tmp' || :", fx->dir));
}

static void mode_of_the_file_stays(void **state)
{
	struct fixture *fx = *state;

	sh("chmod 0640 %s/.git/config", fx->dir);
	assert_int_equal(rb_repo_config_set(fx->repo, "a.b", "c", NULL), RB_OK);
	assert_out("640", sh_out("stat -c %%a %s/.git/config", fx->dir));
}

static int collect(void *ctx, const char *name, const char *value, struct rb_err *err)
{
	return rb_buf_addf(ctx, err, "%s=%s\n", name, value);
}

static void own_file_is_listed_alone(void **state)
{
	struct fixture *fx = *state;
	struct rb_buf out = RB_BUF(1000);
	struct rb_buf value = RB_BUF(100);

	sh("printf '[rowback]\\n\\tbranch = main\\n[Source \"My App\"]\\n\\tURL = x\\n"
	   "\\texclude = a\\n\\texclude = b\\n\\tstrict\\n' >%s/.git/config",
	   fx->dir);
	assert_int_equal(rb_repo_config_each(fx->repo, NULL, collect, &out, NULL), RB_OK);
	assert_string_equal(rb_buf_str(&out), "rowback.branch=main\n"
	                                      "source.My App.url=x\n"
	                                      "source.My App.exclude=a\n"
	                                      "source.My App.exclude=b\n"
	                                      "source.My App.strict=true\n");
	assert_int_equal(rb_repo_config_get(fx->repo, "source.My App.strict", &value, NULL), RB_OK);
	assert_string_equal(rb_buf_str(&value), "true");
	rb_buf_clear(&value);
	assert_int_equal(rb_repo_config_get(fx->repo, "user.name", &value, NULL), RB_OK);
	assert_string_equal(rb_buf_str(&value), "Somebody");
	rb_buf_release(&value);
	rb_buf_release(&out);
}

static void another_file_can_be_listed(void **state)
{
	struct fixture *fx = *state;
	struct rb_buf out = RB_BUF(1000);
	struct rb_err err = {0};
	char path[64];

	snprintf(path, sizeof(path), "%s/other", fx->dir);
	assert_int_equal(rb_repo_config_each(fx->repo, path, collect, &out, &err), RB_E_NOTFOUND);
	sh("printf '[a]\\nb = c\\n' >%s", path);
	assert_int_equal(rb_repo_config_each(fx->repo, path, collect, &out, NULL), RB_OK);
	assert_string_equal(rb_buf_str(&out), "a.b=c\n");
	sh("printf '[a\\n' >%s", path);
	assert_int_equal(rb_repo_config_each(fx->repo, path, collect, &out, NULL), RB_E_USAGE);
	rb_buf_release(&out);
}

static int refuse(void *ctx, const char *name, const char *value, struct rb_err *err)
{
	(void)ctx;
	return rb_err_set(err, RB_E_CONFLICT, "%s %s", name, value);
}

static void failure_of_the_callback_ends_the_listing(void **state)
{
	struct fixture *fx = *state;
	struct rb_err err = {0};

	sh("printf '[a]\\nb = c\\nd = e\\n' >%s/.git/config", fx->dir);
	assert_int_equal(rb_repo_config_each(fx->repo, NULL, refuse, NULL, &err), RB_E_CONFLICT);
	assert_string_equal(err.msg, "a.b c");
}

static void lock_of_another_program_is_respected(void **state)
{
	struct fixture *fx = *state;
	struct rb_err err = {0};
	char *want_msg =
	        sh_out("cd %s && printf \"'%%s/.git/config.lock' is there\" $(pwd -P)", fx->dir);

	sh("touch %s/.git/config.lock", fx->dir);
	assert_int_equal(rb_repo_config_set(fx->repo, "a.b", "c", &err), RB_E_LOCKED);
	assert_string_equal(err.msg, want_msg);
	assert_non_null(strstr(err.hint, "another git program works here; if none does: rm '"));
	sh("test -e %s/.git/config.lock", fx->dir);
	free(want_msg);
}

/* A lock with the name of a process: ours, one that has ended, one with another start. */
static void lock_of_a_run_that_was_killed_is_taken_over(void **state)
{
	struct fixture *fx = *state;
	char holder[RB_HOLDER_SIZE];
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	assert_true(child > 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	sh("echo 'rowback %ld 1' >%s/.git/config.lock", (long)child, fx->dir);
	assert_int_equal(rb_repo_config_set(fx->repo, "a.b", "c", NULL), RB_OK);

	sh("echo 'rowback %ld 1' >%s/.git/config.lock", (long)getpid(), fx->dir);
	assert_int_equal(rb_repo_config_set(fx->repo, "a.b", "d", NULL), RB_OK);

	rb_repo_holder_format(holder);
	sh("echo '%s' >%s/.git/config.lock", holder, fx->dir);
	assert_int_equal(rb_repo_config_set(fx->repo, "a.b", "e", NULL), RB_E_LOCKED);
	assert_value(fx, "a.b", "d");
	assert_out("", sh_out("ls %s/.git/rowback", fx->dir));
}

static void lock_from_before_the_last_start_is_taken_over(void **state)
{
	struct fixture *fx = *state;

	sh("touch -d @1000000000 %s/.git/config.lock", fx->dir);
	assert_int_equal(rb_repo_config_set(fx->repo, "a.b", "c", NULL), RB_OK);
}

static void any_fault_keeps_the_old_value(void **state)
{
	static const struct {
		enum fault_call which;
		int errnum;
		int status;
	} steps[] = {
	        {FAULT_MALLOC, ENOMEM, RB_E_NOMEM}, {FAULT_WRITE, ENOSPC, RB_E_IO},
	        {FAULT_FSYNC, EIO, RB_E_IO},        {FAULT_CLOSE, EIO, RB_E_IO},
	        {FAULT_RENAME, EACCES, RB_E_IO},
	};
	struct fixture *fx = *state;

	assert_int_equal(rb_repo_config_set(fx->repo, "a.b", "old", NULL), RB_OK);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		for (unsigned int nth = 1;; nth++) {
			char *value;
			int rc;

			fault_arm(steps[i].which, nth, steps[i].errnum);
			rc = rb_repo_config_set(fx->repo, "a.b", "new", NULL);
			if (fault_disarm() == 0) {
				assert_int_equal(rc, RB_OK);
				break;
			}
			value = sh_out("git -C %s config a.b", fx->dir);
			if (rc == RB_OK)
				assert_string_equal(value, "new");
			else if (steps[i].which != FAULT_FSYNC) /* the last is of the directory */
				assert_string_equal(value, "old");
			free(value);
			assert_out("", sh_out("ls %s/.git/rowback; ls %s/.git | grep lock || :",
			                      fx->dir, fx->dir));
			sh("git -C %s config a.b old", fx->dir);
		}
		sh("git -C %s config a.b old", fx->dir);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	        TEST(value_that_was_set_is_read_by_git_and_by_us),
	        TEST(value_that_git_sets_later_is_seen),
	        TEST(unset_value_is_notfound),
	        TEST(name_that_git_refuses_is_usage),
	        TEST(mode_of_the_file_stays),
	        TEST(own_file_is_listed_alone),
	        TEST(another_file_can_be_listed),
	        TEST(failure_of_the_callback_ends_the_listing),
	        TEST(lock_of_another_program_is_respected),
	        TEST(lock_of_a_run_that_was_killed_is_taken_over),
	        TEST(lock_from_before_the_last_start_is_taken_over),
	        TEST(any_fault_keeps_the_old_value),
	};
	char *home;

	sh_isolate_git();
	/* libgit2 looks for the user's file once, when it starts. */
	home = sh_out("mkdir home && printf '[user]\\n\\tname = Somebody\\n' >home/.gitconfig &&"
	              "cd home && pwd -P");
	setenv("HOME", home, 1);
	free(home);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
