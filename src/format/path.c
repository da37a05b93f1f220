/*
 * See rowback/format/path.h.
 */
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "rowback/base/encode.h"
#include "rowback/format/path.h"
#include "rowback/value/key.h"

#define FORM_MAX 80 /* longer forms are cut: a path of two such names stays below 260 bytes */
#define FORM_CUT 60

/* Names that Windows keeps for devices, with any extension, and our own files. */
static const char *const reserved[] = {"con", "prn", "aux", "nul", "clock$", "conin$", "conout$"};
static const char *const own[] = {"schema.sql", "schema.json"};

static bool same_word(const char *name, size_t len, const char *word)
{
	if (strlen(word) != len)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (tolower((unsigned char)name[i]) != word[i])
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
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		if (same_word(name, stem, reserved[i]))
			return true;
	}
	return stem == 4 && name[3] >= '0' && name[3] <= '9' &&
	       (same_word(name, 3, "com") || same_word(name, 3, "lpt"));
}

static bool is_plain(const char *name, size_t at, size_t len)
{
	unsigned char c = (unsigned char)name[at];

	if (c >= 0x80)
		return false;
	if (isalnum(c) || c == '_')
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

	if (len == 0)
		return rb_buf_adds(out, "%", err);
	for (size_t i = 0; i < len; i++) {
		int rc;

		if (is_plain(name, i, len) && !(escape_first && i == 0))
			rc = rb_buf_add(out, name + i, 1, err);
		else
			rc = rb_buf_addf(out, err, "%%%02x", (unsigned char)name[i]);
		if (rc < 0)
			return rc;
	}
	return RB_OK;
}

int rb_path_encode(const char *name, struct rb_buf *out, struct rb_err *err)
{
	size_t start = out->len;
	size_t cut = FORM_CUT;
	int rc = encode_whole(name, out, err);

	if (rc < 0 || out->len - start <= FORM_MAX)
		return rc;
	/* Not in the middle of an escape. */
	for (size_t back = 1; back <= 2; back++) {
		if (out->data[start + cut - back] == '%') {
			cut -= back;
			break;
		}
	}
	out->len = start + cut;
	return rb_buf_addf(out, err, "%%%%%016llx",
	                   (unsigned long long)rb_key_hash(name, strlen(name)));
}

bool rb_path_collides(const char *a, const char *b)
{
	if (strlen(a) != strlen(b))
		return false;
	for (; *a; a++, b++) {
		if ((unsigned char)*a < 0x80 && (unsigned char)*b < 0x80
		            ? tolower((unsigned char)*a) != tolower((unsigned char)*b)
		            : *a != *b)
			return false;
	}
	return true;
}

int rb_path_encode_cased(const char *name, struct rb_buf *out, struct rb_err *err)
{
	size_t start = out->len;
	unsigned char bits[FORM_MAX / 8 + 4] = {0};
	size_t top = 0;
	int rc = rb_path_encode(name, out, err);

	if (rc < 0)
		return rc;
	for (size_t i = start; i < out->len && (i - start) / 8 < sizeof(bits); i++) {
		if (out->data[i] >= 'A' && out->data[i] <= 'Z') {
			top = (i - start) / 8;
			bits[top] = (unsigned char)(bits[top] | 1U << ((i - start) % 8));
		}
	}
	if (top == 0 && bits[0] == 0)
		return RB_OK;
	rc = rb_buf_adds(out, "%%", err);
	for (size_t i = top + 1; rc == RB_OK && i-- > 0;)
		rc = rb_buf_addf(out, err, i == top ? "%x" : "%02x", bits[i]);
	return rc;
}

static int not_ours(const char *component, struct rb_err *err)
{
	return rb_err_set(err, RB_E_FORMAT, "'%s' is not a name that rowback makes", component);
}

/* A form, its case suffix removed; whole escapes only. */
static int decode_form(const char *form, size_t len, struct rb_buf *out)
{
	if (len == 1 && form[0] == '%')
		return RB_OK;
	for (size_t i = 0; i < len; i++) {
		unsigned char byte = (unsigned char)form[i];

		if (form[i] == '%') {
			if (len - i < 3 || !rb_hex_decode(form + i + 1, 2, &byte, 1))
				return RB_E_FORMAT;
			i += 2;
		}
		if (byte == 0)
			return RB_E_FORMAT;
		if (rb_buf_add(out, &byte, 1, NULL) < 0)
			return RB_E_NOMEM;
	}
	return RB_OK;
}

int rb_path_decode(const char *component, struct rb_buf *out, struct rb_err *err)
{
	const char *suffix = strstr(component, "%%");
	size_t len = suffix ? (size_t)(suffix - component) : strlen(component);
	size_t start = out->len;
	struct rb_buf again = RB_BUF(4096);
	int rc = RB_OK;

	if (len == 0 || decode_form(component, len, out) < 0) {
		rc = not_ours(component, err);
		goto out;
	}
	/* One name has one form: what does not come out the same was not made here. */
	rc = rb_buf_add(out, "", 0, err);
	if (rc < 0)
		goto out;
	rc = suffix ? rb_path_encode_cased(out->data + start, &again, err)
	            : rb_path_encode(out->data + start, &again, err);
	if (rc == RB_OK && strcmp(rb_buf_str(&again), component) != 0)
		rc = not_ours(component, err);

out:
	if (rc < 0 && out->data) {
		out->len = start;
		out->data[start] = '\0';
	}
	rb_buf_release(&again);
	return rc;
}
