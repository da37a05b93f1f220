/*
 * rowback/repo/remote.h: pushing to, listing and fetching from a path, and what git's words
 * come to.  Servers are in tests/integration.
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

static int push(struct pair *fx, struct rb_push_ref *refs, size_t count)
{
	struct rb_push_stats stats;

	return rb_remote_push(fx->repo, "origin", refs, count, PAIR_TIMEOUT_MS, &stats, &fx->err);
}

static void pushed_refs_are_on_the_remote(void **state)
{
	struct pair *fx = *state;
	struct rb_push_ref refs[] = {
	        {.oid = fx->two, .ref = "refs/heads/main"},
	        {.oid = fx->one, .ref = "refs/rowback/check/main", .optional = true},
	};
	struct rb_push_stats stats;

	assert_int_equal(
	        rb_remote_push(fx->repo, "origin", refs, 2, PAIR_TIMEOUT_MS, &stats, &fx->err),
	        RB_OK);
	assert_true(refs[0].accepted);
	assert_true(refs[1].accepted);
	assert_string_equal(refs[0].reason, "");
	assert_in_range(stats.bytes_sent, 100, 2000);
	sh_assert("two refs/heads/main\none refs/rowback/check/main",
	          sh_out("git -C %s/far.git for-each-ref --format='%%(subject) %%(refname)'",
	                 fx->dir));
}

static void a_ref_that_is_there_is_accepted_and_costs_nothing(void **state)
{
	struct pair *fx = *state;
	struct rb_push_ref ref = {.oid = fx->two, .ref = "refs/heads/main"};
	struct rb_push_stats stats = {.bytes_sent = 1};

	assert_int_equal(push(fx, &ref, 1), RB_OK);
	assert_int_equal(
	        rb_remote_push(fx->repo, "origin", &ref, 1, PAIR_TIMEOUT_MS, &stats, &fx->err),
	        RB_OK);
	assert_true(ref.accepted);
	assert_int_equal(stats.bytes_sent, 0);
}

static void a_diverged_branch_is_left_alone(void **state)
{
	struct pair *fx = *state;
	struct rb_push_ref ref = {.oid = fx->other, .ref = "refs/heads/main"};

	assert_int_equal(push(fx, &ref, 1), RB_OK);
	ref.oid = fx->two;
	assert_int_equal(push(fx, &ref, 1), RB_E_REJECTED);
	assert_false(ref.accepted);
	assert_string_equal(ref.reason, "non-fast-forward");
	assert_string_equal(fx->err.msg,
	                    "cannot push to 'origin' (../far.git): refs/heads/main has "
	                    "diverged there (non-fast-forward)");
	assert_string_equal(
	        fx->err.hint,
	        "another writer pushed to it, and rowback never merges or overwrites: give this "
	        "store a branch of its own (rowback.branch), or begin again from the remote with "
	        "'rowback init --remote URL DIR'");
	sh_assert("other", sh_out("git -C %s/far.git log -1 --format=%%s main", fx->dir));
}

static void a_branch_with_unknown_commits_has_diverged(void **state)
{
	struct pair *fx = *state;
	struct rb_push_ref ref = {.oid = fx->two, .ref = "refs/heads/main"};

	sh("cd %s && git clone -q store far2 && cd far2 && git commit -q --allow-empty -m far && "
	   "git push -q ../far.git HEAD:main",
	   fx->dir);
	assert_int_equal(push(fx, &ref, 1), RB_E_REJECTED);
	assert_string_equal(ref.reason, "fetch first");
}

static void a_lease_moves_a_ref_only_from_where_it_was_seen(void **state)
{
	struct pair *fx = *state;
	struct rb_push_ref ref = {.oid = fx->other, .ref = "refs/heads/main", .lease = true};

	assert_int_equal(push(fx, &ref, 1), RB_OK); /* expected: not there */
	ref.oid = fx->two;
	ref.expected = fx->one;
	assert_int_equal(push(fx, &ref, 1), RB_E_REJECTED);
	assert_string_equal(ref.reason, "stale info");
	memset(&ref.expected, 0, sizeof(ref.expected));
	assert_int_equal(push(fx, &ref, 1), RB_E_REJECTED);
	ref.expected = fx->other;
	assert_int_equal(push(fx, &ref, 1), RB_OK);
	sh_assert("two", sh_out("git -C %s/far.git log -1 --format=%%s main", fx->dir));
}

