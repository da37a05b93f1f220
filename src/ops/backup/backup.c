/*
 * See rowback/ops/backup.h.
 */
#include <stdlib.h>
#include <string.h>

#include "rowback/base/cancel.h"
#include "rowback/base/log.h"
#include "rowback/config/secret.h"
#include "rowback/ops/export.h"
#include "rowback/ops/history.h"
#include "rowback/ops/snapshot.h"
#include "rowback/repo/tree.h"
#include "export/reading_priv.h"
#include "backup_priv.h"
#include "code_priv.h"
#include "commit_priv.h"

/* All that one run holds. */
struct run {
	struct rb_store *store;
	const struct rb_backup_opts *opts;
	struct rb_backup_report *report;
	struct rb_oid tip;
	struct rb_oid old_root;
	struct rb_manifest old_manifest;
	struct rb_reading *readings; /* the sources asked for */
	size_t reading_count;
	struct rb_pack *pack;
	struct rb_worktree *worktree;
	struct rb_oid root;
	bool must_commit; /* also when nothing changed */
};

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory for a backup");
}

static int load_old(struct run *run, struct rb_err *err)
{
	int rc = rb_store_tip(run->store, &run->tip, err);

	if (rc == RB_OK)
		rc = rb_store_tree_of(run->store, &run->tip, &run->old_root, err);
	if (rc < 0 || rb_oid_is_none(&run->old_root))
		return rc;
	rc = rb_snapshot_manifest(run->store->repo, &run->old_root, &run->old_manifest, err);
	return rc == RB_E_NOTFOUND ? RB_OK : rc;
}

static bool all_unchanged(const struct run *run)
{
	for (size_t i = 0; i < run->reading_count; i++) {
		if (!run->readings[i].unchanged)
			return false;
	}
	return true;
}

static int report_source(struct rb_source_report *out, struct rb_reading *reading,
                         struct rb_err *err)
{
	struct rb_export *exported = &reading->exported;

	out->name = strdup(reading->config->name);
	if (!out->name)
		return no_memory(err);
	out->was_read = !reading->unchanged;
	out->rows = exported->rows;
	out->bytes = exported->bytes;
	out->rows_proved = exported->rows_proved;
	out->incomplete = exported->incomplete;
	out->has_unused = exported->has_unused;
	/* Only its remarks are wanted from here on; the catalog moves as it is. */
	out->remarks = exported->catalog;
	exported->catalog = NULL;
	return RB_OK;
}

static int report_sources(struct run *run, struct rb_err *err)
{
	struct rb_backup_report *report = run->report;
	int rc = RB_OK;

	report->sources = calloc(run->reading_count + 1, sizeof(*report->sources));
	if (!report->sources)
		return no_memory(err);
	for (size_t i = 0; rc == RB_OK && i < run->reading_count; i++) {
		report->source_count++;
		rc = report_source(&report->sources[i], &run->readings[i], err);
	}
	return rc;
}

/* Say what will be written before anything is. */
static int begin_worktree(struct run *run, struct rb_err *err)
{
	int rc;

	if (run->opts->dry_run)
		return RB_OK;
	rc = rb_worktree_begin(run->store->repo, &run->worktree, err);

	if (rc == RB_OK)
		rc = rb_store_mark_running(run->store, err);
	for (size_t i = 0; rc == RB_OK && i < run->reading_count; i++) {
		if (!run->readings[i].unchanged)
			rc = rb_worktree_manage(run->worktree, run->readings[i].config->name, err);
	}
	for (size_t i = 0; rc == RB_OK && rb_root_files[i]; i++)
		rc = rb_worktree_manage(run->worktree, rb_root_files[i], err);
	return rc;
}

static int export_all(struct run *run, struct rb_err *err)
{
	unsigned int workers = rb_store_workers(run->store);
	int rc = begin_worktree(run, err);

	if (rc == RB_OK && !run->pack)
		rc = rb_pack_begin(run->store->repo, rb_export_slots(workers), &run->pack, err);
	if (rc == RB_OK && run->opts->dry_run)
		rb_pack_make_scratch(run->pack);
	for (size_t i = 0; rc == RB_OK && i < run->reading_count; i++) {
		if (run->readings[i].unchanged)
			continue;
		rc = rb_reading_export(&run->readings[i], run->pack, run->worktree, workers, err);
	}
	return rc;
}

