/*
 * SQLite as a target: definitions out of a backup make what they say, and nothing else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/sqlite_copy.h"
#include "harness/sqlite_db.h"
#include "harness/sqlite_target.h"

/* One definition out of a backup. */
struct definition {
	const char *kind;
	const char *name;
	const char *table;
	const char *sql;
	const char *message;
};

static int make_object(struct rb_target *target, const struct definition *definition,
                       struct rb_err *err)
{
	struct rb_catalog *catalog = new_remarks();
	struct rb_catalog *remarks = new_remarks();
	struct rb_object *object = calloc(1, sizeof(*object));
	int rc;

	assert_non_null(object);
	object->kind = strdup(definition->kind);
	object->name = strdup(definition->name);
	object->table = strdup(definition->table);
	object->sql = strdup(definition->sql);
	catalog->objects = object;
	catalog->object_count = 1;
	/* A table whose rows are there. */
	if (strcmp(definition->kind, "table") == 0) {
		catalog->tables = calloc(1, sizeof(*catalog->tables));
		assert_non_null(catalog->tables);
		catalog->tables[0].name = strdup(definition->name);
		catalog->tables[0].options = strdup("");
		catalog->table_count = 1;
	}
	rc = rb_adapter_sqlite.target_schema(
	        target, strcmp(definition->kind, "table") == 0 ? RB_SCHEMA_TABLES : RB_SCHEMA_AFTER,
	        catalog, NULL, remarks, err);
	rb_catalog_free(catalog);
	rb_catalog_free(remarks);
	return rc;
}

static void hostile_definitions_are_not_run(void **state)
{
	static const struct definition hostile[] = {
	        {"table", "x", "x", "ATTACH 'stolen.db' AS x", "ATTACH"},
	        {"table", "x", "x", "PRAGMA journal_mode = WAL", "PRAGMA"},
	        {"table", "x", "x", "DELETE FROM gone", "another object"},
	        {"table", "x", "x", "SELECT 1", "SELECT"},
	        {"table", "x", "x", "DROP TABLE gone", "another object"},
	        {"table", "x", "x", "CREATE TABLE y(a)", "another object"},
	        {"table", "x", "x", "CREATE TABLE temp.x(a)", "another object"},
	        {"table", "x", "x", "CREATE TEMP TABLE x(a)", "another object"},
	        {"table", "x", "x", "CREATE TABLE x AS SELECT * FROM gone", "another object"},
	        {"table", "x", "x", "CREATE TABLE x AS SELECT load_extension('evil.so')",
	         "a function that reaches outside"},
	        {"table", "x", "x", "CREATE TABLE x(a CHECK(load_extension('evil.so')))",
	         "a function that reaches outside"},
	        {"table", "x", "x", "CREATE VIRTUAL TABLE y USING fts5(a)", "another object"},
	        {"table", "x", "x", "CREATE VIEW x AS SELECT 1", "another object"},
	        {"table", "x", "x",
	         "CREATE TRIGGER x AFTER INSERT ON gone BEGIN DELETE FROM gone; END",
	         "another object"},
	        {"view", "x", "x", "CREATE TABLE x(a)", "another object"},
	        {"index", "x", "t", "CREATE INDEX x ON gone(x)", "another object"},
	        {"index", "x", "t", "CREATE INDEX y ON t(a)", "another object"},
	        {"trigger", "x", "t", "CREATE TRIGGER x AFTER INSERT ON gone BEGIN SELECT 1; END",
	         "another object"},
	        {"trigger", "x", "t", "CREATE TEMP TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END",
	         "another object"},
	        {"table", "x", "x", "CREATE TABLE x(a); DROP TABLE gone", NULL},
	        {"table", "x", "x", "", NULL},
	        {"table", "x", "x", "BEGIN", "another object"},
	        {"table", "x", "x", "VACUUM", NULL},
	};
	char *before = dump_database("to.db");
	char *now;

	(void)state;
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		struct rb_target *target = target_open("to.db", false);
		struct rb_err err = {0};
		char want[256];
		int rc;

		must(begin_target(target, NULL, &err), &err);
		rc = make_object(target, &hostile[i], &err);
		if (rc != RB_E_FORMAT)
			fail_msg("%d %s: %s", rc, err.msg, hostile[i].sql);
		snprintf(want, sizeof(want),
		         "the definition of %s 'x' is not one CREATE statement for it%s%s",
		         hostile[i].kind, hostile[i].message ? ": it asks for " : "",
		         hostile[i].message ? hostile[i].message : "");
		if (strcmp(err.msg, want) != 0)
			fail_msg("%s: %s", err.msg, hostile[i].sql);
		rb_adapter_sqlite.target_close(target);
	}
	now = dump_database("to.db");
	assert_string_equal(now, before);
	free(now);
	free(before);
	assert_files("from.db to.db");
}

