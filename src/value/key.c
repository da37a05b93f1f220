/*
 * See rowback/value/key.h.
 */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "rowback/value/key.h"

/* First bytes of the encodings; their order is the order of kinds. */
enum {
	TAG_NULL = 0x05,
	TAG_BOOL = 0x08,
	TAG_NUMERIC = 0x10,
	TAG_NAN = 0x11,
	TAG_NUMBER = 0x12,
	TAG_TEXT = 0x20,
	TAG_TEXT_RAW = 0x21,
	TAG_BLOB = 0x30,
};

#define NUMERIC_SIZE 12        /* tag, ordered bits, remainder, kind */
#define TWO_63 0x1p63          /* one more than the greatest int64 */
#define SHORT_INT 10000000000u /* integers below have 10 digits in names */
#define NAME_CUT 60            /* bytes of a name too long that are kept */

/* The key of a value is bounded by the value, and that by who made it. */
#define KEY_MAX (SIZE_MAX / 2)

static void put_be64(unsigned char *out, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		out[i] = (unsigned char)(v >> (56 - 8 * i));
}

/* IEEE 754 bits, changed so that their order as integers is the order of the reals. */
static uint64_t ordered_bits(double r)
{
	const uint64_t sign = (uint64_t)1 << 63;
	uint64_t bits;

	if (r == 0)
		r = 0; /* -0.0 is the same key */
	memcpy(&bits, &r, sizeof(bits));
	return bits & sign ? ~bits : bits | sign;
}

/* The greatest integer at or below i that a double holds exactly. */
static int64_t floor_to_double(int64_t i)
{
	uint64_t magnitude = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
	uint64_t mask = 0;

	while (magnitude >> 53) {
		magnitude >>= 1;
		mask = mask << 1 | 1;
	}
	/* Clearing low bits of two's complement rounds down, below zero too. */
	return (int64_t)((uint64_t)i & ~mask);
}

static void put_int(unsigned char *out, int64_t i)
{
	int64_t base = floor_to_double(i);
	uint64_t above = (uint64_t)i - (uint64_t)base;

	out[0] = TAG_NUMERIC;
	put_be64(out + 1, ordered_bits((double)base));
	out[9] = (unsigned char)(above >> 8);
	out[10] = (unsigned char)above;
	out[11] = 0;
}

static void put_real(unsigned char *out, double r)
{
	out[0] = TAG_NUMERIC;
	put_be64(out + 1, ordered_bits(r));
	out[9] = 0;
	out[10] = 0;
	out[11] = 1;
}

static size_t count_nuls(const char *data, size_t len)
{
	const char *end = data + len;
	size_t count = 0;

	for (const char *p = data; p < end; p++, count++) {
		p = memchr(p, 0, (size_t)(end - p));
		if (!p)
			break;
	}
	return count;
}

/* tag <bytes, 00 written as 00 FF> 00 01 */
static int add_bytes(unsigned char tag, const struct rb_bytes *bytes, struct rb_buf *out,
                     struct rb_err *err)
{
	size_t nuls = bytes->len ? count_nuls(bytes->data, bytes->len) : 0;
	int rc = rb_buf_reserve(out, bytes->len + nuls + 3, err);
	char *p;

	if (rc < 0)
		return rc;
	p = out->data + out->len;
	*p++ = (char)tag;
	if (nuls == 0) {
		if (bytes->len > 0)
			memcpy(p, bytes->data, bytes->len);
		p += bytes->len;
	} else {
		for (size_t i = 0; i < bytes->len; i++) {
			*p++ = bytes->data[i];
			if (bytes->data[i] == '\0')
				*p++ = (char)0xFF;
		}
	}
	*p++ = '\0';
	*p++ = 1;
	*p = '\0';
	out->len = (size_t)(p - out->data);
	return RB_OK;
}

