/*
 * See rowback/ops/pin.h.
 */
#include <stdio.h>
#include <string.h>

#include "rowback/ops/history.h"
#include "rowback/ops/pin.h"

void rb_pin_report_release(struct rb_pin_report *report)
{
	rb_push_report_release(&report->push);
	memset(report, 0, sizeof(*report));
}

static int move_pin(struct rb_store *store, const struct rb_backup_entry *entry, bool pinned,
                    struct rb_pin_report *report, struct rb_err *err)
{
	static const struct rb_oid none = {{0}};
	struct rb_oid before = none;
	const struct rb_oid *after = pinned ? &entry->commit : &none;
	char ref[sizeof(RB_PIN_PREFIX) + sizeof(report->id)];
	int rc;

	snprintf(report->id, sizeof(report->id), "%s", entry->message.id);
	snprintf(ref, sizeof(ref), "%s%s", RB_PIN_PREFIX, report->id);
	rc = rb_repo_ref(store->repo, ref, &before, err);
	if (rc < 0 && rc != RB_E_NOTFOUND)
		return rc;
	if (rb_oid_equal(&before, after))
		return RB_OK;
	rc = rb_repo_ref_update(store->repo, ref, after, &before,
	                        pinned ? "rowback: pin" : "rowback: unpin", err);
	report->changed = rc == RB_OK;
	return rc;
}

int rb_pin_set(struct rb_store *store, const char *spec, bool pinned, bool push,
               struct rb_pin_report *report, struct rb_err *err)
{
	struct rb_backup_entry entry = {0};
	int rc;

	memset(report, 0, sizeof(*report));
	rc = rb_history_find(store, spec, 0, &entry, err);
	if (rc == RB_OK)
		rc = move_pin(store, &entry, pinned, report, err);
	rb_backup_entry_release(&entry);
	if (rc == RB_OK && push) {
		rc = rb_push_run(store, &report->push, err);
		report->pushed = rc == RB_OK && report->push.confirmed;
		if (rc < 0)
			rb_err_wrap(err, rc, "backup %s is %s here, but the remote was not told",
			            report->id, pinned ? "pinned" : "not pinned any more");
	}
	return rc;
}
