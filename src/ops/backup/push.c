/*
 * See rowback/ops/push.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowback/base/log.h"
#include "rowback/base/time.h"
#include "rowback/ops/push.h"
#include "rowback/repo/commit.h"
#include "rowback/repo/remote.h"

#define REFS_MAX 64 /* refs in one push; the rest waits for the next */
#define REF_NAME_MAX 200
#define ASK_TIMEOUT_MS 30000 /* to ask whether a remote is public */
#define STATE_REMOTE "remote"
#define STATE_PUSHED "pushed"

/* The refs of one push; names must outlive it. */
struct batch {
	struct rb_push_ref refs[REFS_MAX];
	char names[REFS_MAX][REF_NAME_MAX];
	size_t count;
	struct rb_store *store;
};

void rb_push_report_release(struct rb_push_report *report)
{
	free(report->url);
	free(report->visibility);
	memset(report, 0, sizeof(*report));
}

static int set_url(struct rb_store *store, struct rb_push_report *report, char **raw,
                   struct rb_err *err)
{
	struct rb_buf url = RB_BUF(65536);
	struct rb_buf shown = RB_BUF(65536);
	int rc = rb_remote_url(store->repo, store->config.remote, &url, err);

	if (rc == RB_OK)
		rc = rb_remote_redact_url(rb_buf_str(&url), &shown, err);
	if (rc == RB_OK) {
		free(report->url);
		report->url = rb_buf_detach(&shown);
		*raw = rb_buf_detach(&url);
		if (!report->url || !*raw)
			rc = rb_err_set(err, RB_E_NOMEM, "no memory for the remote's URL");
	}
	rb_buf_release(&url);
	rb_buf_release(&shown);
	return rc;
}

static int refuse_public(const struct rb_push_report *report, struct rb_err *err)
{
	rb_err_set(err, RB_E_PUBLIC, "'%s' can be read by anybody: no data was pushed into it",
	           report->url);
	return rb_err_hint(err, "make the repository private, or, when everybody may read this "
	                        "data, run: git config rowback.allowPublic true");
}

static int ask_visibility(struct rb_store *store, const char *url, struct rb_push_report *report,
                          struct rb_err *err)
{
	enum rb_visibility found = RB_VISIBILITY_UNKNOWN;
	struct rb_buf why = RB_BUF(4096);
	int rc = rb_remote_visibility(store->repo, url, ASK_TIMEOUT_MS, &found, &why, err);

	if (rc < 0)
		goto out;
	report->visibility_unknown = found == RB_VISIBILITY_UNKNOWN;
	free(report->visibility);
	report->visibility = rb_buf_detach(&why);
	if (found == RB_VISIBILITY_PUBLIC) {
		rc = refuse_public(report, err);
		goto out;
	}
	if (found == RB_VISIBILITY_UNKNOWN) {
		rb_log(RB_LOG_WARN, "cannot find out whether '%s' is private: %s", report->url,
		       report->visibility ? report->visibility : "");
		goto out; /* asked again next time */
	}
	/* That a path is one is seen without asking anybody. */
	if (found != RB_VISIBILITY_LOCAL)
		rc = rb_state_set(store->state, STATE_REMOTE, "private_url", report->url, err);

out:
	rb_buf_release(&why);
	return rc;
}

int rb_push_check_private(struct rb_store *store, struct rb_push_report *report, struct rb_err *err)
{
	const char *known;
	char *url = NULL;
	int rc = set_url(store, report, &url, err);

	if (rc == RB_OK && !store->config.allow_public) {
		known = rb_state_get(store->state, STATE_REMOTE, "private_url");
		if (!known || strcmp(known, report->url) != 0)
			rc = ask_visibility(store, url, report, err);
	}
	free(url);
	return rc;
}

static struct rb_push_ref *add_ref(struct batch *batch, const char *ref, const struct rb_oid *oid)
{
	struct rb_push_ref *entry;

	if (batch->count == REFS_MAX || strlen(ref) >= REF_NAME_MAX)
		return NULL;
	snprintf(batch->names[batch->count], REF_NAME_MAX, "%s", ref);
	entry = &batch->refs[batch->count];
	entry->ref = batch->names[batch->count];
	entry->oid = *oid;
	batch->count++;
	return entry;
}

static bool has_prefix(const char *ref, const char *prefix)
{
	return strncmp(ref, prefix, strlen(prefix)) == 0;
}

