/*
 * See sqlite_copy.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/sqlite_copy.h"
#include "harness/sqlite_db.h"

#define TEXT_MAX ((size_t)1 << 26)

struct rb_target *target_open(const char *path, bool create)
{
	struct rb_target_opts opts = {.open = {.busy_timeout_ms = 50}, .create = create};
	struct rb_target *target = NULL;
	struct rb_err err = {0};
	char url[256];

	snprintf(url, sizeof(url), "sqlite:%s", path);
	opts.open.url = url;
	if (rb_adapter_sqlite.target_open(&opts, &target, &err) < 0)
		fail_msg("%s", err.msg);
	return target;
}

struct rb_catalog *new_remarks(void)
{
	struct rb_catalog *remarks = calloc(1, sizeof(*remarks));

	assert_non_null(remarks);
	return remarks;
}

/* Rows on their way: few at a time, so that most tables have more than one such step. */
#define ROWS_MAX 7

struct rows {
	struct rb_target *target;
	size_t width;
	size_t count;
	struct rb_value *values; /* their bytes are copies */
};

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory for rows");
}

static bool has_bytes(const struct rb_value *value)
{
	return value->kind == RB_VALUE_TEXT || value->kind == RB_VALUE_TEXT_RAW ||
	       value->kind == RB_VALUE_BLOB || value->kind == RB_VALUE_NUMBER;
}

static void forget_rows(struct rows *rows)
{
	for (size_t i = 0; i < rows->count * rows->width; i++)
		if (has_bytes(&rows->values[i]))
			free((char *)(uintptr_t)rows->values[i].u.bytes.data);
	rows->count = 0;
}

static int insert_rows(struct rows *rows, struct rb_err *err)
{
	int rc = rb_adapter_sqlite.target_insert_rows(rows->target, rows->values, rows->count, err);

	forget_rows(rows);
	return rc;
}

static int take_row(void *ctx, const struct rb_value *values, struct rb_err *err)
{
	struct rows *rows = ctx;
	struct rb_value *to = rows->values + rows->count * rows->width;
	int rc = RB_OK;

	rows->count++;
	for (size_t i = 0; i < rows->width; i++) {
		char *copy;

		to[i] = values[i];
		if (!has_bytes(&values[i]))
			continue;
		copy = malloc(values[i].u.bytes.len + 1);
		if (copy && values[i].u.bytes.len > 0)
			memcpy(copy, values[i].u.bytes.data, values[i].u.bytes.len);
		if (!copy)
			rc = no_memory(err);
		to[i].u.bytes.data = copy;
	}
	if (rc < 0)
		forget_rows(rows);
	return rc < 0 || rows->count < ROWS_MAX ? rc : insert_rows(rows, err);
}

int copy_rows(struct rb_target *target, struct rb_source *source, const struct rb_table *table,
              struct rb_err *err)
{
	struct rows rows = {.target = target};
	struct rb_row_sink sink = {.row = take_row, .ctx = &rows};
	int rc = rb_adapter_sqlite.target_table_begin(target, table, err);

	for (size_t i = 0; i < table->column_count; i++)
		rows.width += table->columns[i].generated == RB_GENERATED_NO;
	rows.values = calloc(rows.width * ROWS_MAX + 1, sizeof(*rows.values));
	if (rc == RB_OK && !rows.values)
		rc = no_memory(err);
	if (rc == RB_OK)
		rc = rb_adapter_sqlite.source_read(source, table, &sink, err);
	if (rc == RB_OK)
		rc = insert_rows(&rows, err);
	forget_rows(&rows);
	free(rows.values);
	return rc == RB_OK ? rb_adapter_sqlite.target_table_end(target, err) : rc;
}

/* Drop all objects; SQLite's own tables cannot be dropped, but lose their rows. */
static int drop_everything(struct rb_target *target, struct rb_catalog *remarks, struct rb_err *err)
{
	struct rb_catalog *old = source_catalog(rb_adapter_sqlite.target_source(target));
	int rc;

	rc = rb_adapter_sqlite.target_schema(target, RB_SCHEMA_DROP, old, NULL, remarks, err);
	for (size_t i = 0; i < old->table_count && rc == RB_OK; i++) {
		if (old->tables[i].kind != RB_TABLE_SYSTEM)
			continue;
		rc = rb_adapter_sqlite.target_table_begin(target, &old->tables[i], err);
		if (rc == RB_OK)
			rc = rb_adapter_sqlite.target_table_end(target, err);
	}
	rb_catalog_free(old);
	return rc;
}

