/*
 * A program that runs in our place for a while.
 *
 * Layer: base (0).  Uses: libc, rowback/base/err.h.
 *
 * Unlike a child of rowback/base/proc.h it has our terminal, our descriptors and our process
 * group: it can ask, draw, and be stopped by Ctrl-Z.  Meanwhile SIGINT, SIGTERM, SIGHUP and
 * SIGQUIT do not end us: one that somebody sent is passed on, one from the terminal it has got
 * already.
 */
#ifndef ROWBACK_BASE_FOREGROUND_H
#define ROWBACK_BASE_FOREGROUND_H

#include <stdbool.h>
#include <sys/types.h>

#include "rowback/base/err.h"

/** What to run.  Everything is borrowed for the call. */
struct rb_foreground_opts {
	char *const *argv; /**< NULL-terminated; argv[0] is looked up as by execvp(3) */
	mode_t umask;      /**< the child's */
	bool stdout_to_stderr;
};

/** How it ended. */
struct rb_foreground_result {
	int exit_code;   /**< exit status, or -1 when a signal ended it */
	int term_signal; /**< the signal that ended it, or 0 */
};

/**
 * Run a program and wait for it.
 *
 * returns 0 when it ran to its end, whatever its status; RB_E_NOTFOUND when there is no such
 *         program; RB_E_CANCELLED when a signal came before it was started; RB_E_IO.  Nothing
 *         was run then.
 */
int rb_foreground_run(const struct rb_foreground_opts *opts, struct rb_foreground_result *result,
                      struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_BASE_FOREGROUND_H */
