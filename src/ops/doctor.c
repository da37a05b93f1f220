/*
 * See rowback/ops/doctor.h.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <jansson.h>

#include "rowback/adapter/adapter.h"
#include "rowback/base/time.h"
#include "rowback/config/secret.h"
#include "rowback/ops/doctor.h"
#include "rowback/ops/export.h"
#include "rowback/ops/history.h"
#include "rowback/ops/push.h"
#include "rowback/ops/rollback.h"
#include "rowback/repo/app.h"
#include "rowback/ops/record.h"
#include "rowback/repo/commit.h"
#include "rowback/repo/remote.h"

#define REMOTE_TIMEOUT_MS 30000
#define FAILURE_AGE_S ((int64_t)24 * 3600) /* a failure of the last day is news */

struct doctor {
	const struct rb_doctor_opts *opts;
	struct rb_doctor_report *report;
	struct rb_store store;
	struct rb_err *err;
	int rc; /* the first failure of the doctor itself */
};

void rb_doctor_report_release(struct rb_doctor_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		free(report->checks[i].name);
		free(report->checks[i].text);
		free(report->checks[i].hint);
	}
	free(report->checks);
	memset(report, 0, sizeof(*report));
}

static void add(struct doctor *doctor, const char *section, const char *name,
                enum rb_check_status status, const char *hint, const char *fmt, ...)
        RB_PRINTF(6, 7);

static void add(struct doctor *doctor, const char *section, const char *name,
                enum rb_check_status status, const char *hint, const char *fmt, ...)
{
	struct rb_doctor_report *report = doctor->report;
	struct rb_check *grown = realloc(report->checks, (report->count + 1) * sizeof(*grown));
	struct rb_check *check;
	char text[RB_ERR_MSG_SIZE];
	va_list ap;

	if (grown)
		report->checks = grown;
	if (!grown || doctor->rc < 0) {
		doctor->rc = rb_err_set(doctor->err, RB_E_NOMEM, "no memory for a report");
		return;
	}
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	check = &grown[report->count++];
	check->section = section;
	check->status = status;
	check->name = strdup(name);
	check->text = strdup(text);
	check->hint = hint && *hint ? strdup(hint) : NULL;
	report->warnings += status == RB_CHECK_WARN;
	report->errors += status == RB_CHECK_BAD;
	if (!check->name || !check->text)
		doctor->rc = rb_err_set(doctor->err, RB_E_NOMEM, "no memory for a report");
}

/* A failure that was seen, as a line with its hint. */
static void add_failure(struct doctor *doctor, const char *section, const char *name,
                        const struct rb_err *why)
{
	add(doctor, section, name, RB_CHECK_BAD, why->hint, "%s", why->msg);
}

static void check_versions(struct doctor *doctor)
{
	struct rb_buf git = RB_BUF(256);
	struct rb_err why = {0};

	add(doctor, "versions", "rowback", RB_CHECK_INFO, NULL, "%s", RB_VERSION);
	if (rb_remote_git_version(&git, &why) == RB_OK)
		add(doctor, "versions", "git", RB_CHECK_INFO, NULL, "%s", rb_buf_str(&git));
	else
		add_failure(doctor, "versions", "git", &why);
	add(doctor, "versions", "libgit2", RB_CHECK_INFO, NULL, "%s", rb_repo_library_version());
	add(doctor, "versions", "sqlite", RB_CHECK_INFO, NULL, "%s", rb_adapter_sqlite.version());
	add(doctor, "versions", "jansson", RB_CHECK_INFO, NULL, "%s", JANSSON_VERSION);
	rb_buf_release(&git);
}

/* The working tree is marked as half-written: somebody is at it, or was killed. */
static void check_running(struct doctor *doctor)
{
	char *path = rb_repo_state_path(doctor->store.repo, "lock");
	struct rb_lock_holder holder = {.pid = 0};
	struct rb_err why = {0};
	int held = path ? rb_lock_look(path, &holder, &why)
	                : rb_err_set(&why, RB_E_NOMEM, "no memory to look at the lock");

	free(path);
	if (held > 0)
		add(doctor, "store", "operation", RB_CHECK_INFO, NULL,
		    "is running: %s, pid %lld, since %s", holder.command, (long long)holder.pid,
		    *holder.since ? holder.since : "?");
	else if (held < 0)
		add_failure(doctor, "store", "operation", &why);
	else
		add(doctor, "store", "working tree", RB_CHECK_WARN,
		    "the next backup puts it right: rowback backup",
		    "an operation was killed while it wrote files");
}

