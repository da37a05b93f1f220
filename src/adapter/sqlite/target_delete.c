/*
 * See adapter.h and target_priv.h: deleting one row.
 *
 * SQL's idea of equal is wider than ours: a column's collation takes 'a' for 'A', its
 * affinity takes '1' for 1, and 1 equals 1.0.  So a row is found with the column's own
 * rules, which an index serves, and then compared once more by bytes and storage class:
 *
 *	"t"."k" IS ?1 AND "t"."k" COLLATE BINARY IS ?1 AND typeof("t"."k") = typeof(?1)
 *
 * A stored value that its own column would convert (target_rows.c) is not where an index
 * is searched for it; then the table is read, with "+" taking the affinity off.
 */
#include <math.h>
#include <string.h>

#include "target_priv.h"

void rb_sqlite_delete_order(struct rb_sqlite_rows *rows)
{
	const struct rb_table *table = rows->table;

	rb_table_key_positions(table, rows->by);
	rows->by_count = table->key_count;
	if (!table->key_may_repeat)
		return;
	/* The key first, so that an index on it is used; then all the rest. */
	for (size_t position = 0; position < rows->count; position++) {
		bool is_key = false;

		for (size_t i = 0; i < table->key_count; i++)
			is_key |= rows->by[i] == position;
		if (!is_key)
			rows->by[rows->by_count++] = position;
	}
}

/* Append "t"."column" */
static int add_column(struct rb_buf *sql, const struct rb_sqlite_rows *rows, size_t position,
                      struct rb_err *err)
{
	int rc = rb_sqlite_add_name(sql, rows->table->name, err);

	if (rc == RB_OK)
		rc = rb_buf_adds(sql, ".", err);
	if (rc == RB_OK)
		rc = rb_sqlite_add_column(sql, rows->table, rows->stored[position], err);
	return rc;
}

/* Append `before`, the column, and `after` with the parameter's number in place of '%d'. */
static int add_term(struct rb_buf *sql, const struct rb_sqlite_rows *rows, size_t by,
                    const char *before, const char *after, struct rb_err *err)
{
	int rc = rb_buf_adds(sql, before, err);

	if (rc == RB_OK)
		rc = add_column(sql, rows, rows->by[by], err);
	if (rc == RB_OK)
		rc = rb_buf_addf(sql, err, "%s?%zu", after, by + 1);
	return rc;
}

/* The conditions for one column. */
static int add_terms(struct rb_buf *sql, const struct rb_sqlite_rows *rows, size_t by,
                     bool is_exact, struct rb_err *err)
{
	const struct rb_table *table = rows->table;
	const char *and = by > 0 ? " AND " : "";
	int rc;

	/* A module knows "=" and nothing else as a way to find a row. */
	if (table->kind == RB_TABLE_VIRTUAL)
		return add_term(sql, rows, by, and, " = ", err);
	if (table->columns[rows->stored[rows->by[by]]].is_rowid)
		return add_term(sql, rows, by, and, " IS ", err);

	rc = rb_buf_adds(sql, and, err);
	if (rc == RB_OK && !is_exact) {
		rc = add_term(sql, rows, by, "", " IS ", err);
		if (rc == RB_OK)
			rc = rb_buf_adds(sql, " AND ", err);
	}
	if (rc == RB_OK)
		rc = add_term(sql, rows, by, is_exact ? "+" : "", " COLLATE BINARY IS ", err);
	if (rc == RB_OK)
		rc = add_term(sql, rows, by, " AND typeof(", ") = typeof(", err);
	if (rc == RB_OK && is_exact)
		rc = add_term(sql, rows, by, ") AND rowback_zero(", ") = rowback_zero(", err);
	return rc == RB_OK ? rb_buf_adds(sql, ")", err) : rc;
}

