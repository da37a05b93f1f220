/*
 * The keys of the configuration: one table, and a function for each value.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "rowback/base/suggest.h"
#include "rowback/base/time.h"
#include "rowback/config/config.h"
#include "rowback/config/secret.h"
#include "config_priv.h"

/* Durations that are turned into milliseconds stay far from overflow. */
#define SECONDS_MAX ((int64_t)100 * 365 * 86400)

int rb_config_bad_value(const struct rb_config_entry *entry, const char *want, struct rb_err *err)
{
	rb_err_set(err, RB_E_USAGE, "'%s' is '%.200s' in '%s', but must be %s", entry->key,
	           entry->value ? entry->value : "(no value)", entry->config->file, want);
	return rb_err_hint(err, "write it like this: %s", entry->example);
}

int rb_config_replace(char **member, const char *value, struct rb_err *err)
{
	char *copy = strdup(value);

	if (!copy)
		return rb_err_set(err, RB_E_NOMEM, "no memory for the configuration");
	rb_secret_free(*member);
	*member = copy;
	return RB_OK;
}

int rb_config_get_seconds(const struct rb_config_entry *entry, int64_t *out, struct rb_err *err)
{
	int64_t seconds = 0;

	if (!entry->value || rb_time_parse_duration(entry->value, &seconds, NULL) < 0 ||
	    seconds > SECONDS_MAX)
		return rb_config_bad_value(entry, "a duration", err);
	*out = seconds;
	return RB_OK;
}

static int set_branch(const struct rb_config_entry *entry, struct rb_err *err)
{
	if (!entry->value || rb_config_check_branch("branch", entry->value, NULL) < 0)
		return rb_config_bad_value(entry, "the name of a branch", err);
	return rb_config_replace(&entry->config->branch, entry->value, err);
}

static int set_remote(const struct rb_config_entry *entry, struct rb_err *err)
{
	if (!entry->value || rb_config_check_branch("remote", entry->value, NULL) < 0)
		return rb_config_bad_value(
		        entry, "the name of a remote (its URL is remote.<name>.url)", err);
	return rb_config_replace(&entry->config->remote, entry->value, err);
}

static int set_max_age(const struct rb_config_entry *entry, struct rb_err *err)
{
	return rb_config_get_seconds(entry, &entry->config->max_age_s, err);
}

static int set_timeout(const struct rb_config_entry *entry, int64_t *out_ms, struct rb_err *err)
{
	int64_t seconds = 0;
	int rc = rb_config_get_seconds(entry, &seconds, err);

	if (rc == RB_OK)
		*out_ms = seconds * 1000;
	return rc;
}

static int set_push_timeout(const struct rb_config_entry *entry, struct rb_err *err)
{
	return set_timeout(entry, &entry->config->push_timeout_ms, err);
}

static int set_busy_timeout(const struct rb_config_entry *entry, struct rb_err *err)
{
	return set_timeout(entry, &entry->config->busy_timeout_ms, err);
}

/* As git reads a boolean: a variable without "=" is true, an empty value false. */
int rb_config_get_bool(const struct rb_config_entry *entry, bool *out, struct rb_err *err)
{
	static const char *const yes[] = {"true", "yes", "on", "1", NULL};
	static const char *const no[] = {"false", "no", "off", "0", "", NULL};
	const char *value = entry->value ? entry->value : "true";

	for (size_t i = 0; yes[i]; i++) {
		if (strcasecmp(value, yes[i]) == 0) {
			*out = true;
			return RB_OK;
		}
	}
	for (size_t i = 0; no[i]; i++) {
		if (strcasecmp(value, no[i]) == 0) {
			*out = false;
			return RB_OK;
		}
	}
	return rb_config_bad_value(entry, "true or false", err);
}

static int set_allow_public(const struct rb_config_entry *entry, struct rb_err *err)
{
	return rb_config_get_bool(entry, &entry->config->allow_public, err);
}

/* A small number of threads or connections. */
static int get_small(const struct rb_config_entry *entry, unsigned int min, unsigned int max,
                     const char *want, unsigned int *out, struct rb_err *err)
{
	const char *digits = entry->value ? entry->value : "";
	size_t len = strspn(digits, "0123456789");
	unsigned long number = ULONG_MAX;

	if (len > 0 && len <= 4 && !digits[len])
		number = strtoul(digits, NULL, 10);
	if (number < min || number > max)
		return rb_config_bad_value(entry, want, err);
	*out = (unsigned int)number;
	return RB_OK;
}

static int set_workers(const struct rb_config_entry *entry, struct rb_err *err)
{
	return get_small(entry, 0, RB_CONFIG_WORKERS_MAX, "a number from 0 to 64",
	                 &entry->config->workers, err);
}

static int set_jobs(const struct rb_config_entry *entry, struct rb_err *err)
{
	return get_small(entry, 1, RB_CONFIG_JOBS_MAX, "a number from 1 to 8", &entry->config->jobs,
	                 err);
}