static void definitions_that_cannot_work_are_refused(void **state)
{
	static const struct {
		struct definition definition;
		int status;
	} cases[] = {
	        {{"table", "gone", "gone", "CREATE TABLE gone(y)",
	          "table 'gone' is there with another definition"},
	         RB_E_CONFLICT},
	        {{"view", "tv", "tv", "CREATE VIEW tv AS SELECT 1",
	          "view 'tv' is there with another definition"},
	         RB_E_CONFLICT},
	        {{"table", "x", "x", "CREATE TABLE x(", "cannot make table 'x': incomplete input"},
	         RB_E_UNSUPPORTED},
	        {{"table", "tv", "tv", "CREATE TABLE tv(a)",
	          "cannot make table 'tv': view tv already exists"},
	         RB_E_UNSUPPORTED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rb_target *target = target_open("to.db", false);
		struct rb_err err = {0};

		must(begin_target(target, NULL, &err), &err);
		assert_int_equal(make_object(target, &cases[i].definition, &err), cases[i].status);
		assert_string_equal(err.msg, cases[i].definition.message);
		rb_adapter_sqlite.target_close(target);
	}
}

static void settings_are_numbers_or_refused(void **state)
{
	static const char *const settings[][2] = {
	        {"page_size", "4096; DROP TABLE t"}, {"page_size", "65537"}, {"auto_vacuum", "3"},
	        {"encoding", "UTF-8'; --"},          {"page_size", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		struct rb_target *target = target_open("new.db", true);
		struct rb_catalog *catalog = new_remarks();
		struct rb_err err = {0};

		catalog->settings = calloc(1, sizeof(*catalog->settings));
		assert_non_null(catalog->settings);
		catalog->settings->name = strdup(settings[i][0]);
		catalog->settings->value = strdup(settings[i][1]);
		catalog->setting_count = 1;
		must(begin_target(target, NULL, &err), &err);
		assert_int_equal(rb_adapter_sqlite.target_schema(target, RB_SCHEMA_TABLES, catalog,
		                                                 NULL, catalog, &err),
		                 RB_E_FORMAT);
		rb_catalog_free(catalog);
		rb_adapter_sqlite.target_close(target);
	}
	assert_files("from.db to.db");
}

/* Its storage is not there either: it cannot take rows, and says so. */
static void rows_of_a_virtual_table_need_its_module(void **state)
{
	struct rb_target *target = target_open("to.db", false);
	char name[] = "s";
	char column_name[] = "a";
	char empty[] = "";
	struct rb_column column = {.name = column_name, .type = empty};
	const struct rb_table table = {.name = name,
	                               .kind = RB_TABLE_VIRTUAL,
	                               .columns = &column,
	                               .column_count = 1,
	                               .options = empty};
	struct rb_err err = {0};

	(void)state;
	must(begin_target(target, NULL, &err), &err);
	assert_int_equal(rb_adapter_sqlite.target_table_begin(target, &table, &err),
	                 RB_E_UNSUPPORTED);
	assert_string_equal(err.msg, "cannot write rows of virtual table 's': its module is not "
	                             "there, or has no column 'a'");
	rb_adapter_sqlite.target_close(target);
}

static void tables_can_be_chosen(void **state)
{
	static const char *const only[] = {"t", NULL};
	struct rb_source *source = source_open("from.db");
	struct rb_catalog *catalog = source_catalog(source);
	struct rb_catalog *remarks = new_remarks();
	struct rb_target *target = target_open("to.db", false);
	struct rb_catalog *old = source_catalog(rb_adapter_sqlite.target_source(target));
	struct rb_err err = {0};
	char *text;

	(void)state;
	must(begin_target(target, NULL, &err), &err);
	must(rb_adapter_sqlite.target_schema(target, RB_SCHEMA_DROP, old, only, remarks, &err),
	     &err);
	must(rb_adapter_sqlite.target_schema(target, RB_SCHEMA_TABLES, catalog, only, remarks,
	                                     &err),
	     &err);
	must(copy_rows(target, source, rb_catalog_table(catalog, "t"), &err), &err);
	must(rb_adapter_sqlite.target_schema(target, RB_SCHEMA_AFTER, catalog, only, remarks, &err),
	     &err);
	assert_int_equal(remarks->remark_count, 0);
	commit_target(target);
	rb_catalog_free(old);
	rb_catalog_free(remarks);
	rb_catalog_free(catalog);
	rb_adapter_sqlite.source_close(source);

	assert_rows("to.db", "t", "4|'new'|NULL\n8|'newer'|NULL\n");
	assert_rows("to.db", "gone", "1|1\n");
	source = source_open("to.db");
	catalog = source_catalog(source);
	text = catalog_objects(catalog);
	assert_string_equal(text, "table f\ntable gone\ntable s\ntable t\nindex ti\nview tv\n"
	                          "trigger tt\n");
	free(text);
	for (size_t i = 0; i < catalog->setting_count; i++)
		if (strcmp(catalog->settings[i].name, "user_version") == 0)
			assert_string_equal(catalog->settings[i].value, "5");
	rb_catalog_free(catalog);
	rb_adapter_sqlite.source_close(source);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, target_set_up, target_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(hostile_definitions_are_not_run),
	        TEST(definitions_that_cannot_work_are_refused),
	        TEST(settings_are_numbers_or_refused),
	        TEST(rows_of_a_virtual_table_need_its_module),
	        TEST(tables_can_be_chosen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
