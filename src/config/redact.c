/*
 * rb_config_redact_url(): see rowback/config/secret.h.
 *
 * Written to err on the side of hiding: a URL that no parser would accept, a password with
 * '@' or '/' in it for example, is what somebody pastes when a login fails.
 */
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "config_priv.h"
#include "rowback/config/secret.h"

/* User names this long that stand without a password are tokens, as hosts of git use them. */
#define TOKEN_BYTES_MIN 20

static const char *const secret_endings[] = {"password", "passwd",    "pwd", "token",
                                             "secret",   "signature", "key", NULL};

bool rb_config_is_secret_name(const char *name, size_t len)
{
	for (size_t i = 0; secret_endings[i]; i++) {
		size_t ending = strlen(secret_endings[i]);

		if (len >= ending &&
		    strncasecmp(name + len - ending, secret_endings[i], ending) == 0)
			return true;
	}
	return false;
}

/* Length of the value at text: to the next '&', '#' or blank, or a quoted string. */
static size_t value_len(const char *text)
{
	size_t len = 1;

	if (text[0] != '\'')
		return strcspn(text, "&# \t\n");
	while (text[len] && text[len] != '\'')
		len += text[len] == '\\' && text[len + 1] ? 2 : 1;
	return text[len] ? len + 1 : len;
}

/* Append text, with the values of secret parameters hidden. */
static int add_params(const char *text, struct rb_buf *out, struct rb_err *err)
{
	int rc = RB_OK;

	while (rc == RB_OK && *text) {
		size_t name = strcspn(text, "=?&;# \t\n");

		if (text[name] == '=' && rb_config_is_secret_name(text, name)) {
			rc = rb_buf_add(out, text, name + 1, err);
			if (rc == RB_OK)
				rc = rb_buf_adds(out, "***", err);
			text += name + 1;
			text += value_len(text);
		} else {
			size_t used = text[name] ? name + 1 : name;

			rc = rb_buf_add(out, text, used, err);
			text += used;
		}
	}
	return rc;
}

/* Where the user information before a host ends ('@'), or NULL. */
static const char *find_at(const char *start)
{
	size_t before_query = strcspn(start, "?#");
	const char *at = NULL;

	if (start[0] == '/')
		return NULL;
	for (size_t i = 0; i < before_query; i++) {
		if (start[i] == '@')
			at = start + i;
	}
	/* A raw '?' or '#' in the password hides the '@' behind it. */
	if (!at && memchr(start, ':', before_query))
		at = strrchr(start, '@');
	return at;
}

int rb_config_redact_url(const char *url, struct rb_buf *out, struct rb_err *err)
{
	const char *start = strstr(url, "://");
	const char *at;
	const char *colon;
	size_t keep;
	int rc;

	start = start ? start + 3 : NULL;
	at = start ? find_at(start) : NULL;
	if (!at)
		return add_params(url, out, err);

	colon = memchr(start, ':', (size_t)(at - start));
	if (colon)
		keep = (size_t)(colon + 1 - url);
	else if (at - start >= TOKEN_BYTES_MIN)
		keep = (size_t)(start - url);
	else
		return add_params(url, out, err);

	rc = rb_buf_add(out, url, keep, err);
	if (rc == RB_OK)
		rc = rb_buf_adds(out, "***", err);
	if (rc == RB_OK)
		rc = add_params(at, out, err);
	return rc;
}
