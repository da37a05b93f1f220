/*
 * See rowback/ops/prune.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowback/base/time.h"
#include "rowback/ops/prune.h"
#include "rowback/ops/rollback.h"
#include "rowback/ops/usage.h"
#include "rowback/repo/commit.h"
#include "rowback/repo/space.h"
#include "prune_priv.h"

#define TRASH_NAME_MAX 64

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory for a prune");
}

void rb_prune_report_release(struct rb_prune_report *report)
{
	rb_backup_list_release(&report->list);
	free(report->items);
	rb_push_report_release(&report->push);
	memset(report, 0, sizeof(*report));
}

/* Those aside of the branch are not in its history. */
static void drop_aside(struct rb_backup_list *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i].aside)
			rb_backup_entry_release(&list->items[i]);
		else
			list->items[kept++] = list->items[i];
	}
	list->count = kept;
}

static int note_id(void *ctx, const struct rb_commit *commit, struct rb_err *err)
{
	struct rb_map *ids = ctx;
	struct rb_message message = {0};
	int rc = RB_OK;

	if (rb_message_read(commit->message, &message, NULL) == RB_OK)
		rc = rb_map_put(ids, message.id, strlen(message.id), NULL, err);
	rb_message_release(&message);
	return rc;
}

/* The ids that the remote has: by what it confirmed, whatever history that is in. */
static int pushed_ids(struct rb_store *store, struct rb_map **out, struct rb_err *err)
{
	struct rb_oid tracking;
	int rc = rb_map_new(0, out, err);

	if (rc == RB_OK && rb_repo_ref(store->repo, store->tracking_ref, &tracking, NULL) == RB_OK)
		rc = rb_commit_walk(store->repo, &tracking, note_id, *out, err);
	return rc;
}

/* Without a remote nothing can be asked of it. */
static bool has_remote(struct rb_store *store)
{
	struct rb_buf name = RB_BUF(1024);
	struct rb_buf value = RB_BUF(65536);
	bool has = rb_buf_addf(&name, NULL, "remote.%s.url", store->config.remote) == RB_OK &&
	           rb_repo_config_get(store->repo, rb_buf_str(&name), &value, NULL) == RB_OK;

	rb_buf_release(&name);
	rb_buf_release(&value);
	return has;
}

/* The safety backups that the newest rollback (or undo) and the newest restore left. */
struct ways_back {
	char rollback[17];
	char restore[17];
};

static int note_way_back(void *ctx, const struct rb_commit *commit, struct rb_err *err)
{
	struct ways_back *ways = ctx;
	struct rb_event event = {0};

	(void)err;
	if (rb_event_read(commit->message, &event, NULL) == RB_OK && event.safety) {
		bool rolls = strcmp(event.name, "rollback") == 0 || strcmp(event.name, "undo") == 0;
		bool restores = strcmp(event.name, "restore") == 0;

		if (rolls && !*ways->rollback)
			snprintf(ways->rollback, sizeof(ways->rollback), "%s", event.safety);
		if (restores && !*ways->restore)
			snprintf(ways->restore, sizeof(ways->restore), "%s", event.safety);
	}
	rb_event_release(&event);
	return *ways->rollback && *ways->restore;
}

static int find_ways_back(struct rb_store *store, struct ways_back *out, struct rb_err *err)
{
	struct rb_oid tip;
	int rc = rb_store_tip(store, &tip, err);

	if (rc == RB_OK && !rb_oid_is_none(&tip))
		rc = rb_commit_walk(store->repo, &tip, note_way_back, out, err);
	return rc < 0 ? rc : RB_OK;
}

/* What the rules need to know of each backup. */
static int describe(struct rb_store *store, struct rb_prune_report *report, struct rb_err *err)
{
	static const struct rb_history_opts all = {0};
	struct ways_back ways = {.rollback = ""};
	struct rb_map *pushed = NULL;
	bool remote = has_remote(store);
	int rc = rb_history_list(store, &all, &report->list, err);

	if (rc == RB_OK)
		rc = pushed_ids(store, &pushed, err);
	if (rc == RB_OK)
		rc = find_ways_back(store, &ways, err);
	if (rc < 0)
		goto out;
	drop_aside(&report->list);
	if (report->list.count == 0) {
		rc = rb_err_set(err, RB_E_NOSTORE, "there is no backup yet");
		goto out;
	}
	report->items = calloc(report->list.count, sizeof(*report->items));
	if (!report->items)
		rc = no_memory(err);
	for (size_t i = 0; rc == RB_OK && i < report->list.count; i++) {
		const struct rb_backup_entry *entry = &report->list.items[i];
		struct rb_retention_item *item = &report->items[i];
		const char *id = entry->message.id;

		item->time_unix_s = entry->time_unix_s;
		item->kind = rb_retention_kind(entry->message.kind);
		item->pinned = entry->pinned;
		item->drilled = entry->drill && strncmp(entry->drill, "passed", 6) == 0;
		item->pushed = !remote || rb_map_get(pushed, id, strlen(id)) != NULL;
		item->way_back = strcmp(id, ways.rollback) == 0 || strcmp(id, ways.restore) == 0;
		item->whole = !entry->message.incomplete;
	}

out:
	rb_map_free(pushed);
	return rc;
}