static void check_directory(struct doctor *doctor)
{
	const char *work_dir = rb_repo_work_dir(doctor->store.repo);
	const char *git_dir = rb_repo_git_dir(doctor->store.repo);
	struct stat st;

	if (work_dir)
		add(doctor, "store", "path", RB_CHECK_INFO, NULL, "%s", work_dir);
	else
		add(doctor, "store", "path", RB_CHECK_INFO, NULL, "%s (bare)", git_dir);
	if (stat(work_dir ? work_dir : git_dir, &st) == 0 && (st.st_mode & 077))
		add(doctor, "store", "permissions", RB_CHECK_WARN, "close it: chmod 700 STORE",
		    "others on this machine may read it (mode %03o)",
		    (unsigned int)(st.st_mode & 0777));
	if (doctor->store.was_killed)
		check_running(doctor);
}

static void check_rollback(struct doctor *doctor)
{
	struct rb_err why = {0};
	char *what = NULL;

	if (rb_rollback_unfinished(&doctor->store, &what, &why) < 0)
		add_failure(doctor, "store", "rollback", &why);
	else if (what)
		add(doctor, "store", "rollback", RB_CHECK_BAD,
		    "take it back: rowback rollback --undo", "%s", what);
	free(what);
}

static void check_age(struct doctor *doctor, const struct rb_backup_entry *newest)
{
	const char *checked = rb_state_get(doctor->store.state, "check", "at");
	int64_t now = rb_time_now_unix_s();
	int64_t seen = newest->time_unix_s;
	int64_t at = 0;
	char ago[32];

	if (checked && rb_time_parse_utc(checked, &at, NULL) == RB_OK && at > seen)
		seen = at;
	rb_time_format_ago(newest->time_unix_s, now, ago, sizeof(ago));
	add(doctor, "store", "newest backup", RB_CHECK_INFO, NULL, "%s, %s", newest->message.id,
	    ago);
	if (now - seen <= doctor->store.config.max_age_s)
		return;
	rb_time_format_ago(seen, now, ago, sizeof(ago));
	add(doctor, "store", "age", RB_CHECK_WARN, "take one: rowback backup",
	    "the source was last looked at %s; rowback.maxAge allows less", ago);
}

/* The newest backup that holds data of the sources; NULL: none. */
static const struct rb_backup_entry *newest_of_data(const struct rb_backup_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct rb_backup_entry *entry = &list->items[i];
		bool is_quick = entry->message.kind && strcmp(entry->message.kind, "quick") == 0;

		if (!entry->aside && !is_quick)
			return entry;
	}
	return NULL;
}

static void check_history(struct doctor *doctor)
{
	static const struct rb_history_opts all = {0};
	const struct rb_backup_entry *newest;
	struct rb_backup_list list = {0};
	struct rb_err why = {0};
	size_t waiting = 0;

	if (rb_history_list(&doctor->store, &all, &list, &why) < 0) {
		add_failure(doctor, "store", "backups", &why);
		return;
	}
	for (size_t i = 0; i < list.count; i++)
		waiting += !list.items[i].pushed && !list.items[i].aside;
	add(doctor, "store", "backups", list.count ? RB_CHECK_OK : RB_CHECK_WARN,
	    list.count ? NULL : "take the first: rowback backup", "%zu", list.count);
	newest = newest_of_data(&list);
	if (newest) {
		check_age(doctor, newest);
		if (newest->message.incomplete)
			add(doctor, "store", "incomplete", RB_CHECK_WARN,
			    "repair the source, then: rowback backup", "the newest backup lacks %s",
			    newest->message.incomplete);
	}
	if (waiting > 0)
		add(doctor, "store", "not pushed", RB_CHECK_WARN,
		    "bring them to the remote: rowback sync",
		    "the remote has not confirmed %zu backup%s", waiting, waiting == 1 ? "" : "s");
	rb_backup_list_release(&list);
}

