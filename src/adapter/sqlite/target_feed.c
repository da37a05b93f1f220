/*
 * See target_priv.h: many rows by one statement.
 *
 * Rows that lie in memory are a virtual table on the target's connection, and go into their
 * table by
 *
 *	INSERT OR FAIL INTO main."t"("a", "b") SELECT c0, c1 FROM temp.rowback_rows
 *
 * A third to a half of what a row costs by parameters is saved (measured, narrow rows most):
 * binding them, and beginning and ending a statement.  FAIL, since ABORT would keep what every
 * page was before; a restore that fails is taken back whole.  The table has no name that a
 * database could have: nothing of ours is in temp.
 *
 * source: sqlite.org/vtab.html#eponymous_only_virtual_tables
 */
#include <stdlib.h>
#include <string.h>

#include "target_priv.h"

#define MODULE "rowback_rows"

struct cursor {
	sqlite3_vtab_cursor base;
	const struct rb_sqlite_feed *feed;
	size_t at; /* the row, from 0 */
};

struct feed_table {
	sqlite3_vtab base;
	const struct rb_sqlite_feed *feed;
};

static int declare(sqlite3 *db, size_t columns)
{
	struct rb_buf sql = RB_BUF((size_t)1 << 20);
	int rc = rb_buf_adds(&sql, "CREATE TABLE rows(", NULL);
	int code;

	for (size_t i = 0; i < columns && rc == RB_OK; i++)
		rc = rb_buf_addf(&sql, NULL, "%sc%zu", i == 0 ? "" : ", ", i);
	if (rc == RB_OK)
		rc = rb_buf_adds(&sql, ")", NULL);
	code = rc == RB_OK ? sqlite3_declare_vtab(db, rb_buf_str(&sql)) : SQLITE_NOMEM;
	rb_buf_release(&sql);
	return code;
}

static int feed_connect(sqlite3 *db, void *ctx, int argc, const char *const *argv,
                        sqlite3_vtab **out, char **message)
{
	const struct rb_sqlite_feed *feed = ctx;
	struct feed_table *table;
	int code = declare(db, feed->columns);

	(void)argc, (void)argv, (void)message;
	if (code != SQLITE_OK)
		return code;
	table = calloc(1, sizeof(*table));
	if (!table)
		return SQLITE_NOMEM;
	table->feed = feed;
	*out = &table->base;
	return SQLITE_OK;
}

static int feed_disconnect(sqlite3_vtab *table)
{
	free(table);
	return SQLITE_OK;
}

static int feed_plan(sqlite3_vtab *table, sqlite3_index_info *info)
{
	(void)table, (void)info;
	return SQLITE_OK;
}

static int feed_open(sqlite3_vtab *table, sqlite3_vtab_cursor **out)
{
	struct cursor *cursor = calloc(1, sizeof(*cursor));

	if (!cursor)
		return SQLITE_NOMEM;
	cursor->feed = ((struct feed_table *)table)->feed;
	*out = &cursor->base;
	return SQLITE_OK;
}

static int feed_close(sqlite3_vtab_cursor *base)
{
	free(base);
	return SQLITE_OK;
}

static int feed_begin(sqlite3_vtab_cursor *base, int plan, const char *plan_text, int argc,
                      sqlite3_value **argv)
{
	(void)plan, (void)plan_text, (void)argc, (void)argv;
	((struct cursor *)base)->at = 0;
	return SQLITE_OK;
}

static int feed_next(sqlite3_vtab_cursor *base)
{
	((struct cursor *)base)->at++;
	return SQLITE_OK;
}

static int feed_is_over(sqlite3_vtab_cursor *base)
{
	const struct cursor *cursor = (struct cursor *)base;

	return cursor->at >= cursor->feed->row_count;
}

