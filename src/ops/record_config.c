/*
 * rb_record_config(): see rowback/ops/record.h.
 */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "rowback/base/encode.h"
#include "rowback/base/time.h"
#include "rowback/config/secret.h"
#include "record_priv.h"

#define NAME_MAX_BYTES ((size_t)64 << 10)
#define TEXT_MAX ((size_t)16 << 20)
#define SHOWN_MAX 512 /* bytes of one value that are kept */
#define DIGEST_LEN 40 /* and a blank, before the value */

static const char *const sections[] = {"rowback.",  "source.",    "app.",   "gate.",
                                       "rollback.", "retention.", "store.", NULL};

/* What is looked at. */
struct look {
	json_t *now;  /* names, and what the state holds of them */
	bool own;     /* take rowback's sections */
	bool remotes; /* take the URLs of remotes */
};

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory to compare the configuration");
}

static bool ends_with(const char *text, const char *ending)
{
	size_t len = strlen(text);

	return len >= strlen(ending) && strcmp(text + len - strlen(ending), ending) == 0;
}

static bool is_wanted(const struct look *look, const char *name)
{
	if (look->remotes && strncmp(name, "remote.", strlen("remote.")) == 0)
		return ends_with(name, ".url") || ends_with(name, ".pushurl");
	for (size_t i = 0; look->own && sections[i]; i++) {
		if (strncmp(name, sections[i], strlen(sections[i])) == 0)
			return true;
	}
	return false;
}

/* Append text for a line of JSON that people read: control bytes and no UTF-8 become '?'. */
static int add_clean(const char *text, struct rb_buf *out, struct rb_err *err)
{
	int rc = RB_OK;

	while (rc == RB_OK && *text) {
		size_t valid = rb_utf8_valid_len(text, strlen(text));

		for (size_t i = 0; rc == RB_OK && i < valid; i++) {
			bool is_control = (unsigned char)text[i] < ' ' || text[i] == 0x7f;

			rc = rb_buf_add(out, is_control ? "?" : text + i, 1, err);
		}
		text += valid;
		if (rc == RB_OK && *text) {
			rc = rb_buf_adds(out, "?", err);
			text++;
		}
	}
	return rc;
}

/* The digest of a value and of those of the same name before it. */
static int digest(const char *before, const char *value, char hex[RB_OID_HEX_SIZE],
                  struct rb_err *err)
{
	struct rb_buf text = RB_BUF(TEXT_MAX);
	struct rb_oid oid;
	int rc = rb_buf_add(&text, before, strnlen(before, DIGEST_LEN), err);

	if (rc == RB_OK)
		rc = rb_buf_adds(&text, value, err);
	if (rc == RB_OK)
		rc = rb_object_id(RB_OBJECT_BLOB, rb_buf_str(&text), text.len, &oid, err);
	if (rc == RB_OK)
		rb_oid_hex(&oid, hex);
	rb_secret_release_buf(&text);
	return rc;
}

/* What may be shown of "DIGEST SHOWN". */
static const char *shown_of(const char *kept)
{
	return strlen(kept) > DIGEST_LEN ? kept + DIGEST_LEN + 1 : "";
}

/* Append the value without secrets, and not endlessly. */
static int add_shown(const char *value, struct rb_buf *out, struct rb_err *err)
{
	struct rb_buf hidden = RB_BUF(TEXT_MAX);
	bool is_cut = false;
	int rc = rb_config_redact_text(value, &hidden, err);

	if (rc == RB_OK && hidden.len > SHOWN_MAX) {
		hidden.data[SHOWN_MAX] = '\0';
		is_cut = true;
	}
	if (rc == RB_OK)
		rc = add_clean(rb_buf_str(&hidden), out, err);
	if (rc == RB_OK && is_cut)
		rc = rb_buf_adds(out, "...", err);
	rb_buf_release(&hidden);
	return rc;
}

static int take_entry(void *ctx, const char *name, const char *value, struct rb_err *err)
{
	struct look *look = ctx;
	struct rb_buf key = RB_BUF(NAME_MAX_BYTES);
	struct rb_buf kept = RB_BUF(TEXT_MAX);
	char hex[RB_OID_HEX_SIZE];
	const char *before;
	int rc;

	if (!is_wanted(look, name))
		return RB_OK;
	rc = add_clean(name, &key, err);
	before = rc == RB_OK ? json_string_value(json_object_get(look->now, rb_buf_str(&key)))
	                     : NULL;
	if (rc == RB_OK)
		rc = digest(before ? before : "", value, hex, err);
	if (rc == RB_OK)
		rc = rb_buf_addf(&kept, err, "%s %s%s", hex, before ? shown_of(before) : "",
		                 before ? ", " : "");
	if (rc == RB_OK)
		rc = add_shown(value, &kept, err);
	if (rc == RB_OK &&
	    json_object_set_new(look->now, rb_buf_str(&key), json_string(rb_buf_str(&kept))) < 0)
		rc = no_memory(err);
	rb_buf_release(&key);
	rb_buf_release(&kept);
	return rc;
}

