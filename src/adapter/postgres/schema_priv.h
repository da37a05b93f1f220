/*
 * What pg_dump says about a schema, and the objects of a catalog that are made of it.
 *
 * Layer: adapter (2), private to src/adapter/postgres.  Uses: libpq, rowback/base,
 * rowback/value, postgres_priv.h.
 *
 *	lex.c      SQL cut into tokens, as far as it takes to find where statements end
 *	schema.c   pg_dump's text cut into objects, and put together again as schema.sql
 *	dump.c     running pg_dump
 *	schema_read.c  the objects of a database that we are connected to
 *
 * An object's kind is pg_dump's, in lower case ("table", "fk constraint", "materialized
 * view", "acl"); one kind is ours: "owner", the statement that gives an object to a role.
 * Objects stand in pg_dump's order, which is one they can be made in.  A table's name is
 * that of its rb_table; the name of any other object is its schema's and what pg_dump calls
 * it, which includes the table of a constraint and the types of a function's arguments:
 *
 *	kind           name                          table
 *	table          public.orders                 public.orders
 *	owner          table public.orders           public.orders
 *	constraint     public.orders orders_pkey     public.orders
 *	function       public.total(integer, text)   public.total(integer, text)
 *	schema         shop                          shop
 */
#ifndef ROWBACK_ADAPTER_POSTGRES_SCHEMA_PRIV_H
#define ROWBACK_ADAPTER_POSTGRES_SCHEMA_PRIV_H

#include <stdbool.h>
#include <stddef.h>

#include "rowback/base/buf.h"
#include "rowback/base/err.h"
#include "rowback/value/schema.h"
#include "postgres_priv.h"

/** Bytes of schema that are read at most: 10,000 tables have about 10 MB. */
#define RB_PG_SCHEMA_MAX ((size_t)256 << 20)

/* lex.c */

enum rb_pg_token_kind {
	RB_PG_TOKEN_END,
	RB_PG_TOKEN_WORD,    /**< a keyword or a name, with its dots: SELECT, public."my table" */
	RB_PG_TOKEN_COMMENT, /**< -- to its line's end, or what psql takes: a line that begins with
	                        \ */
	RB_PG_TOKEN_OTHER,   /**< a text in quotes, a number, or one byte of punctuation */
};

/** A piece of a text, borrowed from it. */
struct rb_pg_token {
	enum rb_pg_token_kind kind;
	const char *text;
	size_t len;
};

/** A text that is being read.  { text, text + len, text } to begin. */
struct rb_pg_lexer {
	const char *begin;
	const char *end;
	const char *at;
};

/** The next token; RB_PG_TOKEN_END for good at the end.  A quote that is not closed ends there. */
struct rb_pg_token rb_pg_lex(struct rb_pg_lexer *lexer);

/** Move behind one part of a name, bare or in quotes, which must begin here. */
void rb_pg_lex_part(struct rb_pg_lexer *lexer);

/** Whether a token is this keyword, which pg_dump writes in upper case. */
bool rb_pg_token_is(const struct rb_pg_token *token, const char *keyword);

/**
 * Whether a text has a statement that would begin or end a transaction.  END closes the body of
 * a function, BEGIN ATOMIC ... END, too.
 */
bool rb_pg_ends_transaction(const char *sql);

/** Append a word, a name that SQL has, as rowback writes it: public."User" stays, "a" is a. */
int rb_pg_add_word(struct rb_buf *out, const struct rb_pg_token *word,
                   struct rb_err *err) RB_MUST_CHECK;

/* schema.c */

/**
 * Add the objects of a schema to a catalog.
 *
 * dump     what `pg_dump --schema-only` wrote; untrusted
 * returns  0; RB_E_FORMAT when it has no object that is told apart; RB_E_NOMEM
 */
int rb_pg_schema_split(const char *dump, size_t len, struct rb_catalog *catalog,
                       struct rb_err *err) RB_MUST_CHECK;

/** Append the script for psql: a catalog's objects. */
int rb_pg_schema_sql(const struct rb_catalog *catalog, struct rb_buf *out,
                     struct rb_err *err) RB_MUST_CHECK;

/** Whether objects of a kind are made after the rows: indexes, constraints, triggers. */
bool rb_pg_is_post_data(const char *kind);

/* dump.c */

/** What pg_dump is to write.  All is borrowed. */
struct rb_pg_dump_opts {
	const struct rb_pg_conn *conn;
	const char *snapshot;               /**< of pg_export_snapshot(); NULL: what is committed */
	const char *const *without_schemas; /**< as the server has them; NULL-terminated, or NULL */
	const char *const *without_tables;  /**< as rowback writes them: schema.table; likewise */
};

/**
 * Find a pg_dump that can read a server: the one in PATH, else the newest below a directory.
 *
 * root     "/usr/lib/postgresql": where versions are installed side by side, as ROOT/15/bin
 * major    the server's version: 15
 * out      its path, or "pg_dump", on the heap
 * returns  0; RB_E_UNSUPPORTED, with the package's name as a hint, when there is none, or only
 *          one older than the server; RB_E_CANCELLED; RB_E_NOMEM
 */
int rb_pg_dump_find(const char *root, int major, char **out, struct rb_err *err) RB_MUST_CHECK;

/** Append one option as libpq reads it, behind a blank: host='/run'; nothing for "" and NULL. */
int rb_pg_add_option(struct rb_buf *out, const char *keyword, const char *value,
                     struct rb_err *err) RB_MUST_CHECK;

/**
 * Append a connection as options for another program on this machine: host='/run' port='5432'.
 * Passwords are not among them.
 */
int rb_pg_dump_conninfo(const PQconninfoOption *options, const struct rb_pg_conn *conn,
                        struct rb_buf *out, struct rb_err *err) RB_MUST_CHECK;

/**
 * Run pg_dump, and append what it writes: the schema only.
 *
 * returns 0; as rb_pg_dump_find(); RB_E_UNREACHABLE when it fails; RB_E_LIMIT past
 *         RB_PG_SCHEMA_MAX; RB_E_CANCELLED
 * cost    about 0.2 s, and 1 s for every 1,000 tables
 */
int rb_pg_dump(const struct rb_pg_dump_opts *opts, struct rb_buf *out,
               struct rb_err *err) RB_MUST_CHECK;

/* schema_read.c */

/**
 * Add the objects of the database, as the snapshot of our transaction has them.
 *
 * catalog  its objects, and remarks about what this role may not read
 * returns  as rb_pg_dump()
 */
int rb_pg_read_objects(struct rb_pg_conn *conn, struct rb_catalog *catalog,
                       struct rb_err *err) RB_MUST_CHECK;

/* schema_views.c */

/** The kind of objects that fill a materialized view. */
#define RB_PG_VIEW_DATA "materialized view data"

/** Add an object to a catalog for each of its materialized views that has rows. */
int rb_pg_add_view_data(struct rb_pg_conn *conn, struct rb_catalog *catalog,
                        struct rb_err *err) RB_MUST_CHECK;

/* target_objects.c */

/** Copy the objects of a catalog, and foreign keys of its tables, into one that has no objects. */
int rb_pg_copy_objects(const struct rb_catalog *from, struct rb_catalog *to,
                       struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_ADAPTER_POSTGRES_SCHEMA_PRIV_H */
