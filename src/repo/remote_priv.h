/*
 * What the files about remotes share.  See rowback/repo/remote.h.
 */
#ifndef ROWBACK_REMOTE_PRIV_H
#define ROWBACK_REMOTE_PRIV_H

#include <stdbool.h>
#include <stddef.h>

#include "gitproc_priv.h"
#include "rowback/base/buf.h"
#include "rowback/base/err.h"
#include "rowback/base/proc.h"
#include "rowback/repo/remote.h"

/* remote_url.c */

enum rb_url_kind {
	RB_URL_LOCAL, /**< a path, or file:// */
	RB_URL_HTTP,  /**< http:// or https:// */
	RB_URL_GIT,   /**< git:// */
	RB_URL_SSH,   /**< ssh:// or host:path */
	RB_URL_OTHER, /**< ftp://, a helper "name::..." */
};

/** Parts of a remote's URL; strings are on the heap, "" where there is none. */
struct rb_url {
	enum rb_url_kind kind;
	char *user; /**< ssh only */
	char *host; /**< ssh only: as written, an alias maybe, without port */
	char *path; /**< ssh: behind the host, without a slash in front */
	char *open; /**< http and git: the whole URL without user, password and query */
};

int rb_url_parse(const char *text, struct rb_url *out, struct rb_err *err) RB_MUST_CHECK;

void rb_url_release(struct rb_url *url);

/** Append text with each URL in it redacted, and control characters as blanks. */
int rb_url_redact_text(const char *text, size_t len, struct rb_buf *out,
                       struct rb_err *err) RB_MUST_CHECK;

/* remote_fail.c */

/** Why git failed to talk to a remote. */
enum rb_remote_failure {
	RB_REMOTE_OTHER,
	RB_REMOTE_CREDENTIALS, /**< none, or wrong ones */
	RB_REMOTE_FORBIDDEN,   /**< the credentials are good, but not for this */
	RB_REMOTE_HOST_KEY,    /**< the ssh server's key is not known, or another one */
	RB_REMOTE_TLS,         /**< the https server's certificate, or no common version */
	RB_REMOTE_NOT_FOUND,   /**< no such repository */
	RB_REMOTE_NO_REF,      /**< the repository has no such ref */
	RB_REMOTE_UNREACHABLE, /**< no such host, nobody answers */
	RB_REMOTE_CUT,         /**< the connection ended too early */
	RB_REMOTE_SLOW,        /**< it stalled */
	RB_REMOTE_OWNER,       /**< a path that belongs to somebody else */
};

/**
 * What git's words mean.
 *
 * line  set to the line that told, in text; NULL is allowed
 */
enum rb_remote_failure rb_remote_classify(const char *text, const char **line);

/** What is being done, for messages. */
struct rb_remote_act {
	struct rb_repo *repo;
	const char *verb;   /**< "push to" */
	const char *remote; /**< name or URL as given */
	const char *url;    /**< redacted */
};

/** Put "cannot push to 'origin' (https://...)" in front of a message that is there. */
int rb_remote_wrap(const struct rb_remote_act *act, int status, struct rb_err *err);

/** Report a git command that ended with another status than 0. */
int rb_remote_report(const struct rb_remote_act *act, const struct rb_proc_result *result,
                     struct rb_err *err);

/**
 * Append a line of git's, without "fatal: ", "remote: " and blanks around it, redacted.
 *
 * line  up to its end, '\n' or '\r' or NUL
 */
int rb_remote_add_line(const char *line, struct rb_buf *out, struct rb_err *err) RB_MUST_CHECK;

/** Append what the remote itself said ("remote: ..."), lines joined by "; ". */
int rb_remote_add_words(const char *text, struct rb_buf *out, struct rb_err *err) RB_MUST_CHECK;

/** The next line of text, or NULL behind the last; '\n' and '\r' end a line. */
const char *rb_remote_next_line(const char *line);

/**
 * Append a remote's push URL, redacted, or the URL that `remote` is.
 *
 * returns 0; as rb_remote_url()
 */
int rb_remote_shown_url(struct rb_repo *repo, const char *remote, struct rb_buf *out,
                        struct rb_err *err) RB_MUST_CHECK;

/** Whether this is a URL or path, not the name of a remote. */
bool rb_remote_is_url(const char *remote);

/** Longest URL. */
#define RB_REMOTE_URL_BYTES_MAX ((size_t)8192)

#endif /* ROWBACK_REMOTE_PRIV_H */
