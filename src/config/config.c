/*
 * See rowback/config/config.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowback/config/config.h"
#include "rowback/config/secret.h"
#include "rowback/config/select.h"
#include "rowback/repo/remote.h"
#include "config_priv.h"

/* How long another program may hold the database before a backup gives up. */
#define BUSY_TIMEOUT_MS ((int64_t)5000)
/* A day, and two hours for a nightly run that is late. */
#define MAX_AGE_S ((int64_t)26 * 3600)
/* Full backups that no rule takes away. */
#define KEEP_MIN 3
/* How long a prune can be taken back. */
#define TRASH_S ((int64_t)14 * 86400)
/* Hosts begin to complain at 1 GB; there is time to do something before. */
#define WARN_SIZE ((uint64_t)500 * 1000 * 1000)
#define NO_RULES                                                                                   \
	{                                                                                          \
		-1, -1, -1, -1, -1, -1, -1                                                         \
	}

int rb_config_init(struct rb_config *config, const char *file, struct rb_err *err)
{
	*config = (struct rb_config){
	        .max_age_s = MAX_AGE_S,
	        .push_timeout_ms = RB_REMOTE_TIMEOUT_MS,
	        .busy_timeout_ms = BUSY_TIMEOUT_MS,
	        .jobs = 1,
	        .gate = {.require = RB_REQUIRE_FULL},
	        .retention = {.any = NO_RULES, .keep_min = KEEP_MIN, .trash_s = TRASH_S},
	        .warn_size = WARN_SIZE,
	};
	for (size_t i = 0; i < RB_KIND_COUNT; i++)
		config->retention.by_kind[i] = (struct rb_keep_rules)NO_RULES;
	config->file = strdup(file);
	config->branch = strdup("main");
	config->remote = strdup("origin");
	config->app.branch = strdup("master");
	if (!config->file || !config->branch || !config->remote || !config->app.branch) {
		rb_config_release(config);
		return rb_err_set(err, RB_E_NOMEM, "no memory for the configuration");
	}
	return RB_OK;
}

static void release_source(struct rb_source_config *source)
{
	rb_patterns_release(&source->include);
	rb_patterns_release(&source->exclude);
	rb_patterns_release(&source->exclude_schemas);
	rb_patterns_release(&source->exclude_columns);
	free(source->name);
	rb_secret_free(source->url);
	free(source->url_file);
	free(source->url_command);
}

void rb_config_release(struct rb_config *config)
{
	for (size_t i = 0; i < config->source_count; i++)
		release_source(&config->sources[i]);
	free(config->sources);
	free(config->file);
	free(config->branch);
	free(config->remote);
	free(config->app.path);
	free(config->app.branch);
	free(config->app.remote);
	free(config->rollback_run);
	*config = (struct rb_config){0};
}

/* The source of this name, made when it is not there. */
static int need_source(struct rb_config *config, const char *name, struct rb_source_config **out,
                       struct rb_err *err)
{
	struct rb_source_config *grown;

	for (size_t i = 0; i < config->source_count; i++) {
		if (strcmp(config->sources[i].name, name) == 0) {
			*out = &config->sources[i];
			return RB_OK;
		}
	}
	grown = realloc(config->sources, (config->source_count + 1) * sizeof(*grown));
	if (!grown)
		return rb_err_set(err, RB_E_NOMEM, "no memory for the configuration");
	config->sources = grown;
	grown[config->source_count] = (struct rb_source_config){.name = strdup(name)};
	if (!grown[config->source_count].name)
		return rb_err_set(err, RB_E_NOMEM, "no memory for the configuration");
	*out = &grown[config->source_count++];
	return RB_OK;
}

