/*
 * What the readers of documents share.
 *
 * Layer: format (2), private to src/format.  Uses: rowback/base.
 */
#ifndef ROWBACK_FORMAT_DOCUMENTS_PRIV_H
#define ROWBACK_FORMAT_DOCUMENTS_PRIV_H

#include <stddef.h>

#include "rowback/base/buf.h"
#include "rowback/base/err.h"

/** Bytes in a document that is written to be compared; SQLite's names and DDL may be long. */
#define RB_DOCUMENT_MAX ((size_t)1 << 30)

/** The text of RESTORE.md and a NUL; made of src/format/RESTORE.md when rowback is built. */
extern const char rb_restore_text[];

/**
 * Whether a document is what its content is written as: each has one text, so that equal
 * data has equal bytes.  This also finds unknown members, wrong types of members that may be
 * left out, and another order.
 *
 * text   as it was read
 * again  as it is written
 * returns 0; RB_E_FORMAT, which says in which line they part
 */
int rb_document_same(const char *text, size_t len, const struct rb_buf *again,
                     struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_FORMAT_DOCUMENTS_PRIV_H */
