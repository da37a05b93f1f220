/*
 * Running the git program.  See gitproc_priv.h.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gitproc_priv.h"
#include "rowback/repo/remote.h"

/* The end of what git says to standard error: progress of a long push, then why it failed. */
#define STDERR_BYTES_MAX ((size_t)256 << 10)

/* Configuration that concerns connections is a few lines. */
#define CONFIG_BYTES_MAX ((size_t)1 << 20)
#define CONFIG_TIMEOUT_MS 30000

/*
 * A server that does not answer, or stops answering, is noticed within a minute; ssh asks
 * nothing.  source: ssh_config(5)
 */
#define SSH_COMMAND                                                                                \
	"ssh -o BatchMode=yes -o ConnectTimeout=15 -o ServerAliveInterval=15 "                     \
	"-o ServerAliveCountMax=4"

/* rowback may run below git (a hook, an alias), whose repository is not the store. */
const char *const rb_git_local_env[] = {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_CONFIG",
        "GIT_CONFIG_PARAMETERS",
        "GIT_CONFIG_COUNT",
        "GIT_OBJECT_DIRECTORY",
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_GRAFT_FILE",
        "GIT_INDEX_FILE",
        "GIT_NO_REPLACE_OBJECTS",
        "GIT_REPLACE_REF_BASE",
        "GIT_PREFIX",
        "GIT_INTERNAL_SUPER_PREFIX",
        "GIT_SHALLOW_FILE",
        "GIT_COMMON_DIR",
        /* Set below pre-receive: no ref of any repository may be moved while it is. */
        "GIT_QUARANTINE_PATH",
        NULL,
};

/* Add a word, which is taken; NULL means there was no memory for it. */
static void add_word(struct rb_git *git, struct rb_git_words *list, char *word)
{
	char **grown = NULL;

	if (word && !git->is_broken)
		grown = realloc(list->words, (list->count + 2) * sizeof(*grown));
	if (!grown) {
		free(word);
		git->is_broken = true;
		return;
	}
	list->words = grown;
	list->words[list->count++] = word;
	list->words[list->count] = NULL;
}

static char *format(const char *fmt, va_list ap) RB_PRINTF(1, 0);

static char *format(const char *fmt, va_list ap)
{
	va_list again;
	char *text;
	int len;

	va_copy(again, ap);
	len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	text = len < 0 ? NULL : malloc((size_t)len + 1);
	if (text)
		vsnprintf(text, (size_t)len + 1, fmt, ap);
	return text;
}

void rb_git_arg(struct rb_git *git, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_word(git, &git->argv, format(fmt, ap));
	va_end(ap);
}

void rb_git_env(struct rb_git *git, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_word(git, &git->env, format(fmt, ap));
	va_end(ap);
}

void rb_git_unset(struct rb_git *git, const char *name)
{
	add_word(git, &git->unset, strdup(name));
}

static void set_cwd(struct rb_git *git, const char *dir)
{
	git->cwd = strdup(dir);
	if (!git->cwd)
		git->is_broken = true;
}

void rb_git_begin(struct rb_git *git, struct rb_repo *repo)
{
	memset(git, 0, sizeof(*git));
	for (size_t i = 0; rb_git_local_env[i]; i++)
		rb_git_unset(git, rb_git_local_env[i]);
	rb_git_env(git, "LC_ALL=C");
	rb_git_env(git, "GIT_TERMINAL_PROMPT=0");
	rb_git_arg(git, "git");
	if (repo) {
		/* Named like this, git asks no second time whose repository it is. */
		rb_git_arg(git, "--git-dir=%s", rb_repo_git_dir(repo));
		/* The root of the working tree is where paths of remotes begin. */
		set_cwd(git,
		        rb_repo_work_dir(repo) ? rb_repo_work_dir(repo) : rb_repo_git_dir(repo));
	}
	/* Maintenance is ours to time: after a backup, on a budget. */
	rb_git_arg(git, "-c");
	rb_git_arg(git, "gc.auto=0");
	rb_git_arg(git, "-c");
	rb_git_arg(git, "maintenance.auto=false");
}

/* What the user's configuration says about connections. */
struct user_settings {
	bool has_ssh_command;
	bool has_askpass;
	bool has_low_speed;
};

static int note_setting(void *ctx, const char *name, const char *value, struct rb_err *err)
{
	struct user_settings *settings = ctx;

	(void)value;
	(void)err;
	if (strcmp(name, "core.sshcommand") == 0)
		settings->has_ssh_command = true;
	else if (strcmp(name, "core.askpass") == 0)
		settings->has_askpass = true;
	else
		settings->has_low_speed = true;
	return RB_OK;
}

static int read_settings(struct rb_repo *repo, struct user_settings *settings, struct rb_err *err)
{
	struct rb_buf entries = RB_BUF(CONFIG_BYTES_MAX);
	int rc;

	rc = rb_git_config(
	        repo, "^(core\\.sshcommand|core\\.askpass|http\\.(.*\\.)?lowspeed(limit|time))$",
	        &entries, err);
	if (rc == RB_OK)
		rc = rb_git_config_each(&entries, note_setting, settings, err);
	rb_buf_release(&entries);
	return rc;
}

