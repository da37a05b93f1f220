/*
 * rowback hook: hooks in the application's repository and on servers.
 */
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "cmd_priv.h"
#include "rowback/cli/exit.h"
#include "rowback/base/time.h"
#include "rowback/ops/hook.h"

struct hook_opts {
	const char *action;          /* place in actions */
	const char *path;            /* the repository, or for print the hook */
	int hook;                    /* place in hook_names */
	struct rb_cli_list branches; /* empty: master */
	struct rb_cli_list tags;
	int require;         /* place in requires, or RB_CLI_NO_CHOICE */
	const char *max_age; /* NULL: as configured */
	bool takes_backup;
	bool refuses_deletion;
};

static const char *const actions[] = {"install", "remove", "status", "print", NULL};
static const char *const hook_names[] = {"pre-push", "pre-receive", "append-only", NULL};
static const char *const requires[] = {"quick", "full", NULL};

static const struct hook_opts defaults = {.require = RB_CLI_NO_CHOICE};

static const struct rb_cli_arg args[] = {
        {
                .name = "ACTION",
                .help = "what to do",
                .required = true,
                .offset = offsetof(struct hook_opts, action),
                .choices = actions,
        },
        {
                .name = "PATH",
                .help = "the repository that gets the hook, or has it; for print, the hook",
                .required = true,
                .offset = offsetof(struct hook_opts, path),
                .complete = RB_CLI_COMPLETE_DIR,
        },
        {.name = NULL},
};

static const struct rb_cli_opt opts[] = {
        {
                .kind = RB_CLI_CHOICE,
                .long_name = "hook",
                .choices = hook_names,
                .help = "which hook; pre-push when left out",
                .offset = offsetof(struct hook_opts, hook),
        },
        {
                .kind = RB_CLI_LIST,
                .long_name = "branch",
                .arg = "PATTERN",
                .help = "protect this branch (release/*); may be given several times; app.branch "
                        "when left out",
                .offset = offsetof(struct hook_opts, branches),
        },
        {
                .kind = RB_CLI_LIST,
                .long_name = "tag",
                .arg = "PATTERN",
                .help = "protect this tag (v*); may be given several times",
                .offset = offsetof(struct hook_opts, tags),
        },
        {
                .kind = RB_CLI_FLAG,
                .long_name = "refuse-deletion",
                .help = "also refuse to delete what is protected",
                .offset = offsetof(struct hook_opts, refuses_deletion),
        },
        {
                .kind = RB_CLI_CHOICE,
                .long_name = "require",
                .choices = requires,
                .help = "the backup that a push needs; as 'gate' is configured when left out",
                .offset = offsetof(struct hook_opts, require),
        },
        {
                .kind = RB_CLI_STRING,
                .long_name = "max-age",
                .arg = "DURATION",
                .help = "how old it may be (1h); likewise",
                .offset = offsetof(struct hook_opts, max_age),
        },
        {
                .kind = RB_CLI_FLAG,
                .long_name = "backup",
                .help = "take a backup when it is missing, instead of refusing",
                .offset = offsetof(struct hook_opts, takes_backup),
        },
        {.kind = RB_CLI_END},
};

static json_t *report_json(const struct hook_opts *given, const struct rb_hook_report *report)
{
	return json_pack("{s:s, s:s, s:s, s:o, s:b, s:b, s:b, s:b, s:b, s:o}", "message_type",
	                 "hook", "action", given->action, "hook", hook_names[given->hook], "file",
	                 rb_cmd_text_json(report->file), "installed", report->is_there,
	                 "configured", report->is_set, "chained", report->has_before, "shared",
	                 report->is_shared, "in_worktree", report->is_in_worktree, "store",
	                 rb_cmd_text_json(report->store));
}

static void print_look(const struct rb_cli *cli, const struct rb_hook_report *report)
{
	const struct rb_out *out = &cli->out;

	if (report->is_there && report->is_set)
		rb_out_printf(out, "%s asks%s%s\n", report->file,
		              report->store ? " the store " : "",
		              report->store ? report->store : " nobody: it needs no store");
	else if (report->is_there)
		rb_out_printf(out, "%s is there, but this repository has no settings for it\n",
		              report->file);
	else if (report->is_set)
		rb_out_printf(out, "%s is gone or another hook: nothing is protected\n",
		              report->file);
	else
		rb_out_printf(out, "no hook of rowback's in %s\n", report->file);
	if (report->has_before && report->is_there)
		rb_out_printf(out, "the hook that was there before is called first\n");
}

static int print_report(const struct rb_cli *cli, const struct hook_opts *given,
                        const struct rb_hook_report *report, struct rb_err *err)
{
	bool removes = strcmp(given->action, "remove") == 0;

	if (cli->wants_json)
		return rb_cmd_print_json(cli, report_json(given, report), err);
	if (removes && report->is_there && report->is_shared)
		rb_log(RB_LOG_WARN,
		       "'%s' stays, since other repositories may use it; it does nothing in this "
		       "one",
		       report->file);
	else if (removes && report->has_before && !report->is_there)
		rb_log(RB_LOG_WARN, "'%s' was replaced by another hook, and stays", report->file);
	else if (report->is_there && report->is_in_worktree)
		rb_log(RB_LOG_WARN,
		       "'%s' lies in the working tree (core.hooksPath): a push from a linked "
		       "worktree asks nobody until this file is committed, or installed there too",
		       report->file);
	if (cli->is_quiet)
		return RB_OK;
	if (removes)
		rb_out_printf(&cli->out, "removed: this repository is no longer protected by %s\n",
		              hook_names[given->hook]);
	else
		print_look(cli, report);
	return RB_OK;
}

