/*
 * See rowback/repo/repo.h: from what a person typed to a commit.
 */
#include <git2.h>
#include <pthread.h>
#include <string.h>

#include "repo_priv.h"
#include "rowback/repo/repo.h"

/* git's own least length of a short hash. */
#define SHORT_MIN 4

/* Commits whose name begins with a short hash, among objects of all types. */
struct candidates {
	struct rb_repo *repo;
	git_oid prefix;
	size_t digits;
	git_oid commit; /**< the last one found */
	size_t count;
};

static int consider(const git_oid *oid, void *payload)
{
	struct candidates *all = payload;
	git_object *object = NULL;
	git_object *commit = NULL;

	if (git_oid_ncmp(oid, &all->prefix, all->digits) != 0)
		return 0;
	if (git_object_lookup(&object, all->repo->git, oid, GIT_OBJECT_ANY) == 0 &&
	    git_object_peel(&commit, object, GIT_OBJECT_COMMIT) == 0 &&
	    (all->count == 0 || !git_oid_equal(&all->commit, git_object_id(commit)))) {
		all->commit = *git_object_id(commit);
		all->count++;
	}
	git_object_free(commit);
	git_object_free(object);
	return 0;
}

/* Rows and trees far outnumber commits, so a hash that is short for them may do for us. */
static int resolve_ambiguous(struct rb_repo *repo, const char *text, struct rb_oid *out,
                             struct rb_err *err)
{
	struct candidates all = {.repo = repo, .digits = strlen(text)};
	int rc = git_oid_fromstrp(&all.prefix, text);

	if (rc == 0)
		rc = git_odb_foreach(repo->odb, consider, &all);
	if (rc < 0)
		return rb_repo_git_err(err, rc, "cannot look for '%s'", text);
	if (all.count == 0)
		return rb_err_set(err, RB_E_NOTFOUND, "there is no commit '%s'", text);
	if (all.count > 1) {
		rb_err_set(err, RB_E_USAGE, "'%s' is the beginning of %zu commits", text,
		           all.count);
		rb_err_hint(err, "give more of its digits");
		return RB_E_USAGE;
	}
	*out = rb_oid_from_git(&all.commit);
	return RB_OK;
}

static int peel(struct rb_repo *repo, const char *text, const git_oid *id, size_t digits,
                struct rb_oid *out, struct rb_err *err)
{
	git_object *object = NULL;
	git_object *commit = NULL;
	int rc = git_object_lookup_prefix(&object, repo->git, id, digits, GIT_OBJECT_ANY);

	if (rc == GIT_EAMBIGUOUS)
		return resolve_ambiguous(repo, text, out, err);
	if (rc == 0)
		rc = git_object_peel(&commit, object, GIT_OBJECT_COMMIT);
	if (rc == 0)
		*out = rb_oid_from_git(git_object_id(commit));
	else if (rc == GIT_ENOTFOUND || object)
		rc = rb_err_set(err, RB_E_NOTFOUND, "there is no commit '%s'", text);
	else
		rc = rb_repo_git_err(err, rc, "cannot look for '%s'", text);
	git_object_free(commit);
	git_object_free(object);
	return rc;
}

int rb_repo_resolve(struct rb_repo *repo, const char *text, struct rb_oid *out, struct rb_err *err)
{
	size_t len = strlen(text);
	bool is_hex = len > 0 && strspn(text, "0123456789abcdefABCDEF") == len;
	git_reference *ref = NULL;
	git_reference *direct = NULL;
	git_oid id;
	int rc;

	/* A whole hash is never a ref: git looks in this order too. */
	if (is_hex && len == GIT_OID_HEXSZ && git_oid_fromstr(&id, text) == 0)
		return peel(repo, text, &id, len, out, err);

	rc = len > 0 ? git_reference_dwim(&ref, repo->git, text) : GIT_ENOTFOUND;
	if (rc == 0)
		rc = git_reference_resolve(&direct, ref);
	if (rc == 0) {
		rc = peel(repo, text, git_reference_target(direct), GIT_OID_HEXSZ, out, err);
	} else if (rc != GIT_ENOTFOUND && rc != GIT_EINVALIDSPEC) {
		rc = rb_repo_git_err(err, rc, "cannot look for '%s'", text);
	} else if (is_hex && len >= SHORT_MIN && len < GIT_OID_HEXSZ &&
	           git_oid_fromstrp(&id, text) == 0) {
		rc = peel(repo, text, &id, len, out, err);
	} else {
		rc = rb_err_set(err, RB_E_NOTFOUND, "there is no commit '%s'", text);
	}
	git_reference_free(direct);
	git_reference_free(ref);
	return rc;
}