/* A ref of ours that the remote need not have: pushed once for each state it has. */
static int add_optional(void *ctx, const char *ref, const struct rb_oid *oid, struct rb_err *err)
{
	struct batch *batch = ctx;
	const char *pushed = rb_state_get(batch->store->state, STATE_PUSHED, ref);
	char hex[RB_OID_HEX_SIZE];
	struct rb_push_ref *entry;

	(void)err;
	rb_oid_hex(oid, hex);
	if (pushed && strcmp(pushed, hex) == 0)
		return RB_OK;
	entry = add_ref(batch, ref, oid);
	if (!entry)
		return RB_OK;
	entry->optional = true;
	/* The record of a check replaces the one before; pinned and safety backups move when the
	 * history below them is rewritten.  Notes only grow. */
	if (!has_prefix(ref, RB_NOTES_REF)) {
		entry->lease = true;
		if (pushed)
			(void)rb_oid_parse(pushed, &entry->expected);
	}
	return RB_OK;
}

/* What the remote was given and is gone here: a pin that was taken away, for one. */
static int add_gone(void *ctx, const char *ref, const char *value, struct rb_err *err)
{
	static const struct rb_oid none = {{0}};
	struct batch *batch = ctx;
	struct rb_push_ref *entry;
	struct rb_oid here;
	int rc;

	(void)value;
	(void)err;
	if (!has_prefix(ref, RB_PIN_PREFIX) && !has_prefix(ref, RB_SAFETY_PREFIX))
		return RB_OK;
	rc = rb_repo_ref(batch->store->repo, ref, &here, NULL);
	entry = rc == RB_E_NOTFOUND ? add_ref(batch, ref, &none) : NULL;
	if (entry) {
		entry->optional = true;
		entry->lease = true;
	}
	return RB_OK;
}

static int gather(struct batch *batch, const struct rb_oid *tip, struct rb_err *err)
{
	struct rb_store *store = batch->store;
	int rc;

	add_ref(batch, store->branch_ref, tip);
	rc = rb_repo_ref_each(store->repo, RB_NOTES_REF, add_optional, batch, err);
	if (rc == RB_OK)
		rc = rb_repo_ref_each(store->repo, RB_SAFETY_PREFIX, add_optional, batch, err);
	if (rc == RB_OK)
		rc = rb_repo_ref_each(store->repo, store->check_ref, add_optional, batch, err);
	if (rc == RB_OK)
		rc = rb_repo_ref_each(store->repo, RB_PIN_PREFIX, add_optional, batch, err);
	if (rc == RB_OK)
		rc = rb_state_each(store->state, STATE_PUSHED, add_gone, batch, err);
	return rc;
}

/* git refuses a whole push that deletes what is not there. */
static void drop_gone(struct batch *batch, const struct rb_remote_refs *remote)
{
	size_t kept = 1; /* the branch */

	for (size_t i = 1; i < batch->count; i++) {
		struct rb_push_ref entry = batch->refs[i];

		if (rb_oid_is_none(&entry.oid) && !rb_remote_refs_find(remote, entry.ref)) {
			rb_state_unset(batch->store->state, STATE_PUSHED, entry.ref);
			continue;
		}
		memmove(batch->names[kept], batch->names[i], REF_NAME_MAX);
		entry.ref = batch->names[kept];
		batch->refs[kept++] = entry;
	}
	batch->count = kept;
}

/* Where nothing is remembered of a ref that is replaced, the remote is asked what it has. */
static int fill_leases(struct batch *batch, struct rb_err *err)
{
	struct rb_store *store = batch->store;
	const char *patterns[] = {store->check_ref, RB_PIN_PREFIX "*", RB_SAFETY_PREFIX "*", NULL};
	struct rb_remote_refs remote = {0};
	bool asks = false;
	int rc;

	for (size_t i = 0; i < batch->count; i++)
		asks |= batch->refs[i].lease && rb_oid_is_none(&batch->refs[i].expected);
	if (!asks)
		return RB_OK;
	rc = rb_remote_list(store->repo, store->config.remote, patterns,
	                    store->config.push_timeout_ms, &remote, err);
	for (size_t i = 0; rc == RB_OK && i < batch->count; i++) {
		struct rb_push_ref *entry = &batch->refs[i];
		const struct rb_oid *has = rb_remote_refs_find(&remote, entry->ref);

		if (has && entry->lease && rb_oid_is_none(&entry->expected))
			entry->expected = *has;
	}
	if (rc == RB_OK)
		drop_gone(batch, &remote);
	rb_remote_refs_release(&remote);
	return rc;
}

