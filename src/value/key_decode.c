/*
 * See rowback/value/key.h: reading keys back.
 */
#include <math.h>
#include <string.h>

#include "rowback/value/key.h"

/* Tags as key.h lists them. */
enum {
	TAG_NULL = 0x05,
	TAG_BOOL = 0x08,
	TAG_NUMERIC = 0x10,
	TAG_NAN = 0x11,
	TAG_NUMBER = 0x12,
	TAG_TEXT = 0x20,
	TAG_TEXT_RAW = 0x21,
	TAG_BLOB = 0x30
};

static uint64_t load_be64(const unsigned char *bytes)
{
	uint64_t word = 0;

	for (size_t i = 0; i < 8; i++)
		word = word << 8 | bytes[i];
	return word;
}

/* 8 ordered bits, 2 of residual, 1 of kind. */
static void decode_numeric(const unsigned char *bytes, struct rb_value *out)
{
	uint64_t bits = load_be64(bytes);
	double floor_value;

	bits = bits & UINT64_C(1) << 63 ? bits ^ UINT64_C(1) << 63 : ~bits;
	memcpy(&floor_value, &bits, sizeof(floor_value));
	if (bytes[10] == 1) {
		out->kind = RB_VALUE_REAL;
		out->u.r = floor_value;
		return;
	}
	out->kind = RB_VALUE_INT;
	out->u.i = (int64_t)floor_value + (int64_t)((unsigned int)bytes[8] << 8 | bytes[9]);
}

/* Escaped bytes up to 00 01; returns what was consumed, or 0 when the end is missing. */
static size_t decode_bytes(const unsigned char *bytes, size_t len, struct rb_value *out, char *room,
                           size_t *room_used)
{
	char *start = room + *room_used;
	size_t made = 0;
	size_t i = 0;

	while (i < len) {
		if (bytes[i] == 0) {
			if (i + 1 < len && bytes[i + 1] == 1) {
				out->u.bytes.data = start;
				out->u.bytes.len = made;
				*room_used += made;
				return i + 2;
			}
			start[made++] = '\0';
			i += 2;
			continue;
		}
		start[made++] = (char)bytes[i++];
	}
	return 0;
}

static enum rb_value_kind kind_of_tag(unsigned char tag)
{
	switch (tag) {
	case TAG_NUMBER:
		return RB_VALUE_NUMBER;
	case TAG_TEXT:
		return RB_VALUE_TEXT;
	case TAG_TEXT_RAW:
		return RB_VALUE_TEXT_RAW;
	default:
		return RB_VALUE_BLOB;
	}
}

/* One value; returns the bytes consumed, 0 for a key that is not well-formed. */
static size_t decode_one(const unsigned char *key, size_t len, struct rb_value *out, char *room,
                         size_t *room_used)
{
	size_t used;

	switch (key[0]) {
	case TAG_NULL:
		out->kind = RB_VALUE_NULL;
		return 1;
	case TAG_BOOL:
		out->kind = RB_VALUE_BOOL;
		out->u.i = len > 1 ? key[1] : 0;
		return len > 1 ? 2 : 0;
	case TAG_NUMERIC:
		if (len < 12)
			return 0;
		decode_numeric(key + 1, out);
		return 12;
	case TAG_NAN:
		out->kind = RB_VALUE_REAL;
		out->u.r = (double)NAN;
		return 1;
	case TAG_NUMBER:
	case TAG_TEXT:
	case TAG_TEXT_RAW:
	case TAG_BLOB:
		out->kind = kind_of_tag(key[0]);
		used = decode_bytes(key + 1, len - 1, out, room, room_used);
		return used ? used + 1 : 0;
	default:
		return 0;
	}
}

int rb_key_decode(const void *key, size_t len, struct rb_value *values, size_t count,
                  struct rb_buf *room, struct rb_err *err)
{
	const unsigned char *at = key;
	size_t room_used = 0;
	int rc;

	rb_buf_clear(room);
	rc = rb_buf_reserve(room, len + 1, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < count; i++) {
		size_t used = len > 0 ? decode_one(at, len, &values[i], room->data, &room_used) : 0;

		if (used == 0)
			return rb_err_set(err, RB_E_FORMAT, "key of %zu columns ends at column %zu",
			                  count, i);
		at += used;
		len -= used;
	}
	return RB_OK;
}
