/*
 * See rowback/base/suggest.h.
 */
#include <string.h>
#include <strings.h>

#include "rowback/base/suggest.h"

static size_t min_of(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* ASCII only: the locale must not decide what a user is told. */
static char lower(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	return c;
}

size_t rb_suggest_distance(const char *a, const char *b)
{
	/* rows[i % 3] is row i of the table; three rows are enough to see a swap. */
	size_t rows[3][RB_SUGGEST_BYTES_MAX + 1];
	size_t a_len = min_of(strlen(a), RB_SUGGEST_BYTES_MAX);
	size_t b_len = min_of(strlen(b), RB_SUGGEST_BYTES_MAX);

	for (size_t j = 0; j <= b_len; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t *row = rows[i % 3];
		const size_t *above = rows[(i + 2) % 3];
		const size_t *above2 = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			char x = lower(a[i - 1]);
			char y = lower(b[j - 1]);

			row[j] = min_of(min_of(above[j], row[j - 1]) + 1, above[j - 1] + (x != y));
			if (i > 1 && j > 1 && x == lower(b[j - 2]) && lower(a[i - 2]) == y)
				row[j] = min_of(row[j], above2[j - 2] + 1);
		}
	}
	return rows[a_len % 3][b_len];
}

const char *rb_suggest(const char *word, const char *const *known)
{
	size_t len = min_of(strlen(word), RB_SUGGEST_BYTES_MAX);
	size_t best = len / 3 > 1 ? len / 3 : 1;
	const char *found = NULL;

	for (size_t i = 0; len >= 3 && known[i]; i++) {
		if (strncasecmp(known[i], word, len) == 0)
			return known[i];
	}
	for (size_t i = 0; known[i]; i++) {
		size_t distance = rb_suggest_distance(word, known[i]);

		if (distance < best || (distance == best && !found)) {
			best = distance;
			found = known[i];
		}
	}
	return found;
}
