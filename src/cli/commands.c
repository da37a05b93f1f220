/*
 * The command table, the options of every command, and what commands share.
 */
#include <stddef.h>
#include <string.h>

#include "rowback/base/suggest.h"
#include "rowback/cli/command.h"
#include "cmd_priv.h"

const struct rb_cli_command *const rb_cli_commands[] = {
        &rb_cmd_init,
        &rb_cmd_backup,
        &rb_cmd_export,
        &rb_cmd_sync,
        &rb_cmd_log,
        &rb_cmd_show,
        &rb_cmd_restore,
        &rb_cmd_rollback,
        &rb_cmd_verify,
        &rb_cmd_doctor,
        &rb_cmd_prune,
        &rb_cmd_delete,
        &rb_cmd_pin,
        &rb_cmd_unpin,
        &rb_cmd_usage,
        &rb_cmd_gate,
        &rb_cmd_deploy,
        &rb_cmd_hook,
        &rb_cmd_activity,
        &rb_cmd_help,
        &rb_cmd_completion,
        &rb_cmd_man,
        NULL,
};

#define COMMAND_COUNT (sizeof(rb_cli_commands) / sizeof(rb_cli_commands[0]) - 1)

const struct rb_cli_opt rb_cli_global_opts[] = {
        {
                .kind = RB_CLI_STRING,
                .short_name = 'C',
                .long_name = "store",
                .arg = "DIR",
                .help = "use the store at DIR or above it, instead of the current directory",
                .offset = offsetof(struct rb_cli, dir),
                .needs = RB_CLI_NEEDS_STORE,
                .complete = RB_CLI_COMPLETE_DIR,
        },
        {
                .kind = RB_CLI_STRING,
                .long_name = "config",
                .arg = "FILE",
                .help = "read the rowback and source sections from FILE, instead of the store's "
                        "git configuration",
                .offset = offsetof(struct rb_cli, config_file),
                .needs = RB_CLI_NEEDS_STORE,
                .complete = RB_CLI_COMPLETE_FILE,
        },
        {
                .kind = RB_CLI_FLAG,
                .short_name = 'n',
                .long_name = "dry-run",
                .help = "say what would be done, and change nothing",
                .offset = offsetof(struct rb_cli, is_dry_run),
                .needs = RB_CLI_WRITES,
        },
        {
                .kind = RB_CLI_DURATION,
                .long_name = "lock-wait",
                .arg = "DURATION",
                .help = "wait this long for another operation on the store (90s, 10m); without "
                        "it the command ends at once with status 11",
                .offset = offsetof(struct rb_cli, lock_wait_s),
                .needs = RB_CLI_NEEDS_LOCK,
        },
        {
                .kind = RB_CLI_FLAG,
                .long_name = "json",
                .help = "print one JSON document, or JSON Lines with message_type",
                .offset = offsetof(struct rb_cli, wants_json),
        },
        {
                .kind = RB_CLI_FLAG,
                .short_name = 'q',
                .long_name = "quiet",
                .help = "print only results, warnings and errors",
                .offset = offsetof(struct rb_cli, is_quiet),
        },
        {
                .kind = RB_CLI_FLAG,
                .short_name = 'v',
                .long_name = "verbose",
                .help = "say more about what is done",
                .offset = offsetof(struct rb_cli, is_verbose),
        },
        {
                .kind = RB_CLI_FLAG,
                .long_name = "no-color",
                .help = "no colour, as with NO_COLOR in the environment",
                .offset = offsetof(struct rb_cli, has_no_color),
        },
        {
                .kind = RB_CLI_FLAG,
                .long_name = "version",
                .help = "print the version",
                .offset = offsetof(struct rb_cli, wants_version),
        },
        {
                .kind = RB_CLI_FLAG,
                .short_name = 'h',
                .long_name = "help",
                .help = "print help, also for a command",
                .offset = offsetof(struct rb_cli, wants_help),
        },
        {.kind = RB_CLI_END},
};

const char *const rb_cmd_kinds[] = {"full", "quick", "safety", NULL};

const char *const rb_cmd_requires[] = {"quick", "full", NULL};

const char *const rb_cmd_triggers[] = {"manual", "schedule", "deploy", "pre-restore", "api", NULL};

const struct rb_cli_arg rb_cmd_no_args[] = {{.name = NULL}};

int rb_cmd_check_backup(const char *backup, int64_t at, struct rb_err *err)
{
	if (!backup || at == RB_CLI_UNSET)
		return RB_OK;
	return rb_err_set(err, RB_E_USAGE, "give a backup ('%.100s') or --at, not both", backup);
}

int rb_cli_find(const char *name, const struct rb_cli_command **out, struct rb_err *err)
{
	const char *names[COMMAND_COUNT + 1];
	const char *nearest;
	size_t count = 0;

	for (size_t i = 0; rb_cli_commands[i]; i++) {
		if (strcmp(rb_cli_commands[i]->name, name) == 0) {
			*out = rb_cli_commands[i];
			return RB_OK;
		}
		if (!rb_cli_commands[i]->hidden)
			names[count++] = rb_cli_commands[i]->name;
	}
	names[count] = NULL;
	rb_err_set(err, RB_E_USAGE, "'%.100s' is not a rowback command", name);
	nearest = rb_suggest(name, names);
	if (nearest)
		return rb_err_hint(err, "did you mean 'rowback %s'?", nearest);
	return rb_err_hint(err, "'rowback --help' lists the commands");
}
