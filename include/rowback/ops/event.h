/*
 * What was done with backups, recorded in the history itself: restores, rollbacks, prunes.
 *
 * Layer: ops (3).  Uses: repo (commits), rowback/ops/store.h.
 *
 * A commit on the branch with the tree of the one before, and without a Backup-Id, so that it is
 * no backup: the catalog passes over it, `git log` shows it, and the next push brings it to the
 * remote.
 *
 *	restore: app is as in backup 20261120T155800Z, +3 ~2 -1 rows
 *
 *	Event: restore
 *	Event-Id: 20261120T171200Z
 *	Event-Backup: 20261120T155800Z
 *	Event-Safety: 20261120T171158Z
 *	Event-Source: app
 *	Tool-Version: 0.1.0
 */
#ifndef ROWBACK_OPS_EVENT_H
#define ROWBACK_OPS_EVENT_H

#include <stdbool.h>

#include "rowback/ops/store.h"

/** An event.  Strings may be NULL where there is nothing to say; each is one line. */
struct rb_event {
	char *name;    /**< "restore", "rollback", "undo", "prune", "delete", "accept" */
	char *id;      /**< "20261120T171200Z"; made when it is recorded */
	char *subject; /**< the first line, for people */
	char *backup;  /**< the id of the backup it is about */
	char *safety;  /**< the id of the safety backup that was taken before */
	char *source;
	char *code_before; /**< the app repository's commit before it (Event-Code-Before) */
	char *code_after;  /**< and after it (Event-Code-After) */
	char *by;          /**< who: "name@host" (Event-By) */
};

/**
 * Record an event on the branch, after the newest commit; not pushed here.
 *
 * event   borrowed; id and by are made here
 * commit  receives the new commit
 * returns 0; RB_E_NOSTORE when the branch has no commit yet; RB_E_LOCKED; RB_E_IO
 */
int rb_event_record(struct rb_store *store, const struct rb_event *event, struct rb_oid *commit,
                    struct rb_err *err) RB_MUST_CHECK;

/**
 * Read an event from a commit's message.
 *
 * returns 0; RB_E_FORMAT when the message is no event's
 */
int rb_event_read(const char *message, struct rb_event *out, struct rb_err *err) RB_MUST_CHECK;

/** The struct is empty afterwards. */
void rb_event_release(struct rb_event *event);

#endif /* ROWBACK_OPS_EVENT_H */
