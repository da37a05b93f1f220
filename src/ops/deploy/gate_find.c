/*
 * See gate_priv.h: which backups a history has.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowback/ops/history.h"
#include "rowback/repo/tree.h"
#include "gate_priv.h"

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory to look for backups");
}

static void release_found(struct rb_gate_found *found)
{
	free(found->kind);
	free(found->label);
	free(found->code_commit);
	free(found->code_deployed);
}

void rb_gate_finds_release(struct rb_gate_finds *finds)
{
	for (size_t i = 0; i < finds->count; i++)
		release_found(&finds->items[i]);
	free(finds->items);
	memset(finds, 0, sizeof(*finds));
}

/* Whether a list of words has a word. */
static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	while (list && *list) {
		size_t end = strcspn(list, " ");

		if (end == len && memcmp(list, word, len) == 0)
			return true;
		list += end + (list[end] == ' ');
	}
	return false;
}

static char *copy(const char *text, int *rc, struct rb_err *err)
{
	char *copied = text ? strdup(text) : NULL;

	if (text && !copied)
		*rc = no_memory(err);
	return copied;
}

static int fill(struct rb_gate_found *found, const struct rb_commit *commit,
                const struct rb_message *message, struct rb_err *err)
{
	int rc = RB_OK;

	found->fresh_unix_s = rb_history_taken_unix_s(commit, message);
	snprintf(found->id, sizeof(found->id), "%s", message->id);
	found->kind = copy(message->kind, &rc, err);
	found->label = copy(message->label, &rc, err);
	found->code_commit = copy(message->code_commit, &rc, err);
	found->code_deployed = copy(message->code_deployed, &rc, err);
	found->commit = commit->oid;
	found->tree = commit->tree;
	return rc;
}

/* Let a backup that will do be the newest of the sources it is of; 1 when all have one. */
static int take_backup(struct rb_gate_finds *finds, const struct rb_commit *commit,
                       const struct rb_message *message, struct rb_err *err)
{
	bool holds_code = strcmp(message->kind, "quick") == 0;
	size_t left = 0;
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < finds->count; i++) {
		struct rb_gate_found *found = &finds->items[i];

		/* A quick one records the code, which is that of every source. */
		if (!*found->id &&
		    (!found->source || holds_code || has_word(message->sources, found->source)))
			rc = fill(found, commit, message, err);
		left += !*found->id;
	}
	finds->saw_other |= left > 0;
	if (rc < 0)
		return rc;
	return left == 0;
}

static int visit(void *ctx, const struct rb_commit *commit, struct rb_err *err)
{
	struct rb_gate_finds *finds = ctx;
	struct rb_message message = {0};
	bool is_quick;
	bool is_full;
	int rc = 0;

	if (rb_message_read(commit->message, &message, NULL) < 0)
		return 0; /* an event, or somebody's own */
	is_quick = message.kind && strcmp(message.kind, "quick") == 0;
	is_full = message.kind &&
	          (strcmp(message.kind, "full") == 0 || strcmp(message.kind, "safety") == 0);
	finds->saw_any = true;
	if (message.incomplete)
		finds->saw_incomplete = true;
	else if (is_full || (is_quick && finds->require == RB_REQUIRE_QUICK))
		rc = take_backup(finds, commit, &message, err);
	else if (is_quick)
		finds->saw_quick = true;
	rb_message_release(&message);
	return rc;
}

int rb_gate_find(struct rb_store *store, const struct rb_oid *tip, enum rb_require require,
                 const char *const *sources, struct rb_gate_finds *out, struct rb_err *err)
{
	size_t count = 0;
	int rc;

	memset(out, 0, sizeof(*out));
	while (sources && sources[count])
		count++;
	out->require = require;
	out->items = calloc(count + 1, sizeof(*out->items));
	if (!out->items)
		return no_memory(err);
	out->count = count ? count : 1;
	for (size_t i = 0; i < count; i++)
		out->items[i].source = sources[i];
	if (rb_oid_is_none(tip))
		return RB_OK;
	rc = rb_commit_walk(store->repo, tip, visit, out, err);
	if (rc < 0)
		rb_gate_finds_release(out);
	return rc < 0 ? rc : RB_OK;
}

/* The names that were met. */
struct names {
	char **items; /* NULL-terminated */
	size_t count;
};

static bool has_name(const struct names *names, const char *name, size_t len)
{
	for (size_t i = 0; i < names->count; i++) {
		if (strlen(names->items[i]) == len && memcmp(names->items[i], name, len) == 0)
			return true;
	}
	return false;
}

static int add_name(struct names *names, const char *name, size_t len, struct rb_err *err)
{
	char **grown = realloc(names->items, (names->count + 2) * sizeof(*grown));

	if (!grown)
		return no_memory(err);
	names->items = grown;
	grown[names->count] = strndup(name, len);
	if (!grown[names->count])
		return no_memory(err);
	grown[++names->count] = NULL;
	return RB_OK;
}

