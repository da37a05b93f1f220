/*
 * Pins: backups that no prune takes away.
 *
 * Layer: ops (3).
 *
 * A pin is refs/rowback/pin/<Backup-Id>; it moves along when the history is rewritten, and goes
 * to the remote with the next push, as does its end.
 */
#ifndef ROWBACK_OPS_PIN_H
#define ROWBACK_OPS_PIN_H

#include <stdbool.h>

#include "rowback/ops/push.h"
#include "rowback/ops/store.h"

/** How it went.  Release with rb_pin_report_release(). */
struct rb_pin_report {
	char id[17];  /**< of the backup */
	bool changed; /**< it was not so before */
	struct rb_push_report push;
	bool pushed;
};

/**
 * Pin a backup, or let it go.
 *
 * spec    as rb_history_find()
 * pinned  what it shall be
 * push    tell the remote now
 * returns 0, also when it was so already; as rb_history_find() and rb_push_run()
 */
int rb_pin_set(struct rb_store *store, const char *spec, bool pinned, bool push,
               struct rb_pin_report *report, struct rb_err *err) RB_MUST_CHECK;

/** The struct is empty afterwards. */
void rb_pin_report_release(struct rb_pin_report *report);

#endif /* ROWBACK_OPS_PIN_H */
