/*
 * See rowback/ops/snapshot.h: documents and lists of chunks.
 */
#include <stdlib.h>
#include <string.h>

#include "rowback/base/map.h"
#include "rowback/ops/snapshot.h"
#include "rowback/repo/tree.h"

#define DOCUMENT_MAX ((size_t)64 << 20)

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory to read a backup");
}

int rb_snapshot_manifest(struct rb_repo *repo, const struct rb_oid *root, struct rb_manifest *out,
                         struct rb_err *err)
{
	struct rb_buf text = RB_BUF(DOCUMENT_MAX);
	struct rb_oid oid;
	uint32_t mode = 0;
	int rc = rb_tree_find(repo, root, "rowback.json", &oid, &mode, err);

	if (rc == RB_OK)
		rc = rb_repo_read(repo, &oid, RB_OBJECT_BLOB, &text, err);
	if (rc == RB_OK)
		rc = rb_manifest_read(rb_buf_str(&text), text.len, out, err);
	rb_buf_release(&text);
	return rc;
}

/*
 * Append a document of the source.
 *
 * tree  the one it lies in
 * path  of it, from the store's root, for messages; its last part is its name there
 */
static int read_document(const struct rb_snapshot *snapshot, const struct rb_oid *tree,
                         const char *path, struct rb_buf *out, struct rb_err *err)
{
	struct rb_oid oid;
	uint32_t mode = 0;
	int rc = rb_tree_find(snapshot->repo, tree, strrchr(path, '/') + 1, &oid, &mode, err);

	if (rc == RB_OK)
		rc = rb_repo_read(snapshot->repo, &oid, RB_OBJECT_BLOB, out, err);
	return rc < 0 ? rb_err_wrap(err, rc == RB_E_NOTFOUND ? RB_E_FORMAT : rc, "%s", path)
	              : RB_OK;
}

/* The names in the source's tree, once for all tables: there may be thousands. */
static int note_entry(void *ctx, const struct rb_tree_entry *entry, struct rb_err *err)
{
	return rb_map_put(ctx, entry->path, strlen(entry->path), &entry->oid, err);
}

static int load_table(struct rb_snapshot *snapshot, const struct rb_map *trees,
                      const struct rb_manifest_table *entry, size_t index, struct rb_err *err)
{
	const struct rb_oid *tree = rb_map_get(trees, entry->path, strlen(entry->path));
	struct rb_snapshot_table *table = &snapshot->tables[index];
	struct rb_table *doc = &snapshot->catalog->tables[index];
	struct rb_buf path = RB_BUF(4096);
	struct rb_buf text = RB_BUF(DOCUMENT_MAX);
	int rc = rb_buf_addf(&path, err, "%s/%s/table.json", snapshot->source, entry->path);

	if (rc == RB_OK && !tree)
		rc = rb_err_set(err, RB_E_FORMAT, "%s: not found", rb_buf_str(&path));
	if (rc == RB_OK)
		rc = read_document(snapshot, tree, rb_buf_str(&path), &text, err);
	if (rc == RB_OK)
		rc = rb_table_doc_read(rb_buf_str(&text), text.len, rb_buf_str(&path), doc, err);
	if (rc != RB_OK)
		goto out;
	snapshot->catalog->table_count = index + 1;
	if (strcmp(doc->name, entry->name) != 0) {
		rc = rb_err_set(err, RB_E_FORMAT, "%s is not of the table '%s'", rb_buf_str(&path),
		                entry->name);
		goto out;
	}
	table->rows = entry->rows;
	snapshot->rows += entry->rows;
	table->path = strdup(entry->path);
	if (!table->path) {
		rc = no_memory(err);
		goto out;
	}
	table->tree = *tree;

out:
	rb_buf_release(&path);
	rb_buf_release(&text);
	return rc;
}

/* What lies in a source's tree, held against its tables. */
struct strangers {
	const struct rb_snapshot *snapshot;
	struct rb_map *paths; /* of the tables */
};

