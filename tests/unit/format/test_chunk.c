/*
 * rowback/format/chunk.h: cuts depend on the rows alone, and a change stays where it is.
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

#include "rowback/format/chunk.h"
#include "rowback/value/key.h"

#define CHUNKS_MAX 20000

/* Chunks as the sink got them. */
struct got {
	char *paths[CHUNKS_MAX];
	uint64_t hashes[CHUNKS_MAX]; /* of the content */
	size_t lens[CHUNKS_MAX];
	uint64_t rows[CHUNKS_MAX];
	unsigned char ranks[CHUNKS_MAX];
	bool begins[CHUNKS_MAX]; /* a segment */
	size_t count;
	struct rb_buf text; /* all content, in order */
};

static int take(void *ctx, struct rb_chunk *chunk, struct rb_err *err)
{
	struct got *got = ctx;

	assert_true(got->count < CHUNKS_MAX);
	got->paths[got->count] = chunk->path;
	got->hashes[got->count] = rb_key_hash(chunk->data, chunk->len);
	got->lens[got->count] = chunk->len;
	got->ranks[got->count] = chunk->rank;
	got->begins[got->count] = chunk->begins_segment;
	got->rows[got->count++] = chunk->rows;
	assert_int_equal(rb_buf_add(&got->text, chunk->data, chunk->len, err), RB_OK);
	rb_segment_unref(chunk->segment);
	return RB_OK;
}

static struct got *got_new(void)
{
	struct got *got = calloc(1, sizeof(*got));

	assert_non_null(got);
	rb_buf_init(&got->text, (size_t)1 << 30);
	return got;
}

static void got_free(struct got *got)
{
	for (size_t i = 0; i < got->count; i++)
		free(got->paths[i]);
	rb_buf_release(&got->text);
	free(got);
}

/* A cheap hash of a row's number, so that line lengths vary but never with the run. */
static size_t length_of(int64_t id)
{
	return 40 + (size_t)((uint64_t)id * UINT64_C(2654435761) % 400);
}

static void add_row(struct rb_cutter *cutter, int64_t id, size_t len)
{
	struct rb_value value = {.kind = RB_VALUE_INT, .u = {.i = id}};
	size_t position = 0;
	struct rb_buf key = RB_BUF(64);
	struct rb_buf *line = rb_cutter_line(cutter);

	assert_int_equal(rb_key_of_row(&value, &position, 1, &key, NULL), RB_OK);
	assert_int_equal(rb_buf_addf(line, NULL, "%0*lld\n", (int)len, (long long)id), RB_OK);
	assert_int_equal(rb_cutter_row(cutter, key.data, key.len, NULL), RB_OK);
	rb_buf_release(&key);
}

/* Rows 0, 2, 4, ... and `odd` between them; `skip` is left out, `longer` has a longer line. */
static struct got *cut_table(int64_t count, int64_t odd, int64_t skip, int64_t longer)
{
	struct got *got = got_new();
	const struct rb_chunk_sink sink = {.put = take, .ctx = got};
	struct rb_cutter *cutter = NULL;

	assert_int_equal(rb_cutter_new(1, &sink, &cutter, NULL), RB_OK);
	for (int64_t i = 0; i < 2 * count; i++) {
		if ((i % 2 == 0 && i != skip) || i == odd)
			add_row(cutter, i, length_of(i) + (i == longer ? 7 : 0));
	}
	assert_int_equal(rb_cutter_finish(cutter, NULL), RB_OK);
	rb_cutter_free(cutter);
	return got;
}

static bool has_chunk(const struct got *got, const char *path, uint64_t hash)
{
	for (size_t i = 0; i < got->count; i++) {
		if (got->hashes[i] == hash && strcmp(got->paths[i], path) == 0)
			return true;
	}
	return false;
}

/* How many chunks of `after` are not in `before`. */
static size_t count_new(const struct got *before, const struct got *after)
{
	size_t found = 0;

	for (size_t i = 0; i < after->count; i++)
		found += !has_chunk(before, after->paths[i], after->hashes[i]);
	return found;
}

