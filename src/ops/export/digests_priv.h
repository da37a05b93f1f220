/*
 * What is remembered of rows that were backed up: the digests of their groups, by table.
 *
 * Layer: ops (3), private.
 *
 * <git dir>/rowback/digests-<source>, derived: it can be deleted.  Numbers are big-endian.
 *
 *	rowback digests 1\n
 *	u16 bytes, form           what texts and chunks depend on besides the rows
 *	u32 tables
 *	  u16 bytes, name
 *	  20 bytes                the table's tree: table.json, rows and all
 *	  u32 groups
 *	    u32 rows, 20 bytes    in the order of rows
 *	  u32 chunks
 *	    u32 rows, u64         in the order of rows; rb_key_hash() of its path below rows/
 *	    u8                    rank of its first row; 80 (hexadecimal) more when that begins a
 *	                          segment
 *	32 bytes                  SHA-256 of all before
 *
 * A file that is not exactly this is none: rows are read then.
 */
#ifndef OPS_DIGESTS_PRIV_H
#define OPS_DIGESTS_PRIV_H

#include "rowback/repo/object.h"
#include "groups_priv.h"

/** Bytes of a file at most; tables that have no room are not in it. */
#define RB_DIGESTS_BYTES_MAX ((size_t)320 << 20)

/** A table of fewer groups is read whole: asking for digests would take as long. */
#define RB_DIGESTS_GROUPS_MIN 64

/** A chunk of a table. */
struct rb_chunk_note {
	uint64_t path_hash;
	uint32_t rows;
	unsigned char rank;
	bool begins_segment; /**< as in struct rb_chunk */
};

/** What is remembered of a table. */
struct rb_table_digests {
	struct rb_oid tree;
	struct rb_groups groups;
	struct rb_chunk_note *chunks;
	size_t chunk_count;
	size_t chunk_room;
};

/** On the heap; NULL: no memory. */
struct rb_table_digests *rb_table_digests_new(void);

/** NULL is allowed. */
void rb_table_digests_free(struct rb_table_digests *table);

/** Append a chunk. */
int rb_table_digests_chunk(struct rb_table_digests *table, const struct rb_chunk_note *note,
                           struct rb_err *err) RB_MUST_CHECK;

/** Tables by name. */
struct rb_digests;

int rb_digests_new(struct rb_digests **out, struct rb_err *err) RB_MUST_CHECK;

/** NULL is allowed. */
void rb_digests_free(struct rb_digests *digests);

/** Put a table in; taken, also on failure. */
int rb_digests_put(struct rb_digests *digests, const char *name, struct rb_table_digests *table,
                   struct rb_err *err) RB_MUST_CHECK;

/** NULL when there is none. */
const struct rb_table_digests *rb_digests_get(const struct rb_digests *digests, const char *name);

/**
 * Read a file.
 *
 * form     what it has to have been made with
 * returns  0; RB_E_NOTFOUND; RB_E_FORMAT; RB_E_LIMIT; RB_E_CONFLICT for another form
 */
int rb_digests_load(const char *path, const char *form, struct rb_digests **out,
                    struct rb_err *err) RB_MUST_CHECK;

/** Write a file durably (0600). */
int rb_digests_save(const struct rb_digests *digests, const char *path, const char *form,
                    struct rb_err *err) RB_MUST_CHECK;

#endif /* OPS_DIGESTS_PRIV_H */
