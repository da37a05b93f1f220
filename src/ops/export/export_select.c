/*
 * See export_priv.h: which tables and columns of a catalog are exported.
 */
#include <string.h>

#include "rowback/config/select.h"
#include "export_priv.h"

static bool is_left_out(const struct rb_export_opts *opts, const struct rb_table *table)
{
	if (opts->config && !rb_select_table(opts->config, table->name, table->kind))
		return true;
	if (opts->plain_only && table->kind != RB_TABLE_PLAIN)
		return true;
	return opts->tables_of && !rb_catalog_table(opts->tables_of, table->name);
}

/* Tables that are left out go from the list; their definitions stay. */
static void drop_tables(const struct rb_export_opts *opts, struct rb_catalog *catalog)
{
	size_t kept = 0;

	for (size_t i = 0; i < catalog->table_count; i++) {
		if (is_left_out(opts, &catalog->tables[i])) {
			rb_table_release(&catalog->tables[i]);
			continue;
		}
		if (kept != i) {
			catalog->tables[kept] = catalog->tables[i];
			memset(&catalog->tables[i], 0, sizeof(catalog->tables[i]));
		}
		kept++;
	}
	catalog->table_count = kept;
}

static bool is_key(const struct rb_table *table, size_t column)
{
	for (size_t i = 0; i < table->key_count; i++)
		if (table->key[i] == column)
			return true;
	return false;
}

/* Why rows without this column could not be told apart, or made again; NULL: they can be. */
static const char *needed_why(const struct rb_table *table, size_t at)
{
	const struct rb_column *column = &table->columns[at];

	if (table->kind != RB_TABLE_PLAIN)
		return "its table is none of the user's own";
	if (table->key_kind == RB_KEY_ROW)
		return "its table has no key, so that it takes all columns to tell rows apart";
	if (is_key(table, at))
		return "it belongs to the key that tells rows apart";
	if (column->default_sql && strcmp(column->default_sql, "GENERATED ALWAYS AS IDENTITY") == 0)
		return "it is GENERATED ALWAYS AS IDENTITY, which nothing else can write";
	if (column->not_null && !column->default_sql)
		return "it is NOT NULL and has no default, so that a restore could not make rows";
	return NULL;
}

/* Leave out the values of a column, as the configuration says. */
static int leave_out(const struct rb_export_opts *opts, struct rb_table *table, size_t at,
                     struct rb_err *err)
{
	struct rb_column *column = &table->columns[at];
	const char *why;

	if (column->is_rowid || column->generated != RB_GENERATED_NO ||
	    rb_select_column(opts->config, table->name, column->name))
		return RB_OK;
	why = needed_why(table, at);
	if (!why) {
		column->left_out = true;
		return RB_OK;
	}
	rb_err_set(err, RB_E_USAGE, "column '%.200s.%.200s' cannot be left out: %s", table->name,
	           column->name, why);
	rb_err_hint(err,
	            "leave out the whole table by source.%s.exclude, or take the column in: add "
	            "'!%.100s.%.100s' to excludeColumns",
	            opts->config->name, table->name, column->name);
	return RB_E_USAGE;
}

static int mark_columns(const struct rb_export_opts *opts, struct rb_table *table,
                        struct rb_err *err)
{
	const struct rb_table *like =
	        opts->columns_of ? rb_catalog_table(opts->columns_of, table->name) : NULL;
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < table->column_count; i++) {
		const struct rb_column *twin =
		        like ? rb_table_column(like, table->columns[i].name) : NULL;

		/* As a backup has it, that the rows are to be compared with. */
		if (twin)
			table->columns[i].left_out = twin->left_out && !needed_why(table, i);
		else if (opts->config)
			rc = leave_out(opts, table, i, err);
	}
	return rc;
}

/*
 * A pattern that is of no use: somebody meant a thing that is not there.  Where it is a
 * column's, it may be in the backup under another name; but tables that come and go may be
 * left out before they are there.
 */
static int tell_unused(struct rb_export *out, const char *key, const char *pattern,
                       const char *what, struct rb_err *err)
{
	bool may_be_none = strcmp(what, "column") != 0 && strcmp(key, "include") != 0;

	if (may_be_none && strpbrk(pattern, "*?["))
		return RB_OK;
	out->has_unused = true;
	return rb_catalog_remark(out->catalog, key, false, err, "no %s matches '%.200s'", what,
	                         pattern);
}

static bool matches_table(const struct rb_catalog *catalog, const char *pattern)
{
	for (size_t i = 0; i < catalog->table_count; i++)
		if (rb_pattern_matches(pattern, catalog->tables[i].name))
			return true;
	return false;
}

