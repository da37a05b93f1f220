/*
 * rowback/base/time.h: instants and durations as people and programs write them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness/clock.h"
#include "rowback/base/time.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* 2026-11-20T15:58:00Z, a Friday. */
#define NOW 1795190280

/* Local time is two hours ahead of UTC in winter, three in summer. */
static int set_zone(void **state)
{
	(void)state;
	setenv("TZ", "EET-2EEST,M3.5.0/3,M10.5.0/4", 1);
	tzset();
	return 0;
}

static int unset_zone(void **state)
{
	(void)state;
	unsetenv("TZ");
	unsetenv("ROWBACK_NOW");
	tzset();
	return 0;
}

static void the_clock_can_be_fixed(void **state)
{
	static const char *const ignored[] = {"", "soon", "12x", "9999999999999",
	                                      "99999999999999999999"};

	(void)state;
	setenv("ROWBACK_NOW", "1795190280", 1);
	assert_int_equal(rb_time_now_unix_s(), NOW);
	setenv("ROWBACK_NOW", "-1", 1);
	assert_int_equal(rb_time_now_unix_s(), -1);
	for (size_t i = 0; i < COUNT(ignored); i++) {
		setenv("ROWBACK_NOW", ignored[i], 1);
		assert_in_range(rb_time_now_unix_s(), 1700000000, 253402300799);
	}
}

static void the_other_clock_goes_forward_and_is_never_fixed(void **state)
{
	int64_t before = rb_time_mono_ms();

	(void)state;
	setenv("ROWBACK_NOW", "5", 1);
	clock_advance_ms(12345);
	assert_true(rb_time_mono_ms() >= before + 12345);
}

static void utc_forms_go_both_ways(void **state)
{
	static const struct {
		int64_t unix_s;
		const char *id;
		const char *iso;
	} cases[] = {
	        {NOW, "20261120T155800Z", "2026-11-20T15:58:00Z"},
	        {0, "19700101T000000Z", "1970-01-01T00:00:00Z"},
	        {-1, "19691231T235959Z", "1969-12-31T23:59:59Z"},
	        {951782400, "20000229T000000Z", "2000-02-29T00:00:00Z"},
	        {4107542400, "21000301T000000Z", "2100-03-01T00:00:00Z"},
	        {INT64_C(253402300799), "99991231T235959Z", "9999-12-31T23:59:59Z"},
	        {INT64_C(-62167219200), "00000101T000000Z", "0000-01-01T00:00:00Z"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char id[17];
		char iso[21];
		int64_t back = 0;

		rb_time_format_id(cases[i].unix_s, id);
		assert_string_equal(id, cases[i].id);
		rb_time_format_iso(cases[i].unix_s, iso);
		assert_string_equal(iso, cases[i].iso);
		assert_int_equal(rb_time_parse_utc(id, &back, NULL), RB_OK);
		assert_true(back == cases[i].unix_s);
		assert_int_equal(rb_time_parse_utc(iso, &back, NULL), RB_OK);
		assert_true(back == cases[i].unix_s);
	}
}

/* Steps of a prime number of seconds; gmtime(3), through the formatter, is the oracle. */
static void every_day_is_read_as_it_is_written(void **state)
{
	(void)state;
	for (int64_t at = INT64_C(-62167219200); at <= INT64_C(253402300799); at += 864007) {
		char id[17];
		int64_t back = 0;

		rb_time_format_id(at, id);
		assert_int_equal(rb_time_parse_utc(id, &back, NULL), RB_OK);
		assert_true(back == at);
	}
}

static void years_past_four_digits_show_the_edge(void **state)
{
	char id[17];

	(void)state;
	rb_time_format_id(INT64_MAX, id);
	assert_string_equal(id, "99991231T235959Z");
	rb_time_format_id(INT64_MIN, id);
	assert_string_equal(id, "00000101T000000Z");
}

static void what_is_no_utc_time_is_refused(void **state)
{
	static const char *const bad[] = {
	        "",
	        "20261120",
	        "20261120T155800",
	        "20261120T155800z",
	        "20261120T155800Z ",
	        "20261320T155800Z",
	        "20260020T155800Z",
	        "20261100T155800Z",
	        "20261131T155800Z",
	        "20260229T155800Z",
	        "21000229T155800Z",
	        "20261120T240000Z",
	        "20261120T156000Z",
	        "20261120T155860Z",
	        "2026-11-20 15:58:00Z",
	        "2026-1-20T15:58:00Z",
	        "+026-11-20T15:58:00Z",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct rb_err err = {0};
		int64_t out = 42;

		assert_int_equal(rb_time_parse_utc(bad[i], &out, &err), RB_E_FORMAT);
		assert_int_equal(out, 42);
		assert_string_equal(err.hint,
		                    "write it as 2026-11-20T15:58:00Z or 20261120T155800Z");
	}
}

static void durations_are_read(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} cases[] = {
	        {"0", 0},          {"90", 90},
	        {"90s", 90},       {"15m", 900},
	        {"26h", 93600},    {"30d", 2592000},
	        {"2w", 1209600},   {"1y", 31536000},
	        {"1d12h", 129600}, {"1h1s", 3601},
	        {"007m", 420},     {"9223372036854775807s", INT64_MAX},
	        {"0y0s", 0},       {"1w1d1h1m1s", 694861},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t seconds = -1;

		if (rb_time_parse_duration(cases[i].text, &seconds, NULL) != RB_OK ||
		    seconds != cases[i].seconds)
			fail_msg("'%s' gave %lld", cases[i].text, (long long)seconds);
	}
}

