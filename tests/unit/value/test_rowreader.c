/*
 * rowback/value/rowreader.h: what the writer would not have written is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "harness/fault.h"
#include "harness/rows.h"

static void every_kind_comes_back(void **state)
{
	struct rows *rows = *state;

	assert_int_equal(rows_read_text(rows, "{\"a\":-12,\"b\":1.5,\"c\":\"x\\ny\",\"d\":true}"),
	                 RB_OK);
	assert_int_equal(rows->values[0].kind, RB_VALUE_INT);
	assert_int_equal(rows->values[0].u.i, -12);
	assert_int_equal(rows->values[1].kind, RB_VALUE_REAL);
	assert_true(rows->values[1].u.r == 1.5);
	assert_int_equal(rows->values[2].kind, RB_VALUE_TEXT);
	assert_int_equal(rows->values[2].u.bytes.len, 3);
	assert_memory_equal(rows->values[2].u.bytes.data, "x\ny", 3);
	assert_int_equal(rows->values[3].kind, RB_VALUE_BOOL);
	assert_int_equal(rows->values[3].u.i, 1);

	assert_int_equal(rows_read_text(rows,
	                                "{\"b\":{\"$blob\":\"AAEC\"},\"c\":{\"$text\":\"/w==\"},"
	                                "\"d\":9223372036854775808}"),
	                 RB_OK);
	assert_int_equal(rows->values[0].kind, RB_VALUE_NULL);
	assert_int_equal(rows->values[1].kind, RB_VALUE_BLOB);
	assert_int_equal(rows->values[1].u.bytes.len, 3);
	assert_memory_equal(rows->values[1].u.bytes.data, "\0\1\2", 3);
	assert_int_equal(rows->values[2].kind, RB_VALUE_TEXT_RAW);
	assert_int_equal(rows->values[2].u.bytes.len, 1);
	assert_memory_equal(rows->values[2].u.bytes.data, "\xff", 1);
	assert_int_equal(rows->values[3].kind, RB_VALUE_NUMBER);
	assert_int_equal(rows->values[3].u.bytes.len, 19);
	assert_memory_equal(rows->values[3].u.bytes.data, "9223372036854775808", 19);

	assert_int_equal(rows_read_text(rows, "{}"), RB_OK);
	for (int i = 0; i < ROWS_COLUMNS; i++)
		assert_int_equal(rows->values[i].kind, RB_VALUE_NULL);
}

static void a_string_without_escapes_is_not_copied(void **state)
{
	static const char line[] = "{\"a\":\"plain\",\"b\":\"esc\\\\aped\"}";
	struct rows *rows = *state;

	assert_int_equal(
	        rb_rowreader_line(rows->reader, line, sizeof(line) - 1, rows->values, &rows->err),
	        RB_OK);
	assert_ptr_equal(rows->values[0].u.bytes.data, line + 6);
	assert_int_equal(rows->values[1].u.bytes.len, 8);
}

/* Lines the writer makes, each with every kind of value at some edge. */
static const char *const valid_lines[] = {
        "{}",
        "{\"a\":1}",
        "{\"d\":1}",
        "{\"a\":0,\"b\":-1,\"c\":9223372036854775807,\"d\":-9223372036854775808}",
        "{\"a\":999999999999999999,\"b\":1000000000000000000,\"c\":-999999999999999999}",
        "{\"a\":9223372036854775808,\"b\":-9223372036854775809,\"c\":18446744073709551616,"
        "\"d\":100000000000000000000000000000000000000}",
        "{\"a\":0.0,\"b\":-0.0,\"c\":5.0e-324,\"d\":1.7976931348623157e308}",
        "{\"a\":{\"$real\":\"inf\"},\"b\":{\"$real\":\"-inf\"},\"c\":{\"$real\":\"nan\"}}",
        "{\"a\":\"\",\"b\":\"\\u0000\\u001f\\b\\t\\n\\f\\r\\\"\\\\/"
        "\177\",\"c\":\"\xf0\x9f\x98\x80\"}",
        "{\"a\":{\"$blob\":\"\"},\"b\":{\"$blob\":\"AA==\"},\"c\":{\"$text\":\"/////w==\"}}",
        "{\"a\":true,\"b\":false,\"c\":\"{\\\"$blob\\\":\\\"\\\"}\",\"d\":12345.678}",
        "{\"a\":\"a long text without escapes, longer than sixteen bytes\",\"b\":\"\\u0001\"}",
};

#define VALID_COUNT (sizeof(valid_lines) / sizeof(valid_lines[0]))

