/*
 * Taking a backup: export, commit, push; and its two halves alone.
 *
 * Layer: ops (3).
 *
 * Order of a backup, so that a crash at any point leaves a store that is whole:
 *
 *	 1. lock, configuration, newest commit
 *	 2. index.lock; sources exported into one pack and the working tree
 *	 3. pack and its index made durable and visible
 *	 4. commit object, then the branch moves (compare and swap)
 *	 5. git's index written: `git status` is clean
 *	 6. fingerprints and digests of rows remembered
 *	 7. push, read back; only now it may be called backed up
 */
#ifndef ROWBACK_OPS_BACKUP_H
#define ROWBACK_OPS_BACKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowback/ops/diff.h"
#include "rowback/ops/push.h"
#include "rowback/ops/store.h"
#include "rowback/repo/app.h"
#include "rowback/repo/pack.h"

struct rb_backup_opts {
	const char *const *sources; /**< names; NULL-terminated; NULL: all configured */
	const char *kind;           /**< "full", "safety"; "quick" is rb_backup_quick() */
	const char *trigger;        /**< "manual", "schedule", "deploy", "pre-restore", "api" */
	const char *label;          /**< one line; NULL */
	const char *note;           /**< free text; NULL */
	bool force;                 /**< commit although nothing changed */
	bool named;                 /**< likewise for a note, and for a label that the newest
	                                 backup has not got */
	bool full;                  /**< read every source, whatever its fingerprint says */
	bool allow_incomplete;      /**< commit although a table could not be read */
	bool dry_run;               /**< only find out what would change: no commit, no file */
	bool push;                  /**< bring it to the remote */
	unsigned int jobs;          /**< connections that read a source; 0: as configured */
};

/** How it went for one source. */
struct rb_source_report {
	char *name;
	bool was_read; /**< false: its fingerprint proved that nothing changed */
	uint64_t rows;
	uint64_t bytes; /**< of canonical rows that were read; 0 when it was not read */
	uint64_t
	        rows_proved; /**< of rows: not read, the server's digests show they are as before */
	bool incomplete;
	bool has_unused;            /**< a pattern of its configuration matches nothing */
	struct rb_catalog *remarks; /**< only its remarks are set; NULL: none */
};

/** How a backup went.  Release with rb_backup_report_release(). */
struct rb_backup_report {
	char id[17];               /**< of the backup that holds this state now */
	struct rb_oid commit;      /**< its commit */
	bool committed;            /**< it was made now; else nothing had changed */
	struct rb_app_state code;  /**< what the app repository is at; commit "": not known */
	bool code_moved;           /**< the newest full backup has another commit of it */
	char *code_problem;        /**< why not, where one is configured; NULL */
	struct rb_changes changes; /**< against the backup before */
	bool is_uncounted;         /**< not counted: it, or the one before, is damaged */
	uint64_t rows;
	size_t table_count;
	struct rb_source_report *sources;
	size_t source_count;
	struct rb_pack_stats pack;
	struct rb_push_report push;
	bool pushed; /**< a push was asked for, made, and confirmed */
	/* Of a quick one: */
	char data_id[17];             /**< the backup whose data it stands on; else "" */
	int64_t data_taken_at_unix_s; /**< when that was taken */
};

/**
 * Take a backup.
 *
 * The commit that the app repository ([app] in the configuration) is at is recorded with it.
 * Where that cannot be found out the data is backed up all the same, with a warning.  When the
 * data is as it was, but the code is at another commit than in the newest full backup, a commit
 * is made, so that each commit that was deployed has its backup.
 *
 * report  filled as far as it came, also on failure
 * returns 0, also when nothing had changed; RB_E_INCOMPLETE, nothing committed;
 *         RB_E_UNREACHABLE; the statuses of rb_push_run(), the local backup being made then
 */
int rb_backup_run(struct rb_store *store, const struct rb_backup_opts *opts,
                  struct rb_backup_report *report, struct rb_err *err) RB_MUST_CHECK;

/**
 * Take a quick backup: record the app repository's commit, in a commit with the tree of the
 * newest one.  No source is opened and nothing of the data is read, so none is protected.
 *
 * opts    trigger, label, note, dry_run and push count
 * returns 0; RB_E_USAGE when no app repository is configured; RB_E_NOTFOUND when it cannot be
 *         used; RB_E_NOSTORE when there is no backup whose data it could stand on; the statuses
 *         of rb_push_run(), the backup being made then
 */
int rb_backup_quick(struct rb_store *store, const struct rb_backup_opts *opts,
                    struct rb_backup_report *report, struct rb_err *err) RB_MUST_CHECK;

/** The struct is empty afterwards. */
void rb_backup_report_release(struct rb_backup_report *report);

/**
 * Export into the working tree only: no object, no commit.
 *
 * returns as rb_backup_run(); RB_E_USAGE for a bare store
 */
int rb_export_to_worktree(struct rb_store *store, const char *const *sources,
                          struct rb_backup_report *report, struct rb_err *err) RB_MUST_CHECK;

/** What to sync. */
struct rb_sync_opts {
	const char *message; /**< subject of the commit; NULL: one is made */
	bool push;
};

/**
 * Commit whatever the working tree holds, and push it.
 *
 * returns as rb_backup_run(); RB_E_USAGE for a bare store
 */
int rb_sync_run(struct rb_store *store, const struct rb_sync_opts *opts,
                struct rb_backup_report *report, struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_OPS_BACKUP_H */
