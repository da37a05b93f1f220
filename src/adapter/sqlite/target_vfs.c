/*
 * See target_priv.h: the file of a new database, written and read in large pieces.
 *
 * SQLite writes one page at a time, and most of the pages of a new database one after the
 * other.  A call into the kernel for each costs more than what SQLite does to fill it
 * (measured: 77,000 pages, 0.36 s of cpu in pwrite() against 0.1 s in pieces).  So pages
 * that follow each other are gathered here.  The same for pages that are read in their
 * order, when an index is made or rows are proved.
 *
 *	put      pages written, not yet given away; always one stretch
 *	writer   the stretch before it, on its way to the file in a thread of its own
 *	         (target_writer.c): 0.2 s more that whoever makes the pages need not spend
 *	window   bytes of the file as it is, read ahead; what is written goes from it
 *
 * Nothing is on its way past a commit: SQLITE_FCNTL_SYNC ends it, also when nothing is synced.
 *
 * source: sqlite.org/vfs.html, sqlite.org/c3ref/io_methods.html
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "target_priv.h"

#define PUT_BYTES ((size_t)256 << 10)
/* The largest page: SQLite's own files read no longer pieces (os_unix.c masks lengths). */
#define WINDOW_BYTES ((size_t)64 << 10)

struct gathering {
	sqlite3_file base;
	sqlite3_file *real; /* behind this struct */
	char *path;         /* of the file */
	struct rb_sqlite_stretch put;
	struct rb_sqlite_writer *writer; /* NULL until something is written */
	struct rb_sqlite_stretch window;
	sqlite3_int64 read_before; /* where the page read before this one ended */
	sqlite3_int64 size_known;  /* the file was so long at least when it was asked last */
};

static struct gathering *gathering_of(sqlite3_file *file)
{
	return (struct gathering *)file;
}

bool rb_sqlite_overlaps(const struct rb_sqlite_stretch *stretch, sqlite3_int64 at, size_t len)
{
	return stretch->len > 0 && at < stretch->at + (sqlite3_int64)stretch->len &&
	       stretch->at < at + (sqlite3_int64)len;
}

/* Give away what was gathered.  What could not be written is kept, to fail again. */
static int give_away(struct gathering *g)
{
	int code = SQLITE_OK;

	if (g->put.len == 0)
		return SQLITE_OK;
	if (!g->writer)
		code = rb_sqlite_writer_open(g->path, PUT_BYTES, &g->writer);
	return code == SQLITE_OK ? rb_sqlite_writer_put(g->writer, &g->put) : code;
}

/* See that all of it is in the file. */
static int flush(struct gathering *g)
{
	int code = give_away(g);

	return code == SQLITE_OK && g->writer ? rb_sqlite_writer_wait(g->writer) : code;
}

/* Whether bytes were written that are not in the file yet. */
static bool is_on_its_way(struct gathering *g, sqlite3_int64 at, size_t len)
{
	return rb_sqlite_overlaps(&g->put, at, len) ||
	       (g->writer && rb_sqlite_writer_has(g->writer, at, len));
}

static int close_file(sqlite3_file *file)
{
	struct gathering *g = gathering_of(file);
	int code = flush(g);
	int closed = g->real->pMethods->xClose(g->real);
	/* After SQLite's own: to close one lets go of the process's locks on the file. */
	int writer_closed = rb_sqlite_writer_close(g->writer);

	free(g->put.bytes);
	free(g->window.bytes);
	free(g->path);
	if (code == SQLITE_OK)
		code = closed;
	return code != SQLITE_OK ? code : writer_closed;
}

/* Read a page, and what is likely to be asked for next. */
static int read_ahead(struct gathering *g, void *out, int len, sqlite3_int64 at)
{
	int code = SQLITE_OK;

	g->window.len = 0;
	if (g->size_known - at < (sqlite3_int64)WINDOW_BYTES)
		code = g->real->pMethods->xFileSize(g->real, &g->size_known);
	if (code != SQLITE_OK)
		return code;
	if (g->size_known - at < (sqlite3_int64)WINDOW_BYTES)
		return g->real->pMethods->xRead(g->real, out, len, at);
	code = g->real->pMethods->xRead(g->real, g->window.bytes, (int)WINDOW_BYTES, at);
	/* It was cut off meanwhile. */
	if (code == SQLITE_IOERR_SHORT_READ) {
		g->size_known = 0;
		return g->real->pMethods->xRead(g->real, out, len, at);
	}
	if (code != SQLITE_OK)
		return code;
	g->window.at = at;
	g->window.len = WINDOW_BYTES;
	memcpy(out, g->window.bytes, (size_t)len);
	return SQLITE_OK;
}

