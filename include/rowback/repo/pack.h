/*
 * Writing objects: one pack and its index for a whole backup.
 *
 * Layer: repo (1).  Uses: OpenSSL EVP, ISA-L or zlib, rowback/repo/repo.h.
 *
 *	rb_pack_begin(repo, slots, &pack, err);
 *	rb_pack_add(pack, slot, RB_OBJECT_BLOB, data, len, &oid, &was_new, err);   any thread
 *	rb_pack_finish(pack, &stats, err);
 *	rb_pack_free(pack);             before finish: everything is taken back
 *
 * Objects are whole (no deltas), deflated at ISA-L level 2.  An object that the store
 * has, or that was added before, is not written again.  The file is objects/pack/tmp_*
 * until it is complete; finish syncs pack and index, renames the pack, then the index
 * (an index without its pack would be an error to git; a pack without index is ignored),
 * and syncs the directory.  With nothing new, no file is made.  `git index-pack --strict`
 * makes the identical index (version 2).
 */
#ifndef ROWBACK_REPO_PACK_H
#define ROWBACK_REPO_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowback/base/err.h"
#include "rowback/repo/object.h"
#include "rowback/repo/repo.h"

struct rb_pack;

struct rb_pack_stats {
	uint64_t objects_written; /**< objects in the new pack */
	uint64_t bytes_written;   /**< pack and index, on disk */
	uint64_t bytes_raw;       /**< content of the objects written, before deflate */
};

/**
 * Begin a pack.
 *
 * repo   borrowed until rb_pack_free(); NULL: nothing is stored, only names are made
 *        (for comparing a database with a backup)
 * slots  threads that will add at the same time; each uses its own slot, 0 .. slots-1
 */
int rb_pack_begin(struct rb_repo *repo, unsigned int slots, struct rb_pack **out,
                  struct rb_err *err) RB_MUST_CHECK;

/**
 * Add an object and get its name.
 *
 * was_new  whether it was written now; NULL is allowed
 * returns  0; RB_E_IO (disk full included), after which only rb_pack_free() makes sense
 */
int rb_pack_add(struct rb_pack *pack, unsigned int slot, enum rb_object_type type, const void *data,
                size_t len, struct rb_oid *out, bool *was_new, struct rb_err *err) RB_MUST_CHECK;

/** Make all that was added durable and visible, also to the repo it was begun with. */
int rb_pack_finish(struct rb_pack *pack, struct rb_pack_stats *stats,
                   struct rb_err *err) RB_MUST_CHECK;

/**
 * Let rb_pack_free() take away also what rb_pack_finish() makes: objects that are only to be
 * looked at.  Called between begin and finish.
 */
void rb_pack_make_scratch(struct rb_pack *pack);

/** Free; what was not finished is removed from the disk.  NULL is allowed. */
void rb_pack_free(struct rb_pack *pack);

#endif /* ROWBACK_REPO_PACK_H */
