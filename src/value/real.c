/*
 * See rowback/value/real.h.
 *
 * A double is c * 2^q.  The decimals that read back as it lie between the midpoints to its
 * neighbours.  With 10^k the greatest power of ten not above that interval's length, one or
 * two multiples of 10^k lie in it, and at most one of 10^(k+1): the digits are found by
 * looking at four candidates.  The comparisons are done on 4c * 2^q / 10^k, computed with a
 * 126-bit power of ten and rounded to odd, which is precise enough that none of them can
 * come out wrong (Giulietti's paper has the proof).
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "decimal_priv.h"
#include "rowback/value/real.h"

#define MANTISSA_BITS 52
#define EXPONENT_MASK 0x7FFu
#define EXPONENT_BIAS 1075 /* of the mantissa as an integer: 1023 + 52 */

/* 10^k for every k that a double can ask for. */
#define POWER_MIN (-292)
#define POWER_MAX 324
#define LIMBS 36 /* 1,152 bits: 10^324 has 1,077; 2^1151 / 10^292 keeps 182 */

/* A power of ten, rounded up to 128 bits; the first bit is set. */
struct power {
	uint64_t high;
	uint64_t low;
};

static struct power powers[POWER_MAX - POWER_MIN + 1];
static pthread_once_t powers_once = PTHREAD_ONCE_INIT;

/* The first 128 bits of a number; any bit below them rounds up. */
static struct power leading_bits(const uint32_t limbs[LIMBS], bool round_up)
{
	uint32_t top[5] = {0}; /* 160 bits, the first limb not zero */
	struct power out = {0};
	int at = LIMBS - 1;
	int shift = 0;

	while (limbs[at] == 0)
		at--;
	for (int i = 0; i < 5 && at - i >= 0; i++)
		top[i] = limbs[at - i];
	while (!(top[0] << shift & 0x80000000u))
		shift++;

	out.high = (uint64_t)top[0] << 32 | top[1];
	out.low = (uint64_t)top[2] << 32 | top[3];
	if (shift > 0) {
		out.high = out.high << shift | out.low >> (64 - shift);
		out.low = out.low << shift | top[4] >> (32 - shift);
	}
	if ((uint32_t)(top[4] << shift) != 0)
		round_up = true;
	for (int i = at - 5; i >= 0; i--)
		if (limbs[i] != 0)
			round_up = true;
	if (round_up && ++out.low == 0)
		out.high++;
	return out;
}

static void multiply_by_10(uint32_t limbs[LIMBS])
{
	uint64_t carry = 0;

	for (int i = 0; i < LIMBS; i++) {
		carry += (uint64_t)limbs[i] * 10;
		limbs[i] = (uint32_t)carry;
		carry >>= 32;
	}
}

/* Rounds down; so do many divisions in a row, exactly as one by their product. */
static void divide_by_10(uint32_t limbs[LIMBS])
{
	uint64_t rest = 0;

	for (int i = LIMBS; i-- > 0;) {
		rest = rest << 32 | limbs[i];
		limbs[i] = (uint32_t)(rest / 10);
		rest %= 10;
	}
}

/* Takes some tens of microseconds, and saves ten kilobytes of numbers in the source. */
static void compute_powers(void)
{
	uint32_t limbs[LIMBS] = {1};

	for (int k = 0; k <= POWER_MAX; k++) {
		powers[k - POWER_MIN] = leading_bits(limbs, false);
		multiply_by_10(limbs);
	}

	memset(limbs, 0, sizeof(limbs));
	limbs[LIMBS - 1] = 0x80000000u;
	for (int k = -1; k >= POWER_MIN; k--) {
		divide_by_10(limbs);
		powers[k - POWER_MIN] = leading_bits(limbs, true);
	}
}

/* The 128-bit product; returns its high half. */
static uint64_t multiply(uint64_t a, uint64_t b, uint64_t *low)
{
#ifdef __SIZEOF_INT128__
	__extension__ unsigned __int128 product = (unsigned __int128)a * b;

	*low = (uint64_t)product;
	return (uint64_t)(product >> 64);
#else
	uint64_t a_low = (uint32_t)a, a_high = a >> 32;
	uint64_t b_low = (uint32_t)b, b_high = b >> 32;
	uint64_t low_low = a_low * b_low;
	uint64_t middle = a_high * b_low + (low_low >> 32);
	uint64_t cross = a_low * b_high + (uint32_t)middle;

	*low = cross << 32 | (uint32_t)low_low;
	return a_high * b_high + (middle >> 32) + (cross >> 32);
#endif
}

/* power * x / 2^128, the last bit set when anything was cut off. */
static uint64_t scale_to_odd(const struct power *power, uint64_t x)
{
	uint64_t ignored;
	uint64_t carry = multiply(power->low, x, &ignored);
	uint64_t fraction;
	uint64_t whole = multiply(power->high, x, &fraction);

	fraction += carry;
	whole += fraction < carry;
	/* A fraction of 1 may come from rounding the power up. */
	return whole | (fraction > 1);
}

