/*
 * See restore_priv.h: into a new database of another engine.
 *
 * The rows are read twice: once to see which kinds of values each column has, since that is
 * what SQLite's types are, and once to be written.  The proof is by rows: the sum of the
 * SHA-256 of each row as it is to be there must be that of the rows which are read back, in
 * whatever order the other engine gives them, and as many.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "rowback/base/cancel.h"
#include "rowback/base/encode.h"
#include "rowback/base/log.h"
#include "rowback/repo/object.h"
#include "rows/batch_priv.h"
#include "convert_priv.h"
#include "restore_priv.h"

#define ROW_BYTES_MAX (SIZE_MAX / 4)

/* Rows of one table, in any order. */
struct sum {
	uint64_t words[4];
	uint64_t rows;
	struct rb_buf text;
};

/* One restore into another engine. */
struct across {
	struct rb_restore *restore;
	struct rb_conversion conversion;
	bool *wanted;          /* for each table of the backup */
	struct rb_seen **seen; /* likewise; NULL for one that is not wanted */
	struct sum *sums;      /* for each table of the conversion */
};

/* What is done with rows of the backup. */
typedef int row_fn(void *ctx, const struct rb_value *values, struct rb_err *err);

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory for a restore");
}

static int each_batch(struct rb_batches *batches, row_fn *fn, void *ctx, const char *doing,
                      uint64_t *count, struct rb_err *err)
{
	size_t width = rb_batches_width(batches);
	const struct rb_value *values = NULL;
	size_t rows = 0;
	int rc;

	while ((rc = rb_batches_next(batches, &values, &rows, err)) > 0) {
		rc = RB_OK;
		for (size_t i = 0; rc == RB_OK && i < rows; i++)
			rc = fn(ctx, values + i * width, err);
		*count += rows;
		rb_log_progress("%s: %llu rows", doing, (unsigned long long)*count);
		if (rc == RB_OK)
			rc = rb_cancel_check(err);
		if (rc < 0)
			return rc;
	}
	return rc;
}

/* Every row of one table of the backup. */
static int each_row(struct rb_restore *restore, size_t table, row_fn *fn, void *ctx,
                    const char *doing, struct rb_err *err)
{
	struct rb_chunk_list chunks = {0};
	struct rb_rows_opts opts = {.snapshot = &restore->backup,
	                            .table = table,
	                            .chunks = &chunks,
	                            .verify = true,
	                            .read_ahead = true};
	struct rb_batches *batches = NULL;
	uint64_t count = 0;
	int rc = rb_snapshot_chunks(&restore->backup, table, &chunks, err);

	if (rc == RB_OK)
		rc = rb_batches_open(&opts, &batches, err);
	if (rc == RB_OK)
		rc = each_batch(batches, fn, ctx, doing, &count, err);
	if (rc == RB_OK && count != restore->backup.tables[table].rows)
		rc = rb_err_set(err, RB_E_FORMAT,
		                "table '%s' has %llu rows in the store, but rowback.json says %llu",
		                restore->backup.catalog->tables[table].name,
		                (unsigned long long)count,
		                (unsigned long long)restore->backup.tables[table].rows);
	rb_batches_close(batches);
	rb_chunk_list_release(&chunks);
	return rc;
}

/* A table being looked at. */
struct look {
	struct rb_seen *seen;
	size_t width;
};

static int look_at_row(void *ctx, const struct rb_value *values, struct rb_err *err)
{
	struct look *look = ctx;

	(void)err;
	for (size_t i = 0; i < look->width; i++)
		rb_seen_add(&look->seen[i], &values[i]);
	return RB_OK;
}

/* Which kinds of values the tables have that are wanted. */
static int look_at_rows(struct across *across, const struct rb_catalog *catalog, struct rb_err *err)
{
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < catalog->table_count; i++) {
		const struct rb_table *table = &catalog->tables[i];
		struct look look = {0};

		across->wanted[i] =
		        rb_convert_takes(table) && rb_restore_wants(across->restore, table->name);
		if (!across->wanted[i])
			continue;
		for (size_t c = 0; c < table->column_count; c++)
			look.width += rb_column_is_stored(&table->columns[c]);
		look.seen = calloc(look.width + 1, sizeof(*look.seen));
		across->seen[i] = look.seen;
		rc = look.seen ? each_row(across->restore, i, look_at_row, &look, "looking", err)
		               : no_memory(err);
	}
	rb_log_progress_end();
	return rc;
}

static int plan(struct across *across, struct rb_err *err)
{
	struct rb_restore *restore = across->restore;
	const struct rb_conversion *conversion = &across->conversion;
	int rc = RB_OK;

	assert(conversion->catalog);
	restore->report->plan.into_new = true;
	restore->report->types_changed = conversion->type_count;
	for (size_t i = 0; rc == RB_OK && i < conversion->catalog->table_count; i++) {
		size_t from = conversion->tables[i].from;
		const struct rb_row_counts rows = {.inserted = restore->backup.tables[from].rows};

		rc = rb_restore_plan_add(restore, restore->backup.catalog->tables[from].name,
		                         RB_TABLE_CREATE, &rows, err);
	}
	restore->report->converted = conversion->changes;
	across->conversion.changes = NULL;
	return rc;
}