static void valid_lines_are_rewritten_byte_for_byte(void **state)
{
	struct rows *rows = *state;

	for (size_t i = 0; i < VALID_COUNT; i++) {
		assert_int_equal(rows_read_text(rows, valid_lines[i]), RB_OK);
		rows_assert_rewritten(rows, valid_lines[i], strlen(valid_lines[i]));
	}
}

static void every_truncation_is_refused(void **state)
{
	struct rows *rows = *state;

	for (size_t i = 0; i < VALID_COUNT; i++)
		for (size_t len = 0; len < strlen(valid_lines[i]); len++)
			assert_int_equal(rows_read(rows, valid_lines[i], len), RB_E_FORMAT);
}

/* A changed line is refused, or it is another row's line. */
static void every_mutation_is_refused_or_canonical(void **state)
{
	struct rows *rows = *state;
	char line[200];

	for (size_t i = 0; i < VALID_COUNT; i++) {
		size_t len = strlen(valid_lines[i]);

		assert_true(len < sizeof(line));
		for (size_t at = 0; at < len; at++) {
			for (int c = 0; c < 256; c++) {
				memcpy(line, valid_lines[i], len);
				line[at] = (char)c;
				if (rows_read(rows, line, len) == RB_OK)
					rows_assert_rewritten(rows, line, len);
				else
					assert_int_equal(rows->err.status, RB_E_FORMAT);
			}
			/* One byte more, one byte less. */
			for (int k = 0; k < 2; k++) {
				size_t made = k ? len + 1 : len - 1;

				memcpy(line, valid_lines[i], at);
				if (k)
					memcpy(line + at, valid_lines[i] + at - (at > 0),
					       len - at + 1);
				else
					memcpy(line + at, valid_lines[i] + at + 1, len - at - 1);
				if (rows_read(rows, line, made) == RB_OK)
					rows_assert_rewritten(rows, line, made);
			}
		}
	}
}

