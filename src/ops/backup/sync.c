/*
 * See rowback/ops/backup.h: committing what the working tree holds.
 */
#include <string.h>

#include "rowback/repo/worktree.h"
#include "code_priv.h"
#include "commit_priv.h"

static int refuse(struct rb_store *store, struct rb_err *err)
{
	if (!rb_repo_work_dir(store->repo)) {
		rb_err_set(err, RB_E_USAGE, "the store is bare: it has no working tree to sync");
		return rb_err_hint(err, "use: rowback backup");
	}
	if (store->was_killed) {
		/* Half an export looks like deleted rows. */
		rb_err_set(err, RB_E_INCOMPLETE,
		           "nothing was committed: an export was killed while "
		           "it wrote the working tree");
		return rb_err_hint(err, "write it anew with: rowback backup (or: rowback export)");
	}
	return RB_OK;
}

static int commit_tree(struct rb_store *store, const struct rb_sync_opts *opts,
                       const struct rb_oid *root, const struct rb_oid *tip,
                       struct rb_backup_report *report, struct rb_err *err)
{
	const struct rb_commit_request request = {.kind = "full",
	                                          .trigger = "manual",
	                                          .sources = "working tree",
	                                          .subject = opts->message,
	                                          .code = rb_code_known(&report->code),
	                                          .bytes_added = report->pack.bytes_written,
	                                          .lenient = true};

	return rb_commit_root(store, root, tip, &request, report, err);
}

/* Objects, commit, then git's index: in the order a crash is harmless in. */
static int commit_worktree(struct rb_store *store, const struct rb_sync_opts *opts,
                           struct rb_backup_report *report, struct rb_err *err)
{
	struct rb_worktree *worktree = NULL;
	struct rb_pack *pack = NULL;
	struct rb_oid tip;
	struct rb_oid old_root;
	struct rb_oid root;
	int rc = rb_store_tip(store, &tip, err);

	if (rc == RB_OK)
		rc = rb_store_tree_of(store, &tip, &old_root, err);
	if (rc == RB_OK)
		rc = rb_worktree_begin(store->repo, &worktree, err);
	if (rc == RB_OK)
		rc = rb_pack_begin(store->repo, 1, &pack, err);
	if (rc == RB_OK)
		rc = rb_worktree_add_all(worktree, pack, 0, &root, err);
	if (rc == RB_OK)
		rc = rb_pack_finish(pack, &report->pack, err);
	if (rc == RB_OK)
		rc = rb_oid_equal(&root, &old_root)
		             ? rb_report_existing(store, &tip, report, err)
		             : commit_tree(store, opts, &root, &tip, report, err);
	if (rc == RB_OK)
		rc = rb_worktree_finish(worktree, err);
	rb_pack_free(pack);
	rb_worktree_free(worktree);
	return rc;
}

int rb_sync_run(struct rb_store *store, const struct rb_sync_opts *opts,
                struct rb_backup_report *report, struct rb_err *err)
{
	int rc;

	memset(report, 0, sizeof(*report));
	rc = refuse(store, err);
	if (rc == RB_OK)
		rc = rb_code_note(store, report, err);
	if (rc == RB_OK)
		rc = commit_worktree(store, opts, report, err);
	if (rc == RB_OK && opts->push) {
		rc = rb_push_run(store, &report->push, err);
		report->pushed = rc == RB_OK && report->push.confirmed;
	}
	if (rc == RB_OK)
		rb_store_tidy(store);
	return rc;
}
