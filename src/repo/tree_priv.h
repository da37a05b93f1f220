/*
 * Tree objects, entry by entry.
 *
 *	100644 name\0<20 bytes>40000 other\0<20 bytes>...
 *
 * Sorted by name, a directory as if its name ended in '/'.  What git would not check out
 * or fsck would complain of is refused: a tree comes from outside.
 */
#ifndef ROWBACK_REPO_TREE_PRIV_H
#define ROWBACK_REPO_TREE_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowback/base/buf.h"
#include "rowback/base/err.h"
#include "rowback/repo/object.h"
#include "rowback/repo/repo.h"

/** Directories within directories; a store has 5 or 6. */
#define RB_TREE_DEPTH_MAX 64

/** Bytes in a path, as Linux's PATH_MAX. */
#define RB_TREE_PATH_MAX 4096

/** Bytes in a tree object: half a million entries. */
#define RB_TREE_MAX_BYTES ((size_t)64 << 20)

/** Files in a tree with all below it: a few kilobytes of trees can say any number. */
#define RB_TREE_FILES_MAX UINT64_C(100000000)

/** Names in one tree of which each begins with the one before. */
#define RB_TREE_PREFIXES_MAX 64

/** An entry.  The name is in the tree object, with a NUL after it. */
struct rb_tree_item {
	const char *name;
	size_t name_len;
	uint32_t mode;
	struct rb_oid oid;
};

/** A place in a tree object. */
struct rb_tree_reader {
	const char *data; /**< borrowed */
	size_t len;
	size_t at;
	struct rb_tree_item last; /**< the entry before; name NULL at the start */
	/** Files whose name the next entries begin with: a directory of that name may follow. */
	struct rb_tree_item prefixes[RB_TREE_PREFIXES_MAX];
	size_t prefix_count;
};

/** Begin to read the object's content. */
void rb_tree_reader_init(struct rb_tree_reader *reader, const void *data, size_t len);

/** The next entry: 1, 0 at the end, or RB_E_FORMAT. */
int rb_tree_reader_next(struct rb_tree_reader *reader, struct rb_tree_item *item,
                        struct rb_err *err) RB_MUST_CHECK;

bool rb_tree_item_is_dir(const struct rb_tree_item *item);

/** git's order of entries: below, equal to or above 0. */
int rb_tree_item_order(const struct rb_tree_item *a, const struct rb_tree_item *b);

/** Whether git would check out an entry of this name, on any system. */
bool rb_tree_name_is_safe(const char *name, size_t len);

/** Whether every component of a path is a safe name, and there are not too many. */
bool rb_tree_path_is_safe(const char *path, size_t len);

/** Read a tree object into a buffer that is emptied first, and begin to read it. */
int rb_tree_load(struct rb_repo *repo, const struct rb_oid *oid, struct rb_buf *data,
                 struct rb_tree_reader *reader, struct rb_err *err) RB_MUST_CHECK;

/** Put "tree <hash>" in front of a message about one. */
int rb_tree_err(struct rb_err *err, int status, const struct rb_oid *oid);

/** Make path its first `len` bytes and a name.  RB_E_LIMIT past RB_TREE_PATH_MAX. */
int rb_tree_path_set(struct rb_buf *path, size_t len, const struct rb_tree_item *item,
                     struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_REPO_TREE_PRIV_H */