/* A table that the manifest forgets would be restored without its rows. */
static int refuse_stranger(void *ctx, const struct rb_tree_entry *entry, struct rb_err *err)
{
	const struct strangers *strangers = ctx;
	struct rb_oid oid;
	uint32_t mode;
	int rc;

	if (entry->mode != RB_MODE_TREE ||
	    rb_map_get(strangers->paths, entry->path, strlen(entry->path)))
		return RB_OK;
	rc = rb_tree_find(strangers->snapshot->repo, &entry->oid, "table.json", &oid, &mode, NULL);
	if (rc == RB_E_NOTFOUND)
		return RB_OK;
	return rc < 0 ? rb_err_set(err, rc, "cannot read %s/%s", strangers->snapshot->source,
	                           entry->path)
	              : rb_err_set(err, RB_E_FORMAT,
	                           "%s/%s is a table that rowback.json does "
	                           "not name",
	                           strangers->snapshot->source, entry->path);
}

static int refuse_strangers(const struct rb_snapshot *snapshot, struct rb_err *err)
{
	struct strangers strangers = {.snapshot = snapshot};
	int rc = rb_map_new(0, &strangers.paths, err);

	for (size_t i = 0; rc == RB_OK && i < snapshot->catalog->table_count; i++)
		rc = rb_map_put(strangers.paths, snapshot->tables[i].path,
		                strlen(snapshot->tables[i].path), NULL, err);
	if (rc == RB_OK)
		rc = rb_tree_list(snapshot->repo, &snapshot->tree, refuse_stranger, &strangers,
		                  err);
	rb_map_free(strangers.paths);
	return rc;
}

static int load_tables(struct rb_snapshot *snapshot, const struct rb_manifest_source *entry,
                       struct rb_err *err)
{
	struct rb_map *trees = NULL;
	int rc;

	snapshot->tables = calloc(entry->table_count + 1, sizeof(*snapshot->tables));
	snapshot->catalog->tables = calloc(entry->table_count + 1, sizeof(struct rb_table));
	snapshot->missing = calloc(entry->missing_count + 1, sizeof(*snapshot->missing));
	if (!snapshot->tables || !snapshot->catalog->tables || !snapshot->missing)
		return no_memory(err);
	for (size_t i = 0; i < entry->missing_count; i++) {
		snapshot->missing[i] = strdup(entry->missing[i]);
		if (!snapshot->missing[i])
			return no_memory(err);
		snapshot->missing_count++;
	}
	rc = rb_map_new(sizeof(struct rb_oid), &trees, err);
	if (rc == RB_OK)
		rc = rb_tree_list(snapshot->repo, &snapshot->tree, note_entry, trees, err);
	for (size_t i = 0; rc == RB_OK && i < entry->table_count; i++)
		rc = load_table(snapshot, trees, &entry->tables[i], i, err);
	rb_map_free(trees);
	return rc == RB_OK ? refuse_strangers(snapshot, err) : rc;
}

static int load_source(struct rb_snapshot *snapshot, const struct rb_manifest_source *entry,
                       struct rb_err *err)
{
	struct rb_buf text = RB_BUF(DOCUMENT_MAX);
	struct rb_buf name = RB_BUF(4096);
	int rc = rb_buf_addf(&name, err, "%s/schema.json", snapshot->source);

	if (rc == RB_OK)
		rc = read_document(snapshot, &snapshot->tree, rb_buf_str(&name), &text, err);
	if (rc == RB_OK)
		rc = rb_schema_doc_read(rb_buf_str(&text), text.len, rb_buf_str(&name),
		                        &snapshot->catalog, err);
	rb_buf_release(&name);
	rb_buf_release(&text);
	if (rc == RB_OK && strcmp(snapshot->catalog->engine, entry->engine) != 0)
		rc = rb_err_set(err, RB_E_FORMAT, "%s/schema.json is of another engine",
		                snapshot->source);
	if (rc == RB_OK)
		rc = rb_catalog_index(snapshot->catalog, err);
	return rc < 0 ? rc : load_tables(snapshot, entry, err);
}

/* The source asked for, or the only one. */
static int choose(const struct rb_manifest *manifest, const char *name,
                  const struct rb_manifest_source **out, struct rb_err *err)
{
	struct rb_buf names = RB_BUF(4096);
	int rc = RB_OK;

	if (!name && manifest->source_count == 1) {
		*out = &manifest->sources[0];
		return RB_OK;
	}
	*out = name ? rb_manifest_source(manifest, name) : NULL;
	if (*out)
		return RB_OK;
	for (size_t i = 0; rc == RB_OK && i < manifest->source_count; i++)
		rc = rb_buf_addf(&names, NULL, "%s%s", i ? ", " : "", manifest->sources[i].name);
	if (name)
		rc = rb_err_set(err, RB_E_NOTFOUND, "the backup has no source '%s'", name);
	else
		rc = rb_err_set(err, RB_E_USAGE, "the backup has several sources");
	rb_err_hint(err, "its sources: %s", rb_buf_str(&names));
	rb_buf_release(&names);
	return rc;
}

