/*
 * See rowback/format/documents.h: <source>/<table>/table.json.
 *
 *	{
 *	  "name": "orders",
 *	  "kind": "table",
 *	  "columns": [
 *	    {"name": "id", "type": "INTEGER"},
 *	    {"name": "total", "type": "REAL", "notNull": true, "default": "0"}
 *	  ],
 *	  "key": {"kind": "primary", "columns": ["id"]},
 *	  "foreignKeys": [...]
 *	}
 *
 * Key columns are given by the member names that rows have (value/rowwriter.h).
 */
#include <stdlib.h>
#include <string.h>

#include "documents_priv.h"
#include "rowback/base/map.h"
#include "rowback/format/documents.h"
#include "rowback/value/json.h"
#include "rowback/value/rowwriter.h"

#define COLUMNS_MAX 32767 /* SQLite's highest limit; PostgreSQL has 1,600 */

static const char *const kind_names[] = {"table", "virtual", "shadow", "system"};
static const char *const key_names[] = {"primary", "rowid", "unique", "row"};
static const char *const form_names[] = {"int", "bool", "real", RB_FORM_NUMBER, "blob", "text"};
static const char *const generated_names[] = {"no", "virtual", "stored"};

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory for a table's document");
}

static json_t *bytes(const char *text)
{
	return rb_json_bytes(text, strlen(text));
}

/* Set a member that may be left out. */
static int set_text(json_t *object, const char *member, const char *text)
{
	return text && *text ? json_object_set_new(object, member, bytes(text)) : 0;
}

static json_t *column_to_json(const struct rb_column *column)
{
	json_t *doc = json_object();
	int bad = 0;

	if (column->is_rowid)
		bad |= json_object_set_new(doc, "rowid", json_true());
	else
		bad |= json_object_set_new(doc, "name", bytes(column->name));
	bad |= set_text(doc, "type", column->type);
	bad |= set_text(doc, "form", column->form);
	if (column->not_null)
		bad |= json_object_set_new(doc, "notNull", json_true());
	if (column->generated != RB_GENERATED_NO)
		bad |= json_object_set_new(doc, "generated",
		                           json_string(generated_names[column->generated]));
	if (column->left_out)
		bad |= json_object_set_new(doc, "leftOut", json_true());
	bad |= set_text(doc, "default", column->default_sql);
	bad |= set_text(doc, "collation", column->collation);
	if (bad) {
		json_decref(doc);
		return NULL;
	}
	return doc;
}

static json_t *key_to_json(const struct rb_table *table)
{
	json_t *doc = json_object();
	json_t *columns = json_array();
	int bad = json_object_set_new(doc, "kind", json_string(key_names[table->key_kind]));

	for (size_t i = 0; i < table->key_count; i++) {
		struct rb_buf name = RB_BUF((size_t)1 << 20);

		bad |= rb_row_member_name(&table->columns[table->key[i]], &name, NULL);
		bad |= json_array_append_new(columns, json_stringn(rb_buf_str(&name), name.len));
		rb_buf_release(&name);
	}
	bad |= json_object_set(doc, "columns", columns);
	if (table->key_may_repeat)
		bad |= json_object_set_new(doc, "mayRepeat", json_true());
	json_decref(columns);
	if (bad) {
		json_decref(doc);
		return NULL;
	}
	return doc;
}

