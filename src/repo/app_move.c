/*
 * Moving the application repository's branch, by git alone.  See rowback/repo/app.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rowback/base/fs.h"
#include "rowback/base/map.h"
#include "rowback/repo/app.h"
#include "app_priv.h"

#define MOVE_TIMEOUT_MS ((int64_t)600 * 1000) /* git writes a whole working tree, at worst */
#define NAMES_MAX ((size_t)64 << 20)          /* names of the files of a large repository */
#define FILES_NAMED 5                         /* files in a message; the rest is counted */

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory for the app repository");
}

int rb_app_ask(struct rb_git *git, size_t out_max, struct rb_proc_result *result,
               struct rb_err *err)
{
	const struct rb_git_limits limits = {.timeout_ms = MOVE_TIMEOUT_MS, .stdout_max = out_max};

	return rb_git_run(git, &limits, result, err);
}

/* Begin "git VERB" in a place. */
static int begin(struct rb_git *git, const struct rb_app_place *place, const char *verb,
                 struct rb_err *err)
{
	int rc = rb_app_git_begin(git, place->dir, err);

	git->umask = &place->umask;
	rb_git_arg(git, "%s", verb);
	return rc;
}

/* Run a command, and report a status that is not 0. */
static int run_or_fail(const struct rb_app_place *place, struct rb_git *git,
                       struct rb_proc_result *result, const char *what, struct rb_err *err)
{
	int rc = rb_app_ask(git, NAMES_MAX, result, err);

	if (rc == RB_OK && result->exit_code != 0)
		rc = rb_app_git_failed(result, RB_E_IO, err, "git cannot %s in '%s'", what,
		                       place->dir);
	return rc;
}

static bool copy_oid(const char *text, char out[RB_APP_OID_SIZE])
{
	size_t len = strspn(text, "0123456789abcdef");

	if ((len != 40 && len != 64) || (text[len] && text[len] != '\n'))
		return false;
	memcpy(out, text, len);
	out[len] = '\0';
	return true;
}

void rb_app_commit_release(struct rb_app_commit *commit)
{
	free(commit->subject);
	memset(commit, 0, sizeof(*commit));
}

/* "OID\nTREE\nSHORT\nSUBJECT\n" */
static int read_commit(const char *text, struct rb_app_commit *out, struct rb_err *err)
{
	const char *line = text;
	size_t len;

	if (!copy_oid(line, out->oid))
		return rb_err_set(err, RB_E_IO, "git printed no commit");
	line += strcspn(line, "\n");
	line += *line == '\n';
	if (!copy_oid(line, out->tree))
		return rb_err_set(err, RB_E_IO, "git printed no tree");
	line += strcspn(line, "\n");
	line += *line == '\n';
	len = strcspn(line, "\n");
	snprintf(out->brief, sizeof(out->brief), "%.*s", (int)len, line);
	line += len;
	line += *line == '\n';
	out->subject = strndup(line, strcspn(line, "\n"));
	return out->subject ? RB_OK : no_memory(err);
}

int rb_app_commit_look(const struct rb_app_place *place, const char *revision,
                       struct rb_app_commit *out, struct rb_err *err)
{
	struct rb_proc_result result = {0};
	struct rb_git git;
	char oid[RB_APP_OID_SIZE];
	int rc;

	memset(out, 0, sizeof(*out));
	rc = rb_app_resolve(place->dir, revision, oid, err);
	if (rc < 0)
		return rc;
	rc = begin(&git, place, "log", err);
	rb_git_arg(&git, "-1");
	rb_git_arg(&git, "--no-show-signature");
	rb_git_arg(&git, "--no-color");
	rb_git_arg(&git, "--encoding=UTF-8");
	rb_git_arg(&git, "--format=%%H%%n%%T%%n%%h%%n%%s");
	rb_git_arg(&git, "%s", oid);
	rb_git_arg(&git, "--");
	if (rc == RB_OK)
		rc = run_or_fail(place, &git, &result, "read a commit", err);
	if (rc == RB_OK)
		rc = read_commit(rb_buf_str(&result.out), out, err);
	if (rc < 0)
		rb_app_commit_release(out);
	rb_proc_result_release(&result);
	rb_git_release(&git);
	return rc;
}

