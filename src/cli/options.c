/*
 * See rowback/cli/options.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowback/base/buf.h"
#include "rowback/base/suggest.h"
#include "rowback/base/time.h"
#include "rowback/cli/options.h"

/* More options than any command has, for the list that a suggestion is chosen from. */
#define OPTIONS_MAX 64

/* Where parsing is. */
struct cursor {
	const struct rb_cli_parse *parse;
	int argc;
	char *const *argv;
	int at;             /* the next argument to read */
	size_t operands;    /* operands read so far */
	bool options_ended; /* "--" was read */
	struct rb_err *err;
};

/* An option and the struct it writes to. */
struct match {
	const struct rb_cli_opt *opt; /* NULL: unknown */
	void *values;
};

static bool is_named(const struct rb_cli_opt *opt, char short_name, const char *long_name,
                     size_t len)
{
	if (!long_name)
		return opt->short_name == short_name;
	return strlen(opt->long_name) == len && memcmp(opt->long_name, long_name, len) == 0;
}

/* Find an option by its short name, or by its long one when that is given. */
static struct match find(const struct rb_cli_parse *parse, char short_name, const char *long_name,
                         size_t len)
{
	const struct rb_cli_values *tables[] = {&parse->own, &parse->global};

	for (size_t t = 0; t < 2; t++) {
		const struct rb_cli_opt *opt = tables[t]->opts;

		for (; opt && opt->kind != RB_CLI_END; opt++) {
			if (is_named(opt, short_name, long_name, len))
				return (struct match){opt, tables[t]->values};
		}
	}
	return (struct match){NULL, NULL};
}

/* The option that "-5" stands for. */
static struct match find_digits(const struct rb_cli_parse *parse)
{
	const struct rb_cli_opt *opt = parse->own.opts;

	for (; opt && opt->kind != RB_CLI_END; opt++) {
		if (opt->digits)
			return (struct match){opt, parse->own.values};
	}
	return (struct match){NULL, NULL};
}

/* Where to read about options, as a hint. */
static int see_help(const struct cursor *cursor)
{
	if (cursor->parse->command)
		return rb_err_hint(cursor->err, "see 'rowback help %s'", cursor->parse->command);
	return rb_err_hint(cursor->err, "see 'rowback --help'");
}

static int unknown_long(const struct cursor *cursor, const char *name, size_t len)
{
	const struct rb_cli_values *tables[] = {&cursor->parse->own, &cursor->parse->global};
	const char *known[OPTIONS_MAX + 1] = {NULL};
	char typed[RB_SUGGEST_BYTES_MAX];
	const char *nearest;
	size_t count = 0;

	for (size_t t = 0; t < 2; t++) {
		const struct rb_cli_opt *opt = tables[t]->opts;

		for (; opt && opt->kind != RB_CLI_END && count < OPTIONS_MAX; opt++)
			known[count++] = opt->long_name;
	}
	if (len >= sizeof(typed))
		len = sizeof(typed) - 1;
	memcpy(typed, name, len);
	typed[len] = '\0';

	rb_err_set(cursor->err, RB_E_USAGE, "unknown option '--%s'", typed);
	nearest = rb_suggest(typed, known);
	if (nearest)
		return rb_err_hint(cursor->err, "did you mean '--%s'?", nearest);
	return see_help(cursor);
}

/* "option '--x' is 'text', but must be WANT" */
static int bad_value(const struct cursor *cursor, const struct rb_cli_opt *opt, const char *text,
                     const char *want)
{
	return rb_err_set(cursor->err, RB_E_USAGE, "option '--%s' is '%.200s', but must be %s",
	                  opt->long_name, text, want);
}

static int set_int(const struct cursor *cursor, const struct match *match, const char *text)
{
	char want[80];
	char *end;
	long long value = strtoll(text, &end, 10);
	int64_t *member = (int64_t *)((char *)match->values + match->opt->offset);

	/* strtoll() itself would take blanks and '+' in front, and the nearest number it has. */
	if ((text[0] == '-' || (text[0] >= '0' && text[0] <= '9')) && end != text && !*end &&
	    value >= match->opt->min && value <= match->opt->max && strlen(text) < 19) {
		*member = value;
		return RB_OK;
	}
	snprintf(want, sizeof(want), "a number from %lld to %lld", (long long)match->opt->min,
	         (long long)match->opt->max);
	return bad_value(cursor, match->opt, text, want);
}

