/*
 * rowback/config/secret.h: where secrets come from.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rowback/base/fs.h"
#include "rowback/config/secret.h"

/* A directory of its own for each test, removed with all that is in it. */
struct fixture {
	char dir[32];
	char file[40];
};

static int set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	if (!fx)
		return -1;
	*state = fx;
	snprintf(fx->dir, sizeof(fx->dir), "rb-test-secret.XXXXXX");
	if (!mkdtemp(fx->dir))
		return -1;
	snprintf(fx->file, sizeof(fx->file), "%s/secret", fx->dir);
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fx = *state;
	int rc = rb_fs_remove_tree(fx->dir, NULL);

	free(fx);
	return rc;
}

static void assert_secret(const struct rb_secret_spec *spec, const char *want)
{
	struct rb_err err = {0};
	char *secret = NULL;

	if (rb_secret_resolve(spec, &secret, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(secret, want);
	rb_secret_free(secret);
}

static void assert_no_secret(const struct rb_secret_spec *spec, int status, const char *msg)
{
	struct rb_err err = {0};
	char *secret = NULL;

	assert_int_equal(rb_secret_resolve(spec, &secret, &err), status);
	assert_string_equal(err.msg, msg);
	assert_null(secret);
}

static void write_file(const char *path, const char *text, size_t len)
{
	assert_int_equal(rb_fs_replace(path, text, len, 0600, NULL), RB_OK);
}

static void a_value_is_taken_as_it_is(void **state)
{
	(void)state;
	assert_secret(&(struct rb_secret_spec){.what = "KEY", .value = " a b "}, " a b ");
	assert_secret(&(struct rb_secret_spec){.what = "KEY", .value = "x\n"}, "x");
	assert_no_secret(&(struct rb_secret_spec){.what = "KEY", .value = ""}, RB_E_USAGE,
	                 "KEY is empty");
}

static void exactly_one_way_must_be_set(void **state)
{
	struct rb_err err = {0};
	char *secret = NULL;

	(void)state;
	assert_no_secret(&(struct rb_secret_spec){.what = "KEY"}, RB_E_USAGE, "KEY is not set");
	assert_int_equal(
	        rb_secret_resolve(
	                &(struct rb_secret_spec){.what = "KEY", .value = "x", .command = "echo y"},
	                &secret, &err),
	        RB_E_USAGE);
	assert_string_equal(err.msg, "KEY is set in more than one way");
	assert_string_equal(err.hint, "keep one of the value, the file and the command");
}

static void a_file_holds_one_line(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		int status;
	} cases[] = {
	        {"hunter2", 7, RB_OK},
	        {"hunter2\n", 8, RB_OK},
	        {"hunter2\r\n", 9, RB_OK},
	        {"", 0, RB_E_USAGE},
	        {"\n", 1, RB_E_USAGE},
	        {"hunter2\n\n", 9, RB_E_FORMAT},
	        {"hunter2\nx\n", 10, RB_E_FORMAT},
	        {"hunter2\0x", 9, RB_E_FORMAT},
	};
	struct fixture *fx = *state;
	struct rb_secret_spec spec = {.what = "KEY", .file = fx->file};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *secret = NULL;

		write_file(fx->file, cases[i].text, cases[i].len);
		assert_int_equal(rb_secret_resolve(&spec, &secret, NULL), cases[i].status);
		if (cases[i].status == RB_OK)
			assert_string_equal(secret, "hunter2");
		rb_secret_free(secret);
	}
}

static void a_missing_file_is_notfound(void **state)
{
	(void)state;
	assert_no_secret(
	        &(struct rb_secret_spec){.what = "source.app.url", .file = "/nonexistent/secret"},
	        RB_E_NOTFOUND,
	        "cannot read '/nonexistent/secret' for source.app.url: No such file or directory");
}

static void a_file_that_is_too_large_is_refused(void **state)
{
	struct fixture *fx = *state;
	char *secret = NULL;
	char *large = calloc(1, RB_SECRET_BYTES_MAX + 1);

	assert_non_null(large);
	memset(large, 'x', RB_SECRET_BYTES_MAX + 1);
	write_file(fx->file, large, RB_SECRET_BYTES_MAX + 1);
	assert_int_equal(
	        rb_secret_resolve(&(struct rb_secret_spec){.what = "KEY", .file = fx->file},
	                          &secret, NULL),
	        RB_E_LIMIT);
	assert_null(secret);
	free(large);
}

static void the_home_directory_is_found(void **state)
{
	struct fixture *fx = *state;
	char *cwd = getcwd(NULL, 0);
	char *home = rb_fs_join(cwd, fx->dir);

	assert_non_null(home);
	write_file(fx->file, "hunter2\n", 8);
	assert_int_equal(setenv("HOME", home, 1), 0);
	assert_secret(&(struct rb_secret_spec){.what = "KEY", .file = "~/secret"}, "hunter2");
	assert_int_equal(unsetenv("HOME"), 0);
	assert_no_secret(&(struct rb_secret_spec){.what = "KEY", .file = "~/secret"}, RB_E_USAGE,
	                 "'~/secret' needs HOME to be set");
	free(home);
	free(cwd);
}

