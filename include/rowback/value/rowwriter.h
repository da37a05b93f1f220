/*
 * Rows out: one canonical JSON object a line.
 *
 * Layer: value (1).  Uses: libc, rowback/base, rowback/value.
 *
 * Columns stand in table order; NULL is left out; no white space.  Strings escape only
 * '"', '\\' and bytes below 0x20 (\b \t \n \f \r, else \u00xx in lower case).  Integers
 * are decimal; reals as value/real.h; what JSON cannot say is a tagged object:
 *
 *	{"$blob":"<base64>"}        BLOB
 *	{"$text":"<base64>"}        TEXT_RAW: the bytes as the engine stores them
 *	{"$real":"inf"|"-inf"|"nan"}
 *	{"$blobfile":"<sha256>","size":N}   a BLOB in a file of its own
 *	{"$textfile":"<sha256>","size":N}   a TEXT in a file of its own (bytes as they are)
 *	{"$rawfile":"<sha256>","size":N}    a TEXT_RAW in a file of its own
 *
 * A NUMBER is written as it is, and must be an integer in its shortest form that int64
 * does not hold: any other would be read back as an INT or a REAL.  In a column of form
 * "number" (value/schema.h) it may be any JSON number, which is read back as it is; an INT
 * or a REAL there would be read back as a NUMBER.
 *
 * A TEXT, TEXT_RAW or BLOB longer than RB_INLINE_MAX bytes goes into a file of its own; so
 * does one over RB_INLINE_LONG_ROW bytes where more than RB_LONG_ROW bytes of the line stand
 * before its member (before the comma).
 *
 * A column's member name is its name when that is UTF-8 and does not begin with '$';
 * "$rowid" for the implicit rowid; '$' and the name when it begins with '$';
 * "$base64:<base64>" when it is not UTF-8.
 */
#ifndef ROWBACK_VALUE_ROWWRITER_H
#define ROWBACK_VALUE_ROWWRITER_H

#include <stddef.h>

#include "rowback/base/buf.h"
#include "rowback/value/schema.h"
#include "rowback/value/value.h"

/** Bytes of text or blob that stay in the row; GitHub recommends objects under 1 MB. */
#define RB_INLINE_MAX ((size_t)512 << 10)
/** A line longer than this sends even small values into files; keeps files far below 100 MB. */
#define RB_LONG_ROW ((size_t)16 << 20)
/** What stays in the row even then. */
#define RB_INLINE_LONG_ROW ((size_t)1 << 10)
/** Bytes in a line at most, its end included: 2,000 columns of 1 KiB and the 16 MiB before. */
#define RB_ROW_MAX ((size_t)64 << 20)

/** Where long values go. */
struct rb_blob_sink {
	/**
	 * Keep bytes as a file named by their SHA-256.
	 *
	 * sha256_hex  receives 64 digits and a NUL
	 */
	int (*put)(void *ctx, const void *data, size_t len, char sha256_hex[65],
	           struct rb_err *err);
	void *ctx;
};

struct rb_rowwriter;

/**
 * A writer for rows of one table.
 *
 * table  borrowed for the call
 * sink   borrowed for the writer's life
 */
int rb_rowwriter_new(const struct rb_table *table, const struct rb_blob_sink *sink,
                     struct rb_rowwriter **out, struct rb_err *err) RB_MUST_CHECK;

/** NULL is allowed. */
void rb_rowwriter_free(struct rb_rowwriter *writer);

/**
 * Append one row's line, its '\n' included.
 *
 * values  one for each stored column (rb_table_stored_columns()), in order; that TEXT is
 *         UTF-8 is not checked again
 * returns 0; RB_E_LIMIT for a row over RB_ROW_MAX or a NUMBER over RB_INLINE_MAX;
 *         RB_E_UNSUPPORTED for another NUMBER than said above; RB_E_NOMEM; what the sink
 *         returned.  On failure out is as it was.
 * cost    about 1 GB/s, and no allocation once out has grown
 */
int rb_rowwriter_add(struct rb_rowwriter *writer, const struct rb_value *values, struct rb_buf *out,
                     struct rb_err *err) RB_MUST_CHECK;

/**
 * Append a column's member name as rows have it, without quotes or JSON escapes.  On failure
 * out is as it was.
 */
int rb_row_member_name(const struct rb_column *column, struct rb_buf *out,
                       struct rb_err *err) RB_MUST_CHECK;

/**
 * Append a JSON string literal of valid UTF-8, quotes included, escaped as rows are.  On
 * failure out is as it was.
 */
int rb_row_quote(const char *text, size_t len, struct rb_buf *out,
                 struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_VALUE_ROWWRITER_H */
