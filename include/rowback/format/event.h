/*
 * The message of an event: a commit that says what was done with backups, and is none itself.
 *
 * Layer: format (2).  Uses: rowback/base.
 *
 *	restore: app is as in backup 20261120T155800Z, +3 ~2 -1 rows
 *
 *	Event: restore
 *	Event-Id: 20261120T171200Z
 *	Event-Backup: 20261120T155800Z
 *	Event-Safety: 20261120T171158Z
 *	Event-Source: app
 *	Event-By: deploy@web1
 *	Tool-Version: 0.1.0
 *
 * What a subject or a name holds cannot pass for a trailer: as in rowback/format/message.h,
 * texts are kept on their line.
 */
#ifndef ROWBACK_FORMAT_EVENT_H
#define ROWBACK_FORMAT_EVENT_H

#include "rowback/base/buf.h"
#include "rowback/base/err.h"

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

/** Write the message; without a subject the event's name is the first line. */
int rb_event_write(const struct rb_event *event, struct rb_buf *out,
                   struct rb_err *err) RB_MUST_CHECK;

/**
 * Read an event from a commit's message.
 *
 * out     for rb_event_release(); empty on failure
 * returns 0; RB_E_FORMAT when the message is no event's: it has no Event, no Event-Id that is
 *         a time, or it has a Backup-Id
 */
int rb_event_read(const char *message, struct rb_event *out, struct rb_err *err) RB_MUST_CHECK;

/** The struct is empty afterwards. */
void rb_event_release(struct rb_event *event);

#endif /* ROWBACK_FORMAT_EVENT_H */
