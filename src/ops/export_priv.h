/*
 * What the files of the export share: readers of tables, and what they bring.
 *
 * Layer: ops (3), private.
 */
#ifndef OPS_EXPORT_PRIV_H
#define OPS_EXPORT_PRIV_H

#include <stdatomic.h>

#include "rowback/base/buf.h"
#include "rowback/base/pool.h"
#include "rowback/ops/export.h"

/** A file of the export: where it lies and what it is called. */
struct rb_export_file {
	char *path;       /**< from the store's root */
	size_t below_dir; /**< where in path the part below its directory begins */
	struct rb_oid oid;
	struct rb_export_file *next;
};

/** Files in the order they were made: key order. */
struct rb_export_files {
	struct rb_export_file *first;
	struct rb_export_file *last;
};

/** A table that was read. */
struct rb_export_table {
	struct rb_export_files files;
	uint64_t rows;
	uint64_t bytes;
	bool incomplete;   /**< it cannot be read whole: its files are not wanted */
	struct rb_err why; /**< of that */
};

/** What all readers of one export look at. */
struct rb_export_shared {
	const struct rb_export_opts *opts;
	struct rb_pool *pool;
	atomic_ullong rows; /**< so far, for progress */
	atomic_ullong bytes;
	atomic_bool stop; /**< another reader failed */
};

/** Append a file below a table's directory, or the source's when table_path is "". */
int rb_export_add_file(const struct rb_export_shared *shared, struct rb_export_files *files,
                       const char *table_path, const char *path, struct rb_export_file **out,
                       struct rb_err *err) RB_MUST_CHECK;

/** Store one file's bytes: object, pack, working tree. */
int rb_export_store(const struct rb_export_opts *opts, unsigned int slot,
                    struct rb_export_file *file, const void *data, size_t len,
                    struct rb_err *err) RB_MUST_CHECK;

void rb_export_free_files(struct rb_export_files *files);

/* export_table.c */

/** The jobs of the pool: chunks. */
int rb_export_run_job(void *ctx, unsigned int worker, void *job, struct rb_err *err);
void rb_export_drop_job(void *ctx, void *job);

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

#endif /* OPS_EXPORT_PRIV_H */
