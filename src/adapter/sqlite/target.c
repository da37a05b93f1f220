/*
 * See adapter.h and target_priv.h: the handle of a target and its one transaction.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rowback/base/fs.h"
#include "target_priv.h"

/*
 * Pages kept in memory, in KiB.  Rows come in key order, so more does not help the
 * tables; it helps unique indexes, which are filled in another order, and sorting.
 * source: tests/bench/bench_sqlite_target.c
 */
#define CACHE_KIB "8192"

static struct rb_sqlite_target *target_of(struct rb_target *base)
{
	/* base is the first member, so that this is the struct it was made in. */
	return (struct rb_sqlite_target *)base;
}

/* Stand in for a collation of the application's, and remember that. */
static void add_collation(void *ctx, sqlite3 *db, int text_form, const char *name)
{
	struct rb_sqlite_target *target = ctx;

	if (!rb_sqlite_is_builtin_collation(name) &&
	    rb_sqlite_names_add(&target->collations, name, NULL) == RB_OK)
		rb_sqlite_add_collation(NULL, db, text_form, name);
}

/* Settings of the connection that writing needs besides those of rb_sqlite_open(). */
static int configure(struct rb_sqlite_target *target, struct rb_err *err)
{
	/* As in conn.c: a NULL pointer ends the arguments. */
	int *none = NULL;
	sqlite3 *db = target->conn.db;
	int rc;

	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_FKEY, 0, none);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0, none);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, none);
	sqlite3_collation_needed(db, target, add_collation);
	if (target->dry_run)
		return rb_sqlite_exec(&target->conn, "PRAGMA query_only = ON", err);

	/* A row of the backup was there once: a CHECK that came later must not lose it. */
	rc = rb_sqlite_exec(&target->conn,
	                    "PRAGMA ignore_check_constraints = ON;"
	                    "PRAGMA recursive_triggers = OFF;"
	                    "PRAGMA synchronous = FULL;"
	                    "PRAGMA cache_size = -" CACHE_KIB,
	                    err);
	/* Nobody sees this file before it is whole, and it is synced as one then.  The
	 * journal in memory holds pages as they were before: there are none, but a
	 * statement that fails half-way can be undone.  No threads
	 * of SQLite's own sort indexes: the proof has use for the other processor. */
	if (rc == RB_OK && target->tmp_path)
		rc = rb_sqlite_exec(&target->conn,
		                    "PRAGMA locking_mode = EXCLUSIVE;"
		                    "PRAGMA journal_mode = MEMORY;"
		                    "PRAGMA synchronous = OFF",
		                    err);
	return rc;
}

/* Open the file: the one that is there, a new one beside its place, or one in memory. */
static int open_file(struct rb_sqlite_target *target, const struct rb_target_opts *opts,
                     bool exists, struct rb_err *err)
{
	int64_t wait_ms = opts->open.busy_timeout_ms;
	int rc;

	if (exists)
		return rb_sqlite_open(&target->conn, target->path,
		                      opts->dry_run ? RB_SQLITE_READ : RB_SQLITE_WRITE, wait_ms,
		                      err);
	if (!opts->create) {
		rb_err_set(err, RB_E_UNREACHABLE, "there is no database '%s'", target->path);
		return rb_err_hint(err, "check the path in the URL");
	}
	if (opts->dry_run)
		return rb_sqlite_open(&target->conn, target->path, RB_SQLITE_MEMORY, wait_ms, err);

	rc = rb_sqlite_file_make(target->path, &target->tmp_path, err);
	if (rc < 0)
		return rc;
	target->tmp_exists = true;
	rc = rb_sqlite_open(&target->conn, target->tmp_path, RB_SQLITE_NEW, wait_ms, err);
	if (rc < 0)
		return rc;
	/* Messages name the database as it will be called. */
	free(target->conn.path);
	target->conn.path = strdup(target->path);
	return target->conn.path
	               ? RB_OK
	               : rb_err_set(err, RB_E_NOMEM, "no memory to open '%s'", target->path);
}