int fill_target(struct rb_target *target, struct rb_source *source,
                const struct rb_catalog *catalog, struct rb_catalog *remarks, struct rb_err *err)
{
	struct rb_catalog *own = remarks ? NULL : new_remarks();
	int rc = RB_OK;

	if (own)
		remarks = own;
	if (!rb_adapter_sqlite.target_is_empty(target))
		rc = drop_everything(target, remarks, err);
	if (rc == RB_OK)
		rc = rb_adapter_sqlite.target_schema(target, RB_SCHEMA_TABLES, catalog, NULL,
		                                     remarks, err);
	for (size_t i = 0; i < catalog->table_count && rc == RB_OK; i++)
		rc = copy_rows(target, source, &catalog->tables[i], err);
	if (rc == RB_OK)
		rc = rb_adapter_sqlite.target_schema(target, RB_SCHEMA_AFTER, catalog, NULL,
		                                     remarks, err);
	if (rc == RB_OK)
		rc = rb_adapter_sqlite.target_check(target, remarks, err);
	rb_catalog_free(own);
	return rc;
}

/* What ops does before it commits: export again, and compare. */
static void assert_same_export(struct rb_source *source, struct rb_source *target,
                               const struct rb_catalog *want)
{
	struct rb_catalog *catalog = source_catalog(target);
	char *want_text = catalog_tables(want);
	char *text = catalog_tables(catalog);

	assert_string_equal(text, want_text);
	free(text);
	free(want_text);
	for (size_t i = 0; i < want->table_count; i++) {
		want_text = source_rows(source, &want->tables[i]);
		text = source_rows(target, &catalog->tables[i]);
		assert_string_equal(text, want_text);
		free(text);
		free(want_text);
	}
	rb_catalog_free(catalog);
}

int copy_database(const char *from, const char *to, struct rb_catalog *remarks, struct rb_err *err)
{
	struct rb_source *source = source_open(from);
	struct rb_catalog *catalog = source_catalog(source);
	struct rb_target *target = target_open(to, true);
	int rc = rb_adapter_sqlite.target_begin(target, NULL, err);

	if (rc == RB_OK)
		rc = fill_target(target, source, catalog, remarks, err);
	if (rc == RB_OK)
		assert_same_export(source, rb_adapter_sqlite.target_source(target), catalog);
	if (rc == RB_OK)
		rc = rb_adapter_sqlite.target_commit(target, err);
	rb_adapter_sqlite.target_close(target);
	rb_catalog_free(catalog);
	rb_adapter_sqlite.source_close(source);
	return rc;
}

static void add(struct rb_buf *out, const char *fmt, ...) RB_PRINTF(2, 3);

static void add(struct rb_buf *out, const char *fmt, ...)
{
	char text[4096];
	va_list ap;

	va_start(ap, fmt);
	assert_true(vsnprintf(text, sizeof(text), fmt, ap) >= 0);
	va_end(ap);
	assert_int_equal(rb_buf_adds(out, text, NULL), RB_OK);
}

/* A value with its storage class; text as the database's own bytes. */
static void add_column(struct rb_buf *out, sqlite3_stmt *stmt, int column)
{
	const unsigned char *data;
	int len;

	switch (sqlite3_column_type(stmt, column)) {
	case SQLITE_INTEGER:
		add(out, "%lld", (long long)sqlite3_column_int64(stmt, column));
		break;
	case SQLITE_FLOAT:
		add(out, "%a", sqlite3_column_double(stmt, column));
		break;
	case SQLITE_NULL:
		add(out, "NULL");
		break;
	default:
		add(out, sqlite3_column_type(stmt, column) == SQLITE_TEXT ? "'" : "x'");
		data = sqlite3_column_blob(stmt, column);
		len = sqlite3_column_bytes(stmt, column);
		for (int i = 0; i < len; i++)
			add(out, data[i] >= 0x20 && data[i] < 0x7f ? "%c" : "\\%02x", data[i]);
		add(out, "'");
	}
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The rows of a query, sorted as text.  What fails says so in the text. */
static void add_query(struct rb_buf *out, sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt = NULL;
	char **lines = NULL;
	size_t count = 0;
	int code = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

	while (code == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW) {
		struct rb_buf line = RB_BUF(TEXT_MAX);

		for (int i = 0; i < sqlite3_column_count(stmt); i++) {
			add(&line, i > 0 ? "|" : " ");
			add_column(&line, stmt, i);
		}
		lines = realloc(lines, (count + 1) * sizeof(*lines));
		assert_non_null(lines);
		lines[count++] = rb_buf_detach(&line);
	}
	if (count > 1)
		qsort(lines, count, sizeof(*lines), compare_lines);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(rb_buf_adds(out, lines[i], NULL), RB_OK);
		add(out, "\n");
		free(lines[i]);
	}
	if (sqlite3_finalize(stmt) != SQLITE_OK || code != SQLITE_OK)
		add(out, " failed: %s\n", sqlite3_errmsg(db));
	free(lines);
}

