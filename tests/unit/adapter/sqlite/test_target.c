/*
 * SQLite as a target: every kind of table comes back as it was.
 *
 * Each case makes a database by SQL, restores it through the adapter into a new one, and
 * compares both through SQLite itself.
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

#include "harness/sqlite_copy.h"
#include "harness/sqlite_db.h"

/* A database that is to come back, and what is to be said about it. */
struct round_trip {
	const char *sql;
	const char *remarks;
};

static void assert_round_trip(const char *sql, const char *want_remarks)
{
	struct rb_catalog *remarks = new_remarks();
	struct rb_err err = {0};
	char *text;

	db_make("from.db", sql);
	unlink("to.db");
	if (copy_database("from.db", "to.db", remarks, &err) < 0)
		fail_msg("%s\n%s", err.msg, sql);
	assert_same_database("to.db", "from.db");
	text = catalog_remarks(remarks);
	assert_string_equal(text, want_remarks);
	free(text);
	rb_catalog_free(remarks);
	text = list_directory(".");
	assert_string_equal(text, "from.db to.db");
	free(text);
}

static void restores_tables_of_every_kind_of_key(void **state)
{
	(void)state;
	assert_round_trip("CREATE TABLE ipk(id INTEGER PRIMARY KEY, a);"
	                  "INSERT INTO ipk VALUES(-5, 'x'), (9223372036854775807, NULL);"
	                  "CREATE TABLE none(a, b);"
	                  "INSERT INTO none(rowid, a, b) VALUES(7, 1, 2), (9, 1, 2);"
	                  "CREATE TABLE pk(k TEXT COLLATE NOCASE PRIMARY KEY, v);"
	                  "INSERT INTO pk VALUES('b', 1), ('A', 2), (NULL, 3), (NULL, 3);"
	                  "CREATE TABLE two(a INT, b TEXT, c, PRIMARY KEY(b, a DESC));"
	                  "INSERT INTO two VALUES(1, 'x', 0), (2, 'x', 1), (1, 'a', 2);"
	                  "CREATE TABLE wr(k TEXT PRIMARY KEY, v) WITHOUT ROWID;"
	                  "INSERT INTO wr VALUES('b', 1), ('a', 2);"
	                  "CREATE TABLE names(rowid, oid, _rowid_);"
	                  "INSERT INTO names VALUES(1, 2, 3), (1, 2, 3);"
	                  "CREATE TABLE desc(id INTEGER PRIMARY KEY DESC, a);"
	                  "INSERT INTO desc VALUES(2, 1), (1, 2);",
	                  "");
}

static void restores_strict_tables(void **state)
{
	(void)state;
	assert_round_trip(
	        "CREATE TABLE st(id INTEGER PRIMARY KEY, i INT, r REAL, t TEXT, b BLOB,"
	        " a ANY) STRICT;"
	        "INSERT INTO st VALUES(1, 2, 3, '4', x'05', '6'), (2, NULL, 5.5, '', "
	        "x'', 7.0);"
	        "CREATE TABLE both(a INT, b INT, PRIMARY KEY(a, b)) STRICT, WITHOUT ROWID;"
	        "INSERT INTO both VALUES(1, 2), (1, 1);",
	        "");
}

static void restores_every_value(void **state)
{
	(void)state;
	assert_round_trip("CREATE TABLE v(id INTEGER PRIMARY KEY, a);"
	                  "INSERT INTO v(a) VALUES(NULL), (0), (-1), (9223372036854775807),"
	                  " (-9223372036854775808), (1.0), (-0.0), (0.1), (9e999), (-9e999),"
	                  " (5e-324), (1.7976931348623157e308), (''), ('12'), (char(0) || 'a'),"
	                  " (CAST(x'ff00c3' AS TEXT)), (x''), (x'00ff'), (char(0x10ffff, 0xfffe)),"
	                  " ('[{\"a\": 1}]'), (zeroblob(100000)), ('\"$blob\"');",
	                  "");
}

