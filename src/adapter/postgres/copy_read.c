/*
 * See postgres_priv.h: lines of COPY ... TO STDOUT in text format.
 *
 *	1\tit's \\ a \\ttab\t\\N\n
 *
 * Columns are separated by tabs; \N is NULL; \b \f \n \r \t \v and \\ are what the server
 * escapes, so that a tab or a newline in a line is never part of a value.
 *
 * source: PostgreSQL, COPY, "Text Format"; src/backend/commands/copyto.c,
 *         CopyAttributeOutText()
 */
#include <string.h>

#include "postgres_priv.h"

/* What a letter behind a backslash stands for; 0 for what the server does not write. */
static char unescaped(char letter)
{
	static const char letters[] = "bfnrtv\\";
	static const char bytes[] = "\b\f\n\r\t\v\\";
	const char *at = letter ? strchr(letters, letter) : NULL;

	return at ? bytes[at - letters] : '\0';
}

/* Take the escapes out of a field, in place.  *end becomes its new end. */
static bool unescape(char *field, char **end)
{
	char *from = memchr(field, '\\', (size_t)(*end - field));
	char *to = from;

	while (from) {
		char *next;
		char byte = from + 1 < *end ? unescaped(from[1]) : '\0';
		size_t plain;

		if (!byte)
			return false;
		*to++ = byte;
		from += 2;
		next = memchr(from, '\\', (size_t)(*end - from));
		plain = (size_t)((next ? next : *end) - from);
		memmove(to, from, plain);
		to += plain;
		from = next;
	}
	if (to)
		*end = to;
	**end = '\0';
	return true;
}

static int take_field(char *field, char *end, const char *form, struct rb_value *out,
                      struct rb_err *err)
{
	if (end - field == 2 && field[0] == '\\' && field[1] == 'N') {
		out->kind = RB_VALUE_NULL;
		return RB_OK;
	}
	if (!unescape(field, &end))
		return rb_err_set(err, RB_E_FORMAT, "an escape that COPY does not write");
	return rb_pg_value(form, field, (size_t)(end - field), out, err);
}

static int count_differs(size_t count, struct rb_err *err)
{
	return rb_err_set(err, RB_E_FORMAT, "a row has not the %zu columns that were asked for",
	                  count);
}

int rb_pg_copy_line(char *line, size_t len, const char *const *forms, size_t count,
                    struct rb_value *values, struct rb_err *err)
{
	char *end;

	if (len > 0 && line[len - 1] == '\n')
		len--;
	end = line + len;
	if (count == 0)
		return len == 0 ? RB_OK : count_differs(count, err);
	for (size_t i = 0; i < count; i++) {
		char *tab = memchr(line, '\t', (size_t)(end - line));
		int rc;

		if (!tab != (i + 1 == count))
			return count_differs(count, err);
		rc = take_field(line, tab ? tab : end, forms[i], &values[i], err);
		if (rc < 0)
			return rb_err_wrap(err, rc, "column %zu", i + 1);
		if (tab)
			line = tab + 1;
	}
	return RB_OK;
}
