/*
 * See adapter.h and target_priv.h: columns that are not in a backup.
 *
 * They are copied beside the key into a temporary table, before rows or the table are written
 * anew, and come back into the rows that have such a key then.  Its columns are numbered and
 * have no type, so that values stay as they are; "+" takes the affinity and the collation off
 * the other side, so that its index is used:
 *
 *	UPDATE main.t SET c = (SELECT k.c2 FROM temp.kept AS k WHERE k.c0 IS +t.id AND ...)
 */
#include <stdlib.h>
#include <string.h>

#include "target_priv.h"

#define KEPT "temp.rowback_kept_"

static bool is_kept(const struct rb_table *table, size_t column, const struct rb_table *live)
{
	const struct rb_column *twin = rb_table_column(live, table->columns[column].name);

	return table->columns[column].left_out && twin && twin->generated == RB_GENERATED_NO;
}

/* Note which columns are kept, by the number that each has there. */
static int choose(const struct rb_table *table, const struct rb_table *live, struct rb_buf *columns,
                  struct rb_err *err)
{
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < table->column_count; i++)
		if (is_kept(table, i, live))
			rc = rb_buf_add(columns, &i, sizeof(i), err);
	return rc;
}

static int run(struct rb_sqlite_target *target, struct rb_buf *sql, struct rb_err *err)
{
	sqlite3_stmt *stmt = NULL;
	int rc = rb_sqlite_prepare(&target->conn, rb_buf_str(sql), &stmt, err);

	if (rc == RB_OK)
		rc = rb_sqlite_step(&target->conn, stmt, err);
	sqlite3_finalize(stmt);
	rb_buf_clear(sql);
	return rc < 0 ? rc : RB_OK;
}

/* A table with a column for each of the key and each that is kept, and an index on the key. */
static int make(struct rb_sqlite_target *target, size_t number, size_t key_count, size_t count,
                struct rb_err *err)
{
	struct rb_buf sql = RB_BUF(SIZE_MAX / 4);
	int rc = rb_buf_addf(&sql, err, "CREATE TABLE " KEPT "%zu(", number);

	for (size_t i = 0; rc == RB_OK && i < key_count + count; i++)
		rc = rb_buf_addf(&sql, err, "%sc%zu", i > 0 ? ", " : "", i);
	if (rc == RB_OK)
		rc = rb_buf_adds(&sql, ")", err);
	if (rc == RB_OK)
		rc = run(target, &sql, err);
	if (rc == RB_OK)
		rc = rb_buf_addf(&sql, err, "CREATE INDEX " KEPT "by_%zu ON rowback_kept_%zu(",
		                 number, number);
	for (size_t i = 0; rc == RB_OK && i < key_count; i++)
		rc = rb_buf_addf(&sql, err, "%sc%zu", i > 0 ? ", " : "", i);
	if (rc == RB_OK)
		rc = rb_buf_adds(&sql, ")", err);
	if (rc == RB_OK)
		rc = run(target, &sql, err);
	rb_buf_release(&sql);
	return rc;
}

static int fill(struct rb_sqlite_target *target, size_t number, const struct rb_table *table,
                const struct rb_buf *columns, struct rb_err *err)
{
	const size_t *list = (const void *)columns->data;
	struct rb_buf sql = RB_BUF(SIZE_MAX / 4);
	int rc = rb_buf_addf(&sql, err, "INSERT INTO " KEPT "%zu SELECT ", number);

	for (size_t i = 0; rc == RB_OK && i < table->key_count; i++) {
		rc = rb_buf_adds(&sql, i > 0 ? ", " : "", err);
		if (rc == RB_OK)
			rc = rb_sqlite_add_column(&sql, table, table->key[i], err);
	}
	for (size_t i = 0; rc == RB_OK && i < columns->len / sizeof(*list); i++) {
		rc = rb_buf_adds(&sql, ", ", err);
		if (rc == RB_OK)
			rc = rb_sqlite_add_column(&sql, table, list[i], err);
	}
	if (rc == RB_OK)
		rc = rb_buf_adds(&sql, " FROM main.", err);
	if (rc == RB_OK)
		rc = rb_sqlite_add_name(&sql, table->name, err);
	if (rc == RB_OK)
		rc = run(target, &sql, err);
	rb_buf_release(&sql);
	return rc;
}

