/*
 * See rowback/format/path.h.
 *
 * No function of <ctype.h>: what it says depends on the locale.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "rowback/base/encode.h"
#include "rowback/format/path.h"
#include "rowback/value/key.h"

#define FORM_MAX 80 /* longer forms are cut: a path of two such names stays below 260 bytes */
#define FORM_CUT 60

/* Names that Windows keeps for devices, with any extension, and our own files. */
static const char *const devices[] = {"con", "prn", "aux", "nul", "clock$", "conin$", "conout$"};
static const char *const own[] = {"schema.sql", "schema.json"};

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static char lower(char c)
{
	return (char)(is_upper(c) ? c + ('a' - 'A') : c);
}

static bool same_word(const char *name, size_t len, const char *word)
{
	if (strlen(word) != len)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (lower(name[i]) != word[i])
			return false;
	}
	return true;
}

static bool is_reserved(const char *name)
{
	size_t len = strlen(name);
	size_t stem = strcspn(name, ".");

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		if (same_word(name, len, own[i]))
			return true;
	}
	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
		if (same_word(name, stem, devices[i]))
			return true;
	}
	return stem == 4 && is_digit(name[3]) &&
	       (same_word(name, 3, "com") || same_word(name, 3, "lpt"));
}

static bool is_plain(const char *name, size_t at, size_t len)
{
	char c = name[at];

	if ((lower(c) >= 'a' && lower(c) <= 'z') || is_digit(c) || c == '_')
		return true;
	if (c == '-')
		return at > 0;
	return c == '.' && at > 0 && at + 1 < len;
}

/* The whole form, not cut. */
static int encode_whole(const char *name, struct rb_buf *out, struct rb_err *err)
{
	size_t len = strlen(name);
	bool escape_first = is_reserved(name);
	int rc = RB_OK;

	if (len == 0)
		return rb_buf_adds(out, "%", err);
	for (size_t i = 0; rc == RB_OK && i < len; i++) {
		if (is_plain(name, i, len) && !(escape_first && i == 0))
			rc = rb_buf_add(out, name + i, 1, err);
		else
			rc = rb_buf_addf(out, err, "%%%02x", (unsigned char)name[i]);
	}
	return rc;
}

/* Take back what was appended. */
static void cut_back(struct rb_buf *out, size_t len)
{
	if (!out->data)
		return;
	out->len = len;
	out->data[len] = '\0';
}

/* Cut the form that begins at `start`, not in the middle of an escape. */
static int shorten(const char *name, size_t start, struct rb_buf *out, struct rb_err *err)
{
	size_t cut = FORM_CUT;

	for (size_t back = 1; back <= 2; back++) {
		if (out->data[start + FORM_CUT - back] == '%') {
			cut -= back;
			break;
		}
	}
	cut_back(out, start + cut);
	return rb_buf_addf(out, err, "%%%%%016llx",
	                   (unsigned long long)rb_key_hash(name, strlen(name)));
}

int rb_path_encode(const char *name, struct rb_buf *out, struct rb_err *err)
{
	size_t start = out->len;
	int rc = encode_whole(name, out, err);

	if (rc == RB_OK && out->len - start > FORM_MAX)
		rc = shorten(name, start, out, err);
	if (rc < 0)
		cut_back(out, start);
	return rc;
}

int rb_path_fold(const char *name, struct rb_buf *out, struct rb_err *err)
{
	size_t start = out->len;
	int rc = rb_buf_adds(out, name, err);

	for (size_t i = start; rc == RB_OK && i < out->len; i++)
		out->data[i] = lower(out->data[i]);
	return rc;
}

/* Append which bytes of the form at `start` are capitals. */
static int add_capitals(size_t start, struct rb_buf *out, struct rb_err *err)
{
	unsigned char bits[FORM_MAX / 8] = {0};
	size_t len = out->len - start;
	size_t top = 0;
	int rc;

	for (size_t i = 0; i < len; i++) {
		if (is_upper(out->data[start + i])) {
			top = i / 8;
			bits[top] = (unsigned char)(bits[top] | 1U << (i % 8));
		}
	}
	if (bits[top] == 0)
		return RB_OK;
	rc = rb_buf_addf(out, err, "%%%%%x", bits[top]);
	while (rc == RB_OK && top-- > 0)
		rc = rb_buf_addf(out, err, "%02x", bits[top]);
	return rc;
}

int rb_path_encode_cased(const char *name, struct rb_buf *out, struct rb_err *err)
{
	size_t start = out->len;
	int rc = rb_path_encode(name, out, err);

	if (rc == RB_OK)
		rc = add_capitals(start, out, err);
	if (rc < 0)
		cut_back(out, start);
	return rc;
}

static int not_ours(const char *component, struct rb_err *err)
{
	return rb_err_set(err, RB_E_FORMAT, "'%.200s' is not a name that rowback makes", component);
}

/* Append what a form's escapes and bytes stand for, without asking whether it is ours. */
static int decode_form(const char *form, size_t len, struct rb_buf *out, struct rb_err *err)
{
	int rc = RB_OK;

	if (len == 1 && form[0] == '%')
		return rb_buf_adds(out, "", err);
	for (size_t i = 0; rc == RB_OK && i < len; i++) {
		char byte = form[i];

		if (byte == '%') {
			if (len - i < 3 || !rb_hex_decode(form + i + 1, 2, &byte, 1) || byte == 0)
				return not_ours(form, err);
			i += 2;
		}
		rc = rb_buf_add(out, &byte, 1, err);
	}
	return rc;
}

int rb_path_decode(const char *component, struct rb_buf *out, struct rb_err *err)
{
	const char *suffix = strstr(component, "%%");
	size_t len = suffix ? (size_t)(suffix - component) : strlen(component);
	size_t start = out->len;
	struct rb_buf again = RB_BUF(4 * RB_PATH_COMPONENT_MAX);
	int rc;

	if (len == 0 || strlen(component) > RB_PATH_COMPONENT_MAX)
		return not_ours(component, err);
	rc = decode_form(component, len, out, err);
	/* One name has one form: what does not come out the same was not made here. */
	if (rc == RB_OK)
		rc = suffix ? rb_path_encode_cased(out->data + start, &again, err)
		            : rb_path_encode(out->data + start, &again, err);
	if (rc == RB_OK && strcmp(rb_buf_str(&again), component) != 0)
		rc = not_ours(component, err);
	if (rc < 0)
		cut_back(out, start);
	rb_buf_release(&again);
	return rc;
}
