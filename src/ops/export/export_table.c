/*
 * See export_priv.h: one table's rows into chunks.
 */
#include <stdlib.h>
#include <string.h>

#include "rowback/base/cancel.h"
#include "rowback/base/log.h"
#include "rowback/ops/layout.h"
#include "rowback/value/key.h"
#include "export_priv.h"

#define PATH_MAX_BYTES 4096
#define LOOK_ROWS 4096 /* rows between looks at the clock and at signals */

/* A chunk on its way through the queue. */
struct job {
	struct rb_chunk chunk;
	struct rb_export_table *table;
	struct rb_export_chunk *waiting; /* the table's */
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
static int await(struct rb_export_reader *reader, const char *path, struct rb_export_chunk **out,
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

/* No digests are made of this table after all. */
static void give_up_digests(struct rb_export_reader *reader, const char *why)
{
	rb_log(RB_LOG_DEBUG, "no digests of table '%s': %s", reader->table->name, why);
	rb_table_digests_free(reader->out->digests);
	reader->out->digests = NULL;
	rb_grouper_free(reader->grouper);
	reader->grouper = NULL;
}

static int note_chunk(struct rb_export_reader *reader, const struct rb_chunk_note *note,
                      struct rb_err *err)
{
	return reader->out->digests ? rb_table_digests_chunk(reader->out->digests, note, err)
	                            : RB_OK;
}

/* The cutter's sink: give the chunk its place, then its work to the queue. */
static int take_chunk(void *ctx, struct rb_chunk *chunk, struct rb_err *err)
{
	struct rb_export_reader *reader = ctx;
	struct job *job = calloc(1, sizeof(*job));
	struct rb_chunk_note note = {.path_hash = rb_key_hash(chunk->path, strlen(chunk->path)),
	                             .rows = (uint32_t)chunk->rows,
	                             .rank = chunk->rank,
	                             .begins_segment = chunk->begins_segment};
	int rc;

	if (!job) {
		rb_segment_unref(chunk->segment);
		free(chunk->path);
		return no_memory(err);
	}
	job->chunk = *chunk;
	job->table = reader->out;
	rc = note_chunk(reader, &note, err);
	if (rc == RB_OK)
		rc = await(reader, chunk->path, &job->waiting, err);
	if (rc < 0) {
		rb_export_drop_job(NULL, job);
		return rc;
	}
	return rb_pool_put_as(reader->shared->pool, reader->slot, job, err);
}

static int store_parts(struct rb_export_reader *reader, const char *sha256_hex, const char *data,
                       size_t len, struct rb_err *err)
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
	struct rb_export_reader *reader = ctx;
	int rc = rb_sha256_hex(data, len, sha256_hex, err);

	if (rc < 0 || rb_map_get(reader->blobs, sha256_hex, 64))
		return rc;
	rc = store_parts(reader, sha256_hex, data, len, err);
	return rc < 0 ? rc : rb_map_put(reader->blobs, sha256_hex, 64, NULL, err);
}

static int look_around(struct rb_export_reader *reader, struct rb_err *err)
{
	struct rb_export_shared *shared = reader->shared;
	unsigned long long rows = atomic_fetch_add(&shared->rows, reader->rows_since_look);

	if (reader->slot == 0)
		rb_log_progress("%s: %llu rows, %llu MB", shared->opts->name,
		                rows + reader->rows_since_look,
		                (unsigned long long)atomic_load(&shared->bytes) / 1000000);
	atomic_fetch_add(&shared->bytes, reader->bytes_since_look);
	reader->rows_since_look = 0;
	reader->bytes_since_look = 0;
	if (atomic_load(&shared->stop))
		return rb_err_set(err, RB_E_CANCELLED, "another table failed");
	return rb_cancel_check(err);
}

/* Take the line that was written into the cutter. */
static int take_line(struct rb_export_reader *reader, const struct rb_value *values,
                     struct rb_err *err)
{
	int rc;

