/*
 * rowback rollback: code and data become what a backup says.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd_priv.h"
#include "report_rollback_priv.h"

#define ANSWER_SIZE 4096 /* bytes of an answer that are looked at */

struct rollback_opts {
	const char *backup; /* NULL: with --undo */
	bool is_undo;
	bool resets;
	bool is_code_only;
	bool is_data_only;
	bool is_deployed;
	struct rb_cli_list sources; /* names; empty: all */
	bool is_confirmed;          /* --yes */
	const char *name;           /* --confirm */
};

static const struct rb_cli_opt opts[] = {
        {
                .kind = RB_CLI_FLAG,
                .long_name = "undo",
                .help = "take back the newest rollback, or one that was broken off",
                .offset = offsetof(struct rollback_opts, is_undo),
        },
        {
                .kind = RB_CLI_FLAG,
                .long_name = "reset",
                .help = "set the branch back to the commit and push it with --force-with-lease, "
                        "instead of a new commit on top that restores its tree",
                .offset = offsetof(struct rollback_opts, resets),
        },
        {
                .kind = RB_CLI_FLAG,
                .long_name = "code-only",
                .help = "leave the data as it is",
                .offset = offsetof(struct rollback_opts, is_code_only),
        },
        {
                .kind = RB_CLI_FLAG,
                .long_name = "data-only",
                .help = "leave the code as it is",
                .offset = offsetof(struct rollback_opts, is_data_only),
        },
        {
                .kind = RB_CLI_FLAG,
                .long_name = "deployed",
                .help = "take the code to what its remote had when the backup was taken, where "
                        "that was another commit than here",
                .offset = offsetof(struct rollback_opts, is_deployed),
        },
        {
                .kind = RB_CLI_LIST,
                .long_name = "source",
                .arg = "NAME",
                .help = "restore the data of this source; may be given several times; all that "
                        "the backup has when left out",
                .offset = offsetof(struct rollback_opts, sources),
        },
        {
                .kind = RB_CLI_FLAG,
                .short_name = 'y',
                .long_name = "yes",
                .help = "do not ask; needs --confirm",
                .offset = offsetof(struct rollback_opts, is_confirmed),
        },
        {
                .kind = RB_CLI_STRING,
                .long_name = "confirm",
                .arg = "NAME",
                .help = "with --yes: the name of the source (several: with commas between them, as "
                        "the plan has them), or of the branch when only the code moves",
                .offset = offsetof(struct rollback_opts, name),
        },
        {.kind = RB_CLI_END},
};

static const struct rb_cli_arg args[] = {
        {
                .name = "BACKUP",
                .help = "an id or its beginning, a commit, a label, 'latest' or 'latest~2'; not "
                        "with --undo",
                .offset = offsetof(struct rollback_opts, backup),
        },
        {.name = NULL},
};

static int check(const struct rollback_opts *given, struct rb_err *err)
{
	if (given->is_undo &&
	    (given->backup || given->is_code_only || given->is_data_only || given->sources.count))
		return rb_err_set(err, RB_E_USAGE,
		                  "--undo takes back a whole rollback: it goes without BACKUP, "
		                  "--source, --code-only and --data-only");
	if (!given->is_undo && !given->backup) {
		rb_err_set(err, RB_E_USAGE, "name the backup to go back to, or give --undo");
		return rb_err_hint(err, "find it with: rowback log");
	}
	if (given->is_code_only && given->is_data_only)
		return rb_err_set(err, RB_E_USAGE, "--code-only and --data-only leave nothing");
	if (given->is_code_only && given->sources.count)
		return rb_err_set(err, RB_E_USAGE, "--source is about data: not with --code-only");
	if (given->is_deployed && (given->is_data_only || given->is_undo))
		return rb_err_set(err, RB_E_USAGE,
		                  "--deployed is about code: not with --data-only or --undo");
	if (given->is_data_only && given->resets)
		return rb_err_set(err, RB_E_USAGE, "--reset is about code: not with --data-only");
	if (given->is_confirmed != (given->name != NULL)) {
		rb_err_set(err, RB_E_USAGE, "--yes and --confirm NAME go together");
		return rb_err_hint(err, "the plan shows the name: rowback rollback -n");
	}
	return RB_OK;
}

/* What the question is asked with. */
struct asking {
	const struct rb_cli *cli;
	const struct rollback_opts *given;
	bool plan_shown;
	char why[256]; /* it was not confirmed */
};

static bool ask(const char *question, char answer[ANSWER_SIZE])
{
	fprintf(stderr, "%s", question);
	if (!fgets(answer, ANSWER_SIZE, stdin))
		return false;
	answer[strcspn(answer, "\r\n")] = '\0';
	return true;
}

/* Twice: the second answer cannot be given without having read the plan. */
static bool ask_twice(struct asking *asking, const char *name)
{
	char answer[ANSWER_SIZE] = "";
	char question[512];

	if (!ask("roll back like this? [y/N] ", answer) || (answer[0] != 'y' && answer[0] != 'Y'))
		return false;
	snprintf(question, sizeof(question), "type '%.400s' to go on: ", name);
	if (!ask(question, answer))
		return false;
	if (strcmp(answer, name) == 0)
		return true;
	snprintf(asking->why, sizeof(asking->why), "that is not '%.200s'", name);
	return false;
}