static json_t *names_to_json(char *const *names, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++) {
		if (json_array_append_new(list, bytes(names[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *foreign_keys_to_json(const struct rb_table *table)
{
	json_t *list = json_array();
	int bad = 0;

	for (size_t i = 0; i < table->foreign_key_count; i++) {
		const struct rb_foreign_key *key = &table->foreign_keys[i];
		json_t *doc = json_object();

		bad |= json_object_set_new(doc, "columns",
		                           names_to_json(key->columns, key->column_count));
		bad |= json_object_set_new(doc, "table", bytes(key->ref_table));
		if (key->ref_columns)
			bad |= json_object_set_new(
			        doc, "references",
			        names_to_json(key->ref_columns, key->column_count));
		bad |= set_text(doc, "onUpdate", key->on_update);
		bad |= set_text(doc, "onDelete", key->on_delete);
		bad |= json_array_append_new(list, doc);
	}
	if (bad) {
		json_decref(list);
		return NULL;
	}
	return list;
}

int rb_table_doc_write(const struct rb_table *table, struct rb_buf *out, struct rb_err *err)
{
	json_t *doc = json_object();
	json_t *columns = json_array();
	int bad = json_object_set_new(doc, "name", bytes(table->name));
	int rc;

	bad |= json_object_set_new(doc, "kind", json_string(kind_names[table->kind]));
	bad |= set_text(doc, "options", table->options);
	bad |= set_text(doc, "note", table->note);
	for (size_t i = 0; i < table->column_count; i++)
		bad |= json_array_append_new(columns, column_to_json(&table->columns[i]));
	bad |= json_object_set(doc, "columns", columns);
	bad |= json_object_set_new(doc, "key", key_to_json(table));
	if (table->foreign_key_count > 0)
		bad |= json_object_set_new(doc, "foreignKeys", foreign_keys_to_json(table));
	rc = bad ? no_memory(err) : rb_json_dump(doc, out, err);
	json_decref(columns);
	json_decref(doc);
	return rc;
}

/* Which of the words a member is; RB_E_FORMAT when it is none of them. */
static int read_word(const json_t *object, const char *member, const char *const *words,
                     size_t count, size_t *out, struct rb_err *err)
{
	const char *text = NULL;
	int rc = rb_json_get_string(object, member, &text, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(text, words[i]) == 0) {
			*out = i;
			return RB_OK;
		}
	}
	return rb_err_set(err, RB_E_FORMAT, "'%s' has the unknown value '%.40s'", member, text);
}

/* A text member; `fallback` (NULL allowed) when it is not there. */
static int read_text(const json_t *object, const char *member, const char *fallback, char **out,
                     struct rb_err *err)
{
	const json_t *value = json_object_get(object, member);

	if (value)
		return rb_json_get_bytes(value, member, out, err);
	if (!fallback)
		return RB_OK;
	*out = strdup(fallback);
	return *out ? RB_OK : no_memory(err);
}

static int read_form(const json_t *doc, struct rb_column *out, struct rb_err *err)
{
	size_t word = 0;
	int rc = read_word(doc, "form", form_names, sizeof(form_names) / sizeof(form_names[0]),
	                   &word, err);

	if (rc < 0)
		return rc;
	out->form = strdup(form_names[word]);
	return out->form ? RB_OK : no_memory(err);
}

static int read_column(const json_t *doc, struct rb_column *out, struct rb_err *err)
{
	size_t word = 0;
	int rc;

	if (!json_is_object(doc))
		return rb_err_set(err, RB_E_FORMAT, "a column is no object");
	out->is_rowid = json_is_true(json_object_get(doc, "rowid"));
	out->not_null = json_is_true(json_object_get(doc, "notNull"));
	out->left_out = json_is_true(json_object_get(doc, "leftOut"));
	if (!out->is_rowid && !json_object_get(doc, "name"))
		return rb_err_set(err, RB_E_FORMAT, "a column has no name");
	rc = read_text(doc, "name", "", &out->name, err);
	if (rc == RB_OK)
		rc = read_text(doc, "type", "", &out->type, err);
	if (rc == RB_OK && json_object_get(doc, "form"))
		rc = read_form(doc, out, err);
	if (rc == RB_OK)
		rc = read_text(doc, "default", NULL, &out->default_sql, err);
	if (rc == RB_OK)
		rc = read_text(doc, "collation", NULL, &out->collation, err);
	if (rc == RB_OK && json_object_get(doc, "generated"))
		rc = read_word(doc, "generated", generated_names, 3, &word, err);
	out->generated = (enum rb_generated)word;
	return rc;
}

static int read_columns(const json_t *list, struct rb_table *out, struct rb_err *err)
{
	size_t count = json_array_size(list);
	int rc = RB_OK;

	if (!json_is_array(list) || count > COLUMNS_MAX)
		return rb_err_set(err, RB_E_FORMAT, "there is no usable list of columns");
	out->columns = calloc(count + 1, sizeof(*out->columns));
	if (!out->columns)
		return no_memory(err);
	for (size_t i = 0; rc == RB_OK && i < count; i++) {
		out->column_count++;
		rc = read_column(json_array_get(list, i), &out->columns[i], err);
	}
	return rc;
}

/* Where each member's column stands: two of one name could not be told apart in a row. */
static int index_members(const struct rb_table *table, struct rb_map *members, struct rb_err *err)
{
	struct rb_buf name = RB_BUF(RB_DOCUMENT_MAX);
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < table->column_count; i++) {
		rb_buf_clear(&name);
		rc = rb_row_member_name(&table->columns[i], &name, err);
		if (rc == RB_OK && rb_map_get(members, rb_buf_str(&name), name.len))
			rc = rb_err_set(err, RB_E_FORMAT, "two columns are called '%.80s'",
			                name.data);
		if (rc == RB_OK)
			rc = rb_map_put(members, rb_buf_str(&name), name.len, &i, err);
	}
	rb_buf_release(&name);
	return rc;
}

/* Take the columns of the key, each once and all in the rows. */
static int read_key_columns(const json_t *list, struct rb_map *members, struct rb_table *out,
                            struct rb_err *err)
{
	bool *taken = calloc(out->column_count + 1, sizeof(*taken));
	int rc = taken ? RB_OK : no_memory(err);

	for (size_t i = 0; rc == RB_OK && i < json_array_size(list); i++) {
		const json_t *member = json_array_get(list, i);
		const size_t *column = NULL;

		if (json_is_string(member))
			column = rb_map_get(members, json_string_value(member),
			                    json_string_length(member));
		if (!json_is_string(member))
			rc = rb_err_set(err, RB_E_FORMAT, "a key column is no string");
		else if (!column || !rb_column_is_stored(&out->columns[*column]))
			rc = rb_err_set(err, RB_E_FORMAT,
			                "the key names the column '%.80s', which rows do not have",
			                json_string_value(member));
		else if (taken[*column])
			rc = rb_err_set(err, RB_E_FORMAT, "the key names the column '%.80s' twice",
			                json_string_value(member));
		if (rc == RB_OK) {
			taken[*column] = true;
			out->key[out->key_count++] = *column;
		}
	}
	free(taken);
	return rc;
}

/* What each kind of key is of. */
static bool is_key_of_its_kind(const struct rb_table *table)
{
	size_t stored = 0;

	for (size_t i = 0; i < table->column_count; i++) {
		bool is_key = stored < table->key_count && table->key[stored] == i;

		if (table->columns[i].is_rowid &&
		    (i > 0 || table->key_kind != RB_KEY_ROWID || table->key_count != 1 || !is_key))
			return false;
		if (!rb_column_is_stored(&table->columns[i]))
			continue;
		if (table->key_kind == RB_KEY_ROW && !is_key)
			return false;
		stored++;
	}
	if (table->key_kind == RB_KEY_ROW)
		return true;
	return table->key_count > 0 &&
	       (table->key_kind != RB_KEY_ROWID || table->columns[0].is_rowid);
}

static int read_key(const json_t *doc, struct rb_table *out, struct rb_err *err)
{
	const json_t *list = json_object_get(doc, "columns");
	size_t count = json_array_size(list);
	struct rb_map *members = NULL;
	size_t word = 0;
	int rc = read_word(doc, "kind", key_names, 4, &word, err);

	if (rc < 0)
		return rc;
	if (!json_is_array(list) || count > out->column_count)
		return rb_err_set(err, RB_E_FORMAT, "the key has no usable list of columns");
	out->key_kind = (enum rb_key_kind)word;
	out->key_may_repeat = json_is_true(json_object_get(doc, "mayRepeat"));
	out->key = calloc(count + 1, sizeof(*out->key));
	if (!out->key)
		return no_memory(err);
	rc = rb_map_new(sizeof(size_t), &members, err);
	if (rc == RB_OK)
		rc = index_members(out, members, err);
	if (rc == RB_OK)
		rc = read_key_columns(list, members, out, err);
	rb_map_free(members);
	if (rc == RB_OK && !is_key_of_its_kind(out))
		rc = rb_err_set(err, RB_E_FORMAT,
		                "the key's columns do not make a key of kind '%s'",
		                key_names[word]);
	return rc;
}

static int read_names(const json_t *list, size_t count, char ***out, struct rb_err *err)
{
	int rc = RB_OK;

	if (!json_is_array(list) || json_array_size(list) != count || count == 0)
		return rb_err_set(err, RB_E_FORMAT, "a foreign key has no usable columns");
	*out = calloc(count + 1, sizeof(**out));
	if (!*out)
		return no_memory(err);
	for (size_t i = 0; rc == RB_OK && i < count; i++)
		rc = rb_json_get_bytes(json_array_get(list, i), "a foreign key's column",
		                       &(*out)[i], err);
	return rc;
}

static int read_foreign_key(const json_t *doc, struct rb_foreign_key *out, struct rb_err *err)
{
	const json_t *columns = json_object_get(doc, "columns");
	const json_t *references = json_object_get(doc, "references");
	int rc;

	out->column_count = json_array_size(columns);
	rc = read_names(columns, out->column_count, &out->columns, err);
	if (rc == RB_OK && references)
		rc = read_names(references, out->column_count, &out->ref_columns, err);
	if (rc == RB_OK)
		rc = read_text(doc, "table", "", &out->ref_table, err);
	if (rc == RB_OK)
		rc = read_text(doc, "onUpdate", "", &out->on_update, err);
	if (rc == RB_OK)
		rc = read_text(doc, "onDelete", "", &out->on_delete, err);
	return rc;
}

static int read_foreign_keys(const json_t *list, struct rb_table *out, struct rb_err *err)
{
	size_t count = json_array_size(list);
	int rc = RB_OK;

	if (!list)
		return RB_OK;
	out->foreign_keys = calloc(count + 1, sizeof(*out->foreign_keys));
	if (!out->foreign_keys)
		return no_memory(err);
	for (size_t i = 0; rc == RB_OK && i < count; i++) {
		out->foreign_key_count++;
		rc = read_foreign_key(json_array_get(list, i), &out->foreign_keys[i], err);
	}
	return rc;
}

static int read_document(const json_t *doc, struct rb_table *out, struct rb_err *err)
{
	size_t word = 0;
	int rc = rb_json_get_bytes(json_object_get(doc, "name"), "the name", &out->name, err);

	if (rc == RB_OK)
		rc = read_word(doc, "kind", kind_names, 4, &word, err);
	out->kind = (enum rb_table_kind)word;
	if (rc == RB_OK)
		rc = read_text(doc, "options", "", &out->options, err);
	if (rc == RB_OK)
		rc = read_text(doc, "note", NULL, &out->note, err);
	if (rc == RB_OK)
		rc = read_columns(json_object_get(doc, "columns"), out, err);
	if (rc == RB_OK)
		rc = read_key(json_object_get(doc, "key"), out, err);
	if (rc == RB_OK)
		rc = read_foreign_keys(json_object_get(doc, "foreignKeys"), out, err);
	return rc;
}

static int check_text(const struct rb_table *table, const char *text, size_t len,
                      struct rb_err *err)
{
	struct rb_buf again = RB_BUF(RB_DOCUMENT_MAX);
	int rc = rb_table_doc_write(table, &again, err);

	if (rc == RB_OK)
		rc = rb_document_same(text, len, &again, err);
	rb_buf_release(&again);
	return rc;
}

int rb_table_doc_read(const char *text, size_t len, const char *name, struct rb_table *out,
                      struct rb_err *err)
{
	json_t *doc = NULL;
	int rc;

	memset(out, 0, sizeof(*out));
	rc = rb_json_parse(text, len, name, &doc, err);
	if (rc < 0)
		return rc;
	rc = read_document(doc, out, err);
	if (rc == RB_OK)
		rc = check_text(out, text, len, err);
	json_decref(doc);
	if (rc < 0) {
		rb_table_release(out);
		return rb_err_wrap(err, rc, "%s", name);
	}
	return RB_OK;
}
