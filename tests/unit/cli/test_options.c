/*
 * rowback/cli/options.h: what is understood on a command line, and what is said otherwise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness/fault.h"
#include "rowback/cli/options.h"

struct own {
	bool force;
	bool all;
	const char *label;
	struct rb_cli_list tables;
	int64_t count;
	int64_t since;
	int color;
	const char *first;
	const char *second;
	struct rb_cli_rest rest;
};

struct global {
	const char *dir;
	bool dry_run;
	bool quiet;
	int64_t wait_s;
};

static const char *const colors[] = {"red", "green", "blue", NULL};

static const struct rb_cli_opt own_opts[] = {
        {.kind = RB_CLI_FLAG,
         .short_name = 'f',
         .long_name = "force",
         .offset = offsetof(struct own, force)},
        {.kind = RB_CLI_FLAG,
         .short_name = 'a',
         .long_name = "all",
         .offset = offsetof(struct own, all)},
        {.kind = RB_CLI_STRING,
         .short_name = 'l',
         .long_name = "label",
         .arg = "NAME",
         .offset = offsetof(struct own, label)},
        {.kind = RB_CLI_LIST,
         .short_name = 't',
         .long_name = "table",
         .arg = "NAME",
         .offset = offsetof(struct own, tables)},
        {.kind = RB_CLI_INT,
         .short_name = 'n',
         .digits = true,
         .long_name = "max-count",
         .arg = "N",
         .offset = offsetof(struct own, count),
         .min = 0,
         .max = 100},
        {.kind = RB_CLI_WHEN,
         .long_name = "since",
         .arg = "WHEN",
         .offset = offsetof(struct own, since)},
        {.kind = RB_CLI_CHOICE,
         .long_name = "color",
         .choices = colors,
         .offset = offsetof(struct own, color)},
        {.kind = RB_CLI_END},
};

static const struct rb_cli_opt global_opts[] = {
        {.kind = RB_CLI_STRING,
         .short_name = 'C',
         .long_name = "store",
         .arg = "DIR",
         .offset = offsetof(struct global, dir)},
        {.kind = RB_CLI_FLAG,
         .short_name = 'n',
         .long_name = "dry-run",
         .offset = offsetof(struct global, dry_run)},
        {.kind = RB_CLI_FLAG,
         .short_name = 'q',
         .long_name = "quiet",
         .offset = offsetof(struct global, quiet)},
        {.kind = RB_CLI_DURATION,
         .long_name = "lock-wait",
         .arg = "DURATION",
         .offset = offsetof(struct global, wait_s)},
        {.kind = RB_CLI_END},
};

static const struct rb_cli_arg two_args[] = {
        {.name = "FIRST",
         .help = "comes first",
         .required = true,
         .offset = offsetof(struct own, first)},
        {.name = "SECOND", .choices = colors, .offset = offsetof(struct own, second)},
        {.name = NULL},
};

/* The values a line gives, and what is said of it. */
struct fixture {
	struct own own;
	struct global global;
	struct rb_err err;
	int used;
};

static int set_up(void **state)
{
	*state = calloc(1, sizeof(struct fixture));
	return *state ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *fx = *state;
	const struct rb_cli_values own = {own_opts, &fx->own};

	fault_disarm();
	rb_cli_values_release(&own);
	assert_null(fx->own.tables.items);
	free(fx);
	return 0;
}

/* Parse a line whose words have "|" between them; its memory holds the values. */
static int parse(struct fixture *fx, char *line, const struct rb_cli_arg *args)
{
	const struct rb_cli_parse what = {
	        .own = {args ? own_opts : NULL, &fx->own},
	        .global = {global_opts, &fx->global},
	        .args = args,
	        .command = args ? "log" : NULL,
	};
	char *argv[32];
	int argc = 0;

	for (char *word = strtok(line, "|"); word; word = strtok(NULL, "|"))
		argv[argc++] = word;
	return rb_cli_parse(&what, argc, argv, &fx->used, &fx->err);
}

static void assert_parses(struct fixture *fx, char *line)
{
	if (parse(fx, line, two_args) < 0)
		fail_msg("%s", fx->err.msg);
}

static void long_options_take_values_both_ways(void **state)
{
	struct fixture *fx = *state;
	char line[] = "x|--force|--label=a=b|--store|/srv|--lock-wait=2m";

	assert_parses(fx, line);
	assert_true(fx->own.force);
	assert_false(fx->own.all);
	assert_string_equal(fx->own.label, "a=b");
	assert_string_equal(fx->global.dir, "/srv");
	assert_int_equal(fx->global.wait_s, 120);
	assert_string_equal(fx->own.first, "x");
	assert_int_equal(fx->used, 6);
}

static void short_options_can_be_bundled(void **state)
{
	struct fixture *fx = *state;
	char line[] = "-faqlname|x|-C|/srv|-C/other";

	assert_parses(fx, line);
	assert_true(fx->own.force && fx->own.all && fx->global.quiet);
	assert_string_equal(fx->own.label, "name");
	assert_string_equal(fx->global.dir, "/other");
}

