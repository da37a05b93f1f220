/*
 * See rollback_priv.h: which backup, which commit; all that is checked before.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowback/base/log.h"
#include "rowback/base/time.h"
#include "rowback/format/event.h"
#include "rowback/ops/history.h"
#include "rowback/repo/commit.h"
#include "rollback_priv.h"

#define NAME_MAX_BYTES ((size_t)64 << 10)

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory for a rollback");
}

static int copy(char **out, const char *text, struct rb_err *err)
{
	free(*out);
	*out = strdup(text);
	return *out ? RB_OK : no_memory(err);
}

/* What is wanted, before it is known whether it can be had. */
struct wanted {
	struct rb_backup_entry entry; /* the backup that has the data; may be empty */
	char *commit;                 /* of the code; NULL: it takes no part */
	bool data;
	char **names; /* sources of the data; NULL: all that the backup has */
	size_t name_count;
};

static void release_wanted(struct wanted *wanted)
{
	rb_backup_entry_release(&wanted->entry);
	for (size_t i = 0; i < wanted->name_count; i++)
		free(wanted->names[i]);
	free(wanted->names);
	free(wanted->commit);
	memset(wanted, 0, sizeof(*wanted));
}

/* The newest rollback that the history records. */
struct search {
	struct rb_event event;
	bool found;
};

static int look_for_event(void *ctx, const struct rb_commit *commit, struct rb_err *err)
{
	struct search *search = ctx;

	(void)err;
	if (rb_event_read(commit->message, &search->event, NULL) < 0)
		return 0;
	search->found = strcmp(search->event.name, "rollback") == 0 ||
	                strcmp(search->event.name, "undo") == 0;
	if (!search->found)
		rb_event_release(&search->event);
	return search->found;
}

static int find_event(struct rb_store *store, struct rb_event *out, struct rb_err *err)
{
	struct search search = {0};
	struct rb_oid tip;
	int rc = rb_store_tip(store, &tip, err);

	if (rc == RB_OK && !rb_oid_is_none(&tip))
		rc = rb_commit_walk(store->repo, &tip, look_for_event, &search, err);
	if (rc < 0)
		goto out;
	if (!search.found) {
		rc = rb_err_set(err, RB_E_NOSTORE, "there is no rollback to take back");
		rb_err_hint(err, "go to a backup: rowback rollback BACKUP");
	} else if (strcmp(search.event.name, "undo") == 0) {
		rc = rb_err_set(err, RB_E_NOSTORE,
		                "the newest rollback was taken back already, at %s",
		                search.event.id);
		rb_err_hint(err, "what was there before that is: rowback rollback %s",
		            search.event.safety ? search.event.safety : "BACKUP");
	} else {
		*out = search.event;
		memset(&search.event, 0, sizeof(search.event));
	}

out:
	rb_event_release(&search.event);
	return rc;
}

static int add_name(struct wanted *wanted, const char *name, size_t len, struct rb_err *err)
{
	char **grown = realloc(wanted->names, (wanted->name_count + 1) * sizeof(*grown));

	if (!grown)
		return no_memory(err);
	wanted->names = grown;
	grown[wanted->name_count] = strndup(name, len);
	if (!grown[wanted->name_count])
		return no_memory(err);
	wanted->name_count++;
	return RB_OK;
}

/* "app crm" */
static int split_names(const char *text, struct wanted *wanted, struct rb_err *err)
{
	int rc = RB_OK;

	while (rc == RB_OK && *(text += strspn(text, " "))) {
		size_t len = strcspn(text, " ");

		rc = add_name(wanted, text, len, err);
		text += len;
	}
	return rc;
}