static void restores_utf16(void **state)
{
	static const char *const encodings[] = {"UTF-16le", "UTF-16be"};
	char *sql;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		sql = sqlite3_mprintf(
		        "PRAGMA encoding = '%s'; PRAGMA page_size = 512;"
		        "CREATE TABLE \"t\xc3\xa4\"(k TEXT PRIMARY KEY, v) WITHOUT "
		        "ROWID;"
		        "INSERT INTO \"t\xc3\xa4\" VALUES('\xc3\xa4', char(0x1f600)), "
		        "(char(0xfeff) || 'a', char(0xfeff)), ('', '');"
		        "CREATE TABLE n(a TEXT COLLATE NOCASE UNIQUE, b);"
		        "INSERT INTO n VALUES('b', 1), ('A', 2), ('C', 3), ('a ', 4);"
		        "CREATE INDEX n2 ON n(a COLLATE RTRIM);",
		        encodings[i]);
		assert_round_trip(sql, "");
		sqlite3_free(sql);
	}
}

/* Bytes that SQLite's own conversions would change: put in as UTF-16 by the test itself. */
static void restores_texts_that_are_not_unicode(void **state)
{
	static const struct {
		const char *bytes;
		int len;
	} texts[] = {
	        {"\x00\xd8", 2},                 /* half a surrogate pair */
	        {"a\x00\x00\xdc", 4},            /* the other half */
	        {"\xff\xfe\xff\xfe\x00\xd8", 6}, /* a mark SQLite takes off, one that stays */
	        {"\xff\xfe\xfe\xff\x00\xd8", 6},
	        {"\xff\xfe\xfe\xff", 4},
	        {"\xff\xff\x01\x00", 4},
	};
	sqlite3_stmt *stmt = NULL;
	sqlite3 *db;

	(void)state;
	db_make("from.db", "PRAGMA encoding = 'UTF-16le'; CREATE TABLE t(a)");
	db = db_open("from.db");
	assert_int_equal(sqlite3_prepare_v2(db, "INSERT INTO t VALUES(?)", -1, &stmt, NULL),
	                 SQLITE_OK);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		sqlite3_bind_text64(stmt, 1, texts[i].bytes, (sqlite3_uint64)texts[i].len,
		                    SQLITE_STATIC, SQLITE_UTF16LE);
		assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
		sqlite3_reset(stmt);
	}
	sqlite3_finalize(stmt);
	db_close(db);
	unlink("to.db");
	assert_int_equal(copy_database("from.db", "to.db", NULL, NULL), RB_OK);
	assert_same_database("to.db", "from.db");
}

static void restores_generated_columns(void **state)
{
	(void)state;
	assert_round_trip("CREATE TABLE g(v AS (a + 1), a INT, s TEXT AS (a || 'x') STORED, b);"
	                  "INSERT INTO g(a, b) VALUES(1, 2), (3, 4);"
	                  "CREATE INDEX g1 ON g(v, s);",
	                  "");
}

static void restores_schema_and_settings(void **state)
{
	(void)state;
	assert_round_trip("PRAGMA page_size = 8192; PRAGMA auto_vacuum = 2;"
	                  "PRAGMA application_id = -7; PRAGMA user_version = 2147483647;"
	                  "CREATE TABLE log(what); CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT);"
	                  "CREATE TRIGGER t1 AFTER INSERT ON t BEGIN INSERT INTO log VALUES('i');"
	                  " END;"
	                  "INSERT INTO t(a) VALUES('x'), ('y'); DELETE FROM log;"
	                  "CREATE VIEW v AS SELECT upper(a) AS u FROM t;"
	                  "CREATE TRIGGER v1 INSTEAD OF INSERT ON v BEGIN SELECT 1; END;"
	                  "CREATE UNIQUE INDEX i1 ON t(lower(a)) WHERE a > '';"
	                  "CREATE INDEX i2 ON t(a COLLATE NOCASE DESC);"
	                  "CREATE VIEW w(x) AS SELECT no_such_column FROM no_such_table;",
	                  "");
}

static void restores_an_empty_database(void **state)
{
	(void)state;
	assert_round_trip("PRAGMA page_size = 1024; PRAGMA user_version = 3", "");
}

static void restores_names_of_any_kind(void **state)
{
	(void)state;
	assert_round_trip("CREATE TABLE \"\"(\"\", \"a\"\"b\", [c d], `e``f`, \"\xc6\xc6\");"
	                  "INSERT INTO \"\" VALUES(1, 2, 3, 4, 5);"
	                  "CREATE TABLE \"se'lect\"(\"from\" PRIMARY KEY, \"where\" INT);"
	                  "INSERT INTO \"se'lect\" VALUES('a', 1);"
	                  "CREATE INDEX \"i x\" ON \"se'lect\"(\"where\");",
	                  "");
}

