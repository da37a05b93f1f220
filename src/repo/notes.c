/*
 * See rowback/repo/repo.h: notes.
 *
 * libgit2 writes the note's objects; the ref is moved as any other.
 */
#include <git2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "repo_priv.h"
#include "rowback/base/buf.h"
#include "rowback/base/time.h"
#include "rowback/repo/repo.h"

/* "refs/notes/<notes_ref>" on the heap. */
static char *full_name(const char *notes_ref)
{
	size_t size = sizeof("refs/notes/") + strlen(notes_ref);
	char *name = malloc(size);

	if (name)
		snprintf(name, size, "refs/notes/%s", notes_ref);
	return name;
}

static int make_signature(struct rb_repo *repo, git_signature **out, struct rb_err *err)
{
	struct rb_identity who = RB_IDENTITY;
	int rc = rb_repo_identity(repo, RB_ROLE_COMMITTER, &who, err);

	if (rc == RB_OK) {
		rc = git_signature_new(out, rb_buf_str(&who.name), rb_buf_str(&who.email),
		                       rb_time_now_unix_s(), 0);
		if (rc < 0)
			rc = rb_repo_git_err(err, rc, "cannot sign a note");
	}
	rb_identity_release(&who);
	return rc;
}

/* Write the note over the notes that are at `parent` (none: there are none yet). */
static int write_note(struct rb_repo *repo, const struct rb_oid *parent,
                      const struct rb_oid *commit, const char *text, struct rb_oid *out,
                      struct rb_err *err)
{
	git_oid parent_id = rb_oid_to_git(parent);
	git_oid commit_id = rb_oid_to_git(commit);
	git_oid notes_id;
	git_commit *parent_commit = NULL;
	git_signature *who = NULL;
	int rc = make_signature(repo, &who, err);

	if (rc < 0)
		return rc;
	if (!rb_oid_is_none(parent))
		rc = git_commit_lookup(&parent_commit, repo->git, &parent_id);
	if (rc == 0)
		rc = git_note_commit_create(&notes_id, NULL, repo->git, parent_commit, who, who,
		                            &commit_id, text, 1);
	if (rc < 0)
		rc = rb_repo_git_err(err, rc, "cannot write a note");
	else
		*out = rb_oid_from_git(&notes_id);
	git_commit_free(parent_commit);
	git_signature_free(who);
	return rc;
}

int rb_repo_note_set(struct rb_repo *repo, const char *notes_ref, const struct rb_oid *commit,
                     const char *text, struct rb_err *err)
{
	struct rb_oid before = {{0}};
	struct rb_oid after;
	char *ref = full_name(notes_ref);
	int rc;

	if (!ref)
		return rb_err_set(err, RB_E_NOMEM, "no memory to write a note");
	rc = rb_repo_ref(repo, ref, &before, err);
	if (rc == RB_OK || rc == RB_E_NOTFOUND)
		rc = write_note(repo, &before, commit, text, &after, err);
	if (rc == RB_OK)
		rc = rb_repo_ref_update(repo, ref, &after, &before, "notes: set by rowback", err);
	free(ref);
	return rc;
}

int rb_repo_note_get(struct rb_repo *repo, const char *notes_ref, const struct rb_oid *commit,
                     struct rb_buf *out, struct rb_err *err)
{
	git_oid id = rb_oid_to_git(commit);
	char hex[RB_OID_HEX_SIZE];
	git_note *note = NULL;
	char *ref = full_name(notes_ref);
	int rc;

	if (!ref)
		return rb_err_set(err, RB_E_NOMEM, "no memory to read a note");
	rb_oid_hex(commit, hex);
	rc = git_note_read(&note, repo->git, ref, &id);
	if (rc == GIT_ENOTFOUND)
		rc = rb_err_set(err, RB_E_NOTFOUND, "commit %s has no note in '%s'", hex, ref);
	else if (rc < 0)
		rc = rb_repo_git_err(err, rc, "cannot read the note of %s", hex);
	else
		rc = rb_buf_adds(out, git_note_message(note), err);
	git_note_free(note);
	free(ref);
	return rc;
}