/* Name the tables that are missing; an error unless they may be. */
static int check_complete(struct run *run, char **missing, struct rb_err *err)
{
	struct rb_buf names = RB_BUF((size_t)1 << 20);
	int rc = RB_OK;

	*missing = NULL;
	for (size_t i = 0; rc == RB_OK && i < run->reading_count; i++) {
		const struct rb_manifest_source *manifest = &run->readings[i].exported.manifest;

		if (!run->readings[i].exported.incomplete)
			continue;
		if (manifest->missing_count == 0)
			rc = rb_buf_addf(&names, err, "%s%s", names.len ? ", " : "",
			                 manifest->name);
		for (size_t j = 0; rc == RB_OK && j < manifest->missing_count; j++)
			rc = rb_buf_addf(&names, err, "%s%s/%s", names.len ? ", " : "",
			                 manifest->name, manifest->missing[j]);
	}
	if (rc == RB_OK && names.len > 0 && !run->opts->allow_incomplete) {
		rc = rb_err_set(err, RB_E_INCOMPLETE,
		                "nothing was committed: this could not be read whole: %s",
		                rb_buf_str(&names));
		rb_err_hint(err, "repair the source, or back up the rest with: "
		                 "rowback backup --allow-incomplete");
	}
	if (rc == RB_OK && names.len > 0) {
		*missing = rb_buf_detach(&names);
		if (!*missing)
			rc = no_memory(err);
	}
	rb_buf_release(&names);
	return rc;
}

static int compare_root_sources(const void *a, const void *b)
{
	const struct rb_root_source *left = a;
	const struct rb_root_source *right = b;

	return strcmp(left->manifest->name, right->manifest->name);
}

static const struct rb_reading *find_reading(const struct run *run, const char *name)
{
	for (size_t i = 0; i < run->reading_count; i++) {
		if (strcmp(run->readings[i].config->name, name) == 0)
			return &run->readings[i];
	}
	return NULL;
}

/* The sources of the new root: those read now, and what the old one has of the others. */
static int gather_root(struct run *run, struct rb_root_source *list, size_t *count,
                       struct rb_err *err)
{
	for (size_t i = 0; i < run->reading_count; i++) {
		if (run->readings[i].unchanged)
			continue;
		list[*count].manifest = &run->readings[i].exported.manifest;
		list[(*count)++].tree = run->readings[i].exported.tree;
	}
	for (size_t i = 0; i < run->old_manifest.source_count; i++) {
		const struct rb_manifest_source *old = &run->old_manifest.sources[i];
		const struct rb_reading *reading = find_reading(run, old->name);
		uint32_t mode = 0;
		int rc;

		if (reading && !reading->unchanged)
			continue;
		list[*count].manifest = old;
		rc = rb_tree_find(run->store->repo, &run->old_root, old->name, &list[*count].tree,
		                  &mode, err);
		if (rc < 0)
			return rc;
		(*count)++;
	}
	qsort(list, *count, sizeof(*list), compare_root_sources);
	return RB_OK;
}

static int build_root(struct run *run, struct rb_err *err)
{
	size_t room = run->reading_count + run->old_manifest.source_count + 1;
	struct rb_root_source *list = calloc(room, sizeof(*list));
	size_t count = 0;
	int rc;

	if (!list)
		return no_memory(err);
	rc = gather_root(run, list, &count, err);
	if (rc == RB_OK)
		rc = rb_root_build(run->store, run->pack, run->worktree, &run->old_root, list,
		                   count, &run->root, err);
	free(list);
	return rc;
}

static int names_of(const struct run *run, struct rb_buf *out, struct rb_err *err)
{
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < run->reading_count; i++)
		rc = rb_buf_addf(out, err, "%s%s", i ? " " : "", run->readings[i].config->name);
	return rc;
}

static int record_check(const struct run *run, struct rb_err *err)
{
	struct rb_buf names = RB_BUF((size_t)1 << 20);
	int rc = names_of(run, &names, err);

	if (rc == RB_OK)
		rc = rb_record_check(run->store, &run->tip, rb_buf_str(&names), err);
	rb_buf_release(&names);
	return rc;
}

