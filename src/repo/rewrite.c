/*
 * See rowback/repo/rewrite.h.
 *
 * Parents come before children: a stack of commits, each looked at twice, when it is met (its
 * parents are put on top) and when they are done.  A history is deep, so no recursion.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "repo_priv.h"
#include "rowback/base/cancel.h"
#include "rowback/base/map.h"
#include "rowback/base/time.h"
#include "rowback/repo/rewrite.h"
#include "rowback/repo/tree.h"

/* As in commit.c: a commit is a message for people. */
#define COMMIT_MAX_BYTES ((size_t)16 << 20)

/* Where a commit went. */
struct place {
	struct rb_oid to;   /* none: dropped, and nothing is before it */
	struct rb_oid tree; /* of `to` */
	bool is_dropped;    /* `to` is another commit, before it */
};

struct rb_rewrite {
	struct rb_repo *repo;
	struct rb_pack *pack;
	rb_rewrite_fn *decide;
	void *ctx;
	struct rb_map *places; /* of 20 bytes of name: struct place */
	struct rb_oid *stack;
	size_t stack_count;
	size_t stack_room;
	size_t renamed;
};

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory to rewrite the history");
}

int rb_rewrite_new(struct rb_repo *repo, struct rb_pack *pack, rb_rewrite_fn *decide, void *ctx,
                   struct rb_rewrite **out, struct rb_err *err)
{
	struct rb_rewrite *rewrite = calloc(1, sizeof(*rewrite));
	int rc;

	if (!rewrite)
		return no_memory(err);
	rewrite->repo = repo;
	rewrite->pack = pack;
	rewrite->decide = decide;
	rewrite->ctx = ctx;
	rc = rb_map_new(sizeof(struct place), &rewrite->places, err);
	if (rc < 0) {
		free(rewrite);
		return rc;
	}
	*out = rewrite;
	return RB_OK;
}

void rb_rewrite_free(struct rb_rewrite *rewrite)
{
	if (!rewrite)
		return;
	rb_map_free(rewrite->places);
	free(rewrite->stack);
	free(rewrite);
}

size_t rb_rewrite_count(const struct rb_rewrite *rewrite)
{
	return rewrite->renamed;
}

static const struct place *find(const struct rb_rewrite *rewrite, const struct rb_oid *oid)
{
	return rb_map_get(rewrite->places, oid->id, sizeof(oid->id));
}

static int settle(struct rb_rewrite *rewrite, const struct rb_oid *oid, const struct place *place,
                  struct rb_err *err)
{
	if (!place->is_dropped && !rb_oid_equal(oid, &place->to))
		rewrite->renamed++;
	return rb_map_put(rewrite->places, oid->id, sizeof(oid->id), place, err);
}

int rb_rewrite_seed(struct rb_rewrite *rewrite, const struct rb_oid *from, const struct rb_oid *to,
                    struct rb_err *err)
{
	struct place place = {.to = *to, .is_dropped = rb_oid_is_none(to)};
	struct rb_commit commit = {0};
	int rc;

	if (find(rewrite, from))
		return RB_OK;
	if (!place.is_dropped) {
		rc = rb_commit_read(rewrite->repo, to, &commit, err);
		if (rc < 0)
			return rc;
		place.tree = commit.tree;
		rb_commit_release(&commit);
	}
	return settle(rewrite, from, &place, err);
}

static int push(struct rb_rewrite *rewrite, const struct rb_oid *oid, struct rb_err *err)
{
	if (rewrite->stack_count == rewrite->stack_room) {
		size_t room = rewrite->stack_room ? rewrite->stack_room * 2 : 64;
		struct rb_oid *grown = realloc(rewrite->stack, room * sizeof(*grown));

		if (!grown)
			return no_memory(err);
		rewrite->stack = grown;
		rewrite->stack_room = room;
	}
	rewrite->stack[rewrite->stack_count++] = *oid;
	return RB_OK;
}

/* Where a line that goes on with indented ones ends. */
static size_t entry_len(const char *text, size_t len)
{
	size_t at = 0;

	do {
		const char *end = memchr(text + at, '\n', len - at);

		if (!end)
			return len;
		at = (size_t)(end - text) + 1;
	} while (at < len && text[at] == ' ');
	return at;
}

static bool begins_with(const char *text, size_t len, const char *word)
{
	size_t word_len = strlen(word);

	return len >= word_len && memcmp(text, word, word_len) == 0;
}

/* Append a commit's bytes but for tree, parents and signatures, which would be wrong. */
static int add_rest(const struct rb_buf *raw, struct rb_buf *out, struct rb_err *err)
{
	size_t at = 0;
	int rc = RB_OK;

	while (rc == RB_OK && at < raw->len && raw->data[at] != '\n') {
		const char *entry = raw->data + at;
		size_t len = entry_len(entry, raw->len - at);

		if (!begins_with(entry, len, "tree ") && !begins_with(entry, len, "parent ") &&
		    !begins_with(entry, len, "gpgsig ") &&
		    !begins_with(entry, len, "gpgsig-sha256 "))
			rc = rb_buf_add(out, entry, len, err);
		at += len;
	}
	return rc < 0 ? rc : rb_buf_add(out, raw->data + at, raw->len - at, err);
}