/* A whole rollback is taken back: to its safety backup, and to the commit before it. */
static int want_undo(struct rb_rollback *rollback, struct wanted *wanted, struct rb_err *err)
{
	struct rb_event event = {0};
	int64_t when = 0;
	char begun[21] = "";
	int rc = find_event(rollback->store, &event, err);

	if (rc == RB_OK && event.source) {
		wanted->data = true;
		rc = split_names(event.source, wanted, err);
	}
	if (rc == RB_OK && event.code_before && event.code_after)
		rc = copy(&wanted->commit, event.code_before, err);
	if (rc == RB_OK && rb_time_parse_utc(event.id, &when, NULL) == RB_OK)
		rb_time_format_iso(when, begun);
	if (rc == RB_OK)
		rc = copy(&rollback->report->plan.begun, begun, err);
	if (rc == RB_OK)
		rc = rb_history_find(rollback->store, event.safety, 0, &wanted->entry, err);
	rb_event_release(&event);
	return rc;
}

static bool is_quick(const struct rb_backup_entry *entry)
{
	return entry->message.kind && strcmp(entry->message.kind, "quick") == 0;
}

static int no_code(const struct rb_backup_entry *entry, struct rb_err *err)
{
	rb_err_set(err, RB_E_USAGE, "backup %s records no commit of the code", entry->message.id);
	return rb_err_hint(err, is_quick(entry) ? "find another with: rowback log"
	                                        : "restore the data alone with --data-only");
}

/* What the options and the backup's kind make of it. */
static int want_parts(const struct rb_rollback *rollback, struct wanted *wanted, struct rb_err *err)
{
	const struct rb_rollback_opts *opts = rollback->opts;
	const struct rb_backup_entry *entry = &wanted->entry;
	bool has_app = rollback->store->config.app.path != NULL;

	wanted->data = !opts->code_only && !is_quick(entry);
	if (opts->data_only && is_quick(entry)) {
		rb_err_set(err, RB_E_USAGE, "backup %s is a quick one: it holds no data of its own",
		           entry->message.id);
		return rb_err_hint(err, "name the full backup before it: rowback log --kind full");
	}
	if (wanted->data && entry->aside)
		return rb_err_set(err, RB_E_USAGE,
		                  "backup %s is of another database than the source's own: use "
		                  "'rowback restore --to'",
		                  entry->message.id);
	if (opts->data_only || (!has_app && wanted->data))
		return RB_OK;
	if (!has_app) {
		rb_err_set(err, RB_E_USAGE, "the code cannot be moved: no app repository is set");
		return rb_err_hint(err, "name it: git config app.path DIR");
	}
	if (!entry->message.code_commit)
		return no_code(entry, err);
	if (entry->message.code_deployed && !opts->deployed)
		rb_log(RB_LOG_INFO,
		       "what was deployed then was another commit, %.7s: --deployed goes there",
		       entry->message.code_deployed);
	return copy(&wanted->commit,
	            opts->deployed && entry->message.code_deployed ? entry->message.code_deployed
	                                                           : entry->message.code_commit,
	            err);
}

static int want(struct rb_rollback *rollback, struct wanted *wanted, struct rb_err *err)
{
	const struct rb_rollback_opts *opts = rollback->opts;
	int rc;

	if (opts->undo) {
		rc = want_undo(rollback, wanted, err);
	} else {
		rc = rb_history_find(rollback->store, opts->spec, 0, &wanted->entry, err);
		if (rc == RB_OK)
			rc = want_parts(rollback, wanted, err);
		for (size_t i = 0; rc == RB_OK && opts->sources && opts->sources[i]; i++)
			rc = add_name(wanted, opts->sources[i], strlen(opts->sources[i]), err);
	}
	return rc;
}

