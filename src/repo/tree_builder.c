/*
 * See rowback/repo/tree.h: building trees from paths.
 *
 * All paths are sorted as whole byte strings; that is git's order of trees too, when the
 * path of a whole tree counts as ending in '/'.  Trees are then written as they end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "repo_priv.h"
#include "rowback/base/buf.h"
#include "rowback/base/map.h"
#include "rowback/repo/tree.h"
#include "tree_priv.h"

/* What stands at a path. */
struct leaf {
	uint32_t mode;
	struct rb_oid oid;
};

struct rb_tree_builder {
	struct rb_map *leaves; /* path to struct leaf */
};

/* A leaf with its path, which has no NUL. */
struct sorted {
	const char *path;
	size_t len;
	struct leaf leaf;
};

/* A tree that is being put together. */
struct level {
	struct rb_buf data;
	size_t prefix_len; /* bytes of the path up to here, with the closing '/' */
};

/* The trees from the root down to the path that was added last. */
struct writing {
	struct rb_tree_builder *builder;
	struct rb_pack *pack;
	unsigned int slot;
	struct level levels[RB_TREE_DEPTH_MAX];
	size_t depth;     /* levels in use; the root is one */
	const char *path; /* that was added last */
};

int rb_tree_builder_new(struct rb_tree_builder **out, struct rb_err *err)
{
	struct rb_tree_builder *builder = calloc(1, sizeof(*builder));
	int rc;

	if (!builder)
		return rb_err_set(err, RB_E_NOMEM, "no memory to build a tree");
	rc = rb_map_new(sizeof(struct leaf), &builder->leaves, err);
	if (rc < 0) {
		free(builder);
		return rc;
	}
	*out = builder;
	return RB_OK;
}

void rb_tree_builder_free(struct rb_tree_builder *builder)
{
	if (!builder)
		return;
	rb_map_free(builder->leaves);
	free(builder);
}

/* Each component by itself, and not too many. */
static bool is_safe_path(const char *path, size_t len)
{
	size_t depth = 0;

	if (len > RB_TREE_PATH_MAX)
		return false;
	for (const char *part = path; part;) {
		size_t left = len - (size_t)(part - path);
		const char *slash = memchr(part, '/', left);

		if (!rb_tree_name_is_safe(part, slash ? (size_t)(slash - part) : left) ||
		    ++depth > RB_TREE_DEPTH_MAX)
			return false;
		part = slash ? slash + 1 : NULL;
	}
	return true;
}

int rb_tree_builder_add(struct rb_tree_builder *builder, const char *path, uint32_t mode,
                        const struct rb_oid *oid, struct rb_err *err)
{
	const struct leaf leaf = {.mode = mode, .oid = *oid};
	size_t len = strlen(path);

	if (!is_safe_path(path, len))
		return rb_err_set(err, RB_E_FORMAT, "git could not check out the path '%.500s'",
		                  path);
	if (rb_map_get(builder->leaves, path, len))
		return rb_err_set(err, RB_E_EXISTS, "'%.500s' is there twice", path);
	return rb_map_put(builder->leaves, path, len, &leaf, err);
}

/* The byte at a place of a path, with the '/' that ends a tree's. */
static int byte_at(const struct sorted *item, size_t at)
{
	if (at < item->len)
		return (unsigned char)item->path[at];
	return at == item->len && item->leaf.mode == RB_MODE_TREE ? '/' : -1;
}

static int by_path(const void *a, const void *b)
{
	const struct sorted *left = a;
	const struct sorted *right = b;
	size_t len = left->len < right->len ? left->len : right->len;
	int order = memcmp(left->path, right->path, len);

	return order != 0 ? order : byte_at(left, len) - byte_at(right, len);
}

static int sort_leaves(const struct rb_tree_builder *builder, struct sorted **out,
                       struct rb_err *err)
{
	size_t count = rb_map_count(builder->leaves);
	struct sorted *all = calloc(count + 1, sizeof(*all));
	bool is_sorted = true;
	const void *key;
	size_t key_len;
	void *value;

	if (!all)
		return rb_err_set(err, RB_E_NOMEM, "no memory to sort %zu paths", count);
	for (size_t i = 0; rb_map_at(builder->leaves, i, &key, &key_len, &value); i++) {
		all[i].path = key;
		all[i].len = key_len;
		memcpy(&all[i].leaf, value, sizeof(all[i].leaf));
		is_sorted = is_sorted && (i == 0 || by_path(&all[i - 1], &all[i]) < 0);
	}
	/* An export adds its chunks in order. */
	if (!is_sorted)
		qsort(all, count, sizeof(*all), by_path);
	*out = all;
	return RB_OK;
}

