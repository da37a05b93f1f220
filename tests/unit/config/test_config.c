/*
 * rowback/config/config.h: keys, their values, and what is said about wrong ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "harness/fault.h"
#include "rowback/config/config.h"
#include "rowback/config/secret.h"

#define FILE_NAME "/store/.git/config"

static int set_up(void **state)
{
	static struct rb_config config;

	*state = &config;
	return rb_config_init(&config, FILE_NAME, NULL);
}

static int tear_down(void **state)
{
	fault_disarm();
	rb_config_release(*state);
	return 0;
}

static void set(struct rb_config *config, const char *name, const char *value)
{
	struct rb_err err = {0};

	if (rb_config_set(config, name, value, &err) < 0)
		fail_msg("%s: %s", name, err.msg);
}

static void unset_keys_have_the_defaults(void **state)
{
	const struct rb_config *config = *state;

	assert_string_equal(config->branch, "main");
	assert_string_equal(config->remote, "origin");
	assert_int_equal(config->max_age_s, 26 * 3600);
	assert_int_equal(config->push_timeout_ms, 3600 * 1000);
	assert_int_equal(config->busy_timeout_ms, 5000);
	assert_int_equal(config->workers, 0);
	assert_false(config->allow_public);
	assert_int_equal(config->source_count, 0);
	assert_string_equal(config->file, FILE_NAME);
}

static void store_keys_are_taken_over(void **state)
{
	struct rb_config *config = *state;

	set(config, "rowback.branch", "backups/app");
	set(config, "rowback.remote", "vault");
	set(config, "rowback.maxage", "1d12h");
	set(config, "rowback.allowpublic", "yes");
	set(config, "rowback.pushtimeout", "10m");
	set(config, "rowback.busytimeout", "30s");
	set(config, "rowback.workers", "3");
	set(config, "rowback.git.example.com.publicurl", "https://git.example.com");
	assert_string_equal(config->branch, "backups/app");
	assert_string_equal(config->remote, "vault");
	assert_int_equal(config->max_age_s, 36 * 3600);
	assert_true(config->allow_public);
	assert_int_equal(config->push_timeout_ms, 600 * 1000);
	assert_int_equal(config->busy_timeout_ms, 30 * 1000);
	assert_int_equal(config->workers, 3);
}

static void booleans_are_read_as_git_reads_them(void **state)
{
	static const struct {
		const char *value;
		bool want;
	} cases[] = {
	        {NULL, true},     {"true", true}, {"YES", true},  {"on", true}, {"1", true},
	        {"false", false}, {"No", false},  {"off", false}, {"0", false}, {"", false},
	};
	struct rb_config *config = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		config->allow_public = !cases[i].want;
		set(config, "rowback.allowpublic", cases[i].value);
		assert_int_equal(config->allow_public, cases[i].want);
	}
}

static void later_values_replace_and_excludes_add_up(void **state)
{
	struct rb_config *config = *state;
	const struct rb_source_config *source = NULL;

	set(config, "rowback.branch", "one");
	set(config, "rowback.branch", "two");
	set(config, "source.app.url", "sqlite:/a.db");
	set(config, "source.app.exclude", "logs, cache_* ,,");
	set(config, "source.app.url", "sqlite:/b.db");
	set(config, "source.app.exclude", "tmp?");
	assert_string_equal(config->branch, "two");
	assert_int_equal(rb_config_source(config, "app", &source, NULL), RB_OK);
	assert_string_equal(source->url, "sqlite:/b.db");
	assert_int_equal(source->exclude.count, 3);
	assert_string_equal(source->exclude.list[0], "logs");
	assert_string_equal(source->exclude.list[1], "cache_*");
	assert_string_equal(source->exclude.list[2], "tmp?");
}

static void other_sections_are_left_alone(void **state)
{
	struct rb_config *config = *state;

	set(config, "core.bare", "false");
	set(config, "remote.origin.url", "git@example.com:x.git");
	set(config, "rowbackx.branch", "y");
	set(config, "sourcecode.app.nonsense", NULL);
	assert_int_equal(config->source_count, 0);
}

struct wrong {
	const char *name;
	const char *value;
	const char *msg;
	const char *hint;
};

static void assert_refused(struct rb_config *config, const struct wrong *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct rb_err err = {0};

		if (rb_config_set(config, cases[i].name, cases[i].value, &err) != RB_E_USAGE)
			fail_msg("'%s' was taken", cases[i].name);
		assert_string_equal(err.msg, cases[i].msg);
		assert_string_equal(err.hint, cases[i].hint);
	}
}

static void unknown_keys_name_the_nearest_one(void **state)
{
	static const struct wrong cases[] = {
	        {"rowback.maxagee", "26h", "unknown key 'rowback.maxagee' in '/store/.git/config'",
	         "did you mean 'rowback.maxAge'?"},
	        {"rowback.alowpublic", "1",
	         "unknown key 'rowback.alowpublic' in '/store/.git/config'",
	         "did you mean 'rowback.allowPublic'?"},
	        {"rowback.publicurl", "x",
	         "unknown key 'rowback.publicurl' in '/store/.git/config'",
	         "the known ones are branch, remote, maxAge, allowPublic, pushTimeout, "
	         "busyTimeout, "
	         "workers, jobs, <host>.publicUrl"},
	        {"rowback.zzzzzz", "x", "unknown key 'rowback.zzzzzz' in '/store/.git/config'",
	         "the known ones are branch, remote, maxAge, allowPublic, pushTimeout, "
	         "busyTimeout, "
	         "workers, jobs, <host>.publicUrl"},
	        {"source.app.exclud", "x",
	         "unknown key 'source.app.exclud' in '/store/.git/config'",
	         "did you mean 'source.app.exclude'?"},
	        {"source.my-app.urlfil", "x",
	         "unknown key 'source.my-app.urlfil' in '/store/.git/config'",
	         "did you mean 'source.my-app.urlFile'?"},
	        {"source.app.remote", "x",
	         "unknown key 'source.app.remote' in '/store/.git/config'",
	         "the known ones are url, urlFile, urlCommand, include, exclude, excludeSchemas, "
	         "excludeColumns, digests"},
	        {"source.url", "sqlite:x", "'source.url' in '/store/.git/config' names no source",
	         "begin the section with a name: [source \"app\"]"},
	};

	assert_refused(*state, cases, sizeof(cases) / sizeof(cases[0]));
}

static void wrong_values_are_named_with_the_right_form(void **state)
{
	static const struct wrong cases[] = {
	        {"rowback.maxage", "soon",
	         "'rowback.maxage' is 'soon' in '/store/.git/config', but must be a duration",
	         "write it like this: maxAge = 26h"},
	        {"rowback.maxage", NULL,
	         "'rowback.maxage' is '(no value)' in '/store/.git/config', but must be a duration",
	         "write it like this: maxAge = 26h"},
	        {"rowback.pushtimeout", "9999y",
	         "'rowback.pushtimeout' is '9999y' in '/store/.git/config', but must be a duration",
	         "write it like this: pushTimeout = 1h"},
	        {"rowback.allowpublic", "maybe",
	         "'rowback.allowpublic' is 'maybe' in '/store/.git/config', but must be true or "
	         "false",
	         "write it like this: allowPublic = false"},
	        {"rowback.workers", "65",
	         "'rowback.workers' is '65' in '/store/.git/config', but must be a number from 0 "
	         "to 64",
	         "write it like this: workers = 2"},
	        {"rowback.workers", "-1",
	         "'rowback.workers' is '-1' in '/store/.git/config', but must be a number from 0 "
	         "to 64",
	         "write it like this: workers = 2"},
	        {"rowback.workers", "4294967297",
	         "'rowback.workers' is '4294967297' in '/store/.git/config', but must be a number "
	         "from 0 to 64",
	         "write it like this: workers = 2"},
	        {"rowback.branch", "a..b",
	         "'rowback.branch' is 'a..b' in '/store/.git/config', but must be the name of a "
	         "branch",
	         "write it like this: branch = main"},
	        {"rowback.remote", "-x",
	         "'rowback.remote' is '-x' in '/store/.git/config', but must be the name of a "
	         "remote "
	         "(its URL is remote.<name>.url)",
	         "write it like this: remote = origin"},
	        {"rowback.git.example.com.publicurl", "ftp://x",
	         "'rowback.git.example.com.publicurl' is 'ftp://x' in '/store/.git/config', but "
	         "must "
	         "be an http or https URL",
	         "write it like this: publicUrl = https://git.example.com"},
	        {"source.app.urlfile", "app.url",
	         "'source.app.urlfile' is 'app.url' in '/store/.git/config', but must be a path "
	         "from "
	         "'/' or '~/' on",
	         "write it like this: urlFile = /etc/rowback/app.url"},
	        {"source.app.urlcommand", "",
	         "'source.app.urlcommand' is '' in '/store/.git/config', but must be a command for "
	         "/bin/sh",
	         "write it like this: urlCommand = pass show app/url"},
	        {"source.app.digests", "sometimes",
	         "'source.app.digests' is 'sometimes' in '/store/.git/config', but must be auto, "
	         "always or never",
	         "write it like this: digests = auto"},
	        {"source.app.exclude", NULL,
	         "'source.app.exclude' is '(no value)' in '/store/.git/config', but must be "
	         "names, or patterns",
	         "write it like this: exclude = logs, cache_*"},
	};

	assert_refused(*state, cases, sizeof(cases) / sizeof(cases[0]));
}

static void a_wrong_url_is_not_printed(void **state)
{
	struct rb_err err = {0};

	assert_int_equal(rb_config_set(*state, "source.app.url", "hunter2", &err), RB_E_USAGE);
	assert_string_equal(err.msg, "'source.app.url' is '***' in '/store/.git/config', but must "
	                             "be a URL");
}

static void redact_is_refused_rather_than_ignored(void **state)
{
	struct rb_err err = {0};

	assert_int_equal(rb_config_set(*state, "source.app.redact", "users.email", &err),
	                 RB_E_UNSUPPORTED);
	assert_string_equal(err.msg,
	                    "'source.app.redact' in '/store/.git/config' is not built yet");
}

static void a_source_name_must_follow_the_rule(void **state)
{
	struct rb_err err = {0};

	assert_int_equal(rb_config_set(*state, "source.My App.url", "sqlite:x", &err), RB_E_USAGE);
	assert_string_equal(err.msg,
	                    "'/store/.git/config': 'My App' cannot be the name of a source");
}

static void sources_are_sorted_by_name(void **state)
{
	struct rb_config *config = *state;

	set(config, "source.zoo.url", "sqlite:/z");
	set(config, "source.app.url", "sqlite:/a");
	set(config, "source.mid.urlfile", "/m");
	assert_int_equal(rb_config_check(config, NULL), RB_OK);
	assert_string_equal(config->sources[0].name, "app");
	assert_string_equal(config->sources[1].name, "mid");
	assert_string_equal(config->sources[2].name, "zoo");
}

static void a_source_needs_exactly_one_url(void **state)
{
	struct rb_config *config = *state;
	struct rb_err err = {0};

	set(config, "source.app.exclude", "x");
	assert_int_equal(rb_config_check(config, &err), RB_E_USAGE);
	assert_string_equal(err.msg, "source 'app' in '/store/.git/config' has no url");
	assert_string_equal(err.hint, "run: git config source.app.url sqlite:/path/to/file.db");

	set(config, "source.app.url", "sqlite:/a");
	assert_int_equal(rb_config_check(config, &err), RB_OK);
	set(config, "source.app.urlcommand", "cat x");
	assert_int_equal(rb_config_check(config, &err), RB_E_USAGE);
	assert_string_equal(err.msg, "source 'app' in '/store/.git/config' has several URLs");
	assert_string_equal(err.hint, "keep one of url, urlFile and urlCommand");
}

static void a_missing_source_is_told_with_those_there_are(void **state)
{
	struct rb_config *config = *state;
	const struct rb_source_config *source = NULL;
	struct rb_err err = {0};

	assert_int_equal(rb_config_source(config, "app", &source, &err), RB_E_USAGE);
	assert_string_equal(err.msg, "no source 'app' in '/store/.git/config'");
	assert_string_equal(err.hint,
	                    "add one: git config source.NAME.url sqlite:/path/to/file.db");

	set(config, "source.shop.url", "sqlite:/s");
	set(config, "source.blog.url", "sqlite:/b");
	assert_int_equal(rb_config_source(config, "app", &source, &err), RB_E_USAGE);
	assert_string_equal(err.hint, "the sources are shop, blog");
	assert_null(source);
}

static void a_source_url_is_the_value_as_it_is(void **state)
{
	struct rb_config *config = *state;
	char *url = NULL;

	set(config, "source.app.url", "postgres://u:pw@h/db");
	assert_int_equal(rb_config_source_url(&config->sources[0], &url, NULL), RB_OK);
	assert_string_equal(url, "postgres://u:pw@h/db");
	rb_secret_free(url);
}

static void every_key_is_listed_with_form_and_help(void **state)
{
	size_t count = 0;

	(void)state;
	for (const struct rb_config_key *key; (key = rb_config_key_at(count)); count++) {
		assert_true(key->name[0] && key->form[0]);
		assert_int_equal(key->help[strlen(key->help) - 1], '.');
	}
	assert_int_equal(count, 36);
}

/* Whichever allocation fails, the status says so and nothing is lost or freed twice. */
static void no_memory_is_reported(void **state)
{
	static const struct {
		const char *name;
		const char *value;
	} entries[] = {{"rowback.branch", "b"},
	               {"source.new.url", "sqlite:/x"},
	               {"source.new.exclude", "a,b"}};
	struct rb_config *config = *state;

	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		unsigned int nth = 0;
		unsigned int reached;
		int rc;

		do {
			fault_arm(FAULT_MALLOC, ++nth, ENOMEM);
			rc = rb_config_set(config, entries[i].name, entries[i].value, NULL);
			reached = fault_disarm();
			assert_int_equal(rc, reached ? RB_E_NOMEM : RB_OK);
		} while (reached);
		assert_true(nth > 1);
	}
}

