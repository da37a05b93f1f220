/*
 * See rowback/ops/init.h.
 */
#define _XOPEN_SOURCE 700 /* realpath() */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowback/adapter/adapter.h"
#include "rowback/base/fs.h"
#include "rowback/base/map.h"
#include "rowback/config/secret.h"
#include "rowback/ops/history.h"
#include "rowback/ops/init.h"
#include "rowback/ops/push.h"
#include "rowback/ops/record.h"
#include "rowback/ops/snapshot.h"
#include "rowback/repo/remote.h"
#include "rowback/repo/worktree.h"

#define URL_MAX ((size_t)64 << 10)

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory to make a store");
}

void rb_init_report_release(struct rb_init_report *report)
{
	for (size_t i = 0; i < report->missing_count; i++)
		free(report->missing[i]);
	free(report->missing);
	free(report->engine);
	free(report->dir);
	free(report->remote_url);
	free(report->visibility);
	memset(report, 0, sizeof(*report));
}

/* Append a path as it is from anywhere: the directory's real path and the last component. */
static int absolute_path(const char *path, struct rb_buf *out, struct rb_err *err)
{
	const char *slash = strrchr(path, '/');
	char *dir = NULL;
	char *real = NULL;
	int rc = RB_OK;

	if (path[0] == '/')
		return rb_buf_adds(out, path, err);
	dir = slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
	if (!dir)
		return no_memory(err);
	real = realpath(dir, NULL);
	if (real)
		rc = rb_buf_addf(out, err, "%s/%s", strcmp(real, "/") == 0 ? "" : real,
		                 slash ? slash + 1 : path);
	else
		rc = rb_err_sys(err, errno, "cannot find the directory '%s'", dir);
	free(dir);
	free(real);
	return rc;
}

/* A path in a URL is kept absolute: backups run from another directory, by cron. */
static int absolute_url(const char *url, struct rb_buf *out, struct rb_err *err)
{
	static const char scheme[] = "sqlite:";
	int rc;

	if (strncmp(url, scheme, strlen(scheme)) != 0)
		return rb_buf_adds(out, url, err);
	/* "sqlite:" and "sqlite://host" are refused where the source is opened. */
	if (!url[strlen(scheme)] || url[strlen(scheme)] == '/')
		return rb_buf_adds(out, url, err);
	rc = rb_buf_adds(out, scheme, err);
	return rc == RB_OK ? absolute_path(url + strlen(scheme), out, err) : rc;
}

/* Likewise a remote that is a path: git looks for it from the store, not from here. */
static int absolute_remote(const char *url, struct rb_buf *out, struct rb_err *err)
{
	const char *colon = strchr(url, ':');

	/* source: git-fetch(1), "GIT URLS": a colon before the first slash makes a host */
	if (!*url || (colon && !memchr(url, '/', (size_t)(colon - url))))
		return rb_buf_adds(out, url, err);
	return absolute_path(url, out, err);
}

static int check_source(const char *name, const char *url, struct rb_err *err)
{
	const struct rb_adapter *adapter = NULL;
	const struct rb_open_opts opts = {.url = url, .busy_timeout_ms = 5000};
	struct rb_source *source = NULL;
	int rc = rb_adapter_for_url(url, &adapter, err);

	if (rc == RB_OK)
		rc = adapter->source_open(&opts, &source, err);
	if (rc < 0)
		return rb_err_wrap(err, rc, "source '%s'", name);
	adapter->source_close(source);
	return RB_OK;
}

static int set_key(struct rb_repo *repo, const char *value, struct rb_err *err, const char *section,
                   const char *name, const char *key)
{
	struct rb_buf full = RB_BUF(4096);
	int rc = rb_buf_addf(&full, err, "%s%s%s.%s", section, *name ? "." : "", name, key);

	if (rc == RB_OK)
		rc = rb_repo_config_set(repo, rb_buf_str(&full), value, err);
	rb_buf_release(&full);
	return rc;
}

