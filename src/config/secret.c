/*
 * See rowback/config/secret.h.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "rowback/base/fs.h"
#include "rowback/base/log.h"
#include "rowback/base/proc.h"
#include "rowback/config/secret.h"

/* The last lines of a failed command's standard error; its last line is shown. */
#define ERROR_TEXT_MAX ((size_t)1024)

void rb_secret_wipe(void *data, size_t len)
{
	/* Through a volatile pointer, so that the store is not seen to be dead. */
	static void *(*const volatile set)(void *, int, size_t) = memset;

	if (len > 0)
		set(data, 0, len);
}

void rb_secret_free(char *secret)
{
	if (!secret)
		return;
	rb_secret_wipe(secret, strlen(secret));
	free(secret);
}

void rb_secret_release_buf(struct rb_buf *buf)
{
	if (buf->data)
		rb_secret_wipe(buf->data, buf->cap);
	rb_buf_release(buf);
}

/* Take the one line that a secret is out of what was read. */
static int take_line(const char *what, const char *data, size_t len, char **out, struct rb_err *err)
{
	if (len > 0 && data[len - 1] == '\n')
		len--;
	if (len > 0 && data[len - 1] == '\r')
		len--;
	if (len == 0)
		return rb_err_set(err, RB_E_USAGE, "%s is empty", what);
	if (memchr(data, '\0', len) || memchr(data, '\n', len))
		return rb_err_set(err, RB_E_FORMAT, "%s is more than one line of text", what);

	*out = strndup(data, len);
	if (!*out)
		return rb_err_set(err, RB_E_NOMEM, "no memory for %s", what);
	return RB_OK;
}

/* "~/x" is $HOME/x; anything else is copied. */
static int expand_home(const char *path, char **out, struct rb_err *err)
{
	const char *home = getenv("HOME");

	if (strncmp(path, "~/", 2) != 0)
		*out = strdup(path);
	else if (home && home[0] == '/')
		*out = rb_fs_join(home, path + 2);
	else
		return rb_err_set(err, RB_E_USAGE, "'%s' needs HOME to be set", path);
	if (!*out)
		return rb_err_set(err, RB_E_NOMEM, "no memory for the path '%s'", path);
	return RB_OK;
}

static int from_file(const char *what, const char *file, char **out, struct rb_err *err)
{
	struct rb_buf buf = RB_BUF(RB_SECRET_BYTES_MAX);
	char *path = NULL;
	struct stat st;
	int rc;

	rc = expand_home(file, &path, err);
	if (rc < 0)
		goto out;
	if (stat(path, &st) < 0) {
		rc = rb_err_sys(err, errno, "cannot read '%s' for %s", path, what);
		goto out;
	}
	/* A warning only: secrets that a container mounts are often readable for all. */
	if (S_ISREG(st.st_mode) && (st.st_mode & 077) != 0)
		rb_log(RB_LOG_WARN, "other users may open '%s' (mode %04o): run chmod 600 '%s'",
		       path, (unsigned int)(st.st_mode & 07777), path);

	/* All at once: a buffer that grew would leave copies behind in freed memory. */
	rc = rb_buf_reserve(&buf, RB_SECRET_BYTES_MAX, err);
	if (rc == RB_OK)
		rc = rb_fs_read(path, &buf, err);
	if (rc < 0) {
		rc = rb_err_wrap(err, rc, "%s", what);
		goto out;
	}
	rc = take_line(what, buf.data, buf.len, out, err);
	if (rc < 0)
		rc = rb_err_wrap(err, rc, "file '%s'", path);

out:
	rb_secret_release_buf(&buf);
	free(path);
	return rc;
}

/* Say why a command failed: its last line on standard error, as far as there is one. */
static int command_failed(const char *what, struct rb_proc_result *result, struct rb_err *err)
{
	char *text = result->errtxt.data;
	const char *line;

	while (result->errtxt.len > 0 && text[result->errtxt.len - 1] == '\n')
		text[--result->errtxt.len] = '\0';
	line = text ? strrchr(text, '\n') : NULL;
	line = line ? line + 1 : rb_buf_str(&result->errtxt);

	if (result->term_signal)
		return rb_err_set(err, RB_E_AUTH, "the command for %s was ended by signal %d%s%s",
		                  what, result->term_signal, line[0] ? ": " : "", line);
	return rb_err_set(err, RB_E_AUTH, "the command for %s ended with status %d%s%s", what,
	                  result->exit_code, line[0] ? ": " : "", line);
}

static int from_command(const char *what, const char *command, char **out, struct rb_err *err)
{
	const char *const argv[] = {"/bin/sh", "-c", command, NULL};
	const struct rb_proc_opts opts = {
	        .argv = argv,
	        .timeout_ms = RB_SECRET_COMMAND_TIMEOUT_MS,
	        .stdout_max = RB_SECRET_BYTES_MAX,
	        .stderr_max = ERROR_TEXT_MAX,
	};
	struct rb_proc_result result = {0};
	int rc;

	rc = rb_proc_run(&opts, &result, err);
	if (rc < 0) {
		rc = rb_err_wrap(err, rc, "the command for %s", what);
		goto out;
	}
	if (result.exit_code != 0) {
		rc = command_failed(what, &result, err);
		goto out;
	}
	rc = take_line(what, rb_buf_str(&result.out), result.out.len, out, err);
	if (rc < 0)
		rc = rb_err_wrap(err, rc, "what the command printed");

out:
	if (result.out.data)
		rb_secret_wipe(result.out.data, result.out.cap);
	rb_proc_result_release(&result);
	return rc;
}

int rb_secret_resolve(const struct rb_secret_spec *spec, char **out, struct rb_err *err)
{
	int set = (spec->value != NULL) + (spec->file != NULL) + (spec->command != NULL);

	if (set == 0)
		return rb_err_set(err, RB_E_USAGE, "%s is not set", spec->what);
	if (set > 1) {
		rb_err_set(err, RB_E_USAGE, "%s is set in more than one way", spec->what);
		return rb_err_hint(err, "keep one of the value, the file and the command");
	}
	if (spec->file)
		return from_file(spec->what, spec->file, out, err);
	if (spec->command)
		return from_command(spec->what, spec->command, out, err);
	return take_line(spec->what, spec->value, strlen(spec->value), out, err);
}

int rb_secret_from_env(const char *name, char **out, struct rb_err *err)
{
	struct rb_secret_spec spec = {.what = name, .value = getenv(name)};
	char other[128];
	int len;

	len = snprintf(other, sizeof(other), "%s_FILE", name);
	if (len < 0 || (size_t)len + sizeof("_COMMAND") > sizeof(other))
		return rb_err_set(err, RB_E_LIMIT, "the name '%.40s...' is too long", name);
	spec.file = getenv(other);
	snprintf(other, sizeof(other), "%s_COMMAND", name);
	spec.command = getenv(other);

	if (!spec.value && !spec.file && !spec.command) {
		*out = NULL;
		return RB_OK;
	}
	return rb_secret_resolve(&spec, out, err);
}
