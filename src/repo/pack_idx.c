/*
 * See pack_idx_priv.h.
 *
 *	ff 74 4f 63  00 00 00 02    magic, version
 *	256 x 4 bytes               objects whose first byte is at most this
 *	n x 20 bytes                names, sorted
 *	n x 4 bytes                 CRC-32 of each object's bytes in the pack
 *	n x 4 bytes                 offsets, or 0x80000000 + a place in the next table
 *	m x 8 bytes                 offsets past offset_max
 *	20 bytes, 20 bytes          SHA-1 of the pack, SHA-1 of all the above
 *
 * source  gitformat-pack(5)
 */
#include <stdlib.h>
#include <string.h>

#include "pack_idx_priv.h"
#include "packfile_priv.h"
#include "rowback/base/fs.h"

#define BUFFER_BYTES ((size_t)64 << 10)

/* A file that is written and hashed in one go. */
struct sink {
	const struct rb_idx_opts *opts;
	struct rb_hasher *hasher;
	unsigned char *buffer;
	size_t buffered;
	uint64_t written;
};

static int flush(struct sink *sink, struct rb_err *err)
{
	int rc = rb_hasher_add(sink->hasher, sink->buffer, sink->buffered, err);

	if (rc == RB_OK)
		rc = rb_fs_write_all(sink->opts->fd, sink->buffer, sink->buffered, sink->opts->name,
		                     err);
	if (rc < 0)
		return rc;
	sink->written += sink->buffered;
	sink->buffered = 0;
	return RB_OK;
}

static int put(struct sink *sink, const void *data, size_t len, struct rb_err *err)
{
	int rc = RB_OK;

	if (BUFFER_BYTES - sink->buffered < len)
		rc = flush(sink, err);
	if (rc < 0)
		return rc;
	memcpy(sink->buffer + sink->buffered, data, len);
	sink->buffered += len;
	return RB_OK;
}

static int put32(struct sink *sink, uint32_t value, struct rb_err *err)
{
	const unsigned char bytes[4] = {(unsigned char)(value >> 24), (unsigned char)(value >> 16),
	                                (unsigned char)(value >> 8), (unsigned char)value};

	return put(sink, bytes, sizeof(bytes), err);
}

static int put_fanout(struct sink *sink, struct rb_err *err)
{
	static const unsigned char head[RB_IDX_HEADER_SIZE] = {0xff, 't', 'O', 'c', 0, 0, 0, 2};
	size_t at = 0;
	int rc = put(sink, head, sizeof(head), err);

	for (unsigned int byte = 0; rc == RB_OK && byte < 256; byte++) {
		while (at < sink->opts->count && sink->opts->entries[at].oid.id[0] == byte)
			at++;
		rc = put32(sink, (uint32_t)at, err);
	}
	return rc;
}

static int put_offsets(struct sink *sink, struct rb_err *err)
{
	const struct rb_idx_opts *opts = sink->opts;
	uint32_t large = 0;
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < opts->count; i++) {
		if (opts->entries[i].offset > opts->offset_max)
			rc = put32(sink, UINT32_C(0x80000000) | large++, err);
		else
			rc = put32(sink, (uint32_t)opts->entries[i].offset, err);
	}
	for (size_t i = 0; rc == RB_OK && large > 0 && i < opts->count; i++) {
		if (opts->entries[i].offset <= opts->offset_max)
			continue;
		rc = put32(sink, (uint32_t)(opts->entries[i].offset >> 32), err);
		if (rc == RB_OK)
			rc = put32(sink, (uint32_t)opts->entries[i].offset, err);
	}
	return rc;
}

static int put_all(struct sink *sink, struct rb_err *err)
{
	const struct rb_idx_opts *opts = sink->opts;
	struct rb_oid checksum;
	int rc = put_fanout(sink, err);

	for (size_t i = 0; rc == RB_OK && i < opts->count; i++)
		rc = put(sink, opts->entries[i].oid.id, sizeof(opts->entries[i].oid.id), err);
	for (size_t i = 0; rc == RB_OK && i < opts->count; i++)
		rc = put32(sink, opts->entries[i].crc, err);
	if (rc == RB_OK)
		rc = put_offsets(sink, err);
	if (rc == RB_OK)
		rc = put(sink, opts->pack_checksum.id, sizeof(opts->pack_checksum.id), err);
	if (rc == RB_OK)
		rc = flush(sink, err);
	if (rc == RB_OK)
		rc = rb_hasher_end(sink->hasher, &checksum, err);
	if (rc == RB_OK)
		rc = rb_fs_write_all(opts->fd, checksum.id, sizeof(checksum.id), opts->name, err);
	sink->written += sizeof(checksum.id);
	return rc;
}

static int by_name(const void *a, const void *b)
{
	const struct rb_idx_entry *left = a;
	const struct rb_idx_entry *right = b;

	return memcmp(left->oid.id, right->oid.id, sizeof(left->oid.id));
}

int rb_pack_idx_write(const struct rb_idx_opts *opts, uint64_t *size, struct rb_err *err)
{
	struct sink sink = {.opts = opts};
	int rc = rb_hasher_new(&sink.hasher, err);

	if (rc < 0)
		return rc;
	sink.buffer = malloc(BUFFER_BYTES);
	if (!sink.buffer) {
		rc = rb_err_set(err, RB_E_NOMEM, "no memory to write '%s'", opts->name);
		goto out;
	}
	qsort(opts->entries, opts->count, sizeof(*opts->entries), by_name);
	rc = rb_hasher_begin(sink.hasher, err);
	if (rc == RB_OK)
		rc = put_all(&sink, err);
	if (rc == RB_OK)
		*size = sink.written;

out:
	free(sink.buffer);
	rb_hasher_free(sink.hasher);
	return rc;
}
