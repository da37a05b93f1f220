/*
 * What the files of the rollback share.
 *
 *	rollback.c          the order of things; the report
 *	rollback_plan.c     which backup, which commit; all that is checked before
 *	rollback_steps.c    what is done, step by step, and recorded at the end
 *	rollback_back.c     taking back what was begun
 *	rollback_journal.c  what was begun, in a file
 *
 * Layer: ops (3), private.
 */
#ifndef OPS_ROLLBACK_PRIV_H
#define OPS_ROLLBACK_PRIV_H

#include <stdint.h>

#include "rowback/ops/rollback.h"

/** How far it came: the step that was begun. */
enum rb_rollback_step {
	RB_STEP_BEGUN, /**< the safety backup is made, nothing is changed */
	RB_STEP_CODE,
	RB_STEP_DATA,
	RB_STEP_PUSH,
	RB_STEP_COMMAND,
};

/**
 * What was begun: <git dir>/rowback/rollback.json.
 *
 *	{
 *	  "version": 1,
 *	  "begun": "2026-11-20T16:01:00Z",
 *	  "step": "data",
 *	  "undo": false,
 *	  "backup": "20261120T155800Z",
 *	  "safety": "20261120T160058Z",
 *	  "keep": "20261120T160058Z",
 *	  "code": "commit",
 *	  "branch": "master",
 *	  "remote": "origin",
 *	  "code_before": "5f1c...",
 *	  "code_after": "77ab...",
 *	  "code_back": "",
 *	  "sources": ["app"]
 *	}
 */
struct rb_rollback_journal {
	int64_t begun_unix_s;
	enum rb_rollback_step step;
	bool is_undo;
	char backup[17];
	char safety[17]; /**< to which the data goes back */
	char keep[17];   /**< under which name the former commit is kept */
	enum rb_rollback_code code;
	char *branch;                 /**< NULL: no code */
	char *remote;                 /**< NULL: not pushed */
	char before[RB_APP_OID_SIZE]; /**< the branch, "" without code */
	char after[RB_APP_OID_SIZE];
	char back[RB_APP_OID_SIZE]; /**< the commit that takes a pushed one back; "" */
	char **sources;             /**< that are restored */
	size_t source_count;
};

/** One rollback. */
struct rb_rollback {
	struct rb_store *store;
	const struct rb_rollback_opts *opts;
	struct rb_rollback_report *report;
	struct rb_app_state app;   /**< what the branch was at first */
	struct rb_app_place place; /**< dir NULL: no code */
	struct rb_rollback_journal journal;
	char *journal_path;
};

/* rollback_journal.c */

/** Read the journal.  returns 0; RB_E_NOTFOUND when there is none; RB_E_FORMAT; RB_E_IO */
int rb_rollback_journal_read(const char *path, struct rb_rollback_journal *out,
                             struct rb_err *err) RB_MUST_CHECK;

/** Write it durably, with this step: called before the step is begun. */
int rb_rollback_journal_write(struct rb_rollback *rollback, enum rb_rollback_step step,
                              struct rb_err *err) RB_MUST_CHECK;

/** All is as it should be: remove it, durably. */
int rb_rollback_journal_remove(struct rb_rollback *rollback, struct rb_err *err) RB_MUST_CHECK;

/** The struct is empty afterwards. */
void rb_rollback_journal_release(struct rb_rollback_journal *journal);

/** What was being done at a step: "while the data was restored". */
const char *rb_rollback_step_words(enum rb_rollback_step step);

/* rollback_plan.c */

/** Find out what a rollback, or the undo of a whole one, will do, and whether it can. */
int rb_rollback_plan(struct rb_rollback *rollback, struct rb_err *err) RB_MUST_CHECK;

/** Likewise for taking back what the journal says was begun. */
int rb_rollback_plan_unfinished(struct rb_rollback *rollback, struct rb_err *err) RB_MUST_CHECK;

/* rollback_steps.c */

/** The safety backup.  returns 0; RB_E_SAFETY */
int rb_rollback_safety(struct rb_rollback *rollback, struct rb_err *err) RB_MUST_CHECK;

/** Everything that changes something, and the parts' states. */
int rb_rollback_steps(struct rb_rollback *rollback, struct rb_err *err) RB_MUST_CHECK;

/** What the branch is at after the steps; "" without code. */
const char *rb_rollback_code_now(const struct rb_rollback *rollback);

/**
 * Write the event "rollback" or "undo", and push it.  A failure takes nothing back.
 *
 * now  what the branch is at; as at first, or "", when the code did not move
 */
int rb_rollback_record(struct rb_rollback *rollback, const char *now,
                       struct rb_err *err) RB_MUST_CHECK;

/** Run the command for a commit of the code; "" without code. */
int rb_rollback_command(struct rb_rollback *rollback, const char *commit, const char *backup_id,
                        struct rb_err *err) RB_MUST_CHECK;

/** Restore a source's own database from a backup. */
int rb_rollback_restore(struct rb_rollback *rollback, const char *backup_id, const char *source,
                        struct rb_restore_report *report, struct rb_err *err) RB_MUST_CHECK;

/** Say what state a part is in; by_hand and the detail may be NULL. */
void rb_rollback_part(struct rb_rollback *rollback, enum rb_rollback_part part,
                      enum rb_part_state state, const char *by_hand, const char *fmt, ...)
        RB_PRINTF(5, 6);

/* rollback_back.c */

/**
 * Take back what the journal says was begun, as far as that can be: every part is tried.  Also
 * after a signal.
 *
 * returns 0 when all is as it was before (the journal is gone then); else the first failure,
 *         the parts that are stuck being in the report, and the journal staying
 */
int rb_rollback_take_back(struct rb_rollback *rollback, struct rb_err *err) RB_MUST_CHECK;

#endif /* OPS_ROLLBACK_PRIV_H */
