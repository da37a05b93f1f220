/*
 * Commits: writing, reading, walking.
 *
 * Layer: repo (1).  Uses: rowback/repo/pack.h, rowback/repo/repo.h.
 */
#ifndef ROWBACK_REPO_COMMIT_H
#define ROWBACK_REPO_COMMIT_H

#include <stddef.h>
#include <stdint.h>

#include "rowback/base/err.h"
#include "rowback/repo/object.h"
#include "rowback/repo/pack.h"
#include "rowback/repo/repo.h"

/** What to write.  All borrowed. */
struct rb_commit_opts {
	struct rb_oid tree;
	const struct rb_oid *parents; /**< parent_count names */
	size_t parent_count;
	int64_t time_unix_s; /**< author and committer time, written as +0000 */
	const char *message; /**< UTF-8, '\n' at its end */
};

/**
 * Write a commit object: into the pack, or, with pack NULL, durably as a loose object, for a
 * tree whose pack is finished already.  Author and committer are user.name and user.email of the
 * git configuration (GIT_AUTHOR_* and GIT_COMMITTER_* first), or "rowback <rowback@HOST>".
 */
int rb_commit_write(struct rb_repo *repo, struct rb_pack *pack, unsigned int slot,
                    const struct rb_commit_opts *opts, struct rb_oid *out,
                    struct rb_err *err) RB_MUST_CHECK;

/** A commit as read.  Release with rb_commit_release(). */
struct rb_commit {
	struct rb_oid oid;
	struct rb_oid tree;
	struct rb_oid *parents;
	size_t parent_count;
	int64_t time_unix_s; /**< committer time */
	char *message;
};

/**
 * Read a commit; headers that are not in the struct are passed over.
 *
 * out      untouched on failure
 * returns  0; RB_E_NOTFOUND; RB_E_FORMAT when it is damaged or no commit
 */
int rb_commit_read(struct rb_repo *repo, const struct rb_oid *oid, struct rb_commit *out,
                   struct rb_err *err) RB_MUST_CHECK;

/** The struct is zero afterwards. */
void rb_commit_release(struct rb_commit *commit);

/**
 * Call fn with a commit and its first parents, newest first; none (all zero) has none.  A return of
 * 1 ends the walk with success; a negative one ends it and is its result.
 */
int rb_commit_walk(struct rb_repo *repo, const struct rb_oid *from,
                   int (*fn)(void *ctx, const struct rb_commit *commit, struct rb_err *err),
                   void *ctx, struct rb_err *err) RB_MUST_CHECK;

/**
 * Whether `ancestor` is reachable from `tip`.
 *
 * returns 1 yes (also when both are one commit); 0 no; RB_E_NOTFOUND when the store has not
 *         got one of them
 */
int rb_commit_is_ancestor(struct rb_repo *repo, const struct rb_oid *ancestor,
                          const struct rb_oid *tip, struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_REPO_COMMIT_H */
