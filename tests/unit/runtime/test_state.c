/*
 * rowback/runtime/state.h: what is remembered between runs, and what happens when it is lost.
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
#include <unistd.h>

#include "harness/fault.h"
#include "rowback/base/fs.h"
#include "rowback/runtime/state.h"

struct fixture {
	char dir[32];
	char path[48];
	struct rb_state *state;
};

static int set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	if (!fx)
		return -1;
	*state = fx;
	snprintf(fx->dir, sizeof(fx->dir), "rb-test-state.XXXXXX");
	if (!mkdtemp(fx->dir))
		return -1;
	snprintf(fx->path, sizeof(fx->path), "%s/state.json", fx->dir);
	return rb_state_load(fx->path, &fx->state, NULL);
}

static int tear_down(void **state)
{
	struct fixture *fx = *state;
	int rc;

	fault_disarm();
	rb_state_free(fx->state);
	rc = rb_fs_remove_tree(fx->dir, NULL);
	free(fx);
	return rc;
}

/* Forget what is in memory and read the file again. */
static void load_again(struct fixture *fx)
{
	rb_state_free(fx->state);
	fx->state = NULL;
	assert_int_equal(rb_state_load(fx->path, &fx->state, NULL), RB_OK);
}

static void a_missing_file_is_an_empty_state(void **state)
{
	struct fixture *fx = *state;

	assert_null(rb_state_get(fx->state, "fingerprint/app", "text"));
	assert_false(rb_fs_exists(fx->path));
}

