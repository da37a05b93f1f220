/*
 * SQLite as a target: one transaction on a database that is there already.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/sqlite_copy.h"
#include "harness/sqlite_db.h"
#include "harness/sqlite_target.h"

static void replaces_all_content(void **state)
{
	struct rb_err err = {0};
	struct stat before;
	struct stat now;

	(void)state;
	assert_int_equal(stat("to.db", &before), 0);
	must(copy_database("from.db", "to.db", NULL, &err), &err);
	assert_same_database("to.db", "from.db");
	assert_int_equal(stat("to.db", &now), 0);
	assert_int_equal(now.st_ino, before.st_ino);
	assert_files("from.db to.db");
}

static void drops_virtual_tables_that_nothing_serves(void **state)
{
	struct rb_err err = {0};

	(void)state;
	db_make("to.db", "CREATE VIRTUAL TABLE x USING fts4(a, tokenize=porter);"
	                 "INSERT INTO x(a) VALUES('one');"
	                 "CREATE VIRTUAL TABLE y USING fts5(a, tokenize = 'porter');"
	                 "PRAGMA user_version = 7;"
	                 "PRAGMA writable_schema = ON;"
	                 "UPDATE sqlite_schema SET sql = replace(sql, 'porter', 'theirs');");
	must(copy_database("from.db", "to.db", NULL, &err), &err);
	assert_same_database("to.db", "from.db");
}

static void closing_takes_everything_back(void **state)
{
	char *before = dump_database("to.db");
	struct rb_source *source = source_open("from.db");
	struct rb_catalog *catalog = source_catalog(source);
	struct rb_target *target = target_open("to.db", false);
	struct rb_err err = {0};
	char *now;

	(void)state;
	must(begin_target(target, NULL, &err), &err);
	must(fill_target(target, source, catalog, NULL, &err), &err);
	rb_adapter_sqlite.target_close(target);
	rb_catalog_free(catalog);
	rb_adapter_sqlite.source_close(source);
	now = dump_database("to.db");
	assert_string_equal(now, before);
	free(now);
	free(before);
	assert_files("from.db to.db");
}

static void an_emptied_database_keeps_its_layout(void **state)
{
	struct rb_catalog *remarks = new_remarks();
	struct rb_err err = {0};
	char *text;

	(void)state;
	db_make("to.db", "PRAGMA page_size = 512; PRAGMA encoding = 'UTF-16le';"
	                 "CREATE TABLE t(a); DROP TABLE t");
	must(copy_database("from.db", "to.db", remarks, &err), &err);
	text = catalog_remarks(remarks);
	assert_string_equal(text, "encoding: the database keeps UTF-16le, the backup has UTF-8\n"
	                          "page_size: the database keeps 512, the backup has 4096\n");
	free(text);
	rb_catalog_free(remarks);
	assert_rows("to.db", "t", "4|'new'|NULL\n8|'newer'|NULL\n");
}

static void raw_text_needs_the_encoding_it_had(void **state)
{
	struct rb_err err = {0};

	(void)state;
	db_make("from.db", "CREATE TABLE t(a); INSERT INTO t VALUES(CAST(x'ff' AS TEXT))");
	db_make("to.db", "PRAGMA encoding = 'UTF-16le'; CREATE TABLE x(a)");
	assert_int_equal(copy_database("from.db", "to.db", NULL, &err), RB_E_UNSUPPORTED);
	assert_string_equal(err.msg, "table 't': text that is not well-formed cannot be put into a "
	                             "database of another encoding");
	assert_rows("to.db", "x", "");
}

static void a_change_meanwhile_is_a_conflict(void **state)
{
	struct rb_target *target = target_open("to.db", false);
	struct rb_err err = {0};
	sqlite3 *db = db_open("to.db");

	(void)state;
	db_exec(db, "INSERT INTO gone VALUES(2)");
	assert_int_equal(begin_target(target, NULL, &err), RB_E_CONFLICT);
	assert_non_null(strstr(err.msg, "to.db' was changed by another program meanwhile"));
	assert_string_equal(err.hint, "nothing was written: run the restore again");
	/* The lock is gone, too. */
	db_exec(db, "INSERT INTO gone VALUES(3)");
	db_close(db);
	rb_adapter_sqlite.target_close(target);
}

