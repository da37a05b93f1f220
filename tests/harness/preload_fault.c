/*
 * A preloaded library that makes the n-th write, fsync, rename, ... of a program fail, or
 * kills the program there.  For what the linker's --wrap cannot reach: a whole program,
 * and the calls inside libraries.
 *
 *	ROWBACK_FAULT_CALL   write, fsync, rename, link, unlink, ftruncate: several with
 *	                     commas, or "any"; each stands for its family (pwrite, fdatasync,
 *	                     renameat, ...)
 *	ROWBACK_FAULT_PATH   only files whose path holds this; not set or empty: all that
 *	                     have a path (no pipe, no terminal)
 *	ROWBACK_FAULT_NTH    which of these calls, from 1; not set or 0: none, only count
 *	ROWBACK_FAULT_ERR    ENOSPC, EIO, or KILL for SIGKILL instead of the call; "ENOSPC+"
 *	                     and "EIO+" stay: every later call fails, too, as on a full disk;
 *	                     FLIP writes the data with one bit turned, and tells nobody
 *	ROWBACK_FAULT_COUNT  file to which the number of matching calls goes at exit
 *
 * Only the program itself is hit: its children get an environment without all this.
 */
#define _GNU_SOURCE /* RTLD_NEXT, renameat2 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static const char *calls;      /* ROWBACK_FAULT_CALL; NULL: do nothing */
static const char *path_part;  /* ROWBACK_FAULT_PATH; NULL: any */
static const char *count_file; /* ROWBACK_FAULT_COUNT, or NULL */
static unsigned long nth;
static int errnum; /* 0: SIGKILL */
static bool stays;
static bool flips;
static atomic_ulong matched;

static char *take_env(const char *name)
{
	const char *value = getenv(name);
	char *copy = value && *value ? strdup(value) : NULL;

	unsetenv(name);
	return copy;
}

__attribute__((constructor)) static void set_up(void)
{
	char *text = take_env("ROWBACK_FAULT_NTH");
	char *err = take_env("ROWBACK_FAULT_ERR");

	calls = take_env("ROWBACK_FAULT_CALL");
	path_part = take_env("ROWBACK_FAULT_PATH");
	count_file = take_env("ROWBACK_FAULT_COUNT");
	unsetenv("LD_PRELOAD");
	nth = text ? strtoul(text, NULL, 10) : 0;
	if (err) {
		errnum = strncmp(err, "KILL", 4) == 0  ? 0
		         : strncmp(err, "EIO", 3) == 0 ? EIO
		                                       : ENOSPC;
		stays = err[strlen(err) - 1] == '+';
		flips = strcmp(err, "FLIP") == 0;
	} else {
		errnum = ENOSPC;
	}
	free(text);
	free(err);
}

/* The next definition of a function, which is libc's. */
static void *next(const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);

	if (!found)
		abort();
	return found;
}

__attribute__((destructor)) static void tell_count(void)
{
	ssize_t (*real_write)(int, const void *, size_t);
	char text[32];
	int len = snprintf(text, sizeof(text), "%lu\n", atomic_load(&matched));
	int fd;

	if (!count_file)
		return;
	*(void **)&real_write = next("write");
	fd = open(count_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || real_write(fd, text, (size_t)len) != len)
		abort();
	close(fd);
}

/* Whether a call is among those asked for. */
static bool is_asked(const char *call)
{
	size_t len = strlen(call);

	if (!calls)
		return false;
	if (strcmp(calls, "any") == 0)
		return true;
	for (const char *at = calls; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (strncmp(at, call, len) == 0 && (at[len] == ',' || at[len] == '\0'))
			return true;
	}
	return false;
}

/* The path of a descriptor, or false for what has none. */
static bool fd_path(int fd, char *out)
{
	char link_path[64];
	ssize_t len;

	snprintf(link_path, sizeof(link_path), "/proc/self/fd/%d", fd);
	len = readlink(link_path, out, PATH_MAX - 1);
	if (len < 0)
		return false;
	out[len] = '\0';
	return out[0] == '/' && strncmp(out, "/dev/", 5) != 0;
}

static bool path_matches(int dir_fd, const char *path)
{
	char dir[PATH_MAX];

	if (!path_part || strstr(path, path_part))
		return true;
	return path[0] != '/' && fd_path(dir_fd, dir) && strstr(dir, path_part);
}

/* Count a matching call; true when it is to fail, with errno set. */
static bool fails_now(void)
{
	unsigned long count = atomic_fetch_add(&matched, 1) + 1;

	if (nth == 0 || count < nth || (count > nth && !stays))
		return false;
	if (errnum == 0)
		kill(getpid(), SIGKILL);
	errno = errnum;
	return true;
}

