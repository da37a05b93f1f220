/*
 * rowback/format/documents.h: table.json has one text, and describes a table that can be.
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

#define TEXT_MAX ((size_t)16 << 20)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* All that a table's document can have. */
static const char whole[] = "{\n"
                            "  \"name\": \"order \\\"details\\\"\",\n"
                            "  \"kind\": \"table\",\n"
                            "  \"options\": \"WITHOUT ROWID, STRICT\",\n"
                            "  \"note\": \"kept as it is\",\n"
                            "  \"columns\": [\n"
                            "    {\n"
                            "      \"name\": \"id\",\n"
                            "      \"type\": \"INTEGER\",\n"
                            "      \"notNull\": true\n"
                            "    },\n"
                            "    {\n"
                            "      \"name\": \"$total\",\n"
                            "      \"type\": \"REAL\",\n"
                            "      \"notNull\": true,\n"
                            "      \"default\": \"0\",\n"
                            "      \"collation\": \"NOCASE\"\n"
                            "    },\n"
                            "    {\n"
                            "      \"name\": {\n"
                            "        \"$text\": \"xsY=\"\n"
                            "      }\n"
                            "    },\n"
                            "    {\n"
                            "      \"name\": \"twice\",\n"
                            "      \"type\": \"INT\",\n"
                            "      \"generated\": \"virtual\"\n"
                            "    },\n"
                            "    {\n"
                            "      \"name\": \"\",\n"
                            "      \"generated\": \"stored\"\n"
                            "    }\n"
                            "  ],\n"
                            "  \"key\": {\n"
                            "    \"kind\": \"primary\",\n"
                            "    \"columns\": [\n"
                            "      \"$base64:xsY=\",\n"
                            "      \"$$total\",\n"
                            "      \"id\"\n"
                            "    ],\n"
                            "    \"mayRepeat\": true\n"
                            "  },\n"
                            "  \"foreignKeys\": [\n"
                            "    {\n"
                            "      \"columns\": [\n"
                            "        \"id\",\n"
                            "        \"$total\"\n"
                            "      ],\n"
                            "      \"table\": \"other\",\n"
                            "      \"references\": [\n"
                            "        \"a\",\n"
                            "        \"b\"\n"
                            "      ],\n"
                            "      \"onUpdate\": \"CASCADE\",\n"
                            "      \"onDelete\": \"NO ACTION\"\n"
                            "    },\n"
                            "    {\n"
                            "      \"columns\": [\n"
                            "        \"id\"\n"
                            "      ],\n"
                            "      \"table\": \"other\"\n"
                            "    }\n"
                            "  ]\n"
                            "}\n";

/* The least. */
static const char least[] = "{\n"
                            "  \"name\": \"\",\n"
                            "  \"kind\": \"virtual\",\n"
                            "  \"columns\": [\n"
                            "    {\n"
                            "      \"rowid\": true,\n"
                            "      \"notNull\": true\n"
                            "    },\n"
                            "    {\n"
                            "      \"name\": \"body\"\n"
                            "    }\n"
                            "  ],\n"
                            "  \"key\": {\n"
                            "    \"kind\": \"rowid\",\n"
                            "    \"columns\": [\n"
                            "      \"$rowid\"\n"
                            "    ]\n"
                            "  }\n"
                            "}\n";

static void assert_written_back(const struct rb_table *table, const char *want)
{
	struct rb_buf out = RB_BUF(TEXT_MAX);

	assert_int_equal(rb_table_doc_write(table, &out, NULL), RB_OK);
	assert_string_equal(out.data, want);
	rb_buf_release(&out);
}

