/*
 * See rowback/repo/space.h.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gitproc_priv.h"
#include "repo_priv.h"
#include "rowback/base/fs.h"
#include "rowback/repo/space.h"

/* A tree of rows is two or three directories deep; this is far more, and bounds the stack. */
#define DEPTH_MAX 64
#define OUTPUT_BYTES_MAX ((size_t)1 << 16)
/* What git itself says when gc.pruneExpire is not set.  source: git-gc(1) */
#define PRUNE_EXPIRE "2.weeks.ago"
/* git repack knows --cruft since 2.37. */
enum { CRUFT_MAJOR = 2, CRUFT_MINOR = 37 };

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static bool ends_with(const char *name, const char *end)
{
	size_t len = strlen(name);
	size_t end_len = strlen(end);

	return len >= end_len && strcmp(name + len - end_len, end) == 0;
}

/* A directory being added up. */
struct sum {
	const char *skip;  /* a name at the top that is left out; NULL */
	uint64_t bytes;    /* of files */
	uint64_t packs;    /* files that end with ".pack" */
	unsigned int deep; /* directories between here and the top */
};

static int add_dir(int parent_fd, const char *name, struct sum *sum, struct rb_err *err);

static int add_entry(int dir_fd, const char *name, struct sum *sum, struct rb_err *err)
{
	struct stat st;

	if (is_dots(name) || (sum->deep == 1 && sum->skip && strcmp(name, sum->skip) == 0))
		return RB_OK;
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? RB_OK
		                       : rb_err_sys(err, errno, "cannot look at '%s'", name);
	if (S_ISDIR(st.st_mode))
		return add_dir(dir_fd, name, sum, err);
	sum->bytes += (uint64_t)st.st_size;
	sum->packs += ends_with(name, ".pack");
	return RB_OK;
}

static int add_dir(int parent_fd, const char *name, struct sum *sum, struct rb_err *err)
{
	int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	int rc = RB_OK;

	if (!dir) {
		rc = errno == ENOENT ? RB_OK : rb_err_sys(err, errno, "cannot list '%s'", name);
		if (fd >= 0)
			close(fd);
		return rc;
	}
	if (++sum->deep > DEPTH_MAX)
		rc = rb_err_set(err, RB_E_LIMIT, "'%s' lies too deep", name);
	while (rc == RB_OK) {
		const struct dirent *entry;

		errno = 0;
		entry = readdir(dir);
		if (!entry) {
			if (errno != 0)
				rc = rb_err_sys(err, errno, "cannot list '%s'", name);
			break;
		}
		rc = add_entry(dirfd(dir), entry->d_name, sum, err);
	}
	sum->deep--;
	closedir(dir);
	return rc;
}

int rb_space_packs(struct rb_repo *repo, uint64_t *bytes, uint64_t *count, struct rb_err *err)
{
	struct sum sum = {0};
	char *path = rb_fs_join(repo->objects_dir, "pack");
	int rc = path ? add_dir(AT_FDCWD, path, &sum, err)
	              : rb_err_set(err, RB_E_NOMEM, "no memory to measure the store");

	free(path);
	if (rc == RB_OK) {
		*bytes = sum.bytes;
		*count = sum.packs;
	}
	return rc;
}

int rb_space_measure(struct rb_repo *repo, struct rb_space *out, struct rb_err *err)
{
	struct rb_space space = {0};
	struct sum loose = {.skip = "pack"};
	struct sum other = {.skip = "objects"};
	struct sum worktree = {.skip = ".git"};
	int rc = rb_space_packs(repo, &space.packs, &space.pack_count, err);

	if (rc == RB_OK)
		rc = add_dir(AT_FDCWD, repo->objects_dir, &loose, err);
	if (rc == RB_OK)
		rc = add_dir(AT_FDCWD, repo->git_dir, &other, err);
	if (rc == RB_OK && repo->work_dir)
		rc = add_dir(AT_FDCWD, repo->work_dir, &worktree, err);
	if (rc < 0)
		return rc;
	space.loose = loose.bytes;
	space.other = other.bytes;
	space.worktree = worktree.bytes;
	*out = space;
	return RB_OK;
}

