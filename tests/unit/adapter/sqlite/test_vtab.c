/*
 * adapter/sqlite/vtab.c and catalog.c: how virtual tables are kept.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/sqlite_db.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Fails unless the objects of a database are these. */
static void assert_objects(const char *path, const char *want)
{
	struct rb_source *source = source_open(path);
	struct rb_catalog *catalog = source_catalog(source);
	char *text = catalog_objects(catalog);

	assert_string_equal(text, want);
	free(text);
	rb_catalog_free(catalog);
	source->adapter->source_close(source);
}

static void fts5_is_kept_by_its_rows_and_its_settings(void **state)
{
	(void)state;
	db_make("t.db", "CREATE VIRTUAL TABLE f USING fts5(a, b UNINDEXED, prefix = '2 3');"
	                "INSERT INTO f(rowid, a, b) VALUES(9, 'nine', 1), (2, 'two', NULL);"
	                "INSERT INTO f(f, rank) VALUES('pgsz', 100);");
	assert_catalog("t.db",
	               "f virtual rowid(0) [] <rowid>! a b\n"
	               "f_config shadow primary(0) [WITHOUT ROWID] k! v"
	               " (settings of full-text table \"f\")\n",
	               "");
	assert_objects("t.db", "table f\n");
	assert_rows("t.db", "f", "2|'two'|NULL\n9|'nine'|1\n");
	assert_rows("t.db", "f_config", "'pgsz'|100\n'version'|4\n");
}

