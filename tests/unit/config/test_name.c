/*
 * rowback/config/config.h: names of sources and branches, and "[NAME=]URL".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "rowback/base/proc.h"
#include "rowback/config/config.h"
#include "rowback/config/secret.h"

#define NAME_64 "a123456789012345678901234567890123456789012345678901234567890123"

static void source_names_follow_the_rule(void **state)
{
	static const struct {
		const char *name;
		int status;
	} cases[] = {
	        {"app", RB_OK},
	        {"a", RB_OK},
	        {"0", RB_OK},
	        {"my-app_2", RB_OK},
	        {NAME_64, RB_OK},
	        {"con1", RB_OK},
	        {"com10", RB_OK},
	        {"rowback", RB_OK},
	        {"console", RB_OK},
	        {"", RB_E_USAGE},
	        {NAME_64 "4", RB_E_USAGE},
	        {"App", RB_E_USAGE},
	        {"-app", RB_E_USAGE},
	        {"_app", RB_E_USAGE},
	        {"a.b", RB_E_USAGE},
	        {"rowback.json", RB_E_USAGE},
	        {"a/b", RB_E_USAGE},
	        {"..", RB_E_USAGE},
	        {"a b", RB_E_USAGE},
	        {"\303\244", RB_E_USAGE},
	        {"con", RB_E_USAGE},
	        {"nul", RB_E_USAGE},
	        {"com1", RB_E_USAGE},
	        {"lpt9", RB_E_USAGE},
	        {"aux", RB_E_USAGE},
	        {"prn", RB_E_USAGE},
	        {".git", RB_E_USAGE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rb_err err = {0};

		if (rb_config_check_source_name(cases[i].name, &err) != cases[i].status)
			fail_msg("'%s'", cases[i].name);
		if (cases[i].status == RB_E_USAGE)
			assert_string_equal(
			        err.hint,
			        "use a to z, 0 to 9, '_' and '-', a letter or digit first, "
			        "up to 64 characters, and no device name of Windows such "
			        "as 'con'");
	}
}

/* What git check-ref-format says of refs/heads/<name>. */
static bool git_allows(const char *name)
{
	const char *const argv[] = {"git", "check-ref-format", "--branch", name, NULL};
	const struct rb_proc_opts opts = {.argv = argv, .stdout_max = 4096, .stderr_max = 4096};
	struct rb_proc_result result = {0};
	bool allowed;

	assert_int_equal(rb_proc_run(&opts, &result, NULL), RB_OK);
	allowed = result.exit_code == 0;
	rb_proc_result_release(&result);
	return allowed;
}

static void branch_names_are_those_that_git_allows(void **state)
{
	static const char *const names[] = {
	        "main", "a/b",  "a/b/c.d", "x.lock", "x.lock/y", "a..b",
	        ".a",   "a/.b", "a.",      "a./b",   "a/",       "/a",
	        "a//b", "a b",  "a~1",     "a^",     "a:b",      "a?",
	        "a*",   "a[b",  "a\\b",    "a@{b",   "a@b",      "-a",
	        "a-",   "\t",   "a\177",   "",       "\303\244", "a]b",
	        "{",    "a{@}", "lock",    ".lock",  "a/@",      "refs/heads/x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct rb_err err = {0};
		bool ours = rb_config_check_branch("branch", names[i], &err) == RB_OK;

		if (ours != git_allows(names[i]))
			fail_msg("'%s' is %s by us", names[i], ours ? "allowed" : "refused");
	}
}

