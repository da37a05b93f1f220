/*
 * See restore_priv.h: which rows a strategy changes.
 */
#include <stdlib.h>
#include <string.h>

#include "rowback/base/map.h"
#include "restore_priv.h"

struct strategy {
	struct rb_restore *restore;
	rb_row_change_fn *fn;
	void *ctx;
	struct rb_map *by_backup; /* merge: keys of rows that the backup changed since the base */
	struct rb_map *by_live;   /* merge: likewise, the target */
};

static struct rb_table_pair pair_of(const struct rb_snapshot *old_side,
                                    const struct rb_snapshot *new_side, const char *name)
{
	struct rb_table_pair pair = {
	        .old_side = old_side,
	        .old_table = old_side->catalog ? rb_snapshot_find(old_side, name) : -1,
	        .new_side = new_side,
	        .new_table = new_side->catalog ? rb_snapshot_find(new_side, name) : -1};

	return pair;
}

static int pass_on(const struct strategy *strategy, enum rb_row_op op, const struct rb_row *old_row,
                   const struct rb_row *new_row, bool is_conflict, struct rb_err *err)
{
	const struct rb_row_change change = {.op = op,
	                                     .old_values = old_row ? old_row->values : NULL,
	                                     .new_values = new_row ? new_row->values : NULL,
	                                     .is_conflict = is_conflict,
	                                     .row = new_row ? new_row : old_row};

	return strategy->fn(strategy->ctx, &change, err);
}

/* The target becomes the backup. */
static int replace_row(void *ctx, enum rb_row_op op, const struct rb_row *old_row,
                       const struct rb_row *new_row, struct rb_err *err)
{
	return pass_on(ctx, op, old_row, new_row, false, err);
}

/* As above, but rows that only the target has stay. */
static int upsert_row(void *ctx, enum rb_row_op op, const struct rb_row *old_row,
                      const struct rb_row *new_row, struct rb_err *err)
{
	return op == RB_ROW_DELETE ? RB_OK : pass_on(ctx, op, old_row, new_row, false, err);
}

static int note_key(void *ctx, enum rb_row_op op, const struct rb_row *old_row,
                    const struct rb_row *new_row, struct rb_err *err)
{
	const struct rb_row *row = new_row ? new_row : old_row;

	(void)op;
	return rb_map_put(ctx, row->key, row->key_len, NULL, err);
}

/* Rows that the backup changed become what they are there; where the target changed the same
 * row into something else, somebody has to say who wins. */
static int merge_row(void *ctx, enum rb_row_op op, const struct rb_row *old_row,
                     const struct rb_row *new_row, struct rb_err *err)
{
	const struct strategy *strategy = ctx;
	const struct rb_row *row = new_row ? new_row : old_row;
	bool is_conflict;

	if (!rb_map_get(strategy->by_backup, row->key, row->key_len))
		return RB_OK;
	is_conflict = rb_map_get(strategy->by_live, row->key, row->key_len) != NULL;
	if (is_conflict && strategy->restore->opts->on_conflict == RB_CONFLICT_LIVE)
		return RB_OK;
	return pass_on(strategy, op, old_row, new_row, is_conflict, err);
}

/* The keys of rows that one side changed since the base. */
static int changed_keys(const struct rb_restore *restore, const struct rb_snapshot *side,
                        const char *name, struct rb_map **out, struct rb_err *err)
{
	struct rb_table_pair pair = pair_of(&restore->base, side, name);
	struct rb_row_counts counts;
	int rc = rb_map_new(0, out, err);

	return rc < 0 ? rc : rb_diff_rows(&pair, true, note_key, *out, &counts, err);
}

static int merge_table(struct strategy *strategy, const char *name, struct rb_err *err)
{
	struct rb_restore *restore = strategy->restore;
	struct rb_table_pair pair = pair_of(&restore->live, &restore->backup, name);
	struct rb_row_counts counts;
	int rc = changed_keys(restore, &restore->backup, name, &strategy->by_backup, err);

	if (rc == RB_OK)
		rc = changed_keys(restore, &restore->live, name, &strategy->by_live, err);
	if (rc == RB_OK)
		rc = rb_diff_rows(&pair, false, merge_row, strategy, &counts, err);
	rb_map_free(strategy->by_backup);
	rb_map_free(strategy->by_live);
	return rc;
}

int rb_restore_rows(struct rb_restore *restore, const char *name, bool fresh, rb_row_change_fn *fn,
                    void *ctx, struct rb_err *err)
{
	struct strategy strategy = {.restore = restore, .fn = fn, .ctx = ctx};
	struct rb_table_pair pair = pair_of(&restore->live, &restore->backup, name);
	struct rb_row_counts counts;

	if (fresh)
		pair.old_table = -1;
	if (fresh || restore->opts->strategy == RB_STRATEGY_REPLACE)
		return rb_diff_rows(&pair, false, replace_row, &strategy, &counts, err);
	if (restore->opts->strategy == RB_STRATEGY_UPSERT)
		return rb_diff_rows(&pair, false, upsert_row, &strategy, &counts, err);
	return merge_table(&strategy, name, err);
}
