/*
 * adapter/sqlite/conn.c: what can be opened, and what is said of what cannot.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/clock.h"
#include "harness/sqlite_db.h"
#include "rowback/base/cancel.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A user who owns nothing here: "nobody" of every Debian. */
#define NOBODY 65534

static void write_file(const char *path, const void *data, size_t len)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void copy_file(const char *from, const char *to)
{
	FILE *in = fopen(from, "rb");
	char *data = malloc(1 << 20);
	size_t len;

	assert_non_null(in);
	assert_non_null(data);
	len = fread(data, 1, 1 << 20, in);
	assert_true(len < 1 << 20);
	fclose(in);
	write_file(to, data, len);
	free(data);
}

/* Fails unless opening ends so. */
static void assert_refused(const char *url, int status, const char *message, const char *hint)
{
	struct rb_open_opts opts = {.url = url};
	struct rb_source *source = NULL;
	struct rb_err err = {0};
	int rc = rb_adapter_sqlite.source_open(&opts, &source, &err);

	assert_null(source);
	assert_string_equal(err.msg, message);
	assert_string_equal(err.hint, hint);
	assert_int_equal(rc, status);
	assert_int_equal(err.status, status);
}

static void assert_exists(const char *path, bool want)
{
	assert_int_equal(access(path, F_OK) == 0, want);
}

static void urls_name_a_path_as_it_is(void **state)
{
	static const struct {
		const char *path;
		const char *url;
	} cases[] = {
	        {"a.db", "sqlite:a.db"},
	        {"a b%20.db", "sqlite:a b%20.db"},
	        {"file:a.db?mode=memory", "sqlite:file:a.db?mode=memory"},
	        {":memory:", "sqlite::memory:"},
	};
	struct rb_open_opts opts = {0};
	struct rb_source *source;
	struct rb_catalog *catalog;
	char path[64];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		snprintf(path, sizeof(path), "./%s", cases[i].path);
		db_make(path, "CREATE TABLE t(a)");
		opts.url = cases[i].url;
		assert_int_equal(rb_adapter_sqlite.source_open(&opts, &source, NULL), RB_OK);
		catalog = source_catalog(source);
		assert_int_equal(catalog->table_count, 1);
		rb_catalog_free(catalog);
		rb_adapter_sqlite.source_close(source);
	}
}

static void absolute_urls_may_have_three_slashes(void **state)
{
	struct rb_open_opts opts = {0};
	struct rb_source *source = NULL;
	char here[512];
	char url[600];

	(void)state;
	db_make("a.db", "CREATE TABLE t(a)");
	assert_non_null(getcwd(here, sizeof(here)));
	snprintf(url, sizeof(url), "sqlite://%s/a.db", here);
	opts.url = url;
	assert_int_equal(rb_adapter_sqlite.source_open(&opts, &source, NULL), RB_OK);
	rb_adapter_sqlite.source_close(source);
}

static void urls_without_a_path_are_refused(void **state)
{
	(void)state;
	assert_refused("sqlite:", RB_E_USAGE, "'sqlite:' names no file",
	               "write sqlite:/srv/app/app.db");
	assert_refused("sqlite://", RB_E_USAGE,
	               "'sqlite://' names a host: a SQLite database is a file",
	               "write sqlite:/srv/app/app.db");
	assert_refused("sqlite://host/a.db", RB_E_USAGE,
	               "'sqlite://host/a.db' names a host: a SQLite database is a file",
	               "write sqlite:/srv/app/app.db");
}

static void a_missing_file_is_not_made(void **state)
{
	(void)state;
	assert_refused("sqlite:no.db", RB_E_UNREACHABLE,
	               "cannot open database 'no.db': No such file or directory",
	               "check the path in the source's URL");
	assert_exists("no.db", false);
}

static void a_directory_is_refused(void **state)
{
	(void)state;
	assert_refused("sqlite:.", RB_E_UNREACHABLE, "cannot open database '.': not a file",
	               "check the path in the source's URL");
}

