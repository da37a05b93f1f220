/*
 * Time: the clock, UTC text forms, durations, dates as people write them.
 *
 * Layer: base (0).  Uses: libc, rowback/base/err.h.
 *
 * ROWBACK_NOW (Unix seconds) in the environment fixes the clock, so that tests and
 * reproducible runs do not depend on when they run.  What is no such number, or outside
 * the years 0000 to 9999, is ignored.
 */
#ifndef ROWBACK_BASE_TIME_H
#define ROWBACK_BASE_TIME_H

#include <stddef.h>
#include <stdint.h>

#include "rowback/base/err.h"

/** Seconds since the epoch, UTC. */
int64_t rb_time_now_unix_s(void);

/** Milliseconds of a clock that only goes forward; for deadlines, never fixed. */
int64_t rb_time_mono_ms(void);

/** "20261120T155800Z" and a NUL: 17 bytes.  Years before 0000 or after 9999 show its edge. */
void rb_time_format_id(int64_t unix_s, char out[17]);

/** "2026-11-20T15:58:00Z" and a NUL: 21 bytes. */
void rb_time_format_iso(int64_t unix_s, char out[21]);

/** Read either of the two forms above.  returns 0 or RB_E_FORMAT */
int rb_time_parse_utc(const char *text, int64_t *unix_s, struct rb_err *err) RB_MUST_CHECK;

/**
 * Read a duration: a number and a unit, or several ("90s", "15m", "26h", "30d", "2w",
 * "1d12h", "1y"; a bare number is seconds).  d = 24 h, w = 7 d, y = 365 d.
 *
 * returns 0 with *seconds >= 0, or RB_E_FORMAT with a hint that shows the form
 */
int rb_time_parse_duration(const char *text, int64_t *seconds, struct rb_err *err) RB_MUST_CHECK;

/**
 * Read a point in time as a person writes it: a UTC form above, "2026-11-20",
 * "2026-11-20 15:58[:00]" (local time), "@1763650000", "yesterday", "today", "now",
 * "2 days ago", "3 hours ago", "last week", "90m ago"; "2.days.ago" as in git.  A day
 * without a time is its first second, local time; months and years go back by the
 * calendar, days and shorter by their length.
 *
 * now_unix_s  what "now" is
 * returns     0, or RB_E_FORMAT with a hint
 */
int rb_time_parse_when(const char *text, int64_t now_unix_s, int64_t *unix_s,
                       struct rb_err *err) RB_MUST_CHECK;

/**
 * "3 minutes ago", "2 days ago", "in 5 seconds"; size 32 is always enough.  Rounded, with
 * the units changing where git's do: 35 hours, then 2 days.
 */
void rb_time_format_ago(int64_t unix_s, int64_t now_unix_s, char *out, size_t size);

#endif /* ROWBACK_BASE_TIME_H */
