/*
 * See prune_priv.h: the branch gets another history, and what hangs on it follows.
 */
#include <stdlib.h>
#include <string.h>

#include "rowback/base/log.h"
#include "rowback/repo/commit.h"
#include "rowback/repo/remote.h"
#include "prune_priv.h"

static const struct rb_oid none = {{0}};

int rb_rewriting_begin(struct rb_store *store, rb_rewrite_fn *decide, void *ctx,
                       struct rb_rewriting *out, struct rb_err *err)
{
	int rc;

	memset(out, 0, sizeof(*out));
	out->store = store;
	rc = rb_store_tip(store, &out->old_tip, err);
	if (rc == RB_OK)
		rc = rb_pack_begin(store->repo, 1, &out->pack, err);
	if (rc == RB_OK)
		rc = rb_rewrite_new(store->repo, out->pack, decide, ctx, &out->rewrite, err);
	return rc;
}

void rb_rewriting_end(struct rb_rewriting *job)
{
	rb_rewrite_free(job->rewrite);
	rb_pack_free(job->pack);
	rb_map_free(job->known);
	rb_ref_moves_release(&job->moves);
	memset(job, 0, sizeof(*job));
}

static int note_commit(void *ctx, const struct rb_commit *commit, struct rb_err *err)
{
	struct rb_rewriting *job = ctx;
	struct rb_oid identity;
	int rc = rb_rewrite_identity(job->store->repo, &commit->oid, &identity, err);

	/* Of equal ones the newest counts. */
	if (rc == RB_OK && !rb_map_get(job->known, identity.id, sizeof(identity.id)))
		rc = rb_map_put(job->known, identity.id, sizeof(identity.id), &commit->oid, err);
	return rc;
}

/* Commits that were met and not found, newest first: they wait for the next that is found. */
struct seeding {
	struct rb_rewriting *job;
	struct rb_oid *waiting;
	size_t count;
	size_t room;
};

static int seed_waiting(struct seeding *seeding, const struct rb_oid *to, struct rb_err *err)
{
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < seeding->count; i++)
		rc = rb_rewrite_seed(seeding->job->rewrite, &seeding->waiting[i], to, err);
	seeding->count = 0;
	return rc;
}

static int seed_commit(void *ctx, const struct rb_commit *commit, struct rb_err *err)
{
	struct seeding *seeding = ctx;
	const struct rb_oid *to;
	struct rb_oid identity;
	int rc = rb_rewrite_identity(seeding->job->store->repo, &commit->oid, &identity, err);

	if (rc < 0)
		return rc;
	to = rb_map_get(seeding->job->known, identity.id, sizeof(identity.id));
	if (to) {
		rc = seed_waiting(seeding, to, err);
		return rc < 0 ? rc : rb_rewrite_seed(seeding->job->rewrite, &commit->oid, to, err);
	}
	if (seeding->count == seeding->room) {
		size_t room = seeding->room ? seeding->room * 2 : 64;
		struct rb_oid *grown = realloc(seeding->waiting, room * sizeof(*grown));

		if (!grown)
			return rb_err_set(err, RB_E_NOMEM, "no memory to rewrite the history");
		seeding->waiting = grown;
		seeding->room = room;
	}
	seeding->waiting[seeding->count++] = commit->oid;
	return 0;
}

/* Note the commits of the history that others are to be found in, once. */
static int learn(struct rb_rewriting *job, const struct rb_oid *to, struct rb_err *err)
{
	int rc;

	if (job->known)
		return RB_OK;
	rc = rb_map_new(sizeof(struct rb_oid), &job->known, err);
	return rc < 0 ? rc : rb_commit_walk(job->store->repo, to, note_commit, job, err);
}

int rb_rewriting_seed(struct rb_rewriting *job, const struct rb_oid *from, const struct rb_oid *to,
                      struct rb_err *err)
{
	struct seeding seeding = {.job = job};
	int rc = learn(job, to, err);

	if (rc == RB_OK)
		rc = rb_commit_walk(job->store->repo, from, seed_commit, &seeding, err);
	if (rc == RB_OK)
		rc = seed_waiting(&seeding, &none, err);
	free(seeding.waiting);
	return rc;
}

static int follow(void *ctx, const char *ref, const struct rb_oid *oid, struct rb_err *err)
{
	struct rb_rewriting *job = ctx;
	struct rb_oid to;
	int rc = rb_rewrite_history(job->rewrite, oid, &to, err);

	if (rc == RB_OK && !rb_oid_is_none(&to))
		rc = rb_ref_moves_add(&job->moves, ref, oid, &to, false, err);
	return rc;
}

