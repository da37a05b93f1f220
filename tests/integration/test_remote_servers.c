/*
 * rowback/repo/remote.h against real servers: sshd, and apache2 with git-http-backend.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/pair.h"
#include "harness/sh.h"
#include "rowback/repo/remote.h"

/* Reads servers.sh; what a command leaves running must not hold its output open. */
#define SERVERS "SERVERS_HOME=" RB_TEST_DIR "/harness; . $SERVERS_HOME/servers.sh; "

/* What runs for all tests of this file. */
static struct {
	char *dir;
	char *https_port, *tls13_port;
	bool has_ssh, has_web;
} servers;

static int start_servers(void **state)
{
	char *ssh_command;

	pair_isolate(state);
	unsetenv("GIT_SSL_CAINFO");
	servers.dir = sh_out(SERVERS "make_server_dir");
	servers.has_ssh = sh_status(SERVERS "start_sshd %s", servers.dir) == 0;
	servers.has_web = sh_status(SERVERS "start_apache %s", servers.dir) == 0;
	if (servers.has_ssh) {
		ssh_command = sh_out(". %s/env; echo ssh -F $SSH_CONFIG", servers.dir);
		setenv("GIT_SSH_COMMAND", ssh_command, 1);
		free(ssh_command);
	}
	if (servers.has_web) {
		servers.https_port = sh_out(". %s/env; echo $HTTPS_PORT", servers.dir);
		servers.tls13_port = sh_out(". %s/env; echo $TLS13_PORT", servers.dir);
	}
	return 0;
}

static int stop_servers(void **state)
{
	(void)state;
	sh(SERVERS "stop_servers %s", servers.dir);
	free(servers.dir);
	free(servers.https_port);
	free(servers.tls13_port);
	return 0;
}

static void set_url(struct pair *pair, const char *url)
{
	sh("git -C %s/store remote set-url origin '%s'", pair->dir, url);
}

/* Let the remote be pair->dir/far.git by ssh, under one of the aliases of servers.sh. */
static void use_ssh(struct pair *pair, const char *alias)
{
	char *url;

	if (!servers.has_ssh)
		skip();
	url = sh_out("echo %s:%s/far.git", alias, pair->dir);
	set_url(pair, url);
	free(url);
}

/* Let the remote be a new repository of the web server, asked for as `user`. */
static void use_https(struct pair *pair, const char *name, const char *user, const char *port)
{
	char *url;

	if (!servers.has_web)
		skip();
	sh(SERVERS "rm -rf %s/web/www/%s && make_http_repo %s %s", servers.dir, name, servers.dir,
	   name);
	url = sh_out("echo https://localhost:%s/git/%s", port ? port : servers.https_port, name);
	set_url(pair, url);
	free(url);
	sh("cd %s/store && git config http.sslCAInfo %s/web/ca.pem && git config credential.helper "
	   "'!f() { echo username=%s; echo password=$PASSWORD; }; f'",
	   pair->dir, servers.dir, user);
	setenv("PASSWORD", "s3cret", 1);
}

static char *url_of(struct pair *pair)
{
	return sh_out("git -C %s/store remote get-url origin", pair->dir);
}

static int push(struct pair *pair, const struct rb_oid *oid, int64_t timeout_ms)
{
	struct rb_push_ref ref = {.oid = *oid, .ref = "refs/heads/main"};

	return rb_remote_push(pair->repo, "origin", &ref, 1, timeout_ms, NULL, &pair->err);
}

/* Compare with a message in which "%s" stands for the URL. */
static void assert_message(struct pair *pair, const char *before, const char *after)
{
	char *url = url_of(pair);
	char *want = malloc(strlen(before) + strlen(url) + strlen(after) + 1);

	assert_non_null(want);
	sprintf(want, "%s%s%s", before, url, after);
	assert_string_equal(pair->err.msg, want);
	free(want);
	free(url);
}

static void assert_far_main(struct pair *pair, const char *git_dir, const char *subject)
{
	(void)pair;
	sh_assert(subject, sh_out("git --git-dir=%s log -1 --format=%%s main", git_dir));
}

static void ssh_pushes_lists_and_fetches(void **state)
{
	static const char *const specs[] = {"+refs/heads/main:refs/remotes/origin/main", NULL};
	struct pair *pair = *state;
	struct rb_remote_refs refs;
	char *git_dir = sh_out("echo %s/far.git", pair->dir);

	use_ssh(pair, "far");
	assert_int_equal(push(pair, &pair->two, PAIR_TIMEOUT_MS), RB_OK);
	assert_far_main(pair, git_dir, "two");
	assert_int_equal(
	        rb_remote_list(pair->repo, "origin", NULL, PAIR_TIMEOUT_MS, &refs, &pair->err),
	        RB_OK);
	assert_int_equal(refs.count, 1);
	assert_memory_equal(rb_remote_refs_find(&refs, "refs/heads/main"), &pair->two, 20);
	rb_remote_refs_release(&refs);
	assert_int_equal(rb_remote_fetch(pair->repo, "origin", specs, PAIR_TIMEOUT_MS, &pair->err),
	                 RB_OK);
	sh_assert("two", sh_out("git -C %s/store log -1 --format=%%s origin/main", pair->dir));
	free(git_dir);
}

