/*
 * See sqlite_priv.h: one table as struct rb_table.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sqlite_priv.h"

/* Columns of PRAGMA table_xinfo; source: sqlite.org/pragma.html */
enum { XINFO_NAME = 1, XINFO_TYPE, XINFO_NOT_NULL, XINFO_DEFAULT, XINFO_PK, XINFO_HIDDEN };

/* What XINFO_HIDDEN says. */
enum { HIDDEN_NO, HIDDEN_VTAB, HIDDEN_VIRTUAL, HIDDEN_STORED };

/* Columns of PRAGMA foreign_key_list. */
enum { FK_ID, FK_SEQ, FK_TABLE, FK_FROM, FK_TO, FK_ON_UPDATE, FK_ON_DELETE };

/* The column of PRAGMA index_list that says what made the index: 'c', 'u' or 'pk'. */
#define INDEX_ORIGIN 3

static int no_memory(const char *table, struct rb_err *err)
{
	rb_err_set(err, RB_E_NOMEM, "no memory to read table '%s'", table);
	return RB_E_NOMEM;
}

int rb_sqlite_pragma(struct rb_sqlite_conn *conn, const char *pragma, const char *name,
                     sqlite3_stmt **out, struct rb_err *err)
{
	struct rb_buf sql = RB_BUF(SIZE_MAX / 4);
	int rc = rb_buf_addf(&sql, err, "PRAGMA main.%s(", pragma);

	if (rc == RB_OK)
		rc = rb_sqlite_add_name(&sql, name, err);
	if (rc == RB_OK)
		rc = rb_buf_adds(&sql, ")", err);
	if (rc == RB_OK)
		rc = rb_sqlite_prepare(conn, rb_buf_str(&sql), out, err);
	rb_buf_release(&sql);
	return rc;
}

/* A column's collation; NULL stands for BINARY. */
static int read_collation(struct rb_sqlite_conn *conn, const char *table, struct rb_column *column,
                          struct rb_err *err)
{
	const char *collation = NULL;
	int code = sqlite3_table_column_metadata(conn->db, "main", table, column->name, NULL,
	                                         &collation, NULL, NULL, NULL);

	if (code != SQLITE_OK)
		return rb_sqlite_fail(conn, code, err, "table '%s'", table);
	if (!collation || strcasecmp(collation, "BINARY") == 0)
		return RB_OK;
	column->collation = strdup(collation);
	return column->collation ? RB_OK : no_memory(table, err);
}

/*
 * Write the types that SQLite since 3.37 shows in capitals, however they were declared,
 * as it does: the catalog must not depend on the library's version.
 */
static void normalize_type(char *type)
{
	static const char *const standard[] = {"ANY", "BLOB", "INT", "INTEGER", "REAL", "TEXT"};

	for (size_t i = 0; i < sizeof(standard) / sizeof(standard[0]); i++)
		if (strcasecmp(type, standard[i]) == 0)
			memcpy(type, standard[i], strlen(standard[i]));
}

/* Take a row of table_xinfo. */
static int read_column(struct rb_sqlite_conn *conn, const struct rb_table *table,
                       sqlite3_stmt *stmt, struct rb_column *out, struct rb_err *err)
{
	int hidden = sqlite3_column_int(stmt, XINFO_HIDDEN);
	int rc;

	out->not_null = sqlite3_column_int(stmt, XINFO_NOT_NULL) != 0;
	if (hidden == HIDDEN_VIRTUAL)
		out->generated = RB_GENERATED_VIRTUAL;
	else if (hidden == HIDDEN_STORED)
		out->generated = RB_GENERATED_STORED;
	rc = rb_sqlite_copy_text(stmt, XINFO_NAME, &out->name, err);
	if (rc == RB_OK)
		rc = rb_sqlite_copy_text(stmt, XINFO_TYPE, &out->type, err);
	if (rc == RB_OK)
		rc = rb_sqlite_copy_text(stmt, XINFO_DEFAULT, &out->default_sql, err);
	if (rc < 0)
		return rc;
	if (!out->name || !out->type)
		return no_memory(table->name, err);
	/* Types of virtual columns are the module's, and differ between its versions. */
	if (table->kind == RB_TABLE_VIRTUAL)
		out->type[0] = '\0';
	normalize_type(out->type);
	return read_collation(conn, table->name, out, err);
}

