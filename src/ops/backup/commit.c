/*
 * See commit_priv.h.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowback/base/log.h"
#include "rowback/base/time.h"
#include "rowback/format/event.h"
#include "rowback/ops/history.h"
#include "rowback/ops/snapshot.h"
#include "rowback/repo/commit.h"
#include "rowback/repo/tree.h"
#include "commit_priv.h"

#define DOCUMENT_MAX ((size_t)64 << 20)
/* Ids of backups that follow at once are ahead of the clock by moments. */
#define AHEAD_MAX_S 300

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory for a commit");
}

/* What the new root keeps of the old one. */
struct keeper {
	struct rb_tree_builder *builder;
	const struct rb_manifest *old_manifest;
};

const char *const rb_root_files[] = {"rowback.json", "RESTORE.md", ".gitattributes", NULL};

static bool is_fixed(const char *name)
{
	for (size_t i = 0; rb_root_files[i]; i++) {
		if (strcmp(name, rb_root_files[i]) == 0)
			return true;
	}
	return false;
}

static int keep_entry(void *ctx, const struct rb_tree_entry *entry, struct rb_err *err)
{
	struct keeper *keeper = ctx;

	if (is_fixed(entry->path) || rb_manifest_source(keeper->old_manifest, entry->path))
		return RB_OK;
	return rb_tree_builder_add(keeper->builder, entry->path, entry->mode, &entry->oid, err);
}

static int keep_others(struct rb_store *store, const struct rb_oid *old_root,
                       struct rb_tree_builder *builder, struct rb_err *err)
{
	struct rb_manifest manifest = {0};
	struct keeper keeper = {.builder = builder, .old_manifest = &manifest};
	int rc;

	if (rb_oid_is_none(old_root))
		return RB_OK;
	rc = rb_snapshot_manifest(store->repo, old_root, &manifest, err);
	if (rc == RB_E_NOTFOUND)
		rc = RB_OK;
	if (rc == RB_OK)
		rc = rb_tree_list(store->repo, old_root, keep_entry, &keeper, err);
	rb_manifest_release(&manifest);
	return rc;
}

/* One file at the root: object, tree entry, working tree. */
static int add_root_file(struct rb_pack *pack, struct rb_worktree *worktree,
                         struct rb_tree_builder *builder, const char *name,
                         const struct rb_buf *text, struct rb_err *err)
{
	struct rb_oid oid;
	int rc = rb_pack_add(pack, 0, RB_OBJECT_BLOB, rb_buf_str(text), text->len, &oid, NULL, err);

	if (rc == RB_OK)
		rc = rb_tree_builder_add(builder, name, RB_MODE_FILE, &oid, err);
	if (rc == RB_OK)
		rc = rb_worktree_put(worktree, name, &oid, rb_buf_str(text), text->len, err);
	return rc;
}

static int add_documents(struct rb_pack *pack, struct rb_worktree *worktree,
                         struct rb_tree_builder *builder, const struct rb_manifest *manifest,
                         struct rb_err *err)
{
	struct rb_buf text = RB_BUF(DOCUMENT_MAX);
	int rc = rb_manifest_write(manifest, &text, err);

	if (rc == RB_OK)
		rc = add_root_file(pack, worktree, builder, "rowback.json", &text, err);
	rb_buf_clear(&text);
	if (rc == RB_OK)
		rc = rb_buf_adds(&text, rb_restore_md(), err);
	if (rc == RB_OK)
		rc = add_root_file(pack, worktree, builder, "RESTORE.md", &text, err);
	rb_buf_clear(&text);
	if (rc == RB_OK)
		rc = rb_buf_adds(&text, rb_gitattributes(), err);
	if (rc == RB_OK)
		rc = add_root_file(pack, worktree, builder, ".gitattributes", &text, err);
	rb_buf_release(&text);
	return rc;
}

