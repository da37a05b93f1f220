/*
 * Child processes: run one to its end, with a deadline.
 *
 * Layer: base (0).  Uses: libc, rowback/base/buf.h.
 *
 * The child runs in a session of its own (no terminal, so nothing can prompt) and
 * is a process group leader; at the deadline, or when rb_cancel_signal() is set,
 * the whole group gets SIGTERM and, 300 ms later, SIGKILL.  Only descriptors 0, 1
 * and 2 are passed on; signal dispositions and mask are reset to the default.  The run
 * is over when the child itself has ended, even where a daemon it left behind (ssh's
 * ControlPersist) holds its output open.
 */
#ifndef ROWBACK_BASE_PROC_H
#define ROWBACK_BASE_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "rowback/base/buf.h"
#include "rowback/base/err.h"

/** What to run.  Everything is borrowed for the call. */
struct rb_proc_opts {
	/** NULL-terminated; argv[0] is looked up in our PATH, whose empty elements are skipped. */
	const char *const *argv;
	const char *const *env_set; /**< "NAME=VALUE" to add or replace; NULL-terminated, or NULL */
	const char *const *env_unset; /**< names to remove first; NULL-terminated, or NULL */
	const char *cwd;              /**< directory to run in; NULL: this one */
	const mode_t *umask;          /**< its umask; NULL: ours */
	const void *stdin_data;       /**< bytes for standard input; NULL: /dev/null */
	size_t stdin_len;             /**< bytes in stdin_data */
	int64_t timeout_ms;           /**< deadline; 0: none */
	size_t stdout_max; /**< bytes of output to keep; more is RB_E_LIMIT, and ends it */
	size_t stderr_max; /**< bytes of the end of standard error to keep */
	/**
	 * Called with each line of standard error as it comes, without its end ('\n', or
	 * the '\r' of progress); never with an empty one, and past 4 KiB in pieces.  May
	 * be NULL.
	 */
	void (*on_stderr_line)(void *ctx, const char *line);
	void *ctx; /**< passed to on_stderr_line */
};

/** How it ended.  Filled by rb_proc_run() in any case; rb_proc_result_release() frees it. */
struct rb_proc_result {
	int exit_code;        /**< exit status, or -1 when a signal ended it or it never ran */
	int term_signal;      /**< the signal that ended it, or 0 */
	struct rb_buf out;    /**< standard output */
	struct rb_buf errtxt; /**< the last stderr_max bytes of standard error */
};

/**
 * Run a program and wait for it.
 *
 * result  filled on success and, as far as known, on failure; the caller releases it
 * returns 0 when the program ran to its end, whatever its exit status; RB_E_NOTFOUND
 *         when there is no such program; RB_E_TIMEOUT; RB_E_CANCELLED; RB_E_LIMIT;
 *         RB_E_IO, also when cwd cannot be entered; RB_E_NOMEM.  No
 *         child is left running or unreaped in any case.
 */
int rb_proc_run(const struct rb_proc_opts *opts, struct rb_proc_result *result,
                struct rb_err *err) RB_MUST_CHECK;

/** Free what it holds; it may be all zero. */
void rb_proc_result_release(struct rb_proc_result *result);

#endif /* ROWBACK_BASE_PROC_H */