/* repo/remote.h asks git for this one itself; here it is only checked. */
static int set_public_url(const struct rb_config_entry *entry, struct rb_err *err)
{
	if (!entry->value ||
	    (strncmp(entry->value, "https://", 8) != 0 && strncmp(entry->value, "http://", 7) != 0))
		return rb_config_bad_value(entry, "an http or https URL", err);
	return RB_OK;
}

static int set_url(const struct rb_config_entry *entry, struct rb_err *err)
{
	struct rb_config_entry shown = *entry;

	if (entry->value && strchr(entry->value, ':'))
		return rb_config_replace(&entry->source->url, entry->value, err);
	shown.value = entry->value && entry->value[0] ? "***" : "(no value)";
	return rb_config_bad_value(&shown, "a URL", err);
}

static int set_url_file(const struct rb_config_entry *entry, struct rb_err *err)
{
	/* A relative path would depend on where the next run happens to start. */
	if (!entry->value || (entry->value[0] != '/' && strncmp(entry->value, "~/", 2) != 0))
		return rb_config_bad_value(entry, "a path from '/' or '~/' on", err);
	return rb_config_replace(&entry->source->url_file, entry->value, err);
}

static int set_url_command(const struct rb_config_entry *entry, struct rb_err *err)
{
	if (!entry->value || !entry->value[0])
		return rb_config_bad_value(entry, "a command for /bin/sh", err);
	return rb_config_replace(&entry->source->url_command, entry->value, err);
}

static int set_include(const struct rb_config_entry *entry, struct rb_err *err)
{
	return rb_config_add_patterns(entry, &entry->source->include, err);
}

static int set_exclude(const struct rb_config_entry *entry, struct rb_err *err)
{
	return rb_config_add_patterns(entry, &entry->source->exclude, err);
}

static int set_exclude_schemas(const struct rb_config_entry *entry, struct rb_err *err)
{
	return rb_config_add_patterns(entry, &entry->source->exclude_schemas, err);
}

static int set_exclude_columns(const struct rb_config_entry *entry, struct rb_err *err)
{
	return rb_config_add_patterns(entry, &entry->source->exclude_columns, err);
}

static int set_digests(const struct rb_config_entry *entry, struct rb_err *err)
{
	static const char *const names[] = {"auto", "always", "never"};
	static const enum rb_digests_use uses[] = {RB_DIGESTS_AUTO, RB_DIGESTS_ALWAYS,
	                                           RB_DIGESTS_NEVER};

	for (size_t i = 0; entry->value && i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(entry->value, names[i]) == 0) {
			entry->source->digests = uses[i];
			return RB_OK;
		}
	}
	return rb_config_bad_value(entry, "auto, always or never", err);
}

/* Passing over this one in silence would commit what somebody asked to keep out. */
static int refuse_redact(const struct rb_config_entry *entry, struct rb_err *err)
{
	rb_err_set(err, RB_E_UNSUPPORTED, "'%s' in '%s' is not built yet", entry->key,
	           entry->config->file);
	rb_err_hint(err, "leave the column out with 'excludeColumns' instead");
	return RB_E_UNSUPPORTED;
}

static const struct rb_config_rule store_keys[] = {
        {{"rowback.branch", "NAME", "main", "The branch of the store that backups go to."},
         "branch",
         "branch = main",
         set_branch},
        {{"rowback.remote", "NAME", "origin", "The git remote that backups are pushed to."},
         "remote",
         "remote = origin",
         set_remote},
        {{"rowback.maxAge", "DURATION", "26h", "The age at which the latest backup is stale."},
         "maxAge",
         "maxAge = 26h",
         set_max_age},
        {{"rowback.allowPublic", "BOOLEAN", "false", "Push although anybody can read the remote."},
         "allowPublic",
         "allowPublic = false",
         set_allow_public},
        {{"rowback.pushTimeout", "DURATION", "1h", "How long a push or fetch may take."},
         "pushTimeout",
         "pushTimeout = 1h",
         set_push_timeout},
        {{"rowback.busyTimeout", "DURATION", "5s",
          "How long to wait for a database that another program has locked."},
         "busyTimeout",
         "busyTimeout = 5s",
         set_busy_timeout},
        {{"rowback.workers", "N", "0",
          "Threads that compress, 64 at most; 0 chooses by the number of processors."},
         "workers",
         "workers = 2",
         set_workers},
        {{"rowback.jobs", "N", "1",
          "Connections that read one PostgreSQL database at a time, 8 at most."},
         "jobs",
         "jobs = 4",
         set_jobs},
        {{"rowback.<host>.publicUrl", "URL", NULL,
          "Where the repositories of an ssh host can be read by https, to find out whether "
          "they are public."},
         "<host>.publicUrl",
         "publicUrl = https://git.example.com",
         set_public_url},
};

