/*
 * See postgres_priv.h: opening, waiting, statements.
 *
 * Nothing here blocks in libpq: connecting and waiting go by poll(2), so that a signal ends
 * them.  Only the look-up of a host's name cannot be ended so.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "rowback/base/cancel.h"
#include "rowback/base/time.h"
#include "postgres_priv.h"

/* A look at signals, for one that came right before poll(2). */
#define POLL_MS 200

/* How long to connect to one host, unless the user says connect_timeout. */
#define CONNECT_TIMEOUT_S 15

/*
 * How long the server may take to answer to a request to stop.  Of a reader nothing depends on
 * the answer; a COMMIT may be done nevertheless, and has to say so.
 */
#define CANCEL_READ_TIMEOUT_MS 1000
#define CANCEL_WRITE_TIMEOUT_MS 5000

/* The oldest server that is read: 12 has all that catalog.c asks for. */
#define VERSION_MIN 120000

/* Bytes of a URL. */
#define URL_MAX ((size_t)64 << 10)

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory for a connection to PostgreSQL");
}

/* Wait for the socket; 0 when it is ready or it is time to look around. */
static int poll_socket(const struct rb_pg_conn *conn, short events)
{
	struct pollfd pfd = {.fd = PQsocket(conn->pg), .events = events};

	if (pfd.fd < 0)
		return -1;
	return poll(&pfd, 1, POLL_MS) < 0 && errno != EINTR && errno != EAGAIN ? -1 : 0;
}

/* How long connecting may take, over all hosts of the URL. */
static int64_t connect_timeout_ms(const PQconninfoOption *options)
{
	const char *text = rb_pg_option(options, "connect_timeout");
	const char *hosts = rb_pg_option(options, "host");
	int64_t seconds = text ? strtol(text, NULL, 10) : CONNECT_TIMEOUT_S;
	int64_t count = 1;

	/* source: libpq, "connect_timeout": 0 and less wait for ever, one second is two */
	if (seconds <= 0 || seconds > INT_MAX)
		return INT64_MAX;
	for (; hosts && *hosts; hosts++)
		count += *hosts == ',';
	return (seconds < 2 ? 2 : seconds) * 1000 * count;
}

/* Do what PQconnectdb() does, with an eye on signals. */
static int finish_connecting(struct rb_pg_conn *conn, int64_t timeout_ms, struct rb_err *err)
{
	PostgresPollingStatusType step = PGRES_POLLING_WRITING;
	int64_t begun_ms = rb_time_mono_ms();

	while (step != PGRES_POLLING_OK) {
		int rc = conn->cleans_up ? RB_OK : rb_cancel_check(err);

		if (rc < 0)
			return rc;
		if (rb_time_mono_ms() - begun_ms > timeout_ms) {
			rb_err_set(err, RB_E_UNREACHABLE,
			           "cannot connect to '%s': no answer in time", conn->label);
			return rb_err_hint(err, "check host and port; connect_timeout=SECONDS in "
			                        "the URL waits longer");
		}
		if (step == PGRES_POLLING_FAILED)
			return rb_pg_fail(conn, NULL, err, "cannot connect to '%s'", conn->label);
		if (poll_socket(conn, step == PGRES_POLLING_READING ? POLLIN : POLLOUT) < 0)
			return rb_err_sys(err, errno, "cannot wait for '%s'", conn->label);
		step = PQconnectPoll(conn->pg);
	}
	return RB_OK;
}

/* Begin to connect: what the URL says goes before ours, but for the database's name. */
static int start_connecting(struct rb_pg_conn *conn, const struct rb_pg_open_opts *opts,
                            struct rb_err *err)
{
	const char *keywords[] = {"fallback_application_name", "dbname", "dbname", NULL};
	const char *values[] = {"rowback", NULL, opts->dbname, NULL};
	struct rb_buf info = RB_BUF(URL_MAX);
	struct rb_buf label = RB_BUF(URL_MAX);
	PQconninfoOption *options = NULL;
	int64_t timeout_ms;
	int rc = rb_pg_conninfo(opts->url, &info, err);

