/*
 * See rollback_priv.h: what was begun, in a file.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "rowback/base/fs.h"
#include "rowback/base/time.h"
#include "rowback/value/json.h"
#include "rollback_priv.h"

#define VERSION 1
#define FILE_MAX ((size_t)1 << 20)
#define SOURCES_MAX 10000

static const char *const step_names[] = {"begun", "code", "data", "push", "command"};
static const char *const step_words[] = {"before anything was changed", "while the code was moved",
                                         "while the data was restored", "while the code was pushed",
                                         "while the command ran"};
static const char *const code_names[] = {"stays", "commit", "forward", "reset"};

#define STEPS (sizeof(step_names) / sizeof(step_names[0]))
#define CODES (sizeof(code_names) / sizeof(code_names[0]))

const char *rb_rollback_step_words(enum rb_rollback_step step)
{
	return step_words[step];
}

void rb_rollback_journal_release(struct rb_rollback_journal *journal)
{
	for (size_t i = 0; i < journal->source_count; i++)
		free(journal->sources[i]);
	free(journal->sources);
	free(journal->branch);
	free(journal->remote);
	memset(journal, 0, sizeof(*journal));
}

static int damaged(const char *path, const char *what, struct rb_err *err)
{
	rb_err_set(err, RB_E_FORMAT, "the record of a rollback that was broken off, '%s', %s", path,
	           what);
	return rb_err_hint(err, "look at it, put code and data right, then remove it");
}

/* One of a list of names, as its place. */
static int get_choice(const json_t *doc, const char *member, const char *const *names, size_t count,
                      size_t *out)
{
	const char *text;

	if (rb_json_get_string(doc, member, &text, NULL) < 0)
		return RB_E_FORMAT;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(names[i], text) == 0) {
			*out = i;
			return RB_OK;
		}
	}
	return RB_E_FORMAT;
}

static int get_id(const json_t *doc, const char *member, char out[17])
{
	const char *text;
	int64_t ignored;

	if (rb_json_get_string(doc, member, &text, NULL) < 0 || strlen(text) != 16 ||
	    rb_time_parse_utc(text, &ignored, NULL) < 0)
		return RB_E_FORMAT;
	memcpy(out, text, 17);
	return RB_OK;
}

/* A commit's name, or "". */
static int get_oid(const json_t *doc, const char *member, char out[RB_APP_OID_SIZE])
{
	const char *text;
	size_t len;

	if (rb_json_get_string(doc, member, &text, NULL) < 0)
		return RB_E_FORMAT;
	len = strlen(text);
	if ((len != 0 && len != 40 && len != 64) || strspn(text, "0123456789abcdef") != len)
		return RB_E_FORMAT;
	memcpy(out, text, len + 1);
	return RB_OK;
}

/* A name, or null. */
static int get_name(const json_t *doc, const char *member, char **out)
{
	const json_t *value = json_object_get(doc, member);

	if (json_is_null(value))
		return RB_OK;
	return value ? rb_json_get_bytes(value, member, out, NULL) : RB_E_FORMAT;
}

static int get_sources(const json_t *doc, struct rb_rollback_journal *out)
{
	const json_t *list = json_object_get(doc, "sources");
	size_t count = json_array_size(list);
	int rc = RB_OK;

	if (!json_is_array(list) || count > SOURCES_MAX)
		return RB_E_FORMAT;
	out->sources = calloc(count + 1, sizeof(*out->sources));
	if (!out->sources)
		return RB_E_NOMEM;
	for (size_t i = 0; rc == RB_OK && i < count; i++) {
		rc = rb_json_get_bytes(json_array_get(list, i), "source", &out->sources[i], NULL);
		out->source_count += rc == RB_OK;
	}
	return rc;
}

static int take(const json_t *doc, struct rb_rollback_journal *out)
{
	const json_t *undo = json_object_get(doc, "undo");
	const char *begun = NULL;
	int64_t version = 0;
	size_t step = 0;
	size_t code = 0;
	int rc = rb_json_get_int(doc, "version", &version, NULL);

	if (rc == RB_OK && version != VERSION)
		rc = RB_E_UNSUPPORTED;
	if (rc == RB_OK)
		rc = rb_json_get_string(doc, "begun", &begun, NULL);
	if (rc == RB_OK)
		rc = rb_time_parse_utc(begun, &out->begun_unix_s, NULL);
	if (rc == RB_OK)
		rc = get_choice(doc, "step", step_names, STEPS, &step);
	if (rc == RB_OK)
		rc = get_choice(doc, "code", code_names, CODES, &code);
	if (rc == RB_OK)
		rc = get_id(doc, "backup", out->backup);
	if (rc == RB_OK)
		rc = get_id(doc, "safety", out->safety);
	if (rc == RB_OK)
		rc = get_id(doc, "keep", out->keep);
	if (rc == RB_OK)
		rc = get_oid(doc, "code_before", out->before);
	if (rc == RB_OK)
		rc = get_oid(doc, "code_after", out->after);
	if (rc == RB_OK)
		rc = get_oid(doc, "code_back", out->back);
	if (rc == RB_OK)
		rc = get_name(doc, "branch", &out->branch);
	if (rc == RB_OK)
		rc = get_name(doc, "remote", &out->remote);
	if (rc == RB_OK)
		rc = get_sources(doc, out);
	out->step = (enum rb_rollback_step)step;
	out->code = (enum rb_rollback_code)code;
	out->is_undo = json_is_true(undo);
	/* A branch that is moved must be known. */
	if (rc == RB_OK && out->code != RB_CODE_STAYS && (!out->branch || !*out->before))
		rc = RB_E_FORMAT;
	return rc;
}

