/*
 * See restore_priv.h: into a new or empty database.
 */
#include <string.h>

#include "rowback/base/cancel.h"
#include "rowback/base/log.h"
#include "rows/batch_priv.h"
#include "restore_priv.h"

static int plan_all(struct rb_restore *restore, struct rb_err *err)
{
	const struct rb_catalog *catalog = restore->backup.catalog;
	int rc = rb_restore_check_tables(restore, err);

	restore->report->plan.into_new = true;
	for (size_t i = 0; rc == RB_OK && i < catalog->table_count; i++) {
		const struct rb_row_counts rows = {.inserted = restore->backup.tables[i].rows};

		if (rb_restore_wants(restore, catalog->tables[i].name))
			rc = rb_restore_plan_add(restore, catalog->tables[i].name, RB_TABLE_CREATE,
			                         &rows, err);
	}
	return rc < 0 ? rc : rb_restore_plan_left_out(restore, err);
}

static int insert_batch(struct rb_restore *restore, const struct rb_value *values, size_t rows,
                        size_t width, struct rb_err *err)
{
	const struct rb_adapter *adapter = restore->adapter;
	int rc = RB_OK;

	if (adapter->target_insert_rows)
		return adapter->target_insert_rows(restore->target, values, rows, err);
	for (size_t i = 0; rc == RB_OK && i < rows; i++)
		rc = adapter->target_insert(restore->target, values + i * width, err);
	return rc;
}

/* Insert what the batches hold; count is how many rows there were. */
static int insert_all(struct rb_restore *restore, struct rb_batches *batches, const char *name,
                      uint64_t *count, struct rb_err *err)
{
	size_t width = rb_batches_width(batches);
	const struct rb_value *values = NULL;
	size_t rows = 0;
	int rc;

	while ((rc = rb_batches_next(batches, &values, &rows, err)) > 0) {
		rc = insert_batch(restore, values, rows, width, err);
		*count += rows;
		rb_log_progress("restoring %s: %llu rows", name, (unsigned long long)*count);
		if (rc == RB_OK)
			rc = rb_cancel_check(err);
		if (rc < 0)
			return rc;
	}
	return rc;
}

int rb_restore_fill(struct rb_restore *restore, size_t table, struct rb_err *err)
{
	struct rb_chunk_list chunks = {0};
	struct rb_rows_opts opts = {.snapshot = &restore->backup,
	                            .table = table,
	                            .chunks = &chunks,
	                            .read_ahead = true};
	const struct rb_table *def = &restore->backup.catalog->tables[table];
	struct rb_batches *batches = NULL;
	uint64_t count = 0;
	int rc = rb_snapshot_chunks(&restore->backup, table, &chunks, err);

	if (rc == RB_OK)
		rc = rb_batches_open(&opts, &batches, err);
	if (rc == RB_OK)
		rc = restore->adapter->target_table_begin(restore->target, def, err);
	if (rc == RB_OK)
		rc = insert_all(restore, batches, def->name, &count, err);
	if (rc == RB_OK && count != restore->backup.tables[table].rows)
		rc = rb_err_set(err, RB_E_FORMAT,
		                "table '%s' has %llu rows in the store, but rowback.json says %llu",
		                def->name, (unsigned long long)count,
		                (unsigned long long)restore->backup.tables[table].rows);
	if (rc == RB_OK)
		rc = restore->adapter->target_table_end(restore->target, err);
	rb_batches_close(batches);
	rb_chunk_list_release(&chunks);
	return rc;
}

static int fill_all(struct rb_restore *restore, bool system, struct rb_err *err)
{
	const struct rb_catalog *catalog = restore->backup.catalog;
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < catalog->table_count; i++) {
		const struct rb_table *table = &catalog->tables[i];

		if ((table->kind == RB_TABLE_SYSTEM) != system ||
		    !rb_restore_wants(restore, table->name))
			continue;
		rc = rb_restore_fill(restore, i, err);
		if (rc == RB_OK)
			rb_restore_beside_filled(restore, i);
	}
	rb_log_progress_end();
	return rc;
}

static int write_all(struct rb_restore *restore, struct rb_err *err)
{
	const struct rb_adapter *adapter = restore->adapter;
	struct rb_catalog *remarks = restore->report->remarks;
	const struct rb_catalog *catalog = restore->backup.catalog;
	int rc = adapter->target_begin(restore->target, NULL, err);

	if (rc == RB_OK)
		rc = adapter->target_schema(restore->target, RB_SCHEMA_TABLES, catalog,
		                            restore->opts->tables, remarks, err);
	if (rc == RB_OK)
		rb_restore_beside_begin(restore);
	if (rc == RB_OK)
		rc = fill_all(restore, false, err);
	/* Sequences after the rows, whose inserts move them. */
	if (rc == RB_OK)
		rc = fill_all(restore, true, err);
	if (rc == RB_OK)
		rb_restore_beside_last(restore);
	if (rc == RB_OK)
		rc = adapter->target_schema(restore->target, RB_SCHEMA_AFTER, catalog,
		                            restore->opts->tables, remarks, err);
	rb_restore_beside_wait(restore);
	return rc;
}

int rb_restore_new(struct rb_restore *restore, struct rb_err *err)
{
	int rc = plan_all(restore, err);

	if (rc < 0 || restore->opts->dry_run)
		return rc;
	rc = write_all(restore, err);
	if (rc == RB_OK)
		rc = rb_restore_verify(restore, err);
	if (rc == RB_OK)
		rc = rb_restore_commit(restore, err);
	rb_restore_beside_free(restore);
	return rc;
}
