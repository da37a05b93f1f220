/*
 * See export_priv.h: a table of which only some rows are read.
 *
 * The server's digests of groups are held against those of the rows in the backup before.  Rows of
 * equal groups come from there, the others by one COPY, and both in the order of keys go the way
 * that all rows go, so that the tree is what reading all would give.  Chunks between two rows that
 * begin a segment by themselves, with nothing but such rows, are the same again and are not even
 * looked into; in a table with long values every row is, for the files of those.
 */
#include <stdlib.h>
#include <string.h>

#include "rowback/base/log.h"
#include "rowback/format/documents.h"
#include "rowback/ops/snapshot.h"
#include "rowback/repo/tree.h"
#include "rowback/value/key.h"
#include "export_priv.h"

#define DOCUMENT_MAX ((size_t)64 << 20)

/* Ranges that one statement reads: 2 MB of it. */
#define RANGES_MAX 50000

/* Old rows of a table. */
struct old_rows {
	struct rb_snapshot snapshot; /* of this table alone */
	struct rb_catalog catalog;
	struct rb_snapshot_table table;
	struct rb_chunk_list list;         /* in the order of rows */
	const struct rb_chunk_note *notes; /* of each chunk */
	uint64_t *starts;                  /* rows before each chunk, and all rows */
	bool has_files;                    /* long values lie in files */
};

/* A table being put together. */
struct merge {
	struct rb_export_reader reader;
	struct rb_source *source;
	const struct rb_table_digests *known;
	struct rb_groups fresh; /* what the server says now */
	struct rb_runs runs;
	struct rb_row_range *ranges; /* of the rows to be read */
	size_t range_count;
	struct old_rows old;
	size_t at;       /* the run that is under way */
	uint64_t read;   /* rows of it that were read */
	uint64_t old_at; /* rows of the old table that are done with */
};

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory for an export");
}

static int take_group(void *ctx, const struct rb_group *group, struct rb_err *err)
{
	return rb_groups_add(ctx, group, err);
}

/* Whether the table's document is the one that its tree has. */
static int same_document(struct merge *m, const struct rb_oid *tree, bool *out, struct rb_err *err)
{
	struct rb_repo *repo = m->reader.shared->opts->reuse->repo;
	struct rb_buf text = RB_BUF(DOCUMENT_MAX);
	struct rb_oid then;
	struct rb_oid now;
	uint32_t mode = 0;
	int rc = rb_table_doc_write(m->reader.table, &text, err);

	if (rc == RB_OK)
		rc = rb_object_id(RB_OBJECT_BLOB, text.data, text.len, &now, err);
	if (rc == RB_OK)
		rc = rb_tree_find(repo, tree, "table.json", &then, &mode, err);
	*out = rc == RB_OK && rb_oid_equal(&then, &now);
	rb_buf_release(&text);
	return rc;
}

/* Whether the digests known are of the rows that the backup before has. */
static int find_known(struct merge *m, bool *out, struct rb_err *err)
{
	const struct rb_export_reuse *reuse = m->reader.shared->opts->reuse;
	struct rb_oid tree;
	uint32_t mode = 0;
	int rc;

	*out = false;
	m->known = rb_digests_get(reuse->known, m->reader.table->name);
	if (!m->known)
		return RB_OK;
	rc = rb_tree_find(reuse->repo, &reuse->tree, m->reader.table_path, &tree, &mode, err);
	if (rc == RB_OK && rb_oid_equal(&tree, &m->known->tree))
		rc = same_document(m, &tree, out, err);
	return rc;
}

/* What a walk over the table's old tree finds. */
struct look {
	struct merge *merge;
	struct rb_chunk_list found; /* chunks, as the tree has them */
};

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 && path[len] == '/';
}

