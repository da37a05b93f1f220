/*
 * See rowback/value/rowreader.h.
 */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "row_priv.h"
#include "rowback/base/encode.h"
#include "rowback/value/real.h"
#include "rowback/value/rowreader.h"

/* Bytes of a column's name in a message. */
#define NAME_SHOWN 120

struct rb_rowreader {
	struct rb_members members;
	const struct rb_blob_source *source;
	struct rb_buf decoded; /* strings of the line that cannot be pointed at in it */
	struct rb_buf *files;  /* for each column: the bytes of its file */
	bool files_used;
};

/* A line being read. */
struct input {
	struct rb_rowreader *reader;
	const char *line;
	const char *p;
	const char *end;
	const struct rb_member *member; /* whose value is read; NULL between members */
	size_t member_at;               /* bytes of the line before it */
	struct rb_err *err;
};

int rb_rowreader_new(const struct rb_table *table, const struct rb_blob_source *source,
                     struct rb_rowreader **out, struct rb_err *err)
{
	struct rb_rowreader *reader = calloc(1, sizeof(*reader));
	int rc;

	if (!reader)
		return rb_err_set(err, RB_E_NOMEM, "no memory to read rows of '%s'", table->name);
	reader->source = source;
	rb_buf_init(&reader->decoded, RB_ROW_MAX);
	rc = rb_members_init(&reader->members, table, err);
	if (rc < 0)
		goto out;
	reader->files = calloc(reader->members.count + 1, sizeof(*reader->files));
	if (!reader->files) {
		rc = rb_err_set(err, RB_E_NOMEM, "no memory to read rows of '%s'", table->name);
		goto out;
	}
	*out = reader;
	reader = NULL;

out:
	rb_rowreader_free(reader);
	return rc;
}

/* Long values are not kept longer than their row. */
static void release_files(struct rb_rowreader *reader)
{
	for (size_t i = 0; reader->files_used && i < reader->members.count; i++)
		rb_buf_release(&reader->files[i]);
	reader->files_used = false;
}

void rb_rowreader_free(struct rb_rowreader *reader)
{
	if (!reader)
		return;
	release_files(reader);
	free(reader->files);
	rb_buf_release(&reader->decoded);
	rb_members_release(&reader->members);
	free(reader);
}

/* A failure at the byte that is read. */
static int malformed(const struct input *in, const char *why)
{
	size_t at = (size_t)(in->p - in->line);
	size_t shown;

	if (!in->member)
		return rb_err_set(in->err, RB_E_FORMAT, "byte %zu: %s", at, why);
	shown = in->member->len - 2; /* without comma and colon */
	if (shown > NAME_SHOWN)
		shown = NAME_SHOWN;
	return rb_err_set(in->err, RB_E_FORMAT, "column %.*s, byte %zu: %s", (int)shown,
	                  in->member->text + 1, at, why);
}

static size_t left(const struct input *in)
{
	return (size_t)(in->end - in->p);
}

/* Step over text when it comes next. */
static bool take(struct input *in, const char *text, size_t len)
{
	if (left(in) < len || memcmp(in->p, text, len) != 0)
		return false;
	in->p += len;
	return true;
}

static int check_inline(const struct input *in, size_t len)
{
	if (len > rb_inline_max(in->member_at))
		return malformed(in, "value is too long to be in the row");
	return RB_OK;
}

/* Room for all strings of the line, so that none moves when the next one is decoded. */
static int reserve_decoded(struct input *in)
{
	if (in->reader->decoded.len > 0)
		return RB_OK;
	return rb_buf_reserve(&in->reader->decoded, (size_t)(in->end - in->line), in->err);
}

/* The byte that \u00xx stands for, or -1. */
static int unicode_escape(const char *p, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const char *low;
	int c;

	if (len < 4 || memcmp(p, "00", 2) != 0 || (p[2] != '0' && p[2] != '1') || p[3] == '\0')
		return -1;
	low = strchr(digits, p[3]);
	if (!low)
		return -1;
	c = (p[2] - '0') * 16 + (int)(low - digits);
	/* Those have a letter of their own. */
	return c && strchr("\b\t\n\f\r", c) ? -1 : c;
}

