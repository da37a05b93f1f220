/*
 * A file that ends in the SHA-1 of what is before it, written in pieces: git's index, and
 * the index of a pack.
 *
 *	rb_sumfile_begin(&file, fd, name, err);
 *	rb_sumfile_put(&file, data, len, err);
 *	rb_sumfile_end(&file, err);
 *	rb_sumfile_release(&file);              also after a failure
 */
#ifndef ROWBACK_REPO_SUMFILE_PRIV_H
#define ROWBACK_REPO_SUMFILE_PRIV_H

#include <stddef.h>
#include <stdint.h>

#include "repo_priv.h"
#include "rowback/base/err.h"

/** {0} is empty. */
struct rb_sumfile {
	int fd;           /**< the caller's */
	const char *name; /**< what fd is, for messages; borrowed */
	struct rb_hasher *hasher;
	unsigned char *buffer;
	size_t buffered;  /**< bytes in it */
	uint64_t written; /**< bytes in the file; all once it ended */
};

/** fd  at the file's beginning; nothing is synced, and it is not closed */
int rb_sumfile_begin(struct rb_sumfile *file, int fd, const char *name,
                     struct rb_err *err) RB_MUST_CHECK;

int rb_sumfile_put(struct rb_sumfile *file, const void *data, size_t len,
                   struct rb_err *err) RB_MUST_CHECK;

/** Four bytes, the highest first. */
int rb_sumfile_put32(struct rb_sumfile *file, uint32_t value, struct rb_err *err) RB_MUST_CHECK;

/** Write what waits, and the checksum. */
int rb_sumfile_end(struct rb_sumfile *file, struct rb_err *err) RB_MUST_CHECK;

void rb_sumfile_release(struct rb_sumfile *file);

#endif /* ROWBACK_REPO_SUMFILE_PRIV_H */
