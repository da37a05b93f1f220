/*
 * adapter/sqlite/source.c: rows of every kind of table, in key order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/fault.h"
#include "harness/sqlite_db.h"
#include "rowback/base/cancel.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Sorts that SQLite did in statements of this process, by the trace below. */
static int sorts;

static int count_sorts(unsigned int event, void *ctx, void *stmt, void *time)
{
	(void)event;
	(void)ctx;
	(void)time;
	sorts += sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_SORT, 0);
	return 0;
}

/* Called by SQLite for every connection that is opened. */
static int trace_connection(sqlite3 *db, char **message, const struct sqlite3_api_routines *api)
{
	(void)message;
	(void)api;
	return sqlite3_trace_v2(db, SQLITE_TRACE_PROFILE, count_sorts, NULL);
}

static void a_table_that_is_stored_in_key_order_is_not_sorted(void **state)
{
	static const struct {
		const char *sql;
		int sorts;
	} cases[] = {
	        {"CREATE TABLE t(a, b INTEGER PRIMARY KEY); CREATE INDEX i ON t(b, a);", 0},
	        {"CREATE TABLE t(a, b); CREATE INDEX i ON t(a, b);", 0},
	        {"CREATE TABLE t(a TEXT, b, PRIMARY KEY(b, a)) WITHOUT ROWID;", 0},
	        {"CREATE TABLE t(a TEXT PRIMARY KEY DESC, b) WITHOUT ROWID;", 0},
	        {"CREATE TABLE t(a TEXT PRIMARY KEY, b);", 1},
	        {"CREATE VIRTUAL TABLE t USING fts5(a, b);", 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		db_make("t.db", cases[i].sql);
		db_make("empty.db", "");
		assert_int_equal(sqlite3_auto_extension((void (*)(void))trace_connection),
		                 SQLITE_OK);
		sorts = 0;
		free(db_rows("t.db", "t"));
		sqlite3_reset_auto_extension();
		if (sorts != cases[i].sorts)
			fail_msg("%d sorts instead of %d: %s", sorts, cases[i].sorts, cases[i].sql);
	}
}

struct order_case {
	const char *sql; /* makes table t; rows are inserted in another order */
	const char *want;
};

static const struct order_case orders[] = {
        /* INTEGER PRIMARY KEY */
        {"CREATE TABLE t(a INTEGER PRIMARY KEY, b);"
         "INSERT INTO t VALUES(5, 'x'), (-1, 'y'), (0, 'z');",
         "-1|'y'\n0|'z'\n5|'x'\n"},
        /* the same with DESC is no rowid, and lets NULL in */
        {"CREATE TABLE t(a INTEGER PRIMARY KEY DESC, b);"
         "INSERT INTO t VALUES(5, 'x'), (NULL, 'n'), (-1, 'y'), (1.5, 'z'), ('t', 1);",
         "NULL|'n'\n-1|'y'\n1.5r|'z'\n5|'x'\n't'|1\n"},
        /* other types that look like it */
        {"CREATE TABLE t(a INT PRIMARY KEY, b); INSERT INTO t VALUES(2, 'x'), (1, 'y');",
         "1|'y'\n2|'x'\n"},
        /* no key: the rowid */
        {"CREATE TABLE t(a); INSERT INTO t(rowid, a) VALUES(7, 'x'), (3, 'x');", "3|'x'\n7|'x'\n"},
        /* text orders by bytes, whatever the collation */
        {"CREATE TABLE t(a TEXT PRIMARY KEY NOT NULL COLLATE NOCASE);"
         "INSERT INTO t VALUES('b'), ('C'), ('a'), ('B2');",
         "'B2'\n'C'\n'a'\n'b'\n"},
        {"CREATE TABLE t(a TEXT COLLATE NOCASE, b, PRIMARY KEY(a, b)) WITHOUT ROWID;"
         "INSERT INTO t VALUES('b', 1), ('C', 2), ('a', 3);",
         "'C'|2\n'a'|3\n'b'|1\n"},
        {"CREATE TABLE t(a TEXT COLLATE RTRIM PRIMARY KEY) WITHOUT ROWID;"
         "INSERT INTO t VALUES('b '), ('a'), ('a b');",
         "'a'\n'a b'\n'b '\n"},
        /* descending keys */
        {"CREATE TABLE t(a, b, PRIMARY KEY(a DESC, b)) WITHOUT ROWID;"
         "INSERT INTO t VALUES(1, 2), (1, 1), (2, 1);",
         "1|1\n1|2\n2|1\n"},
        /* composite keys in the order of the key */
        {"CREATE TABLE t(a NOT NULL, b NOT NULL, c, PRIMARY KEY(b, a));"
         "INSERT INTO t VALUES(1, 'y', 1), (2, 'x', 2), (1, 'x', 3);",
         "1|'x'|3\n2|'x'|2\n1|'y'|1\n"},
        /* a column twice in the key */
        {"CREATE TABLE t(a, b, PRIMARY KEY(b, b, a)) WITHOUT ROWID;"
         "INSERT INTO t VALUES(2, 1), (1, 1), (0, 2);",
         "1|1\n2|1\n0|2\n"},
        /* every storage class: numbers, text, text that is no UTF-8, blobs */
        {"CREATE TABLE t(a PRIMARY KEY NOT NULL) WITHOUT ROWID;"
         "INSERT INTO t VALUES(x'00'), ('z'), (1), (CAST(x'61ff' AS TEXT)), (0.5), ('');",
         "0.5r\n1\n''\n'z'\nraw:61ff\nx:00\n"},
        {"CREATE TABLE t(a PRIMARY KEY NOT NULL);"
         "INSERT INTO t VALUES(x'00'), ('z'), (1), (CAST(x'61ff' AS TEXT)), (0.5), ('');",
         "0.5r\n1\n''\n'z'\nraw:61ff\nx:00\n"},
        /* SQLite finds 1 and 1.0 equal and goes on to the next column; keys do not */
        {"CREATE TABLE t(a, b, PRIMARY KEY(a, b)) WITHOUT ROWID;"
         "INSERT INTO t VALUES(0, 9), (1.0, 5), (1, 6), (1.0, 7), (2, 0);",
         "0|9\n1|6\n1r|5\n1r|7\n2|0\n"},
        /* integers that have no double of their own */
        {"CREATE TABLE t(a NOT NULL PRIMARY KEY);"
         "INSERT INTO t VALUES(9007199254740993), (9007199254740992.0), (9007199254740994),"
         "(9007199254740991);",
         "9007199254740991\n9.0072e+15r\n9007199254740993\n9007199254740994\n"},
        /* NUL in text: shorter first */
        {"CREATE TABLE t(a TEXT PRIMARY KEY) WITHOUT ROWID;"
         "INSERT INTO t VALUES('a' || char(0)), ('a'), ('a' || char(0, 0)), ('a' || char(1));",
         "'a'\n'a\\x00'\n'a\\x00\\x00'\n'a\\x01'\n"},
        /* UTF-16 orders as its UTF-8 form: U+FF5E before U+1F600 */
        {"PRAGMA encoding = 'UTF-16le'; CREATE TABLE t(a TEXT PRIMARY KEY) WITHOUT ROWID;"
         "INSERT INTO t VALUES(char(0x1f600)), (char(0xff5e)), ('a'), ('aa');",
         "'a'\n'aa'\n'\\xEF\\xBD\\x9E'\n'\\xF0\\x9F\\x98\\x80'\n"},
        {"PRAGMA encoding = 'UTF-16be'; CREATE TABLE t(a TEXT PRIMARY KEY);"
         "INSERT INTO t VALUES(char(0x1f600)), (char(0xff5e)), (CAST(x'd800' AS TEXT)), ('b');",
         "'b'\n'\\xEF\\xBD\\x9E'\n'\\xF0\\x9F\\x98\\x80'\nraw:d800\n"},
};

static void rows_come_in_key_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(orders); i++) {
		db_make("t.db", orders[i].sql);
		assert_rows("t.db", "t", orders[i].want);
	}
}

