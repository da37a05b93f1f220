/*
 * See postgres_priv.h: tables as struct rb_catalog, and what is said of others.
 *
 * Rows are kept of tables and of partitions, of each its own.  A partitioned table has none,
 * nor has a foreign table here; a materialized view is computed.  Tables of extensions are
 * made by CREATE EXTENSION.
 */
#include <stdlib.h>
#include <string.h>

#include "rowback/base/map.h"
#include "postgres_priv.h"

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory to read the schema");
}

/* Which schemas are read; say which are left out. */
static int choose_schemas(struct rb_pg_builder *b, struct rb_err *err)
{
	struct rb_buf names = RB_BUF(RB_PG_SQL_MAX);
	struct rb_catalog *catalog = b->catalog;
	struct rb_setting *setting = &catalog->settings[catalog->setting_count];
	int rc = rb_pg_add_schemas(b->conn, &b->where, &names, err);

	if (rc == RB_OK && names.len > 0) {
		/* The last one by name; add_settings() left room for it. */
		catalog->setting_count++;
		setting->name = strdup(RB_SETTING_LEFT_OUT);
		setting->value = strdup(rb_buf_str(&names));
		rc = setting->name && setting->value
		             ? rb_catalog_remark(catalog, "schemas", false, err,
		                                 "left out with all that is in them: %s",
		                                 rb_buf_str(&names))
		             : no_memory(err);
	}
	rb_buf_release(&names);
	return rc;
}

struct rb_table *rb_pg_table_of(const struct rb_pg_builder *b, const char *oid)
{
	const size_t *index = rb_map_get(b->tables, oid, strlen(oid));

	return index ? &b->catalog->tables[*index] : NULL;
}

/* Relations with rows of their own, or with something to be said. */
#define TABLE_SQL                                                                                  \
	"SELECT c.oid, n.nspname, c.relname, c.relkind, c.relpersistence, c.relispartition,"       \
	" e.extname, CASE WHEN e.extname IS NOT NULL THEN coalesce(e.extcondition[k.place], '')"   \
	" END "                                                                                    \
	"FROM pg_class c"                                                                          \
	" JOIN pg_namespace n ON n.oid = c.relnamespace"                                           \
	" LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid"           \
	" AND d.objsubid = 0 AND d.deptype = 'e'"                                                  \
	" LEFT JOIN pg_extension e ON e.oid = d.refobjid"                                          \
	" LEFT JOIN LATERAL unnest(e.extconfig) WITH ORDINALITY k(config, place)"                  \
	" ON k.config = c.oid "                                                                    \
	"WHERE c.relkind IN ('r', 'f') AND c.relpersistence <> 't'"                                \
	" AND (e.oid IS NULL OR k.config IS NOT NULL) AND "

enum {
	TABLE_OID,
	TABLE_SCHEMA,
	TABLE_RELATION,
	TABLE_KIND,
	TABLE_PERSISTENCE,
	TABLE_IS_PARTITION,
	TABLE_EXTENSION,
	TABLE_CONDITION,
};

const char *rb_pg_condition(const struct rb_pg_conn *conn, const char *table)
{
	char **found = conn->conditions ? rb_map_get(conn->conditions, table, strlen(table)) : NULL;

	return found ? *found : "";
}

/* A table that an extension fills, and users too: it says which rows are users'. */
static int note_extension(struct rb_pg_builder *b, const PGresult *result, int row,
                          struct rb_table *table, struct rb_err *err)
{
	struct rb_buf note = RB_BUF(RB_PG_SQL_MAX);
	char *condition = strdup(PQgetvalue(result, row, TABLE_CONDITION));
	int rc = condition ? RB_OK : no_memory(err);

	if (rc == RB_OK)
		rc = rb_map_put(b->conn->conditions, table->name, strlen(table->name), &condition,
		                err);
	if (rc < 0) {
		free(condition);
		return rc;
	}
	rc = rb_buf_adds(&note, "of extension ", err);
	if (rc == RB_OK)
		rc = rb_pg_add_shown(&note, PQgetvalue(result, row, TABLE_EXTENSION), err);
	if (rc == RB_OK)
		rc = rb_buf_adds(&note, ": rows that it says are users'", err);
	table->note = rc == RB_OK ? rb_buf_detach(&note) : NULL;
	rb_buf_release(&note);
	return rc < 0 || table->note ? rc : no_memory(err);
}

/* Take a row of TABLE_SQL; the name becomes the table's. */
static int read_table(struct rb_pg_builder *b, const PGresult *result, int row, char **name,
                      struct rb_err *err)
{
	struct rb_table *table = &b->catalog->tables[b->catalog->table_count];
	bool is_unlogged = *PQgetvalue(result, row, TABLE_PERSISTENCE) == 'u';
	int rc = RB_OK;

