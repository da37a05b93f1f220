/*
 * See rollback_priv.h: taking back what was begun.
 *
 * Nothing of what a step left is taken for granted: the remote, the databases and the branch are
 * asked what they are at, so that it may be called again and again, and after a crash.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowback/base/cancel.h"
#include "rowback/base/log.h"
#include "rollback_priv.h"

#define TEXT_MAX ((size_t)64 << 10)

/* One taking back. */
struct back {
	struct rb_rollback *rollback;
	int rc;            /* the first failure */
	struct rb_err why; /* of it */
};

static void stuck(struct back *back, enum rb_rollback_part part, const char *by_hand, int rc,
                  const struct rb_err *why)
{
	if (back->rc == RB_OK) {
		back->rc = rc;
		back->why = *why;
	}
	rb_rollback_part(back->rollback, part, RB_PART_STUCK, by_hand, "%s", why->msg);
}

/* A command for people. */
static char *by_hand(const char *fmt, ...) RB_PRINTF(1, 2);

static char *by_hand(const char *fmt, ...)
{
	char *text;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	text = len < 0 ? NULL : malloc((size_t)len + 1);
	if (!text)
		return NULL;
	va_start(ap, fmt);
	vsnprintf(text, (size_t)len + 1, fmt, ap);
	va_end(ap);
	return text;
}

/* What the branch goes back to: a commit on top, once the rollback's own is on the remote. */
static const char *target(const struct rb_rollback_journal *journal)
{
	return *journal->back ? journal->back : journal->before;
}

/* The commit that has the former tree, on top of the one that was pushed. */
static int make_commit(struct rb_rollback *rollback, struct rb_err *err)
{
	struct rb_rollback_journal *journal = &rollback->journal;
	struct rb_app_commit before = {0};
	struct rb_buf message = RB_BUF(TEXT_MAX);
	int rc;

	if (*journal->back || journal->code == RB_CODE_RESET)
		return RB_OK;
	rc = rb_app_commit_look(&rollback->place, journal->before, &before, err);
	if (rc == RB_OK)
		rc = rb_buf_addf(&message, err,
		                 "Take back a rollback: as in %.500s (%s)\n\nRowback-Backup: %s",
		                 before.subject, before.brief, journal->safety);
	if (rc == RB_OK)
		rc = rb_app_commit_tree(&rollback->place, before.tree, journal->after,
		                        rb_buf_str(&message), journal->back, err);
	/* Known before anything is at it. */
	if (rc == RB_OK)
		rc = rb_rollback_journal_write(rollback, journal->step, err);
	rb_app_commit_release(&before);
	rb_buf_release(&message);
	return rc;
}

static int push_back(struct back *back)
{
	struct rb_rollback *rollback = back->rollback;
	const struct rb_rollback_journal *journal = &rollback->journal;
	struct rb_app_push push = {.store = rb_store_dir(rollback->store),
	                           .timeout_ms = rollback->store->config.push_timeout_ms,
	                           .on_line = rollback->opts->on_line,
	                           .ctx = rollback->opts->ctx};
	struct rb_err why = {0};
	char *command = NULL;
	int rc = make_commit(rollback, &why);

	push.commit = target(journal);
	push.lease = journal->code == RB_CODE_RESET ? journal->after : NULL;
	if (rc == RB_OK)
		rc = rb_app_push(&rollback->place, &push, &why);
	if (rc == RB_OK) {
		rb_rollback_part(rollback, RB_PART_REMOTE, RB_PART_BACK, NULL,
		                 "branch '%s' of '%s' is at %.12s", rollback->place.branch,
		                 rollback->place.remote, push.commit);
		return rc;
	}
	command = by_hand("git -C '%s' push %s%s%s%s%s %s:%s", rollback->place.dir,
	                  push.lease ? "--force-with-lease=" : "",
	                  push.lease ? rollback->place.ref : "", push.lease ? ":" : "",
	                  push.lease ? push.lease : "", rollback->place.remote, push.commit,
	                  rollback->place.ref);
	stuck(back, RB_PART_REMOTE, command, rc, &why);
	free(command);
	return rc;
}

