/*
 * SQLite as a target: a new database is read by others before it has its name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "harness/sqlite_copy.h"
#include "harness/sqlite_db.h"
#include "harness/sqlite_target.h"

#define MANY                                                                                       \
	"WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"          \
	" INSERT INTO t SELECT i, 'row ' || i FROM n;"

/* A database made from from.db as far as its rows. */
struct half {
	struct rb_source *source;
	struct rb_catalog *catalog;
	struct rb_target *target;
};

static struct half make_tables(const char *to, bool create)
{
	struct half half = {.source = source_open("from.db"), .target = target_open(to, create)};
	struct rb_catalog *remarks = new_remarks();
	struct rb_err err = {0};

	half.catalog = source_catalog(half.source);
	must(begin_target(half.target, NULL, &err), &err);
	must(rb_adapter_sqlite.target_schema(half.target, RB_SCHEMA_TABLES, half.catalog, NULL,
	                                     remarks, &err),
	     &err);
	rb_catalog_free(remarks);
	return half;
}

static struct half fill_rows(const char *to, bool create)
{
	struct half half = make_tables(to, create);
	struct rb_err err = {0};

	for (size_t i = 0; i < half.catalog->table_count; i++)
		must(copy_rows(half.target, half.source, &half.catalog->tables[i], &err), &err);
	return half;
}

static void make_after(struct half *half)
{
	struct rb_catalog *remarks = new_remarks();
	struct rb_err err = {0};

	must(rb_adapter_sqlite.target_schema(half->target, RB_SCHEMA_AFTER, half->catalog, NULL,
	                                     remarks, &err),
	     &err);
	rb_catalog_free(remarks);
}

static void let_go(struct half *half)
{
	rb_adapter_sqlite.target_close(half->target);
	rb_catalog_free(half->catalog);
	rb_adapter_sqlite.source_close(half->source);
}

/* Fails unless a reader sees a table as the source has it. */
static void assert_reads(struct rb_source *reader, const struct rb_catalog *catalog,
                         const struct half *half, const char *table)
{
	char *want = source_rows(half->source, rb_catalog_table(half->catalog, table));
	char *have = source_rows(reader, rb_catalog_table(catalog, table));

	assert_string_equal(have, want);
	free(have);
	free(want);
}

static void readers_see_the_rows_while_indexes_are_made(void **state)
{
	struct rb_source *readers[2] = {NULL, NULL};
	struct rb_catalog *catalog;
	struct rb_err err = {0};
	struct half half;
	char *have;

	(void)state;
	db_make("from.db", "CREATE TABLE t(id INTEGER PRIMARY KEY, v);"
	                   "CREATE TABLE u(a TEXT PRIMARY KEY) WITHOUT ROWID;"
	                   "INSERT INTO u VALUES('x');" MANY
	                   "CREATE INDEX t_by_v ON t(v); CREATE VIEW w AS SELECT v FROM t;"
	                   "CREATE TRIGGER r AFTER INSERT ON t BEGIN DELETE FROM u; END;"
	                   "PRAGMA user_version = 7;");
	half = fill_rows("new.db", true);
	for (size_t i = 0; i < 2; i++)
		must(rb_adapter_sqlite.target_reader(half.target, &readers[i], &err), &err);
	catalog = source_catalog(readers[0]);
	have = catalog_objects(catalog);
	assert_string_equal(have, "table t\ntable u\n");
	free(have);
	make_after(&half);
	for (size_t i = 0; i < 2; i++) {
		assert_reads(readers[i], catalog, &half, "t");
		rb_adapter_sqlite.source_close(readers[i]);
	}
	rb_catalog_free(catalog);
	must(rb_adapter_sqlite.target_commit(half.target, &err), &err);
	let_go(&half);
	assert_same_database("new.db", "from.db");
}