	if (rc < 0)
		goto out;
	values[1] = rb_buf_str(&info);
	if (!opts->dbname)
		keywords[2] = NULL;
	conn->pg = PQconnectStartParams(keywords, values, 1);
	options = conn->pg ? PQconninfo(conn->pg) : NULL;
	if (!options) {
		rc = no_memory(err);
		goto out;
	}
	rc = rb_pg_label(options, &label, err);
	conn->label = rc == RB_OK ? rb_buf_detach(&label) : NULL;
	if (!conn->label) {
		rc = no_memory(err);
		goto out;
	}
	timeout_ms = connect_timeout_ms(options);
	/* The only way to the SQLSTATE of a refused connection is its text. */
	PQsetErrorVerbosity(conn->pg, PQERRORS_VERBOSE);
	if (PQstatus(conn->pg) == CONNECTION_BAD)
		rc = rb_pg_fail(conn, NULL, err, "cannot connect to '%s'", conn->label);
	else
		rc = finish_connecting(conn, timeout_ms, err);
out:
	PQconninfoFree(options);
	rb_buf_release(&info);
	rb_buf_release(&label);
	return rc;
}

/* Nobody is there to hear what the server says besides. */
static void ignore_notice(void *ctx, const PGresult *result)
{
	(void)ctx;
	(void)result;
}

/* Time-outs that would end a long transaction; later versions have more of them. */
static const char unlimited[] =
        "SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings"
        " WHERE name IN ('statement_timeout', 'idle_in_transaction_session_timeout',"
        " 'idle_session_timeout', 'transaction_timeout')";

int rb_pg_pin(struct rb_pg_conn *conn, struct rb_err *err)
{
	struct rb_buf sql = RB_BUF(RB_PG_SQL_MAX);
	int rc;

	rc = rb_buf_addf(
	        &sql, err,
	        "SET SESSION standard_conforming_strings = on;"
	        "SET SESSION client_encoding = '%s';"
	        "SET SESSION search_path = '';"
	        "SET SESSION \"TimeZone\" = 'UTC';"
	        "SET SESSION \"DateStyle\" = 'ISO, YMD';"
	        "SET SESSION \"IntervalStyle\" = 'postgres';"
	        "SET SESSION extra_float_digits = 3;"
	        "SET SESSION bytea_output = 'hex';"
	        "SET SESSION lc_monetary = 'C';"
	        "SET SESSION lc_numeric = 'C';"
	        "SET SESSION lc_time = 'C';"
	        "SET SESSION xmloption = 'content';"
	        "SET SESSION array_nulls = on;"
	        "SET SESSION quote_all_identifiers = off;"
	        "SET SESSION row_security = off;"
	        "SET SESSION synchronize_seqscans = off;"
	        "SET SESSION lock_timeout = %lld;",
	        conn->is_raw ? "SQL_ASCII" : "UTF8",
	        (long long)(conn->lock_timeout_ms < INT_MAX ? conn->lock_timeout_ms : INT_MAX));
	if (rc == RB_OK)
		rc = rb_buf_adds(&sql, unlimited, err);
	if (rc == RB_OK)
		rc = rb_pg_exec(conn, rb_buf_str(&sql), err);
	rb_buf_release(&sql);
	return rc;
}

static int begin_session(struct rb_pg_conn *conn, const struct rb_pg_open_opts *opts,
                         struct rb_err *err)
{
	const char *encoding = PQparameterStatus(conn->pg, "server_encoding");
	int version = PQserverVersion(conn->pg);

	PQsetErrorVerbosity(conn->pg, PQERRORS_DEFAULT);
	PQsetNoticeReceiver(conn->pg, ignore_notice, NULL);
	if (version < VERSION_MIN)
		return rb_err_set(err, RB_E_UNSUPPORTED,
		                  "'%s' is PostgreSQL %d.%d: 12 is the oldest that is read",
		                  conn->label, version / 10000, version / 100 % 100);
	conn->is_utf8 = encoding && strcmp(encoding, "UTF8") == 0;
	conn->is_raw = encoding && strcmp(encoding, "SQL_ASCII") == 0;
	conn->lock_timeout_ms = opts->lock_timeout_ms;
	conn->read_only = opts->read_only;
	conn->schemas = opts->schemas;
	return opts->read_only ? RB_OK : rb_pg_pin(conn, err);
}

