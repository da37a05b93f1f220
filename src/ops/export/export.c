/*
 * See rowback/ops/export.h.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "rowback/base/log.h"
#include "rowback/base/thread.h"
#include "rowback/config/select.h"
#include "rowback/ops/layout.h"
#include "rowback/repo/tree.h"
#include "export_priv.h"

#define QUEUE_CHUNKS 64 /* about 2 MB of rows wait at most */
#define DOCUMENT_MAX ((size_t)64 << 20)
#define PATH_MAX_BYTES 4096

struct exporter {
	struct rb_export_shared shared;
	const struct rb_export_opts *opts;
	struct rb_export *out;
	char **paths;                   /* of the catalog's tables */
	struct rb_export_table *tables; /* likewise */
	atomic_size_t next;             /* the table to be read next */
};

/* A reader besides the caller, in a thread of its own. */
struct helper {
	struct exporter *ex;
	struct rb_source *source;
	pthread_t thread;
	unsigned int slot;
	int rc;
	struct rb_err err;
	bool is_ours; /* the source was opened for this export */
	bool started;
};

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory for an export");
}

unsigned int rb_export_slots(unsigned int workers)
{
	return workers + RB_EXPORT_JOBS_MAX;
}

int rb_export_path(const struct rb_export_opts *opts, const struct rb_export_place *place,
                   struct rb_buf *out, size_t *below, struct rb_err *err)
{
	int rc = rb_buf_addf(out, err, "%s/%s%s", opts->name, place->dir, *place->dir ? "/" : "");

	*below = out->len;
	return rc < 0 ? rc : rb_buf_adds(out, place->path, err);
}

int rb_export_store(const struct rb_export_opts *opts, unsigned int slot, const char *path,
                    const struct rb_bytes *content, struct rb_oid *oid, struct rb_err *err)
{
	int rc = rb_pack_add(opts->pack, slot, RB_OBJECT_BLOB, content->data, content->len, oid,
	                     NULL, err);

	if (rc < 0)
		return rc;
	return rb_worktree_put(opts->worktree, path, oid, content->data, content->len, err);
}

int rb_export_add(const struct rb_export_opts *opts, unsigned int slot,
                  const struct rb_export_place *place, const struct rb_bytes *content,
                  struct rb_tree_builder *tree, struct rb_err *err)
{
	struct rb_buf path = RB_BUF(PATH_MAX_BYTES);
	struct rb_oid oid;
	size_t below;
	int rc = rb_export_path(opts, place, &path, &below, err);

	if (rc == RB_OK)
		rc = rb_export_store(opts, slot, path.data, content, &oid, err);
	if (rc == RB_OK)
		rc = rb_tree_builder_add(tree, place->path, RB_MODE_FILE, &oid, err);
	rb_buf_release(&path);
	return rc;
}

void rb_export_release_table(struct rb_export_table *table)
{
	while (table->first) {
		struct rb_export_chunk *next = table->first->next;

		free(table->first->path);
		free(table->first);
		table->first = next;
	}
	table->last = NULL;
	rb_tree_stream_free(table->rows);
	table->rows = NULL;
	rb_tree_builder_free(table->files);
	table->files = NULL;
	rb_table_digests_free(table->digests);
	table->digests = NULL;
}

static int add_document(struct exporter *ex, const struct rb_export_place *place,
                        const struct rb_buf *text, struct rb_tree_builder *tree, struct rb_err *err)
{
	const struct rb_bytes content = {.data = rb_buf_str(text), .len = text->len};

	return rb_export_add(ex->opts, 0, place, &content, tree, err);
}

/* Read a table, or of it what is not known. */
static int read_table(struct exporter *ex, struct rb_source *source, unsigned int slot,
                      size_t index, struct rb_err *err)
{
	const struct rb_table *table = &ex->out->catalog->tables[index];
	struct rb_export_table *out = &ex->tables[index];
	bool is_done = false;
	int rc = RB_OK;

	if (ex->opts->reuse && ex->opts->reuse->known && table->kind == RB_TABLE_PLAIN)
		rc = rb_export_merge_table(&ex->shared, source, slot, table, ex->paths[index], out,
		                           &is_done, err);
	if (rc < 0 || is_done)
		return rc;
	return rb_export_read_table(&ex->shared, source, slot, table, ex->paths[index], out, err);
}

