/*
 * See pair.h.
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
#include "rowback/base/buf.h"
#include "rowback/base/fs.h"

static struct rb_oid oid_of(const char *dir, const char *rev)
{
	char *hex = sh_out("git -C %s/store rev-parse %s", dir, rev);
	struct rb_oid oid;

	assert_true(rb_oid_parse(hex, &oid));
	free(hex);
	return oid;
}

int pair_isolate(void **state)
{
	(void)state;
	sh_isolate_git();
	unsetenv("GIT_SSH_COMMAND");
	unsetenv("GIT_SSH");
	return 0;
}

int pair_set_up(void **state)
{
	struct pair *pair = calloc(1, sizeof(*pair));
	char *store;
	int rc;

	if (!pair)
		return -1;
	*state = pair;
	pair->dir = sh_out("mktemp -d $PWD/pair.XXXXXX");
	pair->path = strdup(getenv("PATH"));
	if (getenv("GIT_SSH_COMMAND"))
		pair->ssh_command = strdup(getenv("GIT_SSH_COMMAND"));
	sh("cd %s && git init -q --bare far.git && git init -q -b main store && cd store && "
	   "git remote add origin ../far.git && "
	   "git commit -q --allow-empty -m one && git tag one && "
	   "echo two >two && git add two && git commit -q -m two && git tag two && "
	   "git checkout -q -b side one && git commit -q --allow-empty -m other && "
	   "git tag other && git checkout -q main",
	   pair->dir);
	pair->one = oid_of(pair->dir, "one");
	pair->two = oid_of(pair->dir, "two");
	pair->other = oid_of(pair->dir, "other");
	store = sh_out("echo %s/store", pair->dir);
	rc = rb_repo_open(store, &pair->repo, &pair->err);
	free(store);
	return rc;
}

int pair_tear_down(void **state)
{
	struct pair *pair = *state;

	setenv("PATH", pair->path, 1);
	if (pair->ssh_command)
		setenv("GIT_SSH_COMMAND", pair->ssh_command, 1);
	else
		unsetenv("GIT_SSH_COMMAND");
	rb_repo_free(pair->repo);
	/* The server's side of a connection that was cut may still be ending there. */
	sh("for n in $(seq 200); do rm -rf %s 2>/dev/null && exit; sleep 0.05; done; rm -rf %s",
	   pair->dir, pair->dir);
	free(pair->ssh_command);
	free(pair->path);
	free(pair->dir);
	free(pair);
	return 0;
}

static void write_program(const char *file, const char *script)
{
	assert_int_equal(rb_fs_replace(file, script, strlen(script), 0700, NULL), RB_OK);
}

void pair_add_program(struct pair *pair, const char *name, const char *script)
{
	char *file;
	char *path;

	sh("mkdir -p %s/bin", pair->dir);
	file = sh_out("echo %s/bin/%s", pair->dir, name);
	write_program(file, script);
	free(file);
	path = sh_out("echo %s/bin:%s", pair->dir, pair->path);
	setenv("PATH", path, 1);
	free(path);
}

void pair_add_hook(struct pair *pair, const char *name, const char *script)
{
	char *file = sh_out("echo %s/far.git/hooks/%s", pair->dir, name);

	write_program(file, script);
	free(file);
}

void pair_assert_text(const struct pair *pair, const char *got, const char *want)
{
	struct rb_buf whole = RB_BUF(4096);

	for (; *want; want++) {
		if (*want == '@')
			assert_int_equal(rb_buf_adds(&whole, pair->dir, NULL), RB_OK);
		else
			assert_int_equal(rb_buf_add(&whole, want, 1, NULL), RB_OK);
	}
	assert_string_equal(got, rb_buf_str(&whole));
	rb_buf_release(&whole);
}