/* Look at what is there, and remember which state of it that was. */
static int look(struct rb_sqlite_target *target, struct rb_err *err)
{
	struct rb_sqlite_conn *conn = &target->conn;
	int64_t objects = 0;
	int64_t pages = 0;
	int rc;

	rc = rb_sqlite_get_int(conn, "PRAGMA main.data_version", &target->data_version, err);
	if (rc == RB_OK)
		rc = rb_sqlite_get_int(conn, "SELECT count(*) FROM main.sqlite_schema", &objects,
		                       err);
	if (rc == RB_OK)
		rc = rb_sqlite_get_int(conn, "PRAGMA main.page_count", &pages, err);
	target->is_empty = objects == 0;
	target->is_blank = pages == 0;
	return rc;
}

int rb_sqlite_target_open(const struct rb_target_opts *opts, struct rb_target **out,
                          struct rb_err *err)
{
	struct rb_sqlite_target *target = calloc(1, sizeof(*target));
	const char *path = NULL;
	bool exists = false;
	int rc;

	if (!target)
		return rb_err_set(err, RB_E_NOMEM, "no memory to open '%s'", opts->open.url);
	target->base.adapter = &rb_adapter_sqlite;
	target->dry_run = opts->dry_run;
	rb_buf_init(&target->rows.text, SIZE_MAX / 4);

	rc = rb_sqlite_url_path(opts->open.url, &path, err);
	if (rc == RB_OK)
		rc = rb_sqlite_file_locate(path, &target->path, &exists, err);
	if (rc == RB_OK)
		rc = open_file(target, opts, exists, err);
	if (rc == RB_OK)
		rc = configure(target, err);
	if (rc == RB_OK)
		rc = look(target, err);
	if (rc < 0) {
		rb_sqlite_target_close(&target->base);
		return rc;
	}
	rb_sqlite_source_over(&target->source, &target->conn);
	*out = &target->base;
	return RB_OK;
}

const char *rb_sqlite_setting(const struct rb_catalog *catalog, const char *name)
{
	for (size_t i = 0; i < catalog->setting_count; i++)
		if (strcmp(catalog->settings[i].name, name) == 0)
			return catalog->settings[i].value;
	return NULL;
}

int rb_sqlite_setting_int(const struct rb_catalog *catalog, const char *name, int64_t min,
                          int64_t max, bool *found, int64_t *out, struct rb_err *err)
{
	const char *text = rb_sqlite_setting(catalog, name);
	char *end = NULL;
	long long value;

	*found = text != NULL;
	if (!text)
		return RB_OK;
	errno = 0;
	value = strtoll(text, &end, 10);
	if (!*text || *end || errno != 0 || value < min || value > max)
		return rb_err_set(err, RB_E_FORMAT, "the backup's %s is '%.40s'", name, text);
	*out = value;
	return RB_OK;
}

static void roll_back(struct rb_sqlite_target *target)
{
	/* SQLite may have rolled back by itself (a full disk): then there is nothing to do. */
	if (target->in_transaction && !sqlite3_get_autocommit(target->conn.db))
		sqlite3_exec(target->conn.db, "ROLLBACK", NULL, NULL, NULL);
	target->in_transaction = false;
}

/*
 * After a failed write SQLite does not roll back in the same connection: the journal stays,
 * and whoever opens the database next plays it back.  Be that ourselves.
 */
static void play_back(const char *path, int64_t busy_timeout_ms)
{
	struct rb_sqlite_conn conn = {0};
	struct rb_buf journal = RB_BUF(SIZE_MAX / 4);

	if (rb_buf_addf(&journal, NULL, "%s-journal", path) == RB_OK &&
	    rb_fs_exists(rb_buf_str(&journal)) &&
	    rb_sqlite_open(&conn, path, RB_SQLITE_WRITE, busy_timeout_ms, NULL) == RB_OK)
		rb_sqlite_close(&conn);
	rb_buf_release(&journal);
}

