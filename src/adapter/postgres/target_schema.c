/*
 * See adapter.h and target_priv.h: the steps of target_schema().
 *
 * Rows need tables, types and what these need: those must be made.  What a server may lack (a
 * role, an extension) and what is about such things is tried, and told of when it fails; it
 * counts as made then: the target is as near to the backup as it can be.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target_priv.h"

/* Failures that are told of once, with how many there were. */
struct tally {
	size_t count;
	char *first;               /* the object */
	char why[RB_ERR_MSG_SIZE]; /* and what the server said */
};

/* Definitions that are sent at once. */
#define BATCH_OBJECTS 200
#define BATCH_BYTES ((size_t)1 << 20)

/* One way through what is to be made. */
enum pass {
	PASS_ORDER,  /* as pg_dump has it, without partitions that are attached later */
	PASS_KEYS,   /* keys and indexes of those */
	PASS_ATTACH, /* and their attaching */
};

struct step {
	struct rb_pg_target *target;
	const struct rb_catalog *catalog;
	const char *const *only;
	struct rb_catalog *remarks;
	struct rb_map *late; /* rb_pg_late_partitions(); NULL: not in this step */
	enum pass pass;
	struct tally owners;
	struct tally rights;
};

/* Without these rows could not be written, or not be whole. */
static const char *const needed[] = {
        "check constraint", "constraint", "default",           "domain", "index attach",
        "row security",     "sequence",   "sequence owned by", "table",  "table attach",
        "trigger",          "type",
};

static bool is_in(const char *const *list, size_t count, const char *kind)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i], kind) == 0)
			return true;
	return false;
}

static bool is_needed(const struct rb_object *object)
{
	return is_in(needed, sizeof(needed) / sizeof(needed[0]), object->kind);
}

/* Whether an object belongs to a table that is to be handled. */
static bool is_named(const struct step *step, const struct rb_object *object)
{
	if (!step->only || rb_pg_objects_was_dropped(step->target, object))
		return true;
	for (const char *const *name = step->only; *name; name++)
		if (strcmp(*name, object->table) == 0)
			return true;
	return false;
}

static int note(struct tally *tally, const struct rb_object *object, const char *why,
                struct rb_err *err)
{
	if (tally->count++ > 0)
		return RB_OK;
	tally->first = strdup(object->name);
	memcpy(tally->why, why, sizeof(tally->why));
	return tally->first ? RB_OK : rb_err_set(err, RB_E_NOMEM, "no memory for a remark");
}

static int tell(struct step *step, struct tally *tally, const char *what, struct rb_err *err)
{
	int rc = RB_OK;

	if (tally->count > 0)
		rc = rb_catalog_remark(step->remarks, tally->first, false, err,
		                       "%s that could not be set: %zu, this is the first: %.700s",
		                       what, tally->count, tally->why);
	free(tally->first);
	tally->first = NULL;
	tally->count = 0;
	return rc;
}

static int conflict(const struct rb_object *object, struct rb_err *err)
{
	rb_err_set(err, RB_E_CONFLICT, "%s '%.200s' is there with another definition", object->kind,
	           object->name);
	rb_err_hint(err, "restore into another database with --to");
	return RB_E_CONFLICT;
}

/* What the server said to a definition that rows need. */
static int refused(const struct rb_object *object, const char *why, struct rb_err *err)
{
	rb_err_set(err, RB_E_UNSUPPORTED, "cannot make %s '%.200s': %.700s", object->kind,
	           object->name, why);
	return RB_E_UNSUPPORTED;
}

/* A foreign key whose rows break it is kept, as one that does not hold yet. */
static int try_not_valid(struct step *step, const struct rb_object *object, char *why,
                         struct rb_err *err)
{
	struct rb_buf sql = RB_BUF(RB_PG_SCHEMA_MAX);
	size_t len = strlen(object->sql);
	int rc = rb_buf_add(&sql, object->sql, len > 0 ? len - 1 : 0, err);

	if (rc == RB_OK)
		rc = rb_buf_adds(&sql, " NOT VALID;", err);
	if (rc == RB_OK)
		rc = rb_pg_try(step->target, rb_buf_str(&sql), why, err);
	rb_buf_release(&sql);
	return rc;
}

static int tell_failure(struct step *step, const struct rb_object *object, char *why,
                        struct rb_err *err)
{
	char ignored[RB_ERR_MSG_SIZE];

