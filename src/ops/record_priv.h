/*
 * What the files of the record share.
 *
 * Layer: ops (3), private.
 */
#ifndef OPS_RECORD_PRIV_H
#define OPS_RECORD_PRIV_H

#include "rowback/ops/record.h"

/** Append a line whose texts hold no secret. */
int rb_record_append(struct rb_store *store, const struct rb_activity *entry,
                     struct rb_err *err) RB_MUST_CHECK;

#endif /* OPS_RECORD_PRIV_H */
