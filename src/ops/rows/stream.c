/*
 * See stream_priv.h.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "stream_priv.h"

#define AHEAD 16                            /* chunks read before they are asked for: under 1 MB */
#define WAKE (AHEAD / 2)                    /* the reader is not woken for each that was used */
#define CHUNK_BYTES_MAX ((size_t)128 << 20) /* a row of RB_ROW_MAX and its neighbours */

struct slot {
	struct rb_buf text;
	int rc;
	struct rb_err err;
	bool ready;
};

struct rb_stream {
	struct rb_repo *repo;
	const struct rb_chunk_list *list;
	bool verify;
	bool threaded;
	size_t next; /* the chunk to give next */
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool stop;
	size_t freed; /* chunks given and not needed any more */
	struct slot slots[AHEAD];
};

static int read_chunk(struct rb_stream *stream, size_t index, struct slot *slot)
{
	const struct rb_oid *oid = &stream->list->oids[index];

	rb_buf_clear(&slot->text);
	if (stream->verify)
		return rb_repo_read_verified(stream->repo, oid, RB_OBJECT_BLOB, &slot->text,
		                             &slot->err);
	return rb_repo_read(stream->repo, oid, RB_OBJECT_BLOB, &slot->text, &slot->err);
}

static void *read_ahead(void *arg)
{
	struct rb_stream *stream = arg;

	for (size_t i = 0; i < stream->list->count; i++) {
		struct slot *slot = &stream->slots[i % AHEAD];
		bool stop;
		int rc;

		pthread_mutex_lock(&stream->mutex);
		while (!stream->stop && i >= stream->freed + AHEAD)
			pthread_cond_wait(&stream->changed, &stream->mutex);
		stop = stream->stop;
		pthread_mutex_unlock(&stream->mutex);
		if (stop)
			break;
		rc = read_chunk(stream, i, slot);
		pthread_mutex_lock(&stream->mutex);
		slot->rc = rc;
		slot->ready = true;
		pthread_cond_broadcast(&stream->changed);
		pthread_mutex_unlock(&stream->mutex);
		if (rc < 0)
			break;
	}
	return NULL;
}

int rb_stream_open(struct rb_repo *repo, const struct rb_chunk_list *list, bool verify,
                   bool threaded, struct rb_stream **out, struct rb_err *err)
{
	struct rb_stream *stream = calloc(1, sizeof(*stream));

	*out = NULL;
	if (!stream)
		return rb_err_set(err, RB_E_NOMEM, "no memory to read rows");
	stream->repo = repo;
	stream->list = list;
	stream->verify = verify;
	for (size_t i = 0; i < AHEAD; i++)
		rb_buf_init(&stream->slots[i].text, CHUNK_BYTES_MAX);
	if (threaded && list->count > 1) {
		pthread_mutex_init(&stream->mutex, NULL);
		pthread_cond_init(&stream->changed, NULL);
		if (pthread_create(&stream->thread, NULL, read_ahead, stream) != 0) {
			pthread_cond_destroy(&stream->changed);
			pthread_mutex_destroy(&stream->mutex);
			free(stream);
			return rb_err_set(err, RB_E_NOMEM, "cannot start a thread to read rows");
		}
		stream->threaded = true;
	}
	*out = stream;
	return RB_OK;
}

static struct slot *wait_for(struct rb_stream *stream, size_t index)
{
	struct slot *slot = &stream->slots[index % AHEAD];

	pthread_mutex_lock(&stream->mutex);
	stream->freed = index;
	if (index > 0)
		stream->slots[(index - 1) % AHEAD].ready = false;
	/* All of AHEAD may be ready now: a multiple of WAKE comes before they are used up. */
	if (index % WAKE == 0)
		pthread_cond_broadcast(&stream->changed);
	while (!slot->ready)
		pthread_cond_wait(&stream->changed, &stream->mutex);
	pthread_mutex_unlock(&stream->mutex);
	return slot;
}

int rb_stream_next(struct rb_stream *stream, const struct rb_buf **text, const char **path,
                   struct rb_err *err)
{
	size_t index = stream->next;
	struct slot *slot;

	if (index == stream->list->count)
		return 0;
	stream->next++;
	if (stream->threaded) {
		slot = wait_for(stream, index);
	} else {
		slot = &stream->slots[0];
		slot->rc = read_chunk(stream, index, slot);
	}
	*path = stream->list->paths[index];
	if (slot->rc < 0) {
		if (err)
			*err = slot->err;
		return rb_err_wrap(err, slot->rc, "rows/%s", *path);
	}
	*text = &slot->text;
	return 1;
}

void rb_stream_close(struct rb_stream *stream)
{
	if (!stream)
		return;
	if (stream->threaded) {
		pthread_mutex_lock(&stream->mutex);
		stream->stop = true;
		pthread_cond_broadcast(&stream->changed);
		pthread_mutex_unlock(&stream->mutex);
		pthread_join(stream->thread, NULL);
		pthread_cond_destroy(&stream->changed);
		pthread_mutex_destroy(&stream->mutex);
	}
	for (size_t i = 0; i < AHEAD; i++)
		rb_buf_release(&stream->slots[i].text);
	free(stream);
}
