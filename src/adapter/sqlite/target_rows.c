/*
 * See adapter.h and target_priv.h: writing the rows of one table.
 *
 * One prepared INSERT, its parameters pointing at the caller's bytes, or one for many rows
 * (target_feed.c).  Before a value is given away it is compared with what its column would make of
 * it (see fits()); the first one that would not stay as it is puts the table under a loose
 * definition (target_loose.c).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "target_priv.h"

/* What a column does to values.  source: sqlite.org/datatype3.html#type_affinity */
enum affinity { AFFINITY_BLOB, AFFINITY_TEXT, AFFINITY_NUMERIC, AFFINITY_REAL };

static struct rb_sqlite_target *target_of(struct rb_target *base)
{
	return (struct rb_sqlite_target *)base;
}

static bool contains(const char *type, const char *word)
{
	for (; *type; type++)
		if (strncasecmp(type, word, strlen(word)) == 0)
			return true;
	return false;
}

/* The rules in their order; INTEGER converts as NUMERIC does. */
static enum affinity affinity_of(const char *type)
{
	if (!type || !*type)
		return AFFINITY_BLOB;
	if (contains(type, "INT"))
		return AFFINITY_NUMERIC;
	if (contains(type, "CHAR") || contains(type, "CLOB") || contains(type, "TEXT"))
		return AFFINITY_TEXT;
	if (contains(type, "BLOB"))
		return AFFINITY_BLOB;
	if (contains(type, "REAL") || contains(type, "FLOA") || contains(type, "DOUB"))
		return AFFINITY_REAL;
	return AFFINITY_NUMERIC;
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static size_t count_digits(const char *text, size_t len, size_t from)
{
	size_t at = from;

	while (at < len && text[at] >= '0' && text[at] <= '9')
		at++;
	return at - from;
}

/* Whether SQLite takes a text for a number: "12", " +.5e-3 "; not "1e", "0x1", "". */
static bool looks_numeric(const char *text, size_t len)
{
	size_t digits;
	size_t at = 0;

	while (at < len && is_space(text[at]))
		at++;
	if (at < len && (text[at] == '+' || text[at] == '-'))
		at++;
	digits = count_digits(text, len, at);
	at += digits;
	if (at < len && text[at] == '.') {
		size_t fraction = count_digits(text, len, at + 1);

		at += 1 + fraction;
		digits += fraction;
	}
	if (digits == 0)
		return false;
	if (at < len && (text[at] == 'e' || text[at] == 'E')) {
		at++;
		if (at < len && (text[at] == '+' || text[at] == '-'))
			at++;
		digits = count_digits(text, len, at);
		if (digits == 0)
			return false;
		at += digits;
	}
	while (at < len && is_space(text[at]))
		at++;
	return at == len;
}

/* Whether SQLite makes an integer of a real: 5.0 and -0.0, not 5.5 or 1e300. */
static bool is_integral(double real)
{
	return real >= -0x1p63 && real < 0x1p63 && (double)(int64_t)real == real;
}

/* Whether a column gives back what is put into it. */
static bool fits(enum affinity affinity, bool not_null, const struct rb_value *value)
{
	switch (value->kind) {
	case RB_VALUE_NULL:
		return !not_null;
	case RB_VALUE_INT:
		return affinity == AFFINITY_BLOB || affinity == AFFINITY_NUMERIC;
	case RB_VALUE_REAL:
		if (affinity == AFFINITY_NUMERIC)
			return !is_integral(value->u.r);
		/* Stored as the integer 0, which has no sign. */
		if (affinity == AFFINITY_REAL)
			return fpclassify(value->u.r) != FP_ZERO || !signbit(value->u.r);
		return affinity == AFFINITY_BLOB;
	case RB_VALUE_TEXT:
		return affinity == AFFINITY_BLOB || affinity == AFFINITY_TEXT ||
		       !looks_numeric(value->u.bytes.data, value->u.bytes.len);
	default:
		return true;
	}
}

static const char *kind_name(const struct rb_value *value)
{
	switch (value->kind) {
	case RB_VALUE_NULL:
		return "NULL";
	case RB_VALUE_INT:
		return "an integer";
	case RB_VALUE_REAL:
		return "a real number that is whole";
	default:
		return "text that looks like a number";
	}
}

bool rb_sqlite_rows_fit(const struct rb_sqlite_rows *rows, size_t position,
                        const struct rb_value *value)
{
	return fits((enum affinity)rows->affinity[position], rows->not_null[position], value);
}

/* SQLite knows the columns of a virtual table once its module was asked for it. */
static int ask_module(struct rb_sqlite_target *target, const char *table, struct rb_err *err)
{
	struct rb_buf sql = RB_BUF(SIZE_MAX / 4);
	sqlite3_stmt *stmt = NULL;
	int rc = rb_buf_adds(&sql, "SELECT 1 FROM main.", err);

	if (rc == RB_OK)
		rc = rb_sqlite_add_name(&sql, table, err);
	/* Without its module the columns are missing, and that is told of. */
	if (rc == RB_OK)
		sqlite3_prepare_v2(target->conn.db, rb_buf_str(&sql), -1, &stmt, NULL);
	sqlite3_finalize(stmt);
	rb_buf_release(&sql);
	return rc;
}

/* Ask SQLite what the target's own columns are: the backup's may be declared otherwise. */
static int read_columns(struct rb_sqlite_target *target, struct rb_err *err)
{
	struct rb_sqlite_rows *rows = &target->rows;
	const struct rb_table *table = rows->table;
	bool converts = table->kind != RB_TABLE_VIRTUAL && !strstr(table->options, "STRICT");
	size_t position = 0;

	if (table->kind == RB_TABLE_VIRTUAL) {
		int rc = ask_module(target, table->name, err);

		if (rc < 0)
			return rc;
	}
	for (size_t i = 0; i < table->column_count; i++) {
		const struct rb_column *column = &table->columns[i];
		const char *type = NULL;
		int not_null = 0;
		int code;

		if (!rb_column_is_stored(column))
			continue;
		rows->affinity[position] = AFFINITY_BLOB;
		rows->not_null[position] = false;
		if (!column->is_rowid) {
			code = sqlite3_table_column_metadata(target->conn.db, "main", table->name,
			                                     column->name, &type, NULL, &not_null,
			                                     NULL, NULL);
			if ((code & 0xff) == SQLITE_ERROR && table->kind == RB_TABLE_VIRTUAL)
				return rb_err_set(err, RB_E_UNSUPPORTED,
				                  "cannot write rows of virtual table '%.200s': "
				                  "its module is not there, or has no column "
				                  "'%.200s'",
				                  table->name, column->name);
			if ((code & 0xff) == SQLITE_ERROR)
				return rb_err_set(err, RB_E_UNSUPPORTED,
				                  "table '%.200s' of '%s' has no column '%.200s'",
				                  table->name, target->path, column->name);
			if (code != SQLITE_OK)
				return rb_sqlite_fail(&target->conn, code, err, "table '%.200s'",
				                      table->name);
			rows->not_null[position] = not_null != 0;
			if (converts)
				rows->affinity[position] = (char)affinity_of(type);
		}
		position++;
	}
	return RB_OK;
}

/* Make the arrays of a table, and look at its columns. */
static int set_up(struct rb_sqlite_target *target, const struct rb_table *table, struct rb_err *err)
{
	struct rb_sqlite_rows *rows = &target->rows;
	size_t columns = table->column_count + 1;

	rows->table = table;
	rows->affinity = calloc(columns, sizeof(*rows->affinity));
	rows->not_null = calloc(columns, sizeof(*rows->not_null));
	rows->stored = calloc(columns, sizeof(*rows->stored));
	rows->by = calloc(columns, sizeof(*rows->by));
	if (!rows->affinity || !rows->not_null || !rows->stored || !rows->by)
		return rb_err_set(err, RB_E_NOMEM, "no memory to write table '%.200s'",
		                  table->name);
	rows->count = rb_table_stored_columns(table, rows->stored);
	rb_sqlite_delete_order(rows);
	return read_columns(target, err);
}

static void close_statements(struct rb_sqlite_rows *rows)
{
	sqlite3_finalize(rows->feed.insert);
	sqlite3_finalize(rows->insert);
	sqlite3_finalize(rows->remove);
	sqlite3_finalize(rows->remove_exact);
	rows->feed.insert = NULL;
	rows->insert = NULL;
	rows->remove = NULL;
	rows->remove_exact = NULL;
}

void rb_sqlite_rows_release(struct rb_sqlite_target *target)
{
	struct rb_sqlite_rows *rows = &target->rows;
	/* DEFENSIVE is off while rows are written: storage of virtual tables is written, too. */
	int *none = NULL;

	close_statements(rows);
	free(rows->affinity);
	free(rows->not_null);
	free(rows->stored);
	free(rows->by);
	free(rows->definition);
	rb_buf_release(&rows->text);
	memset(rows, 0, sizeof(*rows));
	target->stands_in = false;
	rb_buf_init(&rows->text, SIZE_MAX / 4);
	if (target->conn.db)
		sqlite3_db_config(target->conn.db, SQLITE_DBCONFIG_DEFENSIVE, 1, none);
}

/* A failure to compile a statement of ours is about what the table needs. */
int rb_sqlite_rows_prepare(struct rb_sqlite_target *target, struct rb_buf *sql, sqlite3_stmt **out,
                           struct rb_err *err)
{
	const char *name = target->rows.table->name;
	int code = sqlite3_prepare_v2(target->conn.db, rb_buf_str(sql), -1, out, NULL);

