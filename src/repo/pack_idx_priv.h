/*
 * Writing the index of a pack, version 2.
 */
#ifndef ROWBACK_REPO_PACK_IDX_PRIV_H
#define ROWBACK_REPO_PACK_IDX_PRIV_H

#include <stddef.h>
#include <stdint.h>

#include "repo_priv.h"
#include "rowback/base/err.h"
#include "rowback/repo/object.h"

/** The largest offset that the table of 31-bit offsets takes; the rest go to another. */
#define RB_IDX_OFFSET_MAX UINT32_C(0x7fffffff)

/** An object of the pack. */
struct rb_idx_entry {
	struct rb_oid oid;
	uint32_t crc;    /**< CRC-32 of its bytes in the pack */
	uint64_t offset; /**< where they begin */
};

/** What to write.  All borrowed. */
struct rb_idx_opts {
	int fd;                       /**< where to, at its beginning */
	const char *name;             /**< what fd is, for messages */
	struct rb_idx_entry *entries; /**< sorted by name afterwards */
	size_t count;                 /**< up to 2^32 - 1 */
	struct rb_oid pack_checksum;  /**< the last 20 bytes of the pack */
	uint32_t offset_max;          /**< RB_IDX_OFFSET_MAX; less in tests */
};

/**
 * Write an index; nothing is synced.
 *
 * size     bytes written
 * returns  0; RB_E_IO; RB_E_NOMEM
 */
int rb_pack_idx_write(const struct rb_idx_opts *opts, uint64_t *size,
                      struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_REPO_PACK_IDX_PRIV_H */