int rb_pg_open(struct rb_pg_conn *conn, const struct rb_pg_open_opts *opts, struct rb_err *err)
{
	char state[RB_PG_STATE_SIZE];
	int rc;

	memset(conn, 0, sizeof(*conn));
	conn->cleans_up = opts->cleans_up;
	rc = start_connecting(conn, opts, err);
	if (rc == RB_OK)
		rc = begin_session(conn, opts, err);
	if (rc < 0) {
		memcpy(state, conn->state, sizeof(state));
		rb_pg_close(conn);
		memcpy(conn->state, state, sizeof(state));
	}
	return rc;
}

void rb_pg_forget(struct rb_pg_conn *conn)
{
	const void *key;
	size_t key_len;
	void *value;

	if (conn->borrows) {
		conn->conditions = NULL;
		conn->unlocked = NULL;
		return;
	}
	for (size_t i = 0;
	     conn->conditions && rb_map_at(conn->conditions, i, &key, &key_len, &value); i++)
		free(*(char **)value);
	rb_map_free(conn->conditions);
	conn->conditions = NULL;
	rb_map_free(conn->unlocked);
	conn->unlocked = NULL;
}

void rb_pg_close(struct rb_pg_conn *conn)
{
	rb_pg_forget(conn);
	PQfinish(conn->pg);
	free(conn->label);
	memset(conn, 0, sizeof(*conn));
}

/* Ask the server to end what it is doing. */
static void send_cancel(const struct rb_pg_conn *conn)
{
	PGcancel *cancel = PQgetCancel(conn->pg);
	char why[256];

	/* When this fails, the wait for an answer ends by its time-out. */
	if (cancel)
		PQcancel(cancel, why, (int)sizeof(why));
	PQfreeCancel(cancel);
}

int rb_pg_wait(struct rb_pg_conn *conn, struct rb_err *err)
{
	int64_t timeout_ms = conn->read_only ? CANCEL_READ_TIMEOUT_MS : CANCEL_WRITE_TIMEOUT_MS;
	int64_t asked_ms = -1;

	for (;;) {
		struct pollfd pfd = {.fd = PQsocket(conn->pg), .events = POLLIN};
		int unsent = PQflush(conn->pg);
		int ready;

		if (unsent > 0)
			pfd.events |= POLLOUT;
		if (!conn->cleans_up && rb_cancel_signal() != 0 && asked_ms < 0) {
			asked_ms = rb_time_mono_ms();
			if (!conn->is_stopping)
				send_cancel(conn);
			conn->is_stopping = true;
		}
		if (asked_ms >= 0 && rb_time_mono_ms() - asked_ms > timeout_ms)
			return rb_cancel_check(err);
		ready = pfd.fd < 0 || unsent < 0 ? -1 : poll(&pfd, 1, POLL_MS);
		if (ready < 0 && pfd.fd >= 0 && unsent >= 0 && errno == EINTR)
			continue;
		if (ready < 0)
			return rb_pg_fail(conn, NULL, err, "connection to '%s'", conn->label);
		if ((pfd.revents & ~POLLOUT) == 0)
			continue;
		if (!PQconsumeInput(conn->pg))
			return rb_pg_fail(conn, NULL, err, "connection to '%s'", conn->label);
		return RB_OK;
	}
}

int rb_pg_next(struct rb_pg_conn *conn, PGresult **out, struct rb_err *err)
{
	*out = NULL;
	while (PQisBusy(conn->pg)) {
		int rc = rb_pg_wait(conn, err);

		if (rc < 0)
			return rc;
	}
	*out = PQgetResult(conn->pg);
	return RB_OK;
}

