/*
 * See rowback/ops/history.h: which backup belongs to a commit of the code.
 */
#include <stdio.h>
#include <string.h>

#include "rowback/ops/history.h"

/* Digits of a hash that are enough to look for: as few as git takes. */
#define DIGITS_MIN 4

/* Whether a text may be a hash or the start of one. */
static bool is_hash(const char *text)
{
	size_t len = strspn(text, "0123456789abcdefABCDEF");

	return text[len] == '\0' && len >= DIGITS_MIN && len < RB_APP_OID_SIZE;
}

int rb_history_code(struct rb_store *store, const char *text, struct rb_code_wanted *out,
                    struct rb_err *err)
{
	const struct rb_app_config *app = &store->config.app;
	struct rb_err why = {0};
	int rc = RB_E_NOTFOUND;

	memset(out, 0, sizeof(*out));
	if (app->path)
		rc = rb_app_resolve(app->path, text, out->commit, &why);
	out->is_resolved = rc == RB_OK;
	if (rc == RB_OK)
		return RB_OK;
	/* The app repository may be elsewhere, or have forgotten a commit that was deployed. */
	if (is_hash(text)) {
		snprintf(out->commit, sizeof(out->commit), "%s", text);
		return RB_OK;
	}
	if (app->path) {
		if (err)
			*err = why;
		return rc;
	}
	rb_err_set(err, RB_E_NOTFOUND, "'%.200s' is no commit's hash, nor the start of one", text);
	rb_err_hint(err, "names are for the app repository to resolve; say where it is: "
	                 "git config app.path DIR");
	return RB_E_NOTFOUND;
}

static bool is_recorded(void *ctx, const char *commit)
{
	const struct rb_backup_list *list = ctx;

	for (size_t i = 0; i < list->count; i++) {
		const char *code = list->items[i].message.code_commit;

		if (code && strcmp(code, commit) == 0)
			return true;
	}
	return false;
}

int rb_history_code_before(struct rb_store *store, const struct rb_code_wanted *wanted,
                           struct rb_backup_entry *out, struct rb_err *err)
{
	static const struct rb_history_opts all = {0};
	struct rb_backup_list list = {0};
	char nearest[RB_APP_OID_SIZE];
	int rc = wanted->is_resolved ? rb_history_list(store, &all, &list, err) : RB_E_NOTFOUND;

	memset(out, 0, sizeof(*out));
	if (rc == RB_OK)
		rc = rb_app_nearest(store->config.app.path, wanted->commit, is_recorded, &list,
		                    nearest, err);
	if (rc == RB_E_NOTFOUND)
		rc = rb_err_set(err, RB_E_NOSTORE, "no backup is of code before %s",
		                wanted->commit);
	for (size_t i = 0; rc == RB_OK && i < list.count; i++) {
		const char *code = list.items[i].message.code_commit;

		if (!code || strcmp(code, nearest) != 0)
			continue;
		*out = list.items[i];
		memset(&list.items[i], 0, sizeof(list.items[i]));
		break;
	}
	rb_backup_list_release(&list);
	return rc;
}
