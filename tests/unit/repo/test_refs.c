/*
 * rowback/repo/repo.h: refs, read, resolved and moved; notes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/sh.h"
#include "repo_priv.h"
#include "rowback/base/fs.h"
#include "rowback/repo/repo.h"

struct fixture {
	char dir[32];
	struct rb_repo *repo;
	struct rb_oid first;  /* a commit */
	struct rb_oid second; /* its child */
};

static const struct rb_oid none;

static struct rb_oid sh_oid(const char *dir, const char *command)
{
	char *text = sh_out("cd %s && %s", dir, command);
	struct rb_oid oid;

	assert_true(rb_oid_parse(text, &oid));
	free(text);
	return oid;
}

static int set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	if (!fx)
		return -1;
	*state = fx;
	snprintf(fx->dir, sizeof(fx->dir), "refs.XXXXXX");
	if (!mkdtemp(fx->dir) || rb_repo_init(fx->dir, "main", true, &fx->repo, NULL) < 0)
		return -1;
	fx->first = sh_oid(fx->dir, "git commit-tree -m 1 $(git mktree </dev/null)");
	fx->second = sh_oid(fx->dir, "git commit-tree -m 2 -p $(git commit-tree -m 1 $(git mktree "
	                             "</dev/null)) $(git mktree </dev/null)");
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fx = *state;
	int rc;

	rb_repo_free(fx->repo);
	rc = rb_fs_remove_tree(fx->dir, NULL);
	free(fx);
	return rc;
}

static void assert_out(const char *want, char *got)
{
	assert_string_equal(got, want);
	free(got);
}

static void assert_oid(const struct rb_oid *want, const struct rb_oid *got)
{
	assert_memory_equal(want->id, got->id, sizeof(want->id));
}

static int move(struct fixture *fx, const char *ref, const struct rb_oid *to,
                const struct rb_oid *from)
{
	return rb_repo_ref_update(fx->repo, ref, to, from, "backup: test", NULL);
}

static void assert_git_sees(struct fixture *fx, const char *ref, const struct rb_oid *want)
{
	char hex[RB_OID_HEX_SIZE];

	rb_oid_hex(want, hex);
	assert_out(hex, sh_out("git -C %s rev-parse %s", fx->dir, ref));
}

static void ref_is_made_moved_and_deleted(void **state)
{
	struct fixture *fx = *state;
	struct rb_oid oid;

	assert_int_equal(rb_repo_ref(fx->repo, "refs/heads/main", &oid, NULL), RB_E_NOTFOUND);
	assert_int_equal(rb_repo_ref(fx->repo, "HEAD", &oid, NULL), RB_E_NOTFOUND);

	assert_int_equal(move(fx, "refs/heads/main", &fx->first, &none), RB_OK);
	assert_git_sees(fx, "refs/heads/main", &fx->first);
	assert_int_equal(move(fx, "refs/heads/main", &fx->second, &fx->first), RB_OK);
	assert_git_sees(fx, "HEAD", &fx->second);
	assert_int_equal(rb_repo_ref(fx->repo, "HEAD", &oid, NULL), RB_OK);
	assert_oid(&fx->second, &oid);

	assert_int_equal(move(fx, "refs/heads/main", &none, &fx->second), RB_OK);
	assert_out("", sh_out("git -C %s for-each-ref", fx->dir));
	assert_out("", sh_out("ls %s/rowback", fx->dir));
}

static void head_names_a_branch_or_a_commit(void **state)
{
	struct fixture *fx = *state;
	struct rb_buf out = RB_BUF(64);
	char hex[RB_OID_HEX_SIZE];

	/* Also one that is not born yet. */
	sh("git -C %s symbolic-ref HEAD refs/heads/team/trunk", fx->dir);
	assert_int_equal(rb_repo_head_branch(fx->repo, &out, NULL), RB_OK);
	assert_string_equal(rb_buf_str(&out), "team/trunk");
	rb_oid_hex(&fx->first, hex);
	sh("git -C %s update-ref --no-deref HEAD %s", fx->dir, hex);
	assert_int_equal(rb_repo_head_branch(fx->repo, &out, NULL), RB_E_NOTFOUND);
	assert_string_equal(rb_buf_str(&out), "team/trunk");
	rb_buf_release(&out);
}