static void what_is_no_duration_is_refused(void **state)
{
	static const char *const bad[] = {
	        "",
	        "h",
	        "-1h",
	        "1.5h",
	        "1 h",
	        "1h ",
	        "1d12",
	        "1H",
	        "1x",
	        "d1",
	        "+1d",
	        "1h30m5",
	        "9223372036854775808",
	        "9223372036854775807s1s",
	        "292471208678y",
	        "99999999999999999999999d",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct rb_err err = {0};
		int64_t out = 42;

		if (rb_time_parse_duration(bad[i], &out, &err) != RB_E_FORMAT || out != 42)
			fail_msg("'%s' was read", bad[i]);
	}
}

static void a_refused_duration_shows_the_form(void **state)
{
	struct rb_err err = {0};
	int64_t out;

	(void)state;
	assert_int_equal(rb_time_parse_duration("1 hour", &out, &err), RB_E_FORMAT);
	assert_string_equal(err.msg, "'1 hour' is no duration");
	assert_string_equal(err.hint, "write a number and a unit, such as 90s, 15m, 26h, 30d, 2w, "
	                              "1y or 1d12h");
}

static void points_in_time_are_read_as_people_write_them(void **state)
{
	static const struct {
		const char *text;
		const char *utc; /* what it is, seen from NOW in the zone of set_zone() */
	} cases[] = {
	        {"2026-11-20T15:58:00Z", "2026-11-20T15:58:00Z"},
	        {"20261120T155800Z", "2026-11-20T15:58:00Z"},
	        {"2026-11-20", "2026-11-19T22:00:00Z"},
	        {"2026-07-01", "2026-06-30T21:00:00Z"},
	        {"2026-11-20 15:58", "2026-11-20T13:58:00Z"},
	        {"2026-11-20 15:58:07", "2026-11-20T13:58:07Z"},
	        {"2026-11-20T15:58", "2026-11-20T13:58:00Z"},
	        {"2026-07-01T00:00:01", "2026-06-30T21:00:01Z"},
	        {"@1763650000", "2025-11-20T14:46:40Z"},
	        {"@0", "1970-01-01T00:00:00Z"},
	        {"now", "2026-11-20T15:58:00Z"},
	        {"Today", "2026-11-19T22:00:00Z"},
	        {"yesterday", "2026-11-18T22:00:00Z"},
	        {"2 days ago", "2026-11-18T15:58:00Z"},
	        {"2.days.ago", "2026-11-18T15:58:00Z"},
	        {"  3   hours ago", "2026-11-20T12:58:00Z"},
	        {"1 day ago", "2026-11-19T15:58:00Z"},
	        {"45 sec ago", "2026-11-20T15:57:15Z"},
	        {"10 mins ago", "2026-11-20T15:48:00Z"},
	        {"last week", "2026-11-13T15:58:00Z"},
	        {"last month", "2026-10-20T14:58:00Z"}, /* summer time: 17:58 there */
	        {"2 years ago", "2024-11-20T15:58:00Z"},
	        {"13 months ago", "2025-10-20T14:58:00Z"},
	        {"90m ago", "2026-11-20T14:28:00Z"},
	        {"1d12h ago", "2026-11-19T03:58:00Z"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rb_err err = {0};
		int64_t at = 0;
		char iso[21];

		if (rb_time_parse_when(cases[i].text, NOW, &at, &err) < 0)
			fail_msg("%s", err.msg);
		rb_time_format_iso(at, iso);
		if (strcmp(iso, cases[i].utc) != 0)
			fail_msg("'%s' gave %s, not %s", cases[i].text, iso, cases[i].utc);
	}
}

static void what_is_no_point_in_time_is_refused(void **state)
{
	static const char *const bad[] = {
	        "",
	        "@",
	        "@-1",
	        "@12x",
	        "@253402300800",
	        "2026-13-01",
	        "2026-02-29",
	        "2026-11-20 25:00",
	        "11/20/2026",
	        "tomorrow",
	        "last",
	        "last fortnight",
	        "days ago",
	        "two days ago",
	        "2 days",
	        "2 s ago",
	        "2 ago days",
	        "-2 days ago",
	        "2 days ago ago",
	        "99999999999999999999 days ago",
	        "9223372036854775800 weeks ago",
	        "9223372036854775807s ago",
	        "999999 years ago",
	        "2 days ago and very much text after it, more than any point in time needs",
	};
	struct rb_err err = {0};
	int64_t out = 42;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (rb_time_parse_when(bad[i], NOW, &out, &err) != RB_E_FORMAT || out != 42)
			fail_msg("'%s' was read", bad[i]);
	}
	assert_int_equal(rb_time_parse_when("tomorrow", NOW, &out, &err), RB_E_FORMAT);
	assert_string_equal(err.msg, "'tomorrow' is no point in time");
	assert_string_equal(err.hint, "write it as '2026-11-20 15:58', 20261120T155800Z, "
	                              "'2 days ago', yesterday or @1763650000");
}

