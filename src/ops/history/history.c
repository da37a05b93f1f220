/*
 * See rowback/ops/history.h.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "rowback/base/log.h"
#include "rowback/base/time.h"
#include "rowback/ops/history.h"

#define NOTE_MAX ((size_t)64 << 10)

/* A walk over the branch, or one commit aside of it. */
struct walk {
	struct rb_store *store;
	const struct rb_history_opts *opts;
	struct rb_backup_list *list;
	size_t room;
	struct rb_oid tracking;
	bool pushed; /* the walk has come to what the remote confirmed */
	bool aside;
};

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory for a list of backups");
}

void rb_backup_entry_release(struct rb_backup_entry *entry)
{
	rb_message_release(&entry->message);
	free(entry->subject);
	free(entry->drill);
	memset(entry, 0, sizeof(*entry));
}

void rb_backup_list_release(struct rb_backup_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		rb_backup_entry_release(&list->items[i]);
	free(list->items);
	memset(list, 0, sizeof(*list));
}

static bool has_word(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = words; at && (at = strstr(at, word)); at += len) {
		if ((at == words || at[-1] == ' ') && (at[len] == '\0' || at[len] == ' '))
			return true;
	}
	return false;
}

static bool same_or_any(const char *wanted, const char *has)
{
	return !wanted || (has && strcmp(wanted, has) == 0);
}

int64_t rb_history_taken_unix_s(const struct rb_commit *commit, const struct rb_message *message)
{
	int64_t id_unix_s;

	if (rb_time_parse_utc(message->id, &id_unix_s, NULL) < 0)
		return commit->time_unix_s;
	return id_unix_s < commit->time_unix_s ? id_unix_s : commit->time_unix_s;
}

static bool is_wanted(const struct rb_history_opts *opts, const struct rb_commit *commit,
                      const struct rb_message *message)
{
	int64_t taken_unix_s = rb_history_taken_unix_s(commit, message);

	/* Hashes are written in lower case, but read off a screen in any. */
	if (opts->code && (!message->code_commit ||
	                   strncasecmp(opts->code, message->code_commit, strlen(opts->code)) != 0))
		return false;
	return same_or_any(opts->kind, message->kind) && same_or_any(opts->label, message->label) &&
	       (!opts->source || has_word(message->sources, opts->source)) &&
	       taken_unix_s >= opts->since_unix_s &&
	       (opts->until_unix_s == 0 || taken_unix_s <= opts->until_unix_s);
}

/* The outcome of the newest drill in a commit's note, which a person may have written on. */
static int read_drill(struct rb_store *store, const struct rb_oid *commit, char **out,
                      struct rb_err *err)
{
	static const char mark[] = "drill: ";
	struct rb_buf text = RB_BUF(NOTE_MAX);
	const char *found = NULL;
	int rc = rb_repo_note_get(store->repo, RB_NOTES_NAME, commit, &text, err);

	for (const char *line = rb_buf_str(&text); rc == RB_OK && *line;
	     line += strcspn(line, "\n"), line += *line == '\n') {
		if (strncmp(line, mark, strlen(mark)) == 0)
			found = line + strlen(mark);
	}
	if (found) {
		*out = strndup(found, strcspn(found, "\n"));
		if (!*out)
			rc = no_memory(err);
	}
	rb_buf_release(&text);
	/* A note that is longer than any of ours is somebody else's. */
	return rc == RB_E_NOTFOUND || rc == RB_E_LIMIT ? RB_OK : rc;
}

static int append(struct walk *walk, const struct rb_commit *commit, struct rb_message *message,
                  struct rb_err *err)
{
	struct rb_backup_entry *entry;

	if (walk->list->count == walk->room) {
		size_t room = walk->room ? walk->room * 2 : 64;
		struct rb_backup_entry *grown = realloc(walk->list->items, room * sizeof(*grown));

		if (!grown)
			return no_memory(err);
		walk->list->items = grown;
		walk->room = room;
	}
	entry = &walk->list->items[walk->list->count];
	memset(entry, 0, sizeof(*entry));
	entry->commit = commit->oid;
	entry->tree = commit->tree;
	if (commit->parent_count > 0)
		entry->parent = commit->parents[0];
	entry->time_unix_s = rb_history_taken_unix_s(commit, message);
	entry->pushed = walk->pushed;
	entry->aside = walk->aside;
	entry->subject = strndup(commit->message, strcspn(commit->message, "\n"));
	if (!entry->subject)
		return no_memory(err);
	entry->message = *message;
	memset(message, 0, sizeof(*message));
	walk->list->count++;
	return read_drill(walk->store, &entry->commit, &entry->drill, err);
}

