/*
 * See rowback/cli/output.h.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rowback/base/encode.h"
#include "rowback/cli/output.h"
#include "rowback/value/json.h"

/* Between two columns. */
#define GAP 2
/* A cell or document that is printed; far above what a command makes. */
#define TEXT_MAX ((size_t)256 * 1024 * 1024)

bool rb_out_may_color(int fd)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	return isatty(fd) && !(no_color && no_color[0]) && term && strcmp(term, "dumb") != 0;
}

const char *rb_out_style(const struct rb_out *out, enum rb_out_style style)
{
	static const char *const sequences[] = {
	        [RB_OUT_PLAIN] = "\033[m",   [RB_OUT_BOLD] = "\033[1m",
	        [RB_OUT_DIM] = "\033[2m",    [RB_OUT_RED] = "\033[31m",
	        [RB_OUT_GREEN] = "\033[32m", [RB_OUT_YELLOW] = "\033[33m",
	};

	return out->has_color ? sequences[style] : "";
}

void rb_out_printf(const struct rb_out *out, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(out->file, fmt, ap);
	va_end(ap);
}

void rb_out_count(uint64_t n, char text[RB_OUT_COUNT_SIZE])
{
	char digits[21];
	size_t len = (size_t)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n);
	size_t used = 0;

	for (size_t i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			text[used++] = ',';
		text[used++] = digits[i];
	}
	text[used] = '\0';
}

void rb_out_bytes(uint64_t n, char text[RB_OUT_BYTES_SIZE])
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
	double value = (double)n;
	size_t unit = 0;
	int decimals = 0;

	/* The limits are where printf() would round up to a fourth digit. */
	while (value >= 999.5) {
		value /= 1000;
		unit++;
	}
	if (unit > 0 && value < 99.95)
		decimals = value < 9.995 ? 2 : 1;
	snprintf(text, RB_OUT_BYTES_SIZE, "%.*f %s", decimals, value, units[unit]);
}

/* Bytes at the start of UTF-8 text that a terminal shows as they are. */
static size_t plain_len(const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		bool is_c1 = c == 0xc2 && i + 1 < len && (unsigned char)text[i + 1] < 0xa0;

		if (c < ' ' || c == 0x7f || is_c1)
			break;
	}
	return i;
}

int rb_out_escape(const char *text, size_t len, struct rb_buf *out, struct rb_err *err)
{
	size_t at = 0;
	int rc = RB_OK;

	while (rc == RB_OK && at < len) {
		size_t plain = plain_len(text + at, rb_utf8_valid_len(text + at, len - at));

		rc = rb_buf_add(out, text + at, plain, err);
		at += plain;
		if (rc == RB_OK && at < len)
			rc = rb_buf_addf(out, err, "\\x%02x",
			                 (unsigned int)(unsigned char)text[at++]);
	}
	return rc;
}

/* Room for one more row. */
static int reserve_row(struct rb_out_table *table, struct rb_err *err)
{
	size_t need = table->cell_count + table->column_count;
	size_t cap = table->cell_cap;
	struct rb_out_cell *grown;

	if (need <= cap)
		return RB_OK;
	while (cap < need)
		cap += cap / 2 + 8;
	grown = realloc(table->cells, cap * sizeof(*grown));
	if (!grown)
		return rb_err_set(err, RB_E_NOMEM, "no memory for a table of %zu cells", cap);
	table->cells = grown;
	table->cell_cap = cap;
	return RB_OK;
}

int rb_out_table_add(struct rb_out_table *table, const struct rb_out_cell *cells,
                     struct rb_err *err)
{
	size_t added = 0;
	int rc = reserve_row(table, err);

	while (rc == RB_OK && added < table->column_count) {
		const struct rb_out_cell *cell = &cells[added];
		const char *text = cell->text ? cell->text : "";
		struct rb_buf plain = RB_BUF(TEXT_MAX);
		char *copy;

		rc = rb_out_escape(text, strlen(text), &plain, err);
		copy = rc == RB_OK ? rb_buf_detach(&plain) : NULL;
		rb_buf_release(&plain);
		if (rc == RB_OK && !copy)
			rc = rb_err_set(err, RB_E_NOMEM, "no memory for a table");
		if (rc < 0)
			break;
		table->cells[table->cell_count + added++] =
		        (struct rb_out_cell){.text = copy, .style = cell->style};
	}
	/* A row is there whole or not at all. */
	if (rc == RB_OK) {
		table->cell_count += table->column_count;
		return RB_OK;
	}
	while (added > 0)
		free((char *)(uintptr_t)table->cells[table->cell_count + --added].text);
	return rc;
}

