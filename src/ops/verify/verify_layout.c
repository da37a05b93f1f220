/*
 * See verify_priv.h: whether rows lie in the files that a writer would put them into.
 *
 * A restore proves itself by equal trees, so rows that are all there, but cut otherwise,
 * cannot be restored.
 */
#include <stdlib.h>
#include <string.h>

#include "rowback/base/map.h"
#include "rowback/format/chunk.h"
#include "rowback/value/key.h"
#include "verify_priv.h"

struct rb_verify_layout {
	const struct rb_table *table;
	size_t *positions; /* rb_table_key_positions() */
	struct rb_cutter *cutter;
	struct rb_map *paths; /* of the chunks that are there */
	size_t expected;
	size_t found;
	struct rb_buf key;
};

/* The cutter's sink. */
static int look_up(void *ctx, struct rb_chunk *chunk, struct rb_err *err)
{
	struct rb_verify_layout *layout = ctx;
	int rc = RB_OK;

	layout->found++;
	if (!rb_map_get(layout->paths, chunk->path, strlen(chunk->path)))
		rc = rb_err_set(err, RB_E_FORMAT,
		                "table '%s': its rows are cut otherwise: there is no rows/%s",
		                layout->table->name, chunk->path);
	free(chunk->path);
	rb_segment_unref(chunk->segment);
	return rc;
}

int rb_verify_layout_new(const struct rb_table *table, const struct rb_chunk_list *chunks,
                         struct rb_verify_layout **out, struct rb_err *err)
{
	struct rb_verify_layout *layout = calloc(1, sizeof(*layout));
	struct rb_chunk_sink sink = {.put = look_up, .ctx = layout};
	int rc;

	*out = layout;
	if (!layout)
		return rb_err_set(err, RB_E_NOMEM, "no memory to verify");
	layout->table = table;
	layout->expected = chunks->count;
	rb_buf_init(&layout->key, SIZE_MAX / 4);
	layout->positions = calloc(table->key_count + 1, sizeof(*layout->positions));
	rc = layout->positions ? rb_map_new(0, &layout->paths, err)
	                       : rb_err_set(err, RB_E_NOMEM, "no memory to verify");
	if (rc < 0)
		return rc;
	rb_table_key_positions(table, layout->positions);
	for (size_t i = 0; i < chunks->count && rc == RB_OK; i++)
		rc = rb_map_put(layout->paths, chunks->paths[i], strlen(chunks->paths[i]), NULL,
		                err);
	return rc == RB_OK ? rb_cutter_new(table->key_count, &sink, &layout->cutter, err) : rc;
}

int rb_verify_layout_row(struct rb_verify_layout *layout, const struct rb_row *row,
                         struct rb_err *err)
{
	struct rb_buf *line = rb_cutter_line(layout->cutter);
	int rc = rb_buf_add(line, row->line, row->line_len, err);

	if (rc == RB_OK)
		rc = rb_buf_add(line, "\n", 1, err);
	rb_buf_clear(&layout->key);
	if (rc == RB_OK)
		rc = rb_key_of_row(row->values, layout->positions, layout->table->key_count,
		                   &layout->key, err);
	return rc == RB_OK ? rb_cutter_row(layout->cutter, layout->key.data, layout->key.len, err)
	                   : rc;
}

int rb_verify_layout_end(struct rb_verify_layout *layout, struct rb_err *err)
{
	int rc = rb_cutter_finish(layout->cutter, err);

	if (rc == RB_OK && layout->found != layout->expected)
		rc = rb_err_set(err, RB_E_FORMAT,
		                "table '%s': its rows are cut otherwise: into %zu files, not %zu",
		                layout->table->name, layout->expected, layout->found);
	return rc;
}

void rb_verify_layout_free(struct rb_verify_layout *layout)
{
	if (!layout)
		return;
	rb_cutter_free(layout->cutter);
	rb_map_free(layout->paths);
	rb_buf_release(&layout->key);
	free(layout->positions);
	free(layout);
}
