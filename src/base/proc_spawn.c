/*
 * See proc_priv.h.
 *
 * Between fork and exec the child calls async-signal-safe functions only: another
 * thread may have held the allocator's lock.  So all it needs is made before.
 */
#define _GNU_SOURCE /* pipe2: no other thread's child may inherit an end; syscall */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc_priv.h"

/* Where to look when PATH is not set. */
#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"
/* Where the child has its end of the status pipe, right above what it passes on. */
#define STATUS_FD 3

/* What the child was doing when it failed; sent with errno through the status pipe. */
enum stage { STAGE_DESCRIPTORS, STAGE_CHDIR, STAGE_EXEC };

struct failure {
	enum stage stage;
	int errnum;
};

struct launch {
	const struct rb_proc_opts *opts;
	char *path;    /**< the program's file */
	char **env;    /**< NULL-terminated; the strings are borrowed */
	int fds[3];    /**< what becomes its 0, 1 and 2 */
	int status[2]; /**< pipe that carries a struct failure, or closes by itself at exec */
};

void proc_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* The file of a program; an empty element of PATH, the current directory, is skipped. */
static int find_program(const char *name, char **out, struct rb_err *err)
{
	const char *dirs = getenv("PATH");
	size_t size;
	char *path;

	if (!dirs)
		dirs = DEFAULT_PATH;
	size = strlen(dirs) + strlen(name) + 2;
	path = malloc(size);
	if (!path)
		return rb_err_set(err, RB_E_NOMEM, "no memory to run '%s'", name);
	*out = path;
	if (strchr(name, '/')) {
		memcpy(path, name, strlen(name) + 1);
		return RB_OK;
	}

	while (*dirs && *name) {
		int len = (int)strcspn(dirs, ":");

		snprintf(path, size, "%.*s/%s", len, dirs, name);
		if (len > 0 && is_program(path))
			return RB_OK;
		dirs += len;
		dirs += *dirs == ':';
	}
	*out = NULL;
	free(path);
	rb_err_set(err, RB_E_NOTFOUND, "cannot run '%s': there is no such program in PATH", name);
	rb_err_hint(err, "install '%s', or add its directory to PATH", name);
	return RB_E_NOTFOUND;
}

/* Whether a list of names, or of "NAME=VALUE", has the name that `entry` begins with. */
static bool names(const char *const *list, const char *entry)
{
	size_t len = strcspn(entry, "=");

	for (; list && *list; list++) {
		if (strcspn(*list, "=") == len && memcmp(*list, entry, len) == 0)
			return true;
	}
	return false;
}

static int make_env(const struct rb_proc_opts *opts, char ***out, struct rb_err *err)
{
	size_t count = 0;
	char **env;

	for (char **entry = environ; *entry; entry++)
		count++;
	for (const char *const *entry = opts->env_set; entry && *entry; entry++)
		count++;
	env = calloc(count + 1, sizeof(*env));
	if (!env)
		return rb_err_set(err, RB_E_NOMEM, "no memory for an environment");

	count = 0;
	for (char **entry = environ; *entry; entry++) {
		if (!names(opts->env_unset, *entry) && !names(opts->env_set, *entry))
			env[count++] = *entry;
	}
	for (const char *const *entry = opts->env_set; entry && *entry; entry++)
		memcpy(&env[count++], entry, sizeof(*env)); /* execve() takes them non-const */
	*out = env;
	return RB_OK;
}

/* Move a descriptor out of 0..3, where the child's own ones go. */
static int lift(int *fd)
{
	int lifted;

	if (*fd > STATUS_FD)
		return 0;
	lifted = fcntl(*fd, F_DUPFD_CLOEXEC, STATUS_FD + 1);
	if (lifted < 0)
		return -1;
	close(*fd);
	*fd = lifted;
	return 0;
}

static int open_pipe(int *reader, int *writer)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	*reader = fds[0];
	*writer = fds[1];
	return lift(reader) < 0 || lift(writer) < 0 ? -1 : 0;
}

static int open_null(int *fd)
{
	*fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return *fd < 0 ? -1 : lift(fd);
}

static int open_pipes(struct launch *launch, struct proc_child *child)
{
	int rc = launch->opts->stdin_data ? open_pipe(&launch->fds[0], &child->fds[0])
	                                  : open_null(&launch->fds[0]);

	if (rc < 0 || open_pipe(&child->fds[1], &launch->fds[1]) < 0 ||
	    open_pipe(&child->fds[2], &launch->fds[2]) < 0 ||
	    open_pipe(&launch->status[0], &launch->status[1]) < 0)
		return -1;
	for (int i = 0; i < 3; i++) {
		if (child->fds[i] >= 0 && fcntl(child->fds[i], F_SETFL, O_NONBLOCK) < 0)
			return -1;
	}
	return 0;
}