	if (*PQgetvalue(result, row, TABLE_KIND) == 'f')
		return rb_catalog_remark(b->catalog, *name, false, err,
		                         "a foreign table: only its definition is kept");
	if (is_unlogged)
		rc = rb_catalog_remark(b->catalog, *name, false, err,
		                       "an unlogged table: a crash of the server empties it");
	if (rc < 0)
		return rc;
	b->catalog->table_count++;
	table->name = *name;
	*name = NULL;
	table->kind = RB_TABLE_PLAIN;
	table->options = strdup(is_unlogged ? "UNLOGGED" : "");
	if (!table->options)
		return no_memory(err);
	return rb_pg_field(result, row, TABLE_EXTENSION)
	               ? note_extension(b, result, row, table, err)
	               : RB_OK;
}

/* A row of TABLE_SQL with its name, to be sorted. */
struct named_row {
	char *name;
	int row;
};

static int compare_names(const void *a, const void *b)
{
	const struct named_row *left = a;
	const struct named_row *right = b;

	return strcmp(left->name, right->name);
}

static int name_rows(const PGresult *result, struct named_row **out, struct rb_err *err)
{
	size_t count = (size_t)PQntuples(result);
	int rc = RB_OK;

	*out = calloc(count + 1, sizeof(**out));
	if (!*out)
		return no_memory(err);
	for (size_t i = 0; i < count && rc == RB_OK; i++) {
		(*out)[i].row = (int)i;
		rc = rb_pg_table_name(PQgetvalue(result, (int)i, TABLE_SCHEMA),
		                      PQgetvalue(result, (int)i, TABLE_RELATION), &(*out)[i].name,
		                      err);
	}
	if (rc == RB_OK && count > 0)
		qsort(*out, count, sizeof(**out), compare_names);
	return rc;
}

/* Tables by name, and by OID. */
static int read_tables(struct rb_pg_builder *b, struct rb_err *err)
{
	struct rb_buf sql = RB_BUF(RB_PG_SQL_MAX);
	struct named_row *rows = NULL;
	PGresult *result = NULL;
	size_t count = 0;
	int rc = rb_buf_addf(&sql, err, "%s%s", TABLE_SQL, rb_buf_str(&b->where));

	if (rc == RB_OK)
		rc = rb_pg_query(b->conn, rb_buf_str(&sql), &result, err);
	if (rc == RB_OK) {
		count = (size_t)PQntuples(result);
		rc = name_rows(result, &rows, err);
	}
	/* Room for the engine's own tables, too. */
	b->catalog->tables = calloc(count + 2, sizeof(*b->catalog->tables));
	if (rc == RB_OK && !b->catalog->tables)
		rc = no_memory(err);
	for (size_t i = 0; i < count && rc == RB_OK; i++) {
		const char *oid = PQgetvalue(result, rows[i].row, TABLE_OID);
		size_t index = b->catalog->table_count;

		rc = read_table(b, result, rows[i].row, &rows[i].name, err);
		if (rc == RB_OK && b->catalog->table_count > index)
			rc = rb_map_put(b->tables, oid, strlen(oid), &index, err);
	}
	for (size_t i = 0; rows && i < count; i++)
		free(rows[i].name);
	free(rows);
	PQclear(result);
	rb_buf_release(&sql);
	return rc;
}

#define PARENT_SQL                                                                                 \
	"SELECT i.inhrelid, c.relispartition, pn.nspname, p.relname "                              \
	"FROM pg_inherits i"                                                                       \
	" JOIN pg_class c ON c.oid = i.inhrelid"                                                   \
	" JOIN pg_class p ON p.oid = i.inhparent"                                                  \
	" JOIN pg_namespace pn ON pn.oid = p.relnamespace "                                        \
	"WHERE c.relkind = 'r' ORDER BY i.inhrelid, i.inhseqno"

/* Say whose partition a table is, or from which tables it inherits. */
static int note_parents(struct rb_pg_builder *b, struct rb_err *err)
{
	PGresult *result = NULL;
	int rc = rb_pg_query(b->conn, PARENT_SQL, &result, err);

	for (int i = 0; rc == RB_OK && i < PQntuples(result); i++) {
		struct rb_table *table = rb_pg_table_of(b, PQgetvalue(result, i, 0));
		struct rb_buf note = RB_BUF(RB_PG_SQL_MAX);

		if (!table)
			continue;
		if (table->note)
			rc = rb_buf_addf(&note, err, "%s, ", table->note);
		else
			rc = rb_buf_adds(
			        &note,
			        rb_pg_flag(result, i, 1) ? "partition of " : "inherits from ", err);
		if (rc == RB_OK)
			rc = rb_pg_add_shown(&note, PQgetvalue(result, i, 2), err);
		if (rc == RB_OK)
			rc = rb_buf_adds(&note, ".", err);
		if (rc == RB_OK)
			rc = rb_pg_add_shown(&note, PQgetvalue(result, i, 3), err);
		if (rc == RB_OK) {
			free(table->note);
			table->note = rb_buf_detach(&note);
			rc = table->note ? RB_OK : no_memory(err);
		}
		rb_buf_release(&note);
	}
	PQclear(result);
	return rc;
}