static void a_line_that_the_writer_would_not_make_is_refused(void **state)
{
	static const struct {
		const char *line;
		const char *message;
	} cases[] = {
	        {"", "byte 0: row does not begin with '{'"},
	        {"[]", "byte 0: row does not begin with '{'"},
	        {"{", "byte 1: neither the next column nor the row's end"},
	        {"{} ", "byte 2: text behind the row's end"},
	        {"{\"a\":1}\n", "byte 7: text behind the row's end"},
	        {"{ \"a\":1}", "byte 1: neither the next column nor the row's end"},
	        {"{\"a\":1,}", "byte 6: neither the next column nor the row's end"},
	        {"{,\"a\":1}", "byte 1: neither the next column nor the row's end"},
	        {"{\"a\":1\"b\":2}", "byte 6: neither the next column nor the row's end"},
	        {"{\"a\":1,\"a\":1}", "byte 6: neither the next column nor the row's end"},
	        {"{\"b\":1,\"a\":1}", "byte 6: neither the next column nor the row's end"},
	        {"{\"e\":1}", "byte 1: neither the next column nor the row's end"},
	        {"{\"\\u0061\":1}", "byte 1: neither the next column nor the row's end"},
	        {"{\"a\":}", "column \"a\", byte 5: value is malformed"},
	        {"{\"a\":", "column \"a\", byte 5: value is missing"},
	        {"{\"a\": 1}", "column \"a\", byte 5: value is malformed"},
	        {"{\"a\":null}", "column \"a\", byte 5: value is malformed"},
	        {"{\"b\":[1]}", "column \"b\", byte 5: value is malformed"},
	        {"{\"a\":tru}", "column \"a\", byte 5: value is malformed"},
	        {"{\"a\":01}", "column \"a\", byte 5: integer is not in its shortest form"},
	        {"{\"a\":-0}", "column \"a\", byte 5: integer is not in its shortest form"},
	        {"{\"a\":-}", "column \"a\", byte 5: integer is not in its shortest form"},
	        {"{\"a\":1-2}", "column \"a\", byte 5: integer is not in its shortest form"},
	        {"{\"a\":-01}", "column \"a\", byte 5: integer is not in its shortest form"},
	        {"{\"a\":00000000000000000001}",
	         "column \"a\", byte 5: integer is not in its shortest form"},
	        {"{\"a\":09223372036854775808}",
	         "column \"a\", byte 5: integer is not in its shortest form"},
	        {"{\"a\":1.50}", "column \"a\", byte 5: real is not in its shortest form"},
	        {"{\"a\":1.}", "column \"a\", byte 5: real is not in its shortest form"},
	        {"{\"a\":1e5}", "column \"a\", byte 5: real is not in its shortest form"},
	        {"{\"a\":1.0e5}", "column \"a\", byte 5: real is not in its shortest form"},
	        {"{\"a\":0.000001}", "column \"a\", byte 5: real is not in its shortest form"},
	        {"{\"a\":0.10000000000000001}",
	         "column \"a\", byte 5: real is not in its shortest form"},
	        {"{\"a\":10000000000000000.0}",
	         "column \"a\", byte 5: real is not in its shortest form"},
	        {"{\"a\":1.0e400}", "column \"a\", byte 5: real is not in its shortest form"},
	        {"{\"a\":1E5}", "byte 6: neither the next column nor the row's end"},
	        {"{\"a\":\"x}", "column \"a\", byte 8: string does not end"},
	        {"{\"a\":\"x\\n", "column \"a\", byte 9: string does not end"},
	        {"{\"a\":\"x\ny\"}", "column \"a\", byte 7: control character in a string"},
	        {"{\"a\":\"\\/\"}", "column \"a\", byte 6: escape is not one that rows have"},
	        {"{\"a\":\"\\u0061\"}", "column \"a\", byte 6: escape is not one that rows have"},
	        {"{\"a\":\"\\u000a\"}", "column \"a\", byte 6: escape is not one that rows have"},
	        {"{\"a\":\"\\u001F\"}", "column \"a\", byte 6: escape is not one that rows have"},
	        {"{\"a\":\"\\u0022\"}", "column \"a\", byte 6: escape is not one that rows have"},
	        {"{\"a\":\"\\u001\"}", "column \"a\", byte 6: escape is not one that rows have"},
	        {"{\"a\":\"\\", "column \"a\", byte 6: escape is not one that rows have"},
	        {"{\"a\":\"\\x41\"}", "column \"a\", byte 6: escape is not one that rows have"},
	        {"{\"a\":\"\xff\"}", "byte 6: not UTF-8"},
	        {"{\"a\":\"\xed\xa0\x80\"}", "byte 6: not UTF-8"},
	        {"{\"a\":{}}", "column \"a\", byte 5: object is not one that rows have"},
	        {"{\"a\":{\"b\":1}}", "column \"a\", byte 5: object is not one that rows have"},
	        {"{\"a\":{\"$real\":\"+inf\"}}",
	         "column \"a\", byte 15: real is none of inf, -inf and nan"},
	        {"{\"a\":{\"$real\":\"inf\" }}",
	         "column \"a\", byte 15: real is none of inf, -inf and nan"},
	        {"{\"a\":{\"$blob\":\"A\"}}", "column \"a\", byte 15: base64 is malformed"},
	        {"{\"a\":{\"$blob\":\"AB==\"}}", "column \"a\", byte 15: base64 is malformed"},
	        {"{\"a\":{\"$blob\":\"AA=\"}}", "column \"a\", byte 15: base64 is malformed"},
	        {"{\"a\":{\"$blob\":\"AA\\n\"}}", "column \"a\", byte 15: base64 is malformed"},
	        {"{\"a\":{\"$blob\":\"AAAA}", "column \"a\", byte 15: string does not end"},
	        {"{\"a\":{\"$blob\":\"AAAA\",\"x\":1}}", "column \"a\", byte 20: '}' is missing"},
	        {"{\"a\":{\"$blobfile\":\"aaaa\",\"size\":524289}}",
	         "column \"a\", byte 19: SHA-256 is not 64 lower-case digits"},
	        {"{\"a\":{\"$blobfile\":\"" ROWS_SHA256 "a\",\"size\":524289}}",
	         "column \"a\", byte 83: size is missing"},
	        {"{\"a\":{\"$blobfile\":\"" ROWS_SHA256 "\",\"size\":524288}}",
	         "column \"a\", byte 92: value is too short to be in a file"},
	        {"{\"a\":{\"$blobfile\":\"" ROWS_SHA256 "\",\"size\":-1}}",
	         "column \"a\", byte 92: value is too short to be in a file"},
	        {"{\"a\":{\"$blobfile\":\"" ROWS_SHA256 "\",\"size\":0524289}}",
	         "column \"a\", byte 92: size is not an integer in its shortest form"},
	        {"{\"a\":{\"$blobfile\":\"" ROWS_SHA256 "\",\"size\":9999999999999999999}}",
	         "column \"a\", byte 92: size is not an integer in its shortest form"},
	        {"{\"a\":{\"$blobfile\":\"" ROWS_SHA256 "\",\"size\":}}",
	         "column \"a\", byte 92: size is not an integer in its shortest form"},
	        {"{\"a\":{\"$blobfile\":\"" ROWS_SHA256 "\",\"size\":524289,\"x\":1}}",
	         "column \"a\", byte 98: '}' is missing"},
	};
	struct rows *rows = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		rows_assert_refused(rows, cases[i].line, cases[i].message);
}

