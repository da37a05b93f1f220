/*
 * rowback/base/proc.h: what a child is given, what comes back, and that none survives.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/clock.h"
#include "harness/fault.h"
#include "rowback/base/cancel.h"
#include "rowback/base/fs.h"
#include "rowback/base/proc.h"

#define SH(script)                                                                                 \
	(const char *const[])                                                                      \
	{                                                                                          \
		"sh", "-c", script, NULL                                                           \
	}

static int open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int found = 0;

	assert_non_null(dir);
	while (readdir(dir))
		found++;
	closedir(dir);
	return found;
}

static int descriptors_before;

static int set_up(void **state)
{
	(void)state;
	descriptors_before = open_descriptors();
	return 0;
}

/* Whatever a test did, no child and no descriptor is left. */
static int tear_down(void **state)
{
	(void)state;
	fault_disarm();
	rb_cancel_request(0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	assert_int_equal(open_descriptors(), descriptors_before);
	return 0;
}

/* Run a script that must succeed and print `want`. */
static void assert_prints(struct rb_proc_opts opts, const char *want)
{
	struct rb_proc_result result;
	struct rb_err err = {0};

	opts.stdout_max = 4096;
	opts.stderr_max = 4096;
	if (rb_proc_run(&opts, &result, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(rb_buf_str(&result.out), want);
	assert_string_equal(rb_buf_str(&result.errtxt), "");
	assert_int_equal(result.exit_code, 0);
	rb_proc_result_release(&result);
}

static void output_and_exit_status_come_back(void **state)
{
	struct rb_proc_opts opts = {
	        .argv = SH("echo out; echo err >&2; exit 7"), .stdout_max = 100, .stderr_max = 100};
	struct rb_proc_result result;

	(void)state;
	assert_int_equal(rb_proc_run(&opts, &result, NULL), RB_OK);
	assert_string_equal(rb_buf_str(&result.out), "out\n");
	assert_string_equal(rb_buf_str(&result.errtxt), "err\n");
	assert_int_equal(result.exit_code, 7);
	assert_int_equal(result.term_signal, 0);
	rb_proc_result_release(&result);
}

static void a_signal_is_told_apart_from_an_exit(void **state)
{
	struct rb_proc_opts opts = {.argv = SH("kill -USR1 $$")};
	struct rb_proc_result result;

	(void)state;
	assert_int_equal(rb_proc_run(&opts, &result, NULL), RB_OK);
	assert_int_equal(result.exit_code, -1);
	assert_int_equal(result.term_signal, SIGUSR1);
	rb_proc_result_release(&result);
}

static void add_line(void *ctx, const char *line)
{
	assert_int_equal(rb_buf_addf(ctx, NULL, "<%s>", line), RB_OK);
}

static void stderr_comes_in_lines_and_its_end_is_kept(void **state)
{
	struct rb_buf lines = RB_BUF(1000);
	struct rb_proc_opts opts = {
	        .argv = SH("printf 'one\\n\\n10%%\\r20%%\\r\\nlast without end' >&2"),
	        .stderr_max = 11,
	        .on_stderr_line = add_line,
	        .ctx = &lines};
	struct rb_proc_result result;

	(void)state;
	assert_int_equal(rb_proc_run(&opts, &result, NULL), RB_OK);
	assert_string_equal(rb_buf_str(&lines), "<one><10%><20%><last without end>");
	assert_string_equal(rb_buf_str(&result.errtxt), "without end");
	rb_proc_result_release(&result);
	rb_buf_release(&lines);
}

static void a_flood_on_stderr_keeps_the_last_of_it(void **state)
{
	struct rb_proc_opts opts = {
	        .argv = SH("i=0; while [ $i -lt 30000 ]; do echo line $i >&2; i=$((i+1)); done"),
	        .stderr_max = 22};
	struct rb_proc_result result;

	(void)state;
	assert_int_equal(rb_proc_run(&opts, &result, NULL), RB_OK);
	assert_string_equal(rb_buf_str(&result.errtxt), "line 29998\nline 29999\n");
	rb_proc_result_release(&result);
}

static void stdin_larger_than_a_pipe_goes_through(void **state)
{
	static char data[3000000];
	struct rb_proc_opts opts = {.argv = (const char *const[]){"cat", NULL},
	                            .stdin_data = data,
	                            .stdin_len = sizeof(data),
	                            .stdout_max = sizeof(data)};
	struct rb_proc_result result;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 131 >> 7);
	assert_int_equal(rb_proc_run(&opts, &result, NULL), RB_OK);
	assert_int_equal(result.out.len, sizeof(data));
	assert_memory_equal(result.out.data, data, sizeof(data));
	rb_proc_result_release(&result);
}

/* SIGPIPE has its default here, which would end this test. */
static void stdin_that_is_not_read_is_no_failure(void **state)
{
	static char data[1000000];
	struct rb_proc_opts opts = {
	        .argv = SH("exec <&-; echo done"), .stdin_data = data, .stdin_len = sizeof(data)};
	sigset_t pending;

	(void)state;
	signal(SIGPIPE, SIG_DFL);
	assert_prints(opts, "done\n");
	assert_int_equal(sigpending(&pending), 0);
	assert_int_equal(sigismember(&pending, SIGPIPE), 0);
	pthread_sigmask(SIG_SETMASK, NULL, &pending);
	assert_int_equal(sigismember(&pending, SIGPIPE), 0);
}

static void without_data_stdin_is_empty(void **state)
{
	(void)state;
	assert_prints((struct rb_proc_opts){.argv = (const char *const[]){"cat", NULL}}, "");
	assert_prints(
	        (struct rb_proc_opts){.argv = (const char *const[]){"cat", NULL}, .stdin_data = ""},
	        "");
}

static void output_over_the_limit_ends_it(void **state)
{
	struct rb_proc_opts opts = {.argv = (const char *const[]){"yes", NULL}, .stdout_max = 1001};
	struct rb_proc_result result;
	struct rb_err err = {0};

	(void)state;
	assert_int_equal(rb_proc_run(&opts, &result, &err), RB_E_LIMIT);
	assert_string_equal(err.msg, "'yes' printed more than the limit of 1001 bytes");
	assert_int_equal(result.out.len, 1001);
	assert_int_equal(result.term_signal, SIGTERM);
	rb_proc_result_release(&result);

	opts.argv = SH("printf 1234");
	opts.stdout_max = 4; /* exactly full is no failure */
	assert_int_equal(rb_proc_run(&opts, &result, &err), RB_OK);
	assert_string_equal(rb_buf_str(&result.out), "1234");
	rb_proc_result_release(&result);
}

static void a_program_that_is_not_there_is_notfound(void **state)
{
	struct rb_proc_opts opts = {.argv = (const char *const[]){"rb-no-such", NULL}};
	struct rb_proc_result result;
	struct rb_err err = {0};

	(void)state;
	assert_int_equal(rb_proc_run(&opts, &result, &err), RB_E_NOTFOUND);
	assert_string_equal(err.msg, "cannot run 'rb-no-such': there is no such program in PATH");
	assert_string_equal(err.hint, "install 'rb-no-such', or add its directory to PATH");
	assert_int_equal(result.exit_code, -1);
	rb_proc_result_release(&result);

	opts.argv = (const char *const[]){"./rb-no-such", NULL};
	assert_int_equal(rb_proc_run(&opts, &result, &err), RB_E_NOTFOUND);
	assert_string_equal(err.msg, "cannot run './rb-no-such': No such file or directory");
	opts.argv = (const char *const[]){"", NULL};
	assert_int_equal(rb_proc_run(&opts, &result, &err), RB_E_NOTFOUND);
}

static void the_current_directory_is_not_searched(void **state)
{
	struct rb_proc_opts opts = {.argv = (const char *const[]){"rb-here", NULL}};
	struct rb_proc_result result;
	char *path = strdup(getenv("PATH"));
	char *longer = malloc(strlen(path) + 4);

	(void)state;
	assert_int_equal(rb_fs_replace("rb-here", "#!/bin/sh\n", 10, 0700, NULL), RB_OK);
	snprintf(longer, strlen(path) + 4, ":%s::", path);
	setenv("PATH", longer, 1);
	assert_int_equal(rb_proc_run(&opts, &result, NULL), RB_E_NOTFOUND);
	setenv("PATH", path, 1);
	opts.argv = (const char *const[]){"./rb-here", NULL};
	assert_prints(opts, "");
	unlink("rb-here");
	free(longer);
	free(path);
}

static void a_program_that_cannot_be_executed_says_why(void **state)
{
	static const struct {
		const char *content;
		mode_t mode;
		int status;
		const char *message;
	} cases[] = {
	        {"#!/bin/sh\n", 0600, RB_E_IO, "cannot run './rb-bad': Permission denied"},
	        {"\177ELF", 0700, RB_E_IO, "cannot run './rb-bad': Exec format error"},
	        {"#!/nonexistent/sh\n", 0700, RB_E_NOTFOUND,
	         "cannot run './rb-bad': No such file or directory"},
	};
	struct rb_proc_opts opts = {.argv = (const char *const[]){"./rb-bad", NULL}};
	struct rb_proc_result result;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rb_err err = {0};

		assert_int_equal(rb_fs_replace("rb-bad", cases[i].content, strlen(cases[i].content),
		                               cases[i].mode, NULL),
		                 RB_OK);
		assert_int_equal(rb_proc_run(&opts, &result, &err), cases[i].status);
		assert_string_equal(err.msg, cases[i].message);
	}
	unlink("rb-bad");
}

static void it_runs_in_the_directory_given(void **state)
{
	struct rb_proc_opts opts = {.argv = (const char *const[]){"pwd", NULL}, .cwd = "/"};
	struct rb_proc_result result;
	struct rb_err err = {0};

	(void)state;
	assert_prints(opts, "/\n");
	opts.cwd = "missing";
	assert_int_equal(rb_proc_run(&opts, &result, &err), RB_E_IO);
	assert_string_equal(err.msg, "cannot run 'pwd': cannot enter 'missing': "
	                             "No such file or directory");
}

static void it_runs_with_the_umask_given_or_ours(void **state)
{
	const mode_t given = 027;
	struct rb_proc_opts opts = {.argv = SH("umask"), .umask = &given};
	mode_t before = umask(077);

	(void)state;
	assert_prints(opts, "0027\n");
	opts.umask = NULL;
	assert_prints(opts, "0077\n");
	umask(before);
}

static void the_environment_is_ours_with_changes(void **state)
{
	struct rb_proc_opts opts = {
	        .argv = SH("echo \"${RB_A-none} ${RB_B-none} ${RB_C-none} ${RB_AB-none}\""),
	        .env_set = (const char *const[]){"RB_A=new=1", "RB_C=", NULL},
	        .env_unset = (const char *const[]){"RB_B", "RB_missing", NULL}};

	(void)state;
	setenv("RB_A", "old", 1);
	setenv("RB_B", "gone", 1);
	setenv("RB_AB", "kept", 1);
	assert_prints(opts, "new=1 none  kept\n");
	opts.env_set = opts.env_unset = NULL;
	assert_prints(opts, "old gone none kept\n");
	unsetenv("RB_A");
	unsetenv("RB_B");
	unsetenv("RB_AB");
}

static void only_the_three_descriptors_are_passed_on(void **state)
{
	int fd = open("/dev/null", O_RDONLY); /* without close-on-exec */

	(void)state;
	assert_prints((struct rb_proc_opts){.argv = SH("ls /proc/$$/fd")}, "0\n1\n2\n");
	close(fd);
}

/* Of the first 28; libc keeps two of the real-time signals to itself. */
static void signals_have_their_defaults(void **state)
{
	struct rb_proc_opts opts = {
	        .argv = (const char *const[]){"sed", "-nE",
	                                      "s/^Sig(Blk|Ign):.*([0-9a-f]{7})$/\\1 \\2/p",
	                                      "/proc/self/status", NULL}};
	sigset_t blocked;
	sigset_t old;

	(void)state;
	signal(SIGQUIT, SIG_IGN);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &blocked, &old);
	assert_prints(opts, "Blk 0000000\nIgn 0000000\n");
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	signal(SIGQUIT, SIG_DFL);
}

