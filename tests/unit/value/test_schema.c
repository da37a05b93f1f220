/*
 * rowback/value/schema.h: what is stored, where the key stands, what is freed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness/fault.h"
#include "rowback/value/schema.h"

static void generated_columns_are_not_stored(void **state)
{
	struct rb_column columns[] = {
	        {.generated = RB_GENERATED_STORED},
	        {.generated = RB_GENERATED_NO},
	        {.generated = RB_GENERATED_VIRTUAL},
	        {.generated = RB_GENERATED_NO},
	};
	struct rb_table table = {.columns = columns, .column_count = 4};
	size_t stored[4];

	(void)state;
	assert_int_equal(rb_table_stored_columns(&table, stored), 2);
	assert_int_equal(stored[0], 1);
	assert_int_equal(stored[1], 3);
}

static void key_positions_count_stored_columns_only(void **state)
{
	struct rb_column columns[] = {
	        {.generated = RB_GENERATED_NO},
	        {.generated = RB_GENERATED_VIRTUAL},
	        {.generated = RB_GENERATED_NO},
	        {.generated = RB_GENERATED_NO},
	};
	size_t key[] = {3, 0, 2};
	struct rb_table table = {.columns = columns, .column_count = 4, .key = key, .key_count = 3};
	size_t positions[3];

	(void)state;
	rb_table_key_positions(&table, positions);
	assert_int_equal(positions[0], 2);
	assert_int_equal(positions[1], 0);
	assert_int_equal(positions[2], 1);
}

static void a_table_is_found_by_its_exact_name(void **state)
{
	char lower[] = "orders";
	char upper[] = "Orders";
	struct rb_table tables[] = {{.name = upper}, {.name = lower}};
	struct rb_catalog catalog = {.tables = tables, .table_count = 2};

	(void)state;
	assert_ptr_equal(rb_catalog_table(&catalog, "orders"), &tables[1]);
	assert_ptr_equal(rb_catalog_table(&catalog, "Orders"), &tables[0]);
	assert_null(rb_catalog_table(&catalog, "order"));
}

/* The same answers with an index as without. */
static void objects_and_tables_are_found_by_index(void **state)
{
	char table[] = "table";
	char index[] = "index";
	char a[] = "a";
	char b[] = "b";
	char empty[] = "";
	struct rb_object objects[] = {{.kind = table, .name = b},
	                              {.kind = index, .name = a},
	                              {.kind = table, .name = a},
	                              {.kind = index, .name = a},
	                              {.kind = table, .name = empty}};
	struct rb_table tables[] = {{.name = empty}, {.name = a}, {.name = b}};
	struct rb_catalog catalog = {
	        .objects = objects, .object_count = 5, .tables = tables, .table_count = 3};

	(void)state;
	for (int indexed = 0; indexed < 2; indexed++) {
		assert_ptr_equal(rb_catalog_object(&catalog, "table", "a"), &objects[2]);
		assert_ptr_equal(rb_catalog_object(&catalog, "table", "b"), &objects[0]);
		assert_ptr_equal(rb_catalog_object(&catalog, "index", "a"), &objects[1]);
		assert_ptr_equal(rb_catalog_object(&catalog, "table", ""), &objects[4]);
		assert_null(rb_catalog_object(&catalog, "tabl", "eb"));
		assert_null(rb_catalog_object(&catalog, "index", "b"));
		assert_ptr_equal(rb_catalog_table(&catalog, ""), &tables[0]);
		assert_ptr_equal(rb_catalog_table(&catalog, "a"), &tables[1]);
		assert_ptr_equal(rb_catalog_table(&catalog, "b"), &tables[2]);
		assert_null(rb_catalog_table(&catalog, "ab"));
		assert_null(rb_catalog_table(&catalog, "c"));
		assert_int_equal(rb_catalog_index(&catalog, NULL), RB_OK);
	}
	rb_map_free(catalog.places);
}

static void columns_that_are_left_out_are_not_stored(void **state)
{
	char name[] = "c";
	struct rb_column columns[] = {
	        {.name = name, .is_rowid = true}, {.name = name, .left_out = true}, {.name = name}};
	struct rb_table table = {.columns = columns, .column_count = 3};
	size_t stored[3];

	(void)state;
	assert_int_equal(rb_table_stored_columns(&table, stored), 2);
	assert_int_equal(stored[1], 2);
	assert_ptr_equal(rb_table_column(&table, "c"), &columns[1]);
	assert_null(rb_table_column(&table, "d"));
}

