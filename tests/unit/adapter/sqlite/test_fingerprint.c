/*
 * adapter/sqlite/fingerprint.c: equal texts mean that nothing was written.
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

#include "harness/clock.h"
#include "harness/sqlite_db.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Long enough for a time stamp to prove something. */
#define LATER_MS INT64_C(3000)

/* The fingerprint of a database that nothing was done to for a while. */
static char *fingerprint_of(const char *path)
{
	struct rb_source *source = source_open(path);
	char *text;

	clock_advance_ms(LATER_MS);
	text = source_fingerprint(source);
	clock_advance_ms(-LATER_MS);
	source->adapter->source_close(source);
	return text;
}

/* Compare, and free both. */
static void assert_proved(char *before, char *after)
{
	assert_string_not_equal(before, "");
	assert_string_equal(before, after);
	free(before);
	free(after);
}

static void assert_not_proved(char *before, char *after)
{
	assert_string_not_equal(before, "");
	assert_string_not_equal(after, "");
	assert_string_not_equal(before, after);
	free(before);
	free(after);
}

static void reading_changes_nothing(void **state)
{
	static const char *const modes[] = {"DELETE", "TRUNCATE", "PERSIST", "WAL"};
	char sql[128];

	(void)state;
	for (size_t i = 0; i < COUNT(modes); i++) {
		char *before;

		snprintf(sql, sizeof(sql), "PRAGMA journal_mode = %s; CREATE TABLE t(a)", modes[i]);
		db_make("t.db", sql);
		before = fingerprint_of("t.db");
		free(db_rows("t.db", "t"));
		assert_proved(before, fingerprint_of("t.db"));
	}
}

static void a_connection_that_comes_and_goes_changes_nothing(void **state)
{
	static const char *const modes[] = {"DELETE", "WAL"};
	char sql[128];
	char *before;
	sqlite3 *other;

	(void)state;
	for (size_t i = 0; i < COUNT(modes); i++) {
		snprintf(sql, sizeof(sql), "PRAGMA journal_mode = %s; CREATE TABLE t(a)", modes[i]);
		db_make("t.db", sql);
		before = fingerprint_of("t.db");
		other = db_open("t.db");
		db_exec(other, "SELECT * FROM t; BEGIN IMMEDIATE; ROLLBACK;");
		assert_proved(before, fingerprint_of("t.db"));
		before = fingerprint_of("t.db");
		db_close(other);
		assert_proved(before, fingerprint_of("t.db"));
	}
}

/* Whatever the writer's journal is, the change counter is raised. */
static void any_write_shows_with_a_rollback_journal(void **state)
{
	static const char *const modes[] = {"DELETE", "TRUNCATE", "PERSIST", "MEMORY", "OFF"};
	static const char *const writes[] = {
	        "UPDATE t SET a = a + 1",
	        "INSERT INTO t VALUES(2)",
	        "CREATE TABLE u(a)",
	        "PRAGMA user_version = 7",
	        "VACUUM",
	};

	(void)state;
	for (size_t m = 0; m < COUNT(modes); m++)
		for (size_t w = 0; w < COUNT(writes); w++) {
			char sql[128];
			char *before;
			sqlite3 *db;

			db_make("t.db", "CREATE TABLE t(a); INSERT INTO t VALUES(1)");
			before = fingerprint_of("t.db");
			db = db_open("t.db");
			snprintf(sql, sizeof(sql), "PRAGMA journal_mode = %s; %s", modes[m],
			         writes[w]);
			db_exec(db, sql);
			db_close(db);
			assert_not_proved(before, fingerprint_of("t.db"));
		}
}

/* The counter alone tells, not the time stamps of the file. */
static void a_write_with_a_rollback_journal_shows_at_once(void **state)
{
	struct rb_source *source;
	char *before;
	char *after;
	sqlite3 *db;

	(void)state;
	db_make("t.db", "CREATE TABLE t(a); INSERT INTO t VALUES(1)");
	source = source_open("t.db");
	before = source_fingerprint(source);
	source->adapter->source_close(source);
	db = db_open("t.db");
	db_exec(db, "UPDATE t SET a = 2");
	db_close(db);
	source = source_open("t.db");
	after = source_fingerprint(source);
	source->adapter->source_close(source);
	assert_not_proved(before, after);
}

static void a_commit_in_the_log_shows(void **state)
{
	sqlite3 *writer;
	char *before;

	(void)state;
	db_make("t.db", "PRAGMA journal_mode = WAL; CREATE TABLE t(a);"
	                "INSERT INTO t VALUES(1)");
	before = fingerprint_of("t.db");
	writer = db_open("t.db");
	db_exec(writer, "UPDATE t SET a = 2");
	assert_not_proved(before, fingerprint_of("t.db"));

	/* Another one, and one that is taken back. */
	before = fingerprint_of("t.db");
	db_exec(writer, "UPDATE t SET a = 3");
	assert_not_proved(before, fingerprint_of("t.db"));
	before = fingerprint_of("t.db");
	db_exec(writer, "BEGIN; UPDATE t SET a = 4; ROLLBACK");
	assert_proved(before, fingerprint_of("t.db"));
	db_close(writer);
}

/* The log starts over: its first frames are where the old ones were. */
static void a_commit_after_a_checkpoint_shows(void **state)
{
	static const char *const checkpoints[] = {"PASSIVE", "FULL", "RESTART", "TRUNCATE"};

	(void)state;
	for (size_t i = 0; i < COUNT(checkpoints); i++) {
		char sql[128];
		sqlite3 *writer;
		char *before;

		db_make("t.db", "PRAGMA journal_mode = WAL; CREATE TABLE t(a);"
		                "INSERT INTO t VALUES(1)");
		writer = db_open("t.db");
		db_exec(writer, "UPDATE t SET a = 2");
		snprintf(sql, sizeof(sql), "PRAGMA wal_checkpoint(%s)", checkpoints[i]);
		db_exec(writer, sql);
		before = fingerprint_of("t.db");
		db_exec(writer, "UPDATE t SET a = 3");
		assert_not_proved(before, fingerprint_of("t.db"));
		db_close(writer);
	}
}

