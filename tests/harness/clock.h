/*
 * A clock that a test can put forward, so that a deadline passes when the test says so.
 */
#ifndef HARNESS_CLOCK_H
#define HARNESS_CLOCK_H

#include <stdint.h>

/** Put every clock of clock_gettime() forward, as seen by the product's code. */
void clock_advance_ms(int64_t ms);

#endif /* HARNESS_CLOCK_H */