static void a_file_of_another_format_is_refused(void **state)
{
	static const char text[] =
	        "this is a text of some length, and no database at all; its first "
	        "page must not be shorter than a header of one hundred bytes";
	char many[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(many); i++)
		many[i] = text[i % (sizeof(text) - 1)];
	write_file("text.db", many, sizeof(many));
	assert_refused("sqlite:text.db", RB_E_UNREACHABLE,
	               "database 'text.db': file is not a database",
	               "the file is another format, encrypted or damaged");
}

static void an_empty_file_is_an_empty_database(void **state)
{
	(void)state;
	write_file("empty.db", "", 0);
	assert_catalog("empty.db", "", "");
}

static void a_malformed_schema_is_read_as_far_as_it_goes(void **state)
{
	(void)state;
	db_make("t.db", "CREATE TABLE t(a); CREATE TABLE u(a); PRAGMA writable_schema = ON;"
	                "UPDATE sqlite_schema SET sql = 'CREATE TABLE t(a,' WHERE name = 't'");
	assert_catalog("t.db", "u plain rowid(0) [] <rowid>! a\n",
	               "!sqlite_schema: malformed database schema (t) - incomplete input\n"
	               "!t: its definition cannot be read\n");
}

/* A page of the schema's own tree is gone: there is no telling what it held. */
static void a_schema_that_cannot_be_read_is_refused(void **state)
{
	char page[64] = {0};
	FILE *file;

	(void)state;
	db_make("t.db", "CREATE TABLE t(a)");
	file = fopen("t.db", "r+b");
	assert_non_null(file);
	/* The tree's header follows the file's, of 100 bytes. */
	assert_int_equal(fseek(file, 100, SEEK_SET), 0);
	assert_int_equal(fwrite(page, 1, sizeof(page), file), sizeof(page));
	assert_int_equal(fclose(file), 0);
	assert_refused("sqlite:t.db", RB_E_UNREACHABLE,
	               "database 't.db': database disk image is malformed",
	               "see what can be saved with: sqlite3 FILE .recover");
}

static void a_locked_database_is_refused(void **state)
{
	sqlite3 *writer;

	(void)state;
	db_make("t.db", "CREATE TABLE t(a)");
	writer = db_open("t.db");
	db_exec(writer, "BEGIN EXCLUSIVE");
	assert_refused("sqlite:t.db", RB_E_UNREACHABLE, "database 't.db': database is locked",
	               "another program holds a lock on it: try again when it is done");
	db_close(writer);
}

/* The wait ends by a signal; the time-out of an hour would end the test otherwise. */
static void a_signal_ends_the_wait_for_a_lock(void **state)
{
	struct rb_open_opts opts = {.url = "sqlite:t.db", .busy_timeout_ms = 3600000};
	struct rb_source *source = NULL;
	struct rb_err err = {0};
	sqlite3 *writer;
	int rc;

	(void)state;
	db_make("t.db", "CREATE TABLE t(a)");
	writer = db_open("t.db");
	db_exec(writer, "BEGIN EXCLUSIVE");
	rb_cancel_request(SIGTERM);
	rc = rb_adapter_sqlite.source_open(&opts, &source, &err);
	rb_cancel_request(0);
	assert_int_equal(rc, RB_E_CANCELLED);
	assert_string_equal(err.msg, "stopped by SIGTERM");
	db_close(writer);
}

/* Called by SQLite each time the product sleeps: the writer is done after the second. */
static sqlite3 *held;
static int sleeps;
static int (*real_sleep)(sqlite3_vfs *vfs, int microseconds);

static int count_sleep(sqlite3_vfs *vfs, int microseconds)
{
	(void)vfs;
	if (++sleeps == 2 && held)
		db_exec(held, "COMMIT");
	clock_advance_ms(microseconds / 1000);
	return microseconds;
}

