/*
 * rowback/repo/remote.h: what URLs are and may show, and whether anybody can read a remote.
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

static void the_url_is_the_one_that_is_pushed_to(void **state)
{
	struct pair *fx = *state;
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
                                "case $last in job) last=GitHub.com;; esac\n"
                                "echo \"user me\"; echo \"hostname $last\"\n";

static void ssh_urls_are_asked_in_their_https_form(void **state)
{
	static const struct {
		const char *url, *asked;
	} cases[] = {
	        {"git@github.com:me/x.git", "https://github.com/me/x.git"},
	        {"ssh://git@ssh.github.com:443/me/x.git", "https://github.com/me/x.git"},
	        {"github.com:/me/x", "https://github.com/me/x"},
	        {"job:me/x", "https://github.com/me/x"},
	        {"git+ssh://job/me/x", "https://github.com/me/x"},
	        {"git@gitlab.com:a/b/c d.git", "https://gitlab.com/a/b/c%20d.git"},
	        {"git@git.sr.ht:~me/x", "https://git.sr.ht/~me/x"},
	        {"[git.example.com:2222]:me/x", "https://code.example.com/git/me/x"},
	        {"https://me:pw@host/x.git?t=1", "https://host/x.git"},
	        {"git://host/x", "git://host/x"},
	};
	struct pair *fx = *state;

	pair_add_program(fx, "git", asked_git);
	pair_add_program(fx, "ssh", asked_ssh);
	sh("git -C %s/store config rowback.git.example.com.publicUrl https://code.example.com/git/",
	   fx->dir);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rb_buf why = RB_BUF(1000);
		enum rb_visibility visibility;
		char *want = sh_out("echo '%s answers to anybody'", cases[i].asked);

		assert_int_equal(rb_remote_visibility(fx->repo, cases[i].url, PAIR_TIMEOUT_MS,
		                                      &visibility, &why, &fx->err),
		                 RB_OK);
		assert_int_equal(visibility, RB_VISIBILITY_PUBLIC);
		assert_string_equal(rb_buf_str(&why), want);
		sh_assert(cases[i].asked, sh_out("tail -1 %s/bin/asked", fx->dir));
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
	struct pair *fx = *state;

	pair_add_program(fx, "git", asked_git);
	pair_add_program(fx, "ssh", asked_ssh);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rb_buf why = RB_BUF(1000);
		enum rb_visibility visibility;

		setenv("WORDS", cases[i].words ? cases[i].words : "asked", 1);
		assert_int_equal(rb_remote_visibility(fx->repo, cases[i].url, PAIR_TIMEOUT_MS,
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
	struct pair *fx = *state;
	struct rb_buf why = RB_BUF(1000);
	enum rb_visibility visibility;

	pair_add_program(fx, "git", asked_git);
	sh("cd %s/store && git config http.extraHeader 'Authorization: s3cret' && "
	   "git config credential.helper '!echo s3cret' && git config http.cookieFile s3cret && "
	   "git config http.sslCert s3cret && git config http.proxy http://u:s3cret@proxy:3128 && "
	   "git config http.https://h/.sslCAInfo /ca@home.pem && "
	   "git config http.sslCAPath '~/certs' && git config http.https://u@h/.sslCAInfo s3cret",
	   fx->dir);
	setenv("SSH_ASKPASS", "s3cret", 1);
	setenv("GIT_ASKPASS", "s3cret", 1);
	setenv("GIT_SSL_CERT", "s3cret", 1);
	assert_int_equal(rb_remote_visibility(fx->repo, "https://u:s3cret@h/x", PAIR_TIMEOUT_MS,
	                                      &visibility, &why, &fx->err),
	                 RB_OK);
	unsetenv("SSH_ASKPASS");
	unsetenv("GIT_ASKPASS");
	unsetenv("GIT_SSL_CERT");
	rb_buf_release(&why);
	sh_assert("", sh_out("cat %s/bin/env %s/bin/args | grep s3cret || :", fx->dir, fx->dir));
	sh_assert("git -c gc.auto=0 -c maintenance.auto=false -c http.proxy=http://proxy:3128 "
	          "-c http.sslcapath=/nonexistent/certs -c http.https://h/.sslcainfo=/ca@home.pem "
	          "-c credential.helper= -c http.emptyAuth=false ls-remote --quiet -- https://h/x",
	          sh_out("sed 's/^/git /' %s/bin/args", fx->dir));
	sh_assert("GIT_ASKPASS=\nGIT_CONFIG_GLOBAL=/dev/null\nGIT_CONFIG_NOSYSTEM=1",
	          sh_out("grep -e ^GIT_ASKPASS -e ^GIT_CONFIG %s/bin/env | sort", fx->dir));
	assert_int_equal(sh_status("test -e $(sed -n 's/^HOME=//p' %s/bin/env)", fx->dir), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pair_set_up, pair_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(the_url_is_the_one_that_is_pushed_to),
	        cmocka_unit_test(secrets_in_urls_are_not_shown),
	        TEST(ssh_urls_are_asked_in_their_https_form),
	        TEST(an_answer_decides_the_visibility),
	        TEST(the_question_carries_no_credentials),
	};

	return cmocka_run_group_tests(tests, pair_isolate, NULL);
}
