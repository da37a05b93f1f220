/*
 * rowback/ops/event.h: an event is a commit on the branch that is no backup, and what looks for
 * backups passes over it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/fault.h"
#include "harness/sh.h"
#include "rowback/base/fs.h"
#include "rowback/ops/backup.h"
#include "rowback/ops/event.h"
#include "rowback/ops/history.h"
#include "rowback/ops/init.h"
#include "rowback/ops/show.h"

/* 2026-11-20 15:58:00 UTC */
#define NOW "1795190280"

struct fixture {
	char dir[32];
	struct rb_store store;
};

static void open_store(struct fixture *fx)
{
	const struct rb_store_opts opts = {.dir = fx->dir, .command = "test"};

	assert_int_equal(rb_store_open(&opts, &fx->store, NULL), RB_OK);
}

static int set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));
	struct rb_init_report report = {0};
	struct rb_init_opts init = {0};
	int rc;

	if (!fx)
		return -1;
	*state = fx;
	sh_isolate_git();
	setenv("ROWBACK_NOW", NOW, 1);
	setenv("SUDO_USER", "deploy", 1);
	snprintf(fx->dir, sizeof(fx->dir), "rb-test-event.XXXXXX");
	if (!mkdtemp(fx->dir))
		return -1;
	sh("rm -f app.db && sqlite3 app.db 'CREATE TABLE t(id INTEGER PRIMARY KEY, v); "
	   "INSERT INTO t VALUES(1, 10)'");
	init.dir = fx->dir;
	rc = rb_init_run(&init, &report, NULL);
	rb_init_report_release(&report);
	if (rc < 0)
		return rc;
	sh("git -C %s config source.app.url \"sqlite:$PWD/app.db\"", fx->dir);
	open_store(fx);
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fx = *state;
	int rc;

	fault_disarm();
	rb_store_close(&fx->store);
	rc = rb_fs_remove_tree(fx->dir, NULL);
	free(fx);
	return rc;
}

static void back_up(struct fixture *fx, struct rb_backup_report *report)
{
	const struct rb_backup_opts opts = {.kind = "full", .trigger = "manual"};

	assert_int_equal(rb_backup_run(&fx->store, &opts, report, NULL), RB_OK);
}

/* Take a backup that must be made, or must not be. */
static void assert_backup(struct fixture *fx, const char *id, bool committed)
{
	struct rb_backup_report report = {0};
	char hex[RB_OID_HEX_SIZE];

	back_up(fx, &report);
	assert_string_equal(report.id, id);
	assert_int_equal(report.committed, committed);
	rb_oid_hex(&report.commit, hex);
	sh_assert(hex, sh_out("git -C %s log --format=%%H --grep='Backup-Id: %s'", fx->dir, id));
	rb_backup_report_release(&report);
}

static void record(struct fixture *fx, const char *name)
{
	struct rb_event event = {0};
	struct rb_oid commit;
	char hex[RB_OID_HEX_SIZE];

	event.name = strdup(name);
	assert_int_equal(rb_event_record(&fx->store, &event, &commit, NULL), RB_OK);
	rb_oid_hex(&commit, hex);
	sh_assert(hex, sh_out("git -C %s rev-parse main", fx->dir));
	rb_event_release(&event);
}

static void an_event_has_the_tree_of_the_commit_before(void **state)
{
	struct fixture *fx = *state;
	char *tree;

	assert_backup(fx, "20261120T155800Z", true);
	record(fx, "prune");
	tree = sh_out("git -C %s rev-parse main~1^{tree}", fx->dir);
	sh_assert(tree, sh_out("git -C %s rev-parse main^{tree}", fx->dir));
	free(tree);
	sh_assert("prune", sh_out("git -C %s log -1 --format=%%s", fx->dir));
	sh_assert("Event: prune\nEvent-Id: 20261120T155801Z",
	          sh_out("git -C %s log -1 --format='%%(trailers)' | head -n 2", fx->dir));
	sh_assert("Event-By: deploy",
	          sh_out("git -C %s log -1 --format='%%(trailers)' | grep ^Event-By | "
	                 "cut -d @ -f 1",
	                 fx->dir));
	sh_assert("rowback: prune", sh_out("git -C %s reflog -1 --format=%%gs main", fx->dir));
	sh_assert("", sh_out("git -C %s status --porcelain", fx->dir));
	sh("git -C %s fsck --strict --no-dangling", fx->dir);
}