/*
 * What goes.  Backups know what they wrote; maintenance has since put them together, so what they
 * take now is their share of the packs.
 */
static int count(struct rb_store *store, struct rb_prune_report *report, struct rb_err *err)
{
	uint64_t written = 0;
	uint64_t packs = 0;
	uint64_t ignored;
	int rc = rb_space_packs(store->repo, &packs, &ignored, err);

	for (size_t i = 0; i < report->list.count; i++) {
		const char *text = report->list.items[i].message.bytes_added;
		uint64_t bytes = text ? strtoull(text, NULL, 10) : 0;

		written += bytes;
		if (report->items[i].keep)
			continue;
		report->removed++;
		report->bytes += bytes;
		report->bytes_known |= text != NULL;
	}
	report->bytes = rb_usage_share(report->bytes, written, packs);
	return rc;
}

/* The commits that go. */
static int gone_commits(const struct rb_prune_report *report, struct rb_map **out,
                        struct rb_err *err)
{
	int rc = rb_map_new(0, out, err);

	for (size_t i = 0; rc == RB_OK && i < report->list.count; i++) {
		const struct rb_oid *oid = &report->list.items[i].commit;

		if (!report->items[i].keep)
			rc = rb_map_put(*out, oid->id, sizeof(oid->id), NULL, err);
	}
	return rc;
}

/* Events follow the backups they came after; what is somebody's own stays. */
static int decide(void *ctx, const struct rb_commit *commit, struct rb_err *err)
{
	const struct rb_map *gone = ctx;
	struct rb_event event = {0};
	int rc = RB_REWRITE_KEEP;

	(void)err;
	if (rb_map_get(gone, commit->oid.id, sizeof(commit->oid.id)))
		return RB_REWRITE_DROP;
	if (rb_event_read(commit->message, &event, NULL) == RB_OK)
		rc = RB_REWRITE_FOLLOW;
	rb_event_release(&event);
	return rc;
}

/* A time that no other trash has. */
static int name_trash(struct rb_store *store, char id[17], char ref[TRASH_NAME_MAX],
                      struct rb_err *err)
{
	int64_t now = rb_time_now_unix_s();
	struct rb_oid ignored;
	int rc;

	do {
		rb_time_format_id(now++, id);
		snprintf(ref, TRASH_NAME_MAX, "%s%s", RB_TRASH_PREFIX, id);
		rc = rb_repo_ref(store->repo, ref, &ignored, err);
	} while (rc == RB_OK);
	return rc == RB_E_NOTFOUND ? RB_OK : rc;
}

static int rewrite(struct rb_store *store, struct rb_prune_report *report, struct rb_rewriting *job,
                   const struct rb_event *event, struct rb_err *err)
{
	static const struct rb_oid none = {{0}};
	char trash[TRASH_NAME_MAX];
	struct rb_oid commit;
	int rc = name_trash(store, report->trash, trash, err);

	if (rc == RB_OK)
		rc = rb_ref_moves_add(&job->moves, trash, &none, &job->old_tip, false, err);
	if (rc == RB_OK)
		rc = rb_rewriting_plan(job, err);
	if (rc == RB_OK)
		rc = rb_rewriting_settle(job, "rowback: prune", err);
	report->rewritten = rb_rewrite_count(job->rewrite);
	if (rc == RB_OK) {
		rc = rb_event_record(store, event, &commit, err);
		if (rc < 0)
			rb_ref_moves_take_back(store, &job->moves);
	}
	return rc;
}

/* Take out what is not kept. */
static int apply(struct rb_store *store, const struct rb_prune_opts *opts,
                 const struct rb_event *event, struct rb_prune_report *report, struct rb_err *err)
{
	struct rb_rewriting job = {0};
	struct rb_map *gone = NULL;
	int rc = gone_commits(report, &gone, err);

	if (rc == RB_OK)
		rc = rb_rewriting_begin(store, decide, gone, &job, err);
	if (rc == RB_OK)
		rc = rewrite(store, report, &job, event, err);
	report->done = rc == RB_OK;
	if (rc == RB_OK && opts->push) {
		rc = rb_rewriting_push(&job, "pruned", &report->push, &report->pushed, err);
		report->done = job.moves.made > 0;
	}
	rb_rewriting_end(&job);
	rb_map_free(gone);
	return rc;
}

/* Its way back is a safety backup, which must be there under the name that it knows. */
static int refuse_rollback(struct rb_store *store, struct rb_err *err)
{
	char *what = NULL;
	int rc = rb_rollback_unfinished(store, &what, err);

	if (rc == RB_OK && what) {
		rb_err_set(err, RB_E_CONFLICT, "%s", what);
		rb_err_hint(err, "take it back first: rowback rollback --undo");
		rc = RB_E_CONFLICT;
	}
	free(what);
	return rc;
}

