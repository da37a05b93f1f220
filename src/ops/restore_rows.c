/*
 * See restore_priv.h: which rows a strategy changes.
 */
#include <stdlib.h>
#include <string.h>

#include "rowback/base/map.h"
#include "rowback/value/key.h"
#include "restore_priv.h"

/* What happened to a row on the live side since the base; the value of a map by key. */
struct live_change {
	enum rb_row_op op;
	uint64_t line_hash; /* of the row as it is now; 0 when it was deleted */
};

struct strategy {
	struct rb_restore *restore;
	rb_row_change_fn *fn;
	void *ctx;
	struct rb_map *live_changes; /* merge only */
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

static int note_live(void *ctx, enum rb_row_op op, const struct rb_row *old_row,
                     const struct rb_row *new_row, struct rb_err *err)
{
	struct strategy *strategy = ctx;
	const struct rb_row *row = new_row ? new_row : old_row;
	struct live_change change = {.op = op};

	if (new_row)
		change.line_hash = rb_key_hash(new_row->line, new_row->line_len);
	return rb_map_put(strategy->live_changes, row->key, row->key_len, &change, err);
}

/* The backup's change meets a change of the live side: what is to be done to the target. */
static int meet(const struct strategy *strategy, const struct live_change *live, enum rb_row_op op,
                const struct rb_row *old_row, const struct rb_row *new_row, struct rb_err *err)
{
	bool live_has = live->op != RB_ROW_DELETE;
	const struct rb_row *row = new_row ? new_row : old_row;

	if (new_row ? live_has && live->line_hash == rb_key_hash(new_row->line, new_row->line_len)
	            : !live_has)
		return RB_OK; /* both sides did the same */
	if (strategy->restore->opts->on_conflict == RB_CONFLICT_LIVE)
		return RB_OK;
	/* A delete needs the key only, and that both rows share. */
	if (op == RB_ROW_DELETE)
		return pass_on(strategy, RB_ROW_DELETE, row, NULL, true, err);
	return pass_on(strategy, live_has ? RB_ROW_UPDATE : RB_ROW_INSERT, live_has ? row : NULL,
	               new_row, true, err);
}

static int merge_row(void *ctx, enum rb_row_op op, const struct rb_row *old_row,
                     const struct rb_row *new_row, struct rb_err *err)
{
	const struct strategy *strategy = ctx;
	const struct rb_row *row = new_row ? new_row : old_row;
	const struct live_change *live = rb_map_get(strategy->live_changes, row->key, row->key_len);

	if (live)
		return meet(strategy, live, op, old_row, new_row, err);
	return pass_on(ctx, op, old_row, new_row, false, err);
}

static int merge_table(struct strategy *strategy, const char *name, struct rb_err *err)
{
	struct rb_restore *restore = strategy->restore;
	struct rb_table_pair live = pair_of(&restore->base, &restore->live, name);
	struct rb_table_pair backup = pair_of(&restore->base, &restore->backup, name);
	struct rb_row_counts counts;
	int rc = rb_map_new(sizeof(struct live_change), &strategy->live_changes, err);

	if (rc == RB_OK)
		rc = rb_diff_rows(&live, true, note_live, strategy, &counts, err);
	if (rc == RB_OK)
		rc = rb_diff_rows(&backup, false, merge_row, strategy, &counts, err);
	rb_map_free(strategy->live_changes);
	strategy->live_changes = NULL;
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
