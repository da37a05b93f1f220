/*
 * The repository of the application that is deployed: what it is at, and moving it.
 *
 * Layer: repo (1).  Uses: the git program, in an environment rid of GIT_DIR and its like.
 *
 * It is somebody's own repository of any kind (linked worktree, shallow, SHA-256, bare), so it
 * is asked and changed through git alone, never by our own writers.
 */
#ifndef ROWBACK_REPO_APP_H
#define ROWBACK_REPO_APP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "rowback/base/err.h"

/** Bytes of an object's name there: SHA-256 in hex, and a NUL. */
#define RB_APP_OID_SIZE 65

/** What the application repository is at.  Release with rb_app_state_release(). */
struct rb_app_state {
	char commit[RB_APP_OID_SIZE]; /**< of the branch */
	/**
	 * What the remote's branch was when it was pushed or fetched last, which is what runs
	 * where a push deploys; "" when there is none.
	 */
	char deployed[RB_APP_OID_SIZE];
	char *branch;        /**< "master" */
	char *subject;       /**< the commit's first line */
	bool is_clean;       /**< no change in the working tree; bare is clean */
	bool is_checked_out; /**< HEAD is that branch, and there is a working tree */
};

/**
 * Look at the application repository.
 *
 * path    its directory; "~/..." is the user's home
 * branch  the branch that is deployed
 * remote  where it is pushed to; NULL: where git would push it, or "origin"
 * returns 0; RB_E_NOTFOUND when there is no repository, no such branch or no commit on it, with
 *         a hint that names the keys app.path and app.branch; RB_E_IO
 */
int rb_app_look(const char *path, const char *branch, const char *remote, struct rb_app_state *out,
                struct rb_err *err) RB_MUST_CHECK;

/** The struct is empty afterwards. */
void rb_app_state_release(struct rb_app_state *state);

/**
 * The whole name of a commit there that a text means: a hash or the start of one, a branch, a
 * tag, HEAD~1.
 *
 * returns 0; RB_E_NOTFOUND
 */
int rb_app_resolve(const char *path, const char *text, char out[RB_APP_OID_SIZE],
                   struct rb_err *err) RB_MUST_CHECK;

/**
 * The nearest of a commit and its ancestors that a predicate knows, in the order of git rev-list.
 *
 * commit  its whole name
 * returns 0; RB_E_NOTFOUND when none of them, or of the first 100,000, is known, or the commit
 *         is not there
 */
int rb_app_nearest(const char *path, const char *commit,
                   bool (*is_known)(void *ctx, const char *commit), void *ctx,
                   char out[RB_APP_OID_SIZE], struct rb_err *err) RB_MUST_CHECK;

/*
 * Moving it (app_move.c, app_remote.c).
 *
 *	rc = rb_app_place_find(path, &state, NULL, &place, err);
 *	rc = rb_app_check_idle(&place, err);
 *	rc = rb_app_check_files(&place, from, to, err);
 *	rc = rb_app_commit_tree(&place, tree, from, message, to, err);
 *	rc = rb_app_set_branch(&place, from, to, err);
 *	rc = rb_app_push(&place, &push, err);
 *	rb_app_place_release(&place);
 */

/** The refs that keep the commits which rollbacks left. */
#define RB_APP_KEEP_PREFIX "refs/rowback/rollback/"

/** Where the branch is worked on.  Release with rb_app_place_release(). */
struct rb_app_place {
	char *dir;           /**< the working tree that has the branch; else the repository */
	char *branch;        /**< "master" */
	char *ref;           /**< "refs/heads/master" */
	char *remote;        /**< where it is pushed to; NULL: nowhere */
	bool is_checked_out; /**< in dir, whose files move with it */
	mode_t umask;        /**< for the files that git makes there */
};

/** One commit.  Release with rb_app_commit_release(). */
struct rb_app_commit {
	char oid[RB_APP_OID_SIZE];
	char tree[RB_APP_OID_SIZE];
	char brief[RB_APP_OID_SIZE]; /**< as short as git would print it */
	char *subject;
};

/**
 * In the environment of what a rollback runs, the store that it holds the lock of: a hook that
 * would ask that store's gate lets pass, since the rollback has taken its own backup.
 */
#define RB_APP_ROLLBACK_ENV "ROWBACK_ROLLBACK"

/** What is pushed to the branch's remote. */
struct rb_app_push {
	const char *store; /**< value of RB_APP_ROLLBACK_ENV; NULL: not set */
	const char *commit;
	const char *lease;  /**< the commit that is replaced, by --force-with-lease; NULL: plain */
	int64_t timeout_ms; /**< 0: no deadline */
	/** Called with each line that git and hooks print; may be NULL. */
	void (*on_line)(void *ctx, const char *line);
	void *ctx;
};

