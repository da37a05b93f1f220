/*
 * See sqlite_db.h.
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

#include "harness/sqlite_db.h"
#include "rowback/value/key.h"

#define TEXT_MAX ((size_t)1 << 24)

sqlite3 *db_open(const char *path)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	return db;
}

void db_exec(sqlite3 *db, const char *sql)
{
	char *message = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", message, sql);
}

void db_close(sqlite3 *db)
{
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

void db_make(const char *path, const char *sql)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
	char name[256];
	sqlite3 *db;

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
		unlink(name);
	}
	db = db_open(path);
	db_exec(db, sql);
	db_close(db);
}

struct rb_source *source_open(const char *path)
{
	struct rb_source *source = NULL;
	struct rb_open_opts opts = {0};
	struct rb_err err = {0};
	char url[256];

	snprintf(url, sizeof(url), "sqlite:%s", path);
	opts.url = url;
	if (rb_adapter_sqlite.source_open(&opts, &source, &err) < 0)
		fail_msg("%s", err.msg);
	return source;
}

char *source_fingerprint(struct rb_source *source)
{
	struct rb_buf text = RB_BUF(TEXT_MAX);
	char *out;

	assert_int_equal(source->adapter->source_fingerprint(source, &text, NULL), RB_OK);
	out = rb_buf_detach(&text);
	assert_non_null(out);
	return out;
}

struct rb_catalog *source_catalog(struct rb_source *source)
{
	struct rb_catalog *catalog = NULL;
	struct rb_err err = {0};

	if (source->adapter->source_catalog(source, &catalog, &err) < 0)
		fail_msg("%s", err.msg);
	return catalog;
}

struct rows {
	const struct rb_table *table;
	size_t *key;         /* positions of the key's columns in a row */
	size_t column_count; /* stored ones */
	struct rb_buf text;
	struct rb_buf key_before;
};

static void add_bytes(struct rb_buf *out, const struct rb_bytes *bytes)
{
	for (size_t i = 0; i < bytes->len; i++)
		assert_int_equal(rb_buf_addf(out, NULL, "%02x", (unsigned char)bytes->data[i]),
		                 RB_OK);
}

static void add_text(struct rb_buf *out, const struct rb_bytes *bytes)
{
	assert_int_equal(rb_buf_adds(out, "'", NULL), RB_OK);
	for (size_t i = 0; i < bytes->len; i++) {
		unsigned char c = (unsigned char)bytes->data[i];

		assert_int_equal(
		        rb_buf_addf(out, NULL, c < 0x20 || c >= 0x7f ? "\\x%02X" : "%c", c), RB_OK);
	}
	assert_int_equal(rb_buf_adds(out, "'", NULL), RB_OK);
}

static void add_value(struct rb_buf *out, const struct rb_value *value)
{
	switch (value->kind) {
	case RB_VALUE_NULL:
		assert_int_equal(rb_buf_adds(out, "NULL", NULL), RB_OK);
		break;
	case RB_VALUE_INT:
		assert_int_equal(rb_buf_addf(out, NULL, "%lld", (long long)value->u.i), RB_OK);
		break;
	case RB_VALUE_REAL:
		assert_int_equal(rb_buf_addf(out, NULL, "%gr", value->u.r), RB_OK);
		break;
	case RB_VALUE_TEXT:
		add_text(out, &value->u.bytes);
		break;
	case RB_VALUE_TEXT_RAW:
		assert_int_equal(rb_buf_adds(out, "raw:", NULL), RB_OK);
		add_bytes(out, &value->u.bytes);
		break;
	case RB_VALUE_BLOB:
		assert_int_equal(rb_buf_adds(out, "x:", NULL), RB_OK);
		add_bytes(out, &value->u.bytes);
		break;
	case RB_VALUE_BOOL:
	case RB_VALUE_NUMBER:
		fail_msg("SQLite has no value of kind %d", (int)value->kind);
	}
}

/* The sink: write a row, and compare its key with the one before. */
static int add_row(void *ctx, const struct rb_value *values, struct rb_err *err)
{
	struct rows *rows = ctx;
	struct rb_buf key = RB_BUF(TEXT_MAX);

	(void)err;
	assert_int_equal(rb_key_of_row(values, rows->key, rows->table->key_count, &key, NULL),
	                 RB_OK);
	if (rows->text.len > 0) {
		int order = rb_key_compare(rows->key_before.data, rows->key_before.len, key.data,
		                           key.len);

		if (order > 0 || (order == 0 && !rows->table->key_may_repeat))
			fail_msg("keys of '%s' are out of order after %s", rows->table->name,
			         rb_buf_str(&rows->text));
	}
	rb_buf_release(&rows->key_before);
	rows->key_before = key;

	for (size_t i = 0; i < rows->column_count; i++) {
		if (i > 0)
			assert_int_equal(rb_buf_adds(&rows->text, "|", NULL), RB_OK);
		add_value(&rows->text, &values[i]);
	}
	return rb_buf_adds(&rows->text, "\n", NULL);
}