static int add_to_text(const struct rb_value *value, struct rb_buf *text, struct rb_err *err)
{
	unsigned char kind = (unsigned char)value->kind;
	int rc = rb_buf_add(text, &kind, 1, err);

	if (rc < 0 || value->kind == RB_VALUE_NULL)
		return rc;
	if (value->kind == RB_VALUE_BOOL || value->kind == RB_VALUE_INT)
		return rb_buf_add(text, &value->u.i, sizeof(value->u.i), err);
	if (value->kind == RB_VALUE_REAL)
		return rb_buf_add(text, &value->u.r, sizeof(value->u.r), err);
	rc = rb_buf_add(text, &value->u.bytes.len, sizeof(value->u.bytes.len), err);
	if (rc < 0 || value->u.bytes.len == 0)
		return rc;
	return rb_buf_add(text, value->u.bytes.data, value->u.bytes.len, err);
}

/* Add a row to a sum.  Sums are compared in one run only: bytes may stand as they do here. */
static int sum_row(struct sum *sum, const struct rb_value *values, size_t count, struct rb_err *err)
{
	uint64_t words[4];
	char digest[65];
	int rc = RB_OK;

	rb_buf_clear(&sum->text);
	for (size_t i = 0; rc == RB_OK && i < count; i++)
		rc = add_to_text(&values[i], &sum->text, err);
	if (rc == RB_OK)
		rc = rb_sha256_hex(sum->text.data, sum->text.len, digest, err);
	if (rc < 0)
		return rc;
	if (!rb_hex_decode(digest, 64, words, sizeof(words)))
		return rb_err_set(err, RB_E_FORMAT, "no hash of a row");
	for (size_t i = 0; i < 4; i++)
		sum->words[i] += words[i];
	sum->rows++;
	return RB_OK;
}

/* A table being written. */
struct fill {
	struct rb_restore *restore;
	const struct rb_convert_table *plan;
	const struct rb_table *from; /* for messages */
	struct rb_value *values;
	struct rb_buf *rooms; /* for each value */
	struct sum *sum;
};

static int write_row(void *ctx, const struct rb_value *values, struct rb_err *err)
{
	struct fill *fill = ctx;
	size_t width = fill->plan->width;
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < width; i++)
		rc = rb_convert_value(fill->plan->how[i], &values[i], &fill->values[i],
		                      &fill->rooms[i], err);
	if (rc == RB_OK)
		rc = sum_row(fill->sum, fill->values, width, err);
	return rc < 0 ? rc
	              : fill->restore->adapter->target_insert(fill->restore->target, fill->values,
	                                                      err);
}

static int fill_table(struct across *across, size_t at, struct rb_err *err)
{
	struct rb_restore *restore = across->restore;
	const struct rb_adapter *adapter = restore->adapter;
	struct rb_conversion *conversion = &across->conversion;
	struct fill fill = {
	        .restore = restore, .plan = &conversion->tables[at], .sum = &across->sums[at]};
	size_t width = fill.plan->width;
	int rc = RB_OK;

	fill.values = calloc(width + 1, sizeof(*fill.values));
	fill.rooms = calloc(width + 1, sizeof(*fill.rooms));
	if (!fill.values || !fill.rooms)
		rc = no_memory(err);
	for (size_t i = 0; rc == RB_OK && i < width; i++)
		rb_buf_init(&fill.rooms[i], ROW_BYTES_MAX);
	if (rc == RB_OK)
		rc = adapter->target_table_begin(restore->target, &conversion->catalog->tables[at],
		                                 err);
	if (rc == RB_OK)
		rc = each_row(restore, fill.plan->from, write_row, &fill, "restoring", err);
	if (rc == RB_OK)
		rc = adapter->target_table_end(restore->target, err);
	for (size_t i = 0; fill.rooms && i < width; i++)
		rb_buf_release(&fill.rooms[i]);
	free(fill.rooms);
	free(fill.values);
	return rc;
}

static int write_all(struct across *across, struct rb_err *err)
{
	struct rb_restore *restore = across->restore;
	const struct rb_adapter *adapter = restore->adapter;
	const struct rb_catalog *catalog = across->conversion.catalog;
	struct rb_catalog *remarks = restore->report->remarks;
	int rc = adapter->target_begin(restore->target, NULL, err);

	if (rc == RB_OK)
		rc = adapter->target_schema(restore->target, RB_SCHEMA_TABLES, catalog, NULL,
		                            remarks, err);
	for (size_t i = 0; rc == RB_OK && i < catalog->table_count; i++)
		rc = fill_table(across, i, err);
	rb_log_progress_end();
	if (rc == RB_OK)
		rc = adapter->target_schema(restore->target, RB_SCHEMA_AFTER, catalog, NULL,
		                            remarks, err);
	return rc;
}

