/*
 * See postgres_priv.h: the snapshot, and rows in key order.
 *
 * Rows come by COPY, as many at a time as the network brings: neither the table nor the
 * transaction's memory grows here.  Each table is read behind a savepoint, so that one which
 * cannot be read leaves the snapshot for the others.
 */
#include <stdlib.h>
#include <string.h>

#include "rowback/base/cancel.h"
#include "rowback/value/key.h"
#include "schema_priv.h"

/* How often a snapshot is taken anew because tables were truncated right behind it. */
#define SNAPSHOTS_MAX 3

/* How often it is tried to get back to a savepoint. */
#define BACK_TRIES 3

/* Back to where the table was begun, which gives back its lock when it had none before. */
#define LET_GO "ROLLBACK TO SAVEPOINT rowback_read; RELEASE SAVEPOINT rowback_read"

/* Reading of one table. */
struct reading {
	struct rb_pg_conn *conn;
	const struct rb_table *table;
	const struct rb_row_sink *sink;
	const char **forms; /* of the stored columns */
	struct rb_value *values;
	size_t stored_count;
	size_t *key_positions; /* rb_table_key_positions() */
	uint64_t delivered;    /* rows given to the sink */
	bool is_int;           /* the key is one integer, which is not NULL */
	int64_t int_before;    /* of the row delivered last */
	struct rb_buf key;     /* of this row, and of the one before: where not is_int */
	struct rb_buf key_before;
	const struct rb_pg_part *part; /* what is wanted of the table; NULL: all rows */
	struct rb_buf text;            /* rb_pg_add_record() of this row, where wanted */
};

/* A key that does not come after the one before. */
static int order_broken(const struct reading *r, struct rb_err *err)
{
	rb_err_set(err, RB_E_INCOMPLETE,
	           "cannot read table '%s': rows are out of order, or two have the same key",
	           r->table->name);
	rb_err_hint(err, "an index may be damaged: see what amcheck says of it");
	return RB_E_INCOMPLETE;
}

/* Hold a row against the one before. */
static int check_order(struct reading *r, struct rb_err *err)
{
	struct rb_buf swap = r->key_before;
	int order;
	int rc;

	if (r->is_int) {
		int64_t key = r->values[r->key_positions[0]].u.i;

		if (r->delivered > 0 && key <= r->int_before)
			return order_broken(r, err);
		r->int_before = key;
		return RB_OK;
	}
	r->key_before = r->key;
	r->key = swap;
	rb_buf_clear(&r->key);
	rc = rb_key_of_row(r->values, r->key_positions, r->table->key_count, &r->key, err);
	if (rc < 0 || r->delivered == 0)
		return rc;
	order = rb_key_compare(r->key_before.data, r->key_before.len, r->key.data, r->key.len);
	return order > 0 || (order == 0 && !r->table->key_may_repeat) ? order_broken(r, err)
	                                                              : RB_OK;
}

/*
 * What one table's failure means: it is named, and the others are read, unless the connection
 * is gone, the server has no room, or somebody wants to stop.
 */
static int read_failed(struct reading *r, const PGresult *result, struct rb_err *err)
{
	int rc = rb_pg_fail(r->conn, result, err, "cannot read table '%s'", r->table->name);

	if (rc == RB_E_CANCELLED || rc == RB_E_NOMEM || PQstatus(r->conn->pg) != CONNECTION_OK ||
	    rb_pg_state_is(r->conn, "53100") || rb_pg_state_is(r->conn, "57P"))
		return rc;
	if (err)
		err->status = RB_E_INCOMPLETE;
	if (rb_pg_state_is(r->conn, "42501"))
		rb_err_hint(err, "the role needs USAGE of its schema and SELECT on it, and "
		                 "BYPASSRLS where row-level security hides rows from it; or leave "
		                 "it out by the source's exclude");
	return RB_E_INCOMPLETE;
}