/*
 * Somebody moved the remote's branch: whether on top of what the rollback pushed, or before it
 * could.  returns 1; 0; negative
 */
static int has_ours(const struct rb_rollback *rollback, const char *at, struct rb_err *err)
{
	const struct rb_rollback_journal *journal = &rollback->journal;
	const struct rb_app_place *place = &rollback->place;
	bool resets = journal->code == RB_CODE_RESET;
	int rc;

	if (!*at)
		return resets;
	rc = rb_app_fetch(place, at, rollback->store->config.push_timeout_ms, err);
	if (rc == RB_OK)
		rc = rb_app_is_ancestor(place, resets ? journal->before : journal->after, at, err);
	/* Set back, it no longer has what it had. */
	return rc < 0 || !resets ? rc : !rc;
}

static void remote_moved(struct back *back, const char *at)
{
	struct rb_rollback *rollback = back->rollback;
	const struct rb_app_place *place = &rollback->place;
	struct rb_err why = {0};

	if (has_ours(rollback, at, &why) == 0) {
		rb_rollback_part(rollback, RB_PART_REMOTE, RB_PART_AS_WAS, NULL,
		                 "somebody moved branch '%s' of '%s' to %.12s meanwhile",
		                 place->branch, place->remote, *at ? at : "nothing");
		return;
	}
	rb_err_set(&why, RB_E_REJECTED,
	           "somebody moved branch '%s' of '%s' since it was pushed: it is at %.12s",
	           place->branch, place->remote, *at ? at : "nothing");
	stuck(back, RB_PART_REMOTE, NULL, RB_E_REJECTED, &why);
}

static void take_back_remote(struct back *back)
{
	struct rb_rollback *rollback = back->rollback;
	const struct rb_rollback_journal *journal = &rollback->journal;
	const struct rb_app_place *place = &rollback->place;
	char at[RB_APP_OID_SIZE] = "";
	struct rb_err why = {0};
	int rc;

	if (journal->code == RB_CODE_STAYS || journal->step < RB_STEP_PUSH || !place->remote)
		return;
	rc = rb_app_remote_at(place, rollback->store->config.push_timeout_ms, at, &why);
	if (rc < 0 || strcmp(at, journal->after) == 0) {
		/* When it cannot be asked, it may have it. */
		(void)push_back(back);
	} else if (strcmp(at, journal->before) == 0) {
		rb_rollback_part(rollback, RB_PART_REMOTE, RB_PART_AS_WAS, NULL,
		                 "branch '%s' of '%s' is at %.12s", place->branch, place->remote,
		                 at);
	} else if (*journal->back && strcmp(at, journal->back) == 0) {
		rb_rollback_part(rollback, RB_PART_REMOTE, RB_PART_BACK, NULL,
		                 "branch '%s' of '%s' is at %.12s", place->branch, place->remote,
		                 at);
	} else {
		remote_moved(back, at);
	}
}

static void take_back_data(struct back *back)
{
	struct rb_rollback *rollback = back->rollback;
	const struct rb_rollback_journal *journal = &rollback->journal;
	bool any_stuck = false;
	bool any_written = false;

	if (journal->source_count == 0 || journal->step < RB_STEP_DATA)
		return;
	for (size_t i = journal->source_count; i-- > 0;) {
		struct rb_restore_report report = {0};
		struct rb_err why = {0};
		int rc = rb_rollback_restore(rollback, journal->safety, journal->sources[i],
		                             &report, &why);

		any_written |= report.written;
		rb_restore_report_release(&report);
		if (rc < 0) {
			char *command = by_hand("rowback restore %s --source %s", journal->safety,
			                        journal->sources[i]);

			stuck(back, RB_PART_DATA, command, rc, &why);
			any_stuck = true;
			free(command);
		}
	}
	if (!any_stuck)
		rb_rollback_part(rollback, RB_PART_DATA,
		                 any_written ? RB_PART_BACK : RB_PART_AS_WAS, NULL,
		                 "as in backup %s", journal->safety);
}

