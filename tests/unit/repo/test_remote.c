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

#include "harness/sh.h"
#include "rowback/base/fs.h"
#include "rowback/repo/remote.h"
#include "rowback/repo/repo.h"

#define TIMEOUT_MS 60000

/* "dir/store" with commits one <- two and one <- other, and the empty remote "dir/far.git". */
struct fixture {
	char *dir;  /* absolute */
	char *path; /* PATH as it was */
	struct rb_repo *repo;
	struct rb_oid one, two, other;
	struct rb_err err;
};

static struct rb_oid oid_of(const char *dir, const char *rev)
{
	char *hex = sh_out("git -C %s/store rev-parse %s", dir, rev);
	struct rb_oid oid;

	assert_true(rb_oid_parse(hex, &oid));
	free(hex);
	return oid;
}

static int open_store(struct fixture *fx)
{
	char *path = sh_out("echo %s/store", fx->dir);
	int rc = rb_repo_open(path, &fx->repo, &fx->err);

	free(path);
	return rc;
}

static int set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	if (!fx)
		return -1;
	*state = fx;
	fx->dir = sh_out("mktemp -d $PWD/remote.XXXXXX");
	fx->path = strdup(getenv("PATH"));
	sh("cd %s && git init -q --bare far.git && git init -q -b main store && cd store && "
	   "git remote add origin ../far.git && "
	   "git commit -q --allow-empty -m one && git tag one && "
	   "echo two >two && git add two && git commit -q -m two && git tag two && "
	   "git checkout -q -b side one && git commit -q --allow-empty -m other && "
	   "git tag other && git checkout -q main",
	   fx->dir);
	fx->one = oid_of(fx->dir, "one");
	fx->two = oid_of(fx->dir, "two");
	fx->other = oid_of(fx->dir, "other");
	return open_store(fx);
}

static int tear_down(void **state)
{
	struct fixture *fx = *state;

	setenv("PATH", fx->path, 1);
	unsetenv("GIT_SSH_COMMAND");
	rb_repo_free(fx->repo);
	sh("rm -rf %s", fx->dir);
	free(fx->path);
	free(fx->dir);
	free(fx);
	return 0;
}

static int isolate(void **state)
{
	(void)state;
	sh_isolate_git();
	unsetenv("GIT_SSH_COMMAND");
	unsetenv("GIT_SSH");
	return 0;
}

static void assert_out(const char *want, char *got)
{
	assert_string_equal(got, want);
	free(got);
}

/* Put programs of ours in front of PATH; `script` is a program's text. */
static void add_program(struct fixture *fx, const char *name, const char *script)
{
	char *file;
	char *path;

	sh("mkdir -p %s/bin", fx->dir);
	file = sh_out("echo %s/bin/%s", fx->dir, name);
	assert_int_equal(rb_fs_replace(file, script, strlen(script), 0700, NULL), RB_OK);
	free(file);
	path = sh_out("echo %s/bin:%s", fx->dir, fx->path);
	setenv("PATH", path, 1);
	free(path);
}

static void add_hook(struct fixture *fx, const char *name, const char *script)
{
	char *file = sh_out("echo %s/far.git/hooks/%s", fx->dir, name);

	assert_int_equal(rb_fs_replace(file, script, strlen(script), 0700, NULL), RB_OK);
	free(file);
}

static int push(struct fixture *fx, struct rb_push_ref *refs, size_t count)
{
	struct rb_push_stats stats;

	return rb_remote_push(fx->repo, "origin", refs, count, TIMEOUT_MS, &stats, &fx->err);
}

/* Compare a message in which "@" stands for the directory. */
static void assert_text(const struct fixture *fx, const char *got, const char *want)
{
	char *whole = sh_out("printf %%s '%s' | sed 's|@|%s|g'", want, fx->dir);

	assert_string_equal(got, whole);
	free(whole);
}

static void pushed_refs_are_on_the_remote(void **state)
{
	struct fixture *fx = *state;
	struct rb_push_ref refs[] = {
	        {.oid = fx->two, .ref = "refs/heads/main"},
	        {.oid = fx->one, .ref = "refs/rowback/check/main", .optional = true},
	};
	struct rb_push_stats stats;

	assert_int_equal(rb_remote_push(fx->repo, "origin", refs, 2, TIMEOUT_MS, &stats, &fx->err),
	                 RB_OK);
	assert_true(refs[0].accepted);
	assert_true(refs[1].accepted);
	assert_string_equal(refs[0].reason, "");
	assert_in_range(stats.bytes_sent, 100, 2000);
	assert_out("two refs/heads/main\none refs/rowback/check/main",
	           sh_out("git -C %s/far.git for-each-ref --format='%%(subject) %%(refname)'",
	                  fx->dir));
}

