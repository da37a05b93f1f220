/*
 * rowback delete: take one backup out of the history.
 */
#include "cmd_priv.h"
#include "rowback/ops/prune.h"

struct delete_opts {
	const char *backup;
	bool is_confirmed;
	bool skips_push;
};

static const struct rb_cli_opt opts[] = {
        {
                .kind = RB_CLI_FLAG,
                .long_name = "confirm",
                .help = "do it; without it only what would be done is shown",
                .offset = offsetof(struct delete_opts, is_confirmed),
        },
        {
                .kind = RB_CLI_FLAG,
                .long_name = "no-push",
                .help = "change only this store; the next push brings it to the remote",
                .offset = offsetof(struct delete_opts, skips_push),
        },
        {.kind = RB_CLI_END},
};

static const struct rb_cli_arg args[] = {
        {
                .name = "BACKUP",
                .help = "an id or its beginning, a commit, a label",
                .required = true,
                .offset = offsetof(struct delete_opts, backup),
        },
        {.name = NULL},
};

/* Only the one that goes is of interest. */
static void print(const struct rb_cli *cli, const struct rb_prune_report *report, bool pushes)
{
	for (size_t i = 0; i < report->list.count; i++) {
		if (report->items[i].keep)
			continue;
		rb_out_printf(&cli->out, "backup %s %s\n", report->list.items[i].message.id,
		              report->done ? "was removed" : "would be removed");
	}
	if (!report->done) {
		rb_out_printf(&cli->out, "nothing was changed: --confirm does it\n");
		return;
	}
	rb_out_printf(&cli->out,
	              "the history before lies in %s%s: 'rowback prune --undo' puts it back\n",
	              RB_TRASH_PREFIX, report->trash);
	if (pushes)
		rb_cmd_print_pushed(cli, &report->push, report->pushed);
}

static int run(struct rb_cli *cli, const void *values, struct rb_err *err)
{
	const struct delete_opts *given = values;
	struct rb_prune_opts prune = {.confirmed = given->is_confirmed && !cli->is_dry_run,
	                              .push = !given->skips_push};
	struct rb_prune_report report = {0};
	struct rb_store store = {0};
	struct rb_err printing = {0};
	int rc = rb_cmd_open_store(cli, &store, err);

	cli->is_recorded = prune.confirmed;
	if (rc < 0)
		return rc;
	prune.rules = &store.config.retention;
	rc = rb_prune_delete(&store, given->backup, &prune, &report, err);
	if ((rc == RB_OK || report.done) && cli->wants_json) {
		int printed = rb_cmd_print_prune(cli, &report, prune.push, &printing);

		if (rc == RB_OK && printed < 0) {
			*err = printing;
			rc = printed;
		}
	} else if (rc == RB_OK || report.done) {
		print(cli, &report, prune.push);
	}
	if (rc == RB_OK && prune.confirmed)
		rb_store_tidy(&store);
	rb_cmd_tell_prune(cli, &report);
	rb_prune_report_release(&report);
	rb_store_close(&store);
	return rc;
}

const struct rb_cli_command rb_cmd_delete = {
        .name = "delete",
        .summary = "take one backup out of the history",
        .description =
                "Rewrites the history without one backup, as 'rowback prune' does; 'rowback prune "
                "--undo' puts it back. Refused for a pinned one, the newest one, the newest one "
                "that a drill has passed, what the newest rollback and the newest restore are "
                "undone by, and the newest full ones that the remote has (retention.keepMin).\n\n"
                "What later backups hold of the same data stays: this is no way to erase a secret "
                "that is in all of them.\n\n"
                "  rowback -C /srv/backups/app delete 20261120T155800Z --confirm",
        .opts = opts,
        .args = args,
        .needs = RB_CLI_NEEDS_STORE | RB_CLI_NEEDS_LOCK | RB_CLI_WRITES | RB_CLI_ASKS,
        .values_size = sizeof(struct delete_opts),
        .run = run,
};