int rb_git_begin_network(struct rb_git *git, struct rb_repo *repo, struct rb_err *err)
{
	struct user_settings settings = {0};
	int rc;

	memset(git, 0, sizeof(*git));
	rc = read_settings(repo, &settings, err);
	if (rc < 0)
		return rc;

	rb_git_begin(git, repo);
	rb_git_env(git, "SSH_ASKPASS_REQUIRE=never");
	/* A program that the user named may answer; empty keeps git from asking SSH_ASKPASS. */
	if (!getenv("GIT_ASKPASS") && !settings.has_askpass)
		rb_git_env(git, "GIT_ASKPASS=");
	if (!getenv("GIT_SSH_COMMAND") && !getenv("GIT_SSH") && !settings.has_ssh_command)
		rb_git_env(git, "GIT_SSH_COMMAND=%s", SSH_COMMAND);
	if (!settings.has_low_speed && !getenv("GIT_HTTP_LOW_SPEED_LIMIT")) {
		rb_git_arg(git, "-c");
		rb_git_arg(git, "http.lowSpeedLimit=1000");
		rb_git_arg(git, "-c");
		rb_git_arg(git, "http.lowSpeedTime=60");
	}
	rb_git_env(git, "GCM_INTERACTIVE=never");
	rb_git_arg(git, "-c");
	rb_git_arg(git, "credential.interactive=never");
	return RB_OK;
}

int rb_git_run(struct rb_git *git, const struct rb_git_limits *limits,
               struct rb_proc_result *result, struct rb_err *err)
{
	struct rb_proc_opts opts = {
	        .cwd = git->cwd,
	        .umask = git->umask,
	        .timeout_ms = limits->timeout_ms,
	        .stdout_max = limits->stdout_max,
	        .stderr_max = STDERR_BYTES_MAX,
	        .on_stderr_line = limits->on_line,
	        .ctx = limits->ctx,
	};
	int rc;

	memset(result, 0, sizeof(*result));
	if (git->is_broken)
		return rb_err_set(err, RB_E_NOMEM, "no memory to run git");
	opts.argv = (const char *const *)git->argv.words;
	opts.env_set = (const char *const *)git->env.words;
	opts.env_unset = (const char *const *)git->unset.words;
	rc = rb_proc_run(&opts, result, err);
	if (rc == RB_E_NOTFOUND)
		rb_err_hint(err, "install git: rowback runs it to reach remotes");
	return rc;
}

static void free_words(struct rb_git_words *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->words[i]);
	free(list->words);
}

bool rb_git_is_at_least(long major, long minor)
{
	struct rb_buf version = RB_BUF((size_t)256);
	char *rest = NULL;
	long has_major = 0;
	long has_minor = 0;

	if (rb_remote_git_version(&version, NULL) == RB_OK) {
		has_major = strtol(rb_buf_str(&version), &rest, 10);
		if (*rest == '.')
			has_minor = strtol(rest + 1, NULL, 10);
	}
	rb_buf_release(&version);
	return has_major > major || (has_major == major && has_minor >= minor);
}

void rb_git_release(struct rb_git *git)
{
	free_words(&git->argv);
	free_words(&git->env);
	free_words(&git->unset);
	free(git->cwd);
	memset(git, 0, sizeof(*git));
}

int rb_git_config(struct rb_repo *repo, const char *regexp, struct rb_buf *out, struct rb_err *err)
{
	const struct rb_git_limits limits = {.timeout_ms = CONFIG_TIMEOUT_MS,
	                                     .stdout_max = CONFIG_BYTES_MAX};
	struct rb_proc_result result = {0};
	struct rb_git git;
	int rc;

	rb_git_begin(&git, repo);
	rb_git_arg(&git, "config");
	rb_git_arg(&git, "-z");
	rb_git_arg(&git, "--get-regexp");
	rb_git_arg(&git, "%s", regexp);
	rc = rb_git_run(&git, &limits, &result, err);
	/* 1: nothing matches. */
	if (rc == RB_OK && result.exit_code != 0 && result.exit_code != 1)
		rc = rb_err_set(err, RB_E_USAGE, "git cannot read its configuration: %.300s",
		                rb_buf_str(&result.errtxt));
	if (rc == RB_OK)
		rc = rb_buf_add(out, rb_buf_str(&result.out), result.out.len, err);
	rb_proc_result_release(&result);
	rb_git_release(&git);
	return rc;
}

int rb_git_config_each(struct rb_buf *entries,
                       int (*fn)(void *ctx, const char *name, const char *value,
                                 struct rb_err *err),
                       void *ctx, struct rb_err *err)
{
	size_t at = 0;
	int rc = RB_OK;

	while (at < entries->len && rc == RB_OK) {
		char *name = entries->data + at;
		size_t len = strlen(name);
		char *newline = strchr(name, '\n');

		if (newline)
			*newline = '\0';
		rc = fn(ctx, name, newline ? newline + 1 : NULL, err);
		at += len + 1;
	}
	return rc;
}

int rb_remote_git_version(struct rb_buf *out, struct rb_err *err)
{
	const struct rb_git_limits limits = {.timeout_ms = CONFIG_TIMEOUT_MS, .stdout_max = 4096};
	struct rb_proc_result result = {0};
	struct rb_git git;
	const char *text;
	int rc;

	rb_git_begin(&git, NULL);
	rb_git_arg(&git, "--version");
	rc = rb_git_run(&git, &limits, &result, err);
	text = rb_buf_str(&result.out);
	if (rc == RB_OK && strncmp(text, "git version ", 12) != 0)
		rc = rb_err_set(err, RB_E_NOTFOUND, "'git --version' printed '%.80s'", text);
	if (rc == RB_OK)
		rc = rb_buf_add(out, text + 12, strcspn(text + 12, " \n"), err);
	rb_proc_result_release(&result);
	rb_git_release(&git);
	return rc;
}