/* Whether a row of table_xinfo is a column of the table's content. */
static bool is_content_column(sqlite3_stmt *stmt, const char *languageid)
{
	const char *name = (const char *)sqlite3_column_text(stmt, XINFO_NAME);

	/* Hidden columns of virtual tables are commands and results, but for the
	 * language of a document, which is data. */
	return sqlite3_column_int(stmt, XINFO_HIDDEN) != HIDDEN_VTAB ||
	       (languageid && name && strcasecmp(name, languageid) == 0);
}

/*
 * Read all columns, leaving room for one more.
 *
 * pk  receives, on the heap, each column's place in the declared key from 1, or 0
 */
static int read_columns(struct rb_sqlite_conn *conn, const char *languageid, struct rb_table *out,
                        size_t **pk, struct rb_err *err)
{
	sqlite3_stmt *stmt = NULL;
	size_t count = 0;
	size_t i = 0;
	int rc = rb_sqlite_pragma(conn, "table_xinfo", out->name, &stmt, err);

	if (rc == RB_OK)
		rc = rb_sqlite_count_rows(conn, stmt, &count, err);
	if (rc < 0)
		goto out;
	out->columns = calloc(count + 1, sizeof(*out->columns));
	*pk = calloc(count + 1, sizeof(**pk));
	if (!out->columns || !*pk) {
		rc = no_memory(out->name, err);
		goto out;
	}
	while (i < count && (rc = rb_sqlite_step(conn, stmt, err)) > 0) {
		if (!is_content_column(stmt, languageid))
			continue;
		(*pk)[i] = (size_t)sqlite3_column_int(stmt, XINFO_PK);
		rc = read_column(conn, out, stmt, &out->columns[i++], err);
		out->column_count = i;
		if (rc < 0)
			goto out;
	}
	rc = rc < 0 ? rc : RB_OK;
out:
	sqlite3_finalize(stmt);
	return rc;
}

/* Whether the declared key has an index of its own; INTEGER PRIMARY KEY has none. */
static int has_key_index(struct rb_sqlite_conn *conn, const char *table, bool *out,
                         struct rb_err *err)
{
	sqlite3_stmt *stmt = NULL;
	int rc = rb_sqlite_pragma(conn, "index_list", table, &stmt, err);

	*out = false;
	while (rc >= 0 && (rc = rb_sqlite_step(conn, stmt, err)) > 0) {
		const char *origin = (const char *)sqlite3_column_text(stmt, INDEX_ORIGIN);

		if (origin && strcmp(origin, "pk") == 0)
			*out = true;
	}
	sqlite3_finalize(stmt);
	return rc;
}

int rb_sqlite_is_rowid_ordered(struct rb_sqlite_conn *conn, const struct rb_table *table, bool *out,
                               struct rb_err *err)
{
	bool has_index;
	int rc;

	*out = table->key_kind == RB_KEY_ROWID;
	if (*out || table->kind == RB_TABLE_VIRTUAL || table->key_kind != RB_KEY_PRIMARY ||
	    table->key_count != 1 || strncmp(table->options, "WITHOUT ROWID", 13) == 0 ||
	    strcasecmp(table->columns[table->key[0]].type, "INTEGER") != 0)
		return RB_OK;
	/* "INTEGER PRIMARY KEY DESC" is not the rowid, and only the index tells.
	 * source: sqlite.org/lang_createtable.html#rowid */
	rc = has_key_index(conn, table->name, &has_index, err);
	*out = rc == RB_OK && !has_index;
	return rc;
}

/* The declared key, in its order. */
static int set_declared_key(struct rb_table *out, const size_t *pk, size_t key_count,
                            struct rb_err *err)
{
	out->key = calloc(key_count, sizeof(*out->key));
	if (!out->key)
		return no_memory(out->name, err);
	out->key_kind = RB_KEY_PRIMARY;
	/* A column named twice in the key leaves a gap in the numbers. */
	for (size_t place = 1; out->key_count < key_count; place++)
		for (size_t i = 0; i < out->column_count; i++)
			if (pk[i] == place)
				out->key[out->key_count++] = i;
	for (size_t i = 0; i < key_count; i++)
		if (!out->columns[out->key[i]].not_null)
			out->key_may_repeat = true;
	return RB_OK;
}

