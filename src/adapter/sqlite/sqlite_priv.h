/*
 * What the files of the SQLite adapter share.
 *
 * Layer: adapter (2), private to src/adapter/sqlite.  Uses: libsqlite3, rowback/base,
 * rowback/value.
 *
 *	sqlite.c       the table of functions
 *	types.c        names, values and keys between SQLite and rowback
 *	conn.c         opening, settings, errors
 *	vtab.c         CREATE VIRTUAL TABLE: module, arguments, where the rows are
 *	catalog.c      the schema as struct rb_catalog; columns.c: one table of it
 *	remarks.c      what it says about objects that are not as users would think
 *	schema.c       schema.sql
 *	source.c       source_*: the snapshot, rows in key order
 *	fingerprint.c  the proof that nothing was written
 *	target*.c      target_*
 *
 * A struct rb_sqlite_conn is all that reading needs: a target is looked at as a source
 * by giving its own connection to rb_sqlite_source_over().
 */
#ifndef ROWBACK_ADAPTER_SQLITE_PRIV_H
#define ROWBACK_ADAPTER_SQLITE_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "rowback/adapter/adapter.h"
#include "rowback/base/buf.h"
#include "rowback/base/err.h"
#include "rowback/value/schema.h"
#include "rowback/value/value.h"

/** Where a snapshot ends in the write-ahead log.  See fingerprint.c. */
struct rb_sqlite_wal {
	bool is_known;        /**< false: it could not be found out */
	uint32_t frames;      /**< committed frames; 0: the log is empty or there is none */
	uint32_t pages;       /**< pages of the database after the last of them */
	uint32_t checksum[2]; /**< over all frames up to the last */
	uint32_t salt[2];     /**< new for each generation of the log */
};

/** An open database.  SQLite holds pointers to it: it must not move while it is open. */
struct rb_sqlite_conn {
	sqlite3 *db;              /**< NULL when closed */
	char *path;               /**< as the URL has it, for messages */
	int encoding;             /**< SQLITE_UTF8, SQLITE_UTF16LE or SQLITE_UTF16BE */
	int64_t busy_timeout_ms;  /**< how long to wait for a lock */
	int64_t busy_since_ms;    /**< when the wait now going on began (monotonic) */
	struct rb_buf key;        /**< scratch of rowback_key() */
	struct rb_buf text;       /**< likewise */
	struct rb_sqlite_wal wal; /**< of the snapshot that rb_sqlite_begin_read() took */
	char *malformed;          /**< what is wrong with the schema, parts of which are read */
};

/** What a connection is for. */
enum rb_sqlite_mode {
	RB_SQLITE_READ,   /**< never writes: query_only, defensive, no triggers */
	RB_SQLITE_BESIDE, /**< likewise, while this process writes it, and without any lock */
	RB_SQLITE_WRITE,  /**< an existing database */
	RB_SQLITE_NEW,    /**< a file nobody else knows of */
	RB_SQLITE_MEMORY, /**< an empty one in memory, in place of one that is not there */
};

/* conn.c */

/**
 * The path in a "sqlite:" URL, as written: nothing is decoded.
 *
 * "sqlite:app.db", "sqlite:/srv/app.db" and "sqlite:///srv/app.db" are understood.
 *
 * path     receives a pointer into url
 * returns  0; RB_E_USAGE when it is empty or names a host
 */
int rb_sqlite_url_path(const char *url, const char **path, struct rb_err *err) RB_MUST_CHECK;

/**
 * Open a database with everything rowback needs set: time-out and cancelling, bounded
 * memory, no triggers, collations in place of missing ones, rowback_key().
 *
 * No transaction is begun and nothing is read yet, except in mode READ, where the header
 * must be readable.  In that mode a schema in which definitions are malformed is read as far
 * as it goes: conn->malformed says so.
 *
 * conn     zeroed by the caller
 * returns  0; RB_E_UNREACHABLE with a hint; RB_E_NOMEM
 */
int rb_sqlite_open(struct rb_sqlite_conn *conn, const char *path, enum rb_sqlite_mode mode,
                   int64_t busy_timeout_ms, struct rb_err *err) RB_MUST_CHECK;

/** Close; statements must be finalized.  The struct is zero then; a zeroed one is allowed. */
void rb_sqlite_close(struct rb_sqlite_conn *conn);

