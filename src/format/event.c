/*
 * See rowback/format/event.h.
 */
#include <stdlib.h>
#include <string.h>

#include "rowback/base/time.h"
#include "rowback/format/event.h"
#include "trailer_priv.h"

#define TEXTS 8

static const char *const text_names[TEXTS] = {
        "Event",        "Event-Id",          "Event-Backup",     "Event-Safety",
        "Event-Source", "Event-Code-Before", "Event-Code-After", "Event-By"};

/* The members that text_names are about. */
static void text_members(struct rb_event *event, char **out[TEXTS])
{
	char **members[TEXTS] = {&event->name,       &event->id,     &event->backup,
	                         &event->safety,     &event->source, &event->code_before,
	                         &event->code_after, &event->by};

	memcpy(out, members, sizeof(members));
}

void rb_event_release(struct rb_event *event)
{
	char **texts[TEXTS];

	text_members(event, texts);
	for (size_t i = 0; i < TEXTS; i++)
		free(*texts[i]);
	free(event->subject);
	memset(event, 0, sizeof(*event));
}

int rb_event_write(const struct rb_event *event, struct rb_buf *out, struct rb_err *err)
{
	bool has_subject = event->subject && event->subject[strspn(event->subject, " \t\r\n")];
	struct rb_event copy = *event;
	char **texts[TEXTS];
	/* Without a first line git would take the trailers for it. */
	int rc = rb_trailer_add_text(has_subject ? event->subject : event->name, out, err);

	text_members(&copy, texts);
	if (rc == RB_OK)
		rc = rb_buf_adds(out, "\n\n", err);
	for (size_t i = 0; rc == RB_OK && i < TEXTS; i++)
		rc = rb_trailer_add(text_names[i], *texts[i], out, err);
	return rc < 0 ? rc : rb_trailer_add("Tool-Version", RB_VERSION, out, err);
}

static int take_trailer(struct rb_event *event, struct rb_trailer_line line, struct rb_err *err)
{
	char **texts[TEXTS];
	struct rb_trailer_line value;

	if (rb_trailer_is(line, "Backup-Id", &value))
		return rb_err_set(err, RB_E_FORMAT, "the commit is a backup, no event");
	text_members(event, texts);
	for (size_t i = 0; i < TEXTS; i++) {
		if (*texts[i] || !rb_trailer_is(line, text_names[i], &value))
			continue;
		*texts[i] = strndup(value.at, value.len);
		if (!*texts[i])
			return rb_err_set(err, RB_E_NOMEM, "no memory for an event");
	}
	return RB_OK;
}

static int check(const struct rb_event *event, struct rb_err *err)
{
	int64_t time;

	if (!event->name || !event->id)
		return rb_err_set(err, RB_E_FORMAT,
		                  "the commit is no event: it has no Event or no Event-Id");
	if (strlen(event->id) != strlen("20261120T155800Z") ||
	    rb_time_parse_utc(event->id, &time, NULL) < 0)
		return rb_err_set(err, RB_E_FORMAT, "the commit's Event-Id '%.40s' is no time",
		                  event->id);
	return RB_OK;
}

int rb_event_read(const char *message, struct rb_event *out, struct rb_err *err)
{
	struct rb_trailer_line first = rb_trailer_line_at(message);
	int rc = RB_OK;

	memset(out, 0, sizeof(*out));
	for (const char *at = rb_trailer_find(message); rc == RB_OK && *at;
	     at = rb_trailer_after(rb_trailer_line_at(at)))
		rc = take_trailer(out, rb_trailer_line_at(at), err);
	if (rc == RB_OK)
		rc = check(out, err);
	if (rc == RB_OK) {
		out->subject = strndup(first.at, first.len);
		if (!out->subject)
			rc = rb_err_set(err, RB_E_NOMEM, "no memory for an event");
	}
	if (rc < 0)
		rb_event_release(out);
	return rc;
}