static void ids_on_the_branch_grow(void **state)
{
	struct fixture *fx = *state;

	assert_backup(fx, "20261120T155800Z", true);
	record(fx, "prune");
	record(fx, "delete");
	sh_assert("Event-Id: 20261120T155802Z",
	          sh_out("git -C %s log -1 --format=%%B | grep ^Event-Id", fx->dir));
	sh("sqlite3 app.db 'INSERT INTO t VALUES(2, 20)'");
	assert_backup(fx, "20261120T155803Z", true);
}

static void a_backup_after_events_finds_the_one_that_holds_the_state(void **state)
{
	struct fixture *fx = *state;

	assert_backup(fx, "20261120T155800Z", true);
	record(fx, "restore");
	record(fx, "prune");
	assert_backup(fx, "20261120T155800Z", false);
	sh_assert("refs/heads/main", sh_out("git -C %s for-each-ref --format='%%(refname)' "
	                                    "--points-at refs/rowback/check/main~1",
	                                    fx->dir));
}

static void the_catalog_passes_over_events(void **state)
{
	struct fixture *fx = *state;
	struct rb_backup_entry entry = {0};
	struct rb_show_report report = {0};

	assert_backup(fx, "20261120T155800Z", true);
	record(fx, "restore");
	sh("sqlite3 app.db 'INSERT INTO t VALUES(2, 20)'");
	assert_backup(fx, "20261120T155802Z", true);
	record(fx, "restore");
	assert_int_equal(rb_history_find(&fx->store, "latest~1", 0, &entry, NULL), RB_OK);
	assert_string_equal(entry.message.id, "20261120T155800Z");
	rb_backup_entry_release(&entry);
	assert_int_equal(rb_show_run(&fx->store, NULL, 0, &report, NULL), RB_OK);
	assert_string_equal(report.entry.message.id, "20261120T155802Z");
	assert_string_equal(report.before_id, "20261120T155800Z");
	assert_int_equal(report.changes.total.inserted, 1);
	rb_show_report_release(&report);
}

static void a_state_that_no_backup_holds_has_no_holder(void **state)
{
	struct fixture *fx = *state;
	struct rb_oid backup;
	struct rb_oid tip;
	char id[17] = "x";

	assert_int_equal(rb_store_tip(&fx->store, &tip, NULL), RB_OK);
	assert_int_equal(rb_history_holder(&fx->store, &tip, &backup, id, NULL), RB_OK);
	assert_string_equal(id, "");
	assert_backup(fx, "20261120T155800Z", true);
	sh("cd %s && echo mine >mine && git add mine && git commit -q -m mine", fx->dir);
	record(fx, "prune");
	assert_int_equal(rb_store_tip(&fx->store, &tip, NULL), RB_OK);
	assert_int_equal(rb_history_holder(&fx->store, &tip, &backup, id, NULL), RB_OK);
	assert_string_equal(id, "");
	assert_true(rb_oid_is_none(&backup));
}

static void before_the_first_backup_there_is_nothing_to_record_after(void **state)
{
	struct fixture *fx = *state;
	struct rb_event event = {0};
	struct rb_oid commit;
	struct rb_err err = {0};

	event.name = strdup("prune");
	assert_int_equal(rb_event_record(&fx->store, &event, &commit, &err), RB_E_NOSTORE);
	assert_string_equal(err.msg, "there is no backup yet that a prune could be recorded after");
	rb_event_release(&event);
}

static void a_full_disk_leaves_the_branch_as_it_was(void **state)
{
	struct fixture *fx = *state;
	struct rb_event event = {0};
	struct rb_oid commit;
	unsigned int nth = 1;
	char *tip;

	assert_backup(fx, "20261120T155800Z", true);
	tip = sh_out("git -C %s rev-parse main", fx->dir);
	event.name = strdup("prune");
	for (;; nth++) {
		int rc;

		fault_arm(FAULT_WRITE, nth, ENOSPC);
		rc = rb_event_record(&fx->store, &event, &commit, NULL);
		if (fault_disarm() == 0) {
			assert_int_equal(rc, RB_OK);
			break;
		}
		assert_true(rc < 0);
		sh_assert(tip, sh_out("git -C %s rev-parse main", fx->dir));
	}
	assert_true(nth > 1);
	sh("git -C %s fsck --strict --no-dangling", fx->dir);
	rb_event_release(&event);
	free(tip);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(an_event_has_the_tree_of_the_commit_before),
	        TEST(ids_on_the_branch_grow),
	        TEST(a_backup_after_events_finds_the_one_that_holds_the_state),
	        TEST(the_catalog_passes_over_events),
	        TEST(a_state_that_no_backup_holds_has_no_holder),
	        TEST(before_the_first_backup_there_is_nothing_to_record_after),
	        TEST(a_full_disk_leaves_the_branch_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
