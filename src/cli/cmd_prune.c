/*
 * rowback prune: take old backups out of the history, by rule.
 */
#include "cmd_priv.h"
#include "rowback/ops/prune.h"

#define COUNT_MAX 1000000

struct prune_opts {
	int64_t last; /* all of these: RB_CLI_UNSET when not given */
	int64_t hourly;
	int64_t daily;
	int64_t weekly;
	int64_t monthly;
	int64_t yearly;
	int64_t within; /* seconds */
	int64_t quick;
	int64_t full;
	bool is_confirmed;
	bool undoes;
	bool skips_push;
};

static const struct prune_opts defaults = {
        .last = RB_CLI_UNSET,
        .hourly = RB_CLI_UNSET,
        .daily = RB_CLI_UNSET,
        .weekly = RB_CLI_UNSET,
        .monthly = RB_CLI_UNSET,
        .yearly = RB_CLI_UNSET,
        .within = RB_CLI_UNSET,
        .quick = RB_CLI_UNSET,
        .full = RB_CLI_UNSET,
};

static const struct rb_cli_opt opts[] = {
        {
                .kind = RB_CLI_INT,
                .long_name = "keep-last",
                .arg = "N",
                .help = "keep the N newest of each kind",
                .offset = offsetof(struct prune_opts, last),
                .max = COUNT_MAX,
        },
        {
                .kind = RB_CLI_INT,
                .long_name = "keep-hourly",
                .arg = "N",
                .help = "keep the newest of each hour, for the last N hours that have one",
                .offset = offsetof(struct prune_opts, hourly),
                .max = COUNT_MAX,
        },
        {
                .kind = RB_CLI_INT,
                .long_name = "keep-daily",
                .arg = "N",
                .help = "likewise, for days (UTC)",
                .offset = offsetof(struct prune_opts, daily),
                .max = COUNT_MAX,
        },
        {
                .kind = RB_CLI_INT,
                .long_name = "keep-weekly",
                .arg = "N",
                .help = "likewise, for weeks from Monday",
                .offset = offsetof(struct prune_opts, weekly),
                .max = COUNT_MAX,
        },
        {
                .kind = RB_CLI_INT,
                .long_name = "keep-monthly",
                .arg = "N",
                .help = "likewise, for months",
                .offset = offsetof(struct prune_opts, monthly),
                .max = COUNT_MAX,
        },
        {
                .kind = RB_CLI_INT,
                .long_name = "keep-yearly",
                .arg = "N",
                .help = "likewise, for years",
                .offset = offsetof(struct prune_opts, yearly),
                .max = COUNT_MAX,
        },
        {
                .kind = RB_CLI_DURATION,
                .long_name = "keep-within",
                .arg = "DURATION",
                .help = "keep what is at most this much older than the newest of its kind (30d)",
                .offset = offsetof(struct prune_opts, within),
        },
        {
                .kind = RB_CLI_INT,
                .long_name = "keep-quick",
                .arg = "N",
                .help = "keep the N newest quick backups; before --keep-last",
                .offset = offsetof(struct prune_opts, quick),
                .max = COUNT_MAX,
        },
        {
                .kind = RB_CLI_INT,
                .long_name = "keep-full",
                .arg = "N",
                .help = "keep the N newest full backups; before --keep-last",
                .offset = offsetof(struct prune_opts, full),
                .max = COUNT_MAX,
        },
        {
                .kind = RB_CLI_FLAG,
                .long_name = "confirm",
                .help = "do it; without it only a table of what would be done is shown",
                .offset = offsetof(struct prune_opts, is_confirmed),
        },
        {
                .kind = RB_CLI_FLAG,
                .long_name = "undo",
                .help = "put back what the newest prune took out; with --confirm",
                .offset = offsetof(struct prune_opts, undoes),
        },
        {
                .kind = RB_CLI_FLAG,
                .long_name = "no-push",
                .help = "change only this store; the next push brings it to the remote",
                .offset = offsetof(struct prune_opts, skips_push),
        },
        {.kind = RB_CLI_END},
};

/* What was given replaces what is configured: the general value, and those of the kinds. */
static bool give(struct rb_retention_config *rules, size_t offset, int64_t value)
{
	if (value == RB_CLI_UNSET)
		return false;
	*(int64_t *)((char *)&rules->any + offset) = value;
	for (size_t i = 0; i < RB_KIND_COUNT; i++)
		*(int64_t *)((char *)&rules->by_kind[i] + offset) = value;
	return true;
}

/* Returns whether any rule was given. */
static bool give_rules(const struct prune_opts *given, struct rb_retention_config *rules)
{
	const struct {
		size_t offset;
		int64_t value;
	} all[] = {
	        {offsetof(struct rb_keep_rules, last), given->last},
	        {offsetof(struct rb_keep_rules, hourly), given->hourly},
	        {offsetof(struct rb_keep_rules, daily), given->daily},
	        {offsetof(struct rb_keep_rules, weekly), given->weekly},
	        {offsetof(struct rb_keep_rules, monthly), given->monthly},
	        {offsetof(struct rb_keep_rules, yearly), given->yearly},
	        {offsetof(struct rb_keep_rules, within_s), given->within},
	};
	bool any = given->quick != RB_CLI_UNSET || given->full != RB_CLI_UNSET;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		any |= give(rules, all[i].offset, all[i].value);
	if (given->quick != RB_CLI_UNSET)
		rules->by_kind[RB_KIND_QUICK].last = given->quick;
	if (given->full != RB_CLI_UNSET)
		rules->by_kind[RB_KIND_FULL].last = given->full;
	return any;
}

