/*
 * The working tree and git's index: files as the export makes them.
 *
 * Layer: repo (1).  Uses: libgit2 (reading the index, ignore rules), rowback/repo.
 *
 *	rb_worktree_begin(repo, &wt, err);           takes index.lock; NULL wt when bare
 *	rb_worktree_manage(wt, "app", err);          all below app/ will be what is put now
 *	rb_worktree_put(wt, path, &oid, data, len, err);      any thread
 *	rb_worktree_finish(wt, err);
 *	rb_worktree_free(wt);                         before finish: lets the lock go
 *
 * A file that the index knows with this object name and whose lstat(2) matches is not
 * touched.  Others are written beside their place and renamed.  finish removes what is
 * below the managed paths and was not put (tracked or left behind by a killed run, empty
 * directories too), and writes the index with what lstat told, so that `git status` is
 * clean and reads no file again.  Files made get an mtime two seconds in the past: git
 * reads a file again when its time is that of the index.  Entries outside the managed
 * paths stay as they are.  No symbolic link is followed: a component that is a link is
 * replaced when it is managed, else RB_E_CONFLICT.  Nothing here is synced to disk: the
 * objects are, and the tree can be had from them again.
 */
#ifndef ROWBACK_REPO_WORKTREE_H
#define ROWBACK_REPO_WORKTREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowback/base/err.h"
#include "rowback/repo/object.h"
#include "rowback/repo/pack.h"
#include "rowback/repo/repo.h"

struct rb_worktree;

/**
 * Load the index and take its lock.
 *
 * out     NULL for a bare repository: the other calls accept NULL and do nothing
 * returns 0; RB_E_LOCKED when index.lock is there, with a hint that says how old it is and
 *         what to do (one of ours whose process is gone is removed)
 */
int rb_worktree_begin(struct rb_repo *repo, struct rb_worktree **out,
                      struct rb_err *err) RB_MUST_CHECK;

/** Say that everything at or below path is ours; "rowback.json" or a directory. */
int rb_worktree_manage(struct rb_worktree *wt, const char *path, struct rb_err *err) RB_MUST_CHECK;

/** Have a file with this content at path.  Safe from several threads. */
int rb_worktree_put(struct rb_worktree *wt, const char *path, const struct rb_oid *oid,
                    const void *data, size_t len, struct rb_err *err) RB_MUST_CHECK;

/** Remove what was not put, write the index, let the lock go. */
int rb_worktree_finish(struct rb_worktree *wt, struct rb_err *err) RB_MUST_CHECK;

/** NULL is allowed. */
void rb_worktree_free(struct rb_worktree *wt);

/**
 * Make the whole working tree and index what a commit's tree holds (bootstrap, recovery
 * after a kill).  Files git does not track stay.
 */
int rb_worktree_checkout(struct rb_repo *repo, const struct rb_oid *tree,
                         struct rb_err *err) RB_MUST_CHECK;

/**
 * Put everything that the working tree holds (but what git ignores) into a pack, as
 * `git add -A` would, without loose objects; the index follows.
 *
 * tree    the root tree's name
 * returns 0; RB_E_FORMAT for a symbolic link or another thing that is no plain file, named
 */
int rb_worktree_add_all(struct rb_repo *repo, struct rb_pack *pack, struct rb_oid *tree,
                        struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_REPO_WORKTREE_H */
