/*
 * See rowback/format/message.h.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowback/format/message.h"

#define TABLES_MAX 50 /* lines in the table of changes; the rest is counted */
#define MESSAGE_MAX ((size_t)1 << 20)

void rb_message_release(struct rb_message *message)
{
	char *strings[] = {message->id,          message->kind,        message->trigger,
	                   message->label,       message->note,        message->sources,
	                   message->code_commit, message->code_branch, message->tool_version,
	                   message->incomplete,  message->subject};

	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
		free(strings[i]);
	memset(message, 0, sizeof(*message));
}

static int add_counts(const struct rb_message *message, struct rb_buf *out, struct rb_err *err)
{
	const struct {
		char sign;
		uint64_t count;
	} parts[] = {{'+', message->inserted}, {'~', message->updated}, {'-', message->deleted}};
	bool any = false;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		int rc;

		if (parts[i].count == 0)
			continue;
		rc = rb_buf_addf(out, err, " %c%" PRIu64, parts[i].sign, parts[i].count);
		if (rc < 0)
			return rc;
		any = true;
	}
	return rb_buf_adds(out, any ? " rows" : " no rows changed", err);
}

static int add_subject(const struct rb_message *message, size_t changed, size_t table_count,
                       struct rb_buf *out, struct rb_err *err)
{
	const char *what = "backup";
	int rc;

	if (message->kind && strcmp(message->kind, "safety") == 0)
		what = "safety backup";
	rc = rb_buf_addf(out, err, "%s: %s", what, message->sources ? message->sources : "");
	if (rc == RB_OK)
		rc = add_counts(message, out, err);
	if (rc == RB_OK && changed > 0)
		rc = rb_buf_addf(out, err, " in %zu of %zu table%s", changed, table_count,
		                 table_count == 1 ? "" : "s");
	if (rc == RB_OK && message->incomplete)
		rc = rb_buf_adds(out, ", incomplete", err);
	if (rc == RB_OK)
		rc = rb_buf_adds(out, "\n", err);
	return rc;
}

/* A name on one line of a message: control bytes become '?'. */
static int add_line_text(const char *text, struct rb_buf *out, struct rb_err *err)
{
	size_t at = out->len;
	int rc = rb_buf_adds(out, text, err);

	for (; rc == RB_OK && at < out->len; at++) {
		if (iscntrl((unsigned char)out->data[at]))
			out->data[at] = '?';
	}
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
		rc = add_line_text(change->source, out, err);
	if (rc == RB_OK)
		rc = rb_buf_adds(out, "/", err);
	if (rc == RB_OK)
		rc = add_line_text(change->table, out, err);
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
		rc = rb_buf_addf(out, err, "  and %zu more tables\n", count - shown);
	return rc;
}

/* A trailer's value is one line; a line of its own would be another trailer. */
static int add_trailer(const char *name, const char *value, struct rb_buf *out, struct rb_err *err)
{
	int rc;

	if (!value || !*value)
		return RB_OK;
	rc = rb_buf_addf(out, err, "%s: ", name);
	if (rc == RB_OK)
		rc = add_line_text(value, out, err);
	return rc < 0 ? rc : rb_buf_adds(out, "\n", err);
}

static int add_trailers(const struct rb_message *message, struct rb_buf *out, struct rb_err *err)
{
	const struct {
		const char *name;
		const char *value;
	} texts[] = {
	        {"Backup-Id", message->id},
	        {"Backup-Kind", message->kind},
	        {"Backup-Label", message->label},
	        {"Backup-Trigger", message->trigger},
	        {"Backup-Source", message->sources},
	        {"Backup-Incomplete", message->incomplete},
	        {"Code-Commit", message->code_commit},
	        {"Code-Branch", message->code_branch},
	        {"Tool-Version", message->tool_version},
	};
	int rc = rb_buf_adds(out, "\n", err);

	for (size_t i = 0; rc == RB_OK && i < sizeof(texts) / sizeof(texts[0]); i++)
		rc = add_trailer(texts[i].name, texts[i].value, out, err);
	if (rc == RB_OK)
		rc = rb_buf_addf(out, err, "Backup-Rows: %" PRIu64 "\n", message->rows);
	if (rc == RB_OK)
		rc = rb_buf_addf(out, err,
		                 "Backup-Changes: +%" PRIu64 " ~%" PRIu64 " -%" PRIu64 "\n",
		                 message->inserted, message->updated, message->deleted);
	return rc;
}

