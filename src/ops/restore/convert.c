/*
 * See convert_priv.h: the catalog.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "convert_priv.h"

#define SQL_MAX ((size_t)16 << 20)

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory to convert a catalog");
}

bool rb_convert_takes(const struct rb_table *table)
{
	size_t stored = 0;

	for (size_t i = 0; i < table->column_count; i++)
		stored += rb_column_is_stored(&table->columns[i]);
	return stored > 0 && (table->kind == RB_TABLE_PLAIN || table->kind == RB_TABLE_VIRTUAL);
}

void rb_conversion_release(struct rb_conversion *conversion)
{
	for (size_t i = 0; conversion->catalog && i < conversion->catalog->table_count; i++)
		free(conversion->tables[i].how);
	free(conversion->tables);
	rb_catalog_free(conversion->catalog);
	rb_catalog_free(conversion->changes);
	rb_map_free(conversion->taken);
	memset(conversion, 0, sizeof(*conversion));
}

/* Say of a column what does not come along. */
static int list_column(struct rb_conversion *conversion, const char *table,
                       const struct rb_column *column, struct rb_err *err)
{
	struct rb_catalog *changes = conversion->changes;
	int rc = RB_OK;

	if (!rb_column_is_stored(column))
		return rb_catalog_remark(
		        changes, table, false, err, "left behind: column \"%.200s\", which is %s",
		        column->name, column->left_out ? "not in the backup" : "generated");
	if (column->default_sql)
		rc = rb_catalog_remark(changes, table, false, err,
		                       "left behind: the default of column \"%.200s\": %.200s",
		                       column->name, column->default_sql);
	if (rc == RB_OK && column->collation)
		rc = rb_catalog_remark(changes, table, false, err,
		                       "left behind: the collation of column \"%.200s\": %.200s",
		                       column->name, column->collation);
	return rc;
}

static int add_column(struct rb_conversion *conversion, const struct rb_column *column,
                      const struct rb_seen *seen, struct rb_map *names, struct rb_table *to,
                      struct rb_err *err)
{
	struct rb_convert_table *plan = &conversion->tables[conversion->catalog->table_count - 1];
	const char *table = conversion->from->tables[plan->from].name;
	struct rb_column *made = &to->columns[to->column_count++];
	enum rb_convert_how *how = &plan->how[plan->width++];
	const char *type = rb_convert_type(conversion, column, seen, how);
	int rc =
	        rb_convert_column_name(conversion, table, column->is_rowid ? "rowid" : column->name,
	                               names, &made->name, err);

	made->type = strdup(type);
	made->not_null = column->is_rowid || (column->not_null && !(seen->kinds & RB_SEEN_NULL));
	if (rc == RB_OK && !made->type)
		rc = no_memory(err);
	if (rc == RB_OK)
		rc = rb_convert_list_type(conversion, table, column, type, *how, err);
	return rc;
}

static int add_columns(struct rb_conversion *conversion, const struct rb_table *from,
                       const struct rb_seen *seen, struct rb_table *to, struct rb_err *err)
{
	struct rb_map *names = NULL;
	size_t stored = 0;
	int rc = rb_map_new(0, &names, err);

	for (size_t i = 0; rc == RB_OK && i < from->column_count; i++) {
		rc = list_column(conversion, from->name, &from->columns[i], err);
		if (rc == RB_OK && rb_column_is_stored(&from->columns[i]))
			rc = add_column(conversion, &from->columns[i], &seen[stored++], names, to,
			                err);
	}
	rb_map_free(names);
	return rc;
}