static void a_ref_that_is_there_is_accepted_and_costs_nothing(void **state)
{
	struct fixture *fx = *state;
	struct rb_push_ref ref = {.oid = fx->two, .ref = "refs/heads/main"};
	struct rb_push_stats stats = {.bytes_sent = 1};

	assert_int_equal(push(fx, &ref, 1), RB_OK);
	assert_int_equal(rb_remote_push(fx->repo, "origin", &ref, 1, TIMEOUT_MS, &stats, &fx->err),
	                 RB_OK);
	assert_true(ref.accepted);
	assert_int_equal(stats.bytes_sent, 0);
}

static void a_diverged_branch_is_left_alone(void **state)
{
	struct fixture *fx = *state;
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
	assert_out("other", sh_out("git -C %s/far.git log -1 --format=%%s main", fx->dir));
}

static void a_branch_with_unknown_commits_has_diverged(void **state)
{
	struct fixture *fx = *state;
	struct rb_push_ref ref = {.oid = fx->two, .ref = "refs/heads/main"};

	sh("cd %s && git clone -q store far2 && cd far2 && git commit -q --allow-empty -m far && "
	   "git push -q ../far.git HEAD:main",
	   fx->dir);
	assert_int_equal(push(fx, &ref, 1), RB_E_REJECTED);
	assert_string_equal(ref.reason, "fetch first");
}

static void a_lease_moves_a_ref_only_from_where_it_was_seen(void **state)
{
	struct fixture *fx = *state;
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
	assert_out("two", sh_out("git -C %s/far.git log -1 --format=%%s main", fx->dir));
}

static void an_empty_name_deletes_the_ref(void **state)
{
	struct fixture *fx = *state;
	struct rb_push_ref ref = {.oid = fx->one, .ref = "refs/rowback/old"};

	assert_int_equal(push(fx, &ref, 1), RB_OK);
	memset(&ref.oid, 0, sizeof(ref.oid));
	assert_int_equal(push(fx, &ref, 1), RB_OK);
	assert_true(ref.accepted);
	assert_out("", sh_out("git -C %s/far.git for-each-ref", fx->dir));
}

