/*
 * adapter/postgres/groups.c: texts of rows as the server makes them, and lines that hold groups.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "postgres/postgres_priv.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The right sides are what PostgreSQL 15 gives for ROW(...)::text. */
static void texts_are_those_of_the_server(void **state)
{
	static const struct {
		const char *line;
		size_t count;
		const char *text;
	} cases[] = {
	        {"\n", 0, "()"},
	        {"\\N\n", 1, "()"},
	        {"\n", 1, "(\"\")"},
	        {"1\t2", 2, "(1,2)"},
	        {"\\N\t\\N\n", 2, "(,)"},
	        {"\t\\N\t\n", 3, "(\"\",,\"\")"},
	        {"a b\n", 1, "(\"a b\")"},
	        {"a,b\ta(b\ta)b\n", 3, "(\"a,b\",\"a(b\",\"a)b\")"},
	        {"a\"b\n", 1, "(\"a\"\"b\")"},
	        {"a\\\\b\n", 1, "(\"a\\\\b\")"},
	        {"\\\\x00ff\n", 1, "(\"\\\\x00ff\")"},
	        {"a\\tb\\nc\\rd\\ve\\ff\n", 1, "(\"a\tb\nc\rd\ve\ff\")"},
	        /* A backspace is no white space. */
	        {"a\\bb\\b\n", 1, "(a\bb\b)"},
	        {"a\\bb \n", 1, "(\"a\bb \")"},
	        {"\\\\N\n", 1, "(\"\\\\N\")"},
	        {"\xc3\xa9\xe2\x82\xac\n", 1, "(\xc3\xa9\xe2\x82\xac)"},
	        {"{1,2}\t(1,x)\n", 2, "(\"{1,2}\",\"(1,x)\")"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rb_buf out = RB_BUF(1024);

		assert_int_equal(rb_pg_add_record(cases[i].line, strlen(cases[i].line),
		                                  cases[i].count, &out, NULL),
		                 RB_OK);
		assert_string_equal(rb_buf_str(&out), cases[i].text);
		rb_buf_release(&out);
	}
}

static void another_number_of_columns_is_refused(void **state)
{
	struct rb_buf out = RB_BUF(1024);

	(void)state;
	assert_int_equal(rb_pg_add_record("a\tb\n", 4, 1, &out, NULL), RB_E_FORMAT);
	assert_int_equal(rb_pg_add_record("a\tb\n", 4, 3, &out, NULL), RB_E_FORMAT);
	rb_buf_release(&out);
}

static int keep(void *ctx, const struct rb_group *group, struct rb_err *err)
{
	(void)err;
	*(struct rb_group *)ctx = *group;
	return RB_OK;
}

static int take(const char *line, struct rb_group *out)
{
	const struct rb_group_sink sink = {.group = keep, .ctx = out};

	return rb_pg_take_group(line, strlen(line), &sink, NULL);
}

static void groups_are_read_exactly(void **state)
{
	struct rb_group group = {0};

	(void)state;
	assert_int_equal(take("4294967295\t000102030405060708090a0b0c0d0e0f10111213\n", &group),
	                 RB_OK);
	assert_int_equal(group.rows, UINT32_MAX);
	for (size_t i = 0; i < sizeof(group.digest); i++)
		assert_int_equal(group.digest[i], i);
}

static void what_is_no_group_is_refused(void **state)
{
	static const char *const bad[] = {
	        "",
	        "\n",
	        "1\n",
	        "0\t000102030405060708090a0b0c0d0e0f10111213\n",
	        "-1\t000102030405060708090a0b0c0d0e0f10111213\n",
	        "4294967296\t000102030405060708090a0b0c0d0e0f10111213\n",
	        "11111111111\t000102030405060708090a0b0c0d0e0f10111213\n",
	        "1 000102030405060708090a0b0c0d0e0f10111213\n",
	        "1\t000102030405060708090a0b0c0d0e0f101112\n",
	        "1\t000102030405060708090a0b0c0d0e0f1011121314\n",
	        "1\tg00102030405060708090a0b0c0d0e0f10111213\n",
	        "1\t\\N\n",
	};
	struct rb_group group = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(take(bad[i], &group), RB_E_FORMAT);
	assert_int_equal(group.rows, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(texts_are_those_of_the_server),
	        cmocka_unit_test(another_number_of_columns_is_refused),
	        cmocka_unit_test(groups_are_read_exactly),
	        cmocka_unit_test(what_is_no_group_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
