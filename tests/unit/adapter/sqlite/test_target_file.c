/*
 * SQLite as a target: the file of a database, new or there already, and faults on the way.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/fault.h"
#include "harness/sqlite_copy.h"
#include "harness/sqlite_db.h"
#include "harness/sqlite_target.h"

static void closing_removes_a_new_database(void **state)
{
	struct rb_source *source = source_open("from.db");
	struct rb_catalog *catalog = source_catalog(source);
	struct rb_target *target = target_open("new.db", true);
	struct rb_err err = {0};
	char *files;

	(void)state;
	assert_true(rb_adapter_sqlite.target_is_empty(target));
	must(begin_target(target, NULL, &err), &err);
	must(fill_target(target, source, catalog, NULL, &err), &err);
	assert_int_equal(access("new.db", F_OK), -1);
	files = list_directory(".");
	assert_int_equal(strncmp(files, "from.db new.db.rowback-", 23), 0);
	free(files);
	rb_adapter_sqlite.target_close(target);
	rb_catalog_free(catalog);
	rb_adapter_sqlite.source_close(source);
	assert_files("from.db to.db");
}

static void new_databases_are_private(void **state)
{
	struct rb_err err = {0};
	struct stat st;

	(void)state;
	must(copy_database("from.db", "new.db", NULL, &err), &err);
	assert_int_equal(stat("new.db", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_file_that_appears_meanwhile_is_kept(void **state)
{
	struct rb_source *source = source_open("from.db");
	struct rb_catalog *catalog = source_catalog(source);
	struct rb_target *target = target_open("new.db", true);
	struct rb_err err = {0};

	(void)state;
	must(begin_target(target, NULL, &err), &err);
	must(fill_target(target, source, catalog, NULL, &err), &err);
	assert_int_equal(symlink("elsewhere", "new.db"), 0);
	assert_int_equal(rb_adapter_sqlite.target_commit(target, &err), RB_E_CONFLICT);
	assert_non_null(strstr(err.msg, "/new.db' was made by another program meanwhile"));
	assert_string_equal(err.hint, "nothing was written to it: run the restore again");
	rb_adapter_sqlite.target_close(target);
	rb_catalog_free(catalog);
	rb_adapter_sqlite.source_close(source);
	assert_files("from.db new.db to.db");
}

static void journals_without_a_database_are_refused(void **state)
{
	static const char *const names[] = {"new.db-wal", "new.db-journal"};
	struct rb_target *target = NULL;
	struct rb_err err = {0};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		db_make(names[i], "CREATE TABLE any(thing)");
		assert_int_equal(try_target("new.db", true, false, &target, &err), RB_E_CONFLICT);
		assert_non_null(strstr(err.msg, "is there without its database"));
		assert_null(target);
		assert_int_equal(unlink(names[i]), 0);
	}
	assert_files("from.db to.db");
}

static void places_that_are_no_file_are_refused(void **state)
{
	static const char *const places[] = {"dir", "dir/", "none/x.db", "link", "dir/..", "fifo"};
	struct rb_target *target = NULL;
	struct rb_err err = {0};

	(void)state;
	assert_int_equal(mkdir("dir", 0700), 0);
	assert_int_equal(symlink("nowhere.db", "link"), 0);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		assert_int_equal(try_target(places[i], true, false, &target, &err),
		                 RB_E_UNREACHABLE);
		assert_null(target);
	}
	assert_int_equal(try_target("none.db", false, false, &target, &err), RB_E_UNREACHABLE);
	assert_files("dir fifo from.db link to.db");
}

static void a_link_is_followed_and_stays(void **state)
{
	struct rb_err err = {0};
	struct stat st;

	(void)state;
	assert_int_equal(symlink("to.db", "link.db"), 0);
	must(copy_database("from.db", "link.db", NULL, &err), &err);
	assert_int_equal(lstat("link.db", &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_same_database("to.db", "from.db");
}

static void what_killed_runs_left_is_removed(void **state)
{
	struct rb_target *target = NULL;
	struct rb_err err = {0};

	(void)state;
	db_make("new.db.rowback-aB3xYz", "CREATE TABLE half(written)");
	db_make("new.db.rowback-other-file", "CREATE TABLE mine(x)");
	must(try_target("new.db", true, false, &target, &err), &err);
	rb_adapter_sqlite.target_close(target);
	assert_files("from.db new.db.rowback-other-file to.db");
}

/* Two restores to one place at a time: what the other is writing is left alone. */
static void what_another_run_is_writing_is_kept(void **state)
{
	struct rb_source *source = source_open("from.db");
	struct rb_catalog *catalog = source_catalog(source);
	struct rb_target *target = target_open("new.db", true);
	struct rb_err err = {0};
	int status;
	pid_t child;

	(void)state;
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct rb_target *other = NULL;
		int rc = try_target("new.db", true, false, &other, &err);

		rb_adapter_sqlite.target_close(other);
		_exit(rc == RB_OK ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	must(begin_target(target, NULL, &err), &err);
	must(fill_target(target, source, catalog, NULL, &err), &err);
	commit_target(target);
	rb_catalog_free(catalog);
	rb_adapter_sqlite.source_close(source);
	assert_same_database("new.db", "from.db");
	assert_files("from.db new.db to.db");
}

static void a_blank_file_is_written_in_place(void **state)
{
	struct rb_err err = {0};
	struct stat before;
	struct stat now;
	FILE *file = fopen("blank.db", "w");

	(void)state;
	assert_non_null(file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(stat("blank.db", &before), 0);
	db_make("from.db", "PRAGMA encoding = 'UTF-16be'; PRAGMA page_size = 1024;"
	                   "CREATE TABLE t(a); INSERT INTO t VALUES('x')");
	must(copy_database("from.db", "blank.db", NULL, &err), &err);
	assert_same_database("blank.db", "from.db");
	assert_int_equal(stat("blank.db", &now), 0);
	assert_int_equal(now.st_ino, before.st_ino);
}

/* Between looking at a blank file and choosing its page size it is not locked. */
static void a_blank_file_that_is_filled_meanwhile_is_kept(void **state)
{
	struct rb_catalog *catalog = new_remarks();
	struct rb_target *target;
	struct rb_err err = {0};
	FILE *file = fopen("blank.db", "w");
	sqlite3 *db;

	(void)state;
	assert_non_null(file);
	assert_int_equal(fclose(file), 0);
	target = target_open("blank.db", true);
	must(begin_target(target, NULL, &err), &err);
	db = db_open("blank.db");
	db_exec(db, "CREATE TABLE theirs(x)");
	db_close(db);
	assert_int_equal(rb_adapter_sqlite.target_schema(target, RB_SCHEMA_TABLES, catalog, NULL,
	                                                 catalog, &err),
	                 RB_E_CONFLICT);
	rb_adapter_sqlite.target_close(target);
	rb_catalog_free(catalog);
	assert_rows("blank.db", "theirs", "");
}

static void a_database_that_was_replaced_is_not_written(void **state)
{
	struct rb_target *target = target_open("to.db", true);
	struct rb_err err = {0};

	(void)state;
	assert_int_equal(rename("from.db", "to.db"), 0);
	assert_int_equal(begin_target(target, NULL, &err), RB_E_CONFLICT);
	rb_adapter_sqlite.target_close(target);
}

static void a_dry_run_writes_nothing(void **state)
{
	static const char *const places[] = {"to.db", "new.db"};
	struct rb_source *source = source_open("from.db");
	struct rb_catalog *catalog = source_catalog(source);
	struct rb_target *target = NULL;
	struct rb_err err = {0};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct rb_catalog *have;

		must(try_target(places[i], true, true, &target, &err), &err);
		assert_int_equal(rb_adapter_sqlite.target_is_empty(target), i == 1);
		have = source_catalog(rb_adapter_sqlite.target_source(target));
		assert_int_equal(have->table_count, i == 1 ? 0 : 5);
		rb_catalog_free(have);
		assert_int_equal(begin_target(target, NULL, &err), RB_E_USAGE);
		assert_non_null(strstr(err.msg, "is open for a dry run: nothing is written"));
		assert_int_equal(rb_adapter_sqlite.target_schema(target, RB_SCHEMA_TABLES, catalog,
		                                                 NULL, have, &err),
		                 RB_E_USAGE);
		assert_int_equal(
		        rb_adapter_sqlite.target_table_begin(target, &catalog->tables[0], &err),
		        RB_E_USAGE);
		assert_int_equal(rb_adapter_sqlite.target_insert(target, NULL, &err), RB_E_USAGE);
		assert_int_equal(rb_adapter_sqlite.target_delete(target, NULL, &err), RB_E_USAGE);
		assert_int_equal(rb_adapter_sqlite.target_table_end(target, &err), RB_E_USAGE);
		assert_int_equal(rb_adapter_sqlite.target_check(target, have, &err), RB_E_USAGE);
		assert_int_equal(rb_adapter_sqlite.target_commit(target, &err), RB_E_USAGE);
		rb_adapter_sqlite.target_close(target);
		assert_files("from.db to.db");
	}
	rb_catalog_free(catalog);
	rb_adapter_sqlite.source_close(source);
}

/* Whatever call fails at the end of a new database, nothing is left of it. */
static void faults_leave_nothing_of_a_new_database(void **state)
{
	static const struct {
		enum fault_call which;
		unsigned int nth;
		int errnum;
	} faults[] = {
	        {FAULT_FSYNC, 1, EIO}, /* the file */
	        {FAULT_FSYNC, 2, EIO}, /* the directory */
	        {FAULT_CLOSE, 1, EIO},
	        {FAULT_CLOSE, 3, EIO}, /* the second is the writer's, before the file is synced */
	};
	struct rb_err err = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		fault_arm(faults[i].which, faults[i].nth, faults[i].errnum);
		/* The first close is that of the file just made, in target_open(). */
		if (faults[i].which == FAULT_CLOSE && faults[i].nth == 1) {
			struct rb_target *target = NULL;

			assert_int_equal(try_target("new.db", true, false, &target, &err), RB_E_IO);
		} else {
			assert_int_equal(copy_database("from.db", "new.db", NULL, &err), RB_E_IO);
		}
		assert_int_equal(fault_disarm(), 1);
		assert_files("from.db to.db");
	}
}

