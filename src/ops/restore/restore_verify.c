/*
 * See restore_priv.h: export again and compare.
 */
#include <stdlib.h>
#include <string.h>

#include "rowback/ops/export.h"
#include "rowback/value/key.h"
#include "backup/commit_priv.h"
#include "export/reading_priv.h"
#include "restore_priv.h"

/* Export a source as the target's content. */
static int export_from(struct rb_restore *restore, struct rb_source *source,
                       struct rb_source *helper, struct rb_pack *pack, struct rb_export *out,
                       struct rb_err *err)
{
	bool into_new = restore->report->plan.into_new;
	const struct rb_export_opts opts = {.source = source,
	                                    .helper = helper,
	                                    .name = restore->backup.source,
	                                    .config = restore->config,
	                                    .columns_of = restore->backup.catalog,
	                                    .tables_of = into_new ? restore->backup.catalog : NULL,
	                                    .known = rb_restore_beside_results(restore),
	                                    .pack = pack,
	                                    .workers = rb_store_workers(restore->store)};

	return rb_export_run(&opts, out, err);
}

/* Export the target as it stands, inside its transaction. */
static int export_target(struct rb_restore *restore, struct rb_pack *pack, struct rb_export *out,
                         struct rb_err *err)
{
	return export_from(restore, restore->adapter->target_source(restore->target), NULL, pack,
	                   out, err);
}

/* A database that is new has no name yet: it can be read by several connections. */
static int export_new(struct rb_restore *restore, struct rb_pack *pack, struct rb_export *out,
                      struct rb_err *err)
{
	const struct rb_adapter *adapter = restore->adapter;
	struct rb_open_opts open = {.busy_timeout_ms = restore->store->config.busy_timeout_ms,
	                            .schemas = rb_restore_schemas(restore)};
	struct rb_buf url = RB_BUF((size_t)64 << 10);
	struct rb_buf proof = RB_BUF((size_t)64 << 10);
	struct rb_source *source = NULL;
	struct rb_source *twin = NULL;
	int rc = adapter->target_expose ? adapter->target_expose(restore->target, &url, err)
	                                : RB_E_UNSUPPORTED;

	/* An empty database that was there has readers of its own already. */
	if (rc == RB_E_UNSUPPORTED) {
		rb_buf_release(&url);
		return export_target(restore, pack, out, err);
	}
	open.url = rb_buf_str(&url);
	if (rc == RB_OK)
		rc = adapter->source_open(&open, &source, err);
	if (rc == RB_OK)
		rc = adapter->source_fingerprint(source, &proof, err);
	if (rc == RB_OK) {
		twin = rb_reading_open_twin(source, open.url, proof.data, proof.len);
		rc = export_from(restore, source, twin, pack, out, err);
	}
	if (twin)
		adapter->source_close(twin);
	if (source)
		adapter->source_close(source);
	rb_buf_release(&url);
	rb_buf_release(&proof);
	return rc;
}

static int mismatch(struct rb_err *err, const char *what, const char *name)
{
	rb_err_set(err, RB_E_MISMATCH,
	           "after the restore %s%s%s%s is not as it should be; "
	           "nothing was kept",
	           what, *name ? " '" : "", name, *name ? "'" : "");
	return rb_err_hint(err, "the database is as it was before");
}

/* A table's place in the export; -1 when it is not there. */
static long place_of(const struct rb_export *exported, const char *table)
{
	for (size_t i = 0; i < exported->manifest.table_count; i++) {
		if (strcmp(exported->manifest.tables[i].name, table) == 0)
			return (long)i;
	}
	return -1;
}

/* Compare tables by their trees: those that --table names, or those it does not. */
static int compare_tables(struct rb_restore *restore, const struct rb_export *exported,
                          const struct rb_snapshot *wanted, bool named, struct rb_err *err)
{
	for (size_t i = 0; i < wanted->catalog->table_count; i++) {
		const struct rb_table *table = &wanted->catalog->tables[i];
		long place = place_of(exported, table->name);

		/* Sequences follow from the rows when single tables are restored. */
		if (restore->opts->tables && (rb_restore_wants(restore, table->name) != named ||
		                              table->kind == RB_TABLE_SYSTEM))
			continue;
		if (place < 0 ||
		    !rb_oid_equal(&exported->table_trees[place], &wanted->tables[i].tree))
			return mismatch(err, "table", table->name);
		if (exported->manifest.tables[place].rows != wanted->tables[i].rows)
			return rb_err_set(err, RB_E_FORMAT,
			                  "table '%s' has %llu rows in the store, but "
			                  "rowback.json says %llu",
			                  table->name,
			                  (unsigned long long)exported->manifest.tables[place].rows,
			                  (unsigned long long)wanted->tables[i].rows);
		restore->report->rows += wanted->tables[i].rows;
	}
	return RB_OK;
}

/* Whether the target could not make an object, and said so. */
static bool is_not_made(const struct rb_restore *restore, const struct rb_object *object)
{
	const struct rb_catalog *remarks = restore->report->remarks;

	for (size_t i = 0; i < remarks->remark_count; i++) {
		if (remarks->remarks[i].incomplete &&
		    strcmp(remarks->remarks[i].object, object->name) == 0)
			return true;
	}
	return false;
}

