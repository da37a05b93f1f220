/*
 * See postgres_priv.h: names and texts as SQL, tables' names.
 */
#include <stdlib.h>
#include <string.h>

#include "postgres_priv.h"

/* Bytes of a name: 63 in PostgreSQL, more where it was built so. */
#define NAME_MAX_BYTES ((size_t)1 << 16)

int rb_pg_add_name(struct rb_buf *sql, const char *name, struct rb_err *err)
{
	return rb_buf_add_quoted(sql, name, '"', err);
}

int rb_pg_add_literal(struct rb_buf *sql, const char *text, struct rb_err *err)
{
	return rb_buf_add_quoted(sql, text, '\'', err);
}

/* Whether PostgreSQL's lexer takes a name as it is; key words differ between versions. */
static bool is_plain(const char *name)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz_";
	static const char all[] = "abcdefghijklmnopqrstuvwxyz_0123456789$";

	return *name && strchr(first, *name) && name[strspn(name, all)] == '\0';
}

int rb_pg_add_shown(struct rb_buf *out, const char *name, struct rb_err *err)
{
	return is_plain(name) ? rb_buf_adds(out, name, err)
	                      : rb_buf_add_quoted(out, name, '"', err);
}

int rb_pg_table_name(const char *schema, const char *relation, char **out, struct rb_err *err)
{
	struct rb_buf name = RB_BUF(NAME_MAX_BYTES);
	int rc = rb_pg_add_shown(&name, schema, err);

	if (rc == RB_OK)
		rc = rb_buf_adds(&name, ".", err);
	if (rc == RB_OK)
		rc = rb_pg_add_shown(&name, relation, err);
	if (rc == RB_OK) {
		*out = rb_buf_detach(&name);
		if (!*out)
			rc = rb_err_set(err, RB_E_NOMEM, "no memory for a table's name");
	}
	rb_buf_release(&name);
	return rc;
}

/* Take one part of a name; NULL when there is none.  *p moves past it. */
static const char *take_part(const char *p, struct rb_buf *out, int *rc, struct rb_err *err)
{
	if (*p != '"') {
		size_t len = strcspn(p, ".\"");

		*rc = rb_buf_add(out, p, len, err);
		return *rc == RB_OK && is_plain(rb_buf_str(out)) ? p + len : NULL;
	}
	for (p++; *rc == RB_OK; p++) {
		if (*p == '\0')
			return NULL;
		if (*p == '"' && *++p != '"')
			return out->len > 0 ? p : NULL;
		*rc = rb_buf_add(out, p, 1, err);
	}
	return NULL;
}

/* Both parts of a name; RB_E_FORMAT when it is not what rb_pg_table_name() makes. */
static int split(const char *name, struct rb_buf *schema, struct rb_buf *relation,
                 struct rb_err *err)
{
	int rc = RB_OK;
	const char *p = take_part(name, schema, &rc, err);

	if (p && *p == '.')
		p = take_part(p + 1, relation, &rc, err);
	else
		p = NULL;
	if (rc < 0)
		return rc;
	if (!p || *p)
		return rb_err_set(err, RB_E_FORMAT,
		                  "'%.200s' is no name of a table with its schema", name);
	return RB_OK;
}

int rb_pg_split_name(const char *name, char **schema, char **relation, struct rb_err *err)
{
	struct rb_buf left = RB_BUF(NAME_MAX_BYTES);
	struct rb_buf right = RB_BUF(NAME_MAX_BYTES);
	int rc = split(name, &left, &right, err);

	if (rc == RB_OK) {
		*schema = rb_buf_detach(&left);
		*relation = rb_buf_detach(&right);
		if (!*schema || !*relation) {
			free(*schema);
			free(*relation);
			*schema = NULL;
			*relation = NULL;
			rc = rb_err_set(err, RB_E_NOMEM, "no memory for a table's name");
		}
	}
	rb_buf_release(&left);
	rb_buf_release(&right);
	return rc;
}

int rb_pg_add_table(struct rb_buf *sql, const char *name, struct rb_err *err)
{
	struct rb_buf schema = RB_BUF(NAME_MAX_BYTES);
	struct rb_buf relation = RB_BUF(NAME_MAX_BYTES);
	int rc = split(name, &schema, &relation, err);

	if (rc == RB_OK)
		rc = rb_pg_add_name(sql, rb_buf_str(&schema), err);
	if (rc == RB_OK)
		rc = rb_buf_adds(sql, ".", err);
	if (rc == RB_OK)
		rc = rb_pg_add_name(sql, rb_buf_str(&relation), err);
	rb_buf_release(&schema);
	rb_buf_release(&relation);
	return rc;
}

int rb_pg_add_columns(struct rb_buf *sql, const struct rb_table *table, struct rb_err *err)
{
	const char *comma = "";
	int rc = RB_OK;

	for (size_t i = 0; i < table->column_count && rc == RB_OK; i++) {
		if (!rb_column_is_stored(&table->columns[i]))
			continue;
		rc = rb_buf_adds(sql, comma, err);
		if (rc == RB_OK)
			rc = rb_pg_add_name(sql, table->columns[i].name, err);
		comma = ", ";
	}
	return rc;
}
