/*
 * What the files of the PostgreSQL adapter share.
 *
 * Layer: adapter (2), private to src/adapter/postgres.  Uses: libpq, rowback/base,
 * rowback/value.
 *
 *	postgres.c the table of functions
 *	conn.c     opening, waiting, statements
 *	fail.c     what the server's failures mean
 *	url.c      what a URL says, without its secrets
 *	names.c    names and texts as SQL, and tables' names as rowback has them
 *	types.c    which form a type's values have; texts of the server as values
 *	copy_read.c  lines of COPY ... TO STDOUT as rows
 *	order.c    key order as SQL
 *	schemas.c  which schemas are looked at
 *	catalog.c  tables as struct rb_catalog; columns.c: columns and keys of all of them
 *	snapshot.c the transaction that reads, and its locks
 *	fingerprint.c  a proof that nothing was written
 *	system.c   sequences and large objects as tables
 *	source.c   source_*: rows of a table
 *	groups.c   digests of groups of rows, and some of the rows
 *
 * A struct rb_pg_conn is all that reading needs: a target is looked at as a source by its
 * own connection.
 *
 * Sessions are pinned, a source's in its transaction, so that a pooler which gives each
 * transaction another session does no harm, and a target's when it is opened: texts are UTF-8 (but
 *for a database of encoding SQL_ASCII, whose bytes come as they are), times are in UTC and ISO,
 *search_path is empty, so that each name in an expression comes out with its schema, row_security
 *is off, so that a policy which would hide rows is an error, and time-outs of the server are off
 *but for that of locks.
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
#include "rowback/base/map.h"
#include "rowback/value/schema.h"
#include "rowback/value/value.h"

/** Bytes of a statement at most: 1,600 columns with names of 63 bytes, several times. */
#define RB_PG_SQL_MAX ((size_t)16 << 20)

/** Bytes of an SQLSTATE, with a NUL. */
#define RB_PG_STATE_SIZE 6

/** A connection. */
struct rb_pg_conn {
	PGconn *pg;                      /**< NULL when closed */
	char *label;                     /**< "crm@db.example.com": for messages, without secrets */
	bool is_utf8;                    /**< the server keeps texts in UTF-8 */
	bool is_raw;                     /**< its encoding is SQL_ASCII: texts are any bytes */
	bool quotes_all;                 /**< a new session would quote all names in definitions */
	bool read_only;                  /**< it was opened so */
	int64_t lock_timeout_ms;         /**< how long a statement waits for a lock; 0: for ever */
	struct rb_schema_choice schemas; /**< as it was opened with */
	bool borrows;                    /**< conditions and unlocked are another connection's */
	bool cleans_up;                  /**< as it was opened: signals do not stop it */
	bool is_stopping;                /**< the server was asked to stop what runs now */
	struct rb_map *conditions;       /**< see rb_pg_condition(): by table, a char *; or NULL */
	struct rb_map *unlocked; /**< tables that others held when rb_pg_lock() came; or NULL */
	char state[RB_PG_STATE_SIZE]; /**< SQLSTATE of the failure seen last; "" for none */
};

/** How to open a connection. */
struct rb_pg_open_opts {
	const char *url;         /**< "postgres://...", or "postgres:service=crm" */
	const char *dbname;      /**< another database than the URL's; NULL: that */
	int64_t lock_timeout_ms; /**< as in struct rb_pg_conn */
	bool read_only;          /**< for rb_pg_begin() */
	struct rb_schema_choice schemas;
	bool cleans_up; /**< it takes back what was done: a signal that asks to stop is late */
};

/* url.c */

/**
 * Append a URL as libpq takes it: "postgres://..." as it is, "postgres:service=crm" without
 * its scheme.
 *
 * returns 0; RB_E_USAGE for what libpq cannot read: the message shows nothing of it
 */
int rb_pg_conninfo(const char *url, struct rb_buf *out, struct rb_err *err) RB_MUST_CHECK;

/** adapter.h url_has_secret(): a password, or a key's passphrase. */
bool rb_pg_url_has_secret(const char *url);

