/*
 * rowback/base/suggest.h: the nearest known word.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "rowback/base/suggest.h"

static const char *const commands[] = {"init", "export",  "sync",   "backup", "log",
                                       "show", "restore", "verify", "doctor", NULL};

static void distance_counts_single_steps(void **state)
{
	static const struct {
		const char *a;
		const char *b;
		size_t steps;
	} cases[] = {
	        {"", "", 0},       {"", "abc", 3},          {"abc", "", 3},
	        {"abc", "abc", 0}, {"abc", "ABC", 0},       {"abc", "acb", 1},
	        {"abc", "abd", 1}, {"abc", "abcd", 1},      {"kitten", "sitting", 3},
	        {"ca", "abc", 3},  {"maxAge", "maxage", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(rb_suggest_distance(cases[i].a, cases[i].b), cases[i].steps);
}

static void finds_the_word_meant(void **state)
{
	static const struct {
		const char *typed;
		const char *meant;
	} cases[] = {
	        {"bakcup", "backup"},  {"resotre", "restore"}, {"rest", "restore"},
	        {"verfy", "verify"},   {"lgo", "log"},         {"BACKUP", "backup"},
	        {"doctors", "doctor"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(rb_suggest(cases[i].typed, commands), cases[i].meant);
}

static void far_words_get_no_suggestion(void **state)
{
	(void)state;
	assert_null(rb_suggest("frobnicate", commands));
	assert_null(rb_suggest("", commands));
	assert_null(rb_suggest("xy", commands));
}

static void long_words_are_cut_not_overrun(void **state)
{
	char a[300];
	char b[300];

	(void)state;
	memset(a, 'a', sizeof(a) - 1);
	memset(b, 'b', sizeof(b) - 1);
	a[sizeof(a) - 1] = '\0';
	b[sizeof(b) - 1] = '\0';
	assert_int_equal(rb_suggest_distance(a, b), RB_SUGGEST_BYTES_MAX);
	assert_null(rb_suggest(a, commands));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(distance_counts_single_steps),
	        cmocka_unit_test(finds_the_word_meant),
	        cmocka_unit_test(far_words_get_no_suggestion),
	        cmocka_unit_test(long_words_are_cut_not_overrun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
