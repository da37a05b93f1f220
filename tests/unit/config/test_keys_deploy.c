/*
 * rowback/config/config.h: the keys of what surrounds a deploy.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rowback/config/config.h"

static int set_up(void **state)
{
	static struct rb_config config;

	*state = &config;
	return rb_config_init(&config, "conf", NULL);
}

static int tear_down(void **state)
{
	rb_config_release(*state);
	return 0;
}

static void set(struct rb_config *config, const char *name, const char *value)
{
	struct rb_err err = {0};

	if (rb_config_set(config, name, value, &err) < 0)
		fail_msg("%s: %s", name, err.msg);
}

static void refuse(struct rb_config *config, const char *name, const char *value, const char *msg,
                   const char *hint)
{
	struct rb_err err = {0};

	assert_int_equal(rb_config_set(config, name, value, &err), RB_E_USAGE);
	assert_string_equal(err.msg, msg);
	assert_string_equal(err.hint, hint);
}

static void unset_keys_have_the_defaults(void **state)
{
	const struct rb_config *config = *state;

	assert_null(config->app.path);
	assert_string_equal(config->app.branch, "master");
	assert_null(config->app.remote);
	assert_int_equal(config->gate.require, RB_REQUIRE_FULL);
	assert_int_equal(config->gate.max_age_s, 0);
	assert_false(config->gate.backup);
	assert_false(config->gate.max_removed.is_set);
	assert_null(config->rollback_run);
	assert_int_equal(config->retention.any.last, -1);
	assert_int_equal(config->retention.by_kind[RB_KIND_QUICK].within_s, -1);
	assert_int_equal(config->retention.keep_min, 3);
	assert_int_equal(config->retention.trash_s, 14 * 86400);
	assert_int_equal(config->warn_size, 500000000);
}

static void keys_are_taken_over(void **state)
{
	struct rb_config *config = *state;

	set(config, "app.path", "/srv/app/code");
	set(config, "app.branch", "main");
	set(config, "app.remote", "deploy");
	set(config, "gate.require", "quick");
	set(config, "gate.maxage", "1h");
	set(config, "gate.backup", NULL);
	set(config, "gate.maxremovedrows", "5%");
	set(config, "gate.maxremovedrowstotal", "1000");
	set(config, "rollback.run", "systemctl restart app");
	set(config, "store.warnsize", "2 GB");
	assert_string_equal(config->app.path, "/srv/app/code");
	assert_string_equal(config->app.branch, "main");
	assert_string_equal(config->app.remote, "deploy");
	assert_int_equal(config->gate.require, RB_REQUIRE_QUICK);
	assert_int_equal(config->gate.max_age_s, 3600);
	assert_true(config->gate.backup);
	assert_true(config->gate.max_removed.is_percent);
	assert_true(config->gate.max_removed.value == 5);
	assert_false(config->gate.max_removed_total.is_percent);
	assert_true(config->gate.max_removed_total.value == 1000);
	assert_string_equal(config->rollback_run, "systemctl restart app");
	assert_int_equal(config->warn_size, 2000000000);
}

static void rules_are_kept_by_kind(void **state)
{
	struct rb_config *config = *state;

	set(config, "retention.keeplast", "10");
	set(config, "retention.keepdaily", "7");
	set(config, "retention.quick.keeplast", "3");
	set(config, "retention.full.keepwithin", "30d");
	set(config, "retention.keepmin", "5");
	set(config, "retention.trash", "1d");
	assert_int_equal(config->retention.any.last, 10);
	assert_int_equal(config->retention.any.daily, 7);
	assert_int_equal(config->retention.any.hourly, -1);
	assert_int_equal(config->retention.by_kind[RB_KIND_QUICK].last, 3);
	assert_int_equal(config->retention.by_kind[RB_KIND_FULL].last, -1);
	assert_int_equal(config->retention.by_kind[RB_KIND_FULL].within_s, 30 * 86400);
	assert_int_equal(config->retention.keep_min, 5);
	assert_int_equal(config->retention.trash_s, 86400);
}

static void wrong_values_are_refused(void **state)
{
	struct rb_config *config = *state;

	refuse(config, "app.path", "code",
	       "'app.path' is 'code' in 'conf', but must be a path from '/' or '~/' on",
	       "write it like this: path = /srv/app/code");
	refuse(config, "gate.require", "safety",
	       "'gate.require' is 'safety' in 'conf', but must be full or quick",
	       "write it like this: require = full");
	refuse(config, "store.warnsize", "12 parsecs",
	       "'store.warnsize' is '12 parsecs' in 'conf', but must be a size",
	       "write it like this: warnSize = 500MB");
	refuse(config, "retention.keeplast", "-1",
	       "'retention.keeplast' is '-1' in 'conf', but must be a number from 0 to 1000000",
	       "write it like this: keepLast = 10");
	refuse(config, "retention.daily.keeplast", "1",
	       "'retention.daily.keeplast' in 'conf' names no kind of backup",
	       "the kinds are full, quick and safety: [retention \"quick\"]");
}

static void limits_are_numbers_or_shares(void **state)
{
	static const char *const wrong[] = {"",    "%",   "-5%", "101%", "5 %", "nan",
	                                    "0x5", "1.5", "inf", "5%%",  ".5%", "1e3"};
	struct rb_row_limit limit = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (rb_config_parse_limit(wrong[i], &limit) == RB_OK)
			fail_msg("'%s' was taken", wrong[i]);
	}
	assert_int_equal(rb_config_parse_limit(NULL, &limit), RB_E_USAGE);
	assert_false(limit.is_set);
	assert_int_equal(rb_config_parse_limit("0.5%", &limit), RB_OK);
	assert_true(limit.is_set && limit.is_percent && limit.value == 0.5);
	assert_int_equal(rb_config_parse_limit("0", &limit), RB_OK);
	assert_true(limit.is_set && !limit.is_percent && limit.value == 0);
}

static void unknown_keys_are_refused_with_the_nearest(void **state)
{
	struct rb_config *config = *state;

	refuse(config, "gate.maxagee", "1h", "unknown key 'gate.maxagee' in 'conf'",
	       "did you mean 'gate.maxAge'?");
	refuse(config, "app.web.path", "/x", "unknown key 'app.web.path' in 'conf'",
	       "the known ones are path, branch, remote");
	set(config, "application.path", "not ours");
}

#define WITH_CONFIG(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        WITH_CONFIG(unset_keys_have_the_defaults),
	        WITH_CONFIG(keys_are_taken_over),
	        WITH_CONFIG(rules_are_kept_by_kind),
	        WITH_CONFIG(wrong_values_are_refused),
	        WITH_CONFIG(limits_are_numbers_or_shares),
	        WITH_CONFIG(unknown_keys_are_refused_with_the_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
