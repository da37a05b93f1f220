/*
 * See restore_priv.h: the tables that a restore is asked for, by names, patterns and schemas.
 */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "restore_priv.h"

/* What the options name, in the making. */
struct wanted {
	const struct rb_catalog *catalog;
	char **list;
	size_t count;
};

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory to plan a restore");
}

static int add(struct wanted *wanted, const char *name, struct rb_err *err)
{
	char **grown;

	for (size_t i = 0; i < wanted->count; i++)
		if (strcmp(wanted->list[i], name) == 0)
			return RB_OK;
	/* And the NULL behind the last one. */
	grown = realloc(wanted->list, (wanted->count + 2) * sizeof(*grown));
	if (!grown)
		return no_memory(err);
	wanted->list = grown;
	grown[wanted->count] = strdup(name);
	if (!grown[wanted->count])
		return no_memory(err);
	grown[++wanted->count] = NULL;
	return RB_OK;
}

/* A name as it is, also where the backup does not have it: that is said later. */
static bool is_name(const struct wanted *wanted, const char *text)
{
	return !strpbrk(text, "*?[\\") || rb_catalog_table(wanted->catalog, text) ||
	       rb_restore_find(wanted->catalog, "table", text);
}

static int add_matching(struct wanted *wanted, const char *pattern, struct rb_err *err)
{
	size_t before = wanted->count;
	int rc = RB_OK;

	if (is_name(wanted, pattern))
		return add(wanted, pattern, err);
	for (size_t i = 0; rc == RB_OK && i < wanted->catalog->table_count; i++)
		if (wanted->catalog->tables[i].kind != RB_TABLE_SYSTEM &&
		    fnmatch(pattern, wanted->catalog->tables[i].name, 0) == 0)
			rc = add(wanted, wanted->catalog->tables[i].name, err);
	if (rc == RB_OK && wanted->count == before)
		rc = rb_err_set(err, RB_E_NOTFOUND, "no table of the backup matches '%.200s'",
		                pattern);
	return rc;
}

static int add_schema(struct wanted *wanted, const char *schema, struct rb_err *err)
{
	size_t before = wanted->count;
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < wanted->catalog->table_count; i++)
		if (wanted->catalog->tables[i].kind != RB_TABLE_SYSTEM &&
		    rb_restore_is_in_schema(wanted->catalog->tables[i].name, schema))
			rc = add(wanted, wanted->catalog->tables[i].name, err);
	if (rc == RB_OK && wanted->count == before)
		rc = rb_err_set(err, RB_E_NOTFOUND,
		                "the backup has no rows of tables in a schema '%.200s'", schema);
	return rc;
}

int rb_restore_resolve_names(struct rb_restore *restore, struct rb_err *err)
{
	const struct rb_restore_opts *opts = restore->opts;
	struct wanted wanted = {.catalog = restore->backup.catalog};
	int rc = RB_OK;

	if (!opts->tables && !opts->schemas)
		return RB_OK;
	for (size_t i = 0; rc == RB_OK && opts->tables && opts->tables[i]; i++)
		rc = add_matching(&wanted, opts->tables[i], err);
	for (size_t i = 0; rc == RB_OK && opts->schemas && opts->schemas[i]; i++)
		rc = add_schema(&wanted, opts->schemas[i], err);
	restore->names = wanted.list;
	restore->resolved = *opts;
	restore->resolved.tables = (const char *const *)wanted.list;
	restore->resolved.schemas = NULL;
	restore->opts = &restore->resolved;
	if (rc == RB_E_NOTFOUND)
		rb_err_hint(err, "see its tables with: rowback show %s",
		            restore->report->backup_id);
	return rc;
}

void rb_restore_free_names(struct rb_restore *restore)
{
	for (size_t i = 0; restore->names && restore->names[i]; i++)
		free(restore->names[i]);
	free(restore->names);
	restore->names = NULL;
}
