/*
 * adapter/postgres/order.c: key order as SQL.  That a server sorts so is for
 * tests/integration/postgres.sh.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postgres/postgres_priv.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define COLUMNS_MAX 1600

/* A column of a type. */
struct spec {
	const char *name;
	const char *type;
	const char *form;
	bool not_null;
};

/* The list behind ORDER BY for a table whose key is all of these columns. */
static char *order_of(const struct rb_pg_conn *conn, const struct spec *specs, size_t count,
                      enum rb_key_kind kind)
{
	static struct rb_column columns[COLUMNS_MAX];
	static size_t key[COLUMNS_MAX];
	static char texts[COLUMNS_MAX][3][40];
	struct rb_table table = {.columns = columns,
	                         .column_count = count,
	                         .key = key,
	                         .key_count = count,
	                         .key_kind = kind};
	struct rb_buf sql = RB_BUF(RB_PG_SQL_MAX);
	char *text;

	for (size_t i = 0; i < count; i++) {
		snprintf(texts[i][0], sizeof(texts[i][0]), "%s", specs[i].name);
		snprintf(texts[i][1], sizeof(texts[i][1]), "%s", specs[i].type);
		snprintf(texts[i][2], sizeof(texts[i][2]), "%s", specs[i].form);
		columns[i] = (struct rb_column){.name = texts[i][0],
		                                .type = texts[i][1],
		                                .form = texts[i][2],
		                                .not_null = specs[i].not_null};
		key[i] = i;
	}
	assert_int_equal(rb_pg_add_order(conn, &table, &sql, NULL), RB_OK);
	text = rb_buf_detach(&sql);
	assert_non_null(text);
	return text;
}

static void a_column_sorts_as_its_key_does(void **state)
{
	static const struct {
		struct spec spec;
		const char *order;
	} cases[] = {
	        {{"a", "integer", "int", true}, " ORDER BY \"a\""},
	        {{"a", "integer", "int", false}, " ORDER BY \"a\" NULLS FIRST"},
	        {{"a\"b", "boolean", "bool", true}, " ORDER BY \"a\"\"b\""},
	        {{"a", "bytea", "blob", true}, " ORDER BY \"a\""},
	        {{"a", "uuid", "text", true}, " ORDER BY \"a\""},
	        {{"a", "text", "text", true}, " ORDER BY (\"a\") COLLATE \"C\""},
	        {{"a", "character varying(20)", "text", false},
	         " ORDER BY (\"a\") COLLATE \"C\" NULLS FIRST"},
	        {{"a", "character(20)", "text", true}, " ORDER BY (concat(\"a\")) COLLATE \"C\""},
	        {{"a", "inet", "text", false},
	         " ORDER BY (CASE WHEN \"a\" IS DISTINCT FROM NULL THEN concat(\"a\") END)"
	         " COLLATE \"C\" NULLS FIRST"},
	        {{"a", "numeric", "number", true},
	         " ORDER BY right(concat(\"a\"), 1) COLLATE \"C\" > '9', (concat(\"a\"))"
	         " COLLATE \"C\""},
	};
	const struct rb_pg_conn conn = {.is_utf8 = true};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *order = order_of(&conn, &cases[i].spec, 1, RB_KEY_PRIMARY);

		assert_string_equal(order, cases[i].order);
		free(order);
	}
}

static void texts_of_another_encoding_sort_by_their_utf8(void **state)
{
	static const struct spec spec = {"a", "text", "text", true};
	const struct rb_pg_conn latin1 = {.is_utf8 = false};
	const struct rb_pg_conn raw = {.is_raw = true};
	char *order = order_of(&latin1, &spec, 1, RB_KEY_PRIMARY);

	(void)state;
	assert_string_equal(order, " ORDER BY convert_to(\"a\", 'UTF8')");
	free(order);
	order = order_of(&raw, &spec, 1, RB_KEY_PRIMARY);
	assert_non_null(
	        strstr(order, " ORDER BY encode(textsend(\"a\"), 'hex') COLLATE \"C\" !~ "));
	assert_non_null(strstr(order, ", textsend(\"a\")"));
	free(order);
}

static void rows_that_are_equal_but_for_a_zero_have_an_order(void **state)
{
	static const struct spec specs[] = {{"a", "real", "real", false},
	                                    {"b", "integer", "int", false}};
	const struct rb_pg_conn conn = {.is_utf8 = true};
	char *order = order_of(&conn, specs, 2, RB_KEY_ROW);

	(void)state;
	assert_string_equal(order,
	                    " ORDER BY \"a\" NULLS FIRST, \"b\" NULLS FIRST, \"a\"::text <> '-0'");
	free(order);
}

static void a_table_without_columns_has_no_order(void **state)
{
	const struct rb_pg_conn conn = {.is_utf8 = true};
	char *order = order_of(&conn, NULL, 0, RB_KEY_ROW);

	(void)state;
	assert_string_equal(order, "");
	free(order);
}

/* A statement's result has 1,664 columns at most, with those it sorts by. */
static void many_columns_sort_in_rows(void **state)
{
	static const char begin[] = " ORDER BY ROW(\"a\" IS DISTINCT FROM NULL, \"a\", ";
	static struct spec specs[COLUMNS_MAX];
	const struct rb_pg_conn conn = {.is_utf8 = true};
	size_t rows = 0;
	char *order;

	(void)state;
	for (size_t i = 0; i < COLUMNS_MAX; i++)
		specs[i] = (struct spec){"a", "integer", "int", false};
	order = order_of(&conn, specs, COLUMNS_MAX, RB_KEY_ROW);
	assert_int_equal(strncmp(order, begin, strlen(begin)), 0);
	for (const char *p = strstr(order, "ROW("); p; p = strstr(p + 1, "ROW("))
		rows++;
	assert_int_equal(rows, 8);
	assert_string_equal(order + strlen(order) - 4, "\"a\")");
	assert_null(strstr(order, "NULLS FIRST"));
	free(order);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_column_sorts_as_its_key_does),
	        cmocka_unit_test(texts_of_another_encoding_sort_by_their_utf8),
	        cmocka_unit_test(rows_that_are_equal_but_for_a_zero_have_an_order),
	        cmocka_unit_test(a_table_without_columns_has_no_order),
	        cmocka_unit_test(many_columns_sort_in_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
