/*
 * What the commands share.
 */
#ifndef ROWBACK_CLI_CMD_PRIV_H
#define ROWBACK_CLI_CMD_PRIV_H

#include <stddef.h>

#include <jansson.h>

#include "rowback/base/err.h"
#include "rowback/base/log.h"
#include "rowback/cli/command.h"
#include "rowback/ops/diff.h"
#include "rowback/ops/store.h"
#include "rowback/value/schema.h"

/** Help of the operand BACKUP and of --at, which several commands have. */
#define RB_CMD_BACKUP_HELP                                                                         \
	"an id or its beginning, a commit, 'latest' or 'latest~2'; latest when left out"
#define RB_CMD_AT_HELP "the latest backup at that time: '2 days ago', 2026-11-20"

extern const struct rb_cli_command rb_cmd_init;
extern const struct rb_cli_command rb_cmd_export;
extern const struct rb_cli_command rb_cmd_sync;
extern const struct rb_cli_command rb_cmd_backup;
extern const struct rb_cli_command rb_cmd_log;
extern const struct rb_cli_command rb_cmd_show;
extern const struct rb_cli_command rb_cmd_restore;
extern const struct rb_cli_command rb_cmd_rollback;
extern const struct rb_cli_command rb_cmd_verify;
extern const struct rb_cli_command rb_cmd_doctor;
extern const struct rb_cli_command rb_cmd_gate;
extern const struct rb_cli_command rb_cmd_deploy;
extern const struct rb_cli_command rb_cmd_hook;
extern const struct rb_cli_command rb_cmd_prune;
extern const struct rb_cli_command rb_cmd_delete;
extern const struct rb_cli_command rb_cmd_pin;
extern const struct rb_cli_command rb_cmd_unpin;
extern const struct rb_cli_command rb_cmd_usage;
extern const struct rb_cli_command rb_cmd_activity;
extern const struct rb_cli_command rb_cmd_help;
extern const struct rb_cli_command rb_cmd_completion;
extern const struct rb_cli_command rb_cmd_man;

/** Kinds of backups, as `--kind` takes them and Backup-Kind has them. */
extern const char *const rb_cmd_kinds[];

/** What a deploy needs, as `--require` takes it, in the order of enum rb_require. */
extern const char *const rb_cmd_requires[];

/** What starts a backup, as `--trigger` takes it and Backup-Trigger has it. */
extern const char *const rb_cmd_triggers[];

/** No operands. */
extern const struct rb_cli_arg rb_cmd_no_args[];

/** A backup and a point in time were given; at most one may be.  returns 0; RB_E_USAGE */
int rb_cmd_check_backup(const char *backup, int64_t at, struct rb_err *err) RB_MUST_CHECK;

/** Bytes for rb_cmd_counts_text(). */
#define RB_CMD_COUNTS_SIZE ((size_t)3 * (RB_OUT_COUNT_SIZE + 2))

/** Open the store as the global options and the command's needs say. */
int rb_cmd_open_store(const struct rb_cli *cli, struct rb_store *store,
                      struct rb_err *err) RB_MUST_CHECK;

/**
 * Tell the activity log what is done: kept in cli for rb_cli_record().
 *
 * backup_id  the backup it is about; NULL or "": none
 * fmt        one line for people
 */
void rb_cmd_tell(struct rb_cli *cli, const char *backup_id, const char *fmt, ...) RB_PRINTF(3, 4);

/** The items of a list option; NULL when it was not given. */
const char *const *rb_cmd_names(const struct rb_cli_list *list);

/** Print text from outside. */
int rb_cmd_print_text(const struct rb_cli *cli, const char *text, struct rb_err *err) RB_MUST_CHECK;

/** "+3 ~2 -1"; "" when nothing changed. */
void rb_cmd_counts_text(const struct rb_row_counts *counts, char text[RB_CMD_COUNTS_SIZE]);

