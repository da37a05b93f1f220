/*
 * rowback/value/rowwriter.h: the bytes of a row.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/fault.h"
#include "rowback/value/rowwriter.h"

#define OUT_MAX ((size_t)80 << 20)

/* A sink that remembers what it was given. */
struct kept {
	size_t calls;
	size_t len;
	char first;
	int fails;
};

static int keep(void *ctx, const void *data, size_t len, char sha256_hex[65], struct rb_err *err)
{
	struct kept *kept = ctx;

	if (kept->fails)
		return rb_err_set(err, RB_E_IO, "disk full");
	kept->calls++;
	kept->len = len;
	kept->first = *(const char *)data;
	memset(sha256_hex, 'a', 64);
	sha256_hex[64] = '\0';
	return RB_OK;
}

/* Columns a, b, c, d; the writer; an output. */
struct fixture {
	struct rb_column columns[4];
	struct rb_table table;
	struct kept kept;
	struct rb_blob_sink sink;
	struct rb_rowwriter *writer;
	struct rb_buf out;
	char names[4][2];
	char table_name[2];
};

static int set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	if (!fx)
		return -1;
	*state = fx;
	for (size_t i = 0; i < 4; i++) {
		fx->names[i][0] = (char)('a' + i);
		fx->columns[i].name = fx->names[i];
	}
	fx->table_name[0] = 't';
	fx->table.name = fx->table_name;
	fx->table.columns = fx->columns;
	fx->table.column_count = 4;
	fx->sink.put = keep;
	fx->sink.ctx = &fx->kept;
	rb_buf_init(&fx->out, OUT_MAX);
	return rb_rowwriter_new(&fx->table, &fx->sink, &fx->writer, NULL);
}

static int tear_down(void **state)
{
	struct fixture *fx = *state;

	fault_disarm();
	rb_rowwriter_free(fx->writer);
	rb_buf_release(&fx->out);
	free(fx);
	return 0;
}

static struct rb_value of_int(int64_t i)
{
	return (struct rb_value){.kind = RB_VALUE_INT, .u.i = i};
}

static struct rb_value of_real(double r)
{
	return (struct rb_value){.kind = RB_VALUE_REAL, .u.r = r};
}

static struct rb_value of_bytes(enum rb_value_kind kind, const char *data, size_t len)
{
	return (struct rb_value){.kind = kind, .u.bytes = {.data = data, .len = len}};
}

static void assert_row(struct fixture *fx, const struct rb_value *values, const char *want)
{
	rb_buf_clear(&fx->out);
	assert_int_equal(rb_rowwriter_add(fx->writer, values, &fx->out, NULL), RB_OK);
	assert_string_equal(rb_buf_str(&fx->out), want);
}

/* One value, in column b. */
static void assert_value(struct fixture *fx, struct rb_value value, const char *want)
{
	struct rb_value values[4] = {{0}, value, {0}, {0}};
	char line[300];

	snprintf(line, sizeof(line), "{\"b\":%s}\n", want);
	assert_row(fx, values, line);
}

static void columns_stand_in_order_and_null_is_left_out(void **state)
{
	struct fixture *fx = *state;
	const struct rb_value all[] = {of_int(1), of_int(2), of_int(3), of_int(4)};
	const struct rb_value some[] = {{0}, of_int(2), {0}, of_int(4)};
	const struct rb_value none[4] = {{0}};

	assert_row(fx, all, "{\"a\":1,\"b\":2,\"c\":3,\"d\":4}\n");
	assert_row(fx, some, "{\"b\":2,\"d\":4}\n");
	assert_row(fx, none, "{}\n");
}

static void rows_follow_one_another(void **state)
{
	struct fixture *fx = *state;
	const struct rb_value values[] = {of_int(1), {0}, {0}, {0}};

	assert_int_equal(rb_rowwriter_add(fx->writer, values, &fx->out, NULL), RB_OK);
	assert_int_equal(rb_rowwriter_add(fx->writer, values, &fx->out, NULL), RB_OK);
	assert_string_equal(rb_buf_str(&fx->out), "{\"a\":1}\n{\"a\":1}\n");
}

