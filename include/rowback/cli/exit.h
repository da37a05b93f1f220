/*
 * Exit statuses: the one table.
 *
 * Layer: cli (5).  Uses: rowback/base/err.h.
 *
 * main.c exits by it, `rowback --help` and the manual print it, and the "code" of an error in
 * --json is its name.  Codes and names are stable.
 */
#ifndef ROWBACK_CLI_EXIT_H
#define ROWBACK_CLI_EXIT_H

#include <stddef.h>

/** What a command returns when it worked and found something: differences, a stale backup. */
#define RB_CLI_FINDINGS 1

/** Added to the number of the signal that ended the program. */
#define RB_CLI_EXIT_SIGNAL 128

/** A status and what the program makes of it. */
struct rb_cli_exit {
	int status;          /**< enum rb_status, or RB_CLI_FINDINGS */
	int code;            /**< exit status */
	const char *name;    /**< for programs: "locked" */
	const char *meaning; /**< for people; NULL where another row says it for this code */
};

/** The n-th row, by code; NULL past the end. */
const struct rb_cli_exit *rb_cli_exit_at(size_t n);

/** The row of a status; one that is not in the table is an error (2). */
const struct rb_cli_exit *rb_cli_exit_of(int status);

#endif /* ROWBACK_CLI_EXIT_H */
