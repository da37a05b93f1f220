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

#include "rowback/base/err.h"

/** Bytes of an object's name there: SHA-256 in hex, and a NUL. */
#define RB_APP_OID_SIZE 65

/** What the application repository is at.  Release with rb_app_state_release(). */
struct rb_app_state {
	char commit[RB_APP_OID_SIZE]; /**< of the branch */
	char *branch;                 /**< "master" */
	char *subject;                /**< the commit's first line */
	bool is_clean;                /**< no change in the working tree; bare is clean */
	bool is_checked_out;          /**< HEAD is that branch, and there is a working tree */
};

/**
 * Look at the application repository.
 *
 * path    its directory; "~/..." is the user's home
 * branch  the branch that is deployed
 * returns 0; RB_E_NOTFOUND when there is no repository, no such branch or no commit on it, with
 *         a hint that names the keys app.path and app.branch; RB_E_IO
 */
int rb_app_look(const char *path, const char *branch, struct rb_app_state *out,
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

#endif /* ROWBACK_REPO_APP_H */
