/*
 * rowback init: make a store, or continue one from its remote.
 */
#include "cmd_priv.h"
#include "rowback/ops/init.h"

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
                .help = "back this database up (sqlite:/path/to/app.db, "
                        "postgres://user@host/dbname); NAME, its directory in the store, is made "
                        "from the URL when it is left out; may be given several times",
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

static int print_json(const struct rb_cli *cli, const struct rb_init_report *report,
                      struct rb_err *err)
{
	json_t *missing = json_array();
	json_t *doc;

	for (size_t i = 0; i < report->missing_count; i++)
		json_array_append_new(missing, rb_cmd_text_json(report->missing[i]));
	doc = json_pack("{s:s, s:o, s:I, s:o, s:b, s:b, s:I, s:o}", "message_type", "init", "store",
	                rb_cmd_text_json(report->dir), "sources", (json_int_t)report->source_count,
	                "remote", rb_cmd_text_json(report->remote_url), "remote_asked",
	                report->remote_asked, "remote_is_public", report->remote_is_public,
	                "adopted", (json_int_t)report->adopted, "missing_sources", missing);
	return rb_cmd_print_json(cli, doc, err);
}

/* What was found out about the remote. */
static void print_remote(const struct rb_cli *cli, const struct rb_init_report *report)
{
	const struct rb_out *out = &cli->out;

	if (!report->has_remote)
		return;
	rb_out_printf(out, "remote %s: %s\n", report->remote_url,
	              report->remote_asked ? "it answers" : "not asked");
	if (report->adopted > 0)
		rb_out_printf(out, "continued from it: %llu backup%s\n",
		              (unsigned long long)report->adopted, report->adopted == 1 ? "" : "s");
	if (report->remote_is_public)
		rb_log(RB_LOG_WARN,
		       "anybody can read the remote: backups will not be pushed to it");
}

/* The one command that comes next. */
static void print_next(const struct rb_cli *cli, const struct rb_init_report *report)
{
	const struct rb_out *out = &cli->out;

	for (size_t i = 0; i < report->missing_count; i++)
		rb_out_printf(out, "say where '%s' is: git -C %s config source.%s.url %s:PATH\n",
		              report->missing[i], report->dir, report->missing[i], report->engine);
	if (report->adopted > 0)
		rb_out_printf(out, "next: rowback -C %s log\n", report->dir);
	else if (report->source_count > 0)
		rb_out_printf(out, "next: rowback -C %s backup\n", report->dir);
	else
		rb_out_printf(out, "next: git -C %s config source.app.url sqlite:/path/app.db\n",
		              report->dir);
}

static int run(struct rb_cli *cli, const void *values, struct rb_err *err)
{
	const struct init_opts *given = values;
	const struct rb_init_opts init = {.dir = given->dir ? given->dir
	                                         : cli->dir ? cli->dir
	                                                    : ".",
	                                  .sources = rb_cmd_names(&given->sources),
	                                  .remote_url = given->remote,
	                                  .branch = given->branch,
	                                  .bare = given->is_bare,
	                                  .check = !given->skips_check};
	struct rb_init_report report = {0};
	int rc = rb_init_run(&init, &report, err);

	cli->record_dir = init.dir;
	if (rc == RB_OK && report.adopted > 0)
		rb_cmd_tell(cli, NULL, "%llu backup%s taken over from %s",
		            (unsigned long long)report.adopted, report.adopted == 1 ? "" : "s",
		            report.remote_url);

	if (rc == RB_OK && cli->wants_json) {
		rc = print_json(cli, &report, err);
	} else if (rc == RB_OK && !cli->is_quiet) {
		rb_out_printf(&cli->out, "made the store %s\n", report.dir);
		print_remote(cli, &report);
		print_next(cli, &report);
	}
	rb_init_report_release(&report);
	return rc;
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
        .needs = RB_CLI_NO_DRY_RUN,
        .values_size = sizeof(struct init_opts),
        .run = run,
};
