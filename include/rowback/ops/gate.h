/*
 * The gate: whether there is a way back before something is deployed.
 *
 * Layer: ops (3).  Uses: repo (commits, remote), rowback/ops/history.h, rowback/ops/backup.h.
 *
 * Two questions.  rb_gate_ask(): is there a backup of the kind that is asked for, young enough,
 * of every source, that the remote has?  rb_gate_effect(): how many rows did something remove?
 *
 * The first takes no lock and needs no configuration: a plain clone of the remote will do.  Of
 * the remote's history only the objects are fetched that are not here; no ref moves.
 *
 * A backup's age is that of rb_history_taken_unix_s(), or of a later check that found its sources
 * unchanged (refs/rowback/check/<branch>), when the remote has that record too.
 */
#ifndef ROWBACK_OPS_GATE_H
#define ROWBACK_OPS_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowback/ops/store.h"

/** A time in the future by more than this is a clock that is wrong. */
#define RB_GATE_CLOCK_MAX_S 300

/** Why the gate refuses. */
enum rb_gate_reason {
	RB_GATE_PASSES,
	RB_GATE_NO_BACKUP,          /**< none at all */
	RB_GATE_TOO_OLD,            /**< one that the remote has, but too old */
	RB_GATE_NOT_PUSHED,         /**< one here, but the remote has not got it */
	RB_GATE_KIND,               /**< only quick ones, where a full one is asked for */
	RB_GATE_INCOMPLETE,         /**< only some that lack tables */
	RB_GATE_SOURCE_MISSING,     /**< none of one of the sources */
	RB_GATE_NO_REMOTE,          /**< no remote is configured */
	RB_GATE_REMOTE_UNREACHABLE, /**< the remote could not be asked */
	RB_GATE_CLOCK,              /**< the backup's time is in the future */
	RB_GATE_BACKUP_FAILED,      /**< one was to be taken now, which failed */
	RB_GATE_EFFECT,             /**< more rows were removed than allowed */
	RB_GATE_REASON_COUNT
};

/** A stable word for programs: "too_old"; "" for RB_GATE_PASSES. */
const char *rb_gate_reason_word(enum rb_gate_reason reason);

/** Whether a backup that is taken now, and pushed, would change the answer. */
bool rb_gate_is_mended(enum rb_gate_reason reason);

/** Initial values of rb_gate_opts members that the configuration is to decide. */
#define RB_GATE_CONFIGURED (-1)

/** What to ask for. */
struct rb_gate_opts {
	int require;                /**< enum rb_require; RB_GATE_CONFIGURED: gate.require */
	int64_t max_age_s;          /**< RB_GATE_CONFIGURED: gate.maxAge, or rowback.maxAge */
	const char *const *sources; /**< names, NULL-terminated; NULL: all that are configured, or
	                                 where none is all that the backups are of */
	bool offline;               /**< trust the last confirmed push */
	bool backup;          /**< take a backup when it is missing; gate.backup counts as well */
	bool no_backup;       /**< never take one, whatever gate.backup says */
	const char *label;    /**< of the backup that is taken; NULL */
	int64_t since_unix_s; /**< a backup taken from then on is not too old, however long it took
	                           to push it; 0: it may be */
};

/** The answer.  Release with rb_gate_report_release(). */
struct rb_gate_report {
	enum rb_gate_reason reason; /**< RB_GATE_PASSES: it may be deployed */
	struct rb_err answer;       /**< msg: the line without "pass: "; hint: what to do, or "" */
	enum rb_require require;
	int64_t max_age_s;
	bool offline;
	char id[17]; /**< of the backup that decided; "" when there is none */
	char *kind;
	char *label;         /**< NULL: it has none */
	char *code_commit;   /**< NULL: not recorded */
	char *code_deployed; /**< NULL: that one, or not recorded */
	struct rb_oid commit;
	int64_t age_s;     /**< below 0: in the future */
	bool was_checked;  /**< the age is that of a check which found nothing changed */
	char *source;      /**< the source that decided; NULL: any */
	char *remote_name; /**< NULL: none is configured */
	char *remote_url;  /**< secrets hidden; NULL */
	bool remote_asked; /**< it answered */
	bool remote_has;   /**< it has that backup */
	char taken[17];    /**< the id of the backup that was taken for this; "" when none was */
};

