/*
 * See rowback/ops/deploy.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowback/base/log.h"
#include "rowback/base/time.h"
#include "rowback/ops/backup.h"
#include "rowback/ops/deploy.h"
#include "backup/code_priv.h"
#include "gate_priv.h"

#define TEXT_MAX ((size_t)1 << 16)
/* The deploy has happened: a backup that is on its way by schedule must not spoil it. */
#define SECOND_WAIT_MS ((int64_t)5 * 60 * 1000)

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory for a deploy");
}

void rb_deploy_report_release(struct rb_deploy_report *report)
{
	rb_gate_report_release(&report->gate);
	rb_effect_release(&report->effect);
	free(report->label);
	free(report->after_error);
	free(report->rollback);
	memset(report, 0, sizeof(*report));
}

static int check_label(const char *label, struct rb_err *err)
{
	for (const char *c = label; c && *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return rb_err_set(err, RB_E_USAGE,
			                  "a label is one line, without control characters");
	}
	return RB_OK;
}

/* Without the code's commit there would be no way back for the code. */
static int look_at_code(const struct rb_store *store, struct rb_err *err)
{
	const struct rb_app_config *app = &store->config.app;
	struct rb_app_state code = {0};
	int rc = RB_OK;

	if (app->path)
		rc = rb_app_look(app->path, app->branch, app->remote, &code, err);
	rb_app_state_release(&code);
	return rc < 0 ? rb_err_wrap(err, rc, "nothing was run") : RB_OK;
}

/*
 * What would fail after the command is found out before it.
 *
 * command  appended: "rowback -C DIR"
 */
static int prepare(const struct rb_deploy_opts *opts, struct rb_buf *command, struct rb_err *err)
{
	struct rb_store_opts reading = opts->where;
	struct rb_store store = {0};
	int rc = check_label(opts->label, err);

	reading.command = NULL;
	if (rc == RB_OK)
		rc = rb_store_open(&reading, &store, err);
	if (rc == RB_OK && store.config.source_count == 0) {
		rb_err_set(err, RB_E_USAGE,
		           "no source is configured here, and a deploy takes backups of them");
		rc = rb_err_hint(err, "where the database is not at hand, use: "
		                      "rowback gate && COMMAND");
	}
	if (rc == RB_OK)
		rc = look_at_code(&store, err);
	if (rc == RB_OK)
		rc = rb_gate_command(&store, command, err);
	rb_store_close(&store);
	return rc;
}

/* "<label> deployed", "<label> failed with status 3" */
static int make_label(const struct rb_deploy_opts *opts, struct rb_deploy_report *report,
                      struct rb_err *err)
{
	struct rb_buf text = RB_BUF(TEXT_MAX);
	int rc = RB_OK;

	if (opts->label)
		rc = rb_buf_addf(&text, err, "%s ", opts->label);
	if (rc == RB_OK && report->result.term_signal)
		rc = rb_buf_addf(&text, err, "ended by signal %d", report->result.term_signal);
	else if (rc == RB_OK && report->result.exit_code)
		rc = rb_buf_addf(&text, err, "failed with status %d", report->result.exit_code);
	else if (rc == RB_OK)
		rc = rb_buf_adds(&text, "deployed", err);
	if (rc == RB_OK) {
		report->label = rb_buf_detach(&text);
		rc = report->label ? RB_OK : no_memory(err);
	}
	rb_buf_release(&text);
	return rc;
}

/* since_unix_s: as in struct rb_gate_opts */
static int ask_gate(const struct rb_deploy_opts *opts, int64_t since_unix_s,
                    struct rb_deploy_report *report, struct rb_err *err)
{
	const struct rb_gate_opts gate = {.require = opts->require,
	                                  .max_age_s = opts->max_age_s,
	                                  .backup = true,
	                                  .no_backup = opts->dry_run,
	                                  .since_unix_s = since_unix_s,
	                                  .label = opts->label};
	int rc = rb_gate_run(&opts->where, &gate, &report->gate, err);

	if (rc == RB_E_GATE && opts->dry_run && rb_gate_is_mended(report->gate.reason)) {
		report->would_take_backup = true;
		rc = RB_OK;
	}
	return rc;
}

