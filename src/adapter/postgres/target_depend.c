/*
 * See adapter.h: what depends on objects that are to be dropped.
 *
 * The server's own record of it, pg_depend, is asked, which knows of objects by numbers: each
 * is found by the name that pg_dump gives it, and told of by it.  Dependencies are of two
 * sorts: what goes by itself with what it belongs to (an index with its table), and what the
 * server lets nobody drop the other one for (a view of a table).  A part of something else,
 * such as the rule that is a view's query, cannot go alone: what it is a part of has to.
 *
 * source: PostgreSQL, catalog/dependency.c, findDependentObjects()
 */
#include <stdlib.h>
#include <string.h>

#include "target_priv.h"

#define NAME_MAX_BYTES ((size_t)1 << 20)

/*
 * All objects that have a name for us: catalog and number, kind, schema, name, and the schema and
 * name of the table they are on.  In headers of pg_dump line ends are blanks.
 */
static const char named_sql[] =
        "SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::oid, c.oid,"
        " CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'"
        " WHEN 'S' THEN 'sequence' WHEN 'f' THEN 'foreign table' WHEN 'i' THEN 'index'"
        " WHEN 'I' THEN 'index' ELSE 'table' END, n.nspname, c.relname, '', ''"
        " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'i', 'I')"
        " AND n.nspname <> 'pg_toast'"
        " UNION ALL SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass::oid, p.oid,"
        " CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate'"
        " ELSE 'function' END, n.nspname, p.proname || '(' || COALESCE((SELECT"
        " pg_catalog.string_agg(pg_catalog.format_type(a.t, NULL), ', ' ORDER BY a.i)"
        " FROM pg_catalog.unnest(p.proargtypes) WITH ORDINALITY AS a(t, i)),"
        " CASE p.prokind WHEN 'a' THEN '*' ELSE '' END) || ')', '', ''"
        " FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace"
        " WHERE p.oid >= 16384"
        " UNION ALL SELECT 'pg_catalog.pg_type'::pg_catalog.regclass::oid, t.oid,"
        " CASE t.typtype WHEN 'd' THEN 'domain' ELSE 'type' END, n.nspname, t.typname, '', ''"
        " FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace"
        " WHERE t.oid >= 16384 AND t.typcategory <> 'A' AND n.nspname <> 'pg_toast'"
        " UNION ALL SELECT 'pg_catalog.pg_collation'::pg_catalog.regclass::oid, l.oid,"
        " 'collation', n.nspname, l.collname, '', '' FROM pg_catalog.pg_collation l"
        " JOIN pg_catalog.pg_namespace n ON n.oid = l.collnamespace WHERE l.oid >= 16384"
        " UNION ALL SELECT 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass::oid, s.oid,"
        " 'statistics', n.nspname, s.stxname, '', '' FROM pg_catalog.pg_statistic_ext s"
        " JOIN pg_catalog.pg_namespace n ON n.oid = s.stxnamespace"
        " UNION ALL SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass::oid, n.oid,"
        " 'schema', '', n.nspname, '', '' FROM pg_catalog.pg_namespace n"
        " UNION ALL SELECT 'pg_catalog.pg_extension'::pg_catalog.regclass::oid, e.oid,"
        " 'extension', '', e.extname, '', '' FROM pg_catalog.pg_extension e"
        " UNION ALL SELECT 'pg_catalog.pg_event_trigger'::pg_catalog.regclass::oid, e.oid,"
        " 'event trigger', '', e.evtname, '', '' FROM pg_catalog.pg_event_trigger e"
        " UNION ALL SELECT o.class, o.oid, o.kind, n.nspname,"
        " CASE o.kind WHEN 'publication table' THEN o.name || ' ' || c.relname"
        " ELSE c.relname || ' ' || o.name END, n.nspname, c.relname FROM ("
        "SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass::oid, oid, conrelid,"
        " CASE contype WHEN 'f' THEN 'fk constraint' WHEN 'c' THEN 'check constraint'"
        " ELSE 'constraint' END, conname FROM pg_catalog.pg_constraint"
        " WHERE conrelid >= 16384"
        " UNION ALL SELECT 'pg_catalog.pg_trigger'::pg_catalog.regclass::oid, oid, tgrelid,"
        " 'trigger', tgname FROM pg_catalog.pg_trigger WHERE NOT tgisinternal"
        " UNION ALL SELECT 'pg_catalog.pg_rewrite'::pg_catalog.regclass::oid, oid, ev_class,"
        " 'rule', rulename FROM pg_catalog.pg_rewrite"
        " WHERE oid >= 16384"
        " UNION ALL SELECT 'pg_catalog.pg_policy'::pg_catalog.regclass::oid, oid, polrelid,"
        " 'policy', polname FROM pg_catalog.pg_policy"
        " UNION ALL SELECT 'pg_catalog.pg_publication_rel'::pg_catalog.regclass::oid, r.oid,"
        " r.prrelid, 'publication table', p.pubname FROM pg_catalog.pg_publication_rel r"
        " JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid"
        " UNION ALL SELECT 'pg_catalog.pg_attrdef'::pg_catalog.regclass::oid, d.oid, adrelid,"
        " 'default', attname FROM pg_catalog.pg_attrdef d JOIN pg_catalog.pg_attribute a"
        " ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE d.oid >= 16384"
        ") AS o(class, oid, relid, kind, name)"
        " JOIN pg_catalog.pg_class c ON c.oid = o.relid"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace";

