/*
 * See postgres_priv.h: key order (value/key.h) as SQL.
 *
 * Integers, booleans, reals and bytea sort by themselves, with NaN last.  Numbers sort by
 * their text, what is no number behind them.  Texts sort by the bytes of their UTF-8, which
 * is the order of collation "C" where the server keeps UTF-8; other types' by the text of
 * their output function, which concat() gives and a cast often does not (char(n) loses
 * blanks, inet gains "/32").  NULLs come first; where there can be none it is not said, so
 * that an index may serve.
 */
#include <string.h>

#include "postgres_priv.h"

/*
 * A statement's result has 1,664 columns at most, those it only sorts by included: more sort
 * expressions than this go into rows of so many each, which compare like their fields.
 */
#define ROW_MAX 400

/* What is not well-formed UTF-8 sorts behind what is: the hexadecimal digits tell. */
#define UTF8_HEX                                                                                   \
	"^([0-7].|(c[2-9a-f]|d.)[89ab].|e0[ab].[89ab].|(e[1-9a-cef])([89ab].){2}"                  \
	"|ed[89].[89ab].|f0[9ab].([89ab].){2}|f[1-3]([89ab].){3}|f48.([89ab].){2})*$"

/* Whether a column's own text is what its output function gives. */
static bool is_text(const struct rb_column *column)
{
	return strcmp(column->type, "text") == 0 ||
	       strncmp(column->type, "character varying", 17) == 0;
}

/* The list behind ORDER BY in the making. */
struct order {
	const struct rb_pg_conn *conn;
	struct rb_buf *sql;
	bool is_wide; /* in rows */
	size_t count; /* expressions so far */
};

/* Begin the next expression. */
static int next(struct order *o, struct rb_err *err)
{
	bool is_first = o->count == 0;
	bool begins_row = o->is_wide && o->count % ROW_MAX == 0;

	o->count++;
	if (is_first)
		return rb_buf_adds(o->sql, o->is_wide ? " ORDER BY ROW(" : " ORDER BY ", err);
	return rb_buf_adds(o->sql, begins_row ? "), ROW(" : ", ", err);
}

/* Rows have NULLs last, so whether there is one comes before the value there. */
static int begin(struct order *o, const struct rb_column *column, struct rb_err *err)
{
	int rc = next(o, err);

	if (rc < 0 || !o->is_wide || column->not_null)
		return rc;
	rc = rb_pg_add_name(o->sql, column->name, err);
	/* Of a composite, IS NOT NULL asks for its fields. */
	if (rc == RB_OK)
		rc = rb_buf_adds(o->sql, " IS DISTINCT FROM NULL", err);
	return rc == RB_OK ? next(o, err) : rc;
}

static int end(struct order *o, const struct rb_column *column, struct rb_err *err)
{
	return o->is_wide || column->not_null ? RB_OK : rb_buf_adds(o->sql, " NULLS FIRST", err);
}

/* Append "before column after". */
static int add_name(struct order *o, const char *before, const struct rb_column *column,
                    const char *after, struct rb_err *err)
{
	int rc = rb_buf_adds(o->sql, before, err);

	if (rc == RB_OK)
		rc = rb_pg_add_name(o->sql, column->name, err);
	return rc == RB_OK ? rb_buf_adds(o->sql, after, err) : rc;
}

/* An expression of a column's text: "before text after". */
static int add_text(struct order *o, const char *before, const struct rb_column *column,
                    const char *after, struct rb_err *err)
{
	int rc = begin(o, column, err);

	if (rc == RB_OK)
		rc = rb_buf_adds(o->sql, before, err);
	if (rc == RB_OK && !is_text(column) && !column->not_null)
		rc = add_name(o, "CASE WHEN ", column, " IS DISTINCT FROM NULL THEN ", err);
	if (rc == RB_OK)
		rc = is_text(column) ? rb_pg_add_name(o->sql, column->name, err)
		                     : add_name(o, "concat(", column, ")", err);
	if (rc == RB_OK && !is_text(column) && !column->not_null)
		rc = rb_buf_adds(o->sql, " END", err);
	if (rc == RB_OK)
		rc = rb_buf_adds(o->sql, after, err);
	return rc == RB_OK ? end(o, column, err) : rc;
}

static int add_text_order(struct order *o, const struct rb_column *column, struct rb_err *err)
{
	int rc;

	if (o->conn->is_utf8)
		return add_text(o, "(", column, ") COLLATE \"C\"", err);
	if (!o->conn->is_raw)
		return add_text(o, "convert_to(", column, ", 'UTF8')", err);
	rc = add_text(o, "encode(textsend(", column, "), 'hex') COLLATE \"C\" !~ '" UTF8_HEX "'",
	              err);
	return rc == RB_OK ? add_text(o, "textsend(", column, ")", err) : rc;
}

static int add_column(struct order *o, const struct rb_column *column, struct rb_err *err)
{
	bool is_uuid = strcmp(column->type, "uuid") == 0;
	int rc;

	if (strcmp(column->form, RB_FORM_NUMBER) == 0) {
		rc = add_text(o, "right(", column, ", 1) COLLATE \"C\" > '9'", err);
		return rc == RB_OK ? add_text(o, "(", column, ") COLLATE \"C\"", err) : rc;
	}
	if (strcmp(column->form, "text") == 0 && !is_uuid)
		return add_text_order(o, column, err);
	rc = begin(o, column, err);
	if (rc == RB_OK)
		rc = rb_pg_add_name(o->sql, column->name, err);
	return rc == RB_OK ? end(o, column, err) : rc;
}

/* -0.0 before 0.0 among rows whose keys are equal. */
static int add_zeros(struct order *o, const struct rb_table *table, struct rb_err *err)
{
	int rc = RB_OK;

	for (size_t i = 0; i < table->column_count && rc == RB_OK; i++) {
		const struct rb_column *column = &table->columns[i];

		if (!rb_column_is_stored(column) || strcmp(column->form, "real") != 0)
			continue;
		rc = next(o, err);
		if (rc == RB_OK)
			rc = add_name(o, "", column, "::text <> '-0'", err);
	}
	return rc;
}

int rb_pg_add_order(const struct rb_pg_conn *conn, const struct rb_table *table, struct rb_buf *sql,
                    struct rb_err *err)
{
	struct order o = {.conn = conn, .sql = sql, .is_wide = table->key_count > ROW_MAX};
	int rc = RB_OK;

	for (size_t i = 0; i < table->key_count && rc == RB_OK; i++)
		rc = add_column(&o, &table->columns[table->key[i]], err);
	if (rc == RB_OK && table->key_kind == RB_KEY_ROW)
		rc = add_zeros(&o, table, err);
	if (rc == RB_OK && o.is_wide)
		rc = rb_buf_adds(sql, ")", err);
	return rc;
}
