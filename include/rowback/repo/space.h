/*
 * Space on disk: how much the store takes, and getting back what nothing needs.
 *
 * Layer: repo (1).  Uses: the git program, rowback/repo/repo.h.
 */
#ifndef ROWBACK_REPO_SPACE_H
#define ROWBACK_REPO_SPACE_H

#include <stddef.h>
#include <stdint.h>

#include "rowback/base/err.h"
#include "rowback/repo/repo.h"

/** Bytes on disk, as files have them. */
struct rb_space {
	uint64_t packs;      /**< packs and their indexes */
	uint64_t pack_count; /**< packs */
	uint64_t loose;      /**< objects in files of their own */
	uint64_t other;      /**< the rest of the git directory */
	uint64_t worktree;   /**< files of the working tree; 0 when bare */
};

/** Bytes of the packs alone: one directory is read. */
int rb_space_packs(struct rb_repo *repo, uint64_t *bytes, uint64_t *count,
                   struct rb_err *err) RB_MUST_CHECK;

/** Everything; files that vanish meanwhile are not counted. */
int rb_space_measure(struct rb_repo *repo, struct rb_space *out, struct rb_err *err) RB_MUST_CHECK;

/**
 * Forget reflog entries that were made up to a time and lead to what refs no longer reach.
 *
 * refs  full names; NULL-terminated; one without a reflog is passed over
 */
int rb_space_expire_reflogs(struct rb_repo *repo, const char *const *refs, int64_t until_unix_s,
                            int64_t timeout_ms, struct rb_err *err) RB_MUST_CHECK;

/**
 * Remove objects that no ref and no reflog reaches and that are older than gc.pruneExpire (two
 * weeks when it is not set); younger ones stay.
 *
 * returns 0; RB_E_TIMEOUT when git had to be stopped, the store being whole; RB_E_IO
 */
int rb_space_sweep(struct rb_repo *repo, int64_t timeout_ms, struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_REPO_SPACE_H */
