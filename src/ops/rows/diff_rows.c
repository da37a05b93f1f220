/*
 * See rowback/ops/diff.h: rows of one table.
 */
#include <stdlib.h>
#include <string.h>

#include "rowback/base/cancel.h"
#include "rowback/base/map.h"
#include "rowback/ops/diff.h"
#include "rowback/repo/tree.h"
#include "rowback/value/key.h"

#define LOOK_ROWS 4096 /* rows between looks at signals */

/* One side of the comparison. */
struct side {
	struct rb_chunk_list chunks; /* those that the other side has not */
	struct rb_rows *rows;
	struct rb_row row;
	bool has_row;
	bool parsed;
};

struct differ {
	const struct rb_table_pair *pair;
	struct side old_side;
	struct side new_side;
	bool may_repeat;
	rb_row_diff_fn *fn;
	void *ctx;
	struct rb_row_counts *counts;
};

static const struct rb_table *table_of(const struct rb_snapshot *snapshot, long index)
{
	return &snapshot->catalog->tables[index];
}

bool rb_diff_same_key(const struct rb_table_pair *pair)
{
	const struct rb_table *a;
	const struct rb_table *b;

	if (pair->old_table < 0 || pair->new_table < 0)
		return false;
	a = table_of(pair->old_side, pair->old_table);
	b = table_of(pair->new_side, pair->new_table);
	if (a->key_kind != b->key_kind || a->key_count != b->key_count)
		return false;
	/* Where the whole row is the key, other columns make other rows. */
	if (a->key_kind == RB_KEY_ROW && a->column_count != b->column_count)
		return false;
	for (size_t i = 0; i < a->key_count; i++) {
		const struct rb_column *x = &a->columns[a->key[i]];
		const struct rb_column *y = &b->columns[b->key[i]];

		if (x->is_rowid != y->is_rowid || strcmp(x->name, y->name) != 0)
			return false;
	}
	return true;
}

static int collect_pair(void *ctx, const char *path, const struct rb_oid *old_oid,
                        const struct rb_oid *new_oid, struct rb_err *err)
{
	struct differ *differ = ctx;
	int rc = RB_OK;

	if (!rb_oid_is_none(old_oid))
		rc = rb_chunk_list_add(&differ->old_side.chunks, path, old_oid, err);
	if (rc == RB_OK && !rb_oid_is_none(new_oid))
		rc = rb_chunk_list_add(&differ->new_side.chunks, path, new_oid, err);
	return rc;
}

/* Take out of a list the chunks whose content is in the set. */
static void drop_known(struct rb_chunk_list *list, const struct rb_map *known)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		if (rb_map_get(known, list->oids[i].id, sizeof(list->oids[i].id))) {
			free(list->paths[i]);
			continue;
		}
		list->paths[kept] = list->paths[i];
		list->oids[kept++] = list->oids[i];
	}
	list->count = kept;
}

static int set_of(const struct rb_chunk_list *list, struct rb_map **out, struct rb_err *err)
{
	int rc = rb_map_new(0, out, err);

	for (size_t i = 0; rc == RB_OK && i < list->count; i++)
		rc = rb_map_put(*out, list->oids[i].id, sizeof(list->oids[i].id), NULL, err);
	return rc;
}

/* A chunk that only moved to another directory is on both sides: leave it out of both. */
static int drop_moved(struct differ *differ, struct rb_err *err)
{
	struct rb_map *old_set = NULL;
	struct rb_map *new_set = NULL;
	int rc = set_of(&differ->old_side.chunks, &old_set, err);

	if (rc == RB_OK)
		rc = set_of(&differ->new_side.chunks, &new_set, err);
	if (rc == RB_OK) {
		drop_known(&differ->old_side.chunks, new_set);
		drop_known(&differ->new_side.chunks, old_set);
	}
	rb_map_free(old_set);
	rb_map_free(new_set);
	return rc;
}

