/*
 * See rowback/ops/retention.h.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "rowback/base/time.h"
#include "rowback/ops/retention.h"

#define DAY_S ((int64_t)86400)
/* "2026-11-19 05h" and a NUL. */
#define PERIOD_SIZE 32

/* The periods that rules are about. */
enum period { PERIOD_HOUR, PERIOD_DAY, PERIOD_WEEK, PERIOD_MONTH, PERIOD_YEAR, PERIOD_COUNT };

static const char *const period_words[PERIOD_COUNT] = {"hourly", "daily", "weekly", "monthly",
                                                       "yearly"};

static const char *const kind_names[RB_KIND_COUNT] = {"full", "quick", "safety"};

const char *rb_retention_kind_name(enum rb_kind kind)
{
	return kind_names[kind];
}

enum rb_kind rb_retention_kind(const char *name)
{
	for (size_t i = 0; name && i < RB_KIND_COUNT; i++) {
		if (strcmp(kind_names[i], name) == 0)
			return (enum rb_kind)i;
	}
	return RB_KIND_FULL;
}

bool rb_retention_has_rule(const struct rb_keep_rules *rules)
{
	return rules->last >= 0 || rules->hourly >= 0 || rules->daily >= 0 || rules->weekly >= 0 ||
	       rules->monthly >= 0 || rules->yearly >= 0 || rules->within_s >= 0;
}

static int64_t own_or_any(int64_t own, int64_t any)
{
	return own >= 0 ? own : any;
}

struct rb_keep_rules rb_retention_rules(const struct rb_retention_config *rules, enum rb_kind kind)
{
	const struct rb_keep_rules *own = &rules->by_kind[kind];
	const struct rb_keep_rules *any = &rules->any;

	return (struct rb_keep_rules){
	        .last = own_or_any(own->last, any->last),
	        .hourly = own_or_any(own->hourly, any->hourly),
	        .daily = own_or_any(own->daily, any->daily),
	        .weekly = own_or_any(own->weekly, any->weekly),
	        .monthly = own_or_any(own->monthly, any->monthly),
	        .yearly = own_or_any(own->yearly, any->yearly),
	        .within_s = own_or_any(own->within_s, any->within_s),
	};
}

/* Keep an item, for one reason more. */
static void keep(struct rb_retention_item *item, const char *fmt, ...) RB_PRINTF(2, 3);

static void keep(struct rb_retention_item *item, const char *fmt, ...)
{
	size_t used = strlen(item->why);
	va_list args;

	item->keep = true;
	if (used > 0 && used + 2 < sizeof(item->why)) {
		memcpy(item->why + used, ", ", 3);
		used += 2;
	}
	va_start(args, fmt);
	vsnprintf(item->why + used, sizeof(item->why) - used, fmt, args);
	va_end(args);
}

static bool is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days since 1970-01-01, rounded down also before it. */
static int64_t day_of(int64_t unix_s)
{
	return unix_s >= 0 ? unix_s / DAY_S : -((DAY_S - 1 - unix_s) / DAY_S);
}

/*
 * The week as ISO 8601 has it: it begins on Monday, and belongs to the year that its Thursday
 * is in.
 */
