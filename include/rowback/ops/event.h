/*
 * What was done with backups, recorded in the history itself: restores, rollbacks, prunes.
 *
 * Layer: ops (3).  Uses: repo (commits), format (its message, rb_event_read(),
 * rb_event_release()), rowback/ops/store.h.
 *
 * A commit on the branch with the tree of the one before, and without a Backup-Id, so that it is
 * no backup: the catalog passes over it, `git log` shows it, and the next push brings it to the
 * remote.  Its message is shown in rowback/format/event.h.
 */
#ifndef ROWBACK_OPS_EVENT_H
#define ROWBACK_OPS_EVENT_H

#include "rowback/format/event.h"
#include "rowback/ops/store.h"

/**
 * Record an event on the branch, after the newest commit; not pushed here.
 *
 * event   borrowed; name is needed; id (a time after that of every backup and event on the
 *         branch) and by are made here, whatever it says
 * commit  receives the new commit
 * returns 0; RB_E_NOSTORE when the branch has no commit yet; RB_E_LOCKED when somebody moved
 *         the branch meanwhile; RB_E_IO.  The branch is as it was then.
 */
int rb_event_record(struct rb_store *store, const struct rb_event *event, struct rb_oid *commit,
                    struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_OPS_EVENT_H */
