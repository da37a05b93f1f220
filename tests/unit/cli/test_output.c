/*
 * rowback/cli/output.h: tables line up, numbers and sizes are short, text is harmless.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/fault.h"
#include "rowback/cli/output.h"

/* Output that is kept. */
struct fixture {
	struct rb_out out;
	char *text;
	size_t len;
};

static int set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	if (!fx)
		return -1;
	*state = fx;
	fx->out.file = open_memstream(&fx->text, &fx->len);
	return fx->out.file ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *fx = *state;

	fault_disarm();
	fclose(fx->out.file);
	free(fx->text);
	free(fx);
	return 0;
}

static void assert_printed(struct fixture *fx, const char *want)
{
	fflush(fx->out.file);
	assert_string_equal(fx->text, want);
}

static void counts_have_their_thousands_apart(void **state)
{
	static const struct {
		uint64_t n;
		const char *text;
	} cases[] = {
	        {0, "0"},
	        {7, "7"},
	        {999, "999"},
	        {1000, "1,000"},
	        {1234567, "1,234,567"},
	        {UINT64_MAX, "18,446,744,073,709,551,615"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[RB_OUT_COUNT_SIZE];

		rb_out_count(cases[i].n, text);
		assert_string_equal(text, cases[i].text);
	}
}

static void sizes_have_three_digits_and_a_unit(void **state)
{
	static const struct {
		uint64_t n;
		const char *text;
	} cases[] = {
	        {0, "0 B"},
	        {1, "1 B"},
	        {999, "999 B"},
	        {1000, "1.00 kB"},
	        {1234, "1.23 kB"},
	        {9994, "9.99 kB"},
	        {9996, "10.0 kB"},
	        {99940, "99.9 kB"},
	        {99960, "100 kB"},
	        {999499, "999 kB"},
	        {999500, "1.00 MB"},
	        {320000000, "320 MB"},
	        {1250000000, "1.25 GB"},
	        {1000000000000, "1.00 TB"},
	        {1000000000000000, "1.00 PB"},
	        {UINT64_MAX, "18.4 EB"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[RB_OUT_BYTES_SIZE];

		rb_out_bytes(cases[i].n, text);
		assert_string_equal(text, cases[i].text);
	}
}

static void widths_are_those_of_a_terminal(void **state)
{
	static const struct {
		const char *text;
		size_t width;
	} cases[] = {
	        {"", 0},
	        {"abc", 3},
	        {"\303\244", 1},                 /* a umlaut */
	        {"a\314\210", 1},                /* a and a combining umlaut */
	        {"\346\227\245\346\234\254", 4}, /* two Chinese characters */
	        {"\360\237\230\200", 2},         /* an emoji */
	        {"a\342\200\215b", 2},           /* a zero width joiner */
	        {"\305\202\303\263d\305\272", 4},
	        {"a\377b", 3}, /* not UTF-8 */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(rb_out_width(cases[i].text), cases[i].width);
}

static void what_could_steer_a_terminal_is_escaped(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *shown;
	} cases[] = {
	        {"", 0, ""},
	        {"plain \303\244 \\x", 11, "plain \303\244 \\x"},
	        {"a\033[31mb", 7, "a\\x1b[31mb"},
	        {"a\nb\tc\rd", 7, "a\\x0ab\\x09c\\x0dd"},
	        {"a\0b", 3, "a\\x00b"},
	        {"\177", 1, "\\x7f"},
	        {"\302\233x", 3, "\\xc2\\x9bx"}, /* U+009B begins a sequence, too */
	        {"\302\240", 2, "\302\240"},
	        {"a\377\376b", 4, "a\\xff\\xfeb"},
	        {"\303", 1, "\\xc3"},
	        {"\355\240\200", 3, "\\xed\\xa0\\x80"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rb_buf shown = RB_BUF(256);

		assert_int_equal(rb_out_escape(cases[i].text, cases[i].len, &shown, NULL), RB_OK);
		assert_string_equal(rb_buf_str(&shown), cases[i].shown);
		rb_buf_release(&shown);
	}
}

static const struct rb_out_column columns[] = {
        {.title = "Id"}, {.title = "Rows", .is_number = true}, {.title = "Label"}};

static void columns_line_up(void **state)
{
	struct fixture *fx = *state;
	struct rb_out_table table = RB_OUT_TABLE(columns);
	const struct rb_out_cell rows[][3] = {
	        {{.text = "20261120T155800Z"}, {.text = "1,234,567"}, {.text = "before-upgrade"}},
	        {{.text = "\346\227\245\346\234\254"}, {.text = "3"}, {.text = NULL}},
	        {{.text = "x\033y"}, {.text = ""}, {.text = "z"}},
	};

	for (size_t i = 0; i < 3; i++)
		assert_int_equal(rb_out_table_add(&table, rows[i], NULL), RB_OK);
	rb_out_table_print(&table, &fx->out);
	rb_out_table_release(&table);
	assert_printed(fx, "Id                     Rows  Label\n"
	                   "20261120T155800Z  1,234,567  before-upgrade\n"
	                   "\346\227\245\346\234\254                      3\n"
	                   "x\\x1by                       z\n");
}

static void an_empty_table_prints_nothing(void **state)
{
	struct fixture *fx = *state;
	struct rb_out_table table = RB_OUT_TABLE(columns);

	rb_out_table_print(&table, &fx->out);
	rb_out_table_release(&table);
	assert_printed(fx, "");
}

static void columns_without_content_may_hide(void **state)
{
	static const struct rb_out_column some_hide[] = {
	        {.title = "a", .may_hide = true},
	        {.title = "b"},
	        {.title = "c", .is_number = true, .may_hide = true},
	        {.title = "d", .may_hide = true},
	};
	struct fixture *fx = *state;
	struct rb_out_table table = RB_OUT_TABLE(some_hide);
	const struct rb_out_cell rows[][4] = {
	        {{.text = NULL}, {.text = ""}, {.text = ""}, {.text = ""}},
	        {{.text = ""}, {.text = NULL}, {.text = "12"}, {.text = ""}},
	};

	for (size_t i = 0; i < 2; i++)
		assert_int_equal(rb_out_table_add(&table, rows[i], NULL), RB_OK);
	rb_out_table_print(&table, &fx->out);
	rb_out_table_release(&table);
	assert_printed(fx, "b   c\n"
	                   "\n"
	                   "   12\n");
}

static void styles_are_only_printed_in_colour(void **state)
{
	struct fixture *fx = *state;
	struct rb_out_table table = RB_OUT_TABLE(columns);
	const struct rb_out_cell row[3] = {
	        {"a", RB_OUT_RED}, {"1", RB_OUT_PLAIN}, {"", RB_OUT_GREEN}};

	assert_int_equal(rb_out_table_add(&table, row, NULL), RB_OK);
	rb_out_table_print(&table, &fx->out);
	fx->out.has_color = true;
	rb_out_table_print(&table, &fx->out);
	rb_out_table_release(&table);
	assert_printed(fx, "Id  Rows  Label\n"
	                   "a      1\n"
	                   "\033[1mId\033[m  \033[1mRows\033[m  \033[1mLabel\033[m\n"
	                   "\033[31ma\033[m      1\n");
}

static void colour_needs_a_terminal(void **state)
{
	(void)state;
	assert_false(rb_out_may_color(-1));
}

static void a_row_without_memory_is_not_there(void **state)
{
	struct fixture *fx = *state;
	struct rb_out_table table = RB_OUT_TABLE(columns);
	const struct rb_out_cell row[3] = {{.text = "a"}, {.text = "b"}, {.text = "c"}};
	unsigned int reached;
	unsigned int nth = 0;

	do {
		int rc;

		fault_arm(FAULT_MALLOC, ++nth, ENOMEM);
		rc = rb_out_table_add(&table, row, NULL);
		reached = fault_disarm();
		assert_int_equal(rc, reached ? RB_E_NOMEM : RB_OK);
		assert_int_equal(table.cell_count, reached ? 0 : 3);
	} while (reached);
	assert_true(nth > 3);
	rb_out_table_print(&table, &fx->out);
	rb_out_table_release(&table);
	assert_printed(fx, "Id  Rows  Label\n"
	                   "a      b  c\n");
}

static void a_table_without_memory_for_widths_is_printed(void **state)
{
	struct fixture *fx = *state;
	struct rb_out_table table = RB_OUT_TABLE(columns);
	const struct rb_out_cell row[3] = {{.text = "aaaa"}, {.text = "b"}, {.text = "c"}};

	assert_int_equal(rb_out_table_add(&table, row, NULL), RB_OK);
	fault_arm(FAULT_MALLOC, 1, ENOMEM);
	rb_out_table_print(&table, &fx->out);
	assert_int_equal(fault_disarm(), 1);
	rb_out_table_release(&table);
	assert_printed(fx, "Id  Rows  Label\n"
	                   "aaaa  b  c\n");
}

static void documents_are_printed_whole_or_on_one_line(void **state)
{
	struct fixture *fx = *state;
	json_t *doc = json_pack("{s:s, s:i}", "message_type", "summary", "rows", 3);

	assert_non_null(doc);
	assert_int_equal(rb_out_json(&fx->out, doc, NULL), RB_OK);
	assert_int_equal(rb_out_json_line(&fx->out, doc, NULL), RB_OK);
	json_decref(doc);
	assert_printed(fx, "{\n"
	                   "  \"message_type\": \"summary\",\n"
	                   "  \"rows\": 3\n"
	                   "}\n"
	                   "{\"message_type\":\"summary\",\"rows\":3}\n");
}

#define WITH_OUT(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(counts_have_their_thousands_apart),
	        cmocka_unit_test(sizes_have_three_digits_and_a_unit),
	        cmocka_unit_test(widths_are_those_of_a_terminal),
	        cmocka_unit_test(what_could_steer_a_terminal_is_escaped),
	        WITH_OUT(columns_line_up),
	        WITH_OUT(an_empty_table_prints_nothing),
	        WITH_OUT(columns_without_content_may_hide),
	        WITH_OUT(styles_are_only_printed_in_colour),
	        cmocka_unit_test(colour_needs_a_terminal),
	        WITH_OUT(a_row_without_memory_is_not_there),
	        WITH_OUT(a_table_without_memory_for_widths_is_printed),
	        WITH_OUT(documents_are_printed_whole_or_on_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
