/*
 * adapter/sqlite/catalog.c and columns.c: the schema as a catalog.
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

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void keys_are_found(void **state)
{
	static const struct {
		const char *sql;
		const char *want;
	} cases[] = {
	        {"CREATE TABLE t(a INTEGER PRIMARY KEY, b)",
	         "t plain primary(0) [] a:INTEGER! b\n"},
	        {"CREATE TABLE t(b, a integer primary key autoincrement)",
	         "t plain primary(1) [] b a:INTEGER!\n"},
	        {"CREATE TABLE t(a INTEGER, PRIMARY KEY(a ASC))",
	         "t plain primary(0) [] a:INTEGER!\n"},
	        /* not the rowid, so NULL may be stored */
	        {"CREATE TABLE t(a INTEGER PRIMARY KEY DESC)",
	         "t plain primary(0)* [] a:INTEGER\n"},
	        {"CREATE TABLE t(a INT PRIMARY KEY)", "t plain primary(0)* [] a:INT\n"},
	        {"CREATE TABLE t(a TEXT PRIMARY KEY)", "t plain primary(0)* [] a:TEXT\n"},
	        {"CREATE TABLE t(a TEXT PRIMARY KEY NOT NULL)", "t plain primary(0) [] a:TEXT!\n"},
	        {"CREATE TABLE t(a NOT NULL, b, c, PRIMARY KEY(c, a))",
	         "t plain primary(2,0)* [] a! b c\n"},
	        {"CREATE TABLE t(a, b, PRIMARY KEY(b, a)) WITHOUT ROWID",
	         "t plain primary(1,0) [WITHOUT ROWID] a! b!\n"},
	        {"CREATE TABLE t(a ANY PRIMARY KEY, b INT) STRICT",
	         "t plain primary(0) [STRICT] a:ANY! b:INT\n"},
	        {"CREATE TABLE t(a INTEGER PRIMARY KEY) STRICT, WITHOUT ROWID",
	         "t plain primary(0) [WITHOUT ROWID, STRICT] a:INTEGER!\n"},
	        /* no key of its own: the rowid, even beside a unique index */
	        {"CREATE TABLE t(a UNIQUE NOT NULL)", "t plain rowid(0) [] <rowid>! a!\n"},
	        /* no name is left for the rowid */
	        {"CREATE TABLE t(oid, b AS (1), ROWID, _rowid_)",
	         "t plain row(0,2,3)* [] oid b=virtual ROWID _rowid_\n"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		db_make("t.db", cases[i].sql);
		assert_catalog("t.db", cases[i].want, "");
	}
}

static void columns_are_as_declared(void **state)
{
	(void)state;
	db_make("t.db", "CREATE TABLE t(a varchar(10) NOT NULL DEFAULT 'x''y' COLLATE nocase,"
	                " \"b c\" DOUBLE PRECISION DEFAULT (1 + 2), d AS (a) STORED,"
	                " e text GENERATED ALWAYS AS (a || 'x') VIRTUAL, \"\" blob,"
	                " f DEFAULT NULL COLLATE BINARY)");
	assert_catalog("t.db",
	               "t plain rowid(0) [] <rowid>! a:varchar(10)!~nocase b c:DOUBLE PRECISION"
	               " d=stored e:TEXT=virtual :BLOB f\n",
	               "");
}

static void defaults_are_as_written(void **state)
{
	static const char *const want[] = {NULL, NULL,  "'x''y'", "1 + 2", "CURRENT_TIMESTAMP",
	                                   "-1", "NULL"};
	struct rb_source *source;
	struct rb_catalog *catalog;

	(void)state;
	db_make("t.db", "CREATE TABLE t(a, b DEFAULT 'x''y', c DEFAULT (1 + 2),"
	                " d DEFAULT CURRENT_TIMESTAMP, e DEFAULT -1, f DEFAULT NULL)");
	source = source_open("t.db");
	catalog = source_catalog(source);
	assert_int_equal(catalog->tables[0].column_count, COUNT(want));
	for (size_t i = 0; i < COUNT(want); i++) {
		const char *got = catalog->tables[0].columns[i].default_sql;

		if (want[i])
			assert_string_equal(got, want[i]);
		else
			assert_null(got);
	}
	rb_catalog_free(catalog);
	source->adapter->source_close(source);
}

