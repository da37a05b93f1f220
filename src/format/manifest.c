/*
 * See rowback/format/documents.h: rowback.json.
 *
 *	{
 *	  "format": 1,
 *	  "sources": {
 *	    "app": {
 *	      "engine": "sqlite",
 *	      "tables": [
 *	        {"name": "orders", "path": "orders", "rows": 1200}
 *	      ]
 *	    }
 *	  }
 *	}
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "rowback/format/documents.h"
#include "rowback/value/json.h"

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory for rowback.json");
}

static json_t *table_to_json(const struct rb_manifest_table *table)
{
	json_t *doc = json_object();

	if (json_object_set_new(doc, "name", rb_json_bytes(table->name, strlen(table->name))) < 0 ||
	    json_object_set_new(doc, "path", json_string(table->path)) < 0 ||
	    json_object_set_new(doc, "rows", json_integer((json_int_t)table->rows)) < 0) {
		json_decref(doc);
		return NULL;
	}
	return doc;
}

static json_t *source_to_json(const struct rb_manifest_source *source)
{
	json_t *doc = json_object();
	json_t *tables = json_array();
	json_t *missing = json_array();
	int bad = 0;

	for (size_t i = 0; i < source->table_count; i++)
		bad |= json_array_append_new(tables, table_to_json(&source->tables[i]));
	for (size_t i = 0; i < source->missing_count; i++)
		bad |= json_array_append_new(
		        missing, rb_json_bytes(source->missing[i], strlen(source->missing[i])));
	bad |= json_object_set_new(doc, "engine", json_string(source->engine));
	bad |= json_object_set(doc, "tables", tables);
	if (source->missing_count > 0)
		bad |= json_object_set(doc, "missing", missing);
	json_decref(tables);
	json_decref(missing);
	if (bad) {
		json_decref(doc);
		return NULL;
	}
	return doc;
}

int rb_manifest_write(const struct rb_manifest *manifest, struct rb_buf *out, struct rb_err *err)
{
	json_t *doc = json_object();
	json_t *sources = json_object();
	int bad = json_object_set_new(doc, "format", json_integer(RB_FORMAT_VERSION));
	int rc;

	for (size_t i = 0; i < manifest->source_count; i++)
		bad |= json_object_set_new(sources, manifest->sources[i].name,
		                           source_to_json(&manifest->sources[i]));
	bad |= json_object_set(doc, "sources", sources);
	rc = bad ? no_memory(err) : rb_json_dump(doc, out, err);
	json_decref(sources);
	json_decref(doc);
	return rc;
}

static int damaged(const char *what, struct rb_err *err)
{
	return rb_err_set(err, RB_E_FORMAT, "rowback.json: %s", what);
}

/* A path below a directory of ours: what rb_path_encode() makes has none of these. */
static bool is_safe_component(const char *path)
{
	return *path && *path != '.' && strlen(path) < 200 && !strpbrk(path, "/\\:");
}

static int read_table(const json_t *doc, struct rb_manifest_table *out, struct rb_err *err)
{
	const char *path = NULL;
	int64_t rows = 0;
	int rc = rb_json_get_bytes(json_object_get(doc, "name"), "rowback.json: a table's name",
	                           &out->name, err);

	if (rc == RB_OK)
		rc = rb_json_get_string(doc, "path", &path, err);
	if (rc == RB_OK)
		rc = rb_json_get_int(doc, "rows", &rows, err);
	if (rc < 0)
		return rb_err_wrap(err, rc, "rowback.json");
	if (rows < 0 || !is_safe_component(path))
		return damaged("a table has an impossible path or number of rows", err);
	out->rows = (uint64_t)rows;
	out->path = strdup(path);
	return out->path ? RB_OK : no_memory(err);
}

static int read_tables(const json_t *list, struct rb_manifest_source *out, struct rb_err *err)
{
	int rc = RB_OK;

	if (!json_is_array(list))
		return damaged("a source has no list of tables", err);
	out->tables = calloc(json_array_size(list) + 1, sizeof(*out->tables));
	if (!out->tables)
		return no_memory(err);
	for (size_t i = 0; rc == RB_OK && i < json_array_size(list); i++) {
		out->table_count++;
		rc = read_table(json_array_get(list, i), &out->tables[i], err);
		if (rc == RB_OK && i > 0 &&
		    strcmp(out->tables[i - 1].name, out->tables[i].name) >= 0)
			rc = damaged("tables are not sorted by name", err);
	}
	return rc;
}