void rb_sqlite_target_close(struct rb_target *base)
{
	struct rb_sqlite_target *target = target_of(base);
	int64_t busy_timeout_ms;
	bool has_written;

	if (!target)
		return;
	has_written = target->stage != RB_SQLITE_OPENED && !target->tmp_path;
	busy_timeout_ms = target->conn.busy_timeout_ms;
	rb_sqlite_rows_release(target);
	rb_sqlite_sequence_release(&target->sequence);
	/* What was never to be seen is not rolled back, it goes with its file. */
	if (!target->tmp_path)
		roll_back(target);
	rb_sqlite_close(&target->conn);
	if (has_written)
		play_back(target->path, busy_timeout_ms);
	if (target->tmp_exists)
		unlink(target->tmp_path);
	rb_sqlite_names_release(&target->written);
	rb_sqlite_names_release(&target->made);
	rb_sqlite_names_release(&target->collations);
	rb_sqlite_names_release(&target->functions);
	rb_sqlite_names_release(&target->hollow);
	rb_map_free(target->broken);
	rb_sqlite_kept_free(target->kept);
	rb_buf_release(&target->rows.text);
	free(target->tmp_path);
	free(target->path);
	free(target);
}

bool rb_sqlite_target_is_empty(struct rb_target *base)
{
	return target_of(base)->is_empty;
}

struct rb_source *rb_sqlite_target_source(struct rb_target *base)
{
	return &target_of(base)->source.base;
}

int rb_sqlite_target_may_write(const struct rb_sqlite_target *target, struct rb_err *err)
{
	if (target->dry_run)
		return rb_err_set(err, RB_E_USAGE, "'%s' is open for a dry run: nothing is written",
		                  target->path);
	if (target->stage != RB_SQLITE_BEGUN)
		return rb_err_set(err, RB_E_USAGE, "no transaction has begun on '%s'",
		                  target->path);
	return RB_OK;
}

static int changed_meanwhile(struct rb_sqlite_target *target, struct rb_err *err)
{
	rb_err_set(err, RB_E_CONFLICT, "database '%s' was changed by another program meanwhile",
	           target->path);
	return rb_err_hint(err, "nothing was written: run the restore again");
}

