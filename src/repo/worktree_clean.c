/*
 * Removing what is ours and was not put: files of an older backup, what a killed run left.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rowback/base/cancel.h"
#include "worktree_priv.h"

int rb_wt_each(int fd, struct rb_buf *path, rb_wt_name_fn *fn, void *ctx, struct rb_err *err)
{
	DIR *dir = fdopendir(fd);
	size_t path_len = path->len;
	int rc = RB_OK;

	if (!dir) {
		rc = rb_err_sys(err, errno, "cannot list '%s'", rb_buf_str(path));
		close(fd);
		return rc;
	}
	while (rc == RB_OK) {
		const struct dirent *entry;

		errno = 0;
		entry = readdir(dir);
		if (!entry) {
			if (errno != 0)
				rc = rb_err_sys(err, errno, "cannot list '%s'", rb_buf_str(path));
			break;
		}
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		rc = rb_buf_addf(path, err, "%s%s", path_len > 0 ? "/" : "", entry->d_name);
		if (rc == RB_OK)
			rc = fn(ctx, dirfd(dir), path, err);
		path->len = path_len;
		if (path->data)
			path->data[path_len] = '\0';
	}
	closedir(dir);
	return rc;
}

const char *rb_wt_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int remove_one(void *ctx, int dir_fd, struct rb_buf *path, struct rb_err *err)
{
	(void)ctx;
	return rb_wt_remove_at(dir_fd, path, err);
}

int rb_wt_remove_at(int dir_fd, struct rb_buf *path, struct rb_err *err)
{
	const char *name = rb_wt_base_name(rb_buf_str(path));
	int fd;
	int rc;

	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
		return RB_OK;
	/* Linux says EISDIR of a directory, POSIX says EPERM. */
	if (errno != EISDIR && errno != EPERM)
		return rb_err_sys(err, errno, "cannot remove '%s'", rb_buf_str(path));
	fd = rb_wt_open_dir(dir_fd, name);
	if (fd < 0)
		return rb_err_sys(err, errno, "cannot remove '%s'", rb_buf_str(path));
	rc = rb_wt_each(fd, path, remove_one, NULL, err);
	if (rc < 0)
		return rc;
	name = rb_wt_base_name(rb_buf_str(path));
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return rb_err_sys(err, errno, "cannot remove '%s'", rb_buf_str(path));
	return RB_OK;
}

/* Clean one name: a file that stays, a directory to look into, or nothing of ours. */
static int clean_one(void *ctx, int dir_fd, struct rb_buf *path, struct rb_err *err)
{
	const struct rb_index *index = ctx;
	size_t path_len = path->len;
	size_t at;
	bool is_used;
	int fd;
	int rc;

	rc = rb_cancel_check(err);
	if (rc < 0)
		return rc;
	if (rb_index_find(index, rb_buf_str(path)) < index->count)
		return RB_OK;

	rc = rb_buf_adds(path, "/", err);
	if (rc < 0)
		return rc;
	at = rb_index_lower_bound(index, path->data, path->len);
	is_used = at < index->count && strncmp(index->entries[at].path, path->data, path->len) == 0;
	path->len = path_len;
	path->data[path_len] = '\0';
	if (!is_used)
		return rb_wt_remove_at(dir_fd, path, err);

	fd = rb_wt_open_dir(dir_fd, rb_wt_base_name(path->data));
	if (fd < 0)
		return rb_err_sys(err, errno, "cannot open directory '%s'", path->data);
	return rb_wt_each(fd, path, clean_one, ctx, err);
}

static int remove_temporary(void *ctx, int dir_fd, struct rb_buf *path, struct rb_err *err)
{
	const char *name = rb_wt_base_name(rb_buf_str(path));

	(void)ctx;
	if (strncmp(name, RB_WT_TMP_PREFIX, strlen(RB_WT_TMP_PREFIX)) != 0)
		return RB_OK;
	return rb_wt_remove_at(dir_fd, path, err);
}

/* A file of ours may stand in a directory that is not: its temporary files do, too. */
static int clean_parent(struct rb_worktree *wt, const struct rb_wt_dir *dir, struct rb_buf *path,
                        struct rb_err *err)
{
	int fd;

	if (rb_wt_is_managed(wt, dir->path, strlen(dir->path)))
		return RB_OK;
	fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return rb_err_sys(err, errno, "cannot list '%s'", dir->path);
	rb_buf_clear(path);
	if (rb_buf_adds(path, dir->path, err) < 0) {
		close(fd);
		return RB_E_NOMEM;
	}
	return rb_wt_each(fd, path, remove_temporary, NULL, err);
}

int rb_wt_clean(struct rb_worktree *wt, struct rb_err *err)
{
	struct rb_buf path = RB_BUF(RB_WT_PATH_BYTES_MAX);
	int rc = RB_OK;

	for (size_t i = 0; i < wt->managed_count && rc == RB_OK; i++) {
		struct rb_wt_dir *dir = NULL;
		const char *name;

		rc = rb_wt_dir_of(wt, wt->managed[i], false, &dir, &name, err);
		if (rc == RB_E_NOTFOUND) {
			rc = RB_OK;
			continue;
		}
		if (rc < 0)
			break;
		rc = clean_parent(wt, dir, &path, err);
		rb_buf_clear(&path);
		if (rc == RB_OK)
			rc = rb_buf_adds(&path, wt->managed[i], err);
		if (rc == RB_OK)
			rc = clean_one(&wt->old, dir->fd, &path, err);
		rb_wt_dir_release(wt, dir);
	}
	rb_buf_release(&path);
	return rc;
}
