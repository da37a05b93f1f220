/*
 * adapter/sqlite/types.c: every value comes out as SQLite has it stored.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "harness/sqlite_db.h"

struct value_case {
	const char *sql; /* makes table t */
	const char *want;
};

static void assert_cases(const struct value_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		db_make("t.db", cases[i].sql);
		assert_rows("t.db", "t", cases[i].want);
	}
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void a_value_keeps_its_storage_class_whatever_its_column_declares(void **state)
{
	static const struct value_case cases[] = {
	        {"CREATE TABLE t(a INTEGER PRIMARY KEY, v);"
	         "INSERT INTO t VALUES(1, NULL), (2, 1), (3, 1.0), (4, '1'), (5, x'31'), (6, ''),"
	         "(7, x'');",
	         "1|NULL\n2|1\n3|1r\n4|'1'\n5|x:31\n6|''\n7|x:\n"},
	        {"CREATE TABLE t(a INTEGER PRIMARY KEY, v INTEGER);"
	         "INSERT INTO t VALUES(1, 'text'), (2, x'00'), (3, 1.5), (4, 9e18);",
	         "1|'text'\n2|x:00\n3|1.5r\n4|9000000000000000000\n"},
	        {"CREATE TABLE t(a INTEGER PRIMARY KEY, v REAL);"
	         "INSERT INTO t VALUES(1, 1), (2, 'x');",
	         "1|1r\n2|'x'\n"},
	        {"CREATE TABLE t(a INTEGER PRIMARY KEY, v TEXT);"
	         "INSERT INTO t VALUES(1, 1.0), (2, x'31');",
	         "1|'1.0'\n2|x:31\n"},
	        {"CREATE TABLE t(a INTEGER PRIMARY KEY, v ANY) STRICT;"
	         "INSERT INTO t VALUES(1, '1'), (2, 1), (3, 1.0);",
	         "1|'1'\n2|1\n3|1r\n"},
	};

	(void)state;
	assert_cases(cases, COUNT(cases));
}

static void integers_and_reals_keep_their_extremes(void **state)
{
	static const struct value_case cases[] = {
	        {"CREATE TABLE t(a INTEGER PRIMARY KEY, v);"
	         "INSERT INTO t VALUES(-9223372036854775808, 9223372036854775807),"
	         "(9223372036854775807, -9223372036854775808), (0, 9007199254740993);",
	         "-9223372036854775808|9223372036854775807\n"
	         "0|9007199254740993\n"
	         "9223372036854775807|-9223372036854775808\n"},
	        {"CREATE TABLE t(a INTEGER PRIMARY KEY, v REAL);"
	         "INSERT INTO t VALUES(1, 9e999), (2, -9e999), (3, 5e-324);",
	         "1|infr\n2|-infr\n3|4.94066e-324r\n"},
	};

	(void)state;
	assert_cases(cases, COUNT(cases));
}