static int visit(void *ctx, const struct rb_commit *commit, struct rb_err *err)
{
	struct walk *walk = ctx;
	struct rb_message message = {0};
	int rc = RB_OK;

	if (rb_oid_equal(&commit->oid, &walk->tracking))
		walk->pushed = true;
	if (rb_message_read(commit->message, &message, NULL) < 0)
		return 0; /* somebody's own commit */
	if (is_wanted(walk->opts, commit, &message))
		rc = append(walk, commit, &message, err);
	rb_message_release(&message);
	return rc;
}

static int visit_aside(void *ctx, const char *ref, const struct rb_oid *oid, struct rb_err *err)
{
	struct walk *walk = ctx;
	const char *pushed = rb_state_get(walk->store->state, "pushed", ref);
	struct rb_commit commit = {0};
	char hex[RB_OID_HEX_SIZE];
	int rc = rb_commit_read(walk->store->repo, oid, &commit, err);

	rb_oid_hex(oid, hex);
	walk->pushed = pushed && strcmp(pushed, hex) == 0;
	if (rc == RB_OK)
		rc = visit(walk, &commit, err);
	rb_commit_release(&commit);
	return rc < 0 ? rc : RB_OK;
}

/* A walk to the backup that holds a state. */
struct holder {
	struct rb_oid tree;
	struct rb_oid *backup;
	char *id; /* 17 bytes */
};

static int visit_holder(void *ctx, const struct rb_commit *commit, struct rb_err *err)
{
	struct holder *holder = ctx;
	struct rb_message message = {0};
	bool is_quick;

	(void)err;
	if (rb_oid_is_none(&holder->tree))
		holder->tree = commit->tree;
	if (!rb_oid_equal(&commit->tree, &holder->tree))
		return 1;
	if (rb_message_read(commit->message, &message, NULL) < 0)
		return 0;
	is_quick = message.kind && strcmp(message.kind, "quick") == 0;
	if (!is_quick || !*holder->id) {
		*holder->backup = commit->oid;
		snprintf(holder->id, sizeof("20261120T155800Z"), "%s", message.id);
	}
	rb_message_release(&message);
	return !is_quick;
}

int rb_history_holder(struct rb_store *store, const struct rb_oid *commit, struct rb_oid *backup,
                      char id[17], struct rb_err *err)
{
	struct holder holder = {.backup = backup, .id = id};

	memset(backup, 0, sizeof(*backup));
	id[0] = '\0';
	return rb_commit_walk(store->repo, commit, visit_holder, &holder, err);
}

static int newest_first(const void *a, const void *b)
{
	const struct rb_backup_entry *left = a;
	const struct rb_backup_entry *right = b;

	return strcmp(right->message.id, left->message.id);
}

/* A pin is by id: it holds also where a prune was cut before the ref followed. */
static int mark_pinned(void *ctx, const char *ref, const struct rb_oid *oid, struct rb_err *err)
{
	struct rb_backup_list *list = ctx;
	const char *id = ref + strlen(RB_PIN_PREFIX);

	(void)oid;
	(void)err;
	for (size_t i = 0; i < list->count; i++)
		list->items[i].pinned |= strcmp(list->items[i].message.id, id) == 0;
	return RB_OK;
}

int rb_history_list(struct rb_store *store, const struct rb_history_opts *opts,
                    struct rb_backup_list *out, struct rb_err *err)
{
	struct walk walk = {.store = store, .opts = opts, .list = out};
	struct rb_oid tip;
	int rc;

