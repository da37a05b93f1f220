/*
 * See rowback/repo/tree.h: comparing trees.
 *
 * Two trees are merged in git's order.  A file and a directory of one name stand in
 * different places of that order, so a swap is a file that went and files that came.
 */
#include <stdlib.h>
#include <string.h>

#include "repo_priv.h"
#include "rowback/base/buf.h"
#include "rowback/base/cancel.h"
#include "rowback/repo/tree.h"
#include "tree_priv.h"

/* One of the two trees. */
struct side {
	struct rb_buf data;
	struct rb_tree_reader reader;
	struct rb_oid oid;        /* none: there is no tree on this side */
	struct rb_tree_item item; /* where it is */
	bool has_item;            /* item is valid */
};

struct frame {
	struct side old_side;
	struct side new_side;
	size_t path_len; /* bytes of the path up to here, with the closing '/' */
};

struct diff {
	struct rb_repo *repo;
	struct rb_buf path;
	struct frame *frames; /* RB_TREE_DEPTH_MAX */
	size_t depth;
	uint64_t files;
	rb_tree_diff_fn *fn;
	void *ctx;
};

static const struct rb_oid none;

static int diff_init(struct diff *diff, struct rb_err *err)
{
	rb_buf_init(&diff->path, RB_TREE_PATH_MAX);
	diff->frames = calloc(RB_TREE_DEPTH_MAX, sizeof(*diff->frames));
	if (!diff->frames)
		return rb_err_set(err, RB_E_NOMEM, "no memory to compare trees");
	for (size_t i = 0; i < RB_TREE_DEPTH_MAX; i++) {
		rb_buf_init(&diff->frames[i].old_side.data, RB_TREE_MAX_BYTES);
		rb_buf_init(&diff->frames[i].new_side.data, RB_TREE_MAX_BYTES);
	}
	return rb_buf_reserve(&diff->path, 0, err);
}

static void diff_release(struct diff *diff)
{
	for (size_t i = 0; diff->frames && i < RB_TREE_DEPTH_MAX; i++) {
		rb_buf_release(&diff->frames[i].old_side.data);
		rb_buf_release(&diff->frames[i].new_side.data);
	}
	free(diff->frames);
	rb_buf_release(&diff->path);
}

static int advance(struct side *side, struct rb_err *err)
{
	int rc = rb_tree_reader_next(&side->reader, &side->item, err);

	side->has_item = rc == 1;
	return rc < 0 ? rb_tree_err(err, rc, &side->oid) : RB_OK;
}

static int open_side(struct rb_repo *repo, struct side *side, const struct rb_oid *oid,
                     struct rb_err *err)
{
	int rc = RB_OK;

	side->oid = *oid;
	if (rb_oid_is_none(oid))
		rb_tree_reader_init(&side->reader, "", 0);
	else
		rc = rb_tree_load(repo, oid, &side->data, &side->reader, err);
	return rc < 0 ? rc : advance(side, err);
}

static int push(struct diff *diff, const struct rb_oid *old_oid, const struct rb_oid *new_oid,
                struct rb_err *err)
{
	struct frame *frame;
	int rc;

	if (diff->depth == RB_TREE_DEPTH_MAX)
		return rb_err_set(err, RB_E_FORMAT, "'%.200s' is more than %d directories deep",
		                  rb_buf_str(&diff->path), RB_TREE_DEPTH_MAX);
	frame = &diff->frames[diff->depth];
	rc = rb_cancel_check(err);
	if (rc < 0)
		return rc;
	rc = open_side(diff->repo, &frame->old_side, old_oid, err);
	if (rc == RB_OK)
		rc = open_side(diff->repo, &frame->new_side, new_oid, err);
	if (rc < 0)
		return rc;
	frame->path_len = diff->path.len;
	diff->depth++;
	return RB_OK;
}

/* Which side comes first: below 0 the old one, above 0 the new one, 0 both. */
static int order(const struct frame *frame)
{
	if (!frame->new_side.has_item)
		return -1;
	if (!frame->old_side.has_item)
		return 1;
	return rb_tree_item_order(&frame->old_side.item, &frame->new_side.item);
}

/* Report a file, or go into a directory; an item is NULL when its side has none. */
static int differ(struct diff *diff, const struct rb_tree_item *old_item,
                  const struct rb_tree_item *new_item, struct rb_err *err)
{
	const struct rb_tree_item *item = old_item ? old_item : new_item;
	/* Copies: a frame that is opened may move nothing, but the callback may do anything. */
	const struct rb_oid old_oid = old_item ? old_item->oid : none;
	const struct rb_oid new_oid = new_item ? new_item->oid : none;
	int rc = rb_tree_path_set(&diff->path, diff->frames[diff->depth - 1].path_len, item, err);

	if (rc == RB_OK && rb_tree_item_is_dir(item)) {
		rc = rb_buf_adds(&diff->path, "/", err);
		return rc < 0 ? rc : push(diff, &old_oid, &new_oid, err);
	}
	if (rc < 0)
		return rc;
	if (++diff->files > RB_TREE_FILES_MAX)
		return rb_err_set(err, RB_E_LIMIT, "the trees differ in more than %llu files",
		                  (unsigned long long)RB_TREE_FILES_MAX);
	rc = diff->fn(diff->ctx, diff->path.data, &old_oid, &new_oid, err);
	return rc < 0 ? rc : RB_OK;
}

/* One step in the innermost pair of trees. */
static int step(struct diff *diff, struct rb_err *err)
{
	struct frame *frame = &diff->frames[diff->depth - 1];
	struct side *old_side = &frame->old_side;
	struct side *new_side = &frame->new_side;
	struct rb_tree_item old_item = old_side->item;
	struct rb_tree_item new_item = new_side->item;
	int first;
	int rc = RB_OK;

	if (!old_side->has_item && !new_side->has_item) {
		diff->depth--;
		return RB_OK;
	}
	first = order(frame);
	/* Names stay where they are: in the object's content. */
	if (first <= 0)
		rc = advance(old_side, err);
	if (rc == RB_OK && first >= 0)
		rc = advance(new_side, err);
	if (rc < 0)
		return rc;
	if (first == 0 && old_item.mode == new_item.mode &&
	    rb_oid_equal(&old_item.oid, &new_item.oid))
		return RB_OK;
	return differ(diff, first <= 0 ? &old_item : NULL, first >= 0 ? &new_item : NULL, err);
}

int rb_tree_diff(struct rb_repo *repo, const struct rb_oid *old_root, const struct rb_oid *new_root,
                 rb_tree_diff_fn *fn, void *ctx, struct rb_err *err)
{
	struct diff diff = {.repo = repo, .fn = fn, .ctx = ctx};
	int rc;

	if (rb_oid_equal(old_root, new_root))
		return RB_OK;
	rc = diff_init(&diff, err);
	if (rc == RB_OK)
		rc = push(&diff, old_root, new_root, err);
	while (rc == RB_OK && diff.depth > 0)
		rc = step(&diff, err);
	diff_release(&diff);
	return rc;
}
