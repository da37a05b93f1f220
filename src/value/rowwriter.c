/*
 * See rowback/value/rowwriter.h.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "decimal_priv.h"
#include "row_priv.h"
#include "rowback/base/encode.h"
#include "rowback/value/real.h"
#include "rowback/value/rowwriter.h"

#define SCALAR_MAX 64 /* a number, true, false or {"$real":"-inf"} */
#define ESCAPE_MAX 6  /* a control character as \u001f */
#define FILE_MAX 128  /* {"$blobfile":"<64>","size":<20>} */

struct rb_rowwriter {
	struct rb_members members;
	const struct rb_blob_sink *sink;
};

/* A row being written. */
struct line {
	struct rb_buf *out;
	size_t start; /* where it begins in out */
};

int rb_rowwriter_new(const struct rb_table *table, const struct rb_blob_sink *sink,
                     struct rb_rowwriter **out, struct rb_err *err)
{
	struct rb_rowwriter *writer = calloc(1, sizeof(*writer));
	int rc;

	if (!writer)
		return rb_err_set(err, RB_E_NOMEM, "no memory to write rows of '%s'", table->name);
	writer->sink = sink;
	rc = rb_members_init(&writer->members, table, err);
	if (rc < 0) {
		free(writer);
		return rc;
	}
	*out = writer;
	return RB_OK;
}

void rb_rowwriter_free(struct rb_rowwriter *writer)
{
	if (!writer)
		return;
	rb_members_release(&writer->members);
	free(writer);
}

/* rb_buf_reserve() without a call where there is room. */
static inline int reserve(struct rb_buf *out, size_t extra, struct rb_err *err)
{
	if (out->cap > out->len && out->cap - out->len > extra && out->max >= out->len &&
	    out->max - out->len >= extra)
		return RB_OK;
	return rb_buf_reserve(out, extra, err);
}

static inline char *end_of(struct rb_buf *out)
{
	return out->data + out->len;
}

static inline void set_end(struct rb_buf *out, const char *end)
{
	out->len = (size_t)(end - out->data);
}

/* Append what is already reserved. */
static inline void put(struct rb_buf *out, const char *text, size_t len)
{
	memcpy(end_of(out), text, len);
	out->len += len;
}

static char *put_escape(char *p, unsigned char c)
{
	static const char digits[] = "0123456789abcdef";
	/* By the byte; 0: it has no letter of its own. */
	static const char letters[256] = {['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\t'] = 't',
	                                  ['\n'] = 'n', ['\f'] = 'f',  ['\r'] = 'r'};

	*p++ = '\\';
	if (letters[c]) {
		*p++ = letters[c];
		return p;
	}
	*p++ = 'u';
	*p++ = '0';
	*p++ = '0';
	*p++ = digits[c >> 4];
	*p++ = digits[c & 15];
	return p;
}

/* Leaves the closing NUL to the caller. */
static int put_quoted(const char *text, size_t len, struct rb_buf *out, struct rb_err *err)
{
	int rc = reserve(out, len + 2, err);
	char *p;

	if (rc < 0)
		return rc;
	p = end_of(out);
	*p++ = '"';
	while (len > 0) {
		size_t plain = rb_plain_len(text, len);

		memcpy(p, text, plain);
		p += plain;
		text += plain;
		len -= plain;
		if (len == 0)
			break;

		/* The escape, what is left, and the quote. */
		set_end(out, p);
		rc = reserve(out, ESCAPE_MAX + len + 1, err);
		if (rc < 0)
			return rc;
		p = put_escape(end_of(out), (unsigned char)*text);
		text++;
		len--;
	}
	*p++ = '"';
	set_end(out, p);
	return RB_OK;
}

static int put_base64(const char *tag, const struct rb_bytes *bytes, struct rb_buf *out,
                      struct rb_err *err)
{
	int rc = rb_buf_adds(out, tag, err);

	if (rc == RB_OK)
		rc = rb_base64_encode(bytes->data, bytes->len, out, err);
	if (rc == RB_OK)
		rc = rb_buf_adds(out, "\"}", err);
	return rc;
}

static int put_file(const struct rb_rowwriter *writer, const char *tag,
                    const struct rb_bytes *bytes, struct rb_buf *out, struct rb_err *err)
{
	char sha256_hex[65];
	int rc = writer->sink->put(writer->sink->ctx, bytes->data, bytes->len, sha256_hex, err);

	if (rc < 0)
		return rc;
	rc = reserve(out, FILE_MAX, err);
	if (rc < 0)
		return rc;
	put(out, tag, strlen(tag));
	put(out, sha256_hex, 64);
	put(out, "\",\"size\":", 9);
	set_end(out, rb_decimal_write(end_of(out), bytes->len));
	put(out, "}", 1);
	return RB_OK;
}

