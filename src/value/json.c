/*
 * See rowback/value/json.h.
 */
#include <stdbool.h>
#include <string.h>

#include "rowback/base/encode.h"
#include "rowback/value/json.h"

#define DEPTH_MAX 64
/* Strings are as long as their document at most, and that is in memory already. */
#define BYTES_MAX (SIZE_MAX / 2)

/* Where a dump goes, and how that went. */
struct dump {
	struct rb_buf *out;
	struct rb_err *err;
	int rc;
};

static int add_to_buf(const char *text, size_t len, void *ctx)
{
	struct dump *dump = ctx;

	/* The library goes on after a member's name that did not fit. */
	if (dump->rc == RB_OK)
		dump->rc = rb_buf_add(dump->out, text, len, dump->err);
	return dump->rc < 0 ? -1 : 0;
}

static int dump_with(const json_t *doc, size_t flags, const char *end, struct rb_buf *out,
                     struct rb_err *err)
{
	struct dump dump = {.out = out, .err = err, .rc = RB_OK};
	size_t before = out->len;

	if (json_dump_callback(doc, add_to_buf, &dump, flags | JSON_ENCODE_ANY) < 0 &&
	    dump.rc == RB_OK)
		dump.rc = rb_err_set(err, RB_E_NOMEM, "no memory to write a JSON document");
	if (dump.rc == RB_OK)
		dump.rc = rb_buf_adds(out, end, err);
	if (dump.rc < 0 && out->data) {
		out->len = before;
		out->data[before] = '\0';
	}
	return dump.rc;
}

int rb_json_dump(const json_t *doc, struct rb_buf *out, struct rb_err *err)
{
	return dump_with(doc, JSON_INDENT(2), "\n", out, err);
}

int rb_json_dump_line(const json_t *doc, struct rb_buf *out, struct rb_err *err)
{
	return dump_with(doc, JSON_COMPACT, "", out, err);
}

/* Brackets outside of strings that are open at once; the parser recurses for each. */
static size_t depth_of(const char *text, size_t len)
{
	size_t depth = 0;
	size_t deepest = 0;
	bool in_string = false;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '[' || c == '{') {
			if (++depth > deepest)
				deepest = depth;
		} else if ((c == ']' || c == '}') && depth > 0) {
			depth--;
		}
	}
	return deepest;
}

/* Without the excerpt of the input that the library appends. */
static int syntax_error(const json_error_t *error, const char *name, struct rb_err *err)
{
	const char *near = strstr(error->text, " near '");
	size_t len = near ? (size_t)(near - error->text) : strlen(error->text);

	return rb_err_set(err, RB_E_FORMAT, "'%s' is not well-formed: line %d, column %d: %.*s",
	                  name, error->line, error->column, (int)len, error->text);
}

int rb_json_parse(const char *text, size_t len, const char *name, json_t **out, struct rb_err *err)
{
	json_error_t error;
	json_t *doc;

	if (depth_of(text, len) > DEPTH_MAX)
		return rb_err_set(err, RB_E_LIMIT, "'%s' is nested deeper than %d", name,
		                  DEPTH_MAX);
	doc = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
	if (!doc) {
		/* Where memory ends early, the library says nothing at all. */
		if (error.text[0] == '\0' || json_error_code(&error) == json_error_out_of_memory)
			return rb_err_set(err, RB_E_NOMEM, "no memory to read '%s'", name);
		return syntax_error(&error, name, err);
	}
	*out = doc;
	return RB_OK;
}

json_t *rb_json_bytes(const char *data, size_t len)
{
	struct rb_buf base64 = RB_BUF(BYTES_MAX);
	json_t *object = NULL;

	if (rb_utf8_valid_len(data, len) == len)
		return json_stringn_nocheck(data ? data : "", len);

	if (rb_base64_encode(data, len, &base64, NULL) == RB_OK)
		object = json_pack("{s:s%}", "$text", rb_buf_str(&base64), base64.len);
	rb_buf_release(&base64);
	return object;
}

static int copy_out(const char *data, size_t len, const char *what, char **out, struct rb_err *err)
{
	struct rb_buf copy = RB_BUF(BYTES_MAX);
	int rc = RB_OK;

	if (len > 0 && memchr(data, 0, len))
		return rb_err_set(err, RB_E_FORMAT, "%s holds a NUL", what);
	rc = rb_buf_add(&copy, data, len, err);
	if (rc < 0)
		return rc;
	*out = rb_buf_detach(&copy);
	return RB_OK;
}

int rb_json_get_bytes(const json_t *value, const char *what, char **out, struct rb_err *err)
{
	const json_t *base64 = json_object_get(value, "$text");
	struct rb_buf bytes = RB_BUF(BYTES_MAX);
	int rc;

	if (json_is_string(value))
		return copy_out(json_string_value(value), json_string_length(value), what, out,
		                err);
	if (json_object_size(value) != 1 || !json_is_string(base64))
		return rb_err_set(err, RB_E_FORMAT, "%s is no string", what);

	rc = rb_base64_decode(json_string_value(base64), json_string_length(base64), &bytes, err);
	if (rc < 0)
		goto out;
	if (rb_utf8_valid_len(bytes.data, bytes.len) == bytes.len) {
		rc = rb_err_set(err, RB_E_FORMAT, "%s is UTF-8 but kept as base64", what);
		goto out;
	}
	rc = copy_out(bytes.data, bytes.len, what, out, err);

out:
	rb_buf_release(&bytes);
	return rc;
}

int rb_json_get_string(const json_t *object, const char *member, const char **out,
                       struct rb_err *err)
{
	const json_t *value = json_object_get(object, member);

	if (!value)
		return rb_err_set(err, RB_E_FORMAT, "'%s' is missing", member);
	if (!json_is_string(value) ||
	    memchr(json_string_value(value), 0, json_string_length(value)))
		return rb_err_set(err, RB_E_FORMAT, "'%s' is no string", member);
	*out = json_string_value(value);
	return RB_OK;
}

int rb_json_get_int(const json_t *object, const char *member, int64_t *out, struct rb_err *err)
{
	const json_t *value = json_object_get(object, member);

	if (!value)
		return rb_err_set(err, RB_E_FORMAT, "'%s' is missing", member);
	if (!json_is_integer(value))
		return rb_err_set(err, RB_E_FORMAT, "'%s' is no integer", member);
	*out = json_integer_value(value);
	return RB_OK;
}
