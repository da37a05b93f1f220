/*
 * See rollback_priv.h: what is done, step by step, and recorded at the end.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowback/base/log.h"
#include "rowback/ops/backup.h"
#include "rowback/ops/event.h"
#include "rollback_priv.h"

#define TEXT_MAX ((size_t)64 << 10)

void rb_rollback_part(struct rb_rollback *rollback, enum rb_rollback_part part,
                      enum rb_part_state state, const char *by_hand, const char *fmt, ...)
{
	struct rb_part *out = &rollback->report->parts[part];
	char detail[RB_ERR_MSG_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(detail, sizeof(detail), fmt, ap);
	va_end(ap);
	out->state = state;
	free(out->detail);
	free(out->by_hand);
	/* Without memory the state is told without its words. */
	out->detail = strdup(detail);
	out->by_hand = by_hand ? strdup(by_hand) : NULL;
}

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory for a rollback");
}

/* The names of the sources that are restored; NULL, for all there are, when none is. */
static int source_names(const struct rb_rollback *rollback, const char ***out, struct rb_err *err)
{
	const struct rb_rollback_plan *plan = &rollback->report->plan;

	*out = NULL;
	if (plan->source_count == 0)
		return RB_OK;
	*out = calloc(plan->source_count + 1, sizeof(**out));
	if (!*out)
		return no_memory(err);
	for (size_t i = 0; i < plan->source_count; i++)
		(*out)[i] = plan->sources[i].name;
	return RB_OK;
}

static int safety_failed(int rc, const struct rb_err *why, struct rb_err *err)
{
	if (rc == RB_E_CANCELLED) {
		if (err)
			*err = *why;
		return rc;
	}
	rb_err_set(err, RB_E_SAFETY, "nothing was changed: the safety backup failed: %s", why->msg);
	if (*why->hint)
		rb_err_hint(err, "%s", why->hint);
	return RB_E_SAFETY;
}

int rb_rollback_safety(struct rb_rollback *rollback, struct rb_err *err)
{
	struct rb_rollback_report *report = rollback->report;
	struct rb_backup_opts opts = {
	        .kind = "safety", .trigger = "pre-restore", .force = true, .push = true};
	struct rb_backup_report backup = {0};
	const char **names = NULL;
	struct rb_err why = {0};
	int rc = source_names(rollback, &names, err);

	if (rc < 0)
		return rc;
	opts.sources = names;
	rc = rb_backup_run(rollback->store, &opts, &backup, &why);
	/* What is half done must be put right, also while the backups' remote is away. */
	if (rc < 0 && report->plan.is_unfinished && backup.committed) {
		rb_log(RB_LOG_WARN, "%s", why.msg);
		rc = RB_OK;
	}
	if (rc == RB_OK) {
		memcpy(report->safety_id, backup.id, sizeof(report->safety_id));
		report->safety_pushed = backup.pushed;
	} else {
		rc = safety_failed(rc, &why, err);
	}
	rb_backup_report_release(&backup);
	free(names);
	return rc;
}

static int make_commit(struct rb_rollback *rollback, struct rb_err *err)
{
	const struct rb_rollback_plan *plan = &rollback->report->plan;
	struct rb_buf message = RB_BUF(TEXT_MAX);
	int rc = rb_buf_addf(&message, err, "Roll back to %.500s (%s)\n\nRowback-Backup: %s",
	                     plan->to.subject, plan->to.brief, plan->backup_id);

	if (rc == RB_OK)
		rc = rb_app_commit_tree(&rollback->place, plan->to.tree, plan->from.oid,
		                        rb_buf_str(&message), rollback->journal.after, err);
	rb_buf_release(&message);
	return rc;
}

static int move_code(struct rb_rollback *rollback, struct rb_err *err)
{
	struct rb_rollback_journal *journal = &rollback->journal;
	const struct rb_rollback_plan *plan = &rollback->report->plan;
	int rc = RB_OK;

	if (plan->code == RB_CODE_STAYS)
		return RB_OK;
	if (plan->code == RB_CODE_COMMIT)
		rc = make_commit(rollback, err);
	else
		memcpy(journal->after, plan->to.oid, sizeof(journal->after));
	if (rc == RB_OK)
		rc = rb_rollback_journal_write(rollback, RB_STEP_CODE, err);
	if (rc == RB_OK)
		rc = rb_app_keep(&rollback->place, journal->keep, journal->before, err);
	if (rc == RB_OK)
		rc = rb_app_set_branch(&rollback->place, journal->before, journal->after, err);
	if (rc < 0)
		return rc;
	rb_rollback_part(rollback, RB_PART_CODE, RB_PART_DONE, NULL, "branch '%s' is at %.12s",
	                 rollback->place.branch, journal->after);
	return RB_OK;
}

