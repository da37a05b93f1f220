/*
 * See restore_priv.h: into a database that holds something.
 */
#include <stdlib.h>
#include <string.h>

#include "rowback/base/cancel.h"
#include "rowback/base/log.h"
#include "restore_priv.h"

#define LOOK_ROWS 4096 /* rows between looks at signals */

/* Rows of one table, in one of the two passes. */
struct pass {
	struct rb_restore *restore;
	bool deletes;
	uint64_t count;
};

static int look_around(struct pass *pass, struct rb_err *err)
{
	if (++pass->count % LOOK_ROWS != 0)
		return RB_OK;
	rb_log_progress("restoring: %llu rows", (unsigned long long)pass->count);
	return rb_cancel_check(err);
}

static int apply_change(void *ctx, const struct rb_row_change *change, struct rb_err *err)
{
	struct pass *pass = ctx;
	const struct rb_adapter *adapter = pass->restore->adapter;
	struct rb_target *target = pass->restore->target;
	int rc = look_around(pass, err);

	if (rc < 0)
		return rc;
	/* An update is a delete and an insert: so no two rows meet in a unique index half-way. */
	if (pass->deletes)
		return change->op == RB_ROW_INSERT
		               ? RB_OK
		               : adapter->target_delete(target, change->old_values, err);
	return change->op == RB_ROW_DELETE
	               ? RB_OK
	               : adapter->target_insert(target, change->new_values, err);
}

/* The definition to write rows by: the backup's, or the target's for rows that go. */
static const struct rb_table *definition(const struct rb_restore *restore, const char *name)
{
	const struct rb_table *table = rb_catalog_table(restore->backup.catalog, name);

	return table ? table : rb_catalog_table(restore->live.catalog, name);
}

static int apply_table(struct pass *pass, const struct rb_plan_table *planned, struct rb_err *err)
{
	struct rb_restore *restore = pass->restore;
	bool fresh = planned->action != RB_TABLE_KEEP;
	int rc;

	/* Dropped, or made anew without rows of its own. */
	if (!rb_catalog_table(restore->backup.catalog, planned->name) || (fresh && pass->deletes))
		return RB_OK;
	rc = restore->adapter->target_table_begin(restore->target,
	                                          definition(restore, planned->name), err);
	if (rc == RB_OK)
		rc = rb_restore_rows(restore, planned->name, fresh, apply_change, pass, err);
	if (rc == RB_OK && !pass->deletes && planned->left_out)
		rc = restore->adapter->target_give_back(restore->target, err);
	if (rc == RB_OK)
		rc = restore->adapter->target_table_end(restore->target, err);
	return rc;
}

static bool is_system(const struct rb_restore *restore, const char *name)
{
	return definition(restore, name)->kind == RB_TABLE_SYSTEM;
}

static int apply_pass(struct rb_restore *restore, bool deletes, struct rb_err *err)
{
	const struct rb_restore_plan *plan = &restore->report->plan;
	struct pass pass = {.restore = restore, .deletes = deletes};
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < plan->table_count; i++) {
		if (!is_system(restore, plan->tables[i].name))
			rc = apply_table(&pass, &plan->tables[i], err);
	}
	return rc;
}

/* Sequences and statistics: written whole, since inserts of rows move them. */
static int write_system(struct rb_restore *restore, struct rb_err *err)
{
	const struct rb_catalog *live = restore->live.catalog;
	const struct rb_catalog *backup = restore->backup.catalog;
	int rc = RB_OK;

	if (restore->opts->tables || restore->opts->strategy != RB_STRATEGY_REPLACE)
		return RB_OK;
	for (size_t i = 0; rc == RB_OK && i < backup->table_count; i++) {
		if (backup->tables[i].kind == RB_TABLE_SYSTEM)
			rc = rb_restore_fill(restore, i, err);
	}
	for (size_t i = 0; rc == RB_OK && i < live->table_count; i++) {
		const struct rb_table *table = &live->tables[i];

		if (table->kind != RB_TABLE_SYSTEM || rb_catalog_table(backup, table->name))
			continue;
		rc = restore->adapter->target_table_begin(restore->target, table, err);
		if (rc == RB_OK)
			rc = restore->adapter->target_table_end(restore->target, err);
	}
	return rc;
}

/* The tables whose definitions are made: all, those named, or those that are not there. */
static const char **tables_to_define(struct rb_restore *restore)
{
	const struct rb_restore_plan *plan = &restore->report->plan;
	const char **names = calloc(plan->table_count + 1, sizeof(*names));
	size_t count = 0;

	for (size_t i = 0; names && i < plan->table_count; i++) {
		if (plan->tables[i].action == RB_TABLE_CREATE)
			names[count++] = plan->tables[i].name;
	}
	return names;
}

static int drop_objects(struct rb_restore *restore, struct rb_err *err)
{
	struct rb_catalog *view = NULL;
	int rc;

	if (restore->opts->strategy != RB_STRATEGY_REPLACE)
		return RB_OK;
	rc = rb_restore_view(restore, restore->live.catalog, restore->backup.catalog, true, &view,
	                     err);
	if (rc == RB_OK && view->object_count > 0)
		rc = restore->adapter->target_schema(restore->target, RB_SCHEMA_DROP, view, NULL,
		                                     restore->report->remarks, err);
	rb_restore_free_view(view);
	return rc;
}

