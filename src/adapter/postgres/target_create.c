/*
 * See target_priv.h: a database that is not there.
 *
 * CREATE DATABASE is not part of a transaction: what it made is dropped when nothing commits.
 * It is made of template0, the only one that takes another encoding and collation.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "rowback/base/log.h"
#include "target_priv.h"

/* Databases that every server has, to connect to while another one is made. */
static const char *const maintenance[] = {"postgres", "template1"};

/* source: PostgreSQL 13, DROP DATABASE ... WITH (FORCE) */
#define FORCE_VERSION 130000

#define CONNINFO_MAX ((size_t)64 << 10)

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory to make a database");
}

int rb_pg_url_dbname(const char *url, char **out, struct rb_err *err)
{
	struct rb_buf info = RB_BUF(CONNINFO_MAX);
	PQconninfoOption *options = NULL;
	const char *name;
	int rc = rb_pg_conninfo(url, &info, err);

	if (rc == RB_OK) {
		options = PQconninfoParse(rb_buf_str(&info), NULL);
		rc = options ? RB_OK : no_memory(err);
	}
	if (rc == RB_OK) {
		name = rb_pg_option(options, "dbname");
		*out = name ? strdup(name) : NULL;
		if (name && !*out)
			rc = no_memory(err);
		if (!name)
			rc = rb_err_set(err, RB_E_UNREACHABLE,
			                "the URL names no database, and its default is not there");
	}
	PQconninfoFree(options);
	if (info.data)
		memset(info.data, 0, info.len);
	rb_buf_release(&info);
	return rc;
}

/* A name that nobody has: the time does not tell runs apart that begin together. */
static int make_name(char name[40], struct rb_err *err)
{
	uint64_t random;

	if (getentropy(&random, sizeof(random)) < 0)
		return rb_err_sys(err, errno, "no random name for a database");
	snprintf(name, 40, "rowback_drill_%016" PRIx64, random);
	return RB_OK;
}

/* All that the URL says but its database, and another one. */
static int add_scratch(const PQconninfoOption *options, const char *name, struct rb_buf *out,
                       struct rb_err *err)
{
	int rc = rb_buf_adds(out, "postgres:", err);

	for (; rc == RB_OK && options->keyword; options++)
		if (strcmp(options->keyword, "dbname") != 0)
			rc = rb_pg_add_option(out, options->keyword, options->val, err);
	return rc < 0 ? rc : rb_pg_add_option(out, "dbname", name, err);
}

int rb_pg_scratch_url(const char *url, struct rb_buf *out, struct rb_err *err)
{
	struct rb_pg_target target = {.lock_timeout_ms = 0};
	struct rb_buf info = RB_BUF(CONNINFO_MAX);
	PQconninfoOption *options = NULL;
	char name[40];
	int rc = make_name(name, err);

	if (rc == RB_OK)
		rc = rb_pg_conninfo(url, &info, err);
	if (rc == RB_OK) {
		options = PQconninfoParse(rb_buf_str(&info), NULL);
		rc = options ? add_scratch(options, name, out, err) : no_memory(err);
	}
	if (rc == RB_OK) {
		target.url = out->data;
		target.dbname = name;
		rc = rb_pg_can_create(&target, err);
	}
	PQconninfoFree(options);
	if (info.data)
		memset(info.data, 0, info.len);
	rb_buf_release(&info);
	return rc;
}

/* Connect to a database that is there. */
static int open_maintenance(const struct rb_pg_target *target, bool cleans_up,
                            struct rb_pg_conn *conn, struct rb_err *err)
{
	struct rb_pg_open_opts opts = {.url = target->url,
	                               .lock_timeout_ms = target->lock_timeout_ms,
	                               .cleans_up = cleans_up};
	int rc = RB_E_UNREACHABLE;

	for (size_t i = 0; i < sizeof(maintenance) / sizeof(maintenance[0]); i++) {
		opts.dbname = maintenance[i];
		rc = rb_pg_open(conn, &opts, err);
		if (rc == RB_OK || !rb_pg_state_is(conn, "3D000"))
			break;
	}
	return rc;
}

int rb_pg_can_create(struct rb_pg_target *target, struct rb_err *err)
{
	struct rb_pg_conn conn = {0};
	char *may = NULL;
	int rc = open_maintenance(target, false, &conn, err);

	if (rc == RB_OK)
		rc = rb_pg_get_text(&conn,
		                    "SELECT rolcreatedb OR rolsuper FROM pg_catalog.pg_roles"
		                    " WHERE rolname = current_user",
		                    &may, err);
	if (rc == RB_OK && strcmp(may, "t") != 0) {
		rb_err_set(err, RB_E_UNREACHABLE,
		           "there is no database '%.200s', and this role may not make one",
		           target->dbname);
		rb_err_hint(err, "make it first: createdb -T template0 NAME, or: ALTER ROLE ... "
		                 "CREATEDB");
		rc = RB_E_UNREACHABLE;
	}
	free(may);
	rb_pg_close(&conn);
	return rc;
}

