/*
 * Reals as text: shortest digits that read back as the same bits.
 *
 * Layer: value (1).  Uses: libc.
 *
 * The text always holds '.' or 'e', so it is never taken for an integer: "1.0",
 * "-0.0", "0.1", "1.0e300", "5.0e-324".  Digits: the fewest that read back the
 * same; among those the nearest to the exact value; ties to even.  Form: plain
 * decimal when 1e-5 <= |r| < 1e16, else d.d..e[-]x with no leading zeros or plus.
 * No locale is used.
 *
 * source  the digits: Raffaello Giulietti, "The Schubfach way to render doubles"
 */
#ifndef ROWBACK_VALUE_REAL_H
#define ROWBACK_VALUE_REAL_H

#include <stdbool.h>
#include <stddef.h>

/** Bytes that a finite real's text needs at most, with a NUL. */
#define RB_REAL_TEXT_SIZE 32

/** Write a finite real; returns the length.  Undefined for infinities and NaN. */
size_t rb_real_format(double r, char out[RB_REAL_TEXT_SIZE]);

/**
 * Read a JSON number as the nearest real (ties to even).
 *
 * text  a JSON number, NUL or any other byte after it
 * returns false when it is out of range (it would be infinite), or is no JSON number; out
 *         is as it was then
 * cost  short numbers take the exact fast path; others go through strtod()
 */
bool rb_real_parse(const char *text, size_t len, double *out);

#endif /* ROWBACK_VALUE_REAL_H */
