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
 * returns 0; RB_E_LIMIT; RB_E_NOMEM; on failure out is as it was
 * cost    integers and short texts take a few nanoseconds: it is called for every row
 */
int rb_key_add(const struct rb_value *value, struct rb_buf *out, struct rb_err *err) RB_MUST_CHECK;

/**
 * Append the key of a row.
 *
 * values     the row's stored columns
 * positions  which of them are the key, in key order (rb_table_key_positions())
 * returns    as rb_key_add()
 */
int rb_key_of_row(const struct rb_value *values, const size_t *positions, size_t count,
                  struct rb_buf *out, struct rb_err *err) RB_MUST_CHECK;

/**
 * Read a key back into values, as far as a key can tell (-0.0 comes back as 0.0).
 *
 * values  receives `count` values
 * room    holds their bytes until it is changed
 * returns 0; RB_E_FORMAT; RB_E_NOMEM
 */
int rb_key_decode(const void *key, size_t len, struct rb_value *values, size_t count,
                  struct rb_buf *room, struct rb_err *err) RB_MUST_CHECK;

/** memcmp order; a shorter key comes before a longer one that starts with it. */
int rb_key_compare(const void *a, size_t a_len, const void *b, size_t b_len);

/**
 * The hash that decides where chunks begin: FNV-1a (64 bits) over the bytes, then the
 * finaliser of MurmurHash3 (fmix64).  Part of the format: docs/format.md has vectors.
 */
uint64_t rb_key_hash(const void *key, size_t len);

/*
 * Chunk names.
 *
 * Each key column is rendered, columns are joined with '#'; after a last column of the
 * four kinds whose length varies there is a '#' too.
 *
 *	NULL         %
 *	BOOL         %f or %t
 *	below -2^63  + <16 hex: ordered bits>                     (REAL, -inf)
 *	negative     - <19 digits: the integer + 2^63>
 *	up to        <10 digits>                                  (0 to 9999999999)
 *	above        = <19 digits>                                (to 2^63 - 1)
 *	above that   =r <16 hex: ordered bits>                    (REAL, inf)
 *	NaN          @
 *	NUMBER       ^ <escaped text>                             (length varies)
 *	TEXT         _ <escaped bytes>                            (length varies)
 *	TEXT_RAW     ` <escaped bytes>                            (length varies)
 *	BLOB         x <hex>                                      (length varies)
 *
 * A REAL from -2^63 to below 2^63 is the integer at or below it, then r <16 hex: ordered
 * bits>.  Hex is lower-case.  Escapes keep the order of bytes and hold no upper case:
 *
 *	0-9 a-z _    themselves            00 to 2F     % <2 hex>
 *	A-Z          = <in lower case>     3A to 40     ; <2 hex>
 *	5B to 5E     @ <2 hex>             60           `60
 *	7B to FF     ~ <2 hex>
 *
 * An ordinal over 0 is appended as = and 10 digits (over 9999999999: == and 20 digits).
 * A key of no columns is '%'.
 *
 * Byte order of names is the order of keys and ordinals, as long as neither name is cut.
 * It stays so behind a suffix that begins with '.' or '/': a name that starts another one
 * goes on there with a greater byte.  So files "NAME.jsonl" and directories "NAME/" are
 * listed in key order.
 *
 * A name over 80 bytes is cut at 60 bytes and gets ~~ and 16 hex digits: the hash of the key
 * bytes, followed by the ordinal as 8 bytes big-endian when it is over 0.  ~~ is in no name
 * that is not cut.  Names that are equal in their first 60 bytes, with a cut one among them,
 * are not in key order.
 *
 *	(42)                    0000000042
 *	(-1)                    -9223372036854775807
 *	(2.5)                   0000000002rc004000000000000
 *	('Ab c')                _=ab%20c#
 *	('Ab c', NULL)          _=ab%20c#%
 *	(7), ordinal 3          0000000007=0000000003
 */

/** Bytes in a name at most. */
#define RB_KEY_NAME_MAX 80

/**
 * Append a file name for a key: reversible to read by eye, ordered as keys are, safe on
 * every file system, no upper case.  See "Chunk names" above.
 *
 * values, positions, count  as for rb_key_of_row()
 * ordinal                   0, or the number among equal keys
 * returns                   as rb_key_add()
 */
int rb_key_name(const struct rb_value *values, const size_t *positions, size_t count,
                uint64_t ordinal, struct rb_buf *out, struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_VALUE_KEY_H */
