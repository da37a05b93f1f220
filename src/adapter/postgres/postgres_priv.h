/*
 * What the files of the PostgreSQL adapter share.
 *
 * Layer: adapter (2), private to src/adapter/postgres.  Uses: libpq, rowback/base,
 * rowback/value.
 *
 *	conn.c     opening, waiting, statements
 *	fail.c     what the server's failures mean
 *	url.c      what a URL says, without its secrets
 *	names.c    names and texts as SQL, and tables' names as rowback has them
 *
 * A struct rb_pg_conn is all that reading needs: a target is looked at as a source by its
 * own connection.
 *
 * Sessions are pinned when they are opened: texts are UTF-8 (but for a database of encoding
 * SQL_ASCII, whose bytes come as they are), times are in UTC and ISO, search_path is empty,
 * so that each name in an expression comes out with its schema, row_security is off, so that
 * a policy which would hide rows is an error, and time-outs of the server are off but for
 * that of locks.
 */
#ifndef ROWBACK_ADAPTER_POSTGRES_PRIV_H
#define ROWBACK_ADAPTER_POSTGRES_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libpq-fe.h>

#include "rowback/adapter/adapter.h"
#include "rowback/base/buf.h"
#include "rowback/base/err.h"
#include "rowback/value/schema.h"
#include "rowback/value/value.h"

/** Bytes of a statement at most: 1,600 columns with names of 63 bytes, several times. */
#define RB_PG_SQL_MAX ((size_t)16 << 20)

/** Bytes of an SQLSTATE, with a NUL. */
#define RB_PG_STATE_SIZE 6

/** A connection. */
struct rb_pg_conn {
	PGconn *pg;                   /**< NULL when closed */
	char *label;                  /**< "crm@db.example.com": for messages, without secrets */
	bool is_utf8;                 /**< the server keeps texts in UTF-8 */
	bool is_raw;                  /**< its encoding is SQL_ASCII: texts are any bytes */
	int64_t lock_timeout_ms;      /**< how long a statement waits for a lock; 0: for ever */
	bool is_stopping;             /**< the server was asked to stop what runs now */
	char state[RB_PG_STATE_SIZE]; /**< SQLSTATE of the failure seen last; "" for none */
};

/** How to open a connection. */
struct rb_pg_open_opts {
	const char *url;         /**< "postgres://...", or "postgres:service=crm" */
	const char *dbname;      /**< another database than the URL's; NULL: that */
	int64_t lock_timeout_ms; /**< as in struct rb_pg_conn */
	bool read_only;          /**< every transaction refuses to write */
};

/* url.c */

/**
 * Append a URL as libpq takes it: "postgres://..." as it is, "postgres:service=crm" without
 * its scheme.
 *
 * returns 0; RB_E_USAGE for what libpq cannot read: the message shows nothing of it
 */
int rb_pg_conninfo(const char *url, struct rb_buf *out, struct rb_err *err) RB_MUST_CHECK;

/** Append "dbname@host" of a connection, or of options that are to become one. */
int rb_pg_label(const PQconninfoOption *options, struct rb_buf *out,
                struct rb_err *err) RB_MUST_CHECK;

/** The value of an option; NULL when it is not there or empty.  Borrowed. */
const char *rb_pg_option(const PQconninfoOption *options, const char *keyword);

/* conn.c */

/**
 * Connect, and pin the session's settings.
 *
 * conn     zeroed by the caller; closed and zero again on failure, but for conn->state:
 *          "3D000" when there is no such database
 * returns  0; RB_E_UNREACHABLE; RB_E_AUTH; RB_E_USAGE; RB_E_CANCELLED; RB_E_UNSUPPORTED for
 *          a server before version 12
 */
int rb_pg_open(struct rb_pg_conn *conn, const struct rb_pg_open_opts *opts,
               struct rb_err *err) RB_MUST_CHECK;

/** Close: what was not committed is taken back.  A zeroed one is allowed. */
void rb_pg_close(struct rb_pg_conn *conn);

/**
 * Wait until the server sent something.  A signal that asks to stop is passed on to the
 * server, once; what it answers is an error then.
 *
 * returns 0; RB_E_UNREACHABLE when the connection broke; RB_E_CANCELLED when the server did
 *         not answer to that
 */
int rb_pg_wait(struct rb_pg_conn *conn, struct rb_err *err) RB_MUST_CHECK;

/**
 * Wait for the next result of what was sent by PQsendQuery().
 *
 * out  for PQclear(); NULL: there is none left
 */