int rb_root_build(struct rb_store *store, struct rb_pack *pack, struct rb_worktree *worktree,
                  const struct rb_oid *old_root, const struct rb_root_source *sources,
                  size_t source_count, struct rb_oid *out, struct rb_err *err)
{
	struct rb_tree_builder *builder = NULL;
	struct rb_manifest manifest = {0};
	int rc = rb_tree_builder_new(&builder, err);

	if (rc == RB_OK)
		rc = keep_others(store, old_root, builder, err);
	if (rc < 0)
		goto out;
	manifest.sources = calloc(source_count + 1, sizeof(*manifest.sources));
	if (!manifest.sources) {
		rc = no_memory(err);
		goto out;
	}
	for (size_t i = 0; rc == RB_OK && i < source_count; i++) {
		manifest.sources[manifest.source_count++] = *sources[i].manifest;
		rc = rb_tree_builder_add(builder, sources[i].manifest->name, RB_MODE_TREE,
		                         &sources[i].tree, err);
	}
	if (rc == RB_OK)
		rc = add_documents(pack, worktree, builder, &manifest, err);
	if (rc == RB_OK)
		rc = rb_tree_builder_write(builder, pack, 0, out, err);

out:
	free(manifest.sources); /* what they hold is borrowed */
	rb_tree_builder_free(builder);
	return rc;
}

static int copy(char **out, const char *text, struct rb_err *err)
{
	*out = NULL;
	if (!text || !*text)
		return RB_OK;
	*out = strdup(text);
	return *out ? RB_OK : no_memory(err);
}

static int count_tables(struct rb_store *store, const struct rb_oid *root,
                        struct rb_backup_report *report, struct rb_err *err)
{
	struct rb_manifest manifest = {0};
	int rc = rb_snapshot_manifest(store->repo, root, &manifest, err);

	report->rows = 0;
	report->table_count = 0;
	for (size_t i = 0; rc == RB_OK && i < manifest.source_count; i++) {
		report->table_count += manifest.sources[i].table_count;
		for (size_t j = 0; j < manifest.sources[i].table_count; j++)
			report->rows += manifest.sources[i].tables[j].rows;
	}
	rb_manifest_release(&manifest);
	return rc == RB_E_NOTFOUND ? RB_OK : rc;
}

/* Find the time of the newest backup or event; the user's own commits may lie on top of it. */
static int find_last(void *ctx, const struct rb_commit *commit, struct rb_err *err)
{
	struct rb_message message = {0};
	struct rb_event event = {0};
	int64_t *last = ctx;
	int found = 0;

	(void)err;
	if (rb_message_read(commit->message, &message, NULL) == RB_OK)
		found = rb_time_parse_utc(message.id, last, NULL) == RB_OK;
	else if (rb_event_read(commit->message, &event, NULL) == RB_OK)
		found = rb_time_parse_utc(event.id, last, NULL) == RB_OK;
	rb_message_release(&message);
	rb_event_release(&event);
	return found;
}

/* Whether a safety backup that lies aside of the branch has this id. */
static int is_taken(struct rb_store *store, int64_t time_unix_s, bool *out, struct rb_err *err)
{
	struct rb_buf name = RB_BUF(4096);
	struct rb_oid ignored;
	char id[17];
	int rc;

	rb_time_format_id(time_unix_s, id);
	rc = rb_buf_addf(&name, err, "%s%s", RB_SAFETY_PREFIX, id);
	if (rc == RB_OK)
		rc = rb_repo_ref(store->repo, rb_buf_str(&name), &ignored, err);
	*out = rc == RB_OK;
	rb_buf_release(&name);
	return rc == RB_E_NOTFOUND ? RB_OK : rc;
}

int rb_commit_next_time(struct rb_store *store, const struct rb_oid *parent,
                        struct rb_commit_time *out, struct rb_err *err)
{
	int64_t now = rb_time_now_unix_s();
	int64_t last = INT64_MIN;
	int64_t id = now;
	bool taken = true;
	int rc = rb_commit_walk(store->repo, parent, find_last, &last, err);

	if (id <= last)
		id = last + 1;
	while (rc == RB_OK && taken) {
		rc = is_taken(store, id, &taken, err);
		if (rc == RB_OK && taken)
			id++;
	}
	out->id_unix_s = id;
	out->taken_unix_s = id - now > AHEAD_MAX_S ? now : id;
	return rc;
}

