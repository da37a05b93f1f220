/*
 * Documents (rowback.json, table.json, schema.json, reports) by jansson.
 *
 * Layer: value (1).  Uses: jansson, rowback/base.
 *
 * Rows never pass through here: value/rowwriter.h and value/rowreader.h are theirs.
 * Text form: two spaces of indent, members in the order they were set, '\n' at the
 * end, no reals.
 */
#ifndef ROWBACK_VALUE_JSON_H
#define ROWBACK_VALUE_JSON_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "rowback/base/buf.h"
#include "rowback/base/err.h"

/** Append the text form of a document.  On failure out is as it was. */
int rb_json_dump(const json_t *doc, struct rb_buf *out, struct rb_err *err) RB_MUST_CHECK;

/**
 * Append the document on one line, without blanks or a line end: for JSON Lines reports.
 * On failure out is as it was.
 */
int rb_json_dump_line(const json_t *doc, struct rb_buf *out, struct rb_err *err) RB_MUST_CHECK;

/**
 * Parse a document, an array or an object; duplicate members and NUL in names are refused.
 *
 * name    what it is, for messages ("app/users/table.json")
 * out     a new reference, for json_decref(); untouched on failure
 * returns 0; RB_E_FORMAT with line and column; RB_E_LIMIT for nesting over 64; RB_E_NOMEM
 */
int rb_json_parse(const char *text, size_t len, const char *name, json_t **out,
                  struct rb_err *err) RB_MUST_CHECK;

/**
 * A string of any bytes: a JSON string when it is UTF-8, else {"$text":"<base64>"}.
 *
 * returns a new reference, or NULL without memory
 */
json_t *rb_json_bytes(const char *data, size_t len);

/**
 * Read what rb_json_bytes() made.
 *
 * what  for messages
 * out   NUL-terminated, for free(); a string with NUL inside is RB_E_FORMAT, and so is
 *       base64 of what is UTF-8
 */
int rb_json_get_bytes(const json_t *value, const char *what, char **out,
                      struct rb_err *err) RB_MUST_CHECK;

/** Member of an object as a borrowed C string; RB_E_FORMAT when it is missing or no string. */
int rb_json_get_string(const json_t *object, const char *member, const char **out,
                       struct rb_err *err) RB_MUST_CHECK;

/** Member of an object as an integer. */
int rb_json_get_int(const json_t *object, const char *member, int64_t *out,
                    struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_VALUE_JSON_H */