static void numbers_have_one_form(void **state)
{
	struct fixture *fx = *state;
	const struct rb_value yes = {.kind = RB_VALUE_BOOL, .u.i = 1};
	const struct rb_value no = {.kind = RB_VALUE_BOOL, .u.i = 0};
	const struct {
		struct rb_value value;
		const char *text;
	} cases[] = {
	        {of_int(0), "0"},
	        {of_int(-1), "-1"},
	        {of_int(9), "9"},
	        {of_int(10), "10"},
	        {of_int(1234567), "1234567"},
	        {of_int(INT64_MAX), "9223372036854775807"},
	        {of_int(INT64_MIN), "-9223372036854775808"},
	        {of_real(1), "1.0"},
	        {of_real(-0.0), "-0.0"},
	        {of_real(1e300), "1.0e300"},
	        {of_real(INFINITY), "{\"$real\":\"inf\"}"},
	        {of_real(-INFINITY), "{\"$real\":\"-inf\"}"},
	        {of_real((double)NAN), "{\"$real\":\"nan\"}"},
	        {yes, "true"},
	        {no, "false"},
	        {of_bytes(RB_VALUE_NUMBER, "9223372036854775808", 19), "9223372036854775808"},
	        {of_bytes(RB_VALUE_NUMBER, "-9223372036854775809", 20), "-9223372036854775809"},
	        {of_bytes(RB_VALUE_NUMBER, "10000000000000000000", 20), "10000000000000000000"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_value(fx, cases[i].value, cases[i].text);
}

static void every_integer_length_is_written(void **state)
{
	struct fixture *fx = *state;
	uint64_t power = 1;

	for (int digits = 1; digits <= 18; digits++, power *= 10) {
		char text[32];

		for (uint64_t i = power - 1; i <= power + 1; i++) {
			snprintf(text, sizeof(text), "%llu", (unsigned long long)i);
			assert_value(fx, of_int((int64_t)i), text);
		}
	}
}

/* A number that another kind would be read back from is none of NUMBER's. */
static void other_numbers_as_text_are_refused(void **state)
{
	static const char *const texts[] = {"",
	                                    "1",
	                                    "9223372036854775807",
	                                    "1.5",
	                                    "-9223372036854775808",
	                                    "1e99999",
	                                    "09223372036854775808",
	                                    "+9223372036854775808",
	                                    "92233720368547758080x"};
	struct fixture *fx = *state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct rb_value values[4] = {of_bytes(RB_VALUE_NUMBER, texts[i], strlen(texts[i]))};
		struct rb_err err = {0};
		char want[100];

		assert_int_equal(rb_rowwriter_add(fx->writer, values, &fx->out, &err),
		                 RB_E_UNSUPPORTED);
		snprintf(want, sizeof(want), "number '%s' is not an integer past 64 bits",
		         texts[i]);
		assert_string_equal(err.msg, want);
		assert_int_equal(fx->out.len, 0);
	}
}

static void text_escapes_what_json_demands_and_no_more(void **state)
{
	struct fixture *fx = *state;
	const struct {
		const char *bytes;
		size_t len;
		const char *text;
	} cases[] = {
	        {"", 0, "\"\""},
	        {"plain", 5, "\"plain\""},
	        {"a\"b\\c/", 6, "\"a\\\"b\\\\c/\""},
	        {"\b\t\n\f\r", 5, "\"\\b\\t\\n\\f\\r\""},
	        {"\0\1\37\177", 4, "\"\\u0000\\u0001\\u001f\177\""},
	        {"\xc3\xa9\xe2\x82\xac", 5, "\"\xc3\xa9\xe2\x82\xac\""},
	        {"{\"$blob\":\"\"}", 12, "\"{\\\"$blob\\\":\\\"\\\"}\""},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_value(fx, of_bytes(RB_VALUE_TEXT, cases[i].bytes, cases[i].len),
		             cases[i].text);
	assert_value(fx, of_bytes(RB_VALUE_TEXT, NULL, 0), "\"\"");
}

/* The scan takes 16 and 8 bytes at a time: every byte at every place of every length. */
static void escapes_are_found_at_every_place(void **state)
{
	struct fixture *fx = *state;
	char text[40];

	(void)fx;
	for (size_t len = 1; len <= sizeof(text); len++) {
		for (size_t at = 0; at < len; at++) {
			for (int c = 0; c < 256; c++) {
				int plain = c >= 0x20 && c != '"' && c != '\\';
				struct rb_buf out = RB_BUF(100);

				memset(text, 'x', len);
				text[at] = (char)c;
				assert_int_equal(rb_row_quote(text, len, &out, NULL), RB_OK);
				if (plain)
					assert_int_equal(out.len, len + 2);
				else
					assert_true(out.len > len + 2);
				assert_int_equal(out.data[1 + at], plain ? (char)c : '\\');
				rb_buf_release(&out);
			}
		}
	}
}

static void other_bytes_are_tagged_base64(void **state)
{
	struct fixture *fx = *state;

	assert_value(fx, of_bytes(RB_VALUE_BLOB, "\0\1\2", 3), "{\"$blob\":\"AAEC\"}");
	assert_value(fx, of_bytes(RB_VALUE_BLOB, NULL, 0), "{\"$blob\":\"\"}");
	assert_value(fx, of_bytes(RB_VALUE_TEXT_RAW, "\xff", 1), "{\"$text\":\"/w==\"}");
}

static void names_of_any_kind_are_kept_apart(void **state)
{
	static const struct {
		const char *name;
		int is_rowid;
		const char *member;
	} cases[] = {
	        {"name", 0, "name"},
	        {"", 1, "$rowid"},
	        {"$rowid", 0, "$$rowid"},
	        {"$", 0, "$$"},
	        {"", 0, ""},
	        {"\xc6\xc6", 0, "$base64:xsY="},
	        {"$\xff", 0, "$base64:JP8="},
	        {"a\"b\n", 0, "a\"b\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char name[8];
		struct rb_column column = {.name = name, .is_rowid = cases[i].is_rowid};
		struct rb_buf out = RB_BUF(100);

		snprintf(name, sizeof(name), "%s", cases[i].name);
		assert_int_equal(rb_row_member_name(&column, &out, NULL), RB_OK);
		assert_string_equal(rb_buf_str(&out), cases[i].member);
		rb_buf_release(&out);
	}
}

static void names_are_escaped_and_generated_columns_left_out(void **state)
{
	struct fixture *fx = *state;
	char odd[] = "a\"\n";
	struct rb_rowwriter *writer = NULL;
	const struct rb_value values[] = {of_int(1), of_int(3)};

	fx->columns[0].name = odd;
	fx->columns[1].generated = RB_GENERATED_VIRTUAL;
	fx->columns[3].generated = RB_GENERATED_STORED;
	assert_int_equal(rb_rowwriter_new(&fx->table, &fx->sink, &writer, NULL), RB_OK);
	assert_int_equal(rb_rowwriter_add(writer, values, &fx->out, NULL), RB_OK);
	assert_string_equal(rb_buf_str(&fx->out), "{\"a\\\"\\n\":1,\"c\":3}\n");
	rb_rowwriter_free(writer);
}

#define SIXTEEN_A "aaaaaaaaaaaaaaaa"
#define SHA256_A SIXTEEN_A SIXTEEN_A SIXTEEN_A SIXTEEN_A

static void a_value_over_the_limit_goes_to_the_sink(void **state)
{
	static const struct {
		enum rb_value_kind kind;
		const char *line;
	} cases[] = {
	        {RB_VALUE_TEXT, "{\"$textfile\":\"" SHA256_A "\",\"size\":524289}"},
	        {RB_VALUE_TEXT_RAW, "{\"$rawfile\":\"" SHA256_A "\",\"size\":524289}"},
	        {RB_VALUE_BLOB, "{\"$blobfile\":\"" SHA256_A "\",\"size\":524289}"},
	};
	struct fixture *fx = *state;
	char *data = malloc(RB_INLINE_MAX + 1);

	assert_non_null(data);
	memset(data, 'x', RB_INLINE_MAX + 1);
	for (size_t i = 0; i < 3; i++) {
		struct rb_value values[4] = {of_bytes(cases[i].kind, data, RB_INLINE_MAX)};

		rb_buf_clear(&fx->out);
		assert_int_equal(rb_rowwriter_add(fx->writer, values, &fx->out, NULL), RB_OK);
		assert_int_equal(fx->kept.calls, i);
		assert_value(fx, of_bytes(cases[i].kind, data, RB_INLINE_MAX + 1), cases[i].line);
		assert_int_equal(fx->kept.calls, i + 1);
		assert_int_equal(fx->kept.len, RB_INLINE_MAX + 1);
		assert_int_equal(fx->kept.first, 'x');
	}
	free(data);
}

/* Lines past 16 MiB need many columns, each of 512 KiB at most. */
static void a_long_line_sends_even_small_values_to_the_sink(void **state)
{
	enum { COUNT = 40 };
	struct fixture *fx = *state;
	struct rb_column columns[COUNT] = {{0}};
	struct rb_table table = {.name = fx->table_name, .columns = columns, .column_count = COUNT};
	struct rb_value values[COUNT];
	struct rb_rowwriter *writer = NULL;
	char *data = malloc(RB_INLINE_MAX);
	char names[COUNT][16];

	assert_non_null(data);
	memset(data, 'x', RB_INLINE_MAX);
	for (int i = 0; i < COUNT; i++) {
		snprintf(names[i], sizeof(names[i]), "c%02d", i);
		columns[i].name = names[i];
		values[i] = of_bytes(RB_VALUE_TEXT, data, RB_INLINE_MAX);
	}
	/* 32 values and their names are just over 16 MiB. */
	values[33] = of_bytes(RB_VALUE_TEXT, data, RB_INLINE_LONG_ROW);
	values[34] = of_bytes(RB_VALUE_TEXT, data, RB_INLINE_LONG_ROW + 1);
	assert_int_equal(rb_rowwriter_new(&table, &fx->sink, &writer, NULL), RB_OK);
	assert_int_equal(rb_rowwriter_add(writer, values, &fx->out, NULL), RB_OK);
	assert_int_equal(fx->kept.calls, COUNT - 32 - 1);
	rb_rowwriter_free(writer);
	free(data);
}

/* Each of these values is six times as long in the row as it is. */
static void a_row_over_the_limit_is_refused(void **state)
{
	enum { COUNT = 12000 };
	struct fixture *fx = *state;
	struct rb_column *columns = calloc(COUNT, sizeof(*columns));
	struct rb_value *values = calloc(COUNT, sizeof(*values));
	struct rb_table table = {.name = fx->table_name, .columns = columns, .column_count = COUNT};
	struct rb_rowwriter *writer = NULL;
	struct rb_err err = {0};
	char(*names)[16] = calloc(COUNT, sizeof(*names));
	char data[RB_INLINE_LONG_ROW] = "";

	assert_true(columns && values && names);
	for (int i = 0; i < COUNT; i++) {
		snprintf(names[i], sizeof(names[i]), "c%05d", i);
		columns[i].name = names[i];
		values[i] = of_bytes(RB_VALUE_TEXT, data, sizeof(data));
	}
	assert_int_equal(rb_buf_adds(&fx->out, "before", NULL), RB_OK);
	assert_int_equal(rb_rowwriter_new(&table, &fx->sink, &writer, NULL), RB_OK);
	assert_int_equal(rb_rowwriter_add(writer, values, &fx->out, &err), RB_E_LIMIT);
	assert_string_equal(err.msg, "row is longer than 67108864 bytes");
	assert_string_equal(rb_buf_str(&fx->out), "before");
	rb_rowwriter_free(writer);
	free(columns);
	free(values);
	free(names);
}

static void a_failure_leaves_the_output_as_it_was(void **state)
{
	struct fixture *fx = *state;
	char *data = calloc(1, RB_INLINE_MAX + 1);
	struct rb_value values[4] = {of_int(1), of_bytes(RB_VALUE_BLOB, data, RB_INLINE_MAX + 1)};
	struct rb_err err = {0};

	assert_non_null(data);
	assert_int_equal(rb_buf_adds(&fx->out, "before", NULL), RB_OK);
	fx->kept.fails = 1;
	assert_int_equal(rb_rowwriter_add(fx->writer, values, &fx->out, &err), RB_E_IO);
	assert_string_equal(err.msg, "disk full");
	assert_string_equal(rb_buf_str(&fx->out), "before");

	for (unsigned int nth = 1; nth <= 3; nth++) {
		struct rb_buf out = RB_BUF(OUT_MAX);

		values[1].u.bytes.len = 400;
		assert_int_equal(rb_buf_adds(&out, "before", NULL), RB_OK);
		fault_arm(FAULT_MALLOC, nth, ENOMEM);
		assert_int_equal(rb_rowwriter_add(fx->writer, values, &out, &err),
		                 nth < 3 ? RB_E_NOMEM : RB_OK);
		assert_int_equal(fault_disarm(), nth < 3 ? 1 : 0);
		if (nth < 3)
			assert_string_equal(rb_buf_str(&out), "before");
		rb_buf_release(&out);
	}

	fx->out.max = 60;
	values[1] = of_bytes(RB_VALUE_TEXT, data, 20);
	assert_int_equal(rb_rowwriter_add(fx->writer, values, &fx->out, &err), RB_E_LIMIT);
	assert_string_equal(rb_buf_str(&fx->out), "before");
	assert_int_equal(rb_row_quote(data, 20, &fx->out, &err), RB_E_LIMIT);
	assert_string_equal(rb_buf_str(&fx->out), "before");
	free(data);
}

static void a_writer_without_memory_is_not_made(void **state)
{
	struct fixture *fx = *state;
	struct rb_err err = {0};
	unsigned int nth = 1;

	for (;; nth++) {
		struct rb_rowwriter *writer = NULL;
		int rc;

		fault_arm(FAULT_MALLOC, nth, ENOMEM);
		rc = rb_rowwriter_new(&fx->table, &fx->sink, &writer, &err);
		if (fault_disarm() == 0) {
			assert_int_equal(rc, RB_OK);
			rb_rowwriter_free(writer);
			break;
		}
		assert_int_equal(rc, RB_E_NOMEM);
		assert_null(writer);
	}
	assert_in_range(nth, 4, 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(columns_stand_in_order_and_null_is_left_out, set_up,
	                                        tear_down),
	        cmocka_unit_test_setup_teardown(rows_follow_one_another, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(numbers_have_one_form, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(every_integer_length_is_written, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(other_numbers_as_text_are_refused, set_up,
	                                        tear_down),
	        cmocka_unit_test_setup_teardown(text_escapes_what_json_demands_and_no_more, set_up,
	                                        tear_down),
	        cmocka_unit_test_setup_teardown(escapes_are_found_at_every_place, set_up,
	                                        tear_down),
	        cmocka_unit_test_setup_teardown(other_bytes_are_tagged_base64, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(names_of_any_kind_are_kept_apart, set_up,
	                                        tear_down),
	        cmocka_unit_test_setup_teardown(names_are_escaped_and_generated_columns_left_out,
	                                        set_up, tear_down),
	        cmocka_unit_test_setup_teardown(a_value_over_the_limit_goes_to_the_sink, set_up,
	                                        tear_down),
	        cmocka_unit_test_setup_teardown(a_long_line_sends_even_small_values_to_the_sink,
	                                        set_up, tear_down),
	        cmocka_unit_test_setup_teardown(a_row_over_the_limit_is_refused, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(a_failure_leaves_the_output_as_it_was, set_up,
	                                        tear_down),
	        cmocka_unit_test_setup_teardown(a_writer_without_memory_is_not_made, set_up,
	                                        tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
