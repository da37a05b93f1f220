/*
 * rowback doctor: what is wrong, and what to do about it.
 */
#include "cmd_priv.h"
#include "rowback/cli/exit.h"
#include "rowback/ops/doctor.h"

struct doctor_opts {
	bool is_offline; /* do not try to reach the remote */
};

static const struct rb_cli_opt opts[] = {
        {
                .kind = RB_CLI_FLAG,
                .long_name = "offline",
                .help = "do not try to reach the remote",
                .offset = offsetof(struct doctor_opts, is_offline),
        },
        {.kind = RB_CLI_END},
};

static const char *const status_names[] = {"info", "ok", "warning", "error"};
static const enum rb_out_style status_styles[] = {RB_OUT_PLAIN, RB_OUT_GREEN, RB_OUT_YELLOW,
                                                  RB_OUT_RED};

static int print_json(const struct rb_cli *cli, const struct rb_doctor_report *report,
                      struct rb_err *err)
{
	json_t *checks = json_array();

	for (size_t i = 0; i < report->count; i++) {
		const struct rb_check *check = &report->checks[i];

		json_array_append_new(checks, json_pack("{s:s, s:o, s:s, s:o, s:o}", "section",
		                                        check->section, "name",
		                                        rb_cmd_text_json(check->name), "status",
		                                        status_names[check->status], "text",
		                                        rb_cmd_text_json(check->text), "hint",
		                                        rb_cmd_text_json(check->hint)));
	}
	return rb_cmd_print_json(cli,
	                         json_pack("{s:s, s:I, s:I, s:o}", "message_type", "doctor",
	                                   "errors", (json_int_t)report->errors, "warnings",
	                                   (json_int_t)report->warnings, "checks", checks),
	                         err);
}

static int print_check(const struct rb_cli *cli, const struct rb_check *check, struct rb_err *err)
{
	const struct rb_out *out = &cli->out;
	int rc;

	rb_out_printf(out, "%-9s %-20s ", check->section, check->name);
	if (check->status != RB_CHECK_INFO)
		rb_out_printf(out, "%s%s:%s ", rb_out_style(out, status_styles[check->status]),
		              status_names[check->status], rb_out_style(out, RB_OUT_PLAIN));
	rc = rb_cmd_print_text(cli, check->text, err);
	rb_out_printf(out, "\n");
	if (rc == RB_OK && check->hint) {
		rb_out_printf(out, "%-30s hint: ", "");
		rc = rb_cmd_print_text(cli, check->hint, err);
		rb_out_printf(out, "\n");
	}
	return rc;
}

static int run(struct rb_cli *cli, const void *values, struct rb_err *err)
{
	const struct doctor_opts *given = values;
	const struct rb_doctor_opts doctor = {
	        .dir = cli->dir, .config_file = cli->config_file, .offline = given->is_offline};
	struct rb_doctor_report report = {0};
	bool found;
	int rc = rb_doctor_run(&doctor, &report, err);

	if (rc == RB_OK && cli->wants_json)
		rc = print_json(cli, &report, err);
	for (size_t i = 0; rc == RB_OK && !cli->wants_json && i < report.count; i++)
		rc = print_check(cli, &report.checks[i], err);
	found = report.errors + report.warnings > 0;
	rb_doctor_report_release(&report);
	return rc == RB_OK && found ? RB_CLI_FINDINGS : rc;
}

const struct rb_cli_command rb_cmd_doctor = {
        .name = "doctor",
        .summary = "say what is wrong and what to do about it",
        .description =
                "Prints the versions of rowback and of what it uses, the configuration with "
                "secrets "
                "hidden, the state of the store, the sources and the remote, and for everything "
                "that is wrong a hint. The status is 1 when something is.",
        .opts = opts,
        .args = rb_cmd_no_args,
        .needs = RB_CLI_NEEDS_STORE,
        .values_size = sizeof(struct doctor_opts),
        .run = run,
};
