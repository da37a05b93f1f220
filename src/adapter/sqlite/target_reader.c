/*
 * See adapter.h and target_priv.h: others read a new database before it has its name.
 *
 * While other tables are written and the rest of the schema is made, the rows of ordinary
 * tables stay as they are: no trigger acts, rows of other tables and CREATE INDEX write pages
 * of their own and sqlite_schema, sqlite_sequence is no ordinary table.  Whoever began to read
 * before keeps the first page, and the schema as it was then, in its transaction.  Two things may
 * change rows or move pages, and rule readers out: virtual tables, which are rebuilt, and
 * auto_vacuum, which moves tables to make room for the root of an index.
 */
#include <stdlib.h>

#include "target_priv.h"

/* Whether what comes after the rows leaves them where they are. */
static int rows_stay(struct rb_sqlite_target *target, bool *out, struct rb_err *err)
{
	int64_t auto_vacuum = 0;
	int64_t virtual_tables = 0;
	int rc = rb_sqlite_get_int(&target->conn, "PRAGMA main.auto_vacuum", &auto_vacuum, err);

	if (rc == RB_OK)
		rc = rb_sqlite_get_int(&target->conn,
		                       "SELECT count(*) FROM main.sqlite_schema"
		                       " WHERE type = 'table' AND rootpage = 0",
		                       &virtual_tables, err);
	*out = rc == RB_OK && auto_vacuum == 0 && virtual_tables == 0;
	return rc;
}

/* Let the rows reach the file; what comes after them is a transaction of its own. */
static int commit_rows(struct rb_sqlite_target *target, struct rb_err *err)
{
	int rc = rb_sqlite_exec(&target->conn, "COMMIT", err);

	if (rc < 0)
		return rc;
	target->in_transaction = false;
	rc = rb_sqlite_exec(&target->conn, "BEGIN IMMEDIATE", err);
	if (rc < 0)
		return rc;
	target->in_transaction = true;
	target->has_committed = true;
	return RB_OK;
}

int rb_sqlite_target_reader(struct rb_target *base, struct rb_source **out, struct rb_err *err)
{
	struct rb_sqlite_target *target = (struct rb_sqlite_target *)base;
	bool stay = false;
	int rc = rb_sqlite_target_may_write(target, err);

	if (rc == RB_OK && target->rows.table)
		rc = rb_err_set(err, RB_E_USAGE, "table '%.200s' is still being written",
		                target->rows.table->name);
	if (rc == RB_OK && target->tmp_path && target->in_transaction)
		rc = rows_stay(target, &stay, err);
	if (rc == RB_OK && !stay)
		rc = rb_err_set(err, RB_E_UNSUPPORTED,
		                "'%s' is read when all of it is written only", target->path);
	if (rc == RB_OK && !target->has_committed)
		rc = commit_rows(target, err);
	return rc < 0 ? rc
	              : rb_sqlite_source_open_path(target->tmp_path, RB_SQLITE_BESIDE,
	                                           target->conn.busy_timeout_ms, out, err);
}

int rb_sqlite_target_expose(struct rb_target *base, struct rb_buf *url, struct rb_err *err)
{
	struct rb_sqlite_target *target = (struct rb_sqlite_target *)base;
	int64_t ignored = 0;
	int rc = rb_sqlite_target_may_write(target, err);

	if (rc < 0)
		return rc;
	if (!target->tmp_path || !target->in_transaction)
		return rb_err_set(err, RB_E_UNSUPPORTED, "'%s' is read inside its transaction only",
		                  target->path);
	rb_sqlite_rows_release(target);
	rc = rb_sqlite_exec(&target->conn, "COMMIT", err);
	if (rc < 0)
		return rc;
	target->in_transaction = false;
	target->stage = RB_SQLITE_EXPOSED;
	/* The lock is let go by the next read. */
	rc = rb_sqlite_exec(&target->conn, "PRAGMA locking_mode = NORMAL", err);
	if (rc == RB_OK)
		rc = rb_sqlite_get_int(&target->conn, "SELECT count(*) FROM main.sqlite_schema",
		                       &ignored, err);
	return rc < 0 ? rc : rb_buf_addf(url, err, "sqlite:%s", target->tmp_path);
}