/** Append "dbname@host" of a connection, or of options that are to become one. */
int rb_pg_label(const PQconninfoOption *options, struct rb_buf *out,
                struct rb_err *err) RB_MUST_CHECK;

/** The value of an option; NULL when it is not there or empty.  Borrowed. */
const char *rb_pg_option(const PQconninfoOption *options, const char *keyword);

/* conn.c */

/**
 * Connect; pin the session's settings unless it is read_only: rb_pg_begin() does it then.
 *
 * conn     zeroed by the caller; closed and zero again on failure, but for conn->state:
 *          "3D000" when there is no such database
 * returns  0; RB_E_UNREACHABLE; RB_E_AUTH; RB_E_USAGE; RB_E_CANCELLED; RB_E_UNSUPPORTED for
 *          a server before version 12
 */
int rb_pg_open(struct rb_pg_conn *conn, const struct rb_pg_open_opts *opts,
               struct rb_err *err) RB_MUST_CHECK;

/** Set all that decides how values are written: see above. */
int rb_pg_pin(struct rb_pg_conn *conn, struct rb_err *err) RB_MUST_CHECK;

/** Forget what rb_pg_catalog() noted in the connection. */
void rb_pg_forget(struct rb_pg_conn *conn);

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

/** Send statements; their results come by rb_pg_next(). */
int rb_pg_send(struct rb_pg_conn *conn, const char *sql, struct rb_err *err) RB_MUST_CHECK;

/**
 * Wait for the next result of what was sent.
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

/* types.c */

/** The form (struct rb_column) of a type that is no domain, by its OID. */
const char *rb_pg_form(int64_t type_oid);

/**
 * Make a value of a text that the server wrote.
 *
 * form  of its column
 * text  NUL after len bytes; is overwritten where the value needs room, and holds its bytes
 *       from then on
 * returns 0; RB_E_FORMAT when it is none of the form's
 */
int rb_pg_value(const char *form, char *text, size_t len, struct rb_value *out,
                struct rb_err *err) RB_MUST_CHECK;

/* copy_read.c */

/**
 * Take a line of COPY in text format apart.
 *
 * line    with or without its '\n', NUL behind it; is overwritten, and holds the values' bytes
 * forms   of its columns
 * values  receives one for each
 * returns 0; RB_E_FORMAT for what COPY does not write
 */
int rb_pg_copy_line(char *line, size_t len, const char *const *forms, size_t count,
                    struct rb_value *values, struct rb_err *err) RB_MUST_CHECK;

/* order.c */

/**
 * Append what stands behind ORDER BY, so that rows come in the order of rb_key_compare(), and
 * those of equal keys in the order of docs/format.md; nothing for a table without columns.
 */
int rb_pg_add_order(const struct rb_pg_conn *conn, const struct rb_table *table, struct rb_buf *sql,
                    struct rb_err *err) RB_MUST_CHECK;

/* snapshot.c */

/**
 * Begin a transaction that sees one state of the database until it ends, and writes nothing;
 * one that is open ends before.
 */
int rb_pg_begin(struct rb_pg_conn *conn, struct rb_err *err) RB_MUST_CHECK;

/** Begin one that sees what another connection's transaction sees, which must be open. */
int rb_pg_begin_as(struct rb_pg_conn *conn, struct rb_pg_conn *other,
                   struct rb_err *err) RB_MUST_CHECK;

/**
 * Lock all tables of a catalog, and partitioned ones, against changes of their definition, as far
 * as that can be had within the time-out.
 *
 * moved    set when a table was truncated or made anew between the snapshot and its lock
 * returns  0, also when some could not be locked: those that others hold are in
 *          conn->unlocked, of the rest rb_pg_read() will say why
 */
int rb_pg_lock(struct rb_pg_conn *conn, const struct rb_catalog *catalog, bool *moved,
               struct rb_err *err) RB_MUST_CHECK;

/**
 * Append "LOCK TABLE ...; SELECT ...": take a table's lock, and give true when its rows are
 * those of the snapshot still.
 */
