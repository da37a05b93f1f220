/*
 * See target_priv.h: values as texts for the server.
 *
 * source  postgresql.org/docs/current/sql-copy.html, "Text Format"
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "rowback/value/real.h"
#include "target_priv.h"

static int add_real(struct rb_buf *out, double real, struct rb_err *err)
{
	char text[RB_REAL_TEXT_SIZE];

	if (isnan(real))
		return rb_buf_adds(out, "NaN", err);
	if (isinf(real))
		return rb_buf_adds(out, real > 0 ? "Infinity" : "-Infinity", err);
	return rb_buf_add(out, text, rb_real_format(real, text), err);
}

/* Hexadecimal, as bytea_output = hex has it, but for its "\x". */
static int add_hex(struct rb_buf *out, const struct rb_bytes *bytes, struct rb_err *err)
{
	static const char digits[] = "0123456789abcdef";
	int rc = rb_buf_reserve(out, bytes->len * 2, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < bytes->len; i++) {
		unsigned char c = (unsigned char)bytes->data[i];

		out->data[out->len++] = digits[c >> 4];
		out->data[out->len++] = digits[c & 15];
	}
	out->data[out->len] = '\0';
	return RB_OK;
}

/* Text and numbers; PostgreSQL has no NUL in them. */
static int check_text(const struct rb_bytes *bytes, struct rb_err *err)
{
	if (bytes->len > 0 && memchr(bytes->data, '\0', bytes->len))
		return rb_err_set(err, RB_E_FORMAT,
		                  "a text has a NUL, which PostgreSQL does not store");
	return RB_OK;
}

/* What is no text: true, 1, 2.5. */
static int add_scalar(struct rb_buf *out, const struct rb_value *value, struct rb_err *err)
{
	switch (value->kind) {
	case RB_VALUE_BOOL:
		return rb_buf_adds(out, value->u.i ? "t" : "f", err);
	case RB_VALUE_INT:
		return rb_buf_addf(out, err, "%" PRId64, value->u.i);
	case RB_VALUE_REAL:
		return add_real(out, value->u.r, err);
	default:
		return RB_OK;
	}
}

static bool is_text(const struct rb_value *value)
{
	return value->kind == RB_VALUE_TEXT || value->kind == RB_VALUE_TEXT_RAW ||
	       value->kind == RB_VALUE_NUMBER;
}

int rb_pg_add_value(struct rb_buf *out, const struct rb_value *value, struct rb_err *err)
{
	int rc;

	if (value->kind == RB_VALUE_BLOB) {
		rc = rb_buf_adds(out, "\\x", err);
		return rc < 0 ? rc : add_hex(out, &value->u.bytes, err);
	}
	if (!is_text(value))
		return add_scalar(out, value, err);
	rc = check_text(&value->u.bytes, err);
	if (rc < 0 || value->u.bytes.len == 0)
		return rc;
	return rb_buf_add(out, value->u.bytes.data, value->u.bytes.len, err);
}

/* What a byte is written as behind a backslash; 0: as it is. */
static char escape_of(char c)
{
	switch (c) {
	case '\\':
		return '\\';
	case '\n':
		return 'n';
	case '\r':
		return 'r';
	case '\t':
		return 't';
	case '\b':
		return 'b';
	case '\f':
		return 'f';
	case '\v':
		return 'v';
	default:
		return 0;
	}
}

static int add_escaped(struct rb_buf *out, const struct rb_bytes *bytes, struct rb_err *err)
{
	int rc = rb_buf_reserve(out, bytes->len * 2, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < bytes->len; i++) {
		char escape = escape_of(bytes->data[i]);

		if (escape)
			out->data[out->len++] = '\\';
		out->data[out->len++] = escape ? escape : bytes->data[i];
	}
	out->data[out->len] = '\0';
	return RB_OK;
}

int rb_pg_add_copy_slice(struct rb_buf *out, const struct rb_value *value, size_t from, size_t len,
                         struct rb_err *err)
{
	const struct rb_bytes slice = {.data = value->u.bytes.data + from, .len = len};
	int rc = RB_OK;

	if (value->kind != RB_VALUE_BLOB) {
		rc = check_text(&slice, err);
		return rc < 0 ? rc : add_escaped(out, &slice, err);
	}
	if (from == 0)
		rc = rb_buf_adds(out, "\\\\x", err);
	return rc < 0 ? rc : add_hex(out, &slice, err);
}

bool rb_pg_is_sliced(const struct rb_value *value)
{
	return (is_text(value) || value->kind == RB_VALUE_BLOB) &&
	       value->u.bytes.len > RB_PG_SLICE_BYTES;
}

int rb_pg_add_copy_value(struct rb_buf *out, const struct rb_value *value, struct rb_err *err)
{
	int rc;

	if (value->kind == RB_VALUE_NULL)
		return rb_buf_adds(out, "\\N", err);
	if (value->kind == RB_VALUE_BLOB) {
		rc = rb_buf_adds(out, "\\\\x", err);
		return rc < 0 ? rc : add_hex(out, &value->u.bytes, err);
	}
	if (!is_text(value))
		return add_scalar(out, value, err);
	rc = check_text(&value->u.bytes, err);
	return rc < 0 ? rc : add_escaped(out, &value->u.bytes, err);
}
