/*
 * rowback/format/path.h: any name is one component that checks out everywhere.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/fault.h"
#include "rowback/format/path.h"
#include "rowback/ops/layout.h"

#define NAME_BYTES 400

static void assert_encoded(const char *name, const char *want)
{
	struct rb_buf out = RB_BUF(4096);

	assert_int_equal(rb_path_encode(name, &out, NULL), RB_OK);
	assert_string_equal(out.data, want);
	rb_buf_release(&out);
}

static void assert_cased(const char *name, const char *want)
{
	struct rb_buf out = RB_BUF(4096);

	assert_int_equal(rb_path_encode_cased(name, &out, NULL), RB_OK);
	assert_string_equal(out.data, want);
	rb_buf_release(&out);
}

static void assert_decoded(const char *component, const char *want)
{
	struct rb_buf out = RB_BUF(4096);

	assert_int_equal(rb_path_decode(component, &out, NULL), RB_OK);
	assert_string_equal(out.data, want);
	rb_buf_release(&out);
}

static void a_name_has_one_form_and_the_form_one_name(void **state)
{
	static const struct {
		const char *name;
		const char *form;
	} cases[] = {
	        {"orders", "orders"},
	        {"Order_2-a", "Order_2-a"},
	        {"a.b", "a.b"},
	        {"order details", "order%20details"},
	        {"a/b\\c", "a%2fb%5cc"},
	        {"100%", "100%25"},
	        {"%41", "%2541"},
	        {"", "%"},
	        {"%", "%25"},
	        {"%%", "%25%25"},
	        {".", "%2e"},
	        {"..", "%2e%2e"},
	        {"...", "%2e.%2e"},
	        {".git", "%2egit"},
	        {"git~1", "git%7e1"},
	        {"end.", "end%2e"},
	        {"end ", "end%20"},
	        {"-rf", "%2drf"},
	        {"-", "%2d"},
	        {"a-", "a-"},
	        {"tab\tline\n", "tab%09line%0a"},
	        {"\x01\x7f", "%01%7f"},
	        {"\xc6\xc6", "%c6%c6"},
	        {"caf\xc3\xa9", "caf%c3%a9"},
	        {"SPECIAL \"@/\\#~_-", "SPECIAL%20%22%40%2f%5c%23%7e_-"},
	        {"rows", "rows"},
	        {"table.json", "table.json"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_encoded(cases[i].name, cases[i].form);
		assert_decoded(cases[i].form, cases[i].name);
	}
}

/* Names of Windows' devices, in any case and with any extension, and of the store's files. */
static void reserved_names_have_their_first_byte_escaped(void **state)
{
	static const struct {
		const char *name;
		const char *form;
	} cases[] = {
	        {"con", "%63on"},
	        {"CON", "%43ON"},
	        {"aux.txt", "%61ux.txt"},
	        {"Nul.tar.gz", "%4eul.tar.gz"},
	        {"prn.", "%70rn%2e"},
	        {"com1", "%63om1"},
	        {"Com9.x", "%43om9.x"},
	        {"LPT0", "%4cPT0"},
	        {"clock$", "%63lock%24"},
	        {"CONIN$", "%43ONIN%24"},
	        {"conout$.x", "%63onout%24.x"},
	        {"schema.sql", "%73chema.sql"},
	        {"Schema.JSON", "%53chema.JSON"},
	        /* and not these */
	        {"con1", "con1"},
	        {"com", "com"},
	        {"com10", "com10"},
	        {"comx", "comx"},
	        {"con ", "con%20"},
	        {"xcon", "xcon"},
	        {"schema.sqlite", "schema.sqlite"},
	        {"clock", "clock"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_encoded(cases[i].name, cases[i].form);
		assert_decoded(cases[i].form, cases[i].name);
	}
}

static void a_long_form_is_cut_and_told_apart_by_its_hash(void **state)
{
	char name[301];
	char want[128];

	(void)state;
	memset(name, 'a', 80);
	name[80] = '\0';
	assert_encoded(name, name);

	name[80] = 'a';
	name[81] = '\0';
	snprintf(want, sizeof(want), "%.60s%%%%0b59321313ee3a0f", name);
	assert_encoded(name, want);

	memset(name, 'x', 300);
	name[300] = '\0';
	snprintf(want, sizeof(want), "%.60s%%%%08231e9ad7b58d59", name);
	assert_encoded(name, want);
}

static void a_cut_never_splits_an_escape(void **state)
{
	static const struct {
		int before; /* bytes before a blank */
		const char *end;
	} cases[] = {
	        {57, "%20%%8066d0ebe8bab4b3"},
	        {58, "%%568b0b0499b74f39"},
	        {59, "%%731b49aa250721a6"},
	        {60, "%%5131f42b21f5d7bd"},
	};
	char name[128];
	char want[128];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(name, 'a', (size_t)cases[i].before);
		snprintf(name + cases[i].before, 64, " %s", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
		snprintf(want, sizeof(want), "%.*s%s", cases[i].before, name, cases[i].end);
		assert_encoded(name, want);
	}
}

/* Which letters are capitals, from the lowest bit of the last digit. */
static void names_that_differ_in_case_get_their_capitals_appended(void **state)
{
	static const struct {
		const char *name;
		const char *form;
	} cases[] = {
	        {"users", "users"},
	        {"Users", "Users%%1"},
	        {"uSERS", "uSERS%%1e"},
	        {"USERS", "USERS%%1f"},
	        {"aaaaaaaA", "aaaaaaaA%%80"},
	        {"aaaaaaaaA", "aaaaaaaaA%%100"},
	        {"Aaaaaaaaaaaaaaaaa A", "Aaaaaaaaaaaaaaaaa%20A%%100001"},
	        {"", "%"},
	        {"1_", "1_"},
	        {"Con", "%43on"},
	        {"\xc3\x89", "%c3%89"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_cased(cases[i].name, cases[i].form);
		assert_decoded(cases[i].form, cases[i].name);
	}
}

static void the_longest_component_is_as_long_as_said(void **state)
{
	struct rb_buf out = RB_BUF(4096);
	char name[302];

	(void)state;
	memset(name, 'X', 301);
	name[301] = '\0';
	assert_int_equal(rb_path_encode_cased(name, &out, NULL), RB_OK);
	assert_true(out.len <= RB_PATH_COMPONENT_MAX);
	assert_true(out.len >= 90);
	rb_buf_release(&out);
}

static void a_component_of_another_making_is_refused(void **state)
{
	static const char *const cases[] = {
	        "",
	        ".",
	        "..",
	        "../x",
	        "a/b",
	        "/etc",
	        "a\\b",
	        "c:",
	        ".git",
	        "a.",
	        "a ",
	        "-a",
	        "con",
	        "aux.txt",
	        "schema.sql",
	        "%2",
	        "%2x",
	        "%2F",
	        "%2f%",
	        "%41",
	        "%00",
	        "a%00",
	        "caf\xc3\xa9",
	        "%%",
	        "%%1",
	        "a%%",
	        "a%%1",
	        "A%%2",
	        "A%%01",
	        "A%%1%%1",
	        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx%%0123456789abcdef",
	        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rb_buf out = RB_BUF(4096);
		struct rb_err err = {0};
		char want[512];

		assert_int_equal(rb_buf_adds(&out, "before", NULL), RB_OK);
		assert_int_equal(rb_path_decode(cases[i], &out, &err), RB_E_FORMAT);
		snprintf(want, sizeof(want), "'%s' is not a name that rowback makes", cases[i]);
		assert_string_equal(err.msg, want);
		assert_string_equal(out.data, "before");
		rb_buf_release(&out);
	}
}

static void a_huge_component_is_refused_with_a_short_message(void **state)
{
	struct rb_buf out = RB_BUF(4096);
	struct rb_err err = {0};
	char *huge = malloc(100001);

	(void)state;
	assert_non_null(huge);
	memset(huge, 'a', 100000);
	huge[100000] = '\0';
	assert_int_equal(rb_path_decode(huge, &out, &err), RB_E_FORMAT);
	assert_int_equal(strlen(err.msg), 200 + strlen("'' is not a name that rowback makes"));
	rb_buf_release(&out);
	free(huge);
}

static void a_component_that_does_not_fit_leaves_the_output_as_it_was(void **state)
{
	static int (*const calls[])(const char *, struct rb_buf *, struct rb_err *) = {
	        rb_path_encode, rb_path_encode_cased, rb_path_decode};

	(void)state;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		for (size_t max = 6; max < 10; max++) {
			struct rb_buf out = RB_BUF(max);
			struct rb_err err = {0};

			assert_int_equal(rb_buf_adds(&out, "before", NULL), RB_OK);
			assert_int_equal(calls[i]("Xyz%%1", &out, &err),
			                 i == 2 && max == 9 ? RB_OK : RB_E_LIMIT);
			if (i != 2 || max != 9)
				assert_string_equal(out.data, "before");
			rb_buf_release(&out);
		}
	}
}

static void no_memory_is_no_bad_name(void **state)
{
	struct rb_err err = {0};

	(void)state;
	for (unsigned int nth = 1; nth <= 2; nth++) {
		struct rb_buf out = RB_BUF(4096);

		fault_arm(FAULT_MALLOC, nth, 0);
		assert_int_equal(rb_path_decode("orders", &out, &err), RB_E_NOMEM);
		assert_int_equal(fault_disarm(), 1);
		assert_int_equal(out.len, 0);
		rb_buf_release(&out);
	}
}

/* xorshift64*: the same names in every run. */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

/* A name of random bytes, or one of few letters, so that many differ in case only. */
static void make_name(uint64_t *random, char out[NAME_BYTES])
{
	static const char letters[] = "aAbB.-% \xc3";
	bool wild = next_random(random) % 2;
	size_t len = next_random(random) % (wild ? 40 : 5);

	if (next_random(random) % 16 == 0)
		len = next_random(random) % (NAME_BYTES - 1);
	for (size_t i = 0; i < len; i++)
		out[i] = (char)(wild ? 1 + next_random(random) % 255
		                     : (unsigned char)letters[next_random(random) % 9]);
	out[len] = '\0';
}

static int compare_names(const void *a, const void *b)
{
	const struct rb_table *left = a;
	const struct rb_table *right = b;

	return strcmp(left->name, right->name);
}

/* `count` random tables, sorted, each name once. */
static struct rb_catalog *random_catalog(uint64_t *random, size_t count)
{
	struct rb_catalog *catalog = calloc(1, sizeof(*catalog));
	size_t kept = 0;

	assert_non_null(catalog);
	catalog->tables = calloc(count, sizeof(*catalog->tables));
	assert_non_null(catalog->tables);
	for (size_t i = 0; i < count; i++) {
		catalog->tables[i].name = malloc(NAME_BYTES);
		assert_non_null(catalog->tables[i].name);
		make_name(random, catalog->tables[i].name);
	}
	qsort(catalog->tables, count, sizeof(*catalog->tables), compare_names);
	for (size_t i = 0; i < count; i++) {
		if (kept > 0 &&
		    strcmp(catalog->tables[kept - 1].name, catalog->tables[i].name) == 0)
			free(catalog->tables[i].name);
		else
			catalog->tables[kept++].name = catalog->tables[i].name;
	}
	catalog->table_count = kept;
	return catalog;
}

static void assert_safe(const char *path)
{
	static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	                           "_.%-";
	size_t len = strlen(path);

	assert_true(len >= 1 && len <= RB_PATH_COMPONENT_MAX);
	assert_int_equal(strspn(path, safe), len);
	assert_true(path[0] != '.' && path[0] != '-' && path[len - 1] != '.');
}

/* Cut forms and only those hold "%%" and 16 digits after 58 to 60 bytes. */
static bool is_cut(const char *path)
{
	const char *mark = strstr(path, "%%");

	return mark && mark - path >= 58 && mark - path <= 60 && strlen(mark) >= 18;
}

static int compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Where case does not count no two of them are one. */
static void assert_apart(char **paths, size_t count)
{
	char **folded = calloc(count + 1, sizeof(*folded));

	assert_non_null(folded);
	for (size_t i = 0; i < count; i++) {
		struct rb_buf one = RB_BUF(4096);

		assert_int_equal(rb_path_fold(paths[i], &one, NULL), RB_OK);
		folded[i] = rb_buf_detach(&one);
		assert_non_null(folded[i]);
	}
	qsort(folded, count, sizeof(*folded), compare_strings);
	for (size_t i = 1; i < count; i++)
		assert_string_not_equal(folded[i - 1], folded[i]);
	for (size_t i = 0; i < count; i++)
		free(folded[i]);
	free(folded);
}

static void names_of_any_bytes_have_safe_and_different_paths(void **state)
{
	uint64_t random = 20261120;

	(void)state;
	for (int round = 0; round < 200; round++) {
		struct rb_catalog *catalog = random_catalog(&random, 100);
		char **paths = NULL;

		assert_int_equal(rb_layout_table_paths(catalog, &paths, NULL), RB_OK);
		for (size_t i = 0; i < catalog->table_count; i++) {
			assert_safe(paths[i]);
			if (!is_cut(paths[i]))
				assert_decoded(paths[i], catalog->tables[i].name);
		}
		assert_apart(paths, catalog->table_count);
		rb_layout_free_paths(paths, catalog->table_count);
		rb_catalog_free(catalog);
	}
}

/* A table's path does not depend on which other tables there are, but for names alike. */
static void only_names_that_differ_in_case_change_each_others_path(void **state)
{
	static char names[][8] = {"Orders", "USERS", "Users", "users"};
	struct rb_table tables[4] = {{0}};
	struct rb_catalog catalog = {.tables = tables, .table_count = 4};
	char **paths = NULL;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		tables[i].name = names[i];
	assert_int_equal(rb_layout_table_paths(&catalog, &paths, NULL), RB_OK);
	assert_string_equal(paths[0], "Orders");
	assert_string_equal(paths[1], "USERS%%1f");
	assert_string_equal(paths[2], "Users%%1");
	assert_string_equal(paths[3], "users");
	rb_layout_free_paths(paths, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_name_has_one_form_and_the_form_one_name),
	        cmocka_unit_test(reserved_names_have_their_first_byte_escaped),
	        cmocka_unit_test(a_long_form_is_cut_and_told_apart_by_its_hash),
	        cmocka_unit_test(a_cut_never_splits_an_escape),
	        cmocka_unit_test(names_that_differ_in_case_get_their_capitals_appended),
	        cmocka_unit_test(the_longest_component_is_as_long_as_said),
	        cmocka_unit_test(a_component_of_another_making_is_refused),
	        cmocka_unit_test(a_huge_component_is_refused_with_a_short_message),
	        cmocka_unit_test(a_component_that_does_not_fit_leaves_the_output_as_it_was),
	        cmocka_unit_test(no_memory_is_no_bad_name),
	        cmocka_unit_test(names_of_any_bytes_have_safe_and_different_paths),
	        cmocka_unit_test(only_names_that_differ_in_case_change_each_others_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