/* The key: a primary one only when no part of it is NULL anywhere. */
static int add_key(struct rb_conversion *conversion, const struct rb_table *from,
                   const struct rb_seen *seen, struct rb_table *to, struct rb_err *err)
{
	size_t *positions = calloc(from->key_count + 1, sizeof(*positions));
	bool has_null = false;

	if (!positions)
		return no_memory(err);
	rb_table_key_positions(from, positions);
	for (size_t i = 0; i < from->key_count; i++)
		has_null = has_null || (seen[positions[i]].kinds & RB_SEEN_NULL);
	to->key = positions;
	to->key_kind = RB_KEY_ROW;
	if (from->key_kind != RB_KEY_PRIMARY && from->key_kind != RB_KEY_ROWID)
		return RB_OK;
	if (has_null)
		return rb_catalog_remark(conversion->changes, from->name, false, err,
		                         "left behind: the primary key, which has NULL");
	to->key_kind = RB_KEY_PRIMARY;
	to->key_count = from->key_count;
	for (size_t i = 0; i < from->key_count; i++)
		to->columns[positions[i]].not_null = true;
	return RB_OK;
}

/* Whether PostgreSQL is to number new rows, as SQLite did. */
static bool is_numbered(const struct rb_conversion *conversion, const struct rb_table *from,
                        const struct rb_table *to)
{
	const struct rb_column *column;

	if (conversion->to_sqlite || to->key_kind != RB_KEY_PRIMARY || to->key_count != 1)
		return false;
	column = &from->columns[from->key[0]];
	return strcmp(to->columns[to->key[0]].type, "bigint") == 0 &&
	       (column->is_rowid || (strcasecmp(column->type, "INTEGER") == 0 &&
	                             !strstr(from->options ? from->options : "", "WITHOUT ROWID")));
}

static int add_identity(struct rb_conversion *conversion, const struct rb_table *from,
                        const char *column, const struct rb_seen *seen, struct rb_buf *sql,
                        struct rb_err *err)
{
	int64_t max = seen->kinds & RB_SEEN_INT && seen->max > 0 ? seen->max : 0;
	int rc;

	if (max == INT64_MAX)
		return rb_catalog_remark(
		        conversion->changes, from->name, false, err,
		        "column \"%.200s\" numbers no rows there: the last number is in use",
		        column);
	rc = rb_buf_addf(sql, err, " GENERATED BY DEFAULT AS IDENTITY (START WITH %" PRId64 ")",
	                 max + 1);
	if (rc == RB_OK)
		rc = rb_catalog_remark(conversion->changes, from->name, false, err,
		                       "column \"%.200s\" becomes an identity: the next number is "
		                       "%" PRId64,
		                       column, max + 1);
	return rc;
}

static int write_columns(struct rb_conversion *conversion, const struct rb_table *from,
                         const struct rb_seen *seen, const struct rb_table *to, struct rb_buf *sql,
                         struct rb_err *err)
{
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < to->column_count; i++) {
		const struct rb_column *column = &to->columns[i];

		rc = rb_buf_adds(sql, i > 0 ? ",\n    " : "\n    ", err);
		if (rc == RB_OK)
			rc = rb_convert_quote(column->name, sql, err);
		if (rc == RB_OK)
			rc = rb_buf_addf(sql, err, " %s%s", column->type,
			                 column->not_null ? " NOT NULL" : "");
		if (rc == RB_OK && is_numbered(conversion, from, to) && to->key[0] == i)
			rc = add_identity(conversion, from, column->name, &seen[i], sql, err);
	}
	return rc;
}

static int write_key(const struct rb_table *to, struct rb_buf *sql, struct rb_err *err)
{
	int rc;

	if (to->key_kind != RB_KEY_PRIMARY || to->key_count == 0)
		return RB_OK;
	rc = rb_buf_adds(sql, ",\n    PRIMARY KEY (", err);
	for (size_t i = 0; rc == RB_OK && i < to->key_count; i++) {
		rc = rb_buf_adds(sql, i > 0 ? ", " : "", err);
		if (rc == RB_OK)
			rc = rb_convert_quote(to->columns[to->key[i]].name, sql, err);
	}
	return rc < 0 ? rc : rb_buf_adds(sql, ")", err);
}

