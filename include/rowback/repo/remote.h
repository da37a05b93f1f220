/*
 * Remotes and maintenance, by the git program.
 *
 * Layer: repo (1).  Uses: rowback/base/proc.h, rowback/repo/repo.h, the git program.
 *
 * The user's own ssh configuration, agent, credential helpers and certificates are used,
 * as `git push` would.  Nothing prompts.  A deadline ends the whole process group.  URLs
 * in messages have their password replaced by "***".
 */
#ifndef ROWBACK_REPO_REMOTE_H
#define ROWBACK_REPO_REMOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowback/base/buf.h"
#include "rowback/base/err.h"
#include "rowback/repo/object.h"
#include "rowback/repo/repo.h"

/** Deadline of a push or fetch when the configuration names none: a first push is long. */
#define RB_REMOTE_TIMEOUT_MS ((int64_t)3600 * 1000)

/** One ref to push. */
struct rb_push_ref {
	struct rb_oid oid;      /**< what to send; none deletes the ref */
	const char *ref;        /**< full name on the remote */
	bool lease;             /**< --force-with-lease=<ref>:<expected>; else never forced */
	struct rb_oid expected; /**< where the remote's ref must be for the lease; none: absent */
	bool optional;          /**< its refusal does not fail the push */
	/* Filled by rb_remote_push(). */
	bool accepted;    /**< the remote has oid at ref (also when it was up to date) */
	char reason[200]; /**< the remote's word when it refused; "" */
};

/** How a push went. */
struct rb_push_stats {
	uint64_t bytes_sent; /**< as git reports it; 0 when nothing had to be sent */
};

/**
 * Push refs to a remote.
 *
 * remote      a remote's name
 * timeout_ms  deadline of the whole push
 * returns     0 when every ref that is not optional was accepted; RB_E_REJECTED when the
 *             remote refused, its branch diverged, it could not be reached, or the
 *             connection was cut; RB_E_AUTH, also when the server could not prove who it is;
 *             RB_E_TIMEOUT; RB_E_NOTFOUND when there is no such repository; RB_E_UNSUPPORTED
 *             for a remote with several push URLs; each with a hint.  Push protection
 *             (GH013) names path and line in the message.
 */
int rb_remote_push(struct rb_repo *repo, const char *remote, struct rb_push_ref *refs,
                   size_t ref_count, int64_t timeout_ms, struct rb_push_stats *stats,
                   struct rb_err *err) RB_MUST_CHECK;

/** A ref of a remote. */
struct rb_remote_ref {
	char *ref;
	struct rb_oid oid;
};

struct rb_remote_refs {
	struct rb_remote_ref *refs; /**< sorted by name */
	size_t count;
};

/**
 * Ask a remote for its refs that match any of the patterns (full names, or "refs/rowback/" and a
 * star).
 *
 * remote   a remote's name or a URL
 * returns  0, with no refs for an empty repository; statuses as rb_remote_push()
 */
int rb_remote_list(struct rb_repo *repo, const char *remote, const char *const *patterns,
                   int64_t timeout_ms, struct rb_remote_refs *out,
                   struct rb_err *err) RB_MUST_CHECK;

void rb_remote_refs_release(struct rb_remote_refs *refs);

/** The name a ref has in a list, or NULL. */
const struct rb_oid *rb_remote_refs_find(const struct rb_remote_refs *refs, const char *ref);

/**
 * Fetch refspecs ("+refs/heads/main:refs/remotes/origin/main"); objects land in one pack.  No ref
 * moves but those that they name: "refs/heads/main" alone brings objects only.
 */
int rb_remote_fetch(struct rb_repo *repo, const char *remote, const char *const *refspecs,
                    int64_t timeout_ms, struct rb_err *err) RB_MUST_CHECK;

/** Append a remote's URL for pushing, insteadOf rules applied.  RB_E_NOTFOUND: no such remote. */
int rb_remote_url(struct rb_repo *repo, const char *remote, struct rb_buf *out,
                  struct rb_err *err) RB_MUST_CHECK;

/** Append a URL with its password, and a user name that looks like a token, as "***". */
int rb_remote_redact_url(const char *url, struct rb_buf *out, struct rb_err *err) RB_MUST_CHECK;

enum rb_visibility {
	RB_VISIBILITY_PRIVATE, /**< it was asked without credentials and refused */
	RB_VISIBILITY_PUBLIC,  /**< it answered without credentials */
	RB_VISIBILITY_LOCAL,   /**< a path on this machine: nobody to ask */
	RB_VISIBILITY_UNKNOWN, /**< could not be found out; why says why */
};

/**
 * Try to read a remote as anybody could: no credential helper, netrc, cookies, client
 * certificate, extra headers or ssh key.  An ssh URL of a host that serves https too
 * (github.com, gitlab.com, bitbucket.org, codeberg.org, git.sr.ht, or one for which
 * rowback.<host>.publicUrl says what stands before the path) is asked in its https form.
 * Host aliases of the user's ssh configuration are resolved first.
 *
 * url     as rb_remote_url() gives it
 * why     appended: one clause for people ("https://... asks for credentials")
 * returns 0 with *out; failures to find out are RB_VISIBILITY_UNKNOWN, not errors
 */
int rb_remote_visibility(struct rb_repo *repo, const char *url, int64_t timeout_ms,
                         enum rb_visibility *out, struct rb_buf *why,
                         struct rb_err *err) RB_MUST_CHECK;

/** Append git's version, "2.39.5"; RB_E_NOTFOUND when there is no git program. */
int rb_remote_git_version(struct rb_buf *out, struct rb_err *err) RB_MUST_CHECK;

/**
 * Run `git fsck --strict` over the whole store.
 *
 * report  appended: what git printed
 * returns 0; RB_E_MISMATCH when git found something
 */
int rb_remote_fsck(struct rb_repo *repo, int64_t timeout_ms, struct rb_buf *report,
                   struct rb_err *err) RB_MUST_CHECK;

/**
 * Keep the number of packs small: `git repack --geometric=2 -d` once there are more than
 * packs_max packs; leftover tmp_* files of killed runs older than an hour are removed.
 *
 * returns 0 also when git had to be stopped at the deadline: the store is whole then
 */
int rb_remote_maintain(struct rb_repo *repo, size_t packs_max, int64_t timeout_ms,
                       struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_REPO_REMOTE_H */
