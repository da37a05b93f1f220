/*
 * See rowback/runtime/activity.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rowback/base/buf.h"
#include "rowback/base/fs.h"
#include "rowback/base/time.h"
#include "rowback/runtime/activity.h"
#include "rowback/runtime/who.h"
#include "rowback/value/json.h"

/* A line before it is cut: arguments may be as long as the kernel allows. */
#define UNCUT_MAX ((size_t)16 << 20)
/* Bytes of text in a line that was too long: six for one is the most that JSON makes of it. */
#define CUT_FIRST ((size_t)32 << 10)
/* A file that several programs passed the limit of at once is a little larger. */
#define READ_MAX (RB_ACTIVITY_FILE_MAX + ((size_t)8 << 20))

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory for the activity log");
}

/* A text, or its first `cut` bytes and "...", never half a character. */
static json_t *cut_text(const char *text, size_t cut)
{
	struct rb_buf shorter = RB_BUF(CUT_FIRST + sizeof("..."));
	size_t len = strlen(text);
	json_t *value = NULL;

	if (len <= cut)
		return rb_json_bytes(text, len);
	for (len = cut; len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80;)
		len--;
	if (rb_buf_add(&shorter, text, len, NULL) == RB_OK &&
	    rb_buf_adds(&shorter, "...", NULL) == RB_OK)
		value = rb_json_bytes(rb_buf_str(&shorter), shorter.len);
	rb_buf_release(&shorter);
	return value;
}

/* The arguments, of `cut` bytes all in all. */
static json_t *cut_arguments(const char *const *arguments, size_t cut)
{
	json_t *list = json_array();
	size_t used = 0;

	for (size_t i = 0; list && arguments && arguments[i]; i++) {
		json_t *value =
		        used < cut ? cut_text(arguments[i], cut - used) : json_string("...");

		if (json_array_append_new(list, value) < 0) {
			json_decref(list);
			return NULL;
		}
		if (used >= cut)
			break;
		used += strlen(arguments[i]) + 1;
	}
	return list;
}

/* Take a value over into an object; an absent text is left out.  returns 0 or -1 */
static int put_text(json_t *doc, const char *name, const char *text, size_t cut)
{
	return text ? json_object_set_new(doc, name, cut_text(text, cut)) : 0;
}

static json_t *entry_json(const struct rb_activity *entry, size_t cut)
{
	char user[RB_WHO_SIZE];
	char host[RB_WHO_SIZE];
	char when[21];
	json_t *doc = json_object();

	rb_who_user(user);
	rb_who_host(host);
	rb_time_format_iso(entry->time_unix_s, when);
	if (!doc || json_object_set_new(doc, "time", json_string(when)) < 0 ||
	    put_text(doc, "user", user, cut) < 0 || put_text(doc, "host", host, cut) < 0 ||
	    json_object_set_new(doc, "pid", json_integer((json_int_t)getpid())) < 0 ||
	    put_text(doc, "action", entry->action, cut) < 0 ||
	    json_object_set_new(doc, "arguments", cut_arguments(entry->arguments, cut)) < 0 ||
	    put_text(doc, "result", entry->result, cut) < 0 ||
	    json_object_set_new(doc, "status", json_integer(entry->status)) < 0 ||
	    json_object_set_new(doc, "duration_ms", json_integer(entry->duration_ms)) < 0 ||
	    put_text(doc, "backup", entry->backup, cut) < 0 ||
	    put_text(doc, "detail", entry->detail, cut) < 0) {
		json_decref(doc);
		return NULL;
	}
	return doc;
}

/* Write the line, its texts shorter and shorter until it fits. */
static int format_line(const struct rb_activity *entry, struct rb_buf *out, struct rb_err *err)
{
	size_t cut = SIZE_MAX;
	int rc;

	do {
		json_t *doc = entry_json(entry, cut);

		rb_buf_clear(out);
		rc = doc ? rb_json_dump_line(doc, out, err) : no_memory(err);
		json_decref(doc);
		if (rc == RB_OK)
			rc = rb_buf_adds(out, "\n", err);
		cut = cut == SIZE_MAX ? CUT_FIRST : cut / 2;
	} while ((rc == RB_OK && out->len > RB_ACTIVITY_LINE_MAX && cut > 0) || rc == RB_E_LIMIT);
	return rc;
}

/* "x/activity.jsonl" gives "x/activity.1.jsonl", for free(); NULL without memory. */
static char *older_path(const char *path)
{
	static const char ending[] = ".jsonl";
	size_t len = strlen(path);
	size_t stem = len >= strlen(ending) && strcmp(path + len - strlen(ending), ending) == 0
	                      ? len - strlen(ending)
	                      : len;
	size_t size = len + sizeof(".1");
	char *older = malloc(size);

	if (older)
		snprintf(older, size, "%.*s.1%s", (int)stem, path, path + stem);
	return older;
}