/* Durations and points in time have their forms in base/time.h, hints included. */
static int set_time(const struct cursor *cursor, const struct match *match, const char *text)
{
	int64_t *member = (int64_t *)((char *)match->values + match->opt->offset);
	bool is_when = match->opt->kind == RB_CLI_WHEN;
	struct rb_err below = {0};
	int64_t value = 0;
	int rc;

	if (is_when)
		rc = rb_time_parse_when(text, rb_time_now_unix_s(), &value, &below);
	else
		rc = rb_time_parse_duration(text, &value, &below);
	if (rc == RB_OK) {
		*member = value;
		return RB_OK;
	}
	bad_value(cursor, match->opt, text, is_when ? "a point in time" : "a duration");
	if (below.hint[0])
		rb_err_hint(cursor->err, "%s", below.hint);
	return RB_E_USAGE;
}

/* The place of text in a list of choices; -1 with a message when it is not there. */
static int find_choice(const struct cursor *cursor, const char *what, const char *const *choices,
                       const char *text)
{
	struct rb_buf list = RB_BUF(RB_ERR_MSG_SIZE);
	const char *nearest = rb_suggest(text, choices);
	int rc = RB_OK;

	for (int i = 0; choices[i]; i++) {
		if (strcmp(choices[i], text) == 0)
			return i;
	}
	for (size_t i = 0; rc == RB_OK && choices[i]; i++) {
		const char *between = choices[i + 1] ? ", " : " or ";

		rc = rb_buf_addf(&list, NULL, "%s%s", i > 0 ? between : "", choices[i]);
	}
	rb_err_set(cursor->err, RB_E_USAGE, "%s is '%.200s', but must be %s", what, text,
	           rb_buf_str(&list));
	if (nearest)
		rb_err_hint(cursor->err, "did you mean '%s'?", nearest);
	rb_buf_release(&list);
	return -1;
}

static int set_choice(const struct cursor *cursor, const struct match *match, const char *text)
{
	int *member = (int *)((char *)match->values + match->opt->offset);
	char what[80];
	int place;

	snprintf(what, sizeof(what), "option '--%s'", match->opt->long_name);
	place = find_choice(cursor, what, match->opt->choices, text);
	if (place < 0)
		return RB_E_USAGE;
	*member = place;
	return RB_OK;
}

static int add_to_list(const struct cursor *cursor, const struct match *match, const char *text)
{
	struct rb_cli_list *list =
	        (struct rb_cli_list *)((char *)match->values + match->opt->offset);
	const char **grown;

	grown = realloc(list->items, (list->count + 2) * sizeof(*grown));
	if (!grown)
		return rb_err_set(cursor->err, RB_E_NOMEM, "no memory for option '--%s'",
		                  match->opt->long_name);
	grown[list->count++] = text;
	grown[list->count] = NULL;
	list->items = grown;
	return RB_OK;
}

/* Store a value; text is NULL for a flag. */
static int set_value(const struct cursor *cursor, const struct match *match, const char *text)
{
	char *member = (char *)match->values + match->opt->offset;

	switch (match->opt->kind) {
	case RB_CLI_FLAG:
		*(bool *)member = true;
		return RB_OK;
	case RB_CLI_STRING:
		*(const char **)member = text;
		return RB_OK;
	case RB_CLI_LIST:
		return add_to_list(cursor, match, text);
	case RB_CLI_INT:
		return set_int(cursor, match, text);
	case RB_CLI_DURATION:
	case RB_CLI_WHEN:
		return set_time(cursor, match, text);
	case RB_CLI_CHOICE:
		return set_choice(cursor, match, text);
	case RB_CLI_END:
		break;
	}
	return RB_OK;
}

/* Take the next argument as the value of an option; it may begin with '-'. */
static int next_value(struct cursor *cursor, const struct rb_cli_opt *opt, const char **text)
{
	if (cursor->at == cursor->argc) {
		rb_err_set(cursor->err, RB_E_USAGE, "option '--%s' needs a value", opt->long_name);
		return see_help(cursor);
	}
	*text = cursor->argv[cursor->at++];
	return RB_OK;
}