static void ssh_refusals_and_divergence_are_told(void **state)
{
	struct pair *pair = *state;

	use_ssh(pair, "far");
	pair_add_hook(pair, "pre-receive", "#!/bin/sh\necho 'closed for today' >&2\nexit 1\n");
	assert_int_equal(push(pair, &pair->two, PAIR_TIMEOUT_MS), RB_E_REJECTED);
	assert_message(pair, "cannot push to 'origin' (",
	               "): refs/heads/main was refused (pre-receive hook declined): closed for "
	               "today");
	sh("rm %s/far.git/hooks/pre-receive", pair->dir);
	assert_int_equal(push(pair, &pair->two, PAIR_TIMEOUT_MS), RB_OK);
	assert_int_equal(push(pair, &pair->other, PAIR_TIMEOUT_MS), RB_E_REJECTED);
	assert_message(pair, "cannot push to 'origin' (",
	               "): refs/heads/main has diverged there (non-fast-forward)");
}

static void ssh_keys_that_are_not_known_are_auth(void **state)
{
	struct pair *pair = *state;

	use_ssh(pair, "strange");
	assert_int_equal(push(pair, &pair->two, PAIR_TIMEOUT_MS), RB_E_AUTH);
	assert_message(pair, "cannot push to 'origin' (", "): Host key verification failed.");
	use_ssh(pair, "nokey");
	assert_int_equal(push(pair, &pair->two, PAIR_TIMEOUT_MS), RB_E_AUTH);
	assert_non_null(strstr(pair->err.msg, "Permission denied (publickey)."));
}

static void ssh_without_the_repository_is_notfound(void **state)
{
	struct pair *pair = *state;

	use_ssh(pair, "far");
	sh("rm -rf %s/far.git", pair->dir);
	assert_int_equal(push(pair, &pair->two, PAIR_TIMEOUT_MS), RB_E_NOTFOUND);
	assert_non_null(strstr(pair->err.msg, "does not appear to be a git repository"));
}

static void https_pushes_with_a_credential_helper(void **state)
{
	struct pair *pair = *state;
	char *git_dir = sh_out("echo %s/web/www/mine.git", servers.dir);

	use_https(pair, "mine.git", "me", NULL);
	assert_int_equal(push(pair, &pair->two, PAIR_TIMEOUT_MS), RB_OK);
	assert_far_main(pair, git_dir, "two");
	assert_int_equal(push(pair, &pair->other, PAIR_TIMEOUT_MS), RB_E_REJECTED);
	assert_message(pair, "cannot push to 'origin' (",
	               "): refs/heads/main has diverged there (non-fast-forward)");
	free(git_dir);
}

static void https_pushes_to_a_server_of_tls_1_3_only(void **state)
{
	struct pair *pair = *state;
	char *git_dir = sh_out("echo %s/web/www/new.git", servers.dir);

	use_https(pair, "new.git", "me", servers.tls13_port);
	assert_int_equal(push(pair, &pair->two, PAIR_TIMEOUT_MS), RB_OK);
	assert_far_main(pair, git_dir, "two");
	free(git_dir);
}

static void https_wrong_missing_or_weak_credentials_are_auth(void **state)
{
	struct pair *pair = *state;

	use_https(pair, "mine.git", "me", NULL);
	setenv("PASSWORD", "wrong", 1);
	assert_int_equal(push(pair, &pair->two, PAIR_TIMEOUT_MS), RB_E_AUTH);
	assert_non_null(strstr(pair->err.msg, "): Authentication failed for 'https://localhost:"));

	sh("git -C %s/store config --unset credential.helper", pair->dir);
	assert_int_equal(push(pair, &pair->two, PAIR_TIMEOUT_MS), RB_E_AUTH);
	assert_non_null(strstr(pair->err.msg, "): could not read Username for 'https://"));

	use_https(pair, "mine.git", "reader", NULL);
	assert_int_equal(push(pair, &pair->two, PAIR_TIMEOUT_MS), RB_E_AUTH);
	assert_non_null(strstr(pair->err.msg, "The requested URL returned error: 403"));
	assert_string_equal(pair->err.hint, "the key or token is known there but may not do this: "
	                                    "give it write access, or use another");
}