static void a_fingerprint_of_before_is_compared(void **state)
{
	struct rb_source *source = source_open("to.db");
	char *fingerprint = source_fingerprint(source);
	struct rb_target *target;
	struct rb_err err = {0};
	sqlite3 *db;

	(void)state;
	rb_adapter_sqlite.source_close(source);
	assert_true(*fingerprint);
	target = target_open("to.db", false);
	must(begin_target(target, fingerprint, &err), &err);
	rb_adapter_sqlite.target_close(target);

	db = db_open("to.db");
	db_exec(db, "INSERT INTO gone VALUES(2)");
	db_close(db);
	target = target_open("to.db", false);
	assert_int_equal(begin_target(target, fingerprint, &err), RB_E_CONFLICT);
	rb_adapter_sqlite.target_close(target);
	free(fingerprint);
}

static void a_locked_database_is_unreachable(void **state)
{
	struct rb_target *target = target_open("to.db", false);
	struct rb_err err = {0};
	sqlite3 *db = db_open("to.db");

	(void)state;
	db_exec(db, "BEGIN IMMEDIATE");
	assert_int_equal(begin_target(target, NULL, &err), RB_E_UNREACHABLE);
	assert_non_null(strstr(err.msg, "database is locked"));
	db_exec(db, "ROLLBACK");
	db_close(db);
	rb_adapter_sqlite.target_close(target);
}

/* A reader that stays longer than the time-out: it goes on, and nothing is changed. */
static void a_reader_is_not_cut_off(void **state)
{
	struct rb_target *target = target_open("to.db", false);
	sqlite3_stmt *reader = NULL;
	struct rb_catalog *catalog;
	struct rb_err err = {0};
	struct rb_value row = an_int(2);
	char *before = dump_database("to.db");
	char *now;
	sqlite3 *db = db_open("to.db");

	(void)state;
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT a FROM t", -1, &reader, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(reader), SQLITE_ROW);
	must(begin_target(target, NULL, &err), &err);
	catalog = begin_table(target, "gone");
	must(rb_adapter_sqlite.target_insert(target, (struct rb_value[]){an_int(7), row}, &err),
	     &err);
	end_table(target, catalog);
	assert_int_equal(rb_adapter_sqlite.target_commit(target, &err), RB_E_UNREACHABLE);
	assert_non_null(strstr(err.msg, "to.db': database is locked"));
	assert_string_equal(err.hint,
	                    "a program was reading it for longer than the time-out, and is not cut "
	                    "off: nothing was changed; try again when it is done");
	assert_int_equal(sqlite3_step(reader), SQLITE_ROW);
	sqlite3_finalize(reader);
	db_close(db);
	rb_adapter_sqlite.target_close(target);
	now = dump_database("to.db");
	assert_string_equal(now, before);
	free(now);
	free(before);
	assert_files("from.db to.db");
}

static void a_reader_of_a_write_ahead_log_goes_on(void **state)
{
	sqlite3_stmt *reader = NULL;
	struct rb_err err = {0};
	sqlite3 *db;

	(void)state;
	db = db_open("to.db");
	db_exec(db, "PRAGMA journal_mode = WAL");
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT a FROM t", -1, &reader, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(reader), SQLITE_ROW);
	must(copy_database("from.db", "to.db", NULL, &err), &err);
	assert_int_equal(sqlite3_step(reader), SQLITE_ROW);
	assert_string_equal(sqlite3_column_text(reader, 0), "older");
	sqlite3_finalize(reader);
	db_close(db);
	assert_same_database("to.db", "from.db");
}

static void calls_out_of_order_are_refused(void **state)
{
	struct rb_target *target = target_open("to.db", false);
	struct rb_catalog *remarks = new_remarks();
	struct rb_catalog *catalog;
	struct rb_err err = {0};

	(void)state;
	assert_int_equal(rb_adapter_sqlite.target_commit(target, &err), RB_E_USAGE);
	must(begin_target(target, NULL, &err), &err);
	assert_int_equal(begin_target(target, NULL, &err), RB_E_USAGE);
	assert_int_equal(rb_adapter_sqlite.target_table_end(target, &err), RB_E_USAGE);
	catalog = begin_table(target, "gone");
	assert_int_equal(rb_adapter_sqlite.target_table_begin(target, &catalog->tables[0], &err),
	                 RB_E_USAGE);
	assert_int_equal(rb_adapter_sqlite.target_schema(target, RB_SCHEMA_AFTER, catalog, NULL,
	                                                 remarks, &err),
	                 RB_E_USAGE);
	end_table(target, catalog);
	commit_target(target);
	rb_catalog_free(remarks);
	rb_adapter_sqlite.target_close(NULL);
}

