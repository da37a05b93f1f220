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
 * Two names of one source that differ in the case of ASCII letters only would be one file
 * on Windows and macOS: there each one with capital letters gets "%%" and its capitals as a
 * hex number (bit 0 is the first byte of the form; no leading zeros).
 *
 *	orders           orders
 *	order details    order%20details
 *	.hidden          %2ehidden
 *	aux.txt          %61ux.txt
 *	Users, users     Users%%1, users
 */
#ifndef ROWBACK_FORMAT_PATH_H
#define ROWBACK_FORMAT_PATH_H

#include "rowback/base/buf.h"
#include "rowback/base/err.h"

/** Bytes in a component at most: 78 of a form that is cut, its capitals as 20 digits. */
#define RB_PATH_COMPONENT_MAX 100

/** Append the component for a name.  On failure out is as it was. */
int rb_path_encode(const char *name, struct rb_buf *out, struct rb_err *err) RB_MUST_CHECK;

/**
 * Append a name with its ASCII capitals as small letters: names whose folded forms are equal
 * would be one file where case does not count.
 */
int rb_path_fold(const char *name, struct rb_buf *out, struct rb_err *err) RB_MUST_CHECK;

/**
 * Append the component for a name that is folded to the same as another of its source.  On
 * failure out is as it was.
 */
int rb_path_encode_cased(const char *name, struct rb_buf *out, struct rb_err *err) RB_MUST_CHECK;

/**
 * Append the name a component stands for.
 *
 * returns 0; RB_E_FORMAT for a component that neither of the two above would have made, and
 *         for a cut one.  On failure out is as it was.
 */
int rb_path_decode(const char *component, struct rb_buf *out, struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_FORMAT_PATH_H */
