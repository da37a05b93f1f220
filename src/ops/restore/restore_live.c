/*
 * See restore_priv.h: what the target holds before anything is written, kept as a backup.
 */
#include <stdlib.h>
#include <string.h>

#include "rowback/base/log.h"
#include "rowback/repo/commit.h"
#include "backup/commit_priv.h"
#include "export/reading_priv.h"
#include "restore_priv.h"

/* The source's own database: an ordinary backup, on the branch. */
static int back_up_own(struct rb_restore *restore, struct rb_oid *root, struct rb_err *err)
{
	const char *names[] = {restore->backup.source, NULL};
	const struct rb_backup_opts opts = {
	        .sources = names, .kind = "safety", .trigger = "pre-restore"};
	struct rb_backup_report report = {0};
	int rc = rb_backup_run(restore->store, &opts, &report, err);

	if (rc == RB_OK)
		memcpy(restore->report->safety_id, report.id, sizeof(report.id));
	if (rc == RB_OK)
		rc = rb_store_tree_of(restore->store, &report.commit, root, err);
	rb_backup_report_release(&report);
	return rc;
}

/* Commit what another database holds, aside of the branch. */
static int commit_aside(struct rb_restore *restore, const struct rb_oid *root, uint64_t bytes_added,
                        struct rb_err *err)
{
	const struct rb_commit_request request = {.kind = "safety",
	                                          .trigger = "pre-restore",
	                                          .sources = restore->backup.source,
	                                          .note = restore->report->target,
	                                          .bytes_added = bytes_added,
	                                          .ref = RB_SAFETY_PREFIX};
	struct rb_backup_report report = {0};
	struct rb_oid tip;
	int rc = rb_store_tip(restore->store, &tip, err);

	if (rc == RB_OK)
		rc = rb_commit_root(restore->store, root, &tip, &request, &report, err);
	if (rc == RB_OK)
		memcpy(restore->report->safety_id, report.id, sizeof(report.id));
	rb_backup_report_release(&report);
	return rc;
}

/*
 * Export the target through a connection of its own, into objects that no ref names yet.
 *
 * like_backup  leave out what the backup leaves out, to be compared with it; else only what the
 *              configuration leaves out, for a backup of its own
 */
static int export_aside(struct rb_restore *restore, bool like_backup, struct rb_oid *root,
                        struct rb_pack_stats *stats, struct rb_err *err)
{
	static const struct rb_oid none = {{0}};
	const struct rb_open_opts open = {.url = restore->url,
	                                  .busy_timeout_ms = restore->store->config.busy_timeout_ms,
	                                  .schemas = like_backup
	                                                     ? rb_restore_schemas(restore)
	                                                     : rb_export_schemas(restore->config)};
	unsigned int workers = rb_store_workers(restore->store);
	struct rb_export_opts opts = {.name = restore->backup.source,
	                              .config = restore->config,
	                              .columns_of = like_backup ? restore->backup.catalog : NULL,
	                              .workers = workers};
	struct rb_root_source part;
	struct rb_source *source = NULL;
	struct rb_export exported = {0};
	int rc = restore->adapter->source_open(&open, &source, err);

	if (rc == RB_OK)
		rc = rb_pack_begin(restore->store->repo, rb_export_slots(workers), &opts.pack, err);
	if (rc == RB_OK && restore->opts->dry_run)
		rb_pack_make_scratch(opts.pack);
	opts.source = source;
	if (rc == RB_OK)
		rc = rb_export_run(&opts, &exported, err);
	if (rc == RB_OK && exported.incomplete)
		rc = rb_err_set(err, RB_E_INCOMPLETE, "'%s' cannot be read whole",
		                restore->report->target);
	part.manifest = &exported.manifest;
	part.tree = exported.tree;
	if (rc == RB_OK)
		rc = rb_root_build(restore->store, opts.pack, NULL, &none, &part, 1, root, err);
	if (rc == RB_OK)
		rc = rb_pack_finish(opts.pack, stats, err);
	rb_export_release(&exported);
	/* Looked at until the plan is made. */
	if (rc == RB_OK && restore->opts->dry_run)
		restore->looked = opts.pack;
	else
		rb_pack_free(opts.pack);
	if (source)
		restore->adapter->source_close(source);
	return rc;
}

int rb_restore_look_at_live(struct rb_restore *restore, struct rb_err *err)
{
	struct rb_pack_stats stats = {0};
	struct rb_err why = {0};
	struct rb_oid root;
	int rc;

	if (restore->opts->dry_run) {
		rc = export_aside(restore, true, &root, &stats, err);
	} else {
		rc = restore->is_own ? back_up_own(restore, &root, &why)
		                     : export_aside(restore, false, &root, &stats, &why);
		if (rc == RB_OK && !restore->is_own)
			rc = commit_aside(restore, &root, stats.bytes_written, &why);
		if (rc < 0 && rc != RB_E_CANCELLED) {
			rb_err_set(err, RB_E_SAFETY,
			           "nothing was restored: the safety backup failed: %s", why.msg);
			if (rc == RB_E_INCOMPLETE)
				rb_err_hint(err, "restore into a new database instead: --to %s",
				            rb_restore_example(restore));
			else if (*why.hint)
				rb_err_hint(err, "%s", why.hint);
			return RB_E_SAFETY;
		}
		if (rc < 0 && err)
			*err = why;
	}
	if (rc < 0)
		return rc;
	rc = rb_snapshot_load(restore->store->repo, &root, restore->backup.source, &restore->live,
	                      err);
	/* The safety backup has all that it can; for the plan, like is compared with like. */
	if (rc < 0 || restore->opts->dry_run || !rb_restore_scope_differs(restore))
		return rc;
	rb_snapshot_release(&restore->live);
	rc = export_aside(restore, true, &root, &stats, err);
	return rc < 0 ? rc
	              : rb_snapshot_load(restore->store->repo, &root, restore->backup.source,
	                                 &restore->live, err);
}
