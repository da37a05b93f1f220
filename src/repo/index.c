/*
 * Git's index in memory, and the file made from it.  See index_priv.h.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "index_priv.h"
#include "repo_priv.h"

/* Bytes of an entry before its path, without and with the second flags. */
enum { ENTRY_HEAD = 62, ENTRY_HEAD_MORE = 64 };

enum { FLAG_MORE = 0x4000, NAME_MASK = 0x0fff };

void rb_index_release(struct rb_index *index)
{
	for (size_t i = 0; i < index->count; i++)
		free(index->entries[i].path);
	free(index->entries);
	memset(index, 0, sizeof(*index));
}

int rb_index_add(struct rb_index *index, const char *path, const struct rb_index_entry *entry,
                 struct rb_err *err)
{
	struct rb_index_entry *added;

	if (index->count == index->cap) {
		size_t cap = index->cap ? 2 * index->cap : 64;
		struct rb_index_entry *grown;

		grown = realloc(index->entries, cap * sizeof(*grown));
		if (!grown)
			return rb_err_set(err, RB_E_NOMEM, "no memory for an index of %zu files",
			                  cap);
		index->entries = grown;
		index->cap = cap;
	}
	added = &index->entries[index->count];
	*added = *entry;
	added->path = strdup(path);
	if (!added->path)
		return rb_err_set(err, RB_E_NOMEM, "no memory for '%s'", path);
	added->order = index->count++;
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
			free(index->entries[i].path);
		else
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

static char *put32(char *at, uint32_t number)
{
	at[0] = (char)(number >> 24);
	at[1] = (char)(number >> 16 & 0xff);
	at[2] = (char)(number >> 8 & 0xff);
	at[3] = (char)(number & 0xff);
	return at + 4;
}

static char *put16(char *at, uint32_t number)
{
	at[0] = (char)(number >> 8 & 0xff);
	at[1] = (char)(number & 0xff);
	return at + 2;
}

/* Bytes of an entry, with the one to eight NULs at its end. */
static size_t entry_size(const struct rb_index_entry *entry)
{
	size_t head = entry->flags_more ? ENTRY_HEAD_MORE : ENTRY_HEAD;

	return (head + strlen(entry->path) + 8) & ~(size_t)7;
}

/* Write an entry at `at`, which is all zero; returns its end. */
static char *encode_entry(const struct rb_index_entry *entry, char *at)
{
	const struct rb_index_stat *st = &entry->st;
	size_t path_len = strlen(entry->path);
	uint32_t flags = entry->flags & RB_INDEX_ASSUME_VALID;
	char *end = at + entry_size(entry);

	at = put32(at, st->ctime_s);
	at = put32(at, st->ctime_ns);
	at = put32(at, st->mtime_s);
	at = put32(at, st->mtime_ns);
	at = put32(at, st->dev);
	at = put32(at, st->ino);
	at = put32(at, entry->mode);
	at = put32(at, st->uid);
	at = put32(at, st->gid);
	at = put32(at, st->size_bytes);
	memcpy(at, entry->oid.id, sizeof(entry->oid.id));
	at += sizeof(entry->oid.id);
	flags |= path_len < NAME_MASK ? (uint32_t)path_len : NAME_MASK;
	if (entry->flags_more)
		flags |= FLAG_MORE;
	at = put16(at, flags);
	if (entry->flags_more)
		at = put16(at, entry->flags_more);
	memcpy(at, entry->path, path_len);
	return end;
}

/* Append the SHA-1 of what the buffer holds. */
static int add_checksum(struct rb_buf *out, struct rb_err *err)
{
	struct rb_hasher *hasher = NULL;
	struct rb_oid sum = {{0}};
	int rc;

	rc = rb_hasher_new(&hasher, err);
	if (rc < 0)
		return rc;
	rc = rb_hasher_begin(hasher, err);
	if (rc == RB_OK)
		rc = rb_hasher_add(hasher, out->data, out->len, err);
	if (rc == RB_OK)
		rc = rb_hasher_end(hasher, &sum, err);
	if (rc == RB_OK)
		rc = rb_buf_add(out, sum.id, sizeof(sum.id), err);
	rb_hasher_free(hasher);
	return rc;
}

int rb_index_encode(const struct rb_index *index, struct rb_buf *out, struct rb_err *err)
{
	size_t size = 12;
	uint32_t version = 2;
	char *at;
	int rc;

	for (size_t i = 0; i < index->count; i++) {
		size += entry_size(&index->entries[i]);
		if (index->entries[i].flags_more)
			version = 3;
	}
	if (index->count > UINT32_MAX)
		return rb_err_set(err, RB_E_LIMIT, "an index cannot hold %zu files", index->count);
	rb_buf_clear(out);
	rc = rb_buf_reserve(out, size + sizeof(struct rb_oid), err);
	if (rc < 0)
		return rc;

	at = out->data;
	memset(at, 0, size + 1);
	memcpy(at, "DIRC", 4);
	at = put32(at + 4, version);
	at = put32(at, (uint32_t)index->count);
	for (size_t i = 0; i < index->count; i++)
		at = encode_entry(&index->entries[i], at);
	out->len = size;
	return add_checksum(out, err);
}