/* Whether a commit is in the history of another one; not when the store lacks one of them. */
static bool is_in(struct rb_store *store, const struct rb_oid *commit, const struct rb_oid *tip)
{
	return rb_commit_is_ancestor(store->repo, commit, tip, NULL) == 1;
}

/*
 * After a prune the branch is no longer ahead of what the remote has.  Only what the prune
 * replaced may be overwritten, exactly where the remote says it is now.
 */
static int fill_branch_lease(struct batch *batch, const struct rb_oid *tip, struct rb_err *err)
{
	struct rb_store *store = batch->store;
	const char *patterns[] = {store->branch_ref, NULL};
	struct rb_remote_refs remote = {0};
	struct rb_oid replaced;
	const struct rb_oid *has;
	int rc = rb_repo_ref(store->repo, store->replaced_ref, &replaced, err);

	if (rc < 0)
		return rc == RB_E_NOTFOUND ? RB_OK : rc;
	rc = rb_remote_list(store->repo, store->config.remote, patterns,
	                    store->config.push_timeout_ms, &remote, err);
	if (rc < 0)
		return rc;
	has = rb_remote_refs_find(&remote, store->branch_ref);
	if (has && !is_in(store, has, tip) && is_in(store, has, &replaced)) {
		batch->refs[0].lease = true;
		batch->refs[0].expected = *has;
	}
	rb_remote_refs_release(&remote);
	return RB_OK;
}

/* Remember what the remote took of the optional refs, and what it has where it refused. */
static int note_optional(struct batch *batch, const struct rb_remote_refs *remote,
                         struct rb_err *err)
{
	int rc = RB_OK;

	for (size_t i = 1; rc == RB_OK && i < batch->count; i++) {
		const struct rb_push_ref *entry = &batch->refs[i];
		const struct rb_oid *has = rb_remote_refs_find(remote, entry->ref);
		char hex[RB_OID_HEX_SIZE];

		if (!entry->accepted)
			rb_log(RB_LOG_WARN, "the remote did not take %s: %s", entry->ref,
			       *entry->reason ? entry->reason : "no reason given");
		if (!entry->accepted && !has)
			continue;
		if (entry->accepted && rb_oid_is_none(&entry->oid)) {
			rb_state_unset(batch->store->state, STATE_PUSHED, entry->ref);
			continue;
		}
		rb_oid_hex(has ? has : &entry->oid, hex);
		rc = rb_state_set(batch->store->state, STATE_PUSHED, entry->ref, hex, err);
	}
	return rc;
}

/* What the remote says of itself is what counts. */
static int read_back(struct batch *batch, const struct rb_oid *tip, struct rb_push_report *report,
                     struct rb_err *err)
{
	struct rb_store *store = batch->store;
	const char *patterns[] = {store->branch_ref, "refs/rowback/*", RB_NOTES_REF, NULL};
	struct rb_remote_refs remote = {0};
	const struct rb_oid *has;
	int rc = rb_remote_list(store->repo, store->config.remote, patterns,
	                        store->config.push_timeout_ms, &remote, err);

	if (rc < 0)
		return rb_err_wrap(err, rc, "the push was not confirmed");
	has = rb_remote_refs_find(&remote, store->branch_ref);
	if (!has || !rb_oid_equal(has, tip)) {
		rc = rb_err_set(err, RB_E_REJECTED,
		                "'%s' says after the push that its branch '%s' is elsewhere",
		                report->url, store->config.branch);
		rb_err_hint(err, "another program writes to that branch; the local backup is safe");
		goto out;
	}
	report->confirmed = true;
	rc = note_optional(batch, &remote, err);

out:
	rb_remote_refs_release(&remote);
	return rc;
}

/* Keep what was confirmed: the tracking ref, and when. */
static int remember(struct rb_store *store, const struct rb_oid *tip, struct rb_err *err)
{
	static const struct rb_oid none = {{0}};
	struct rb_oid before;
	char when[21];
	struct rb_oid replaced;
	int rc = rb_repo_ref(store->repo, store->tracking_ref, &before, err);

	if (rc == RB_E_NOTFOUND) {
		memset(&before, 0, sizeof(before));
		rc = RB_OK;
	}
	if (rc == RB_OK && !rb_oid_equal(&before, tip))
		rc = rb_repo_ref_update(store->repo, store->tracking_ref, tip, &before,
		                        "rowback: push confirmed", err);
	/* From here on nothing needs to be replaced there. */
	if (rc == RB_OK && rb_repo_ref(store->repo, store->replaced_ref, &replaced, NULL) == RB_OK)
		rc = rb_repo_ref_update(store->repo, store->replaced_ref, &none, &replaced,
		                        "rowback: push confirmed", err);
	rb_time_format_iso(rb_time_now_unix_s(), when);
	if (rc == RB_OK)
		rc = rb_state_set(store->state, STATE_REMOTE, "confirmed_at", when, err);
	if (rc == RB_OK)
		rc = rb_state_save(store->state, err);
	return rc;
}

