/*
 * See rowback/ops/restore.h.
 */
#include <stdlib.h>
#include <string.h>

#include "rowback/base/map.h"
#include "rowback/config/secret.h"
#include "rowback/config/select.h"
#include "rowback/ops/history.h"
#include "restore_priv.h"

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory for a restore");
}

void rb_restore_report_release(struct rb_restore_report *report)
{
	for (size_t i = 0; i < report->plan.table_count; i++) {
		free(report->plan.tables[i].name);
		free(report->plan.tables[i].first_conflict);
		free(report->plan.tables[i].left_out);
	}
	free(report->plan.tables);
	free(report->target);
	free(report->definitions_why);
	rb_catalog_free(report->differences);
	rb_catalog_free(report->remarks);
	rb_catalog_free(report->converted);
	memset(report, 0, sizeof(*report));
}

/* Tables that the configuration leaves out are left alone in the source's own database. */
static void drop_excluded(struct rb_snapshot *snapshot, const struct rb_source_config *config)
{
	struct rb_catalog *catalog = snapshot->catalog;
	size_t kept = 0;

	for (size_t i = 0; i < catalog->table_count; i++) {
		if (!rb_select_table(config, catalog->tables[i].name, catalog->tables[i].kind)) {
			snapshot->rows -= snapshot->tables[i].rows;
			rb_table_release(&catalog->tables[i]);
			free(snapshot->tables[i].path);
			continue;
		}
		if (kept != i) {
			catalog->tables[kept] = catalog->tables[i];
			snapshot->tables[kept] = snapshot->tables[i];
		}
		kept++;
	}
	catalog->table_count = kept;
}

/* The backup before the one to restore, for a merge. */
static int load_base(struct rb_restore *restore, const struct rb_backup_entry *entry,
                     struct rb_err *err)
{
	struct rb_oid tree;
	int rc;

	if (restore->opts->strategy != RB_STRATEGY_MERGE)
		return RB_OK;
	if (rb_oid_is_none(&entry->parent)) {
		rb_err_set(err, RB_E_USAGE,
		           "backup %s is the first: there is none before it to "
		           "merge against",
		           entry->message.id);
		return rb_err_hint(err, "use --strategy upsert or --strategy replace");
	}
	rc = rb_store_tree_of(restore->store, &entry->parent, &tree, err);
	if (rc == RB_OK)
		rc = rb_snapshot_load(restore->store->repo, &tree, restore->backup.source,
		                      &restore->base, err);
	return rc;
}

/* Say which tables the backup should have, but has not. */
static int remark_missing(struct rb_restore *restore, struct rb_err *err)
{
	const struct rb_snapshot *backup = &restore->backup;
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < backup->missing_count; i++) {
		if (rb_restore_wants(restore, backup->missing[i]))
			rc = rb_catalog_remark(restore->report->remarks, backup->missing[i], false,
			                       err,
			                       "its rows are not in the backup: it could not be "
			                       "read when that was made");
	}
	return rc;
}

static int load(struct rb_restore *restore, struct rb_err *err)
{
	const struct rb_restore_opts *opts = restore->opts;
	struct rb_backup_entry entry = {0};
	int rc = rb_history_find_data(restore->store, opts->spec, opts->at_unix_s, &entry, err);

	if (rc == RB_OK) {
		memcpy(restore->report->backup_id, entry.message.id,
		       strnlen(entry.message.id, sizeof(restore->report->backup_id) - 1));
		rc = rb_snapshot_load(restore->store->repo, &entry.tree, opts->source,
		                      &restore->backup, err);
	}
	if (rc == RB_OK)
		rc = rb_restore_resolve_names(restore, err);
	if (rc == RB_OK)
		rc = remark_missing(restore, err);
	if (rc == RB_OK)
		rc = load_base(restore, &entry, err);
	rb_backup_entry_release(&entry);
	return rc;
}

static int show_url(struct rb_restore *restore, struct rb_err *err)
{
	struct rb_buf shown = RB_BUF((size_t)64 << 10);
	int rc = rb_config_redact_url(restore->url, &shown, err);

	if (rc == RB_OK) {
		restore->report->target = rb_buf_detach(&shown);
		rc = restore->report->target ? RB_OK : no_memory(err);
	}
	rb_buf_release(&shown);
	return rc;
}

const char *rb_restore_example(const struct rb_restore *restore)
{
	return strcmp(restore->backup.catalog->engine, "postgres") == 0 ? "postgres://HOST/NEW"
	                                                                : "sqlite:PATH";
}

