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

/** Take over a "rowback.*" entry.  returns as rb_config_set() */
int rb_config_apply_store(struct rb_config_entry *entry, struct rb_err *err) RB_MUST_CHECK;

/** Take over a "source.<name>.*" entry, whose source is there.  returns as rb_config_set() */
int rb_config_apply_source(struct rb_config_entry *entry, struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_CONFIG_CONFIG_PRIV_H */
