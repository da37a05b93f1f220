/*
 * See adapter.h and target_priv.h: columns that are not in a backup.
 *
 * They are copied beside the key into a table of the session, before rows or the table are
 * written anew, and come back into the rows that have such a key then.  Keys are compared by
 * their text: what "=" means for a type may need another schema in the search path.
 */
#include <stdlib.h>
#include <string.h>

#include "target_priv.h"

/* Append `before`, the name, `middle`, the name again, `after`. */
static int add_pair(struct rb_buf *sql, const char *before, const char *name, const char *middle,
                    const char *after, struct rb_err *err)
{
	int rc = rb_buf_adds(sql, before, err);

	if (rc == RB_OK)
		rc = rb_pg_add_name(sql, name, err);
	if (rc == RB_OK)
		rc = rb_buf_adds(sql, middle, err);
	if (rc == RB_OK && *middle)
		rc = rb_pg_add_name(sql, name, err);
	return rc < 0 ? rc : rb_buf_adds(sql, after, err);
}

/* Whether the values of a column are to be kept: it is on both sides. */
static bool is_kept(const struct rb_table *table, size_t column, const struct rb_table *live)
{
	const struct rb_column *twin = rb_table_column(live, table->columns[column].name);

	return table->columns[column].left_out && twin && twin->generated == RB_GENERATED_NO;
}

/* The columns of the key, and those that are kept, separated by commas. */
static int add_kept(struct rb_buf *sql, const struct rb_table *table, const struct rb_table *live,
                    size_t *count, struct rb_err *err)
{
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < table->key_count; i++)
		rc = add_pair(sql, i > 0 ? ", " : "", table->columns[table->key[i]].name, "", "",
		              err);
	for (size_t i = 0; rc == RB_OK && i < table->column_count; i++) {
		if (!is_kept(table, i, live))
			continue;
		rc = add_pair(sql, ", ", table->columns[i].name, "", "", err);
		++*count;
	}
	return rc;
}

int rb_pg_target_keep(struct rb_target *base, const struct rb_table *table,
                      const struct rb_table *live, struct rb_err *err)
{
	struct rb_pg_target *target = (struct rb_pg_target *)base;
	struct rb_buf sql = RB_BUF(RB_PG_SQL_MAX);
	size_t number = target->kept ? rb_map_count(target->kept) : 0;
	size_t count = 0;
	int rc = rb_pg_may_write(target, err);

	if (rc == RB_OK && !target->kept)
		rc = rb_map_new(sizeof(size_t), &target->kept, err);
	if (rc == RB_OK)
		rc = rb_buf_addf(
		        &sql, err,
		        "CREATE TEMPORARY TABLE rowback_kept_%zu ON COMMIT DROP AS SELECT ",
		        number);
	if (rc == RB_OK)
		rc = add_kept(&sql, table, live, &count, err);
	if (rc == RB_OK)
		rc = rb_buf_adds(&sql, " FROM ONLY ", err);
	if (rc == RB_OK)
		rc = rb_pg_add_table(&sql, table->name, err);
	if (rc == RB_OK && count > 0)
		rc = rb_pg_exec(&target->conn, rb_buf_str(&sql), err);
	if (rc == RB_OK && count > 0)
		rc = rb_map_put(target->kept, table->name, strlen(table->name), &number, err);
	rb_buf_release(&sql);
	return rc < 0 ? rb_err_wrap(err, rc, "table '%.200s'", table->name) : RB_OK;
}

/* The names that the table of kept values has. */
static int list_kept(struct rb_pg_target *target, size_t number, struct rb_map **out,
                     struct rb_err *err)
{
	struct rb_buf sql = RB_BUF(RB_PG_SQL_MAX);
	PGresult *result = NULL;
	int rc = rb_map_new(0, out, err);

	if (rc == RB_OK)
		rc = rb_buf_addf(&sql, err,
		                 "SELECT a.attname FROM pg_attribute a WHERE a.attnum > 0 AND"
		                 " a.attrelid = 'pg_temp.rowback_kept_%zu'::regclass",
		                 number);
	if (rc == RB_OK)
		rc = rb_pg_query(&target->conn, rb_buf_str(&sql), &result, err);
	for (int row = 0; rc == RB_OK && row < PQntuples(result); row++) {
		const char *name = PQgetvalue(result, row, 0);

		rc = rb_map_put(*out, name, strlen(name), NULL, err);
	}
	PQclear(result);
	rb_buf_release(&sql);
	return rc;
}

/* UPDATE ... SET c = k.c FROM ... WHERE the key is the same AND a value is another. */
static int add_update(struct rb_pg_target *target, size_t number, const struct rb_map *kept,
                      struct rb_buf *sql, struct rb_err *err)
{
	const struct rb_table *table = target->rows.table;
	const char *before = " AS t SET ";
	int rc = rb_buf_adds(sql, "UPDATE ONLY ", err);

	if (rc == RB_OK)
		rc = rb_pg_add_table(sql, table->name, err);
	for (size_t i = 0; rc == RB_OK && i < table->column_count; i++) {
		const char *name = table->columns[i].name;

		if (!table->columns[i].left_out || !rb_map_get(kept, name, strlen(name)))
			continue;
		rc = add_pair(sql, before, name, " = k.", "", err);
		before = ", ";
	}
	if (rc == RB_OK)
		rc = rb_buf_addf(sql, err, " FROM pg_temp.rowback_kept_%zu AS k WHERE (", number);
	before = "t.";
	for (size_t i = 0; rc == RB_OK && i < table->column_count; i++) {
		const char *name = table->columns[i].name;

		if (!table->columns[i].left_out || !rb_map_get(kept, name, strlen(name)))
			continue;
		rc = add_pair(sql, before, name, "::text COLLATE \"C\" IS DISTINCT FROM k.",
		              "::text COLLATE \"C\"", err);
		before = " OR t.";
	}
	before = ") AND t.";
	for (size_t i = 0; rc == RB_OK && i < table->key_count; i++) {
		rc = add_pair(sql, before, table->columns[table->key[i]].name,
		              "::text COLLATE \"C\" = k.", "::text COLLATE \"C\"", err);
		before = " AND t.";
	}
	return rc;
}

int rb_pg_target_give_back(struct rb_target *base, struct rb_err *err)
{
	struct rb_pg_target *target = (struct rb_pg_target *)base;
	const struct rb_table *table = target->rows.table;
	struct rb_buf sql = RB_BUF(RB_PG_SQL_MAX);
	struct rb_map *kept = NULL;
	const size_t *number = NULL;
	int rc = rb_pg_rows_first(target, err);

	if (rc == RB_OK)
		rc = rb_pg_rows_flush(target, err);
	if (rc == RB_OK && target->kept)
		number = rb_map_get(target->kept, table->name, strlen(table->name));
	if (rc < 0 || !number)
		return rc;
	rc = list_kept(target, *number, &kept, err);
	if (rc == RB_OK)
		rc = add_update(target, *number, kept, &sql, err);
	if (rc == RB_OK)
		rc = rb_pg_exec(&target->conn, rb_buf_str(&sql), err);
	rb_map_free(kept);
	rb_buf_release(&sql);
	return rc < 0 ? rb_err_wrap(err, rc,
	                            "table '%.200s': cannot keep what is not in the backup",
	                            table->name)
	              : RB_OK;
}
