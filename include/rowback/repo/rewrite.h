/*
 * Rewriting a history: the same commits without some of them.
 *
 * Layer: repo (1).  Uses: rowback/repo/commit.h, rowback/repo/pack.h, rowback/repo/tree.h.
 *
 *	rb_rewrite_new(repo, pack, decide, ctx, &rewrite, err);
 *	rb_rewrite_history(rewrite, &tip, &new_tip, err);       and of other refs
 *	rb_rewrite_notes(rewrite, "refs/notes/x", &new_notes, err);
 *	rb_pack_finish(pack, &stats, err);                      now they may be referred to
 *	rb_rewrite_free(rewrite);
 *
 * A commit that is kept is the same byte for byte but for the names of its parents; a signature
 * goes where those changed, for it would be wrong.  Before the first commit that is dropped
 * nothing changes, not even names.  Equal input gives equal names: what a run that was killed
 * had made is made again.  Merges are followed along all parents.
 */
#ifndef ROWBACK_REPO_REWRITE_H
#define ROWBACK_REPO_REWRITE_H

#include <stddef.h>

#include "rowback/base/err.h"
#include "rowback/repo/commit.h"
#include "rowback/repo/object.h"
#include "rowback/repo/pack.h"
#include "rowback/repo/repo.h"

struct rb_rewrite;

/** What becomes of a commit. */
enum rb_rewrite_fate {
	RB_REWRITE_KEEP,
	RB_REWRITE_DROP,   /**< those after it get its parents */
	RB_REWRITE_FOLLOW, /**< kept, with the tree of its first parent; dropped when it has none
	                        left */
};

/** Decide about a commit.  returns an enum rb_rewrite_fate; negative: ends it */
typedef int rb_rewrite_fn(void *ctx, const struct rb_commit *commit, struct rb_err *err);

/**
 * Begin.
 *
 * repo, pack  borrowed until rb_rewrite_free(); new objects go into the pack's slot 0
 * decide      NULL: all are kept
 */
int rb_rewrite_new(struct rb_repo *repo, struct rb_pack *pack, rb_rewrite_fn *decide, void *ctx,
                   struct rb_rewrite **out, struct rb_err *err) RB_MUST_CHECK;

/** NULL is allowed. */
void rb_rewrite_free(struct rb_rewrite *rewrite);

/**
 * Let `to` stand where `from` is met; what lies before `from` is not looked at.  One that is
 * known already stays as it is.
 *
 * to  none: as if dropped, with all before it
 */
int rb_rewrite_seed(struct rb_rewrite *rewrite, const struct rb_oid *from, const struct rb_oid *to,
                    struct rb_err *err) RB_MUST_CHECK;

/**
 * Rewrite the history of a commit.
 *
 * out     its new name, which may be the old one; that of the nearest one before it that is
 *         kept when it was dropped; none when there is none
 * returns 0; RB_E_NOTFOUND or RB_E_FORMAT for a commit that is missing or damaged; what decide
 *         returned; RB_E_CANCELLED; as rb_pack_add()
 */
int rb_rewrite_history(struct rb_rewrite *rewrite, const struct rb_oid *tip, struct rb_oid *out,
                       struct rb_err *err) RB_MUST_CHECK;

/** Commits that got a new name. */
size_t rb_rewrite_count(const struct rb_rewrite *rewrite);

/**
 * Let notes follow: each commit that got a new name has the note of the old one, too, which
 * keeps its own, so that the notes serve both histories.
 *
 * ref  full name; one that is not there has no notes
 * out  a commit of notes after the one that the ref holds; none when there is nothing to add
 */
int rb_rewrite_notes(struct rb_rewrite *rewrite, const char *ref, struct rb_oid *out,
                     struct rb_err *err) RB_MUST_CHECK;

/**
 * What stays of a commit when it is rewritten: a digest of all but tree, parents and signature.
 * Equal ones in two histories are one commit and its copy, or were made in the same second with
 * the same message.
 */
int rb_rewrite_identity(struct rb_repo *repo, const struct rb_oid *commit, struct rb_oid *out,
                        struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_REPO_REWRITE_H */