/* Read tables until there are none left; from either reader. */
static int read_tables(struct exporter *ex, struct rb_source *source, unsigned int slot,
                       struct rb_err *err)
{
	const struct rb_catalog *catalog = ex->out->catalog;
	int rc = RB_OK;

	while (rc == RB_OK) {
		size_t index = atomic_fetch_add(&ex->next, 1);
		struct rb_export_table *table;

		if (index >= catalog->table_count)
			break;
		table = &ex->tables[index];
		if (table->known)
			continue;
		rc = read_table(ex, source, slot, index, &table->why);
		if (rc == RB_E_INCOMPLETE) {
			table->incomplete = true;
			rc = RB_OK;
		} else if (rc < 0) {
			if (err)
				*err = table->why;
			rb_err_wrap(err, rc, "table '%s'", catalog->tables[index].name);
			atomic_store(&ex->shared.stop, true);
		}
	}
	return rc;
}

static void *run_helper(void *arg)
{
	struct helper *helper = arg;

	helper->rc = read_tables(helper->ex, helper->source, helper->slot, &helper->err);
	return NULL;
}

/* Open what the n-th helper reads from; without it the others read more. */
static bool open_helper(struct exporter *ex, struct helper *helper, unsigned int n)
{
	const struct rb_export_opts *opts = ex->opts;
	const struct rb_adapter *adapter = opts->source->adapter;
	struct rb_err why = {0};

	helper->ex = ex;
	helper->slot = opts->workers + 1 + n;
	if (ex->out->catalog->table_count < n + 2)
		return false;
	if (opts->helper) {
		helper->source = n == 0 ? opts->helper : NULL;
		return helper->source != NULL;
	}
	if (n + 1 >= opts->jobs || n + 1 >= RB_EXPORT_JOBS_MAX || !adapter->source_share)
		return false;
	helper->is_ours = adapter->source_share(opts->source, &helper->source, &why) == RB_OK;
	if (!helper->is_ours)
		rb_log(RB_LOG_DEBUG, "one reader less: %s", why.msg);
	return helper->is_ours;
}

static void start_helper(struct helper *helper)
{
	/* Without a thread the others read more. */
	helper->started = rb_thread_start(&helper->thread, run_helper, helper) == 0;
}

/* Wait for a helper; what it failed with is the result, unless others failed before. */
static int end_helper(struct helper *helper, int rc, struct rb_err *err)
{
	if (helper->started)
		pthread_join(helper->thread, NULL);
	if (helper->is_ours)
		helper->source->adapter->source_close(helper->source);
	/* Whoever was stopped by another one has nothing to say. */
	if (helper->rc == RB_OK || (rc != RB_OK && rc != RB_E_CANCELLED))
		return rc;
	if (err)
		*err = helper->err;
	return helper->rc;
}

static int read_all(struct exporter *ex, struct rb_err *err)
{
	struct helper helpers[RB_EXPORT_JOBS_MAX - 1] = {0};
	unsigned int count = 0;
	int rc;

	/* All are opened before one reads: the first is asked to share its snapshot. */
	while (count < RB_EXPORT_JOBS_MAX - 1 && open_helper(ex, &helpers[count], count))
		count++;
	for (unsigned int i = 0; i < count; i++)
		start_helper(&helpers[i]);
	rc = read_tables(ex, ex->opts->source, 0, err);
	for (unsigned int i = 0; i < count; i++)
		rc = end_helper(&helpers[i], rc, err);
	if (rc == RB_OK)
		rc = rb_pool_wait(ex->shared.pool, err);
	return rc;
}