static int rows_tree(const struct rb_snapshot *snapshot, long table, struct rb_oid *out,
                     struct rb_err *err)
{
	uint32_t mode = 0;
	int rc;

	memset(out, 0, sizeof(*out));
	if (table < 0)
		return RB_OK;
	rc = rb_tree_find(snapshot->repo, &snapshot->tables[table].tree, "rows", out, &mode, err);
	return rc == RB_E_NOTFOUND ? RB_OK : rc;
}

static int open_side(struct side *side, const struct rb_snapshot *snapshot, long table,
                     bool skip_blobs, struct rb_err *err)
{
	const struct rb_rows_opts opts = {.snapshot = snapshot,
	                                  .table = table < 0 ? 0 : (size_t)table,
	                                  .chunks = &side->chunks,
	                                  .skip_blobs = skip_blobs};

	return table < 0 ? RB_OK : rb_rows_open(&opts, &side->rows, err);
}

static int advance(struct side *side, struct rb_err *err)
{
	int rc = side->rows ? rb_rows_next(side->rows, &side->row, err) : 0;

	side->has_row = rc > 0;
	side->parsed = false;
	return rc < 0 ? rc : RB_OK;
}

static int parse(struct side *side, struct rb_err *err)
{
	if (!side->has_row || side->parsed)
		return RB_OK;
	side->parsed = true;
	return rb_rows_parse(side->rows, &side->row, err);
}

static int report(struct differ *differ, enum rb_row_op op, struct rb_err *err)
{
	const struct rb_row *old_row = op == RB_ROW_INSERT ? NULL : &differ->old_side.row;
	const struct rb_row *new_row = op == RB_ROW_DELETE ? NULL : &differ->new_side.row;

	differ->counts->inserted += op == RB_ROW_INSERT;
	differ->counts->updated += op == RB_ROW_UPDATE;
	differ->counts->deleted += op == RB_ROW_DELETE;
	return differ->fn ? differ->fn(differ->ctx, op, old_row, new_row, err) : RB_OK;
}

static bool same_line(const struct differ *differ)
{
	const struct rb_row *a = &differ->old_side.row;
	const struct rb_row *b = &differ->new_side.row;

	return differ->old_side.has_row && differ->new_side.has_row && a->line_len == b->line_len &&
	       memcmp(a->line, b->line, a->line_len) == 0;
}

/* Negative: the old row comes first; 0: the same row; positive: the new one comes first. */
static int order_of(const struct differ *differ)
{
	const struct rb_row *a = &differ->old_side.row;
	const struct rb_row *b = &differ->new_side.row;

	if (!differ->old_side.has_row)
		return 1;
	if (!differ->new_side.has_row)
		return -1;
	return rb_key_compare(a->key, a->key_len, b->key, b->key_len);
}

/* Deal with what stands at both heads, and go on. */
static int step(struct differ *differ, struct rb_err *err)
{
	int order = 0;
	int rc = RB_OK;

	if (!same_line(differ)) {
		rc = parse(&differ->old_side, err);
		if (rc == RB_OK)
			rc = parse(&differ->new_side, err);
		if (rc < 0)
			return rc;
		order = order_of(differ);
		if (order < 0)
			rc = report(differ, RB_ROW_DELETE, err);
		else if (order > 0)
			rc = report(differ, RB_ROW_INSERT, err);
		else if (!differ->new_side.row.may_repeat)
			rc = report(differ, RB_ROW_UPDATE, err);
		else {
			/* Only the sign of a zero differs: the key does not tell. */
			rc = report(differ, RB_ROW_DELETE, err);
			if (rc == RB_OK)
				rc = report(differ, RB_ROW_INSERT, err);
		}
	}
	if (rc == RB_OK && order <= 0)
		rc = advance(&differ->old_side, err);
	if (rc == RB_OK && order >= 0)
		rc = advance(&differ->new_side, err);
	return rc;
}

