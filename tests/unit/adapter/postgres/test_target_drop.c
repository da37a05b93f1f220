/*
 * adapter/postgres/target_drop.c: what drops an object.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "postgres/target_priv.h"

static const struct {
	const char *kind;
	const char *name;
	const char *table;
	const char *sql;
	const char *want; /* NULL: refused */
} cases[] = {
        {"table", "public.a", "public.a", "CREATE TABLE public.a (\n);", "DROP TABLE public.a"},
        {"table", "\"A b\".\"c\"\"d\"", "", "CREATE UNLOGGED TABLE \"A b\".\"c\"\"d\" (\n);",
         "DROP TABLE \"A b\".\"c\"\"d\""},
        {"index", "My.i", "\"My\".t", "CREATE UNIQUE INDEX \"I x\" ON \"My\".t USING btree (a);",
         "DROP INDEX \"My\".\"I x\""},
        {"constraint", "public.a k", "public.a",
         "ALTER TABLE ONLY public.a\n    ADD CONSTRAINT k PRIMARY KEY (id);",
         "ALTER TABLE \"public\".\"a\" DROP CONSTRAINT k"},
        {"fk constraint", "public.a f", "public.a",
         "ALTER TABLE ONLY public.a\n    ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES public.b(id);",
         "ALTER TABLE \"public\".\"a\" DROP CONSTRAINT f"},
        {"trigger", "public.a t", "public.a",
         "CREATE CONSTRAINT TRIGGER t AFTER INSERT ON public.a EXECUTE FUNCTION public.f();",
         "DROP TRIGGER t ON \"public\".\"a\""},
        {"policy", "public.a p", "public.a", "CREATE POLICY p ON public.a USING (true);",
         "DROP POLICY p ON \"public\".\"a\""},
        {"rule", "public.a r", "public.a", "CREATE RULE r AS\n ON DELETE TO public.a DO NOTHING;",
         "DROP RULE r ON \"public\".\"a\""},
        {"rule", "public.v _RETURN", "public.v", "CREATE OR REPLACE VIEW public.v AS\n SELECT 1;",
         ""},
        {"function", "public.f(integer, numeric(1))", "",
         "CREATE FUNCTION public.f(a integer) RETURNS integer AS $$ $$;",
         "DROP FUNCTION public.f(integer, numeric(1))"},
        {"procedure", "public.(x)()", "", "CREATE PROCEDURE public.\"(x)\"() AS $$ $$;",
         "DROP PROCEDURE public.\"(x)\"()"},
        {"view", "public.v", "public.v", "CREATE VIEW public.v AS\n SELECT 1;",
         "DROP VIEW public.v"},
        {"materialized view", "public.v", "public.v",
         "CREATE MATERIALIZED VIEW public.v AS\n SELECT 1\n  WITH NO DATA;",
         "DROP MATERIALIZED VIEW public.v"},
        {"event trigger", "e", "e",
         "CREATE EVENT TRIGGER e ON ddl_command_end\n   EXECUTE FUNCTION public.f();",
         "DROP EVENT TRIGGER e"},
        {"publication", "p", "p", "CREATE PUBLICATION p WITH (publish = 'insert');",
         "DROP PUBLICATION p"},
        {"publication table", "public.p a", "public.p a",
         "ALTER PUBLICATION p ADD TABLE ONLY public.\"A b\" (a) WHERE ((a > 0));",
         "ALTER PUBLICATION p DROP TABLE ONLY public.\"A b\""},
        {"extension", "hstore", "hstore",
         "CREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA public;", "DROP EXTENSION hstore"},
        {"sequence", "public.s", "public.s", "CREATE SEQUENCE public.s\n    START WITH 1;",
         "DROP SEQUENCE public.s"},
        {"sequence", "public.s", "public.a",
         "ALTER TABLE public.a ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (\n);",
         "ALTER TABLE public.a ALTER COLUMN id DROP IDENTITY"},
        {"sequence owned by", "public.s", "public.a",
         "ALTER SEQUENCE public.s OWNED BY public.a.id;", "ALTER SEQUENCE public.s OWNED BY NONE"},
        {"default", "public.a id", "public.a",
         "ALTER TABLE ONLY public.a ALTER COLUMN id SET DEFAULT 1;",
         "ALTER TABLE ONLY public.a ALTER COLUMN id DROP DEFAULT"},
        {"comment", "public.TABLE a", "public.a", "COMMENT ON TABLE public.a IS 'IS';",
         "COMMENT ON TABLE public.a IS NULL"},
        {"comment", "SCHEMA public", "public", "COMMENT ON SCHEMA public IS '';",
         "COMMENT ON SCHEMA public IS 'standard public schema'"},
        {"owner", "schema public", "public", "ALTER SCHEMA public OWNER TO bob;",
         "ALTER SCHEMA public OWNER TO pg_database_owner"},
        {"schema", "public", "public", "", ""},
        {"publication table", "public.p a", "public.p a",
         "ALTER PUBLICATION p ADD TABLE ONLY public.\"ADD\" (a, b) WHERE ((a > 1));",
         "ALTER PUBLICATION p DROP TABLE ONLY public.\"ADD\""},
        {"row security", "public.a", "public.a", "ALTER TABLE public.a ENABLE ROW LEVEL SECURITY;",
         "ALTER TABLE public.a DISABLE ROW LEVEL SECURITY"},
        {"owner", "table public.a", "public.a", "ALTER TABLE public.a OWNER TO bob;", ""},
        {"materialized view data", "public.v", "public.v",
         "REFRESH MATERIALIZED VIEW \"public\".\"v\" WITH DATA;",
         "REFRESH MATERIALIZED VIEW \"public\".\"v\" WITH NO DATA"},
        {"acl", "public.TABLE a", "public.a",
         "GRANT SELECT,UPDATE(\"TO\") ON TABLE public.a TO bob WITH GRANT OPTION;\n"
         "REVOKE ALL ON TABLE public.a FROM PUBLIC;",
         "REVOKE SELECT,UPDATE(\"TO\") ON TABLE public.a FROM bob;\n"
         "GRANT ALL ON TABLE public.a TO PUBLIC;"},
        {"default acl", "D", "D",
         "ALTER DEFAULT PRIVILEGES FOR ROLE a IN SCHEMA s GRANT SELECT ON TABLES  TO bob;",
         "ALTER DEFAULT PRIVILEGES FOR ROLE a IN SCHEMA s REVOKE SELECT ON TABLES  FROM bob;"},
        {"acl", "public.TABLE a", "public.a",
         "SET SESSION AUTHORIZATION x;\nGRANT SELECT ON TABLE public.a TO bob;\n"
         "RESET SESSION AUTHORIZATION;",
         NULL},
        {"operator", "public.###", "", "CREATE OPERATOR public.### (\n);", NULL},
        {"function", "public.f", "", "CREATE FUNCTION public.f() AS $$ $$;", NULL},
        {"view", "public.v", "", "SELECT 1;", NULL},
        {"publication table", "public.p a", "", "ALTER PUBLICATION p ADD TABLE public.a;", NULL},
};

