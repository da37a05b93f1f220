/*
 * Keys as bytes whose memcmp() order is the order of rows.
 *
 * Layer: value (1).  Uses: libc, rowback/base/buf.h, rowback/value/value.h.
 *
 * A key is its columns' encodings, one after the other.  No encoding is a prefix of
 * another of the same length of columns, so concatenation keeps the order.
 *
 *	NULL      05
 *	BOOL      08 00|01
 *	number    10 <8: the greatest double <= the number, as ordered bits>
 *	             <2: big-endian, what an integer has above that double> <1: 00 INT, 01 REAL>
 *	NaN       11
 *	NUMBER    12 <text as TEXT has it>           (ordered by text: decimals of any length)
 *	TEXT      20 <bytes, 00 written as 00 FF> 00 01
 *	TEXT_RAW  21 likewise
 *	BLOB      30 likewise
 *
 * "Ordered bits" are the IEEE 754 bits, big-endian, with the sign bit flipped for
 * numbers >= 0 and all bits flipped below; -0.0 has the bits of 0.0.  So integers and
 * reals are in numeric order together, as SQLite's BINARY order has them; an INT comes
 * before the REAL of equal value.
 */
#ifndef ROWBACK_VALUE_KEY_H
#define ROWBACK_VALUE_KEY_H

#include <stddef.h>
#include <stdint.h>

#include "rowback/base/buf.h"
#include "rowback/value/value.h"

/**
 * Append the encoding of one value.
 *
 * cost  integers and short texts take a few nanoseconds: it is called for every row
 */
int rb_key_add(const struct rb_value *value, struct rb_buf *out, struct rb_err *err) RB_MUST_CHECK;

/**
 * Append the key of a row.
 *
 * values     the row's stored columns
 * positions  which of them are the key, in key order (rb_table_key_positions())
 */
int rb_key_of_row(const struct rb_value *values, const size_t *positions, size_t count,
                  struct rb_buf *out, struct rb_err *err) RB_MUST_CHECK;

/** memcmp order; a shorter key comes before a longer one that starts with it. */
int rb_key_compare(const void *a, size_t a_len, const void *b, size_t b_len);

/**
 * The hash that decides where chunks begin: FNV-1a (64 bits) over the bytes, then the
 * finaliser of MurmurHash3 (fmix64).  Part of the format: docs/format.md has vectors.
 */
uint64_t rb_key_hash(const void *key, size_t len);

/**
 * A file name for a key: reversible to read by eye, ordered as keys are, safe on every
 * file system, no upper case, under 90 bytes.  See docs/format.md "Chunk names".
 *
 * values, positions, count  as for rb_key_of_row()
 * ordinal                   0, or the number among equal keys
 */
int rb_key_name(const struct rb_value *values, const size_t *positions, size_t count,
                uint64_t ordinal, struct rb_buf *out, struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_VALUE_KEY_H */
