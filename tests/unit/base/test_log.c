/*
 * rowback/base/log.h: what is printed where, to the byte.
 */
#define _XOPEN_SOURCE 700 /* posix_openpt */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "harness/clock.h"
#include "rowback/base/log.h"

/* Standard error is a pipe or a terminal while a test prints, and is put back to be read. */
struct fixture {
	int saved; /* standard error as it was */
	int reader;
};

static void catch_in(struct fixture *fx, int reader, int writer)
{
	fx->reader = reader;
	fx->saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
	dup2(writer, STDERR_FILENO);
	close(writer);
}

static void catch_in_pipe(struct fixture *fx)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	catch_in(fx, fds[0], fds[1]);
}

static void catch_in_terminal(struct fixture *fx, unsigned short columns)
{
	struct winsize size = {.ws_col = columns};
	struct termios raw;
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	int slave;

	assert_true(master >= 0);
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	assert_true(slave >= 0);
	assert_int_equal(tcgetattr(slave, &raw), 0);
	raw.c_oflag &= ~(tcflag_t)OPOST; /* "\n" stays "\n" */
	assert_int_equal(tcsetattr(slave, TCSANOW, &raw), 0);
	assert_int_equal(ioctl(slave, TIOCSWINSZ, &size), 0);
	catch_in(fx, master, slave);
}

/* What was printed so far is `want`, and nothing else. */
static void assert_printed(struct fixture *fx, const char *want)
{
	char got[8192];
	size_t len = 0;
	ssize_t more;

	dup2(fx->saved, STDERR_FILENO);
	close(fx->saved);
	/* Nobody writes any more: a pipe ends, and a terminal fails, after the last byte. */
	while ((more = read(fx->reader, got + len, sizeof(got) - 1 - len)) > 0)
		len += (size_t)more;
	got[len] = '\0';
	close(fx->reader);
	assert_string_equal(got, want);
}

static int reset(void **state)
{
	(void)state;
	rb_log_set_level(RB_LOG_INFO);
	rb_log_set_color(false);
	clock_advance_ms(1000); /* so that progress of another test is long ago */
	return 0;
}

static void each_level_has_its_prefix(void **state)
{
	struct fixture fx;

	(void)state;
	rb_log_set_level(RB_LOG_DEBUG);
	catch_in_pipe(&fx);
	rb_log(RB_LOG_ERROR, "no %s", "luck");
	rb_log(RB_LOG_WARN, "%d left", 3);
	rb_log(RB_LOG_INFO, "done");
	rb_log(RB_LOG_DEBUG, "detail");
	assert_printed(&fx, "rowback: error: no luck\n"
	                    "rowback: warning: 3 left\n"
	                    "done\n"
	                    "detail\n");
}

static void messages_above_the_level_are_dropped(void **state)
{
	struct fixture fx;

	(void)state;
	catch_in_pipe(&fx);
	rb_log(RB_LOG_DEBUG, "not by default");
	rb_log_set_level(RB_LOG_ERROR);
	rb_log(RB_LOG_INFO, "dropped");
	rb_log(RB_LOG_WARN, "dropped");
	rb_log(RB_LOG_ERROR, "shown");
	assert_printed(&fx, "rowback: error: shown\n");
}

static void color_is_on_the_word_only(void **state)
{
	struct fixture fx;

	(void)state;
	rb_log_set_color(true);
	catch_in_pipe(&fx);
	rb_log(RB_LOG_ERROR, "a");
	rb_log(RB_LOG_WARN, "b");
	rb_log(RB_LOG_INFO, "c");
	assert_printed(&fx, "rowback: \033[31merror:\033[m a\n"
	                    "rowback: \033[33mwarning:\033[m b\n"
	                    "c\n");
}

static void control_characters_do_not_reach_the_terminal(void **state)
{
	struct fixture fx;

	(void)state;
	catch_in_pipe(&fx);
	rb_log(RB_LOG_INFO, "table '%s'", "\033]0;x\a\r\x7f\xc4\x9f\tb\nhint: c");
	assert_printed(&fx, "table '?]0;x???\xc4\x9f\tb\nhint: c'\n");
}

static void a_long_message_is_cut_and_still_a_line(void **state)
{
	static char text[10000];
	char want[4096 - 64 + 1];
	struct fixture fx;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	memset(want, 'x', sizeof(want) - 2);
	want[sizeof(want) - 2] = '\n';
	want[sizeof(want) - 1] = '\0';
	catch_in_pipe(&fx);
	rb_log(RB_LOG_INFO, "%s", text);
	assert_printed(&fx, want);
}

static void progress_is_for_terminals(void **state)
{
	struct fixture fx;

	(void)state;
	catch_in_pipe(&fx);
	rb_log_progress("%d rows", 5);
	rb_log_progress_end();
	assert_printed(&fx, "");
}

static void progress_is_not_shown_when_quiet(void **state)
{
	struct fixture fx;

	(void)state;
	rb_log_set_level(RB_LOG_WARN);
	catch_in_terminal(&fx, 80);
	rb_log_progress("%d rows", 5);
	rb_log_progress_end();
	assert_printed(&fx, "");
}

static void progress_rewrites_its_line_ten_times_a_second(void **state)
{
	struct fixture fx;

	(void)state;
	catch_in_terminal(&fx, 80);
	rb_log_progress("%d rows", 1000);
	rb_log_progress("%d rows", 1001);
	clock_advance_ms(100);
	rb_log_progress("%d rows", 9);
	rb_log(RB_LOG_INFO, "line");
	clock_advance_ms(100);
	rb_log_progress("%d rows", 10);
	rb_log_progress_end();
	rb_log_progress_end();
	assert_printed(&fx, "\r1000 rows"
	                    "\r9 rows   "
	                    "\r         \rline\n"
	                    "\r10 rows"
	                    "\r       \r");
}

/* The last column stays free, or the terminal would wrap. */
static void progress_is_cut_to_the_terminal(void **state)
{
	struct fixture fx;

	(void)state;
	catch_in_terminal(&fx, 10);
	rb_log_progress("12345678\xc4\x9f and so on");
	clock_advance_ms(100);
	rb_log_progress("1234567\xc4\x9f and so on");
	rb_log_progress_end();
	assert_printed(&fx, "\r12345678"
	                    "\r1234567\xc4\x9f"
	                    "\r         \r");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup(each_level_has_its_prefix, reset),
	        cmocka_unit_test_setup(messages_above_the_level_are_dropped, reset),
	        cmocka_unit_test_setup(color_is_on_the_word_only, reset),
	        cmocka_unit_test_setup(control_characters_do_not_reach_the_terminal, reset),
	        cmocka_unit_test_setup(a_long_message_is_cut_and_still_a_line, reset),
	        cmocka_unit_test_setup(progress_is_for_terminals, reset),
	        cmocka_unit_test_setup(progress_is_not_shown_when_quiet, reset),
	        cmocka_unit_test_setup(progress_rewrites_its_line_ten_times_a_second, reset),
	        cmocka_unit_test_setup(progress_is_cut_to_the_terminal, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
