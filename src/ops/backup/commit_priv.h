/*
 * From trees of sources to a commit on the branch: shared by backup, sync and restore.
 *
 * Layer: ops (3), private.
 */
#ifndef OPS_COMMIT_PRIV_H
#define OPS_COMMIT_PRIV_H

#include <stdbool.h>

#include "rowback/format/message.h"
#include "rowback/ops/backup.h"
#include "rowback/repo/app.h"
#include "rowback/repo/worktree.h"

/** The files that every store has at its root; NULL-terminated. */
extern const char *const rb_root_files[];

/** A source's part of the next root tree. */
struct rb_root_source {
	const struct rb_manifest_source *manifest;
	struct rb_oid tree;
};

/**
 * Build a root tree: the old root's other entries, the sources, the manifest and the fixed
 * files; these go into the working tree too, where the caller has said so (rb_root_files).
 *
 * old_root  none: there is none
 * sources   sorted by name; all that the new root has
 */
int rb_root_build(struct rb_store *store, struct rb_pack *pack, struct rb_worktree *worktree,
                  const struct rb_oid *old_root, const struct rb_root_source *sources,
                  size_t source_count, struct rb_oid *out, struct rb_err *err) RB_MUST_CHECK;

/** What a commit says besides what is counted from the trees. */
struct rb_commit_request {
	const char *kind;
	const char *trigger;
	const char *label;
	const char *note;
	const char *sources;             /**< "app crm" */
	const char *incomplete;          /**< "app/logs"; NULL */
	const struct rb_app_state *code; /**< what the app repository is at; NULL: not known */
	uint64_t bytes_added;            /**< by the objects that it is made of */
	const char *subject;             /**< replaces the first line; NULL */
	const char *ref; /**< the ref that moves; NULL: the branch; one that ends with '/' gets
	                      the id after it, and must not be there */
	bool lenient;    /**< the tree need not be an export: what cannot be read is not counted */
};

/**
 * Commit a root tree: count the changes, write the message, write the commit, move the ref.
 *
 * parent  the newest commit, which the ref must hold; none: there is no commit yet
 * report  id, commit, changes, rows, table_count are set
 */
int rb_commit_root(struct rb_store *store, const struct rb_oid *root, const struct rb_oid *parent,
                   const struct rb_commit_request *request, struct rb_backup_report *report,
                   struct rb_err *err) RB_MUST_CHECK;

/** When the next commit is made, twice. */
struct rb_commit_time {
	int64_t id_unix_s;    /**< of its id: after that of the newest backup and event below it,
	                           so that ids are unique and grow, whatever the clock does */
	int64_t taken_unix_s; /**< of the commit: likewise while that is a matter of moments; where
	                           a clock was far ahead once, what the clock says now */
};

/** parent  none: there is no commit yet */
int rb_commit_next_time(struct rb_store *store, const struct rb_oid *parent,
                        struct rb_commit_time *out, struct rb_err *err) RB_MUST_CHECK;

/**
 * Fill id, commit, rows and table_count of a report from the newest commit.  Where that is an
 * event, a quick backup, or somebody's own, id and commit are those of the backup below that
 * holds this state; when there is none, id stays "".
 */
int rb_report_existing(struct rb_store *store, const struct rb_oid *commit,
                       struct rb_backup_report *report, struct rb_err *err) RB_MUST_CHECK;

/**
 * Record that sources were looked at and nothing had changed: a commit of the same tree under
 * the check ref, which replaces the one before.
 *
 * sources  "app crm": those that were looked at
 */
int rb_record_check(struct rb_store *store, const struct rb_oid *tip, const char *sources,
                    struct rb_err *err) RB_MUST_CHECK;

#endif /* OPS_COMMIT_PRIV_H */