static int commit(struct run *run, const char *missing, struct rb_err *err)
{
	struct rb_buf names = RB_BUF((size_t)1 << 20);
	struct rb_commit_request request = {.kind = run->opts->kind,
	                                    .trigger = run->opts->trigger,
	                                    .label = run->opts->label,
	                                    .note = run->opts->note,
	                                    .incomplete = missing,
	                                    .code = rb_code_known(&run->report->code),
	                                    .bytes_added = run->report->pack.bytes_written};
	int rc = names_of(run, &names, err);

	request.sources = rb_buf_str(&names);
	if (rc == RB_OK)
		rc = rb_commit_root(run->store, &run->root, &run->tip, &request, run->report, err);
	rb_buf_release(&names);
	return rc;
}

/* The pack is durable: commit it when something changed, then make git's index follow. */
static int settle(struct run *run, const char *missing, struct rb_err *err)
{
	bool changed = run->must_commit || !rb_oid_equal(&run->root, &run->old_root);
	int rc = changed ? commit(run, missing, err)
	                 : rb_report_existing(run->store, &run->tip, run->report, err);

	if (rc == RB_OK)
		rc = rb_worktree_finish(run->worktree, err);
	rb_worktree_free(run->worktree);
	run->worktree = NULL;
	/* Files of a table that was given up half-way are not in the tree. */
	if (rc == RB_OK && missing && rb_repo_work_dir(run->store->repo))
		rc = rb_worktree_checkout(run->store->repo, &run->root, err);
	if (rc < 0)
		return rc;
	rb_store_mark_done(run->store);
	for (size_t i = 0; rc == RB_OK && i < run->reading_count; i++)
		rc = rb_reading_remember(&run->readings[i], run->store, err);
	for (size_t i = 0; rc == RB_OK && i < run->reading_count; i++)
		rb_reading_keep(&run->readings[i], run->store);
	if (rc == RB_OK && !changed)
		rc = record_check(run, err);
	return rc == RB_OK ? rb_state_save(run->store->state, err) : rc;
}

/* The objects are there to be compared, until the pack is freed. */
static int count_changes(struct run *run, struct rb_err *err)
{
	int rc = rb_report_existing(run->store, &run->tip, run->report, err);

	if (rc == RB_OK)
		rc = rb_diff_roots(run->store->repo, &run->old_root, &run->root,
		                   &run->report->changes, err);
	return rc;
}

/* Whether an export failed only because of what was remembered of rows. */
static bool is_doubted(const struct run *run)
{
	for (size_t i = 0; i < run->reading_count; i++) {
		if (atomic_load(&run->readings[i].reuse.is_doubted))
			return true;
	}
	return false;
}

/* Export, and once more with all rows when what is remembered of them is of no use. */
static int export_surely(struct run *run, struct rb_err *err)
{
	struct rb_err why = {0};
	int rc = export_all(run, &why);

	if (rc < 0 && is_doubted(run)) {
		rb_log(RB_LOG_WARN, "%s: all rows are read", why.msg);
		for (size_t i = 0; i < run->reading_count; i++)
			rb_reading_forget(&run->readings[i]);
		rb_worktree_free(run->worktree);
		run->worktree = NULL;
		rb_pack_free(run->pack);
		run->pack = NULL;
		return export_all(run, err);
	}
	if (rc < 0 && err)
		*err = why;
	return rc;
}

static int make_backup(struct run *run, struct rb_err *err)
{
	char *missing = NULL;
	int rc = export_surely(run, err);

	if (rc == RB_OK)
		rc = check_complete(run, &missing, err);
	if (rc == RB_OK)
		rc = build_root(run, err);
	if (rc == RB_OK)
		rc = rb_pack_finish(run->pack, &run->report->pack, err);
	if (rc == RB_OK)
		rc = run->opts->dry_run ? count_changes(run, err) : settle(run, missing, err);
	free(missing);
	return rc;
}

static int note_unchanged(struct run *run, struct rb_err *err)
{
	int rc = rb_report_existing(run->store, &run->tip, run->report, err);

	if (rc == RB_OK && run->opts->dry_run)
		return RB_OK;
	if (rc == RB_OK)
		rc = record_check(run, err);
	return rc == RB_OK ? rb_state_save(run->store->state, err) : rc;
}