/* A restore that is about to write. */
struct writing {
	struct rb_rollback *rollback;
	struct rb_restore_report *report;
	struct rb_err err;
};

/*
 * Somebody may have written after the safety backup: the restore took another one then, and
 * that is what an undo must go back to.
 */
static bool note_safety(void *ctx, const struct rb_restore_plan *plan, const char *target)
{
	struct writing *writing = ctx;
	struct rb_rollback_journal *journal = &writing->rollback->journal;

	(void)plan;
	(void)target;
	if (!*writing->report->safety_id ||
	    strcmp(writing->report->safety_id, journal->safety) == 0)
		return true;
	memcpy(journal->safety, writing->report->safety_id, sizeof(journal->safety));
	return rb_rollback_journal_write(writing->rollback, RB_STEP_DATA, &writing->err) == RB_OK;
}

int rb_rollback_restore(struct rb_rollback *rollback, const char *backup_id, const char *source,
                        struct rb_restore_report *report, struct rb_err *err)
{
	const struct rb_restore_opts opts = {.spec = backup_id, .source = source, .no_event = true};
	int rc = rb_restore_run(rollback->store, &opts, report, err);

	return rc < 0 ? rb_err_wrap(err, rc, "source '%s'", source) : rc;
}

static int restore_source(struct rb_rollback *rollback, const char *source, struct rb_err *err)
{
	struct rb_restore_report report = {0};
	struct writing writing = {.rollback = rollback, .report = &report};
	const struct rb_restore_opts opts = {.spec = rollback->report->plan.backup_id,
	                                     .source = source,
	                                     .no_event = true,
	                                     .confirm = note_safety,
	                                     .ctx = &writing};
	int rc = rb_restore_run(rollback->store, &opts, &report, err);

	if (rc == RB_OK && report.declined) {
		if (err)
			*err = writing.err;
		rc = writing.err.status;
	}
	/* The way back is the rollback's to go. */
	if (rc == RB_E_MISMATCH && report.written)
		rb_err_hint(err, "something on the server changes what is made: an event trigger, "
		                 "a setting");
	rb_restore_report_release(&report);
	return rc < 0 ? rb_err_wrap(err, rc, "source '%s'", source) : rc;
}

static int move_data(struct rb_rollback *rollback, struct rb_err *err)
{
	struct rb_rollback_report *report = rollback->report;
	int rc = RB_OK;

	if (report->plan.source_count == 0)
		return RB_OK;
	rc = rb_rollback_journal_write(rollback, RB_STEP_DATA, err);
	for (size_t i = 0; rc == RB_OK && i < report->plan.source_count; i++)
		rc = restore_source(rollback, report->plan.sources[i].name, err);
	memcpy(report->safety_id, rollback->journal.safety, sizeof(report->safety_id));
	if (rc == RB_OK)
		rb_rollback_part(rollback, RB_PART_DATA, RB_PART_DONE, NULL,
		                 "as in backup %s, verified", report->plan.backup_id);
	return rc;
}

static int push_code(struct rb_rollback *rollback, struct rb_err *err)
{
	const struct rb_rollback_journal *journal = &rollback->journal;
	const struct rb_app_push push = {.store = rb_store_dir(rollback->store),
	                                 .commit = journal->after,
	                                 .lease = journal->code == RB_CODE_RESET ? journal->before
	                                                                         : NULL,
	                                 .timeout_ms = rollback->store->config.push_timeout_ms,
	                                 .on_line = rollback->opts->on_line,
	                                 .ctx = rollback->opts->ctx};
	int rc;

	if (journal->code == RB_CODE_STAYS || !rollback->place.remote)
		return RB_OK;
	rc = rb_rollback_journal_write(rollback, RB_STEP_PUSH, err);
	if (rc == RB_OK)
		rc = rb_app_push(&rollback->place, &push, err);
	if (rc == RB_OK)
		rb_rollback_part(rollback, RB_PART_REMOTE, RB_PART_DONE, NULL,
		                 "branch '%s' of '%s' is at %.12s", rollback->place.branch,
		                 rollback->place.remote, journal->after);
	return rc;
}

int rb_rollback_command(struct rb_rollback *rollback, const char *commit, const char *backup_id,
                        struct rb_err *err)
{
	struct rb_store *store = rollback->store;
	struct rb_buf backup = RB_BUF((size_t)256);
	struct rb_buf code = RB_BUF((size_t)256);
	struct rb_buf locked = RB_BUF((size_t)64 << 10);
	const char *env[4] = {NULL, NULL, NULL, NULL};
	struct rb_app_run run = {.command = store->config.rollback_run,
	                         .umask = rollback->opts->umask,
	                         .env = env,
	                         .on_line = rollback->opts->on_line,
	                         .ctx = rollback->opts->ctx};
	int rc = rb_buf_addf(&backup, err, "ROWBACK_BACKUP=%s", backup_id);

