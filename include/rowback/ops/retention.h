/*
 * Which backups stay: the rules of retention, applied to a list.
 *
 * Layer: ops (3).  Uses: config (the rules).  Pure: no file, no clock.
 *
 * Each kind is looked at by itself, and each rule by itself: what one rule keeps counts for the
 * others too.  keepLast N keeps the N newest.  keepDaily N goes from the newest backup to older
 * ones and keeps the newest of each day until it has N; a day without a backup does not count.
 * Hours, weeks (from Monday, as ISO 8601 numbers them), months and years likewise, all in UTC.
 * keepWithin D keeps what is at most D older than the newest of its kind: where no backups are
 * made any more, none goes away.  0 is a rule that keeps nothing.  A kind without any rule is
 * not touched.
 *
 * Whatever the rules say there stay: the newest backup of all, pinned ones, the newest one that
 * a drill has passed, and the keepMin newest full ones that are whole and on the remote.
 */
#ifndef ROWBACK_OPS_RETENTION_H
#define ROWBACK_OPS_RETENTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowback/config/config.h"

/** All the reasons that one backup can have, and a NUL. */
#define RB_RETENTION_WHY_SIZE 320

/** A backup, and what becomes of it. */
struct rb_retention_item {
	int64_t time_unix_s; /**< when it was taken */
	enum rb_kind kind;
	bool pinned;
	bool drilled;  /**< it was restored on trial and was right */
	bool way_back; /**< what the newest rollback, or the newest restore, can be undone by */
	bool pushed;   /**< the remote has it; true for all where no remote is configured */
	bool whole;    /**< no table of it is missing */
	/* Filled by rb_retention_apply(). */
	bool keep;
	char why[RB_RETENTION_WHY_SIZE]; /**< "last 3, daily 2026-11-19"; "" when it goes */
};

/**
 * Decide for each backup whether it stays, and why.
 *
 * rules  keep rules of a kind come before the general ones, one by one
 * items  newest first (of equal times any order, which decides); filled
 */
void rb_retention_apply(const struct rb_retention_config *rules, struct rb_retention_item *items,
                        size_t count);

/** The rules that hold for a kind: its own ones, and the general ones where it has none. */
struct rb_keep_rules rb_retention_rules(const struct rb_retention_config *rules, enum rb_kind kind);

/** Whether any rule of these is set. */
bool rb_retention_has_rule(const struct rb_keep_rules *rules);

/** "full", "quick", "safety". */
const char *rb_retention_kind_name(enum rb_kind kind);

/** The kind of this name; RB_KIND_FULL for NULL and for one that is not known. */
enum rb_kind rb_retention_kind(const char *name);

#endif /* ROWBACK_OPS_RETENTION_H */