static void fts_over_another_table_has_no_rows(void **state)
{
	static const char *const sql[] = {
	        "CREATE VIRTUAL TABLE f USING fts5(a, content='t', content_rowid='id');",
	        "CREATE VIRTUAL TABLE f USING fts5(a, content=t, content_rowid=id);",
	        "CREATE VIRTUAL TABLE f USING fts5(CONT = \"t\", a, content_rowid=id);",
	        ("CREATE VIRTUAL TABLE \"f\"/* USING x(y) */USING [fts5](a -- comment, content=''\n"
	         ", content  =  `t`, content_rowid = id);"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(sql); i++) {
		char *script = sqlite3_mprintf("CREATE TABLE t(id INTEGER PRIMARY KEY, a);"
		                               "INSERT INTO t VALUES(1, 'x'); %s"
		                               "INSERT INTO f(f) VALUES('rebuild');",
		                               sql[i]);

		db_make("t.db", script);
		sqlite3_free(script);
		assert_catalog("t.db",
		               "f virtual rowid(0) [] <rowid>! a"
		               " (no rows of its own: rebuilt from \"t\")\n"
		               "f_config shadow primary(0) [WITHOUT ROWID] k! v"
		               " (settings of full-text table \"f\")\n"
		               "t plain primary(0) [] id:INTEGER! a\n",
		               "");
		assert_rows("t.db", "f", "");
	}
}

static void fts_without_content_is_kept_by_its_index(void **state)
{
	(void)state;
	db_make("t.db", "CREATE VIRTUAL TABLE f USING fts5(a, content='');"
	                "INSERT INTO f(rowid, a) VALUES(1, 'x');");
	assert_catalog("t.db",
	               "f_config shadow primary(0) [WITHOUT ROWID] k! v"
	               " (index of full-text table \"f\", which keeps no content)\n"
	               "f_data shadow primary(0) [] id:INTEGER! block:BLOB"
	               " (index of full-text table \"f\", which keeps no content)\n"
	               "f_docsize shadow primary(0) [] id:INTEGER! sz:BLOB"
	               " (index of full-text table \"f\", which keeps no content)\n"
	               "f_idx shadow primary(0,1) [WITHOUT ROWID] segid! term! pgno"
	               " (index of full-text table \"f\", which keeps no content)\n",
	               "");
	assert_objects("t.db",
	               "table f\ntable f_config\ntable f_data\ntable f_docsize\ntable f_idx\n");
	assert_rows("t.db", "f_docsize", "1|x:01\n");
	db_make("t.db", "CREATE VIRTUAL TABLE f USING fts4(content=\"\", a);"
	                "INSERT INTO f(docid, a) VALUES(1, 'x');");
	assert_objects("t.db", "table f\ntable f_docsize\ntable f_segdir\ntable f_segments\n"
	                       "table f_stat\n");
}

static void fts3_and_fts4_are_kept_by_their_rows(void **state)
{
	(void)state;
	db_make("t.db", "CREATE VIRTUAL TABLE f USING fts4(a TEXT, b, tokenize=porter);"
	                "INSERT INTO f(docid, a, b) VALUES(9, 'nine', 1), (-2, NULL, x'00');");
	assert_catalog("t.db", "f virtual rowid(0) [] <rowid>! a b\n", "");
	assert_objects("t.db", "table f\n");
	assert_rows("t.db", "f", "-2|NULL|x:00\n9|'nine'|1\n");

	/* fts3 knows no options: "content" is a column */
	db_make("t.db", "CREATE VIRTUAL TABLE f USING fts3(content, languageid);"
	                "INSERT INTO f VALUES('x', 'y');");
	assert_catalog("t.db", "f virtual rowid(0) [] <rowid>! content languageid\n", "");
	assert_rows("t.db", "f", "1|'x'|'y'\n");
}

static void the_language_of_a_document_is_kept(void **state)
{
	(void)state;
	db_make("t.db", "CREATE VIRTUAL TABLE f USING fts4(a, languageid=\"lid\");"
	                "INSERT INTO f(docid, a, lid) VALUES(1, 'x', 5);");
	assert_catalog("t.db", "f virtual rowid(0) [] <rowid>! a lid\n", "");
	assert_rows("t.db", "f", "1|'x'|5\n");
}

static void fts4_over_another_table_has_no_rows(void **state)
{
	(void)state;
	db_make("t.db", "CREATE TABLE t(a); INSERT INTO t VALUES('x');"
	                "CREATE VIRTUAL TABLE f USING fts4(content=\"t\", a);"
	                "INSERT INTO f(f) VALUES('rebuild');");
	assert_catalog("t.db",
	               "f virtual rowid(0) [] <rowid>! a (no rows of its own: rebuilt from"
	               " \"t\")\nt plain rowid(0) [] <rowid>! a\n",
	               "");
	assert_rows("t.db", "f", "");
}

static void full_text_is_read_in_utf16(void **state)
{
	(void)state;
	db_make("t.db", "PRAGMA encoding = 'UTF-16be'; CREATE VIRTUAL TABLE f USING fts5(a);"
	                "CREATE VIRTUAL TABLE g USING fts4(a);"
	                "INSERT INTO f VALUES('\xc3\xa9'); INSERT INTO g VALUES('\xc3\xa9');");
	assert_rows("t.db", "f", "1|'\\xC3\\xA9'\n");
	assert_rows("t.db", "g", "1|'\\xC3\\xA9'\n");
}

static void r_trees_are_kept_by_their_rows(void **state)
{
	(void)state;
	db_make("t.db", "CREATE VIRTUAL TABLE r USING rtree(id, x0, x1, +name TEXT);"
	                "CREATE VIRTUAL TABLE i USING rtree_i32(id, x0, x1);"
	                "INSERT INTO r VALUES(30, 0.5, 1.5, 'b'), (4, 2, 3, x'01'), (-1, 1, 1, 7);"
	                "INSERT INTO i VALUES(1, -5, 7);");
	assert_catalog("t.db",
	               "i virtual primary(0) [] id! x0 x1\n"
	               "r virtual primary(0) [] id! x0 x1 name\n",
	               "");
	assert_objects("t.db", "table i\ntable r\n");
	assert_rows("t.db", "r", "-1|1r|1r|7\n4|2r|3r|x:01\n30|0.5r|1.5r|'b'\n");
	assert_rows("t.db", "i", "1|-5|7\n");
}

/* A table of the user's is not taken for storage because of its name. */
static void tables_with_similar_names_stay_tables(void **state)
{
	(void)state;
	db_make("t.db", "CREATE VIRTUAL TABLE f USING fts4(a); CREATE TABLE f_notes(x);"
	                "CREATE TABLE g_content(x); CREATE VIRTUAL TABLE r USING rtree(id, a, b);"
	                "CREATE TABLE r_docsize(x);");
	assert_catalog("t.db",
	               "f virtual rowid(0) [] <rowid>! a\n"
	               "f_notes plain rowid(0) [] <rowid>! x\n"
	               "g_content plain rowid(0) [] <rowid>! x\n"
	               "r virtual primary(0) [] id! a b\n"
	               "r_docsize plain rowid(0) [] <rowid>! x\n",
	               "");
}

/* Put a virtual table of any module into the schema, as its own program would have. */
static void add_foreign(const char *path, const char *name, const char *ddl)
{
	sqlite3 *db = db_open(path);
	char *sql = sqlite3_mprintf("PRAGMA writable_schema = ON;"
	                            "INSERT INTO sqlite_schema VALUES('table', %Q, %Q, 0, %Q);",
	                            name, name, ddl);

	db_exec(db, sql);
	sqlite3_free(sql);
	db_close(db);
}

static void a_module_that_is_not_loaded_is_kept_by_its_storage(void **state)
{
	(void)state;
	db_make("t.db",
	        "CREATE TABLE \"Spatial_data\"(a); INSERT INTO \"Spatial_data\" VALUES(1);");
	add_foreign("t.db", "spatial", "CREATE VIRTUAL TABLE spatial USING VirtualKNN(x, y)");
	add_foreign("t.db", "numbers", "CREATE VIRTUAL TABLE numbers USING \"whole number\"");
	assert_catalog(
	        "t.db", "Spatial_data plain rowid(0) [] <rowid>! a\n",
	        "numbers: module \"whole number\" is not loaded: only its definition is"
	        " kept\n"
	        "spatial: module \"VirtualKNN\" is not loaded: kept by its storage tables\n");
	assert_objects("t.db", "table Spatial_data\ntable numbers\ntable spatial\n");
	assert_rows("t.db", "Spatial_data", "1|1\n");
}

static void a_module_that_computes_its_rows_is_kept_by_definition(void **state)
{
	(void)state;
	db_make("t.db", "CREATE VIRTUAL TABLE f USING fts5(a);"
	                "CREATE VIRTUAL TABLE v USING fts5vocab(f, row);"
	                "CREATE VIRTUAL TABLE s USING dbstat;");
	assert_catalog("t.db", NULL,
	               "s: module \"dbstat\" computes its rows: only its definition is kept\n"
	               "v: module \"fts5vocab\" computes its rows: only its definition is kept\n");
	assert_objects("t.db", "table f\ntable s\ntable v\n");
}

/* A tokenizer, or a function to uncompress, that only the application has. */
static void a_table_its_module_cannot_read_is_kept_by_its_storage(void **state)
{
	(void)state;
	db_make("t.db", "CREATE TABLE u(x); CREATE VIRTUAL TABLE f USING fts5(a);"
	                "INSERT INTO f VALUES('x'); PRAGMA writable_schema = ON;"
	                "UPDATE sqlite_schema SET sql ="
	                " 'CREATE VIRTUAL TABLE f USING fts5(a, tokenize=\"own\")'"
	                " WHERE name = 'f';");
	assert_catalog("t.db",
	               "f_config shadow primary(0) [WITHOUT ROWID] k! v"
	               " (storage of virtual table \"f\", kept as it is)\n"
	               "f_content shadow primary(0) [] id:INTEGER! c0"
	               " (storage of virtual table \"f\", kept as it is)\n"
	               "f_data shadow primary(0) [] id:INTEGER! block:BLOB"
	               " (storage of virtual table \"f\", kept as it is)\n"
	               "f_docsize shadow primary(0) [] id:INTEGER! sz:BLOB"
	               " (storage of virtual table \"f\", kept as it is)\n"
	               "f_idx shadow primary(0,1) [WITHOUT ROWID] segid! term! pgno"
	               " (storage of virtual table \"f\", kept as it is)\n"
	               "u plain rowid(0) [] <rowid>! x\n",
	               "f: kept by its storage tables: module \"fts5\" cannot read it\n");
	assert_rows("t.db", "f_content", "1|'x'\n");

	db_make("t.db", "CREATE VIRTUAL TABLE f USING fts4(a); INSERT INTO f VALUES('x');"
	                "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql ="
	                " 'CREATE VIRTUAL TABLE f USING fts4(a, compress=zip, uncompress=unzip)'"
	                " WHERE name = 'f';");
	assert_catalog("t.db", NULL,
	               "f: kept by its storage tables: module \"fts4\" cannot read it\n");
	assert_objects("t.db", "table f\ntable f_content\ntable f_docsize\ntable f_segdir\n"
	                       "table f_segments\ntable f_stat\n");
	assert_rows("t.db", "f_content", "1|'x'\n");
}

/* DDL that only a damaged or hostile database has. */
static void a_definition_that_makes_no_sense_is_kept_all_the_same(void **state)
{
	static const char *const ddl[] = {
	        "CREATE VIRTUAL TABLE x USING y(",
	        "CREATE VIRTUAL TABLE x USING y(a, 'b",
	        "CREATE VIRTUAL TABLE x USING y(a /* b",
	        "CREATE VIRTUAL TABLE x USING fts9(content=",
	        "CREATE VIRTUAL TABLE x USING fts9(,,,)",
	        "CREATE VIRTUAL TABLE x USING fts9())",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(ddl); i++) {
		struct rb_open_opts opts = {.url = "sqlite:t.db"};
		struct rb_source *source = NULL;
		struct rb_catalog *catalog = NULL;
		struct rb_err err = {0};
		bool is_malformed;

		db_make("t.db", "CREATE TABLE t(a)");
		add_foreign("t.db", "x", ddl[i]);
		if (rb_adapter_sqlite.source_open(&opts, &source, &err) < 0)
			fail_msg("%s: %s", ddl[i], err.msg);
		catalog = source_catalog(source);
		assert_int_equal(catalog->table_count, 1);
		assert_int_equal(catalog->object_count, 2);
		/* SQLite itself does not understand some of them. */
		is_malformed = strcmp(catalog->remarks[0].object, "sqlite_schema") == 0;
		assert_int_equal(catalog->remark_count, is_malformed ? 2 : 1);
		assert_string_equal(catalog->remarks[is_malformed].object, "x");
		rb_catalog_free(catalog);
		source->adapter->source_close(source);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(fts5_is_kept_by_its_rows_and_its_settings),
	        cmocka_unit_test(fts_over_another_table_has_no_rows),
	        cmocka_unit_test(fts_without_content_is_kept_by_its_index),
	        cmocka_unit_test(fts3_and_fts4_are_kept_by_their_rows),
	        cmocka_unit_test(the_language_of_a_document_is_kept),
	        cmocka_unit_test(fts4_over_another_table_has_no_rows),
	        cmocka_unit_test(full_text_is_read_in_utf16),
	        cmocka_unit_test(r_trees_are_kept_by_their_rows),
	        cmocka_unit_test(tables_with_similar_names_stay_tables),
	        cmocka_unit_test(a_module_that_is_not_loaded_is_kept_by_its_storage),
	        cmocka_unit_test(a_module_that_computes_its_rows_is_kept_by_definition),
	        cmocka_unit_test(a_table_its_module_cannot_read_is_kept_by_its_storage),
	        cmocka_unit_test(a_definition_that_makes_no_sense_is_kept_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