static bool confirm(void *ctx, const struct rb_rollback_plan *plan)
{
	struct asking *asking = ctx;
	const struct rb_cli *cli = asking->cli;

	if (asking->given->is_confirmed) {
		if (strcmp(asking->given->name, plan->name) == 0) {
			asking->plan_shown = !cli->wants_json && !cli->is_quiet &&
			                     rb_cmd_print_rollback_plan(cli, plan, NULL) == RB_OK;
			fflush(cli->out.file);
			return true;
		}
		snprintf(asking->why, sizeof(asking->why),
		         "--confirm has the wrong name: this is about '%.180s'", plan->name);
		return false;
	}
	if (cli->wants_json || !isatty(STDIN_FILENO)) {
		snprintf(asking->why, sizeof(asking->why),
		         "nobody to ask: use --yes --confirm NAME");
		return false;
	}
	asking->plan_shown = rb_cmd_print_rollback_plan(cli, plan, NULL) == RB_OK;
	fflush(cli->out.file);
	return asking->plan_shown && ask_twice(asking, plan->name);
}

static void show_line(void *ctx, const char *line)
{
	(void)ctx;
	rb_log(RB_LOG_INFO, "%s", line);
}

/* What was done, for the activity log. */
static void tell(struct rb_cli *cli, const struct rb_rollback_report *report)
{
	const struct rb_rollback_plan *plan = &report->plan;

	cli->did_nothing = !report->done;
	if (report->done)
		rb_cmd_tell(cli, plan->backup_id, "%s%s%s%s, safety backup %s",
		            plan->is_undo ? "a rollback was taken back: " : "",
		            plan->source_count ? plan->name : "no data",
		            plan->code == RB_CODE_STAYS ? "" : ", code to ",
		            plan->code == RB_CODE_STAYS ? "" : plan->to.brief, report->safety_id);
	else
		rb_cmd_tell(cli, plan->backup_id, "%s",
		            report->nothing ? "code and data are as in it" : "");
}

static int run(struct rb_cli *cli, const void *values, struct rb_err *err)
{
	const struct rollback_opts *given = values;
	struct asking asking = {.cli = cli, .given = given};
	const struct rb_rollback_opts rollback = {.spec = given->backup,
	                                          .undo = given->is_undo,
	                                          .reset = given->resets,
	                                          .code_only = given->is_code_only,
	                                          .deployed = given->is_deployed,
	                                          .data_only = given->is_data_only,
	                                          .sources = rb_cmd_names(&given->sources),
	                                          .dry_run = cli->is_dry_run,
	                                          .umask = cli->umask_before,
	                                          .confirm = confirm,
	                                          .on_line = show_line,
	                                          .ctx = &asking};
	struct rb_rollback_report report = {0};
	struct rb_store store = {0};
	struct rb_err printing = {0};
	int printed;
	int rc = check(given, err);

	if (rc == RB_OK)
		rc = rb_cmd_open_store(cli, &store, err);
	if (rc < 0)
		return rc;
	rc = rb_rollback_run(&store, &rollback, &report, err);
	printed = rc == RB_OK || *report.safety_id
	                  ? rb_cmd_print_rollback(cli, &report, !asking.plan_shown, &printing)
	                  : RB_OK;
	if (rc == RB_OK && printed < 0) {
		*err = printing;
		rc = printed;
	}
	if (rc == RB_OK && report.declined)
		rc = rb_err_set(err, RB_E_USAGE, "nothing was changed%s%s", *asking.why ? ": " : "",
		                asking.why);
	tell(cli, &report);
	rb_rollback_report_release(&report);
	rb_store_close(&store);
	return rc;
}

const struct rb_cli_command rb_cmd_rollback = {
        .name = "rollback",
        .summary = "bring code and data back to what a backup says, in one go",
        .description =
                "The branch of the app repository (app.path, app.branch) goes to the commit that "
                "BACKUP records, as a new commit on top that restores its tree, or with --reset "
                "as the branch set back; it is pushed to app.remote. Where BACKUP is not a quick "
                "one, the data is restored into the sources' own databases, too (as 'restore' "
                "does it, strategy replace). Then the command of rollback.run is run, which "
                "deploys: in the app repository, with ROWBACK_BACKUP and ROWBACK_CODE_COMMIT in "
                "its environment, without a terminal, and while the store is locked, so that it "
                "takes no backup itself. Without app.path the rollback is about data only.\n\n"
                "Nothing is changed before the plan was shown and two questions were answered, "
                "the second by the name of the source; with -n it ends at the plan, and --yes "
                "--confirm NAME answers for scripts. Nothing is changed, either, when the branch "
                "on the remote is not where it is here, when files with changes of their own are "
                "in the way, or when another git is at work in the app repository.\n\n"
                "A safety backup of the data and of the code's commit is made and pushed first; "
                "refs/rowback/rollback/ in the app repository keeps that commit. When a step "
                "fails, or a signal comes, the steps before it are taken back: the branch here "
                "and on the remote (by a new commit that restores the former tree, or with "
                "--reset to where it was), the data from the safety backup. The command is run "
                "again then, if it was begun, with the former commit, since it deploys what the "
                "branch holds. A table says what state each part is in, and which commands finish "
                "by hand what could not be taken back.\n\n"
                "--undo takes back the newest rollback in the same way and with the same "
                "questions: the code to the commit before it, the data to its safety backup. What "
                "was there before the undo is in a safety backup again. A rollback that was "
                "killed is known, and --undo takes back what it had begun; until then no other "
                "rollback begins.\n\n"
                "  rowback -C /srv/backups/app rollback -n 20261120T155800Z\n"
                "  rowback -C /srv/backups/app rollback 20261120T155800Z\n"
                "  rowback -C /srv/backups/app rollback --undo --yes --confirm app",
        .opts = opts,
        .args = args,
        .needs = RB_CLI_NEEDS_STORE | RB_CLI_NEEDS_LOCK | RB_CLI_WRITES,
        .values_size = sizeof(struct rollback_opts),
        .run = run,
};
