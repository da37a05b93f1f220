/*
 * See rowback/ops/export.h.
 */
#include <stdlib.h>
#include <string.h>

#include "rowback/base/cancel.h"
#include "rowback/base/log.h"
#include "rowback/base/map.h"
#include "rowback/base/pool.h"
#include "rowback/format/chunk.h"
#include "rowback/ops/export.h"
#include "rowback/ops/layout.h"
#include "rowback/repo/tree.h"
#include "rowback/value/key.h"
#include "rowback/value/rowwriter.h"

#define QUEUE_CHUNKS 64 /* about 2 MB of rows wait at most */
#define DOCUMENT_MAX ((size_t)64 << 20)
#define PATH_MAX_BYTES 4096
#define NO_TABLE SIZE_MAX
#define PROGRESS_ROWS 4096 /* rows between looks at the clock and at signals */

/* A file of the export: where it lies and what it is called. */
struct file {
	char *path;       /* from the store's root */
	size_t below_dir; /* where in path the part below its table's directory begins */
	struct rb_oid oid;
	size_t table; /* of manifest.tables; NO_TABLE for the source's own documents */
	struct file *next;
};

/* A chunk on its way through the queue. */
struct job {
	struct rb_chunk chunk;
	struct file *file;
};

struct exporter {
	const struct rb_export_opts *opts;
	struct rb_export *out;
	struct rb_pool *pool;
	struct file *files;
	struct file **files_end;
	/* The table being read. */
	const struct rb_table *table;
	const char *table_path;
	struct rb_rowwriter *writer;
	struct rb_cutter *cutter;
	struct rb_map *blobs; /* long values of this table that are written already */
	size_t *key_positions;
	struct rb_buf key;
	uint64_t rows;
	uint64_t rows_since_look;
};

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory for an export");
}

static void free_files(struct file *file)
{
	while (file) {
		struct file *next = file->next;

		free(file->path);
		free(file);
		file = next;
	}
}

/* Append a file of a table, or of the source when table_path is "". */
static int add_file(struct exporter *ex, const char *table_path, const char *path,
                    struct file **out, struct rb_err *err)
{
	struct file *file = calloc(1, sizeof(*file));
	struct rb_buf full = RB_BUF(PATH_MAX_BYTES);
	int rc;

	if (!file)
		return no_memory(err);
	rc = rb_buf_addf(&full, err, "%s/%s%s", ex->opts->name, table_path, *table_path ? "/" : "");
	file->below_dir = full.len;
	file->table = *table_path ? ex->out->manifest.table_count : NO_TABLE;
	if (rc == RB_OK)
		rc = rb_buf_adds(&full, path, err);
	file->path = rc == RB_OK ? rb_buf_detach(&full) : NULL;
	rb_buf_release(&full);
	if (!file->path) {
		free(file);
		return rc < 0 ? rc : no_memory(err);
	}
	*ex->files_end = file;
	ex->files_end = &file->next;
	*out = file;
	return RB_OK;
}

/* Store one file's bytes: object, pack, working tree. */
static int store(const struct rb_export_opts *opts, unsigned int slot, struct file *file,
                 const void *data, size_t len, struct rb_err *err)
{
	int rc = rb_pack_add(opts->pack, slot, RB_OBJECT_BLOB, data, len, &file->oid, NULL, err);

	if (rc < 0)
		return rc;
	return rb_worktree_put(opts->worktree, file->path, &file->oid, data, len, err);
}

static void drop_job(void *ctx, void *arg)
{
	struct job *job = arg;

	(void)ctx;
	rb_segment_unref(job->chunk.segment);
	free(job->chunk.path);
	free(job);
}

static int run_job(void *ctx, unsigned int worker, void *arg, struct rb_err *err)
{
	struct exporter *ex = ctx;
	struct job *job = arg;
	int rc = store(ex->opts, worker, job->file, job->chunk.data, job->chunk.len, err);

	drop_job(ctx, job);
	return rc;
}

/* The cutter's sink: give the chunk its place, then its work to the queue. */
static int take_chunk(void *ctx, struct rb_chunk *chunk, struct rb_err *err)
{
	struct exporter *ex = ctx;
	struct job *job = calloc(1, sizeof(*job));
	struct rb_buf path = RB_BUF(PATH_MAX_BYTES);
	int rc;

	if (!job) {
		rb_segment_unref(chunk->segment);
		free(chunk->path);
		return no_memory(err);
	}
	job->chunk = *chunk;
	ex->out->bytes += chunk->len;
	rc = rb_buf_addf(&path, err, "rows/%s", chunk->path);
	if (rc == RB_OK)
		rc = add_file(ex, ex->table_path, rb_buf_str(&path), &job->file, err);
	rb_buf_release(&path);
	if (rc < 0) {
		drop_job(ex, job);
		return rc;
	}
	return rb_pool_put(ex->pool, job, err);
}

