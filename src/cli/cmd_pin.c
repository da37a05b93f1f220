/*
 * rowback pin, rowback unpin: keep a backup whatever the rules say.
 */
#include "cmd_priv.h"
#include "rowback/ops/pin.h"

struct pin_opts {
	const char *backup;
	bool skips_push;
};

static const struct rb_cli_opt opts[] = {
        {
                .kind = RB_CLI_FLAG,
                .long_name = "no-push",
                .help = "do not tell the remote now; the next push does",
                .offset = offsetof(struct pin_opts, skips_push),
        },
        {.kind = RB_CLI_END},
};

static const struct rb_cli_arg args[] = {
        {
                .name = "BACKUP",
                .help = "an id or its beginning, a commit, a label, 'latest'",
                .required = true,
                .offset = offsetof(struct pin_opts, backup),
        },
        {.name = NULL},
};

static int print(const struct rb_cli *cli, const struct rb_pin_report *report, bool pinned,
                 struct rb_err *err)
{
	if (cli->wants_json)
		return rb_cmd_print_json(cli,
		                         json_pack("{s:s, s:s, s:b, s:b, s:b}", "message_type",
		                                   cli->command->name, "id", report->id, "pinned",
		                                   pinned, "changed", report->changed, "pushed",
		                                   report->pushed),
		                         err);
	if (!cli->is_quiet)
		rb_out_printf(&cli->out, "backup %s %s%s\n", report->id,
		              report->changed ? "is " : "was ",
		              pinned ? (report->changed ? "pinned" : "pinned already")
		                     : (report->changed ? "not pinned any more" : "not pinned"));
	return RB_OK;
}

static int set(struct rb_cli *cli, const struct pin_opts *given, bool pinned, struct rb_err *err)
{
	struct rb_pin_report report = {0};
	struct rb_store store = {0};
	struct rb_err printing = {0};
	int printed;
	int rc = rb_cmd_open_store(cli, &store, err);

	if (rc < 0)
		return rc;
	rc = rb_pin_set(&store, given->backup, pinned, !given->skips_push, &report, err);
	printed = *report.id ? print(cli, &report, pinned, &printing) : RB_OK;
	if (rc == RB_OK && printed < 0) {
		*err = printing;
		rc = printed;
	}
	cli->did_nothing = !report.changed;
	rb_cmd_tell(cli, report.id, "%s%s", pinned ? "pinned" : "not pinned",
	            report.pushed ? ", pushed" : "");
	rb_pin_report_release(&report);
	rb_store_close(&store);
	return rc;
}

static int run_pin(struct rb_cli *cli, const void *values, struct rb_err *err)
{
	return set(cli, values, true, err);
}

static int run_unpin(struct rb_cli *cli, const void *values, struct rb_err *err)
{
	return set(cli, values, false, err);
}

const struct rb_cli_command rb_cmd_pin = {
        .name = "pin",
        .summary = "keep a backup whatever the rules of retention say",
        .description = "No prune takes a pinned backup out, nor does 'rowback delete'. The remote "
                       "is told, so that a store made from it knows the pin, too; 'rowback log "
                       "--json' shows it.\n\n"
                       "  rowback -C /srv/backups/app pin before-upgrade",
        .opts = opts,
        .args = args,
        .needs = RB_CLI_NEEDS_STORE | RB_CLI_NEEDS_LOCK | RB_CLI_NO_DRY_RUN,
        .values_size = sizeof(struct pin_opts),
        .run = run_pin,
};

const struct rb_cli_command rb_cmd_unpin = {
        .name = "unpin",
        .summary = "leave a pinned backup to the rules again",
        .description = "Takes a pin away, here and on the remote; the backup itself stays until a "
                       "prune takes it out.\n\n"
                       "  rowback -C /srv/backups/app unpin before-upgrade",
        .opts = opts,
        .args = args,
        .needs = RB_CLI_NEEDS_STORE | RB_CLI_NEEDS_LOCK | RB_CLI_NO_DRY_RUN,
        .values_size = sizeof(struct pin_opts),
        .run = run_unpin,
};
