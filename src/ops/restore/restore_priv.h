/*
 * What the files of the restore share.
 *
 *	restore.c         which backup, which target; the two ways; the report
 *	restore_new.c     into a new or empty database
 *	restore_across.c  into a new database of another engine (convert_priv.h)
 *	restore_into.c    into one that holds something
 *	restore_live.c    what the target holds before, kept as a safety backup
 *	restore_plan.c    what is to be done, by table
 *	restore_depend.c  what goes with what is dropped, and comes again
 *	restore_scope.c   what takes part, and what is left alone
 *	restore_names.c   the tables that are asked for
 *	restore_left_out.c  columns and schemas that are not in the backup
 *	restore_rows.c    which rows, by strategy
 *	restore_verify.c  export again and compare
 *	restore_prove.c  the commit, and definitions that only it lets be read
 *	restore_damage.c  which object of the store is damaged, when it compares unequal
 *	restore_event.c   that it was done, in the history
 *	restore_beside.c  export rows of a new database while others and indexes are made
 *
 * Layer: ops (3), private.
 */
#ifndef OPS_RESTORE_PRIV_H
#define OPS_RESTORE_PRIV_H

#include "rowback/adapter/adapter.h"
#include "rowback/ops/export.h"
#include "rowback/ops/restore.h"
#include "rowback/ops/snapshot.h"

/** Bytes of a schema's name in struct rb_restore. */
#define RB_RESTORE_CLASH_SIZE 256

/** One restore. */
struct rb_restore {
	struct rb_store *store;
	const struct rb_restore_opts *opts; /**< as given; later resolved, where they name tables */
	struct rb_restore_opts resolved; /**< with the names of tables for patterns and schemas */
	char **names;                    /**< of resolved */
	struct rb_restore_report *report;
	const struct rb_adapter *adapter;
	struct rb_target *target;
	char *url;                             /**< of the target, secrets included */
	bool is_own;                           /**< the target is the source's own database */
	const struct rb_source_config *config; /**< its configuration; NULL for another database */
	struct rb_snapshot backup;             /**< what is wanted */
	struct rb_snapshot base; /**< the backup before it, for merge; zero when there is none */
	struct rb_snapshot live; /**< what the target holds; zero for a new one */
	struct rb_pack *looked;  /**< in a dry run the objects of it, which go; NULL */
	char *clash; /**< a schema of the target that the backup has, and the configuration leaves
	                out, noted by rb_restore_schemas(); "": none */
	struct rb_map *moved; /**< what is dropped with other objects: "kind\0name", and "\0name" of
	                         tables and views; NULL: not asked, nothing */
	struct rb_beside *beside; /**< tables of a new one, exported already; NULL: none */
};

/** The URL of a new database, for a hint. */
const char *rb_restore_example(const struct rb_restore *restore);

/** Whether the options name this table, or the one whose storage it is (or name none). */
bool rb_restore_wants(const struct rb_restore *restore, const char *table);

/** Whether a name stands for rows of a catalog: its own, or those of its storage. */
bool rb_restore_has_rows(const struct rb_catalog *catalog, const char *name);

/**
 * Whether a table is left as it is, because the backup does not have its rows: the
 * configuration leaves it out now, or did so then, or it could not be read then.
 */
bool rb_restore_leaves(const struct rb_restore *restore, const char *table);

/** Whether the configuration, which must be there, backs up the rows of a table. */
bool rb_restore_selects(const struct rb_restore *restore, const char *table);

/** Whether an object stays as it is in the target: with its table, which is left alone. */
bool rb_restore_keeps_off(const struct rb_restore *restore, const struct rb_object *object);

/** Whether an object of the target goes for its own sake: the backup has it not, or otherwise. */
bool rb_restore_drops(const struct rb_restore *restore, const struct rb_object *object);

/** An object of a catalog; NULL when it has none of that kind and name, or there is no catalog. */
const struct rb_object *rb_restore_find(const struct rb_catalog *catalog, const char *kind,
                                        const char *name);

/** The virtual table whose storage a table is; NULL when it is nobody's. */
const char *rb_restore_owner(const struct rb_catalog *catalog, const struct rb_table *table);

