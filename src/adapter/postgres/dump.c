/*
 * See schema_priv.h: running pg_dump.
 *
 * It is PostgreSQL's own and well-kept reading of a schema, and it reads under the snapshot of
 * our transaction.  It connects by itself, to the host that we are connected to; the password
 * goes by its environment, which only the same user can read.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowback/base/proc.h"
#include "schema_priv.h"

/* Where Debian and those like it keep versions side by side. */
#define VERSIONS_DIR "/usr/lib/postgresql"

/* A program that does not even say its version. */
#define VERSION_TIMEOUT_MS 20000
#define VERSION_MAX 4096
#define STDERR_MAX 4096
#define MAJOR_MAX 1000

/* pg_dump's own limit of its arguments is the system's: one is 128 KiB at most. */
#define ARGUMENT_MAX ((size_t)128 << 10)

/* Arguments of a program; zero it to begin. */
struct arguments {
	char **list;
	size_t count;
};

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory to run pg_dump");
}

static void release_arguments(struct arguments *arguments)
{
	for (size_t i = 0; i < arguments->count; i++)
		free(arguments->list[i]);
	free(arguments->list);
}

/* Append a copy; the list ends with NULL. */
static int add_argument(struct arguments *arguments, const char *text, struct rb_err *err)
{
	char **grown = realloc(arguments->list, (arguments->count + 2) * sizeof(*arguments->list));

	if (!grown)
		return no_memory(err);
	arguments->list = grown;
	grown[arguments->count] = strdup(text);
	if (!grown[arguments->count])
		return no_memory(err);
	grown[++arguments->count] = NULL;
	return RB_OK;
}

/* "pg_dump (PostgreSQL) 15.8 (Debian 15.8-1)": 15.  0: something else. */
static int parse_version(const char *text)
{
	static const char mark[] = "(PostgreSQL) ";
	const char *at = strstr(text, mark);
	long major = at ? strtol(at + sizeof(mark) - 1, NULL, 10) : 0;

	return major > 0 && major < MAJOR_MAX ? (int)major : 0;
}

/* The version of a program; 0 when it is not there or is no pg_dump. */
static int ask_version(const char *program, int *out, struct rb_err *err)
{
	const char *argv[] = {program, "--version", NULL};
	const struct rb_proc_opts opts = {.argv = argv,
	                                  .timeout_ms = VERSION_TIMEOUT_MS,
	                                  .stdout_max = VERSION_MAX,
	                                  .stderr_max = STDERR_MAX};
	struct rb_proc_result result = {0};
	int rc = rb_proc_run(&opts, &result, err);

	*out = 0;
	if (rc == RB_OK && result.exit_code == 0)
		*out = parse_version(rb_buf_str(&result.out));
	rb_proc_result_release(&result);
	return rc == RB_E_CANCELLED || rc == RB_E_NOMEM ? rc : RB_OK;
}

/* The newest version below a directory; 0 when there is none. */
static int newest_below(const char *root)
{
	DIR *dir = opendir(root);
	const struct dirent *entry;
	int newest = 0;

	while (dir && (entry = readdir(dir)) != NULL) {
		char *end = NULL;
		long major = strtol(entry->d_name, &end, 10);

		if (*end == '\0' && major > newest && major < MAJOR_MAX)
			newest = (int)major;
	}
	if (dir)
		closedir(dir);
	return newest;
}

static int refuse(int found, int major, struct rb_err *err)
{
	if (found > 0)
		rb_err_set(err, RB_E_UNSUPPORTED,
		           "pg_dump here is of version %d, older than the server (%d), and cannot "
		           "read its schema",
		           found, major);
	else
		rb_err_set(err, RB_E_UNSUPPORTED,
		           "the program pg_dump, which reads schemas, is not there");
	return rb_err_hint(err, "install PostgreSQL's client programs: postgresql-client-%d",
	                   major);
}

int rb_pg_dump_find(const char *root, int major, char **out, struct rb_err *err)
{
	char path[1024];
	int in_path = 0;
	int below = 0;
	int rc = ask_version("pg_dump", &in_path, err);

	if (rc == RB_OK && in_path < major) {
		snprintf(path, sizeof(path), "%s/%d/bin/pg_dump", root, newest_below(root));
		rc = ask_version(path, &below, err);
	}
	if (rc < 0)
		return rc;
	if (in_path < major && below < major)
		return refuse(in_path > below ? in_path : below, major, err);
	*out = strdup(in_path >= major ? "pg_dump" : path);
	return *out ? RB_OK : no_memory(err);
}