static void a_table_is_read_and_written_back(void **state)
{
	struct rb_table table;

	(void)state;
	assert_int_equal(rb_table_doc_read(whole, strlen(whole), "x", &table, NULL), RB_OK);
	assert_string_equal(table.name, "order \"details\"");
	assert_int_equal(table.kind, RB_TABLE_PLAIN);
	assert_string_equal(table.options, "WITHOUT ROWID, STRICT");
	assert_string_equal(table.note, "kept as it is");
	assert_int_equal(table.column_count, 5);
	assert_string_equal(table.columns[0].type, "INTEGER");
	assert_true(table.columns[0].not_null);
	assert_null(table.columns[0].default_sql);
	assert_null(table.columns[0].collation);
	assert_string_equal(table.columns[1].default_sql, "0");
	assert_string_equal(table.columns[1].collation, "NOCASE");
	assert_string_equal(table.columns[2].name, "\xc6\xc6");
	assert_string_equal(table.columns[2].type, "");
	assert_false(table.columns[2].not_null);
	assert_int_equal(table.columns[3].generated, RB_GENERATED_VIRTUAL);
	assert_int_equal(table.columns[4].generated, RB_GENERATED_STORED);
	assert_string_equal(table.columns[4].name, "");
	assert_int_equal(table.key_kind, RB_KEY_PRIMARY);
	assert_int_equal(table.key_count, 3);
	assert_int_equal(table.key[0], 2);
	assert_int_equal(table.key[1], 1);
	assert_int_equal(table.key[2], 0);
	assert_true(table.key_may_repeat);
	assert_int_equal(table.foreign_key_count, 2);
	assert_string_equal(table.foreign_keys[0].columns[1], "$total");
	assert_string_equal(table.foreign_keys[0].ref_table, "other");
	assert_string_equal(table.foreign_keys[0].ref_columns[1], "b");
	assert_string_equal(table.foreign_keys[0].on_update, "CASCADE");
	assert_null(table.foreign_keys[1].ref_columns);
	assert_string_equal(table.foreign_keys[1].on_delete, "");
	assert_written_back(&table, whole);
	rb_table_release(&table);
}

static void a_column_may_have_a_form(void **state)
{
	static const char text[] = "{\n"
	                           "  \"name\": \"public.t\",\n"
	                           "  \"kind\": \"table\",\n"
	                           "  \"columns\": [\n"
	                           "    {\n"
	                           "      \"name\": \"n\",\n"
	                           "      \"type\": \"numeric(5,2)\",\n"
	                           "      \"form\": \"number\",\n"
	                           "      \"notNull\": true\n"
	                           "    }\n"
	                           "  ],\n"
	                           "  \"key\": {\n"
	                           "    \"kind\": \"primary\",\n"
	                           "    \"columns\": [\n"
	                           "      \"n\"\n"
	                           "    ]\n"
	                           "  }\n"
	                           "}\n";
	char bad[sizeof(text)];
	struct rb_table table;
	struct rb_err err = {0};

	(void)state;
	assert_int_equal(rb_table_doc_read(text, strlen(text), "x", &table, NULL), RB_OK);
	assert_string_equal(table.columns[0].form, "number");
	assert_written_back(&table, text);
	rb_table_release(&table);
	memcpy(bad, text, sizeof(text));
	memcpy(strstr(bad, "\"number\"") + 1, "nomber", 6);
	assert_int_equal(rb_table_doc_read(bad, strlen(bad), "x", &table, &err), RB_E_FORMAT);
	assert_string_equal(err.msg, "x: 'form' has the unknown value 'nomber'");
}

static void what_is_empty_is_left_out(void **state)
{
	struct rb_table table;

	(void)state;
	assert_int_equal(rb_table_doc_read(least, strlen(least), "x", &table, NULL), RB_OK);
	assert_string_equal(table.name, "");
	assert_string_equal(table.options, "");
	assert_null(table.note);
	assert_int_equal(table.kind, RB_TABLE_VIRTUAL);
	assert_true(table.columns[0].is_rowid);
	assert_string_equal(table.columns[0].name, "");
	assert_int_equal(table.key_kind, RB_KEY_ROWID);
	assert_false(table.key_may_repeat);
	assert_int_equal(table.foreign_key_count, 0);
	assert_written_back(&table, least);
	rb_table_release(&table);
}

