/*
 * Options: one table for each command.
 *
 * Layer: cli (5).  Uses: rowback/base.
 *
 * The table of a command gives its parsing here, and its usage line, help text, manual and
 * shell completions in rowback/cli/doc.h.  Values go into a struct of the command, at the
 * offset that the table names:
 *
 *	struct log_opts {
 *		int64_t max_count;
 *		bool offline;
 *	};
 *	static const struct rb_cli_opt opts[] = {
 *		{.kind = RB_CLI_INT, .short_name = 'n', .long_name = "max-count", .arg = "N",
 *		 .help = "show N backups at most", .min = 0, .max = INT32_MAX,
 *		 .offset = offsetof(struct log_opts, max_count)},
 *		{.kind = RB_CLI_FLAG, .long_name = "offline", .help = "do not ask the remote",
 *		 .offset = offsetof(struct log_opts, offline)},
 *		{.kind = RB_CLI_END},
 *	};
 *
 * Understood are -x, -xy, -xVALUE, -x VALUE, --name, --name=VALUE, --name VALUE and "--", after
 * which nothing is an option: "--" also stands before an operand that is a program and
 * its arguments (rb_cli_arg.rest).  Options and operands may be mixed.  Names are not abbreviated:
 * what a script says today must not become ambiguous tomorrow.
 */
#ifndef ROWBACK_CLI_OPTIONS_H
#define ROWBACK_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowback/base/err.h"

/** What an option takes, and the type of the member at its offset. */
enum rb_cli_kind {
	RB_CLI_END,      /**< ends a table */
	RB_CLI_FLAG,     /**< nothing; bool, becomes true */
	RB_CLI_STRING,   /**< any text; const char *, borrowed from argv */
	RB_CLI_LIST,     /**< any text, repeatable; struct rb_cli_list */
	RB_CLI_INT,      /**< a number from min to max; int64_t */
	RB_CLI_DURATION, /**< "90s", "26h"; int64_t, seconds */
	RB_CLI_WHEN,     /**< "2 days ago", a date; int64_t, Unix seconds */
	RB_CLI_CHOICE,   /**< one of choices; int, its place in the list */
};

/** What a shell completes for a value. */
enum rb_cli_complete {
	RB_CLI_COMPLETE_NONE,
	RB_CLI_COMPLETE_FILE,
	RB_CLI_COMPLETE_DIR,
	RB_CLI_COMPLETE_COMMAND, /**< the name of a command */
	RB_CLI_COMPLETE_PROGRAM, /**< a program and its arguments; of a rest */
};

/** Initial value of an RB_CLI_WHEN or RB_CLI_INT member that must show whether it was given. */
#define RB_CLI_UNSET INT64_MIN

/** Initial value of an RB_CLI_CHOICE member that must show whether it was given. */
#define RB_CLI_NO_CHOICE (-1)

/** One option. */
struct rb_cli_opt {
	enum rb_cli_kind kind;
	char short_name;       /**< 0: none */
	bool digits;           /**< RB_CLI_INT: "-5" means this option, as in `git log -5` */
	const char *long_name; /**< without "--" */
	const char *arg;       /**< what the value is called: "DIR"; NULL for flags and choices */
	const char *help;      /**< one clause, lower case */
	size_t offset;         /**< of the member in the command's struct */
	const char *const *choices;    /**< RB_CLI_CHOICE: NULL-terminated */
	int64_t min;                   /**< RB_CLI_INT: smallest value */
	int64_t max;                   /**< RB_CLI_INT: largest value */
	unsigned int needs;            /**< global options: commands to show it for; 0: all */
	enum rb_cli_complete complete; /**< of the value */
};

/** One operand.  A table of them ends with a NULL name. */
struct rb_cli_arg {
	const char *name;           /**< "BACKUP" */
	const char *help;           /**< one clause, lower case */
	bool required;              /**< false: may be left out; the member stays as it was */
	bool rest;                  /**< it and all after it as they are; "--" must be in front */
	size_t offset;              /**< of a const char * in the command's struct; with rest, of
	                                 a struct rb_cli_rest */
	const char *const *choices; /**< what is allowed, NULL-terminated; NULL: anything */
	enum rb_cli_complete complete; /**< for shells */
};

/** What follows "--" where an operand is a rest; {0} at first. */
struct rb_cli_rest {
	char *const *argv; /**< borrowed; NULL behind the last where the arguments have that */
	size_t count;
};

/** The values of an RB_CLI_LIST; {0} at first. */
struct rb_cli_list {
	const char **items; /**< borrowed from argv, NULL-terminated; NULL when there are none */
	size_t count;       /**< items before the NULL */
};

/** A table and the struct its values go to. */
struct rb_cli_values {
	const struct rb_cli_opt *opts; /**< ends with RB_CLI_END */
	void *values;                  /**< the struct */
};

/** What to parse.  Of options with one name, the first table's wins. */
struct rb_cli_parse {
	struct rb_cli_values own;      /**< the command's; opts NULL before it is known */
	struct rb_cli_values global;   /**< those of every command */
	const struct rb_cli_arg *args; /**< operands, into own.values; NULL: stop at the first */
	const char *command;           /**< for messages; NULL before it is known */
};

/**
 * Parse arguments.
 *
 * argv    argc strings, without the program's or command's name; borrowed for as long as the
 *         values are used
 * used    how many were read: argc, or less where args is NULL and an operand came
 * returns 0; RB_E_USAGE with a hint (the nearest known option, the allowed values, the right
 *         form); RB_E_NOMEM.  Values read so far stay, for rb_cli_values_release().
 */
int rb_cli_parse(const struct rb_cli_parse *parse, int argc, char *const *argv, int *used,
                 struct rb_err *err) RB_MUST_CHECK;

/** Free the lists in a struct; values with no table are allowed. */
void rb_cli_values_release(const struct rb_cli_values *values);

#endif /* ROWBACK_CLI_OPTIONS_H */