/* Call fn with each ref that hangs on the branch. */
static int each_follower(struct rb_store *store,
                         int (*fn)(void *ctx, const char *ref, const struct rb_oid *oid,
                                   struct rb_err *err),
                         void *ctx, struct rb_err *err)
{
	struct rb_oid check;
	int rc = rb_repo_ref_each(store->repo, RB_PIN_PREFIX, fn, ctx, err);

	if (rc == RB_OK)
		rc = rb_repo_ref_each(store->repo, RB_SAFETY_PREFIX, fn, ctx, err);
	if (rc == RB_OK && rb_repo_ref(store->repo, store->check_ref, &check, NULL) == RB_OK)
		rc = fn(ctx, store->check_ref, &check, err);
	return rc;
}

/* What a push may replace: the history that the remote has now, if it has any. */
static int plan_replaced(struct rb_rewriting *job, struct rb_err *err)
{
	struct rb_store *store = job->store;
	struct rb_oid oid;

	if (rb_repo_ref(store->repo, store->tracking_ref, &oid, NULL) < 0 ||
	    rb_repo_ref(store->repo, store->replaced_ref, &oid, NULL) == RB_OK)
		return RB_OK;
	return rb_ref_moves_add(&job->moves, store->replaced_ref, &none, &job->old_tip, false, err);
}

static int plan_notes(struct rb_rewriting *job, struct rb_err *err)
{
	struct rb_oid before;
	struct rb_oid after;
	int rc = rb_rewrite_notes(job->rewrite, RB_NOTES_REF, &after, err);

	if (rc < 0 || rb_oid_is_none(&after))
		return rc;
	rc = rb_repo_ref(job->store->repo, RB_NOTES_REF, &before, err);
	return rc < 0 ? rc
	              : rb_ref_moves_add(&job->moves, RB_NOTES_REF, &before, &after, true, err);
}

int rb_rewriting_plan(struct rb_rewriting *job, struct rb_err *err)
{
	struct rb_ref_moves followers = {0};
	struct rb_ref_moves first;
	int rc = rb_rewrite_history(job->rewrite, &job->old_tip, &job->new_tip, err);

	if (rc < 0)
		return rc;
	if (rb_oid_is_none(&job->new_tip))
		return rb_err_set(err, RB_E_USAGE, "nothing would be left of the history");
	/* The followers first, for their notes; their moves come last. */
	first = job->moves;
	job->moves = followers;
	rc = each_follower(job->store, follow, job, err);
	followers = job->moves;
	job->moves = first;
	if (rc == RB_OK)
		rc = plan_replaced(job, err);
	if (rc == RB_OK)
		rc = plan_notes(job, err);
	if (rc == RB_OK)
		rc = rb_ref_moves_add(&job->moves, job->store->branch_ref, &job->old_tip,
		                      &job->new_tip, false, err);
	for (size_t i = 0; rc == RB_OK && i < followers.count; i++)
		rc = rb_ref_moves_add(&job->moves, followers.items[i].ref, &followers.items[i].from,
		                      &followers.items[i].to, false, err);
	rb_ref_moves_release(&followers);
	return rc;
}

/* The working tree and git's index are those of the newest tree. */
static int check_tree(struct rb_rewriting *job, struct rb_err *err)
{
	struct rb_oid before;
	struct rb_oid after;
	int rc = RB_OK;

	if (rb_oid_is_none(&job->new_tip))
		return RB_OK;
	rc = rb_store_tree_of(job->store, &job->old_tip, &before, err);
	if (rc == RB_OK)
		rc = rb_store_tree_of(job->store, &job->new_tip, &after, err);
	if (rc == RB_OK && !rb_oid_equal(&before, &after))
		rc = rb_err_set(err, RB_E_CONFLICT,
		                "the newest commit would have another tree: nothing was rewritten");
	return rc;
}

int rb_rewriting_settle(struct rb_rewriting *job, const char *why, struct rb_err *err)
{
	struct rb_pack_stats stats;
	int rc = rb_pack_finish(job->pack, &stats, err);

	if (rc == RB_OK)
		rc = check_tree(job, err);
	return rc < 0 ? rc : rb_ref_moves_make(job->store, &job->moves, why, err);
}

int rb_rewriting_ask(struct rb_store *store, const char *what, struct rb_err *err)
{
	struct rb_push_report report = {0};
	int rc = rb_push_run(store, &report, err);

	rb_push_report_release(&report);
	return rc < 0 ? rb_err_wrap(err, rc, "nothing was %s", what) : rc;
}

/* What the remote's branch is at; none when it has none. */
static int remote_tip(struct rb_store *store, struct rb_oid *out, struct rb_err *err)
{
	const char *patterns[] = {store->branch_ref, NULL};
	struct rb_remote_refs refs = {0};
	const struct rb_oid *has;
	int rc = rb_remote_list(store->repo, store->config.remote, patterns,
	                        store->config.push_timeout_ms, &refs, err);

	if (rc < 0)
		return rc;
	has = rb_remote_refs_find(&refs, store->branch_ref);
	*out = has ? *has : none;
	rb_remote_refs_release(&refs);
	return RB_OK;
}

