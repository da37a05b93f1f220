/*
 * See adapter.h and target_priv.h: writing the rows of one table.
 *
 * COPY FROM takes them all: it writes identity columns as given, evaluates no rule, and is the
 * fastest there is.  What the server refuses shows when the COPY ends.
 */
#include <stdlib.h>
#include <string.h>

#include "target_priv.h"

/* Rows are sent when so much has come together: more does not make it faster. */
#define SEND_BYTES ((size_t)256 << 10)

static struct rb_pg_target *target_of(struct rb_target *base)
{
	/* base is the first member, so that this is the struct it was made in. */
	return (struct rb_pg_target *)base;
}

void rb_pg_rows_release(struct rb_pg_target *target)
{
	struct rb_pg_rows *rows = &target->rows;

	if (rows->is_copying)
		rb_pg_discard(&target->conn);
	free(rows->stored);
	free(rows->params);
	rb_buf_release(&rows->lines);
	rb_buf_release(&rows->values);
	memset(rows, 0, sizeof(*rows));
	rb_buf_init(&rows->lines, SIZE_MAX / 4);
	rb_buf_init(&rows->values, SIZE_MAX / 4);
}

int rb_pg_target_table_begin(struct rb_target *base, const struct rb_table *table,
                             struct rb_err *err)
{
	struct rb_pg_target *target = target_of(base);
	struct rb_pg_rows *rows = &target->rows;
	int rc = rb_pg_may_write(target, err);

	if (rc < 0)
		return rc;
	if (rows->table)
		return rb_err_set(err, RB_E_USAGE, "table '%.200s' is still being written",
		                  rows->table->name);
	rb_pg_rows_release(target);
	rows->stored = calloc(table->column_count + 1, sizeof(*rows->stored));
	rows->params = calloc(table->column_count + 1, sizeof(*rows->params));
	if (!rows->stored || !rows->params)
		return rb_err_set(err, RB_E_NOMEM, "no memory to write table '%.200s'",
		                  table->name);
	rows->stored_count = rb_table_stored_columns(table, rows->stored);
	rows->table = table;
	if (table->kind == RB_TABLE_SYSTEM)
		rc = rb_pg_empty_system(target, err);
	if (rc < 0)
		rb_pg_rows_release(target);
	return rc;
}

/* Wait for COPY to be taken, or refused. */
static int await_copy(struct rb_pg_target *target, struct rb_err *err)
{
	PGresult *result = NULL;
	int rc = rb_pg_next(&target->conn, &result, err);

	if (rc < 0)
		return rc;
	if (PQresultStatus(result) == PGRES_COPY_IN) {
		target->rows.is_copying = true;
	} else {
		rc = rb_pg_fail(&target->conn, result, err, "cannot write rows of table '%.200s'",
		                target->rows.table->name);
		rb_pg_discard(&target->conn);
	}
	PQclear(result);
	return rc;
}

static int open_copy(struct rb_pg_target *target, struct rb_err *err)
{
	struct rb_pg_rows *rows = &target->rows;
	struct rb_buf sql = RB_BUF(RB_PG_SQL_MAX);
	int rc = rb_buf_adds(&sql, "COPY ", err);

	if (rc == RB_OK)
		rc = rb_pg_add_table(&sql, rows->table->name, err);
	/* A list that is empty cannot be written. */
	if (rc == RB_OK && rows->stored_count > 0)
		rc = rb_buf_adds(&sql, " (", err);
	if (rc == RB_OK && rows->stored_count > 0)
		rc = rb_pg_add_columns(&sql, rows->table, err);
	if (rc == RB_OK && rows->stored_count > 0)
		rc = rb_buf_adds(&sql, ")", err);
	if (rc == RB_OK)
		rc = rb_buf_adds(&sql, " FROM STDIN", err);
	if (rc == RB_OK && !PQsendQuery(target->conn.pg, rb_buf_str(&sql)))
		rc = rb_pg_fail(&target->conn, NULL, err, "cannot write rows of table '%.200s'",
		                rows->table->name);
	if (rc == RB_OK)
		rc = await_copy(target, err);
	rows->sent = 0;
	rb_buf_release(&sql);
	return rc;
}

static int send_lines(struct rb_pg_target *target, struct rb_err *err)
{
	struct rb_pg_rows *rows = &target->rows;

	if (rows->lines.len > 0 &&
	    PQputCopyData(target->conn.pg, rows->lines.data, (int)rows->lines.len) != 1)
		return rb_pg_fail(&target->conn, NULL, err, "cannot write rows of table '%.200s'",
		                  rows->table->name);
	rb_buf_clear(&rows->lines);
	return RB_OK;
}