void rb_pg_discard(struct rb_pg_conn *conn)
{
	PGresult *result = NULL;

	if (PQtransactionStatus(conn->pg) != PQTRANS_ACTIVE)
		return;
	/* It was asked before, and did not answer in time: the connection will be closed. */
	if (conn->read_only && conn->is_stopping && rb_cancel_signal() != 0)
		return;
	send_cancel(conn);
	conn->is_stopping = true;
	while (rb_pg_next(conn, &result, NULL) == RB_OK && result) {
		ExecStatusType status = PQresultStatus(result);
		char *line = NULL;
		int len = 0;

		PQclear(result);
		while (status == PGRES_COPY_OUT && len >= 0) {
			len = PQgetCopyData(conn->pg, &line, 1);
			PQfreemem(line);
			line = NULL;
			if (len == 0 && rb_pg_wait(conn, NULL) < 0)
				return;
		}
		if (status == PGRES_COPY_IN)
			PQputCopyEnd(conn->pg, "stopped");
	}
}

int rb_pg_send(struct rb_pg_conn *conn, const char *sql, struct rb_err *err)
{
	int rc = conn->cleans_up ? RB_OK : rb_cancel_check(err);

	if (rc < 0)
		return rc;
	conn->is_stopping = false;
	if (!PQsendQuery(conn->pg, sql))
		return rb_pg_fail(conn, NULL, err, "database '%s'", conn->label);
	return RB_OK;
}

/* Send statements and take the result of the last one, or of the first that fails. */
static int run(struct rb_pg_conn *conn, const char *sql, PGresult **out, struct rb_err *err)
{
	PGresult *last = NULL;
	PGresult *next = NULL;
	int rc = rb_pg_send(conn, sql, err);

	if (rc < 0)
		return rc;
	while ((rc = rb_pg_next(conn, &next, err)) == RB_OK && next) {
		PQclear(last);
		last = next;
	}
	if (rc < 0 || !last) {
		PQclear(last);
		return rc < 0 ? rc : rb_err_set(err, RB_E_IO, "no answer from '%s'", conn->label);
	}
	if (PQresultStatus(last) != PGRES_COMMAND_OK && PQresultStatus(last) != PGRES_TUPLES_OK &&
	    PQresultStatus(last) != PGRES_EMPTY_QUERY) {
		rc = rb_pg_fail(conn, last, err, "database '%s'", conn->label);
		PQclear(last);
		return rc;
	}
	*out = last;
	return RB_OK;
}

int rb_pg_exec(struct rb_pg_conn *conn, const char *sql, struct rb_err *err)
{
	PGresult *result = NULL;
	int rc = run(conn, sql, &result, err);

	PQclear(result);
	return rc;
}

int rb_pg_query(struct rb_pg_conn *conn, const char *sql, PGresult **out, struct rb_err *err)
{
	return run(conn, sql, out, err);
}

int rb_pg_get_text(struct rb_pg_conn *conn, const char *sql, char **out, struct rb_err *err)
{
	PGresult *result = NULL;
	int rc = run(conn, sql, &result, err);

	if (rc < 0)
		return rc;
	if (PQntuples(result) < 1 || PQgetisnull(result, 0, 0))
		rc = rb_err_set(err, RB_E_NOTFOUND, "database '%s': no row from %.200s",
		                conn->label, sql);
	else
		rc = rb_pg_copy_field(result, 0, 0, out, err);
	PQclear(result);
	return rc;
}

const char *rb_pg_field(const PGresult *result, int row, int column)
{
	return PQgetisnull(result, row, column) ? NULL : PQgetvalue(result, row, column);
}

bool rb_pg_flag(const PGresult *result, int row, int column)
{
	return PQgetvalue(result, row, column)[0] == 't';
}

int64_t rb_pg_int(const PGresult *result, int row, int column)
{
	return strtoll(PQgetvalue(result, row, column), NULL, 10);
}

int rb_pg_copy_field(const PGresult *result, int row, int column, char **out, struct rb_err *err)
{
	const char *text = rb_pg_field(result, row, column);

	*out = text ? strdup(text) : NULL;
	return text && !*out ? rb_err_set(err, RB_E_NOMEM, "no memory for an answer") : RB_OK;
}
