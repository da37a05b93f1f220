/*
 * adapter/postgres/copy_read.c, types.c: lines of COPY as values.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postgres/postgres_priv.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define COLUMNS_MAX 4

/* Take a line apart, in memory that ends where the line and its NUL end. */
static int take(const char *text, size_t len, const char *const *forms, size_t count,
                struct rb_value *values, char **line, struct rb_err *err)
{
	*line = malloc(len + 1);
	assert_non_null(*line);
	memcpy(*line, text, len);
	(*line)[len] = '\0';
	return rb_pg_copy_line(*line, len, forms, count, values, err);
}

static void assert_bytes(const struct rb_value *value, enum rb_value_kind kind, const char *data,
                         size_t len)
{
	assert_int_equal(value->kind, kind);
	assert_int_equal(value->u.bytes.len, len);
	assert_memory_equal(value->u.bytes.data, data, len);
}

static void texts_lose_their_escapes_and_nothing_else(void **state)
{
	static const char *const forms[] = {"text"};
	static const struct {
		const char *line;
		const char *text;
	} cases[] = {
	        {"\n", ""},
	        {"", ""},
	        {"plain\n", "plain"},
	        {"\\\\\n", "\\"},
	        {"\\\\N\n", "\\N"},
	        {"\\\\\\\\n\n", "\\\\n"},
	        {"a\\tb\\nc\\rd\n", "a\tb\nc\rd"},
	        {"\\b\\f\\v\n", "\b\f\v"},
	        {"end\\n\n", "end\n"},
	        {"N\n", "N"},
	        {"\"it's\"\n", "\"it's\""},
	        {"\xc3\xa9\\\\\xe2\x82\xac\n", "\xc3\xa9\\\xe2\x82\xac"},
	        {"\\\\.\n", "\\."},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rb_value value;
		char *line;

		assert_int_equal(
		        take(cases[i].line, strlen(cases[i].line), forms, 1, &value, &line, NULL),
		        RB_OK);
		assert_bytes(&value, RB_VALUE_TEXT, cases[i].text, strlen(cases[i].text));
		free(line);
	}
}

static void text_that_is_not_utf8_is_kept_as_it_is(void **state)
{
	static const char *const forms[] = {"text", "text"};
	struct rb_value values[2];
	char *line;

	(void)state;
	assert_int_equal(take("caf\xe9\\t\tok\n", 10, forms, 2, values, &line, NULL), RB_OK);
	assert_bytes(&values[0], RB_VALUE_TEXT_RAW, "caf\xe9\t", 5);
	assert_bytes(&values[1], RB_VALUE_TEXT, "ok", 2);
	free(line);
}

static void null_is_told_from_its_letters(void **state)
{
	static const char *const forms[] = {"text", "int", "text", "blob"};
	static const char text[] = "\\N\t\\N\t\\\\N\t\\N\n";
	struct rb_value values[4];
	char *line;

	(void)state;
	assert_int_equal(take(text, strlen(text), forms, 4, values, &line, NULL), RB_OK);
	assert_int_equal(values[0].kind, RB_VALUE_NULL);
	assert_int_equal(values[1].kind, RB_VALUE_NULL);
	assert_bytes(&values[2], RB_VALUE_TEXT, "\\N", 2);
	assert_int_equal(values[3].kind, RB_VALUE_NULL);
	free(line);
}

static void a_row_without_columns_is_an_empty_line(void **state)
{
	struct rb_value values[1];
	char *line;

	(void)state;
	assert_int_equal(take("\n", 1, NULL, 0, values, &line, NULL), RB_OK);
	free(line);
	assert_int_equal(take("a\n", 2, NULL, 0, values, &line, NULL), RB_E_FORMAT);
	free(line);
}

static void integers_and_booleans_are_read_exactly(void **state)
{
	static const char *const forms[] = {"int", "int", "int", "bool"};
	static const char text[] = "-9223372036854775808\t9223372036854775807\t-0\tf\n";
	struct rb_value values[4];
	char *line;

	(void)state;
	assert_int_equal(take(text, strlen(text), forms, 4, values, &line, NULL), RB_OK);
	assert_int_equal(values[0].kind, RB_VALUE_INT);
	assert_true(values[0].u.i == INT64_MIN);
	assert_true(values[1].u.i == INT64_MAX);
	assert_true(values[2].u.i == 0);
	assert_int_equal(values[3].kind, RB_VALUE_BOOL);
	assert_int_equal(values[3].u.i, 0);
	free(line);
}

static void reals_are_read_to_the_bit(void **state)
{
	static const char *const forms[] = {"real"};
	static const struct {
		const char *text;
		double want;
	} cases[] = {
	        {"0.1", 0.1},
	        {"1e+300", 1e300},
	        {"5e-324", 5e-324},
	        {"1e-05", 1e-05},
	        {"3", 3.0},
	        {"-1.7976931348623157e+308", -1.7976931348623157e+308},
	        {"123456", 123456.0},
	        {"Infinity", INFINITY},
	        {"-Infinity", -INFINITY},
	        {"-0", -0.0},
	        {"0.30000000000000004", 0.1 + 0.2},
	};
	struct rb_value value;
	char *line;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(
		        take(cases[i].text, strlen(cases[i].text), forms, 1, &value, &line, NULL),
		        RB_OK);
		assert_int_equal(value.kind, RB_VALUE_REAL);
		assert_memory_equal(&value.u.r, &cases[i].want, sizeof(double));
		free(line);
	}
	assert_int_equal(take("NaN", 3, forms, 1, &value, &line, NULL), RB_OK);
	assert_true(isnan(value.u.r));
	free(line);
}

