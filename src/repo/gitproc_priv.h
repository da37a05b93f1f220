/*
 * Running the git program.
 *
 *	struct rb_git git = {0};
 *	rb_git_begin(&git, repo);
 *	rb_git_arg(&git, "fsck");
 *	rc = rb_git_run(&git, &limits, &result, err);
 *	...
 *	rb_proc_result_release(&result);
 *	rb_git_release(&git);
 *
 * Without memory the building calls do nothing more, and rb_git_run() says so.
 */
#ifndef ROWBACK_GITPROC_PRIV_H
#define ROWBACK_GITPROC_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowback/base/err.h"
#include "rowback/base/proc.h"
#include "rowback/repo/repo.h"

/** A growing, NULL-terminated list of strings. */
struct rb_git_words {
	char **words;
	size_t count;
};

/** A git command being put together; {0} at first. */
struct rb_git {
	struct rb_git_words argv;
	struct rb_git_words env;   /**< NAME=VALUE */
	struct rb_git_words unset; /**< names of variables */
	char *cwd;                 /**< where it runs; NULL: here */
	const mode_t *umask;       /**< what it runs with; borrowed; NULL: ours */
	bool is_broken;            /**< there was no memory */
};

/** What a run may take. */
struct rb_git_limits {
	int64_t timeout_ms;                           /**< 0: no deadline */
	size_t stdout_max;                            /**< bytes */
	void (*on_line)(void *ctx, const char *line); /**< as in rb_proc_opts; may be NULL */
	void *ctx;
};

/** Names that `git rev-parse --local-env-vars` prints, NULL-terminated. */
extern const char *const rb_git_local_env[];

/** Add an argument, printf-formatted. */
void rb_git_arg(struct rb_git *git, const char *fmt, ...) RB_PRINTF(2, 3);

/** Add a variable, printf-formatted: "NAME=VALUE". */
void rb_git_env(struct rb_git *git, const char *fmt, ...) RB_PRINTF(2, 3);

/** Leave a variable of ours out. */
void rb_git_unset(struct rb_git *git, const char *name);

/** Begin a command on a store, or on none (repo NULL): what every run of git is given. */
void rb_git_begin(struct rb_git *git, struct rb_repo *repo);

/**
 * Begin a command that talks to a remote: also nothing prompts and nothing waits for ever,
 * where the user's configuration does not say otherwise.
 */
int rb_git_begin_network(struct rb_git *git, struct rb_repo *repo,
                         struct rb_err *err) RB_MUST_CHECK;

/** Run it.  As rb_proc_run(), with a hint when there is no git. */
int rb_git_run(struct rb_git *git, const struct rb_git_limits *limits,
               struct rb_proc_result *result, struct rb_err *err) RB_MUST_CHECK;

/** Whether the git that runs is this version or a later one; not where there is none. */
bool rb_git_is_at_least(long major, long minor);

/** Free the command; {0} again. */
void rb_git_release(struct rb_git *git);

/**
 * Append the configuration entries whose names match an extended regular expression, as git
 * sees them (also from GIT_CONFIG_GLOBAL and included files): "name\nvalue" and a NUL each,
 * no newline and value for a variable without "=".  None is no error.
 */
int rb_git_config(struct rb_repo *repo, const char *regexp, struct rb_buf *out,
                  struct rb_err *err) RB_MUST_CHECK;

/** Call fn with each entry that rb_git_config() found; value NULL without "=". */
int rb_git_config_each(struct rb_buf *entries,
                       int (*fn)(void *ctx, const char *name, const char *value,
                                 struct rb_err *err),
                       void *ctx, struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_GITPROC_PRIV_H */
