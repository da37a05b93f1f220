/*
 * See adapter.h and target_priv.h: the handle of a target and its one transaction.
 */
#include <stdlib.h>
#include <string.h>

#include "target_priv.h"

/*
 * Whether a user made anything: what initdb makes has numbers below 16384.
 * source: PostgreSQL, access/transam.h, FirstNormalObjectId
 */
static const char objects_sql[] =
        "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_class WHERE oid >= 16384)"
        " OR EXISTS (SELECT 1 FROM pg_catalog.pg_proc WHERE oid >= 16384)"
        " OR EXISTS (SELECT 1 FROM pg_catalog.pg_type WHERE oid >= 16384)"
        " OR EXISTS (SELECT 1 FROM pg_catalog.pg_namespace WHERE oid >= 16384"
        " AND nspname !~ '^pg_(toast_)?temp_')"
        " OR EXISTS (SELECT 1 FROM pg_catalog.pg_extension WHERE oid >= 16384)"
        " OR EXISTS (SELECT 1 FROM pg_catalog.pg_collation WHERE oid >= 16384)"
        " OR EXISTS (SELECT 1 FROM pg_catalog.pg_largeobject_metadata)";

/*
 * All tables that are neither the system's nor an extension's, and that this role may lock: a
 * row for each.
 */
static const char lock_sql[] =
        "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), n.nspname"
        " FROM pg_catalog.pg_class AS c"
        " JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE c.relkind = 'r' AND c.relpersistence <> 't'"
        " AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
        " AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')"
        " AND pg_catalog.has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE')"
        " AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend AS d"
        " WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid"
        " AND d.deptype = 'e') ORDER BY n.nspname, c.relname";

static struct rb_pg_target *target_of(struct rb_target *base)
{
	/* base is the first member, so that this is the struct it was made in. */
	return (struct rb_pg_target *)base;
}

/* Connect; a database that is not there is made later, when the backup is known. */
static int connect_to(struct rb_pg_target *target, const struct rb_target_opts *opts,
                      struct rb_err *err)
{
	const struct rb_pg_open_opts open = {.url = opts->open.url,
	                                     .lock_timeout_ms = target->lock_timeout_ms,
	                                     .read_only = opts->dry_run,
	                                     .schemas = target->schemas};
	int rc = rb_pg_open(&target->conn, &open, err);

	if (rc == RB_OK || !opts->create || !rb_pg_state_is(&target->conn, "3D000"))
		return rc;
	target->is_empty = true;
	rc = rb_pg_url_dbname(opts->open.url, &target->dbname, err);
	return rc < 0 ? rc : rb_pg_can_create(target, err);
}

/* Look at what is there. */
static int look(struct rb_pg_target *target, struct rb_err *err)
{
	char *any = NULL;
	int rc;

	if (target->dbname)
		return RB_OK;
	rc = rb_pg_get_text(&target->conn, objects_sql, &any, err);
	target->is_empty = rc == RB_OK && strcmp(any, "t") != 0;
	free(any);
	return rc;
}

int rb_pg_target_open(const struct rb_target_opts *opts, struct rb_target **out, struct rb_err *err)
{
	struct rb_pg_target *target = calloc(1, sizeof(*target));
	int rc;

	if (!target)
		return rb_err_set(err, RB_E_NOMEM, "no memory to open a database");
	target->base.adapter = &rb_adapter_postgres;
	target->dry_run = opts->dry_run;
	target->lock_timeout_ms = opts->open.busy_timeout_ms;
	target->schemas = opts->open.schemas;
	rb_buf_init(&target->afterwards, RB_PG_SCHEMA_MAX);
	rb_pg_rows_release(target);
	target->url = strdup(opts->open.url);
	rc = target->url ? RB_OK : rb_err_set(err, RB_E_NOMEM, "no memory to open a database");
	if (rc == RB_OK)
		rc = connect_to(target, opts, err);
	if (rc == RB_OK)
		rc = look(target, err);
	if (rc < 0) {
		rb_pg_target_close(&target->base);
		return rc;
	}
	rb_pg_source_over(&target->source, &target->conn);
	*out = &target->base;
	return RB_OK;
}

void rb_pg_target_close(struct rb_target *base)
{
	struct rb_pg_target *target = target_of(base);

	if (!target)
		return;
	/* The server takes back what was not committed. */
	rb_pg_rows_release(target);
	rb_pg_close(&target->conn);
	if (target->stage != RB_PG_COMMITTED)
		rb_pg_drop_created(target);
	rb_pg_objects_release(target);
	rb_map_free(target->broken);
	rb_map_free(target->kept);
	rb_map_free(target->shared);
	rb_map_free(target->dropped);
	rb_buf_release(&target->afterwards);
	if (target->url)
		memset(target->url, 0, strlen(target->url));
	free(target->url);
	free(target->dbname);
	free(target);
}

bool rb_pg_target_is_empty(struct rb_target *base)
{
	return target_of(base)->is_empty;
}

struct rb_source *rb_pg_target_source(struct rb_target *base)
{
	return &target_of(base)->source.base;
}