static int store_parts(struct exporter *ex, const char *sha256_hex, const char *data, size_t len,
                       struct rb_err *err)
{
	size_t parts = rb_layout_blob_parts(len);
	struct rb_buf path = RB_BUF(PATH_MAX_BYTES);
	int rc = RB_OK;

	for (size_t part = 0; rc == RB_OK && part < parts; part++) {
		size_t from = part * RB_PART_MAX;
		size_t size = len - from < RB_PART_MAX ? len - from : RB_PART_MAX;
		struct file *file = NULL;

		rb_buf_clear(&path);
		rc = rb_layout_blob_path(sha256_hex, len, part, &path, err);
		if (rc == RB_OK)
			rc = add_file(ex, ex->table_path, rb_buf_str(&path), &file, err);
		if (rc == RB_OK)
			rc = store(ex->opts, 0, file, data + from, size, err);
	}
	rb_buf_release(&path);
	return rc;
}

/* The row writer's sink.  Runs in the reader's thread, which is slot 0. */
static int take_blob(void *ctx, const void *data, size_t len, char sha256_hex[65],
                     struct rb_err *err)
{
	struct exporter *ex = ctx;
	int rc = rb_sha256_hex(data, len, sha256_hex, err);

	if (rc < 0 || rb_map_get(ex->blobs, sha256_hex, 64))
		return rc;
	rc = store_parts(ex, sha256_hex, data, len, err);
	return rc < 0 ? rc : rb_map_put(ex->blobs, sha256_hex, 64, NULL, err);
}

static int look_around(struct exporter *ex, struct rb_err *err)
{
	ex->rows_since_look = 0;
	rb_log_progress("%s: %llu rows, %llu MB", ex->opts->name,
	                (unsigned long long)(ex->out->rows + ex->rows),
	                (unsigned long long)(ex->out->bytes / 1000000));
	return rb_cancel_check(err);
}

/* The adapter's sink: one row. */
static int take_row(void *ctx, const struct rb_value *values, struct rb_err *err)
{
	struct exporter *ex = ctx;
	int rc;

	if (++ex->rows_since_look >= PROGRESS_ROWS) {
		rc = look_around(ex, err);
		if (rc < 0)
			return rc;
	}
	rc = rb_rowwriter_add(ex->writer, values, rb_cutter_line(ex->cutter), err);
	if (rc < 0)
		return rc;
	rb_buf_clear(&ex->key);
	rc = rb_key_of_row(values, ex->key_positions, ex->table->key_count, &ex->key, err);
	if (rc < 0)
		return rc;
	ex->rows++;
	return rb_cutter_row(ex->cutter, ex->key.data, ex->key.len, err);
}

static int begin_table(struct exporter *ex, const struct rb_table *table, const char *path,
                       const struct rb_blob_sink *blobs, struct rb_err *err)
{
	const struct rb_chunk_sink chunks = {.put = take_chunk, .ctx = ex};
	int rc;

	ex->table = table;
	ex->table_path = path;
	ex->rows = 0;
	ex->key_positions = calloc(table->key_count + 1, sizeof(*ex->key_positions));
	if (!ex->key_positions)
		return no_memory(err);
	rb_table_key_positions(table, ex->key_positions);
	rc = rb_rowwriter_new(table, blobs, &ex->writer, err);
	if (rc == RB_OK)
		rc = rb_cutter_new(table->key_count, &chunks, &ex->cutter, err);
	if (rc == RB_OK)
		rc = rb_map_new(0, &ex->blobs, err);
	return rc;
}

static void end_table(struct exporter *ex)
{
	rb_rowwriter_free(ex->writer);
	rb_cutter_free(ex->cutter);
	rb_map_free(ex->blobs);
	free(ex->key_positions);
	ex->writer = NULL;
	ex->cutter = NULL;
	ex->blobs = NULL;
	ex->key_positions = NULL;
}

