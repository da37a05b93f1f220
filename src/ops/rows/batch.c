/*
 * See batch_priv.h.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "batch_priv.h"

#define BATCHES 6 /* one being read, one being written, and some between them */
#define BATCH_ROWS 1024
#define BATCH_VALUES 65536            /* so that a table of many columns has fewer rows in one */
#define BATCH_BYTES ((size_t)1 << 20) /* a batch ends when its rows hold more than this */
#define ARENA_MAX ((size_t)1 << 31)   /* a single row may be longer */

/* Rows with bytes of their own: what they were parsed from is gone by then. */
struct batch {
	struct rb_value *values; /* rows_max * width */
	struct rb_buf bytes;
	size_t rows;
	int rc; /* of reading it: 1 there are rows; 0 the end; negative a failure */
	struct rb_err err;
	bool ready;
};

struct rb_batches {
	struct rb_rows *rows;
	size_t width;
	size_t rows_max; /* rows in a batch */
	struct batch batches[BATCHES];
	size_t next; /* the batch to give next */
	bool given;  /* the one before it is still in use */
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool stop;
	bool started;
};

static bool has_bytes(const struct rb_value *value)
{
	return value->kind == RB_VALUE_NUMBER || value->kind == RB_VALUE_TEXT ||
	       value->kind == RB_VALUE_TEXT_RAW || value->kind == RB_VALUE_BLOB;
}

/* Copy a row; bytes are kept as offsets until the batch is whole, since the buffer moves. */
static int add_row(struct batch *batch, const struct rb_value *values, size_t width,
                   struct rb_err *err)
{
	struct rb_value *to = batch->values + batch->rows * width;

	memcpy(to, values, width * sizeof(*to));
	for (size_t i = 0; i < width; i++) {
		size_t at = batch->bytes.len;
		int rc;

		if (!has_bytes(&values[i]))
			continue;
		rc = rb_buf_add(&batch->bytes, values[i].u.bytes.data, values[i].u.bytes.len, err);
		if (rc < 0)
			return rc;
		/* An offset in the place of a pointer; place_bytes() turns it into one. */
		to[i].u.bytes.data = (const char *)(uintptr_t)at;
	}
	batch->rows++;
	return RB_OK;
}

static void place_bytes(struct batch *batch, size_t width)
{
	const char *base = rb_buf_str(&batch->bytes);

	for (size_t i = 0; i < batch->rows * width; i++) {
		if (has_bytes(&batch->values[i]))
			batch->values[i].u.bytes.data =
			        base + (uintptr_t)batch->values[i].u.bytes.data;
	}
}

static int fill(struct rb_batches *batches, struct batch *batch)
{
	int rc = 1;

	batch->rows = 0;
	rb_buf_clear(&batch->bytes);
	while (batch->rows < batches->rows_max && batch->bytes.len < BATCH_BYTES) {
		struct rb_row row;

		rc = rb_rows_next(batches->rows, &row, &batch->err);
		if (rc <= 0)
			break;
		rc = rb_rows_parse(batches->rows, &row, &batch->err);
		if (rc == RB_OK)
			rc = add_row(batch, row.values, batches->width, &batch->err);
		if (rc < 0)
			break;
		rc = 1;
	}
	place_bytes(batch, batches->width);
	/* What was read before the end is given first; the end comes with the next batch. */
	return rc == 0 && batch->rows > 0 ? 1 : rc;
}

static void *run(void *arg)
{
	struct rb_batches *batches = arg;
	int rc = 1;

	for (size_t i = 0; rc > 0; i++) {
		struct batch *batch = &batches->batches[i % BATCHES];
		bool stop;

		pthread_mutex_lock(&batches->mutex);
		while (!batches->stop && batch->ready)
			pthread_cond_wait(&batches->changed, &batches->mutex);
		stop = batches->stop;
		pthread_mutex_unlock(&batches->mutex);
		if (stop)
			break;
		rc = fill(batches, batch);
		pthread_mutex_lock(&batches->mutex);
		batch->rc = rc;
		batch->ready = true;
		pthread_cond_broadcast(&batches->changed);
		pthread_mutex_unlock(&batches->mutex);
	}
	return NULL;
}

