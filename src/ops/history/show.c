/*
 * See rowback/ops/show.h.
 */
#include <stdlib.h>
#include <string.h>

#include "rowback/ops/show.h"
#include "rowback/ops/snapshot.h"
#include "rowback/repo/tree.h"

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory to show a backup");
}

void rb_show_report_release(struct rb_show_report *report)
{
	for (size_t i = 0; i < report->table_count; i++) {
		free(report->tables[i].source);
		free(report->tables[i].table);
	}
	free(report->tables);
	rb_backup_entry_release(&report->entry);
	rb_changes_release(&report->changes);
	memset(report, 0, sizeof(*report));
}

struct measure {
	struct rb_repo *repo;
	struct rb_show_table *table;
};

static int measure_file(void *ctx, const struct rb_tree_entry *entry, struct rb_err *err)
{
	struct measure *measure = ctx;
	uint64_t size = 0;
	int rc = rb_repo_object_size(measure->repo, &entry->oid, &size, err);

	measure->table->bytes += size;
	measure->table->chunks += strncmp(entry->path, "rows/", 5) == 0;
	return rc;
}

static int add_table(struct rb_store *store, const struct rb_oid *root,
                     const struct rb_manifest_source *source, const struct rb_manifest_table *table,
                     struct rb_show_report *report, struct rb_err *err)
{
	struct rb_show_table *entry = &report->tables[report->table_count++];
	struct measure measure = {.repo = store->repo, .table = entry};
	struct rb_buf path = RB_BUF(4096);
	struct rb_oid tree;
	uint32_t mode = 0;
	int rc = rb_buf_addf(&path, err, "%s/%s", source->name, table->path);

	entry->source = strdup(source->name);
	entry->table = strdup(table->name);
	entry->rows = table->rows;
	if (rc == RB_OK && (!entry->source || !entry->table))
		rc = no_memory(err);
	if (rc == RB_OK)
		rc = rb_tree_find(store->repo, root, rb_buf_str(&path), &tree, &mode, err);
	if (rc == RB_OK)
		rc = rb_tree_walk(store->repo, &tree, measure_file, &measure, err);
	report->rows += entry->rows;
	report->bytes += entry->bytes;
	rb_buf_release(&path);
	return rc;
}

static int add_tables(struct rb_store *store, const struct rb_oid *root,
                      struct rb_show_report *report, struct rb_err *err)
{
	struct rb_manifest manifest = {0};
	size_t count = 0;
	int rc = rb_snapshot_manifest(store->repo, root, &manifest, err);

	for (size_t i = 0; i < manifest.source_count; i++)
		count += manifest.sources[i].table_count;
	report->tables = calloc(count + 1, sizeof(*report->tables));
	if (rc == RB_OK && !report->tables)
		rc = no_memory(err);
	for (size_t i = 0; rc == RB_OK && i < manifest.source_count; i++) {
		const struct rb_manifest_source *source = &manifest.sources[i];

		for (size_t j = 0; rc == RB_OK && j < source->table_count; j++)
			rc = add_table(store, root, source, &source->tables[j], report, err);
	}
	rb_manifest_release(&manifest);
	return rc == RB_E_NOTFOUND ? RB_OK : rc;
}

/* The tree of the commit before, and the id of the backup that holds it. */
static int load_before(struct rb_store *store, struct rb_show_report *report, struct rb_oid *tree,
                       struct rb_err *err)
{
	const struct rb_oid *parent = &report->entry.parent;
	struct rb_oid backup;
	int rc = rb_store_tree_of(store, parent, tree, err);

	if (rc == RB_OK)
		rc = rb_history_holder(store, parent, &backup, report->before_id, err);
	return rc;
}

/* The backup that brought the data of a quick one, if it is still there. */
static int find_data(struct rb_store *store, struct rb_show_report *report, struct rb_err *err)
{
	const char *kind = report->entry.message.kind;
	struct rb_oid backup;
	int rc;

	if (!kind || strcmp(kind, "quick") != 0)
		return RB_OK;
	rc = rb_history_holder(store, &report->entry.commit, &backup, report->data_id, err);
	if (rb_oid_equal(&backup, &report->entry.commit))
		report->data_id[0] = '\0';
	return rc;
}

int rb_show_run(struct rb_store *store, const char *spec, int64_t at_unix_s,
                struct rb_show_report *report, struct rb_err *err)
{
	struct rb_oid before;
	int rc;

	memset(report, 0, sizeof(*report));
	rc = rb_history_find(store, spec, at_unix_s, &report->entry, err);
	if (rc == RB_OK)
		rc = find_data(store, report, err);
	if (rc == RB_OK)
		rc = add_tables(store, &report->entry.tree, report, err);
	if (rc == RB_OK)
		rc = load_before(store, report, &before, err);
	if (rc == RB_OK)
		rc = rb_diff_roots(store->repo, &before, &report->entry.tree, &report->changes,
		                   err);
	return rc;
}

