/*
 * The manual page: see rowback/cli/doc.h.
 *
 * man(7) macros only, so that groff, mandoc and old systems show the same.  No date in it: it
 * would be the day of the build.
 */
#include <string.h>

#include "rowback/cli/doc.h"
#include "rowback/cli/exit.h"
#include "rowback/config/config.h"
#include "text_priv.h"

/* What stands beside the commands; each paragraph as in a command's description. */
static const char intro[] =
        "rowback exports every table of a database as normalized JSON Lines into a git repository, "
        "the store, commits and pushes it to a private remote. The git history is the catalog of "
        "the backups: 'git log' lists them, and 'rowback restore' writes any of them back.\n\n"
        "Results go to standard output, messages and progress to standard error.";

static const char backups[] =
        "Commands that take a BACKUP understand the id that 'rowback log' shows "
        "(20261120T155800Z) or the beginning of one, the hash of its commit, 'latest' for the "
        "newest, and 'latest~2' for the second before it.\n\n"
        "A point in time (WHEN) is a date (2026-11-20), a date and time in local time "
        "('2026-11-20 15:58') or in UTC (2026-11-20T15:58:00Z), 'yesterday' or '2 days ago'. A "
        "DURATION is a number and a unit, or several: 90s, 15m, 26h, 30d, 2w, 1d12h.";

static const char configuration[] =
        "The configuration is the store's own git configuration: 'git config' reads and edits it, "
        "and 'rowback init' writes it. With --config it is read from another file of the same "
        "form. A key of the sections rowback and source that is not listed here is an error.\n\n"
        "  [rowback]\n"
        "      maxAge = 26h\n"
        "  [source \"app\"]\n"
        "      url = sqlite:/srv/app/data/app.db\n"
        "      exclude = logs, cache_*\n"
        "  [remote \"origin\"]\n"
        "      url = git@example.com:me/app-backups.git";

/* A name and what is said about it. */
struct entry {
	const char *name;
	const char *text;
};

static const struct entry environment[] = {
        {"NO_COLOR", "When it is set to anything, no colour is used."},
        {"TMPDIR", "Where scratch databases are made, instead of /tmp."},
        {"HOME", "Where the user's git and ssh configuration lie, which a push goes by."},
        {NULL, NULL},
};

static const struct entry files[] = {
        {".git/config", "The configuration of the store."},
        {".git/rowback/", "What rowback remembers: confirmed pushes, the lock. It can be deleted."},
        {"rowback.json", "The version of the store's format, its sources and their tables."},
        {"RESTORE.md", "How to restore without rowback."},
        {NULL, NULL},
};

/* Append text of which roff interprets nothing. */
static void add_plain(struct rb_cli_text *text, const char *plain)
{
	bool is_line_start = true;

	for (const char *p = plain; *p; p++) {
		if (is_line_start && (*p == '.' || *p == '\''))
			rb_cli_text_addf(text, "\\&");
		is_line_start = *p == '\n';
		switch (*p) {
		case '\\':
			rb_cli_text_addf(text, "\\e");
			break;
		case '-':
			rb_cli_text_addf(text, "\\-");
			break;
		case '\'':
			rb_cli_text_addf(text, "\\(aq");
			break;
		case '~':
			rb_cli_text_addf(text, "\\(ti");
			break;
		case '^':
			rb_cli_text_addf(text, "\\(ha");
			break;
		case '`':
			rb_cli_text_addf(text, "\\(ga");
			break;
		default:
			rb_cli_text_addf(text, "%c", *p);
		}
	}
}

static void add_paragraph(struct rb_cli_text *text, const char *paragraph, bool is_example)
{
	rb_cli_text_addf(text, ".PP\n%s", is_example ? ".nf\n" : "");
	add_plain(text, paragraph);
	rb_cli_text_addf(text, "\n%s", is_example ? ".fi\n" : "");
}

/* An entry of a list: the name in bold, the text indented below. */
static void add_entry(struct rb_cli_text *text, const char *name, const char *words)
{
	rb_cli_text_addf(text, ".TP\n\\fB");
	add_plain(text, name);
	rb_cli_text_addf(text, "\\fR\n");
	add_plain(text, words);
	rb_cli_text_addf(text, "\n");
}

/* " DIR" in italics, or " full|quick" in bold. */
static void add_value(struct rb_cli_text *text, const struct rb_cli_opt *opt)
{
	struct rb_buf name = RB_BUF(RB_CLI_DOC_MAX);
	struct rb_cli_text words = {.out = &name, .err = text->err};

	if (opt->kind == RB_CLI_FLAG)
		return;
	rb_cli_text_value_name(&words, opt);
	if (words.rc < 0 && text->rc == RB_OK)
		text->rc = words.rc;
	rb_cli_text_addf(text, " \\f%c", opt->kind == RB_CLI_CHOICE ? 'B' : 'I');
	add_plain(text, rb_buf_str(&name));
	rb_cli_text_addf(text, "\\fR");
	rb_buf_release(&name);
}

static void add_option(struct rb_cli_text *text, const struct rb_cli_command *command,
                       const struct rb_cli_opt *opt)
{
	char short_name = rb_cli_short_name(command, opt);

	rb_cli_text_addf(text, ".TP\n");
	if (opt->digits)
		rb_cli_text_addf(text, "\\fB\\-\\fR<\\fI%s\\fR>, ", opt->arg);
	if (short_name)
		rb_cli_text_addf(text, "\\fB\\-%c\\fR, ", short_name);
	rb_cli_text_addf(text, "\\fB\\-\\-");
	add_plain(text, opt->long_name);
	rb_cli_text_addf(text, "\\fR");
	add_value(text, opt);
	rb_cli_text_addf(text, "\n");
	add_plain(text, opt->help);
	rb_cli_text_addf(text, "\n");
}

