/*
 * What the files of the export share: readers of tables, and what they bring.
 *
 * Layer: ops (3), private.
 */
#ifndef OPS_EXPORT_PRIV_H
#define OPS_EXPORT_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "rowback/base/buf.h"
#include "rowback/base/map.h"
#include "rowback/base/pool.h"
#include "rowback/format/chunk.h"
#include "rowback/ops/export.h"
#include "rowback/repo/tree.h"
#include "rowback/value/rowwriter.h"
#include "digests_priv.h"

/** A chunk that was cut, and is not yet in its table's tree. */
struct rb_export_chunk {
	char *path;        /**< from the store's root */
	size_t below_rows; /**< where in path the part below the table's rows/ begins */
	bool is_stored;    /**< it has its name; under the lock */
	struct rb_oid oid;
	struct rb_export_chunk *next;
};

/**
 * A table that was read.
 *
 * Its chunks are cut in the order of their keys, so that a directory's come together, and
 * are stored in any order; as many wait as the queue is long.
 */
struct rb_export_table {
	struct rb_export_chunk *first; /**< of those waiting; under the lock, with all below */
	struct rb_export_chunk *last;
	struct rb_tree_stream *rows;   /**< of all chunks before first; NULL before one is stored */
	struct rb_tree_builder *files; /**< the reader's: all that is not below rows/ */
	uint64_t row_count;
	uint64_t bytes;
	const struct rb_export *known; /**< it is not read: this has it; NULL: it is read */
	size_t known_at;               /**< where in known->manifest.tables */
	bool is_kept;                  /**< its tree is the one before: only digests were read */
	struct rb_oid kept_tree;
	uint64_t rows_proved; /**< of row_count: not read, the server's digests say so */
	struct rb_table_digests *digests; /**< of its rows; NULL: none are made */
	bool incomplete;                  /**< it cannot be read whole: its files are not wanted */
	struct rb_err why;                /**< of that */
};

/** What all readers of one export look at. */
struct rb_export_shared {
	const struct rb_export_opts *opts;
	struct rb_pool *pool;
	atomic_ullong rows; /**< so far, for progress */
	atomic_ullong bytes;
	atomic_bool stop;     /**< another reader failed */
	pthread_mutex_t lock; /**< over the chunks of all tables */
};

/** A file of the export, by its directory below the source's ("": that one) and below it. */
struct rb_export_place {
	const char *dir;
	const char *path;
};

/** Append a place's path from the store's root; below is where its path begins there. */
int rb_export_path(const struct rb_export_opts *opts, const struct rb_export_place *place,
                   struct rb_buf *out, size_t *below, struct rb_err *err) RB_MUST_CHECK;

/**
 * Store one file's bytes: object, pack, working tree.
 *
 * path  from the store's root
 * oid   its name
 */
int rb_export_store(const struct rb_export_opts *opts, unsigned int slot, const char *path,
                    const struct rb_bytes *content, struct rb_oid *oid,
                    struct rb_err *err) RB_MUST_CHECK;

/** Store a file, and add it to the tree of its directory. */
int rb_export_add(const struct rb_export_opts *opts, unsigned int slot,
                  const struct rb_export_place *place, const struct rb_bytes *content,
                  struct rb_tree_builder *tree, struct rb_err *err) RB_MUST_CHECK;

/** Free what a table holds, but not the table. */
void rb_export_release_table(struct rb_export_table *table);

/* export_select.c */

/**
 * Take out of a catalog the tables that are not exported, and mark the columns whose values are
 * left out; remarks say so, and which patterns of the configuration match nothing.
 *
 * returns  0; RB_E_USAGE for a column that is needed to tell rows apart or to make them again
 */
int rb_export_select(const struct rb_export_opts *opts, struct rb_export *out,
                     struct rb_err *err) RB_MUST_CHECK;

/* export_table.c */

/** A table that is being read: rows go in, chunks go to the queue. */
struct rb_export_reader {
	struct rb_export_shared *shared;
	unsigned int slot;
	const struct rb_table *table;
	const char *table_path;
	struct rb_export_table *out;
	struct rb_rowwriter *writer;
	struct rb_blob_sink blob_sink; /**< the writer's */
	struct rb_cutter *cutter;
	struct rb_map *blobs; /**< long values that are written already */
	size_t *key_positions;
	struct rb_buf key;
	struct rb_grouper *grouper; /**< NULL: no digests are made */
	uint64_t rows_since_look;
	uint64_t bytes_since_look;
};

/** The jobs of the pool: chunks. */
int rb_export_run_job(void *ctx, unsigned int worker, void *job, struct rb_err *err);
void rb_export_drop_job(void *ctx, void *job);

/**
 * Begin a table.
 *
 * reader  shared, slot, table, table_path and out are set, the rest is zero; it stays in its
 *         place until rb_export_reader_release()
 */
int rb_export_reader_begin(struct rb_export_reader *reader, struct rb_err *err) RB_MUST_CHECK;

/** Take a row; a sink's functions, with the reader as ctx. */
int rb_export_reader_row(void *reader, const struct rb_value *values,
                         struct rb_err *err) RB_MUST_CHECK;
int rb_export_reader_text(void *reader, const char *text, size_t len,
                          struct rb_err *err) RB_MUST_CHECK;

/**
 * Take a row that an older backup has.
 *
 * line  without its end
 */
int rb_export_reader_line(struct rb_export_reader *reader, const char *line, size_t len,
                          const struct rb_value *values, struct rb_err *err) RB_MUST_CHECK;

/** Take a chunk that an older backup has: see rb_cutter_pass(). */
int rb_export_reader_pass(struct rb_export_reader *reader, const struct rb_chunk_known *chunk,
                          const struct rb_chunk_note *note, const struct rb_oid *oid,
                          struct rb_err *err) RB_MUST_CHECK;

/** All rows are in: hand out what is left. */
int rb_export_reader_end(struct rb_export_reader *reader, struct rb_err *err) RB_MUST_CHECK;

void rb_export_reader_release(struct rb_export_reader *reader);

/**
 * Read all rows of a table; its chunks are done or in the pool's queue afterwards.
 *
 * source  the connection to read through
 * slot    this thread's, of the pack and of the pool
 * path    the table's directory below the source's
 */
int rb_export_read_table(struct rb_export_shared *shared, struct rb_source *source,
                         unsigned int slot, const struct rb_table *table, const char *path,
                         struct rb_export_table *out, struct rb_err *err) RB_MUST_CHECK;

/* export_merge.c */

/**
 * Read only those rows of a table that are not shown to be as they were; the others are
 * taken from the backup before.
 *
 * is_done  false, with 0: all rows have to be read; nothing was done
 * returns  0; as rb_export_read_table(), and opts->reuse->is_doubted is set when only reading
 *          all of it, by another export, can tell
 */
int rb_export_merge_table(struct rb_export_shared *shared, struct rb_source *source,
                          unsigned int slot, const struct rb_table *table, const char *path,
                          struct rb_export_table *out, bool *is_done,
                          struct rb_err *err) RB_MUST_CHECK;

#endif /* OPS_EXPORT_PRIV_H */