static void format_week(int64_t unix_s, char out[PERIOD_SIZE])
{
	static const int before_month[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
	int64_t day = day_of(unix_s);
	int64_t weekday = ((day + 3) % 7 + 7) % 7; /* 1970-01-01 was a Thursday; Monday is 0 */
	char thursday[17];
	int year = 0;
	int month = 1;
	int mday = 1;
	int yday;

	rb_time_format_id((day - weekday + 3) * DAY_S, thursday);
	if (sscanf(thursday, "%4d%2d%2d", &year, &month, &mday) != 3 || month < 1 || month > 12)
		month = 1;
	yday = before_month[month - 1] + mday - 1 + (month > 2 && is_leap(year));
	snprintf(out, PERIOD_SIZE, "%04d-W%02d", year, yday / 7 + 1);
}

/* What a period is called: equal for two times of one period. */
static void format_period(enum period period, int64_t unix_s, char out[PERIOD_SIZE])
{
	static const int lengths[PERIOD_COUNT] = {
	        [PERIOD_HOUR] = 13, [PERIOD_DAY] = 10, [PERIOD_MONTH] = 7, [PERIOD_YEAR] = 4};
	char iso[21];

	if (period == PERIOD_WEEK) {
		format_week(unix_s, out);
		return;
	}
	rb_time_format_iso(unix_s, iso);
	if (period == PERIOD_HOUR)
		iso[10] = ' ';
	snprintf(out, PERIOD_SIZE, "%.*s%s", lengths[period], iso,
	         period == PERIOD_HOUR ? "h" : "");
}

/* Keep the newest of each period until there are `max`. */
static void keep_periods(struct rb_retention_item *items, size_t count, enum rb_kind kind,
                         enum period period, int64_t max)
{
	char last[PERIOD_SIZE] = "";
	int64_t kept = 0;

	for (size_t i = 0; i < count && kept < max; i++) {
		char name[PERIOD_SIZE];

		if (items[i].kind != kind)
			continue;
		format_period(period, items[i].time_unix_s, name);
		if (strcmp(name, last) == 0)
			continue;
		memcpy(last, name, sizeof(last));
		keep(&items[i], "%s %s", period_words[period], name);
		kept++;
	}
}

static void keep_last(struct rb_retention_item *items, size_t count, enum rb_kind kind, int64_t max)
{
	int64_t kept = 0;

	for (size_t i = 0; i < count && kept < max; i++) {
		if (items[i].kind != kind)
			continue;
		keep(&items[i], "last %" PRId64, max);
		kept++;
	}
}

/* "30d", "36h", "90s": in the largest unit that says it exactly. */
static void format_duration(int64_t seconds, char *out, size_t size)
{
	static const struct {
		int64_t seconds;
		char unit;
	} units[] = {{DAY_S, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	size_t i = 0;

	while (seconds % units[i].seconds != 0)
		i++;
	snprintf(out, size, "%" PRId64 "%c", seconds / units[i].seconds, units[i].unit);
}

static void keep_within(struct rb_retention_item *items, size_t count, enum rb_kind kind,
                        int64_t within_s)
{
	const struct rb_retention_item *newest = NULL;
	char text[32];

	if (within_s <= 0)
		return;
	format_duration(within_s, text, sizeof(text));
	for (size_t i = 0; i < count; i++) {
		if (items[i].kind != kind)
			continue;
		if (!newest)
			newest = &items[i];
		if (newest->time_unix_s - items[i].time_unix_s <= within_s)
			keep(&items[i], "within %s", text);
	}
}

static void keep_kind(struct rb_retention_item *items, size_t count, enum rb_kind kind,
                      const struct rb_keep_rules *rules)
{
	const int64_t max[PERIOD_COUNT] = {rules->hourly, rules->daily, rules->weekly,
	                                   rules->monthly, rules->yearly};

	if (!rb_retention_has_rule(rules)) {
		for (size_t i = 0; i < count; i++) {
			if (items[i].kind == kind)
				keep(&items[i], "no rule for %s", kind_names[kind]);
		}
		return;
	}
	keep_last(items, count, kind, rules->last);
	for (size_t i = 0; i < PERIOD_COUNT; i++)
		keep_periods(items, count, kind, (enum period)i, max[i]);
	keep_within(items, count, kind, rules->within_s);
}

/* What stays whatever the rules say. */
static void keep_always(struct rb_retention_item *items, size_t count, int64_t keep_min)
{
	int64_t floor = 0;
	bool drilled = false;

	for (size_t i = 0; i < count; i++) {
		struct rb_retention_item *item = &items[i];

		if (i == 0)
			keep(item, "newest");
		if (item->pinned)
			keep(item, "pinned");
		if (item->way_back)
			keep(item, "way back");
		if (item->drilled && !drilled)
			keep(item, "newest drilled");
		drilled |= item->drilled;
		if (item->kind == RB_KIND_FULL && item->whole && item->pushed && floor < keep_min) {
			keep(item, "floor: %" PRId64 " full one%s on the remote", keep_min,
			     keep_min == 1 ? "" : "s");
			floor++;
		}
	}
}

void rb_retention_apply(const struct rb_retention_config *rules, struct rb_retention_item *items,
                        size_t count)
{
	for (size_t i = 0; i < count; i++) {
		items[i].keep = false;
		items[i].why[0] = '\0';
	}
	for (int kind = 0; kind < RB_KIND_COUNT; kind++) {
		const struct rb_keep_rules own = rb_retention_rules(rules, (enum rb_kind)kind);

		keep_kind(items, count, (enum rb_kind)kind, &own);
	}
	keep_always(items, count, rules->keep_min);
}
