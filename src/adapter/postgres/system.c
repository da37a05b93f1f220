/*
 * See postgres_priv.h: sequences and large objects as tables.
 *
 * A sequence's position is no part of a snapshot: what is read is what it is when it is read,
 * never behind what the rows have.
 */
#include <stdlib.h>
#include <string.h>

#include "postgres_priv.h"

/* Sequences that one statement reads. */
#define SEQUENCE_BATCH 200

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory for sequences or large objects");
}

struct system_column {
	const char *name;
	const char *type;
	const char *form;
};

static int add_column(struct rb_table *out, const struct system_column *from, struct rb_err *err)
{
	struct rb_column *column = &out->columns[out->column_count++];

	column->name = strdup(from->name);
	column->type = strdup(from->type);
	column->form = strdup(from->form);
	column->not_null = true;
	return column->name && column->type && column->form ? RB_OK : no_memory(err);
}

int rb_pg_system_table(const char *name, struct rb_table *out, struct rb_err *err)
{
	static const struct system_column sequences[] = {
	        {"sequence", "text", "text"},
	        {"last_value", "bigint", "int"},
	        {"is_called", "boolean", "bool"},
	};
	static const struct system_column large_objects[] = {
	        {"loid", "oid", "int"},
	        {"pageno", "bigint", "int"},
	        {"data", "bytea", "blob"},
	};
	bool is_sequences = strcmp(name, RB_PG_SEQUENCES) == 0;
	const struct system_column *columns = is_sequences ? sequences : large_objects;
	int rc = RB_OK;

	out->kind = RB_TABLE_SYSTEM;
	out->name = strdup(name);
	out->options = strdup("");
	out->columns = calloc(3, sizeof(*out->columns));
	out->key = calloc(2, sizeof(*out->key));
	if (!out->name || !out->options || !out->columns || !out->key)
		rc = no_memory(err);
	for (size_t i = 0; i < 3 && rc == RB_OK; i++)
		rc = add_column(out, &columns[i], err);
	if (rc < 0) {
		rb_table_release(out);
		return rc;
	}
	out->key_kind = RB_KEY_PRIMARY;
	out->key_count = is_sequences ? 1 : 2;
	out->key[1] = is_sequences ? 0 : 1;
	return RB_OK;
}

static int list_sequences(struct rb_pg_conn *conn, PGresult **out, struct rb_err *err)
{
	struct rb_buf sql = RB_BUF(RB_PG_SQL_MAX);
	int rc = rb_buf_adds(&sql,
	                     "SELECT n.nspname, c.relname FROM pg_class c"
	                     " JOIN pg_namespace n ON n.oid = c.relnamespace"
	                     " WHERE c.relkind = 'S' AND c.relpersistence <> 't'"
	                     " AND NOT EXISTS (SELECT FROM pg_depend d"
	                     " WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid"
	                     " AND d.objsubid = 0 AND d.deptype = 'e') AND ",
	                     err);

	if (rc == RB_OK)
		rc = rb_pg_add_schemas(conn, &sql, NULL, err);
	if (rc == RB_OK)
		rc = rb_pg_query(conn, rb_buf_str(&sql), out, err);
	rb_buf_release(&sql);
	return rc;
}

int rb_pg_has_sequences(struct rb_pg_conn *conn, bool *out, struct rb_err *err)
{
	PGresult *result = NULL;
	int rc = list_sequences(conn, &result, err);

	*out = rc == RB_OK && PQntuples(result) > 0;
	PQclear(result);
	return rc;
}

static int compare_strings(const void *a, const void *b)
{
	char *const *left = a;
	char *const *right = b;

	return strcmp(*left, *right);
}

static void free_strings(char **strings, size_t count)
{
	for (size_t i = 0; strings && i < count; i++)
		free(strings[i]);
	free(strings);
}

void rb_pg_statements_release(struct rb_pg_statements *statements)
{
	free_strings(statements->list, statements->count);
	memset(statements, 0, sizeof(*statements));
}

static int add_statement(struct rb_pg_statements *out, struct rb_buf *sql, struct rb_err *err)
{
	out->list[out->count] = rb_buf_detach(sql);
	return out->list[out->count++] ? RB_OK : no_memory(err);
}

