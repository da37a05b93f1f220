/*
 * The other way round: what the working tree holds becomes objects and an index.
 */
#include <errno.h>
#include <fcntl.h>
#include <git2.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "repo_priv.h"
#include "rowback/base/cancel.h"
#include "rowback/repo/tree.h"
#include "rowback/repo/worktree.h"
#include "worktree_priv.h"

/* Larger files would not pass any host (100 MB), and are held in memory whole. */
#define FILE_BYTES_MAX ((size_t)1 << 30)

struct adding {
	struct rb_worktree *wt;
	struct rb_pack *pack;
	unsigned int slot;
	struct rb_buf content; /* of the file being read */
};

static int is_ignored(const struct adding *adding, const char *path, bool *out, struct rb_err *err)
{
	int ignored = 0;
	int rc = git_ignore_path_is_ignored(&ignored, adding->wt->repo->git, path);

	if (rc < 0)
		return rb_repo_git_err(err, rc, "cannot tell whether '%s' is ignored", path);
	*out = ignored != 0;
	return RB_OK;
}

static int read_whole(struct adding *adding, int fd, const char *path, size_t size,
                      struct rb_err *err)
{
	struct rb_buf *content = &adding->content;
	int rc;

	rb_buf_clear(content);
	rc = rb_buf_reserve(content, size + 1, err);
	if (rc < 0)
		return rb_err_wrap(err, rc, "'%s'", path);
	/* One byte more than there should be shows a file that grows. */
	while (content->len <= size) {
		ssize_t got = read(fd, content->data + content->len, size + 1 - content->len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return rb_err_sys(err, errno, "cannot read '%s'", path);
		if (got == 0)
			break;
		content->len += (size_t)got;
	}
	content->data[content->len] = '\0';
	return RB_OK;
}

/* Read a file of which lstat(2) said `st`; it must be that file still when it is read. */
static int read_file(struct adding *adding, int dir_fd, const char *path, struct stat *st,
                     struct rb_err *err)
{
	struct stat after;
	int fd = -1;
	int rc;

