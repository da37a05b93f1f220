/*
 * Completion scripts: see rowback/cli/doc.h.
 */
#include <string.h>

#include "rowback/cli/doc.h"
#include "text_priv.h"

/* Append text for inside single quotes, with the characters of `escaped` after a backslash. */
static void add_quoted(struct rb_cli_text *text, const char *plain, const char *escaped,
                       const char *quote)
{
	for (const char *p = plain; *p; p++) {
		if (*p == '\'')
			rb_cli_text_addf(text, "%s", quote);
		else if (strchr(escaped, *p))
			rb_cli_text_addf(text, "\\%c", *p);
		else
			rb_cli_text_addf(text, "%c", *p);
	}
}

/* The names of the commands that a user sees, between blanks. */
static void add_command_names(struct rb_cli_text *text)
{
	const char *between = "";

	for (size_t i = 0; rb_cli_commands[i]; i++) {
		if (rb_cli_commands[i]->hidden)
			continue;
		rb_cli_text_addf(text, "%s%s", between, rb_cli_commands[i]->name);
		between = " ";
	}
}

static void add_choices(struct rb_cli_text *text, const char *const *choices)
{
	for (size_t i = 0; choices[i]; i++)
		rb_cli_text_addf(text, "%s%s", i > 0 ? " " : "", choices[i]);
}

/* bash */

/* The statement that completes a value. */
static void add_bash_values(struct rb_cli_text *text, const char *const *choices,
                            enum rb_cli_complete complete)
{
	if (choices) {
		rb_cli_text_addf(text, "_rowback_words '");
		add_choices(text, choices);
		rb_cli_text_addf(text, "'");
	} else if (complete == RB_CLI_COMPLETE_COMMAND) {
		rb_cli_text_addf(text, "_rowback_words '");
		add_command_names(text);
		rb_cli_text_addf(text, "'");
	} else if (complete == RB_CLI_COMPLETE_PROGRAM) {
		rb_cli_text_addf(text, "_rowback_files -c");
	} else if (complete == RB_CLI_COMPLETE_FILE) {
		rb_cli_text_addf(text, "_rowback_files -f");
	} else if (complete == RB_CLI_COMPLETE_DIR) {
		rb_cli_text_addf(text, "_rowback_files -d");
	} else {
		rb_cli_text_addf(text, ":");
	}
}

/* A case for each option that takes a value: "backup:--trigger) ... ;;" */
static void add_bash_option_values(struct rb_cli_text *text, const char *command,
                                   const struct rb_cli_opt *opts)
{
	for (const struct rb_cli_opt *opt = opts; opt->kind != RB_CLI_END; opt++) {
		if (opt->kind == RB_CLI_FLAG)
			continue;
		rb_cli_text_addf(text, "\t%s:--%s", command, opt->long_name);
		if (opt->short_name)
			rb_cli_text_addf(text, " | %s:-%c", command, opt->short_name);
		rb_cli_text_addf(text, ") ");
		add_bash_values(text, opt->choices, opt->complete);
		rb_cli_text_addf(text, "; return ;;\n");
	}
}

/* The names of options between blanks; of the global ones those that a command shows. */
static void add_bash_option_names(struct rb_cli_text *text, const struct rb_cli_command *command)
{
	const char *between = "";

	for (const struct rb_cli_opt *opt = command ? command->opts : rb_cli_global_opts;
	     opt->kind != RB_CLI_END; opt++) {
		rb_cli_text_addf(text, "%s--%s", between, opt->long_name);
		between = " ";
	}
	for (const struct rb_cli_opt *opt = rb_cli_global_opts; command && opt->kind != RB_CLI_END;
	     opt++) {
		if (!rb_cli_shows_global(command, opt))
			continue;
		rb_cli_text_addf(text, "%s--%s", between, opt->long_name);
		between = " ";
	}
}

