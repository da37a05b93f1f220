/*
 * rowback/value/real.h: the fewest digits that read back, against printf() and strtod().
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowback/value/real.h"

static void texts_are_as_documented(void **state)
{
	static const struct {
		double r;
		const char *text;
	} cases[] = {
	        {0.0, "0.0"},
	        {-0.0, "-0.0"},
	        {1.0, "1.0"},
	        {-1.5, "-1.5"},
	        {0.1, "0.1"},
	        {100.0, "100.0"},
	        {12.34, "12.34"},
	        {1e15, "1000000000000000.0"},
	        {9007199254740991.0, "9007199254740991.0"},
	        {9007199254740992.0, "9007199254740992.0"},
	        {9999999999999998.0, "9999999999999998.0"},
	        {1e16, "1.0e16"},
	        {1.5e16, "1.5e16"},
	        {0.00001, "0.00001"},
	        {0.000012345678901234567, "0.000012345678901234568"},
	        {9.999999999999999e-06, "9.999999999999999e-6"},
	        {1e-6, "1.0e-6"},
	        {5e-324, "5.0e-324"},
	        {1e-323, "1.0e-323"},
	        {1.5e-323, "1.5e-323"},
	        {DBL_MIN, "2.2250738585072014e-308"},
	        {DBL_MAX, "1.7976931348623157e308"},
	        {-DBL_MAX, "-1.7976931348623157e308"},
	        {1e300, "1.0e300"},
	        {1e23, "1.0e23"},
	        {9.5367431640625e-07, "9.5367431640625e-7"},
	        {2.0 / 3, "0.6666666666666666"},
	        {9007199254740993.0 * 1024, "9.223372036854776e18"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[RB_REAL_TEXT_SIZE];

		assert_int_equal(rb_real_format(cases[i].r, text), strlen(cases[i].text));
		assert_string_equal(text, cases[i].text);
	}
}

/* A decimal as digits without zeros at either end, and the power of ten of the first. */
struct decimal {
	char digits[32];
	int exponent;
};

static struct decimal decimal_of(const char *text)
{
	struct decimal out = {.exponent = -1};
	const char *p = text + (*text == '-');
	size_t used = 0;
	int point_seen = 0;

	for (; *p && *p != 'e'; p++) {
		if (*p == '.') {
			point_seen = 1;
			continue;
		}
		if (used > 0 || *p != '0') {
			out.digits[used++] = *p;
			out.exponent += !point_seen;
		} else if (point_seen) {
			out.exponent--;
		}
	}
	while (used > 0 && out.digits[used - 1] == '0')
		used--;
	out.digits[used] = '\0';
	if (*p == 'e')
		out.exponent += atoi(p + 1);
	return out;
}

/* The decimal of n digits nearest to r among those that read back as r; false if none does. */
static int read_back(double r, int n, struct decimal *out)
{
	char text[40];

	snprintf(text, sizeof(text), "%.*e", n - 1, r);
	if (strtod(text, NULL) == r) {
		*out = decimal_of(text);
		return 1;
	}
	/*
	 * Below a power of two the interval is half as long: the nearest decimal may lie
	 * outside it while its upper neighbour, further away, lies inside.
	 */
	if (strtod(text, NULL) < r) {
		size_t last = strcspn(text, "e") - 1;

		while (last > 0 && (text[last] == '9' || text[last] == '.')) {
			if (text[last] == '9')
				text[last] = '0';
			last--;
		}
		if (text[last] != '9') { /* 9.99 would be a shorter one: 1e1 */
			text[last]++;
			*out = decimal_of(text);
			return strtod(text, NULL) == r;
		}
	}
	return 0;
}

/* r > 0; digits and their position as an independent way finds them. */
static void assert_shortest(double r)
{
	char text[RB_REAL_TEXT_SIZE];
	struct decimal got;
	struct decimal want;
	int n;

	rb_real_format(r, text);
	if (strtod(text, NULL) != r)
		fail_msg("%a: '%s' reads back as %a", r, text, strtod(text, NULL));
	got = decimal_of(text);
	n = (int)strlen(got.digits);
	if (n > 1 && read_back(r, n - 1, &want))
		fail_msg("%a: '%s' is longer than '%s'", r, text, want.digits);
	if (!read_back(r, n, &want) || strcmp(got.digits, want.digits) != 0 ||
	    got.exponent != want.exponent)
		fail_msg("%a: '%s' is not nearest, '%se%d' is", r, text, want.digits,
		         want.exponent);
}

