/*
 * SQLite's files in large pieces: the same database as without.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/sqlite_copy.h"
#include "harness/sqlite_db.h"
#include "sqlite/sqlite_priv.h"

/* Pages are written in and out of order, read again before they left, cut off, used anew. */
static const char *const steps[] = {
        "CREATE TABLE t(id INTEGER PRIMARY KEY, v UNIQUE, b)",
        ("WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
         " INSERT INTO t SELECT i, (i * 7919) % 10007, zeroblob(i % 700) FROM n"),
        "UPDATE t SET b = zeroblob(id % 3000) WHERE id % 7 = 3",
        "CREATE INDEX t_by_v ON t(v, b)",
        "BEGIN",
        "DELETE FROM t WHERE id % 3 = 0",
        "UPDATE t SET v = v + 20000",
        "ROLLBACK",
        "DELETE FROM t WHERE id > 2000",
        "VACUUM",
        "INSERT INTO t SELECT id + 5000, v + 50000, b FROM t",
};

static void write_all(const char *path, const char *vfs, int page_size)
{
	sqlite3 *db = NULL;
	char sql[96];

	rb_sqlite_vfs_add();
	assert_int_equal(
	        sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs),
	        SQLITE_OK);
	snprintf(sql, sizeof(sql), "PRAGMA page_size = %d; PRAGMA cache_size = 10", page_size);
	db_exec(db, sql);
	db_exec(db, "PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY");
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		db_exec(db, steps[i]);
	db_close(db);
}

static void makes_the_same_file(void **state)
{
	static const int page_sizes[] = {512, 1024, 4096, 32768, 65536};

	(void)state;
	for (size_t i = 0; i < sizeof(page_sizes) / sizeof(page_sizes[0]); i++) {
		struct stat plain;
		struct stat pieces;

		unlink("plain.db");
		unlink("pieces.db");
		write_all("plain.db", NULL, page_sizes[i]);
		write_all("pieces.db", RB_SQLITE_VFS_NEW, page_sizes[i]);
		assert_int_equal(stat("plain.db", &plain), 0);
		assert_int_equal(stat("pieces.db", &pieces), 0);
		assert_int_equal(pieces.st_size, plain.st_size);
		assert_same_database("pieces.db", "plain.db");
		assert_int_equal(system("cmp plain.db pieces.db"), 0);
	}
}

static void what_is_committed_is_in_the_file(void **state)
{
	struct rb_err err = {0};
	struct rb_sqlite_conn writer = {0};
	struct rb_source *reader = NULL;
	struct rb_catalog *catalog;
	char *rows;

	(void)state;
	unlink("x.db");
	db_make("x.db", "PRAGMA user_version = 1");
	assert_int_equal(rb_sqlite_open(&writer, "x.db", RB_SQLITE_NEW, 0, &err), RB_OK);
	db_exec(writer.db, "PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY;"
	                   "CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES(1, 2);"
	                   "BEGIN; INSERT INTO t VALUES(3, 4)");
	assert_int_equal(rb_sqlite_source_open_path("x.db", RB_SQLITE_BESIDE, 0, &reader, &err),
	                 RB_OK);
	catalog = source_catalog(reader);
	rows = source_rows(reader, rb_catalog_table(catalog, "t"));
	assert_string_equal(rows, "1|2\n");
	free(rows);
	rb_catalog_free(catalog);
	rb_adapter_sqlite.source_close(reader);
	rb_sqlite_close(&writer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(makes_the_same_file),
	        cmocka_unit_test(what_is_committed_is_in_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