static int list_foreign_key(struct rb_conversion *conversion, const char *table,
                            const struct rb_foreign_key *key, struct rb_err *err)
{
	return rb_catalog_remark(conversion->changes, table, false, err,
	                         "left behind: a foreign key to \"%.200s\", which is not there or "
	                         "has no such columns",
	                         key->ref_table);
}

/* SQLite has foreign keys in the table's definition, and does not mind what comes later. */
static int write_foreign_keys(struct rb_conversion *conversion, size_t table, struct rb_buf *sql,
                              struct rb_err *err)
{
	const struct rb_table *from = &conversion->from->tables[conversion->tables[table].from];
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < from->foreign_key_count; i++) {
		struct rb_buf text = RB_BUF(SQL_MAX);
		bool made = false;

		rc = rb_convert_foreign_key(conversion, table, &from->foreign_keys[i], &text, &made,
		                            err);
		if (rc == RB_OK)
			rc = made ? rb_buf_addf(sql, err, ",\n    %s", rb_buf_str(&text))
			          : list_foreign_key(conversion, from->name, &from->foreign_keys[i],
			                             err);
		rb_buf_release(&text);
	}
	return rc;
}

/* PostgreSQL looks for what is referred to: they come after all rows and indexes. */
static int add_foreign_keys(struct rb_conversion *conversion, size_t table, struct rb_err *err)
{
	const struct rb_table *from = &conversion->from->tables[conversion->tables[table].from];
	const struct rb_table *to = &conversion->catalog->tables[table];
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < from->foreign_key_count; i++) {
		struct rb_buf sql = RB_BUF(SQL_MAX);
		struct rb_buf name = RB_BUF(SQL_MAX);
		bool made = false;

		rc = rb_buf_addf(&sql, err, "ALTER TABLE ONLY %s ADD ", to->name);
		if (rc == RB_OK)
			rc = rb_convert_foreign_key(conversion, table, &from->foreign_keys[i], &sql,
			                            &made, err);
		if (rc == RB_OK)
			rc = rb_buf_adds(&sql, ";", err);
		if (rc == RB_OK)
			rc = rb_buf_addf(&name, err, "%s %zu", to->name, i + 1);
		if (rc == RB_OK)
			rc = made ? rb_convert_add_object(conversion->catalog, "fk constraint",
			                                  rb_buf_str(&name), to->name, &sql, err)
			          : list_foreign_key(conversion, from->name, &from->foreign_keys[i],
			                             err);
		rb_buf_release(&sql);
		rb_buf_release(&name);
	}
	return rc;
}

/* CREATE TABLE, once all tables are known. */
static int define(struct rb_conversion *conversion, size_t table, const struct rb_seen *seen,
                  struct rb_err *err)
{
	const struct rb_table *from = &conversion->from->tables[conversion->tables[table].from];
	const struct rb_table *to = &conversion->catalog->tables[table];
	struct rb_buf sql = RB_BUF(SQL_MAX);
	int rc = rb_buf_adds(&sql, "CREATE TABLE ", err);

	if (rc == RB_OK)
		rc = rb_convert_add_table(conversion, to, &sql, err);
	if (rc == RB_OK)
		rc = rb_buf_adds(&sql, " (", err);
	if (rc == RB_OK)
		rc = write_columns(conversion, from, seen, to, &sql, err);
	if (rc == RB_OK)
		rc = write_key(to, &sql, err);
	if (rc == RB_OK && conversion->to_sqlite)
		rc = write_foreign_keys(conversion, table, &sql, err);
	if (rc == RB_OK)
		rc = rb_buf_adds(&sql, conversion->to_sqlite ? "\n)" : "\n);", err);
	if (rc == RB_OK)
		rc = rb_convert_add_object(conversion->catalog, "table", to->name, to->name, &sql,
		                           err);
	rb_buf_release(&sql);
	return rc;
}

static int add_table(struct rb_conversion *conversion, size_t index, const struct rb_seen *seen,
                     struct rb_err *err)
{
	const struct rb_table *from = &conversion->from->tables[index];
	size_t at = conversion->catalog->table_count++;
	struct rb_convert_table *plan = &conversion->tables[at];
	struct rb_table *to = &conversion->catalog->tables[at];
	int rc;