static void restores_the_autoincrement_sequence(void **state)
{
	(void)state;
	/* The tables sort on both sides of sqlite_sequence, and its rows are no maximum. */
	assert_round_trip("CREATE TABLE a(id INTEGER PRIMARY KEY AUTOINCREMENT);"
	                  "CREATE TABLE z(id INTEGER PRIMARY KEY AUTOINCREMENT);"
	                  "INSERT INTO a VALUES(5); INSERT INTO z VALUES(6), (9);"
	                  "DELETE FROM z WHERE id = 9;"
	                  "UPDATE sqlite_sequence SET seq = 2 WHERE name = 'a';",
	                  "");
	/* Only a row of a table that is gone. */
	assert_round_trip("CREATE TABLE a(id INTEGER PRIMARY KEY AUTOINCREMENT);"
	                  "INSERT INTO a VALUES(5); DROP TABLE a;"
	                  "INSERT INTO sqlite_sequence(rowid, name, seq) VALUES(8, 'gone', 7);",
	                  "");
}

static void restores_statistics(void **state)
{
	(void)state;
	assert_round_trip("CREATE TABLE t(a, b); CREATE INDEX i ON t(a);"
	                  "INSERT INTO t VALUES(1, 2), (1, 3); ANALYZE;",
	                  "");
}

static void restores_rows_that_constraints_refuse_now(void **state)
{
	(void)state;
	assert_round_trip(
	        "PRAGMA ignore_check_constraints = ON;"
	        "CREATE TABLE p(id INTEGER PRIMARY KEY);"
	        "CREATE TABLE c(a INT CHECK(a > 0), p REFERENCES p);"
	        "INSERT INTO c VALUES(-1, NULL);"
	        "CREATE TABLE u(a UNIQUE ON CONFLICT IGNORE, b NOT NULL ON CONFLICT REPLACE"
	        " DEFAULT 5);"
	        "INSERT INTO u VALUES(1, 2), (NULL, 3), (NULL, 4);",
	        "");
}

/* Values that their columns would convert, left by changes of the schema. */
static void restores_values_that_do_not_fit_their_columns(void **state)
{
	(void)state;
	assert_round_trip(
	        "CREATE TABLE t(id INTEGER PRIMARY KEY, n, t, r, d, o NULL, UNIQUE(n, t));"
	        "INSERT INTO t VALUES(1, 'a', 'b', 1.5, 'x', 1);"
	        "INSERT INTO t VALUES(2, '12', 5, ' 7e1 ', 3.0, NULL);"
	        "INSERT INTO t VALUES(3, 4, 2.5, -0.0, '.5', 1);"
	        "CREATE TABLE w(k, v, PRIMARY KEY(k)) WITHOUT ROWID;"
	        "INSERT INTO w VALUES('1', '1'), (1, 2.0);"
	        "CREATE INDEX t1 ON t(r, d);"
	        "PRAGMA writable_schema = ON;"
	        "UPDATE sqlite_schema SET sql = 'CREATE TABLE t(id INTEGER PRIMARY KEY,"
	        " n /* , */ INTEGER CHECK(n <> '',)''), t VARCHAR(10, 2) DEFAULT (1), r REAL,"
	        " \"d\"DECIMAL(5), o INT CONSTRAINT oo NOT NULL ON CONFLICT FAIL, UNIQUE(n, t))'"
	        " WHERE name = 't';"
	        "UPDATE sqlite_schema SET sql = 'CREATE TABLE w(k INT, v TEXT, PRIMARY KEY(k))"
	        " WITHOUT ROWID' WHERE name = 'w';",
	        "");
}

