/*
 * adapter/registry.c: which engine a URL means.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rowback/adapter/adapter.h"

static void a_sqlite_url_means_the_sqlite_engine(void **state)
{
	static const char *const urls[] = {"sqlite:a.db", "sqlite:///srv/a.db", "SQLite:a.db"};
	const struct rb_adapter *adapter;

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		adapter = NULL;
		assert_int_equal(rb_adapter_for_url(urls[i], &adapter, NULL), RB_OK);
		assert_ptr_equal(adapter, &rb_adapter_sqlite);
	}
}

static void an_unknown_scheme_is_named_without_the_rest_of_the_url(void **state)
{
	const struct rb_adapter *adapter = NULL;
	struct rb_err err = {0};

	(void)state;
	assert_int_equal(rb_adapter_for_url("oracle://me:secret@host/db", &adapter, &err),
	                 RB_E_USAGE);
	assert_string_equal(err.msg, "no engine for URLs of scheme 'oracle'");
	assert_string_equal(err.hint, "URLs begin with one of: sqlite:, postgres:, postgresql:");
	assert_null(adapter);
}

static void a_path_is_no_url(void **state)
{
	static const char *const urls[] = {"/srv/app.db", "app.db", "", ":x", "a b:c"};
	const struct rb_adapter *adapter = NULL;
	struct rb_err err = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		assert_int_equal(rb_adapter_for_url(urls[i], &adapter, &err), RB_E_USAGE);
		assert_string_equal(err.msg, "the source's URL has no scheme");
	}
}

static void engines_are_found_by_name(void **state)
{
	(void)state;
	assert_ptr_equal(rb_adapter_by_name("sqlite"), &rb_adapter_sqlite);
	assert_null(rb_adapter_by_name("SQLITE"));
	assert_null(rb_adapter_by_name(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_sqlite_url_means_the_sqlite_engine),
	        cmocka_unit_test(an_unknown_scheme_is_named_without_the_rest_of_the_url),
	        cmocka_unit_test(a_path_is_no_url),
	        cmocka_unit_test(engines_are_found_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