/** How many settings differ that can be changed in a database that is there. */
size_t rb_restore_count_settings(const struct rb_catalog *a, const struct rb_catalog *b);

/* restore_depend.c */

/**
 * Find what depends on objects that rb_restore_drops() names: restore->moved.
 *
 * returns 0; RB_E_CONFLICT, with their names, when some of it is to stay or cannot be made again
 */
int rb_restore_find_dependents(struct rb_restore *restore, struct rb_err *err) RB_MUST_CHECK;

/** Whether an object of either side is dropped, and made again, with what it depends on. */
bool rb_restore_moves(const struct rb_restore *restore, const struct rb_object *object);

/** Whether a table of the target is among them. */
bool rb_restore_moves_table(const struct rb_restore *restore, const char *table);

/* restore_names.c */

/**
 * Make names of tables of the patterns and schemas that the options give.
 *
 * returns 0; RB_E_NOTFOUND when one of them stands for nothing
 */
int rb_restore_resolve_names(struct rb_restore *restore, struct rb_err *err) RB_MUST_CHECK;

void rb_restore_free_names(struct rb_restore *restore);

/* restore_left_out.c */

/** Whether a table, or another object, is in a schema: public.orders, "My Schema"."a.b". */
bool rb_restore_is_in_schema(const char *name, const char *schema) RB_MUST_CHECK;

/** Which schemas of the target are looked at: what the backup left out is left alone. */
struct rb_schema_choice rb_restore_schemas(const struct rb_restore *restore);

/** Whether the target was exported with other columns or schemas left out than the backup. */
bool rb_restore_scope_differs(const struct rb_restore *restore);

/**
 * RB_E_CONFLICT when the backup has columns or schemas that the configuration leaves out now,
 * and the target has them: no safety backup would have what is there.
 */
int rb_restore_check_scope(const struct rb_restore *restore, struct rb_err *err) RB_MUST_CHECK;

/** Say in the plan, and in remarks, what happens to columns that the backup leaves out. */
int rb_restore_plan_left_out(struct rb_restore *restore, struct rb_err *err) RB_MUST_CHECK;

/** Let the target keep those columns of the tables whose rows will be written. */
int rb_restore_keep(struct rb_restore *restore, struct rb_err *err) RB_MUST_CHECK;

/* restore_rows.c */

/** Receives what is to be done to one row of the target. */
struct rb_row_change {
	enum rb_row_op op;
	const struct rb_value *old_values; /**< what the target holds; for update and delete */
	const struct rb_value *new_values; /**< what it is to hold; for insert and update */
	bool is_conflict;         /**< changed on both sides; op says what on_conflict does */
	const struct rb_row *row; /**< the row as far as it is known, for messages */
};

typedef int rb_row_change_fn(void *ctx, const struct rb_row_change *change, struct rb_err *err);

/**
 * Go through the rows of one table that the strategy changes, in key order.
 *
 * name   the table; in the backup, the target, or both
 * fresh  the table is made anew: every row of the backup is an insert
 */
int rb_restore_rows(struct rb_restore *restore, const char *name, bool fresh, rb_row_change_fn *fn,
                    void *ctx, struct rb_err *err) RB_MUST_CHECK;

/* restore_plan.c */

/** Make the plan of a restore into a database that holds something: report->plan. */
int rb_restore_make_plan(struct rb_restore *restore, struct rb_err *err) RB_MUST_CHECK;

/** RB_E_NOTFOUND when the options name a table that the backup has no rows of. */
int rb_restore_check_tables(const struct rb_restore *restore, struct rb_err *err) RB_MUST_CHECK;

/** The action planned for a table; RB_TABLE_KEEP when the plan does not name it. */
enum rb_table_action rb_restore_action(const struct rb_restore *restore, const char *table);

/** Add a line to the plan.  counts may be NULL. */
int rb_restore_plan_add(struct rb_restore *restore, const char *table, enum rb_table_action action,
                        const struct rb_row_counts *counts, struct rb_err *err) RB_MUST_CHECK;