/** New references, NULL without memory. */
json_t *rb_cmd_counts_json(const struct rb_row_counts *counts);
json_t *rb_cmd_text_json(const char *text);
json_t *rb_cmd_oid_json(const struct rb_oid *oid);
json_t *rb_cmd_changes_json(const struct rb_changes *changes);
json_t *rb_cmd_remarks_json(const struct rb_catalog *catalog);
struct rb_message;

/** {commit, branch, subject, state} of the code; null when it was not recorded. */
json_t *rb_cmd_code_json(const struct rb_message *message);
/** What a backup added to the store; null when it was not recorded. */
json_t *rb_cmd_bytes_json(const struct rb_message *message);

/** The same as a number; false when it was not recorded, or is none. */
bool rb_cmd_bytes_added(const struct rb_message *message, uint64_t *out);

/**
 * Print remarks as warnings on standard error; NULL is allowed.
 *
 * lost  what stands before those about something that is missing now
 */
void rb_cmd_log_remarks(const struct rb_catalog *catalog, const char *lost);

/** Print a report and let it go; NULL is RB_E_NOMEM. */
int rb_cmd_print_json(const struct rb_cli *cli, json_t *doc, struct rb_err *err) RB_MUST_CHECK;

/** Print changes as a table; nothing when there are none. */
int rb_cmd_changes_table(const struct rb_cli *cli, const struct rb_changes *changes,
                         struct rb_err *err) RB_MUST_CHECK;

/**
 * Print the rest of a JSON line about a changed row: table, old and new row as they stand in
 * the store.
 */
int rb_cmd_print_row_json(const struct rb_cli *cli, const char *table, const struct rb_row *old_row,
                          const struct rb_row *new_row, struct rb_err *err) RB_MUST_CHECK;

struct rb_backup_report;

/** Print how a backup, an export or a sync went. */
int rb_cmd_print_backup(const struct rb_cli *cli, const struct rb_backup_report *report,
                        struct rb_err *err) RB_MUST_CHECK;

struct rb_gate_report;
struct rb_effect;

/** What the gate answered, and what was removed; effect NULL: that was not asked. */
json_t *rb_cmd_gate_json(const struct rb_gate_report *report);
json_t *rb_cmd_effect_json(const struct rb_effect *effect);

struct rb_prune_report;
struct rb_push_report;

/**
 * Print what a prune takes out, or took out.
 *
 * pushes  whether it should reach the remote
 */
int rb_cmd_print_prune(const struct rb_cli *cli, const struct rb_prune_report *report, bool pushes,
                       struct rb_err *err) RB_MUST_CHECK;

/** Tell the activity log how a prune or a deletion went. */
void rb_cmd_tell_prune(struct rb_cli *cli, const struct rb_prune_report *report);

/** Print whether the remote has it; nothing where there is no remote. */
void rb_cmd_print_pushed(const struct rb_cli *cli, const struct rb_push_report *push, bool pushed);

/** Tell the activity log how a backup, an export or a sync went. */
void rb_cmd_tell_backup(struct rb_cli *cli, const struct rb_backup_report *report);

struct rb_restore_plan;
struct rb_restore_report;

/** The tables of a restore's plan: a new reference, NULL without memory. */
json_t *rb_cmd_plan_tables_json(const struct rb_restore_plan *plan);

/** Print what a restore will do. */
int rb_cmd_print_plan(const struct rb_cli *cli, const struct rb_restore_plan *plan,
                      struct rb_err *err) RB_MUST_CHECK;

/**
 * Print how a restore went.
 *
 * with_plan  the plan was not shown before
 */
int rb_cmd_print_restore(const struct rb_cli *cli, const struct rb_restore_report *report,
                         bool with_plan, struct rb_err *err) RB_MUST_CHECK;

/** Tell the activity log how a restore went. */
void rb_cmd_tell_restore(struct rb_cli *cli, const struct rb_restore_report *report);

#endif /* ROWBACK_CLI_CMD_PRIV_H */
