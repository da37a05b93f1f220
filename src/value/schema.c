/*
 * See rowback/value/schema.h.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowback/base/buf.h"
#include "rowback/value/schema.h"

/* Bytes of an object's kind and name: a document's at most. */
#define KEY_MAX_BYTES ((size_t)64 << 20)

/* Bytes of a remark: one clause, with the engine's own message in it at most. */
#define REMARK_MAX ((size_t)64 << 10)

static void release_columns(struct rb_column *columns, size_t count)
{
	for (size_t i = 0; columns && i < count; i++) {
		free(columns[i].name);
		free(columns[i].type);
		free(columns[i].form);
		free(columns[i].default_sql);
		free(columns[i].collation);
	}
	free(columns);
}

static void free_strings(char **strings, size_t count)
{
	for (size_t i = 0; strings && i < count; i++)
		free(strings[i]);
	free(strings);
}

static void release_foreign_keys(struct rb_foreign_key *keys, size_t count)
{
	for (size_t i = 0; keys && i < count; i++) {
		free_strings(keys[i].columns, keys[i].column_count);
		free_strings(keys[i].ref_columns, keys[i].column_count);
		free(keys[i].ref_table);
		free(keys[i].on_update);
		free(keys[i].on_delete);
	}
	free(keys);
}

void rb_table_release(struct rb_table *table)
{
	release_columns(table->columns, table->column_count);
	release_foreign_keys(table->foreign_keys, table->foreign_key_count);
	free(table->name);
	free(table->key);
	free(table->options);
	free(table->note);
	memset(table, 0, sizeof(*table));
}

static void free_objects(struct rb_object *objects, size_t count)
{
	for (size_t i = 0; objects && i < count; i++) {
		free(objects[i].kind);
		free(objects[i].name);
		free(objects[i].table);
		free(objects[i].sql);
	}
	free(objects);
}

void rb_catalog_free(struct rb_catalog *catalog)
{
	if (!catalog)
		return;

	for (size_t i = 0; catalog->settings && i < catalog->setting_count; i++) {
		free(catalog->settings[i].name);
		free(catalog->settings[i].value);
	}
	for (size_t i = 0; catalog->tables && i < catalog->table_count; i++)
		rb_table_release(&catalog->tables[i]);
	for (size_t i = 0; catalog->remarks && i < catalog->remark_count; i++) {
		free(catalog->remarks[i].object);
		free(catalog->remarks[i].what);
	}
	free_objects(catalog->objects, catalog->object_count);
	rb_map_free(catalog->places);
	free(catalog->settings);
	free(catalog->tables);
	free(catalog->remarks);
	free(catalog->engine);
	free(catalog);
}

/* "kind", a NUL, "name". */
static int object_key(const char *kind, const char *name, struct rb_buf *out, struct rb_err *err)
{
	int rc = rb_buf_add(out, kind, strlen(kind) + 1, err);

	return rc < 0 ? rc : rb_buf_adds(out, name, err);
}

int rb_catalog_index(struct rb_catalog *catalog, struct rb_err *err)
{
	struct rb_buf key = RB_BUF(KEY_MAX_BYTES);
	struct rb_map *places = NULL;
	int rc = rb_map_new(sizeof(size_t), &places, err);

	for (size_t i = 0; rc == RB_OK && i < catalog->object_count; i++) {
		rb_buf_clear(&key);
		rc = object_key(catalog->objects[i].kind, catalog->objects[i].name, &key, err);
		if (rc == RB_OK && !rb_map_get(places, key.data, key.len))
			rc = rb_map_put(places, key.data, key.len, &i, err);
	}
	rb_buf_release(&key);
	if (rc < 0) {
		rb_map_free(places);
		return rc;
	}
	rb_map_free(catalog->places);
	catalog->places = places;
	return RB_OK;
}