static void an_empty_name_deletes_the_ref(void **state)
{
	struct pair *fx = *state;
	struct rb_push_ref ref = {.oid = fx->one, .ref = "refs/rowback/old"};

	assert_int_equal(push(fx, &ref, 1), RB_OK);
	memset(&ref.oid, 0, sizeof(ref.oid));
	assert_int_equal(push(fx, &ref, 1), RB_OK);
	assert_true(ref.accepted);
	sh_assert("", sh_out("git -C %s/far.git for-each-ref", fx->dir));
}

static void a_refusal_repeats_the_hooks_words(void **state)
{
	struct pair *fx = *state;
	struct rb_push_ref ref = {.oid = fx->two, .ref = "refs/heads/main"};

	pair_add_hook(fx, "pre-receive",
	              "#!/bin/sh\necho 'not on a Friday, see https://u:s3cret@wiki/x' >&2\n"
	              "echo ---------- >&2\necho 'ask ops' >&2\nexit 1\n");
	assert_int_equal(push(fx, &ref, 1), RB_E_REJECTED);
	assert_string_equal(ref.reason, "pre-receive hook declined");
	assert_string_equal(fx->err.msg,
	                    "cannot push to 'origin' (../far.git): refs/heads/main was "
	                    "refused (pre-receive hook declined): not on a Friday, see "
	                    "https://u:***@wiki/x; ask ops");
	assert_string_equal(fx->err.hint,
	                    "the remote's rules or hooks decide: let this key push to "
	                    "refs/heads/main there; the backup is safe in the local store");
}

static void an_optional_ref_may_be_refused(void **state)
{
	struct pair *fx = *state;
	struct rb_push_ref refs[] = {
	        {.oid = fx->one, .ref = "refs/rowback/check/main", .optional = true},
	        {.oid = fx->two, .ref = "refs/heads/main"},
	};

	pair_add_hook(fx, "update", "#!/bin/sh\ncase $1 in refs/heads/*) exit 0;; esac; exit 1\n");
	assert_int_equal(push(fx, refs, 2), RB_OK);
	assert_false(refs[0].accepted);
	assert_string_equal(refs[0].reason, "hook declined");
	assert_true(refs[1].accepted);
}

/* What github.com prints, shortened. */
static const char protection[] =
        "#!/bin/sh\ncat >&2 <<'E'\n"
        "error: GH013: Repository rule violations found for refs/heads/main.\n\n"
        "- GITHUB PUSH PROTECTION\n"
        "  \xe2\x80\x94\xe2\x80\x94\xe2\x80\x94\xe2\x80\x94\n"
        "    Resolve the following violations before pushing again\n\n"
        "    - Push cannot contain secrets\n\n"
        "      \xe2\x80\x94\xe2\x80\x94 GitHub Personal Access Token \xe2\x80\x94\xe2\x80\x94\n"
        "       locations:\n"
        "         - commit: 8728dbe67\n"
        "           path: app/users/rows/0001.jsonl:4\n"
        "         - commit: 8728dbe67\n"
        "           path: app/users/rows/0002.jsonl:9\n\n"
        "       (?) To push, remove secret from commit(s) or follow this URL to allow the secret.\n"
        "       https://github.com/me/x/security/secret-scanning/unblock-secret/2abc\n"
        "E\nexit 1\n";

static void push_protection_names_path_and_line(void **state)
{
	struct pair *fx = *state;
	struct rb_push_ref ref = {.oid = fx->two, .ref = "refs/heads/main"};

	pair_add_hook(fx, "pre-receive", protection);
	assert_int_equal(push(fx, &ref, 1), RB_E_REJECTED);
	assert_string_equal(fx->err.msg,
	                    "cannot push to 'origin' (../far.git): the host found a secret in "
	                    "'app/users/rows/0001.jsonl:4' of commit 8728dbe67 (GitHub Personal "
	                    "Access Token)");
	assert_string_equal(fx->err.hint,
	                    "leave that table or column out of the backup, or allow it at "
	                    "https://github.com/me/x/security/secret-scanning/unblock-secret/2abc "
	                    "and run it again");
}

static void hooks_for_peoples_pushes_do_not_run(void **state)
{
	struct pair *fx = *state;
	struct rb_push_ref ref = {.oid = fx->two, .ref = "refs/heads/main"};

	sh("cd %s/store && printf '#!/bin/sh\\nexit 1\\n' >.git/hooks/pre-push && "
	   "chmod 700 .git/hooks/pre-push && git config push.followTags true && "
	   "git tag -a -m t v1 two",
	   fx->dir);
	assert_int_equal(push(fx, &ref, 1), RB_OK);
	sh_assert("refs/heads/main",
	          sh_out("git -C %s/far.git for-each-ref --format='%%(refname)'", fx->dir));
}

