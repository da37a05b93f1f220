/*
 * See code_priv.h.
 */
#include <stdlib.h>
#include <string.h>

#include "rowback/base/log.h"
#include "rowback/format/message.h"
#include "rowback/repo/commit.h"
#include "code_priv.h"

const struct rb_app_state *rb_code_known(const struct rb_app_state *code)
{
	return *code->commit ? code : NULL;
}

int rb_code_note(struct rb_store *store, struct rb_backup_report *report, struct rb_err *err)
{
	const struct rb_app_config *app = &store->config.app;
	struct rb_err why = {0};
	int rc;

	if (!app->path)
		return RB_OK;
	rc = rb_app_look(app->path, app->branch, app->remote, &report->code, &why);
	if (rc == RB_E_NOMEM || rc == RB_E_CANCELLED) {
		if (err)
			*err = why;
		return rc;
	}
	if (rc == RB_OK)
		return RB_OK;
	rb_log(RB_LOG_WARN, "the code commit is not recorded: %s%s%s%s", why.msg,
	       *why.hint ? " (" : "", why.hint, *why.hint ? ")" : "");
	report->code_problem = strdup(why.msg);
	return report->code_problem ? RB_OK : rb_err_set(err, RB_E_NOMEM, "no memory for a backup");
}

bool rb_code_is_same(const struct rb_app_state *code, const char *commit, const char *deployed)
{
	const char *now = *code->deployed ? code->deployed : code->commit;

	return commit && strcmp(commit, code->commit) == 0 &&
	       strcmp(deployed ? deployed : commit, now) == 0;
}

/* Looks for the newest full backup. */
struct newest_full {
	const struct rb_app_state *code; /* what the code is at now */
	bool is_same;
};

static int find_full(void *ctx, const struct rb_commit *commit, struct rb_err *err)
{
	struct newest_full *newest = ctx;
	struct rb_message message = {0};
	bool found = false;

	(void)err;
	if (rb_message_read(commit->message, &message, NULL) == RB_OK)
		found = !message.kind || strcmp(message.kind, "full") == 0;
	if (found)
		newest->is_same =
		        rb_code_is_same(newest->code, message.code_commit, message.code_deployed);
	rb_message_release(&message);
	return found;
}

int rb_code_moved(struct rb_store *store, const struct rb_oid *tip, const struct rb_app_state *code,
                  bool *out, struct rb_err *err)
{
	struct newest_full newest = {.code = code};
	int rc = RB_OK;

	*out = false;
	if (!*code->commit)
		return RB_OK;
	rc = rb_commit_walk(store->repo, tip, find_full, &newest, err);
	*out = !newest.is_same;
	return rc;
}