static const struct rb_object *search(const struct rb_catalog *catalog, const char *kind,
                                      const char *name)
{
	for (size_t i = 0; i < catalog->object_count; i++)
		if (strcmp(catalog->objects[i].kind, kind) == 0 &&
		    strcmp(catalog->objects[i].name, name) == 0)
			return &catalog->objects[i];
	return NULL;
}

const struct rb_object *rb_catalog_object(const struct rb_catalog *catalog, const char *kind,
                                          const char *name)
{
	struct rb_buf key = RB_BUF(KEY_MAX_BYTES);
	const size_t *place = NULL;

	if (!catalog->places || object_key(kind, name, &key, NULL) < 0) {
		rb_buf_release(&key);
		return search(catalog, kind, name);
	}
	place = rb_map_get(catalog->places, key.data, key.len);
	rb_buf_release(&key);
	return place ? &catalog->objects[*place] : NULL;
}

const struct rb_table *rb_catalog_table(const struct rb_catalog *catalog, const char *name)
{
	size_t from = 0;
	size_t to = catalog->table_count;

	for (size_t i = 0; !catalog->places && i < to; i++)
		if (strcmp(catalog->tables[i].name, name) == 0)
			return &catalog->tables[i];
	while (catalog->places && from < to) {
		size_t middle = from + (to - from) / 2;
		int order = strcmp(catalog->tables[middle].name, name);

		if (order == 0)
			return &catalog->tables[middle];
		if (order < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return NULL;
}

bool rb_column_is_stored(const struct rb_column *column)
{
	return column->generated == RB_GENERATED_NO && !column->left_out;
}

struct rb_column *rb_table_column(const struct rb_table *table, const char *name)
{
	for (size_t i = 0; i < table->column_count; i++)
		if (!table->columns[i].is_rowid && strcmp(table->columns[i].name, name) == 0)
			return &table->columns[i];
	return NULL;
}

size_t rb_table_stored_columns(const struct rb_table *table, size_t *out)
{
	size_t count = 0;

	for (size_t i = 0; i < table->column_count; i++)
		if (rb_column_is_stored(&table->columns[i]))
			out[count++] = i;
	return count;
}

void rb_table_key_positions(const struct rb_table *table, size_t *out)
{
	for (size_t k = 0; k < table->key_count; k++) {
		out[k] = 0;
		for (size_t i = 0; i < table->key[k]; i++)
			if (rb_column_is_stored(&table->columns[i]))
				out[k]++;
	}
}

/* The formatted clause on the heap; NULL without memory. */
static char *format_clause(const char *fmt, va_list ap) RB_PRINTF(1, 0);

static char *format_clause(const char *fmt, va_list ap)
{
	va_list again;
	char *text;
	int len;

	va_copy(again, ap);
	len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (len < 0)
		return NULL;
	if ((size_t)len > REMARK_MAX)
		len = (int)REMARK_MAX;

	text = malloc((size_t)len + 1);
	if (text)
		vsnprintf(text, (size_t)len + 1, fmt, ap);
	return text;
}

int rb_catalog_remark(struct rb_catalog *catalog, const char *object, bool incomplete,
                      struct rb_err *err, const char *fmt, ...)
{
	struct rb_remark remark = {.incomplete = incomplete};
	struct rb_remark *grown = NULL;
	int rc = RB_OK;
	va_list ap;

	va_start(ap, fmt);
	remark.what = format_clause(fmt, ap);
	va_end(ap);
	remark.object = strdup(object);
	if (remark.what && remark.object)
		grown = realloc(catalog->remarks, (catalog->remark_count + 1) * sizeof(*grown));
	if (!grown) {
		rc = rb_err_set(err, RB_E_NOMEM, "no memory for a remark on '%s'", object);
		goto out;
	}
	catalog->remarks = grown;
	catalog->remarks[catalog->remark_count++] = remark;
	remark.object = NULL;
	remark.what = NULL;

out:
	free(remark.what);
	free(remark.object);
	return rc;
}
