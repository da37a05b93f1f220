/*
 * See adapter.h and target_priv.h: definitions, read again.
 *
 * A connection of its own reads them as a backup does.  They are compared by their texts, each
 * of which names its object: where two have one name ("NAME #2"), its number depends on the
 * others.
 */
#include <stdlib.h>
#include <string.h>

#include "target_priv.h"

/* Bytes of a definition that a remark shows. */
#define SHOWN_MAX 120

/* Two sides of a comparison. */
struct proof {
	const struct rb_pg_target *target;
	const struct rb_catalog *wanted;
	struct rb_catalog *there;
	bool *is_met;          /* for each object that is there: it is wanted, or accounted for */
	struct rb_map *texts;  /* "kind\0sql" of what is there to the first place with it */
	struct rb_map *unread; /* tables that were told of as not read */
	struct rb_catalog *found; /* receives remarks */
};

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory to compare definitions");
}

static int text_key(const struct rb_object *object, struct rb_buf *key, struct rb_err *err)
{
	int rc;

	rb_buf_clear(key);
	rc = rb_buf_add(key, object->kind, strlen(object->kind) + 1, err);
	return rc < 0 ? rc : rb_buf_adds(key, object->sql, err);
}

static int index_texts(struct proof *proof, struct rb_err *err)
{
	struct rb_buf key = RB_BUF(RB_PG_SCHEMA_MAX);
	int rc = rb_map_new(sizeof(size_t), &proof->texts, err);

	for (size_t i = 0; rc == RB_OK && i < proof->there->object_count; i++) {
		rc = text_key(&proof->there->objects[i], &key, err);
		if (rc == RB_OK && !rb_map_get(proof->texts, key.data, key.len))
			rc = rb_map_put(proof->texts, key.data, key.len, &i, err);
	}
	rb_buf_release(&key);
	return rc;
}

/* Find an object's text among those that are there. */
static int meet(struct proof *proof, const struct rb_object *object, bool *found,
                struct rb_err *err)
{
	struct rb_buf key = RB_BUF(RB_PG_SCHEMA_MAX);
	const size_t *place = NULL;
	int rc = text_key(object, &key, err);

	if (rc == RB_OK)
		place = rb_map_get(proof->texts, key.data, key.len);
	if (place)
		proof->is_met[*place] = true;
	*found = place != NULL;
	rb_buf_release(&key);
	return rc;
}

/* Whether the same text was met, also where it stands twice. */
static bool is_met(const struct proof *proof, size_t at)
{
	struct rb_buf key = RB_BUF(RB_PG_SCHEMA_MAX);
	const size_t *place = NULL;

	if (text_key(&proof->there->objects[at], &key, NULL) == RB_OK)
		place = rb_map_get(proof->texts, key.data, key.len);
	rb_buf_release(&key);
	return proof->is_met[at] || (place && proof->is_met[*place]);
}

/* Where they part: the line, and what leads to it is left out. */
static void first_lines(const char *a, const char *b, const char **line_a, const char **line_b)
{
	size_t line = 0;

	for (size_t i = 0; a[i] && a[i] == b[i]; i++)
		if (a[i] == '\n')
			line = i + 1;
	*line_a = a + line;
	*line_b = b + line;
}

/* Bytes of a line to be shown, whole characters of UTF-8 only. */
static int shown_len(const char *line)
{
	size_t len = strcspn(line, "\n");

	if (len > SHOWN_MAX)
		len = SHOWN_MAX;
	while (len > 0 && ((unsigned char)line[len] & 0xc0) == 0x80)
		len--;
	return (int)len;
}

static int tell_missing(struct proof *proof, const struct rb_object *object, struct rb_err *err)
{
	return rb_catalog_remark(proof->found, object->name, false, err,
	                         "this %s is not there: %.*s", object->kind, shown_len(object->sql),
	                         object->sql);
}

static int tell_extra(struct proof *proof, const struct rb_object *object, struct rb_err *err)
{
	return rb_catalog_remark(proof->found, object->name, false, err,
	                         "this %s should not be there: %.*s", object->kind,
	                         shown_len(object->sql), object->sql);
}

static int tell_other(struct proof *proof, const struct rb_object *wanted,
                      const struct rb_object *there, struct rb_err *err)
{
	const char *should = NULL;
	const char *is = NULL;

	first_lines(wanted->sql, there->sql, &should, &is);
	return rb_catalog_remark(proof->found, wanted->name, false, err,
	                         "this %s should say \"%.*s\", and says \"%.*s\"", wanted->kind,
	                         shown_len(should), should, shown_len(is), is);
}

/*
 * Whether a table's definition was not read: pg_dump would have failed as a whole, so that it was
 * left out and told of.
 */
static bool is_unread(const struct proof *proof, const char *table)
{
	const struct rb_catalog *there = proof->there;

	if (rb_catalog_object(there, "table", table))
		return false;
	for (size_t i = 0; i < there->remark_count; i++)
		if (strcmp(there->remarks[i].object, table) == 0)
			return true;
	return false;
}

