/*
 * rowback/cli/doc.h and exit.h: help, manual and completions say what the tables say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "harness/fault.h"
#include "rowback/cli/doc.h"
#include "rowback/cli/exit.h"
#include "rowback/config/config.h"

static const char *const shells[] = {"bash", "zsh", "fish"};

static void assert_has(const struct rb_buf *text, const char *part)
{
	if (!strstr(rb_buf_str(text), part))
		fail_msg("no '%s' in:\n%s", part, rb_buf_str(text));
}

static const struct rb_cli_command *command(const char *name)
{
	const struct rb_cli_command *found = NULL;

	assert_int_equal(rb_cli_find(name, &found, NULL), RB_OK);
	return found;
}

static void a_commands_help_is_made_from_its_table(void **state)
{
	struct rb_buf text = RB_BUF(RB_CLI_DOC_MAX);

	(void)state;
	assert_int_equal(rb_cli_help_command(command("sync"), &text, NULL), RB_OK);
	assert_string_equal(
	        rb_buf_str(&text),
	        "usage: rowback sync [-m TEXT] [--no-push]\n"
	        "\n"
	        "Commits whatever the working tree of the store holds, what 'rowback export'\n"
	        "wrote as well as files of another exporter, and pushes it together with earlier\n"
	        "backups that the remote does not have yet.\n"
	        "\n"
	        "Data is never pushed into a repository that anybody can read (status 20), and a\n"
	        "remote that has gone another way is neither merged nor overwritten (status 14):\n"
	        "the local commit stays.\n"
	        "\n"
	        "Options:\n"
	        "  -m, --message TEXT        the subject of the commit, instead of a summary of\n"
	        "                            the changes\n"
	        "      --no-push             leave the commit local; the next run pushes it\n"
	        "\n"
	        "Global options:\n"
	        "  -C, --store DIR           use the store at DIR or above it, instead of the\n"
	        "                            current directory\n"
	        "      --config FILE         read the rowback and source sections from FILE,\n"
	        "                            instead of the store's git configuration\n"
	        "  -n, --dry-run             say what would be done, and change nothing\n"
	        "      --lock-wait DURATION  wait this long for another operation on the store\n"
	        "                            (90s, 10m); without it the command ends at once\n"
	        "                            with status 11\n"
	        "      --json                print one JSON document, or JSON Lines with\n"
	        "                            message_type\n"
	        "  -q, --quiet               print only results, warnings and errors\n"
	        "  -v, --verbose             say more about what is done\n"
	        "      --no-color            no colour, as with NO_COLOR in the environment\n"
	        "      --version             print the version\n"
	        "  -h, --help                print help, also for a command\n");
	rb_buf_release(&text);
}

static void usage_lines_are_wrapped_between_options(void **state)
{
	struct rb_buf text = RB_BUF(RB_CLI_DOC_MAX);

	(void)state;
	assert_int_equal(rb_cli_help_command(command("log"), &text, NULL), RB_OK);
	assert_has(
	        &text,
	        "usage: rowback log [-<N>] [--kind full|quick|safety] [--label NAME]\n"
	        "                   [--source NAME] [--since WHEN] [--until WHEN] [--offline]\n");
	assert_has(&text, "  -<N>, -n, --max-count N   show N backups at most\n");
	/* -n is taken, and a log locks nothing. */
	assert_null(strstr(rb_buf_str(&text), "--dry-run"));
	assert_null(strstr(rb_buf_str(&text), "--lock-wait"));
	rb_buf_release(&text);
}

static void no_line_of_help_is_too_long(void **state)
{
	(void)state;
	for (size_t i = 0; rb_cli_commands[i]; i++) {
		struct rb_buf text = RB_BUF(RB_CLI_DOC_MAX);
		const char *line;

		assert_int_equal(rb_cli_help_command(rb_cli_commands[i], &text, NULL), RB_OK);
		for (line = text.data; line && *line; line = strchr(line, '\n') + 1) {
			if (strcspn(line, "\n") > 79)
				fail_msg("%s: %.*s", rb_cli_commands[i]->name,
				         (int)strcspn(line, "\n"), line);
		}
		rb_buf_release(&text);
	}
}

static void the_list_has_every_command_and_status(void **state)
{
	struct rb_buf text = RB_BUF(RB_CLI_DOC_MAX);

	(void)state;
	assert_int_equal(rb_cli_help_all(&text, NULL), RB_OK);
	for (size_t i = 0; rb_cli_commands[i]; i++) {
		char line[200];

		snprintf(line, sizeof(line), "\n  %-10s%s\n", rb_cli_commands[i]->name,
		         rb_cli_commands[i]->summary);
		assert_int_equal(strstr(rb_buf_str(&text), line) != NULL,
		                 !rb_cli_commands[i]->hidden);
	}
	assert_has(&text, "\n  11     another operation holds the store's lock\n");
	assert_has(&text, "\n  20     the remote is public; nothing was pushed\n");
	assert_has(&text, "\n  128+N  ended by signal N\n");
	rb_buf_release(&text);
}