/* Read all rows of a table; its chunks are in the list or the queue afterwards. */
static int read_table(struct exporter *ex, const struct rb_table *table, const char *path,
                      struct rb_err *err)
{
	const struct rb_blob_sink blobs = {.put = take_blob, .ctx = ex};
	const struct rb_row_sink rows = {.row = take_row, .ctx = ex};
	int rc = begin_table(ex, table, path, &blobs, err);

	if (rc == RB_OK)
		rc = ex->opts->source->adapter->source_read(ex->opts->source, table, &rows, err);
	if (rc == RB_OK)
		rc = rb_cutter_finish(ex->cutter, err);
	end_table(ex);
	return rc;
}

static int add_document(struct exporter *ex, const char *dir, const char *name,
                        const struct rb_buf *text, struct rb_err *err)
{
	struct file *file = NULL;
	int rc = add_file(ex, dir, name, &file, err);

	return rc < 0 ? rc : store(ex->opts, 0, file, rb_buf_str(text), text->len, err);
}

static int add_table_document(struct exporter *ex, const struct rb_table *table, const char *path,
                              struct rb_err *err)
{
	struct rb_buf text = RB_BUF(DOCUMENT_MAX);
	int rc = rb_table_doc_write(table, &text, err);

	if (rc == RB_OK)
		rc = add_document(ex, path, "table.json", &text, err);
	rb_buf_release(&text);
	return rc;
}

/* Note a table that cannot be read, and take its files back out of the list. */
static int leave_out(struct exporter *ex, const struct rb_table *table, struct file **mark,
                     const struct rb_err *why, struct rb_err *err)
{
	struct rb_manifest_source *manifest = &ex->out->manifest;
	int rc = rb_pool_wait(ex->pool, err); /* nobody may still hold one of them */

	if (rc < 0)
		return rc;
	free_files(*mark);
	*mark = NULL;
	ex->files_end = mark;
	ex->out->incomplete = true;
	manifest->missing[manifest->missing_count] = strdup(table->name);
	if (!manifest->missing[manifest->missing_count])
		return no_memory(err);
	manifest->missing_count++;
	return rb_catalog_remark(ex->out->catalog, table->name, true, err, "%s", why->msg);
}

static int export_table(struct exporter *ex, const struct rb_table *table, const char *path,
                        struct rb_err *err)
{
	struct rb_manifest_source *manifest = &ex->out->manifest;
	struct rb_manifest_table *entry = &manifest->tables[manifest->table_count];
	struct file **mark = ex->files_end;
	struct rb_err why = {0};
	int rc = read_table(ex, table, path, &why);

	if (rc == RB_E_INCOMPLETE)
		return leave_out(ex, table, mark, &why, err);
	if (rc < 0) {
		if (err)
			*err = why;
		return rb_err_wrap(err, rc, "table '%s'", table->name);
	}
	entry->name = strdup(table->name);
	entry->path = strdup(path);
	entry->rows = ex->rows;
	ex->out->rows += ex->rows;
	rc = add_table_document(ex, table, path, err);
	manifest->table_count++;
	if (rc == RB_OK && (!entry->name || !entry->path))
		rc = no_memory(err);
	return rc;
}

static int export_schema(struct exporter *ex, struct rb_err *err)
{
	struct rb_source *source = ex->opts->source;
	struct rb_buf text = RB_BUF(DOCUMENT_MAX);
	int rc = source->adapter->source_schema_sql(source, ex->out->catalog, &text, err);

	if (rc == RB_OK)
		rc = add_document(ex, "", "schema.sql", &text, err);
	rb_buf_clear(&text);
	if (rc == RB_OK)
		rc = rb_schema_doc_write(ex->out->catalog, &text, err);
	if (rc == RB_OK)
		rc = add_document(ex, "", "schema.json", &text, err);
	rb_buf_release(&text);
	return rc;
}

static int export_tables(struct exporter *ex, struct rb_err *err)
{
	struct rb_catalog *catalog = ex->out->catalog;
	char **paths = NULL;
	int rc = rb_layout_table_paths(catalog, &paths, err);

	if (rc < 0)
		return rc;
	ex->out->manifest.tables =
	        calloc(catalog->table_count + 1, sizeof(struct rb_manifest_table));
	ex->out->manifest.missing = calloc(catalog->table_count + 1, sizeof(char *));
	ex->out->table_trees = calloc(catalog->table_count + 1, sizeof(struct rb_oid));
	if (!ex->out->manifest.tables || !ex->out->manifest.missing || !ex->out->table_trees)
		rc = no_memory(err);
	for (size_t i = 0; rc == RB_OK && i < catalog->table_count; i++)
		rc = export_table(ex, &catalog->tables[i], paths[i], err);
	rb_layout_free_paths(paths, catalog->table_count);
	return rc;
}