/* Equal content in another order of insertion gives equal rows. */
static void rows_of_one_key_come_in_the_order_of_their_values(void **state)
{
	static const char want[] = "NULL|1|'a'\n"
	                           "NULL|1|'b'\n"
	                           "NULL|1|'b'\n"
	                           "NULL|1r|NULL\n"
	                           "1|NULL|-0r\n"
	                           "1|NULL|0r\n"
	                           "1|2|'x'\n";
	sqlite3_stmt *stmt = NULL;
	sqlite3 *db;

	(void)state;
	for (int order = 0; order < 2; order++) {
		db_make("t.db", "CREATE TABLE t(a, b, c, PRIMARY KEY(a, b));");
		db = db_open("t.db");
		if (order == 0)
			db_exec(db, "INSERT INTO t VALUES(NULL, 1, 'b'), (NULL, 1.0, NULL),"
			            "(1, 2, 'x'), (NULL, 1, 'a'), (NULL, 1, 'b'), (1, NULL, 0.0)");
		assert_int_equal(
		        sqlite3_prepare_v2(db, "INSERT INTO t VALUES(1, NULL, ?)", -1, &stmt, NULL),
		        SQLITE_OK);
		assert_int_equal(sqlite3_bind_double(stmt, 1, -0.0), SQLITE_OK);
		assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
		sqlite3_finalize(stmt);
		if (order == 1)
			db_exec(db,
			        "INSERT INTO t VALUES(1, NULL, 0.0), (NULL, 1, 'b'),"
			        "(NULL, 1, 'a'), (1, 2, 'x'), (NULL, 1.0, NULL), (NULL, 1, 'b')");
		db_close(db);
		assert_rows("t.db", "t", want);
	}
}

