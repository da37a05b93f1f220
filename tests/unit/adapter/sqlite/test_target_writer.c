/*
 * A file written by a thread of its own: in order, and failures are told of.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/fault.h"
#include "harness/sqlite_copy.h"
#include "harness/sqlite_db.h"
#include "harness/sqlite_target.h"
#include "sqlite/target_priv.h"

#define ROOM ((size_t)4096)

static struct rb_sqlite_writer *open_writer(void)
{
	struct rb_sqlite_writer *writer = NULL;
	int fd = open("out", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(rb_sqlite_writer_open("out", ROOM, &writer), SQLITE_OK);
	return writer;
}

static struct rb_sqlite_stretch stretch_of(char byte, sqlite3_int64 at, size_t len)
{
	struct rb_sqlite_stretch stretch = {.bytes = malloc(ROOM), .at = at, .len = len};

	assert_non_null(stretch.bytes);
	memset(stretch.bytes, byte, len);
	return stretch;
}

static void assert_file(const char *want)
{
	char text[64] = "";
	int fd = open("out", O_RDONLY);
	ssize_t len = read(fd, text, sizeof(text) - 1);

	close(fd);
	assert_int_equal(len, (ssize_t)strlen(want));
	assert_string_equal(text, want);
	unlink("out");
}

static void stretches_are_written_in_their_order(void **state)
{
	struct rb_sqlite_writer *writer = open_writer();
	struct rb_sqlite_stretch stretch = stretch_of('a', 0, 6);

	(void)state;
	assert_int_equal(rb_sqlite_writer_put(writer, &stretch), SQLITE_OK);
	assert_int_equal(stretch.len, 0);
	memset(stretch.bytes, 'b', ROOM);
	stretch.at = 2;
	stretch.len = 2;
	assert_int_equal(rb_sqlite_writer_put(writer, &stretch), SQLITE_OK);
	memset(stretch.bytes, 'c', ROOM);
	stretch.at = 6;
	stretch.len = 1;
	assert_int_equal(rb_sqlite_writer_put(writer, &stretch), SQLITE_OK);
	assert_int_equal(rb_sqlite_writer_wait(writer), SQLITE_OK);
	assert_false(rb_sqlite_writer_has(writer, 0, 100));
	assert_int_equal(rb_sqlite_writer_close(writer), SQLITE_OK);
	free(stretch.bytes);
	assert_file("aabbaac");
}

static void a_failure_stays(void **state)
{
	static const struct {
		int errnum;
		int code;
	} cases[] = {{ENOSPC, SQLITE_FULL}, {EDQUOT, SQLITE_FULL}, {EIO, SQLITE_IOERR_WRITE}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rb_sqlite_writer *writer = open_writer();
		struct rb_sqlite_stretch stretch = stretch_of('a', 0, 3);

		fault_arm(FAULT_WRITE, 1, cases[i].errnum);
		assert_int_equal(rb_sqlite_writer_put(writer, &stretch), SQLITE_OK);
		assert_int_equal(rb_sqlite_writer_wait(writer), cases[i].code);
		assert_int_equal(fault_disarm(), 1);
		stretch.len = 1;
		assert_int_equal(rb_sqlite_writer_put(writer, &stretch), cases[i].code);
		assert_int_equal(stretch.len, 1);
		assert_int_equal(rb_sqlite_writer_close(writer), cases[i].code);
		free(stretch.bytes);
		assert_file("");
	}
}

static void a_file_that_is_not_there_is_not_made(void **state)
{
	struct rb_sqlite_writer *writer = NULL;

	(void)state;
	assert_int_equal(rb_sqlite_writer_open("none", ROOM, &writer), SQLITE_CANTOPEN);
	assert_null(writer);
	assert_int_equal(rb_sqlite_writer_close(NULL), SQLITE_OK);
	assert_files("from.db to.db");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, target_set_up, target_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(stretches_are_written_in_their_order),
	        TEST(a_failure_stays),
	        TEST(a_file_that_is_not_there_is_not_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
