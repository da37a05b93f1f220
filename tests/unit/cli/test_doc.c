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

/* A command of the test's own, so that the real ones can be reworded. */
static const char *const colors[] = {"red", "green", "blue", NULL};

static const struct rb_cli_opt sample_opts[] = {
        {.kind = RB_CLI_INT,
         .short_name = 'n',
         .digits = true,
         .long_name = "max-count",
         .arg = "N",
         .help = "show N at most"},
        {.kind = RB_CLI_STRING,
         .short_name = 'm',
         .long_name = "message",
         .arg = "TEXT",
         .help = "what is said about it, in so many words that they do not fit"},
        {.kind = RB_CLI_LIST, .long_name = "source", .arg = "NAME", .help = "only this one"},
        {.kind = RB_CLI_CHOICE, .long_name = "color", .choices = colors, .help = "its colour"},
        {.kind = RB_CLI_FLAG, .long_name = "force", .help = "do it all the same"},
        {.kind = RB_CLI_END},
};

static const struct rb_cli_arg sample_args[] = {
        {.name = "FIRST", .help = "comes first", .required = true},
        {.name = "SECOND", .help = "comes second"},
        {.name = NULL},
};

static struct rb_cli_command sample = {
        .name = "sample",
        .summary = "show what help looks like",
        .description = "Shows what help looks like, with a paragraph that is longer than one "
                       "line and so is wrapped.\n\n"
                       "  rowback sample x \\\n"
                       "      --force\n\n"
                       "And another.",
        .opts = sample_opts,
        .args = sample_args,
};

static void a_commands_help_is_made_from_its_table(void **state)
{
	static const char want[] =
	        "usage: rowback sample [-<N>] [-m TEXT] [--source NAME]...\n"
	        "                      [--color red|green|blue] [--force] FIRST [SECOND]\n"
	        "\n"
	        "Shows what help looks like, with a paragraph that is longer than one line and\n"
	        "so is wrapped.\n"
	        "\n"
	        "  rowback sample x \\\n"
	        "      --force\n"
	        "\n"
	        "And another.\n"
	        "\n"
	        "Arguments:\n"
	        "  FIRST                     comes first\n"
	        "  SECOND                    comes second\n"
	        "\n"
	        "Options:\n"
	        "  -<N>, -n, --max-count N   show N at most\n"
	        "  -m, --message TEXT        what is said about it, in so many words that they\n"
	        "                            do not fit\n"
	        "      --source NAME         only this one\n"
	        "      --color red|green|blue\n"
	        "                            its colour\n"
	        "      --force               do it all the same\n"
	        "\n"
	        "Global options:\n";
	struct rb_buf text = RB_BUF(RB_CLI_DOC_MAX);

	(void)state;
	assert_int_equal(rb_cli_help_command(&sample, &text, NULL), RB_OK);
	assert_true(text.len > sizeof(want));
	text.data[sizeof(want) - 1] = '\0';
	assert_string_equal(text.data, want);
	rb_buf_release(&text);
}

/* What a command needs decides which global options it is told about. */
static void global_options_are_shown_where_they_apply(void **state)
{
	static const struct {
		unsigned int needs;
		const char *line;
	} cases[] = {
	        {RB_CLI_NEEDS_STORE, "\n  -C, --store DIR "},
	        {RB_CLI_NEEDS_STORE, "\n      --config FILE "},
	        {RB_CLI_NEEDS_LOCK, "\n      --lock-wait DURATION "},
	        {RB_CLI_WRITES, "\n      --dry-run "}, /* its -n is the sample's own */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int needed = 0; needed < 2; needed++) {
			struct rb_buf text = RB_BUF(RB_CLI_DOC_MAX);

			sample.needs = needed ? cases[i].needs : 0;
			assert_int_equal(rb_cli_help_command(&sample, &text, NULL), RB_OK);
			assert_int_equal(strstr(text.data, cases[i].line) != NULL, needed);
			assert_has(&text, "\n  -q, --quiet ");
			rb_buf_release(&text);
		}
	}
	sample.needs = 0;
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
	assert_int_equal(rb_cli_help_command(&sample, &text, NULL), RB_E_LIMIT);
	rb_buf_clear(&text);
	assert_int_equal(rb_cli_completion("zsh", &text, NULL), RB_E_LIMIT);
	rb_buf_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_commands_help_is_made_from_its_table),
	        cmocka_unit_test(global_options_are_shown_where_they_apply),
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
