/*
 * See rowback/repo/repo.h: opening a repository, and what is refused.
 */
#include <dirent.h>
#include <git2.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "packs_priv.h"
#include "repo_priv.h"
#include "rowback/base/fs.h"
#include "rowback/repo/repo.h"

/* A directory's name without the slash that libgit2 puts at its end. */
static char *dir_name(const char *path)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	return strndup(path, len);
}

/* Configuration entry of an extension: 0, or the refusal. */
static int check_extension(const git_config_entry *entry, struct rb_err *err)
{
	const char *name = entry->name + strlen("extensions.");
	const char *value = entry->value ? entry->value : "";

	if (strcmp(name, "noop") == 0)
		return RB_OK;
	if (strcmp(name, "objectformat") == 0) {
		if (strcmp(value, "sha1") == 0)
			return RB_OK;
		rb_err_set(err, RB_E_UNSUPPORTED,
		           "the repository names objects by '%s', not by SHA-1", value);
		rb_err_hint(err, "make a new store: rowback init DIR");
		return RB_E_UNSUPPORTED;
	}
	return rb_err_set(err, RB_E_UNSUPPORTED,
	                  "the repository uses the extension '%s', which rowback does not know",
	                  name);
}

static int check_entry(const git_config_entry *entry, struct rb_err *err)
{
	int32_t version = 0;

	if (strncmp(entry->name, "extensions.", strlen("extensions.")) == 0)
		return check_extension(entry, err);
	if (strcmp(entry->name, "core.repositoryformatversion") != 0)
		return RB_OK;
	if (git_config_parse_int32(&version, entry->value) < 0 || version < 0 || version > 1)
		return rb_err_set(err, RB_E_UNSUPPORTED,
		                  "the repository has format version '%s'; rowback knows 0 and 1",
		                  entry->value ? entry->value : "");
	return RB_OK;
}

/*
 * Look at the repository's own configuration before libgit2 does, which tells a version
 * or an extension that it does not know by the text of its message only.
 */
static int check_config(const char *common_dir, struct rb_err *err)
{
	git_config *config = NULL;
	git_config_iterator *it = NULL;
	git_config_entry *entry = NULL;
	char *path = rb_fs_join(common_dir, "config");
	int git_rc;
	int rc = RB_OK;

	if (!path)
		return rb_err_set(err, RB_E_NOMEM, "no memory to open '%s'", common_dir);
	git_rc = git_config_open_ondisk(&config, path);
	if (git_rc == 0)
		git_rc = git_config_iterator_new(&it, config);
	while (git_rc == 0 && rc == RB_OK) {
		git_rc = git_config_next(&entry, it);
		if (git_rc == 0)
			rc = check_entry(entry, err);
	}
	if (rc == RB_OK && git_rc != GIT_ITEROVER)
		rc = rb_repo_git_err(err, git_rc, "cannot read '%s'", path);
	git_config_iterator_free(it);
	git_config_free(config);
	free(path);
	return rc;
}

static int refuse_owner(char *dir, struct rb_err *err)
{
	size_t len = strlen(dir);

	rb_err_set(err, RB_E_UNSUPPORTED, "the repository '%s' belongs to another user", dir);
	/* git asks for the working tree's root there. */
	if (len > strlen("/.git") && strcmp(dir + len - strlen("/.git"), "/.git") == 0)
		dir[len - strlen("/.git")] = '\0';
	rb_err_hint(err,
	            "run rowback as its owner, or trust it: "
	            "git config --global --add safe.directory '%s'",
	            dir);
	return RB_E_UNSUPPORTED;
}

/* A split index keeps its entries in a sharedindex.* file, which libgit2 does not read. */
static int check_split_index(const struct rb_repo *repo, struct rb_err *err)
{
	git_config *config = NULL;
	DIR *dir = NULL;
	const struct dirent *entry;
	int split = 0;
	int rc = RB_OK;

	if (git_repository_config_snapshot(&config, repo->git) == 0 &&
	    git_config_get_bool(&split, config, "core.splitindex") < 0)
		split = 0;
	git_config_free(config);

	dir = opendir(repo->git_dir);
	while (dir && !split && (entry = readdir(dir)))
		split = strncmp(entry->d_name, "sharedindex.", strlen("sharedindex.")) == 0;
	if (dir)
		closedir(dir);
	if (split) {
		rc = rb_err_set(err, RB_E_UNSUPPORTED, "the repository '%s' has a split index",
		                repo->git_dir);
		rb_err_hint(
		        err,
		        "git config core.splitIndex false && git update-index --no-split-index");
	}
	return rc;
}

