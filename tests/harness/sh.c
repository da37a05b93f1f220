/*
 * See sh.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/sh.h"

static char *format(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));

static char *format(const char *fmt, va_list ap)
{
	va_list again;
	size_t size;
	char *text;

	va_copy(again, ap);
	size = (size_t)vsnprintf(NULL, 0, fmt, again) + 1;
	va_end(again);
	text = malloc(size);
	assert_non_null(text);
	vsnprintf(text, size, fmt, ap);
	return text;
}

/* Run a command; its output, and how it ended. */
static char *run(const char *command, int *status)
{
	char *text = NULL;
	size_t len = 0;
	size_t cap = 0;
	FILE *pipe = popen(command, "r");
	int ended;

	assert_non_null(pipe);
	do {
		if (cap - len < 4096)
			text = realloc(text, cap = 2 * cap + 8192);
		assert_non_null(text);
		len += fread(text + len, 1, cap - len - 1, pipe);
	} while (!feof(pipe) && !ferror(pipe));
	text[len] = '\0';
	ended = pclose(pipe);
	*status = WIFEXITED(ended) ? WEXITSTATUS(ended) : 128 + WTERMSIG(ended);
	return text;
}

void sh(const char *fmt, ...)
{
	va_list ap;
	char *command;
	char *text;
	int status = 0;

	va_start(ap, fmt);
	command = format(fmt, ap);
	va_end(ap);
	text = run(command, &status);
	if (status != 0)
		fail_msg("exit status %d of: %s\n%s", status, command, text);
	free(text);
	free(command);
}

char *sh_out(const char *fmt, ...)
{
	va_list ap;
	char *command;
	char *text;
	int status = 0;

	va_start(ap, fmt);
	command = format(fmt, ap);
	va_end(ap);
	text = run(command, &status);
	if (status != 0)
		fail_msg("exit status %d of: %s\n%s", status, command, text);
	if (text[0] && text[strlen(text) - 1] == '\n')
		text[strlen(text) - 1] = '\0';
	free(command);
	return text;
}

void sh_assert(const char *want, char *got)
{
	assert_string_equal(got, want);
	free(got);
}

int sh_status(const char *fmt, ...)
{
	va_list ap;
	char *command;
	char *quiet;
	int status = 0;

	va_start(ap, fmt);
	command = format(fmt, ap);
	va_end(ap);
	quiet = malloc(strlen(command) + sizeof("{ ; } 2>&1"));
	assert_non_null(quiet);
	sprintf(quiet, "{ %s; } 2>&1", command);
	free(run(quiet, &status));
	free(quiet);
	free(command);
	return status;
}

void sh_isolate_git(void)
{
	static const char *const settings[][2] = {
	        {"HOME", "/nonexistent"},
	        {"XDG_CONFIG_HOME", "/nonexistent"},
	        {"GIT_CONFIG_NOSYSTEM", "1"},
	        /* Not /dev/null: git config --global would put a file in its place. */
	        {"GIT_CONFIG_GLOBAL", "/nonexistent/gitconfig"},
	        {"GIT_AUTHOR_NAME", "A U Thor"},
	        {"GIT_AUTHOR_EMAIL", "author@example.com"},
	        {"GIT_AUTHOR_DATE", "1763650000 +0000"},
	        {"GIT_COMMITTER_NAME", "C O Mitter"},
	        {"GIT_COMMITTER_EMAIL", "committer@example.com"},
	        {"GIT_COMMITTER_DATE", "1763650000 +0000"},
	        {"LC_ALL", "C"},
	};

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		setenv(settings[i][0], settings[i][1], 1);
	unsetenv("GIT_DIR");
}