static void lists_collect_and_are_terminated(void **state)
{
	struct fixture *fx = *state;
	char line[] = "-ta|x|--table|b|--table=c";

	assert_parses(fx, line);
	assert_int_equal(fx->own.tables.count, 3);
	assert_string_equal(fx->own.tables.items[0], "a");
	assert_string_equal(fx->own.tables.items[1], "b");
	assert_string_equal(fx->own.tables.items[2], "c");
	assert_null(fx->own.tables.items[3]);
}

static void digits_are_an_option_of_their_own(void **state)
{
	struct fixture *fx = *state;
	char line[] = "-15|x";

	assert_parses(fx, line);
	assert_int_equal(fx->own.count, 15);
}

static void a_commands_option_hides_the_global_one(void **state)
{
	struct fixture *fx = *state;
	char line[] = "x|-n|7|--dry-run";

	assert_parses(fx, line);
	assert_int_equal(fx->own.count, 7);
	assert_true(fx->global.dry_run);
}

static void choices_give_their_place(void **state)
{
	struct fixture *fx = *state;
	char line[] = "x|--color|blue|green";

	assert_parses(fx, line);
	assert_int_equal(fx->own.color, 2);
	assert_string_equal(fx->own.second, "green");
}

static void points_in_time_are_read(void **state)
{
	struct fixture *fx = *state;
	char line[] = "x|--since|@1763650680";

	assert_parses(fx, line);
	assert_int_equal(fx->own.since, 1763650680);
}

static void values_may_look_like_options(void **state)
{
	struct fixture *fx = *state;
	char line[] = "x|--label|--force|-C|--";

	assert_parses(fx, line);
	assert_string_equal(fx->own.label, "--force");
	assert_string_equal(fx->global.dir, "--");
	assert_false(fx->own.force);
}

static void two_dashes_end_the_options(void **state)
{
	struct fixture *fx = *state;
	char line[] = "-f|--|--all|red";

	assert_parses(fx, line);
	assert_true(fx->own.force);
	assert_false(fx->own.all);
	assert_string_equal(fx->own.first, "--all");
	assert_string_equal(fx->own.second, "red");
}

static const struct rb_cli_arg rest_args[] = {
        {.name = "COMMAND",
         .help = "what to run",
         .required = true,
         .rest = true,
         .offset = offsetof(struct own, rest)},
        {.name = NULL},
};

static void a_rest_is_passed_on_as_it_is(void **state)
{
	struct fixture *fx = *state;
	char line[] = "-f|--|make|-f|--label|--|--store=y";

	assert_int_equal(parse(fx, line, rest_args), RB_OK);
	assert_true(fx->own.force);
	assert_null(fx->own.label);
	assert_null(fx->global.dir);
	assert_int_equal(fx->own.rest.count, 5);
	assert_string_equal(fx->own.rest.argv[0], "make");
	assert_string_equal(fx->own.rest.argv[1], "-f");
	assert_string_equal(fx->own.rest.argv[2], "--label");
	assert_string_equal(fx->own.rest.argv[3], "--");
	assert_string_equal(fx->own.rest.argv[4], "--store=y");
}

static void a_rest_stands_behind_two_dashes(void **state)
{
	struct fixture *fx = *state;
	char without[] = "-f|make|-f";
	char empty[] = "-f|--";

	assert_int_equal(parse(fx, without, rest_args), RB_E_USAGE);
	assert_string_equal(fx->err.msg, "'--' must stand before COMMAND");
	assert_int_equal(parse(fx, empty, rest_args), RB_E_USAGE);
	assert_string_equal(fx->err.msg, "COMMAND is missing: what to run");
}

static void one_dash_is_an_operand(void **state)
{
	struct fixture *fx = *state;
	char line[] = "-";

	assert_parses(fx, line);
	assert_string_equal(fx->own.first, "-");
}

static void without_operands_parsing_stops_at_the_first(void **state)
{
	static const struct {
		const char *line;
		int used;
	} cases[] = {
	        {"-q|backup|--force", 1}, {"-C|/srv|log", 2}, {"log", 0}, {"--|log", 1}, {"-q", 1},
	};
	struct fixture *fx = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char line[64];

		strcpy(line, cases[i].line);
		assert_int_equal(parse(fx, line, NULL), RB_OK);
		assert_int_equal(fx->used, cases[i].used);
	}
}

