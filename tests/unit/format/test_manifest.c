/*
 * rowback/format/documents.h: rowback.json has one text, and a hostile one leads nowhere.
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
                            "  \"format\": 1,\n"
                            "  \"sources\": {\n"
                            "    \"app\": {\n"
                            "      \"engine\": \"sqlite\",\n"
                            "      \"tables\": [\n"
                            "        {\n"
                            "          \"name\": \"Orders\",\n"
                            "          \"path\": \"Orders\",\n"
                            "          \"rows\": 1200\n"
                            "        },\n"
                            "        {\n"
                            "          \"name\": \"order details\",\n"
                            "          \"path\": \"order%20details\",\n"
                            "          \"rows\": 9223372036854775807\n"
                            "        },\n"
                            "        {\n"
                            "          \"name\": {\n"
                            "            \"$text\": \"xsY=\"\n"
                            "          },\n"
                            "          \"path\": \"%c6%c6\",\n"
                            "          \"rows\": 0\n"
                            "        }\n"
                            "      ],\n"
                            "      \"missing\": [\n"
                            "        \"a\",\n"
                            "        \"b\"\n"
                            "      ]\n"
                            "    },\n"
                            "    \"crm\": {\n"
                            "      \"engine\": \"postgres\",\n"
                            "      \"tables\": []\n"
                            "    }\n"
                            "  }\n"
                            "}\n";

static void a_manifest_is_read_and_written_back(void **state)
{
	struct rb_manifest manifest;
	struct rb_buf out = RB_BUF(TEXT_MAX);
	const struct rb_manifest_source *app;

	(void)state;
	assert_int_equal(rb_manifest_read(whole, strlen(whole), &manifest, NULL), RB_OK);
	assert_int_equal(manifest.source_count, 2);
	app = rb_manifest_source(&manifest, "app");
	assert_ptr_equal(app, &manifest.sources[0]);
	assert_string_equal(app->engine, "sqlite");
	assert_int_equal(app->table_count, 3);
	assert_string_equal(app->tables[0].name, "Orders");
	assert_string_equal(app->tables[0].path, "Orders");
	assert_int_equal(app->tables[0].rows, 1200);
	assert_true(app->tables[1].rows == INT64_MAX);
	assert_string_equal(app->tables[2].name, "\xc6\xc6");
	assert_int_equal(app->missing_count, 2);
	assert_string_equal(app->missing[1], "b");
	assert_string_equal(rb_manifest_source(&manifest, "crm")->engine, "postgres");
	assert_null(rb_manifest_source(&manifest, "APP"));
	assert_null(rb_manifest_source(&manifest, ""));

	assert_int_equal(rb_manifest_write(&manifest, &out, NULL), RB_OK);
	assert_string_equal(out.data, whole);
	rb_buf_release(&out);
	rb_manifest_release(&manifest);
	assert_null(manifest.sources);
	assert_int_equal(manifest.source_count, 0);
}

static void a_store_without_sources_is_one(void **state)
{
	static const char text[] = "{\n  \"format\": 1,\n  \"sources\": {}\n}\n";
	struct rb_manifest manifest;
	struct rb_buf out = RB_BUF(TEXT_MAX);

	(void)state;
	assert_int_equal(rb_manifest_read(text, strlen(text), &manifest, NULL), RB_OK);
	assert_int_equal(manifest.source_count, 0);
	assert_int_equal(rb_manifest_write(&manifest, &out, NULL), RB_OK);
	assert_string_equal(out.data, text);
	rb_buf_release(&out);
	rb_manifest_release(&manifest);
}

static void assert_refused(const char *text, size_t len, const char *message)
{
	struct rb_manifest manifest;
	struct rb_err err = {0};

	assert_int_equal(rb_manifest_read(text, len, &manifest, &err), RB_E_FORMAT);
	assert_string_equal(err.msg, message);
	assert_null(manifest.sources);
	assert_int_equal(manifest.source_count, 0);
}

/* The whole manifest with one part replaced. */
static void assert_part_refused(const char *part, const char *by, const char *message)
{
	const char *at = strstr(whole, part);
	char text[4096];

	assert_non_null(at);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - whole), whole, by, at + strlen(part));
	assert_refused(text, strlen(text), message);
}

