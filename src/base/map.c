/*
 * See rowback/base/map.h.
 *
 * Entries lie in arena blocks, in one piece each: header, value, key.  `entries`
 * lists them in order of insertion; `slots`, a power of two and at most three
 * quarters full, finds them by linear probing.
 */
#include <stdalign.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "rowback/base/map.h"

#define SLOTS_MIN 16
/* A slot names its entry in 32 bits. */
#define ENTRIES_MAX (UINT32_MAX - 1)
/* Arena blocks double from the first size to the last, so that a small map is small. */
#define BLOCK_MIN 1024
#define BLOCK_MAX 65536

struct entry {
	uint64_t hash;
	size_t key_len; /**< bytes of the key, which stands after the value */
	alignas(max_align_t) unsigned char value[];
};

struct slot {
	uint32_t tag;   /**< upper half of the hash; spares most comparisons of keys */
	uint32_t entry; /**< index in entries + 1; 0: empty */
};

struct block {
	struct block *next;
	size_t used; /**< bytes of data handed out */
	size_t size; /**< bytes in data */
	alignas(max_align_t) unsigned char data[];
};

struct rb_map {
	size_t value_size;
	uint64_t seed[2];       /**< random, so that no input can be made to collide */
	struct slot *slots;     /**< slots_count of them */
	size_t slots_count;     /**< a power of two, or 0 before the first put */
	struct entry **entries; /**< in order of insertion */
	size_t count;           /**< entries in use */
	struct block *blocks;   /**< newest first */
};

/* Multiply to 128 bits and fold: each bit of either factor reaches the whole result. */
static uint64_t mix(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
	__extension__ unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
#else
	uint64_t low = (a & UINT32_MAX) * (b & UINT32_MAX);
	uint64_t mid1 = (a >> 32) * (b & UINT32_MAX) + (low >> 32);
	uint64_t mid2 = (a & UINT32_MAX) * (b >> 32) + (mid1 & UINT32_MAX);
	uint64_t high = (a >> 32) * (b >> 32) + (mid1 >> 32) + (mid2 >> 32);

	return (mid2 << 32 | (low & UINT32_MAX)) ^ high;
#endif
}

static uint64_t load64(const unsigned char *in)
{
	uint64_t word;

	memcpy(&word, in, sizeof(word));
	return word;
}

static uint64_t load32(const unsigned char *in)
{
	uint32_t word;

	memcpy(&word, in, sizeof(word));
	return word;
}

/* The hash never leaves the process, so the byte order of the words does not matter. */
static uint64_t hash_key(const struct rb_map *map, const void *key, size_t key_len)
{
	const unsigned char *in = key;
	uint64_t hash = map->seed[1] ^ key_len;
	size_t left = key_len;
	uint64_t a = 0;
	uint64_t b = 0;

	for (; left > 16; left -= 16, in += 16)
		hash = mix(load64(in) ^ map->seed[0], load64(in + 8) ^ hash);

	/* What is left is read as two words that may overlap. */
	if (left >= 8) {
		a = load64(in);
		b = load64(in + left - 8);
	} else if (left >= 4) {
		a = load32(in);
		b = load32(in + left - 4);
	} else if (left > 0) {
		a = (uint64_t)in[0] << 16 | (uint64_t)in[left / 2] << 8 | in[left - 1];
	}
	hash = mix(a ^ map->seed[0], b ^ hash);
	return mix(hash ^ map->seed[1], UINT64_C(0x9e3779b97f4a7c15)); /* 2^64 / golden ratio */
}

int rb_map_new(size_t value_size, struct rb_map **out, struct rb_err *err)
{
	struct rb_map *map = calloc(1, sizeof(*map));

	if (!map)
		return rb_err_set(err, RB_E_NOMEM, "no memory for a map");
	map->value_size = value_size;
	/* Without entropy the map is right all the same, only its speed can be attacked. */
	if (getentropy(map->seed, sizeof(map->seed)) < 0) {
		map->seed[0] = UINT64_C(0x243f6a8885a308d3); /* the fraction of pi */
		map->seed[1] = UINT64_C(0x13198a2e03707344);
	}
	*out = map;
	return RB_OK;
}

void rb_map_free(struct rb_map *map)
{
	if (!map)
		return;
	while (map->blocks) {
		struct block *next = map->blocks->next;

		free(map->blocks);
		map->blocks = next;
	}
	free(map->entries);
	free(map->slots);
	free(map);
}

static const unsigned char *entry_key(const struct rb_map *map, const struct entry *entry)
{
	return entry->value + map->value_size;
}

static struct entry *find(const struct rb_map *map, uint64_t hash, const void *key, size_t key_len)
{
	size_t mask = map->slots_count - 1;