/* Whether the backup that the gate found records what the code is at. */
static int knows_code(struct rb_store *store, const struct rb_gate_report *gate, bool *out,
                      struct rb_err *err)
{
	const struct rb_app_config *app = &store->config.app;
	struct rb_app_state code = {0};
	struct rb_err why = {0};
	int rc = RB_OK;

	*out = true;
	if (app->path)
		rc = rb_app_look(app->path, app->branch, app->remote, &code, &why);
	/* The backup itself says what is wrong with the app repository. */
	if (app->path && rc == RB_OK)
		*out = rb_code_is_same(&code, gate->code_commit, gate->code_deployed);
	rb_app_state_release(&code);
	if (rc != RB_E_NOMEM && rc != RB_E_CANCELLED)
		return RB_OK;
	if (err)
		*err = why;
	return rc;
}

/*
 * What the gate found may be hours old: going back to it would take away all that was written
 * since.  An age that is given for this deploy says that it may.
 */
static bool must_be_of_now(const struct rb_deploy_opts *opts, const struct rb_gate_report *gate)
{
	return opts->max_age_s == RB_GATE_CONFIGURED && gate->require == RB_REQUIRE_FULL &&
	       !*gate->taken;
}

/*
 * A backup that the gate is content with may also be of other code: going back to it would leave
 * the code as it is.  Then another one is taken; where nothing changed the newest one is it.
 */
static int ensure_now(const struct rb_deploy_opts *opts, struct rb_deploy_report *report,
                      struct rb_err *err)
{
	const struct rb_backup_opts backup = {.label = opts->label};
	enum rb_require require = report->gate.require;
	bool takes = must_be_of_now(opts, &report->gate);
	int64_t begun_unix_s = rb_time_now_unix_s();
	struct rb_backup_report taken = {0};
	struct rb_store store = {0};
	bool is_known = true;
	int rc = rb_store_open(&opts->where, &store, err);

	if (rc == RB_OK)
		rc = knows_code(&store, &report->gate, &is_known, err);
	takes |= !is_known;
	if (rc == RB_OK && takes) {
		rb_log(RB_LOG_INFO, "taking a backup: %s",
		       is_known ? "of what is there now" : "the newest one is of other code");
		rc = rb_gate_take(&store, require, &backup, &taken, err);
		rb_backup_report_release(&taken);
		if (rc < 0)
			rb_err_wrap(err, rc, "nothing was run: the backup before it failed");
	}
	rb_store_close(&store);
	if (rc < 0 || !takes)
		return rc;
	rb_gate_report_release(&report->gate);
	return ask_gate(opts, begun_unix_s, report, err);
}

static int run_command(const struct rb_deploy_opts *opts, struct rb_deploy_report *report,
                       struct rb_err *err)
{
	const struct rb_foreground_opts run = {.argv = opts->argv,
	                                       .umask = opts->umask,
	                                       .stdout_to_stderr = opts->stdout_to_stderr};
	int64_t begin_ms = rb_time_mono_ms();
	int rc = rb_foreground_run(&run, &report->result, err);

	report->duration_ms = rb_time_mono_ms() - begin_ms;
	report->did_run = rc == RB_OK;
	return rc;
}

static bool has_failed(const struct rb_deploy_report *report)
{
	return report->result.exit_code != 0 || report->result.term_signal != 0;
}

/* The one line that goes back; known before anything is run. */
static int make_rollback(struct rb_deploy_report *report, struct rb_buf *command,
                         struct rb_err *err)
{
	int rc = rb_buf_addf(command, err, " rollback %s%s", report->gate.id,
	                     report->gate.code_deployed ? " --deployed" : "");

	if (rc == RB_OK) {
		report->rollback = rb_buf_detach(command);
		rc = report->rollback ? RB_OK : no_memory(err);
	}
	return rc;
}

