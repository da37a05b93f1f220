/*
 * Git's index file: reading versions 2 to 4, writing version 2 or 3.
 *
 * libgit2 reads an index too, but its writer reads files again whose time is that of the
 * index, and it cannot say whether a file was damaged or is of a kind it does not know.
 *
 *	"DIRC" version(4) count(4)
 *	entry: ctime(8) mtime(8) dev ino mode uid gid size (4 each) name(20) flags(2)
 *	       [more flags(2)] path NUL, NUL up to a multiple of 8; in version 4 the path is
 *	       a number of bytes to drop from the path before, and what follows them
 *	extension: name(4) size(4) data
 *	SHA-1 of all above, or zeros (index.skipHash)
 *
 * source: gitformat-index(5)
 */
#ifndef ROWBACK_INDEX_PRIV_H
#define ROWBACK_INDEX_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "rowback/base/buf.h"
#include "rowback/base/err.h"
#include "rowback/repo/object.h"

/** Bits of an entry's flags that are kept; the rest is made when it is written. */
enum { RB_INDEX_ASSUME_VALID = 0x8000 };

/** Bit of flags_more: a sparse checkout leaves the file out of the working tree. */
enum { RB_INDEX_SKIP_WORKTREE = 0x4000 };

/** What lstat(2) said of a file, cut to 32 bits a number as git does. */
struct rb_index_stat {
	uint32_t ctime_s, ctime_ns;
	uint32_t mtime_s, mtime_ns;
	uint32_t dev, ino;
	uint32_t uid, gid;
	uint32_t size_bytes;
};

/** Larger index files are neither read nor written: two million files with long paths. */
#define RB_INDEX_BYTES_MAX ((size_t)512 << 20)

/** One path.  There is one for each file of the store, so its size counts: 80 bytes. */
struct rb_index_entry {
	const char *path; /**< owned by the index */
	uint32_t order;   /**< when it was added, counted from 0 */
	uint32_t mode;    /**< 0100644, 0100755, 0120000 (link), 0160000 (submodule) */
	struct rb_index_stat st;
	uint16_t flags;
	uint16_t flags_more; /**< skip-worktree, intent-to-add */
	struct rb_oid oid;
};

/** Paths of an index, one after the other. */
struct rb_index_block;

/** An index in memory; {0} is empty. */
struct rb_index {
	struct rb_index_entry *entries; /**< sorted by path once it was read or sorted */
	size_t count;
	size_t cap;
	struct rb_index_block *blocks; /**< that hold the paths, newest first */
	bool is_damaged;               /**< the file was not whole; nothing was read from it */
	struct timespec taken_at;      /**< mtime of the file that was read */
};

/** Free the entries; the index is empty again. */
void rb_index_release(struct rb_index *index);

/**
 * Read an index file into an empty index.  No file is an empty index; one that is not whole
 * is empty too, with is_damaged set.
 *
 * returns 0; RB_E_CONFLICT when it holds an unfinished merge; RB_E_UNSUPPORTED for a split
 *         or sparse one, or a version that is not known; RB_E_LIMIT; RB_E_IO; RB_E_NOMEM
 */
int rb_index_read(const char *path, struct rb_index *out, struct rb_err *err) RB_MUST_CHECK;

/**
 * Add an entry at the end.
 *
 * path   copied; that of `entry` is not looked at
 */
int rb_index_add(struct rb_index *index, const char *path, const struct rb_index_entry *entry,
                 struct rb_err *err) RB_MUST_CHECK;

/**
 * Move all entries to the end of another index.
 *
 * from     empty afterwards
 * returns  0; RB_E_NOMEM, with nothing changed
 */
int rb_index_move(struct rb_index *to, struct rb_index *from, struct rb_err *err) RB_MUST_CHECK;

/** Sort by path; of entries with one path the last that was added stays. */
void rb_index_sort(struct rb_index *index);

/** Where a path is in a sorted index, or `count`. */
size_t rb_index_find(const struct rb_index *index, const char *path);

/** The first entry of a sorted index whose path is not less than these bytes. */
size_t rb_index_lower_bound(const struct rb_index *index, const char *path, size_t len);

/**
 * Write the file for a sorted index, SHA-1 included.
 *
 * fd       at the file's beginning; nothing is synced
 * name     what fd is, for messages
 * returns  0; RB_E_LIMIT past RB_INDEX_BYTES_MAX; RB_E_IO; RB_E_NOMEM
 */
int rb_index_write(const struct rb_index *index, int fd, const char *name,
                   struct rb_err *err) RB_MUST_CHECK;

/** Cut what lstat(2) said. */
struct rb_index_stat rb_index_stat_of(const struct stat *st);

/**
 * Whether a file is surely what the index says, by its lstat(2) alone: same times, size and
 * inode, and changed before the index was written.
 */
bool rb_index_is_unchanged(const struct rb_index *index, const struct rb_index_entry *entry,
                           const struct stat *st);

/** Whether a file could have been changed after lstat(2) without showing it ("racily clean"). */
bool rb_index_is_racy(const struct rb_index *index, const struct rb_index_entry *entry);

#endif /* ROWBACK_INDEX_PRIV_H */
