/*
 * The commit of the app repository that goes with a backup.
 *
 * Layer: ops (3), private.
 */
#ifndef OPS_CODE_PRIV_H
#define OPS_CODE_PRIV_H

#include <stdbool.h>

#include "rowback/ops/backup.h"

/**
 * Look at the app repository that is configured, for a backup of data: what is wrong with it is
 * kept in the report and warned of, and is no failure.
 *
 * returns 0; RB_E_NOMEM; RB_E_CANCELLED
 */
int rb_code_note(struct rb_store *store, struct rb_backup_report *report,
                 struct rb_err *err) RB_MUST_CHECK;

/**
 * Whether the newest full backup was made at another commit of the code, or there is none.
 *
 * tip   where to look from
 * code  what it is at; commit "": it is not known, and nothing moved
 */
int rb_code_moved(struct rb_store *store, const struct rb_oid *tip, const struct rb_app_state *code,
                  bool *out, struct rb_err *err) RB_MUST_CHECK;

/** Whether a backup with these trailers (NULL: it has not got them) records what it is at. */
bool rb_code_is_same(const struct rb_app_state *code, const char *commit, const char *deployed);

/** What is recorded of it: the state itself, or NULL when it is not known. */
const struct rb_app_state *rb_code_known(const struct rb_app_state *code);

#endif /* OPS_CODE_PRIV_H */
