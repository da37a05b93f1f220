/*
 * See rowback/repo/repo.h: making a repository.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <git2.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "repo_priv.h"
#include "rowback/base/buf.h"
#include "rowback/base/fs.h"
#include "rowback/repo/repo.h"

/* A fresh git directory is three levels deep. */
#define DEPTH_MAX 8

/* readdir(3) without "." and "..". */
static const struct dirent *next_entry(DIR *dir)
{
	const struct dirent *entry;

	do
		entry = readdir(dir);
	while (entry && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0));
	return entry;
}

/* Files 0600 and directories 0700, whatever the umask was; takes fd. */
static int make_private(int fd, int depth)
{
	DIR *dir = fdopendir(fd);
	const struct dirent *entry;
	int ret = -1;

	if (!dir) {
		close(fd);
		return -1;
	}
	if (depth > DEPTH_MAX || fchmod(fd, 0700) < 0)
		goto out;
	while ((entry = next_entry(dir))) {
		struct stat st;
		int child;

		if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			goto out;
		if (S_ISREG(st.st_mode) && fchmodat(fd, entry->d_name, 0600, 0) < 0)
			goto out;
		if (!S_ISDIR(st.st_mode))
			continue;
		child = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (child < 0 || make_private(child, depth + 1) < 0)
			goto out;
	}
	ret = 0;

out:
	closedir(dir);
	return ret;
}

/* What is at path: nothing (absent), an empty directory, or something in our way. */
static int check_place(const char *path, bool *absent, struct rb_err *err)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	bool git_file = false;
	bool head = false;
	bool any = false;

	*absent = false;
	if (!dir && errno == ENOENT) {
		*absent = true;
		return RB_OK;
	}
	if (!dir && errno == ENOTDIR)
		return rb_err_set(err, RB_E_EXISTS, "'%s' is not a directory", path);
	if (!dir)
		return rb_err_sys(err, errno, "cannot read the directory '%s'", path);
	while ((entry = next_entry(dir))) {
		any = true;
		git_file = git_file || strcmp(entry->d_name, ".git") == 0;
		head = head || strcmp(entry->d_name, "HEAD") == 0;
	}
	closedir(dir);
	if (git_file || head) {
		rb_err_set(err, RB_E_EXISTS, "there is a git repository at '%s' already", path);
		rb_err_hint(err,
		            "where that is a store, use it: rowback -C '%s' doctor; else give "
		            "the store a directory of its own",
		            path);
		return RB_E_EXISTS;
	}
	if (any) {
		rb_err_set(err, RB_E_EXISTS, "the directory '%s' is not empty", path);
		rb_err_hint(err, "give the store a directory of its own");
		return RB_E_EXISTS;
	}
	return RB_OK;
}

void rb_repo_init_undo(const char *path, bool was_absent)
{
	DIR *dir = NULL;
	const struct dirent *entry;
	int rc = RB_OK;

	if (!was_absent)
		dir = opendir(path);
	else
		rc = rb_fs_remove_tree(path, NULL);
	while (dir && rc == RB_OK && (entry = next_entry(dir))) {
		char *child = rb_fs_join(path, entry->d_name);

		if (child)
			rc = rb_fs_remove_tree(child, NULL);
		free(child);
	}
	if (dir)
		closedir(dir);
}

int rb_repo_set_head(struct rb_repo *repo, const char *branch, struct rb_err *err)
{
	struct rb_buf ref = RB_BUF(4096);
	int rc = rb_buf_addf(&ref, err, "refs/heads/%s", branch);

	if (rc == RB_OK && git_repository_set_head(repo->git, rb_buf_str(&ref)) < 0)
		rc = rb_repo_git_err(err, GIT_ERROR, "cannot make '%s' the branch of '%s'", branch,
		                     repo->git_dir);
	rb_buf_release(&ref);
	return rc;
}

/* The settings that a store needs from its first day. */
static int configure(struct rb_repo *repo, struct rb_err *err)
{
	int rc = rb_repo_config_set(repo, "core.sharedRepository", "0600", err);

	/* A bare repository keeps no reflog otherwise, and it is what an accident is undone by. */
	if (rc == RB_OK && !repo->work_dir)
		rc = rb_repo_config_set(repo, "core.logAllRefUpdates", "true", err);
	return rc;
}

static int finish(struct rb_repo *repo, const char *path, struct rb_err *err)
{
	int rc = configure(repo, err);
	int fd;

	if (rc < 0)
		return rc;
	fd = open(repo->git_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || make_private(fd, 0) < 0)
		return rb_err_sys(err, errno, "cannot make '%s' private", repo->git_dir);
	rc = rb_fs_sync_dir(repo->git_dir, err);
	if (rc == RB_OK)
		rc = rb_fs_sync_dir(path, err);
	return rc;
}

int rb_repo_init(const char *path, const char *branch, bool bare, struct rb_repo **out,
                 struct rb_err *err)
{
	git_repository_init_options opts;
	git_repository *git = NULL;
	struct rb_repo *repo = NULL;
	bool absent = false;
	int valid = 0;
	int rc = rb_repo_lib_init(err);

	if (rc == RB_OK && (git_branch_name_is_valid(&valid, branch) < 0 || !valid))
		rc = rb_err_set(err, RB_E_USAGE, "'%s' is no valid name of a branch", branch);
	if (rc == RB_OK)
		rc = check_place(path, &absent, err);
	if (rc < 0)
		return rc;
	rc = rb_fs_mkdirs(path, 0700, err);
	if (rc < 0)
		goto out;

	git_repository_init_options_init(&opts, GIT_REPOSITORY_INIT_OPTIONS_VERSION);
	opts.flags = GIT_REPOSITORY_INIT_NO_REINIT | (bare ? GIT_REPOSITORY_INIT_BARE : 0u);
	opts.mode = 0700;
	opts.initial_head = branch;
	rc = git_repository_init_ext(&git, path, &opts);
	if (rc < 0) {
		rc = rb_repo_git_err(err, rc, "cannot make a repository at '%s'", path);
		goto out;
	}
	rc = rb_repo_wrap(git, &repo, err);
	if (rc == RB_OK)
		rc = finish(repo, path, err);
	if (rc < 0)
		goto out;
	*out = repo;
	repo = NULL;

out:
	rb_repo_free(repo);
	if (rc < 0)
		rb_repo_init_undo(path, absent);
	return rc;
}