static int add_entry(struct level *level, const char *name, size_t name_len,
                     const struct leaf *leaf, struct rb_err *err)
{
	char mode[16];
	int mode_len = snprintf(mode, sizeof(mode), "%o ", (unsigned int)leaf->mode);
	int rc = rb_buf_add(&level->data, mode, (size_t)mode_len, err);

	if (rc == RB_OK)
		rc = rb_buf_add(&level->data, name, name_len, err);
	if (rc == RB_OK)
		rc = rb_buf_add(&level->data, "", 1, err);
	if (rc == RB_OK)
		rc = rb_buf_add(&level->data, leaf->oid.id, sizeof(leaf->oid.id), err);
	return rc;
}

/* Write the innermost tree; *oid is its name. */
static int end_level(struct writing *writing, struct rb_oid *oid, struct rb_err *err)
{
	struct level *level = &writing->levels[--writing->depth];

	return rb_pack_add(writing->pack, writing->slot, RB_OBJECT_TREE, rb_buf_str(&level->data),
	                   level->data.len, oid, NULL, err);
}

/* Write the innermost tree and add it to the one around it. */
static int leave(struct writing *writing, struct rb_err *err)
{
	struct leaf leaf = {.mode = RB_MODE_TREE};
	size_t end = writing->levels[writing->depth - 1].prefix_len - 1;
	int rc = end_level(writing, &leaf.oid, err);
	struct level *around = &writing->levels[writing->depth - 1];

	if (rc == RB_OK)
		rc = add_entry(around, writing->path + around->prefix_len, end - around->prefix_len,
		               &leaf, err);
	return rc;
}

/* Begin the tree whose path ends before `prefix_len`. */
static int enter(struct writing *writing, const struct sorted *item, size_t prefix_len,
                 struct rb_err *err)
{
	struct level *level = &writing->levels[writing->depth];

	if (rb_map_get(writing->builder->leaves, item->path, prefix_len - 1))
		return rb_err_set(err, RB_E_EXISTS, "'%.*s' is a directory and something else",
		                  (int)(prefix_len - 1), item->path);
	rb_buf_clear(&level->data);
	level->prefix_len = prefix_len;
	writing->depth++;
	return RB_OK;
}

static int add_sorted(struct writing *writing, const struct sorted *item, struct rb_err *err)
{
	const struct level *level = &writing->levels[writing->depth - 1];
	const char *slash;
	int rc = RB_OK;

	while (rc == RB_OK && level->prefix_len > 0 &&
	       (item->len <= level->prefix_len ||
	        memcmp(item->path, writing->path, level->prefix_len) != 0)) {
		rc = leave(writing, err);
		level = &writing->levels[writing->depth - 1];
	}
	writing->path = item->path;
	while (rc == RB_OK && (slash = memchr(item->path + level->prefix_len, '/',
	                                      item->len - level->prefix_len))) {
		rc = enter(writing, item, (size_t)(slash + 1 - item->path), err);
		level = &writing->levels[writing->depth - 1];
	}
	if (rc < 0)
		return rc;
	return add_entry(&writing->levels[writing->depth - 1], item->path + level->prefix_len,
	                 item->len - level->prefix_len, &item->leaf, err);
}

int rb_tree_builder_write(struct rb_tree_builder *builder, struct rb_pack *pack, unsigned int slot,
                          struct rb_oid *out, struct rb_err *err)
{
	struct writing writing = {.builder = builder, .pack = pack, .slot = slot, .depth = 1};
	size_t count = rb_map_count(builder->leaves);
	struct sorted *all = NULL;
	int rc;

	for (size_t i = 0; i < RB_TREE_DEPTH_MAX; i++)
		rb_buf_init(&writing.levels[i].data, RB_TREE_MAX_BYTES);
	rc = sort_leaves(builder, &all, err);
	for (size_t i = 0; i < count && rc == RB_OK; i++)
		rc = add_sorted(&writing, &all[i], err);
	while (rc == RB_OK && writing.depth > 1)
		rc = leave(&writing, err);
	if (rc == RB_OK)
		rc = end_level(&writing, out, err);
	for (size_t i = 0; i < RB_TREE_DEPTH_MAX; i++)
		rb_buf_release(&writing.levels[i].data);
	free(all);
	return rc;
}
