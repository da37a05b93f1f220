/*
 * See target_priv.h: sequences and large objects, which are tables of rows to rowback.
 *
 * setval() is not taken back when a transaction is, ALTER SEQUENCE RESTART is: it gives the
 * sequence storage of its own until the commit, and then setval() changes that.
 *
 * source  postgresql.org/docs/current/sql-altersequence.html, "Notes"
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "target_priv.h"

static int malformed(const struct rb_pg_target *target, struct rb_err *err)
{
	return rb_err_set(err, RB_E_FORMAT, "a row of '%s' is none of that table",
	                  target->rows.table->name);
}

/* Whether a sequence stands there already. */
static int is_there(struct rb_pg_target *target, const char *sequence, int64_t last, bool is_called,
                    bool *out, struct rb_err *err)
{
	struct rb_buf sql = RB_BUF(RB_PG_SQL_MAX);
	PGresult *result = NULL;
	int rc = rb_buf_addf(&sql, err,
	                     "SELECT 1 FROM %s WHERE last_value = %" PRId64 " AND is_called = %s",
	                     sequence, last, is_called ? "true" : "false");

	if (rc == RB_OK)
		rc = rb_pg_query(&target->conn, rb_buf_str(&sql), &result, err);
	*out = rc == RB_OK && PQntuples(result) > 0;
	PQclear(result);
	rb_buf_release(&sql);
	return rc;
}

static int set_sequence(struct rb_pg_target *target, const char *sequence, int64_t last,
                        bool is_called, struct rb_err *err)
{
	struct rb_buf sql = RB_BUF(RB_PG_SQL_MAX);
	bool done = false;
	int rc = is_there(target, sequence, last, is_called, &done, err);

	if (rc < 0 || done)
		return rc;
	rc = rb_buf_addf(&sql, err,
	                 "ALTER SEQUENCE %s RESTART WITH %" PRId64 "; SELECT pg_catalog.setval(",
	                 sequence, last);
	if (rc == RB_OK)
		rc = rb_pg_add_literal(&sql, sequence, err);
	if (rc == RB_OK)
		rc = rb_buf_addf(&sql, err, "::pg_catalog.regclass, %" PRId64 ", %s)", last,
		                 is_called ? "true" : "false");
	if (rc == RB_OK)
		rc = rb_pg_exec(&target->conn, rb_buf_str(&sql), err);
	rb_buf_release(&sql);
	return rc;
}

/*
 * Sequences that belong to columns: the name of each, what says how far the rows are, whether it
 * counts down, and the table.
 */
static const char owned_sql[] =
        "SELECT pg_catalog.format('%I.%I', sn.nspname, s.relname),"
        " pg_catalog.format('SELECT %s(%I)::pg_catalog.int8 FROM %s %I.%I',"
        " CASE WHEN q.seqincrement < 0 THEN 'min' ELSE 'max' END, a.attname,"
        " CASE t.relkind WHEN 'p' THEN '' ELSE 'ONLY' END, tn.nspname, t.relname),"
        " q.seqincrement < 0, tn.nspname, t.relname, t.relkind = 'p'"
        " FROM pg_catalog.pg_depend AS d"
        " JOIN pg_catalog.pg_class AS s ON s.oid = d.objid AND s.relkind = 'S'"
        " JOIN pg_catalog.pg_namespace AS sn ON sn.oid = s.relnamespace"
        " JOIN pg_catalog.pg_sequence AS q ON q.seqrelid = s.oid"
        " JOIN pg_catalog.pg_class AS t ON t.oid = d.refobjid"
        " JOIN pg_catalog.pg_namespace AS tn ON tn.oid = t.relnamespace"
        " JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid"
        " WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass"
        " AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass"
        " AND d.deptype IN ('a', 'i') AND a.atttypid IN (20, 21, 23) ORDER BY 1";

enum { OWNED_SEQUENCE, OWNED_ASKS, OWNED_GOES_DOWN, OWNED_SCHEMA, OWNED_TABLE, OWNED_IS_PARENT };

/* Whether a sequence belongs to a table that is handled, or to one whose partitions may be. */
static int is_handled(const PGresult *owned, int row, const char *const *only, bool *out,
                      struct rb_err *err)
{
	char *name = NULL;
	int rc;

	*out = rb_pg_flag(owned, row, OWNED_IS_PARENT);
	if (*out)
		return RB_OK;
	rc = rb_pg_table_name(PQgetvalue(owned, row, OWNED_SCHEMA),
	                      PQgetvalue(owned, row, OWNED_TABLE), &name, err);
	for (; rc == RB_OK && *only && !*out; only++)
		*out = strcmp(*only, name) == 0;
	free(name);
	return rc;
}