static int add_source(struct rb_repo *repo, const char *text, bool check, struct rb_err *err)
{
	const struct rb_adapter *adapter = NULL;
	struct rb_buf absolute = RB_BUF(URL_MAX);
	char *name = NULL;
	char *url = NULL;
	int rc = rb_config_split_source(text, &name, &url, err);

	if (rc == RB_OK)
		rc = rb_adapter_for_url(url, &adapter, err);
	if (rc == RB_OK)
		rc = absolute_url(url, &absolute, err);
	if (rc == RB_OK && check)
		rc = check_source(name, rb_buf_str(&absolute), err);
	if (rc == RB_OK)
		rc = set_key(repo, rb_buf_str(&absolute), err, "source", name, "url");
	free(name);
	rb_secret_free(url);
	rb_secret_release_buf(&absolute);
	return rc;
}

/* What is on a command line, everybody on the machine can read. */
static int check_secret(const char *name, const char *url, struct rb_err *err)
{
	const struct rb_adapter *adapter = NULL;

	/* A URL of no engine is refused with the list of them, where it is used. */
	if (rb_adapter_for_url(url, &adapter, NULL) < 0 || !adapter->url_has_secret ||
	    !adapter->url_has_secret(url))
		return RB_OK;
	rb_err_set(err, RB_E_USAGE, "source '%s': a password does not belong on the command line",
	           name);
	return rb_err_hint(err,
	                   "leave it out: it comes from PGPASSWORD, PGPASSFILE (~/.pgpass) or a "
	                   "service; or keep all of the URL in a file: git config "
	                   "source.%s.urlFile PATH",
	                   name);
}

/* Two sources of one name would be one, silently. */
static int check_names(const struct rb_init_opts *opts, struct rb_err *err)
{
	struct rb_map *names = NULL;
	int rc = rb_map_new(sizeof(char), &names, err);

	for (size_t i = 0; rc == RB_OK && opts->sources && opts->sources[i]; i++) {
		char *name = NULL;
		char *url = NULL;

		rc = rb_config_split_source(opts->sources[i], &name, &url, err);
		if (rc == RB_OK && rb_map_get(names, name, strlen(name))) {
			rc = rb_err_set(err, RB_E_USAGE, "two sources are named '%s'", name);
			rb_err_hint(err, "give each a name: --source NAME=URL");
		}
		if (rc == RB_OK)
			rc = check_secret(name, url, err);
		if (rc == RB_OK)
			rc = rb_map_put(names, name, strlen(name), "", err);
		free(name);
		rb_secret_free(url);
	}
	rb_map_free(names);
	return rc;
}

/* The only branch that the remote has, when none is asked for and "main" is not there. */
static int follow_remote(struct rb_repo *repo, const char *branch, struct rb_err *err)
{
	static const char heads[] = "refs/heads/";
	static const char *const patterns[] = {"refs/heads/*", NULL};
	struct rb_remote_refs refs = {0};
	struct rb_buf ours = RB_BUF(4096);
	const char *found;
	int rc = rb_remote_list(repo, "origin", patterns, RB_REMOTE_TIMEOUT_MS, &refs, err);

	if (rc == RB_OK)
		rc = rb_buf_addf(&ours, err, "%s%s", heads, branch);
	if (rc < 0 || refs.count == 0 || rb_remote_refs_find(&refs, rb_buf_str(&ours)))
		goto out;
	if (refs.count > 1) {
		rc = rb_err_set(err, RB_E_CONFLICT, "the remote has %zu branches, and none is '%s'",
		                refs.count, branch);
		rb_err_hint(err,
		            "say which one the backups are on, or a new one: --branch NAME "
		            "(it has '%s', ...)",
		            refs.refs[0].ref + strlen(heads));
		goto out;
	}
	found = refs.refs[0].ref + strlen(heads);
	rc = rb_config_check_branch("branch", found, err);
	if (rc == RB_OK)
		rc = set_key(repo, found, err, "rowback", "", "branch");
	if (rc == RB_OK)
		rc = rb_repo_set_head(repo, found, err);

out:
	rb_remote_refs_release(&refs);
	rb_buf_release(&ours);
	return rc;
}

static int configure_remote(struct rb_repo *repo, const struct rb_init_opts *opts,
                            struct rb_err *err)
{
	struct rb_buf url = RB_BUF(URL_MAX);
	int rc = absolute_remote(opts->remote_url, &url, err);