static void a_refusal_repeats_the_hooks_words(void **state)
{
	struct fixture *fx = *state;
	struct rb_push_ref ref = {.oid = fx->two, .ref = "refs/heads/main"};

	add_hook(fx, "pre-receive",
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
	struct fixture *fx = *state;
	struct rb_push_ref refs[] = {
	        {.oid = fx->one, .ref = "refs/rowback/check/main", .optional = true},
	        {.oid = fx->two, .ref = "refs/heads/main"},
	};

	add_hook(fx, "update", "#!/bin/sh\ncase $1 in refs/heads/*) exit 0;; esac; exit 1\n");
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
	struct fixture *fx = *state;
	struct rb_push_ref ref = {.oid = fx->two, .ref = "refs/heads/main"};

	add_hook(fx, "pre-receive", protection);
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
	struct fixture *fx = *state;
	struct rb_push_ref ref = {.oid = fx->two, .ref = "refs/heads/main"};

	sh("cd %s/store && printf '#!/bin/sh\\nexit 1\\n' >.git/hooks/pre-push && "
	   "chmod 700 .git/hooks/pre-push && git config push.followTags true && "
	   "git tag -a -m t v1 two",
	   fx->dir);
	assert_int_equal(push(fx, &ref, 1), RB_OK);
	assert_out("refs/heads/main",
	           sh_out("git -C %s/far.git for-each-ref --format='%%(refname)'", fx->dir));
}

static void a_missing_repository_is_notfound(void **state)
{
	struct fixture *fx = *state;
	struct rb_push_ref ref = {.oid = fx->two, .ref = "refs/heads/main"};

	sh("rm -rf %s/far.git", fx->dir);
	assert_int_equal(push(fx, &ref, 1), RB_E_NOTFOUND);
	assert_false(ref.accepted);
	assert_string_equal(fx->err.msg,
	                    "cannot push to 'origin' (../far.git): '../far.git' does not "
	                    "appear to be a git repository");
	assert_text(fx, fx->err.hint,
	            "make the repository there first, or correct the URL: git -C '\\''@/store'\\'' "
	            "remote set-url NAME URL");
}

static void a_missing_remote_is_notfound(void **state)
{
	struct fixture *fx = *state;
	struct rb_push_ref ref = {.oid = fx->two, .ref = "refs/heads/main"};

	assert_int_equal(rb_remote_push(fx->repo, "up", &ref, 1, TIMEOUT_MS, NULL, &fx->err),
	                 RB_E_NOTFOUND);
	assert_string_equal(fx->err.msg, "there is no remote 'up'");
	assert_text(fx, fx->err.hint, "git -C '\\''@/store'\\'' remote add up URL");
}

static void several_push_urls_are_refused(void **state)
{
	struct fixture *fx = *state;
	struct rb_push_ref ref = {.oid = fx->two, .ref = "refs/heads/main"};

	sh("git -C %s/store config remote.origin.pushurl a && "
	   "git -C %s/store config --add remote.origin.pushurl b",
	   fx->dir, fx->dir);
	assert_int_equal(push(fx, &ref, 1), RB_E_UNSUPPORTED);
	assert_string_equal(fx->err.msg, "remote 'origin' has several push URLs");
}

static void a_remote_that_stalls_is_given_up(void **state)
{
	struct fixture *fx = *state;
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
	struct fixture *fx = *state;

	sh("git -C %s/store remote set-url origin host:x", fx->dir);
	setenv("GIT_SSH_COMMAND", "printf '%s\\n' \"$WORDS\" >&2; exit 255; #", 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rb_remote_refs refs;
		char *want =
		        sh_out("cat <<'E'\ncannot read 'origin' (host:x): %s\nE", cases[i].shown);

		setenv("WORDS", cases[i].words, 1);
		assert_int_equal(
		        rb_remote_list(fx->repo, "origin", NULL, TIMEOUT_MS, &refs, &fx->err),
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
	struct fixture *fx = *state;
	struct rb_remote_refs refs;

	sh("git -C %s/store remote set-url origin host:x", fx->dir);
	add_program(fx, "ssh", "#!/bin/sh\necho \"$*\" >>\"${0%/*}/log\"\nexit 255\n");
	assert_int_not_equal(rb_remote_list(fx->repo, "origin", NULL, TIMEOUT_MS, &refs, NULL),
	                     RB_OK);
	sh("git -C %s/store config core.sshCommand 'ssh -v'", fx->dir);
	assert_int_not_equal(rb_remote_list(fx->repo, "origin", NULL, TIMEOUT_MS, &refs, NULL),
	                     RB_OK);
	assert_out("-o BatchMode=yes -o ConnectTimeout=15 -o ServerAliveInterval=15 -o "
	           "ServerAliveCountMax=4 -o SendEnv=GIT_PROTOCOL host git-upload-pack 'x'\n"
	           "-v -o SendEnv=GIT_PROTOCOL host git-upload-pack 'x'",
	           sh_out("cat %s/bin/log", fx->dir));
}

/* rowback may be started from a hook of another repository. */
static void variables_of_another_repository_do_not_arrive(void **state)
{
	struct fixture *fx = *state;
	struct rb_buf version = RB_BUF(100);
	char *names = sh_out("git rev-parse --local-env-vars");
	char *pattern = sh_out("git rev-parse --local-env-vars | sed 's/^/-e ^/;s/$/=/' | "
	                       "tr '\\n' ' '");

	add_program(fx, "git", "#!/bin/sh\nenv >\"${0%/*}/log\"\necho 'git version 9.8.7 (x)'\n");
	for (char *name = strtok(names, "\n"); name; name = strtok(NULL, "\n"))
		setenv(name, "1", 1);
	assert_int_equal(rb_remote_git_version(&version, &fx->err), RB_OK);
	assert_string_equal(rb_buf_str(&version), "9.8.7");
	assert_out("", sh_out("grep %s %s/bin/log || :", pattern, fx->dir));

	/* The pattern has the names still: "-e ^NAME= ". */
	for (char *name = strtok(pattern, "^= "); name; name = strtok(NULL, "^= "))
		unsetenv(name);
	free(names);
	free(pattern);
	rb_buf_release(&version);
}

static void without_git_there_is_a_hint(void **state)
{
	struct fixture *fx = *state;
	struct rb_buf version = RB_BUF(100);

	setenv("PATH", "/nonexistent", 1);
	assert_int_equal(rb_remote_git_version(&version, &fx->err), RB_E_NOTFOUND);
	assert_string_equal(fx->err.hint, "install git: rowback runs it to reach remotes");
}

static void a_list_has_the_refs_asked_for_sorted(void **state)
{
	static const char *const patterns[] = {"refs/heads/main", "refs/rowback/*", NULL};
	struct fixture *fx = *state;
	struct rb_remote_refs refs;

	sh("cd %s/store && git tag -a -m t v1 && git push -q ../far.git two:refs/heads/main "
	   "one:refs/x/refs/heads/main one:refs/rowback/b two:refs/rowback/a v1",
	   fx->dir);
	assert_int_equal(rb_remote_list(fx->repo, "origin", patterns, TIMEOUT_MS, &refs, &fx->err),
	                 RB_OK);
	assert_int_equal(refs.count, 3);
	assert_string_equal(refs.refs[0].ref, "refs/heads/main");
	assert_string_equal(refs.refs[1].ref, "refs/rowback/a");
	assert_string_equal(refs.refs[2].ref, "refs/rowback/b");
	assert_memory_equal(rb_remote_refs_find(&refs, "refs/heads/main"), &fx->two, 20);
	assert_null(rb_remote_refs_find(&refs, "refs/heads/mai"));
	rb_remote_refs_release(&refs);

	/* All of it, by URL, with tags but not what they point to. */
	assert_int_equal(rb_remote_list(fx->repo, "../far.git", NULL, TIMEOUT_MS, &refs, &fx->err),
	                 RB_OK);
	assert_int_equal(refs.count, 5);
	rb_remote_refs_release(&refs);
}

static void an_empty_repository_has_no_refs(void **state)
{
	struct fixture *fx = *state;
	struct rb_remote_refs refs;

	assert_int_equal(rb_remote_list(fx->repo, "origin", NULL, TIMEOUT_MS, &refs, &fx->err),
	                 RB_OK);
	assert_int_equal(refs.count, 0);
	rb_remote_refs_release(&refs);
}

static void a_fetch_makes_one_pack_and_moves_the_ref(void **state)
{
	static const char *const specs[] = {"+refs/heads/main:refs/remotes/origin/main", NULL};
	struct fixture *fx = *state;
	char *hex;
	struct rb_oid oid;

	sh("cd %s && git clone -q store far2 && cd far2 && echo x >x && git add x && "
	   "git commit -q -m far && git push -q ../far.git HEAD:main",
	   fx->dir);
	hex = sh_out("git -C %s/far2 rev-parse HEAD", fx->dir);
	assert_true(rb_oid_parse(hex, &oid));
	assert_false(rb_repo_has(fx->repo, &oid));
	assert_int_equal(rb_remote_fetch(fx->repo, "origin", specs, TIMEOUT_MS, &fx->err), RB_OK);
	assert_true(rb_repo_has(fx->repo, &oid));
	assert_out(hex, sh_out("git -C %s/store rev-parse origin/main", fx->dir));
	assert_out("1", sh_out("ls %s/store/.git/objects/pack/*.pack | wc -l", fx->dir));
	assert_int_equal(sh_status("test -e %s/store/.git/FETCH_HEAD", fx->dir), 1);
	free(hex);
}

static void fetching_what_is_not_there_is_notfound(void **state)
{
	static const char *const specs[] = {"refs/heads/none:refs/remotes/origin/none", NULL};
	struct fixture *fx = *state;

	assert_int_equal(rb_remote_fetch(fx->repo, "origin", specs, TIMEOUT_MS, &fx->err),
	                 RB_E_NOTFOUND);
	assert_string_equal(fx->err.msg, "cannot fetch from 'origin' (../far.git): couldn't find "
	                                 "remote ref refs/heads/none");
}

static void the_url_is_the_one_that_is_pushed_to(void **state)
{
	struct fixture *fx = *state;
	struct rb_buf url = RB_BUF(200);

	sh("cd %s/store && git remote set-url origin gh:me/x && "
	   "git config url.https://github.com/.insteadOf gh: && "
	   "git config url.git@github.com:.pushInsteadOf gh:",
	   fx->dir);
	assert_int_equal(rb_remote_url(fx->repo, "origin", &url, &fx->err), RB_OK);
	assert_string_equal(rb_buf_str(&url), "git@github.com:me/x");
	rb_buf_release(&url);
}

static void secrets_in_urls_are_not_shown(void **state)
{
	static const struct {
		const char *url, *shown;
	} cases[] = {
	        {"https://host/x", "https://host/x"},
	        {"https://me@host/x", "https://me@host/x"},
	        {"https://me:pw@host/x", "https://me:***@host/x"},
	        {"https://me:p@w@host/x", "https://me:***@host/x"},
	        {"https://me:p/w@host/x", "https://me:***@host/x"},
	        {"https://:pw@host/x", "https://:***@host/x"},
	        {"https://me%40example.com@host/x", "https://me%40example.com@host/x"},
	        {"https://ghp_abc@host/x", "https://***@host/x"},
	        {"https://github_pat_11AB:x-oauth-basic@host/x", "https://***:***@host/x"},
	        {"https://0123456789abcdef0123@host/x", "https://***@host/x"},
	        {"https://host/x?private_token=abc", "https://host/x?***"},
	        {"https://host:8443/x@y", "https://host:8443/x@y"},
	        {"ssh://git@host:22/x", "ssh://git@host:22/x"},
	        {"ssh://git:pw@[::1]:22/x", "ssh://git:***@[::1]:22/x"},
	        {"https://[::1]:22/x@y", "https://[::1]:22/x@y"},
	        {"git@host:me/x", "git@host:me/x"},
	        {"/srv/a@b", "/srv/a@b"},
	        {"", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rb_buf shown = RB_BUF(200);

		assert_int_equal(rb_remote_redact_url(cases[i].url, &shown, NULL), RB_OK);
		assert_string_equal(rb_buf_str(&shown), cases[i].shown);
		rb_buf_release(&shown);
	}
}

/* Stands for git: it keeps how it was asked, and answers as told; configuration is real. */
static const char asked_git[] = "#!/bin/sh\n"
                                "case \" $* \" in\n"
                                "*' ls-remote '*)\n"
                                "	echo \"$*\" | sed 's/.* -- //' >>\"${0%/*}/asked\"\n"
                                "	env >\"${0%/*}/env\"; echo \"$*\" >\"${0%/*}/args\"\n"
                                "	[ \"$WORDS\" ] || exit 0\n"
                                "	echo \"$WORDS\" >&2; exit 128;;\n"
                                "esac\n"
                                "PATH=${PATH#*:}; exec git \"$@\"\n";

/* Stands for ssh: one alias is known. */
static const char asked_ssh[] = "#!/bin/sh\n"
                                "for last; do :; done\n"
                                "case $last in work) last=GitHub.com;; esac\n"
                                "echo \"user me\"; echo \"hostname $last\"\n";

static void ssh_urls_are_asked_in_their_https_form(void **state)
{
	static const struct {
		const char *url, *asked;
	} cases[] = {
	        {"git@github.com:me/x.git", "https://github.com/me/x.git"},
	        {"ssh://git@ssh.github.com:443/me/x.git", "https://github.com/me/x.git"},
	        {"github.com:/me/x", "https://github.com/me/x"},
	        {"work:me/x", "https://github.com/me/x"},
	        {"git+ssh://work/me/x", "https://github.com/me/x"},
	        {"git@gitlab.com:a/b/c d.git", "https://gitlab.com/a/b/c%20d.git"},
	        {"git@git.sr.ht:~me/x", "https://git.sr.ht/~me/x"},
	        {"[git.example.com:2222]:me/x", "https://code.example.com/git/me/x"},
	        {"https://me:pw@host/x.git?t=1", "https://host/x.git"},
	        {"git://host/x", "git://host/x"},
	};
	struct fixture *fx = *state;

	add_program(fx, "git", asked_git);
	add_program(fx, "ssh", asked_ssh);
	sh("git -C %s/store config rowback.git.example.com.publicUrl https://code.example.com/git/",
	   fx->dir);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rb_buf why = RB_BUF(1000);
		enum rb_visibility visibility;
		char *want = sh_out("echo '%s answers to anybody'", cases[i].asked);

		assert_int_equal(rb_remote_visibility(fx->repo, cases[i].url, TIMEOUT_MS,
		                                      &visibility, &why, &fx->err),
		                 RB_OK);
		assert_int_equal(visibility, RB_VISIBILITY_PUBLIC);
		assert_string_equal(rb_buf_str(&why), want);
		assert_out(cases[i].asked, sh_out("tail -1 %s/bin/asked", fx->dir));
		rb_buf_release(&why);
		free(want);
	}
}

static void an_answer_decides_the_visibility(void **state)
{
	static const struct {
		const char *url, *words;
		enum rb_visibility visibility;
		const char *why;
	} cases[] = {
	        {"https://h/x",
	         "fatal: could not read Username for 'https://h': terminal prompts disabled",
	         RB_VISIBILITY_PRIVATE, "https://h/x asks for credentials"},
	        {"https://h/x",
	         "fatal: unable to access 'https://h/x/': The requested URL returned error: 403",
	         RB_VISIBILITY_PRIVATE, "https://h/x refuses those without credentials"},
	        {"https://h/x", "fatal: repository 'https://h/x/' not found", RB_VISIBILITY_PRIVATE,
	         "https://h/x is not there for those without credentials"},
	        {"https://h/x", "fatal: unable to access 'https://h/x/': Could not resolve host: h",
	         RB_VISIBILITY_UNKNOWN,
	         "https://h/x did not answer the question: unable to access 'https://h/x/': Could "
	         "not resolve host: h"},
	        {"https://h/x",
	         "fatal: unable to access 'https://h/x/': server certificate verification failed.",
	         RB_VISIBILITY_UNKNOWN,
	         "https://h/x did not answer the question: unable to access 'https://h/x/': server "
	         "certificate verification failed."},
	        {"git@example.com:x", NULL, RB_VISIBILITY_UNKNOWN,
	         "no https form of host 'example.com' is known"},
	        {"-oProxyCommand=x:y", NULL, RB_VISIBILITY_UNKNOWN,
	         "no https form of host '-oProxyCommand=x' is known"},
	        {"ftp://h/x", NULL, RB_VISIBILITY_UNKNOWN,
	         "there is no way to ask such a URL as anybody could"},
	        {"ext::sh -c x", NULL, RB_VISIBILITY_UNKNOWN,
	         "there is no way to ask such a URL as anybody could"},
	        {"/srv/x", NULL, RB_VISIBILITY_LOCAL, "it is a path on this machine"},
	        {"./a:b", NULL, RB_VISIBILITY_LOCAL, "it is a path on this machine"},
	        {"file:///srv/x", NULL, RB_VISIBILITY_LOCAL, "it is a path on this machine"},
	};
	struct fixture *fx = *state;

	add_program(fx, "git", asked_git);
	add_program(fx, "ssh", asked_ssh);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rb_buf why = RB_BUF(1000);
		enum rb_visibility visibility;

		setenv("WORDS", cases[i].words ? cases[i].words : "asked", 1);
		assert_int_equal(rb_remote_visibility(fx->repo, cases[i].url, TIMEOUT_MS,
		                                      &visibility, &why, &fx->err),
		                 RB_OK);
		assert_string_equal(rb_buf_str(&why), cases[i].why);
		assert_int_equal(visibility, cases[i].visibility);
		rb_buf_release(&why);
	}
	unsetenv("WORDS");
}

/* What says who asks stays here, what says how to get there goes along. */
static void the_question_carries_no_credentials(void **state)
{
	struct fixture *fx = *state;
	struct rb_buf why = RB_BUF(1000);
	enum rb_visibility visibility;

	add_program(fx, "git", asked_git);
	sh("cd %s/store && git config http.extraHeader 'Authorization: s3cret' && "
	   "git config credential.helper '!echo s3cret' && git config http.cookieFile s3cret && "
	   "git config http.sslCert s3cret && git config http.proxy http://u:s3cret@proxy:3128 && "
	   "git config http.https://h/.sslCAInfo /ca@home.pem && "
	   "git config http.sslCAPath '~/certs' && git config http.https://u@h/.sslCAInfo s3cret",
	   fx->dir);
	setenv("SSH_ASKPASS", "s3cret", 1);
	setenv("GIT_ASKPASS", "s3cret", 1);
	setenv("GIT_SSL_CERT", "s3cret", 1);
	assert_int_equal(rb_remote_visibility(fx->repo, "https://u:s3cret@h/x", TIMEOUT_MS,
	                                      &visibility, &why, &fx->err),
	                 RB_OK);
	unsetenv("SSH_ASKPASS");
	unsetenv("GIT_ASKPASS");
	unsetenv("GIT_SSL_CERT");
	rb_buf_release(&why);
	assert_out("", sh_out("cat %s/bin/env %s/bin/args | grep s3cret || :", fx->dir, fx->dir));
	assert_out("git -c gc.auto=0 -c maintenance.auto=false -c http.proxy=http://proxy:3128 "
	           "-c http.sslcapath=/nonexistent/certs -c http.https://h/.sslcainfo=/ca@home.pem "
	           "-c credential.helper= -c http.emptyAuth=false ls-remote --quiet -- https://h/x",
	           sh_out("sed 's/^/git /' %s/bin/args", fx->dir));
	assert_out("GIT_ASKPASS=\nGIT_CONFIG_GLOBAL=/dev/null\nGIT_CONFIG_NOSYSTEM=1",
	           sh_out("grep -e ^GIT_ASKPASS -e ^GIT_CONFIG %s/bin/env | sort", fx->dir));
	assert_int_equal(sh_status("test -e $(sed -n 's/^HOME=//p' %s/bin/env)", fx->dir), 1);
}

static void fsck_tells_a_whole_store_from_a_broken_one(void **state)
{
	struct fixture *fx = *state;
	struct rb_buf report = RB_BUF(10000);

	assert_int_equal(rb_remote_fsck(fx->repo, TIMEOUT_MS, &report, &fx->err), RB_OK);
	assert_string_equal(rb_buf_str(&report), "");
	sh("cd %s/store/.git/objects && rm -f $(git rev-parse two: | sed 's|^..|&/|')", fx->dir);
	assert_int_equal(rb_remote_fsck(fx->repo, TIMEOUT_MS, &report, &fx->err), RB_E_MISMATCH);
	assert_non_null(strstr(rb_buf_str(&report), "missing tree"));
	assert_text(fx, fx->err.msg, "'\\''git fsck'\\'' found errors in '\\''@/store/.git'\\''");
	rb_buf_release(&report);
}

static void maintenance_keeps_packs_few_and_objects_all(void **state)
{
	struct fixture *fx = *state;

	sh("cd %s/store && for i in 1 2 3 4 5 6; do echo $i >two && git commit -q -a -m $i && "
	   "git repack -q -d; done",
	   fx->dir);
	assert_out("6", sh_out("ls %s/store/.git/objects/pack/*.pack | wc -l", fx->dir));
	assert_int_equal(rb_remote_maintain(fx->repo, 6, TIMEOUT_MS, &fx->err), RB_OK);
	assert_out("6", sh_out("ls %s/store/.git/objects/pack/*.pack | wc -l", fx->dir));
	assert_int_equal(rb_remote_maintain(fx->repo, 5, TIMEOUT_MS, &fx->err), RB_OK);
	assert_int_equal(
	        sh_status("test $(ls %s/store/.git/objects/pack/*.pack | wc -l) -le 3", fx->dir),
	        0);
	sh("git -C %s/store fsck --strict", fx->dir);
	assert_true(rb_repo_has(fx->repo, &fx->two));
}

static void maintenance_removes_what_killed_runs_left(void **state)
{
	struct fixture *fx = *state;

	sh("cd %s/store/.git/objects && mkdir -p pack aa && "
	   "touch -d '2 hours ago' pack/tmp_pack_1 pack/.tmp-9-pack-1.idx aa/tmp_obj_1 && "
	   "touch pack/tmp_pack_2",
	   fx->dir);
	assert_int_equal(rb_remote_maintain(fx->repo, 50, TIMEOUT_MS, &fx->err), RB_OK);
	assert_out("./pack/tmp_pack_2",
	           sh_out("cd %s/store/.git/objects && find . -name '*tmp*'", fx->dir));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

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
	        TEST(the_url_is_the_one_that_is_pushed_to),
	        cmocka_unit_test(secrets_in_urls_are_not_shown),
	        TEST(ssh_urls_are_asked_in_their_https_form),
	        TEST(an_answer_decides_the_visibility),
	        TEST(the_question_carries_no_credentials),
	        TEST(fsck_tells_a_whole_store_from_a_broken_one),
	        TEST(maintenance_keeps_packs_few_and_objects_all),
	        TEST(maintenance_removes_what_killed_runs_left),
	};

	return cmocka_run_group_tests(tests, isolate, NULL);
}