/* Step over an escape, its backslash included; the byte it stands for, or -1. */
static int take_escape(struct input *in)
{
	/* By the letter behind the backslash; 0: it stands for no byte. */
	static const char bytes[256] = {['"'] = '"',  ['\\'] = '\\', ['b'] = '\b', ['t'] = '\t',
	                                ['n'] = '\n', ['f'] = '\f',  ['r'] = '\r'};
	char byte;
	int c;

	if (left(in) < 2)
		return -1;
	byte = bytes[(unsigned char)in->p[1]];
	if (byte) {
		in->p += 2;
		return byte;
	}
	if (in->p[1] != 'u')
		return -1;
	c = unicode_escape(in->p + 2, left(in) - 2);
	if (c >= 0)
		in->p += 6;
	return c;
}

/* A string with escapes; the quote before it is taken. */
static int read_escaped(struct input *in, struct rb_bytes *out)
{
	struct rb_buf *decoded = &in->reader->decoded;
	size_t start = decoded->len;
	int rc = reserve_decoded(in);

	if (rc < 0)
		return rc;
	for (;;) {
		size_t plain = rb_plain_len(in->p, left(in));
		int c;

		memcpy(decoded->data + decoded->len, in->p, plain);
		decoded->len += plain;
		in->p += plain;
		if (left(in) == 0)
			return malformed(in, "string does not end");
		if (*in->p == '"')
			break;
		if (*in->p != '\\')
			return malformed(in, "control character in a string");
		c = take_escape(in);
		if (c < 0)
			return malformed(in, "escape is not one that rows have");
		decoded->data[decoded->len++] = (char)c;
	}
	in->p++;
	out->data = decoded->data + start;
	out->len = decoded->len - start;
	return RB_OK;
}

static int read_text(struct input *in, struct rb_value *value)
{
	struct rb_bytes *bytes = &value->u.bytes;
	size_t plain;

	value->kind = RB_VALUE_TEXT;
	in->p++;
	plain = rb_plain_len(in->p, left(in));
	if (plain < left(in) && in->p[plain] == '"') {
		bytes->data = in->p;
		bytes->len = plain;
		in->p += plain + 1;
	} else {
		int rc = read_escaped(in, bytes);

		if (rc < 0)
			return rc;
	}
	return check_inline(in, bytes->len);
}

/* Bytes that can be in a number. */
static size_t number_len(const char *p, size_t len, bool *is_real)
{
	size_t i = 0;

	*is_real = false;
	for (; i < len; i++) {
		char c = p[i];

		if (c == '.' || c == 'e')
			*is_real = true;
		else if ((c < '0' || c > '9') && c != '-')
			break;
	}
	return i;
}

static int read_real(struct input *in, size_t len, struct rb_value *value)
{
	char text[RB_REAL_TEXT_SIZE];

	if (len >= RB_REAL_TEXT_SIZE || !rb_real_parse(in->p, len, &value->u.r) ||
	    rb_real_format(value->u.r, text) != len || memcmp(text, in->p, len) != 0)
		return malformed(in, "real is not in its shortest form");
	value->kind = RB_VALUE_REAL;
	in->p += len;
	return RB_OK;
}

/* An integer in its one decimal form; false when it is malformed or past 64 bits. */
static bool parse_int(const char *p, size_t len, int64_t *out)
{
	bool negative = len > 0 && p[0] == '-';
	uint64_t magnitude = 0;

	p += negative;
	len -= negative;
	/* 19 digits never overflow 64 bits without a sign. */
	if (len == 0 || len > 19 || (p[0] == '0' && (len > 1 || negative)))
		return false;
	for (; len > 0; p++, len--) {
		if (*p < '0' || *p > '9')
			return false;
		magnitude = magnitude * 10 + (uint64_t)(*p - '0');
	}
	if (magnitude > (uint64_t)INT64_MAX + negative)
		return false;
	*out = (int64_t)(negative ? 0 - magnitude : magnitude);
	return true;
}

