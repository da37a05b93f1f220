/*
 * Names of any kind as path components that check out everywhere, and back.
 *
 * Layer: format (2).  Uses: rowback/base.
 *
 *	A-Z a-z 0-9 _ -   as they are; '-' not in front
 *	.                 as it is; not first or last
 *	any other byte    %xx, lower-case hex ("order details": order%20details)
 *	""                "%"
 *
 * A name that Windows keeps for a device (con, nul, com1, ...), or that the store uses
 * beside table directories (schema.sql, schema.json), has its first byte written as %xx.
 * A name whose form is longer than 80 bytes is cut at 60 and gets "%%" and 16 hex digits
 * of its hash (rb_key_hash()); the table's own document has the name in full.
 *
 * Two names of one source that differ in case only would be one file on Windows and
 * macOS: there each one with capital letters gets "%%" and its capitals as a hex number
 * (bit 0 is the first byte of the form).
 */
#ifndef ROWBACK_FORMAT_PATH_H
#define ROWBACK_FORMAT_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "rowback/base/buf.h"
#include "rowback/base/err.h"

/** Append the component for a name. */
int rb_path_encode(const char *name, struct rb_buf *out, struct rb_err *err) RB_MUST_CHECK;

/** Whether two names' components would be one file where case does not count. */
bool rb_path_collides(const char *a, const char *b);

/** Append the component for a name that collides with another of its source. */
int rb_path_encode_cased(const char *name, struct rb_buf *out, struct rb_err *err) RB_MUST_CHECK;

/**
 * Append the name a component stands for.
 *
 * returns 0; RB_E_FORMAT for a component that rb_path_encode() would not have made, a
 *         shortened one included
 */
int rb_path_decode(const char *component, struct rb_buf *out, struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_FORMAT_PATH_H */
