/*
 * What the commands share.
 */
#ifndef ROWBACK_CLI_CMD_PRIV_H
#define ROWBACK_CLI_CMD_PRIV_H

#include <stddef.h>

#include "rowback/base/err.h"
#include "rowback/cli/command.h"

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
extern const struct rb_cli_command rb_cmd_verify;
extern const struct rb_cli_command rb_cmd_doctor;
extern const struct rb_cli_command rb_cmd_help;
extern const struct rb_cli_command rb_cmd_completion;
extern const struct rb_cli_command rb_cmd_man;

/** Kinds of backups, as `--kind` takes them and Backup-Kind has them. */
extern const char *const rb_cmd_kinds[];

/** What starts a backup, as `--trigger` takes it and Backup-Trigger has it. */
extern const char *const rb_cmd_triggers[];

/** No operands. */
extern const struct rb_cli_arg rb_cmd_no_args[];

/** A backup and a point in time were given; at most one may be.  returns 0; RB_E_USAGE */
int rb_cmd_check_backup(const char *backup, int64_t at, struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_CLI_CMD_PRIV_H */
