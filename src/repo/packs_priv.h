/*
 * The store's packs as we see them ourselves.
 *
 * What our own reader does not do (deltas, loose objects, alternates, indexes of version
 * 1, more packs than a process may well have open) libgit2 does, one thread at a time.
 */
#ifndef ROWBACK_REPO_PACKS_PRIV_H
#define ROWBACK_REPO_PACKS_PRIV_H

#include <stdbool.h>

#include "packfile_priv.h"
#include "repo_priv.h"
#include "rowback/base/buf.h"
#include "rowback/base/err.h"
#include "rowback/repo/object.h"

/** Look at the packs of a repository that is being opened; its rb_repo_free() frees them. */
int rb_packs_new(struct rb_repo *repo, struct rb_err *err) RB_MUST_CHECK;

/** NULL is allowed. */
void rb_packs_free(struct rb_packs *packs);

/**
 * As rb_repo_has().
 *
 * freshen  the object is about to be used again by a new one: `git gc` shall keep it
 */
bool rb_packs_has(struct rb_repo *repo, const struct rb_oid *oid, bool freshen);

/** An inflater for one thread, to be given back; NULL with err set. */
struct rb_inflater *rb_packs_take_inflater(struct rb_packs *packs, struct rb_err *err);
void rb_packs_give_inflater(struct rb_packs *packs, struct rb_inflater *inflater);

/**
 * Append the content of an object that is whole in a pack of ours.
 *
 * outdated  set when it was not found and the directory has changed since the last look
 * returns   0; RB_E_NOTFOUND: no pack of ours has it; otherwise as rb_packfile_read()
 */
int rb_packs_read(struct rb_repo *repo, const struct rb_oid *oid, struct rb_inflater *inflater,
                  enum rb_object_type *type, struct rb_buf *out, bool *outdated,
                  struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_REPO_PACKS_PRIV_H */