/* More columns than a function takes arguments. */
static void a_wide_key_is_sorted(void **state)
{
	char sql[8192];
	char *rows;
	size_t len = 0;

	(void)state;
	len += (size_t)snprintf(sql, sizeof(sql), "CREATE TABLE t(");
	for (int i = 0; i < 250; i++)
		len += (size_t)snprintf(sql + len, sizeof(sql) - len, "c%d, ", i);
	len += (size_t)snprintf(sql + len, sizeof(sql) - len, "PRIMARY KEY(");
	for (int i = 0; i < 250; i++)
		len += (size_t)snprintf(sql + len, sizeof(sql) - len, i > 0 ? ", c%d" : "c%d", i);
	len += (size_t)snprintf(sql + len, sizeof(sql) - len,
	                        ")); INSERT INTO t(c249) VALUES(2), (1), (NULL)");
	assert_true(len < sizeof(sql));
	db_make("t.db", sql);
	rows = db_rows("t.db", "t");
	assert_non_null(strstr(rows, "|NULL\nNULL|"));
	assert_non_null(strstr(rows, "|1\nNULL|"));
	assert_string_equal(rows + strlen(rows) - 3, "|2\n");
	free(rows);
}

static void names_of_any_kind_are_read(void **state)
{
	static const char *const names[] = {"a\"b", "a'b", "[a]", "a/b",      "..",     " ",
	                                    "a;b",  "%s",  "CON", "\xc6\xc6", "select", "\xc3\xa9"};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		char *sql = sqlite3_mprintf("CREATE TABLE \"%w\"(\"%w\" TEXT PRIMARY KEY, \"\");"
		                            "INSERT INTO \"%w\" VALUES('k', 1);",
		                            names[i], names[i], names[i]);

		db_make("t.db", sql);
		sqlite3_free(sql);
		assert_rows("t.db", names[i], "'k'|1\n");
	}
}

