/*
 * Where the application repository's branch is checked out, and its remote: asking, fetching,
 * pushing; and the command that deploys.  See rowback/repo/app.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowback/repo/app.h"
#include "app_priv.h"
#include "remote_priv.h"

#define OUT_MAX ((size_t)4 << 20)
#define RUN_OUT_MAX ((size_t)64 << 10)

/* As in a push of ours: nothing asks, nobody waits for ever. */
#define SSH_COMMAND                                                                                \
	"ssh -o BatchMode=yes -o ConnectTimeout=15 -o ServerAliveInterval=15 "                     \
	"-o ServerAliveCountMax=4"

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory for the app repository");
}

void rb_app_place_release(struct rb_app_place *place)
{
	free(place->dir);
	free(place->branch);
	free(place->ref);
	free(place->remote);
	memset(place, 0, sizeof(*place));
}

/* The first line that a git command prints; NULL when it fails or prints nothing. */
static int ask_line(const char *path, const char *const *words, char **out, struct rb_err *err)
{
	struct rb_proc_result result = {0};
	struct rb_git git;
	int rc = rb_app_git_begin(&git, path, err);

	*out = NULL;
	for (; *words; words++)
		rb_git_arg(&git, "%s", *words);
	if (rc == RB_OK)
		rc = rb_app_ask(&git, OUT_MAX, &result, err);
	if (rc == RB_OK && result.exit_code == 0 && result.out.len > 0) {
		const char *text = rb_buf_str(&result.out);

		*out = strndup(text, strcspn(text, "\n"));
		if (!*out)
			rc = no_memory(err);
	}
	rb_proc_result_release(&result);
	rb_git_release(&git);
	return rc;
}

/* In a list of working trees, "worktree DIR\nHEAD OID\nbranch REF\n\n", the one of a branch. */
static char *find_tree(const char *list, const char *ref)
{
	const char *dir = NULL;

	while (*list) {
		size_t len = strcspn(list, "\n");

		if (strncmp(list, "worktree ", 9) == 0)
			dir = list + 9;
		if (dir && strncmp(list, "branch ", 7) == 0 && strlen(ref) == len - 7 &&
		    strncmp(list + 7, ref, len - 7) == 0)
			return strndup(dir, strcspn(dir, "\n"));
		list += len + (list[len] == '\n');
	}
	return NULL;
}

/* The working tree that follows the branch, maybe another one than was named. */
static int find_dir(const char *path, bool is_here, struct rb_app_place *place, struct rb_err *err)
{
	static const char *const top[] = {"rev-parse", "--show-toplevel", NULL};
	static const char *const bare[] = {"rev-parse", "--absolute-git-dir", NULL};
	struct rb_proc_result result = {0};
	struct rb_git git;
	int rc = rb_app_git_begin(&git, path, err);

	rb_git_arg(&git, "worktree");
	rb_git_arg(&git, "list");
	rb_git_arg(&git, "--porcelain");
	if (rc == RB_OK && !is_here)
		rc = rb_app_ask(&git, OUT_MAX, &result, err);
	if (rc == RB_OK && !is_here && result.exit_code == 0)
		place->dir = find_tree(rb_buf_str(&result.out), place->ref);
	place->is_checked_out = is_here || place->dir;
	if (rc == RB_OK && !place->dir)
		rc = ask_line(path, top, &place->dir, err);
	if (rc == RB_OK && !place->dir)
		rc = ask_line(path, bare, &place->dir, err);
	if (rc == RB_OK && !place->dir)
		rc = rb_err_set(err, RB_E_IO, "git does not say where '%s' begins", path);
	rb_proc_result_release(&result);
	rb_git_release(&git);
	return rc;
}

