/*
 * See rowback/format/chunk.h.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "rowback/format/chunk.h"
#include "rowback/value/key.h"

#define SUFFIX ".jsonl"
#define RANK_BITS 6 /* 2^6 = 64 entries a directory on average */
#define RANK_MAX 10 /* 64 bits of hash hold no more */
#define KEYS_MAX ((size_t)1 << 30)

struct rb_segment {
	atomic_int refs;
	struct rb_buf text; /* whole lines */
};

/* One row of the segment being gathered. */
struct row {
	uint64_t hash;
	size_t text_at; /* where its line begins */
	size_t key_at;  /* where its key begins in keys */
	size_t key_len;
	uint64_t ordinal; /* among rows of equal key */
};

/* A directory that is open: chunks go into the innermost. */
struct open_dir {
	unsigned int rank;
	char *name;
};

struct rb_cutter {
	struct rb_chunk_sink sink;
	size_t key_columns;
	struct rb_segment *segment;
	struct rb_buf keys;
	struct row *rows;
	size_t row_count;
	size_t row_room;
	struct rb_buf last_key;
	uint64_t last_ordinal;
	bool has_last;
	struct open_dir dirs[RANK_MAX + 1]; /* outermost first: falling ranks */
	size_t dir_count;
	bool has_chunk;              /* one of this table was handed out */
	struct rb_value *key_values; /* key_columns, for names */
	size_t *positions;           /* 0, 1, 2, ... */
	struct rb_buf room;          /* scratch of names */
	struct rb_buf name;
};

static struct rb_segment *segment_new(void)
{
	struct rb_segment *segment = calloc(1, sizeof(*segment));

	if (!segment)
		return NULL;
	atomic_init(&segment->refs, 1);
	/* A segment may be full but for one byte when the longest row comes. */
	rb_buf_init(&segment->text, (size_t)1 << 30);
	return segment;
}

void rb_segment_unref(struct rb_segment *segment)
{
	if (!segment || atomic_fetch_sub(&segment->refs, 1) != 1)
		return;
	rb_buf_release(&segment->text);
	free(segment);
}

int rb_cutter_new(size_t key_columns, const struct rb_chunk_sink *sink, struct rb_cutter **out,
                  struct rb_err *err)
{
	struct rb_cutter *cutter = calloc(1, sizeof(*cutter));

	*out = NULL;
	if (!cutter)
		return rb_err_set(err, RB_E_NOMEM, "no memory to cut rows into chunks");
	cutter->sink = *sink;
	cutter->key_columns = key_columns;
	rb_buf_init(&cutter->keys, KEYS_MAX);
	rb_buf_init(&cutter->last_key, KEYS_MAX);
	rb_buf_init(&cutter->room, KEYS_MAX);
	rb_buf_init(&cutter->name, 4096);
	cutter->segment = segment_new();
	cutter->key_values = calloc(key_columns ? key_columns : 1, sizeof(*cutter->key_values));
	cutter->positions = calloc(key_columns ? key_columns : 1, sizeof(*cutter->positions));
	if (!cutter->segment || !cutter->key_values || !cutter->positions) {
		rb_cutter_free(cutter);
		return rb_err_set(err, RB_E_NOMEM, "no memory to cut rows into chunks");
	}
	for (size_t i = 0; i < key_columns; i++)
		cutter->positions[i] = i;
	*out = cutter;
	return RB_OK;
}

static void close_dirs(struct rb_cutter *cutter, unsigned int rank)
{
	while (cutter->dir_count > 0 && cutter->dirs[cutter->dir_count - 1].rank <= rank) {
		cutter->dir_count--;
		free(cutter->dirs[cutter->dir_count].name);
	}
}

void rb_cutter_free(struct rb_cutter *cutter)
{
	if (!cutter)
		return;
	close_dirs(cutter, RANK_MAX);
	rb_segment_unref(cutter->segment);
	rb_buf_release(&cutter->keys);
	rb_buf_release(&cutter->last_key);
	rb_buf_release(&cutter->room);
	rb_buf_release(&cutter->name);
	free(cutter->rows);
	free(cutter->key_values);
	free(cutter->positions);
	free(cutter);
}

struct rb_buf *rb_cutter_line(struct rb_cutter *cutter)
{
	return &cutter->segment->text;
}

static unsigned int rank_of(uint64_t hash)
{
	unsigned int zeros = 0;

	while (zeros < RANK_BITS * RANK_MAX && !(hash >> zeros & 1))
		zeros++;
	return zeros / RANK_BITS;
}

/*
 * The path of a chunk of this name; opens and closes directories as the rank of its first row
 * says.
 */
static int place(struct rb_cutter *cutter, const char *chunk_name, unsigned int rank, char **out,
                 struct rb_err *err)
{
	struct rb_buf path = RB_BUF(4096);
	int rc = RB_OK;

