/*
 * See restore_priv.h: what takes part in a restore, and what is left alone.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "rowback/config/select.h"
#include "restore_priv.h"

/* Settings that a database keeps from when it was made: they are not its content. */
static const char *const physical[] = {"auto_vacuum",     "builtin_locale", "collate",
                                       "ctype",           "encoding",       "icu_locale",
                                       "locale_provider", "page_size",      RB_SETTING_LEFT_OUT};

static bool is_storage(const struct rb_catalog *catalog, const char *table)
{
	const struct rb_table *found = catalog ? rb_catalog_table(catalog, table) : NULL;

	return found && found->kind == RB_TABLE_SHADOW;
}

/* Whether a name is that of storage: "docs_data" of "docs". */
static bool belongs_to(const char *table, const char *owner)
{
	size_t len = strlen(owner);

	return strncasecmp(table, owner, len) == 0 && table[len] == '_';
}

bool rb_restore_wants(const struct rb_restore *restore, const char *table)
{
	const char *const *tables = restore->opts->tables;
	bool storage = is_storage(restore->backup.catalog, table) ||
	               is_storage(restore->live.catalog, table);

	for (size_t i = 0; tables && tables[i]; i++) {
		if (strcmp(tables[i], table) == 0 || (storage && belongs_to(table, tables[i])))
			return true;
	}
	return !tables;
}

const struct rb_object *rb_restore_find(const struct rb_catalog *catalog, const char *kind,
                                        const char *name)
{
	return catalog ? rb_catalog_object(catalog, kind, name) : NULL;
}

const char *rb_restore_owner(const struct rb_catalog *catalog, const struct rb_table *table)
{
	const char *owner = NULL;

	for (size_t i = 0; table->kind == RB_TABLE_SHADOW && i < catalog->object_count; i++) {
		const struct rb_object *object = &catalog->objects[i];

		if (strcmp(object->kind, "table") == 0 && belongs_to(table->name, object->name) &&
		    (!owner || strlen(object->name) > strlen(owner)))
			owner = object->name;
	}
	return owner;
}

bool rb_restore_has_rows(const struct rb_catalog *catalog, const char *name)
{
	for (size_t i = 0; i < catalog->table_count; i++) {
		const char *owner = rb_restore_owner(catalog, &catalog->tables[i]);

		if (strcmp(catalog->tables[i].name, name) == 0 ||
		    (owner && strcmp(owner, name) == 0))
			return true;
	}
	return false;
}

bool rb_restore_selects(const struct rb_restore *restore, const char *table)
{
	const struct rb_table *found = NULL;

	if (restore->backup.catalog)
		found = rb_catalog_table(restore->backup.catalog, table);
	if (!found && restore->live.catalog)
		found = rb_catalog_table(restore->live.catalog, table);
	return rb_select_table(restore->config, table, found ? found->kind : RB_TABLE_PLAIN);
}

bool rb_restore_leaves(const struct rb_restore *restore, const char *table)
{
	const struct rb_snapshot *backup = &restore->backup;

	if (restore->config && !rb_restore_selects(restore, table))
		return true;
	for (size_t i = 0; i < backup->missing_count; i++) {
		if (strcmp(backup->missing[i], table) == 0)
			return true;
	}
	/* The backup knows of it, but has no rows of it, and the target has. */
	return rb_restore_find(backup->catalog, "table", table) &&
	       !rb_restore_has_rows(backup->catalog, table) && restore->live.catalog &&
	       rb_catalog_table(restore->live.catalog, table);
}

bool rb_restore_keeps_off(const struct rb_restore *restore, const struct rb_object *object)
{
	/* What is left alone, but is not there, is made anew and empty. */
	return rb_restore_find(restore->live.catalog, "table", object->table) &&
	       rb_restore_leaves(restore, object->table);
}

static bool is_physical(const char *name)
{
	for (size_t i = 0; i < sizeof(physical) / sizeof(physical[0]); i++) {
		if (strcmp(physical[i], name) == 0)
			return true;
	}
	return false;
}

size_t rb_restore_count_settings(const struct rb_catalog *a, const struct rb_catalog *b)
{
	size_t count = 0;

	for (size_t i = 0; i < a->setting_count; i++) {
		const struct rb_setting *setting = &a->settings[i];
		bool same = is_physical(setting->name);

		for (size_t j = 0; !same && j < b->setting_count; j++)
			same = strcmp(setting->name, b->settings[j].name) == 0 &&
			       strcmp(setting->value, b->settings[j].value) == 0;
		count += !same;
	}
	return count;
}

/* Whether an object takes part: with --table, only what belongs to those tables. */
static bool takes_part(const struct rb_restore *restore, const struct rb_object *object)
{
	if (rb_restore_keeps_off(restore, object))
		return false;
	if (!restore->opts->tables)
		return true;
	return strcmp(object->kind, "view") != 0 && rb_restore_wants(restore, object->table);
}

/* Whether the engine gives an object its new definition while it stays. */
static bool is_overwritten(const struct rb_restore *restore, const struct rb_object *there,
                           const struct rb_object *wanted)
{
	return restore->adapter->target_overwrites &&
	       restore->adapter->target_overwrites(there, wanted);
}

