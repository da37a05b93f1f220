/*
 * What the files of the verification share.
 *
 * Layer: ops (3), private.
 */
#ifndef OPS_VERIFY_PRIV_H
#define OPS_VERIFY_PRIV_H

#include "rowback/ops/snapshot.h"
#include "rowback/ops/verify.h"

/** Add a problem; texts are copied. */
int rb_verify_problem(struct rb_verify_report *report, const char *backup_id, const char *what,
                      struct rb_err *err) RB_MUST_CHECK;

/** Say what was not looked at. */
int rb_verify_left_out(struct rb_verify_report *report, struct rb_err *err, const char *fmt, ...)
        RB_PRINTF(3, 4) RB_MUST_CHECK;

/* verify_layout.c */

struct rb_verify_layout;

/**
 * Hold a table's rows against the files that they lie in.  Free it also after a failure.
 *
 * table   borrowed
 * chunks  of the whole table
 */
int rb_verify_layout_new(const struct rb_table *table, const struct rb_chunk_list *chunks,
                         struct rb_verify_layout **out, struct rb_err *err) RB_MUST_CHECK;

/** The next row, parsed.  returns 0; RB_E_FORMAT for a file that should be there */
int rb_verify_layout_row(struct rb_verify_layout *layout, const struct rb_row *row,
                         struct rb_err *err) RB_MUST_CHECK;

/** No more rows.  returns 0; RB_E_FORMAT as well when there are too many files */
int rb_verify_layout_end(struct rb_verify_layout *layout, struct rb_err *err) RB_MUST_CHECK;

/** NULL is allowed. */
void rb_verify_layout_free(struct rb_verify_layout *layout);

/* verify_drill.c */

/**
 * Restore every source of a backup into a scratch database, export it again, compare; keep
 * the outcome as a note on the commit.
 */
int rb_verify_drill(struct rb_store *store, const struct rb_backup_entry *entry,
                    struct rb_verify_report *report, struct rb_err *err) RB_MUST_CHECK;

/** Compare the configured sources, as they are now, with a backup. */
int rb_verify_live(struct rb_store *store, const struct rb_backup_entry *entry,
                   struct rb_verify_report *report, struct rb_err *err) RB_MUST_CHECK;

#endif /* OPS_VERIFY_PRIV_H */