/* Whether a query gives a row; the argument is freed. */
static bool has_row(sqlite3 *db, char *sql)
{
	sqlite3_stmt *stmt = NULL;
	bool is_it;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	is_it = sqlite3_step(stmt) == SQLITE_ROW;
	sqlite3_finalize(stmt);
	sqlite3_free(sql);
	return is_it;
}

/* Whether a table's bytes depend on how it was filled: the index of a full-text table. */
static bool is_derived(sqlite3 *db, const char *name)
{
	return has_row(
	        db,
	        sqlite3_mprintf(
	                "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND rootpage = 0"
	                " AND instr(%Q, name || '_') = 1"
	                " AND substr(%Q, length(name) + 2) IN ('data', 'idx', 'docsize', 'content',"
	                " 'segdir', 'segments', 'stat', 'node', 'parent', 'rowid')",
	                name, name));
}

/* A rowid is data where nothing else is the key; SQLite's own tables are written anew. */
static bool is_rowid_data(sqlite3 *db, const char *name)
{
	return strncmp(name, "sqlite_", 7) != 0 &&
	       !has_row(db,
	                sqlite3_mprintf("SELECT 1 FROM pragma_table_info(%Q) WHERE pk > 0", name));
}

static void add_tables(struct rb_buf *out, sqlite3 *db)
{
	sqlite3_stmt *stmt = NULL;
	char *sql;

	assert_int_equal(sqlite3_prepare_v2(db,
	                                    "SELECT name, wr FROM pragma_table_list"
	                                    " WHERE schema = 'main' AND type <> 'view'"
	                                    " AND name <> 'sqlite_schema' ORDER BY name",
	                                    -1, &stmt, NULL),
	                 SQLITE_OK);
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(stmt, 0);
		bool has_rowid = sqlite3_column_int(stmt, 1) == 0 && is_rowid_data(db, name);

		if (is_derived(db, name))
			continue;
		add(out, "%s\n", name);
		sql = sqlite3_mprintf(has_rowid ? "SELECT rowid, * FROM main.\"%w\""
		                                : "SELECT * FROM main.\"%w\"",
		                      name);
		add_query(out, db, sql);
		sqlite3_free(sql);
	}
	sqlite3_finalize(stmt);
}

char *dump_database(const char *path)
{
	static const char *const pragmas[] = {"user_version", "application_id",
	                                      "encoding",     "page_size",
	                                      "auto_vacuum",  "integrity_check(10000)"};
	struct rb_buf out = RB_BUF(TEXT_MAX);
	sqlite3 *db = db_open(path);
	char sql[64];

	for (size_t i = 0; i < sizeof(pragmas) / sizeof(pragmas[0]); i++) {
		add(&out, "%s\n", pragmas[i]);
		snprintf(sql, sizeof(sql), "PRAGMA %s", pragmas[i]);
		add_query(&out, db, sql);
	}
	add(&out, "schema\n");
	add_query(&out, db, "SELECT type, name, tbl_name, sql FROM sqlite_schema");
	add_tables(&out, db);
	db_close(db);
	return rb_buf_detach(&out);
}

void assert_same_database(const char *a, const char *b)
{
	char *left = dump_database(a);
	char *right = dump_database(b);

	assert_string_equal(left, right);
	free(left);
	free(right);
}

char *list_directory(const char *path)
{
	struct rb_buf out = RB_BUF(TEXT_MAX);
	struct dirent **entries = NULL;
	int count = scandir(path, &entries, NULL, alphasort);

	assert_true(count >= 0);
	for (int i = 0; i < count; i++) {
		if (strcmp(entries[i]->d_name, ".") != 0 && strcmp(entries[i]->d_name, "..") != 0)
			add(&out, "%s%s", out.len > 0 ? " " : "", entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return rb_buf_detach(&out);
}
