/*
 * A table's definition without what would change or refuse its rows, byte for byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/sqlite_db.h"
#include "sqlite/target_priv.h"

/* Loosen a definition, its columns being those that SQLite reads out of it. */
static char *loosened(const char *sql)
{
	struct rb_buf out = RB_BUF(1 << 16);
	struct rb_source *source;
	struct rb_catalog *catalog;
	struct rb_err err = {0};
	char *text;

	db_make("loose.db", sql);
	source = source_open("loose.db");
	catalog = source_catalog(source);
	assert_int_equal(catalog->table_count, 1);
	if (rb_sqlite_loosen(sql, &catalog->tables[0], &out, &err) < 0)
		fail_msg("%s: %s", err.msg, sql);
	rb_catalog_free(catalog);
	rb_adapter_sqlite.source_close(source);
	text = rb_buf_detach(&out);
	/* It must be a definition, too. */
	db_make("loose.db", text);
	return text;
}

static void drops_types_and_constraints_on_values(void **state)
{
	static const char *const cases[][2] = {
	        {"CREATE TABLE t(a INT)", "CREATE TABLE t(a )"},
	        {"CREATE TABLE t(a)", "CREATE TABLE t(a)"},
	        {"CREATE TABLE t(a \"INT\", b VARCHAR(10, 2) NOT NULL)",
	         "CREATE TABLE t(a , b   NULL)"},
	        {"CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, n INTEGER)",
	         "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, n )"},
	        {"CREATE TABLE t(id INTEGER, n INTEGER, PRIMARY KEY(id))",
	         "CREATE TABLE t(id INTEGER, n , PRIMARY KEY(id))"},
	        {"CREATE TABLE t(id INTEGER, PRIMARY KEY(id)) WITHOUT ROWID",
	         "CREATE TABLE t(id , PRIMARY KEY(id)) WITHOUT ROWID"},
	        {"CREATE TABLE t(a INT NOT NULL ON CONFLICT IGNORE DEFAULT (1 + (2)) UNIQUE)",
	         "CREATE TABLE t(a   NULL ON CONFLICT IGNORE DEFAULT (1 + (2)) UNIQUE)"},
	        {"CREATE TABLE t(a CHECK(a > ')' AND (a)), CONSTRAINT c CHECK (a /* ) */ < 9))",
	         "CREATE TABLE t(a CHECK(1), CONSTRAINT c CHECK(1))"},
	        {"CREATE TABLE t(a UNSIGNED BIG INT COLLATE NOCASE DEFAULT 'x,y')",
	         "CREATE TABLE t(a  COLLATE NOCASE DEFAULT 'x,y')"},
	        {"CREATE TABLE t([a, b] INT, \"c)\"TEXT, `d`INT, 'e' INT -- , f INT\n)",
	         "CREATE TABLE t([a, b] , \"c)\" , `d` , 'e'  -- , f INT\n)"},
	        {"CREATE TABLE t(a INT REFERENCES o(x) ON DELETE SET NULL NOT DEFERRABLE,"
	         " FOREIGN KEY(a) REFERENCES p)",
	         "CREATE TABLE t(a  REFERENCES o(x) ON DELETE SET NULL NOT DEFERRABLE,"
	         " FOREIGN KEY(a) REFERENCES p)"},
	        {"CREATE TABLE t(a INT, b INT AS (a + 1) NOT NULL, c TEXT GENERATED ALWAYS AS (b))",
	         "CREATE TABLE t(a , b INT AS (a + 1)  NULL, c TEXT GENERATED ALWAYS AS (b))"},
	        {"CREATE TABLE t(\"not\" INT, \"check\" INT, k PRIMARY KEY)",
	         "CREATE TABLE t(\"not\" , \"check\" , k PRIMARY KEY)"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = loosened(cases[i][0]);

		assert_string_equal(text, cases[i][1]);
		free(text);
	}
}

/* Texts that SQLite would not have kept: whatever they are, they end in an error. */
static void malformed_definitions_are_refused(void **state)
{
	static const char *const texts[] = {
	        "",
	        "CREATE TABLE t",
	        "CREATE TABLE t(",
	        "CREATE TABLE t(a",
	        "CREATE TABLE t(a, b)",
	        "CREATE TABLE t()",
	        "CREATE TABLE t(a INT(",
	        "CREATE TABLE t(a CHECK(",
	        "CREATE TABLE t(a DEFAULT (",
	        "CREATE TABLE t(a /*",
	        "CREATE TABLE t(a 'x",
	        "CREATE TABLE t(CHECK(1))",
	};
	char name[] = "t";
	char column_name[] = "a";
	char empty[] = "";
	struct rb_column column = {.name = column_name, .type = empty};
	struct rb_table table = {
	        .name = name, .columns = &column, .column_count = 1, .options = empty};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct rb_buf out = RB_BUF(1 << 16);
		struct rb_err err = {0};

		if (rb_sqlite_loosen(texts[i], &table, &out, &err) != RB_E_UNSUPPORTED)
			fail_msg("%s", texts[i]);
		assert_string_equal(err.msg,
		                    "the definition of table 't' does not list its columns");
		rb_buf_release(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(drops_types_and_constraints_on_values),
	        cmocka_unit_test(malformed_definitions_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