static void it_has_a_session_of_its_own_and_no_terminal(void **state)
{
	(void)state;
	assert_prints((struct rb_proc_opts){.argv = SH("read -r _ _ _ _ group session _ "
	                                               "</proc/$$/stat; "
	                                               "[ $group = $$ ] && [ $session = $$ ] && "
	                                               "! (: </dev/tty) 2>/dev/null && echo yes")},
	              "yes\n");
}

/* The descriptors that a daemon may start with: the child's must not be mixed up. */
static void it_works_with_our_own_three_closed(void **state)
{
	struct rb_proc_opts opts = {.argv = SH("cat; echo err >&2"),
	                            .stdin_data = "in\n",
	                            .stdin_len = 3,
	                            .stdout_max = 100,
	                            .stderr_max = 100};
	struct rb_proc_result result;
	struct rb_err err = {0};
	int saved[3];
	int rc;

	(void)state;
	for (int fd = 0; fd < 3; fd++) {
		saved[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 20);
		close(fd);
	}
	rc = rb_proc_run(&opts, &result, &err);
	for (int fd = 0; fd < 3; fd++) {
		dup2(saved[fd], fd);
		close(saved[fd]);
	}
	assert_int_equal(rc, RB_OK);
	assert_string_equal(rb_buf_str(&result.out), "in\n");
	assert_string_equal(rb_buf_str(&result.errtxt), "err\n");
	rb_proc_result_release(&result);
}

