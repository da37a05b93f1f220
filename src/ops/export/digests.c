/*
 * See digests_priv.h.
 */
#include <stdlib.h>
#include <string.h>

#include "rowback/base/fs.h"
#include "rowback/base/log.h"
#include "rowback/base/map.h"
#include "digests_priv.h"

static const char magic[] = "rowback digests 1\n";

#define MAGIC_LEN (sizeof(magic) - 1)
#define GROUP_SIZE (4 + RB_GROUP_DIGEST_SIZE)
#define CHUNK_SIZE (4 + 8 + 1)
#define BEGINS_SEGMENT 0x80u
#define TEXT_MAX UINT16_MAX

struct rb_digests {
	struct rb_map *tables; /* by name: struct rb_table_digests * */
};

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory for digests");
}

struct rb_table_digests *rb_table_digests_new(void)
{
	return calloc(1, sizeof(struct rb_table_digests));
}

void rb_table_digests_free(struct rb_table_digests *table)
{
	if (!table)
		return;
	rb_groups_release(&table->groups);
	free(table->chunks);
	free(table);
}

int rb_table_digests_chunk(struct rb_table_digests *table, const struct rb_chunk_note *note,
                           struct rb_err *err)
{
	if (table->chunk_count == table->chunk_room) {
		size_t room = table->chunk_room ? table->chunk_room * 2 : 64;
		struct rb_chunk_note *grown = realloc(table->chunks, room * sizeof(*grown));

		if (!grown)
			return no_memory(err);
		table->chunks = grown;
		table->chunk_room = room;
	}
	table->chunks[table->chunk_count++] = *note;
	return RB_OK;
}

int rb_digests_new(struct rb_digests **out, struct rb_err *err)
{
	struct rb_digests *digests = calloc(1, sizeof(*digests));
	int rc = digests ? rb_map_new(sizeof(struct rb_table_digests *), &digests->tables, err)
	                 : no_memory(err);

	if (rc < 0) {
		free(digests);
		return rc;
	}
	*out = digests;
	return RB_OK;
}

void rb_digests_free(struct rb_digests *digests)
{
	const void *key;
	size_t key_len;
	void *value;

	if (!digests)
		return;
	for (size_t i = 0; rb_map_at(digests->tables, i, &key, &key_len, &value); i++)
		rb_table_digests_free(*(struct rb_table_digests **)value);
	rb_map_free(digests->tables);
	free(digests);
}

int rb_digests_put(struct rb_digests *digests, const char *name, struct rb_table_digests *table,
                   struct rb_err *err)
{
	int rc = RB_E_EXISTS;

	if (!rb_map_get(digests->tables, name, strlen(name)))
		rc = rb_map_put(digests->tables, name, strlen(name), &table, err);
	else
		rb_err_set(err, rc, "two tables '%s'", name);
	if (rc < 0)
		rb_table_digests_free(table);
	return rc;
}

const struct rb_table_digests *rb_digests_get(const struct rb_digests *digests, const char *name)
{
	struct rb_table_digests *const *found = rb_map_get(digests->tables, name, strlen(name));

	return found ? *found : NULL;
}

/* Writing. */

static int add_number(struct rb_buf *out, uint64_t number, size_t size, struct rb_err *err)
{
	unsigned char bytes[8];

	for (size_t i = 0; i < size; i++)
		bytes[i] = (unsigned char)(number >> (8 * (size - 1 - i)));
	return rb_buf_add(out, bytes, size, err);
}

static int add_text(struct rb_buf *out, const char *text, struct rb_err *err)
{
	size_t len = strlen(text);
	int rc = len <= TEXT_MAX ? add_number(out, len, 2, err)
	                         : rb_err_set(err, RB_E_LIMIT, "a text of %zu bytes", len);

	return rc < 0 ? rc : rb_buf_add(out, text, len, err);
}

static int add_table(struct rb_buf *out, const char *name, const struct rb_table_digests *table,
                     struct rb_err *err)
{
	int rc = add_text(out, name, err);

