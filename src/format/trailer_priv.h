/*
 * Lines of commit messages that programs read: "name: value" in the last paragraph.
 *
 * Layer: format (2), private.
 */
#ifndef FORMAT_TRAILER_PRIV_H
#define FORMAT_TRAILER_PRIV_H

#include <stdbool.h>
#include <stddef.h>

#include "rowback/base/buf.h"
#include "rowback/base/err.h"

/**
 * Append bytes as they are, but control bytes and what is no UTF-8 become '?'.
 *
 * keep_tabs  a tab stays
 */
int rb_trailer_add_clean(const char *text, size_t len, bool keep_tabs, struct rb_buf *out,
                         struct rb_err *err) RB_MUST_CHECK;

/** Append a text so that it stays on its line. */
int rb_trailer_add_text(const char *text, struct rb_buf *out, struct rb_err *err) RB_MUST_CHECK;

/**
 * Append "name: value\n"; nothing for a value that is NULL or blank.  A value stays on one line:
 * a line of its own would be another trailer.
 */
int rb_trailer_add(const char *name, const char *value, struct rb_buf *out,
                   struct rb_err *err) RB_MUST_CHECK;

/** One line of a message that is read, its end not counted. */
struct rb_trailer_line {
	const char *at;
	size_t len;
};

/** The line that begins here. */
struct rb_trailer_line rb_trailer_line_at(const char *text);

/** Where the line after it begins. */
const char *rb_trailer_after(struct rb_trailer_line line);

/** Where the last paragraph begins; the end of the text when that is the first one, too. */
const char *rb_trailer_find(const char *text);

/** Whether the line is the trailer "name: value"; value is a part of it then. */
bool rb_trailer_is(struct rb_trailer_line line, const char *name, struct rb_trailer_line *value);

#endif /* FORMAT_TRAILER_PRIV_H */
