/*
 * The activity log of a store: what was done to it, when, by whom, and how it ended.
 *
 * Layer: runtime (2).  Uses: rowback/base, rowback/value/json.h, jansson.
 *
 * <git dir>/rowback/activity.jsonl, 0600, only ever appended to, a JSON object a line:
 *
 *	{"time":"2026-11-20T15:58:00Z","user":"deploy","host":"web1","pid":4242,
 *	 "action":"backup","arguments":["--label","before-upgrade"],"result":"ok","status":0,
 *	 "duration_ms":812,"backup":"20261120T155800Z","detail":"+3 ~2 -1 rows"}
 *
 * A line is written with one write(2) to a file opened for appending, so that several
 * programs may write at once; a line cut by a full disk or a crash is passed over by readers.
 * It is not synced: a power cut may take the last lines, which say nothing that the history
 * and the state do not.
 *
 * "backup" and "detail" are left out where there is nothing to say.  A text that is not UTF-8 is
 * {"$text":"<base64>"}.  A line is at most RB_ACTIVITY_LINE_MAX bytes: longer texts in it are
 * cut, and end with "..." then.
 *
 * When the file has passed RB_ACTIVITY_FILE_MAX it becomes activity.1.jsonl, in the place of an
 * older one, and a new one is begun: so the last 16 MiB at least are there, and 32 MiB at most.
 */
#ifndef ROWBACK_RUNTIME_ACTIVITY_H
#define ROWBACK_RUNTIME_ACTIVITY_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "rowback/base/err.h"

/** Bytes in a line, its end included. */
#define RB_ACTIVITY_LINE_MAX ((size_t)64 << 10)
/** Bytes from which on a new file is begun: years of backups, and quickly read. */
#define RB_ACTIVITY_FILE_MAX ((size_t)16 << 20)

/** One line.  Strings may be NULL where there is nothing to say. */
struct rb_activity {
	int64_t time_unix_s;          /**< when it began */
	const char *action;           /**< "backup", "gate", "hook", "config" */
	const char *const *arguments; /**< secrets redacted; NULL-terminated; NULL: none */
	const char *result;           /**< "ok", "nothing", "findings", "refused", "failed" */
	int status;                   /**< the exit status */
	int64_t duration_ms;
	const char *backup; /**< the id of the backup it is about */
	const char *detail; /**< one line for people: the error's message, or what was done */
};

/**
 * Append a line; user, host and pid are found out here (SUDO_USER counts as the user).
 *
 * path    rb_repo_state_path(repo, "activity.jsonl"); no link is followed
 * returns 0; RB_E_IO; RB_E_NOMEM.  Callers log a failure and go on: what was done is done.
 */
int rb_activity_append(const char *path, const struct rb_activity *entry,
                       struct rb_err *err) RB_MUST_CHECK;

/**
 * Called with a line as it stands, without its end, and what it holds: an object with "time" and
 * "action".  Both are borrowed.
 */
typedef int rb_activity_fn(void *ctx, const char *line, json_t *doc, struct rb_err *err);

/**
 * Read the log, the file before it first: oldest first.  No file is an empty log.
 *
 * returns 0; what fn returned when that is negative, which ends it; RB_E_IO; RB_E_LIMIT when a
 *         file is far larger than any that is written here
 */
int rb_activity_each(const char *path, rb_activity_fn *fn, void *ctx,
                     struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_RUNTIME_ACTIVITY_H */
