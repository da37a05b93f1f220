/*
 * adapter/postgres/target_rights.c: which object rights are about.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "postgres/target_priv.h"

static const struct {
	const char *rights;
	const char *owner;
	bool want;
} cases[] = {
        {"GRANT SELECT ON TABLE public.t TO bob;", "ALTER TABLE public.t OWNER TO eve;", true},
        {"GRANT SELECT(a) ON TABLE public.t TO bob;", "ALTER TABLE public.t OWNER TO eve;", true},
        {"GRANT SELECT ON TABLE public.t2 TO bob;", "ALTER TABLE public.t OWNER TO eve;", false},
        {"GRANT SELECT ON TABLE public.t TO bob;", "ALTER TABLE public.t2 OWNER TO eve;", false},
        {"GRANT USAGE ON SEQUENCE public.s TO bob;", "ALTER TABLE public.s OWNER TO eve;", true},
        {"REVOKE ALL ON FUNCTION public.f(a integer, b text) FROM PUBLIC;",
         "ALTER FUNCTION public.f(a integer, b text) OWNER TO eve;", true},
        {"REVOKE ALL ON FUNCTION public.f(a integer) FROM PUBLIC;",
         "ALTER FUNCTION public.f(a integer, b text) OWNER TO eve;", false},
        {"GRANT USAGE ON SCHEMA \"My S\" TO bob;", "ALTER SCHEMA \"My S\" OWNER TO eve;", true},
        {"GRANT SELECT ON TABLE public.m TO bob;", "ALTER MATERIALIZED VIEW public.m OWNER TO eve;",
         true},
        {"GRANT SELECT ON TABLE \"ABC\".\"T\" TO bob;",
         "ALTER FOREIGN TABLE \"ABC\".\"T\" OWNER TO eve;", true},
        {"GRANT SELECT ON TABLE public.t TO bob;", "ALTER TABLE public.t SET SCHEMA eve;", false},
        {"GRANT SELECT ON TABLE public.t TO bob;", " OWNER TO eve;", false},
        {"", "ALTER TABLE public.t OWNER TO eve;", false},
        {"GRANT", "", false},
};

static void rights_are_of_what_they_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (rb_pg_rights_are_of(cases[i].rights, cases[i].owner) != cases[i].want)
			fail_msg("%s / %s", cases[i].rights, cases[i].owner);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(rights_are_of_what_they_name)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
