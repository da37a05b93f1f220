/*
 * One operation at a time for each store.
 *
 * Layer: runtime (2).  Uses: rowback/base, jansson, flock(2).
 *
 * flock(2) on <git dir>/rowback/lock decides; the kernel lets it go when the holder ends, in
 * whatever way.  The file says who holds it, for the message of those who wait:
 *
 *	{"pid":4242,"command":"backup","started":"2026-11-20T15:58:00Z"}
 *
 * What a dead holder left in it is overwritten.  The file itself stays: removing it would let
 * two programs lock two files of one name.
 */
#ifndef ROWBACK_RUNTIME_LOCK_H
#define ROWBACK_RUNTIME_LOCK_H

#include <stdint.h>

#include "rowback/base/err.h"

struct rb_lock;

/**
 * Take the lock.
 *
 * path     the lock file, as rb_repo_state_path(repo, "lock") gives it; made 0600
 * command  what is being done, for others to read: "backup"
 * wait_ms  how long to wait for another holder; 0: not at all
 * out      the lock, for rb_lock_release(); the descriptor is closed on exec
 * returns  0; RB_E_LOCKED (exit 11), naming the holder's command, pid and start; RB_E_CANCELLED
 *          when a signal ended the waiting; RB_E_IO; RB_E_NOMEM
 */
int rb_lock_take(const char *path, const char *command, int64_t wait_ms, struct rb_lock **out,
                 struct rb_err *err) RB_MUST_CHECK;

/** Who holds a lock, as far as the file says. */
struct rb_lock_holder {
	char command[64]; /**< "backup"; "?" when it does not say */
	int64_t pid;
	char since[21]; /**< "2026-11-20T15:58:00Z"; "" when it does not say */
};

/**
 * Look whether somebody holds the lock, without waiting.  A program that tries to take a free
 * lock at this very moment may be told that it is held: ask only when something else says that
 * an operation may be at work.
 *
 * returns 1 and fills out; 0 when nobody does, or there is no such file; RB_E_IO
 */
int rb_lock_look(const char *path, struct rb_lock_holder *out, struct rb_err *err) RB_MUST_CHECK;

/** Let it go and free it; NULL is allowed. */
void rb_lock_release(struct rb_lock *lock);

#endif /* ROWBACK_RUNTIME_LOCK_H */
