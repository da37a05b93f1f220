/*
 * Hooks and settings in somebody's repository of any kind.
 *
 * Layer: repo (1).  Uses: the git program, in an environment rid of GIT_DIR and its like.
 */
#ifndef ROWBACK_REPO_HOOKS_H
#define ROWBACK_REPO_HOOKS_H

#include <stdbool.h>
#include <stddef.h>

#include "rowback/base/buf.h"
#include "rowback/base/err.h"

/** Where a repository's hooks are.  Release with rb_hooks_release(). */
struct rb_hooks {
	char *path;          /**< as it was given, "~/" resolved */
	char *dir;           /**< the hooks' directory, absolute; core.hooksPath counts */
	bool is_shared;      /**< it lies neither in the git directory nor in the working tree */
	bool is_in_worktree; /**< it lies in the working tree: each linked one has its own */
};

/**
 * Find a repository's hooks.
 *
 * path    the repository, a directory in it, or a linked worktree
 * returns 0; RB_E_NOTFOUND when there is none, or it is another user's; RB_E_IO
 */
int rb_hooks_find(const char *path, struct rb_hooks *out, struct rb_err *err) RB_MUST_CHECK;

/** The struct is empty afterwards. */
void rb_hooks_release(struct rb_hooks *hooks);

/**
 * Set a value in the repository's own configuration, replacing all there are of the name; NULL
 * removes them.
 */
int rb_hooks_set(const struct rb_hooks *hooks, const char *name, const char *value,
                 struct rb_err *err) RB_MUST_CHECK;

/** Add one more value of a name. */
int rb_hooks_add(const struct rb_hooks *hooks, const char *name, const char *value,
                 struct rb_err *err) RB_MUST_CHECK;

/** Append the (last) value of a name in its own configuration; RB_E_NOTFOUND when not set. */
int rb_hooks_get(const struct rb_hooks *hooks, const char *name, struct rb_buf *out,
                 struct rb_err *err) RB_MUST_CHECK;

/** Remove a section, "rowback.pre-push"; one that is not there is no error. */
int rb_hooks_remove_section(const struct rb_hooks *hooks, const char *section,
                            struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_REPO_HOOKS_H */