/* Run a git command that prints nothing of use. */
static int run(struct rb_repo *repo, struct rb_git *git, int64_t timeout_ms, struct rb_err *err)
{
	const struct rb_git_limits limits = {.timeout_ms = timeout_ms,
	                                     .stdout_max = OUTPUT_BYTES_MAX};
	struct rb_proc_result result = {0};
	int rc = rb_git_run(git, &limits, &result, err);

	if (rc == RB_OK && result.exit_code != 0)
		rc = rb_err_set(err, RB_E_IO, "git could not tidy '%s': %.400s",
		                rb_repo_git_dir(repo), rb_buf_str(&result.errtxt));
	rb_proc_result_release(&result);
	rb_git_release(git);
	return rc;
}

static bool has_reflog(struct rb_repo *repo, const char *ref)
{
	return git_reference_has_log(repo->git, ref) == 1;
}

int rb_space_expire_reflogs(struct rb_repo *repo, const char *const *refs, int64_t until_unix_s,
                            int64_t timeout_ms, struct rb_err *err)
{
	struct rb_git git = {0};
	bool any = false;

	rb_git_begin(&git, repo);
	rb_git_arg(&git, "reflog");
	rb_git_arg(&git, "expire");
	rb_git_arg(&git, "--expire=never");
	rb_git_arg(&git, "--expire-unreachable=@%" PRId64, until_unix_s);
	for (size_t i = 0; refs[i]; i++) {
		if (!has_reflog(repo, refs[i]))
			continue;
		rb_git_arg(&git, "%s", refs[i]);
		any = true;
	}
	if (!any) {
		rb_git_release(&git);
		return RB_OK;
	}
	return run(repo, &git, timeout_ms, err);
}

/* What git's own gc would wait for. */
static int read_expiry(struct rb_repo *repo, struct rb_buf *out, struct rb_err *err)
{
	int rc = rb_repo_config_get(repo, "gc.pruneExpire", out, err);

	return rc == RB_E_NOTFOUND ? rb_buf_adds(out, PRUNE_EXPIRE, err) : rc;
}

/*
 * Younger ones are looked at again when they are old enough.  Until then they lie in a pack of
 * their own: loose, without their deltas, they would take many times the space.
 */
static int repack(struct rb_repo *repo, const char *expiry, int64_t timeout_ms, struct rb_err *err)
{
	bool has_cruft = rb_git_is_at_least(CRUFT_MAJOR, CRUFT_MINOR);
	struct rb_git git = {0};

	rb_git_begin(&git, repo);
	rb_git_arg(&git, "-c");
	rb_git_arg(&git, "repack.writeBitmaps=false");
	rb_git_arg(&git, "repack");
	rb_git_arg(&git, has_cruft ? "--cruft" : "-A");
	rb_git_arg(&git, "-d");
	rb_git_arg(&git, "-l");
	rb_git_arg(&git, "-q");
	rb_git_arg(&git, has_cruft ? "--cruft-expiration=%s" : "--unpack-unreachable=%s", expiry);
	return run(repo, &git, timeout_ms, err);
}

static int prune(struct rb_repo *repo, const char *expiry, int64_t timeout_ms, struct rb_err *err)
{
	struct rb_git git = {0};

	rb_git_begin(&git, repo);
	rb_git_arg(&git, "prune");
	rb_git_arg(&git, "--expire=%s", expiry);
	return run(repo, &git, timeout_ms, err);
}

int rb_space_sweep(struct rb_repo *repo, int64_t timeout_ms, struct rb_err *err)
{
	struct rb_buf expiry = RB_BUF(1024);
	int rc = read_expiry(repo, &expiry, err);

	if (rc == RB_OK)
		rc = repack(repo, rb_buf_str(&expiry), timeout_ms, err);
	if (rc == RB_OK)
		rc = prune(repo, rb_buf_str(&expiry), timeout_ms, err);
	if (rc == RB_OK)
		rc = rb_repo_refresh(repo, err);
	rb_buf_release(&expiry);
	return rc;
}
