/*
 * The program: run the command, say what went wrong, exit.  Nothing else exits.
 */
#include <errno.h>
#include <fcntl.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rowback/base/cancel.h"
#include "rowback/base/log.h"
#include "rowback/cli/command.h"
#include "rowback/cli/exit.h"
#include "rowback/value/json.h"

/* A message of which every byte is escaped. */
#define ESCAPED_MAX ((size_t)4 * RB_ERR_MSG_SIZE)

/*
 * A descriptor 0, 1 or 2 that is closed would be given to the first file that is opened, and
 * what is printed would land in a pack.  0 and 1 cannot be written then, so that a lost result
 * is noticed.
 */
static void open_std_fds(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
		    open("/dev/null", fd == STDERR_FILENO ? O_WRONLY : O_RDONLY) < 0)
			abort();
	}
}

/* "rowback: error: ..." and "hint: ..." for people. */
static void print_error(const struct rb_cli *cli, const struct rb_err *err)
{
	const struct rb_out to = {
	        .file = stderr,
	        .has_color = !cli->has_no_color && rb_out_may_color(STDERR_FILENO),
	};
	struct rb_buf msg = RB_BUF(ESCAPED_MAX);
	struct rb_buf hint = RB_BUF(ESCAPED_MAX);

	if (rb_out_escape(err->msg, strlen(err->msg), &msg, NULL) < 0 ||
	    rb_out_escape(err->hint, strlen(err->hint), &hint, NULL) < 0)
		fprintf(stderr, "rowback: error: no memory\n");
	else if (hint.len == 0)
		fprintf(stderr, "%srowback: error:%s %s\n", rb_out_style(&to, RB_OUT_RED),
		        rb_out_style(&to, RB_OUT_PLAIN), rb_buf_str(&msg));
	else
		fprintf(stderr, "%srowback: error:%s %s\nhint: %s\n", rb_out_style(&to, RB_OUT_RED),
		        rb_out_style(&to, RB_OUT_PLAIN), rb_buf_str(&msg), rb_buf_str(&hint));
	rb_buf_release(&msg);
	rb_buf_release(&hint);
}

/* The same for programs, on standard output. */
static void print_json_error(const struct rb_cli *cli, const struct rb_err *err, int code)
{
	json_t *doc = json_pack("{s:s, s:i, s:s, s:o, s:o}", "message_type", "error", "status",
	                        code, "code", rb_cli_exit_of(err->status)->name, "message",
	                        rb_json_bytes(err->msg, strlen(err->msg)), "hint",
	                        rb_json_bytes(err->hint, strlen(err->hint)));

	if (!doc || rb_out_json_line(&cli->out, doc, NULL) < 0)
		fprintf(stderr, "rowback: error: no memory\n");
	json_decref(doc);
}

/* Whether whoever read standard output has gone, as `head` does when it has enough. */
static bool reader_is_gone(void)
{
	struct pollfd fd = {.fd = STDOUT_FILENO};

	return poll(&fd, 1, 0) == 1 && (fd.revents & POLLERR) != 0;
}

/* The exit status once everything printed is known to have arrived. */
static int close_output(int code)
{
	bool has_failed = ferror(stdout) != 0;
	bool is_gone = reader_is_gone();

	/* A full disk or a network file system may only tell at close. */
	errno = 0;
	if (fflush(stdout) != 0 || fclose(stdout) != 0)
		has_failed = true;
	if (!has_failed)
		return code;
	if (is_gone)
		return RB_CLI_EXIT_SIGNAL + SIGPIPE;
	fprintf(stderr, "rowback: error: cannot write to standard output%s%s\n", errno ? ": " : "",
	        errno ? strerror(errno) : "");
	return code > RB_CLI_FINDINGS ? code : rb_cli_exit_of(RB_E_IO)->code;
}

/*
 * Rows are read in one thread and let go in another.  With a heap for each thread, as glibc
 * has it, what one lets go is not used again by the others, and memory grows with a table's
 * length.
 */
static void share_memory(void)
{
#ifdef M_ARENA_MAX
	mallopt(M_ARENA_MAX, 1);
#endif
}

int main(int argc, char **argv)
{
	struct rb_cli cli = {0};
	struct rb_err err = {0};
	int code;
	int rc;

	share_memory();
	open_std_fds();
	/* What is made here holds data: nobody else is to read it. */
	cli.umask_before = umask(077);
	rb_cancel_install();
	rc = rb_cli_run(&cli, argc, argv, &err);
	rb_log_progress_end();

	code = rb_cli_exit_code(&cli, rc);
	if (rc < 0) {
		err.status = (enum rb_status)rc;
		if (!err.msg[0])
			snprintf(err.msg, sizeof(err.msg), "failed: %s", rb_cli_exit_of(rc)->name);
		if (!cli.has_answered)
			print_error(&cli, &err);
		if (!cli.has_answered && !cli.has_document && cli.wants_json)
			print_json_error(&cli, &err, code);
	}
	exit(close_output(code));
}
