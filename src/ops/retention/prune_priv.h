/*
 * What the files about prunes share.
 *
 * Layer: ops (3), private.
 */
#ifndef OPS_PRUNE_PRIV_H
#define OPS_PRUNE_PRIV_H

#include <stdbool.h>
#include <stddef.h>

#include "rowback/base/map.h"
#include "rowback/ops/event.h"
#include "rowback/ops/push.h"
#include "rowback/ops/store.h"
#include "rowback/repo/pack.h"
#include "rowback/repo/rewrite.h"

/* ref_moves.c */

/** A ref that goes from one object to another; none: it is not there. */
struct rb_ref_move {
	char *ref;
	struct rb_oid from;
	struct rb_oid to;
	bool stays; /**< it is right before and after, and not taken back */
};

/** Moves in the order they are made; {0} at first. */
struct rb_ref_moves {
	struct rb_ref_move *items;
	size_t count;
	size_t room;
	size_t made; /**< of them, from the first on */
};

/** Add a move, unless it leads nowhere; the ref is copied. */
int rb_ref_moves_add(struct rb_ref_moves *moves, const char *ref, const struct rb_oid *from,
                     const struct rb_oid *to, bool stays, struct rb_err *err) RB_MUST_CHECK;

/** Make them.  A failure takes back those that were made. */
int rb_ref_moves_make(struct rb_store *store, struct rb_ref_moves *moves, const char *why,
                      struct rb_err *err) RB_MUST_CHECK;

/** Take back what was made, last first; what fails is logged, and the next run sees to it. */
void rb_ref_moves_take_back(struct rb_store *store, struct rb_ref_moves *moves);

void rb_ref_moves_release(struct rb_ref_moves *moves);

/* rewriting.c */

/** A rewrite of the branch and all that hangs on it. */
struct rb_rewriting {
	struct rb_store *store;
	struct rb_pack *pack;
	struct rb_rewrite *rewrite;
	struct rb_map *known; /**< commits of the history that was seeded to; NULL */
	struct rb_oid old_tip;
	struct rb_oid new_tip;
	struct rb_ref_moves moves;
};

/** Begin; decide as in rb_rewrite_new(). */
int rb_rewriting_begin(struct rb_store *store, rb_rewrite_fn *decide, void *ctx,
                       struct rb_rewriting *out, struct rb_err *err) RB_MUST_CHECK;

/**
 * Let each commit in the history of `from` stand for its like in that of `to`; one that has none
 * there for the like of the nearest before it.
 *
 * to  the same one for all calls of a job
 */
int rb_rewriting_seed(struct rb_rewriting *job, const struct rb_oid *from, const struct rb_oid *to,
                      struct rb_err *err) RB_MUST_CHECK;

/**
 * Rewrite the branch and what follows it: notes, pins, the last check, safety backups aside.
 * The moves are added, after what the caller added before.
 */
int rb_rewriting_plan(struct rb_rewriting *job, struct rb_err *err) RB_MUST_CHECK;

/** Make the objects durable, see that the newest tree is the same, and move the refs. */
int rb_rewriting_settle(struct rb_rewriting *job, const char *why,
                        struct rb_err *err) RB_MUST_CHECK;

/**
 * Push, or take the moves back when the remote does not take it.
 *
 * what  for messages: "pruned"
 */
int rb_rewriting_push(struct rb_rewriting *job, const char *what, struct rb_push_report *report,
                      bool *pushed, struct rb_err *err) RB_MUST_CHECK;

/** Let what a killed run left on an old history follow the branch, and empty trash go. */
int rb_rewriting_repair(struct rb_store *store, struct rb_err *err) RB_MUST_CHECK;

/**
 * Bring the remote up to date before anything is changed, so that what it has is known.
 *
 * what    for messages: "pruned"
 * returns 0, also without a remote; as rb_push_run()
 */
int rb_rewriting_ask(struct rb_store *store, const char *what, struct rb_err *err) RB_MUST_CHECK;

/** The struct is empty afterwards. */
void rb_rewriting_end(struct rb_rewriting *job);

#endif /* OPS_PRUNE_PRIV_H */
