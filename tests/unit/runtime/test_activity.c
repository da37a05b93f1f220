/*
 * rowback/runtime/activity.h: whole lines, whoever writes at once and whatever goes wrong.
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
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/fault.h"
#include "harness/sh.h"
#include "rowback/base/fs.h"
#include "rowback/runtime/activity.h"
#include "rowback/runtime/who.h"

#define PATH "activity.jsonl"
#define OLDER "activity.1.jsonl"
/* 2026-11-20 15:58:00 UTC */
#define NOW 1795190280
#define WRITERS 8
#define LINES 200

static const char *const label[] = {"--label", "before-upgrade", NULL};

static const struct rb_activity whole = {.time_unix_s = NOW,
                                         .action = "backup",
                                         .arguments = label,
                                         .result = "ok",
                                         .duration_ms = 812,
                                         .backup = "20261120T155800Z",
                                         .detail = "+3 ~2 -1 rows"};

static int set_up(void **state)
{
	(void)state;
	setenv("SUDO_USER", "deploy", 1);
	unlink(PATH);
	unlink(OLDER);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	fault_disarm();
	return 0;
}

static void append(const struct rb_activity *entry)
{
	assert_int_equal(rb_activity_append(PATH, entry, NULL), RB_OK);
}

/* What a reader got. */
struct seen {
	size_t count;
	char last[256];
	int answer;
};

static int see(void *ctx, const char *line, json_t *doc, struct rb_err *err)
{
	struct seen *seen = ctx;

	(void)err;
	assert_true(json_is_object(doc));
	seen->count++;
	snprintf(seen->last, sizeof(seen->last), "%s", line);
	return seen->answer;
}

static struct seen read_all(void)
{
	struct seen seen = {0};

	assert_int_equal(rb_activity_each(PATH, see, &seen, NULL), RB_OK);
	return seen;
}

static void assert_file(const char *path, const char *want)
{
	struct rb_buf text = RB_BUF((size_t)1 << 20);

	assert_int_equal(rb_fs_read(path, &text, NULL), RB_OK);
	assert_string_equal(rb_buf_str(&text), want);
	rb_buf_release(&text);
}

