/*
 * Commands: the table of them, and what each is given.
 *
 * Layer: cli (5).  Uses: rowback/base, rowback/cli.
 *
 * A command is one file, src/cli/cmd_<name>.c, that defines one struct rb_cli_command.  What
 * a command needs is data in the table; main.c parses, runs, reports and exits.
 */
#ifndef ROWBACK_CLI_COMMAND_H
#define ROWBACK_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "rowback/base/err.h"
#include "rowback/cli/options.h"
#include "rowback/cli/output.h"

struct rb_cli_command;

/** The global options, and where output goes. */
struct rb_cli {
	const char *dir;         /**< -C: the store, or below it; NULL: the current directory */
	const char *config_file; /**< --config; NULL: the store's own */
	int64_t lock_wait_s;     /**< --lock-wait; 0: do not wait */
	bool is_quiet;           /**< -q */
	bool is_verbose;         /**< -v */
	bool wants_json;         /**< --json */
	bool has_no_color;       /**< --no-color */
	bool is_dry_run;         /**< -n */
	bool wants_help;         /**< --help */
	bool wants_version;      /**< --version */
	struct rb_out out;       /**< standard output */
	mode_t umask_before;     /**< the umask that the program was started with */
	bool has_answered;       /**< what was printed tells of the failure: no error is added */
	bool has_document;       /**< so does a JSON document: none follows of the error */
	int exit_code;           /**< a command's own, of a failure; 0: by the table */
	const struct rb_cli_command *command; /**< what is run; NULL before it is known */

	/* What a command tells the activity log, as far as it knows. */
	bool is_recorded;             /**< RB_CLI_ASKS: this run did something */
	bool did_nothing;             /**< there was nothing to do: result "nothing" */
	char backup_id[17];           /**< the backup it is about; "": none */
	char detail[RB_ERR_MSG_SIZE]; /**< what was done, one line; a failure has its message */
	const char *record_dir;       /**< a directory in the store; NULL: dir */
};

/** What a command needs, as bits. */
enum rb_cli_need {
	RB_CLI_NEEDS_STORE = 1, /**< a store: -C and --config apply */
	RB_CLI_NEEDS_LOCK = 2,  /**< to be alone on it: --lock-wait applies */
	RB_CLI_WRITES = 4,      /**< it changes something: -n applies */
	RB_CLI_NO_DRY_RUN = 8,  /**< it changes something and knows no -n: that is refused */
	RB_CLI_ASKS = 16,       /**< it may only look: it is recorded when it refuses, when a hook
	                             runs it, or when it sets cli->is_recorded */
};

/** A command. */
struct rb_cli_command {
	const char *name;
	const char *summary; /**< one line for the list: lower case, no full stop */
	/**
	 * Paragraphs with an empty line between them, each on one line however long.  One that
	 * begins with a blank is an example and keeps its lines.
	 */
	const char *description;
	const struct rb_cli_opt *opts; /**< ends with RB_CLI_END */
	const struct rb_cli_arg *args; /**< ends with a NULL name */
	unsigned int needs;            /**< enum rb_cli_need */
	bool hidden;                   /**< left out of lists and completions */
	size_t values_size;            /**< of its struct; 0: it has none */
	const void *defaults;          /**< initial values of the struct; NULL: all zero */

	/**
	 * Do it.
	 *
	 * values  its struct, parsed
	 * returns 0; RB_CLI_FINDINGS (rowback/cli/exit.h); a negative enum rb_status
	 */
	int (*run)(struct rb_cli *cli, const void *values, struct rb_err *err);
};

/** All commands in the order of the help, NULL-terminated. */
extern const struct rb_cli_command *const rb_cli_commands[];

/** The options of every command. */
extern const struct rb_cli_opt rb_cli_global_opts[];

/** The command of this name; RB_E_USAGE with the nearest name when there is none. */
int rb_cli_find(const char *name, const struct rb_cli_command **out,
                struct rb_err *err) RB_MUST_CHECK;

/**
 * Parse the command line, run the command and fill *cli on the way.
 *
 * cli     {0}; standard output is set up as soon as the options are known
 * argv    as main() got it
 * returns as struct rb_cli_command.run; RB_E_USAGE
 */
int rb_cli_run(struct rb_cli *cli, int argc, char *const *argv, struct rb_err *err) RB_MUST_CHECK;

/** The exit status of what rb_cli_run() returned. */
int rb_cli_exit_code(const struct rb_cli *cli, int rc);

/** A run that has ended. */
struct rb_cli_run {
	int argc;                 /**< strings in argv */
	char *const *argv;        /**< what followed the command's name */
	int64_t time_unix_s;      /**< when it began */
	int64_t duration_ms;      /**< how long it took */
	int rc;                   /**< what it returned */
	const struct rb_err *err; /**< with this message, when it failed */
};

/**
 * Record a run of cli->command in the store's activity log: of one that needs the lock or
 * writes, and see RB_CLI_ASKS.  A dry run is none.  With ROWBACK_HOOK=pre-push in the environment
 * the action is "hook", and its name and the command's stand in front of the arguments.
 *
 * What cannot be recorded is a warning.
 */
void rb_cli_record(const struct rb_cli *cli, const struct rb_cli_run *run);

#endif /* ROWBACK_CLI_COMMAND_H */