static int check_features(const struct rb_repo *repo, struct rb_err *err)
{
	int rc = RB_OK;

	/* A linked working tree has its configuration in the main one. */
	if (strcmp(repo->common_dir, repo->git_dir) != 0)
		rc = check_config(repo->common_dir, err);
	if (rc == RB_OK && git_repository_is_shallow(repo->git)) {
		rb_err_set(err, RB_E_UNSUPPORTED,
		           "the repository '%s' is shallow: part of its history is missing",
		           repo->git_dir);
		rb_err_hint(err, "git fetch --unshallow");
		rc = RB_E_UNSUPPORTED;
	}
	if (rc == RB_OK && repo->work_dir)
		rc = check_split_index(repo, err);
	return rc;
}

/* Paths and parts of a repository that libgit2 has opened; `git` is taken. */
int rb_repo_wrap(git_repository *git, struct rb_repo **out, struct rb_err *err)
{
	struct rb_repo *repo = calloc(1, sizeof(*repo));
	const char *work_dir = git_repository_workdir(git);
	int rc = RB_OK;

	if (!repo || pthread_mutex_init(&repo->odb_lock, NULL) != 0) {
		free(repo);
		git_repository_free(git);
		return rb_err_set(err, RB_E_NOMEM, "no memory to open a repository");
	}
	repo->git = git;
	repo->git_dir = dir_name(git_repository_path(git));
	repo->common_dir = dir_name(git_repository_commondir(git));
	if (repo->common_dir)
		repo->objects_dir = rb_fs_join(repo->common_dir, "objects");
	if (work_dir)
		repo->work_dir = dir_name(work_dir);
	if (!repo->git_dir || !repo->objects_dir || (work_dir && !repo->work_dir)) {
		rc = rb_err_set(err, RB_E_NOMEM, "no memory to open a repository");
		goto out;
	}
	rc = git_repository_odb(&repo->odb, git);
	if (rc < 0) {
		rc = rb_repo_git_err(err, rc, "cannot open the objects of '%s'", repo->git_dir);
		goto out;
	}
	rc = check_features(repo, err);
	if (rc == RB_OK)
		rc = rb_packs_new(repo, err);
	if (rc < 0)
		goto out;
	*out = repo;
	repo = NULL;

out:
	rb_repo_free(repo);
	return rc;
}

/* The git directory of the repository at path or above it. */
static int discover(const char *path, char **out, struct rb_err *err)
{
	git_buf found = {0};
	int rc = git_repository_discover(&found, path, 0, NULL);

	if (rc == GIT_ENOTFOUND) {
		rb_err_set(err, RB_E_NOSTORE, "there is no git repository at '%s' or above it",
		           path);
		rb_err_hint(err, "rowback init %s", path);
		return RB_E_NOSTORE;
	}
	if (rc < 0)
		return rb_repo_git_err(err, rc, "cannot look for a repository at '%s'", path);
	*out = dir_name(found.ptr);
	git_buf_dispose(&found);
	return *out ? RB_OK : rb_err_set(err, RB_E_NOMEM, "no memory to open '%s'", path);
}

int rb_repo_open(const char *path, struct rb_repo **out, struct rb_err *err)
{
	git_repository *git = NULL;
	char *dir = NULL;
	int rc = rb_repo_lib_init(err);

	if (rc == RB_OK)
		rc = discover(path, &dir, err);
	if (rc == RB_OK)
		rc = check_config(dir, err);
	if (rc < 0 || !dir)
		goto out;
	/* Flags 0: GIT_DIR and its kin in the environment (of a hook) do not lead elsewhere. */
	rc = git_repository_open_ext(&git, path, 0, NULL);
	/* libgit2 1.5 says "not found" of another's repository when no safe.directory is set. */
	if (rc == GIT_EOWNER || rc == GIT_ENOTFOUND)
		rc = refuse_owner(dir, err);
	else if (rc < 0)
		rc = rb_repo_git_err(err, rc, "cannot open the repository '%s'", dir);
	else
		rc = rb_repo_wrap(git, out, err);

out:
	free(dir);
	return rc;
}

void rb_repo_free(struct rb_repo *repo)
{
	if (!repo)
		return;
	rb_packs_free(repo->packs);
	git_odb_free(repo->odb);
	git_repository_free(repo->git);
	pthread_mutex_destroy(&repo->odb_lock);
	free(repo->git_dir);
	free(repo->common_dir);
	free(repo->objects_dir);
	free(repo->work_dir);
	free(repo);
}

const char *rb_repo_git_dir(const struct rb_repo *repo)
{
	return repo->git_dir;
}

const char *rb_repo_work_dir(const struct rb_repo *repo)
{
	return repo->work_dir;
}

char *rb_repo_state_path(const struct rb_repo *repo, const char *name)
{
	char *dir = rb_fs_join(repo->git_dir, "rowback");
	char *path = NULL;

	/* A directory that cannot be made shows when the file in it is opened. */
	if (dir && rb_fs_mkdirs(dir, 0700, NULL) <= 0)
		path = rb_fs_join(dir, name);
	free(dir);
	return path;
}

const char *rb_repo_library_version(void)
{
	return LIBGIT2_VERSION;
}
