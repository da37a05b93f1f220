/*
 * rowback/config/secret.h: no password is printed with a URL.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rowback/config/secret.h"

static void secrets_in_urls_are_hidden(void **state)
{
	static const struct {
		const char *url;
		const char *shown;
	} cases[] = {
	        /* nothing to hide */
	        {"", ""},
	        {"sqlite:/srv/app/app.db", "sqlite:/srv/app/app.db"},
	        {"sqlite:/srv/a:b@c.db", "sqlite:/srv/a:b@c.db"},
	        {"sqlite:///srv/a:b@c.db", "sqlite:///srv/a:b@c.db"},
	        {"postgres://host/db", "postgres://host/db"},
	        {"postgres://host:5432/db", "postgres://host:5432/db"},
	        {"postgres://me@host:5432/db?sslmode=require",
	         "postgres://me@host:5432/db?sslmode=require"},
	        {"git@example.com:me/app.git", "git@example.com:me/app.git"},
	        {"file.db?keys=3", "file.db?keys=3"},
	        /* passwords */
	        {"postgres://user:pw@host/db", "postgres://user:***@host/db"},
	        {"postgres://user:@host/db", "postgres://user:***@host/db"},
	        {"postgres://:pw@host/db", "postgres://:***@host/db"},
	        {"postgres://user:p%40w@[::1]:5432/db", "postgres://user:***@[::1]:5432/db"},
	        {"postgres://user:p:w@host/db", "postgres://user:***@host/db"},
	        /* that nobody escaped */
	        {"postgres://user:p@ss@host/db", "postgres://user:***@host/db"},
	        {"postgres://user:p/s@host/db", "postgres://user:***@host/db"},
	        {"postgres://user:p@s/s@host/db", "postgres://user:***@host/db"},
	        {"postgres://user:p?s@host/db", "postgres://user:***@host/db"},
	        {"postgres://user:p#s@host/db", "postgres://user:***@host/db"},
	        /* tokens */
	        {"https://ghp_0123456789abcdefghijklmnopqrstuvwxyz@github.com/me/app",
	         "https://***@github.com/me/app"},
	        {"https://me@github.com/me/app", "https://me@github.com/me/app"},
	        /* parameters */
	        {"postgres://host/db?user=me&password=pw&sslmode=require",
	         "postgres://host/db?user=me&password=***&sslmode=require"},
	        {"postgres://me:pw@host/db?sslpassword=pw",
	         "postgres://me:***@host/db?sslpassword=***"},
	        {"https://host/x?apikey=abc#part", "https://host/x?apikey=***#part"},
	        {"https://host/x?API_KEY=abc;Access_Token=def", "https://host/x?API_KEY=***"},
	        {"https://host/x?a=b=c&token=", "https://host/x?a=b=c&token=***"},
	        {"postgres:host=h password=pw dbname=d", "postgres:host=h password=*** dbname=d"},
	        {"postgres:host=h password='p w\\' x' dbname=d",
	         "postgres:host=h password=*** dbname=d"},
	        {"postgres:password='unfinished", "postgres:password=***"},
	        {"postgres:password='a\\", "postgres:password=***"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rb_buf shown = RB_BUF(1024);

		assert_int_equal(rb_config_redact_url(cases[i].url, &shown, NULL), RB_OK);
		assert_string_equal(rb_buf_str(&shown), cases[i].shown);
		rb_buf_release(&shown);
	}
}

static void what_does_not_fit_is_an_error(void **state)
{
	struct rb_buf shown = RB_BUF(8);

	(void)state;
	assert_int_equal(rb_config_redact_url("sqlite:/srv/app.db", &shown, NULL), RB_E_LIMIT);
	rb_buf_release(&shown);
}

static void secrets_in_texts_are_hidden(void **state)
{
	static const struct {
		const char *text;
		const char *shown;
	} cases[] = {
	        /* nothing to hide */
	        {"", ""},
	        {"--label", "--label"},
	        {"before the upgrade, at last", "before the upgrade, at last"},
	        {"20261120T155800Z", "20261120T155800Z"},
	        {"5f1c9a3c5f1c9a3c5f1c9a3c5f1c9a3c5f1c9a3c",
	         "5f1c9a3c5f1c9a3c5f1c9a3c5f1c9a3c5f1c9a3c"},
	        {"sqlite:/srv/MyApplication2/Backups.db", "sqlite:/srv/MyApplication2/Backups.db"},
	        {"sk-learn", "sk-learn"},
	        /* as in a URL, wherever it stands */
	        {"app=postgres://me:pw@host/db", "app=postgres://me:***@host/db"},
	        {"sqlite:///x.db https://me:pw@host/x 'ssh://me:pw@h'",
	         "sqlite:///x.db https://me:***@host/x 'ssh://me:***@h'"},
	        {"from sqlite:///x.db to https://me:pw@host/x",
	         "from sqlite:///x.db to https://me:***@host/x"},
	        {"--token=abc", "--token=***"},
	        {"postgres:host=h password='p w' dbname=d",
	         "postgres:host=h password=*** dbname=d"},
	        /* tokens */
	        {"ghp_0123456789abcdefghijklmnopqrstuvwxyz", "***"},
	        {"Authorization: Bearer Xk29fLpQ84mZrT71vBcWaa", "Authorization: Bearer ***"},
	        {"a/glpat-0123456789abcdef/b", "a/***/b"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rb_buf out = RB_BUF(1024);

		assert_int_equal(rb_config_redact_text(cases[i].text, &out, NULL), RB_OK);
		assert_string_equal(rb_buf_str(&out), cases[i].shown);
		rb_buf_release(&out);
	}
}

static void options_that_take_secrets_are_known(void **state)
{
	(void)state;
	assert_true(rb_config_is_secret_option("--password"));
	assert_true(rb_config_is_secret_option("--api-token"));
	assert_false(rb_config_is_secret_option("--password=x"));
	assert_false(rb_config_is_secret_option("password"));
	assert_false(rb_config_is_secret_option("--label"));
	assert_false(rb_config_is_secret_option(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(secrets_in_urls_are_hidden),
	        cmocka_unit_test(what_does_not_fit_is_an_error),
	        cmocka_unit_test(secrets_in_texts_are_hidden),
	        cmocka_unit_test(options_that_take_secrets_are_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
