/*
 * A hash map from byte strings to byte strings of a fixed size.
 *
 * Layer: base (0).  Uses: libc.
 *
 * Open addressing over one array of slots; entries are never removed one by one.
 * Keys are copied into the map, and an entry never moves: pointers to keys and values
 * hold until the map is freed.  The hash is seeded at random, so that names out of a
 * hostile database cannot be made to collide; order of insertion is all that shows.
 * Not for concurrent writers; concurrent readers are fine once nothing writes.
 */
#ifndef ROWBACK_BASE_MAP_H
#define ROWBACK_BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "rowback/base/err.h"

struct rb_map;

/** An empty map whose values have value_size bytes (0: a set). */
int rb_map_new(size_t value_size, struct rb_map **out, struct rb_err *err) RB_MUST_CHECK;

/** Free the map; NULL is allowed. */
void rb_map_free(struct rb_map *map);

/** The value of a key, or NULL.  For a set: any non-NULL pointer means "is in". */
void *rb_map_get(const struct rb_map *map, const void *key, size_t key_len);

/**
 * Set the value of a key (copied; ignored for a set), replacing an older one.
 *
 * returns 0; RB_E_NOMEM; RB_E_LIMIT past 2^32 - 2 entries.  A failure changes nothing.
 */
int rb_map_put(struct rb_map *map, const void *key, size_t key_len, const void *value,
               struct rb_err *err) RB_MUST_CHECK;

/** Entries in the map. */
size_t rb_map_count(const struct rb_map *map);

/** The n-th entry in order of insertion; 0 past the end, else 1.  Pointers stay the map's. */
int rb_map_at(const struct rb_map *map, size_t n, const void **key, size_t *key_len, void **value);

#endif /* ROWBACK_BASE_MAP_H */