/* A clock that was ahead once leaves ids that are ahead for as long. */
static void warn_ahead(const struct rb_commit_time *time, const char *id)
{
	char iso[21];

	if (time->id_unix_s == time->taken_unix_s)
		return;
	rb_time_format_iso(time->taken_unix_s, iso);
	rb_log(RB_LOG_WARN,
	       "the backup or event before has a later time than it is now (%s): a clock is wrong, "
	       "or was; id %s only follows it",
	       iso, id);
}

static int write_message(const struct rb_commit_request *request, struct rb_backup_report *report,
                         struct rb_buf *out, struct rb_err *err)
{
	static const struct rb_app_state no_code = {.commit = ""};
	const struct rb_app_state *code = request->code ? request->code : &no_code;
	struct rb_message message = {.rows = report->rows,
	                             .inserted = report->changes.total.inserted,
	                             .updated = report->changes.total.updated,
	                             .deleted = report->changes.total.deleted};
	char bytes[24];
	const struct {
		char **to;
		const char *from;
	} texts[] = {
	        {&message.id, report->id},
	        {&message.kind, request->kind},
	        {&message.trigger, request->trigger},
	        {&message.label, request->label},
	        {&message.note, request->note},
	        {&message.sources, request->sources},
	        {&message.incomplete, request->incomplete},
	        {&message.subject, request->subject},
	        {&message.bytes_added, bytes},
	        {&message.code_commit, code->commit},
	        {&message.code_branch, code->branch},
	        {&message.code_subject, code->subject},
	        {&message.code_deployed,
	         strcmp(code->deployed, code->commit) != 0 ? code->deployed : NULL},
	        {&message.code_state, !request->code   ? NULL
	                              : code->is_clean ? "clean"
	                                               : "dirty"},
	        {&message.tool_version, RB_VERSION},
	};
	int rc = RB_OK;

	snprintf(bytes, sizeof(bytes), "%" PRIu64, request->bytes_added);
	for (size_t i = 0; rc == RB_OK && i < sizeof(texts) / sizeof(texts[0]); i++)
		rc = copy(texts[i].to, texts[i].from, err);
	if (rc == RB_OK)
		rc = rb_message_write(&message, report->changes.items, report->changes.count,
		                      report->table_count, out, err);
	rb_message_release(&message);
	return rc;
}

static int write_commit(struct rb_store *store, const struct rb_oid *root,
                        const struct rb_oid *parent, const char *message, int64_t time_unix_s,
                        struct rb_oid *out, struct rb_err *err)
{
	struct rb_commit_opts opts = {.tree = *root,
	                              .parents = parent,
	                              .parent_count = rb_oid_is_none(parent) ? 0 : 1,
	                              .time_unix_s = time_unix_s,
	                              .message = message};

	return rb_commit_write(store->repo, NULL, 0, &opts, out, err);
}

/* Move the branch from its parent, or make a ref of the backup's own. */
static int move_ref(struct rb_store *store, const char *ref, const struct rb_oid *parent,
                    const struct rb_backup_report *report, struct rb_err *err)
{
	static const struct rb_oid none = {{0}};
	struct rb_buf name = RB_BUF(4096);
	int rc;

	if (!ref)
		return rb_repo_ref_update(store->repo, store->branch_ref, &report->commit, parent,
		                          "rowback: backup", err);
	rc = rb_buf_addf(&name, err, "%s%s", ref, report->id);
	if (rc == RB_OK)
		rc = rb_repo_ref_update(store->repo, rb_buf_str(&name), &report->commit, &none,
		                        "rowback: safety backup", err);
	rb_buf_release(&name);
	return rc;
}

/* A failure that is about what lies in the store, not about this run. */
static bool is_damage(int rc)
{
	return rc == RB_E_FORMAT || rc == RB_E_NOTFOUND || rc == RB_E_LIMIT ||
	       rc == RB_E_UNSUPPORTED;
}

/* What a backup holds does not depend on the one before: damage there only keeps its changes
 * from being counted. */
