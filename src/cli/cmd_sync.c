/*
 * rowback sync: commit what the working tree holds, and push.
 */
#include "cmd_priv.h"
#include "rowback/cli/exit.h"
#include "rowback/ops/backup.h"

struct sync_opts {
	const char *message; /* subject of the commit; NULL: made from the changes */
	bool skips_push;
};

static const struct rb_cli_opt opts[] = {
        {
                .kind = RB_CLI_STRING,
                .short_name = 'm',
                .long_name = "message",
                .arg = "TEXT",
                .help = "the subject of the commit, instead of a summary of the changes",
                .offset = offsetof(struct sync_opts, message),
        },
        {
                .kind = RB_CLI_FLAG,
                .long_name = "no-push",
                .help = "leave the commit local; the next run pushes it",
                .offset = offsetof(struct sync_opts, skips_push),
        },
        {.kind = RB_CLI_END},
};

static int run(struct rb_cli *cli, const void *values, struct rb_err *err)
{
	const struct sync_opts *given = values;
	const struct rb_sync_opts sync = {.message = given->message, .push = !given->skips_push};
	struct rb_backup_report report = {0};
	struct rb_store store = {0};
	struct rb_err printing = {0};
	bool is_uncounted;
	int printed;
	int rc = rb_cmd_open_store(cli, &store, err);

	if (rc < 0)
		return rc;
	rc = rb_sync_run(&store, &sync, &report, err);
	/* What was done is said also when the push failed. */
	printed = rc == RB_OK || report.committed ? rb_cmd_print_backup(cli, &report, &printing)
	                                          : RB_OK;
	if (rc == RB_OK && printed < 0) {
		*err = printing;
		rc = printed;
	}
	if (rc == RB_OK && !given->skips_push && !report.push.has_remote)
		rb_log(RB_LOG_WARN, "no remote is configured: the backup is on this machine only");
	rb_cmd_tell_backup(cli, &report);
	is_uncounted = report.is_uncounted;
	rb_backup_report_release(&report);
	rb_store_close(&store);
	/* What a person put there is kept as it is, but no longer an export to rely on. */
	return rc == RB_OK && is_uncounted ? RB_CLI_FINDINGS : rc;
}

const struct rb_cli_command rb_cmd_sync = {
        .name = "sync",
        .summary = "commit what the working tree holds, and push",
        .description =
                "Commits whatever the working tree of the store holds, what 'rowback export' wrote "
                "as well as files of another exporter, and pushes it together with earlier "
                "backups that the remote does not have yet.\n\n"
                "Data is never pushed into a repository that anybody can read (status 20), and a "
                "remote that has gone another way is neither merged nor overwritten (status 14): "
                "the local commit stays. Tables that cannot be read as such are committed "
                "with a warning, and the status is 1.",
        .opts = opts,
        .args = rb_cmd_no_args,
        .needs = RB_CLI_NEEDS_STORE | RB_CLI_NEEDS_LOCK | RB_CLI_NO_DRY_RUN,
        .values_size = sizeof(struct sync_opts),
        .run = run,
};
