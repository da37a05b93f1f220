/*
 * See adapter.h and target_priv.h: deleting one row that is known by its values.
 *
 * Types of the server's own are compared by their operator, which an index serves; others by
 * their text, since what "=" means for them may need another schema in the search path, or
 * not exist.  A text is made of both sides by the server.
 */
#include <stdlib.h>
#include <string.h>

#include "target_priv.h"

/* How each stored column of the target is compared. */
static const char columns_sql[] =
        "SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),"
        " b.typnamespace = 'pg_catalog'::pg_catalog.regnamespace OR b.typtype = 'e'"
        " FROM pg_catalog.pg_attribute AS a"
        " JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid"
        " JOIN pg_catalog.pg_type AS b ON b.oid ="
        " CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END"
        " WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attrelid = ";

/* Where a column stands in a result of names; -1: nowhere. */
static int find_row(const PGresult *columns, const char *name)
{
	for (int row = 0; row < PQntuples(columns); row++)
		if (strcmp(PQgetvalue(columns, row, 0), name) == 0)
			return row;
	return -1;
}

/* "id" = $1::integer, or the same of texts. */
static int add_condition(struct rb_pg_target *target, const PGresult *columns, size_t position,
                         bool by_text, struct rb_buf *sql, struct rb_err *err)
{
	struct rb_pg_rows *rows = &target->rows;
	const char *name = rows->table->columns[rows->stored[position]].name;
	int row = find_row(columns, name);
	const char *type;
	int rc;

	if (row < 0)
		return rb_err_set(err, RB_E_UNSUPPORTED, "table '%.200s' has no column '%.200s'",
		                  rows->table->name, name);
	type = PQgetvalue(columns, row, 1);
	rc = rb_buf_adds(sql, rows->param_count > 0 ? " AND " : " WHERE ", err);
	if (rc == RB_OK)
		rc = rb_pg_add_name(sql, name, err);
	rows->params[rows->param_count++] = position;
	if (rc == RB_OK && !by_text && rb_pg_flag(columns, row, 2))
		return rb_buf_addf(sql, err, " = $%zu::%s", rows->param_count, type);
	if (rc == RB_OK)
		rc = rb_buf_addf(sql, err,
		                 "::pg_catalog.text COLLATE \"C\" IS NOT DISTINCT FROM "
		                 "$%zu::%s::pg_catalog.text COLLATE \"C\"",
		                 rows->param_count, type);
	return rc;
}

/* The key; where keys may repeat, all the rest of the row as well. */
static int add_conditions(struct rb_pg_target *target, const PGresult *columns, struct rb_buf *sql,
                          struct rb_err *err)
{
	struct rb_pg_rows *rows = &target->rows;
	const struct rb_table *table = rows->table;
	size_t *key = calloc(table->key_count + 1, sizeof(*key));
	int rc = key ? RB_OK : rb_err_set(err, RB_E_NOMEM, "no memory to delete rows");

	rows->param_count = 0;
	if (key)
		rb_table_key_positions(table, key);
	for (size_t i = 0; rc == RB_OK && !table->key_may_repeat && i < table->key_count; i++)
		rc = add_condition(target, columns, key[i], false, sql, err);
	for (size_t i = 0; rc == RB_OK && table->key_may_repeat && i < rows->stored_count; i++)
		rc = add_condition(target, columns, i, true, sql, err);
	free(key);
	return rc;
}

static int build(struct rb_pg_target *target, const PGresult *columns, const char *table,
                 struct rb_buf *sql, struct rb_err *err)
{
	bool repeats = target->rows.table->key_may_repeat;
	int rc = rb_buf_addf(sql, err, "DELETE FROM ONLY %s", table);

	if (rc == RB_OK && repeats)
		rc = rb_buf_addf(sql, err, " WHERE ctid = (SELECT ctid FROM ONLY %s", table);
	if (rc == RB_OK)
		rc = add_conditions(target, columns, sql, err);
	return rc == RB_OK && repeats ? rb_buf_adds(sql, " LIMIT 1)", err) : rc;
}

static int prepare(struct rb_pg_target *target, const char *sql, struct rb_err *err)
{
	PGresult *result = NULL;
	PGresult *rest = NULL;
	int rc = rb_pg_exec(&target->conn, "DEALLOCATE ALL", err);

	if (rc == RB_OK && !PQsendPrepare(target->conn.pg, "delete", sql, 0, NULL))
		rc = rb_pg_fail(&target->conn, NULL, err, "cannot delete rows of table '%.200s'",
		                target->rows.table->name);
	if (rc == RB_OK)
		rc = rb_pg_next(&target->conn, &result, err);
	if (rc == RB_OK && PQresultStatus(result) != PGRES_COMMAND_OK)
		rc = rb_pg_fail(&target->conn, result, err, "cannot delete rows of table '%.200s'",
		                target->rows.table->name);
	PQclear(result);
	while (rb_pg_next(&target->conn, &rest, NULL) == RB_OK && rest)
		PQclear(rest);
	return rc;
}