static void without_memory_nothing_is_changed(void **state)
{
	struct rb_source *source = source_open("from.db");
	struct rb_catalog *catalog = source_catalog(source);
	char *before = dump_database("to.db");
	char *now;

	(void)state;
	for (unsigned int nth = 1;; nth++) {
		struct rb_target *target = target_open("to.db", false);
		struct rb_target *fresh = target_open("new.db", true);
		struct rb_catalog *remarks = new_remarks();
		struct rb_err err = {0};
		unsigned int reached;
		int rc;

		must(begin_target(fresh, NULL, &err), &err);
		fault_arm(FAULT_MALLOC, nth, ENOMEM);
		rc = begin_target(target, NULL, &err);
		if (rc == RB_OK)
			rc = fill_target(fresh, source, catalog, remarks, &err);
		if (rc == RB_OK)
			rc = rb_adapter_sqlite.target_commit(fresh, &err);
		reached = fault_disarm();
		rb_adapter_sqlite.target_close(fresh);
		rb_adapter_sqlite.target_close(target);
		rb_catalog_free(remarks);
		if (reached == 0) {
			must(rc, &err);
			break;
		}
		if (rc != RB_E_NOMEM)
			fail_msg("call %u: %d %s", nth, rc, err.msg);
		assert_files("from.db to.db");
	}
	assert_same_database("new.db", "from.db");
	now = dump_database("to.db");
	assert_string_equal(now, before);
	free(now);
	free(before);
	rb_catalog_free(catalog);
	rb_adapter_sqlite.source_close(source);
}