/* What rb_log() writes goes to descriptor 2; catch it in a file. */
static void others_may_read_it_is_a_warning(void **state)
{
	struct fixture *fx = *state;
	struct rb_buf shown = RB_BUF(4096);
	char log[64];
	char want[200];
	int saved = dup(STDERR_FILENO);
	FILE *file;

	snprintf(log, sizeof(log), "%s/log", fx->dir);
	write_file(fx->file, "hunter2\n", 8);
	assert_int_equal(chmod(fx->file, 0644), 0);
	file = fopen(log, "w");
	assert_non_null(file);
	assert_int_equal(dup2(fileno(file), STDERR_FILENO), STDERR_FILENO);
	assert_secret(&(struct rb_secret_spec){.what = "KEY", .file = fx->file}, "hunter2");
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	fclose(file);
	close(saved);

	assert_int_equal(rb_fs_read(log, &shown, NULL), RB_OK);
	snprintf(want, sizeof(want),
	         "rowback: warning: other users may open '%s' (mode 0644): run chmod 600 '%s'\n",
	         fx->file, fx->file);
	assert_string_equal(rb_buf_str(&shown), want);
	rb_buf_release(&shown);
}

static void a_command_prints_it(void **state)
{
	(void)state;
	assert_secret(&(struct rb_secret_spec){.what = "KEY", .command = "echo hunter$((1 + 1))"},
	              "hunter2");
	assert_no_secret(&(struct rb_secret_spec){.what = "KEY", .command = "echo"}, RB_E_USAGE,
	                 "what the command printed: KEY is empty");
	assert_no_secret(&(struct rb_secret_spec){.what = "KEY", .command = "echo a; echo b"},
	                 RB_E_FORMAT,
	                 "what the command printed: KEY is more than one line of text");
}

static void a_command_that_fails_says_why(void **state)
{
	(void)state;
	assert_no_secret(
	        &(struct rb_secret_spec){.what = "KEY",
	                                 .command = "echo hunter2; echo no key >&2; exit 3"},
	        RB_E_AUTH, "the command for KEY ended with status 3: no key");
	assert_no_secret(&(struct rb_secret_spec){.what = "KEY", .command = "exit 1"}, RB_E_AUTH,
	                 "the command for KEY ended with status 1");
	assert_no_secret(&(struct rb_secret_spec){.what = "KEY", .command = "kill -9 $$"},
	                 RB_E_AUTH, "the command for KEY was ended by signal 9");
}

static void the_environment_has_three_names_for_it(void **state)
{
	struct fixture *fx = *state;
	char *secret = NULL;

	unsetenv("RB_TEST_KEY");
	assert_int_equal(rb_secret_from_env("RB_TEST_KEY", &secret, NULL), RB_OK);
	assert_null(secret);

	setenv("RB_TEST_KEY", "one", 1);
	assert_int_equal(rb_secret_from_env("RB_TEST_KEY", &secret, NULL), RB_OK);
	assert_string_equal(secret, "one");
	rb_secret_free(secret);
	unsetenv("RB_TEST_KEY");

	write_file(fx->file, "two\n", 4);
	setenv("RB_TEST_KEY_FILE", fx->file, 1);
	assert_int_equal(rb_secret_from_env("RB_TEST_KEY", &secret, NULL), RB_OK);
	assert_string_equal(secret, "two");
	rb_secret_free(secret);

	setenv("RB_TEST_KEY_COMMAND", "echo three", 1);
	assert_int_equal(rb_secret_from_env("RB_TEST_KEY", &secret, NULL), RB_E_USAGE);
	unsetenv("RB_TEST_KEY_FILE");
	assert_int_equal(rb_secret_from_env("RB_TEST_KEY", &secret, NULL), RB_OK);
	assert_string_equal(secret, "three");
	rb_secret_free(secret);
	unsetenv("RB_TEST_KEY_COMMAND");
}

static void wiping_leaves_zeros(void **state)
{
	static const char zeros[16];
	char secret[16] = "hunter2 hunter2";

	(void)state;
	rb_secret_wipe(secret, sizeof(secret));
	assert_memory_equal(secret, zeros, sizeof(secret));
	rb_secret_wipe(NULL, 0);
	rb_secret_free(NULL);
}

#define WITH_DIR(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_value_is_taken_as_it_is),
	        cmocka_unit_test(exactly_one_way_must_be_set),
	        WITH_DIR(a_file_holds_one_line),
	        cmocka_unit_test(a_missing_file_is_notfound),
	        WITH_DIR(a_file_that_is_too_large_is_refused),
	        WITH_DIR(the_home_directory_is_found),
	        WITH_DIR(others_may_read_it_is_a_warning),
	        cmocka_unit_test(a_command_prints_it),
	        cmocka_unit_test(a_command_that_fails_says_why),
	        WITH_DIR(the_environment_has_three_names_for_it),
	        cmocka_unit_test(wiping_leaves_zeros),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