	memset(out, 0, sizeof(*out));
	rc = rb_repo_ref(store->repo, store->tracking_ref, &walk.tracking, err);
	if (rc == RB_OK || rc == RB_E_NOTFOUND)
		rc = rb_store_tip(store, &tip, err);
	if (rc == RB_OK && !rb_oid_is_none(&tip))
		rc = rb_commit_walk(store->repo, &tip, visit, &walk, err);
	if (rc == RB_OK) {
		walk.aside = true;
		memset(&walk.tracking, 0, sizeof(walk.tracking));
		rc = rb_repo_ref_each(store->repo, RB_SAFETY_PREFIX, visit_aside, &walk, err);
	}
	if (rc == RB_OK)
		rc = rb_repo_ref_each(store->repo, RB_PIN_PREFIX, mark_pinned, out, err);
	if (rc < 0) {
		rb_backup_list_release(out);
		return rc;
	}
	if (out->count > 0)
		qsort(out->items, out->count, sizeof(*out->items), newest_first);
	while (opts->count_max > 0 && out->count > opts->count_max)
		rb_backup_entry_release(&out->items[--out->count]);
	return RB_OK;
}

/* "latest" or "latest~N": how many backups back; -1 when the text is neither. */
static long steps_back(const char *spec)
{
	char *end = NULL;
	long steps;

	if (strncmp(spec, "latest", 6) != 0)
		return -1;
	if (spec[6] == '\0')
		return 0;
	if (spec[6] != '~' || !isdigit((unsigned char)spec[7]))
		return -1;
	steps = strtol(spec + 7, &end, 10);
	return *end ? -1 : steps;
}

/* Whether an entry is what the text means. */
static bool is_meant(const struct rb_backup_entry *entry, const char *spec)
{
	size_t len = strlen(spec);
	char hex[RB_OID_HEX_SIZE];

	rb_oid_hex(&entry->commit, hex);
	if (len >= 4 && strncmp(entry->message.id, spec, len) == 0)
		return true;
	if (len >= 4 && len <= 40 && strncmp(hex, spec, len) == 0)
		return true;
	return entry->message.label && strcmp(entry->message.label, spec) == 0;
}

static int none_found(const char *what, struct rb_err *err)
{
	rb_err_set(err, RB_E_NOSTORE, "there is no backup %s", what);
	return rb_err_hint(err, "see what there is with: rowback log");
}

static bool is_kind(const struct rb_backup_entry *entry, const char *kind)
{
	return entry->message.kind && strcmp(entry->message.kind, kind) == 0;
}

static int find_back(const struct rb_backup_list *list, long steps, size_t *out, struct rb_err *err)
{
	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i].aside || is_kind(&list->items[i], "safety") ||
		    is_kind(&list->items[i], "quick"))
			continue;
		if (steps-- == 0) {
			*out = i;
			return RB_OK;
		}
	}
	return none_found(list->count ? "that far back" : "yet", err);
}

static int find_spec(const struct rb_backup_list *list, const char *spec, size_t *out,
                     struct rb_err *err)
{
	char what[128];
	size_t found = 0;

	for (size_t i = 0; i < list->count; i++) {
		if (!is_meant(&list->items[i], spec))
			continue;
		/* A whole id beats the start of others; of equal labels the newest counts. */
		if (strcmp(list->items[i].message.id, spec) == 0) {
			*out = i;
			return RB_OK;
		}
		if (found++ == 0)
			*out = i;
	}
	if (found == 1 || (found > 1 && list->items[*out].message.label &&
	                   strcmp(list->items[*out].message.label, spec) == 0))
		return RB_OK;
	if (found > 1) {
		rb_err_set(err, RB_E_USAGE, "'%s' is the start of %zu backups", spec, found);
		return rb_err_hint(err, "give more of it, as in %s", list->items[*out].message.id);
	}
	snprintf(what, sizeof(what), "'%.100s'", spec);
	return none_found(what, err);
}

static int find_at(const struct rb_backup_list *list, int64_t at_unix_s, size_t *out,
                   struct rb_err *err)
{
	char what[64];
	char when[21];

	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i].aside || is_kind(&list->items[i], "quick") ||
		    list->items[i].time_unix_s > at_unix_s)
			continue;
		*out = i;
		return RB_OK;
	}
	rb_time_format_iso(at_unix_s, when);
	snprintf(what, sizeof(what), "as old as %s", when);
	return none_found(what, err);
}

