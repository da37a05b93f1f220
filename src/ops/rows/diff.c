/*
 * See rowback/ops/diff.h: tables and sources.
 */
#include <stdlib.h>
#include <string.h>

#include "rowback/ops/diff.h"
#include "rowback/repo/tree.h"

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory to compare backups");
}

static int add_change(struct rb_changes *changes, const struct rb_table_change *change,
                      struct rb_err *err)
{
	struct rb_table_change *items =
	        realloc(changes->items, (changes->count + 1) * sizeof(*items));

	if (!items)
		return no_memory(err);
	changes->items = items;
	items[changes->count] = *change;
	items[changes->count].source = strdup(change->source);
	items[changes->count].table = strdup(change->table);
	changes->count++;
	changes->total.inserted += change->inserted;
	changes->total.updated += change->updated;
	changes->total.deleted += change->deleted;
	if (!items[changes->count - 1].source || !items[changes->count - 1].table)
		return no_memory(err);
	return RB_OK;
}

void rb_changes_release(struct rb_changes *changes)
{
	for (size_t i = 0; i < changes->count; i++) {
		free(changes->items[i].source);
		free(changes->items[i].table);
	}
	free(changes->items);
	memset(changes, 0, sizeof(*changes));
}

/* The object of one file of a table's directory; none when it is not there. */
static int find_in_table(const struct rb_snapshot *snapshot, long table, const char *path,
                         struct rb_oid *oid, struct rb_err *err)
{
	uint32_t mode = 0;
	int rc = rb_tree_find(snapshot->repo, &snapshot->tables[table].tree, path, oid, &mode, err);

	if (rc == RB_E_NOTFOUND) {
		memset(oid, 0, sizeof(*oid));
		return RB_OK;
	}
	return rc;
}

static int definition_differs(const struct rb_table_pair *pair, bool *differs, struct rb_err *err)
{
	struct rb_oid old_doc;
	struct rb_oid new_doc;
	int rc = find_in_table(pair->old_side, pair->old_table, "table.json", &old_doc, err);

	if (rc == RB_OK)
		rc = find_in_table(pair->new_side, pair->new_table, "table.json", &new_doc, err);
	if (rc == RB_OK)
		*differs = !rb_oid_equal(&old_doc, &new_doc);
	return rc;
}

static int diff_table(const struct rb_table_pair *pair, struct rb_changes *out, struct rb_err *err)
{
	bool has_old = pair->old_table >= 0;
	bool has_new = pair->new_table >= 0;
	const struct rb_snapshot *side = has_new ? pair->new_side : pair->old_side;
	struct rb_table_change change = {0};
	struct rb_row_counts counts = {0};
	int rc = RB_OK;

	if (has_old && has_new &&
	    rb_oid_equal(&pair->old_side->tables[pair->old_table].tree,
	                 &pair->new_side->tables[pair->new_table].tree))
		return RB_OK;
	change.source = side->source;
	change.table = side->catalog->tables[has_new ? pair->new_table : pair->old_table].name;
	change.created = !has_old;
	change.dropped = !has_new;
	if (has_old && has_new)
		rc = definition_differs(pair, &change.schema_changed, err);
	if (rc == RB_OK)
		rc = rb_diff_rows(pair, true, NULL, NULL, &counts, err);
	if (rc < 0)
		return rc;
	change.inserted = counts.inserted;
	change.updated = counts.updated;
	change.deleted = counts.deleted;
	return add_change(out, &change, err);
}

static const char *name_of(const struct rb_snapshot *snapshot, size_t table)
{
	return snapshot->catalog->tables[table].name;
}

/* Whether a table is not in a snapshot because it could not be read then. */
static bool is_missing(const struct rb_snapshot *snapshot, const char *table)
{
	for (size_t i = 0; snapshot && i < snapshot->missing_count; i++) {
		if (strcmp(snapshot->missing[i], table) == 0)
			return true;
	}
	return false;
}

/* Whether an object is a table that is compared with its rows. */
static bool has_rows(const struct rb_catalog *a, const struct rb_catalog *b,
                     const struct rb_object *object)
{
	return strcmp(object->kind, "table") == 0 &&
	       (rb_catalog_table(a, object->name) || rb_catalog_table(b, object->name));
}

/* Objects of one side that the other has otherwise, or not at all; both are counted once. */
static size_t count_objects(const struct rb_catalog *from, const struct rb_catalog *other,
                            bool only_absent)
{
	size_t count = 0;

	for (size_t i = 0; i < from->object_count; i++) {
		const struct rb_object *object = &from->objects[i];
		const struct rb_object *twin = rb_catalog_object(other, object->kind, object->name);

		if (has_rows(from, other, object))
			continue;
		count += twin ? !only_absent && strcmp(twin->sql, object->sql) != 0 : 1;
	}
	return count;
}

static size_t count_settings(const struct rb_catalog *a, const struct rb_catalog *b)
{
	size_t count = 0;

	for (size_t i = 0; i < a->setting_count; i++) {
		const struct rb_setting *setting = &a->settings[i];

		for (size_t j = 0; j < b->setting_count; j++)
			count += strcmp(setting->name, b->settings[j].name) == 0 &&
			         strcmp(setting->value, b->settings[j].value) != 0;
	}
	return count;
}