/* Columns of named_sql. */
enum {
	NAMED_CLASS,
	NAMED_OID,
	NAMED_KIND,
	NAMED_SCHEMA,
	NAMED_NAME,
	NAMED_TABLE_SCHEMA,
	NAMED_TABLE,
};

/*
 * Where the two lists of numbers lead to.  "forced" is what does not go by itself; of that, what
 * it is a part of is forced, too.
 */
static const char closure_sql[] =
        "WITH RECURSIVE gone(classid, objid, forced) AS ("
        "SELECT c, o, false FROM ROWS FROM ("
        "pg_catalog.unnest('{%s}'::oid[]), pg_catalog.unnest('{%s}'::oid[])) AS r(c, o)"
        " UNION SELECT e.classid, e.objid, e.forced FROM gone AS g CROSS JOIN LATERAL ("
        "SELECT d.classid, d.objid, d.deptype = 'n' FROM pg_catalog.pg_depend AS d"
        " WHERE d.refclassid = g.classid AND d.refobjid = g.objid"
        " UNION ALL SELECT d.refclassid, d.refobjid, true FROM pg_catalog.pg_depend AS d"
        " WHERE g.forced AND d.classid = g.classid AND d.objid = g.objid"
        " AND d.deptype IN ('i', 'I', 'P', 'e')) AS e(classid, objid, forced))"
        " SELECT g.classid, g.objid, pg_catalog.bool_or(g.forced),"
        " EXISTS (SELECT 1 FROM pg_catalog.pg_depend AS d"
        " WHERE d.classid = g.classid AND d.objid = g.objid"
        " AND (d.refclassid, d.refobjid) <> (d.classid, d.objid)"
        " AND d.deptype IN ('i', 'I', 'P', 'e')),"
        " pg_catalog.pg_describe_object(g.classid, g.objid, 0)"
        " FROM gone AS g GROUP BY g.classid, g.objid";

/* Columns of closure_sql. */
enum { GONE_CLASS, GONE_OID, GONE_FORCED, GONE_PART, GONE_WHAT };

/* The objects of a database, by name and by number. */
struct named {
	PGresult *rows;
	struct rb_map *by_name;   /* "kind\0name" to a row */
	struct rb_map *by_number; /* "1259 16385" to a row */
};

static bool is_relation(const char *kind)
{
	return strcmp(kind, "table") == 0 || strcmp(kind, "view") == 0 ||
	       strcmp(kind, "materialized view") == 0 || strcmp(kind, "sequence") == 0 ||
	       strcmp(kind, "foreign table") == 0;
}