/* The tables themselves: what everything else relies on. */
static void the_tables_are_consistent(void **state)
{
	(void)state;
	for (size_t i = 0; rb_cli_commands[i]; i++) {
		const struct rb_cli_command *c = rb_cli_commands[i];

		assert_true(c->name && c->summary && c->description && c->opts && c->args &&
		            c->run);
		assert_true(c->summary[strlen(c->summary) - 1] != '.');
		for (const struct rb_cli_opt *opt = c->opts; opt->kind != RB_CLI_END; opt++) {
			assert_true(opt->long_name && opt->help);
			assert_true(opt->offset < c->values_size);
			assert_true((opt->kind == RB_CLI_CHOICE) == (opt->choices != NULL));
			assert_true((opt->kind == RB_CLI_FLAG || opt->kind == RB_CLI_CHOICE) ==
			            (opt->arg == NULL));
			for (const struct rb_cli_opt *o = c->opts; o != opt; o++)
				assert_string_not_equal(o->long_name, opt->long_name);
		}
		for (const struct rb_cli_arg *arg = c->args; arg->name; arg++)
			assert_true(arg->help && arg->offset < c->values_size);
	}
}

static void statuses_have_one_code_and_name_each(void **state)
{
	static const struct {
		int status;
		int code;
		const char *name;
	} cases[] = {
	        {RB_OK, 0, "ok"},
	        {RB_CLI_FINDINGS, 1, "findings"},
	        {RB_E_USAGE, 2, "usage"},
	        {RB_E_IO, 2, "io"},
	        {RB_E_NOMEM, 2, "no-memory"},
	        {RB_E_INCOMPLETE, 3, "incomplete"},
	        {RB_E_NOSTORE, 10, "no-store"},
	        {RB_E_LOCKED, 11, "locked"},
	        {RB_E_AUTH, 12, "auth"},
	        {RB_E_UNREACHABLE, 13, "unreachable"},
	        {RB_E_REJECTED, 14, "rejected"},
	        {RB_E_MISMATCH, 15, "mismatch"},
	        {RB_E_CONFLICT, 16, "conflict"},
	        {RB_E_GATE, 17, "gate"},
	        {RB_E_SAFETY, 18, "safety"},
	        {RB_E_SUSPICIOUS, 19, "suspicious"},
	        {RB_E_PUBLIC, 20, "public"},
	        {-9999, 2, "error"},
	        {9999, 2, "error"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(rb_cli_exit_of(cases[i].status)->code, cases[i].code);
		assert_string_equal(rb_cli_exit_of(cases[i].status)->name, cases[i].name);
	}
	/* Every status there is has a row of its own. */
	for (int status = RB_E_PUBLIC; status <= RB_CLI_FINDINGS; status++)
		assert_int_equal(rb_cli_exit_of(status)->status, status);
}

static void every_code_is_explained_once(void **state)
{
	int explained[256] = {0};

	(void)state;
	for (size_t i = 0; rb_cli_exit_at(i); i++)
		explained[rb_cli_exit_at(i)->code] += rb_cli_exit_at(i)->meaning != NULL;
	for (size_t i = 0; rb_cli_exit_at(i); i++)
		assert_int_equal(explained[rb_cli_exit_at(i)->code], 1);
}

static void the_manual_has_commands_keys_and_statuses(void **state)
{
	struct rb_buf text = RB_BUF(RB_CLI_DOC_MAX);

	(void)state;
	assert_int_equal(rb_cli_man(&text, NULL), RB_OK);
	assert_int_equal(strncmp(text.data, ".TH ROWBACK 1 ", 14), 0);
	for (size_t i = 0; rb_cli_commands[i]; i++) {
		char line[100];

		snprintf(line, sizeof(line), "\n.SS rowback %s\n", rb_cli_commands[i]->name);
		assert_int_equal(strstr(text.data, line) != NULL, !rb_cli_commands[i]->hidden);
	}
	for (size_t i = 0; rb_config_key_at(i); i++)
		assert_has(&text, rb_config_key_at(i)->name);
	assert_has(&text, "\n.TP\n\\fB20\\fR\nthe remote is public; nothing was pushed\n");
	assert_has(&text, "\n.TP\n\\fB\\-C\\fR, \\fB\\-\\-store\\fR \\fIDIR\\fR\n");
	assert_has(&text, "\\fB\\-\\-no\\-push\\fR\n");
	rb_buf_release(&text);
}

/* A line that begins with a dot or a quote would be taken for a request and vanish. */
static void the_manual_uses_only_known_requests(void **state)
{
	static const char *const known[] = {".TH ",  ".SH ",  ".SS ",  ".PP\n", ".TP\n",
	                                    ".nf\n", ".fi\n", ".na\n", ".ad\n"};
	struct rb_buf text = RB_BUF(RB_CLI_DOC_MAX);

	(void)state;
	assert_int_equal(rb_cli_man(&text, NULL), RB_OK);
	for (const char *line = text.data; *line; line = strchr(line, '\n') + 1) {
		bool is_known = *line != '.' && *line != '\'';

		for (size_t i = 0; !is_known && i < sizeof(known) / sizeof(known[0]); i++)
			is_known = strncmp(line, known[i], strlen(known[i])) == 0;
		if (!is_known)
			fail_msg("%.*s", (int)strcspn(line, "\n"), line);
	}
	rb_buf_release(&text);
}

static void completions_know_every_command_and_option(void **state)
{
	(void)state;
	for (size_t s = 0; s < sizeof(shells) / sizeof(shells[0]); s++) {
		struct rb_buf text = RB_BUF(RB_CLI_DOC_MAX);

		assert_int_equal(rb_cli_completion(shells[s], &text, NULL), RB_OK);
		for (size_t i = 0; rb_cli_commands[i]; i++) {
			const struct rb_cli_opt *opt = rb_cli_commands[i]->opts;

			assert_has(&text, rb_cli_commands[i]->name);
			for (; opt->kind != RB_CLI_END; opt++)
				assert_has(&text, opt->long_name);
		}
		rb_buf_release(&text);
	}
}

static void an_unknown_shell_is_refused(void **state)
{
	struct rb_buf text = RB_BUF(RB_CLI_DOC_MAX);
	struct rb_err err = {0};

	(void)state;
	assert_int_equal(rb_cli_completion("tcsh", &text, &err), RB_E_USAGE);
	assert_string_equal(err.msg, "no completion for 'tcsh'");
	assert_int_equal(text.len, 0);
}

/* Whatever allocation fails: a document is whole, or the status says that it is not. */
static void no_document_is_cut_in_silence(void **state)
{
	struct rb_buf whole = RB_BUF(RB_CLI_DOC_MAX);
	unsigned int reached;
	unsigned int nth = 0;

	(void)state;
	assert_int_equal(rb_cli_man(&whole, NULL), RB_OK);
	do {
		struct rb_buf text = RB_BUF(RB_CLI_DOC_MAX);
		int rc;

		fault_arm(FAULT_MALLOC, ++nth, ENOMEM);
		rc = rb_cli_man(&text, NULL);
		reached = fault_disarm();
		if (rc == RB_OK)
			assert_string_equal(rb_buf_str(&text), whole.data);
		else
			assert_int_equal(rc, RB_E_NOMEM);
		rb_buf_release(&text);
	} while (reached);
	assert_true(nth > 3);
	rb_buf_release(&whole);
}

static void what_does_not_fit_is_an_error(void **state)
{
	struct rb_buf text = RB_BUF(100);

	(void)state;
	assert_int_equal(rb_cli_man(&text, NULL), RB_E_LIMIT);
	rb_buf_clear(&text);
	assert_int_equal(rb_cli_help_all(&text, NULL), RB_E_LIMIT);
	rb_buf_clear(&text);
	assert_int_equal(rb_cli_help_command(command("log"), &text, NULL), RB_E_LIMIT);
	rb_buf_clear(&text);
	assert_int_equal(rb_cli_completion("zsh", &text, NULL), RB_E_LIMIT);
	rb_buf_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_commands_help_is_made_from_its_table),
	        cmocka_unit_test(usage_lines_are_wrapped_between_options),
	        cmocka_unit_test(no_line_of_help_is_too_long),
	        cmocka_unit_test(the_list_has_every_command_and_status),
	        cmocka_unit_test(the_tables_are_consistent),
	        cmocka_unit_test(statuses_have_one_code_and_name_each),
	        cmocka_unit_test(every_code_is_explained_once),
	        cmocka_unit_test(the_manual_has_commands_keys_and_statuses),
	        cmocka_unit_test(the_manual_uses_only_known_requests),
	        cmocka_unit_test(completions_know_every_command_and_option),
	        cmocka_unit_test(an_unknown_shell_is_refused),
	        cmocka_unit_test(no_document_is_cut_in_silence),
	        cmocka_unit_test(what_does_not_fit_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