/* Every value under every type: each in a table of its own, which was declared without one. */
static void restores_every_value_under_every_type(void **state)
{
	static const char *const types[] = {"",
	                                    "INT",
	                                    "BIGINT",
	                                    "CHARINT",
	                                    "TEXT",
	                                    "CLOB",
	                                    "VARCHAR(9)",
	                                    "REAL",
	                                    "FLOAT",
	                                    "DOUBLE PRECISION",
	                                    "FLOATING POINT",
	                                    "NUMERIC",
	                                    "DATE",
	                                    "STRING",
	                                    "DECIMAL(10, 5)",
	                                    "BLOB",
	                                    "BLOBREAL",
	                                    "REALBLOB",
	                                    "BLOBTEXT",
	                                    "ANY"};
	static const char *const values[] = {"NULL",
	                                     "0",
	                                     "7",
	                                     "-9223372036854775808",
	                                     "9223372036854775807",
	                                     "0.0",
	                                     "-0.0",
	                                     "1.0",
	                                     "1.5",
	                                     "-3.0",
	                                     "1e15",
	                                     "1e18",
	                                     "9223372036854775807.0",
	                                     "9223372036854775808.0",
	                                     "-9223372036854775808.0",
	                                     "-9223372036854777856.0",
	                                     "1e300",
	                                     "9e999",
	                                     "-9e999",
	                                     "5e-324",
	                                     "x''",
	                                     "x'3132'",
	                                     "''",
	                                     "' '",
	                                     "'12'",
	                                     "' 12 '",
	                                     "char(9, 49, 50, 10, 11, 12, 13)",
	                                     "'+12'",
	                                     "'-'",
	                                     "'+'",
	                                     "'.'",
	                                     "'.5'",
	                                     "'5.'",
	                                     "'1.5'",
	                                     "'1e5'",
	                                     "'1E+5'",
	                                     "'1e'",
	                                     "'1e+'",
	                                     "'e5'",
	                                     "'.e5'",
	                                     "'1.e5'",
	                                     "'0x10'",
	                                     "'1_000'",
	                                     "'12a'",
	                                     "'1 2'",
	                                     "'12' || char(0)",
	                                     "'-0'",
	                                     "'-0.0'",
	                                     "'00012'",
	                                     "'9223372036854775808'",
	                                     "'123456789012345678901234567890'",
	                                     "'inf'",
	                                     "'nan'",
	                                     "'1e999'",
	                                     "'2020-01-01'",
	                                     ("'\xc2\xa0"
	                                      "12'"),
	                                     "CAST(x'3132ff' AS TEXT)"};
	struct rb_buf sql = RB_BUF(1 << 24);
	const size_t type_count = sizeof(types) / sizeof(types[0]);
	const size_t value_count = sizeof(values) / sizeof(values[0]);

	(void)state;
	assert_int_equal(rb_buf_adds(&sql, "BEGIN;", NULL), RB_OK);
	for (size_t t = 0; t < type_count; t++)
		for (size_t v = 0; v < value_count; v++)
			assert_int_equal(rb_buf_addf(&sql, NULL,
			                             "CREATE TABLE t_%zu_%zu(a, b);"
			                             "INSERT INTO t_%zu_%zu VALUES(%s, 0);",
			                             t, v, t, v, values[v]),
			                 RB_OK);
	assert_int_equal(rb_buf_adds(&sql, "PRAGMA writable_schema = ON;", NULL), RB_OK);
	for (size_t t = 0; t < type_count; t++)
		assert_int_equal(rb_buf_addf(&sql, NULL,
		                             "UPDATE sqlite_schema SET sql ="
		                             " replace(sql, '(a,', '(a %s,')"
		                             " WHERE name GLOB 't_%zu_*';",
		                             types[t], t),
		                 RB_OK);
	assert_int_equal(rb_buf_adds(&sql, "COMMIT;", NULL), RB_OK);
	assert_round_trip(rb_buf_str(&sql), "");
	rb_buf_release(&sql);
}

static void refuses_values_that_nothing_can_keep(void **state)
{
	struct rb_err err = {0};
	char *text;

	(void)state;
	db_make("from.db", "CREATE TABLE t(a, b AS (a || 'x') STORED);"
	                   "INSERT INTO t VALUES('12');"
	                   "PRAGMA writable_schema = ON;"
	                   "UPDATE sqlite_schema SET sql ="
	                   " 'CREATE TABLE t(a INTEGER, b AS (a || ''x'') STORED)';");
	unlink("to.db");
	assert_int_equal(copy_database("from.db", "to.db", NULL, &err), RB_E_UNSUPPORTED);
	assert_string_equal(err.msg, "table 't', column 'a': SQLite does not keep text that looks "
	                             "like a number in a column declared 'INTEGER'");
	text = list_directory(".");
	assert_string_equal(text, "from.db");
	free(text);
}

