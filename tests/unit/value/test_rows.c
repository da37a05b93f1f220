/*
 * rowback/value/rowwriter.h, rowreader.h: rows come back as they were, long values included.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/rows.h"

static void long_values_come_from_the_source(void **state)
{
	static const enum rb_value_kind kinds[] = {RB_VALUE_TEXT, RB_VALUE_TEXT_RAW, RB_VALUE_BLOB};
	struct rows *rows = *state;
	size_t len = RB_INLINE_MAX + 1;
	char *data = malloc(len);

	assert_non_null(data);
	memset(data, 'x', len);
	for (size_t i = 0; i < 3; i++) {
		struct rb_value values[ROWS_COLUMNS] = {{0}, rows_bytes(kinds[i], data, len)};
		char line[200];

		rb_buf_clear(&rows->out);
		assert_int_equal(rb_rowwriter_add(rows->writer, values, &rows->out, NULL), RB_OK);
		assert_true(rows->out.len < sizeof(line));
		memcpy(line, rows->out.data, rows->out.len);
		assert_int_equal(rows_read(rows, line, rows->out.len - 1), RB_OK);
		assert_int_equal(rows->values[1].kind, kinds[i]);
		assert_int_equal(rows->values[1].u.bytes.len, len);
		assert_memory_equal(rows->values[1].u.bytes.data, data, len);
		assert_string_equal(rows->store.sha256_hex, ROWS_SHA256);
		rows_assert_rewritten(rows, line, strlen("{\"b\":") + strcspn(line + 5, "\n"));
	}
	free(data);
}

/* The longest value in a row, in its longest form. */
static void the_longest_inline_values_come_back(void **state)
{
	struct rows *rows = *state;
	char *data = calloc(1, RB_INLINE_MAX);
	struct rb_value values[ROWS_COLUMNS] = {
	        rows_bytes(RB_VALUE_TEXT, data, RB_INLINE_MAX),
	        rows_bytes(RB_VALUE_BLOB, data, RB_INLINE_MAX),
	        rows_bytes(RB_VALUE_TEXT_RAW, data, RB_INLINE_MAX),
	        rows_bytes(RB_VALUE_TEXT, data, RB_INLINE_MAX),
	};

	assert_non_null(data);
	memset(data, '\1', RB_INLINE_MAX);
	assert_int_equal(rb_rowwriter_add(rows->writer, values, &rows->out, NULL), RB_OK);
	assert_null(rows->store.data);
	assert_int_equal(rows_read(rows, rows->out.data, rows->out.len - 1), RB_OK);
	for (int i = 0; i < ROWS_COLUMNS; i++) {
		assert_int_equal(rows->values[i].kind, values[i].kind);
		assert_int_equal(rows->values[i].u.bytes.len, RB_INLINE_MAX);
		assert_memory_equal(rows->values[i].u.bytes.data, data, RB_INLINE_MAX);
	}
	free(data);
}

/* One byte more should have been in a file. */
static void a_value_too_long_for_its_row_is_refused(void **state)
{
	struct rows *rows = *state;
	char *line = malloc(RB_INLINE_MAX + 20);
	size_t len;

	assert_non_null(line);
	memcpy(line, "{\"a\":\"", 6);
	memset(line + 6, 'x', RB_INLINE_MAX + 1);
	memcpy(line + 6 + RB_INLINE_MAX + 1, "\"}", 2);
	len = 6 + RB_INLINE_MAX + 1 + 2;
	assert_int_equal(rows_read(rows, line, len), RB_E_FORMAT);
	assert_string_equal(rows->err.msg,
	                    "column \"a\", byte 524296: value is too long to be in the row");
	line[6] = '1';
	memset(line + 5, '1', RB_INLINE_MAX + 1);
	line[5 + RB_INLINE_MAX + 1] = '}';
	assert_int_equal(rows_read(rows, line, 5 + RB_INLINE_MAX + 2), RB_E_FORMAT);
	line[5 + RB_INLINE_MAX] = '}';
	assert_int_equal(rows_read(rows, line, 5 + RB_INLINE_MAX + 1), RB_OK);
	assert_int_equal(rows->values[0].kind, RB_VALUE_NUMBER);
	free(line);
}