static void minus_zero_keeps_its_sign(void **state)
{
	sqlite3_stmt *stmt = NULL;
	sqlite3 *db;

	(void)state;
	db_make("t.db", "CREATE TABLE t(a INTEGER PRIMARY KEY, v)");
	db = db_open("t.db");
	assert_int_equal(sqlite3_prepare_v2(db, "INSERT INTO t(v) VALUES(?)", -1, &stmt, NULL),
	                 SQLITE_OK);
	assert_int_equal(sqlite3_bind_double(stmt, 1, -0.0), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
	sqlite3_finalize(stmt);
	db_close(db);
	assert_rows("t.db", "t", "1|-0r\n");
}

static void text_keeps_its_bytes(void **state)
{
	static const struct value_case cases[] = {
	        /* NUL inside, and at the end */
	        {"CREATE TABLE t(a INTEGER PRIMARY KEY, v);"
	         "INSERT INTO t VALUES(1, 'a' || char(0) || 'b' || char(0));",
	         "1|'a\\x00b\\x00'\n"},
	        /* U+00E9, U+1F600, U+FEFF, U+10FFFF */
	        {"CREATE TABLE t(a INTEGER PRIMARY KEY, v);"
	         "INSERT INTO t VALUES(1, char(0xe9, 0x1f600)), (2, char(0xfeff, 0x10ffff));",
	         "1|'\\xC3\\xA9\\xF0\\x9F\\x98\\x80'\n"
	         "2|'\\xEF\\xBB\\xBF\\xF4\\x8F\\xBF\\xBF'\n"},
	        /* a lone byte, a surrogate, an overlong form, a cut sequence: not UTF-8 */
	        {"CREATE TABLE t(a INTEGER PRIMARY KEY, v);"
	         "INSERT INTO t VALUES(1, CAST(x'41ff' AS TEXT)), (2, CAST(x'eda080' AS TEXT)),"
	         "(3, CAST(x'c080' AS TEXT)), (4, CAST(x'e282' AS TEXT));",
	         "1|raw:41ff\n2|raw:eda080\n3|raw:c080\n4|raw:e282\n"},
	};

	(void)state;
	assert_cases(cases, COUNT(cases));
}

static void utf16_text_comes_out_as_utf8(void **state)
{
	static const struct value_case cases[] = {
	        {"PRAGMA encoding = 'UTF-16le'; CREATE TABLE t(a INTEGER PRIMARY KEY, v, w);"
	         "INSERT INTO t VALUES(1, char(0xe9, 0x1f600), ''), (2, 'a' || char(0) || 'b', "
	         "'c'),"
	         "(3, CAST(x'fffe4100' AS TEXT), x'ff');",
	         "1|'\\xC3\\xA9\\xF0\\x9F\\x98\\x80'|''\n2|'a\\x00b'|'c'\n"
	         "3|'\\xEF\\xBB\\xBFA'|x:ff\n"},
	        {"PRAGMA encoding = 'UTF-16be'; CREATE TABLE t(a INTEGER PRIMARY KEY, v);"
	         "INSERT INTO t VALUES(1, char(0xe9, 0x1f600)), (2, CAST(x'feff0041' AS TEXT));",
	         "1|'\\xC3\\xA9\\xF0\\x9F\\x98\\x80'\n2|'\\xEF\\xBB\\xBFA'\n"},
	};

	(void)state;
	assert_cases(cases, COUNT(cases));
}

static void lone_surrogates_come_out_as_stored(void **state)
{
	static const struct value_case cases[] = {
	        {"PRAGMA encoding = 'UTF-16le'; CREATE TABLE t(a INTEGER PRIMARY KEY, v, w);"
	         "INSERT INTO t VALUES(1, 'before', CAST(x'3dd84100' AS TEXT)),"
	         "(2, CAST(x'00dc' AS TEXT), 'after');",
	         "1|'before'|raw:3dd84100\n2|raw:00dc|'after'\n"},
	        {"PRAGMA encoding = 'UTF-16be'; CREATE TABLE t(a INTEGER PRIMARY KEY, v);"
	         "INSERT INTO t VALUES(1, CAST(x'd83d0041' AS TEXT));",
	         "1|raw:d83d0041\n"},
	};

	(void)state;
	assert_cases(cases, COUNT(cases));
}

/* Columns added later, whose values SQLite takes from the DEFAULT. */
static void added_columns_give_their_default(void **state)
{
	(void)state;
	db_make("t.db", "CREATE TABLE t(a INTEGER PRIMARY KEY); INSERT INTO t VALUES(1);"
	                "ALTER TABLE t ADD COLUMN b TEXT DEFAULT 'x';"
	                "ALTER TABLE t ADD COLUMN c DEFAULT 1.5;"
	                "ALTER TABLE t ADD COLUMN d;");
	assert_rows("t.db", "t", "1|'x'|1.5r|NULL\n");
}

static void give_zero(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	(void)argc;
	(void)argv;
	sqlite3_result_int(ctx, 0);
}

/* Not even when they need a function that only the application has. */
static void generated_columns_are_not_read(void **state)
{
	sqlite3 *db;

	(void)state;
	db_make("t.db", "");
	db = db_open("t.db");
	assert_int_equal(sqlite3_create_function(db, "own", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
	                                         NULL, give_zero, NULL, NULL),
	                 SQLITE_OK);
	db_exec(db, "CREATE TABLE t(v AS (own(a)), a INTEGER PRIMARY KEY,"
	            " s AS (b || own(a)) STORED, b);"
	            "INSERT INTO t(a, b) VALUES(1, 'y');");
	db_close(db);
	assert_rows("t.db", "t", "1|'y'\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_value_keeps_its_storage_class_whatever_its_column_declares),
	        cmocka_unit_test(integers_and_reals_keep_their_extremes),
	        cmocka_unit_test(minus_zero_keeps_its_sign),
	        cmocka_unit_test(text_keeps_its_bytes),
	        cmocka_unit_test(utf16_text_comes_out_as_utf8),
	        cmocka_unit_test(lone_surrogates_come_out_as_stored),
	        cmocka_unit_test(added_columns_give_their_default),
	        cmocka_unit_test(generated_columns_are_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
