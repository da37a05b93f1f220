/*
 * See rowback/ops/gate.h: asking, taking a backup, asking again.
 */
#include <stdio.h>
#include <string.h>

#include "rowback/base/log.h"
#include "rowback/base/time.h"
#include "rowback/ops/backup.h"
#include "gate_priv.h"

bool rb_gate_is_mended(enum rb_gate_reason reason)
{
	switch (reason) {
	case RB_GATE_NO_BACKUP:
	case RB_GATE_TOO_OLD:
	case RB_GATE_NOT_PUSHED:
	case RB_GATE_KIND:
	case RB_GATE_INCOMPLETE:
	case RB_GATE_SOURCE_MISSING:
		return true;
	default:
		return false;
	}
}

static int ask_once(const struct rb_store_opts *where, const struct rb_gate_opts *opts,
                    struct rb_gate_report *report, bool *takes_backup, struct rb_err *err)
{
	struct rb_store_opts reading = *where;
	struct rb_store store = {0};
	int rc;

	memset(report, 0, sizeof(*report));
	reading.command = NULL;
	rc = rb_store_open(&reading, &store, err);
	if (rc < 0)
		return rc;
	rc = rb_gate_ask(&store, opts, report, err);
	*takes_backup = !opts->no_backup && (opts->backup || store.config.gate.backup);
	rb_store_close(&store);
	return rc;
}

int rb_gate_take(struct rb_store *store, enum rb_require require, const struct rb_backup_opts *opts,
                 struct rb_backup_report *report, struct rb_err *err)
{
	struct rb_backup_opts backup = *opts;
	int rc = RB_E_NOSTORE;

	backup.kind = "full";
	backup.trigger = "deploy";
	backup.push = true;
	memset(report, 0, sizeof(*report));
	if (require == RB_REQUIRE_QUICK && store->config.app.path)
		rc = rb_backup_quick(store, &backup, report, err);
	if (rc != RB_E_NOSTORE)
		return rc;
	rb_backup_report_release(report);
	return rb_backup_run(store, &backup, report, err);
}

static int take_backup(const struct rb_store_opts *where, const struct rb_gate_opts *opts,
                       enum rb_require require, char id[17], struct rb_err *err)
{
	const struct rb_backup_opts backup = {.sources = opts->sources, .label = opts->label};
	struct rb_backup_report report = {0};
	struct rb_store store = {0};
	int rc = rb_store_open(where, &store, err);

	if (rc < 0)
		return rc;
	rc = rb_gate_take(&store, require, &backup, &report, err);
	snprintf(id, 17, "%s", report.id);
	rb_backup_report_release(&report);
	rb_store_close(&store);
	return rc;
}

int rb_gate_run(const struct rb_store_opts *where, const struct rb_gate_opts *opts,
                struct rb_gate_report *report, struct rb_err *err)
{
	struct rb_gate_opts again = *opts;
	char before[RB_ERR_MSG_SIZE];
	char taken[17] = "";
	bool takes_backup = false;
	struct rb_err why = {0};
	int rc;

	if (!again.since_unix_s)
		again.since_unix_s = rb_time_now_unix_s();
	rc = ask_once(where, opts, report, &takes_backup, err);

	if (rc != RB_E_GATE || !takes_backup || !rb_gate_is_mended(report->reason))
		return rc;
	rb_log(RB_LOG_INFO, "taking a backup: %s", report->answer.msg);
	rc = take_backup(where, opts, report->require, taken, &why);
	if (rc == RB_E_NOMEM || rc == RB_E_CANCELLED) {
		if (err)
			*err = why;
		return rc;
	}
	if (rc < 0) {
		snprintf(before, sizeof(before), "%s", report->answer.msg);
		report->reason = RB_GATE_BACKUP_FAILED;
		rb_err_set(&report->answer, RB_E_GATE, "%.300s; taking one failed: %.600s", before,
		           why.msg);
		if (why.hint[0])
			rb_err_hint(&report->answer, "%s", why.hint);
		return rb_gate_refuse(&report->answer, err);
	}
	rb_gate_report_release(report);
	rc = ask_once(where, &again, report, &takes_backup, err);
	snprintf(report->taken, sizeof(report->taken), "%s", taken);
	return rc;
}
