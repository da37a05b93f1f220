/*
 * See rowback/base/time.h.
 */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rowback/base/time.h"

#define MINUTE INT64_C(60)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define WEEK (7 * DAY)
#define YEAR (365 * DAY)

/* The years 0000 to 9999, which four digits can write. */
#define UNIX_MIN INT64_C(-62167219200)
#define UNIX_MAX INT64_C(253402300799)

/* A date and a time of day, each as people count it: month and day from 1. */
struct civil {
	int year, month, day, hour, minute, second;
};

int64_t rb_time_now_unix_s(void)
{
	const char *fixed = getenv("ROWBACK_NOW");
	struct timespec now = {0};
	char *end;
	long long value;

	if (fixed && *fixed) {
		errno = 0;
		value = strtoll(fixed, &end, 10);
		if (errno == 0 && *end == '\0' && value >= UNIX_MIN && value <= UNIX_MAX)
			return value;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec;
}

int64_t rb_time_mono_ms(void)
{
	struct timespec now = {0};

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct civil civil_utc(int64_t unix_s)
{
	time_t t = unix_s < UNIX_MIN ? UNIX_MIN : unix_s > UNIX_MAX ? UNIX_MAX : unix_s;
	struct tm tm = {0};

	gmtime_r(&t, &tm);
	return (struct civil){.year = tm.tm_year + 1900,
	                      .month = tm.tm_mon + 1,
	                      .day = tm.tm_mday,
	                      .hour = tm.tm_hour,
	                      .minute = tm.tm_min,
	                      .second = tm.tm_sec};
}

/* Append `width` decimal digits; returns where they end. */
static char *put_digits(char *to, int value, int width)
{
	for (int i = width - 1; i >= 0; i--, value /= 10)
		to[i] = (char)('0' + value % 10);
	return to + width;
}

static void format_civil(const struct civil *at, bool separators, char *out)
{
	out = put_digits(out, at->year, 4);
	if (separators)
		*out++ = '-';
	out = put_digits(out, at->month, 2);
	if (separators)
		*out++ = '-';
	out = put_digits(out, at->day, 2);
	*out++ = 'T';
	out = put_digits(out, at->hour, 2);
	if (separators)
		*out++ = ':';
	out = put_digits(out, at->minute, 2);
	if (separators)
		*out++ = ':';
	out = put_digits(out, at->second, 2);
	*out++ = 'Z';
	*out = '\0';
}

void rb_time_format_id(int64_t unix_s, char out[17])
{
	struct civil at = civil_utc(unix_s);

	format_civil(&at, false, out);
}

void rb_time_format_iso(int64_t unix_s, char out[21])
{
	struct civil at = civil_utc(unix_s);

	format_civil(&at, true, out);
}

/*
 * Read text by a pattern, where 'Y', 'M', 'D', 'h', 'm' and 's' stand for a digit of a
 * field and all else for itself.  False when the text is anything else, or no real date.
 */
static bool read_civil(const char *text, const char *pattern, struct civil *out)
{
	static const int month_days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	struct civil at = {0};
	bool leap;

	for (; *pattern; pattern++, text++) {
		int *field = *pattern == 'Y'   ? &at.year
		             : *pattern == 'M' ? &at.month
		             : *pattern == 'D' ? &at.day
		             : *pattern == 'h' ? &at.hour
		             : *pattern == 'm' ? &at.minute
		             : *pattern == 's' ? &at.second
		                               : NULL;

		if (!field && *text != *pattern)
			return false;
		if (!field)
			continue;
		if (*text < '0' || *text > '9')
			return false;
		*field = *field * 10 + (*text - '0');
	}
	if (*text != '\0' || at.month < 1 || at.month > 12 || at.day < 1 ||
	    at.day > month_days[at.month - 1] || at.hour > 23 || at.minute > 59 || at.second > 59)
		return false;
	leap = at.year % 4 == 0 && (at.year % 100 != 0 || at.year % 400 == 0);
	if (at.month == 2 && at.day == 29 && !leap)
		return false;
	*out = at;
	return true;
}

/* POSIX has no timegm(): days are counted in years that begin in March. */
static int64_t civil_to_unix(const struct civil *at)
{
	int64_t year = at->month > 2 ? at->year : at->year - 1;
	int64_t month = at->month > 2 ? at->month - 3 : at->month + 9;
	int64_t cycle = (year + 400) / 400 - 1; /* rounds down for the year -1, too */
	int64_t in_cycle = year - cycle * 400;
	int64_t days = cycle * 146097 + in_cycle * 365 + in_cycle / 4 - in_cycle / 100 +
	               (153 * month + 2) / 5 + at->day - 1;

	days -= 719468; /* 0000-03-01 to 1970-01-01 */
	return days * DAY + at->hour * HOUR + at->minute * MINUTE + at->second;
}

static bool read_utc(const char *text, int64_t *unix_s)
{
	struct civil at;

	if (!read_civil(text, "YYYYMMDDThhmmssZ", &at) &&
	    !read_civil(text, "YYYY-MM-DDThh:mm:ssZ", &at))
		return false;
	*unix_s = civil_to_unix(&at);
	return true;
}

int rb_time_parse_utc(const char *text, int64_t *unix_s, struct rb_err *err)
{
	if (read_utc(text, unix_s))
		return RB_OK;
	rb_err_set(err, RB_E_FORMAT, "'%s' is no time in UTC", text);
	rb_err_hint(err, "write it as 2026-11-20T15:58:00Z or 20261120T155800Z");
	return RB_E_FORMAT;
}

/* A decimal number at *text, which moves past it; false when there is none, or too large. */
static bool read_number(const char **text, int64_t *out)
{
	const char *at = *text;
	int64_t value = 0;

	if (*at < '0' || *at > '9')
		return false;
	for (; *at >= '0' && *at <= '9'; at++) {
		int digit = *at - '0';

		if (value > (INT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*text = at;
	*out = value;
	return true;
}

static int64_t unit_seconds(char unit)
{
	switch (unit) {
	case 's':
		return 1;
	case 'm':
		return MINUTE;
	case 'h':
		return HOUR;
	case 'd':
		return DAY;
	case 'w':
		return WEEK;
	case 'y':
		return YEAR;
	default:
		return 0;
	}
}

static bool read_duration(const char *text, int64_t *seconds)
{
	int64_t total = 0;
	bool first = true;

	do {
		int64_t number;
		int64_t unit;

		if (!read_number(&text, &number))
			return false;
		unit = first && *text == '\0' ? 1 : unit_seconds(*text);
		if (unit == 0 || number > (INT64_MAX - total) / unit)
			return false;
		total += number * unit;
		text += *text != '\0';
		first = false;
	} while (*text != '\0');
	*seconds = total;
	return true;
}

int rb_time_parse_duration(const char *text, int64_t *seconds, struct rb_err *err)
{
	if (read_duration(text, seconds))
		return RB_OK;
	rb_err_set(err, RB_E_FORMAT, "'%s' is no duration", text);
	rb_err_hint(err, "write a number and a unit, such as 90s, 15m, 26h, 30d, 2w, 1y or 1d12h");
	return RB_E_FORMAT;
}

/* A local time; fields out of their range carry over, as mktime(3) does it. */
static bool local_to_unix(const struct civil *at, int64_t *unix_s)
{
	struct tm tm = {.tm_year = at->year - 1900,
	                .tm_mon = at->month - 1,
	                .tm_mday = at->day,
	                .tm_hour = at->hour,
	                .tm_min = at->minute,
	                .tm_sec = at->second,
	                .tm_isdst = -1};
	time_t t;

	t = mktime(&tm);
	if (t == (time_t)-1)
		return false;
	*unix_s = t;
	return true;
}

static bool civil_local(int64_t unix_s, struct civil *out)
{
	time_t t = unix_s;
	struct tm tm = {0};

	if (!localtime_r(&t, &tm))
		return false;
	*out = (struct civil){.year = tm.tm_year + 1900,
	                      .month = tm.tm_mon + 1,
	                      .day = tm.tm_mday,
	                      .hour = tm.tm_hour,
	                      .minute = tm.tm_min,
	                      .second = tm.tm_sec};
	return true;
}

/* The local midnight `days` before today's. */
static bool local_midnight(int64_t now_unix_s, int days, int64_t *unix_s)
{
	struct civil at;

	if (!civil_local(now_unix_s, &at))
		return false;
	at.day -= days;
	at.hour = at.minute = at.second = 0;
	return local_to_unix(&at, unix_s);
}

/* Go back by `count` of a unit named as people do; days and shorter have a fixed length. */
static bool go_back(int64_t now_unix_s, int64_t count, const char *unit, int64_t *unix_s)
{
	static const struct {
		const char *name;
		int64_t seconds; /* 0: by the calendar, `months` at a time */
		int months;
	} units[] = {
	        {"second", 1, 0},   {"sec", 1, 0},     {"minute", MINUTE, 0},
	        {"min", MINUTE, 0}, {"hour", HOUR, 0}, {"day", DAY, 0},
	        {"week", WEEK, 0},  {"month", 0, 1},   {"year", 0, 12},
	};
	size_t len = strlen(unit);
	struct civil at;

	if (len > 1 && unit[len - 1] == 's')
		len--;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strlen(units[i].name) != len || memcmp(units[i].name, unit, len) != 0)
			continue;
		if (units[i].seconds > 0) {
			if (count > UNIX_MAX / units[i].seconds)
				return false;
			*unix_s = now_unix_s - count * units[i].seconds;
			return true;
		}
		if (count > INT64_C(12) * 9999 || !civil_local(now_unix_s, &at))
			return false;
		at.month -= (int)count * units[i].months;
		return local_to_unix(&at, unix_s);
	}
	return false;
}

/* Lower-case words of text, cut at spaces and, as git allows, at dots. */
static size_t split_words(char *text, char **words, size_t words_max)
{
	size_t count = 0;
	char *next = NULL;

	for (char *at = text; *at; at++)
		*at = (char)tolower((unsigned char)*at);
	for (char *word = strtok_r(text, " .", &next); word; word = strtok_r(NULL, " .", &next)) {
		if (count == words_max)
			return 0;
		words[count++] = word;
	}
	return count;
}

static bool read_words(const char *text, int64_t now_unix_s, int64_t *unix_s)
{
	char copy[64];
	char *words[3];
	size_t count;
	const char *rest;
	int64_t number;

	if (strlen(text) >= sizeof(copy))
		return false;
	memcpy(copy, text, strlen(text) + 1);
	count = split_words(copy, words, 3);

	if (count == 1 && strcmp(words[0], "now") == 0) {
		*unix_s = now_unix_s;
		return true;
	}
	if (count == 1 && strcmp(words[0], "today") == 0)
		return local_midnight(now_unix_s, 0, unix_s);
	if (count == 1 && strcmp(words[0], "yesterday") == 0)
		return local_midnight(now_unix_s, 1, unix_s);
	if (count == 2 && strcmp(words[0], "last") == 0)
		return go_back(now_unix_s, 1, words[1], unix_s);
	if (count == 2 && strcmp(words[1], "ago") == 0 && read_duration(words[0], &number)) {
		if (number > UNIX_MAX)
			return false;
		*unix_s = now_unix_s - number;
		return true;
	}
	if (count == 3 && strcmp(words[2], "ago") == 0) {
		rest = words[0];
		return read_number(&rest, &number) && *rest == '\0' &&
		       go_back(now_unix_s, number, words[1], unix_s);
	}
	return false;
}

static bool read_local(const char *text, int64_t *unix_s)
{
	struct civil at;

	if (read_civil(text, "YYYY-MM-DD", &at) || read_civil(text, "YYYY-MM-DD hh:mm", &at) ||
	    read_civil(text, "YYYY-MM-DD hh:mm:ss", &at) ||
	    read_civil(text, "YYYY-MM-DDThh:mm", &at) ||
	    read_civil(text, "YYYY-MM-DDThh:mm:ss", &at))
		return local_to_unix(&at, unix_s);
	return false;
}

static bool read_epoch(const char *text, int64_t *unix_s)
{
	if (*text++ != '@')
		return false;
	return read_number(&text, unix_s) && *text == '\0' && *unix_s <= UNIX_MAX;
}

int rb_time_parse_when(const char *text, int64_t now_unix_s, int64_t *unix_s, struct rb_err *err)
{
	int64_t at;

	if (read_utc(text, &at) || read_local(text, &at) || read_epoch(text, &at) ||
	    read_words(text, now_unix_s, &at)) {
		*unix_s = at;
		return RB_OK;
	}
	rb_err_set(err, RB_E_FORMAT, "'%s' is no point in time", text);
	rb_err_hint(err, "write it as '2026-11-20 15:58', 20261120T155800Z, '2 days ago', "
	                 "yesterday or @1763650000");
	return RB_E_FORMAT;
}

void rb_time_format_ago(int64_t unix_s, int64_t now_unix_s, char *out, size_t size)
{
	/* The next larger unit begins where rounding to it misleads no longer, as in git. */
	static const struct {
		uint64_t below;
		uint64_t seconds;
		const char *name;
	} units[] = {
	        {90, 1, "second"},          {90 * MINUTE, MINUTE, "minute"},
	        {36 * HOUR, HOUR, "hour"},  {2 * WEEK, DAY, "day"},
	        {10 * WEEK, WEEK, "week"},  {YEAR, 30 * DAY, "month"},
	        {UINT64_MAX, YEAR, "year"},
	};
	bool past = unix_s <= now_unix_s;
	uint64_t span = past ? (uint64_t)now_unix_s - (uint64_t)unix_s
	                     : (uint64_t)unix_s - (uint64_t)now_unix_s;
	uint64_t count;
	size_t i = 0;

	while (span >= units[i].below && units[i].below != UINT64_MAX)
		i++;
	count = span / units[i].seconds;
	if (span % units[i].seconds >= (units[i].seconds + 1) / 2)
		count++;
	snprintf(out, size, "%s%llu %s%s%s", past ? "" : "in ", (unsigned long long)count,
	         units[i].name, count == 1 ? "" : "s", past ? " ago" : "");
}
