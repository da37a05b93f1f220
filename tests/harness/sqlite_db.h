/*
 * Databases for tests of the SQLite engine: made by SQL, looked at as text.
 *
 * Everything asserts by itself: a helper that returns has done what it says.
 */
#ifndef HARNESS_SQLITE_DB_H
#define HARNESS_SQLITE_DB_H

#include <stddef.h>

#include <sqlite3.h>

#include "rowback/adapter/adapter.h"

/** Open, or make, a database for writing. */
sqlite3 *db_open(const char *path);

/** Run statements. */
void db_exec(sqlite3 *db, const char *sql);

/** Close; fails when a statement is still alive. */
void db_close(sqlite3 *db);

/** Make a new database (an old one of this name goes, with its journals) and run statements. */
void db_make(const char *path, const char *sql);

/** Open "sqlite:" + path through the adapter, waiting for no lock. */
struct rb_source *source_open(const char *path);

/** The source's fingerprint, for free(). */
char *source_fingerprint(struct rb_source *source);

/** The source's catalog, for rb_catalog_free(). */
struct rb_catalog *source_catalog(struct rb_source *source);

/**
 * The rows of a table as text, for free(), one a line, values separated by '|':
 *
 *	NULL  7  1.5r  'text'  raw:ff00  x:blob
 *
 * Bytes below 20 and from 7F on are written \xHH in text.  Fails when keys do not come in
 * order, or repeat where they may not.
 */
char *source_rows(struct rb_source *source, const struct rb_table *table);

/** Open, read the rows of one table as source_rows() does, close. */
char *db_rows(const char *path, const char *table);

/** Fails unless the rows of a table are these. */
void assert_rows(const char *path, const char *table, const char *want);

/**
 * A catalog's tables as text, for free(), one a line:
 *
 *	name kind key(columns)[*] [options] columns ("note")
 *
 * '*' marks keys that may repeat; a column is name, ":type" when it has one, "!" when it
 * may not be NULL, "=virtual" or "=stored", "~collation".
 */
char *catalog_tables(const struct rb_catalog *catalog);

/** A catalog's remarks as text, for free(), one a line: "object: what", '!' when incomplete. */
char *catalog_remarks(const struct rb_catalog *catalog);

/** A catalog's objects as text, for free(), one a line: "kind name". */
char *catalog_objects(const struct rb_catalog *catalog);

/** Fails unless the database's tables and remarks are these; NULL: not looked at. */
void assert_catalog(const char *path, const char *want_tables, const char *want_remarks);

#endif /* HARNESS_SQLITE_DB_H */
