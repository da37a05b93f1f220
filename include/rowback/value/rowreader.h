/*
 * Rows in: what value/rowwriter.h wrote, and nothing else.
 *
 * Layer: value (1).  Uses: libc, rowback/base, rowback/value.
 *
 * Input is untrusted: a line that is not exactly what the writer would have written for
 * some row is RB_E_FORMAT, with the column and the byte where it went wrong.  Strict
 * reading is what makes "same rows" and "same bytes" the same thing.  Two things cannot be
 * told from a line alone and are not checked: whether TEXT_RAW really is no text of the
 * source's encoding, and what is in files.
 */
#ifndef ROWBACK_VALUE_ROWREADER_H
#define ROWBACK_VALUE_ROWREADER_H

#include <stddef.h>

#include "rowback/base/buf.h"
#include "rowback/value/schema.h"
#include "rowback/value/value.h"

/** Where long values come from. */
struct rb_blob_source {
	/**
	 * Append the file's bytes, and see to it that they have this SHA-256: here only
	 * their number is checked, and that text is UTF-8.
	 *
	 * size  as the row says it: not to be trusted with an allocation
	 */
	int (*get)(void *ctx, const char *sha256_hex, size_t size, struct rb_buf *out,
	           struct rb_err *err);
	void *ctx;
};

struct rb_rowreader;

/**
 * A reader for rows of one table.
 *
 * table   borrowed for the call
 * source  borrowed for the reader's life; NULL: values in files are given as the
 *         empty bytes of their kind (for passes that look at keys only)
 */
int rb_rowreader_new(const struct rb_table *table, const struct rb_blob_source *source,
                     struct rb_rowreader **out, struct rb_err *err) RB_MUST_CHECK;

/** NULL is allowed. */
void rb_rowreader_free(struct rb_rowreader *reader);

/**
 * Read one line.
 *
 * line    without its '\n'
 * values  receives one for each stored column; bytes point into the line or into the
 *         reader and stay valid until its next call; undefined on failure
 * returns 0; RB_E_FORMAT; RB_E_LIMIT for a line over RB_ROW_MAX; RB_E_NOMEM; what the
 *         source returned
 * cost    over 1 GB/s for text without escapes; strings without escapes are not copied
 */
int rb_rowreader_line(struct rb_rowreader *reader, const char *line, size_t len,
                      struct rb_value *values, struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_VALUE_ROWREADER_H */
