/*
 * rowback/base/buf.h: content is exact, ends with NUL, and keeps its maximum.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness/fault.h"
#include "rowback/base/buf.h"

static void an_untouched_buffer_is_an_empty_string(void **state)
{
	struct rb_buf buf = RB_BUF(10);
	char *text;

	(void)state;
	assert_null(buf.data);
	assert_string_equal(rb_buf_str(&buf), "");
	text = rb_buf_detach(&buf);
	assert_string_equal(text, "");
	free(text);
	rb_buf_clear(&buf);
	rb_buf_release(&buf);
}

static void content_is_appended_and_ends_with_nul(void **state)
{
	struct rb_buf buf;

	(void)state;
	rb_buf_init(&buf, 1000);
	assert_int_equal(rb_buf_add(&buf, "a\0b", 3, NULL), RB_OK);
	assert_int_equal(rb_buf_add(&buf, NULL, 0, NULL), RB_OK);
	assert_int_equal(rb_buf_adds(&buf, "-", NULL), RB_OK);
	assert_int_equal(rb_buf_addf(&buf, NULL, "%d%%%s", 7, ""), RB_OK);
	assert_int_equal(buf.len, 6);
	assert_memory_equal(buf.data, "a\0b-7%", 7);

	rb_buf_clear(&buf);
	assert_int_equal(buf.len, 0);
	assert_string_equal(rb_buf_str(&buf), "");
	assert_true(buf.cap > 0);
	rb_buf_release(&buf);
	assert_null(buf.data);
	assert_int_equal(buf.max, 1000);
}

static void the_maximum_is_of_content_and_exact(void **state)
{
	struct rb_buf buf = RB_BUF(100);
	struct rb_err err = {0};

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(rb_buf_add(&buf, "x", 1, NULL), RB_OK);
	assert_int_equal(rb_buf_add(&buf, "", 0, NULL), RB_OK);
	assert_int_equal(rb_buf_add(&buf, "y", 1, &err), RB_E_LIMIT);
	assert_string_equal(err.msg, "101 bytes are more than the limit of 100");
	assert_int_equal(rb_buf_addf(&buf, NULL, "%d", 5), RB_E_LIMIT);
	assert_int_equal(rb_buf_reserve(&buf, SIZE_MAX, NULL), RB_E_LIMIT);
	assert_int_equal(buf.len, 100);
	assert_int_equal(strspn(rb_buf_str(&buf), "x"), 100);
	rb_buf_release(&buf);
}

static void without_memory_the_content_is_unchanged(void **state)
{
	struct rb_buf buf = RB_BUF(SIZE_MAX);
	struct rb_err err = {0};
	static char big[1000];

	(void)state;
	assert_int_equal(rb_buf_adds(&buf, "kept", NULL), RB_OK);
	fault_arm(FAULT_MALLOC, 1, ENOMEM);
	assert_int_equal(rb_buf_add(&buf, big, sizeof(big), &err), RB_E_NOMEM);
	assert_int_equal(fault_disarm(), 1);
	assert_string_equal(rb_buf_str(&buf), "kept");
	assert_int_equal(buf.len, 4);
	assert_int_equal(rb_buf_reserve(&buf, SIZE_MAX - 4, &err), RB_E_NOMEM);
	assert_string_equal(rb_buf_str(&buf), "kept");
	rb_buf_release(&buf);
}

static void a_detached_content_is_the_callers(void **state)
{
	struct rb_buf buf = RB_BUF(100);
	char *text;

	(void)state;
	assert_int_equal(rb_buf_adds(&buf, "mine", NULL), RB_OK);
	text = rb_buf_detach(&buf);
	assert_int_equal(rb_buf_adds(&buf, "next", NULL), RB_OK);
	assert_string_equal(text, "mine");
	assert_string_equal(rb_buf_str(&buf), "next");
	free(text);
	rb_buf_release(&buf);
}

static void quotes_are_doubled(void **state)
{
	static const struct {
		const char *text;
		char quote;
		const char *want;
	} cases[] = {
	        {"", '"', "\"\""},           {"orders", '"', "\"orders\""},
	        {"a\"b", '"', "\"a\"\"b\""}, {"\"\"", '"', "\"\"\"\"\"\""},
	        {"it's", '\'', "'it''s'"},   {"a\"b'", '\'', "'a\"b'''"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rb_buf buf = RB_BUF(100);

		assert_int_equal(rb_buf_add_quoted(&buf, cases[i].text, cases[i].quote, NULL),
		                 RB_OK);
		assert_string_equal(rb_buf_str(&buf), cases[i].want);
		rb_buf_release(&buf);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(an_untouched_buffer_is_an_empty_string),
	        cmocka_unit_test(content_is_appended_and_ends_with_nul),
	        cmocka_unit_test(the_maximum_is_of_content_and_exact),
	        cmocka_unit_test(without_memory_the_content_is_unchanged),
	        cmocka_unit_test(a_detached_content_is_the_callers),
	        cmocka_unit_test(quotes_are_doubled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
