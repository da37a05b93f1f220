/*
 * See rows.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/fault.h"
#include "harness/rows.h"

#define OUT_MAX ((size_t)80 << 20)

static int store_put(void *ctx, const void *data, size_t len, char sha256_hex[65],
                     struct rb_err *err)
{
	struct rows_store *store = ctx;

	(void)err;
	free(store->data);
	store->data = malloc(len);
	assert_non_null(store->data);
	memcpy(store->data, data, len);
	store->len = len;
	memset(sha256_hex, 'a', 64);
	sha256_hex[64] = '\0';
	return RB_OK;
}

static int store_get(void *ctx, const char *sha256_hex, size_t size, struct rb_buf *out,
                     struct rb_err *err)
{
	struct rows_store *store = ctx;

	if (store->fails)
		return rb_err_set(err, RB_E_NOTFOUND, "no such file");
	snprintf(store->sha256_hex, sizeof(store->sha256_hex), "%s", sha256_hex);
	if (store->len > size)
		return rb_err_set(err, RB_E_LIMIT, "too long");
	return rb_buf_add(out, store->data, store->len - store->cut, err);
}

int rows_set_up(void **state)
{
	struct rows *rows = calloc(1, sizeof(*rows));

	if (!rows)
		return -1;
	*state = rows;
	for (size_t i = 0; i < ROWS_COLUMNS; i++) {
		rows->names[i][0] = (char)('a' + i);
		rows->columns[i].name = rows->names[i];
	}
	rows->table_name[0] = 't';
	rows->table.name = rows->table_name;
	rows->table.columns = rows->columns;
	rows->table.column_count = ROWS_COLUMNS;
	rows->sink.put = store_put;
	rows->sink.ctx = &rows->store;
	rows->source.get = store_get;
	rows->source.ctx = &rows->store;
	rb_buf_init(&rows->out, OUT_MAX);
	if (rb_rowwriter_new(&rows->table, &rows->sink, &rows->writer, NULL) < 0)
		return -1;
	return rb_rowreader_new(&rows->table, &rows->source, &rows->reader, NULL);
}

int rows_tear_down(void **state)
{
	struct rows *rows = *state;

	fault_disarm();
	rb_rowwriter_free(rows->writer);
	rb_rowreader_free(rows->reader);
	rb_buf_release(&rows->out);
	free(rows->store.data);
	free(rows->line);
	free(rows);
	return 0;
}

int rows_read(struct rows *rows, const char *line, size_t len)
{
	free(rows->line);
	rows->line = malloc(len ? len : 1);
	assert_non_null(rows->line);
	memcpy(rows->line, line, len);
	return rb_rowreader_line(rows->reader, rows->line, len, rows->values, &rows->err);
}

int rows_read_text(struct rows *rows, const char *line)
{
	return rows_read(rows, line, strlen(line));
}

void rows_assert_rewritten(struct rows *rows, const char *line, size_t len)
{
	rb_buf_clear(&rows->out);
	assert_int_equal(rb_rowwriter_add(rows->writer, rows->values, &rows->out, NULL), RB_OK);
	assert_int_equal(rows->out.len, len + 1);
	assert_memory_equal(rows->out.data, line, len);
}

void rows_assert_refused(struct rows *rows, const char *line, const char *message)
{
	assert_int_equal(rows_read_text(rows, line), RB_E_FORMAT);
	assert_string_equal(rows->err.msg, message);
}

struct rb_value rows_bytes(enum rb_value_kind kind, const char *data, size_t len)
{
	return (struct rb_value){.kind = kind, .u.bytes = {.data = data, .len = len}};
}
