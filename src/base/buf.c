/*
 * See rowback/base/buf.h.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowback/base/buf.h"

void rb_buf_init(struct rb_buf *buf, size_t max_bytes)
{
	memset(buf, 0, sizeof(*buf));
	buf->max = max_bytes;
}

void rb_buf_release(struct rb_buf *buf)
{
	free(buf->data);
	buf->data = NULL;
	buf->len = 0;
	buf->cap = 0;
}

void rb_buf_clear(struct rb_buf *buf)
{
	buf->len = 0;
	if (buf->data)
		buf->data[0] = '\0';
}

int rb_buf_reserve(struct rb_buf *buf, size_t extra, struct rb_err *err)
{
	size_t need;
	size_t cap;
	char *grown;

	if (extra > buf->max || buf->len > buf->max - extra)
		return rb_err_set(err, RB_E_LIMIT, "%zu bytes are more than the limit of %zu",
		                  buf->len + extra, buf->max);
	/* No object is larger; and with a maximum of SIZE_MAX the sum below would wrap. */
	if (extra >= PTRDIFF_MAX - buf->len)
		return rb_err_set(err, RB_E_NOMEM, "no memory for %zu more bytes", extra);
	need = buf->len + extra + 1;
	if (need <= buf->cap)
		return RB_OK;

	cap = buf->cap ? buf->cap : 64;
	while (cap < need)
		cap += cap / 2 + 1;
	grown = realloc(buf->data, cap);
	if (!grown)
		return rb_err_set(err, RB_E_NOMEM, "no memory for %zu bytes", cap);
	buf->data = grown;
	buf->cap = cap;
	buf->data[buf->len] = '\0';
	return RB_OK;
}

int rb_buf_add(struct rb_buf *buf, const void *data, size_t len, struct rb_err *err)
{
	int rc = rb_buf_reserve(buf, len, err);

	if (rc < 0)
		return rc;
	if (len > 0)
		memcpy(buf->data + buf->len, data, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
	return RB_OK;
}

int rb_buf_adds(struct rb_buf *buf, const char *text, struct rb_err *err)
{
	return rb_buf_add(buf, text, strlen(text), err);
}

int rb_buf_addf(struct rb_buf *buf, struct rb_err *err, const char *fmt, ...)
{
	va_list ap;
	int len;
	int rc;

	va_start(ap, fmt);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (len < 0)
		return rb_err_set(err, RB_E_FORMAT, "text cannot be formatted");

	rc = rb_buf_reserve(buf, (size_t)len, err);
	if (rc < 0)
		return rc;
	va_start(ap, fmt);
	vsnprintf(buf->data + buf->len, (size_t)len + 1, fmt, ap);
	va_end(ap);
	buf->len += (size_t)len;
	return RB_OK;
}

int rb_buf_add_quoted(struct rb_buf *buf, const char *text, char quote, struct rb_err *err)
{
	int rc = rb_buf_add(buf, &quote, 1, err);

	while (rc == RB_OK && *text) {
		const char *end = strchr(text, quote);
		size_t len = end ? (size_t)(end - text) + 1 : strlen(text);

		rc = rb_buf_add(buf, text, len, err);
		if (rc == RB_OK && end)
			rc = rb_buf_add(buf, &quote, 1, err);
		text += len;
	}
	return rc == RB_OK ? rb_buf_add(buf, &quote, 1, err) : rc;
}

const char *rb_buf_str(const struct rb_buf *buf)
{
	return buf->data ? buf->data : "";
}

char *rb_buf_detach(struct rb_buf *buf)
{
	char *data = buf->data ? buf->data : calloc(1, 1);

	buf->data = NULL;
	buf->len = 0;
	buf->cap = 0;
	return data;
}
