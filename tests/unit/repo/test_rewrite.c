/*
 * rowback/repo/rewrite.h: a history without some of its commits; git is the judge.
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
#include "rowback/base/cancel.h"
#include "rowback/base/fs.h"
#include "rowback/repo/rewrite.h"

struct fixture {
	char dir[32];
	struct rb_repo *repo;
	struct rb_pack *pack;
	struct rb_rewrite *rewrite;
};

static int set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	if (!fx)
		return -1;
	*state = fx;
	snprintf(fx->dir, sizeof(fx->dir), "rewrite.XXXXXX");
	if (!mkdtemp(fx->dir))
		return -1;
	sh("git init -q -b main %s", fx->dir);
	return rb_repo_open(fx->dir, &fx->repo, NULL);
}

static int tear_down(void **state)
{
	struct fixture *fx = *state;
	int rc;

	rb_cancel_request(0);
	rb_rewrite_free(fx->rewrite);
	rb_pack_free(fx->pack);
	rb_repo_free(fx->repo);
	rc = rb_fs_remove_tree(fx->dir, NULL);
	free(fx);
	return rc;
}

/* Commit a file of this name: another tree, author and time for each. */
static void commit(const struct fixture *fx, const char *name)
{
	sh("cd %s && echo %s >%s && git add . && GIT_AUTHOR_NAME=A-%s git commit -q "
	   "--date=@1700000000 -m %s && git tag %s",
	   fx->dir, name, name, name, name, name);
}

static struct rb_oid oid_of(const struct fixture *fx, const char *rev)
{
	char *text = sh_out("git -C %s rev-parse %s", fx->dir, rev);
	struct rb_oid oid;

	assert_true(rb_oid_parse(text, &oid));
	free(text);
	return oid;
}

/* Commits whose message begins with "drop" go, with "event" follow; "fail" is a failure. */
static int by_subject(void *ctx, const struct rb_commit *commit_read, struct rb_err *err)
{
	(void)ctx;
	if (strncmp(commit_read->message, "drop", 4) == 0)
		return RB_REWRITE_DROP;
	if (strncmp(commit_read->message, "event", 5) == 0)
		return RB_REWRITE_FOLLOW;
	if (strncmp(commit_read->message, "fail", 4) == 0)
		return rb_err_set(err, RB_E_CONFLICT, "met it");
	return RB_REWRITE_KEEP;
}

static void begin(struct fixture *fx)
{
	assert_int_equal(rb_repo_refresh(fx->repo, NULL), RB_OK);
	assert_int_equal(rb_pack_begin(fx->repo, 1, &fx->pack, NULL), RB_OK);
	assert_int_equal(rb_rewrite_new(fx->repo, fx->pack, by_subject, NULL, &fx->rewrite, NULL),
	                 RB_OK);
}

/* Rewrite main, make the objects visible, and let the branch "new" hold what came of it. */
static void rewrite_main(struct fixture *fx)
{
	struct rb_oid tip = oid_of(fx, "main");
	struct rb_pack_stats stats;
	char hex[RB_OID_HEX_SIZE];
	struct rb_oid out;

	begin(fx);
	assert_int_equal(rb_rewrite_history(fx->rewrite, &tip, &out, NULL), RB_OK);
	assert_int_equal(rb_pack_finish(fx->pack, &stats, NULL), RB_OK);
	rb_oid_hex(&out, hex);
	sh("git -C %s branch -f new %s && git -C %s fsck --strict", fx->dir, hex, fx->dir);
}

static char *subjects(const struct fixture *fx, const char *rev)
{
	return sh_out("git -C %s log --format=%%s %s | tr '\\n' ' '", fx->dir, rev);
}