/* Whether path still names the file that is open. */
static bool is_same_file(int fd, const char *path)
{
	struct stat opened;
	struct stat named;

	return fstat(fd, &opened) == 0 && lstat(path, &named) == 0 &&
	       opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

static int open_log(const char *path, struct rb_err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);

	return fd >= 0 ? fd : rb_err_sys(err, errno, "cannot open the activity log '%s'", path);
}

/*
 * Move a file that is full out of the way.  Under a lock on the file itself: of two programs
 * that see it full, one moves it, and the other finds that done.  A third that has it open
 * appends its line to where the file has gone.
 */
static int move_full(int fd, const char *path, struct rb_err *err)
{
	char *older = older_path(path);
	int rc = older ? RB_OK : no_memory(err);

	while (rc == RB_OK && flock(fd, LOCK_EX) < 0) {
		if (errno != EINTR)
			rc = rb_err_sys(err, errno, "cannot lock the activity log '%s'", path);
	}
	if (rc == RB_OK && is_same_file(fd, path) && rename(path, older) < 0)
		rc = rb_err_sys(err, errno, "cannot rename '%s'", path);
	free(older);
	return rc;
}

/* Whether the file ends in the middle of a line: somebody's disk was full. */
static bool is_cut(int fd, off_t size)
{
	char last = '\n';

	return size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n';
}

/* One write: what comes from several programs at once does not mix. */
static int write_line(int fd, const char *path, const char *line, size_t len, struct rb_err *err)
{
	ssize_t put;

	do
		put = write(fd, line, len);
	while (put < 0 && errno == EINTR);
	if (put < 0)
		return rb_err_sys(err, errno, "cannot write the activity log '%s'", path);
	if ((size_t)put < len)
		return rb_err_set(err, RB_E_IO, "cannot write the activity log '%s' whole", path);
	return RB_OK;
}

int rb_activity_append(const char *path, const struct rb_activity *entry, struct rb_err *err)
{
	struct rb_buf line = RB_BUF(UNCUT_MAX);
	struct rb_buf text = RB_BUF(UNCUT_MAX);
	struct stat st = {0};
	int fd = -1;
	int rc = format_line(entry, &line, err);

	if (rc < 0)
		goto out;
	fd = open_log(path, err);
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size >= (off_t)RB_ACTIVITY_FILE_MAX) {
		rc = move_full(fd, path, err);
		close(fd);
		fd = rc == RB_OK ? open_log(path, err) : rc;
		if (fd >= 0 && fstat(fd, &st) < 0)
			st.st_size = 0;
	}
	if (fd < 0) {
		rc = fd;
		goto out;
	}
	if (is_cut(fd, st.st_size))
		rc = rb_buf_adds(&text, "\n", err);
	if (rc == RB_OK)
		rc = rb_buf_add(&text, line.data, line.len, err);
	if (rc == RB_OK)
		rc = write_line(fd, path, rb_buf_str(&text), text.len, err);
	if (close(fd) < 0 && rc == RB_OK)
		rc = rb_err_sys(err, errno, "cannot close the activity log '%s'", path);

out:
	rb_buf_release(&line);
	rb_buf_release(&text);
	return rc;
}

/* Pass a line on when it is one of ours, and whole. */
static int pass_line(const char *line, size_t len, rb_activity_fn *fn, void *ctx,
                     struct rb_err *err)
{
	json_t *doc = NULL;
	const char *text;
	int64_t time;
	int rc = RB_OK;

	if (len == 0 || len > RB_ACTIVITY_LINE_MAX ||
	    rb_json_parse(line, len, "activity", &doc, NULL) < 0)
		return RB_OK;
	if (rb_json_get_string(doc, "action", &text, NULL) == RB_OK &&
	    rb_json_get_string(doc, "time", &text, NULL) == RB_OK &&
	    rb_time_parse_utc(text, &time, NULL) == RB_OK)
		rc = fn(ctx, line, doc, err);
	json_decref(doc);
	return rc < 0 ? rc : RB_OK;
}

static int read_file(const char *path, rb_activity_fn *fn, void *ctx, struct rb_err *err)
{
	struct rb_buf text = RB_BUF(READ_MAX);
	struct rb_err why = {0};
	int rc = rb_fs_read(path, &text, &why);
	char *line = text.data;
	char *end;

	if (rc == RB_E_NOTFOUND) {
		rc = RB_OK;
	} else if (rc < 0 && err) {
		*err = why;
	}
	/* What has no end is not whole. */
	while (rc == RB_OK && text.len > 0 &&
	       (end = memchr(line, '\n', text.len - (size_t)(line - text.data)))) {
		*end = '\0';
		rc = pass_line(line, (size_t)(end - line), fn, ctx, err);
		line = end + 1;
	}
	rb_buf_release(&text);
	return rc;
}

int rb_activity_each(const char *path, rb_activity_fn *fn, void *ctx, struct rb_err *err)
{
	char *older = older_path(path);
	int rc = older ? read_file(older, fn, ctx, err) : no_memory(err);

	free(older);
	return rc == RB_OK ? read_file(path, fn, ctx, err) : rc;
}
