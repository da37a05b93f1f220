/*
 * See sqlite_target.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/fault.h"
#include "harness/sqlite_copy.h"
#include "harness/sqlite_db.h"
#include "harness/sqlite_target.h"
#include "rowback/base/fs.h"

/* Content that a restore replaces; something of every kind. */
static const char old_content[] =
        "PRAGMA user_version = 5;"
        "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT);"
        "INSERT INTO t(a) VALUES('old'), ('older');"
        "CREATE INDEX ti ON t(a); CREATE VIEW tv AS SELECT a FROM t;"
        "CREATE TRIGGER tt AFTER DELETE ON t BEGIN SELECT raise(ABORT, 'fired'); END;"
        "CREATE TABLE gone(x); INSERT INTO gone VALUES(1);"
        "CREATE VIRTUAL TABLE f USING fts5(a); INSERT INTO f VALUES('old words');"
        "PRAGMA writable_schema = ON;"
        "INSERT INTO sqlite_schema(type, name, tbl_name, rootpage, sql)"
        " VALUES('table', 's', 's', 0, 'CREATE VIRTUAL TABLE s USING no_such_module');";

static const char new_content[] =
        "PRAGMA user_version = 6;"
        "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT, b);"
        "INSERT INTO t(id, a) VALUES(4, 'new'), (8, 'newer');"
        "CREATE INDEX ti ON t(b); CREATE VIEW tv AS SELECT b FROM t;"
        "CREATE TRIGGER tt AFTER INSERT ON t BEGIN SELECT raise(ABORT, 'fired'); END;"
        "CREATE VIRTUAL TABLE f USING fts5(a, b); INSERT INTO f VALUES('new', 'words');";

int target_set_up(void **state)
{
	char *dir = strdup("target.XXXXXX");

	*state = dir;
	if (!dir || !mkdtemp(dir) || chdir(dir) < 0)
		return -1;
	db_make("from.db", new_content);
	db_make("to.db", old_content);
	return 0;
}

int target_tear_down(void **state)
{
	struct rb_err err = {0};
	int rc;

	fault_disarm();
	rc = chdir("..");
	if (rc == 0)
		rc = rb_fs_remove_tree(*state, &err);
	free(*state);
	return rc;
}

void assert_files(const char *want)
{
	char *have = list_directory(".");

	assert_string_equal(have, want);
	free(have);
}

int begin_target(struct rb_target *target, const char *fingerprint, struct rb_err *err)
{
	return rb_adapter_sqlite.target_begin(target, fingerprint, err);
}

void must(int rc, const struct rb_err *err)
{
	if (rc < 0)
		fail_msg("%s", err->msg);
}

struct rb_catalog *begin_table(struct rb_target *target, const char *name)
{
	struct rb_catalog *catalog = source_catalog(rb_adapter_sqlite.target_source(target));
	struct rb_err err = {0};

	must(rb_adapter_sqlite.target_table_begin(target, rb_catalog_table(catalog, name), &err),
	     &err);
	return catalog;
}

void end_table(struct rb_target *target, struct rb_catalog *catalog)
{
	struct rb_err err = {0};

	must(rb_adapter_sqlite.target_table_end(target, &err), &err);
	rb_catalog_free(catalog);
}

void make_rest(struct rb_target *target)
{
	struct rb_catalog *catalog = source_catalog(rb_adapter_sqlite.target_source(target));
	struct rb_catalog *remarks = new_remarks();
	struct rb_err err = {0};

	must(rb_adapter_sqlite.target_schema(target, RB_SCHEMA_AFTER, catalog, NULL, remarks, &err),
	     &err);
	assert_int_equal(remarks->remark_count, 0);
	rb_catalog_free(remarks);
	rb_catalog_free(catalog);
}

void commit_target(struct rb_target *target)
{
	struct rb_err err = {0};

	must(rb_adapter_sqlite.target_commit(target, &err), &err);
	rb_adapter_sqlite.target_close(target);
}

struct rb_value an_int(int64_t i)
{
	struct rb_value value = {.kind = RB_VALUE_INT, .u.i = i};

	return value;
}

struct rb_value a_real(double r)
{
	struct rb_value value = {.kind = RB_VALUE_REAL, .u.r = r};

	return value;
}

struct rb_value a_text(const char *text)
{
	struct rb_value value = {.kind = RB_VALUE_TEXT,
	                         .u.bytes = {.data = text, .len = strlen(text)}};

	return value;
}

struct rb_value a_null(void)
{
	struct rb_value value = {.kind = RB_VALUE_NULL};

	return value;
}

int try_target(const char *path, bool create, bool dry_run, struct rb_target **out,
               struct rb_err *err)
{
	struct rb_target_opts opts = {.create = create, .dry_run = dry_run};
	char url[64];

	snprintf(url, sizeof(url), "sqlite:%s", path);
	opts.open.url = url;
	return rb_adapter_sqlite.target_open(&opts, out, err);
}
