/*
 * Where things lie below a source's directory in the store.
 *
 * Layer: ops (3).  Uses: rowback/base, rowback/format, rowback/value.
 *
 *	<source>/schema.sql
 *	<source>/schema.json
 *	<source>/<table>/table.json
 *	<source>/<table>/rows/[<dir>/...]<first key>.jsonl
 *	<source>/<table>/blobs/<2 digits>/<sha256>           a value of up to RB_PART_MAX bytes
 *	<source>/<table>/blobs/<2 digits>/<sha256>.000       else its parts, in order
 */
#ifndef ROWBACK_OPS_LAYOUT_H
#define ROWBACK_OPS_LAYOUT_H

#include <stddef.h>

#include "rowback/base/buf.h"
#include "rowback/base/err.h"
#include "rowback/value/schema.h"

/** Bytes in a file of a long value at most: well below the 50 MB at which hosts warn. */
#define RB_PART_MAX ((size_t)32 << 20)

/**
 * The directory of each table of a catalog (format/path.h), names that differ in case only
 * told apart.
 *
 * paths   receives catalog->table_count strings, for rb_layout_free_paths()
 */
int rb_layout_table_paths(const struct rb_catalog *catalog, char ***paths,
                          struct rb_err *err) RB_MUST_CHECK;

/** NULL is allowed. */
void rb_layout_free_paths(char **paths, size_t count);

/** How many files hold a value of this size. */
size_t rb_layout_blob_parts(size_t size);

/**
 * Append the path of one file of a long value, below the table's directory.
 *
 * part  0 .. rb_layout_blob_parts(size) - 1
 */
int rb_layout_blob_path(const char *sha256_hex, size_t size, size_t part, struct rb_buf *out,
                        struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_OPS_LAYOUT_H */