/* x / 2^bits, rounded down also below zero. */
static int floor_shift(int x, int bits)
{
	return x >= 0 ? x >> bits : ~(~x >> bits);
}

/* digits * 10^exponent */
struct decimal {
	uint64_t digits;
	int exponent;
};

/* Constant divisors become multiplications; most digits end after the first question. */
static struct decimal strip_zeros(struct decimal d)
{
	while (d.digits % 100000000 == 0) {
		d.digits /= 100000000;
		d.exponent += 8;
	}
	while (d.digits % 100 == 0) {
		d.digits /= 100;
		d.exponent += 2;
	}
	if (d.digits % 10 == 0) {
		d.digits /= 10;
		d.exponent++;
	}
	return d;
}

/* fraction, exponent: the fields of a finite double that is not zero. */
static struct decimal shortest(uint64_t fraction, unsigned int exponent)
{
	uint64_t c = exponent ? fraction | (uint64_t)1 << MANTISSA_BITS : fraction;
	int q = (int)(exponent ? exponent : 1) - EXPONENT_BIAS;
	/* Below a power of two, doubles are half as far apart as above it. */
	bool lower_is_closer = fraction == 0 && exponent > 1;
	/* 1262611 / 2^22 = log10(2), 524031 / 2^22 = log10(4/3), 1741647 / 2^19 = log2(10) */
	int k = floor_shift(q * 1262611 - (lower_is_closer ? 524031 : 0), 22);
	int h = q + floor_shift(-k * 1741647, 19) + 1;
	/* A midpoint reads back as the neighbour whose mantissa is even. */
	uint64_t open = c & 1;
	const struct power *power;
	uint64_t value, lower, upper, s;

	pthread_once(&powers_once, compute_powers);
	power = &powers[-k - POWER_MIN];
	value = scale_to_odd(power, 4 * c << h);
	lower = scale_to_odd(power, (4 * c - 2 + lower_is_closer) << h) + open;
	upper = scale_to_odd(power, (4 * c + 2) << h) - open;

	s = value / 4;
	if (s >= 10) {
		uint64_t ten = s / 10;
		bool below_fits = lower <= 40 * ten;
		bool above_fits = 40 * ten + 40 <= upper;

		if (below_fits != above_fits)
			return strip_zeros((struct decimal){ten + above_fits, k + 1});
	}
	if ((lower <= 4 * s) != (4 * s + 4 <= upper))
		s += 4 * s + 4 <= upper;
	else
		s += value > 4 * s + 2 || (value == 4 * s + 2 && (s & 1));
	return strip_zeros((struct decimal){s, k});
}

/* d.d...e[-]x */
static char *put_scientific(char *out, const char *digits, int count, int exponent)
{
	*out++ = digits[0];
	*out++ = '.';
	if (count == 1)
		*out++ = '0';
	memcpy(out, digits + 1, (size_t)(count - 1));
	out += count - 1;
	*out++ = 'e';
	if (exponent < 0)
		*out++ = '-';
	return rb_decimal_write(out, (uint64_t)(exponent < 0 ? -exponent : exponent));
}

/* point  digits before the decimal point; zero or less: zeros after it */
static char *put_plain(char *out, const char *digits, int count, int point)
{
	if (point <= 0) {
		*out++ = '0';
		*out++ = '.';
		memset(out, '0', (size_t)-point);
		out += -point;
		memcpy(out, digits, (size_t)count);
		return out + count;
	}
	if (point >= count) {
		memcpy(out, digits, (size_t)count);
		memset(out + count, '0', (size_t)(point - count));
		out += point;
		*out++ = '.';
		*out++ = '0';
		return out;
	}
	memcpy(out, digits, (size_t)point);
	out[point] = '.';
	memcpy(out + point + 1, digits + point, (size_t)(count - point));
	return out + count + 1;
}

size_t rb_real_format(double r, char out[RB_REAL_TEXT_SIZE])
{
	char digits[RB_DECIMAL_SIZE];
	struct decimal decimal;
	uint64_t bits;
	char *p = out;
	int count, point;

	memcpy(&bits, &r, sizeof(bits));
	if (bits >> 63) {
		*p++ = '-';
		r = -r;
		bits ^= (uint64_t)1 << 63;
	}

	/* Whole numbers that a double holds one by one are their own shortest text. */
	if (r < 0x1p53 && r == (double)(uint64_t)r) {
		p = rb_decimal_write(p, (uint64_t)r);
		*p++ = '.';
		*p++ = '0';
		*p = '\0';
		return (size_t)(p - out);
	}

	decimal = shortest(bits & (((uint64_t)1 << MANTISSA_BITS) - 1),
	                   (unsigned int)(bits >> MANTISSA_BITS) & EXPONENT_MASK);
	count = (int)(rb_decimal_write(digits, decimal.digits) - digits);
	point = count + decimal.exponent;
	if (point > -5 && point <= 16)
		p = put_plain(p, digits, count, point);
	else
		p = put_scientific(p, digits, count, point - 1);
	*p = '\0';
	return (size_t)(p - out);
}