static void https_passwords_in_urls_are_not_shown(void **state)
{
	struct pair *pair = *state;
	char *url;

	use_https(pair, "mine.git", "me", NULL);
	sh("git -C %s/store config --unset credential.helper", pair->dir);
	url = sh_out("echo https://me:s3cretX@localhost:%s/git/mine.git", servers.https_port);
	set_url(pair, url);
	assert_int_equal(push(pair, &pair->two, PAIR_TIMEOUT_MS), RB_E_AUTH);
	assert_non_null(strstr(pair->err.msg, "(https://me:***@localhost:"));
	assert_null(strstr(pair->err.msg, "s3cret"));
	assert_null(strstr(pair->err.hint, "s3cret"));
	free(url);
}

static void https_with_a_strange_certificate_is_auth(void **state)
{
	struct pair *pair = *state;

	use_https(pair, "mine.git", "me", NULL);
	sh("git -C %s/store config --unset http.sslCAInfo", pair->dir);
	assert_int_equal(push(pair, &pair->two, PAIR_TIMEOUT_MS), RB_E_AUTH);
	assert_string_equal(pair->err.hint,
	                    "the server could not prove who it is; a private authority is named "
	                    "by: git config http.sslCAInfo FILE");
}

static void https_without_the_repository_is_notfound(void **state)
{
	struct pair *pair = *state;

	use_https(pair, "mine.git", "me", NULL);
	sh("rm -rf %s/web/www/mine.git", servers.dir);
	assert_int_equal(push(pair, &pair->two, PAIR_TIMEOUT_MS), RB_E_NOTFOUND);
	assert_non_null(strstr(pair->err.msg, "): repository 'https://localhost:"));
}

/* A commit that takes a megabyte to send. */
static struct rb_oid make_large(struct pair *pair)
{
	struct rb_oid oid;
	char *hex = sh_out("cd %s/store && head -c 1000000 /dev/urandom >large && git add large && "
	                   "git commit -q -m large && git rev-parse HEAD",
	                   pair->dir);

	assert_true(rb_oid_parse(hex, &oid));
	free(hex);
	return oid;
}

/* Go through a proxy of this mode. */
static void use_proxy(struct pair *pair, const char *name, const char *mode)
{
	char *port = sh_out(SERVERS "start_proxy %s %s %s", servers.dir, servers.https_port, mode);

	use_https(pair, name, "me", port);
	free(port);
}

static void a_connection_cut_midway_is_rejected_and_can_be_repeated(void **state)
{
	struct pair *pair = *state;
	struct rb_oid large = make_large(pair);

	if (!servers.has_web)
		skip();
	use_proxy(pair, "cut.git", "cut:200000");
	assert_int_equal(push(pair, &large, PAIR_TIMEOUT_MS), RB_E_REJECTED);
	assert_string_equal(pair->err.hint, "the connection broke; try again");
	sh_assert("", sh_out("git --git-dir=%s/web/www/cut.git for-each-ref", servers.dir));

	use_https(pair, "cut.git", "me", NULL);
	assert_int_equal(push(pair, &large, PAIR_TIMEOUT_MS), RB_OK);
	sh("git --git-dir=%s/web/www/cut.git fsck --strict", servers.dir);
}

static void a_connection_that_stalls_ends_at_the_deadline(void **state)
{
	struct pair *pair = *state;
	struct rb_oid large = make_large(pair);

	if (!servers.has_web)
		skip();
	use_proxy(pair, "stall.git", "stall:200000");
	assert_int_equal(push(pair, &large, 2000), RB_E_TIMEOUT);
	assert_message(pair, "cannot push to 'origin' (",
	               "): 'git' was ended after 2 s, its time limit");
	sh_assert("", sh_out("git --git-dir=%s/web/www/stall.git for-each-ref", servers.dir));
}

static void ssh_cut_midway_is_rejected(void **state)
{
	struct pair *pair = *state;
	struct rb_oid large = make_large(pair);
	char *port;

	use_ssh(pair, "far");
	port = sh_out(SERVERS ". %s/env; start_proxy %s $SSH_PORT cut:200000", servers.dir,
	              servers.dir);
	sh("git -C %s/store config core.sshCommand \"ssh -F %s/ssh/config -p %s "
	   "-o HostKeyAlias=[127.0.0.1]:$(. %s/env; echo $SSH_PORT)\"",
	   pair->dir, servers.dir, port, servers.dir);
	unsetenv("GIT_SSH_COMMAND");
	assert_int_equal(push(pair, &large, PAIR_TIMEOUT_MS), RB_E_REJECTED);
	assert_string_equal(pair->err.hint, "the connection broke; try again");
	sh_assert("", sh_out("git --git-dir=%s/far.git for-each-ref", pair->dir));
	free(port);
}

