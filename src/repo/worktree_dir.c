/*
 * Directories of the working tree: found without following a link, made, kept open.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tree_priv.h"
#include "worktree_priv.h"

bool rb_wt_is_managed(const struct rb_worktree *wt, const char *path, size_t len)
{
	for (size_t i = 0; i < wt->managed_count; i++) {
		size_t own_len = strlen(wt->managed[i]);

		if (len >= own_len && memcmp(path, wt->managed[i], own_len) == 0 &&
		    (len == own_len || path[own_len] == '/'))
			return true;
	}
	return false;
}

int rb_wt_check_path(const char *path, struct rb_err *err)
{
	const char *at = path;

	for (;;) {
		size_t len = strcspn(at, "/");

		if (!rb_tree_name_is_safe(at, len))
			return rb_err_set(err, RB_E_FORMAT, "'%s' is no path for a working tree",
			                  path);
		if (at[len] == '\0')
			return RB_OK;
		at += len + 1;
	}
}

int rb_wt_open_dir(int dir_fd, const char *name)
{
	return openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Close a directory that nobody uses and the cache has not. */
static void let_go(struct rb_wt_dir *dir)
{
	if (--dir->users > 0)
		return;
	close(dir->fd);
	free(dir->path);
	free(dir);
}

/* Forget the directory that was not used for longest, but never the root. */
static void make_room(struct rb_worktree *wt)
{
	size_t oldest = 1;

	if (wt->dir_count < RB_WT_DIRS_MAX)
		return;
	for (size_t i = 2; i < wt->dir_count; i++) {
		if (wt->dirs[i]->used_at < wt->dirs[oldest]->used_at)
			oldest = i;
	}
	let_go(wt->dirs[oldest]);
	wt->dirs[oldest] = wt->dirs[--wt->dir_count];
}

/* Keep an open directory; fd is taken, also on failure. */
static int keep_dir(struct rb_worktree *wt, int fd, const char *path, size_t len,
                    struct rb_wt_dir **out, struct rb_err *err)
{
	struct rb_wt_dir *dir = calloc(1, sizeof(*dir));

	if (dir)
		dir->path = strndup(path, len);
	if (!dir || !dir->path) {
		free(dir);
		close(fd);
		return rb_err_set(err, RB_E_NOMEM, "no memory for a directory");
	}
	dir->fd = fd;
	dir->users = 1;
	make_room(wt);
	wt->dirs[wt->dir_count++] = dir;
	*out = dir;
	return RB_OK;
}

int rb_wt_dirs_open(struct rb_worktree *wt, const char *root, struct rb_err *err)
{
	struct rb_wt_dir *dir;
	int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return rb_err_sys(err, errno, "cannot open '%s'", root);
	return keep_dir(wt, fd, "", 0, &dir, err);
}

void rb_wt_dirs_close(struct rb_worktree *wt)
{
	while (wt->dir_count > 0)
		let_go(wt->dirs[--wt->dir_count]);
}

/* Open, or make, the directory of a path's first `len` bytes in its parent. */
static int open_child(struct rb_worktree *wt, int parent_fd, const char *path, size_t len,
                      bool make, struct rb_err *err)
{
	char *whole = strndup(path, len);
	const char *name;
	int fd = -1;
	int rc = RB_OK;

	if (!whole)
		return rb_err_set(err, RB_E_NOMEM, "no memory for '%s'", path);
	name = strrchr(whole, '/') ? strrchr(whole, '/') + 1 : whole;
	fd = rb_wt_open_dir(parent_fd, name);
	if (fd < 0 && !make && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)) {
		rc = rb_err_set(err, RB_E_NOTFOUND, "there is no directory '%s'", whole);
		goto out;
	}
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP)) {
		if (!rb_wt_is_managed(wt, path, len)) {
			rb_err_set(err, RB_E_CONFLICT, "'%s' is no directory", whole);
			rc = rb_err_hint(err, "move it away: backups are written below it");
			goto out;
		}
		if (unlinkat(parent_fd, name, 0) < 0 && errno != ENOENT) {
			rc = rb_err_sys(err, errno, "cannot remove '%s'", whole);
			goto out;
		}
		errno = ENOENT;
	}
	if (fd < 0 && errno == ENOENT) {
		if (mkdirat(parent_fd, name, RB_WT_DIR_MODE) < 0 && errno != EEXIST) {
			rc = rb_err_sys(err, errno, "cannot make directory '%s'", whole);
			goto out;
		}
		fd = rb_wt_open_dir(parent_fd, name);
	}
	if (fd < 0)
		rc = rb_err_sys(err, errno, "cannot open directory '%s'", whole);

out:
	free(whole);
	return rc < 0 ? rc : fd;
}

/* The kept directory that is path's first bytes, as many as possible of `len`. */
static struct rb_wt_dir *nearest(struct rb_worktree *wt, const char *path, size_t len)
{
	struct rb_wt_dir *best = wt->dirs[0];
	size_t best_len = 0;

	for (size_t i = 1; i < wt->dir_count; i++) {
		size_t own_len = strlen(wt->dirs[i]->path);

		if (own_len > best_len && own_len <= len &&
		    memcmp(path, wt->dirs[i]->path, own_len) == 0 &&
		    (own_len == len || path[own_len] == '/')) {
			best = wt->dirs[i];
			best_len = own_len;
		}
	}
	return best;
}

/* The directory of a path's first `len` bytes; under the mutex. */
static int find_dir(struct rb_worktree *wt, const char *path, size_t len, bool make,
                    struct rb_wt_dir **out, struct rb_err *err)
{
	struct rb_wt_dir *dir = nearest(wt, path, len);
	size_t have = strlen(dir->path);

	dir->used_at = ++wt->dir_requests;
	while (have < len) {
		size_t next = have == 0 ? 0 : have + 1;
		int fd;
		int rc;

		next += strcspn(path + next, "/");
		fd = open_child(wt, dir->fd, path, next, make, err);
		if (fd < 0)
			return fd;
		/* The cache has room for the parent and this one, whatever else goes. */
		rc = keep_dir(wt, fd, path, next, &dir, err);
		if (rc < 0)
			return rc;
		dir->used_at = ++wt->dir_requests;
		have = next;
	}
	*out = dir;
	return RB_OK;
}

int rb_wt_dir_of(struct rb_worktree *wt, const char *path, bool make, struct rb_wt_dir **out,
                 const char **name, struct rb_err *err)
{
	const char *slash = strrchr(path, '/');
	int rc;

	pthread_mutex_lock(&wt->mutex);
	rc = find_dir(wt, path, slash ? (size_t)(slash - path) : 0, make, out, err);
	if (rc == RB_OK)
		(*out)->users++;
	pthread_mutex_unlock(&wt->mutex);
	*name = slash ? slash + 1 : path;
	return rc;
}

void rb_wt_dir_release(struct rb_worktree *wt, struct rb_wt_dir *dir)
{
	if (!dir)
		return;
	pthread_mutex_lock(&wt->mutex);
	let_go(dir);
	pthread_mutex_unlock(&wt->mutex);
}