static int prepare(struct rb_sqlite_target *target, bool is_exact, sqlite3_stmt **out,
                   struct rb_err *err)
{
	const struct rb_sqlite_rows *rows = &target->rows;
	const struct rb_table *table = rows->table;
	const char *rowid = table->key_may_repeat ? rb_sqlite_rowid_name(table) : NULL;
	struct rb_buf sql = RB_BUF(SIZE_MAX / 4);
	int rc = rb_buf_adds(&sql, "DELETE FROM main.", err);

	if (rc == RB_OK)
		rc = rb_sqlite_add_name(&sql, table->name, err);
	if (rc == RB_OK)
		rc = rb_buf_adds(&sql, " WHERE ", err);
	/* Of equal rows one only. */
	if (rc == RB_OK && rowid)
		rc = rb_buf_addf(&sql, err, "%s IN (SELECT %s FROM main.", rowid, rowid);
	if (rc == RB_OK && rowid)
		rc = rb_sqlite_add_name(&sql, table->name, err);
	if (rc == RB_OK && rowid)
		rc = rb_buf_adds(&sql, " WHERE ", err);
	for (size_t i = 0; i < rows->by_count && rc == RB_OK; i++)
		rc = add_terms(&sql, rows, i, is_exact, err);
	if (rc == RB_OK && rowid)
		rc = rb_buf_adds(&sql, " LIMIT 1)", err);
	if (rc == RB_OK)
		rc = rb_sqlite_rows_prepare(target, &sql, out, err);
	rb_buf_release(&sql);
	return rc;
}

/* Whether the index can miss the row, or find another one. */
static bool needs_exact(const struct rb_sqlite_rows *rows, const struct rb_value *values)
{
	for (size_t i = 0; i < rows->by_count; i++) {
		const struct rb_value *value = &values[rows->by[i]];

		if (value->kind != RB_VALUE_NULL && !rb_sqlite_rows_fit(rows, rows->by[i], value))
			return true;
		/* 0.0 equals -0.0, and two rows may differ in nothing else. */
		if (value->kind == RB_VALUE_REAL && fpclassify(value->u.r) == FP_ZERO)
			return true;
	}
	return false;
}

/* Put back all but one of equal rows, where no rowid could be used to delete one. */
static int put_back(struct rb_target *base, const struct rb_value *values, int count,
                    struct rb_err *err)
{
	int rc = RB_OK;

	while (count-- > 0 && rc == RB_OK)
		rc = rb_sqlite_target_insert(base, values, err);
	return rc;
}

int rb_sqlite_target_delete(struct rb_target *base, const struct rb_value *values,
                            struct rb_err *err)
{
	/* base is the first member of a target. */
	struct rb_sqlite_target *target = (struct rb_sqlite_target *)base;
	struct rb_sqlite_rows *rows = &target->rows;
	sqlite3_stmt **stmt = NULL;
	bool is_exact;
	int changes;
	int code;
	int rc = rb_sqlite_rows_first(target, err);

	if (rc < 0)
		return rc;
	is_exact = rows->table->kind != RB_TABLE_VIRTUAL && needs_exact(rows, values);
	stmt = is_exact ? &rows->remove_exact : &rows->remove;
	if (!*stmt)
		rc = prepare(target, is_exact, stmt, err);
	for (size_t i = 0; i < rows->by_count && rc == RB_OK; i++)
		rc = rb_sqlite_rows_bind(target, *stmt, (int)i + 1, &values[rows->by[i]], err);
	if (rc < 0)
		return rb_err_wrap(err, rc, "table '%.200s'", rows->table->name);

	code = sqlite3_step(*stmt);
	if (code != SQLITE_DONE)
		rc = rb_sqlite_fail(&target->conn, code, err, "cannot delete from table '%.200s'",
		                    rows->table->name);
	changes = code == SQLITE_DONE ? sqlite3_changes(target->conn.db) : 0;
	sqlite3_reset(*stmt);
	if (rc < 0)
		return rc;
	if (changes == 0)
		return rb_err_set(err, RB_E_MISMATCH,
		                  "a row to be deleted from table '%.200s' is not there",
		                  rows->table->name);
	return put_back(base, values, changes - 1, err);
}
