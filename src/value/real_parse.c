/*
 * See rowback/value/real.h: rb_real_parse().
 */
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "rowback/value/real.h"

/*
 * Digits that can matter: halfway between two doubles lies a decimal of 767 digits at most,
 * and of what follows only counts whether it is all zeros.
 */
#define DIGITS_MAX 768
#define EXPONENT_MAX 1000000000 /* no number that fits in memory needs more */
#define EXACT_DIGITS 19         /* fit into 64 bits */

/* A number's parts: digits * 10^exponent, digits without leading zeros. */
struct parts {
	char text[DIGITS_MAX + 32]; /* "-" and the digits, for strtod() */
	size_t used;                /* bytes of text */
	size_t digit_count;         /* kept in text */
	uint64_t first_digits;      /* as a number, when digit_count <= EXACT_DIGITS */
	int64_t exponent;
	bool negative;
	bool more; /* digits other than zero were left out */
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static void take_digit(struct parts *parts, char c, bool after_point)
{
	if (after_point)
		parts->exponent--;
	if (parts->digit_count == 0 && c == '0')
		return;
	if (parts->digit_count == DIGITS_MAX) {
		parts->exponent++;
		parts->more = parts->more || c != '0';
		return;
	}
	parts->text[parts->used++] = c;
	if (++parts->digit_count <= EXACT_DIGITS)
		parts->first_digits = parts->first_digits * 10 + (uint64_t)(c - '0');
}

/* [eE][+-]digits; returns where it ends, or NULL when there is no digit. */
static const char *take_exponent(struct parts *parts, const char *p, const char *end)
{
	bool negative = false;
	int64_t e = 0;

	if (p < end && (*p == '+' || *p == '-'))
		negative = *p++ == '-';
	if (p == end || !is_digit(*p))
		return NULL;
	for (; p < end && is_digit(*p); p++)
		if (e < EXPONENT_MAX)
			e = e * 10 + (*p - '0');
	parts->exponent += negative ? -e : e;
	return p;
}

/* Split a JSON number; false when text is not one. */
static bool split(const char *p, const char *end, struct parts *parts)
{
	if (p < end && *p == '-') {
		parts->negative = true;
		parts->text[parts->used++] = *p++;
	}
	if (p == end || !is_digit(*p))
		return false;
	if (*p == '0')
		p++;
	else
		for (; p < end && is_digit(*p); p++)
			take_digit(parts, *p, false);
	if (p < end && *p == '.') {
		p++;
		if (p == end || !is_digit(*p))
			return false;
		for (; p < end && is_digit(*p); p++)
			take_digit(parts, *p, true);
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		p = take_exponent(parts, p + 1, end);
		if (!p)
			return false;
	}
	return p == end;
}

/*
 * Digits and a power of ten that are both exact doubles: one rounding, so the nearest.
 *
 * source  William Clinger, "How to Read Floating Point Numbers Accurately"
 */
static bool is_exact(const struct parts *parts)
{
	return FLT_EVAL_METHOD == 0 && parts->digit_count <= EXACT_DIGITS &&
	       parts->first_digits <= (uint64_t)1 << 53 && parts->exponent >= -22 &&
	       parts->exponent <= 22;
}

static double parse_exact(const struct parts *parts)
{
	static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
	                              1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
	                              1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
	double r = (double)parts->first_digits;

	if (parts->exponent < 0)
		r /= tens[-parts->exponent];
	else
		r *= tens[parts->exponent];
	return parts->negative ? -r : r;
}

bool rb_real_parse(const char *text, size_t len, double *out)
{
	struct parts parts;
	double r;

	parts.used = 0;
	parts.digit_count = 0;
	parts.first_digits = 0;
	parts.exponent = 0;
	parts.negative = false;
	parts.more = false;
	if (!split(text, text + len, &parts))
		return false;
	if (is_exact(&parts)) {
		*out = parse_exact(&parts);
		return true;
	}

	if (parts.more) {
		parts.text[parts.used++] = '1';
		parts.exponent--;
	}
	if (parts.digit_count == 0)
		parts.text[parts.used++] = '0';
	snprintf(parts.text + parts.used, sizeof(parts.text) - parts.used, "e%lld",
	         (long long)parts.exponent);
	r = strtod(parts.text, NULL);
	if (isinf(r))
		return false;
	*out = r;
	return true;
}
