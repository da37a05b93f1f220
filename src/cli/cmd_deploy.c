/*
 * rowback deploy: gate, backup, command, backup.
 *
 * Standard output is the command's; what is said here goes to standard error.
 */
#include "cmd_priv.h"
#include "rowback/base/cancel.h"
#include "rowback/cli/exit.h"
#include "rowback/ops/deploy.h"

/* As shells have it. */
enum { EXIT_CANNOT_RUN = 126, EXIT_NOT_FOUND = 127 };

struct deploy_opts {
	int require;       /* place in rb_cmd_requires, or RB_CLI_NO_CHOICE */
	int64_t max_age_s; /* or RB_CLI_UNSET */
	const char *label; /* NULL: the outcome alone */
	struct rb_cli_rest command;
};

static const struct deploy_opts defaults = {.require = RB_CLI_NO_CHOICE, .max_age_s = RB_CLI_UNSET};

static const struct rb_cli_opt opts[] = {
        {
                .kind = RB_CLI_CHOICE,
                .long_name = "require",
                .choices = rb_cmd_requires,
                .help = "the kind of backup that is needed; gate.require when left out",
                .offset = offsetof(struct deploy_opts, require),
        },
        {
                .kind = RB_CLI_DURATION,
                .long_name = "max-age",
                .arg = "DURATION",
                .help = "be content with a backup that is not older (10m); when left out, one of "
                        "now",
                .offset = offsetof(struct deploy_opts, max_age_s),
        },
        {
                .kind = RB_CLI_STRING,
                .long_name = "label",
                .arg = "NAME",
                .help = "a name for the backups; the second one gets the outcome after it",
                .offset = offsetof(struct deploy_opts, label),
        },
        {.kind = RB_CLI_END},
};

static const struct rb_cli_arg args[] = {
        {
                .name = "COMMAND",
                .help = "what deploys, with its arguments as they are",
                .required = true,
                .rest = true,
                .offset = offsetof(struct deploy_opts, command),
                .complete = RB_CLI_COMPLETE_PROGRAM,
        },
        {.name = NULL},
};

/* The exit status of a deploy that ended so. */
static int exit_code(const struct rb_deploy_report *report, int rc)
{
	if (report->did_run && report->result.term_signal)
		return RB_CLI_EXIT_SIGNAL + report->result.term_signal;
	if (report->did_run && report->result.exit_code)
		return report->result.exit_code;
	/* The gate passed, and then the command was not there. */
	if (!report->did_run && report->rollback && rc == RB_E_NOTFOUND)
		return EXIT_NOT_FOUND;
	if (!report->did_run && report->rollback && rc == RB_E_IO)
		return EXIT_CANNOT_RUN;
	if (rc < 0 && rb_cancel_signal())
		return RB_CLI_EXIT_SIGNAL + rb_cancel_signal();
	return rb_cli_exit_of(rc)->code;
}

static json_t *command_json(const struct rb_cli_rest *command,
                            const struct rb_deploy_report *report)
{
	json_t *argv = json_array();

	for (size_t i = 0; i < command->count; i++)
		json_array_append_new(argv, rb_cmd_text_json(command->argv[i]));
	return json_pack(
	        "{s:o, s:b, s:o, s:o, s:I}", "argv", argv, "run", report->did_run, "status",
	        report->did_run && !report->result.term_signal
	                ? json_integer(report->result.exit_code)
	                : json_null(),
	        "signal",
	        report->result.term_signal ? json_integer(report->result.term_signal) : json_null(),
	        "duration_ms", (json_int_t)report->duration_ms);
}

static json_t *after_json(const struct rb_deploy_report *report)
{
	if (!report->did_run)
		return json_null();
	return json_pack("{s:o, s:o, s:b, s:o}", "id",
	                 rb_cmd_text_json(*report->after ? report->after : NULL), "label",
	                 rb_cmd_text_json(report->label), "pushed", report->after_pushed, "error",
	                 rb_cmd_text_json(report->after_error));
}

static int print_json(const struct rb_cli *cli, const struct deploy_opts *given,
                      const struct rb_deploy_report *report, int rc, const struct rb_err *why,
                      struct rb_err *err)
{
	const char *before = report->gate.reason == RB_GATE_PASSES ? report->gate.id : "";
	json_t *doc = json_pack(
	        "{s:s, s:b, s:b, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "message_type",
	        "deploy", "ok", rc == RB_OK, "dry_run", cli->is_dry_run, "status",
	        exit_code(report, rc), "message", rb_cmd_text_json(rc < 0 ? why->msg : NULL),
	        "hint", rb_cmd_text_json(rc < 0 && why->hint[0] ? why->hint : NULL), "gate",
	        rb_cmd_gate_json(&report->gate), "before",
	        rb_cmd_text_json(*before ? before : NULL), "command",
	        command_json(&given->command, report), "after", after_json(report), "effect",
	        report->has_effect ? rb_cmd_effect_json(&report->effect) : json_null(), "rollback",
	        rb_cmd_text_json(report->rollback));