	/* The first chunk opens no directory: it may be the only one. */
	if (cutter->has_chunk && rank > 0) {
		char *name = strdup(chunk_name);

		if (!name)
			return rb_err_set(err, RB_E_NOMEM, "no memory for a chunk's name");
		close_dirs(cutter, rank);
		cutter->dirs[cutter->dir_count].rank = rank;
		cutter->dirs[cutter->dir_count++].name = name;
	}
	cutter->has_chunk = true;
	for (size_t i = 0; rc == RB_OK && i < cutter->dir_count; i++)
		rc = rb_buf_addf(&path, err, "%s/", cutter->dirs[i].name);
	if (rc == RB_OK)
		rc = rb_buf_addf(&path, err, "%s" SUFFIX, chunk_name);
	if (rc == RB_OK) {
		*out = rb_buf_detach(&path);
		if (!*out)
			rc = rb_err_set(err, RB_E_NOMEM, "no memory for a chunk's path");
	}
	rb_buf_release(&path);
	return rc;
}

/* The chunk's path, by its first row. */
static int make_path(struct rb_cutter *cutter, const struct row *first, char **out,
                     struct rb_err *err)
{
	int rc;

	rb_buf_clear(&cutter->name);
	rc = rb_key_decode(cutter->keys.data + first->key_at, first->key_len, cutter->key_values,
	                   cutter->key_columns, &cutter->room, err);
	if (rc == RB_OK)
		rc = rb_key_name(cutter->key_values, cutter->positions, cutter->key_columns,
		                 first->ordinal, &cutter->name, err);
	return rc < 0 ? rc
	              : place(cutter, rb_buf_str(&cutter->name), rank_of(first->hash), out, err);
}

static size_t text_end(const struct rb_cutter *cutter, size_t row, size_t end)
{
	return row < cutter->row_count ? cutter->rows[row].text_at : end;
}

/* h < len * 2^64 / mean, in integers that do not overflow. */
static bool begins_segment(uint64_t hash, size_t line_len)
{
	return line_len >= RB_SEGMENT_MEAN || hash / line_len < UINT64_MAX / RB_SEGMENT_MEAN;
}

/* Hand out rows [from, to) as one chunk; end is where the segment's text ends. */
static int emit(struct rb_cutter *cutter, size_t from, size_t to, size_t end, struct rb_err *err)
{
	const struct row *first = &cutter->rows[from];
	struct rb_chunk chunk = {0};
	int rc = make_path(cutter, first, &chunk.path, err);

	if (rc < 0)
		return rc;
	chunk.data = cutter->segment->text.data + first->text_at;
	chunk.len = text_end(cutter, to, end) - first->text_at;
	chunk.rows = to - from;
	chunk.segment = cutter->segment;
	chunk.rank = (unsigned char)rank_of(first->hash);
	chunk.begins_segment =
	        begins_segment(first->hash, text_end(cutter, from + 1, end) - first->text_at);
	atomic_fetch_add(&cutter->segment->refs, 1);
	return cutter->sink.put(cutter->sink.ctx, &chunk, err);
}

/* The row to cut [from, to) at: smallest hash, `margin` bytes left on either side; or from. */
static size_t find_cut(const struct rb_cutter *cutter, size_t from, size_t to, size_t end,
                       size_t margin)
{
	size_t first_byte = cutter->rows[from].text_at;
	size_t last_byte = text_end(cutter, to, end);
	size_t best = from;

	for (size_t i = from + 1; i < to; i++) {
		const struct row *row = &cutter->rows[i];

		if (row->text_at - first_byte < margin || last_byte - row->text_at < margin)
			continue;
		if (best == from || row->hash < cutter->rows[best].hash)
			best = i;
	}
	return best;
}

static int cut(struct rb_cutter *cutter, size_t from, size_t to, size_t end, struct rb_err *err)
{
	/* Recursion goes as deep as there are chunks in a segment at worst. */
	while (to - from > 1 &&
	       text_end(cutter, to, end) - cutter->rows[from].text_at > RB_CHUNK_MAX) {
		size_t at = find_cut(cutter, from, to, end, RB_CHUNK_MIN);
		int rc;

		if (at == from)
			at = find_cut(cutter, from, to, end, 0);
		rc = cut(cutter, from, at, end, err);
		if (rc < 0)
			return rc;
		from = at;
	}
	return emit(cutter, from, to, end, err);
}

/* Hand out the rows gathered; text from `end` on (a line not taken yet) goes on. */
static int flush(struct rb_cutter *cutter, size_t end, struct rb_err *err)
{
	struct rb_segment *next = segment_new();
	int rc;

	if (!next)
		return rb_err_set(err, RB_E_NOMEM, "no memory to cut rows into chunks");
	/* Most go on to this length: growing there step by step would copy them as often. */
	rc = rb_buf_reserve(&next->text, RB_SEGMENT_MEAN, err);
	if (rc == RB_OK)
		rc = rb_buf_add(&next->text, rb_buf_str(&cutter->segment->text) + end,
		                cutter->segment->text.len - end, err);
	if (rc == RB_OK && cutter->row_count > 0)
		rc = cut(cutter, 0, cutter->row_count, end, err);
	rb_segment_unref(cutter->segment);
	cutter->segment = next;
	cutter->row_count = 0;
	rb_buf_clear(&cutter->keys);
	return rc;
}

