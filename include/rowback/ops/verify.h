/*
 * Verifying: the store itself, a drill, the live source.
 *
 * Layer: ops (3).
 */
#ifndef ROWBACK_OPS_VERIFY_H
#define ROWBACK_OPS_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowback/ops/diff.h"
#include "rowback/ops/history.h"
#include "rowback/ops/store.h"

struct rb_verify_opts {
	const char *spec;  /**< which backup; NULL: latest */
	int64_t at_unix_s; /**< or a point in time; 0 */
	bool all;          /**< every backup instead of one */
	bool fsck;         /**< let git look at every object first */
	bool drill;        /**< restore into a scratch database and compare */
	bool live;         /**< compare the live sources with the backup */
};

/** What was found wrong with one backup. */
struct rb_verify_problem {
	char *backup_id;
	char *what;
};

struct rb_verify_report {
	bool fsck_done;
	uint64_t backups; /**< whose rows were all read */
	uint64_t tables;
	uint64_t chunks;
	uint64_t rows;
	struct rb_verify_problem *problems;
	size_t problem_count;
	char backup_id[17]; /**< the newest one that was looked at */
	uint64_t drills;    /**< sources restored and compared */
	bool drill_passed;
	bool live_done;
	struct rb_changes live; /**< from the backup to the live sources */
	char **not_checked;     /**< clauses for people: what was left out, and why */
	size_t not_checked_count;
};

/**
 * Verify.
 *
 * returns 0 when everything that was asked for is right; RB_E_MISMATCH when problems were
 *         found (the report lists them) or the live source differs; other statuses when it
 *         could not be found out
 */
int rb_verify_run(struct rb_store *store, const struct rb_verify_opts *opts,
                  struct rb_verify_report *report, struct rb_err *err) RB_MUST_CHECK;

/** The struct is empty afterwards. */
void rb_verify_report_release(struct rb_verify_report *report);

#endif /* ROWBACK_OPS_VERIFY_H */