static int feed_column(sqlite3_vtab_cursor *base, sqlite3_context *ctx, int column)
{
	const struct cursor *cursor = (struct cursor *)base;
	const struct rb_sqlite_feed *feed = cursor->feed;
	const struct rb_value *value = &feed->values[cursor->at * feed->columns + (size_t)column];
	const struct rb_bytes *bytes = &value->u.bytes;
	const char *data = bytes->len > 0 ? bytes->data : "";

	/* The bytes stay where they are until the statement is over: nothing is copied. */
	if (value->kind == RB_VALUE_INT)
		sqlite3_result_int64(ctx, value->u.i);
	else if (value->kind == RB_VALUE_REAL)
		sqlite3_result_double(ctx, value->u.r);
	else if (value->kind == RB_VALUE_TEXT || value->kind == RB_VALUE_TEXT_RAW)
		sqlite3_result_text64(ctx, data, bytes->len, SQLITE_STATIC, SQLITE_UTF8);
	else if (value->kind == RB_VALUE_BLOB)
		sqlite3_result_blob64(ctx, data, bytes->len, SQLITE_STATIC);
	else
		sqlite3_result_null(ctx);
	return SQLITE_OK;
}

static int feed_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out)
{
	*out = (sqlite3_int64)((struct cursor *)base)->at;
	return SQLITE_OK;
}

/* Without xCreate: it is there by its name, and in no schema. */
static const sqlite3_module module = {.xConnect = feed_connect,
                                      .xBestIndex = feed_plan,
                                      .xDisconnect = feed_disconnect,
                                      .xOpen = feed_open,
                                      .xClose = feed_close,
                                      .xFilter = feed_begin,
                                      .xNext = feed_next,
                                      .xEof = feed_is_over,
                                      .xColumn = feed_column,
                                      .xRowid = feed_rowid};

bool rb_sqlite_feed_serves(const struct rb_sqlite_target *target)
{
	enum rb_table_kind kind = target->rows.table->kind;

	/* UTF-16 has texts that SQLite changes on their way: see target_bind.c. */
	return (kind == RB_TABLE_PLAIN || kind == RB_TABLE_SHADOW) && target->tmp_path &&
	       target->conn.encoding == SQLITE_UTF8 && target->rows.count > 0;
}

bool rb_sqlite_feed_takes(const struct rb_value *value)
{
	return value->kind != RB_VALUE_BOOL && value->kind != RB_VALUE_NUMBER &&
	       /* NaN: SQLite would make a NULL of it. */
	       (value->kind != RB_VALUE_REAL || value->u.r == value->u.r);
}

static int prepare(struct rb_sqlite_target *target, struct rb_err *err)
{
	struct rb_sqlite_rows *rows = &target->rows;
	struct rb_buf sql = RB_BUF(SIZE_MAX / 4);
	int code;
	int rc = RB_OK;

	rows->feed.columns = rows->count;
	/* Anew for each table: its columns are declared once. */
	code = sqlite3_create_module(target->conn.db, MODULE, &module, &rows->feed);
	if (code != SQLITE_OK)
		rc = rb_sqlite_fail(&target->conn, code, err, "table '%.200s'", rows->table->name);
	if (rc == RB_OK)
		rc = rb_buf_adds(&sql, "INSERT OR FAIL INTO main.", err);
	if (rc == RB_OK)
		rc = rb_sqlite_add_name(&sql, rows->table->name, err);
	if (rc == RB_OK)
		rc = rb_buf_adds(&sql, "(", err);
	if (rc == RB_OK)
		rc = rb_sqlite_add_columns(&sql, rows->table, err);
	for (size_t i = 0; i < rows->count && rc == RB_OK; i++)
		rc = rb_buf_addf(&sql, err, "%sc%zu", i == 0 ? ") SELECT " : ", ", i);
	if (rc == RB_OK)
		rc = rb_buf_adds(&sql, " FROM temp." MODULE, err);
	if (rc == RB_OK)
		rc = rb_sqlite_rows_prepare(target, &sql, &rows->feed.insert, err);
	rb_buf_release(&sql);
	return rc;
}

int rb_sqlite_feed_run(struct rb_sqlite_target *target, const struct rb_value *values,
                       size_t row_count, struct rb_err *err)
{
	struct rb_sqlite_feed *feed = &target->rows.feed;
	int code;
	int rc = feed->insert || row_count == 0 ? RB_OK : prepare(target, err);

	if (rc < 0 || row_count == 0)
		return rc;
	feed->values = values;
	feed->row_count = row_count;
	code = sqlite3_step(feed->insert);
	if (code != SQLITE_DONE)
		rc = rb_sqlite_fail(&target->conn, code, err, "cannot insert into table '%.200s'",
		                    target->rows.table->name);
	sqlite3_reset(feed->insert);
	feed->values = NULL;
	feed->row_count = 0;
	return rc;
}