static bool fd_fails(const char *call, int fd)
{
	char path[PATH_MAX];
	int saved = errno;
	bool hit = is_asked(call) && fd_path(fd, path) && (!path_part || strstr(path, path_part));

	errno = saved;
	return hit && fails_now();
}

/* A copy of what is to be written with a bit turned in its middle; NULL: leave it as it is. */
static char *flipped(const char *call, int fd, const void *data, size_t len)
{
	char *copy;

	if (!flips || len == 0 || !fd_fails(call, fd))
		return NULL;
	copy = malloc(len);
	if (!copy)
		abort();
	memcpy(copy, data, len);
	copy[len / 2] ^= 1;
	return copy;
}

static bool path_fails(const char *call, int dir_fd, const char *path)
{
	int saved = errno;
	bool hit = is_asked(call) && path_matches(dir_fd, path);

	errno = saved;
	return hit && fails_now();
}

static bool paths_fail(const char *call, int from_fd, const char *from, int to_fd, const char *to)
{
	int saved = errno;
	bool hit = is_asked(call) && (path_matches(from_fd, from) || path_matches(to_fd, to));

	errno = saved;
	return hit && fails_now();
}

/* Each stands in front of libc's function of its name, which `real` is. */
ssize_t write(int fd, const void *data, size_t len)
{
	ssize_t (*real)(int, const void *, size_t);

	*(void **)&real = next("write");
	return fd_fails("write", fd) ? -1 : real(fd, data, len);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
	ssize_t (*real)(int, const struct iovec *, int);

	*(void **)&real = next("writev");
	return fd_fails("write", fd) ? -1 : real(fd, parts, count);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t offset)
{
	ssize_t (*real)(int, const void *, size_t, off_t);

	char *instead = flipped("write", fd, data, len);
	ssize_t result;

	*(void **)&real = next("pwrite");
	if (flips)
		result = real(fd, instead ? instead : data, len, offset);
	else
		result = fd_fails("write", fd) ? -1 : real(fd, data, len, offset);
	free(instead);
	return result;
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t offset)
{
	ssize_t (*real)(int, const void *, size_t, off64_t);

	char *instead = flipped("write", fd, data, len);
	ssize_t result;

	*(void **)&real = next("pwrite64");
	if (flips)
		result = real(fd, instead ? instead : data, len, offset);
	else
		result = fd_fails("write", fd) ? -1 : real(fd, data, len, offset);
	free(instead);
	return result;
}

int fsync(int fd)
{
	int (*real)(int);

	*(void **)&real = next("fsync");
	return fd_fails("fsync", fd) ? -1 : real(fd);
}

int fdatasync(int fd)
{
	int (*real)(int);

	*(void **)&real = next("fdatasync");
	return fd_fails("fsync", fd) ? -1 : real(fd);
}

int ftruncate(int fd, off_t size)
{
	int (*real)(int, off_t);

	*(void **)&real = next("ftruncate");
	return fd_fails("ftruncate", fd) ? -1 : real(fd, size);
}

int ftruncate64(int fd, off64_t size)
{
	int (*real)(int, off64_t);

	*(void **)&real = next("ftruncate64");
	return fd_fails("ftruncate", fd) ? -1 : real(fd, size);
}

int rename(const char *from, const char *to)
{
	int (*real)(const char *, const char *);

	*(void **)&real = next("rename");
	return paths_fail("rename", AT_FDCWD, from, AT_FDCWD, to) ? -1 : real(from, to);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	int (*real)(int, const char *, int, const char *);

	*(void **)&real = next("renameat");
	return paths_fail("rename", from_fd, from, to_fd, to) ? -1 : real(from_fd, from, to_fd, to);
}

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned int flags)
{
	int (*real)(int, const char *, int, const char *, unsigned int);

	*(void **)&real = next("renameat2");
	return paths_fail("rename", from_fd, from, to_fd, to)
	               ? -1
	               : real(from_fd, from, to_fd, to, flags);
}

int link(const char *from, const char *to)
{
	int (*real)(const char *, const char *);

	*(void **)&real = next("link");
	return paths_fail("link", AT_FDCWD, from, AT_FDCWD, to) ? -1 : real(from, to);
}

int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
	int (*real)(int, const char *, int, const char *, int);

	*(void **)&real = next("linkat");
	return paths_fail("link", from_fd, from, to_fd, to) ? -1
	                                                    : real(from_fd, from, to_fd, to, flags);
}

int unlink(const char *path)
{
	int (*real)(const char *);

	*(void **)&real = next("unlink");
	return path_fails("unlink", AT_FDCWD, path) ? -1 : real(path);
}

int unlinkat(int dir_fd, const char *path, int flags)
{
	int (*real)(int, const char *, int);

	*(void **)&real = next("unlinkat");
	return path_fails("unlink", dir_fd, path) ? -1 : real(dir_fd, path, flags);
}
