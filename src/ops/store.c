/*
 * See rowback/ops/store.h.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rowback/base/fs.h"
#include "rowback/base/log.h"
#include "rowback/base/pool.h"
#include "rowback/ops/prune.h"
#include "rowback/ops/store.h"
#include "rowback/ops/usage.h"
#include "rowback/repo/commit.h"
#include "rowback/repo/remote.h"

/* Packs that may lie side by side: one a backup, and git looks an object up in each. */
#define PACKS_MAX 40
/* A large store may need longer; it goes on at the next run. */
#define TIDY_TIMEOUT_MS ((int64_t)60 * 1000)

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory to open the store");
}

static int format_ref(char **out, struct rb_err *err, const char *prefix, const char *middle,
                      const char *name)
{
	struct rb_buf text = RB_BUF(4096);
	int rc = rb_buf_addf(&text, err, "%s%s%s%s", prefix, middle, *middle ? "/" : "", name);

	*out = rc == RB_OK ? rb_buf_detach(&text) : NULL;
	rb_buf_release(&text);
	if (rc < 0)
		return rc;
	return *out ? RB_OK : no_memory(err);
}

static int make_names(struct rb_store *store, struct rb_err *err)
{
	const struct rb_config *config = &store->config;
	int rc = format_ref(&store->branch_ref, err, "refs/heads/", "", config->branch);

	if (rc == RB_OK)
		rc = format_ref(&store->tracking_ref, err, "refs/remotes/", config->remote,
		                config->branch);
	if (rc == RB_OK)
		rc = format_ref(&store->check_ref, err, RB_CHECK_PREFIX, "", config->branch);
	if (rc == RB_OK)
		rc = format_ref(&store->replaced_ref, err, RB_REPLACED_PREFIX, "", config->branch);
	if (rc == RB_OK) {
		store->running_path = rb_repo_state_path(store->repo, "running");
		if (!store->running_path)
			rc = no_memory(err);
	}
	return rc;
}

/* Whether a branch is here, or was fetched from the remote. */
static bool has_branch(struct rb_store *store, const char *branch)
{
	const struct {
		const char *prefix;
		const char *middle;
	} places[] = {{"refs/heads/", ""}, {"refs/remotes/", store->config.remote}};
	bool has = false;

	for (size_t i = 0; !has && i < sizeof(places) / sizeof(places[0]); i++) {
		struct rb_oid oid;
		char *ref = NULL;

		has = format_ref(&ref, NULL, places[i].prefix, places[i].middle, branch) == RB_OK &&
		      rb_repo_ref(store->repo, ref, &oid, NULL) == RB_OK;
		free(ref);
	}
	return has;
}

/* The branches that were fetched. */
struct fetched {
	size_t prefix_len;
	char *only; /* the first one */
	size_t count;
};

static int note_fetched(void *ctx, const char *ref, const struct rb_oid *oid, struct rb_err *err)
{
	struct fetched *fetched = ctx;
	const char *name = ref + fetched->prefix_len;

	(void)oid;
	if (strcmp(name, "HEAD") == 0)
		return RB_OK;
	if (fetched->count++ > 0)
		return RB_OK;
	fetched->only = strdup(name);
	return fetched->only ? RB_OK : no_memory(err);
}

/* The only branch that was fetched; NULL when there are others, or none. */
static int only_fetched(struct rb_store *store, char **out, struct rb_err *err)
{
	struct fetched fetched = {0};
	char *prefix = NULL;
	int rc = format_ref(&prefix, err, "refs/remotes/", store->config.remote, "");

	*out = NULL;
	if (rc < 0)
		return rc;
	fetched.prefix_len = strlen(prefix);
	rc = rb_repo_ref_each(store->repo, prefix, note_fetched, &fetched, err);
	if (rc == RB_OK && fetched.count == 1) {
		*out = fetched.only;
		fetched.only = NULL;
	}
	free(fetched.only);
	free(prefix);
	return rc;
}

/*
 * A plain clone of a remote says nothing of its branch but what HEAD is on.  A bare repository
 * that was made for backups often has its HEAD on another branch than the one that was pushed:
 * then it is the usual one, or the only one there is.
 */
static int follow_head(struct rb_store *store, struct rb_err *err)
{
	struct rb_buf text = RB_BUF(4096);
	char *branch = NULL;
	int rc = rb_repo_config_get(store->repo, "rowback.branch", &text, err);

	if (rc != RB_E_NOTFOUND) {
		rb_buf_release(&text);
		return rc;
	}
	rc = rb_repo_head_branch(store->repo, &text, err);
	if (rc == RB_OK && !has_branch(store, rb_buf_str(&text))) {
		if (has_branch(store, store->config.branch))
			goto out;
		rc = only_fetched(store, &branch, err);
	}
	if (rc == RB_OK && !branch) {
		branch = rb_buf_detach(&text);
		rc = branch ? RB_OK : no_memory(err);
	}
	if (rc == RB_OK) {
		free(store->config.branch);
		store->config.branch = branch;
		branch = NULL;
	}

out:
	free(branch);
	rb_buf_release(&text);
	return rc == RB_E_NOTFOUND ? RB_OK : rc;
}

