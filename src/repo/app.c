/*
 * See rowback/repo/app.h.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rowback/base/fs.h"
#include "rowback/repo/app.h"
#include "app_priv.h"

/* git looks at every file of a working tree, which may be large and lie on a slow disk. */
#define APP_TIMEOUT_MS ((int64_t)120 * 1000)

/* Commits that a search for the nearest one goes through. */
#define ANCESTORS_MAX 100000

/* A hash, a name, a first line; of a status it only counts whether there is any. */
#define APP_OUT_MAX ((size_t)64 << 10)

#define KEYS_HINT                                                                                  \
	"say where it is and what is deployed: git config app.path DIR, "                          \
	"git config app.branch NAME"

void rb_app_state_release(struct rb_app_state *state)
{
	free(state->branch);
	free(state->subject);
	memset(state, 0, sizeof(*state));
}

int rb_app_expand_home(const char *path, char **out, struct rb_err *err)
{
	const char *home = getenv("HOME");

	if (strncmp(path, "~/", 2) != 0)
		*out = strdup(path);
	else if (home && home[0] == '/')
		*out = rb_fs_join(home, path + 2);
	else
		return rb_err_set(err, RB_E_USAGE, "'%s' needs HOME to be set", path);
	return *out ? RB_OK : rb_err_set(err, RB_E_NOMEM, "no memory for a path");
}

int rb_app_git_begin(struct rb_git *git, const char *path, struct rb_err *err)
{
	struct stat st;
	int rc;

	rb_git_begin(git, NULL);
	/* Somebody may be at work there: nothing is locked only to look. */
	rb_git_env(git, "GIT_OPTIONAL_LOCKS=0");
	rc = rb_app_expand_home(path, &git->cwd, err);
	if (rc < 0)
		return rc;
	if (stat(git->cwd, &st) < 0)
		rc = rb_err_sys(err, errno, "cannot open the app repository '%s'", git->cwd);
	else if (!S_ISDIR(st.st_mode))
		rc = rb_err_set(err, RB_E_NOTFOUND, "the app repository '%s' is no directory",
		                git->cwd);
	if (rc < 0)
		rb_err_hint(err, KEYS_HINT);
	return rc;
}

int rb_app_git_run(struct rb_git *git, struct rb_proc_result *result, struct rb_err *err)
{
	const struct rb_git_limits limits = {.timeout_ms = APP_TIMEOUT_MS,
	                                     .stdout_max = APP_OUT_MAX};

	return rb_git_run(git, &limits, result, err);
}

int rb_app_git_failed(const struct rb_proc_result *result, enum rb_status status,
                      struct rb_err *err, const char *fmt, ...)
{
	const char *said = rb_buf_str(&result->errtxt);
	int len = (int)strcspn(said, "\n");
	char what[RB_ERR_MSG_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	if (len > 0)
		return rb_err_set(err, status, "%.500s: %.*s", what, len < 400 ? len : 400, said);
	if (result->term_signal)
		return rb_err_set(err, status, "%.500s: git was ended by signal %d", what,
		                  result->term_signal);
	return rb_err_set(err, status, "%.500s", what);
}

/* Cut what git printed to its first line, and hand it over. */
static int take_line(struct rb_proc_result *result, char **out, struct rb_err *err)
{
	const char *text = rb_buf_str(&result->out);

	*out = strndup(text, strcspn(text, "\n"));
	return *out ? RB_OK : rb_err_set(err, RB_E_NOMEM, "no memory for what git printed");
}

/* Whether there is a repository that git opens for us, and whether it has a working tree. */
static int ask_kind(const char *path, bool *has_tree, struct rb_err *err)
{
	struct rb_proc_result result = {0};
	struct rb_git git;
	struct stat st;
	int rc = rb_app_git_begin(&git, path, err);

	rb_git_arg(&git, "rev-parse");
	rb_git_arg(&git, "--is-inside-work-tree");
	if (rc == RB_OK)
		rc = rb_app_git_run(&git, &result, err);
	if (rc == RB_OK && result.exit_code != 0) {
		rc = rb_app_git_failed(&result, RB_E_NOTFOUND, err,
		                       "git cannot use the app repository '%s'", git.cwd);
		if (stat(git.cwd, &st) == 0 && st.st_uid != geteuid())
			rb_err_hint(err,
			            "it belongs to another user; if you trust it: "
			            "git config --global --add safe.directory '%s'",
			            git.cwd);
		else
			rb_err_hint(err, KEYS_HINT);
	}
	if (rc == RB_OK)
		*has_tree = strncmp(rb_buf_str(&result.out), "true", 4) == 0;
	rb_proc_result_release(&result);
	rb_git_release(&git);
	return rc;
}

/* What HEAD is, "refs/heads/main"; NULL when it is a commit, and no branch. */
static int ask_head(const char *path, char **out, struct rb_err *err)
{
	struct rb_proc_result result = {0};
	struct rb_git git;
	int rc = rb_app_git_begin(&git, path, err);

	*out = NULL;
	rb_git_arg(&git, "symbolic-ref");
	rb_git_arg(&git, "--quiet");
	rb_git_arg(&git, "HEAD");
	if (rc == RB_OK)
		rc = rb_app_git_run(&git, &result, err);
	if (rc == RB_OK && result.exit_code == 0)
		rc = take_line(&result, out, err);
	else if (rc == RB_OK && result.exit_code != 1)
		rc = rb_app_git_failed(&result, RB_E_IO, err, "git cannot read HEAD of '%s'", path);
	rb_proc_result_release(&result);
	rb_git_release(&git);
	return rc;
}

static bool is_oid(const char *text, size_t len)
{
	return (len == 40 || len == 64) && strspn(text, "0123456789abcdef") == len;
}

/* The commit that a revision names; RB_E_NOTFOUND when it names none. */
static int ask_commit(const char *path, const char *revision, char out[RB_APP_OID_SIZE],
                      struct rb_err *err)
{
	struct rb_proc_result result = {0};
	struct rb_git git;
	int rc = rb_app_git_begin(&git, path, err);

