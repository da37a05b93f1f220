/*
 * A deploy with a way back: gate, backup, command, backup.
 *
 * Layer: ops (3).  Uses: rowback/ops/gate.h, rowback/ops/backup.h, rowback/base/foreground.h.
 *
 *	 1. the gate; where a backup is missing it is taken and pushed.  One that is there may be
 *	    old, or of other code: then another is taken, so that going back loses nothing
 *	 2. the command runs; the store is not locked, so it may itself push or call rowback
 *	 3. a second backup, labelled with the outcome, is taken and pushed
 *	 4. where gate.maxRemovedRows says how much may go, the two are compared
 */
#ifndef ROWBACK_OPS_DEPLOY_H
#define ROWBACK_OPS_DEPLOY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "rowback/base/foreground.h"
#include "rowback/ops/gate.h"

/** What to do.  Everything is borrowed for the call. */
struct rb_deploy_opts {
	struct rb_store_opts where; /**< command is what the lock is taken as */
	int require;                /**< as in struct rb_gate_opts */
	int64_t max_age_s;          /**< likewise; when given, a backup of that age will do */
	const char *label;          /**< of the backups, before the outcome; NULL */
	char *const *argv;          /**< the command; NULL-terminated */
	mode_t umask;               /**< the command's */
	bool stdout_to_stderr;      /**< its standard output is not ours to give away */
	bool dry_run;               /**< only ask the gate */
};

/** How it went.  Release with rb_deploy_report_release(). */
struct rb_deploy_report {
	struct rb_gate_report gate;         /**< id: the backup before */
	bool would_take_backup;             /**< dry run: it refuses, and a backup would mend it */
	bool would_look_first;              /**< dry run: a backup is taken if anything changed */
	bool did_run;                       /**< the command was started */
	struct rb_foreground_result result; /**< of the command */
	int64_t duration_ms;                /**< likewise */
	char *label;                        /**< of the second backup; dry run: as after success */
	char after[17];                     /**< its id; "": there is none */
	bool after_pushed;                  /**< the remote has it */
	char *after_error;                  /**< why there is none, or it is not pushed; NULL */
	bool has_effect;                    /**< the two were compared */
	struct rb_effect effect;
	char *rollback; /**< the command that goes back; NULL: nothing was run */
};

/**
 * Deploy.
 *
 * report  filled as far as it came
 * returns 0 when all went well, and for a dry run; RB_E_GATE: refused before (did_run false) or
 *         because of its effect; RB_E_NOTFOUND, RB_E_IO when the command could not be started, or
 *         when it failed (did_run true: result says how); the status of a second backup that
 *         failed, when the command did not; as rb_gate_run()
 */
int rb_deploy_run(const struct rb_deploy_opts *opts, struct rb_deploy_report *report,
                  struct rb_err *err) RB_MUST_CHECK;

/** The struct is empty afterwards. */
void rb_deploy_report_release(struct rb_deploy_report *report);

#endif /* ROWBACK_OPS_DEPLOY_H */
