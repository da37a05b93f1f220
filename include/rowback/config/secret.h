/*
 * Secrets: where they come from, how they are wiped, how URLs are printed.
 *
 * Layer: config (2).  Uses: rowback/base.
 *
 * A secret X is the value itself, a file (X_FILE) or a command (X_COMMAND); it never comes
 * from argv and never stands in a message.  Memory that held one goes through
 * rb_secret_free().
 */
#ifndef ROWBACK_CONFIG_SECRET_H
#define ROWBACK_CONFIG_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowback/base/buf.h"
#include "rowback/base/err.h"

/** Bytes in a secret: more than any key or URL has, small enough to hold twice. */
#define RB_SECRET_BYTES_MAX ((size_t)64 * 1024)

/** Deadline of a secret's command: long enough for a password store behind a network. */
#define RB_SECRET_COMMAND_TIMEOUT_MS ((int64_t)60 * 1000)

/** Where one secret comes from.  Exactly one of value, file and command is set. */
struct rb_secret_spec {
	const char *what;    /**< what it is, for messages: "source.app.url" */
	const char *value;   /**< the secret itself */
	const char *file;    /**< path of a file that holds it; "~/" is $HOME */
	const char *command; /**< run by /bin/sh -c, without a terminal; prints it */
};

/**
 * Get a secret.  One line end after it is dropped.  A file that others may read is used, with
 * a warning in the log.
 *
 * out     for rb_secret_free(); untouched on failure
 * returns 0; RB_E_USAGE when none or several are set, or it is empty; RB_E_NOTFOUND and
 *         RB_E_IO for the file; RB_E_AUTH when the command fails; RB_E_TIMEOUT;
 *         RB_E_CANCELLED; RB_E_FORMAT when it has a NUL or a second line; RB_E_LIMIT;
 *         RB_E_NOMEM
 */
int rb_secret_resolve(const struct rb_secret_spec *spec, char **out,
                      struct rb_err *err) RB_MUST_CHECK;

/**
 * Get a secret from the environment: NAME, NAME_FILE or NAME_COMMAND.
 *
 * out     as rb_secret_resolve(); NULL with 0 when none of the three is set
 */
int rb_secret_from_env(const char *name, char **out, struct rb_err *err) RB_MUST_CHECK;

/** Overwrite memory with zeros; the compiler does not leave it out. */
void rb_secret_wipe(void *data, size_t len);

/** Wipe and free a string; NULL is allowed. */
void rb_secret_free(char *secret);

/** Wipe and release a buffer, all of what was allocated. */
void rb_secret_release_buf(struct rb_buf *buf);

/**
 * Append a URL as it may be printed: "postgres://user:***@host/db".  Hidden are the password,
 * a user name of a token's length without a password, and parameters whose name ends with
 * password, passwd, pwd, token, secret, signature or key, in a query or in "name=value" words.
 * In doubt more is hidden than needed.
 */
int rb_config_redact_url(const char *url, struct rb_buf *out, struct rb_err *err) RB_MUST_CHECK;

/**
 * Append a text as it may be kept in a record: as rb_config_redact_url(), for every URL in it, and
 * words that look like tokens ("ghp_...", 20 letters of both cases and digits) become "***".
 * Hashes of commits, ids of backups and paths stay.
 */
int rb_config_redact_text(const char *text, struct rb_buf *out, struct rb_err *err) RB_MUST_CHECK;

/** Whether what follows an option of this name is a secret: "--password", "--api-token". */
bool rb_config_is_secret_option(const char *argument);

#endif /* ROWBACK_CONFIG_SECRET_H */