	if (strcmp(object->kind, "owner") == 0)
		return note(&step->owners, object, why, err);
	if (strcmp(object->kind, "acl") == 0 || strcmp(object->kind, "default acl") == 0)
		return note(&step->rights, object, why, err);
	if (strcmp(object->kind, "fk constraint") == 0) {
		int rc = try_not_valid(step, object, ignored, err);

		if (rc == RB_OK)
			return rb_catalog_remark(step->remarks, object->name, false, err,
			                         "rows break this foreign key: it was made NOT "
			                         "VALID: %.700s",
			                         why);
		if (rc == RB_E_UNSUPPORTED)
			rc = rb_pg_claim_keys(step->target,
			                      rb_catalog_table(step->catalog, object->table), err);
		if (rc < 0)
			return rc;
	}
	/* An identity's sequence, of a table that is not asked for. */
	if (step->only && strcmp(object->kind, "sequence") == 0 &&
	    strncmp(object->sql, "ALTER TABLE ", strlen("ALTER TABLE ")) == 0)
		return RB_OK;
	return rb_catalog_remark(step->remarks, object->name, false, err,
	                         "this %s was not made: %.700s", object->kind, why);
}

/*
 * Whether a restore that cannot make an object has to fail: rows need it, or it was there.  What
 * a server may lack, and rows that break a foreign key, are told of all the same.
 */
static bool must_be_made(const struct step *step, const struct rb_object *object)
{
	if (is_needed(object))
		return is_named(step, object);
	return strcmp(object->kind, "owner") != 0 && strcmp(object->kind, "acl") != 0 &&
	       strcmp(object->kind, "default acl") != 0 &&
	       strcmp(object->kind, "fk constraint") != 0 &&
	       rb_pg_objects_was_dropped(step->target, object);
}

/* A subscription would begin to copy rows from elsewhere. */
static bool is_never_made(const struct rb_object *object)
{
	return strncmp(object->kind, "subscription", strlen("subscription")) == 0;
}

/* A function gets another body, and what depends on it stays. */
static int overwrite(struct step *step, const struct rb_object *there,
                     const struct rb_object *object, struct rb_err *err)
{
	struct rb_buf sql = RB_BUF(RB_PG_SCHEMA_MAX);
	char why[RB_ERR_MSG_SIZE] = "";
	int rc = rb_pg_add_overwrite(there, object, &sql, err);

	if (rc == RB_OK)
		rc = rb_pg_try(step->target, rb_buf_str(&sql), why, err);
	rb_buf_release(&sql);
	if (rc == RB_E_UNSUPPORTED)
		return refused(object, why, err);
	if (rc == RB_OK)
		rc = rb_pg_objects_remove(step->target, object, err);
	return rc < 0 ? rc : rb_pg_objects_add(step->target, object, err);
}

static int make(struct step *step, const struct rb_object *object, struct rb_err *err)
{
	const struct rb_object *there = rb_pg_objects_find(step->target, object);
	char why[RB_ERR_MSG_SIZE];
	int rc;

	if (there && strcmp(there->sql, object->sql) == 0)
		return RB_OK;
	if (there && step->only && !is_named(step, object))
		return RB_OK;
	if (there && rb_pg_target_overwrites(there, object))
		return overwrite(step, there, object, err);
	/* These are said anew. */
	if (there && (is_needed(object) || rb_pg_is_shared(object) ||
	              strcmp(object->kind, "fk constraint") == 0))
		return conflict(object, err);
	if (there)
		rc = rb_pg_objects_remove(step->target, object, err);
	else
		rc = RB_OK;
	if (rc == RB_OK && is_never_made(object)) {
		rc = rb_catalog_remark(step->remarks, object->name, false, err,
		                       "subscriptions are not made: make it from schema.sql");
		if (rc == RB_OK)
			rc = rb_pg_objects_claim(step->target, object, err);
	} else if (rc == RB_OK && rb_pg_ends_transaction(object->sql))
		return rb_err_set(err, RB_E_FORMAT,
		                  "%s '%.200s' would end the transaction: pg_dump wrote no such "
		                  "thing",
		                  object->kind, object->name);
	else if (rc == RB_OK && strcmp(object->kind, RB_PG_VIEW_DATA) != 0)
		/* Those are filled when all is made. */
		rc = rb_pg_try(step->target, object->sql, why, err);
	if (rc == RB_E_UNSUPPORTED) {
		rc = must_be_made(step, object) ? refused(object, why, err)
		                                : tell_failure(step, object, why, err);
		if (rc == RB_OK)
			rc = rb_pg_objects_claim(step->target, object, err);
	}
	return rc < 0 ? rc : rb_pg_objects_add(step->target, object, err);
}