static void damage_is_refused_and_named(void **state)
{
	static const struct {
		const char *part;
		const char *by;
		const char *message;
	} cases[] = {
	        {"  \"format\": 1,\n", "", "rowback.json: 'format' is missing"},
	        {"1,\n", "\"1\",\n", "rowback.json: 'format' is no integer"},
	        {"1,\n", "1.0,\n", "rowback.json: 'format' is no integer"},
	        {"\"sources\"", "\"source\"", "rowback.json: there is no object 'sources'"},
	        {"\"app\"", "\"App\"", "rowback.json: 'App' cannot be the name of a source"},
	        {"\"engine\": \"sqlite\"", "\"x\": 1",
	         "rowback.json: source 'app': 'engine' is missing"},
	        {"\"sqlite\"", "5", "rowback.json: source 'app': 'engine' is no string"},
	        {"\"tables\"", "\"Tables\"",
	         "rowback.json: source 'app': there is no list of tables"},
	        {"\"name\": \"Orders\"", "\"x\": 1",
	         "rowback.json: source 'app': a table's name is no string"},
	        {"\"Orders\"", "\"\\u0000\"",
	         "rowback.json: source 'app': a table's name holds a NUL"},
	        {"\"path\": \"Orders\"", "\"x\": 1",
	         "rowback.json: source 'app': 'path' is missing"},
	        {"\"path\": \"Orders\"", "\"path\": \"Orders\\u0000\"",
	         "rowback.json: source 'app': 'path' is no string"},
	        {"1200", "1200.0", "rowback.json: source 'app': 'rows' is no integer"},
	        {"1200", "-1", "rowback.json: source 'app': a table has less than no rows"},
	        {"xsY=", "eA==",
	         "rowback.json: source 'app': a table's name is UTF-8 but kept as base64"},
	        {"\"missing\": [", "\"missing\": [{},",
	         "rowback.json: source 'app': a missing table's name is no string"},
	        {"\"a\",\n        \"b\"", "\"b\",\n        \"b\"",
	         "rowback.json: source 'app': missing tables are not sorted by name"},
	        {"\"crm\"", "\"aaa\"", "rowback.json: sources are not sorted by name"},
	        {"\"crm\": {", "\"crm\": [],\"x\": {",
	         "rowback.json: source 'crm': 'engine' is missing"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_part_refused(cases[i].part, cases[i].by, cases[i].message);
}

static void tables_are_in_order_and_there_once(void **state)
{
	static const char message[] = "rowback.json: source 'app': tables are not sorted by name";

	(void)state;
	/* The same one twice; and one that comes before the first. */
	assert_part_refused("\"order details\",\n          \"path\": \"order%20details\"",
	                    "\"Orders\",\n          \"path\": \"Orders\"", message);
	assert_part_refused("\"order details\",\n          \"path\": \"order%20details\"",
	                    "\"Order\",\n          \"path\": \"Order\"", message);
}

/* A table lies where its name says, and nowhere else. */
static void a_path_that_is_not_of_its_table_is_refused(void **state)
{
	static const char *const paths[] = {"",          ".",         "..",       "../x",
	                                    "../../etc", "/etc",      "a/b",      "a\\\\b",
	                                    "c:",        "orders",    "Orders/",  "Orders.",
	                                    "Orders ",   "orders2",   "%4frders", "order%20details",
	                                    ".git",      "Orders%%2", "rows",     "-x",
	                                    "%",         "Orders\\nx"};

	(void)state;
	for (size_t i = 0; i < COUNT(paths); i++) {
		char by[128];
		char want[256];
		const char *shown = paths[i];

		if (strcmp(shown, "a\\\\b") == 0)
			shown = "a\\b";
		if (strcmp(shown, "Orders\\nx") == 0)
			shown = "Orders\nx";
		snprintf(by, sizeof(by), "\"path\": \"%s\"", paths[i]);
		snprintf(want, sizeof(want),
		         "rowback.json: source 'app': '%s' is no path of table 'Orders'", shown);
		assert_part_refused("\"path\": \"Orders\"", by, want);
	}
}

static void the_path_of_a_name_that_differs_in_case_is_read(void **state)
{
	struct rb_manifest manifest;
	char text[4096];
	const char *at = strstr(whole, "\"path\": \"Orders\"");

	(void)state;
	snprintf(text, sizeof(text), "%.*s\"path\": \"Orders%%%%1\"%s", (int)(at - whole), whole,
	         at + strlen("\"path\": \"Orders\""));
	assert_int_equal(rb_manifest_read(text, strlen(text), &manifest, NULL), RB_OK);
	assert_string_equal(manifest.sources[0].tables[0].path, "Orders%%1");
	rb_manifest_release(&manifest);
}

static void a_source_name_that_is_no_plain_directory_is_refused(void **state)
{
	static const char *const names[] = {
	        "",
	        ".",
	        "..",
	        "a/b",
	        ".git",
	        "rowback.json",
	        "RESTORE.md",
	        "A",
	        "a b",
	        "-a",
	        "_a",
	        "con",
	        "aux",
	        "com1",
	        "a.b",
	        "caf\xc3\xa9",
	        "%41",
	        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" /* 65 */};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		char by[128];
		char want[256];

		snprintf(by, sizeof(by), "\"%s\"", names[i]);
		snprintf(want, sizeof(want), "rowback.json: '%s' cannot be the name of a source",
		         names[i]);
		assert_part_refused("\"app\"", by, want);
	}
}

/* Equal content has equal bytes: no other text stands for it. */
static void another_text_of_the_same_content_is_refused(void **state)
{
	static const struct {
		const char *part;
		const char *by;
		const char *message;
	} cases[] = {
	        {"{\n", "{", "rowback.json: line 1 is not as rowback writes it"},
	        {"\"format\"", "\"\\u0066ormat\"",
	         "rowback.json: line 2 is not as rowback writes it"},
	        {"1,\n", "1,\r\n", "rowback.json: line 2 is not as rowback writes it"},
	        {"\"sources\"", "\"new\": 1, \"sources\"",
	         "rowback.json: line 3 is not as rowback writes it"},
	        {"1200\n", "1200,\n\"new\": 1\n",
	         "rowback.json: line 10 is not as rowback writes it"},
	        {"\"missing\": [\n        \"a\",\n        \"b\"\n      ]", "\"missing\": []",
	         "rowback.json: line 24 is not as rowback writes it"},
	        {"\"tables\": []\n    }\n  }\n}\n", "\"tables\": []\n    }\n  }\n}",
	         "rowback.json: line 35 is not as rowback writes it"},
	        {"\"tables\": []\n    }\n  }\n}\n", "\"tables\": []\n    }\n  }\n}\n\n",
	         "rowback.json: line 36 is not as rowback writes it"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_part_refused(cases[i].part, cases[i].by, cases[i].message);
}

static void what_is_no_json_is_refused(void **state)
{
	(void)state;
	assert_refused("", 0,
	               "'rowback.json' is not well-formed: line 1, column 0: '[' or '{' expected "
	               "near end of file");
	assert_refused("[]", 2, "rowback.json: 'format' is missing");
	assert_part_refused("1,\n", "1, \"format\": 1,\n",
	                    "'rowback.json' is not well-formed: line 2, column 23: "
	                    "duplicate object key");
	assert_part_refused("\"crm\"", "\"app\"",
	                    "'rowback.json' is not well-formed: line 30, column 9: "
	                    "duplicate object key");
	for (size_t len = 1; len < strlen(whole) - 1; len++) {
		struct rb_manifest manifest;

		assert_int_equal(rb_manifest_read(whole, len, &manifest, NULL), RB_E_FORMAT);
	}
}

/* Before anything else is looked at: in another format it may mean something else. */
static void another_format_is_refused_with_a_hint(void **state)
{
	static const char *const texts[] = {"{\"format\": 2}", "{\"format\": 2, \"sources\": []}",
	                                    "{\"sources\": 5, \"format\": 2}"};
	struct rb_manifest manifest;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct rb_err err = {0};

		assert_int_equal(rb_manifest_read(texts[i], strlen(texts[i]), &manifest, &err),
		                 RB_E_UNSUPPORTED);
		assert_int_equal(err.status, RB_E_UNSUPPORTED);
		assert_string_equal(err.msg, "the store has format 2; this is rowback " RB_VERSION
		                             ", which knows format 1");
		assert_string_equal(err.hint, "install the rowback that wrote it, or a newer one");
	}
	assert_int_equal(rb_manifest_read("{\"format\": 0}", 13, &manifest, NULL),
	                 RB_E_UNSUPPORTED);
	assert_int_equal(rb_manifest_read("{\"format\": -1}", 14, &manifest, NULL),
	                 RB_E_UNSUPPORTED);
}

static void a_manifest_that_does_not_fit_is_refused(void **state)
{
	struct rb_manifest manifest;

	(void)state;
	assert_int_equal(rb_manifest_read(whole, strlen(whole), &manifest, NULL), RB_OK);
	for (size_t max = 0; max < strlen(whole); max += 13) {
		struct rb_buf out = RB_BUF(max);

		assert_int_equal(rb_manifest_write(&manifest, &out, NULL), RB_E_LIMIT);
		rb_buf_release(&out);
	}
	rb_manifest_release(&manifest);
}

/* Whichever allocation fails, it is said, and nothing is left. */
static void without_memory_nothing_is_left(void **state)
{
	unsigned int nth = 0;
	int rc;

	(void)state;
	do {
		struct rb_manifest manifest;

		fault_arm(FAULT_MALLOC, ++nth, 0);
		rc = rb_manifest_read(whole, strlen(whole), &manifest, NULL);
		assert_int_equal(rc, fault_disarm() ? RB_E_NOMEM : RB_OK);
		rb_manifest_release(&manifest);
	} while (rc < 0);
	assert_true(nth > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_manifest_is_read_and_written_back),
	        cmocka_unit_test(a_store_without_sources_is_one),
	        cmocka_unit_test(damage_is_refused_and_named),
	        cmocka_unit_test(tables_are_in_order_and_there_once),
	        cmocka_unit_test(a_path_that_is_not_of_its_table_is_refused),
	        cmocka_unit_test(the_path_of_a_name_that_differs_in_case_is_read),
	        cmocka_unit_test(a_source_name_that_is_no_plain_directory_is_refused),
	        cmocka_unit_test(another_text_of_the_same_content_is_refused),
	        cmocka_unit_test(what_is_no_json_is_refused),
	        cmocka_unit_test(another_format_is_refused_with_a_hint),
	        cmocka_unit_test(a_manifest_that_does_not_fit_is_refused),
	        cmocka_unit_test(without_memory_nothing_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