	rb_git_arg(&git, "rev-parse");
	rb_git_arg(&git, "--verify");
	rb_git_arg(&git, "--quiet");
	rb_git_arg(&git, "%s^{commit}", revision);
	if (rc == RB_OK)
		rc = rb_app_git_run(&git, &result, err);
	if (rc == RB_OK) {
		const char *text = rb_buf_str(&result.out);
		size_t len = strcspn(text, "\n");

		if (result.exit_code == 0 && is_oid(text, len))
			snprintf(out, RB_APP_OID_SIZE, "%.*s", (int)len, text);
		else
			rc = rb_err_set(err, RB_E_NOTFOUND,
			                "the app repository '%s' has no commit '%.200s'", path,
			                revision);
	}
	rb_proc_result_release(&result);
	rb_git_release(&git);
	return rc;
}

static int ask_subject(const char *path, const char *commit, char **out, struct rb_err *err)
{
	struct rb_proc_result result = {0};
	struct rb_git git;
	int rc = rb_app_git_begin(&git, path, err);

	rb_git_arg(&git, "log");
	rb_git_arg(&git, "-1");
	rb_git_arg(&git, "--no-show-signature");
	rb_git_arg(&git, "--no-color");
	rb_git_arg(&git, "--encoding=UTF-8");
	rb_git_arg(&git, "--format=%%s");
	rb_git_arg(&git, "%s", commit);
	rb_git_arg(&git, "--");
	if (rc == RB_OK)
		rc = rb_app_git_run(&git, &result, err);
	if (rc == RB_OK && result.exit_code != 0)
		rc = rb_app_git_failed(&result, RB_E_IO, err, "git cannot read commit %s of '%s'",
		                       commit, path);
	if (rc == RB_OK)
		rc = take_line(&result, out, err);
	rb_proc_result_release(&result);
	rb_git_release(&git);
	return rc;
}

/* Whether `git status` has nothing to say, of untracked files neither. */
static int ask_clean(const char *path, bool *out, struct rb_err *err)
{
	struct rb_proc_result result = {0};
	struct rb_err why = {0};
	struct rb_git git;
	int rc = rb_app_git_begin(&git, path, &why);

	rb_git_arg(&git, "status");
	rb_git_arg(&git, "--porcelain");
	rb_git_arg(&git, "--untracked-files=normal");
	if (rc == RB_OK)
		rc = rb_app_git_run(&git, &result, &why);
	if (rc == RB_OK && result.exit_code != 0)
		rc = rb_app_git_failed(&result, RB_E_IO, &why,
		                       "git cannot look at the files of '%s'", path);
	*out = rc == RB_OK && result.out.len == 0;
	/* More changes than we keep a list of are changes. */
	if (rc == RB_E_LIMIT)
		rc = RB_OK;
	if (rc < 0 && err)
		*err = why;
	rb_proc_result_release(&result);
	rb_git_release(&git);
	return rc;
}

/* There is no commit on the branch that is configured: say which one is meant, perhaps. */
static int no_branch(const char *path, const char *branch, const char *head, struct rb_err *err)
{
	static const char heads[] = "refs/heads/";
	const char *other = head && strncmp(head, heads, sizeof(heads) - 1) == 0
	                            ? head + sizeof(heads) - 1
	                            : NULL;

	rb_err_set(err, RB_E_NOTFOUND, "the app repository '%s' has no commit on branch '%s'", path,
	           branch);
	if (other && strcmp(other, branch) != 0)
		rb_err_hint(err,
		            "it is on branch '%.200s'; name what is deployed with app.branch: "
		            "git config app.branch NAME (and app.path, if it is another one)",
		            other);
	else if (other)
		rb_err_hint(err, "make its first commit, or name another branch with app.branch, "
		                 "another repository with app.path");
	else
		rb_err_hint(err, KEYS_HINT);
	return RB_E_NOTFOUND;
}

/* What the remote's branch was last, as far as this repository knows; "" is no failure. */
static int ask_deployed(const char *path, const char *branch, const char *remote,
                        char out[RB_APP_OID_SIZE], struct rb_err *err)
{
	struct rb_buf name = RB_BUF(4096);
	int rc = RB_E_NOTFOUND;

	if (!remote) {
		rc = rb_buf_addf(&name, err, "%s@{push}", branch);
		if (rc == RB_OK)
			rc = ask_commit(path, rb_buf_str(&name), out, err);
	}
	rb_buf_clear(&name);
	if (rc == RB_E_NOTFOUND) {
		rc = rb_buf_addf(&name, err, "refs/remotes/%s/%s", remote ? remote : "origin",
		                 branch);
		if (rc == RB_OK)
			rc = ask_commit(path, rb_buf_str(&name), out, err);
	}
	rb_buf_release(&name);
	return rc == RB_E_NOTFOUND ? RB_OK : rc;
}

int rb_app_look(const char *path, const char *branch, const char *remote, struct rb_app_state *out,
                struct rb_err *err)
{
	struct rb_app_state state = {.is_clean = true};
	struct rb_buf ref = RB_BUF(4096);
	char *head = NULL;
	bool has_tree = false;
	int rc;