/* The first object that comes after the rows. */
static size_t boundary(const struct rb_catalog *catalog)
{
	size_t i = 0;

	while (i < catalog->object_count && !rb_pg_is_post_data(catalog->objects[i].kind))
		i++;
	return i;
}

/* What stands on it, or a kind that is not dropped: somebody else has to decide. */
static int refuse_drop(const struct rb_object *object, const char *why, struct rb_err *err)
{
	rb_err_set(err, RB_E_CONFLICT, "cannot drop %s '%.200s': %.700s", object->kind,
	           object->name, why);
	rb_err_hint(err, "nothing was written; drop what is in the way, or restore into another "
	                 "database with --to");
	return RB_E_CONFLICT;
}

/* RB_E_UNSUPPORTED: not yet, or not at all, and why. */
static int drop_one(struct step *step, const struct rb_object *object, char *why,
                    struct rb_err *err)
{
	struct rb_buf sql = RB_BUF(RB_PG_SCHEMA_MAX);
	struct rb_err refused = {0};
	int rc = rb_pg_add_drop(object, &sql, &refused);

	if (rc == RB_E_UNSUPPORTED)
		snprintf(why, RB_ERR_MSG_SIZE, "rowback does not drop its kind");
	if (rc == RB_OK && sql.len > 0)
		rc = rb_pg_try(step->target, rb_buf_str(&sql), why, err);
	rb_buf_release(&sql);
	if (rc < 0 && rc != RB_E_UNSUPPORTED && *refused.msg && err)
		*err = refused;
	return rc < 0 ? rc : rb_pg_objects_dropped(step->target, object, err);
}

/* The names of tables and views in a list, or nothing. */
static int add_relation(struct rb_map *names, const struct rb_object *object, struct rb_err *err)
{
	static const char *const relations[] = {"foreign table", "materialized view", "table",
	                                        "view"};

	if (!is_in(relations, sizeof(relations) / sizeof(relations[0]), object->kind))
		return RB_OK;
	return rb_map_put(names, object->name, strlen(object->name), NULL, err);
}

static bool is_of(const struct rb_object *object, const struct rb_map *relations)
{
	return rb_map_get(relations, object->table, strlen(object->table));
}

/* Whether all there is of an object goes with a table: nothing has to be said. */
static bool is_said_of(const struct rb_object *object)
{
	static const char *const kinds[] = {"acl",           "comment",      "owner",
	                                    RB_PG_VIEW_DATA, "row security", "security label"};

	return is_in(kinds, sizeof(kinds) / sizeof(kinds[0]), object->kind);
}

/* One way through what is to be dropped. */
struct drop {
	struct rb_map *going;            /* tables and views that are to be dropped */
	struct rb_map *gone;             /* and those that are */
	size_t dropped;                  /* objects, this time */
	const struct rb_object *refused; /* the first one, this time; NULL: none */
	char why[RB_ERR_MSG_SIZE];       /* of it */
};

static int drop_next(struct step *step, struct drop *drop, const struct rb_object *object,
                     struct rb_err *err)
{
	char why[RB_ERR_MSG_SIZE];
	int rc;

	if ((is_said_of(object) && is_of(object, drop->going)) ||
	    (strcmp(object->kind, "sequence") != 0 && is_of(object, drop->gone)))
		rc = rb_pg_objects_dropped(step->target, object, err);
	else
		rc = drop_one(step, object, why, err);
	if (rc == RB_OK) {
		drop->dropped++;
		return add_relation(drop->gone, object, err);
	}
	if (rc == RB_E_UNSUPPORTED && !drop->refused) {
		drop->refused = object;
		memcpy(drop->why, why, sizeof(why));
	}
	return rc == RB_E_UNSUPPORTED ? RB_OK : rc;
}

/*
 * What was made last stands on what was made before, but for a few: a view that groups by a
 * table's key stands on the key, which is made after it.  So again, as long as it helps.
 */
static int drop_all(struct step *step, struct rb_err *err)
{
	const struct rb_catalog *catalog = step->catalog;
	struct drop drop = {.refused = NULL};
	int rc = rb_map_new(0, &drop.going, err);

	if (rc == RB_OK)
		rc = rb_map_new(0, &drop.gone, err);
	for (size_t i = 0; rc == RB_OK && i < catalog->object_count; i++)
		rc = add_relation(drop.going, &catalog->objects[i], err);
	do {
		drop.dropped = 0;
		drop.refused = NULL;
		for (size_t i = catalog->object_count; rc == RB_OK && i > 0; i--) {
			const struct rb_object *object = &catalog->objects[i - 1];

			if (is_named(step, object) && rb_pg_objects_find(step->target, object))
				rc = drop_next(step, &drop, object, err);
		}
	} while (rc == RB_OK && drop.refused && drop.dropped > 0);
	if (rc == RB_OK && drop.refused)
		rc = refuse_drop(drop.refused, drop.why, err);
	rb_map_free(drop.going);
	rb_map_free(drop.gone);
	return rc < 0 ? rc : rb_pg_members_went(step->target, step->catalog, err);
}

