/*
 * What the files of config/ share.
 */
#ifndef ROWBACK_CONFIG_CONFIG_PRIV_H
#define ROWBACK_CONFIG_CONFIG_PRIV_H

#include "rowback/base/err.h"
#include "rowback/config/config.h"

/** One entry of the file on its way into the struct. */
struct rb_config_entry {
	const char *key;                 /**< as git lists it: "rowback.maxage" */
	const char *value;               /**< NULL: a variable without "=" */
	struct rb_config *config;        /**< where it goes */
	struct rb_source_config *source; /**< likewise; NULL for rowback.* */
	const char *example;             /**< a line that is right; set when the key is known */
};

/** A key and what takes its value. */
struct rb_config_rule {
	struct rb_config_key shown; /**< for the manual */
	const char *variable;       /**< its name in the section */
	const char *example;        /**< a line of the file, for hints */
	int (*set)(const struct rb_config_entry *entry, struct rb_err *err);
};

/** The keys of the sections around a deploy: app, gate, rollback, retention, store. */
extern const struct rb_config_rule rb_config_deploy_rules[];
extern const size_t rb_config_deploy_rule_count;

/** Take over a "rowback.*" entry.  returns as rb_config_set() */
int rb_config_apply_store(struct rb_config_entry *entry, struct rb_err *err) RB_MUST_CHECK;

/** Take over a "source.<name>.*" entry, whose source is there.  returns as rb_config_set() */
int rb_config_apply_source(struct rb_config_entry *entry, struct rb_err *err) RB_MUST_CHECK;

/** Whether an entry is of a section around a deploy. */
bool rb_config_is_deploy(const char *name);

/** Take over such an entry.  returns as rb_config_set() */
int rb_config_apply_deploy(struct rb_config_entry *entry, struct rb_err *err) RB_MUST_CHECK;

/** Refuse a value: what it must be, and a line that is right. */
int rb_config_bad_value(const struct rb_config_entry *entry, const char *want,
                        struct rb_err *err) RB_MUST_CHECK;

/** Refuse a key: the nearest known one, or all of them. */
int rb_config_unknown_key(const struct rb_config_entry *entry, const char *variable,
                          const char *const *known, struct rb_err *err) RB_MUST_CHECK;

/** Replace a member by a copy. */
int rb_config_replace(char **member, const char *value, struct rb_err *err) RB_MUST_CHECK;

/** The entry's value as a duration in seconds. */
int rb_config_get_seconds(const struct rb_config_entry *entry, int64_t *out,
                          struct rb_err *err) RB_MUST_CHECK;

/** The entry's value as git reads a boolean. */
int rb_config_get_bool(const struct rb_config_entry *entry, bool *out,
                       struct rb_err *err) RB_MUST_CHECK;

/* select.c */

/** The entry's value as patterns, added to those there are. */
int rb_config_add_patterns(const struct rb_config_entry *entry, struct rb_patterns *patterns,
                           struct rb_err *err) RB_MUST_CHECK;

/* redact.c */

/** Whether a parameter of this name holds a secret: "sslpassword", "API_KEY". */
bool rb_config_is_secret_name(const char *name, size_t len);

#endif /* ROWBACK_CONFIG_CONFIG_PRIV_H */
