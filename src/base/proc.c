/*
 * See rowback/base/proc.h.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc_priv.h"
#include "rowback/base/cancel.h"
#include "rowback/base/time.h"

/* Between SIGTERM and SIGKILL: time for git to remove its temporary files. */
#define GRACE_MS 300
/* Longest wait before the child, the deadline and rb_cancel_signal() are looked at again. */
#define WAIT_MAX_MS 50
/* Bytes taken from a pipe at once. */
#define CHUNK_SIZE 16384
/* A line of standard error that is longer comes in pieces. */
#define LINE_SIZE 4096

struct run {
	const struct rb_proc_opts *opts;
	struct rb_proc_result *result;
	struct proc_child child;
	struct rb_err *err;
	size_t stdin_done;    /**< bytes of stdin_data written */
	int64_t deadline_ms;  /**< on the clock of rb_time_mono_ms(); 0: none */
	int64_t kill_at_ms;   /**< when SIGKILL follows SIGTERM, once rc is set */
	int wait_ms;          /**< how long to poll next; grows while nothing happens */
	int rc;               /**< why the child is being ended, or 0 */
	size_t line_len;      /**< bytes in line */
	char line[LINE_SIZE]; /**< start of the line of standard error that is coming */
};

/* Where to report: a failure while ending must not replace the reason for it. */
static struct rb_err *report(const struct run *run)
{
	return run->rc < 0 ? NULL : run->err;
}

/* Ask the whole group to end, for a reason that is in run->err. */
static void begin_end(struct run *run, int rc)
{
	if (run->rc < 0)
		return;
	run->rc = rc;
	run->kill_at_ms = rb_time_mono_ms() + GRACE_MS;
	proc_close(&run->child.fds[0]);
	kill(-run->child.pid, SIGTERM);
	kill(-run->child.pid, SIGCONT); /* a stopped process would not see it */
}

/* Look at what may end the child before its time. */
static void check_limits(struct run *run)
{
	if (run->rc < 0)
		return;
	if (rb_cancel_signal() != 0) {
		begin_end(run, rb_cancel_check(run->err));
	} else if (run->deadline_ms != 0 && rb_time_mono_ms() >= run->deadline_ms) {
		begin_end(run,
		          rb_err_set(run->err, RB_E_TIMEOUT,
		                     "'%s' was ended after %g s, its time limit",
		                     run->opts->argv[0], (double)run->opts->timeout_ms / 1000));
	}
}

static void write_stdin(struct run *run)
{
	const char *data = run->opts->stdin_data;
	size_t left = run->opts->stdin_len - run->stdin_done;
	ssize_t put = left > 0 ? write(run->child.fds[0], data + run->stdin_done, left) : 0;

	if (put > 0)
		run->stdin_done += (size_t)put;
	if (put < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* EPIPE: the child wants no more, which is for it to decide. */
	if (put < 0 || run->stdin_done == run->opts->stdin_len)
		proc_close(&run->child.fds[0]);
}

static void take_stdout(struct run *run, const char *data, size_t len)
{
	struct rb_buf *out = &run->result->out;
	size_t room = out->max - out->len;
	int rc;

	if (run->rc < 0)
		return;
	rc = rb_buf_add(out, data, len < room ? len : room, run->err);
	if (rc == RB_OK && len > room)
		rc = rb_err_set(run->err, RB_E_LIMIT,
		                "'%s' printed more than the limit of %zu bytes", run->opts->argv[0],
		                out->max);
	if (rc < 0)
		begin_end(run, rc);
}

static void end_line(struct run *run)
{
	run->line[run->line_len] = '\0';
	if (run->line_len > 0 && run->opts->on_stderr_line)
		run->opts->on_stderr_line(run->opts->ctx, run->line);
	run->line_len = 0;
}

/* Keep the end of it, and cut it into lines; progress ends its lines with '\r'. */
static void take_stderr(struct run *run, const char *data, size_t len)
{
	struct rb_buf *text = &run->result->errtxt;
	size_t keep = len < text->max ? len : text->max;
	size_t drop = text->len + keep > text->max ? text->len + keep - text->max : 0;
	int rc;

	if (drop > 0) {
		memmove(text->data, text->data + drop, text->len - drop);
		text->len -= drop;
	}
	rc = rb_buf_add(text, data + len - keep, keep, report(run));
	if (rc < 0)
		begin_end(run, rc);

	for (size_t i = 0; i < len; i++) {
		if (data[i] == '\n' || data[i] == '\r') {
			end_line(run);
			continue;
		}
		if (run->line_len == LINE_SIZE - 1)
			end_line(run);
		run->line[run->line_len++] = data[i];
	}
}

/* Take what a pipe holds; it is closed at its end. */
static void read_pipe(struct run *run, int which)
{
	char chunk[CHUNK_SIZE];
	ssize_t got = read(run->child.fds[which], chunk, sizeof(chunk));

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got < 0)
		begin_end(run, rb_err_sys(report(run), errno, "cannot read what '%s' prints",
		                          run->opts->argv[0]));
	if (got <= 0)
		proc_close(&run->child.fds[which]);
	else if (which == STDOUT_FILENO)
		take_stdout(run, chunk, (size_t)got);
	else
		take_stderr(run, chunk, (size_t)got);
}

