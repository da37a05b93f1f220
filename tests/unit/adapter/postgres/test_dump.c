/*
 * Tests of src/adapter/postgres/dump.c that need no server: which program is run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "harness/sh.h"
#include "postgres/schema_priv.h"

/* A program that says it is pg_dump of a version, below a directory. */
static void make_program(const char *dir, const char *says)
{
	char path[512];
	FILE *file;

	sh("mkdir -p '%s'", dir);
	snprintf(path, sizeof(path), "%s/pg_dump", dir);
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, "#!/bin/sh\necho '%s'\n", says);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0755), 0);
}

/* With PATH leading to one directory (and to the shell). */
static int find(const char *path, const char *root, int major, char **out, struct rb_err *err)
{
	char old[4096];
	char value[4200];
	int rc;

	snprintf(old, sizeof(old), "%s", getenv("PATH"));
	snprintf(value, sizeof(value), "%s", path);
	setenv("PATH", value, 1);
	rc = rb_pg_dump_find(root, major, out, err);
	setenv("PATH", old, 1);
	return rc;
}

static void the_one_in_path_is_taken_when_it_is_new_enough(void **state)
{
	char *program = NULL;

	(void)state;
	make_program("new", "pg_dump (PostgreSQL) 16.2 (Debian 16.2-1)");
	assert_int_equal(find("new", "none", 16, &program, NULL), RB_OK);
	assert_string_equal(program, "pg_dump");
	free(program);
	assert_int_equal(find("new", "none", 12, &program, NULL), RB_OK);
	assert_string_equal(program, "pg_dump");
	free(program);
}

static void else_the_newest_beside_it(void **state)
{
	char *program = NULL;

	(void)state;
	make_program("old", "pg_dump (PostgreSQL) 13.9");
	make_program("versions/14/bin", "pg_dump (PostgreSQL) 14.1");
	make_program("versions/17/bin", "pg_dump (PostgreSQL) 17beta1");
	make_program("versions/9.6/bin", "pg_dump (PostgreSQL) 9.6.1");
	assert_int_equal(find("old", "versions", 15, &program, NULL), RB_OK);
	assert_string_equal(program, "versions/17/bin/pg_dump");
	free(program);
}

static void an_older_one_is_refused(void **state)
{
	struct rb_err err = {0};
	char *program = NULL;

	(void)state;
	make_program("older", "pg_dump (PostgreSQL) 13.9");
	assert_int_equal(find("older", "none", 15, &program, &err), RB_E_UNSUPPORTED);
	assert_string_equal(err.msg, "pg_dump here is of version 13, older than the server (15), "
	                             "and cannot read its schema");
	assert_string_equal(err.hint, "install PostgreSQL's client programs: postgresql-client-15");
	assert_null(program);
}

static void without_one_its_package_is_named(void **state)
{
	struct rb_err err = {0};
	char *program = NULL;

	(void)state;
	make_program("other", "some other program");
	assert_int_equal(find("other", "none", 15, &program, &err), RB_E_UNSUPPORTED);
	assert_string_equal(err.msg, "the program pg_dump, which reads schemas, is not there");
	assert_string_equal(err.hint, "install PostgreSQL's client programs: postgresql-client-15");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_one_in_path_is_taken_when_it_is_new_enough),
	        cmocka_unit_test(else_the_newest_beside_it),
	        cmocka_unit_test(an_older_one_is_refused),
	        cmocka_unit_test(without_one_its_package_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