/* What is on a command line, everybody on the machine can read. */
static int check_secret(const char *url, struct rb_err *err)
{
	const struct rb_adapter *adapter = NULL;

	/* A URL of no engine is refused where it is opened. */
	if (rb_adapter_for_url(url, &adapter, NULL) < 0 || !adapter->url_has_secret ||
	    !adapter->url_has_secret(url))
		return RB_OK;
	rb_err_set(err, RB_E_USAGE,
	           "cannot restore: a password does not belong on the command line");
	return rb_err_hint(err, "leave it out: it comes from PGPASSWORD, PGPASSFILE (~/.pgpass) or "
	                        "a service");
}

/* Where to: the URL given, or the source's own. */
static int choose_target(struct rb_restore *restore, struct rb_err *err)
{
	const struct rb_config *config = &restore->store->config;
	const struct rb_source_config *source = NULL;
	char *own = NULL;
	bool is_given = restore->opts->to_url && !restore->opts->rehearse;
	int rc = is_given ? check_secret(restore->opts->to_url, err) : RB_OK;

	if (rc < 0)
		return rc;
	rc = rb_config_source(config, restore->backup.source, &source, err);
	if (rc == RB_OK)
		rc = rb_config_source_url(source, &own, err);
	if (restore->opts->to_url) {
		/* A machine that only has the store need not know the source. */
		restore->url = strdup(restore->opts->to_url);
		restore->is_own = rc == RB_OK && strcmp(own, restore->opts->to_url) == 0;
		rb_secret_free(own);
		rc = restore->url ? RB_OK : no_memory(err);
	} else if (rc < 0) {
		return rb_err_hint(err, "name a database to restore into: --to %s",
		                   rb_restore_example(restore));
	} else {
		restore->url = own;
		restore->is_own = true;
	}
	if (restore->is_own)
		restore->config = source;
	return rc != RB_OK ? rc : show_url(restore, err);
}

static int open_target(struct rb_restore *restore, struct rb_err *err)
{
	const struct rb_target_opts opts = {
	        .open = {.url = restore->url,
	                 .busy_timeout_ms = restore->store->config.busy_timeout_ms,
	                 .schemas = rb_restore_schemas(restore)},
	        .create = true,
	        .dry_run = restore->opts->dry_run};
	int rc = rb_adapter_for_url(restore->url, &restore->adapter, err);

	if (rc == RB_OK)
		rc = restore->adapter->target_open(&opts, &restore->target, err);
	return rc; /* NOLINT(clang-analyzer-unix.Malloc): rb_restore_run() frees restore->url */
}

int rb_restore_run(struct rb_store *store, const struct rb_restore_opts *opts,
                   struct rb_restore_report *report, struct rb_err *err)
{
	struct rb_restore restore = {.store = store, .opts = opts, .report = report};
	bool is_across = false;
	int rc;

	memset(report, 0, sizeof(*report));
	report->remarks = calloc(1, sizeof(*report->remarks));
	restore.clash = calloc(1, RB_RESTORE_CLASH_SIZE);
	rc = report->remarks && restore.clash ? load(&restore, err) : no_memory(err);
	if (rc == RB_OK)
		rc = choose_target(&restore, err);
	if (rc == RB_OK && restore.is_own && restore.config)
		drop_excluded(&restore.backup, restore.config);
	if (rc == RB_OK)
		rc = open_target(&restore, err);
	is_across =
	        rc == RB_OK && strcmp(restore.adapter->name, restore.backup.catalog->engine) != 0;
	if (rc == RB_OK && opts->rehearse && !restore.adapter->target_is_empty(restore.target))
		rc = rb_err_set(err, RB_E_CONFLICT, "'%s' is not empty", report->target);
	if (rc == RB_OK && is_across)
		rc = rb_restore_across(&restore, err);
	else if (rc == RB_OK)
		rc = restore.adapter->target_is_empty(restore.target)
		             ? rb_restore_new(&restore, err)
		             : rb_restore_into(&restore, err);
	if (rc == RB_E_MISMATCH && report->definitions != RB_DEFINITIONS_DIFFER)
		rc = rb_restore_find_damage(&restore, rc, err);
	if (restore.target)
		restore.adapter->target_close(restore.target);
	/* Also one whose definitions are otherwise: it is done. */
	if (rc == RB_OK || report->written)
		rb_restore_record(&restore);
	rb_secret_free(restore.url);
	free(restore.clash);
	rb_restore_free_names(&restore);
	rb_map_free(restore.moved);
	rb_snapshot_release(&restore.backup);
	rb_snapshot_release(&restore.base);
	rb_snapshot_release(&restore.live);
	rb_pack_free(restore.looked);
	return rc;
}