static int find_remote(const char *configured, struct rb_app_place *place, struct rb_err *err)
{
	struct rb_buf key = RB_BUF((size_t)4096);
	char *name = NULL;
	char *url = NULL;
	int rc = rb_buf_addf(&key, err, "branch.%s.remote", place->branch);

	if (rc == RB_OK && configured) {
		name = strdup(configured);
		rc = name ? RB_OK : no_memory(err);
	} else if (rc == RB_OK) {
		const char *const words[] = {"config", "--get", rb_buf_str(&key), NULL};

		rc = ask_line(place->dir, words, &name, err);
	}
	if (rc == RB_OK && !name) {
		name = strdup("origin");
		rc = name ? RB_OK : no_memory(err);
	}
	if (rc == RB_OK) {
		const char *const words[] = {"remote", "get-url", "--push", "--", name, NULL};

		rc = ask_line(place->dir, words, &url, err);
	}
	if (rc == RB_OK && !url && configured) {
		rc = rb_err_set(err, RB_E_NOTFOUND, "the app repository '%s' has no remote '%s'",
		                place->dir, configured);
		rb_err_hint(err, "name the one that is pushed to: git config app.remote NAME");
	}
	if (rc == RB_OK && url) {
		place->remote = name;
		name = NULL;
	}
	rb_buf_release(&key);
	free(name);
	free(url);
	return rc;
}

int rb_app_place_find(const char *path, const struct rb_app_state *state, const char *remote,
                      mode_t umask, struct rb_app_place *out, struct rb_err *err)
{
	struct rb_buf ref = RB_BUF((size_t)4096);
	int rc;

	memset(out, 0, sizeof(*out));
	out->umask = umask;
	rc = rb_buf_addf(&ref, err, "refs/heads/%s", state->branch);
	if (rc == RB_OK) {
		out->branch = strdup(state->branch);
		out->ref = rb_buf_detach(&ref);
		rc = out->branch && out->ref ? RB_OK : no_memory(err);
	}
	if (rc == RB_OK)
		rc = find_dir(path, state->is_checked_out, out, err);
	if (rc == RB_OK)
		rc = find_remote(remote, out, err);
	rb_buf_release(&ref);
	if (rc < 0)
		rb_app_place_release(out);
	return rc;
}

/* Begin a command that talks to the remote: what the user set about ssh is left as it is. */
static int begin(struct rb_git *git, const struct rb_app_place *place, const char *verb,
                 struct rb_err *err)
{
	static const char *const words[] = {"config", "--get", "core.sshCommand", NULL};
	char *own = NULL;
	int rc = ask_line(place->dir, words, &own, err);

	memset(git, 0, sizeof(*git));
	if (rc == RB_OK)
		rc = rb_app_git_begin(git, place->dir, err);
	if (rc == RB_OK && !own && !getenv("GIT_SSH_COMMAND") && !getenv("GIT_SSH"))
		rb_git_env(git, "GIT_SSH_COMMAND=%s", SSH_COMMAND);
	git->umask = &place->umask;
	rb_git_env(git, "SSH_ASKPASS_REQUIRE=never");
	rb_git_env(git, "GCM_INTERACTIVE=never");
	rb_git_arg(git, "%s", verb);
	free(own);
	return rc;
}

/* The line that tells why, without secrets. */
static int say_why(const struct rb_proc_result *result, struct rb_buf *out, struct rb_err *err)
{
	const char *text = rb_buf_str(&result->errtxt);
	const char *line = NULL;
	int rc;

	(void)rb_remote_classify(text, &line);
	if (!line) {
		line = strstr(text, "fatal: ");
		line = line ? line : strstr(text, "error: ");
		line = line ? line : text;
	}
	rc = rb_remote_add_line(line, out, err);
	if (rc == RB_OK && out->len == 0)
		rc = rb_buf_addf(out, err, "git ended with status %d", result->exit_code);
	return rc == RB_E_LIMIT ? RB_OK : rc;
}

/* git failed to talk to the remote. */
static int failed(const struct rb_app_place *place, const char *verb,
                  const struct rb_proc_result *result, struct rb_err *err)
{
	enum rb_remote_failure failure = rb_remote_classify(rb_buf_str(&result->errtxt), NULL);
	struct rb_buf why = RB_BUF((size_t)4096);
	enum rb_status status = RB_E_REJECTED;
	int rc = say_why(result, &why, err);

	if (failure == RB_REMOTE_CREDENTIALS || failure == RB_REMOTE_FORBIDDEN ||
	    failure == RB_REMOTE_HOST_KEY || failure == RB_REMOTE_TLS)
		status = RB_E_AUTH;
	if (rc == RB_OK) {
		rc = rb_err_set(err, status, "cannot %s remote '%s' of the app repository: %.500s",
		                verb, place->remote, rb_buf_str(&why));
		rb_err_hint(err, "to see all that git says, run: git -C '%.400s' ls-remote %.200s",
		            place->dir, place->remote);
	}
	rb_buf_release(&why);
	return rc;
}

