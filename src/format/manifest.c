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

#include "documents_priv.h"
#include "rowback/format/documents.h"
#include "rowback/format/path.h"
#include "rowback/value/json.h"

/* As RB_CONFIG_SOURCE_NAME_MAX. */
#define SOURCE_NAME_MAX 64

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
	return rb_err_set(err, RB_E_FORMAT, "%s", what);
}

/* The rule of source names (config/config.h): a directory that checks out everywhere. */
static int check_source_name(const char *name, struct rb_err *err)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
	struct rb_buf form = RB_BUF(RB_DOCUMENT_MAX);
	size_t len = strlen(name);
	/* A device name of Windows has another form than itself. */
	int rc = rb_path_encode(name, &form, err);

	if (rc == RB_OK && (len == 0 || len > SOURCE_NAME_MAX || strspn(name, allowed) != len ||
	                    name[0] == '_' || strcmp(rb_buf_str(&form), name) != 0))
		rc = rb_err_set(err, RB_E_FORMAT, "'%.100s' cannot be the name of a source", name);
	rb_buf_release(&form);
	return rc;
}

/* A table's directory is made of its name: nothing else is ever opened or written. */
static int check_path(const char *name, const char *path, struct rb_err *err)
{
	struct rb_buf plain = RB_BUF(RB_DOCUMENT_MAX);
	struct rb_buf cased = RB_BUF(RB_DOCUMENT_MAX);
	int rc = rb_path_encode(name, &plain, err);

	if (rc == RB_OK)
		rc = rb_path_encode_cased(name, &cased, err);
	if (rc == RB_OK && strcmp(plain.data, path) != 0 && strcmp(cased.data, path) != 0)
		rc = rb_err_set(err, RB_E_FORMAT, "'%.100s' is no path of table '%.100s'", path,
		                name);
	rb_buf_release(&plain);
	rb_buf_release(&cased);
	return rc;
}

static int read_table(const json_t *doc, struct rb_manifest_table *out, struct rb_err *err)
{
	const char *path = NULL;
	int64_t rows = 0;
	int rc = rb_json_get_bytes(json_object_get(doc, "name"), "a table's name", &out->name, err);

	if (rc == RB_OK)
		rc = rb_json_get_string(doc, "path", &path, err);
	if (rc == RB_OK)
		rc = rb_json_get_int(doc, "rows", &rows, err);
	if (rc == RB_OK && rows < 0)
		rc = damaged("a table has less than no rows", err);
	if (rc == RB_OK)
		rc = check_path(out->name, path, err);
	if (rc != RB_OK)
		return rc;
	out->rows = (uint64_t)rows;
	out->path = strdup(path);
	return out->path ? RB_OK : no_memory(err);
}

static int read_tables(const json_t *list, struct rb_manifest_source *out, struct rb_err *err)
{
	int rc = RB_OK;

	if (!json_is_array(list))
		return damaged("there is no list of tables", err);
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
		rc = rb_json_get_bytes(json_array_get(list, i), "a missing table's name",
		                       &out->missing[i], err);
		if (rc == RB_OK)
			out->missing_count++;
		if (rc == RB_OK && i > 0 && strcmp(out->missing[i - 1], out->missing[i]) >= 0)
			rc = damaged("missing tables are not sorted by name", err);
	}
	return rc;
}

static int read_source(const char *name, const json_t *doc, struct rb_manifest_source *out,
                       struct rb_err *err)
{
	const char *engine = NULL;
	int rc = check_source_name(name, err);

	if (rc < 0)
		return rc;
	rc = rb_json_get_string(doc, "engine", &engine, err);
	if (rc == RB_OK) {
		out->name = strdup(name);
		out->engine = strdup(engine);
		if (!out->name || !out->engine)
			rc = no_memory(err);
	}
	if (rc == RB_OK)
		rc = read_tables(json_object_get(doc, "tables"), out, err);
	if (rc == RB_OK)
		rc = read_missing(json_object_get(doc, "missing"), out, err);
	return rc < 0 ? rb_err_wrap(err, rc, "source '%s'", name) : RB_OK;
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

		if (rc != RB_OK)
			return rc;
		if (out->source_count > 1 && strcmp(source[-1].name, name) >= 0)
			return damaged("sources are not sorted by name", err);
	}
	return RB_OK;
}

static int check_version(const json_t *doc, struct rb_err *err)
{
	int64_t version = 0;
	int rc = rb_json_get_int(doc, "format", &version, err);

	if (rc < 0)
		return rb_err_wrap(err, rc, "rowback.json");
	if (version == RB_FORMAT_VERSION)
		return RB_OK;
	rb_err_set(err, RB_E_UNSUPPORTED,
	           "the store has format %" PRId64 "; this is rowback " RB_VERSION
	           ", which knows format %d",
	           version, RB_FORMAT_VERSION);
	rb_err_hint(err, "install the rowback that wrote it, or a newer one");
	return RB_E_UNSUPPORTED;
}

static int check_text(const struct rb_manifest *manifest, const char *text, size_t len,
                      struct rb_err *err)
{
	struct rb_buf again = RB_BUF(RB_DOCUMENT_MAX);
	int rc = rb_manifest_write(manifest, &again, err);

	if (rc == RB_OK)
		rc = rb_document_same(text, len, &again, err);
	rb_buf_release(&again);
	return rc;
}

int rb_manifest_read(const char *text, size_t len, struct rb_manifest *out, struct rb_err *err)
{
	json_t *doc = NULL;
	int rc;

	memset(out, 0, sizeof(*out));
	rc = rb_json_parse(text, len, "rowback.json", &doc, err);
	if (rc < 0)
		return rc;
	/* First of all: in another format all else may be different. */
	rc = check_version(doc, err);
	if (rc == RB_OK) {
		rc = read_sources(json_object_get(doc, "sources"), out, err);
		if (rc == RB_OK)
			rc = check_text(out, text, len, err);
		if (rc < 0)
			rb_err_wrap(err, rc, "rowback.json");
	}
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