static int has_remote(struct rb_store *store, bool *out, struct rb_err *err)
{
	struct rb_buf name = RB_BUF(1024);
	struct rb_buf value = RB_BUF(65536);
	int rc = rb_buf_addf(&name, err, "remote.%s.url", store->config.remote);

	if (rc == RB_OK)
		rc = rb_repo_config_get(store->repo, rb_buf_str(&name), &value, err);
	*out = rc == RB_OK;
	if (rc == RB_E_NOTFOUND)
		rc = RB_OK;
	rb_buf_release(&name);
	rb_buf_release(&value);
	return rc;
}

struct counter {
	struct rb_oid until;
	uint64_t count;
};

static int count_commit(void *ctx, const struct rb_commit *commit, struct rb_err *err)
{
	struct counter *counter = ctx;

	(void)err;
	if (rb_oid_equal(&commit->oid, &counter->until))
		return 1;
	counter->count++;
	return 0;
}

static int count_waiting(struct rb_store *store, const struct rb_oid *tip, uint64_t *out,
                         struct rb_err *err)
{
	struct counter counter = {0};
	int rc = rb_repo_ref(store->repo, store->tracking_ref, &counter.until, err);

	if (rc == RB_OK || rc == RB_E_NOTFOUND)
		rc = rb_commit_walk(store->repo, tip, count_commit, &counter, err);
	*out = counter.count;
	return rc < 0 ? rc : RB_OK;
}

/*
 * A history that is replaced goes first: where the remote refuses it (append-only), what hangs on
 * it must not have moved there.
 */
static int push_refs(struct batch *batch, struct rb_push_report *report, struct rb_err *err)
{
	struct rb_store *store = batch->store;
	size_t first = batch->refs[0].lease ? 1 : batch->count;
	int rc = RB_OK;

	for (size_t at = 0; rc == RB_OK && at < batch->count;) {
		size_t count = at == 0 ? first : batch->count - at;
		struct rb_push_stats stats = {0};

		rc = rb_remote_push(store->repo, store->config.remote, batch->refs + at, count,
		                    store->config.push_timeout_ms, &stats, err);
		report->bytes_sent += stats.bytes_sent;
		at += count;
	}
	return rc;
}

static int push_batch(struct batch *batch, const struct rb_oid *tip, struct rb_push_report *report,
                      struct rb_err *err)
{
	int rc = gather(batch, tip, err);

	if (rc == RB_OK)
		rc = fill_leases(batch, err);
	if (rc == RB_OK)
		rc = fill_branch_lease(batch, tip, err);
	if (rc == RB_OK)
		rc = push_refs(batch, report, err);
	if (rc == RB_OK)
		rc = read_back(batch, tip, report, err);
	if (rc == RB_OK)
		rc = remember(batch->store, tip, err);
	return rc;
}

/* That it took too long, or found no repository there, has one meaning here: not pushed. */
static int status_of_push(int rc, struct rb_err *err)
{
	if (rc != RB_E_TIMEOUT && rc != RB_E_NOTFOUND)
		return rc;
	if (err)
		err->status = RB_E_REJECTED;
	return RB_E_REJECTED;
}

int rb_push_run(struct rb_store *store, struct rb_push_report *report, struct rb_err *err)
{
	struct batch *batch = NULL;
	int rc = has_remote(store, &report->has_remote, err);

	if (rc < 0 || !report->has_remote)
		return rc;
	rc = rb_store_tip(store, &report->commit, err);
	if (rc < 0 || rb_oid_is_none(&report->commit))
		return rc;
	rc = rb_push_check_private(store, report, err);
	if (rc == RB_OK)
		rc = count_waiting(store, &report->commit, &report->commits, err);
	if (rc < 0)
		return rc;
	batch = calloc(1, sizeof(*batch));
	if (!batch)
		return rb_err_set(err, RB_E_NOMEM, "no memory to push");
	batch->store = store;
	rc = push_batch(batch, &report->commit, report, err);
	free(batch);
	return status_of_push(rc, err);
}