int rb_app_count(const struct rb_app_place *place, const char *from, const char *to, size_t *out,
                 struct rb_err *err)
{
	struct rb_proc_result result = {0};
	struct rb_git git;
	int rc = begin(&git, place, "rev-list", err);

	rb_git_arg(&git, "--count");
	rb_git_arg(&git, "%s", from);
	rb_git_arg(&git, "^%s", to);
	rb_git_arg(&git, "--");
	if (rc == RB_OK)
		rc = run_or_fail(place, &git, &result, "count commits", err);
	if (rc == RB_OK)
		*out = (size_t)strtoull(rb_buf_str(&result.out), NULL, 10);
	rb_proc_result_release(&result);
	rb_git_release(&git);
	return rc;
}

int rb_app_is_ancestor(const struct rb_app_place *place, const char *older, const char *newer,
                       struct rb_err *err)
{
	struct rb_proc_result result = {0};
	struct rb_git git;
	int rc = begin(&git, place, "merge-base", err);

	rb_git_arg(&git, "--is-ancestor");
	rb_git_arg(&git, "%s", older);
	rb_git_arg(&git, "%s", newer);
	if (rc == RB_OK)
		rc = rb_app_ask(&git, NAMES_MAX, &result, err);
	if (rc == RB_OK && result.exit_code != 0 && result.exit_code != 1)
		rc = rb_app_git_failed(&result, RB_E_IO, err,
		                       "git cannot compare %s and %s in '%s'", older, newer,
		                       place->dir);
	else if (rc == RB_OK)
		rc = result.exit_code == 0;
	rb_proc_result_release(&result);
	rb_git_release(&git);
	return rc;
}

/* What is there while git works on a repository, or left it in the middle of something. */
static const struct {
	const char *file;
	const char *what;
	enum rb_status status;
	const char *hint;
} signs_of_work[] = {
        {"index.lock", "another git is at work", RB_E_LOCKED,
         "wait for it; if no git runs there, remove that file"},
        {"HEAD.lock", "another git is at work", RB_E_LOCKED,
         "wait for it; if no git runs there, remove that file"},
        {"MERGE_HEAD", "a merge is not finished", RB_E_CONFLICT,
         "finish it, or give it up: git merge --abort"},
        {"rebase-merge", "a rebase is not finished", RB_E_CONFLICT,
         "finish it, or give it up: git rebase --abort"},
        {"rebase-apply", "a rebase is not finished", RB_E_CONFLICT,
         "finish it, or give it up: git rebase --abort"},
        {"CHERRY_PICK_HEAD", "a cherry-pick is not finished", RB_E_CONFLICT,
         "finish it, or give it up: git cherry-pick --abort"},
        {"REVERT_HEAD", "a revert is not finished", RB_E_CONFLICT,
         "finish it, or give it up: git revert --abort"},
};

#define SIGN_COUNT (sizeof(signs_of_work) / sizeof(signs_of_work[0]))

/* Names are as git prints them: absolute, or below the directory that it ran in. */
static int look_for_work(const char *dir, const char *names, struct rb_err *err)
{
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < SIGN_COUNT && *names; i++) {
		size_t len = strcspn(names, "\n");
		char *name = strndup(names, len);
		char *path = name && name[0] != '/' ? rb_fs_join(dir, name) : name;

		if (!path) {
			rc = no_memory(err);
		} else if (rb_fs_exists(path)) {
			rc = rb_err_set(err, signs_of_work[i].status,
			                "%s in the app repository: '%s' is there",
			                signs_of_work[i].what, path);
			rb_err_hint(err, "%s", signs_of_work[i].hint);
		}
		if (path != name)
			free(path);
		free(name);
		names += len + (names[len] == '\n');
	}
	return rc;
}

