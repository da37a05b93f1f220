/*
 * Which engines there are.  See rowback/adapter/adapter.h.
 */
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "rowback/adapter/adapter.h"

static const struct rb_adapter *const adapters[] = {&rb_adapter_sqlite, &rb_adapter_postgres};

#define ADAPTER_COUNT (sizeof(adapters) / sizeof(adapters[0]))

static bool has_scheme(const struct rb_adapter *adapter, const char *scheme, size_t len)
{
	for (const char *const *known = adapter->schemes; *known; known++)
		if (strlen(*known) == len && strncasecmp(*known, scheme, len) == 0)
			return true;
	return false;
}

/* Add the list of schemes as a hint. */
static void hint_schemes(struct rb_err *err)
{
	struct rb_buf list = RB_BUF(RB_ERR_MSG_SIZE);
	const char *comma = "";
	int rc = RB_OK;

	for (size_t i = 0; i < ADAPTER_COUNT; i++)
		for (const char *const *s = adapters[i]->schemes; *s && rc == RB_OK; s++) {
			rc = rb_buf_addf(&list, NULL, "%s%s:", comma, *s);
			comma = ", ";
		}
	if (rc == RB_OK)
		rb_err_hint(err, "URLs begin with one of: %s", rb_buf_str(&list));
	rb_buf_release(&list);
}

int rb_adapter_for_url(const char *url, const struct rb_adapter **out, struct rb_err *err)
{
	size_t len = strcspn(url, ":/?#@ ");
	bool is_scheme = url[len] == ':' && len > 0;

	for (size_t i = 0; i < ADAPTER_COUNT && is_scheme; i++)
		if (has_scheme(adapters[i], url, len)) {
			*out = adapters[i];
			return RB_OK;
		}
	/* The rest of a URL may hold a password: only its scheme is shown. */
	if (is_scheme)
		rb_err_set(err, RB_E_USAGE, "no engine for URLs of scheme '%.*s'",
		           len < 40 ? (int)len : 40, url);
	else
		rb_err_set(err, RB_E_USAGE, "the source's URL has no scheme");
	hint_schemes(err);
	return RB_E_USAGE;
}

const struct rb_adapter *rb_adapter_by_name(const char *name)
{
	for (size_t i = 0; i < ADAPTER_COUNT; i++)
		if (strcmp(adapters[i]->name, name) == 0)
			return adapters[i];
	return NULL;
}