static void nothing_but_parents_change(void **state)
{
	struct fixture *fx = *state;

	commit(fx, "one");
	commit(fx, "drop-1");
	commit(fx, "two");
	commit(fx, "drop-2");
	commit(fx, "drop-3");
	commit(fx, "three");
	rewrite_main(fx);
	sh_assert("three two one ", subjects(fx, "new"));
	assert_int_equal(rb_rewrite_count(fx->rewrite), 2);
	/* Names before the first that went, and what the others hold. */
	sh("cd %s && test $(git rev-parse new~2) = $(git rev-parse one)", fx->dir);
	sh("cd %s && for c in three:new two:new~1; do "
	   "git cat-file commit ${c%%%%:*} | grep -v '^parent' >a && "
	   "git cat-file commit ${c##*:} | grep -v '^parent' >b && cmp a b || exit 1; done",
	   fx->dir);
}

static void a_root_that_goes_leaves_another_root(void **state)
{
	struct fixture *fx = *state;

	commit(fx, "drop-1");
	commit(fx, "drop-2");
	commit(fx, "one");
	rewrite_main(fx);
	sh_assert("one ", subjects(fx, "new"));
	sh_assert("1", sh_out("git -C %s rev-list --count new", fx->dir));
}

static void an_event_follows_or_goes(void **state)
{
	struct fixture *fx = *state;

	commit(fx, "drop-1");
	sh("cd %s && git commit -q --allow-empty -m event-1", fx->dir);
	commit(fx, "one");
	commit(fx, "drop-2");
	sh("cd %s && git commit -q --allow-empty -m event-2", fx->dir);
	commit(fx, "two");
	rewrite_main(fx);
	sh_assert("two event-2 one ", subjects(fx, "new"));
	sh("cd %s && git diff --quiet new~1 new~2", fx->dir);
	sh("cd %s && git diff --quiet new main", fx->dir);
}

static void a_history_that_all_goes_is_none(void **state)
{
	struct fixture *fx = *state;
	struct rb_oid tip;
	struct rb_oid out;

	commit(fx, "drop-1");
	commit(fx, "drop-2");
	tip = oid_of(fx, "main");
	begin(fx);
	assert_int_equal(rb_rewrite_history(fx->rewrite, &tip, &out, NULL), RB_OK);
	assert_true(rb_oid_is_none(&out));
}

static void a_dropped_tip_stands_for_the_nearest_before_it(void **state)
{
	struct fixture *fx = *state;
	struct rb_oid tip;
	struct rb_oid one;
	struct rb_oid out;

	commit(fx, "one");
	commit(fx, "drop-1");
	tip = oid_of(fx, "main");
	one = oid_of(fx, "one");
	begin(fx);
	assert_int_equal(rb_rewrite_history(fx->rewrite, &tip, &out, NULL), RB_OK);
	assert_true(rb_oid_equal(&out, &one));
	assert_int_equal(rb_rewrite_count(fx->rewrite), 0);
}

static void merges_are_followed_along_all_parents(void **state)
{
	struct fixture *fx = *state;

	commit(fx, "one");
	commit(fx, "drop-1");
	sh("cd %s && git checkout -q -b side", fx->dir);
	commit(fx, "side-1");
	sh("cd %s && git checkout -q main", fx->dir);
	commit(fx, "two");
	sh("cd %s && git merge -q --no-ff -m merge side", fx->dir);
	rewrite_main(fx);
	sh_assert("one", sh_out("git -C %s log -1 --format=%%s new^1~1", fx->dir));
	sh_assert("one", sh_out("git -C %s log -1 --format=%%s new^2~1", fx->dir));
	sh("cd %s && git diff --quiet new main", fx->dir);
}

static void two_parents_that_become_one_are_one(void **state)
{
	struct fixture *fx = *state;

	commit(fx, "one");
	sh("cd %s && git checkout -q -b side", fx->dir);
	commit(fx, "drop-side");
	sh("cd %s && git checkout -q main && git merge -q --no-ff -m merge side", fx->dir);
	rewrite_main(fx);
	sh_assert("2",
	          sh_out("git -C %s cat-file commit new | grep -c '^parent\\|^tree'", fx->dir));
}

