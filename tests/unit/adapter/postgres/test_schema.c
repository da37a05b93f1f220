/*
 * Tests of src/adapter/postgres/schema.c: pg_dump's text cut into objects.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postgres/schema_priv.h"

#define DONE "--\n-- PostgreSQL database dump complete\n--\n\n"

/* A dump's beginning and end, as version 17 has them. */
#define HEAD_17                                                                                    \
	"--\n-- PostgreSQL database dump\n--\n\n"                                                  \
	"\\restrict kk8DaSJZhfZ\n\n"                                                               \
	"-- Dumped from database version 17.6\n-- Dumped by pg_dump version 17.6\n\n"              \
	"SET statement_timeout = 0;\nSET transaction_timeout = 0;\n"                               \
	"SELECT pg_catalog.set_config('search_path', '', false);\n\n"
#define TAIL_17 DONE "\\unrestrict kk8DaSJZhfZ\n\n"

/* As version 12 has them. */
#define HEAD_12                                                                                    \
	"--\n-- PostgreSQL database dump\n--\n\n"                                                  \
	"-- Dumped from database version 12.3\n-- Dumped by pg_dump version 12.3\n\n"              \
	"SET statement_timeout = 0;\n"                                                             \
	"SELECT pg_catalog.set_config('search_path', '', false);\n\n"

#define TABLE_A                                                                                    \
	"SET default_tablespace = '';\n\nSET default_table_access_method = heap;\n\n"              \
	"--\n-- Name: a; Type: TABLE; Schema: public; Owner: shop\n--\n\n"                         \
	"CREATE TABLE public.a (\n    id integer NOT NULL\n);\n\n\n"                               \
	"ALTER TABLE public.a OWNER TO shop;\n\n"

#define KEY_A                                                                                      \
	"--\n-- Name: a a_pkey; Type: CONSTRAINT; Schema: public; Owner: shop\n--\n\n"             \
	"ALTER TABLE ONLY public.a\n    ADD CONSTRAINT a_pkey PRIMARY KEY (id);\n\n\n"

static struct rb_catalog *split(const char *dump)
{
	struct rb_catalog *catalog = calloc(1, sizeof(*catalog));
	struct rb_err err = {0};

	assert_non_null(catalog);
	if (rb_pg_schema_split(dump, strlen(dump), catalog, &err) < 0)
		fail_msg("%s", err.msg);
	return catalog;
}

/* The objects, one on a line: kind|name|table|sql */
static void assert_objects(const char *dump, const char *want)
{
	struct rb_catalog *catalog = split(dump);
	struct rb_buf text = RB_BUF(1 << 20);

	for (size_t i = 0; i < catalog->object_count; i++) {
		const struct rb_object *object = &catalog->objects[i];

		assert_int_equal(rb_buf_addf(&text, NULL, "%s|%s|%s|%s\n", object->kind,
		                             object->name, object->table, object->sql),
		                 RB_OK);
	}
	assert_string_equal(rb_buf_str(&text), want);
	rb_buf_release(&text);
	rb_catalog_free(catalog);
}

static void an_object_is_its_statements_and_its_owner_another(void **state)
{
	(void)state;
	assert_objects(HEAD_17 TABLE_A KEY_A TAIL_17,
	               "table|public.a|public.a|CREATE TABLE public.a (\n    id integer NOT NULL\n"
	               ");\n"
	               "owner|table public.a|public.a|ALTER TABLE public.a OWNER TO shop;\n"
	               "constraint|public.a a_pkey|public.a|ALTER TABLE ONLY public.a\n"
	               "    ADD CONSTRAINT a_pkey PRIMARY KEY (id);\n");
}

static void versions_and_random_keys_leave_no_trace(void **state)
{
	struct rb_catalog *new_one = split(HEAD_17 TABLE_A KEY_A TAIL_17);
	struct rb_catalog *old_one = split(HEAD_12 TABLE_A KEY_A DONE);
	struct rb_buf a = RB_BUF(1 << 20);
	struct rb_buf b = RB_BUF(1 << 20);

	(void)state;
	assert_int_equal(rb_pg_schema_sql(new_one, &a, NULL), RB_OK);
	assert_int_equal(rb_pg_schema_sql(old_one, &b, NULL), RB_OK);
	assert_string_equal(rb_buf_str(&a), rb_buf_str(&b));
	assert_null(strstr(rb_buf_str(&a), "restrict"));
	assert_null(strstr(rb_buf_str(&a), "17"));
	rb_buf_release(&a);
	rb_buf_release(&b);
	rb_catalog_free(new_one);
	rb_catalog_free(old_one);
}

