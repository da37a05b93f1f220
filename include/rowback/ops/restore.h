/*
 * Restoring: a backup into a database, with a plan, a safety backup and a proof.
 *
 * Layer: ops (3).
 *
 * Into a new or empty database: tables, rows, indexes, then triggers and views; exported
 * again and compared with the backup before it gets its name.
 *
 * Into a new or empty database of another engine: tables, rows and what both engines have;
 * every change of type and everything left behind is listed, and the rows are read back and
 * compared with those that were to be written.
 *
 * Into a database that holds something:
 *
 *	1. a safety backup of it is committed (or the newest backup is what it holds already)
 *	2. the plan: rows to insert, update and delete, from the chunks that differ
 *	3. the question
 *	4. one transaction: nobody wrote since 1; definitions, deletes, inserts, definitions
 *	5. the database is exported again inside it and compared; only then it is committed
 *	6. definitions that an engine shows after the commit only are read and compared
 *
 * When the source's own database, or another one that was there, was changed, an event "restore"
 * (rowback/ops/event.h) says so in the history; the next push takes it along.
 */
#ifndef ROWBACK_OPS_RESTORE_H
#define ROWBACK_OPS_RESTORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowback/ops/diff.h"
#include "rowback/ops/store.h"

enum rb_strategy {
	RB_STRATEGY_REPLACE, /**< the tables become exactly the backup */
	RB_STRATEGY_UPSERT,  /**< the backup's rows are put back; other rows stay */
	RB_STRATEGY_MERGE,   /**< what changed in the backup against the one before it */
};

enum rb_on_conflict {
	RB_CONFLICT_STOP,   /**< report, and write nothing */
	RB_CONFLICT_BACKUP, /**< the backup's row wins */
	RB_CONFLICT_LIVE,   /**< the database's row stays */
};

/** What happens to one table. */
enum rb_table_action {
	RB_TABLE_KEEP,     /**< its definition is right: rows only */
	RB_TABLE_CREATE,   /**< it is not there */
	RB_TABLE_RECREATE, /**< it is defined otherwise: dropped and made anew */
	RB_TABLE_DROP,     /**< the backup has no such table */
};

struct rb_plan_table {
	char *name;
	enum rb_table_action action;
	struct rb_row_counts rows;
	uint64_t conflicts;   /**< rows changed on both sides (merge) */
	char *first_conflict; /**< the key of one of them; NULL */
	char *left_out;       /**< its columns that are not in the backup, or not in the safety
	                           backup of a table that goes; NULL: none */
};

/** What a restore will do. */
struct rb_restore_plan {
	struct rb_plan_table *tables; /**< only tables that something happens to */
	size_t table_count;
	struct rb_row_counts total;
	uint64_t conflicts;
	size_t objects_changed; /**< what has no rows, to drop or make: indexes, views, triggers,
	                             definitions alone; and settings */
	bool into_new;          /**< the target is new or empty */
};

struct rb_restore_opts {
	const char *spec;           /**< which backup; NULL: latest */
	int64_t at_unix_s;          /**< or a point in time; 0 */
	const char *source;         /**< which source of it; NULL: the only one */
	const char *to_url;         /**< where to; NULL: the source's own database */
	const char *const *tables;  /**< names or patterns, NULL-terminated; NULL: all */
	const char *const *schemas; /**< whose tables are wanted, besides those; NULL: none */
	enum rb_strategy strategy;
	enum rb_on_conflict on_conflict;
	bool dry_run;  /**< plan only; enforced at the handle */
	bool rehearse; /**< into a new database, which is thrown away when it compared equal */
	bool no_event; /**< do not record it in the history: the caller does, with more */
	/** Asked with the plan before anything that exists is written; NULL: yes. */
	bool (*confirm)(void *ctx, const struct rb_restore_plan *plan, const char *target);
	void *ctx;
};

/** Whether the text of definitions was read again, and what came out. */
enum rb_definitions {
	RB_DEFINITIONS_NONE,         /**< nothing was written, or only tables were compared */
	RB_DEFINITIONS_COMPARED,     /**< they are as they should be */
	RB_DEFINITIONS_DIFFER,       /**< see differences */
	RB_DEFINITIONS_NOT_COMPARED, /**< see definitions_why */
};

/** How it went.  Release with rb_restore_report_release(). */
struct rb_restore_report {
	char backup_id[17];
	char *target; /**< for people: secrets hidden */
	struct rb_restore_plan plan;
	char safety_id[17]; /**< the backup that holds what was there before; "" */
	bool declined;      /**< the question was answered with no */
	bool written;       /**< the target was changed */
	bool verified;      /**< exported again, equal */
	uint64_t rows;      /**< rows compared */
	enum rb_definitions definitions;
	char *definitions_why;          /**< why they were not compared, or not all; NULL */
	struct rb_catalog *differences; /**< definitions that are otherwise, and how: only its
	                                     remarks are set; NULL: nobody looked */
	struct rb_catalog *remarks;     /**< only its remarks are set */
	/** What is otherwise in another engine, and what is left behind: only its remarks are
	 *  set.  NULL: it is the same engine. */
	struct rb_catalog *converted;
	size_t types_changed; /**< how many of these are changes of type */
};

/**
 * Restore.
 *
 * returns 0, also when declined, planned only, or nothing differed; RB_E_NOSTORE;
 *         RB_E_CONFLICT (nothing written); RB_E_SAFETY; RB_E_MISMATCH when what was
 *         written did not compare equal (taken back; with report->written only definitions
 *         of a database that was there differ, and it is committed); RB_E_UNREACHABLE; ...
 */
int rb_restore_run(struct rb_store *store, const struct rb_restore_opts *opts,
                   struct rb_restore_report *report, struct rb_err *err) RB_MUST_CHECK;

/** The struct is empty afterwards. */
void rb_restore_report_release(struct rb_restore_report *report);

#endif /* ROWBACK_OPS_RESTORE_H */