int rb_rollback_journal_read(const char *path, struct rb_rollback_journal *out, struct rb_err *err)
{
	struct rb_buf text = RB_BUF(FILE_MAX);
	json_t *doc = NULL;
	int rc;

	memset(out, 0, sizeof(*out));
	rc = rb_fs_read(path, &text, err);
	if (rc < 0)
		goto out;
	rc = rb_json_parse(rb_buf_str(&text), text.len, path, &doc, NULL);
	if (rc == RB_OK)
		rc = take(doc, out);
	if (rc == RB_E_NOMEM)
		rb_err_set(err, rc, "no memory for '%s'", path);
	else if (rc == RB_E_UNSUPPORTED)
		rc = damaged(path, "was written by another version of rowback", err);
	else if (rc < 0)
		rc = damaged(path, "cannot be read", err);

out:
	if (rc < 0)
		rb_rollback_journal_release(out);
	json_decref(doc);
	rb_buf_release(&text);
	return rc;
}

static json_t *name_json(const char *name)
{
	return name ? rb_json_bytes(name, strlen(name)) : json_null();
}

static json_t *make_doc(const struct rb_rollback_journal *journal)
{
	json_t *sources = json_array();
	char begun[21];

	rb_time_format_iso(journal->begun_unix_s, begun);
	for (size_t i = 0; i < journal->source_count; i++) {
		if (json_array_append_new(sources, name_json(journal->sources[i])) < 0) {
			json_decref(sources);
			return NULL;
		}
	}
	return json_pack("{s:i, s:s, s:s, s:b, s:s, s:s, s:s, s:s, s:o, s:o, s:s, s:s, s:s, s:o}",
	                 "version", VERSION, "begun", begun, "step", step_names[journal->step],
	                 "undo", journal->is_undo, "backup", journal->backup, "safety",
	                 journal->safety, "keep", journal->keep, "code", code_names[journal->code],
	                 "branch", name_json(journal->branch), "remote", name_json(journal->remote),
	                 "code_before", journal->before, "code_after", journal->after, "code_back",
	                 journal->back, "sources", sources);
}

int rb_rollback_journal_write(struct rb_rollback *rollback, enum rb_rollback_step step,
                              struct rb_err *err)
{
	struct rb_buf text = RB_BUF(FILE_MAX);
	json_t *doc;
	int rc;

	rollback->journal.step = step;
	doc = make_doc(&rollback->journal);
	if (!doc)
		return rb_err_set(err, RB_E_NOMEM, "no memory for a rollback");
	rc = rb_json_dump(doc, &text, err);
	if (rc == RB_OK)
		rc = rb_fs_replace(rollback->journal_path, rb_buf_str(&text), text.len, 0600, err);
	json_decref(doc);
	rb_buf_release(&text);
	return rc;
}

int rb_rollback_journal_remove(struct rb_rollback *rollback, struct rb_err *err)
{
	char *slash = strrchr(rollback->journal_path, '/');
	int rc = RB_OK;

	if (unlink(rollback->journal_path) < 0 && errno != ENOENT)
		return rb_err_sys(err, errno, "cannot remove '%s'", rollback->journal_path);
	if (slash) {
		*slash = '\0';
		rc = rb_fs_sync_dir(rollback->journal_path, err);
		*slash = '/';
	}
	return rc;
}

int rb_rollback_unfinished(struct rb_store *store, char **out, struct rb_err *err)
{
	struct rb_rollback_journal journal = {0};
	struct rb_buf text = RB_BUF((size_t)4096);
	char *path = rb_repo_state_path(store->repo, "rollback.json");
	char begun[21];
	int rc;

	*out = NULL;
	if (!path)
		return rb_err_set(err, RB_E_NOMEM, "no memory for a path");
	rc = rb_rollback_journal_read(path, &journal, err);
	if (rc == RB_OK) {
		rb_time_format_iso(journal.begun_unix_s, begun);
		rc = rb_buf_addf(&text, err, "%s backup %s was begun %s and broken off %s",
		                 journal.is_undo ? "going back to" : "a rollback to",
		                 journal.backup, begun, rb_rollback_step_words(journal.step));
		if (rc == RB_OK) {
			*out = rb_buf_detach(&text);
			rc = *out ? RB_OK : rb_err_set(err, RB_E_NOMEM, "no memory for a text");
		}
	} else if (rc == RB_E_NOTFOUND) {
		rc = RB_OK;
	}
	rb_rollback_journal_release(&journal);
	rb_buf_release(&text);
	free(path);
	return rc;
}