static void a_signature_goes_where_parents_change(void **state)
{
	struct fixture *fx = *state;

	commit(fx, "drop-1");
	commit(fx, "one");
	sh("cd %s && git cat-file commit main | sed 's/^committer .*/&\\ngpgsig -----BEGIN\\n "
	   "abc\\n "
	   "-----END\\nx-other kept\\n as it is/' >signed && git update-ref refs/heads/main "
	   "$(git hash-object -w -t commit --stdin <signed)",
	   fx->dir);
	rewrite_main(fx);
	sh_assert("0", sh_out("git -C %s cat-file commit new | grep -c 'gpgsig\\|abc' || true",
	                      fx->dir));
	sh_assert("x-other kept\n as it is",
	          sh_out("git -C %s cat-file commit new | sed -n '/^x-other/,/as it/p'", fx->dir));
}

static void bytes_of_a_message_stay(void **state)
{
	struct fixture *fx = *state;

	commit(fx, "drop-1");
	commit(fx, "one");
	sh("cd %s && { git cat-file commit main | sed '/^$/q'; printf 'odd \\377 "
	   "\\001\\r\\n\\n\\n'; } "
	   ">odd && git update-ref refs/heads/main "
	   "$(git hash-object -w -t commit --stdin <odd)",
	   fx->dir);
	rewrite_main(fx);
	sh("cd %s && grep -av '^parent' odd >a && git cat-file commit new | grep -av '^parent' >b "
	   "&& "
	   "cmp a b",
	   fx->dir);
}

static void the_same_input_gives_the_same_names(void **state)
{
	struct fixture *fx = *state;
	char *first;

	commit(fx, "drop-1");
	commit(fx, "one");
	rewrite_main(fx);
	first = sh_out("git -C %s rev-parse new", fx->dir);
	rb_rewrite_free(fx->rewrite);
	fx->rewrite = NULL;
	rb_pack_free(fx->pack);
	fx->pack = NULL;
	rewrite_main(fx);
	sh_assert(first, sh_out("git -C %s rev-parse new", fx->dir));
	free(first);
}

static void what_stays_of_a_commit_is_known_again(void **state)
{
	struct fixture *fx = *state;
	struct rb_oid before;
	struct rb_oid after;
	struct rb_oid other;
	struct rb_oid a;

	commit(fx, "drop-1");
	commit(fx, "one");
	commit(fx, "two");
	rewrite_main(fx);
	a = oid_of(fx, "one");
	assert_int_equal(rb_rewrite_identity(fx->repo, &a, &before, NULL), RB_OK);
	a = oid_of(fx, "new~1");
	assert_int_equal(rb_rewrite_identity(fx->repo, &a, &after, NULL), RB_OK);
	a = oid_of(fx, "two");
	assert_int_equal(rb_rewrite_identity(fx->repo, &a, &other, NULL), RB_OK);
	assert_true(rb_oid_equal(&before, &after));
	assert_false(rb_oid_equal(&before, &other));
}

static void what_is_seeded_is_not_looked_behind(void **state)
{
	struct fixture *fx = *state;
	struct rb_pack_stats stats;
	char hex[RB_OID_HEX_SIZE];
	struct rb_oid from;
	struct rb_oid to;
	struct rb_oid tip;
	struct rb_oid out;

	commit(fx, "fail");
	commit(fx, "two");
	commit(fx, "three");
	sh("cd %s && git checkout -q --orphan other && git rm -q -rf .", fx->dir);
	commit(fx, "base");
	from = oid_of(fx, "two");
	to = oid_of(fx, "base");
	tip = oid_of(fx, "three");
	begin(fx);
	assert_int_equal(rb_rewrite_seed(fx->rewrite, &from, &to, NULL), RB_OK);
	assert_int_equal(rb_rewrite_history(fx->rewrite, &tip, &out, NULL), RB_OK);
	assert_int_equal(rb_pack_finish(fx->pack, &stats, NULL), RB_OK);
	rb_oid_hex(&out, hex);
	sh_assert("three base ", subjects(fx, hex));
}