/* The options with a value that may stand before the command, for finding it. */
static void add_bash_valued_globals(struct rb_cli_text *text)
{
	const char *between = "";

	for (const struct rb_cli_opt *opt = rb_cli_global_opts; opt->kind != RB_CLI_END; opt++) {
		if (opt->kind == RB_CLI_FLAG)
			continue;
		rb_cli_text_addf(text, "%s--%s", between, opt->long_name);
		if (opt->short_name)
			rb_cli_text_addf(text, " | -%c", opt->short_name);
		between = " | ";
	}
}

static void add_bash(struct rb_cli_text *text)
{
	rb_cli_text_addf(text,
	                 "# bash completion for rowback, made by 'rowback completion bash'\n\n"
	                 "_rowback_words()\n{\n"
	                 "\tCOMPREPLY=($(compgen -W \"$1\" -- \"$cur\"))\n}\n\n"
	                 "_rowback_files()\n{\n\tlocal IFS=$'\\n'\n\n"
	                 "\tcompopt -o filenames 2>/dev/null\n"
	                 "\tCOMPREPLY=($(compgen \"$1\" -- \"$cur\"))\n}\n\n"
	                 "_rowback()\n{\n\tlocal cur prev command i\n\n"
	                 "\tCOMPREPLY=()\n\tcommand=\n\tcur=${COMP_WORDS[COMP_CWORD]}\n"
	                 "\tprev=${COMP_WORDS[COMP_CWORD - 1]}\n"
	                 "\t# \"--option=value\" comes as three words\n"
	                 "\tif [ \"$cur\" = = ]; then\n\t\tcur=\n"
	                 "\telif [ \"$prev\" = = ]; then\n"
	                 "\t\tprev=${COMP_WORDS[COMP_CWORD - 2]}\n\tfi\n"
	                 "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	                 "\t\tcase ${COMP_WORDS[i]} in\n\t\t");
	add_bash_valued_globals(text);
	rb_cli_text_addf(text, ") i=$((i + 1)) ;;\n\t\t-* | =) ;;\n"
	                       "\t\t*) command=${COMP_WORDS[i]}; break ;;\n\t\tesac\n\tdone\n\n"
	                       "\tcase $command:$prev in\n");
	for (size_t i = 0; rb_cli_commands[i]; i++)
		add_bash_option_values(text, rb_cli_commands[i]->name, rb_cli_commands[i]->opts);
	add_bash_option_values(text, "*", rb_cli_global_opts);

	rb_cli_text_addf(text, "\tesac\n\n\tcase $command:$cur in\n\t:-*) _rowback_words '");
	add_bash_option_names(text, NULL);
	rb_cli_text_addf(text, "' ;;\n\t:*) _rowback_words '");
	add_command_names(text);
	rb_cli_text_addf(text, "' ;;\n");
	for (size_t i = 0; rb_cli_commands[i]; i++) {
		const struct rb_cli_command *command = rb_cli_commands[i];

		rb_cli_text_addf(text, "\t%s:-*) _rowback_words '", command->name);
		add_bash_option_names(text, command);
		rb_cli_text_addf(text, "' ;;\n");
		if (command->args[0].name) {
			rb_cli_text_addf(text, "\t%s:*) ", command->name);
			add_bash_values(text, command->args[0].choices, command->args[0].complete);
			rb_cli_text_addf(text, " ;;\n");
		}
	}
	rb_cli_text_addf(text, "\tesac\n}\n\ncomplete -F _rowback rowback\n");
}

/* zsh */

/* ":NAME:ACTION" for inside single quotes. */
static void add_zsh_action(struct rb_cli_text *text, const char *name, const char *const *choices,
                           enum rb_cli_complete complete)
{
	rb_cli_text_addf(text, ":");
	add_quoted(text, name, "\\:", "'\\''");
	if (choices || complete == RB_CLI_COMPLETE_COMMAND) {
		rb_cli_text_addf(text, ":(");
		if (choices)
			add_choices(text, choices);
		else
			add_command_names(text);
		rb_cli_text_addf(text, ")");
	} else if (complete == RB_CLI_COMPLETE_FILE) {
		rb_cli_text_addf(text, ":_files");
	} else if (complete == RB_CLI_COMPLETE_DIR) {
		rb_cli_text_addf(text, ":_files -/");
	} else {
		rb_cli_text_addf(text, ": ");
	}
}

/* One line for one name of an option: '(-C --store)--store=[help]:DIR:_files -/' */
static void add_zsh_name(struct rb_cli_text *text, const struct rb_cli_opt *opt, char short_name,
                         bool is_long)
{
	bool has_value = opt->kind != RB_CLI_FLAG;

	rb_cli_text_addf(text, "\t\t'");
	if (opt->kind == RB_CLI_LIST)
		rb_cli_text_addf(text, "*");
	else if (short_name)
		rb_cli_text_addf(text, "(-%c --%s)", short_name, opt->long_name);
	if (is_long)
		rb_cli_text_addf(text, "--%s%s[", opt->long_name, has_value ? "=" : "");
	else
		rb_cli_text_addf(text, "-%c%s[", short_name, has_value ? "+" : "");
	add_quoted(text, opt->help, "\\[]:", "'\\''");
	rb_cli_text_addf(text, "]");
	if (has_value)
		add_zsh_action(text, opt->arg ? opt->arg : opt->long_name, opt->choices,
		               opt->complete);
	rb_cli_text_addf(text, "'\n");
}

static void add_zsh_option(struct rb_cli_text *text, const struct rb_cli_command *command,
                           const struct rb_cli_opt *opt)
{
	char short_name = rb_cli_short_name(command, opt);

	if (short_name)
		add_zsh_name(text, opt, short_name, false);
	add_zsh_name(text, opt, short_name, true);
}

static void add_zsh_command(struct rb_cli_text *text, const struct rb_cli_command *command)
{
	rb_cli_text_addf(text, "\t%s)\n\t\tspecs=(\n", command->name);
	for (const struct rb_cli_opt *opt = command->opts; opt->kind != RB_CLI_END; opt++)
		add_zsh_option(text, command, opt);
	for (const struct rb_cli_opt *opt = rb_cli_global_opts; opt->kind != RB_CLI_END; opt++) {
		if (rb_cli_shows_global(command, opt))
			add_zsh_option(text, command, opt);
	}
	for (const struct rb_cli_arg *arg = command->args; arg->name; arg++) {
		if (arg->rest) {
			rb_cli_text_addf(text, "\t\t'*::%s:_normal'\n", arg->name);
			continue;
		}
		rb_cli_text_addf(text, "\t\t'%td:", arg - command->args + 1);
		add_zsh_action(text, arg->name, arg->choices, arg->complete);
		rb_cli_text_addf(text, "'\n");
	}
	rb_cli_text_addf(text, "\t\t)\n\t\t;;\n");
}

static void add_zsh(struct rb_cli_text *text)
{
	rb_cli_text_addf(text, "#compdef rowback\n"
	                       "# zsh completion for rowback, made by 'rowback completion zsh'\n\n"
	                       "_rowback() {\n\tlocal curcontext=\"$curcontext\" state line ret=1\n"
	                       "\tlocal -a specs commands\n\n\tspecs=(\n");
	for (const struct rb_cli_opt *opt = rb_cli_global_opts; opt->kind != RB_CLI_END; opt++)
		add_zsh_option(text, NULL, opt);
	rb_cli_text_addf(text, "\t\t'1:command:->command'\n\t\t'*::argument:->argument'\n\t)\n"
	                       "\t_arguments -C -s $specs && ret=0\n\n"
	                       "\tif [[ $state == command ]]; then\n\t\tcommands=(\n");
	for (size_t i = 0; rb_cli_commands[i]; i++) {
		if (rb_cli_commands[i]->hidden)
			continue;
		rb_cli_text_addf(text, "\t\t'%s:", rb_cli_commands[i]->name);
		add_quoted(text, rb_cli_commands[i]->summary, "\\:", "'\\''");
		rb_cli_text_addf(text, "'\n");
	}
	rb_cli_text_addf(text,
	                 "\t\t)\n\t\t_describe -t commands 'rowback command' commands && ret=0\n"
	                 "\t\treturn ret\n\tfi\n\t[[ $state == argument ]] || return ret\n\n"
	                 "\tspecs=()\n\tcase $line[1] in\n");
	for (size_t i = 0; rb_cli_commands[i]; i++)
		add_zsh_command(text, rb_cli_commands[i]);
	rb_cli_text_addf(text, "\tesac\n\t(( $#specs )) && _arguments -s $specs && ret=0\n"
	                       "\treturn ret\n}\n\n_rowback \"$@\"\n");
}

/* fish */

static void add_fish_values(struct rb_cli_text *text, const char *const *choices,
                            enum rb_cli_complete complete)
{
	if (choices || complete == RB_CLI_COMPLETE_COMMAND) {
		rb_cli_text_addf(text, " -a '");
		if (choices)
			add_choices(text, choices);
		else
			add_command_names(text);
		rb_cli_text_addf(text, "'");
	} else if (complete == RB_CLI_COMPLETE_PROGRAM) {
		rb_cli_text_addf(text, " -a '(__fish_complete_subcommand)'");
	} else if (complete == RB_CLI_COMPLETE_DIR) {
		rb_cli_text_addf(text, " -a '(__fish_complete_directories)'");
	}
}

static void add_fish_option(struct rb_cli_text *text, const struct rb_cli_command *command,
                            const struct rb_cli_opt *opt)
{
	char short_name = rb_cli_short_name(command, opt);

	rb_cli_text_addf(text, "complete -c rowback");
	if (command)
		rb_cli_text_addf(text, " -n '__fish_seen_subcommand_from %s'", command->name);
	if (short_name)
		rb_cli_text_addf(text, " -s %c", short_name);
	rb_cli_text_addf(text, " -l %s", opt->long_name);
	if (opt->kind != RB_CLI_FLAG) {
		rb_cli_text_addf(text, opt->complete == RB_CLI_COMPLETE_FILE ? " -r -F" : " -x");
		add_fish_values(text, opt->choices, opt->complete);
	}
	rb_cli_text_addf(text, " -d '");
	add_quoted(text, opt->help, "\\", "\\'");
	rb_cli_text_addf(text, "'\n");
}

static void add_fish(struct rb_cli_text *text)
{
	rb_cli_text_addf(text,
	                 "# fish completion for rowback, made by 'rowback completion fish'\n\n"
	                 "complete -c rowback -f\n");
	for (const struct rb_cli_opt *opt = rb_cli_global_opts; opt->kind != RB_CLI_END; opt++)
		add_fish_option(text, NULL, opt);

	for (size_t i = 0; rb_cli_commands[i]; i++) {
		const struct rb_cli_command *command = rb_cli_commands[i];

		rb_cli_text_addf(text, "\n");
		if (!command->hidden) {
			rb_cli_text_addf(text,
			                 "complete -c rowback -n __fish_use_subcommand -a %s -d '",
			                 command->name);
			add_quoted(text, command->summary, "\\", "\\'");
			rb_cli_text_addf(text, "'\n");
		}
		for (const struct rb_cli_opt *opt = command->opts; opt->kind != RB_CLI_END; opt++)
			add_fish_option(text, command, opt);
		if (command->args[0].choices || command->args[0].complete) {
			rb_cli_text_addf(text,
			                 "complete -c rowback -n '__fish_seen_subcommand_from %s'",
			                 command->name);
			add_fish_values(text, command->args[0].choices, command->args[0].complete);
			rb_cli_text_addf(text, "\n");
		}
	}
}

int rb_cli_completion(const char *shell, struct rb_buf *out, struct rb_err *err)
{
	struct rb_cli_text text = {.out = out, .err = err};

	if (strcmp(shell, "bash") == 0)
		add_bash(&text);
	else if (strcmp(shell, "zsh") == 0)
		add_zsh(&text);
	else if (strcmp(shell, "fish") == 0)
		add_fish(&text);
	else
		return rb_err_set(err, RB_E_USAGE, "no completion for '%.40s'", shell);
	return text.rc;
}
