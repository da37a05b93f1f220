/*
 * rb_cli_run(): from argv to the command.  See rowback/cli/command.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rowback/base/log.h"
#include "rowback/base/time.h"
#include "rowback/cli/command.h"
#include "rowback/cli/doc.h"

/* Print the help of a command, or of all of them. */
static int print_help(const struct rb_cli *cli, const struct rb_cli_command *command,
                      struct rb_err *err)
{
	struct rb_buf text = RB_BUF(RB_CLI_DOC_MAX);
	int rc;

	rc = command ? rb_cli_help_command(command, &text, err) : rb_cli_help_all(&text, err);
	if (rc == RB_OK)
		rb_out_printf(&cli->out, "%s", rb_buf_str(&text));
	rb_buf_release(&text);
	return rc;
}

static int print_version(const struct rb_cli *cli)
{
	rb_out_printf(&cli->out, "rowback %s\n", RB_VERSION);
	return RB_OK;
}

/* Make the global options count for what is printed from here on. */
static void set_up_output(struct rb_cli *cli)
{
	cli->out.has_color = !cli->has_no_color && rb_out_may_color(STDOUT_FILENO);
	rb_log_set_color(!cli->has_no_color && rb_out_may_color(STDERR_FILENO));
	if (cli->is_verbose)
		rb_log_set_level(RB_LOG_DEBUG);
	else if (cli->is_quiet)
		rb_log_set_level(RB_LOG_WARN);
}

/* A wrong option may stand in front of --json; the program that asked for it wants to know. */
static void look_for_json(struct rb_cli *cli, int argc, char *const *argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "--json") == 0)
			cli->wants_json = true;
	}
}

/* Run the command; what was asked to change nothing must not be done in earnest. */
static int run_it(struct rb_cli *cli, const void *values, int argc, char *const *argv,
                  struct rb_err *err)
{
	struct rb_cli_run run = {.argc = argc,
	                         .argv = argv,
	                         .time_unix_s = rb_time_now_unix_s(),
	                         .duration_ms = -rb_time_mono_ms(),
	                         .err = err};

	if (cli->is_dry_run && (cli->command->needs & RB_CLI_NO_DRY_RUN))
		return rb_err_set(err, RB_E_USAGE,
		                  "'rowback %s' has no --dry-run; nothing was done",
		                  cli->command->name);
	run.rc = cli->command->run(cli, values, err);
	run.duration_ms += rb_time_mono_ms();
	rb_cli_record(cli, &run);
	return run.rc;
}

/* Parse what stands after the command's name, and run it. */
static int run_command(struct rb_cli *cli, int argc, char *const *argv, struct rb_err *err)
{
	const struct rb_cli_command *command = cli->command;
	struct rb_cli_parse parse = {
	        .own = {.opts = command->opts},
	        .global = {.opts = rb_cli_global_opts, .values = cli},
	        .args = command->args,
	        .command = command->name,
	};
	void *values = NULL;
	int used;
	int rc;

	/* One byte at least: commands without a struct get a pointer all the same. */
	values = calloc(1, command->values_size + 1);
	if (!values) {
		rc = rb_err_set(err, RB_E_NOMEM, "no memory for the options");
		goto out;
	}
	if (command->defaults)
		memcpy(values, command->defaults, command->values_size);
	parse.own.values = values;

	rc = rb_cli_parse(&parse, argc, argv, &used, err);
	set_up_output(cli);
	/* First: somebody who asks for help is not told that an operand is missing. */
	if (cli->wants_help)
		rc = print_help(cli, command, err);
	else if (cli->wants_version)
		rc = print_version(cli);
	else if (rc == RB_OK)
		rc = run_it(cli, values, argc, argv, err);

out:
	if (values)
		rb_cli_values_release(&parse.own);
	free(values);
	return rc;
}

int rb_cli_run(struct rb_cli *cli, int argc, char *const *argv, struct rb_err *err)
{
	const struct rb_cli_parse parse = {.global = {.opts = rb_cli_global_opts, .values = cli}};
	int used = 0;
	int rc;

	cli->out.file = stdout;
	rc = rb_cli_parse(&parse, argc > 0 ? argc - 1 : 0, argv + 1, &used, err);
	set_up_output(cli);
	if (rc < 0)
		goto out;
	used++; /* the program's name */

	if (cli->wants_version) {
		rc = print_version(cli);
		goto out;
	}
	if (used >= argc) {
		if (cli->wants_help) {
			rc = print_help(cli, NULL, err);
			goto out;
		}
		rb_err_set(err, RB_E_USAGE, "no command given");
		rc = rb_err_hint(err, "'rowback --help' lists the commands");
		goto out;
	}
	rc = rb_cli_find(argv[used], &cli->command, err);
	if (rc == RB_OK)
		rc = run_command(cli, argc - used - 1, argv + used + 1, err);

out:
	if (rc < 0)
		look_for_json(cli, argc, argv);
	return rc;
}