static void notes_serve_both_histories(void **state)
{
	struct fixture *fx = *state;
	struct rb_oid tip;
	struct rb_pack_stats stats;
	char hex[RB_OID_HEX_SIZE];
	struct rb_oid notes;
	struct rb_oid out;

	commit(fx, "one");
	commit(fx, "drop-1");
	commit(fx, "two");
	sh("cd %s && for c in one drop-1 two; do git notes --ref x add -m note-$c $c; done",
	   fx->dir);
	tip = oid_of(fx, "main");
	begin(fx);
	assert_int_equal(rb_rewrite_history(fx->rewrite, &tip, &out, NULL), RB_OK);
	assert_int_equal(rb_rewrite_notes(fx->rewrite, "refs/notes/none", &notes, NULL), RB_OK);
	assert_true(rb_oid_is_none(&notes));
	assert_int_equal(rb_rewrite_notes(fx->rewrite, "refs/notes/x", &notes, NULL), RB_OK);
	assert_int_equal(rb_pack_finish(fx->pack, &stats, NULL), RB_OK);
	rb_oid_hex(&notes, hex);
	sh("git -C %s update-ref refs/notes/x %s refs/notes/x", fx->dir, hex);
	rb_oid_hex(&out, hex);
	sh_assert("note-two", sh_out("git -C %s notes --ref x show %s", fx->dir, hex));
	sh_assert("note-two", sh_out("git -C %s notes --ref x show two", fx->dir));
	sh_assert("note-one", sh_out("git -C %s notes --ref x show one", fx->dir));
	sh_assert("4", sh_out("git -C %s notes --ref x list | wc -l", fx->dir));
	/* Nothing more to add. */
	assert_int_equal(rb_repo_refresh(fx->repo, NULL), RB_OK);
	assert_int_equal(rb_rewrite_notes(fx->rewrite, "refs/notes/x", &notes, NULL), RB_OK);
	assert_true(rb_oid_is_none(&notes));
}

static void failures_end_it(void **state)
{
	struct fixture *fx = *state;
	struct rb_err err = {0};
	struct rb_oid tip;
	struct rb_oid out;

	commit(fx, "fail");
	commit(fx, "one");
	tip = oid_of(fx, "main");
	begin(fx);
	assert_int_equal(rb_rewrite_history(fx->rewrite, &tip, &out, &err), RB_E_CONFLICT);
	assert_string_equal(err.msg, "met it");
	rb_cancel_request(15);
	assert_int_equal(rb_rewrite_history(fx->rewrite, &tip, &out, &err), RB_E_CANCELLED);
	rb_cancel_request(0);
	tip = oid_of(fx, "main^{tree}");
	assert_int_equal(rb_rewrite_history(fx->rewrite, &tip, &out, &err), RB_E_FORMAT);
	memset(&tip, 7, sizeof(tip));
	assert_int_equal(rb_rewrite_history(fx->rewrite, &tip, &out, &err), RB_E_NOTFOUND);
}

static int isolate(void **state)
{
	(void)state;
	sh_isolate_git();
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(nothing_but_parents_change),
	        TEST(a_root_that_goes_leaves_another_root),
	        TEST(an_event_follows_or_goes),
	        TEST(a_history_that_all_goes_is_none),
	        TEST(a_dropped_tip_stands_for_the_nearest_before_it),
	        TEST(merges_are_followed_along_all_parents),
	        TEST(two_parents_that_become_one_are_one),
	        TEST(a_signature_goes_where_parents_change),
	        TEST(bytes_of_a_message_stay),
	        TEST(the_same_input_gives_the_same_names),
	        TEST(what_stays_of_a_commit_is_known_again),
	        TEST(what_is_seeded_is_not_looked_behind),
	        TEST(notes_serve_both_histories),
	        TEST(failures_end_it),
	};

	return cmocka_run_group_tests(tests, isolate, NULL);
}
