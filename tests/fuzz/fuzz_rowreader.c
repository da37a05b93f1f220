/*
 * A line that the row reader accepts is what the row writer makes of it, byte for byte.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "rowback/value/rowreader.h"
#include "rowback/value/rowwriter.h"

#define COLUMNS 6
#define FILE_MAX ((size_t)1 << 20)

const char fuzz_name[] = "rowreader";

/* A file begins with its own name, so that the sink knows it again. */
static int get_file(void *ctx, const char *sha256_hex, size_t size, struct rb_buf *out,
                    struct rb_err *err)
{
	int rc;

	(void)ctx;
	if (size < 64 || size > FILE_MAX)
		return rb_err_set(err, RB_E_LIMIT, "%zu bytes", size);
	rc = rb_buf_reserve(out, size, err);
	if (rc < 0)
		return rc;
	memset(out->data, 'x', size);
	memcpy(out->data, sha256_hex, 64);
	out->data[size] = '\0';
	out->len = size;
	return RB_OK;
}

static int put_file(void *ctx, const void *data, size_t len, char sha256_hex[65],
                    struct rb_err *err)
{
	(void)ctx;
	(void)err;
	if (len < 64)
		abort();
	memcpy(sha256_hex, data, 64);
	sha256_hex[64] = '\0';
	return RB_OK;
}

/* Both ends of one table: names of every kind, a column that is not in rows. */
static struct rb_rowreader *reader;
static struct rb_rowwriter *writer;

static void make_ends(void)
{
	static const struct rb_blob_source source = {.get = get_file};
	static const struct rb_blob_sink sink = {.put = put_file};
	static char names[COLUMNS][16] = {"", "a", "$b", "\xc6", "q\"\n", "generated"};
	static char table_name[] = "t";
	struct rb_column columns[COLUMNS] = {{0}};
	struct rb_table table = {.name = table_name, .columns = columns, .column_count = COLUMNS};

	for (int i = 0; i < COLUMNS; i++)
		columns[i].name = names[i];
	columns[0].is_rowid = true;
	columns[5].generated = RB_GENERATED_STORED;
	if (rb_rowreader_new(&table, &source, &reader, NULL) < 0 ||
	    rb_rowwriter_new(&table, &sink, &writer, NULL) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rb_value values[COLUMNS] = {{0}};
	struct rb_buf out = RB_BUF(RB_ROW_MAX);
	struct rb_err err = {0};

	if (!reader)
		make_ends();
	if (rb_rowreader_line(reader, (const char *)data, size, values, &err) == RB_OK) {
		if (rb_rowwriter_add(writer, values, &out, &err) < 0 || out.len != size + 1 ||
		    memcmp(out.data, data, size) != 0) {
			fprintf(stderr, "written as: %s", rb_buf_str(&out));
			abort();
		}
	} else if (err.msg[0] == '\0') {
		abort();
	}
	rb_buf_release(&out);
	return 0;
}
