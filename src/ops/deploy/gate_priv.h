/*
 * What the files of the gate share.
 *
 * Layer: ops (3), private.
 */
#ifndef OPS_GATE_PRIV_H
#define OPS_GATE_PRIV_H

#include "rowback/ops/gate.h"

/* gate_find.c */

/** A backup that was found for a source. */
struct rb_gate_found {
	const char *source; /**< borrowed; NULL: any */
	char id[17];        /**< "": none was found */
	char *kind;
	char *label;
	char *code_commit;
	char *code_deployed; /**< likewise */
	struct rb_oid commit;
	struct rb_oid tree;
	int64_t fresh_unix_s; /**< when it was taken, or found unchanged later */
	bool was_checked;
};

/** The newest backup of each source in one history, and what else was seen. */
struct rb_gate_finds {
	enum rb_require require;
	struct rb_gate_found *items; /**< one a source; a single one where any will do */
	size_t count;
	bool saw_any;        /**< some backup, whatever it is */
	bool saw_quick;      /**< one of a lesser kind than is asked for */
	bool saw_incomplete; /**< one that lacks tables */
	bool saw_other;      /**< one that would do, of other sources */
};

/**
 * Look for backups.
 *
 * tip      the newest commit; none: nothing is found
 * sources  NULL-terminated, borrowed; NULL: any
 */
int rb_gate_find(struct rb_store *store, const struct rb_oid *tip, enum rb_require require,
                 const char *const *sources, struct rb_gate_finds *out,
                 struct rb_err *err) RB_MUST_CHECK;

/**
 * The sources that the backups of a history are of, by what they say (Backup-Source).
 *
 * out      NULL-terminated, for rb_gate_sources_free(); NULL: none or one
 * returns  0; RB_E_NOTFOUND when a part of the history is missing
 */
int rb_gate_sources(struct rb_store *store, const struct rb_oid *tip, char ***out,
                    struct rb_err *err) RB_MUST_CHECK;

/** NULL is allowed. */
void rb_gate_sources_free(char **sources);

/** Let the record of a check count for the backups whose state it found unchanged. */
int rb_gate_apply_check(struct rb_store *store, const struct rb_oid *tip,
                        const struct rb_oid *check, struct rb_gate_finds *finds,
                        struct rb_err *err) RB_MUST_CHECK;

/** The one that decides: without a backup, or the least fresh. */
const struct rb_gate_found *rb_gate_worst(const struct rb_gate_finds *finds);

/** The struct is empty afterwards. */
void rb_gate_finds_release(struct rb_gate_finds *finds);

/* gate_run.c */

struct rb_backup_opts;
struct rb_backup_report;

/**
 * Take a backup of the kind that is asked for, and push it.  A quick one needs an app repository
 * and a backup it can stand on: where there is none, it is a full one.
 *
 * opts    sources, label and force count
 * report  for rb_backup_report_release()
 */
int rb_gate_take(struct rb_store *store, enum rb_require require, const struct rb_backup_opts *opts,
                 struct rb_backup_report *report, struct rb_err *err) RB_MUST_CHECK;

/* gate_text.c */

/** Bytes for the texts below. */
#define RB_GATE_TEXT_SIZE 40

/** "12 minutes", "3 hours"; below 0 is shown as its positive. */
void rb_gate_span_text(int64_t seconds, char out[RB_GATE_TEXT_SIZE]);

/** "1h", "26h", "90s": as it is configured. */
void rb_gate_duration_text(int64_t seconds, char out[RB_GATE_TEXT_SIZE]);

/** Append a word for a shell: as it is, or in quotes where it must be. */
int rb_gate_add_word(const char *word, struct rb_buf *out, struct rb_err *err) RB_MUST_CHECK;

/**
 * Make the answer: msg as formatted, err with "the gate refused: " in front when it is a refusal.
 *
 * returns RB_E_GATE
 */
int rb_gate_refuse(const struct rb_err *answer, struct rb_err *err);

#endif /* OPS_GATE_PRIV_H */