int rb_pg_add_option(struct rb_buf *out, const char *keyword, const char *value, struct rb_err *err)
{
	int rc;

	if (!value || !*value)
		return RB_OK;
	rc = rb_buf_addf(out, err, "%s%s='", out->len > 0 ? " " : "", keyword);
	for (; rc == RB_OK && *value; value++) {
		if (*value == '\'' || *value == '\\')
			rc = rb_buf_adds(out, "\\", err);
		if (rc == RB_OK)
			rc = rb_buf_add(out, value, 1, err);
	}
	return rc < 0 ? rc : rb_buf_adds(out, "'", err);
}

/* Options that are secret, that are said otherwise, or that a second reader must not have. */
static bool is_passed_on(const PQconninfoOption *option)
{
	static const char *const own[] = {"service",
	                                  "host",
	                                  "hostaddr",
	                                  "port",
	                                  "user",
	                                  "dbname",
	                                  "replication",
	                                  "options",
	                                  "client_encoding",
	                                  "application_name",
	                                  "fallback_application_name"};

	/* source: libpq-fe.h, struct _PQconninfoOption: "*" is a password */
	if (!option->val || !*option->val || strchr(option->dispchar, '*'))
		return false;
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (strcmp(option->keyword, own[i]) == 0)
			return false;
	return true;
}

/* Settings of the user's, and one of ours; poolers refuse settings they do not know. */
static int add_session(const PQconninfoOption *options, const struct rb_pg_conn *conn,
                       struct rb_buf *out, struct rb_err *err)
{
	const char *given = rb_pg_option(options, "options");
	struct rb_buf text = RB_BUF(ARGUMENT_MAX);
	int rc = rb_buf_addf(&text, err, "%s%s", given ? given : "",
	                     conn->quotes_all ? " -c quote_all_identifiers=off" : "");

	if (rc == RB_OK && text.len > 0)
		rc = rb_pg_add_option(out, "options", rb_buf_str(&text), err);
	rb_buf_release(&text);
	return rc;
}

int rb_pg_dump_conninfo(const PQconninfoOption *options, const struct rb_pg_conn *conn,
                        struct rb_buf *out, struct rb_err *err)
{
	/* A URL may name several hosts: it must be the one that has our snapshot. */
	int rc = rb_pg_add_option(out, "host", PQhost(conn->pg), err);

	if (rc == RB_OK && rb_pg_option(options, "hostaddr"))
		rc = rb_pg_add_option(out, "hostaddr", PQhostaddr(conn->pg), err);
	if (rc == RB_OK)
		rc = rb_pg_add_option(out, "port", PQport(conn->pg), err);
	if (rc == RB_OK)
		rc = rb_pg_add_option(out, "user", PQuser(conn->pg), err);
	if (rc == RB_OK)
		rc = rb_pg_add_option(out, "dbname", PQdb(conn->pg), err);
	if (rc == RB_OK)
		rc = add_session(options, conn, out, err);
	for (; rc == RB_OK && options->keyword; options++)
		if (is_passed_on(options))
			rc = rb_pg_add_option(out, options->keyword, options->val, err);
	return rc < 0 ? rc : rb_pg_add_option(out, "application_name", "rowback", err);
}

static int add_connection(struct arguments *arguments, const struct rb_pg_conn *conn,
                          struct rb_err *err)
{
	struct rb_buf text = RB_BUF(ARGUMENT_MAX);
	PQconninfoOption *options = PQconninfo(conn->pg);
	int rc = options ? RB_OK : no_memory(err);

	if (rc == RB_OK)
		rc = rb_pg_dump_conninfo(options, conn, &text, err);
	if (rc == RB_OK)
		rc = add_argument(arguments, "--dbname", err);
	if (rc == RB_OK)
		rc = add_argument(arguments, rb_buf_str(&text), err);
	PQconninfoFree(options);
	rb_buf_release(&text);
	return rc;
}

/* A pattern in quotes stands for that name and nothing else. */
static int add_patterns(struct arguments *arguments, const char *option, const char *const *names,
                        int (*add)(struct rb_buf *, const char *, struct rb_err *),
                        struct rb_err *err)
{
	struct rb_buf text = RB_BUF(ARGUMENT_MAX);
	int rc = RB_OK;

	for (; rc == RB_OK && names && *names; names++) {
		rb_buf_clear(&text);
		rc = rb_buf_adds(&text, option, err);
		if (rc == RB_OK)
			rc = add(&text, *names, err);
		if (rc == RB_OK)
			rc = add_argument(arguments, rb_buf_str(&text), err);
	}
	rb_buf_release(&text);
	return rc;
}