static void the_script_is_the_statements_behind_settings(void **state)
{
	struct rb_catalog *catalog = split(HEAD_12 KEY_A DONE);
	struct rb_buf sql = RB_BUF(1 << 20);

	(void)state;
	assert_int_equal(rb_pg_schema_sql(catalog, &sql, NULL), RB_OK);
	assert_string_equal(
	        rb_buf_str(&sql),
	        "-- The schema of a PostgreSQL database, as pg_dump writes it.\n"
	        "-- To make an empty copy: createdb NEW && psql -d NEW -f schema.sql\n"
	        "SET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\n"
	        "SET check_function_bodies = false;\nSET search_path = '';\n"
	        "SET row_security = off;\nSET xmloption = content;\n"
	        "\nALTER TABLE ONLY public.a\n    ADD CONSTRAINT a_pkey PRIMARY KEY (id);\n");
	rb_buf_release(&sql);
	rb_catalog_free(catalog);
}

static void headers_in_texts_are_texts(void **state)
{
	static const char fake[] = "--\n-- Name: x; Type: TABLE; Schema: public; Owner: y\n--\n";
	char dump[2048];
	char want[1024];

	(void)state;
	snprintf(dump, sizeof(dump),
	         HEAD_12 "--\n-- Name: f(text); Type: FUNCTION; Schema: public; Owner: shop\n--\n\n"
	                 "CREATE FUNCTION public.f(a text DEFAULT '%s') RETURNS integer\n"
	                 "    AS $_$\n%s$_$;\n\n\n" DONE,
	         fake, fake);
	snprintf(want, sizeof(want),
	         "function|public.f(text)|public.f(text)|CREATE FUNCTION public.f(a text DEFAULT "
	         "'%s') RETURNS integer\n    AS $_$\n%s$_$;\n",
	         fake, fake);
	assert_objects(dump, want);
}

static void a_body_of_statements_belongs_to_its_function(void **state)
{
	(void)state;
	assert_objects(
	        HEAD_17 "--\n-- Name: f(); Type: FUNCTION; Schema: s; Owner: shop\n--\n\n"
	                "CREATE FUNCTION s.f() RETURNS integer\n    BEGIN ATOMIC\n SELECT 1;\n "
	                "SELECT 2;\nEND;\n\n\nALTER FUNCTION s.f() OWNER TO shop;\n\n" TAIL_17,
	        "function|s.f()|s.f()|CREATE FUNCTION s.f() RETURNS integer\n    BEGIN ATOMIC\n "
	        "SELECT 1;\n SELECT 2;\nEND;\n"
	        "owner|function s.f()|s.f()|ALTER FUNCTION s.f() OWNER TO shop;\n");
}

static void a_table_is_named_as_its_definition_says(void **state)
{
	(void)state;
	assert_objects(HEAD_17 "--\n-- Name: we \"ird x; Type: TABLE; Schema: My; Owner: o\n--\n\n"
	                       "CREATE UNLOGGED TABLE \"My\".\"we \"\"ird\nx\" (\n);\n\n" TAIL_17,
	               "table|\"My\".\"we \"\"ird\nx\"|\"My\".\"we \"\"ird\nx\"|"
	               "CREATE UNLOGGED TABLE \"My\".\"we \"\"ird\nx\" (\n);\n");
	/* Key words are in quotes in SQL, but not in rowback. */
	assert_objects(HEAD_17 "--\n-- Name: user; Type: TABLE; Schema: public; Owner: o\n--\n\n"
	                       "CREATE TABLE public.\"user\" (\n);\n\n" TAIL_17,
	               "table|public.user|public.user|CREATE TABLE public.\"user\" (\n);\n");
}