int rb_app_check_idle(const struct rb_app_place *place, struct rb_err *err)
{
	struct rb_proc_result result = {0};
	struct rb_git git;
	int rc = begin(&git, place, "rev-parse", err);

	for (size_t i = 0; i < SIGN_COUNT; i++) {
		rb_git_arg(&git, "--git-path");
		rb_git_arg(&git, "%s", signs_of_work[i].file);
	}
	if (rc == RB_OK)
		rc = run_or_fail(place, &git, &result, "find its own files", err);
	if (rc == RB_OK)
		rc = look_for_work(git.cwd, rb_buf_str(&result.out), err);
	rb_proc_result_release(&result);
	rb_git_release(&git);
	return rc;
}

/* Put names that end with NUL, `skip` bytes in front of each, into a set. */
static int make_set(const struct rb_buf *names, size_t skip, struct rb_map **out,
                    struct rb_err *err)
{
	int rc = rb_map_new(0, out, err);

	for (size_t at = 0; rc == RB_OK && at < names->len;) {
		const char *name = names->data + at;
		size_t len = strlen(name);

		if (len > skip)
			rc = rb_map_put(*out, name + skip, len - skip, "", err);
		at += len + 1;
	}
	return rc;
}

/* The length of a name, or of a directory that it lies in, that is in a set; 0: none is. */
static size_t find_name(const struct rb_map *set, const char *name, size_t len)
{
	for (size_t end = len; end > 0; end--) {
		if ((end == len || name[end] == '/') && rb_map_get(set, name, end))
			return end;
	}
	return 0;
}

static int name_file(const char *name, size_t len, struct rb_buf *out, size_t *count,
                     struct rb_err *err)
{
	if ((*count)++ >= FILES_NAMED)
		return RB_OK;
	return rb_buf_addf(out, err, "%s'%.*s'", *count > 1 ? ", " : "",
	                   (int)(len < 150 ? len : 150), name);
}

/* Name the files of one set that are in the way of the other's. */
static int name_files(const struct rb_map *changed, const struct rb_map *differ, struct rb_buf *out,
                      size_t *count, struct rb_err *err)
{
	const void *name;
	size_t len;
	void *ignored;
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && rb_map_at(changed, i, &name, &len, &ignored); i++) {
		if (find_name(differ, name, len) > 0)
			rc = name_file(name, len, out, count, err);
	}
	/* A file lies where a directory will be. */
	for (size_t i = 0; rc == RB_OK && *count == 0; i++) {
		size_t end;

		if (!rb_map_at(differ, i, &name, &len, &ignored))
			break;
		end = find_name(changed, name, len);
		if (end > 0)
			rc = name_file(name, end, out, count, err);
	}
	return rc;
}

static int list_names(const struct rb_app_place *place, const char *from, const char *to,
                      struct rb_map **out, struct rb_err *err)
{
	struct rb_proc_result result = {0};
	struct rb_git git;
	int rc = begin(&git, place, from ? "diff-tree" : "status", err);

	if (from) {
		rb_git_arg(&git, "-r");
		rb_git_arg(&git, "-z");
		rb_git_arg(&git, "--no-renames");
		rb_git_arg(&git, "--name-only");
		rb_git_arg(&git, "%s", from);
		rb_git_arg(&git, "%s", to);
		rb_git_arg(&git, "--");
	} else {
		rb_git_arg(&git, "--porcelain");
		rb_git_arg(&git, "-z");
		rb_git_arg(&git, "--no-renames");
		rb_git_arg(&git, "--untracked-files=all");
	}
	if (rc == RB_OK)
		rc = run_or_fail(place, &git, &result, "list files", err);
	/* A line of status has "XY " in front. */
	if (rc == RB_OK)
		rc = make_set(&result.out, from ? 0 : 3, out, err);
	rb_proc_result_release(&result);
	rb_git_release(&git);
	return rc;
}