static int note_missing(struct exporter *ex, size_t index, struct rb_err *err)
{
	struct rb_manifest_source *manifest = &ex->out->manifest;
	const char *name = ex->out->catalog->tables[index].name;

	ex->out->incomplete = true;
	manifest->missing[manifest->missing_count] = strdup(name);
	if (!manifest->missing[manifest->missing_count])
		return no_memory(err);
	manifest->missing_count++;
	return rb_catalog_remark(ex->out->catalog, name, true, err, "%s",
	                         ex->tables[index].why.msg);
}

static int add_table_document(struct exporter *ex, size_t index, struct rb_err *err)
{
	const struct rb_export_place place = {.dir = ex->paths[index], .path = "table.json"};
	struct rb_buf text = RB_BUF(DOCUMENT_MAX);
	int rc = rb_table_doc_write(&ex->out->catalog->tables[index], &text, err);

	if (rc == RB_OK)
		rc = add_document(ex, &place, &text, ex->tables[index].files, err);
	rb_buf_release(&text);
	return rc;
}

/* The tree of one table. */
static int build_table(struct exporter *ex, size_t index, struct rb_oid *tree, struct rb_err *err)
{
	struct rb_export_table *table = &ex->tables[index];
	struct rb_oid rows;
	int rc = RB_OK;

	if (table->rows) {
		rc = rb_tree_stream_end(table->rows, 0, &rows, err);
		if (rc == RB_OK)
			rc = rb_tree_builder_add(table->files, "rows", RB_MODE_TREE, &rows, err);
	}
	return rc < 0 ? rc : rb_tree_builder_write(table->files, ex->opts->pack, 0, tree, err);
}

/* Remember the digests of a table that was read, when it is worth it. */
static int keep_digests(struct exporter *ex, size_t index, const struct rb_oid *tree,
                        struct rb_err *err)
{
	struct rb_table_digests *digests = ex->tables[index].digests;

	if (!ex->out->digests || !digests || digests->groups.count < RB_DIGESTS_GROUPS_MIN)
		return RB_OK;
	ex->tables[index].digests = NULL;
	digests->tree = *tree;
	return rb_digests_put(ex->out->digests, ex->out->catalog->tables[index].name, digests, err);
}

/* A table that was read: its document, its tree, its line in the manifest. */
static int settle_table(struct exporter *ex, size_t index, struct rb_tree_builder *root,
                        struct rb_err *err)
{
	struct rb_manifest_source *manifest = &ex->out->manifest;
	struct rb_manifest_table *entry = &manifest->tables[manifest->table_count];
	struct rb_oid *tree = &ex->out->table_trees[manifest->table_count];
	const struct rb_export *known = ex->tables[index].known;
	size_t known_at = ex->tables[index].known_at;
	int rc;

	if (ex->tables[index].incomplete)
		return note_missing(ex, index, err);
	manifest->table_count++;
	entry->name = strdup(ex->out->catalog->tables[index].name);
	entry->path = strdup(ex->paths[index]);
	entry->rows = known ? known->manifest.tables[known_at].rows : ex->tables[index].row_count;
	ex->out->rows += entry->rows;
	ex->out->bytes += ex->tables[index].bytes;
	ex->out->rows_proved += ex->tables[index].rows_proved;
	if (!entry->name || !entry->path)
		return no_memory(err);
	if (known) {
		*tree = known->table_trees[known_at];
		rc = RB_OK;
	} else if (ex->tables[index].is_kept) {
		*tree = ex->tables[index].kept_tree;
		rc = RB_OK;
	} else {
		rc = add_table_document(ex, index, err);
		if (rc == RB_OK)
			rc = build_table(ex, index, tree, err);
	}
	if (rc == RB_OK)
		rc = keep_digests(ex, index, tree, err);
	if (rc == RB_OK)
		rc = rb_tree_builder_add(root, entry->path, RB_MODE_TREE, tree, err);
	rb_export_release_table(&ex->tables[index]);
	return rc;
}