/* Written through a log that is gone again: the file's own times are what is left. */
static void a_write_whose_log_is_gone_shows(void **state)
{
	sqlite3 *writer;
	char *before;

	(void)state;
	db_make("t.db", "PRAGMA journal_mode = WAL; CREATE TABLE t(a);"
	                "INSERT INTO t VALUES(1)");
	before = fingerprint_of("t.db");
	writer = db_open("t.db");
	db_exec(writer, "UPDATE t SET a = 2");
	db_close(writer);
	assert_int_not_equal(access("t.db-wal", F_OK), 0);
	assert_not_proved(before, fingerprint_of("t.db"));
}

/* Times as young as that could be given to a later write as well. */
static void a_young_file_without_a_log_proves_nothing(void **state)
{
	struct rb_source *source;
	char *text;

	(void)state;
	db_make("t.db", "PRAGMA journal_mode = WAL; CREATE TABLE t(a)");
	source = source_open("t.db");
	text = source_fingerprint(source);
	assert_string_equal(text, "");
	free(text);
	clock_advance_ms(LATER_MS);
	text = source_fingerprint(source);
	clock_advance_ms(-LATER_MS);
	assert_string_not_equal(text, "");
	free(text);

	/* Nor does one from the future. */
	clock_advance_ms(-100 * LATER_MS);
	text = source_fingerprint(source);
	assert_string_equal(text, "");
	free(text);
	clock_advance_ms(100 * LATER_MS);
	source->adapter->source_close(source);
}

/* It is about the rows that are read, not about those that came since. */
static void the_fingerprint_is_that_of_the_snapshot(void **state)
{
	struct rb_source *source;
	sqlite3 *writer;
	char *before;

	(void)state;
	db_make("t.db", "PRAGMA journal_mode = WAL; CREATE TABLE t(a)");
	writer = db_open("t.db");
	db_exec(writer, "INSERT INTO t VALUES(1)");
	before = fingerprint_of("t.db");
	source = source_open("t.db");
	db_exec(writer, "INSERT INTO t VALUES(2)");
	assert_proved(before, source_fingerprint(source));
	before = source_fingerprint(source);
	source->adapter->source_close(source);
	assert_not_proved(before, fingerprint_of("t.db"));
	db_close(writer);
}

static void another_file_of_the_same_content_proves_nothing(void **state)
{
	static const char sql[] = "CREATE TABLE t(a); INSERT INTO t VALUES(1)";
	char *before;

	(void)state;
	db_make("t.db", sql);
	db_make("u.db", sql);
	before = fingerprint_of("t.db");
	assert_int_equal(rename("u.db", "t.db"), 0);
	assert_not_proved(before, fingerprint_of("t.db"));
}

static void a_file_that_was_replaced_while_it_is_read_proves_nothing(void **state)
{
	struct rb_source *source;
	char *text;

	(void)state;
	db_make("t.db", "CREATE TABLE t(a)");
	db_make("u.db", "CREATE TABLE t(a)");
	source = source_open("t.db");
	assert_int_equal(rename("u.db", "t.db"), 0);
	text = source_fingerprint(source);
	assert_string_equal(text, "");
	free(text);
	source->adapter->source_close(source);
}

/* Looking must not drop the lock that holds the snapshot. */
static void the_snapshot_holds_after_the_fingerprint(void **state)
{
	struct rb_source *source;
	sqlite3 *writer;

	(void)state;
	db_make("t.db", "CREATE TABLE t(a)");
	source = source_open("t.db");
	free(source_fingerprint(source));
	writer = db_open("t.db");
	assert_int_equal(sqlite3_exec(writer, "INSERT INTO t VALUES(1)", NULL, NULL, NULL),
	                 SQLITE_BUSY);
	db_close(writer);
	source->adapter->source_close(source);
}

static void an_empty_database_has_a_fingerprint(void **state)
{
	sqlite3 *db;
	char *before;

	(void)state;
	db_make("t.db", "");
	before = fingerprint_of("t.db");
	assert_proved(before, fingerprint_of("t.db"));
	before = fingerprint_of("t.db");
	db = db_open("t.db");
	db_exec(db, "CREATE TABLE t(a)");
	db_close(db);
	assert_not_proved(before, fingerprint_of("t.db"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(reading_changes_nothing),
	        cmocka_unit_test(a_connection_that_comes_and_goes_changes_nothing),
	        cmocka_unit_test(any_write_shows_with_a_rollback_journal),
	        cmocka_unit_test(a_write_with_a_rollback_journal_shows_at_once),
	        cmocka_unit_test(a_commit_in_the_log_shows),
	        cmocka_unit_test(a_commit_after_a_checkpoint_shows),
	        cmocka_unit_test(a_write_whose_log_is_gone_shows),
	        cmocka_unit_test(a_young_file_without_a_log_proves_nothing),
	        cmocka_unit_test(the_fingerprint_is_that_of_the_snapshot),
	        cmocka_unit_test(another_file_of_the_same_content_proves_nothing),
	        cmocka_unit_test(a_file_that_was_replaced_while_it_is_read_proves_nothing),
	        cmocka_unit_test(the_snapshot_holds_after_the_fingerprint),
	        cmocka_unit_test(an_empty_database_has_a_fingerprint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
