/*
 * rowback/value/json.h: documents have one text, and hostile ones are refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "rowback/value/json.h"

#define TEXT_MAX ((size_t)1 << 20)

static void a_document_has_one_text(void **state)
{
	json_t *doc = json_pack("{s:s, s:[i,b,n], s:{}, s:[]}", "z", "a\"\n\xc3\xa9/", "a", 1, 1,
	                        "empty", "none");
	struct rb_buf out = RB_BUF(TEXT_MAX);

	(void)state;
	assert_int_equal(rb_json_dump(doc, &out, NULL), RB_OK);
	assert_string_equal(out.data, "{\n"
	                              "  \"z\": \"a\\\"\\n\xc3\xa9/\",\n"
	                              "  \"a\": [\n"
	                              "    1,\n"
	                              "    true,\n"
	                              "    null\n"
	                              "  ],\n"
	                              "  \"empty\": {},\n"
	                              "  \"none\": []\n"
	                              "}\n");
	rb_buf_clear(&out);
	assert_int_equal(rb_json_dump_line(doc, &out, NULL), RB_OK);
	assert_string_equal(out.data, "{\"z\":\"a\\\"\\n\xc3\xa9/\",\"a\":[1,true,null],"
	                              "\"empty\":{},\"none\":[]}");
	rb_buf_release(&out);
	json_decref(doc);
}

static void a_document_that_does_not_fit_leaves_the_output_as_it_was(void **state)
{
	json_t *doc = json_pack("{s:s}", "member", "value");
	struct rb_buf out = RB_BUF(20);
	struct rb_err err = {0};

	(void)state;
	assert_int_equal(rb_buf_adds(&out, "before", NULL), RB_OK);
	assert_int_equal(rb_json_dump(doc, &out, &err), RB_E_LIMIT);
	assert_string_equal(out.data, "before");
	assert_int_equal(rb_json_dump_line(doc, &out, &err), RB_E_LIMIT);
	assert_string_equal(out.data, "before");
	rb_buf_release(&out);
	json_decref(doc);
}

/* The library does not look whether a member's name was taken. */
static void no_part_of_a_document_is_lost_where_it_does_not_fit(void **state)
{
	json_t *doc = json_pack("{s:i, s:[i,s], s:{s:n}}", "a-long-name", 1, "b", 2, "c", "d", "e");

	(void)state;
	for (size_t max = 0; max <= 54; max++) {
		struct rb_buf out = RB_BUF(max);
		int rc = rb_json_dump_line(doc, &out, NULL);

		assert_int_equal(rc, max < 44 ? RB_E_LIMIT : RB_OK);
		assert_string_equal(
		        rb_buf_str(&out),
		        max < 44 ? "" : "{\"a-long-name\":1,\"b\":[2,\"c\"],\"d\":{\"e\":null}}");
		rb_buf_release(&out);
	}
	json_decref(doc);
}

static void what_is_dumped_is_parsed_back(void **state)
{
	json_t *doc = json_pack("{s:s%, s:I, s:[s]}", "nul", "a\0b", (size_t)3, "big",
	                        (json_int_t)INT64_MIN, "list", "\xf0\x9f\x98\x80");
	struct rb_buf out = RB_BUF(TEXT_MAX);
	json_t *back = NULL;

	(void)state;
	assert_int_equal(rb_json_dump(doc, &out, NULL), RB_OK);
	assert_int_equal(rb_json_parse(out.data, out.len, "x", &back, NULL), RB_OK);
	assert_true(json_equal(doc, back));
	json_decref(back);
	json_decref(doc);
	rb_buf_release(&out);
}

