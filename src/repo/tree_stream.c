/*
 * See rowback/repo/tree.h: trees written as their directories end.
 *
 * The directories from the root down to the path that was added last are open, each a
 * list of entries.  A path that lies elsewhere ends those it is not in.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "repo_priv.h"
#include "rowback/base/buf.h"
#include "rowback/repo/tree.h"
#include "tree_priv.h"

/* An entry of an open directory. */
struct entry {
	size_t name_at; /* in the directory's names, where a NUL ends it */
	uint32_t mode;
	struct rb_oid oid;
};

/* An open directory. */
struct level {
	struct rb_buf names;
	struct entry *entries; /* in order of arrival */
	size_t count;
	size_t room;
	size_t prefix_len; /* bytes of the path up to here, with the closing '/' */
};

struct rb_tree_stream {
	struct rb_pack *pack;
	struct level *levels; /* the root first */
	size_t level_room;    /* levels that were set up */
	size_t depth;         /* levels in use */
	struct rb_buf path;   /* that was added last */
	struct rb_buf object; /* the tree being written */
};

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory to build a tree");
}

/* One more level, empty. */
static int push_level(struct rb_tree_stream *stream, size_t prefix_len, struct rb_err *err)
{
	struct level *level;

	if (stream->depth == stream->level_room) {
		struct level *grown =
		        realloc(stream->levels, (stream->level_room + 1) * sizeof(*grown));

		if (!grown)
			return no_memory(err);
		stream->levels = grown;
		memset(&grown[stream->level_room], 0, sizeof(*grown));
		rb_buf_init(&grown[stream->level_room++].names, RB_TREE_MAX_BYTES);
	}
	level = &stream->levels[stream->depth++];
	rb_buf_clear(&level->names);
	level->count = 0;
	level->prefix_len = prefix_len;
	return RB_OK;
}

int rb_tree_stream_new(struct rb_pack *pack, struct rb_tree_stream **out, struct rb_err *err)
{
	struct rb_tree_stream *stream = calloc(1, sizeof(*stream));

	*out = NULL;
	if (!stream)
		return no_memory(err);
	stream->pack = pack;
	rb_buf_init(&stream->path, RB_TREE_PATH_MAX + 1);
	rb_buf_init(&stream->object, RB_TREE_MAX_BYTES);
	if (push_level(stream, 0, err) < 0) {
		rb_tree_stream_free(stream);
		return RB_E_NOMEM;
	}
	*out = stream;
	return RB_OK;
}

void rb_tree_stream_free(struct rb_tree_stream *stream)
{
	if (!stream)
		return;
	for (size_t i = 0; i < stream->level_room; i++) {
		rb_buf_release(&stream->levels[i].names);
		free(stream->levels[i].entries);
	}
	free(stream->levels);
	rb_buf_release(&stream->path);
	rb_buf_release(&stream->object);
	free(stream);
}

bool rb_tree_path_is_safe(const char *path, size_t len)
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

static int add_entry(struct level *level, const char *name, size_t name_len,
                     const struct entry *entry, struct rb_err *err)
{
	size_t name_at = level->names.len;
	int rc;

	if (level->count == level->room) {
		size_t room = level->room ? 2 * level->room : 16;
		struct entry *grown = realloc(level->entries, room * sizeof(*grown));

		if (!grown)
			return no_memory(err);
		level->entries = grown;
		level->room = room;
	}
	rc = rb_buf_add(&level->names, name, name_len, err);
	if (rc == RB_OK)
		rc = rb_buf_add(&level->names, "", 1, err);
	if (rc < 0)
		return rc;
	level->entries[level->count] = *entry;
	level->entries[level->count++].name_at = name_at;
	return RB_OK;
}

static int by_name(const void *a, const void *b)
{
	const struct rb_tree_item *left = a;
	const struct rb_tree_item *right = b;

	return strcmp(left->name, right->name);
}

static int by_order(const void *a, const void *b)
{
	return rb_tree_item_order(a, b);
}

/* Entries of one name are no tree. */
static int check_names(const struct rb_tree_stream *stream, const struct rb_tree_item *items,
                       size_t count, struct rb_err *err)
{
	const struct level *level = &stream->levels[stream->depth - 1];

	for (size_t i = 1; i < count; i++) {
		bool is_dir = rb_tree_item_is_dir(&items[i - 1]) || rb_tree_item_is_dir(&items[i]);

		if (strcmp(items[i - 1].name, items[i].name) != 0)
			continue;
		return rb_err_set(err, RB_E_EXISTS, "'%.*s%s' is %s", (int)level->prefix_len,
		                  rb_buf_str(&stream->path), items[i].name,
		                  is_dir ? "a directory and something else" : "there twice");
	}
	return RB_OK;
}

