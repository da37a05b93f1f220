/*
 * The catalog: which backups there are, and which one is meant.
 *
 * Layer: ops (3).  Uses: repo (commits), format (messages), rowback/ops/store.h.
 */
#ifndef ROWBACK_OPS_HISTORY_H
#define ROWBACK_OPS_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowback/format/message.h"
#include "rowback/ops/store.h"
#include "rowback/repo/app.h"
#include "rowback/repo/commit.h"

/** One backup. */
struct rb_backup_entry {
	struct rb_oid commit;
	struct rb_oid tree;
	struct rb_oid parent; /**< none for the first */
	int64_t time_unix_s;  /**< when it was taken */
	struct rb_message message;
	char *subject; /**< the commit's first line */
	bool pushed;   /**< the remote confirmed that it has it */
	bool aside;    /**< not on the branch: a safety backup of another database */
	bool pinned;   /**< no prune takes it away */
	char *drill;   /**< outcome of the newest drill ("passed 2026-..."); NULL */
};

struct rb_backup_list {
	struct rb_backup_entry *items; /**< newest first */
	size_t count;
};

/** Which backups; zero and NULL leave out nothing. */
struct rb_history_opts {
	const char *kind;
	const char *label;
	const char *source;
	const char *code; /**< the app repository's commit, or the start of its hash */
	int64_t since_unix_s;
	int64_t until_unix_s; /**< 0: no end */
	size_t count_max;     /**< 0: all */
};

/**
 * When a backup was taken: the time of its id, or of its commit where that is earlier.  An id
 * follows the one before it also where that was made by a clock far ahead; a commit that somebody
 * made anew (by a rebase) is younger than its backup.
 */
int64_t rb_history_taken_unix_s(const struct rb_commit *commit, const struct rb_message *message);

/** List backups; commits that are none are passed over. */
int rb_history_list(struct rb_store *store, const struct rb_history_opts *opts,
                    struct rb_backup_list *out, struct rb_err *err) RB_MUST_CHECK;

/** The struct is empty afterwards. */
void rb_backup_list_release(struct rb_backup_list *list);

void rb_backup_entry_release(struct rb_backup_entry *entry);

/**
 * The backup that is meant.
 *
 * spec     "latest" (the newest that is neither a safety backup nor a quick one), "latest~2",
 *          an id or the start of one, a commit hash or the start of one, or a label; NULL:
 *          latest
 * at_unix_s  a point in time: the newest backup not after it that is no quick one; 0: none
 *          given
 * returns  0; RB_E_NOSTORE when there is none; RB_E_USAGE when several are meant
 */
int rb_history_find(struct rb_store *store, const char *spec, int64_t at_unix_s,
                    struct rb_backup_entry *out, struct rb_err *err) RB_MUST_CHECK;

/**
 * The backup that holds the state of a commit: itself, or the newest below it that has its tree,
 * when only events, quick backups, or commits of somebody's own that changed nothing, lie in
 * between.  A quick backup only where the one that brought its data is gone.
 *
 * commit   none: there is no commit
 * backup   its commit; none when there is no such backup
 * id       its id; "" when there is none
 */
int rb_history_holder(struct rb_store *store, const struct rb_oid *commit, struct rb_oid *backup,
                      char id[17], struct rb_err *err) RB_MUST_CHECK;

/**
 * As rb_history_find(), for who wants the data: of a quick backup the one whose data it stands
 * on, which is said on the log.  Where that one is gone (pruned) it is the quick one itself,
 * whose tree is the same.
 */
int rb_history_find_data(struct rb_store *store, const char *spec, int64_t at_unix_s,
                         struct rb_backup_entry *out, struct rb_err *err) RB_MUST_CHECK;

/**
 * The newest backup that is no quick one, from a commit of the branch on back.
 *
 * returns 0; RB_E_NOSTORE when there is none
 */
int rb_history_data_of(struct rb_store *store, const struct rb_oid *tip,
                       struct rb_backup_entry *out, struct rb_err *err) RB_MUST_CHECK;

/** What a commit of the code that was asked for is. */
struct rb_code_wanted {
	char commit[RB_APP_OID_SIZE]; /**< its hash, or the start of one: for rb_history_opts.code
	                               */
	bool is_resolved;             /**< the app repository knows it: the hash is whole */
};

/**
 * Find out which commit of the code a text means.
 *
 * text    what the app repository resolves, where there is one; else a hash or the start of
 *         one, of 4 digits at least
 * returns 0; RB_E_NOTFOUND
 */
int rb_history_code(struct rb_store *store, const char *text, struct rb_code_wanted *out,
                    struct rb_err *err) RB_MUST_CHECK;

/**
 * The backup that is nearest before a commit of the code: the newest of those whose code is its
 * nearest ancestor there, in the order of git rev-list.
 *
 * returns 0; RB_E_NOSTORE when there is none, or the app repository does not know the commit
 */
int rb_history_code_before(struct rb_store *store, const struct rb_code_wanted *wanted,
                           struct rb_backup_entry *out, struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_OPS_HISTORY_H */
