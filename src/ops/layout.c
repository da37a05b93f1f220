/*
 * See rowback/ops/layout.h.
 */
#include <stdlib.h>
#include <string.h>

#include "rowback/base/map.h"
#include "rowback/format/path.h"
#include "rowback/ops/layout.h"

#define NAME_MAX_BYTES ((size_t)1 << 20)

/* How often each folded name occurs. */
static int count_names(const struct rb_catalog *catalog, struct rb_map *counts, struct rb_err *err)
{
	struct rb_buf folded = RB_BUF(NAME_MAX_BYTES);
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < catalog->table_count; i++) {
		const unsigned int *seen;
		unsigned int now;

		rb_buf_clear(&folded);
		rc = rb_path_fold(catalog->tables[i].name, &folded, err);
		if (rc < 0)
			break;
		seen = rb_map_get(counts, rb_buf_str(&folded), folded.len);
		now = seen ? *seen + 1 : 1;
		rc = rb_map_put(counts, rb_buf_str(&folded), folded.len, &now, err);
	}
	rb_buf_release(&folded);
	return rc;
}

static int path_of(const char *name, const struct rb_map *counts, char **out, struct rb_err *err)
{
	struct rb_buf folded = RB_BUF(NAME_MAX_BYTES);
	struct rb_buf path = RB_BUF(NAME_MAX_BYTES);
	const unsigned int *seen;
	int rc = rb_path_fold(name, &folded, err);

	if (rc < 0)
		goto out;
	seen = rb_map_get(counts, rb_buf_str(&folded), folded.len);
	rc = seen && *seen > 1 ? rb_path_encode_cased(name, &path, err)
	                       : rb_path_encode(name, &path, err);
	if (rc < 0)
		goto out;
	*out = rb_buf_detach(&path);
	if (!*out)
		rc = rb_err_set(err, RB_E_NOMEM, "no memory for a table's path");

out:
	rb_buf_release(&folded);
	rb_buf_release(&path);
	return rc;
}

int rb_layout_table_paths(const struct rb_catalog *catalog, char ***paths, struct rb_err *err)
{
	char **list = calloc(catalog->table_count + 1, sizeof(*list));
	struct rb_map *counts = NULL;
	int rc = RB_OK;

	if (!list)
		return rb_err_set(err, RB_E_NOMEM, "no memory for the tables' paths");
	rc = rb_map_new(sizeof(unsigned int), &counts, err);
	if (rc == RB_OK)
		rc = count_names(catalog, counts, err);
	for (size_t i = 0; rc == RB_OK && i < catalog->table_count; i++)
		rc = path_of(catalog->tables[i].name, counts, &list[i], err);
	rb_map_free(counts);
	if (rc < 0) {
		rb_layout_free_paths(list, catalog->table_count);
		return rc;
	}
	*paths = list;
	return RB_OK;
}

void rb_layout_free_paths(char **paths, size_t count)
{
	for (size_t i = 0; paths && i < count; i++)
		free(paths[i]);
	free(paths);
}

size_t rb_layout_blob_parts(size_t size)
{
	return size <= RB_PART_MAX ? 1 : (size + RB_PART_MAX - 1) / RB_PART_MAX;
}

int rb_layout_blob_path(const char *sha256_hex, size_t size, size_t part, struct rb_buf *out,
                        struct rb_err *err)
{
	if (rb_layout_blob_parts(size) == 1)
		return rb_buf_addf(out, err, "blobs/%.2s/%s", sha256_hex, sha256_hex);
	return rb_buf_addf(out, err, "blobs/%.2s/%s.%03zu", sha256_hex, sha256_hex, part);
}
