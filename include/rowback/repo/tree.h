/*
 * Trees: building them from paths, reading and comparing them.
 *
 * Layer: repo (1).  Uses: rowback/repo/pack.h, rowback/repo/repo.h.
 *
 * Paths use '/', have no empty, "." or ".." component, and are byte strings.  Tree
 * objects are parsed by code of ours, with limits: a store is untrusted input.
 */
#ifndef ROWBACK_REPO_TREE_H
#define ROWBACK_REPO_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowback/base/err.h"
#include "rowback/repo/object.h"
#include "rowback/repo/pack.h"
#include "rowback/repo/repo.h"

/** One entry of a flattened tree. */
struct rb_tree_entry {
	const char *path; /**< from the root that was asked about; NUL-terminated */
	uint32_t mode;    /**< as git stores it: 0100644, 040000, ... */
	struct rb_oid oid;
};

struct rb_tree_builder;

int rb_tree_builder_new(struct rb_tree_builder **out, struct rb_err *err) RB_MUST_CHECK;

/** NULL is allowed. */
void rb_tree_builder_free(struct rb_tree_builder *builder);

/**
 * Add a file, or a whole existing tree (mode RB_MODE_TREE), at a path; any order.
 *
 * returns 0; RB_E_EXISTS for a path that is there; RB_E_FORMAT for a path that git could
 *         not check out (".git" in any spelling, "..", empty component)
 */
int rb_tree_builder_add(struct rb_tree_builder *builder, const char *path, uint32_t mode,
                        const struct rb_oid *oid, struct rb_err *err) RB_MUST_CHECK;

/**
 * Write the tree objects (only the new ones) and get the root's name.
 *
 * returns 0; RB_E_EXISTS when a path is a file, or a whole tree, and a directory of another;
 *         else as rb_pack_add()
 */
int rb_tree_builder_write(struct rb_tree_builder *builder, struct rb_pack *pack, unsigned int slot,
                          struct rb_oid *out, struct rb_err *err) RB_MUST_CHECK;

/**
 * Builds trees as paths come, and writes each when its directory ends: what it holds is as
 * much as the directories that are open, whatever the number of files.  One thread at a time.
 * After a failure it can only be freed.
 */
struct rb_tree_stream;

/** pack  borrowed; the trees go there, only the new ones */
int rb_tree_stream_new(struct rb_pack *pack, struct rb_tree_stream **out,
                       struct rb_err *err) RB_MUST_CHECK;

/** NULL is allowed. */
void rb_tree_stream_free(struct rb_tree_stream *stream);

/**
 * Add a file or a whole tree, as rb_tree_builder_add().  All that is below a directory comes
 * together, in any order there, as in a sorted list.
 *
 * slot     this thread's, as for rb_pack_add()
 * returns  0; RB_E_FORMAT as rb_tree_builder_add(); RB_E_EXISTS for a path that is there, a
 *          file that is a directory too, or a directory that ended: when its parent ends,
 *          here or in rb_tree_stream_end(); else as rb_pack_add()
 */
int rb_tree_stream_add(struct rb_tree_stream *stream, unsigned int slot, const char *path,
                       uint32_t mode, const struct rb_oid *oid, struct rb_err *err) RB_MUST_CHECK;

/** Write what is open yet and get the root's name.  It can only be freed then. */
int rb_tree_stream_end(struct rb_tree_stream *stream, unsigned int slot, struct rb_oid *out,
                       struct rb_err *err) RB_MUST_CHECK;

/**
 * Find a path in a tree.
 *
 * returns 0; RB_E_NOTFOUND
 */
int rb_tree_find(struct rb_repo *repo, const struct rb_oid *root, const char *path,
                 struct rb_oid *oid, uint32_t *mode, struct rb_err *err) RB_MUST_CHECK;

/** Called for each entry; a negative return ends the walk and is its result. */
typedef int rb_tree_fn(void *ctx, const struct rb_tree_entry *entry, struct rb_err *err);

/**
 * Call fn with every file below a tree, in byte order of whole paths component by
 * component as git sorts them (so chunks come in key order).  Trees are not reported.
 *
 * root     none (all zero): nothing to walk
 * returns  0; what fn returned; RB_E_NOTFOUND or RB_E_FORMAT, with the tree's name, for one
 *          that is missing, damaged, more than 64 directories deep, or has names that git
 *          would not check out; RB_E_LIMIT; RB_E_CANCELLED
 */
int rb_tree_walk(struct rb_repo *repo, const struct rb_oid *root, rb_tree_fn *fn, void *ctx,
                 struct rb_err *err) RB_MUST_CHECK;

/** Call fn with the direct entries of a tree, subtrees included, in git's order. */
int rb_tree_list(struct rb_repo *repo, const struct rb_oid *root, rb_tree_fn *fn, void *ctx,
                 struct rb_err *err) RB_MUST_CHECK;

/**
 * Called for each file that differs; old_oid or new_oid is none when it is on one side only.
 * Both are equal when only the mode differs.
 */
typedef int rb_tree_diff_fn(void *ctx, const char *path, const struct rb_oid *old_oid,
                            const struct rb_oid *new_oid, struct rb_err *err);

/**
 * Call fn with every file that differs between two trees, in path order; equal subtrees
 * are not read.  Either root may be none.  Statuses as rb_tree_walk().
 */
int rb_tree_diff(struct rb_repo *repo, const struct rb_oid *old_root, const struct rb_oid *new_root,
                 rb_tree_diff_fn *fn, void *ctx, struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_REPO_TREE_H */