/* What is done before anything is changed, so that the plan is made of what is so. */
static int prepare(struct rb_store *store, const struct rb_prune_opts *opts, struct rb_err *err)
{
	int rc;

	if (!opts->confirmed)
		return RB_OK;
	rc = refuse_rollback(store, err);
	if (rc == RB_OK)
		rc = rb_rewriting_repair(store, err);
	if (rc == RB_OK && opts->push)
		rc = rb_rewriting_ask(store, "pruned", err);
	return rc;
}

static bool has_any_rule(const struct rb_retention_config *rules)
{
	bool any = false;

	for (int kind = 0; kind < RB_KIND_COUNT; kind++) {
		const struct rb_keep_rules own = rb_retention_rules(rules, (enum rb_kind)kind);

		any |= rb_retention_has_rule(&own);
	}
	return any;
}

int rb_prune_run(struct rb_store *store, const struct rb_prune_opts *opts,
                 struct rb_prune_report *report, struct rb_err *err)
{
	char subject[128];
	char name[] = "prune";
	struct rb_event event = {.name = name, .subject = subject};
	int rc;

	memset(report, 0, sizeof(*report));
	if (!has_any_rule(opts->rules)) {
		rb_err_set(err, RB_E_USAGE, "no rule says which backups stay");
		return rb_err_hint(err, "for example: rowback prune --keep-last 10 --keep-daily 14 "
		                        "--keep-weekly 8 --keep-monthly 12, or the same in "
		                        "[retention]: git config retention.keepDaily 14");
	}
	rc = prepare(store, opts, err);
	if (rc == RB_OK)
		rc = describe(store, report, err);
	if (rc < 0)
		return rc;
	rb_retention_apply(opts->rules, report->items, report->list.count);
	rc = count(store, report, err);
	if (rc < 0 || !opts->confirmed || report->removed == 0)
		return rc;
	snprintf(subject, sizeof(subject), "prune: %zu backup%s removed, %zu kept", report->removed,
	         report->removed == 1 ? "" : "s", report->list.count - report->removed);
	return apply(store, opts, &event, report, err);
}

/* The backup's place in the report. */
static int find_place(struct rb_store *store, const char *spec,
                      const struct rb_prune_report *report, size_t *out, struct rb_err *err)
{
	struct rb_backup_entry entry = {0};
	bool found = false;
	int rc = rb_history_find(store, spec, 0, &entry, err);

	for (size_t i = 0; rc == RB_OK && !found && i < report->list.count; i++) {
		found = rb_oid_equal(&report->list.items[i].commit, &entry.commit);
		*out = i;
	}
	if (rc == RB_OK && !found) {
		rb_err_set(err, RB_E_UNSUPPORTED, "backup %s does not lie on the branch",
		           entry.message.id);
		rc = rb_err_hint(err,
		                 "it is a safety backup of another database; this lets it go, "
		                 "here: git update-ref -d %s%s",
		                 RB_SAFETY_PREFIX, entry.message.id);
	}
	rb_backup_entry_release(&entry);
	return rc;
}

/* What stays whatever the rules say is not removed by hand either. */
static int refuse_kept(const struct rb_prune_report *report, size_t place, struct rb_err *err)
{
	const struct rb_retention_item *item = &report->items[place];
	const char *id = report->list.items[place].message.id;

	if (!item->keep)
		return RB_OK;
	rb_err_set(err, RB_E_USAGE, "backup %s stays: %s", id, item->why);
	if (item->pinned)
		return rb_err_hint(err, "let it go first with: rowback unpin %s", id);
	return rb_err_hint(err, "the newest one, the newest drilled one, the newest full ones "
	                        "(retention.keepMin), and what the newest rollback and restore "
	                        "are undone by are always kept");
}

int rb_prune_delete(struct rb_store *store, const char *spec, const struct rb_prune_opts *opts,
                    struct rb_prune_report *report, struct rb_err *err)
{
	static const struct rb_keep_rules keep_none = {.last = 0};
	struct rb_retention_config rules = {.any = keep_none, .keep_min = opts->rules->keep_min};
	char subject[128];
	char name[] = "delete";
	struct rb_event event = {.name = name, .subject = subject};
	size_t place = 0;
	int rc;

	memset(report, 0, sizeof(*report));
	rc = prepare(store, opts, err);
	if (rc == RB_OK)
		rc = describe(store, report, err);
	if (rc == RB_OK)
		rc = find_place(store, spec, report, &place, err);
	if (rc < 0)
		return rc;
	rb_retention_apply(&rules, report->items, report->list.count);
	rc = refuse_kept(report, place, err);
	for (size_t i = 0; i < report->list.count; i++)
		report->items[i].keep = i != place;
	if (rc == RB_OK)
		rc = count(store, report, err);
	if (rc < 0 || !opts->confirmed)
		return rc;
	event.backup = report->list.items[place].message.id;
	snprintf(subject, sizeof(subject), "delete: backup %s removed", event.backup);
	return apply(store, opts, &event, report, err);
}
