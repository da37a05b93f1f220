/*
 * See rowback/runtime/state.h.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "rowback/base/buf.h"
#include "rowback/base/encode.h"
#include "rowback/base/fs.h"
#include "rowback/base/log.h"
#include "rowback/runtime/state.h"
#include "rowback/value/json.h"

#define STATE_VERSION 1

struct rb_state {
	char *path;       /* the file */
	json_t *sections; /* object of objects of strings */
	bool dirty;       /* changed since it was loaded or saved */
};

/* Whether a document has the layout of the header's example, strings at the end. */
static bool is_sections(json_t *sections)
{
	void *outer;
	void *inner;

	if (!json_is_object(sections))
		return false;
	for (outer = json_object_iter(sections); outer;
	     outer = json_object_iter_next(sections, outer)) {
		json_t *section = json_object_iter_value(outer);

		if (!json_is_object(section))
			return false;
		for (inner = json_object_iter(section); inner;
		     inner = json_object_iter_next(section, inner)) {
			if (!json_is_string(json_object_iter_value(inner)))
				return false;
		}
	}
	return true;
}

/* The sections of a file: a new reference, or NULL when it cannot be used. */
static json_t *read_sections(const char *path)
{
	struct rb_buf text = RB_BUF(RB_STATE_BYTES_MAX);
	struct rb_err why = {0};
	json_t *doc = NULL;
	json_t *sections = NULL;
	int64_t version;

	if (rb_fs_read(path, &text, &why) < 0)
		goto out;
	if (rb_json_parse(rb_buf_str(&text), text.len, path, &doc, &why) < 0 ||
	    rb_json_get_int(doc, "version", &version, &why) < 0)
		goto out;
	sections = json_object_get(doc, "sections");
	if (version != STATE_VERSION || !is_sections(sections)) {
		rb_err_set(&why, RB_E_FORMAT, "'%s' is not of version %d", path, STATE_VERSION);
		sections = NULL;
		goto out;
	}
	json_incref(sections);

out:
	if (why.status != RB_OK && why.status != RB_E_NOTFOUND)
		rb_log(RB_LOG_DEBUG, "starting with an empty state: %s", why.msg);
	json_decref(doc);
	rb_buf_release(&text);
	return sections;
}

int rb_state_load(const char *path, struct rb_state **out, struct rb_err *err)
{
	struct rb_state *state = calloc(1, sizeof(*state));

	if (!state)
		return rb_err_set(err, RB_E_NOMEM, "no memory for '%s'", path);
	state->path = strdup(path);
	state->sections = read_sections(path);
	if (!state->sections)
		state->sections = json_object();
	if (!state->path || !state->sections) {
		rb_state_free(state);
		return rb_err_set(err, RB_E_NOMEM, "no memory for '%s'", path);
	}
	*out = state;
	return RB_OK;
}

void rb_state_free(struct rb_state *state)
{
	if (!state)
		return;
	json_decref(state->sections);
	free(state->path);
	free(state);
}

const char *rb_state_get(const struct rb_state *state, const char *section, const char *name)
{
	return json_string_value(json_object_get(json_object_get(state->sections, section), name));
}

static bool is_utf8(const char *text)
{
	size_t len = strlen(text);

	return rb_utf8_valid_len(text, len) == len;
}

int rb_state_set(struct rb_state *state, const char *section, const char *name, const char *value,
                 struct rb_err *err)
{
	const char *old = rb_state_get(state, section, name);
	json_t *object;

	if (!is_utf8(section) || !is_utf8(name) || !is_utf8(value))
		return rb_err_set(err, RB_E_FORMAT, "the state '%s' '%s' is not UTF-8", section,
		                  name);
	if (old && strcmp(old, value) == 0)
		return RB_OK;

	object = json_object_get(state->sections, section);
	if (!object) {
		object = json_object();
		if (json_object_set_new(state->sections, section, object) < 0)
			return rb_err_set(err, RB_E_NOMEM, "no memory for '%s'", state->path);
	}
	if (json_object_set_new(object, name, json_string(value)) < 0)
		return rb_err_set(err, RB_E_NOMEM, "no memory for '%s'", state->path);
	state->dirty = true;
	return RB_OK;
}

int rb_state_each(const struct rb_state *state, const char *section,
                  int (*fn)(void *ctx, const char *name, const char *value, struct rb_err *err),
                  void *ctx, struct rb_err *err)
{
	json_t *object = json_object_get(state->sections, section);
	int rc = RB_OK;

	for (void *at = json_object_iter(object); at && rc >= 0;
	     at = json_object_iter_next(object, at))
		rc = fn(ctx, json_object_iter_key(at),
		        json_string_value(json_object_iter_value(at)), err);
	return rc < 0 ? rc : RB_OK;
}

void rb_state_unset(struct rb_state *state, const char *section, const char *name)
{
	json_t *object = json_object_get(state->sections, section);

	if (!object || (name && json_object_del(object, name) < 0))
		return;
	if (!name || json_object_size(object) == 0)
		json_object_del(state->sections, section);
	state->dirty = true;
}

int rb_state_save(struct rb_state *state, struct rb_err *err)
{
	struct rb_buf text = RB_BUF(RB_STATE_BYTES_MAX);
	json_t *doc = NULL;
	int rc;

	if (!state->dirty)
		return RB_OK;
	doc = json_pack("{s:i, s:O}", "version", STATE_VERSION, "sections", state->sections);
	if (!doc) {
		rc = rb_err_set(err, RB_E_NOMEM, "no memory for '%s'", state->path);
		goto out;
	}
	rc = rb_json_dump(doc, &text, err);
	if (rc < 0)
		goto out;
	rc = rb_fs_replace(state->path, text.data, text.len, 0600, err);
	if (rc == RB_OK)
		state->dirty = false;

out:
	json_decref(doc);
	rb_buf_release(&text);
	return rc;
}