/* Read the configuration; the remotes are in the store's own, whatever else is read. */
static int look_at(struct rb_store *store, const char *config_file, json_t *now, struct rb_err *err)
{
	struct look look = {.now = now, .own = true, .remotes = !config_file};
	int rc = rb_repo_config_each(store->repo, config_file, take_entry, &look, err);

	if (rc < 0 || !config_file)
		return rc;
	look.own = false;
	look.remotes = true;
	return rb_repo_config_each(store->repo, NULL, take_entry, &look, err);
}

/* What differs from what the state holds. */
struct difference {
	json_t *now;
	const char **keys; /* borrowed */
	size_t count;
	size_t room; /* for keys, the NULL at the end not counted */
	struct rb_buf detail;
	bool is_first; /* nothing was seen before */
};

static int add_change(struct difference *diff, const char *key, const char *before,
                      const char *after, struct rb_err *err)
{
	const char *old_text = before ? shown_of(before) : "not set";
	const char *new_text = after ? shown_of(after) : "not set";
	int rc;

	if (diff->count < diff->room)
		diff->keys[diff->count++] = key;
	if (before && after && strcmp(old_text, new_text) == 0)
		rc = rb_buf_addf(&diff->detail, err, "%s%s: %s (what is hidden changed)",
		                 diff->detail.len ? "; " : "", key, new_text);
	else
		rc = rb_buf_addf(&diff->detail, err, "%s%s: %s -> %s", diff->detail.len ? "; " : "",
		                 key, old_text, new_text);
	return rc;
}

static int count_name(void *ctx, const char *name, const char *value, struct rb_err *err)
{
	struct difference *diff = ctx;

	(void)name;
	(void)value;
	(void)err;
	diff->room++;
	diff->is_first = false;
	return RB_OK;
}

static int look_for_removed(void *ctx, const char *name, const char *value, struct rb_err *err)
{
	struct difference *diff = ctx;

	return json_object_get(diff->now, name) ? RB_OK : add_change(diff, name, value, NULL, err);
}

static int compare(const struct rb_state *state, const char *section, struct difference *diff,
                   struct rb_err *err)
{
	int rc = rb_state_each(state, section, count_name, diff, err);

	diff->room += json_object_size(diff->now);
	diff->keys = calloc(diff->room + 1, sizeof(*diff->keys));
	if (!diff->keys)
		return no_memory(err);
	for (void *it = json_object_iter(diff->now); rc == RB_OK && it;
	     it = json_object_iter_next(diff->now, it)) {
		const char *name = json_object_iter_key(it);
		const char *after = json_string_value(json_object_iter_value(it));
		const char *before = rb_state_get(state, section, name);

		if (!before || strcmp(before, after) != 0)
			rc = add_change(diff, name, before, after, err);
	}
	return rc < 0 ? rc : rb_state_each(state, section, look_for_removed, diff, err);
}

static int record(struct rb_store *store, const struct difference *diff, struct rb_err *err)
{
	const struct rb_activity entry = {.time_unix_s = rb_time_now_unix_s(),
	                                  .action = "config",
	                                  .arguments = diff->keys,
	                                  .result = "ok",
	                                  .detail = rb_buf_str(&diff->detail)};

	return diff->is_first ? RB_OK : rb_record_append(store, &entry, err);
}

static int remember(struct rb_store *store, const char *section, json_t *now, struct rb_err *err)
{
	int rc = RB_OK;

	rb_state_unset(store->state, section, NULL);
	for (void *it = json_object_iter(now); rc == RB_OK && it;
	     it = json_object_iter_next(now, it))
		rc = rb_state_set(store->state, section, json_object_iter_key(it),
		                  json_string_value(json_object_iter_value(it)), err);
	return rc == RB_OK ? rb_state_save(store->state, err) : rc;
}

int rb_record_config(struct rb_store *store, const char *config_file, struct rb_err *err)
{
	struct rb_buf section = RB_BUF(NAME_MAX_BYTES);
	struct difference diff = {.now = json_object(), .is_first = true};
	int rc = diff.now ? rb_buf_adds(&section, config_file ? "config " : "config", err)
	                  : no_memory(err);

	rb_buf_init(&diff.detail, TEXT_MAX);
	if (rc == RB_OK && config_file)
		rc = add_clean(config_file, &section, err);
	if (rc == RB_OK)
		rc = look_at(store, config_file, diff.now, err);
	if (rc == RB_OK)
		rc = compare(store->state, rb_buf_str(&section), &diff, err);
	/* The line first: what could not be recorded is seen again next time. */
	if (rc == RB_OK && diff.count > 0)
		rc = record(store, &diff, err);
	if (rc == RB_OK && diff.count > 0)
		rc = remember(store, rb_buf_str(&section), diff.now, err);
	free(diff.keys);
	rb_buf_release(&diff.detail);
	rb_buf_release(&section);
	json_decref(diff.now);
	return rc;
}
