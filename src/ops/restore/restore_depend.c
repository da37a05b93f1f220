/*
 * See restore_priv.h: what goes with objects that are dropped or made anew, and comes again.
 *
 * The engine is asked, of the target as it stands.  A table among it is made anew as well; a
 * column's default, or a check, that is no object of its own takes its table with it, so the
 * engine is asked until nothing more is found.
 */
#include <stdlib.h>
#include <string.h>

#include "rowback/base/map.h"
#include "restore_priv.h"

#define KEY_MAX_BYTES ((size_t)1 << 20)

/* One way through all that the engine tells. */
struct search {
	struct rb_restore *restore;
	struct rb_map *tables; /* that have to be made anew for what is in their definitions */
	struct rb_buf in_the_way;
	size_t in_the_way_count;
};

/* Objects in the way that a message names. */
#define NAMED_MAX 5

static int add_key(const char *kind, const char *name, struct rb_buf *key, struct rb_err *err)
{
	int rc = rb_buf_add(key, kind, strlen(kind) + 1, err);

	return rc < 0 ? rc : rb_buf_adds(key, name, err);
}

static bool has(const struct rb_map *map, const char *kind, const char *name)
{
	struct rb_buf key = RB_BUF(KEY_MAX_BYTES);
	bool found = map && add_key(kind, name, &key, NULL) == RB_OK &&
	             rb_map_get(map, key.data, key.len);

	rb_buf_release(&key);
	return found;
}

static int put(struct rb_map *map, const char *kind, const char *name, struct rb_err *err)
{
	struct rb_buf key = RB_BUF(KEY_MAX_BYTES);
	int rc = add_key(kind, name, &key, err);

	if (rc == RB_OK)
		rc = rb_map_put(map, key.data, key.len, NULL, err);
	rb_buf_release(&key);
	return rc;
}

bool rb_restore_moves(const struct rb_restore *restore, const struct rb_object *object)
{
	/* What belongs to a table or a view (rights, rules, its rows) goes with it. */
	return has(restore->moved, object->kind, object->name) ||
	       has(restore->moved, "", object->table);
}

bool rb_restore_moves_table(const struct rb_restore *restore, const char *table)
{
	return has(restore->moved, "table", table);
}

/* Whether an object that is not asked for may be dropped and made again. */
static bool may_move(const struct rb_restore *restore, const struct rb_object *object)
{
	const struct rb_object *twin =
	        rb_restore_find(restore->backup.catalog, object->kind, object->name);

	if (rb_restore_keeps_off(restore, object))
		return false;
	if (!restore->opts->tables || rb_restore_wants(restore, object->table))
		return true;
	return twin && strcmp(twin->sql, object->sql) == 0 && strcmp(object->kind, "table") != 0 &&
	       strcmp(object->kind, "sequence") != 0;
}

static int stop_at(struct search *search, const char *what, struct rb_err *err)
{
	if (++search->in_the_way_count > NAMED_MAX)
		return RB_OK;
	return rb_buf_addf(&search->in_the_way, err, "%s%.200s",
	                   search->in_the_way.len > 0 ? ", " : "", what);
}

/* What is no object of the catalog: part of one, or nothing that could be made again. */
static int note_unnamed(struct search *search, const struct rb_dependent *dependent,
                        struct rb_err *err)
{
	if (!dependent->is_forced || dependent->is_part)
		return RB_OK;
	if (dependent->table &&
	    rb_restore_find(search->restore->live.catalog, "table", dependent->table))
		return put(search->tables, "table", dependent->table, err);
	return stop_at(search, dependent->what, err);
}

static int note_dependent(void *ctx, const struct rb_dependent *dependent, struct rb_err *err)
{
	static const char *const relations[] = {"foreign table", "materialized view", "table",
	                                        "view"};
	struct search *search = ctx;
	struct rb_restore *restore = search->restore;
	const struct rb_object *object =
	        dependent->kind
	                ? rb_restore_find(restore->live.catalog, dependent->kind, dependent->name)
	                : NULL;
	int rc;

	if (!object)
		return note_unnamed(search, dependent, err);
	if (!may_move(restore, object))
		return stop_at(search, dependent->what, err);
	rc = put(restore->moved, object->kind, object->name, err);
	for (size_t i = 0; rc == RB_OK && i < sizeof(relations) / sizeof(relations[0]); i++)
		if (strcmp(object->kind, relations[i]) == 0)
			rc = put(restore->moved, "", object->name, err);
	return rc;
}

static int refuse(const struct search *search, struct rb_err *err)
{
	size_t more =
	        search->in_the_way_count > NAMED_MAX ? search->in_the_way_count - NAMED_MAX : 0;

	rb_err_set(err, RB_E_CONFLICT, "what depends on definitions that have to go stays: %s%s",
	           rb_buf_str(&search->in_the_way), more > 0 ? ", and more" : "");
	rb_err_hint(err, search->restore->opts->tables
	                         ? "nothing was written; drop it, or restore all tables, or into "
	                           "another database with --to"
	                         : "nothing was written; drop it, or restore into another database "
	                           "with --to");
	return RB_E_CONFLICT;
}

/* What the plan drops by itself, and tables that have to go for what they hold. */
static int list_dropped(const struct rb_restore *restore, const struct search *search,
                        struct rb_catalog *out, struct rb_err *err)
{
	const struct rb_catalog *live = restore->live.catalog;

	out->object_count = 0;
	out->objects = calloc(live->object_count + 1, sizeof(*out->objects));
	if (!out->objects)
		return rb_err_set(err, RB_E_NOMEM, "no memory to plan a restore");
	for (size_t i = 0; i < live->object_count; i++) {
		const struct rb_object *object = &live->objects[i];

		if (has(search->tables, object->kind, object->name) ||
		    rb_restore_drops(restore, object))
			out->objects[out->object_count++] = *object;
	}
	return RB_OK;
}

static int ask(struct search *search, struct rb_err *err)
{
	struct rb_restore *restore = search->restore;
	struct rb_catalog dropped = {.object_count = 0};
	int rc;

	rb_map_free(restore->moved);
	restore->moved = NULL;
	rb_buf_clear(&search->in_the_way);
	search->in_the_way_count = 0;
	rc = rb_map_new(0, &restore->moved, err);
	if (rc == RB_OK)
		rc = list_dropped(restore, search, &dropped, err);
	if (rc == RB_OK && dropped.object_count > 0)
		rc = restore->adapter->target_dependents(restore->target, &dropped, note_dependent,
		                                         search, err);
	free(dropped.objects);
	return rc;
}

int rb_restore_find_dependents(struct rb_restore *restore, struct rb_err *err)
{
	struct search search = {.restore = restore, .in_the_way = RB_BUF(KEY_MAX_BYTES)};
	size_t before;
	int rc;

	if (!restore->adapter->target_dependents || restore->opts->strategy != RB_STRATEGY_REPLACE)
		return RB_OK;
	rc = rb_map_new(0, &search.tables, err);
	do {
		before = search.tables ? rb_map_count(search.tables) : 0;
		if (rc == RB_OK)
			rc = ask(&search, err);
	} while (rc == RB_OK && rb_map_count(search.tables) > before);
	if (rc == RB_OK && search.in_the_way_count > 0)
		rc = refuse(&search, err);
	rb_map_free(search.tables);
	rb_buf_release(&search.in_the_way);
	return rc;
}