static int put_item(struct rb_buf *object, const struct rb_tree_item *item, struct rb_err *err)
{
	int rc = rb_buf_addf(object, err, "%o %s", (unsigned int)item->mode, item->name);

	if (rc == RB_OK)
		rc = rb_buf_add(object, "", 1, err);
	if (rc == RB_OK)
		rc = rb_buf_add(object, item->oid.id, sizeof(item->oid.id), err);
	return rc;
}

/* Write the innermost tree; *oid is its name. */
static int write_level(struct rb_tree_stream *stream, unsigned int slot, struct rb_oid *oid,
                       struct rb_err *err)
{
	const struct level *level = &stream->levels[stream->depth - 1];
	struct rb_tree_item *items = calloc(level->count + 1, sizeof(*items));
	int rc;

	if (!items)
		return no_memory(err);
	for (size_t i = 0; i < level->count; i++) {
		items[i].name = level->names.data + level->entries[i].name_at;
		items[i].name_len = strlen(items[i].name);
		items[i].mode = level->entries[i].mode;
		items[i].oid = level->entries[i].oid;
	}
	qsort(items, level->count, sizeof(*items), by_name);
	rc = check_names(stream, items, level->count, err);
	qsort(items, level->count, sizeof(*items), by_order);
	rb_buf_clear(&stream->object);
	for (size_t i = 0; rc == RB_OK && i < level->count; i++)
		rc = put_item(&stream->object, &items[i], err);
	if (rc == RB_OK)
		rc = rb_pack_add(stream->pack, slot, RB_OBJECT_TREE, rb_buf_str(&stream->object),
		                 stream->object.len, oid, NULL, err);
	free(items);
	return rc;
}

/* Write the innermost tree and add it to the one around it. */
static int leave(struct rb_tree_stream *stream, unsigned int slot, struct rb_err *err)
{
	struct entry entry = {.mode = RB_MODE_TREE};
	size_t end = stream->levels[stream->depth - 1].prefix_len - 1;
	struct level *around;
	int rc = write_level(stream, slot, &entry.oid, err);

	if (rc < 0)
		return rc;
	around = &stream->levels[--stream->depth - 1];
	return add_entry(around, stream->path.data + around->prefix_len, end - around->prefix_len,
	                 &entry, err);
}

/* Leave the directories that a path is not in. */
static int leave_others(struct rb_tree_stream *stream, unsigned int slot, const char *path,
                        size_t len, struct rb_err *err)
{
	int rc = RB_OK;

	while (rc == RB_OK && stream->depth > 1) {
		size_t prefix_len = stream->levels[stream->depth - 1].prefix_len;

		if (len > prefix_len && memcmp(path, stream->path.data, prefix_len) == 0)
			break;
		rc = leave(stream, slot, err);
	}
	return rc;
}

int rb_tree_stream_add(struct rb_tree_stream *stream, unsigned int slot, const char *path,
                       uint32_t mode, const struct rb_oid *oid, struct rb_err *err)
{
	const struct entry entry = {.mode = mode, .oid = *oid};
	size_t len = strlen(path);
	const struct level *level;
	const char *slash;
	int rc;

	if (!rb_tree_path_is_safe(path, len))
		return rb_err_set(err, RB_E_FORMAT, "git could not check out the path '%.500s'",
		                  path);
	rc = leave_others(stream, slot, path, len, err);
	if (rc < 0)
		return rc;
	rb_buf_clear(&stream->path);
	rc = rb_buf_add(&stream->path, path, len, err);
	level = &stream->levels[stream->depth - 1];
	while (rc == RB_OK && (slash = strchr(path + level->prefix_len, '/'))) {
		rc = push_level(stream, (size_t)(slash + 1 - path), err);
		level = &stream->levels[stream->depth - 1];
	}
	if (rc < 0)
		return rc;
	return add_entry(&stream->levels[stream->depth - 1], path + level->prefix_len,
	                 len - level->prefix_len, &entry, err);
}

int rb_tree_stream_end(struct rb_tree_stream *stream, unsigned int slot, struct rb_oid *out,
                       struct rb_err *err)
{
	int rc = RB_OK;

	while (rc == RB_OK && stream->depth > 1)
		rc = leave(stream, slot, err);
	return rc < 0 ? rc : write_level(stream, slot, out, err);
}