/** Read the encoding again: after PRAGMA encoding on a database that was empty. */
int rb_sqlite_read_encoding(struct rb_sqlite_conn *conn, struct rb_err *err) RB_MUST_CHECK;

/**
 * Record what SQLite reported last on this connection.
 *
 * code     the result that was seen (SQLITE_BUSY ...)
 * fmt      what could not be done, naming the object: "cannot read table 'x'"
 * returns  RB_E_CANCELLED when a signal asked to stop; RB_E_NOMEM; RB_E_INCOMPLETE for
 *          damaged content (SQLITE_CORRUPT, a failing disk); RB_E_UNREACHABLE for locks,
 *          permission, no database; RB_E_LIMIT; RB_E_CONFLICT for a constraint; RB_E_IO
 */
int rb_sqlite_fail(struct rb_sqlite_conn *conn, int code, struct rb_err *err, const char *fmt, ...)
        RB_PRINTF(4, 5) RB_MUST_CHECK;

/** Whether every SQLite has this collation. */
bool rb_sqlite_is_builtin_collation(const char *name);

/**
 * Stand in for a collation of the application's by the order of bytes, so that statements
 * which name it compile: a callback for sqlite3_collation_needed().
 */
void rb_sqlite_add_collation(void *ctx, sqlite3 *db, int text_form, const char *name);

/** Run statements that give no rows.  returns as rb_sqlite_fail() */
int rb_sqlite_exec(struct rb_sqlite_conn *conn, const char *sql, struct rb_err *err) RB_MUST_CHECK;

/** Prepare one statement; sql need not be UTF-8.  returns as rb_sqlite_fail() */
int rb_sqlite_prepare(struct rb_sqlite_conn *conn, const char *sql, sqlite3_stmt **out,
                      struct rb_err *err) RB_MUST_CHECK;

/**
 * The first column of a statement's first row, as an integer.
 *
 * returns 0; RB_E_NOTFOUND when it gives no row; as rb_sqlite_fail()
 */
int rb_sqlite_get_int(struct rb_sqlite_conn *conn, const char *sql, int64_t *out,
                      struct rb_err *err) RB_MUST_CHECK;

/** Likewise as text, on the heap. */
int rb_sqlite_get_text(struct rb_sqlite_conn *conn, const char *sql, char **out,
                       struct rb_err *err) RB_MUST_CHECK;

/* target_vfs.c */

/** SQLite's files, written and read in large pieces. */
#define RB_SQLITE_VFS_NEW "rowback-new"

/** Likewise, and without locks. */
#define RB_SQLITE_VFS_BESIDE "rowback-beside"

/** Make them known to SQLite. */
void rb_sqlite_vfs_add(void);

/* types.c */

/** Append a name as an SQL identifier: a"b is written "a""b". */
int rb_sqlite_add_name(struct rb_buf *sql, const char *name, struct rb_err *err) RB_MUST_CHECK;

/** Append a text as an SQL literal: it's is written 'it''s'. */
int rb_sqlite_add_literal(struct rb_buf *sql, const char *text, struct rb_err *err) RB_MUST_CHECK;

/**
 * A name for the implicit rowid that no column hides: "rowid", "_rowid_" or "oid".
 *
 * returns NULL when columns have all three names
 */
const char *rb_sqlite_rowid_name(const struct rb_table *table);

/**
 * Append one column of a table as SQL refers to it: its quoted name, or the name of the
 * implicit rowid.
 */
int rb_sqlite_add_column(struct rb_buf *sql, const struct rb_table *table, size_t column,
                         struct rb_err *err) RB_MUST_CHECK;

/** Append the stored columns, separated by ", ", in the order of a row's values. */
int rb_sqlite_add_columns(struct rb_buf *sql, const struct rb_table *table,
                          struct rb_err *err) RB_MUST_CHECK;

/**
 * Bind a value to a parameter.
 *
 * index    1 is the first
 * value    its bytes must stay until the statement is stepped and reset (SQLITE_STATIC)
 * returns  0; RB_E_LIMIT; RB_E_UNSUPPORTED for a kind SQLite has not (BOOL, NUMBER, a
 *          NaN), and for text that is not well-formed UTF-16 where the way through a
 *          parameter would change it: an odd number of bytes, or a byte order mark first
 */
