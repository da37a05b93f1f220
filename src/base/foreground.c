/*
 * See rowback/base/foreground.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rowback/base/cancel.h"
#include "rowback/base/foreground.h"

/* What is passed on, and the news of children. */
static void watched_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGQUIT);
	sigaddset(set, SIGCHLD);
}

static int open_status(int fds[2])
{
	if (pipe(fds) < 0)
		return -1;
	for (int i = 0; i < 2; i++) {
		if (fcntl(fds[i], F_SETFD, FD_CLOEXEC) < 0)
			return -1;
	}
	return 0;
}

/* The child, up to exec; sends errno when it does not get there. */
static void become_program(const struct rb_foreground_opts *opts, const sigset_t *mask,
                           int status_fd)
{
	struct sigaction action = {0};
	int errnum;

	/* Handlers go by themselves; what is ignored stays so, and SIGPIPE was not to be. */
	action.sa_handler = SIG_DFL;
	sigemptyset(&action.sa_mask);
	sigaction(SIGPIPE, &action, NULL);
	umask(opts->umask);
	if (!opts->stdout_to_stderr || dup2(STDERR_FILENO, STDOUT_FILENO) >= 0) {
		sigprocmask(SIG_SETMASK, mask, NULL);
		execvp(opts->argv[0], opts->argv);
	}
	errnum = errno;
	/* A few bytes into an empty pipe: one write takes them all. */
	_exit(write(status_fd, &errnum, sizeof(errnum)) < 0 ? 126 : 127);
}

/* Wait for exec.  returns 0, or the child's errno, with the child reaped */
static int await_exec(pid_t pid, int status_fd)
{
	int errnum = 0;
	ssize_t got;

	do {
		got = read(status_fd, &errnum, sizeof(errnum));
	} while (got < 0 && errno == EINTR);
	if (got != (ssize_t)sizeof(errnum))
		return 0; /* closed by exec, or killed on its way: then its status tells */
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return errnum;
}

/* Wait for the end, passing on what is sent to us; the watched signals are blocked. */
static void await_end(pid_t pid, struct rb_foreground_result *result)
{
	sigset_t watched;
	siginfo_t info;
	int status = 0;

	watched_signals(&watched);
	while (waitpid(pid, &status, WNOHANG) == 0) {
		int signum = sigwaitinfo(&watched, &info);

		/* By the kernel: from the terminal, to the whole group, so the child has it. */
		if (signum > 0 && signum != SIGCHLD && info.si_code <= 0)
			kill(pid, signum);
	}
	result->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	result->term_signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

int rb_foreground_run(const struct rb_foreground_opts *opts, struct rb_foreground_result *result,
                      struct rb_err *err)
{
	int fds[2] = {-1, -1};
	sigset_t watched;
	sigset_t before;
	pid_t pid = -1;
	int errnum = 0;
	int rc = RB_OK;

	memset(result, 0, sizeof(*result));
	watched_signals(&watched);
	pthread_sigmask(SIG_BLOCK, &watched, &before);
	rc = rb_cancel_check(err);
	if (rc < 0)
		goto out;
	if (open_status(fds) == 0)
		pid = fork();
	if (pid < 0) {
		rc = rb_err_sys(err, errno, "cannot run '%s'", opts->argv[0]);
		goto out;
	}
	if (pid == 0)
		become_program(opts, &before, fds[1]);
	close(fds[1]); /* or the read below would wait for ourselves */
	fds[1] = -1;
	errnum = await_exec(pid, fds[0]);
	if (errnum != 0)
		rc = rb_err_sys(err, errnum, "cannot run '%s'", opts->argv[0]);
	else
		await_end(pid, result);

out:
	for (int i = 0; i < 2; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}
