/*
 * URLs of remotes: what they are, and what of them may be shown.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "remote_priv.h"

/* A user name this long, of letters and digits, is a token that stands where users stand. */
enum { TOKEN_LEN_MIN = 20 };

static bool is_scheme_char(char c)
{
	return isalnum((unsigned char)c) || c == '+' || c == '-' || c == '.';
}

/* Whether a user name is a secret itself: hosts take a token in its place. */
static bool looks_like_token(const char *user, size_t len)
{
	static const char *const prefixes[] = {"ghp_", "gho_", "ghu_",       "ghs_",
	                                       "ghr_", "glp",  "github_pat_"};
	bool has_digit = false;

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		size_t prefix_len = strlen(prefixes[i]);

		if (len >= prefix_len && strncmp(user, prefixes[i], prefix_len) == 0)
			return true;
	}
	if (len < TOKEN_LEN_MIN)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)user[i]) && user[i] != '_' && user[i] != '-')
			return false;
		if (isdigit((unsigned char)user[i]))
			has_digit = true;
	}
	return has_digit;
}

static const char *last_at(const char *text, const char *end)
{
	while (end > text) {
		if (*--end == '@')
			return end;
	}
	return NULL;
}

/* Where user and password end: at the last '@' before the path, or NULL. */
static const char *userinfo_end(const char *text, const char *end)
{
	const char *path = text;
	const char *at;
	const char *colon;
	const char *port;

	while (path < end && !strchr("/?#", *path))
		path++;
	at = last_at(text, path);
	colon = memchr(text, ':', (size_t)(path - text));
	if (at || !colon || *text == '[')
		return at;
	/* "user:pass/word@host", not encoded: what stands where a port would is none. */
	port = colon + 1;
	while (port < path && isdigit((unsigned char)*port))
		port++;
	return port < path ? last_at(path, end) : NULL;
}

/* Append one URL, whose "://" is at `mark`. */
static int redact_one(const char *text, const char *mark, const char *end, struct rb_buf *out,
                      struct rb_err *err)
{
	const char *user = mark + 3;
	const char *at = userinfo_end(user, end);
	const char *query = memchr(at ? at : user, '?', (size_t)(end - (at ? at : user)));
	const char *rest = at ? at : user;
	const char *colon = at ? memchr(user, ':', (size_t)(at - user)) : NULL;
	const char *user_end = colon ? colon : rest;
	int rc;

	rc = rb_buf_add(out, text, (size_t)(user - text), err);
	if (rc == RB_OK && at) {
		if (looks_like_token(user, (size_t)(user_end - user)))
			rc = rb_buf_adds(out, "***", err);
		else
			rc = rb_buf_add(out, user, (size_t)(user_end - user), err);
		if (rc == RB_OK && colon)
			rc = rb_buf_adds(out, ":***", err);
	}
	if (rc == RB_OK)
		rc = rb_buf_add(out, rest, (size_t)((query ? query : end) - rest), err);
	if (rc == RB_OK && query)
		rc = rb_buf_adds(out, "?***", err);
	return rc;
}

int rb_remote_redact_url(const char *url, struct rb_buf *out, struct rb_err *err)
{
	const char *mark = strstr(url, "://");

	if (!mark)
		return rb_buf_adds(out, url, err);
	return redact_one(url, mark, url + strlen(url), out, err);
}

/* Append bytes, control characters as blanks: a terminal would obey them. */
static int add_printable(const char *text, size_t len, struct rb_buf *out, struct rb_err *err)
{
	size_t start = out->len;
	int rc = rb_buf_add(out, text, len, err);

	if (rc < 0)
		return rc;
	for (size_t i = start; i < out->len; i++) {
		if (iscntrl((unsigned char)out->data[i]))
			out->data[i] = ' ';
	}
	return RB_OK;
}

int rb_url_redact_text(const char *text, size_t len, struct rb_buf *out, struct rb_err *err)
{
	const char *end = text + len;
	const char *at = text;
	int rc = RB_OK;

	for (const char *c = text; c + 3 <= end && rc == RB_OK; c++) {
		const char *start = c;
		const char *stop = c + 3;

		if (memcmp(c, "://", 3) != 0)
			continue;
		while (start > at && is_scheme_char(start[-1]))
			start--;
		while (stop < end && !strchr(" \t\r\n'\"<>", *stop))
			stop++;
		rc = add_printable(at, (size_t)(start - at), out, err);
		if (rc == RB_OK)
			rc = redact_one(start, c, stop, out, err);
		at = stop;
		c = stop - 1;
	}
	if (rc == RB_OK)
		rc = add_printable(at, (size_t)(end - at), out, err);
	return rc;
}

