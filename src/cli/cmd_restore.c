/*
 * rowback restore: write a backup into a database.
 */
#include "cmd_priv.h"
#include <stdio.h>
#include <unistd.h>

#include "rowback/cli/exit.h"
#include "rowback/ops/restore.h"

/* Places in the list of --strategy. */
enum strategy { STRATEGY_REPLACE, STRATEGY_UPSERT, STRATEGY_MERGE };

struct restore_opts {
	const char *backup;         /* NULL: latest */
	int64_t at;                 /* Unix seconds, or RB_CLI_UNSET */
	const char *to;             /* URL; NULL: the source's own database */
	const char *source;         /* name; NULL: the only one */
	struct rb_cli_list tables;  /* names or patterns; empty: all */
	struct rb_cli_list schemas; /* names */
	int strategy;               /* enum strategy */
	int on_conflict;            /* place in winners, or RB_CLI_NO_CHOICE */
	bool is_confirmed;          /* do not ask */
};

static const struct restore_opts defaults = {
        .at = RB_CLI_UNSET,
        .strategy = STRATEGY_REPLACE,
        .on_conflict = RB_CLI_NO_CHOICE,
};

static const char *const strategies[] = {
        [STRATEGY_REPLACE] = "replace",
        [STRATEGY_UPSERT] = "upsert",
        [STRATEGY_MERGE] = "merge",
        NULL,
};

static const char *const winners[] = {"backup", "live", NULL};

static const struct rb_cli_opt opts[] = {
        {
                .kind = RB_CLI_WHEN,
                .long_name = "at",
                .arg = "WHEN",
                .help = RB_CMD_AT_HELP,
                .offset = offsetof(struct restore_opts, at),
        },
        {
                .kind = RB_CLI_STRING,
                .long_name = "to",
                .arg = "URL",
                .help = "write to this database (sqlite:check.db, postgres://user@host/check), "
                        "instead of the source's own",
                .offset = offsetof(struct restore_opts, to),
        },
        {
                .kind = RB_CLI_STRING,
                .long_name = "source",
                .arg = "NAME",
                .help = "restore this source; needed where the backup has several",
                .offset = offsetof(struct restore_opts, source),
        },
        {
                .kind = RB_CLI_LIST,
                .long_name = "table",
                .arg = "NAME",
                .help = "restore this table only, or those that a pattern matches "
                        "('public.order_*'); may be given several times",
                .offset = offsetof(struct restore_opts, tables),
        },
        {
                .kind = RB_CLI_LIST,
                .long_name = "schema",
                .arg = "NAME",
                .help = "restore the tables of this schema of PostgreSQL; may be given several "
                        "times",
                .offset = offsetof(struct restore_opts, schemas),
        },
        {
                .kind = RB_CLI_CHOICE,
                .long_name = "strategy",
                .choices = strategies,
                .help = "replace: the tables become exactly the backup (when left out); upsert: "
                        "the "
                        "backup's rows are put back, newer rows stay; merge: three-way against "
                        "the backup before",
                .offset = offsetof(struct restore_opts, strategy),
        },
        {
                .kind = RB_CLI_CHOICE,
                .long_name = "on-conflict",
                .choices = winners,
                .help = "with merge: who wins where a row changed on both sides; without it "
                        "nothing is written then (status 16)",
                .offset = offsetof(struct restore_opts, on_conflict),
        },
        {
                .kind = RB_CLI_FLAG,
                .short_name = 'y',
                .long_name = "yes",
                .help = "do not ask before writing",
                .offset = offsetof(struct restore_opts, is_confirmed),
        },
        {.kind = RB_CLI_END},
};

static const struct rb_cli_arg args[] = {
        {
                .name = "BACKUP",
                .help = RB_CMD_BACKUP_HELP,
                .offset = offsetof(struct restore_opts, backup),
        },
        {.name = NULL},
};

static int check(const struct restore_opts *restore, struct rb_err *err)
{
	if (restore->on_conflict != RB_CLI_NO_CHOICE && restore->strategy != STRATEGY_MERGE)
		return rb_err_set(err, RB_E_USAGE, "--on-conflict goes with --strategy merge only");
	return rb_cmd_check_backup(restore->backup, restore->at, err);
}

