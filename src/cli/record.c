/*
 * rb_cli_record(): what a command did, in the activity log.  See rowback/cli/command.h.
 */
#include <stdlib.h>

#include "rowback/base/cancel.h"
#include "rowback/base/log.h"
#include "rowback/cli/command.h"
#include "rowback/cli/exit.h"
#include "rowback/ops/record.h"

/* The hook that runs us; NULL when none does. */
static const char *hook_name(void)
{
	const char *name = getenv("ROWBACK_HOOK");

	return name && *name ? name : NULL;
}

int rb_cli_exit_code(const struct rb_cli *cli, int rc)
{
	if (rc < 0 && rb_cancel_signal())
		return RB_CLI_EXIT_SIGNAL + rb_cancel_signal();
	if (rc < 0 && cli->exit_code)
		return cli->exit_code;
	return rb_cli_exit_of(rc)->code;
}

static bool is_recorded(const struct rb_cli *cli, int rc)
{
	unsigned int needs = cli->command->needs;

	if (cli->is_dry_run || !(needs & (RB_CLI_WRITES | RB_CLI_NEEDS_LOCK | RB_CLI_NO_DRY_RUN)))
		return false;
	/* Without a store of its own, as long as it has made none. */
	if (!(needs & RB_CLI_NEEDS_STORE) && rc < 0)
		return false;
	return !(needs & RB_CLI_ASKS) || cli->is_recorded || rc == RB_E_GATE || hook_name();
}

static const char *result_of(const struct rb_cli *cli, int rc)
{
	if (rc == RB_E_GATE)
		return "refused";
	if (rc < 0)
		return "failed";
	if (rc == RB_CLI_FINDINGS)
		return "findings";
	return cli->did_nothing ? "nothing" : "ok";
}

/* The arguments, behind the hook's name; NULL without memory. */
static const char **make_arguments(const struct rb_cli *cli, const struct rb_cli_run *run)
{
	const char **arguments = calloc((size_t)run->argc + 3, sizeof(*arguments));
	size_t count = 0;

	if (arguments && hook_name()) {
		arguments[count++] = hook_name();
		arguments[count++] = cli->command->name;
	}
	for (int i = 0; arguments && i < run->argc; i++)
		arguments[count++] = run->argv[i];
	return arguments;
}

void rb_cli_record(const struct rb_cli *cli, const struct rb_cli_run *run)
{
	struct rb_activity entry = {.time_unix_s = run->time_unix_s,
	                            .duration_ms = run->duration_ms,
	                            .action = hook_name() ? "hook" : cli->command->name,
	                            .result = result_of(cli, run->rc),
	                            .status = rb_cli_exit_code(cli, run->rc)};
	const char **arguments = NULL;
	struct rb_err why = {0};
	int rc;

	if (!is_recorded(cli, run->rc))
		return;
	if (*cli->backup_id)
		entry.backup = cli->backup_id;
	if (run->rc < 0 && run->err && *run->err->msg)
		entry.detail = run->err->msg;
	else if (*cli->detail)
		entry.detail = cli->detail;
	arguments = make_arguments(cli, run);
	entry.arguments = arguments;
	rc = arguments ? rb_record_run(cli->record_dir ? cli->record_dir : cli->dir, &entry, &why)
	               : rb_err_set(&why, RB_E_NOMEM, "no memory");
	/* Where there is no store the command has said so. */
	if (rc < 0 && rc != RB_E_NOSTORE && rc != RB_E_UNSUPPORTED)
		rb_log(RB_LOG_WARN, "this run was not recorded in the activity log: %s", why.msg);
	free(arguments);
}