static int hash_with_ordinal(struct rb_cutter *cutter, const void *key, size_t key_len,
                             uint64_t *out, struct rb_err *err)
{
	unsigned char number[8];
	int rc;

	for (size_t i = 0; i < 8; i++)
		number[i] = (unsigned char)(cutter->last_ordinal >> (56 - 8 * i));
	rb_buf_clear(&cutter->room);
	rc = rb_buf_add(&cutter->room, key, key_len, err);
	if (rc == RB_OK)
		rc = rb_buf_add(&cutter->room, number, sizeof(number), err);
	if (rc == RB_OK)
		*out = rb_key_hash(cutter->room.data, cutter->room.len);
	return rc;
}

/* Compare with the row before: sets last_ordinal, refuses a wrong order. */
static int follow_key(struct rb_cutter *cutter, const void *key, size_t key_len, struct rb_err *err)
{
	int order = cutter->has_last ? rb_key_compare(cutter->last_key.data, cutter->last_key.len,
	                                              key, key_len)
	                             : -1;

	if (order > 0)
		return rb_err_set(err, RB_E_FORMAT, "rows do not come in the order of their keys");
	if (order == 0) {
		cutter->last_ordinal++;
		return RB_OK;
	}
	cutter->last_ordinal = 0;
	cutter->has_last = true;
	rb_buf_clear(&cutter->last_key);
	return rb_buf_add(&cutter->last_key, key, key_len, err);
}

static int grow_rows(struct rb_cutter *cutter, struct rb_err *err)
{
	size_t room = cutter->row_room ? cutter->row_room * 2 : 1024;
	struct row *grown;

	if (cutter->row_count < cutter->row_room)
		return RB_OK;
	grown = realloc(cutter->rows, room * sizeof(*grown));
	if (!grown)
		return rb_err_set(err, RB_E_NOMEM, "no memory to cut rows into chunks");
	cutter->rows = grown;
	cutter->row_room = room;
	return RB_OK;
}

int rb_cutter_row(struct rb_cutter *cutter, const void *key, size_t key_len, struct rb_err *err)
{
	size_t start = cutter->row_count > 0 ? cutter->rows[cutter->row_count].text_at : 0;
	size_t line_len = cutter->segment->text.len - start;
	struct row *row;
	uint64_t hash = 0;
	int rc;

	rc = follow_key(cutter, key, key_len, err);
	if (rc < 0)
		return rc;
	if (cutter->last_ordinal > 0)
		rc = hash_with_ordinal(cutter, key, key_len, &hash, err);
	else
		hash = rb_key_hash(key, key_len);
	if (rc < 0)
		return rc;

	if (cutter->row_count > 0 && (begins_segment(hash, line_len) || start >= RB_SEGMENT_MAX)) {
		rc = flush(cutter, start, err);
		if (rc < 0)
			return rc;
		start = 0;
	}
	rc = grow_rows(cutter, err);
	if (rc < 0)
		return rc;
	row = &cutter->rows[cutter->row_count];
	row->hash = hash;
	row->text_at = start;
	row->key_at = cutter->keys.len;
	row->key_len = key_len;
	row->ordinal = cutter->last_ordinal;
	rc = rb_buf_add(&cutter->keys, key, key_len, err);
	if (rc < 0)
		return rc;
	cutter->row_count++;
	/* Where the next line begins is kept in the slot after the last row. */
	rc = grow_rows(cutter, err);
	if (rc == RB_OK)
		cutter->rows[cutter->row_count].text_at = cutter->segment->text.len;
	return rc;
}

int rb_cutter_pass(struct rb_cutter *cutter, const struct rb_chunk_known *chunk, char **path,
                   struct rb_err *err)
{
	size_t len = strlen(chunk->name);
	size_t suffix = sizeof(SUFFIX) - 1;
	char name[RB_KEY_NAME_MAX + 1];
	int rc;

	if (len <= suffix || len - suffix > RB_KEY_NAME_MAX || chunk->rank > RANK_MAX ||
	    strcmp(chunk->name + len - suffix, SUFFIX) != 0)
		return rb_err_set(err, RB_E_FORMAT, "'%.100s' is no chunk's name", chunk->name);
	rc = cutter->row_count > 0 ? flush(cutter, cutter->segment->text.len, err) : RB_OK;
	if (rc < 0)
		return rc;
	memcpy(name, chunk->name, len - suffix);
	name[len - suffix] = '\0';
	cutter->has_last = false;
	cutter->last_ordinal = 0;
	return place(cutter, name, chunk->rank, path, err);
}

int rb_cutter_finish(struct rb_cutter *cutter, struct rb_err *err)
{
	int rc = flush(cutter, cutter->segment->text.len, err);

	close_dirs(cutter, RANK_MAX);
	cutter->has_chunk = false;
	cutter->has_last = false;
	cutter->last_ordinal = 0;
	rb_buf_clear(&cutter->last_key);
	return rc;
}
