/*
 * See restore_priv.h: the plan.
 */
#include <stdlib.h>
#include <string.h>

#include "rowback/value/rowwriter.h"
#include "restore_priv.h"

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory to plan a restore");
}

bool rb_restore_wants(const struct rb_restore *restore, const char *table)
{
	const char *const *tables = restore->opts->tables;

	for (size_t i = 0; tables && tables[i]; i++) {
		if (strcmp(tables[i], table) == 0)
			return true;
	}
	return !tables;
}

int rb_restore_plan_add(struct rb_restore *restore, const char *table, enum rb_table_action action,
                        const struct rb_row_counts *counts, struct rb_err *err)
{
	struct rb_restore_plan *plan = &restore->report->plan;
	struct rb_plan_table *grown =
	        realloc(plan->tables, (plan->table_count + 1) * sizeof(*grown));

	if (!grown)
		return no_memory(err);
	plan->tables = grown;
	memset(&grown[plan->table_count], 0, sizeof(*grown));
	grown[plan->table_count].action = action;
	grown[plan->table_count].name = strdup(table);
	if (!grown[plan->table_count].name)
		return no_memory(err);
	if (counts) {
		grown[plan->table_count].rows = *counts;
		plan->total.inserted += counts->inserted;
		plan->total.updated += counts->updated;
		plan->total.deleted += counts->deleted;
	}
	plan->table_count++;
	return RB_OK;
}

enum rb_table_action rb_restore_action(const struct rb_restore *restore, const char *table)
{
	const struct rb_restore_plan *plan = &restore->report->plan;

	for (size_t i = 0; i < plan->table_count; i++) {
		if (strcmp(plan->tables[i].name, table) == 0)
			return plan->tables[i].action;
	}
	return RB_TABLE_KEEP;
}

static const struct rb_object *find_object(const struct rb_catalog *catalog, const char *kind,
                                           const char *name)
{
	for (size_t i = 0; i < catalog->object_count; i++) {
		if (strcmp(catalog->objects[i].kind, kind) == 0 &&
		    strcmp(catalog->objects[i].name, name) == 0)
			return &catalog->objects[i];
	}
	return NULL;
}

/* Whether a table is defined alike on both sides. */
static bool same_definition(const struct rb_restore *restore, const char *table)
{
	const struct rb_object *live = find_object(restore->live.catalog, "table", table);
	const struct rb_object *backup = find_object(restore->backup.catalog, "table", table);

	/* Tables without DDL of their own (shadow, system) follow from others. */
	if (!live || !backup)
		return !live && !backup;
	return strcmp(live->sql, backup->sql) == 0;
}

struct count {
	struct rb_row_counts rows;
	uint64_t conflicts;
	char *first_conflict;
};

static int count_change(void *ctx, const struct rb_row_change *change, struct rb_err *err)
{
	struct count *count = ctx;

	count->rows.inserted += change->op == RB_ROW_INSERT;
	count->rows.updated += change->op == RB_ROW_UPDATE;
	count->rows.deleted += change->op == RB_ROW_DELETE;
	if (!change->is_conflict || count->conflicts++ > 0)
		return RB_OK;
	/* The row as it stands in the backup says more than its key would. */
	count->first_conflict = strndup(change->row->line,
	                                change->row->line_len < 200 ? change->row->line_len : 200);
	return count->first_conflict ? RB_OK : no_memory(err);
}

static int plan_rows(struct rb_restore *restore, const char *table, enum rb_table_action action,
                     struct rb_err *err)
{
	struct rb_restore_plan *plan = &restore->report->plan;
	struct count count = {0};
	long live = rb_snapshot_find(&restore->live, table);
	int rc =
	        rb_restore_rows(restore, table, action != RB_TABLE_KEEP, count_change, &count, err);

	if (rc == RB_OK && action == RB_TABLE_RECREATE && live >= 0)
		count.rows.deleted += restore->live.tables[live].rows;
	if (rc == RB_OK && (action != RB_TABLE_KEEP || count.rows.inserted || count.rows.updated ||
	                    count.rows.deleted)) {
		rc = rb_restore_plan_add(restore, table, action, &count.rows, err);
		if (rc == RB_OK) {
			plan->tables[plan->table_count - 1].conflicts = count.conflicts;
			plan->tables[plan->table_count - 1].first_conflict = count.first_conflict;
			plan->conflicts += count.conflicts;
			count.first_conflict = NULL;
		}
	}
	free(count.first_conflict);
	return rc;
}

static int refuse_definition(const char *table, struct rb_err *err)
{
	rb_err_set(err, RB_E_CONFLICT, "table '%s' is defined otherwise in the backup", table);
	return rb_err_hint(err, "restore it as it was with --strategy replace, or into another "
	                        "database with --to");
}

static int plan_backup_table(struct rb_restore *restore, const struct rb_table *table,
                             struct rb_err *err)
{
	enum rb_table_action action = RB_TABLE_KEEP;