/* Both lists of tables are sorted by name: walk them side by side. */
static int diff_tables(const struct rb_snapshot *old_side, const struct rb_snapshot *new_side,
                       struct rb_changes *out, struct rb_err *err)
{
	size_t old_count = old_side ? old_side->catalog->table_count : 0;
	size_t new_count = new_side ? new_side->catalog->table_count : 0;
	size_t i = 0;
	size_t j = 0;

	while (i < old_count || j < new_count) {
		int order = i == old_count   ? 1
		            : j == new_count ? -1
		                             : strcmp(name_of(old_side, i), name_of(new_side, j));
		struct rb_table_pair pair = {.old_side = old_side,
		                             .old_table = order <= 0 ? (long)i : -1,
		                             .new_side = new_side,
		                             .new_table = order >= 0 ? (long)j : -1};
		bool unknown = (order < 0 && is_missing(new_side, name_of(old_side, i))) ||
		               (order > 0 && is_missing(old_side, name_of(new_side, j)));
		int rc = unknown ? RB_OK : diff_table(&pair, out, err);

		if (rc < 0)
			return rc;
		i += order <= 0;
		j += order >= 0;
	}
	return RB_OK;
}

int rb_diff_snapshots(const struct rb_snapshot *old_side, const struct rb_snapshot *new_side,
                      struct rb_changes *out, struct rb_err *err)
{
	if (old_side && new_side)
		out->others += count_objects(old_side->catalog, new_side->catalog, false) +
		               count_objects(new_side->catalog, old_side->catalog, true) +
		               count_settings(old_side->catalog, new_side->catalog);
	return diff_tables(old_side, new_side, out, err);
}

/* The tree a manifest's source has in a root; none when it is not in the manifest. */
static int source_tree(struct rb_repo *repo, const struct rb_oid *root,
                       const struct rb_manifest_source *source, struct rb_oid *out,
                       struct rb_err *err)
{
	uint32_t mode = 0;

	memset(out, 0, sizeof(*out));
	return source ? rb_tree_find(repo, root, source->name, out, &mode, err) : RB_OK;
}

struct roots {
	struct rb_repo *repo;
	const struct rb_oid *old_root;
	const struct rb_oid *new_root;
	struct rb_manifest old_manifest;
	struct rb_manifest new_manifest;
};

static int diff_source(const struct roots *roots, const char *name, struct rb_changes *out,
                       struct rb_err *err)
{
	const struct rb_manifest_source *old_source =
	        rb_manifest_source(&roots->old_manifest, name);
	const struct rb_manifest_source *new_source =
	        rb_manifest_source(&roots->new_manifest, name);
	struct rb_snapshot old_side = {0};
	struct rb_snapshot new_side = {0};
	struct rb_oid old_tree;
	struct rb_oid new_tree;
	int rc = source_tree(roots->repo, roots->old_root, old_source, &old_tree, err);

	if (rc == RB_OK)
		rc = source_tree(roots->repo, roots->new_root, new_source, &new_tree, err);
	if (rc < 0 || rb_oid_equal(&old_tree, &new_tree))
		return rc;
	if (old_source)
		rc = rb_snapshot_load(roots->repo, roots->old_root, name, &old_side, err);
	if (rc == RB_OK && new_source)
		rc = rb_snapshot_load(roots->repo, roots->new_root, name, &new_side, err);
	if (rc == RB_OK)
		rc = rb_diff_snapshots(old_source ? &old_side : NULL, new_source ? &new_side : NULL,
		                       out, err);
	rb_snapshot_release(&old_side);
	rb_snapshot_release(&new_side);
	return rc;
}

static int diff_manifests(const struct roots *roots, struct rb_changes *out, struct rb_err *err)
{
	const struct rb_manifest *old_list = &roots->old_manifest;
	const struct rb_manifest *new_list = &roots->new_manifest;
	size_t i = 0;
	size_t j = 0;

	while (i < old_list->source_count || j < new_list->source_count) {
		int order = i == old_list->source_count ? 1
		            : j == new_list->source_count
		                    ? -1
		                    : strcmp(old_list->sources[i].name, new_list->sources[j].name);
		const char *name =
		        order <= 0 ? old_list->sources[i].name : new_list->sources[j].name;
		int rc = diff_source(roots, name, out, err);

		if (rc < 0)
			return rc;
		i += order <= 0;
		j += order >= 0;
	}
	return RB_OK;
}

int rb_diff_roots(struct rb_repo *repo, const struct rb_oid *old_root,
                  const struct rb_oid *new_root, struct rb_changes *out, struct rb_err *err)
{
	struct roots roots = {.repo = repo, .old_root = old_root, .new_root = new_root};
	int rc = RB_OK;

	if (!rb_oid_is_none(old_root))
		rc = rb_snapshot_manifest(repo, old_root, &roots.old_manifest, err);
	/* What `sync` or a person committed need not be a rowback export. */
	if (rc == RB_OK || rc == RB_E_NOTFOUND)
		rc = rb_snapshot_manifest(repo, new_root, &roots.new_manifest, err);
	if (rc == RB_E_NOTFOUND)
		rc = RB_OK;
	if (rc == RB_OK)
		rc = diff_manifests(&roots, out, err);
	rb_manifest_release(&roots.old_manifest);
	rb_manifest_release(&roots.new_manifest);
	return rc;
}
