/*
 * Git's index in memory, and the file made from it.  See index_priv.h.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "index_priv.h"
#include "repo_priv.h"
#include "sumfile_priv.h"

/* Bytes of an entry before its path, without and with the second flags. */
enum { ENTRY_HEAD = 62, ENTRY_HEAD_MORE = 64 };

enum { FLAG_MORE = 0x4000, NAME_MASK = 0x0fff };

/* Bytes for paths in a block. */
#define BLOCK_BYTES ((size_t)16 << 10)

struct rb_index_block {
	struct rb_index_block *next;
	size_t used; /* bytes of text handed out */
	size_t size; /* bytes in text */
	char text[];
};

void rb_index_release(struct rb_index *index)
{
	while (index->blocks) {
		struct rb_index_block *next = index->blocks->next;

		free(index->blocks);
		index->blocks = next;
	}
	free(index->entries);
	memset(index, 0, sizeof(*index));
}

/* Copy a path into the index; NULL without memory. */
static const char *keep_path(struct rb_index *index, const char *path)
{
	struct rb_index_block *block = index->blocks;
	size_t size = strlen(path) + 1;
	char *copy;

	if (!block || block->size - block->used < size) {
		size_t room = size > BLOCK_BYTES ? size : BLOCK_BYTES;

		block = malloc(sizeof(*block) + room);
		if (!block)
			return NULL;
		block->next = index->blocks;
		block->used = 0;
		block->size = room;
		index->blocks = block;
	}
	copy = block->text + block->used;
	memcpy(copy, path, size);
	block->used += size;
	return copy;
}

static int make_room(struct rb_index *index, size_t extra, struct rb_err *err)
{
	size_t cap = index->cap ? index->cap : 64;
	struct rb_index_entry *grown;

	if (index->count + extra > UINT32_MAX)
		return rb_err_set(err, RB_E_LIMIT, "an index cannot hold %zu files",
		                  index->count + extra);
	if (index->cap - index->count >= extra)
		return RB_OK;
	while (cap - index->count < extra)
		cap *= 2;
	grown = realloc(index->entries, cap * sizeof(*grown));
	if (!grown)
		return rb_err_set(err, RB_E_NOMEM, "no memory for an index of %zu files", cap);
	index->entries = grown;
	index->cap = cap;
	return RB_OK;
}

int rb_index_add(struct rb_index *index, const char *path, const struct rb_index_entry *entry,
                 struct rb_err *err)
{
	struct rb_index_entry *added;
	const char *copy;
	int rc = make_room(index, 1, err);

	if (rc < 0)
		return rc;
	copy = keep_path(index, path);
	if (!copy)
		return rb_err_set(err, RB_E_NOMEM, "no memory for '%s'", path);
	added = &index->entries[index->count];
	*added = *entry;
	added->path = copy;
	added->order = (uint32_t)index->count++;
	return RB_OK;
}

/* Put blocks behind those of an index: its newest goes on being filled. */
static void take_blocks(struct rb_index *index, struct rb_index_block *blocks)
{
	struct rb_index_block **end = &index->blocks;

	while (*end)
		end = &(*end)->next;
	*end = blocks;
}

int rb_index_move(struct rb_index *to, struct rb_index *from, struct rb_err *err)
{
	if (to->count == 0) {
		free(to->entries);
		to->entries = from->entries;
		to->count = from->count;
		to->cap = from->cap;
		from->entries = NULL;
	} else {
		int rc = make_room(to, from->count, err);

		if (rc < 0)
			return rc;
		for (size_t i = 0; i < from->count; i++) {
			to->entries[to->count] = from->entries[i];
			to->entries[to->count].order = (uint32_t)to->count;
			to->count++;
		}
	}
	take_blocks(to, from->blocks);
	from->blocks = NULL;
	rb_index_release(from);
	return RB_OK;
}

static int compare_entries(const void *a, const void *b)
{
	const struct rb_index_entry *left = a;
	const struct rb_index_entry *right = b;
	int by_path = strcmp(left->path, right->path);

	if (by_path != 0)
		return by_path;
	return left->order < right->order ? -1 : left->order > right->order;
}

void rb_index_sort(struct rb_index *index)
{
	size_t kept = 0;

	if (index->count == 0)
		return;
	qsort(index->entries, index->count, sizeof(*index->entries), compare_entries);
	for (size_t i = 0; i < index->count; i++) {
		if (i + 1 < index->count &&
		    strcmp(index->entries[i].path, index->entries[i + 1].path) == 0)
			continue;
		index->entries[kept++] = index->entries[i];
	}
	index->count = kept;
}