/* The commit that is wanted; where it is not there, its remote may have it. */
static int find_commit(struct rb_rollback *rollback, const char *commit, struct rb_err *err)
{
	const struct rb_app_place *place = &rollback->place;
	struct rb_app_commit *to = &rollback->report->plan.to;
	struct rb_err why = {0};
	int rc = rb_app_commit_look(place, commit, to, &why);

	if (rc == RB_E_NOTFOUND && place->remote) {
		rc = rb_app_fetch(place, commit, rollback->store->config.push_timeout_ms, &why);
		if (rc == RB_OK)
			rc = rb_app_commit_look(place, commit, to, &why);
	}
	if (rc < 0 && rc != RB_E_NOMEM && rc != RB_E_CANCELLED) {
		rc = rb_err_set(err, RB_E_NOTFOUND,
		                "the backup's code, commit %.12s, cannot be had: %.700s", commit,
		                why.msg);
		rb_err_hint(err,
		            "bring it into '%.400s', or restore the data alone with "
		            "--data-only",
		            place->dir);
	} else if (rc < 0 && err) {
		*err = why;
	}
	return rc;
}

/* The remote must have what is here: else somebody pushed, or something was not pushed. */
static int check_remote(const struct rb_rollback *rollback, struct rb_err *err)
{
	const struct rb_app_place *place = &rollback->place;
	char at[RB_APP_OID_SIZE] = "";
	int rc;

	if (!place->remote)
		return RB_OK;
	rc = rb_app_remote_at(place, rollback->store->config.push_timeout_ms, at, err);
	if (rc < 0 || strcmp(at, rollback->app.commit) == 0)
		return rc;
	if (!*at)
		rb_err_set(err, RB_E_REJECTED,
		           "remote '%s' of the app repository has no branch "
		           "'%s'",
		           place->remote, place->branch);
	else
		rb_err_set(err, RB_E_REJECTED,
		           "branch '%s' of the app repository is at %.12s here, at %.12s on "
		           "remote '%s'",
		           place->branch, rollback->app.commit, at, place->remote);
	return rb_err_hint(err,
	                   "nothing was changed; bring them together first: git -C '%.400s' pull "
	                   "--ff-only, or git push",
	                   place->dir);
}

/* How the branch gets there. */
static int choose_way(struct rb_rollback *rollback, struct rb_err *err)
{
	struct rb_rollback_plan *plan = &rollback->report->plan;
	int forward;
	int rc = RB_OK;

	plan->code = RB_CODE_STAYS;
	if (strcmp(plan->from.oid, plan->to.oid) == 0)
		return RB_OK;
	forward = rb_app_is_ancestor(&rollback->place, plan->from.oid, plan->to.oid, err);
	if (forward < 0)
		return forward;
	if (forward)
		plan->code = RB_CODE_FORWARD;
	else if (rollback->opts->reset)
		plan->code = RB_CODE_RESET;
	else if (strcmp(plan->from.tree, plan->to.tree) != 0)
		plan->code = RB_CODE_COMMIT;
	if (plan->code != RB_CODE_STAYS)
		rc = rb_app_count(&rollback->place, plan->from.oid, plan->to.oid,
		                  &plan->commits_undone, err);
	return rc;
}

/* Open the app repository: where the branch is, and what of. */
static int open_app(struct rb_rollback *rollback, const char *branch, const char *remote,
                    struct rb_err *err)
{
	const struct rb_app_config *config = &rollback->store->config.app;
	struct rb_rollback_plan *plan = &rollback->report->plan;
	int rc;

	if (!config->path) {
		rb_err_set(err, RB_E_USAGE, "the code cannot be moved: no app repository is set");
		return rb_err_hint(err, "name it: git config app.path DIR");
	}
	rc = rb_app_look(config->path, branch, remote, &rollback->app, err);
	if (rc == RB_OK)
		rc = rb_app_place_find(config->path, &rollback->app, remote, rollback->opts->umask,
		                       &rollback->place, err);
	if (rc == RB_OK)
		rc = copy(&plan->app_dir, rollback->place.dir, err);
	if (rc == RB_OK)
		rc = copy(&plan->branch, branch, err);
	if (rc == RB_OK && rollback->place.remote)
		rc = copy(&plan->remote, rollback->place.remote, err);
	if (rc == RB_OK)
		rc = rb_app_check_idle(&rollback->place, err);
	return rc < 0 ? rc
	              : rb_app_commit_look(&rollback->place, rollback->app.commit, &plan->from,
	                                   err);
}

