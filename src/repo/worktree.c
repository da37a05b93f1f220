/*
 * See rowback/repo/worktree.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rowback/base/fs.h"
#include "rowback/repo/worktree.h"
#include "worktree_priv.h"

/* What a store may hold is smaller by far: hosts refuse files of 100 MB. */
#define BLOB_BYTES_MAX ((size_t)1 << 30)

static int load_index(struct rb_worktree *wt, struct rb_err *err)
{
	int rc = rb_index_read(wt->index_path, &wt->old, err);

	if (rc == RB_OK && wt->old.is_damaged)
		rc = rb_wt_index_of_head(wt->repo, &wt->old, err);
	if (rc < 0)
		return rc;
	wt->kept = calloc(wt->old.count + 1, 1);
	if (!wt->kept)
		return rb_err_set(err, RB_E_NOMEM, "no memory for an index of %zu files",
		                  wt->old.count);
	return RB_OK;
}

int rb_worktree_begin(struct rb_repo *repo, struct rb_worktree **out, struct rb_err *err)
{
	struct rb_worktree *wt = NULL;
	int rc;

	*out = NULL;
	if (!rb_repo_work_dir(repo))
		return RB_OK;
	wt = calloc(1, sizeof(*wt));
	if (!wt)
		return rb_err_set(err, RB_E_NOMEM, "no memory for a working tree");
	wt->repo = repo;
	if (pthread_mutex_init(&wt->mutex, NULL) != 0) {
		free(wt);
		return rb_err_set(err, RB_E_NOMEM, "no memory for a working tree");
	}

	rc = rb_wt_lock(wt, err);
	if (rc == RB_OK)
		rc = load_index(wt, err);
	if (rc == RB_OK)
		rc = rb_wt_dirs_open(wt, rb_repo_work_dir(repo), err);
	if (rc < 0) {
		rb_worktree_free(wt);
		return rc;
	}
	*out = wt;
	return RB_OK;
}

void rb_worktree_free(struct rb_worktree *wt)
{
	if (!wt)
		return;
	rb_wt_unlock(wt);
	free(wt->index_path);
	rb_wt_dirs_close(wt);
	rb_index_release(&wt->old);
	rb_index_release(&wt->fresh);
	free(wt->kept);
	for (size_t i = 0; i < wt->managed_count; i++)
		free(wt->managed[i]);
	free(wt->managed);
	pthread_mutex_destroy(&wt->mutex);
	free(wt);
}

/* A path cannot be a file and have something below it. */
static int check_above(const struct rb_worktree *wt, const char *path, struct rb_err *err)
{
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		size_t len = (size_t)(slash - path);
		size_t at = rb_index_lower_bound(&wt->old, path, len);

		/* Of the paths that begin with these bytes, the shortest comes first. */
		if (at < wt->old.count && strncmp(wt->old.entries[at].path, path, len) == 0 &&
		    wt->old.entries[at].path[len] == '\0') {
			rb_err_set(err, RB_E_CONFLICT, "'%s' is a file that git tracks",
			           wt->old.entries[at].path);
			return rb_err_hint(err, "remove it: backups are written below it");
		}
	}
	return RB_OK;
}

int rb_worktree_manage(struct rb_worktree *wt, const char *path, struct rb_err *err)
{
	char **grown;
	char *copy;
	int rc;

	if (!wt)
		return RB_OK;
	rc = rb_wt_check_path(path, err);
	if (rc < 0)
		return rc;
	if (rb_wt_is_managed(wt, path, strlen(path)))
		return RB_OK;
	rc = check_above(wt, path, err);
	if (rc < 0)
		return rc;
	copy = strdup(path);
	grown = realloc(wt->managed, (wt->managed_count + 1) * sizeof(*grown));
	if (grown)
		wt->managed = grown;
	if (!copy || !grown) {
		free(copy);
		return rb_err_set(err, RB_E_NOMEM, "no memory for '%s'", path);
	}
	wt->managed[wt->managed_count++] = copy;
	return RB_OK;
}

