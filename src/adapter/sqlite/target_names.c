/*
 * See target_priv.h: lists of names.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "target_priv.h"

void rb_sqlite_names_release(struct rb_sqlite_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->names[i]);
	free(names->names);
	memset(names, 0, sizeof(*names));
}

/* Take a name over, also on failure. */
static int take(struct rb_sqlite_names *names, char *name, struct rb_err *err)
{
	char **more = name ? realloc(names->names, (names->count + 1) * sizeof(*more)) : NULL;

	if (!more) {
		free(name);
		return rb_err_set(err, RB_E_NOMEM, "no memory for the names of tables");
	}
	names->names = more;
	names->names[names->count++] = name;
	return RB_OK;
}

int rb_sqlite_names_add(struct rb_sqlite_names *names, const char *name, struct rb_err *err)
{
	return take(names, strdup(name), err);
}

bool rb_sqlite_names_have(const struct rb_sqlite_names *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++)
		if (strcasecmp(names->names[i], name) == 0)
			return true;
	return false;
}

int rb_sqlite_names_select(struct rb_sqlite_names *names, struct rb_sqlite_conn *conn,
                           const char *sql, struct rb_err *err)
{
	sqlite3_stmt *stmt = NULL;
	char *name = NULL;
	int rc = rb_sqlite_prepare(conn, sql, &stmt, err);

	while (rc == RB_OK && (rc = rb_sqlite_step(conn, stmt, err)) > 0) {
		rc = rb_sqlite_copy_text(stmt, 0, &name, err);
		if (rc == RB_OK && name)
			rc = take(names, name, err);
	}
	sqlite3_finalize(stmt);
	return rc;
}
