/*
 * adapter/postgres/target_text.c: values as texts for the server.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "postgres/target_priv.h"

#define BYTES(kind_, text)                                                                         \
	{                                                                                          \
		.kind = (kind_), .u.bytes = {(text), sizeof(text) - 1 }                            \
	}

static const struct {
	struct rb_value value;
	const char *plain; /* as a parameter */
	const char *copy;  /* as COPY has it */
} cases[] = {
        {{.kind = RB_VALUE_NULL}, "", "\\N"},
        {{.kind = RB_VALUE_BOOL, .u.i = 1}, "t", "t"},
        {{.kind = RB_VALUE_BOOL, .u.i = 0}, "f", "f"},
        {{.kind = RB_VALUE_INT, .u.i = INT64_MIN}, "-9223372036854775808", "-9223372036854775808"},
        {{.kind = RB_VALUE_REAL, .u.r = 0.1}, "0.1", "0.1"},
        {{.kind = RB_VALUE_REAL, .u.r = -0.0}, "-0.0", "-0.0"},
        {{.kind = RB_VALUE_REAL, .u.r = 5e-324}, "5.0e-324", "5.0e-324"},
        {BYTES(RB_VALUE_NUMBER, "1.50"), "1.50", "1.50"},
        {BYTES(RB_VALUE_TEXT, ""), "", ""},
        {BYTES(RB_VALUE_TEXT, "\\N"), "\\N", "\\\\N"},
        {BYTES(RB_VALUE_TEXT, "\\."), "\\.", "\\\\."},
        {BYTES(RB_VALUE_TEXT, "a\tb\nc\rd\be\ff\vg\x1h'\""), "a\tb\nc\rd\be\ff\vg\x1h'\"",
         "a\\tb\\nc\\rd\\be\\ff\\vg\x1h'\""},
        {BYTES(RB_VALUE_TEXT, "\xc3\xa4"), "\xc3\xa4", "\xc3\xa4"},
        {BYTES(RB_VALUE_TEXT_RAW, "\xff\\"), "\xff\\", "\xff\\\\"},
        {BYTES(RB_VALUE_BLOB, ""), "\\x", "\\\\x"},
        {BYTES(RB_VALUE_BLOB, "\0\x7f\xff"), "\\x007fff", "\\\\x007fff"},
};

static void values_are_written_for_copy_and_as_parameters(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rb_buf plain = RB_BUF(1024);
		struct rb_buf copy = RB_BUF(1024);

		assert_int_equal(rb_pg_add_value(&plain, &cases[i].value, NULL), RB_OK);
		assert_string_equal(rb_buf_str(&plain), cases[i].plain);
		assert_int_equal(rb_pg_add_copy_value(&copy, &cases[i].value, NULL), RB_OK);
		assert_string_equal(rb_buf_str(&copy), cases[i].copy);
		rb_buf_release(&plain);
		rb_buf_release(&copy);
	}
}

static void reals_that_are_no_numbers_have_names(void **state)
{
	const struct {
		double real;
		const char *text;
	} names[] = {{NAN, "NaN"}, {INFINITY, "Infinity"}, {-INFINITY, "-Infinity"}};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct rb_value value = {.kind = RB_VALUE_REAL, .u.r = names[i].real};
		struct rb_buf out = RB_BUF(1024);

		assert_int_equal(rb_pg_add_copy_value(&out, &value, NULL), RB_OK);
		assert_string_equal(rb_buf_str(&out), names[i].text);
		rb_buf_release(&out);
	}
}

static void text_with_nul_is_refused(void **state)
{
	const struct rb_value value = BYTES(RB_VALUE_TEXT, "a\0b");
	struct rb_buf out = RB_BUF(1024);
	struct rb_err err = {0};

	(void)state;
	assert_int_equal(rb_pg_add_value(&out, &value, &err), RB_E_FORMAT);
	assert_string_equal(err.msg, "a text has a NUL, which PostgreSQL does not store");
	assert_int_equal(rb_pg_add_copy_value(&out, &value, &err), RB_E_FORMAT);
	rb_buf_release(&out);
}

static void a_value_too_long_for_the_buffer_is_refused(void **state)
{
	const struct rb_value value = BYTES(RB_VALUE_BLOB, "0123456789");
	struct rb_buf out = RB_BUF(10);

	(void)state;
	assert_int_equal(rb_pg_add_copy_value(&out, &value, NULL), RB_E_LIMIT);
	rb_buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(values_are_written_for_copy_and_as_parameters),
	        cmocka_unit_test(reals_that_are_no_numbers_have_names),
	        cmocka_unit_test(text_with_nul_is_refused),
	        cmocka_unit_test(a_value_too_long_for_the_buffer_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
