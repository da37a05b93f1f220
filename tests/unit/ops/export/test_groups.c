/*
 * ops/export/groups.c: groups of rows are what adapter.h says, and two lists are told apart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export/groups_priv.h"
#include "rowback/base/encode.h"
#include "rowback/repo/object.h"

#define ROWS 20000

/* A row's text, and whether it begins a group by the rule, made from sha256_hex() alone. */
static size_t text_of(int row, char out[400])
{
	size_t len = (size_t)snprintf(out, 400, "(%d,%0*d)", row, 20 + row * 7919 % 300, row);

	return len;
}

static bool begins(const char *text, size_t len, char hex[65])
{
	char head[17] = {0};

	assert_int_equal(rb_sha256_hex(text, len, hex, NULL), RB_OK);
	memcpy(head, hex, 16);
	return strtoull(head, NULL, 16) < (len < 8191 ? len : 8191) * (UINT64_C(1) << 50);
}

static void groups_are_what_the_rule_says(void **state)
{
	struct rb_grouper *grouper = NULL;
	struct rb_groups groups = {0};
	struct rb_buf hashes = RB_BUF((size_t)1 << 24);
	size_t group = 0;
	uint32_t rows = 0;
	char text[400];
	char hex[65];

	(void)state;
	assert_int_equal(rb_grouper_new(&grouper, NULL), RB_OK);
	for (int i = 0; i < ROWS; i++)
		assert_int_equal(rb_grouper_row(grouper, text, text_of(i, text), &groups, NULL),
		                 RB_OK);
	assert_int_equal(rb_grouper_cut(grouper, &groups, NULL), RB_OK);
	assert_int_equal(rb_grouper_cut(grouper, &groups, NULL), RB_OK);
	assert_int_equal(groups.rows, ROWS);
	/* 16 kB on average: 3.6 MB in all. */
	assert_in_range(groups.count, 150, 300);
	for (int i = 0; i <= ROWS; i++) {
		bool is_border = i == ROWS || (begins(text, text_of(i, text), hex) && i > 0);
		unsigned char hash[32];

		if (is_border) {
			char digest[41];

			assert_int_equal(rb_sha256_hex(hashes.data, hashes.len, hex, NULL), RB_OK);
			rb_hex_encode(groups.list[group].digest, 20, digest);
			assert_memory_equal(digest, hex, 40);
			assert_int_equal(groups.list[group++].rows, rows);
			rb_buf_clear(&hashes);
			rows = 0;
			if (i < ROWS)
				begins(text, text_of(i, text), hex);
		}
		assert_true(i == ROWS || rb_hex_decode(hex, 64, hash, 32));
		if (i < ROWS)
			assert_int_equal(rb_buf_add(&hashes, hash, 32, NULL), RB_OK);
		rows++;
	}
	assert_int_equal(group, groups.count);
	rb_groups_release(&groups);
	rb_grouper_free(grouper);
	rb_grouper_free(NULL);
	rb_buf_release(&hashes);
}

static void limits_are_kept(void **state)
{
	struct rb_groups groups = {0};
	struct rb_group group = {.rows = RB_GROUP_ROWS_MAX};

	(void)state;
	assert_int_equal(rb_groups_add(&groups, &group, NULL), RB_OK);
	group.rows++;
	assert_int_equal(rb_groups_add(&groups, &group, NULL), RB_E_LIMIT);
	group.rows = 1;
	groups.count = RB_GROUPS_MAX;
	assert_int_equal(rb_groups_add(&groups, &group, NULL), RB_E_LIMIT);
	rb_groups_release(&groups);
}

/* Groups by letters: each letter is a group of its own digest, with as many rows as it says. */
static struct rb_groups groups_of(const char *letters)
{
	struct rb_groups groups = {0};

	for (; *letters; letters++) {
		struct rb_group group = {.rows = (uint32_t)(*letters - 'a' + 1)};

		memset(group.digest, *letters, sizeof(group.digest));
		assert_int_equal(rb_groups_add(&groups, &group, NULL), RB_OK);
	}
	return groups;
}

static void lists_are_told_apart(void **state)
{
	static const struct {
		const char *before;
		const char *after;
		const char *runs; /* as "=2 -1 +3": groups */
	} cases[] = {
	        {"", "", ""},
	        {"abc", "abc", "=3"},
	        {"", "ab", "+2"},
	        {"ab", "", "-2"},
	        {"abc", "axc", "=1 -1 +1 =1"},
	        {"abc", "xbc", "-1 +1 =2"},
	        {"abc", "abx", "=2 -1 +1"},
	        {"abc", "ac", "=1 -1 =1"},
	        {"ac", "abc", "=1 +1 =1"},
	        {"abcdef", "bdfg", "-1 =1 -1 =1 -1 =1 +1"},
	        {"abc", "xyz", "-3 +3"},
	        /* Equal groups, of rows that are equal. */
	        {"aaab", "aab", "=2 -1 =1"},
	        {"aab", "aaab", "=2 +1 =1"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rb_groups before = groups_of(cases[i].before);
		struct rb_groups after = groups_of(cases[i].after);
		struct rb_runs runs = {0};
		struct rb_buf text = RB_BUF(1024);
		uint64_t rows[3] = {0};

		assert_int_equal(rb_groups_match(&before, &after, &runs, NULL), RB_OK);
		for (size_t j = 0; j < runs.count; j++) {
			const struct rb_run *run = &runs.list[j];
			const struct rb_groups *of = run->kind == RB_RUN_DROP ? &before : &after;
			uint64_t sum = 0;

			assert_int_equal(rb_buf_addf(&text, NULL, "%s%c%zu", j ? " " : "",
			                             "=-+"[run->kind], run -> count),
			                 RB_OK);
			for (size_t k = 0; k < run->count; k++)
				sum += of->list[run->first + k].rows;
			assert_int_equal(run->rows, sum);
			rows[run->kind] += sum;
		}
		assert_string_equal(rb_buf_str(&text), cases[i].runs);
		assert_memory_equal(rows, runs.rows, sizeof(rows));
		assert_int_equal(rows[RB_RUN_KEEP] + rows[RB_RUN_DROP], before.rows);
		assert_int_equal(rows[RB_RUN_KEEP] + rows[RB_RUN_READ], after.rows);
		rb_runs_release(&runs);
		rb_groups_release(&before);
		rb_groups_release(&after);
		rb_buf_release(&text);
	}
}

static void equal_digests_of_other_numbers_of_rows_are_others(void **state)
{
	struct rb_groups before = groups_of("a");
	struct rb_groups after = groups_of("a");
	struct rb_runs runs = {0};

	(void)state;
	after.list[0].rows++;
	after.rows++;
	assert_int_equal(rb_groups_match(&before, &after, &runs, NULL), RB_OK);
	assert_int_equal(runs.rows[RB_RUN_KEEP], 0);
	rb_runs_release(&runs);
	rb_groups_release(&before);
	rb_groups_release(&after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(groups_are_what_the_rule_says),
	        cmocka_unit_test(limits_are_kept),
	        cmocka_unit_test(lists_are_told_apart),
	        cmocka_unit_test(equal_digests_of_other_numbers_of_rows_are_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
