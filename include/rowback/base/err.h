/*
 * Errors: one status code and one caller-owned message.
 *
 * Layer: base (0).  Uses: libc.
 *
 * A function that can fail returns 0 or a negative `enum rb_status`, and
 * takes a `struct rb_err *` as its last parameter.  The message lives in the
 * caller's struct: no allocation, no global, no thread-local, so an error can
 * be reported when memory is gone and never shows another request's text.
 */
#ifndef ROWBACK_BASE_ERR_H
#define ROWBACK_BASE_ERR_H

#include <stdarg.h>

/** Bytes in a message, the closing NUL included; longer text is cut. */
#define RB_ERR_MSG_SIZE 1024

#define RB_MUST_CHECK __attribute__((warn_unused_result))
#define RB_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/**
 * What kind of failure it was.  Values are stable: the audit log stores them
 * and the CLI maps each to an exit status.
 */
enum rb_status {
	RB_OK = 0,
	RB_E_NOMEM = -1,        /**< an allocation failed */
	RB_E_LIMIT = -2,        /**< input is larger than a documented limit */
	RB_E_IO = -3,           /**< a file or socket operation failed */
	RB_E_NOTFOUND = -4,     /**< the named thing does not exist */
	RB_E_FORMAT = -5,       /**< stored or received data is malformed */
	RB_E_EXISTS = -6,       /**< the thing to be made is there already */
	RB_E_USAGE = -7,        /**< arguments or configuration are not usable */
	RB_E_UNSUPPORTED = -8,  /**< well-formed, but not something rowback handles */
	RB_E_CANCELLED = -9,    /**< SIGINT or SIGTERM asked to stop */
	RB_E_TIMEOUT = -10,     /**< a deadline passed */
	RB_E_INCOMPLETE = -11,  /**< part of a source could not be exported; exit 3 */
	RB_E_NOSTORE = -12,     /**< store or backup not found; exit 10 */
	RB_E_LOCKED = -13,      /**< another operation holds the lock; exit 11 */
	RB_E_AUTH = -14,        /**< authentication or decryption failed; exit 12 */
	RB_E_UNREACHABLE = -15, /**< the source cannot be opened or read; exit 13 */
	RB_E_REJECTED = -16,    /**< push rejected, cut or diverged; exit 14 */
	RB_E_MISMATCH = -17,    /**< verification found a difference; exit 15 */
	RB_E_CONFLICT = -18,    /**< a restore would conflict; exit 16 */
	RB_E_GATE = -19,        /**< the gate refused; exit 17 */
	RB_E_SAFETY = -20,      /**< the safety backup failed; exit 18 */
	RB_E_SUSPICIOUS = -21,  /**< a backup looked wrong and was set aside; exit 19 */
	RB_E_PUBLIC = -22,      /**< the remote is public; exit 20 */
};

struct rb_err {
	enum rb_status status;
	char msg[RB_ERR_MSG_SIZE];  /**< what failed, naming the object */
	char hint[RB_ERR_MSG_SIZE]; /**< what to do about it; "" when there is nothing to say */
};

/**
 * Record a failure and return its status, so a caller can write
 * `return rb_err_set(err, RB_E_LIMIT, "row is %zu bytes", len);`.
 *
 * err     where to record; NULL means the caller wants the status only
 * status  a negative enum rb_status
 * fmt     lower case, no full stop, names the object concerned
 * returns status
 */
int rb_err_set(struct rb_err *err, enum rb_status status, const char *fmt, ...) RB_PRINTF(3, 4);

/**
 * Record a failed system call: as rb_err_set(), with ": " and the text of
 * `errnum` appended.
 *
 * errnum  the errno saved right after the failing call
 * returns RB_E_NOTFOUND for ENOENT, RB_E_NOMEM for ENOMEM, else RB_E_IO
 */
int rb_err_sys(struct rb_err *err, int errnum, const char *fmt, ...) RB_PRINTF(3, 4);

/**
 * Put what was being done in front of a message set below, keeping the status:
 * "disk full" becomes "table orders: disk full".
 *
 * status  the status being passed up
 * returns status
 */
int rb_err_wrap(struct rb_err *err, int status, const char *fmt, ...) RB_PRINTF(3, 4);

/**
 * Add what the user can do about it, shown as one "hint: " line below the
 * message.  A hint that is already there is replaced.
 *
 * err     NULL is allowed
 * fmt     lower case, no full stop; a command to run stands in it as typed
 * returns the status err holds, so a caller can `return rb_err_hint(...)`; RB_E_USAGE when
 *         err is NULL, where the status is not known: return it by itself if it matters
 */
int rb_err_hint(struct rb_err *err, const char *fmt, ...) RB_PRINTF(2, 3);

#endif /* ROWBACK_BASE_ERR_H */
