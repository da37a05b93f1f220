/*
 * See postgres_priv.h: types' forms, and texts of the server as values.
 */
#include <math.h>
#include <string.h>

#include "rowback/base/encode.h"
#include "rowback/value/real.h"
#include "postgres_priv.h"

/* source: PostgreSQL, src/include/catalog/pg_type.dat; they are the same in all versions */
enum {
	OID_BOOL = 16,
	OID_BYTEA = 17,
	OID_INT8 = 20,
	OID_INT2 = 21,
	OID_INT4 = 23,
	OID_OID = 26,
	OID_FLOAT4 = 700,
	OID_FLOAT8 = 701,
	OID_NUMERIC = 1700,
};

const char *rb_pg_form(int64_t type_oid)
{
	switch (type_oid) {
	case OID_BOOL:
		return "bool";
	case OID_INT2:
	case OID_INT4:
	case OID_INT8:
	case OID_OID:
		return "int";
	case OID_FLOAT4:
	case OID_FLOAT8:
		return "real";
	case OID_NUMERIC:
		return RB_FORM_NUMBER;
	case OID_BYTEA:
		return "blob";
	default:
		return "text";
	}
}

static int is_none(const char *form, const char *text, size_t len, struct rb_err *err)
{
	return rb_err_set(err, RB_E_FORMAT, "'%.*s' is no value of form %s",
	                  (int)(len < 40 ? len : 40), text, form);
}

static bool take_int(const char *text, size_t len, int64_t *out)
{
	bool negative = len > 0 && text[0] == '-';
	uint64_t magnitude = 0;

	/* 19 digits never overflow 64 bits without a sign. */
	if (len - negative == 0 || len - negative > 19)
		return false;
	for (size_t i = negative; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		magnitude = magnitude * 10 + (uint64_t)(text[i] - '0');
	}
	if (magnitude > (uint64_t)INT64_MAX + negative)
		return false;
	*out = (int64_t)(negative ? 0 - magnitude : magnitude);
	return true;
}

static bool take_real(const char *text, size_t len, double *out)
{
	if (rb_real_parse(text, len, out))
		return true;
	if (strcmp(text, "NaN") == 0)
		*out = (double)NAN;
	else if (strcmp(text, "Infinity") == 0)
		*out = (double)INFINITY;
	else if (strcmp(text, "-Infinity") == 0)
		*out = (double)-INFINITY;
	else
		return false;
	return true;
}

/* \x and two digits a byte; the bytes take the place of the first half. */
static bool take_bytes(char *text, size_t len, struct rb_bytes *out)
{
	if (len < 2 || len % 2 != 0 || memcmp(text, "\\x", 2) != 0)
		return false;
	out->len = len / 2 - 1;
	out->data = text;
	return rb_hex_decode(text + 2, len - 2, text, out->len);
}

static void take_text(const char *text, size_t len, struct rb_value *out)
{
	out->kind = rb_utf8_valid_len(text, len) == len ? RB_VALUE_TEXT : RB_VALUE_TEXT_RAW;
	out->u.bytes.data = text;
	out->u.bytes.len = len;
}

int rb_pg_value(const char *form, char *text, size_t len, struct rb_value *out, struct rb_err *err)
{
	bool is_good = true;

	switch (form[0]) {
	case 'b':
		if (form[1] == 'l') {
			out->kind = RB_VALUE_BLOB;
			is_good = take_bytes(text, len, &out->u.bytes);
			break;
		}
		out->kind = RB_VALUE_BOOL;
		out->u.i = text[0] == 't';
		is_good = len == 1 && (text[0] == 't' || text[0] == 'f');
		break;
	case 'i':
		out->kind = RB_VALUE_INT;
		is_good = take_int(text, len, &out->u.i);
		break;
	case 'r':
		out->kind = RB_VALUE_REAL;
		is_good = take_real(text, len, &out->u.r);
		break;
	case 'n':
		take_text(text, len, out);
		/* NaN and the infinities end in letters. */
		if (len > 0 && text[len - 1] <= '9')
			out->kind = RB_VALUE_NUMBER;
		break;
	default:
		take_text(text, len, out);
		break;
	}
	return is_good ? RB_OK : is_none(form, text, len, err);
}