static const char *setting_of(const struct rb_catalog *catalog, const char *name)
{
	for (size_t i = 0; i < catalog->setting_count; i++)
		if (strcmp(catalog->settings[i].name, name) == 0)
			return catalog->settings[i].value;
	return NULL;
}

/* What CREATE DATABASE calls the settings of a backup. */
static int add_settings(const struct rb_catalog *catalog, bool with_locale, struct rb_buf *sql,
                        struct rb_err *err)
{
	static const struct {
		const char *setting;
		const char *option;
		bool is_locale;
	} options[] = {
	        {"encoding", "ENCODING", false},    {"collate", "LC_COLLATE", true},
	        {"ctype", "LC_CTYPE", true},        {"locale_provider", "LOCALE_PROVIDER", true},
	        {"icu_locale", "ICU_LOCALE", true}, {"builtin_locale", "BUILTIN_LOCALE", true},
	};
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < sizeof(options) / sizeof(options[0]); i++) {
		const char *value = setting_of(catalog, options[i].setting);

		if (!value || (options[i].is_locale && !with_locale))
			continue;
		rc = rb_buf_addf(sql, err, " %s ", options[i].option);
		if (rc == RB_OK)
			rc = rb_pg_add_literal(sql, value, err);
	}
	return rc;
}

static int run_create(struct rb_pg_target *target, struct rb_pg_conn *conn,
                      const struct rb_catalog *catalog, bool with_locale, struct rb_err *err)
{
	struct rb_buf sql = RB_BUF(RB_PG_SQL_MAX);
	int rc = rb_buf_adds(&sql, "CREATE DATABASE ", err);

	if (rc == RB_OK)
		rc = rb_pg_add_name(&sql, target->dbname, err);
	if (rc == RB_OK)
		rc = rb_buf_adds(&sql, " TEMPLATE template0", err);
	if (rc == RB_OK)
		rc = add_settings(catalog, with_locale, &sql, err);
	if (rc == RB_OK)
		rc = rb_pg_exec(conn, rb_buf_str(&sql), err);
	if (rc < 0 && rb_pg_state_is(conn, "42P04"))
		rc = rb_err_set(err, RB_E_CONFLICT,
		                "a database '%.200s' was made by somebody else meanwhile",
		                target->dbname);
	rb_buf_release(&sql);
	return rc;
}

/* Make it; where its collation is not known here, with the server's own. */
static int create(struct rb_pg_target *target, const struct rb_catalog *catalog,
                  struct rb_catalog *remarks, struct rb_err *err)
{
	struct rb_pg_conn conn = {0};
	struct rb_err why = {0};
	int rc = open_maintenance(target, false, &conn, err);

	if (rc < 0)
		return rc;
	rc = run_create(target, &conn, catalog, true, &why);
	/* 22023, 42809: a locale that this server does not know. */
	if (rc < 0 && (rb_pg_state_is(&conn, "22023") || rb_pg_state_is(&conn, "42809"))) {
		rc = run_create(target, &conn, catalog, false, err);
		if (rc == RB_OK)
			rc = rb_catalog_remark(remarks, target->dbname, false, err,
			                       "it has the server's own collation: %.700s",
			                       why.msg);
	} else if (rc < 0 && err) {
		*err = why;
	}
	target->is_created = rc == RB_OK;
	rb_pg_close(&conn);
	return rc;
}

int rb_pg_create(struct rb_pg_target *target, const struct rb_catalog *catalog,
                 struct rb_catalog *remarks, struct rb_err *err)
{
	const struct rb_pg_open_opts opts = {.url = target->url,
	                                     .lock_timeout_ms = target->lock_timeout_ms,
	                                     .schemas = target->schemas};
	int rc = create(target, catalog, remarks, err);

	if (rc == RB_OK)
		rc = rb_pg_open(&target->conn, &opts, err);
	return rc < 0 ? rc : rb_pg_target_start(target, err);
}

void rb_pg_drop_created(struct rb_pg_target *target)
{
	struct rb_buf sql = RB_BUF(RB_PG_SQL_MAX);
	struct rb_pg_conn conn = {0};
	struct rb_err err = {0};
	int rc;

	if (!target->is_created)
		return;
	rc = open_maintenance(target, true, &conn, &err);
	if (rc == RB_OK)
		rc = rb_buf_adds(&sql, "DROP DATABASE ", &err);
	if (rc == RB_OK)
		rc = rb_pg_add_name(&sql, target->dbname, &err);
	/* Our own session may still be at taking back what it wrote. */
	if (rc == RB_OK && PQserverVersion(conn.pg) >= FORCE_VERSION)
		rc = rb_buf_adds(&sql, " WITH (FORCE)", &err);
	if (rc == RB_OK)
		rc = rb_pg_exec(&conn, rb_buf_str(&sql), &err);
	if (rc < 0)
		rb_log(RB_LOG_WARN, "database '%s' is left behind, %s: %s", target->dbname,
		       target->stage == RB_PG_SEEN ? "with what was restored" : "empty", err.msg);
	target->is_created = false;
	rb_pg_close(&conn);
	rb_buf_release(&sql);
}