/* The program that runs now, by its absolute name. */
static int own_path(char out[PATH_MAX], struct rb_err *err)
{
	ssize_t len = readlink("/proc/self/exe", out, PATH_MAX - 1);

	if (len <= 0)
		return rb_err_set(err, RB_E_IO, "cannot find out where rowback is: /proc/self/exe");
	out[len] = '\0';
	return RB_OK;
}

static int install(const struct rb_cli *cli, const struct hook_opts *given,
                   struct rb_hook_report *report, struct rb_err *err)
{
	const char *deployed[] = {"master", NULL};
	struct rb_hook_opts hook = {
	        .hook = hook_names[given->hook],
	        .path = given->path,
	        .branches = rb_cmd_names(&given->branches),
	        .tags = rb_cmd_names(&given->tags),
	        .refuse_deletion = given->refuses_deletion,
	        .require = given->require == RB_CLI_NO_CHOICE ? NULL : requires[given->require],
	        .max_age = given->max_age,
	        .backup = given->takes_backup};
	bool needs_store = strcmp(hook.hook, "append-only") != 0;
	struct rb_store store = {0};
	char program[PATH_MAX];
	int rc = RB_OK;

	if (!hook.branches && !hook.tags)
		hook.branches = (const char *const *)deployed;
	if (needs_store)
		rc = rb_cmd_open_store(cli, &store, err);
	if (rc == RB_OK && needs_store)
		rc = own_path(program, err);
	if (rc == RB_OK && needs_store) {
		hook.program = program;
		hook.store = rb_store_dir(&store);
		deployed[0] = store.config.app.branch;
		rc = rb_hook_install(&hook, report, err);
	} else if (rc == RB_OK) {
		rc = rb_hook_install(&hook, report, err);
	}
	rb_store_close(&store);
	return rc;
}

static int print_text(const struct rb_cli *cli, const char *name, struct rb_err *err)
{
	const char *text = rb_hook_text(name);

	if (!text) {
		rb_err_set(err, RB_E_USAGE, "'%.100s' is no hook of rowback's", name);
		return rb_err_hint(err, "there are pre-push, pre-receive and append-only");
	}
	rb_out_printf(&cli->out, "%s", text);
	return RB_OK;
}

static int run(struct rb_cli *cli, const void *values, struct rb_err *err)
{
	const struct hook_opts *given = values;
	struct rb_hook_report report = {0};
	int64_t ignored;
	bool looks = strcmp(given->action, "status") == 0;
	int rc;

	if (strcmp(given->action, "print") == 0)
		return print_text(cli, given->path, err);
	if (given->max_age && rb_time_parse_duration(given->max_age, &ignored, err) < 0)
		return RB_E_USAGE;
	if (looks)
		rc = rb_hook_look(hook_names[given->hook], given->path, &report, err);
	else if (strcmp(given->action, "remove") == 0)
		rc = rb_hook_remove(hook_names[given->hook], given->path, &report, err);
	else
		rc = install(cli, given, &report, err);
	if (rc == RB_OK)
		rc = print_report(cli, given, &report, err);
	if (rc == RB_OK && looks && !(report.is_there && report.is_set))
		rc = RB_CLI_FINDINGS;
	cli->is_recorded = !looks;
	rb_cmd_tell(cli, NULL, "%s: %s", given->action, report.file ? report.file : given->path);
	rb_hook_report_release(&report);
	return rc;
}

const struct rb_cli_command rb_cmd_hook = {
        .name = "hook",
        .summary = "install a hook that refuses a push without a backup, or remove it",
        .description =
                "'install' puts a hook into another repository, beside a hook that is there "
                "already, which is called first. Its settings go into that repository's git "
                "configuration; installing again replaces them. 'remove' takes both away. 'status' "
                "says what is there (status 1 when nothing is protected). 'print' prints the text "
                "of a hook.\n\n"
                "pre-push, in the application's repository, asks 'rowback gate' before a push "
                "of a protected branch; other branches and tags pass, and so do deletions unless "
                "--refuse-deletion is given. 'git push --no-verify' passes by it. pre-receive asks "
                "the same in the application's bare repository on a server, where nobody passes "
                "by it. append-only, in a bare backup remote, lets no push delete or rewrite a "
                "branch.\n\n"
                "  rowback -C /srv/backups/app hook install /srv/app/code --max-age 1h",
        .opts = opts,
        .args = args,
        .needs = RB_CLI_NEEDS_STORE | RB_CLI_NO_DRY_RUN | RB_CLI_ASKS,
        .values_size = sizeof(struct hook_opts),
        .defaults = &defaults,
        .run = run,
};