static void foreign_keys_are_in_the_order_of_declaration(void **state)
{
	struct rb_source *source;
	struct rb_catalog *catalog;
	const struct rb_foreign_key *keys;

	(void)state;
	db_make("t.db", "CREATE TABLE t(a REFERENCES u, b, c, d,"
	                " FOREIGN KEY(b, c) REFERENCES \"v w\"(y, x)"
	                " ON DELETE CASCADE ON UPDATE SET NULL,"
	                " FOREIGN KEY(d, a) REFERENCES t)");
	source = source_open("t.db");
	catalog = source_catalog(source);
	assert_int_equal(catalog->tables[0].foreign_key_count, 3);
	keys = catalog->tables[0].foreign_keys;

	assert_int_equal(keys[0].column_count, 1);
	assert_string_equal(keys[0].columns[0], "a");
	assert_string_equal(keys[0].ref_table, "u");
	assert_null(keys[0].ref_columns);
	assert_string_equal(keys[0].on_update, "NO ACTION");
	assert_string_equal(keys[0].on_delete, "NO ACTION");

	assert_int_equal(keys[1].column_count, 2);
	assert_string_equal(keys[1].columns[0], "b");
	assert_string_equal(keys[1].columns[1], "c");
	assert_string_equal(keys[1].ref_table, "v w");
	assert_string_equal(keys[1].ref_columns[0], "y");
	assert_string_equal(keys[1].ref_columns[1], "x");
	assert_string_equal(keys[1].on_update, "SET NULL");
	assert_string_equal(keys[1].on_delete, "CASCADE");

	assert_int_equal(keys[2].column_count, 2);
	assert_string_equal(keys[2].columns[0], "d");
	assert_string_equal(keys[2].columns[1], "a");
	assert_null(keys[2].ref_columns);
	rb_catalog_free(catalog);
	source->adapter->source_close(source);
}

static void settings_are_sorted_and_complete(void **state)
{
	static const char *const want[][2] = {{"application_id", "-5"},
	                                      {"auto_vacuum", "2"},
	                                      {"encoding", "UTF-16be"},
	                                      {"page_size", "8192"},
	                                      {"user_version", "77"}};
	struct rb_source *source;
	struct rb_catalog *catalog;

	(void)state;
	db_make("t.db", "PRAGMA page_size = 8192; PRAGMA encoding = 'UTF-16be';"
	                "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA application_id = -5;"
	                "PRAGMA user_version = 77; CREATE TABLE t(a)");
	source = source_open("t.db");
	catalog = source_catalog(source);
	assert_string_equal(catalog->engine, "sqlite");
	assert_int_equal(catalog->setting_count, COUNT(want));
	for (size_t i = 0; i < COUNT(want); i++) {
		assert_string_equal(catalog->settings[i].name, want[i][0]);
		assert_string_equal(catalog->settings[i].value, want[i][1]);
	}
	rb_catalog_free(catalog);
	source->adapter->source_close(source);
}

static void objects_are_sorted_by_kind_and_name(void **state)
{
	struct rb_source *source;
	struct rb_catalog *catalog;
	char *text;

	(void)state;
	db_make("t.db", "CREATE TABLE b(x UNIQUE); CREATE VIEW a AS SELECT 1;"
	                "CREATE TABLE B2(x); CREATE INDEX z ON b(x); CREATE INDEX y ON b2(x);"
	                "CREATE TRIGGER a AFTER INSERT ON b BEGIN SELECT 1; END;"
	                "CREATE TEMP TABLE gone(x); ANALYZE;");
	source = source_open("t.db");
	catalog = source_catalog(source);
	text = catalog_objects(catalog);
	assert_string_equal(text, "table B2\ntable b\nindex y\nindex z\nview a\ntrigger a\n");
	free(text);
	assert_string_equal(catalog->objects[2].table, "B2");
	assert_string_equal(catalog->objects[2].sql, "CREATE INDEX y ON b2(x)");
	assert_string_equal(catalog->objects[5].table, "b");
	rb_catalog_free(catalog);
	source->adapter->source_close(source);
}

static void names_that_are_not_utf8_are_kept(void **state)
{
	struct rb_source *source;
	struct rb_catalog *catalog;

	(void)state;
	db_make("t.db", "CREATE TABLE \"\xc6\xc6\"(\"\xff\" TEXT PRIMARY KEY)");
	source = source_open("t.db");
	catalog = source_catalog(source);
	assert_string_equal(catalog->tables[0].name, "\xc6\xc6");
	assert_string_equal(catalog->tables[0].columns[0].name, "\xff");
	assert_string_equal(catalog->objects[0].name, "\xc6\xc6");
	assert_string_equal(catalog->objects[0].sql,
	                    "CREATE TABLE \"\xc6\xc6\"(\"\xff\" TEXT PRIMARY KEY)");
	rb_catalog_free(catalog);
	source->adapter->source_close(source);
}

static void names_in_a_utf16_database_come_as_utf8(void **state)
{
	(void)state;
	db_make("t.db", "PRAGMA encoding = 'UTF-16le'; CREATE TABLE \"\xc3\xa9\"(\"\xe2\x82\xac\");"
	                "INSERT INTO \"\xc3\xa9\" VALUES(1)");
	assert_catalog("t.db", "\xc3\xa9 plain rowid(0) [] <rowid>! \xe2\x82\xac\n", "");
	assert_rows("t.db", "\xc3\xa9", "1|1\n");
}