int rb_key_add(const struct rb_value *value, struct rb_buf *out, struct rb_err *err)
{
	unsigned char fixed[NUMERIC_SIZE];

	switch (value->kind) {
	case RB_VALUE_NULL:
		fixed[0] = TAG_NULL;
		return rb_buf_add(out, fixed, 1, err);
	case RB_VALUE_BOOL:
		fixed[0] = TAG_BOOL;
		fixed[1] = value->u.i != 0;
		return rb_buf_add(out, fixed, 2, err);
	case RB_VALUE_INT:
		put_int(fixed, value->u.i);
		return rb_buf_add(out, fixed, NUMERIC_SIZE, err);
	case RB_VALUE_REAL:
		if (isnan(value->u.r)) {
			fixed[0] = TAG_NAN;
			return rb_buf_add(out, fixed, 1, err);
		}
		put_real(fixed, value->u.r);
		return rb_buf_add(out, fixed, NUMERIC_SIZE, err);
	case RB_VALUE_NUMBER:
		return add_bytes(TAG_NUMBER, &value->u.bytes, out, err);
	case RB_VALUE_TEXT:
		return add_bytes(TAG_TEXT, &value->u.bytes, out, err);
	case RB_VALUE_TEXT_RAW:
		return add_bytes(TAG_TEXT_RAW, &value->u.bytes, out, err);
	case RB_VALUE_BLOB:
		return add_bytes(TAG_BLOB, &value->u.bytes, out, err);
	}
	return rb_err_set(err, RB_E_UNSUPPORTED, "value kind %d cannot be in a key",
	                  (int)value->kind);
}

int rb_key_of_row(const struct rb_value *values, const size_t *positions, size_t count,
                  struct rb_buf *out, struct rb_err *err)
{
	size_t before = out->len;

	for (size_t i = 0; i < count; i++) {
		int rc = rb_key_add(&values[positions[i]], out, err);

		if (rc < 0) {
			out->len = before;
			if (out->data)
				out->data[before] = '\0';
			return rc;
		}
	}
	return RB_OK;
}

int rb_key_compare(const void *a, size_t a_len, const void *b, size_t b_len)
{
	size_t common = a_len < b_len ? a_len : b_len;
	int order = common ? memcmp(a, b, common) : 0;

	if (order != 0)
		return order;
	return (a_len > b_len) - (a_len < b_len);
}

uint64_t rb_key_hash(const void *key, size_t len)
{
	const unsigned char *p = key;
	uint64_t h = 0xcbf29ce484222325u; /* FNV offset basis */

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3u; /* FNV prime */

	/* FNV-1a leaves the high bits of short keys alike; this spreads them. */
	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdu;
	h ^= h >> 33;
	h *= 0xc4ceb9fe1a85ec53u;
	h ^= h >> 33;
	return h;
}

/* A name being made; what is past the maximum is dropped, the length tells. */
struct name {
	char text[RB_KEY_NAME_MAX + 1];
	size_t len; /* RB_KEY_NAME_MAX + 1 when the name is too long */
};

static void name_char(struct name *name, char c)
{
	if (name->len < sizeof(name->text))
		name->text[name->len++] = c;
}

static void name_digits(struct name *name, uint64_t v, int width)
{
	char digits[20];

	for (int i = width; i-- > 0; v /= 10)
		digits[i] = (char)('0' + v % 10);
	for (int i = 0; i < width; i++)
		name_char(name, digits[i]);
}

static void name_hex(struct name *name, uint64_t v, int digits)
{
	for (int i = digits; i-- > 0;)
		name_char(name, "0123456789abcdef"[v >> (4 * i) & 15]);
}

static void name_int(struct name *name, int64_t i)
{
	if (i < 0) {
		name_char(name, '-');
		name_digits(name, (uint64_t)i ^ (uint64_t)1 << 63, 19);
	} else if ((uint64_t)i < SHORT_INT) {
		name_digits(name, (uint64_t)i, 10);
	} else {
		name_char(name, '=');
		name_digits(name, (uint64_t)i, 19);
	}
}

static int64_t floor_of(double r)
{
	int64_t i = (int64_t)r; /* towards zero */

	return (double)i > r ? i - 1 : i;
}

static void name_real(struct name *name, double r)
{
	if (isnan(r)) {
		name_char(name, '@');
		return;
	}
	if (r < -TWO_63) {
		name_char(name, '+');
	} else if (r >= TWO_63) {
		name_char(name, '=');
		name_char(name, 'r');
	} else {
		name_int(name, floor_of(r));
		name_char(name, 'r');
	}
	name_hex(name, ordered_bits(r), 16);
}