static void numbers_keep_their_text_and_what_is_none_is_text(void **state)
{
	static const char *const forms[] = {"number"};
	static const struct {
		const char *text;
		enum rb_value_kind kind;
	} cases[] = {
	        {"1.50", RB_VALUE_NUMBER},
	        {"-0.0010", RB_VALUE_NUMBER},
	        {"123456789012345678901234567890", RB_VALUE_NUMBER},
	        {"0", RB_VALUE_NUMBER},
	        {"NaN", RB_VALUE_TEXT},
	        {"Infinity", RB_VALUE_TEXT},
	        {"-Infinity", RB_VALUE_TEXT},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rb_value value;
		char *line;

		assert_int_equal(
		        take(cases[i].text, strlen(cases[i].text), forms, 1, &value, &line, NULL),
		        RB_OK);
		assert_bytes(&value, cases[i].kind, cases[i].text, strlen(cases[i].text));
		free(line);
	}
}

static void bytes_are_decoded_in_place(void **state)
{
	static const char *const forms[] = {"blob", "blob"};
	static const char text[] = "\\\\x00ff5c0A\t\\\\x\n";
	struct rb_value values[2];
	char *line;

	(void)state;
	assert_int_equal(take(text, strlen(text), forms, 2, values, &line, NULL), RB_OK);
	assert_bytes(&values[0], RB_VALUE_BLOB, "\0\xff\\\n", 4);
	assert_bytes(&values[1], RB_VALUE_BLOB, "", 0);
	free(line);
}

static void what_copy_does_not_write_is_refused(void **state)
{
	static const struct {
		const char *forms[COLUMNS_MAX];
		size_t count;
		const char *line;
		const char *message;
	} cases[] = {
	        {{"text"}, 1, "a\\", "column 1: an escape that COPY does not write"},
	        {{"text"}, 1, "a\\x41", "column 1: an escape that COPY does not write"},
	        {{"text"}, 1, "\\101", "column 1: an escape that COPY does not write"},
	        {{"text"}, 1, "\\Na", "column 1: an escape that COPY does not write"},
	        {{"text", "text"}, 2, "a", "a row has not the 2 columns that were asked for"},
	        {{"text", "text"}, 2, "a\tb\tc", "a row has not the 2 columns that were asked for"},
	        {{"text", "int"}, 2, "a\t", "column 2: '' is no value of form int"},
	        {{"int"}, 1, "1.5", "column 1: '1.5' is no value of form int"},
	        {{"int"}, 1, "-", "column 1: '-' is no value of form int"},
	        {{"int"},
	         1,
	         "9223372036854775808",
	         "column 1: '9223372036854775808' is no value of form int"},
	        {{"bool"}, 1, "true", "column 1: 'true' is no value of form bool"},
	        {{"bool"}, 1, "", "column 1: '' is no value of form bool"},
	        {{"real"}, 1, "1,5", "column 1: '1,5' is no value of form real"},
	        {{"real"}, 1, "nan", "column 1: 'nan' is no value of form real"},
	        {{"blob"}, 1, "abc", "column 1: 'abc' is no value of form blob"},
	        {{"blob"}, 1, "\\\\x0", "column 1: '\\x0' is no value of form blob"},
	        {{"blob"}, 1, "\\\\x0g", "column 1: '\\x0g' is no value of form blob"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rb_value values[COLUMNS_MAX];
		struct rb_err err = {0};
		char *line;

		assert_int_equal(take(cases[i].line, strlen(cases[i].line), cases[i].forms,
		                      cases[i].count, values, &line, &err),
		                 RB_E_FORMAT);
		assert_string_equal(err.msg, cases[i].message);
		free(line);
	}
}

static void types_have_forms(void **state)
{
	static const struct {
		int64_t oid;
		const char *form;
	} cases[] = {
	        {16, "bool"},  {17, "blob"},  {18, "text"},  {19, "text"},     {20, "int"},
	        {21, "int"},   {23, "int"},   {25, "text"},  {26, "int"},      {114, "text"},
	        {700, "real"}, {701, "real"}, {790, "text"}, {1700, "number"}, {0, "text"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(rb_pg_form(cases[i].oid), cases[i].form);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(texts_lose_their_escapes_and_nothing_else),
	        cmocka_unit_test(text_that_is_not_utf8_is_kept_as_it_is),
	        cmocka_unit_test(null_is_told_from_its_letters),
	        cmocka_unit_test(a_row_without_columns_is_an_empty_line),
	        cmocka_unit_test(integers_and_booleans_are_read_exactly),
	        cmocka_unit_test(reals_are_read_to_the_bit),
	        cmocka_unit_test(numbers_keep_their_text_and_what_is_none_is_text),
	        cmocka_unit_test(bytes_are_decoded_in_place),
	        cmocka_unit_test(what_copy_does_not_write_is_refused),
	        cmocka_unit_test(types_have_forms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
