/*
 * See target_priv.h: the objects that the target has by now.
 */
#include <stdlib.h>
#include <string.h>

#include "target_priv.h"

/* An object that was dropped is nowhere. */
#define NOWHERE SIZE_MAX

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory for the objects of a database");
}

int rb_pg_object_key(const struct rb_object *object, struct rb_buf *key, struct rb_err *err)
{
	int rc = rb_buf_add(key, object->kind, strlen(object->kind) + 1, err);

	return rc < 0 ? rc : rb_buf_adds(key, object->name, err);
}

static int set_place(struct rb_pg_target *target, const struct rb_object *object, size_t place,
                     struct rb_err *err)
{
	struct rb_buf key = RB_BUF(RB_PG_SCHEMA_MAX);
	int rc = rb_pg_object_key(object, &key, err);

	if (rc == RB_OK)
		rc = rb_map_put(target->object_at, key.data, key.len, &place, err);
	rb_buf_release(&key);
	return rc;
}

/* Where an object stands in a map of places. */
static size_t place_in(const struct rb_map *map, const struct rb_object *object)
{
	struct rb_buf key = RB_BUF(RB_PG_SCHEMA_MAX);
	const size_t *place = NULL;

	if (rb_pg_object_key(object, &key, NULL) == RB_OK)
		place = rb_map_get(map, key.data, key.len);
	rb_buf_release(&key);
	return place ? *place : NOWHERE;
}

static int index_all(struct rb_pg_target *target, struct rb_err *err)
{
	int rc = RB_OK;

	rb_map_free(target->object_at);
	target->object_at = NULL;
	rc = rb_map_new(sizeof(size_t), &target->object_at, err);
	for (size_t i = 0; rc == RB_OK && i < target->objects->object_count; i++)
		rc = set_place(target, &target->objects->objects[i], i, err);
	return rc;
}

int rb_pg_objects_load(struct rb_pg_target *target, struct rb_err *err)
{
	int rc;

	if (target->objects)
		return RB_OK;
	target->objects = calloc(1, sizeof(*target->objects));
	rc = target->objects ? rb_pg_read_objects(&target->conn, target->objects, err)
	                     : no_memory(err);
	if (rc == RB_OK)
		rc = index_all(target, err);
	if (rc < 0)
		rb_pg_objects_release(target);
	target->source.objects = target->objects;
	return rc;
}

const struct rb_object *rb_pg_objects_find(const struct rb_pg_target *target,
                                           const struct rb_object *object)
{
	size_t place = place_in(target->object_at, object);

	return place == NOWHERE ? NULL : &target->objects->objects[place];
}

static int copy_object(const struct rb_object *from, struct rb_object *to, struct rb_err *err)
{
	to->kind = strdup(from->kind);
	to->name = strdup(from->name);
	to->table = strdup(from->table);
	to->sql = strdup(from->sql);
	return to->kind && to->name && to->table && to->sql ? RB_OK : no_memory(err);
}

static int copy_names(char *const *from, size_t count, char ***to, struct rb_err *err)
{
	char **names = calloc(count + 1, sizeof(*names));

	*to = names;
	if (!names)
		return no_memory(err);
	for (size_t i = 0; i < count; i++) {
		names[i] = strdup(from[i]);
		if (!names[i])
			return no_memory(err);
	}
	return RB_OK;
}

static int copy_key(const struct rb_foreign_key *from, struct rb_foreign_key *to,
                    struct rb_err *err)
{
	int rc;

	to->column_count = from->column_count;
	to->ref_table = strdup(from->ref_table);
	to->on_update = strdup(from->on_update);
	to->on_delete = strdup(from->on_delete);
	rc = to->ref_table && to->on_update && to->on_delete ? RB_OK : no_memory(err);
	if (rc == RB_OK)
		rc = copy_names(from->columns, from->column_count, &to->columns, err);
	if (rc == RB_OK && from->ref_columns)
		rc = copy_names(from->ref_columns, from->column_count, &to->ref_columns, err);
	return rc;
}

/* Give a table the foreign keys of another one. */
static int copy_keys(const struct rb_table *from, struct rb_table *to, struct rb_err *err)
{
	struct rb_table gone = {.foreign_keys = to->foreign_keys,
	                        .foreign_key_count = to->foreign_key_count};
	int rc = RB_OK;

	rb_table_release(&gone);
	to->foreign_key_count = 0;
	to->foreign_keys = calloc(from->foreign_key_count + 1, sizeof(*to->foreign_keys));
	if (!to->foreign_keys)
		return no_memory(err);
	for (size_t i = 0; rc == RB_OK && i < from->foreign_key_count; i++)
		rc = copy_key(&from->foreign_keys[i], &to->foreign_keys[to->foreign_key_count++],
		              err);
	return rc;
}