static int tell_unread(struct proof *proof, const char *table, struct rb_err *err)
{
	size_t len = strlen(table);
	int rc;

	if (rb_map_get(proof->unread, table, len))
		return RB_OK;
	rc = rb_catalog_remark(proof->found, table, true, err,
	                       "its definition could not be read: another session holds a lock on "
	                       "it, or this role may not read it");
	return rc < 0 ? rc : rb_map_put(proof->unread, table, len, NULL, err);
}

/* What is wanted, and is not there with the same text. */
static int look_for(struct proof *proof, const struct rb_object *wanted, struct rb_err *err)
{
	const struct rb_object *there = rb_catalog_object(proof->there, wanted->kind, wanted->name);
	size_t place = there ? (size_t)(there - proof->there->objects) : 0;
	bool is_other = there && !proof->is_met[place];

	if (is_other)
		proof->is_met[place] = true;
	if (rb_pg_objects_is_claimed(proof->target, wanted))
		return RB_OK;
	if (is_unread(proof, wanted->table))
		return tell_unread(proof, wanted->table, err);
	return is_other ? tell_other(proof, wanted, there, err) : tell_missing(proof, wanted, err);
}

/*
 * Rights are said against those of an owner.  Where the owner could not be set, which was told
 * of, those of the object are others.
 */
static bool has_other_owner(const struct proof *proof, const struct rb_object *rights)
{
	const struct rb_catalog *wanted = proof->wanted;

	if (strcmp(rights->kind, "acl") != 0 || !proof->target->claimed)
		return false;
	for (size_t i = 0; i < wanted->object_count; i++) {
		const struct rb_object *owner = &wanted->objects[i];

		if (strcmp(owner->kind, "owner") == 0 &&
		    rb_pg_objects_is_claimed(proof->target, owner) &&
		    rb_pg_rights_are_of(rights->sql, owner->sql))
			return true;
	}
	return false;
}

static int compare(struct proof *proof, struct rb_err *err)
{
	const struct rb_catalog *wanted = proof->wanted;
	bool *found = calloc(wanted->object_count + 1, sizeof(*found));
	int rc = found ? index_texts(proof, err) : no_memory(err);

	for (size_t i = 0; rc == RB_OK && i < wanted->object_count; i++)
		rc = meet(proof, &wanted->objects[i], &found[i], err);
	for (size_t i = 0; rc == RB_OK && i < wanted->object_count; i++)
		if (!found[i] && !has_other_owner(proof, &wanted->objects[i]))
			rc = look_for(proof, &wanted->objects[i], err);
	for (size_t i = 0; rc == RB_OK && i < proof->there->object_count; i++)
		if (!is_met(proof, i) && !has_other_owner(proof, &proof->there->objects[i]))
			rc = tell_extra(proof, &proof->there->objects[i], err);
	free(found);
	return rc;
}

/* Read it as a backup would. */
static int read_again(struct rb_pg_target *target, struct rb_catalog **out, struct rb_err *err)
{
	const struct rb_open_opts opts = {.url = target->url,
	                                  .busy_timeout_ms = target->lock_timeout_ms,
	                                  .schemas = target->schemas};
	struct rb_source *source = NULL;
	int rc = rb_pg_source_open(&opts, &source, err);

	if (rc == RB_OK)
		rc = rb_pg_source_catalog(source, out, err);
	rb_pg_source_close(source);
	return rc;
}

int rb_pg_target_prove(struct rb_target *base, struct rb_catalog *differences, struct rb_err *err)
{
	/* base is the first member of a target. */
	struct rb_pg_target *target = (struct rb_pg_target *)base;
	struct proof proof = {.target = target, .wanted = target->objects, .found = differences};
	int rc = RB_OK;

	if (target->stage == RB_PG_BEGUN && !target->is_created)
		return rb_err_set(err, RB_E_UNSUPPORTED,
		                  "definitions of '%s' are read when it is committed",
		                  target->conn.label);
	if (target->stage == RB_PG_BEGUN) {
		rc = rb_pg_target_finish(target, err);
		if (rc == RB_OK)
			target->stage = RB_PG_SEEN;
	}
	if (rc == RB_OK && !target->objects)
		rc = rb_err_set(err, RB_E_USAGE, "no definitions were made");
	if (rc == RB_OK)
		rc = read_again(target, &proof.there, err);
	if (rc == RB_OK)
		rc = rb_catalog_index(proof.there, err);
	if (rc == RB_OK)
		rc = rb_map_new(0, &proof.unread, err);
	if (rc == RB_OK) {
		proof.is_met = calloc(proof.there->object_count + 1, sizeof(*proof.is_met));
		rc = proof.is_met ? compare(&proof, err) : no_memory(err);
	}
	free(proof.is_met);
	rb_map_free(proof.texts);
	rb_map_free(proof.unread);
	rb_catalog_free(proof.there);
	return rc;
}
