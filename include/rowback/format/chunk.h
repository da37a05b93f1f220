/*
 * Rows into chunks: where files begin, and what they are called.
 *
 * Layer: format (2).  Uses: rowback/base, rowback/value/key.h.
 *
 * The cuts depend on the set of rows alone.  With h = rb_key_hash(key) (of several rows of
 * one key, all but the first have their number among them from 1 behind it, as 8 bytes,
 * big-endian):
 *
 *  1. A row begins a segment when h < bytes(line) * 2^64 / RB_SEGMENT_MEAN.  This asks
 *     only the row itself.  (A segment that has reached RB_SEGMENT_MAX also ends.)
 *  2. A segment longer than RB_CHUNK_MAX is cut in two at the row with the smallest h
 *     among those that leave RB_CHUNK_MIN bytes on either side (among all but the first
 *     row, when there is none such), and so is each part, until no part of two rows or
 *     more is longer.
 *
 * So an inserted, changed or deleted row changes the chunk it stands in, and only now and
 * then a neighbour's border; rows appended at the end leave everything before as it was;
 * and chunks are even in size, where cutting by the hash alone leaves many twice the mean.
 *
 * A chunk is named by its first row's key (rb_key_name()).  Directories: the lowest bits
 * of h that are zero, in groups of 6, are a row's rank.  A chunk whose first row has rank
 * r > 0 closes the open directories of rank r and below, and opens one of its own name; it
 * and the following chunks lie in that.  The first chunk of a table opens none, so a table
 * of one chunk has no directory at all.  About 64 entries a directory.
 */
#ifndef ROWBACK_FORMAT_CHUNK_H
#define ROWBACK_FORMAT_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowback/base/buf.h"
#include "rowback/base/err.h"

/** Bytes in a segment on average; see docs/performance.md for how these were chosen. */
#define RB_SEGMENT_MEAN ((size_t)512 << 10)
/** Bytes after which a segment ends at the next row in any case. */
#define RB_SEGMENT_MAX ((size_t)8 << 20)
/** Bytes in a chunk of several rows at most. */
#define RB_CHUNK_MAX ((size_t)36 << 10)
/** Bytes that a cut leaves on either side where it can. */
#define RB_CHUNK_MIN ((size_t)10 << 10)

/** A segment's bytes, shared by the chunks cut from it. */
struct rb_segment;

/** One chunk, as handed out. */
struct rb_chunk {
	char *path;       /**< below the table's "rows": "0000000001.jsonl"; taken */
	const char *data; /**< lines; lives until rb_segment_unref(segment) */
	size_t len;
	uint64_t rows;
	struct rb_segment *segment; /**< one reference, taken */
	unsigned char rank;         /**< of its first row; see above */
	bool begins_segment;        /**< its first row does, whatever stands before it */
};

/** Receives chunks in key order.  Owns chunk->path and the segment's reference. */
struct rb_chunk_sink {
	int (*put)(void *ctx, struct rb_chunk *chunk, struct rb_err *err);
	void *ctx;
};

/** Give back a reference; from any thread. */
void rb_segment_unref(struct rb_segment *segment);

struct rb_cutter;

/**
 * A cutter for the rows of one table.
 *
 * key_columns  columns in a key, for the names
 */
int rb_cutter_new(size_t key_columns, const struct rb_chunk_sink *sink, struct rb_cutter **out,
                  struct rb_err *err) RB_MUST_CHECK;

/** NULL is allowed. */
void rb_cutter_free(struct rb_cutter *cutter);

/**
 * Where the next line is to be written: append exactly one line, then call
 * rb_cutter_row().  So a line is never copied.
 */
struct rb_buf *rb_cutter_line(struct rb_cutter *cutter);

/**
 * Take the line that was appended as a row with this key.
 *
 * returns 0; RB_E_FORMAT when the key is less than the one before (the source does not
 *         keep the order it promises); what the sink returned
 */
int rb_cutter_row(struct rb_cutter *cutter, const void *key, size_t key_len,
                  struct rb_err *err) RB_MUST_CHECK;

/** A chunk that was cut before, of rows that are the same. */
struct rb_chunk_known {
	const char *name;   /**< the last part of its path, with its ".jsonl" */
	unsigned char rank; /**< of its first row */
};

/**
 * Pass over rows that make the same chunks as before: those of one whole chunk.
 *
 * What comes before ends with the segment it stands in.  So the rows of the first chunk that is
 * passed, and those that follow the last one, have to begin a segment by themselves, or else
 * the table's first and last rows are passed; no key repeats there.  Chunks between the two
 * are passed in their order.  The order of keys is not checked across them.
 *
 * path  receives where it lies now, below the table's "rows"; for free()
 */
int rb_cutter_pass(struct rb_cutter *cutter, const struct rb_chunk_known *chunk, char **path,
                   struct rb_err *err) RB_MUST_CHECK;

/** Hand out what is left; the cutter is empty then and ready for the next table. */
int rb_cutter_finish(struct rb_cutter *cutter, struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_FORMAT_CHUNK_H */