/* Give on the text of a row, for whom it is to be. */
static int give_text(struct reading *r, const char *line, size_t len, struct rb_err *err)
{
	int rc;

	if (!r->sink->text)
		return RB_OK;
	rb_buf_clear(&r->text);
	rc = rb_pg_add_record(line, len, r->stored_count, &r->text, err);
	return rc < 0 ? rc : r->sink->text(r->sink->ctx, r->text.data, r->text.len, err);
}

/* Take a row apart and give it on. */
static int take_line(struct reading *r, char *line, int len, struct rb_err *err)
{
	int rc = RB_OK;

	if (r->part && r->part->groups)
		return rb_pg_take_group(line, (size_t)len, r->part->groups, err);
	rc = give_text(r, line, (size_t)len, err);
	if (rc == RB_OK)
		rc = rb_pg_copy_line(line, (size_t)len, r->forms, r->stored_count, r->values, err);
	if (rc < 0) {
		rb_err_wrap(err, rc, "cannot read table '%s'", r->table->name);
		return rc;
	}
	rc = check_order(r, err);
	if (rc == RB_OK)
		rc = r->sink->row(r->sink->ctx, r->values, err);
	r->delivered++;
	return rc;
}

/* All rows of a COPY that began. */
static int take_rows(struct reading *r, struct rb_err *err)
{
	char *line = NULL;
	int len;
	int rc = RB_OK;

	while (rc == RB_OK && (len = PQgetCopyData(r->conn->pg, &line, 1)) >= 0) {
		if (len == 0) {
			rc = rb_pg_wait(r->conn, err);
			continue;
		}
		rc = rb_cancel_check(err);
		if (rc == RB_OK)
			rc = take_line(r, line, len, err);
		PQfreemem(line);
		line = NULL;
	}
	/* Why a COPY ended is in its result, which follows. */
	return rc;
}

static int not_the_snapshots(const struct reading *r, struct rb_err *err)
{
	rb_err_set(err, RB_E_INCOMPLETE,
	           "cannot read table '%s': it was truncated, written anew or dropped after the "
	           "snapshot was taken",
	           r->table->name);
	rb_err_hint(err, "try again when the migration is done");
	return RB_E_INCOMPLETE;
}

/* One result of the statements that read a table. */
static int take_result(struct reading *r, const PGresult *result, struct rb_err *err)
{
	switch (PQresultStatus(result)) {
	case PGRES_COPY_OUT:
		return take_rows(r, err);
	case PGRES_TUPLES_OK:
		/* What rb_pg_add_lock() asks. */
		return PQntuples(result) == 1 && rb_pg_flag(result, 0, 0)
		               ? RB_OK
		               : not_the_snapshots(r, err);
	case PGRES_COMMAND_OK:
		return RB_OK;
	default:
		return read_failed(r, result, err);
	}
}

/* Send statements and take all they give; back at the savepoint when they fail. */
static int run(struct reading *r, const char *sql, struct rb_err *err)
{
	struct rb_err lost = {0};
	PGresult *result = NULL;
	int back;
	int rc = rb_pg_send(r->conn, sql, err);

	if (rc < 0)
		return rc;
	while (rc == RB_OK) {
		rc = rb_pg_next(r->conn, &result, err);
		if (rc < 0 || !result)
			break;
		rc = take_result(r, result, err);
		PQclear(result);
	}
	if (rc == RB_OK)
		return RB_OK;
	rb_pg_discard(r->conn);
	if (PQstatus(r->conn->pg) != CONNECTION_OK || !r->conn->read_only)
		return rc;
	back = rb_pg_exec(r->conn, LET_GO, &lost);
	/* Without a way back no other table can be read. */
	if (back < 0 && rc == RB_E_INCOMPLETE) {
		rc = back;
		if (err)
			*err = lost;
	}
	return rc;
}

/*
 * COPY of one SELECT.  A target's table that cannot be read ends its transaction; there, each
 * savepoint would cost the server a look at all tables that were made.
 */
