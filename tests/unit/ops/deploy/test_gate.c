/*
 * rowback/ops/gate.h: the arithmetic of limits, and the words that programs go by.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "rowback/ops/gate.h"

static bool is_over(const char *text, uint64_t removed, uint64_t rows_before)
{
	struct rb_row_limit limit = {0};

	assert_int_equal(rb_config_parse_limit(text, &limit), RB_OK);
	return rb_gate_is_over(&limit, removed, rows_before);
}

static void a_limit_allows_just_as_many(void **state)
{
	(void)state;
	assert_false(is_over("5%", 50, 1000));
	assert_true(is_over("5%", 51, 1000));
	assert_false(is_over("0.1%", 1, 1000));
	assert_true(is_over("0.1%", 2, 1000));
	assert_false(is_over("100%", 1000, 1000));
	assert_true(is_over("0%", 1, 1000000000));
	assert_false(is_over("50", 50, 51));
	assert_true(is_over("50", 51, 1000000));
	assert_true(is_over("0", 1, 1));
}

static void nothing_removed_is_never_over(void **state)
{
	(void)state;
	assert_false(is_over("0", 0, 0));
	assert_false(is_over("0%", 0, 0));
	assert_false(is_over("0%", 0, 10));
	/* Rows that were not there before cannot have been removed. */
	assert_false(is_over("0", 3, 0));
}

static void no_limit_allows_all(void **state)
{
	static const struct rb_row_limit none = {0};

	(void)state;
	assert_false(rb_gate_is_over(&none, UINT64_MAX, UINT64_MAX));
}

/* Shares that a double does not hold: each limit is the exact share of what was removed. */
static void rounding_refuses_nothing_that_is_allowed(void **state)
{
	(void)state;
	for (uint64_t hundredths = 1; hundredths <= 10000; hundredths++) {
		char text[32];

		snprintf(text, sizeof(text), "%u.%02u%%", (unsigned int)(hundredths / 100),
		         (unsigned int)(hundredths % 100));
		assert_false(is_over(text, hundredths, 10000));
		assert_true(is_over(text, hundredths + 1, 10000));
		assert_false(is_over(text, hundredths * 100000, 1000000000));
		assert_true(is_over(text, hundredths * 100000 + 1, 1000000000));
	}
}

static void limits_are_written_as_they_are_read(void **state)
{
	static const char *const texts[] = {"5%", "0.25%", "100%", "0", "49", "9007199254740992"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct rb_row_limit limit = {0};
		struct rb_buf out = RB_BUF(64);

		assert_int_equal(rb_config_parse_limit(texts[i], &limit), RB_OK);
		assert_int_equal(rb_gate_limit_text(&limit, &out, NULL), RB_OK);
		assert_string_equal(rb_buf_str(&out), texts[i]);
		rb_buf_release(&out);
	}
}

static void a_range_ends_in_the_live_source(void **state)
{
	(void)state;
	assert_true(rb_gate_range_is_live("live"));
	assert_true(rb_gate_range_is_live("..live"));
	assert_true(rb_gate_range_is_live("latest~1..live"));
	assert_false(rb_gate_range_is_live("live..latest"));
	assert_false(rb_gate_range_is_live("latest"));
	assert_false(rb_gate_range_is_live(NULL));
}

static void every_refusal_has_a_word_of_its_own(void **state)
{
	(void)state;
	assert_string_equal(rb_gate_reason_word(RB_GATE_PASSES), "");
	assert_string_equal(rb_gate_reason_word(RB_GATE_TOO_OLD), "too_old");
	for (int i = 1; i < RB_GATE_REASON_COUNT; i++) {
		const char *word = rb_gate_reason_word((enum rb_gate_reason)i);

		assert_non_null(word);
		assert_int_equal(strspn(word, "abcdefghijklmnopqrstuvwxyz_"), strlen(word));
		for (int j = 0; j < i; j++)
			assert_string_not_equal(word, rb_gate_reason_word((enum rb_gate_reason)j));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_limit_allows_just_as_many),
	        cmocka_unit_test(nothing_removed_is_never_over),
	        cmocka_unit_test(no_limit_allows_all),
	        cmocka_unit_test(rounding_refuses_nothing_that_is_allowed),
	        cmocka_unit_test(limits_are_written_as_they_are_read),
	        cmocka_unit_test(a_range_ends_in_the_live_source),
	        cmocka_unit_test(every_refusal_has_a_word_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