static void restores_full_text_tables(void **state)
{
	(void)state;
	assert_round_trip(
	        "CREATE VIRTUAL TABLE f5 USING fts5(title, body, tokenize = 'porter');"
	        "INSERT INTO f5(rowid, title, body) VALUES(7, 'one', 'running'), (3, 'two', NULL);"
	        "INSERT INTO f5(f5, rank) VALUES('rank', 'bm25(10.0)');"
	        "CREATE VIRTUAL TABLE f4 USING fts4(a, b, languageid=lid);"
	        "INSERT INTO f4(docid, a, b, lid) VALUES(5, 'x', 'y', 2), (6, 'z', '', 0);"
	        "CREATE VIRTUAL TABLE f3 USING fts3(x);"
	        "INSERT INTO f3(x) VALUES('plain'), (12), (1.5), (x'00');",
	        "");
}

static void restores_full_text_indexes_over_other_tables(void **state)
{
	sqlite3 *db;

	(void)state;
	assert_round_trip(
	        "CREATE TABLE docs(id INTEGER PRIMARY KEY, body TEXT);"
	        "INSERT INTO docs VALUES(1, 'hello world'), (4, 'other words');"
	        "CREATE VIEW shout AS SELECT id, upper(body) AS body FROM docs;"
	        "CREATE VIRTUAL TABLE e5 USING fts5(body, content='docs', content_rowid='id');"
	        "INSERT INTO e5(e5) VALUES('rebuild');"
	        "CREATE VIRTUAL TABLE e4 USING fts4(content=\"docs\", body);"
	        "INSERT INTO e4(e4) VALUES('rebuild');"
	        "CREATE VIRTUAL TABLE ev USING fts5(body, content=shout, content_rowid=id);"
	        "INSERT INTO ev(ev) VALUES('rebuild');"
	        "CREATE TRIGGER ai AFTER INSERT ON docs BEGIN"
	        " INSERT INTO e5(rowid, body) VALUES(new.id, new.body); END;",
	        "");
	db = db_open("to.db");
	db_exec(db, "INSERT INTO e5(e5) VALUES('integrity-check');"
	            "INSERT INTO e4(e4) VALUES('integrity-check');"
	            "INSERT INTO ev(ev) VALUES('integrity-check');"
	            "CREATE TABLE seen(a);"
	            "INSERT INTO seen SELECT rowid FROM e5 WHERE e5 MATCH 'words';"
	            "INSERT INTO seen SELECT rowid FROM e4 WHERE e4 MATCH 'words';"
	            "INSERT INTO seen SELECT rowid FROM ev WHERE ev MATCH 'words';");
	db_close(db);
	assert_rows("to.db", "seen", "1|4\n2|4\n3|4\n");
}

static void restores_full_text_indexes_without_content(void **state)
{
	sqlite3 *db;

	(void)state;
	assert_round_trip(
	        "CREATE VIRTUAL TABLE c5 USING fts5(a, b, content='');"
	        "INSERT INTO c5(rowid, a, b) VALUES(1, 'one two', 'three'), (9, 'two', '');"
	        "CREATE VIRTUAL TABLE c4 USING fts4(content='', a);"
	        "INSERT INTO c4(docid, a) VALUES(3, 'four five'), (8, 'five');",
	        "");
	db = db_open("to.db");
	db_exec(db, "CREATE TABLE seen(a);"
	            "INSERT INTO seen SELECT rowid FROM c5 WHERE c5 MATCH 'two';"
	            "INSERT INTO seen SELECT rowid FROM c4 WHERE c4 MATCH 'five';"
	            "INSERT INTO c5(rowid, a, b) VALUES(10, 'two', '');"
	            "INSERT INTO c4(docid, a) VALUES(10, 'five');"
	            "INSERT INTO seen SELECT rowid FROM c5 WHERE c5 MATCH 'two';"
	            "INSERT INTO seen SELECT rowid FROM c4 WHERE c4 MATCH 'five';");
	db_close(db);
	assert_rows("to.db", "seen", "1|1\n2|9\n3|3\n4|8\n5|1\n6|9\n7|10\n8|3\n9|8\n10|10\n");
}

/* A table may be named like storage of a full-text table that has none of that name. */
static void restores_a_content_table_named_like_storage(void **state)
{
	(void)state;
	assert_round_trip("CREATE TABLE docs_content(id INTEGER PRIMARY KEY, body TEXT);"
	                  "INSERT INTO docs_content VALUES(1, 'hello');"
	                  "CREATE VIRTUAL TABLE docs USING fts5(body, content=docs_content,"
	                  " content_rowid=id);"
	                  "INSERT INTO docs(docs) VALUES('rebuild');",
	                  "");
}