	rb_buf_clear(&reader->key);
	rc = rb_key_of_row(values, reader->key_positions, reader->table->key_count, &reader->key,
	                   err);
	if (rc < 0)
		return rc;
	reader->out->row_count++;
	return rb_cutter_row(reader->cutter, reader->key.data, reader->key.len, err);
}

static int count_row(struct rb_export_reader *reader, struct rb_err *err)
{
	return ++reader->rows_since_look >= LOOK_ROWS ? look_around(reader, err) : RB_OK;
}

int rb_export_reader_row(void *ctx, const struct rb_value *values, struct rb_err *err)
{
	struct rb_export_reader *reader = ctx;
	struct rb_buf *line = rb_cutter_line(reader->cutter);
	size_t before = line->len;
	int rc = count_row(reader, err);

	if (rc == RB_OK)
		rc = rb_rowwriter_add(reader->writer, values, line, err);
	if (rc < 0)
		return rc;
	reader->out->bytes += line->len - before;
	reader->bytes_since_look += line->len - before;
	return take_line(reader, values, err);
}

int rb_export_reader_line(struct rb_export_reader *reader, const char *line, size_t len,
                          const struct rb_value *values, struct rb_err *err)
{
	struct rb_buf *to = rb_cutter_line(reader->cutter);
	int rc = count_row(reader, err);

	if (rc == RB_OK)
		rc = rb_buf_add(to, line, len, err);
	if (rc == RB_OK)
		rc = rb_buf_add(to, "\n", 1, err);
	return rc < 0 ? rc : take_line(reader, values, err);
}

int rb_export_reader_text(void *ctx, const char *text, size_t len, struct rb_err *err)
{
	struct rb_export_reader *reader = ctx;
	struct rb_err why = {0};
	int rc;

	if (!reader->grouper)
		return RB_OK;
	rc = rb_grouper_row(reader->grouper, text, len, &reader->out->digests->groups, &why);
	if (rc != RB_E_LIMIT) {
		if (rc < 0 && err)
			*err = why;
		return rc;
	}
	give_up_digests(reader, why.msg);
	return RB_OK;
}

int rb_export_reader_pass(struct rb_export_reader *reader, const struct rb_chunk_known *chunk,
                          const struct rb_chunk_note *note, const struct rb_oid *oid,
                          struct rb_err *err)
{
	struct rb_export_shared *shared = reader->shared;
	struct rb_chunk_note moved = *note;
	struct rb_export_chunk *waiting = NULL;
	char *path = NULL;
	int rc = rb_cutter_pass(reader->cutter, chunk, &path, err);

	if (rc < 0)
		return rc;
	reader->out->row_count += note->rows;
	reader->rows_since_look += note->rows;
	moved.path_hash = rb_key_hash(path, strlen(path));
	rc = note_chunk(reader, &moved, err);
	if (rc == RB_OK)
		rc = await(reader, path, &waiting, err);
	free(path);
	if (rc == RB_OK)
		rc = rb_worktree_put_object(shared->opts->worktree, waiting->path, oid, err);
	if (rc == RB_OK) {
		pthread_mutex_lock(&shared->lock);
		waiting->oid = *oid;
		waiting->is_stored = true;
		rc = take_stored(shared, reader->slot, reader->out, err);
		pthread_mutex_unlock(&shared->lock);
	}
	return rc == RB_OK ? look_around(reader, err) : rc;
}

/* Whether digests are made of this table. */
static bool wants_digests(const struct rb_export_reader *reader)
{
	const struct rb_export_opts *opts = reader->shared->opts;

	return opts->reuse && opts->source->adapter->source_groups &&
	       reader->table->kind == RB_TABLE_PLAIN;
}

int rb_export_reader_begin(struct rb_export_reader *reader, struct rb_err *err)
{
	const struct rb_chunk_sink chunks = {.put = take_chunk, .ctx = reader};
	int rc;

	rb_buf_init(&reader->key, (size_t)1 << 30);
	reader->blob_sink = (struct rb_blob_sink){.put = take_blob, .ctx = reader};
	reader->key_positions =
	        calloc(reader->table->key_count + 1, sizeof(*reader->key_positions));
	if (!reader->key_positions)
		return no_memory(err);
	rb_table_key_positions(reader->table, reader->key_positions);
	rc = rb_rowwriter_new(reader->table, &reader->blob_sink, &reader->writer, err);
	if (rc == RB_OK)
		rc = rb_cutter_new(reader->table->key_count, &chunks, &reader->cutter, err);
	if (rc == RB_OK)
		rc = rb_map_new(0, &reader->blobs, err);
	if (rc == RB_OK)
		rc = rb_tree_builder_new(&reader->out->files, err);
	if (rc < 0 || !wants_digests(reader))
		return rc;
	reader->out->digests = rb_table_digests_new();
	return reader->out->digests ? rb_grouper_new(&reader->grouper, err) : no_memory(err);
}

int rb_export_reader_end(struct rb_export_reader *reader, struct rb_err *err)
{
	struct rb_err why = {0};
	int rc = rb_cutter_finish(reader->cutter, err);

	if (rc < 0 || !reader->grouper)
		return rc;
	if (rb_grouper_cut(reader->grouper, &reader->out->digests->groups, &why) < 0)
		give_up_digests(reader, why.msg);
	return RB_OK;
}

void rb_export_reader_release(struct rb_export_reader *reader)
{
	rb_rowwriter_free(reader->writer);
	rb_cutter_free(reader->cutter);
	rb_map_free(reader->blobs);
	free(reader->key_positions);
	rb_buf_release(&reader->key);
	rb_grouper_free(reader->grouper);
}

int rb_export_read_table(struct rb_export_shared *shared, struct rb_source *source,
                         unsigned int slot, const struct rb_table *table, const char *path,
                         struct rb_export_table *out, struct rb_err *err)
{
	struct rb_export_reader reader = {
	        .shared = shared, .slot = slot, .table = table, .table_path = path, .out = out};
	struct rb_row_sink rows = {.row = rb_export_reader_row, .ctx = &reader};
	int rc = rb_export_reader_begin(&reader, err);

	if (reader.grouper)
		rows.text = rb_export_reader_text;
	if (rc == RB_OK)
		rc = source->adapter->source_read(source, table, &rows, err);
	if (rc == RB_OK)
		rc = rb_export_reader_end(&reader, err);
	rb_export_reader_release(&reader);
	return rc;
}