int rb_sqlite_bind(struct rb_sqlite_conn *conn, sqlite3_stmt *stmt, int index,
                   const struct rb_value *value, struct rb_err *err) RB_MUST_CHECK;

/** The values of one row of a statement. */
struct rb_sqlite_row {
	const struct rb_sqlite_conn *conn;
	sqlite3_stmt *stmt;
	struct rb_value *values; /**< one for each column of the statement */
	size_t count;
	struct rb_buf text; /**< UTF-8 forms of this row's UTF-16 texts */
};

/** Prepare to read rows of a statement.  Both are borrowed for the row's life. */
int rb_sqlite_row_init(struct rb_sqlite_row *row, const struct rb_sqlite_conn *conn,
                       sqlite3_stmt *stmt, struct rb_err *err) RB_MUST_CHECK;

/**
 * Take the values of the row the statement stands on, exactly as they are stored.  They
 * live until the next step.
 *
 * cost  no allocation for a row in a UTF-8 database
 */
int rb_sqlite_row_get(struct rb_sqlite_row *row, struct rb_err *err) RB_MUST_CHECK;

/** Free what rb_sqlite_row_init() made.  A zeroed row is allowed. */
void rb_sqlite_row_release(struct rb_sqlite_row *row);

/**
 * Make rowback_key(...) and rowback_zero(...) known to SQL.
 *
 * rowback_key  the key (value/key.h) of its arguments, a blob
 * rowback_zero a blob with a byte for each argument: 0 for -0.0, else 1; it orders rows
 *              whose keys are equal
 */
int rb_sqlite_add_functions(struct rb_sqlite_conn *conn, struct rb_err *err) RB_MUST_CHECK;

/* vtab.c */

/** A stretch of SQL. */
struct rb_sqlite_token {
	const char *at;
	size_t len; /**< 0: the end of the text */
};

/** The next token: a quoted one, a word or number, or one byte.  *p moves past it. */
struct rb_sqlite_token rb_sqlite_next_token(const char **p);

/** Whether a token is this word, unquoted, in any case. */
bool rb_sqlite_is_keyword(struct rb_sqlite_token token, const char *word);

/** A copy of a token on the heap, its quotes removed; NULL without memory. */
char *rb_sqlite_unquote(struct rb_sqlite_token token);

/** What a virtual table is made of, as its DDL says. */
enum rb_sqlite_vtab_kind {
	RB_SQLITE_VTAB_FTS5,
	RB_SQLITE_VTAB_FTS4,    /**< fts3 and fts4 */
	RB_SQLITE_VTAB_RTREE,   /**< rtree and rtree_i32: the first column is the key */
	RB_SQLITE_VTAB_GEOPOLY, /**< an implicit rowid and its columns */
	RB_SQLITE_VTAB_OTHER,   /**< any other module */
};

/** Where a full-text table has its rows. */
enum rb_sqlite_content {
	RB_SQLITE_CONTENT_OWN,      /**< in its shadow tables: it can be read as a table */
	RB_SQLITE_CONTENT_EXTERNAL, /**< in another table: no rows of its own, rebuilt from it */
	RB_SQLITE_CONTENT_NONE,     /**< nowhere: only the index is kept, in its shadow tables */
};

struct rb_sqlite_vtab {
	char *module; /**< as written, quotes removed */
	enum rb_sqlite_vtab_kind kind;
	enum rb_sqlite_content content;
	char *content_table; /**< the other table, for CONTENT_EXTERNAL; else NULL */
	char *languageid;    /**< fts4's languageid= column, or NULL */
};

/**
 * Read a CREATE VIRTUAL TABLE statement as sqlite_schema has it.
 *
 * returns 0; RB_E_FORMAT when it is none; RB_E_NOMEM
 */
int rb_sqlite_vtab_parse(const char *sql, struct rb_sqlite_vtab *out,
                         struct rb_err *err) RB_MUST_CHECK;

/** Free what rb_sqlite_vtab_parse() made; the struct is zero afterwards. */
void rb_sqlite_vtab_release(struct rb_sqlite_vtab *vtab);