static void a_row_that_is_there_already_is_a_conflict(void **state)
{
	struct rb_target *target = target_open("to.db", false);
	struct rb_catalog *catalog;
	struct rb_err err = {0};

	(void)state;
	must(begin_target(target, NULL, &err), &err);
	catalog = begin_table(target, "t");
	assert_int_equal(rb_adapter_sqlite.target_insert(
	                         target, (struct rb_value[]){an_int(1), a_text("x")}, &err),
	                 RB_E_CONFLICT);
	assert_string_equal(err.msg,
	                    "cannot insert into table 't': UNIQUE constraint failed: t.id");
	end_table(target, catalog);
	rb_adapter_sqlite.target_close(target);
}

static void an_unfit_value_is_put_into_an_existing_table(void **state)
{
	struct rb_target *target;
	struct rb_catalog *catalog;
	struct rb_err err = {0};

	(void)state;
	db_make("to.db", "CREATE TABLE t(id INTEGER PRIMARY KEY, n INTEGER UNIQUE, o NOT NULL);"
	                 "INSERT INTO t VALUES(1, 5, 6)");
	target = target_open("to.db", false);
	must(begin_target(target, NULL, &err), &err);
	catalog = begin_table(target, "t");
	must(rb_adapter_sqlite.target_insert(
	             target, (struct rb_value[]){an_int(2), a_text("5"), a_null()}, &err),
	     &err);
	must(rb_adapter_sqlite.target_insert(
	             target, (struct rb_value[]){an_int(3), an_int(7), an_int(0)}, &err),
	     &err);
	must(rb_adapter_sqlite.target_delete(
	             target, (struct rb_value[]){an_int(1), an_int(5), an_int(6)}, &err),
	     &err);
	end_table(target, catalog);
	commit_target(target);
	assert_rows("to.db", "t", "2|'5'|NULL\n3|7|0\n");
}

static void only_newly_broken_foreign_keys_are_named(void **state)
{
	struct rb_catalog *problems = new_remarks();
	struct rb_target *target;
	struct rb_catalog *catalog;
	struct rb_err err = {0};
	char *text;

	(void)state;
	db_make("to.db",
	        "CREATE TABLE p(id INTEGER PRIMARY KEY, x);"
	        "CREATE TABLE t(id INTEGER PRIMARY KEY, p REFERENCES p, n REFERENCES none);"
	        "CREATE TABLE w(k PRIMARY KEY, p REFERENCES p) WITHOUT ROWID;"
	        "CREATE TABLE odd(x REFERENCES p(x));"
	        "INSERT INTO t VALUES(1, 7, NULL), (2, NULL, NULL);"
	        "INSERT INTO w VALUES(1, 7); INSERT INTO odd VALUES(1);");
	target = target_open("to.db", false);
	must(begin_target(target, NULL, &err), &err);
	must(rb_adapter_sqlite.target_check(target, NULL, &err), &err);
	catalog = begin_table(target, "t");
	for (int id = 3; id < 6; id++)
		must(rb_adapter_sqlite.target_insert(
		             target, (struct rb_value[]){an_int(id), an_int(id), a_null()}, &err),
		     &err);
	must(rb_adapter_sqlite.target_insert(
	             target, (struct rb_value[]){an_int(6), a_null(), an_int(1)}, &err),
	     &err);
	end_table(target, catalog);
	catalog = begin_table(target, "w");
	must(rb_adapter_sqlite.target_insert(target, (struct rb_value[]){an_int(0), an_int(8)},
	                                     &err),
	     &err);
	end_table(target, catalog);
	must(rb_adapter_sqlite.target_check(target, problems, &err), &err);
	text = catalog_remarks(problems);
	assert_string_equal(text,
	                    "t: 3 of its rows refer to rows of 'p' that are not there, the "
	                    "first is rowid 3\n"
	                    "t: 1 of its rows refer to rows of 'none' that are not there, the "
	                    "first is rowid 6\n"
	                    "w: 1 of its rows refer to rows of 'p' that are not there\n");
	free(text);
	rb_catalog_free(problems);
	rb_adapter_sqlite.target_close(target);
}

static void an_index_of_an_unknown_collation_is_not_written(void **state)
{
	struct rb_target *target;
	struct rb_catalog *catalog;
	struct rb_err err = {0};

	(void)state;
	db_make("to.db", "CREATE TABLE t(a TEXT); CREATE INDEX i ON t(a COLLATE RTRIM);"
	                 "CREATE TABLE u(a TEXT COLLATE RTRIM);"
	                 "PRAGMA writable_schema = ON;"
	                 "UPDATE sqlite_schema SET sql = replace(sql, 'RTRIM', 'unicase');");
	target = target_open("to.db", false);
	must(begin_target(target, NULL, &err), &err);
	catalog = begin_table(target, "u");
	must(rb_adapter_sqlite.target_insert(target, (struct rb_value[]){an_int(1), a_text("x")},
	                                     &err),
	     &err);
	end_table(target, catalog);
	catalog = begin_table(target, "t");
	assert_int_equal(rb_adapter_sqlite.target_insert(
	                         target, (struct rb_value[]){an_int(1), a_text("x")}, &err),
	                 RB_E_UNSUPPORTED);
	assert_string_equal(err.msg, "an index of table 't' is ordered by collation 'unicase', "
	                             "which only its application has");
	assert_string_equal(err.hint,
	                    "restore to a new database, and run REINDEX in the application");
	end_table(target, catalog);
	rb_adapter_sqlite.target_close(target);
}