static int read_raw(struct rb_repo *repo, const struct rb_oid *oid, struct rb_buf *out,
                    struct rb_err *err)
{
	return rb_repo_read(repo, oid, RB_OBJECT_COMMIT, out, err);
}

static int add_header(struct rb_buf *out, const char *key, const struct rb_oid *oid,
                      struct rb_err *err)
{
	char hex[RB_OID_HEX_SIZE];

	rb_oid_hex(oid, hex);
	return rb_buf_addf(out, err, "%s %s\n", key, hex);
}

/* Write the commit anew, with these parents and the place's tree. */
static int write_commit(struct rb_rewrite *rewrite, const struct rb_oid *oid,
                        const struct rb_oid *parents, size_t parent_count, struct place *place,
                        struct rb_err *err)
{
	struct rb_buf raw = RB_BUF(COMMIT_MAX_BYTES);
	struct rb_buf text = RB_BUF(COMMIT_MAX_BYTES + 4096);
	int rc = read_raw(rewrite->repo, oid, &raw, err);

	if (rc == RB_OK)
		rc = add_header(&text, "tree", &place->tree, err);
	for (size_t i = 0; rc == RB_OK && i < parent_count; i++)
		rc = add_header(&text, "parent", &parents[i], err);
	if (rc == RB_OK)
		rc = add_rest(&raw, &text, err);
	if (rc == RB_OK)
		rc = rb_pack_add(rewrite->pack, 0, RB_OBJECT_COMMIT, text.data, text.len,
		                 &place->to, NULL, err);
	rb_buf_release(&raw);
	rb_buf_release(&text);
	return rc;
}

/* The parents as they are now: each once, those that went without a trace left out. */
static size_t map_parents(const struct rb_rewrite *rewrite, const struct rb_commit *commit,
                          struct rb_oid *out, struct rb_oid *first_tree)
{
	size_t count = 0;

	for (size_t i = 0; i < commit->parent_count; i++) {
		const struct place *place = find(rewrite, &commit->parents[i]);
		bool known = rb_oid_is_none(&place->to);

		for (size_t j = 0; j < count; j++)
			known |= rb_oid_equal(&out[j], &place->to);
		if (known)
			continue;
		if (count == 0)
			*first_tree = place->tree;
		out[count++] = place->to;
	}
	return count;
}

static bool same_parents(const struct rb_commit *commit, const struct rb_oid *parents, size_t count)
{
	bool same = commit->parent_count == count;

	for (size_t i = 0; same && i < count; i++)
		same = rb_oid_equal(&commit->parents[i], &parents[i]);
	return same;
}

/* The parents are done: now this one. */
static int finish_commit(struct rb_rewrite *rewrite, const struct rb_commit *commit,
                         struct rb_err *err)
{
	struct rb_oid *parents = calloc(commit->parent_count + 1, sizeof(*parents));
	struct place place = {.to = commit->oid, .tree = commit->tree};
	struct rb_oid first_tree = {{0}};
	size_t count;
	int fate;
	int rc = RB_OK;

	if (!parents)
		return no_memory(err);
	count = map_parents(rewrite, commit, parents, &first_tree);
	fate = rewrite->decide ? rewrite->decide(rewrite->ctx, commit, err) : RB_REWRITE_KEEP;
	if (fate == RB_REWRITE_DROP || (fate == RB_REWRITE_FOLLOW && count == 0)) {
		place.is_dropped = true;
		place.to = parents[0];
		place.tree = first_tree;
	} else if (fate >= 0 && !same_parents(commit, parents, count)) {
		if (fate == RB_REWRITE_FOLLOW)
			place.tree = first_tree;
		rc = write_commit(rewrite, &commit->oid, parents, count, &place, err);
	}
	if (fate < 0)
		rc = fate;
	if (rc == RB_OK)
		rc = settle(rewrite, &commit->oid, &place, err);
	free(parents);
	return rc;
}

/* Look at the commit on top of the stack: it goes off when its parents are done. */
static int step(struct rb_rewrite *rewrite, struct rb_err *err)
{
	struct rb_oid oid = rewrite->stack[rewrite->stack_count - 1];
	struct rb_commit commit = {0};
	bool waits = false;
	int rc = rb_cancel_check(err);

	if (rc == RB_OK && find(rewrite, &oid)) {
		rewrite->stack_count--;
		return RB_OK;
	}
	if (rc == RB_OK)
		rc = rb_commit_read(rewrite->repo, &oid, &commit, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; rc == RB_OK && i < commit.parent_count; i++) {
		if (find(rewrite, &commit.parents[i]))
			continue;
		waits = true;
		rc = push(rewrite, &commit.parents[i], err);
	}
	if (rc == RB_OK && !waits) {
		rc = finish_commit(rewrite, &commit, err);
		rewrite->stack_count--;
	}
	rb_commit_release(&commit);
	return rc;
}

