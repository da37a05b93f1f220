/*
 * See export_priv.h: one table's rows into chunks.
 */
#include <stdlib.h>
#include <string.h>

#include "rowback/base/cancel.h"
#include "rowback/base/log.h"
#include "rowback/base/map.h"
#include "rowback/format/chunk.h"
#include "rowback/ops/layout.h"
#include "rowback/value/key.h"
#include "rowback/value/rowwriter.h"
#include "export_priv.h"

#define PATH_MAX_BYTES 4096
#define LOOK_ROWS 4096 /* rows between looks at the clock and at signals */

/* A chunk on its way through the queue. */
struct job {
	struct rb_chunk chunk;
	struct rb_export_table *table;
	struct rb_export_chunk *waiting; /* the table's */
};

/* The table being read. */
struct reader {
	struct rb_export_shared *shared;
	unsigned int slot;
	const struct rb_table *table;
	const char *table_path;
	struct rb_export_table *out;
	struct rb_rowwriter *writer;
	struct rb_cutter *cutter;
	struct rb_map *blobs; /* long values that are written already */
	size_t *key_positions;
	struct rb_buf key;
	uint64_t rows_since_look;
};

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory for an export");
}

void rb_export_drop_job(void *ctx, void *arg)
{
	struct job *job = arg;

	(void)ctx;
	rb_segment_unref(job->chunk.segment);
	free(job->chunk.path);
	free(job);
}

/* Give all chunks to the tree that have none before them to wait for; with the lock held. */
static int take_stored(const struct rb_export_shared *shared, unsigned int slot,
                       struct rb_export_table *table, struct rb_err *err)
{
	int rc = RB_OK;

	if (!table->rows)
		rc = rb_tree_stream_new(shared->opts->pack, &table->rows, err);
	while (rc == RB_OK && table->first && table->first->is_stored) {
		struct rb_export_chunk *chunk = table->first;

		rc = rb_tree_stream_add(table->rows, slot, chunk->path + chunk->below_rows,
		                        RB_MODE_FILE, &chunk->oid, err);
		table->first = chunk->next;
		free(chunk->path);
		free(chunk);
	}
	return rc;
}

int rb_export_run_job(void *ctx, unsigned int worker, void *arg, struct rb_err *err)
{
	struct rb_export_shared *shared = ctx;
	struct job *job = arg;
	const struct rb_bytes content = {.data = job->chunk.data, .len = job->chunk.len};
	struct rb_oid oid;
	int rc = rb_export_store(shared->opts, worker, job->waiting->path, &content, &oid, err);

	if (rc == RB_OK) {
		pthread_mutex_lock(&shared->lock);
		job->waiting->oid = oid;
		job->waiting->is_stored = true;
		rc = take_stored(shared, worker, job->table, err);
		pthread_mutex_unlock(&shared->lock);
	}
	rb_export_drop_job(ctx, job);
	return rc;
}

/* Let a chunk wait for its place in the table's tree. */
static int await(struct reader *reader, const char *path, struct rb_export_chunk **out,
                 struct rb_err *err)
{
	const struct rb_export_place place = {.dir = reader->table_path, .path = "rows/"};
	struct rb_export_chunk *chunk = calloc(1, sizeof(*chunk));
	struct rb_export_table *table = reader->out;
	struct rb_buf full = RB_BUF(PATH_MAX_BYTES);
	size_t below;
	int rc;

	if (!chunk)
		return no_memory(err);
	rc = rb_export_path(reader->shared->opts, &place, &full, &below, err);
	chunk->below_rows = full.len;
	if (rc == RB_OK)
		rc = rb_buf_adds(&full, path, err);
	chunk->path = rc == RB_OK ? rb_buf_detach(&full) : NULL;
	rb_buf_release(&full);
	if (!chunk->path) {
		free(chunk);
		return rc < 0 ? rc : no_memory(err);
	}
	pthread_mutex_lock(&reader->shared->lock);
	if (table->first)
		table->last->next = chunk;
	else
		table->first = chunk;
	table->last = chunk;
	pthread_mutex_unlock(&reader->shared->lock);
	*out = chunk;
	return RB_OK;
}

/* The cutter's sink: give the chunk its place, then its work to the queue. */
static int take_chunk(void *ctx, struct rb_chunk *chunk, struct rb_err *err)
{
	struct reader *reader = ctx;
	struct job *job = calloc(1, sizeof(*job));
	int rc;

	if (!job) {
		rb_segment_unref(chunk->segment);
		free(chunk->path);
		return no_memory(err);
	}
	job->chunk = *chunk;
	job->table = reader->out;
	reader->out->bytes += chunk->len;
	atomic_fetch_add(&reader->shared->bytes, chunk->len);
	rc = await(reader, chunk->path, &job->waiting, err);
	if (rc < 0) {
		rb_export_drop_job(NULL, job);
		return rc;
	}
	return rb_pool_put_as(reader->shared->pool, reader->slot, job, err);
}

