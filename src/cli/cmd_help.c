/*
 * rowback help, and what packagers run: rowback completion, rowback man.
 */
#include "rowback/cli/doc.h"
#include "cmd_priv.h"

struct name_opts {
	const char *name; /* of a command or a shell; NULL: none */
};

static const struct rb_cli_opt no_opts[] = {{.kind = RB_CLI_END}};

static const struct rb_cli_arg help_args[] = {
        {
                .name = "COMMAND",
                .help = "the command to explain; all are listed when left out",
                .offset = offsetof(struct name_opts, name),
                .complete = RB_CLI_COMPLETE_COMMAND,
        },
        {.name = NULL},
};

static const char *const shells[] = {"bash", "zsh", "fish", NULL};

static const struct rb_cli_arg completion_args[] = {
        {
                .name = "SHELL",
                .help = "bash, zsh or fish",
                .required = true,
                .offset = offsetof(struct name_opts, name),
                .choices = shells,
        },
        {.name = NULL},
};

static int run_help(struct rb_cli *cli, const void *values, struct rb_err *err)
{
	const struct name_opts *help = values;
	const struct rb_cli_command *command = NULL;
	struct rb_buf text = RB_BUF(RB_CLI_DOC_MAX);
	int rc = RB_OK;

	if (help->name)
		rc = rb_cli_find(help->name, &command, err);
	if (rc == RB_OK)
		rc = command ? rb_cli_help_command(command, &text, err)
		             : rb_cli_help_all(&text, err);
	if (rc == RB_OK)
		rb_out_printf(&cli->out, "%s", rb_buf_str(&text));
	rb_buf_release(&text);
	return rc;
}

static int run_completion(struct rb_cli *cli, const void *values, struct rb_err *err)
{
	const struct name_opts *completion = values;
	struct rb_buf text = RB_BUF(RB_CLI_DOC_MAX);
	int rc = rb_cli_completion(completion->name, &text, err);

	if (rc == RB_OK)
		rb_out_printf(&cli->out, "%s", rb_buf_str(&text));
	rb_buf_release(&text);
	return rc;
}

static int run_man(struct rb_cli *cli, const void *values, struct rb_err *err)
{
	struct rb_buf text = RB_BUF(RB_CLI_DOC_MAX);
	int rc = rb_cli_man(&text, err);

	(void)values;
	if (rc == RB_OK)
		rb_out_printf(&cli->out, "%s", rb_buf_str(&text));
	rb_buf_release(&text);
	return rc;
}

const struct rb_cli_command rb_cmd_help = {
        .name = "help",
        .summary = "explain a command",
        .description = "Explains one command, or lists them all. The manual, rowback(1), has it "
                       "all on one page.",
        .opts = no_opts,
        .args = help_args,
        .values_size = sizeof(struct name_opts),
        .run = run_help,
};

const struct rb_cli_command rb_cmd_completion = {
        .name = "completion",
        .summary = "print the completion script for a shell",
        .description = "Prints what a shell needs to complete rowback's commands and options. "
                       "'make install' puts it where the shells look for it.\n\n"
                       "  source <(rowback completion bash)",
        .opts = no_opts,
        .args = completion_args,
        .hidden = true,
        .values_size = sizeof(struct name_opts),
        .run = run_completion,
};

const struct rb_cli_command rb_cmd_man = {
        .name = "man",
        .summary = "print the manual page",
        .description = "Prints the manual page in the form that man(1) reads.\n\n"
                       "  rowback man >rowback.1 && man -l rowback.1",
        .opts = no_opts,
        .args = rb_cmd_no_args,
        .hidden = true,
        .run = run_man,
};
