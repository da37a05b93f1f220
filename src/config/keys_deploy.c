/*
 * The keys of what surrounds a deploy: [app], [gate], [rollback], [retention], [store].
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config_priv.h"

#define COUNT_MAX 1000000

/* The kinds as sections name them, in the order of enum rb_kind. */
static const char *const kind_names[RB_KIND_COUNT] = {"full", "quick", "safety"};

static int set_app_path(const struct rb_config_entry *entry, struct rb_err *err)
{
	/* A relative path would depend on where the next run happens to start. */
	if (!entry->value || (entry->value[0] != '/' && strncmp(entry->value, "~/", 2) != 0))
		return rb_config_bad_value(entry, "a path from '/' or '~/' on", err);
	return rb_config_replace(&entry->config->app.path, entry->value, err);
}

static int set_app_branch(const struct rb_config_entry *entry, struct rb_err *err)
{
	if (!entry->value || rb_config_check_branch("branch", entry->value, NULL) < 0)
		return rb_config_bad_value(entry, "the name of a branch", err);
	return rb_config_replace(&entry->config->app.branch, entry->value, err);
}

static int set_app_remote(const struct rb_config_entry *entry, struct rb_err *err)
{
	if (!entry->value || rb_config_check_branch("remote", entry->value, NULL) < 0)
		return rb_config_bad_value(entry, "the name of a remote of the app repository",
		                           err);
	return rb_config_replace(&entry->config->app.remote, entry->value, err);
}

static int set_require(const struct rb_config_entry *entry, struct rb_err *err)
{
	const char *value = entry->value ? entry->value : "";

	if (strcmp(value, "full") == 0)
		entry->config->gate.require = RB_REQUIRE_FULL;
	else if (strcmp(value, "quick") == 0)
		entry->config->gate.require = RB_REQUIRE_QUICK;
	else
		return rb_config_bad_value(entry, "full or quick", err);
	return RB_OK;
}

static int set_gate_age(const struct rb_config_entry *entry, struct rb_err *err)
{
	return rb_config_get_seconds(entry, &entry->config->gate.max_age_s, err);
}

static int set_gate_backup(const struct rb_config_entry *entry, struct rb_err *err)
{
	return rb_config_get_bool(entry, &entry->config->gate.backup, err);
}

int rb_config_parse_limit(const char *text, struct rb_row_limit *out)
{
	struct rb_row_limit limit = {.is_set = true};
	char *end = NULL;

	/* Digits in front: neither signs nor "inf" nor hexadecimal. */
	if (!text || strspn(text, "0123456789.") != strcspn(text, "%") || text[0] == '.')
		return RB_E_USAGE;
	errno = 0;
	limit.value = strtod(text, &end);
	limit.is_percent = *end == '%';
	if (end == text || errno != 0 || end[limit.is_percent] != '\0' ||
	    (limit.is_percent ? limit.value > 100
	                      : strchr(text, '.') != NULL || limit.value > 0x1p53))
		return RB_E_USAGE;
	*out = limit;
	return RB_OK;
}

static int set_limit(const struct rb_config_entry *entry, struct rb_row_limit *out,
                     struct rb_err *err)
{
	if (rb_config_parse_limit(entry->value, out) < 0)
		return rb_config_bad_value(entry, "a number of rows, or a share like 5%", err);
	return RB_OK;
}

static int set_max_removed(const struct rb_config_entry *entry, struct rb_err *err)
{
	return set_limit(entry, &entry->config->gate.max_removed, err);
}

static int set_max_removed_total(const struct rb_config_entry *entry, struct rb_err *err)
{
	return set_limit(entry, &entry->config->gate.max_removed_total, err);
}

static int set_run(const struct rb_config_entry *entry, struct rb_err *err)
{
	if (!entry->value || !entry->value[0])
		return rb_config_bad_value(entry, "a command for /bin/sh", err);
	return rb_config_replace(&entry->config->rollback_run, entry->value, err);
}

static int get_count(const struct rb_config_entry *entry, int64_t *out, struct rb_err *err)
{
	const char *digits = entry->value ? entry->value : "";
	size_t len = strspn(digits, "0123456789");

	if (len == 0 || len > 7 || digits[len] || strtol(digits, NULL, 10) > COUNT_MAX)
		return rb_config_bad_value(entry, "a number from 0 to 1000000", err);
	*out = strtol(digits, NULL, 10);
	return RB_OK;
}