static int read_file(sqlite3_file *file, void *out, int len, sqlite3_int64 at)
{
	struct gathering *g = gathering_of(file);
	sqlite3_int64 gap = at - g->read_before;
	struct rb_sqlite_stretch *window = &g->window;

	g->read_before = at + len;
	if (is_on_its_way(g, at, (size_t)len)) {
		int code = flush(g);

		if (code != SQLITE_OK)
			return code;
	}
	if (window->len > 0 && at >= window->at &&
	    at + len <= window->at + (sqlite3_int64)window->len) {
		memcpy(out, window->bytes + (at - window->at), (size_t)len);
		return SQLITE_OK;
	}
	/* Pages of a table are in their order, with some of another one between them. */
	if (gap < 0 || gap >= (sqlite3_int64)WINDOW_BYTES || len >= (int)WINDOW_BYTES ||
	    is_on_its_way(g, at, WINDOW_BYTES))
		return g->real->pMethods->xRead(g->real, out, len, at);
	return read_ahead(g, out, len, at);
}

static int write_file(sqlite3_file *file, const void *data, int len, sqlite3_int64 at)
{
	struct gathering *g = gathering_of(file);
	struct rb_sqlite_stretch *put = &g->put;

	if (rb_sqlite_overlaps(&g->window, at, (size_t)len))
		g->window.len = 0;
	/* A page that is written again before it left. */
	if (put->len > 0 && at >= put->at && at + len <= put->at + (sqlite3_int64)put->len) {
		memcpy(put->bytes + (at - put->at), data, (size_t)len);
		return SQLITE_OK;
	}
	if (put->len > 0 &&
	    (at != put->at + (sqlite3_int64)put->len || put->len + (size_t)len > PUT_BYTES)) {
		int code = give_away(g);

		if (code != SQLITE_OK)
			return code;
	}
	if (put->len == 0)
		put->at = at;
	memcpy(put->bytes + put->len, data, (size_t)len);
	put->len += (size_t)len;
	return SQLITE_OK;
}

static int truncate_file(sqlite3_file *file, sqlite3_int64 size)
{
	struct gathering *g = gathering_of(file);
	int code = flush(g);

	g->window.len = 0;
	g->size_known = 0;
	return code != SQLITE_OK ? code : g->real->pMethods->xTruncate(g->real, size);
}

static int sync_file(sqlite3_file *file, int flags)
{
	struct gathering *g = gathering_of(file);
	int code = flush(g);

	return code != SQLITE_OK ? code : g->real->pMethods->xSync(g->real, flags);
}

static int file_size(sqlite3_file *file, sqlite3_int64 *out)
{
	struct gathering *g = gathering_of(file);
	int code = flush(g);

	return code != SQLITE_OK ? code : g->real->pMethods->xFileSize(g->real, out);
}

static int lock_file(sqlite3_file *file, int level)
{
	sqlite3_file *real = gathering_of(file)->real;

	return real->pMethods->xLock(real, level);
}

static int unlock_file(sqlite3_file *file, int level)
{
	struct gathering *g = gathering_of(file);
	int code = flush(g);
	int unlocked = g->real->pMethods->xUnlock(g->real, level);

	/* Others may write now. */
	g->window.len = 0;
	return code != SQLITE_OK ? code : unlocked;
}

static int check_reserved_lock(sqlite3_file *file, int *out)
{
	sqlite3_file *real = gathering_of(file)->real;

	return real->pMethods->xCheckReservedLock(real, out);
}

static int control_file(sqlite3_file *file, int op, void *arg)
{
	struct gathering *g = gathering_of(file);
	int code = flush(g);

	return code != SQLITE_OK ? code : g->real->pMethods->xFileControl(g->real, op, arg);
}

