/*
 * See rowback/base/encode.h.
 */
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "rowback/base/encode.h"

/* A digit's value + 1, so that 0 stands for "not a digit". */
static const unsigned char hex_value[256] = {
        ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
        ['6'] = 7,  ['7'] = 8,  ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
        ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16, ['A'] = 11, ['B'] = 12,
        ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

void rb_hex_encode(const void *data, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *in = data;

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[in[i] >> 4];
		out[2 * i + 1] = digits[in[i] & 15];
	}
	out[2 * len] = '\0';
}

bool rb_hex_decode(const char *text, size_t text_len, void *out, size_t len)
{
	const unsigned char *in = (const unsigned char *)text;
	unsigned char *to = out;

	if (text_len % 2 != 0 || text_len / 2 != len)
		return false;
	for (size_t i = 0; i < text_len; i++) {
		if (hex_value[in[i]] == 0)
			return false;
	}
	for (size_t i = 0; i < len; i++) {
		unsigned int high = hex_value[in[2 * i]] - 1U;
		unsigned int low = hex_value[in[2 * i + 1]] - 1U;

		to[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

static const char base64_digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* A digit's value + 1, so that 0 stands for "not a digit". */
static const unsigned char base64_value[256] = {
        ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,
        ['H'] = 8,  ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14,
        ['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21,
        ['V'] = 22, ['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28,
        ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35,
        ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42,
        ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48, ['w'] = 49,
        ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
        ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63,
        ['/'] = 64,
};

int rb_base64_encode(const void *data, size_t len, struct rb_buf *out, struct rb_err *err)
{
	const unsigned char *in = data;
	char *to;
	int rc;

	if (len > (size_t)-1 / 4 * 3 - 3)
		return rb_err_set(err, RB_E_LIMIT, "%zu bytes are too many for base64", len);
	rc = rb_buf_reserve(out, (len + 2) / 3 * 4, err);
	if (rc < 0)
		return rc;

	to = out->data + out->len;
	for (; len >= 3; len -= 3, in += 3, to += 4) {
		unsigned int bits = (unsigned int)in[0] << 16 | (unsigned int)in[1] << 8 | in[2];

		to[0] = base64_digits[bits >> 18];
		to[1] = base64_digits[bits >> 12 & 63];
		to[2] = base64_digits[bits >> 6 & 63];
		to[3] = base64_digits[bits & 63];
	}
	if (len > 0) {
		unsigned int bits = (unsigned int)in[0] << 16;

		if (len == 2)
			bits |= (unsigned int)in[1] << 8;
		to[0] = base64_digits[bits >> 18];
		to[1] = base64_digits[bits >> 12 & 63];
		to[2] = len == 2 ? base64_digits[bits >> 6 & 63] : '=';
		to[3] = '=';
		to += 4;
	}
	*to = '\0';
	out->len = (size_t)(to - out->data);
	return RB_OK;
}

/*
 * The bits of four digits.  Above 24 bits when one of them is none: its value 0
 * wraps to all ones then, and no shift loses the top.
 */
static unsigned int base64_quad(const unsigned char *in)
{
	unsigned int a = base64_value[in[0]] - 1U;
	unsigned int b = base64_value[in[1]] - 1U;
	unsigned int c = base64_value[in[2]] - 1U;
	unsigned int d = base64_value[in[3]] - 1U;

	return a << 18 | b << 12 | c << 6 | d;
}

/* The last one or two bytes, from a padded quad; how many, or 0 when it is malformed. */
static size_t base64_tail(const unsigned char *in, unsigned char *to)
{
	unsigned char quad[4] = {in[0], in[1], in[2], 'A'};
	size_t bytes = 2;
	unsigned int bits;

	if (in[2] == '=') {
		quad[2] = 'A';
		bytes = 1;
	}
	bits = base64_quad(quad);
	/* Bits past the bytes must be zero, or one byte string would have several texts. */
	if (bits >> 24 != 0 || (bits & (bytes == 1 ? 0xffffU : 0xffU)) != 0)
		return 0;
	to[0] = (unsigned char)(bits >> 16);
	if (bytes == 2)
		to[1] = (unsigned char)(bits >> 8);
	return bytes;
}

/* Decode quads without padding; how many there are before a malformed one. */
static size_t base64_quads(const unsigned char *in, size_t quads, unsigned char *to)
{
	for (size_t i = 0; i < quads; i++, to += 3) {
		unsigned int bits = base64_quad(in + 4 * i);

		if (bits >> 24 != 0)
			return i;
		to[0] = (unsigned char)(bits >> 16);
		to[1] = (unsigned char)(bits >> 8);
		to[2] = (unsigned char)bits;
	}
	return quads;
}

int rb_base64_decode(const char *text, size_t len, struct rb_buf *out, struct rb_err *err)
{
	const unsigned char *in = (const unsigned char *)text;
	size_t quads = len / 4; /* those without padding */
	size_t padding = 0;
	size_t tail = 0;
	size_t done;
	unsigned char *to;
	int rc;

	if (len % 4 != 0)
		return rb_err_set(err, RB_E_FORMAT, "base64 of %zu characters is cut short", len);
	if (len > 0 && in[len - 1] == '=') {
		padding = in[len - 2] == '=' ? 2 : 1;
		quads--;
	}
	rc = rb_buf_reserve(out, len / 4 * 3 - padding, err);
	if (rc < 0)
		return rc;

	to = (unsigned char *)out->data + out->len;
	done = base64_quads(in, quads, to);
	if (done == quads && padding > 0)
		tail = base64_tail(in + 4 * quads, to + 3 * quads);
	if (done < quads || tail != (3 - padding) % 3) {
		out->data[out->len] = '\0';
		return rb_err_set(err, RB_E_FORMAT, "base64 is malformed at character %zu",
		                  4 * done);
	}
	out->len += 3 * quads + tail;
	out->data[out->len] = '\0';
	return RB_OK;
}

/* Bytes below 0x80 at the start. */
static size_t ascii_len(const unsigned char *text, size_t len)
{
	size_t i = 0;
	uint64_t word;

#ifdef __SSE2__
	for (; len - i >= 16; i += 16) {
		__m128i block = _mm_loadu_si128((const __m128i *)(const void *)(text + i));
		int high = _mm_movemask_epi8(block);

		if (high != 0)
			return i + (size_t)__builtin_ctz((unsigned int)high);
	}
#endif
	for (; len - i >= sizeof(word); i += sizeof(word)) {
		memcpy(&word, text + i, sizeof(word));
		if ((word & UINT64_C(0x8080808080808080)) != 0)
			break;
	}
	/* Less than eight are left: the last eight, of which some were seen, show all. */
	if (len >= sizeof(word) && len - i < sizeof(word)) {
		memcpy(&word, text + len - sizeof(word), sizeof(word));
		if ((word & UINT64_C(0x8080808080808080)) == 0)
			return len;
	}
	while (i < len && text[i] < 0x80)
		i++;
	return i;
}

/*
 * Bytes of the well-formed character at text[0] >= 0x80, or 0.  The second byte's
 * range is what keeps overlong forms, surrogates and all past U+10FFFF out
 * (RFC 3629, section 4).
 */
static size_t utf8_sequence_len(const unsigned char *text, size_t len)
{
	unsigned char lead = text[0];
	unsigned char low = 0x80;
	unsigned char high = 0xbf;
	size_t need;

	if (lead < 0xc2 || lead > 0xf4)
		return 0;
	need = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
	if (lead == 0xe0)
		low = 0xa0;
	else if (lead == 0xed)
		high = 0x9f;
	else if (lead == 0xf0)
		low = 0x90;
	else if (lead == 0xf4)
		high = 0x8f;

	if (len < need || text[1] < low || text[1] > high)
		return 0;
	for (size_t i = 2; i < need; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	}
	return need;
}

size_t rb_utf8_valid_len(const char *text, size_t len)
{
	const unsigned char *in = (const unsigned char *)text;
	size_t i = 0;

	while (i < len) {
		size_t step = in[i] < 0x80 ? ascii_len(in + i, len - i)
		                           : utf8_sequence_len(in + i, len - i);

		if (step == 0)
			break;
		i += step;
	}
	return i;
}

static unsigned int utf16_unit(const unsigned char *in, bool big_endian)
{
	return big_endian ? (unsigned int)in[0] << 8 | in[1] : (unsigned int)in[1] << 8 | in[0];
}

/* The character at in, and its bytes in UTF-16; 0 bytes for a surrogate that stands alone. */
static size_t utf16_char(const unsigned char *in, size_t len, bool big_endian, unsigned int *out)
{
	unsigned int unit = utf16_unit(in, big_endian);
	unsigned int next;

	*out = unit;
	if (unit < 0xd800 || unit > 0xdfff)
		return 2;
	if (unit > 0xdbff || len < 4)
		return 0;
	next = utf16_unit(in + 2, big_endian);
	if (next < 0xdc00 || next > 0xdfff)
		return 0;
	*out = 0x10000 + ((unit - 0xd800) << 10) + (next - 0xdc00);
	return 4;
}

/* Bytes of UTF-8 that the UTF-16 makes; false when it is not well-formed. */
static bool utf16_measure(const unsigned char *in, size_t len, bool big_endian, size_t *out)
{
	size_t total = 0;

	if (len % 2 != 0)
		return false;
	for (size_t i = 0; i < len;) {
		unsigned int ch;
		size_t step = utf16_char(in + i, len - i, big_endian, &ch);

		if (step == 0)
			return false;
		total += ch < 0x80 ? 1 : ch < 0x800 ? 2 : ch < 0x10000 ? 3 : 4;
		i += step;
	}
	*out = total;
	return true;
}

static char *utf8_put(char *to, unsigned int ch)
{
	if (ch < 0x80) {
		*to++ = (char)ch;
		return to;
	}
	if (ch < 0x800) {
		*to++ = (char)(0xc0 | ch >> 6);
	} else {
		if (ch < 0x10000) {
			*to++ = (char)(0xe0 | ch >> 12);
		} else {
			*to++ = (char)(0xf0 | ch >> 18);
			*to++ = (char)(0x80 | (ch >> 12 & 63));
		}
		*to++ = (char)(0x80 | (ch >> 6 & 63));
	}
	*to++ = (char)(0x80 | (ch & 63));
	return to;
}

int rb_utf16_to_utf8(const void *data, size_t len, bool big_endian, struct rb_buf *out,
                     bool *well_formed, struct rb_err *err)
{
	const unsigned char *in = data;
	size_t bytes = 0;
	char *to;
	int rc;

	/* Measured first: the worst case, three bytes a unit, may pass a limit the text keeps. */
	*well_formed = utf16_measure(in, len, big_endian, &bytes);
	if (!*well_formed)
		return RB_OK;
	rc = rb_buf_reserve(out, bytes, err);
	if (rc < 0)
		return rc;

	to = out->data + out->len;
	for (size_t i = 0; i < len;) {
		unsigned int ch;

		i += utf16_char(in + i, len - i, big_endian, &ch);
		to = utf8_put(to, ch);
	}
	*to = '\0';
	out->len += bytes;
	return RB_OK;
}