/* The next object from i on that takes part in the comparison. */
static size_t next_object(const struct rb_restore *restore, const struct rb_catalog *catalog,
                          size_t i)
{
	while (i < catalog->object_count && (rb_restore_keeps_off(restore, &catalog->objects[i]) ||
	                                     is_not_made(restore, &catalog->objects[i])))
		i++;
	return i;
}

static bool same_objects(const struct rb_restore *restore, const struct rb_catalog *a,
                         const struct rb_catalog *b)
{
	size_t i = next_object(restore, a, 0);
	size_t j = next_object(restore, b, 0);

	while (i < a->object_count && j < b->object_count) {
		if (strcmp(a->objects[i].kind, b->objects[j].kind) != 0 ||
		    strcmp(a->objects[i].name, b->objects[j].name) != 0 ||
		    strcmp(a->objects[i].sql, b->objects[j].sql) != 0)
			return false;
		i = next_object(restore, a, i + 1);
		j = next_object(restore, b, j + 1);
	}
	return i == a->object_count && j == b->object_count;
}

/* No table is there that should have gone, and what was left alone is what it was. */
static int compare_rest(const struct rb_restore *restore, const struct rb_export *exported,
                        struct rb_err *err)
{
	const struct rb_snapshot *live = &restore->live;

	for (size_t i = 0; i < exported->manifest.table_count; i++) {
		const char *name = exported->manifest.tables[i].name;
		long was = live->catalog ? rb_snapshot_find(live, name) : -1;

		if (rb_snapshot_find(&restore->backup, name) >= 0)
			continue;
		if (was >= 0 && rb_restore_leaves(restore, name) &&
		    rb_oid_equal(&exported->table_trees[i], &live->tables[was].tree))
			continue;
		/* Made anew, since its definition is kept without its rows. */
		if (was < 0 && exported->manifest.tables[i].rows == 0 &&
		    rb_restore_find(restore->backup.catalog, "table", name))
			continue;
		return mismatch(err, "table", name);
	}
	return RB_OK;
}

static int compare_whole(struct rb_restore *restore, const struct rb_export *exported,
                         struct rb_err *err)
{
	const struct rb_catalog *backup = restore->backup.catalog;
	int rc = compare_rest(restore, exported, err);

	if (rc == RB_OK && !same_objects(restore, exported->catalog, backup))
		rc = mismatch(err, "the schema", "");
	if (rc == RB_OK && rb_restore_count_settings(backup, exported->catalog) > 0)
		rc = mismatch(err, "a setting", "");
	return rc;
}

/* By trees: what was replaced is the backup, and with --table the rest is as it was. */
static int verify_trees(struct rb_restore *restore, struct rb_err *err)
{
	bool whole = !restore->opts->tables;
	struct rb_pack *pack = NULL;
	struct rb_export exported = {0};
	int rc = rb_pack_begin(NULL, rb_export_slots(rb_store_workers(restore->store)), &pack, err);

	if (rc == RB_OK)
		rc = restore->report->plan.into_new ? export_new(restore, pack, &exported, err)
		                                    : export_target(restore, pack, &exported, err);
	if (rc == RB_OK && exported.incomplete)
		rc = mismatch(err, "a table", "");
	if (rc == RB_OK)
		rc = compare_tables(restore, &exported, &restore->backup, true, err);
	if (rc == RB_OK && !whole && restore->live.catalog)
		rc = compare_tables(restore, &exported, &restore->live, false, err);
	if (rc == RB_OK && whole)
		rc = compare_whole(restore, &exported, err);
	if (rc == RB_OK && whole && !restore->adapter->target_prove)
		restore->report->definitions = RB_DEFINITIONS_COMPARED;
	rb_export_release(&exported);
	rb_pack_free(pack);
	return rc;
}

/* A chain of hashes over changes in their order: equal chains, equal changes. */
struct digest {
	uint64_t chain;
	uint64_t count;
	struct rb_buf text;
};

static int digest_row(struct digest *digest, enum rb_row_op op, const struct rb_row *row,
                      struct rb_err *err)
{
	int rc;

	rb_buf_clear(&digest->text);
	rc = rb_buf_addf(&digest->text, err, "%016llx %d ", (unsigned long long)digest->chain,
	                 (int)op);
	if (rc == RB_OK)
		rc = rb_buf_add(&digest->text, row->key, row->key_len, err);
	if (rc == RB_OK && op != RB_ROW_DELETE)
		rc = rb_buf_add(&digest->text, row->line, row->line_len, err);
	if (rc == RB_OK)
		digest->chain = rb_key_hash(digest->text.data, digest->text.len);
	digest->count++;
	return rc;
}

static int digest_planned(void *ctx, const struct rb_row_change *change, struct rb_err *err)
{
	return digest_row(ctx, change->op, change->row, err);
}