static void a_missing_repository_is_notfound(void **state)
{
	struct pair *fx = *state;
	struct rb_push_ref ref = {.oid = fx->two, .ref = "refs/heads/main"};

	sh("rm -rf %s/far.git", fx->dir);
	assert_int_equal(push(fx, &ref, 1), RB_E_NOTFOUND);
	assert_false(ref.accepted);
	assert_string_equal(fx->err.msg,
	                    "cannot push to 'origin' (../far.git): '../far.git' does not "
	                    "appear to be a git repository");
	pair_assert_text(fx, fx->err.hint,
	                 "make the repository there first, or correct the URL: git -C '@/store' "
	                 "remote set-url NAME URL");
}

static void a_missing_remote_is_notfound(void **state)
{
	struct pair *fx = *state;
	struct rb_push_ref ref = {.oid = fx->two, .ref = "refs/heads/main"};

	assert_int_equal(rb_remote_push(fx->repo, "up", &ref, 1, PAIR_TIMEOUT_MS, NULL, &fx->err),
	                 RB_E_NOTFOUND);
	assert_string_equal(fx->err.msg, "there is no remote 'up'");
	pair_assert_text(fx, fx->err.hint, "git -C '@/store' remote add up URL");
}

static void several_push_urls_are_refused(void **state)
{
	struct pair *fx = *state;
	struct rb_push_ref ref = {.oid = fx->two, .ref = "refs/heads/main"};

	sh("git -C %s/store config remote.origin.pushurl a && "
	   "git -C %s/store config --add remote.origin.pushurl b",
	   fx->dir, fx->dir);
	assert_int_equal(push(fx, &ref, 1), RB_E_UNSUPPORTED);
	assert_string_equal(fx->err.msg, "remote 'origin' has several push URLs");
}

static void a_remote_that_stalls_is_given_up(void **state)
{
	struct pair *fx = *state;
	struct rb_push_ref ref = {.oid = fx->two, .ref = "refs/heads/main"};

	sh("git -C %s/store remote set-url origin ssh://git@host/x", fx->dir);
	setenv("GIT_SSH_COMMAND", "sleep 3600 #", 1);
	assert_int_equal(rb_remote_push(fx->repo, "origin", &ref, 1, 300, NULL, &fx->err),
	                 RB_E_TIMEOUT);
	assert_string_equal(fx->err.msg,
	                    "cannot push to 'origin' (ssh://git@host/x): 'git' was ended "
	                    "after 0.3 s, its time limit");
	assert_false(ref.accepted);
}

/* Words as OpenSSH, curl and hosts print them, and what they are taken for. */
static void words_of_failure_have_their_status(void **state)
{
	static const struct {
		const char *words;
		int status;
		const char *shown;
	} cases[] = {
	        {"git@host: Permission denied (publickey).", RB_E_AUTH,
	         "git@host: Permission denied (publickey)."},
	        {"Host key verification failed.", RB_E_AUTH, "Host key verification failed."},
	        {"ERROR: Permission to me/x.git denied to you.", RB_E_AUTH,
	         "Permission to me/x.git denied to you."},
	        {"ERROR: The key you are authenticating with has been marked as read only.",
	         RB_E_AUTH, "The key you are authenticating with has been marked as read only."},
	        {"ERROR: Repository not found.", RB_E_NOTFOUND, "Repository not found."},
	        {"remote: \nremote: The project you were looking for could not be found.",
	         RB_E_NOTFOUND, "The project you were looking for could not be found."},
	        {"ssh: Could not resolve hostname nowhere: Name or service not known",
	         RB_E_REJECTED,
	         "ssh: Could not resolve hostname nowhere: Name or service not known"},
	        {"ssh: connect to host h port 22: Connection refused", RB_E_REJECTED,
	         "ssh: connect to host h port 22: Connection refused"},
	        {"ssh: connect to host h port 22: Connection timed out", RB_E_REJECTED,
	         "ssh: connect to host h port 22: Connection timed out"},
	        {"Timeout, server h not responding.", RB_E_TIMEOUT,
	         "Timeout, server h not responding."},
	        {"Connection closed by 192.0.2.1 port 22", RB_E_REJECTED,
	         "Connection closed by 192.0.2.1 port 22"},
	        {"fatal: unable to access 'https://u:pw@h/x/': SSL certificate problem: expired",
	         RB_E_AUTH,
	         "unable to access 'https://u:***@h/x/': SSL certificate problem: expired"},
	        {"fatal: unable to access 'https://h/x/': The requested URL returned error: 403",
	         RB_E_AUTH,
	         "unable to access 'https://h/x/': The requested URL returned error: 403"},
	        {"fatal: something\033[31m new", RB_E_REJECTED, "something [31m new"},
	};
	struct pair *fx = *state;

	sh("git -C %s/store remote set-url origin host:x", fx->dir);
	setenv("GIT_SSH_COMMAND", "printf '%s\\n' \"$WORDS\" >&2; exit 255; #", 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rb_remote_refs refs;
		char *want =
		        sh_out("cat <<'E'\ncannot read 'origin' (host:x): %s\nE", cases[i].shown);

		setenv("WORDS", cases[i].words, 1);
		assert_int_equal(
		        rb_remote_list(fx->repo, "origin", NULL, PAIR_TIMEOUT_MS, &refs, &fx->err),
		        cases[i].status);
		assert_string_equal(fx->err.msg, want);
		assert_true(strlen(fx->err.hint) > 0);
		assert_int_equal(refs.count, 0);
		free(want);
	}
	unsetenv("WORDS");
}