	if ((code & 0xff) == SQLITE_ERROR) {
		rb_err_set(err, RB_E_UNSUPPORTED, "cannot write rows of table '%.200s': %s", name,
		           sqlite3_errmsg(target->conn.db));
		rb_err_hint(err, "where the application has what is missing here, restore to a new "
		                 "database with --to");
		return RB_E_UNSUPPORTED;
	}
	if (code != SQLITE_OK)
		return rb_sqlite_fail(&target->conn, code, err,
		                      "cannot write rows of table '%.200s'", name);
	return RB_OK;
}

static int prepare_insert(struct rb_sqlite_target *target, struct rb_err *err)
{
	const struct rb_table *table = target->rows.table;
	struct rb_buf sql = RB_BUF(SIZE_MAX / 4);
	/* OR ABORT outweighs an ON CONFLICT of the table, which could drop rows silently. */
	int rc = rb_buf_adds(&sql, "INSERT OR ABORT INTO main.", err);

	if (rc == RB_OK)
		rc = rb_sqlite_add_name(&sql, table->name, err);
	if (rc == RB_OK)
		rc = rb_buf_adds(&sql, "(", err);
	if (rc == RB_OK)
		rc = rb_sqlite_add_columns(&sql, table, err);
	for (size_t i = 0; i < target->rows.count && rc == RB_OK; i++)
		rc = rb_buf_adds(&sql, i == 0 ? ") VALUES(?" : ", ?", err);
	if (rc == RB_OK)
		rc = rb_buf_adds(&sql, ")", err);
	if (rc == RB_OK)
		rc = rb_sqlite_rows_prepare(target, &sql, &target->rows.insert, err);
	rb_buf_release(&sql);
	return rc;
}

/*
 * In a database that had content an index was ordered by its application's own collation;
 * rows put into it by another order would damage it.
 */
static int check_collations(struct rb_sqlite_target *target, struct rb_err *err)
{
	const char *table = target->rows.table->name;
	sqlite3_stmt *stmt = NULL;
	int code;
	int rc;

	/* PRAGMA collation_list names those, too, that were only read about. */
	rc = rb_sqlite_prepare(&target->conn,
	                       "SELECT x.coll FROM pragma_index_list(?1, 'main') AS l,"
	                       " pragma_index_xinfo(l.name, 'main') AS x"
	                       " WHERE x.coll COLLATE NOCASE NOT IN ('BINARY', 'NOCASE', 'RTRIM')"
	                       " LIMIT 1",
	                       &stmt, err);
	if (rc < 0)
		return rc;
	code = sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
	rc = code == SQLITE_OK ? rb_sqlite_step(&target->conn, stmt, err)
	                       : rb_sqlite_fail(&target->conn, code, err, "table '%.200s'", table);
	if (rc > 0) {
		rb_err_set(
		        err, RB_E_UNSUPPORTED,
		        "an index of table '%.200s' is ordered by collation '%.100s', which only "
		        "its application has",
		        table, (const char *)sqlite3_column_text(stmt, 0));
		rb_err_hint(err, "restore to a new database, and run REINDEX in the application");
		rc = RB_E_UNSUPPORTED;
	}
	sqlite3_finalize(stmt);
	return rc;
}

/* Whether CREATE VIRTUAL TABLE has just made and filled this storage. */
static bool is_just_made(const struct rb_sqlite_target *target, const char *name)
{
	if (rb_sqlite_names_have(&target->written, name))
		return false;
	for (size_t i = 0; i < target->made.count; i++) {
		size_t len = strlen(target->made.names[i]);

		if (strncasecmp(name, target->made.names[i], len) == 0 && name[len] == '_')
			return true;
	}
	return false;
}

/* Take out what SQLite put there: the table is to hold the rows that come now, and no more. */
static int empty_out(struct rb_sqlite_target *target, struct rb_err *err)
{
	struct rb_buf sql = RB_BUF(SIZE_MAX / 4);
	int rc = rb_buf_adds(&sql, "DELETE FROM main.", err);

	if (rc == RB_OK)
		rc = rb_sqlite_add_name(&sql, target->rows.table->name, err);
	if (rc == RB_OK)
		rc = rb_sqlite_exec(&target->conn, rb_buf_str(&sql), err);
	rb_buf_release(&sql);
	return rc;
}

int rb_sqlite_target_table_begin(struct rb_target *base, const struct rb_table *table,
                                 struct rb_err *err)
{
	struct rb_sqlite_target *target = target_of(base);
	int *none = NULL;
	int rc = rb_sqlite_target_may_write(target, err);

