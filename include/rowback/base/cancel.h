/*
 * Stopping on request: SIGINT, SIGTERM and SIGHUP.
 *
 * Layer: base (0).  Uses: libc, rowback/base/err.h.
 *
 * The program installs the handlers once; long loops ask rb_cancel_check() at
 * least every few milliseconds and unwind by the ordinary error path, so that
 * temporary files go and locks are let go.  Waits (children, locks, polls) look
 * at rb_cancel_signal() after EINTR.
 */
#ifndef ROWBACK_BASE_CANCEL_H
#define ROWBACK_BASE_CANCEL_H

#include "rowback/base/err.h"

/**
 * Install handlers for SIGINT, SIGTERM and SIGHUP, without SA_RESTART; SIGPIPE is ignored.
 * A SIGHUP that is ignored already, as by nohup(1), stays so; SIGCHLD gets its default.
 */
void rb_cancel_install(void);

/** The signal that asked to stop, the first of several, or 0.  Safe from any thread; cheap enough
 * for every row. */
int rb_cancel_signal(void);

/** 0, or RB_E_CANCELLED with "stopped by SIGINT" once a signal asked to stop. */
int rb_cancel_check(struct rb_err *err) RB_MUST_CHECK;

/** Ask to stop as if `signum` had come, or take it back with 0 (tests, server shutdown). */
void rb_cancel_request(int signum);

#endif /* ROWBACK_BASE_CANCEL_H */
