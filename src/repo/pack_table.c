/*
 * See pack_table_priv.h.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "pack_table_priv.h"

#define ROOM_MIN 64

/* A slot names its entry in 32 bits, and a pack counts its objects in as many. */
#define ENTRIES_MAX ((size_t)UINT32_MAX - 1)

void rb_pack_table_release(struct rb_pack_table *table)
{
	free(table->entries);
	free(table->slots);
	memset(table, 0, sizeof(*table));
}

/* Where to look first.  Bytes of a SHA-1 are random, but some may be chosen. */
static size_t first_slot(const struct rb_pack_table *table, const struct rb_oid *oid)
{
	uint64_t head;

	memcpy(&head, oid->id, sizeof(head));
	head *= table->seed;
	return (size_t)(head ^ head >> 32) & (table->slot_count - 1);
}

/* The slot of a name, or the empty one where it belongs. */
static size_t find_slot(const struct rb_pack_table *table, const struct rb_oid *oid)
{
	size_t slot = first_slot(table, oid);

	while (table->slots[slot] != 0 &&
	       !rb_oid_equal(&table->entries[table->slots[slot] - 1].oid, oid))
		slot = (slot + 1) & (table->slot_count - 1);
	return slot;
}

static int grow_entries(struct rb_pack_table *table, struct rb_err *err)
{
	size_t room = table->room ? 2 * table->room : ROOM_MIN;
	struct rb_idx_entry *grown = realloc(table->entries, room * sizeof(*grown));

	if (!grown)
		return rb_err_set(err, RB_E_NOMEM, "no memory for %zu objects", room);
	table->entries = grown;
	table->room = room;
	return RB_OK;
}

/* At most three quarters of the slots are in use. */
static int grow_slots(struct rb_pack_table *table, struct rb_err *err)
{
	size_t slot_count = table->slot_count ? 2 * table->slot_count : 2 * ROOM_MIN;
	uint32_t *slots = calloc(slot_count, sizeof(*slots));

	if (!slots)
		return rb_err_set(err, RB_E_NOMEM, "no memory for %zu objects", slot_count);
	free(table->slots);
	table->slots = slots;
	table->slot_count = slot_count;
	for (size_t i = 0; i < table->count; i++)
		slots[find_slot(table, &table->entries[i].oid)] = (uint32_t)(i + 1);
	return RB_OK;
}

static int make_room(struct rb_pack_table *table, struct rb_err *err)
{
	int rc = RB_OK;

	if (table->count >= ENTRIES_MAX)
		return rb_err_set(err, RB_E_LIMIT, "a pack holds at most %zu objects", ENTRIES_MAX);
	/* Without entropy the table is right all the same, only its speed can be attacked. */
	if (table->seed == 0 && getentropy(&table->seed, sizeof(table->seed)) < 0)
		table->seed = UINT64_C(0x9e3779b97f4a7c15); /* 2^64 / golden ratio */
	table->seed |= 1;
	if (table->count == table->room)
		rc = grow_entries(table, err);
	if (rc == RB_OK && table->count >= table->slot_count / 4 * 3)
		rc = grow_slots(table, err);
	return rc;
}

int rb_pack_table_add(struct rb_pack_table *table, const struct rb_oid *oid, size_t *at,
                      bool *is_new, struct rb_err *err)
{
	size_t slot;
	int rc = make_room(table, err);

	if (rc < 0)
		return rc;
	slot = find_slot(table, oid);
	*is_new = table->slots[slot] == 0;
	if (*is_new) {
		memset(&table->entries[table->count], 0, sizeof(*table->entries));
		table->entries[table->count].oid = *oid;
		table->slots[slot] = (uint32_t)++table->count;
	}
	*at = table->slots[slot] - 1;
	return RB_OK;
}