int rb_pg_claim_keys(struct rb_pg_target *target, const struct rb_table *table, struct rb_err *err)
{
	struct rb_catalog *objects = target->objects;
	struct rb_table *grown;

	if (!table || rb_catalog_table(objects, table->name))
		return RB_OK;
	grown = realloc(objects->tables, (objects->table_count + 1) * sizeof(*grown));
	if (!grown)
		return no_memory(err);
	objects->tables = grown;
	grown += objects->table_count++;
	memset(grown, 0, sizeof(*grown));
	grown->name = strdup(table->name);
	return grown->name ? copy_keys(table, grown, err) : no_memory(err);
}

/* The table of a name, to be changed. */
static struct rb_table *find_table(struct rb_catalog *catalog, const char *name)
{
	for (size_t i = 0; i < catalog->table_count; i++)
		if (strcmp(catalog->tables[i].name, name) == 0)
			return &catalog->tables[i];
	return NULL;
}

int rb_pg_copy_objects(const struct rb_catalog *from, struct rb_catalog *to, struct rb_err *err)
{
	int rc = RB_OK;

	to->objects = calloc(from->object_count + 1, sizeof(*to->objects));
	if (!to->objects)
		return no_memory(err);
	for (size_t i = 0; rc == RB_OK && i < from->object_count; i++)
		rc = copy_object(&from->objects[i], &to->objects[to->object_count++], err);
	for (size_t i = 0; rc == RB_OK && i < from->table_count; i++) {
		struct rb_table *table = find_table(to, from->tables[i].name);

		if (table)
			rc = copy_keys(&from->tables[i], table, err);
	}
	return rc;
}

int rb_pg_objects_add(struct rb_pg_target *target, const struct rb_object *object,
                      struct rb_err *err)
{
	struct rb_catalog *objects = target->objects;
	struct rb_object *grown =
	        realloc(objects->objects, (objects->object_count + 1) * sizeof(*grown));
	int rc;

	if (!grown)
		return no_memory(err);
	objects->objects = grown;
	memset(&grown[objects->object_count], 0, sizeof(*grown));
	rc = copy_object(object, &grown[objects->object_count++], err);
	return rc < 0 ? rc : set_place(target, object, objects->object_count - 1, err);
}

int rb_pg_objects_claim(struct rb_pg_target *target, const struct rb_object *object,
                        struct rb_err *err)
{
	struct rb_buf key = RB_BUF(RB_PG_SCHEMA_MAX);
	int rc = target->claimed ? RB_OK : rb_map_new(0, &target->claimed, err);

	if (rc == RB_OK)
		rc = rb_pg_object_key(object, &key, err);
	if (rc == RB_OK)
		rc = rb_map_put(target->claimed, key.data, key.len, NULL, err);
	rb_buf_release(&key);
	return rc;
}

bool rb_pg_objects_is_claimed(const struct rb_pg_target *target, const struct rb_object *object)
{
	struct rb_buf key = RB_BUF(RB_PG_SCHEMA_MAX);
	bool is_claimed = target->claimed && rb_pg_object_key(object, &key, NULL) == RB_OK &&
	                  rb_map_get(target->claimed, key.data, key.len);

	rb_buf_release(&key);
	return is_claimed;
}

static void free_object(struct rb_object *object)
{
	free(object->kind);
	free(object->name);
	free(object->table);
	free(object->sql);
}

int rb_pg_objects_remove(struct rb_pg_target *target, const struct rb_object *object,
                         struct rb_err *err)
{
	struct rb_catalog *objects = target->objects;
	size_t place = place_in(target->object_at, object);
	struct rb_object gone;
	int rc = RB_OK;

	if (place == NOWHERE)
		return RB_OK;
	gone = objects->objects[place];
	objects->object_count--;
	rc = set_place(target, &gone, NOWHERE, err);
	/* rb_pg_objects_sort() brings them into order again. */
	if (rc == RB_OK && place < objects->object_count) {
		objects->objects[place] = objects->objects[objects->object_count];
		rc = set_place(target, &objects->objects[place], place, err);
	}
	free_object(&gone);
	return rc;
}

bool rb_pg_objects_was_dropped(const struct rb_pg_target *target, const struct rb_object *object)
{
	struct rb_buf key = RB_BUF(RB_PG_SCHEMA_MAX);
	bool was = target->dropped && rb_pg_object_key(object, &key, NULL) == RB_OK &&
	           rb_map_get(target->dropped, key.data, key.len);

	rb_buf_release(&key);
	return was;
}

static int note_dropped(struct rb_pg_target *target, const struct rb_object *object,
                        struct rb_err *err)
{
	struct rb_buf key = RB_BUF(RB_PG_SCHEMA_MAX);
	int rc = target->dropped ? RB_OK : rb_map_new(0, &target->dropped, err);

	if (rc == RB_OK)
		rc = rb_pg_object_key(object, &key, err);
	if (rc == RB_OK)
		rc = rb_map_put(target->dropped, key.data, key.len, NULL, err);
	rb_buf_release(&key);
	return rc < 0 ? rc : rb_pg_objects_remove(target, object, err);
}

