/*
 * See sqlite_priv.h: opening, settings, errors.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rowback/base/cancel.h"
#include "rowback/base/time.h"
#include "sqlite_priv.h"

/* How long one wait for a lock sleeps: short against a person, long against a syscall. */
#define BUSY_SLEEP_MS 20

/* Steps of SQLite's machine between two looks at rb_cancel_signal(): about a millisecond. */
#define PROGRESS_STEPS 20000

int rb_sqlite_url_path(const char *url, const char **path, struct rb_err *err)
{
	const char *rest = strchr(url, ':');

	rest = rest ? rest + 1 : url;
	if (strncmp(rest, "//", 2) == 0) {
		rest += 2;
		if (*rest != '/') {
			rb_err_set(err, RB_E_USAGE,
			           "'%s' names a host: a SQLite database is a file", url);
			return rb_err_hint(err, "write sqlite:/srv/app/app.db");
		}
	}
	if (!*rest) {
		rb_err_set(err, RB_E_USAGE, "'%s' names no file", url);
		return rb_err_hint(err, "write sqlite:/srv/app/app.db");
	}
	*path = rest;
	return RB_OK;
}

/* The kind of failure behind a result of SQLite. */
static enum rb_status status_of(int code)
{
	switch (code & 0xff) {
	case SQLITE_NOMEM:
		return RB_E_NOMEM;
	case SQLITE_CORRUPT:
		return RB_E_INCOMPLETE;
	case SQLITE_IOERR:
		/* A page that cannot be read is as lost as one that is damaged. */
		if (code == SQLITE_IOERR_READ || code == SQLITE_IOERR_SHORT_READ ||
		    code == SQLITE_IOERR_CORRUPTFS || code == SQLITE_IOERR_DATA)
			return RB_E_INCOMPLETE;
		return code == SQLITE_IOERR_NOMEM ? RB_E_NOMEM : RB_E_IO;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_NOTADB:
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
	case SQLITE_AUTH:
	case SQLITE_READONLY:
	case SQLITE_PROTOCOL:
		return RB_E_UNREACHABLE;
	case SQLITE_TOOBIG:
		return RB_E_LIMIT;
	case SQLITE_CONSTRAINT:
		return RB_E_CONFLICT;
	default:
		return RB_E_IO;
	}
}

static void hint_for(const struct rb_sqlite_conn *conn, int code, struct rb_err *err)
{
	switch (code & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		rb_err_hint(err, "another program holds a lock on it: try again when it is done");
		break;
	case SQLITE_NOTADB:
		rb_err_hint(err, "the file is another format, encrypted or damaged");
		break;
	case SQLITE_CORRUPT:
		rb_err_hint(err, "see what can be saved with: sqlite3 FILE .recover");
		break;
	case SQLITE_CANTOPEN:
		if (access(conn->path, F_OK) < 0) {
			rb_err_hint(err, "check that the directory is there and may be written");
			break;
		}
		/* fall through */
	case SQLITE_READONLY:
		rb_err_hint(err, "a database in WAL mode, or one that was not closed cleanly, "
		                 "needs write permission for its file and directory: grant it, or "
		                 "copy the database together with its -wal or -journal file");
		break;
	case SQLITE_FULL:
		rb_err_hint(err,
		            "make room where '%s' is; sorting needs some for temporary files, "
		            "too: set TMPDIR to a directory that has it",
		            conn->path);
		break;
	default:
		break;
	}
}

int rb_sqlite_fail(struct rb_sqlite_conn *conn, int code, struct rb_err *err, const char *fmt, ...)
{
	const char *why = sqlite3_errstr(code);
	char what[RB_ERR_MSG_SIZE];
	enum rb_status status;
	va_list ap;

	/* A signal ends what runs, and the wait for a lock. */
	if (rb_cancel_signal() != 0 &&
	    ((code & 0xff) == SQLITE_INTERRUPT || (code & 0xff) == SQLITE_BUSY))
		return rb_cancel_check(err);

	/* The connection's text says more, when it is about this failure. */
	if (conn->db && sqlite3_extended_errcode(conn->db) == code)
		why = sqlite3_errmsg(conn->db);
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	status = status_of(code);
	rb_err_set(err, status, "%.600s: %s", what, why);
	hint_for(conn, code, err);
	return status;
}