static void distances_are_told_in_the_unit_that_fits(void **state)
{
	static const struct {
		int64_t unix_s;
		const char *text;
	} cases[] = {
	        {NOW, "0 seconds ago"},
	        {NOW - 1, "1 second ago"},
	        {NOW - 89, "89 seconds ago"},
	        {NOW - 90, "2 minutes ago"},
	        {NOW - 180, "3 minutes ago"},
	        {NOW - 89 * 60, "89 minutes ago"},
	        {NOW - 90 * 60, "2 hours ago"},
	        {NOW - 35 * 3600, "35 hours ago"},
	        {NOW - 36 * 3600, "2 days ago"},
	        {NOW - 13 * 86400, "13 days ago"},
	        {NOW - 14 * 86400, "2 weeks ago"},
	        {NOW - 70 * 86400, "2 months ago"},
	        {NOW - 364 * 86400, "12 months ago"},
	        {NOW - 365 * 86400, "1 year ago"},
	        {NOW - 600 * 86400, "2 years ago"},
	        {NOW + 5, "in 5 seconds"},
	        {NOW + 86400 * 3, "in 3 days"},
	};
	char out[32];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		rb_time_format_ago(cases[i].unix_s, NOW, out, sizeof(out));
		assert_string_equal(out, cases[i].text);
	}
	rb_time_format_ago(INT64_MIN, INT64_MAX, out, sizeof(out));
	assert_string_equal(out, "584942417355 years ago");
	rb_time_format_ago(INT64_MAX, INT64_MIN, out, sizeof(out));
	assert_string_equal(out, "in 584942417355 years");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_clock_can_be_fixed),
	        cmocka_unit_test(the_other_clock_goes_forward_and_is_never_fixed),
	        cmocka_unit_test(utc_forms_go_both_ways),
	        cmocka_unit_test(every_day_is_read_as_it_is_written),
	        cmocka_unit_test(years_past_four_digits_show_the_edge),
	        cmocka_unit_test(what_is_no_utc_time_is_refused),
	        cmocka_unit_test(durations_are_read),
	        cmocka_unit_test(what_is_no_duration_is_refused),
	        cmocka_unit_test(a_refused_duration_shows_the_form),
	        cmocka_unit_test(points_in_time_are_read_as_people_write_them),
	        cmocka_unit_test(what_is_no_point_in_time_is_refused),
	        cmocka_unit_test(distances_are_told_in_the_unit_that_fits),
	};

	return cmocka_run_group_tests(tests, set_zone, unset_zone);
}
