/*
 * rowback/config/select.h: which schemas, tables and columns are backed up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rowback/config/select.h"

/* The patterns of one source, to be looked at with one question after the other. */
static struct rb_source_config *choose(const char *include, const char *exclude,
                                       const char *schemas, const char *columns)
{
	static struct rb_source_config source;

	rb_patterns_release(&source.include);
	rb_patterns_release(&source.exclude);
	rb_patterns_release(&source.exclude_schemas);
	rb_patterns_release(&source.exclude_columns);
	assert_int_equal(rb_patterns_add(&source.include, include, NULL), RB_OK);
	assert_int_equal(rb_patterns_add(&source.exclude, exclude, NULL), RB_OK);
	assert_int_equal(rb_patterns_add(&source.exclude_schemas, schemas, NULL), RB_OK);
	assert_int_equal(rb_patterns_add(&source.exclude_columns, columns, NULL), RB_OK);
	return &source;
}

struct table_case {
	const char *include;
	const char *exclude;
	const char *table;
	enum rb_table_kind kind;
	bool want;
};

static void tables_are_chosen_by_whole_names(void **state)
{
	static const struct table_case cases[] = {
	        {"", "", "a", RB_TABLE_PLAIN, true},
	        {"", "logs,cache_*,t?p,[xy]1", "logs", RB_TABLE_PLAIN, false},
	        {"", "logs,cache_*,t?p,[xy]1", "cache_", RB_TABLE_PLAIN, false},
	        {"", "logs,cache_*,t?p,[xy]1", "cache_a/b", RB_TABLE_PLAIN, false},
	        {"", "logs,cache_*,t?p,[xy]1", "tmp", RB_TABLE_PLAIN, false},
	        {"", "logs,cache_*,t?p,[xy]1", "y1", RB_TABLE_PLAIN, false},
	        {"", "logs,cache_*,t?p,[xy]1", "Logs", RB_TABLE_PLAIN, true},
	        {"", "logs,cache_*,t?p,[xy]1", "weblogs", RB_TABLE_PLAIN, true},
	        {"", "logs,cache_*,t?p,[xy]1", "z1", RB_TABLE_PLAIN, true},
	        /* The last that matches decides. */
	        {"", "cache_*, !cache_rules", "cache_rules", RB_TABLE_PLAIN, true},
	        {"", "!cache_rules, cache_*", "cache_rules", RB_TABLE_PLAIN, false},
	        {"", "\\!odd", "!odd", RB_TABLE_PLAIN, false},
	        {"users", "", "users", RB_TABLE_PLAIN, true},
	        {"users", "", "orders", RB_TABLE_PLAIN, false},
	        {"public.*, !public.logs", "", "public.logs", RB_TABLE_PLAIN, false},
	        {"public.*", "*.logs", "public.logs", RB_TABLE_PLAIN, false},
	        {"public.*", "*.logs", "public.x", RB_TABLE_PLAIN, true},
	        /* A schema that is spelled out is decided about by those patterns alone. */
	        {"*, auth.users", "", "auth.users", RB_TABLE_PLAIN, true},
	        {"*, auth.users", "", "auth.sessions", RB_TABLE_PLAIN, false},
	        {"*, auth.users", "", "public.sessions", RB_TABLE_PLAIN, true},
	        {"*, auth.users", "", "\"auth.users\".x", RB_TABLE_PLAIN, true},
	        /* The engine's own, and storage. */
	        {"users", "", "sqlite_sequence", RB_TABLE_SYSTEM, true},
	        {"users", "sqlite_*", "sqlite_sequence", RB_TABLE_SYSTEM, false},
	        {"docs", "", "docs_data", RB_TABLE_SHADOW, true},
	        {"docs", "", "docs_data", RB_TABLE_PLAIN, false},
	        {"do", "", "docs_data", RB_TABLE_SHADOW, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct table_case *c = &cases[i];

		if (rb_select_table(choose(c->include, c->exclude, "", ""), c->table, c->kind) !=
		    c->want)
			fail_msg("include %s, exclude %s: %s", c->include, c->exclude, c->table);
	}
	choose("", "", "", "");
}

static void a_platforms_schemas_are_asked_for(void **state)
{
	(void)state;
	assert_true(rb_select_schema(choose("", "", "", ""), "mine", false));
	assert_false(rb_select_schema(choose("", "", "", ""), "auth", true));
	assert_false(rb_select_schema(choose("*", "", "", ""), "auth", true));
	assert_false(rb_select_schema(choose("*.users", "", "", ""), "auth", true));
	assert_true(rb_select_schema(choose("auth.*", "", "", ""), "auth", true));
	assert_true(rb_select_schema(choose("*, auth.users", "", "", ""), "auth", true));
	assert_false(rb_select_schema(choose("auth.users", "", "", ""), "storage", true));
	assert_false(rb_select_schema(choose("!auth.users", "", "", ""), "auth", true));
	/* Tables are left out by include, not their schemas. */
	assert_true(rb_select_schema(choose("auth.users", "", "", ""), "mine", false));
	assert_false(rb_select_schema(choose("", "", "tmp_*", ""), "tmp_1", false));
	assert_true(rb_select_schema(choose("", "", "tmp_*, !tmp_1", ""), "tmp_1", false));
	assert_false(rb_select_schema(choose("auth.*", "", "auth", ""), "auth", true));
	choose("", "", "", "");
}

static void columns_are_left_out_by_table_and_name(void **state)
{
	const struct rb_source_config *source =
	        choose("", "", "", "users.password, *.secret, !public.t.secret, public.b.*");

	(void)state;
	assert_false(rb_select_column(source, "users", "password"));
	assert_true(rb_select_column(source, "users", "Password"));
	assert_true(rb_select_column(source, "public.users", "password"));
	assert_false(rb_select_column(source, "anything", "secret"));
	assert_true(rb_select_column(source, "public.t", "secret"));
	assert_true(rb_select_column(source, "public.t", "secrets"));
	assert_false(rb_select_column(source, "public.b", "x"));
	choose("", "", "", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(tables_are_chosen_by_whole_names),
	        cmocka_unit_test(a_platforms_schemas_are_asked_for),
	        cmocka_unit_test(columns_are_left_out_by_table_and_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