/* Ask on the terminal; without one there is nobody to say yes. */
static bool confirm(void *ctx, const struct rb_restore_plan *plan, const char *target)
{
	const struct rb_cli *cli = ctx;
	struct rb_err err = {0};
	char answer[16] = "";

	if (!cli->wants_json && rb_cmd_print_plan(cli, plan, &err) < 0)
		return false;
	if (cli->wants_json || !isatty(STDIN_FILENO)) {
		rb_log(RB_LOG_ERROR, "nobody to ask whether to write to %s: use --yes", target);
		return false;
	}
	fflush(cli->out.file);
	fprintf(stderr, "write this to %s? [y/N] ", target);
	if (!fgets(answer, sizeof(answer), stdin))
		return false;
	return answer[0] == 'y' || answer[0] == 'Y';
}

static struct rb_restore_opts options_of(const struct rb_cli *cli, const struct restore_opts *given)
{
	struct rb_restore_opts out = {.spec = given->backup,
	                              .at_unix_s = given->at == RB_CLI_UNSET ? 0 : given->at,
	                              .source = given->source,
	                              .to_url = given->to,
	                              .tables = rb_cmd_names(&given->tables),
	                              .schemas = rb_cmd_names(&given->schemas),
	                              .strategy = (enum rb_strategy)given->strategy,
	                              .dry_run = cli->is_dry_run};

	if (given->on_conflict != RB_CLI_NO_CHOICE)
		out.on_conflict = given->on_conflict == 0 ? RB_CONFLICT_BACKUP : RB_CONFLICT_LIVE;
	return out;
}

static int run(struct rb_cli *cli, const void *values, struct rb_err *err)
{
	const struct restore_opts *given = values;
	struct rb_restore_opts restore = options_of(cli, given);
	struct rb_restore_report report = {0};
	struct rb_store store = {0};
	struct rb_err printing = {0};
	bool declined;
	int printed;
	int rc = check(given, err);

	if (!given->is_confirmed) {
		restore.confirm = confirm;
		restore.ctx = cli;
	}
	if (rc == RB_OK)
		rc = rb_cmd_open_store(cli, &store, err);
	if (rc < 0)
		return rc;
	rc = rb_restore_run(&store, &restore, &report, err);
	/* A conflict is reported with the plan that met it, and what was done is, in any case. */
	printed = rc == RB_OK || rc == RB_E_CONFLICT || report.written ||
	                          report.definitions == RB_DEFINITIONS_DIFFER
	                  ? rb_cmd_print_restore(cli, &report, given->is_confirmed, &printing)
	                  : RB_OK;
	if (rc == RB_OK && printed < 0) {
		*err = printing;
		rc = printed;
	}
	declined = report.declined;
	if (rc == RB_OK &&
	    (report.remarks->remark_count > 0 || report.definitions == RB_DEFINITIONS_NOT_COMPARED))
		rc = RB_CLI_FINDINGS;
	rb_cmd_tell_restore(cli, &report);
	rb_restore_report_release(&report);
	rb_store_close(&store);
	if (rc >= 0 && declined)
		return rb_err_set(err, RB_E_USAGE, "nothing was written");
	return rc;
}

const struct rb_cli_command rb_cmd_restore = {
        .name = "restore",
        .summary = "write a backup into a database",
        .description =
                "Writes all tables of a backup, or those of --table and --schema, into the "
                "source's own "
                "database "
                "or into the one of --to.\n\n"
                "Before an existing database is touched, a safety backup of it is committed, and "
                "the plan is shown: rows to insert, update and delete in each table. With -n it "
                "ends there; otherwise it asks, unless --yes is given. Everything is written in "
                "one transaction, exported again and compared with the backup before it is "
                "committed: on any failure the database is what it was. Definitions of PostgreSQL "
                "are "
                "compared when others see them: in a new database before it is kept, in an "
                "existing one right after the commit (status 15 then means: they differ, and "
                "the safety backup undoes it).\n\n"
                "  rowback -C /srv/backups/app restore latest --to sqlite:check.db\n"
                "  rowback -C /srv/backups/app restore 20261120T155800Z --table tasks",
        .opts = opts,
        .args = args,
        .needs = RB_CLI_NEEDS_STORE | RB_CLI_NEEDS_LOCK | RB_CLI_WRITES,
        .values_size = sizeof(struct restore_opts),
        .defaults = &defaults,
        .run = run,
};