/* Whether HEAD is on a branch that has no commit yet. */
static bool is_unborn(struct rb_store *store)
{
	struct rb_oid ignored;

	return rb_repo_ref(store->repo, "HEAD", &ignored, NULL) == RB_E_NOTFOUND;
}

/*
 * In a clone whose HEAD is on a branch that nobody pushed, the branch of the backups is only the
 * remote's.  Whoever writes gets it as git would have made it, had HEAD been on it.
 */
static int make_branch(struct rb_store *store, struct rb_err *err)
{
	static const struct rb_oid none = {{0}};
	struct rb_oid oid;
	int rc;

	if (rb_repo_ref(store->repo, store->branch_ref, &oid, NULL) != RB_E_NOTFOUND ||
	    rb_repo_ref(store->repo, store->tracking_ref, &oid, NULL) != RB_OK || !is_unborn(store))
		return RB_OK;
	rc = rb_repo_ref_update(store->repo, store->branch_ref, &oid, &none,
	                        "rowback: the branch of the remote", err);
	return rc == RB_OK ? rb_repo_set_head(store->repo, store->config.branch, err) : rc;
}

static int take_lock(struct rb_store *store, const struct rb_store_opts *opts, struct rb_err *err)
{
	char *path = rb_repo_state_path(store->repo, "lock");
	int rc;

	if (!path)
		return no_memory(err);
	rc = rb_lock_take(path, opts->command, opts->lock_wait_ms, &store->lock, err);
	free(path);
	return rc;
}

static int load_state(struct rb_store *store, struct rb_err *err)
{
	char *path = rb_repo_state_path(store->repo, "state.json");
	int rc;

	if (!path)
		return no_memory(err);
	rc = rb_state_load(path, &store->state, err);
	free(path);
	return rc;
}

int rb_store_open(const struct rb_store_opts *opts, struct rb_store *out, struct rb_err *err)
{
	int rc;

	memset(out, 0, sizeof(*out));
	rc = rb_repo_open(opts->dir ? opts->dir : ".", &out->repo, err);
	if (rc == RB_OK && opts->command)
		rc = take_lock(out, opts, err);
	if (rc == RB_OK)
		rc = rb_config_load(out->repo, opts->config_file, &out->config, err);
	if (rc == RB_OK && !opts->config_file)
		rc = follow_head(out, err);
	/* After the lock: another run may have changed both while this one waited. */
	if (rc == RB_OK)
		rc = load_state(out, err);
	if (rc == RB_OK)
		rc = rb_repo_refresh(out->repo, err);
	if (rc == RB_OK)
		rc = make_names(out, err);
	if (rc == RB_OK && opts->command)
		rc = make_branch(out, err);
	if (rc < 0) {
		rb_store_close(out);
		return rc;
	}
	out->was_killed = rb_fs_exists(out->running_path);
	return RB_OK;
}

void rb_store_close(struct rb_store *store)
{
	rb_state_free(store->state);
	rb_config_release(&store->config);
	free(store->branch_ref);
	free(store->tracking_ref);
	free(store->check_ref);
	free(store->replaced_ref);
	free(store->running_path);
	rb_lock_release(store->lock);
	rb_repo_free(store->repo);
	memset(store, 0, sizeof(*store));
}

const char *rb_store_dir(const struct rb_store *store)
{
	const char *work_dir = rb_repo_work_dir(store->repo);

	return work_dir ? work_dir : rb_repo_git_dir(store->repo);
}

int rb_store_mark_running(struct rb_store *store, struct rb_err *err)
{
	return rb_fs_replace(store->running_path, "", 0, 0600, err);
}

void rb_store_mark_done(struct rb_store *store)
{
	/* Left behind it only makes the next run look at every file. */
	unlink(store->running_path);
	store->was_killed = false;
}

int rb_store_tip(struct rb_store *store, struct rb_oid *out, struct rb_err *err)
{
	int rc = rb_repo_ref(store->repo, store->branch_ref, out, err);

	/* A clone that nobody has written into yet: see make_branch(). */
	if (rc == RB_E_NOTFOUND && !store->lock && is_unborn(store))
		rc = rb_repo_ref(store->repo, store->tracking_ref, out, err);
	if (rc == RB_E_NOTFOUND) {
		memset(out, 0, sizeof(*out));
		return RB_OK;
	}
	return rc;
}

int rb_store_tree_of(struct rb_store *store, const struct rb_oid *commit, struct rb_oid *out,
                     struct rb_err *err)
{
	struct rb_commit read = {0};
	int rc;

	memset(out, 0, sizeof(*out));
	if (rb_oid_is_none(commit))
		return RB_OK;
	rc = rb_commit_read(store->repo, commit, &read, err);
	if (rc == RB_OK)
		*out = read.tree;
	rb_commit_release(&read);
	return rc;
}

unsigned int rb_store_workers(const struct rb_store *store)
{
	return store->config.workers ? store->config.workers : rb_pool_default_workers();
}

void rb_store_tidy(struct rb_store *store)
{
	struct rb_err why = {0};
	int rc = rb_remote_maintain(store->repo, PACKS_MAX, TIDY_TIMEOUT_MS, &why);

	if (rc == RB_OK)
		rc = rb_trash_expire(store, TIDY_TIMEOUT_MS, &why);
	if (rc < 0)
		rb_log(RB_LOG_WARN, "the store was not tidied: %s", why.msg);
	rb_usage_warn(store);
}