/**
 * Ask.
 *
 * report  filled in any case
 * returns 0: pass; RB_E_GATE: refused, err being report->answer with "the gate refused: " in
 *         front; RB_E_USAGE for a source that is not configured; RB_E_NOMEM; RB_E_CANCELLED;
 *         RB_E_FORMAT for a damaged store
 */
int rb_gate_ask(struct rb_store *store, const struct rb_gate_opts *opts,
                struct rb_gate_report *report, struct rb_err *err) RB_MUST_CHECK;

/**
 * Open the store, ask, and where that is wanted and mends it, take a backup, push it, ask again.
 *
 * where   command is what the lock is taken as, while the backup is made; nothing is locked
 *         before and after
 * returns as rb_gate_ask(); as rb_store_open()
 */
int rb_gate_run(const struct rb_store_opts *where, const struct rb_gate_opts *opts,
                struct rb_gate_report *report, struct rb_err *err) RB_MUST_CHECK;

/** The struct is empty afterwards. */
void rb_gate_report_release(struct rb_gate_report *report);

/** A table that lost rows. */
struct rb_effect_table {
	char *source;
	char *table;
	uint64_t rows_before;
	uint64_t removed;
	bool dropped; /**< the whole table is gone */
	bool is_over; /**< more than the limit allows */
};

/** What was removed between two backups.  Release with rb_effect_release(). */
struct rb_effect {
	char from[17];
	char to[17]; /**< "live": the sources as they are now */
	struct rb_row_limit per_table;
	struct rb_row_limit total;
	struct rb_effect_table *tables; /**< only those that lost rows */
	size_t table_count;
	uint64_t rows_before; /**< of all tables */
	uint64_t removed;
	bool total_is_over;
	bool is_over;         /**< a table or the total is */
	bool accepted;        /**< it is over, and was accepted: an event says so */
	struct rb_err answer; /**< as in struct rb_gate_report */
};

/** What to compare. */
struct rb_effect_opts {
	const char *range; /**< "A..B"; either may be left out; B or all of it "live"; NULL:
	                        "latest~1..latest" */
	struct rb_row_limit max_removed; /**< instead of gate.maxRemovedRows, when it is set */
	bool accept; /**< let it pass and record that; the store must be locked then */
};

/** Whether a range is compared with the live source, which needs the store's lock. */
bool rb_gate_range_is_live(const char *range);

/** Whether more rows were removed than a limit allows; one that is not set allows all. */
bool rb_gate_is_over(const struct rb_row_limit *limit, uint64_t removed, uint64_t rows_before);

/** Append a limit as the configuration has it: "5%", "1000". */
int rb_gate_limit_text(const struct rb_row_limit *limit, struct rb_buf *out,
                       struct rb_err *err) RB_MUST_CHECK;

/**
 * Compare.  Rows are matched by key: an update is no removal, nor is a table that was made anew
 * with the same keys.  A table that is gone has lost all of its rows.
 *
 * effect  filled in any case
 * returns 0: within the limits, or accepted; RB_E_GATE: refused, as rb_gate_ask(); RB_E_USAGE
 *         when there is no limit, or the range is none; RB_E_NOSTORE when there is no such
 *         backup; as the export of a source
 */
int rb_gate_effect(struct rb_store *store, const struct rb_effect_opts *opts,
                   struct rb_effect *effect, struct rb_err *err) RB_MUST_CHECK;

/** The struct is empty afterwards. */
void rb_effect_release(struct rb_effect *effect);

/** Append "rowback -C DIR" for a shell, with the store's own directory. */
int rb_gate_command(const struct rb_store *store, struct rb_buf *out,
                    struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_OPS_GATE_H */
