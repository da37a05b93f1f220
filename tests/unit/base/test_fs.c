/*
 * rowback/base/fs.h: a replaced file is whole or untouched, a tree goes without its links.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static void reads_a_whole_file_after_what_is_there(void **state)
{
	struct fixture *fx = *state;
	struct rb_buf out = RB_BUF(100);

	assert_int_equal(rb_buf_adds(&out, "as ", NULL), RB_OK);
	assert_int_equal(rb_fs_read(fx->file, &out, NULL), RB_OK);
	assert_string_equal(rb_buf_str(&out), "as old");
	rb_buf_release(&out);
}

static void reads_files_of_any_size_with_any_bytes(void **state)
{
	static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 300000};
	struct fixture *fx = *state;
	char *data = calloc(1, 300000);

	assert_non_null(data);
	for (size_t i = 0; i < 300000; i++)
		data[i] = (char)(i * 31 >> 3);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct rb_buf out = RB_BUF(sizes[i]); /* exactly full is no failure */

		assert_int_equal(rb_fs_replace(fx->file, data, sizes[i], 0600, NULL), RB_OK);
		assert_int_equal(rb_fs_read(fx->file, &out, NULL), RB_OK);
		assert_int_equal(out.len, sizes[i]);
		if (sizes[i] > 0)
			assert_memory_equal(out.data, data, sizes[i]);
		rb_buf_release(&out);
	}
	free(data);
}

static void a_file_that_cannot_be_read_adds_nothing(void **state)
{
	struct fixture *fx = *state;
	struct rb_buf out = RB_BUF(4);
	struct rb_err err = {0};
	char want[128];

	assert_int_equal(rb_buf_adds(&out, "ab", NULL), RB_OK);
	assert_int_equal(rb_fs_read(fx->file, &out, &err), RB_E_LIMIT);
	snprintf(want, sizeof(want), "'%s' is larger than the limit of 4 bytes", fx->file);
	assert_string_equal(err.msg, want);
	assert_string_equal(rb_buf_str(&out), "ab");

	assert_int_equal(rb_fs_read("missing", &out, &err), RB_E_NOTFOUND);
	assert_string_equal(err.msg, "cannot open 'missing': No such file or directory");
	assert_int_equal(rb_fs_read(fx->dir, &out, &err), RB_E_IO);
	snprintf(want, sizeof(want), "cannot read '%s': Is a directory", fx->dir);
	assert_string_equal(err.msg, want);
	assert_string_equal(rb_buf_str(&out), "ab");

	out.max = 100;
	rb_buf_release(&out);
	fault_arm(FAULT_MALLOC, 1, ENOMEM);
	assert_int_equal(rb_fs_read(fx->file, &out, &err), RB_E_NOMEM);
	assert_int_equal(fault_disarm(), 1);
	snprintf(want, sizeof(want), "cannot read '%s': no memory for 146 bytes", fx->file);
	assert_string_equal(err.msg, want);
	rb_buf_release(&out);
}

static void write_all_names_what_it_could_not_write(void **state)
{
	struct fixture *fx = *state;
	struct rb_err err = {0};
	int fd = open(fx->file, O_WRONLY | O_TRUNC);

	assert_true(fd >= 0);
	assert_int_equal(rb_fs_write_all(fd, "bytes", 5, "the file", &err), RB_OK);
	close(fd);
	assert_content(fx->file, "bytes");
	assert_int_equal(rb_fs_write_all(-1, "bytes", 5, "the file", &err), RB_E_IO);
	assert_string_equal(err.msg, "cannot write the file: Bad file descriptor");
}

