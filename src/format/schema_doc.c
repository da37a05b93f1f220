/*
 * See rowback/format/documents.h: <source>/schema.json.
 *
 *	{
 *	  "engine": "sqlite",
 *	  "settings": {"application_id": "0", "encoding": "UTF-8"},
 *	  "objects": [
 *	    {"kind": "table", "name": "orders", "sql": "CREATE TABLE orders(...)"},
 *	    {"kind": "index", "name": "orders_at", "table": "orders", "sql": "CREATE INDEX ..."}
 *	  ]
 *	}
 */
#include <stdlib.h>
#include <string.h>

#include "documents_priv.h"
#include "rowback/format/documents.h"
#include "rowback/value/json.h"

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory for a schema document");
}

static json_t *object_to_json(const struct rb_object *object)
{
	json_t *doc = json_object();
	int bad = json_object_set_new(doc, "kind", json_string(object->kind));

	bad |= json_object_set_new(doc, "name", rb_json_bytes(object->name, strlen(object->name)));
	if (strcmp(object->name, object->table) != 0)
		bad |= json_object_set_new(doc, "table",
		                           rb_json_bytes(object->table, strlen(object->table)));
	bad |= json_object_set_new(doc, "sql", rb_json_bytes(object->sql, strlen(object->sql)));
	if (bad) {
		json_decref(doc);
		return NULL;
	}
	return doc;
}

int rb_schema_doc_write(const struct rb_catalog *catalog, struct rb_buf *out, struct rb_err *err)
{
	json_t *doc = json_object();
	json_t *settings = json_object();
	json_t *objects = json_array();
	int bad = json_object_set_new(doc, "engine", json_string(catalog->engine));
	int rc;

	for (size_t i = 0; i < catalog->setting_count; i++)
		bad |= json_object_set_new(settings, catalog->settings[i].name,
		                           json_string(catalog->settings[i].value));
	for (size_t i = 0; i < catalog->object_count; i++)
		bad |= json_array_append_new(objects, object_to_json(&catalog->objects[i]));
	bad |= json_object_set(doc, "settings", settings);
	bad |= json_object_set(doc, "objects", objects);
	rc = bad ? no_memory(err) : rb_json_dump(doc, out, err);
	json_decref(settings);
	json_decref(objects);
	json_decref(doc);
	return rc;
}

static int read_settings(json_t *list, struct rb_catalog *out, struct rb_err *err)
{
	const char *name;
	json_t *value;

	if (!json_is_object(list))
		return rb_err_set(err, RB_E_FORMAT, "there is no object 'settings'");
	out->settings = calloc(json_object_size(list) + 1, sizeof(*out->settings));
	if (!out->settings)
		return no_memory(err);
	json_object_foreach(list, name, value)
	{
		struct rb_setting *setting = &out->settings[out->setting_count];

		if (!json_is_string(value))
			return rb_err_set(err, RB_E_FORMAT, "the setting '%.40s' is no string",
			                  name);
		setting->name = strdup(name);
		setting->value = strdup(json_string_value(value));
		out->setting_count++;
		if (!setting->name || !setting->value)
			return no_memory(err);
		if (out->setting_count > 1 && strcmp(setting[-1].name, name) >= 0)
			return rb_err_set(err, RB_E_FORMAT, "settings are not sorted by name");
	}
	return RB_OK;
}

static int read_object(const json_t *doc, struct rb_object *out, struct rb_err *err)
{
	const json_t *table = json_object_get(doc, "table");
	const char *kind = NULL;
	int rc = rb_json_get_string(doc, "kind", &kind, err);

	if (rc < 0)
		return rc;
	out->kind = strdup(kind);
	if (!out->kind)
		return no_memory(err);
	rc = rb_json_get_bytes(json_object_get(doc, "name"), "an object's name", &out->name, err);
	if (rc == RB_OK)
		rc = rb_json_get_bytes(json_object_get(doc, "sql"), "an object's sql", &out->sql,
		                       err);
	if (rc == RB_OK)
		rc = rb_json_get_bytes(table ? table : json_object_get(doc, "name"),
		                       "an object's table", &out->table, err);
	return rc;
}

static int read_objects(const json_t *list, struct rb_catalog *out, struct rb_err *err)
{
	int rc = RB_OK;

	if (!json_is_array(list))
		return rb_err_set(err, RB_E_FORMAT, "there is no list 'objects'");
	out->objects = calloc(json_array_size(list) + 1, sizeof(*out->objects));
	if (!out->objects)
		return no_memory(err);
	for (size_t i = 0; rc == RB_OK && i < json_array_size(list); i++) {
		out->object_count++;
		rc = read_object(json_array_get(list, i), &out->objects[i], err);
	}
	return rc;
}

static int read_document(const json_t *doc, struct rb_catalog *out, struct rb_err *err)
{
	const char *engine = NULL;
	int rc = rb_json_get_string(doc, "engine", &engine, err);

	if (rc < 0)
		return rc;
	out->engine = strdup(engine);
	if (!out->engine)
		return no_memory(err);
	rc = read_settings(json_object_get(doc, "settings"), out, err);
	if (rc == RB_OK)
		rc = read_objects(json_object_get(doc, "objects"), out, err);
	return rc;
}

static int check_text(const struct rb_catalog *catalog, const char *text, size_t len,
                      struct rb_err *err)
{
	struct rb_buf again = RB_BUF(RB_DOCUMENT_MAX);
	int rc = rb_schema_doc_write(catalog, &again, err);

	if (rc == RB_OK)
		rc = rb_document_same(text, len, &again, err);
	rb_buf_release(&again);
	return rc;
}

int rb_schema_doc_read(const char *text, size_t len, const char *name, struct rb_catalog **out,
                       struct rb_err *err)
{
	struct rb_catalog *catalog = NULL;
	json_t *doc = NULL;
	int rc;

	*out = NULL;
	rc = rb_json_parse(text, len, name, &doc, err);
	if (rc < 0)
		return rc;
	catalog = calloc(1, sizeof(*catalog));
	rc = catalog ? read_document(doc, catalog, err) : no_memory(err);
	if (rc == RB_OK)
		rc = check_text(catalog, text, len, err);
	json_decref(doc);
	if (rc < 0) {
		rb_catalog_free(catalog);
		return rb_err_wrap(err, rc, "%s", name);
	}
	*out = catalog;
	return RB_OK;
}