static void restores_rtrees(void **state)
{
	(void)state;
	assert_round_trip("CREATE VIRTUAL TABLE r USING rtree(id, x0, x1, y0, y1, +name TEXT);"
	                  "INSERT INTO r VALUES(1, 0.1, 0.3, -5, 7, 'a'), (9, 1, 2, 3, 4, x'00');"
	                  "CREATE VIRTUAL TABLE ri USING rtree_i32(id, a, b);"
	                  "INSERT INTO ri VALUES(-3, -7, 2147483647);",
	                  "");
}

static void restores_modules_that_are_not_there(void **state)
{
	(void)state;
	assert_round_trip(
	        "CREATE TABLE s_data(id INTEGER PRIMARY KEY, x);"
	        "INSERT INTO s_data VALUES(1, 'kept');"
	        "PRAGMA writable_schema = ON;"
	        "INSERT INTO sqlite_schema(type, name, tbl_name, rootpage, sql)"
	        " VALUES('table', 's', 's', 0,"
	        " 'CREATE VIRTUAL TABLE s USING no_such_module(a, b)');",
	        "s: only its definition was entered, it works where its module is: no such "
	        "module: no_such_module\n");
}

/* The module is there, but not the tokenizer: its storage is kept, and made, as tables. */
static void restores_tokenizers_that_are_not_there(void **state)
{
	(void)state;
	assert_round_trip(
	        "CREATE VIRTUAL TABLE x USING fts4(a, tokenize=porter);"
	        "INSERT INTO x(a) VALUES('one'), ('two');"
	        "CREATE VIRTUAL TABLE y USING fts5(a, tokenize = 'porter');"
	        "INSERT INTO y(a) VALUES('one'), ('two');"
	        "PRAGMA writable_schema = ON;"
	        "UPDATE sqlite_schema SET sql = replace(sql, 'porter', 'theirs');",
	        "x: only its definition was entered, it works where its module is: unknown "
	        "tokenizer: theirs\n"
	        "y: only its definition was entered, it works where its module is: no such "
	        "tokenizer: theirs\n");
}

static void restores_functions_that_are_not_there(void **state)
{
	(void)state;
	assert_round_trip("CREATE TABLE t(a INT, b);"
	                  "INSERT INTO t VALUES(1, '2');"
	                  "CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT their_function(new.a);"
	                  " END;"
	                  "CREATE VIEW v AS SELECT their_function(a) FROM t;"
	                  "PRAGMA writable_schema = ON;"
	                  "UPDATE sqlite_schema SET sql = 'CREATE TABLE t(a INT"
	                  " CHECK(their_function(a)), b)' WHERE name = 't';",
	                  "");
}

/* Copy a database, and see what is said about what was not there. */
static void assert_copied(const char *sql, const char *wanted)
{
	struct rb_catalog *remarks = new_remarks();
	struct rb_err err = {0};
	char *text;

	db_make("from.db", sql);
	unlink("to.db");
	if (copy_database("from.db", "to.db", remarks, &err) < 0)
		fail_msg("%s", err.msg);
	text = catalog_remarks(remarks);
	assert_string_equal(text, wanted);
	free(text);
	rb_catalog_free(remarks);
}

/* The order of text by an application's collation is unknown: bytes stand in. */
static void restores_collations_that_are_not_there(void **state)
{
	sqlite3 *db;

	(void)state;
	assert_copied("CREATE TABLE t(a TEXT COLLATE RTRIM, b);"
	              "CREATE TABLE u(a TEXT COLLATE RTRIM);"
	              "CREATE INDEX i ON t(a);"
	              "INSERT INTO t VALUES('b', 1), ('a', 2);"
	              "PRAGMA writable_schema = ON;"
	              "UPDATE sqlite_schema SET sql = replace(sql, 'RTRIM', 'unicase');",
	              "unicase: this collation is the application's own: indexes are in "
	              "the order of bytes, run REINDEX \"unicase\" in the application "
	              "before use\n");
	assert_rows("to.db", "t", "1|'b'|1\n2|'a'|2\n");
	db = db_open("to.db");
	assert_int_equal(sqlite3_exec(db, "SELECT * FROM t ORDER BY a", NULL, NULL, NULL),
	                 SQLITE_ERROR);
	db_close(db);
}

