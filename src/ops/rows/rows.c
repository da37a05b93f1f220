/*
 * See rowback/ops/snapshot.h: rows of a table.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rowback/ops/layout.h"
#include "rowback/ops/snapshot.h"
#include "rowback/repo/tree.h"
#include "rowback/value/key.h"
#include "rowback/value/rowreader.h"
#include "stream_priv.h"

#define KEY_MAX ((size_t)1 << 30)

struct rb_rows {
	struct rb_rows_opts opts;
	const struct rb_table *table;
	struct rb_blob_source blobs;
	struct rb_rowreader *reader;
	struct rb_stream *stream;
	struct rb_chunk_list sorted; /* the chunks, when their names do not give the order */
	const struct rb_buf *text;   /* the chunk being read */
	const char *path;            /* its name, for messages */
	size_t at;                   /* where the next line begins */
	size_t line_number;
	struct rb_value *values;
	size_t *key_positions;
	size_t *all_positions; /* 0, 1, 2, ...: the whole row as a key */
	size_t value_count;
	struct rb_buf key;
	struct rb_buf last_key;
	bool has_last;
};

static int damaged(const struct rb_rows *rows, const char *what, struct rb_err *err)
{
	return rb_err_set(err, RB_E_FORMAT, "table '%s', rows/%s, line %zu: %s", rows->table->name,
	                  rows->path ? rows->path : "?", rows->line_number, what);
}

/* The row reader's source: a long value from its files. */
static int get_blob(void *ctx, const char *sha256_hex, size_t size, struct rb_buf *out,
                    struct rb_err *err)
{
	struct rb_rows *rows = ctx;
	const struct rb_snapshot *snapshot = rows->opts.snapshot;
	size_t start = out->len;
	size_t parts = rb_layout_blob_parts(size);
	struct rb_buf path = RB_BUF(4096);
	char digest[65];
	int rc = RB_OK;

	for (size_t part = 0; rc == RB_OK && part < parts; part++) {
		struct rb_oid oid;
		uint32_t mode = 0;

		rb_buf_clear(&path);
		rc = rb_layout_blob_path(sha256_hex, size, part, &path, err);
		if (rc == RB_OK)
			rc = rb_tree_find(snapshot->repo, &snapshot->tables[rows->opts.table].tree,
			                  rb_buf_str(&path), &oid, &mode, err);
		if (rc == RB_OK)
			rc = rb_repo_read(snapshot->repo, &oid, RB_OBJECT_BLOB, out, err);
	}
	rb_buf_release(&path);
	if (rc == RB_OK && out->len - start != size)
		rc = damaged(rows, "a value's file has another size", err);
	if (rc == RB_OK)
		rc = rb_sha256_hex(out->data + start, size, digest, err);
	if (rc == RB_OK && strcmp(digest, sha256_hex) != 0)
		rc = damaged(rows, "a value's file has another content", err);
	return rc;
}

/* A name that was cut does not say where its chunk stands. */
static bool names_give_order(const struct rb_chunk_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		if (strstr(list->paths[i], "~~"))
			return false;
	}
	return true;
}

/* What a chunk is sorted by. */
struct keyed_chunk {
	char *key; /* of its first row */
	size_t key_len;
	char *tie; /* among chunks whose first rows are equal */
	size_t tie_len;
	size_t index;
};

static int compare_keyed(const void *a, const void *b)
{
	const struct keyed_chunk *left = a;
	const struct keyed_chunk *right = b;
	int order = rb_key_compare(left->key, left->key_len, right->key, right->key_len);

	return order != 0 ? order
	                  : rb_key_compare(left->tie, left->tie_len, right->tie, right->tie_len);
}

/* Append a byte for each value, in the order in which rows of equal keys stand. */
static int add_zeros(const struct rb_rows *rows, struct rb_buf *out, struct rb_err *err)
{
	int rc = RB_OK;

	for (size_t i = 0; i < rows->value_count && rc == RB_OK; i++) {
		const struct rb_value *value = &rows->values[i];
		bool is_minus_zero = value->kind == RB_VALUE_REAL && value->u.r == 0.0 &&
		                     signbit(value->u.r) != 0;

		rc = rb_buf_add(out, is_minus_zero ? "\0" : "\1", 1, err);
	}
	return rc;
}

/*
 * Equal rows may fill several chunks, which differ in their zeros at most; the last of them goes
 * on to other rows.
 */
static int make_tie(struct rb_rows *rows, const struct keyed_chunk *chunk, struct rb_buf *out,
                    struct rb_err *err)
{
	const char *text = rows->text->data;
	size_t end = rows->text->len - 1; /* the last line's */
	size_t begin = end;
	struct rb_row last = {.line = text};
	int rc;