static int start(struct rb_batches *batches, struct rb_err *err)
{
	pthread_mutex_init(&batches->mutex, NULL);
	pthread_cond_init(&batches->changed, NULL);
	batches->started = true;
	if (pthread_create(&batches->thread, NULL, run, batches) == 0)
		return RB_OK;
	batches->started = false;
	pthread_cond_destroy(&batches->changed);
	pthread_mutex_destroy(&batches->mutex);
	return rb_err_set(err, RB_E_NOMEM, "cannot start a thread to read rows");
}

int rb_batches_open(const struct rb_rows_opts *opts, struct rb_batches **out, struct rb_err *err)
{
	const struct rb_table *table = &opts->snapshot->catalog->tables[opts->table];
	struct rb_batches *batches = calloc(1, sizeof(*batches));
	size_t *stored = calloc(table->column_count + 1, sizeof(*stored));
	int rc = RB_OK;

	*out = NULL;
	if (!batches || !stored) {
		rc = rb_err_set(err, RB_E_NOMEM, "no memory to read rows");
		goto out;
	}
	batches->width = rb_table_stored_columns(table, stored);
	batches->rows_max = BATCH_VALUES / (batches->width + 1) + 1;
	if (batches->rows_max > BATCH_ROWS)
		batches->rows_max = BATCH_ROWS;
	for (size_t i = 0; rc == RB_OK && i < BATCHES; i++) {
		rb_buf_init(&batches->batches[i].bytes, ARENA_MAX);
		batches->batches[i].values =
		        calloc(batches->rows_max * batches->width + 1, sizeof(struct rb_value));
		if (!batches->batches[i].values)
			rc = rb_err_set(err, RB_E_NOMEM, "no memory to read rows");
	}
	if (rc == RB_OK)
		rc = rb_rows_open(opts, &batches->rows, err);
	if (rc == RB_OK)
		rc = start(batches, err);

out:
	free(stored);
	if (rc < 0) {
		rb_batches_close(batches);
		return rc;
	}
	*out = batches;
	return RB_OK;
}

size_t rb_batches_width(const struct rb_batches *batches)
{
	return batches->width;
}

int rb_batches_next(struct rb_batches *batches, const struct rb_value **values, size_t *rows,
                    struct rb_err *err)
{
	struct batch *batch = &batches->batches[batches->next % BATCHES];

	pthread_mutex_lock(&batches->mutex);
	if (batches->given) {
		batches->batches[(batches->next - 1) % BATCHES].ready = false;
		pthread_cond_broadcast(&batches->changed);
	}
	while (!batch->ready)
		pthread_cond_wait(&batches->changed, &batches->mutex);
	pthread_mutex_unlock(&batches->mutex);
	if (batch->rc < 0 && err)
		*err = batch->err;
	if (batch->rc <= 0) {
		batches->given = false; /* asked again, it says the same */
		return batch->rc;
	}
	batches->given = true;
	batches->next++;
	*values = batch->values;
	*rows = batch->rows;
	return 1;
}

void rb_batches_close(struct rb_batches *batches)
{
	if (!batches)
		return;
	if (batches->started) {
		pthread_mutex_lock(&batches->mutex);
		batches->stop = true;
		pthread_cond_broadcast(&batches->changed);
		pthread_mutex_unlock(&batches->mutex);
		pthread_join(batches->thread, NULL);
		pthread_cond_destroy(&batches->changed);
		pthread_mutex_destroy(&batches->mutex);
	}
	rb_rows_close(batches->rows);
	for (size_t i = 0; i < BATCHES; i++) {
		free(batches->batches[i].values);
		rb_buf_release(&batches->batches[i].bytes);
	}
	free(batches);
}