static void packed_ref_is_moved_and_deleted(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(move(fx, "refs/rowback/check", &fx->first, &none), RB_OK);
	sh("git -C %s pack-refs --all", fx->dir);
	assert_int_equal(move(fx, "refs/rowback/check", &fx->second, &fx->first), RB_OK);
	assert_git_sees(fx, "refs/rowback/check", &fx->second);
	sh("git -C %s pack-refs --all", fx->dir);
	assert_int_equal(move(fx, "refs/rowback/check", &none, &fx->second), RB_OK);
	assert_out("", sh_out("git -C %s for-each-ref", fx->dir));
}

static void ref_that_somebody_else_moved_stays(void **state)
{
	struct fixture *fx = *state;
	struct rb_err err = {0};

	assert_int_equal(
	        rb_repo_ref_update(fx->repo, "refs/heads/main", &fx->first, &fx->second, "x", &err),
	        RB_E_LOCKED);
	assert_string_equal(err.msg,
	                    "ref 'refs/heads/main' is not where it was: somebody else moved it");
	assert_int_equal(move(fx, "refs/heads/main", &none, &fx->second), RB_E_LOCKED);

	assert_int_equal(move(fx, "refs/heads/main", &fx->first, &none), RB_OK);
	assert_int_equal(move(fx, "refs/heads/main", &fx->second, &none), RB_E_LOCKED);
	assert_int_equal(move(fx, "refs/heads/main", &fx->first, &fx->second), RB_E_LOCKED);
	assert_int_equal(move(fx, "refs/heads/main", &none, &fx->second), RB_E_LOCKED);
	assert_git_sees(fx, "refs/heads/main", &fx->first);
}

static void move_has_a_line_in_the_reflog(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(move(fx, "refs/heads/main", &fx->first, &none), RB_OK);
	assert_int_equal(move(fx, "refs/heads/main", &fx->second, &fx->first), RB_OK);
	assert_out("C O Mitter <committer@example.com> backup: test\n"
	           "C O Mitter <committer@example.com> backup: test",
	           sh_out("git -C %s log -g --format='%%gn <%%ge> %%gs' main", fx->dir));
	assert_out("2", sh_out("git -C %s log -g --format=%%gs HEAD | wc -l", fx->dir));
}

static void ref_to_nothing_is_refused(void **state)
{
	struct fixture *fx = *state;
	struct rb_oid missing = {{1}};

	assert_true(move(fx, "refs/heads/main", &missing, &none) < 0);
	assert_int_equal(move(fx, "refs/heads/..", &fx->first, &none), RB_E_USAGE);
	assert_int_equal(move(fx, "refs/heads/a b", &fx->first, &none), RB_E_USAGE);
	assert_out("", sh_out("git -C %s for-each-ref", fx->dir));
}

static void lock_of_another_program_is_respected(void **state)
{
	struct fixture *fx = *state;
	struct rb_err err = {0};

	sh("touch %s/refs/heads/main.lock", fx->dir);
	assert_int_equal(
	        rb_repo_ref_update(fx->repo, "refs/heads/main", &fx->first, &none, "x", &err),
	        RB_E_LOCKED);
	assert_string_equal(err.msg, "ref 'refs/heads/main' is locked by another git program");
	assert_non_null(strstr(err.hint, "/refs/heads/main.lock'"));
	sh("test -e %s/refs/heads/main.lock", fx->dir);
}

