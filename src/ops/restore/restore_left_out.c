/*
 * See restore_priv.h: columns and schemas that are not in the backup.
 *
 * What the backup left out is left alone: schemas stay as they are, and columns keep their
 * values in rows that stay, also when a row is written anew.  What the configuration leaves out
 * now, but the backup has, would be overwritten without a way back: that is refused.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowback/config/select.h"
#include "restore_priv.h"

#define NAMES_MAX ((size_t)64 << 20)

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory to plan a restore");
}

/* Move behind a schema's name as rowback shows it, in quotes or not; NULL: it is another one. */
static const char *skip_schema(const char *shown, const char *schema)
{
	size_t len = strlen(schema);

	if (*shown != '"')
		return strncmp(shown, schema, len) == 0 ? shown + len : NULL;
	for (shown++; *schema; schema++, shown++) {
		if (*shown != *schema || (*schema == '"' && *++shown != '"'))
			return NULL;
	}
	return *shown == '"' ? shown + 1 : NULL;
}

bool rb_restore_is_in_schema(const char *name, const char *schema)
{
	const char *rest = skip_schema(name, schema);

	return rest && *rest == '.';
}

static const char *setting_of(const struct rb_catalog *catalog, const char *name)
{
	for (size_t i = 0; i < catalog->setting_count; i++)
		if (strcmp(catalog->settings[i].name, name) == 0)
			return catalog->settings[i].value;
	return "";
}

/* Whether a catalog says that it left a schema out. */
static bool says_left_out(const struct rb_catalog *catalog, const char *schema)
{
	const char *at = setting_of(catalog, RB_SETTING_LEFT_OUT);

	while (*at) {
		const char *rest = skip_schema(at, schema);

		if (rest && (*rest == '\0' || strncmp(rest, ", ", 2) == 0))
			return true;
		/* A name in quotes may have a comma, but then no other begins right behind it. */
		at = strstr(at, ", ");
		if (!at)
			break;
		at += 2;
	}
	return false;
}

/* Whether a catalog has anything of a schema. */
static bool has_schema(const struct rb_catalog *catalog, const char *schema)
{
	for (size_t i = 0; i < catalog->object_count; i++) {
		const struct rb_object *object = &catalog->objects[i];

		if (rb_restore_is_in_schema(object->name, schema) ||
		    (strcmp(object->kind, "schema") == 0 && strcmp(object->name, schema) == 0))
			return true;
	}
	return false;
}

static bool leaves_out(const void *ctx, const char *schema, bool is_platforms)
{
	const struct rb_restore *restore = ctx;
	const struct rb_catalog *backup = restore->backup.catalog;
	bool selected = restore->config ? rb_select_schema(restore->config, schema, is_platforms)
	                                : !is_platforms;

	if (says_left_out(backup, schema))
		return true;
	if (selected)
		return false;
	if (!has_schema(backup, schema))
		return true;
	if (restore->config && restore->clash)
		snprintf(restore->clash, RB_RESTORE_CLASH_SIZE, "%s", schema);
	return false;
}

struct rb_schema_choice rb_restore_schemas(const struct rb_restore *restore)
{
	const struct rb_schema_choice choice = {.leaves_out = leaves_out, .ctx = restore};

	return choice;
}

static bool same_columns_left_out(const struct rb_table *a, const struct rb_table *b)
{
	for (size_t i = 0; i < a->column_count; i++) {
		const struct rb_column *twin = rb_table_column(b, a->columns[i].name);

		if (twin && !a->columns[i].is_rowid && twin->left_out != a->columns[i].left_out)
			return false;
	}
	return true;
}

bool rb_restore_scope_differs(const struct rb_restore *restore)
{
	const struct rb_catalog *backup = restore->backup.catalog;
	const struct rb_catalog *live = restore->live.catalog;

	if (strcmp(setting_of(backup, RB_SETTING_LEFT_OUT),
	           setting_of(live, RB_SETTING_LEFT_OUT)) != 0)
		return true;
	for (size_t i = 0; i < backup->table_count; i++) {
		long at = rb_snapshot_find(&restore->live, backup->tables[i].name);

		if (at >= 0 && !same_columns_left_out(&backup->tables[i], &live->tables[at]))
			return true;
	}
	return false;
}

static int refuse_column(const struct rb_restore *restore, const struct rb_table *table,
                         const struct rb_column *column, struct rb_err *err)
{
	rb_err_set(err, RB_E_CONFLICT,
	           "the backup has column '%.200s.%.200s', which is left out now: its values would "
	           "be overwritten, and no safety backup would have them",
	           table->name, column->name);
	rb_err_hint(
	        err,
	        "take it in for this restore (source.%s.excludeColumns), or restore into another "
	        "database with --to",
	        restore->config->name);
	return RB_E_CONFLICT;
}

