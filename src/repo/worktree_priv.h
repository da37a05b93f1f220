/*
 * What the files of the working tree share.  See rowback/repo/worktree.h.
 *
 * Every file is reached from the descriptor of its directory, and every directory from
 * that of its parent, without following a link: what a path is cannot change between a
 * check and its use.
 */
#ifndef ROWBACK_WORKTREE_PRIV_H
#define ROWBACK_WORKTREE_PRIV_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "index_priv.h"
#include "rowback/base/err.h"
#include "rowback/repo/object.h"
#include "rowback/repo/repo.h"

/** What names of files begin with that are not complete yet. */
#define RB_WT_TMP_PREFIX ".rowback-tmp-"

/** Git reads a file again whose time is not before that of the index, a second's grain. */
enum { RB_WT_MTIME_BACK_S = 2 };

/** Permission bits: a store is private. */
enum { RB_WT_DIR_MODE = 0700, RB_WT_FILE_MODE = 0600 };

/** A directory of the working tree, open. */
struct rb_wt_dir {
	char *path; /**< from the root, without a slash at the end; "" for the root */
	int fd;
	unsigned int users; /**< threads that use it, and 1 while it is in the cache */
	uint64_t used_at;   /**< number of the request that used it last */
};

/** Directories kept open: an export writes a few directories at a time, in order. */
#define RB_WT_DIRS_MAX 32

struct rb_worktree {
	struct rb_repo *repo;  /**< borrowed */
	char *index_path;      /**< <git dir>/index */
	char *lock;            /**< index.lock while it is ours, else NULL */
	struct rb_index old;   /**< the index as it was; as it will be once it is settled */
	unsigned char *kept;   /**< for each entry of old: 1 when it stays */
	bool is_settled;       /**< rb_wt_settle() was here */
	bool is_changed;       /**< by that: it is not what it was */
	char **managed;        /**< paths that are ours */
	size_t managed_count;  /**< paths in managed */
	bool is_whole;         /**< only what is kept or fresh is in the new index */
	int64_t mtime_unix_s;  /**< time that files get */
	pthread_mutex_t mutex; /**< guards all below */
	struct rb_index fresh; /**< entries made in this round, in order of arrival */
	struct rb_wt_dir *dirs[RB_WT_DIRS_MAX]; /**< [0] is the root */
	size_t dir_count;                       /**< directories in dirs */
	uint64_t dir_requests;                  /**< counts for used_at */
	uint64_t tmp_count;                     /**< names of temporary files so far */
};

/* worktree_lock.c */

/** Take index.lock, and set the paths and the time of files. */
int rb_wt_lock(struct rb_worktree *wt, struct rb_err *err) RB_MUST_CHECK;

/** Let the lock go; also when it was not taken. */
void rb_wt_unlock(struct rb_worktree *wt);

/** Put the settled index in place; the lock stays. */
int rb_wt_replace_index(struct rb_worktree *wt, struct rb_err *err) RB_MUST_CHECK;

/* worktree_dir.c */

/** Whether path is at or below one of the managed paths; of path only `len` bytes count. */
bool rb_wt_is_managed(const struct rb_worktree *wt, const char *path, size_t len);

/** Check a path from outside: what git would not check out is RB_E_FORMAT. */
int rb_wt_check_path(const char *path, struct rb_err *err) RB_MUST_CHECK;

/** Open the root as the first of dirs. */
int rb_wt_dirs_open(struct rb_worktree *wt, const char *root, struct rb_err *err) RB_MUST_CHECK;

/** Close all. */
void rb_wt_dirs_close(struct rb_worktree *wt);

/**
 * The directory that holds path.
 *
 * make    make what is missing, replace what is managed and no directory
 * name    the last component, in path
 * returns 0, with *out for rb_wt_dir_release(); RB_E_NOTFOUND when it is not there and make
 *         is not set; RB_E_CONFLICT when a component that is not managed is no directory
 */
int rb_wt_dir_of(struct rb_worktree *wt, const char *path, bool make, struct rb_wt_dir **out,
                 const char **name, struct rb_err *err) RB_MUST_CHECK;

void rb_wt_dir_release(struct rb_worktree *wt, struct rb_wt_dir *dir);

/** Open a directory in another one, not through a link; errno tells why not. */
int rb_wt_open_dir(int dir_fd, const char *name);

/* worktree_clean.c */

/** Longest path that is walked. */
#define RB_WT_PATH_BYTES_MAX ((size_t)64 << 10)

/** Called for a name in a directory; path ends with it.  A negative return ends the walk. */
typedef int rb_wt_name_fn(void *ctx, int dir_fd, struct rb_buf *path, struct rb_err *err);

/**
 * Call fn with each name in a directory but "." and "..".
 *
 * fd    the directory; taken, also on failure
 * path  what it is called, "" for the root; the same again afterwards
 */
int rb_wt_each(int fd, struct rb_buf *path, rb_wt_name_fn *fn, void *ctx,
               struct rb_err *err) RB_MUST_CHECK;

/** What stands behind the last slash. */
const char *rb_wt_base_name(const char *path);

/**
 * Remove the last name of a path from its directory, with all below it when it is a
 * directory.  None is no error.
 *
 * path  the same again afterwards
 */
int rb_wt_remove_at(int dir_fd, struct rb_buf *path, struct rb_err *err) RB_MUST_CHECK;

/** Remove what is at or below the managed paths and not in the settled index. */
int rb_wt_clean(struct rb_worktree *wt, struct rb_err *err) RB_MUST_CHECK;

/* worktree.c */

/** What a file is to be in the index. */
struct rb_wt_file {
	const char *path;
	uint32_t mode; /**< 0100644 or 0100755 */
	struct rb_oid oid;
};

/** Whether the old index has this file and lstat(2) says so too; it stays then. */
int rb_wt_keep(struct rb_worktree *wt, const struct rb_wt_file *file, bool *is_kept,
               struct rb_err *err) RB_MUST_CHECK;

/** As rb_worktree_put(). */
int rb_wt_put(struct rb_worktree *wt, const struct rb_wt_file *file, const void *data, size_t len,
              struct rb_err *err) RB_MUST_CHECK;

/** As rb_worktree_put_object(). */
int rb_wt_put_object(struct rb_worktree *wt, const struct rb_wt_file *file,
                     struct rb_err *err) RB_MUST_CHECK;

/** Let the new index have this file. */
int rb_wt_remember(struct rb_worktree *wt, const struct rb_wt_file *file, const struct stat *st,
                   struct rb_err *err) RB_MUST_CHECK;

/**
 * Make the old index the new one: what stays, and what is fresh.  Nothing is put after that;
 * a second call does nothing.  After a failure the working tree can only be freed.
 */
int rb_wt_settle(struct rb_worktree *wt, struct rb_err *err) RB_MUST_CHECK;

/* worktree_checkout.c */

/** Fill an empty index with the files of HEAD's tree, with nothing known of their lstat(2). */
int rb_wt_index_of_head(struct rb_repo *repo, struct rb_index *out,
                        struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_WORKTREE_PRIV_H */
