/*
 * See deflate_priv.h: reading.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>
#ifdef RB_HAVE_ISAL
#include <isa-l.h>
#endif

#include "deflate_priv.h"

/* A chunk of rows is 6 to 9 KiB in the pack: one read gets it with what stands before. */
#define INPUT_BYTES ((size_t)16 << 10)

struct rb_inflater {
	int fd;
	uint64_t offset; /**< where the next read begins */
	uint64_t end;    /**< no read goes past this */
	size_t input_len;
	unsigned char input[INPUT_BYTES];
#ifdef RB_HAVE_ISAL
	struct inflate_state state;
#else
	z_stream state;
#endif
};

/* The next bytes of the file into input; none are left at the end. */
static int fill(struct rb_inflater *inflater, struct rb_err *err)
{
	uint64_t left = inflater->end - inflater->offset;
	size_t want = left < INPUT_BYTES ? (size_t)left : INPUT_BYTES;
	ssize_t got;

	do
		got = pread(inflater->fd, inflater->input, want, (off_t)inflater->offset);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return rb_err_sys(err, errno, "cannot read a pack");
	inflater->input_len = (size_t)got;
	inflater->offset += (uint64_t)got;
	return RB_OK;
}

int rb_inflater_begin(struct rb_inflater *inflater, int fd, uint64_t offset, uint64_t end,
                      const unsigned char **head, size_t *head_len, struct rb_err *err)
{
	int rc;

	inflater->fd = fd;
	inflater->offset = offset;
	inflater->end = end < offset ? offset : end;
	rc = fill(inflater, err);
	*head = inflater->input;
	*head_len = inflater->input_len;
	return rc;
}

static int damaged(struct rb_err *err)
{
	return rb_err_set(err, RB_E_FORMAT, "deflated data is damaged");
}

/* How a stream ended. */
static int check_end(bool ended, size_t got, size_t want, struct rb_err *err)
{
	if (!ended)
		return damaged(err);
	if (got != want)
		return rb_err_set(err, RB_E_FORMAT, "deflated data holds %zu bytes, not %zu", got,
		                  want);
	return RB_OK;
}

#ifdef RB_HAVE_ISAL

int rb_inflater_new(struct rb_inflater **out, struct rb_err *err)
{
	struct rb_inflater *inflater = malloc(sizeof(*inflater));

	if (!inflater)
		return rb_err_set(err, RB_E_NOMEM, "no memory to inflate");
	*out = inflater;
	return RB_OK;
}

void rb_inflater_free(struct rb_inflater *inflater)
{
	free(inflater);
}

int rb_inflater_run(struct rb_inflater *inflater, size_t skip, void *out, size_t len,
                    struct rb_err *err)
{
	struct inflate_state *state = &inflater->state;
	unsigned char *to = out;
	int rc;

	if (len >= UINT32_MAX)
		return rb_err_set(err, RB_E_LIMIT, "an object of %zu bytes is too large", len);
	isal_inflate_init(state);
	state->crc_flag = ISAL_ZLIB;
	state->next_in = inflater->input + skip;
	state->avail_in = (uint32_t)(inflater->input_len - skip);
	state->next_out = to;
	state->avail_out = (uint32_t)len + 1;
	for (;;) {
		rc = isal_inflate(state);
		if (rc < 0 || state->block_state == ISAL_BLOCK_FINISH || state->avail_out == 0)
			break;
		if (state->avail_in > 0)
			return damaged(err);
		rc = fill(inflater, err);
		if (rc < 0)
			return rc;
		if (inflater->input_len == 0)
			break;
		state->next_in = inflater->input;
		state->avail_in = (uint32_t)inflater->input_len;
	}
	return check_end(rc >= 0 && (state->block_state == ISAL_BLOCK_FINISH || !state->avail_out),
	                 (size_t)(state->next_out - to), len, err);
}

#else

int rb_inflater_new(struct rb_inflater **out, struct rb_err *err)
{
	struct rb_inflater *inflater = calloc(1, sizeof(*inflater));

	if (!inflater || inflateInit(&inflater->state) != Z_OK) {
		free(inflater);
		return rb_err_set(err, RB_E_NOMEM, "no memory to inflate");
	}
	*out = inflater;
	return RB_OK;
}

void rb_inflater_free(struct rb_inflater *inflater)
{
	if (!inflater)
		return;
	inflateEnd(&inflater->state);
	free(inflater);
}

int rb_inflater_run(struct rb_inflater *inflater, size_t skip, void *out, size_t len,
                    struct rb_err *err)
{
	z_stream *state = &inflater->state;
	int rc = inflateReset(state);

	if (len >= UINT32_MAX)
		return rb_err_set(err, RB_E_LIMIT, "an object of %zu bytes is too large", len);
	state->next_in = inflater->input + skip;
	state->avail_in = (uInt)(inflater->input_len - skip);
	state->next_out = out;
	state->avail_out = (uInt)len + 1;
	while (rc == Z_OK) {
		rc = inflate(state, Z_NO_FLUSH);
		if (rc != Z_OK || state->avail_out == 0 || state->avail_in > 0)
			break;
		rc = fill(inflater, err);
		if (rc < 0)
			return rc;
		if (inflater->input_len == 0)
			break;
		state->next_in = inflater->input;
		state->avail_in = (uInt)inflater->input_len;
	}
	return check_end(rc == Z_STREAM_END || state->avail_out == 0, state->total_out, len, err);
}

#endif