static void name_escaped_byte(struct name *name, unsigned char c)
{
	if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '_') {
		name_char(name, (char)c);
		return;
	}
	if (c >= 'A' && c <= 'Z') {
		name_char(name, '=');
		name_char(name, (char)(c - 'A' + 'a'));
		return;
	}

	/* The lead stands where the bytes it is for stand among the plain ones. */
	if (c < '0')
		name_char(name, '%');
	else if (c < 'A')
		name_char(name, ';');
	else if (c < '_')
		name_char(name, '@');
	else if (c < 'a')
		name_char(name, '`');
	else
		name_char(name, '~');
	name_hex(name, c, 2);
}

static void name_bytes(struct name *name, char lead, const struct rb_bytes *bytes)
{
	name_char(name, lead);
	for (size_t i = 0; i < bytes->len && name->len < sizeof(name->text); i++)
		name_escaped_byte(name, (unsigned char)bytes->data[i]);
}

static void name_blob(struct name *name, const struct rb_bytes *bytes)
{
	name_char(name, 'x');
	for (size_t i = 0; i < bytes->len && name->len < sizeof(name->text); i++)
		name_hex(name, (unsigned char)bytes->data[i], 2);
}

static void name_value(struct name *name, const struct rb_value *value)
{
	switch (value->kind) {
	case RB_VALUE_NULL:
		name_char(name, '%');
		break;
	case RB_VALUE_BOOL:
		name_char(name, '%');
		name_char(name, value->u.i ? 't' : 'f');
		break;
	case RB_VALUE_INT:
		name_int(name, value->u.i);
		break;
	case RB_VALUE_REAL:
		name_real(name, value->u.r);
		break;
	case RB_VALUE_NUMBER:
		name_bytes(name, '^', &value->u.bytes);
		break;
	case RB_VALUE_TEXT:
		name_bytes(name, '_', &value->u.bytes);
		break;
	case RB_VALUE_TEXT_RAW:
		name_bytes(name, '`', &value->u.bytes);
		break;
	case RB_VALUE_BLOB:
		name_blob(name, &value->u.bytes);
		break;
	}
}

/* Such a column is ended, lest what follows the name is compared with its next byte. */
static bool has_varying_length(enum rb_value_kind kind)
{
	return kind >= RB_VALUE_NUMBER;
}

static void name_ordinal(struct name *name, uint64_t ordinal)
{
	name_char(name, '=');
	if (ordinal < SHORT_INT) {
		name_digits(name, ordinal, 10);
	} else {
		name_char(name, '=');
		name_digits(name, ordinal, 20);
	}
}

/* Keep the start of a name that is too long, and tell it apart by the key's hash. */
static int cut_name(struct name *name, const struct rb_value *values, const size_t *positions,
                    size_t count, uint64_t ordinal, struct rb_err *err)
{
	struct rb_buf key = RB_BUF(KEY_MAX);
	unsigned char suffix[8];
	int rc = rb_key_of_row(values, positions, count, &key, err);

	if (rc < 0)
		goto out;
	if (ordinal > 0) {
		put_be64(suffix, ordinal);
		rc = rb_buf_add(&key, suffix, sizeof(suffix), err);
		if (rc < 0)
			goto out;
	}

	name->len = NAME_CUT;
	name_char(name, '~');
	name_char(name, '~');
	name_hex(name, rb_key_hash(key.data, key.len), 16);

out:
	rb_buf_release(&key);
	return rc;
}

int rb_key_name(const struct rb_value *values, const size_t *positions, size_t count,
                uint64_t ordinal, struct rb_buf *out, struct rb_err *err)
{
	struct name name = {.len = 0};

	if (count == 0)
		name_char(&name, '%');
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			name_char(&name, '#');
		name_value(&name, &values[positions[i]]);
	}
	if (count > 0 && has_varying_length(values[positions[count - 1]].kind))
		name_char(&name, '#');
	if (ordinal > 0)
		name_ordinal(&name, ordinal);

	if (name.len > RB_KEY_NAME_MAX) {
		int rc = cut_name(&name, values, positions, count, ordinal, err);

		if (rc < 0)
			return rc;
	}
	return rb_buf_add(out, name.text, name.len, err);
}