static void tables_of_sqlite_itself_are_kept_when_they_hold_rows(void **state)
{
	(void)state;
	db_make("t.db", "CREATE TABLE t(a INTEGER PRIMARY KEY AUTOINCREMENT);"
	                "CREATE TABLE u(a UNIQUE); INSERT INTO u VALUES(1), (2); ANALYZE;");
	assert_catalog("t.db",
	               "sqlite_stat1 system row(0,1,2)* [] tbl idx stat\n"
	               "t plain primary(0) [] a:INTEGER!\n"
	               "u plain rowid(0) [] <rowid>! a\n",
	               "");
	assert_rows("t.db", "sqlite_stat1", "'u'|'sqlite_autoindex_u_1'|'2 1'\n");
	db_make("t.db", "CREATE TABLE t(a INTEGER PRIMARY KEY AUTOINCREMENT);"
	                "CREATE TABLE s(a INTEGER PRIMARY KEY AUTOINCREMENT);"
	                "INSERT INTO t VALUES(41); INSERT INTO s VALUES(1); DELETE FROM s;");
	assert_rows("t.db", "sqlite_sequence", "'s'|1\n't'|41\n");
}

static int compare_anything(void *ctx, int a_len, const void *a, int b_len, const void *b)
{
	(void)ctx;
	(void)a;
	(void)b;
	return (a_len > b_len) - (a_len < b_len);
}

/* The application's collation says "" < "z" < "aa"; the order of keys is that of bytes. */
static void unknown_collations_are_named_and_change_no_order(void **state)
{
	sqlite3 *db;

	(void)state;
	db_make("t.db", "");
	db = db_open("t.db");
	assert_int_equal(sqlite3_create_collation(db, "OWN", SQLITE_UTF8, NULL, compare_anything),
	                 SQLITE_OK);
	db_exec(db, "CREATE TABLE t(a TEXT COLLATE own, b COLLATE own, PRIMARY KEY(a, b));"
	            "CREATE TABLE w(a TEXT COLLATE OWN PRIMARY KEY) WITHOUT ROWID;"
	            "CREATE TABLE u(c); CREATE INDEX uc ON u(c COLLATE OWN);"
	            "CREATE INDEX un ON u(c COLLATE nocase);"
	            "INSERT INTO t VALUES('z', 1), ('aa', 2), ('', 3);"
	            "INSERT INTO w VALUES('z'), ('aa'), ('');");
	db_close(db);
	assert_catalog("t.db", NULL,
	               "t: collation \"own\" is the application's own: kept by name\n"
	               "w: collation \"OWN\" is the application's own: kept by name\n"
	               "uc: collation \"OWN\" is the application's own: kept by name\n");
	assert_rows("t.db", "t", "''|3\n'aa'|2\n'z'|1\n");
	assert_rows("t.db", "w", "''\n'aa'\n'z'\n");
}

/* Two databases with equal data, made in another order, have equal catalogs. */
static void the_catalog_does_not_depend_on_the_order_of_creation(void **state)
{
	char *first;
	char *second;
	struct rb_source *source;
	struct rb_catalog *catalog;

	(void)state;
	db_make("t.db", "CREATE TABLE a(x); CREATE TABLE b(x); CREATE TABLE c(x)");
	source = source_open("t.db");
	catalog = source_catalog(source);
	first = catalog_tables(catalog);
	rb_catalog_free(catalog);
	source->adapter->source_close(source);
	db_make("t.db", "CREATE TABLE c(x); CREATE TABLE d(x); CREATE TABLE b(x); DROP TABLE d;"
	                "CREATE TABLE a(x)");
	source = source_open("t.db");
	catalog = source_catalog(source);
	second = catalog_tables(catalog);
	rb_catalog_free(catalog);
	source->adapter->source_close(source);
	assert_string_equal(first, second);
	free(first);
	free(second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(keys_are_found),
	        cmocka_unit_test(columns_are_as_declared),
	        cmocka_unit_test(defaults_are_as_written),
	        cmocka_unit_test(foreign_keys_are_in_the_order_of_declaration),
	        cmocka_unit_test(settings_are_sorted_and_complete),
	        cmocka_unit_test(objects_are_sorted_by_kind_and_name),
	        cmocka_unit_test(names_that_are_not_utf8_are_kept),
	        cmocka_unit_test(names_in_a_utf16_database_come_as_utf8),
	        cmocka_unit_test(tables_of_sqlite_itself_are_kept_when_they_hold_rows),
	        cmocka_unit_test(unknown_collations_are_named_and_change_no_order),
	        cmocka_unit_test(the_catalog_does_not_depend_on_the_order_of_creation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