static void what_was_saved_is_there_again(void **state)
{
	struct fixture *fx = *state;
	struct rb_buf text = RB_BUF(4096);
	struct stat st;

	assert_int_equal(rb_state_set(fx->state, "fingerprint/app", "text", "v1 4711", NULL), 0);
	assert_int_equal(rb_state_set(fx->state, "fingerprint/app", "commit", "5f1c", NULL), 0);
	assert_int_equal(rb_state_set(fx->state, "push/origin", "at", "", NULL), 0);
	assert_int_equal(rb_state_save(fx->state, NULL), RB_OK);
	load_again(fx);
	assert_string_equal(rb_state_get(fx->state, "fingerprint/app", "text"), "v1 4711");
	assert_string_equal(rb_state_get(fx->state, "fingerprint/app", "commit"), "5f1c");
	assert_string_equal(rb_state_get(fx->state, "push/origin", "at"), "");
	assert_null(rb_state_get(fx->state, "push/origin", "text"));
	assert_null(rb_state_get(fx->state, "push", "at"));

	assert_int_equal(stat(fx->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(rb_fs_read(fx->path, &text, NULL), RB_OK);
	assert_string_equal(rb_buf_str(&text), "{\n"
	                                       "  \"version\": 1,\n"
	                                       "  \"sections\": {\n"
	                                       "    \"fingerprint/app\": {\n"
	                                       "      \"text\": \"v1 4711\",\n"
	                                       "      \"commit\": \"5f1c\"\n"
	                                       "    },\n"
	                                       "    \"push/origin\": {\n"
	                                       "      \"at\": \"\"\n"
	                                       "    }\n"
	                                       "  }\n"
	                                       "}\n");
	rb_buf_release(&text);
}

static void values_can_be_replaced_and_forgotten(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(rb_state_set(fx->state, "a", "x", "1", NULL), RB_OK);
	assert_int_equal(rb_state_set(fx->state, "a", "y", "2", NULL), RB_OK);
	assert_int_equal(rb_state_set(fx->state, "b", "x", "3", NULL), RB_OK);
	assert_int_equal(rb_state_set(fx->state, "a", "x", "4", NULL), RB_OK);
	assert_string_equal(rb_state_get(fx->state, "a", "x"), "4");

	rb_state_unset(fx->state, "a", "x");
	rb_state_unset(fx->state, "a", "not there");
	rb_state_unset(fx->state, "not there", "x");
	rb_state_unset(fx->state, "not there", NULL);
	assert_null(rb_state_get(fx->state, "a", "x"));
	assert_string_equal(rb_state_get(fx->state, "a", "y"), "2");
	rb_state_unset(fx->state, "a", NULL);
	assert_null(rb_state_get(fx->state, "a", "y"));
	assert_string_equal(rb_state_get(fx->state, "b", "x"), "3");
}

static int add_up(void *ctx, const char *name, const char *value, struct rb_err *err)
{
	(void)err;
	*(int *)ctx += atoi(value);
	return strcmp(name, "stop") == 0 ? RB_E_CANCELLED : RB_OK;
}

static void each_value_of_a_section_is_passed(void **state)
{
	struct fixture *fx = *state;
	int sum = 0;

	assert_int_equal(rb_state_set(fx->state, "a", "x", "1", NULL), RB_OK);
	assert_int_equal(rb_state_set(fx->state, "a", "y", "2", NULL), RB_OK);
	assert_int_equal(rb_state_set(fx->state, "b", "stop", "4", NULL), RB_OK);
	assert_int_equal(rb_state_each(fx->state, "a", add_up, &sum, NULL), RB_OK);
	assert_int_equal(sum, 3);
	assert_int_equal(rb_state_each(fx->state, "none", add_up, &sum, NULL), RB_OK);
	assert_int_equal(rb_state_each(fx->state, "b", add_up, &sum, NULL), RB_E_CANCELLED);
	assert_int_equal(sum, 7);
}

static void nothing_is_written_when_nothing_changed(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(rb_state_save(fx->state, NULL), RB_OK);
	assert_false(rb_fs_exists(fx->path));

	assert_int_equal(rb_state_set(fx->state, "a", "x", "1", NULL), RB_OK);
	assert_int_equal(rb_state_save(fx->state, NULL), RB_OK);
	assert_int_equal(unlink(fx->path), 0);
	assert_int_equal(rb_state_set(fx->state, "a", "x", "1", NULL), RB_OK);
	rb_state_unset(fx->state, "a", "y");
	assert_int_equal(rb_state_save(fx->state, NULL), RB_OK);
	assert_false(rb_fs_exists(fx->path));
}

static void a_file_that_is_not_ours_is_an_empty_state(void **state)
{
	static const char *const contents[] = {
	        "",
	        "x",
	        "{",
	        "[]",
	        "{}",
	        "{\"version\":1}",
	        "{\"version\":2,\"sections\":{\"a\":{\"x\":\"1\"}}}",
	        "{\"version\":\"1\",\"sections\":{\"a\":{\"x\":\"1\"}}}",
	        "{\"version\":1,\"sections\":[]}",
	        "{\"version\":1,\"sections\":{\"a\":\"x\"}}",
	        "{\"version\":1,\"sections\":{\"a\":{\"x\":1}}}",
	        "{\"version\":1,\"sections\":{\"a\":{\"x\":\"1\"}}} and more",
	};
	struct fixture *fx = *state;

	for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
		assert_int_equal(
		        rb_fs_replace(fx->path, contents[i], strlen(contents[i]), 0600, NULL),
		        RB_OK);
		load_again(fx);
		assert_null(rb_state_get(fx->state, "a", "x"));
		assert_int_equal(rb_state_set(fx->state, "a", "x", "2", NULL), RB_OK);
		assert_int_equal(rb_state_save(fx->state, NULL), RB_OK);
		load_again(fx);
		assert_string_equal(rb_state_get(fx->state, "a", "x"), "2");
	}
}

static void a_directory_in_its_place_is_an_empty_state(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(mkdir(fx->path, 0700), 0);
	load_again(fx);
	assert_null(rb_state_get(fx->state, "a", "x"));
	assert_int_equal(rb_state_set(fx->state, "a", "x", "1", NULL), RB_OK);
	assert_int_equal(rb_state_save(fx->state, NULL), RB_E_IO);
}

static void text_that_is_not_utf8_is_refused(void **state)
{
	struct fixture *fx = *state;
	struct rb_err err = {0};

	assert_int_equal(rb_state_set(fx->state, "a", "x", "\377", &err), RB_E_FORMAT);
	assert_string_equal(err.msg, "the state 'a' 'x' is not UTF-8");
	assert_int_equal(rb_state_set(fx->state, "a", "\377", "x", NULL), RB_E_FORMAT);
	assert_int_equal(rb_state_set(fx->state, "\377", "x", "x", NULL), RB_E_FORMAT);
	assert_null(rb_state_get(fx->state, "a", "x"));
}

static void a_failed_save_can_be_repeated(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(rb_state_set(fx->state, "a", "x", "1", NULL), RB_OK);
	fault_arm(FAULT_FSYNC, 1, EIO);
	assert_int_equal(rb_state_save(fx->state, NULL), RB_E_IO);
	assert_int_equal(fault_disarm(), 1);
	assert_false(rb_fs_exists(fx->path));
	assert_int_equal(rb_state_save(fx->state, NULL), RB_OK);
	load_again(fx);
	assert_string_equal(rb_state_get(fx->state, "a", "x"), "1");
}

#define WITH_DIR(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        WITH_DIR(a_missing_file_is_an_empty_state),
	        WITH_DIR(what_was_saved_is_there_again),
	        WITH_DIR(values_can_be_replaced_and_forgotten),
	        WITH_DIR(each_value_of_a_section_is_passed),
	        WITH_DIR(nothing_is_written_when_nothing_changed),
	        WITH_DIR(a_file_that_is_not_ours_is_an_empty_state),
	        WITH_DIR(a_directory_in_its_place_is_an_empty_state),
	        WITH_DIR(text_that_is_not_utf8_is_refused),
	        WITH_DIR(a_failed_save_can_be_repeated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
