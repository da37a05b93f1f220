/*
 * Reading one pack through its index (version 2): finding and inflating whole objects.
 *
 * A pack comes from outside, so nothing in it is believed: every offset is checked.
 */
#ifndef ROWBACK_REPO_PACKFILE_PRIV_H
#define ROWBACK_REPO_PACKFILE_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "deflate_priv.h"
#include "rowback/base/buf.h"
#include "rowback/base/err.h"
#include "rowback/repo/object.h"

/** "PACK", version, number of objects. */
#define RB_PACK_HEADER_SIZE 12

/** Index: magic and version, 256 counts of 4 bytes; then names, CRCs, offsets. */
#define RB_IDX_HEADER_SIZE 8
#define RB_IDX_FANOUT_SIZE 1024

struct rb_packfile;

/**
 * Open a pack and map its index.
 *
 * idx_path  "....idx"; the pack beside it is "....pack"
 * returns   0; RB_E_NOTFOUND; RB_E_FORMAT; RB_E_UNSUPPORTED for an index of version 1
 */
int rb_packfile_open(const char *idx_path, struct rb_packfile **out,
                     struct rb_err *err) RB_MUST_CHECK;

/** NULL is allowed. */
void rb_packfile_close(struct rb_packfile *pack);

/** The index's path, as given to rb_packfile_open(). */
const char *rb_packfile_idx_path(const struct rb_packfile *pack);

/** Where an object begins in the pack; false when it is not there. */
bool rb_packfile_find(const struct rb_packfile *pack, const struct rb_oid *oid, uint64_t *offset);

/** Give the pack the time of now, once, so that `git gc` keeps what is used again. */
void rb_packfile_freshen(struct rb_packfile *pack);

/**
 * Append the content of the whole object at an offset.
 *
 * type     what it is
 * returns  0; RB_E_UNSUPPORTED for a delta: another must read it; RB_E_FORMAT; RB_E_LIMIT;
 *          RB_E_IO
 */
int rb_packfile_read(const struct rb_packfile *pack, uint64_t offset, struct rb_inflater *inflater,
                     enum rb_object_type *type, struct rb_buf *out,
                     struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_REPO_PACKFILE_PRIV_H */