	if (map->slots_count == 0)
		return NULL;
	for (size_t i = hash & mask; map->slots[i].entry != 0; i = (i + 1) & mask) {
		struct entry *entry;

		if (map->slots[i].tag != (uint32_t)(hash >> 32))
			continue;
		entry = map->entries[map->slots[i].entry - 1];
		if (entry->key_len == key_len &&
		    (key_len == 0 || memcmp(entry_key(map, entry), key, key_len) == 0))
			return entry;
	}
	return NULL;
}

void *rb_map_get(const struct rb_map *map, const void *key, size_t key_len)
{
	struct entry *entry = find(map, hash_key(map, key, key_len), key, key_len);

	return entry ? entry->value : NULL;
}

/* Memory for one entry that lives as long as the map; NULL without memory. */
static void *arena_alloc(struct rb_map *map, size_t size)
{
	struct block *block = map->blocks;
	size_t block_size;
	void *piece;

	if (size > SIZE_MAX - sizeof(*block) - alignof(max_align_t))
		return NULL;
	size = (size + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
	if (!block || block->size - block->used < size) {
		block_size = block ? block->size * 2 : BLOCK_MIN;
		if (block_size > BLOCK_MAX)
			block_size = BLOCK_MAX;
		if (block_size < size)
			block_size = size;
		block = malloc(sizeof(*block) + block_size);
		if (!block)
			return NULL;
		block->next = map->blocks;
		block->used = 0;
		block->size = block_size;
		map->blocks = block;
	}
	piece = block->data + block->used;
	block->used += size;
	return piece;
}

static void insert_slot(struct slot *slots, size_t slots_count, uint64_t hash, size_t index)
{
	size_t mask = slots_count - 1;
	size_t i = hash & mask;

	while (slots[i].entry != 0)
		i = (i + 1) & mask;
	slots[i].tag = (uint32_t)(hash >> 32);
	slots[i].entry = (uint32_t)(index + 1);
}

/* Room for one more entry in both arrays. */
static int grow(struct rb_map *map, struct rb_err *err)
{
	size_t slots_count = map->slots_count;
	struct entry **entries;
	struct slot *slots;

	if (map->count >= ENTRIES_MAX)
		return rb_err_set(err, RB_E_LIMIT, "a map holds at most %zu entries",
		                  (size_t)ENTRIES_MAX);
	if (map->count < slots_count / 4 * 3)
		return RB_OK;

	slots_count = slots_count ? slots_count * 2 : SLOTS_MIN;
	entries = realloc(map->entries, slots_count / 4 * 3 * sizeof(struct entry *));
	if (!entries)
		return rb_err_set(err, RB_E_NOMEM, "no memory for %zu map entries", slots_count);
	map->entries = entries;
	slots = calloc(slots_count, sizeof(*slots));
	if (!slots)
		return rb_err_set(err, RB_E_NOMEM, "no memory for %zu map slots", slots_count);

	for (size_t i = 0; i < map->count; i++)
		insert_slot(slots, slots_count, map->entries[i]->hash, i);
	free(map->slots);
	map->slots = slots;
	map->slots_count = slots_count;
	return RB_OK;
}

int rb_map_put(struct rb_map *map, const void *key, size_t key_len, const void *value,
               struct rb_err *err)
{
	uint64_t hash = hash_key(map, key, key_len);
	struct entry *entry = find(map, hash, key, key_len);
	size_t fixed = sizeof(*entry) + map->value_size;
	int rc;

	if (!entry) {
		rc = grow(map, err);
		if (rc < 0)
			return rc;
		if (key_len <= SIZE_MAX - fixed)
			entry = arena_alloc(map, fixed + key_len);
		if (!entry)
			return rb_err_set(err, RB_E_NOMEM, "no memory for a map key of %zu bytes",
			                  key_len);
		entry->hash = hash;
		entry->key_len = key_len;
		if (key_len > 0)
			memcpy(entry->value + map->value_size, key, key_len);
		insert_slot(map->slots, map->slots_count, hash, map->count);
		map->entries[map->count++] = entry;
	}
	if (map->value_size > 0)
		memcpy(entry->value, value, map->value_size);
	return RB_OK;
}

size_t rb_map_count(const struct rb_map *map)
{
	return map->count;
}

int rb_map_at(const struct rb_map *map, size_t n, const void **key, size_t *key_len, void **value)
{
	struct entry *entry;

	if (n >= map->count)
		return 0;
	entry = map->entries[n];
	*key = entry_key(map, entry);
	*key_len = entry->key_len;
	*value = entry->value;
	return 1;
}