	while (begin > 0 && text[begin - 1] != '\n')
		begin--;
	rb_buf_clear(out);
	rc = rb_buf_add(out, "", 1, err);
	if (rc == RB_OK)
		rc = add_zeros(rows, out, err);
	last.line = text + begin;
	last.line_len = end - begin;
	if (rc == RB_OK)
		rc = rb_rows_parse(rows, &last, err);
	if (rc == RB_OK)
		rc = add_zeros(rows, out, err);
	if (rc == RB_OK)
		out->data[0] =
		        rb_key_compare(chunk->key, chunk->key_len, last.key, last.key_len) != 0;
	return rc;
}

static char *copy_bytes(const char *bytes, size_t len)
{
	char *copy = malloc(len + 1);

	if (copy && len > 0)
		memcpy(copy, bytes, len);
	return copy;
}

/* What the chunk that begins with this row, which is parsed, is sorted by. */
static int key_chunk(struct rb_rows *rows, const struct rb_row *first, struct keyed_chunk *out,
                     struct rb_err *err)
{
	struct rb_buf tie = RB_BUF(KEY_MAX);
	int rc;

	out->key_len = first->key_len;
	out->key = copy_bytes(first->key, first->key_len);
	if (!out->key)
		return rb_err_set(err, RB_E_NOMEM, "no memory to sort chunks");
	/* Only equal rows need it, and a last row that is the first is none of another key. */
	rows->has_last = false;
	rc = first->may_repeat ? make_tie(rows, out, &tie, err) : RB_OK;
	if (rc == RB_OK) {
		out->tie_len = tie.len;
		out->tie = copy_bytes(tie.data, tie.len);
		if (!out->tie)
			rc = rb_err_set(err, RB_E_NOMEM, "no memory to sort chunks");
	}
	rb_buf_release(&tie);
	return rc;
}

/* Read the first row of each chunk. */
static int first_keys(struct rb_rows *rows, const struct rb_chunk_list *list,
                      struct keyed_chunk *keyed, struct rb_err *err)
{
	int rc = rb_stream_open(rows->opts.snapshot->repo, list, false, false, &rows->stream, err);

	for (size_t i = 0; rc == RB_OK && i < list->count; i++) {
		struct rb_row row;

		rows->has_last = false;
		rows->text = NULL;
		rc = rb_rows_next(rows, &row, err);
		if (rc > 0)
			rc = rb_rows_parse(rows, &row, err);
		else if (rc == 0)
			rc = damaged(rows, "the chunk is empty", err);
		if (rc == RB_OK) {
			keyed[i].index = i;
			rc = key_chunk(rows, &row, &keyed[i], err);
		}
	}
	rb_stream_close(rows->stream);
	rows->stream = NULL;
	rows->text = NULL;
	rows->has_last = false;
	return rc;
}

static int sort_chunks(struct rb_rows *rows, const struct rb_chunk_list *list, struct rb_err *err)
{
	struct keyed_chunk *keyed = calloc(list->count + 1, sizeof(*keyed));
	int rc;

	if (!keyed)
		return rb_err_set(err, RB_E_NOMEM, "no memory to sort chunks");
	rc = first_keys(rows, list, keyed, err);
	if (rc == RB_OK)
		qsort(keyed, list->count, sizeof(*keyed), compare_keyed);
	for (size_t i = 0; rc == RB_OK && i < list->count; i++)
		rc = rb_chunk_list_add(&rows->sorted, list->paths[keyed[i].index],
		                       &list->oids[keyed[i].index], err);
	for (size_t i = 0; i < list->count; i++) {
		free(keyed[i].key);
		free(keyed[i].tie);
	}
	free(keyed);
	return rc;
}

static int prepare(struct rb_rows *rows, struct rb_err *err)
{
	const struct rb_table *table = rows->table;
	size_t *stored = calloc(table->column_count + 1, sizeof(*stored));

	if (!stored)
		return rb_err_set(err, RB_E_NOMEM, "no memory to read rows");
	rows->value_count = rb_table_stored_columns(table, stored);
	free(stored);
	rows->values = calloc(rows->value_count + 1, sizeof(*rows->values));
	rows->key_positions = calloc(table->key_count + 1, sizeof(*rows->key_positions));
	rows->all_positions = calloc(rows->value_count + 1, sizeof(*rows->all_positions));
	if (!rows->values || !rows->key_positions || !rows->all_positions)
		return rb_err_set(err, RB_E_NOMEM, "no memory to read rows");
	rb_table_key_positions(table, rows->key_positions);
	for (size_t i = 0; i < rows->value_count; i++)
		rows->all_positions[i] = i;
	return rb_rowreader_new(table, rows->opts.skip_blobs ? NULL : &rows->blobs, &rows->reader,
	                        err);
}