/* Strings of any kind: in the row while they are short, else in a file. */
static int put_bytes(const struct rb_rowwriter *writer, const struct rb_value *value,
                     size_t line_len, struct rb_buf *out, struct rb_err *err)
{
	const struct rb_bytes *bytes = &value->u.bytes;
	bool is_long = bytes->len > rb_inline_max(line_len);

	switch (value->kind) {
	case RB_VALUE_TEXT:
		return is_long ? put_file(writer, "{\"$textfile\":\"", bytes, out, err)
		               : put_quoted(bytes->data, bytes->len, out, err);
	case RB_VALUE_TEXT_RAW:
		return is_long ? put_file(writer, "{\"$rawfile\":\"", bytes, out, err)
		               : put_base64("{\"$text\":\"", bytes, out, err);
	default:
		return is_long ? put_file(writer, "{\"$blobfile\":\"", bytes, out, err)
		               : put_base64("{\"$blob\":\"", bytes, out, err);
	}
}

static int put_number(const struct rb_member *member, const struct rb_bytes *number,
                      struct rb_buf *out, struct rb_err *err)
{
	if (member->is_number) {
		if (number->len == 0 || rb_json_number_len(number->data, number->len) < number->len)
			return rb_err_set(err, RB_E_UNSUPPORTED, "'%.*s' is not a number",
			                  (int)(number->len < 40 ? number->len : 40), number->data);
	} else if (!rb_is_big_integer(number->data, number->len)) {
		/* Another number would be read back as an INT or a REAL. */
		return rb_err_set(err, RB_E_UNSUPPORTED,
		                  "number '%.*s' is not an integer past 64 bits",
		                  (int)(number->len < 40 ? number->len : 40), number->data);
	}
	if (number->len > RB_INLINE_MAX)
		return rb_err_set(err, RB_E_LIMIT, "number of %zu digits is over %zu", number->len,
		                  RB_INLINE_MAX);
	return rb_buf_add(out, number->data, number->len, err);
}

/* SCALAR_MAX bytes are reserved. */
static void put_int(int64_t i, struct rb_buf *out)
{
	char *p = end_of(out);
	uint64_t magnitude = (uint64_t)i;

	if (i < 0) {
		*p++ = '-';
		magnitude = 0 - magnitude;
	}
	set_end(out, rb_decimal_write(p, magnitude));
}

/* SCALAR_MAX bytes are reserved. */
static void put_real(double r, struct rb_buf *out)
{
	if (isfinite(r))
		out->len += rb_real_format(r, end_of(out));
	else if (isnan(r))
		put(out, "{\"$real\":\"nan\"}", 15);
	else if (r < 0)
		put(out, "{\"$real\":\"-inf\"}", 16);
	else
		put(out, "{\"$real\":\"inf\"}", 15);
}

static int put_member(const struct rb_rowwriter *writer, const struct rb_member *member,
                      const struct rb_value *value, const struct line *line, struct rb_err *err)
{
	struct rb_buf *out = line->out;
	size_t line_len = out->len - line->start;
	size_t comma = line_len > 1; /* after '{' there is none */
	int rc = reserve(out, member->len + SCALAR_MAX, err);

	if (rc < 0)
		return rc;
	put(out, member->text + 1 - comma, member->len - 1 + comma);
	switch (value->kind) {
	case RB_VALUE_NULL:
		break;
	case RB_VALUE_BOOL:
		put(out, value->u.i ? "true" : "false", value->u.i ? 4 : 5);
		break;
	case RB_VALUE_INT:
		put_int(value->u.i, out);
		break;
	case RB_VALUE_REAL:
		put_real(value->u.r, out);
		break;
	case RB_VALUE_NUMBER:
		return put_number(member, &value->u.bytes, out, err);
	case RB_VALUE_TEXT:
	case RB_VALUE_TEXT_RAW:
	case RB_VALUE_BLOB:
		return put_bytes(writer, value, line_len, out, err);
	}
	return RB_OK;
}

static int put_row(const struct rb_rowwriter *writer, const struct rb_value *values,
                   const struct line *line, struct rb_err *err)
{
	struct rb_buf *out = line->out;
	int rc = reserve(out, 1, err);

	if (rc < 0)
		return rc;
	put(out, "{", 1);
	for (size_t i = 0; i < writer->members.count; i++) {
		if (values[i].kind == RB_VALUE_NULL)
			continue;
		rc = put_member(writer, &writer->members.list[i], &values[i], line, err);
		if (rc < 0)
			return rc;
		if (out->len - line->start > RB_ROW_MAX - 2)
			return rb_err_set(err, RB_E_LIMIT, "row is longer than %zu bytes",
			                  RB_ROW_MAX);
	}
	return rb_buf_add(out, "}\n", 2, err);
}

int rb_rowwriter_add(struct rb_rowwriter *writer, const struct rb_value *values, struct rb_buf *out,
                     struct rb_err *err)
{
	const struct line line = {.out = out, .start = out->len};
	int rc = put_row(writer, values, &line, err);

	if (rc < 0 && out->data) {
		out->len = line.start;
		out->data[out->len] = '\0';
	}
	return rc;
}

int rb_row_quote(const char *text, size_t len, struct rb_buf *out, struct rb_err *err)
{
	size_t before = out->len;
	int rc = put_quoted(text, len, out, err);

	if (rc < 0)
		out->len = before;
	if (out->data)
		out->data[out->len] = '\0';
	return rc;
}
