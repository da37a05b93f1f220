/*
 * See postgres_priv.h: which schemas are looked at.
 */
#include <stdlib.h>
#include <string.h>

#include "postgres_priv.h"

/*
 * Schemas of users', and whether they are Supabase's own: its platform makes those, and writes
 * what is in them.  They are told by their owners, so that another database's schema "auth" is
 * a schema as others are.
 *
 * source: supabase/cli, the schemas that "db dump" leaves out
 */
static const char schemas_sql[] =
        "SELECT n.nspname, n.nspname IN ("
        "'auth', 'storage', 'realtime', '_realtime', 'supabase_functions', 'vault',"
        " 'graphql', 'graphql_public', 'pgbouncer', 'pgsodium', 'net', 'cron', 'extensions')"
        " AND (SELECT count(*) FROM pg_namespace o JOIN pg_roles r ON r.oid = o.nspowner"
        " WHERE o.nspname IN ('auth', 'storage', 'realtime') AND r.rolname IN ("
        "'supabase_admin', 'supabase_auth_admin', 'supabase_storage_admin',"
        " 'supabase_realtime_admin')) = 3"
        " FROM pg_namespace n WHERE n.nspname NOT LIKE 'pg\\_%'"
        " AND n.nspname <> 'information_schema' ORDER BY n.nspname COLLATE \"C\"";

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory for the names of schemas");
}

void rb_pg_names_release(struct rb_pg_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->list[i]);
	free(names->list);
	memset(names, 0, sizeof(*names));
}

bool rb_pg_names_have(const struct rb_pg_names *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->list[i], name) == 0)
			return true;
	return false;
}

int rb_pg_left_out(struct rb_pg_conn *conn, struct rb_pg_names *out, struct rb_err *err)
{
	const struct rb_schema_choice *choice = &conn->schemas;
	PGresult *result = NULL;
	int rc = rb_pg_query(conn, schemas_sql, &result, err);

	memset(out, 0, sizeof(*out));
	if (rc == RB_OK) {
		out->list = calloc((size_t)PQntuples(result) + 1, sizeof(*out->list));
		rc = out->list ? RB_OK : no_memory(err);
	}
	for (int row = 0; rc == RB_OK && row < PQntuples(result); row++) {
		const char *name = PQgetvalue(result, row, 0);
		bool is_platforms = rb_pg_flag(result, row, 1);

		if (choice->leaves_out ? !choice->leaves_out(choice->ctx, name, is_platforms)
		                       : !is_platforms)
			continue;
		out->list[out->count] = strdup(name);
		rc = out->list[out->count] ? RB_OK : no_memory(err);
		out->count += rc == RB_OK;
	}
	PQclear(result);
	if (rc < 0)
		rb_pg_names_release(out);
	return rc;
}

int rb_pg_add_schemas(struct rb_pg_conn *conn, struct rb_buf *sql, struct rb_buf *names,
                      struct rb_err *err)
{
	struct rb_pg_names left_out = {0};
	int rc = rb_buf_adds(sql,
	                     "n.nspname NOT LIKE 'pg\\_%' AND"
	                     " n.nspname NOT IN ('information_schema'",
	                     err);

	if (rc == RB_OK)
		rc = rb_pg_left_out(conn, &left_out, err);
	for (size_t i = 0; rc == RB_OK && i < left_out.count; i++) {
		rc = rb_buf_adds(sql, ", ", err);
		if (rc == RB_OK)
			rc = rb_pg_add_literal(sql, left_out.list[i], err);
		if (rc == RB_OK && names && i > 0)
			rc = rb_buf_adds(names, ", ", err);
		if (rc == RB_OK && names)
			rc = rb_pg_add_shown(names, left_out.list[i], err);
	}
	rb_pg_names_release(&left_out);
	return rc < 0 ? rc : rb_buf_adds(sql, ")", err);
}