static int read_select(struct reading *r, const char *lock, const char *select, struct rb_err *err)
{
	struct rb_buf sql = RB_BUF(RB_PG_SQL_MAX);
	bool is_source = r->conn->read_only;
	int rc = rb_buf_addf(&sql, err, "%s%sCOPY (%s) TO STDOUT%s",
	                     is_source ? "SAVEPOINT rowback_read; " : "", lock, select,
	                     is_source ? "; " LET_GO : "");

	if (rc == RB_OK)
		rc = run(r, rb_buf_str(&sql), err);
	rb_buf_release(&sql);
	return rc;
}

/* Whether somebody held the table when all were locked: its definition is not known then. */
static int check_held(const struct reading *r, struct rb_err *err)
{
	const char *name = r->table->name;

	if (!r->conn->unlocked || !rb_map_get(r->conn->unlocked, name, strlen(name)))
		return RB_OK;
	rb_err_set(err, RB_E_INCOMPLETE,
	           "cannot read table '%s': another session holds a lock on it", name);
	rb_err_hint(err, "try again when the migration is done; rowback.busyTimeout waits longer");
	return RB_E_INCOMPLETE;
}

static int read_table(struct reading *r, struct rb_err *err)
{
	struct rb_buf select = RB_BUF(RB_PG_SQL_MAX);
	struct rb_buf lock = RB_BUF(RB_PG_SQL_MAX);
	int rc = check_held(r, err);

	if (rc == RB_OK)
		rc = rb_pg_add_lock(&lock, r->table->name, err);
	if (rc == RB_OK && r->part) {
		rc = rb_pg_add_part(r->conn, r->table, r->part, &lock, &select, err);
		if (rc == RB_OK)
			rc = read_select(r, rb_buf_str(&lock), rb_buf_str(&select), err);
		goto out;
	}
	if (rc == RB_OK)
		rc = rb_buf_adds(&select, "SELECT ", err);
	if (rc == RB_OK)
		rc = rb_pg_add_columns(&select, r->table, err);
	if (rc == RB_OK)
		rc = rb_buf_adds(&select, " FROM ONLY ", err);
	if (rc == RB_OK)
		rc = rb_pg_add_table(&select, r->table->name, err);
	if (rc == RB_OK)
		rc = rb_buf_addf(&select, err, " %s", rb_pg_condition(r->conn, r->table->name));
	if (rc == RB_OK)
		rc = rb_pg_add_order(r->conn, r->table, &select, err);
	if (rc == RB_OK)
		rc = read_select(r, rb_buf_str(&lock), rb_buf_str(&select), err);
out:
	rb_buf_release(&select);
	rb_buf_release(&lock);
	return rc;
}

/*
 * Read a part, after which the table may be read whole, however it ended: a sink that refuses a
 * row does so at any time, be it after the server let go of the table by itself.  So there is a
 * savepoint around that one.  A request to stop may hit what is sent next, too.
 */
static int read_part(struct reading *r, struct rb_err *err)
{
	struct rb_err lost = {0};
	int back = RB_E_IO;
	int rc = rb_pg_exec(r->conn, "SAVEPOINT rowback_part", err);

	if (rc < 0)
		return rc;
	rc = read_table(r, err);
	for (int i = 0; i < BACK_TRIES && back < 0 && PQstatus(r->conn->pg) == CONNECTION_OK; i++)
		back = rb_pg_exec(r->conn,
		                  "ROLLBACK TO SAVEPOINT rowback_part; "
		                  "RELEASE SAVEPOINT rowback_part",
		                  &lost);
	if (back == RB_OK || rc == RB_E_CANCELLED)
		return rc;
	if (err && *lost.msg)
		*err = lost;
	return *lost.msg ? back : rc;
}

