/*
 * See rowback/repo/tree.h: building trees from paths in any order.
 *
 * Sorted as byte strings, the files of a directory come together: that is all that a
 * stream asks for.
 */
#include <stdlib.h>
#include <string.h>

#include "rowback/base/map.h"
#include "rowback/repo/tree.h"
#include "tree_priv.h"

/* What stands at a path. */
struct leaf {
	uint32_t mode;
	struct rb_oid oid;
};

struct rb_tree_builder {
	struct rb_map *leaves; /* path, with the NUL that ends it, to struct leaf */
};

/* A leaf with its path, both in the map. */
struct sorted {
	const char *path;
	const struct leaf *leaf;
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

int rb_tree_builder_add(struct rb_tree_builder *builder, const char *path, uint32_t mode,
                        const struct rb_oid *oid, struct rb_err *err)
{
	const struct leaf leaf = {.mode = mode, .oid = *oid};
	size_t len = strlen(path);

	if (!rb_tree_path_is_safe(path, len))
		return rb_err_set(err, RB_E_FORMAT, "git could not check out the path '%.500s'",
		                  path);
	if (rb_map_get(builder->leaves, path, len + 1))
		return rb_err_set(err, RB_E_EXISTS, "'%.500s' is there twice", path);
	return rb_map_put(builder->leaves, path, len + 1, &leaf, err);
}

static int by_path(const void *a, const void *b)
{
	const struct sorted *left = a;
	const struct sorted *right = b;

	return strcmp(left->path, right->path);
}

static int sort_leaves(const struct rb_tree_builder *builder, struct sorted **out,
                       struct rb_err *err)
{
	size_t count = rb_map_count(builder->leaves);
	struct sorted *all = calloc(count + 1, sizeof(*all));
	const void *key;
	size_t key_len;
	void *value;

	if (!all)
		return rb_err_set(err, RB_E_NOMEM, "no memory to sort %zu paths", count);
	for (size_t i = 0; rb_map_at(builder->leaves, i, &key, &key_len, &value); i++) {
		all[i].path = key;
		all[i].leaf = value;
	}
	qsort(all, count, sizeof(*all), by_path);
	*out = all;
	return RB_OK;
}

int rb_tree_builder_write(struct rb_tree_builder *builder, struct rb_pack *pack, unsigned int slot,
                          struct rb_oid *out, struct rb_err *err)
{
	struct rb_tree_stream *stream = NULL;
	size_t count = rb_map_count(builder->leaves);
	struct sorted *all = NULL;
	int rc = rb_tree_stream_new(pack, &stream, err);

	if (rc == RB_OK)
		rc = sort_leaves(builder, &all, err);
	for (size_t i = 0; i < count && rc == RB_OK; i++)
		rc = rb_tree_stream_add(stream, slot, all[i].path, all[i].leaf->mode,
		                        &all[i].leaf->oid, err);
	if (rc == RB_OK)
		rc = rb_tree_stream_end(stream, slot, out, err);
	rb_tree_stream_free(stream);
	free(all);
	return rc;
}