static void makes_directories_with_parents_and_mode(void **state)
{
	struct fixture *fx = *state;
	struct rb_err err = {0};
	struct stat st;
	char path[64];
	char want[128];

	snprintf(path, sizeof(path), "%s/x//y/z/", fx->dir);
	assert_int_equal(rb_fs_mkdirs(path, 0700, &err), RB_OK);
	assert_int_equal(rb_fs_mkdirs(path, 0755, &err), RB_OK);
	snprintf(path, sizeof(path), "%s/x/y", fx->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(rb_fs_mkdirs("/", 0700, &err), RB_OK);

	snprintf(path, sizeof(path), "%s/a/b", fx->dir); /* "a" is a file */
	assert_int_equal(rb_fs_mkdirs(path, 0700, &err), RB_E_IO);
	snprintf(want, sizeof(want), "cannot make the directory '%s': File exists", fx->file);
	assert_string_equal(err.msg, want);

	snprintf(path, sizeof(path), "%s/x", fx->dir);
	assert_int_equal(rb_fs_remove_tree(path, &err), RB_OK);
}

static void syncs_a_directory_or_says_why_not(void **state)
{
	struct fixture *fx = *state;
	struct rb_err err = {0};

	assert_int_equal(rb_fs_sync_dir(fx->dir, &err), RB_OK);
	assert_int_equal(rb_fs_sync_dir("missing", &err), RB_E_NOTFOUND);
	assert_string_equal(err.msg,
	                    "cannot sync the directory 'missing': No such file or directory");
	fault_arm(FAULT_FSYNC, 1, EIO);
	assert_int_equal(rb_fs_sync_dir(".", &err), RB_E_IO);
	assert_int_equal(fault_disarm(), 1);
	assert_string_equal(err.msg, "cannot sync the directory '.': Input/output error");
}

/* Links go, what they point to stays: a file, the directory above, nothing. */
static void removes_a_tree_and_follows_no_link(void **state)
{
	struct fixture *fx = *state;
	char tree[48];
	char path[80];

	snprintf(tree, sizeof(tree), "%s/tree", fx->dir);
	snprintf(path, sizeof(path), "%s/one/two", tree);
	assert_int_equal(rb_fs_mkdirs(path, 0700, NULL), RB_OK);
	snprintf(path, sizeof(path), "%s/one/two/file", tree);
	assert_int_equal(rb_fs_replace(path, "", 0, 0400, NULL), RB_OK);
	snprintf(path, sizeof(path), "%s/one/up", tree);
	assert_int_equal(symlink("../..", path), 0);
	snprintf(path, sizeof(path), "%s/one/to-file", tree);
	assert_int_equal(symlink("../../a", path), 0);
	snprintf(path, sizeof(path), "%s/dangling", tree);
	assert_int_equal(symlink("nowhere", path), 0);
	assert_true(rb_fs_exists(path));

	assert_int_equal(rb_fs_remove_tree(tree, NULL), RB_OK);
	assert_false(rb_fs_exists(tree));
	assert_int_equal(rb_fs_remove_tree(tree, NULL), RB_OK);
	assert_content(fx->file, "old");

	assert_int_equal(symlink(".", tree), 0);
	assert_int_equal(rb_fs_remove_tree(tree, NULL), RB_OK);
	assert_content(fx->file, "old");
	assert_int_equal(rb_fs_remove_tree(fx->file, NULL), RB_OK);
	assert_false(rb_fs_exists(fx->file));
}

static void joins_with_a_slash_only_where_needed(void **state)
{
	static const char *const cases[][3] = {{"a", "b", "a/b"},
	                                       {"a/", "b", "a/b"},
	                                       {"/", "b", "/b"},
	                                       {"", "b", "b"},
	                                       {"a/b", "", "a/b/"}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *path = rb_fs_join(cases[i][0], cases[i][1]);

		assert_string_equal(path, cases[i][2]);
		free(path);
	}
	fault_arm(FAULT_MALLOC, 1, ENOMEM);
	assert_null(rb_fs_join("a", "b"));
	assert_int_equal(fault_disarm(), 1);
}

static void temporary_directories_are_private_and_below_tmpdir(void **state)
{
	struct fixture *fx = *state;
	struct rb_err err = {0};
	char *saved = getenv("TMPDIR") ? strdup(getenv("TMPDIR")) : NULL;
	char *path = NULL;
	char want[128];
	struct stat st;

	setenv("TMPDIR", fx->dir, 1);
	assert_int_equal(rb_fs_mkdtemp("drill", &path, &err), RB_OK);
	snprintf(want, sizeof(want), "%s/drill.", fx->dir);
	assert_memory_equal(path, want, strlen(want));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(rmdir(path), 0);
	free(path);

	setenv("TMPDIR", "/nonexistent", 1);
	path = NULL;
	assert_int_equal(rb_fs_mkdtemp("drill", &path, &err), RB_E_NOTFOUND);
	assert_null(path);
	for (unsigned int nth = 1; nth <= 2; nth++) {
		fault_arm(FAULT_MALLOC, nth, ENOMEM);
		assert_int_equal(rb_fs_mkdtemp("drill", &path, &err), RB_E_NOMEM);
		assert_int_equal(fault_disarm(), 1);
		assert_null(path);
	}

	if (saved)
		setenv("TMPDIR", saved, 1);
	else
		unsetenv("TMPDIR");
	free(saved);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(replaces_content_and_mode, set_up, tear_down),
	        cmocka_unit_test(missing_directory_is_notfound),
	        cmocka_unit_test_setup_teardown(any_fault_keeps_the_old_file, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(directory_sync_fault_is_reported, set_up,
	                                        tear_down),
	        cmocka_unit_test_setup_teardown(reads_a_whole_file_after_what_is_there, set_up,
	                                        tear_down),
	        cmocka_unit_test_setup_teardown(reads_files_of_any_size_with_any_bytes, set_up,
	                                        tear_down),
	        cmocka_unit_test_setup_teardown(a_file_that_cannot_be_read_adds_nothing, set_up,
	                                        tear_down),
	        cmocka_unit_test_setup_teardown(write_all_names_what_it_could_not_write, set_up,
	                                        tear_down),
	        cmocka_unit_test_setup_teardown(makes_directories_with_parents_and_mode, set_up,
	                                        tear_down),
	        cmocka_unit_test_setup_teardown(syncs_a_directory_or_says_why_not, set_up,
	                                        tear_down),
	        cmocka_unit_test_setup_teardown(removes_a_tree_and_follows_no_link, set_up,
	                                        tear_down),
	        cmocka_unit_test(joins_with_a_slash_only_where_needed),
	        cmocka_unit_test_setup_teardown(temporary_directories_are_private_and_below_tmpdir,
	                                        set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