static int read_missing(const json_t *list, struct rb_manifest_source *out, struct rb_err *err)
{
	int rc = RB_OK;

	if (!list)
		return RB_OK;
	out->missing = calloc(json_array_size(list) + 1, sizeof(*out->missing));
	if (!out->missing)
		return no_memory(err);
	for (size_t i = 0; rc == RB_OK && i < json_array_size(list); i++) {
		rc = rb_json_get_bytes(json_array_get(list, i), "rowback.json: a missing table",
		                       &out->missing[i], err);
		if (rc == RB_OK)
			out->missing_count++;
	}
	return rc;
}

static int read_source(const char *name, const json_t *doc, struct rb_manifest_source *out,
                       struct rb_err *err)
{
	const char *engine = NULL;
	int rc;

	if (!is_safe_component(name))
		return damaged("a source has an impossible name", err);
	rc = rb_json_get_string(doc, "engine", &engine, err);
	if (rc < 0)
		return rb_err_wrap(err, rc, "rowback.json: source '%s'", name);
	out->name = strdup(name);
	out->engine = strdup(engine);
	if (!out->name || !out->engine)
		return no_memory(err);
	rc = read_tables(json_object_get(doc, "tables"), out, err);
	if (rc == RB_OK)
		rc = read_missing(json_object_get(doc, "missing"), out, err);
	return rc;
}

static int read_sources(json_t *list, struct rb_manifest *out, struct rb_err *err)
{
	const char *name;
	json_t *doc;

	if (!json_is_object(list))
		return damaged("there is no object 'sources'", err);
	out->sources = calloc(json_object_size(list) + 1, sizeof(*out->sources));
	if (!out->sources)
		return no_memory(err);
	json_object_foreach(list, name, doc)
	{
		struct rb_manifest_source *source = &out->sources[out->source_count++];
		int rc = read_source(name, doc, source, err);

		if (rc < 0)
			return rc;
	}
	return RB_OK;
}

int rb_manifest_read(const char *text, size_t len, struct rb_manifest *out, struct rb_err *err)
{
	json_t *doc = NULL;
	int64_t version = 0;
	int rc;

	memset(out, 0, sizeof(*out));
	rc = rb_json_parse(text, len, "rowback.json", &doc, err);
	if (rc == RB_OK)
		rc = rb_json_get_int(doc, "format", &version, err);
	if (rc < 0)
		goto out;
	if (version != RB_FORMAT_VERSION) {
		rb_err_set(err, RB_E_UNSUPPORTED,
		           "the store has format %" PRId64 "; this is rowback " RB_VERSION
		           ", which knows format %d",
		           version, RB_FORMAT_VERSION);
		rb_err_hint(err, "install the rowback that wrote it, or a newer one");
		rc = RB_E_UNSUPPORTED;
		goto out;
	}
	rc = read_sources(json_object_get(doc, "sources"), out, err);

out:
	json_decref(doc);
	if (rc < 0)
		rb_manifest_release(out);
	return rc;
}

void rb_manifest_source_release(struct rb_manifest_source *source)
{
	for (size_t i = 0; i < source->table_count; i++) {
		free(source->tables[i].name);
		free(source->tables[i].path);
	}
	for (size_t i = 0; i < source->missing_count; i++)
		free(source->missing[i]);
	free(source->tables);
	free(source->missing);
	free(source->name);
	free(source->engine);
	memset(source, 0, sizeof(*source));
}

void rb_manifest_release(struct rb_manifest *manifest)
{
	for (size_t i = 0; i < manifest->source_count; i++)
		rb_manifest_source_release(&manifest->sources[i]);
	free(manifest->sources);
	memset(manifest, 0, sizeof(*manifest));
}

const struct rb_manifest_source *rb_manifest_source(const struct rb_manifest *manifest,
                                                    const char *name)
{
	for (size_t i = 0; i < manifest->source_count; i++) {
		if (strcmp(manifest->sources[i].name, name) == 0)
			return &manifest->sources[i];
	}
	return NULL;
}
