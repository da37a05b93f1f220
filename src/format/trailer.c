/*
 * See trailer_priv.h.
 */
#include <string.h>

#include "rowback/base/encode.h"
#include "trailer_priv.h"

int rb_trailer_add_clean(const char *text, size_t len, bool keep_tabs, struct rb_buf *out,
                         struct rb_err *err)
{
	size_t valid = rb_utf8_valid_len(text, len);
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		bool is_bad = (c < 0x20 || c == 0x7f) && !(keep_tabs && c == '\t');

		if (i == valid) {
			/* One byte that starts nothing; what follows may be well-formed again. */
			valid = i + 1 + rb_utf8_valid_len(text + i + 1, len - i - 1);
			is_bad = true;
		}
		rc = rb_buf_add(out, is_bad ? "?" : text + i, 1, err);
	}
	return rc;
}

int rb_trailer_add_text(const char *text, struct rb_buf *out, struct rb_err *err)
{
	return rb_trailer_add_clean(text, strlen(text), false, out, err);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

int rb_trailer_add(const char *name, const char *value, struct rb_buf *out, struct rb_err *err)
{
	size_t len;
	int rc;

	while (value && is_blank(*value))
		value++;
	if (!value || !*value)
		return RB_OK;
	len = strlen(value);
	while (is_blank(value[len - 1]))
		len--;
	rc = rb_buf_addf(out, err, "%s: ", name);
	if (rc == RB_OK)
		rc = rb_trailer_add_clean(value, len, false, out, err);
	return rc < 0 ? rc : rb_buf_adds(out, "\n", err);
}

struct rb_trailer_line rb_trailer_line_at(const char *text)
{
	return (struct rb_trailer_line){text, strcspn(text, "\n")};
}

const char *rb_trailer_after(struct rb_trailer_line line)
{
	return line.at + line.len + (line.at[line.len] == '\n');
}

static bool is_empty(struct rb_trailer_line line)
{
	for (size_t i = 0; i < line.len; i++) {
		if (!is_blank(line.at[i]))
			return false;
	}
	return true;
}

const char *rb_trailer_find(const char *text)
{
	const char *found = NULL;
	bool was_empty = false;
	bool any = false;

	for (; *text; text = rb_trailer_after(rb_trailer_line_at(text))) {
		bool empty = is_empty(rb_trailer_line_at(text));

		if (!empty && any && was_empty)
			found = text;
		any |= !empty;
		was_empty = empty;
	}
	return found ? found : text;
}

bool rb_trailer_is(struct rb_trailer_line line, const char *name, struct rb_trailer_line *value)
{
	size_t name_len = strlen(name);

	if (line.len < name_len + 2 || strncmp(line.at, name, name_len) != 0 ||
	    line.at[name_len] != ':' || line.at[name_len + 1] != ' ')
		return false;
	value->at = line.at + name_len + 2;
	value->len = line.len - name_len - 2;
	return true;
}