	return rb_cmd_print_json(cli, doc, err);
}

/* What would be done. */
static int print_plan(const struct rb_cli *cli, const struct deploy_opts *given,
                      const struct rb_deploy_report *report, struct rb_err *err)
{
	const struct rb_out *out = &cli->out;
	const char *kind = rb_cmd_requires[report->gate.require];
	int rc;

	if (report->would_take_backup)
		rb_out_printf(out, "would take a %s backup first: ", kind);
	else
		rb_out_printf(out, "the gate passes: ");
	rc = rb_cmd_print_text(cli, report->gate.answer.msg, err);
	if (report->would_look_first)
		rb_out_printf(out, "\nwould take a full backup first, unless nothing changed");
	rb_out_printf(out, "\nwould run:");
	for (size_t i = 0; rc == RB_OK && i < given->command.count; i++) {
		rb_out_printf(out, " ");
		rc = rb_cmd_print_text(cli, given->command.argv[i], err);
	}
	rb_out_printf(out, "\nwould take a %s backup after it, labelled as it went: ", kind);
	if (rc == RB_OK)
		rc = rb_cmd_print_text(cli, report->label, err);
	rb_out_printf(out, "\n");
	return rc;
}

static int tell(struct rb_cli *cli, const struct deploy_opts *given,
                const struct rb_deploy_report *report, int rc, struct rb_err *err)
{
	struct rb_err printing = {0};
	int printed = RB_OK;

	if (rc < 0)
		cli->exit_code = exit_code(report, rc);
	/* Before the gate has answered there is nothing to tell but the error. */
	if (cli->wants_json && report->gate.answer.msg[0]) {
		printed = print_json(cli, given, report, rc, err, &printing);
		cli->has_document = printed == RB_OK;
	} else if (rc == RB_OK && cli->is_dry_run) {
		printed = print_plan(cli, given, report, &printing);
	}
	if (rc == RB_OK && printed < 0) {
		*err = printing;
		return printed;
	}
	if (rc == RB_OK && !cli->is_dry_run) {
		rb_log(RB_LOG_INFO, "deployed; to go back: %s", report->rollback);
		rb_cmd_tell(cli, report->after, "%s, after backup %s", report->label,
		            report->gate.id);
	} else if (report->did_run) {
		rb_cmd_tell(cli, report->gate.id, "%s", "");
	}
	return rc;
}

static int run(struct rb_cli *cli, const void *values, struct rb_err *err)
{
	const struct deploy_opts *given = values;
	const struct rb_deploy_opts deploy = {
	        .where = {.dir = cli->dir,
	                  .config_file = cli->config_file,
	                  .command = cli->command->name,
	                  .lock_wait_ms = cli->lock_wait_s * 1000},
	        .require = given->require == RB_CLI_NO_CHOICE ? RB_GATE_CONFIGURED : given->require,
	        .max_age_s =
	                given->max_age_s == RB_CLI_UNSET ? RB_GATE_CONFIGURED : given->max_age_s,
	        .label = given->label,
	        .argv = given->command.argv,
	        .umask = cli->umask_before,
	        .stdout_to_stderr = cli->wants_json,
	        .dry_run = cli->is_dry_run};
	struct rb_deploy_report report = {0};
	int rc = rb_deploy_run(&deploy, &report, err);

	rc = tell(cli, given, &report, rc, err);
	rb_deploy_report_release(&report);
	return rc;
}

const struct rb_cli_command rb_cmd_deploy = {
        .name = "deploy",
        .summary = "run a deploy between two backups",
        .description =
                "Asks the gate, takes a backup unless nothing changed since the newest one, runs "
                "COMMAND, takes a second backup that is labelled with the outcome ('NAME "
                "deployed', 'NAME failed with status 3'), and pushes both. Where "
                "gate.maxRemovedRows or gate.maxRemovedRowsTotal is set, the two are compared. "
                "With --max-age a backup of that age will do as the first; going back to it then "
                "also takes away what was written since.\n\n"
                "When COMMAND fails, the line that goes back is printed, and the status is that of "
                "COMMAND, or 128+N when signal N ended it. Otherwise it is 17 when the gate "
                "refuses (nothing was run) or too many rows were removed, and that of the second "
                "backup when it fails.\n\n"
                "COMMAND has the terminal, the standard input and output, and gets the signals "
                "that come. The store is not locked while it runs: it may push to a repository "
                "whose hook asks the gate, or run rowback itself. The second backup waits five "
                "minutes "
                "for another operation on the store, if not --lock-wait is longer. With --json its "
                "standard output "
                "goes to standard error, and one document comes at the end.\n\n"
                "  rowback -C /srv/backups/app deploy --label v2.1 -- git push production master",
        .opts = opts,
        .args = args,
        .needs = RB_CLI_NEEDS_STORE | RB_CLI_NEEDS_LOCK | RB_CLI_WRITES,
        .values_size = sizeof(struct deploy_opts),
        .defaults = &defaults,
        .run = run,
};
