/*
 * Taking backups out of the history: by rule, one by one, and putting them back.
 *
 * Layer: ops (3).  Uses: repo (rewrite, remote), rowback/ops/retention.h.
 *
 * The history is rewritten without the commits that go (rowback/repo/rewrite.h): trees, dates,
 * messages and so the ids of backups stay.  The order of a prune, so that a crash at any point
 * leaves one history or the other, whole, and the next run goes on:
 *
 *	 1. the remote is brought up to date and asked; what it refuses ends it here
 *	 2. new commits and notes in one pack, durable
 *	 3. refs/rowback/trash/<time> keeps the old history, refs/rowback/replaced/<branch> says
 *	    what a push may replace
 *	 4. notes, which serve both histories; then the branch (compare and swap)
 *	 5. pins, the record of the last check, safety backups aside of the branch
 *	 6. the event; then the push, with a lease on what the remote said it has
 *	 7. the remote confirmed it: the replaced ref goes
 *
 * A remote that refuses brings the old history back.  A run that was killed after 4 is finished
 * by the next push.  The working tree and git's index are not touched: the newest tree stays.
 */
#ifndef ROWBACK_OPS_PRUNE_H
#define ROWBACK_OPS_PRUNE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowback/ops/history.h"
#include "rowback/ops/push.h"
#include "rowback/ops/retention.h"
#include "rowback/ops/store.h"

/** What to take out. */
struct rb_prune_opts {
	const struct rb_retention_config *rules; /**< borrowed */
	bool confirmed; /**< do it; else it is only found out what would be done */
	bool push;      /**< bring it to the remote, which must be reachable then */
};

/** What stays and what goes, and how it went.  Release with rb_prune_report_release(). */
struct rb_prune_report {
	struct rb_backup_list list;      /**< what is on the branch, newest first */
	struct rb_retention_item *items; /**< one for each entry of the list */
	size_t removed;                  /**< backups that go, or went */
	uint64_t bytes;                  /**< that those take in the store, about */
	bool bytes_known;                /**< at least one of them says how many */
	bool done;
	size_t rewritten; /**< commits that have a new name */
	char trash[17];   /**< the name of what keeps the old history; "" */
	struct rb_push_report push;
	bool pushed; /**< confirmed by the remote */
};

/**
 * Take out what the rules do not keep.
 *
 * report  filled as far as it came, also on failure
 * returns 0, also when nothing goes; RB_E_USAGE when there is no rule for any kind;
 *         RB_E_NOSTORE when there is no backup yet; as rb_push_run(), nothing being changed then
 */
int rb_prune_run(struct rb_store *store, const struct rb_prune_opts *opts,
                 struct rb_prune_report *report, struct rb_err *err) RB_MUST_CHECK;

/**
 * Take out one backup.
 *
 * spec    as rb_history_find()
 * opts    of its rules only keep_min counts
 * returns as rb_prune_run(); RB_E_USAGE for a backup that is pinned, the newest one, the newest
 *         one that was drilled, or needed for the floor
 */
int rb_prune_delete(struct rb_store *store, const char *spec, const struct rb_prune_opts *opts,
                    struct rb_prune_report *report, struct rb_err *err) RB_MUST_CHECK;

/** How taking a prune back went.  Release with rb_undo_report_release(). */
struct rb_undo_report {
	char trash[17];    /**< what was, or would be, put back: the time of that prune */
	size_t back;       /**< backups that are there again */
	size_t moved;      /**< newer backups, which now lie on top of them */
	struct rb_oid tip; /**< the branch afterwards */
	bool done;
	struct rb_push_report push;
	bool pushed;
};

/**
 * Put back what the newest prune that was not taken back took out.
 *
 * opts    its rules are not looked at
 * returns 0; RB_E_NOSTORE when no prune is left to take back; RB_E_CONFLICT when the history was
 *         rewritten by somebody else since; as rb_push_run()
 */
int rb_prune_undo(struct rb_store *store, const struct rb_prune_opts *opts,
                  struct rb_undo_report *report, struct rb_err *err) RB_MUST_CHECK;

/** The structs are empty afterwards. */
void rb_prune_report_release(struct rb_prune_report *report);
void rb_undo_report_release(struct rb_undo_report *report);

/** An old history that is still kept. */
struct rb_trash {
	char id[17];            /**< when it was replaced */
	struct rb_oid tip;      /**< its newest commit */
	int64_t expires_unix_s; /**< when it goes */
};

/** Call fn with each of them, oldest first; what is in the branch's own history is no trash. */
int rb_trash_each(struct rb_store *store,
                  int (*fn)(void *ctx, const struct rb_trash *trash, struct rb_err *err), void *ctx,
                  struct rb_err *err) RB_MUST_CHECK;

/**
 * Let go what was kept for longer than retention.trash, and get back the space that nothing
 * needs any more.  Objects younger than gc.pruneExpire (two weeks) stay, as git has it.
 *
 * timeout_ms  for git's work; what is not done by then is done another day
 */
int rb_trash_expire(struct rb_store *store, int64_t timeout_ms, struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_OPS_PRUNE_H */
