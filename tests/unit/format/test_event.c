/*
 * rowback/format/event.h: what is written is read back, by rowback and by git, and no text in
 * an event passes for a trailer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness/fault.h"
#include "harness/sh.h"
#include "rowback/base/fs.h"
#include "rowback/format/event.h"
#include "rowback/format/message.h"

#define MESSAGE_MAX ((size_t)1 << 20)
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

static struct rb_event full_event(void)
{
	return (struct rb_event){.name = text("rollback"),
	                         .id = text("20261120T171200Z"),
	                         .subject = text("rollback: app is as in 20261120T155800Z"),
	                         .backup = text("20261120T155800Z"),
	                         .safety = text("20261120T171158Z"),
	                         .source = text("app"),
	                         .code_before = text("5f1c"),
	                         .code_after = text("9a3c"),
	                         .by = text("deploy@web1")};
}

static char *write_event(const struct rb_event *event)
{
	struct rb_buf out = RB_BUF(MESSAGE_MAX);

	assert_int_equal(rb_event_write(event, &out, NULL), RB_OK);
	return rb_buf_detach(&out);
}

static void the_message_is_as_documented(void **state)
{
	const struct rb_event event = full_event();
	char *message = write_event(&event);

	(void)state;
	assert_string_equal(message, "rollback: app is as in 20261120T155800Z\n"
	                             "\n"
	                             "Event: rollback\n"
	                             "Event-Id: 20261120T171200Z\n"
	                             "Event-Backup: 20261120T155800Z\n"
	                             "Event-Safety: 20261120T171158Z\n"
	                             "Event-Source: app\n"
	                             "Event-Code-Before: 5f1c\n"
	                             "Event-Code-After: 9a3c\n"
	                             "Event-By: deploy@web1\n"
	                             "Tool-Version: " RB_VERSION "\n");
	free(message);
}

static void what_was_written_is_read_back(void **state)
{
	const struct rb_event event = full_event();
	struct rb_event back = {0};
	char *message = write_event(&event);

	(void)state;
	assert_int_equal(rb_event_read(message, &back, NULL), RB_OK);
	assert_string_equal(back.name, event.name);
	assert_string_equal(back.id, event.id);
	assert_string_equal(back.subject, event.subject);
	assert_string_equal(back.backup, event.backup);
	assert_string_equal(back.safety, event.safety);
	assert_string_equal(back.source, event.source);
	assert_string_equal(back.code_before, event.code_before);
	assert_string_equal(back.code_after, event.code_after);
	assert_string_equal(back.by, event.by);
	rb_event_release(&back);
	assert_null(back.name);
	free(message);
}

static void what_is_not_known_is_left_out(void **state)
{
	const struct rb_event event = {
	        .name = text("prune"), .id = text("20261120T171200Z"), .subject = text(" \n")};
	struct rb_event back = {0};
	char *message = write_event(&event);

	(void)state;
	assert_string_equal(message, "prune\n\nEvent: prune\nEvent-Id: 20261120T171200Z\n"
	                             "Tool-Version: " RB_VERSION "\n");
	assert_int_equal(rb_event_read(message, &back, NULL), RB_OK);
	assert_string_equal(back.subject, "prune");
	assert_null(back.backup);
	assert_null(back.by);
	rb_event_release(&back);
	free(message);
}

/* git reads trailers as we do. */
static void a_text_cannot_pass_for_a_trailer(void **state)
{
	struct rb_event event = full_event();
	struct rb_message backup = {0};
	struct rb_event back = {0};
	char *message;

	(void)state;
	event.subject = text("x\n\nBackup-Id: 20200101T000000Z\n");
	event.source = text("app\nBackup-Id: 20200101T000000Z\n\nEvent-By: root@web1");
	event.by = text("me\xff@h\x1b[0m");
	message = write_event(&event);
	assert_int_equal(rb_message_read(message, &backup, NULL), RB_E_FORMAT);
	assert_int_equal(rb_event_read(message, &back, NULL), RB_OK);
	assert_string_equal(back.subject, "x??Backup-Id: 20200101T000000Z?");
	assert_string_equal(back.source, "app?Backup-Id: 20200101T000000Z??Event-By: root@web1");
	assert_string_equal(back.by, "me?@h?[0m");
	assert_int_equal(rb_fs_replace("message", message, strlen(message), 0600, NULL), RB_OK);
	sh_assert("Event: rollback\nEvent-By: me?@h?[0m",
	          sh_out("git interpret-trailers --parse message | grep -E "
	                 "'^(Event|Event-By|Backup-Id):'"));
	rb_event_release(&back);
	free(message);
}

static void what_is_no_event_is_refused(void **state)
{
	static const char *const cases[][2] = {
	        {"", "the commit is no event: it has no Event or no Event-Id"},
	        {"x\n\nEvent: prune\n", "the commit is no event: it has no Event or no Event-Id"},
	        {"x\n\nEvent-Id: 20261120T171200Z\n",
	         "the commit is no event: it has no Event or no Event-Id"},
	        {"Event: prune\nEvent-Id: 20261120T171200Z\n",
	         "the commit is no event: it has no Event or no Event-Id"},
	        {"x\n\nEvent: prune\nEvent-Id: soon\n", "the commit's Event-Id 'soon' is no time"},
	        {"x\n\nEvent: prune\nEvent-Id: 20261120T171200Z\nBackup-Id: 20261120T155800Z\n",
	         "the commit is a backup, no event"},
	        {"x\n\nEvent: prune\nEvent-Id: 20261120T171200Z\n\nlast words\n",
	         "the commit is no event: it has no Event or no Event-Id"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rb_event event;
		struct rb_err err = {0};

		assert_int_equal(rb_event_read(cases[i][0], &event, &err), RB_E_FORMAT);
		assert_string_equal(err.msg, cases[i][1]);
		assert_null(event.name);
		assert_null(event.id);
	}
}

static void without_memory_nothing_is_left(void **state)
{
	const struct rb_event event = full_event();
	char *message = write_event(&event);
	struct rb_event back = {0};
	unsigned int nth = 1;

	(void)state;
	for (;; nth++) {
		int rc;

		fault_arm(FAULT_MALLOC, nth, ENOMEM);
		rc = rb_event_read(message, &back, NULL);
		if (fault_disarm() == 0) {
			assert_int_equal(rc, RB_OK);
			break;
		}
		/* strndup() is not counted by every libc: what fails, fails whole. */
		if (rc < 0)
			assert_null(back.name);
		rb_event_release(&back);
	}
	rb_event_release(&back);
	free(message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_message_is_as_documented),
	        cmocka_unit_test(what_was_written_is_read_back),
	        cmocka_unit_test(what_is_not_known_is_left_out),
	        cmocka_unit_test(a_text_cannot_pass_for_a_trailer),
	        cmocka_unit_test(what_is_no_event_is_refused),
	        cmocka_unit_test(without_memory_nothing_is_left),
	};

	sh_isolate_git();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