/* Whether another file was put in the database's place: ours is nobody's then. */
static bool has_moved(struct rb_sqlite_target *target)
{
	int moved = 0;

	sqlite3_file_control(target->conn.db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
	return moved != 0;
}

/*
 * Whether the content is the one that the plan was made from.  data_version changes when
 * another connection commits, so it covers everything since target_open(); the
 * fingerprint covers what was read before, through another connection.
 *
 * source: sqlite.org/pragma.html#pragma_data_version
 */
static int check_unchanged(struct rb_sqlite_target *target, const char *fingerprint,
                           struct rb_err *err)
{
	struct rb_buf now = RB_BUF(SIZE_MAX / 4);
	int64_t version = 0;
	int rc;

	rc = rb_sqlite_get_int(&target->conn, "PRAGMA main.data_version", &version, err);
	if (rc < 0)
		return rc;
	if (version != target->data_version || has_moved(target))
		return changed_meanwhile(target, err);
	if (!fingerprint || !*fingerprint)
		return RB_OK;

	rc = rb_sqlite_fingerprint(&target->conn, &now, err);
	if (rc == RB_OK && now.len > 0 && strcmp(rb_buf_str(&now), fingerprint) != 0)
		rc = changed_meanwhile(target, err);
	rb_buf_release(&now);
	return rc;
}

static int begin_immediate(struct rb_sqlite_target *target, struct rb_err *err)
{
	int rc = rb_sqlite_exec(&target->conn, "BEGIN IMMEDIATE", err);

	if (rc < 0)
		return rb_err_wrap(err, rc, "cannot begin to write");
	target->in_transaction = true;
	return RB_OK;
}

int rb_sqlite_target_begin(struct rb_target *base, const char *fingerprint, struct rb_err *err)
{
	struct rb_sqlite_target *target = target_of(base);
	int rc = RB_OK;

	if (target->dry_run)
		return rb_sqlite_target_may_write(target, err);
	if (target->stage != RB_SQLITE_OPENED)
		return rb_err_set(err, RB_E_USAGE, "'%s' has one transaction only", target->path);

	/* BEGIN would give a blank file its first page: that waits for the catalog, which
	 * says how large a page is to be. */
	if (!target->is_blank)
		rc = begin_immediate(target, err);
	if (rc == RB_OK && !target->tmp_path)
		rc = check_unchanged(target, fingerprint, err);
	if (rc < 0) {
		roll_back(target);
		return rc;
	}
	target->stage = RB_SQLITE_BEGUN;
	return RB_OK;
}

/* PRAGMA page_size, encoding and auto_vacuum, which SQLite takes before the first page. */
static int choose_layout(struct rb_sqlite_target *target, const struct rb_catalog *catalog,
                         struct rb_err *err)
{
	static const char *const encodings[] = {"UTF-8", "UTF-16le", "UTF-16be"};
	const char *encoding = rb_sqlite_setting(catalog, "encoding");
	char sql[64];
	int64_t value;
	bool found;
	int rc;

	rc = rb_sqlite_setting_int(catalog, "page_size", 512, 65536, &found, &value, err);
	if (rc == RB_OK && found) {
		snprintf(sql, sizeof(sql), "PRAGMA main.page_size = %" PRId64, value);
		rc = rb_sqlite_exec(&target->conn, sql, err);
	}
	if (rc == RB_OK)
		rc = rb_sqlite_setting_int(catalog, "auto_vacuum", 0, 2, &found, &value, err);
	if (rc == RB_OK && found) {
		snprintf(sql, sizeof(sql), "PRAGMA main.auto_vacuum = %" PRId64, value);
		rc = rb_sqlite_exec(&target->conn, sql, err);
	}
	if (rc < 0 || !encoding)
		return rc;
	for (size_t i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++) {
		if (strcmp(encoding, encodings[i]) != 0)
			continue;
		snprintf(sql, sizeof(sql), "PRAGMA encoding = '%s'", encodings[i]);
		rc = rb_sqlite_exec(&target->conn, sql, err);
		return rc < 0 ? rc : rb_sqlite_read_encoding(&target->conn, err);
	}
	return rb_err_set(err, RB_E_FORMAT, "the backup names an unknown encoding '%.40s'",
	                  encoding);
}

int rb_sqlite_target_start_blank(struct rb_sqlite_target *target, const struct rb_catalog *catalog,
                                 struct rb_err *err)
{
	struct stat st;
	int rc;

	if (!target->is_blank)
		return RB_OK;
	target->is_blank = false;
	rc = choose_layout(target, catalog, err);
	if (rc == RB_OK)
		rc = begin_immediate(target, err);
	/* Only now it is locked.  Our first page is in memory yet: what the file has is
	 * somebody else's. */
	if (rc == RB_OK && !target->tmp_path && (stat(target->path, &st) < 0 || st.st_size > 0))
		rc = changed_meanwhile(target, err);
	return rc;
}

static int commit_existing(struct rb_sqlite_target *target, struct rb_err *err)
{
	int code;
	int rc;

	if (has_moved(target))
		return changed_meanwhile(target, err);
	/* A blank database for which there was nothing to make. */
	if (!target->in_transaction)
		return RB_OK;
	code = sqlite3_exec(target->conn.db, "COMMIT", NULL, NULL, NULL);
	if (code == SQLITE_OK) {
		target->in_transaction = false;
		return RB_OK;
	}
	rc = rb_sqlite_fail(&target->conn, code, err, "cannot commit to database '%s'",
	                    target->path);
	if ((code & 0xff) == SQLITE_BUSY)
		rb_err_hint(err,
		            "a program was reading it for longer than the time-out, and is not "
		            "cut off: nothing was changed; try again when it is done");
	roll_back(target);
	return rc;
}

static int commit_new(struct rb_sqlite_target *target, struct rb_err *err)
{
	int rc = RB_OK;

	if (target->in_transaction)
		rc = rb_sqlite_exec(&target->conn, "COMMIT", err);
	target->in_transaction = false;
	rb_sqlite_close(&target->conn);
	if (rc == RB_OK)
		rc = rb_sqlite_file_publish(target->tmp_path, target->path, err);
	if (rc == RB_OK)
		target->tmp_exists = false;
	return rc;
}

int rb_sqlite_target_commit(struct rb_target *base, struct rb_err *err)
{
	struct rb_sqlite_target *target = target_of(base);
	int rc = target->stage == RB_SQLITE_EXPOSED ? RB_OK
	                                            : rb_sqlite_target_may_write(target, err);

	if (rc < 0)
		return rc;
	rb_sqlite_rows_release(target);
	target->stage = RB_SQLITE_COMMITTED;
	return target->tmp_path ? commit_new(target, err) : commit_existing(target, err);
}
