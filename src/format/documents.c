/*
 * See documents_priv.h.
 */
#include <string.h>

#include "documents_priv.h"

int rb_document_same(const char *text, size_t len, const struct rb_buf *again, struct rb_err *err)
{
	const char *want = rb_buf_str(again);
	size_t common = len < again->len ? len : again->len;
	size_t line = 1;

	if (len == again->len && (len == 0 || memcmp(text, want, len) == 0))
		return RB_OK;
	for (size_t i = 0; i < common && text[i] == want[i]; i++)
		line += text[i] == '\n';
	return rb_err_set(err, RB_E_FORMAT, "line %zu is not as rowback writes it", line);
}