size_t rb_index_lower_bound(const struct rb_index *index, const char *path, size_t len)
{
	size_t low = 0;
	size_t high = index->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strncmp(index->entries[mid].path, path, len) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

size_t rb_index_find(const struct rb_index *index, const char *path)
{
	/* With the NUL that ends it, nothing but the path itself compares equal. */
	size_t at = rb_index_lower_bound(index, path, strlen(path) + 1);

	if (at < index->count && strcmp(index->entries[at].path, path) == 0)
		return at;
	return index->count;
}

struct rb_index_stat rb_index_stat_of(const struct stat *st)
{
	struct rb_index_stat cut = {
	        .ctime_s = (uint32_t)st->st_ctim.tv_sec,
	        .ctime_ns = (uint32_t)st->st_ctim.tv_nsec,
	        .mtime_s = (uint32_t)st->st_mtim.tv_sec,
	        .mtime_ns = (uint32_t)st->st_mtim.tv_nsec,
	        .dev = (uint32_t)st->st_dev,
	        .ino = (uint32_t)st->st_ino,
	        .uid = (uint32_t)st->st_uid,
	        .gid = (uint32_t)st->st_gid,
	        .size_bytes = (uint32_t)st->st_size,
	};

	return cut;
}

bool rb_index_is_racy(const struct rb_index *index, const struct rb_index_entry *entry)
{
	uint32_t taken_s = (uint32_t)index->taken_at.tv_sec;
	uint32_t taken_ns = (uint32_t)index->taken_at.tv_nsec;

	if (entry->st.mtime_s != taken_s)
		return entry->st.mtime_s > taken_s;
	/* Some programs write no nanoseconds. */
	return entry->st.mtime_ns == 0 || entry->st.mtime_ns >= taken_ns;
}

bool rb_index_is_unchanged(const struct rb_index *index, const struct rb_index_entry *entry,
                           const struct stat *st)
{
	struct rb_index_stat now = rb_index_stat_of(st);
	const struct rb_index_stat *was = &entry->st;
	uint32_t mode = st->st_mode & S_IXUSR ? 0100755 : 0100644;

	return S_ISREG(st->st_mode) && entry->mode == mode && now.mtime_s == was->mtime_s &&
	       now.mtime_ns == was->mtime_ns && now.ctime_s == was->ctime_s &&
	       now.ctime_ns == was->ctime_ns && now.ino == was->ino &&
	       now.size_bytes == was->size_bytes && !rb_index_is_racy(index, entry);
}

/* Bytes of an entry, with the one to eight NULs at its end. */
static size_t entry_size(const struct rb_index_entry *entry)
{
	size_t head = entry->flags_more ? ENTRY_HEAD_MORE : ENTRY_HEAD;

	return (head + strlen(entry->path) + 8) & ~(size_t)7;
}

static int put_stat(struct rb_sumfile *file, const struct rb_index_entry *entry, struct rb_err *err)
{
	const struct rb_index_stat *st = &entry->st;
	const uint32_t numbers[] = {st->ctime_s, st->ctime_ns,  st->mtime_s, st->mtime_ns,
	                            st->dev,     st->ino,       entry->mode, st->uid,
	                            st->gid,     st->size_bytes};
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < sizeof(numbers) / sizeof(numbers[0]); i++)
		rc = rb_sumfile_put32(file, numbers[i], err);
	return rc;
}

static int put_entry(struct rb_sumfile *file, const struct rb_index_entry *entry,
                     struct rb_err *err)
{
	static const char nuls[8];
	size_t path_len = strlen(entry->path);
	size_t head = entry->flags_more ? ENTRY_HEAD_MORE : ENTRY_HEAD;
	uint32_t flags = entry->flags & RB_INDEX_ASSUME_VALID;
	unsigned char bytes[4];
	int rc = put_stat(file, entry, err);

	flags |= path_len < NAME_MASK ? (uint32_t)path_len : NAME_MASK;
	if (entry->flags_more)
		flags |= FLAG_MORE;
	bytes[0] = (unsigned char)(flags >> 8);
	bytes[1] = (unsigned char)(flags & 0xff);
	bytes[2] = (unsigned char)(entry->flags_more >> 8);
	bytes[3] = (unsigned char)(entry->flags_more & 0xff);
	if (rc == RB_OK)
		rc = rb_sumfile_put(file, entry->oid.id, sizeof(entry->oid.id), err);
	if (rc == RB_OK)
		rc = rb_sumfile_put(file, bytes, entry->flags_more ? 4 : 2, err);
	if (rc == RB_OK)
		rc = rb_sumfile_put(file, entry->path, path_len, err);
	if (rc == RB_OK)
		rc = rb_sumfile_put(file, nuls, entry_size(entry) - head - path_len, err);
	return rc;
}

int rb_index_write(const struct rb_index *index, int fd, const char *name, struct rb_err *err)
{
	struct rb_sumfile file = {0};
	size_t size = 12 + sizeof(struct rb_oid);
	uint32_t version = 2;
	int rc;

	for (size_t i = 0; i < index->count; i++) {
		size += entry_size(&index->entries[i]);
		if (index->entries[i].flags_more)
			version = 3;
	}
	if (size > RB_INDEX_BYTES_MAX)
		return rb_err_set(err, RB_E_LIMIT, "an index of %zu files is over %zu bytes",
		                  index->count, RB_INDEX_BYTES_MAX);
	rc = rb_sumfile_begin(&file, fd, name, err);
	if (rc == RB_OK)
		rc = rb_sumfile_put(&file, "DIRC", 4, err);
	if (rc == RB_OK)
		rc = rb_sumfile_put32(&file, version, err);
	if (rc == RB_OK)
		rc = rb_sumfile_put32(&file, (uint32_t)index->count, err);
	for (size_t i = 0; rc == RB_OK && i < index->count; i++)
		rc = put_entry(&file, &index->entries[i], err);
	if (rc == RB_OK)
		rc = rb_sumfile_end(&file, err);
	rb_sumfile_release(&file);
	return rc;
}