/* The whole row as the key. */
static int set_row_key(struct rb_table *out, struct rb_err *err)
{
	out->key = calloc(out->column_count + 1, sizeof(*out->key));
	if (!out->key)
		return no_memory(out->name, err);
	out->key_kind = RB_KEY_ROW;
	out->key_may_repeat = true;
	out->key_count = rb_table_stored_columns(out, out->key);
	return RB_OK;
}

/* The implicit rowid as column 0 and key, where it has a name; else the whole row. */
static int set_rowid_key(struct rb_table *out, struct rb_err *err)
{
	struct rb_column *rowid = out->columns;

	if (!rb_sqlite_rowid_name(out))
		return set_row_key(out, err);
	memmove(rowid + 1, rowid, out->column_count * sizeof(*rowid));
	memset(rowid, 0, sizeof(*rowid));
	out->column_count++;
	rowid->is_rowid = true;
	rowid->not_null = true;
	rowid->name = strdup("");
	rowid->type = strdup("");
	out->key = calloc(1, sizeof(*out->key));
	if (!rowid->name || !rowid->type || !out->key)
		return no_memory(out->name, err);
	out->key_kind = RB_KEY_ROWID;
	out->key_count = 1;
	return RB_OK;
}

static int set_key(struct rb_sqlite_conn *conn, const struct rb_sqlite_listing *listing,
                   const size_t *pk, struct rb_table *out, struct rb_err *err)
{
	size_t key_count = 0;
	bool is_rowid;
	int rc;

	for (size_t i = 0; i < out->column_count; i++)
		if (pk[i] > 0)
			key_count++;
	if (key_count == 0)
		return set_rowid_key(out, err);

	rc = set_declared_key(out, pk, key_count, err);
	if (rc == RB_OK)
		rc = rb_sqlite_is_rowid_ordered(conn, out, &is_rowid, err);
	if (rc == RB_OK && (is_rowid || listing->without_rowid)) {
		/* NULL is never stored there, whatever is declared. */
		out->key_may_repeat = false;
		for (size_t i = 0; i < out->key_count; i++)
			out->columns[out->key[i]].not_null = true;
	}
	return rc;
}

/* Count the keys and their columns into *out, whose array is made here. */
static int count_foreign_keys(struct rb_sqlite_conn *conn, sqlite3_stmt *stmt, struct rb_table *out,
                              struct rb_err *err)
{
	size_t count = 0;
	int rc;

	rc = rb_sqlite_count_rows(conn, stmt, &count, err);
	if (rc < 0 || count == 0)
		return rc;
	/* No more keys than rows. */
	out->foreign_keys = calloc(count, sizeof(*out->foreign_keys));
	if (!out->foreign_keys)
		return no_memory(out->name, err);
	while ((rc = rb_sqlite_step(conn, stmt, err)) > 0) {
		size_t id = (size_t)sqlite3_column_int(stmt, FK_ID);

		if (id >= count)
			return rb_err_set(err, RB_E_FORMAT, "foreign keys of table '%s'",
			                  out->name);
		if (id >= out->foreign_key_count)
			out->foreign_key_count = id + 1;
		out->foreign_keys[id].column_count++;
	}
	sqlite3_reset(stmt);
	return rc;
}

/* Take a row of foreign_key_list: one column of one key. */
static int read_foreign_column(sqlite3_stmt *stmt, struct rb_foreign_key *key, struct rb_err *err)
{
	size_t seq = (size_t)sqlite3_column_int(stmt, FK_SEQ);
	bool names_columns = sqlite3_column_type(stmt, FK_TO) != SQLITE_NULL;
	int rc = RB_OK;

	if (!key->columns) {
		key->columns = calloc(key->column_count + 1, sizeof(*key->columns));
		if (names_columns)
			key->ref_columns = calloc(key->column_count + 1, sizeof(*key->ref_columns));
		if (!key->columns || (names_columns && !key->ref_columns))
			return rb_err_set(err, RB_E_NOMEM, "no memory to read the schema");
		rc = rb_sqlite_copy_text(stmt, FK_TABLE, &key->ref_table, err);
		if (rc == RB_OK)
			rc = rb_sqlite_copy_text(stmt, FK_ON_UPDATE, &key->on_update, err);
		if (rc == RB_OK)
			rc = rb_sqlite_copy_text(stmt, FK_ON_DELETE, &key->on_delete, err);
	}
	if (rc == RB_OK && seq < key->column_count)
		rc = rb_sqlite_copy_text(stmt, FK_FROM, &key->columns[seq], err);
	if (rc == RB_OK && seq < key->column_count && key->ref_columns)
		rc = rb_sqlite_copy_text(stmt, FK_TO, &key->ref_columns[seq], err);
	return rc;
}