static int digest_found(void *ctx, enum rb_row_op op, const struct rb_row *old_row,
                        const struct rb_row *new_row, struct rb_err *err)
{
	return digest_row(ctx, op, new_row ? new_row : old_row, err);
}

/* What became of one table must be what was planned for it, and nothing else. */
static int verify_changes(struct rb_restore *restore, const struct rb_snapshot *result,
                          const char *name, struct rb_err *err)
{
	struct digest planned = {.text = RB_BUF((size_t)1 << 30)};
	struct digest found = {.text = RB_BUF((size_t)1 << 30)};
	struct rb_table_pair pair = {.old_side = &restore->live,
	                             .old_table = rb_snapshot_find(&restore->live, name),
	                             .new_side = result,
	                             .new_table = rb_snapshot_find(result, name)};
	struct rb_row_counts counts;
	bool fresh = rb_restore_action(restore, name) != RB_TABLE_KEEP;
	int rc = RB_OK;

	if (rb_restore_wants(restore, name) && rb_snapshot_find(&restore->backup, name) >= 0)
		rc = rb_restore_rows(restore, name, fresh, digest_planned, &planned, err);
	if (rc == RB_OK)
		rc = rb_diff_rows(&pair, true, digest_found, &found, &counts, err);
	if (rc == RB_OK && (planned.chain != found.chain || planned.count != found.count))
		rc = mismatch(err, "table", name);
	rb_buf_release(&planned.text);
	rb_buf_release(&found.text);
	return rc;
}

/* Export the target with its objects, as a snapshot that can be read. */
static int export_result(struct rb_restore *restore, struct rb_snapshot *out, struct rb_err *err)
{
	static const struct rb_oid none = {{0}};
	struct rb_root_source part;
	struct rb_pack_stats stats;
	struct rb_export exported = {0};
	struct rb_pack *pack = NULL;
	struct rb_oid root;
	int rc = rb_pack_begin(restore->store->repo,
	                       rb_export_slots(rb_store_workers(restore->store)), &pack, err);

	if (rc == RB_OK)
		rc = export_target(restore, pack, &exported, err);
	if (rc == RB_OK) {
		part.manifest = &exported.manifest;
		part.tree = exported.tree;
		rc = rb_root_build(restore->store, pack, NULL, &none, &part, 1, &root, err);
	}
	if (rc == RB_OK)
		rc = rb_pack_finish(pack, &stats, err);
	if (rc == RB_OK)
		rc = rb_snapshot_load(restore->store->repo, &root, restore->backup.source, out,
		                      err);
	rb_export_release(&exported);
	rb_pack_free(pack);
	return rc;
}

/* By rows: upsert and merge have no tree that they should come to. */
static int verify_rows(struct rb_restore *restore, struct rb_err *err)
{
	struct rb_snapshot result = {0};
	int rc = export_result(restore, &result, err);

	for (size_t i = 0; rc == RB_OK && i < result.catalog->table_count; i++) {
		const struct rb_table *table = &result.catalog->tables[i];

		if (table->kind == RB_TABLE_SYSTEM)
			continue;
		rc = verify_changes(restore, &result, table->name, err);
		restore->report->rows += result.tables[i].rows;
	}
	for (size_t i = 0; rc == RB_OK && i < restore->live.catalog->table_count; i++) {
		const char *name = restore->live.catalog->tables[i].name;

		if (rb_snapshot_find(&result, name) < 0)
			rc = mismatch(err, "table", name);
	}
	rb_snapshot_release(&result);
	return rc;
}

int rb_restore_verify(struct rb_restore *restore, struct rb_err *err)
{
	int rc = restore->opts->strategy == RB_STRATEGY_REPLACE || restore->report->plan.into_new
	                 ? verify_trees(restore, err)
	                 : verify_rows(restore, err);

	restore->report->verified = rc == RB_OK;
	return rc;
}

int rb_restore_check_live(struct rb_restore *restore, const char *fingerprint, struct rb_err *err)
{
	struct rb_source *source = restore->adapter->target_source(restore->target);
	struct rb_buf now = RB_BUF((size_t)64 << 10);
	struct rb_export exported = {0};
	struct rb_pack *pack = NULL;
	int rc = restore->adapter->source_fingerprint(source, &now, err);

	if (rc == RB_OK && *fingerprint && strcmp(fingerprint, rb_buf_str(&now)) == 0)
		goto out;
	/* Nothing is proved: look at all of it again, now that nobody else can write. */
	if (rc == RB_OK)
		rc = rb_pack_begin(NULL, rb_export_slots(rb_store_workers(restore->store)), &pack,
		                   err);
	if (rc == RB_OK)
		rc = export_target(restore, pack, &exported, err);
	if (rc == RB_OK && !rb_oid_equal(&exported.tree, &restore->live.tree)) {
		rb_err_set(err, RB_E_CONFLICT,
		           "the database was changed while the restore was planned");
		rb_err_hint(err, "nothing was written; run the same command again");
		rc = RB_E_CONFLICT;
	}

out:
	rb_export_release(&exported);
	rb_pack_free(pack);
	rb_buf_release(&now);
	return rc;
}
