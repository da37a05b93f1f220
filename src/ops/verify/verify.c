/*
 * See rowback/ops/verify.h: the store and the report.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowback/base/cancel.h"
#include "rowback/base/log.h"
#include "rowback/ops/snapshot.h"
#include "rowback/repo/remote.h"
#include "verify_priv.h"

#define LOOK_ROWS 4096 /* rows between looks at signals */
#define FSCK_REPORT_MAX ((size_t)64 << 10)

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory to verify");
}

void rb_verify_report_release(struct rb_verify_report *report)
{
	for (size_t i = 0; i < report->problem_count; i++) {
		free(report->problems[i].backup_id);
		free(report->problems[i].what);
	}
	for (size_t i = 0; i < report->not_checked_count; i++)
		free(report->not_checked[i]);
	free(report->problems);
	free(report->not_checked);
	rb_changes_release(&report->live);
	memset(report, 0, sizeof(*report));
}

int rb_verify_problem(struct rb_verify_report *report, const char *backup_id, const char *what,
                      struct rb_err *err)
{
	struct rb_verify_problem *grown =
	        realloc(report->problems, (report->problem_count + 1) * sizeof(*grown));

	if (!grown)
		return no_memory(err);
	report->problems = grown;
	grown[report->problem_count].backup_id = strdup(backup_id);
	grown[report->problem_count].what = strdup(what);
	report->problem_count++;
	if (!grown[report->problem_count - 1].backup_id || !grown[report->problem_count - 1].what)
		return no_memory(err);
	return RB_OK;
}

int rb_verify_left_out(struct rb_verify_report *report, struct rb_err *err, const char *fmt, ...)
{
	char **grown =
	        realloc(report->not_checked, (report->not_checked_count + 1) * sizeof(*grown));
	char text[512];
	va_list ap;

	if (!grown)
		return no_memory(err);
	report->not_checked = grown;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	grown[report->not_checked_count] = strdup(text);
	if (!grown[report->not_checked_count])
		return no_memory(err);
	report->not_checked_count++;
	return RB_OK;
}

/* A failure that is the store's fault is a problem found; others end the verification. */
static bool is_damage(int rc)
{
	return rc == RB_E_FORMAT || rc == RB_E_NOTFOUND || rc == RB_E_LIMIT ||
	       rc == RB_E_UNSUPPORTED;
}

static int read_rows(struct rb_rows *rows, struct rb_verify_layout *layout, uint64_t *count,
                     struct rb_err *err)
{
	struct rb_row row;
	int rc;

	while ((rc = rb_rows_next(rows, &row, err)) > 0) {
		rc = rb_rows_parse(rows, &row, err);
		if (rc == RB_OK)
			rc = rb_verify_layout_row(layout, &row, err);
		if (rc == RB_OK && ++*count % LOOK_ROWS == 0)
			rc = rb_cancel_check(err);
		if (rc < 0)
			return rc;
	}
	return rc;
}

/* Whether a table can be made again: storage is made by its virtual table. */
static bool is_defined(const struct rb_catalog *catalog, const struct rb_table *table)
{
	if (table->kind != RB_TABLE_PLAIN && table->kind != RB_TABLE_VIRTUAL)
		return true;
	for (size_t i = 0; i < catalog->object_count; i++) {
		if (strcmp(catalog->objects[i].kind, "table") == 0 &&
		    strcmp(catalog->objects[i].name, table->name) == 0)
			return true;
	}
	return false;
}

static int verify_table(const struct rb_snapshot *snapshot, size_t table,
                        struct rb_verify_report *report, struct rb_err *err)
{
	struct rb_chunk_list chunks = {0};
	const struct rb_rows_opts opts = {.snapshot = snapshot,
	                                  .table = table,
	                                  .chunks = &chunks,
	                                  .verify = true,
	                                  .read_ahead = true};
	const char *name = snapshot->catalog->tables[table].name;
	struct rb_verify_layout *layout = NULL;
	struct rb_rows *rows = NULL;
	uint64_t count = 0;
	int rc = rb_snapshot_chunks(snapshot, table, &chunks, err);

