/*
 * See sqlite_priv.h: names, values and keys between SQLite and rowback.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "rowback/base/encode.h"
#include "rowback/value/key.h"
#include "sqlite_priv.h"

int rb_sqlite_add_name(struct rb_buf *sql, const char *name, struct rb_err *err)
{
	return rb_buf_add_quoted(sql, name, '"', err);
}

int rb_sqlite_add_literal(struct rb_buf *sql, const char *text, struct rb_err *err)
{
	return rb_buf_add_quoted(sql, text, '\'', err);
}

static bool has_column(const struct rb_table *table, const char *name)
{
	for (size_t i = 0; i < table->column_count; i++)
		if (!table->columns[i].is_rowid && strcasecmp(table->columns[i].name, name) == 0)
			return true;
	/* A full-text table has a hidden column of its own name. */
	return table->kind == RB_TABLE_VIRTUAL && strcasecmp(table->name, name) == 0;
}

const char *rb_sqlite_rowid_name(const struct rb_table *table)
{
	/* source: sqlite.org/lang_createtable.html#rowid, "ROWIDs and the INTEGER PRIMARY KEY" */
	static const char *const names[] = {"rowid", "_rowid_", "oid"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!has_column(table, names[i]))
			return names[i];
	return NULL;
}

int rb_sqlite_add_column(struct rb_buf *sql, const struct rb_table *table, size_t column,
                         struct rb_err *err)
{
	const char *rowid;

	if (!table->columns[column].is_rowid)
		return rb_sqlite_add_name(sql, table->columns[column].name, err);
	rowid = rb_sqlite_rowid_name(table);
	if (!rowid)
		return rb_err_set(err, RB_E_FORMAT,
		                  "table '%s' has columns with all names of the rowid",
		                  table->name);
	return rb_buf_adds(sql, rowid, err);
}

int rb_sqlite_add_columns(struct rb_buf *sql, const struct rb_table *table, struct rb_err *err)
{
	const char *comma = "";
	int rc = RB_OK;

	for (size_t i = 0; i < table->column_count && rc == RB_OK; i++) {
		if (!rb_column_is_stored(&table->columns[i]))
			continue;
		rc = rb_buf_adds(sql, comma, err);
		if (rc == RB_OK)
			rc = rb_sqlite_add_column(sql, table, i, err);
		comma = ", ";
	}
	return rc;
}

/* Text that is not well-formed: as the database stores it, by way of its own encoding. */
static int bind_raw(struct rb_sqlite_conn *conn, sqlite3_stmt *stmt, int index,
                    const struct rb_bytes *bytes, struct rb_err *err)
{
	const unsigned char *data = (const unsigned char *)bytes->data;

	if (conn->encoding != SQLITE_UTF8) {
		bool has_mark = bytes->len >= 2 && ((data[0] == 0xfe && data[1] == 0xff) ||
		                                    (data[0] == 0xff && data[1] == 0xfe));

		/* SQLite drops the odd byte and reads a byte order mark as an order. */
		if (bytes->len % 2 != 0 || has_mark)
			return rb_err_set(err, RB_E_UNSUPPORTED,
			                  "text of %zu bytes is not UTF-16 and cannot be bound",
			                  bytes->len);
	}
	return sqlite3_bind_text64(stmt, index, bytes->len > 0 ? bytes->data : "", bytes->len,
	                           SQLITE_STATIC, (unsigned char)conn->encoding);
}