int rb_rows_open(const struct rb_rows_opts *opts, struct rb_rows **out, struct rb_err *err)
{
	struct rb_rows *rows = calloc(1, sizeof(*rows));
	const struct rb_chunk_list *list = opts->chunks;
	int rc;

	*out = NULL;
	if (!rows)
		return rb_err_set(err, RB_E_NOMEM, "no memory to read rows");
	rows->opts = *opts;
	rows->table = &opts->snapshot->catalog->tables[opts->table];
	rows->blobs.get = get_blob;
	rows->blobs.ctx = rows;
	rb_buf_init(&rows->key, KEY_MAX);
	rb_buf_init(&rows->last_key, KEY_MAX);
	rc = prepare(rows, err);
	if (rc == RB_OK && !opts->in_order && !names_give_order(list)) {
		rc = sort_chunks(rows, list, err);
		list = &rows->sorted;
	}
	if (rc == RB_OK)
		rc = rb_stream_open(opts->snapshot->repo, list, opts->verify, opts->read_ahead,
		                    &rows->stream, err);
	if (rc < 0) {
		rb_rows_close(rows);
		return rc;
	}
	*out = rows;
	return RB_OK;
}

void rb_rows_close(struct rb_rows *rows)
{
	if (!rows)
		return;
	rb_stream_close(rows->stream);
	rb_rowreader_free(rows->reader);
	rb_chunk_list_release(&rows->sorted);
	free(rows->values);
	free(rows->key_positions);
	free(rows->all_positions);
	rb_buf_release(&rows->key);
	rb_buf_release(&rows->last_key);
	free(rows);
}

int rb_rows_next(struct rb_rows *rows, struct rb_row *row, struct rb_err *err)
{
	const char *line;
	const char *end;
	size_t left;

	memset(row, 0, sizeof(*row));
	while (!rows->text || rows->at == rows->text->len) {
		int rc = rb_stream_next(rows->stream, &rows->text, &rows->path, err);

		if (rc <= 0)
			return rc;
		rows->at = 0;
		rows->line_number = 0;
		if (rows->text->len == 0)
			return damaged(rows, "the chunk is empty", err);
	}
	rows->line_number++;
	line = rows->text->data + rows->at;
	left = rows->text->len - rows->at;
	end = memchr(line, '\n', left);
	if (!end)
		return damaged(rows, "the last line has no end", err);
	row->line = line;
	row->line_len = (size_t)(end - line);
	rows->at += row->line_len + 1;
	return 1;
}

/* A unique index takes any number of rows whose key has a NULL, and no two others. */
static bool has_null_key(const struct rb_rows *rows)
{
	for (size_t i = 0; i < rows->table->key_count; i++) {
		if (rows->values[rows->key_positions[i]].kind == RB_VALUE_NULL)
			return true;
	}
	return false;
}

/* Make the key of the row in rows->values. */
static int make_key(struct rb_rows *rows, struct rb_row *row, struct rb_err *err)
{
	const struct rb_table *table = rows->table;
	size_t count = rows->value_count;
	int rc;

	rb_buf_clear(&rows->key);
	rc = rb_key_of_row(rows->values, rows->key_positions, table->key_count, &rows->key, err);
	row->may_repeat =
	        table->key_kind == RB_KEY_ROW || (table->key_may_repeat && has_null_key(rows));
	if (rc < 0 || !row->may_repeat || table->key_kind == RB_KEY_ROW)
		return rc;
	/* A column that is added at the end, without values, makes no other rows. */
	while (count > 0 && rows->values[count - 1].kind == RB_VALUE_NULL)
		count--;
	return rb_key_of_row(rows->values, rows->all_positions, count, &rows->key, err);
}

int rb_rows_parse(struct rb_rows *rows, struct rb_row *row, struct rb_err *err)
{
	int rc = rb_rowreader_line(rows->reader, row->line, row->line_len, rows->values, err);

	if (rc < 0)
		return rb_err_wrap(err, rc, "table '%s', rows/%s, line %zu", rows->table->name,
		                   rows->path, rows->line_number);
	rc = make_key(rows, row, err);
	if (rc < 0)
		return rc;
	if (rows->has_last) {
		int order = rb_key_compare(rows->last_key.data, rows->last_key.len, rows->key.data,
		                           rows->key.len);

		if (order > 0 || (order == 0 && !row->may_repeat))
			return damaged(rows, "its key is not after the row before", err);
	}
	rows->has_last = true;
	rb_buf_clear(&rows->last_key);
	rc = rb_buf_add(&rows->last_key, rows->key.data, rows->key.len, err);
	row->key = rows->key.data;
	row->key_len = rows->key.len;
	row->values = rows->values;
	return rc;
}