/* Move the branch back from where it is, unless somebody else moved it. */
static int move_back(struct back *back, struct rb_err *err)
{
	struct rb_rollback *rollback = back->rollback;
	const struct rb_rollback_journal *journal = &rollback->journal;
	const struct rb_app_place *place = &rollback->place;
	const char *to = target(journal);
	char at[RB_APP_OID_SIZE] = "";
	enum rb_part_state state = RB_PART_BACK;
	int rc = rb_app_resolve(place->dir, place->ref, at, err);

	if (rc < 0)
		return rc;
	if (strcmp(at, to) == 0)
		state = *journal->back ? RB_PART_BACK : RB_PART_AS_WAS;
	else if (strcmp(at, journal->after) == 0 || strcmp(at, journal->before) == 0)
		rc = rb_app_set_branch(place, at, to, err);
	else
		rc = rb_err_set(err, RB_E_CONFLICT,
		                "somebody moved branch '%s' meanwhile: it is at %.12s",
		                place->branch, at);
	if (rc == RB_OK)
		rb_rollback_part(rollback, RB_PART_CODE, state, NULL, "branch '%s' is at %.12s",
		                 place->branch, to);
	return rc;
}

static void take_back_code(struct back *back)
{
	const struct rb_rollback_journal *journal = &back->rollback->journal;
	const struct rb_app_place *place = &back->rollback->place;
	struct rb_err why = {0};
	char *command;
	int rc;

	if (journal->code == RB_CODE_STAYS || journal->step < RB_STEP_CODE)
		return;
	rc = move_back(back, &why);
	if (rc == RB_OK)
		return;
	command = place->is_checked_out
	                  ? by_hand("git -C '%s' reset --keep %s", place->dir, target(journal))
	                  : by_hand("git -C '%s' update-ref %s %s", place->dir, place->ref,
	                            target(journal));
	stuck(back, RB_PART_CODE, command, rc, &why);
	free(command);
}

/* It deploys what the branch is at: after that went back, it must be run once more. */
static void take_back_command(struct back *back)
{
	struct rb_rollback *rollback = back->rollback;
	const struct rb_rollback_journal *journal = &rollback->journal;
	const char *run = rollback->store->config.rollback_run;
	struct rb_err why = {0};
	int rc;

	if (journal->step < RB_STEP_COMMAND || !run)
		return;
	if (back->rc < 0) {
		rb_rollback_part(rollback, RB_PART_COMMAND, RB_PART_STUCK, run,
		                 "not run again: the rest must be put right first");
		return;
	}
	rc = rb_rollback_command(rollback, target(journal), journal->safety, &why);
	if (rc == RB_OK)
		rb_rollback_part(rollback, RB_PART_COMMAND, RB_PART_BACK, NULL, "%s", run);
	else
		stuck(back, RB_PART_COMMAND, run, rc, &why);
}

static void forget(struct back *back)
{
	struct rb_rollback *rollback = back->rollback;
	const struct rb_rollback_journal *journal = &rollback->journal;
	struct rb_err why = {0};

	/* A ref too many does no harm. */
	if (journal->code != RB_CODE_STAYS &&
	    rb_app_keep(&rollback->place, journal->keep, NULL, &why) < 0)
		rb_log(RB_LOG_WARN, "%s", why.msg);
	back->rc = rb_rollback_journal_remove(rollback, &back->why);
}

int rb_rollback_take_back(struct rb_rollback *rollback, struct rb_err *err)
{
	struct back back = {.rollback = rollback};
	int signum = rb_cancel_signal();

	/* The first signal asked to stop; stopping half-way is no stop.  A second one is obeyed. */
	if (signum)
		rb_cancel_request(0);
	take_back_remote(&back);
	take_back_data(&back);
	take_back_code(&back);
	take_back_command(&back);
	if (back.rc == RB_OK)
		forget(&back);
	if (signum && !rb_cancel_signal())
		rb_cancel_request(signum);
	if (back.rc < 0 && err)
		*err = back.why;
	return back.rc;
}
