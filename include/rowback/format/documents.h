/*
 * The store's documents: rowback.json, schema.json, table.json, and fixed files.
 *
 * Layer: format (2).  Uses: rowback/base, rowback/value.
 *
 * All are untrusted when read: a document that is not what the writer makes, byte for byte,
 * is RB_E_FORMAT and names the file; so equal content has equal bytes.  Whether the names in
 * it are really there is not asked here.
 */
#ifndef ROWBACK_FORMAT_DOCUMENTS_H
#define ROWBACK_FORMAT_DOCUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowback/base/buf.h"
#include "rowback/base/err.h"
#include "rowback/value/schema.h"

/** The format that this rowback writes; it reads this one only. */
#define RB_FORMAT_VERSION 1

/** One table in rowback.json. */
struct rb_manifest_table {
	char *name;
	char *path; /**< its directory below the source's (format/path.h) */
	uint64_t rows;
};

/** One source in rowback.json. */
struct rb_manifest_source {
	char *name;
	char *engine;
	struct rb_manifest_table *tables; /**< sorted by name (memcmp) */
	size_t table_count;
	char **missing; /**< tables that could not be read; sorted */
	size_t missing_count;
};

/** rowback.json. */
struct rb_manifest {
	struct rb_manifest_source *sources; /**< sorted by name */
	size_t source_count;
};

int rb_manifest_write(const struct rb_manifest *manifest, struct rb_buf *out,
                      struct rb_err *err) RB_MUST_CHECK;

/**
 * Read rowback.json.  The names of sources and the paths of tables that are accepted are
 * plain directory names.
 *
 * out      for rb_manifest_release(); empty on failure
 * returns  0; RB_E_UNSUPPORTED with a hint for a format version that is not ours; RB_E_FORMAT;
 *          RB_E_LIMIT for nesting; RB_E_NOMEM
 */
int rb_manifest_read(const char *text, size_t len, struct rb_manifest *out,
                     struct rb_err *err) RB_MUST_CHECK;

/** The struct is empty afterwards. */
void rb_manifest_release(struct rb_manifest *manifest);

/** Likewise, for one source's part. */
void rb_manifest_source_release(struct rb_manifest_source *source);

/** The source of this name, or NULL. */
const struct rb_manifest_source *rb_manifest_source(const struct rb_manifest *manifest,
                                                    const char *name);

/** Write <source>/<table>/table.json. */
int rb_table_doc_write(const struct rb_table *table, struct rb_buf *out,
                       struct rb_err *err) RB_MUST_CHECK;

/**
 * Read table.json.
 *
 * name     the document's path, for messages
 * out      for rb_table_release(); empty on failure
 * returns  0; RB_E_FORMAT; RB_E_LIMIT; RB_E_NOMEM
 */
int rb_table_doc_read(const char *text, size_t len, const char *name, struct rb_table *out,
                      struct rb_err *err) RB_MUST_CHECK;

/** Write <source>/schema.json: engine, settings, objects; tables are in their own documents. */
int rb_schema_doc_write(const struct rb_catalog *catalog, struct rb_buf *out,
                        struct rb_err *err) RB_MUST_CHECK;

/**
 * Read schema.json into a catalog without tables.
 *
 * name     the document's path, for messages
 * out      for rb_catalog_free(); NULL on failure
 * returns  as rb_table_doc_read()
 */
int rb_schema_doc_read(const char *text, size_t len, const char *name, struct rb_catalog **out,
                       struct rb_err *err) RB_MUST_CHECK;

/** The store's .gitattributes. */
const char *rb_gitattributes(void);

/** The store's RESTORE.md: how to restore with git and the database's own shell. */
const char *rb_restore_md(void);

#endif /* ROWBACK_FORMAT_DOCUMENTS_H */