static void remarks_keep_their_order_and_text(void **state)
{
	struct rb_catalog *catalog = calloc(1, sizeof(*catalog));

	(void)state;
	assert_non_null(catalog);
	assert_int_equal(rb_catalog_remark(catalog, "logs", true, NULL, "page %d is corrupt", 7),
	                 RB_OK);
	assert_int_equal(rb_catalog_remark(catalog, "fts", false, NULL, "kept by its content"),
	                 RB_OK);
	assert_int_equal(catalog->remark_count, 2);
	assert_string_equal(catalog->remarks[0].object, "logs");
	assert_string_equal(catalog->remarks[0].what, "page 7 is corrupt");
	assert_true(catalog->remarks[0].incomplete);
	assert_string_equal(catalog->remarks[1].what, "kept by its content");
	assert_false(catalog->remarks[1].incomplete);
	rb_catalog_free(catalog);
}

static void a_remark_without_memory_leaves_the_catalog_as_it_was(void **state)
{
	struct rb_catalog *catalog = calloc(1, sizeof(*catalog));
	struct rb_err err = {0};

	(void)state;
	assert_non_null(catalog);
	for (unsigned int nth = 1; nth <= 3; nth++) {
		fault_arm(FAULT_MALLOC, nth, ENOMEM);
		assert_int_equal(rb_catalog_remark(catalog, "logs", true, &err, "x"), RB_E_NOMEM);
		assert_int_equal(fault_disarm(), 1);
		assert_string_equal(err.msg, "no memory for a remark on 'logs'");
		assert_int_equal(catalog->remark_count, 0);
	}
	rb_catalog_free(catalog);
}

/* The sanitizer build tells when something is left. */
static void a_full_catalog_is_freed_whole(void **state)
{
	struct rb_catalog *catalog = calloc(1, sizeof(*catalog));
	struct rb_table *table;

	(void)state;
	assert_non_null(catalog);
	catalog->engine = strdup("sqlite");
	catalog->settings = calloc(1, sizeof(*catalog->settings));
	catalog->setting_count = 1;
	catalog->settings[0].name = strdup("user_version");
	catalog->settings[0].value = strdup("3");
	catalog->objects = calloc(1, sizeof(*catalog->objects));
	catalog->object_count = 1;
	catalog->objects[0].kind = strdup("view");
	catalog->objects[0].name = strdup("v");
	catalog->objects[0].table = strdup("v");
	catalog->objects[0].sql = strdup("CREATE VIEW v AS SELECT 1");

	catalog->tables = table = calloc(1, sizeof(*table));
	catalog->table_count = 1;
	table->name = strdup("t");
	table->options = strdup("");
	table->note = strdup("kept");
	table->columns = calloc(1, sizeof(*table->columns));
	table->column_count = 1;
	table->columns[0].name = strdup("a");
	table->columns[0].type = strdup("INT");
	table->columns[0].default_sql = strdup("1");
	table->columns[0].collation = strdup("NOCASE");
	table->key = calloc(1, sizeof(*table->key));
	table->key_count = 1;
	table->foreign_keys = calloc(1, sizeof(*table->foreign_keys));
	table->foreign_key_count = 1;
	table->foreign_keys[0].columns = calloc(1, sizeof(char *));
	table->foreign_keys[0].columns[0] = strdup("a");
	table->foreign_keys[0].column_count = 1;
	table->foreign_keys[0].ref_table = strdup("u");
	table->foreign_keys[0].on_update = strdup("NO ACTION");
	table->foreign_keys[0].on_delete = strdup("CASCADE");
	assert_int_equal(rb_catalog_remark(catalog, "t", false, NULL, "x"), RB_OK);
	rb_catalog_free(catalog);
}

static void a_released_table_is_empty_and_releasable_again(void **state)
{
	struct rb_table table = {.name = strdup("t"), .column_count = 3};

	(void)state;
	rb_table_release(&table);
	assert_null(table.name);
	assert_int_equal(table.column_count, 0);
	rb_table_release(&table);
	rb_catalog_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(generated_columns_are_not_stored),
	        cmocka_unit_test(key_positions_count_stored_columns_only),
	        cmocka_unit_test(a_table_is_found_by_its_exact_name),
	        cmocka_unit_test(objects_and_tables_are_found_by_index),
	        cmocka_unit_test(columns_that_are_left_out_are_not_stored),
	        cmocka_unit_test(remarks_keep_their_order_and_text),
	        cmocka_unit_test(a_remark_without_memory_leaves_the_catalog_as_it_was),
	        cmocka_unit_test(a_full_catalog_is_freed_whole),
	        cmocka_unit_test(a_released_table_is_empty_and_releasable_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
