/*
 * Rows a second of the row writer and the row reader, on rows like those of an application:
 * an integer key, numbers, short texts, a longer text with escapes, a real.
 *
 *	make bench-rows
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rowback/value/key.h"
#include "rowback/value/rowreader.h"
#include "rowback/value/rowwriter.h"

#define COLUMNS 10
#define ROWS 200000
#define OUT_MAX ((size_t)1 << 30)

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int no_file(void *ctx, const void *data, size_t len, char sha256_hex[65], struct rb_err *err)
{
	(void)ctx, (void)data, (void)len, (void)sha256_hex;
	return rb_err_set(err, RB_E_UNSUPPORTED, "no long values here");
}

static struct rb_value text(const char *data)
{
	return (struct rb_value){.kind = RB_VALUE_TEXT,
	                         .u.bytes = {.data = data, .len = strlen(data)}};
}

static void make_row(struct rb_value *values, int64_t n)
{
	static const char note[] = "The customer called about the invoice; said \"next week\".\n"
	                           "Follow up on Monday, see also the ticket that was opened in "
	                           "spring about the same amount and the same supplier.";
	static const char *const states[] = {"open", "paid", "cancelled", "in progress"};

	values[0] = (struct rb_value){.kind = RB_VALUE_INT, .u.i = n};
	values[1] = (struct rb_value){.kind = RB_VALUE_INT, .u.i = n * 7919 % 100000};
	values[2] = text(states[n % 4]);
	values[3] = text("ada.lovelace@example.com");
	values[4] = text("2026-11-20T15:58:00.123Z");
	values[5] = (struct rb_value){.kind = RB_VALUE_REAL, .u.r = (double)(n % 100000) / 100};
	values[6] = text(note);
	values[7] = (struct rb_value){.kind = n % 3 ? RB_VALUE_INT : RB_VALUE_NULL,
	                              .u.i = 1700000000 + n};
	values[8] = (struct rb_value){.kind = RB_VALUE_NULL};
	values[9] = text("f47ac10b-58cc-4372-a567-0e02b2c3d479");
}

static void report(const char *what, double seconds, size_t bytes)
{
	printf("%-8s %6.2f million rows/s %6.0f MB/s\n", what, ROWS / seconds / 1e6,
	       (double)bytes / seconds / 1e6);
}

static int run(struct rb_rowwriter *writer, struct rb_rowreader *reader, struct rb_buf *out)
{
	struct rb_buf key = RB_BUF(1024);
	const size_t position = 0;
	struct rb_value values[COLUMNS];
	uint64_t sum = 0;
	double start = now_s();
	int rc = 0;

	for (int64_t n = 0; rc == 0 && n < ROWS; n++) {
		make_row(values, n);
		rc = rb_rowwriter_add(writer, values, out, NULL);
	}
	report("write", now_s() - start, out->len);

	start = now_s();
	for (const char *p = out->data; rc == 0 && p < out->data + out->len;) {
		size_t len = strcspn(p, "\n");

		rc = rb_rowreader_line(reader, p, len, values, NULL);
		p += len + 1;
	}
	report("read", now_s() - start, out->len);

	start = now_s();
	for (int64_t n = 0; rc == 0 && n < ROWS; n++) {
		values[0].u.i = n;
		rb_buf_clear(&key);
		rc = rb_key_of_row(values, &position, 1, &key, NULL);
		sum += rb_key_hash(key.data, key.len);
	}
	report("key", now_s() - start, 12 * ROWS);
	rb_buf_release(&key);
	return sum ? rc : 1;
}

int main(void)
{
	static char names[COLUMNS][16] = {"id",     "customer", "state",   "email", "created_at",
	                                  "amount", "note",     "paid_at", "ref",   "uuid"};
	static char table_name[] = "invoices";
	struct rb_column columns[COLUMNS] = {{0}};
	struct rb_table table = {.name = table_name, .columns = columns, .column_count = COLUMNS};
	struct rb_blob_sink sink = {.put = no_file};
	struct rb_rowwriter *writer = NULL;
	struct rb_rowreader *reader = NULL;
	struct rb_buf out = RB_BUF(OUT_MAX);
	int rc = 1;

	for (int i = 0; i < COLUMNS; i++)
		columns[i].name = names[i];
	if (rb_rowwriter_new(&table, &sink, &writer, NULL) == 0 &&
	    rb_rowreader_new(&table, NULL, &reader, NULL) == 0)
		rc = 0;
	for (int turn = 0; rc == 0 && turn < 3; turn++) {
		rb_buf_clear(&out);
		rc = run(writer, reader, &out);
	}
	rb_rowwriter_free(writer);
	rb_rowreader_free(reader);
	rb_buf_release(&out);
	return rc;
}