/* Every kind of table and of key, and none of another. */
static void every_kind_is_read(void **state)
{
	static const struct {
		const char *kind;
		const char *columns;
		const char *key;
		const char *key_columns;
	} cases[] = {
	        {"table", "{\n      \"name\": \"a\"\n    }", "unique", "\n      \"a\"\n    "},
	        {"shadow", "{\n      \"name\": \"a\"\n    }", "row", "\n      \"a\"\n    "},
	        {"system",
	         "{\n      \"name\": \"a\"\n    },\n    {\n      \"name\": \"g\",\n      "
	         "\"generated\": \"stored\"\n    },\n    {\n      \"name\": \"b\"\n    }",
	         "row", "\n      \"a\",\n      \"b\"\n    "},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rb_table table;
		char text[2048];

		snprintf(text, sizeof(text),
		         "{\n  \"name\": \"t\",\n  \"kind\": \"%s\",\n  \"columns\": [\n    %s\n  "
		         "],\n  \"key\": {\n    \"kind\": \"%s\",\n    \"columns\": [%s]\n  }\n}\n",
		         cases[i].kind, cases[i].columns, cases[i].key, cases[i].key_columns);
		assert_int_equal(rb_table_doc_read(text, strlen(text), "x", &table, NULL), RB_OK);
		assert_written_back(&table, text);
		rb_table_release(&table);
	}
}

static void assert_refused(const char *text, size_t len, const char *message)
{
	static const struct rb_table none = {0};
	struct rb_table table;
	struct rb_err err = {0};

	assert_int_equal(rb_table_doc_read(text, len, "app/t/table.json", &table, &err),
	                 RB_E_FORMAT);
	assert_string_equal(err.msg, message);
	assert_memory_equal(&table, &none, sizeof(none));
}

static void assert_part_refused(const char *document, const char *part, const char *by,
                                const char *message)
{
	const char *at = strstr(document, part);
	char text[4096];
	char want[256];

	assert_non_null(at);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - document), document, by,
	         at + strlen(part));
	snprintf(want, sizeof(want), "app/t/table.json: %s", message);
	assert_refused(text, strlen(text), want);
}

