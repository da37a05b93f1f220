/*
 * rowback show: what a backup holds and what changed in it.
 */
#include "cmd_priv.h"

struct show_opts {
	const char *backup;        /* NULL: latest */
	int64_t at;                /* Unix seconds, or RB_CLI_UNSET */
	bool shows_rows;           /* print the changed rows */
	struct rb_cli_list tables; /* names; empty: all */
};

static const struct show_opts defaults = {.at = RB_CLI_UNSET};

static const struct rb_cli_opt opts[] = {
        {
                .kind = RB_CLI_WHEN,
                .long_name = "at",
                .arg = "WHEN",
                .help = RB_CMD_AT_HELP,
                .offset = offsetof(struct show_opts, at),
        },
        {
                .kind = RB_CLI_FLAG,
                .long_name = "rows",
                .help = "print the rows that changed: + added, - deleted, ~ updated",
                .offset = offsetof(struct show_opts, shows_rows),
        },
        {
                .kind = RB_CLI_LIST,
                .long_name = "table",
                .arg = "NAME",
                .help = "this table only; may be given several times",
                .offset = offsetof(struct show_opts, tables),
        },
        {.kind = RB_CLI_END},
};

static const struct rb_cli_arg args[] = {
        {
                .name = "BACKUP",
                .help = RB_CMD_BACKUP_HELP,
                .offset = offsetof(struct show_opts, backup),
        },
        {.name = NULL},
};

static int run(struct rb_cli *cli, const void *values, struct rb_err *err)
{
	const struct show_opts *show = values;
	int rc = rb_cmd_check_backup(show->backup, show->at, err);

	(void)cli;
	if (rc < 0)
		return rc;
	return rb_err_set(err, RB_E_UNSUPPORTED, "not built yet");
}

const struct rb_cli_command rb_cmd_show = {
        .name = "show",
        .summary = "show what a backup holds and what changed in it",
        .description =
                "Shows one backup: its tables with rows and sizes, and what changed against the "
                "backup before it, as numbers of rows added, updated and deleted, or with --rows "
                "row by row.\n\n"
                "  rowback -C /srv/backups/app show latest~1\n"
                "  rowback -C /srv/backups/app show --at yesterday --rows --table tasks",
        .opts = opts,
        .args = args,
        .needs = RB_CLI_NEEDS_STORE,
        .values_size = sizeof(struct show_opts),
        .defaults = &defaults,
        .run = run,
};
