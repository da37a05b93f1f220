/*
 * See rowback/repo/hooks.h.
 */
#include <stdlib.h>
#include <string.h>

#include "app_priv.h"
#include "gitproc_priv.h"
#include "rowback/base/fs.h"
#include "rowback/repo/hooks.h"

#define OUTPUT_MAX ((size_t)1 << 16)
#define TIMEOUT_MS 30000

/* How `git config` ends when there is nothing of that name.  source: git-config(1) */
#define CONFIG_NOT_SET 1
#define CONFIG_NOTHING_TO_UNSET 5
#define NO_SECTION 128

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory to look at a repository");
}

/* Begin a git command in the repository. */
static void begin(struct rb_git *git, const char *path)
{
	rb_git_begin(git, NULL);
	rb_git_arg(git, "-C");
	rb_git_arg(git, "%s", path);
}

/*
 * Run a command to its end.
 *
 * fine    an exit status besides 0 that is no failure
 * status  receives the exit status; NULL
 */
static int run(struct rb_git *git, const char *path, int fine, struct rb_buf *out, int *status,
               struct rb_err *err)
{
	const struct rb_git_limits limits = {.timeout_ms = TIMEOUT_MS, .stdout_max = OUTPUT_MAX};
	struct rb_proc_result result = {0};
	int rc = rb_git_run(git, &limits, &result, err);

	if (rc == RB_OK && result.exit_code != 0 && result.exit_code != fine)
		rc = rb_app_git_failed(&result, RB_E_IO, err, "git cannot use the repository '%s'",
		                       path);
	if (rc == RB_OK && status)
		*status = result.exit_code;
	if (rc == RB_OK && out)
		rc = rb_buf_add(out, rb_buf_str(&result.out), result.out.len, err);
	rb_proc_result_release(&result);
	rb_git_release(git);
	return rc;
}

/* Split what rev-parse printed: the git directory, the hooks' directory, the working tree. */
static size_t split_lines(char *text, char *lines[3])
{
	size_t count = 0;

	for (char *line = text; line && *line && count < 3; count++) {
		char *end = strchr(line, '\n');

		if (end)
			*end++ = '\0';
		lines[count] = line;
		line = end;
	}
	return count;
}

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

static int ask_places(const char *path, bool bare, struct rb_buf *out, struct rb_err *err)
{
	struct rb_git git;

	begin(&git, path);
	rb_git_arg(&git, "rev-parse");
	rb_git_arg(&git, "--path-format=absolute");
	rb_git_arg(&git, "--git-common-dir");
	rb_git_arg(&git, "--git-path");
	rb_git_arg(&git, "hooks");
	if (!bare)
		rb_git_arg(&git, "--show-toplevel");
	return run(&git, path, 0, out, NULL, err);
}

static int ask_bare(const char *path, bool *out, struct rb_err *err)
{
	struct rb_buf text = RB_BUF(OUTPUT_MAX);
	struct rb_git git;
	int rc;

	begin(&git, path);
	rb_git_arg(&git, "rev-parse");
	rb_git_arg(&git, "--is-inside-work-tree");
	rc = run(&git, path, 0, &text, NULL, err);
	*out = strncmp(rb_buf_str(&text), "true", 4) != 0;
	rb_buf_release(&text);
	if (rc == RB_E_IO) {
		if (err)
			err->status = RB_E_NOTFOUND;
		rb_err_hint(err, "name a git repository, or a directory in its working tree");
		rc = RB_E_NOTFOUND;
	}
	return rc;
}

int rb_hooks_find(const char *path, struct rb_hooks *out, struct rb_err *err)
{
	struct rb_buf text = RB_BUF(OUTPUT_MAX);
	char *lines[3] = {NULL};
	bool bare = false;
	size_t count;
	int rc;

	memset(out, 0, sizeof(*out));
	rc = rb_app_expand_home(path, &out->path, err);
	if (rc == RB_OK)
		rc = ask_bare(out->path, &bare, err);
	if (rc == RB_OK)
		rc = ask_places(out->path, bare, &text, err);
	if (rc < 0)
		goto out;
	(void)rb_buf_str(&text);
	count = split_lines(text.data, lines);
	if (count < 2) {
		rc = rb_err_set(err, RB_E_IO,
		                "repository '%s': git does not say where its hooks are", path);
		goto out;
	}
	out->dir = strdup(lines[1]);
	out->is_in_worktree =
	        !is_below(lines[1], lines[0]) && count == 3 && is_below(lines[1], lines[2]);
	out->is_shared = !is_below(lines[1], lines[0]) && !out->is_in_worktree;
	if (!out->dir)
		rc = no_memory(err);

out:
	rb_buf_release(&text);
	if (rc < 0)
		rb_hooks_release(out);
	return rc;
}

void rb_hooks_release(struct rb_hooks *hooks)
{
	free(hooks->path);
	free(hooks->dir);
	memset(hooks, 0, sizeof(*hooks));
}

static void begin_config(struct rb_git *git, const struct rb_hooks *hooks, const char *action)
{
	begin(git, hooks->path);
	rb_git_arg(git, "config");
	rb_git_arg(git, "--local");
	rb_git_arg(git, "%s", action);
}

int rb_hooks_set(const struct rb_hooks *hooks, const char *name, const char *value,
                 struct rb_err *err)
{
	struct rb_git git;

	begin_config(&git, hooks, value ? "--replace-all" : "--unset-all");
	rb_git_arg(&git, "%s", name);
	if (value)
		rb_git_arg(&git, "%s", value);
	return run(&git, hooks->path, CONFIG_NOTHING_TO_UNSET, NULL, NULL, err);
}

int rb_hooks_add(const struct rb_hooks *hooks, const char *name, const char *value,
                 struct rb_err *err)
{
	struct rb_git git;

	begin_config(&git, hooks, "--add");
	rb_git_arg(&git, "%s", name);
	rb_git_arg(&git, "%s", value);
	return run(&git, hooks->path, 0, NULL, NULL, err);
}

int rb_hooks_get(const struct rb_hooks *hooks, const char *name, struct rb_buf *out,
                 struct rb_err *err)
{
	struct rb_buf text = RB_BUF(OUTPUT_MAX);
	struct rb_git git;
	int status = 0;
	int rc;

	begin_config(&git, hooks, "--get");
	rb_git_arg(&git, "%s", name);
	rc = run(&git, hooks->path, CONFIG_NOT_SET, &text, &status, err);
	if (rc == RB_OK && status != 0)
		rc = rb_err_set(err, RB_E_NOTFOUND, "'%s' is not set in '%s'", name, hooks->path);
	if (rc == RB_OK)
		rc = rb_buf_add(out, rb_buf_str(&text), text.len - (text.len > 0), err);
	rb_buf_release(&text);
	return rc;
}

int rb_hooks_remove_section(const struct rb_hooks *hooks, const char *section, struct rb_err *err)
{
	struct rb_git git;

	begin_config(&git, hooks, "--remove-section");
	rb_git_arg(&git, "%s", section);
	return run(&git, hooks->path, NO_SECTION, NULL, NULL, err);
}