/* In a column of form "number", texts that are equal as numbers are not the same. */
static void numbers_of_a_number_column_keep_their_text(void **state)
{
	static const char *const texts[] = {"0",      "1.50", "-0.0010", "12345678901234567890.10",
	                                    "-0",     "1e5",  "1E+05",   "1.0e-7",
	                                    "100000", "-7"};
	static const char *const bad[] = {"",   "-",   "01",  "1.",    ".5", "1e",
	                                  "+1", "1e+", "NaN", "1.5.5", "1 ", "--1"};
	struct rows *rows = *state;
	char form[] = "number";
	struct rb_column columns[2] = {{.name = rows->names[0], .form = form},
	                               {.name = rows->names[1]}};
	struct rb_table table = {.name = rows->table_name, .columns = columns, .column_count = 2};
	struct rb_rowwriter *writer = NULL;
	struct rb_rowreader *reader = NULL;
	struct rb_value got[2];

	assert_int_equal(rb_rowwriter_new(&table, &rows->sink, &writer, NULL), RB_OK);
	assert_int_equal(rb_rowreader_new(&table, &rows->source, &reader, NULL), RB_OK);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct rb_value values[2] = {
		        rows_bytes(RB_VALUE_NUMBER, texts[i], strlen(texts[i])),
		        {.kind = RB_VALUE_INT, .u.i = 7}};
		char want[64];

		snprintf(want, sizeof(want), "{\"a\":%s,\"b\":7}\n", texts[i]);
		rb_buf_clear(&rows->out);
		assert_int_equal(rb_rowwriter_add(writer, values, &rows->out, NULL), RB_OK);
		assert_string_equal(rb_buf_str(&rows->out), want);
		assert_int_equal(rb_rowreader_line(reader, want, strlen(want) - 1, got, NULL),
		                 RB_OK);
		assert_int_equal(got[0].kind, RB_VALUE_NUMBER);
		assert_int_equal(got[0].u.bytes.len, strlen(texts[i]));
		assert_memory_equal(got[0].u.bytes.data, texts[i], strlen(texts[i]));
		assert_int_equal(got[1].kind, RB_VALUE_INT);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct rb_value values[2] = {rows_bytes(RB_VALUE_NUMBER, bad[i], strlen(bad[i])),
		                             {.kind = RB_VALUE_NULL}};
		char line[64];

		assert_int_equal(rb_rowwriter_add(writer, values, &rows->out, NULL),
		                 RB_E_UNSUPPORTED);
		snprintf(line, sizeof(line), "{\"a\":%s}", bad[i]);
		assert_int_equal(rb_rowreader_line(reader, line, strlen(line), got, NULL),
		                 RB_E_FORMAT);
	}
	rb_rowwriter_free(writer);
	rb_rowreader_free(reader);
}

/* What no number says is text there, as everywhere. */
static void a_number_column_holds_text_too(void **state)
{
	struct rows *rows = *state;
	char form[] = "number";
	struct rb_column column = {.name = rows->names[0], .form = form};
	struct rb_table table = {.name = rows->table_name, .columns = &column, .column_count = 1};
	struct rb_rowreader *reader = NULL;
	struct rb_value got;

	assert_int_equal(rb_rowreader_new(&table, &rows->source, &reader, NULL), RB_OK);
	assert_int_equal(rb_rowreader_line(reader, "{\"a\":\"NaN\"}", 11, &got, NULL), RB_OK);
	assert_int_equal(got.kind, RB_VALUE_TEXT);
	assert_memory_equal(got.u.bytes.data, "NaN", 3);
	rb_rowreader_free(reader);
}

