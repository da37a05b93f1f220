/*
 * See clock.h.
 */
#include <time.h>

#include "harness/clock.h"

/* The names are the linker's: --wrap=x makes calls of x go to __wrap_x. */
int __real_clock_gettime(clockid_t clock, struct timespec *out);
int __wrap_clock_gettime(clockid_t clock, struct timespec *out);

static int64_t ahead_ms;

void clock_advance_ms(int64_t ms)
{
	ahead_ms += ms;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *out)
{
	int ret = __real_clock_gettime(clock, out);

	out->tv_sec += (time_t)(ahead_ms / 1000);
	out->tv_nsec += (long)(ahead_ms % 1000) * 1000000;
	if (out->tv_nsec >= 1000000000) {
		out->tv_sec++;
		out->tv_nsec -= 1000000000;
	}
	return ret;
}
