/*
 * Hooks in other repositories: putting them there beside what is there, and taking them away.
 *
 * Layer: ops (3).  Uses: repo (hooks).
 *
 *	pre-push     in the application's repository: refuses to push without a backup
 *	pre-receive  in its bare remote: the same question where nobody passes by it
 *	append-only  in a bare backup remote, as its hook `update`: it only grows
 *
 * The texts lie in hooks/.  Their settings stand in that repository's git configuration, section
 * [rowback "<hook>"].
 */
#ifndef ROWBACK_OPS_HOOK_H
#define ROWBACK_OPS_HOOK_H

#include <stdbool.h>

#include "rowback/base/err.h"

struct rb_hook_opts {
	const char *hook;            /**< "pre-push", "pre-receive", "append-only" */
	const char *path;            /**< the repository, or a linked worktree of it */
	const char *store;           /**< the store's directory; NULL for append-only */
	const char *program;         /**< the rowback to call, absolute; NULL for append-only */
	const char *const *branches; /**< protected branches, or patterns; NULL-terminated */
	const char *const *tags;     /**< likewise; NULL: none */
	bool refuse_deletion;        /**< of what is protected */
	const char *require;         /**< "quick", "full"; NULL: as the store's [gate] says */
	const char *max_age;         /**< "1h"; NULL: likewise */
	bool backup;                 /**< take one when it is missing */
};

/** How it went, or how it is.  Release with rb_hook_report_release(). */
struct rb_hook_report {
	char *file;          /**< the hook's file */
	bool is_there;       /**< our hook is in that file */
	bool is_set;         /**< its settings are there */
	bool has_before;     /**< a hook that was there before is called first */
	bool is_shared;      /**< the file lies outside of the repository (core.hooksPath) */
	bool is_in_worktree; /**< the file lies in the working tree: linked ones have their own */
	char *store;         /**< the store that it asks; NULL */
};

/** The text of a hook; NULL for a name that is none. */
const char *rb_hook_text(const char *hook);

/**
 * Put a hook into a repository.  One that is there already is called before ours.
 *
 * returns 0, also when ours was there: then it is the newest, with these settings; RB_E_NOTFOUND
 *         when there is no repository; RB_E_USAGE for a hook that a hook manager writes anew
 *         (husky), or does not know; RB_E_EXISTS when two hooks were there before; RB_E_IO
 */
int rb_hook_install(const struct rb_hook_opts *opts, struct rb_hook_report *report,
                    struct rb_err *err) RB_MUST_CHECK;

/**
 * Take a hook away: its settings, its file, and what was there before is there again.  The file
 * stays where other repositories may use it (report->is_shared): without settings it does nothing.
 */
int rb_hook_remove(const char *hook, const char *path, struct rb_hook_report *report,
                   struct rb_err *err) RB_MUST_CHECK;

/** How it is. */
int rb_hook_look(const char *hook, const char *path, struct rb_hook_report *report,
                 struct rb_err *err) RB_MUST_CHECK;

/** The struct is empty afterwards. */
void rb_hook_report_release(struct rb_hook_report *report);

#endif /* ROWBACK_OPS_HOOK_H */