static void a_lock_is_waited_for(void **state)
{
	struct rb_open_opts opts = {.url = "sqlite:t.db", .busy_timeout_ms = 1000};
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
	struct rb_source *source = NULL;
	int rc;

	(void)state;
	db_make("t.db", "CREATE TABLE t(a)");
	held = db_open("t.db");
	db_exec(held, "BEGIN EXCLUSIVE");
	real_sleep = vfs->xSleep;
	vfs->xSleep = count_sleep;
	sleeps = 0;
	rc = rb_adapter_sqlite.source_open(&opts, &source, NULL);
	assert_int_equal(rc, RB_OK);
	assert_int_equal(sleeps, 2);
	rb_adapter_sqlite.source_close(source);

	/* And no longer than the time-out: 50 sleeps of 20 ms. */
	db_exec(held, "BEGIN EXCLUSIVE");
	sleeps = 2;
	rc = rb_adapter_sqlite.source_open(&opts, &source, NULL);
	vfs->xSleep = real_sleep;
	assert_int_equal(rc, RB_E_UNREACHABLE);
	assert_in_range(sleeps, 40, 52);
	db_close(held);
	held = NULL;
}

static void reading_keeps_no_writer_of_a_wal_database_waiting(void **state)
{
	struct rb_source *source;
	sqlite3 *writer;

	(void)state;
	db_make("t.db", "PRAGMA journal_mode = WAL; CREATE TABLE t(a)");
	source = source_open("t.db");
	writer = db_open("t.db");
	db_exec(writer, "INSERT INTO t VALUES(1)");
	db_close(writer);
	rb_adapter_sqlite.source_close(source);
}

/* A transaction that died midway: its journal is rolled back before anything is read. */
static void a_hot_journal_is_rolled_back(void **state)
{
	sqlite3 *writer;

	(void)state;
	db_make("live.db", "PRAGMA page_size = 512; CREATE TABLE t(a INTEGER PRIMARY KEY, b);"
	                   "INSERT INTO t VALUES(1, 'before'), (2, zeroblob(20000));");
	writer = db_open("live.db");
	db_exec(writer, "PRAGMA cache_size = 1; BEGIN; UPDATE t SET b = zeroblob(30000);");
	copy_file("live.db", "dead.db");
	copy_file("live.db-journal", "dead.db-journal");
	db_close(writer);
	assert_exists("dead.db-journal", true);
	writer = db_open("live.db");
	db_exec(writer, "DELETE FROM t WHERE a = 2");
	db_close(writer);
	{
		char *rows = db_rows("dead.db", "t");

		assert_int_equal(strncmp(rows, "1|'before'\n2|x:0000", 19), 0);
		free(rows);
	}
	assert_exists("dead.db-journal", false);
}

/* A log left by a program that died is read, and left as it is. */
static void a_log_is_left_where_it_was(void **state)
{
	struct stat before;
	struct stat after;
	sqlite3 *writer;

	(void)state;
	db_make("live.db", "PRAGMA journal_mode = WAL; CREATE TABLE t(a INTEGER PRIMARY KEY)");
	writer = db_open("live.db");
	db_exec(writer, "INSERT INTO t VALUES(1)");
	copy_file("live.db", "dead.db");
	copy_file("live.db-wal", "dead.db-wal");
	db_close(writer);
	assert_int_equal(stat("dead.db-wal", &before), 0);
	assert_rows("dead.db", "t", "1\n");
	assert_int_equal(stat("dead.db-wal", &after), 0);
	assert_int_equal(before.st_size, after.st_size);
}

/* What reading alone made beside a database, it takes away. */
static void no_log_is_left_where_none_was(void **state)
{
	(void)state;
	db_make("t.db", "PRAGMA journal_mode = WAL; CREATE TABLE t(a INTEGER PRIMARY KEY)");
	assert_rows("t.db", "t", "");
	assert_exists("t.db-wal", false);
	assert_exists("t.db-shm", false);
}

