/*
 * The configuration of a store: reading, checking, names by rule.
 *
 * Layer: config (2).  Uses: rowback/base, rowback/repo/repo.h.
 *
 * It is the store's own git configuration, or another file in git's syntax:
 *
 *	[rowback]
 *		maxAge = 26h
 *	[source "app"]
 *		url = sqlite:/srv/app/data/app.db
 *		exclude = logs, cache_*
 *
 * Ours are the sections `rowback`, `source`, `app`, `gate`, `rollback`, `retention` and `store`;
 * others are left alone.  In ours every
 * key must be known and every value usable: a typing error must not quietly turn a rule off.
 * rb_config_key_at() lists the keys; the manual is made from it.
 *
 *	struct rb_config config = {0};
 *	rc = rb_config_load(repo, NULL, &config, err);
 *	...
 *	rb_config_release(&config);
 */
#ifndef ROWBACK_CONFIG_CONFIG_H
#define ROWBACK_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowback/base/buf.h"
#include "rowback/base/err.h"
#include "rowback/repo/repo.h"

/** Bytes in a source name: it is a directory of the store on any system. */
#define RB_CONFIG_SOURCE_NAME_MAX 64

/** Connections that rowback.jobs may ask for. */
#define RB_CONFIG_JOBS_MAX 8

/** Threads that rowback.workers may ask for. */
#define RB_CONFIG_WORKERS_MAX 64

/** Glob patterns, as rb_patterns_match() takes them. */
struct rb_patterns {
	char **list;
	size_t count;
};

/** Whether the server tells which rows changed. */
enum rb_digests_use {
	RB_DIGESTS_AUTO, /**< where it is on another machine */
	RB_DIGESTS_ALWAYS,
	RB_DIGESTS_NEVER,
};

/** One [source "<name>"].  Exactly one of the three URL members is set. */
struct rb_source_config {
	char *name;        /**< by the rule of rb_config_check_source_name() */
	char *url;         /**< may hold a password: print rb_config_redact_url() of it */
	char *url_file;    /**< a file whose first line is the URL; absolute or "~/..." */
	char *url_command; /**< a command for /bin/sh that prints the URL */
	/** See rowback/config/select.h: glob patterns, in the order given. */
	struct rb_patterns include;         /**< tables; none: all that the engine reads */
	struct rb_patterns exclude;         /**< tables whose rows are left out */
	struct rb_patterns exclude_schemas; /**< schemas that are left out with all in them */
	struct rb_patterns exclude_columns; /**< "table.column": values that are left out */
	enum rb_digests_use digests;
};

/** [app]: the repository of the application that is deployed. */
struct rb_app_config {
	char *path;   /**< its directory; absolute or "~/..."; NULL: none is configured */
	char *branch; /**< the branch that is deployed; "master" */
	char *remote; /**< where it is pushed to; NULL: the branch's own, or "origin" */
};

/** How much protection is asked for. */
enum rb_require {
	RB_REQUIRE_QUICK, /**< the code commit is recorded */
	RB_REQUIRE_FULL,  /**< the data is there */
};

/** A limit on rows: a number of them, or a share. */
struct rb_row_limit {
	bool is_set;
	bool is_percent;
	double value; /**< rows, or percent from 0 to 100 */
};

/** [gate]: when a deploy may happen. */
struct rb_gate_config {
	enum rb_require require;               /**< full */
	int64_t max_age_s;                     /**< 0: rowback.maxAge */
	bool backup;                           /**< take one when it is missing; false */
	struct rb_row_limit max_removed;       /**< of one table's rows */
	struct rb_row_limit max_removed_total; /**< of all rows */
};

/** The rules of retention; -1: not set. */
struct rb_keep_rules {
	int64_t last;
	int64_t hourly;
	int64_t daily;
	int64_t weekly;
	int64_t monthly;
	int64_t yearly;
	int64_t within_s;
};

/** The kinds of backups that rules may be about. */
enum rb_kind { RB_KIND_FULL, RB_KIND_QUICK, RB_KIND_SAFETY, RB_KIND_COUNT };

/** [retention]: which backups stay. */
struct rb_retention_config {
	struct rb_keep_rules any;                    /**< [retention]: each kind by itself */
	struct rb_keep_rules by_kind[RB_KIND_COUNT]; /**< [retention "quick"]: before the above */
	int64_t keep_min;                            /**< full ones that always stay; 3 */
	int64_t trash_s; /**< how long the history before a prune is kept; 14 days */
};

