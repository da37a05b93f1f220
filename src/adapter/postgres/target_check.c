/*
 * See adapter.h and target_priv.h: foreign keys.
 *
 * They do not fire while rows are written.  A key that PostgreSQL calls valid holds before, so
 * only others are looked at then, and only how many rows break them is remembered.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "target_priv.h"

/* Each foreign key with the statement that counts the rows which break it. */
static const char keys_sql[] =
        "SELECT c.oid, n.nspname, r.relname, c.conname, pg_catalog.format("
        "'SELECT pg_catalog.count(*) FROM %s %s AS f WHERE %s AND NOT EXISTS"
        " (SELECT 1 FROM %s %s AS p WHERE %s)',"
        " CASE r.relkind WHEN 'p' THEN '' ELSE 'ONLY' END, c.conrelid::pg_catalog.regclass,"
        " pg_catalog.string_agg(pg_catalog.format('f.%I IS NOT NULL', fa.attname), ' AND '),"
        " CASE pr.relkind WHEN 'p' THEN '' ELSE 'ONLY' END, c.confrelid::pg_catalog.regclass,"
        " pg_catalog.string_agg(pg_catalog.format('p.%I OPERATOR(%I.%s) f.%I', pa.attname,"
        " opn.nspname, op.oprname, fa.attname), ' AND '))"
        " FROM pg_catalog.pg_constraint AS c"
        " CROSS JOIN LATERAL ROWS FROM (pg_catalog.unnest(c.conkey),"
        " pg_catalog.unnest(c.confkey), pg_catalog.unnest(c.conpfeqop)) AS k(f, p, op)"
        " JOIN pg_catalog.pg_class AS r ON r.oid = c.conrelid"
        " JOIN pg_catalog.pg_namespace AS n ON n.oid = r.relnamespace"
        " JOIN pg_catalog.pg_class AS pr ON pr.oid = c.confrelid"
        " JOIN pg_catalog.pg_attribute AS fa ON fa.attrelid = c.conrelid AND fa.attnum = k.f"
        " JOIN pg_catalog.pg_attribute AS pa ON pa.attrelid = c.confrelid AND pa.attnum = k.p"
        " JOIN pg_catalog.pg_operator AS op ON op.oid = k.op"
        " JOIN pg_catalog.pg_namespace AS opn ON opn.oid = op.oprnamespace"
        " WHERE c.contype = 'f' AND c.conparentid = 0";

static const char group_sql[] = " GROUP BY c.oid, n.nspname, r.relname, c.conname, r.relkind,"
                                " c.conrelid, pr.relkind, c.confrelid ORDER BY 2, 3, 4";

/* Compare one key with what it was. */
static int judge(struct rb_pg_target *target, const PGresult *keys, int row, int64_t broken,
                 struct rb_catalog *problems, struct rb_err *err)
{
	const char *oid = PQgetvalue(keys, row, 0);
	const int64_t *before;
	char *table = NULL;
	int rc;

	if (!problems)
		return rb_map_put(target->broken, oid, strlen(oid), &broken, err);
	before = target->broken ? rb_map_get(target->broken, oid, strlen(oid)) : NULL;
	if (broken <= (before ? *before : 0))
		return RB_OK;
	rc = rb_pg_table_name(PQgetvalue(keys, row, 1), PQgetvalue(keys, row, 2), &table, err);
	if (rc == RB_OK)
		rc = rb_catalog_remark(problems, table, false, err,
		                       "%" PRId64 " of its rows break the foreign key '%.200s'",
		                       broken - (before ? *before : 0), PQgetvalue(keys, row, 3));
	free(table);
	return rc;
}

static int count_broken(struct rb_pg_target *target, const char *sql, int64_t *out,
                        struct rb_err *err)
{
	char *text = NULL;
	int rc = rb_pg_get_text(&target->conn, sql, &text, err);

	if (rc == RB_OK)
		*out = strtoll(text, NULL, 10);
	free(text);
	return rc;
}

int rb_pg_target_check(struct rb_target *base, struct rb_catalog *problems, struct rb_err *err)
{
	struct rb_pg_target *target = (struct rb_pg_target *)base;
	struct rb_buf sql = RB_BUF(RB_PG_SQL_MAX);
	PGresult *keys = NULL;
	int rc = rb_pg_may_write(target, err);

	if (rc == RB_OK && !problems && !target->broken)
		rc = rb_map_new(sizeof(int64_t), &target->broken, err);
	if (rc == RB_OK)
		rc = rb_buf_addf(&sql, err, "%s%s%s", keys_sql,
		                 problems ? "" : " AND NOT c.convalidated", group_sql);
	if (rc == RB_OK)
		rc = rb_pg_query(&target->conn, rb_buf_str(&sql), &keys, err);
	for (int row = 0; rc == RB_OK && row < PQntuples(keys); row++) {
		int64_t broken = 0;

		rc = count_broken(target, PQgetvalue(keys, row, 4), &broken, err);
		if (rc == RB_OK)
			rc = judge(target, keys, row, broken, problems, err);
	}
	PQclear(keys);
	rb_buf_release(&sql);
	return rc;
}