static int export_schema(struct exporter *ex, struct rb_tree_builder *root, struct rb_err *err)
{
	const struct rb_export_place sql = {.dir = "", .path = "schema.sql"};
	const struct rb_export_place json = {.dir = "", .path = "schema.json"};
	struct rb_source *source = ex->opts->source;
	struct rb_buf text = RB_BUF(DOCUMENT_MAX);
	int rc = source->adapter->source_schema_sql(source, ex->out->catalog, &text, err);

	if (rc == RB_OK)
		rc = add_document(ex, &sql, &text, root, err);
	rb_buf_clear(&text);
	if (rc == RB_OK)
		rc = rb_schema_doc_write(ex->out->catalog, &text, err);
	if (rc == RB_OK)
		rc = add_document(ex, &json, &text, root, err);
	rb_buf_release(&text);
	return rc;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All rows are stored: documents and trees. */
static int settle(struct exporter *ex, struct rb_err *err)
{
	struct rb_manifest_source *manifest = &ex->out->manifest;
	struct rb_tree_builder *root = NULL;
	size_t count = ex->out->catalog->table_count;
	int rc = rb_tree_builder_new(&root, err);

	for (size_t i = 0; rc == RB_OK && i < count; i++)
		rc = settle_table(ex, i, root, err);
	if (manifest->missing_count > 1)
		qsort(manifest->missing, manifest->missing_count, sizeof(*manifest->missing),
		      compare_names);
	if (rc == RB_OK)
		rc = export_schema(ex, root, err);
	if (rc == RB_OK)
		rc = rb_tree_builder_write(root, ex->opts->pack, 0, &ex->out->tree, err);
	rb_tree_builder_free(root);
	return rc;
}

/* Whether two tables have the same document, so that equal rows make an equal tree. */
static int same_document(const struct rb_table *a, const struct rb_table *b, bool *out,
                         struct rb_err *err)
{
	struct rb_buf left = RB_BUF(DOCUMENT_MAX);
	struct rb_buf right = RB_BUF(DOCUMENT_MAX);
	int rc = rb_table_doc_write(a, &left, err);

	if (rc == RB_OK)
		rc = rb_table_doc_write(b, &right, err);
	*out = rc == RB_OK && left.len == right.len && memcmp(left.data, right.data, left.len) == 0;
	rb_buf_release(&left);
	rb_buf_release(&right);
	return rc;
}

/* Find the tables that need not be read again, since this export has them. */
static int recognise(struct exporter *ex, const struct rb_export *known, struct rb_err *err)
{
	const struct rb_catalog *catalog = ex->out->catalog;
	int rc = RB_OK;

	for (size_t k = 0; rc == RB_OK && k < known->manifest.table_count; k++) {
		const char *name = known->manifest.tables[k].name;
		const struct rb_table *table = rb_catalog_table(catalog, name);
		const struct rb_table *then = rb_catalog_table(known->catalog, name);
		bool is_same = false;

		if (!table || !then)
			continue;
		rc = same_document(table, then, &is_same, err);
		if (is_same) {
			ex->tables[table - catalog->tables].known = known;
			ex->tables[table - catalog->tables].known_at = k;
		}
	}
	return rc;
}

/* Tables that the catalog could only name are missing, too. */
static int note_unread(struct exporter *ex, struct rb_err *err)
{
	const struct rb_export_opts *opts = ex->opts;
	const struct rb_catalog *catalog = ex->out->catalog;
	struct rb_manifest_source *manifest = &ex->out->manifest;

	for (size_t i = 0; i < catalog->object_count; i++) {
		const struct rb_object *object = &catalog->objects[i];
		bool is_lost = false;

		for (size_t j = 0; j < catalog->remark_count && !is_lost; j++)
			is_lost = catalog->remarks[j].incomplete &&
			          strcmp(catalog->remarks[j].object, object->name) == 0;
		if (!is_lost || strcmp(object->kind, "table") != 0 ||
		    rb_catalog_table(catalog, object->name) ||
		    !rb_select_table(opts->config, object->name, RB_TABLE_PLAIN))
			continue;
		manifest->missing[manifest->missing_count] = strdup(object->name);
		if (!manifest->missing[manifest->missing_count])
			return no_memory(err);
		manifest->missing_count++;
	}
	return RB_OK;
}

static int prepare(struct exporter *ex, struct rb_err *err)
{
	struct rb_source *source = ex->opts->source;
	struct rb_export *out = ex->out;
	size_t room;
	int rc = RB_OK;

	if (!out->catalog)
		rc = source->adapter->source_catalog(source, &out->catalog, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < out->catalog->remark_count; i++)
		out->incomplete |= out->catalog->remarks[i].incomplete;
	rc = rb_export_select(ex->opts, out, err);
	if (rc < 0)
		return rc;
	room = out->catalog->table_count + out->catalog->object_count + 1;
	out->manifest.name = strdup(ex->opts->name);
	out->manifest.engine = strdup(source->adapter->name);
	out->manifest.tables = calloc(room, sizeof(*out->manifest.tables));
	out->manifest.missing = calloc(room, sizeof(*out->manifest.missing));
	out->table_trees = calloc(room, sizeof(*out->table_trees));
	ex->tables = calloc(room, sizeof(*ex->tables));
	if (!out->manifest.name || !out->manifest.engine || !out->manifest.tables ||
	    !out->manifest.missing || !out->table_trees || !ex->tables)
		return no_memory(err);
	rc = out->incomplete ? note_unread(ex, err) : RB_OK;
	if (rc == RB_OK)
		rc = rb_layout_table_paths(out->catalog, &ex->paths, err);
	if (rc == RB_OK && ex->opts->reuse)
		rc = rb_digests_new(&out->digests, err);
	for (size_t i = 0; rc == RB_OK && ex->opts->known && ex->opts->known[i]; i++)
		rc = recognise(ex, ex->opts->known[i], err);
	return rc;
}

static void release(struct exporter *ex)
{
	size_t count = ex->out->catalog ? ex->out->catalog->table_count : 0;

	for (size_t i = 0; ex->tables && i < count; i++)
		rb_export_release_table(&ex->tables[i]);
	rb_layout_free_paths(ex->paths, count);
	free(ex->tables);
}

int rb_export_run(const struct rb_export_opts *opts, struct rb_export *out, struct rb_err *err)
{
	struct exporter ex = {.opts = opts, .out = out, .shared = {.opts = opts}};
	const struct rb_pool_opts pool = {.workers = opts->workers,
	                                  .queue_max = QUEUE_CHUNKS,
	                                  .run = rb_export_run_job,
	                                  .drop = rb_export_drop_job,
	                                  .ctx = &ex.shared};
	int rc;

	memset(out, 0, sizeof(*out));
	out->catalog = opts->catalog;
	if (pthread_mutex_init(&ex.shared.lock, NULL) != 0) {
		rb_export_release(out);
		return no_memory(err);
	}
	rc = rb_pool_new(&pool, &ex.shared.pool, err);
	if (rc == RB_OK)
		rc = prepare(&ex, err);
	if (rc == RB_OK)
		rc = read_all(&ex, err);
	if (rc == RB_OK)
		rc = settle(&ex, err);
	rb_log_progress_end();
	/* The pool first: jobs that wait hold chunks of the tables. */
	rb_pool_free(ex.shared.pool);
	release(&ex);
	pthread_mutex_destroy(&ex.shared.lock);
	if (rc < 0) {
		rb_export_release(out);
		return rb_err_wrap(err, rc, "source '%s'", opts->name);
	}
	return RB_OK;
}

void rb_export_release(struct rb_export *exported)
{
	rb_catalog_free(exported->catalog);
	rb_manifest_source_release(&exported->manifest);
	free(exported->table_trees);
	rb_digests_free(exported->digests);
	memset(exported, 0, sizeof(*exported));
}
