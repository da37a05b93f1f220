/*
 * What the files of src/repo share.
 */
#ifndef ROWBACK_REPO_PRIV_H
#define ROWBACK_REPO_PRIV_H

#include <git2.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "rowback/base/buf.h"
#include "rowback/base/err.h"
#include "rowback/repo/object.h"
#include "rowback/repo/repo.h"

struct rb_packs;

struct rb_repo {
	git_repository *git;      /**< never NULL in an open repository */
	git_odb *odb;             /**< its object database; use under odb_lock */
	char *git_dir;            /**< absolute, no slash at the end */
	char *common_dir;         /**< as git_dir, but in a linked worktree the main one's */
	char *objects_dir;        /**< common_dir + "/objects" */
	char *work_dir;           /**< absolute, no slash at the end; NULL when bare */
	struct rb_packs *packs;   /**< our own view of objects/pack */
	pthread_mutex_t odb_lock; /**< held around calls on odb from any thread */
};

/** Initialise libgit2 and set its options, once for the process. */
int rb_repo_lib_init(struct rb_err *err) RB_MUST_CHECK;

/** The rest of opening: paths, parts, what is refused.  `git` is taken, also on failure. */
int rb_repo_wrap(git_repository *git, struct rb_repo **out, struct rb_err *err) RB_MUST_CHECK;

/**
 * Record a failed libgit2 call: the text given, ": " and libgit2's own words.
 *
 * git_rc  the code that was returned
 * returns RB_E_NOTFOUND, RB_E_EXISTS, RB_E_LOCKED (a lock file is there, or a compare-and-swap
 *         failed), RB_E_USAGE (a name is invalid or ambiguous), RB_E_NOMEM, else RB_E_IO
 */
int rb_repo_git_err(struct rb_err *err, int git_rc, const char *fmt, ...) RB_PRINTF(3, 4);

/** "rowback <pid> <start>" and a NUL. */
#define RB_HOLDER_SIZE 64

/** Who this process is, for a lock file. */
void rb_repo_holder_format(char out[RB_HOLDER_SIZE]);

/** Whether text is what rb_repo_holder_format() gave and that process has ended. */
bool rb_repo_holder_gone(const char *text);

/** Write a file that matters only while this process runs: neither synced nor replaced whole. */
int rb_repo_write_scratch(const char *path, const void *data, size_t len,
                          struct rb_err *err) RB_MUST_CHECK;

/** Whether a file is older than the machine's last start, so that nobody can hold it. */
bool rb_repo_before_boot(const char *path);

/**
 * Take git's lock on a file: "<path>.lock", with our name in it from its first moment.
 * One whose process is gone is taken over; two that do so at once are kept apart by the
 * store's own lock, not by this.
 *
 * out     the lock file, for rb_repo_lock_drop()
 * returns 0; RB_E_LOCKED with a hint; RB_E_IO
 */
int rb_repo_lock_take(const struct rb_repo *repo, const char *path, char **out,
                      struct rb_err *err) RB_MUST_CHECK;

/** Remove the lock file; NULL is allowed. */
void rb_repo_lock_drop(char *lock);

/** A name or an address is a line. */
#define RB_IDENTITY_MAX_BYTES 1024

enum rb_role { RB_ROLE_AUTHOR, RB_ROLE_COMMITTER };

/** Who writes. */
struct rb_identity {
	struct rb_buf name;
	struct rb_buf email;
};

/** An empty identity. */
#define RB_IDENTITY                                                                                \
	{                                                                                          \
		.name = RB_BUF(RB_IDENTITY_MAX_BYTES), .email = RB_BUF(RB_IDENTITY_MAX_BYTES)      \
	}

/**
 * Find out who writes: GIT_AUTHOR_* or GIT_COMMITTER_*, then user.name and user.email,
 * then "rowback <rowback@HOST>"; cleaned as git does.
 */
int rb_repo_identity(struct rb_repo *repo, enum rb_role role, struct rb_identity *out,
                     struct rb_err *err) RB_MUST_CHECK;

void rb_identity_release(struct rb_identity *identity);

/** A struct rb_oid as libgit2's type, and back: both are 20 bytes. */
git_oid rb_oid_to_git(const struct rb_oid *oid);
struct rb_oid rb_oid_from_git(const git_oid *oid);

/** Makes names of objects; one for each thread. */
struct rb_hasher;

int rb_hasher_new(struct rb_hasher **out, struct rb_err *err) RB_MUST_CHECK;

/** NULL is allowed. */
void rb_hasher_free(struct rb_hasher *hasher);

/** As rb_object_id(), without setting anything up. */
int rb_hasher_object(struct rb_hasher *hasher, enum rb_object_type type, const void *data,
                     size_t len, struct rb_oid *out, struct rb_err *err) RB_MUST_CHECK;

/** SHA-1 of a stream of bytes: begin, add as often as needed, end. */
int rb_hasher_begin(struct rb_hasher *hasher, struct rb_err *err) RB_MUST_CHECK;
int rb_hasher_add(struct rb_hasher *hasher, const void *data, size_t len,
                  struct rb_err *err) RB_MUST_CHECK;
int rb_hasher_end(struct rb_hasher *hasher, struct rb_oid *out, struct rb_err *err) RB_MUST_CHECK;

/** "blob", "tree", "commit", "tag"; NULL for a number that is no type. */
const char *rb_object_type_name(unsigned int type);

#endif /* ROWBACK_REPO_PRIV_H */
