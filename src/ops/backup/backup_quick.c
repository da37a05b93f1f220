/*
 * See rowback/ops/backup.h: the code's commit alone.
 */
#include <string.h>

#include "rowback/ops/history.h"
#include "rowback/ops/snapshot.h"
#include "backup_priv.h"
#include "code_priv.h"
#include "commit_priv.h"

static int look_at_code(struct rb_store *store, struct rb_backup_report *report, struct rb_err *err)
{
	const struct rb_app_config *app = &store->config.app;
	int rc;

	if (!app->path) {
		rb_err_set(err, RB_E_USAGE,
		           "a quick backup records the commit of the app repository, "
		           "and none is configured");
		return rb_err_hint(err, "say where it is: git config app.path DIR "
		                        "(and app.branch, when that is not master)");
	}
	rc = rb_app_look(app->path, app->branch, app->remote, &report->code, err);
	return rc < 0 ? rb_err_wrap(err, rc, "no quick backup was made") : RB_OK;
}

/* The backup whose data it stands on: without one it would look like a backup of nothing. */
static int find_data(struct rb_store *store, const struct rb_oid *tip,
                     struct rb_backup_report *report, struct rb_err *err)
{
	struct rb_backup_entry entry = {0};
	int rc = rb_history_data_of(store, tip, &entry, err);

	if (rc == RB_E_NOSTORE) {
		rb_err_set(err, RB_E_NOSTORE,
		           "a quick backup holds no data of its own, and there is no backup of "
		           "data yet that it could stand on");
		return rb_err_hint(err, "take the first: rowback backup");
	}
	if (rc == RB_OK) {
		memcpy(report->data_id, entry.message.id,
		       strnlen(entry.message.id, sizeof(report->data_id) - 1));
		report->data_taken_at_unix_s = entry.time_unix_s;
	}
	rb_backup_entry_release(&entry);
	return rc;
}

/* The sources whose data is in a tree; one that cannot be read names none. */
static int names_in(struct rb_store *store, const struct rb_oid *root, struct rb_buf *out,
                    struct rb_err *err)
{
	struct rb_manifest manifest = {0};
	int rc = RB_OK;

	if (rb_snapshot_manifest(store->repo, root, &manifest, NULL) < 0)
		return RB_OK;
	for (size_t i = 0; rc == RB_OK && i < manifest.source_count; i++)
		rc = rb_buf_addf(out, err, "%s%s", i ? " " : "", manifest.sources[i].name);
	rb_manifest_release(&manifest);
	return rc;
}

static int commit(struct rb_store *store, const struct rb_oid *tip,
                  const struct rb_backup_opts *opts, struct rb_backup_report *report,
                  struct rb_err *err)
{
	struct rb_buf names = RB_BUF((size_t)1 << 20);
	struct rb_commit_request request = {.kind = "quick",
	                                    .trigger = opts->trigger,
	                                    .label = opts->label,
	                                    .note = opts->note,
	                                    .code = &report->code,
	                                    .lenient = true};
	struct rb_oid root;
	int rc = rb_store_tree_of(store, tip, &root, err);

	if (rc == RB_OK)
		rc = names_in(store, &root, &names, err);
	request.sources = rb_buf_str(&names);
	if (rc == RB_OK)
		rc = rb_commit_root(store, &root, tip, &request, report, err);
	rb_buf_release(&names);
	return rc;
}

int rb_backup_quick(struct rb_store *store, const struct rb_backup_opts *opts,
                    struct rb_backup_report *report, struct rb_err *err)
{
	struct rb_err kept = {0};
	struct rb_oid tip;
	int rc;

	memset(report, 0, sizeof(*report));
	rc = rb_backup_check_opts(opts, &kept);
	if (rc == RB_OK)
		rc = look_at_code(store, report, &kept);
	if (rc == RB_OK)
		rc = rb_store_tip(store, &tip, &kept);
	if (rc == RB_OK)
		rc = find_data(store, &tip, report, &kept);
	if (rc == RB_OK && !opts->dry_run)
		rc = commit(store, &tip, opts, report, &kept);
	if (rc == RB_OK)
		rc = rb_backup_deliver(store, opts, report, &kept);
	if (rc < 0 && err)
		*err = kept;
	return rc;
}