static void chunks_hold_all_rows_in_order_and_in_size(void **state)
{
	struct got *got = cut_table(40000, -1, -1, -1);
	uint64_t rows = 0;
	size_t small = 0;
	const char *at;

	(void)state;
	for (size_t i = 0; i < got->count; i++) {
		assert_true(got->lens[i] <= RB_CHUNK_MAX);
		small += got->lens[i] < RB_CHUNK_MIN;
		rows += got->rows[i];
		if (i > 0)
			assert_true(strcmp(got->paths[i - 1], got->paths[i]) < 0);
	}
	assert_int_equal(rows, 40000);
	assert_true(small * 20 < got->count);
	at = got->text.data;
	for (int64_t i = 0; i < 40000; i++) {
		assert_int_equal(strtoll(at, NULL, 10), 2 * i);
		at = strchr(at, '\n') + 1;
	}
	assert_true(at == got->text.data + got->text.len);
	got_free(got);
}

/* Directories stay far below 3,000 entries, and a path's directories are its own chunks' names. */
static void directories_are_small(void **state)
{
	struct got *got = cut_table(300000, -1, -1, -1);
	size_t in_dir = 0;
	size_t nested = 0;
	char dir[256] = "";

	(void)state;
	for (size_t i = 0; i < got->count; i++) {
		const char *slash = strrchr(got->paths[i], '/');
		size_t len = slash ? (size_t)(slash - got->paths[i]) : 0;

		assert_true(len < sizeof(dir));
		nested += len > 0;
		if (strlen(dir) == len && strncmp(dir, got->paths[i], len) == 0) {
			in_dir++;
		} else {
			in_dir = 1;
			memcpy(dir, got->paths[i], len);
			dir[len] = '\0';
		}
		assert_true(in_dir < 1000);
	}
	assert_true(nested > 0);
	got_free(got);
}

/* Over many places, a changed row changes one chunk nearly always, and few at worst. */
static void a_change_stays_where_it_is(void **state)
{
	struct got *before = cut_table(8000, -1, -1, -1);
	size_t changed[3] = {0};
	size_t worst = 0;
	const size_t places = 40;

	(void)state;
	for (size_t i = 0; i < places; i++) {
		int64_t id = (int64_t)(2 * ((i + 1) * 977 % 8000));
		struct got *after[3] = {cut_table(8000, id + 1, -1, -1),
		                        cut_table(8000, -1, id, -1), cut_table(8000, -1, -1, id)};

		for (size_t k = 0; k < 3; k++) {
			size_t found = count_new(before, after[k]);

			changed[k] += found;
			worst = found > worst ? found : worst;
			assert_true(found >= 1);
			got_free(after[k]);
		}
	}
	/* On average hardly more than the one chunk it stands in. */
	for (size_t k = 0; k < 3; k++)
		assert_true(changed[k] * 10 <= places * 13);
	assert_true(worst <= 12);
	got_free(before);
}

/* Rows appended at the end leave all chunks but the last as they were. */
static void appended_rows_change_the_end_only(void **state)
{
	struct got *before = cut_table(8000, -1, -1, -1);
	size_t total = 0;

	(void)state;
	for (int64_t extra = 1; extra <= 200; extra += 13) {
		struct got *after = cut_table(8000 + extra, -1, -1, -1);

		total += count_new(before, after);
		got_free(after);
	}
	assert_true(total <= 16 * 4);
	got_free(before);
}

static void a_row_larger_than_a_chunk_stands_alone(void **state)
{
	struct got *got = got_new();
	const struct rb_chunk_sink sink = {.put = take, .ctx = got};
	struct rb_cutter *cutter = NULL;

	(void)state;
	assert_int_equal(rb_cutter_new(1, &sink, &cutter, NULL), RB_OK);
	add_row(cutter, 1, 100);
	add_row(cutter, 2, 3 * RB_CHUNK_MAX);
	add_row(cutter, 3, 100);
	add_row(cutter, 4, 2 * RB_SEGMENT_MEAN);
	add_row(cutter, 5, 100);
	assert_int_equal(rb_cutter_finish(cutter, NULL), RB_OK);
	rb_cutter_free(cutter);
	assert_int_equal(got->count, 5);
	assert_string_equal(got->paths[1], "0000000002.jsonl");
	assert_int_equal(got->lens[1], 3 * RB_CHUNK_MAX + 1);
	assert_int_equal(got->rows[3], 1);
	got_free(got);
}

