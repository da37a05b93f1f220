/*
 * One value of one column, as an engine gave it.
 *
 * Layer: value (1).  Uses: libc.
 *
 * A value borrows its bytes: they live as long as the reader that gave them says.
 */
#ifndef ROWBACK_VALUE_VALUE_H
#define ROWBACK_VALUE_VALUE_H

#include <stddef.h>
#include <stdint.h>

/** What a value is.  The order is the order of keys (see value/key.h). */
enum rb_value_kind {
	RB_VALUE_NULL,     /**< SQL NULL */
	RB_VALUE_BOOL,     /**< u.i is 0 or 1 */
	RB_VALUE_INT,      /**< u.i */
	RB_VALUE_REAL,     /**< u.r; any bits, infinities and NaN included */
	RB_VALUE_NUMBER,   /**< u.bytes: a JSON number kept as text, of any length */
	RB_VALUE_TEXT,     /**< u.bytes: well-formed UTF-8; may hold NUL */
	RB_VALUE_TEXT_RAW, /**< u.bytes: text as the engine stores it that is not well-formed
	                      Unicode */
	RB_VALUE_BLOB,     /**< u.bytes */
};

struct rb_bytes {
	const char *data; /**< NULL only when len is 0 */
	size_t len;
};

struct rb_value {
	enum rb_value_kind kind;
	union {
		int64_t i;
		double r;
		struct rb_bytes bytes;
	} u;
};

#endif /* ROWBACK_VALUE_VALUE_H */