	if (rc == RB_OK)
		rc = rb_rows_open(&opts, &rows, err);
	if (rc == RB_OK)
		rc = rb_verify_layout_new(&snapshot->catalog->tables[table], &chunks, &layout, err);
	if (rc == RB_OK)
		rc = read_rows(rows, layout, &count, err);
	if (rc == RB_OK && count != snapshot->tables[table].rows)
		rc = rb_err_set(err, RB_E_FORMAT,
		                "table '%s' has %llu rows, but rowback.json says %llu", name,
		                (unsigned long long)count,
		                (unsigned long long)snapshot->tables[table].rows);
	if (rc == RB_OK)
		rc = rb_verify_layout_end(layout, err);
	/* Of another engine's objects not every table is one: an extension makes some. */
	if (rc == RB_OK && strcmp(snapshot->catalog->engine, "sqlite") == 0 &&
	    !is_defined(snapshot->catalog, &snapshot->catalog->tables[table]))
		rc = rb_err_set(err, RB_E_FORMAT, "table '%s' has no definition in schema.json",
		                name);
	report->tables++;
	report->chunks += chunks.count;
	report->rows += count;
	rb_verify_layout_free(layout);
	rb_rows_close(rows);
	rb_chunk_list_release(&chunks);
	return rc;
}

static int verify_source(struct rb_store *store, const struct rb_backup_entry *entry,
                         const char *source, struct rb_verify_report *report, struct rb_err *err)
{
	struct rb_snapshot snapshot = {0};
	struct rb_err why = {0};
	int rc = rb_snapshot_load(store->repo, &entry->tree, source, &snapshot, &why);

	for (size_t i = 0; rc == RB_OK && i < snapshot.catalog->table_count; i++) {
		rb_log_progress("verifying %s %s: table %zu of %zu", entry->message.id, source,
		                i + 1, snapshot.catalog->table_count);
		rc = verify_table(&snapshot, i, report, &why);
		if (is_damage(rc))
			rc = rb_verify_problem(report, entry->message.id, why.msg, &why);
	}
	if (is_damage(rc))
		rc = rb_verify_problem(report, entry->message.id, why.msg, &why);
	for (size_t i = 0; rc == RB_OK && i < snapshot.missing_count; i++)
		rc = rb_verify_left_out(report, &why,
		                        "%s: table '%s' could not be read when the "
		                        "backup was made",
		                        entry->message.id, snapshot.missing[i]);
	rb_snapshot_release(&snapshot);
	if (rc < 0 && err)
		*err = why;
	return rc;
}

static int verify_backup(struct rb_store *store, const struct rb_backup_entry *entry,
                         struct rb_verify_report *report, struct rb_err *err)
{
	struct rb_manifest manifest = {0};
	struct rb_err why = {0};
	int rc = rb_snapshot_manifest(store->repo, &entry->tree, &manifest, &why);

	if (rc == RB_E_NOTFOUND)
		rc = rb_verify_left_out(report, &why,
		                        "%s: it holds no rowback.json: another "
		                        "program's export",
		                        entry->message.id);
	else if (is_damage(rc))
		rc = rb_verify_problem(report, entry->message.id, why.msg, &why);
	if (rc < 0 && err)
		*err = why;
	for (size_t i = 0; rc == RB_OK && i < manifest.source_count; i++)
		rc = verify_source(store, entry, manifest.sources[i].name, report, err);
	rb_log_progress_end();
	rb_manifest_release(&manifest);
	report->backups++;
	return rc;
}

static int run_fsck(struct rb_store *store, struct rb_verify_report *report, struct rb_err *err)
{
	struct rb_buf text = RB_BUF(FSCK_REPORT_MAX);
	int rc;

	rb_log_progress("verifying: git fsck");
	rc = rb_remote_fsck(store->repo, store->config.push_timeout_ms, &text, err);
	rb_log_progress_end();
	report->fsck_done = rc == RB_OK || rc == RB_E_MISMATCH;
	if (rc == RB_E_MISMATCH) {
		size_t len = strcspn(rb_buf_str(&text), "\n");
		char what[300];

		snprintf(what, sizeof(what), "git fsck: %.*s", (int)(len < 250 ? len : 250),
		         rb_buf_str(&text));
		rc = rb_verify_problem(report, "store", what, err);
	}
	rb_buf_release(&text);
	return rc;
}