/* The newest failure in the activity log. */
struct failure {
	int64_t since_unix_s; /* older ones do not count */
	int64_t time_unix_s;
	char *action; /* NULL: there is none */
	char *detail;
};

static void release_failure(struct failure *failure)
{
	free(failure->action);
	free(failure->detail);
	failure->action = NULL;
	failure->detail = NULL;
}

static int look_for_failure(void *ctx, const char *line, json_t *doc, struct rb_err *err)
{
	struct failure *failure = ctx;
	const char *result = json_string_value(json_object_get(doc, "result"));
	const char *action = json_string_value(json_object_get(doc, "action"));
	const char *detail = json_string_value(json_object_get(doc, "detail"));
	const char *time = json_string_value(json_object_get(doc, "time"));
	int64_t at;

	(void)line;
	if (!result || strcmp(result, "failed") != 0 || rb_time_parse_utc(time, &at, NULL) < 0 ||
	    at < failure->since_unix_s)
		return RB_OK;
	release_failure(failure);
	failure->time_unix_s = at;
	failure->action = strdup(action);
	failure->detail = strdup(detail ? detail : "");
	if (!failure->action || !failure->detail)
		return rb_err_set(err, RB_E_NOMEM, "no memory for a report");
	return RB_OK;
}

/* Said, but no finding of its own: what is wrong still shows elsewhere. */
static void check_activity(struct doctor *doctor)
{
	int64_t now = rb_time_now_unix_s();
	struct failure failure = {.since_unix_s = now - FAILURE_AGE_S};
	struct rb_err why = {0};
	char ago[32];

	if (rb_record_each(&doctor->store, look_for_failure, &failure, &why) < 0) {
		add_failure(doctor, "store", "activity", &why);
	} else if (failure.action) {
		rb_time_format_ago(failure.time_unix_s, now, ago, sizeof(ago));
		add(doctor, "store", "last failure", RB_CHECK_INFO, "rowback activity --failed",
		    "%s, %s: %s", failure.action, ago, failure.detail);
	}
	release_failure(&failure);
}

/* Whether rows that did not change are read. */
static void show_digests(struct doctor *doctor, const struct rb_source_config *config,
                         struct rb_source *source)
{
	struct rb_buf form = RB_BUF(1024);
	bool is_near = false;
	bool is_used = config->digests != RB_DIGESTS_NEVER;

	if (!source->adapter->source_groups ||
	    source->adapter->source_groups_form(source, &form, &is_near, NULL) < 0) {
		rb_buf_release(&form);
		return;
	}
	rb_buf_release(&form);
	if (config->digests == RB_DIGESTS_AUTO)
		is_used = !is_near;
	add(doctor, "source", config->name, RB_CHECK_INFO, NULL, "digests: %s",
	    is_used ? "the server tells which rows changed, and only those are read"
	            : "not used, all rows are read");
}

static void check_source(struct doctor *doctor, const struct rb_source_config *config)
{
	const struct rb_adapter *adapter = NULL;
	struct rb_open_opts opts = {.busy_timeout_ms = doctor->store.config.busy_timeout_ms};
	struct rb_source *source = NULL;
	struct rb_buf shown = RB_BUF((size_t)64 << 10);
	struct rb_err why = {0};
	char *url = NULL;
	int rc = rb_config_source_url(config, &url, &why);

	if (rc == RB_OK)
		rc = rb_config_redact_url(url, &shown, &why);
	opts.url = url;
	opts.schemas = rb_export_schemas(config);
	if (rc == RB_OK)
		rc = rb_adapter_for_url(url, &adapter, &why);
	if (rc == RB_OK)
		rc = adapter->source_open(&opts, &source, &why);
	if (rc == RB_OK)
		add(doctor, "source", config->name, RB_CHECK_OK, NULL, "%s can be read",
		    rb_buf_str(&shown));
	else
		add_failure(doctor, "source", config->name, &why);
	if (rc == RB_OK)
		show_digests(doctor, config, source);
	if (source)
		adapter->source_close(source);
	rb_secret_free(url);
	rb_buf_release(&shown);
}