	if (!find_object(restore->live.catalog, "table", table->name) &&
	    find_object(restore->backup.catalog, "table", table->name))
		action = RB_TABLE_CREATE;
	else if (!same_definition(restore, table->name))
		action = RB_TABLE_RECREATE;
	if (action == RB_TABLE_RECREATE && restore->opts->strategy != RB_STRATEGY_REPLACE)
		return refuse_definition(table->name, err);
	return plan_rows(restore, table->name, action, err);
}

/* A table that only the target has: a full replacement drops it. */
static int plan_live_table(struct rb_restore *restore, const struct rb_table *table, size_t index,
                           struct rb_err *err)
{
	const struct rb_row_counts rows = {.deleted = restore->live.tables[index].rows};

	if (table->kind == RB_TABLE_SYSTEM)
		return rb_restore_plan_add(restore, table->name, RB_TABLE_KEEP, &rows, err);
	/* Storage of a virtual table goes with it. */
	if (!find_object(restore->live.catalog, "table", table->name))
		return RB_OK;
	return rb_restore_plan_add(restore, table->name, RB_TABLE_DROP, &rows, err);
}

static int check_wanted(const struct rb_restore *restore, struct rb_err *err)
{
	const char *const *tables = restore->opts->tables;

	for (size_t i = 0; tables && tables[i]; i++) {
		if (rb_snapshot_find(&restore->backup, tables[i]) >= 0)
			continue;
		rb_err_set(err, RB_E_NOTFOUND, "the backup has no table '%s'", tables[i]);
		return rb_err_hint(err, "see its tables with: rowback show %s",
		                   restore->report->backup_id);
	}
	return RB_OK;
}

/* System tables follow the whole: a single table comes without them. */
static bool is_planned(const struct rb_restore *restore, const struct rb_table *table)
{
	if (restore->opts->tables)
		return rb_restore_wants(restore, table->name);
	return table->kind != RB_TABLE_SYSTEM || restore->opts->strategy == RB_STRATEGY_REPLACE;
}

static int count_objects(struct rb_restore *restore, struct rb_err *err)
{
	struct rb_catalog *drop = NULL;
	struct rb_catalog *make = NULL;
	int rc = rb_restore_view(restore, restore->live.catalog, restore->backup.catalog, false,
	                         &drop, err);

	if (rc == RB_OK)
		rc = rb_restore_view(restore, restore->backup.catalog, restore->live.catalog, false,
		                     &make, err);
	if (rc == RB_OK)
		restore->report->plan.objects_changed = drop->object_count + make->object_count;
	rb_restore_free_view(drop);
	rb_restore_free_view(make);
	return rc;
}

int rb_restore_make_plan(struct rb_restore *restore, struct rb_err *err)
{
	const struct rb_catalog *backup = restore->backup.catalog;
	const struct rb_catalog *live = restore->live.catalog;
	bool drops = restore->opts->strategy == RB_STRATEGY_REPLACE && !restore->opts->tables;
	int rc = check_wanted(restore, err);

	for (size_t i = 0; rc == RB_OK && i < backup->table_count; i++) {
		if (is_planned(restore, &backup->tables[i]))
			rc = plan_backup_table(restore, &backup->tables[i], err);
	}
	for (size_t i = 0; rc == RB_OK && drops && i < live->table_count; i++) {
		if (rb_snapshot_find(&restore->backup, live->tables[i].name) < 0)
			rc = plan_live_table(restore, &live->tables[i], i, err);
	}
	if (rc == RB_OK && restore->opts->strategy == RB_STRATEGY_REPLACE)
		rc = count_objects(restore, err);
	return rc;
}

/* Whether an object takes part: with --table, only what belongs to those tables. */
static bool takes_part(const struct rb_restore *restore, const struct rb_object *object)
{
	if (!restore->opts->tables)
		return true;
	return strcmp(object->kind, "view") != 0 && rb_restore_wants(restore, object->table);
}

int rb_restore_view(const struct rb_restore *restore, const struct rb_catalog *from,
                    const struct rb_catalog *other, bool tables_too, struct rb_catalog **out,
                    struct rb_err *err)
{
	struct rb_catalog *view = calloc(1, sizeof(*view));

	*out = NULL;
	if (!view)
		return no_memory(err);
	*view = *from;
	view->remarks = NULL;
	view->remark_count = 0;
	view->object_count = 0;
	view->objects = calloc(from->object_count + 1, sizeof(*view->objects));
	if (!view->objects) {
		free(view);
		return no_memory(err);
	}
	for (size_t i = 0; i < from->object_count; i++) {
		const struct rb_object *object = &from->objects[i];
		const struct rb_object *twin = find_object(other, object->kind, object->name);
		bool is_table = strcmp(object->kind, "table") == 0;
		/* What belongs to a table that is dropped or made anew goes and comes with it. */
		bool moved = rb_restore_action(restore, object->table) != RB_TABLE_KEEP;

		if ((is_table && !tables_too) || !takes_part(restore, object))
			continue;
		if (!twin || strcmp(twin->sql, object->sql) != 0 || moved)
			view->objects[view->object_count++] = *object;
	}
	*out = view;
	return RB_OK;
}

void rb_restore_free_view(struct rb_catalog *view)
{
	if (!view)
		return;
	free(view->objects);
	free(view);
}
