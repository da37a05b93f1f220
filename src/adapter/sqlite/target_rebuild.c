/*
 * See target_priv.h: full-text tables that have their content in another table.
 *
 * Triggers of the application keep such an index up to date; here they are off.  So an
 * index is built anew when it, or what it is about, was written.
 */
#include <string.h>

#include "target_priv.h"

/* Whether something that the index is about was written. */
static int is_stale(struct rb_sqlite_target *target, const char *name,
                    const struct rb_sqlite_vtab *vtab, bool *out, struct rb_err *err)
{
	struct rb_object content = {.sql = NULL};
	char kind[] = "view";
	enum rb_sqlite_presence presence;
	int rc;

	*out = rb_sqlite_names_have(&target->made, name) ||
	       rb_sqlite_names_have(&target->written, vtab->content_table);
	if (*out || target->written.count == 0)
		return RB_OK;
	/* A view may be about any table. */
	content.kind = kind;
	content.name = vtab->content_table;
	rc = rb_sqlite_find(target, &content, &presence, err);
	*out = presence != RB_SQLITE_ABSENT;
	return rc;
}

static int rebuild(struct rb_sqlite_target *target, const char *name, struct rb_catalog *remarks,
                   struct rb_err *err)
{
	struct rb_buf sql = RB_BUF(SIZE_MAX / 4);
	int *none = NULL;
	int code = SQLITE_OK;
	int rc = rb_buf_adds(&sql, "INSERT INTO main.", err);

	if (rc == RB_OK)
		rc = rb_sqlite_add_name(&sql, name, err);
	if (rc == RB_OK)
		rc = rb_buf_adds(&sql, "(", err);
	if (rc == RB_OK)
		rc = rb_sqlite_add_name(&sql, name, err);
	if (rc == RB_OK)
		rc = rb_buf_adds(&sql, ") VALUES('rebuild')", err);
	if (rc < 0)
		goto out;

	/* The content may be a view of old, with texts in double quotes. */
	sqlite3_db_config(target->conn.db, SQLITE_DBCONFIG_DQS_DML, 1, none);
	code = sqlite3_exec(target->conn.db, rb_buf_str(&sql), NULL, NULL, NULL);
	sqlite3_db_config(target->conn.db, SQLITE_DBCONFIG_DQS_DML, 0, none);
	if ((code & 0xff) == SQLITE_ERROR)
		rc = rb_catalog_remark(remarks, name, false, err,
		                       "its full-text index could not be built: %s",
		                       sqlite3_errmsg(target->conn.db));
	else if (code != SQLITE_OK)
		rc = rb_sqlite_fail(&target->conn, code, err,
		                    "cannot build full-text index '%.200s'", name);
out:
	rb_buf_release(&sql);
	return rc;
}

static int rebuild_if_stale(struct rb_sqlite_target *target, const char *name, const char *sql,
                            struct rb_catalog *remarks, struct rb_err *err)
{
	struct rb_sqlite_vtab vtab = {0};
	bool is_needed = false;
	bool is_served = false;
	int rc = rb_sqlite_vtab_parse(sql, &vtab, err);

	if (rc == RB_OK && vtab.content == RB_SQLITE_CONTENT_EXTERNAL)
		rc = is_stale(target, name, &vtab, &is_needed, err);
	if (rc == RB_OK && is_needed)
		rc = rb_sqlite_has_module(target, vtab.module, &is_served, err);
	if (rc == RB_OK && is_served)
		rc = rebuild(target, name, remarks, err);
	rb_sqlite_vtab_release(&vtab);
	return rc;
}

int rb_sqlite_rebuild(struct rb_sqlite_target *target, struct rb_catalog *remarks,
                      struct rb_err *err)
{
	static const char where[] = " FROM main.sqlite_schema WHERE type = 'table'"
	                            " AND rootpage = 0 AND sql LIKE 'CREATE VIRTUAL%'";
	struct rb_sqlite_names names = {0};
	struct rb_sqlite_names texts = {0};
	struct rb_buf sql = RB_BUF(SIZE_MAX / 4);
	int rc;

	/* Both at once, in the order of the table: writing while reading it is no good. */
	rc = rb_buf_addf(&sql, err, "SELECT name%s", where);
	if (rc == RB_OK)
		rc = rb_sqlite_names_select(&names, &target->conn, rb_buf_str(&sql), err);
	rb_buf_clear(&sql);
	if (rc == RB_OK)
		rc = rb_buf_addf(&sql, err, "SELECT sql%s", where);
	if (rc == RB_OK)
		rc = rb_sqlite_names_select(&texts, &target->conn, rb_buf_str(&sql), err);
	for (size_t i = 0; i < names.count && i < texts.count && rc == RB_OK; i++)
		rc = rebuild_if_stale(target, names.names[i], texts.names[i], remarks, err);
	rb_sqlite_names_release(&names);
	rb_sqlite_names_release(&texts);
	rb_buf_release(&sql);
	return rc;
}
