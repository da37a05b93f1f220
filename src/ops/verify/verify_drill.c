/*
 * See verify_priv.h: drills, and the live source.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowback/base/fs.h"
#include "rowback/base/time.h"
#include "rowback/config/secret.h"
#include "rowback/ops/restore.h"
#include "rowback/ops/snapshot.h"
#include "backup/commit_priv.h"
#include "export/reading_priv.h"
#include "verify_priv.h"

/* The URL of a scratch database of SQLite: a file below a directory that goes. */
static int scratch_file(const struct rb_manifest_source *source, const char *dir,
                        struct rb_buf *out, struct rb_err *err)
{
	return rb_buf_addf(out, err, "sqlite:%s/%s.db", dir, source->name);
}

/*
 * The URL of a scratch database on the source's own server.
 *
 * why      why there is none to be had, which is no failure: then out is empty
 */
static int scratch_database(const struct rb_store *store, const struct rb_manifest_source *source,
                            struct rb_buf *out, struct rb_err *why)
{
	const struct rb_adapter *adapter = rb_adapter_by_name(source->engine);
	const struct rb_source_config *config = NULL;
	char *url = NULL;
	int rc;

	if (!adapter || !adapter->scratch_url)
		return rb_err_set(why, RB_E_UNSUPPORTED, "no scratch database for the engine %s",
		                  source->engine);
	rc = rb_config_source(&store->config, source->name, &config, why);
	if (rc == RB_OK)
		rc = rb_config_source_url(config, &url, why);
	if (rc == RB_OK)
		rc = adapter->scratch_url(url, out, why);
	rb_secret_free(url);
	return rc;
}

/* Restore one source into a scratch database. */
static int rehearse(struct rb_store *store, const struct rb_backup_entry *entry,
                    const struct rb_manifest_source *source, const char *url,
                    struct rb_verify_report *report, struct rb_err *err)
{
	const struct rb_restore_opts opts = {
	        .spec = entry->message.id, .source = source->name, .to_url = url, .rehearse = true};
	struct rb_restore_report restored = {0};
	struct rb_err why = {0};
	int rc = rb_restore_run(store, &opts, &restored, &why);

	if (rc == RB_OK && restored.verified)
		report->drills++;
	for (size_t i = 0; rc == RB_OK && i < restored.remarks->remark_count; i++) {
		const struct rb_remark *remark = &restored.remarks->remarks[i];

		if (remark->incomplete)
			rc = rb_verify_left_out(report, &why, "drill of source '%s': %s: %s",
			                        source->name, remark->object, remark->what);
	}
	if (rc == RB_OK && restored.definitions == RB_DEFINITIONS_NOT_COMPARED)
		rc = rb_verify_left_out(report, &why,
		                        "drill of source '%s': definitions were not compared: %s",
		                        source->name, restored.definitions_why);
	if (rc == RB_E_CANCELLED || rc == RB_E_NOMEM) {
		if (err)
			*err = why;
	} else if (rc < 0) {
		char what[RB_ERR_MSG_SIZE + 100];

		snprintf(what, sizeof(what), "drill of source '%s': %s", source->name, why.msg);
		report->drill_passed = false;
		rc = rb_verify_problem(report, entry->message.id, what, err);
	}
	rb_restore_report_release(&restored);
	return rc;
}

static int drill_source(struct rb_store *store, const struct rb_backup_entry *entry,
                        const struct rb_manifest_source *source, const char *dir,
                        struct rb_verify_report *report, struct rb_err *err)
{
	struct rb_buf url = RB_BUF((size_t)64 << 10);
	struct rb_err why = {0};
	int rc = strcmp(source->engine, "sqlite") == 0
	                 ? scratch_file(source, dir, &url, &why)
	                 : scratch_database(store, source, &url, &why);

	if (rc == RB_OK)
		rc = rehearse(store, entry, source, rb_buf_str(&url), report, err);
	else if (rc != RB_E_CANCELLED && rc != RB_E_NOMEM)
		rc = rb_verify_left_out(report, err, "source '%s': %s", source->name, why.msg);
	else if (err)
		*err = why;
	if (url.data)
		memset(url.data, 0, url.len);
	rb_buf_release(&url);
	return rc;
}

static int keep_outcome(struct rb_store *store, const struct rb_backup_entry *entry, bool passed,
                        struct rb_err *err)
{
	char text[128];
	char when[21];

	rb_time_format_iso(rb_time_now_unix_s(), when);
	snprintf(text, sizeof(text), "drill: %s %s rowback %s\n", passed ? "passed" : "failed",
	         when, RB_VERSION);
	return rb_repo_note_set(store->repo, RB_NOTES_NAME, &entry->commit, text, err);
}

