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
 * touched.  A changed one is written beside its place and renamed; where nothing is, it is
 * written in place.  finish removes what is below the managed paths and was not put (tracked
 * or left behind by a killed run, empty directories too), and writes the index with what
 * lstat told, so that `git status` is clean and reads no file again.  Call it when the
 * objects are in the store (rb_pack_finish()): the index names them.  Files made get an
 * mtime two seconds in the past: git reads a file again when its time is that of the index.
 * Entries outside the managed paths stay as they are.  No symbolic link is followed: a
 * component that is a link is replaced when it is managed, else RB_E_CONFLICT.  Nothing
 * here is synced to disk: the objects are, and the tree can be had from them again.
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
 * An index that a power cut left damaged is taken from HEAD's tree.
 *
 * out     NULL for a bare repository: the other calls accept NULL and do nothing
 * returns 0; RB_E_LOCKED when index.lock is there and stays for a second, with a hint that
 *         says how old it is and what to do (one of ours whose process is gone is removed);
 *         RB_E_CONFLICT for an index with conflicts; RB_E_UNSUPPORTED for one that is split
 *         or sparse
 */
int rb_worktree_begin(struct rb_repo *repo, struct rb_worktree **out,
                      struct rb_err *err) RB_MUST_CHECK;

/**
 * Say that everything at or below path is ours; "rowback.json" or a directory.  All such
 * calls come before the first put.
 *
 * returns 0; RB_E_FORMAT for a path that no tree can hold ("..", ".git", an empty component);
 *         RB_E_CONFLICT when the index has a file above it; RB_E_NOMEM
 */
int rb_worktree_manage(struct rb_worktree *wt, const char *path, struct rb_err *err) RB_MUST_CHECK;

/**
 * Have a file with this content at path.  Safe from several threads.
 *
 * returns 0; RB_E_USAGE for a path outside what is managed; RB_E_FORMAT as
 *         rb_worktree_manage(); RB_E_CONFLICT for a component that is not ours and no
 *         directory; RB_E_IO (disk full included); RB_E_NOMEM
 */
int rb_worktree_put(struct rb_worktree *wt, const char *path, const struct rb_oid *oid,
                    const void *data, size_t len, struct rb_err *err) RB_MUST_CHECK;

/**
 * As rb_worktree_put(), with the content of an object that is in the store: it is read only where
 * git's index and lstat(2) do not say that the file has it already.
 *
 * returns as rb_worktree_put() and rb_repo_read()
 */
int rb_worktree_put_object(struct rb_worktree *wt, const char *path, const struct rb_oid *oid,
                           struct rb_err *err) RB_MUST_CHECK;

/** Remove what was not put, write the index, let the lock go. */
int rb_worktree_finish(struct rb_worktree *wt, struct rb_err *err) RB_MUST_CHECK;

/**
 * As rb_worktree_finish(), but leave git's index as it is: what was put shows as a change that
 * is not committed.
 */
int rb_worktree_finish_unstaged(struct rb_worktree *wt, struct rb_err *err) RB_MUST_CHECK;

/** NULL is allowed. */
void rb_worktree_free(struct rb_worktree *wt);

/**
 * Make the whole working tree and index what a commit's tree holds (bootstrap, recovery
 * after a kill).  Every top-level path of the old index and of the tree is managed: files
 * git does not track stay only beside them.
 *
 * returns 0, also when bare; RB_E_UNSUPPORTED for a tree with links or submodules; as
 *         rb_worktree_begin() and rb_worktree_put()
 */
int rb_worktree_checkout(struct rb_repo *repo, const struct rb_oid *tree,
                         struct rb_err *err) RB_MUST_CHECK;

/**
 * Put everything that the working tree holds (but what git ignores) into a pack, as
 * `git add -A` would, without loose objects and without filters; it becomes the index at
 * rb_worktree_finish().  Nothing may be managed or put in the same round.  A file whose
 * lstat(2) is that of the index is not read.
 *
 * slot    of the pack, as for rb_pack_add()
 * tree    the root tree's name
 * returns 0; RB_E_FORMAT for a symbolic link, a nested repository or another thing that is
 *         no plain file, named; RB_E_USAGE for a bare repository; RB_E_LIMIT for a file of
 *         over 1 GiB
 */
int rb_worktree_add_all(struct rb_worktree *wt, struct rb_pack *pack, unsigned int slot,
                        struct rb_oid *tree, struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_REPO_WORKTREE_H */
