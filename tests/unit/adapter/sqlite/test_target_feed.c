/*
 * Many rows by one statement: the same as one by one, and the same refusals.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/sqlite_copy.h"
#include "harness/sqlite_db.h"
#include "harness/sqlite_target.h"

/* A new database with from.db's tables, and no rows yet. */
struct fresh {
	struct rb_source *source;
	struct rb_catalog *catalog;
	struct rb_target *target;
};

static struct fresh make_tables(const char *sql)
{
	struct fresh fresh;
	struct rb_catalog *remarks = new_remarks();
	struct rb_err err = {0};

	db_make("from.db", sql);
	fresh.source = source_open("from.db");
	fresh.catalog = source_catalog(fresh.source);
	fresh.target = target_open("new.db", true);
	must(begin_target(fresh.target, NULL, &err), &err);
	must(rb_adapter_sqlite.target_schema(fresh.target, RB_SCHEMA_TABLES, fresh.catalog, NULL,
	                                     remarks, &err),
	     &err);
	rb_catalog_free(remarks);
	return fresh;
}

static void begin(struct fresh *fresh, const char *table)
{
	struct rb_err err = {0};

	must(rb_adapter_sqlite.target_table_begin(fresh->target,
	                                          rb_catalog_table(fresh->catalog, table), &err),
	     &err);
}

static void let_go(struct fresh *fresh)
{
	rb_adapter_sqlite.target_close(fresh->target);
	rb_catalog_free(fresh->catalog);
	rb_adapter_sqlite.source_close(fresh->source);
}

static void commit(struct fresh *fresh)
{
	struct rb_err err = {0};

	must(rb_adapter_sqlite.target_table_end(fresh->target, &err), &err);
	must(rb_adapter_sqlite.target_commit(fresh->target, &err), &err);
	let_go(fresh);
}

static void a_value_that_does_not_fit_is_between_others_that_do(void **state)
{
	struct fresh fresh = make_tables("CREATE TABLE t(id INTEGER PRIMARY KEY, n INTEGER, b)");
	struct rb_err err = {0};
	const struct rb_value rows[] = {
	        an_int(1), an_int(10),   a_text("a"), an_int(2), a_text("20"), a_null(),
	        an_int(3), a_text("x"),  a_real(5.0), an_int(4), an_int(40),   a_text(""),
	        an_int(5), a_real(-0.0), an_int(0),   an_int(6), an_int(60),   an_int(-6),
	};

	(void)state;
	begin(&fresh, "t");
	must(rb_adapter_sqlite.target_insert_rows(fresh.target, rows, 6, &err), &err);
	must(rb_adapter_sqlite.target_insert_rows(fresh.target, rows, 0, &err), &err);
	commit(&fresh);
	assert_rows("new.db", "t", "1|10|'a'\n2|'20'|NULL\n3|'x'|5r\n4|40|''\n5|-0r|0\n6|60|-6\n");
}

static void tables_may_be_named_as_the_source_of_rows(void **state)
{
	struct fresh fresh = make_tables("CREATE TABLE rowback_rows(c1, c0);"
	                                 "CREATE TABLE \"rows\"(c0 INTEGER PRIMARY KEY)");
	struct rb_err err = {0};

	(void)state;
	begin(&fresh, "rowback_rows");
	must(rb_adapter_sqlite.target_insert_rows(fresh.target,
	                                          (struct rb_value[]){an_int(1), a_text("a"),
	                                                              a_text("b"), an_int(2),
	                                                              a_text("c"), a_text("d")},
	                                          2, &err),
	     &err);
	must(rb_adapter_sqlite.target_table_end(fresh.target, &err), &err);
	begin(&fresh, "rows");
	must(rb_adapter_sqlite.target_insert_rows(
	             fresh.target, (struct rb_value[]){an_int(7), an_int(8)}, 2, &err),
	     &err);
	commit(&fresh);
	assert_rows("new.db", "rowback_rows", "1|'a'|'b'\n2|'c'|'d'\n");
	assert_rows("new.db", "rows", "7\n8\n");
}

static void a_row_that_is_there_twice_is_a_conflict(void **state)
{
	struct fresh fresh = make_tables("CREATE TABLE t(id INTEGER PRIMARY KEY, u UNIQUE"
	                                 " ON CONFLICT REPLACE)");
	struct rb_err err = {0};

	(void)state;
	begin(&fresh, "t");
	assert_int_equal(rb_adapter_sqlite.target_insert_rows(
	                         fresh.target,
	                         (struct rb_value[]){an_int(1), an_int(5), an_int(2), an_int(5)}, 2,
	                         &err),
	                 RB_E_CONFLICT);
	assert_string_equal(err.msg, "cannot insert into table 't': UNIQUE constraint failed: t.u");
	let_go(&fresh);
	assert_files("from.db to.db");
}

static void a_value_that_sqlite_has_not_is_refused(void **state)
{
	struct fresh fresh = make_tables("CREATE TABLE t(id INTEGER PRIMARY KEY, v)");
	struct rb_value truth = {.kind = RB_VALUE_BOOL, .u.i = 1};
	struct rb_err err = {0};

	(void)state;
	begin(&fresh, "t");
	assert_int_equal(
	        rb_adapter_sqlite.target_insert_rows(
	                fresh.target,
	                (struct rb_value[]){an_int(1), an_int(5), an_int(2), a_real((double)NAN)},
	                2, &err),
	        RB_E_UNSUPPORTED);
	assert_string_equal(err.msg, "table 't': SQLite has no NaN");
	assert_int_equal(rb_adapter_sqlite.target_insert_rows(
	                         fresh.target, (struct rb_value[]){an_int(2), truth}, 1, &err),
	                 RB_E_UNSUPPORTED);
	let_go(&fresh);
	assert_files("from.db to.db");
}

/* SQLite's limit of 2,000 columns, the rowid among them. */
static void the_widest_table_is_written(void **state)
{
	struct rb_buf sql = RB_BUF((size_t)1 << 20);
	struct rb_err err = {0};

	(void)state;
	must(rb_buf_adds(&sql, "CREATE TABLE t(", &err), &err);
	for (int i = 0; i < 1999; i++)
		must(rb_buf_addf(&sql, &err, "%sv%d", i == 0 ? "" : ", ", i), &err);
	must(rb_buf_adds(&sql, "); INSERT INTO t(rowid, v0, v1998) VALUES(3, 'a', 1), (4, 'b', 2)",
	                 &err),
	     &err);
	db_make("from.db", rb_buf_str(&sql));
	rb_buf_release(&sql);
	must(copy_database("from.db", "new.db", NULL, &err), &err);
	assert_same_database("new.db", "from.db");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, target_set_up, target_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(a_value_that_does_not_fit_is_between_others_that_do),
	        TEST(tables_may_be_named_as_the_source_of_rows),
	        TEST(a_row_that_is_there_twice_is_a_conflict),
	        TEST(a_value_that_sqlite_has_not_is_refused),
	        TEST(the_widest_table_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