static int plan_code(struct rb_rollback *rollback, const char *commit, struct rb_err *err)
{
	struct rb_rollback_plan *plan = &rollback->report->plan;
	const struct rb_app_config *config = &rollback->store->config.app;
	int rc = open_app(rollback, config->branch, config->remote, err);

	if (rc == RB_OK)
		rc = find_commit(rollback, commit, err);
	if (rc == RB_OK)
		rc = choose_way(rollback, err);
	if (rc < 0 || plan->code == RB_CODE_STAYS)
		return rc;
	rc = rb_app_check_files(&rollback->place, plan->from.oid, plan->to.oid, err);
	return rc < 0 ? rc : check_remote(rollback, err);
}

static bool is_nothing(const struct rb_restore_plan *plan)
{
	return plan->table_count == 0 && plan->objects_changed == 0 && !plan->into_new;
}

/* Plan the restore of one source; one that has nothing to do takes no part. */
static int plan_source(struct rb_rollback *rollback, const char *backup_id, const char *name,
                       struct rb_err *err)
{
	struct rb_rollback_plan *plan = &rollback->report->plan;
	const struct rb_restore_opts opts = {.spec = backup_id, .source = name, .dry_run = true};
	struct rb_rollback_source *grown =
	        realloc(plan->sources, (plan->source_count + 1) * sizeof(*grown));
	struct rb_rollback_source *source;
	int rc;

	if (!grown)
		return no_memory(err);
	plan->sources = grown;
	source = &grown[plan->source_count];
	memset(source, 0, sizeof(*source));
	rc = copy(&source->name, name, err);
	if (rc == RB_OK)
		rc = rb_restore_run(rollback->store, &opts, &source->report, err);
	if (rc == RB_OK && !is_nothing(&source->report.plan)) {
		plan->source_count++;
		return rc;
	}
	free(source->name);
	rb_restore_report_release(&source->report);
	return rc < 0 ? rb_err_wrap(err, rc, "source '%s'", name) : rc;
}

static int plan_data(struct rb_rollback *rollback, const struct wanted *wanted, struct rb_err *err)
{
	struct rb_manifest manifest = {0};
	const char *id = wanted->entry.message.id;
	int rc = RB_OK;

	if (!wanted->data)
		return RB_OK;
	for (size_t i = 0; rc == RB_OK && i < wanted->name_count; i++)
		rc = plan_source(rollback, id, wanted->names[i], err);
	if (wanted->names)
		return rc;
	rc = rb_snapshot_manifest(rollback->store->repo, &wanted->entry.tree, &manifest, err);
	for (size_t i = 0; rc == RB_OK && i < manifest.source_count; i++)
		rc = plan_source(rollback, id, manifest.sources[i].name, err);
	rb_manifest_release(&manifest);
	return rc;
}

/* What the second question asks for: the sources whose data goes, else the branch. */
static int name_it(struct rb_rollback *rollback, struct rb_err *err)
{
	struct rb_rollback_plan *plan = &rollback->report->plan;
	const struct rb_rollback_journal *journal = &rollback->journal;
	size_t count = plan->is_unfinished ? journal->source_count : plan->source_count;
	struct rb_buf name = RB_BUF(NAME_MAX_BYTES);
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < count; i++)
		rc = rb_buf_addf(&name, err, "%s%s", i ? "," : "",
		                 plan->is_unfinished ? journal->sources[i] : plan->sources[i].name);
	if (rc == RB_OK && count == 0)
		rc = rb_buf_adds(&name, plan->branch ? plan->branch : "", err);
	if (rc == RB_OK)
		rc = copy(&plan->name, rb_buf_str(&name), err);
	rb_buf_release(&name);
	return rc;
}

