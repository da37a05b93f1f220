/*
 * See postgres_priv.h: a text that stays the same as long as nothing was written.
 *
 * A change that others can see needs a transaction with an id, and a snapshot says which ids are
 * over: all below xmax but those in its list.  Two snapshots of equal xmax and with nothing in
 * their lists see the same rows.  All databases of a server share these ids, so it has to be idle
 * as a whole, which a small application's server is at night.
 *
 * What changes without an id, and so is looked at by itself:
 *
 *	positions of sequences   nextval() within the 32 that it has logged: their values are part
 *	                         of the text
 *	unlogged tables          a crash empties them: with one there is no proof
 *	a crash                  transactions that had not reached the disk (synchronous_commit is
 *	                         off) are gone, and their ids are given again: the last checkpoint
 *is part of the text.  An idle server makes no other; a crash does another server           started
 *at another time
 *
 * A standby has ids of its own making: no proof.
 *
 * source: PostgreSQL, "Transaction ID and Snapshot Information Functions"; access/transam/varsup.c,
 * commands/sequence.c: nextval_internal(), do_setval(); checkpointer.c: an idle server skips them
 */
#include <stdlib.h>
#include <string.h>

#include "postgres_priv.h"

/* Who could not tell must be silent: NULL anywhere makes the whole text NULL. */
static const char statement[] =
        "SELECT CASE WHEN NOT pg_is_in_recovery()"
        " AND pg_snapshot_xmin(s.s) = pg_snapshot_xmax(s.s)"
        " AND NOT EXISTS (SELECT FROM pg_class WHERE relpersistence = 'u')"
        " THEN pg_snapshot_xmax(s.s)::text"
        " || ' ' || (SELECT oid FROM pg_database WHERE datname = current_database())"
        " || ' ' || extract(epoch FROM pg_postmaster_start_time())"
        " || ' ' || (SELECT redo_lsn FROM pg_control_checkpoint())"
        " || ' ' || (SELECT system_identifier FROM pg_control_system())"
        " || ' ' || (SELECT md5(coalesce(string_agg(schemaname || '.' || sequencename || ' '"
        " || coalesce(last_value::text, '-'), ',' ORDER BY schemaname, sequencename), ''))"
        " FROM pg_sequences) END"
        " FROM (SELECT pg_current_snapshot() AS s) AS s";

/* Functions that somebody took from PUBLIC, and servers before 13, which call them otherwise. */
static bool may_lack(const struct rb_pg_conn *conn)
{
	return rb_pg_state_is(conn, "42");
}

int rb_pg_fingerprint(struct rb_pg_conn *conn, struct rb_buf *out, struct rb_err *err)
{
	struct rb_err why = {0};
	char *text = NULL;
	int rc = rb_pg_exec(conn, "SAVEPOINT rowback_fingerprint", err);

	if (rc < 0)
		return rc;
	rc = rb_pg_get_text(conn, statement, &text, &why);
	if (rc == RB_OK)
		rc = rb_buf_addf(out, &why, "postgres 1 %s", text);
	else if (rc == RB_E_NOTFOUND || may_lack(conn))
		rc = RB_OK;
	free(text);
	if (rc < 0) {
		if (err)
			*err = why;
		return rc;
	}
	return rb_pg_exec(conn,
	                  "ROLLBACK TO SAVEPOINT rowback_fingerprint; "
	                  "RELEASE SAVEPOINT rowback_fingerprint",
	                  err);
}