char *source_rows(struct rb_source *source, const struct rb_table *table)
{
	struct rows rows = {.table = table, .text = RB_BUF(TEXT_MAX), .key_before = RB_BUF(0)};
	struct rb_row_sink sink = {.row = add_row, .ctx = &rows};
	size_t *stored = calloc(table->column_count + 1, sizeof(*stored));
	struct rb_err err = {0};
	char *out;

	rows.key = calloc(table->key_count + 1, sizeof(*rows.key));
	assert_non_null(stored);
	assert_non_null(rows.key);
	rows.column_count = rb_table_stored_columns(table, stored);
	rb_table_key_positions(table, rows.key);
	if (source->adapter->source_read(source, table, &sink, &err) < 0)
		fail_msg("%s", err.msg);
	rb_buf_release(&rows.key_before);
	free(rows.key);
	free(stored);
	out = rb_buf_detach(&rows.text);
	assert_non_null(out);
	return out;
}

char *db_rows(const char *path, const char *table)
{
	struct rb_source *source = source_open(path);
	struct rb_catalog *catalog = source_catalog(source);
	const struct rb_table *found = rb_catalog_table(catalog, table);
	char *text;

	if (!found) {
		fail_msg("no table '%s' in the catalog", table);
		abort();
	}
	text = source_rows(source, found);
	rb_catalog_free(catalog);
	source->adapter->source_close(source);
	return text;
}

void assert_rows(const char *path, const char *table, const char *want)
{
	char *rows = db_rows(path, table);

	assert_string_equal(rows, want);
	free(rows);
}

static void add_column(struct rb_buf *out, const struct rb_column *column)
{
	static const char *const generated[] = {"", "=virtual", "=stored"};

	assert_int_equal(rb_buf_addf(out, NULL, " %s%s%s%s%s%s%s",
	                             column->is_rowid ? "<rowid>" : column->name,
	                             column->type[0] ? ":" : "", column->type,
	                             column->not_null ? "!" : "", generated[column->generated],
	                             column->collation ? "~" : "",
	                             column->collation ? column->collation : ""),
	                 RB_OK);
}

static void add_table(struct rb_buf *out, const struct rb_table *table)
{
	static const char *const kinds[] = {"plain", "virtual", "shadow", "system"};
	static const char *const keys[] = {"primary", "rowid", "unique", "row"};

	assert_int_equal(rb_buf_addf(out, NULL, "%s %s %s(", table->name, kinds[table->kind],
	                             keys[table->key_kind]),
	                 RB_OK);
	for (size_t i = 0; i < table->key_count; i++)
		assert_int_equal(rb_buf_addf(out, NULL, i > 0 ? ",%zu" : "%zu", table->key[i]),
		                 RB_OK);
	assert_int_equal(rb_buf_addf(out, NULL, ")%s [%s]", table->key_may_repeat ? "*" : "",
	                             table->options),
	                 RB_OK);
	for (size_t i = 0; i < table->column_count; i++)
		add_column(out, &table->columns[i]);
	if (table->note)
		assert_int_equal(rb_buf_addf(out, NULL, " (%s)", table->note), RB_OK);
	assert_int_equal(rb_buf_adds(out, "\n", NULL), RB_OK);
}

char *catalog_tables(const struct rb_catalog *catalog)
{
	struct rb_buf text = RB_BUF(TEXT_MAX);

	for (size_t i = 0; i < catalog->table_count; i++)
		add_table(&text, &catalog->tables[i]);
	return rb_buf_detach(&text);
}

char *catalog_remarks(const struct rb_catalog *catalog)
{
	struct rb_buf text = RB_BUF(TEXT_MAX);

	for (size_t i = 0; i < catalog->remark_count; i++)
		assert_int_equal(rb_buf_addf(&text, NULL, "%s%s: %s\n",
		                             catalog->remarks[i].incomplete ? "!" : "",
		                             catalog->remarks[i].object, catalog->remarks[i].what),
		                 RB_OK);
	return rb_buf_detach(&text);
}

char *catalog_objects(const struct rb_catalog *catalog)
{
	struct rb_buf text = RB_BUF(TEXT_MAX);

	for (size_t i = 0; i < catalog->object_count; i++)
		assert_int_equal(rb_buf_addf(&text, NULL, "%s %s\n", catalog->objects[i].kind,
		                             catalog->objects[i].name),
		                 RB_OK);
	return rb_buf_detach(&text);
}

void assert_catalog(const char *path, const char *want_tables, const char *want_remarks)
{
	struct rb_source *source = source_open(path);
	struct rb_catalog *catalog = source_catalog(source);
	char *tables = catalog_tables(catalog);
	char *remarks = catalog_remarks(catalog);

	if (want_tables)
		assert_string_equal(tables, want_tables);
	if (want_remarks)
		assert_string_equal(remarks, want_remarks);
	free(tables);
	free(remarks);
	rb_catalog_free(catalog);
	source->adapter->source_close(source);
}
