/*
 * Standard output: tables, numbers and sizes for people, JSON for programs.
 *
 * Layer: cli (5).  Uses: rowback/base, rowback/value/json.h, jansson.
 *
 * Nothing here checks that the text arrived: main.c asks once, at the end.  Text from
 * outside (names of tables, labels, messages) goes through rb_out_escape(), so that it
 * cannot steer the terminal.
 */
#ifndef ROWBACK_CLI_OUTPUT_H
#define ROWBACK_CLI_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "rowback/base/buf.h"
#include "rowback/base/err.h"

/** Bytes for rb_out_count(): 20 digits, 6 commas, a NUL. */
#define RB_OUT_COUNT_SIZE 27
/** Bytes for rb_out_bytes(): "999 B", "1.23 GB". */
#define RB_OUT_BYTES_SIZE 16

/** Where to print. */
struct rb_out {
	FILE *file;     /**< stdout, or a test's */
	bool has_color; /**< whether rb_out_style() gives anything */
};

enum rb_out_style {
	RB_OUT_PLAIN,
	RB_OUT_BOLD,
	RB_OUT_DIM,
	RB_OUT_RED,
	RB_OUT_GREEN,
	RB_OUT_YELLOW,
};

/** Whether a descriptor may get colour: a terminal that is not "dumb", and NO_COLOR unset. */
bool rb_out_may_color(int fd);

/** The sequence that begins a style, RB_OUT_PLAIN ends it; "" without colour. */
const char *rb_out_style(const struct rb_out *out, enum rb_out_style style);

/** Print text that rowback itself wrote. */
void rb_out_printf(const struct rb_out *out, const char *fmt, ...) RB_PRINTF(2, 3);

/** A number with its thousands apart: "1,234,567". */
void rb_out_count(uint64_t n, char text[RB_OUT_COUNT_SIZE]);

/** A size with three digits and a decimal unit: "0 B", "514 B", "1.25 MB", "320 GB". */
void rb_out_bytes(uint64_t n, char text[RB_OUT_BYTES_SIZE]);

/** Columns that UTF-8 text takes on a terminal: 2 for wide characters, 0 for combining ones. */
size_t rb_out_width(const char *text);

/**
 * Append text so that a terminal can do nothing but show it: control characters and bytes
 * that are not UTF-8 become "\x1b", everything else stays.
 */
int rb_out_escape(const char *text, size_t len, struct rb_buf *out,
                  struct rb_err *err) RB_MUST_CHECK;

/** A column of a table. */
struct rb_out_column {
	const char *title; /**< printed above it */
	bool is_number;    /**< aligned to the right */
	bool may_hide;     /**< left out where no row has anything in it */
};

/** A cell of a row. */
struct rb_out_cell {
	const char *text; /**< copied, escaped; NULL is "" */
	enum rb_out_style style;
};

/** A table; RB_OUT_TABLE() at first. */
struct rb_out_table {
	const struct rb_out_column *columns; /**< borrowed */
	size_t column_count;                 /**< columns, and cells in each row */
	struct rb_out_cell *cells;           /**< row after row; the texts are the table's */
	size_t cell_count;                   /**< cells in cells */
	size_t cell_cap;                     /**< cells allocated */
};

/** An empty table over an array of columns. */
#define RB_OUT_TABLE(array)                                                                        \
	{                                                                                          \
		.columns = (array), .column_count = sizeof(array) / sizeof((array)[0])             \
	}

/** Add a row of column_count cells. */
int rb_out_table_add(struct rb_out_table *table, const struct rb_out_cell *cells,
                     struct rb_err *err) RB_MUST_CHECK;

/** Print titles and rows, each column as wide as it must be; nothing when there are no rows. */
void rb_out_table_print(const struct rb_out_table *table, const struct rb_out *out);

/** Free the rows; the table is empty again. */
void rb_out_table_release(struct rb_out_table *table);

/** Print a document, over several lines. */
int rb_out_json(const struct rb_out *out, const json_t *doc, struct rb_err *err) RB_MUST_CHECK;

/** Print a document on one line and flush, for JSON Lines. */
int rb_out_json_line(const struct rb_out *out, const json_t *doc, struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_CLI_OUTPUT_H */
