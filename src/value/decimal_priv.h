/*
 * Integers as decimal text, for the parts of value/ that write numbers.
 *
 * Layer: value (1).  Uses: libc.
 */
#ifndef VALUE_DECIMAL_PRIV_H
#define VALUE_DECIMAL_PRIV_H

#include <stdint.h>

/** Bytes that rb_decimal_write() writes at most: UINT64_MAX has 20 digits. */
#define RB_DECIMAL_SIZE 20

/** Write v at out, without leading zeros or a NUL; returns the end of the text. */
char *rb_decimal_write(char *out, uint64_t v);

#endif /* VALUE_DECIMAL_PRIV_H */