/**
 * Objects of one catalog that another has not, or has otherwise, as a catalog that borrows
 * from the first: free with rb_restore_free_view().
 *
 * tables_too  for a drop: include tables that have rows, and leave out what gets its other
 *             definition without one; else only what has no rows
 */
int rb_restore_view(const struct rb_restore *restore, const struct rb_catalog *from,
                    const struct rb_catalog *other, bool tables_too, struct rb_catalog **out,
                    struct rb_err *err) RB_MUST_CHECK;

/** All that is to be made in the target, as a view of the backup's catalog. */
int rb_restore_view_backup(const struct rb_restore *restore, struct rb_catalog **out,
                           struct rb_err *err) RB_MUST_CHECK;

/** Free a view's arrays, not what they point to; NULL is allowed. */
void rb_restore_free_view(struct rb_catalog *view);

/* restore_new.c, restore_into.c */

int rb_restore_new(struct rb_restore *restore, struct rb_err *err) RB_MUST_CHECK;
int rb_restore_into(struct rb_restore *restore, struct rb_err *err) RB_MUST_CHECK;

/** Insert every row of a table of the backup into the target. */
int rb_restore_fill(struct rb_restore *restore, size_t table, struct rb_err *err) RB_MUST_CHECK;

/* restore_across.c */

/** Into a new or empty database of another engine; RB_E_UNSUPPORTED where anything is. */
int rb_restore_across(struct rb_restore *restore, struct rb_err *err) RB_MUST_CHECK;

/* restore_live.c */

/** Back up what the target holds (in a dry run: only as objects) and load it: live. */
int rb_restore_look_at_live(struct rb_restore *restore, struct rb_err *err) RB_MUST_CHECK;

/* restore_damage.c */

/**
 * Look for damage in the store that explains a failure.
 *
 * rc       the failure, described in err: what is returned when no damage is found
 * returns  rc; RB_E_FORMAT or whatever reading the damaged chunk gave, described in err
 * cost     reads the backup's tables
 */
int rb_restore_find_damage(const struct rb_restore *restore, int rc,
                           struct rb_err *err) RB_MUST_CHECK;

/* restore_event.c */

/**
 * Record a restore that changed a database that was there; not pushed.  A failure is only
 * logged: the data is restored.
 */
void rb_restore_record(struct rb_restore *restore);

/* restore_beside.c */

/*
 * The ordinary tables of a new database are exported by threads of their own while the caller
 * goes on writing: begin, filled for each table, last when all rows are there and before
 * indexes are made, wait.  Where that cannot be done nothing happens: rb_restore_verify() reads
 * the tables then.
 */

/** Get ready: restore->beside. */
void rb_restore_beside_begin(struct rb_restore *restore);

/** A table of the backup was written whole, and no other one is being written. */
void rb_restore_beside_filled(struct rb_restore *restore, size_t table);

/** All tables are written: what comes now leaves their rows alone. */
void rb_restore_beside_last(struct rb_restore *restore);

/** Wait until what was begun is done. */
void rb_restore_beside_wait(struct rb_restore *restore);

/** What was exported when it was waited for; NULL-terminated; NULL: nothing. */
const struct rb_export *const *rb_restore_beside_results(const struct rb_restore *restore);

/** Wait, and free it all. */
void rb_restore_beside_free(struct rb_restore *restore);

/* restore_verify.c */

/** Compare what the target now holds with what it should hold; RB_E_MISMATCH names a table. */
int rb_restore_verify(struct rb_restore *restore, struct rb_err *err) RB_MUST_CHECK;

/* restore_prove.c */

/**
 * Commit what was verified, and have definitions compared, where rb_restore_verify() could not:
 * before the commit in a database that was made, which goes when they differ; after it in one
 * that was there.  A rehearsal commits nothing.
 *
 * returns 0; RB_E_MISMATCH, with report->differences: report->written tells whether it stays
 */
int rb_restore_commit(struct rb_restore *restore, struct rb_err *err) RB_MUST_CHECK;

/** Whether the target still holds what `live` says, asked under its write lock. */
int rb_restore_check_live(struct rb_restore *restore, const char *fingerprint,
                          struct rb_err *err) RB_MUST_CHECK;

#endif /* OPS_RESTORE_PRIV_H */