static void check_patterns(struct doctor *doctor, const char *source, const char *what,
                           const struct rb_patterns *patterns)
{
	for (size_t i = 0; i < patterns->count; i++)
		add(doctor, "source", source, RB_CHECK_INFO, NULL, "%s: %s", what,
		    patterns->list[i]);
}

static void check_config(struct doctor *doctor)
{
	const struct rb_config *config = &doctor->store.config;

	add(doctor, "config", "file", RB_CHECK_INFO, NULL, "%s", config->file);
	add(doctor, "config", "rowback.branch", RB_CHECK_INFO, NULL, "%s", config->branch);
	add(doctor, "config", "rowback.remote", RB_CHECK_INFO, NULL, "%s", config->remote);
	add(doctor, "config", "rowback.maxAge", RB_CHECK_INFO, NULL, "%lld s",
	    (long long)config->max_age_s);
	if (config->allow_public)
		add(doctor, "config", "rowback.allowPublic", RB_CHECK_WARN, NULL,
		    "data may be pushed to a remote that anybody can read");
	add(doctor, "config", "rowback.pushTimeout", RB_CHECK_INFO, NULL, "%lld s",
	    (long long)(config->push_timeout_ms / 1000));
	add(doctor, "config", "rowback.busyTimeout", RB_CHECK_INFO, NULL, "%lld s",
	    (long long)(config->busy_timeout_ms / 1000));
	for (size_t i = 0; i < config->source_count; i++) {
		const struct rb_source_config *source = &config->sources[i];

		check_source(doctor, source);
		check_patterns(doctor, source->name, "only these tables are backed up",
		               &source->include);
		check_patterns(doctor, source->name, "rows of these tables are left out",
		               &source->exclude);
		check_patterns(doctor, source->name, "these schemas are left out",
		               &source->exclude_schemas);
		check_patterns(doctor, source->name, "values of these columns are left out",
		               &source->exclude_columns);
	}
	if (config->source_count == 0)
		add(doctor, "source", "none", RB_CHECK_WARN,
		    "add one: git config source.app.url sqlite:/path/app.db",
		    "no source is configured");
}

/* A look at the commits above one. */
struct above {
	const struct rb_oid *end;
	bool has_backup;
};

static int look_above(void *ctx, const struct rb_commit *commit, struct rb_err *err)
{
	struct above *above = ctx;
	struct rb_message message = {0};

	(void)err;
	if (rb_oid_equal(&commit->oid, above->end))
		return 1;
	above->has_backup = rb_message_read(commit->message, &message, NULL) == RB_OK;
	rb_message_release(&message);
	return above->has_backup;
}

/* The repository of the application, where one is configured. */
static void check_app(struct doctor *doctor)
{
	const struct rb_app_config *app = &doctor->store.config.app;
	struct rb_app_state state = {0};
	struct rb_err why = {0};

	if (!app->path)
		return;
	add(doctor, "app", "path", RB_CHECK_INFO, NULL, "%s", app->path);
	add(doctor, "app", "branch", RB_CHECK_INFO, NULL, "%s", app->branch);
	if (rb_app_look(app->path, app->branch, app->remote, &state, &why) < 0) {
		add_failure(doctor, "app", "commit", &why);
		return;
	}
	add(doctor, "app", "commit", RB_CHECK_OK, NULL, "%.12s %.200s", state.commit,
	    state.subject);
	add(doctor, "app", "state", RB_CHECK_INFO, NULL, "%s%s",
	    state.is_clean ? "clean" : "dirty: files there are not as in a commit",
	    state.is_checked_out ? "" : "; this branch is not what is checked out there");
	rb_app_state_release(&state);
}

