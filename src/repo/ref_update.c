/*
 * See rowback/repo/repo.h: moving refs.
 *
 * libgit2 makes git's lock file beside the ref.  A run that is killed while it holds it
 * must not stop the next one, but another git's lock must be left alone.  So what is about
 * to happen is noted first, in <git dir>/rowback/ref-update:
 *
 *	rowback 4711 1234567        who (lockfile.c)
 *	refs/heads/main             which ref
 *	9a3c...                     where it goes
 *
 * A lock that such a note explains, by a process that is gone, is removed; so is one that
 * is older than the machine's last start, and what was left at packed-refs.
 */
#include <assert.h>
#include <git2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "repo_priv.h"
#include "rowback/base/buf.h"
#include "rowback/base/fs.h"
#include "rowback/repo/repo.h"

/* A note is some lines; names of refs are paths. */
#define NOTE_MAX_BYTES 8192
/* From the note of a deletion to the lock that it takes: a moment, and some for a slow disk. */
#define PACKED_LOCK_S 2

/* One move of a ref. */
struct move {
	struct rb_repo *repo;
	const char *ref;
	const struct rb_oid *new_oid;
	const struct rb_oid *old_oid;
	const char *log_message;
};

static int format_note(const struct move *move, struct rb_buf *out, struct rb_err *err)
{
	char holder[RB_HOLDER_SIZE];
	char hex[RB_OID_HEX_SIZE];

	rb_repo_holder_format(holder);
	rb_oid_hex(move->new_oid, hex);
	return rb_buf_addf(out, err, "%s\n%s\n%s\n", holder, move->ref, hex);
}

/* Not synced: it serves after kill -9; a power cut shows in the lock's age. */
static int write_note(const struct move *move, const char *path, struct rb_err *err)
{
	struct rb_buf note = RB_BUF(NOTE_MAX_BYTES);
	int rc = format_note(move, &note, err);

	if (rc == RB_OK)
		rc = rb_repo_write_scratch(path, rb_buf_str(&note), note.len, err);
	rb_buf_release(&note);
	return rc;
}

/* Which ref a note of a process that is gone tells of, on the heap; hex is where it was to go. */
static char *read_note(const char *path, char hex[RB_OID_HEX_SIZE])
{
	struct rb_buf note = RB_BUF(NOTE_MAX_BYTES);
	char *found = NULL;
	const char *ref;
	const char *end;
	int valid = 0;

	if (rb_fs_read(path, &note, NULL) < 0)
		goto out;
	ref = strchr(rb_buf_str(&note), '\n');
	end = ref ? strchr(ref + 1, '\n') : NULL;
	if (!end || strlen(end + 1) != RB_OID_HEX_SIZE || !rb_repo_holder_gone(rb_buf_str(&note)))
		goto out;
	memcpy(hex, end + 1, RB_OID_HEX_SIZE - 1);
	hex[RB_OID_HEX_SIZE - 1] = '\0';
	found = strndup(ref + 1, (size_t)(end - ref - 1));
	if (found && (git_reference_name_is_valid(&valid, found) < 0 || !valid)) {
		free(found);
		found = NULL;
	}

out:
	rb_buf_release(&note);
	return found;
}

/* libgit2's lock is empty until it holds where the ref goes. */
static bool is_lock_to(const char *lock, const char *hex)
{
	struct rb_buf text = RB_BUF(RB_OID_HEX_SIZE);
	bool is =
	        rb_fs_read(lock, &text, NULL) == 0 &&
	        (text.len == 0 || (text.len == RB_OID_HEX_SIZE && text.data[text.len - 1] == '\n' &&
	                           memcmp(text.data, hex, RB_OID_HEX_SIZE - 1) == 0));

	rb_buf_release(&text);
	return is;
}

/* The name of git's lock on a ref, on the heap. */
static char *lock_name(const struct rb_repo *repo, const char *ref)
{
	size_t size = strlen(repo->common_dir) + strlen(ref) + sizeof("/.lock");
	char *lock = malloc(size);

	if (lock)
		snprintf(lock, size, "%s/%s.lock", repo->common_dir, ref);
	return lock;
}

/* Whether a file was written within some seconds after another one. */
static bool is_right_after(const char *path, const char *before)
{
	struct stat st;
	struct stat st_before;

	return stat(path, &st) == 0 && stat(before, &st_before) == 0 &&
	       st.st_mtime >= st_before.st_mtime &&
	       st.st_mtime <= st_before.st_mtime + PACKED_LOCK_S;
}

/*
 * A ref that is deleted may stand in git's packed-refs, whose lock tells nothing of who has it.
 * One that came right after the note of a deletion is of the run that wrote the note.
 */