/* Definitions, deletes, inserts, definitions. */
static int write_all(struct rb_restore *restore, const char *const *only, struct rb_err *err)
{
	const struct rb_adapter *adapter = restore->adapter;
	struct rb_catalog *catalog = NULL;
	struct rb_catalog *remarks = restore->report->remarks;
	int rc = rb_restore_keep(restore, err);

	if (rc == RB_OK)
		rc = drop_objects(restore, err);
	if (rc == RB_OK)
		rc = rb_restore_view_backup(restore, &catalog, err);
	if (rc == RB_OK)
		rc = adapter->target_schema(restore->target, RB_SCHEMA_TABLES, catalog, only,
		                            remarks, err);
	if (rc == RB_OK)
		rc = apply_pass(restore, true, err);
	if (rc == RB_OK)
		rc = apply_pass(restore, false, err);
	if (rc == RB_OK)
		rc = write_system(restore, err);
	if (rc == RB_OK)
		rc = adapter->target_schema(restore->target, RB_SCHEMA_AFTER, catalog, only,
		                            remarks, err);
	rb_restore_free_view(catalog);
	rb_log_progress_end();
	return rc;
}

/* Whether the whole database becomes the backup: what is broken then was so before. */
static bool is_whole(const struct rb_restore *restore)
{
	return restore->opts->strategy == RB_STRATEGY_REPLACE && !restore->opts->tables;
}

/* New violations of foreign keys would make things worse: not kept. */
static int check_keys(struct rb_restore *restore, struct rb_err *err)
{
	struct rb_catalog *problems = NULL;
	int rc;

	if (is_whole(restore))
		return RB_OK;
	problems = calloc(1, sizeof(*problems));
	if (!problems)
		return rb_err_set(err, RB_E_NOMEM, "no memory to check foreign keys");
	rc = restore->adapter->target_check(restore->target, problems, err);
	if (rc == RB_OK && problems->remark_count > 0) {
		rb_err_set(err, RB_E_CONFLICT,
		           "nothing was written: table '%s' would have rows "
		           "without what they refer to: %s",
		           problems->remarks[0].object, problems->remarks[0].what);
		rb_err_hint(err, "restore the table it refers to as well, or all tables");
		rc = RB_E_CONFLICT;
	}
	rb_catalog_free(problems);
	return rc;
}

static int write_and_verify(struct rb_restore *restore, struct rb_err *err)
{
	bool whole = is_whole(restore);
	const char **created = NULL;
	const char *const *only = NULL;
	int rc;

	if (!whole && restore->opts->strategy == RB_STRATEGY_REPLACE) {
		only = restore->opts->tables;
	} else if (!whole) {
		created = tables_to_define(restore);
		if (!created)
			return rb_err_set(err, RB_E_NOMEM, "no memory for a restore");
		only = created;
	}
	rc = write_all(restore, only, err);
	free(created);
	if (rc == RB_E_CONFLICT && !whole)
		rb_err_hint(err,
		            "nothing was written: rows or definitions that stay are in the way; "
		            "without --table and --strategy they go");
	if (rc == RB_OK)
		rc = check_keys(restore, err);
	if (rc == RB_OK)
		rc = rb_restore_verify(restore, err);
	return rc < 0 ? rc : rb_restore_commit(restore, err);
}

static int refuse_conflicts(const struct rb_restore *restore, struct rb_err *err)
{
	const struct rb_restore_plan *plan = &restore->report->plan;

	for (size_t i = 0; i < plan->table_count; i++) {
		const struct rb_plan_table *table = &plan->tables[i];

		if (table->conflicts == 0)
			continue;
		rb_err_set(err, RB_E_CONFLICT,
		           "nothing was written: %llu row%s changed on both sides, the first in "
		           "table '%s': %s",
		           (unsigned long long)plan->conflicts,
		           plan->conflicts == 1 ? " was" : "s were", table->name,
		           table->first_conflict ? table->first_conflict : "");
		break;
	}
	return rb_err_hint(err, "say who wins with --on-conflict backup or --on-conflict live");
}

static bool is_nothing(const struct rb_restore_plan *plan)
{
	return plan->table_count == 0 && plan->objects_changed == 0;
}

int rb_restore_into(struct rb_restore *restore, struct rb_err *err)
{
	const struct rb_restore_opts *opts = restore->opts;
	const struct rb_restore_plan *plan = &restore->report->plan;
	struct rb_source *source = restore->adapter->target_source(restore->target);
	struct rb_buf fingerprint = RB_BUF((size_t)64 << 10);
	int rc = restore->adapter->source_fingerprint(source, &fingerprint, err);

	if (rc == RB_OK)
		rc = rb_restore_look_at_live(restore, err);
	if (rc == RB_OK)
		rc = rb_restore_check_scope(restore, err);
	if (rc == RB_OK)
		rc = rb_restore_make_plan(restore, err);
	if (rc == RB_OK)
		rc = rb_restore_plan_left_out(restore, err);
	if (rc == RB_OK && plan->conflicts > 0 && opts->on_conflict == RB_CONFLICT_STOP)
		rc = refuse_conflicts(restore, err);
	if (rc < 0 || opts->dry_run || is_nothing(plan))
		goto out;
	if (opts->confirm && !opts->confirm(opts->ctx, plan, restore->report->target)) {
		restore->report->declined = true;
		goto out;
	}
	rc = restore->adapter->target_begin(restore->target, NULL, err);
	if (rc == RB_OK)
		rc = rb_restore_check_live(restore, rb_buf_str(&fingerprint), err);
	if (rc == RB_OK && !is_whole(restore))
		rc = restore->adapter->target_check(restore->target, NULL, err);
	if (rc == RB_OK)
		rc = write_and_verify(restore, err);

out:
	rb_buf_release(&fingerprint);
	return rc;
}