/* The name of an object as schema.c makes it of pg_dump's header. */
static int add_object_name(const PGresult *rows, int row, struct rb_buf *out, struct rb_err *err)
{
	const char *schema = PQgetvalue(rows, row, NAMED_SCHEMA);
	const char *name = PQgetvalue(rows, row, NAMED_NAME);
	int rc = *schema ? rb_pg_add_shown(out, schema, err) : RB_OK;
	size_t from;

	if (rc == RB_OK && *schema)
		rc = rb_buf_adds(out, ".", err);
	if (rc < 0 || is_relation(PQgetvalue(rows, row, NAMED_KIND)))
		return rc < 0 ? rc : rb_pg_add_shown(out, name, err);
	from = out->len;
	rc = rb_buf_adds(out, name, err);
	for (size_t i = from; rc == RB_OK && i < out->len; i++)
		if (out->data[i] == '\n' || out->data[i] == '\r')
			out->data[i] = ' ';
	return rc;
}

static int add_number(const PGresult *rows, int row, struct rb_buf *out, struct rb_err *err)
{
	/* Both queries begin with them. */
	return rb_buf_addf(out, err, "%s %s", PQgetvalue(rows, row, 0), PQgetvalue(rows, row, 1));
}

static int read_named(struct rb_pg_target *target, struct named *named, struct rb_err *err)
{
	struct rb_buf key = RB_BUF(NAME_MAX_BYTES);
	int rc = rb_pg_query(&target->conn, named_sql, &named->rows, err);

	if (rc == RB_OK)
		rc = rb_map_new(sizeof(int), &named->by_name, err);
	if (rc == RB_OK)
		rc = rb_map_new(sizeof(int), &named->by_number, err);
	for (int row = 0; rc == RB_OK && row < PQntuples(named->rows); row++) {
		const char *kind = PQgetvalue(named->rows, row, NAMED_KIND);

		rb_buf_clear(&key);
		rc = rb_buf_add(&key, kind, strlen(kind) + 1, err);
		if (rc == RB_OK)
			rc = add_object_name(named->rows, row, &key, err);
		if (rc == RB_OK)
			rc = rb_map_put(named->by_name, key.data, key.len, &row, err);
		rb_buf_clear(&key);
		if (rc == RB_OK)
			rc = add_number(named->rows, row, &key, err);
		if (rc == RB_OK)
			rc = rb_map_put(named->by_number, key.data, key.len, &row, err);
	}
	rb_buf_release(&key);
	return rc;
}

/* The query for what is to be dropped; nothing where the server keeps no record of it. */
static int add_query(const struct named *named, const struct rb_catalog *dropped,
                     struct rb_buf *sql, struct rb_err *err)
{
	struct rb_buf classes = RB_BUF(RB_PG_SQL_MAX);
	struct rb_buf numbers = RB_BUF(RB_PG_SQL_MAX);
	struct rb_buf key = RB_BUF(RB_PG_SCHEMA_MAX);
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < dropped->object_count; i++) {
		const char *comma = classes.len > 0 ? "," : "";
		const int *row;

		rb_buf_clear(&key);
		rc = rb_pg_object_key(&dropped->objects[i], &key, err);
		row = rc == RB_OK ? rb_map_get(named->by_name, key.data, key.len) : NULL;
		if (!row)
			continue;
		rc = rb_buf_addf(&classes, err, "%s%s", comma,
		                 PQgetvalue(named->rows, *row, NAMED_CLASS));
		if (rc == RB_OK)
			rc = rb_buf_addf(&numbers, err, "%s%s", comma,
			                 PQgetvalue(named->rows, *row, NAMED_OID));
	}
	if (rc == RB_OK && classes.len > 0)
		rc = rb_buf_addf(sql, err, closure_sql, rb_buf_str(&classes), rb_buf_str(&numbers));
	rb_buf_release(&classes);
	rb_buf_release(&numbers);
	rb_buf_release(&key);
	return rc;
}