static void readers_see_a_table_while_others_are_written(void **state)
{
	static const char *const names[] = {"a", "b", "c"};
	struct rb_source *readers[3] = {NULL, NULL, NULL};
	struct rb_catalog *catalogs[3];
	struct rb_err err = {0};
	struct half half;

	(void)state;
	db_make("from.db",
	        "CREATE TABLE a(id INTEGER PRIMARY KEY, v UNIQUE);"
	        "CREATE TABLE b(id INTEGER PRIMARY KEY AUTOINCREMENT, v);"
	        "CREATE TABLE c(k TEXT PRIMARY KEY, v) WITHOUT ROWID;"
	        "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
	        " INSERT INTO a SELECT i, (i * 7919) % 20011 FROM n;"
	        "INSERT INTO b(v) SELECT hex(v) || zeroblob(v % 300) FROM a;"
	        "INSERT INTO c SELECT 'k' || v, id FROM a; CREATE INDEX c_by_v ON c(v);");
	half = make_tables("new.db", true);
	for (size_t i = 0; i < 3; i++) {
		must(copy_rows(half.target, half.source, rb_catalog_table(half.catalog, names[i]),
		               &err),
		     &err);
		must(rb_adapter_sqlite.target_reader(half.target, &readers[i], &err), &err);
		catalogs[i] = source_catalog(readers[i]);
		for (size_t j = 0; j <= i; j++)
			assert_reads(readers[j], catalogs[j], &half, names[j]);
	}
	must(copy_rows(half.target, half.source, rb_catalog_table(half.catalog, "sqlite_sequence"),
	               &err),
	     &err);
	make_after(&half);
	for (size_t i = 0; i < 3; i++) {
		assert_reads(readers[i], catalogs[i], &half, names[i]);
		rb_catalog_free(catalogs[i]);
		rb_adapter_sqlite.source_close(readers[i]);
	}
	must(rb_adapter_sqlite.target_commit(half.target, &err), &err);
	let_go(&half);
	assert_same_database("new.db", "from.db");
}

/* Fails unless a reader is refused, and the restore goes on as if it had not been asked. */
static void assert_no_reader(const char *to, bool create)
{
	struct half half = fill_rows(to, create);
	struct rb_source *reader = NULL;
	struct rb_err err = {0};

	assert_int_equal(rb_adapter_sqlite.target_reader(half.target, &reader, &err),
	                 RB_E_UNSUPPORTED);
	assert_null(reader);
	make_after(&half);
	must(rb_adapter_sqlite.target_commit(half.target, &err), &err);
	let_go(&half);
	assert_same_database(to, "from.db");
}

static void auto_vacuum_has_no_readers(void **state)
{
	(void)state;
	db_make("from.db", "PRAGMA auto_vacuum = 1; CREATE TABLE t(id INTEGER PRIMARY KEY, v);" MANY
	                   "CREATE INDEX t_by_v ON t(v);");
	assert_no_reader("new.db", true);
}

static void virtual_tables_have_no_readers(void **state)
{
	(void)state;
	db_make("from.db", "CREATE TABLE t(id INTEGER PRIMARY KEY, v);" MANY
	                   "CREATE VIRTUAL TABLE f USING fts5(v, content = 't');"
	                   "INSERT INTO f(f) VALUES('rebuild');");
	assert_no_reader("new.db", true);
}

static void a_database_that_was_there_has_no_readers(void **state)
{
	(void)state;
	db_make("from.db", "CREATE TABLE t(id INTEGER PRIMARY KEY, v);" MANY);
	db_make("blank.db", "");
	assert_no_reader("blank.db", false);
}

static void no_reader_between_two_rows(void **state)
{
	struct half half;
	struct rb_source *reader = NULL;
	struct rb_err err = {0};

	(void)state;
	db_make("from.db", "CREATE TABLE t(id INTEGER PRIMARY KEY, v);" MANY);
	half = fill_rows("new.db", true);
	must(rb_adapter_sqlite.target_table_begin(half.target, &half.catalog->tables[0], &err),
	     &err);
	assert_int_equal(rb_adapter_sqlite.target_reader(half.target, &reader, &err), RB_E_USAGE);
	assert_string_equal(err.msg, "table 't' is still being written");
	let_go(&half);
	assert_files("from.db to.db");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, target_set_up, target_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(readers_see_the_rows_while_indexes_are_made),
	        TEST(readers_see_a_table_while_others_are_written),
	        TEST(auto_vacuum_has_no_readers),
	        TEST(virtual_tables_have_no_readers),
	        TEST(a_database_that_was_there_has_no_readers),
	        TEST(no_reader_between_two_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