static void ssh_asks_nothing_unless_the_user_says_how(void **state)
{
	struct pair *fx = *state;
	struct rb_remote_refs refs;

	sh("git -C %s/store remote set-url origin host:x", fx->dir);
	pair_add_program(fx, "ssh", "#!/bin/sh\necho \"$*\" >>\"${0%/*}/log\"\nexit 255\n");
	assert_int_not_equal(rb_remote_list(fx->repo, "origin", NULL, PAIR_TIMEOUT_MS, &refs, NULL),
	                     RB_OK);
	sh("git -C %s/store config core.sshCommand 'ssh -v'", fx->dir);
	assert_int_not_equal(rb_remote_list(fx->repo, "origin", NULL, PAIR_TIMEOUT_MS, &refs, NULL),
	                     RB_OK);
	sh_assert("-o BatchMode=yes -o ConnectTimeout=15 -o ServerAliveInterval=15 -o "
	          "ServerAliveCountMax=4 -o SendEnv=GIT_PROTOCOL host git-upload-pack 'x'\n"
	          "-v -o SendEnv=GIT_PROTOCOL host git-upload-pack 'x'",
	          sh_out("cat %s/bin/log", fx->dir));
}

/* rowback may be started from a hook of another repository. */
static void variables_of_another_repository_do_not_arrive(void **state)
{
	struct pair *fx = *state;
	struct rb_buf version = RB_BUF(100);
	char *names = sh_out("git rev-parse --local-env-vars");
	char *pattern = sh_out("git rev-parse --local-env-vars | sed 's/^/-e ^/;s/$/=/' | "
	                       "tr '\\n' ' '");

	pair_add_program(fx, "git",
	                 "#!/bin/sh\nenv >\"${0%/*}/log\"\necho 'git version 9.8.7 (x)'\n");
	for (char *name = strtok(names, "\n"); name; name = strtok(NULL, "\n"))
		setenv(name, "1", 1);
	assert_int_equal(rb_remote_git_version(&version, &fx->err), RB_OK);
	assert_string_equal(rb_buf_str(&version), "9.8.7");
	sh_assert("", sh_out("grep %s %s/bin/log || :", pattern, fx->dir));

	/* The pattern has the names still: "-e ^NAME= ". */
	for (char *name = strtok(pattern, "^= "); name; name = strtok(NULL, "^= "))
		unsetenv(name);
	free(names);
	free(pattern);
	rb_buf_release(&version);
}

static void without_git_there_is_a_hint(void **state)
{
	struct pair *fx = *state;
	struct rb_buf version = RB_BUF(100);

	setenv("PATH", "/nonexistent", 1);
	assert_int_equal(rb_remote_git_version(&version, &fx->err), RB_E_NOTFOUND);
	assert_string_equal(fx->err.hint, "install git: rowback runs it to reach remotes");
}

