/*
 * rowback init: make a store, or continue one from its remote.
 */
#include "cmd_priv.h"

struct init_opts {
	struct rb_cli_list sources; /* "[NAME=]URL", see rb_config_split_source() */
	const char *remote;         /* URL; NULL: none yet */
	const char *branch;         /* NULL: the remote's, or main */
	bool is_bare;               /* without a working tree */
	bool skips_check;           /* do not try to reach sources and remote */
	const char *dir;            /* NULL: -C DIR, or the current directory */
};

static const struct rb_cli_opt opts[] = {
        {
                .kind = RB_CLI_LIST,
                .long_name = "source",
                .arg = "[NAME=]URL",
                .help = "back this database up (sqlite:/path/to/app.db); NAME, its directory in "
                        "the "
                        "store, is made from the URL when it is left out; may be given several "
                        "times",
                .offset = offsetof(struct init_opts, sources),
        },
        {
                .kind = RB_CLI_STRING,
                .long_name = "remote",
                .arg = "URL",
                .help = "push to this private git repository; when it holds a store already, "
                        "continue that one",
                .offset = offsetof(struct init_opts, remote),
                .complete = RB_CLI_COMPLETE_DIR,
        },
        {
                .kind = RB_CLI_STRING,
                .long_name = "branch",
                .arg = "NAME",
                .help = "the branch for the backups, instead of the remote's or main",
                .offset = offsetof(struct init_opts, branch),
        },
        {
                .kind = RB_CLI_FLAG,
                .long_name = "bare",
                .help = "make the store without a working tree",
                .offset = offsetof(struct init_opts, is_bare),
        },
        {
                .kind = RB_CLI_FLAG,
                .long_name = "no-check",
                .help = "do not try to reach the sources and the remote",
                .offset = offsetof(struct init_opts, skips_check),
        },
        {.kind = RB_CLI_END},
};

static const struct rb_cli_arg args[] = {
        {
                .name = "DIR",
                .help = "where to make the store; the current directory when left out",
                .offset = offsetof(struct init_opts, dir),
                .complete = RB_CLI_COMPLETE_DIR,
        },
        {.name = NULL},
};

static int run(struct rb_cli *cli, const void *values, struct rb_err *err)
{
	const struct init_opts *init = values;
	const char *dir = init->dir ? init->dir : cli->dir ? cli->dir : ".";

	(void)dir;
	return rb_err_set(err, RB_E_UNSUPPORTED, "not built yet");
}

const struct rb_cli_command rb_cmd_init = {
        .name = "init",
        .summary = "make a store, or continue one from its remote",
        .description =
                "Makes the store, a git repository, in DIR and writes the sources and the remote "
                "into its git configuration. Then it checks that the sources can be read and the "
                "remote can be reached, and says what the next command is.\n\n"
                "When the remote holds a rowback store already, its branch is taken over, so that "
                "a new machine continues where a lost one ended.\n\n"
                "  rowback init --source sqlite:/srv/app/app.db \\\n"
                "      --remote git@example.com:me/app-backups.git /srv/backups/app\n"
                "  rowback init --remote git@example.com:me/app-backups.git /srv/backups/app",
        .opts = opts,
        .args = args,
        .needs = RB_CLI_WRITES,
        .values_size = sizeof(struct init_opts),
        .run = run,
};
