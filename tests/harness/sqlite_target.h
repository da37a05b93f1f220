/*
 * One target at a time, for tests: a directory with two databases, and calls that must work.
 *
 * What returns no status asserts by itself.
 */
#ifndef HARNESS_SQLITE_TARGET_H
#define HARNESS_SQLITE_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "rowback/adapter/adapter.h"

/**
 * Go into a directory of the test's own, with from.db (what is to be restored) and to.db
 * (content that goes) in it.
 */
int target_set_up(void **state);

/** Leave and remove the directory; faults are off again. */
int target_tear_down(void **state);

/** Fails unless the directory holds these files: "a b c". */
void assert_files(const char *want);

/** Fails with err's message unless rc is RB_OK. */
void must(int rc, const struct rb_err *err);

/** Call target_open() for "sqlite:" + path. */
int try_target(const char *path, bool create, bool dry_run, struct rb_target **out,
               struct rb_err *err);

/** Call target_begin(). */
int begin_target(struct rb_target *target, const char *fingerprint, struct rb_err *err);

/** Begin writing rows of a table as the target itself has it; a catalog for end_table(). */
struct rb_catalog *begin_table(struct rb_target *target, const char *name);

/** End writing rows. */
void end_table(struct rb_target *target, struct rb_catalog *catalog);

/** Do RB_SCHEMA_AFTER for what the target has; nothing may be remarked. */
void make_rest(struct rb_target *target);

/** Commit and close. */
void commit_target(struct rb_target *target);

/** Values. */
struct rb_value an_int(int64_t i);
struct rb_value a_real(double r);
struct rb_value a_text(const char *text);
struct rb_value a_null(void);

#endif /* HARNESS_SQLITE_TARGET_H */