static int compare(struct rb_store *store, struct rb_deploy_report *report, struct rb_err *err)
{
	const struct rb_gate_config *limits = &store->config.gate;
	char range[40];
	const struct rb_effect_opts opts = {.range = range};
	int rc;

	/* Quick ones hold no data of their own. */
	if (report->gate.require == RB_REQUIRE_QUICK ||
	    (!limits->max_removed.is_set && !limits->max_removed_total.is_set))
		return RB_OK;
	snprintf(range, sizeof(range), "%s..%s", report->gate.id, report->after);
	rc = rb_gate_effect(store, &opts, &report->effect, err);
	report->has_effect = rc == RB_OK || rc == RB_E_GATE;
	return rc;
}

static int take_second(struct rb_store *store, struct rb_deploy_report *report, struct rb_err *err)
{
	/* Forced: its label is wanted also when the command changed no data. */
	const struct rb_backup_opts backup = {.label = report->label, .force = true};
	struct rb_backup_report taken = {0};
	int rc = rb_gate_take(store, report->gate.require, &backup, &taken, err);

	if (taken.committed)
		snprintf(report->after, sizeof(report->after), "%s", taken.id);
	report->after_pushed = taken.pushed;
	rb_backup_report_release(&taken);
	if (rc < 0) {
		report->after_error = strdup(err->msg);
		return report->after_error
		               ? rb_err_wrap(err, rc, "the backup after the deploy failed")
		               : no_memory(err);
	}
	rb_log(RB_LOG_INFO, "backup %s: %s", report->after, report->label);
	return compare(store, report, err);
}

static int look_after(const struct rb_deploy_opts *opts, struct rb_deploy_report *report,
                      struct rb_err *err)
{
	struct rb_store_opts where = opts->where;
	struct rb_store store = {0};
	int rc;

	if (where.lock_wait_ms < SECOND_WAIT_MS)
		where.lock_wait_ms = SECOND_WAIT_MS;
	rc = rb_store_open(&where, &store, err);
	if (rc < 0) {
		report->after_error = strdup(err->msg);
		return rb_err_wrap(err, rc, "the backup after the deploy failed");
	}
	rc = take_second(&store, report, err);
	rb_store_close(&store);
	return rc;
}

/* What failed first is what the deploy failed with. */
static int sum_up(const struct rb_deploy_report *report, int rc, struct rb_err *err)
{
	if (has_failed(report)) {
		const char *also = report->after_error ? "; the backup after it failed too: " : "";
		const char *why = report->after_error ? report->after_error : "";

		if (report->result.term_signal)
			rc = rb_err_set(err, RB_E_IO, "the command was ended by signal %d%s%.600s",
			                report->result.term_signal, also, why);
		else
			rc = rb_err_set(err, RB_E_IO, "the command failed with status %d%s%.600s",
			                report->result.exit_code, also, why);
	}
	if (rc < 0) {
		char other[RB_ERR_MSG_SIZE];

		snprintf(other, sizeof(other), "%s", err->hint);
		rb_err_hint(err, "to go back: %s%s%.500s", report->rollback, *other ? "; " : "",
		            other);
	}
	return rc;
}

int rb_deploy_run(const struct rb_deploy_opts *opts, struct rb_deploy_report *report,
                  struct rb_err *err)
{
	struct rb_buf command = RB_BUF(TEXT_MAX);
	struct rb_err kept = {0};
	int rc;

	memset(report, 0, sizeof(*report));
	rc = prepare(opts, &command, &kept);
	if (rc == RB_OK)
		rc = ask_gate(opts, 0, report, &kept);
	if (rc == RB_OK && opts->dry_run) {
		report->would_look_first =
		        !report->would_take_backup && must_be_of_now(opts, &report->gate);
		rc = make_label(opts, report, &kept);
	}
	if (rc == RB_OK && !opts->dry_run)
		rc = ensure_now(opts, report, &kept);
	if (rc == RB_OK && !opts->dry_run)
		rc = make_rollback(report, &command, &kept);
	if (rc == RB_OK && !opts->dry_run) {
		rb_log(RB_LOG_INFO, "gate: %s", report->gate.answer.msg);
		rc = run_command(opts, report, &kept);
	}
	if (report->did_run) {
		rc = make_label(opts, report, &kept);
		if (rc == RB_OK)
			rc = look_after(opts, report, &kept);
		rc = sum_up(report, rc, &kept);
	}
	if (rc < 0 && err)
		*err = kept;
	rb_buf_release(&command);
	return rc;
}