static void what_is_wrong_is_said_with_a_hint(void **state)
{
	static const struct {
		const char *line;
		const char *msg;
		const char *hint;
	} cases[] = {
	        {"x|--froce", "unknown option '--froce'", "did you mean '--force'?"},
	        {"x|--labl=y", "unknown option '--labl'", "did you mean '--label'?"},
	        {"x|--dry", "unknown option '--dry'", "did you mean '--dry-run'?"},
	        {"x|--zzzzzz", "unknown option '--zzzzzz'", "see 'rowback help log'"},
	        {"x|-fz", "unknown option '-z'", "see 'rowback help log'"},
	        {"x|-5f", "unknown option '-5'", "see 'rowback help log'"},
	        {"x|--force=1", "option '--force' takes no value", "see 'rowback help log'"},
	        {"x|--label", "option '--label' needs a value", "see 'rowback help log'"},
	        {"x|-l", "option '--label' needs a value", "see 'rowback help log'"},
	        {"x|--max-count|101",
	         "option '--max-count' is '101', but must be a number from 0 to 100", ""},
	        {"x|--max-count|-1",
	         "option '--max-count' is '-1', but must be a number from 0 to 100", ""},
	        {"x|--max-count|+1",
	         "option '--max-count' is '+1', but must be a number from 0 to 100", ""},
	        {"x|--max-count|1x",
	         "option '--max-count' is '1x', but must be a number from 0 to 100", ""},
	        {"x|--max-count=", "option '--max-count' is '', but must be a number from 0 to 100",
	         ""},
	        {"x|-99999999999999999999",
	         "option '--max-count' is '99999999999999999999', but must be a number from 0 to "
	         "100",
	         ""},
	        {"x|--color|gren", "option '--color' is 'gren', but must be red, green or blue",
	         "did you mean 'green'?"},
	        {"x|--color=", "option '--color' is '', but must be red, green or blue", ""},
	        {"x|pink", "SECOND is 'pink', but must be red, green or blue", ""},
	        {"x|red|y", "unexpected argument 'y'", "see 'rowback help log'"},
	        {"-f", "FIRST is missing: comes first", "see 'rowback help log'"},
	};
	struct fixture *fx = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char line[64];

		strcpy(line, cases[i].line);
		assert_int_equal(parse(fx, line, two_args), RB_E_USAGE);
		assert_string_equal(fx->err.msg, cases[i].msg);
		assert_string_equal(fx->err.hint, cases[i].hint);
	}
}

static void wrong_times_show_the_right_form(void **state)
{
	struct fixture *fx = *state;
	char since[] = "x|--since|soon";
	char wait[] = "x|--lock-wait|long";

	assert_int_equal(parse(fx, since, two_args), RB_E_USAGE);
	assert_string_equal(fx->err.msg, "option '--since' is 'soon', but must be a point in time");
	assert_true(fx->err.hint[0] != '\0');
	assert_int_equal(parse(fx, wait, two_args), RB_E_USAGE);
	assert_string_equal(fx->err.msg, "option '--lock-wait' is 'long', but must be a duration");
	assert_true(fx->err.hint[0] != '\0');
}

static void before_the_command_the_hint_is_the_list(void **state)
{
	struct fixture *fx = *state;
	char line[] = "-z|log";

	assert_int_equal(parse(fx, line, NULL), RB_E_USAGE);
	assert_string_equal(fx->err.hint, "see 'rowback --help'");
}

static void an_overlong_unknown_option_is_cut(void **state)
{
	struct fixture *fx = *state;
	char line[600] = "x|--";

	memset(line + 4, 'y', 500);
	assert_int_equal(parse(fx, line, two_args), RB_E_USAGE);
	assert_int_equal(strlen(fx->err.msg), strlen("unknown option '--'") + 63);
}

static void no_memory_for_a_list_is_reported(void **state)
{
	struct fixture *fx = *state;
	char line[] = "x|--table|a|--table|b";

	fault_arm(FAULT_MALLOC, 2, ENOMEM);
	assert_int_equal(parse(fx, line, two_args), RB_E_NOMEM);
	assert_int_equal(fault_disarm(), 1);
	assert_int_equal(fx->own.tables.count, 1);
	assert_null(fx->own.tables.items[1]);
}

#define WITH_VALUES(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        WITH_VALUES(long_options_take_values_both_ways),
	        WITH_VALUES(short_options_can_be_bundled),
	        WITH_VALUES(lists_collect_and_are_terminated),
	        WITH_VALUES(digits_are_an_option_of_their_own),
	        WITH_VALUES(a_commands_option_hides_the_global_one),
	        WITH_VALUES(choices_give_their_place),
	        WITH_VALUES(points_in_time_are_read),
	        WITH_VALUES(values_may_look_like_options),
	        WITH_VALUES(two_dashes_end_the_options),
	        WITH_VALUES(a_rest_is_passed_on_as_it_is),
	        WITH_VALUES(a_rest_stands_behind_two_dashes),
	        WITH_VALUES(one_dash_is_an_operand),
	        WITH_VALUES(without_operands_parsing_stops_at_the_first),
	        WITH_VALUES(what_is_wrong_is_said_with_a_hint),
	        WITH_VALUES(wrong_times_show_the_right_form),
	        WITH_VALUES(before_the_command_the_hint_is_the_list),
	        WITH_VALUES(an_overlong_unknown_option_is_cut),
	        WITH_VALUES(no_memory_for_a_list_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
