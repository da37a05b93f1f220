/*
 * See target_priv.h: nothing fires while rows are written.
 *
 * A role that may set session_replication_role to replica turns off triggers, rules and
 * foreign keys with it, but for those that were declared to fire all the same; those, and for
 * other roles all of them, are turned off by ALTER TABLE in our transaction, and on again
 * before it ends.  What refers to a table, or to one that it is a partition of, is a foreign
 * key of either side.
 */
#include <string.h>

#include "rowback/base/log.h"
#include "target_priv.h"

/* Triggers: what turns one off, and what turns it on again as it was. */
static const char triggers_sql[] =
        "SELECT pg_catalog.format('ALTER TABLE %%s DISABLE TRIGGER %%I',"
        " t.tgrelid::pg_catalog.regclass, t.tgname),"
        " pg_catalog.format('ALTER TABLE %%s ENABLE %%sTRIGGER %%I',"
        " t.tgrelid::pg_catalog.regclass,"
        " CASE t.tgenabled WHEN 'A' THEN 'ALWAYS ' WHEN 'R' THEN 'REPLICA ' ELSE '' END,"
        " t.tgname)"
        " FROM pg_catalog.pg_trigger AS t"
        " WHERE NOT t.tgisinternal AND t.tgrelid = %s::pg_catalog.regclass"
        " AND t.tgenabled IN ('A', '%c')"
        " UNION ALL ";

/* Rules for DELETE and UPDATE; COPY evaluates none. */
static const char rules_sql[] =
        "SELECT pg_catalog.format('ALTER TABLE %%s DISABLE RULE %%I',"
        " r.ev_class::pg_catalog.regclass, r.rulename),"
        " pg_catalog.format('ALTER TABLE %%s ENABLE %%sRULE %%I',"
        " r.ev_class::pg_catalog.regclass,"
        " CASE r.ev_enabled WHEN 'A' THEN 'ALWAYS ' WHEN 'R' THEN 'REPLICA ' ELSE '' END,"
        " r.rulename)"
        " FROM pg_catalog.pg_rewrite AS r"
        " WHERE r.ev_type IN ('2', '4') AND r.ev_class = %s::pg_catalog.regclass"
        " AND r.ev_enabled IN ('A', '%c')";

/* Foreign keys are dropped and added again: their triggers are the system's. */
static const char keys_sql[] =
        " UNION ALL SELECT pg_catalog.format('ALTER TABLE %%s DROP CONSTRAINT %%I',"
        " c.conrelid::pg_catalog.regclass, c.conname),"
        " pg_catalog.format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s',"
        " c.conrelid::pg_catalog.regclass, c.conname, pg_catalog.pg_get_constraintdef(c.oid))"
        " || COALESCE(pg_catalog.format('; COMMENT ON CONSTRAINT %%I ON %%s IS %%L', c.conname,"
        " c.conrelid::pg_catalog.regclass,"
        " pg_catalog.obj_description(c.oid, 'pg_constraint')), '')"
        " FROM pg_catalog.pg_constraint AS c"
        " WHERE c.contype = 'f' AND c.conparentid = 0"
        " AND ARRAY[c.conrelid, c.confrelid] && (SELECT pg_catalog.array_agg(x.relid::oid) FROM"
        " (SELECT relid FROM pg_catalog.pg_partition_ancestors(%s::pg_catalog.regclass)"
        " UNION SELECT %s::pg_catalog.regclass) AS x)";

int rb_pg_quiet(struct rb_pg_target *target, struct rb_err *err)
{
	char why[RB_ERR_MSG_SIZE];
	int rc = rb_pg_try(target, "SET LOCAL session_replication_role = replica", why, err);

	target->is_replica = rc == RB_OK;
	return rc == RB_E_UNSUPPORTED ? RB_OK : rc;
}

/* A name as a text: '"public"."orders"'. */
static int add_table_literal(struct rb_buf *out, const char *name, struct rb_err *err)
{
	struct rb_buf table = RB_BUF(RB_PG_SQL_MAX);
	int rc = rb_pg_add_table(&table, name, err);

	if (rc == RB_OK)
		rc = rb_pg_add_literal(out, rb_buf_str(&table), err);
	rb_buf_release(&table);
	return rc;
}

static int turn_off(struct rb_pg_target *target, const PGresult *list, struct rb_err *err)
{
	int rc = RB_OK;

	for (int row = 0; rc == RB_OK && row < PQntuples(list); row++) {
		const char *on = PQgetvalue(list, row, 1);

		rc = rb_pg_exec(&target->conn, PQgetvalue(list, row, 0), err);
		if (rc == RB_OK)
			rc = rb_buf_add(&target->afterwards, on, strlen(on) + 1, err);
		target->was_altered = true;
	}
	if (rc < 0)
		rb_err_hint(err, "triggers and foreign keys must be off: let the owner of the "
		                 "tables restore, or a role that may set session_replication_role");
	return rc;
}

int rb_pg_quiet_table(struct rb_pg_target *target, struct rb_err *err)
{
	struct rb_buf table = RB_BUF(RB_PG_SQL_MAX);
	struct rb_buf sql = RB_BUF(RB_PG_SQL_MAX);
	char fires = target->is_replica ? 'R' : 'O';
	PGresult *list = NULL;
	const char *name;
	int rc = add_table_literal(&table, target->rows.table->name, err);

	name = rb_buf_str(&table);
	if (rc == RB_OK)
		rc = rb_buf_addf(&sql, err, triggers_sql, name, fires);
	if (rc == RB_OK)
		rc = rb_buf_addf(&sql, err, rules_sql, name, fires);
	if (rc == RB_OK && !target->is_replica)
		rc = rb_buf_addf(&sql, err, keys_sql, name, name);
	if (rc == RB_OK)
		rc = rb_pg_query(&target->conn, rb_buf_str(&sql), &list, err);
	if (rc == RB_OK)
		rc = turn_off(target, list, err);
	PQclear(list);
	rb_buf_release(&sql);
	rb_buf_release(&table);
	return rc;
}

int rb_pg_unquiet(struct rb_pg_target *target, struct rb_err *err)
{
	size_t at = 0;
	int rc = RB_OK;

	while (rc == RB_OK && at < target->afterwards.len) {
		rc = rb_pg_exec(&target->conn, target->afterwards.data + at, err);
		at += strlen(target->afterwards.data + at) + 1;
	}
	rb_buf_clear(&target->afterwards);
	if (rc == RB_OK && target->was_altered && !target->is_replica)
		rb_log(RB_LOG_WARN, "this role may not set session_replication_role: triggers and "
		                    "foreign keys were off by ALTER TABLE while rows were written");
	target->was_altered = false;
	return rc;
}