/* The name of a process that has ended, as a note has it. */
static long dead_process(void)
{
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	assert_true(child > 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	return (long)child;
}

static void leave_note(struct fixture *fx, long pid, const char *ref, const struct rb_oid *to)
{
	char hex[RB_OID_HEX_SIZE];

	rb_oid_hex(to, hex);
	sh("mkdir -p %s/rowback && printf 'rowback %ld 1\\n%s\\n%s\\n' >%s/rowback/ref-update",
	   fx->dir, pid, ref, hex, fx->dir);
}

static void lock_of_a_run_that_was_killed_is_removed(void **state)
{
	struct fixture *fx = *state;
	char hex[RB_OID_HEX_SIZE];
	long pid = dead_process();

	/* It was killed before it wrote into the lock, and after. */
	leave_note(fx, pid, "refs/heads/main", &fx->first);
	sh("touch %s/refs/heads/main.lock", fx->dir);
	assert_int_equal(move(fx, "refs/heads/main", &fx->first, &none), RB_OK);

	rb_oid_hex(&fx->second, hex);
	leave_note(fx, pid, "refs/heads/main", &fx->second);
	sh("echo %s >%s/refs/heads/main.lock", hex, fx->dir);
	assert_int_equal(move(fx, "refs/heads/main", &fx->second, &fx->first), RB_OK);
}

/* The next run may move another ref first; after that nothing would explain the lock. */
static void lock_that_a_killed_run_left_on_another_ref_is_removed(void **state)
{
	struct fixture *fx = *state;

	leave_note(fx, dead_process(), "refs/heads/main", &fx->first);
	sh("touch %s/refs/heads/main.lock", fx->dir);
	assert_int_equal(move(fx, "refs/heads/other", &fx->first, &none), RB_OK);
	assert_int_equal(move(fx, "refs/heads/main", &fx->first, &none), RB_OK);
	/* A name that no ref has leads nowhere. */
	sh("touch %s/x.lock", fx->dir);
	leave_note(fx, dead_process(), "refs/../x", &fx->first);
	assert_int_equal(move(fx, "refs/heads/other", &fx->second, &fx->first), RB_OK);
	sh("test -e %s/x.lock", fx->dir);
}

static void lock_at_packed_refs_goes_with_the_deletion_that_took_it(void **state)
{
	struct fixture *fx = *state;

	leave_note(fx, dead_process(), "refs/heads/gone", &none);
	sh("touch %s/packed-refs.lock", fx->dir);
	assert_int_equal(move(fx, "refs/heads/main", &fx->first, &none), RB_OK);
	assert_int_not_equal(sh_status("test -e %s/packed-refs.lock", fx->dir), 0);
	/* Of a move that was no deletion; of another time. */
	leave_note(fx, dead_process(), "refs/heads/other", &fx->first);
	sh("touch %s/packed-refs.lock", fx->dir);
	assert_int_equal(move(fx, "refs/heads/main", &fx->second, &fx->first), RB_OK);
	sh("test -e %s/packed-refs.lock", fx->dir);
	leave_note(fx, dead_process(), "refs/heads/gone", &none);
	sh("touch -d '1 minute' %s/packed-refs.lock", fx->dir);
	assert_int_equal(move(fx, "refs/heads/main", &fx->first, &fx->second), RB_OK);
	sh("test -e %s/packed-refs.lock", fx->dir);
}

static void lock_that_the_note_does_not_explain_stays(void **state)
{
	struct fixture *fx = *state;
	char hex[RB_OID_HEX_SIZE];
	long pid = dead_process();

	/* Of another ref; of a process that lives; of another commit. */
	sh("touch %s/refs/heads/main.lock", fx->dir);
	leave_note(fx, pid, "refs/heads/mainline", &fx->first);
	assert_int_equal(move(fx, "refs/heads/main", &fx->first, &none), RB_E_LOCKED);
	leave_note(fx, (long)getppid(), "refs/heads/main", &fx->first);
	sh("sed -i 's/ 1$/ 0/' %s/rowback/ref-update", fx->dir);
	assert_int_equal(move(fx, "refs/heads/main", &fx->first, &none), RB_E_LOCKED);
	rb_oid_hex(&fx->second, hex);
	sh("echo %s >%s/refs/heads/main.lock", hex, fx->dir);
	leave_note(fx, pid, "refs/heads/main", &fx->first);
	assert_int_equal(move(fx, "refs/heads/main", &fx->first, &none), RB_E_LOCKED);
}

static void lock_from_before_the_last_start_is_removed(void **state)
{
	struct fixture *fx = *state;

	sh("touch -d @1000000000 %s/refs/heads/main.lock", fx->dir);
	assert_int_equal(move(fx, "refs/heads/main", &fx->first, &none), RB_OK);
}

static int collect(void *ctx, const char *ref, const struct rb_oid *oid, struct rb_err *err)
{
	char hex[RB_OID_HEX_SIZE];

	rb_oid_hex(oid, hex);
	return rb_buf_addf(ctx, err, "%s %s\n", hex, ref);
}

static void refs_are_listed_by_name(void **state)
{
	struct fixture *fx = *state;
	struct rb_buf out = RB_BUF(10000);
	char first[RB_OID_HEX_SIZE];
	char *want;

	rb_oid_hex(&fx->first, first);
	for (int i = 0; i < 100; i++) {
		char ref[64];

		snprintf(ref, sizeof(ref), "refs/rowback/%d%s", i * 37 % 100, i % 3 ? "/x" : "-y");
		assert_int_equal(move(fx, ref, &fx->first, &none), RB_OK);
		if (i == 50)
			sh("git -C %s pack-refs --all", fx->dir);
	}
	sh("cd %s && git symbolic-ref refs/rowback/sym refs/rowback/0-y &&"
	   "git symbolic-ref refs/rowback/broken refs/heads/nothing &&"
	   "git update-ref refs/other/a %s && git tag -m x refs-tag %s",
	   fx->dir, first, first);
	want = sh_out("cd %s && git for-each-ref --format='%%(objectname) %%(refname)' "
	              "refs/rowback 2>/dev/null | grep -v broken",
	              fx->dir);
	assert_int_equal(rb_repo_ref_each(fx->repo, "refs/rowback/", collect, &out, NULL), RB_OK);
	assert_int_equal(rb_buf_adds(&out, "", NULL), RB_OK);
	out.data[out.len - 1] = '\0';
	assert_string_equal(out.data, want);
	free(want);

	rb_buf_clear(&out);
	assert_int_equal(rb_repo_ref_each(fx->repo, "refs/nothing/", collect, &out, NULL), RB_OK);
	assert_int_equal(out.len, 0);
	rb_buf_release(&out);
}

static void names_and_hashes_are_resolved(void **state)
{
	static const char *const names[] = {"main",      "heads/main", "refs/heads/main", "HEAD",
	                                    "light-tag", "full-tag",   "origin/main"};
	struct fixture *fx = *state;
	struct rb_oid oid;
	char hex[RB_OID_HEX_SIZE];

	rb_oid_hex(&fx->second, hex);
	sh("cd %s && git update-ref refs/heads/main %s && git tag light-tag main &&"
	   "git tag -m x full-tag main && git update-ref refs/remotes/origin/main main",
	   fx->dir, hex);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(rb_repo_resolve(fx->repo, names[i], &oid, NULL), RB_OK);
		assert_oid(&fx->second, &oid);
	}
	for (size_t len = 40; len >= 4; len--) {
		hex[len] = '\0';
		assert_int_equal(rb_repo_resolve(fx->repo, hex, &oid, NULL), RB_OK);
		assert_oid(&fx->second, &oid);
	}
	rb_oid_hex(&fx->second, hex);
	hex[0] = (char)(hex[0] >= 'a' ? hex[0] - 'a' + 'A' : hex[0]);
	assert_int_equal(rb_repo_resolve(fx->repo, hex, &oid, NULL), RB_OK);
}