/* A full disk: files may not grow past a limit, while rows are written or at the commit. */
static void a_full_disk_changes_nothing(void **state)
{
	static const char *const places[] = {"to.db", "new.db"};
	static const char *const contents[] = {
	        "CREATE TABLE big(a); INSERT INTO big VALUES(zeroblob(20000000))",
	        "CREATE TABLE big(a); INSERT INTO big VALUES(zeroblob(2000000))"};
	char *before = dump_database("to.db");
	struct rlimit limit;
	struct rlimit small;
	struct rb_err err = {0};
	char *now;
	int rc;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	small = limit;
	small.rlim_cur = 1 << 20;
	signal(SIGXFSZ, SIG_IGN);
	for (size_t i = 0; i < 4; i++) {
		db_make("from.db", contents[i / 2]);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
		rc = copy_database("from.db", places[i % 2], NULL, &err);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
		assert_int_equal(rc, RB_E_IO);
		assert_files("from.db to.db");
	}
	now = dump_database("to.db");
	assert_string_equal(now, before);
	free(now);
	free(before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, target_set_up, target_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(closing_removes_a_new_database),
	        TEST(new_databases_are_private),
	        TEST(a_file_that_appears_meanwhile_is_kept),
	        TEST(journals_without_a_database_are_refused),
	        TEST(places_that_are_no_file_are_refused),
	        TEST(a_link_is_followed_and_stays),
	        TEST(what_killed_runs_left_is_removed),
	        TEST(what_another_run_is_writing_is_kept),
	        TEST(a_blank_file_is_written_in_place),
	        TEST(a_blank_file_that_is_filled_meanwhile_is_kept),
	        TEST(a_database_that_was_replaced_is_not_written),
	        TEST(a_dry_run_writes_nothing),
	        TEST(faults_leave_nothing_of_a_new_database),
	        TEST(without_memory_nothing_is_changed),
	        TEST(a_full_disk_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