	if (rc < 0)
		return rc;
	if (target->rows.table)
		return rb_err_set(err, RB_E_USAGE, "table '%.200s' is still being written",
		                  target->rows.table->name);
	rc = set_up(target, table, err);
	target->has_committed = false;
	sqlite3_db_config(target->conn.db, SQLITE_DBCONFIG_DEFENSIVE, 0, none);
	if (rc == RB_OK && (table->kind == RB_TABLE_SYSTEM ||
	                    (table->kind == RB_TABLE_SHADOW && is_just_made(target, table->name))))
		rc = empty_out(target, err);
	if (rc < 0)
		rb_sqlite_rows_release(target);
	return rc;
}

/*
 * Before the first row, and not for a table that gets none: there are tables nothing can be
 * put into (a loop of generated columns), which are restored well all the same.
 */
int rb_sqlite_rows_first(struct rb_sqlite_target *target, struct rb_err *err)
{
	struct rb_sqlite_rows *rows = &target->rows;

	if (!rows->table)
		return rb_err_set(err, RB_E_USAGE, "no table is being written");
	if (rows->written)
		return RB_OK;
	rows->written = true;
	target->stands_in = rb_sqlite_names_have(&target->hollow, rows->table->name);
	return target->is_empty ? RB_OK : check_collations(target, err);
}

/* Put the table under its loose definition, and see that a value fits then. */
static int loosen(struct rb_sqlite_target *target, size_t position, const struct rb_value *value,
                  struct rb_err *err)
{
	struct rb_sqlite_rows *rows = &target->rows;
	const struct rb_column *column = &rows->table->columns[rows->stored[position]];
	bool can_loosen = rows->table->kind == RB_TABLE_PLAIN && !rows->definition &&
	                  !strstr(rows->table->options, "STRICT");
	int rc = RB_OK;