static void compare_branch(struct doctor *doctor, const struct rb_oid *has)
{
	struct above above = {.end = has};
	struct rb_err why = {0};
	struct rb_oid tip;
	int ahead;

	if (rb_store_tip(&doctor->store, &tip, &why) < 0) {
		add_failure(doctor, "remote", "branch", &why);
		return;
	}
	if (has && rb_oid_equal(has, &tip)) {
		add(doctor, "remote", "branch", RB_CHECK_OK, NULL, "it has the newest backup");
		return;
	}
	if (!has) {
		add(doctor, "remote", "branch",
		    rb_oid_is_none(&tip) ? RB_CHECK_INFO : RB_CHECK_WARN,
		    rb_oid_is_none(&tip) ? NULL : "rowback sync", "it has no branch '%s' yet",
		    doctor->store.config.branch);
		return;
	}
	ahead = rb_commit_is_ancestor(doctor->store.repo, has, &tip, &why);
	if (ahead > 0)
		ahead = rb_commit_walk(doctor->store.repo, &tip, look_above, &above, &why) == RB_OK;
	if (ahead > 0 && !above.has_backup)
		add(doctor, "remote", "branch", RB_CHECK_OK, NULL,
		    "it has the newest backup; the next push brings what was recorded since");
	else if (ahead > 0)
		add(doctor, "remote", "branch", RB_CHECK_WARN, "rowback sync",
		    "it does not have the newest backup");
	else
		add(doctor, "remote", "branch", RB_CHECK_BAD,
		    "only one store may write to a branch: give this one another with "
		    "git config rowback.branch NAME",
		    "it has commits that this store does not: it diverged");
}

static void check_remote(struct doctor *doctor)
{
	struct rb_store *store = &doctor->store;
	const char *patterns[] = {store->branch_ref, NULL};
	struct rb_push_report asked = {0};
	struct rb_remote_refs refs = {0};
	struct rb_buf url = RB_BUF((size_t)64 << 10);
	struct rb_buf shown = RB_BUF((size_t)64 << 10);
	struct rb_err why = {0};

	if (rb_remote_url(store->repo, store->config.remote, &url, &why) < 0) {
		add(doctor, "remote", store->config.remote, RB_CHECK_WARN,
		    "add one: git remote add origin URL", "no remote is configured");
		goto out;
	}
	if (rb_remote_redact_url(rb_buf_str(&url), &shown, &why) == RB_OK)
		add(doctor, "remote", "url", RB_CHECK_INFO, NULL, "%s", rb_buf_str(&shown));
	if (doctor->opts->offline)
		goto out;
	if (rb_remote_list(store->repo, store->config.remote, patterns, REMOTE_TIMEOUT_MS, &refs,
	                   &why) < 0) {
		add_failure(doctor, "remote", "reachable", &why);
		goto out;
	}
	add(doctor, "remote", "reachable", RB_CHECK_OK, NULL, "it answers");
	compare_branch(doctor, rb_remote_refs_find(&refs, store->branch_ref));
	if (rb_push_check_private(store, &asked, &why) == RB_E_PUBLIC)
		add_failure(doctor, "remote", "private", &why);
	else if (store->config.allow_public)
		add(doctor, "remote", "private", RB_CHECK_INFO, NULL, "%s",
		    "not asked: rowback.allowPublic is set");
	else
		add(doctor, "remote", "private",
		    asked.visibility_unknown ? RB_CHECK_WARN : RB_CHECK_OK, NULL, "%s",
		    asked.visibility ? asked.visibility : "found so before");

out:
	rb_push_report_release(&asked);
	rb_remote_refs_release(&refs);
	rb_buf_release(&url);
	rb_buf_release(&shown);
}

int rb_doctor_run(const struct rb_doctor_opts *opts, struct rb_doctor_report *report,
                  struct rb_err *err)
{
	const struct rb_store_opts store = {.dir = opts->dir, .config_file = opts->config_file};
	struct doctor doctor = {.opts = opts, .report = report, .err = err};
	struct rb_err why = {0};

	memset(report, 0, sizeof(*report));
	check_versions(&doctor);
	if (rb_store_open(&store, &doctor.store, &why) < 0) {
		add_failure(&doctor, "store", "open", &why);
		return doctor.rc;
	}
	check_directory(&doctor);
	check_rollback(&doctor);
	check_history(&doctor);
	check_activity(&doctor);
	check_config(&doctor);
	check_app(&doctor);
	check_remote(&doctor);
	rb_store_close(&doctor.store);
	return doctor.rc;
}