static void clear_packed_lock(const struct move *move, const char *note_path, bool deletes)
{
	char *lock = lock_name(move->repo, "packed-refs");

	if (lock && rb_fs_exists(lock) &&
	    (rb_repo_before_boot(lock) || (deletes && is_right_after(lock, note_path))))
		unlink(lock);
	free(lock);
}

/*
 * Remove what a killed run of ours, or one before the last boot, left locked.  The ref of the
 * note may be another one: after this the note is gone, and nothing would explain the lock.
 */
static void clear_stale_locks(const struct move *move, const char *note_path)
{
	char hex[RB_OID_HEX_SIZE] = "";
	char *noted = read_note(note_path, hex);
	bool deletes = noted && strspn(hex, "0") == RB_OID_HEX_SIZE - 1;
	char *lock = noted ? lock_name(move->repo, noted) : NULL;

	if (lock && rb_fs_exists(lock) && is_lock_to(lock, hex))
		unlink(lock);
	free(noted);
	free(lock);
	clear_packed_lock(move, note_path, deletes);
	lock = lock_name(move->repo, move->ref);
	if (lock && rb_fs_exists(lock) && rb_repo_before_boot(lock))
		unlink(lock);
	free(lock);
}

static int set_log_identity(struct rb_repo *repo, struct rb_err *err)
{
	struct rb_identity who = RB_IDENTITY;
	int rc = rb_repo_identity(repo, RB_ROLE_COMMITTER, &who, err);

	if (rc == RB_OK) {
		rc = git_repository_set_ident(repo->git, rb_buf_str(&who.name),
		                              rb_buf_str(&who.email));
		if (rc < 0)
			rc = rb_repo_git_err(err, rc, "cannot set the reflog's identity");
	}
	rb_identity_release(&who);
	return rc;
}

static int delete_ref(const struct move *move)
{
	git_reference *ref = NULL;
	git_oid old_id = rb_oid_to_git(move->old_oid);
	int rc = git_reference_lookup(&ref, move->repo->git, move->ref);

	if (rc == 0 && (git_reference_type(ref) != GIT_REFERENCE_DIRECT ||
	                !git_oid_equal(git_reference_target(ref), &old_id)))
		rc = GIT_EMODIFIED;
	/* Compares with what was looked up, under the lock. */
	if (rc == 0)
		rc = git_reference_delete(ref);
	git_reference_free(ref);
	return rc;
}

static int write_ref(const struct move *move)
{
	git_oid new_id = rb_oid_to_git(move->new_oid);
	git_oid old_id = rb_oid_to_git(move->old_oid);

	/* All zero stands for "there is none" to libgit2 too. */
	return git_reference_create_matching(NULL, move->repo->git, move->ref, &new_id, 1, &old_id,
	                                     move->log_message);
}

static int explain(const struct move *move, int git_rc, struct rb_err *err)
{
	switch (git_rc) {
	case GIT_EMODIFIED:
	case GIT_EEXISTS:
	case GIT_ENOTFOUND:
		rb_err_set(err, RB_E_LOCKED, "ref '%s' is not where it was: somebody else moved it",
		           move->ref);
		rb_err_hint(err, "run it again");
		return RB_E_LOCKED;
	case GIT_ELOCKED:
		rb_err_set(err, RB_E_LOCKED, "ref '%s' is locked by another git program",
		           move->ref);
		rb_err_hint(err, "if none runs: rm '%s/%s.lock'", move->repo->common_dir,
		            move->ref);
		return RB_E_LOCKED;
	default:
		return rb_repo_git_err(err, git_rc, "cannot move ref '%s'", move->ref);
	}
}

int rb_repo_ref_update(struct rb_repo *repo, const char *ref, const struct rb_oid *new_oid,
                       const struct rb_oid *old_oid, const char *log_message, struct rb_err *err)
{
	struct move move = {repo, ref, new_oid, old_oid, log_message};
	char *note_path = NULL;
	int valid = 0;
	int rc;

	assert(!rb_oid_is_none(new_oid) || !rb_oid_is_none(old_oid));
	if (git_reference_name_is_valid(&valid, ref) < 0 || !valid)
		return rb_err_set(err, RB_E_USAGE, "'%s' is no valid name of a ref", ref);
	rc = set_log_identity(repo, err);
	if (rc < 0)
		return rc;
	note_path = rb_repo_state_path(repo, "ref-update");
	if (!note_path)
		return rb_err_set(err, RB_E_NOMEM, "no memory to move ref '%s'", ref);

	clear_stale_locks(&move, note_path);
	rc = write_note(&move, note_path, err);
	if (rc < 0)
		goto out;
	rc = rb_oid_is_none(new_oid) ? delete_ref(&move) : write_ref(&move);
	if (rc < 0)
		rc = explain(&move, rc, err);

out:
	unlink(note_path);
	free(note_path);
	return rc;
}