static void full_text_indexes_follow_their_content(void **state)
{
	struct rb_target *target;
	struct rb_catalog *catalog;
	struct rb_err err = {0};
	sqlite3 *db;

	(void)state;
	db_make("to.db", "CREATE TABLE docs(id INTEGER PRIMARY KEY, a);"
	                 "CREATE VIEW v AS SELECT id, a FROM docs;"
	                 "CREATE VIRTUAL TABLE f USING fts5(a, content=Docs, content_rowid=id);"
	                 "CREATE VIRTUAL TABLE g USING fts5(a, content=v, content_rowid=id);"
	                 "CREATE TABLE seen(t, id);");
	target = target_open("to.db", false);
	must(begin_target(target, NULL, &err), &err);
	catalog = begin_table(target, "docs");
	must(rb_adapter_sqlite.target_insert(target, (struct rb_value[]){an_int(5), a_text("word")},
	                                     &err),
	     &err);
	end_table(target, catalog);
	make_rest(target);
	commit_target(target);
	db = db_open("to.db");
	db_exec(db, "INSERT INTO seen SELECT 'f', rowid FROM f WHERE f MATCH 'word';"
	            "INSERT INTO seen SELECT 'g', rowid FROM g WHERE g MATCH 'word'");
	db_close(db);
	assert_rows("to.db", "seen", "1|'f'|5\n2|'g'|5\n");
}

static void the_sequence_is_what_was_written(void **state)
{
	struct rb_target *target;
	struct rb_catalog *catalog;
	struct rb_err err = {0};

	(void)state;
	db_make("to.db", "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT);"
	                 "CREATE TABLE u(id INTEGER PRIMARY KEY AUTOINCREMENT);"
	                 "INSERT INTO t VALUES(5); INSERT INTO u VALUES(6);");
	target = target_open("to.db", false);
	must(begin_target(target, NULL, &err), &err);
	catalog = begin_table(target, "t");
	must(rb_adapter_sqlite.target_insert(target, (struct rb_value[]){an_int(9)}, &err), &err);
	end_table(target, catalog);
	catalog = begin_table(target, "sqlite_sequence");
	must(rb_adapter_sqlite.target_insert(target, (struct rb_value[]){a_text("t"), an_int(7)},
	                                     &err),
	     &err);
	end_table(target, catalog);
	catalog = begin_table(target, "u");
	must(rb_adapter_sqlite.target_insert(target, (struct rb_value[]){an_int(20)}, &err), &err);
	end_table(target, catalog);
	make_rest(target);
	commit_target(target);
	assert_rows("to.db", "sqlite_sequence", "'t'|7\n");
}

/* Delete rows of one table and compare what is left. */
static void assert_deletes(const char *sql, const struct rb_value *row, int want, const char *left)
{
	struct rb_target *target;
	struct rb_catalog *catalog;
	struct rb_err err = {0};
	int rc;

	db_make("to.db", sql);
	target = target_open("to.db", false);
	must(begin_target(target, NULL, &err), &err);
	catalog = begin_table(target, "t");
	rc = rb_adapter_sqlite.target_delete(target, row, &err);
	if (rc != want)
		fail_msg("%d %s", rc, err.msg);
	if (want < 0)
		assert_string_equal(err.msg, "a row to be deleted from table 't' is not there");
	end_table(target, catalog);
	commit_target(target);
	assert_rows("to.db", "t", left);
}

