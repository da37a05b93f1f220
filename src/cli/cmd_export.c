/*
 * rowback export: the sources into the working tree, without a commit.
 */
#include "cmd_priv.h"
#include "rowback/cli/exit.h"
#include "rowback/ops/backup.h"

struct export_opts {
	struct rb_cli_list sources; /* names; empty: all */
};

static const struct rb_cli_opt opts[] = {
        {
                .kind = RB_CLI_LIST,
                .long_name = "source",
                .arg = "NAME",
                .help = "export this source only; may be given several times",
                .offset = offsetof(struct export_opts, sources),
        },
        {.kind = RB_CLI_END},
};

static int run(struct rb_cli *cli, const void *values, struct rb_err *err)
{
	const struct export_opts *export = values;
	struct rb_backup_report report = {0};
	struct rb_store store = {0};
	bool has_findings = false;
	int rc = rb_cmd_open_store(cli, &store, err);

	if (rc < 0)
		return rc;
	rc = rb_export_to_worktree(&store, rb_cmd_names(&export->sources), &report, err);
	if (rc == RB_OK)
		rc = rb_cmd_print_backup(cli, &report, err);
	for (size_t i = 0; i < report.source_count; i++)
		has_findings |= report.sources[i].has_unused;
	rb_cmd_tell_backup(cli, &report);
	rb_backup_report_release(&report);
	rb_store_close(&store);
	return rc == RB_OK && has_findings ? RB_CLI_FINDINGS : rc;
}

const struct rb_cli_command rb_cmd_export = {
        .name = "export",
        .summary = "write the sources into the working tree, without a commit",
        .description =
                "Reads every table of the sources and writes it as JSON Lines into the working "
                "tree "
                "of the store. Nothing is committed: look at it with 'git status' and 'git diff', "
                "and commit it with 'rowback sync'.\n\n"
                "'rowback backup' does both in one pass and is the normal way.",
        .opts = opts,
        .args = rb_cmd_no_args,
        .needs = RB_CLI_NEEDS_STORE | RB_CLI_NEEDS_LOCK | RB_CLI_NO_DRY_RUN,
        .values_size = sizeof(struct export_opts),
        .run = run,
};
