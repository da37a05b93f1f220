/*
 * What the row writer and the row reader must agree on.
 *
 * Layer: value (1).  Uses: libc, rowback/base, rowback/value.
 */
#ifndef VALUE_ROW_PRIV_H
#define VALUE_ROW_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "rowback/base/buf.h"
#include "rowback/value/rowwriter.h"
#include "rowback/value/schema.h"

/** A stored column as it begins in a row: `,"name":`. */
struct rb_member {
	const char *text; /**< the first member of a row goes without the comma */
	size_t len;
	bool is_number; /**< numbers of this column keep their text */
};

/** The members of a table's rows, in order. */
struct rb_members {
	struct rb_member *list;
	size_t count;
	struct rb_buf text; /**< what they point into */
};

/** Render a table's members; on failure members is empty. */
int rb_members_init(struct rb_members *members, const struct rb_table *table,
                    struct rb_err *err) RB_MUST_CHECK;

/** Free what the members hold. */
void rb_members_release(struct rb_members *members);

/** Whether text is an integer in its one decimal form, but not one that int64_t holds. */
bool rb_is_big_integer(const char *text, size_t len);

/** Bytes at the start of text that are one JSON number; 0 when there is none. */
size_t rb_json_number_len(const char *text, size_t len);

/** Bytes that may stay in a row whose line already has line_len bytes. */
static inline size_t rb_inline_max(size_t line_len)
{
	return line_len > RB_LONG_ROW ? RB_INLINE_LONG_ROW : RB_INLINE_MAX;
}

/** Whether a byte of a string cannot stand in a row as it is. */
static inline bool rb_is_escaped(unsigned char c)
{
	return c < 0x20 || c == '"' || c == '\\';
}

/** Whether one of eight bytes is escaped. */
static inline bool rb_any_escaped(uint64_t eight)
{
	const uint64_t ones = UINT64_MAX / 0xFF;
	const uint64_t quotes = eight ^ ones * '"';
	const uint64_t slashes = eight ^ ones * '\\';

	/* x - n borrows into bit 7 of a byte below n; ~x leaves out bytes over 7F. */
	return ((((eight - ones * 0x20) & ~eight) | ((quotes - ones) & ~quotes) |
	         ((slashes - ones) & ~slashes)) &
	        ones * 0x80) != 0;
}

/** The last eight bytes, or all of a shorter text, some of them twice; 0 below four. */
static inline uint64_t rb_last_eight(const char *text, size_t len)
{
	uint64_t eight;
	uint32_t head;
	uint32_t tail;

	if (len >= 8) {
		memcpy(&eight, text + len - 8, sizeof(eight));
		return eight;
	}
	if (len < 4)
		return 0;
	memcpy(&head, text, sizeof(head));
	memcpy(&tail, text + len - 4, sizeof(tail));
	return (uint64_t)head << 32 | tail;
}

/** Bytes at the start of text that stand in a row as they are. */
static inline size_t rb_plain_len(const char *text, size_t len)
{
	size_t i = 0;

#ifdef __SSE2__
	for (; len - i >= 16; i += 16) {
		__m128i x = _mm_loadu_si128((const __m128i *)(const void *)(text + i));
		__m128i low = _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(0x1F)), x);
		__m128i quote = _mm_cmpeq_epi8(x, _mm_set1_epi8('"'));
		__m128i slash = _mm_cmpeq_epi8(x, _mm_set1_epi8('\\'));
		int found = _mm_movemask_epi8(_mm_or_si128(low, _mm_or_si128(quote, slash)));

		if (found != 0)
			return i + (size_t)__builtin_ctz((unsigned int)found);
	}
#endif
	for (; len - i >= 8; i += 8) {
		uint64_t eight;

		memcpy(&eight, text + i, sizeof(eight));
		if (rb_any_escaped(eight))
			break;
	}
	/* Less than eight are left: the last eight, of which some were seen, show all. */
	if (len - i < 8 && !rb_any_escaped(rb_last_eight(text, len)))
		return len;
	while (i < len && !rb_is_escaped((unsigned char)text[i]))
		i++;
	return i;
}

#endif /* VALUE_ROW_PRIV_H */
