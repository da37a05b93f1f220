/*
 * adapter/sqlite/schema.c: a script that makes the schema again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/sh.h"
#include "harness/sqlite_db.h"

static char *script_of(const char *path)
{
	struct rb_source *source = source_open(path);
	struct rb_catalog *catalog = source_catalog(source);
	struct rb_buf script = RB_BUF(1 << 20);
	char *text;

	assert_int_equal(source->adapter->source_schema_sql(source, catalog, &script, NULL), RB_OK);
	rb_catalog_free(catalog);
	source->adapter->source_close(source);
	text = rb_buf_detach(&script);
	assert_non_null(text);
	return text;
}

static void the_script_holds_settings_and_ddl_in_an_order_that_works(void **state)
{
	char *script;

	(void)state;
	db_make("t.db", "PRAGMA page_size = 1024; PRAGMA user_version = 3;"
	                "CREATE TABLE b(x); CREATE TABLE a(y  REFERENCES b);"
	                "CREATE VIEW v AS SELECT 1;"
	                "CREATE TRIGGER r AFTER INSERT ON b BEGIN SELECT 1; END;"
	                "CREATE INDEX i ON b(x); ANALYZE;");
	script = script_of("t.db");
	assert_string_equal(script, "-- The schema of a SQLite database, as SQLite keeps it.\n"
	                            "-- To make an empty copy: sqlite3 NEW.db < schema.sql\n"
	                            "PRAGMA page_size = 1024;\n"
	                            "PRAGMA encoding = 'UTF-8';\n"
	                            "PRAGMA auto_vacuum = 0;\n"
	                            "PRAGMA application_id = 0;\n"
	                            "PRAGMA user_version = 3;\n"
	                            "CREATE TABLE a(y  REFERENCES b);\n"
	                            "CREATE TABLE b(x);\n"
	                            "CREATE INDEX i ON b(x);\n"
	                            "CREATE VIEW v AS SELECT 1;\n"
	                            "CREATE TRIGGER r AFTER INSERT ON b BEGIN SELECT 1; END;\n");
	free(script);
}

/* The shell makes a database of it that gives the same script. */
static void the_shell_makes_the_schema_again(void **state)
{
	static const char *const schemas[] = {
	        "CREATE TABLE t(a INT, b INT AS (a + 1), PRIMARY KEY(a)) WITHOUT ROWID, STRICT",
	        "PRAGMA encoding = 'UTF-16be'; PRAGMA auto_vacuum = FULL; PRAGMA application_id = "
	        "9;"
	        "CREATE TABLE \"a \"\" b;\"(\"\xc3\xa9\")",
	        "CREATE VIEW v AS SELECT 1 -- a comment, and the end",
	        "CREATE VIEW v AS\nSELECT 1\n-- a comment\n, 2",
	        "CREATE TABLE t(a DEFAULT '--')",
	        "CREATE TABLE t(a DEFAULT ';\n');",
	        "CREATE VIRTUAL TABLE f USING fts5(a); CREATE VIRTUAL TABLE g USING fts5(a,"
	        " content=''); CREATE VIRTUAL TABLE h USING fts4(content=\"\", a);"
	        "CREATE VIRTUAL TABLE r USING rtree(i, x, y)",
	        "",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(schemas) / sizeof(schemas[0]); i++) {
		char *script;
		char *again;
		FILE *file;

		db_make("t.db", schemas[i]);
		script = script_of("t.db");
		file = fopen("schema.sql", "wb");
		assert_non_null(file);
		assert_int_equal(fwrite(script, 1, strlen(script), file), strlen(script));
		assert_int_equal(fclose(file), 0);
		unlink("new.db");
		sh("sqlite3 -bail new.db < schema.sql");
		again = script_of("new.db");
		assert_string_equal(script, again);
		free(script);
		free(again);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_script_holds_settings_and_ddl_in_an_order_that_works),
	        cmocka_unit_test(the_shell_makes_the_schema_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