/* Take host and user from "[user@]host[:port]", where host may be "[::1]" or "[host:port]". */
static bool parse_host(const char *text, size_t len, struct rb_url *out)
{
	const char *at = memchr(text, '@', len);
	const char *host = at ? at + 1 : text;
	size_t left = len - (size_t)(host - text);
	size_t host_len;
	size_t colons = 0;

	if (left > 0 && *host == '[') {
		host++;
		left--;
		host_len = strcspn(host, "]");
		if (host_len > left)
			host_len = left;
	} else {
		host_len = left;
	}
	for (size_t i = 0; i < host_len; i++)
		colons += host[i] == ':';
	/* Two colons or more are an IPv6 address, one is a port. */
	if (colons == 1)
		host_len = strcspn(host, ":");
	out->user = strndup(text, at ? (size_t)(at - text) : 0);
	out->host = strndup(host, host_len);
	return out->user && out->host;
}

/* The colon that ends the host of "host:path"; NULL when it is a path of this machine. */
static const char *short_form_colon(const char *text)
{
	const char *at = text + strcspn(text, "@/");
	const char *host = *at == '@' ? at + 1 : text;
	const char *colon;

	if (*host == '[')
		host += strcspn(host, "]/");
	colon = host + strcspn(host, ":/");
	return *colon == ':' ? colon : NULL;
}

static bool parse_short(const char *text, struct rb_url *out)
{
	const char *colon = short_form_colon(text);

	out->kind = RB_URL_SSH;
	if (!parse_host(text, (size_t)(colon - text), out))
		return false;
	out->path = strdup(colon + 1 + (colon[1] == '/'));
	return out->path != NULL;
}

static bool parse_ssh(const char *rest, struct rb_url *out)
{
	size_t host_len = strcspn(rest, "/");

	out->kind = RB_URL_SSH;
	if (!parse_host(rest, host_len, out))
		return false;
	out->path = strdup(rest[host_len] ? rest + host_len + 1 : "");
	return out->path != NULL;
}

/* The URL as anybody could ask for it. */
static bool parse_open(const char *text, const char *rest, struct rb_url *out)
{
	const char *end = rest + strlen(rest);
	const char *at = userinfo_end(rest, end);
	size_t scheme_len = (size_t)(rest - text);
	size_t rest_len;

	if (at)
		rest = at + 1;
	rest_len = strcspn(rest, "?#");
	out->open = malloc(scheme_len + rest_len + 1);
	if (!out->open)
		return false;
	memcpy(out->open, text, scheme_len);
	memcpy(out->open + scheme_len, rest, rest_len);
	out->open[scheme_len + rest_len] = '\0';
	return true;
}

/* Whether text begins with this scheme, `len` bytes. */
static bool is_scheme(const char *text, size_t len, const char *scheme)
{
	return len == strlen(scheme) && strncasecmp(text, scheme, len) == 0;
}

/* source: git-fetch(1), "GIT URLS" */
int rb_url_parse(const char *text, struct rb_url *out, struct rb_err *err)
{
	bool has_memory = true;
	const char *rest;
	size_t len = 0;

	memset(out, 0, sizeof(*out));
	while (is_scheme_char(text[len]))
		len++;
	rest = text + len + 3;
	if (strncmp(text + len, "://", 3) != 0) {
		if (strncmp(text + len, "::", 2) == 0 && len > 0)
			out->kind = RB_URL_OTHER;
		else if (short_form_colon(text))
			has_memory = parse_short(text, out);
	} else if (is_scheme(text, len, "http") || is_scheme(text, len, "https")) {
		out->kind = RB_URL_HTTP;
		has_memory = parse_open(text, rest, out);
	} else if (is_scheme(text, len, "git")) {
		out->kind = RB_URL_GIT;
		has_memory = parse_open(text, rest, out);
	} else if (is_scheme(text, len, "ssh") || is_scheme(text, len, "git+ssh") ||
	           is_scheme(text, len, "ssh+git")) {
		has_memory = parse_ssh(rest, out);
	} else if (!is_scheme(text, len, "file")) {
		out->kind = RB_URL_OTHER;
	}
	if (!has_memory) {
		rb_url_release(out);
		return rb_err_set(err, RB_E_NOMEM, "no memory for a URL");
	}
	return RB_OK;
}

void rb_url_release(struct rb_url *url)
{
	free(url->user);
	free(url->host);
	free(url->path);
	free(url->open);
	memset(url, 0, sizeof(*url));
}

bool rb_remote_is_url(const char *remote)
{
	return strchr(remote, ':') || strchr("/.~", *remote);
}
