/*
 * rowback/base/err.h: the status is kept, the message names what failed, text is cut whole.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "rowback/base/err.h"

static void set_records_and_returns_the_status(void **state)
{
	struct rb_err err = {.hint = "of an older failure"};

	(void)state;
	assert_int_equal(rb_err_set(&err, RB_E_LIMIT, "row is %d bytes", 5), RB_E_LIMIT);
	assert_int_equal(err.status, RB_E_LIMIT);
	assert_string_equal(err.msg, "row is 5 bytes");
	assert_string_equal(err.hint, "");
	assert_int_equal(rb_err_set(NULL, RB_E_LIMIT, "x"), RB_E_LIMIT);
}

static void a_system_call_gives_its_reason_and_a_status(void **state)
{
	static const struct {
		int errnum;
		int status;
		const char *message;
	} cases[] = {
	        {ENOENT, RB_E_NOTFOUND, "cannot open 'x': No such file or directory"},
	        {ENOMEM, RB_E_NOMEM, "cannot open 'x': Cannot allocate memory"},
	        {EACCES, RB_E_IO, "cannot open 'x': Permission denied"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rb_err err = {0};

		assert_int_equal(rb_err_sys(&err, cases[i].errnum, "cannot open '%s'", "x"),
		                 cases[i].status);
		assert_int_equal(err.status, cases[i].status);
		assert_string_equal(err.msg, cases[i].message);
		assert_int_equal(rb_err_sys(NULL, cases[i].errnum, "x"), cases[i].status);
	}
}

static void a_long_path_does_not_push_the_reason_out(void **state)
{
	static char path[3000];
	struct rb_err err = {0};
	const char *reason = ": Permission denied";

	(void)state;
	memset(path, 'p', sizeof(path) - 1);
	assert_int_equal(rb_err_sys(&err, EACCES, "%s", path), RB_E_IO);
	assert_int_equal(strlen(err.msg), 700 + strlen(reason));
	assert_string_equal(err.msg + 700, reason);
}

static void wrap_puts_what_was_being_done_in_front(void **state)
{
	struct rb_err err = {0};

	(void)state;
	rb_err_set(&err, RB_E_IO, "disk full");
	rb_err_hint(&err, "free some space");
	assert_int_equal(rb_err_wrap(&err, RB_E_IO, "table %s", "orders"), RB_E_IO);
	assert_string_equal(err.msg, "table orders: disk full");
	assert_string_equal(err.hint, "free some space");
	assert_int_equal(rb_err_wrap(NULL, RB_E_IO, "x"), RB_E_IO);
}

static void wrapping_for_ever_stays_inside_the_message(void **state)
{
	struct rb_err err = {0};

	(void)state;
	rb_err_set(&err, RB_E_IO, "end");
	for (int i = 0; i < 500; i++)
		rb_err_wrap(&err, RB_E_IO, "level %d", i);
	assert_memory_equal(err.msg, "level 499: level 498: ", 22);
	assert_true(strlen(err.msg) < sizeof(err.msg));
}

static void a_hint_returns_the_status_and_replaces_an_older_one(void **state)
{
	struct rb_err err = {0};

	(void)state;
	rb_err_set(&err, RB_E_LOCKED, "locked");
	assert_int_equal(rb_err_hint(&err, "wait"), RB_E_LOCKED);
	assert_int_equal(rb_err_hint(&err, "wait %d s", 5), RB_E_LOCKED);
	assert_string_equal(err.hint, "wait 5 s");
	assert_string_equal(err.msg, "locked");
	assert_int_equal(rb_err_hint(NULL, "x"), RB_E_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(set_records_and_returns_the_status),
	        cmocka_unit_test(a_system_call_gives_its_reason_and_a_status),
	        cmocka_unit_test(a_long_path_does_not_push_the_reason_out),
	        cmocka_unit_test(wrap_puts_what_was_being_done_in_front),
	        cmocka_unit_test(wrapping_for_ever_stays_inside_the_message),
	        cmocka_unit_test(a_hint_returns_the_status_and_replaces_an_older_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
