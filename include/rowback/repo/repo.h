/*
 * The store's git repository: opening, reading objects, refs, configuration.
 *
 * Layer: repo (1).  Uses: libgit2 (refs, configuration, object lookup), zlib/ISA-L.
 *
 * Reading objects is safe from several threads at once; everything else belongs to one
 * thread.  libgit2 is initialised at the first open.
 */
#ifndef ROWBACK_REPO_REPO_H
#define ROWBACK_REPO_REPO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowback/base/buf.h"
#include "rowback/base/err.h"
#include "rowback/repo/object.h"

struct rb_repo;

/**
 * Make a repository whose HEAD is refs/heads/<branch>; files 0600, directories 0700
 * (core.sharedRepository=0600).  An empty directory, or none, must be at path.
 *
 * returns 0; RB_E_EXISTS when a repository is there, or files are; RB_E_USAGE for a branch
 *         that git would not take; RB_E_IO.  A failure leaves nothing behind.
 */
int rb_repo_init(const char *path, const char *branch, bool bare, struct rb_repo **out,
                 struct rb_err *err) RB_MUST_CHECK;

/**
 * Take back what rb_repo_init() made, and all that was put there since: path is gone, or the
 * empty directory that it was.
 */
void rb_repo_init_undo(const char *path, bool was_absent);

/** Let HEAD name another branch, "main", that need not be there yet.  returns 0; RB_E_IO */
int rb_repo_set_head(struct rb_repo *repo, const char *branch, struct rb_err *err) RB_MUST_CHECK;

/**
 * Open the repository at path or above it (as git does), with the working tree or bare.
 *
 * returns 0; RB_E_NOSTORE when there is none; RB_E_UNSUPPORTED, in words of ours, for one
 *         that is shallow, SHA-256, has a split index or unknown extensions, or belongs to
 *         another user (git's safe.directory rule; root may open what SUDO_UID owns)
 */
int rb_repo_open(const char *path, struct rb_repo **out, struct rb_err *err) RB_MUST_CHECK;

/** NULL is allowed. */
void rb_repo_free(struct rb_repo *repo);

/** The version of libgit2 in use: "1.5.1". */
const char *rb_repo_library_version(void);

/** The git directory, absolute, without a slash at the end. */
const char *rb_repo_git_dir(const struct rb_repo *repo);

/** The working tree's root, likewise; NULL when bare. */
const char *rb_repo_work_dir(const struct rb_repo *repo);

/** <git dir>/rowback/<name> on the heap, the directory made 0700; NULL without memory. */
char *rb_repo_state_path(const struct rb_repo *repo, const char *name);

/* Objects. */

/** Whether the store has an object; never rescans the pack directory. */
bool rb_repo_has(struct rb_repo *repo, const struct rb_oid *oid);

/**
 * Append an object's content.
 *
 * type    the type it must have, or 0 for any
 * returns 0; RB_E_NOTFOUND; RB_E_FORMAT when it is damaged or of another type; RB_E_LIMIT
 *         when it is larger than out allows; out is unchanged then
 * cost    objects that are whole in a pack are inflated by ISA-L; the rest by libgit2, one
 *         at a time.  The content is checked against zlib's checksum, not against the name.
 */
int rb_repo_read(struct rb_repo *repo, const struct rb_oid *oid, enum rb_object_type type,
                 struct rb_buf *out, struct rb_err *err) RB_MUST_CHECK;

/**
 * As rb_repo_read(), and the content is checked against the name: restore and verify use
 * this, for a pack's checksum of deflated data tells nothing of who wrote it.
 */
int rb_repo_read_verified(struct rb_repo *repo, const struct rb_oid *oid, enum rb_object_type type,
                          struct rb_buf *out, struct rb_err *err) RB_MUST_CHECK;

/** Bytes in an object's content, which is not read.  returns 0; RB_E_NOTFOUND; RB_E_FORMAT */
int rb_repo_object_size(struct rb_repo *repo, const struct rb_oid *oid, uint64_t *out,
                        struct rb_err *err) RB_MUST_CHECK;