static int describe(struct rb_rollback *rollback, const struct wanted *wanted, struct rb_err *err)
{
	struct rb_rollback_plan *plan = &rollback->report->plan;
	const struct rb_config *config = &rollback->store->config;

	snprintf(plan->backup_id, sizeof(plan->backup_id), "%s", wanted->entry.message.id);
	plan->is_undo = rollback->opts->undo;
	plan->code_configured = config->app.path != NULL;
	plan->run = config->rollback_run;
	return copy(&plan->kind, wanted->entry.message.kind ? wanted->entry.message.kind : "full",
	            err);
}

int rb_rollback_plan(struct rb_rollback *rollback, struct rb_err *err)
{
	struct rb_rollback_report *report = rollback->report;
	struct wanted wanted = {0};
	int rc = want(rollback, &wanted, err);

	if (rc == RB_OK)
		rc = describe(rollback, &wanted, err);
	if (rc == RB_OK && wanted.commit)
		rc = plan_code(rollback, wanted.commit, err);
	if (rc == RB_OK)
		rc = plan_data(rollback, &wanted, err);
	if (rc == RB_OK)
		rc = name_it(rollback, err);
	if (rc == RB_OK)
		report->nothing =
		        report->plan.code == RB_CODE_STAYS && report->plan.source_count == 0;
	release_wanted(&wanted);
	return rc;
}

/* The code as it is now, and as it was before the rollback that was broken off. */
static int plan_unfinished_code(struct rb_rollback *rollback, struct rb_err *err)
{
	const struct rb_rollback_journal *journal = &rollback->journal;
	struct rb_rollback_plan *plan = &rollback->report->plan;
	int rc = open_app(rollback, journal->branch, journal->remote, err);

	if (rc == RB_OK)
		rc = find_commit(rollback, journal->before, err);
	if (rc < 0 || journal->code == RB_CODE_STAYS)
		return rc;
	if (strcmp(plan->from.oid, journal->before) != 0 &&
	    strcmp(plan->from.oid, journal->after) != 0 &&
	    strcmp(plan->from.oid, journal->back) != 0) {
		rb_err_set(err, RB_E_CONFLICT,
		           "somebody moved branch '%s' of the app repository since: it is at "
		           "%.12s, and the rollback went from %.12s to %.12s",
		           journal->branch, plan->from.oid, journal->before,
		           *journal->after ? journal->after : "nowhere");
		rb_err_hint(err, "put it to one of these two, then try again");
		return rc;
	}
	if (strcmp(plan->from.tree, plan->to.tree) != 0)
		plan->code = journal->code == RB_CODE_RESET ? RB_CODE_RESET : RB_CODE_COMMIT;
	return rb_app_check_files(&rollback->place, plan->from.oid, plan->to.oid, err);
}

int rb_rollback_plan_unfinished(struct rb_rollback *rollback, struct rb_err *err)
{
	const struct rb_rollback_journal *journal = &rollback->journal;
	struct rb_rollback_plan *plan = &rollback->report->plan;
	char begun[21];
	int rc;

	rb_time_format_iso(journal->begun_unix_s, begun);
	plan->is_undo = true;
	plan->is_unfinished = true;
	plan->code_configured = rollback->store->config.app.path != NULL;
	memcpy(plan->backup_id, journal->safety, sizeof(plan->backup_id));
	if (journal->step >= RB_STEP_COMMAND)
		plan->run = rollback->store->config.rollback_run;
	rc = copy(&plan->begun, begun, err);
	if (rc == RB_OK)
		rc = copy(&plan->kind, "safety", err);
	if (rc == RB_OK && journal->branch)
		rc = plan_unfinished_code(rollback, err);
	for (size_t i = 0;
	     rc == RB_OK && journal->step >= RB_STEP_DATA && i < journal->source_count; i++)
		rc = plan_source(rollback, journal->safety, journal->sources[i], err);
	return rc < 0 ? rc : name_it(rollback, err);
}