static void what_names_no_commit_is_notfound(void **state)
{
	static const char *const names[] = {
	        "",     "nothing", "abc", "0000", "0123456789012345678901234567890123456789",
	        "main", "a..b",    "-x",  "HEAD", "01234567890123456789012345678901234567890"};
	struct fixture *fx = *state;
	struct rb_err err = {0};
	struct rb_oid oid;
	char *blob = sh_out("cd %s && echo x | git hash-object -w --stdin", fx->dir);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(rb_repo_resolve(fx->repo, names[i], &oid, &err), RB_E_NOTFOUND);
	assert_int_equal(rb_repo_resolve(fx->repo, blob, &oid, &err), RB_E_NOTFOUND);
	blob[8] = '\0';
	assert_int_equal(rb_repo_resolve(fx->repo, blob, &oid, &err), RB_E_NOTFOUND);
	assert_string_equal(err.msg, "there is no commit '587be6b4'");
	free(blob);
}

/* Among 9,000 blobs some share four digits with the commit. */
static void short_hash_means_a_commit_before_a_blob(void **state)
{
	struct fixture *fx = *state;
	struct rb_err err = {0};
	struct rb_oid oid;
	char *shared;
	char hex[RB_OID_HEX_SIZE];
	char message[64];

	sh("cd %s && T=$(git mktree </dev/null) && for i in $(seq 300); do echo \"commit "
	   "refs/heads/branch-$i\ncommitter a <a@b> $i +0000\ndata 1\nx\n\"; done >in;"
	   "for i in $(seq 9000); do printf 'blob\\ndata %%d\\n%%s\\n' ${#i} $i; done >>in;"
	   "git fast-import --quiet <in",
	   fx->dir);
	/* A commit whose first four digits no other commit has but some blob. */
	shared = sh_out(
	        "cd %s && git cat-file --batch-all-objects --batch-check | sort |"
	        " awk '{p = substr($1, 1, 4); n[p]++; if ($2 == \"commit\") { c[p]++; w[p] = "
	        "$1 }} END { for (p in c) if (c[p] == 1 && n[p] > 1) { print w[p]; exit } }'",
	        fx->dir);
	assert_int_equal(strlen(shared), 40);
	assert_int_equal(rb_repo_refresh(fx->repo, NULL), RB_OK);
	strcpy(hex, shared);
	hex[4] = '\0';
	assert_int_equal(rb_repo_resolve(fx->repo, hex, &oid, NULL), RB_OK);
	rb_oid_hex(&oid, hex);
	assert_string_equal(hex, shared);
	free(shared);

	shared = sh_out("cd %s && git rev-list --all | cut -c1-4 | sort | uniq -d | head -1",
	                fx->dir);
	if (shared[0]) {
		assert_int_equal(rb_repo_resolve(fx->repo, shared, &oid, &err), RB_E_USAGE);
		snprintf(message, sizeof(message), "'%s' is the beginning of 2 commits", shared);
		assert_string_equal(err.msg, message);
	}
	free(shared);
}

