/*
 * Recording in a store's activity log: what a command did, and that the configuration changed.
 *
 * Layer: ops (3).  Uses: repo, config (what is hidden), runtime (the log).
 */
#ifndef ROWBACK_OPS_RECORD_H
#define ROWBACK_OPS_RECORD_H

#include <stdint.h>

#include "rowback/ops/store.h"
#include "rowback/runtime/activity.h"

/**
 * Record what a command did.
 *
 * dir     in the store; NULL: the current directory
 * entry   arguments and detail as they were: secrets are hidden here
 * returns 0; RB_E_NOSTORE when there is no repository at dir or above it, or one that was never
 *         opened as a store; as rb_repo_open() and rb_activity_append()
 */
int rb_record_run(const char *dir, const struct rb_activity *entry,
                  struct rb_err *err) RB_MUST_CHECK;

/**
 * Compare the configuration with what was seen last, and record what changed since in a line of
 * action "config": its arguments are the keys, its detail says "key: old -> new", with secrets
 * hidden.  Looked at are the sections of rowback, and the URLs of remotes.  What is seen first is
 * only remembered.
 *
 *	"config": {
 *	  "gate.maxage": "2c26b46b68ffc68ff99b453c1d30413413422d70 1h",
 *	  "source.app.url": "fcde2b2edba56bf408601fb721fe9b5c338d10ee postgres://me:***@host/db"
 *	}
 *
 * is what the state holds: a digest of the value, which shows that a secret changed, and the value
 * as it may be shown.
 *
 * store        open with its lock, since the state is saved
 * config_file  read instead of the store's own, as rb_store_open() was told; NULL
 * returns      0; RB_E_IO; RB_E_NOMEM
 */
int rb_record_config(struct rb_store *store, const char *config_file,
                     struct rb_err *err) RB_MUST_CHECK;

/** Call fn with each line of the store's log: rb_activity_each(). */
int rb_record_each(struct rb_store *store, rb_activity_fn *fn, void *ctx,
                   struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_OPS_RECORD_H */