/* Whether every row that was sent is there: a trigger may have dropped some. */
static int check_count(const struct rb_pg_rows *rows, PGresult *result, struct rb_err *err)
{
	unsigned long long stored = strtoull(PQcmdTuples(result), NULL, 10);

	if (stored == rows->sent)
		return RB_OK;
	return rb_err_set(err, RB_E_MISMATCH, "table '%.200s' took %llu of %llu rows",
	                  rows->table->name, stored, (unsigned long long)rows->sent);
}

int rb_pg_rows_flush(struct rb_pg_target *target, struct rb_err *err)
{
	struct rb_pg_rows *rows = &target->rows;
	PGresult *result = NULL;
	PGresult *rest = NULL;
	int rc;

	if (!rows->is_copying)
		return RB_OK;
	rc = send_lines(target, err);
	if (rc < 0)
		return rc;
	rows->is_copying = false;
	if (PQputCopyEnd(target->conn.pg, NULL) != 1)
		return rb_pg_fail(&target->conn, NULL, err, "cannot write rows of table '%.200s'",
		                  rows->table->name);
	rc = rb_pg_next(&target->conn, &result, err);
	if (rc == RB_OK && PQresultStatus(result) != PGRES_COMMAND_OK)
		rc = rb_pg_fail(&target->conn, result, err, "cannot write rows of table '%.200s'",
		                rows->table->name);
	else if (rc == RB_OK)
		rc = check_count(rows, result, err);
	PQclear(result);
	/* The end of the statement. */
	while (rb_pg_next(&target->conn, &rest, NULL) == RB_OK && rest)
		PQclear(rest);
	return rc;
}

int rb_pg_rows_first(struct rb_pg_target *target, struct rb_err *err)
{
	struct rb_pg_rows *rows = &target->rows;

	if (!rows->table)
		return rb_err_set(err, RB_E_USAGE, "no table is being written");
	if (rows->is_quiet)
		return RB_OK;
	rows->is_quiet = true;
	/* What was made just now has no triggers yet. */
	return target->is_empty ? RB_OK : rb_pg_quiet_table(target, err);
}

/* A long value goes piece by piece. */
static int send_value(struct rb_pg_target *target, const struct rb_value *value, struct rb_err *err)
{
	struct rb_buf *lines = &target->rows.lines;
	size_t at = 0;
	int rc = RB_OK;

	if (!rb_pg_is_sliced(value))
		return rb_pg_add_copy_value(lines, value, err);
	while (rc == RB_OK && at < value->u.bytes.len) {
		size_t rest = value->u.bytes.len - at;
		size_t len = rest < RB_PG_SLICE_BYTES ? rest : RB_PG_SLICE_BYTES;

		rc = rb_pg_add_copy_slice(lines, value, at, len, err);
		if (rc == RB_OK && lines->len >= SEND_BYTES)
			rc = send_lines(target, err);
		at += len;
	}
	return rc;
}

int rb_pg_target_insert(struct rb_target *base, const struct rb_value *values, struct rb_err *err)
{
	struct rb_pg_target *target = target_of(base);
	struct rb_pg_rows *rows = &target->rows;
	int rc;

	if (rows->table && rows->table->kind == RB_TABLE_SYSTEM)
		return rb_pg_insert_system(target, values, err);
	rc = rb_pg_rows_first(target, err);
	if (rc == RB_OK && !rows->is_copying)
		rc = open_copy(target, err);
	for (size_t i = 0; rc == RB_OK && i < rows->stored_count; i++) {
		if (i > 0)
			rc = rb_buf_adds(&rows->lines, "\t", err);
		if (rc == RB_OK)
			rc = send_value(target, &values[i], err);
		if (rc < 0)
			rb_err_wrap(err, rc, "table '%.200s', column '%.200s'", rows->table->name,
			            rows->table->columns[rows->stored[i]].name);
	}
	if (rc == RB_OK)
		rc = rb_buf_adds(&rows->lines, "\n", err);
	if (rc < 0)
		return rc;
	rows->sent++;
	return rows->lines.len >= SEND_BYTES ? send_lines(target, err) : RB_OK;
}

int rb_pg_target_table_end(struct rb_target *base, struct rb_err *err)
{
	struct rb_pg_target *target = target_of(base);
	int rc;

	if (!target->rows.table)
		return rb_err_set(err, RB_E_USAGE, "no table is being written");
	rc = rb_pg_rows_flush(target, err);
	rb_pg_rows_release(target);
	return rc;
}
