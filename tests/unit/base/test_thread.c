/*
 * Threads: signals are for the main thread, except those of a crash.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>

#include "harness/fault.h"
#include "rowback/base/thread.h"

static void *take_mask(void *arg)
{
	pthread_sigmask(SIG_SETMASK, NULL, arg);
	return NULL;
}

static void no_signal_is_delivered_but_those_of_a_crash(void **state)
{
	pthread_t thread;
	sigset_t before;
	sigset_t after;
	sigset_t mask;

	(void)state;
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	assert_int_equal(rb_thread_start(&thread, take_mask, &mask), 0);
	pthread_join(thread, NULL);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	assert_int_equal(sigismember(&mask, SIGINT), 1);
	assert_int_equal(sigismember(&mask, SIGTERM), 1);
	assert_int_equal(sigismember(&mask, SIGSEGV), 0);
	assert_int_equal(sigismember(&before, SIGTERM), 0);
	assert_int_equal(sigismember(&after, SIGTERM), 0);
}

static void a_thread_that_cannot_start_is_told_of(void **state)
{
	pthread_t thread;
	sigset_t mask;

	(void)state;
	fault_arm(FAULT_THREAD, 1, EAGAIN);
	assert_int_equal(rb_thread_start(&thread, take_mask, &mask), EAGAIN);
	assert_int_equal(fault_disarm(), 1);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	assert_int_equal(sigismember(&mask, SIGTERM), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(no_signal_is_delivered_but_those_of_a_crash),
	        cmocka_unit_test(a_thread_that_cannot_start_is_told_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