static int print_undo(const struct rb_cli *cli, const struct rb_undo_report *report, bool pushes,
                      struct rb_err *err)
{
	if (cli->wants_json)
		return rb_cmd_print_json(
		        cli,
		        json_pack("{s:s, s:b, s:s, s:I, s:I, s:o, s:b}", "message_type",
		                  "prune_undo", "done", report->done, "trash", report->trash,
		                  "back", (json_int_t)report->back, "moved",
		                  (json_int_t)report->moved, "commit",
		                  rb_cmd_oid_json(&report->tip), "pushed", report->pushed),
		        err);
	rb_out_printf(&cli->out, "the prune of %s %s: %zu backup%s back, %zu newer on top\n",
	              report->trash, report->done ? "was taken back" : "would be taken back",
	              report->back, report->back == 1 ? "" : "s", report->moved);
	if (!report->done)
		rb_out_printf(&cli->out, "nothing was changed: --confirm does it\n");
	else if (pushes)
		rb_cmd_print_pushed(cli, &report->push, report->pushed);
	return RB_OK;
}

static int undo(struct rb_cli *cli, struct rb_store *store, const struct rb_prune_opts *prune,
                struct rb_err *err)
{
	struct rb_undo_report report = {0};
	struct rb_err printing = {0};
	int rc = rb_prune_undo(store, prune, &report, err);
	int printed = rc == RB_OK || report.done ? print_undo(cli, &report, prune->push, &printing)
	                                         : RB_OK;

	if (rc == RB_OK && printed < 0) {
		*err = printing;
		rc = printed;
	}
	cli->did_nothing = !report.done;
	rb_cmd_tell(cli, NULL, "%zu backup%s back, the prune of %s is undone%s", report.back,
	            report.back == 1 ? "" : "s", report.trash, report.pushed ? ", pushed" : "");
	rb_undo_report_release(&report);
	return rc;
}

static int prune(struct rb_cli *cli, struct rb_store *store, const struct rb_prune_opts *prune_opts,
                 struct rb_err *err)
{
	struct rb_prune_report report = {0};
	struct rb_err printing = {0};
	int rc = rb_prune_run(store, prune_opts, &report, err);
	int printed = rc == RB_OK || report.done
	                      ? rb_cmd_print_prune(cli, &report, prune_opts->push, &printing)
	                      : RB_OK;

	if (rc == RB_OK && printed < 0) {
		*err = printing;
		rc = printed;
	}
	rb_cmd_tell_prune(cli, &report);
	rb_prune_report_release(&report);
	return rc;
}

static int run(struct rb_cli *cli, const void *values, struct rb_err *err)
{
	const struct prune_opts *given = values;
	struct rb_retention_config rules;
	struct rb_prune_opts prune_opts = {.rules = &rules,
	                                   .confirmed = given->is_confirmed && !cli->is_dry_run,
	                                   .push = !given->skips_push};
	struct rb_store store = {0};
	int rc = rb_cmd_open_store(cli, &store, err);

	/* Without --confirm it only shows. */
	cli->is_recorded = prune_opts.confirmed;
	if (rc < 0)
		return rc;
	rules = store.config.retention;
	if (give_rules(given, &rules) && given->undoes)
		rc = rb_err_set(err, RB_E_USAGE, "--undo goes without rules");
	else
		rc = given->undoes ? undo(cli, &store, &prune_opts, err)
		                   : prune(cli, &store, &prune_opts, err);
	if (rc == RB_OK && prune_opts.confirmed)
		rb_store_tidy(&store);
	rb_store_close(&store);
	return rc;
}

const struct rb_cli_command rb_cmd_prune = {
        .name = "prune",
        .summary = "take old backups out of the history, by rule",
        .description =
                "Shows which backups stay by the rules, and why, and which go. With --confirm "
                "the history is rewritten without those: the others keep id, time, content and "
                "message. Rules not given come from [retention] in the configuration; those of a "
                "kind ([retention \"quick\"]) come before the general ones. Each kind is looked "
                "at by itself, and one without any rule is not touched. A rule of 0 keeps "
                "nothing.\n\n"
                "Whatever the rules say, these stay: the newest backup, pinned ones ('rowback "
                "pin'), the newest that a drill has passed, the safety backups that the newest "
                "rollback and the newest restore are undone by, and the newest full ones that the "
                "remote has (retention.keepMin, 3).\n\n"
                "The old history is kept for retention.trash (14 days); until then --undo puts it "
                "back, with newer backups on top. The remote is asked before anything is changed, "
                "and is overwritten only where it has what this store gave it; where it refuses, "
                "nothing is pruned (status 14).\n\n"
                "  rowback -C /srv/backups/app prune --keep-daily 14 --keep-monthly 12\n"
                "  rowback -C /srv/backups/app prune --keep-within 30d --confirm\n"
                "  rowback -C /srv/backups/app prune --undo --confirm",
        .opts = opts,
        .args = rb_cmd_no_args,
        .needs = RB_CLI_NEEDS_STORE | RB_CLI_NEEDS_LOCK | RB_CLI_WRITES | RB_CLI_ASKS,
        .values_size = sizeof(struct prune_opts),
        .defaults = &defaults,
        .run = run,
};