/* An event may have been put on top of what the branch was moved to. */
static void follow_branch(struct rb_rewriting *job, const struct rb_oid *tip)
{
	for (size_t i = 0; i < job->moves.made; i++) {
		if (strcmp(job->moves.items[i].ref, job->store->branch_ref) == 0)
			job->moves.items[i].to = *tip;
	}
}

int rb_rewriting_push(struct rb_rewriting *job, const char *what, struct rb_push_report *report,
                      bool *pushed, struct rb_err *err)
{
	struct rb_oid tip = {{0}};
	struct rb_oid has = {{0}};
	int rc = rb_push_run(job->store, report, err);

	*pushed = rc == RB_OK && report->confirmed;
	if (rc == RB_OK || rb_store_tip(job->store, &tip, NULL) < 0)
		return rc;
	if (remote_tip(job->store, &has, NULL) < 0) {
		rb_err_wrap(err, rc, "%s here, but what the remote has is not known", what);
		rb_err_hint(err, "the next backup or sync brings it there; 'rowback prune --undo' "
		                 "takes it back");
		return rc;
	}
	if (rb_oid_equal(&has, &tip))
		return rb_err_wrap(err, rc, "%s, but this was not confirmed", what);
	follow_branch(job, &tip);
	rb_ref_moves_take_back(job->store, &job->moves);
	rb_err_wrap(err, rc, "nothing was %s", what);
	if (rc == RB_E_REJECTED)
		rb_err_hint(err, "the remote takes no history that was rewritten (append-only, or "
		                 "a protected branch): allow a forced push there while you prune");
	return rc;
}

static int seed_pinned(struct rb_rewriting *job, const struct rb_oid *oid, struct rb_err *err)
{
	const struct rb_oid *to;
	struct rb_oid identity;
	int rc = learn(job, &job->old_tip, err);

	if (rc == RB_OK)
		rc = rb_rewrite_identity(job->store->repo, oid, &identity, err);
	if (rc < 0)
		return rc;
	to = rb_map_get(job->known, identity.id, sizeof(identity.id));
	return to ? rb_rewrite_seed(job->rewrite, oid, to, err) : RB_OK;
}

/* Whether a follower lies on the branch, or beside it on a commit of it. */
static int is_settled(struct rb_rewriting *job, const struct rb_commit *commit, bool is_pin,
                      struct rb_err *err)
{
	struct rb_repo *repo = job->store->repo;
	int rc = rb_commit_is_ancestor(repo, &commit->oid, &job->old_tip, err);

	if (rc != 0)
		return rc;
	if (commit->parent_count == 0)
		return !is_pin;
	return rb_commit_is_ancestor(repo, &commit->parents[0], &job->old_tip, err);
}

static int repair_one(void *ctx, const char *ref, const struct rb_oid *oid, struct rb_err *err)
{
	bool is_pin = strncmp(ref, RB_PIN_PREFIX, strlen(RB_PIN_PREFIX)) == 0;
	struct rb_rewriting *job = ctx;
	struct rb_commit commit = {0};
	int rc = rb_commit_read(job->store->repo, oid, &commit, err);

	if (rc < 0)
		return rc;
	rc = is_settled(job, &commit, is_pin, err);
	if (rc != 0)
		goto out;
	/* What is pinned is on the branch, by another name; the others only lie on it. */
	if (is_pin)
		rc = seed_pinned(job, oid, err);
	if (rc == RB_OK && commit.parent_count > 0)
		rc = rb_rewriting_seed(job, &commit.parents[0], &job->old_tip, err);
	if (rc == RB_OK)
		rc = follow(job, ref, oid, err);

out:
	rb_commit_release(&commit);
	return rc < 0 ? rc : RB_OK;
}

/* Trash that is in the branch's history is left from a run that was killed. */
static int drop_trash(void *ctx, const char *ref, const struct rb_oid *oid, struct rb_err *err)
{
	struct rb_rewriting *job = ctx;
	int rc = rb_commit_is_ancestor(job->store->repo, oid, &job->old_tip, err);

	if (rc == 1)
		rc = rb_ref_moves_add(&job->moves, ref, oid, &none, true, err);
	return rc < 0 ? rc : RB_OK;
}

int rb_rewriting_repair(struct rb_store *store, struct rb_err *err)
{
	struct rb_rewriting job;
	int rc = rb_rewriting_begin(store, NULL, NULL, &job, err);

	if (rc == RB_OK && !rb_oid_is_none(&job.old_tip)) {
		rc = each_follower(store, repair_one, &job, err);
		if (rc == RB_OK)
			rc = rb_repo_ref_each(store->repo, RB_TRASH_PREFIX, drop_trash, &job, err);
		if (rc == RB_OK)
			rc = rb_rewriting_settle(&job, "rowback: repair", err);
	}
	rb_rewriting_end(&job);
	return rc;
}