static int set_source_entry(struct rb_config_entry *entry, struct rb_err *err)
{
	const char *from = entry->key + sizeof("source.") - 1;
	const char *dot = strrchr(from, '.');
	char *name = NULL;
	int rc;

	if (!dot) {
		rb_err_set(err, RB_E_USAGE, "'%.200s' in '%s' names no source", entry->key,
		           entry->config->file);
		return rb_err_hint(err, "begin the section with a name: [source \"app\"]");
	}
	name = strndup(from, (size_t)(dot - from));
	if (!name)
		return rb_err_set(err, RB_E_NOMEM, "no memory for the configuration");
	rc = rb_config_check_source_name(name, err);
	if (rc < 0) {
		rc = rb_err_wrap(err, rc, "'%.100s'", entry->config->file);
		goto out;
	}
	rc = need_source(entry->config, name, &entry->source, err);
	if (rc == RB_OK)
		rc = rb_config_apply_source(entry, err);

out:
	free(name);
	return rc;
}

int rb_config_set(struct rb_config *config, const char *name, const char *value, struct rb_err *err)
{
	struct rb_config_entry entry = {.key = name, .value = value, .config = config};

	if (strncmp(name, "rowback.", sizeof("rowback.") - 1) == 0)
		return rb_config_apply_store(&entry, err);
	if (strncmp(name, "source.", sizeof("source.") - 1) == 0)
		return set_source_entry(&entry, err);
	return rb_config_is_deploy(name) ? rb_config_apply_deploy(&entry, err) : RB_OK;
}

static int by_name(const void *a, const void *b)
{
	const struct rb_source_config *x = a;
	const struct rb_source_config *y = b;

	return strcmp(x->name, y->name);
}

int rb_config_check(struct rb_config *config, struct rb_err *err)
{
	if (config->source_count > 1)
		qsort(config->sources, config->source_count, sizeof(*config->sources), by_name);

	for (size_t i = 0; i < config->source_count; i++) {
		const struct rb_source_config *source = &config->sources[i];
		int urls = (source->url != NULL) + (source->url_file != NULL) +
		           (source->url_command != NULL);

		if (urls == 0) {
			rb_err_set(err, RB_E_USAGE, "source '%s' in '%s' has no url", source->name,
			           config->file);
			return rb_err_hint(err,
			                   "run: git config source.%s.url sqlite:/path/to/file.db",
			                   source->name);
		}
		if (urls > 1) {
			rb_err_set(err, RB_E_USAGE, "source '%s' in '%s' has several URLs",
			           source->name, config->file);
			return rb_err_hint(err, "keep one of url, urlFile and urlCommand");
		}
	}
	return RB_OK;
}

int rb_config_source(const struct rb_config *config, const char *name,
                     const struct rb_source_config **out, struct rb_err *err)
{
	struct rb_buf names = RB_BUF(RB_ERR_MSG_SIZE);

	for (size_t i = 0; i < config->source_count; i++) {
		if (strcmp(config->sources[i].name, name) == 0) {
			*out = &config->sources[i];
			return RB_OK;
		}
	}
	/* A list too long for the hint is cut, which is no failure. */
	for (size_t i = 0; i < config->source_count; i++) {
		if (rb_buf_addf(&names, NULL, "%s%s", i > 0 ? ", " : "", config->sources[i].name) <
		    0)
			break;
	}
	rb_err_set(err, RB_E_USAGE, "no source '%.100s' in '%s'", name, config->file);
	if (names.len > 0)
		rb_err_hint(err, "the sources are %s", rb_buf_str(&names));
	else
		rb_err_hint(err, "add one: git config source.NAME.url sqlite:/path/to/file.db");
	rb_buf_release(&names);
	return RB_E_USAGE;
}

int rb_config_source_url(const struct rb_source_config *source, char **out, struct rb_err *err)
{
	char what[RB_CONFIG_SOURCE_NAME_MAX + sizeof("source..url")];
	const struct rb_secret_spec spec = {
	        .what = what,
	        .value = source->url,
	        .file = source->url_file,
	        .command = source->url_command,
	};

	snprintf(what, sizeof(what), "source.%s.url", source->name);
	return rb_secret_resolve(&spec, out, err);
}
