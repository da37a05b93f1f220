/*
 * The SQLite engine as a table of functions.
 */
#include "sqlite_priv.h"

static const char *const schemes[] = {"sqlite", NULL};

const struct rb_adapter rb_adapter_sqlite = {
        .name = "sqlite",
        .schemes = schemes,
        .version = sqlite3_libversion,
        .source_open = rb_sqlite_source_open,
        .source_close = rb_sqlite_source_close,
        .source_fingerprint = rb_sqlite_source_fingerprint,
        .source_catalog = rb_sqlite_source_catalog,
        .source_schema_sql = rb_sqlite_source_schema_sql,
        .source_read = rb_sqlite_source_read,
};