static void damage_is_refused_and_named(void **state)
{
	static const struct {
		const char *part;
		const char *by;
		const char *message;
	} cases[] = {
	        {"\"name\"", "\"Name\"", "the name is no string"},
	        {"\"order \\\"details\\\"\"", "null", "the name is no string"},
	        {"\"order ", "\"\\u0000", "the name holds a NUL"},
	        {"\"kind\": \"table\",", "", "'kind' is missing"},
	        {"\"kind\": \"table\"", "\"kind\": 1", "'kind' is no string"},
	        {"\"kind\": \"table\"", "\"kind\": \"Table\"",
	         "'kind' has the unknown value 'Table'"},
	        {"\"WITHOUT ROWID, STRICT\"", "[]", "options is no string"},
	        {"\"kept as it is\"", "5", "note is no string"},
	        {"\"columns\"", "\"Columns\"", "there is no usable list of columns"},
	        {"\"columns\": [", "\"columns\": [5,", "a column is no object"},
	        {"\"columns\": [", "\"columns\": [{},", "a column has no name"},
	        {"\"id\",\n      \"type\"", "7,\n      \"type\"", "name is no string"},
	        {"\"INTEGER\"", "{}", "type is no string"},
	        {"\"0\"", "0", "default is no string"},
	        {"\"NOCASE\"", "true", "collation is no string"},
	        {"\"virtual\"", "\"no\"", "line 26 is not as rowback writes it"},
	        {"\"virtual\"", "\"sometimes\"", "'generated' has the unknown value 'sometimes'"},
	        {"\"twice\"", "\"id\"", "two columns are called 'id'"},
	        {"\"key\"", "\"Key\"", "'kind' is missing"},
	        {"\"primary\"", "\"none\"", "'kind' has the unknown value 'none'"},
	        {"\"primary\",\n    \"columns\"", "\"primary\",\n    \"x\"",
	         "the key has no usable list of columns"},
	        {"\"$base64:xsY=\"", "1,2,3,4", "the key has no usable list of columns"},
	        {"\"$base64:xsY=\"", "7", "a key column is no string"},
	        {"\"$$total\"", "\"$total\"",
	         "the key names the column '$total', which rows do not have"},
	        {"\"$$total\"", "\"twice\"",
	         "the key names the column 'twice', which rows do not have"},
	        {"\"$$total\"", "\"\"", "the key names the column '', which rows do not have"},
	        {"\"$$total\"", "\"id\\u0000\"",
	         "the key names the column 'id', which rows do not have"},
	        {"\"$$total\"", "\"id\"", "the key names the column 'id' twice"},
	        {"\"primary\"", "\"row\"", "the key's columns do not make a key of kind 'row'"},
	        {"\"primary\"", "\"rowid\"", "the key's columns do not make a key of kind 'rowid'"},
	        {"[\n        \"id\"\n      ]", "[]", "a foreign key has no usable columns"},
	        {"[\n        \"id\"\n      ]", "{}", "a foreign key has no usable columns"},
	        {"\"a\",\n        \"b\"", "\"a\"", "a foreign key has no usable columns"},
	        {"\"a\",\n        \"b\"", "\"a\",5", "a foreign key's column is no string"},
	        {"\"table\": \"other\"", "\"table\": 5", "table is no string"},
	        {"\"CASCADE\"", "5", "onUpdate is no string"},
	        {"\"NO ACTION\"", "[]", "onDelete is no string"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_part_refused(whole, cases[i].part, cases[i].by, cases[i].message);
}

static void a_rowid_is_the_first_column_and_the_key(void **state)
{
	static const struct {
		const char *part;
		const char *by;
		const char *message;
	} cases[] = {
	        {"\"$rowid\"", "\"body\"", "the key's columns do not make a key of kind 'rowid'"},
	        {"\"$rowid\"", "", "the key's columns do not make a key of kind 'rowid'"},
	        {"\"$rowid\"", "\"$rowid\",\"body\"",
	         "the key's columns do not make a key of kind 'rowid'"},
	        {"\"rowid\",", "\"primary\",",
	         "the key's columns do not make a key of kind 'primary'"},
	        {"\"rowid\": true", "\"rowid\": false", "a column has no name"},
	        {"\"rowid\": true", "\"rowid\": 1", "a column has no name"},
	        {"\"name\": \"body\"", "\"rowid\": true", "two columns are called '$rowid'"},
	        {"{\n      \"rowid\"", "{\"name\": \"x\"},{\n      \"rowid\"",
	         "the key's columns do not make a key of kind 'rowid'"},
	        {"\"rowid\": true", "\"rowid\": true,\n      \"name\": \"x\"",
	         "line 7 is not as rowback writes it"},
	        {"\"rowid\": true,\n", "\"rowid\": true,\n      \"generated\": \"stored\",\n",
	         "the key names the column '$rowid', which rows do not have"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_part_refused(least, cases[i].part, cases[i].by, cases[i].message);
}

static void another_text_of_the_same_content_is_refused(void **state)
{
	static const struct {
		const char *part;
		const char *by;
		const char *message;
	} cases[] = {
	        {"  \"kind\"", "\t\"kind\"", "line 3 is not as rowback writes it"},
	        {"\"kind\": \"virtual\"", "\"kind\": \"virtual\",\n  \"new\": 1",
	         "line 4 is not as rowback writes it"},
	        {"\"kind\": \"virtual\"", "\"kind\": \"virtual\",\n  \"options\": \"\"",
	         "line 4 is not as rowback writes it"},
	        {"\"name\": \"body\"", "\"name\": \"body\",\n      \"notNull\": false",
	         "line 10 is not as rowback writes it"},
	        {"\"name\": \"body\"", "\"name\": \"body\",\n      \"type\": \"\"",
	         "line 10 is not as rowback writes it"},
	        {"    ]\n  }\n}", "    ],\n    \"mayRepeat\": false\n  }\n}",
	         "line 17 is not as rowback writes it"},
	        {"    ]\n  }\n}", "    ]\n  },\n  \"foreignKeys\": []\n}",
	         "line 18 is not as rowback writes it"},
	        {"    ]\n  }\n}\n", "    ]\n  }\n}", "line 19 is not as rowback writes it"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_part_refused(least, cases[i].part, cases[i].by, cases[i].message);
}

static void what_is_no_json_is_refused(void **state)
{
	(void)state;
	assert_refused("{\"name\": \"a\", \"name\": \"b\"}", 26,
	               "'app/t/table.json' is not well-formed: line 1, column 20: duplicate "
	               "object key");
	assert_refused("[]", 2, "app/t/table.json: the name is no string");
	for (size_t len = 0; len < strlen(whole) - 1; len++) {
		struct rb_table table;

		assert_int_equal(rb_table_doc_read(whole, len, "x", &table, NULL), RB_E_FORMAT);
	}
}

/* As many columns as no engine allows, all of them the key: still read at once. */
static void the_number_of_columns_is_limited(void **state)
{
	struct rb_buf text = RB_BUF(TEXT_MAX);
	struct rb_err err = {0};
	struct rb_table table;

	(void)state;
	for (int count = 32767; count <= 32768; count++) {
		rb_buf_clear(&text);
		assert_int_equal(rb_buf_adds(&text,
		                             "{\n  \"name\": \"t\",\n  \"kind\": \"table\",\n"
		                             "  \"columns\": [\n",
		                             NULL),
		                 RB_OK);
		for (int i = 0; i < count; i++)
			assert_int_equal(rb_buf_addf(&text, NULL,
			                             "%s    {\n      \"name\": \"c%d\"\n    }",
			                             i ? ",\n" : "", i),
			                 RB_OK);
		assert_int_equal(rb_buf_adds(&text,
		                             "\n  ],\n  \"key\": {\n    \"kind\": \"row\",\n"
		                             "    \"columns\": [\n",
		                             NULL),
		                 RB_OK);
		for (int i = 0; i < count; i++)
			assert_int_equal(
			        rb_buf_addf(&text, NULL, "%s      \"c%d\"", i ? ",\n" : "", i),
			        RB_OK);
		assert_int_equal(rb_buf_adds(&text, "\n    ]\n  }\n}\n", NULL), RB_OK);
		assert_int_equal(rb_table_doc_read(text.data, text.len, "x", &table, &err),
		                 count == 32767 ? RB_OK : RB_E_FORMAT);
		if (count == 32767)
			rb_table_release(&table);
		else
			assert_string_equal(err.msg, "x: there is no usable list of columns");
	}
	rb_buf_release(&text);
}

static void a_document_that_does_not_fit_is_refused(void **state)
{
	struct rb_table table;

	(void)state;
	assert_int_equal(rb_table_doc_read(whole, strlen(whole), "x", &table, NULL), RB_OK);
	for (size_t max = 0; max < strlen(whole); max += 17) {
		struct rb_buf out = RB_BUF(max);

		assert_int_equal(rb_table_doc_write(&table, &out, NULL), RB_E_LIMIT);
		rb_buf_release(&out);
	}
	rb_table_release(&table);
}

static void without_memory_nothing_is_left(void **state)
{
	unsigned int nth = 0;
	int rc;

	(void)state;
	do {
		struct rb_table table;

		fault_arm(FAULT_MALLOC, ++nth, 0);
		rc = rb_table_doc_read(whole, strlen(whole), "x", &table, NULL);
		assert_int_equal(rc, fault_disarm() ? RB_E_NOMEM : RB_OK);
		rb_table_release(&table);
	} while (rc < 0);
	assert_true(nth > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_table_is_read_and_written_back),
	        cmocka_unit_test(a_column_may_have_a_form),
	        cmocka_unit_test(what_is_empty_is_left_out),
	        cmocka_unit_test(every_kind_is_read),
	        cmocka_unit_test(damage_is_refused_and_named),
	        cmocka_unit_test(a_rowid_is_the_first_column_and_the_key),
	        cmocka_unit_test(another_text_of_the_same_content_is_refused),
	        cmocka_unit_test(what_is_no_json_is_refused),
	        cmocka_unit_test(the_number_of_columns_is_limited),
	        cmocka_unit_test(a_document_that_does_not_fit_is_refused),
	        cmocka_unit_test(without_memory_nothing_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