/*
 * Files of sources that the old root does not have: taking the old root's would leave them.
 * Nothing is put there, so they go.
 */
static int remove_new(struct run *run, struct rb_err *err)
{
	struct rb_worktree *worktree = NULL;
	bool is_first = rb_oid_is_none(&run->old_root);
	int rc = rb_worktree_begin(run->store->repo, &worktree, err);

	for (size_t i = 0; rc == RB_OK && i < run->reading_count; i++) {
		const char *name = run->readings[i].config->name;

		if (!rb_manifest_source(&run->old_manifest, name))
			rc = rb_worktree_manage(worktree, name, err);
	}
	for (size_t i = 0; rc == RB_OK && is_first && rb_root_files[i]; i++)
		rc = rb_worktree_manage(worktree, rb_root_files[i], err);
	if (rc == RB_OK)
		rc = rb_worktree_finish(worktree, err);
	rb_worktree_free(worktree);
	return rc;
}

/* The files are what the branch says, again. */
static void restore_files(struct run *run)
{
	struct rb_err why = {0};
	int rc = remove_new(run, &why);

	if (rc == RB_OK && !rb_oid_is_none(&run->old_root))
		rc = rb_worktree_checkout(run->store->repo, &run->old_root, &why);
	if (rc == RB_OK)
		rb_store_mark_done(run->store);
	else
		rb_log(RB_LOG_WARN, "the working tree was left half-written: %s", why.msg);
}

/* After a failure no lock of git's is left, nor a file that is not committed. */
static void clean_up(struct run *run, bool failed)
{
	bool touched = run->worktree != NULL;

	rb_worktree_free(run->worktree);
	run->worktree = NULL;
	rb_pack_free(run->pack);
	/* When told to stop, stop: the next run finds the mark and looks at every file. */
	if (failed && touched && !rb_cancel_signal())
		restore_files(run);
	rb_readings_free(run->readings, run->reading_count);
	rb_manifest_release(&run->old_manifest);
}

int rb_backup_check_opts(const struct rb_backup_opts *opts, struct rb_err *err)
{
	for (const char *c = opts->label; c && *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return rb_err_set(err, RB_E_USAGE,
			                  "a label is one line, without control characters");
	}
	return RB_OK;
}

int rb_backup_deliver(struct rb_store *store, const struct rb_backup_opts *opts,
                      struct rb_backup_report *report, struct rb_err *err)
{
	int rc = RB_OK;

	if (opts->dry_run)
		return RB_OK;
	if (opts->push) {
		rc = rb_push_run(store, &report->push, err);
		report->pushed = rc == RB_OK && report->push.confirmed;
		if (rc < 0 && *report->id)
			rb_err_wrap(err, rc, "backup %s is safe in the store, but was not pushed",
			            report->id);
	}
	if (rc == RB_OK)
		rb_store_tidy(store);
	return rc;
}

/*
 * Whether a label or a note is asked for that would be lost without a commit.  The same label
 * again is on the newest backup already: a schedule that always gives it adds none.
 */
static int is_to_be_named(struct run *run, bool *out, struct rb_err *err)
{
	const struct rb_backup_opts *opts = run->opts;
	struct rb_backup_entry newest = {0};
	int rc;

	*out = opts->named && opts->note;
	if (!opts->named || !opts->label || *out || rb_oid_is_none(&run->tip))
		return RB_OK;
	rc = rb_history_data_of(run->store, &run->tip, &newest, err);
	if (rc == RB_OK || rc == RB_E_NOSTORE) {
		*out = !newest.message.label || strcmp(newest.message.label, opts->label) != 0;
		rc = RB_OK;
	}
	rb_backup_entry_release(&newest);
	return rc;
}

/* What the code is at, and whether that alone is worth a commit. */
static int look_at_code(struct run *run, struct rb_err *err)
{
	bool is_named = false;
	int rc = rb_code_note(run->store, run->report, err);

	if (rc == RB_OK)
		rc = rb_code_moved(run->store, &run->tip, &run->report->code,
		                   &run->report->code_moved, err);
	if (rc == RB_OK)
		rc = is_to_be_named(run, &is_named, err);
	/* What a restore is about to change is the data, whatever the code is at. */
	run->must_commit = run->opts->force || is_named ||
	                   (run->report->code_moved && strcmp(run->opts->kind, "safety") != 0);
	return rc;
}