int rb_wt_remember(struct rb_worktree *wt, const struct rb_wt_file *file, const struct stat *st,
                   struct rb_err *err)
{
	struct rb_index_entry entry = {
	        .st = rb_index_stat_of(st), .mode = file->mode, .oid = file->oid};
	int rc;

	pthread_mutex_lock(&wt->mutex);
	rc = rb_index_add(&wt->fresh, file->path, &entry, err);
	pthread_mutex_unlock(&wt->mutex);
	return rc;
}

/* Whether the old index and lstat(2) agree that the file is there; it stays then. */
static bool keep_at(struct rb_worktree *wt, const struct rb_wt_file *file, int dir_fd,
                    const char *name)
{
	size_t at = rb_index_find(&wt->old, file->path);
	const struct rb_index_entry *entry;
	struct stat st;

	if (at == wt->old.count)
		return false;
	entry = &wt->old.entries[at];
	if (entry->mode != file->mode || !rb_oid_equal(&entry->oid, &file->oid) ||
	    fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !rb_index_is_unchanged(&wt->old, entry, &st))
		return false;
	wt->kept[at] = 1;
	return true;
}

int rb_wt_keep(struct rb_worktree *wt, const struct rb_wt_file *file, bool *is_kept,
               struct rb_err *err)
{
	struct rb_wt_dir *dir = NULL;
	const char *name;
	int rc;

	*is_kept = false;
	if (rb_index_find(&wt->old, file->path) == wt->old.count)
		return RB_OK;
	rc = rb_wt_dir_of(wt, file->path, false, &dir, &name, err);
	if (rc == RB_E_NOTFOUND)
		return RB_OK;
	if (rc < 0)
		return rc;
	*is_kept = keep_at(wt, file, dir->fd, name);
	rb_wt_dir_release(wt, dir);
	return RB_OK;
}

/* One file being written. */
struct writing {
	struct rb_worktree *wt;
	const struct rb_wt_file *file;
	int dir_fd;
	const char *name;
	const void *data;
	size_t len;
};

static int open_new(const struct writing *writing, const char *name)
{
	mode_t mode = writing->file->mode == 0100755 ? RB_WT_DIR_MODE : RB_WT_FILE_MODE;

	return openat(writing->dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
}

static int fill(const struct writing *writing, int fd, struct rb_err *err)
{
	const char *path = writing->file->path;
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
	                            {.tv_sec = (time_t)writing->wt->mtime_unix_s}};
	int rc = rb_fs_write_all(fd, writing->data, writing->len, path, err);

	if (rc < 0)
		return rc;
	if (futimens(fd, times) < 0)
		return rb_err_sys(err, errno, "cannot set the time of '%s'", path);
	return RB_OK;
}

/* Ask what the index has to know, and close; fd is taken. */
static int end_file(const struct writing *writing, int fd, struct stat *st, struct rb_err *err)
{
	int rc = RB_OK;

	if (fstat(fd, st) < 0)
		rc = rb_err_sys(err, errno, "cannot read '%s'", writing->file->path);
	if (close(fd) < 0 && rc == RB_OK)
		rc = rb_err_sys(err, errno, "cannot close '%s'", writing->file->path);
	return rc;
}

/* Write where nothing is; *is_done stays false when something was there. */
static int write_in_place(const struct writing *writing, struct stat *st, bool *is_done,
                          struct rb_err *err)
{
	int fd = open_new(writing, writing->name);
	int rc;

	if (fd < 0)
		return errno == EEXIST
		               ? RB_OK
		               : rb_err_sys(err, errno, "cannot create '%s'", writing->file->path);
	rc = fill(writing, fd, err);
	if (rc == RB_OK)
		rc = end_file(writing, fd, st, err);
	else
		close(fd);
	if (rc < 0)
		unlinkat(writing->dir_fd, writing->name, 0);
	*is_done = rc == RB_OK;
	return rc;
}