int rb_app_remote_at(const struct rb_app_place *place, int64_t timeout_ms,
                     char out[RB_APP_OID_SIZE], struct rb_err *err)
{
	const struct rb_git_limits limits = {.timeout_ms = timeout_ms, .stdout_max = OUT_MAX};
	struct rb_proc_result result = {0};
	struct rb_git git;
	int rc = begin(&git, place, "ls-remote", err);

	rb_git_arg(&git, "--");
	rb_git_arg(&git, "%s", place->remote);
	rb_git_arg(&git, "%s", place->ref);
	if (rc == RB_OK)
		rc = rb_git_run(&git, &limits, &result, err);
	if (rc == RB_OK && result.exit_code != 0)
		rc = failed(place, "ask", &result, err);
	if (rc == RB_OK) {
		const char *text = rb_buf_str(&result.out);
		size_t len = strspn(text, "0123456789abcdef");

		out[0] = '\0';
		/* A pattern also matches the end of a longer name. */
		while (*text && strncmp(text + len, "\t", 1) == 0 &&
		       (strlen(place->ref) != strcspn(text + len + 1, "\n") ||
		        strncmp(text + len + 1, place->ref, strlen(place->ref)) != 0)) {
			text += strcspn(text, "\n");
			text += *text == '\n';
			len = strspn(text, "0123456789abcdef");
		}
		if (len == 40 || len == 64)
			snprintf(out, RB_APP_OID_SIZE, "%.*s", (int)len, text);
	}
	rb_proc_result_release(&result);
	rb_git_release(&git);
	return rc;
}

/* Fetch one thing; no ref, and no FETCH_HEAD, is written. */
static int fetch(const struct rb_app_place *place, const char *what, int64_t timeout_ms,
                 struct rb_err *err)
{
	const struct rb_git_limits limits = {.timeout_ms = timeout_ms, .stdout_max = OUT_MAX};
	struct rb_proc_result result = {0};
	struct rb_git git;
	int rc = begin(&git, place, "fetch", err);

	rb_git_arg(&git, "--quiet");
	rb_git_arg(&git, "--no-tags");
	rb_git_arg(&git, "--no-write-fetch-head");
	rb_git_arg(&git, "--no-recurse-submodules");
	rb_git_arg(&git, "--refmap=");
	rb_git_arg(&git, "--");
	rb_git_arg(&git, "%s", place->remote);
	rb_git_arg(&git, "%s", what);
	if (rc == RB_OK)
		rc = rb_git_run(&git, &limits, &result, err);
	if (rc == RB_OK && result.exit_code != 0)
		rc = failed(place, "fetch from", &result, err);
	rb_proc_result_release(&result);
	rb_git_release(&git);
	return rc;
}

int rb_app_fetch(const struct rb_app_place *place, const char *commit, int64_t timeout_ms,
                 struct rb_err *err)
{
	struct rb_err why = {0};
	int rc = fetch(place, commit, timeout_ms, &why);

	/* An old server gives only what a ref names; the branch may have it. */
	if (rc == RB_E_REJECTED || rc == RB_E_AUTH)
		rc = fetch(place, place->ref, timeout_ms, &why);
	if (rc < 0 && err)
		*err = why;
	return rc;
}

/* "!\tFROM:TO\t[remote rejected] (pre-receive hook declined)": what is in parentheses. */
static int refused(const struct rb_app_place *place, const struct rb_proc_result *result,
                   struct rb_err *err)
{
	const char *line = strstr(rb_buf_str(&result->out), "!\t");
	const char *reason = line ? strchr(line, '(') : NULL;
	struct rb_buf words = RB_BUF((size_t)4096);
	int rc = rb_remote_add_words(rb_buf_str(&result->errtxt), &words, err);