static void the_rowid_is_found_behind_columns_that_take_its_names(void **state)
{
	static const struct order_case cases[] = {
	        {"CREATE TABLE t(rowid, b); INSERT INTO t(_rowid_, rowid, b) VALUES(9, 'x', 1);",
	         "9|'x'|1\n"},
	        {"CREATE TABLE t(ROWID, _rowid_); INSERT INTO t(oid, rowid) VALUES(9, 'x');",
	         "9|'x'|NULL\n"},
	        {"CREATE TABLE t(oid, rowid, _rowid_); INSERT INTO t VALUES(2, 1, 1), (1, 2, 3),"
	         "(1, 2, 3);",
	         "1|2|3\n1|2|3\n2|1|1\n"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		db_make("t.db", cases[i].sql);
		assert_rows("t.db", "t", cases[i].want);
	}
}

/* An index that lacks rows, or has another order than it says, hides nothing. */
static void a_damaged_index_does_not_matter(void **state)
{
	sqlite3 *db;

	(void)state;
	db_make("t.db",
	        "CREATE TABLE t(a TEXT PRIMARY KEY NOT NULL, b);"
	        "INSERT INTO t VALUES('x', 1), ('y', 2);"
	        "CREATE TABLE e(a TEXT PRIMARY KEY NOT NULL);"
	        "PRAGMA writable_schema = ON;"
	        "UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema"
	        " WHERE name = 'sqlite_autoindex_e_1') WHERE name = 'sqlite_autoindex_t_1';");
	db = db_open("t.db");
	db_close(db);
	assert_rows("t.db", "t", "'x'|1\n'y'|2\n");
}

static void rows_that_are_only_in_the_log_are_read(void **state)
{
	sqlite3 *writer;

	(void)state;
	db_make("t.db", "PRAGMA journal_mode = WAL");
	writer = db_open("t.db");
	db_exec(writer, "PRAGMA wal_autocheckpoint = 0; CREATE TABLE t(a INTEGER PRIMARY KEY);"
	                "INSERT INTO t VALUES(1), (2);");
	assert_rows("t.db", "t", "1\n2\n");
	db_close(writer);
}

static void the_snapshot_does_not_see_later_writes(void **state)
{
	struct rb_source *source;
	struct rb_catalog *catalog;
	sqlite3 *writer;
	char *rows;

	(void)state;
	db_make("t.db", "PRAGMA journal_mode = WAL; CREATE TABLE t(a INTEGER PRIMARY KEY);"
	                "INSERT INTO t VALUES(1);");
	writer = db_open("t.db");
	source = source_open("t.db");
	db_exec(writer, "INSERT INTO t VALUES(2); CREATE TABLE u(a);");
	catalog = source_catalog(source);
	assert_int_equal(catalog->table_count, 1);
	rows = source_rows(source, &catalog->tables[0]);
	assert_string_equal(rows, "1\n");
	free(rows);
	rb_catalog_free(catalog);
	source->adapter->source_close(source);
	db_close(writer);
}

/* Overwrite the first bytes of a page. */
static void damage_page(const char *path, long page, long page_size)
{
	static const char garbage[16] = "garbage garbage";
	FILE *file = fopen(path, "r+b");

	assert_non_null(file);
	assert_int_equal(fseek(file, (page - 1) * page_size, SEEK_SET), 0);
	assert_int_equal(fwrite(garbage, sizeof(garbage), 1, file), 1);
	assert_int_equal(fclose(file), 0);
}

static int ignore_row(void *ctx, const struct rb_value *values, struct rb_err *err)
{
	(void)values;
	(void)err;
	++*(int *)ctx;
	return RB_OK;
}

static void a_damaged_table_is_named_and_the_others_are_read(void **state)
{
	int seen = 0;
	struct rb_row_sink sink = {.row = ignore_row, .ctx = &seen};
	struct rb_source *source;
	struct rb_catalog *catalog;
	struct rb_err err = {0};
	char *rows;

	(void)state;
	db_make("t.db", "PRAGMA page_size = 1024; CREATE TABLE bad(a); CREATE TABLE good(a);"
	                "INSERT INTO bad VALUES(1); INSERT INTO good VALUES(1);");
	damage_page("t.db", 2, 1024);
	source = source_open("t.db");
	catalog = source_catalog(source);
	assert_int_equal(
	        source->adapter->source_read(source, rb_catalog_table(catalog, "bad"), &sink, &err),
	        RB_E_INCOMPLETE);
	assert_string_equal(err.msg, "cannot read table 'bad': database disk image is malformed");
	assert_string_equal(err.hint, "see what can be saved with: sqlite3 FILE .recover");
	rows = source_rows(source, rb_catalog_table(catalog, "good"));
	assert_string_equal(rows, "1|1\n");
	free(rows);
	rb_catalog_free(catalog);
	source->adapter->source_close(source);
}

/* What a damaged index lets in, a restore would refuse. */
static void two_rows_with_one_key_are_damage(void **state)
{
	static const char *const sql[] = {
	        /* a unique index that lost a row: it lets the key in again */
	        "CREATE TABLE t(a TEXT PRIMARY KEY NOT NULL); CREATE TABLE e(a TEXT PRIMARY KEY);"
	        "INSERT INTO t VALUES('x'); PRAGMA writable_schema = ON;"
	        "UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema"
	        " WHERE name = 'sqlite_autoindex_e_1') WHERE name = 'sqlite_autoindex_t_1';"
	        "PRAGMA writable_schema = RESET; INSERT INTO t VALUES('x');",
	        /* the order of a key that was declared otherwise afterwards */
	        "CREATE TABLE t(a TEXT COLLATE NOCASE PRIMARY KEY) WITHOUT ROWID;"
	        "INSERT INTO t VALUES('a'), ('B'); PRAGMA writable_schema = ON;"
	        "UPDATE sqlite_schema SET sql = 'CREATE TABLE t(a TEXT PRIMARY KEY) WITHOUT "
	        "ROWID';",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(sql); i++) {
		int seen = 0;
		struct rb_row_sink sink = {.row = ignore_row, .ctx = &seen};
		struct rb_source *source;
		struct rb_catalog *catalog;
		struct rb_err err = {0};

		db_make("t.db", sql[i]);
		source = source_open("t.db");
		catalog = source_catalog(source);
		assert_int_equal(source->adapter->source_read(
		                         source, rb_catalog_table(catalog, "t"), &sink, &err),
		                 RB_E_INCOMPLETE);
		assert_string_equal(err.msg, "cannot read table 't': rows are out of order, or two"
		                             " have the same key");
		assert_int_equal(seen, 1);
		rb_catalog_free(catalog);
		source->adapter->source_close(source);
	}
}

static int refuse_row(void *ctx, const struct rb_value *values, struct rb_err *err)
{
	(void)values;
	if (++*(int *)ctx == 2)
		return rb_err_set(err, RB_E_LIMIT, "two are too many");
	return RB_OK;
}

static void the_sink_ends_the_reading(void **state)
{
	int seen = 0;
	struct rb_row_sink sink = {.row = refuse_row, .ctx = &seen};
	struct rb_source *source;
	struct rb_catalog *catalog;
	struct rb_err err = {0};

	(void)state;
	db_make("t.db", "CREATE TABLE t(a); INSERT INTO t VALUES(1), (2), (3);");
	source = source_open("t.db");
	catalog = source_catalog(source);
	assert_int_equal(source->adapter->source_read(source, &catalog->tables[0], &sink, &err),
	                 RB_E_LIMIT);
	assert_string_equal(err.msg, "two are too many");
	assert_int_equal(seen, 2);
	rb_catalog_free(catalog);
	source->adapter->source_close(source);
}

static void a_signal_ends_the_reading(void **state)
{
	int seen = 0;
	struct rb_row_sink sink = {.row = ignore_row, .ctx = &seen};
	struct rb_source *source;
	struct rb_catalog *catalog;
	struct rb_err err = {0};
	int rc;

	(void)state;
	db_make("t.db",
	        "CREATE TABLE t(a PRIMARY KEY);"
	        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000)"
	        "INSERT INTO t SELECT i FROM n;");
	source = source_open("t.db");
	catalog = source_catalog(source);
	rb_cancel_request(SIGINT);
	rc = source->adapter->source_read(source, &catalog->tables[0], &sink, &err);
	rb_cancel_request(0);
	assert_int_equal(rc, RB_E_CANCELLED);
	assert_string_equal(err.msg, "stopped by SIGINT");
	assert_int_equal(seen, 0);
	rb_catalog_free(catalog);
	source->adapter->source_close(source);
}