/* Whatever its first key: one row in 64 would open a directory elsewhere. */
static void a_table_of_one_chunk_has_no_directory(void **state)
{
	struct got *got = got_new();
	const struct rb_chunk_sink sink = {.put = take, .ctx = got};
	struct rb_cutter *cutter = NULL;

	(void)state;
	assert_int_equal(rb_cutter_new(1, &sink, &cutter, NULL), RB_OK);
	for (int64_t id = 0; id < 1000; id++) {
		add_row(cutter, id, 100);
		assert_int_equal(rb_cutter_finish(cutter, NULL), RB_OK);
	}
	rb_cutter_free(cutter);
	assert_int_equal(got->count, 1000);
	for (size_t i = 0; i < got->count; i++)
		assert_null(strchr(got->paths[i], '/'));
	got_free(got);
}

static void equal_keys_are_numbered(void **state)
{
	struct got *got = got_new();
	const struct rb_chunk_sink sink = {.put = take, .ctx = got};
	struct rb_cutter *cutter = NULL;

	(void)state;
	assert_int_equal(rb_cutter_new(1, &sink, &cutter, NULL), RB_OK);
	for (int i = 0; i < 4000; i++)
		add_row(cutter, 7, 100);
	assert_int_equal(rb_cutter_finish(cutter, NULL), RB_OK);
	rb_cutter_free(cutter);
	assert_true(got->count > 4);
	for (size_t i = 1; i < got->count; i++)
		assert_true(strcmp(got->paths[i - 1], got->paths[i]) != 0);
	got_free(got);
}

static void a_key_that_goes_back_is_refused(void **state)
{
	struct got *got = got_new();
	const struct rb_chunk_sink sink = {.put = take, .ctx = got};
	struct rb_cutter *cutter = NULL;
	struct rb_err err = {0};

	(void)state;
	assert_int_equal(rb_cutter_new(1, &sink, &cutter, NULL), RB_OK);
	assert_int_equal(rb_buf_adds(rb_cutter_line(cutter), "b\n", NULL), RB_OK);
	assert_int_equal(rb_cutter_row(cutter, "\x05\x05", 2, NULL), RB_OK);
	assert_int_equal(rb_buf_adds(rb_cutter_line(cutter), "a\n", NULL), RB_OK);
	assert_int_equal(rb_cutter_row(cutter, "\x05", 1, &err), RB_E_FORMAT);
	assert_string_equal(err.msg, "rows do not come in the order of their keys");
	rb_cutter_free(cutter);
	got_free(got);
}

static void no_rows_make_no_chunk(void **state)
{
	struct got *got = got_new();
	const struct rb_chunk_sink sink = {.put = take, .ctx = got};
	struct rb_cutter *cutter = NULL;

	(void)state;
	assert_int_equal(rb_cutter_new(1, &sink, &cutter, NULL), RB_OK);
	assert_int_equal(rb_cutter_finish(cutter, NULL), RB_OK);
	rb_cutter_free(cutter);
	assert_int_equal(got->count, 0);
	got_free(got);
}

/* Pass a chunk that was cut before; where it lies now goes to the list. */
static void pass(struct rb_cutter *cutter, const struct got *before, size_t index,
                 struct got *after)
{
	const char *slash = strrchr(before->paths[index], '/');
	const struct rb_chunk_known known = {.name = slash ? slash + 1 : before->paths[index],
	                                     .rank = before->ranks[index]};

	char *path = NULL;

	/* What stood before it comes first. */
	assert_int_equal(rb_cutter_pass(cutter, &known, &path, NULL), RB_OK);
	after->paths[after->count] = path;
	after->hashes[after->count] = before->hashes[index];
	after->rows[after->count++] = before->rows[index];
}

/*
 * Cut rows 0, 2, 4, ... but `skip`, with the segments from one chunk to another passed, whose rows
 * are the same.
 */