	if (rc == RB_OK || rc == RB_E_LIMIT)
		rc = rb_err_set(err, RB_E_REJECTED,
		                "the push to branch '%s' of remote '%s' was refused%s%.*s%s%.400s",
		                place->branch, place->remote, reason ? " " : "",
		                reason ? (int)strcspn(reason, "\n") : 0, reason ? reason : "",
		                words.len > 0 ? ": " : "", rb_buf_str(&words));
	rb_buf_release(&words);
	return rc;
}

static int push_failed(const struct rb_app_place *place, const struct rb_proc_result *result,
                       struct rb_err *err)
{
	const char *text = rb_buf_str(&result->errtxt);

	if (strncmp(rb_buf_str(&result->out), "!\t", 2) == 0 ||
	    strstr(rb_buf_str(&result->out), "\n!\t"))
		return refused(place, result, err);
	/* git has no words of its own when its pre-push hook said no. */
	if (strstr(text, "error: failed to push some refs") && !strstr(text, "fatal: ")) {
		rb_err_set(err, RB_E_REJECTED,
		           "the pre-push hook of the app repository refused the push to branch "
		           "'%s'",
		           place->branch);
		return rb_err_hint(err, "what it printed stands above");
	}
	return failed(place, "push to", result, err);
}

static int run_push(const struct rb_app_place *place, const struct rb_app_push *push,
                    struct rb_err *err)
{
	const struct rb_git_limits limits = {.timeout_ms = push->timeout_ms,
	                                     .stdout_max = OUT_MAX,
	                                     .on_line = push->on_line,
	                                     .ctx = push->ctx};
	struct rb_proc_result result = {0};
	struct rb_git git;
	int rc = begin(&git, place, "push", err);

	if (push->store)
		rb_git_env(&git, RB_APP_ROLLBACK_ENV "=%s", push->store);
	rb_git_arg(&git, "--porcelain");
	rb_git_arg(&git, "--no-follow-tags");
	rb_git_arg(&git, "--recurse-submodules=no");
	if (push->lease)
		rb_git_arg(&git, "--force-with-lease=%s:%s", place->ref, push->lease);
	rb_git_arg(&git, "--");
	rb_git_arg(&git, "%s", place->remote);
	rb_git_arg(&git, "%s:%s", push->commit, place->ref);
	if (rc == RB_OK)
		rc = rb_git_run(&git, &limits, &result, err);
	if (rc == RB_OK && result.exit_code != 0)
		rc = push_failed(place, &result, err);
	rb_proc_result_release(&result);
	rb_git_release(&git);
	return rc;
}

int rb_app_push(const struct rb_app_place *place, const struct rb_app_push *push,
                struct rb_err *err)
{
	char at[RB_APP_OID_SIZE] = "";
	int rc = run_push(place, push, err);

	if (rc == RB_OK)
		rc = rb_app_remote_at(place, push->timeout_ms, at, err);
	if (rc == RB_OK && strcmp(at, push->commit) != 0)
		rc = rb_err_set(err, RB_E_REJECTED,
		                "remote '%s' says after the push that branch '%s' is at %.12s, not "
		                "at %.12s",
		                place->remote, place->branch, *at ? at : "nothing", push->commit);
	return rc;
}

int rb_app_run(const struct rb_app_run *run, struct rb_err *err)
{
	/* What it prints is no result of ours: all of it goes the way of messages. */
	const char *const argv[] = {"/bin/sh", "-c",         "exec 1>&2\neval \"$1\"",
	                            "sh",      run->command, NULL};
	struct rb_proc_opts opts = {.argv = argv,
	                            .env_set = run->env,
	                            .env_unset = rb_git_local_env,
	                            .cwd = run->dir,
	                            .umask = &run->umask,
	                            .stdout_max = RUN_OUT_MAX,
	                            .stderr_max = RUN_OUT_MAX,
	                            .on_stderr_line = run->on_line,
	                            .ctx = run->ctx};
	struct rb_proc_result result = {0};
	int rc = rb_proc_run(&opts, &result, err);

	if (rc == RB_OK && result.term_signal)
		rc = rb_err_set(err, RB_E_IO, "the command was ended by signal %d: %.400s",
		                result.term_signal, run->command);
	else if (rc == RB_OK && result.exit_code != 0)
		rc = rb_err_set(err, RB_E_IO, "the command ended with status %d: %.400s",
		                result.exit_code, run->command);
	rb_proc_result_release(&result);
	return rc;
}
