/*
 * A table, a row writer and a row reader of it, and one file between them.
 */
#ifndef HARNESS_ROWS_H
#define HARNESS_ROWS_H

#include <stddef.h>

#include "rowback/value/rowreader.h"
#include "rowback/value/rowwriter.h"

#define ROWS_COLUMNS 4
#define ROWS_SIXTEEN_A "aaaaaaaaaaaaaaaa"
/** What the sink calls every file. */
#define ROWS_SHA256 ROWS_SIXTEEN_A ROWS_SIXTEEN_A ROWS_SIXTEEN_A ROWS_SIXTEEN_A

/** Both ends of files: one file, given out as it was put in. */
struct rows_store {
	char *data;
	size_t len;
	char sha256_hex[65]; /* as asked for */
	size_t cut;          /* bytes that are missing when it is read */
	int fails;
};

/** Columns a, b, c, d of table t; both ends. */
struct rows {
	struct rb_column columns[ROWS_COLUMNS];
	struct rb_table table;
	struct rows_store store;
	struct rb_blob_sink sink;
	struct rb_blob_source source;
	struct rb_rowwriter *writer;
	struct rb_rowreader *reader;
	struct rb_value values[ROWS_COLUMNS];
	struct rb_buf out;
	struct rb_err err;
	char *line; /* the one that was read: values point into it */
	char names[ROWS_COLUMNS][2];
	char table_name[2];
};

/** Set-up and tear-down of a cmocka test. */
int rows_set_up(void **state);
int rows_tear_down(void **state);

/** Read from memory that ends where the line ends, so that a sanitizer sees an over-read. */
int rows_read(struct rows *rows, const char *line, size_t len);

/** As rows_read(), of a C string. */
int rows_read_text(struct rows *rows, const char *line);

/** What was read must be written as the same bytes. */
void rows_assert_rewritten(struct rows *rows, const char *line, size_t len);

/** The line must be RB_E_FORMAT, with this message. */
void rows_assert_refused(struct rows *rows, const char *line, const char *message);

/** A value of bytes. */
struct rb_value rows_bytes(enum rb_value_kind kind, const char *data, size_t len);

#endif /* HARNESS_ROWS_H */