static int store_parts(struct reader *reader, const char *sha256_hex, const char *data, size_t len,
                       struct rb_err *err)
{
	size_t parts = rb_layout_blob_parts(len);
	struct rb_buf path = RB_BUF(PATH_MAX_BYTES);
	int rc = RB_OK;

	for (size_t part = 0; rc == RB_OK && part < parts; part++) {
		struct rb_export_place place = {.dir = reader->table_path};
		size_t from = part * RB_PART_MAX;
		struct rb_bytes content = {.data = data + from, .len = len - from};

		if (content.len > RB_PART_MAX)
			content.len = RB_PART_MAX;
		rb_buf_clear(&path);
		rc = rb_layout_blob_path(sha256_hex, len, part, &path, err);
		place.path = rb_buf_str(&path);
		if (rc == RB_OK)
			rc = rb_export_add(reader->shared->opts, reader->slot, &place, &content,
			                   reader->out->files, err);
	}
	rb_buf_release(&path);
	return rc;
}

/* The row writer's sink, in the reader's thread and so in its slot. */
static int take_blob(void *ctx, const void *data, size_t len, char sha256_hex[65],
                     struct rb_err *err)
{
	struct reader *reader = ctx;
	int rc = rb_sha256_hex(data, len, sha256_hex, err);

	if (rc < 0 || rb_map_get(reader->blobs, sha256_hex, 64))
		return rc;
	rc = store_parts(reader, sha256_hex, data, len, err);
	return rc < 0 ? rc : rb_map_put(reader->blobs, sha256_hex, 64, NULL, err);
}

static int look_around(struct reader *reader, struct rb_err *err)
{
	struct rb_export_shared *shared = reader->shared;
	unsigned long long rows = atomic_fetch_add(&shared->rows, reader->rows_since_look);

	if (reader->slot == 0)
		rb_log_progress("%s: %llu rows, %llu MB", shared->opts->name,
		                rows + reader->rows_since_look,
		                (unsigned long long)atomic_load(&shared->bytes) / 1000000);
	reader->rows_since_look = 0;
	if (atomic_load(&shared->stop))
		return rb_err_set(err, RB_E_CANCELLED, "another table failed");
	return rb_cancel_check(err);
}

/* The adapter's sink: one row. */
static int take_row(void *ctx, const struct rb_value *values, struct rb_err *err)
{
	struct reader *reader = ctx;
	int rc;

	if (++reader->rows_since_look >= LOOK_ROWS) {
		rc = look_around(reader, err);
		if (rc < 0)
			return rc;
	}
	rc = rb_rowwriter_add(reader->writer, values, rb_cutter_line(reader->cutter), err);
	if (rc < 0)
		return rc;
	rb_buf_clear(&reader->key);
	rc = rb_key_of_row(values, reader->key_positions, reader->table->key_count, &reader->key,
	                   err);
	if (rc < 0)
		return rc;
	reader->out->row_count++;
	return rb_cutter_row(reader->cutter, reader->key.data, reader->key.len, err);
}

static int begin(struct reader *reader, const struct rb_blob_sink *blobs, struct rb_err *err)
{
	const struct rb_chunk_sink chunks = {.put = take_chunk, .ctx = reader};
	int rc;

	reader->key_positions =
	        calloc(reader->table->key_count + 1, sizeof(*reader->key_positions));
	if (!reader->key_positions)
		return no_memory(err);
	rb_table_key_positions(reader->table, reader->key_positions);
	rc = rb_rowwriter_new(reader->table, blobs, &reader->writer, err);
	if (rc == RB_OK)
		rc = rb_cutter_new(reader->table->key_count, &chunks, &reader->cutter, err);
	if (rc == RB_OK)
		rc = rb_map_new(0, &reader->blobs, err);
	if (rc == RB_OK)
		rc = rb_tree_builder_new(&reader->out->files, err);
	return rc;
}

int rb_export_read_table(struct rb_export_shared *shared, struct rb_source *source,
                         unsigned int slot, const struct rb_table *table, const char *path,
                         struct rb_export_table *out, struct rb_err *err)
{
	struct reader reader = {
	        .shared = shared, .slot = slot, .table = table, .table_path = path, .out = out};
	const struct rb_blob_sink blobs = {.put = take_blob, .ctx = &reader};
	const struct rb_row_sink rows = {.row = take_row, .ctx = &reader};
	int rc;

	rb_buf_init(&reader.key, (size_t)1 << 30);
	rc = begin(&reader, &blobs, err);
	if (rc == RB_OK)
		rc = source->adapter->source_read(source, table, &rows, err);
	if (rc == RB_OK)
		rc = rb_cutter_finish(reader.cutter, err);
	rb_rowwriter_free(reader.writer);
	rb_cutter_free(reader.cutter);
	rb_map_free(reader.blobs);
	free(reader.key_positions);
	rb_buf_release(&reader.key);
	return rc;
}