int rb_sqlite_exec(struct rb_sqlite_conn *conn, const char *sql, struct rb_err *err)
{
	int code = sqlite3_exec(conn->db, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? RB_OK
	                         : rb_sqlite_fail(conn, code, err, "database '%s'", conn->path);
}

int rb_sqlite_prepare(struct rb_sqlite_conn *conn, const char *sql, sqlite3_stmt **out,
                      struct rb_err *err)
{
	int code = sqlite3_prepare_v2(conn->db, sql, -1, out, NULL);

	return code == SQLITE_OK ? RB_OK
	                         : rb_sqlite_fail(conn, code, err, "database '%s'", conn->path);
}

int rb_sqlite_step(struct rb_sqlite_conn *conn, sqlite3_stmt *stmt, struct rb_err *err)
{
	int code = sqlite3_step(stmt);

	if (code == SQLITE_ROW)
		return 1;
	if (code == SQLITE_DONE)
		return 0;
	return rb_sqlite_fail(conn, code, err, "database '%s'", conn->path);
}

int rb_sqlite_count_rows(struct rb_sqlite_conn *conn, sqlite3_stmt *stmt, size_t *out,
                         struct rb_err *err)
{
	size_t count = 0;
	int rc;

	while ((rc = rb_sqlite_step(conn, stmt, err)) > 0)
		count++;
	sqlite3_reset(stmt);
	*out = count;
	return rc;
}

int rb_sqlite_copy_text(sqlite3_stmt *stmt, int column, char **out, struct rb_err *err)
{
	const char *text = (const char *)sqlite3_column_text(stmt, column);
	char *copy = NULL;

	if (text) {
		copy = strdup(text);
		if (!copy)
			return rb_err_set(err, RB_E_NOMEM, "no memory to read the schema");
	}
	*out = copy;
	return RB_OK;
}

/* Prepare and step to the first row. */
static int first_row(struct rb_sqlite_conn *conn, const char *sql, sqlite3_stmt **out,
                     struct rb_err *err)
{
	int rc = rb_sqlite_prepare(conn, sql, out, err);

	if (rc < 0)
		return rc;
	rc = rb_sqlite_step(conn, *out, err);
	if (rc == 0)
		rc = rb_err_set(err, RB_E_NOTFOUND, "database '%s': no row from %s", conn->path,
		                sql);
	return rc > 0 ? RB_OK : rc;
}

int rb_sqlite_get_int(struct rb_sqlite_conn *conn, const char *sql, int64_t *out,
                      struct rb_err *err)
{
	sqlite3_stmt *stmt = NULL;
	int rc = first_row(conn, sql, &stmt, err);

	if (rc == RB_OK)
		*out = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return rc;
}

int rb_sqlite_get_text(struct rb_sqlite_conn *conn, const char *sql, char **out, struct rb_err *err)
{
	sqlite3_stmt *stmt = NULL;
	const char *text;
	int rc = first_row(conn, sql, &stmt, err);

	if (rc == RB_OK) {
		text = (const char *)sqlite3_column_text(stmt, 0);
		*out = strdup(text ? text : "");
		if (!*out)
			rc = rb_err_set(err, RB_E_NOMEM, "no memory to read '%s'", conn->path);
	}
	sqlite3_finalize(stmt);
	return rc;
}

int rb_sqlite_read_encoding(struct rb_sqlite_conn *conn, struct rb_err *err)
{
	char *name = NULL;
	int rc = rb_sqlite_get_text(conn, "PRAGMA main.encoding", &name, err);

	if (rc < 0)
		return rc;
	if (strcmp(name, "UTF-16le") == 0)
		conn->encoding = SQLITE_UTF16LE;
	else if (strcmp(name, "UTF-16be") == 0)
		conn->encoding = SQLITE_UTF16BE;
	else
		conn->encoding = SQLITE_UTF8;
	free(name);
	return RB_OK;
}

/* Wait for a lock with small sleeps, so that a signal ends the wait at once. */
static int wait_for_lock(void *ctx, int tries)
{
	struct rb_sqlite_conn *conn = ctx;

	if (tries == 0)
		conn->busy_since_ms = rb_time_mono_ms();
	if (rb_cancel_signal() != 0 ||
	    rb_time_mono_ms() - conn->busy_since_ms >= conn->busy_timeout_ms)
		return 0;
	sqlite3_sleep(BUSY_SLEEP_MS);
	return 1;
}

static int is_cancelled(void *ctx)
{
	(void)ctx;
	return rb_cancel_signal() != 0;
}

static int compare_bytes(void *ctx, int a_len, const void *a, int b_len, const void *b)
{
	int order = memcmp(a, b, (size_t)(a_len < b_len ? a_len : b_len));

	(void)ctx;
	return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

bool rb_sqlite_is_builtin_collation(const char *name)
{
	/* source: sqlite.org/datatype3.html#collation */
	return strcasecmp(name, "BINARY") == 0 || strcasecmp(name, "NOCASE") == 0 ||
	       strcasecmp(name, "RTRIM") == 0;
}

void rb_sqlite_add_collation(void *ctx, sqlite3 *db, int text_form, const char *name)
{
	(void)ctx;
	/* For UTF-16 it asks for NOCASE as well, before it takes its own for UTF-8. */
	if (rb_sqlite_is_builtin_collation(name))
		return;
	sqlite3_create_collation(db, name, text_form, NULL, compare_bytes);
}

/* All settings that SQLite keeps for a connection. */
static int configure(struct rb_sqlite_conn *conn, enum rb_sqlite_mode mode, struct rb_err *err)
{
	/* A NULL pointer ends sqlite3_db_config()'s arguments: the result is not wanted. */
	int *none = NULL;
	bool only_reads = mode == RB_SQLITE_READ || mode == RB_SQLITE_BESIDE;
	sqlite3 *db = conn->db;
	int rc;

	sqlite3_extended_result_codes(db, 1);
	sqlite3_busy_handler(db, wait_for_lock, conn);
	sqlite3_progress_handler(db, PROGRESS_STEPS, is_cancelled, NULL);
	sqlite3_collation_needed(db, NULL, rb_sqlite_add_collation);

	/* A database is outside data: its triggers must not act through us.  Its schema is
	 * trusted all the same: without that SQLite calls a schema malformed in which a
	 * generated column or an index uses JSON, whose functions nobody marked as innocuous
	 * before 3.41.  Functions that reach outside stay shut, they are SQLITE_DIRECTONLY as
	 * ours are. */
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 1, none);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, none);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, none);
	/* "x" that is no column must be an error, not the text 'x' in every row. */
	sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, none);
	if (only_reads)
		sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, none);

	rc = rb_sqlite_add_functions(conn, err);
	if (rc < 0)
		return rc;
	rc = rb_sqlite_exec(conn,
	                    "PRAGMA cell_size_check = ON;"
	                    "PRAGMA mmap_size = 0;"
	                    "PRAGMA temp_store = FILE;"
	                    "PRAGMA cache_size = -2000;",
	                    err);
	if (rc == RB_OK && only_reads)
		rc = rb_sqlite_exec(conn, "PRAGMA query_only = ON;", err);
	return rc;
}

