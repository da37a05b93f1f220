/*
 * A store and the remote that it pushes to, on this machine.
 *
 *	<dir>/store    commits one <- two and one <- other, each with a tag of its name
 *	<dir>/far.git  empty; "origin" of the store
 */
#ifndef HARNESS_PAIR_H
#define HARNESS_PAIR_H

#include "rowback/base/err.h"
#include "rowback/repo/object.h"
#include "rowback/repo/repo.h"

/** Long enough for any machine. */
#define PAIR_TIMEOUT_MS 60000

struct pair {
	char *dir;         /* absolute */
	char *path;        /* PATH as it was */
	char *ssh_command; /* GIT_SSH_COMMAND as it was, or NULL */
	struct rb_repo *repo;
	struct rb_oid one, two, other;
	struct rb_err err;
};

/** Set-up of a group: git reads no file of the user. */
int pair_isolate(void **state);

/** Set-up and tear-down of a test; *state is a struct pair.  PATH and ssh are as before then. */
int pair_set_up(void **state);
int pair_tear_down(void **state);

/** Put a program in front of PATH until the test's end; `script` is its text. */
void pair_add_program(struct pair *pair, const char *name, const char *script);

/** Give the remote a hook. */
void pair_add_hook(struct pair *pair, const char *name, const char *script);

/** Compare a text with one in which '@' stands for the directory. */
void pair_assert_text(const struct pair *pair, const char *got, const char *want);

#endif /* HARNESS_PAIR_H */