/* List all, and find the one that is meant. */
static int find(struct rb_store *store, const char *spec, int64_t at_unix_s,
                struct rb_backup_list *list, size_t *out, struct rb_err *err)
{
	static const struct rb_history_opts all = {0};
	long steps = steps_back(spec ? spec : "latest");
	int rc;

	memset(list, 0, sizeof(*list));
	if (spec && at_unix_s)
		return rb_err_set(err, RB_E_USAGE, "name a backup or a time with --at, not both");
	rc = rb_history_list(store, &all, list, err);
	if (rc < 0)
		return rc;
	if (at_unix_s)
		return find_at(list, at_unix_s, out, err);
	return steps >= 0 ? find_back(list, steps, out, err) : find_spec(list, spec, out, err);
}

/* Hand an entry of a list over. */
static void take(struct rb_backup_list *list, size_t index, struct rb_backup_entry *out)
{
	*out = list->items[index];
	memset(&list->items[index], 0, sizeof(list->items[index]));
}

int rb_history_find(struct rb_store *store, const char *spec, int64_t at_unix_s,
                    struct rb_backup_entry *out, struct rb_err *err)
{
	struct rb_backup_list list = {0};
	size_t index = 0;
	int rc;

	memset(out, 0, sizeof(*out));
	rc = find(store, spec, at_unix_s, &list, &index, err);
	if (rc == RB_OK)
		take(&list, index, out);
	rb_backup_list_release(&list);
	return rc;
}

/* The backup with the tree of a quick one that brought its data; itself when that is gone. */
static size_t data_of(const struct rb_backup_list *list, size_t quick)
{
	for (size_t i = quick + 1; i < list->count; i++) {
		const struct rb_backup_entry *entry = &list->items[i];

		if (entry->aside || is_kind(entry, "quick"))
			continue;
		return rb_oid_equal(&entry->tree, &list->items[quick].tree) ? i : quick;
	}
	return quick;
}

int rb_history_find_data(struct rb_store *store, const char *spec, int64_t at_unix_s,
                         struct rb_backup_entry *out, struct rb_err *err)
{
	struct rb_backup_list list = {0};
	size_t index = 0;
	int rc;

	memset(out, 0, sizeof(*out));
	rc = find(store, spec, at_unix_s, &list, &index, err);
	if (rc == RB_OK && is_kind(&list.items[index], "quick")) {
		const char *id = list.items[index].message.id;
		size_t data = data_of(&list, index);
		char ago[32];

		rb_time_format_ago(list.items[data].time_unix_s, rb_time_now_unix_s(), ago,
		                   sizeof(ago));
		if (data == index)
			rb_log(RB_LOG_INFO,
			       "%s is a quick backup: its data is of a backup that is gone", id);
		else
			rb_log(RB_LOG_INFO,
			       "%s is a quick backup: its data is that of backup %s, taken %s", id,
			       list.items[data].message.id, ago);
		index = data;
	}
	if (rc == RB_OK)
		take(&list, index, out);
	rb_backup_list_release(&list);
	return rc;
}

/* Looks for the newest backup that is no quick one. */
static int visit_data(void *ctx, const struct rb_commit *commit, struct rb_err *err)
{
	struct walk *walk = ctx;
	int rc = visit(walk, commit, err);

	if (rc < 0 || walk->list->count == 0)
		return rc;
	if (!is_kind(&walk->list->items[0], "quick"))
		return 1;
	rb_backup_entry_release(&walk->list->items[--walk->list->count]);
	return 0;
}

int rb_history_data_of(struct rb_store *store, const struct rb_oid *tip,
                       struct rb_backup_entry *out, struct rb_err *err)
{
	static const struct rb_history_opts all = {0};
	struct rb_backup_list list = {0};
	struct walk walk = {.store = store, .opts = &all, .list = &list};
	int rc;

	memset(out, 0, sizeof(*out));
	rc = rb_commit_walk(store->repo, tip, visit_data, &walk, err);
	if (rc == RB_OK && list.count == 0)
		rc = none_found("yet", err);
	if (rc == RB_OK)
		take(&list, 0, out);
	rb_backup_list_release(&list);
	return rc;
}