	plan->from = index;
	plan->how = calloc(from->column_count + 1, sizeof(*plan->how));
	to->columns = calloc(from->column_count + 1, sizeof(*to->columns));
	to->options = strdup("");
	if (!plan->how || !to->columns || !to->options)
		return no_memory(err);
	rc = rb_convert_table_name(conversion, from->name, &to->name, err);
	if (rc == RB_OK)
		rc = add_columns(conversion, from, seen, to, err);
	if (rc == RB_OK && from->kind == RB_TABLE_VIRTUAL)
		rc = rb_catalog_remark(conversion->changes, from->name, false, err,
		                       "a virtual table becomes an ordinary one");
	return rc < 0 ? rc : add_key(conversion, from, seen, to, err);
}

static bool is_word_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

/* Whether a word stands in a definition, whatever it means there. */
static bool has_word(const char *sql, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = sql; at && *at; at++)
		if (strncasecmp(at, word, len) == 0 && !is_word_byte(at[len]) &&
		    (at == sql || !is_word_byte(at[-1])))
			return true;
	return false;
}

/* What a table's definition may say that its catalog does not. */
static int list_definition(struct rb_conversion *conversion, const struct rb_object *object,
                           struct rb_err *err)
{
	int rc = RB_OK;

	/* list_system() says it of those that have rows. */
	if (rb_convert_find_table(conversion, object->name) < 0 &&
	    rb_catalog_table(conversion->from, object->name))
		return RB_OK;
	if (rb_convert_find_table(conversion, object->name) < 0)
		return rb_catalog_remark(conversion->changes, object->name, false, err,
		                         "left behind: a table that has no rows of its own");
	if (has_word(object->sql, "CHECK"))
		rc = rb_catalog_remark(conversion->changes, object->name, false, err,
		                       "left behind: CHECK in its definition");
	if (rc == RB_OK && !conversion->to_sqlite && has_word(object->sql, "UNIQUE"))
		rc = rb_catalog_remark(conversion->changes, object->name, false, err,
		                       "left behind: UNIQUE in its definition");
	return rc;
}

/* What goes with another object, and is no loss that anybody asks for by its name. */
static bool goes_along(const char *kind)
{
	static const char *const kinds[] = {"acl",     "default", "default acl",  "owner",
	                                    "comment", "schema",  "table attach", "index attach"};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i], kind) == 0)
			return true;
	return strncmp(kind, "sequence", strlen("sequence")) == 0;
}

static bool is_primary_key(const struct rb_conversion *conversion, const struct rb_object *object)
{
	long table = rb_convert_find_table(conversion, object->table);

	return table >= 0 && strcmp(object->kind, "constraint") == 0 &&
	       strstr(object->sql, " PRIMARY KEY (") &&
	       conversion->catalog->tables[table].key_kind == RB_KEY_PRIMARY;
}

/* Indexes are made, keys are there, all else is listed. */
static int take_object(struct rb_conversion *conversion, const bool *wanted,
                       const struct rb_object *object, struct rb_err *err)
{
	bool made = false;
	int rc = RB_OK;

	if (goes_along(object->kind) || strcmp(object->kind, "fk constraint") == 0 ||
	    is_primary_key(conversion, object))
		return RB_OK;
	/* With --table, what belongs to other tables is not spoken of. */
	for (size_t i = 0; i < conversion->from->table_count; i++)
		if (!wanted[i] && strcmp(conversion->from->tables[i].name, object->table) == 0 &&
		    rb_convert_takes(&conversion->from->tables[i]))
			return RB_OK;
	if (strcmp(object->kind, "table") == 0)
		return list_definition(conversion, object, err);
	if (strcmp(object->kind, "index") == 0 || strcmp(object->kind, "constraint") == 0)
		rc = rb_convert_index(conversion, object, &made, err);
	return rc < 0 || made ? rc
	                      : rb_catalog_remark(conversion->changes, object->name, false, err,
	                                          "left behind: %s", object->kind);
}