static int look_at(void *ctx, const struct rb_tree_entry *entry, struct rb_err *err)
{
	struct look *look = ctx;
	struct merge *m = look->merge;

	if (!rb_repo_has(m->reader.shared->opts->reuse->repo, &entry->oid))
		return rb_err_set(err, RB_E_NOTFOUND, "the store lacks '%s'", entry->path);
	m->old.has_files |= is_below(entry->path, "blobs");
	if (!is_below(entry->path, "rows"))
		return RB_OK;
	return rb_chunk_list_add(&look->found, entry->path + sizeof("rows"), &entry->oid, err);
}

struct hashed {
	uint64_t hash;
	size_t index;
};

static int compare_hashed(const void *a, const void *b)
{
	const struct hashed *left = a;
	const struct hashed *right = b;

	return (left->hash > right->hash) - (left->hash < right->hash);
}

/* Names that were cut do not give the order of chunks: the notes do. */
static int order_chunks(struct merge *m, const struct rb_chunk_list *found, struct rb_err *err)
{
	size_t count = m->known->chunk_count;
	struct hashed *hashed = calloc(count + 1, sizeof(*hashed));
	struct rb_chunk_list *list = &m->old.list;
	int rc = RB_OK;

	m->old.starts = calloc(count + 1, sizeof(*m->old.starts));
	if (!hashed || !m->old.starts) {
		free(hashed);
		return no_memory(err);
	}
	for (size_t i = 0; found->count == count && i < count; i++)
		hashed[i] = (struct hashed){
		        .hash = rb_key_hash(found->paths[i], strlen(found->paths[i])), .index = i};
	if (count > 1)
		qsort(hashed, count, sizeof(*hashed), compare_hashed);
	if (found->count != count)
		rc = rb_err_set(err, RB_E_MISMATCH, "%zu chunks, not %zu", found->count, count);
	for (size_t i = 0; rc == RB_OK && i < count; i++) {
		const struct hashed wanted = {.hash = m->known->chunks[i].path_hash};
		const struct hashed *at =
		        bsearch(&wanted, hashed, count, sizeof(*hashed), compare_hashed);

		rc = at ? rb_chunk_list_add(list, found->paths[at->index], &found->oids[at->index],
		                            err)
		        : rb_err_set(err, RB_E_MISMATCH, "a chunk is not where it was");
		m->old.starts[i + 1] = m->old.starts[i] + m->known->chunks[i].rows;
	}
	free(hashed);
	return rc;
}

/* Look at all that the table has in the backup before: it has to be there. */
static int look_at_old(struct merge *m, struct rb_err *err)
{
	struct rb_repo *repo = m->reader.shared->opts->reuse->repo;
	struct look look = {.merge = m};
	int rc = rb_tree_walk(repo, &m->known->tree, look_at, &look, err);

	if (rc == RB_OK)
		rc = order_chunks(m, &look.found, err);
	rb_chunk_list_release(&look.found);
	m->old.notes = m->known->chunks;
	/* Both documents are the same: this table is that one. */
	m->old.catalog.tables = calloc(1, sizeof(*m->old.catalog.tables));
	if (rc == RB_OK && !m->old.catalog.tables)
		rc = no_memory(err);
	if (rc < 0)
		return rc;
	m->old.catalog.tables[0] = *m->reader.table;
	m->old.catalog.table_count = 1;
	m->old.table.tree = m->known->tree;
	m->old.snapshot.repo = repo;
	m->old.snapshot.catalog = &m->old.catalog;
	m->old.snapshot.tables = &m->old.table;
	return RB_OK;
}

/* The places of the rows that have to be read. */
static int list_ranges(struct merge *m, struct rb_err *err)
{
	uint64_t row = 0;

	m->ranges = calloc(m->runs.count + 1, sizeof(*m->ranges));
	if (!m->ranges)
		return no_memory(err);
	for (size_t i = 0; i < m->runs.count; i++) {
		const struct rb_run *run = &m->runs.list[i];

		if (run->kind == RB_RUN_READ)
			m->ranges[m->range_count++] =
			        (struct rb_row_range){.from = row, .to = row + run->rows};
		if (run->kind != RB_RUN_DROP)
			row += run->rows;
	}
	return RB_OK;
}

