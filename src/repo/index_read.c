/*
 * Reading git's index file.  See index_priv.h.
 *
 * The file is untrusted: every length is checked against what is there.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "index_priv.h"
#include "repo_priv.h"
#include "rowback/base/fs.h"

#define PATH_BYTES_MAX ((size_t)64 << 10)

enum { HEADER_SIZE = 12, ENTRY_HEAD = 62, FLAG_MORE = 0x4000, STAGE_MASK = 0x3000 };

/* Where a file is being read. */
struct reader {
	const char *name; /* the file, for messages */
	const unsigned char *data;
	size_t pos;
	size_t end; /* where the checksum begins */
	uint32_t version;
	struct rb_buf path; /* of the entry before, which version 4 builds on */
};

static uint32_t get32(const unsigned char *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint16_t get16(const unsigned char *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static int malformed(const struct reader *reader, struct rb_err *err)
{
	rb_err_set(err, RB_E_FORMAT, "index '%s' is malformed at byte %zu", reader->name,
	           reader->pos);
	return rb_err_hint(err, "remove it and run 'git reset': it is built again from HEAD");
}

static int is_split(const struct reader *reader, struct rb_err *err)
{
	rb_err_set(err, RB_E_UNSUPPORTED, "index '%s' is split", reader->name);
	return rb_err_hint(err, "run: git update-index --no-split-index");
}

/* The offset encoding of packs: seven bits a byte, one added at each step. */
static int read_varint(struct reader *reader, size_t *out, struct rb_err *err)
{
	size_t number = 0;
	unsigned char byte;

	do {
		if (reader->pos >= reader->end || number > SIZE_MAX >> 8)
			return malformed(reader, err);
		byte = reader->data[reader->pos++];
		number = number << 7 | (byte & 0x7f);
		if (byte & 0x80)
			number++;
	} while (byte & 0x80);
	*out = number;
	return RB_OK;
}

/* Read a path and what pads it; `start` is where its entry began. */
static int read_path(struct reader *reader, size_t start, struct rb_err *err)
{
	const unsigned char *text;
	const unsigned char *nul;
	size_t dropped = reader->path.len;
	size_t len;
	int rc;

	if (reader->version == 4) {
		rc = read_varint(reader, &dropped, err);
		if (rc < 0)
			return rc;
		if (dropped > reader->path.len)
			return malformed(reader, err);
	}
	text = reader->data + reader->pos;
	nul = memchr(text, '\0', reader->end - reader->pos);
	if (!nul)
		return malformed(reader, err);
	len = (size_t)(nul - text);
	reader->path.len -= dropped;
	rc = rb_buf_add(&reader->path, text, len, err);
	if (rc < 0)
		return rc;
	reader->pos += len + 1;
	if (reader->version < 4)
		reader->pos = start + ((reader->pos - start + 7) & ~(size_t)7);
	if (reader->pos > reader->end)
		return malformed(reader, err);
	/* An entry that replaces one of the shared index has no path. */
	return reader->path.len > 0 ? RB_OK : is_split(reader, err);
}

static void read_stat(const unsigned char *at, struct rb_index_entry *entry)
{
	entry->st.ctime_s = get32(at);
	entry->st.ctime_ns = get32(at + 4);
	entry->st.mtime_s = get32(at + 8);
	entry->st.mtime_ns = get32(at + 12);
	entry->st.dev = get32(at + 16);
	entry->st.ino = get32(at + 20);
	entry->mode = get32(at + 24);
	entry->st.uid = get32(at + 28);
	entry->st.gid = get32(at + 32);
	entry->st.size_bytes = get32(at + 36);
	memcpy(entry->oid.id, at + 40, sizeof(entry->oid.id));
}

static int read_entry(struct reader *reader, struct rb_index *out, struct rb_err *err)
{
	struct rb_index_entry entry = {0};
	size_t start = reader->pos;
	const char *before;
	uint16_t flags;
	int rc;

	if (reader->end - start < ENTRY_HEAD)
		return malformed(reader, err);
	read_stat(reader->data + start, &entry);
	flags = get16(reader->data + start + 60);
	reader->pos += ENTRY_HEAD;
	if (flags & FLAG_MORE) {
		if (reader->version < 3 || reader->end - reader->pos < 2)
			return malformed(reader, err);
		entry.flags_more = get16(reader->data + reader->pos);
		reader->pos += 2;
	}
	rc = read_path(reader, start, err);
	if (rc < 0)
		return rc;
	if (flags & STAGE_MASK) {
		rb_err_set(err, RB_E_CONFLICT, "'%s' is in an unfinished merge",
		           rb_buf_str(&reader->path));
		return rb_err_hint(err, "end it first: 'git merge --abort', or 'git reset --hard'");
	}
	before = out->count > 0 ? out->entries[out->count - 1].path : "";
	if (strcmp(before, rb_buf_str(&reader->path)) >= 0)
		return malformed(reader, err);
	entry.flags = flags & RB_INDEX_ASSUME_VALID;
	return rb_index_add(out, reader->path.data, &entry, err);
}

/* Extensions that begin with a capital letter may be ignored; they are not written back. */
static int check_extensions(struct reader *reader, struct rb_err *err)
{
	while (reader->pos < reader->end) {
		const unsigned char *at = reader->data + reader->pos;
		size_t left = reader->end - reader->pos;

		if (left < 8 || get32(at + 4) > left - 8)
			return malformed(reader, err);
		if (memcmp(at, "link", 4) == 0)
			return is_split(reader, err);
		if (memcmp(at, "sdir", 4) == 0) {
			rb_err_set(err, RB_E_UNSUPPORTED, "index '%s' is sparse", reader->name);
			return rb_err_hint(err, "run: git sparse-checkout disable");
		}
		if (at[0] < 'A' || at[0] > 'Z')
			return rb_err_set(err, RB_E_UNSUPPORTED,
			                  "index '%s' has an extension that is not known",
			                  reader->name);
		reader->pos += 8 + get32(at + 4);
	}
	return RB_OK;
}

static int read_all(struct reader *reader, struct rb_index *out, struct rb_err *err)
{
	uint32_t count = get32(reader->data + 8);
	int rc;

	if (reader->version < 2 || reader->version > 4)
		return rb_err_set(err, RB_E_UNSUPPORTED, "index '%s' is of version %u, not 2 to 4",
		                  reader->name, (unsigned int)reader->version);
	for (uint32_t i = 0; i < count; i++) {
		rc = read_entry(reader, out, err);
		if (rc < 0)
			return rc;
	}
	return check_extensions(reader, err);
}

/* A file that a power cut left short, or empty, or full of zeros, has no valid end. */
static int check_whole(const struct rb_buf *file, bool *is_whole, struct rb_err *err)
{
	struct rb_hasher *hasher = NULL;
	struct rb_oid sum = {{0}};
	struct rb_oid want;
	int rc;

	*is_whole = false;
	if (file->len < HEADER_SIZE + sizeof(want) || memcmp(file->data, "DIRC", 4) != 0)
		return RB_OK;
	memcpy(want.id, file->data + file->len - sizeof(want), sizeof(want));
	if (rb_oid_is_none(&want)) {
		*is_whole = true;
		return RB_OK;
	}
	rc = rb_hasher_new(&hasher, err);
	if (rc < 0)
		return rc;
	rc = rb_hasher_begin(hasher, err);
	if (rc == RB_OK)
		rc = rb_hasher_add(hasher, file->data, file->len - sizeof(want), err);
	if (rc == RB_OK)
		rc = rb_hasher_end(hasher, &sum, err);
	if (rc == RB_OK)
		*is_whole = rb_oid_equal(&sum, &want);
	rb_hasher_free(hasher);
	return rc;
}

int rb_index_read(const char *path, struct rb_index *out, struct rb_err *err)
{
	struct rb_buf file = RB_BUF(RB_INDEX_BYTES_MAX);
	struct reader reader = {.name = path, .path = RB_BUF(PATH_BYTES_MAX)};
	struct stat st;
	bool is_whole = false;
	int rc = RB_OK;

	memset(out, 0, sizeof(*out));
	/* The time is asked for first: a later change makes entries look racy, not clean. */
	if (stat(path, &st) < 0) {
		if (errno != ENOENT)
			rc = rb_err_sys(err, errno, "cannot read index '%s'", path);
		goto out;
	}
	rc = rb_fs_read(path, &file, err);
	if (rc == RB_OK)
		rc = check_whole(&file, &is_whole, err);
	if (rc < 0)
		goto out;
	if (!is_whole) {
		out->is_damaged = true;
		goto out;
	}

	out->taken_at = st.st_mtim;
	reader.data = (const unsigned char *)file.data;
	reader.pos = HEADER_SIZE;
	reader.end = file.len - sizeof(struct rb_oid);
	reader.version = get32(reader.data + 4);
	rc = read_all(&reader, out, err);

out:
	if (rc < 0)
		rb_index_release(out);
	rb_buf_release(&reader.path);
	rb_buf_release(&file);
	return rc;
}
