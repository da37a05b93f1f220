/*
 * See rowback/ops/prune.h: the old histories, and when they go.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowback/base/time.h"
#include "rowback/ops/prune.h"
#include "rowback/repo/commit.h"
#include "rowback/repo/space.h"
#include "prune_priv.h"

#define STATE_SPACE "space"
/* git leaves objects alone for two weeks (gc.pruneExpire); then they are looked at again. */
#define AGAIN_S ((int64_t)15 * 86400)
/* After a sweep that took too long. */
#define LATER_S ((int64_t)86400)
/* A reflog entry is made a moment after the trash has its name. */
#define REFLOG_SLACK_S 60

struct walk {
	struct rb_store *store;
	struct rb_oid tip;
	int (*fn)(void *ctx, const struct rb_trash *trash, struct rb_err *err);
	void *ctx;
};

static int visit(void *ctx, const char *ref, const struct rb_oid *oid, struct rb_err *err)
{
	struct walk *walk = ctx;
	const char *id = ref + strlen(RB_TRASH_PREFIX);
	struct rb_trash trash = {.tip = *oid};
	int64_t time;
	int rc;

	/* What is not ours is left alone. */
	if (strlen(id) >= sizeof(trash.id) || rb_time_parse_utc(id, &time, NULL) < 0)
		return RB_OK;
	rc = rb_commit_is_ancestor(walk->store->repo, oid, &walk->tip, err);
	if (rc != 0)
		return rc < 0 ? rc : RB_OK;
	memcpy(trash.id, id, strlen(id) + 1);
	trash.expires_unix_s = time + walk->store->config.retention.trash_s;
	return walk->fn(walk->ctx, &trash, err);
}

int rb_trash_each(struct rb_store *store,
                  int (*fn)(void *ctx, const struct rb_trash *trash, struct rb_err *err), void *ctx,
                  struct rb_err *err)
{
	struct walk walk = {.store = store, .fn = fn, .ctx = ctx};
	int rc = rb_store_tip(store, &walk.tip, err);

	if (rc < 0 || rb_oid_is_none(&walk.tip))
		return rc;
	return rb_repo_ref_each(store->repo, RB_TRASH_PREFIX, visit, &walk, err);
}

/* The trash whose time is over. */
struct expiry {
	struct rb_ref_moves moves;
	int64_t now;
	int64_t newest; /* when the newest of it was made */
};

static int note_expired(void *ctx, const struct rb_trash *trash, struct rb_err *err)
{
	static const struct rb_oid none = {{0}};
	struct expiry *expiry = ctx;
	char ref[64];
	int64_t time;
	int rc;

	if (trash->expires_unix_s > expiry->now)
		return RB_OK;
	rc = rb_time_parse_utc(trash->id, &time, err);
	if (rc == RB_OK && time > expiry->newest)
		expiry->newest = time;
	snprintf(ref, sizeof(ref), "%s%s", RB_TRASH_PREFIX, trash->id);
	return rc < 0 ? rc : rb_ref_moves_add(&expiry->moves, ref, &trash->tip, &none, true, err);
}

static int set_time(struct rb_store *store, const char *name, int64_t time_unix_s,
                    struct rb_err *err)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRId64, time_unix_s);
	return rb_state_set(store->state, STATE_SPACE, name, text, err);
}

/* Let the refs go, and what remembers where the branch was. */
static int drop_expired(struct rb_store *store, struct expiry *expiry, int64_t timeout_ms,
                        struct rb_err *err)
{
	const char *refs[] = {store->branch_ref, store->tracking_ref, "HEAD", NULL};
	int rc = rb_rewriting_repair(store, err);

	if (rc == RB_OK)
		rc = rb_ref_moves_make(store, &expiry->moves, "rowback: trash expired", err);
	if (rc == RB_OK)
		rc = rb_space_expire_reflogs(store->repo, refs, expiry->newest + REFLOG_SLACK_S,
		                             timeout_ms, err);
	if (rc == RB_OK)
		rc = set_time(store, "sweep_at", expiry->now, err);
	if (rc == RB_OK)
		rc = set_time(store, "sweep_again", expiry->now + AGAIN_S, err);
	return rc;
}

/* Get space back when it is time to; a second time when git lets go what is young now. */
static int sweep(struct rb_store *store, int64_t now, int64_t timeout_ms, struct rb_err *err)
{
	const char *at = rb_state_get(store->state, STATE_SPACE, "sweep_at");
	const char *again = rb_state_get(store->state, STATE_SPACE, "sweep_again");
	int64_t next = again ? strtoll(again, NULL, 10) : 0;
	int rc;

	if (!at || strtoll(at, NULL, 10) > now)
		return RB_OK;
	rc = rb_space_sweep(store->repo, timeout_ms, err);
	if (rc == RB_E_TIMEOUT)
		return set_time(store, "sweep_at", now + LATER_S, err);
	if (rc < 0)
		return rc;
	if (next <= now) {
		rb_state_unset(store->state, STATE_SPACE, NULL);
		return RB_OK;
	}
	rb_state_unset(store->state, STATE_SPACE, "sweep_again");
	return set_time(store, "sweep_at", next, err);
}

int rb_trash_expire(struct rb_store *store, int64_t timeout_ms, struct rb_err *err)
{
	struct expiry expiry = {.now = rb_time_now_unix_s()};
	int rc = rb_trash_each(store, note_expired, &expiry, err);

	if (rc == RB_OK && expiry.moves.count > 0)
		rc = drop_expired(store, &expiry, timeout_ms, err);
	if (rc == RB_OK)
		rc = sweep(store, expiry.now, timeout_ms, err);
	if (rc == RB_OK)
		rc = rb_state_save(store->state, err);
	rb_ref_moves_release(&expiry.moves);
	return rc;
}