/* Free text: its lines indented when they could pass for trailers or comments. */
static int add_note(const char *note, struct rb_buf *out, struct rb_err *err)
{
	int rc = rb_buf_adds(out, "\n", err);

	while (rc == RB_OK && *note) {
		size_t len = strcspn(note, "\n");

		rc = rb_buf_adds(out, "> ", err);
		if (rc == RB_OK)
			rc = rb_buf_add(out, note, len, err);
		if (rc == RB_OK)
			rc = rb_buf_adds(out, "\n", err);
		note += len + (note[len] == '\n');
	}
	return rc;
}

int rb_message_write(const struct rb_message *message, const struct rb_table_change *changes,
                     size_t change_count, size_t table_count, struct rb_buf *out,
                     struct rb_err *err)
{
	int rc;

	if (message->subject) {
		rc = add_line_text(message->subject, out, err);
		if (rc == RB_OK)
			rc = rb_buf_adds(out, "\n", err);
	} else {
		rc = add_subject(message, change_count, table_count, out, err);
	}
	if (rc == RB_OK && message->note && *message->note)
		rc = add_note(message->note, out, err);
	if (rc == RB_OK)
		rc = add_changes(changes, change_count, out, err);
	if (rc == RB_OK)
		rc = add_trailers(message, out, err);
	return rc;
}

/* The value of "name: value" when the line is that trailer, else NULL. */
static const char *trailer_value(const char *line, size_t len, const char *name, size_t *value_len)
{
	size_t name_len = strlen(name);

	if (len < name_len + 2 || strncmp(line, name, name_len) != 0 || line[name_len] != ':' ||
	    line[name_len + 1] != ' ')
		return NULL;
	*value_len = len - name_len - 2;
	return line + name_len + 2;
}

static int take_note_line(const char *line, size_t len, struct rb_buf *note, struct rb_err *err)
{
	int rc = note->len > 0 ? rb_buf_adds(note, "\n", err) : RB_OK;

	return rc < 0 ? rc : rb_buf_add(note, line + 2, len - 2, err);
}

static int take_line(struct rb_message *message, const char *line, size_t len, struct rb_err *err)
{
	const struct {
		const char *name;
		char **value;
	} texts[] = {
	        {"Backup-Id", &message->id},
	        {"Backup-Kind", &message->kind},
	        {"Backup-Label", &message->label},
	        {"Backup-Trigger", &message->trigger},
	        {"Backup-Source", &message->sources},
	        {"Backup-Incomplete", &message->incomplete},
	        {"Code-Commit", &message->code_commit},
	        {"Code-Branch", &message->code_branch},
	        {"Tool-Version", &message->tool_version},
	};
	size_t value_len = 0;
	const char *value;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		value = trailer_value(line, len, texts[i].name, &value_len);
		if (!value || *texts[i].value)
			continue;
		*texts[i].value = strndup(value, value_len);
		if (!*texts[i].value)
			return rb_err_set(err, RB_E_NOMEM, "no memory for a commit's message");
		return RB_OK;
	}
	value = trailer_value(line, len, "Backup-Rows", &value_len);
	if (value)
		message->rows = strtoull(value, NULL, 10);
	value = trailer_value(line, len, "Backup-Changes", &value_len);
	if (value && sscanf(value, "+%" SCNu64 " ~%" SCNu64 " -%" SCNu64, &message->inserted,
	                    &message->updated, &message->deleted) != 3)
		return rb_err_set(err, RB_E_FORMAT, "commit has a damaged Backup-Changes line");
	return RB_OK;
}

int rb_message_read(const char *text, struct rb_message *out, struct rb_err *err)
{
	struct rb_buf note = RB_BUF(MESSAGE_MAX);
	int rc = RB_OK;

	memset(out, 0, sizeof(*out));
	while (rc == RB_OK && *text) {
		size_t len = strcspn(text, "\n");

		if (len >= 2 && text[0] == '>' && text[1] == ' ')
			rc = take_note_line(text, len, &note, err);
		else
			rc = take_line(out, text, len, err);
		text += len + (text[len] == '\n');
	}
	if (rc == RB_OK && !out->id)
		rc = rb_err_set(err, RB_E_FORMAT, "the commit is no backup: it has no Backup-Id");
	if (rc == RB_OK && note.len > 0) {
		out->note = rb_buf_detach(&note);
		if (!out->note)
			rc = rb_err_set(err, RB_E_NOMEM, "no memory for a commit's message");
	}
	if (rc < 0)
		rb_message_release(out);
	rb_buf_release(&note);
	return rc;
}