/* Behind 16 MiB of a line, the limit is 1 KiB. */
static void long_lines_come_back(void **state)
{
	enum { COUNT = 40 };
	struct rows *rows = *state;
	struct rb_column columns[COUNT] = {{0}};
	struct rb_table table = {
	        .name = rows->table_name, .columns = columns, .column_count = COUNT};
	struct rb_value values[COUNT];
	struct rb_value got[COUNT];
	struct rb_rowwriter *writer = NULL;
	struct rb_rowreader *reader = NULL;
	char *data = malloc(RB_INLINE_MAX);
	char names[COUNT][16];
	size_t first_len;

	assert_non_null(data);
	memset(data, 'x', RB_INLINE_MAX);
	for (int i = 0; i < COUNT; i++) {
		snprintf(names[i], sizeof(names[i]), "c%02d", i);
		columns[i].name = names[i];
		values[i] = rows_bytes(RB_VALUE_TEXT, data,
		                       i < 34 ? RB_INLINE_MAX : RB_INLINE_LONG_ROW);
	}
	/* The 33rd value's member begins at 16 MiB exactly: it may stay, the 34th may not. */
	first_len = RB_INLINE_MAX - (32 * (RB_INLINE_MAX + 9) - RB_LONG_ROW);
	values[0].u.bytes.len = first_len;
	assert_int_equal(rb_rowwriter_new(&table, &rows->sink, &writer, NULL), RB_OK);
	assert_int_equal(rb_rowreader_new(&table, &rows->source, &reader, NULL), RB_OK);
	assert_int_equal(rb_rowwriter_add(writer, values, &rows->out, NULL), RB_OK);
	assert_int_equal(
	        rb_rowreader_line(reader, rows->out.data, rows->out.len - 1, got, &rows->err),
	        RB_OK);
	for (int i = 0; i < COUNT; i++) {
		assert_int_equal(got[i].u.bytes.len, values[i].u.bytes.len);
		assert_memory_equal(got[i].u.bytes.data, data, got[i].u.bytes.len);
	}
	assert_int_equal(memcmp(rows->out.data + RB_LONG_ROW, ",\"c32\":\"x", 9), 0);
	assert_int_equal(memcmp(rows->out.data + RB_LONG_ROW + RB_INLINE_MAX + 9,
	                        ",\"c33\":{\"$textfile", 17),
	                 0);
	rb_rowwriter_free(writer);
	rb_rowreader_free(reader);
	free(data);
}

static void what_the_source_says_is_passed_up(void **state)
{
	static const char line[] =
	        "{\"a\":1,\"b\":{\"$textfile\":\"" ROWS_SHA256 "\",\"size\":600000}}";
	struct rows *rows = *state;

	rows->store.fails = 1;
	assert_int_equal(rows_read_text(rows, line), RB_E_NOTFOUND);
	assert_string_equal(rows->err.msg, "no such file");

	rows->store.fails = 0;
	rows->store.data = calloc(1, 600000);
	rows->store.len = 600000;
	assert_int_equal(rows_read_text(rows, line), RB_OK);
	rows->store.cut = 1;
	rows_assert_refused(rows, line,
	                    "column \"b\", byte 105: file is not as long as the row says");
	rows->store.cut = 0;
	rows->store.data[599999] = (char)0xC3;
	rows_assert_refused(rows, line, "column \"b\", byte 105: text in a file is not UTF-8");
}

static void without_a_source_long_values_are_empty(void **state)
{
	static const char line[] =
	        "{\"a\":{\"$rawfile\":\"" ROWS_SHA256 "\",\"size\":999999999999999999}}";
	struct rows *rows = *state;
	struct rb_rowreader *reader = NULL;

	assert_int_equal(rb_rowreader_new(&rows->table, NULL, &reader, NULL), RB_OK);
	assert_int_equal(
	        rb_rowreader_line(reader, line, sizeof(line) - 1, rows->values, &rows->err), RB_OK);
	assert_int_equal(rows->values[0].kind, RB_VALUE_TEXT_RAW);
	assert_int_equal(rows->values[0].u.bytes.len, 0);
	rb_rowreader_free(reader);
}