/* Move a sequence to where the rows are, if it is behind them. */
static int follow(struct rb_pg_target *target, const PGresult *owned, int row, struct rb_err *err)
{
	const char *sequence = PQgetvalue(owned, row, OWNED_SEQUENCE);
	struct rb_buf sql = RB_BUF(RB_PG_SQL_MAX);
	PGresult *result = NULL;
	int rc = rb_buf_addf(
	        &sql, err,
	        "SELECT r.v FROM (%s) AS r(v), %s AS s"
	        " WHERE r.v %s s.last_value OR (r.v = s.last_value AND NOT s.is_called)",
	        PQgetvalue(owned, row, OWNED_ASKS), sequence,
	        rb_pg_flag(owned, row, OWNED_GOES_DOWN) ? "<" : ">");

	if (rc == RB_OK)
		rc = rb_pg_query(&target->conn, rb_buf_str(&sql), &result, err);
	if (rc == RB_OK && PQntuples(result) == 1)
		rc = set_sequence(target, sequence, rb_pg_int(result, 0, 0), true, err);
	PQclear(result);
	rb_buf_release(&sql);
	return rc < 0 ? rb_err_wrap(err, rc, "sequence %.200s", sequence) : RB_OK;
}

int rb_pg_follow_rows(struct rb_pg_target *target, const char *const *only, struct rb_err *err)
{
	PGresult *owned = NULL;
	int rc = rb_pg_query(&target->conn, owned_sql, &owned, err);

	for (int row = 0; rc == RB_OK && row < PQntuples(owned); row++) {
		bool handled = false;

		rc = is_handled(owned, row, only, &handled, err);
		if (rc == RB_OK && handled)
			rc = follow(target, owned, row, err);
	}
	PQclear(owned);
	return rc;
}

static int insert_sequence(struct rb_pg_target *target, const struct rb_value *values,
                           struct rb_err *err)
{
	struct rb_buf name = RB_BUF(RB_PG_SQL_MAX);
	struct rb_buf sequence = RB_BUF(RB_PG_SQL_MAX);
	int rc;

	if (target->rows.stored_count != 3 || values[0].kind != RB_VALUE_TEXT ||
	    values[1].kind != RB_VALUE_INT || values[2].kind != RB_VALUE_BOOL)
		return malformed(target, err);
	rc = rb_pg_add_value(&name, &values[0], err);
	if (rc == RB_OK)
		rc = rb_pg_add_table(&sequence, rb_buf_str(&name), err);
	if (rc == RB_OK)
		rc = set_sequence(target, rb_buf_str(&sequence), values[1].u.i, values[2].u.i != 0,
		                  err);
	if (rc < 0)
		rb_err_wrap(err, rc, "sequence '%.200s'", rb_buf_str(&name));
	rb_buf_release(&name);
	rb_buf_release(&sequence);
	return rc;
}

/* A page of a large object: the first one makes it. */
static int insert_page(struct rb_pg_target *target, const struct rb_value *values,
                       struct rb_err *err)
{
	struct rb_buf sql = RB_BUF(SIZE_MAX / 4);
	int rc;

	if (target->rows.stored_count != 3 || values[0].kind != RB_VALUE_INT ||
	    values[1].kind != RB_VALUE_INT || values[2].kind != RB_VALUE_BLOB)
		return malformed(target, err);
	if (values[1].u.i == 0)
		rc = rb_buf_addf(&sql, err, "SELECT pg_catalog.lo_from_bytea(%" PRId64 ", '",
		                 values[0].u.i);
	else
		rc = rb_buf_addf(&sql, err,
		                 "SELECT pg_catalog.lo_put(%" PRId64 ", %" PRId64
		                 "::bigint * %" PRId64 ", '",
		                 values[0].u.i, values[1].u.i, RB_PG_LO_PAGE);
	if (rc == RB_OK)
		rc = rb_pg_add_value(&sql, &values[2], err);
	if (rc == RB_OK)
		rc = rb_buf_adds(&sql, "')", err);
	if (rc == RB_OK)
		rc = rb_pg_exec(&target->conn, rb_buf_str(&sql), err);
	if (rc < 0)
		rb_err_wrap(err, rc, "large object %" PRId64, values[0].u.i);
	rb_buf_release(&sql);
	return rc;
}

static bool is_large_objects(const struct rb_table *table)
{
	return strcmp(table->name, RB_PG_LARGE_OBJECTS) == 0;
}

int rb_pg_empty_system(struct rb_pg_target *target, struct rb_err *err)
{
	/* Sequences are never fewer than their definitions. */
	if (!is_large_objects(target->rows.table))
		return RB_OK;
	return rb_pg_exec(&target->conn,
	                  "SELECT pg_catalog.count(pg_catalog.lo_unlink(oid))"
	                  " FROM pg_catalog.pg_largeobject_metadata",
	                  err);
}

int rb_pg_insert_system(struct rb_pg_target *target, const struct rb_value *values,
                        struct rb_err *err)
{
	const struct rb_table *table = target->rows.table;

	if (is_large_objects(table))
		return insert_page(target, values, err);
	if (strcmp(table->name, RB_PG_SEQUENCES) == 0)
		return insert_sequence(target, values, err);
	return rb_err_set(err, RB_E_UNSUPPORTED, "'%.200s' is no table of PostgreSQL's own",
	                  table->name);
}
