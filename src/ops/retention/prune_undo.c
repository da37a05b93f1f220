/*
 * See rowback/ops/prune.h: putting back what a prune took out.
 *
 * The old history is whole in the trash.  What came after the prune is put on top of it: new
 * backups, events but the prune's own, and commits of somebody's own.  With none of these the
 * branch is exactly what it was.
 */
#include <stdio.h>
#include <string.h>

#include "rowback/ops/prune.h"
#include "rowback/repo/commit.h"
#include "prune_priv.h"

void rb_undo_report_release(struct rb_undo_report *report)
{
	rb_push_report_release(&report->push);
	memset(report, 0, sizeof(*report));
}

static int take_newest(void *ctx, const struct rb_trash *trash, struct rb_err *err)
{
	(void)err;
	*(struct rb_trash *)ctx = *trash; /* they come oldest first */
	return 0;
}

static int find_trash(struct rb_store *store, struct rb_trash *out, struct rb_err *err)
{
	int rc;

	memset(out, 0, sizeof(*out));
	rc = rb_trash_each(store, take_newest, out, err);
	if (rc < 0 || *out->id)
		return rc;
	rb_err_set(err, RB_E_NOSTORE, "there is no prune to take back");
	return rb_err_hint(err, "an old history is kept for as long as retention.trash says");
}

/* The commit that the old newest one became, and the backups that came after it. */
struct search {
	struct rb_store *store;
	struct rb_oid identity; /* of the old newest one */
	struct rb_oid found;
	size_t moved;
};

static int search_commit(void *ctx, const struct rb_commit *commit, struct rb_err *err)
{
	struct search *search = ctx;
	struct rb_message message = {0};
	struct rb_oid identity;
	int rc = rb_rewrite_identity(search->store->repo, &commit->oid, &identity, err);

	if (rc < 0)
		return rc;
	if (rb_oid_equal(&identity, &search->identity)) {
		search->found = commit->oid;
		return 1;
	}
	search->moved += rb_message_read(commit->message, &message, NULL) == RB_OK;
	rb_message_release(&message);
	return 0;
}

static int find_joint(struct rb_store *store, const struct rb_trash *trash, struct rb_oid *joint,
                      size_t *moved, struct rb_err *err)
{
	struct search search = {.store = store};
	struct rb_oid tip;
	int rc = rb_rewrite_identity(store->repo, &trash->tip, &search.identity, err);

	if (rc == RB_OK)
		rc = rb_store_tip(store, &tip, err);

	if (rc == RB_OK)
		rc = rb_commit_walk(store->repo, &tip, search_commit, &search, err);
	if (rc < 0)
		return rc;
	if (rb_oid_is_none(&search.found)) {
		rb_err_set(err, RB_E_CONFLICT,
		           "the history was rewritten otherwise since the prune of %s", trash->id);
		return rb_err_hint(err, "what it took out still lies in %s%s", RB_TRASH_PREFIX,
		                   trash->id);
	}
	*joint = search.found;
	*moved = search.moved;
	return RB_OK;
}

static int count_backup(void *ctx, const struct rb_commit *commit, struct rb_err *err)
{
	struct rb_message message = {0};
	size_t *count = ctx;

	(void)err;
	*count += rb_message_read(commit->message, &message, NULL) == RB_OK;
	rb_message_release(&message);
	return 0;
}

/* How many backups the old history has more than the part of the branch that came of it. */
static int count_back(struct rb_store *store, const struct rb_oid *old_tip,
                      const struct rb_oid *joint, size_t *out, struct rb_err *err)
{
	size_t now = 0;
	int rc = rb_commit_walk(store->repo, old_tip, count_backup, out, err);

	if (rc == RB_OK)
		rc = rb_commit_walk(store->repo, joint, count_backup, &now, err);
	*out -= *out > now ? now : *out;
	return rc;
}

/* The prune's own events go with it. */
static int decide(void *ctx, const struct rb_commit *commit, struct rb_err *err)
{
	struct rb_event event = {0};
	int rc = RB_REWRITE_KEEP;

	(void)ctx;
	(void)err;
	if (rb_event_read(commit->message, &event, NULL) == RB_OK)
		rc = strcmp(event.name, "prune") == 0 || strcmp(event.name, "delete") == 0
		             ? RB_REWRITE_DROP
		             : RB_REWRITE_FOLLOW;
	rb_event_release(&event);
	return rc;
}

static int rewrite(struct rb_rewriting *job, const struct rb_trash *trash,
                   const struct rb_oid *joint, struct rb_err *err)
{
	static const struct rb_oid none = {{0}};
	char ref[64];
	int rc = rb_rewrite_seed(job->rewrite, joint, &trash->tip, err);

	if (rc == RB_OK)
		rc = rb_rewriting_seed(job, joint, &trash->tip, err);
	if (rc == RB_OK)
		rc = rb_rewriting_plan(job, err);
	snprintf(ref, sizeof(ref), "%s%s", RB_TRASH_PREFIX, trash->id);
	if (rc == RB_OK)
		rc = rb_ref_moves_add(&job->moves, ref, &trash->tip, &none, false, err);
	return rc < 0 ? rc : rb_rewriting_settle(job, "rowback: prune taken back", err);
}

static int apply(struct rb_store *store, const struct rb_prune_opts *opts,
                 const struct rb_trash *trash, const struct rb_oid *joint,
                 struct rb_undo_report *report, struct rb_err *err)
{
	struct rb_rewriting job = {0};
	int rc = rb_rewriting_begin(store, decide, NULL, &job, err);

	if (rc == RB_OK)
		rc = rewrite(&job, trash, joint, err);
	report->done = rc == RB_OK;
	if (rc == RB_OK && opts->push) {
		rc = rb_rewriting_push(&job, "taken back", &report->push, &report->pushed, err);
		report->done = job.moves.made > 0;
	}
	if (report->done)
		report->tip = job.new_tip;
	rb_rewriting_end(&job);
	return rc;
}

int rb_prune_undo(struct rb_store *store, const struct rb_prune_opts *opts,
                  struct rb_undo_report *report, struct rb_err *err)
{
	struct rb_oid joint = {{0}};
	struct rb_trash trash;
	int rc = RB_OK;

	memset(report, 0, sizeof(*report));
	if (opts->confirmed)
		rc = rb_rewriting_repair(store, err);
	if (rc == RB_OK)
		rc = find_trash(store, &trash, err);
	if (rc == RB_OK && opts->confirmed && opts->push)
		rc = rb_rewriting_ask(store, "taken back", err);
	if (rc == RB_OK)
		rc = find_joint(store, &trash, &joint, &report->moved, err);
	if (rc == RB_OK)
		rc = count_back(store, &trash.tip, &joint, &report->back, err);
	if (rc < 0)
		return rc;
	memcpy(report->trash, trash.id, sizeof(report->trash));
	return opts->confirmed ? apply(store, opts, &trash, &joint, report, err) : RB_OK;
}
