/*
 * See sumfile_priv.h.
 */
#include <stdlib.h>
#include <string.h>

#include "rowback/base/fs.h"
#include "sumfile_priv.h"

#define BUFFER_BYTES ((size_t)64 << 10)

int rb_sumfile_begin(struct rb_sumfile *file, int fd, const char *name, struct rb_err *err)
{
	int rc = rb_hasher_new(&file->hasher, err);

	if (rc < 0)
		return rc;
	file->fd = fd;
	file->name = name;
	file->buffer = malloc(BUFFER_BYTES);
	if (!file->buffer)
		return rb_err_set(err, RB_E_NOMEM, "no memory to write '%s'", name);
	return rb_hasher_begin(file->hasher, err);
}

static int flush(struct rb_sumfile *file, struct rb_err *err)
{
	int rc = rb_hasher_add(file->hasher, file->buffer, file->buffered, err);

	if (rc == RB_OK)
		rc = rb_fs_write_all(file->fd, file->buffer, file->buffered, file->name, err);
	if (rc < 0)
		return rc;
	file->written += file->buffered;
	file->buffered = 0;
	return RB_OK;
}

int rb_sumfile_put(struct rb_sumfile *file, const void *data, size_t len, struct rb_err *err)
{
	const unsigned char *from = data;

	while (len > 0) {
		size_t part = BUFFER_BYTES - file->buffered;

		if (part > len)
			part = len;
		memcpy(file->buffer + file->buffered, from, part);
		file->buffered += part;
		from += part;
		len -= part;
		if (file->buffered == BUFFER_BYTES) {
			int rc = flush(file, err);

			if (rc < 0)
				return rc;
		}
	}
	return RB_OK;
}

int rb_sumfile_put32(struct rb_sumfile *file, uint32_t value, struct rb_err *err)
{
	const unsigned char bytes[4] = {(unsigned char)(value >> 24), (unsigned char)(value >> 16),
	                                (unsigned char)(value >> 8), (unsigned char)value};

	return rb_sumfile_put(file, bytes, sizeof(bytes), err);
}

int rb_sumfile_end(struct rb_sumfile *file, struct rb_err *err)
{
	struct rb_oid sum;
	int rc = flush(file, err);

	if (rc == RB_OK)
		rc = rb_hasher_end(file->hasher, &sum, err);
	if (rc == RB_OK)
		rc = rb_fs_write_all(file->fd, sum.id, sizeof(sum.id), file->name, err);
	if (rc == RB_OK)
		file->written += sizeof(sum.id);
	return rc;
}

void rb_sumfile_release(struct rb_sumfile *file)
{
	rb_hasher_free(file->hasher);
	free(file->buffer);
	memset(file, 0, sizeof(*file));
}