/* A child and a grandchild that both hold "alive" open; the test sees its end when they do. */
#define HOLD_ALIVE "exec 9>alive; (trap '' TERM; exec sleep 1000) & "

static int open_alive(void)
{
	int fd;

	assert_int_equal(mkfifo("alive", 0600), 0);
	fd = open("alive", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

/* Waits for the end of the last process that holds it; the limit is for a broken build. */
static void assert_all_ended(int fd)
{
	struct pollfd alive = {.fd = fd, .events = POLLIN};

	assert_int_equal(poll(&alive, 1, 20000), 1);
	assert_true((alive.revents & POLLHUP) != 0);
	close(fd);
	unlink("alive");
}

/* The child has said that it is ready: now its time is up. */
static void pass_deadline(void *ctx, const char *line)
{
	(void)ctx;
	if (strcmp(line, "ready") == 0)
		clock_advance_ms(90500);
}

static void the_deadline_ends_grandchildren_too(void **state)
{
	struct rb_proc_opts opts = {
	        .argv = SH(HOLD_ALIVE "echo partial; echo ready >&2; wait"),
	        .timeout_ms = 90500,
	        .stdout_max = 100,
	        .stderr_max = 100,
	        .on_stderr_line = pass_deadline,
	};
	struct rb_proc_result result;
	struct rb_err err = {0};
	int alive = open_alive();

	(void)state;
	assert_int_equal(rb_proc_run(&opts, &result, &err), RB_E_TIMEOUT);
	assert_string_equal(err.msg, "'sh' was ended after 90.5 s, its time limit");
	assert_string_equal(rb_buf_str(&result.out), "partial\n");
	assert_string_equal(rb_buf_str(&result.errtxt), "ready\n");
	assert_int_equal(result.term_signal, SIGTERM);
	rb_proc_result_release(&result);
	assert_all_ended(alive);
}

static void a_child_may_clean_up_before_it_is_killed(void **state)
{
	struct rb_proc_opts opts = {
	        .argv = SH("trap 'echo cleaned >&2; exit 3' TERM; echo ready >&2; "
	                   "while :; do :; done"),
	        .timeout_ms = 90500,
	        .stderr_max = 100,
	        .on_stderr_line = pass_deadline};
	struct rb_proc_result result;

	(void)state;
	assert_int_equal(rb_proc_run(&opts, &result, NULL), RB_E_TIMEOUT);
	assert_int_equal(result.exit_code, 3);
	assert_string_equal(rb_buf_str(&result.errtxt), "ready\ncleaned\n");
	rb_proc_result_release(&result);

	opts.argv = SH("trap '' TERM; echo ready >&2; exec sleep 1000");
	assert_int_equal(rb_proc_run(&opts, &result, NULL), RB_E_TIMEOUT);
	assert_int_equal(result.term_signal, SIGKILL);
	rb_proc_result_release(&result);
}

static void request_stop(void *ctx, const char *line)
{
	(void)ctx;
	(void)line;
	rb_cancel_request(SIGINT);
}

static void a_stop_request_ends_it(void **state)
{
	struct rb_proc_opts opts = {.argv = SH(HOLD_ALIVE "echo begun >&2; wait"),
	                            .on_stderr_line = request_stop};
	struct rb_proc_result result;
	struct rb_err err = {0};
	int alive = open_alive();

	(void)state;
	assert_int_equal(rb_proc_run(&opts, &result, &err), RB_E_CANCELLED);
	assert_string_equal(err.msg, "stopped by SIGINT");
	assert_int_equal(result.term_signal, SIGTERM);
	rb_proc_result_release(&result);
	assert_all_ended(alive);

	opts.argv = SH("echo >ran");
	assert_int_equal(rb_proc_run(&opts, &result, &err), RB_E_CANCELLED);
	assert_false(rb_fs_exists("ran"));
}

/* ssh's ControlPersist does so: all of the output counts, but its end does not come. */
static void a_daemon_left_behind_does_not_hold_us_up(void **state)
{
	struct rb_proc_opts opts = {
	        .argv = SH("sleep 1000 & echo $!"), .timeout_ms = 60000, .stdout_max = 100};
	struct rb_proc_result result;
	int daemon;

	(void)state;
	assert_int_equal(rb_proc_run(&opts, &result, NULL), RB_OK);
	assert_int_equal(result.exit_code, 0);
	daemon = atoi(rb_buf_str(&result.out));
	rb_proc_result_release(&result);
	assert_true(daemon > 0);
	assert_int_equal(kill(daemon, SIGKILL), 0);
}

static void a_child_that_closes_its_output_is_waited_for(void **state)
{
	struct rb_proc_opts opts = {.argv = SH("exec >&- 2>&-; sleep 0.1; exit 5")};
	struct rb_proc_result result;

	(void)state;
	assert_int_equal(rb_proc_run(&opts, &result, NULL), RB_OK);
	assert_int_equal(result.exit_code, 5);
	rb_proc_result_release(&result);
}

static void what_cannot_be_had_is_reported_and_leaves_nothing(void **state)
{
	static const struct {
		enum fault_call which;
		unsigned int times;
		int errnum;
		int status;
		const char *message;
	} cases[] = {
	        {FAULT_PIPE, 4, EMFILE, RB_E_IO,
	         "cannot run 'cat': no pipe for it: Too many open files"},
	        {FAULT_FORK, 1, EAGAIN, RB_E_IO,
	         "cannot run 'cat': no process for it: Resource temporarily unavailable"},
	        {FAULT_MALLOC, 1, ENOMEM, RB_E_NOMEM, "no memory to run 'cat'"},
	        {FAULT_MALLOC, 0, ENOMEM, RB_E_NOMEM, NULL}, /* every later one */
	};
	struct rb_proc_opts opts = {.argv = (const char *const[]){"cat", NULL},
	                            .stdin_data = "x",
	                            .stdin_len = 1,
	                            .stdout_max = 10};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (unsigned int nth = 1; nth <= cases[i].times || cases[i].times == 0; nth++) {
			struct rb_proc_result result;
			struct rb_err err = {0};
			int rc;

			fault_arm(cases[i].which, nth, cases[i].errnum);
			rc = rb_proc_run(&opts, &result, &err);
			rb_proc_result_release(&result);
			if (fault_disarm() == 0 && cases[i].times == 0)
				break;
			assert_int_equal(rc, cases[i].status);
			if (cases[i].message)
				assert_string_equal(err.msg, cases[i].message);
			assert_int_equal(open_descriptors(), descriptors_before);
		}
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	        TEST(output_and_exit_status_come_back),
	        TEST(a_signal_is_told_apart_from_an_exit),
	        TEST(stderr_comes_in_lines_and_its_end_is_kept),
	        TEST(a_flood_on_stderr_keeps_the_last_of_it),
	        TEST(stdin_larger_than_a_pipe_goes_through),
	        TEST(stdin_that_is_not_read_is_no_failure),
	        TEST(without_data_stdin_is_empty),
	        TEST(output_over_the_limit_ends_it),
	        TEST(a_program_that_is_not_there_is_notfound),
	        TEST(the_current_directory_is_not_searched),
	        TEST(a_program_that_cannot_be_executed_says_why),
	        TEST(it_runs_in_the_directory_given),
	        TEST(it_runs_with_the_umask_given_or_ours),
	        TEST(the_environment_is_ours_with_changes),
	        TEST(only_the_three_descriptors_are_passed_on),
	        TEST(signals_have_their_defaults),
	        TEST(it_has_a_session_of_its_own_and_no_terminal),
	        TEST(it_works_with_our_own_three_closed),
	        TEST(the_deadline_ends_grandchildren_too),
	        TEST(a_child_may_clean_up_before_it_is_killed),
	        TEST(a_stop_request_ends_it),
	        TEST(a_daemon_left_behind_does_not_hold_us_up),
	        TEST(a_child_that_closes_its_output_is_waited_for),
	        TEST(what_cannot_be_had_is_reported_and_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
