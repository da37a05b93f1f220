/*
 * One backup: what it holds, how large it is, what changed against the one before.
 *
 * Layer: ops (3).
 */
#ifndef ROWBACK_OPS_SHOW_H
#define ROWBACK_OPS_SHOW_H

#include <stddef.h>
#include <stdint.h>

#include "rowback/ops/diff.h"
#include "rowback/ops/history.h"
#include "rowback/ops/store.h"

struct rb_show_table {
	char *source;
	char *table;
	uint64_t rows;
	uint64_t bytes; /**< of its files, as they lie in a working tree */
	uint64_t chunks;
};

/** A backup as `show` has it.  Release with rb_show_report_release(). */
struct rb_show_report {
	struct rb_backup_entry entry;
	char before_id[17];           /**< the backup it is compared with; "" for the first */
	char data_id[17];             /**< the backup whose data a quick one stands on; "" */
	struct rb_show_table *tables; /**< sorted by source and table */
	size_t table_count;
	uint64_t rows;
	uint64_t bytes;
	struct rb_changes changes;
};

/**
 * Describe a backup.
 *
 * spec, at_unix_s  as rb_history_find()
 */
int rb_show_run(struct rb_store *store, const char *spec, int64_t at_unix_s,
                struct rb_show_report *report, struct rb_err *err) RB_MUST_CHECK;

/**
 * Leave only some tables in a report.
 *
 * tables   names; NULL-terminated; NULL: all
 * returns  0; RB_E_NOTFOUND when neither the backup nor its changes have one of them
 */
int rb_show_only(struct rb_show_report *report, const char *const *tables,
                 struct rb_err *err) RB_MUST_CHECK;

/** The struct is empty afterwards. */
void rb_show_report_release(struct rb_show_report *report);

/** Receives one changed row. */
typedef int rb_show_row_fn(void *ctx, const char *source, const char *table, enum rb_row_op op,
                           const struct rb_row *old_row, const struct rb_row *new_row,
                           struct rb_err *err);

/**
 * Go through the rows that a backup changed against the one before, in the tables of the
 * report's changes.
 */
int rb_show_rows(struct rb_store *store, const struct rb_show_report *report, rb_show_row_fn *fn,
                 void *ctx, struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_OPS_SHOW_H */
