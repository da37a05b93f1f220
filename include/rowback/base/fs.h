/*
 * Files: durable replacement, reading with a limit, directories.
 *
 * Layer: base (0).  Uses: libc, rowback/base/err.h, rowback/base/buf.h.
 */
#ifndef ROWBACK_BASE_FS_H
#define ROWBACK_BASE_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "rowback/base/buf.h"
#include "rowback/base/err.h"

/**
 * Replace a file so that a reader, or a crash at any moment, sees the whole
 * old file or the whole new one.
 *
 * path    file to replace or create; its directory must exist
 * data    new content; borrowed
 * len     bytes in data; 0 makes an empty file
 * mode    permission bits of the new file, as given (umask does not apply)
 * returns 0; RB_E_NOTFOUND when the directory does not exist; RB_E_IO or
 *         RB_E_NOMEM otherwise.  A failure leaves no temporary file, and
 *         leaves the old file, except when syncing the directory, the last
 *         step, is what failed: then the new file is there, but a power cut
 *         may still bring the old one back.
 * source  rename(2) and fsync(2): a rename is atomic, and durable once the
 *         directory is synced
 */
int rb_fs_replace(const char *path, const void *data, size_t len, mode_t mode,
                  struct rb_err *err) RB_MUST_CHECK;

/**
 * Append a whole file's content to a buffer; the buffer's maximum is the limit.
 *
 * returns 0; RB_E_NOTFOUND; RB_E_LIMIT when the file is larger; RB_E_IO; RB_E_NOMEM.
 *         A failure adds nothing.
 */
int rb_fs_read(const char *path, struct rb_buf *out, struct rb_err *err) RB_MUST_CHECK;

/**
 * Write all of data to a descriptor; a signal or a short write is no error.
 *
 * name    what the descriptor is, for the message ("cannot write NAME: ...")
 */
int rb_fs_write_all(int fd, const void *data, size_t len, const char *name,
                    struct rb_err *err) RB_MUST_CHECK;

/**
 * Make a directory and its parents, each with `mode` less the umask; existing ones, and
 * links to such, are left as they are.  Nothing is synced.
 */
int rb_fs_mkdirs(const char *path, mode_t mode, struct rb_err *err) RB_MUST_CHECK;

/**
 * Let the system begin to bring a file's bytes to the disk, so that there is less to wait for
 * when it is synced.  A hint: whoever syncs the file is told of failures.
 */
void rb_fs_start_writing(int fd);

/** Sync a directory, so that names made or removed in it are durable. */
int rb_fs_sync_dir(const char *path, struct rb_err *err) RB_MUST_CHECK;

/**
 * Remove a file or a whole directory tree; symbolic links are removed, not followed.
 * A path that is not there is no error.
 */
int rb_fs_remove_tree(const char *path, struct rb_err *err) RB_MUST_CHECK;

/** Whether something has this name; a dangling link counts as there. */
bool rb_fs_exists(const char *path);

/** dir + "/" + name on the heap, the slash only where needed; NULL without memory. */
char *rb_fs_join(const char *dir, const char *name);

/**
 * Make a private (0700) temporary directory below $TMPDIR or /tmp.
 *
 * prefix  start of its name
 * out     its path, for free()
 */
int rb_fs_mkdtemp(const char *prefix, char **out, struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_BASE_FS_H */
