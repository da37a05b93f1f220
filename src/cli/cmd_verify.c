/*
 * rowback verify: whether backups are whole and can be restored.
 */
#include "cmd_priv.h"

struct verify_opts {
	const char *backup;   /* NULL: latest */
	int64_t at;           /* Unix seconds, or RB_CLI_UNSET */
	bool drills;          /* restore into a scratch database */
	bool compares_source; /* compare the live source with the backup */
	bool checks_all;      /* every backup */
	bool skips_fsck;      /* do not run git fsck */
};

static const struct verify_opts defaults = {.at = RB_CLI_UNSET};

static const struct rb_cli_opt opts[] = {
        {
                .kind = RB_CLI_WHEN,
                .long_name = "at",
                .arg = "WHEN",
                .help = RB_CMD_AT_HELP,
                .offset = offsetof(struct verify_opts, at),
        },
        {
                .kind = RB_CLI_FLAG,
                .long_name = "drill",
                .help = "restore the backup into a scratch database, export that again and "
                        "compare; the outcome is kept as a git note",
                .offset = offsetof(struct verify_opts, drills),
        },
        {
                .kind = RB_CLI_FLAG,
                .long_name = "source",
                .help = "compare the live source with the backup, row by row",
                .offset = offsetof(struct verify_opts, compares_source),
        },
        {
                .kind = RB_CLI_FLAG,
                .long_name = "all",
                .help = "check every backup",
                .offset = offsetof(struct verify_opts, checks_all),
        },
        {
                .kind = RB_CLI_FLAG,
                .long_name = "no-fsck",
                .help = "do not check all objects of the store with git fsck",
                .offset = offsetof(struct verify_opts, skips_fsck),
        },
        {.kind = RB_CLI_END},
};

static const struct rb_cli_arg args[] = {
        {
                .name = "BACKUP",
                .help = RB_CMD_BACKUP_HELP,
                .offset = offsetof(struct verify_opts, backup),
        },
        {.name = NULL},
};

static int check(const struct verify_opts *verify, struct rb_err *err)
{
	if (verify->checks_all && (verify->backup || verify->at != RB_CLI_UNSET))
		return rb_err_set(err, RB_E_USAGE,
		                  "--all checks every backup: name none beside it");
	return rb_cmd_check_backup(verify->backup, verify->at, err);
}

static int run(struct rb_cli *cli, const void *values, struct rb_err *err)
{
	const struct verify_opts *verify = values;
	int rc = check(verify, err);

	(void)cli;
	if (rc < 0)
		return rc;
	return rb_err_set(err, RB_E_UNSUPPORTED, "not built yet");
}

const struct rb_cli_command rb_cmd_verify = {
        .name = "verify",
        .summary = "check that backups are whole and can be restored",
        .description =
                "Checks the objects of the store and one backup in it: its manifest, the number of "
                "rows in each table, that every row can be read, and that keys are in order and "
                "unique. What was not checked is said.\n\n"
                "With --drill the backup is also restored into a scratch database, exported again "
                "and compared. With --source the live database is compared with it row by row. "
                "A damaged backup is status 15.\n\n"
                "  rowback -C /srv/backups/app verify --drill",
        .opts = opts,
        .args = args,
        .needs = RB_CLI_NEEDS_STORE | RB_CLI_NEEDS_LOCK,
        .values_size = sizeof(struct verify_opts),
        .defaults = &defaults,
        .run = run,
};