/* A table being read back. */
struct check {
	struct sum sum;
	size_t skip; /* SQLite's rowid of a table that declares no key */
	size_t width;
};

static int check_row(void *ctx, const struct rb_value *values, struct rb_err *err)
{
	struct check *check = ctx;

	return sum_row(&check->sum, values + check->skip, check->width, err);
}

static int verify_table(struct across *across, const struct rb_catalog *there, size_t at,
                        struct rb_err *err)
{
	struct rb_restore *restore = across->restore;
	const char *name = across->conversion.catalog->tables[at].name;
	const struct rb_table *table = rb_catalog_table(there, name);
	struct check check = {.sum = {.text = RB_BUF(ROW_BYTES_MAX)},
	                      .width = across->conversion.tables[at].width};
	const struct rb_row_sink sink = {.row = check_row, .ctx = &check};
	size_t columns = 0;
	int rc = RB_OK;

	for (size_t i = 0; table && i < table->column_count; i++)
		columns += rb_column_is_stored(&table->columns[i]);
	check.skip = columns > check.width && table->columns[0].is_rowid;
	if (columns == check.width + check.skip && table)
		rc = restore->adapter->source_read(restore->adapter->target_source(restore->target),
		                                   table, &sink, err);
	if (rc == RB_OK &&
	    (!table || columns != check.width + check.skip ||
	     check.sum.rows != across->sums[at].rows ||
	     memcmp(check.sum.words, across->sums[at].words, sizeof(check.sum.words)) != 0))
		rc = rb_err_set(err, RB_E_MISMATCH,
		                "table '%.200s' came back otherwise than it was written: "
		                "%llu of %llu rows; nothing was kept",
		                name, (unsigned long long)check.sum.rows,
		                (unsigned long long)across->sums[at].rows);
	restore->report->rows += check.sum.rows;
	rb_buf_release(&check.sum.text);
	return rc;
}

static int verify(struct across *across, struct rb_err *err)
{
	struct rb_restore *restore = across->restore;
	struct rb_catalog *there = NULL;
	int rc = restore->adapter->source_catalog(restore->adapter->target_source(restore->target),
	                                          &there, err);

	for (size_t i = 0; rc == RB_OK && i < across->conversion.catalog->table_count; i++)
		rc = verify_table(across, there, i, err);
	rb_catalog_free(there);
	restore->report->verified = rc == RB_OK;
	return rc;
}

/* Which tables, which types, which names: all that the plan says. */
static int prepare(struct across *across, struct rb_err *err)
{
	struct rb_restore *restore = across->restore;
	const struct rb_catalog *backup = restore->backup.catalog;
	int rc = rb_restore_check_tables(restore, err);

	across->wanted = calloc(backup->table_count + 1, sizeof(*across->wanted));
	across->seen = calloc(backup->table_count + 1, sizeof(*across->seen));
	across->sums = calloc(backup->table_count + 1, sizeof(*across->sums));
	if (!across->wanted || !across->seen || !across->sums)
		return no_memory(err);
	for (size_t i = 0; i < backup->table_count; i++)
		rb_buf_init(&across->sums[i].text, ROW_BYTES_MAX);
	if (rc == RB_OK)
		rc = look_at_rows(across, backup, err);
	if (rc == RB_OK)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): release() frees what is in across */
		rc = rb_convert_catalog(backup, restore->adapter->name, across->wanted,
		                        across->seen, &across->conversion, err);
	return rc < 0 ? rc : plan(across, err);
}

static void release(struct across *across)
{
	const struct rb_catalog *backup = across->restore->backup.catalog;

	for (size_t i = 0; across->seen && i < backup->table_count; i++)
		free(across->seen[i]);
	for (size_t i = 0; across->sums && i < backup->table_count; i++)
		rb_buf_release(&across->sums[i].text);
	free(across->seen);
	free(across->sums);
	free(across->wanted);
	rb_conversion_release(&across->conversion);
}

int rb_restore_across(struct rb_restore *restore, struct rb_err *err)
{
	struct across across = {.restore = restore};
	const struct rb_restore_opts *opts = restore->opts;
	bool is_empty = restore->adapter->target_is_empty(restore->target);
	int rc;

	if (!is_empty) {
		rb_err_set(err, RB_E_UNSUPPORTED,
		           "a backup of %s can be restored into %s only where nothing is yet, and "
		           "'%s' is not empty",
		           restore->backup.catalog->engine, restore->adapter->name,
		           restore->report->target);
		return rb_err_hint(err, "name a new database with --to");
	}
	rc = prepare(&across, err);
	if (rc == RB_OK && !opts->dry_run)
		rc = write_all(&across, err);
	if (rc == RB_OK && !opts->dry_run)
		rc = verify(&across, err);
	if (rc == RB_OK && !opts->dry_run && !opts->rehearse)
		rc = restore->adapter->target_commit(restore->target, err);
	restore->report->written = rc == RB_OK && !opts->dry_run && !opts->rehearse;
	release(&across);
	return rc;
}