bool rb_restore_drops(const struct rb_restore *restore, const struct rb_object *object)
{
	const struct rb_object *twin =
	        rb_restore_find(restore->backup.catalog, object->kind, object->name);

	if (!takes_part(restore, object))
		return false;
	return !twin ||
	       (strcmp(twin->sql, object->sql) != 0 && !is_overwritten(restore, object, twin));
}

/* What is said of an object right behind it, and goes with it. */
static bool is_about(const struct rb_object *object)
{
	return strcmp(object->kind, "comment") == 0 || strcmp(object->kind, "owner") == 0 ||
	       strcmp(object->kind, "security label") == 0;
}

/* A catalog that borrows all but its objects, for which there is room. */
static int new_view(const struct rb_catalog *from, struct rb_catalog **out, struct rb_err *err)
{
	struct rb_catalog *view = calloc(1, sizeof(*view));

	*out = NULL;
	if (!view)
		return rb_err_set(err, RB_E_NOMEM, "no memory to plan a restore");
	*view = *from;
	view->places = NULL;
	view->remarks = NULL;
	view->remark_count = 0;
	view->object_count = 0;
	view->objects = calloc(from->object_count + 1, sizeof(*view->objects));
	if (!view->objects) {
		free(view);
		return rb_err_set(err, RB_E_NOMEM, "no memory to plan a restore");
	}
	*out = view;
	return RB_OK;
}

/* A foreign key, or a comment on a constraint, which goes with it. */
static bool is_of_key(const struct rb_object *object)
{
	static const char on_constraint[] = "COMMENT ON CONSTRAINT ";

	return strcmp(object->kind, "fk constraint") == 0 ||
	       (strcmp(object->kind, "comment") == 0 &&
	        strncmp(object->sql, on_constraint, sizeof(on_constraint) - 1) == 0);
}

/*
 * Whether a table's foreign keys lead to one that is dropped or made anew: they stand on its key,
 * and nothing is dropped with what stands on it.
 */
static bool leads_to_moved(const struct rb_restore *restore, const struct rb_catalog *catalog,
                           const char *name)
{
	const struct rb_table *table = rb_catalog_table(catalog, name);

	for (size_t i = 0; table && i < table->foreign_key_count; i++) {
		const char *parent = table->foreign_keys[i].ref_table;

		if (rb_restore_action(restore, parent) != RB_TABLE_KEEP)
			return true;
	}
	return false;
}

/* How an object is seen from the other side. */
enum change {
	UNCHANGED,
	OVERWRITTEN, /* it has another definition there, and need not be dropped for it */
	CHANGED,     /* dropped, made, or both */
};

/* subject  what was found of the object that this one is about, if it is about one */
static enum change find_change(const struct rb_restore *restore, const struct rb_catalog *from,
                               const struct rb_catalog *other, const struct rb_object *object,
                               enum change subject)
{
	const struct rb_object *twin = rb_restore_find(other, object->kind, object->name);
	bool depends = is_about(object) ? subject == CHANGED : rb_restore_moves(restore, object);

	if (depends)
		return CHANGED;
	if (!takes_part(restore, object))
		return UNCHANGED;
	/* What belongs to a table that is dropped or made anew goes and comes with it. */
	if (!twin || rb_restore_action(restore, object->table) != RB_TABLE_KEEP ||
	    (is_of_key(object) && leads_to_moved(restore, from, object->table)))
		return CHANGED;
	if (strcmp(twin->sql, object->sql) == 0)
		return UNCHANGED;
	return is_overwritten(restore, object, twin) ? OVERWRITTEN : CHANGED;
}

int rb_restore_view(const struct rb_restore *restore, const struct rb_catalog *from,
                    const struct rb_catalog *other, bool tables_too, struct rb_catalog **out,
                    struct rb_err *err)
{
	struct rb_catalog *view = NULL;
	enum change subject = UNCHANGED;
	int rc = new_view(from, out, err);

	if (rc < 0)
		return rc;
	view = *out;
	for (size_t i = 0; i < from->object_count; i++) {
		const struct rb_object *object = &from->objects[i];
		enum change change = find_change(restore, from, other, object, subject);
		bool has_rows =
		        strcmp(object->kind, "table") == 0 && rb_catalog_table(from, object->name);

		if (!is_about(object))
			subject = change;
		if (change == UNCHANGED || (has_rows && !tables_too) ||
		    (change == OVERWRITTEN && tables_too))
			continue;
		view->objects[view->object_count++] = *object;
	}
	return RB_OK;
}

int rb_restore_view_backup(const struct rb_restore *restore, struct rb_catalog **out,
                           struct rb_err *err)
{
	const struct rb_catalog *from = restore->backup.catalog;
	int rc = new_view(from, out, err);

	for (size_t i = 0; rc == RB_OK && i < from->object_count; i++) {
		if (!rb_restore_keeps_off(restore, &from->objects[i]))
			(*out)->objects[(*out)->object_count++] = from->objects[i];
	}
	return rc;
}

void rb_restore_free_view(struct rb_catalog *view)
{
	if (!view)
		return;
	free(view->objects);
	free(view);
}