/* Tell of one that has a name. */
static int tell_named(const struct named *named, int row, struct rb_dependent *dependent,
                      rb_dependent_fn *fn, void *ctx, struct rb_err *err)
{
	struct rb_buf name = RB_BUF(NAME_MAX_BYTES);
	const char *on = PQgetvalue(named->rows, row, NAMED_TABLE);
	char *table = NULL;
	int rc = add_object_name(named->rows, row, &name, err);

	if (rc == RB_OK && *on)
		rc = rb_pg_table_name(PQgetvalue(named->rows, row, NAMED_TABLE_SCHEMA), on, &table,
		                      err);
	dependent->kind = PQgetvalue(named->rows, row, NAMED_KIND);
	dependent->name = rb_buf_str(&name);
	dependent->table = table;
	if (rc == RB_OK)
		rc = fn(ctx, dependent, err);
	/* That it belongs to an index of another table goes with it. */
	if (rc == RB_OK && strcmp(dependent->kind, "index") == 0) {
		dependent->kind = "index attach";
		dependent->is_part = true;
		rc = fn(ctx, dependent, err);
	}
	free(table);
	rb_buf_release(&name);
	return rc;
}

static int tell_all(const struct named *named, const PGresult *gone, rb_dependent_fn *fn, void *ctx,
                    struct rb_err *err)
{
	struct rb_buf key = RB_BUF(NAME_MAX_BYTES);
	int rc = RB_OK;

	for (int i = 0; rc == RB_OK && i < PQntuples(gone); i++) {
		struct rb_dependent dependent = {
		        .what = PQgetvalue(gone, i, GONE_WHAT),
		        .is_forced = *PQgetvalue(gone, i, GONE_FORCED) == 't',
		        .is_part = *PQgetvalue(gone, i, GONE_PART) == 't',
		};
		const int *row;

		rb_buf_clear(&key);
		rc = add_number(gone, i, &key, err);
		row = rc == RB_OK ? rb_map_get(named->by_number, key.data, key.len) : NULL;
		if (row)
			rc = tell_named(named, *row, &dependent, fn, ctx, err);
		else if (rc == RB_OK)
			rc = fn(ctx, &dependent, err);
	}
	rb_buf_release(&key);
	return rc;
}

static int ask(struct rb_pg_target *target, const struct rb_catalog *dropped, rb_dependent_fn *fn,
               void *ctx, struct rb_err *err)
{
	struct rb_buf sql = RB_BUF(2 * RB_PG_SQL_MAX + sizeof(closure_sql));
	struct named named = {.rows = NULL};
	PGresult *gone = NULL;
	int rc = read_named(target, &named, err);

	if (rc == RB_OK)
		rc = add_query(&named, dropped, &sql, err);
	if (rc == RB_OK && sql.len > 0)
		rc = rb_pg_query(&target->conn, rb_buf_str(&sql), &gone, err);
	if (rc == RB_OK && gone)
		rc = tell_all(&named, gone, fn, ctx, err);
	PQclear(gone);
	PQclear(named.rows);
	rb_map_free(named.by_name);
	rb_map_free(named.by_number);
	rb_buf_release(&sql);
	return rc;
}

int rb_pg_target_dependents(struct rb_target *base, const struct rb_catalog *dropped,
                            rb_dependent_fn *fn, void *ctx, struct rb_err *err)
{
	/* base is the first member of a target. */
	struct rb_pg_target *target = (struct rb_pg_target *)base;
	bool is_idle = PQtransactionStatus(target->conn.pg) == PQTRANS_IDLE;
	int rc = RB_OK;
	int ended = RB_OK;

	/* Both queries are to see the same, and types' names with their schemas. */
	if (is_idle)
		rc = rb_pg_exec(&target->conn, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY",
		                err);
	if (is_idle && rc == RB_OK)
		rc = rb_pg_pin(&target->conn, err);
	if (rc == RB_OK)
		rc = ask(target, dropped, fn, ctx, err);
	if (is_idle && PQtransactionStatus(target->conn.pg) != PQTRANS_IDLE)
		ended = rb_pg_exec(&target->conn, "ROLLBACK", rc == RB_OK ? err : NULL);
	return rc < 0 ? rc : ended;
}
