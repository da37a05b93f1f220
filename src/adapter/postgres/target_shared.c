/*
 * See target_priv.h: what stands by itself and is made for the tables that are asked for.
 *
 * A type or function comes with who owns it, its rights and what is said of it, as a table does;
 * where it was there before, all of that stays as it is.  A table that is made anew is put into
 * the publications again that it was taken from.
 */
#include <string.h>

#include "target_priv.h"

/* Kinds that stand by themselves: with --table they are made for what needs them. */
static const char *const shared[] = {
        "aggregate",
        "cast",
        "collation",
        "conversion",
        "domain",
        "extension",
        "function",
        "operator",
        "operator class",
        "operator family",
        "procedure",
        "procedural language",
        "schema",
        "sequence",
        "shell type",
        "text search configuration",
        "text search dictionary",
        "text search parser",
        "text search template",
        "type",
};

#define SHARED_COUNT (sizeof(shared) / sizeof(shared[0]))

/* "type\0public.mood" */
static int key_of(const char *kind, const char *name, struct rb_buf *key, struct rb_err *err)
{
	int rc = rb_buf_add(key, kind, strlen(kind) + 1, err);

	return rc < 0 ? rc : rb_buf_adds(key, name, err);
}

bool rb_pg_is_shared(const struct rb_object *object)
{
	for (size_t i = 0; i < SHARED_COUNT; i++)
		if (strcmp(shared[i], object->kind) == 0)
			return true;
	return false;
}

int rb_pg_shared_add(struct rb_pg_target *target, const struct rb_object *object,
                     struct rb_err *err)
{
	struct rb_buf key = RB_BUF(RB_PG_SCHEMA_MAX);
	int rc;

	/* An identity's sequence, which is its table's. */
	if (strncmp(object->sql, "ALTER TABLE ", strlen("ALTER TABLE ")) == 0)
		return RB_OK;
	rc = target->shared ? RB_OK : rb_map_new(0, &target->shared, err);
	if (rc == RB_OK)
		rc = key_of(object->kind, object->name, &key, err);
	if (rc == RB_OK)
		rc = rb_map_put(target->shared, key.data, key.len, NULL, err);
	rb_buf_release(&key);
	return rc;
}

static bool is_made(const struct rb_pg_target *target, const char *kind, const char *name)
{
	struct rb_buf key = RB_BUF(RB_PG_SCHEMA_MAX);
	bool is_in = key_of(kind, name, &key, NULL) == RB_OK &&
	             rb_map_get(target->shared, key.data, key.len);

	rb_buf_release(&key);
	return is_in;
}

/* Whether "type public.mood" is one that was made. */
static bool is_owner_of_made(const struct rb_pg_target *target, const char *owned)
{
	for (size_t i = 0; i < SHARED_COUNT; i++) {
		size_t len = strlen(shared[i]);

		if (strncmp(owned, shared[i], len) == 0 && owned[len] == ' ' &&
		    is_made(target, shared[i], owned + len + 1))
			return true;
	}
	return false;
}

bool rb_pg_shared_is_about(const struct rb_pg_target *target, const struct rb_catalog *catalog,
                           const struct rb_object *object)
{
	bool is_said =
	        strcmp(object->kind, "comment") == 0 || strcmp(object->kind, "security label") == 0;

	if (!target->shared)
		return false;
	if (strcmp(object->kind, RB_PG_MEMBER) == 0)
		return is_made(target, object->kind, object->name);
	if (strcmp(object->kind, "owner") == 0)
		return is_owner_of_made(target, object->name);
	for (size_t i = 0; is_said && i < SHARED_COUNT; i++)
		if (is_made(target, shared[i], object->table))
			return true;
	if (strcmp(object->kind, "acl") != 0)
		return false;
	for (size_t i = 0; i < catalog->object_count; i++) {
		const struct rb_object *owner = &catalog->objects[i];

		if (strcmp(owner->kind, "owner") == 0 &&
		    rb_pg_rights_are_of(object->sql, owner->sql) &&
		    is_owner_of_made(target, owner->name))
			return true;
	}
	return false;
}

/* The table of "ALTER PUBLICATION p ADD TABLE ONLY public.t WHERE (...)". */
static int member_of(const struct rb_object *member, struct rb_buf *table, struct rb_err *err)
{
	struct rb_pg_token name;

	rb_buf_clear(table);
	return rb_pg_word_behind(member->sql, "ONLY", &name) ? rb_pg_add_word(table, &name, err)
	                                                     : RB_OK;
}

int rb_pg_members_went(struct rb_pg_target *target, const struct rb_catalog *dropped,
                       struct rb_err *err)
{
	const struct rb_catalog *objects = target->objects;
	struct rb_buf table = RB_BUF(RB_PG_SCHEMA_MAX);
	int rc = RB_OK;

	/* The last one takes the place of one that is removed. */
	for (size_t i = objects->object_count; rc == RB_OK && i > 0; i--) {
		const struct rb_object *member = &objects->objects[i - 1];

		if (strcmp(member->kind, RB_PG_MEMBER) != 0)
			continue;
		rc = member_of(member, &table, err);
		if (rc < 0 || table.len == 0 ||
		    !rb_catalog_object(dropped, "table", rb_buf_str(&table)))
			continue;
		rc = rb_pg_shared_add(target, member, err);
		if (rc == RB_OK)
			rc = rb_pg_objects_remove(target, member, err);
	}
	rb_buf_release(&table);
	return rc;
}
