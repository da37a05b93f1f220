/*
 * See target_priv.h: the file of a new database.
 *
 *	app.db.rowback-q3ZkT1    while it is being made
 *	app.db                   once it is whole
 */
#define _GNU_SOURCE /* renameat2() */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rowback/base/fs.h"
#include "target_priv.h"

/* What is appended to the database's name; mkstemp() fills in the last six. */
#define TMP_MARK ".rowback-"
#define TMP_UNIQUE "XXXXXX"

static int unreachable(struct rb_err *err, int errnum, const char *path)
{
	rb_err_sys(err, errnum, "cannot use '%s' as a database", path);
	if (err)
		err->status = RB_E_UNREACHABLE;
	rb_err_hint(err, "check the path, and that its directory is there");
	return RB_E_UNREACHABLE;
}

/* "/srv/app" for "/srv/app/x.db", "." for "x.db"; NULL without memory. */
static char *directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return strdup(".");
	return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The place of a file that is not there: its directory must be. */
static int locate_new(const char *path, char **out, struct rb_err *err)
{
	const char *base = base_of(path);
	char *dir = NULL;
	char *real = NULL;
	int rc = RB_OK;

	if (!*base || strcmp(base, ".") == 0 || strcmp(base, "..") == 0)
		return unreachable(err, EISDIR, path);
	dir = directory_of(path);
	if (!dir)
		goto no_memory;
	real = realpath(dir, NULL);
	if (!real) {
		rc = unreachable(err, errno, path);
		goto out;
	}
	*out = rb_fs_join(real, base);
	if (*out)
		goto out;
no_memory:
	rc = rb_err_set(err, RB_E_NOMEM, "no memory to open '%s'", path);
out:
	free(real);
	free(dir);
	return rc;
}

int rb_sqlite_file_locate(const char *path, char **out, bool *exists, struct rb_err *err)
{
	struct stat st;
	char *real;

	*exists = false;
	if (lstat(path, &st) < 0) {
		if (errno != ENOENT)
			return unreachable(err, errno, path);
		return locate_new(path, out, err);
	}
	/* A link that leads nowhere is not followed to make a file at its other end. */
	real = realpath(path, NULL);
	if (!real || stat(real, &st) < 0) {
		int errnum = errno;

		free(real);
		return unreachable(err, errnum, path);
	}
	if (!S_ISREG(st.st_mode)) {
		free(real);
		return unreachable(err, S_ISDIR(st.st_mode) ? EISDIR : EINVAL, path);
	}
	*out = real;
	*exists = true;
	return RB_OK;
}

/*
 * A journal without its database would be taken for the new one's, and played back into it.
 *
 * source: sqlite.org/howtocorrupt.html#_unlinking_or_renaming_a_database_file_while_in_use
 */
static int check_no_journal(const char *path, struct rb_err *err)
{
	static const char *const suffixes[] = {"-journal", "-wal"};
	struct rb_buf name = RB_BUF(PATH_MAX);
	int rc = RB_OK;

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]) && rc == RB_OK; i++) {
		rb_buf_clear(&name);
		rc = rb_buf_addf(&name, err, "%s%s", path, suffixes[i]);
		if (rc == RB_OK && rb_fs_exists(rb_buf_str(&name))) {
			rc = rb_err_set(err, RB_E_CONFLICT, "'%s' is there without its database",
			                rb_buf_str(&name));
			rb_err_hint(err, "it would be played back into the new database: move it "
			                 "away, or restore to another path");
		}
	}
	rb_buf_release(&name);
	return rc;
}

/* Whether nobody works on a file: SQLite holds a lock on a database that is being made. */
static bool is_left_behind(const char *path)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	bool is_free;

	if (fd < 0)
		return false;
	is_free = fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type == F_UNLCK;
	close(fd);
	return is_free;
}

/* Remove what killed runs left beside the place.  What cannot be removed does no harm. */
static void remove_left_behind(const char *path)
{
	const char *base = base_of(path);
	char *dir_name = directory_of(path);
	DIR *dir = dir_name ? opendir(dir_name) : NULL;
	size_t len = strlen(base);
	struct dirent *entry;
	char *name;

	while (dir && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, base, len) != 0 ||
		    strncmp(entry->d_name + len, TMP_MARK, strlen(TMP_MARK)) != 0 ||
		    strlen(entry->d_name + len) != strlen(TMP_MARK TMP_UNIQUE))
			continue;
		name = rb_fs_join(dir_name, entry->d_name);
		if (name && is_left_behind(name))
			unlink(name);
		free(name);
	}
	if (dir)
		closedir(dir);
	free(dir_name);
}

int rb_sqlite_file_make(const char *path, char **tmp, struct rb_err *err)
{
	size_t size = strlen(path) + sizeof(TMP_MARK TMP_UNIQUE);
	char *name = NULL;
	int rc = check_no_journal(path, err);
	int fd;

	if (rc < 0)
		return rc;
	remove_left_behind(path);
	name = malloc(size);
	if (!name)
		return rb_err_set(err, RB_E_NOMEM, "no memory to make '%s'", path);
	snprintf(name, size, "%s" TMP_MARK TMP_UNIQUE, path);

	fd = mkstemp(name);
	if (fd < 0) {
		rc = unreachable(err, errno, path);
	} else if (close(fd) < 0) {
		rc = rb_err_sys(err, errno, "cannot make '%s'", name);
		unlink(name);
	} else {
		*tmp = name;
		name = NULL;
	}
	free(name);
	return rc;
}

static int sync_file(const char *path, struct rb_err *err)
{
	int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	int rc = RB_OK;

	if (fd < 0)
		return rb_err_sys(err, errno, "cannot open '%s'", path);
	if (fsync(fd) < 0)
		rc = rb_err_sys(err, errno, "cannot write '%s'", path);
	if (close(fd) < 0 && rc == RB_OK)
		rc = rb_err_sys(err, errno, "cannot close '%s'", path);
	return rc;
}

/* Move without replacing.  returns 0 or an errno */
static int move_to_free_name(const char *from, const char *to)
{
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return errno;
	/* A file system without that flag may know hard links, which never replace either. */
	if (link(from, to) < 0)
		return errno;
	unlink(from);
	return 0;
}

int rb_sqlite_file_publish(const char *tmp, const char *path, struct rb_err *err)
{
	char *dir = NULL;
	int errnum;
	int rc;

	rc = sync_file(tmp, err);
	if (rc == RB_OK)
		rc = check_no_journal(path, err);
	if (rc < 0)
		return rc;
	dir = directory_of(path);
	if (!dir)
		return rb_err_set(err, RB_E_NOMEM, "no memory to make '%s'", path);

	errnum = move_to_free_name(tmp, path);
	if (errnum == EEXIST) {
		rc = rb_err_set(err, RB_E_CONFLICT, "'%s' was made by another program meanwhile",
		                path);
		rb_err_hint(err, "nothing was written to it: run the restore again");
	} else if (errnum != 0) {
		rc = rb_err_sys(err, errnum, "cannot rename '%s' to '%s'", tmp, path);
	} else {
		rc = rb_fs_sync_dir(dir, err);
		if (rc < 0)
			unlink(path);
	}
	free(dir);
	return rc;
}