/** Whether `name` is the name of a shadow table that virtual table `owner` has. */
bool rb_sqlite_vtab_owns(const struct rb_sqlite_vtab *vtab, const char *owner, const char *name);

/* columns.c */

/** A row of PRAGMA table_list. */
struct rb_sqlite_listing {
	char *name;
	char *type; /**< "table", "view", "virtual", "shadow" */
	bool without_rowid;
	bool strict;
};

/** Fill a table from what SQLite knows of an ordinary one.  out is zeroed by the caller. */
int rb_sqlite_table_load(struct rb_sqlite_conn *conn, const struct rb_sqlite_listing *listing,
                         struct rb_table *out, struct rb_err *err) RB_MUST_CHECK;

/**
 * Likewise from a virtual table that is kept through its own interface.
 *
 * returns as rb_sqlite_fail() when the module does not open it
 */
int rb_sqlite_vtab_load(struct rb_sqlite_conn *conn, const struct rb_sqlite_listing *listing,
                        const struct rb_sqlite_vtab *vtab, struct rb_table *out,
                        struct rb_err *err) RB_MUST_CHECK;

/**
 * Whether a table's rows are stored in the order of its key: the key is its rowid, implicit
 * or as INTEGER PRIMARY KEY.
 */
int rb_sqlite_is_rowid_ordered(struct rb_sqlite_conn *conn, const struct rb_table *table, bool *out,
                               struct rb_err *err) RB_MUST_CHECK;

/** Prepare "PRAGMA main.pragma(name)". */
int rb_sqlite_pragma(struct rb_sqlite_conn *conn, const char *pragma, const char *name,
                     sqlite3_stmt **out, struct rb_err *err) RB_MUST_CHECK;

/** A column's text on the heap, NULL when it is NULL. */
int rb_sqlite_copy_text(sqlite3_stmt *stmt, int column, char **out,
                        struct rb_err *err) RB_MUST_CHECK;

/** How many rows a statement gives; it is reset. */
int rb_sqlite_count_rows(struct rb_sqlite_conn *conn, sqlite3_stmt *stmt, size_t *out,
                         struct rb_err *err) RB_MUST_CHECK;

/**
 * Step a statement.
 *
 * returns 1 for a row, 0 at the end, as rb_sqlite_fail()
 */
int rb_sqlite_step(struct rb_sqlite_conn *conn, sqlite3_stmt *stmt,
                   struct rb_err *err) RB_MUST_CHECK;

/* remarks.c */

/** Say once for each object that a collation it uses is the application's own. */
int rb_sqlite_remark_collations(struct rb_sqlite_conn *conn, struct rb_catalog *catalog,
                                struct rb_err *err) RB_MUST_CHECK;

/**
 * Name what a malformed schema (conn->malformed) keeps from being read: SQLite's first
 * complaint, which may be about any object, and each table that it passed over.
 *
 * catalog  its objects are sorted
 * returns  0; RB_E_UNREACHABLE when two objects have one kind and name
 */
int rb_sqlite_remark_malformed(struct rb_sqlite_conn *conn, struct rb_catalog *catalog,
                               const struct rb_sqlite_listing *listings, size_t count,
                               struct rb_err *err) RB_MUST_CHECK;

/* catalog.c, schema.c, source.c, fingerprint.c: source_* over a connection */

/** adapter.h source_catalog(); inside a transaction. */
int rb_sqlite_catalog(struct rb_sqlite_conn *conn, struct rb_catalog **out,
                      struct rb_err *err) RB_MUST_CHECK;

/** adapter.h source_schema_sql(): a pure function of the catalog. */
int rb_sqlite_schema_sql(const struct rb_catalog *catalog, struct rb_buf *out,
                         struct rb_err *err) RB_MUST_CHECK;

/** adapter.h source_read(). */
int rb_sqlite_read(struct rb_sqlite_conn *conn, const struct rb_table *table,
                   const struct rb_row_sink *sink, struct rb_err *err) RB_MUST_CHECK;

/**
 * Begin a transaction that sees one state of the database until it ends, and note which.
 *
 * returns 0; as rb_sqlite_fail(), with damage reported as RB_E_UNREACHABLE
 */
int rb_sqlite_begin_read(struct rb_sqlite_conn *conn, struct rb_err *err) RB_MUST_CHECK;