/** A command that is run in the application repository. */
struct rb_app_run {
	const char *dir;                              /**< where */
	mode_t umask;                                 /**< with which */
	const char *command;                          /**< for /bin/sh */
	const char *const *env;                       /**< "NAME=VALUE", NULL-terminated */
	void (*on_line)(void *ctx, const char *line); /**< each line of output; may be NULL */
	void *ctx;
};

/**
 * Find the working tree that has the branch checked out (a linked one, maybe), and the remote:
 * the one that is configured, that of the branch, or "origin".
 *
 * path    as rb_app_look()
 * state   what that found
 * remote  as configured; NULL
 * umask   the user's own: the files there are no secrets of ours
 * returns 0; RB_E_NOTFOUND when the remote that is configured is not there
 */
int rb_app_place_find(const char *path, const struct rb_app_state *state, const char *remote,
                      mode_t umask, struct rb_app_place *out, struct rb_err *err) RB_MUST_CHECK;

/** The struct is empty afterwards. */
void rb_app_place_release(struct rb_app_place *place);

/** A commit's name, tree and first line.  returns 0; RB_E_NOTFOUND */
int rb_app_commit_look(const struct rb_app_place *place, const char *revision,
                       struct rb_app_commit *out, struct rb_err *err) RB_MUST_CHECK;

/** The struct is empty afterwards. */
void rb_app_commit_release(struct rb_app_commit *commit);

/** Commits that `from` has and `to` has not. */
int rb_app_count(const struct rb_app_place *place, const char *from, const char *to, size_t *out,
                 struct rb_err *err) RB_MUST_CHECK;

/** Whether `older` is `newer`, or below it.  returns 1; 0; negative */
int rb_app_is_ancestor(const struct rb_app_place *place, const char *older, const char *newer,
                       struct rb_err *err) RB_MUST_CHECK;

/** RB_E_LOCKED when another git is at work there; RB_E_CONFLICT when a merge is not finished. */
int rb_app_check_idle(const struct rb_app_place *place, struct rb_err *err) RB_MUST_CHECK;

/**
 * Whether the working tree can follow from one commit to another: no file that differs between
 * them has changes of its own, or is there without git knowing it.
 *
 * returns 0; RB_E_CONFLICT, which names files
 */
int rb_app_check_files(const struct rb_app_place *place, const char *from, const char *to,
                       struct rb_err *err) RB_MUST_CHECK;

/** Make a commit that has a tree and a parent; nothing refers to it yet. */
int rb_app_commit_tree(const struct rb_app_place *place, const char *tree, const char *parent,
                       const char *message, char out[RB_APP_OID_SIZE],
                       struct rb_err *err) RB_MUST_CHECK;

/**
 * Move the branch, and the files where it is checked out, if it still is at `from`.
 *
 * returns 0; RB_E_CONFLICT when it is elsewhere, or when files are in the way: nothing was
 *         moved then; RB_E_IO
 */
int rb_app_set_branch(const struct rb_app_place *place, const char *from, const char *to,
                      struct rb_err *err) RB_MUST_CHECK;

/** Keep a commit under RB_APP_KEEP_PREFIX<id>; NULL lets it go. */
int rb_app_keep(const struct rb_app_place *place, const char *id, const char *commit,
                struct rb_err *err) RB_MUST_CHECK;

/**
 * Ask the remote where its branch is.
 *
 * out     "" when it has no such branch
 * returns 0; RB_E_AUTH; RB_E_REJECTED when it cannot be reached
 */
int rb_app_remote_at(const struct rb_app_place *place, int64_t timeout_ms,
                     char out[RB_APP_OID_SIZE], struct rb_err *err) RB_MUST_CHECK;

/** Fetch a commit that is not there; no ref of ours moves.  returns as rb_app_remote_at() */
int rb_app_fetch(const struct rb_app_place *place, const char *commit, int64_t timeout_ms,
                 struct rb_err *err) RB_MUST_CHECK;

/**
 * Push to the branch, hooks and all, and read back what the remote has then.
 *
 * returns 0; RB_E_REJECTED when it or a hook refuses, or says afterwards that it has another
 *         commit; RB_E_AUTH; RB_E_TIMEOUT
 */
int rb_app_push(const struct rb_app_place *place, const struct rb_app_push *push,
                struct rb_err *err) RB_MUST_CHECK;

/**
 * Run a command by /bin/sh, both of its outputs to on_line, in an environment rid of GIT_DIR and
 * its like; no deadline.
 *
 * returns 0; RB_E_IO when it fails (the message has its status); RB_E_CANCELLED; RB_E_NOTFOUND
 */
int rb_app_run(const struct rb_app_run *run, struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_REPO_APP_H */