/*
 * Print a cell.  Blanks wait in *blanks until something comes after them, so that no line
 * ends with them.
 */
static void print_cell(const struct rb_out *out, const struct rb_out_column *column,
                       const struct rb_out_cell *cell, size_t width, size_t *blanks)
{
	size_t own = rb_out_width(cell->text);

	if (column->is_number)
		*blanks += width - own;
	if (cell->text[0]) {
		for (; *blanks > 0; (*blanks)--)
			putc(' ', out->file);
		if (cell->style == RB_OUT_PLAIN)
			fputs(cell->text, out->file);
		else
			rb_out_printf(out, "%s%s%s", rb_out_style(out, cell->style), cell->text,
			              rb_out_style(out, RB_OUT_PLAIN));
	}
	*blanks += GAP + (column->is_number ? 0 : width - own);
}

/* The widest of a column, its title included. */
static size_t column_width(const struct rb_out_table *table, size_t column)
{
	size_t widest = rb_out_width(table->columns[column].title);

	for (size_t i = column; i < table->cell_count; i += table->column_count) {
		size_t width = rb_out_width(table->cells[i].text);

		if (width > widest)
			widest = width;
	}
	return widest;
}

/* The width of a column that is left out. */
#define HIDDEN SIZE_MAX

/* The width of a column as it is printed. */
static size_t printed_width(const struct rb_out_table *table, size_t column)
{
	bool is_empty = true;

	for (size_t i = column; is_empty && i < table->cell_count; i += table->column_count)
		is_empty = !table->cells[i].text[0];
	if (is_empty && table->columns[column].may_hide)
		return HIDDEN;
	return column_width(table, column);
}

void rb_out_table_print(const struct rb_out_table *table, const struct rb_out *out)
{
	size_t columns = table->column_count;
	size_t blanks = 0;
	size_t *widths;

	if (table->cell_count == 0)
		return;
	/* Without memory the columns do not line up, but all of the text is there. */
	widths = calloc(columns, sizeof(*widths));
	for (size_t i = 0; widths && i < columns; i++)
		widths[i] = printed_width(table, i);

	for (size_t i = 0; i < columns; i++) {
		struct rb_out_cell title = {table->columns[i].title, RB_OUT_BOLD};
		size_t width = widths ? widths[i] : rb_out_width(title.text);

		if (width == HIDDEN)
			continue;
		print_cell(out, &table->columns[i], &title, width, &blanks);
	}
	for (size_t i = 0; i < table->cell_count; i++) {
		const struct rb_out_cell *cell = &table->cells[i];
		size_t width = widths ? widths[i % columns] : rb_out_width(cell->text);

		if (i % columns == 0) {
			putc('\n', out->file);
			blanks = 0;
		}
		if (width == HIDDEN)
			continue;
		print_cell(out, &table->columns[i % columns], cell, width, &blanks);
	}
	putc('\n', out->file);
	free(widths);
}

void rb_out_table_release(struct rb_out_table *table)
{
	for (size_t i = 0; i < table->cell_count; i++)
		free((char *)(uintptr_t)table->cells[i].text);
	free(table->cells);
	table->cells = NULL;
	table->cell_count = 0;
	table->cell_cap = 0;
}

int rb_out_json(const struct rb_out *out, const json_t *doc, struct rb_err *err)
{
	struct rb_buf text = RB_BUF(TEXT_MAX);
	int rc = rb_json_dump(doc, &text, err);

	if (rc == RB_OK)
		fwrite(rb_buf_str(&text), 1, text.len, out->file);
	rb_buf_release(&text);
	return rc;
}

int rb_out_json_line(const struct rb_out *out, const json_t *doc, struct rb_err *err)
{
	struct rb_buf text = RB_BUF(TEXT_MAX);
	int rc = rb_json_dump_line(doc, &text, err);

	if (rc == RB_OK) {
		fwrite(rb_buf_str(&text), 1, text.len, out->file);
		putc('\n', out->file);
		fflush(out->file);
	}
	rb_buf_release(&text);
	return rc;
}
