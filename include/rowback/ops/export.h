/*
 * A source into objects, a tree and files: the pipeline.
 *
 * Layer: ops (3).  Uses: adapter (rows), value (lines), format (chunks, documents), repo
 * (pack, tree, working tree).
 *
 *	reader (caller's thread): rows -> canonical lines -> chunks -> bounded queue
 *	workers:                  chunk -> object name -> deflate -> pack; file
 *
 * A second reader takes every other table where the engine can show that another connection
 * sees the same content.
 *
 * With a pack that stores nothing (rb_pack_begin(NULL, ...)) it only finds the tree's
 * name: that is how a restored database is compared with its backup.
 */
#ifndef ROWBACK_OPS_EXPORT_H
#define ROWBACK_OPS_EXPORT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "rowback/adapter/adapter.h"
#include "rowback/config/config.h"
#include "rowback/format/documents.h"
#include "rowback/repo/pack.h"
#include "rowback/repo/worktree.h"

struct rb_digests; /* ops/backup/digests_priv.h */

/** What the backup before holds, and what is known of it: rows that need not be read. */
struct rb_export_reuse {
	struct rb_repo *repo;           /**< where it lies */
	struct rb_oid tree;             /**< the source's tree there; none: there is none */
	const struct rb_digests *known; /**< of its rows; NULL: all are read */
	atomic_bool is_doubted;         /**< it cannot be used after all: see rb_export_run() */
};

/** Connections that read one source at most. */
#define RB_EXPORT_JOBS_MAX 8

struct rb_export_opts {
	struct rb_source *source;              /**< open; one snapshot for all of it */
	struct rb_source *helper;              /**< the same snapshot through another connection,
	                                            for a second reader; NULL: none */
	const char *name;                      /**< the source's name: its directory */
	const struct rb_source_config *config; /**< what is left out; NULL: nothing */
	const struct rb_catalog *columns_of;   /**< leave out the columns that its tables leave
	                                            out; NULL: as the configuration says */
	const struct rb_catalog *tables_of;   /**< export only the tables this one has; NULL: all */
	struct rb_catalog *catalog;           /**< the source's, taken; NULL: it is read here */
	bool plain_only;                      /**< export ordinary tables only */
	const struct rb_export *const *known; /**< exports of tables that are not read again where
	                                           their document is the same; NULL-terminated;
	                                           NULL: none */
	struct rb_export_reuse *reuse;        /**< make digests, and use those that are known; NULL:
	                                           neither */
	struct rb_pack *pack;                 /**< begun with rb_export_slots(workers) slots */
	struct rb_worktree *worktree;         /**< NULL: no files */
	unsigned int workers;                 /**< threads besides the caller's */
	unsigned int
	        jobs; /**< connections that read, where the engine can share a snapshot; 0: 1 */
};

/** What was exported.  Release with rb_export_release(). */
struct rb_export {
	struct rb_oid tree;         /**< the source's tree; written into the pack */
	struct rb_catalog *catalog; /**< with remarks; excluded tables are gone from tables */
	struct rb_manifest_source manifest; /**< its part of rowback.json */
	struct rb_oid *table_trees;         /**< of manifest.tables, in their order */
	uint64_t rows;
	uint64_t bytes;             /**< of canonical rows that were read */
	uint64_t rows_proved;       /**< of rows: not read, digests show that they are as before */
	struct rb_digests *digests; /**< with opts->reuse, of the tables as they are now */
	bool incomplete;            /**< a table could not be read: see catalog->remarks */
	bool has_unused;            /**< a pattern of the configuration matches nothing: likewise */
};

/** Which schemas of a source to look at, by its configuration; NULL: the engine's choice. */
struct rb_schema_choice rb_export_schemas(const struct rb_source_config *config);

/** Threads that may add to the pack at the same time, for rb_pack_begin(). */
unsigned int rb_export_slots(unsigned int workers);

/**
 * Export a source.
 *
 * With opts->reuse->is_doubted it failed because what was remembered does not fit, or rows of
 * the backup before cannot be read: exported once more without it, it may be had, from the same
 * snapshot.
 *
 * returns 0, also with tables that could not be read (out->incomplete); RB_E_UNREACHABLE;
 *         RB_E_CANCELLED; RB_E_IO; ...  The pack is the caller's to finish or free.
 */
int rb_export_run(const struct rb_export_opts *opts, struct rb_export *out,
                  struct rb_err *err) RB_MUST_CHECK;

/** The struct is empty afterwards. */
void rb_export_release(struct rb_export *exported);

#endif /* ROWBACK_OPS_EXPORT_H */