	if (rc == RB_OK)
		rc = rb_buf_add(out, table->tree.id, sizeof(table->tree.id), err);
	if (rc == RB_OK)
		rc = add_number(out, table->groups.count, 4, err);
	for (size_t i = 0; i < table->groups.count && rc == RB_OK; i++) {
		const struct rb_group *group = &table->groups.list[i];

		rc = add_number(out, group->rows, 4, err);
		if (rc == RB_OK)
			rc = rb_buf_add(out, group->digest, sizeof(group->digest), err);
	}
	if (rc == RB_OK)
		rc = add_number(out, table->chunk_count, 4, err);
	for (size_t i = 0; i < table->chunk_count && rc == RB_OK; i++) {
		const struct rb_chunk_note *note = &table->chunks[i];

		rc = add_number(out, note->rows, 4, err);
		if (rc == RB_OK)
			rc = add_number(out, note->path_hash, 8, err);
		if (rc == RB_OK)
			rc = add_number(out,
			                note->rank | (note->begins_segment ? BEGINS_SEGMENT : 0u),
			                1, err);
	}
	return rc;
}

static int sum_of(const char *data, size_t len, unsigned char out[RB_SHA256_SIZE],
                  struct rb_err *err)
{
	struct rb_sha256 *sha = NULL;
	int rc = rb_sha256_new(&sha, err);

	if (rc == RB_OK)
		rc = rb_sha256_add(sha, data, len, err);
	if (rc == RB_OK)
		rc = rb_sha256_end(sha, out, err);
	rb_sha256_free(sha);
	return rc;
}

static int add_sum(struct rb_buf *out, struct rb_err *err)
{
	unsigned char digest[RB_SHA256_SIZE];
	int rc = sum_of(out->data, out->len, digest, err);

	return rc < 0 ? rc : rb_buf_add(out, digest, sizeof(digest), err);
}

/* Bytes that a table takes. */
static size_t size_of(const char *name, const struct rb_table_digests *table)
{
	return 2 + strlen(name) + sizeof(table->tree.id) + 4 + table->groups.count * GROUP_SIZE +
	       4 + table->chunk_count * CHUNK_SIZE;
}

static int write_tables(const struct rb_digests *digests, struct rb_buf *out, struct rb_err *err)
{
	size_t count_at = out->len;
	uint32_t count = 0;
	const void *key;
	size_t key_len;
	void *value;
	int rc = add_number(out, 0, 4, err);

	for (size_t i = 0; rc == RB_OK && rb_map_at(digests->tables, i, &key, &key_len, &value);
	     i++) {
		const struct rb_table_digests *table = *(struct rb_table_digests **)value;
		char *name = strndup(key, key_len);

		if (!name)
			return no_memory(err);
		if (out->len + size_of(name, table) + RB_SHA256_SIZE > out->max ||
		    key_len > TEXT_MAX) {
			rb_log(RB_LOG_DEBUG, "no room for the digests of '%s'", name);
		} else {
			rc = add_table(out, name, table, err);
			count++;
		}
		free(name);
	}
	for (size_t i = 0; rc == RB_OK && i < 4; i++)
		out->data[count_at + i] = (char)(count >> (24 - 8 * i));
	return rc;
}

int rb_digests_save(const struct rb_digests *digests, const char *path, const char *form,
                    struct rb_err *err)
{
	struct rb_buf out = RB_BUF(RB_DIGESTS_BYTES_MAX);
	int rc = rb_buf_adds(&out, magic, err);

	if (rc == RB_OK)
		rc = add_text(&out, form, err);
	if (rc == RB_OK)
		rc = write_tables(digests, &out, err);
	if (rc == RB_OK)
		rc = add_sum(&out, err);
	if (rc == RB_OK)
		rc = rb_fs_replace(path, out.data, out.len, 0600, err);
	rb_buf_release(&out);
	return rc;
}

/* Reading: nothing is believed that the bytes left do not hold. */

struct cursor {
	const char *at;
	size_t left;
	bool is_short; /* more was asked for than there is */
};

static const char *take(struct cursor *c, size_t len)
{
	const char *bytes = c->at;

	if (c->left < len) {
		c->is_short = true;
		return NULL;
	}
	c->at += len;
	c->left -= len;
	return bytes;
}

static uint64_t take_number(struct cursor *c, size_t size)
{
	const char *bytes = take(c, size);
	uint64_t number = 0;

	for (size_t i = 0; bytes && i < size; i++)
		number = number << 8 | (unsigned char)bytes[i];
	return number;
}

static int damaged(const char *path, struct rb_err *err)
{
	return rb_err_set(err, RB_E_FORMAT, "'%s' is damaged, or of another version", path);
}

static int take_groups(struct cursor *c, struct rb_table_digests *table, const char *path,
                       struct rb_err *err)
{
	uint64_t count = take_number(c, 4);
	int rc = RB_OK;