static int merge(struct differ *differ, struct rb_err *err)
{
	uint64_t steps = 0;
	int rc = advance(&differ->old_side, err);

	if (rc == RB_OK)
		rc = advance(&differ->new_side, err);
	while (rc == RB_OK && (differ->old_side.has_row || differ->new_side.has_row)) {
		rc = step(differ, err);
		if (rc == RB_OK && ++steps % LOOK_ROWS == 0)
			rc = rb_cancel_check(err);
	}
	return rc;
}

static int compare(struct differ *differ, bool skip_blobs, struct rb_err *err)
{
	const struct rb_table_pair *pair = differ->pair;
	struct rb_repo *repo = pair->new_table >= 0 ? pair->new_side->repo : pair->old_side->repo;
	struct rb_oid old_rows;
	struct rb_oid new_rows;
	int rc = rows_tree(pair->old_side, pair->old_table, &old_rows, err);

	if (rc == RB_OK)
		rc = rows_tree(pair->new_side, pair->new_table, &new_rows, err);
	if (rc == RB_OK)
		rc = rb_tree_diff(repo, &old_rows, &new_rows, collect_pair, differ, err);
	if (rc == RB_OK && !differ->may_repeat)
		rc = drop_moved(differ, err);
	if (rc == RB_OK)
		rc = open_side(&differ->old_side, pair->old_side, pair->old_table, skip_blobs, err);
	if (rc == RB_OK)
		rc = open_side(&differ->new_side, pair->new_side, pair->new_table, skip_blobs, err);
	if (rc == RB_OK)
		rc = merge(differ, err);
	return rc;
}

/* One side alone: all its rows, or their number. */
static int one_sided(const struct rb_table_pair *pair, bool skip_blobs, rb_row_diff_fn *fn,
                     void *ctx, struct rb_row_counts *counts, struct rb_err *err)
{
	struct differ differ = {.pair = pair, .fn = fn, .ctx = ctx, .counts = counts};
	int rc;

	if (!fn) {
		if (pair->old_table >= 0)
			counts->deleted += pair->old_side->tables[pair->old_table].rows;
		if (pair->new_table >= 0)
			counts->inserted += pair->new_side->tables[pair->new_table].rows;
		return RB_OK;
	}
	differ.may_repeat = true;
	rc = compare(&differ, skip_blobs, err);
	rb_rows_close(differ.old_side.rows);
	rb_rows_close(differ.new_side.rows);
	rb_chunk_list_release(&differ.old_side.chunks);
	rb_chunk_list_release(&differ.new_side.chunks);
	return rc;
}

int rb_diff_rows(const struct rb_table_pair *pair, bool skip_blobs, rb_row_diff_fn *fn, void *ctx,
                 struct rb_row_counts *counts, struct rb_err *err)
{
	struct differ differ = {.pair = pair, .fn = fn, .ctx = ctx, .counts = counts};
	int rc;

	memset(counts, 0, sizeof(*counts));
	if (!rb_diff_same_key(pair)) {
		/* Rows of another key are other rows: all go, all come. */
		struct rb_table_pair gone = *pair;
		struct rb_table_pair come = *pair;

		gone.new_table = -1;
		come.old_table = -1;
		rc = pair->old_table < 0 ? RB_OK
		                         : one_sided(&gone, skip_blobs, fn, ctx, counts, err);
		if (rc == RB_OK && pair->new_table >= 0)
			rc = one_sided(&come, skip_blobs, fn, ctx, counts, err);
		return rc;
	}
	differ.may_repeat = table_of(pair->old_side, pair->old_table)->key_may_repeat ||
	                    table_of(pair->new_side, pair->new_table)->key_may_repeat;
	rc = compare(&differ, skip_blobs, err);
	rb_rows_close(differ.old_side.rows);
	rb_rows_close(differ.new_side.rows);
	rb_chunk_list_release(&differ.old_side.chunks);
	rb_chunk_list_release(&differ.new_side.chunks);
	return rc;
}
