/*
 * See rowback/base/log.h.
 */
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "rowback/base/encode.h"
#include "rowback/base/fs.h"
#include "rowback/base/log.h"
#include "rowback/base/time.h"

/* A message and a hint of rb_err fit, with room for what stands around them. */
#define LINE_SIZE 4096
/* Progress is no wider than this, however wide the terminal is. */
#define PROGRESS_SIZE 256
#define PROGRESS_EVERY_MS 100
/* Where the terminal does not tell its width. */
#define DEFAULT_COLUMNS 80

static atomic_int shown_level = RB_LOG_INFO;
static atomic_bool color;

/* What stands on the progress line.  The lock also keeps lines of threads apart. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static size_t progress_len; /* bytes on it; 0: there is none */
static int64_t progress_ms; /* when it was last written, on rb_time_mono_ms() */

void rb_log_set_level(enum rb_log_level level)
{
	atomic_store(&shown_level, (int)level);
}

void rb_log_set_color(bool on)
{
	atomic_store(&color, on);
}

/* "rowback: warning: " and its kind. */
static const char *prefix_of(enum rb_log_level level)
{
	bool colored = atomic_load(&color);

	if (level == RB_LOG_ERROR)
		return colored ? "rowback: \033[31merror:\033[m " : "rowback: error: ";
	if (level == RB_LOG_WARN)
		return colored ? "rowback: \033[33mwarning:\033[m " : "rowback: warning: ";
	return "";
}

/* Names in a message may come from anywhere: they must not steer the terminal. */
static void defuse(char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
			*text = '?';
	}
}

/* One write, so that lines of other processes do not come between. */
static void put(const char *data, size_t len)
{
	if (rb_fs_write_all(STDERR_FILENO, data, len, "standard error", NULL) < 0)
		return; /* there is nowhere left to tell */
}

/* Put what clears the progress line at `to`, PROGRESS_SIZE + 2 bytes at most; returns its length.
 */
static size_t clear_progress(char *to)
{
	size_t len = progress_len;

	if (len == 0)
		return 0;
	to[0] = '\r';
	memset(to + 1, ' ', len);
	to[len + 1] = '\r';
	progress_len = 0;
	return len + 2;
}

void rb_log(enum rb_log_level level, const char *fmt, ...)
{
	char line[PROGRESS_SIZE + 2 + LINE_SIZE + 1];
	char text[LINE_SIZE - 64];
	const char *prefix = prefix_of(level);
	va_list ap;
	size_t len;

	if ((int)level > atomic_load(&shown_level))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	defuse(text);

	pthread_mutex_lock(&lock);
	len = clear_progress(line);
	len += (size_t)snprintf(line + len, sizeof(line) - len, "%s%s\n", prefix, text);
	put(line, len);
	pthread_mutex_unlock(&lock);
}

/* Bytes that fit on the line, with the cursor after them. */
static size_t progress_width(void)
{
	struct winsize size = {0};
	size_t columns = DEFAULT_COLUMNS;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		columns = size.ws_col;
	return columns < PROGRESS_SIZE ? columns - 1 : PROGRESS_SIZE - 1;
}

void rb_log_progress(const char *fmt, ...)
{
	char text[PROGRESS_SIZE];
	char line[1 + 2 * PROGRESS_SIZE];
	int64_t now_ms = rb_time_mono_ms();
	size_t width;
	size_t pad;
	size_t len;
	va_list ap;

	if (atomic_load(&shown_level) < RB_LOG_INFO)
		return;
	pthread_mutex_lock(&lock);
	if (progress_ms != 0 && now_ms - progress_ms < PROGRESS_EVERY_MS)
		goto out;
	progress_ms = now_ms;
	if (!isatty(STDERR_FILENO))
		goto out;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	defuse(text);
	width = progress_width();
	len = strlen(text);
	if (len > width) /* cut, but not inside a character */
		len = rb_utf8_valid_len(text, width);
	pad = progress_len > len ? progress_len - len : 0;
	put(line, (size_t)snprintf(line, sizeof(line), "\r%.*s%*s", (int)len, text, (int)pad, ""));
	progress_len = len + pad;

out:
	pthread_mutex_unlock(&lock);
}

void rb_log_progress_end(void)
{
	char line[PROGRESS_SIZE + 2];

	pthread_mutex_lock(&lock);
	put(line, clear_progress(line));
	pthread_mutex_unlock(&lock);
}
