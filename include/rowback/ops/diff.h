/*
 * Differences between two snapshots, by table and by row.
 *
 * Layer: ops (3).  Uses: rowback/ops/snapshot.h, repo (trees).
 *
 * Only chunks that differ are read.  Rows are matched by key; those whose key has a NULL, and
 * those of tables without a key, by the whole row: they are inserted and deleted, but never
 * updated.
 */
#ifndef ROWBACK_OPS_DIFF_H
#define ROWBACK_OPS_DIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowback/format/message.h"
#include "rowback/ops/snapshot.h"

enum rb_row_op { RB_ROW_INSERT, RB_ROW_UPDATE, RB_ROW_DELETE };

/**
 * Called for each row that differs, in key order.
 *
 * old_row  NULL for an insert
 * new_row  NULL for a delete; both are parsed and valid during the call
 */
typedef int rb_row_diff_fn(void *ctx, enum rb_row_op op, const struct rb_row *old_row,
                           const struct rb_row *new_row, struct rb_err *err);

struct rb_row_counts {
	uint64_t inserted;
	uint64_t updated;
	uint64_t deleted;
};

/** Which table of which two snapshots; an index of -1: it is not there. */
struct rb_table_pair {
	const struct rb_snapshot *old_side;
	long old_table;
	const struct rb_snapshot *new_side;
	long new_table;
};

/** Whether rows of both sides can be matched: both are there and have the same key. */
bool rb_diff_same_key(const struct rb_table_pair *pair);

/**
 * Compare the rows of one table.
 *
 * skip_blobs  the callback needs no values that lie in files
 * fn          NULL: only count (a side that is not there is counted by its manifest)
 * counts      receives the numbers
 */
int rb_diff_rows(const struct rb_table_pair *pair, bool skip_blobs, rb_row_diff_fn *fn, void *ctx,
                 struct rb_row_counts *counts, struct rb_err *err) RB_MUST_CHECK;

/** A list of changes by table; release with rb_changes_release(). */
struct rb_changes {
	struct rb_table_change *items; /**< only tables that differ */
	size_t count;
	struct rb_row_counts total;
	size_t others; /**< indexes, views, triggers, definitions without rows, and settings */
};

/**
 * Compare two states of one source, appending what differs.  A table that could not be read
 * when one of them was made is passed over: nobody knows.
 *
 * old_side, new_side  NULL: the source is not there
 */
int rb_diff_snapshots(const struct rb_snapshot *old_side, const struct rb_snapshot *new_side,
                      struct rb_changes *out, struct rb_err *err) RB_MUST_CHECK;

/**
 * Compare two backups: all their sources, sorted by name.
 *
 * old_root  none: there was no backup before
 */
int rb_diff_roots(struct rb_repo *repo, const struct rb_oid *old_root,
                  const struct rb_oid *new_root, struct rb_changes *out,
                  struct rb_err *err) RB_MUST_CHECK;

/** The struct is empty afterwards. */
void rb_changes_release(struct rb_changes *changes);

#endif /* ROWBACK_OPS_DIFF_H */
