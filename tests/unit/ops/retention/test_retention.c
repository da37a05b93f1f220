/*
 * rowback/ops/retention.h: which backups stay, against a plain model and by example.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rowback/base/time.h"
#include "rowback/ops/retention.h"

#define ITEMS_MAX 400
#define ROUNDS 300

static struct rb_retention_item items[ITEMS_MAX];

static const struct rb_keep_rules no_rules = {-1, -1, -1, -1, -1, -1, -1};

static struct rb_retention_config no_config(void)
{
	struct rb_retention_config config = {.any = no_rules};

	for (size_t i = 0; i < RB_KIND_COUNT; i++)
		config.by_kind[i] = no_rules;
	return config;
}

/* A list of whole, pushed, full backups, given newest first. */
static size_t make_list(const char *const *ids)
{
	size_t count = 0;

	memset(items, 0, sizeof(items));
	for (; ids[count]; count++) {
		assert_int_equal(rb_time_parse_utc(ids[count], &items[count].time_unix_s, NULL), 0);
		items[count].whole = true;
		items[count].pushed = true;
	}
	return count;
}

static void a_kind_without_a_rule_is_not_touched(void **state)
{
	static const char *const ids[] = {"20261119T120000Z", "20261118T120000Z", NULL};
	struct rb_retention_config config = no_config();
	size_t count = make_list(ids);

	(void)state;
	config.by_kind[RB_KIND_QUICK].last = 1;
	rb_retention_apply(&config, items, count);
	assert_true(items[1].keep);
	assert_string_equal(items[1].why, "no rule for full");
	assert_string_equal(items[0].why, "no rule for full, newest");
}

static void reasons_are_told_in_the_order_of_the_rules(void **state)
{
	static const char *const ids[] = {"20261119T120000Z", "20261119T110000Z",
	                                  "20261019T110000Z", "20261018T110000Z", NULL};
	struct rb_retention_config config = no_config();
	size_t count = make_list(ids);

	(void)state;
	config.any = (struct rb_keep_rules){.last = 1,
	                                    .hourly = 2,
	                                    .daily = 1,
	                                    .weekly = 1,
	                                    .monthly = 2,
	                                    .yearly = 1,
	                                    .within_s = 5400};
	config.keep_min = 1;
	items[0].pinned = true;
	items[1].drilled = true;
	items[2].drilled = true;
	items[3].way_back = true;
	rb_retention_apply(&config, items, count);
	assert_string_equal(items[0].why,
	                    "last 1, hourly 2026-11-19 12h, daily 2026-11-19, weekly 2026-W47, "
	                    "monthly 2026-11, yearly 2026, within 90m, newest, pinned, floor: 1 "
	                    "full one on the remote");
	assert_string_equal(items[1].why, "hourly 2026-11-19 11h, within 90m, newest drilled");
	assert_string_equal(items[2].why, "monthly 2026-10");
	assert_string_equal(items[3].why, "way back");
}

static void a_period_without_a_backup_does_not_count(void **state)
{
	static const char *const ids[] = {"20261119T120000Z", "20260301T090000Z",
	                                  "20260301T080000Z", "20240229T000000Z",
	                                  "20240228T235959Z", NULL};
	static const bool want[] = {true, true, false, true, false};
	struct rb_retention_config config = no_config();
	size_t count = make_list(ids);

	(void)state;
	config.any.daily = 3;
	rb_retention_apply(&config, items, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(items[i].keep, want[i]);
}

static void within_counts_from_the_newest_of_the_kind(void **state)
{
	static const char *const ids[] = {"20261119T120000Z", "20200119T120000Z",
	                                  "20191220T120000Z", "20191220T115959Z", NULL};
	struct rb_retention_config config = no_config();
	size_t count = make_list(ids);

	(void)state;
	items[0].kind = RB_KIND_QUICK;
	config.by_kind[RB_KIND_FULL].within_s = (int64_t)30 * 86400;
	rb_retention_apply(&config, items, count);
	assert_string_equal(items[1].why, "within 30d");
	assert_true(items[2].keep);
	assert_false(items[3].keep);
}

static void the_floor_counts_whole_ones_that_the_remote_has(void **state)
{
	static const char *const ids[] = {"20261119T120000Z", "20261119T110000Z",
	                                  "20261119T100000Z", "20261119T090000Z",
	                                  "20261119T080000Z", NULL};
	struct rb_retention_config config = no_config();
	size_t count = make_list(ids);

	(void)state;
	config.any.last = 0;
	config.keep_min = 2;
	items[0].pushed = false;
	items[1].whole = false;
	items[2].kind = RB_KIND_SAFETY;
	rb_retention_apply(&config, items, count);
	assert_string_equal(items[0].why, "newest");
	assert_false(items[1].keep);
	assert_false(items[2].keep);
	assert_string_equal(items[3].why, "floor: 2 full ones on the remote");
	assert_true(items[4].keep);
}

static void a_kinds_own_rules_come_before_the_general_ones_one_by_one(void **state)
{
	struct rb_retention_config config = no_config();
	struct rb_keep_rules rules;

	(void)state;
	config.any.last = 3;
	config.any.daily = 7;
	config.by_kind[RB_KIND_QUICK].last = 0;
	rules = rb_retention_rules(&config, RB_KIND_QUICK);
	assert_int_equal(rules.last, 0);
	assert_int_equal(rules.daily, 7);
	assert_int_equal(rules.weekly, -1);
	rules = rb_retention_rules(&config, RB_KIND_FULL);
	assert_int_equal(rules.last, 3);
	assert_false(rb_retention_has_rule(&no_rules));
	assert_true(rb_retention_has_rule(&rules));
}

static void weeks_are_those_of_iso_8601(void **state)
{
	static const struct {
		const char *id;
		const char *why;
	} cases[] = {
	        {"20210103T235959Z", "weekly 2020-W53, newest"},
	        {"20210104T000000Z", "weekly 2021-W01, newest"},
	        {"20181231T000000Z", "weekly 2019-W01, newest"},
	        {"20240229T120000Z", "weekly 2024-W09, newest"},
	        {"19691231T235959Z", "weekly 1970-W01, newest"},
	};
	struct rb_retention_config config = no_config();

	(void)state;
	config.any.weekly = 1;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *const ids[] = {cases[i].id, NULL};
		size_t count = make_list(ids);

		rb_retention_apply(&config, items, count);
		assert_string_equal(items[0].why, cases[i].why);
	}
}

