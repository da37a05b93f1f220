/*
 * The PostgreSQL engine as a table of functions.
 */
#include <stdio.h>

#include "target_priv.h"

static const char *const schemes[] = {"postgres", "postgresql", NULL};

/* libpq's version, which is the client's: "15.18". */
static const char *version(void)
{
	static char text[32];

	snprintf(text, sizeof(text), "%d.%d", PQlibVersion() / 10000, PQlibVersion() % 10000);
	return text;
}

const struct rb_adapter rb_adapter_postgres = {
        .name = "postgres",
        .schemes = schemes,
        .version = version,
        .url_has_secret = rb_pg_url_has_secret,
        .source_open = rb_pg_source_open,
        .source_close = rb_pg_source_close,
        .source_fingerprint = rb_pg_source_fingerprint,
        .source_share = rb_pg_source_share,
        .source_catalog = rb_pg_source_catalog,
        .source_schema_sql = rb_pg_source_schema_sql,
        .source_read = rb_pg_source_read,
        .source_groups_form = rb_pg_source_groups_form,
        .source_groups = rb_pg_source_groups,
        .source_read_ranges = rb_pg_source_read_ranges,
        .scratch_url = rb_pg_scratch_url,
        .target_open = rb_pg_target_open,
        .target_close = rb_pg_target_close,
        .target_is_empty = rb_pg_target_is_empty,
        .target_source = rb_pg_target_source,
        .target_begin = rb_pg_target_begin,
        .target_dependents = rb_pg_target_dependents,
        .target_overwrites = rb_pg_target_overwrites,
        .target_schema = rb_pg_target_schema,
        .target_table_begin = rb_pg_target_table_begin,
        .target_insert = rb_pg_target_insert,
        .target_delete = rb_pg_target_delete,
        .target_keep = rb_pg_target_keep,
        .target_give_back = rb_pg_target_give_back,
        .target_table_end = rb_pg_target_table_end,
        .target_check = rb_pg_target_check,
        .target_commit = rb_pg_target_commit,
        .target_prove = rb_pg_target_prove,
};