int rb_pg_add_lock(struct rb_buf *sql, const char *table, struct rb_err *err) RB_MUST_CHECK;

/* fingerprint.c */

/**
 * Append a text that is equal as long as nothing was written to the server; nothing when that
 * cannot be proved.  Inside the snapshot.
 */
int rb_pg_fingerprint(struct rb_pg_conn *conn, struct rb_buf *out,
                      struct rb_err *err) RB_MUST_CHECK;

/* schemas.c */

/** Names; zero it to begin. */
struct rb_pg_names {
	char **list;
	size_t count;
};

void rb_pg_names_release(struct rb_pg_names *names);

bool rb_pg_names_have(const struct rb_pg_names *names, const char *name);

/** Schemas of users' that are left out, by the connection's choice; sorted. */
int rb_pg_left_out(struct rb_pg_conn *conn, struct rb_pg_names *out,
                   struct rb_err *err) RB_MUST_CHECK;

/**
 * Append a condition on n.nspname: the schemas that are read.
 *
 * names  receives those that rb_pg_left_out() gives, as they are shown, with ", " between; NULL:
 *        not wanted
 */
int rb_pg_add_schemas(struct rb_pg_conn *conn, struct rb_buf *sql, struct rb_buf *names,
                      struct rb_err *err) RB_MUST_CHECK;

/* catalog.c */

/**
 * Which rows of a table are users' ("WHERE ..."): an extension may say so of its own tables.
 *
 * returns  "" for all; borrowed.  Known after rb_pg_catalog()
 */
const char *rb_pg_condition(const struct rb_pg_conn *conn, const char *table);

/** adapter.h source_catalog(): inside a transaction, without a new one. */
int rb_pg_catalog(struct rb_pg_conn *conn, struct rb_catalog **out,
                  struct rb_err *err) RB_MUST_CHECK;

/** A catalog in the making. */
struct rb_pg_builder {
	struct rb_pg_conn *conn;
	struct rb_catalog *catalog;
	struct rb_map *tables; /**< by OID as text: where in catalog->tables, a size_t */
	struct rb_buf where;   /**< "n.nspname NOT IN (...)": schemas that are ours to read */
};

/** The table of an OID as a result has it; NULL when it is none of the catalog's. */
struct rb_table *rb_pg_table_of(const struct rb_pg_builder *b, const char *oid);

/* columns.c */

/** Fill in columns, keys and foreign keys of all tables: a statement for each kind. */
int rb_pg_load_columns(struct rb_pg_builder *b, struct rb_err *err) RB_MUST_CHECK;
int rb_pg_load_keys(struct rb_pg_builder *b, struct rb_err *err) RB_MUST_CHECK;
int rb_pg_load_foreign_keys(struct rb_pg_builder *b, struct rb_err *err) RB_MUST_CHECK;

/* system.c */

/** Sequences as a table: sequence TEXT (as a table's name), last_value INT, is_called BOOL. */
#define RB_PG_SEQUENCES "pg_catalog.pg_sequence"

/** Large objects as a table: loid INT, pageno INT, data BLOB, RB_PG_LO_PAGE bytes a page. */
#define RB_PG_LARGE_OBJECTS "pg_catalog.pg_largeobject"

/**
 * Bytes in a page of a large object but its last: one so long becomes a file named by its
 * hash.  An empty large object has one empty page.
 */
#define RB_PG_LO_PAGE ((int64_t)1 << 20)

/** Make a table of the engine's own, named as above.  out is zeroed by the caller. */
int rb_pg_system_table(const char *name, struct rb_table *out, struct rb_err *err) RB_MUST_CHECK;

/** Statements that read such a table, one after the other, in key order. */
struct rb_pg_statements {
	char **list;
	size_t count;
};

/** What reads a table of the engine's own now; for rb_pg_statements_release(). */
int rb_pg_system_statements(struct rb_pg_conn *conn, const char *name, struct rb_pg_statements *out,
                            struct rb_err *err) RB_MUST_CHECK;