static void nothing_is_no_error(void **state)
{
	const struct rb_retention_config config = no_config();

	(void)state;
	rb_retention_apply(&config, NULL, 0);
	assert_int_equal(rb_retention_kind("quick"), RB_KIND_QUICK);
	assert_int_equal(rb_retention_kind(NULL), RB_KIND_FULL);
	assert_string_equal(rb_retention_kind_name(RB_KIND_SAFETY), "safety");
}

/* Numbers that are the same everywhere; xorshift64*. */
static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * 0x2545F4914F6CDD1DULL;
}

static int64_t below(uint64_t *seed, int64_t limit)
{
	return (int64_t)((next_random(seed) >> 16) % (uint64_t)limit);
}

static int64_t random_rule(uint64_t *seed)
{
	return below(seed, 3) == 0 ? -1 : below(seed, 12);
}

static struct rb_keep_rules random_rules(uint64_t *seed)
{
	if (below(seed, 3) == 0)
		return no_rules;
	return (struct rb_keep_rules){.last = random_rule(seed),
	                              .hourly = random_rule(seed),
	                              .daily = random_rule(seed),
	                              .weekly = random_rule(seed),
	                              .monthly = random_rule(seed),
	                              .yearly = random_rule(seed),
	                              .within_s = below(seed, 2) ? -1 : below(seed, 90) * 86400};
}

static int newest_first(const void *a, const void *b)
{
	const struct rb_retention_item *left = a;
	const struct rb_retention_item *right = b;

	return (left->time_unix_s < right->time_unix_s) - (left->time_unix_s > right->time_unix_s);
}

static size_t random_list(uint64_t *seed)
{
	size_t count = (size_t)below(seed, ITEMS_MAX + 1);
	int64_t span = (int64_t)1 << (10 + below(seed, 18)); /* minutes to four years */

	memset(items, 0, sizeof(items));
	for (size_t i = 0; i < count; i++) {
		items[i].time_unix_s = 1700000000 + below(seed, span);
		items[i].kind = (enum rb_kind)below(seed, RB_KIND_COUNT);
		items[i].pinned = below(seed, 40) == 0;
		items[i].drilled = below(seed, 30) == 0;
		items[i].way_back = below(seed, 50) == 0;
		items[i].pushed = below(seed, 5) != 0;
		items[i].whole = below(seed, 20) != 0;
	}
	if (count > 0)
		qsort(items, count, sizeof(items[0]), newest_first);
	return count;
}

/* The model: the name of a period comes from libc, and each backup looks at all newer ones. */
static void name_period(char period, int64_t unix_s, char out[32])
{
	time_t time = (time_t)unix_s;
	struct tm parts;
	size_t len = 0;

	assert_non_null(gmtime_r(&time, &parts));
	switch (period) {
	case 'h':
		len = strftime(out, 32, "%Y%m%d%H", &parts);
		break;
	case 'd':
		len = strftime(out, 32, "%Y%m%d", &parts);
		break;
	case 'w':
		len = strftime(out, 32, "%G%V", &parts);
		break;
	case 'm':
		len = strftime(out, 32, "%Y%m", &parts);
		break;
	default:
		len = strftime(out, 32, "%Y", &parts);
		break;
	}
	assert_true(len > 0);
}