/* Whether make() would run an object's statement and do nothing else. */
static bool is_plain(const struct step *step, const struct rb_object *object)
{
	return !rb_pg_objects_find(step->target, object) && !is_never_made(object) &&
	       !rb_pg_ends_transaction(object->sql) && strcmp(object->kind, RB_PG_VIEW_DATA) != 0;
}

/* Objects to be made, some of which may be run at once. */
struct batch {
	const struct rb_object *objects[BATCH_OBJECTS];
	size_t count;
	struct rb_buf sql;
};

/* Make them: all at once, or when the server refuses one of them, each by itself. */
static int make_batch(struct step *step, struct batch *batch, struct rb_err *err)
{
	char why[RB_ERR_MSG_SIZE];
	bool at_once = batch->count > 1;
	int rc = at_once ? rb_pg_try(step->target, rb_buf_str(&batch->sql), why, err) : RB_OK;

	if (rc == RB_E_UNSUPPORTED) {
		at_once = false;
		rc = RB_OK;
	}
	for (size_t i = 0; rc == RB_OK && i < batch->count; i++)
		rc = at_once ? rb_pg_objects_add(step->target, batch->objects[i], err)
		             : make(step, batch->objects[i], err);
	batch->count = 0;
	rb_buf_clear(&batch->sql);
	return rc;
}

/* What no table that is asked for has, and is made all the same. */
static int take_shared(struct step *step, const struct rb_object *object, bool shared_too,
                       bool *is_taken, struct rb_err *err)
{
	*is_taken = false;
	if (!step->only || is_named(step, object))
		return RB_OK;
	*is_taken = (shared_too && rb_pg_is_shared(object)) ||
	            rb_pg_shared_is_about(step->target, step->catalog, object);
	return *is_taken && rb_pg_is_shared(object) && !rb_pg_objects_find(step->target, object)
	               ? rb_pg_shared_add(step->target, object, err)
	               : RB_OK;
}

static bool is_of_pass(const struct step *step, const struct rb_object *object)
{
	switch (step->pass) {
	case PASS_KEYS:
		return rb_pg_is_late_key(step->late, object);
	case PASS_ATTACH:
		return rb_pg_is_late_attach(step->late, object);
	case PASS_ORDER:
		break;
	}
	return !rb_pg_is_late_attach(step->late, object);
}

/*
 * A savepoint costs the server a look at all relations that the transaction has made, so that
 * ten thousand tables with one each take minutes: one is taken for many statements.
 *
 * source: PostgreSQL, utils/cache/relcache.c, AtEOSubXact_RelationCache()
 */
static int make_range(struct step *step, size_t from, size_t to, bool shared_too,
                      struct rb_err *err)
{
	struct batch batch = {.sql = RB_BUF(RB_PG_SCHEMA_MAX)};
	int rc = RB_OK;

	for (size_t i = from; rc == RB_OK && i < to; i++) {
		const struct rb_object *object = &step->catalog->objects[i];
		bool is_taken = false;

		if (!is_of_pass(step, object))
			continue;
		rc = take_shared(step, object, shared_too, &is_taken, err);
		if (rc < 0 || (!is_named(step, object) && !is_taken))
			continue;
		if (!is_plain(step, object)) {
			rc = make_batch(step, &batch, err);
			if (rc == RB_OK)
				rc = make(step, object, err);
			continue;
		}
		batch.objects[batch.count++] = object;
		rc = rb_buf_addf(&batch.sql, err, "%s\n;", object->sql);
		if (rc == RB_OK && (batch.count == BATCH_OBJECTS || batch.sql.len > BATCH_BYTES))
			rc = make_batch(step, &batch, err);
	}
	if (rc == RB_OK)
		rc = make_batch(step, &batch, err);
	rb_buf_release(&batch.sql);
	return rc;
}

/* Whether any of the first objects is to be made. */
static bool makes_any(const struct step *step, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct rb_object *object = &step->catalog->objects[i];

		if ((is_named(step, object) || rb_pg_is_shared(object)) &&
		    !rb_pg_objects_find(step->target, object))
			return true;
	}
	return false;
}

