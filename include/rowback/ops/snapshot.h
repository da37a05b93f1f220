/*
 * A source as a backup holds it, and its rows.
 *
 * Layer: ops (3).  Uses: repo (objects, trees), format (documents), value (rows).
 *
 * Everything comes from a store and is untrusted: names, sizes and order are checked.
 */
#ifndef ROWBACK_OPS_SNAPSHOT_H
#define ROWBACK_OPS_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowback/format/documents.h"
#include "rowback/repo/repo.h"
#include "rowback/value/schema.h"
#include "rowback/value/value.h"

/** A table of a snapshot: catalog->tables[i] goes with tables[i]. */
struct rb_snapshot_table {
	char *path;         /**< its directory below the source's */
	struct rb_oid tree; /**< that directory's tree */
	uint64_t rows;      /**< as the manifest says */
};

/** One source in one tree.  Release with rb_snapshot_release(). */
struct rb_snapshot {
	struct rb_repo *repo;             /**< borrowed */
	char *source;                     /**< its name */
	struct rb_oid tree;               /**< the source's tree */
	struct rb_catalog *catalog;       /**< engine, settings, objects, tables */
	struct rb_snapshot_table *tables; /**< catalog->table_count of them */
	char **missing;                   /**< tables that could not be read when it was made */
	size_t missing_count;
	uint64_t rows; /**< of all tables */
};

/** Read rowback.json of a root tree.  RB_E_NOTFOUND when the tree is no rowback store's. */
int rb_snapshot_manifest(struct rb_repo *repo, const struct rb_oid *root, struct rb_manifest *out,
                         struct rb_err *err) RB_MUST_CHECK;

/**
 * Load a source's documents.
 *
 * root    the backup's root tree
 * source  its name; NULL: the only one
 * returns 0; RB_E_NOTFOUND when the backup has no such source (the message lists those it
 *         has); RB_E_FORMAT for a damaged store
 */
int rb_snapshot_load(struct rb_repo *repo, const struct rb_oid *root, const char *source,
                     struct rb_snapshot *out, struct rb_err *err) RB_MUST_CHECK;

/** The struct is empty afterwards. */
void rb_snapshot_release(struct rb_snapshot *snapshot);

/** The index of a table of this name, or -1. */
long rb_snapshot_find(const struct rb_snapshot *snapshot, const char *table);

/** Chunks of a table, in key order. */
struct rb_chunk_list {
	char **paths; /**< below the table's rows: "0000000001.jsonl" */
	struct rb_oid *oids;
	size_t count;
	size_t room;
};

/** Add one; the path is copied. */
int rb_chunk_list_add(struct rb_chunk_list *list, const char *path, const struct rb_oid *oid,
                      struct rb_err *err) RB_MUST_CHECK;

/** All chunks of a table. */
int rb_snapshot_chunks(const struct rb_snapshot *snapshot, size_t table, struct rb_chunk_list *out,
                       struct rb_err *err) RB_MUST_CHECK;

void rb_chunk_list_release(struct rb_chunk_list *list);

struct rb_rows;

/** How to read rows. */
struct rb_rows_opts {
	const struct rb_snapshot *snapshot;
	size_t table;
	const struct rb_chunk_list *chunks; /**< borrowed; some or all of the table's chunks */
	bool in_order;                      /**< they are in the order of rows, whatever their
	                                         names say */
	bool skip_blobs;                    /**< give values in files as empty: keys only */
	bool verify;                        /**< check each object's name: whole content */
	bool read_ahead;                    /**< read the next chunks in a thread of its own */
};

/** One row. */
struct rb_row {
	const char *line; /**< without its end */
	size_t line_len;
	const char *key; /**< value/key.h; with may_repeat, of the whole row after it */
	size_t key_len;
	bool may_repeat; /**< another row may be equal: the key has a NULL, or is the whole row */
	const struct rb_value *values; /**< stored columns; NULL until rb_rows_parse() */
};

/** Begin reading rows. */
int rb_rows_open(const struct rb_rows_opts *opts, struct rb_rows **out,
                 struct rb_err *err) RB_MUST_CHECK;

/** NULL is allowed. */
void rb_rows_close(struct rb_rows *rows);

/**
 * Go to the next row; only its line is set.
 *
 * returns 1; 0 at the end; RB_E_FORMAT for a damaged chunk (named)
 */
int rb_rows_next(struct rb_rows *rows, struct rb_row *row, struct rb_err *err) RB_MUST_CHECK;

/**
 * Parse the row that rb_rows_next() gave: values and key are set, and stay until the next
 * rb_rows_next().
 *
 * returns 0; RB_E_FORMAT when it cannot be parsed or is not after the row parsed before
 */
int rb_rows_parse(struct rb_rows *rows, struct rb_row *row, struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_OPS_SNAPSHOT_H */
