/*
 * See adapter.h and target_priv.h: foreign keys.
 *
 * Foreign keys are off while rows are written, in any order.  What is broken afterwards is
 * told, except what was broken before: databases whose application never turned foreign
 * keys on are full of that.  Looking costs as much as writing all rows, so it is done when
 * it is asked for only.
 *
 * PRAGMA quick_check is not run: a target is exported again and compared before it is
 * committed, which reads every row, and SQLite itself wrote every index.
 */
#include <stdlib.h>
#include <string.h>

#include "target_priv.h"

/* Broken references kept at the beginning; more are counted as broken anew. */
#define REMEMBERED_MAX 100000

/* A reference that leads nowhere. */
struct broken {
	const char *table;
	const char *parent;  /* the table referred to */
	int64_t foreign_key; /* its number in the table */
	int64_t rowid;       /* without a rowid: the number among those of this key */
};

/* References of one foreign key that were not broken before. */
struct group {
	int64_t foreign_key;
	int64_t seen;        /* all that are broken */
	int64_t fresh;       /* those not broken before */
	int64_t first_rowid; /* of the fresh ones */
	bool has_rowid;
	char *parent;
};

/* "orders\0" 3 17 */
static int key_of(const struct broken *broken, struct rb_buf *key, struct rb_err *err)
{
	int rc;

	rb_buf_clear(key);
	rc = rb_buf_add(key, broken->table, strlen(broken->table) + 1, err);
	if (rc == RB_OK)
		rc = rb_buf_add(key, &broken->foreign_key, sizeof(broken->foreign_key), err);
	if (rc == RB_OK)
		rc = rb_buf_add(key, &broken->rowid, sizeof(broken->rowid), err);
	return rc;
}

/* Tell of a group and begin the next one. */
static int end_group(struct group *group, const char *table, struct rb_catalog *problems,
                     struct rb_err *err)
{
	int rc = RB_OK;

	if (group->fresh > 0 && group->has_rowid)
		rc = rb_catalog_remark(problems, table, false, err,
		                       "%lld of its rows refer to rows of '%s' that are not there, "
		                       "the first is rowid %lld",
		                       (long long)group->fresh, group->parent,
		                       (long long)group->first_rowid);
	else if (group->fresh > 0)
		rc = rb_catalog_remark(problems, table, false, err,
		                       "%lld of its rows refer to rows of '%s' that are not there",
		                       (long long)group->fresh, group->parent);
	free(group->parent);
	memset(group, 0, sizeof(*group));
	return rc;
}

/* Take one row of PRAGMA foreign_key_check: table, rowid, parent, foreign key. */
static int take(struct rb_sqlite_target *target, const char *table, sqlite3_stmt *stmt,
                struct group *group, struct rb_catalog *problems, struct rb_buf *key,
                struct rb_err *err)
{
	struct broken broken = {.table = table, .foreign_key = sqlite3_column_int64(stmt, 3)};
	bool has_rowid = sqlite3_column_type(stmt, 1) != SQLITE_NULL;
	int rc = RB_OK;

	/* They come one foreign key after the other. */
	if (group->parent && group->foreign_key != broken.foreign_key)
		rc = end_group(group, table, problems, err);
	if (rc == RB_OK && !group->parent) {
		group->foreign_key = broken.foreign_key;
		rc = rb_sqlite_copy_text(stmt, 2, &group->parent, err);
	}
	broken.rowid = has_rowid ? sqlite3_column_int64(stmt, 1) : group->seen;
	group->seen++;
	if (rc == RB_OK)
		rc = key_of(&broken, key, err);
	if (rc < 0)
		return rc;
	if (!problems)
		return rb_map_count(target->broken) < REMEMBERED_MAX
		               ? rb_map_put(target->broken, key->data, key->len, NULL, err)
		               : RB_OK;
	if (target->broken && rb_map_get(target->broken, key->data, key->len))
		return RB_OK;
	if (group->fresh++ == 0) {
		group->first_rowid = broken.rowid;
		group->has_rowid = has_rowid;
	}
	return RB_OK;
}

/* A table whose foreign keys SQLite cannot check: a parent without a unique key. */
static int take_failure(struct rb_sqlite_target *target, const char *table,
                        struct rb_catalog *problems, struct rb_err *err)
{
	size_t len = strlen(table) + 1;

	if (!problems)
		return rb_map_put(target->broken, table, len, NULL, err);
	if (target->broken && rb_map_get(target->broken, table, len))
		return RB_OK;
	return rb_catalog_remark(problems, table, false, err,
	                         "its foreign keys cannot be checked: %s",
	                         sqlite3_errmsg(target->conn.db));
}

static int check_table(struct rb_sqlite_target *target, const char *table,
                       struct rb_catalog *problems, struct rb_err *err)
{
	struct rb_buf key = RB_BUF(SIZE_MAX / 4);
	struct group group = {0};
	sqlite3_stmt *stmt = NULL;
	struct rb_err why = {0};
	int rc;

	rc = rb_sqlite_pragma(&target->conn, "foreign_key_check", table, &stmt, &why);
	while (rc == RB_OK && (rc = rb_sqlite_step(&target->conn, stmt, &why)) > 0) {
		rc = take(target, table, stmt, &group, problems, &key, err);
		if (rc < 0)
			goto out;
	}
	if (rc < 0 && (sqlite3_errcode(target->conn.db) & 0xff) == SQLITE_ERROR)
		rc = take_failure(target, table, problems, err);
	else if (rc < 0 && err)
		*err = why;
	if (rc == RB_OK && problems)
		rc = end_group(&group, table, problems, err);
out:
	free(group.parent);
	sqlite3_finalize(stmt);
	rb_buf_release(&key);
	return rc;
}

/* Check all tables.  problems: NULL to remember what is broken */
static int check_all(struct rb_sqlite_target *target, struct rb_catalog *problems,
                     struct rb_err *err)
{
	sqlite3_stmt *tables = NULL;
	char *name = NULL;
	int rc;

	rc = rb_sqlite_prepare(&target->conn,
	                       "SELECT m.name FROM main.sqlite_schema AS m"
	                       " WHERE m.type = 'table' AND m.rootpage > 0 AND EXISTS("
	                       "SELECT 1 FROM pragma_foreign_key_list(m.name, 'main'))"
	                       " ORDER BY m.name",
	                       &tables, err);
	while (rc == RB_OK && (rc = rb_sqlite_step(&target->conn, tables, err)) > 0) {
		rc = rb_sqlite_copy_text(tables, 0, &name, err);
		if (rc == RB_OK && name)
			rc = check_table(target, name, problems, err);
		free(name);
		name = NULL;
	}
	sqlite3_finalize(tables);
	return rc;
}

int rb_sqlite_target_check(struct rb_target *base, struct rb_catalog *problems, struct rb_err *err)
{
	/* base is the first member of a target. */
	struct rb_sqlite_target *target = (struct rb_sqlite_target *)base;
	int rc = rb_sqlite_target_may_write(target, err);

	if (rc == RB_OK && !problems && !target->broken)
		rc = rb_map_new(0, &target->broken, err);
	return rc < 0 ? rc : check_all(target, problems, err);
}
