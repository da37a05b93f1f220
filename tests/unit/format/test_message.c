/*
 * rowback/format/message.h: what is written is read back, by rowback and by git, and no text
 * in a message passes for a trailer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/fault.h"
#include "harness/sh.h"
#include "rowback/base/fs.h"
#include "rowback/format/message.h"

#define MESSAGE_MAX ((size_t)1 << 20)
#define ID "20261120T155800Z"
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Literals where the struct has char *: nothing writes to them. */
static char *text(const char *literal)
{
	union {
		const char *from;
		char *to;
	} cast = {.from = literal};

	return cast.to;
}

static struct rb_message full_message(void)
{
	return (struct rb_message){.id = text(ID),
	                           .kind = text("full"),
	                           .trigger = text("manual"),
	                           .label = text("before-upgrade"),
	                           .note = text("tried the new importer,\n\nsee the ticket"),
	                           .sources = text("app crm"),
	                           .rows = 1200,
	                           .inserted = 3,
	                           .updated = 2,
	                           .deleted = 1,
	                           .code_commit = text("0123456789abcdef"),
	                           .code_branch = text("main"),
	                           .code_subject = text("fix the importer"),
	                           .code_deployed = text("fedcba9876543210"),
	                           .code_state = text("dirty"),
	                           .bytes_added = text("66300"),
	                           .tool_version = text("0.1.0"),
	                           .incomplete = text("app/logs")};
}

static char *write_message(const struct rb_message *message, const struct rb_table_change *changes,
                           size_t count, size_t tables)
{
	struct rb_buf out = RB_BUF(MESSAGE_MAX);

	assert_int_equal(rb_message_write(message, changes, count, tables, &out, NULL), RB_OK);
	return rb_buf_detach(&out);
}

static void assert_written(const struct rb_message *message, const struct rb_table_change *changes,
                           size_t count, size_t tables, const char *want)
{
	char *got = write_message(message, changes, count, tables);

	assert_string_equal(got, want);
	free(got);
}

static void a_message_has_a_subject_a_note_changes_and_trailers(void **state)
{
	struct rb_message message = full_message();
	const struct rb_table_change changes[] = {
	        {.source = text("app"), .table = text("orders"), .inserted = 3, .updated = 2},
	        {.source = text("app"), .table = text("sessions"), .deleted = 1},
	        {.source = text("crm"), .table = text("new"), .created = true},
	        {.source = text("crm"), .table = text("old"), .dropped = true},
	        {.source = text("crm"), .table = text("wider"), .schema_changed = true},
	};

	(void)state;
	assert_written(&message, changes, COUNT(changes), 12,
	               "backup: app crm +3 ~2 -1 rows in 5 of 12 tables, incomplete\n"
	               "\n"
	               "> tried the new importer,\n"
	               ">\n"
	               "> see the ticket\n"
	               "\n"
	               "  app/orders           +3         ~2\n"
	               "  app/sessions                               -1\n"
	               "  crm/new                                        new table\n"
	               "  crm/old                                        table dropped\n"
	               "  crm/wider                                      definition changed\n"
	               "\n"
	               "Backup-Id: 20261120T155800Z\n"
	               "Backup-Kind: full\n"
	               "Backup-Label: before-upgrade\n"
	               "Backup-Trigger: manual\n"
	               "Backup-Source: app crm\n"
	               "Backup-Rows: 1200\n"
	               "Backup-Changes: +3 ~2 -1\n"
	               "Backup-Incomplete: app/logs\n"
	               "Backup-Bytes: 66300\n"
	               "Code-Commit: 0123456789abcdef\n"
	               "Code-Branch: main\n"
	               "Code-Subject: fix the importer\n"
	               "Code-Deployed: fedcba9876543210\n"
	               "Code-State: dirty\n"
	               "Tool-Version: 0.1.0\n");
}

