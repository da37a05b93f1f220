/*
 * The objects of a pack being written: a set of names, and where each object is.
 *
 * A backup of a large table adds an object for every 20 KB of rows, and all of them are
 * listed in the pack's index at the end.  So an object costs no more here than there: one
 * array, in order of arrival, and a hash table of places in it; 40 bytes together.
 */
#ifndef ROWBACK_REPO_PACK_TABLE_PRIV_H
#define ROWBACK_REPO_PACK_TABLE_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pack_idx_priv.h"
#include "rowback/base/err.h"
#include "rowback/repo/object.h"

/** {0} is empty. */
struct rb_pack_table {
	struct rb_idx_entry *entries; /**< in order of arrival */
	size_t count;                 /**< entries in use */
	size_t room;                  /**< entries there is memory for */
	uint32_t *slots;              /**< places in entries, + 1; 0: empty */
	size_t slot_count;            /**< a power of two, or 0 before the first */
	uint64_t seed;                /**< random and odd: no input can be made to collide */
};

/** Free what the table holds; it is empty again. */
void rb_pack_table_release(struct rb_pack_table *table);

/**
 * Add a name, if it is not there.
 *
 * at       its place in entries; those come to lie elsewhere with the next name
 * is_new   whether it was added; crc and offset are zero then
 * returns  0; RB_E_NOMEM; RB_E_LIMIT past 2^32 - 2 objects
 */
int rb_pack_table_add(struct rb_pack_table *table, const struct rb_oid *oid, size_t *at,
                      bool *is_new, struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_REPO_PACK_TABLE_PRIV_H */
