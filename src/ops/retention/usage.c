/*
 * See rowback/ops/usage.h.
 */
#include <stdlib.h>
#include <string.h>

#include "rowback/base/log.h"
#include "rowback/base/map.h"
#include "rowback/ops/usage.h"
#include "rowback/repo/commit.h"

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory to measure the store");
}

void rb_usage_report_release(struct rb_usage_report *report)
{
	for (size_t i = 0; i < report->table_count; i++) {
		free(report->tables[i].source);
		free(report->tables[i].table);
	}
	free(report->tables);
	free(report->trash);
	rb_backup_list_release(&report->list);
	memset(report, 0, sizeof(*report));
}

static int by_size(const void *a, const void *b)
{
	const struct rb_show_table *left = a;
	const struct rb_show_table *right = b;

	if (left->bytes != right->bytes)
		return left->bytes < right->bytes ? 1 : -1;
	return strcmp(left->table, right->table);
}

static int add_tables(struct rb_store *store, size_t tables_max, struct rb_usage_report *report,
                      struct rb_err *err)
{
	struct rb_show_report show = {0};
	int rc = rb_show_run(store, NULL, 0, &show, err);

	if (rc < 0)
		goto out;
	if (show.table_count > 0)
		qsort(show.tables, show.table_count, sizeof(*show.tables), by_size);
	report->rows = show.rows;
	report->bytes = show.bytes;
	while (show.table_count > tables_max) {
		struct rb_show_table *last = &show.tables[--show.table_count];

		free(last->source);
		free(last->table);
	}
	report->tables = show.tables;
	report->table_count = show.table_count;
	show.tables = NULL;
	show.table_count = 0;

out:
	rb_show_report_release(&show);
	return rc;
}

/* Trash, and the backups that the branch has. */
struct gather {
	struct rb_store *store;
	struct rb_usage_report *report;
	struct rb_map *ids; /* of the branch */
	struct rb_usage_trash *entry;
};

static int note_id(void *ctx, const struct rb_commit *commit, struct rb_err *err)
{
	struct gather *gather = ctx;
	struct rb_message message = {0};
	int rc = RB_OK;

	if (rb_message_read(commit->message, &message, NULL) == RB_OK)
		rc = rb_map_put(gather->ids, message.id, strlen(message.id), NULL, err);
	rb_message_release(&message);
	return rc;
}

static int add_backup(void *ctx, const struct rb_commit *commit, struct rb_err *err)
{
	struct gather *gather = ctx;
	struct rb_message message = {0};

	(void)err;
	if (rb_message_read(commit->message, &message, NULL) == RB_OK &&
	    !rb_map_get(gather->ids, message.id, strlen(message.id))) {
		gather->entry->backups++;
		if (message.bytes_added) {
			gather->entry->bytes += strtoull(message.bytes_added, NULL, 10);
			gather->entry->bytes_known = true;
		}
	}
	rb_message_release(&message);
	return 0;
}

static int add_trash(void *ctx, const struct rb_trash *trash, struct rb_err *err)
{
	struct gather *gather = ctx;
	struct rb_usage_report *report = gather->report;
	struct rb_usage_trash *grown =
	        realloc(report->trash, (report->trash_count + 1) * sizeof(*grown));

	if (!grown)
		return no_memory(err);
	report->trash = grown;
	gather->entry = &grown[report->trash_count++];
	*gather->entry = (struct rb_usage_trash){.trash = *trash};
	return rb_commit_walk(gather->store->repo, &trash->tip, add_backup, gather, err);
}

uint64_t rb_usage_share(uint64_t bytes, uint64_t written, uint64_t packs)
{
	if (written <= packs)
		return bytes;
	return (uint64_t)((double)bytes / (double)written * (double)packs);
}

/* What the trash takes of the packs, which hold it and the backups of the branch. */
static void scale_trash(struct rb_usage_report *report)
{
	uint64_t written = 0;

	for (size_t i = 0; i < report->list.count; i++) {
		const char *bytes = report->list.items[i].message.bytes_added;

		written += bytes ? strtoull(bytes, NULL, 10) : 0;
	}
	for (size_t i = 0; i < report->trash_count; i++)
		written += report->trash[i].bytes;
	for (size_t i = 0; i < report->trash_count; i++)
		report->trash[i].bytes =
		        rb_usage_share(report->trash[i].bytes, written, report->space.packs);
}

static int gather_trash(struct rb_store *store, struct rb_usage_report *report, struct rb_err *err)
{
	struct gather gather = {.store = store, .report = report};
	struct rb_oid tip;
	int rc = rb_map_new(0, &gather.ids, err);

	if (rc == RB_OK)
		rc = rb_store_tip(store, &tip, err);
	if (rc == RB_OK)
		rc = rb_commit_walk(store->repo, &tip, note_id, &gather, err);
	if (rc == RB_OK)
		rc = rb_trash_each(store, add_trash, &gather, err);
	rb_map_free(gather.ids);
	return rc;
}

int rb_usage_run(struct rb_store *store, size_t newest_max, size_t tables_max,
                 struct rb_usage_report *report, struct rb_err *err)
{
	static const struct rb_history_opts all = {0};
	int rc;

	memset(report, 0, sizeof(*report));
	rc = rb_space_measure(store->repo, &report->space, err);
	if (rc == RB_OK)
		rc = rb_history_list(store, &all, &report->list, err);
	if (rc < 0)
		return rc;
	report->objects = report->space.packs + report->space.loose;
	report->warn_at = store->config.warn_size;
	report->is_large = report->warn_at > 0 && report->objects > report->warn_at;
	report->backups = report->list.count;
	if (report->backups > 0) {
		rc = add_tables(store, tables_max, report, err);
		/* Only safety or quick backups hold nothing of their own to measure. */
		if (rc == RB_E_NOSTORE)
			rc = RB_OK;
	}
	if (rc == RB_OK)
		rc = gather_trash(store, report, err);
	scale_trash(report);
	while (report->list.count > newest_max)
		rb_backup_entry_release(&report->list.items[--report->list.count]);
	return rc;
}

void rb_usage_warn(struct rb_store *store)
{
	uint64_t bytes = 0;
	uint64_t count = 0;

	if (store->config.warn_size == 0 || rb_space_packs(store->repo, &bytes, &count, NULL) < 0 ||
	    bytes <= store->config.warn_size)
		return;
	rb_log(RB_LOG_WARN,
	       "the store has grown to %.1f MB (store.warnSize is %.1f MB): see 'rowback usage', "
	       "and 'rowback prune' takes old backups out",
	       (double)bytes / 1e6, (double)store->config.warn_size / 1e6);
}
