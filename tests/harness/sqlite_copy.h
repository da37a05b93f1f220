/*
 * Restoring SQLite databases in tests, and comparing them by SQLite alone.
 *
 * Helpers without `err` assert by themselves.
 */
#ifndef HARNESS_SQLITE_COPY_H
#define HARNESS_SQLITE_COPY_H

#include <stdbool.h>

#include "rowback/adapter/adapter.h"

/** Open "sqlite:" + path as a target, waiting 50 ms for locks. */
struct rb_target *target_open(const char *path, bool create);

/** An empty catalog that receives remarks, for rb_catalog_free(). */
struct rb_catalog *new_remarks(void);

/**
 * Do what a restore of everything does, up to the commit: drop what the target has, make
 * and fill the tables, make the rest, check.
 *
 * remarks  receives remarks, or NULL
 */
int fill_target(struct rb_target *target, struct rb_source *source,
                const struct rb_catalog *catalog, struct rb_catalog *remarks, struct rb_err *err);

/** Copy the rows of one table. */
int copy_rows(struct rb_target *target, struct rb_source *source, const struct rb_table *table,
              struct rb_err *err);

/**
 * Restore a database from another one: open, begin, fill_target(), compare with the source
 * through the target's own connection, commit, close.
 */
int copy_database(const char *from, const char *to, struct rb_catalog *remarks, struct rb_err *err);

/** A database as text, for free(): schema, settings, every value with its storage class. */
char *dump_database(const char *path);

/** Fails unless both databases have the same dump_database(). */
void assert_same_database(const char *a, const char *b);

/** Files and directories in a directory, as "a b c" in order, for free(). */
char *list_directory(const char *path);

#endif /* HARNESS_SQLITE_COPY_H */
