/*
 * rowback/runtime/lock.h: one holder at a time, and the others are told who it is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/fault.h"
#include "rowback/base/cancel.h"
#include "rowback/base/fs.h"
#include "rowback/runtime/lock.h"

/* A directory of its own for each test, and a child that holds the lock. */
struct fixture {
	char dir[32];
	char path[40];
	pid_t holder; /* 0: none */
};

static int set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	if (!fx)
		return -1;
	*state = fx;
	snprintf(fx->dir, sizeof(fx->dir), "rb-test-lock.XXXXXX");
	if (!mkdtemp(fx->dir))
		return -1;
	snprintf(fx->path, sizeof(fx->path), "%s/lock", fx->dir);
	return 0;
}

static void end_holder(struct fixture *fx)
{
	if (fx->holder == 0)
		return;
	kill(fx->holder, SIGKILL);
	waitpid(fx->holder, NULL, 0);
	fx->holder = 0;
}

static int tear_down(void **state)
{
	struct fixture *fx = *state;
	int rc;

	fault_disarm();
	rb_cancel_request(0);
	unsetenv("ROWBACK_NOW");
	end_holder(fx);
	rc = rb_fs_remove_tree(fx->dir, NULL);
	free(fx);
	return rc;
}

/* Start a child that takes the lock at 2025-11-20T14:58:00Z and holds it until it is killed. */
static void start_holder(struct fixture *fx, const char *command)
{
	int ready[2];
	char byte;

	assert_int_equal(pipe(ready), 0);
	fx->holder = fork();
	assert_true(fx->holder >= 0);
	if (fx->holder == 0) {
		struct rb_lock *lock = NULL;

		setenv("ROWBACK_NOW", "1763650680", 1);
		if (rb_lock_take(fx->path, command, 0, &lock, NULL) < 0 ||
		    write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	setenv("ROWBACK_NOW", "1763650860", 1); /* three minutes later */
}

static void the_file_says_who_holds_it(void **state)
{
	struct fixture *fx = *state;
	struct rb_buf text = RB_BUF(4096);
	struct rb_lock *lock = NULL;
	struct stat st;
	char want[128];

	setenv("ROWBACK_NOW", "1763650680", 1);
	assert_int_equal(rb_lock_take(fx->path, "backup", 0, &lock, NULL), RB_OK);
	assert_int_equal(rb_fs_read(fx->path, &text, NULL), RB_OK);
	snprintf(want, sizeof(want),
	         "{\"pid\":%d,\"command\":\"backup\",\"started\":\"2025-11-20T14:58:00Z\"}\n",
	         (int)getpid());
	assert_string_equal(rb_buf_str(&text), want);
	assert_int_equal(stat(fx->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	rb_buf_release(&text);
	rb_lock_release(lock);
}

static void a_second_one_is_told_the_holder(void **state)
{
	struct fixture *fx = *state;
	struct rb_lock *lock = NULL;
	struct rb_err err = {0};
	char want[200];

	start_holder(fx, "backup");
	assert_int_equal(rb_lock_take(fx->path, "restore", 0, &lock, &err), RB_E_LOCKED);
	snprintf(want, sizeof(want),
	         "the store is in use by 'rowback backup' (pid %d) since 2025-11-20T14:58:00Z "
	         "(3 minutes ago)",
	         (int)fx->holder);
	assert_string_equal(err.msg, want);
	assert_string_equal(err.hint, "wait for it with --lock-wait 10m, or try again later");
	assert_null(lock);
}

static void who_looks_sees_the_holder_and_takes_nothing(void **state)
{
	struct fixture *fx = *state;
	struct rb_lock_holder holder;
	struct rb_lock *lock = NULL;

	assert_int_equal(rb_lock_look(fx->path, &holder, NULL), 0);
	start_holder(fx, "backup");
	assert_int_equal(rb_lock_look(fx->path, &holder, NULL), 1);
	assert_string_equal(holder.command, "backup");
	assert_int_equal(holder.pid, fx->holder);
	assert_string_equal(holder.since, "2025-11-20T14:58:00Z");
	end_holder(fx);
	/* What a dead holder left in the file is not believed. */
	assert_int_equal(rb_lock_look(fx->path, &holder, NULL), 0);
	assert_int_equal(rb_lock_take(fx->path, "restore", 0, &lock, NULL), RB_OK);
	rb_lock_release(lock);
}

static void a_holder_that_says_nothing_is_one(void **state)
{
	struct fixture *fx = *state;
	struct rb_lock_holder holder;

	start_holder(fx, "backup");
	assert_int_equal(truncate(fx->path, 0), 0);
	assert_int_equal(rb_lock_look(fx->path, &holder, NULL), 1);
	assert_string_equal(holder.command, "?");
	assert_string_equal(holder.since, "");
}

static void locked_is_the_status_without_an_error_struct(void **state)
{
	struct fixture *fx = *state;
	struct rb_lock *lock = NULL;

	start_holder(fx, "backup");
	assert_int_equal(rb_lock_take(fx->path, "restore", 0, &lock, NULL), RB_E_LOCKED);
}

static void waiting_ends_at_its_limit(void **state)
{
	struct fixture *fx = *state;
	struct rb_lock *lock = NULL;
	struct rb_err err = {0};
	char want[200];

	start_holder(fx, "backup");
	assert_int_equal(rb_lock_take(fx->path, "restore", 60, &lock, &err), RB_E_LOCKED);
	snprintf(want, sizeof(want),
	         "the store is still in use by 'rowback backup' (pid %d) since "
	         "2025-11-20T14:58:00Z (3 minutes ago) after 0 s of waiting",
	         (int)fx->holder);
	assert_string_equal(err.msg, want);
	assert_null(lock);
}

static void waiting_gets_the_lock_when_the_holder_ends(void **state)
{
	struct fixture *fx = *state;
	struct rb_lock *lock = NULL;
	pid_t killer;

	start_holder(fx, "backup");
	killer = fork();
	assert_true(killer >= 0);
	if (killer == 0) {
		kill(fx->holder, SIGKILL);
		_exit(0);
	}
	assert_int_equal(rb_lock_take(fx->path, "restore", 60000, &lock, NULL), RB_OK);
	rb_lock_release(lock);
	waitpid(killer, NULL, 0);
}

static void a_signal_ends_the_waiting(void **state)
{
	struct fixture *fx = *state;
	struct rb_lock *lock = NULL;
	struct rb_err err = {0};

	start_holder(fx, "backup");
	rb_cancel_request(SIGTERM);
	assert_int_equal(rb_lock_take(fx->path, "restore", 60000, &lock, &err), RB_E_CANCELLED);
	assert_string_equal(err.msg, "stopped by SIGTERM");
	assert_null(lock);
}

static void what_a_dead_holder_left_is_overwritten(void **state)
{
	struct fixture *fx = *state;
	struct rb_buf text = RB_BUF(4096);
	struct rb_lock *lock = NULL;

	start_holder(fx, "a-command-with-a-very-long-name-that-fills-the-file");
	end_holder(fx);
	assert_int_equal(rb_lock_take(fx->path, "sync", 0, &lock, NULL), RB_OK);
	assert_int_equal(rb_fs_read(fx->path, &text, NULL), RB_OK);
	assert_non_null(strstr(rb_buf_str(&text), "\"command\":\"sync\""));
	assert_ptr_equal(strchr(rb_buf_str(&text), '\n'), text.data + text.len - 1);
	rb_buf_release(&text);
	rb_lock_release(lock);
}

static void a_released_lock_can_be_taken_again(void **state)
{
	struct fixture *fx = *state;

	for (int i = 0; i < 3; i++) {
		struct rb_lock *lock = NULL;

		assert_int_equal(rb_lock_take(fx->path, "backup", 0, &lock, NULL), RB_OK);
		rb_lock_release(lock);
	}
	rb_lock_release(NULL);
}

/* Content that is not ours is never trusted, and cannot steer the terminal. */
static void garbage_in_the_file_is_not_shown(void **state)
{
	static const struct {
		const char *content;
		const char *shown;
	} cases[] = {
	        {"", "another rowback"},
	        {"not json", "another rowback"},
	        {"{\"pid\":\"x\"}", "another rowback"},
	        {"{\"pid\":1,\"command\":\"b\",\"started\":\"soon\"}", "another rowback"},
	        {"{\"pid\":1,\"command\":\"a\\u001b[2Jb\",\"started\":\"2025-11-20T14:58:00Z\"}",
	         "'rowback a?[2Jb' (pid 1) since 2025-11-20T14:58:00Z (3 minutes ago)"},
	};
	struct fixture *fx = *state;

	start_holder(fx, "backup");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rb_lock *lock = NULL;
		struct rb_err err = {0};
		char want[200];
		FILE *file = fopen(fx->path, "w"); /* the same inode: the flock stays */

		assert_non_null(file);
		fputs(cases[i].content, file);
		fclose(file);
		assert_int_equal(rb_lock_take(fx->path, "sync", 0, &lock, &err), RB_E_LOCKED);
		snprintf(want, sizeof(want), "the store is in use by %s", cases[i].shown);
		assert_string_equal(err.msg, want);
	}
}

static void a_deleted_lock_file_does_not_lock(void **state)
{
	struct fixture *fx = *state;
	struct rb_lock *lock = NULL;
	struct rb_lock *second = NULL;

	start_holder(fx, "backup");
	assert_int_equal(unlink(fx->path), 0);
	assert_int_equal(rb_lock_take(fx->path, "sync", 0, &lock, NULL), RB_OK);
	assert_int_equal(rb_lock_take(fx->path, "sync", 0, &second, NULL), RB_E_LOCKED);
	rb_lock_release(lock);
}

static void a_symbolic_link_is_not_followed(void **state)
{
	struct fixture *fx = *state;
	struct rb_lock *lock = NULL;

	assert_int_equal(symlink("elsewhere", fx->path), 0);
	assert_int_equal(rb_lock_take(fx->path, "sync", 0, &lock, NULL), RB_E_IO);
	assert_null(lock);
}

static void a_missing_directory_is_reported(void **state)
{
	struct rb_lock *lock = NULL;
	struct rb_err err = {0};

	(void)state;
	assert_int_equal(rb_lock_take("/nonexistent/lock", "sync", 0, &lock, &err), RB_E_NOTFOUND);
	assert_string_equal(err.msg, "cannot open the lock '/nonexistent/lock': "
	                             "No such file or directory");
}

/* A program that is run while the lock is held must not keep it. */
static void programs_that_are_run_do_not_inherit_it(void **state)
{
	struct fixture *fx = *state;
	struct rb_lock *lock = NULL;
	struct stat lock_st;
	int found = 0;

	assert_int_equal(rb_lock_take(fx->path, "sync", 0, &lock, NULL), RB_OK);
	assert_int_equal(stat(fx->path, &lock_st), 0);
	for (int fd = 0; fd < 64; fd++) {
		struct stat st;

		if (fstat(fd, &st) < 0 || st.st_ino != lock_st.st_ino ||
		    st.st_dev != lock_st.st_dev)
			continue;
		found++;
		assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	}
	assert_int_equal(found, 1);
	rb_lock_release(lock);
}

static void no_memory_leaves_the_lock_free(void **state)
{
	struct fixture *fx = *state;
	unsigned int nth = 0;
	unsigned int reached;

	do {
		struct rb_lock *lock = NULL;
		int rc;

		fault_arm(FAULT_MALLOC, ++nth, ENOMEM);
		rc = rb_lock_take(fx->path, "sync", 0, &lock, NULL);
		reached = fault_disarm();
		assert_true(rc == RB_OK || reached);
		assert_true((lock != NULL) == (rc == RB_OK));
		rb_lock_release(lock);
	} while (reached);
	assert_true(nth > 1);
}

#define WITH_DIR(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        WITH_DIR(the_file_says_who_holds_it),
	        WITH_DIR(a_second_one_is_told_the_holder),
	        WITH_DIR(who_looks_sees_the_holder_and_takes_nothing),
	        WITH_DIR(a_holder_that_says_nothing_is_one),
	        WITH_DIR(locked_is_the_status_without_an_error_struct),
	        WITH_DIR(waiting_ends_at_its_limit),
	        WITH_DIR(waiting_gets_the_lock_when_the_holder_ends),
	        WITH_DIR(a_signal_ends_the_waiting),
	        WITH_DIR(what_a_dead_holder_left_is_overwritten),
	        WITH_DIR(a_released_lock_can_be_taken_again),
	        WITH_DIR(garbage_in_the_file_is_not_shown),
	        WITH_DIR(a_deleted_lock_file_does_not_lock),
	        WITH_DIR(a_symbolic_link_is_not_followed),
	        cmocka_unit_test(a_missing_directory_is_reported),
	        WITH_DIR(programs_that_are_run_do_not_inherit_it),
	        WITH_DIR(no_memory_leaves_the_lock_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