/* The tree of one table: its files stand together in the list. */
static int build_table(struct exporter *ex, const struct file **at, struct rb_tree_builder *root,
                       struct rb_err *err)
{
	size_t table = (*at)->table;
	struct rb_oid *tree = &ex->out->table_trees[table];
	struct rb_tree_builder *builder = NULL;
	int rc = rb_tree_builder_new(&builder, err);

	for (; rc == RB_OK && *at && (*at)->table == table; *at = (*at)->next)
		rc = rb_tree_builder_add(builder, (*at)->path + (*at)->below_dir, RB_MODE_FILE,
		                         &(*at)->oid, err);
	if (rc == RB_OK)
		rc = rb_tree_builder_write(builder, ex->opts->pack, 0, tree, err);
	if (rc == RB_OK)
		rc = rb_tree_builder_add(root, ex->out->manifest.tables[table].path, RB_MODE_TREE,
		                         tree, err);
	rb_tree_builder_free(builder);
	return rc;
}

/* All objects are there: name them by a tree. */
static int build_tree(struct exporter *ex, struct rb_err *err)
{
	struct rb_tree_builder *root = NULL;
	const struct file *at = ex->files;
	int rc = rb_tree_builder_new(&root, err);

	while (rc == RB_OK && at) {
		if (at->table != NO_TABLE) {
			rc = build_table(ex, &at, root, err);
			continue;
		}
		rc = rb_tree_builder_add(root, at->path + at->below_dir, RB_MODE_FILE, &at->oid,
		                         err);
		at = at->next;
	}
	if (rc == RB_OK)
		rc = rb_tree_builder_write(root, ex->opts->pack, 0, &ex->out->tree, err);
	rb_tree_builder_free(root);
	return rc;
}

static bool is_left_out(const struct rb_export_opts *opts, const char *table)
{
	if (opts->config && rb_config_excludes(opts->config, table))
		return true;
	return opts->tables_of && !rb_catalog_table(opts->tables_of, table);
}

/* Tables that are left out go from the list; their definitions stay. */
static void apply_excludes(const struct rb_export_opts *opts, struct rb_catalog *catalog)
{
	size_t kept = 0;

	for (size_t i = 0; i < catalog->table_count; i++) {
		if (is_left_out(opts, catalog->tables[i].name)) {
			rb_table_release(&catalog->tables[i]);
			continue;
		}
		if (kept != i) {
			catalog->tables[kept] = catalog->tables[i];
			memset(&catalog->tables[i], 0, sizeof(catalog->tables[i]));
		}
		kept++;
	}
	catalog->table_count = kept;
}

static int run(struct exporter *ex, struct rb_err *err)
{
	struct rb_source *source = ex->opts->source;
	struct rb_export *out = ex->out;
	int rc = source->adapter->source_catalog(source, &out->catalog, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < out->catalog->remark_count; i++)
		out->incomplete |= out->catalog->remarks[i].incomplete;
	apply_excludes(ex->opts, out->catalog);
	out->manifest.name = strdup(ex->opts->name);
	out->manifest.engine = strdup(source->adapter->name);
	if (!out->manifest.name || !out->manifest.engine)
		return no_memory(err);
	rc = export_tables(ex, err);
	if (rc == RB_OK)
		rc = export_schema(ex, err);
	if (rc == RB_OK)
		rc = rb_pool_wait(ex->pool, err);
	if (rc == RB_OK)
		rc = build_tree(ex, err);
	return rc;
}

int rb_export_run(const struct rb_export_opts *opts, struct rb_export *out, struct rb_err *err)
{
	struct exporter ex = {.opts = opts, .out = out};
	const struct rb_pool_opts pool = {.workers = opts->workers,
	                                  .queue_max = QUEUE_CHUNKS,
	                                  .run = run_job,
	                                  .drop = drop_job,
	                                  .ctx = &ex};
	int rc;

	memset(out, 0, sizeof(*out));
	ex.files_end = &ex.files;
	rb_buf_init(&ex.key, (size_t)1 << 30);
	rc = rb_pool_new(&pool, &ex.pool, err);
	if (rc == RB_OK)
		rc = run(&ex, err);
	rb_log_progress_end();
	rb_pool_free(ex.pool);
	free_files(ex.files);
	rb_buf_release(&ex.key);
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
	memset(exported, 0, sizeof(*exported));
}
