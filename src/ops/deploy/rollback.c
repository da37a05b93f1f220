/*
 * See rowback/ops/rollback.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowback/base/log.h"
#include "rowback/base/time.h"
#include "rollback_priv.h"

static void release_plan(struct rb_rollback_plan *plan)
{
	for (size_t i = 0; i < plan->source_count; i++) {
		free(plan->sources[i].name);
		rb_restore_report_release(&plan->sources[i].report);
	}
	free(plan->sources);
	free(plan->kind);
	free(plan->begun);
	free(plan->app_dir);
	free(plan->branch);
	free(plan->remote);
	free(plan->name);
	rb_app_commit_release(&plan->from);
	rb_app_commit_release(&plan->to);
}

void rb_rollback_report_release(struct rb_rollback_report *report)
{
	release_plan(&report->plan);
	for (size_t i = 0; i < RB_PART_COUNT; i++) {
		free(report->parts[i].detail);
		free(report->parts[i].by_hand);
	}
	memset(report, 0, sizeof(*report));
}

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory for a rollback");
}

static void count_stuck(struct rb_rollback_report *report)
{
	report->stuck = 0;
	for (size_t i = 0; i < RB_PART_COUNT; i++)
		report->stuck += report->parts[i].state == RB_PART_STUCK;
}

/* A command that fails each time would keep it from ever being taken back whole. */
static void hint_stuck(const struct rb_rollback_report *report, struct rb_err *err)
{
	bool only_command =
	        report->stuck == 1 && report->parts[RB_PART_COMMAND].state == RB_PART_STUCK;

	rb_err_hint(err,
	            "finish it by hand as the table says, or try again: rowback rollback "
	            "--undo%s",
	            only_command ? "; when the command is what is wrong, correct it before: git "
	                           "config rollback.run, or take it out with --unset"
	                         : "");
}

/* All parts that the journal is about are as they were, so far. */
static void begin_parts(struct rb_rollback *rollback)
{
	const struct rb_rollback_journal *journal = &rollback->journal;
	struct rb_part *parts = rollback->report->parts;
	bool moves = journal->code != RB_CODE_STAYS;

	if (journal->source_count > 0)
		parts[RB_PART_DATA].state = RB_PART_AS_WAS;
	if (moves)
		parts[RB_PART_CODE].state = RB_PART_AS_WAS;
	if (moves && journal->remote)
		parts[RB_PART_REMOTE].state = RB_PART_AS_WAS;
	if (rollback->store->config.rollback_run)
		parts[RB_PART_COMMAND].state = RB_PART_AS_WAS;
}

/* What is about to be done, for the file. */
static int fill_journal(struct rb_rollback *rollback, struct rb_err *err)
{
	const struct rb_rollback_plan *plan = &rollback->report->plan;
	struct rb_rollback_journal *journal = &rollback->journal;

	journal->begun_unix_s = rb_time_now_unix_s();
	journal->is_undo = plan->is_undo;
	journal->code = plan->code;
	memcpy(journal->backup, plan->backup_id, sizeof(journal->backup));
	memcpy(journal->safety, rollback->report->safety_id, sizeof(journal->safety));
	memcpy(journal->keep, journal->safety, sizeof(journal->keep));
	memcpy(journal->before, plan->from.oid, sizeof(journal->before));
	if (plan->branch) {
		journal->branch = strdup(plan->branch);
		if (!journal->branch)
			return no_memory(err);
	}
	if (plan->remote) {
		journal->remote = strdup(plan->remote);
		if (!journal->remote)
			return no_memory(err);
	}
	journal->sources = calloc(plan->source_count + 1, sizeof(*journal->sources));
	if (!journal->sources)
		return no_memory(err);
	for (size_t i = 0; i < plan->source_count; i++) {
		journal->sources[i] = strdup(plan->sources[i].name);
		if (!journal->sources[i])
			return no_memory(err);
		journal->source_count++;
	}
	return RB_OK;
}

/* A step failed: take back those before it, and say both. */
static int fail(struct rb_rollback *rollback, int rc, struct rb_err *why, struct rb_err *err)
{
	struct rb_rollback_report *report = rollback->report;
	const char *words = rb_rollback_step_words(rollback->journal.step);
	struct rb_err back = {0};

	rb_log(RB_LOG_WARN, "the rollback failed %s, and is taken back: %s", words, why->msg);
	report->taken_back = rb_rollback_take_back(rollback, &back) == RB_OK;
	count_stuck(report);
	if (report->taken_back) {
		rb_err_wrap(why, rc, "the rollback failed %s, and was taken back", words);
	} else {
		rb_err_wrap(why, rc, "the rollback failed %s, and COULD NOT BE TAKEN BACK whole",
		            words);
		hint_stuck(report, why);
		rb_log(RB_LOG_ERROR, "taking it back failed: %s", back.msg);
	}
	if (err)
		*err = *why;
	return rc;
}

