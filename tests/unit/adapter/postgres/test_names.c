/*
 * adapter/postgres/names.c, url.c: names, and what a URL shows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "postgres/postgres_priv.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void a_table_is_shown_with_its_schema_and_read_back(void **state)
{
	static const struct {
		const char *schema;
		const char *relation;
		const char *shown;
		const char *sql;
	} cases[] = {
	        {"public", "orders", "public.orders", "\"public\".\"orders\""},
	        {"_s1$", "a$9_", "_s1$.a$9_", "\"_s1$\".\"a$9_\""},
	        {"public", "user", "public.user", "\"public\".\"user\""},
	        {"My Schema", "a.b", "\"My Schema\".\"a.b\"", "\"My Schema\".\"a.b\""},
	        {"1a", "$a", "\"1a\".\"$a\"", "\"1a\".\"$a\""},
	        {"a\"b", "\"", "\"a\"\"b\".\"\"\"\"", "\"a\"\"b\".\"\"\"\""},
	        {"s", "Caf\xc3\xa9", "s.\"Caf\xc3\xa9\"", "\"s\".\"Caf\xc3\xa9\""},
	        {"s", "'", "s.\"'\"", "\"s\".\"'\""},
	        {"s", "\\", "s.\"\\\"", "\"s\".\"\\\""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rb_buf sql = RB_BUF(1024);
		char *name = NULL;
		char *schema = NULL;
		char *relation = NULL;

		assert_int_equal(rb_pg_table_name(cases[i].schema, cases[i].relation, &name, NULL),
		                 0);
		assert_string_equal(name, cases[i].shown);
		assert_int_equal(rb_pg_split_name(name, &schema, &relation, NULL), 0);
		assert_string_equal(schema, cases[i].schema);
		assert_string_equal(relation, cases[i].relation);
		assert_int_equal(rb_pg_add_table(&sql, name, NULL), 0);
		assert_string_equal(rb_buf_str(&sql), cases[i].sql);
		rb_buf_release(&sql);
		free(relation);
		free(schema);
		free(name);
	}
}

static void what_is_no_name_of_a_table_is_refused(void **state)
{
	static const char *const names[] = {
	        "",     "orders", "a.",     ".a",    "a.b.c",    "A.b",          "\"a.b",
	        "\"\"", "a.\"\"", "a\"b.c", "a.b\"", "a.\"b\"c", "a.b ; DROP x", "\"a\"b.c",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		struct rb_err err = {0};
		char *schema = NULL;
		char *relation = NULL;

		assert_int_equal(rb_pg_split_name(names[i], &schema, &relation, &err), RB_E_FORMAT);
		assert_null(schema);
		assert_null(relation);
		assert_non_null(strstr(err.msg, "is no name of a table with its schema"));
	}
}

static void literals_double_their_quotes_and_keep_backslashes(void **state)
{
	struct rb_buf sql = RB_BUF(1024);

	(void)state;
	assert_int_equal(rb_pg_add_literal(&sql, "it's \\' \"x\"", NULL), 0);
	assert_string_equal(rb_buf_str(&sql), "'it''s \\'' \"x\"'");
	rb_buf_release(&sql);
}

static void a_url_is_shown_without_its_secrets(void **state)
{
	static const struct {
		const char *url;
		const char *label;
	} cases[] = {
	        {"postgres://me:s3cret@db.example.com:5432/crm?sslmode=require",
	         "crm@db.example.com"},
	        {"postgresql://me:s3cret@/crm?host=/run/postgresql", "crm@/run/postgresql"},
	        {"POSTGRES://a.example,b.example/crm?user=me", "crm@a.example,b.example"},
	        {"postgres:dbname=crm host=db password=s3cret", "crm@db"},
	        {"postgres:service=crm password=s3cret", "?"},
	        {"postgres://me:s3cret@", "me"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rb_buf info = RB_BUF(1024);
		struct rb_buf label = RB_BUF(1024);
		PQconninfoOption *options;

		assert_int_equal(rb_pg_conninfo(cases[i].url, &info, NULL), 0);
		options = PQconninfoParse(rb_buf_str(&info), NULL);
		assert_non_null(options);
		assert_int_equal(rb_pg_label(options, &label, NULL), 0);
		assert_string_equal(rb_buf_str(&label), cases[i].label);
		PQconninfoFree(options);
		rb_buf_release(&label);
		rb_buf_release(&info);
	}
}

static void a_password_in_a_url_is_seen(void **state)
{
	(void)state;
	assert_true(rb_pg_url_has_secret("postgres://me:s3cret@host/db"));
	assert_true(rb_pg_url_has_secret("postgres://me@host/db?password=s3cret"));
	assert_true(rb_pg_url_has_secret("postgres:dbname=db sslpassword=s3cret"));
	assert_false(rb_pg_url_has_secret("postgres://postgres.abcdefghijklmnopqrst@host/db"));
	assert_false(rb_pg_url_has_secret("postgres://me:@host/db"));
	assert_false(rb_pg_url_has_secret("postgres:service=crm"));
	assert_false(rb_pg_url_has_secret("postgres://me:s3%zz@host/db"));
}

static void a_url_that_libpq_cannot_read_is_refused_and_not_shown(void **state)
{
	static const char *const urls[] = {"postgres://me:s3%zzcret@host/db",
	                                   "postgres://me:s3cret@host/db?nosuch=1",
	                                   "postgres:s3cret", "postgres:", "s3cret"};

	(void)state;
	for (size_t i = 0; i < COUNT(urls); i++) {
		struct rb_buf info = RB_BUF(1024);
		struct rb_err err = {0};

		assert_int_equal(rb_pg_conninfo(urls[i], &info, &err), RB_E_USAGE);
		assert_string_equal(err.msg, "the source's URL is none that libpq understands");
		assert_null(strstr(err.hint, "s3"));
		rb_buf_release(&info);
	}
}

static void a_server_that_is_not_there_is_unreachable(void **state)
{
	const struct rb_pg_open_opts opts = {
	        .url = "postgres://me:s3cret@/crm?host=/nonexistent/socket"};
	struct rb_pg_conn conn = {0};
	struct rb_err err = {0};

	(void)state;
	assert_int_equal(rb_pg_open(&conn, &opts, &err), RB_E_UNREACHABLE);
	assert_non_null(strstr(err.msg, "cannot connect to 'crm@/nonexistent/socket': "));
	assert_null(strstr(err.msg, "s3cret"));
	assert_string_equal(err.hint, "is the server up, and are host and port right?");
	assert_null(conn.pg);
	assert_null(conn.label);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_table_is_shown_with_its_schema_and_read_back),
	        cmocka_unit_test(what_is_no_name_of_a_table_is_refused),
	        cmocka_unit_test(literals_double_their_quotes_and_keep_backslashes),
	        cmocka_unit_test(a_url_is_shown_without_its_secrets),
	        cmocka_unit_test(a_password_in_a_url_is_seen),
	        cmocka_unit_test(a_url_that_libpq_cannot_read_is_refused_and_not_shown),
	        cmocka_unit_test(a_server_that_is_not_there_is_unreachable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
