/*
 * rowback/ops/record.h: what is recorded of a run and of the configuration, and what is not kept.
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
#include <unistd.h>

#include "harness/fault.h"
#include "harness/sh.h"
#include "rowback/base/fs.h"
#include "rowback/ops/init.h"
#include "rowback/ops/record.h"

/* 2026-11-20 15:58:00 UTC */
#define NOW "1795190280"

struct fixture {
	char dir[32];
	char log[80];
	struct rb_store store;
};

static void open_store(struct fixture *fx)
{
	const struct rb_store_opts opts = {.dir = fx->dir, .command = "test"};

	rb_store_close(&fx->store);
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
	snprintf(fx->dir, sizeof(fx->dir), "rb-test-record.XXXXXX");
	if (!mkdtemp(fx->dir))
		return -1;
	snprintf(fx->log, sizeof(fx->log), "%s/.git/rowback/activity.jsonl", fx->dir);
	init.dir = fx->dir;
	rc = rb_init_run(&init, &report, NULL);
	rb_init_report_release(&report);
	if (rc == RB_OK)
		open_store(fx);
	return rc;
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

/* Set a key, and let it be noticed. */
static void assert_noticed(struct fixture *fx, const char *command, const char *detail)
{
	sh("git -C %s config %s", fx->dir, command);
	assert_int_equal(rb_record_config(&fx->store, NULL, NULL), RB_OK);
	sh_assert(detail, sh_out("tail -n 1 %s | jq -r .detail", fx->log));
	open_store(fx);
}

static void secrets_in_a_run_are_hidden(void **state)
{
	static const char *const arguments[] = {"--source",   "app=postgres://me:geheim@host/db",
	                                        "--password", "geheim",
	                                        "--label",    "x",
	                                        NULL};
	const struct rb_activity entry = {.action = "init",
	                                  .arguments = arguments,
	                                  .result = "failed",
	                                  .detail = "cannot reach 'postgres://me:geheim@host'"};
	struct fixture *fx = *state;

	assert_int_equal(rb_record_run(fx->dir, &entry, NULL), RB_OK);
	sh_assert("[\"--source\",\"app=postgres://me:***@host/db\",\"--password\",\"***\","
	          "\"--label\",\"x\"]",
	          sh_out("jq -c .arguments %s", fx->log));
	sh_assert("cannot reach 'postgres://me:***@host'", sh_out("jq -r .detail %s", fx->log));
}

static void what_is_no_store_gets_no_log(void **state)
{
	const struct rb_activity entry = {.action = "init", .result = "ok"};

	(void)state;
	sh("rm -rf plain && git init -q plain");
	assert_int_equal(rb_record_run("plain", &entry, NULL), RB_E_NOSTORE);
	assert_false(rb_fs_exists("plain/.git/rowback"));
	assert_int_equal(rb_record_run("/", &entry, NULL), RB_E_NOSTORE);
}

static void what_is_seen_first_is_only_remembered(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(rb_record_config(&fx->store, NULL, NULL), RB_OK);
	assert_false(rb_fs_exists(fx->log));
	assert_string_equal(rb_state_get(fx->store.state, "config", "rowback.branch") + 41, "main");
}

static void changes_are_told_key_by_key(void **state)
{
	struct fixture *fx = *state;

	assert_noticed(fx, "gate.maxAge 1h", "gate.maxage: not set -> 1h");
	assert_noticed(fx, "gate.maxAge 2h", "gate.maxage: 1h -> 2h");
	assert_noticed(fx, "--unset gate.maxAge", "gate.maxage: 2h -> not set");
	assert_noticed(fx, "source.app.url postgres://me:one@host/db",
	               "source.app.url: not set -> postgres://me:***@host/db");
	assert_noticed(fx, "source.app.url postgres://me:two@host/db",
	               "source.app.url: postgres://me:***@host/db (what is hidden changed)");
	assert_noticed(fx, "--add source.app.exclude a", "source.app.exclude: not set -> a");
	assert_noticed(fx, "--add source.app.exclude b", "source.app.exclude: a -> a, b");
	/* What is not ours is not looked at. */
	assert_noticed(fx, "user.name me", "source.app.exclude: a -> a, b");
	assert_noticed(fx, "remote.origin.pushurl x", "remote.origin.pushurl: not set -> x");
	assert_noticed(fx, "remote.origin.mirror true", "remote.origin.pushurl: not set -> x");
}

static void bytes_of_any_kind_can_be_told(void **state)
{
	struct fixture *fx = *state;

	assert_noticed(fx, "rollback.run \"$(printf 'a\\tb\\377c')\"",
	               "rollback.run: not set -> a?b?c");
	sh("git -C %s config rollback.run \"$(head -c 3000 /dev/zero | tr '\\0' x)\"", fx->dir);
	assert_int_equal(rb_record_config(&fx->store, NULL, NULL), RB_OK);
	sh_assert("true", sh_out("tail -n 1 %s | jq '.detail | endswith(\"xxx...\") and "
	                         "(length < 600)'",
	                         fx->log));
}

static void what_could_not_be_recorded_is_seen_again(void **state)
{
	struct fixture *fx = *state;
	unsigned int nth = 1;

	sh("git -C %s config gate.maxAge 1h", fx->dir);
	for (;; nth++) {
		int rc;

		fault_arm(FAULT_WRITE, nth, ENOSPC);
		rc = rb_record_config(&fx->store, NULL, NULL);
		if (fault_disarm() == 0) {
			assert_int_equal(rc, RB_OK);
			break;
		}
		assert_int_equal(rc, RB_E_IO);
		open_store(fx);
	}
	assert_true(nth > 1);
	sh_assert("gate.maxage: not set -> 1h", sh_out("tail -n 1 %s | jq -r .detail", fx->log));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(secrets_in_a_run_are_hidden),
	        TEST(what_is_no_store_gets_no_log),
	        TEST(what_is_seen_first_is_only_remembered),
	        TEST(changes_are_told_key_by_key),
	        TEST(bytes_of_any_kind_can_be_told),
	        TEST(what_could_not_be_recorded_is_seen_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
