/*
 * See schema_priv.h: whether a materialized view has rows.
 *
 * pg_dump makes all of them WITH NO DATA, and fills those that had rows when it writes data.
 * That is kept as an object of its own, of the kind that pg_dump gives it.
 */
#include <stdlib.h>
#include <string.h>

#include "rowback/base/map.h"
#include "schema_priv.h"

static const char filled_sql[] = "SELECT n.nspname, c.relname FROM pg_catalog.pg_class AS c"
                                 " JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
                                 " WHERE c.relkind = 'm' AND c.relispopulated";

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory to read a schema");
}

/* The names of views that have rows. */
static int find_filled(struct rb_pg_conn *conn, struct rb_map *names, struct rb_err *err)
{
	PGresult *views = NULL;
	int rc = rb_pg_query(conn, filled_sql, &views, err);

	for (int row = 0; rc == RB_OK && row < PQntuples(views); row++) {
		char *name = NULL;

		rc = rb_pg_table_name(PQgetvalue(views, row, 0), PQgetvalue(views, row, 1), &name,
		                      err);
		if (rc == RB_OK)
			rc = rb_map_put(names, name, strlen(name), NULL, err);
		free(name);
	}
	PQclear(views);
	return rc;
}

/* Make an object that fills a view. */
static int make(const char *view, struct rb_object *out, struct rb_err *err)
{
	struct rb_buf sql = RB_BUF(RB_PG_SQL_MAX);
	int rc = rb_buf_adds(&sql, "REFRESH MATERIALIZED VIEW ", err);

	if (rc == RB_OK)
		rc = rb_pg_add_table(&sql, view, err);
	if (rc == RB_OK)
		rc = rb_buf_adds(&sql, " WITH DATA;", err);
	if (rc == RB_OK) {
		out->kind = strdup(RB_PG_VIEW_DATA);
		out->name = strdup(view);
		out->table = strdup(view);
		out->sql = rb_buf_detach(&sql);
		rc = out->kind && out->name && out->table && out->sql ? RB_OK : no_memory(err);
	}
	rb_buf_release(&sql);
	return rc;
}

int rb_pg_add_view_data(struct rb_pg_conn *conn, struct rb_catalog *catalog, struct rb_err *err)
{
	size_t count = catalog->object_count;
	struct rb_map *filled = NULL;
	struct rb_object *grown;
	int rc = rb_map_new(0, &filled, err);

	if (rc == RB_OK)
		rc = find_filled(conn, filled, err);
	if (rc == RB_OK && rb_map_count(filled) > 0) {
		grown = realloc(catalog->objects, (count + rb_map_count(filled)) * sizeof(*grown));
		if (grown)
			catalog->objects = grown;
		rc = grown ? RB_OK : no_memory(err);
	}
	/* In the order of their definitions: one may read from another. */
	for (size_t i = 0; rc == RB_OK && i < count; i++) {
		const char *name = catalog->objects[i].name;

		if (strcmp(catalog->objects[i].kind, "materialized view") != 0 ||
		    !rb_map_get(filled, name, strlen(name)))
			continue;
		memset(&catalog->objects[catalog->object_count], 0, sizeof(*catalog->objects));
		rc = make(name, &catalog->objects[catalog->object_count++], err);
	}
	rb_map_free(filled);
	return rc;
}