/* What can be said about a path better than SQLite's "unable to open database file". */
static int check_path(const char *path, struct rb_err *err)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		rb_err_sys(err, errno, "cannot open database '%s'", path);
		err->status = RB_E_UNREACHABLE;
		return rb_err_hint(err, "check the path in the source's URL");
	}
	if (!S_ISREG(st.st_mode)) {
		rb_err_set(err, RB_E_UNREACHABLE, "cannot open database '%s': not a file", path);
		return rb_err_hint(err, "check the path in the source's URL");
	}
	if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) < 0) {
		rb_err_sys(err, errno, "cannot read database '%s'", path);
		err->status = RB_E_UNREACHABLE;
		return rb_err_hint(err, "run rowback as a user who may read it");
	}
	return RB_OK;
}

/* Open the file as it is named: "file:x" and ":memory:" are files in this directory. */
static int open_file(struct rb_sqlite_conn *conn, const char *path, enum rb_sqlite_mode mode,
                     struct rb_err *err)
{
	/* Reading, too, may have to roll back a hot journal or to make the -shm file of
	 * a database in WAL mode, so it asks for write access; SQLite falls back to
	 * reading where that is not given. */
	int flags = mode == RB_SQLITE_BESIDE ? SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX
	                                     : SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
	const char *vfs = mode == RB_SQLITE_BESIDE ? RB_SQLITE_VFS_BESIDE
	                  : mode == RB_SQLITE_NEW  ? RB_SQLITE_VFS_NEW
	                                           : NULL;
	struct rb_buf name = RB_BUF(1 << 16);
	int code;
	int rc;