static const struct rb_config_rule source_keys[] = {
        {{"source.<name>.url", "URL", NULL,
          "The database: sqlite:/path/to/file.db, postgres://user@host/dbname, "
          "postgres:service=NAME."},
         "url",
         "url = sqlite:/path/to/file.db",
         set_url},
        {{"source.<name>.urlFile", "FILE", NULL,
          "A file that holds the URL, instead of url, when it has a password."},
         "urlFile",
         "urlFile = /etc/rowback/app.url",
         set_url_file},
        {{"source.<name>.urlCommand", "COMMAND", NULL,
          "A command for /bin/sh that prints the URL, instead of url."},
         "urlCommand",
         "urlCommand = pass show app/url",
         set_url_command},
        {{"source.<name>.include", "PATTERN[,PATTERN]...", NULL,
          "Tables to back up, by name or pattern (*, ?, [a-z]); without it, all are. May be given "
          "several times. 'auth.*' and the like also ask for a schema of Supabase's."},
         "include",
         "include = public.*, auth.users",
         set_include},
        {{"source.<name>.exclude", "PATTERN[,PATTERN]...", NULL,
          "Tables to leave out, by name or pattern; '!PATTERN' takes them in again. May be given "
          "several times."},
         "exclude",
         "exclude = logs, cache_*",
         set_exclude},
        {{"source.<name>.excludeSchemas", "PATTERN[,PATTERN]...", NULL,
          "Schemas of PostgreSQL to leave out with all that is in them, definitions too."},
         "excludeSchemas",
         "excludeSchemas = scratch, tmp_*",
         set_exclude_schemas},
        {{"source.<name>.excludeColumns", "TABLE.COLUMN[,TABLE.COLUMN]...", NULL,
          "Columns whose values are left out, by names or patterns."},
         "excludeColumns",
         "excludeColumns = users.password_hash, *.secret",
         set_exclude_columns},
        {{"source.<name>.digests", "auto|always|never", "auto",
          "Whether a PostgreSQL server tells by digests which rows changed, so that only those "
          "are read; auto: when it is on another machine."},
         "digests",
         "digests = auto",
         set_digests},
};

#define STORE_KEY_COUNT (sizeof(store_keys) / sizeof(store_keys[0]))
#define SOURCE_KEY_COUNT (sizeof(source_keys) / sizeof(source_keys[0]))

const struct rb_config_key *rb_config_key_at(size_t n)
{
	if (n < STORE_KEY_COUNT)
		return &store_keys[n].shown;
	n -= STORE_KEY_COUNT;
	if (n < SOURCE_KEY_COUNT)
		return &source_keys[n].shown;
	n -= SOURCE_KEY_COUNT;
	return n < rb_config_deploy_rule_count ? &rb_config_deploy_rules[n].shown : NULL;
}

int rb_config_unknown_key(const struct rb_config_entry *entry, const char *variable,
                          const char *const *known, struct rb_err *err)
{
	const char *nearest = rb_suggest(variable, known);
	struct rb_buf list = RB_BUF(1024);
	int rc = RB_OK;

	rb_err_set(err, RB_E_USAGE, "unknown key '%.200s' in '%s'", entry->key,
	           entry->config->file);
	if (nearest)
		return rb_err_hint(err, "did you mean '%.*s%s'?", (int)(variable - entry->key),
		                   entry->key, nearest);
	for (size_t i = 0; rc == RB_OK && known[i]; i++)
		rc = rb_buf_addf(&list, NULL, "%s%s", i > 0 ? ", " : "", known[i]);
	rb_err_hint(err, "the known ones are %s", rb_buf_str(&list));
	rb_buf_release(&list);
	return RB_E_USAGE;
}

static int unknown_key(const struct rb_config_entry *entry, const char *variable,
                       const struct rb_config_rule *table, size_t count, struct rb_err *err)
{
	const char *known[STORE_KEY_COUNT + SOURCE_KEY_COUNT + 1];

	for (size_t i = 0; i < count; i++)
		known[i] = table[i].variable;
	known[count] = NULL;
	return rb_config_unknown_key(entry, variable, known, err);
}

static int apply(struct rb_config_entry *entry, const char *variable,
                 const struct rb_config_rule *table, size_t count, struct rb_err *err)
{
	for (size_t i = 0; i < count; i++) {
		if (strcasecmp(variable, table[i].variable) == 0) {
			entry->example = table[i].example;
			return table[i].set(entry, err);
		}
	}
	return unknown_key(entry, variable, table, count, err);
}

int rb_config_apply_store(struct rb_config_entry *entry, struct rb_err *err)
{
	const char *variable = entry->key + sizeof("rowback.") - 1;
	const char *last = strrchr(variable, '.');

	/* [rowback "<host>"] publicUrl, where the host may have dots of its own. */
	if (last && last > variable && strcasecmp(last + 1, "publicUrl") == 0)
		variable = "<host>.publicUrl";
	return apply(entry, variable, store_keys, STORE_KEY_COUNT, err);
}

int rb_config_apply_source(struct rb_config_entry *entry, struct rb_err *err)
{
	const char *variable = strrchr(entry->key, '.') + 1;

	if (strcmp(variable, "redact") == 0)
		return refuse_redact(entry, err);
	return apply(entry, variable, source_keys, SOURCE_KEY_COUNT, err);
}