static uint64_t random_state = 88172645463325252u;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static double of_bits(uint64_t bits)
{
	double r;

	memcpy(&r, &bits, sizeof(r));
	return r;
}

/* ROWBACK_REALS asks for more than the time of a usual run allows. */
static void random_bits_have_the_shortest_nearest_digits(void **state)
{
	const char *more = getenv("ROWBACK_REALS");
	long turns = more ? atol(more) : 400000;

	(void)state;
	for (long i = 0; i < turns; i++) {
		double r = of_bits(next_random() >> 1);

		if (isfinite(r) && r > 0)
			assert_shortest(r);
	}
}

/* Millions: the text reads back, the exact bits and the sign. */
static void random_bits_read_back(void **state)
{
	(void)state;
	for (int i = 0; i < 2000000; i++) {
		char text[RB_REAL_TEXT_SIZE];
		double r = of_bits(next_random());
		double back = 0;
		size_t len;

		if (!isfinite(r))
			continue;
		len = rb_real_format(r, text);
		assert_true(len < RB_REAL_TEXT_SIZE);
		assert_true(rb_real_parse(text, len, &back));
		assert_memory_equal(&back, &r, sizeof(r));
	}
}

static void powers_of_two_and_their_neighbours_are_shortest(void **state)
{
	(void)state;
	for (int e = -1074; e <= 1023; e++) {
		double r = ldexp(1, e);

		assert_shortest(r);
		assert_shortest(nextafter(r, DBL_MAX));
		if (e > -1074)
			assert_shortest(nextafter(r, 0));
	}
}

static void powers_of_ten_and_their_neighbours_are_shortest(void **state)
{
	(void)state;
	for (int e = -323; e <= 308; e++) {
		char text[16];
		double r;

		snprintf(text, sizeof(text), "1e%d", e);
		r = strtod(text, NULL);
		assert_shortest(r);
		assert_shortest(nextafter(r, DBL_MAX));
		assert_shortest(nextafter(r, 0));
		assert_shortest(r / 3);
	}
}

static void subnormals_are_shortest(void **state)
{
	(void)state;
	for (uint64_t bits = 1; bits < 20000; bits++)
		assert_shortest(of_bits(bits));
	for (int i = 0; i < 50000; i++)
		assert_shortest(of_bits((next_random() >> 12 >> (i % 50)) | 1));
}

static void short_decimals_and_whole_numbers_are_shortest(void **state)
{
	(void)state;
	for (int i = 1; i < 50000; i++) {
		assert_shortest(i / 100.0);
		assert_shortest(i / 1000.0 + 1e6);
		assert_shortest((double)(next_random() >> 11));
		assert_shortest((double)(next_random() >> 5));
	}
}

/* python3 prints the digits it finds by David Gay's algorithm. */
static void python_finds_the_same_digits(void **state)
{
	static const char script[] =
	        "import random, struct\n"
	        "from decimal import Decimal\n"
	        "random.seed(7)\n"
	        "for i in range(5000):\n"
	        "    b = random.getrandbits(63)\n"
	        "    if i & 1: b = struct.unpack('<Q', struct.pack('<d', random.randrange(1, 10**9)"
	        " / 10**random.randrange(12)))[0]\n"
	        "    r = struct.unpack('<d', struct.pack('<Q', b))[0]\n"
	        "    if r == r and 0 < r < float('inf'):\n"
	        "        t = Decimal(repr(r)).normalize().as_tuple()\n"
	        "        print(b, ''.join(map(str, t.digits)), t.exponent + len(t.digits) - 1)\n";
	FILE *file = fopen("reals.py", "w");
	unsigned long long bits;
	char digits[32];
	int exponent;
	int count = 0;

	(void)state;
	assert_non_null(file);
	assert_int_equal(fputs(script, file) < 0, 0);
	assert_int_equal(fclose(file), 0);
	if (system("python3 reals.py > reals.txt 2>/dev/null") != 0) {
		print_message("SKIP: python3 is not there\n");
		skip();
	}
	file = fopen("reals.txt", "r");
	assert_non_null(file);
	while (fscanf(file, "%llu %31s %d", &bits, digits, &exponent) == 3) {
		char text[RB_REAL_TEXT_SIZE];
		struct decimal got;

		rb_real_format(of_bits(bits), text);
		got = decimal_of(text);
		assert_string_equal(got.digits, digits);
		assert_int_equal(got.exponent, exponent);
		count++;
	}
	fclose(file);
	assert_in_range(count, 4000, 5000);
}