int rb_pg_prepare_delete(struct rb_pg_target *target, struct rb_err *err)
{
	struct rb_buf table = RB_BUF(RB_PG_SQL_MAX);
	struct rb_buf sql = RB_BUF(RB_PG_SQL_MAX);
	PGresult *columns = NULL;
	int rc = rb_pg_add_table(&table, target->rows.table->name, err);

	if (rc == RB_OK)
		rc = rb_buf_adds(&sql, columns_sql, err);
	if (rc == RB_OK)
		rc = rb_pg_add_literal(&sql, rb_buf_str(&table), err);
	if (rc == RB_OK)
		rc = rb_buf_adds(&sql, "::pg_catalog.regclass", err);
	if (rc == RB_OK)
		rc = rb_pg_query(&target->conn, rb_buf_str(&sql), &columns, err);
	rb_buf_clear(&sql);
	if (rc == RB_OK)
		rc = build(target, columns, rb_buf_str(&table), &sql, err);
	if (rc == RB_OK)
		rc = prepare(target, rb_buf_str(&sql), err);
	target->rows.can_delete = rc == RB_OK;
	PQclear(columns);
	rb_buf_release(&sql);
	rb_buf_release(&table);
	return rc;
}

/* The parameters as C strings, one behind the other in rows->values. */
static int make_parameters(struct rb_pg_rows *rows, const struct rb_value *values,
                           const char **params, struct rb_err *err)
{
	size_t at = 0;
	int rc = RB_OK;

	rb_buf_clear(&rows->values);
	for (size_t i = 0; rc == RB_OK && i < rows->param_count; i++) {
		rc = rb_pg_add_value(&rows->values, &values[rows->params[i]], err);
		if (rc == RB_OK)
			rc = rb_buf_add(&rows->values, "", 1, err);
	}
	/* The buffer moves while it grows. */
	for (size_t i = 0; rc == RB_OK && i < rows->param_count; i++) {
		params[i] = values[rows->params[i]].kind == RB_VALUE_NULL ? NULL
		                                                          : rows->values.data + at;
		at += strlen(rows->values.data + at) + 1;
	}
	return rc;
}

static int run_delete(struct rb_pg_target *target, const char *const *params, struct rb_err *err)
{
	struct rb_pg_rows *rows = &target->rows;
	PGresult *result = NULL;
	PGresult *rest = NULL;
	int rc = RB_OK;

	if (!PQsendQueryPrepared(target->conn.pg, "delete", (int)rows->param_count, params, NULL,
	                         NULL, 0))
		rc = rb_pg_fail(&target->conn, NULL, err, "cannot delete from table '%.200s'",
		                rows->table->name);
	if (rc == RB_OK)
		rc = rb_pg_next(&target->conn, &result, err);
	if (rc == RB_OK && PQresultStatus(result) != PGRES_COMMAND_OK)
		rc = rb_pg_fail(&target->conn, result, err, "cannot delete from table '%.200s'",
		                rows->table->name);
	else if (rc == RB_OK && strcmp(PQcmdTuples(result), "1") != 0)
		rc = rb_err_set(err, RB_E_MISMATCH,
		                "table '%.200s' has no row that is to be deleted",
		                rows->table->name);
	PQclear(result);
	while (rb_pg_next(&target->conn, &rest, NULL) == RB_OK && rest)
		PQclear(rest);
	return rc;
}

int rb_pg_target_delete(struct rb_target *base, const struct rb_value *values, struct rb_err *err)
{
	struct rb_pg_target *target = (struct rb_pg_target *)base;
	struct rb_pg_rows *rows = &target->rows;
	const char **params;
	int rc;

	/* They are written whole. */
	if (rows->table && rows->table->kind == RB_TABLE_SYSTEM)
		return RB_OK;
	rc = rb_pg_rows_first(target, err);
	if (rc == RB_OK)
		rc = rb_pg_rows_flush(target, err);
	if (rc == RB_OK && !rows->can_delete)
		rc = rb_pg_prepare_delete(target, err);
	if (rc < 0)
		return rc;
	params = calloc(rows->param_count + 1, sizeof(*params));
	if (!params)
		return rb_err_set(err, RB_E_NOMEM, "no memory to delete rows");
	rc = make_parameters(rows, values, params, err);
	if (rc == RB_OK)
		rc = run_delete(target, params, err);
	free(params);
	return rc;
}
