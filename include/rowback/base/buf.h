/*
 * A growable byte buffer with a maximum.
 *
 * Layer: base (0).  Uses: libc, rowback/base/err.h.
 *
 *	struct rb_buf buf = RB_BUF(1 << 20);
 *	rc = rb_buf_add(&buf, data, len, err);
 *	...
 *	rb_buf_release(&buf);
 *
 * `data` always ends with a NUL that `len` does not count, so it can be passed
 * as a C string when the content holds no NUL.  An empty, untouched buffer has
 * data == NULL; rb_buf_str() gives "" then.
 */
#ifndef ROWBACK_BASE_BUF_H
#define ROWBACK_BASE_BUF_H

#include <stddef.h>

#include "rowback/base/err.h"

struct rb_buf {
	char *data; /**< content, NUL after it; NULL before the first add */
	size_t len; /**< bytes of content */
	size_t cap; /**< bytes allocated */
	size_t max; /**< bytes of content allowed; more is RB_E_LIMIT */
};

/** An empty buffer that may hold up to max_bytes. */
#define RB_BUF(max_bytes)                                                                          \
	{                                                                                          \
		.data = NULL, .len = 0, .cap = 0, .max = (max_bytes)                               \
	}

/** As RB_BUF(), for a struct that is already there. */
void rb_buf_init(struct rb_buf *buf, size_t max_bytes);

/** Free the content; the buffer is empty and usable again. */
void rb_buf_release(struct rb_buf *buf);

/** Forget the content, keep the memory. */
void rb_buf_clear(struct rb_buf *buf);

/**
 * Make room, so that `extra` bytes can be written at data + len by the caller
 * (who then adds to len and keeps the closing NUL).
 *
 * returns 0; RB_E_LIMIT past the maximum; RB_E_NOMEM.  Content is unchanged.
 */
int rb_buf_reserve(struct rb_buf *buf, size_t extra, struct rb_err *err) RB_MUST_CHECK;

/** Append bytes.  returns as rb_buf_reserve(). */
int rb_buf_add(struct rb_buf *buf, const void *data, size_t len, struct rb_err *err) RB_MUST_CHECK;

/** Append a C string.  returns as rb_buf_reserve(). */
int rb_buf_adds(struct rb_buf *buf, const char *text, struct rb_err *err) RB_MUST_CHECK;

/** Append printf-formatted text.  returns as rb_buf_reserve(). */
int rb_buf_addf(struct rb_buf *buf, struct rb_err *err, const char *fmt, ...)
        RB_PRINTF(3, 4) RB_MUST_CHECK;

/** Append a text between quotes, quotes inside doubled, as SQL has it: a"b is "a""b". */
int rb_buf_add_quoted(struct rb_buf *buf, const char *text, char quote,
                      struct rb_err *err) RB_MUST_CHECK;

/** The content as a C string; "" when empty.  Borrowed until the next change. */
const char *rb_buf_str(const struct rb_buf *buf);

/** Hand the content over to the caller, who frees it; "" for an empty buffer.  NULL: no memory. */
char *rb_buf_detach(struct rb_buf *buf);

#endif /* ROWBACK_BASE_BUF_H */