/* Close all that is above the status pipe. */
static void close_others(void)
{
	long max;

#ifdef SYS_close_range
	if (syscall(SYS_close_range, STATUS_FD + 1U, ~0U, 0U) == 0)
		return;
#endif
	/* Before Linux 5.9. */
	max = sysconf(_SC_OPEN_MAX);
	for (long fd = STATUS_FD + 1; fd < max; fd++)
		close((int)fd);
}

/* The child, up to exec.  Its signals are blocked; returns only what failed. */
static struct failure become_program(const struct launch *launch)
{
	const struct rb_proc_opts *opts = launch->opts;
	struct failure failure = {STAGE_DESCRIPTORS, 0};
	struct sigaction action = {0};
	sigset_t none;
	char **argv;

	setsid(); /* cannot fail: a new process leads no group */
	action.sa_handler = SIG_DFL;
	sigemptyset(&action.sa_mask);
	for (int signum = 1; signum < NSIG; signum++)
		sigaction(signum, &action, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);

	for (int i = 0; i < 3; i++) {
		if (dup2(launch->fds[i], i) < 0)
			goto out;
	}
	if (dup3(launch->status[1], STATUS_FD, O_CLOEXEC) < 0)
		goto out;
	close_others();

	if (opts->umask)
		umask(*opts->umask);
	failure.stage = STAGE_CHDIR;
	if (opts->cwd && chdir(opts->cwd) < 0)
		goto out;
	failure.stage = STAGE_EXEC;
	memcpy(&argv, &opts->argv, sizeof(argv)); /* execve() takes them non-const */
	execve(launch->path, argv, launch->env);

out:
	failure.errnum = errno;
	return failure;
}

static pid_t fork_program(const struct launch *launch)
{
	sigset_t all;
	sigset_t old;
	pid_t pid;
	int saved;

	/* Blocked, so that no handler of ours runs in the child. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid = fork();
	if (pid == 0) {
		struct failure failure = become_program(launch);
		int fd = failure.stage == STAGE_DESCRIPTORS ? launch->status[1] : STATUS_FD;

		/* A few bytes into an empty pipe: one write takes them all. */
		_exit(write(fd, &failure, sizeof(failure)) < 0 ? 126 : 127);
	}
	saved = errno;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	errno = saved;
	return pid;
}

/* Wait for exec; a child that did not get there is reaped, and its reason reported. */
static int await_exec(const struct launch *launch, pid_t pid, struct rb_err *err)
{
	const char *name = launch->opts->argv[0];
	struct failure failure;
	ssize_t got;
	int rc;

	do {
		got = read(launch->status[0], &failure, sizeof(failure));
	} while (got < 0 && errno == EINTR);
	if (got != (ssize_t)sizeof(failure))
		return RB_OK; /* closed by exec, or killed on its way: then its status tells */

	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	switch (failure.stage) {
	case STAGE_DESCRIPTORS:
		return rb_err_sys(err, failure.errnum, "cannot run '%s': its descriptors", name);
	case STAGE_CHDIR:
		/* Not RB_E_NOTFOUND, which says that there is no such program. */
		rc = rb_err_sys(err, failure.errnum, "cannot enter '%s'", launch->opts->cwd);
		return rb_err_wrap(err, rc == RB_E_NOTFOUND ? RB_E_IO : rc, "cannot run '%s'",
		                   name);
	case STAGE_EXEC:
		break;
	}
	return rb_err_sys(err, failure.errnum, "cannot run '%s'", name);
}

int proc_spawn(const struct rb_proc_opts *opts, struct proc_child *child, struct rb_err *err)
{
	struct launch launch = {.opts = opts, .fds = {-1, -1, -1}, .status = {-1, -1}};
	struct proc_child started = {.pid = 0, .fds = {-1, -1, -1}};
	pid_t pid;
	int rc;

	rc = find_program(opts->argv[0], &launch.path, err);
	if (rc == RB_OK)
		rc = make_env(opts, &launch.env, err);
	if (rc < 0)
		goto out;
	if (open_pipes(&launch, &started) < 0) {
		rc = rb_err_sys(err, errno, "cannot run '%s': no pipe for it", opts->argv[0]);
		goto out;
	}
	pid = fork_program(&launch);
	if (pid < 0) {
		rc = rb_err_sys(err, errno, "cannot run '%s': no process for it", opts->argv[0]);
		goto out;
	}
	proc_close(&launch.status[1]); /* or the read below would wait for ourselves */
	rc = await_exec(&launch, pid, err);
	if (rc < 0)
		goto out;
	started.pid = pid;
	*child = started;
	memset(started.fds, -1, sizeof(started.fds)); /* handed over */

out:
	for (int i = 0; i < 3; i++) {
		proc_close(&started.fds[i]);
		proc_close(&launch.fds[i]);
	}
	proc_close(&launch.status[0]);
	proc_close(&launch.status[1]);
	free(launch.env);
	free(launch.path);
	return rc;
}