/** Free the statements; the struct is zero afterwards. */
void rb_pg_statements_release(struct rb_pg_statements *statements);

/** Whether there are any sequences that are kept. */
int rb_pg_has_sequences(struct rb_pg_conn *conn, bool *out, struct rb_err *err) RB_MUST_CHECK;

/* groups.c */

/** Something else of a table than all of its rows. */
struct rb_pg_part {
	const struct rb_group_sink *groups; /**< digests, for this one; NULL: rows */
	const struct rb_row_range *ranges;  /**< which rows */
	size_t range_count;
};

/**
 * Append what reads a part.
 *
 * settings  statements that come before, inside of the savepoint
 * select    what stands in COPY (...) TO STDOUT
 */
int rb_pg_add_part(const struct rb_pg_conn *conn, const struct rb_table *table,
                   const struct rb_pg_part *part, struct rb_buf *settings, struct rb_buf *select,
                   struct rb_err *err) RB_MUST_CHECK;

/** Give on a line of COPY that holds a group. */
int rb_pg_take_group(const char *line, size_t len, const struct rb_group_sink *sink,
                     struct rb_err *err) RB_MUST_CHECK;

/**
 * Append a row's text as the server makes it of ROW(...)::text, in UTF-8 as COPY sends it:
 * (1,"a ""b""",,"") with nothing for NULL.
 *
 * line   of COPY in text format, with or without its '\n'; stays as it is
 * count  its columns
 */
int rb_pg_add_record(const char *line, size_t len, size_t count, struct rb_buf *out,
                     struct rb_err *err) RB_MUST_CHECK;

int rb_pg_source_groups_form(struct rb_source *source, struct rb_buf *out, bool *is_near,
                             struct rb_err *err) RB_MUST_CHECK;
int rb_pg_source_groups(struct rb_source *source, const struct rb_table *table,
                        const struct rb_group_sink *sink, struct rb_err *err) RB_MUST_CHECK;
int rb_pg_source_read_ranges(struct rb_source *source, const struct rb_table *table,
                             const struct rb_row_range *ranges, size_t count,
                             const struct rb_row_sink *sink, struct rb_err *err) RB_MUST_CHECK;

/* source.c */

/** adapter.h source_read(); with a part, source_groups() (sink is NULL) or source_read_ranges(). */
int rb_pg_read(struct rb_pg_conn *conn, const struct rb_table *table, const struct rb_pg_part *part,
               const struct rb_row_sink *sink, struct rb_err *err) RB_MUST_CHECK;

/** A source: a connection of its own, or a target's. */
struct rb_pg_source {
	struct rb_source base;
	struct rb_pg_conn *conn; /**< &own, or borrowed from a target */
	struct rb_pg_conn own;   /**< zero for a target's */
	char *url;               /**< of own, for others that share its snapshot */
	const struct rb_catalog
	        *objects; /**< of a target, as far as it has come; NULL: ask pg_dump */
};

/** Make *source a view of a target's connection, in its transaction; it needs no closing. */
void rb_pg_source_over(struct rb_pg_source *source, struct rb_pg_conn *conn);

int rb_pg_source_open(const struct rb_open_opts *opts, struct rb_source **out,
                      struct rb_err *err) RB_MUST_CHECK;
void rb_pg_source_close(struct rb_source *source);
int rb_pg_source_fingerprint(struct rb_source *source, struct rb_buf *out,
                             struct rb_err *err) RB_MUST_CHECK;
int rb_pg_source_share(struct rb_source *source, struct rb_source **out,
                       struct rb_err *err) RB_MUST_CHECK;
int rb_pg_source_catalog(struct rb_source *source, struct rb_catalog **out,
                         struct rb_err *err) RB_MUST_CHECK;
int rb_pg_source_schema_sql(struct rb_source *source, const struct rb_catalog *catalog,
                            struct rb_buf *out, struct rb_err *err) RB_MUST_CHECK;
int rb_pg_source_read(struct rb_source *source, const struct rb_table *table,
                      const struct rb_row_sink *sink, struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_ADAPTER_POSTGRES_PRIV_H */
