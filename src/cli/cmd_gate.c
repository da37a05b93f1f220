/*
 * rowback gate: may it be deployed?
 */
#include "cmd_priv.h"
#include "rowback/ops/gate.h"

struct gate_opts {
	int require;                /* place in rb_cmd_requires, or RB_CLI_NO_CHOICE */
	int64_t max_age_s;          /* or RB_CLI_UNSET */
	struct rb_cli_list sources; /* names; empty: all that are configured */
	bool is_offline;
	bool takes_backup;
	bool asks_effect;
	bool accepts;
	const char *max_removed; /* NULL: as configured */
	const char *range;       /* NULL: the two newest backups */
};

static const struct gate_opts defaults = {.require = RB_CLI_NO_CHOICE, .max_age_s = RB_CLI_UNSET};

static const struct rb_cli_opt opts[] = {
        {
                .kind = RB_CLI_CHOICE,
                .long_name = "require",
                .choices = rb_cmd_requires,
                .help = "the kind of backup that is needed; gate.require when left out",
                .offset = offsetof(struct gate_opts, require),
        },
        {
                .kind = RB_CLI_DURATION,
                .long_name = "max-age",
                .arg = "DURATION",
                .help = "how old it may be (1h); gate.maxAge when left out",
                .offset = offsetof(struct gate_opts, max_age_s),
        },
        {
                .kind = RB_CLI_LIST,
                .long_name = "source",
                .arg = "NAME",
                .help = "ask for this source only; may be given several times; all that are "
                        "configured when left out",
                .offset = offsetof(struct gate_opts, sources),
        },
        {
                .kind = RB_CLI_FLAG,
                .long_name = "offline",
                .help = "do not ask the remote: trust the last push that it confirmed",
                .offset = offsetof(struct gate_opts, is_offline),
        },
        {
                .kind = RB_CLI_FLAG,
                .long_name = "backup",
                .help = "when it is missing, take a backup, push it, and ask again",
                .offset = offsetof(struct gate_opts, takes_backup),
        },
        {
                .kind = RB_CLI_FLAG,
                .long_name = "effect",
                .help = "ask instead how many rows were removed between two backups",
                .offset = offsetof(struct gate_opts, asks_effect),
        },
        {
                .kind = RB_CLI_STRING,
                .long_name = "max-removed",
                .arg = "N|PERCENT",
                .help = "with --effect: how many of a table's rows may be removed (5%); "
                        "gate.maxRemovedRows when left out",
                .offset = offsetof(struct gate_opts, max_removed),
        },
        {
                .kind = RB_CLI_FLAG,
                .long_name = "accept",
                .help = "with --effect: let it pass, and record that in the history",
                .offset = offsetof(struct gate_opts, accepts),
        },
        {.kind = RB_CLI_END},
};

static const struct rb_cli_arg args[] = {
        {
                .name = "A..B",
                .help = "with --effect: the backups to compare, latest~1..latest when left out; "
                        "B may be 'live', the source as it is now",
                .offset = offsetof(struct gate_opts, range),
        },
        {.name = NULL},
};

/* The two questions have options of their own. */
static int check(const struct gate_opts *given, struct rb_err *err)
{
	const char *misplaced = NULL;

	if (!given->asks_effect)
		misplaced = given->range         ? given->range
		            : given->max_removed ? "--max-removed"
		            : given->accepts     ? "--accept"
		                                 : NULL;
	if (misplaced)
		return rb_err_set(err, RB_E_USAGE, "'%.100s' needs --effect", misplaced);
	if (!given->asks_effect)
		return RB_OK;
	misplaced = given->require != RB_CLI_NO_CHOICE ? "--require"
	            : given->max_age_s != RB_CLI_UNSET ? "--max-age"
	            : given->sources.count > 0         ? "--source"
	            : given->is_offline                ? "--offline"
	            : given->takes_backup              ? "--backup"
	                                               : NULL;
	if (!misplaced)
		return RB_OK;
	rb_err_set(err, RB_E_USAGE, "--effect is a question of its own: '%s' does not go with it",
	           misplaced);
	return rb_err_hint(err, "ask both: rowback gate %s ... && rowback gate --effect",
	                   misplaced);
}

/* "pass: ..." or "refused: ...", and the hint below; a pass is not told when all is quiet. */
static int print_answer(const struct rb_cli *cli, bool passes, const struct rb_err *answer,
                        struct rb_err *err)
{
	const struct rb_out *out = &cli->out;
	int rc;

	if (passes && cli->is_quiet)
		return RB_OK;
	rb_out_printf(out, "%s%s:%s ", rb_out_style(out, passes ? RB_OUT_GREEN : RB_OUT_RED),
	              passes ? "pass" : "refused", rb_out_style(out, RB_OUT_PLAIN));
	rc = rb_cmd_print_text(cli, answer->msg, err);
	if (rc == RB_OK && answer->hint[0]) {
		rb_out_printf(out, "\nhint: ");
		rc = rb_cmd_print_text(cli, answer->hint, err);
	}
	rb_out_printf(out, "\n");
	return rc;
}

static int ask(struct rb_cli *cli, const struct gate_opts *given, const struct rb_store_opts *where,
               struct rb_err *err)
{
	const struct rb_gate_opts gate = {
	        .require = given->require == RB_CLI_NO_CHOICE ? RB_GATE_CONFIGURED : given->require,
	        .max_age_s =
	                given->max_age_s == RB_CLI_UNSET ? RB_GATE_CONFIGURED : given->max_age_s,
	        .sources = rb_cmd_names(&given->sources),
	        .offline = given->is_offline,
	        .backup = given->takes_backup,
	        .no_backup = cli->is_dry_run};
	struct rb_gate_report report = {0};
	struct rb_err printing = {0};
	int printed = RB_OK;
	int rc = rb_gate_run(where, &gate, &report, err);