/* The rules that an entry is about: "retention.keeplast", "retention.quick.keeplast". */
static int rules_of(const struct rb_config_entry *entry, struct rb_keep_rules **out,
                    struct rb_err *err)
{
	const char *from = entry->key + sizeof("retention.") - 1;
	const char *dot = strrchr(from, '.');

	*out = &entry->config->retention.any;
	if (!dot)
		return RB_OK;
	for (size_t i = 0; i < RB_KIND_COUNT; i++) {
		if (strlen(kind_names[i]) == (size_t)(dot - from) &&
		    strncmp(kind_names[i], from, (size_t)(dot - from)) == 0) {
			*out = &entry->config->retention.by_kind[i];
			return RB_OK;
		}
	}
	rb_err_set(err, RB_E_USAGE, "'%.200s' in '%s' names no kind of backup", entry->key,
	           entry->config->file);
	return rb_err_hint(err, "the kinds are full, quick and safety: [retention \"quick\"]");
}

static int set_keep(const struct rb_config_entry *entry, struct rb_err *err)
{
	static const struct {
		const char *variable;
		size_t offset;
	} members[] = {
	        {"keepLast", offsetof(struct rb_keep_rules, last)},
	        {"keepHourly", offsetof(struct rb_keep_rules, hourly)},
	        {"keepDaily", offsetof(struct rb_keep_rules, daily)},
	        {"keepWeekly", offsetof(struct rb_keep_rules, weekly)},
	        {"keepMonthly", offsetof(struct rb_keep_rules, monthly)},
	        {"keepYearly", offsetof(struct rb_keep_rules, yearly)},
	};
	const char *variable = strrchr(entry->key, '.') + 1;
	struct rb_keep_rules *rules = NULL;
	int rc = rules_of(entry, &rules, err);

	for (size_t i = 0; rc == RB_OK && i < sizeof(members) / sizeof(members[0]); i++) {
		if (strcasecmp(variable, members[i].variable) == 0)
			return get_count(entry, (int64_t *)((char *)rules + members[i].offset),
			                 err);
	}
	return rc;
}

static int set_keep_within(const struct rb_config_entry *entry, struct rb_err *err)
{
	struct rb_keep_rules *rules = NULL;
	int rc = rules_of(entry, &rules, err);

	return rc < 0 ? rc : rb_config_get_seconds(entry, &rules->within_s, err);
}

static int set_keep_min(const struct rb_config_entry *entry, struct rb_err *err)
{
	return get_count(entry, &entry->config->retention.keep_min, err);
}

static int set_trash(const struct rb_config_entry *entry, struct rb_err *err)
{
	return rb_config_get_seconds(entry, &entry->config->retention.trash_s, err);
}

/* "500MB", "2 GB", "500000000"; by thousands, as disks and hosts count. */
static int set_warn_size(const struct rb_config_entry *entry, struct rb_err *err)
{
	static const struct {
		const char *unit;
		uint64_t factor;
	} units[] = {{"", 1},
	             {"B", 1},
	             {"kB", 1000},
	             {"MB", 1000000},
	             {"GB", 1000000000},
	             {"TB", 1000000000000},
	             {"KiB", 1ULL << 10},
	             {"MiB", 1ULL << 20},
	             {"GiB", 1ULL << 30}};
	const char *digits = entry->value ? entry->value : "";
	size_t len = strspn(digits, "0123456789");
	const char *unit = digits + len + strspn(digits + len, " ");

	uint64_t number = len > 0 && len <= 18 ? strtoull(digits, NULL, 10) : UINT64_MAX;

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcasecmp(unit, units[i].unit) == 0 && number <= INT64_MAX / units[i].factor) {
			entry->config->warn_size = number * units[i].factor;
			return RB_OK;
		}
	}
	return rb_config_bad_value(entry, "a size", err);
}