static int parse_long(struct cursor *cursor, const char *name)
{
	size_t len = strcspn(name, "=");
	struct match match = find(cursor->parse, '\0', name, len);
	const char *text = NULL;
	int rc = RB_OK;

	if (!match.opt)
		return unknown_long(cursor, name, len);
	if (match.opt->kind == RB_CLI_FLAG) {
		if (name[len] == '=') {
			rb_err_set(cursor->err, RB_E_USAGE, "option '--%s' takes no value",
			           match.opt->long_name);
			return see_help(cursor);
		}
	} else if (name[len] == '=') {
		text = name + len + 1;
	} else {
		rc = next_value(cursor, match.opt, &text);
	}
	return rc < 0 ? rc : set_value(cursor, &match, text);
}

/* "-q", "-qv", "-Cdir", "-C dir", "-5" */
static int parse_short(struct cursor *cursor, const char *names)
{
	struct match digits = find_digits(cursor->parse);
	int rc = RB_OK;

	if (digits.opt && strspn(names, "0123456789") == strlen(names))
		return set_value(cursor, &digits, names);

	while (rc == RB_OK && *names) {
		struct match match = find(cursor->parse, *names, NULL, 0);
		const char *text = NULL;

		if (!match.opt) {
			rb_err_set(cursor->err, RB_E_USAGE, "unknown option '-%c'", *names);
			return see_help(cursor);
		}
		names++;
		if (match.opt->kind != RB_CLI_FLAG) {
			if (*names)
				text = names;
			else
				rc = next_value(cursor, match.opt, &text);
			names = "";
		}
		if (rc == RB_OK)
			rc = set_value(cursor, &match, text);
	}
	return rc;
}

/* A program and its arguments: none of them is looked at. */
static int take_rest(struct cursor *cursor, const struct rb_cli_arg *arg)
{
	struct rb_cli_rest *rest =
	        (struct rb_cli_rest *)((char *)cursor->parse->own.values + arg->offset);

	if (!cursor->options_ended) {
		rb_err_set(cursor->err, RB_E_USAGE, "'--' must stand before %s", arg->name);
		return see_help(cursor);
	}
	rest->argv = cursor->argv + cursor->at - 1;
	rest->count = (size_t)(cursor->argc - cursor->at + 1);
	cursor->at = cursor->argc;
	cursor->operands++;
	return RB_OK;
}

static int take_operand(struct cursor *cursor, const char *text)
{
	const struct rb_cli_arg *arg = &cursor->parse->args[cursor->operands];

	/* The terminating row has no name: operands never moves past it. */
	if (!arg->name) {
		rb_err_set(cursor->err, RB_E_USAGE, "unexpected argument '%.200s'", text);
		return see_help(cursor);
	}
	if (arg->rest)
		return take_rest(cursor, arg);
	if (arg->choices && find_choice(cursor, arg->name, arg->choices, text) < 0)
		return RB_E_USAGE;
	*(const char **)((char *)cursor->parse->own.values + arg->offset) = text;
	cursor->operands++;
	return RB_OK;
}

static int check_operands(const struct cursor *cursor)
{
	const struct rb_cli_arg *arg = &cursor->parse->args[cursor->operands];

	if (!arg->name || !arg->required)
		return RB_OK;
	rb_err_set(cursor->err, RB_E_USAGE, "%s is missing: %s", arg->name, arg->help);
	return see_help(cursor);
}

int rb_cli_parse(const struct rb_cli_parse *parse, int argc, char *const *argv, int *used,
                 struct rb_err *err)
{
	struct cursor cursor = {.parse = parse, .argc = argc, .argv = argv, .err = err};
	int rc = RB_OK;

	while (rc == RB_OK && cursor.at < argc) {
		const char *text = argv[cursor.at];
		bool is_operand = cursor.options_ended || text[0] != '-' || !text[1];

		if (is_operand && !parse->args)
			break;
		cursor.at++;
		if (is_operand)
			rc = take_operand(&cursor, text);
		else if (strcmp(text, "--") == 0)
			cursor.options_ended = true;
		else if (text[1] == '-')
			rc = parse_long(&cursor, text + 2);
		else
			rc = parse_short(&cursor, text + 1);
	}
	if (rc == RB_OK && parse->args)
		rc = check_operands(&cursor);
	*used = cursor.at;
	return rc;
}

void rb_cli_values_release(const struct rb_cli_values *values)
{
	const struct rb_cli_opt *opt = values->opts;

	for (; opt && opt->kind != RB_CLI_END; opt++) {
		struct rb_cli_list *list;

		if (opt->kind != RB_CLI_LIST)
			continue;
		list = (struct rb_cli_list *)((char *)values->values + opt->offset);
		free(list->items);
		*list = (struct rb_cli_list){0};
	}
}