static const char *why_left(const struct rb_table *table)
{
	if (table->kind == RB_TABLE_SYSTEM)
		return "rows of the engine itself";
	return table->kind == RB_TABLE_SHADOW ? "storage of a virtual table"
	                                      : "a table that stores no columns";
}

static int list_system(struct rb_conversion *conversion, struct rb_err *err)
{
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < conversion->from->table_count; i++) {
		const struct rb_table *table = &conversion->from->tables[i];

		if (!rb_convert_takes(table))
			rc = rb_catalog_remark(conversion->changes, table->name, false, err,
			                       "left behind: %s", why_left(table));
	}
	return rc;
}

/* Texts of every alphabet: a new database of PostgreSQL holds UTF-8. */
static int set_encoding(struct rb_catalog *catalog, struct rb_err *err)
{
	catalog->settings = calloc(1, sizeof(*catalog->settings));
	if (!catalog->settings)
		return no_memory(err);
	catalog->setting_count = 1;
	catalog->settings[0].name = strdup("encoding");
	catalog->settings[0].value = strdup("UTF8");
	return catalog->settings[0].name && catalog->settings[0].value ? RB_OK : no_memory(err);
}

static int prepare(struct rb_conversion *conversion, const char *engine, struct rb_err *err)
{
	size_t room = conversion->from->table_count + 1;

	conversion->catalog = calloc(1, sizeof(*conversion->catalog));
	conversion->changes = calloc(1, sizeof(*conversion->changes));
	conversion->tables = calloc(room, sizeof(*conversion->tables));
	if (!conversion->catalog || !conversion->changes || !conversion->tables)
		return no_memory(err);
	conversion->catalog->engine = strdup(engine);
	conversion->catalog->tables = calloc(room, sizeof(*conversion->catalog->tables));
	if (!conversion->catalog->engine || !conversion->catalog->tables)
		return no_memory(err);
	return rb_map_new(0, &conversion->taken, err);
}

static int convert(struct rb_conversion *conversion, const bool *wanted,
                   struct rb_seen *const *seen, struct rb_err *err)
{
	const struct rb_catalog *from = conversion->from;
	struct rb_catalog *to = conversion->catalog;
	int rc = conversion->to_sqlite ? RB_OK : set_encoding(to, err);

	for (size_t i = 0; rc == RB_OK && i < from->table_count; i++)
		if (wanted[i] && rb_convert_takes(&from->tables[i]))
			rc = add_table(conversion, i, seen[i], err);
	for (size_t i = 0; rc == RB_OK && i < to->table_count; i++)
		rc = define(conversion, i, seen[conversion->tables[i].from], err);
	for (size_t i = 0; rc == RB_OK && i < from->object_count; i++)
		rc = take_object(conversion, wanted, &from->objects[i], err);
	for (size_t i = 0; rc == RB_OK && !conversion->to_sqlite && i < to->table_count; i++)
		rc = add_foreign_keys(conversion, i, err);
	return rc < 0 ? rc : list_system(conversion, err);
}

int rb_convert_catalog(const struct rb_catalog *from, const char *engine, const bool *wanted,
                       struct rb_seen *const *seen, struct rb_conversion *out, struct rb_err *err)
{
	int rc;

	memset(out, 0, sizeof(*out));
	out->from = from;
	out->to_sqlite = strcmp(engine, "sqlite") == 0;
	if (strcmp(from->engine, out->to_sqlite ? "postgres" : "sqlite") != 0 ||
	    (!out->to_sqlite && strcmp(engine, "postgres") != 0))
		return rb_err_set(err, RB_E_UNSUPPORTED,
		                  "a backup of %s cannot be restored into %s", from->engine,
		                  engine);
	rc = prepare(out, engine, err);
	if (rc == RB_OK)
		rc = convert(out, wanted, seen, err);
	if (rc < 0)
		rb_conversion_release(out);
	return rc;
}