/** See packs that were written since the repository was opened. */
int rb_repo_refresh(struct rb_repo *repo, struct rb_err *err) RB_MUST_CHECK;

/**
 * Remove a loose object that nothing refers to any more, such as a record that was replaced.
 * One that is in a pack, or not there, is left alone.
 */
void rb_repo_drop_loose(struct rb_repo *repo, const struct rb_oid *oid);

/* Refs. */

/** Append the branch that HEAD names: "main".  RB_E_NOTFOUND when it names a commit instead. */
int rb_repo_head_branch(struct rb_repo *repo, struct rb_buf *out, struct rb_err *err) RB_MUST_CHECK;

/** What a ref points to, peeled to a commit.  returns 0; RB_E_NOTFOUND; RB_E_FORMAT: no commit */
int rb_repo_ref(struct rb_repo *repo, const char *ref, struct rb_oid *out,
                struct rb_err *err) RB_MUST_CHECK;

/**
 * Move a ref, compare-and-swap, durably, with a reflog line.
 *
 * new_oid  where to; none (all zero) deletes it
 * old_oid  where it must be; none: it must not exist
 * returns  0; RB_E_LOCKED when the ref is not where it was expected (somebody else moved
 *          it) or another git program holds its lock; RB_E_USAGE for an invalid name; RB_E_IO.
 *          The lock of a run that was killed is removed.
 */
int rb_repo_ref_update(struct rb_repo *repo, const char *ref, const struct rb_oid *new_oid,
                       const struct rb_oid *old_oid, const char *log_message,
                       struct rb_err *err) RB_MUST_CHECK;

/**
 * Call fn with every ref whose name begins with prefix, sorted by name, as they were before
 * the first call.  oid is what the ref holds (an annotated tag is not peeled).
 */
int rb_repo_ref_each(struct rb_repo *repo, const char *prefix,
                     int (*fn)(void *ctx, const char *ref, const struct rb_oid *oid,
                               struct rb_err *err),
                     void *ctx, struct rb_err *err) RB_MUST_CHECK;

/**
 * The commit that a full or short hash (4 digits at least), a ref or a tag names.
 *
 * returns 0; RB_E_NOTFOUND; RB_E_USAGE when a short hash is the beginning of several commits
 */
int rb_repo_resolve(struct rb_repo *repo, const char *text, struct rb_oid *out,
                    struct rb_err *err) RB_MUST_CHECK;

/* Configuration: the store's own (.git/config) with the user's behind it. */

/** Append a value; RB_E_NOTFOUND when it is not set.  The user's own files count too. */
int rb_repo_config_get(struct rb_repo *repo, const char *name, struct rb_buf *out,
                       struct rb_err *err) RB_MUST_CHECK;

/**
 * Set a value in the store's own file, durably.
 *
 * returns 0; RB_E_USAGE for a name that git would not take; RB_E_LOCKED; RB_E_IO
 */
int rb_repo_config_set(struct rb_repo *repo, const char *name, const char *value,
                       struct rb_err *err) RB_MUST_CHECK;

/**
 * Call fn with each entry of the store's own file, or of `file` instead when it is given.
 *
 * file    a file in git's syntax, or NULL
 * name    as git lists it: section and variable in lower case, subsection as it is
 * value   "true" for a name without "="
 * returns 0; what fn returned; RB_E_NOTFOUND when there is no such file; RB_E_USAGE when it
 *         cannot be parsed
 */
int rb_repo_config_each(struct rb_repo *repo, const char *file,
                        int (*fn)(void *ctx, const char *name, const char *value,
                                  struct rb_err *err),
                        void *ctx, struct rb_err *err) RB_MUST_CHECK;

/* Notes. */

/** Set the note of a commit under refs/notes/<notes_ref>, replacing an older one. */
int rb_repo_note_set(struct rb_repo *repo, const char *notes_ref, const struct rb_oid *commit,
                     const char *text, struct rb_err *err) RB_MUST_CHECK;

/** Append the note of a commit; RB_E_NOTFOUND when it has none. */
int rb_repo_note_get(struct rb_repo *repo, const char *notes_ref, const struct rb_oid *commit,
                     struct rb_buf *out, struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_REPO_REPO_H */