/* A number that keeps its text, whatever it is. */
static int read_kept_number(struct input *in, struct rb_value *value)
{
	size_t len = rb_json_number_len(in->p, left(in));

	if (len == 0)
		return malformed(in, "number is malformed");
	if (len > RB_INLINE_MAX)
		return malformed(in, "number is too long");
	value->kind = RB_VALUE_NUMBER;
	value->u.bytes.data = in->p;
	value->u.bytes.len = len;
	in->p += len;
	return RB_OK;
}

static int read_number(struct input *in, struct rb_value *value)
{
	bool is_real;
	size_t len = number_len(in->p, left(in), &is_real);

	if (is_real)
		return read_real(in, len, value);
	value->kind = RB_VALUE_INT;
	if (parse_int(in->p, len, &value->u.i)) {
		in->p += len;
		return RB_OK;
	}
	if (!rb_is_big_integer(in->p, len) || len > RB_INLINE_MAX)
		return malformed(in, "integer is not in its shortest form");
	value->kind = RB_VALUE_NUMBER;
	value->u.bytes.data = in->p;
	value->u.bytes.len = len;
	in->p += len;
	return RB_OK;
}

/* The rest of {"$blob":"<base64>"} or {"$text":"<base64>"}. */
static int read_base64(struct input *in, struct rb_value *value)
{
	struct rb_buf *decoded = &in->reader->decoded;
	const char *quote = memchr(in->p, '"', left(in));
	const char *room;
	size_t start = decoded->len;
	int rc;

	if (!quote)
		return malformed(in, "string does not end");
	rc = reserve_decoded(in);
	if (rc < 0)
		return rc;
	room = decoded->data;
	rc = rb_base64_decode(in->p, (size_t)(quote - in->p), decoded, in->err);
	if (rc < 0)
		return rc == RB_E_FORMAT ? malformed(in, "base64 is malformed") : rc;
	assert(decoded->data == room);
	(void)room;

	in->p = quote + 1;
	if (!take(in, "}", 1))
		return malformed(in, "'}' is missing");
	value->u.bytes.data = decoded->data + start;
	value->u.bytes.len = decoded->len - start;
	return check_inline(in, value->u.bytes.len);
}

/* The rest of {"$real":"inf"}. */
static int read_special_real(struct input *in, struct rb_value *value)
{
	if (take(in, "inf\"}", 5))
		value->u.r = (double)INFINITY;
	else if (take(in, "-inf\"}", 6))
		value->u.r = (double)-INFINITY;
	else if (take(in, "nan\"}", 5))
		value->u.r = (double)NAN;
	else
		return malformed(in, "real is none of inf, -inf and nan");
	value->kind = RB_VALUE_REAL;
	return RB_OK;
}

static int fetch_file(struct input *in, const char sha256_hex[65], size_t size,
                      struct rb_value *value)
{
	struct rb_rowreader *reader = in->reader;
	struct rb_buf *file = &reader->files[in->member - reader->members.list];
	int rc;

	value->u.bytes.data = NULL;
	value->u.bytes.len = 0;
	if (!reader->source)
		return RB_OK;

	reader->files_used = true;
	rb_buf_init(file, size);
	rc = reader->source->get(reader->source->ctx, sha256_hex, size, file, in->err);
	if (rc < 0)
		return rc;
	if (file->len != size)
		return malformed(in, "file is not as long as the row says");
	if (value->kind == RB_VALUE_TEXT && rb_utf8_valid_len(file->data, size) < size)
		return malformed(in, "text in a file is not UTF-8");
	value->u.bytes.data = file->data;
	value->u.bytes.len = size;
	return RB_OK;
}

static bool take_sha256(struct input *in, char out[65])
{
	if (left(in) < 64)
		return false;
	for (size_t i = 0; i < 64; i++) {
		char c = in->p[i];

		if ((c < '0' || c > '9') && (c < 'a' || c > 'f'))
			return false;
		out[i] = c;
	}
	out[64] = '\0';
	in->p += 64;
	return true;
}