int rb_snapshot_load(struct rb_repo *repo, const struct rb_oid *root, const char *source,
                     struct rb_snapshot *out, struct rb_err *err)
{
	struct rb_manifest manifest = {0};
	const struct rb_manifest_source *entry = NULL;
	uint32_t mode = 0;
	int rc;

	memset(out, 0, sizeof(*out));
	out->repo = repo;
	rc = rb_snapshot_manifest(repo, root, &manifest, err);
	if (rc == RB_OK)
		rc = choose(&manifest, source, &entry, err);
	if (rc != RB_OK)
		goto out;
	out->source = strdup(entry->name);
	if (!out->source) {
		rc = no_memory(err);
		goto out;
	}
	rc = rb_tree_find(repo, root, entry->name, &out->tree, &mode, err);
	if (rc == RB_OK)
		rc = load_source(out, entry, err);

out:
	rb_manifest_release(&manifest);
	if (rc < 0)
		rb_snapshot_release(out);
	return rc;
}

void rb_snapshot_release(struct rb_snapshot *snapshot)
{
	for (size_t i = 0; snapshot->tables && i < snapshot->catalog->table_count; i++)
		free(snapshot->tables[i].path);
	for (size_t i = 0; i < snapshot->missing_count; i++)
		free(snapshot->missing[i]);
	free(snapshot->missing);
	free(snapshot->tables);
	free(snapshot->source);
	rb_catalog_free(snapshot->catalog);
	memset(snapshot, 0, sizeof(*snapshot));
}

long rb_snapshot_find(const struct rb_snapshot *snapshot, const char *table)
{
	const struct rb_table *found = rb_catalog_table(snapshot->catalog, table);

	return found ? found - snapshot->catalog->tables : -1;
}

int rb_chunk_list_add(struct rb_chunk_list *list, const char *path, const struct rb_oid *oid,
                      struct rb_err *err)
{
	if (list->count == list->room) {
		size_t room = list->room ? list->room * 2 : 64;
		char **paths = realloc(list->paths, room * sizeof(*paths));
		struct rb_oid *oids;

		if (!paths)
			return no_memory(err);
		list->paths = paths;
		oids = realloc(list->oids, room * sizeof(*oids));
		if (!oids)
			return no_memory(err);
		list->oids = oids;
		list->room = room;
	}
	list->paths[list->count] = strdup(path);
	if (!list->paths[list->count])
		return no_memory(err);
	list->oids[list->count++] = *oid;
	return RB_OK;
}

void rb_chunk_list_release(struct rb_chunk_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->paths[i]);
	free(list->paths);
	free(list->oids);
	memset(list, 0, sizeof(*list));
}

struct collect {
	struct rb_chunk_list *list;
};

static int collect_chunk(void *ctx, const struct rb_tree_entry *entry, struct rb_err *err)
{
	struct collect *collect = ctx;

	if (entry->mode != RB_MODE_FILE)
		return rb_err_set(err, RB_E_FORMAT, "rows/%s is no plain file", entry->path);
	return rb_chunk_list_add(collect->list, entry->path, &entry->oid, err);
}

int rb_snapshot_chunks(const struct rb_snapshot *snapshot, size_t table, struct rb_chunk_list *out,
                       struct rb_err *err)
{
	struct collect collect = {.list = out};
	struct rb_oid rows;
	uint32_t mode = 0;
	int rc;

	memset(out, 0, sizeof(*out));
	rc = rb_tree_find(snapshot->repo, &snapshot->tables[table].tree, "rows", &rows, &mode, err);
	if (rc == RB_E_NOTFOUND)
		return RB_OK; /* a table without rows has no such directory */
	if (rc == RB_OK)
		rc = rb_tree_walk(snapshot->repo, &rows, collect_chunk, &collect, err);
	if (rc < 0)
		rb_chunk_list_release(out);
	return rc;
}