	/* What is generated from a column depends on the column's type. */
	for (size_t i = 0; i < rows->table->column_count; i++)
		if (rows->table->columns[i].generated != RB_GENERATED_NO)
			can_loosen = false;
	if (can_loosen) {
		close_statements(rows);
		rc = rb_sqlite_loose_begin(target, err);
	}
	if (can_loosen && rc == RB_OK)
		rc = read_columns(target, err);
	if (rc < 0 || rb_sqlite_rows_fit(rows, position, value))
		return rc;
	return rb_err_set(err, RB_E_UNSUPPORTED,
	                  "table '%.200s', column '%.200s': SQLite does not keep %s in a column "
	                  "declared '%.100s%s'",
	                  rows->table->name, column->name, kind_name(value), column->type,
	                  rows->not_null[position] ? " NOT NULL" : "");
}

int rb_sqlite_target_insert(struct rb_target *base, const struct rb_value *values,
                            struct rb_err *err)
{
	struct rb_sqlite_target *target = target_of(base);
	struct rb_sqlite_rows *rows = &target->rows;
	int rc = rb_sqlite_rows_first(target, err);
	int code;

	for (size_t i = 0; i < rows->count && rc == RB_OK; i++)
		if (!rb_sqlite_rows_fit(rows, i, &values[i]))
			rc = loosen(target, i, &values[i], err);
	if (rc == RB_OK && !rows->insert)
		rc = prepare_insert(target, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < rows->count; i++) {
		rc = rb_sqlite_rows_bind(target, rows->insert, (int)i + 1, &values[i], err);
		if (rc < 0)
			return rb_err_wrap(err, rc, "table '%.200s'", rows->table->name);
	}
	code = sqlite3_step(rows->insert);
	if (code != SQLITE_DONE)
		rc = rb_sqlite_fail(&target->conn, code, err, "cannot insert into table '%.200s'",
		                    rows->table->name);
	sqlite3_reset(rows->insert);
	return rc;
}

/* Whether a row can be inserted together with others. */
static bool is_fed(const struct rb_sqlite_rows *rows, const struct rb_value *values)
{
	for (size_t i = 0; i < rows->count; i++)
		if (!fits((enum affinity)rows->affinity[i], rows->not_null[i], &values[i]) ||
		    !rb_sqlite_feed_takes(&values[i]))
			return false;
	return true;
}

int rb_sqlite_target_insert_rows(struct rb_target *base, const struct rb_value *values,
                                 size_t count, struct rb_err *err)
{
	struct rb_sqlite_target *target = target_of(base);
	const struct rb_sqlite_rows *rows = &target->rows;
	size_t fed = 0;
	int rc = rb_sqlite_rows_first(target, err);
	bool serves = rc == RB_OK && rb_sqlite_feed_serves(target);

	for (size_t i = 0; i < count && rc == RB_OK; i++) {
		if (serves && is_fed(rows, values + i * rows->count))
			continue;
		rc = rb_sqlite_feed_run(target, values + fed * rows->count, i - fed, err);
		if (rc == RB_OK)
			rc = rb_sqlite_target_insert(base, values + i * rows->count, err);
		fed = i + 1;
	}
	return rc < 0 ? rc
	              : rb_sqlite_feed_run(target, values + fed * rows->count, count - fed, err);
}

int rb_sqlite_target_table_end(struct rb_target *base, struct rb_err *err)
{
	struct rb_sqlite_target *target = target_of(base);
	struct rb_sqlite_rows *rows = &target->rows;
	int rc = RB_OK;

	if (!rows->table)
		return rb_err_set(err, RB_E_USAGE, "no table is being written");
	close_statements(rows);
	if (rows->definition)
		rc = rb_sqlite_loose_end(target, err);
	if (rc == RB_OK && rows->written)
		rc = rb_sqlite_names_add(&target->written, rows->table->name, err);
	if (rc == RB_OK && rb_sqlite_is_sequence(rows->table->name))
		rc = rb_sqlite_sequence_keep(target, err);
	rb_sqlite_rows_release(target);
	return rc;
}