static void defaults_without_memory_leave_nothing(void **state)
{
	(void)state;
	for (unsigned int nth = 1; nth <= 3; nth++) {
		struct rb_config config = {0};

		fault_arm(FAULT_MALLOC, nth, ENOMEM);
		assert_int_equal(rb_config_init(&config, FILE_NAME, NULL), RB_E_NOMEM);
		assert_int_equal(fault_disarm(), 1);
		assert_null(config.file);
		assert_null(config.branch);
		assert_null(config.remote);
	}
}

#define WITH_CONFIG(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        WITH_CONFIG(unset_keys_have_the_defaults),
	        WITH_CONFIG(store_keys_are_taken_over),
	        WITH_CONFIG(booleans_are_read_as_git_reads_them),
	        WITH_CONFIG(later_values_replace_and_excludes_add_up),
	        WITH_CONFIG(other_sections_are_left_alone),
	        WITH_CONFIG(unknown_keys_name_the_nearest_one),
	        WITH_CONFIG(wrong_values_are_named_with_the_right_form),
	        WITH_CONFIG(a_wrong_url_is_not_printed),
	        WITH_CONFIG(redact_is_refused_rather_than_ignored),
	        WITH_CONFIG(a_source_name_must_follow_the_rule),
	        WITH_CONFIG(sources_are_sorted_by_name),
	        WITH_CONFIG(a_source_needs_exactly_one_url),
	        WITH_CONFIG(a_missing_source_is_told_with_those_there_are),
	        WITH_CONFIG(a_source_url_is_the_value_as_it_is),
	        WITH_CONFIG(every_key_is_listed_with_form_and_help),
	        WITH_CONFIG(no_memory_is_reported),
	        cmocka_unit_test(defaults_without_memory_leave_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