static int sector_size(sqlite3_file *file)
{
	sqlite3_file *real = gathering_of(file)->real;

	return real->pMethods->xSectorSize(real);
}

static int characteristics(sqlite3_file *file)
{
	sqlite3_file *real = gathering_of(file)->real;

	return real->pMethods->xDeviceCharacteristics(real);
}

/* Version 1: no shared memory, no mapping. */
static const sqlite3_io_methods methods = {.iVersion = 1,
                                           .xClose = close_file,
                                           .xRead = read_file,
                                           .xWrite = write_file,
                                           .xTruncate = truncate_file,
                                           .xSync = sync_file,
                                           .xFileSize = file_size,
                                           .xLock = lock_file,
                                           .xUnlock = unlock_file,
                                           .xCheckReservedLock = check_reserved_lock,
                                           .xFileControl = control_file,
                                           .xSectorSize = sector_size,
                                           .xDeviceCharacteristics = characteristics};

static sqlite3_vfs *real_of(sqlite3_vfs *vfs)
{
	return vfs->pAppData;
}

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                     int *out_flags)
{
	struct gathering *g = gathering_of(file);
	int code;

	/* Journals and files for sorting are the system's alone. */
	if (!(flags & SQLITE_OPEN_MAIN_DB))
		return real_of(vfs)->xOpen(real_of(vfs), name, file, flags, out_flags);
	memset(g, 0, sizeof(*g));
	g->real = (sqlite3_file *)(g + 1);
	g->put.bytes = malloc(PUT_BYTES);
	g->window.bytes = malloc(WINDOW_BYTES);
	g->path = strdup(name);
	code = g->put.bytes && g->window.bytes && g->path
	               ? real_of(vfs)->xOpen(real_of(vfs), name, g->real, flags, out_flags)
	               : SQLITE_NOMEM;
	if (code != SQLITE_OK) {
		free(g->put.bytes);
		free(g->window.bytes);
		free(g->path);
		return code;
	}
	file->pMethods = &methods;
	return SQLITE_OK;
}

static int delete_file(sqlite3_vfs *vfs, const char *name, int sync_dir)
{
	return real_of(vfs)->xDelete(real_of(vfs), name, sync_dir);
}

static int access_file(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
	return real_of(vfs)->xAccess(real_of(vfs), name, flags, out);
}

static int full_path(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
	return real_of(vfs)->xFullPathname(real_of(vfs), name, size, out);
}

static int randomness(sqlite3_vfs *vfs, int size, char *out)
{
	return real_of(vfs)->xRandomness(real_of(vfs), size, out);
}

static int sleep_us(sqlite3_vfs *vfs, int us)
{
	return real_of(vfs)->xSleep(real_of(vfs), us);
}

static int current_time(sqlite3_vfs *vfs, double *out)
{
	return real_of(vfs)->xCurrentTime(real_of(vfs), out);
}

static int last_error(sqlite3_vfs *vfs, int size, char *out)
{
	return real_of(vfs)->xGetLastError(real_of(vfs), size, out);
}

/* No xDlOpen(): extensions are never loaded. */
#define VFS(name)                                                                                  \
	{                                                                                          \
		.iVersion = 1, .zName = (name), .xOpen = open_file, .xDelete = delete_file,        \
		.xAccess = access_file, .xFullPathname = full_path, .xRandomness = randomness,     \
		.xSleep = sleep_us, .xCurrentTime = current_time, .xGetLastError = last_error      \
	}

static sqlite3_vfs writing = VFS(RB_SQLITE_VFS_NEW);
static sqlite3_vfs reading = VFS(RB_SQLITE_VFS_BESIDE);

static void add(sqlite3_vfs *vfs, sqlite3_vfs *real)
{
	if (!real)
		return;
	vfs->pAppData = real;
	vfs->mxPathname = real->mxPathname;
	vfs->szOsFile = (int)sizeof(struct gathering) + real->szOsFile;
	sqlite3_vfs_register(vfs, 0);
}

static void add_all(void)
{
	add(&writing, sqlite3_vfs_find(NULL));
	/* The writer's lock would keep its own process out, too.
	 * source: sqlite.org/vfs.html#standard_unix_vfses */
	add(&reading, sqlite3_vfs_find("unix-none"));
}

void rb_sqlite_vfs_add(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, add_all);
}
