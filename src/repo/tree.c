/*
 * See rowback/repo/tree.h: finding, listing and walking.
 */
#include <stdlib.h>
#include <string.h>

#include "repo_priv.h"
#include "rowback/base/buf.h"
#include "rowback/base/cancel.h"
#include "rowback/repo/tree.h"
#include "tree_priv.h"

/* A tree that is being read. */
struct frame {
	struct rb_buf data;
	struct rb_tree_reader reader;
	struct rb_oid oid;
	size_t path_len; /* bytes of the path up to here, with the closing '/' */
};

/* A stack of ours instead of recursion: the depth is the store's word. */
struct walk {
	struct rb_repo *repo;
	struct rb_buf path;
	struct frame *frames; /* RB_TREE_DEPTH_MAX */
	size_t depth;         /* frames in use */
	uint64_t files;
};

static int walk_init(struct walk *walk, struct rb_repo *repo, struct rb_err *err)
{
	walk->repo = repo;
	rb_buf_init(&walk->path, RB_TREE_PATH_MAX);
	walk->depth = 0;
	walk->files = 0;
	walk->frames = calloc(RB_TREE_DEPTH_MAX, sizeof(*walk->frames));
	if (!walk->frames)
		return rb_err_set(err, RB_E_NOMEM, "no memory to walk a tree");
	for (size_t i = 0; i < RB_TREE_DEPTH_MAX; i++)
		rb_buf_init(&walk->frames[i].data, RB_TREE_MAX_BYTES);
	return rb_buf_reserve(&walk->path, 0, err);
}

static void walk_release(struct walk *walk)
{
	for (size_t i = 0; walk->frames && i < RB_TREE_DEPTH_MAX; i++)
		rb_buf_release(&walk->frames[i].data);
	free(walk->frames);
	rb_buf_release(&walk->path);
}

static int push(struct walk *walk, const struct rb_oid *oid, struct rb_err *err)
{
	struct frame *frame;
	int rc;

	if (walk->depth == RB_TREE_DEPTH_MAX)
		return rb_err_set(err, RB_E_FORMAT, "'%.200s' is more than %d directories deep",
		                  rb_buf_str(&walk->path), RB_TREE_DEPTH_MAX);
	frame = &walk->frames[walk->depth];
	rc = rb_cancel_check(err);
	if (rc < 0)
		return rc;
	rc = rb_tree_load(walk->repo, oid, &frame->data, &frame->reader, err);
	if (rc < 0)
		return rc;
	frame->oid = *oid;
	frame->path_len = walk->path.len;
	walk->depth++;
	return RB_OK;
}

/* The next entry of the innermost tree: 1, 0 at its end; path names it then. */
static int next(struct walk *walk, struct rb_tree_item *item, struct rb_err *err)
{
	struct frame *frame = &walk->frames[walk->depth - 1];
	int rc = rb_tree_reader_next(&frame->reader, item, err);

	if (rc == 1) {
		int set = rb_tree_path_set(&walk->path, frame->path_len, item, err);

		rc = set < 0 ? set : 1;
	}
	return rc < 0 ? rb_tree_err(err, rc, &frame->oid) : rc;
}

static int report(struct walk *walk, const struct rb_tree_item *item, rb_tree_fn *fn, void *ctx,
                  struct rb_err *err)
{
	const struct rb_tree_entry entry = {
	        .path = walk->path.data, .mode = item->mode, .oid = item->oid};

	if (++walk->files > RB_TREE_FILES_MAX)
		return rb_err_set(err, RB_E_LIMIT, "the tree has more than %llu files",
		                  (unsigned long long)RB_TREE_FILES_MAX);
	return fn(ctx, &entry, err);
}

static int walk_all(struct walk *walk, rb_tree_fn *fn, void *ctx, struct rb_err *err)
{
	int rc = RB_OK;

	while (walk->depth > 0 && rc >= 0) {
		struct rb_tree_item item;

		rc = next(walk, &item, err);
		if (rc == 0) {
			walk->depth--;
		} else if (rc == 1 && rb_tree_item_is_dir(&item)) {
			rc = rb_buf_adds(&walk->path, "/", err);
			if (rc == RB_OK)
				rc = push(walk, &item.oid, err);
		} else if (rc == 1) {
			rc = report(walk, &item, fn, ctx, err);
		}
	}
	return rc < 0 ? rc : RB_OK;
}

int rb_tree_walk(struct rb_repo *repo, const struct rb_oid *root, rb_tree_fn *fn, void *ctx,
                 struct rb_err *err)
{
	struct walk walk;
	int rc;

	if (rb_oid_is_none(root))
		return RB_OK;
	rc = walk_init(&walk, repo, err);
	if (rc == RB_OK)
		rc = push(&walk, root, err);
	if (rc == RB_OK)
		rc = walk_all(&walk, fn, ctx, err);
	walk_release(&walk);
	return rc;
}

int rb_tree_list(struct rb_repo *repo, const struct rb_oid *root, rb_tree_fn *fn, void *ctx,
                 struct rb_err *err)
{
	struct rb_tree_item item;
	struct walk walk;
	int rc;

	if (rb_oid_is_none(root))
		return RB_OK;
	rc = walk_init(&walk, repo, err);
	if (rc == RB_OK)
		rc = push(&walk, root, err);
	while (rc >= 0 && (rc = next(&walk, &item, err)) == 1)
		rc = report(&walk, &item, fn, ctx, err);
	walk_release(&walk);
	return rc < 0 ? rc : RB_OK;
}

/* Find one name in a tree. */
static int find_name(struct rb_tree_reader *reader, const char *name, size_t len,
                     struct rb_tree_item *out, struct rb_err *err)
{
	struct rb_tree_item item;
	bool found = false;
	int rc;

	/* To the end, so that what is said of a tree does not depend on where one looks. */
	while ((rc = rb_tree_reader_next(reader, &item, err)) == 1) {
		if (item.name_len == len && memcmp(item.name, name, len) == 0) {
			*out = item;
			found = true;
		}
	}
	if (rc == 0 && !found)
		return RB_E_NOTFOUND;
	return rc;
}

int rb_tree_find(struct rb_repo *repo, const struct rb_oid *root, const char *path,
                 struct rb_oid *oid, uint32_t *mode, struct rb_err *err)
{
	struct rb_tree_item item = {.mode = RB_MODE_TREE, .oid = *root};
	struct rb_buf data = RB_BUF(RB_TREE_MAX_BYTES);
	struct rb_tree_reader reader;
	const char *rest = path;
	int rc = RB_OK;

	if (rb_oid_is_none(root))
		rc = RB_E_NOTFOUND;
	while (rc == RB_OK && *rest) {
		size_t len = strcspn(rest, "/");
		struct rb_oid at = item.oid;

		rc = RB_E_NOTFOUND;
		if (!rb_tree_item_is_dir(&item))
			break;
		rc = rb_tree_load(repo, &at, &data, &reader, err);
		if (rc < 0)
			goto out;
		rc = find_name(&reader, rest, len, &item, err);
		if (rc < 0 && rc != RB_E_NOTFOUND) {
			rc = rb_tree_err(err, rc, &at);
			goto out;
		}
		rest += len;
		if (*rest == '/')
			rest++;
	}
	if (rc == RB_E_NOTFOUND)
		rc = rb_err_set(err, RB_E_NOTFOUND, "there is no '%.500s' in the tree", path);
	if (rc == RB_OK) {
		*oid = item.oid;
		*mode = item.mode;
	}

out:
	rb_buf_release(&data);
	return rc;
}