static void assert_parses(const char *text, double want)
{
	double got = 12345;

	assert_true(rb_real_parse(text, strlen(text), &got));
	assert_memory_equal(&got, &want, sizeof(got));
}

static void numbers_of_any_form_are_read_as_the_nearest(void **state)
{
	(void)state;
	assert_parses("0", 0.0);
	assert_parses("-0", -0.0);
	assert_parses("-0.0e999999999999999999999", -0.0);
	assert_parses("1", 1.0);
	assert_parses("0.1", 0.1);
	assert_parses("1e22", 1e22);
	assert_parses("1E+22", 1e22);
	assert_parses("1e23", 1e23);
	assert_parses("123456789012345678901234567890", 123456789012345678901234567890.0);
	assert_parses("9007199254740993", 9007199254740992.0);
	assert_parses("9007199254740993.00000000000000000000000000001", 9007199254740994.0);
	assert_parses("2.4703282292062327e-324", 0.0);
	assert_parses("2.4703282292062328e-324", 5e-324);
	assert_parses("1e-999999999999", 0.0);
	assert_parses("1.7976931348623158e308", DBL_MAX);
	assert_parses("0.00000000000000000000000000000000000000001e41", 1.0);
}

/* Halfway between 1 and the next double is 1 + 2^-53; one digit after 2,000 decides. */
static void a_digit_far_behind_decides_a_tie(void **state)
{
	static const char half[] = "1.00000000000000011102230246251565404236316680908203125";
	const size_t len = sizeof(half) - 1;
	char text[2100];

	(void)state;
	memcpy(text, half, sizeof(half));
	assert_parses(text, 1.0);
	memset(text + len, '0', 2000);
	text[len + 2000] = '\0';
	assert_parses(text, 1.0);
	text[len + 1999] = '1';
	assert_parses(text, 1 + DBL_EPSILON);
}

static void what_is_no_finite_json_number_is_refused(void **state)
{
	static const char *const texts[] = {"",     "-",     "+1",     ".5",
	                                    "1.",   "01",    "1e",     "1e+",
	                                    "1.e",  "inf",   "nan",    "0x10",
	                                    "1 ",   " 1",    "1,",     "--1",
	                                    "1e5.", "1e400", "-1e400", "1.7976931348623159e308"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		double r = 7;

		assert_false(rb_real_parse(texts[i], strlen(texts[i]), &r));
		assert_true(r == 7);
	}
}

static void nothing_behind_the_length_is_read(void **state)
{
	double r = 0;

	(void)state;
	assert_true(rb_real_parse("1.25e3", 4, &r));
	assert_true(r == 1.25);
	assert_true(rb_real_parse("12345678901234567890123", 22, &r));
	assert_true(r == 1234567890123456789012.0);
}

static void random_texts_are_read_as_strtod_reads_them(void **state)
{
	(void)state;
	for (int i = 0; i < 200000; i++) {
		char text[64];
		double got;
		int len = snprintf(text, sizeof(text), "%llu.%llue%d",
		                   (unsigned long long)(next_random() >> (i % 64)),
		                   (unsigned long long)(next_random() >> (i / 64 % 64)),
		                   (int)(next_random() % 640) - 340);

		if (rb_real_parse(text, (size_t)len, &got)) {
			double want = strtod(text, NULL);

			assert_memory_equal(&got, &want, sizeof(got));
		} else {
			assert_true(isinf(strtod(text, NULL)));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(texts_are_as_documented),
	        cmocka_unit_test(random_bits_have_the_shortest_nearest_digits),
	        cmocka_unit_test(random_bits_read_back),
	        cmocka_unit_test(powers_of_two_and_their_neighbours_are_shortest),
	        cmocka_unit_test(powers_of_ten_and_their_neighbours_are_shortest),
	        cmocka_unit_test(subnormals_are_shortest),
	        cmocka_unit_test(short_decimals_and_whole_numbers_are_shortest),
	        cmocka_unit_test(python_finds_the_same_digits),
	        cmocka_unit_test(numbers_of_any_form_are_read_as_the_nearest),
	        cmocka_unit_test(a_digit_far_behind_decides_a_tie),
	        cmocka_unit_test(what_is_no_finite_json_number_is_refused),
	        cmocka_unit_test(nothing_behind_the_length_is_read),
	        cmocka_unit_test(random_texts_are_read_as_strtod_reads_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