/* The rights of a name, if there are any. */
static int drop_rights_named(struct rb_pg_target *target, const struct rb_buf *name,
                             struct rb_err *err)
{
	char kind[] = "acl";
	struct rb_object object = {.kind = kind, .name = strdup(rb_buf_str(name))};
	int rc = object.name ? RB_OK : no_memory(err);

	if (rc == RB_OK && rb_pg_objects_find(target, &object))
		rc = note_dropped(target, &object, err);
	free(object.name);
	return rc;
}

/*
 * The rights on what is no table are found by a name that says what it is, too, and has quotes
 * where pg_dump finds that it needs some: 'public.F(integer)' has those of
 * 'public.FUNCTION "F"(integer)'.
 */
static int drop_rights(struct rb_pg_target *target, const struct rb_object *of, const char *word,
                       struct rb_err *err)
{
	struct rb_buf rights = RB_BUF(RB_PG_SCHEMA_MAX);
	struct rb_pg_lexer lexer = {of->name, of->name + strlen(of->name), of->name};
	const char *types = rb_pg_signature(of);
	char *name;
	int rc = RB_OK;

	rb_pg_lex_part(&lexer);
	lexer.at = lexer.at < lexer.end && *lexer.at == '.' ? lexer.at + 1 : of->name;
	types = types && types > lexer.at ? types : lexer.end;
	name = strndup(lexer.at, (size_t)(types - lexer.at));
	if (!name)
		return no_memory(err);
	for (int quoted = 0; rc == RB_OK && quoted < 2; quoted++) {
		rb_buf_clear(&rights);
		rc = rb_buf_addf(&rights, err, "%.*s%s ", (int)(lexer.at - of->name), of->name,
		                 word);
		if (rc == RB_OK)
			rc = quoted ? rb_pg_add_name(&rights, name, err)
			            : rb_buf_adds(&rights, name, err);
		if (rc == RB_OK)
			rc = rb_buf_adds(&rights, types, err);
		if (rc == RB_OK)
			rc = drop_rights_named(target, &rights, err);
	}
	free(name);
	rb_buf_release(&rights);
	return rc;
}

int rb_pg_objects_dropped(struct rb_pg_target *target, const struct rb_object *object,
                          struct rb_err *err)
{
	static const char *const words[][2] = {
	        {"aggregate", "FUNCTION"},  {"domain", "TYPE"},   {"function", "FUNCTION"},
	        {"procedure", "PROCEDURE"}, {"schema", "SCHEMA"}, {"sequence", "SEQUENCE"},
	        {"type", "TYPE"},           {"domain", "DOMAIN"}, {"aggregate", "AGGREGATE"},
	};
	int rc = note_dropped(target, object, err);

	for (size_t i = 0; rc == RB_OK && i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(object->kind, words[i][0]) == 0)
			rc = drop_rights(target, object, words[i][1], err);
	return rc;
}

/* An object and where it is to stand. */
struct placed {
	struct rb_object object;
	size_t place;
	size_t before; /* where it stands now, so that the rest keeps its order */
};

static int compare_placed(const void *a, const void *b)
{
	const struct placed *left = a;
	const struct placed *right = b;

	if (left->place != right->place)
		return left->place < right->place ? -1 : 1;
	return left->before < right->before ? -1 : left->before > right->before;
}

/* Where the objects of a catalog stand there. */
static int places_of(const struct rb_catalog *catalog, struct rb_map **out, struct rb_err *err)
{
	struct rb_buf key = RB_BUF(RB_PG_SCHEMA_MAX);
	int rc = rb_map_new(sizeof(size_t), out, err);

	for (size_t i = 0; rc == RB_OK && i < catalog->object_count; i++) {
		rb_buf_clear(&key);
		rc = rb_pg_object_key(&catalog->objects[i], &key, err);
		if (rc == RB_OK)
			rc = rb_map_put(*out, key.data, key.len, &i, err);
	}
	rb_buf_release(&key);
	return rc;
}

int rb_pg_objects_sort(struct rb_pg_target *target, const struct rb_catalog *like,
                       struct rb_err *err)
{
	struct rb_catalog *objects = target->objects;
	struct placed *list = calloc(objects->object_count + 1, sizeof(*list));
	struct rb_map *places = NULL;
	int rc = list ? places_of(like, &places, err) : no_memory(err);

	for (size_t i = 0; rc == RB_OK && i < objects->object_count; i++) {
		list[i].object = objects->objects[i];
		list[i].place = place_in(places, &objects->objects[i]);
		list[i].before = i;
	}
	if (rc == RB_OK) {
		qsort(list, objects->object_count, sizeof(*list), compare_placed);
		for (size_t i = 0; i < objects->object_count; i++)
			objects->objects[i] = list[i].object;
		rc = index_all(target, err);
	}
	rb_map_free(places);
	free(list);
	return rc;
}

void rb_pg_objects_release(struct rb_pg_target *target)
{
	rb_catalog_free(target->objects);
	rb_map_free(target->object_at);
	rb_map_free(target->claimed);
	target->objects = NULL;
	target->object_at = NULL;
	target->claimed = NULL;
	target->source.objects = NULL;
}
