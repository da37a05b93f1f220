/*
 * rowback verify: whether backups are whole and can be restored.
 */
#include "cmd_priv.h"
#include "rowback/ops/verify.h"

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

static json_t *problems_json(const struct rb_verify_report *report)
{
	json_t *list = json_array();

	for (size_t i = 0; i < report->problem_count; i++)
		json_array_append_new(
		        list, json_pack("{s:o, s:o}", "backup",
		                        rb_cmd_text_json(report->problems[i].backup_id), "problem",
		                        rb_cmd_text_json(report->problems[i].what)));
	return list;
}

static json_t *not_checked_json(const struct rb_verify_report *report)
{
	json_t *list = json_array();

	for (size_t i = 0; i < report->not_checked_count; i++)
		json_array_append_new(list, rb_cmd_text_json(report->not_checked[i]));
	return list;
}

static int print_json(const struct rb_cli *cli, const struct rb_verify_report *report,
                      struct rb_err *err)
{
	return rb_cmd_print_json(
	        cli,
	        json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:b, s:o, s:I, s:b, s:b, s:o, s:I, s:o}",
	                  "message_type", "verify", "backup", report->backup_id, "backups",
	                  (json_int_t)report->backups, "tables", (json_int_t)report->tables,
	                  "chunks", (json_int_t)report->chunks, "rows", (json_int_t)report->rows,
	                  "fsck", report->fsck_done, "problems", problems_json(report), "drills",
	                  (json_int_t)report->drills, "drill_passed", report->drill_passed,
	                  "source_compared", report->live_done, "source_changes",
	                  rb_cmd_changes_json(&report->live), "source_others_changed",
	                  (json_int_t)report->live.others, "not_checked", not_checked_json(report)),
	        err);
}

static int print_report(const struct rb_cli *cli, const struct rb_verify_report *report,
                        struct rb_err *err)
{
	const struct rb_out *out = &cli->out;
	char rows[RB_OUT_COUNT_SIZE];
	int rc = RB_OK;

	rb_out_count(report->rows, rows);
	if (report->fsck_done)
		rb_out_printf(out, "git fsck --strict: done\n");
	rb_out_printf(out, "read: %s rows of %llu tables in %llu backup%s\n", rows,
	              (unsigned long long)report->tables, (unsigned long long)report->backups,
	              report->backups == 1 ? "" : "s");
	for (size_t i = 0; rc == RB_OK && i < report->problem_count; i++) {
		rb_out_printf(out, "%sproblem:%s %s: ", rb_out_style(out, RB_OUT_RED),
		              rb_out_style(out, RB_OUT_PLAIN), report->problems[i].backup_id);
		rc = rb_cmd_print_text(cli, report->problems[i].what, err);
		rb_out_printf(out, "\n");
	}
	if (report->drills > 0)
		rb_out_printf(out, "drill: %llu source%s restored, exported again: the same tree\n",
		              (unsigned long long)report->drills, report->drills == 1 ? "" : "s");
	if (report->live_done && report->live.count == 0 && report->live.others == 0)
		rb_out_printf(out, "source: the same as the backup\n");
	if (rc == RB_OK)
		rc = rb_cmd_changes_table(cli, &report->live, err);
	for (size_t i = 0; rc == RB_OK && i < report->not_checked_count; i++) {
		rb_out_printf(out, "not checked: ");
		rc = rb_cmd_print_text(cli, report->not_checked[i], err);
		rb_out_printf(out, "\n");
	}
	return rc;
}

static int run(struct rb_cli *cli, const void *values, struct rb_err *err)
{
	const struct verify_opts *given = values;
	const struct rb_verify_opts verify = {.spec = given->backup,
	                                      .at_unix_s =
	                                              given->at == RB_CLI_UNSET ? 0 : given->at,
	                                      .all = given->checks_all,
	                                      .fsck = !given->skips_fsck,
	                                      .drill = given->drills,
	                                      .live = given->compares_source};
	struct rb_verify_report report = {0};
	struct rb_store store = {0};
	struct rb_err printing = {0};
	int printed = RB_OK;
	int rc = check(given, err);

	if (rc == RB_OK)
		rc = rb_cmd_open_store(cli, &store, err);
	if (rc < 0)
		return rc;
	rc = rb_verify_run(&store, &verify, &report, err);
	if ((rc == RB_OK || rc == RB_E_MISMATCH) && cli->wants_json)
		printed = print_json(cli, &report, &printing);
	else if (rc == RB_OK || rc == RB_E_MISMATCH)
		printed = print_report(cli, &report, &printing);
	if (rc == RB_OK && printed < 0) {
		*err = printing;
		rc = printed;
	}
	/* Only a drill leaves something behind: its outcome, in a note. */
	cli->is_recorded = given->drills;
	rb_cmd_tell(cli, report.backup_id, "%llu source%s restored, exported again: the same tree",
	            (unsigned long long)report.drills, report.drills == 1 ? "" : "s");
	rb_verify_report_release(&report);
	rb_store_close(&store);
	return rc;
}

const struct rb_cli_command rb_cmd_verify = {
        .name = "verify",
        .summary = "check that backups are whole and can be restored",
        .description =
                "Checks the objects of the store and one backup in it: its manifest, the number of "
                "rows in each table, that every row can be read and lies in the file it belongs "
                "to, "
                "and that keys are in order and unique. What was not checked is said.\n\n"
                "With --drill the backup is also restored into a scratch database, exported again "
                "and compared. With --source the live database is compared with it row by row. "
                "A damaged backup is status 15.\n\n"
                "  rowback -C /srv/backups/app verify --drill",
        .opts = opts,
        .args = args,
        .needs = RB_CLI_NEEDS_STORE | RB_CLI_NEEDS_LOCK | RB_CLI_ASKS,
        .values_size = sizeof(struct verify_opts),
        .defaults = &defaults,
        .run = run,
};
