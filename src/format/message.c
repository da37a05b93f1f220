/*
 * See rowback/format/message.h.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowback/base/time.h"
#include "rowback/format/message.h"
#include "trailer_priv.h"

#define TABLES_MAX 50 /* lines in the table of changes; the rest is counted */
#define MESSAGE_MAX ((size_t)1 << 20)

void rb_message_release(struct rb_message *message)
{
	char *strings[] = {message->id,          message->kind,          message->trigger,
	                   message->label,       message->note,          message->sources,
	                   message->code_commit, message->code_branch,   message->tool_version,
	                   message->incomplete,  message->subject,       message->code_subject,
	                   message->code_state,  message->code_deployed, message->bytes_added};

	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
		free(strings[i]);
	memset(message, 0, sizeof(*message));
}

static int add_counts(const struct rb_message *message, bool any_table, struct rb_buf *out,
                      struct rb_err *err)
{
	const struct {
		char sign;
		uint64_t count;
	} parts[] = {{'+', message->inserted}, {'~', message->updated}, {'-', message->deleted}};
	bool any_row = false;
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (parts[i].count == 0)
			continue;
		rc = rb_buf_addf(out, err, " %c%" PRIu64, parts[i].sign, parts[i].count);
		any_row = true;
	}
	if (rc < 0)
		return rc;
	if (any_row)
		return rb_buf_adds(out, " rows", err);
	return rb_buf_adds(out, any_table ? " definitions changed" : " no rows changed", err);
}

/* Digits of a commit's name that people are shown, as git does. */
#define SHORT_DIGITS 7

/* "code 1a2b3c4 fix the importer" */
static int add_code(const struct rb_message *message, struct rb_buf *out, struct rb_err *err)
{
	size_t len = strlen(message->code_commit);
	int rc = rb_buf_adds(out, "code ", err);

	if (rc == RB_OK)
		rc = rb_trailer_add_clean(message->code_commit,
		                          len < SHORT_DIGITS ? len : SHORT_DIGITS, false, out, err);
	if (rc == RB_OK && message->code_subject && *message->code_subject) {
		rc = rb_buf_adds(out, " ", err);
		if (rc == RB_OK)
			rc = rb_trailer_add_text(message->code_subject, out, err);
	}
	return rc;
}

/* What rows or definitions did, or, when none of them did anything, what the code is at. */
static int add_what(const struct rb_message *message, size_t changed, size_t table_count,
                    struct rb_buf *out, struct rb_err *err)
{
	bool any_row = message->inserted + message->updated + message->deleted > 0;
	int rc;

	if (message->code_commit && changed == 0 && !any_row) {
		rc = rb_buf_adds(out, " unchanged, ", err);
		return rc < 0 ? rc : add_code(message, out, err);
	}
	rc = add_counts(message, changed > 0, out, err);
	if (rc == RB_OK && changed > 0)
		rc = rb_buf_addf(out, err, " in %zu of %zu table%s", changed, table_count,
		                 table_count == 1 ? "" : "s");
	return rc;
}

static bool is_kind(const struct rb_message *message, const char *kind)
{
	return message->kind && strcmp(message->kind, kind) == 0;
}

static int add_subject(const struct rb_message *message, size_t changed, size_t table_count,
                       struct rb_buf *out, struct rb_err *err)
{
	bool is_safety = is_kind(message, "safety");
	int rc;

	if (is_kind(message, "quick") && message->code_commit) {
		rc = rb_buf_adds(out, "quick backup: ", err);
		return rc < 0 ? rc : add_code(message, out, err);
	}
	rc = rb_buf_adds(out, is_safety ? "safety backup:" : "backup:", err);
	if (rc == RB_OK && message->sources) {
		rc = rb_buf_adds(out, " ", err);
		if (rc == RB_OK)
			rc = rb_trailer_add_text(message->sources, out, err);
	}
	if (rc == RB_OK)
		rc = add_what(message, changed, table_count, out, err);
	if (rc == RB_OK && message->incomplete)
		rc = rb_buf_adds(out, ", incomplete", err);
	return rc;
}

static void format_count(char *out, size_t size, char sign, uint64_t count)
{
	out[0] = '\0';
	if (count > 0)
		snprintf(out, size, "%c%" PRIu64, sign, count);
}

/* "+3", "~2", "-1" and a word, as one line of the table. */
static int add_change(const struct rb_table_change *change, int width, struct rb_buf *out,
                      struct rb_err *err)
{
	const char *word = change->created          ? "  new table"
	                   : change->dropped        ? "  table dropped"
	                   : change->schema_changed ? "  definition changed"
	                                            : "";
	char plus[24];
	char tilde[24];
	char minus[24];
	size_t at = out->len;
	int pad;
	int rc;