	memset(out, 0, sizeof(*out));
	rc = rb_buf_addf(&ref, err, "refs/heads/%s", branch);
	if (rc == RB_OK)
		rc = ask_kind(path, &has_tree, err);
	if (rc == RB_OK)
		rc = ask_head(path, &head, err);
	if (rc == RB_OK) {
		rc = ask_commit(path, rb_buf_str(&ref), state.commit, err);
		if (rc == RB_E_NOTFOUND)
			rc = no_branch(path, branch, head, err);
	}
	if (rc == RB_OK)
		rc = ask_subject(path, state.commit, &state.subject, err);
	if (rc == RB_OK)
		rc = ask_deployed(path, branch, remote, state.deployed, err);
	if (rc == RB_OK && has_tree)
		rc = ask_clean(path, &state.is_clean, err);
	if (rc == RB_OK) {
		state.is_checked_out = has_tree && head && strcmp(head, rb_buf_str(&ref)) == 0;
		state.branch = strdup(branch);
		if (!state.branch)
			rc = rb_err_set(err, RB_E_NOMEM, "no memory for the app repository");
	}
	if (rc == RB_OK) {
		*out = state;
		memset(&state, 0, sizeof(state));
	}
	rb_app_state_release(&state);
	rb_buf_release(&ref);
	free(head);
	return rc;
}

int rb_app_resolve(const char *path, const char *text, char out[RB_APP_OID_SIZE],
                   struct rb_err *err)
{
	bool has_tree;
	int rc = ask_kind(path, &has_tree, err);

	if (rc < 0)
		return rc;
	/* git would take it for an option, or for all commits but these. */
	if (text[0] == '-' || text[0] == '^' || text[0] == '\0')
		return rb_err_set(err, RB_E_NOTFOUND, "'%.200s' names no commit", text);
	return ask_commit(path, text, out, err);
}

int rb_app_nearest(const char *path, const char *commit,
                   bool (*is_known)(void *ctx, const char *commit), void *ctx,
                   char out[RB_APP_OID_SIZE], struct rb_err *err)
{
	const struct rb_git_limits limits = {.timeout_ms = APP_TIMEOUT_MS,
	                                     .stdout_max = (size_t)ANCESTORS_MAX * RB_APP_OID_SIZE};
	struct rb_proc_result result = {0};
	struct rb_git git;
	bool found = false;
	int rc = rb_app_git_begin(&git, path, err);

	rb_git_arg(&git, "rev-list");
	rb_git_arg(&git, "--max-count=%d", ANCESTORS_MAX);
	rb_git_arg(&git, "%s", commit);
	rb_git_arg(&git, "--");
	if (rc == RB_OK)
		rc = rb_git_run(&git, &limits, &result, err);
	/* Of a commit that is not there git prints nothing. */
	for (char *line = result.out.data; rc == RB_OK && !found && line && *line;) {
		size_t len = strcspn(line, "\n");
		char *next = line + len + (line[len] == '\n');

		line[len] = '\0';
		if (is_oid(line, len) && is_known(ctx, line)) {
			memcpy(out, line, len + 1);
			found = true;
		}
		line = next;
	}
	if (rc == RB_OK && !found)
		rc = rb_err_set(err, RB_E_NOTFOUND, "no known commit is before %s in '%s'", commit,
		                path);
	rb_proc_result_release(&result);
	rb_git_release(&git);
	return rc;
}