static int compare_tables(const void *a, const void *b)
{
	const struct rb_table *left = a;
	const struct rb_table *right = b;

	return strcmp(left->name, right->name);
}

/* Sequences and large objects, where there are some; the tables are sorted afterwards. */
static int add_system_tables(struct rb_pg_builder *b, struct rb_err *err)
{
	static const char *const names[] = {RB_PG_SEQUENCES, RB_PG_LARGE_OBJECTS};
	struct rb_catalog *catalog = b->catalog;
	bool exists[2] = {false, false};
	char *found = NULL;
	int rc = rb_pg_has_sequences(b->conn, &exists[0], err);

	if (rc == RB_OK)
		rc = rb_pg_get_text(b->conn, "SELECT EXISTS (SELECT FROM pg_largeobject_metadata)",
		                    &found, err);
	exists[1] = found && found[0] == 't';
	for (int i = 0; i < 2 && rc == RB_OK; i++) {
		if (!exists[i])
			continue;
		rc = rb_pg_system_table(names[i], &catalog->tables[catalog->table_count], err);
		if (rc == RB_OK)
			catalog->table_count++;
	}
	free(found);
	if (rc == RB_OK && catalog->table_count > 0)
		qsort(catalog->tables, catalog->table_count, sizeof(*catalog->tables),
		      compare_tables);
	return rc;
}

/* What a database is made with, sorted by name; which columns there are differs by version. */
static const char settings_sql[] =
        "SELECT s.name, s.value FROM pg_database d, to_jsonb(d) j, LATERAL (VALUES"
        " ('builtin_locale', CASE j->>'datlocprovider' WHEN 'b' THEN j->>'datlocale' END),"
        " ('collate', d.datcollate::text),"
        " ('ctype', d.datctype::text),"
        " ('encoding', pg_encoding_to_char(d.encoding)::text),"
        " ('icu_locale', CASE j->>'datlocprovider' WHEN 'i' THEN"
        " COALESCE(j->>'datlocale', j->>'daticulocale') END),"
        " ('locale_provider', CASE j->>'datlocprovider' WHEN 'i' THEN 'icu'"
        " WHEN 'b' THEN 'builtin' END)"
        ") AS s(name, value) WHERE d.datname = current_database() AND s.value IS NOT NULL"
        " ORDER BY s.name COLLATE \"C\"";

static int add_settings(struct rb_pg_builder *b, struct rb_err *err)
{
	struct rb_catalog *catalog = b->catalog;
	PGresult *result = NULL;
	int rc = rb_pg_query(b->conn, settings_sql, &result, err);

	catalog->engine = strdup("postgres");
	catalog->settings =
	        calloc(rc == RB_OK ? (size_t)PQntuples(result) + 2 : 2, sizeof(*catalog->settings));
	if (rc == RB_OK && (!catalog->engine || !catalog->settings))
		rc = no_memory(err);
	for (int row = 0; rc == RB_OK && row < PQntuples(result); row++) {
		struct rb_setting *setting = &catalog->settings[catalog->setting_count++];

		rc = rb_pg_copy_field(result, row, 0, &setting->name, err);
		if (rc == RB_OK)
			rc = rb_pg_copy_field(result, row, 1, &setting->value, err);
	}
	PQclear(result);
	return rc;
}

int rb_pg_catalog(struct rb_pg_conn *conn, struct rb_catalog **out, struct rb_err *err)
{
	struct rb_pg_builder b = {.conn = conn, .where = RB_BUF(RB_PG_SQL_MAX)};
	int rc = rb_map_new(sizeof(size_t), &b.tables, err);

	b.catalog = calloc(1, sizeof(*b.catalog));
	if (rc == RB_OK && !b.catalog)
		rc = no_memory(err);
	rb_pg_forget(conn);
	if (rc == RB_OK)
		rc = rb_map_new(sizeof(char *), &conn->conditions, err);
	if (rc == RB_OK)
		rc = rb_map_new(0, &conn->unlocked, err);
	if (rc == RB_OK)
		rc = add_settings(&b, err);
	if (rc == RB_OK)
		rc = choose_schemas(&b, err);
	if (rc == RB_OK)
		rc = read_tables(&b, err);
	if (rc == RB_OK)
		rc = note_parents(&b, err);
	if (rc == RB_OK)
		rc = rb_pg_load_columns(&b, err);
	if (rc == RB_OK)
		rc = rb_pg_load_keys(&b, err);
	if (rc == RB_OK)
		rc = rb_pg_load_foreign_keys(&b, err);
	if (rc == RB_OK)
		rc = add_system_tables(&b, err);
	if (rc == RB_OK) {
		*out = b.catalog;
		b.catalog = NULL;
	}
	rb_catalog_free(b.catalog);
	rb_map_free(b.tables);
	rb_buf_release(&b.where);
	return rc;
}