	if (mode == RB_SQLITE_MEMORY)
		rc = rb_buf_adds(&name, ":memory:", err);
	else
		rc = rb_buf_addf(&name, err, "%s%s", path[0] == '/' ? "" : "./", path);
	if (rc < 0)
		goto out;
	if (vfs)
		rb_sqlite_vfs_add();
	code = sqlite3_open_v2(rb_buf_str(&name), &conn->db, flags, vfs);
	if (code != SQLITE_OK)
		rc = rb_sqlite_fail(conn, code, err, "cannot open database '%s'", path);
out:
	rb_buf_release(&name);
	return rc;
}

/*
 * Statistics of memory, which nobody asks for, take a lock for each allocation: a tenth of
 * the cpu of a restore, whose threads all wait for that one.  Where SQLite is in use
 * already it keeps them, and that is no failure.
 *
 * source: sqlite.org/c3ref/c_config_covering_index_scan.html#sqliteconfigmemstatus
 */
static void set_up_library(void)
{
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

/*
 * Settings, and with them the first look into the file: here it shows whether it is a
 * database at all.
 *
 * One definition that SQLite cannot make sense of (a page of sqlite_schema was damaged, or
 * the file is cut short and a table began past its end) makes it refuse every statement.
 * With this setting it goes on with the others, as the .dump of its shell does; to write
 * the schema is forbidden here as before, by DEFENSIVE and query_only.
 *
 * source: SQLite's prepare.c, sqlite3InitOne(), SQLITE_NoSchemaError
 */
static int look(struct rb_sqlite_conn *conn, enum rb_sqlite_mode mode, struct rb_err *err)
{
	int *none = NULL;
	int rc = configure(conn, mode, err);

	if (rc == RB_OK)
		rc = rb_sqlite_read_encoding(conn, err);
	if (rc != RB_E_INCOMPLETE || (mode != RB_SQLITE_READ && mode != RB_SQLITE_BESIDE))
		return rc;
	conn->malformed = strdup(sqlite3_errmsg(conn->db));
	if (!conn->malformed)
		return rb_err_set(err, RB_E_NOMEM, "no memory to open '%s'", conn->path);
	sqlite3_db_config(conn->db, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 1, none);
	rc = configure(conn, mode, err);
	return rc == RB_OK ? rb_sqlite_read_encoding(conn, err) : rc;
}

int rb_sqlite_open(struct rb_sqlite_conn *conn, const char *path, enum rb_sqlite_mode mode,
                   int64_t busy_timeout_ms, struct rb_err *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct rb_err local = {0};
	int rc;

	pthread_once(&once, set_up_library);
	if (!err)
		err = &local;
	memset(conn, 0, sizeof(*conn));
	conn->busy_timeout_ms = busy_timeout_ms;
	conn->encoding = SQLITE_UTF8;
	rb_buf_init(&conn->key, SIZE_MAX / 4);
	rb_buf_init(&conn->text, SIZE_MAX / 4);
	conn->path = strdup(path);
	if (!conn->path)
		return rb_err_set(err, RB_E_NOMEM, "no memory to open '%s'", path);

	rc = mode == RB_SQLITE_MEMORY ? RB_OK : check_path(path, err);
	if (rc == RB_OK)
		rc = open_file(conn, path, mode, err);
	if (rc == RB_OK)
		rc = look(conn, mode, err);
	if (rc == RB_E_INCOMPLETE || rc == RB_E_IO)
		rc = err->status = RB_E_UNREACHABLE;
	if (rc < 0)
		rb_sqlite_close(conn);
	return rc;
}

void rb_sqlite_close(struct rb_sqlite_conn *conn)
{
	/* Nothing is pending on a connection that only read or has committed: the result,
	 * which tells of statements not finalized, says nothing about the data. */
	sqlite3_close_v2(conn->db);
	free(conn->path);
	free(conn->malformed);
	rb_buf_release(&conn->key);
	rb_buf_release(&conn->text);
	memset(conn, 0, sizeof(*conn));
}
