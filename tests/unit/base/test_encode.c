/*
 * rowback/base/encode.h: hex, base64 and UTF-8, to the bit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "rowback/base/encode.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void hex_goes_both_ways(void **state)
{
	const unsigned char bytes[] = {0x00, 0x01, 0x7f, 0x80, 0xab, 0xff};
	unsigned char back[sizeof(bytes)];
	char text[2 * sizeof(bytes) + 1];

	(void)state;
	rb_hex_encode(bytes, sizeof(bytes), text);
	assert_string_equal(text, "00017f80abff");
	assert_true(rb_hex_decode(text, strlen(text), back, sizeof(back)));
	assert_memory_equal(back, bytes, sizeof(bytes));
	assert_true(rb_hex_decode("00017F80ABFF", 12, back, sizeof(back)));
	assert_memory_equal(back, bytes, sizeof(bytes));

	rb_hex_encode("", 0, text);
	assert_string_equal(text, "");
	assert_true(rb_hex_decode("", 0, back, 0));
}

static void hex_of_wrong_length_or_digits_is_refused(void **state)
{
	static const char *const bad[] = {"0", "000", "000000", "0g00", "00 0", "-100", "0x00"};
	unsigned char out[2] = {0xaa, 0xbb};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(rb_hex_decode(bad[i], strlen(bad[i]), out, sizeof(out)));
	assert_int_equal(out[0], 0xaa);
	assert_int_equal(out[1], 0xbb);
}

/* RFC 4648, section 10, and the two digits that other alphabets change. */
static const struct {
	const char *bytes;
	const char *text;
} base64_cases[] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xfb\xff\xbf", "+/+/"},
};

static void base64_matches_the_standards_examples(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(base64_cases); i++) {
		const char *bytes = base64_cases[i].bytes;
		const char *text = base64_cases[i].text;
		struct rb_buf out = RB_BUF(100);

		assert_int_equal(rb_base64_encode(bytes, strlen(bytes), &out, NULL), RB_OK);
		assert_string_equal(rb_buf_str(&out), text);
		rb_buf_clear(&out);
		assert_int_equal(rb_base64_decode(text, strlen(text), &out, NULL), RB_OK);
		assert_string_equal(rb_buf_str(&out), bytes);
		rb_buf_release(&out);
	}
}

/* Every byte value at every place in a group, at every length up to a few groups. */
static void base64_goes_both_ways(void **state)
{
	unsigned char bytes[768];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 7 + i / 256);
	for (size_t len = 0; len <= sizeof(bytes); len += len < 12 ? 1 : 63) {
		struct rb_buf text = RB_BUF(4096);
		struct rb_buf back = RB_BUF(4096);

		assert_int_equal(rb_base64_encode(bytes, len, &text, NULL), RB_OK);
		assert_int_equal(text.len, (len + 2) / 3 * 4);
		assert_int_equal(rb_base64_decode(text.data, text.len, &back, NULL), RB_OK);
		assert_int_equal(back.len, len);
		if (len > 0)
			assert_memory_equal(back.data, bytes, len);
		rb_buf_release(&text);
		rb_buf_release(&back);
	}
}