/** A configuration; {0} before rb_config_load() or rb_config_init(). */
struct rb_config {
	char *file;              /**< where it was read from, for messages */
	char *branch;            /**< branch of the store; "main" */
	char *remote;            /**< git remote that is pushed to; "origin" */
	int64_t max_age_s;       /**< age at which a backup is stale; 26 h */
	bool allow_public;       /**< push although the remote is public; false */
	int64_t push_timeout_ms; /**< deadline of a push or fetch; 1 h */
	int64_t busy_timeout_ms; /**< wait for another program's database lock; 5 s */
	unsigned int jobs;       /**< connections that read a source; 1 */
	unsigned int workers;    /**< threads that deflate; 0: as many as the machine suits */
	struct rb_app_config app;
	struct rb_gate_config gate;
	char *rollback_run; /**< a command for /bin/sh after a rollback; NULL */
	struct rb_retention_config retention;
	uint64_t warn_size; /**< bytes of the store from which on it warns; 500 MB; 0: never */
	struct rb_source_config *sources; /**< sorted by name */
	size_t source_count;              /**< sources in sources; 0 is allowed here */
};

/** A key that is known, for the manual and for `doctor`. */
struct rb_config_key {
	const char *name;     /**< as in the manual: "rowback.maxAge", "source.<name>.url" */
	const char *form;     /**< what the value looks like: "DURATION" */
	const char *fallback; /**< the value when it is not set, or NULL */
	const char *help;     /**< one sentence */
};

/** The n-th known key in the manual's order; NULL past the end. */
const struct rb_config_key *rb_config_key_at(size_t n);

/**
 * Fill a configuration with the defaults: no sources.
 *
 * file    where entries will come from, for messages; copied
 * returns 0; RB_E_NOMEM, with nothing to release
 */
int rb_config_init(struct rb_config *config, const char *file, struct rb_err *err) RB_MUST_CHECK;

/**
 * Take over one entry.  Entries of other sections are ignored.  A later value replaces an
 * earlier one, except `include` and those that begin with `exclude`, which add up.
 *
 * name    as git lists it: section and variable in lower case, subsection as it is
 * value   NULL for a variable without "=", which means true to git
 * returns 0; RB_E_USAGE for an unknown key (names it, the file and the nearest key) or a
 *         value that is not usable (names both and shows the right form);
 *         RB_E_UNSUPPORTED for source.<name>.redact, which must not be passed over in
 *         silence; RB_E_NOMEM
 */
int rb_config_set(struct rb_config *config, const char *name, const char *value,
                  struct rb_err *err) RB_MUST_CHECK;

/**
 * Sort the sources and check what concerns several keys: each source has one URL.
 *
 * returns 0; RB_E_USAGE with a hint
 */
int rb_config_check(struct rb_config *config, struct rb_err *err) RB_MUST_CHECK;

/**
 * Read and check the configuration of a store.
 *
 * file    a file in git's syntax to read instead of the store's own, or NULL
 * out     filled on success, for rb_config_release(); released on failure
 * returns 0; RB_E_USAGE and RB_E_UNSUPPORTED as rb_config_set(); RB_E_NOTFOUND when `file` is
 *         not there; RB_E_IO; RB_E_NOMEM
 */
int rb_config_load(struct rb_repo *repo, const char *file, struct rb_config *out,
                   struct rb_err *err) RB_MUST_CHECK;

/** Free the members, wiping URLs; the struct is {0} again. */
void rb_config_release(struct rb_config *config);

/**
 * The source of this name.
 *
 * returns 0; RB_E_USAGE, with the names there are, when there is none
 */
int rb_config_source(const struct rb_config *config, const char *name,
                     const struct rb_source_config **out, struct rb_err *err) RB_MUST_CHECK;

/**
 * Find out a source's URL: the value, the file's first line, or what the command prints.
 *
 * out     for rb_secret_free()
 * returns 0; as rb_secret_resolve() (config/secret.h)
 */
int rb_config_source_url(const struct rb_source_config *source, char **out,
                         struct rb_err *err) RB_MUST_CHECK;

/**
 * Read "1000" or "5%".
 *
 * text    NULL is no limit that is right
 * returns 0; RB_E_USAGE, without a message; *out is untouched then
 */
int rb_config_parse_limit(const char *text, struct rb_row_limit *out) RB_MUST_CHECK;

/**
 * Whether a name may be a source's: a-z, 0-9, '_' and '-', beginning with a letter or digit,
 * at most RB_CONFIG_SOURCE_NAME_MAX bytes, and no device name of Windows (con, nul, com1, ...).
 *
 * returns 0; RB_E_USAGE with the rule as the hint
 */
int rb_config_check_source_name(const char *name, struct rb_err *err) RB_MUST_CHECK;

/**
 * Whether a name may be a branch's (and a remote's).
 *
 * what    what it is, for the message: "branch"
 * returns 0; RB_E_USAGE
 * source  git-check-ref-format(1), and no '-' in front, which git would read as an option
 */
int rb_config_check_branch(const char *what, const char *name, struct rb_err *err) RB_MUST_CHECK;

/**
 * Split "[NAME=]URL" as `init --source` takes it.  Without a name one is made from the URL's
 * last component: "sqlite:/srv/App.data.db" gives "app".
 *
 * name, url  for free() and rb_secret_free()
 * returns    0; RB_E_USAGE when the name is not allowed or none can be made; RB_E_NOMEM
 */
int rb_config_split_source(const char *text, char **name, char **url,
                           struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_CONFIG_CONFIG_H */
