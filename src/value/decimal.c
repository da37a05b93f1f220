/*
 * See decimal_priv.h.
 */
#include <string.h>

#include "decimal_priv.h"

/* Two digits at a time halve the divisions. */
static const char pairs[] = "0001020304050607080910111213141516171819"
                            "2021222324252627282930313233343536373839"
                            "4041424344454647484950515253545556575859"
                            "6061626364656667686970717273747576777879"
                            "8081828384858687888990919293949596979899";

static unsigned int count_digits(uint64_t v)
{
	unsigned int count = 1;

	for (;; v /= 10000, count += 4) {
		if (v < 10)
			return count;
		if (v < 100)
			return count + 1;
		if (v < 1000)
			return count + 2;
		if (v < 10000)
			return count + 3;
	}
}

char *rb_decimal_write(char *out, uint64_t v)
{
	char *end = out + count_digits(v);
	char *p = end;

	while (v >= 100) {
		p -= 2;
		memcpy(p, pairs + 2 * (v % 100), 2);
		v /= 100;
	}
	if (v >= 10)
		memcpy(p - 2, pairs + 2 * v, 2);
	else
		p[-1] = (char)('0' + v);
	return end;
}