static void a_line_is_as_documented(void **state)
{
	char host[RB_WHO_SIZE];
	char want[1024];
	struct stat st;

	(void)state;
	rb_who_host(host);
	append(&whole);
	snprintf(want, sizeof(want),
	         "{\"time\":\"2026-11-20T15:58:00Z\",\"user\":\"deploy\",\"host\":\"%s\","
	         "\"pid\":%ld,\"action\":\"backup\",\"arguments\":[\"--label\","
	         "\"before-upgrade\"],\"result\":\"ok\",\"status\":0,\"duration_ms\":812,"
	         "\"backup\":\"20261120T155800Z\",\"detail\":\"+3 ~2 -1 rows\"}\n",
	         host, (long)getpid());
	assert_file(PATH, want);
	assert_int_equal(stat(PATH, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void what_is_not_known_is_left_out(void **state)
{
	const struct rb_activity entry = {
	        .time_unix_s = NOW, .action = "gate", .result = "refused", .status = 17};

	(void)state;
	append(&entry);
	sh_assert("[\"time\",\"user\",\"host\",\"pid\",\"action\",\"arguments\",\"result\","
	          "\"status\",\"duration_ms\"]",
	          sh_out("jq -c keys_unsorted " PATH));
	sh_assert("[\"gate\",[],\"refused\",17]",
	          sh_out("jq -c '[.action, .arguments, .result, .status]' " PATH));
}

static void a_text_of_any_bytes_stays_on_its_line(void **state)
{
	static const char *const arguments[] = {"a\nb\"\\\x1b", "\xff", "", NULL};
	struct rb_activity entry = whole;

	(void)state;
	entry.arguments = arguments;
	entry.detail = "one\ntwo";
	append(&entry);
	append(&whole);
	sh_assert("2", sh_out("wc -l <" PATH));
	sh_assert("[\"a\\nb\\\"\\\\\\u001b\",{\"$text\":\"/w==\"},\"\"]",
	          sh_out("head -n 1 " PATH " | jq -c .arguments"));
	assert_int_equal(read_all().count, 2);
}

static void a_line_that_is_too_long_is_cut(void **state)
{
	struct rb_activity entry = whole;
	const char *arguments[4] = {"x", NULL, "y", NULL};
	char *large = malloc(300001);

	(void)state;
	assert_non_null(large);
	memset(large, '\1', 300000);
	large[300000] = '\0';
	memcpy(large, "\xc3\xa4\xc3\xa4", 4);
	arguments[1] = large;
	entry.arguments = arguments;
	entry.detail = large;
	append(&entry);
	sh_assert("1", sh_out("wc -l <" PATH));
	sh("test $(wc -c <" PATH ") -le 65536");
	sh_assert("true", sh_out("jq '(.detail | endswith(\"...\")) and (.detail | startswith("
	                         "\"ää\")) and .arguments[0] == \"x\" and .arguments[-1] == "
	                         "\"...\"' " PATH));
	assert_int_equal(read_all().count, 1);
	free(large);
}

static void several_programs_append_at_once(void **state)
{
	pid_t writers[WRITERS];

	(void)state;
	for (int i = 0; i < WRITERS; i++) {
		writers[i] = fork();
		assert_true(writers[i] >= 0);
		if (writers[i] > 0)
			continue;
		for (int n = 0; n < LINES; n++) {
			if (rb_activity_append(PATH, &whole, NULL) < 0)
				_exit(1);
		}
		_exit(0);
	}
	for (int i = 0; i < WRITERS; i++) {
		int status;

		assert_int_equal(waitpid(writers[i], &status, 0), writers[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(read_all().count, WRITERS * LINES);
	sh_assert("8", sh_out("jq -s 'group_by(.pid) | map(select(length == 200)) | length' "
	                      "" PATH));
}

static void damaged_lines_are_passed_over(void **state)
{
	static const char damage[] = "\n{\"time\":\"2026-11-20T15:\n[]\n{}\nnull\n\0\0\0\n"
	                             "{\"time\":\"soon\",\"action\":\"x\"}\n"
	                             "{\"time\":\"2026-11-20T15:58:00Z\",\"action\":\"last\"}\n"
	                             "{\"time\":\"2026-11-20T15:58:00Z\",\"action\":\"cut\"";
	struct seen seen;

	(void)state;
	assert_int_equal(rb_fs_replace(PATH, damage, sizeof(damage) - 1, 0600, NULL), RB_OK);
	seen = read_all();
	assert_int_equal(seen.count, 1);
	assert_string_equal(seen.last, "{\"time\":\"2026-11-20T15:58:00Z\",\"action\":\"last\"}");
	/* What comes after a line that was cut is not lost with it. */
	append(&whole);
	assert_int_equal(read_all().count, 2);
}

static void a_full_file_is_moved_away(void **state)
{
	struct rb_activity entry = whole;

	(void)state;
	append(&whole);
	sh("python3 -c '"
	   "line = open(\"" PATH "\").read(); n = -(-(16 << 20) // len(line)); "
	   "open(\"" PATH "\", \"w\").write(line * n); open(\"n\", \"w\").write(str(n))'");
	entry.action = "restore";
	append(&entry);
	append(&entry);
	sh_assert("2", sh_out("wc -l <" PATH));
	sh("test \"$(wc -l <" OLDER ")\" -eq \"$(cat n)\"");
	sh("test \"$(cat n)\" -gt 1000");
	assert_true(read_all().count > 1000);
	assert_non_null(strstr(read_all().last, "\"restore\""));
}

static void of_many_that_see_it_full_one_moves_it(void **state)
{
	pid_t writers[WRITERS];

	(void)state;
	sh("printf '\\n%%s\\n' '{\"time\":\"2026-11-20T15:58:00Z\",\"action\":\"first\"}' "
	   ">" PATH " && head -c 16777216 /dev/zero | tr '\\0' '\\n' >>" PATH);
	for (int i = 0; i < WRITERS; i++) {
		writers[i] = fork();
		assert_true(writers[i] >= 0);
		if (writers[i] == 0)
			_exit(rb_activity_append(PATH, &whole, NULL) < 0);
	}
	for (int i = 0; i < WRITERS; i++) {
		int status;

		assert_int_equal(waitpid(writers[i], &status, 0), writers[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(read_all().count, 1 + WRITERS);
	sh("grep -q first " OLDER);
}

static void a_link_is_not_followed(void **state)
{
	struct rb_err err = {0};

	(void)state;
	sh("rm -f elsewhere && ln -s elsewhere " PATH);
	assert_int_equal(rb_activity_append(PATH, &whole, &err), RB_E_IO);
	assert_string_equal(err.msg, "cannot open the activity log 'activity.jsonl': "
	                             "Too many levels of symbolic links");
	assert_false(rb_fs_exists("elsewhere"));
}

static void a_full_disk_is_said(void **state)
{
	struct rb_err err = {0};

	(void)state;
	append(&whole);
	fault_arm(FAULT_WRITE, 1, ENOSPC);
	assert_int_equal(rb_activity_append(PATH, &whole, &err), RB_E_IO);
	assert_string_equal(err.msg, "cannot write the activity log 'activity.jsonl': "
	                             "No space left on device");
	assert_int_equal(fault_disarm(), 1);
	fault_arm(FAULT_CLOSE, 1, EIO);
	assert_int_equal(rb_activity_append(PATH, &whole, &err), RB_E_IO);
	assert_string_equal(err.msg,
	                    "cannot close the activity log 'activity.jsonl': Input/output error");
	assert_int_equal(fault_disarm(), 1);
}

static void without_memory_nothing_is_written(void **state)
{
	unsigned int nth = 1;

	(void)state;
	for (;; nth++) {
		int rc;

		fault_arm(FAULT_MALLOC, nth, ENOMEM);
		rc = rb_activity_append(PATH, &whole, NULL);
		if (fault_disarm() == 0) {
			assert_int_equal(rc, RB_OK);
			break;
		}
		assert_true(rc < 0);
		assert_int_equal(read_all().count, 0);
	}
	assert_true(nth > 1);
}

static void a_reader_that_fails_ends_it(void **state)
{
	struct seen seen = {.answer = RB_E_CANCELLED};

	(void)state;
	assert_int_equal(rb_activity_each(PATH, see, &seen, NULL), RB_OK);
	append(&whole);
	append(&whole);
	assert_int_equal(rb_activity_each(PATH, see, &seen, NULL), RB_E_CANCELLED);
	assert_int_equal(seen.count, 1);
}

static void without_sudo_the_user_id_says_who_it_is(void **state)
{
	char user[RB_WHO_SIZE];

	(void)state;
	unsetenv("SUDO_USER");
	rb_who_user(user);
	sh_assert(user, sh_out("id -un || id -u"));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(a_line_is_as_documented),
	        TEST(what_is_not_known_is_left_out),
	        TEST(a_text_of_any_bytes_stays_on_its_line),
	        TEST(a_line_that_is_too_long_is_cut),
	        TEST(several_programs_append_at_once),
	        TEST(damaged_lines_are_passed_over),
	        TEST(a_full_file_is_moved_away),
	        TEST(of_many_that_see_it_full_one_moves_it),
	        TEST(a_link_is_not_followed),
	        TEST(a_full_disk_is_said),
	        TEST(without_memory_nothing_is_written),
	        TEST(a_reader_that_fails_ends_it),
	        TEST(without_sudo_the_user_id_says_who_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
