/*
 * Running git in the application repository, for the files that look at it and move it.
 *
 *	rc = rb_app_git_begin(&git, path, err);
 *	rb_git_arg(&git, "status");
 *	if (rc == RB_OK)
 *		rc = rb_app_git_run(&git, &result, err);
 *	...
 *	rb_proc_result_release(&result);
 *	rb_git_release(&git);
 */
#ifndef ROWBACK_APP_PRIV_H
#define ROWBACK_APP_PRIV_H

#include "gitproc_priv.h"

/**
 * "~/x" is $HOME/x; any other path is copied.
 *
 * out     for free()
 * returns 0; RB_E_USAGE when there is no HOME; RB_E_NOMEM
 */
int rb_app_expand_home(const char *path, char **out, struct rb_err *err) RB_MUST_CHECK;

/**
 * Begin a command there, in an environment rid of the repository that we may run below.
 *
 * path    the repository's directory; "~/..." is the user's home
 * returns 0; RB_E_NOTFOUND when there is no such directory; RB_E_USAGE when there is no HOME
 */
int rb_app_git_begin(struct rb_git *git, const char *path, struct rb_err *err) RB_MUST_CHECK;

/** Run it, within a limit on time and output (64 KiB).  As rb_git_run(). */
int rb_app_git_run(struct rb_git *git, struct rb_proc_result *result,
                   struct rb_err *err) RB_MUST_CHECK;

/** Run it as rb_app_git_run(), with the time that moving a large working tree may take. */
int rb_app_ask(struct rb_git *git, size_t out_max, struct rb_proc_result *result,
               struct rb_err *err) RB_MUST_CHECK;

/** Record what git failed at, with the first line that it said about it; returns status. */
int rb_app_git_failed(const struct rb_proc_result *result, enum rb_status status,
                      struct rb_err *err, const char *fmt, ...) RB_PRINTF(4, 5);

#endif /* ROWBACK_APP_PRIV_H */
