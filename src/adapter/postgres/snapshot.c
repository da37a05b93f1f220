/*
 * See postgres_priv.h: the transaction that reads, and its locks.
 *
 * A snapshot does not protect against all that happens to a table: TRUNCATE, and an ALTER
 * TABLE that writes it anew, leave it empty for snapshots taken before.  So each table is
 * locked against them, in the weakest mode, and is read only when its file is the one that
 * the snapshot knows: a table that lost that race is named, and never read as empty.
 *
 * source: PostgreSQL, "Caveats" of "Concurrency Control"
 */
#include <stdlib.h>
#include <string.h>

#include "postgres_priv.h"

/* Tables that are locked by one statement. */
#define LOCK_BATCH 200

int rb_pg_begin(struct rb_pg_conn *conn, struct rb_err *err)
{
	int rc = RB_OK;

	if (PQtransactionStatus(conn->pg) != PQTRANS_IDLE)
		rc = rb_pg_exec(conn, "ROLLBACK", err);
	if (rc == RB_OK)
		rc = rb_pg_exec(
		        conn, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY, DEFERRABLE", err);
	/* The first statement that reads takes the snapshot. */
	return rc == RB_OK ? rb_pg_pin(conn, err) : rc;
}

int rb_pg_add_lock(struct rb_buf *sql, const char *table, struct rb_err *err)
{
	struct rb_buf quoted = RB_BUF(RB_PG_SQL_MAX);
	int rc = rb_pg_add_table(&quoted, table, err);

	if (rc == RB_OK)
		rc = rb_buf_addf(sql, err,
		                 "LOCK TABLE ONLY %s IN ACCESS SHARE MODE; "
		                 "SELECT c.relfilenode = pg_relation_filenode(c.oid)"
		                 " FROM pg_class c WHERE c.oid = ",
		                 rb_buf_str(&quoted));
	if (rc == RB_OK)
		rc = rb_pg_add_literal(sql, rb_buf_str(&quoted), err);
	if (rc == RB_OK)
		rc = rb_buf_adds(sql, "::regclass; ", err);
	rb_buf_release(&quoted);
	return rc;
}

/* Take the locks of some tables, all or none. */
static int lock_batch(struct rb_pg_conn *conn, const struct rb_table *tables, size_t count,
                      struct rb_err *err)
{
	struct rb_buf sql = RB_BUF(RB_PG_SQL_MAX);
	const char *before = "SAVEPOINT rowback_lock; LOCK TABLE ONLY ";
	bool any = false;
	int rc = RB_OK;

	for (size_t i = 0; i < count && rc == RB_OK; i++) {
		if (tables[i].kind == RB_TABLE_SYSTEM)
			continue;
		rc = rb_buf_adds(&sql, before, err);
		if (rc == RB_OK)
			rc = rb_pg_add_table(&sql, tables[i].name, err);
		before = ", ONLY ";
		any = true;
	}
	if (rc == RB_OK)
		rc = rb_buf_adds(&sql, " IN ACCESS SHARE MODE; RELEASE SAVEPOINT rowback_lock",
		                 err);
	if (rc == RB_OK && any)
		rc = rb_pg_exec(conn, rb_buf_str(&sql), err);
	rb_buf_release(&sql);
	return rc;
}

/* Whether the connection goes on after a failure, back at the savepoint. */
static bool go_back(struct rb_pg_conn *conn)
{
	return PQstatus(conn->pg) == CONNECTION_OK &&
	       rb_pg_exec(conn,
	                  "ROLLBACK TO SAVEPOINT rowback_lock; RELEASE SAVEPOINT rowback_lock",
	                  NULL) == RB_OK;
}

/* Lock what can be locked out of a batch that could not be locked as a whole. */
static int lock_each(struct rb_pg_conn *conn, const struct rb_table *tables, size_t count,
                     struct rb_err *err)
{
	int rc = RB_OK;

	for (size_t i = 0; i < count && rc == RB_OK; i++) {
		rc = lock_batch(conn, &tables[i], 1, err);
		/* The lock table is full: those that follow are locked while they are read. */
		if (rc < 0 && rb_pg_state_is(conn, "53200") && go_back(conn))
			return RB_E_LIMIT;
		if (rc < 0 && rc != RB_E_CANCELLED && go_back(conn))
			rc = RB_OK;
	}
	return rc;
}

/* How many tables have another file than the snapshot knows. */
static int find_moved(struct rb_pg_conn *conn, bool *moved, struct rb_err *err)
{
	char *found = NULL;
	int rc = rb_pg_get_text(conn,
	                        "SELECT EXISTS (SELECT FROM pg_class c WHERE c.relkind = 'r'"
	                        " AND c.oid >= 16384 AND c.relpersistence <> 't'"
	                        " AND c.relfilenode IS DISTINCT FROM pg_relation_filenode(c.oid))",
	                        &found, err);

	*moved = rc == RB_OK && found[0] == 't';
	free(found);
	return rc;
}

int rb_pg_lock(struct rb_pg_conn *conn, const struct rb_catalog *catalog, bool *moved,
               struct rb_err *err)
{
	int rc = RB_OK;

	*moved = false;
	for (size_t i = 0; i < catalog->table_count && rc == RB_OK; i += LOCK_BATCH) {
		size_t count = catalog->table_count - i;
		bool is_late;

		if (count > LOCK_BATCH)
			count = LOCK_BATCH;
		rc = lock_batch(conn, &catalog->tables[i], count, err);
		if (rc >= 0)
			continue;
		is_late = rb_pg_state_is(conn, "55P03");
		if (rc == RB_E_CANCELLED || !go_back(conn))
			return rc;
		/* The wait is over, for this table and for others that are locked. */
		rc = is_late ? rb_pg_exec(conn, "SET lock_timeout = 1", err) : RB_OK;
		if (rc == RB_OK)
			rc = lock_each(conn, &catalog->tables[i], count, err);
	}
	if (rc == RB_E_LIMIT)
		rc = RB_OK;
	return rc == RB_OK ? find_moved(conn, moved, err) : rc;
}
