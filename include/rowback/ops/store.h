/*
 * A store that is open for an operation.
 *
 * Layer: ops (3).  Uses: repo, config, runtime.
 *
 *	struct rb_store store = {0};
 *	rc = rb_store_open(&opts, &store, err);
 *	...
 *	rb_store_close(&store);
 */
#ifndef ROWBACK_OPS_STORE_H
#define ROWBACK_OPS_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "rowback/config/config.h"
#include "rowback/repo/repo.h"
#include "rowback/runtime/lock.h"
#include "rowback/runtime/state.h"

/** The git notes that hold the outcome of drills. */
#define RB_NOTES_NAME "rowback"
#define RB_NOTES_REF "refs/notes/" RB_NOTES_NAME
/** Where safety backups of other databases than the source's own lie. */
#define RB_SAFETY_PREFIX "refs/rowback/safety/"
/** The record that a source was looked at and had not changed; the branch follows. */
#define RB_CHECK_PREFIX "refs/rowback/check/"

/** Backups that no prune takes away: the ref's last part is the id. */
#define RB_PIN_PREFIX "refs/rowback/pin/"
/** The histories before a prune, by the time of it; local only. */
#define RB_TRASH_PREFIX "refs/rowback/trash/"
/**
 * The branch as it was before its history was rewritten; there until the remote has the new
 * one, which may then replace what this ref holds, and nothing else.  Local only.
 */
#define RB_REPLACED_PREFIX "refs/rowback/replaced/"

struct rb_store_opts {
	const char *dir;         /**< in the store; NULL: the current directory */
	const char *config_file; /**< a file to read instead of the store's configuration; NULL */
	const char *command;     /**< takes the lock, as this command; NULL: only reads */
	int64_t lock_wait_ms;    /**< how long to wait for another operation */
};

struct rb_store {
	struct rb_repo *repo;
	struct rb_config config;
	struct rb_state *state;
	struct rb_lock *lock;
	char *branch_ref;   /**< "refs/heads/main" */
	char *tracking_ref; /**< "refs/remotes/origin/main": what the remote confirmed */
	char *check_ref;    /**< "refs/rowback/check/main" */
	char *replaced_ref; /**< "refs/rowback/replaced/main" */
	char *running_path; /**< is there while the working tree is being written */
	bool was_killed;    /**< an operation ended without taking it away */
};

/** returns 0; RB_E_NOSTORE; RB_E_LOCKED; RB_E_USAGE for the configuration; ... */
int rb_store_open(const struct rb_store_opts *opts, struct rb_store *out,
                  struct rb_err *err) RB_MUST_CHECK;

/** The struct is empty afterwards. */
void rb_store_close(struct rb_store *store);

/** Where it is: its working tree, or a bare one itself.  Lives as long as the store. */
const char *rb_store_dir(const struct rb_store *store);

/** Say that the working tree is about to be written. */
int rb_store_mark_running(struct rb_store *store, struct rb_err *err) RB_MUST_CHECK;

/** Say that the working tree is whole. */
void rb_store_mark_done(struct rb_store *store);

/** The newest backup's commit; none, with 0, before the first one. */
int rb_store_tip(struct rb_store *store, struct rb_oid *out, struct rb_err *err) RB_MUST_CHECK;

/** A commit's tree; none for none. */
int rb_store_tree_of(struct rb_store *store, const struct rb_oid *commit, struct rb_oid *out,
                     struct rb_err *err) RB_MUST_CHECK;

/** Threads besides the caller's for this store's pipelines. */
unsigned int rb_store_workers(const struct rb_store *store);

/**
 * Keep the store small and quick, within a budget of time: packs are put together when there
 * are many, trash whose time is over goes, and a store that is large is warned of.  Called after
 * the work is done and confirmed; what goes wrong is only logged.
 */
void rb_store_tidy(struct rb_store *store);

#endif /* ROWBACK_OPS_STORE_H */