/* Every allocation of ours fails once; SQLite's own are not reached by the shim. */
static void a_lack_of_memory_is_reported(void **state)
{
	unsigned int nth = 0;
	int rc;

	(void)state;
	db_make("t.db", "CREATE TABLE t(a TEXT PRIMARY KEY, b DEFAULT 1 COLLATE NOCASE,"
	                " c REFERENCES u(x), FOREIGN KEY(a, b) REFERENCES v);"
	                "CREATE INDEX i ON t(b); INSERT INTO t VALUES('x', 1, NULL);"
	                "CREATE VIRTUAL TABLE f USING fts4(content=\"t\", a, languageid=l);"
	                "CREATE VIRTUAL TABLE g USING fts5(a, content='');");
	do {
		struct rb_open_opts opts = {.url = "sqlite:t.db"};
		struct rb_source *source = NULL;
		struct rb_catalog *catalog = NULL;
		struct rb_buf script = RB_BUF(1 << 20);
		int seen = 0;
		struct rb_row_sink sink = {.row = ignore_row, .ctx = &seen};

		fault_arm(FAULT_MALLOC, ++nth, 0);
		rc = rb_adapter_sqlite.source_open(&opts, &source, NULL);
		if (rc == RB_OK)
			rc = rb_adapter_sqlite.source_catalog(source, &catalog, NULL);
		if (rc == RB_OK)
			rc = rb_adapter_sqlite.source_schema_sql(source, catalog, &script, NULL);
		if (rc == RB_OK)
			rc = rb_adapter_sqlite.source_fingerprint(source, &script, NULL);
		for (size_t i = 0; rc == RB_OK && i < catalog->table_count; i++)
			rc = rb_adapter_sqlite.source_read(source, &catalog->tables[i], &sink,
			                                   NULL);
		rb_catalog_free(catalog);
		rb_adapter_sqlite.source_close(source);
		rb_buf_release(&script);
		assert_int_equal(rc, fault_disarm() > 0 ? RB_E_NOMEM : RB_OK);
	} while (rc != RB_OK);
	assert_true(nth > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_table_that_is_stored_in_key_order_is_not_sorted),
	        cmocka_unit_test(rows_come_in_key_order),
	        cmocka_unit_test(rows_of_one_key_come_in_the_order_of_their_values),
	        cmocka_unit_test(a_wide_key_is_sorted),
	        cmocka_unit_test(names_of_any_kind_are_read),
	        cmocka_unit_test(the_rowid_is_found_behind_columns_that_take_its_names),
	        cmocka_unit_test(a_damaged_index_does_not_matter),
	        cmocka_unit_test(rows_that_are_only_in_the_log_are_read),
	        cmocka_unit_test(the_snapshot_does_not_see_later_writes),
	        cmocka_unit_test(a_damaged_table_is_named_and_the_others_are_read),
	        cmocka_unit_test(two_rows_with_one_key_are_damage),
	        cmocka_unit_test(the_sink_ends_the_reading),
	        cmocka_unit_test(a_signal_ends_the_reading),
	        cmocka_unit_test(a_lack_of_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
