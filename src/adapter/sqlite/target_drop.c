/*
 * See target_priv.h: dropping schema objects.
 */
#include <string.h>
#include <strings.h>

#include "target_priv.h"

/* Run a statement that ends in an object's name. */
static int exec_on(struct rb_sqlite_target *target, const char *start, const char *name,
                   struct rb_err *err)
{
	struct rb_buf sql = RB_BUF(SIZE_MAX / 4);
	int rc = rb_buf_adds(&sql, start, err);

	if (rc == RB_OK)
		rc = rb_sqlite_add_name(&sql, name, err);
	if (rc == RB_OK)
		rc = rb_sqlite_exec(&target->conn, rb_buf_str(&sql), err);
	rb_buf_release(&sql);
	return rc;
}

/* Drop the tables that a module had made for a virtual table which is gone. */
static int drop_storage(struct rb_sqlite_target *target, const char *owner,
                        const struct rb_sqlite_vtab *vtab, struct rb_err *err)
{
	struct rb_sqlite_names names = {0};
	int rc;

	rc = rb_sqlite_names_select(&names, &target->conn,
	                            "SELECT name FROM main.sqlite_schema"
	                            " WHERE type = 'table' AND rootpage > 0",
	                            err);
	for (size_t i = 0; i < names.count && rc == RB_OK; i++)
		if (rb_sqlite_vtab_owns(vtab, owner, names.names[i]))
			rc = exec_on(target, "DROP TABLE main.", names.names[i], err);
	rb_sqlite_names_release(&names);
	return rc;
}

/* A virtual table that nothing here serves cannot be dropped, but struck out. */
static int strike_out(struct rb_sqlite_target *target, const struct rb_object *object,
                      const struct rb_sqlite_vtab *vtab, struct rb_err *err)
{
	const char *texts[] = {object->name};
	int rc;

	rc = rb_sqlite_schema_write(target,
	                            "DELETE FROM main.sqlite_schema"
	                            " WHERE type = 'table' AND name = ?1 AND rootpage = 0",
	                            1, texts, err);
	return rc < 0 ? rc : drop_storage(target, object->name, vtab, err);
}

static int drop_virtual(struct rb_sqlite_target *target, const struct rb_object *object,
                        struct rb_err *err)
{
	struct rb_sqlite_vtab vtab = {0};
	struct rb_err why = {0};
	bool is_served = false;
	int rc = rb_sqlite_vtab_parse(object->sql, &vtab, err);

	if (rc == RB_OK)
		rc = rb_sqlite_has_module(target, vtab.module, &is_served, err);
	if (rc == RB_OK && is_served) {
		rc = exec_on(target, "DROP TABLE main.", object->name, &why);
		/* The module is there, but not what this table needs of it (a tokenizer). */
		is_served =
		        rc == RB_OK || (sqlite3_errcode(target->conn.db) & 0xff) != SQLITE_ERROR;
		if (rc < 0 && is_served && err)
			*err = why;
		if (!is_served)
			rc = RB_OK;
	}
	if (rc == RB_OK && !is_served)
		rc = strike_out(target, object, &vtab, err);
	rb_sqlite_vtab_release(&vtab);
	return rc;
}

int rb_sqlite_drop(struct rb_sqlite_target *target, const struct rb_object *object,
                   struct rb_err *err)
{
	enum rb_sqlite_presence presence;
	int rc = rb_sqlite_find(target, object, &presence, err);

	/* It may have gone with its table. */
	if (rc < 0 || presence == RB_SQLITE_ABSENT)
		return rc;
	if (strcmp(object->kind, "trigger") == 0)
		rc = exec_on(target, "DROP TRIGGER main.", object->name, err);
	else if (strcmp(object->kind, "view") == 0)
		rc = exec_on(target, "DROP VIEW main.", object->name, err);
	else if (strcmp(object->kind, "index") == 0)
		rc = exec_on(target, "DROP INDEX main.", object->name, err);
	else if (rb_sqlite_is_virtual(object))
		rc = drop_virtual(target, object, err);
	else
		rc = exec_on(target, "DROP TABLE main.", object->name, err);
	return rc < 0 ? rb_err_wrap(err, rc, "cannot drop %s '%.200s'", object->kind, object->name)
	              : RB_OK;
}
