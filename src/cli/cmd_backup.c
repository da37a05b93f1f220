/*
 * rowback backup: export, commit and push in one pass over the data.
 */
#include "cmd_priv.h"
#include "rowback/cli/exit.h"
#include "rowback/ops/backup.h"

struct backup_opts {
	struct rb_cli_list sources; /* names; empty: all */
	const char *label;          /* Backup-Label; NULL: none */
	const char *note;           /* text for the commit's body; NULL: none */
	int trigger;                /* place in rb_cmd_triggers */
	bool is_quick;              /* the code's commit only */
	int64_t jobs;               /* 0: as configured */
	bool skips_push;
	bool forces_commit;     /* also when nothing changed */
	bool reads_all;         /* do not trust that nothing changed */
	bool allows_incomplete; /* commit although something could not be exported */
};

static const struct rb_cli_opt opts[] = {
        {
                .kind = RB_CLI_LIST,
                .long_name = "source",
                .arg = "NAME",
                .help = "back up this source only; may be given several times",
                .offset = offsetof(struct backup_opts, sources),
        },
        {
                .kind = RB_CLI_FLAG,
                .long_name = "quick",
                .help = "record the commit of the app repository only, in no time: no data is "
                        "read, and none is protected",
                .offset = offsetof(struct backup_opts, is_quick),
        },
        {
                .kind = RB_CLI_STRING,
                .long_name = "label",
                .arg = "NAME",
                .help = "a name to find the backup by",
                .offset = offsetof(struct backup_opts, label),
        },
        {
                .kind = RB_CLI_STRING,
                .long_name = "note",
                .arg = "TEXT",
                .help = "a text for the commit message",
                .offset = offsetof(struct backup_opts, note),
        },
        {
                .kind = RB_CLI_CHOICE,
                .long_name = "trigger",
                .choices = rb_cmd_triggers,
                .help = "what started it, for the record; manual when left out",
                .offset = offsetof(struct backup_opts, trigger),
        },
        {
                .kind = RB_CLI_INT,
                .long_name = "jobs",
                .arg = "N",
                .help = "read a PostgreSQL database by N connections; rowback.jobs when left out",
                .offset = offsetof(struct backup_opts, jobs),
                .min = 1,
                .max = 8,
        },
        {
                .kind = RB_CLI_FLAG,
                .long_name = "no-push",
                .help = "leave the backup local; the next run pushes it",
                .offset = offsetof(struct backup_opts, skips_push),
        },
        {
                .kind = RB_CLI_FLAG,
                .long_name = "force",
                .help = "make a commit also when nothing changed",
                .offset = offsetof(struct backup_opts, forces_commit),
        },
        {
                .kind = RB_CLI_FLAG,
                .long_name = "full",
                .help = "read all of the data, also when the source says that nothing changed",
                .offset = offsetof(struct backup_opts, reads_all),
        },
        {
                .kind = RB_CLI_FLAG,
                .long_name = "allow-incomplete",
                .help = "commit although a table could not be exported; the commit says which",
                .offset = offsetof(struct backup_opts, allows_incomplete),
        },
        {.kind = RB_CLI_END},
};

/* Options that are about reading data have no meaning where none is read. */
static int check(const struct backup_opts *given, struct rb_err *err)
{
	const struct {
		bool is_given;
		const char *name;
	} others[] = {
	        {given->sources.count > 0, "--source"},
	        {given->reads_all, "--full"},
	        {given->forces_commit, "--force"},
	        {given->allows_incomplete, "--allow-incomplete"},
	};

	for (size_t i = 0; given->is_quick && i < sizeof(others) / sizeof(others[0]); i++) {
		if (!others[i].is_given)
			continue;
		rb_err_set(err, RB_E_USAGE, "%s has no meaning with --quick", others[i].name);
		return rb_err_hint(err, "--quick reads no data; leave one of them out");
	}
	return RB_OK;
}

static int run(struct rb_cli *cli, const void *values, struct rb_err *err)
{
	const struct backup_opts *given = values;
	const struct rb_backup_opts backup = {.sources = rb_cmd_names(&given->sources),
	                                      .kind = "full",
	                                      .trigger = rb_cmd_triggers[given->trigger],
	                                      .label = given->label,
	                                      .note = given->note,
	                                      .force = given->forces_commit,
	                                      .named = true,
	                                      .full = given->reads_all,
	                                      .allow_incomplete = given->allows_incomplete,
	                                      .dry_run = cli->is_dry_run,
	                                      .push = !given->skips_push,
	                                      .jobs = (unsigned int)given->jobs};
	struct rb_backup_report report = {0};
	struct rb_store store = {0};
	struct rb_err printing = {0};
	bool has_findings = false;
	int printed;
	int rc = check(given, err);

	if (rc == RB_OK)
		rc = rb_cmd_open_store(cli, &store, err);
	if (rc < 0)
		return rc;
	rc = given->is_quick ? rb_backup_quick(&store, &backup, &report, err)
	                     : rb_backup_run(&store, &backup, &report, err);
	/* What was done is said also when a later step failed. */
	printed = rc == RB_OK || report.committed || report.source_count > 0
	                  ? rb_cmd_print_backup(cli, &report, &printing)
	                  : RB_OK;
	if (rc == RB_OK && printed < 0) {
		*err = printing;
		rc = printed;
	}
	if (rc == RB_OK && !given->skips_push && !cli->is_dry_run && !report.push.has_remote)
		rb_log(RB_LOG_WARN, "no remote is configured: the backup is on this machine only");
	rb_cmd_tell_backup(cli, &report);
	for (size_t i = 0; i < report.source_count; i++)
		has_findings |= report.sources[i].incomplete || report.sources[i].has_unused;
	rb_backup_report_release(&report);
	rb_store_close(&store);
	return rc == RB_OK && has_findings ? RB_CLI_FINDINGS : rc;
}

const struct rb_cli_command rb_cmd_backup = {
        .name = "backup",
        .summary = "export the sources, commit and push: the normal way",
        .description =
                "Reads every table of the sources in one consistent snapshot each, commits the "
                "result as one backup and pushes it, together with earlier ones that the remote "
                "does not have yet.\n\n"
                "When nothing changed since the last backup there is no new commit (unless "
                "--force, "
                "a --note or a new --label is given), but the check is recorded, here and on the "
                "remote. A table that "
                "cannot be exported is named, nothing is committed, and the status is 3, unless "
                "--allow-incomplete is given.\n\n"
                "Where the configuration names an app repository (app.path, app.branch), the "
                "commit it is at is recorded, too; a new one makes a backup also when the data "
                "is as it was. With --quick that commit is all that is recorded: a backup with "
                "the data of the one before, made without opening a source. It says which code "
                "was deployed when, and protects no data.\n\n"
                "When the push fails the backup is safe in the store, and the next run pushes it. "
                "Data is never pushed into a repository that anybody can read (status 20).\n\n"
                "  rowback -C /srv/backups/app backup --label before-upgrade\n"
                "  rowback -C /srv/backups/app backup --quick --note 'text changes only'",
        .opts = opts,
        .args = rb_cmd_no_args,
        .needs = RB_CLI_NEEDS_STORE | RB_CLI_NEEDS_LOCK | RB_CLI_WRITES,
        .values_size = sizeof(struct backup_opts),
        .run = run,
};
