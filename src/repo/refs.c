/*
 * See rowback/repo/repo.h: reading refs.
 */
#include <git2.h>
#include <stdlib.h>
#include <string.h>

#include "repo_priv.h"
#include "rowback/repo/repo.h"

int rb_repo_ref(struct rb_repo *repo, const char *ref, struct rb_oid *out, struct rb_err *err)
{
	git_reference *found = NULL;
	git_object *commit = NULL;
	int rc = git_reference_lookup(&found, repo->git, ref);

	if (rc == 0)
		rc = git_reference_peel(&commit, found, GIT_OBJECT_COMMIT);
	if (rc == 0)
		*out = rb_oid_from_git(git_object_id(commit));
	else if (rc == GIT_ENOTFOUND)
		rc = rb_err_set(err, RB_E_NOTFOUND, "there is no ref '%s'", ref);
	else if (rc == GIT_EPEEL || (found && rc == GIT_EINVALIDSPEC))
		rc = rb_err_set(err, RB_E_FORMAT, "ref '%s' points to no commit", ref);
	else
		rc = rb_repo_git_err(err, rc, "cannot read ref '%s'", ref);
	git_object_free(commit);
	git_reference_free(found);
	return rc;
}

int rb_repo_head_branch(struct rb_repo *repo, struct rb_buf *out, struct rb_err *err)
{
	static const char heads[] = "refs/heads/";
	git_reference *head = NULL;
	const char *target = NULL;
	int rc = git_reference_lookup(&head, repo->git, "HEAD");

	if (rc == 0)
		target = git_reference_symbolic_target(head);
	if (rc < 0)
		rc = rb_repo_git_err(err, rc, "cannot read HEAD");
	else if (!target || strncmp(target, heads, strlen(heads)) != 0)
		rc = rb_err_set(err, RB_E_NOTFOUND, "HEAD names no branch");
	else
		rc = rb_buf_adds(out, target + strlen(heads), err);
	git_reference_free(head);
	return rc;
}

/* A ref as listed. */
struct listed {
	char *name;
	struct rb_oid oid;
};

struct listing {
	struct listed *refs;
	size_t count;
	size_t cap;
};

static int add_listed(struct listing *list, const char *name, const git_oid *oid)
{
	if (list->count == list->cap) {
		size_t cap = list->cap ? 2 * list->cap : 64;
		struct listed *grown = realloc(list->refs, cap * sizeof(*grown));

		if (!grown)
			return -1;
		list->refs = grown;
		list->cap = cap;
	}
	list->refs[list->count].name = strdup(name);
	if (!list->refs[list->count].name)
		return -1;
	list->refs[list->count++].oid = rb_oid_from_git(oid);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct listed *)a)->name, ((const struct listed *)b)->name);
}

/* All first, then the callback: it may change refs. */
static int list_refs(struct rb_repo *repo, const char *prefix, struct listing *list,
                     struct rb_err *err)
{
	git_reference_iterator *it = NULL;
	git_reference *ref = NULL;
	int rc = git_reference_iterator_new(&it, repo->git);

	while (rc == 0 && (rc = git_reference_next(&ref, it)) == 0) {
		git_reference *direct = NULL;
		const char *name = git_reference_name(ref);

		/* A symbolic ref that leads nowhere is no ref. */
		if (strncmp(name, prefix, strlen(prefix)) == 0 &&
		    git_reference_resolve(&direct, ref) == 0 &&
		    add_listed(list, name, git_reference_target(direct)) < 0) {
			rb_err_set(err, RB_E_NOMEM, "no memory to list refs");
			rc = RB_E_NOMEM;
		}
		git_reference_free(direct);
		git_reference_free(ref);
	}
	git_reference_iterator_free(it);
	if (rc == RB_E_NOMEM)
		return rc;
	return rc == GIT_ITEROVER ? RB_OK : rb_repo_git_err(err, rc, "cannot list refs");
}

int rb_repo_ref_each(struct rb_repo *repo, const char *prefix,
                     int (*fn)(void *ctx, const char *ref, const struct rb_oid *oid,
                               struct rb_err *err),
                     void *ctx, struct rb_err *err)
{
	struct listing list = {0};
	int rc = list_refs(repo, prefix, &list, err);

	if (list.count > 0)
		qsort(list.refs, list.count, sizeof(*list.refs), by_name);
	for (size_t i = 0; i < list.count && rc >= 0; i++)
		rc = fn(ctx, list.refs[i].name, &list.refs[i].oid, err);
	for (size_t i = 0; i < list.count; i++)
		free(list.refs[i].name);
	free(list.refs);
	return rc < 0 ? rc : RB_OK;
}
