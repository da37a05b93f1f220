/*
 * The SQLite engine as a table of functions.
 */
#include "sqlite_priv.h"

static const char *const schemes[] = {"sqlite", NULL};

const struct rb_adapter rb_adapter_sqlite = {
        .name = "sqlite",
        .schemes = schemes,
        .shares_reading = true,
        .version = sqlite3_libversion,
        .source_open = rb_sqlite_source_open,
        .source_close = rb_sqlite_source_close,
        .source_fingerprint = rb_sqlite_source_fingerprint,
        .source_catalog = rb_sqlite_source_catalog,
        .source_schema_sql = rb_sqlite_source_schema_sql,
        .source_read = rb_sqlite_source_read,
        .target_open = rb_sqlite_target_open,
        .target_close = rb_sqlite_target_close,
        .target_is_empty = rb_sqlite_target_is_empty,
        .target_source = rb_sqlite_target_source,
        .target_begin = rb_sqlite_target_begin,
        .target_schema = rb_sqlite_target_schema,
        .target_table_begin = rb_sqlite_target_table_begin,
        .target_insert = rb_sqlite_target_insert,
        .target_insert_rows = rb_sqlite_target_insert_rows,
        .target_delete = rb_sqlite_target_delete,
        .target_keep = rb_sqlite_target_keep,
        .target_give_back = rb_sqlite_target_give_back,
        .target_table_end = rb_sqlite_target_table_end,
        .target_check = rb_sqlite_target_check,
        .target_reader = rb_sqlite_target_reader,
        .target_expose = rb_sqlite_target_expose,
        .target_commit = rb_sqlite_target_commit,
};