static uint64_t random_state = 88172645463325252u;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static struct rb_value random_value(char *room, size_t room_len)
{
	uint64_t r = next_random() >> 10;
	size_t len = (size_t)(r >> 8) % room_len;
	bool is_text = (r & 7) < 2;
	double real;
	uint64_t bits = next_random();

	for (size_t i = 0; i < len; i++) {
		room[i] = (char)next_random();
		if (is_text)
			room[i] = (char)(room[i] & (room[i] & 0x40 ? 0x7F : 0x3F));
	}
	memcpy(&real, &bits, sizeof(real));
	switch (r & 7) {
	case 0:
	case 1:
		return rows_bytes(RB_VALUE_TEXT, room, len);
	case 2:
		return rows_bytes(RB_VALUE_BLOB, room, len);
	case 3:
		return rows_bytes(RB_VALUE_TEXT_RAW, room, len);
	case 4:
		return (struct rb_value){.kind = RB_VALUE_INT,
		                         .u.i = (int64_t)bits >> (r >> 16 & 63)};
	case 5:
		return (struct rb_value){.kind = RB_VALUE_REAL, .u.r = isnan(real) ? 0.5 : real};
	case 6:
		return (struct rb_value){.kind = RB_VALUE_BOOL, .u.i = bits & 1};
	default:
		return (struct rb_value){.kind = RB_VALUE_NULL};
	}
}

static void assert_same(const struct rb_value *a, const struct rb_value *b)
{
	assert_int_equal(a->kind, b->kind);
	if (a->kind >= RB_VALUE_NUMBER) {
		assert_int_equal(a->u.bytes.len, b->u.bytes.len);
		if (a->u.bytes.len > 0)
			assert_memory_equal(a->u.bytes.data, b->u.bytes.data, a->u.bytes.len);
	} else if (a->kind == RB_VALUE_REAL) {
		assert_memory_equal(&a->u.r, &b->u.r, sizeof(a->u.r));
	} else if (a->kind != RB_VALUE_NULL) {
		assert_int_equal(a->u.i, b->u.i);
	}
}

static void random_rows_come_back(void **state)
{
	struct rows *rows = *state;
	char room[ROWS_COLUMNS][60];

	for (int turn = 0; turn < 50000; turn++) {
		struct rb_value values[ROWS_COLUMNS];

		for (int i = 0; i < ROWS_COLUMNS; i++)
			values[i] = random_value(room[i], sizeof(room[i]));
		rb_buf_clear(&rows->out);
		assert_int_equal(rb_rowwriter_add(rows->writer, values, &rows->out, NULL), RB_OK);
		assert_int_equal(rows_read(rows, rows->out.data, rows->out.len - 1), RB_OK);
		for (int i = 0; i < ROWS_COLUMNS; i++)
			assert_same(&values[i], &rows->values[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(long_values_come_from_the_source, rows_set_up,
	                                        rows_tear_down),
	        cmocka_unit_test_setup_teardown(the_longest_inline_values_come_back, rows_set_up,
	                                        rows_tear_down),
	        cmocka_unit_test_setup_teardown(a_value_too_long_for_its_row_is_refused,
	                                        rows_set_up, rows_tear_down),
	        cmocka_unit_test_setup_teardown(numbers_of_a_number_column_keep_their_text,
	                                        rows_set_up, rows_tear_down),
	        cmocka_unit_test_setup_teardown(a_number_column_holds_text_too, rows_set_up,
	                                        rows_tear_down),
	        cmocka_unit_test_setup_teardown(long_lines_come_back, rows_set_up, rows_tear_down),
	        cmocka_unit_test_setup_teardown(what_the_source_says_is_passed_up, rows_set_up,
	                                        rows_tear_down),
	        cmocka_unit_test_setup_teardown(without_a_source_long_values_are_empty, rows_set_up,
	                                        rows_tear_down),
	        cmocka_unit_test_setup_teardown(random_rows_come_back, rows_set_up, rows_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
