/*
 * rowback log: the backups there are, newest first.
 */
#include "cmd_priv.h"

struct log_opts {
	int64_t max_count;  /* RB_CLI_UNSET: all */
	int kind;           /* place in rb_cmd_kinds, or RB_CLI_NO_CHOICE */
	const char *label;  /* NULL: any */
	const char *source; /* NULL: any */
	int64_t since;      /* Unix seconds, or RB_CLI_UNSET */
	int64_t until;      /* likewise */
	bool is_offline;    /* do not ask the remote what it has */
};

static const struct log_opts defaults = {
        .max_count = RB_CLI_UNSET,
        .kind = RB_CLI_NO_CHOICE,
        .since = RB_CLI_UNSET,
        .until = RB_CLI_UNSET,
};

static const struct rb_cli_opt opts[] = {
        {
                .kind = RB_CLI_INT,
                .short_name = 'n',
                .digits = true,
                .long_name = "max-count",
                .arg = "N",
                .help = "show N backups at most",
                .offset = offsetof(struct log_opts, max_count),
                .min = 0,
                .max = INT32_MAX,
        },
        {
                .kind = RB_CLI_CHOICE,
                .long_name = "kind",
                .choices = rb_cmd_kinds,
                .help = "only backups of this kind",
                .offset = offsetof(struct log_opts, kind),
        },
        {
                .kind = RB_CLI_STRING,
                .long_name = "label",
                .arg = "NAME",
                .help = "only backups with this label",
                .offset = offsetof(struct log_opts, label),
        },
        {
                .kind = RB_CLI_STRING,
                .long_name = "source",
                .arg = "NAME",
                .help = "only backups of this source",
                .offset = offsetof(struct log_opts, source),
        },
        {
                .kind = RB_CLI_WHEN,
                .long_name = "since",
                .arg = "WHEN",
                .help = "only backups from then on: '2 days ago', 2026-11-20",
                .offset = offsetof(struct log_opts, since),
        },
        {
                .kind = RB_CLI_WHEN,
                .long_name = "until",
                .arg = "WHEN",
                .help = "only backups up to then",
                .offset = offsetof(struct log_opts, until),
        },
        {
                .kind = RB_CLI_FLAG,
                .long_name = "offline",
                .help = "do not ask the remote what it has; say what was known last",
                .offset = offsetof(struct log_opts, is_offline),
        },
        {.kind = RB_CLI_END},
};

static int run(struct rb_cli *cli, const void *values, struct rb_err *err)
{
	const struct log_opts *log = values;

	(void)cli;
	(void)log;
	return rb_err_set(err, RB_E_UNSUPPORTED, "not built yet");
}

const struct rb_cli_command rb_cmd_log = {
        .name = "log",
        .summary = "list the backups, newest first",
        .description = "Lists the backups as a table: id, when, kind, label, rows changed, and "
                       "whether the "
                       "remote has it. 'git log' in the store shows the same commits.\n\n"
                       "  rowback -C /srv/backups/app log -5 --since '2 weeks ago'",
        .opts = opts,
        .args = rb_cmd_no_args,
        .needs = RB_CLI_NEEDS_STORE,
        .values_size = sizeof(struct log_opts),
        .defaults = &defaults,
        .run = run,
};
