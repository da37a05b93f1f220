/*
 * rowback/repo/remote.h: checking a store and keeping it in order.
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

#include "harness/pair.h"
#include "harness/sh.h"
#include "rowback/repo/remote.h"
#include "rowback/repo/repo.h"

static void fsck_tells_a_whole_store_from_a_broken_one(void **state)
{
	struct pair *fx = *state;
	struct rb_buf report = RB_BUF(10000);

	assert_int_equal(rb_remote_fsck(fx->repo, PAIR_TIMEOUT_MS, &report, &fx->err), RB_OK);
	assert_string_equal(rb_buf_str(&report), "");
	sh("cd %s/store/.git/objects && rm -f $(git rev-parse two: | sed 's|^..|&/|')", fx->dir);
	assert_int_equal(rb_remote_fsck(fx->repo, PAIR_TIMEOUT_MS, &report, &fx->err),
	                 RB_E_MISMATCH);
	assert_non_null(strstr(rb_buf_str(&report), "missing tree"));
	pair_assert_text(fx, fx->err.msg, "'git fsck' found errors in '@/store/.git'");
	rb_buf_release(&report);
}

static void maintenance_keeps_packs_few_and_objects_all(void **state)
{
	struct pair *fx = *state;

	sh("cd %s/store && for i in 1 2 3 4 5 6; do echo $i >two && git commit -q -a -m $i && "
	   "git repack -q -d; done",
	   fx->dir);
	sh_assert("6", sh_out("ls %s/store/.git/objects/pack/*.pack | wc -l", fx->dir));
	assert_int_equal(rb_remote_maintain(fx->repo, 6, PAIR_TIMEOUT_MS, &fx->err), RB_OK);
	sh_assert("6", sh_out("ls %s/store/.git/objects/pack/*.pack | wc -l", fx->dir));
	assert_int_equal(rb_remote_maintain(fx->repo, 5, PAIR_TIMEOUT_MS, &fx->err), RB_OK);
	assert_int_equal(
	        sh_status("test $(ls %s/store/.git/objects/pack/*.pack | wc -l) -le 3", fx->dir),
	        0);
	sh("git -C %s/store fsck --strict", fx->dir);
	assert_true(rb_repo_has(fx->repo, &fx->two));
}

static void maintenance_removes_what_killed_runs_left(void **state)
{
	struct pair *fx = *state;

	sh("cd %s/store/.git/objects && mkdir -p pack aa && "
	   "touch -d '2 hours ago' pack/tmp_pack_1 pack/.tmp-9-pack-1.idx aa/tmp_obj_1 && "
	   "touch pack/tmp_pack_2 && mkdir -p ../rowback && "
	   "touch -d '2 hours ago' ../rowback/holder.123456 && touch ../rowback/holder.654321",
	   fx->dir);
	assert_int_equal(rb_remote_maintain(fx->repo, 50, PAIR_TIMEOUT_MS, &fx->err), RB_OK);
	sh_assert("./objects/pack/tmp_pack_2\n./rowback/holder.654321",
	          sh_out("cd %s/store/.git && find . -name '*tmp*' -o -name 'holder*' | sort",
	                 fx->dir));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pair_set_up, pair_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(fsck_tells_a_whole_store_from_a_broken_one),
	        TEST(maintenance_keeps_packs_few_and_objects_all),
	        TEST(maintenance_removes_what_killed_runs_left),
	};

	return cmocka_run_group_tests(tests, pair_isolate, NULL);
}