/* Wait up to wait_ms for the pipes and serve them; false when none has anything. */
static bool serve_pipes(struct run *run, int wait_ms)
{
	struct pollfd fds[3];
	int ready;

	for (int i = 0; i < 3; i++) {
		fds[i].fd = run->child.fds[i]; /* poll() passes over -1 */
		fds[i].events = i == 0 ? POLLOUT : POLLIN;
		fds[i].revents = 0;
	}
	ready = poll(fds, 3, wait_ms);
	if (ready <= 0)
		return ready < 0; /* after a signal the pipes are not known to be empty */
	if (fds[0].revents != 0)
		write_stdin(run);
	if (fds[1].revents != 0)
		read_pipe(run, 1);
	if (fds[2].revents != 0)
		read_pipe(run, 2);
	return true;
}

/* Whether the child ended; it is not reaped, so its id still names its group. */
static bool has_ended(const struct run *run)
{
	siginfo_t info = {0};

	if (waitid(P_PID, (id_t)run->child.pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
		return errno != EINTR;
	return info.si_pid != 0;
}

/*
 * Serve the pipes until the child has ended and they are empty.  Not until they are
 * closed: a daemon that the child left behind (ssh's ControlPersist) may hold them.
 */
static void serve(struct run *run)
{
	run->wait_ms = 1;
	for (;;) {
		bool ended = has_ended(run); /* asked first: all it printed is in the pipes then */
		bool closed = run->child.fds[1] < 0 && run->child.fds[2] < 0;
		int64_t now = rb_time_mono_ms();
		int64_t until = run->rc < 0 ? run->kill_at_ms : run->deadline_ms;
		int wait_ms = run->wait_ms;

		if (run->rc < 0 && (now >= until || (ended && closed)))
			return;
		if (until > now && until - now < wait_ms)
			wait_ms = (int)(until - now);
		if (ended && run->rc == RB_OK)
			wait_ms = 0;

		if (serve_pipes(run, wait_ms)) {
			run->wait_ms = 1;
		} else {
			if (ended && run->rc == RB_OK)
				return;
			if (run->wait_ms < WAIT_MAX_MS)
				run->wait_ms *= 2;
		}
		check_limits(run);
	}
}

/* Fetch the child's status; by now it has ended, or is killed. */
static void reap(struct run *run)
{
	int status = 0;
	pid_t pid;

	if (run->rc < 0)
		kill(-run->child.pid, SIGKILL);
	do {
		pid = waitpid(run->child.pid, &status, 0);
	} while (pid < 0 && errno == EINTR);
	if (pid < 0 && run->rc == RB_OK)
		run->rc = rb_err_sys(run->err, errno, "cannot wait for '%s'", run->opts->argv[0]);
	if (pid < 0)
		return;
	if (WIFEXITED(status))
		run->result->exit_code = WEXITSTATUS(status);
	else if (WIFSIGNALED(status))
		run->result->term_signal = WTERMSIG(status);
}

/*
 * A child that closes its standard input must not end us: SIGPIPE is held back in this
 * thread, and one that came is taken away.
 */
static void hold_sigpipe(sigset_t *pipe_set, sigset_t *old)
{
	sigemptyset(pipe_set);
	sigaddset(pipe_set, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, pipe_set, old);
}

static void release_sigpipe(const sigset_t *pipe_set, const sigset_t *old)
{
	const struct timespec none = {0};

	if (!sigismember(old, SIGPIPE)) {
		while (sigtimedwait(pipe_set, NULL, &none) < 0 && errno == EINTR)
			;
	}
	pthread_sigmask(SIG_SETMASK, old, NULL);
}

int rb_proc_run(const struct rb_proc_opts *opts, struct rb_proc_result *result, struct rb_err *err)
{
	struct run run = {.opts = opts, .result = result, .err = err};
	sigset_t pipe_set;
	sigset_t old;
	int rc;

	result->exit_code = -1;
	result->term_signal = 0;
	rb_buf_init(&result->out, opts->stdout_max);
	rb_buf_init(&result->errtxt, opts->stderr_max);

	rc = rb_cancel_check(err);
	if (rc == RB_OK)
		rc = proc_spawn(opts, &run.child, err);
	if (rc < 0)
		return rc;
	if (opts->timeout_ms > 0)
		run.deadline_ms = rb_time_mono_ms() + opts->timeout_ms;
	hold_sigpipe(&pipe_set, &old);
	serve(&run);
	reap(&run);
	release_sigpipe(&pipe_set, &old);
	end_line(&run);
	for (int i = 0; i < 3; i++)
		proc_close(&run.child.fds[i]);
	return run.rc;
}

void rb_proc_result_release(struct rb_proc_result *result)
{
	rb_buf_release(&result->out);
	rb_buf_release(&result->errtxt);
}