static int read_system(struct reading *r, struct rb_err *err)
{
	struct rb_pg_statements statements = {0};
	int rc = rb_pg_system_statements(r->conn, r->table->name, &statements, err);

	for (size_t i = 0; i < statements.count && rc == RB_OK; i++)
		rc = read_select(r, "", statements.list[i], err);
	rb_pg_statements_release(&statements);
	return rc;
}

/* What a table's columns and key are, once for all rows. */
static int prepare(struct reading *r, struct rb_err *err)
{
	const struct rb_table *table = r->table;

	r->forms = calloc(table->column_count + 1, sizeof(*r->forms));
	r->values = calloc(table->column_count + 1, sizeof(*r->values));
	r->key_positions = calloc(table->key_count + 1, sizeof(*r->key_positions));
	if (!r->forms || !r->values || !r->key_positions)
		return rb_err_set(err, RB_E_NOMEM, "no memory to read table '%s'", table->name);
	rb_table_key_positions(table, r->key_positions);
	for (size_t i = 0; i < table->column_count; i++) {
		if (!table->columns[i].form)
			return rb_err_set(
			        err, RB_E_UNSUPPORTED,
			        "table '%s' is none of PostgreSQL: column '%s' has no form",
			        table->name, table->columns[i].name);
		if (rb_column_is_stored(&table->columns[i]))
			r->forms[r->stored_count++] = table->columns[i].form;
	}
	r->is_int = table->key_count == 1 && !table->key_may_repeat &&
	            table->columns[table->key[0]].not_null &&
	            strcmp(table->columns[table->key[0]].form, "int") == 0;
	return RB_OK;
}

int rb_pg_read(struct rb_pg_conn *conn, const struct rb_table *table, const struct rb_pg_part *part,
               const struct rb_row_sink *sink, struct rb_err *err)
{
	struct reading r = {.conn = conn,
	                    .table = table,
	                    .sink = sink,
	                    .part = part,
	                    .key = RB_BUF(SIZE_MAX / 4),
	                    .key_before = RB_BUF(SIZE_MAX / 4),
	                    .text = RB_BUF(SIZE_MAX / 4)};
	int rc = prepare(&r, err);

	if (rc == RB_OK && part)
		rc = read_part(&r, err);
	else if (rc == RB_OK)
		rc = table->kind == RB_TABLE_SYSTEM ? read_system(&r, err) : read_table(&r, err);
	free(r.forms);
	free(r.values);
	free(r.key_positions);
	rb_buf_release(&r.key);
	rb_buf_release(&r.key_before);
	rb_buf_release(&r.text);
	return rc;
}

void rb_pg_source_over(struct rb_pg_source *source, struct rb_pg_conn *conn)
{
	source->base.adapter = &rb_adapter_postgres;
	source->conn = conn;
}

/* The engine's own struct; base is its first member. */
static struct rb_pg_source *own(struct rb_source *source)
{
	return (struct rb_pg_source *)source;
}

/* Free a URL, which may hold a password.  Volatile: the writes must not be left out. */
static void wipe(char *url)
{
	for (volatile char *c = url; c && *c; c++)
		*c = '\0';
	free(url);
}

int rb_pg_source_open(const struct rb_open_opts *opts, struct rb_source **out, struct rb_err *err)
{
	const struct rb_pg_open_opts how = {.url = opts->url,
	                                    .lock_timeout_ms = opts->busy_timeout_ms,
	                                    .read_only = true,
	                                    .schemas = opts->schemas};
	struct rb_pg_source *source = calloc(1, sizeof(*source));
	int rc;

	if (!source)
		return rb_err_set(err, RB_E_NOMEM, "no memory to open a database");
	rb_pg_source_over(source, &source->own);
	source->url = strdup(opts->url);
	rc = source->url ? rb_pg_open(&source->own, &how, err)
	                 : rb_err_set(err, RB_E_NOMEM, "no memory to open a database");
	if (rc == RB_OK)
		rc = rb_pg_begin(&source->own, err);
	if (rc < 0) {
		rb_pg_source_close(&source->base);
		return rc;
	}
	*out = &source->base;
	return RB_OK;
}

