/*
 * Rolling back: the application's code and data become what a backup says.
 *
 * Layer: ops (3).  Uses: repo (the application repository), rowback/ops/restore.h, backup.h,
 * event.h.
 *
 *	1. checks, the plan, the question: nothing is changed so far
 *	2. a safety backup of the data, with the code's commit, is made and pushed; a ref in the
 *	   application repository keeps that commit
 *	3. the code's branch moves here, with the files where it is checked out
 *	4. the data is restored, each source in a transaction of its own, verified
 *	5. the branch is pushed, and read back
 *	6. the command that deploys is run
 *	7. an event in the history says so, and is pushed
 *
 * A step that fails, or a signal, takes back the steps before it.  What was begun is written
 * into <git dir>/rowback/rollback.json before each step, so that a rollback that was killed can
 * be taken back, too.
 */
#ifndef ROWBACK_OPS_ROLLBACK_H
#define ROWBACK_OPS_ROLLBACK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "rowback/ops/restore.h"
#include "rowback/ops/store.h"
#include "rowback/repo/app.h"

/** What happens to the code. */
enum rb_rollback_code {
	RB_CODE_STAYS,   /**< it takes no part, or is there already */
	RB_CODE_COMMIT,  /**< a new commit restores the tree */
	RB_CODE_FORWARD, /**< the commit lies ahead: the branch moves on to it */
	RB_CODE_RESET,   /**< the branch is set back */
};

/** One source of the data. */
struct rb_rollback_source {
	char *name;
	struct rb_restore_report report; /**< the plan of its restore */
};

/** What a rollback will do. */
struct rb_rollback_plan {
	bool is_undo;       /**< a rollback is taken back */
	bool is_unfinished; /**< and that one was broken off in the middle */
	char backup_id[17]; /**< whose data and code are wanted */
	char *kind;         /**< of that backup */
	char *begun;        /**< when the rollback that is taken back was made; NULL */
	enum rb_rollback_code code;
	bool code_configured;               /**< [app] is set */
	char *app_dir;                      /**< where it is worked on; NULL: no code */
	char *branch;                       /**< of the code */
	char *remote;                       /**< where the code is pushed to; NULL: nowhere */
	struct rb_app_commit from;          /**< what the branch is at */
	struct rb_app_commit to;            /**< what is wanted */
	size_t commits_undone;              /**< commits that `from` has and `to` has not */
	struct rb_rollback_source *sources; /**< that are restored */
	size_t source_count;
	const char *run; /**< the command; NULL */
	char *name;      /**< what the second question asks for */
};

/** The parts of a rollback. */
enum rb_rollback_part {
	RB_PART_DATA,
	RB_PART_CODE,
	RB_PART_REMOTE,
	RB_PART_COMMAND,
	RB_PART_COUNT,
};

/** What state a part is in. */
enum rb_part_state {
	RB_PART_NONE,   /**< takes no part */
	RB_PART_AS_WAS, /**< not changed */
	RB_PART_DONE,   /**< rolled back */
	RB_PART_BACK,   /**< was changed, and is as it was again */
	RB_PART_STUCK,  /**< could not be put back */
};

struct rb_part {
	enum rb_part_state state;
	char *detail;  /**< for people: what it is at, or why; NULL */
	char *by_hand; /**< the command that finishes it; NULL */
};

/** How a rollback went.  Release with rb_rollback_report_release(). */
struct rb_rollback_report {
	struct rb_rollback_plan plan;
	bool declined;
	bool nothing;       /**< everything is as wanted already */
	bool done;          /**< it was carried out */
	bool taken_back;    /**< a step failed, and those before it were undone */
	char safety_id[17]; /**< the backup that holds what was there before; "" */
	bool safety_pushed;
	bool recorded;      /**< the event is in the history */
	bool record_pushed; /**< and on the remote */
	struct rb_part parts[RB_PART_COUNT];
	size_t stuck; /**< parts that could not be put back */
};

struct rb_rollback_opts {
	const char *spec; /**< which backup; needed unless undo */
	bool undo;        /**< take back the newest rollback */
	bool reset;       /**< set the branch back, instead of a new commit */
	bool code_only;
	bool deployed; /**< the code goes to what was deployed then, not to what it was here */
	bool data_only;
	const char *const *sources; /**< names; NULL-terminated; NULL: all that the backup has */
	bool dry_run;               /**< plan only */
	mode_t umask;               /**< of the code's files and of the command */
	/** Asked with the plan before anything is written; NULL: yes. */
	bool (*confirm)(void *ctx, const struct rb_rollback_plan *plan);
	/** Called with each line that the command, git and hooks print; NULL. */
	void (*on_line)(void *ctx, const char *line);
	void *ctx;
};

/**
 * Roll back, or take a rollback back.
 *
 * report  filled as far as it came, also on failure
 * returns 0, also when declined, planned only, or nothing differed; before anything was
 *         changed: RB_E_NOSTORE, RB_E_USAGE, RB_E_CONFLICT (the code or an unfinished rollback is
 *         in the way), RB_E_LOCKED (somebody is at work in the application repository),
 *         RB_E_REJECTED (its remote is elsewhere), RB_E_SAFETY; what the step that failed
 *         returned, the steps before it taken back, see report->parts.  RB_E_REJECTED with
 *         report->done: only the record of it was not pushed.
 */
int rb_rollback_run(struct rb_store *store, const struct rb_rollback_opts *opts,
                    struct rb_rollback_report *report, struct rb_err *err) RB_MUST_CHECK;

/** The struct is empty afterwards. */
void rb_rollback_report_release(struct rb_rollback_report *report);

/**
 * A rollback that was broken off in this store: one line for people, "a rollback to backup
 * 20261120T155800Z was begun 2026-11-20T16:01:00Z and broken off while the data was restored".
 *
 * out     for free(); NULL when there is none
 * returns 0; RB_E_FORMAT when the record of it cannot be read; RB_E_IO
 */
int rb_rollback_unfinished(struct rb_store *store, char **out, struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_OPS_ROLLBACK_H */
