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
#include "sumfile_priv.h"

static int put_fanout(struct rb_sumfile *file, const struct rb_idx_opts *opts, struct rb_err *err)
{
	static const unsigned char head[RB_IDX_HEADER_SIZE] = {0xff, 't', 'O', 'c', 0, 0, 0, 2};
	size_t at = 0;
	int rc = rb_sumfile_put(file, head, sizeof(head), err);

	for (unsigned int byte = 0; rc == RB_OK && byte < 256; byte++) {
		while (at < opts->count && opts->entries[at].oid.id[0] == byte)
			at++;
		rc = rb_sumfile_put32(file, (uint32_t)at, err);
	}
	return rc;
}

static int put_offsets(struct rb_sumfile *file, const struct rb_idx_opts *opts, struct rb_err *err)
{
	uint32_t large = 0;
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < opts->count; i++) {
		if (opts->entries[i].offset > opts->offset_max)
			rc = rb_sumfile_put32(file, UINT32_C(0x80000000) | large++, err);
		else
			rc = rb_sumfile_put32(file, (uint32_t)opts->entries[i].offset, err);
	}
	for (size_t i = 0; rc == RB_OK && large > 0 && i < opts->count; i++) {
		if (opts->entries[i].offset <= opts->offset_max)
			continue;
		rc = rb_sumfile_put32(file, (uint32_t)(opts->entries[i].offset >> 32), err);
		if (rc == RB_OK)
			rc = rb_sumfile_put32(file, (uint32_t)opts->entries[i].offset, err);
	}
	return rc;
}

static int put_all(struct rb_sumfile *file, const struct rb_idx_opts *opts, struct rb_err *err)
{
	int rc = put_fanout(file, opts, err);

	for (size_t i = 0; rc == RB_OK && i < opts->count; i++)
		rc = rb_sumfile_put(file, opts->entries[i].oid.id, sizeof(opts->entries[i].oid.id),
		                    err);
	for (size_t i = 0; rc == RB_OK && i < opts->count; i++)
		rc = rb_sumfile_put32(file, opts->entries[i].crc, err);
	if (rc == RB_OK)
		rc = put_offsets(file, opts, err);
	if (rc == RB_OK)
		rc = rb_sumfile_put(file, opts->pack_checksum.id, sizeof(opts->pack_checksum.id),
		                    err);
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
	struct rb_sumfile file = {0};
	int rc = rb_sumfile_begin(&file, opts->fd, opts->name, err);

	qsort(opts->entries, opts->count, sizeof(*opts->entries), by_name);
	if (rc == RB_OK)
		rc = put_all(&file, opts, err);
	if (rc == RB_OK)
		rc = rb_sumfile_end(&file, err);
	if (rc == RB_OK)
		*size = file.written;
	rb_sumfile_release(&file);
	return rc;
}
