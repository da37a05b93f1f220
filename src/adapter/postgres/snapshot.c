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

#include "rowback/base/log.h"
#include "postgres_priv.h"

/* Tables that are locked by one statement. */
#define LOCK_BATCH 200

/* SQLSTATEs: no shared memory is left for another lock; a lock could not be had in time. */
#define NO_ROOM "53200"
#define TOO_LATE "55P03"

/* Together with BEGIN: a role's own may be over before the next statement. */
#define NO_TIMEOUTS                                                                                \
	"SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0"

int rb_pg_begin(struct rb_pg_conn *conn, struct rb_err *err)
{
	int rc = RB_OK;

	if (PQtransactionStatus(conn->pg) != PQTRANS_IDLE)
		rc = rb_pg_exec(conn, "ROLLBACK", err);
	if (rc == RB_OK)
		rc = rb_pg_exec(conn,
		                "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY, "
		                "DEFERRABLE; " NO_TIMEOUTS,
		                err);
	/* The first statement that reads takes the snapshot. */
	return rc == RB_OK ? rb_pg_pin(conn, err) : rc;
}

int rb_pg_begin_as(struct rb_pg_conn *conn, struct rb_pg_conn *other, struct rb_err *err)
{
	struct rb_buf sql = RB_BUF(RB_PG_SQL_MAX);
	char *snapshot = NULL;
	int rc = rb_pg_get_text(other, "SELECT pg_catalog.pg_export_snapshot()", &snapshot, err);

	if (rc == RB_OK)
		rc = rb_buf_adds(&sql,
		                 "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; " NO_TIMEOUTS
		                 "; SET TRANSACTION SNAPSHOT ",
		                 err);
	if (rc == RB_OK)
		rc = rb_pg_add_literal(&sql, snapshot, err);
	if (rc == RB_OK)
		rc = rb_pg_exec(conn, rb_buf_str(&sql), err);
	free(snapshot);
	rb_buf_release(&sql);
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

/* The locks of one snapshot in the making. */
struct locking {
	struct rb_pg_conn *conn;
	const char **names; /* of all tables, as rowback has them; borrowed */
	size_t count;
	bool is_late; /* the time to wait is over */
};

/* Take the locks of some tables, all or none. */
static int lock_batch(struct rb_pg_conn *conn, const char *const *names, size_t count,
                      struct rb_err *err)
{
	struct rb_buf sql = RB_BUF(RB_PG_SQL_MAX);
	const char *before = "SAVEPOINT rowback_lock; LOCK TABLE ONLY ";
	int rc = RB_OK;

	for (size_t i = 0; i < count && rc == RB_OK; i++) {
		rc = rb_buf_adds(&sql, before, err);
		if (rc == RB_OK)
			rc = rb_pg_add_table(&sql, names[i], err);
		before = ", ONLY ";
	}
	if (rc == RB_OK)
		rc = rb_buf_adds(&sql, " IN ACCESS SHARE MODE; RELEASE SAVEPOINT rowback_lock",
		                 err);
	if (rc == RB_OK)
		rc = rb_pg_exec(conn, rb_buf_str(&sql), err);
	rb_buf_release(&sql);
	return rc;
}

/* Whether the connection goes on after a failure, back at a savepoint. */
static bool go_back(struct rb_pg_conn *conn, const char *sql)
{
	char state[RB_PG_STATE_SIZE];
	bool is_back;

	memcpy(state, conn->state, sizeof(state));
	is_back = PQstatus(conn->pg) == CONNECTION_OK && rb_pg_exec(conn, sql, NULL) == RB_OK;
	memcpy(conn->state, state, sizeof(state));
	return is_back;
}

#define BACK(savepoint) "ROLLBACK TO SAVEPOINT " savepoint "; RELEASE SAVEPOINT " savepoint

/*
 * Take the locks of some tables; the transaction goes on when they cannot be had.
 *
 * returns  0; 1 when they cannot be had, conn->state says why; RB_E_LIMIT when the server has
 *          no room for locks; as rb_pg_fail() when nothing can go on
 */
static int try_batch(struct locking *l, const char *const *names, size_t count, struct rb_err *err)
{
	struct rb_pg_conn *conn = l->conn;
	int rc = lock_batch(conn, names, count, err);

	if (rc == RB_OK || rc == RB_E_CANCELLED || !go_back(conn, BACK("rowback_lock")))
		return rc;
	if (rb_pg_state_is(conn, NO_ROOM))
		return RB_E_LIMIT;
	/* Others that are locked are not waited for once more. */
	if (rb_pg_state_is(conn, TOO_LATE) && !l->is_late) {
		l->is_late = true;
		rc = rb_pg_exec(conn, "SET lock_timeout = 1", err);
		if (rc < 0)
			return rc;
		memcpy(conn->state, TOO_LATE, sizeof(TOO_LATE));
	}
	return 1;
}

/* Lock all tables; those that others hold are noted. */
static int lock_all(struct locking *l, struct rb_err *err)
{
	int rc = RB_OK;

	for (size_t i = 0; i < l->count && rc >= 0; i += LOCK_BATCH) {
		size_t count = l->count - i < LOCK_BATCH ? l->count - i : LOCK_BATCH;

		rc = try_batch(l, &l->names[i], count, err);
		/* One that cannot be locked is no reason not to lock the others. */
		for (size_t j = i; rc == 1 && j < i + count; j++) {
			const char *name = l->names[j];

			rc = try_batch(l, &name, 1, err);
			if (rc == 1 && rb_pg_state_is(l->conn, TOO_LATE))
				rc = rb_map_put(l->conn->unlocked, name, strlen(name), NULL, err);
			/* A role that may not read it is told so when it is read. */
			if (rc >= 0)
				rc = 1;
		}
	}
	return rc < 0 ? rc : RB_OK;
}

/* Partitioned tables have no rows, but definitions that pg_dump reads behind a lock. */
static int list_parents(struct rb_pg_conn *conn, PGresult **out, struct rb_err *err)
{
	struct rb_buf sql = RB_BUF(RB_PG_SQL_MAX);
	int rc = rb_buf_adds(&sql,
	                     "SELECT n.nspname, c.relname FROM pg_class c"
	                     " JOIN pg_namespace n ON n.oid = c.relnamespace"
	                     " WHERE c.relkind = 'p' AND c.relpersistence <> 't' AND ",
	                     err);

	if (rc == RB_OK)
		rc = rb_pg_add_schemas(conn, &sql, NULL, err);
	if (rc == RB_OK)
		rc = rb_pg_query(conn, rb_buf_str(&sql), out, err);
	rb_buf_release(&sql);
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

/* Lock by names, and give all locks back when there is no room for them. */
static int lock_names(struct locking *l, struct rb_err *err)
{
	struct rb_pg_conn *conn = l->conn;
	int rc = rb_pg_exec(conn, "SAVEPOINT rowback_locks", err);

	if (rc == RB_OK)
		rc = lock_all(l, err);
	if (rc == RB_E_LIMIT && rb_pg_state_is(conn, NO_ROOM) &&
	    go_back(conn, BACK("rowback_locks"))) {
		/* Each table is locked while it is read. */
		rb_log(RB_LOG_DEBUG, "'%s' has no room for %zu locks", conn->label, l->count);
		return RB_OK;
	}
	return rc == RB_OK ? rb_pg_exec(conn, "RELEASE SAVEPOINT rowback_locks", err) : rc;
}

int rb_pg_lock(struct rb_pg_conn *conn, const struct rb_catalog *catalog, bool *moved,
               struct rb_err *err)
{
	struct locking l = {.conn = conn};
	PGresult *parents = NULL;
	char **names = NULL;
	size_t parent_count = 0;
	int rc = list_parents(conn, &parents, err);

	*moved = false;
	if (rc == RB_OK) {
		parent_count = (size_t)PQntuples(parents);
		names = calloc(parent_count + 1, sizeof(*names));
		l.names = calloc(catalog->table_count + parent_count + 1, sizeof(*l.names));
		if (!names || !l.names)
			rc = rb_err_set(err, RB_E_NOMEM, "no memory to lock tables");
	}
	for (size_t i = 0; rc == RB_OK && i < parent_count; i++) {
		rc = rb_pg_table_name(PQgetvalue(parents, (int)i, 0),
		                      PQgetvalue(parents, (int)i, 1), &names[i], err);
		l.names[l.count++] = names[i];
	}
	for (size_t i = 0; rc == RB_OK && i < catalog->table_count; i++)
		if (catalog->tables[i].kind != RB_TABLE_SYSTEM)
			l.names[l.count++] = catalog->tables[i].name;
	if (rc == RB_OK && l.count > 0)
		rc = lock_names(&l, err);
	if (rc == RB_OK)
		rc = find_moved(conn, moved, err);
	for (size_t i = 0; names && i < parent_count; i++)
		free(names[i]);
	free(names);
	free(l.names);
	PQclear(parents);
	return rc;
}