	fd = openat(dir_fd, rb_wt_base_name(path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return rb_err_sys(err, errno, "cannot read '%s'", path);
	if (fstat(fd, st) < 0) {
		rc = rb_err_sys(err, errno, "cannot read '%s'", path);
		goto out;
	}
	if (!S_ISREG(st->st_mode)) {
		rc = rb_err_set(err, RB_E_FORMAT, "'%s' is no plain file", path);
		goto out;
	}
	if ((uintmax_t)st->st_size >= FILE_BYTES_MAX) {
		rc = rb_err_set(err, RB_E_LIMIT, "'%s' has %jd bytes, the limit is 1 GiB", path,
		                (intmax_t)st->st_size);
		goto out;
	}
	rc = read_whole(adding, fd, path, (size_t)st->st_size, err);
	if (rc < 0)
		goto out;
	if (fstat(fd, &after) < 0) {
		rc = rb_err_sys(err, errno, "cannot read '%s'", path);
		goto out;
	}
	if (adding->content.len != (size_t)st->st_size || after.st_size != st->st_size ||
	    memcmp(&after.st_mtim, &st->st_mtim, sizeof(st->st_mtim)) != 0) {
		rb_err_set(err, RB_E_IO, "'%s' changed while it was read", path);
		rc = rb_err_hint(err, "run it again when nothing writes there");
	}

out:
	close(fd);
	return rc;
}

static int add_file(struct adding *adding, int dir_fd, const char *path, const struct stat *seen,
                    struct rb_err *err)
{
	struct rb_worktree *wt = adding->wt;
	struct rb_wt_file file = {.path = path};
	size_t at = rb_index_find(&wt->old, path);
	struct stat st;
	bool ignored = false;
	int rc;

	if (at < wt->old.count && rb_index_is_unchanged(&wt->old, &wt->old.entries[at], seen)) {
		wt->kept[at] = 1;
		return RB_OK;
	}
	if (at == wt->old.count) {
		rc = is_ignored(adding, path, &ignored, err);
		if (rc < 0 || ignored)
			return rc;
	}
	rc = read_file(adding, dir_fd, path, &st, err);
	if (rc < 0)
		return rc;
	rc = rb_pack_add(adding->pack, adding->slot, RB_OBJECT_BLOB, adding->content.data,
	                 adding->content.len, &file.oid, NULL, err);
	if (rc < 0)
		return rc;
	file.mode = st.st_mode & S_IXUSR ? 0100755 : RB_MODE_FILE;
	return rb_wt_remember(wt, &file, &st, err);
}

/* Whether git tracks something below a directory; path ends with a slash. */
static bool has_tracked(const struct rb_index *index, const struct rb_buf *path)
{
	size_t at = rb_index_lower_bound(index, path->data, path->len);

	return at < index->count && strncmp(index->entries[at].path, path->data, path->len) == 0;
}

static int add_one(void *ctx, int dir_fd, struct rb_buf *path, struct rb_err *err);

static int add_dir(struct adding *adding, int dir_fd, struct rb_buf *path, struct rb_err *err)
{
	size_t path_len = path->len;
	bool ignored = false;
	int fd;
	int rc;

	/* With a slash, so that patterns for directories match. */
	rc = rb_buf_adds(path, "/", err);
	if (rc == RB_OK && !has_tracked(&adding->wt->old, path))
		rc = is_ignored(adding, path->data, &ignored, err);
	path->len = path_len;
	path->data[path_len] = '\0';
	if (rc < 0 || ignored)
		return rc;
	fd = rb_wt_open_dir(dir_fd, rb_wt_base_name(path->data));
	if (fd < 0)
		return rb_err_sys(err, errno, "cannot open directory '%s'", path->data);
	return rb_wt_each(fd, path, add_one, adding, err);
}

static int refuse(struct adding *adding, const char *path, mode_t mode, struct rb_err *err)
{
	bool ignored = false;
	int rc = is_ignored(adding, path, &ignored, err);

	if (rc < 0 || ignored)
		return rc;
	rb_err_set(err, RB_E_FORMAT, "'%s' is %s: a store holds plain files only", path,
	           S_ISLNK(mode) ? "a symbolic link" : "no plain file");
	return rb_err_hint(err, "remove it, or name it in .gitignore");
}

/* Add what one name is. */
static int add_one(void *ctx, int dir_fd, struct rb_buf *path, struct rb_err *err)
{
	struct adding *adding = ctx;
	const char *name = rb_wt_base_name(path->data);
	struct stat st;
	int rc;

	rc = rb_cancel_check(err);
	if (rc < 0)
		return rc;
	if (strcasecmp(name, ".git") == 0) {
		if (name == path->data)
			return RB_OK;
		rb_err_set(err, RB_E_FORMAT, "'%s' is a repository of its own", path->data);
		return rb_err_hint(err, "move it out of the store");
	}
	if (strncmp(name, RB_WT_TMP_PREFIX, strlen(RB_WT_TMP_PREFIX)) == 0)
		return RB_OK;
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return rb_err_sys(err, errno, "cannot read '%s'", path->data);
	if (S_ISREG(st.st_mode))
		return add_file(adding, dir_fd, path->data, &st, err);
	if (S_ISDIR(st.st_mode))
		return add_dir(adding, dir_fd, path, err);
	return refuse(adding, path->data, st.st_mode, err);
}

/* Make the trees of what the index is going to be; it is sorted. */
static int write_tree(struct adding *adding, struct rb_oid *tree, struct rb_err *err)
{
	const struct rb_index *index = &adding->wt->old;
	struct rb_tree_stream *stream = NULL;
	int rc = rb_wt_settle(adding->wt, err);

	if (rc == RB_OK)
		rc = rb_tree_stream_new(adding->pack, &stream, err);
	for (size_t i = 0; rc == RB_OK && i < index->count; i++)
		rc = rb_tree_stream_add(stream, adding->slot, index->entries[i].path,
		                        index->entries[i].mode, &index->entries[i].oid, err);
	if (rc == RB_OK)
		rc = rb_tree_stream_end(stream, adding->slot, tree, err);
	rb_tree_stream_free(stream);
	return rc;
}

int rb_worktree_add_all(struct rb_worktree *wt, struct rb_pack *pack, unsigned int slot,
                        struct rb_oid *tree, struct rb_err *err)
{
	struct adding adding = {
	        .wt = wt, .pack = pack, .slot = slot, .content = RB_BUF(FILE_BYTES_MAX)};
	struct rb_buf path = RB_BUF(RB_WT_PATH_BYTES_MAX);
	int fd;
	int rc;

	if (!wt)
		return rb_err_set(err, RB_E_USAGE, "a bare repository has no working tree");
	wt->is_whole = true;
	fd = openat(wt->dirs[0]->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return rb_err_sys(err, errno, "cannot open the working tree");
	rc = rb_wt_each(fd, &path, add_one, &adding, err);
	if (rc == RB_OK)
		rc = write_tree(&adding, tree, err);
	rb_buf_release(&path);
	rb_buf_release(&adding.content);
	return rc;
}
