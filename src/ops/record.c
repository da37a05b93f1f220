/*
 * See rowback/ops/record.h.
 */
#include <stdlib.h>
#include <string.h>

#include "rowback/base/fs.h"
#include "rowback/config/secret.h"
#include "record_priv.h"

#define LOG_NAME "activity.jsonl"
#define TEXT_MAX ((size_t)16 << 20)

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory for the activity log");
}

/* A text without its secrets, for free(); NULL for NULL. */
static int redact(const char *text, char **out, struct rb_err *err)
{
	struct rb_buf shown = RB_BUF(TEXT_MAX);
	int rc = RB_OK;

	*out = NULL;
	if (!text)
		return RB_OK;
	rc = rb_config_redact_text(text, &shown, err);
	if (rc == RB_OK) {
		*out = rb_buf_detach(&shown);
		rc = *out ? RB_OK : no_memory(err);
	}
	rb_buf_release(&shown);
	return rc;
}

static void free_arguments(char **arguments)
{
	for (size_t i = 0; arguments && arguments[i]; i++)
		free(arguments[i]);
	free(arguments);
}

static int redact_arguments(const char *const *arguments, char ***out, struct rb_err *err)
{
	size_t count = 0;
	int rc = RB_OK;

	while (arguments && arguments[count])
		count++;
	*out = calloc(count + 1, sizeof(**out));
	if (!*out)
		return no_memory(err);
	for (size_t i = 0; rc == RB_OK && i < count; i++) {
		bool is_secret = i > 0 && rb_config_is_secret_option(arguments[i - 1]);

		rc = redact(is_secret ? "***" : arguments[i], &(*out)[i], err);
	}
	return rc;
}

static int append(struct rb_repo *repo, const struct rb_activity *entry, struct rb_err *err)
{
	char *path = rb_repo_state_path(repo, LOG_NAME);
	int rc = path ? rb_activity_append(path, entry, err) : no_memory(err);

	free(path);
	return rc;
}

/* Another repository, such as the application's, gets no log of ours. */
static int check_store(struct rb_repo *repo, struct rb_err *err)
{
	char *dir = rb_fs_join(rb_repo_git_dir(repo), "rowback");
	int rc = dir ? RB_OK : no_memory(err);

	if (rc == RB_OK && !rb_fs_exists(dir))
		rc = rb_err_set(err, RB_E_NOSTORE, "'%s' is no store", rb_repo_git_dir(repo));
	free(dir);
	return rc;
}

int rb_record_run(const char *dir, const struct rb_activity *entry, struct rb_err *err)
{
	struct rb_activity shown = *entry;
	struct rb_repo *repo = NULL;
	char **arguments = NULL;
	char *detail = NULL;
	int rc = rb_repo_open(dir ? dir : ".", &repo, err);

	if (rc == RB_OK)
		rc = check_store(repo, err);
	if (rc == RB_OK)
		rc = redact_arguments(entry->arguments, &arguments, err);
	if (rc == RB_OK)
		rc = redact(entry->detail, &detail, err);
	if (rc == RB_OK) {
		shown.arguments = (const char *const *)arguments;
		shown.detail = detail;
		rc = append(repo, &shown, err);
	}
	free_arguments(arguments);
	free(detail);
	rb_repo_free(repo);
	return rc;
}

int rb_record_append(struct rb_store *store, const struct rb_activity *entry, struct rb_err *err)
{
	return append(store->repo, entry, err);
}

int rb_record_each(struct rb_store *store, rb_activity_fn *fn, void *ctx, struct rb_err *err)
{
	char *path = rb_repo_state_path(store->repo, LOG_NAME);
	int rc = path ? rb_activity_each(path, fn, ctx, err) : no_memory(err);

	free(path);
	return rc;
}