/* One statement for some sequences. */
static int select_sequences(char *const *names, size_t count, struct rb_buf *sql,
                            struct rb_err *err)
{
	const char *before = "SELECT * FROM (SELECT ";
	int rc = RB_OK;

	for (size_t i = 0; i < count && rc == RB_OK; i++) {
		rc = rb_buf_adds(sql, before, err);
		if (rc == RB_OK)
			rc = rb_pg_add_literal(sql, names[i], err);
		if (rc == RB_OK)
			rc = rb_buf_adds(sql, "::text, last_value, is_called FROM ", err);
		if (rc == RB_OK)
			rc = rb_pg_add_table(sql, names[i], err);
		before = " UNION ALL SELECT ";
	}
	if (rc == RB_OK)
		rc = rb_buf_adds(sql, ") s(sequence) ORDER BY sequence COLLATE \"C\"", err);
	return rc;
}

static int sequence_statements(struct rb_pg_conn *conn, struct rb_pg_statements *out,
                               struct rb_err *err)
{
	struct rb_buf sql = RB_BUF(RB_PG_SQL_MAX);
	PGresult *result = NULL;
	char **names = NULL;
	size_t count = 0;
	int rc = list_sequences(conn, &result, err);

	if (rc < 0)
		goto out;
	count = (size_t)PQntuples(result);
	names = calloc(count + 1, sizeof(*names));
	out->list = calloc(count / SEQUENCE_BATCH + 1, sizeof(*out->list));
	if (!names || !out->list)
		rc = no_memory(err);
	for (size_t i = 0; i < count && rc == RB_OK; i++)
		rc = rb_pg_table_name(PQgetvalue(result, (int)i, 0), PQgetvalue(result, (int)i, 1),
		                      &names[i], err);
	if (rc == RB_OK && count > 0)
		qsort(names, count, sizeof(*names), compare_strings);
	for (size_t i = 0; i < count && rc == RB_OK; i += SEQUENCE_BATCH) {
		rc = select_sequences(names + i,
		                      count - i < SEQUENCE_BATCH ? count - i : SEQUENCE_BATCH, &sql,
		                      err);
		if (rc == RB_OK)
			rc = add_statement(out, &sql, err);
	}
out:
	free_strings(names, count);
	PQclear(result);
	rb_buf_release(&sql);
	return rc;
}

/* 262144 is INV_READ, 2 is SEEK_END: an object's size, which no other function tells. */
static int large_object_statement(struct rb_pg_statements *out, struct rb_err *err)
{
	struct rb_buf sql = RB_BUF(RB_PG_SQL_MAX);
	long long page = RB_PG_LO_PAGE;
	int rc = rb_buf_addf(&sql, err,
	                     "SELECT m.oid, p.no, lo_get(m.oid, p.no * %lld, %lld)"
	                     " FROM pg_largeobject_metadata m CROSS JOIN LATERAL"
	                     " (SELECT lo_lseek64(lo_open(m.oid, 262144), 0, 2)) s(size)"
	                     " CROSS JOIN LATERAL"
	                     " generate_series(0, greatest(s.size - 1, 0) / %lld) p(no)"
	                     " ORDER BY m.oid, p.no",
	                     page, page, page);

	out->list = calloc(1, sizeof(*out->list));
	if (rc == RB_OK && !out->list)
		rc = no_memory(err);
	if (rc == RB_OK)
		rc = add_statement(out, &sql, err);
	rb_buf_release(&sql);
	return rc;
}

int rb_pg_system_statements(struct rb_pg_conn *conn, const char *name, struct rb_pg_statements *out,
                            struct rb_err *err)
{
	int rc;

	memset(out, 0, sizeof(*out));
	if (strcmp(name, RB_PG_SEQUENCES) == 0)
		rc = sequence_statements(conn, out, err);
	else if (strcmp(name, RB_PG_LARGE_OBJECTS) == 0)
		rc = large_object_statement(out, err);
	else
		rc = rb_err_set(err, RB_E_UNSUPPORTED, "'%s' is no table of PostgreSQL's own",
		                name);
	if (rc < 0)
		rb_pg_statements_release(out);
	return rc;
}
