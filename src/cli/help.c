/*
 * Help texts: see rowback/cli/doc.h.
 */
#include <stdio.h>
#include <string.h>

#include "rowback/cli/doc.h"
#include "rowback/cli/exit.h"
#include "text_priv.h"

/* Where the help of an option begins; longer options have it on the next line. */
#define HELP_COLUMN 28

/* "  -m, --message TEXT", padded to HELP_COLUMN, and its help. */
static void add_option(struct rb_cli_text *text, const struct rb_cli_command *command,
                       const struct rb_cli_opt *opt)
{
	char short_name = rb_cli_short_name(command, opt);
	size_t start = text->out->len;
	size_t width;

	if (opt->digits)
		rb_cli_text_addf(text, "  -<%s>, ", opt->arg);
	else
		rb_cli_text_addf(text, "  ");
	if (short_name)
		rb_cli_text_addf(text, "-%c, ", short_name);
	else
		rb_cli_text_addf(text, "    ");
	rb_cli_text_addf(text, "--%s%s", opt->long_name, opt->kind == RB_CLI_FLAG ? "" : " ");
	rb_cli_text_value_name(text, opt);

	width = text->out->len - start;
	if (width + 2 > HELP_COLUMN) {
		rb_cli_text_addf(text, "\n");
		width = 0;
	}
	rb_cli_text_addf(text, "%*s", (int)(HELP_COLUMN - width), "");
	rb_cli_text_wrap(text, opt->help, HELP_COLUMN, HELP_COLUMN);
}

/* "  NAME", padded, and what it means. */
static void add_row(struct rb_cli_text *text, const char *name, size_t column, const char *meaning)
{
	rb_cli_text_addf(text, "  %-*s", (int)column - 2, name);
	rb_cli_text_wrap(text, meaning, column, column);
}

static void add_exits(struct rb_cli_text *text)
{
	char code[16];

	rb_cli_text_addf(text, "\nExit status:\n");
	for (size_t i = 0; rb_cli_exit_at(i); i++) {
		const struct rb_cli_exit *row = rb_cli_exit_at(i);

		if (!row->meaning)
			continue;
		snprintf(code, sizeof(code), "%d", row->code);
		add_row(text, code, 9, row->meaning);
	}
	snprintf(code, sizeof(code), "%d+N", RB_CLI_EXIT_SIGNAL);
	add_row(text, code, 9, "ended by signal N");
}

int rb_cli_help_all(struct rb_buf *out, struct rb_err *err)
{
	struct rb_cli_text text = {.out = out, .err = err};

	rb_cli_text_addf(&text, "usage: rowback [-C DIR] [OPTION]... COMMAND [ARG]...\n\n");
	rb_cli_text_wrap(&text,
	                 "Back databases up into a private git repository: every table as JSON "
	                 "Lines, every backup a commit, pushed to a remote of yours.",
	                 0, 0);
	rb_cli_text_addf(&text, "\nCommands:\n");
	for (size_t i = 0; rb_cli_commands[i]; i++) {
		if (!rb_cli_commands[i]->hidden)
			add_row(&text, rb_cli_commands[i]->name, 12, rb_cli_commands[i]->summary);
	}
	rb_cli_text_addf(&text, "\nOptions of every command, before or after its name:\n");
	for (const struct rb_cli_opt *opt = rb_cli_global_opts; opt->kind != RB_CLI_END; opt++)
		add_option(&text, NULL, opt);
	add_exits(&text);
	rb_cli_text_addf(&text, "\nSee 'rowback help COMMAND' for one command.\n");
	return text.rc;
}

/* Append a piece of the usage line, on a new line when it does not fit. */
static void add_piece(struct rb_cli_text *text, const char *piece, size_t *column, size_t indent)
{
	if (*column + 1 + strlen(piece) > RB_CLI_WRAP_COLUMNS) {
		rb_cli_text_addf(text, "\n%*s", (int)indent, "");
		*column = indent;
	} else {
		rb_cli_text_addf(text, " ");
		(*column)++;
	}
	rb_cli_text_addf(text, "%s", piece);
	*column += strlen(piece);
}

/* "[-m TEXT]", "[--source NAME]...", "[-<N>]" */
static int option_piece(const struct rb_cli_opt *opt, struct rb_buf *out, struct rb_err *err)
{
	struct rb_cli_text text = {.out = out, .err = err};

	rb_buf_clear(out);
	if (opt->digits)
		rb_cli_text_addf(&text, "[-<%s>", opt->arg);
	else if (opt->short_name)
		rb_cli_text_addf(&text, "[-%c", opt->short_name);
	else
		rb_cli_text_addf(&text, "[--%s", opt->long_name);
	if (opt->kind != RB_CLI_FLAG && !opt->digits) {
		rb_cli_text_addf(&text, " ");
		rb_cli_text_value_name(&text, opt);
	}
	rb_cli_text_addf(&text, "]%s", opt->kind == RB_CLI_LIST ? "..." : "");
	return text.rc;
}

static void add_usage(struct rb_cli_text *text, const struct rb_cli_command *command)
{
	static const char start[] = "usage: rowback ";
	struct rb_buf piece = RB_BUF(RB_CLI_DOC_MAX);
	size_t indent = strlen(start) + strlen(command->name) + 1;
	size_t column = indent - 1;

	rb_cli_text_addf(text, "%s%s", start, command->name);
	for (const struct rb_cli_opt *opt = command->opts; opt->kind != RB_CLI_END; opt++) {
		if (text->rc == RB_OK)
			text->rc = option_piece(opt, &piece, text->err);
		add_piece(text, rb_buf_str(&piece), &column, indent);
	}
	for (const struct rb_cli_arg *arg = command->args; arg->name; arg++) {
		rb_buf_clear(&piece);
		if (text->rc == RB_OK)
			text->rc = rb_buf_addf(&piece, text->err,
			                       arg->rest       ? "-- %s [ARG]..."
			                       : arg->required ? "%s"
			                                       : "[%s]",
			                       arg->name);
		add_piece(text, rb_buf_str(&piece), &column, indent);
	}
	rb_cli_text_addf(text, "\n");
	rb_buf_release(&piece);
}

static void add_paragraph(struct rb_cli_text *text, const char *paragraph, bool is_example)
{
	rb_cli_text_addf(text, "\n");
	if (is_example)
		rb_cli_text_addf(text, "%s\n", paragraph);
	else
		rb_cli_text_wrap(text, paragraph, 0, 0);
}

int rb_cli_help_command(const struct rb_cli_command *command, struct rb_buf *out,
                        struct rb_err *err)
{
	struct rb_cli_text text = {.out = out, .err = err};

	add_usage(&text, command);
	rb_cli_text_paragraphs(&text, command->description, add_paragraph);

	if (command->args[0].name)
		rb_cli_text_addf(&text, "\nArguments:\n");
	for (const struct rb_cli_arg *arg = command->args; arg->name; arg++)
		add_row(&text, arg->name, HELP_COLUMN, arg->help);

	if (command->opts[0].kind != RB_CLI_END)
		rb_cli_text_addf(&text, "\nOptions:\n");
	for (const struct rb_cli_opt *opt = command->opts; opt->kind != RB_CLI_END; opt++)
		add_option(&text, command, opt);

	rb_cli_text_addf(&text, "\nGlobal options:\n");
	for (const struct rb_cli_opt *opt = rb_cli_global_opts; opt->kind != RB_CLI_END; opt++) {
		if (rb_cli_shows_global(command, opt))
			add_option(&text, command, opt);
	}
	return text.rc;
}