static void malformed_documents_are_refused_with_their_place(void **state)
{
	static const struct {
		const char *text;
		const char *message;
	} cases[] = {
	        {"", "'app/t/table.json' is not well-formed: line 1, column 0: "
	             "'[' or '{' expected near end of file"},
	        {"1", "'app/t/table.json' is not well-formed: line 1, column 1: "
	              "'[' or '{' expected"},
	        {"{\"a\":1,\n \"a\":2}", "'app/t/table.json' is not well-formed: line 2, column 4: "
	                                 "duplicate object key"},
	        {"{\"a\":1} x", "'app/t/table.json' is not well-formed: line 1, column 9: "
	                        "end of file expected"},
	        {"{\"a\\u0000\":1}", "'app/t/table.json' is not well-formed: line 1, column 10: "
	                             "NUL byte in object key not supported"},
	        {"[\"\xff\"]", "'app/t/table.json' is not well-formed: line 1, column 2: "
	                       "unable to decode byte 0xff"},
	        {"[9223372036854775808]", "'app/t/table.json' is not well-formed: line 1, "
	                                  "column 20: too big integer"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rb_err err = {0};
		json_t *doc = NULL;

		assert_int_equal(rb_json_parse(cases[i].text, strlen(cases[i].text),
		                               "app/t/table.json", &doc, &err),
		                 RB_E_FORMAT);
		assert_string_equal(err.msg, cases[i].message);
		assert_null(doc);
	}
}

static void deep_nesting_is_refused_before_it_is_parsed(void **state)
{
	char text[200];
	struct rb_err err = {0};
	json_t *doc = NULL;

	(void)state;
	memset(text, '[', 64);
	memset(text + 64, ']', 64);
	assert_int_equal(rb_json_parse(text, 128, "x", &doc, NULL), RB_OK);
	json_decref(doc);
	doc = NULL;
	memset(text, '[', 65);
	memset(text + 65, ']', 65);
	assert_int_equal(rb_json_parse(text, 130, "x", &doc, &err), RB_E_LIMIT);
	assert_string_equal(err.msg, "'x' is nested deeper than 64");
	assert_null(doc);

	/* Brackets in strings are no nesting. */
	memset(text, '[', 199);
	memcpy(text, "[\"\\\"", 4);
	memcpy(text + 197, "\"]", 2);
	assert_int_equal(rb_json_parse(text, 199, "x", &doc, NULL), RB_OK);
	json_decref(doc);
}

static void names_of_any_bytes_come_back(void **state)
{
	static const struct {
		const char *bytes;
		const char *text;
	} cases[] = {
	        {"", "\"\""},
	        {"plain \xc3\xa9", "\"plain \xc3\xa9\""},
	        {"\xc6\xc6", "{\"$text\":\"xsY=\"}"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *value = rb_json_bytes(cases[i].bytes, strlen(cases[i].bytes));
		struct rb_buf out = RB_BUF(TEXT_MAX);
		char *back = NULL;

		assert_non_null(value);
		assert_int_equal(rb_json_dump_line(value, &out, NULL), RB_OK);
		assert_string_equal(out.data, cases[i].text);
		assert_int_equal(rb_json_get_bytes(value, "name", &back, NULL), RB_OK);
		assert_string_equal(back, cases[i].bytes);
		free(back);
		rb_buf_release(&out);
		json_decref(value);
	}
}

static void what_is_no_name_is_refused(void **state)
{
	static const struct {
		const char *text;
		const char *message;
	} cases[] = {
	        {"[1]", "a name is no string"},
	        {"[null]", "a name is no string"},
	        {"[\"a\\u0000b\"]", "a name holds a NUL"},
	        {"[{\"$text\":1}]", "a name is no string"},
	        {"[{\"$text\":\"/w==\",\"x\":1}]", "a name is no string"},
	        {"[{\"$text\":\"/w=\"}]", "base64 of 3 characters is cut short"},
	        {"[{\"$text\":\"YQ==\"}]", "a name is UTF-8 but kept as base64"},
	        {"[{\"$text\":\"\"}]", "a name is UTF-8 but kept as base64"},
	        {"[{\"$text\":\"/wA=\"}]", "a name holds a NUL"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rb_err err = {0};
		json_t *doc = NULL;
		char *name = NULL;

		assert_int_equal(
		        rb_json_parse(cases[i].text, strlen(cases[i].text), "x", &doc, NULL),
		        RB_OK);
		assert_int_equal(rb_json_get_bytes(json_array_get(doc, 0), "a name", &name, &err),
		                 RB_E_FORMAT);
		assert_string_equal(err.msg, cases[i].message);
		assert_null(name);
		json_decref(doc);
	}
	assert_int_equal(rb_json_get_bytes(NULL, "a name", &(char *){NULL}, NULL), RB_E_FORMAT);
}

static void members_are_read_by_type(void **state)
{
	json_t *doc = json_pack("{s:s, s:s%, s:i, s:f}", "text", "x", "nul", "a\0b", (size_t)3,
	                        "int", 7, "real", 1.5);
	struct rb_err err = {0};
	const char *text = NULL;
	int64_t number = 0;

	(void)state;
	assert_int_equal(rb_json_get_string(doc, "text", &text, NULL), RB_OK);
	assert_string_equal(text, "x");
	assert_int_equal(rb_json_get_int(doc, "int", &number, NULL), RB_OK);
	assert_int_equal(number, 7);

	assert_int_equal(rb_json_get_string(doc, "gone", &text, &err), RB_E_FORMAT);
	assert_string_equal(err.msg, "'gone' is missing");
	assert_int_equal(rb_json_get_string(doc, "int", &text, &err), RB_E_FORMAT);
	assert_string_equal(err.msg, "'int' is no string");
	assert_int_equal(rb_json_get_string(doc, "nul", &text, &err), RB_E_FORMAT);
	assert_string_equal(err.msg, "'nul' is no string");
	assert_int_equal(rb_json_get_int(doc, "gone", &number, &err), RB_E_FORMAT);
	assert_string_equal(err.msg, "'gone' is missing");
	assert_int_equal(rb_json_get_int(doc, "real", &number, &err), RB_E_FORMAT);
	assert_string_equal(err.msg, "'real' is no integer");
	assert_int_equal(rb_json_get_int(NULL, "x", &number, &err), RB_E_FORMAT);
	json_decref(doc);
}

static void *no_malloc(size_t size)
{
	(void)size;
	return NULL;
}

static void without_memory_nothing_is_made(void **state)
{
	struct rb_err err = {0};
	json_t *doc = NULL;

	(void)state;
	json_set_alloc_funcs(no_malloc, free);
	assert_int_equal(rb_json_parse("[]", 2, "x", &doc, &err), RB_E_NOMEM);
	assert_null(rb_json_bytes("a", 1));
	assert_null(rb_json_bytes("\xff", 1));
	json_set_alloc_funcs(malloc, free);
	assert_string_equal(err.msg, "no memory to read 'x'");
	assert_null(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_document_has_one_text),
	        cmocka_unit_test(a_document_that_does_not_fit_leaves_the_output_as_it_was),
	        cmocka_unit_test(no_part_of_a_document_is_lost_where_it_does_not_fit),
	        cmocka_unit_test(what_is_dumped_is_parsed_back),
	        cmocka_unit_test(malformed_documents_are_refused_with_their_place),
	        cmocka_unit_test(deep_nesting_is_refused_before_it_is_parsed),
	        cmocka_unit_test(names_of_any_bytes_come_back),
	        cmocka_unit_test(what_is_no_name_is_refused),
	        cmocka_unit_test(members_are_read_by_type),
	        cmocka_unit_test(without_memory_nothing_is_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
