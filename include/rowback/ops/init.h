/*
 * Making a store, or taking one over from its remote.
 *
 * Layer: ops (3).
 */
#ifndef ROWBACK_OPS_INIT_H
#define ROWBACK_OPS_INIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowback/base/err.h"

struct rb_init_opts {
	const char *dir;            /**< where; made when it is not there */
	const char *const *sources; /**< "[NAME=]URL"; NULL-terminated; NULL: none */
	const char *remote_url;     /**< NULL: none yet */
	const char *branch;         /**< NULL: the remote's only one, or "main" */
	bool bare;                  /**< no working tree */
	bool check;                 /**< open the sources and ask the remote */
};

/** What was done.  Release with rb_init_report_release(). */
struct rb_init_report {
	char *dir; /**< absolute */
	size_t source_count;
	bool has_remote;
	char *remote_url; /**< for people: secrets hidden */
	bool remote_asked;
	bool remote_is_public;
	bool visibility_unknown;
	char *visibility; /**< a clause for people; NULL */
	uint64_t adopted; /**< backups taken over from the remote */
	char **missing;   /**< sources of the backups that are not configured here */
	size_t missing_count;
	char *engine; /**< of the first of them; NULL */
};

/**
 * Make a store.  A remote branch that holds a rowback store is fetched and taken over.
 *
 * returns 0; RB_E_EXISTS; RB_E_USAGE for names and URLs; RB_E_UNREACHABLE for a source;
 *         RB_E_AUTH, RB_E_TIMEOUT, RB_E_REJECTED, RB_E_NOTFOUND for the remote;
 *         RB_E_CONFLICT when the remote's branch holds something else, or it has several and
 *         none is named.  On failure nothing is left of what was made.
 */
int rb_init_run(const struct rb_init_opts *opts, struct rb_init_report *report,
                struct rb_err *err) RB_MUST_CHECK;

/** The struct is empty afterwards. */
void rb_init_report_release(struct rb_init_report *report);

#endif /* ROWBACK_OPS_INIT_H */
