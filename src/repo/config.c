/*
 * See rowback/repo/repo.h: the repository's configuration.
 */
#include <assert.h>
#include <git2.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "repo_priv.h"
#include "rowback/base/buf.h"
#include "rowback/base/fs.h"
#include "rowback/repo/repo.h"

/* A configuration file is some lines for people. */
#define CONFIG_MAX_BYTES ((size_t)4 << 20)

/* "[core] bare" without "= ..." means true (git-config(1)). */
static const char *value_of(const git_config_entry *entry)
{
	assert(entry);
	return entry->value ? entry->value : "true";
}

int rb_repo_config_get(struct rb_repo *repo, const char *name, struct rb_buf *out,
                       struct rb_err *err)
{
	git_config *config = NULL;
	git_config_entry *entry = NULL;
	int rc = git_repository_config_snapshot(&config, repo->git);

	if (rc == 0)
		rc = git_config_get_entry(&entry, config, name);
	if (rc == GIT_ENOTFOUND)
		rc = rb_err_set(err, RB_E_NOTFOUND, "'%s' is not set", name);
	else if (rc != 0)
		rc = rb_repo_git_err(err, rc, "cannot read '%s'", name);
	else
		rc = rb_buf_adds(out, value_of(entry), err);
	git_config_entry_free(entry);
	git_config_free(config);
	return rc;
}

/* Let libgit2 set the value in a file that nobody else sees. */
static int edit_copy(const char *copy, const char *name, const char *value, struct rb_err *err)
{
	git_config *config = NULL;
	int rc = git_config_open_ondisk(&config, copy);

	if (rc == 0)
		rc = git_config_set_string(config, name, value);
	if (rc < 0)
		rc = rb_repo_git_err(err, rc, "cannot set '%s'", name);
	git_config_free(config);
	return rc;
}

/* libgit2 does not sync a configuration file: a copy is edited and put in place durably. */
static int replace_config(struct rb_repo *repo, const char *path, const char *name,
                          const char *value, struct rb_err *err)
{
	struct rb_buf text = RB_BUF(CONFIG_MAX_BYTES);
	struct stat st;
	char *copy = rb_repo_state_path(repo, "config.tmp");
	mode_t mode = 0600;
	int rc = RB_OK;

	if (!copy)
		return rb_err_set(err, RB_E_NOMEM, "no memory to set '%s'", name);
	if (stat(path, &st) == 0) {
		mode = st.st_mode & 0777;
		rc = rb_fs_read(path, &text, err);
	}
	if (rc == RB_OK)
		rc = rb_repo_write_scratch(copy, rb_buf_str(&text), text.len, err);
	if (rc == RB_OK)
		rc = edit_copy(copy, name, value, err);
	if (rc < 0)
		goto out;
	rb_buf_clear(&text);
	rc = rb_fs_read(copy, &text, err);
	if (rc == RB_OK)
		rc = rb_fs_replace(path, rb_buf_str(&text), text.len, mode, err);

out:
	unlink(copy);
	free(copy);
	rb_buf_release(&text);
	return rc;
}

int rb_repo_config_set(struct rb_repo *repo, const char *name, const char *value,
                       struct rb_err *err)
{
	char *path = rb_fs_join(repo->common_dir, "config");
	char *lock = NULL;
	int rc;

	if (!path)
		return rb_err_set(err, RB_E_NOMEM, "no memory to set '%s'", name);
	rc = rb_repo_lock_take(repo, path, &lock, err);
	if (rc == RB_OK)
		rc = replace_config(repo, path, name, value, err);
	rb_repo_lock_drop(lock);
	free(path);
	return rc;
}

int rb_repo_config_each(struct rb_repo *repo, const char *file,
                        int (*fn)(void *ctx, const char *name, const char *value,
                                  struct rb_err *err),
                        void *ctx, struct rb_err *err)
{
	char *own = NULL;
	git_config *config = NULL;
	git_config_iterator *it = NULL;
	git_config_entry *entry = NULL;
	int git_rc;
	int rc = RB_OK;

	if (file && !rb_fs_exists(file))
		return rb_err_set(err, RB_E_NOTFOUND, "there is no file '%s'", file);
	if (!file) {
		own = rb_fs_join(repo->common_dir, "config");
		if (!own)
			return rb_err_set(err, RB_E_NOMEM, "no memory to read the configuration");
		file = own;
	}
	git_rc = git_config_open_ondisk(&config, file);
	if (git_rc == 0)
		git_rc = git_config_iterator_new(&it, config);
	while (git_rc == 0 && rc >= 0) {
		git_rc = git_config_next(&entry, it);
		if (git_rc == 0)
			rc = fn(ctx, entry->name, value_of(entry), err);
	}
	if (rc >= 0 && git_rc != GIT_ITEROVER)
		rc = rb_repo_git_err(err, git_rc, "cannot read '%s'", file);
	git_config_iterator_free(it);
	git_config_free(config);
	free(own);
	return rc < 0 ? rc : RB_OK;
}