int rb_rewrite_history(struct rb_rewrite *rewrite, const struct rb_oid *tip, struct rb_oid *out,
                       struct rb_err *err)
{
	int rc;

	rewrite->stack_count = 0;
	rc = push(rewrite, tip, err);
	while (rc == RB_OK && rewrite->stack_count > 0)
		rc = step(rewrite, err);
	if (rc == RB_OK)
		*out = find(rewrite, tip)->to;
	return rc;
}

int rb_rewrite_identity(struct rb_repo *repo, const struct rb_oid *commit, struct rb_oid *out,
                        struct rb_err *err)
{
	struct rb_buf raw = RB_BUF(COMMIT_MAX_BYTES);
	struct rb_buf rest = RB_BUF(COMMIT_MAX_BYTES);
	int rc = read_raw(repo, commit, &raw, err);

	if (rc == RB_OK)
		rc = add_rest(&raw, &rest, err);
	if (rc == RB_OK)
		rc = rb_object_id(RB_OBJECT_COMMIT, rest.data, rest.len, out, err);
	rb_buf_release(&raw);
	rb_buf_release(&rest);
	return rc;
}

/* The notes of a ref, being copied. */
struct notes {
	struct rb_rewrite *rewrite;
	struct rb_tree_builder *builder;
	struct rb_map *names; /* of commits that have a note: 20 bytes, and its blob */
};

/* "ab/cdef..." or "abcdef...": the name of the commit that a note is of. */
static bool note_name(const char *path, struct rb_oid *out)
{
	char hex[RB_OID_HEX_SIZE];
	size_t len = 0;

	for (; *path; path++) {
		if (*path == '/')
			continue;
		if (len == sizeof(hex) - 1)
			return false;
		hex[len++] = *path;
	}
	hex[len] = '\0';
	return rb_oid_parse(hex, out);
}

static int keep_note(void *ctx, const struct rb_tree_entry *entry, struct rb_err *err)
{
	struct notes *notes = ctx;
	struct rb_oid oid;
	int rc = rb_tree_builder_add(notes->builder, entry->path, entry->mode, &entry->oid, err);

	if (rc == RB_OK && note_name(entry->path, &oid))
		rc = rb_map_put(notes->names, oid.id, sizeof(oid.id), &entry->oid, err);
	return rc;
}

/* Add a note for each commit whose old name has one.  `added` counts them. */
static int add_notes(struct notes *notes, size_t *added, struct rb_err *err)
{
	const void *key;
	size_t key_len;
	void *value;
	int rc = RB_OK;

	for (size_t i = 0;
	     rc == RB_OK && rb_map_at(notes->rewrite->places, i, &key, &key_len, &value); i++) {
		const struct place *place = value;
		const struct rb_oid *blob = rb_map_get(notes->names, key, key_len);
		char hex[RB_OID_HEX_SIZE];

		if (!blob || place->is_dropped ||
		    rb_map_get(notes->names, place->to.id, sizeof(place->to.id)))
			continue;
		rb_oid_hex(&place->to, hex);
		rc = rb_tree_builder_add(notes->builder, hex, RB_MODE_FILE, blob, err);
		if (rc == RB_OK)
			rc = rb_map_put(notes->names, place->to.id, sizeof(place->to.id), blob,
			                err);
		(*added)++;
	}
	return rc;
}

static int write_notes(struct notes *notes, const struct rb_oid *parent, struct rb_oid *out,
                       struct rb_err *err)
{
	struct rb_rewrite *rewrite = notes->rewrite;
	struct rb_commit_opts opts = {.parents = parent,
	                              .parent_count = 1,
	                              .time_unix_s = rb_time_now_unix_s(),
	                              .message = "notes: follow the history\n"};
	int rc = rb_tree_builder_write(notes->builder, rewrite->pack, 0, &opts.tree, err);

	return rc < 0 ? rc : rb_commit_write(rewrite->repo, rewrite->pack, 0, &opts, out, err);
}

int rb_rewrite_notes(struct rb_rewrite *rewrite, const char *ref, struct rb_oid *out,
                     struct rb_err *err)
{
	struct notes notes = {.rewrite = rewrite};
	struct rb_commit before = {0};
	struct rb_oid at;
	size_t added = 0;
	int rc = rb_repo_ref(rewrite->repo, ref, &at, NULL);

	memset(out, 0, sizeof(*out));
	if (rc == RB_E_NOTFOUND)
		return RB_OK;
	rc = rb_commit_read(rewrite->repo, &at, &before, err);
	if (rc == RB_OK)
		rc = rb_map_new(sizeof(struct rb_oid), &notes.names, err);
	if (rc == RB_OK)
		rc = rb_tree_builder_new(&notes.builder, err);
	if (rc == RB_OK)
		rc = rb_tree_walk(rewrite->repo, &before.tree, keep_note, &notes, err);
	if (rc == RB_OK)
		rc = add_notes(&notes, &added, err);
	if (rc == RB_OK && added > 0)
		rc = write_notes(&notes, &at, out, err);
	rb_tree_builder_free(notes.builder);
	rb_map_free(notes.names);
	rb_commit_release(&before);
	return rc;
}
