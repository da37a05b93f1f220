/*
 * Taking index.lock, and putting a new index in place under it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "repo_priv.h"
#include "rowback/base/cancel.h"
#include "rowback/base/fs.h"
#include "rowback/base/time.h"
#include "worktree_priv.h"

/* `git status` of an editor holds the lock for milliseconds, again and again. */
enum { WAIT_MS = 1000, WAIT_STEP_MS = 20 };

/* Say how old the lock is: one of seconds is somebody's, one of days is a dead one's. */
static int add_age(const char *index_path, struct rb_err *err)
{
	size_t lock_size = strlen(index_path) + sizeof(".lock");
	char *lock = malloc(lock_size);
	struct stat st;
	char age[32];

	if (!lock)
		return RB_E_LOCKED;
	snprintf(lock, lock_size, "%s.lock", index_path);
	if (lstat(lock, &st) == 0) {
		rb_time_format_ago(st.st_mtim.tv_sec, (int64_t)time(NULL), age, sizeof(age));
		rb_err_hint(err, "another git program took it %s; if none works here: rm '%s'", age,
		            lock);
	}
	free(lock);
	return RB_E_LOCKED;
}

/* Ask the file system's clock, which is not this machine's when it is a server's. */
static int read_clock(struct rb_worktree *wt, struct rb_err *err)
{
	struct stat st;

	if (lstat(wt->lock, &st) < 0)
		return rb_err_sys(err, errno, "cannot read '%s'", wt->lock);
	wt->mtime_unix_s = st.st_mtim.tv_sec - RB_WT_MTIME_BACK_S;
	return RB_OK;
}

int rb_wt_lock(struct rb_worktree *wt, struct rb_err *err)
{
	const struct timespec step = {.tv_nsec = (long)WAIT_STEP_MS * 1000000};
	int64_t until_ms = rb_time_mono_ms() + WAIT_MS;
	int rc;

	wt->index_path = rb_fs_join(rb_repo_git_dir(wt->repo), "index");
	if (!wt->index_path)
		return rb_err_set(err, RB_E_NOMEM, "no memory for a working tree");
	for (;;) {
		rc = rb_repo_lock_take(wt->repo, wt->index_path, &wt->lock, err);
		if (rc == RB_OK)
			return read_clock(wt, err);
		if (rc != RB_E_LOCKED)
			return rc;
		if (rb_time_mono_ms() >= until_ms)
			return add_age(wt->index_path, err);
		rc = rb_cancel_check(err);
		if (rc < 0)
			return rc;
		nanosleep(&step, NULL);
	}
}

void rb_wt_unlock(struct rb_worktree *wt)
{
	rb_repo_lock_drop(wt->lock);
	wt->lock = NULL;
}

int rb_wt_replace_index(struct rb_worktree *wt, struct rb_err *err)
{
	char *tmp = rb_repo_state_path(wt->repo, "index.new");
	bool tmp_exists = false;
	int fd = -1;
	int rc = RB_OK;

	if (!tmp)
		return rb_err_set(err, RB_E_NOMEM, "no memory to write the index");
	/* Under the lock there is one writer: what a killed one left is overwritten. */
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, RB_WT_FILE_MODE);
	if (fd < 0) {
		rc = rb_err_sys(err, errno, "cannot create '%s'", tmp);
		goto out;
	}
	tmp_exists = true;
	rc = rb_index_write(&wt->old, fd, tmp, err);
	if (rc < 0)
		goto out;
	if (close(fd) < 0) {
		fd = -1;
		rc = rb_err_sys(err, errno, "cannot close '%s'", tmp);
		goto out;
	}
	fd = -1;
	if (rename(tmp, wt->index_path) < 0) {
		rc = rb_err_sys(err, errno, "cannot rename '%s' to '%s'", tmp, wt->index_path);
		goto out;
	}
	tmp_exists = false;

out:
	if (fd >= 0)
		close(fd);
	if (tmp_exists)
		unlink(tmp);
	free(tmp);
	return rc;
}