/* The rest of {"$blobfile":"<sha256>","size":N} and its likes. */
static int read_file(struct input *in, struct rb_value *value)
{
	char sha256_hex[65];
	int64_t size;
	size_t digits;
	bool is_real;

	if (!take_sha256(in, sha256_hex))
		return malformed(in, "SHA-256 is not 64 lower-case digits");
	if (!take(in, "\",\"size\":", 9))
		return malformed(in, "size is missing");
	digits = number_len(in->p, left(in), &is_real);
	if (!parse_int(in->p, digits, &size))
		return malformed(in, "size is not an integer in its shortest form");
	if (size <= 0 || (uint64_t)size <= rb_inline_max(in->member_at))
		return malformed(in, "value is too short to be in a file");
	in->p += digits;
	if (!take(in, "}", 1))
		return malformed(in, "'}' is missing");
	return fetch_file(in, sha256_hex, (size_t)size, value);
}

static int read_tagged(struct input *in, struct rb_value *value)
{
	static const struct {
		const char *text;
		enum rb_value_kind kind;
		int (*read)(struct input *in, struct rb_value *value);
	} tags[] = {
	        {"{\"$blob\":\"", RB_VALUE_BLOB, read_base64},
	        {"{\"$text\":\"", RB_VALUE_TEXT_RAW, read_base64},
	        {"{\"$real\":\"", RB_VALUE_REAL, read_special_real},
	        {"{\"$blobfile\":\"", RB_VALUE_BLOB, read_file},
	        {"{\"$textfile\":\"", RB_VALUE_TEXT, read_file},
	        {"{\"$rawfile\":\"", RB_VALUE_TEXT_RAW, read_file},
	};

	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		if (!take(in, tags[i].text, strlen(tags[i].text)))
			continue;
		value->kind = tags[i].kind;
		return tags[i].read(in, value);
	}
	return malformed(in, "object is not one that rows have");
}

static int read_value(struct input *in, struct rb_value *value)
{
	if (left(in) == 0)
		return malformed(in, "value is missing");
	switch (*in->p) {
	case '"':
		return read_text(in, value);
	case '{':
		return read_tagged(in, value);
	case 't':
	case 'f':
		value->kind = RB_VALUE_BOOL;
		value->u.i = *in->p == 't';
		if (take(in, "true", 4) || take(in, "false", 5))
			return RB_OK;
		return malformed(in, "value is malformed");
	default:
		if (*in->p != '-' && (*in->p < '0' || *in->p > '9'))
			return malformed(in, "value is malformed");
		return in->member->is_number ? read_kept_number(in, value) : read_number(in, value);
	}
}

/* Step over a member's beginning when it comes next. */
static bool take_member(struct input *in, const struct rb_member *member)
{
	size_t skip = in->p == in->line + 1; /* no comma behind '{' */

	in->member_at = (size_t)(in->p - in->line);
	return take(in, member->text + skip, member->len - skip);
}

static int read_row(struct input *in, struct rb_value *values)
{
	const struct rb_members *members = &in->reader->members;

	if (!take(in, "{", 1))
		return malformed(in, "row does not begin with '{'");
	for (size_t i = 0; i < members->count; i++) {
		int rc;

		if (!take_member(in, &members->list[i])) {
			values[i].kind = RB_VALUE_NULL;
			continue;
		}
		in->member = &members->list[i];
		rc = read_value(in, &values[i]);
		if (rc < 0)
			return rc;
		in->member = NULL;
	}
	if (left(in) == 0 || *in->p != '}')
		return malformed(in, "neither the next column nor the row's end");
	in->p++;
	if (left(in) > 0)
		return malformed(in, "text behind the row's end");
	return RB_OK;
}

int rb_rowreader_line(struct rb_rowreader *reader, const char *line, size_t len,
                      struct rb_value *values, struct rb_err *err)
{
	struct input in = {.reader = reader, .line = line, .p = line, .err = err};
	size_t valid;

	release_files(reader);
	rb_buf_clear(&reader->decoded);
	if (len >= RB_ROW_MAX)
		return rb_err_set(err, RB_E_LIMIT, "row is longer than %zu bytes", RB_ROW_MAX);

	/* Once for the line: the pieces between its ASCII delimiters are UTF-8 then. */
	in.end = line + len;
	valid = rb_utf8_valid_len(line, len);
	if (valid < len) {
		in.p = line + valid;
		return malformed(&in, "not UTF-8");
	}
	return read_row(&in, values);
}