static int add_settings(struct arguments *arguments, const struct rb_pg_dump_opts *opts,
                        struct rb_err *err)
{
	/* Where on its disks a server keeps tables is no part of the data. */
	static const char *const fixed[] = {"--schema-only", "--no-tablespaces", "--no-password"};
	char text[256];
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < sizeof(fixed) / sizeof(fixed[0]); i++)
		rc = add_argument(arguments, fixed[i], err);
	snprintf(text, sizeof(text), "--encoding=%s", opts->conn->is_raw ? "SQL_ASCII" : "UTF8");
	if (rc == RB_OK)
		rc = add_argument(arguments, text, err);
	snprintf(text, sizeof(text), "--lock-wait-timeout=%lld",
	         (long long)opts->conn->lock_timeout_ms);
	if (rc == RB_OK)
		rc = add_argument(arguments, text, err);
	snprintf(text, sizeof(text), "--snapshot=%.200s", opts->snapshot ? opts->snapshot : "");
	if (rc == RB_OK && opts->snapshot)
		rc = add_argument(arguments, text, err);
	if (rc == RB_OK)
		rc = add_patterns(arguments, "--exclude-schema=", opts->without_schemas,
		                  rb_pg_add_name, err);
	if (rc == RB_OK)
		rc = add_patterns(arguments, "--exclude-table=", opts->without_tables,
		                  rb_pg_add_table, err);
	return rc;
}

/* What pg_dump said when it failed: the line with its error, else the last one. */
static int failed(const struct rb_pg_conn *conn, const struct rb_proc_result *result,
                  struct rb_err *err)
{
	static const char mark[] = "pg_dump: error: ";
	static const char hint_mark[] = "\nHINT:  ";
	const char *text = rb_buf_str(&result->errtxt);
	const char *at = strstr(text, mark);
	const char *from = at ? at + sizeof(mark) - 1 : text;
	const char *hint = strstr(from, hint_mark);

	rb_err_set(err, RB_E_UNREACHABLE, "cannot read the schema of '%s': %.*s", conn->label,
	           (int)strcspn(from, "\n"), *from ? from : "pg_dump failed and said nothing");
	/* The server's own: "You might need to increase max_locks_per_transaction." */
	if (hint) {
		hint += sizeof(hint_mark) - 1;
		return rb_err_hint(err, "the server says: %.*s", (int)strcspn(hint, "\n"), hint);
	}
	return rb_err_hint(err, "a migration that waits for its locks would be a reason: try again "
	                        "when it is done");
}

static int run(const struct rb_pg_conn *conn, const struct arguments *arguments, struct rb_buf *out,
               struct rb_err *err)
{
	const char *password = PQpass(conn->pg);
	struct rb_buf secret = RB_BUF(ARGUMENT_MAX);
	const char *env[] = {"LC_MESSAGES=C", NULL, NULL};
	struct rb_proc_opts opts = {.argv = (const char *const *)arguments->list,
	                            .env_set = env,
	                            .stdout_max = RB_PG_SCHEMA_MAX,
	                            .stderr_max = STDERR_MAX};
	struct rb_proc_result result = {0};
	int rc = rb_buf_addf(&secret, err, "PGPASSWORD=%s", password ? password : "");

	if (password && *password)
		env[1] = rb_buf_str(&secret);
	if (rc == RB_OK)
		rc = rb_proc_run(&opts, &result, err);
	if (rc == RB_OK && result.exit_code != 0)
		rc = failed(conn, &result, err);
	if (rc == RB_OK)
		rc = rb_buf_add(out, rb_buf_str(&result.out), result.out.len, err);
	if (secret.data)
		memset(secret.data, 0, secret.len);
	rb_buf_release(&secret);
	rb_proc_result_release(&result);
	return rc;
}

int rb_pg_dump(const struct rb_pg_dump_opts *opts, struct rb_buf *out, struct rb_err *err)
{
	struct arguments arguments = {0};
	char *program = NULL;
	int rc = rb_pg_dump_find(VERSIONS_DIR, PQserverVersion(opts->conn->pg) / 10000, &program,
	                         err);

	if (rc == RB_OK)
		rc = add_argument(&arguments, program, err);
	if (rc == RB_OK)
		rc = add_settings(&arguments, opts, err);
	if (rc == RB_OK)
		rc = add_connection(&arguments, opts->conn, err);
	if (rc == RB_OK)
		rc = run(opts->conn, &arguments, out, err);
	release_arguments(&arguments);
	free(program);
	return rc;
}
