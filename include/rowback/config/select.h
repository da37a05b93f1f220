/*
 * Which schemas, tables and columns of a source are backed up.
 *
 * Layer: config (2).  Uses: rowback/base, rowback/value/schema.h.
 *
 *	include = public.*, auth.users             tables; none: all
 *	exclude = *.cache_*, !public.cache_rules   tables whose rows are left out
 *	excludeSchemas = tmp_*                     schemas with all that is in them
 *	excludeColumns = *.users.password_hash     columns whose values are left out
 *
 * A pattern is a shell's glob over a whole name ("*", "?", "[a-z]", "\" before one of these;
 * case counts; "*" goes over dots, too).  One with "!" in front takes back what those before
 * it matched: the last that matches decides.  Names are as rowback shows them: "users" in
 * SQLite, "public.users" in PostgreSQL.
 *
 * A platform's own schemas (Supabase's "auth") are left out unless a pattern of `include`
 * spells them out, as "auth.users" and "auth.*" do, and "*" does not.  A schema that is
 * spelled out is decided about by those patterns alone: "*, auth.users" is all of yours, and
 * of auth that one table.
 */
#ifndef ROWBACK_CONFIG_SELECT_H
#define ROWBACK_CONFIG_SELECT_H

#include <stdbool.h>
#include <stddef.h>

#include "rowback/base/err.h"
#include "rowback/config/config.h"
#include "rowback/value/schema.h"

/** Take over patterns, separated by commas, blanks around them left out. */
int rb_patterns_add(struct rb_patterns *patterns, const char *text,
                    struct rb_err *err) RB_MUST_CHECK;

/** The struct is empty afterwards. */
void rb_patterns_release(struct rb_patterns *patterns);

/** Whether one pattern matches a name; its "!" does not count. */
bool rb_pattern_matches(const char *pattern, const char *name);

/** Whether the last of the patterns that matches has no "!"; false when none does. */
bool rb_patterns_match(const struct rb_patterns *patterns, const char *name);

/**
 * Whether rows of a table are backed up.
 *
 * kind  RB_TABLE_SYSTEM: `include` is not about it; RB_TABLE_SHADOW: included with the table
 *       whose storage it is
 */
bool rb_select_table(const struct rb_source_config *source, const char *table,
                     enum rb_table_kind kind);

/**
 * Whether a schema is looked at.
 *
 * schema        its name, without quotes
 * is_platforms  a platform made it, not the user
 */
bool rb_select_schema(const struct rb_source_config *source, const char *schema, bool is_platforms);

/** Whether values of a column are backed up. */
bool rb_select_column(const struct rb_source_config *source, const char *table, const char *column);

#endif /* ROWBACK_CONFIG_SELECT_H */