/* Make a file under a name that nothing has. */
static int open_temporary(const struct writing *writing, char *name, size_t size,
                          struct rb_err *err)
{
	int fd;

	do {
		pthread_mutex_lock(&writing->wt->mutex);
		snprintf(name, size, RB_WT_TMP_PREFIX "%ld-%llu", (long)getpid(),
		         (unsigned long long)++writing->wt->tmp_count);
		pthread_mutex_unlock(&writing->wt->mutex);
		fd = open_new(writing, name);
	} while (fd < 0 && errno == EEXIST);
	if (fd < 0)
		return rb_err_sys(err, errno, "cannot create a file beside '%s'",
		                  writing->file->path);
	return fd;
}

/* Rename over what is there; a directory, which is ours and was not put, goes. */
static int replace(const struct writing *writing, const char *tmp, struct rb_err *err)
{
	struct rb_buf path = RB_BUF(RB_WT_PATH_BYTES_MAX);
	int rc;

	if (renameat(writing->dir_fd, tmp, writing->dir_fd, writing->name) == 0)
		return RB_OK;
	if (errno != EISDIR)
		return rb_err_sys(err, errno, "cannot replace '%s'", writing->file->path);
	rc = rb_buf_adds(&path, writing->file->path, err);
	if (rc == RB_OK)
		rc = rb_wt_remove_at(writing->dir_fd, &path, err);
	rb_buf_release(&path);
	if (rc < 0)
		return rc;
	if (renameat(writing->dir_fd, tmp, writing->dir_fd, writing->name) < 0)
		return rb_err_sys(err, errno, "cannot replace '%s'", writing->file->path);
	return RB_OK;
}

static int write_beside(const struct writing *writing, struct stat *st, struct rb_err *err)
{
	char tmp[sizeof(RB_WT_TMP_PREFIX) + 48];
	bool tmp_exists = false;
	int fd = -1;
	int rc;

	fd = open_temporary(writing, tmp, sizeof(tmp), err);
	if (fd < 0)
		return fd;
	tmp_exists = true;
	rc = fill(writing, fd, err);
	if (rc < 0)
		goto out;
	rc = replace(writing, tmp, err);
	if (rc < 0)
		goto out;
	tmp_exists = false;
	/* A rename changes ctime, so lstat(2) comes after it. */
	rc = end_file(writing, fd, st, err);
	fd = -1;

out:
	if (fd >= 0)
		close(fd);
	if (tmp_exists)
		unlinkat(writing->dir_fd, tmp, 0);
	return rc;
}

int rb_wt_put(struct rb_worktree *wt, const struct rb_wt_file *file, const void *data, size_t len,
              struct rb_err *err)
{
	struct writing writing = {.wt = wt, .file = file, .data = data, .len = len};
	struct rb_wt_dir *dir = NULL;
	struct stat st;
	bool is_done = false;
	int rc;

	rc = rb_wt_dir_of(wt, file->path, true, &dir, &writing.name, err);
	if (rc < 0)
		return rc;
	writing.dir_fd = dir->fd;
	if (keep_at(wt, file, dir->fd, writing.name))
		goto out;

	if (rb_index_find(&wt->old, file->path) == wt->old.count)
		rc = write_in_place(&writing, &st, &is_done, err);
	if (rc == RB_OK && !is_done)
		rc = write_beside(&writing, &st, err);
	if (rc == RB_OK)
		rc = rb_wt_remember(wt, file, &st, err);

out:
	rb_wt_dir_release(wt, dir);
	return rc;
}

/* The file that a call of the public functions is about. */
static int name_file(const struct rb_worktree *wt, const char *path, const struct rb_oid *oid,
                     struct rb_wt_file *out, struct rb_err *err)
{
	int rc = rb_wt_check_path(path, err);