int rb_app_check_files(const struct rb_app_place *place, const char *from, const char *to,
                       struct rb_err *err)
{
	struct rb_map *changed = NULL;
	struct rb_map *differ = NULL;
	struct rb_buf files = RB_BUF((size_t)4096);
	size_t count = 0;
	int rc;

	if (!place->is_checked_out)
		return RB_OK;
	rc = list_names(place, NULL, NULL, &changed, err);
	if (rc == RB_OK)
		rc = list_names(place, from, to, &differ, err);
	if (rc == RB_OK)
		rc = name_files(changed, differ, &files, &count, err);
	if (rc == RB_OK && count > FILES_NAMED)
		rc = rb_buf_addf(&files, err, " and %zu more", count - FILES_NAMED);
	if (rc == RB_OK && count > 0) {
		rc = rb_err_set(err, RB_E_CONFLICT,
		                "the app repository '%s' has changes of its own in what would "
		                "move: %s",
		                place->dir, rb_buf_str(&files));
		rb_err_hint(err, "commit them, or put them aside: git stash --include-untracked");
	}
	rb_buf_release(&files);
	rb_map_free(changed);
	rb_map_free(differ);
	return rc;
}

/* Without a name of the user's git makes no commit; this one is rowback's to make. */
static int name_author(const struct rb_app_place *place, struct rb_git *commit, struct rb_err *err)
{
	struct rb_proc_result result = {0};
	struct rb_git git;
	int rc = begin(&git, place, "var", err);

	rb_git_arg(&git, "GIT_COMMITTER_IDENT");
	if (rc == RB_OK)
		rc = rb_app_ask(&git, NAMES_MAX, &result, err);
	if (rc == RB_OK && result.exit_code != 0) {
		rb_git_env(commit, "GIT_AUTHOR_NAME=rowback");
		rb_git_env(commit, "GIT_AUTHOR_EMAIL=rowback@localhost");
		rb_git_env(commit, "GIT_COMMITTER_NAME=rowback");
		rb_git_env(commit, "GIT_COMMITTER_EMAIL=rowback@localhost");
	}
	rb_proc_result_release(&result);
	rb_git_release(&git);
	return rc;
}

int rb_app_commit_tree(const struct rb_app_place *place, const char *tree, const char *parent,
                       const char *message, char out[RB_APP_OID_SIZE], struct rb_err *err)
{
	struct rb_proc_result result = {0};
	struct rb_git git;
	int rc = begin(&git, place, "commit-tree", err);

	if (rc == RB_OK)
		rc = name_author(place, &git, err);
	rb_git_arg(&git, "%s", tree);
	rb_git_arg(&git, "-p");
	rb_git_arg(&git, "%s", parent);
	rb_git_arg(&git, "-m");
	rb_git_arg(&git, "%s", message);
	if (rc == RB_OK)
		rc = run_or_fail(place, &git, &result, "make a commit", err);
	if (rc == RB_OK && !copy_oid(rb_buf_str(&result.out), out))
		rc = rb_err_set(err, RB_E_IO, "git made no commit in '%s'", place->dir);
	rb_proc_result_release(&result);
	rb_git_release(&git);
	return rc;
}

/* Whether a ref is at a commit, else RB_E_CONFLICT. */
static int expect_at(const struct rb_app_place *place, const char *ref, const char *commit,
                     struct rb_err *err)
{
	char at[RB_APP_OID_SIZE] = "";
	int rc = rb_app_resolve(place->dir, ref, at, err);

	if (rc == RB_OK && strcmp(at, commit) != 0) {
		rc = rb_err_set(err, RB_E_CONFLICT,
		                "somebody moved branch '%s' of the app repository: it is at %.12s, "
		                "not at %.12s",
		                place->branch, at, commit);
		rb_err_hint(err, "look at it, then begin again");
	}
	return rc;
}