int rb_backup_run(struct rb_store *store, const struct rb_backup_opts *opts,
                  struct rb_backup_report *report, struct rb_err *err)
{
	struct run run = {.store = store, .opts = opts, .report = report};
	bool trust = !opts->full && !store->was_killed;
	struct rb_err kept = {0};
	int rc;

	/* Nothing that holds data may be called quick. */
	if (strcmp(opts->kind, "quick") == 0)
		return rb_backup_quick(store, opts, report, err);
	memset(report, 0, sizeof(*report));
	rc = rb_backup_check_opts(opts, &kept);
	if (rc == RB_OK)
		rc = load_old(&run, &kept);
	if (rc == RB_OK)
		rc = look_at_code(&run, &kept);
	if (rc == RB_OK)
		rc = rb_readings_open(store, opts->sources, &run.readings, &run.reading_count,
		                      &kept);
	for (size_t i = 0; opts->jobs > 0 && i < run.reading_count; i++)
		run.readings[i].jobs = opts->jobs;
	for (size_t i = 0; rc == RB_OK && i < run.reading_count; i++)
		rc = rb_reading_check(&run.readings[i], store, &run.old_root, trust, &kept);
	for (size_t i = 0; rc == RB_OK && i < run.reading_count; i++)
		rc = rb_reading_recall(&run.readings[i], store, &run.old_root, trust, &kept);
	if (rc == RB_OK)
		rc = all_unchanged(&run) && !run.must_commit ? note_unchanged(&run, &kept)
		                                             : make_backup(&run, &kept);
	if (rc == RB_OK || rc == RB_E_INCOMPLETE) {
		int told = report_sources(&run, rc == RB_OK ? &kept : NULL);

		rc = rc == RB_OK ? told : rc;
	}
	clean_up(&run, rc < 0);
	if (rc == RB_OK)
		rc = rb_backup_deliver(store, opts, report, &kept);
	if (rc < 0 && err)
		*err = kept;
	return rc;
}

void rb_backup_report_release(struct rb_backup_report *report)
{
	for (size_t i = 0; i < report->source_count; i++) {
		free(report->sources[i].name);
		rb_catalog_free(report->sources[i].remarks);
	}
	free(report->sources);
	rb_app_state_release(&report->code);
	free(report->code_problem);
	rb_changes_release(&report->changes);
	rb_push_report_release(&report->push);
	memset(report, 0, sizeof(*report));
}

int rb_export_to_worktree(struct rb_store *store, const char *const *sources,
                          struct rb_backup_report *report, struct rb_err *err)
{
	static const struct rb_backup_opts opts = {.allow_incomplete = false};
	struct run run = {.store = store, .opts = &opts, .report = report};
	char *missing = NULL;
	int rc;

	memset(report, 0, sizeof(*report));
	if (!rb_repo_work_dir(store->repo)) {
		rb_err_set(err, RB_E_USAGE,
		           "the store is bare: it has no working tree to export into");
		return rb_err_hint(err, "use: rowback backup");
	}
	rc = load_old(&run, err);
	if (rc == RB_OK)
		rc = rb_readings_open(store, sources, &run.readings, &run.reading_count, err);
	/* Names only: the objects are made by whoever commits these files. */
	if (rc == RB_OK)
		rc = rb_pack_begin(NULL, rb_export_slots(rb_store_workers(store)), &run.pack, err);
	if (rc == RB_OK)
		rc = export_all(&run, err);
	if (rc == RB_OK)
		rc = check_complete(&run, &missing, err);
	if (rc == RB_OK)
		rc = build_root(&run, err);
	if (rc == RB_OK)
		rc = rb_worktree_finish_unstaged(run.worktree, err);
	if (rc == RB_OK)
		rb_store_mark_done(store);
	if (rc == RB_OK)
		rc = report_sources(&run, err);
	for (size_t i = 0; rc == RB_OK && i < run.reading_count; i++)
		report->rows += run.readings[i].exported.rows;
	free(missing);
	clean_up(&run, rc < 0);
	return rc;
}
