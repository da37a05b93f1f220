/*
 * See rowback/runtime/lock.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "rowback/base/cancel.h"
#include "rowback/base/fs.h"
#include "rowback/base/time.h"
#include "rowback/runtime/lock.h"
#include "rowback/value/json.h"

/* How often a waiting run tries again: not felt by a person, nothing for the machine. */
#define POLL_MS 50
/* What is read of a lock file; ours are under 200 bytes. */
#define CONTENT_MAX 4096

struct rb_lock {
	int fd; /* holds the flock */
};

/* Whether path still names the file that is open: it may have been deleted meanwhile. */
static bool is_same_file(int fd, const char *path)
{
	struct stat opened;
	struct stat named;

	return fstat(fd, &opened) == 0 && lstat(path, &named) == 0 &&
	       opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

/*
 * Try once.  *fd is the open file afterwards, also when another holds the lock, so that its
 * content can be read.
 *
 * returns 0; RB_E_LOCKED, without a message; RB_E_IO
 */
static int try_lock(const char *path, int *fd, struct rb_err *err)
{
	for (;;) {
		if (*fd < 0)
			*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (*fd < 0)
			return rb_err_sys(err, errno, "cannot open the lock '%s'", path);
		if (flock(*fd, LOCK_EX | LOCK_NB) < 0) {
			if (errno == EINTR)
				continue;
			if (errno != EWOULDBLOCK)
				return rb_err_sys(err, errno, "cannot lock '%s'", path);
			if (is_same_file(*fd, path))
				return RB_E_LOCKED;
		} else if (is_same_file(*fd, path)) {
			return RB_OK;
		}
		close(*fd);
		*fd = -1;
	}
}

/* Write who holds the lock.  It is for people; the flock decides. */
static int write_holder(int fd, const char *path, const char *command, struct rb_err *err)
{
	struct rb_buf line = RB_BUF(CONTENT_MAX);
	char started[21];
	json_t *doc = NULL;
	int rc;

	rb_time_format_iso(rb_time_now_unix_s(), started);
	doc = json_pack("{s:I, s:s, s:s}", "pid", (json_int_t)getpid(), "command", command,
	                "started", started);
	if (!doc) {
		rc = rb_err_set(err, RB_E_NOMEM, "no memory for the lock '%s'", path);
		goto out;
	}
	rc = rb_json_dump_line(doc, &line, err);
	if (rc == RB_OK)
		rc = rb_buf_adds(&line, "\n", err);
	if (rc < 0)
		goto out;
	if (ftruncate(fd, 0) < 0) {
		rc = rb_err_sys(err, errno, "cannot write the lock '%s'", path);
		goto out;
	}
	rc = rb_fs_write_all(fd, line.data, line.len, path, err);

out:
	json_decref(doc);
	rb_buf_release(&line);
	return rc;
}

/* The holder's word must not reach a terminal with control characters in it. */
static void copy_plain(char *out, size_t size, const char *text)
{
	size_t len = 0;

	for (; text[len] && len + 1 < size; len++) {
		unsigned char c = (unsigned char)text[len];

		out[len] = text[len];
		if (c < ' ' || c == 0x7f)
			out[len] = '?';
	}
	out[len] = '\0';
}

/* What the file says of its holder; false when it says nothing that can be used. */
static bool read_holder(int fd, struct rb_lock_holder *out)
{
	char content[CONTENT_MAX];
	ssize_t len = pread(fd, content, sizeof(content), 0);
	json_t *doc = NULL;
	const char *command;
	const char *started;
	int64_t started_unix_s;
	bool is_known = false;

	memset(out, 0, sizeof(*out));
	if (len <= 0 || rb_json_parse(content, (size_t)len, "lock", &doc, NULL) < 0)
		return false;
	if (rb_json_get_int(doc, "pid", &out->pid, NULL) == RB_OK &&
	    rb_json_get_string(doc, "command", &command, NULL) == RB_OK &&
	    rb_json_get_string(doc, "started", &started, NULL) == RB_OK &&
	    rb_time_parse_utc(started, &started_unix_s, NULL) == RB_OK) {
		copy_plain(out->command, sizeof(out->command), command);
		rb_time_format_iso(started_unix_s, out->since);
		is_known = true;
	}
	json_decref(doc);
	return is_known;
}

/* Write "'rowback backup' (pid 4242) since 2026-11-20T15:58:00Z (3 minutes ago)". */
static void describe_holder(int fd, char *out, size_t size)
{
	struct rb_lock_holder holder;
	int64_t since_unix_s = 0;
	char ago[32];

	snprintf(out, size, "another rowback");
	if (!read_holder(fd, &holder) || rb_time_parse_utc(holder.since, &since_unix_s, NULL) < 0)
		return;
	rb_time_format_ago(since_unix_s, rb_time_now_unix_s(), ago, sizeof(ago));
	snprintf(out, size, "'rowback %s' (pid %lld) since %s (%s)", holder.command,
	         (long long)holder.pid, holder.since, ago);
}

int rb_lock_look(const char *path, struct rb_lock_holder *out, struct rb_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
	int rc = 0;

	memset(out, 0, sizeof(*out));
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return rb_err_sys(err, errno, "cannot open the lock '%s'", path);
	/* Shared, so that two who look do not see each other. */
	if (flock(fd, LOCK_SH | LOCK_NB) < 0) {
		rc = errno == EWOULDBLOCK
		             ? 1
		             : rb_err_sys(err, errno, "cannot look at the lock '%s'", path);
		if (rc == 1 && !read_holder(fd, out))
			snprintf(out->command, sizeof(out->command), "?");
	}
	close(fd); /* nothing was written, so it has nothing to tell */
	return rc;
}

static int locked(int fd, int64_t waited_ms, struct rb_err *err)
{
	char holder[256];

	describe_holder(fd, holder, sizeof(holder));
	if (waited_ms > 0)
		rb_err_set(err, RB_E_LOCKED,
		           "the store is still in use by %s after %lld s of waiting", holder,
		           (long long)(waited_ms / 1000));
	else
		rb_err_set(err, RB_E_LOCKED, "the store is in use by %s", holder);
	rb_err_hint(err, "wait for it with --lock-wait 10m, or try again later");
	return RB_E_LOCKED;
}

/* Try until the lock is taken, the time is over or a signal came. */
static int wait_for_lock(const char *path, int64_t wait_ms, int *fd, struct rb_err *err)
{
	const int64_t start_ms = rb_time_mono_ms();

	for (;;) {
		int rc = try_lock(path, fd, err);
		int64_t left_ms = wait_ms - (rb_time_mono_ms() - start_ms);
		struct timespec pause = {0};

		if (rc != RB_E_LOCKED)
			return rc;
		if (left_ms <= 0)
			return locked(*fd, wait_ms, err);

		pause.tv_nsec = (left_ms < POLL_MS ? (long)left_ms : POLL_MS) * 1000000L;
		nanosleep(&pause, NULL);
		rc = rb_cancel_check(err);
		if (rc < 0)
			return rc;
	}
}

int rb_lock_take(const char *path, const char *command, int64_t wait_ms, struct rb_lock **out,
                 struct rb_err *err)
{
	struct rb_lock *lock = NULL;
	int fd = -1;
	int rc;

	lock = malloc(sizeof(*lock));
	if (!lock) {
		rc = rb_err_set(err, RB_E_NOMEM, "no memory for the lock '%s'", path);
		goto out;
	}
	rc = wait_for_lock(path, wait_ms, &fd, err);
	if (rc == RB_OK)
		rc = write_holder(fd, path, command, err);
	if (rc < 0)
		goto out;

	lock->fd = fd;
	*out = lock;
	fd = -1;
	lock = NULL;

out:
	if (fd >= 0)
		close(fd);
	free(lock);
	return rc;
}

void rb_lock_release(struct rb_lock *lock)
{
	if (!lock)
		return;
	close(lock->fd);
	free(lock);
}
