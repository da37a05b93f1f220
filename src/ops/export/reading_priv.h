/*
 * One source in one run: opened, perhaps recognised as unchanged, exported, remembered.
 *
 * Layer: ops (3), private.
 */
#ifndef OPS_READING_PRIV_H
#define OPS_READING_PRIV_H

#include <stdbool.h>

#include "rowback/ops/export.h"
#include "rowback/ops/store.h"

struct rb_reading {
	const struct rb_source_config *config;
	struct rb_source *source;
	unsigned int jobs;         /**< connections that read; 0: 1 */
	struct rb_source *helper;  /**< the same snapshot once more, for a second reader; NULL */
	char *url;                 /**< secrets included */
	struct rb_buf fingerprint; /**< "" when nothing can be proved */
	size_t proof_len;          /**< what of it the engine gave; our settings follow */
	bool unchanged;            /**< the store has this state already */
	struct rb_buf form;        /**< what digests of rows depend on; "": none are made */
	struct rb_digests *known;  /**< those of the backup before; NULL */
	struct rb_export_reuse reuse;
	struct rb_export exported; /**< zero while unchanged */
};

/**
 * Open sources; each is in one snapshot from here on.
 *
 * names  NULL-terminated; NULL: all that are configured
 */
int rb_readings_open(struct rb_store *store, const char *const *names, struct rb_reading **out,
                     size_t *count, struct rb_err *err) RB_MUST_CHECK;

/** Close and free; NULL is allowed. */
void rb_readings_free(struct rb_reading *readings, size_t count);

/**
 * Find out whether the source is proved to be what the old root has of it.
 *
 * trust  false: never say so
 */
int rb_reading_check(struct rb_reading *reading, struct rb_store *store,
                     const struct rb_oid *old_root, bool trust, struct rb_err *err) RB_MUST_CHECK;

/**
 * Open a source once more when both connections are shown to see the same content.
 *
 * proof    what source_fingerprint() gave for `source`; of length 0: nothing is shown
 * returns  the other connection, to be closed by the caller; NULL when there is none to be had
 */
struct rb_source *rb_reading_open_twin(struct rb_source *source, const char *url, const char *proof,
                                       size_t proof_len);

/**
 * Get ready to make digests of rows, and to use those that are remembered, where that is
 * configured and pays.
 *
 * old_root  none: there is no backup before
 * trust     false: read all rows
 */
int rb_reading_recall(struct rb_reading *reading, struct rb_store *store,
                      const struct rb_oid *old_root, bool trust, struct rb_err *err) RB_MUST_CHECK;

/** Export it; with reading->reuse.is_doubted again, when rb_reading_forget() was called. */
int rb_reading_export(struct rb_reading *reading, struct rb_pack *pack,
                      struct rb_worktree *worktree, unsigned int workers,
                      struct rb_err *err) RB_MUST_CHECK;

/** What is remembered of rows is not used: all will be read. */
void rb_reading_forget(struct rb_reading *reading);

/** Keep the digests of rows that were committed, durably; what goes wrong is only logged. */
void rb_reading_keep(struct rb_reading *reading, struct rb_store *store);

/** Keep the fingerprint with the tree it stands for (in memory; rb_state_save() follows). */
int rb_reading_remember(struct rb_reading *reading, struct rb_store *store,
                        struct rb_err *err) RB_MUST_CHECK;

#endif /* OPS_READING_PRIV_H */