static void names_may_hold_what_headers_are_made_of(void **state)
{
	(void)state;
	assert_objects(HEAD_17
	               "--\n-- Name: odd; Type: TABLE; Type: SCHEMA; Schema: -; Owner: a; b\n--\n\n"
	               "CREATE SCHEMA \"odd; Type: TABLE\";\n\n" TAIL_17,
	               "schema|odd; Type: TABLE|odd; Type: TABLE|"
	               "CREATE SCHEMA \"odd; Type: TABLE\";\n");
}

static void objects_belong_to_their_tables(void **state)
{
	static const struct {
		const char *type;
		const char *sql;
		const char *table;
	} cases[] = {
	        {"INDEX", "CREATE UNIQUE INDEX i ON ONLY s.t USING btree (a);", "s.t"},
	        {"TRIGGER", "CREATE TRIGGER x AFTER UPDATE OF a ON s.t EXECUTE FUNCTION s.f();",
	         "s.t"},
	        {"POLICY", "CREATE POLICY p ON s.t USING (true);", "s.t"},
	        {"RULE", "CREATE RULE r AS\n    ON DELETE TO s.t DO INSTEAD NOTHING;", "s.t"},
	        {"FK CONSTRAINT",
	         "ALTER TABLE ONLY s.t\n    ADD CONSTRAINT c FOREIGN KEY (a)"
	         " REFERENCES s.u(id);",
	         "s.t"},
	        {"DEFAULT", "ALTER TABLE ONLY s.t ALTER COLUMN a SET DEFAULT 1;", "s.t"},
	        {"SEQUENCE", "ALTER TABLE s.t ALTER COLUMN a ADD GENERATED ALWAYS AS IDENTITY ();",
	         "s.t"},
	        {"SEQUENCE", "CREATE SEQUENCE s.q\n    START WITH 1;", "s.q"},
	        {"TABLE ATTACH", "ALTER TABLE ONLY s.t ATTACH PARTITION s.u DEFAULT;", "s.u"},
	        {"STATISTICS", "CREATE STATISTICS s.e ON (EXTRACT(year FROM a)), b FROM s.t;",
	         "s.t"},
	        {"ROW SECURITY", "ALTER TABLE s.t ENABLE ROW LEVEL SECURITY;", "s.t"},
	        {"ACL", "GRANT SELECT ON TABLE s.t TO bob;", "s.t"},
	        {"ACL", "GRANT ALL ON SCHEMA s TO bob;", "s.x"},
	};
	char dump[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rb_catalog *catalog;

		snprintf(dump, sizeof(dump),
		         HEAD_17 "--\n-- Name: x; Type: %s; Schema: s; Owner: o\n--\n\n%s\n\n"
		                 "--\n-- Name: y; Type: COMMENT; Schema: s; Owner: o\n--\n\n"
		                 "COMMENT ON z IS 'c';\n" TAIL_17,
		         cases[i].type, cases[i].sql);
		catalog = split(dump);
		assert_int_equal(catalog->object_count, 2);
		assert_string_equal(catalog->objects[0].table, cases[i].table);
		assert_string_equal(catalog->objects[0].sql, cases[i].sql);
		/* A comment belongs to what it comments on. */
		assert_string_equal(catalog->objects[1].table, cases[i].table);
		rb_catalog_free(catalog);
	}
}

static void a_sequence_of_a_column_belongs_to_its_table(void **state)
{
	(void)state;
	assert_objects(HEAD_17
	               "--\n-- Name: a_id_seq; Type: SEQUENCE; Schema: s; Owner: o\n--\n\n"
	               "CREATE SEQUENCE s.a_id_seq\n    START WITH 1;\n\n\n"
	               "ALTER SEQUENCE s.a_id_seq OWNER TO o;\n\n"
	               "--\n-- Name: a_id_seq; Type: SEQUENCE OWNED BY; Schema: s; Owner: "
	               "o\n--\n\nALTER SEQUENCE s.a_id_seq OWNED BY s.\"A\".id;\n\n\n" TAIL_17,
	               "sequence|s.a_id_seq|s.\"A\"|CREATE SEQUENCE s.a_id_seq\n    START WITH 1;\n"
	               "owner|sequence s.a_id_seq|s.\"A\"|ALTER SEQUENCE s.a_id_seq OWNER TO o;\n"
	               "sequence owned by|s.a_id_seq|s.\"A\"|"
	               "ALTER SEQUENCE s.a_id_seq OWNED BY s.\"A\".id;\n");
}