static void a_subject_says_what_changed(void **state)
{
	const struct {
		struct rb_message message;
		size_t changed;
		size_t tables;
		const char *subject;
	} cases[] = {
	        {{.sources = text("app")}, 0, 3, "backup: app no rows changed"},
	        {{.sources = text("app"), .inserted = 1},
	         1,
	         1,
	         "backup: app +1 rows in 1 of 1 table"},
	        {{.sources = text("app"), .updated = 7},
	         1,
	         2,
	         "backup: app ~7 rows in 1 of 2 tables"},
	        {{.sources = text("app")},
	         1,
	         2,
	         "backup: app definitions changed in 1 of 2 tables"},
	        {{.sources = text("app"), .kind = text("safety"), .deleted = UINT64_MAX},
	         1,
	         2,
	         "safety backup: app -18446744073709551615 rows in 1 of 2 tables"},
	        {{.inserted = 1}, 1, 2, "backup: +1 rows in 1 of 2 tables"},
	        {{.sources = text("app"), .code_commit = text("0123456789abcdef")},
	         0,
	         3,
	         "backup: app unchanged, code 0123456"},
	        {{.sources = text("app"),
	          .code_commit = text("0123456789abcdef"),
	          .code_subject = text("a\nb\x1b[2J")},
	         0,
	         3,
	         "backup: app unchanged, code 0123456 a?b?[2J"},
	        {{.sources = text("app"), .code_commit = text("0123456789"), .updated = 1},
	         1,
	         3,
	         "backup: app ~1 rows in 1 of 3 tables"},
	        {{.sources = text("app"), .code_commit = text("0123456789")},
	         1,
	         3,
	         "backup: app definitions changed in 1 of 3 tables"},
	        {{.kind = text("quick"),
	          .sources = text("app"),
	          .code_commit = text("0123456789"),
	          .code_subject = text("fix the importer")},
	         0,
	         3,
	         "quick backup: code 0123456 fix the importer"},
	        {{.kind = text("quick"), .code_commit = text("012")},
	         0,
	         3,
	         "quick backup: code 012"},
	        {{.sources = text("a\nb")}, 0, 0, "backup: a?b no rows changed"},
	        {{.subject = text("sync: 3 files\nx")}, 1, 2, "sync: 3 files?x"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct rb_table_change changes[] = {
		        {.source = text("app"), .table = text("t"), .inserted = 1}};
		char *got = write_message(&cases[i].message, changes, cases[i].changed,
		                          cases[i].tables);

		*strchr(got, '\n') = '\0';
		assert_string_equal(got, cases[i].subject);
		free(got);
	}
}

static void a_long_table_of_changes_is_cut_and_counted(void **state)
{
	struct rb_message message = {.id = text(ID)};
	struct rb_table_change changes[52];

	(void)state;
	for (size_t i = 0; i < COUNT(changes); i++)
		changes[i] = (struct rb_table_change){
		        .source = text("a"), .table = text("t"), .inserted = 1};
	for (size_t count = 50; count <= COUNT(changes); count++) {
		char *got = write_message(&message, changes, count, 60);
		const char *more = strstr(got, "  and ");

		if (count == 50)
			assert_null(more);
		else if (count == 51)
			assert_memory_equal(more, "  and 1 more table\n\n", 20);
		else
			assert_memory_equal(more, "  and 2 more tables\n\n", 21);
		free(got);
	}
}

static void names_stay_on_their_line_and_wide_ones_push_the_counts_aside(void **state)
{
	struct rb_message message = {.id = text(ID)};
	const struct rb_table_change changes[] = {
	        {.source = text("a"), .table = text("x\n\nBackup-Id: 1\x7f"), .inserted = 1},
	        {.source = text("a"), .table = text("\xc6\xc6 caf\xc3\xa9 \xe2\x82"), .deleted = 2},
	        {.source = text("a"),
	         .table = text("123456789012345678901234567890123456789012345678901234567890"),
	         .updated = 3},
	};
	char *got = write_message(&message, changes, COUNT(changes), 3);

	(void)state;
	assert_non_null(strstr(got, "\n  a/x??Backup-Id: 1?  "));
	assert_non_null(strstr(got, "\n  a/?? caf\xc3\xa9 ??  "));
	assert_non_null(strstr(got,
	                       "\n  a/1234567890123456789012345678901234567890123456789012345678"
	                       "90                    ~3\n"));
	free(got);
}

static void assert_same(const char *got, const char *want)
{
	if (!want) {
		assert_null(got);
		return;
	}
	assert_non_null(got);
	assert_string_equal(got, want);
}

static void assert_same_message(const struct rb_message *got, const struct rb_message *want)
{
	assert_same(got->id, want->id);
	assert_same(got->kind, want->kind);
	assert_same(got->trigger, want->trigger);
	assert_same(got->label, want->label);
	assert_same(got->note, want->note);
	assert_same(got->sources, want->sources);
	assert_same(got->code_commit, want->code_commit);
	assert_same(got->code_branch, want->code_branch);
	assert_same(got->code_subject, want->code_subject);
	assert_same(got->code_deployed, want->code_deployed);
	assert_same(got->code_state, want->code_state);
	assert_same(got->bytes_added, want->bytes_added);
	assert_same(got->tool_version, want->tool_version);
	assert_same(got->incomplete, want->incomplete);
	assert_true(got->rows == want->rows);
	assert_true(got->inserted == want->inserted);
	assert_true(got->updated == want->updated);
	assert_true(got->deleted == want->deleted);
}

static void what_is_written_is_read_back(void **state)
{
	struct rb_message messages[] = {
	        full_message(),
	        {.id = text(ID)},
	        {.id = text(ID), .rows = UINT64_MAX, .inserted = UINT64_MAX, .note = text("> x")},
	        {.id = text(ID), .note = text("\n\nx\t\n>\n> \n  y"), .label = text("caf\xc3\xa9")},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(messages); i++) {
		const struct rb_table_change changes[] = {
		        {.source = text("app"), .table = text("t"), .inserted = 1}};
		struct rb_message back;
		char *got = write_message(&messages[i], changes, 1, 1);

		assert_int_equal(rb_message_read(got, &back, NULL), RB_OK);
		assert_same_message(&back, &messages[i]);
		rb_message_release(&back);
		free(got);
	}
}

static void texts_are_mended_in_one_way(void **state)
{
	struct rb_message message = {.id = text(ID),
	                             .label = text(" \t a\nb\x1b[31m \xff \r\n"),
	                             .kind = text(" \n "),
	                             .note = text("one\r\ntwo\x1b\t\xc3\n\n\n")};
	struct rb_message back;
	char *got = write_message(&message, NULL, 0, 0);

	(void)state;
	assert_int_equal(rb_message_read(got, &back, NULL), RB_OK);
	assert_string_equal(back.label, "a?b?[31m ?");
	assert_null(back.kind);
	assert_string_equal(back.note, "one?\ntwo?\t?");
	rb_message_release(&back);
	free(got);
}

static void assert_read(const char *message, int want, const char *want_message)
{
	struct rb_message out;
	struct rb_err err = {0};

	assert_int_equal(rb_message_read(message, &out, &err), want);
	assert_string_equal(err.msg, want_message);
	if (want < 0)
		assert_memory_equal(&out, &(struct rb_message){0}, sizeof(out));
	rb_message_release(&out);
}

static void a_commit_without_a_backups_trailers_is_no_backup(void **state)
{
	static const char no_id[] = "the commit is no backup: it has no Backup-Id";
	static const struct {
		const char *message;
		const char *why;
	} cases[] = {
	        {"", no_id},
	        {"\n\n", no_id},
	        {"fix a typo\n", no_id},
	        /* The first paragraph is the subject, whatever it says. */
	        {"Backup-Id: " ID "\n", no_id},
	        {"\n\nBackup-Id: " ID "\n", no_id},
	        /* Not the last paragraph. */
	        {"x\n\nBackup-Id: " ID "\n\nsome words\n", no_id},
	        {"x\n\nBackup-Id:" ID "\n", no_id},
	        {"x\n\n Backup-Id: " ID "\n", no_id},
	        {"x\n\n> Backup-Id: " ID "\n", no_id},
	        {"x\n\nBackup-Id: \n", "the commit's Backup-Id '' is no time"},
	        {"x\n\nBackup-Id: yesterday\n", "the commit's Backup-Id 'yesterday' is no time"},
	        {"x\n\nBackup-Id: 20261320T155800Z\n",
	         "the commit's Backup-Id '20261320T155800Z' is no time"},
	        {"x\n\nBackup-Id: 2026-11-20T15:58:00Z\n",
	         "the commit's Backup-Id '2026-11-20T15:58:00Z' is no time"},
	        {"x\n\nBackup-Id: ../../../../../../../../../../../../../../etc/passwd\n",
	         "the commit's Backup-Id '../../../../../../../../../../../../../.' is no time"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_read(cases[i].message, RB_E_FORMAT, cases[i].why);
}

static void a_damaged_number_is_refused(void **state)
{
	static const char *const rows[] = {"",   "-1", "+1", "1 ",
	                                   "1x", " 1", "x",  "18446744073709551616"};
	static const char *const changes[] = {
	        "",          "+1",        "+1 ~2",     "+1 ~2 -",  "1 2 3",
	        "+1 ~2 -3 ", "+-1 ~2 -3", "+1  ~2 -3", "+1 ~x -3", "+1 ~2 -99999999999999999999"};
	char message[256];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		snprintf(message, sizeof(message), "x\n\nBackup-Id: " ID "\nBackup-Rows: %s\n",
		         rows[i]);
		assert_read(message, RB_E_FORMAT, "the commit's Backup-Rows is no number");
	}
	for (size_t i = 0; i < COUNT(changes); i++) {
		snprintf(message, sizeof(message), "x\n\nBackup-Id: " ID "\nBackup-Changes: %s\n",
		         changes[i]);
		assert_read(message, RB_E_FORMAT, "the commit's Backup-Changes are no numbers");
	}
}

static void what_others_add_does_no_harm(void **state)
{
	struct rb_message out;

	(void)state;
	assert_int_equal(rb_message_read("any subject\n\nwords\n\n> a\n>\n>b\n\n"
	                                 "Backup-Id: " ID "\n"
	                                 "Backup-Kind: from-the-future\n"
	                                 "Backup-New: thing\n"
	                                 "Signed-off-by: A <a@example.com>\n"
	                                 "Backup-Id: 20000101T000000Z\n"
	                                 "(cherry picked from commit 0123)\n\n\n",
	                                 &out, NULL),
	                 RB_OK);
	assert_string_equal(out.id, ID);
	assert_string_equal(out.kind, "from-the-future");
	assert_string_equal(out.note, "a\n");
	assert_int_equal(out.rows, 0);
	rb_message_release(&out);
}

/* All that a person or a database can put into a message, at its worst. */
static const char *const hostile[] = {
        "x\nBackup-Id: 20000101T000000Z",
        "x\n\nBackup-Id: 20000101T000000Z",
        "\n\n\nBackup-Id: 20000101T000000Z\nBackup-Kind: forged\n",
        "x\r\n\r\nBackup-Kind: forged\r\n",
        "Backup-Kind: forged",
        "\n---\nBackup-Kind: forged\n",
        "--- \nBackup-Kind: forged",
        "x\n Backup-Kind: forged",
        "\nSigned-off-by: forged\n",
        "(cherry picked from commit 0123456789012345678901234567890123456789)",
        "# Conflicts:\n#\tx\n",
        "# ------------------------ >8 ------------------------",
        "diff --git a/x b/x",
        ":",
        "> x\n\n> Backup-Kind: forged",
        "\x1b[2K\x1b[1GBackup-Kind: forged",
        "\xff\nBackup-Kind: forged",
};

/* git reads the same trailers, each once, from a file and from a commit. */
static void assert_git_reads(const char *message)
{
	const char *want = strstr(message, "\n\nBackup-Id: " ID "\n");
	char *got;

	assert_non_null(want);
	assert_int_equal(rb_fs_replace("message", message, strlen(message), 0600, NULL), RB_OK);
	want += 2;
	got = sh_out("git interpret-trailers --parse <message; echo .");
	assert_int_equal(strlen(got), strlen(want) + 1);
	assert_memory_equal(got, want, strlen(want));
	free(got);
	sh("git -C repo commit -q --allow-empty --cleanup=verbatim -F ../message");
	got = sh_out("git -C repo log -1 --format='%%(trailers)'; echo .");
	assert_memory_equal(got, want, strlen(want));
	free(got);
	sh_assert(ID, sh_out("git -C repo log -1 "
	                     "--format='%%(trailers:key=Backup-Id,valueonly,separator=%%x2c)'"));
	sh_assert("full",
	          sh_out("git -C repo log -1 "
	                 "--format='%%(trailers:key=Backup-Kind,valueonly,separator=%%x2c)'"));
}

static void no_text_can_forge_a_trailer(void **state)
{
	(void)state;
	sh("git init -q repo");
	for (size_t i = 0; i < COUNT(hostile); i++) {
		struct rb_message message = full_message();
		const struct rb_table_change changes[] = {
		        {.source = text("app"), .table = text(hostile[i]), .schema_changed = true}};
		struct rb_message back;
		char *got;

		message.label = text(hostile[i]);
		message.note = text(hostile[i]);
		message.incomplete = text(hostile[i]);
		message.code_branch = text(hostile[i]);
		got = write_message(&message, changes, 1, 1);
		assert_git_reads(got);
		assert_int_equal(rb_message_read(got, &back, NULL), RB_OK);
		assert_string_equal(back.id, ID);
		assert_string_equal(back.kind, "full");
		assert_string_equal(back.tool_version, "0.1.0");
		rb_message_release(&back);
		free(got);
	}
}

static void a_message_that_does_not_fit_is_refused(void **state)
{
	struct rb_message message = full_message();
	struct rb_err err = {0};

	(void)state;
	for (size_t max = 0; max < 200; max += 7) {
		struct rb_buf out = RB_BUF(max);

		assert_int_equal(rb_message_write(&message, NULL, 0, 0, &out, &err), RB_E_LIMIT);
		rb_buf_release(&out);
	}
}

static void without_memory_nothing_is_left(void **state)
{
	struct rb_message message = full_message();
	char *got = write_message(&message, NULL, 0, 0);
	unsigned int nth = 0;
	int rc;

	(void)state;
	do {
		struct rb_message back;
		struct rb_err err = {0};

		fault_arm(FAULT_MALLOC, ++nth, 0);
		rc = rb_message_read(got, &back, &err);
		if (fault_disarm() == 0)
			assert_int_equal(rc, RB_OK);
		else
			assert_int_equal(rc, RB_E_NOMEM);
		rb_message_release(&back);
	} while (rc < 0);
	assert_true(nth > 1);
	free(got);
}

static int isolate(void **state)
{
	(void)state;
	sh_isolate_git();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_message_has_a_subject_a_note_changes_and_trailers),
	        cmocka_unit_test(a_subject_says_what_changed),
	        cmocka_unit_test(a_long_table_of_changes_is_cut_and_counted),
	        cmocka_unit_test(names_stay_on_their_line_and_wide_ones_push_the_counts_aside),
	        cmocka_unit_test(what_is_written_is_read_back),
	        cmocka_unit_test(texts_are_mended_in_one_way),
	        cmocka_unit_test(a_commit_without_a_backups_trailers_is_no_backup),
	        cmocka_unit_test(a_damaged_number_is_refused),
	        cmocka_unit_test(what_others_add_does_no_harm),
	        cmocka_unit_test(no_text_can_forge_a_trailer),
	        cmocka_unit_test(a_message_that_does_not_fit_is_refused),
	        cmocka_unit_test(without_memory_nothing_is_left),
	};

	return cmocka_run_group_tests(tests, isolate, NULL);
}