	if (count > c->left / GROUP_SIZE)
		return damaged(path, err);
	for (uint64_t i = 0; i < count && rc == RB_OK; i++) {
		struct rb_group group = {.rows = (uint32_t)take_number(c, 4)};
		const char *digest = take(c, sizeof(group.digest));

		if (!digest || group.rows == 0)
			return damaged(path, err);
		memcpy(group.digest, digest, sizeof(group.digest));
		rc = rb_groups_add(&table->groups, &group, err);
	}
	return rc;
}

static int take_chunks(struct cursor *c, struct rb_table_digests *table, const char *path,
                       struct rb_err *err)
{
	uint64_t count = take_number(c, 4);
	uint64_t rows = 0;
	int rc = RB_OK;

	if (c->is_short || count > c->left / CHUNK_SIZE)
		return damaged(path, err);
	for (uint64_t i = 0; i < count && rc == RB_OK; i++) {
		struct rb_chunk_note note = {.rows = (uint32_t)take_number(c, 4)};
		unsigned int flags;

		note.path_hash = take_number(c, 8);
		flags = (unsigned int)take_number(c, 1);
		note.rank = (unsigned char)(flags & ~BEGINS_SEGMENT);
		note.begins_segment = (flags & BEGINS_SEGMENT) != 0;
		rows += note.rows;
		rc = note.rows == 0 ? damaged(path, err)
		                    : rb_table_digests_chunk(table, &note, err);
	}
	if (rc == RB_OK && rows != table->groups.rows)
		rc = damaged(path, err);
	return rc;
}

static int take_table(struct cursor *c, struct rb_digests *digests, const char *path,
                      struct rb_err *err)
{
	struct rb_table_digests *table = NULL;
	size_t len = (size_t)take_number(c, 2);
	const char *text = take(c, len);
	const char *tree = take(c, sizeof(table->tree.id));
	char *name = NULL;
	int rc;

	if (!text || !tree || memchr(text, '\0', len))
		return damaged(path, err);
	name = strndup(text, len);
	table = rb_table_digests_new();
	rc = name && table ? RB_OK : no_memory(err);
	if (rc == RB_OK) {
		memcpy(table->tree.id, tree, sizeof(table->tree.id));
		rc = take_groups(c, table, path, err);
	}
	if (rc == RB_OK)
		rc = take_chunks(c, table, path, err);
	if (rc == RB_OK)
		rc = rb_digests_put(digests, name, table, err);
	else
		rb_table_digests_free(table);
	free(name);
	return rc;
}

/* Check the sum at the end; the cursor is behind the form then. */
static int open_file(const struct rb_buf *text, const char *path, const char *form,
                     struct cursor *c, struct rb_err *err)
{
	unsigned char sum[RB_SHA256_SIZE];
	size_t len;
	const char *made_with;
	int rc;

	if (text->len < MAGIC_LEN + RB_SHA256_SIZE || memcmp(text->data, magic, MAGIC_LEN) != 0)
		return damaged(path, err);
	*c = (struct cursor){.at = text->data, .left = text->len - RB_SHA256_SIZE};
	rc = sum_of(c->at, c->left, sum, err);
	if (rc < 0)
		return rc;
	if (memcmp(sum, c->at + c->left, sizeof(sum)) != 0)
		return damaged(path, err);
	take(c, MAGIC_LEN);
	len = (size_t)take_number(c, 2);
	made_with = take(c, len);
	if (!made_with)
		return damaged(path, err);
	if (len != strlen(form) || memcmp(made_with, form, len) != 0)
		return rb_err_set(err, RB_E_CONFLICT, "'%s' is of another server or version", path);
	return RB_OK;
}

int rb_digests_load(const char *path, const char *form, struct rb_digests **out, struct rb_err *err)
{
	struct rb_buf text = RB_BUF(RB_DIGESTS_BYTES_MAX);
	struct rb_digests *digests = NULL;
	struct cursor c = {0};
	uint64_t count = 0;
	int rc = rb_fs_read(path, &text, err);

	if (rc == RB_OK)
		rc = open_file(&text, path, form, &c, err);
	if (rc == RB_OK)
		rc = rb_digests_new(&digests, err);
	if (rc == RB_OK)
		count = take_number(&c, 4);
	for (uint64_t i = 0; i < count && rc == RB_OK; i++)
		rc = take_table(&c, digests, path, err);
	if (rc == RB_OK && (c.is_short || c.left > 0))
		rc = damaged(path, err);
	rb_buf_release(&text);
	if (rc < 0) {
		rb_digests_free(digests);
		return rc;
	}
	*out = digests;
	return RB_OK;
}