/* It is done; what is left is only to say so. */
static int finish(struct rb_rollback *rollback, const char *now, struct rb_err *err)
{
	struct rb_err why = {0};
	int rc = rb_rollback_record(rollback, now, err);

	rollback->report->done = true;
	if (rb_rollback_journal_remove(rollback, &why) < 0)
		rb_log(RB_LOG_WARN, "%s", why.msg);
	if (rc == RB_OK)
		return rc;
	rb_err_wrap(err, rc, "it is done, but the record of it was not %s",
	            rollback->report->recorded ? "pushed" : "written");
	if (rollback->report->recorded)
		rb_err_hint(err, "the next push brings it along: rowback sync");
	return rc;
}

static bool is_confirmed(struct rb_rollback *rollback)
{
	const struct rb_rollback_opts *opts = rollback->opts;

	rollback->report->declined =
	        opts->confirm && !opts->confirm(opts->ctx, &rollback->report->plan);
	return !rollback->report->declined;
}

/* Forward: a rollback, or the undo of one that is whole. */
static int roll_back(struct rb_rollback *rollback, struct rb_err *err)
{
	struct rb_err why = {0};
	int rc = rb_rollback_plan(rollback, err);

	if (rc < 0 || rollback->report->nothing || rollback->opts->dry_run ||
	    !is_confirmed(rollback))
		return rc;
	rc = rb_rollback_safety(rollback, err);
	if (rc == RB_OK)
		rc = fill_journal(rollback, err);
	if (rc < 0)
		return rc;
	begin_parts(rollback);
	rc = rb_rollback_journal_write(rollback, RB_STEP_BEGUN, &why);
	if (rc == RB_OK)
		rc = rb_rollback_steps(rollback, &why);
	if (rc < 0)
		return fail(rollback, rc, &why, err);
	return finish(rollback, rb_rollback_code_now(rollback), err);
}

/* Whether it was broken off before it changed anything: there is only the record to remove. */
static bool was_only_begun(const struct rb_rollback *rollback)
{
	const struct rb_rollback_journal *journal = &rollback->journal;
	const struct rb_rollback_plan *plan = &rollback->report->plan;

	return journal->step < RB_STEP_PUSH && !*journal->back && plan->source_count == 0 &&
	       (journal->code == RB_CODE_STAYS || strcmp(plan->from.oid, journal->before) == 0);
}

/* Backward: what was broken off. */
static int put_right(struct rb_rollback *rollback, struct rb_err *err)
{
	struct rb_rollback_report *report = rollback->report;
	char now[RB_APP_OID_SIZE] = "";
	int rc = rb_rollback_plan_unfinished(rollback, err);

	report->nothing = rc == RB_OK && was_only_begun(rollback);
	if (rc < 0 || rollback->opts->dry_run)
		return rc;
	if (report->nothing)
		return rb_rollback_take_back(rollback, err);
	if (!is_confirmed(rollback))
		return rc;
	rc = rb_rollback_safety(rollback, err);
	if (rc < 0)
		return rc;
	begin_parts(rollback);
	rc = rb_rollback_take_back(rollback, err);
	count_stuck(report);
	if (rc < 0) {
		rb_err_wrap(err, rc, "it COULD NOT BE TAKEN BACK whole");
		hint_stuck(report, err);
		return rc;
	}
	if (rollback->place.dir)
		rc = rb_app_resolve(rollback->place.dir, rollback->place.ref, now, err);
	return rc < 0 ? rc : finish(rollback, now, err);
}

static int refuse_unfinished(struct rb_rollback *rollback, struct rb_err *err)
{
	char *what = NULL;
	int rc = rb_rollback_unfinished(rollback->store, &what, err);

	if (rc == RB_OK) {
		rc = rb_err_set(err, RB_E_CONFLICT, "%s",
		                what ? what : "a rollback was broken off");
		rb_err_hint(err, "take it back first: rowback rollback --undo");
	}
	free(what);
	return rc;
}

int rb_rollback_run(struct rb_store *store, const struct rb_rollback_opts *opts,
                    struct rb_rollback_report *report, struct rb_err *err)
{
	struct rb_rollback rollback = {.store = store, .opts = opts, .report = report};
	bool is_unfinished;
	int rc;

	memset(report, 0, sizeof(*report));
	rollback.journal_path = rb_repo_state_path(store->repo, "rollback.json");
	if (!rollback.journal_path)
		return no_memory(err);
	rc = rb_rollback_journal_read(rollback.journal_path, &rollback.journal, err);
	is_unfinished = rc == RB_OK;
	if (rc == RB_E_NOTFOUND)
		rc = RB_OK;
	if (rc == RB_OK && is_unfinished)
		rc = opts->undo ? put_right(&rollback, err) : refuse_unfinished(&rollback, err);
	else if (rc == RB_OK)
		rc = roll_back(&rollback, err);
	rb_app_state_release(&rollback.app);
	rb_app_place_release(&rollback.place);
	rb_rollback_journal_release(&rollback.journal);
	free(rollback.journal_path);
	return rc;
}