static void each_kind_is_dropped_in_its_own_way(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rb_object object = {.kind = strdup(cases[i].kind),
		                           .name = strdup(cases[i].name),
		                           .table = strdup(cases[i].table),
		                           .sql = strdup(cases[i].sql)};
		struct rb_buf sql = RB_BUF(4096);
		int rc = rb_pg_add_drop(&object, &sql, NULL);

		assert_int_equal(rc, cases[i].want ? RB_OK : RB_E_UNSUPPORTED);
		if (cases[i].want)
			assert_string_equal(rb_buf_str(&sql), cases[i].want);
		rb_buf_release(&sql);
		free(object.kind);
		free(object.name);
		free(object.table);
		free(object.sql);
	}
}

static void what_cannot_be_dropped_is_named(void **state)
{
	char kind[] = "operator";
	char name[] = "public.###";
	const struct rb_object object = {.kind = kind, .name = name, .table = name, .sql = name};
	struct rb_buf sql = RB_BUF(4096);
	struct rb_err err = {0};

	(void)state;
	assert_int_equal(rb_pg_add_drop(&object, &sql, &err), RB_E_UNSUPPORTED);
	assert_string_equal(err.msg, "operator 'public.###' would have to be dropped");
	assert_string_equal(err.hint, "drop it, or restore into another database with --to");
	rb_buf_release(&sql);
}

/* What CREATE OR REPLACE may change, and what it may not. */
static void a_body_is_overwritten(void **state)
{
	static const struct {
		const char *there;
		const char *wanted;
		bool want;
	} pairs[] = {
	        {"CREATE FUNCTION public.f(a integer) RETURNS integer\n    LANGUAGE sql\n    AS "
	         "'1';",
	         "CREATE FUNCTION public.f(a integer) RETURNS integer\n    LANGUAGE sql STABLE\n   "
	         " AS "
	         "'2';",
	         true},
	        {"CREATE FUNCTION public.f(a integer) RETURNS integer\n    LANGUAGE sql\n    AS "
	         "'1';",
	         "CREATE FUNCTION public.f(b integer) RETURNS integer\n    LANGUAGE sql\n    AS "
	         "'1';",
	         false},
	        {"CREATE FUNCTION public.f() RETURNS integer\n    LANGUAGE sql\n    AS '1';",
	         "CREATE FUNCTION public.f() RETURNS integer[]\n    LANGUAGE sql\n    AS '1';",
	         false},
	        {"CREATE PROCEDURE public.f()\n    LANGUAGE sql\n    AS '1';",
	         "CREATE PROCEDURE public.f()\n    LANGUAGE plpgsql\n    AS '2';", true},
	        {"CREATE VIEW public.f AS\n SELECT '\n    LANGUAGE ';",
	         "CREATE VIEW public.f AS\n SELECT '\n    LANGUAGE x';", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		char *there_sql = strdup(pairs[i].there);
		char *wanted_sql = strdup(pairs[i].wanted);
		struct rb_object there = {.sql = there_sql};
		struct rb_object wanted = {.sql = wanted_sql};
		struct rb_buf sql = RB_BUF(1024);
		struct rb_err err = {0};
		int rc = rb_pg_add_overwrite(&there, &wanted, &sql, &err);

		assert_int_equal(rb_pg_target_overwrites(&there, &wanted), pairs[i].want);
		assert_int_equal(rc, pairs[i].want ? RB_OK : RB_E_UNSUPPORTED);
		if (pairs[i].want) {
			assert_memory_equal(rb_buf_str(&sql), "CREATE OR REPLACE ", 18);
			assert_string_equal(rb_buf_str(&sql) + 18, wanted_sql + 7);
		}
		rb_buf_release(&sql);
		free(there_sql);
		free(wanted_sql);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_body_is_overwritten),
	        cmocka_unit_test(each_kind_is_dropped_in_its_own_way),
	        cmocka_unit_test(what_cannot_be_dropped_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
