/*
 * What goes to standard error: log lines and progress.
 *
 * Layer: base (0).  Uses: libc.
 *
 * One line a call, written with a single write(2), so that lines of threads do not
 * mix.  Nothing secret may be passed in: there is no filter behind this, but for control
 * characters other than tab and newline, which become '?'.
 */
#ifndef ROWBACK_BASE_LOG_H
#define ROWBACK_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "rowback/base/err.h"

enum rb_log_level { RB_LOG_ERROR, RB_LOG_WARN, RB_LOG_INFO, RB_LOG_DEBUG };

/** Set what is shown: messages above `level` are dropped.  The default is RB_LOG_INFO. */
void rb_log_set_level(enum rb_log_level level);

/** Whether colour may be used on standard error.  The default is false. */
void rb_log_set_color(bool on);

/** Print "rowback: warning: ..." (or error, or plain for info and debug). */
void rb_log(enum rb_log_level level, const char *fmt, ...) RB_PRINTF(2, 3);

/**
 * Show how far a long step is, on one line that is rewritten.  Nothing is printed when
 * standard error is no terminal, the level is below info, or the last call was under
 * 100 ms ago.  A log line clears the progress line first.
 *
 * what   "app: 412,000 rows, 131 MB"
 */
void rb_log_progress(const char *fmt, ...) RB_PRINTF(1, 2);

/** Clear the progress line. */
void rb_log_progress_end(void);

#endif /* ROWBACK_BASE_LOG_H */