int rb_sqlite_bind(struct rb_sqlite_conn *conn, sqlite3_stmt *stmt, int index,
                   const struct rb_value *value, struct rb_err *err)
{
	const struct rb_bytes *bytes = &value->u.bytes;
	int code = SQLITE_OK;

	switch (value->kind) {
	case RB_VALUE_NULL:
		code = sqlite3_bind_null(stmt, index);
		break;
	case RB_VALUE_INT:
		code = sqlite3_bind_int64(stmt, index, value->u.i);
		break;
	case RB_VALUE_REAL:
		/* SQLite would make a NULL of it. */
		if (isnan(value->u.r))
			return rb_err_set(err, RB_E_UNSUPPORTED, "SQLite has no NaN");
		code = sqlite3_bind_double(stmt, index, value->u.r);
		break;
	case RB_VALUE_TEXT:
		code = sqlite3_bind_text64(stmt, index, bytes->len > 0 ? bytes->data : "",
		                           bytes->len, SQLITE_STATIC, SQLITE_UTF8);
		break;
	case RB_VALUE_TEXT_RAW:
		code = bind_raw(conn, stmt, index, bytes, err);
		if (code < 0)
			return code;
		break;
	case RB_VALUE_BLOB:
		code = sqlite3_bind_blob64(stmt, index, bytes->len > 0 ? bytes->data : "",
		                           bytes->len, SQLITE_STATIC);
		break;
	case RB_VALUE_BOOL:
	case RB_VALUE_NUMBER:
		return rb_err_set(err, RB_E_UNSUPPORTED, "SQLite has no values of kind %d",
		                  (int)value->kind);
	}
	return code == SQLITE_OK ? RB_OK : rb_sqlite_fail(conn, code, err, "cannot bind a value");
}

/*
 * Take text as it is stored.  sqlite3_value_text() would convert UTF-16, and mend what is
 * not well-formed on the way; sqlite3_value_blob() and _bytes16() leave it alone.
 *
 * utf8  receives converted text; has room already, so that earlier values stay in place
 */
static int take_text(sqlite3_value *from, int encoding, struct rb_buf *utf8, struct rb_value *out,
                     struct rb_err *err)
{
	const char *data = sqlite3_value_blob(from);
	size_t start = utf8->len;
	bool well_formed;
	size_t len;
	int rc;

	if (encoding == SQLITE_UTF8) {
		len = (size_t)sqlite3_value_bytes(from);
		if (!data)
			len = 0;
		out->kind = len == 0 || rb_utf8_valid_len(data, len) == len ? RB_VALUE_TEXT
		                                                            : RB_VALUE_TEXT_RAW;
		out->u.bytes.data = data;
		out->u.bytes.len = len;
		return RB_OK;
	}

	len = data ? (size_t)sqlite3_value_bytes16(from) : 0;
	if (len == 0) {
		out->kind = RB_VALUE_TEXT;
		out->u.bytes.data = NULL;
		out->u.bytes.len = 0;
		return RB_OK;
	}
	rc = rb_utf16_to_utf8(data, len, encoding == SQLITE_UTF16BE, utf8, &well_formed, err);
	if (rc < 0)
		return rc;
	out->kind = well_formed ? RB_VALUE_TEXT : RB_VALUE_TEXT_RAW;
	out->u.bytes.data = well_formed ? utf8->data + start : data;
	out->u.bytes.len = well_formed ? utf8->len - start : len;
	return RB_OK;
}

static int take_value(sqlite3_value *from, int encoding, struct rb_buf *utf8, struct rb_value *out,
                      struct rb_err *err)
{
	switch (sqlite3_value_type(from)) {
	case SQLITE_INTEGER:
		out->kind = RB_VALUE_INT;
		out->u.i = sqlite3_value_int64(from);
		return RB_OK;
	case SQLITE_FLOAT:
		out->kind = RB_VALUE_REAL;
		out->u.r = sqlite3_value_double(from);
		return RB_OK;
	case SQLITE_TEXT:
		return take_text(from, encoding, utf8, out, err);
	case SQLITE_BLOB:
		out->kind = RB_VALUE_BLOB;
		out->u.bytes.data = sqlite3_value_blob(from);
		out->u.bytes.len = (size_t)sqlite3_value_bytes(from);
		if (!out->u.bytes.data && out->u.bytes.len > 0)
			return rb_err_set(err, RB_E_NOMEM, "no memory for a blob of %zu bytes",
			                  out->u.bytes.len);
		return RB_OK;
	default:
		out->kind = RB_VALUE_NULL;
		return RB_OK;
	}
}