/* git expands these when they are asked for as a branch; ours must be names. */
static void shorthands_of_git_are_no_branches(void **state)
{
	static const char *const names[] = {"@", "HEAD", "@{-1}", "@{u}"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(rb_config_check_branch("branch", names[i], NULL), RB_E_USAGE);
}

static void a_wrong_branch_is_named(void **state)
{
	struct rb_err err = {0};

	(void)state;
	assert_int_equal(rb_config_check_branch("branch", "a b", &err), RB_E_USAGE);
	assert_string_equal(err.msg, "'a b' cannot be the name of a branch");
	assert_string_equal(err.hint, "git check-ref-format says which names git allows");
}

static void a_source_is_split_into_name_and_url(void **state)
{
	static const struct {
		const char *text;
		const char *name;
		const char *url;
	} cases[] = {
	        {"sqlite:/srv/app/app.db", "app", "sqlite:/srv/app/app.db"},
	        {"sqlite:app.db", "app", "sqlite:app.db"},
	        {"sqlite:/srv/App.data.db", "app", "sqlite:/srv/App.data.db"},
	        {"sqlite:/srv/My Shop (2).sqlite", "my-shop-2", "sqlite:/srv/My Shop (2).sqlite"},
	        {"sqlite:/srv/a_b.db", "a_b", "sqlite:/srv/a_b.db"},
	        {"sqlite:/srv/.hidden.db", "hidden", "sqlite:/srv/.hidden.db"},
	        {"sqlite:/srv/x=y.db", "x-y", "sqlite:/srv/x=y.db"},
	        {"postgres://u:p@h/shop?x=y", "shop", "postgres://u:p@h/shop?x=y"},
	        {"postgres://h/shop/", "shop", "postgres://h/shop/"},
	        {"live=sqlite:/srv/x=y.db", "live", "sqlite:/srv/x=y.db"},
	        {"live=postgres://h/db", "live", "postgres://h/db"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *name = NULL;
		char *url = NULL;

		assert_int_equal(rb_config_split_source(cases[i].text, &name, &url, NULL), RB_OK);
		assert_string_equal(name, cases[i].name);
		assert_string_equal(url, cases[i].url);
		free(name);
		rb_secret_free(url);
	}
}

static void a_source_that_cannot_be_split_is_refused(void **state)
{
	static const struct {
		const char *text;
		const char *msg;
		const char *hint;
	} cases[] = {
	        {"sqlite:/srv/con.db", "no source name can be made from this URL",
	         "give one: --source NAME=URL"},
	        {"sqlite:", "no source name can be made from this URL",
	         "give one: --source NAME=URL"},
	        {"sqlite:/\303\244.db", "no source name can be made from this URL",
	         "give one: --source NAME=URL"},
	        {"app=/srv/app.db", "'/srv/app.db' is no URL of a source",
	         "it begins with the engine: sqlite:/path/to/file.db"},
	        {"app.db", "'app.db' is no URL of a source",
	         "it begins with the engine: sqlite:/path/to/file.db"},
	        {"App=sqlite:x", "'App' cannot be the name of a source",
	         "use a to z, 0 to 9, '_' and '-', a letter or digit first, up to 64 characters, "
	         "and no device name of Windows such as 'con'"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rb_err err = {0};
		char *name = NULL;
		char *url = NULL;

		assert_int_equal(rb_config_split_source(cases[i].text, &name, &url, &err),
		                 RB_E_USAGE);
		assert_string_equal(err.msg, cases[i].msg);
		assert_string_equal(err.hint, cases[i].hint);
		assert_null(name);
		assert_null(url);
	}
}

static void a_made_name_is_cut_to_the_limit(void **state)
{
	char text[400] = "sqlite:/";
	char *name = NULL;
	char *url = NULL;

	(void)state;
	memset(text + 8, 'x', 300);
	assert_int_equal(rb_config_split_source(text, &name, &url, NULL), RB_OK);
	assert_int_equal(strlen(name), RB_CONFIG_SOURCE_NAME_MAX);
	free(name);
	rb_secret_free(url);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(source_names_follow_the_rule),
	        cmocka_unit_test(branch_names_are_those_that_git_allows),
	        cmocka_unit_test(shorthands_of_git_are_no_branches),
	        cmocka_unit_test(a_wrong_branch_is_named),
	        cmocka_unit_test(a_source_is_split_into_name_and_url),
	        cmocka_unit_test(a_source_that_cannot_be_split_is_refused),
	        cmocka_unit_test(a_made_name_is_cut_to_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