	format_count(plus, sizeof(plus), '+', change->inserted);
	format_count(tilde, sizeof(tilde), '~', change->updated);
	format_count(minus, sizeof(minus), '-', change->deleted);
	rc = rb_buf_adds(out, "  ", err);
	if (rc == RB_OK)
		rc = rb_trailer_add_text(change->source, out, err);
	if (rc == RB_OK)
		rc = rb_buf_adds(out, "/", err);
	if (rc == RB_OK)
		rc = rb_trailer_add_text(change->table, out, err);
	if (rc < 0)
		return rc;
	pad = width + 2 - (int)(out->len - at);
	rc = rb_buf_addf(out, err, "%*s %10s %10s %10s%s", pad > 0 ? pad : 0, "", plus, tilde,
	                 minus, word);
	while (rc == RB_OK && out->data[out->len - 1] == ' ')
		out->data[--out->len] = '\0';
	return rc < 0 ? rc : rb_buf_adds(out, "\n", err);
}

static int add_changes(const struct rb_table_change *changes, size_t count, struct rb_buf *out,
                       struct rb_err *err)
{
	size_t shown = count < TABLES_MAX ? count : TABLES_MAX;
	size_t width = 0;
	int rc = RB_OK;

	if (count == 0)
		return RB_OK;
	for (size_t i = 0; i < shown; i++) {
		size_t len = strlen(changes[i].source) + 1 + strlen(changes[i].table);

		if (len > width)
			width = len < 60 ? len : 60;
	}
	rc = rb_buf_adds(out, "\n", err);
	for (size_t i = 0; rc == RB_OK && i < shown; i++)
		rc = add_change(&changes[i], (int)width, out, err);
	if (rc == RB_OK && shown < count)
		rc = rb_buf_addf(out, err, "  and %zu more table%s\n", count - shown,
		                 count - shown == 1 ? "" : "s");
	return rc;
}

/* The trailers that are texts, in two parts: the numbers stand between. */
#define FIRST_TEXTS 5
#define TEXTS 13

static const char *const text_names[TEXTS] = {
        "Backup-Id",         "Backup-Kind",  "Backup-Label", "Backup-Trigger", "Backup-Source",
        "Backup-Incomplete", "Backup-Bytes", "Code-Commit",  "Code-Branch",    "Code-Subject",
        "Code-Deployed",     "Code-State",   "Tool-Version"};

/* The members that text_names are about. */
static void text_members(struct rb_message *message, char **out[TEXTS])
{
	char **members[TEXTS] = {
	        &message->id,           &message->kind,          &message->label,
	        &message->trigger,      &message->sources,       &message->incomplete,
	        &message->bytes_added,  &message->code_commit,   &message->code_branch,
	        &message->code_subject, &message->code_deployed, &message->code_state,
	        &message->tool_version};

	memcpy(out, members, sizeof(members));
}

static int add_trailers(const struct rb_message *message, struct rb_buf *out, struct rb_err *err)
{
	struct rb_message copy = *message;
	char **texts[TEXTS];
	int rc = rb_buf_adds(out, "\n", err);

	text_members(&copy, texts);
	for (size_t i = 0; rc == RB_OK && i < FIRST_TEXTS; i++)
		rc = rb_trailer_add(text_names[i], *texts[i], out, err);
	if (rc == RB_OK)
		rc = rb_buf_addf(out, err,
		                 "Backup-Rows: %" PRIu64 "\nBackup-Changes: +%" PRIu64 " ~%" PRIu64
		                 " -%" PRIu64 "\n",
		                 message->rows, message->inserted, message->updated,
		                 message->deleted);
	for (size_t i = FIRST_TEXTS; rc == RB_OK && i < TEXTS; i++)
		rc = rb_trailer_add(text_names[i], *texts[i], out, err);
	return rc;
}

/* Free text: each of its lines is marked, so that none passes for a trailer. */
static int add_note(const char *note, struct rb_buf *out, struct rb_err *err)
{
	size_t left = strlen(note);
	int rc;

	while (left > 0 && note[left - 1] == '\n')
		left--;
	if (left == 0)
		return RB_OK;
	rc = rb_buf_adds(out, "\n", err);
	while (rc == RB_OK && left > 0) {
		const char *end = memchr(note, '\n', left);
		size_t len = end ? (size_t)(end - note) : left;
		size_t step = end ? len + 1 : len;

		rc = rb_buf_adds(out, len > 0 ? "> " : ">", err);
		if (rc == RB_OK)
			rc = rb_trailer_add_clean(note, len, true, out, err);
		if (rc == RB_OK)
			rc = rb_buf_adds(out, "\n", err);
		note += step;
		left -= step;
	}
	return rc;
}

int rb_message_write(const struct rb_message *message, const struct rb_table_change *changes,
                     size_t change_count, size_t table_count, struct rb_buf *out,
                     struct rb_err *err)
{
	int rc = message->subject ? rb_trailer_add_text(message->subject, out, err)
	                          : add_subject(message, change_count, table_count, out, err);

