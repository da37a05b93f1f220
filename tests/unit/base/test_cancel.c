/*
 * rowback/base/cancel.h: the first signal is told, and nohup is heeded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "rowback/base/cancel.h"

static int set_up(void **state)
{
	(void)state;
	signal(SIGHUP, SIG_DFL);
	rb_cancel_install();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	rb_cancel_request(0);
	return 0;
}

static void nothing_asked_nothing_stops(void **state)
{
	struct rb_err err = {0};

	(void)state;
	assert_int_equal(rb_cancel_signal(), 0);
	assert_int_equal(rb_cancel_check(&err), RB_OK);
	assert_string_equal(err.msg, "");
}

static void the_first_signal_is_told(void **state)
{
	static const struct {
		int signum;
		const char *message;
	} cases[] = {
	        {SIGINT, "stopped by SIGINT"},
	        {SIGTERM, "stopped by SIGTERM"},
	        {SIGHUP, "stopped by SIGHUP"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rb_err err = {0};

		raise(cases[i].signum);
		raise(SIGTERM); /* a later one changes nothing */
		assert_int_equal(rb_cancel_signal(), cases[i].signum);
		assert_int_equal(rb_cancel_check(&err), RB_E_CANCELLED);
		assert_string_equal(err.msg, cases[i].message);
		rb_cancel_request(0);
		assert_int_equal(rb_cancel_check(&err), RB_OK);
	}
}

static void a_request_counts_as_a_signal(void **state)
{
	struct rb_err err = {0};

	(void)state;
	rb_cancel_request(SIGUSR1);
	assert_int_equal(rb_cancel_signal(), SIGUSR1);
	assert_int_equal(rb_cancel_check(&err), RB_E_CANCELLED);
	assert_string_equal(err.msg, "stopped by signal 10");
}

static void waits_are_interrupted_and_broken_pipes_are_errors(void **state)
{
	struct sigaction action;
	int fds[2];

	(void)state;
	assert_int_equal(sigaction(SIGINT, NULL, &action), 0);
	assert_int_equal(action.sa_flags & SA_RESTART, 0);
	assert_int_equal(pipe(fds), 0);
	close(fds[0]);
	assert_int_equal(write(fds[1], "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	close(fds[1]);
}

static void a_hangup_that_nohup_ignores_stays_ignored(void **state)
{
	(void)state;
	signal(SIGHUP, SIG_IGN);
	rb_cancel_install();
	raise(SIGHUP);
	assert_int_equal(rb_cancel_signal(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(nothing_asked_nothing_stops, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(the_first_signal_is_told, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(a_request_counts_as_a_signal, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(waits_are_interrupted_and_broken_pipes_are_errors,
	                                        set_up, tear_down),
	        cmocka_unit_test_setup_teardown(a_hangup_that_nohup_ignores_stays_ignored, set_up,
	                                        tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