	if (rc == RB_OK)
		rc = set_key(repo, rb_buf_str(&url), err, "remote", "origin", "url");
	if (rc == RB_OK)
		rc = set_key(repo, "+refs/heads/*:refs/remotes/origin/*", err, "remote", "origin",
		             "fetch");
	rb_secret_release_buf(&url);
	return rc;
}

static int configure(struct rb_repo *repo, const struct rb_init_opts *opts,
                     struct rb_init_report *report, struct rb_err *err)
{
	int rc = set_key(repo, opts->branch, err, "rowback", "", "branch");

	for (size_t i = 0; rc == RB_OK && opts->sources && opts->sources[i]; i++) {
		rc = add_source(repo, opts->sources[i], opts->check, err);
		report->source_count++;
	}
	if (rc < 0 || !opts->remote_url)
		return rc;
	report->has_remote = true;
	return configure_remote(repo, opts, err);
}

/* Say which sources the backups have that this machine does not know yet. */
static int find_missing(struct rb_store *store, const struct rb_manifest *manifest,
                        struct rb_init_report *report, struct rb_err *err)
{
	report->missing = calloc(manifest->source_count + 1, sizeof(*report->missing));
	if (!report->missing)
		return no_memory(err);
	for (size_t i = 0; i < manifest->source_count; i++) {
		const struct rb_source_config *known = NULL;

		if (rb_config_source(&store->config, manifest->sources[i].name, &known, NULL) ==
		    RB_OK)
			continue;
		if (!report->engine)
			report->engine = strdup(manifest->sources[i].engine);
		report->missing[report->missing_count] = strdup(manifest->sources[i].name);
		if (!report->missing[report->missing_count++] || !report->engine)
			return no_memory(err);
	}
	return RB_OK;
}

static int count_backups(struct rb_store *store, struct rb_init_report *report, struct rb_err *err)
{
	static const struct rb_history_opts all = {0};
	struct rb_backup_list list = {0};
	int rc = rb_history_list(store, &all, &list, err);

	report->adopted = list.count;
	rb_backup_list_release(&list);
	return rc;
}

/* The remote's branch is fetched: make it ours when it is a store's. */
static int adopt(struct rb_store *store, struct rb_init_report *report, struct rb_err *err)
{
	static const struct rb_oid none = {{0}};
	struct rb_manifest manifest = {0};
	struct rb_oid commit;
	struct rb_oid tree;
	int rc = rb_repo_ref(store->repo, store->tracking_ref, &commit, err);

	if (rc == RB_OK)
		rc = rb_store_tree_of(store, &commit, &tree, err);
	if (rc == RB_OK)
		rc = rb_snapshot_manifest(store->repo, &tree, &manifest, err);
	if (rc == RB_E_NOTFOUND) {
		rb_err_set(err, RB_E_CONFLICT,
		           "branch '%s' of the remote holds something else than "
		           "a rowback store",
		           store->config.branch);
		rb_err_hint(err, "give an empty repository, or another branch with --branch NAME");
		rc = RB_E_CONFLICT;
	}
	if (rc == RB_OK)
		rc = rb_repo_ref_update(store->repo, store->branch_ref, &commit, &none,
		                        "rowback: taken over from the remote", err);
	if (rc == RB_OK && rb_repo_work_dir(store->repo))
		rc = rb_worktree_checkout(store->repo, &tree, err);
	if (rc == RB_OK)
		rc = count_backups(store, report, err);
	if (rc == RB_OK)
		rc = find_missing(store, &manifest, report, err);
	rb_manifest_release(&manifest);
	return rc;
}

static int fetch(struct rb_store *store, struct rb_err *err)
{
	struct rb_buf branch = RB_BUF(8192);
	const char *specs[4] = {NULL, "+refs/rowback/*:refs/rowback/*",
	                        "+" RB_NOTES_REF "*:" RB_NOTES_REF "*", NULL};
	int rc = rb_buf_addf(&branch, err, "+%s:%s", store->branch_ref, store->tracking_ref);

	specs[0] = rb_buf_str(&branch);
	if (rc == RB_OK)
		rc = rb_remote_fetch(store->repo, store->config.remote, specs,
		                     store->config.push_timeout_ms, err);
	if (rc == RB_OK)
		rc = rb_repo_refresh(store->repo, err);
	rb_buf_release(&branch);
	return rc;
}