/* Run what moves the branch with its files; git refuses where that would touch changes. */
static int run_or_refuse(const struct rb_app_place *place, struct rb_git *git, struct rb_err *err)
{
	struct rb_proc_result result = {0};
	int rc = rb_app_ask(git, NAMES_MAX, &result, err);

	if (rc == RB_OK && result.exit_code != 0)
		rc = rb_app_git_failed(&result, RB_E_CONFLICT, err,
		                       "git did not move branch '%s' in '%s'", place->branch,
		                       place->dir);
	rb_proc_result_release(&result);
	return rc;
}

/* Forward only: git itself refuses when the branch is not where it was. */
static int merge_forward(const struct rb_app_place *place, const char *to, struct rb_err *err)
{
	struct rb_git git;
	int rc = begin(&git, place, "merge", err);

	rb_git_arg(&git, "--ff-only");
	rb_git_arg(&git, "--quiet");
	rb_git_arg(&git, "--no-stat");
	rb_git_arg(&git, "--no-autostash");
	rb_git_arg(&git, "--no-verify-signatures");
	rb_git_arg(&git, "%s", to);
	if (rc == RB_OK)
		rc = run_or_refuse(place, &git, err);
	rb_git_release(&git);
	return rc;
}

static int reset_keep(const struct rb_app_place *place, const char *to, struct rb_err *err)
{
	struct rb_git git;
	int rc = begin(&git, place, "reset", err);

	rb_git_arg(&git, "--keep");
	rb_git_arg(&git, "--quiet");
	rb_git_arg(&git, "%s", to);
	rb_git_arg(&git, "--");
	if (rc == RB_OK)
		rc = run_or_refuse(place, &git, err);
	rb_git_release(&git);
	return rc;
}

/* git says where it came from; when that was moved meanwhile, it is put back there. */
static int reset_back(const struct rb_app_place *place, const char *from, const char *to,
                      struct rb_err *err)
{
	char origin[RB_APP_OID_SIZE] = "";
	int rc = reset_keep(place, to, err);

	if (rc == RB_OK)
		rc = rb_app_resolve(place->dir, "ORIG_HEAD", origin, err);
	if (rc == RB_OK && strcmp(origin, from) != 0) {
		rc = reset_keep(place, origin, err);
		if (rc == RB_OK)
			rc = expect_at(place, place->ref, from, err);
	}
	return rc;
}

static int update_ref(const struct rb_app_place *place, const char *ref, const char *to,
                      const char *from, struct rb_err *err)
{
	struct rb_git git;
	int rc = begin(&git, place, "update-ref", err);

	if (to) {
		rb_git_arg(&git, "-m");
		rb_git_arg(&git, "rowback: rollback");
		rb_git_arg(&git, "%s", ref);
		rb_git_arg(&git, "%s", to);
		if (from)
			rb_git_arg(&git, "%s", from);
	} else {
		rb_git_arg(&git, "-d");
		rb_git_arg(&git, "%s", ref);
	}
	if (rc == RB_OK)
		rc = run_or_refuse(place, &git, err);
	rb_git_release(&git);
	return rc;
}

int rb_app_set_branch(const struct rb_app_place *place, const char *from, const char *to,
                      struct rb_err *err)
{
	int forward;
	int rc = expect_at(place, place->ref, from, err);

	if (rc < 0)
		return rc;
	if (!place->is_checked_out)
		return update_ref(place, place->ref, to, from, err);
	rc = expect_at(place, "HEAD", from, err);
	forward = rc == RB_OK ? rb_app_is_ancestor(place, from, to, err) : rc;
	if (forward < 0)
		return forward;
	rc = forward ? merge_forward(place, to, err) : reset_back(place, from, to, err);
	return rc < 0 ? rc : expect_at(place, place->ref, to, err);
}

int rb_app_keep(const struct rb_app_place *place, const char *id, const char *commit,
                struct rb_err *err)
{
	struct rb_buf ref = RB_BUF((size_t)4096);
	int rc = rb_buf_addf(&ref, err, "%s%s", RB_APP_KEEP_PREFIX, id);

	if (rc == RB_OK)
		rc = update_ref(place, rb_buf_str(&ref), commit, NULL, err);
	rb_buf_release(&ref);
	return rc;
}