int rb_sqlite_target_keep(struct rb_target *base, const struct rb_table *table,
                          const struct rb_table *live, struct rb_err *err)
{
	struct rb_sqlite_target *target = (struct rb_sqlite_target *)base;
	struct rb_buf columns = RB_BUF(SIZE_MAX / 4);
	struct rb_sqlite_kept kept = {0};
	int rc = rb_sqlite_target_may_write(target, err);

	if (rc == RB_OK && !target->kept)
		rc = rb_map_new(sizeof(struct rb_sqlite_kept), &target->kept, err);
	if (rc == RB_OK)
		rc = choose(table, live, &columns, err);
	if (rc == RB_OK && columns.len > 0) {
		kept.number = rb_map_count(target->kept);
		rc = make(target, kept.number, table->key_count, columns.len / sizeof(size_t), err);
	}
	if (rc == RB_OK && columns.len > 0)
		rc = fill(target, kept.number, table, &columns, err);
	if (rc == RB_OK && columns.len > 0) {
		kept.count = columns.len / sizeof(size_t);
		kept.columns = (void *)rb_buf_detach(&columns);
		rc = kept.columns ? rb_map_put(target->kept, table->name, strlen(table->name),
		                               &kept, err)
		                  : rb_err_set(err, RB_E_NOMEM, "no memory to keep columns");
	}
	rb_buf_release(&columns);
	return rc < 0 ? rb_err_wrap(err, rc, "table '%.200s'", table->name) : RB_OK;
}

void rb_sqlite_kept_free(struct rb_map *kept)
{
	const void *key;
	size_t key_len;
	void *value;

	for (size_t i = 0; kept && rb_map_at(kept, i, &key, &key_len, &value); i++)
		free(((struct rb_sqlite_kept *)value)->columns);
	rb_map_free(kept);
}

/* "FROM temp.kept AS k WHERE k.c0 IS +t.id AND typeof(k.c0) = typeof(t.id)" */
static int add_lookup(struct rb_buf *sql, const struct rb_table *table, size_t number,
                      struct rb_err *err)
{
	int rc = rb_buf_addf(sql, err, " FROM " KEPT "%zu AS k WHERE ", number);

	for (size_t i = 0; rc == RB_OK && i < table->key_count; i++) {
		rc = rb_buf_addf(sql, err, "%sk.c%zu IS +t.", i > 0 ? " AND " : "", i);
		if (rc == RB_OK)
			rc = rb_sqlite_add_column(sql, table, table->key[i], err);
		if (rc == RB_OK)
			rc = rb_buf_addf(sql, err, " AND typeof(k.c%zu) = typeof(t.", i);
		if (rc == RB_OK)
			rc = rb_sqlite_add_column(sql, table, table->key[i], err);
		if (rc == RB_OK)
			rc = rb_buf_adds(sql, ")", err);
	}
	return rc;
}

int rb_sqlite_target_give_back(struct rb_target *base, struct rb_err *err)
{
	struct rb_sqlite_target *target = (struct rb_sqlite_target *)base;
	const struct rb_table *table = target->rows.table;
	struct rb_buf sql = RB_BUF(SIZE_MAX / 4);
	const struct rb_sqlite_kept *kept =
	        target->kept ? rb_map_get(target->kept, table->name, strlen(table->name)) : NULL;
	int rc = RB_OK;

	if (!kept)
		return RB_OK;
	rc = rb_buf_adds(&sql, "UPDATE OR ABORT main.", err);
	if (rc == RB_OK)
		rc = rb_sqlite_add_name(&sql, table->name, err);
	for (size_t i = 0; rc == RB_OK && i < kept->count; i++) {
		rc = rb_buf_adds(&sql, i > 0 ? ", " : " AS t SET ", err);
		if (rc == RB_OK)
			rc = rb_sqlite_add_column(&sql, table, kept->columns[i], err);
		if (rc == RB_OK)
			rc = rb_buf_addf(&sql, err, " = (SELECT k.c%zu", table->key_count + i);
		if (rc == RB_OK)
			rc = add_lookup(&sql, table, kept->number, err);
		if (rc == RB_OK)
			rc = rb_buf_adds(&sql, ")", err);
	}
	if (rc == RB_OK)
		rc = rb_buf_adds(&sql, " WHERE EXISTS (SELECT 1", err);
	if (rc == RB_OK)
		rc = add_lookup(&sql, table, kept->number, err);
	if (rc == RB_OK)
		rc = rb_buf_adds(&sql, ")", err);
	if (rc == RB_OK)
		rc = run(target, &sql, err);
	rb_buf_release(&sql);
	return rc < 0 ? rb_err_wrap(err, rc,
	                            "table '%.200s': cannot keep what is not in the backup",
	                            table->name)
	              : RB_OK;
}