int rb_restore_check_scope(const struct rb_restore *restore, struct rb_err *err)
{
	const struct rb_catalog *backup = restore->backup.catalog;

	if (!restore->config)
		return RB_OK;
	if (*restore->clash && !restore->opts->tables) {
		rb_err_set(err, RB_E_CONFLICT,
		           "the backup has schema '%.200s', which is left out now: no safety "
		           "backup would have what is in it",
		           restore->clash);
		rb_err_hint(err,
		            "take it in for this restore (source.%s.excludeSchemas, include), or "
		            "restore into another database with --to",
		            restore->config->name);
		return RB_E_CONFLICT;
	}
	for (size_t i = 0; i < backup->table_count; i++) {
		const struct rb_table *table = &backup->tables[i];
		long at = rb_snapshot_find(&restore->live, table->name);

		for (size_t j = 0; at >= 0 && j < table->column_count; j++) {
			const struct rb_column *column = &table->columns[j];

			if (rb_column_is_stored(column) && !column->is_rowid &&
			    !rb_select_column(restore->config, table->name, column->name) &&
			    rb_restore_wants(restore, table->name) &&
			    rb_table_column(&restore->live.catalog->tables[at], column->name))
				return refuse_column(restore, table, column, err);
		}
	}
	return RB_OK;
}

/* The columns that a table leaves out, with ", " between, on the heap; NULL: none. */
static int name_columns(const struct rb_table *table, char **out, struct rb_err *err)
{
	struct rb_buf names = RB_BUF(NAMES_MAX);
	int rc = RB_OK;

	*out = NULL;
	for (size_t i = 0; rc == RB_OK && i < table->column_count; i++)
		if (table->columns[i].left_out)
			rc = rb_buf_addf(&names, err, "%s%s", names.len > 0 ? ", " : "",
			                 table->columns[i].name);
	if (rc == RB_OK && names.len > 0) {
		*out = rb_buf_detach(&names);
		rc = *out ? RB_OK : no_memory(err);
	}
	rb_buf_release(&names);
	return rc;
}

static const char *fate(const struct rb_restore *restore, const struct rb_plan_table *planned)
{
	/* What the safety backup of another database has is all of it. */
	bool is_gone = planned->rows.deleted > 0 && restore->config;

	if (planned->action == RB_TABLE_DROP)
		return "goes with the table, and no backup has it";
	if (planned->action == RB_TABLE_CREATE)
		return "not in the backup: all rows have the default";
	if (is_gone)
		return "not in the backup: rows that stay keep it, new ones have the default, and "
		       "of those that go no backup has it";
	return "not in the backup: rows that stay keep it, new ones have the default";
}

/* What the plan says of one table. */
static int plan_table(struct rb_restore *restore, struct rb_plan_table *planned, struct rb_err *err)
{
	const struct rb_table *table = rb_catalog_table(restore->backup.catalog, planned->name);
	int rc;

	if (!table && restore->live.catalog)
		table = rb_catalog_table(restore->live.catalog, planned->name);
	rc = table ? name_columns(table, &planned->left_out, err) : RB_OK;
	if (rc < 0 || !planned->left_out)
		return rc;
	return rb_catalog_remark(restore->report->remarks, planned->name, false, err,
	                         "column %.500s: %s", planned->left_out, fate(restore, planned));
}

int rb_restore_plan_left_out(struct rb_restore *restore, struct rb_err *err)
{
	struct rb_restore_plan *plan = &restore->report->plan;
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < plan->table_count; i++)
		rc = plan_table(restore, &plan->tables[i], err);
	return rc;
}

/* Whether the target's rows can be told apart by the backup's key. */
static int check_key(const struct rb_table *table, const struct rb_table *live, struct rb_err *err)
{
	for (size_t i = 0; i < table->key_count; i++) {
		const struct rb_column *column = &table->columns[table->key[i]];

		if (column->is_rowid ? live->column_count > 0 && live->columns[0].is_rowid
		                     : rb_table_column(live, column->name) != NULL)
			continue;
		rb_err_set(err, RB_E_CONFLICT,
		           "table '%.200s' has another key than in the backup: columns that are "
		           "not in the backup cannot be kept",
		           table->name);
		rb_err_hint(err, "restore into another database with --to");
		return RB_E_CONFLICT;
	}
	return RB_OK;
}

int rb_restore_keep(struct rb_restore *restore, struct rb_err *err)
{
	const struct rb_restore_plan *plan = &restore->report->plan;
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < plan->table_count; i++) {
		const struct rb_plan_table *planned = &plan->tables[i];
		const struct rb_table *table =
		        rb_catalog_table(restore->backup.catalog, planned->name);
		const struct rb_table *live =
		        rb_catalog_table(restore->live.catalog, planned->name);

		if (!planned->left_out || !table || !live || planned->action == RB_TABLE_DROP)
			continue;
		rc = check_key(table, live, err);
		if (rc == RB_OK)
			rc = restore->adapter->target_keep(restore->target, table, live, err);
	}
	return rc;
}