static bool matches_column(const struct rb_catalog *catalog, const char *pattern,
                           struct rb_buf *name)
{
	for (size_t i = 0; i < catalog->table_count; i++) {
		const struct rb_table *table = &catalog->tables[i];

		for (size_t j = 0; j < table->column_count; j++) {
			rb_buf_clear(name);
			if (rb_buf_addf(name, NULL, "%s.%s", table->name, table->columns[j].name) <
			            0 ||
			    rb_pattern_matches(pattern, rb_buf_str(name)))
				return true;
		}
	}
	return false;
}

/* Whether a schema that is left out matches: the catalog names them, with ", " between. */
static bool matches_schema(const struct rb_catalog *catalog, const char *pattern)
{
	const char *at = NULL;

	for (size_t i = 0; i < catalog->setting_count; i++)
		if (strcmp(catalog->settings[i].name, RB_SETTING_LEFT_OUT) == 0)
			at = catalog->settings[i].value;
	/* One that takes back need not have taken anything back. */
	if (*pattern == '!')
		return true;
	while (at && *at) {
		struct rb_buf name = RB_BUF((size_t)64 << 10);
		size_t len = strcspn(at, ",");
		bool is_quoted = len > 1 && at[0] == '"' && at[len - 1] == '"';
		bool matches = rb_buf_add(&name, at + is_quoted, len - 2 * is_quoted, NULL) < 0 ||
		               rb_pattern_matches(pattern, rb_buf_str(&name));

		rb_buf_release(&name);
		if (matches)
			return true;
		at += len;
		at += strspn(at, ", ");
	}
	return false;
}

static int find_unused(const struct rb_export_opts *opts, struct rb_export *out, struct rb_err *err)
{
	const struct rb_source_config *config = opts->config;
	struct rb_buf name = RB_BUF((size_t)16 << 20);
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < config->include.count; i++)
		if (!matches_table(out->catalog, config->include.list[i]))
			rc = tell_unused(out, "include", config->include.list[i], "table", err);
	for (size_t i = 0; rc == RB_OK && i < config->exclude.count; i++)
		if (!matches_table(out->catalog, config->exclude.list[i]))
			rc = tell_unused(out, "exclude", config->exclude.list[i], "table", err);
	for (size_t i = 0; rc == RB_OK && i < config->exclude_schemas.count; i++)
		if (!matches_schema(out->catalog, config->exclude_schemas.list[i]))
			rc = tell_unused(out, "excludeSchemas", config->exclude_schemas.list[i],
			                 "schema", err);
	for (size_t i = 0; rc == RB_OK && i < config->exclude_columns.count; i++)
		if (!matches_column(out->catalog, config->exclude_columns.list[i], &name))
			rc = tell_unused(out, "excludeColumns", config->exclude_columns.list[i],
			                 "column", err);
	rb_buf_release(&name);
	return rc;
}

/* Say which columns are left out: nobody is to think that the backup has them. */
static int tell_columns(struct rb_catalog *catalog, struct rb_err *err)
{
	struct rb_buf names = RB_BUF((size_t)64 << 20);
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < catalog->table_count; i++) {
		const struct rb_table *table = &catalog->tables[i];

		for (size_t j = 0; rc == RB_OK && j < table->column_count; j++)
			if (table->columns[j].left_out)
				rc = rb_buf_addf(&names, err, "%s%s.%s", names.len > 0 ? ", " : "",
				                 table->name, table->columns[j].name);
	}
	if (rc == RB_OK && names.len > 0)
		rc = rb_catalog_remark(catalog, "columns", false, err,
		                       "their values are left out: %s", rb_buf_str(&names));
	rb_buf_release(&names);
	return rc;
}

int rb_export_select(const struct rb_export_opts *opts, struct rb_export *out, struct rb_err *err)
{
	int rc = opts->config ? find_unused(opts, out, err) : RB_OK;

	drop_tables(opts, out->catalog);
	for (size_t i = 0; rc == RB_OK && i < out->catalog->table_count; i++)
		rc = mark_columns(opts, &out->catalog->tables[i], err);
	return rc < 0 ? rc : tell_columns(out->catalog, err);
}

static bool leaves_out(const void *ctx, const char *schema, bool is_platforms)
{
	return !rb_select_schema(ctx, schema, is_platforms);
}

struct rb_schema_choice rb_export_schemas(const struct rb_source_config *config)
{
	const struct rb_schema_choice choice = {.leaves_out = config ? leaves_out : NULL,
	                                        .ctx = config};

	return choice;
}