	if (rc == RB_OK || rc == RB_E_GATE) {
		json_t *doc = cli->wants_json ? rb_cmd_gate_json(&report) : NULL;

		if (doc)
			json_object_set_new(doc, "effect", json_null());
		printed = cli->wants_json
		                  ? rb_cmd_print_json(cli, doc, &printing)
		                  : print_answer(cli, rc == RB_OK, &report.answer, &printing);
		cli->has_answered = printed == RB_OK;
		cli->is_recorded = *report.taken != '\0';
		rb_cmd_tell(cli, report.id, "%s", report.answer.msg);
	}
	if (rc == RB_OK && printed < 0) {
		*err = printing;
		rc = printed;
	}
	rb_gate_report_release(&report);
	return rc;
}

static json_t *effect_json(const struct rb_effect *effect, bool passes)
{
	return json_pack("{s:s, s:b, s:o, s:o, s:o, s:n, s:n, s:n, s:n, s:n, s:n, s:o}",
	                 "message_type", "gate", "pass", passes, "reason",
	                 passes ? json_null() : json_string(rb_gate_reason_word(RB_GATE_EFFECT)),
	                 "message", rb_cmd_text_json(effect->answer.msg), "hint",
	                 rb_cmd_text_json(effect->answer.hint[0] ? effect->answer.hint : NULL),
	                 "require", "max_age_s", "offline", "backup", "taken", "remote", "effect",
	                 rb_cmd_effect_json(effect));
}

static int ask_effect(struct rb_cli *cli, const struct gate_opts *given,
                      struct rb_store_opts *where, struct rb_err *err)
{
	struct rb_effect_opts compare = {.range = given->range,
	                                 .accept = given->accepts && !cli->is_dry_run};
	struct rb_effect effect = {0};
	struct rb_store store = {0};
	struct rb_err printing = {0};
	int printed = RB_OK;
	int rc;

	if (given->max_removed &&
	    rb_config_parse_limit(given->max_removed, &compare.max_removed) < 0)
		return rb_err_set(err, RB_E_USAGE,
		                  "option '--max-removed' is '%.100s', but must be a number of "
		                  "rows, or a share like 5%%",
		                  given->max_removed);
	/* Comparing two backups only reads. */
	if (!compare.accept && !rb_gate_range_is_live(given->range))
		where->command = NULL;
	rc = rb_store_open(where, &store, err);
	if (rc < 0)
		return rc;
	rc = rb_gate_effect(&store, &compare, &effect, err);
	if (rc == RB_OK || rc == RB_E_GATE) {
		printed = cli->wants_json
		                  ? rb_cmd_print_json(cli, effect_json(&effect, rc == RB_OK),
		                                      &printing)
		                  : print_answer(cli, rc == RB_OK, &effect.answer, &printing);
		cli->has_answered = printed == RB_OK;
		cli->is_recorded = compare.accept;
		rb_cmd_tell(cli, NULL, "%s", effect.answer.msg);
	}
	if (rc == RB_OK && printed < 0) {
		*err = printing;
		rc = printed;
	}
	rb_effect_release(&effect);
	rb_store_close(&store);
	return rc;
}

static int run(struct rb_cli *cli, const void *values, struct rb_err *err)
{
	const struct gate_opts *given = values;
	struct rb_store_opts where = {.dir = cli->dir,
	                              .config_file = cli->config_file,
	                              .command = cli->command->name,
	                              .lock_wait_ms = cli->lock_wait_s * 1000};
	int rc = check(given, err);

	if (rc < 0)
		return rc;
	return given->asks_effect ? ask_effect(cli, given, &where, err)
	                          : ask(cli, given, &where, err);
}

const struct rb_cli_command rb_cmd_gate = {
        .name = "gate",
        .summary = "say whether a deploy may happen: is there a way back?",
        .description =
                "Passes (status 0) when there is a backup of at least the required kind, not older "
                "than allowed, of every configured source, and the remote has it; refuses with "
                "status 17 otherwise. One line says why, one more what to do. The remote is asked, "
                "and what another machine pushed counts. A backup that was found unchanged later "
                "is as young as that check; incomplete ones do not count.\n\n"
                "It works in a plain clone of the backup remote (not a shallow one), without the "
                "database "
                "and without configuration, as in CI:\n\n"
                "  git clone git@example.com:me/app-backups.git backups\n"
                "  rowback -C backups gate --max-age 1h --json\n\n"
                "With --json the reason of a refusal is one of: no_backup, too_old, not_pushed, "
                "kind (only quick ones), incomplete, source_missing, no_remote, "
                "remote_unreachable, clock (the backup is in the future), backup_failed (with "
                "--backup), effect.\n\n"
                "With --effect it says how many rows were removed between two backups, and refuses "
                "when they are more than gate.maxRemovedRows (of any one table) or "
                "gate.maxRemovedRowsTotal (of all rows) allow. An update removes nothing, nor does "
                "a table made anew with the same keys; a dropped table has lost all its rows. "
                "--accept lets it pass, and records that as an event in the history.\n\n"
                "  rowback -C /srv/backups/app gate --effect latest..live",
        .opts = opts,
        .args = args,
        .needs = RB_CLI_NEEDS_STORE | RB_CLI_NEEDS_LOCK | RB_CLI_WRITES | RB_CLI_ASKS,
        .values_size = sizeof(struct gate_opts),
        .defaults = &defaults,
        .run = run,
};