/* Room for the UTF-8 forms of all texts: 2 bytes of UTF-16 become 3 at most. */
static int reserve_text(struct rb_buf *utf8, sqlite3_value *from, size_t *need, struct rb_err *err)
{
	if (sqlite3_value_type(from) == SQLITE_TEXT)
		*need += (size_t)sqlite3_value_bytes16(from) / 2 * 3 + 3;
	return rb_buf_reserve(utf8, *need, err);
}

int rb_sqlite_row_init(struct rb_sqlite_row *row, const struct rb_sqlite_conn *conn,
                       sqlite3_stmt *stmt, struct rb_err *err)
{
	memset(row, 0, sizeof(*row));
	row->conn = conn;
	row->stmt = stmt;
	row->count = (size_t)sqlite3_column_count(stmt);
	rb_buf_init(&row->text, SIZE_MAX / 4);
	row->values = calloc(row->count + 1, sizeof(*row->values));
	return row->values ? RB_OK : rb_err_set(err, RB_E_NOMEM, "no memory for a row");
}

int rb_sqlite_row_get(struct rb_sqlite_row *row, struct rb_err *err)
{
	int encoding = row->conn->encoding;
	size_t need = 0;
	int rc = RB_OK;

	rb_buf_clear(&row->text);
	if (encoding != SQLITE_UTF8)
		for (size_t i = 0; i < row->count && rc == RB_OK; i++)
			rc = reserve_text(&row->text, sqlite3_column_value(row->stmt, (int)i),
			                  &need, err);
	for (size_t i = 0; i < row->count && rc == RB_OK; i++)
		rc = take_value(sqlite3_column_value(row->stmt, (int)i), encoding, &row->text,
		                &row->values[i], err);
	return rc;
}

void rb_sqlite_row_release(struct rb_sqlite_row *row)
{
	free(row->values);
	rb_buf_release(&row->text);
	memset(row, 0, sizeof(*row));
}

/* rowback_key(a, b, ...) */
static void sql_key(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	struct rb_sqlite_conn *conn = sqlite3_user_data(ctx);
	struct rb_err err = {0};
	struct rb_value value;
	int rc = RB_OK;

	rb_buf_clear(&conn->key);
	for (int i = 0; i < argc && rc == RB_OK; i++) {
		rb_buf_clear(&conn->text);
		rc = take_value(argv[i], conn->encoding, &conn->text, &value, &err);
		if (rc == RB_OK)
			rc = rb_key_add(&value, &conn->key, &err);
	}
	if (rc == RB_OK)
		sqlite3_result_blob64(ctx, rb_buf_str(&conn->key), conn->key.len, SQLITE_TRANSIENT);
	else if (rc == RB_E_NOMEM)
		sqlite3_result_error_nomem(ctx);
	else
		sqlite3_result_error(ctx, err.msg, -1);
}

/* rowback_zero(a, b, ...) */
static void sql_zero(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	unsigned char *marks = sqlite3_malloc(argc > 0 ? argc : 1);
	double real;

	if (!marks) {
		sqlite3_result_error_nomem(ctx);
		return;
	}
	for (int i = 0; i < argc; i++) {
		marks[i] = 1;
		if (sqlite3_value_type(argv[i]) != SQLITE_FLOAT)
			continue;
		real = sqlite3_value_double(argv[i]);
		if (fpclassify(real) == FP_ZERO && signbit(real))
			marks[i] = 0;
	}
	sqlite3_result_blob(ctx, marks, argc, sqlite3_free);
}

int rb_sqlite_add_functions(struct rb_sqlite_conn *conn, struct rb_err *err)
{
	int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY;
	int code = sqlite3_create_function_v2(conn->db, "rowback_key", -1, flags, conn, sql_key,
	                                      NULL, NULL, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_create_function_v2(conn->db, "rowback_zero", -1, flags, NULL,
		                                  sql_zero, NULL, NULL, NULL);
	return code == SQLITE_OK ? RB_OK
	                         : rb_sqlite_fail(conn, code, err, "database '%s'", conn->path);
}
