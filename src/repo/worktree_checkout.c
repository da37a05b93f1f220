/*
 * Files from a tree: the whole working tree of a commit, or an index for it.
 */
#include <stdlib.h>
#include <string.h>

#include "rowback/base/cancel.h"
#include "rowback/repo/commit.h"
#include "rowback/repo/tree.h"
#include "rowback/repo/worktree.h"
#include "worktree_priv.h"

/* Manage what a path's first component names. */
static int manage_top(struct rb_worktree *wt, const char *path, struct rb_err *err)
{
	size_t len = strcspn(path, "/");
	char *top;
	int rc;

	if (rb_wt_is_managed(wt, path, len))
		return RB_OK;
	top = strndup(path, len);
	if (!top)
		return rb_err_set(err, RB_E_NOMEM, "no memory for '%s'", path);
	rc = rb_worktree_manage(wt, top, err);
	free(top);
	return rc;
}

static int manage_entry(void *ctx, const struct rb_tree_entry *entry, struct rb_err *err)
{
	return manage_top(ctx, entry->path, err);
}

static int put_entry(void *ctx, const struct rb_tree_entry *entry, struct rb_err *err)
{
	struct rb_wt_file file = {.path = entry->path, .mode = entry->mode, .oid = entry->oid};
	int rc;

	if (!S_ISREG((mode_t)entry->mode))
		return rb_err_set(err, RB_E_UNSUPPORTED,
		                  "'%s' is a link or a submodule: a store holds plain files only",
		                  entry->path);
	file.mode = entry->mode & S_IXUSR ? 0100755 : RB_MODE_FILE;
	rc = rb_cancel_check(err);
	if (rc == RB_OK)
		rc = rb_wt_check_path(entry->path, err);
	return rc < 0 ? rc : rb_wt_put_object(ctx, &file, err);
}

int rb_worktree_checkout(struct rb_repo *repo, const struct rb_oid *tree, struct rb_err *err)
{
	struct rb_worktree *wt = NULL;
	int rc;

	rc = rb_worktree_begin(repo, &wt, err);
	if (rc < 0 || !wt)
		return rc;
	for (size_t i = 0; i < wt->old.count && rc == RB_OK; i++)
		rc = manage_top(wt, wt->old.entries[i].path, err);
	if (rc == RB_OK)
		rc = rb_tree_list(repo, tree, manage_entry, wt, err);
	if (rc == RB_OK)
		rc = rb_tree_walk(repo, tree, put_entry, wt, err);
	if (rc == RB_OK)
		rc = rb_worktree_finish(wt, err);
	rb_worktree_free(wt);
	return rc;
}

static int add_entry(void *ctx, const struct rb_tree_entry *entry, struct rb_err *err)
{
	struct rb_index *index = ctx;
	struct rb_index_entry added = {.mode = entry->mode, .oid = entry->oid};

	return rb_index_add(index, entry->path, &added, err);
}

int rb_wt_index_of_head(struct rb_repo *repo, struct rb_index *out, struct rb_err *err)
{
	struct rb_commit commit = {0};
	struct rb_oid head;
	int rc;

	rc = rb_repo_ref(repo, "HEAD", &head, err);
	if (rc == RB_E_NOTFOUND)
		return RB_OK;
	if (rc < 0)
		return rc;
	rc = rb_commit_read(repo, &head, &commit, err);
	if (rc < 0)
		return rc;
	rc = rb_tree_walk(repo, &commit.tree, add_entry, out, err);
	rb_commit_release(&commit);
	if (rc == RB_OK)
		rb_index_sort(out);
	return rc;
}