static void base64_that_is_not_canonical_is_refused(void **state)
{
	static const struct {
		const char *text;
		const char *message;
	} bad[] = {
	        {"Z", "base64 of 1 characters is cut short"},
	        {"Zg", "base64 of 2 characters is cut short"},
	        {"Zg=", "base64 of 3 characters is cut short"},
	        {"Zh==", "base64 is malformed at character 0"}, /* unused bits are set */
	        {"Zm9=", "base64 is malformed at character 0"},
	        {"Zm9vZg==Zm9v", "base64 is malformed at character 4"},
	        {"Zm9vZ===", "base64 is malformed at character 4"},
	        {"====", "base64 is malformed at character 0"},
	        {"Zm9vZ=g=", "base64 is malformed at character 4"},
	        {"Zm9\n", "base64 is malformed at character 0"},
	        {"Zm9v Zm9", "base64 is malformed at character 4"},
	        {"Zm-_", "base64 is malformed at character 0"},
	        {"Zm9\xff", "base64 is malformed at character 0"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct rb_buf out = RB_BUF(100);
		struct rb_err err = {0};

		assert_int_equal(rb_buf_adds(&out, "kept", NULL), RB_OK);
		assert_int_equal(rb_base64_decode(bad[i].text, strlen(bad[i].text), &out, &err),
		                 RB_E_FORMAT);
		assert_string_equal(err.msg, bad[i].message);
		assert_string_equal(rb_buf_str(&out), "kept");
		assert_int_equal(out.len, 4);
		rb_buf_release(&out);
	}
}

static void a_zero_byte_is_no_digit(void **state)
{
	struct rb_buf out = RB_BUF(100);

	(void)state;
	assert_int_equal(rb_base64_decode("Zm9\0", 4, &out, NULL), RB_E_FORMAT);
	rb_buf_release(&out);
}

static void base64_keeps_the_buffers_limit(void **state)
{
	struct rb_buf out = RB_BUF(3);

	(void)state;
	assert_int_equal(rb_base64_encode("abc", 3, &out, NULL), RB_E_LIMIT);
	assert_int_equal(rb_base64_decode("Zm9vYg==", 8, &out, NULL), RB_E_LIMIT);
	assert_int_equal(rb_base64_decode("Zm9v", 4, &out, NULL), RB_OK);
	assert_string_equal(rb_buf_str(&out), "foo");
	rb_buf_release(&out);
}

/* The oracle: decode to a number, then ask whether this is the number's only form. */
static bool is_one_character(const unsigned char *text, size_t len)
{
	static const unsigned int smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	static const unsigned int mark[] = {0, 0, 0xc0, 0xe0, 0xf0};
	unsigned int ch;

	if (len == 1)
		return text[0] < 0x80;
	ch = text[0] - mark[len];
	if (text[0] < mark[len] || ch >= 1U << (7 - len))
		return false;
	for (size_t i = 1; i < len; i++) {
		if (text[i] >> 6 != 2)
			return false;
		ch = ch << 6 | (text[i] & 63);
	}
	return ch >= smallest[len] && ch <= 0x10ffff && (ch < 0xd800 || ch > 0xdfff);
}

/* All of two and three bytes, and of four bytes all that differs in what matters. */
static void utf8_agrees_with_a_plain_decoder(void **state)
{
	static const unsigned char last[] = {0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xff};
	unsigned char text[4];

	(void)state;
	for (unsigned int n = 0; n < 0x1000000; n++) {
		size_t want = 0;
		size_t got;

		text[0] = (unsigned char)(n >> 16);
		text[1] = (unsigned char)(n >> 8);
		text[2] = (unsigned char)n;
		text[3] = last[n % COUNT(last)];
		if (text[0] < 0x80)
			n |= 0xffff; /* the loop goes on with the next first byte */
		for (size_t len = 1; len <= 4 && want == 0; len++)
			want = is_one_character(text, len) ? len : 0;
		got = rb_utf8_valid_len((char *)text, 4);
		if (got < want || (got > 0) != (want > 0) ||
		    rb_utf8_valid_len((char *)text, want) != want)
			fail_msg("%02x %02x %02x %02x", text[0], text[1], text[2], text[3]);
	}
}

/* One bad byte at each place of texts of each length, at each alignment. */
static void utf8_finds_the_first_bad_byte(void **state)
{
	char text[96];

	(void)state;
	for (size_t start = 0; start < 17; start++) {
		for (size_t len = 0; len <= 70; len++) {
			memset(text, 'a', sizeof(text));
			text[start + len] = (char)0xff; /* stands past the end */
			assert_int_equal(rb_utf8_valid_len(text + start, len), len);
			for (size_t bad = 0; bad < len; bad++) {
				text[start + bad] = (char)0x80;
				assert_int_equal(rb_utf8_valid_len(text + start, len), bad);
				text[start + bad] = '\0';
			}
		}
	}
}

static void utf8_cut_in_a_character_ends_before_it(void **state)
{
	static const char text[] = "I\xc4\x9f\xe2\x82\xac\xf0\x9f\x98\x80";
	static const size_t want[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10};

	(void)state;
	for (size_t len = 0; len < COUNT(want); len++) {
		char *copy = malloc(len + 1); /* so that a read past the end is seen */

		assert_non_null(copy);
		memcpy(copy, text, len);
		assert_int_equal(rb_utf8_valid_len(copy, len), want[len]);
		free(copy);
	}
}

static void utf16_becomes_utf8_in_both_byte_orders(void **state)
{
	static const char little[] = "a\0\0\0\x1f\x01\xac\x20\x3d\xd8\x00\xde";
	static const char big[] = "\0a\0\0\x01\x1f\x20\xac\xd8\x3d\xde\x00";
	static const char want[] = "a\0\xc4\x9f\xe2\x82\xac\xf0\x9f\x98\x80";
	struct rb_buf out = RB_BUF(sizeof(want) - 1); /* the limit is on what it really needs */
	bool well_formed = false;

	(void)state;
	assert_int_equal(
	        rb_utf16_to_utf8(little, sizeof(little) - 1, false, &out, &well_formed, NULL),
	        RB_OK);
	assert_true(well_formed);
	assert_int_equal(out.len, sizeof(want) - 1);
	assert_memory_equal(out.data, want, sizeof(want));

	rb_buf_clear(&out);
	assert_int_equal(rb_utf16_to_utf8(big, sizeof(big) - 1, true, &out, &well_formed, NULL),
	                 RB_OK);
	assert_true(well_formed);
	assert_memory_equal(out.data, want, sizeof(want));
	assert_int_equal(rb_utf16_to_utf8("a", 2, false, &out, &well_formed, NULL), RB_E_LIMIT);
	rb_buf_release(&out);
}

/* Every character but the surrogates: what the encoder writes the validator accepts. */
static void every_character_survives_utf16(void **state)
{
	struct rb_buf out = RB_BUF(4);

	(void)state;
	for (unsigned int ch = 0; ch <= 0x10ffff; ch += ch == 0xd7ff ? 0x801 : 1) {
		unsigned int high = ch < 0x10000 ? ch : 0xd7c0 + (ch >> 10);
		unsigned int low = 0xdc00 + (ch & 0x3ff);
		unsigned char text[4] = {(unsigned char)high, (unsigned char)(high >> 8),
		                         (unsigned char)low, (unsigned char)(low >> 8)};
		bool well_formed = false;

		rb_buf_clear(&out);
		assert_int_equal(rb_utf16_to_utf8(text, ch < 0x10000 ? 2 : 4, false, &out,
		                                  &well_formed, NULL),
		                 RB_OK);
		assert_true(well_formed);
		assert_true(is_one_character((unsigned char *)out.data, out.len));
	}
	rb_buf_release(&out);
}

static void broken_utf16_is_told_and_adds_nothing(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} bad[] = {
	        {"a\0b", 3},             /* half a unit */
	        {"a\0\x3d\xd8", 4},      /* a high surrogate at the end */
	        {"\x3d\xd8\x61\x00", 4}, /* and before a letter */
	        {"\x00\xde\x3d\xd8", 4}, /* the wrong way round */
	        {"\x3d\xd8\x3d\xd8", 4},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct rb_buf out = RB_BUF(100);
		bool well_formed = true;

		assert_int_equal(rb_buf_adds(&out, "kept", NULL), RB_OK);
		assert_int_equal(
		        rb_utf16_to_utf8(bad[i].text, bad[i].len, false, &out, &well_formed, NULL),
		        RB_OK);
		assert_false(well_formed);
		assert_string_equal(rb_buf_str(&out), "kept");
		rb_buf_release(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(hex_goes_both_ways),
	        cmocka_unit_test(hex_of_wrong_length_or_digits_is_refused),
	        cmocka_unit_test(base64_matches_the_standards_examples),
	        cmocka_unit_test(base64_goes_both_ways),
	        cmocka_unit_test(base64_that_is_not_canonical_is_refused),
	        cmocka_unit_test(a_zero_byte_is_no_digit),
	        cmocka_unit_test(base64_keeps_the_buffers_limit),
	        cmocka_unit_test(utf8_agrees_with_a_plain_decoder),
	        cmocka_unit_test(utf8_finds_the_first_bad_byte),
	        cmocka_unit_test(utf8_cut_in_a_character_ends_before_it),
	        cmocka_unit_test(utf16_becomes_utf8_in_both_byte_orders),
	        cmocka_unit_test(every_character_survives_utf16),
	        cmocka_unit_test(broken_utf16_is_told_and_adds_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