int rb_verify_drill(struct rb_store *store, const struct rb_backup_entry *entry,
                    struct rb_verify_report *report, struct rb_err *err)
{
	struct rb_manifest manifest = {0};
	char *dir = NULL;
	int rc = rb_snapshot_manifest(store->repo, &entry->tree, &manifest, err);

	if (rc == RB_OK)
		rc = rb_fs_mkdtemp("rowback-drill-", &dir, err);
	report->drill_passed = rc == RB_OK;
	for (size_t i = 0; rc == RB_OK && i < manifest.source_count; i++)
		rc = drill_source(store, entry, &manifest.sources[i], dir, report, err);
	if (rc == RB_OK && report->drills == 0)
		report->drill_passed = false;
	if (rc == RB_OK && (report->drills > 0 || report->problem_count > 0))
		rc = keep_outcome(store, entry, report->drill_passed, err);
	/* The scratch copy holds the data: it must not stay behind. */
	if (dir) {
		struct rb_err why = {0};
		int removed = rb_fs_remove_tree(dir, &why);

		if (rc == RB_OK && removed < 0) {
			if (err)
				*err = why;
			rc = removed;
		}
	}
	free(dir);
	rb_manifest_release(&manifest);
	return rc;
}

/*
 * Export the live sources into objects, as a root that no ref names.
 *
 * looked  holds the objects: freed, they are gone
 */
static int export_live(struct rb_store *store, struct rb_reading *readings, size_t count,
                       struct rb_pack **looked, struct rb_oid *root, struct rb_err *err)
{
	static const struct rb_oid none = {{0}};
	unsigned int workers = rb_store_workers(store);
	struct rb_root_source *parts = calloc(count + 1, sizeof(*parts));
	struct rb_pack *pack = NULL;
	struct rb_pack_stats stats;
	int rc = parts ? rb_pack_begin(store->repo, rb_export_slots(workers), &pack, err)
	               : rb_err_set(err, RB_E_NOMEM, "no memory to verify");

	if (rc == RB_OK)
		rb_pack_make_scratch(pack);
	for (size_t i = 0; rc == RB_OK && i < count; i++) {
		rc = rb_reading_export(&readings[i], pack, NULL, workers, err);
		parts[i].manifest = &readings[i].exported.manifest;
		parts[i].tree = readings[i].exported.tree;
	}
	if (rc == RB_OK)
		rc = rb_root_build(store, pack, NULL, &none, parts, count, root, err);
	if (rc == RB_OK)
		rc = rb_pack_finish(pack, &stats, err);
	*looked = pack;
	free(parts);
	return rc;
}

static int compare_live(struct rb_store *store, const struct rb_backup_entry *entry,
                        const struct rb_oid *root, const char *source,
                        struct rb_verify_report *report, struct rb_err *err)
{
	struct rb_snapshot backup = {0};
	struct rb_snapshot live = {0};
	int rc = rb_snapshot_load(store->repo, &entry->tree, source, &backup, err);

	if (rc == RB_E_NOTFOUND)
		return rb_verify_left_out(report, err, "source '%s': backup %s does not have it",
		                          source, entry->message.id);
	if (rc == RB_OK)
		rc = rb_snapshot_load(store->repo, root, source, &live, err);
	if (rc == RB_OK)
		rc = rb_diff_snapshots(&backup, &live, &report->live, err);
	rb_snapshot_release(&backup);
	rb_snapshot_release(&live);
	return rc;
}

int rb_verify_live(struct rb_store *store, const struct rb_backup_entry *entry,
                   struct rb_verify_report *report, struct rb_err *err)
{
	struct rb_reading *readings = NULL;
	struct rb_pack *looked = NULL;
	size_t count = 0;
	struct rb_oid root;
	int rc = rb_readings_open(store, NULL, &readings, &count, err);

	if (rc == RB_OK)
		rc = export_live(store, readings, count, &looked, &root, err);
	for (size_t i = 0; rc == RB_OK && i < count; i++)
		rc = compare_live(store, entry, &root, readings[i].config->name, report, err);
	for (size_t i = 0; rc == RB_OK && i < count; i++) {
		if (readings[i].exported.incomplete)
			rc = rb_verify_left_out(report, err, "source '%s' cannot be read whole now",
			                        readings[i].config->name);
	}
	report->live_done = rc == RB_OK;
	rb_readings_free(readings, count);
	rb_pack_free(looked);
	return rc;
}