	if (rc < 0)
		return rc;
	if (!rb_wt_is_managed(wt, path, strlen(path)))
		return rb_err_set(err, RB_E_USAGE, "'%s' is outside the managed paths", path);
	*out = (struct rb_wt_file){.path = path, .mode = RB_MODE_FILE, .oid = *oid};
	return RB_OK;
}

int rb_worktree_put(struct rb_worktree *wt, const char *path, const struct rb_oid *oid,
                    const void *data, size_t len, struct rb_err *err)
{
	struct rb_wt_file file;
	int rc;

	if (!wt)
		return RB_OK;
	rc = name_file(wt, path, oid, &file, err);
	return rc < 0 ? rc : rb_wt_put(wt, &file, data, len, err);
}

int rb_wt_put_object(struct rb_worktree *wt, const struct rb_wt_file *file, struct rb_err *err)
{
	struct rb_buf blob = RB_BUF(BLOB_BYTES_MAX);
	bool is_kept = false;
	int rc = rb_wt_keep(wt, file, &is_kept, err);

	if (rc < 0 || is_kept)
		return rc;
	rc = rb_repo_read(wt->repo, &file->oid, RB_OBJECT_BLOB, &blob, err);
	if (rc < 0)
		rb_err_wrap(err, rc, "'%s'", file->path);
	else
		rc = rb_wt_put(wt, file, blob.data, blob.len, err);
	rb_buf_release(&blob);
	return rc;
}

int rb_worktree_put_object(struct rb_worktree *wt, const char *path, const struct rb_oid *oid,
                           struct rb_err *err)
{
	struct rb_wt_file file;
	int rc;

	if (!wt)
		return RB_OK;
	rc = name_file(wt, path, oid, &file, err);
	return rc < 0 ? rc : rb_wt_put_object(wt, &file, err);
}

/* Whether this round says nothing of an entry. */
static bool is_untouched(const struct rb_worktree *wt, const struct rb_index_entry *entry)
{
	if (wt->is_whole)
		return (entry->flags_more & RB_INDEX_SKIP_WORKTREE) != 0;
	return !rb_wt_is_managed(wt, entry->path, strlen(entry->path));
}

int rb_wt_settle(struct rb_worktree *wt, struct rb_err *err)
{
	struct rb_index *index = &wt->old;
	size_t stay = 0;
	int rc;

	if (wt->is_settled)
		return RB_OK;
	wt->is_changed = index->is_damaged || wt->fresh.count > 0;
	for (size_t i = 0; i < index->count; i++) {
		struct rb_index_entry *entry = &index->entries[i];

		if (!wt->kept[i] && !is_untouched(wt, entry)) {
			wt->is_changed = true;
			continue;
		}
		/*
		 * A file as young as the old index may have been changed without showing it,
		 * and the new index, being younger, would hide that.  Size 0 makes git read it,
		 * as git does.
		 */
		if (rb_index_is_racy(index, entry))
			entry->st.size_bytes = 0;
		index->entries[stay++] = *entry;
	}
	index->count = stay;
	rc = rb_index_move(index, &wt->fresh, err);
	if (rc < 0)
		return rc;
	rb_index_sort(index);
	wt->is_settled = true;
	return RB_OK;
}

int rb_worktree_finish(struct rb_worktree *wt, struct rb_err *err)
{
	int rc;

	if (!wt)
		return RB_OK;
	rc = rb_wt_settle(wt, err);
	if (rc == RB_OK)
		rc = rb_wt_clean(wt, err);
	if (rc == RB_OK && wt->is_changed)
		rc = rb_wt_replace_index(wt, err);
	if (rc == RB_OK)
		rb_wt_unlock(wt);
	return rc;
}

int rb_worktree_finish_unstaged(struct rb_worktree *wt, struct rb_err *err)
{
	int rc;

	if (!wt)
		return RB_OK;
	rc = rb_wt_settle(wt, err);
	if (rc == RB_OK)
		rc = rb_wt_clean(wt, err);
	if (rc == RB_OK)
		rb_wt_unlock(wt);
	return rc;
}
