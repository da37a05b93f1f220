/*
 * See convert_priv.h: values on their way.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "rowback/base/encode.h"
#include "rowback/value/real.h"
#include "rowback/value/rowwriter.h"
#include "convert_priv.h"

static int add_real(double real, struct rb_buf *out, struct rb_err *err)
{
	char text[RB_REAL_TEXT_SIZE];

	return rb_buf_add(out, text, rb_real_format(real, text), err);
}

static int add_tagged(const char *tag, const struct rb_bytes *bytes, struct rb_buf *out,
                      struct rb_err *err)
{
	int rc = rb_buf_addf(out, err, "{\"%s\":\"", tag);

	if (rc == RB_OK)
		rc = rb_base64_encode(bytes->data, bytes->len, out, err);
	return rc < 0 ? rc : rb_buf_adds(out, "\"}", err);
}

int rb_convert_json(const struct rb_value *value, struct rb_buf *out, struct rb_err *err)
{
	switch (value->kind) {
	case RB_VALUE_BOOL:
		return rb_buf_adds(out, value->u.i ? "true" : "false", err);
	case RB_VALUE_INT:
		return rb_buf_addf(out, err, "%" PRId64, value->u.i);
	case RB_VALUE_REAL:
		if (isnan(value->u.r))
			return rb_buf_adds(out, "{\"$real\":\"nan\"}", err);
		if (isinf(value->u.r))
			return rb_buf_addf(out, err, "{\"$real\":\"%sinf\"}",
			                   value->u.r < 0 ? "-" : "");
		return add_real(value->u.r, out, err);
	case RB_VALUE_NUMBER:
		return rb_buf_add(out, value->u.bytes.data, value->u.bytes.len, err);
	case RB_VALUE_TEXT:
		return rb_row_quote(value->u.bytes.data, value->u.bytes.len, out, err);
	case RB_VALUE_TEXT_RAW:
		return add_tagged("$text", &value->u.bytes, out, err);
	case RB_VALUE_BLOB:
		return add_tagged("$blob", &value->u.bytes, out, err);
	default:
		return rb_buf_adds(out, "null", err);
	}
}

/* What SQLite has: NULL, integers, reals that are numbers, texts, blobs. */
static void for_sqlite(struct rb_value *value)
{
	static const char nan_text[] = "NaN";

	if (value->kind == RB_VALUE_BOOL) {
		value->kind = RB_VALUE_INT;
	} else if (value->kind == RB_VALUE_NUMBER) {
		value->kind = RB_VALUE_TEXT;
	} else if (value->kind == RB_VALUE_REAL && isnan(value->u.r)) {
		value->kind = RB_VALUE_TEXT;
		value->u.bytes.data = nan_text;
		value->u.bytes.len = sizeof(nan_text) - 1;
	}
}

int rb_convert_value(enum rb_convert_how how, const struct rb_value *value, struct rb_value *out,
                     struct rb_buf *room, struct rb_err *err)
{
	int rc;

	*out = *value;
	if (value->kind == RB_VALUE_NULL || how == RB_CONVERT_KEEP)
		return RB_OK;
	if (how == RB_CONVERT_SQLITE) {
		for_sqlite(out);
		return RB_OK;
	}
	if (how == RB_CONVERT_BYTES) {
		out->kind = RB_VALUE_BLOB;
		return RB_OK;
	}
	/* The JSON of a number is its digits. */
	rb_buf_clear(room);
	rc = rb_convert_json(value, room, err);
	out->kind = how == RB_CONVERT_DIGITS ? RB_VALUE_NUMBER : RB_VALUE_TEXT;
	out->u.bytes.data = room->data;
	out->u.bytes.len = room->len;
	return rc;
}