/* The command with its options and operands, on lines that are filled but not spread. */
static void add_synopsis(struct rb_cli_text *text, const struct rb_cli_command *command)
{
	rb_cli_text_addf(text, ".SS rowback %s\n.na\n\\fBrowback %s\\fR", command->name,
	                 command->name);
	for (const struct rb_cli_opt *opt = command->opts; opt->kind != RB_CLI_END; opt++) {
		rb_cli_text_addf(text, "\n[\\fB\\-\\-");
		add_plain(text, opt->long_name);
		rb_cli_text_addf(text, "\\fR");
		add_value(text, opt);
		rb_cli_text_addf(text, "]%s", opt->kind == RB_CLI_LIST ? "..." : "");
	}
	for (const struct rb_cli_arg *arg = command->args; arg->name; arg++)
		rb_cli_text_addf(text,
		                 arg->rest       ? "\n\\fB\\-\\-\\fR \\fI%s\\fR [\\fIARG\\fR]..."
		                 : arg->required ? "\n\\fI%s\\fR"
		                                 : "\n[\\fI%s\\fR]",
		                 arg->name);
	rb_cli_text_addf(text, "\n.ad\n");
}

static void add_command(struct rb_cli_text *text, const struct rb_cli_command *command)
{
	add_synopsis(text, command);
	rb_cli_text_paragraphs(text, command->description, add_paragraph);
	for (const struct rb_cli_arg *arg = command->args; arg->name; arg++) {
		rb_cli_text_addf(text, ".TP\n\\fI%s\\fR\n", arg->name);
		add_plain(text, arg->help);
		rb_cli_text_addf(text, "\n");
	}
	for (const struct rb_cli_opt *opt = command->opts; opt->kind != RB_CLI_END; opt++)
		add_option(text, command, opt);
}

static void add_keys(struct rb_cli_text *text)
{
	for (size_t i = 0; rb_config_key_at(i); i++) {
		const struct rb_config_key *key = rb_config_key_at(i);

		rb_cli_text_addf(text, ".TP\n\\fB");
		add_plain(text, key->name);
		rb_cli_text_addf(text, "\\fR = \\fI");
		add_plain(text, key->form);
		rb_cli_text_addf(text, "\\fR\n");
		add_plain(text, key->help);
		if (key->fallback) {
			rb_cli_text_addf(text, "\nWhen it is not set: ");
			add_plain(text, key->fallback);
			rb_cli_text_addf(text, ".");
		}
		rb_cli_text_addf(text, "\n");
	}
}

static void add_exits(struct rb_cli_text *text)
{
	for (size_t i = 0; rb_cli_exit_at(i); i++) {
		const struct rb_cli_exit *row = rb_cli_exit_at(i);

		if (row->meaning) {
			rb_cli_text_addf(text, ".TP\n\\fB%d\\fR\n", row->code);
			add_plain(text, row->meaning);
			rb_cli_text_addf(text, "\n");
		}
	}
	rb_cli_text_addf(text, ".TP\n\\fB%d+N\\fR\nended by signal N\n", RB_CLI_EXIT_SIGNAL);
}

static void add_entries(struct rb_cli_text *text, const struct entry *entries)
{
	for (size_t i = 0; entries[i].name; i++)
		add_entry(text, entries[i].name, entries[i].text);
}

int rb_cli_man(struct rb_buf *out, struct rb_err *err)
{
	struct rb_cli_text text = {.out = out, .err = err};

	rb_cli_text_addf(&text,
	                 ".TH ROWBACK 1 \"\" \"rowback %s\" \"User Commands\"\n"
	                 ".SH NAME\nrowback \\- back databases up into a private git repository\n"
	                 ".SH SYNOPSIS\n\\fBrowback\\fR [\\fB\\-C\\fR \\fIDIR\\fR] "
	                 "[\\fIOPTION\\fR]... \\fICOMMAND\\fR [\\fIARG\\fR]...\n"
	                 ".SH DESCRIPTION\n",
	                 RB_VERSION);
	rb_cli_text_paragraphs(&text, intro, add_paragraph);

	rb_cli_text_addf(&text, ".SH OPTIONS\nThey may stand before or after the command.\n");
	for (const struct rb_cli_opt *opt = rb_cli_global_opts; opt->kind != RB_CLI_END; opt++)
		add_option(&text, NULL, opt);

	rb_cli_text_addf(&text, ".SH COMMANDS\n");
	for (size_t i = 0; rb_cli_commands[i]; i++) {
		if (!rb_cli_commands[i]->hidden)
			add_command(&text, rb_cli_commands[i]);
	}
	rb_cli_text_addf(&text, ".SH NAMING BACKUPS AND TIMES\n");
	rb_cli_text_paragraphs(&text, backups, add_paragraph);
	rb_cli_text_addf(&text, ".SH CONFIGURATION\n");
	rb_cli_text_paragraphs(&text, configuration, add_paragraph);
	add_keys(&text);
	rb_cli_text_addf(&text, ".SH EXIT STATUS\n");
	add_exits(&text);
	rb_cli_text_addf(&text, ".SH ENVIRONMENT\n");
	add_entries(&text, environment);
	rb_cli_text_addf(&text, ".SH FILES\nIn the store:\n");
	add_entries(&text, files);
	rb_cli_text_addf(&text, ".SH SEE ALSO\n\\fBgit\\fR(1), \\fBgit\\-config\\fR(1), "
	                        "\\fBsqlite3\\fR(1), \\fBpg_dump\\fR(1), \\fBpsql\\fR(1)\n");
	return text.rc;
}