static void an_access_method_is_said_with_its_table(void **state)
{
	(void)state;
	assert_objects(HEAD_17 "SET default_table_access_method = columnar;\n\n"
	                       "--\n-- Name: c; Type: TABLE; Schema: s; Owner: o\n--\n\n"
	                       "CREATE TABLE s.c (\n);\n\n"
	                       "SET default_table_access_method = heap;\n\n"
	                       "--\n-- Name: h; Type: TABLE; Schema: s; Owner: o\n--\n\n"
	                       "CREATE TABLE s.h (\n);\n\n" TAIL_17,
	               "table|s.c|s.c|SET default_table_access_method = columnar;\n\n"
	               "CREATE TABLE s.c (\n);\n\nSET default_table_access_method = heap;\n"
	               "table|s.h|s.h|CREATE TABLE s.h (\n);\n");
}

static void equal_names_are_told_apart(void **state)
{
	(void)state;
	assert_objects(
	        HEAD_17
	        "--\n-- Name: D; Type: DEFAULT ACL; Schema: -; Owner: a\n--\n\nONE;\n\n"
	        "--\n-- Name: D; Type: DEFAULT ACL; Schema: -; Owner: b\n--\n\nTWO;\n" TAIL_17,
	        "default acl|D|D|ONE;\ndefault acl|D #2|D #2|TWO;\n");
}

static void an_empty_database_has_no_objects(void **state)
{
	(void)state;
	assert_objects(HEAD_17 TAIL_17, "");
	assert_objects(HEAD_12 DONE, "");
}

static void a_text_without_its_end_is_refused(void **state)
{
	static const char *const dumps[] = {
	        "", HEAD_17, HEAD_17 TABLE_A, HEAD_17 TABLE_A "CREATE FUNCTION f() AS $$" TAIL_17,
	        HEAD_17 "--\n-- Name: x; Type: TABLE; Schema: s; Owner: o\n--\n\n\"" TAIL_17};

	(void)state;
	for (size_t i = 0; i < sizeof(dumps) / sizeof(dumps[0]); i++) {
		struct rb_catalog *catalog = calloc(1, sizeof(*catalog));
		struct rb_err err = {0};

		assert_int_equal(rb_pg_schema_split(dumps[i], strlen(dumps[i]), catalog, &err),
		                 RB_E_FORMAT);
		assert_string_equal(err.msg, "the output of pg_dump is cut off");
		rb_catalog_free(catalog);
	}
}

static void what_comes_after_the_rows_is_known_by_its_kind(void **state)
{
	(void)state;
	assert_true(rb_pg_is_post_data("fk constraint"));
	assert_true(rb_pg_is_post_data("trigger"));
	assert_true(rb_pg_is_post_data("index"));
	assert_false(rb_pg_is_post_data("table"));
	assert_false(rb_pg_is_post_data("default"));
	assert_false(rb_pg_is_post_data("table attach"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(an_object_is_its_statements_and_its_owner_another),
	        cmocka_unit_test(versions_and_random_keys_leave_no_trace),
	        cmocka_unit_test(the_script_is_the_statements_behind_settings),
	        cmocka_unit_test(headers_in_texts_are_texts),
	        cmocka_unit_test(a_body_of_statements_belongs_to_its_function),
	        cmocka_unit_test(a_table_is_named_as_its_definition_says),
	        cmocka_unit_test(names_may_hold_what_headers_are_made_of),
	        cmocka_unit_test(objects_belong_to_their_tables),
	        cmocka_unit_test(a_sequence_of_a_column_belongs_to_its_table),
	        cmocka_unit_test(an_access_method_is_said_with_its_table),
	        cmocka_unit_test(equal_names_are_told_apart),
	        cmocka_unit_test(an_empty_database_has_no_objects),
	        cmocka_unit_test(a_text_without_its_end_is_refused),
	        cmocka_unit_test(what_comes_after_the_rows_is_known_by_its_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