static void a_nul_in_a_line_is_refused(void **state)
{
	struct rows *rows = *state;

	assert_int_equal(rows_read(rows, "{\"a\":\"x\0y\"}", 11), RB_E_FORMAT);
	assert_string_equal(rows->err.msg, "column \"a\", byte 7: control character in a string");
	assert_int_equal(rows_read(rows, "{\"a\":\"\\\0\"}", 10), RB_E_FORMAT);
	assert_int_equal(rows_read(rows, "{\"a\":\"\\u00\0\0\"}", 14), RB_E_FORMAT);
	assert_int_equal(rows_read(rows, "{\"a\":1\0}", 8), RB_E_FORMAT);
}

static void a_long_column_name_is_cut_in_messages(void **state)
{
	struct rows *rows = *state;
	struct rb_rowreader *reader = NULL;
	char name[301];
	char line[400];
	char want[400];

	memset(name, 'n', 300);
	name[300] = '\0';
	rows->columns[0].name = name;
	assert_int_equal(rb_rowreader_new(&rows->table, NULL, &reader, NULL), RB_OK);
	snprintf(line, sizeof(line), "{\"%s\":x}", name);
	assert_int_equal(rb_rowreader_line(reader, line, strlen(line), rows->values, &rows->err),
	                 RB_E_FORMAT);
	snprintf(want, sizeof(want), "column \"%.119s, byte 304: value is malformed", name);
	assert_string_equal(rows->err.msg, want);
	rb_rowreader_free(reader);
}

static void a_line_over_the_limit_is_refused_unread(void **state)
{
	struct rows *rows = *state;

	assert_int_equal(
	        rb_rowreader_line(rows->reader, "{}", RB_ROW_MAX, rows->values, &rows->err),
	        RB_E_LIMIT);
	assert_string_equal(rows->err.msg, "row is longer than 67108864 bytes");
}

static void a_reader_without_memory_is_not_made(void **state)
{
	struct rows *rows = *state;
	unsigned int nth = 1;

	for (;; nth++) {
		struct rb_rowreader *reader = NULL;
		int rc;

		fault_arm(FAULT_MALLOC, nth, ENOMEM);
		rc = rb_rowreader_new(&rows->table, NULL, &reader, &rows->err);
		if (fault_disarm() == 0) {
			assert_int_equal(rc, RB_OK);
			rb_rowreader_free(reader);
			break;
		}
		assert_int_equal(rc, RB_E_NOMEM);
		assert_null(reader);
	}
	assert_in_range(nth, 5, 20);
}

static void a_line_without_memory_fails_and_the_next_one_is_read(void **state)
{
	static const char line[] = "{\"a\":\"\\n\",\"b\":{\"$blob\":\"AAAA\"}}";
	struct rows *rows = *state;

	fault_arm(FAULT_MALLOC, 1, ENOMEM);
	assert_int_equal(
	        rb_rowreader_line(rows->reader, line, sizeof(line) - 1, rows->values, &rows->err),
	        RB_E_NOMEM);
	assert_int_equal(fault_disarm(), 1);
	assert_int_equal(rows_read_text(rows, line), RB_OK);
	rows_assert_rewritten(rows, line, sizeof(line) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(every_kind_comes_back, rows_set_up, rows_tear_down),
	        cmocka_unit_test_setup_teardown(a_string_without_escapes_is_not_copied, rows_set_up,
	                                        rows_tear_down),
	        cmocka_unit_test_setup_teardown(valid_lines_are_rewritten_byte_for_byte,
	                                        rows_set_up, rows_tear_down),
	        cmocka_unit_test_setup_teardown(every_truncation_is_refused, rows_set_up,
	                                        rows_tear_down),
	        cmocka_unit_test_setup_teardown(every_mutation_is_refused_or_canonical, rows_set_up,
	                                        rows_tear_down),
	        cmocka_unit_test_setup_teardown(a_line_that_the_writer_would_not_make_is_refused,
	                                        rows_set_up, rows_tear_down),
	        cmocka_unit_test_setup_teardown(a_nul_in_a_line_is_refused, rows_set_up,
	                                        rows_tear_down),
	        cmocka_unit_test_setup_teardown(a_long_column_name_is_cut_in_messages, rows_set_up,
	                                        rows_tear_down),
	        cmocka_unit_test_setup_teardown(a_line_over_the_limit_is_refused_unread,
	                                        rows_set_up, rows_tear_down),
	        cmocka_unit_test_setup_teardown(a_reader_without_memory_is_not_made, rows_set_up,
	                                        rows_tear_down),
	        cmocka_unit_test_setup_teardown(
	                a_line_without_memory_fails_and_the_next_one_is_read, rows_set_up,
	                rows_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