static int count_changes(struct rb_store *store, const struct rb_oid *root,
                         const struct rb_oid *parent, const struct rb_commit_request *request,
                         struct rb_backup_report *report, struct rb_err *err)
{
	struct rb_oid old_root;
	struct rb_err why = {0};
	int rc = rb_store_tree_of(store, parent, &old_root, &why);

	if (rc == RB_OK)
		rc = rb_diff_roots(store->repo, &old_root, root, &report->changes, &why);
	if (is_damage(rc)) {
		rb_log(RB_LOG_WARN, "changes are not counted, see 'rowback verify': %s", why.msg);
		rb_changes_release(&report->changes);
		report->is_uncounted = true;
		rc = RB_OK;
	}
	if (rc == RB_OK)
		rc = count_tables(store, root, report, &why);
	/* What a person put there need not be an export. */
	if (request->lenient && is_damage(rc))
		rc = RB_OK;
	if (rc < 0 && err)
		*err = why;
	return rc;
}

int rb_commit_root(struct rb_store *store, const struct rb_oid *root, const struct rb_oid *parent,
                   const struct rb_commit_request *request, struct rb_backup_report *report,
                   struct rb_err *err)
{
	struct rb_buf message = RB_BUF((size_t)1 << 20);
	struct rb_commit_time time = {0};
	int rc = count_changes(store, root, parent, request, report, err);

	if (rc == RB_OK)
		rc = rb_commit_next_time(store, parent, &time, err);
	if (rc < 0)
		goto out;
	rb_time_format_id(time.id_unix_s, report->id);
	warn_ahead(&time, report->id);
	rc = write_message(request, report, &message, err);
	if (rc == RB_OK)
		rc = write_commit(store, root, parent, rb_buf_str(&message), time.taken_unix_s,
		                  &report->commit, err);
	if (rc == RB_OK)
		rc = move_ref(store, request->ref, parent, report, err);
	report->committed = rc == RB_OK;

out:
	rb_buf_release(&message);
	return rc;
}

int rb_report_existing(struct rb_store *store, const struct rb_oid *commit,
                       struct rb_backup_report *report, struct rb_err *err)
{
	struct rb_oid backup;
	struct rb_oid tree;
	int rc;

	report->commit = *commit;
	if (rb_oid_is_none(commit))
		return RB_OK;
	rc = rb_store_tree_of(store, commit, &tree, err);
	if (rc == RB_OK)
		rc = count_tables(store, &tree, report, err);
	if (rc == RB_OK)
		rc = rb_history_holder(store, commit, &backup, report->id, err);
	if (rc == RB_OK && *report->id)
		report->commit = backup;
	return rc;
}

int rb_record_check(struct rb_store *store, const struct rb_oid *tip, const char *sources,
                    struct rb_err *err)
{
	struct rb_buf message = RB_BUF((size_t)1 << 20);
	struct rb_oid before;
	struct rb_oid check;
	struct rb_oid root;
	char when[21];
	int64_t now = rb_time_now_unix_s();
	int rc = rb_store_tree_of(store, tip, &root, err);

	rb_time_format_iso(now, when);
	if (rc == RB_OK)
		rc = rb_buf_addf(&message, err,
		                 "check: nothing changed\n\n"
		                 "Checked-At: %s\nBackup-Source: %s\n",
		                 when, sources);
	if (rc == RB_OK)
		rc = write_commit(store, &root, tip, rb_buf_str(&message), now, &check, err);
	if (rc == RB_OK) {
		rc = rb_repo_ref(store->repo, store->check_ref, &before, err);
		if (rc == RB_E_NOTFOUND) {
			memset(&before, 0, sizeof(before));
			rc = RB_OK;
		}
	}
	if (rc == RB_OK)
		rc = rb_repo_ref_update(store->repo, store->check_ref, &check, &before,
		                        "rowback: check", err);
	/* An idle database is looked at often: old records must not pile up. */
	if (rc == RB_OK && !rb_oid_is_none(&before) && !rb_oid_equal(&before, &check))
		rb_repo_drop_loose(store->repo, &before);
	if (rc == RB_OK)
		rc = rb_state_set(store->state, "check", "at", when, err);
	rb_buf_release(&message);
	return rc;
}
