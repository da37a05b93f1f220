/*
 * Keeping the store in order: few packs, no leftovers, everything checked when asked.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "gitproc_priv.h"
#include "repo_priv.h"
#include "rowback/base/fs.h"
#include "rowback/repo/remote.h"

/* What a check prints of a store that is broken all over is no use past this. */
#define REPORT_BYTES_MAX ((size_t)1 << 20)

/* A temporary file older than this belongs to no run that is still going. */
enum { LEFTOVER_AGE_S = 3600 };

/* git repack knows --geometric since 2.32. */
enum { GEOMETRIC_MAJOR = 2, GEOMETRIC_MINOR = 32 };

int rb_remote_fsck(struct rb_repo *repo, int64_t timeout_ms, struct rb_buf *report,
                   struct rb_err *err)
{
	const struct rb_git_limits limits = {.timeout_ms = timeout_ms,
	                                     .stdout_max = REPORT_BYTES_MAX};
	struct rb_proc_result result = {0};
	struct rb_git git;
	int rc;

	rb_git_begin(&git, repo);
	rb_git_arg(&git, "fsck");
	rb_git_arg(&git, "--strict");
	rb_git_arg(&git, "--no-dangling");
	rb_git_arg(&git, "--no-progress");
	rc = rb_git_run(&git, &limits, &result, err);
	if (rc < 0)
		goto out;
	rc = rb_buf_add(report, rb_buf_str(&result.out), result.out.len, err);
	if (rc == RB_OK)
		rc = rb_buf_add(report, rb_buf_str(&result.errtxt), result.errtxt.len, err);
	if (rc == RB_OK && result.exit_code != 0) {
		rb_err_set(err, RB_E_MISMATCH, "'git fsck' found errors in '%s'",
		           rb_repo_git_dir(repo));
		rc = rb_err_hint(err, "a fresh clone of the remote holds what was pushed: rowback "
		                      "init --remote URL DIR");
	}

out:
	rb_proc_result_release(&result);
	rb_git_release(&git);
	return rc;
}

static bool ends_with(const char *name, const char *end)
{
	size_t len = strlen(name);
	size_t end_len = strlen(end);

	return len >= end_len && strcmp(name + len - end_len, end) == 0;
}

/* Remove a file that is old enough; one that vanishes meanwhile is no error. */
static int remove_old(int dir_fd, const char *dir_name, const char *name, time_t now,
                      struct rb_err *err)
{
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_mtim.tv_sec > now - LEFTOVER_AGE_S)
		return RB_OK;
	if (unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT)
		return rb_err_sys(err, errno, "cannot remove '%s/%s'", dir_name, name);
	return RB_OK;
}

/*
 * "tmp_pack_XXXXXX" of index-pack and of ours, ".tmp-123-pack-..." of repack, and
 * "holder.XXXXXX", which becomes a lock file.
 */
static bool is_temporary(const char *name)
{
	return strncmp(name, "tmp_", 4) == 0 || strncmp(name, ".tmp-", 5) == 0 ||
	       strncmp(name, "holder.", 7) == 0;
}

/*
 * Remove the leftovers of a directory, and count its packs.
 *
 * pack_count  NULL: not wanted
 */
static int tidy_dir(const char *path, size_t *pack_count, struct rb_err *err)
{
	DIR *dir = opendir(path);
	time_t now = time(NULL);
	int rc = RB_OK;

	if (!dir)
		return errno == ENOENT ? RB_OK : rb_err_sys(err, errno, "cannot list '%s'", path);
	while (rc == RB_OK) {
		const struct dirent *entry;

		errno = 0;
		entry = readdir(dir);
		if (!entry) {
			if (errno != 0)
				rc = rb_err_sys(err, errno, "cannot list '%s'", path);
			break;
		}
		if (is_temporary(entry->d_name))
			rc = remove_old(dirfd(dir), path, entry->d_name, now, err);
		else if (pack_count && ends_with(entry->d_name, ".pack"))
			(*pack_count)++;
	}
	closedir(dir);
	return rc;
}

/*
 * Remove what killed runs left in our own directory and among the objects, loose ones too
 * ("xx/tmp_obj_XXXXXX").
 */
static int tidy(struct rb_repo *repo, size_t *pack_count, struct rb_err *err)
{
	char name[8];
	char *path = rb_repo_state_path(repo, ".");
	int rc;

	*pack_count = 0;
	if (!path)
		return rb_err_set(err, RB_E_NOMEM, "no memory to tidy '%s'", repo->git_dir);
	rc = tidy_dir(path, NULL, err);
	free(path);
	if (rc == RB_OK)
		rc = tidy_dir(repo->objects_dir, NULL, err);
	for (unsigned int i = 0; i <= 256 && rc == RB_OK; i++) {
		snprintf(name, sizeof(name), i < 256 ? "%02x" : "pack", i);
		path = rb_fs_join(repo->objects_dir, name);
		if (!path)
			return rb_err_set(err, RB_E_NOMEM, "no memory to tidy '%s'",
			                  repo->objects_dir);
		rc = tidy_dir(path, i < 256 ? NULL : pack_count, err);
		free(path);
	}
	return rc;
}

static int repack(struct rb_repo *repo, int64_t timeout_ms, struct rb_err *err)
{
	const struct rb_git_limits limits = {.timeout_ms = timeout_ms,
	                                     .stdout_max = REPORT_BYTES_MAX};
	struct rb_proc_result result = {0};
	struct rb_git git;
	int rc;

	rb_git_begin(&git, repo);
	/* A bitmap needs all objects in one pack, and only serves others' clones. */
	rb_git_arg(&git, "-c");
	rb_git_arg(&git, "repack.writeBitmaps=false");
	rb_git_arg(&git, "repack");
	if (rb_git_is_at_least(GEOMETRIC_MAJOR, GEOMETRIC_MINOR)) {
		rb_git_arg(&git, "--geometric=2");
	} else {
		rb_git_arg(&git, "-a");
		rb_git_arg(&git, "--keep-unreachable");
	}
	rb_git_arg(&git, "-d");
	rb_git_arg(&git, "-q");
	rc = rb_git_run(&git, &limits, &result, err);
	/* Old packs go when the new one is complete: a stop in between costs nothing but time. */
	if (rc == RB_E_TIMEOUT)
		rc = RB_OK;
	else if (rc == RB_OK && result.exit_code != 0)
		rc = rb_err_set(err, RB_E_IO, "'git repack' of '%s' failed: %.400s",
		                rb_repo_git_dir(repo), rb_buf_str(&result.errtxt));
	rb_proc_result_release(&result);
	rb_git_release(&git);
	return rc;
}

int rb_remote_maintain(struct rb_repo *repo, size_t packs_max, int64_t timeout_ms,
                       struct rb_err *err)
{
	size_t pack_count;
	int rc;

	rc = tidy(repo, &pack_count, err);
	if (rc < 0 || pack_count <= packs_max)
		return rc;
	rc = repack(repo, timeout_ms, err);
	if (rc == RB_OK)
		rc = rb_repo_refresh(repo, err);
	return rc;
}