static int ask_remote(struct rb_store *store, struct rb_init_report *report, struct rb_err *err)
{
	const char *patterns[] = {store->branch_ref, NULL};
	struct rb_remote_refs refs = {0};
	struct rb_push_report asked = {0};
	bool has_branch;
	int rc = rb_remote_list(store->repo, store->config.remote, patterns,
	                        store->config.push_timeout_ms, &refs, err);

	if (rc < 0)
		return rc;
	report->remote_asked = true;
	has_branch = rb_remote_refs_find(&refs, store->branch_ref) != NULL;
	rb_remote_refs_release(&refs);
	if (has_branch) {
		rc = fetch(store, err);
		if (rc == RB_OK)
			rc = adopt(store, report, err);
	}
	/* A public remote is refused when data is to go there; here it is only said. */
	if (rc == RB_OK) {
		rc = rb_push_check_private(store, &asked, err);
		report->remote_is_public = rc == RB_E_PUBLIC;
		report->visibility_unknown = asked.visibility_unknown;
		report->visibility = asked.visibility;
		asked.visibility = NULL;
		rc = rc == RB_E_PUBLIC ? RB_OK : rc;
	}
	if (rc == RB_OK)
		rc = rb_state_save(store->state, err);
	rb_push_report_release(&asked);
	return rc;
}

/* What the remote is called, and what it says. */
static int meet_remote(struct rb_store *store, bool check, struct rb_init_report *report,
                       struct rb_err *err)
{
	struct rb_buf url = RB_BUF(URL_MAX);
	struct rb_buf shown = RB_BUF(URL_MAX);
	int rc = rb_remote_url(store->repo, store->config.remote, &url, err);

	if (rc == RB_OK)
		rc = rb_remote_redact_url(rb_buf_str(&url), &shown, err);
	if (rc == RB_OK) {
		report->remote_url = rb_buf_detach(&shown);
		rc = report->remote_url ? RB_OK : no_memory(err);
	}
	if (rc == RB_OK && check)
		rc = ask_remote(store, report, err);
	rb_secret_release_buf(&url);
	rb_buf_release(&shown);
	return rc;
}

static int set_up(const struct rb_init_opts *opts, struct rb_init_report *report,
                  struct rb_err *err)
{
	const struct rb_store_opts store_opts = {.dir = report->dir, .command = "init"};
	struct rb_store store = {0};
	int rc = rb_store_open(&store_opts, &store, err);

	if (rc == RB_OK && opts->remote_url)
		rc = meet_remote(&store, opts->check, report, err);
	/* Changes count from here on. */
	if (rc == RB_OK)
		rc = rb_record_config(&store, NULL, err);
	rb_store_close(&store);
	return rc;
}

int rb_init_run(const struct rb_init_opts *given, struct rb_init_report *report, struct rb_err *err)
{
	struct rb_init_opts opts = *given;
	struct rb_repo *repo = NULL;
	bool was_absent = !rb_fs_exists(opts.dir);
	const char *root;
	int rc;

	memset(report, 0, sizeof(*report));
	if (!opts.branch)
		opts.branch = "main";
	rc = rb_config_check_branch("branch", opts.branch, err);
	if (rc == RB_OK)
		rc = check_names(&opts, err);
	if (rc == RB_OK)
		rc = rb_repo_init(opts.dir, opts.branch, opts.bare, &repo, err);
	if (rc < 0)
		return rc;
	root = opts.bare ? rb_repo_git_dir(repo) : rb_repo_work_dir(repo);
	report->dir = strdup(root);
	rc = report->dir ? configure(repo, &opts, report, err) : no_memory(err);
	if (rc == RB_OK && !given->branch && opts.remote_url && opts.check)
		rc = follow_remote(repo, opts.branch, err);
	rb_repo_free(repo);
	if (rc == RB_OK)
		rc = set_up(&opts, report, err);
	if (rc < 0)
		rb_repo_init_undo(opts.dir, was_absent);
	/* There is no store whose URL could be corrected. */
	if (rc == RB_E_NOTFOUND && opts.remote_url)
		rb_err_hint(err, "make the repository there first, or correct the URL, and run "
		                 "the same again");
	return rc;
}
