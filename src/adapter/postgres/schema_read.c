/*
 * See schema_priv.h: the objects of a database that we are connected to.
 */
#include <stdlib.h>
#include <string.h>

#include "schema_priv.h"

/*
 * Tables that this role cannot lock, which pg_dump does before it reads: it would fail as a
 * whole.  Those of extensions come with them.
 */
static const char locked_out_sql[] =
        "SELECT n.nspname, c.relname FROM pg_catalog.pg_class AS c"
        " JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'"
        " AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')"
        " AND NOT (pg_catalog.has_schema_privilege(n.oid, 'USAGE')"
        " AND pg_catalog.has_table_privilege(c.oid, 'SELECT'))"
        " AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend AS d"
        " WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid"
        " AND d.deptype = 'e') ORDER BY 1, 2";

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory to read a schema");
}

/*
 * One more, with a remark.  Its rows are missed when they are read, unless it is left out on
 * request; a partitioned table has none that could be.
 */
static int leave_out(struct rb_pg_names *names, const char *name, const char *why,
                     struct rb_catalog *catalog, struct rb_err *err)
{
	bool has_rows = rb_catalog_table(catalog, name) != NULL;

	names->list[names->count] = strdup(name);
	if (!names->list[names->count])
		return no_memory(err);
	names->count++;
	return rb_catalog_remark(catalog, name, !has_rows, err, "its definition is not kept: %s",
	                         why);
}

static int list_tables(const struct rb_pg_conn *conn, const PGresult *tables,
                       const struct rb_pg_names *schemas, struct rb_pg_names *names,
                       struct rb_catalog *catalog, struct rb_err *err)
{
	const void *held;
	size_t len;
	void *none;
	int rc = RB_OK;

	for (int row = 0; rc == RB_OK && row < PQntuples(tables); row++) {
		const char *schema = PQgetvalue(tables, row, 0);
		char *name = NULL;

		if (rb_pg_names_have(schemas, schema))
			continue;
		rc = rb_pg_table_name(schema, PQgetvalue(tables, row, 1), &name, err);
		if (rc == RB_OK)
			rc = leave_out(names, name, "this role may not read it", catalog, err);
		free(name);
	}
	for (size_t i = 0;
	     rc == RB_OK && conn->unlocked && rb_map_at(conn->unlocked, i, &held, &len, &none);
	     i++) {
		char *name = strndup(held, len);

		rc = name ? leave_out(names, name, "another session holds a lock on it", catalog,
		                      err)
		          : no_memory(err);
		free(name);
	}
	return rc;
}

/* What the role or the database has set, and pg_dump does not take back. */
static int find_quoting(struct rb_pg_conn *conn, struct rb_err *err)
{
	char *found = NULL;
	int rc = rb_pg_get_text(conn,
	                        "SELECT reset_val FROM pg_settings"
	                        " WHERE name = 'quote_all_identifiers'",
	                        &found, err);

	conn->quotes_all = rc == RB_OK && strcmp(found, "on") == 0;
	free(found);
	return rc;
}

static int dump(struct rb_pg_conn *conn, const struct rb_pg_names *schemas, const PGresult *tables,
                struct rb_catalog *catalog, struct rb_buf *text, struct rb_err *err)
{
	size_t table_count =
	        (size_t)PQntuples(tables) + (conn->unlocked ? rb_map_count(conn->unlocked) : 0);
	struct rb_pg_names names = {.list = calloc(table_count + 1, sizeof(*names.list))};
	struct rb_pg_dump_opts opts = {.conn = conn,
	                               .without_schemas = (const char *const *)schemas->list};
	char *snapshot = NULL;
	int rc = names.list ? RB_OK : no_memory(err);

	if (rc == RB_OK)
		rc = list_tables(conn, tables, schemas, &names, catalog, err);
	if (rc == RB_OK)
		rc = rb_pg_get_text(conn, "SELECT pg_catalog.pg_export_snapshot()", &snapshot, err);
	opts.snapshot = snapshot;
	opts.without_tables = (const char *const *)names.list;
	if (rc == RB_OK)
		rc = rb_pg_dump(&opts, text, err);
	rb_pg_names_release(&names);
	free(snapshot);
	return rc;
}

int rb_pg_read_objects(struct rb_pg_conn *conn, struct rb_catalog *catalog, struct rb_err *err)
{
	struct rb_buf text = RB_BUF(RB_PG_SCHEMA_MAX);
	struct rb_pg_names schemas = {0};
	PGresult *tables = NULL;
	int rc = rb_pg_left_out(conn, &schemas, err);

	if (rc == RB_OK)
		rc = rb_pg_query(conn, locked_out_sql, &tables, err);
	if (rc == RB_OK)
		rc = find_quoting(conn, err);
	if (rc == RB_OK)
		rc = dump(conn, &schemas, tables, catalog, &text, err);
	if (rc == RB_OK)
		rc = rb_pg_schema_split(rb_buf_str(&text), text.len, catalog, err);
	if (rc == RB_OK)
		rc = rb_pg_add_view_data(conn, catalog, err);
	rb_pg_names_release(&schemas);
	PQclear(tables);
	rb_buf_release(&text);
	return rc;
}