static void deletes_the_very_row(void **state)
{
	const struct rb_value two[] = {a_text("a"), an_int(1)};
	const struct rb_value one[] = {an_int(1), a_text("x")};
	const struct rb_value real[] = {a_real(1.0), a_text("x")};
	const struct rb_value null[] = {a_null(), an_int(3)};
	const struct rb_value zero[] = {an_int(7), a_real(-0.0)};
	const struct rb_value three[] = {an_int(1), an_int(2), an_int(3)};
	const struct rb_value number[] = {a_text("12"), an_int(0)};

	(void)state;
	/* The column's own collation finds 'A', too. */
	assert_deletes("CREATE TABLE t(k TEXT COLLATE NOCASE, v, PRIMARY KEY(k, v));"
	               "INSERT INTO t VALUES('A', 1), ('a', 2)",
	               two, RB_E_MISMATCH, "'A'|1\n'a'|2\n");
	assert_deletes("CREATE TABLE t(k TEXT COLLATE NOCASE PRIMARY KEY, v) WITHOUT ROWID;"
	               "INSERT INTO t VALUES('a', 1), ('b', 1)",
	               two, RB_OK, "'b'|1\n");
	assert_deletes("CREATE TABLE t(id INTEGER PRIMARY KEY, v);"
	               "INSERT INTO t VALUES(1, 'x'), (2, 'x')",
	               one, RB_OK, "2|'x'\n");
	assert_deletes("CREATE TABLE t(k PRIMARY KEY, v); INSERT INTO t VALUES(1, 'x')", real,
	               RB_E_MISMATCH, "1|'x'\n");
	assert_deletes("CREATE TABLE t(k PRIMARY KEY, v); INSERT INTO t VALUES('1', 'x')", one,
	               RB_E_MISMATCH, "'1'|'x'\n");
	assert_deletes("CREATE TABLE t(k PRIMARY KEY, v); INSERT INTO t VALUES(NULL, 3), (NULL, 3),"
	               " (NULL, 4)",
	               null, RB_OK, "NULL|3\nNULL|4\n");
	assert_deletes("CREATE TABLE t(v); INSERT INTO t(rowid, v) VALUES(7, -0.0), (8, 0.0)", zero,
	               RB_OK, "8|0r\n");
	/* No name is left for the rowid, so equal rows go together, and all but one come back. */
	assert_deletes("CREATE TABLE t(rowid, oid, _rowid_); INSERT INTO t VALUES(1, 2, 3),"
	               " (1, 2, 3), (1, 2, 3), (1, 2, 4)",
	               three, RB_OK, "1|2|3\n1|2|3\n1|2|4\n");
	/* A text in an INTEGER column, by a change of the schema. */
	assert_deletes("CREATE TABLE t(k PRIMARY KEY, v); INSERT INTO t VALUES('12', 0), (12, 0);"
	               "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET"
	               " sql = 'CREATE TABLE t(k INT, v, PRIMARY KEY(k))'"
	               " WHERE name = 't'",
	               number, RB_OK, "12|0\n");
}

static void deletes_rows_of_virtual_tables(void **state)
{
	const struct rb_value row[] = {an_int(2), a_text("two")};
	const struct rb_value box[] = {an_int(2), a_real(1), a_real(2)};

	(void)state;
	assert_deletes("CREATE VIRTUAL TABLE t USING fts5(a);"
	               "INSERT INTO t(rowid, a) VALUES(1, 'one'), (2, 'two')",
	               row, RB_OK, "1|'one'\n");
	assert_deletes("CREATE VIRTUAL TABLE t USING fts4(a);"
	               "INSERT INTO t(docid, a) VALUES(1, 'one'), (2, 'two')",
	               row, RB_OK, "1|'one'\n");
	assert_deletes("CREATE VIRTUAL TABLE t USING rtree(id, x0, x1);"
	               "INSERT INTO t VALUES(1, 1, 2), (2, 1, 2)",
	               box, RB_OK, "1|1r|2r\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, target_set_up, target_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(replaces_all_content),
	        TEST(drops_virtual_tables_that_nothing_serves),
	        TEST(closing_takes_everything_back),
	        TEST(an_emptied_database_keeps_its_layout),
	        TEST(raw_text_needs_the_encoding_it_had),
	        TEST(a_change_meanwhile_is_a_conflict),
	        TEST(a_fingerprint_of_before_is_compared),
	        TEST(a_locked_database_is_unreachable),
	        TEST(a_reader_is_not_cut_off),
	        TEST(a_reader_of_a_write_ahead_log_goes_on),
	        TEST(calls_out_of_order_are_refused),
	        TEST(a_row_that_is_there_already_is_a_conflict),
	        TEST(an_unfit_value_is_put_into_an_existing_table),
	        TEST(only_newly_broken_foreign_keys_are_named),
	        TEST(an_index_of_an_unknown_collation_is_not_written),
	        TEST(full_text_indexes_follow_their_content),
	        TEST(the_sequence_is_what_was_written),
	        TEST(deletes_the_very_row),
	        TEST(deletes_rows_of_virtual_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