/* The first chunk that begins at a row or behind it; the list's count when none does. */
static size_t chunk_from(const struct old_rows *old, uint64_t row)
{
	size_t low = 0;
	size_t high = old->list.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (old->starts[middle] < row)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Take lines [from, to) of the old rows. */
static int copy_lines(struct merge *m, uint64_t from, uint64_t to, struct rb_err *err)
{
	struct old_rows *old = &m->old;
	struct rb_chunk_list slice = {0};
	struct rb_rows_opts opts = {.snapshot = &old->snapshot, .chunks = &slice, .in_order = true};
	struct rb_rows *rows = NULL;
	struct rb_row row;
	uint64_t at;
	size_t first = chunk_from(old, from);
	size_t last = chunk_from(old, to);
	int rc;

	if (from == to)
		return RB_OK;
	if (first == old->list.count || old->starts[first] > from)
		first--;
	slice.paths = old->list.paths + first;
	slice.oids = old->list.oids + first;
	slice.count = last - first;
	opts.read_ahead = slice.count > 8;
	at = old->starts[first];
	rc = rb_rows_open(&opts, &rows, err);
	for (; rc == RB_OK && at < to; at++) {
		int got = rb_rows_next(rows, &row, err);

		if (got <= 0) {
			rc = got < 0 ? got : rb_err_set(err, RB_E_MISMATCH, "old rows are missing");
			break;
		}
		if (at < from)
			continue;
		rc = rb_rows_parse(rows, &row, err);
		if (rc == RB_OK)
			rc = old->has_files ? rb_export_reader_row(&m->reader, row.values, err)
			                    : rb_export_reader_line(&m->reader, row.line,
			                                            row.line_len, row.values, err);
	}
	rb_rows_close(rows);
	return rc;
}

static int pass_chunk(struct merge *m, size_t index, struct rb_err *err)
{
	const struct rb_chunk_note *note = &m->old.notes[index];
	const char *path = m->old.list.paths[index];
	const char *slash = strrchr(path, '/');
	const struct rb_chunk_known chunk = {.name = slash ? slash + 1 : path, .rank = note->rank};

	return rb_export_reader_pass(&m->reader, &chunk, note, &m->old.list.oids[index], err);
}

/* Whether what the old table has from a chunk on is cut as it was, whatever comes before it. */
static bool is_border(const struct merge *m, size_t chunk)
{
	const struct old_rows *old = &m->old;

	/* The table's own ends are borders. */
	if (chunk == old->list.count)
		return m->at + 1 == m->runs.count;
	return old->notes[chunk].begins_segment || (chunk == 0 && m->reader.out->row_count == 0);
}

/*
 * The whole segments in rows [from, to): from the chunk that begins the first one to that which
 * ends the last one, which has a row among them, too.  So has what comes before the first: that
 * the keys are in order is seen where rows of both kinds meet.
 */
static void find_segments(const struct merge *m, uint64_t from, uint64_t to, size_t *first,
                          size_t *last)
{
	const struct old_rows *old = &m->old;
	size_t count = old->list.count;

	*first = count;
	*last = 0;
	if (old->has_files || m->reader.table->key_may_repeat)
		return;
	for (size_t i = chunk_from(old, from); i <= count && old->starts[i] <= to; i++) {
		bool meets =
		        (i > 0 && old->starts[i] == from) || (i < count && old->starts[i] == to);

		if (meets || !is_border(m, i))
			continue;
		if (*first == count)
			*first = i;
		*last = i;
	}
}

/* Rows that are as they were. */
static int keep_rows(struct merge *m, uint64_t rows, struct rb_err *err)
{
	const uint64_t *starts = m->old.starts;
	uint64_t from = m->old_at;
	uint64_t to = from + rows;
	size_t first;
	size_t last;
	int rc;

	if (to > starts[m->old.list.count])
		return rb_err_set(err, RB_E_MISMATCH, "there are fewer old rows than digests say");
	find_segments(m, from, to, &first, &last);
	if (first >= last)
		return copy_lines(m, from, to, err);
	rc = copy_lines(m, from, starts[first], err);
	for (size_t i = first; i < last && rc == RB_OK; i++)
		rc = pass_chunk(m, i, err);
	return rc < 0 ? rc : copy_lines(m, starts[last], to, err);
}

/* What comes before the next row that is read. */
static int advance(struct merge *m, struct rb_err *err)
{
	struct rb_table_digests *made = m->reader.out->digests;
	int rc = RB_OK;

	while (rc == RB_OK && m->at < m->runs.count) {
		const struct rb_run *run = &m->runs.list[m->at];

		if (run->kind == RB_RUN_READ && m->read < run->rows)
			break;
		if (run->kind == RB_RUN_READ)
			rc = made ? rb_grouper_cut(m->reader.grouper, &made->groups, err) : RB_OK;
		if (run->kind == RB_RUN_KEEP)
			rc = keep_rows(m, run->rows, err);
		for (size_t i = 0;
		     rc == RB_OK && made && run->kind == RB_RUN_KEEP && i < run->count; i++)
			rc = rb_groups_add(&made->groups, &m->fresh.list[run->first + i], err);
		if (run->kind != RB_RUN_READ)
			m->old_at += run->rows;
		m->read = 0;
		m->at++;
	}
	return rc;
}

/* The sink of rows that are read: a row's text comes first. */
static int take_text(void *ctx, const char *text, size_t len, struct rb_err *err)
{
	struct merge *m = ctx;
	int rc = advance(m, err);

	if (rc == RB_OK && m->at == m->runs.count)
		rc = rb_err_set(err, RB_E_MISMATCH, "there are more rows than digests say");
	return rc < 0 ? rc : rb_export_reader_text(&m->reader, text, len, err);
}

static int take_row(void *ctx, const struct rb_value *values, struct rb_err *err)
{
	struct merge *m = ctx;

	m->read++;
	return rb_export_reader_row(&m->reader, values, err);
}

/* Both kinds of rows, one after the other. */
static int merge_rows(struct merge *m, struct rb_err *err)
{
	const struct rb_row_sink sink = {.row = take_row, .text = take_text, .ctx = m};
	int rc = rb_export_reader_begin(&m->reader, err);

	if (rc == RB_OK && m->range_count > 0)
		rc = m->source->adapter->source_read_ranges(m->source, m->reader.table, m->ranges,
		                                            m->range_count, &sink, err);
	if (rc == RB_OK)
		rc = advance(m, err);
	if (rc == RB_OK && (m->at < m->runs.count || m->reader.out->row_count != m->fresh.rows))
		rc = rb_err_set(err, RB_E_MISMATCH, "there are fewer rows than digests say");
	return rc < 0 ? rc : rb_export_reader_end(&m->reader, err);
}

/* A file of a table that is kept whole. */
static int keep_file(void *ctx, const struct rb_tree_entry *entry, struct rb_err *err)
{
	struct merge *m = ctx;
	const struct rb_export_opts *opts = m->reader.shared->opts;
	const struct rb_export_place place = {.dir = m->reader.table_path, .path = entry->path};
	struct rb_buf path = RB_BUF(4096);
	size_t below;
	int rc = rb_export_path(opts, &place, &path, &below, err);

	if (rc == RB_OK)
		rc = rb_worktree_put_object(opts->worktree, rb_buf_str(&path), &entry->oid, err);
	rb_buf_release(&path);
	return rc;
}

/* No row is another: the table is what it was. */
static int keep_table(struct merge *m, struct rb_err *err)
{
	struct rb_export_table *out = m->reader.out;
	const struct rb_table_digests *known = m->known;
	int rc = RB_OK;

	out->digests = rb_table_digests_new();
	if (!out->digests)
		return no_memory(err);
	out->digests->groups = m->fresh;
	memset(&m->fresh, 0, sizeof(m->fresh));
	for (size_t i = 0; i < known->chunk_count && rc == RB_OK; i++)
		rc = rb_table_digests_chunk(out->digests, &known->chunks[i], err);
	out->row_count = out->digests->groups.rows;
	out->kept_tree = known->tree;
	out->is_kept = true;
	if (rc == RB_OK && m->reader.shared->opts->worktree)
		rc = rb_tree_walk(m->reader.shared->opts->reuse->repo, &known->tree, keep_file, m,
		                  err);
	return rc;
}

/* Find out what is to be read; *is_worth stays false when that is all, or nobody can tell. */
static int plan(struct merge *m, bool *is_worth, struct rb_err *err)
{
	const struct rb_group_sink sink = {.group = take_group, .ctx = &m->fresh};
	bool is_known = false;
	int rc = find_known(m, &is_known, err);

	*is_worth = false;
	if (rc < 0 || !is_known)
		return rc;
	rc = look_at_old(m, err);
	if (rc == RB_OK)
		rc = m->source->adapter->source_groups(m->source, m->reader.table, &sink, err);
	if (rc == RB_OK)
		rc = rb_groups_match(&m->known->groups, &m->fresh, &m->runs, err);
	if (rc == RB_OK)
		rc = list_ranges(m, err);
	*is_worth = rc == RB_OK && m->range_count <= RANGES_MAX &&
	            m->runs.rows[RB_RUN_READ] <= m->runs.rows[RB_RUN_KEEP];
	return rc;
}

static void release(struct merge *m)
{
	rb_export_reader_release(&m->reader);
	rb_groups_release(&m->fresh);
	rb_runs_release(&m->runs);
	rb_chunk_list_release(&m->old.list);
	free(m->old.starts);
	free(m->old.catalog.tables);
	free(m->ranges);
}

/* A failure that says nothing against the rows that were remembered. */
static bool is_of_the_run(int rc)
{
	return rc == RB_E_CANCELLED || rc == RB_E_NOMEM || rc == RB_E_IO || rc == RB_E_UNREACHABLE;
}

int rb_export_merge_table(struct rb_export_shared *shared, struct rb_source *source,
                          unsigned int slot, const struct rb_table *table, const char *path,
                          struct rb_export_table *out, bool *is_done, struct rb_err *err)
{
	struct merge m = {.reader = {.shared = shared,
	                             .slot = slot,
	                             .table = table,
	                             .table_path = path,
	                             .out = out},
	                  .source = source};
	struct rb_err why = {0};
	bool is_worth = false;
	int rc = plan(&m, &is_worth, &why);

	*is_done = false;
	if (rc < 0 && rc != RB_E_CANCELLED)
		rb_log(RB_LOG_DEBUG, "all of table '%s' is read: %s", table->name, why.msg);
	if ((rc < 0 && rc != RB_E_CANCELLED) || (rc == RB_OK && !is_worth)) {
		release(&m);
		return RB_OK;
	}
	if (rc == RB_OK) {
		rc = m.runs.rows[RB_RUN_READ] + m.runs.rows[RB_RUN_DROP] == 0
		             ? keep_table(&m, &why)
		             : merge_rows(&m, &why);
		if (rc < 0 && !is_of_the_run(rc)) {
			atomic_store(&shared->opts->reuse->is_doubted, true);
			rc = rb_err_wrap(&why, RB_E_MISMATCH, "what is remembered does not fit");
		}
	}
	out->rows_proved = m.runs.rows[RB_RUN_KEEP];
	release(&m);
	*is_done = true;
	if (rc < 0 && err)
		*err = why;
	return rc;
}
