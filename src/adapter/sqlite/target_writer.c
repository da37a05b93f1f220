/*
 * See target_priv.h: a file's bytes on their way to the file, in a thread of their own.
 *
 * One stretch at a time is written while the next one is gathered.  The system is told to bring
 * to the disk what was written, every now and then: there is little left to wait for when the
 * file is synced.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "rowback/base/fs.h"
#include "rowback/base/thread.h"
#include "target_priv.h"

#define WRITE_OUT_BYTES ((sqlite3_int64)16 << 20) /* between two hints to the system */

struct rb_sqlite_writer {
	int fd;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct rb_sqlite_stretch stretch; /* the thread's while is_busy */
	bool is_busy;                     /* it holds bytes that are not in the file yet */
	bool is_closing;
	int code;              /* SQLITE_OK, or what the first failure was: it stays */
	sqlite3_int64 not_out; /* bytes written since the last hint; the thread's */
};

/* What SQLite calls a failure to write. */
static int code_of(int errnum)
{
	return errnum == ENOSPC || errnum == EDQUOT ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int write_stretch(struct rb_sqlite_writer *writer)
{
	const struct rb_sqlite_stretch *stretch = &writer->stretch;
	size_t done = 0;

	while (done < stretch->len) {
		ssize_t put = pwrite(writer->fd, stretch->bytes + done, stretch->len - done,
		                     (off_t)stretch->at + (off_t)done);

		if (put < 0 && errno != EINTR)
			return code_of(errno);
		if (put > 0)
			done += (size_t)put;
	}
	writer->not_out += (sqlite3_int64)stretch->len;
	if (writer->not_out >= WRITE_OUT_BYTES) {
		rb_fs_start_writing(writer->fd);
		writer->not_out = 0;
	}
	return SQLITE_OK;
}

static void *run(void *arg)
{
	struct rb_sqlite_writer *writer = arg;

	pthread_mutex_lock(&writer->lock);
	for (;;) {
		int code;

		while (!writer->is_busy && !writer->is_closing)
			pthread_cond_wait(&writer->changed, &writer->lock);
		if (!writer->is_busy)
			break;
		pthread_mutex_unlock(&writer->lock);
		code = write_stretch(writer);
		pthread_mutex_lock(&writer->lock);
		if (writer->code == SQLITE_OK)
			writer->code = code;
		writer->is_busy = false;
		pthread_cond_broadcast(&writer->changed);
	}
	pthread_mutex_unlock(&writer->lock);
	return NULL;
}

static void release(struct rb_sqlite_writer *writer)
{
	free(writer->stretch.bytes);
	pthread_cond_destroy(&writer->changed);
	pthread_mutex_destroy(&writer->lock);
	free(writer);
}

int rb_sqlite_writer_open(const char *path, size_t room, struct rb_sqlite_writer **out)
{
	struct rb_sqlite_writer *writer = calloc(1, sizeof(*writer));
	int code = SQLITE_NOMEM;

	if (!writer)
		return SQLITE_NOMEM;
	pthread_mutex_init(&writer->lock, NULL);
	pthread_cond_init(&writer->changed, NULL);
	writer->fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	if (writer->fd < 0)
		code = SQLITE_CANTOPEN;
	else
		writer->stretch.bytes = malloc(room);
	if (writer->stretch.bytes && rb_thread_start(&writer->thread, run, writer) == 0) {
		*out = writer;
		return SQLITE_OK;
	}
	if (writer->fd >= 0)
		close(writer->fd);
	release(writer);
	return code;
}

/* Wait for what is being written; with the lock. */
static int wait_idle(struct rb_sqlite_writer *writer)
{
	while (writer->is_busy)
		pthread_cond_wait(&writer->changed, &writer->lock);
	return writer->code;
}

int rb_sqlite_writer_put(struct rb_sqlite_writer *writer, struct rb_sqlite_stretch *stretch)
{
	struct rb_sqlite_stretch taken = *stretch;
	int code;

	pthread_mutex_lock(&writer->lock);
	code = wait_idle(writer);
	if (code == SQLITE_OK) {
		stretch->bytes = writer->stretch.bytes;
		stretch->len = 0;
		writer->stretch = taken;
		writer->is_busy = true;
		pthread_cond_broadcast(&writer->changed);
	}
	pthread_mutex_unlock(&writer->lock);
	return code;
}

bool rb_sqlite_writer_has(struct rb_sqlite_writer *writer, sqlite3_int64 at, size_t len)
{
	bool has;

	pthread_mutex_lock(&writer->lock);
	has = writer->is_busy && rb_sqlite_overlaps(&writer->stretch, at, len);
	pthread_mutex_unlock(&writer->lock);
	return has;
}

int rb_sqlite_writer_wait(struct rb_sqlite_writer *writer)
{
	int code;

	pthread_mutex_lock(&writer->lock);
	code = wait_idle(writer);
	pthread_mutex_unlock(&writer->lock);
	return code;
}

int rb_sqlite_writer_close(struct rb_sqlite_writer *writer)
{
	int code;

	if (!writer)
		return SQLITE_OK;
	pthread_mutex_lock(&writer->lock);
	code = wait_idle(writer);
	writer->is_closing = true;
	pthread_cond_broadcast(&writer->changed);
	pthread_mutex_unlock(&writer->lock);
	pthread_join(writer->thread, NULL);
	if (close(writer->fd) < 0 && code == SQLITE_OK)
		code = SQLITE_IOERR_CLOSE;
	release(writer);
	return code;
}
