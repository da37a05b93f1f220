/*
 * The nearest known word, for "did you mean" hints.
 *
 * Layer: base (0).  Uses: libc.
 */
#ifndef ROWBACK_BASE_SUGGEST_H
#define ROWBACK_BASE_SUGGEST_H

#include <stddef.h>

/** Longer words are compared by their first bytes only; it bounds the work and the stack. */
#define RB_SUGGEST_BYTES_MAX 64

/**
 * How many single steps turn one word into the other: a byte put in, left out or changed, or
 * two neighbours swapped.  Upper and lower case are equal (ASCII).
 *
 * source  the "optimal string alignment" distance, which git uses for its suggestions too
 */
size_t rb_suggest_distance(const char *a, const char *b);

/**
 * The known word somebody most likely meant.
 *
 * word    as typed
 * known   words, NULL-terminated; borrowed
 * returns one of known: the one that word is the beginning of (3 bytes at least), or else the
 *         nearest within a third of the length (1 at least); the first of equals.  NULL when
 *         none is near.
 */
const char *rb_suggest(const char *word, const char *const *known);

#endif /* ROWBACK_BASE_SUGGEST_H */
