/*
 * rowback/ops/history.h: which backup is meant, and whose data it holds.
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

#include "harness/sh.h"
#include "rowback/base/log.h"
#include "rowback/ops/history.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A store DIR with commits that git made, in a directory of its own. */
struct fixture {
	char dir[32];
	struct rb_store store;
	struct rb_backup_entry entry;
	struct rb_err err;
};

/* Commit what the file "data" holds as a backup; kind NULL: as a commit of somebody's own. */
static void commit(const struct fixture *fx, const char *data, const char *id, const char *kind,
                   const char *code)
{
	sh("cd %s && echo %s >data && git add data", fx->dir, data);
	if (kind)
		sh("cd %s && printf 'backup\n\nBackup-Id: %s\nBackup-Kind: %s\n%s%s\n' | "
		   "git commit -q --allow-empty -F -",
		   fx->dir, id, kind, code ? "Code-Commit: " : "", code ? code : "");
	else
		sh("git -C %s commit -q --allow-empty -m mine", fx->dir);
}

static int set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	assert_non_null(fx);
	*state = fx;
	rb_log_set_level(RB_LOG_WARN);
	snprintf(fx->dir, sizeof(fx->dir), "rb-test-history.XXXXXX");
	assert_non_null(mkdtemp(fx->dir));
	sh("git init -q -b main %s", fx->dir);
	commit(fx, "one", "20270101T000000Z", "full", "aaaa1");
	commit(fx, "two", "20270102T000000Z", "full", "aaaa2");
	commit(fx, "two", "20270103T000000Z", "quick", "aaaa3");
	commit(fx, "two", NULL, NULL, NULL);
	commit(fx, "two", "20270104T000000Z", "quick", "bbbb4");
	commit(fx, "three", "20270105T000000Z", "safety", "bbbb4");
	commit(fx, "three", "20270106T000000Z", "quick", NULL);
	assert_int_equal(
	        rb_store_open(&(struct rb_store_opts){.dir = fx->dir}, &fx->store, &fx->err),
	        RB_OK);
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fx = *state;

	rb_backup_entry_release(&fx->entry);
	rb_store_close(&fx->store);
	sh("rm -rf %s", fx->dir);
	free(fx);
	return 0;
}

typedef int find_fn(struct rb_store *store, const char *spec, int64_t at_unix_s,
                    struct rb_backup_entry *out, struct rb_err *err);

static void assert_found(struct fixture *fx, find_fn *find, const char *spec, const char *want)
{
	rb_backup_entry_release(&fx->entry);
	assert_int_equal(find(&fx->store, spec, 0, &fx->entry, &fx->err), RB_OK);
	assert_string_equal(fx->entry.message.id, want);
}

static void latest_is_neither_safety_nor_quick(void **state)
{
	struct fixture *fx = *state;

	assert_found(fx, rb_history_find, NULL, "20270102T000000Z");
	assert_found(fx, rb_history_find, "latest", "20270102T000000Z");
	assert_found(fx, rb_history_find, "latest~1", "20270101T000000Z");
	rb_backup_entry_release(&fx->entry);
	assert_int_equal(rb_history_find(&fx->store, "latest~2", 0, &fx->entry, &fx->err),
	                 RB_E_NOSTORE);
	assert_string_equal(fx->err.msg, "there is no backup that far back");
}

static void any_kind_is_found_by_its_id(void **state)
{
	struct fixture *fx = *state;

	assert_found(fx, rb_history_find, "20270106T000000Z", "20270106T000000Z");
	assert_found(fx, rb_history_find, "20270103", "20270103T000000Z");
	assert_found(fx, rb_history_find, "20270105", "20270105T000000Z");
}

static void the_data_of_a_quick_one_is_that_of_the_backup_before(void **state)
{
	struct fixture *fx = *state;

	assert_found(fx, rb_history_find_data, "20270103T000000Z", "20270102T000000Z");
	assert_found(fx, rb_history_find_data, "20270104T000000Z", "20270102T000000Z");
	assert_found(fx, rb_history_find_data, "20270106T000000Z", "20270105T000000Z");
	assert_found(fx, rb_history_find_data, "20270105T000000Z", "20270105T000000Z");
	assert_found(fx, rb_history_find_data, "20270101T000000Z", "20270101T000000Z");
}

