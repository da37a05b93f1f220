/*
 * Names by rule: sources, branches, "[NAME=]URL".  See rowback/config/config.h.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowback/config/config.h"
#include "rowback/config/secret.h"

/* Device names of Windows; a directory of such a name cannot be checked out there. */
static bool is_device_name(const char *name)
{
	static const char *const devices[] = {
	        "con",  "prn",  "aux",  "nul",  "com0", "com1", "com2", "com3", "com4",
	        "com5", "com6", "com7", "com8", "com9", "lpt0", "lpt1", "lpt2", "lpt3",
	        "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9", NULL};

	for (size_t i = 0; devices[i]; i++) {
		if (strcmp(name, devices[i]) == 0)
			return true;
	}
	return false;
}

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool follows_the_rule(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > RB_CONFIG_SOURCE_NAME_MAX || !is_alnum(name[0]))
		return false;
	for (size_t i = 1; i < len; i++) {
		if (!is_alnum(name[i]) && name[i] != '_' && name[i] != '-')
			return false;
	}
	return !is_device_name(name);
}

int rb_config_check_source_name(const char *name, struct rb_err *err)
{
	if (follows_the_rule(name))
		return RB_OK;
	rb_err_set(err, RB_E_USAGE, "'%.100s' cannot be the name of a source", name);
	return rb_err_hint(err,
	                   "use a to z, 0 to 9, '_' and '-', a letter or digit first, up to %d "
	                   "characters, and no device name of Windows such as 'con'",
	                   RB_CONFIG_SOURCE_NAME_MAX);
}

/* One component between slashes. */
static bool is_ref_component(const char *part, size_t len)
{
	if (len == 0 || part[0] == '.')
		return false;
	if (len >= 5 && memcmp(part + len - 5, ".lock", 5) == 0)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)part[i];

		if (c <= ' ' || c == 0x7f || strchr("~^:?*[\\", c))
			return false;
		if (i + 1 < len &&
		    ((c == '.' && part[i + 1] == '.') || (c == '@' && part[i + 1] == '{')))
			return false;
	}
	return true;
}

int rb_config_check_branch(const char *what, const char *name, struct rb_err *err)
{
	const char *part = name;
	size_t all = strlen(name);
	bool ok = all > 0 && name[0] != '-' && name[all - 1] != '.' && strcmp(name, "@") != 0 &&
	          strcmp(name, "HEAD") != 0;

	while (ok) {
		size_t len = strcspn(part, "/");

		ok = is_ref_component(part, len);
		if (!part[len])
			break;
		part += len + 1;
	}
	if (ok)
		return RB_OK;
	rb_err_set(err, RB_E_USAGE, "'%.200s' cannot be the name of a %s", name, what);
	return rb_err_hint(err, "git check-ref-format says which names git allows");
}

static char lower(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	return c;
}

/* Make a source name from the last component of a URL: lower case, up to the first dot. */
static void name_from_url(const char *url, char out[RB_CONFIG_SOURCE_NAME_MAX + 1])
{
	size_t end = strcspn(url, "?#");
	size_t used = 0;
	size_t from;

	while (end > 0 && url[end - 1] == '/')
		end--;
	for (from = end; from > 0 && url[from - 1] != '/' && url[from - 1] != ':'; from--)
		;
	for (size_t i = from; i < end && used < RB_CONFIG_SOURCE_NAME_MAX; i++) {
		char c = lower(url[i]);

		if (c == '.' && i > from)
			break;
		if (is_alnum(c))
			out[used++] = c;
		else if (used > 0 && out[used - 1] != '-')
			out[used++] = c == '_' ? '_' : '-';
	}
	while (used > 0 && out[used - 1] == '-')
		used--;
	out[used] = '\0';
}

int rb_config_split_source(const char *text, char **name, char **url, struct rb_err *err)
{
	const char *equals = strchr(text, '=');
	const char *rest = text;
	char made[RB_CONFIG_SOURCE_NAME_MAX + 1];
	char *new_name = NULL;
	char *new_url = NULL;
	int rc = RB_OK;

	/* "sqlite:/a=b.db" has no name: what stands before its '=' is a URL already. */
	if (equals && !memchr(text, ':', (size_t)(equals - text)) &&
	    !memchr(text, '/', (size_t)(equals - text))) {
		new_name = strndup(text, (size_t)(equals - text));
		rest = equals + 1;
	} else {
		name_from_url(text, made);
		if (!follows_the_rule(made)) {
			rb_err_set(err, RB_E_USAGE, "no source name can be made from this URL");
			rc = rb_err_hint(err, "give one: --source NAME=URL");
			goto out;
		}
		new_name = strdup(made);
	}
	new_url = strdup(rest);
	if (!new_name || !new_url) {
		rc = rb_err_set(err, RB_E_NOMEM, "no memory for a source");
		goto out;
	}
	rc = rb_config_check_source_name(new_name, err);
	if (rc < 0)
		goto out;
	if (!strchr(new_url, ':')) {
		rb_err_set(err, RB_E_USAGE, "'%.200s' is no URL of a source", new_url);
		rc = rb_err_hint(err, "it begins with the engine: sqlite:/path/to/file.db");
		goto out;
	}
	*name = new_name;
	*url = new_url;
	new_name = NULL;
	new_url = NULL;

out:
	free(new_name);
	rb_secret_free(new_url);
	return rc;
}