/* The names in `shown` say which section a rule belongs to. */
const struct rb_config_rule rb_config_deploy_rules[] = {
        {{"app.path", "DIR", NULL, "The repository of the application that is deployed."},
         "path",
         "path = /srv/app/code",
         set_app_path},
        {{"app.branch", "NAME", "master", "The branch of it that is deployed."},
         "branch",
         "branch = master",
         set_app_branch},
        {{"app.remote", "NAME", NULL,
          "The remote that a rollback pushes it to; else the branch's own, or origin."},
         "remote",
         "remote = origin",
         set_app_remote},
        {{"gate.require", "KIND", "full",
          "The backup that a deploy needs: full, or quick (the code commit only)."},
         "require",
         "require = full",
         set_require},
        {{"gate.maxAge", "DURATION", NULL,
          "How old that backup may be; rowback.maxAge when it is not set."},
         "maxAge",
         "maxAge = 1h",
         set_gate_age},
        {{"gate.backup", "BOOLEAN", "false", "Take a backup when it is missing."},
         "backup",
         "backup = true",
         set_gate_backup},
        {{"gate.maxRemovedRows", "N|PERCENT", NULL,
          "How many of a table's rows a deploy may remove."},
         "maxRemovedRows",
         "maxRemovedRows = 5%",
         set_max_removed},
        {{"gate.maxRemovedRowsTotal", "N|PERCENT", NULL,
          "How many of all rows a deploy may remove."},
         "maxRemovedRowsTotal",
         "maxRemovedRowsTotal = 1%",
         set_max_removed_total},
        {{"rollback.run", "COMMAND", NULL,
          "A command for /bin/sh that redeploys the application after a rollback."},
         "run",
         "run = systemctl restart app",
         set_run},
        {{"retention.keepLast", "N", NULL,
          "Keep the newest N; this and the following also by kind: retention.quick.keepLast."},
         "keepLast",
         "keepLast = 10",
         set_keep},
        {{"retention.keepHourly", "N", NULL, "Keep the newest of each of the last N hours."},
         "keepHourly",
         "keepHourly = 24",
         set_keep},
        {{"retention.keepDaily", "N", NULL, "Keep the newest of each of the last N days."},
         "keepDaily",
         "keepDaily = 7",
         set_keep},
        {{"retention.keepWeekly", "N", NULL, "Keep the newest of each of the last N weeks."},
         "keepWeekly",
         "keepWeekly = 5",
         set_keep},
        {{"retention.keepMonthly", "N", NULL, "Keep the newest of each of the last N months."},
         "keepMonthly",
         "keepMonthly = 12",
         set_keep},
        {{"retention.keepYearly", "N", NULL, "Keep the newest of each of the last N years."},
         "keepYearly",
         "keepYearly = 10",
         set_keep},
        {{"retention.keepWithin", "DURATION", NULL, "Keep all that are not older than this."},
         "keepWithin",
         "keepWithin = 30d",
         set_keep_within},
        {{"retention.keepMin", "N", "3",
          "Full backups that the remote has and that no rule takes away."},
         "keepMin",
         "keepMin = 3",
         set_keep_min},
        {{"retention.trash", "DURATION", "14d", "How long a prune can be taken back."},
         "trash",
         "trash = 14d",
         set_trash},
        {{"store.warnSize", "SIZE", "500MB", "The size of the store from which on it warns."},
         "warnSize",
         "warnSize = 500MB",
         set_warn_size},
};

const size_t rb_config_deploy_rule_count =
        sizeof(rb_config_deploy_rules) / sizeof(rb_config_deploy_rules[0]);

/* Whether a rule is of the section that an entry is in. */
static bool same_section(const struct rb_config_rule *rule, const char *name)
{
	size_t len = strcspn(rule->shown.name, ".") + 1;

	return strncmp(rule->shown.name, name, len) == 0;
}

/* Whether an entry has a subsection where its section has none: [app "web"]. */
static bool is_misplaced(const char *key)
{
	return strchr(key, '.') != strrchr(key, '.') && strncmp(key, "retention.", 10) != 0;
}

bool rb_config_is_deploy(const char *name)
{
	for (size_t i = 0; i < rb_config_deploy_rule_count; i++) {
		if (same_section(&rb_config_deploy_rules[i], name))
			return true;
	}
	return false;
}

int rb_config_apply_deploy(struct rb_config_entry *entry, struct rb_err *err)
{
	const char *known[sizeof(rb_config_deploy_rules) / sizeof(rb_config_deploy_rules[0]) + 1];
	const char *variable = strrchr(entry->key, '.') + 1;
	size_t count = 0;

	if (is_misplaced(entry->key))
		variable = strchr(entry->key, '.') + 1;
	for (size_t i = 0; i < rb_config_deploy_rule_count; i++) {
		const struct rb_config_rule *rule = &rb_config_deploy_rules[i];

		if (!same_section(rule, entry->key))
			continue;
		known[count++] = rule->variable;
		if (strcasecmp(variable, rule->variable) != 0)
			continue;
		entry->example = rule->example;
		return rule->set(entry, err);
	}
	known[count] = NULL;
	return rb_config_unknown_key(entry, variable, known, err);
}
