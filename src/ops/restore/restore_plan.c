/*
 * See restore_priv.h: the plan.
 */
#include <stdlib.h>
#include <string.h>

#include "restore_priv.h"

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory to plan a restore");
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

/* Whether a table is defined alike on both sides. */
static bool same_definition(const struct rb_restore *restore, const char *table)
{
	const struct rb_object *live = rb_restore_find(restore->live.catalog, "table", table);
	const struct rb_object *backup = rb_restore_find(restore->backup.catalog, "table", table);

	/* Tables without DDL of their own (system) follow from others. */
	if (!live || !backup)
		return !live && !backup;
	return strcmp(live->sql, backup->sql) == 0;
}

static enum rb_table_action action_by_name(const struct rb_restore *restore, const char *table)
{
	if (!rb_restore_find(restore->live.catalog, "table", table) &&
	    rb_restore_find(restore->backup.catalog, "table", table))
		return RB_TABLE_CREATE;
	if (!same_definition(restore, table))
		return RB_TABLE_RECREATE;
	return rb_restore_moves_table(restore, table) ? RB_TABLE_RECREATE : RB_TABLE_KEEP;
}

/* Storage goes and comes with the virtual table that it belongs to. */
static enum rb_table_action choose_action(const struct rb_restore *restore,
                                          const struct rb_table *table)
{
	const char *owner = rb_restore_owner(restore->backup.catalog, table);
	enum rb_table_action action = owner ? action_by_name(restore, owner) : RB_TABLE_KEEP;

	return action != RB_TABLE_KEEP ? action : action_by_name(restore, table->name);
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

/* Whether a merge leaves a table out that the target has dropped since the base. */
static bool stays_dropped(const struct rb_restore *restore, const struct rb_table *table)
{
	long base = restore->base.catalog ? rb_snapshot_find(&restore->base, table->name) : -1;
	long backup = rb_snapshot_find(&restore->backup, table->name);

	return base >= 0 && (restore->opts->on_conflict == RB_CONFLICT_LIVE ||
	                     rb_oid_equal(&restore->base.tables[base].tree,
	                                  &restore->backup.tables[backup].tree));
}

/* A table that the backup changed and the target dropped. */
static int note_dropped(struct rb_restore *restore, struct rb_err *err)
{
	struct rb_restore_plan *plan = &restore->report->plan;
	struct rb_plan_table *table = &plan->tables[plan->table_count - 1];

	table->conflicts = 1;
	plan->conflicts++;
	table->first_conflict = strdup("the database has dropped the table");
	return table->first_conflict ? RB_OK : no_memory(err);
}

static int plan_backup_table(struct rb_restore *restore, const struct rb_table *table,
                             struct rb_err *err)
{
	enum rb_table_action action = choose_action(restore, table);
	bool was_there =
	        restore->base.catalog && rb_snapshot_find(&restore->base, table->name) >= 0;
	int rc;

	if (action == RB_TABLE_RECREATE && restore->opts->strategy != RB_STRATEGY_REPLACE)
		return refuse_definition(table->name, err);
	if (action == RB_TABLE_CREATE && stays_dropped(restore, table))
		return RB_OK;
	rc = plan_rows(restore, table->name, action, err);
	if (rc == RB_OK && action == RB_TABLE_CREATE && was_there)
		rc = note_dropped(restore, err);
	return rc;
}

/* A table whose rows only the target has: a full replacement drops it, and makes it anew
 * where the backup has it without rows of its own, by its storage. */
static int plan_live_table(struct rb_restore *restore, const struct rb_table *table, size_t index,
                           struct rb_err *err)
{
	const struct rb_row_counts rows = {.deleted = restore->live.tables[index].rows};
	bool is_defined = rb_restore_find(restore->backup.catalog, "table", table->name) != NULL;

	if (rb_restore_leaves(restore, table->name))
		return RB_OK;
	if (table->kind == RB_TABLE_SYSTEM)
		return rb_restore_plan_add(restore, table->name, RB_TABLE_KEEP, &rows, err);
	/* Storage of a virtual table goes with it. */
	if (!rb_restore_find(restore->live.catalog, "table", table->name))
		return RB_OK;
	return rb_restore_plan_add(restore, table->name,
	                           is_defined ? RB_TABLE_RECREATE : RB_TABLE_DROP, &rows, err);
}

int rb_restore_check_tables(const struct rb_restore *restore, struct rb_err *err)
{
	const char *const *tables = restore->opts->tables;

	for (size_t i = 0; tables && tables[i]; i++) {
		if (rb_restore_has_rows(restore->backup.catalog, tables[i]))
			continue;
		rb_err_set(err, RB_E_NOTFOUND, "the backup has no rows of a table '%s'", tables[i]);
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
	if (rc == RB_OK && !restore->opts->tables)
		restore->report->plan.objects_changed +=
		        rb_restore_count_settings(restore->backup.catalog, restore->live.catalog);
	rb_restore_free_view(drop);
	rb_restore_free_view(make);
	return rc;
}

int rb_restore_make_plan(struct rb_restore *restore, struct rb_err *err)
{
	const struct rb_catalog *backup = restore->backup.catalog;
	const struct rb_catalog *live = restore->live.catalog;
	bool drops = restore->opts->strategy == RB_STRATEGY_REPLACE && !restore->opts->tables;
	int rc = rb_restore_check_tables(restore, err);

	if (rc == RB_OK)
		rc = rb_restore_find_dependents(restore, err);
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