/* What comes before the rows; new partitions of tables that are there come last. */
static int make_in_order(struct step *step, struct rb_err *err)
{
	const struct rb_catalog *catalog = step->catalog;
	size_t middle = boundary(catalog);
	int rc = rb_pg_late_partitions(step->target, catalog, &step->late, err);

	if (rc == RB_OK)
		rc = make_range(step, 0, middle, true, err);
	step->pass = PASS_KEYS;
	if (rc == RB_OK && rb_map_count(step->late) > 0)
		rc = make_range(step, middle, catalog->object_count, false, err);
	step->pass = PASS_ATTACH;
	if (rc == RB_OK && rb_map_count(step->late) > 0)
		rc = make_range(step, 0, middle, false, err);
	step->pass = PASS_ORDER;
	if (rc == RB_OK && step->only)
		rc = rb_pg_take_indexes(step->target, catalog, step->late, err);
	rb_map_free(step->late);
	step->late = NULL;
	return rc;
}

static int make_tables(struct step *step, struct rb_err *err)
{
	int rc = RB_OK;

	if (step->target->dbname && !step->target->is_created)
		rc = rb_pg_create(step->target, step->catalog, step->remarks, err);
	if (rc == RB_OK)
		rc = rb_pg_objects_load(step->target, err);
	/* Bodies may name what comes later. */
	if (rc == RB_OK)
		rc = rb_pg_exec(&step->target->conn,
		                "SET LOCAL check_function_bodies = false;"
		                "SET LOCAL client_min_messages = warning",
		                err);
	if (rc == RB_OK && makes_any(step, boundary(step->catalog)))
		rc = rb_pg_set_defaults_aside(step->target, err);
	return rc < 0 ? rc : make_in_order(step, err);
}

/* Materialized views have rows of their own, which are of the tables. */
static int refresh_views(struct step *step, struct rb_err *err)
{
	const struct rb_catalog *objects = step->target->objects;
	char why[RB_ERR_MSG_SIZE];
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < objects->object_count; i++) {
		const struct rb_object *view = &objects->objects[i];

		if (strcmp(view->kind, RB_PG_VIEW_DATA) != 0)
			continue;
		rc = rb_pg_try(step->target, view->sql, why, err);
		if (rc != RB_E_UNSUPPORTED)
			continue;
		if (must_be_made(step, view))
			return refused(view, why, err);
		rc = rb_catalog_remark(step->remarks, view->name, false, err,
		                       "this materialized view was not refreshed: %.700s", why);
		if (rc == RB_OK)
			rc = rb_pg_objects_claim(step->target, view, err);
	}
	return rc;
}

static int make_rest(struct step *step, struct rb_err *err)
{
	int rc = step->only ? rb_pg_follow_rows(step->target, step->only, err) : RB_OK;

	if (rc == RB_OK)
		rc = rb_pg_unquiet(step->target, err);
	if (rc == RB_OK)
		rc = rb_pg_objects_load(step->target, err);
	if (rc == RB_OK)
		rc = make_range(step, boundary(step->catalog), step->catalog->object_count, false,
		                err);
	if (rc == RB_OK)
		rc = rb_pg_objects_sort(step->target, step->catalog, err);
	return rc < 0 ? rc : refresh_views(step, err);
}

int rb_pg_target_schema(struct rb_target *base, enum rb_schema_step which,
                        const struct rb_catalog *catalog, const char *const *only,
                        struct rb_catalog *remarks, struct rb_err *err)
{
	/* base is the first member of a target. */
	struct rb_pg_target *target = (struct rb_pg_target *)base;
	struct step step = {.target = target, .catalog = catalog, .only = only, .remarks = remarks};
	struct rb_err *where = err;
	int told;
	int rc = rb_pg_may_write(target, err);

	if (rc == RB_OK && target->rows.table)
		rc = rb_err_set(err, RB_E_USAGE, "table '%.200s' is still being written",
		                target->rows.table->name);
	if (rc < 0)
		return rc;
	switch (which) {
	case RB_SCHEMA_DROP:
		rc = rb_pg_objects_load(target, err);
		if (rc == RB_OK)
			rc = drop_all(&step, err);
		break;
	case RB_SCHEMA_TABLES:
		rc = make_tables(&step, err);
		break;
	case RB_SCHEMA_AFTER:
		rc = make_rest(&step, err);
		break;
	}
	if (rc < 0)
		where = NULL;
	told = tell(&step, &step.owners, "owners", where);
	if (told == RB_OK)
		told = tell(&step, &step.rights, "rights", rc < 0 ? NULL : err);
	return rc < 0 ? rc : told;
}