	if (rc == RB_OK)
		rc = rb_buf_adds(out, "\n", err);
	if (rc == RB_OK && message->note)
		rc = add_note(message->note, out, err);
	if (rc == RB_OK)
		rc = add_changes(changes, change_count, out, err);
	if (rc == RB_OK)
		rc = add_trailers(message, out, err);
	return rc;
}

/* Read a decimal number; *at is behind it then. */
static bool take_number(const char **at, const char *end, uint64_t *out)
{
	const char *start = *at;
	uint64_t number = 0;

	for (; *at < end && **at >= '0' && **at <= '9'; (*at)++) {
		unsigned int digit = (unsigned int)(**at - '0');

		if (number > (UINT64_MAX - digit) / 10)
			return false;
		number = number * 10 + digit;
	}
	*out = number;
	return *at > start;
}

/* Read numbers, each behind its text, to the end of a value: "+3 ~2 -1". */
static bool take_numbers(struct rb_trailer_line value, const char *const *before, uint64_t **out,
                         size_t count)
{
	const char *end = value.at + value.len;
	const char *at = value.at;

	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(before[i]);

		if ((size_t)(end - at) < len || memcmp(at, before[i], len) != 0)
			return false;
		at += len;
		if (!take_number(&at, end, out[i]))
			return false;
	}
	return at == end;
}

static int take_trailer(struct rb_message *message, struct rb_trailer_line line, struct rb_err *err)
{
	static const char *const rows_before[] = {""};
	static const char *const changes_before[] = {"+", " ~", " -"};
	uint64_t *rows[] = {&message->rows};
	uint64_t *changes[] = {&message->inserted, &message->updated, &message->deleted};
	char **texts[TEXTS];
	struct rb_trailer_line value;

	text_members(message, texts);
	for (size_t i = 0; i < TEXTS; i++) {
		if (*texts[i] || !rb_trailer_is(line, text_names[i], &value))
			continue;
		*texts[i] = strndup(value.at, value.len);
		if (!*texts[i])
			return rb_err_set(err, RB_E_NOMEM, "no memory for a commit's message");
	}
	if (rb_trailer_is(line, "Backup-Rows", &value) &&
	    !take_numbers(value, rows_before, rows, 1))
		return rb_err_set(err, RB_E_FORMAT, "the commit's Backup-Rows is no number");
	if (rb_trailer_is(line, "Backup-Changes", &value) &&
	    !take_numbers(value, changes_before, changes, 3))
		return rb_err_set(err, RB_E_FORMAT, "the commit's Backup-Changes are no numbers");
	return RB_OK;
}

/* Take the lines between the subject and the trailers that a note has. */
static int take_note(const char *text, const char *end, char **out, struct rb_err *err)
{
	struct rb_buf note = RB_BUF(MESSAGE_MAX);
	bool any = false;
	int rc = RB_OK;

	for (text = rb_trailer_after(rb_trailer_line_at(text)); rc == RB_OK && text < end;
	     text = rb_trailer_after(rb_trailer_line_at(text))) {
		struct rb_trailer_line line = rb_trailer_line_at(text);
		/* An empty line has lost its blank where somebody edited the message. */
		size_t mark = line.len > 1 ? 2 : 1;

		if (line.len == 0 || memcmp(line.at, "> ", mark) != 0)
			continue;
		rc = any ? rb_buf_adds(&note, "\n", err) : RB_OK;
		if (rc == RB_OK)
			rc = rb_buf_add(&note, line.at + mark, line.len - mark, err);
		any = true;
	}
	if (rc == RB_OK && any) {
		*out = rb_buf_detach(&note);
		if (!*out)
			rc = rb_err_set(err, RB_E_NOMEM, "no memory for a commit's message");
	}
	rb_buf_release(&note);
	return rc;
}

static int check_id(const struct rb_message *message, struct rb_err *err)
{
	int64_t time;

	if (!message->id)
		return rb_err_set(err, RB_E_FORMAT, "the commit is no backup: it has no Backup-Id");
	if (strlen(message->id) != strlen("20261120T155800Z") ||
	    rb_time_parse_utc(message->id, &time, NULL) < 0)
		return rb_err_set(err, RB_E_FORMAT, "the commit's Backup-Id '%.40s' is no time",
		                  message->id);
	return RB_OK;
}

int rb_message_read(const char *text, struct rb_message *out, struct rb_err *err)
{
	const char *trailers = rb_trailer_find(text);
	int rc;

	memset(out, 0, sizeof(*out));
	rc = take_note(text, trailers, &out->note, err);
	for (const char *at = trailers; rc == RB_OK && *at;
	     at = rb_trailer_after(rb_trailer_line_at(at)))
		rc = take_trailer(out, rb_trailer_line_at(at), err);
	if (rc == RB_OK)
		rc = check_id(out, err);
	if (rc < 0)
		rb_message_release(out);
	return rc;
}
