/*
 * rowback/format/documents.h: schema.json has one text, and damage in it is named.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/fault.h"
#include "rowback/format/documents.h"

#define TEXT_MAX ((size_t)1 << 20)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char whole[] = "{\n"
                            "  \"engine\": \"sqlite\",\n"
                            "  \"settings\": {\n"
                            "    \"encoding\": \"UTF-8\",\n"
                            "    \"user_version\": \"7\"\n"
                            "  },\n"
                            "  \"objects\": [\n"
                            "    {\n"
                            "      \"kind\": \"table\",\n"
                            "      \"name\": \"t\",\n"
                            "      \"sql\": \"CREATE TABLE t(\\n\\ta -- \\\"x\\\"\\n)\"\n"
                            "    },\n"
                            "    {\n"
                            "      \"kind\": \"index\",\n"
                            "      \"name\": \"i\",\n"
                            "      \"table\": \"t\",\n"
                            "      \"sql\": {\n"
                            "        \"$text\": \"Q1JFQVRFIMY=\"\n"
                            "      }\n"
                            "    }\n"
                            "  ]\n"
                            "}\n";

static void a_schema_is_read_and_written_back(void **state)
{
	struct rb_catalog *catalog = NULL;
	struct rb_buf out = RB_BUF(TEXT_MAX);

	(void)state;
	assert_int_equal(rb_schema_doc_read(whole, strlen(whole), "x", &catalog, NULL), RB_OK);
	assert_string_equal(catalog->engine, "sqlite");
	assert_int_equal(catalog->setting_count, 2);
	assert_string_equal(catalog->settings[0].name, "encoding");
	assert_string_equal(catalog->settings[1].value, "7");
	assert_int_equal(catalog->object_count, 2);
	assert_string_equal(catalog->objects[0].kind, "table");
	assert_string_equal(catalog->objects[0].table, "t");
	assert_string_equal(catalog->objects[0].sql, "CREATE TABLE t(\n\ta -- \"x\"\n)");
	assert_string_equal(catalog->objects[1].name, "i");
	assert_string_equal(catalog->objects[1].table, "t");
	assert_string_equal(catalog->objects[1].sql, "CREATE \xc6");
	assert_int_equal(catalog->table_count, 0);
	assert_int_equal(catalog->remark_count, 0);

	assert_int_equal(rb_schema_doc_write(catalog, &out, NULL), RB_OK);
	assert_string_equal(out.data, whole);
	rb_buf_release(&out);
	rb_catalog_free(catalog);
}

static void an_empty_database_has_one_too(void **state)
{
	static const char text[] =
	        "{\n  \"engine\": \"sqlite\",\n  \"settings\": {},\n  \"objects\": []\n}\n";
	struct rb_catalog *catalog = NULL;
	struct rb_buf out = RB_BUF(TEXT_MAX);

	(void)state;
	assert_int_equal(rb_schema_doc_read(text, strlen(text), "x", &catalog, NULL), RB_OK);
	assert_int_equal(rb_schema_doc_write(catalog, &out, NULL), RB_OK);
	assert_string_equal(out.data, text);
	rb_buf_release(&out);
	rb_catalog_free(catalog);
}

static void assert_refused(const char *text, size_t len, const char *message)
{
	struct rb_catalog *catalog = NULL;
	struct rb_err err = {0};

	assert_int_equal(rb_schema_doc_read(text, len, "app/schema.json", &catalog, &err),
	                 RB_E_FORMAT);
	assert_string_equal(err.msg, message);
	assert_null(catalog);
}

static void damage_is_refused_and_named(void **state)
{
	static const struct {
		const char *part;
		const char *by;
		const char *message;
	} cases[] = {
	        {"\"engine\"", "\"Engine\"", "'engine' is missing"},
	        {"\"sqlite\"", "null", "'engine' is no string"},
	        {"\"settings\"", "\"Settings\"", "there is no object 'settings'"},
	        {"\"7\"", "7", "the setting 'user_version' is no string"},
	        {"\"user_version\"", "\"a\"", "settings are not sorted by name"},
	        {"\"objects\"", "\"Objects\"", "there is no list 'objects'"},
	        {"\"kind\": \"table\"", "\"x\": 1", "'kind' is missing"},
	        {"\"name\": \"t\"", "\"name\": 1", "an object's name is no string"},
	        {"\"sql\"", "\"SQL\"", "an object's sql is no string"},
	        {"\"table\": \"t\"", "\"table\": []", "an object's table is no string"},
	        {"\"CREATE TABLE t(", "\"\\u0000", "an object's sql holds a NUL"},
	        {"\"objects\": [", "\"objects\": [5,", "'kind' is missing"},
	        /* and one text only */
	        {"\"table\": \"t\"", "\"table\": \"i\"", "line 16 is not as rowback writes it"},
	        {"\"7\"", "\"7\\u0000\"", "line 5 is not as rowback writes it"},
	        {"\"kind\": \"table\",", "\"kind\": \"table\",\n\"x\": 1,",
	         "line 10 is not as rowback writes it"},
	        {"\n}\n", "\n}", "line 22 is not as rowback writes it"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *at = strstr(whole, cases[i].part);
		char text[2048];
		char want[256];

		assert_non_null(at);
		snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - whole), whole, cases[i].by,
		         at + strlen(cases[i].part));
		snprintf(want, sizeof(want), "app/schema.json: %s", cases[i].message);
		assert_refused(text, strlen(text), want);
	}
}

static void what_is_no_json_is_refused(void **state)
{
	(void)state;
	assert_refused("{", 1,
	               "'app/schema.json' is not well-formed: line 1, column 1: string or '}' "
	               "expected near end of file");
	assert_refused("[]", 2, "app/schema.json: 'engine' is missing");
	for (size_t len = 0; len < strlen(whole) - 1; len++) {
		struct rb_catalog *catalog = NULL;

		assert_int_equal(rb_schema_doc_read(whole, len, "x", &catalog, NULL), RB_E_FORMAT);
		assert_null(catalog);
	}
}

static void a_document_that_does_not_fit_is_refused(void **state)
{
	struct rb_catalog *catalog = NULL;

	(void)state;
	assert_int_equal(rb_schema_doc_read(whole, strlen(whole), "x", &catalog, NULL), RB_OK);
	for (size_t max = 0; max < strlen(whole); max += 11) {
		struct rb_buf out = RB_BUF(max);

		assert_int_equal(rb_schema_doc_write(catalog, &out, NULL), RB_E_LIMIT);
		rb_buf_release(&out);
	}
	rb_catalog_free(catalog);
}

static void without_memory_nothing_is_left(void **state)
{
	unsigned int nth = 0;
	int rc;

	(void)state;
	do {
		struct rb_catalog *catalog = NULL;

		fault_arm(FAULT_MALLOC, ++nth, 0);
		rc = rb_schema_doc_read(whole, strlen(whole), "x", &catalog, NULL);
		assert_int_equal(rc, fault_disarm() ? RB_E_NOMEM : RB_OK);
		rb_catalog_free(catalog);
	} while (rc < 0);
	assert_true(nth > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_schema_is_read_and_written_back),
	        cmocka_unit_test(an_empty_database_has_one_too),
	        cmocka_unit_test(damage_is_refused_and_named),
	        cmocka_unit_test(what_is_no_json_is_refused),
	        cmocka_unit_test(a_document_that_does_not_fit_is_refused),
	        cmocka_unit_test(without_memory_nothing_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