static void makes_indexes_without_their_functions(void **state)
{
	(void)state;
	assert_copied("CREATE TABLE t(a);"
	              "INSERT INTO t VALUES(1);"
	              "CREATE INDEX i ON t(abs(a)); CREATE INDEX j ON t(a);"
	              "PRAGMA writable_schema = ON;"
	              "UPDATE sqlite_schema SET sql = replace(sql, 'abs', 'theirs');",
	              "i: made without the application's own theirs(): run REINDEX \"i\" in the "
	              "application before use\n");
	assert_rows("to.db", "t", "1|1\n");
}

/* What the index is over cannot be computed for a row that was there before it. */
static void names_indexes_that_cannot_be_made(void **state)
{
	(void)state;
	assert_copied("CREATE TABLE t(a);"
	              "INSERT INTO t VALUES('{');"
	              "CREATE INDEX i ON t(abs(a)); CREATE INDEX j ON t(a);"
	              "PRAGMA writable_schema = ON;"
	              "UPDATE sqlite_schema SET sql = replace(sql, 'abs', 'json');",
	              "!i: this index was not made: malformed JSON\n");
	assert_rows("to.db", "t", "1|'{'\n");
}

static void fills_tables_without_their_functions(void **state)
{
	(void)state;
	assert_copied(
	        "CREATE TABLE t(a VARCHAR(9), b AS (abs(lower(a)) + abs(1)) STORED, c AS (a = 1));"
	        "INSERT INTO t(a) VALUES('x'), ('y');"
	        "CREATE TABLE u(a, b AS (abs(a)) UNIQUE);"
	        "INSERT INTO u(a) VALUES(1), (2);"
	        "PRAGMA writable_schema = ON;"
	        "UPDATE sqlite_schema SET sql = replace(replace(replace(sql, 'abs(', 'theirs('),"
	        " 'lower(', '\"Th e\"('), 'a = 1', 'a REGEXP 1');",
	        "t: made without the application's own theirs(), Th e(), REGEXP(): run "
	        "REINDEX \"t\"; UPDATE \"t\" SET \"a\" = \"a\"; REINDEX \"t\" "
	        "in the application before use\n"
	        "u: made without the application's own theirs(): run REINDEX \"u\" in "
	        "the application before use\n");
	assert_rows("to.db", "t", "1|'x'\n2|'y'\n");
	assert_rows("to.db", "u", "1|1\n2|2\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(restores_tables_of_every_kind_of_key),
	        cmocka_unit_test(restores_strict_tables),
	        cmocka_unit_test(restores_every_value),
	        cmocka_unit_test(restores_utf16),
	        cmocka_unit_test(restores_texts_that_are_not_unicode),
	        cmocka_unit_test(restores_generated_columns),
	        cmocka_unit_test(restores_schema_and_settings),
	        cmocka_unit_test(restores_an_empty_database),
	        cmocka_unit_test(restores_names_of_any_kind),
	        cmocka_unit_test(restores_the_autoincrement_sequence),
	        cmocka_unit_test(restores_statistics),
	        cmocka_unit_test(restores_rows_that_constraints_refuse_now),
	        cmocka_unit_test(restores_values_that_do_not_fit_their_columns),
	        cmocka_unit_test(restores_every_value_under_every_type),
	        cmocka_unit_test(refuses_values_that_nothing_can_keep),
	        cmocka_unit_test(restores_full_text_tables),
	        cmocka_unit_test(restores_full_text_indexes_over_other_tables),
	        cmocka_unit_test(restores_full_text_indexes_without_content),
	        cmocka_unit_test(restores_a_content_table_named_like_storage),
	        cmocka_unit_test(restores_rtrees),
	        cmocka_unit_test(restores_modules_that_are_not_there),
	        cmocka_unit_test(restores_tokenizers_that_are_not_there),
	        cmocka_unit_test(restores_functions_that_are_not_there),
	        cmocka_unit_test(restores_collations_that_are_not_there),
	        cmocka_unit_test(makes_indexes_without_their_functions),
	        cmocka_unit_test(names_indexes_that_cannot_be_made),
	        cmocka_unit_test(fills_tables_without_their_functions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