static void the_schema_of_a_database_does_nothing_through_us(void **state)
{
	(void)state;
	db_make("t.db", "CREATE TABLE t(a INTEGER PRIMARY KEY, b);"
	                "INSERT INTO t VALUES(1, 2);"
	                "CREATE VIEW v AS SELECT load_extension('x');"
	                "CREATE VIEW w AS SELECT * FROM nosuch, v;");
	assert_catalog("t.db", "t plain primary(0) [] a:INTEGER! b\n", "");
}

/*
 * Become nobody where tests run as root, whom permissions do not stop.  SQLite looks at
 * every directory on the way to a file: scripts/run-units makes one that lets others pass.
 */
static void become_nobody(void)
{
	char here[512];

	if (geteuid() != 0)
		return;
	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(seteuid(NOBODY), 0);
	if (faccessat(AT_FDCWD, here, X_OK, AT_EACCESS) == 0)
		return;
	assert_int_equal(seteuid(0), 0);
	print_message("another user cannot reach %s\n", here);
	skip();
}

static void become_oneself(void)
{
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
}

static void a_file_that_may_not_be_read_is_refused(void **state)
{
	(void)state;
	db_make("t.db", "CREATE TABLE t(a)");
	assert_int_equal(chmod("t.db", 0200), 0);
	become_nobody();
	assert_refused("sqlite:t.db", RB_E_UNREACHABLE,
	               "cannot read database 't.db': Permission denied",
	               "run rowback as a user who may read it");
	become_oneself();
}

static void a_file_that_may_only_be_read_is_read(void **state)
{
	(void)state;
	db_make("t.db", "CREATE TABLE t(a INTEGER PRIMARY KEY); INSERT INTO t VALUES(1)");
	assert_int_equal(chmod("t.db", 0444), 0);
	become_nobody();
	assert_rows("t.db", "t", "1\n");
	become_oneself();
}

static void a_wal_database_in_a_directory_without_write_permission_is_refused(void **state)
{
	mode_t old = umask(0022);

	(void)state;
	assert_int_equal(mkdir("ro", 0755), 0);
	db_make("ro/t.db", "PRAGMA journal_mode = WAL; CREATE TABLE t(a)");
	umask(old);
	assert_int_equal(chmod("ro", 0555), 0);
	become_nobody();
	assert_refused("sqlite:ro/t.db", RB_E_UNREACHABLE,
	               "database 'ro/t.db': attempt to write a readonly database",
	               "a database in WAL mode, or one that was not closed cleanly, needs write "
	               "permission for its file and directory: grant it, or copy the database "
	               "together with its -wal or -journal file");
	become_oneself();
	assert_int_equal(chmod("ro", 0755), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(urls_name_a_path_as_it_is),
	        cmocka_unit_test(absolute_urls_may_have_three_slashes),
	        cmocka_unit_test(urls_without_a_path_are_refused),
	        cmocka_unit_test(a_missing_file_is_not_made),
	        cmocka_unit_test(a_directory_is_refused),
	        cmocka_unit_test(a_file_of_another_format_is_refused),
	        cmocka_unit_test(an_empty_file_is_an_empty_database),
	        cmocka_unit_test(a_malformed_schema_is_read_as_far_as_it_goes),
	        cmocka_unit_test(a_schema_that_cannot_be_read_is_refused),
	        cmocka_unit_test(a_locked_database_is_refused),
	        cmocka_unit_test(a_signal_ends_the_wait_for_a_lock),
	        cmocka_unit_test(a_lock_is_waited_for),
	        cmocka_unit_test(reading_keeps_no_writer_of_a_wal_database_waiting),
	        cmocka_unit_test(a_hot_journal_is_rolled_back),
	        cmocka_unit_test(a_log_is_left_where_it_was),
	        cmocka_unit_test(no_log_is_left_where_none_was),
	        cmocka_unit_test(the_schema_of_a_database_does_nothing_through_us),
	        cmocka_unit_test(a_file_that_may_not_be_read_is_refused),
	        cmocka_unit_test(a_file_that_may_only_be_read_is_read),
	        cmocka_unit_test(a_wal_database_in_a_directory_without_write_permission_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