int rb_pg_next(struct rb_pg_conn *conn, PGresult **out, struct rb_err *err) RB_MUST_CHECK;

/**
 * Throw away all results that are left, rows of a COPY included, after asking the server to
 * stop: the connection takes statements again.  Errors change nothing about that.
 */
void rb_pg_discard(struct rb_pg_conn *conn);

/**
 * Run statements whose rows are not wanted.
 *
 * returns 0; as rb_pg_fail(), for the first that fails: those after it were not run
 */
int rb_pg_exec(struct rb_pg_conn *conn, const char *sql, struct rb_err *err) RB_MUST_CHECK;

/**
 * Run statements; the rows are those of the last one.
 *
 * out      all of them in memory, as text; for PQclear()
 * returns  0; as rb_pg_fail()
 */
int rb_pg_query(struct rb_pg_conn *conn, const char *sql, PGresult **out,
                struct rb_err *err) RB_MUST_CHECK;

/** The only value of a statement, on the heap; RB_E_NOTFOUND without a row or for NULL. */
int rb_pg_get_text(struct rb_pg_conn *conn, const char *sql, char **out,
                   struct rb_err *err) RB_MUST_CHECK;

/** A field of a result as a C string; NULL for SQL NULL.  Borrowed. */
const char *rb_pg_field(const PGresult *result, int row, int column);

/** Whether a field is true. */
bool rb_pg_flag(const PGresult *result, int row, int column);

/** A field as an integer; 0 for NULL and for what is none. */
int64_t rb_pg_int(const PGresult *result, int row, int column);

/** A copy of a field on the heap; NULL in *out for SQL NULL. */
int rb_pg_copy_field(const PGresult *result, int row, int column, char **out,
                     struct rb_err *err) RB_MUST_CHECK;

/* fail.c */

/**
 * Record what failed, and remember its SQLSTATE in conn->state.
 *
 * result   the failed one; NULL: the connection's own failure
 * fmt      what could not be done, naming the object: "cannot read table 'x'"
 * returns  RB_E_CANCELLED when a signal asked to stop; RB_E_UNREACHABLE for a lost
 *          connection, locks, permission; RB_E_AUTH; RB_E_NOMEM; RB_E_LIMIT; RB_E_CONFLICT
 *          for constraints and deadlocks; RB_E_FORMAT for data the server refuses;
 *          RB_E_INCOMPLETE for damaged content; RB_E_UNSUPPORTED for what it does not know
 *          or refuses to do; RB_E_IO
 */
int rb_pg_fail(struct rb_pg_conn *conn, const PGresult *result, struct rb_err *err, const char *fmt,
               ...) RB_PRINTF(4, 5) RB_MUST_CHECK;

/** Whether the failure seen last is of this SQLSTATE, or of this class ("42"). */
bool rb_pg_state_is(const struct rb_pg_conn *conn, const char *state);

/* names.c */

/** Append a name as an SQL identifier, always quoted: a"b is written "a""b". */
int rb_pg_add_name(struct rb_buf *sql, const char *name, struct rb_err *err) RB_MUST_CHECK;

/** Append a text as an SQL literal (standard_conforming_strings is on): 'it''s'. */
int rb_pg_add_literal(struct rb_buf *sql, const char *text, struct rb_err *err) RB_MUST_CHECK;

/**
 * Append a name as rowback shows it: quoted when it is not of small letters, digits, '_'
 * and '$', or begins with a digit or '$'.
 */
int rb_pg_add_shown(struct rb_buf *out, const char *name, struct rb_err *err) RB_MUST_CHECK;

/**
 * A table's name in rowback, as in struct rb_table, on the heap: public.orders,
 * "My Schema"."a.b".
 */
int rb_pg_table_name(const char *schema, const char *relation, char **out,
                     struct rb_err *err) RB_MUST_CHECK;

/**
 * The two parts of such a name, each on the heap.
 *
 * returns 0; RB_E_FORMAT when it is none; RB_E_NOMEM
 */
int rb_pg_split_name(const char *name, char **schema, char **relation,
                     struct rb_err *err) RB_MUST_CHECK;

/** Append a table's name in rowback as SQL: both parts quoted. */
int rb_pg_add_table(struct rb_buf *sql, const char *name, struct rb_err *err) RB_MUST_CHECK;

/** Append the stored columns of a table, quoted, separated by ", ". */
int rb_pg_add_columns(struct rb_buf *sql, const struct rb_table *table,
                      struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_ADAPTER_POSTGRES_PRIV_H */