/* Its tree is somebody's own then, or all that is left of a history that was pruned. */
static void a_quick_one_whose_tree_no_backup_has_stands_for_itself(void **state)
{
	struct fixture *fx = *state;

	commit(fx, "mine", NULL, NULL, NULL);
	commit(fx, "mine", "20270107T000000Z", "quick", "cccc7");
	assert_found(fx, rb_history_find_data, "20270107T000000Z", "20270107T000000Z");
	sh("cd %s && git checkout -q --orphan rest && git commit -q -C main && "
	   "git branch -qM rest main",
	   fx->dir);
	assert_found(fx, rb_history_find_data, "20270107T000000Z", "20270107T000000Z");
	rb_backup_entry_release(&fx->entry);
	assert_int_equal(rb_history_find(&fx->store, NULL, 0, &fx->entry, &fx->err), RB_E_NOSTORE);
}

static void a_state_is_held_by_the_backup_that_brought_it(void **state)
{
	static const struct {
		const char *revision;
		const char *id;
	} cases[] = {
	        {"main", "20270105T000000Z"},   {"main~1", "20270105T000000Z"},
	        {"main~2", "20270102T000000Z"}, {"main~3", "20270102T000000Z"},
	        {"main~4", "20270102T000000Z"}, {"main~6", "20270101T000000Z"},
	};
	struct fixture *fx = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rb_oid commit;
		struct rb_oid backup;
		char *hex = sh_out("git -C %s rev-parse %s", fx->dir, cases[i].revision);
		char id[17];

		assert_true(rb_oid_parse(hex, &commit));
		assert_int_equal(rb_history_holder(&fx->store, &commit, &backup, id, &fx->err),
		                 RB_OK);
		assert_string_equal(id, cases[i].id);
		free(hex);
	}
}

static void the_newest_data_from_a_commit_on_back(void **state)
{
	static const struct rb_oid none = {{0}};
	struct fixture *fx = *state;
	struct rb_oid tip;

	assert_int_equal(rb_store_tip(&fx->store, &tip, &fx->err), RB_OK);
	assert_int_equal(rb_history_data_of(&fx->store, &tip, &fx->entry, &fx->err), RB_OK);
	assert_string_equal(fx->entry.message.id, "20270105T000000Z");
	rb_backup_entry_release(&fx->entry);
	assert_int_equal(rb_history_data_of(&fx->store, &none, &fx->entry, &fx->err), RB_E_NOSTORE);
}

static void a_list_is_filtered_by_the_start_of_the_codes_commit(void **state)
{
	static const struct {
		struct rb_history_opts opts;
		size_t count;
	} cases[] = {
	        {{.code = "aaaa"}, 3},   {{.code = "AAAA3"}, 1},
	        {{.code = "aaaa33"}, 0}, {{.code = "bbbb4", .kind = "quick"}, 1},
	        {{.kind = "quick"}, 3},  {{.code = ""}, 5}, /* all that have one */
	};
	struct fixture *fx = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rb_backup_list list;

		assert_int_equal(rb_history_list(&fx->store, &cases[i].opts, &list, &fx->err),
		                 RB_OK);
		assert_int_equal(list.count, cases[i].count);
		rb_backup_list_release(&list);
	}
}

static void without_an_app_only_hashes_name_code(void **state)
{
	static const char *const others[] = {"abc", "main", "", "12345g", "abcd~1"};
	struct fixture *fx = *state;
	struct rb_code_wanted wanted;
	char long_hash[66];

	assert_int_equal(rb_history_code(&fx->store, "abcd", &wanted, &fx->err), RB_OK);
	assert_string_equal(wanted.commit, "abcd");
	assert_false(wanted.is_resolved);
	for (size_t i = 0; i < COUNT(others); i++)
		assert_int_equal(rb_history_code(&fx->store, others[i], &wanted, &fx->err),
		                 RB_E_NOTFOUND);
	memset(long_hash, 'a', sizeof(long_hash));
	long_hash[65] = '\0';
	assert_int_equal(rb_history_code(&fx->store, long_hash, &wanted, &fx->err), RB_E_NOTFOUND);
	long_hash[64] = '\0';
	assert_int_equal(rb_history_code(&fx->store, long_hash, &wanted, &fx->err), RB_OK);
	assert_int_equal(rb_history_code_before(&fx->store, &wanted, &fx->entry, &fx->err),
	                 RB_E_NOSTORE);
}

static int set_up_group(void **state)
{
	(void)state;
	sh_isolate_git();
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(latest_is_neither_safety_nor_quick),
	        TEST(any_kind_is_found_by_its_id),
	        TEST(the_data_of_a_quick_one_is_that_of_the_backup_before),
	        TEST(a_quick_one_whose_tree_no_backup_has_stands_for_itself),
	        TEST(a_state_is_held_by_the_backup_that_brought_it),
	        TEST(the_newest_data_from_a_commit_on_back),
	        TEST(a_list_is_filtered_by_the_start_of_the_codes_commit),
	        TEST(without_an_app_only_hashes_name_code),
	};

	return cmocka_run_group_tests(tests, set_up_group, NULL);
}