static void ref_to_a_blob_is_format(void **state)
{
	struct fixture *fx = *state;
	struct rb_err err = {0};
	struct rb_oid oid;

	sh("cd %s && git update-ref refs/x/blob $(echo x | git hash-object -w --stdin)", fx->dir);
	assert_int_equal(rb_repo_ref(fx->repo, "refs/x/blob", &oid, &err), RB_E_FORMAT);
	assert_string_equal(err.msg, "ref 'refs/x/blob' points to no commit");
}

static void note_is_set_replaced_and_read(void **state)
{
	struct fixture *fx = *state;
	struct rb_buf out = RB_BUF(1000);
	struct rb_err err = {0};
	char hex[RB_OID_HEX_SIZE];
	char want[128];

	rb_oid_hex(&fx->first, hex);
	assert_int_equal(rb_repo_note_get(fx->repo, "rowback", &fx->first, &out, &err),
	                 RB_E_NOTFOUND);
	snprintf(want, sizeof(want), "commit %s has no note in 'refs/notes/rowback'", hex);
	assert_string_equal(err.msg, want);

	assert_int_equal(rb_repo_note_set(fx->repo, "rowback", &fx->first, "drill: ok\n", NULL),
	                 RB_OK);
	assert_int_equal(rb_repo_note_set(fx->repo, "rowback", &fx->second, "other\n", NULL),
	                 RB_OK);
	assert_out("drill: ok", sh_out("git -C %s notes --ref rowback show %s", fx->dir, hex));
	assert_int_equal(rb_repo_note_set(fx->repo, "rowback", &fx->first, "again\n", NULL), RB_OK);
	assert_out("again", sh_out("git -C %s notes --ref rowback show %s", fx->dir, hex));
	assert_int_equal(rb_repo_note_get(fx->repo, "rowback", &fx->first, &out, NULL), RB_OK);
	assert_string_equal(rb_buf_str(&out), "again\n");
	assert_out("3", sh_out("git -C %s rev-list --count refs/notes/rowback", fx->dir));
	sh("git -C %s fsck --strict", fx->dir);
	rb_buf_release(&out);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	        TEST(ref_is_made_moved_and_deleted),
	        TEST(head_names_a_branch_or_a_commit),
	        TEST(packed_ref_is_moved_and_deleted),
	        TEST(ref_that_somebody_else_moved_stays),
	        TEST(move_has_a_line_in_the_reflog),
	        TEST(ref_to_nothing_is_refused),
	        TEST(lock_of_another_program_is_respected),
	        TEST(lock_of_a_run_that_was_killed_is_removed),
	        TEST(lock_that_a_killed_run_left_on_another_ref_is_removed),
	        TEST(lock_at_packed_refs_goes_with_the_deletion_that_took_it),
	        TEST(lock_that_the_note_does_not_explain_stays),
	        TEST(lock_from_before_the_last_start_is_removed),
	        TEST(refs_are_listed_by_name),
	        TEST(names_and_hashes_are_resolved),
	        TEST(what_names_no_commit_is_notfound),
	        TEST(short_hash_means_a_commit_before_a_blob),
	        TEST(ref_to_a_blob_is_format),
	        TEST(note_is_set_replaced_and_read),
	};

	sh_isolate_git();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