struct show_rows {
	const struct rb_table_change *change;
	rb_show_row_fn *fn;
	void *ctx;
};

static int pass_row(void *ctx, enum rb_row_op op, const struct rb_row *old_row,
                    const struct rb_row *new_row, struct rb_err *err)
{
	struct show_rows *show = ctx;

	return show->fn(show->ctx, show->change->source, show->change->table, op, old_row, new_row,
	                err);
}

/* Load a source of a tree; zero when the tree is none or has no such source. */
static int load_side(struct rb_store *store, const struct rb_oid *root, const char *source,
                     struct rb_snapshot *out, struct rb_err *err)
{
	int rc;

	memset(out, 0, sizeof(*out));
	if (rb_oid_is_none(root))
		return RB_OK;
	rc = rb_snapshot_load(store->repo, root, source, out, err);
	return rc == RB_E_NOTFOUND ? RB_OK : rc;
}

static int show_table(struct rb_store *store, const struct rb_oid *before,
                      const struct rb_oid *after, struct show_rows *show, struct rb_err *err)
{
	const char *name = show->change->table;
	struct rb_snapshot old_side = {0};
	struct rb_snapshot new_side = {0};
	struct rb_row_counts counts;
	int rc = load_side(store, before, show->change->source, &old_side, err);

	if (rc == RB_OK)
		rc = load_side(store, after, show->change->source, &new_side, err);
	if (rc == RB_OK) {
		struct rb_table_pair pair = {
		        .old_side = &old_side,
		        .old_table = old_side.catalog ? rb_snapshot_find(&old_side, name) : -1,
		        .new_side = &new_side,
		        .new_table = new_side.catalog ? rb_snapshot_find(&new_side, name) : -1};

		rc = rb_diff_rows(&pair, true, pass_row, show, &counts, err);
	}
	rb_snapshot_release(&old_side);
	rb_snapshot_release(&new_side);
	return rc;
}

static bool is_named(const char *const *tables, const char *name)
{
	for (size_t i = 0; tables[i]; i++) {
		if (strcmp(tables[i], name) == 0)
			return true;
	}
	return false;
}

static bool has_table(const struct rb_show_report *report, const char *name)
{
	for (size_t i = 0; i < report->table_count; i++) {
		if (strcmp(report->tables[i].table, name) == 0)
			return true;
	}
	for (size_t i = 0; i < report->changes.count; i++) {
		if (strcmp(report->changes.items[i].table, name) == 0)
			return true;
	}
	return false;
}

static void keep_tables(struct rb_show_report *report, const char *const *tables)
{
	size_t kept = 0;

	report->rows = 0;
	report->bytes = 0;
	for (size_t i = 0; i < report->table_count; i++) {
		struct rb_show_table *table = &report->tables[i];

		if (!is_named(tables, table->table)) {
			free(table->source);
			free(table->table);
			continue;
		}
		report->rows += table->rows;
		report->bytes += table->bytes;
		report->tables[kept++] = *table;
	}
	report->table_count = kept;
}

static void keep_changes(struct rb_changes *changes, const char *const *tables)
{
	size_t kept = 0;

	memset(&changes->total, 0, sizeof(changes->total));
	changes->others = 0;
	for (size_t i = 0; i < changes->count; i++) {
		struct rb_table_change *change = &changes->items[i];

		if (!is_named(tables, change->table)) {
			free(change->source);
			free(change->table);
			continue;
		}
		changes->total.inserted += change->inserted;
		changes->total.updated += change->updated;
		changes->total.deleted += change->deleted;
		changes->items[kept++] = *change;
	}
	changes->count = kept;
}

int rb_show_only(struct rb_show_report *report, const char *const *tables, struct rb_err *err)
{
	if (!tables)
		return RB_OK;
	for (size_t i = 0; tables[i]; i++) {
		if (!has_table(report, tables[i]))
			return rb_err_set(err, RB_E_NOTFOUND, "the backup has no table '%s'",
			                  tables[i]);
	}
	keep_tables(report, tables);
	keep_changes(&report->changes, tables);
	return RB_OK;
}

int rb_show_rows(struct rb_store *store, const struct rb_show_report *report, rb_show_row_fn *fn,
                 void *ctx, struct rb_err *err)
{
	struct rb_oid before;
	int rc = rb_store_tree_of(store, &report->entry.parent, &before, err);

	for (size_t i = 0; rc == RB_OK && i < report->changes.count; i++) {
		struct show_rows show = {.change = &report->changes.items[i], .fn = fn, .ctx = ctx};

		rc = show_table(store, &before, &report->entry.tree, &show, err);
	}
	return rc;
}