int rb_pg_may_write(const struct rb_pg_target *target, struct rb_err *err)
{
	const char *label = target->conn.label ? target->conn.label : target->dbname;

	if (target->dry_run)
		return rb_err_set(err, RB_E_USAGE, "'%s' is open for a dry run: nothing is written",
		                  label);
	if (target->stage != RB_PG_BEGUN)
		return rb_err_set(err, RB_E_USAGE, "no transaction has begun on '%s'", label);
	return RB_OK;
}

int rb_pg_try(struct rb_pg_target *target, const char *sql, char *why, struct rb_err *err)
{
	struct rb_buf text = RB_BUF(RB_PG_SCHEMA_MAX + 1024);
	struct rb_err refused = {0};
	int rc = rb_buf_addf(&text, err, "SAVEPOINT rowback;%s\n;RELEASE SAVEPOINT rowback", sql);

	if (rc == RB_OK)
		rc = rb_pg_exec(&target->conn, rb_buf_str(&text), &refused);
	rb_buf_release(&text);
	if (rc == RB_OK)
		return RB_OK;
	if (PQtransactionStatus(target->conn.pg) != PQTRANS_INERROR || rc == RB_E_CANCELLED) {
		if (err)
			*err = refused;
		return rc;
	}
	rc = rb_pg_exec(&target->conn, "ROLLBACK TO SAVEPOINT rowback; RELEASE SAVEPOINT rowback",
	                err);
	memcpy(why, refused.msg, RB_ERR_MSG_SIZE);
	return rc < 0 ? rc : RB_E_UNSUPPORTED;
}

/* Lock what is there, a statement for many tables. */
static int lock_tables(struct rb_pg_target *target, const PGresult *tables,
                       const struct rb_pg_names *left, struct rb_err *err)
{
	struct rb_buf sql = RB_BUF(RB_PG_SQL_MAX);
	int rc = RB_OK;

	for (int row = 0; rc == RB_OK && row < PQntuples(tables); row++) {
		if (rb_pg_names_have(left, PQgetvalue(tables, row, 1)))
			continue;
		rc = rb_buf_addf(&sql, err, "%s%s", sql.len > 0 ? ", " : "LOCK TABLE ONLY ",
		                 PQgetvalue(tables, row, 0));
	}
	if (rc == RB_OK && sql.len > 0)
		rc = rb_buf_adds(&sql, " IN EXCLUSIVE MODE", err);
	if (rc == RB_OK && sql.len > 0)
		rc = rb_pg_exec(&target->conn, rb_buf_str(&sql), err);
	rb_buf_release(&sql);
	return rc < 0 ? rb_err_wrap(err, rc, "cannot begin to write") : RB_OK;
}

/*
 * Not REPEATABLE READ: its snapshot would be taken by the look for tables, before they are
 * locked, and not see what was committed between the two.
 */
int rb_pg_target_start(struct rb_pg_target *target, struct rb_err *err)
{
	PGresult *tables = NULL;
	struct rb_pg_names left = {0};
	int rc = rb_pg_exec(&target->conn, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", err);

	target->in_transaction = rc == RB_OK;
	if (rc == RB_OK && !target->is_empty)
		rc = rb_pg_query(&target->conn, lock_sql, &tables, err);
	if (rc == RB_OK && tables)
		rc = rb_pg_left_out(&target->conn, &left, err);
	if (rc == RB_OK && tables)
		rc = lock_tables(target, tables, &left, err);
	if (rc == RB_OK)
		rc = rb_pg_quiet(target, err);
	PQclear(tables);
	rb_pg_names_release(&left);
	return rc;
}

int rb_pg_target_begin(struct rb_target *base, const char *fingerprint, struct rb_err *err)
{
	struct rb_pg_target *target = target_of(base);
	int rc = RB_OK;

	/* Nothing is proved by a fingerprint of ours: it is empty. */
	(void)fingerprint;
	if (target->dry_run)
		return rb_pg_may_write(target, err);
	if (target->stage != RB_PG_OPENED)
		return rb_err_set(err, RB_E_USAGE, "a target has one transaction only");
	if (!target->dbname)
		rc = rb_pg_target_start(target, err);
	if (rc == RB_OK && !target->dbname)
		rc = rb_pg_objects_load(target, err);
	if (rc == RB_OK)
		target->stage = RB_PG_BEGUN;
	return rc;
}

int rb_pg_target_finish(struct rb_pg_target *target, struct rb_err *err)
{
	PGresult *result = NULL;
	int rc = rb_pg_may_write(target, err);

	if (rc == RB_OK)
		rc = rb_pg_rows_flush(target, err);
	if (rc == RB_OK && target->in_transaction)
		rc = rb_pg_query(&target->conn, "COMMIT", &result, err);
	/* A transaction that cannot be committed is rolled back by COMMIT, without an error. */
	if (rc == RB_OK && result && strcmp(PQcmdStatus(result), "COMMIT") != 0)
		rc = rb_err_set(err, RB_E_UNREACHABLE, "'%s' did not commit: nothing was changed",
		                target->conn.label);
	target->in_transaction = false;
	PQclear(result);
	return rc;
}

int rb_pg_target_commit(struct rb_target *base, struct rb_err *err)
{
	struct rb_pg_target *target = target_of(base);
	int rc = target->stage == RB_PG_SEEN ? RB_OK : rb_pg_target_finish(target, err);

	if (rc == RB_OK)
		target->stage = RB_PG_COMMITTED;
	return rc;
}