static struct got *cut_and_pass(const struct got *before, int64_t count, int64_t skip, size_t first,
                                size_t last)
{
	struct got *got = got_new();
	const struct rb_chunk_sink sink = {.put = take, .ctx = got};
	struct rb_cutter *cutter = NULL;
	int64_t row = 0;

	assert_int_equal(rb_cutter_new(1, &sink, &cutter, NULL), RB_OK);
	for (size_t i = 0; i <= before->count; i++) {
		int64_t end = i < before->count ? row + (int64_t)before->rows[i] : count;

		if (i >= first && i < last)
			pass(cutter, before, i, got);
		for (; row < end; row++)
			if (!(i >= first && i < last) && 2 * row != skip)
				add_row(cutter, 2 * row, length_of(2 * row));
	}
	assert_int_equal(rb_cutter_finish(cutter, NULL), RB_OK);
	rb_cutter_free(cutter);
	return got;
}

static void segments_that_are_passed_are_as_if_they_were_cut(void **state)
{
	const int64_t count = 60000;
	struct got *before = cut_table(count, -1, -1, -1);
	size_t borders[CHUNKS_MAX];
	size_t border_count = 0;

	(void)state;
	for (size_t i = 1; i < before->count; i++)
		if (before->begins[i])
			borders[border_count++] = i;
	assert_true(border_count > 10);
	/* A row is gone at the very beginning, so that directories may open elsewhere. */
	for (size_t i = 0; i < border_count; i++) {
		size_t last = i + 3 < border_count ? borders[i + 3] : before->count;
		struct got *whole = cut_table(count, -1, 0, -1);
		struct got *passed = cut_and_pass(before, count, 0, borders[i], last);

		assert_int_equal(passed->count, whole->count);
		for (size_t j = 0; j < whole->count; j++) {
			assert_string_equal(passed->paths[j], whole->paths[j]);
			assert_int_equal(passed->hashes[j], whole->hashes[j]);
		}
		got_free(passed);
		got_free(whole);
	}
	/* All of it. */
	{
		struct got *passed = cut_and_pass(before, count, -1, 0, before->count);

		assert_int_equal(passed->count, before->count);
		for (size_t j = 0; j < before->count; j++)
			assert_string_equal(passed->paths[j], before->paths[j]);
		got_free(passed);
	}
	got_free(before);
}

static void what_is_no_name_of_a_chunk_is_not_passed(void **state)
{
	static const struct rb_chunk_known bad[] = {
	        {.name = ".jsonl"},
	        {.name = "0000000001"},
	        {.name = "0000000001.json"},
	        {.name = "0000000001.jsonl", .rank = 11},
	        {.name = "0123456789012345678901234567890123456789"
	                 "01234567890123456789012345678901234567890.jsonl"},
	};
	struct got *got = got_new();
	const struct rb_chunk_sink sink = {.put = take, .ctx = got};
	struct rb_cutter *cutter = NULL;
	char *path = NULL;

	(void)state;
	assert_int_equal(rb_cutter_new(1, &sink, &cutter, NULL), RB_OK);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(rb_cutter_pass(cutter, &bad[i], &path, NULL), RB_E_FORMAT);
	assert_null(path);
	rb_cutter_free(cutter);
	got_free(got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(chunks_hold_all_rows_in_order_and_in_size),
	        cmocka_unit_test(directories_are_small),
	        cmocka_unit_test(a_change_stays_where_it_is),
	        cmocka_unit_test(appended_rows_change_the_end_only),
	        cmocka_unit_test(a_row_larger_than_a_chunk_stands_alone),
	        cmocka_unit_test(a_table_of_one_chunk_has_no_directory),
	        cmocka_unit_test(equal_keys_are_numbered),
	        cmocka_unit_test(a_key_that_goes_back_is_refused),
	        cmocka_unit_test(no_rows_make_no_chunk),
	        cmocka_unit_test(segments_that_are_passed_are_as_if_they_were_cut),
	        cmocka_unit_test(what_is_no_name_of_a_chunk_is_not_passed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