void rb_pg_source_close(struct rb_source *source)
{
	if (!source)
		return;
	rb_pg_close(&own(source)->own);
	wipe(own(source)->url);
	free(source);
}

int rb_pg_source_share(struct rb_source *base, struct rb_source **out, struct rb_err *err)
{
	struct rb_pg_source *from = own(base);
	struct rb_pg_open_opts how = {.url = from->url,
	                              .lock_timeout_ms = from->own.lock_timeout_ms,
	                              .read_only = true,
	                              .schemas = from->own.schemas};
	struct rb_pg_source *source;
	int rc;

	/* What a target has not committed, nobody else sees. */
	if (from->conn != &from->own)
		return rb_err_set(err, RB_E_UNSUPPORTED, "a target is read alone");
	source = calloc(1, sizeof(*source));
	if (!source)
		return rb_err_set(err, RB_E_NOMEM, "no memory to open a database");
	rb_pg_source_over(source, &source->own);
	rc = rb_pg_open(&source->own, &how, err);
	if (rc == RB_OK)
		rc = rb_pg_begin_as(&source->own, &from->own, err);
	if (rc < 0) {
		rb_pg_source_close(&source->base);
		return rc;
	}
	source->own.borrows = true;
	source->own.conditions = from->own.conditions;
	source->own.unlocked = from->own.unlocked;
	*out = &source->base;
	return RB_OK;
}

int rb_pg_source_fingerprint(struct rb_source *source, struct rb_buf *out, struct rb_err *err)
{
	/* A target's own connection writes: nothing is proved of that. */
	if (own(source)->conn != &own(source)->own)
		return RB_OK;
	return rb_pg_fingerprint(own(source)->conn, out, err);
}

/* A target's tables are its own: nobody else changes them. */
static int lock_tables(struct rb_pg_source *source, struct rb_catalog **catalog, struct rb_err *err)
{
	struct rb_pg_conn *conn = source->conn;
	bool moved = true;
	int rc = RB_OK;

	for (int i = 0; i < SNAPSHOTS_MAX && rc == RB_OK && moved; i++) {
		rb_catalog_free(*catalog);
		*catalog = NULL;
		if (i > 0)
			rc = rb_pg_begin(conn, err);
		if (rc == RB_OK)
			rc = rb_pg_catalog(conn, catalog, err);
		if (rc == RB_OK)
			rc = rb_pg_lock(conn, *catalog, &moved, err);
	}
	/* What moves still is named when it is read. */
	return rc;
}

int rb_pg_source_catalog(struct rb_source *source, struct rb_catalog **out, struct rb_err *err)
{
	struct rb_catalog *catalog = NULL;
	int rc;

	if (own(source)->conn == &own(source)->own)
		rc = lock_tables(own(source), &catalog, err);
	else
		rc = rb_pg_catalog(own(source)->conn, &catalog, err);
	/* pg_dump does not see what a target has not committed. */
	if (rc == RB_OK)
		rc = own(source)->objects ? rb_pg_copy_objects(own(source)->objects, catalog, err)
		                          : rb_pg_read_objects(own(source)->conn, catalog, err);
	if (rc < 0) {
		rb_catalog_free(catalog);
		return rc;
	}
	*out = catalog;
	return RB_OK;
}

int rb_pg_source_schema_sql(struct rb_source *source, const struct rb_catalog *catalog,
                            struct rb_buf *out, struct rb_err *err)
{
	(void)source;
	return rb_pg_schema_sql(catalog, out, err);
}

int rb_pg_source_read(struct rb_source *source, const struct rb_table *table,
                      const struct rb_row_sink *sink, struct rb_err *err)
{
	return rb_pg_read(own(source)->conn, table, NULL, sink, err);
}
