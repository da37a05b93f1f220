/*
 * See convert_priv.h: types.
 *
 * SQLite's types are the values', not the column's: the rows decide.  PostgreSQL's are the
 * column's: rb_column.form says which.
 */
#include <math.h>
#include <string.h>
#include <strings.h>

#include "rowback/value/real.h"
#include "convert_priv.h"

/* A real whose text numeric keeps as it is. */
static bool is_plain(double real)
{
	char text[RB_REAL_TEXT_SIZE];

	if (!isfinite(real) || (fpclassify(real) == FP_ZERO && signbit(real)))
		return false;
	return !memchr(text, 'e', rb_real_format(real, text));
}

void rb_seen_add(struct rb_seen *seen, const struct rb_value *value)
{
	switch (value->kind) {
	case RB_VALUE_NULL:
		seen->kinds |= RB_SEEN_NULL;
		break;
	case RB_VALUE_INT:
		if (!(seen->kinds & RB_SEEN_INT) || value->u.i > seen->max)
			seen->max = value->u.i;
		seen->kinds |= RB_SEEN_INT;
		break;
	case RB_VALUE_REAL:
		seen->kinds |= RB_SEEN_REAL;
		if (isnan(value->u.r) || (fpclassify(value->u.r) == FP_ZERO && signbit(value->u.r)))
			seen->kinds |= RB_SEEN_REAL_ODD;
		if (!(seen->kinds & RB_SEEN_REAL_FAR) && !is_plain(value->u.r))
			seen->kinds |= RB_SEEN_REAL_FAR;
		break;
	case RB_VALUE_TEXT:
		seen->kinds |= value->u.bytes.len > 0 &&
		                               memchr(value->u.bytes.data, '\0', value->u.bytes.len)
		                       ? RB_SEEN_TEXT_NUL
		                       : RB_SEEN_TEXT;
		break;
	case RB_VALUE_TEXT_RAW:
		seen->kinds |= RB_SEEN_TEXT_NUL;
		break;
	case RB_VALUE_BLOB:
		seen->kinds |= RB_SEEN_BLOB;
		break;
	default:
		seen->kinds |= RB_SEEN_OTHER;
		break;
	}
}

static bool contains(const char *type, const char *word)
{
	for (; *type; type++)
		if (strncasecmp(type, word, strlen(word)) == 0)
			return true;
	return false;
}

/* A column without values: its affinity says what was meant. */
static const char *type_of_empty(const char *type)
{
	if (contains(type, "INT"))
		return "bigint";
	if (!*type || contains(type, "CHAR") || contains(type, "CLOB") || contains(type, "TEXT"))
		return "text";
	if (contains(type, "BLOB"))
		return "bytea";
	if (contains(type, "REAL") || contains(type, "FLOA") || contains(type, "DOUB"))
		return "double precision";
	return contains(type, "NUMERIC") || contains(type, "DECIMAL") ? "numeric" : "text";
}

static const char *postgres_type(const struct rb_column *column, const struct rb_seen *seen,
                                 enum rb_convert_how *how)
{
	unsigned int kinds = seen->kinds & ~(unsigned int)RB_SEEN_NULL;

	*how = RB_CONVERT_KEEP;
	if (column->is_rowid || kinds == RB_SEEN_INT)
		return "bigint";
	if (kinds == 0)
		return type_of_empty(column->type);
	if (kinds == RB_SEEN_TEXT)
		return "text";
	if (kinds == RB_SEEN_BLOB)
		return "bytea";
	if ((kinds & ~(unsigned int)(RB_SEEN_REAL | RB_SEEN_REAL_FAR | RB_SEEN_REAL_ODD)) == 0)
		return "double precision";
	*how = RB_CONVERT_DIGITS;
	if (kinds == (RB_SEEN_INT | RB_SEEN_REAL))
		return "numeric";
	*how = RB_CONVERT_BYTES;
	if ((kinds & ~(unsigned int)(RB_SEEN_TEXT | RB_SEEN_TEXT_NUL)) == 0)
		return "bytea";
	*how = RB_CONVERT_JSON;
	return "text";
}

static const char *sqlite_type(const char *form, const struct rb_seen *seen)
{
	if (strcmp(form, "int") == 0 || strcmp(form, "bool") == 0)
		return "INTEGER";
	if (strcmp(form, "real") == 0)
		return seen->kinds & RB_SEEN_REAL_ODD ? "BLOB" : "REAL";
	return strcmp(form, "blob") == 0 ? "BLOB" : "TEXT";
}

const char *rb_convert_type(const struct rb_conversion *conversion, const struct rb_column *column,
                            const struct rb_seen *seen, enum rb_convert_how *how)
{
	if (!conversion->to_sqlite)
		return postgres_type(column, seen, how);
	*how = RB_CONVERT_SQLITE;
	return sqlite_type(column->form ? column->form : "text", seen);
}

/* What a reader of the values will notice; NULL: nothing. */
static const char *what_changes(const struct rb_column *column, const char *type,
                                enum rb_convert_how how)
{
	const char *form = column->form ? column->form : "";

	if (how == RB_CONVERT_BYTES)
		return "texts with NUL or that are not UTF-8 are there, so all become their bytes";
	if (how == RB_CONVERT_DIGITS)
		return "integers and reals are mixed";
	if (how == RB_CONVERT_JSON)
		return "values of several kinds are mixed, so each becomes its JSON";
	if (how != RB_CONVERT_SQLITE)
		return NULL;
	if (strcmp(form, "bool") == 0)
		return "true is 1, false is 0";
	if (strcmp(form, RB_FORM_NUMBER) == 0)
		return "each digit is kept, and it sorts as text";
	if (strcmp(form, "real") == 0 && strcmp(type, "BLOB") == 0)
		return "NaN, which becomes the text 'NaN', or -0.0 are there";
	return strcmp(form, "text") == 0 && strcmp(column->type, "text") != 0 ? "as its text"
	                                                                      : NULL;
}

int rb_convert_list_type(struct rb_conversion *conversion, const char *table,
                         const struct rb_column *column, const char *type, enum rb_convert_how how,
                         struct rb_err *err)
{
	const char *what = what_changes(column, type, how);
	bool is_same = strcasecmp(column->type, type) == 0;

	if (column->is_rowid) {
		conversion->type_count++;
		return rb_catalog_remark(conversion->changes, table, false, err,
		                         "its rowid becomes a column: it has no other key");
	}
	if (!what && is_same)
		return RB_OK;
	conversion->type_count++;
	return rb_catalog_remark(conversion->changes, table, false, err,
	                         "column \"%.200s\": %.200s becomes %s%s%s", column->name,
	                         *column->type ? column->type : "no type", type, what ? ": " : "",
	                         what ? what : "");
}