/**
 * adapter.h source_fingerprint(): to be called after rb_sqlite_begin_read(), or in a
 * transaction that holds the lock for writing and has written nothing yet.
 */
int rb_sqlite_fingerprint(struct rb_sqlite_conn *conn, struct rb_buf *out,
                          struct rb_err *err) RB_MUST_CHECK;

/* target*.c: target_* (see target_priv.h) */

int rb_sqlite_target_open(const struct rb_target_opts *opts, struct rb_target **out,
                          struct rb_err *err) RB_MUST_CHECK;
void rb_sqlite_target_close(struct rb_target *base);
bool rb_sqlite_target_is_empty(struct rb_target *base);
struct rb_source *rb_sqlite_target_source(struct rb_target *base);
int rb_sqlite_target_begin(struct rb_target *base, const char *fingerprint,
                           struct rb_err *err) RB_MUST_CHECK;
int rb_sqlite_target_schema(struct rb_target *base, enum rb_schema_step which,
                            const struct rb_catalog *catalog, const char *const *only,
                            struct rb_catalog *remarks, struct rb_err *err) RB_MUST_CHECK;
int rb_sqlite_target_table_begin(struct rb_target *base, const struct rb_table *table,
                                 struct rb_err *err) RB_MUST_CHECK;
int rb_sqlite_target_insert(struct rb_target *base, const struct rb_value *values,
                            struct rb_err *err) RB_MUST_CHECK;
int rb_sqlite_target_insert_rows(struct rb_target *base, const struct rb_value *values,
                                 size_t count, struct rb_err *err) RB_MUST_CHECK;
int rb_sqlite_target_delete(struct rb_target *base, const struct rb_value *values,
                            struct rb_err *err) RB_MUST_CHECK;
int rb_sqlite_target_keep(struct rb_target *base, const struct rb_table *table,
                          const struct rb_table *live, struct rb_err *err) RB_MUST_CHECK;
int rb_sqlite_target_give_back(struct rb_target *base, struct rb_err *err) RB_MUST_CHECK;
int rb_sqlite_target_table_end(struct rb_target *base, struct rb_err *err) RB_MUST_CHECK;
int rb_sqlite_target_check(struct rb_target *base, struct rb_catalog *problems,
                           struct rb_err *err) RB_MUST_CHECK;
int rb_sqlite_target_reader(struct rb_target *base, struct rb_source **out,
                            struct rb_err *err) RB_MUST_CHECK;
int rb_sqlite_target_expose(struct rb_target *base, struct rb_buf *url,
                            struct rb_err *err) RB_MUST_CHECK;
int rb_sqlite_target_commit(struct rb_target *base, struct rb_err *err) RB_MUST_CHECK;

/** A source: a connection of its own, or a target's. */
struct rb_sqlite_source {
	struct rb_source base;
	struct rb_sqlite_conn *conn; /**< &own, or borrowed from a target */
	struct rb_sqlite_conn own;   /**< zero for a target's */
};

/** Make *source a view of a target's connection; it needs no closing. */
void rb_sqlite_source_over(struct rb_sqlite_source *source, struct rb_sqlite_conn *conn);

int rb_sqlite_source_open(const struct rb_open_opts *opts, struct rb_source **out,
                          struct rb_err *err) RB_MUST_CHECK;

/** Likewise by path: mode READ or BESIDE. */
int rb_sqlite_source_open_path(const char *path, enum rb_sqlite_mode mode, int64_t busy_timeout_ms,
                               struct rb_source **out, struct rb_err *err) RB_MUST_CHECK;
void rb_sqlite_source_close(struct rb_source *source);
int rb_sqlite_source_fingerprint(struct rb_source *source, struct rb_buf *out,
                                 struct rb_err *err) RB_MUST_CHECK;
int rb_sqlite_source_catalog(struct rb_source *source, struct rb_catalog **out,
                             struct rb_err *err) RB_MUST_CHECK;
int rb_sqlite_source_schema_sql(struct rb_source *source, const struct rb_catalog *catalog,
                                struct rb_buf *out, struct rb_err *err) RB_MUST_CHECK;
int rb_sqlite_source_read(struct rb_source *source, const struct rb_table *table,
                          const struct rb_row_sink *sink, struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_ADAPTER_SQLITE_PRIV_H */
