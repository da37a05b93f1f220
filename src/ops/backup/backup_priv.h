/*
 * What full and quick backups share.
 *
 * Layer: ops (3), private.
 */
#ifndef OPS_BACKUP_PRIV_H
#define OPS_BACKUP_PRIV_H

#include "rowback/ops/backup.h"

/** A label is a line of the commit message that programs read.  returns 0; RB_E_USAGE */
int rb_backup_check_opts(const struct rb_backup_opts *opts, struct rb_err *err) RB_MUST_CHECK;

/**
 * After the commit: push it, where that was asked for, then keep the store small.
 *
 * report   push and pushed are set
 * returns  as rb_push_run(), and says that the backup is safe here
 */
int rb_backup_deliver(struct rb_store *store, const struct rb_backup_opts *opts,
                      struct rb_backup_report *report, struct rb_err *err) RB_MUST_CHECK;

#endif /* OPS_BACKUP_PRIV_H */
