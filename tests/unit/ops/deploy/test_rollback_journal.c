/*
 * src/ops/deploy/rollback_priv.h, the record of a rollback that was broken off: what is written is
 * read again, and nothing else is taken for it.
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
#include "deploy/rollback_priv.h"

#define FILE_NAME "rollback.json"
#define ONE "1111111111111111111111111111111111111111"
#define TWO "2222222222222222222222222222222222222222222222222222222222222222"

static const char whole[] = "{\n"
                            "  \"version\": 1,\n"
                            "  \"begun\": \"2026-11-20T16:01:00Z\",\n"
                            "  \"step\": \"push\",\n"
                            "  \"undo\": false,\n"
                            "  \"backup\": \"20261120T155800Z\",\n"
                            "  \"safety\": \"20261120T160058Z\",\n"
                            "  \"keep\": \"20261120T160058Z\",\n"
                            "  \"code\": \"reset\",\n"
                            "  \"branch\": \"master\",\n"
                            "  \"remote\": null,\n"
                            "  \"code_before\": \"" ONE "\",\n"
                            "  \"code_after\": \"" TWO "\",\n"
                            "  \"code_back\": \"\",\n"
                            "  \"sources\": [\n"
                            "    \"app\",\n"
                            "    \"crm\"\n"
                            "  ]\n"
                            "}\n";

static void put(const char *text)
{
	FILE *file = fopen(FILE_NAME, "w");

	assert_non_null(file);
	assert_int_equal(fputs(text, file) < 0, 0);
	assert_int_equal(fclose(file), 0);
}

static int read_it(struct rb_rollback_journal *journal, struct rb_err *err)
{
	return rb_rollback_journal_read(FILE_NAME, journal, err);
}

static void what_is_written_is_read(void **state)
{
	char path[] = FILE_NAME;
	struct rb_rollback rollback = {.journal_path = path};
	struct rb_rollback_journal *journal = &rollback.journal;
	struct rb_err err = {0};

	(void)state;
	put(whole);
	assert_int_equal(read_it(journal, &err), RB_OK);
	assert_int_equal(journal->begun_unix_s, 1795190460);
	assert_int_equal(journal->step, RB_STEP_PUSH);
	assert_int_equal(journal->code, RB_CODE_RESET);
	assert_string_equal(journal->backup, "20261120T155800Z");
	assert_string_equal(journal->safety, "20261120T160058Z");
	assert_string_equal(journal->before, ONE);
	assert_string_equal(journal->after, TWO);
	assert_string_equal(journal->back, "");
	assert_string_equal(journal->branch, "master");
	assert_null(journal->remote);
	assert_int_equal(journal->source_count, 2);
	assert_string_equal(journal->sources[1], "crm");

	assert_int_equal(remove(FILE_NAME), 0);
	assert_int_equal(rb_rollback_journal_write(&rollback, RB_STEP_PUSH, &err), RB_OK);
	sh_assert("600", sh_out("stat -c %%a " FILE_NAME));
	sh("cat >wanted <<'END'\n%sEND\ncmp wanted " FILE_NAME, whole);
	assert_int_equal(rb_rollback_journal_remove(&rollback, &err), RB_OK);
	assert_int_equal(rb_rollback_journal_remove(&rollback, &err), RB_OK);
	rb_rollback_journal_release(journal);
	assert_int_equal(read_it(journal, &err), RB_E_NOTFOUND);
}

/* Each change makes it something that nobody wrote. */
static void nothing_else_is_taken_for_it(void **state)
{
	static const char *const changes[] = {
	        "s/\"version\": 1/\"version\": 2/",
	        "s/\"begun\": \"2026-/\"begun\": \"20260-/",
	        "s/\"push\"/\"pull\"/",
	        "s/\"reset\"/\"rewind\"/",
	        "s/20261120T155800Z/latest/",
	        "s/\"safety\": \"2026/\"safety\": \"..\\/26/",
	        "s/\"code_before\": \"1/\"code_before\": \"-/",
	        "s/\"code_before\": \"1*\"/\"code_before\": \"\"/",
	        "s/\"code_after\": \"2/\"code_after\": \"/",
	        "s/\"master\"/null/",
	        "s/\"master\"/7/",
	        "s/\"crm\"/7/",
	        "s/\"sources\"/\"source\"/",
	        "s/\"branch\"/\"branches\"/",
	        "$d",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct rb_rollback_journal journal;
		struct rb_err err = {0};

		put(whole);
		sh("sed -i '%s' " FILE_NAME, changes[i]);
		if (read_it(&journal, &err) != RB_E_FORMAT)
			fail_msg("taken: %s", changes[i]);
		assert_string_equal(
		        err.msg,
		        i == 0 ? "the record of a rollback that was broken off, 'rollback.json', "
		                 "was "
		                 "written by another version of rowback"
		               : "the record of a rollback that was broken off, 'rollback.json', "
		                 "cannot be read");
		assert_null(journal.sources);
		assert_null(journal.branch);
	}
}

static void no_memory_is_no_damage(void **state)
{
	unsigned int failed = 1;

	(void)state;
	put(whole);
	for (unsigned int nth = 1; failed > 0; nth++) {
		struct rb_rollback_journal journal;
		struct rb_err err = {0};
		int rc;

		fault_arm(FAULT_MALLOC, nth, ENOMEM);
		rc = read_it(&journal, &err);
		failed = fault_disarm();
		if (failed == 0)
			assert_int_equal(rc, RB_OK);
		else
			assert_int_not_equal(rc, RB_E_NOTFOUND);
		rb_rollback_journal_release(&journal);
	}
}

/* The step is not begun when that cannot be written down. */
static void a_full_disk_leaves_the_record_before(void **state)
{
	static const enum fault_call calls[] = {FAULT_WRITE, FAULT_FSYNC, FAULT_RENAME};
	char path[] = FILE_NAME;
	struct rb_rollback rollback = {.journal_path = path};
	struct rb_err err = {0};

	(void)state;
	put(whole);
	sh("cp " FILE_NAME " wanted");
	assert_int_equal(read_it(&rollback.journal, &err), RB_OK);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		fault_arm(calls[i], 1, ENOSPC);
		assert_int_equal(rb_rollback_journal_write(&rollback, RB_STEP_COMMAND, &err),
		                 RB_E_IO);
		assert_int_equal(fault_disarm(), 1);
		sh("cmp wanted " FILE_NAME);
	}
	rb_rollback_journal_release(&rollback.journal);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_is_written_is_read),
	        cmocka_unit_test(nothing_else_is_taken_for_it),
	        cmocka_unit_test(no_memory_is_no_damage),
	        cmocka_unit_test(a_full_disk_leaves_the_record_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
