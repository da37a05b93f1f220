/*
 * rowback/base/foreground.h: what the program gets of ours, and how its end is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rowback/base/cancel.h"
#include "rowback/base/foreground.h"
#include "rowback/base/fs.h"

static int tear_down(void **state)
{
	(void)state;
	rb_cancel_request(0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	return 0;
}

/* Run a script with our umask. */
static int run(const char *script, struct rb_foreground_result *result, struct rb_err *err)
{
	char sh[] = "sh";
	char flag[] = "-c";
	char text[512];
	char *const argv[] = {sh, flag, text, NULL};
	struct rb_foreground_opts opts = {.argv = argv, .umask = 0022};

	snprintf(text, sizeof(text), "%s", script);
	return rb_foreground_run(&opts, result, err);
}

static void statuses_and_signals_are_told_apart(void **state)
{
	struct rb_foreground_result result;

	(void)state;
	assert_int_equal(run("exit 0", &result, NULL), RB_OK);
	assert_int_equal(result.exit_code, 0);
	assert_int_equal(result.term_signal, 0);
	assert_int_equal(run("exit 7", &result, NULL), RB_OK);
	assert_int_equal(result.exit_code, 7);
	assert_int_equal(run("kill -9 $$", &result, NULL), RB_OK);
	assert_int_equal(result.exit_code, -1);
	assert_int_equal(result.term_signal, SIGKILL);
}

static void what_cannot_be_run_is_said(void **state)
{
	struct rb_foreground_result result;
	struct rb_err err = {0};
	char missing[] = "no-such-program-here";
	char dir[] = "/";
	char *const none[] = {missing, NULL};
	char *const folder[] = {dir, NULL};
	struct rb_foreground_opts opts = {.argv = none, .umask = 022};

	(void)state;
	assert_int_equal(rb_foreground_run(&opts, &result, &err), RB_E_NOTFOUND);
	assert_string_equal(err.msg, "cannot run 'no-such-program-here': "
	                             "No such file or directory");
	opts.argv = folder;
	assert_int_equal(rb_foreground_run(&opts, &result, &err), RB_E_IO);
	assert_string_equal(err.msg, "cannot run '/': Permission denied");
}

/* It is in our process group and has the umask it was to get, and SIGPIPE as everybody. */
static void it_stands_where_we_stand(void **state)
{
	struct rb_foreground_result result;
	char script[512];
	mode_t before = umask(077);

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	/* Field 5 of stat is the process group. */
	snprintf(script, sizeof(script),
	         "[ \"$(umask)\" = 0022 ] || exit 1\n"
	         "[ \"$(cut -d' ' -f5 /proc/$$/stat)\" = %ld ] || exit 2\n"
	         "kill -PIPE $$\nexit 3",
	         (long)getpgrp());
	assert_int_equal(run(script, &result, NULL), RB_OK);
	assert_int_equal(result.exit_code, -1);
	assert_int_equal(result.term_signal, SIGPIPE);
	assert_int_equal(umask(before), 077);
}

static void output_can_go_to_standard_error(void **state)
{
	char sh[] = "sh";
	char flag[] = "-c";
	char text[] = "echo said";
	char *const argv[] = {sh, flag, text, NULL};
	struct rb_foreground_opts opts = {.argv = argv, .umask = 022, .stdout_to_stderr = true};
	struct rb_foreground_result result;
	char got[16] = "";
	int kept = dup(STDERR_FILENO);
	int file = open("said", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int rc;

	(void)state;
	assert_true(kept >= 0 && file >= 0);
	assert_true(dup2(file, STDERR_FILENO) >= 0);
	rc = rb_foreground_run(&opts, &result, NULL);
	assert_true(dup2(kept, STDERR_FILENO) >= 0);
	close(kept);
	assert_int_equal(rc, RB_OK);
	assert_int_equal(pread(file, got, sizeof(got) - 1, 0), 5);
	assert_string_equal(got, "said\n");
	close(file);
	unlink("said");
}

/* A signal that somebody sends us goes to the program, and does not end us. */
static void signals_are_passed_on(void **state)
{
	static const int signums[] = {SIGTERM, SIGINT, SIGHUP};
	struct rb_foreground_result result;
	char script[200];

	(void)state;
	rb_cancel_install();
	for (size_t i = 0; i < sizeof(signums) / sizeof(signums[0]); i++) {
		/* The trap ends the loop. */
		snprintf(script, sizeof(script),
		         "trap 'exit 42' %d; kill -%d $PPID; while :; do sleep 0.02; done",
		         signums[i], signums[i]);
		assert_int_equal(run(script, &result, NULL), RB_OK);
		assert_int_equal(result.exit_code, 42);
		assert_int_equal(rb_cancel_signal(), 0);
	}
}

static void nothing_is_started_after_a_signal(void **state)
{
	struct rb_foreground_result result;
	struct rb_err err = {0};

	(void)state;
	rb_cancel_request(SIGTERM);
	assert_int_equal(run("touch ran", &result, &err), RB_E_CANCELLED);
	assert_string_equal(err.msg, "stopped by SIGTERM");
	assert_false(rb_fs_exists("ran"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, tear_down)
	const struct CMUnitTest tests[] = {
	        TEST(statuses_and_signals_are_told_apart),
	        TEST(what_cannot_be_run_is_said),
	        TEST(it_stands_where_we_stand),
	        TEST(output_can_go_to_standard_error),
	        TEST(signals_are_passed_on),
	        TEST(nothing_is_started_after_a_signal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