static bool model_period(size_t index, char period, int64_t max)
{
	char own[32];
	char last[32] = "";
	int64_t periods = 0;

	name_period(period, items[index].time_unix_s, own);
	for (size_t i = 0; i < index; i++) {
		char name[32];

		if (items[i].kind != items[index].kind)
			continue;
		name_period(period, items[i].time_unix_s, name);
		if (strcmp(name, own) == 0)
			return false;
		periods += strcmp(name, last) != 0;
		memcpy(last, name, sizeof(last));
	}
	return periods < max;
}

static bool model_always(const struct rb_retention_config *config, size_t index)
{
	const struct rb_retention_item *item = &items[index];
	int64_t full = 0;
	bool drilled = false;

	for (size_t i = 0; i < index; i++) {
		full += items[i].kind == RB_KIND_FULL && items[i].whole && items[i].pushed;
		drilled |= items[i].drilled;
	}
	return index == 0 || item->pinned || item->way_back || (item->drilled && !drilled) ||
	       (item->kind == RB_KIND_FULL && item->whole && item->pushed &&
	        full < config->keep_min);
}

static int64_t first_set(int64_t own, int64_t any)
{
	return own != -1 ? own : any;
}

static bool model_keeps(const struct rb_retention_config *config, size_t index)
{
	const struct rb_keep_rules *own = &config->by_kind[items[index].kind];
	const struct rb_keep_rules *any = &config->any;
	int64_t within = first_set(own->within_s, any->within_s);
	const struct {
		int64_t max;
		char name;
	} periods[] = {{first_set(own->last, any->last), 's'},
	               {first_set(own->hourly, any->hourly), 'h'},
	               {first_set(own->daily, any->daily), 'd'},
	               {first_set(own->weekly, any->weekly), 'w'},
	               {first_set(own->monthly, any->monthly), 'm'},
	               {first_set(own->yearly, any->yearly), 'y'}};
	bool any_rule = within >= 0;
	bool keeps = model_always(config, index);
	int64_t newer = 0;
	int64_t newest = items[index].time_unix_s;

	for (size_t i = index; i-- > 0;) {
		if (items[i].kind != items[index].kind)
			continue;
		newer++;
		newest = items[i].time_unix_s;
	}
	for (size_t i = 0; i < sizeof(periods) / sizeof(periods[0]); i++) {
		any_rule |= periods[i].max >= 0;
		keeps |= i == 0 ? newer < periods[i].max
		                : model_period(index, periods[i].name, periods[i].max);
	}
	keeps |= within > 0 && newest - items[index].time_unix_s <= within;
	return keeps || !any_rule;
}

static void random_lists_are_kept_as_the_model_says(void **state)
{
	uint64_t seed = 20261120;

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct rb_retention_config config = {.any = random_rules(&seed)};
		size_t count = random_list(&seed);

		for (size_t i = 0; i < RB_KIND_COUNT; i++)
			config.by_kind[i] = random_rules(&seed);
		config.keep_min = below(&seed, 5);
		rb_retention_apply(&config, items, count);
		for (size_t i = 0; i < count; i++) {
			if (items[i].keep != model_keeps(&config, i))
				fail_msg("round %d, item %zu of %zu: keep %d (%s)", round, i, count,
				         items[i].keep, items[i].why);
			assert_int_equal(items[i].keep, items[i].why[0] != '\0');
		}
	}
}

/* What a rule keeps today it keeps when it is applied to what is left. */
static void a_second_prune_removes_nothing_more(void **state)
{
	uint64_t seed = 4711;

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct rb_retention_config config = {.any = random_rules(&seed), .keep_min = 3};
		size_t count = random_list(&seed);
		size_t left = 0;

		for (size_t i = 0; i < RB_KIND_COUNT; i++)
			config.by_kind[i] = random_rules(&seed);
		rb_retention_apply(&config, items, count);
		for (size_t i = 0; i < count; i++) {
			if (items[i].keep)
				items[left++] = items[i];
		}
		rb_retention_apply(&config, items, left);
		for (size_t i = 0; i < left; i++)
			assert_true(items[i].keep);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_kind_without_a_rule_is_not_touched),
	        cmocka_unit_test(reasons_are_told_in_the_order_of_the_rules),
	        cmocka_unit_test(a_period_without_a_backup_does_not_count),
	        cmocka_unit_test(within_counts_from_the_newest_of_the_kind),
	        cmocka_unit_test(the_floor_counts_whole_ones_that_the_remote_has),
	        cmocka_unit_test(a_kinds_own_rules_come_before_the_general_ones_one_by_one),
	        cmocka_unit_test(weeks_are_those_of_iso_8601),
	        cmocka_unit_test(nothing_is_no_error),
	        cmocka_unit_test(random_lists_are_kept_as_the_model_says),
	        cmocka_unit_test(a_second_prune_removes_nothing_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
