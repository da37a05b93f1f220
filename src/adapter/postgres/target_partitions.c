/*
 * See target_priv.h: partitions that are made for a table that is there.
 *
 * A table that gets a partition makes for it each key and index that the table has itself, unless
 * the partition has one like it, which is taken over.  pg_dump's order is that of a new database:
 * the table has none yet when its partitions are attached.  Where it has, the partition's own keys
 * would be second ones.  An index that waits for partitions of its table is not taken over either,
 * so that what is below such a partition has to wait with it.
 *
 * source: PostgreSQL, tablecmds.c, AttachPartitionEnsureIndexes(); indexcmds.c, DefineIndex()
 */
#include <stdlib.h>
#include <string.h>

#include "target_priv.h"

static bool is_attach(const struct rb_object *object)
{
	return strcmp(object->kind, "table attach") == 0;
}

static bool is_in(const struct rb_map *names, const char *name)
{
	return rb_map_get(names, name, strlen(name));
}

/* The table of "ALTER TABLE ONLY public.parent ATTACH PARTITION public.part ...", on the heap. */
static int parent_of(const struct rb_object *attach, char **out, struct rb_err *err)
{
	struct rb_buf parent = RB_BUF(RB_PG_SCHEMA_MAX);
	struct rb_pg_token name;
	int rc;

	*out = NULL;
	if (!rb_pg_word_behind(attach->sql, "ONLY", &name))
		return rb_err_set(err, RB_E_FORMAT, "table attach '%.200s' names no table",
		                  attach->name);
	rc = rb_pg_add_word(&parent, &name, err);
	if (rc == RB_OK)
		*out = rb_buf_detach(&parent);
	rb_buf_release(&parent);
	return rc == RB_OK && !*out ? rb_err_set(err, RB_E_NOMEM, "no memory for a name") : rc;
}

/* Add a partition whose table is there, or waits itself. */
static int add_late(const struct rb_pg_target *target, const struct rb_object *attach,
                    struct rb_map *late, struct rb_err *err)
{
	char kind[] = "table";
	struct rb_object parent = {.kind = kind};
	int rc = parent_of(attach, &parent.name, err);

	if (rc == RB_OK && (rb_pg_objects_find(target, &parent) || is_in(late, parent.name)))
		rc = rb_map_put(late, attach->table, strlen(attach->table), NULL, err);
	free(parent.name);
	return rc;
}

int rb_pg_late_partitions(const struct rb_pg_target *target, const struct rb_catalog *catalog,
                          struct rb_map **out, struct rb_err *err)
{
	struct rb_map *late = NULL;
	size_t before;
	int rc = rb_map_new(0, &late, err);

	/* A partition of a partition may come before it. */
	do {
		before = rb_map_count(late);
		for (size_t i = 0; rc == RB_OK && i < catalog->object_count; i++) {
			const struct rb_object *object = &catalog->objects[i];

			if (is_attach(object) && !is_in(late, object->table) &&
			    !rb_pg_objects_find(target, object))
				rc = add_late(target, object, late, err);
		}
	} while (rc == RB_OK && rb_map_count(late) > before);
	if (rc < 0)
		rb_map_free(late);
	else
		*out = late;
	return rc;
}

bool rb_pg_is_late_attach(const struct rb_map *late, const struct rb_object *object)
{
	return late && is_attach(object) && is_in(late, object->table);
}

bool rb_pg_is_late_key(const struct rb_map *late, const struct rb_object *object)
{
	return late &&
	       (strcmp(object->kind, "constraint") == 0 || strcmp(object->kind, "index") == 0) &&
	       is_in(late, object->table);
}

/* The index of a key or index of a table, whose schema it is in: "public.orders_pkey". */
static int index_of(const struct rb_object *key, struct rb_buf *index, struct rb_err *err)
{
	bool is_key = strcmp(key->kind, "constraint") == 0;
	struct rb_pg_lexer lexer = {key->table, key->table + strlen(key->table), key->table};
	struct rb_pg_token name;
	int rc;

	rb_buf_clear(index);
	rb_pg_lex_part(&lexer);
	if (!rb_pg_word_behind(key->sql, is_key ? "CONSTRAINT" : "INDEX", &name))
		return RB_OK;
	rc = rb_buf_add(index, key->table, (size_t)(lexer.at - key->table), err);
	if (rc == RB_OK)
		rc = rb_buf_adds(index, ".", err);
	return rc < 0 ? rc : rb_pg_add_word(index, &name, err);
}

/* Names of the indexes that partitions had when they were attached. */
static int find_indexes(const struct rb_pg_target *target, const struct rb_catalog *catalog,
                        const struct rb_map *late, struct rb_map *indexes, struct rb_err *err)
{
	struct rb_buf name = RB_BUF(RB_PG_SCHEMA_MAX);
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < catalog->object_count; i++) {
		const struct rb_object *key = &catalog->objects[i];

		if (!rb_pg_is_late_key(late, key) || !rb_pg_objects_find(target, key))
			continue;
		rc = index_of(key, &name, err);
		if (rc == RB_OK && name.len > 0)
			rc = rb_map_put(indexes, name.data, name.len, NULL, err);
	}
	rb_buf_release(&name);
	return rc;
}

/* Say again what the server may have done: where it has not, it is refused or done now. */
static int take_index(struct rb_pg_target *target, const struct rb_object *attach,
                      const struct rb_map *indexes, struct rb_err *err)
{
	struct rb_buf index = RB_BUF(RB_PG_SCHEMA_MAX);
	char why[RB_ERR_MSG_SIZE];
	struct rb_pg_token name;
	bool is_taken;
	int rc = RB_OK;

	if (rb_pg_word_behind(attach->sql, "PARTITION", &name))
		rc = rb_pg_add_word(&index, &name, err);
	is_taken = rc == RB_OK && index.len > 0 && rb_map_get(indexes, index.data, index.len) &&
	           !rb_pg_ends_transaction(attach->sql);
	rb_buf_release(&index);
	if (!is_taken)
		return rc;
	rc = rb_pg_try(target, attach->sql, why, err);
	if (rc == RB_E_UNSUPPORTED)
		return RB_OK;
	return rc < 0 ? rc : rb_pg_objects_add(target, attach, err);
}

int rb_pg_take_indexes(struct rb_pg_target *target, const struct rb_catalog *catalog,
                       const struct rb_map *late, struct rb_err *err)
{
	struct rb_map *indexes = NULL;
	int rc = rb_map_new(0, &indexes, err);

	if (rc == RB_OK)
		rc = find_indexes(target, catalog, late, indexes, err);
	for (size_t i = 0; rc == RB_OK && i < catalog->object_count; i++) {
		const struct rb_object *object = &catalog->objects[i];

		if (strcmp(object->kind, "index attach") == 0 &&
		    !rb_pg_objects_find(target, object))
			rc = take_index(target, object, indexes, err);
	}
	rb_map_free(indexes);
	return rc;
}