static int verify_list(struct rb_store *store, const struct rb_backup_list *list,
                       struct rb_verify_report *report, struct rb_err *err)
{
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < list->count; i++) {
		const char *kind = list->items[i].message.kind;

		/* A quick backup has the tree of the one before, which comes next. */
		if (kind && strcmp(kind, "quick") == 0 && i + 1 < list->count &&
		    rb_oid_equal(&list->items[i].tree, &list->items[i + 1].tree))
			continue;
		rc = verify_backup(store, &list->items[i], report, err);
	}
	return rc;
}

/* The backups to read: one, or all. */
static int choose(struct rb_store *store, const struct rb_verify_opts *opts,
                  struct rb_backup_list *list, struct rb_err *err)
{
	static const struct rb_history_opts all = {0};
	int rc;

	if (opts->all) {
		rc = rb_history_list(store, &all, list, err);
		if (rc == RB_OK && list->count == 0)
			rc = rb_err_set(err, RB_E_NOSTORE, "there is no backup yet");
		return rc;
	}
	list->items = calloc(1, sizeof(*list->items));
	if (!list->items)
		return no_memory(err);
	rc = rb_history_find_data(store, opts->spec, opts->at_unix_s, &list->items[0], err);
	list->count = rc == RB_OK;
	return rc;
}

static int say_left_out(const struct rb_verify_opts *opts, struct rb_verify_report *report,
                        struct rb_err *err)
{
	int rc = RB_OK;

	if (!opts->all)
		rc = rb_verify_left_out(report, err, "other backups (--all reads every one)");
	if (rc == RB_OK && !opts->fsck)
		rc = rb_verify_left_out(report, err, "git's objects as a whole (--no-fsck)");
	if (rc == RB_OK && !opts->drill)
		rc = rb_verify_left_out(report, err, "whether it restores (--drill does it)");
	if (rc == RB_OK && !opts->live)
		rc = rb_verify_left_out(report, err, "the live source (--source compares it)");
	return rc;
}

static int found_problems(const struct rb_verify_report *report, struct rb_err *err)
{
	if (report->problem_count == 0)
		return RB_OK;
	rb_err_set(err, RB_E_MISMATCH, "%zu problem%s found, the first: %s: %s",
	           report->problem_count, report->problem_count == 1 ? " was" : "s were",
	           report->problems[0].backup_id, report->problems[0].what);
	return rb_err_hint(err, "restore from a backup that verifies, or take the store from the "
	                        "remote anew: rowback init --remote URL DIR");
}

int rb_verify_run(struct rb_store *store, const struct rb_verify_opts *opts,
                  struct rb_verify_report *report, struct rb_err *err)
{
	struct rb_backup_list list = {0};
	int rc;

	memset(report, 0, sizeof(*report));
	rc = choose(store, opts, &list, err);
	if (rc == RB_OK)
		snprintf(report->backup_id, sizeof(report->backup_id), "%s",
		         list.items[0].message.id);
	if (rc == RB_OK && opts->fsck)
		rc = run_fsck(store, report, err);
	if (rc == RB_OK)
		rc = verify_list(store, &list, report, err);
	if (rc == RB_OK && opts->drill && report->problem_count == 0)
		rc = rb_verify_drill(store, &list.items[0], report, err);
	if (rc == RB_OK && opts->live)
		rc = rb_verify_live(store, &list.items[0], report, err);
	if (rc == RB_OK)
		rc = say_left_out(opts, report, err);
	if (rc == RB_OK)
		rc = found_problems(report, err);
	if (rc == RB_OK && report->live_done && report->live.count > 0) {
		rc = rb_err_set(
		        err, RB_E_MISMATCH, "the live source differs from backup %s in %zu table%s",
		        report->backup_id, report->live.count, report->live.count == 1 ? "" : "s");
		rb_err_hint(err, "when that is right, keep it: rowback backup");
	} else if (rc == RB_OK && report->live_done && report->live.others > 0) {
		rc = rb_err_set(err, RB_E_MISMATCH,
		                "the live source differs from backup %s in %zu definition%s or "
		                "setting%s",
		                report->backup_id, report->live.others,
		                report->live.others == 1 ? "" : "s",
		                report->live.others == 1 ? "" : "s");
		rb_err_hint(err, "when that is right, keep it: rowback backup");
	}
	rb_backup_list_release(&list);
	return rc;
}
