/*
 * Lock files in git's manner ("<file>.lock", made or not made in one step), which tell
 * who holds them, so that a run that was killed does not stop the next one.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "repo_priv.h"
#include "rowback/base/buf.h"
#include "rowback/base/fs.h"

/* A process that has ended and is not waited for yet: some first processes never do. */
#define ENDED ULLONG_MAX

/* When a process started, in clock ticks since boot; ENDED; 0 when there is no /proc. */
static unsigned long long started_at(long pid)
{
	struct rb_buf text = RB_BUF(4096);
	unsigned long long ticks = 0;
	char path[48];
	const char *pos;

	snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	if (rb_fs_read(path, &text, NULL) < 0)
		goto out;
	/* The second field is the program's name in parentheses and may hold anything. */
	pos = strrchr(rb_buf_str(&text), ')');
	if (pos && pos[1] == ' ' && (pos[2] == 'Z' || pos[2] == 'X')) {
		ticks = ENDED;
		goto out;
	}
	for (int field = 2; pos && field < 22; field++)
		pos = strchr(pos + 1, ' ');
	if (pos)
		ticks = strtoull(pos + 1, NULL, 10);

out:
	rb_buf_release(&text);
	return ticks;
}

void rb_repo_holder_format(char out[RB_HOLDER_SIZE])
{
	long pid = (long)getpid();

	snprintf(out, RB_HOLDER_SIZE, "rowback %ld %llu", pid, started_at(pid));
}

bool rb_repo_holder_gone(const char *text)
{
	unsigned long long ticks = 0;
	unsigned long long now;
	long pid = 0;

	if (sscanf(text, "rowback %ld %llu", &pid, &ticks) != 2 || pid <= 0)
		return false;
	if (kill((pid_t)pid, 0) < 0 && errno == ESRCH)
		return true;
	now = started_at(pid);
	return ticks != 0 && now != 0 && now != ticks;
}

/* When the machine was started, in Unix seconds; 0 when there is no /proc. */
static long long boot_time_s(void)
{
	struct rb_buf text = RB_BUF((size_t)1 << 20);
	long long seconds = 0;
	const char *line;

	if (rb_fs_read("/proc/stat", &text, NULL) == 0) {
		line = strstr(rb_buf_str(&text), "\nbtime ");
		if (line)
			seconds = strtoll(line + strlen("\nbtime "), NULL, 10);
	}
	rb_buf_release(&text);
	return seconds;
}

bool rb_repo_before_boot(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && (long long)st.st_mtime < boot_time_s();
}

/* Whether nobody can hold the lock: it is ours and its process has ended, or it is older. */
static bool is_stale(const char *lock)
{
	struct rb_buf text = RB_BUF(RB_HOLDER_SIZE);
	bool stale = rb_repo_before_boot(lock) ||
	             (rb_fs_read(lock, &text, NULL) == 0 && rb_repo_holder_gone(rb_buf_str(&text)));

	rb_buf_release(&text);
	return stale;
}

int rb_repo_write_scratch(const char *path, const void *data, size_t len, struct rb_err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	int rc;

	if (fd < 0)
		return rb_err_sys(err, errno, "cannot write '%s'", path);
	rc = rb_fs_write_all(fd, data, len, path, err);
	if (close(fd) < 0 && rc == RB_OK)
		rc = rb_err_sys(err, errno, "cannot write '%s'", path);
	return rc;
}

/* Make the lock with its content in one step: link(2) fails when the name is there. */
static int make_lock(const struct rb_repo *repo, const char *lock, struct rb_err *err)
{
	char holder[RB_HOLDER_SIZE];
	char *tmp = rb_repo_state_path(repo, "holder.XXXXXX");
	int fd = -1;
	int rc = RB_OK;

	if (!tmp)
		return rb_err_set(err, RB_E_NOMEM, "no memory to lock '%s'", lock);
	fd = mkstemp(tmp);
	if (fd < 0) {
		rc = rb_err_sys(err, errno, "cannot create '%s'", tmp);
		goto out;
	}
	rb_repo_holder_format(holder);
	rc = rb_fs_write_all(fd, holder, strlen(holder), tmp, err);
	if (rc == RB_OK && link(tmp, lock) < 0)
		rc = errno == EEXIST ? rb_err_set(err, RB_E_LOCKED, "'%s' is there", lock)
		                     : rb_err_sys(err, errno, "cannot make '%s'", lock);
	close(fd);
	unlink(tmp);

out:
	free(tmp);
	return rc;
}

int rb_repo_lock_take(const struct rb_repo *repo, const char *path, char **out, struct rb_err *err)
{
	size_t lock_size = strlen(path) + sizeof(".lock");
	char *lock = malloc(lock_size);
	int rc;

	if (!lock)
		return rb_err_set(err, RB_E_NOMEM, "no memory to lock '%s'", path);
	snprintf(lock, lock_size, "%s.lock", path);

	rc = make_lock(repo, lock, err);
	if (rc == RB_E_LOCKED && is_stale(lock) && unlink(lock) == 0)
		rc = make_lock(repo, lock, err);
	if (rc == RB_E_LOCKED)
		rb_err_hint(err, "another git program works here; if none does: rm '%s'", lock);
	if (rc < 0) {
		free(lock);
		return rc;
	}
	*out = lock;
	return RB_OK;
}

void rb_repo_lock_drop(char *lock)
{
	if (!lock)
		return;
	unlink(lock);
	free(lock);
}
