/*
 * Bringing backups to the remote, and being sure that it has them.
 *
 * Layer: ops (3).  Uses: repo (remote), rowback/ops/store.h.
 */
#ifndef ROWBACK_OPS_PUSH_H
#define ROWBACK_OPS_PUSH_H

#include <stdbool.h>
#include <stdint.h>

#include "rowback/ops/store.h"

/** How it went.  Release with rb_push_report_release(). */
struct rb_push_report {
	bool has_remote; /**< a remote is configured */
	bool confirmed;  /**< the remote's branch was read back and is `commit` */
	struct rb_oid commit;
	char *url;           /**< for people: secrets hidden */
	uint64_t bytes_sent; /**< as git says; 0 when nothing had to be sent */
	uint64_t commits;    /**< commits that the remote had not confirmed before */
	char *visibility;    /**< what is known of who may read the remote; NULL: not asked now */
	bool visibility_unknown;
};

/**
 * Refuse a remote that anybody can read.  Asked before the first push and when its URL
 * changed; the answer is remembered.
 *
 * returns 0; RB_E_PUBLIC with a hint; RB_E_NOTFOUND when there is no such remote
 */
int rb_push_check_private(struct rb_store *store, struct rb_push_report *report,
                          struct rb_err *err) RB_MUST_CHECK;

/**
 * Push the branch, notes, safety backups and the record of the last check; then ask the
 * remote what it has.
 *
 * returns 0 when the remote has the branch (report->confirmed), or none is configured;
 *         RB_E_PUBLIC; RB_E_REJECTED, also when there is no such repository or the time was
 *         over; RB_E_AUTH; ...  The local backup is safe in any case.
 */
int rb_push_run(struct rb_store *store, struct rb_push_report *report,
                struct rb_err *err) RB_MUST_CHECK;

/** The struct is empty afterwards. */
void rb_push_report_release(struct rb_push_report *report);

#endif /* ROWBACK_OPS_PUSH_H */