/* Foreign keys in the order of their declaration: SQLite numbers them backwards. */
static int read_foreign_keys(struct rb_sqlite_conn *conn, struct rb_table *out, struct rb_err *err)
{
	sqlite3_stmt *stmt = NULL;
	int rc = rb_sqlite_pragma(conn, "foreign_key_list", out->name, &stmt, err);

	if (rc == RB_OK)
		rc = count_foreign_keys(conn, stmt, out, err);
	if (rc < 0 || out->foreign_key_count == 0)
		goto out;
	while ((rc = rb_sqlite_step(conn, stmt, err)) > 0) {
		size_t id = (size_t)sqlite3_column_int(stmt, FK_ID);

		if (id < out->foreign_key_count)
			rc = read_foreign_column(stmt, &out->foreign_keys[id], err);
		if (rc < 0)
			goto out;
	}
	for (size_t i = 0; i < out->foreign_key_count / 2; i++) {
		struct rb_foreign_key *last = &out->foreign_keys[out->foreign_key_count - 1 - i];
		struct rb_foreign_key swap = out->foreign_keys[i];

		out->foreign_keys[i] = *last;
		*last = swap;
	}
out:
	sqlite3_finalize(stmt);
	return rc;
}

static int set_names(const struct rb_sqlite_listing *listing, struct rb_table *out,
                     struct rb_err *err)
{
	const char *options = "";

	if (listing->without_rowid)
		options = listing->strict ? "WITHOUT ROWID, STRICT" : "WITHOUT ROWID";
	else if (listing->strict)
		options = "STRICT";
	out->name = strdup(listing->name);
	out->options = strdup(options);
	return out->name && out->options ? RB_OK : no_memory(listing->name, err);
}

int rb_sqlite_table_load(struct rb_sqlite_conn *conn, const struct rb_sqlite_listing *listing,
                         struct rb_table *out, struct rb_err *err)
{
	bool is_system = strncasecmp(listing->name, "sqlite_", 7) == 0;
	size_t *pk = NULL;
	int rc = set_names(listing, out, err);

	if (rc == RB_OK)
		rc = read_columns(conn, NULL, out, &pk, err);
	if (rc < 0)
		goto out;
	if (is_system) {
		/* SQLite renumbers the rows of its own tables as it likes. */
		out->kind = RB_TABLE_SYSTEM;
		rc = set_row_key(out, err);
	} else {
		out->kind = strcmp(listing->type, "shadow") == 0 ? RB_TABLE_SHADOW : RB_TABLE_PLAIN;
		rc = set_key(conn, listing, pk, out, err);
	}
	if (rc == RB_OK)
		rc = read_foreign_keys(conn, out, err);
out:
	free(pk);
	if (rc < 0)
		rb_table_release(out);
	return rc;
}

int rb_sqlite_vtab_load(struct rb_sqlite_conn *conn, const struct rb_sqlite_listing *listing,
                        const struct rb_sqlite_vtab *vtab, struct rb_table *out, struct rb_err *err)
{
	size_t *pk = NULL;
	int rc = set_names(listing, out, err);

	out->kind = RB_TABLE_VIRTUAL;
	if (rc == RB_OK)
		rc = read_columns(conn, vtab->languageid, out, &pk, err);
	if (rc < 0)
		goto out;
	if (vtab->kind == RB_SQLITE_VTAB_RTREE && out->column_count > 0) {
		pk[0] = 1;
		out->columns[0].not_null = true;
		rc = set_declared_key(out, pk, 1, err);
	} else {
		rc = set_rowid_key(out, err);
	}
out:
	free(pk);
	if (rc < 0)
		rb_table_release(out);
	return rc;
}
