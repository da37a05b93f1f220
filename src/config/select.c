/*
 * See rowback/config/select.h.
 */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "rowback/base/buf.h"
#include "rowback/config/select.h"
#include "config_priv.h"

/* Bytes of "table.column": two names of SQLite, which have no limit, in reason. */
#define NAME_MAX_BYTES ((size_t)16 << 20)

static int add(struct rb_patterns *patterns, const char *text, size_t len, struct rb_err *err)
{
	char **grown = realloc(patterns->list, (patterns->count + 1) * sizeof(*grown));

	if (!grown)
		return rb_err_set(err, RB_E_NOMEM, "no memory for the configuration");
	patterns->list = grown;
	grown[patterns->count] = strndup(text, len);
	if (!grown[patterns->count])
		return rb_err_set(err, RB_E_NOMEM, "no memory for the configuration");
	patterns->count++;
	return RB_OK;
}

int rb_patterns_add(struct rb_patterns *patterns, const char *text, struct rb_err *err)
{
	for (;;) {
		size_t len = strcspn(text, ",");
		size_t from = strspn(text, " \t");
		size_t to = len;

		while (to > from && (text[to - 1] == ' ' || text[to - 1] == '\t'))
			to--;
		if (from < to) {
			int rc = add(patterns, text + from, to - from, err);

			if (rc < 0)
				return rc;
		}
		if (!text[len])
			return RB_OK;
		text += len + 1;
	}
}

int rb_config_add_patterns(const struct rb_config_entry *entry, struct rb_patterns *patterns,
                           struct rb_err *err)
{
	return entry->value ? rb_patterns_add(patterns, entry->value, err)
	                    : rb_config_bad_value(entry, "names, or patterns", err);
}

void rb_patterns_release(struct rb_patterns *patterns)
{
	for (size_t i = 0; i < patterns->count; i++)
		free(patterns->list[i]);
	free(patterns->list);
	memset(patterns, 0, sizeof(*patterns));
}

bool rb_pattern_matches(const char *pattern, const char *name)
{
	return fnmatch(pattern + (*pattern == '!'), name, 0) == 0;
}

bool rb_patterns_match(const struct rb_patterns *patterns, const char *name)
{
	for (size_t i = patterns->count; i > 0; i--) {
		const char *pattern = patterns->list[i - 1];

		if (rb_pattern_matches(pattern, name))
			return *pattern != '!';
	}
	return false;
}

/* Bytes of the schema that a pattern spells out: 4 of "auth.*"; 0 of "*.x" and "x". */
static size_t spelled_out(const char *pattern)
{
	size_t len = strcspn(pattern, ".");

	return pattern[len] && strcspn(pattern, "*?[\\") > len ? len : 0;
}

static bool spells_out(const char *pattern, const char *name, size_t len)
{
	const char *from = pattern + (*pattern == '!');

	return len > 0 && spelled_out(from) == len && strncmp(from, name, len) == 0;
}

/* Whether `include` takes a table in. */
static bool includes(const struct rb_patterns *include, const char *table)
{
	size_t len = strcspn(table, ".");
	bool is_spelled_out = false;
	bool taken = false;

	if (!table[len])
		len = 0;
	for (size_t i = 0; i < include->count; i++)
		is_spelled_out |= spells_out(include->list[i], table, len);
	for (size_t i = 0; i < include->count; i++) {
		const char *pattern = include->list[i];

		if (is_spelled_out && !spells_out(pattern, table, len))
			continue;
		if (rb_pattern_matches(pattern, table))
			taken = *pattern != '!';
	}
	return taken;
}

/* Whether the table is included whose storage this is: "docs_data" of "docs". */
static bool includes_owner(const struct rb_patterns *include, const char *storage)
{
	char *name = strdup(storage);
	bool taken = false;
	char *end;

	/* Without memory it is rather one table too many. */
	if (!name)
		return true;
	while (!taken && (end = strrchr(name, '_')) != NULL) {
		*end = '\0';
		taken = includes(include, name);
	}
	free(name);
	return taken;
}

bool rb_select_table(const struct rb_source_config *source, const char *table,
                     enum rb_table_kind kind)
{
	if (rb_patterns_match(&source->exclude, table))
		return false;
	if (source->include.count == 0 || kind == RB_TABLE_SYSTEM)
		return true;
	return includes(&source->include, table) ||
	       (kind == RB_TABLE_SHADOW && includes_owner(&source->include, table));
}

bool rb_select_schema(const struct rb_source_config *source, const char *schema, bool is_platforms)
{
	bool is_asked_for = !is_platforms;

	if (rb_patterns_match(&source->exclude_schemas, schema))
		return false;
	for (size_t i = 0; i < source->include.count && !is_asked_for; i++)
		is_asked_for = *source->include.list[i] != '!' &&
		               spells_out(source->include.list[i], schema, strlen(schema));
	return is_asked_for;
}

bool rb_select_column(const struct rb_source_config *source, const char *table, const char *column)
{
	struct rb_buf name = RB_BUF(NAME_MAX_BYTES);
	bool is_left_out = false;

	if (source->exclude_columns.count == 0)
		return true;
	/* What cannot be told is rather left out than given away. */
	if (rb_buf_addf(&name, NULL, "%s.%s", table, column) < 0)
		is_left_out = true;
	else
		is_left_out = rb_patterns_match(&source->exclude_columns, rb_buf_str(&name));
	rb_buf_release(&name);
	return !is_left_out;
}