static void a_list_has_the_refs_asked_for_sorted(void **state)
{
	static const char *const patterns[] = {"refs/heads/main", "refs/rowback/*", NULL};
	struct pair *fx = *state;
	struct rb_remote_refs refs;

	sh("cd %s/store && git tag -a -m t v1 && git push -q ../far.git two:refs/heads/main "
	   "one:refs/x/refs/heads/main one:refs/rowback/b two:refs/rowback/a v1",
	   fx->dir);
	assert_int_equal(
	        rb_remote_list(fx->repo, "origin", patterns, PAIR_TIMEOUT_MS, &refs, &fx->err),
	        RB_OK);
	assert_int_equal(refs.count, 3);
	assert_string_equal(refs.refs[0].ref, "refs/heads/main");
	assert_string_equal(refs.refs[1].ref, "refs/rowback/a");
	assert_string_equal(refs.refs[2].ref, "refs/rowback/b");
	assert_memory_equal(rb_remote_refs_find(&refs, "refs/heads/main"), &fx->two, 20);
	assert_null(rb_remote_refs_find(&refs, "refs/heads/mai"));
	rb_remote_refs_release(&refs);

	/* All of it, by URL, with tags but not what they point to. */
	assert_int_equal(
	        rb_remote_list(fx->repo, "../far.git", NULL, PAIR_TIMEOUT_MS, &refs, &fx->err),
	        RB_OK);
	assert_int_equal(refs.count, 5);
	rb_remote_refs_release(&refs);
}

static void an_empty_repository_has_no_refs(void **state)
{
	struct pair *fx = *state;
	struct rb_remote_refs refs;

	assert_int_equal(rb_remote_list(fx->repo, "origin", NULL, PAIR_TIMEOUT_MS, &refs, &fx->err),
	                 RB_OK);
	assert_int_equal(refs.count, 0);
	rb_remote_refs_release(&refs);
}

static void a_fetch_makes_one_pack_and_moves_the_ref(void **state)
{
	static const char *const specs[] = {"+refs/heads/main:refs/remotes/origin/main", NULL};
	struct pair *fx = *state;
	char *hex;
	struct rb_oid oid;

	sh("cd %s && git clone -q store far2 && cd far2 && echo x >x && git add x && "
	   "git commit -q -m far && git push -q ../far.git HEAD:main",
	   fx->dir);
	hex = sh_out("git -C %s/far2 rev-parse HEAD", fx->dir);
	assert_true(rb_oid_parse(hex, &oid));
	assert_false(rb_repo_has(fx->repo, &oid));
	assert_int_equal(rb_remote_fetch(fx->repo, "origin", specs, PAIR_TIMEOUT_MS, &fx->err),
	                 RB_OK);
	assert_true(rb_repo_has(fx->repo, &oid));
	sh_assert(hex, sh_out("git -C %s/store rev-parse origin/main", fx->dir));
	sh_assert("1", sh_out("ls %s/store/.git/objects/pack/*.pack | wc -l", fx->dir));
	assert_int_equal(sh_status("test -e %s/store/.git/FETCH_HEAD", fx->dir), 1);
	free(hex);
}

static void fetching_what_is_not_there_is_notfound(void **state)
{
	static const char *const specs[] = {"refs/heads/none:refs/remotes/origin/none", NULL};
	struct pair *fx = *state;

	assert_int_equal(rb_remote_fetch(fx->repo, "origin", specs, PAIR_TIMEOUT_MS, &fx->err),
	                 RB_E_NOTFOUND);
	assert_string_equal(fx->err.msg, "cannot fetch from 'origin' (../far.git): couldn't find "
	                                 "remote ref refs/heads/none");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pair_set_up, pair_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(pushed_refs_are_on_the_remote),
	        TEST(a_ref_that_is_there_is_accepted_and_costs_nothing),
	        TEST(a_diverged_branch_is_left_alone),
	        TEST(a_branch_with_unknown_commits_has_diverged),
	        TEST(a_lease_moves_a_ref_only_from_where_it_was_seen),
	        TEST(an_empty_name_deletes_the_ref),
	        TEST(a_refusal_repeats_the_hooks_words),
	        TEST(an_optional_ref_may_be_refused),
	        TEST(push_protection_names_path_and_line),
	        TEST(hooks_for_peoples_pushes_do_not_run),
	        TEST(a_missing_repository_is_notfound),
	        TEST(a_missing_remote_is_notfound),
	        TEST(several_push_urls_are_refused),
	        TEST(a_remote_that_stalls_is_given_up),
	        TEST(words_of_failure_have_their_status),
	        TEST(ssh_asks_nothing_unless_the_user_says_how),
	        TEST(variables_of_another_repository_do_not_arrive),
	        TEST(without_git_there_is_a_hint),
	        TEST(a_list_has_the_refs_asked_for_sorted),
	        TEST(an_empty_repository_has_no_refs),
	        TEST(a_fetch_makes_one_pack_and_moves_the_ref),
	        TEST(fetching_what_is_not_there_is_notfound),
	};

	return cmocka_run_group_tests(tests, pair_isolate, NULL);
}
