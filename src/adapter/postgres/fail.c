/*
 * See postgres_priv.h: what PostgreSQL's failures mean here.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "rowback/base/cancel.h"
#include "postgres_priv.h"

/* What an SQLSTATE, or a class of them, means.  source: PostgreSQL, "Error Codes" */
static const struct meaning {
	const char *state; /* five characters, or two for all of a class */
	enum rb_status status;
	const char *hint; /* NULL: there is nothing to say */
} meanings[] = {
        {"08", RB_E_UNREACHABLE, "the connection broke: is the server up?"},
        {"22", RB_E_FORMAT, NULL},
        {"23", RB_E_CONFLICT, NULL},
        {"25006", RB_E_UNSUPPORTED, NULL},
        {"28", RB_E_AUTH,
         "a password comes from PGPASSWORD, PGPASSFILE, a service or the source's urlFile; "
         "the server's pg_hba.conf says who may connect"},
        {"3D000", RB_E_UNREACHABLE, "check the database's name in the URL"},
        {"40", RB_E_CONFLICT, "another transaction was in the way: try again"},
        {"42501", RB_E_UNREACHABLE, "grant the role what it needs"},
        {"42", RB_E_UNSUPPORTED, NULL},
        {"0A", RB_E_UNSUPPORTED, NULL},
        {"53100", RB_E_IO, "make room on the server"},
        {"53200", RB_E_LIMIT, "where it speaks of locks, raise max_locks_per_transaction"},
        {"53300", RB_E_UNREACHABLE, "all connections of the server are taken: try again later"},
        {"54", RB_E_LIMIT, NULL},
        {"55P03", RB_E_UNREACHABLE,
         "another session holds a lock on it, as a migration does: try again when it is done"},
        {"57014", RB_E_UNREACHABLE, "somebody, or a time-out, cancelled the statement: try again"},
        {"57P", RB_E_UNREACHABLE, "the server was stopped, or is starting: try again"},
        {"58", RB_E_IO, NULL},
        {"XX", RB_E_INCOMPLETE, "the server found damage: see its log"},
};

static const struct meaning *meaning_of(const char *state)
{
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if (*state && strncmp(state, meanings[i].state, strlen(meanings[i].state)) == 0)
			return &meanings[i];
	return NULL;
}

bool rb_pg_state_is(const struct rb_pg_conn *conn, const char *state)
{
	return conn->state[0] && strncmp(conn->state, state, strlen(state)) == 0;
}

static void set_state(struct rb_pg_conn *conn, const char *state)
{
	snprintf(conn->state, sizeof(conn->state), "%s", state ? state : "");
}

/* Whether this is an SQLSTATE with the colon behind it. */
static bool is_state(const char *text)
{
	static const char all[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

	return strspn(text, all) == RB_PG_STATE_SIZE - 1 && text[RB_PG_STATE_SIZE - 1] == ':';
}

/*
 * Take the SQLSTATE out of a connection's own message, where the verbose form has it:
 * "... FATAL:  28P01: password authentication failed ...".
 *
 * why  one line, without what is told about the server's source
 */
static void take_message(struct rb_pg_conn *conn, char *why, size_t size)
{
	const char *text = PQerrorMessage(conn->pg);
	const char *location = strstr(text, "\nLOCATION: ");
	size_t len = location ? (size_t)(location - text) : strlen(text);
	const char *state = NULL;
	size_t out = 0;
	char byte;

	for (const char *p = strstr(text, ":  "); p && !state; p = strstr(p + 1, ":  "))
		if (is_state(p + 3))
			state = p + 3;
	if (state && state < text + len) {
		char taken[RB_PG_STATE_SIZE] = {0};

		memcpy(taken, state, RB_PG_STATE_SIZE - 1);
		set_state(conn, taken);
	} else {
		state = NULL;
	}
	while (len > 0 && text[len - 1] == '\n')
		len--;
	for (size_t i = 0; i < len && out + 2 < size; i++) {
		/* "28P01: " goes, and the second blank before it. */
		if (state && text + i == state - 1)
			i += RB_PG_STATE_SIZE + 1;
		byte = text[i] == '\n' || text[i] == '\t' ? ' ' : text[i];
		if (byte != ' ' || out == 0 || why[out - 1] != ' ')
			why[out++] = byte;
	}
	why[out] = '\0';
}

/* The failure's text and SQLSTATE. */
static void describe(struct rb_pg_conn *conn, const PGresult *result, char *why, size_t size)
{
	const char *primary = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;

	set_state(conn, NULL);
	if (!primary) {
		take_message(conn, why, size);
		return;
	}
	set_state(conn, PQresultErrorField(result, PG_DIAG_SQLSTATE));
	snprintf(why, size, "%s", primary);
}

int rb_pg_fail(struct rb_pg_conn *conn, const PGresult *result, struct rb_err *err, const char *fmt,
               ...)
{
	const struct meaning *meaning;
	char why[RB_ERR_MSG_SIZE];
	char what[RB_ERR_MSG_SIZE];
	enum rb_status status;
	va_list ap;

	describe(conn, result, why, sizeof(why));
	/* A signal ends what runs; what the server says about that is our own doing. */
	if (!conn->cleans_up && rb_cancel_signal() != 0)
		return rb_cancel_check(err);

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	meaning = meaning_of(conn->state);
	status = meaning ? meaning->status : RB_E_IO;
	if (PQstatus(conn->pg) == CONNECTION_BAD && status != RB_E_AUTH)
		status = PQconnectionNeedsPassword(conn->pg) ? RB_E_AUTH : RB_E_UNREACHABLE;
	rb_err_set(err, status, "%.500s: %s", what, why);
	if (meaning && meaning->hint)
		rb_err_hint(err, "%s", meaning->hint);
	else if (status == RB_E_AUTH)
		rb_err_hint(err, "%s", meaning_of("28P01")->hint);
	else if (status == RB_E_UNREACHABLE)
		rb_err_hint(err, "is the server up, and are host and port right?");
	return (int)status;
}