static void assert_visibility(struct pair *pair, const char *url, enum rb_visibility want,
                              const char *why)
{
	struct rb_buf got_why = RB_BUF(1000);
	enum rb_visibility got;

	assert_int_equal(
	        rb_remote_visibility(pair->repo, url, PAIR_TIMEOUT_MS, &got, &got_why, &pair->err),
	        RB_OK);
	assert_non_null(strstr(rb_buf_str(&got_why), why));
	assert_int_equal(got, want);
	rb_buf_release(&got_why);
}

/* Whoever may read it: that is what the credentials of the store must not decide. */
static void https_tells_public_from_private(void **state)
{
	struct pair *pair = *state;
	char *url;

	use_https(pair, "public-notes.git", "me", NULL);
	assert_int_equal(push(pair, &pair->two, PAIR_TIMEOUT_MS), RB_OK);
	url = url_of(pair);
	assert_visibility(pair, url, RB_VISIBILITY_PUBLIC, "answers to anybody");
	free(url);

	/* An empty one is public, too. */
	use_https(pair, "public-empty.git", "me", NULL);
	url = url_of(pair);
	assert_visibility(pair, url, RB_VISIBILITY_PUBLIC, "answers to anybody");
	free(url);

	use_https(pair, "mine.git", "me", NULL);
	url = sh_out("echo https://me:s3cret@localhost:%s/git/mine.git", servers.https_port);
	assert_visibility(pair, url, RB_VISIBILITY_PRIVATE, "asks for credentials");
	free(url);

	url = sh_out("echo https://localhost:%s/git/none.git", servers.https_port);
	assert_visibility(pair, url, RB_VISIBILITY_PRIVATE, "asks for credentials");
	free(url);
}

static void ssh_is_asked_where_the_configuration_says(void **state)
{
	struct pair *pair = *state;

	if (!servers.has_ssh)
		skip();
	use_https(pair, "public-notes.git", "me", NULL);
	assert_visibility(pair, "far:public-notes.git", RB_VISIBILITY_UNKNOWN,
	                  "no https form of host '127.0.0.1' is known");
	sh("git -C %s/store config rowback.127.0.0.1.publicUrl https://localhost:%s/git", pair->dir,
	   servers.https_port);
	assert_visibility(pair, "far:public-notes.git", RB_VISIBILITY_PUBLIC, "answers to anybody");
	assert_visibility(pair, "ssh://me@far/mine.git", RB_VISIBILITY_PRIVATE,
	                  "asks for credentials");
}

static void what_does_not_answer_is_unknown(void **state)
{
	struct pair *pair = *state;
	struct rb_buf why = RB_BUF(1000);
	enum rb_visibility got;
	char *port;
	char *url;

	use_https(pair, "mine.git", "me", NULL);
	sh("git -C %s/store config --unset http.sslCAInfo", pair->dir);
	url = url_of(pair);
	assert_visibility(pair, url, RB_VISIBILITY_UNKNOWN, "did not answer the question");
	free(url);

	port = sh_out(SERVERS "start_proxy %s %s stall:1", servers.dir, servers.https_port);
	url = sh_out("echo https://localhost:%s/git/mine.git", port);
	assert_int_equal(rb_remote_visibility(pair->repo, url, 500, &got, &why, &pair->err), RB_OK);
	assert_int_equal(got, RB_VISIBILITY_UNKNOWN);
	assert_non_null(strstr(rb_buf_str(&why), "did not answer within 0.5 s"));
	rb_buf_release(&why);
	free(url);
	free(port);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pair_set_up, pair_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(ssh_pushes_lists_and_fetches),
	        TEST(ssh_refusals_and_divergence_are_told),
	        TEST(ssh_keys_that_are_not_known_are_auth),
	        TEST(ssh_without_the_repository_is_notfound),
	        TEST(https_pushes_with_a_credential_helper),
	        TEST(https_pushes_to_a_server_of_tls_1_3_only),
	        TEST(https_wrong_missing_or_weak_credentials_are_auth),
	        TEST(https_passwords_in_urls_are_not_shown),
	        TEST(https_with_a_strange_certificate_is_auth),
	        TEST(https_without_the_repository_is_notfound),
	        TEST(a_connection_cut_midway_is_rejected_and_can_be_repeated),
	        TEST(a_connection_that_stalls_ends_at_the_deadline),
	        TEST(ssh_cut_midway_is_rejected),
	        TEST(https_tells_public_from_private),
	        TEST(ssh_is_asked_where_the_configuration_says),
	        TEST(what_does_not_answer_is_unknown),
	};

	return cmocka_run_group_tests(tests, start_servers, stop_servers);
}
