/*
 * Who runs this program, and where: for records.
 *
 * Layer: runtime (2).  Uses: rowback/base.
 */
#ifndef ROWBACK_RUNTIME_WHO_H
#define ROWBACK_RUNTIME_WHO_H

#include <stddef.h>

/** Bytes for either name, the closing NUL included; what is longer is cut. */
#define RB_WHO_SIZE 256

/** The user's name: SUDO_USER, or whom the system knows by our user id, or that number. */
void rb_who_user(char out[RB_WHO_SIZE]);

/** The machine's name; "localhost" when it has none. */
void rb_who_host(char out[RB_WHO_SIZE]);

#endif /* ROWBACK_RUNTIME_WHO_H */
