/*
 * rowback/base/fs.h: a replaced file is whole or untouched.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/fault.h"
#include "rowback/base/fs.h"

/* A directory of its own for each test, holding the file "a" with "old". */
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
	snprintf(fx->dir, sizeof(fx->dir), "rb-test-fs.XXXXXX");
	if (!mkdtemp(fx->dir))
		return -1;
	snprintf(fx->file, sizeof(fx->file), "%s/a", fx->dir);
	return rb_fs_replace(fx->file, "old", 3, 0600, NULL);
}

/* Fails when the test left a file behind: the directory is not empty then. */
static int tear_down(void **state)
{
	struct fixture *fx = *state;
	int rc;

	fault_disarm();
	unlink(fx->file);
	rc = rmdir(fx->dir);
	free(fx);
	return rc;
}

static size_t files_in(const char *path)
{
	DIR *dir = opendir(path);
	size_t found = 0;

	while (dir && readdir(dir))
		found++;
	if (dir)
		closedir(dir);
	return found - 2; /* "." and ".." */
}

static void assert_content(const char *path, const char *want)
{
	char text[16] = "";
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	assert_string_equal(text, want);
}

static void replaces_content_and_mode(void **state)
{
	struct fixture *fx = *state;
	struct stat st;

	assert_int_equal(rb_fs_replace(fx->file, "new", 3, 0640, NULL), RB_OK);
	assert_content(fx->file, "new");
	assert_int_equal(stat(fx->file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(files_in(fx->dir), 1);
}

static void missing_directory_is_notfound(void **state)
{
	struct rb_err err = {0};

	(void)state;
	assert_int_equal(rb_fs_replace("/nonexistent/x", "", 0, 0600, &err), RB_E_NOTFOUND);
	assert_string_equal(err.msg, "cannot create a file beside '/nonexistent/x': "
	                             "No such file or directory");
}

/* Whatever step fails, the old file stays and no temporary file does. */
static void any_fault_keeps_the_old_file(void **state)
{
	static const struct {
		enum fault_call which;
		int errnum;
		int status;
	} steps[] = {
	        {FAULT_MALLOC, ENOMEM, RB_E_NOMEM},
	        {FAULT_FSYNC, EIO, RB_E_IO},
	        {FAULT_CLOSE, ENOSPC, RB_E_IO},
	        {FAULT_RENAME, EACCES, RB_E_IO},
	};
	struct fixture *fx = *state;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct rb_err err = {0};
		int rc;

		fault_arm(steps[i].which, 1, steps[i].errnum);
		rc = rb_fs_replace(fx->file, "new", 3, 0600, &err);
		assert_int_equal(fault_disarm(), 1);
		assert_int_equal(rc, steps[i].status);
		assert_content(fx->file, "old");
		assert_int_equal(files_in(fx->dir), 1);
	}
}

static void directory_sync_fault_is_reported(void **state)
{
	struct fixture *fx = *state;

	fault_arm(FAULT_FSYNC, 2, EIO); /* the first is of the file itself */
	assert_int_equal(rb_fs_replace(fx->file, "new", 3, 0600, NULL), RB_E_IO);
	assert_int_equal(fault_disarm(), 1);
	assert_content(fx->file, "new");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(replaces_content_and_mode, set_up, tear_down),
	        cmocka_unit_test(missing_directory_is_notfound),
	        cmocka_unit_test_setup_teardown(any_fault_keeps_the_old_file, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(directory_sync_fault_is_reported, set_up,
	                                        tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
