/*
 * Groups of rows (adapter.h): made of rows as they come, and two lists of them compared.
 *
 * Layer: ops (3), private.
 */
#ifndef OPS_GROUPS_PRIV_H
#define OPS_GROUPS_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowback/adapter/adapter.h"
#include "rowback/base/err.h"

/**
 * Rows in a group at most: what the server's aggregate holds of one is 32 bytes a row, and it
 * can hold 1 GB.  Only a table that has one row over and over comes near.
 */
#define RB_GROUP_ROWS_MAX ((uint32_t)1 << 24)

/** Groups of a table that are held at most: 192 MB, of 137 GB of rows. */
#define RB_GROUPS_MAX ((size_t)8 << 20)

/** Groups of a table, in its order; {0} is none. */
struct rb_groups {
	struct rb_group *list;
	size_t count;
	size_t room;
	uint64_t rows; /**< of all */
};

/** Append one.  returns 0; RB_E_LIMIT past RB_GROUPS_MAX or RB_GROUP_ROWS_MAX; RB_E_NOMEM */
int rb_groups_add(struct rb_groups *groups, const struct rb_group *group,
                  struct rb_err *err) RB_MUST_CHECK;

void rb_groups_release(struct rb_groups *groups);

/** Makes groups of rows, in their order. */
struct rb_grouper;

int rb_grouper_new(struct rb_grouper **out, struct rb_err *err) RB_MUST_CHECK;

/** NULL is allowed. */
void rb_grouper_free(struct rb_grouper *grouper);

/** Take the next row by its text; a group that ended goes to the list.  As rb_groups_add(). */
int rb_grouper_row(struct rb_grouper *grouper, const char *text, size_t len,
                   struct rb_groups *groups, struct rb_err *err) RB_MUST_CHECK;

/** End the group that is open, if one is: the next row begins another. */
int rb_grouper_cut(struct rb_grouper *grouper, struct rb_groups *groups,
                   struct rb_err *err) RB_MUST_CHECK;

/** What becomes of rows. */
enum rb_run_kind {
	RB_RUN_KEEP, /**< they are in both lists */
	RB_RUN_DROP, /**< in the old one only */
	RB_RUN_READ, /**< in the new one only */
};

struct rb_run {
	enum rb_run_kind kind;
	uint64_t rows;
	size_t first; /**< the first of its groups, in the new list; of the old one for a DROP */
	size_t count; /**< groups */
};

/** Runs, in the order of rows; {0} is none. */
struct rb_runs {
	struct rb_run *list;
	size_t count;
	size_t room;
	uint64_t rows[3]; /**< by kind */
};

/**
 * Compare two lists: which of the new one's rows are the old one's.
 *
 * Rows stand in the order of their keys in both, so that what is in both is in the same order.
 *
 * out   {0}
 * cost  16 bytes for each old group
 */
int rb_groups_match(const struct rb_groups *old_groups, const struct rb_groups *new_groups,
                    struct rb_runs *out, struct rb_err *err) RB_MUST_CHECK;

void rb_runs_release(struct rb_runs *runs);

#endif /* OPS_GROUPS_PRIV_H */