static int visit_names(void *ctx, const struct rb_commit *commit, struct rb_err *err)
{
	struct names *names = ctx;
	struct rb_message message = {0};
	int rc = RB_OK;

	if (rb_message_read(commit->message, &message, NULL) < 0)
		return 0;
	for (const char *word = message.sources; rc == RB_OK && word && *word;) {
		size_t len = strcspn(word, " ");

		if (len > 0 && !has_name(names, word, len))
			rc = add_name(names, word, len, err);
		word += len + (word[len] == ' ');
	}
	rb_message_release(&message);
	return rc;
}

int rb_gate_sources(struct rb_store *store, const struct rb_oid *tip, char ***out,
                    struct rb_err *err)
{
	struct names names = {0};
	int rc = RB_OK;

	*out = NULL;
	if (!rb_oid_is_none(tip))
		rc = rb_commit_walk(store->repo, tip, visit_names, &names, err);
	if (rc >= 0 && names.count > 1) {
		*out = names.items;
		return RB_OK;
	}
	rb_gate_sources_free(names.items);
	return rc < 0 ? rc : RB_OK;
}

void rb_gate_sources_free(char **sources)
{
	for (size_t i = 0; sources && sources[i]; i++)
		free(sources[i]);
	free(sources);
}

/* Whether what a backup has of its source is what another tree has of it. */
static int same_state(struct rb_store *store, const struct rb_gate_found *found,
                      const struct rb_oid *tree, bool *out, struct rb_err *err)
{
	struct rb_oid ours;
	struct rb_oid theirs;
	uint32_t mode = 0;
	int rc;

	*out = rb_oid_equal(&found->tree, tree);
	if (*out || !found->source)
		return RB_OK;
	rc = rb_tree_find(store->repo, &found->tree, found->source, &ours, &mode, err);
	if (rc == RB_OK)
		rc = rb_tree_find(store->repo, tree, found->source, &theirs, &mode, err);
	if (rc == RB_OK)
		*out = rb_oid_equal(&ours, &theirs);
	return rc == RB_E_NOTFOUND ? RB_OK : rc;
}

/* The sources that a check looked at: "Backup-Source: app crm"; none named: all of them. */
static int check_sources(const char *message, char **out, struct rb_err *err)
{
	static const char name[] = "\nBackup-Source: ";
	const char *at = strstr(message, name);

	*out = NULL;
	if (!at)
		return RB_OK;
	at += strlen(name);
	*out = strndup(at, strcspn(at, "\n"));
	return *out ? RB_OK : no_memory(err);
}

static int apply(struct rb_store *store, const struct rb_commit *check, const char *looked_at,
                 struct rb_gate_finds *finds, struct rb_err *err)
{
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < finds->count; i++) {
		struct rb_gate_found *found = &finds->items[i];
		bool is_same = false;

		if (!*found->id || check->time_unix_s <= found->fresh_unix_s)
			continue;
		if (looked_at && found->source && !has_word(looked_at, found->source))
			continue;
		rc = same_state(store, found, &check->tree, &is_same, err);
		if (rc == RB_OK && is_same) {
			found->fresh_unix_s = check->time_unix_s;
			found->was_checked = true;
		}
	}
	return rc;
}

int rb_gate_apply_check(struct rb_store *store, const struct rb_oid *tip,
                        const struct rb_oid *check, struct rb_gate_finds *finds, struct rb_err *err)
{
	struct rb_commit commit = {0};
	char *looked_at = NULL;
	int rc;

	if (rb_oid_is_none(tip) || rb_oid_is_none(check))
		return RB_OK;
	rc = rb_commit_read(store->repo, check, &commit, err);
	/* The check of a state that the remote has not got says nothing of what it has. */
	if (rc == RB_OK && commit.parent_count == 1)
		rc = rb_commit_is_ancestor(store->repo, &commit.parents[0], tip, err);
	if (rc == 1) {
		rc = check_sources(commit.message, &looked_at, err);
		if (rc == RB_OK)
			rc = apply(store, &commit, looked_at, finds, err);
	}
	free(looked_at);
	rb_commit_release(&commit);
	return rc == RB_E_NOTFOUND ? RB_OK : rc;
}

const struct rb_gate_found *rb_gate_worst(const struct rb_gate_finds *finds)
{
	const struct rb_gate_found *worst = &finds->items[0];

	for (size_t i = 0; i < finds->count; i++) {
		const struct rb_gate_found *found = &finds->items[i];

		if (!*found->id)
			return found;
		if (found->fresh_unix_s < worst->fresh_unix_s)
			worst = found;
	}
	return worst;
}
