/*
 * How much room a store takes, by what, and how it grows.
 *
 * Layer: ops (3).
 */
#ifndef ROWBACK_OPS_USAGE_H
#define ROWBACK_OPS_USAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowback/ops/history.h"
#include "rowback/ops/prune.h"
#include "rowback/ops/show.h"
#include "rowback/ops/store.h"
#include "rowback/repo/space.h"

/** An old history, and what it holds that the branch does not. */
struct rb_usage_trash {
	struct rb_trash trash;
	size_t backups;   /**< of it that are not on the branch any more */
	uint64_t bytes;   /**< that those take, about */
	bool bytes_known; /**< at least one of them says how many */
};

/** Release with rb_usage_report_release(). */
struct rb_usage_report {
	struct rb_space space;
	uint64_t objects;             /**< bytes of all objects: packs and loose ones */
	uint64_t warn_at;             /**< store.warnSize; 0: never */
	bool is_large;                /**< the objects are past it */
	size_t backups;               /**< in the store */
	struct rb_backup_list list;   /**< the newest ones */
	struct rb_show_table *tables; /**< of the newest backup, the largest first */
	size_t table_count;
	uint64_t rows;                /**< in all tables of it */
	uint64_t bytes;               /**< of all tables of it, as a working tree has them */
	struct rb_usage_trash *trash; /**< oldest first */
	size_t trash_count;
};

/**
 * Measure the store.
 *
 * newest_max  entries of the list
 * tables_max  tables at most
 */
int rb_usage_run(struct rb_store *store, size_t newest_max, size_t tables_max,
                 struct rb_usage_report *report, struct rb_err *err) RB_MUST_CHECK;

/** The struct is empty afterwards. */
void rb_usage_report_release(struct rb_usage_report *report);

/** Log a warning when the packs alone are past store.warnSize; one directory is looked at. */
void rb_usage_warn(struct rb_store *store);

/**
 * How much of the packs some backups take, about.  What a backup wrote (Backup-Bytes) shrinks
 * when maintenance puts packs together.
 *
 * bytes    that those backups wrote
 * written  that all wrote
 * packs    what lies in packs now
 */
uint64_t rb_usage_share(uint64_t bytes, uint64_t written, uint64_t packs);

#endif /* ROWBACK_OPS_USAGE_H */