	if (rc == RB_OK)
		rc = rb_buf_addf(&code, err, "ROWBACK_CODE_COMMIT=%s", commit);
	if (rc == RB_OK)
		rc = rb_buf_addf(&locked, err, RB_APP_ROLLBACK_ENV "=%s", rb_store_dir(store));
	env[0] = rb_buf_str(&backup);
	env[1] = rb_buf_str(&code);
	env[2] = rb_buf_str(&locked);
	run.dir = rollback->place.dir ? rollback->place.dir : rb_store_dir(store);
	if (rc == RB_OK)
		rc = rb_app_run(&run, err);
	rb_buf_release(&backup);
	rb_buf_release(&code);
	rb_buf_release(&locked);
	return rc;
}

const char *rb_rollback_code_now(const struct rb_rollback *rollback)
{
	return *rollback->journal.after ? rollback->journal.after : rollback->report->plan.from.oid;
}

static int run_command(struct rb_rollback *rollback, struct rb_err *err)
{
	const struct rb_rollback_plan *plan = &rollback->report->plan;
	int rc;

	if (!plan->run)
		return RB_OK;
	rc = rb_rollback_journal_write(rollback, RB_STEP_COMMAND, err);
	if (rc == RB_OK)
		rc = rb_rollback_command(rollback, rb_rollback_code_now(rollback), plan->backup_id,
		                         err);
	if (rc == RB_OK)
		rb_rollback_part(rollback, RB_PART_COMMAND, RB_PART_DONE, NULL, "%s", plan->run);
	return rc;
}

int rb_rollback_steps(struct rb_rollback *rollback, struct rb_err *err)
{
	int rc = move_code(rollback, err);

	if (rc == RB_OK)
		rc = move_data(rollback, err);
	if (rc == RB_OK)
		rc = push_code(rollback, err);
	return rc < 0 ? rc : run_command(rollback, err);
}

static int write_subject(const struct rb_rollback *rollback, const char *sources, bool moved,
                         struct rb_buf *out, struct rb_err *err)
{
	const struct rb_rollback_plan *plan = &rollback->report->plan;
	const char *code = plan->to.subject ? plan->to.subject : "";
	int rc = rb_buf_addf(out, err, "%s: ", plan->is_undo ? "undo" : "rollback");

	if (rc == RB_OK && *sources)
		rc = rb_buf_addf(out, err, "%s is as in backup %s", sources, plan->backup_id);
	if (rc == RB_OK && moved)
		rc = rb_buf_addf(out, err, "%scode is as in %s '%.200s'", *sources ? ", " : "",
		                 plan->to.brief, code);
	if (rc == RB_OK && !moved && !*sources)
		rc = rb_buf_adds(out, "nothing had to be put back", err);
	return rc;
}

int rb_rollback_record(struct rb_rollback *rollback, const char *now, struct rb_err *err)
{
	static char rollback_name[] = "rollback";
	static char undo_name[] = "undo";
	struct rb_rollback_report *report = rollback->report;
	bool moved = strcmp(now, report->plan.from.oid) != 0;
	char after[RB_APP_OID_SIZE];
	struct rb_buf subject = RB_BUF(TEXT_MAX);
	struct rb_buf sources = RB_BUF(TEXT_MAX);
	struct rb_push_report push = {0};
	struct rb_event event = {.backup = report->plan.backup_id, .safety = report->safety_id};
	struct rb_oid commit;
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < report->plan.source_count; i++)
		rc = rb_buf_addf(&sources, err, "%s%s", i ? " " : "", report->plan.sources[i].name);
	if (rc == RB_OK)
		rc = write_subject(rollback, rb_buf_str(&sources), moved, &subject, err);
	event.name = report->plan.is_undo ? undo_name : rollback_name;
	event.subject = subject.data;
	event.source = sources.data;
	snprintf(after, sizeof(after), "%s", now);
	event.code_before = moved ? report->plan.from.oid : NULL;
	event.code_after = moved ? after : NULL;
	if (rc == RB_OK)
		rc = rb_event_record(rollback->store, &event, &commit, err);
	report->recorded = rc == RB_OK;
	if (rc == RB_OK)
		rc = rb_push_run(rollback->store, &push, err);
	report->record_pushed = rc == RB_OK && push.confirmed;
	rb_push_report_release(&push);
	rb_buf_release(&sources);
	rb_buf_release(&subject);
	return rc;
}
