/*
 * ops/export/digests.c: what is saved is loaded, and nothing else is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "export/digests_priv.h"
#include "harness/sh.h"
#include "rowback/base/fs.h"

#define FORM "postgres 1 version 15"
#define FILE_MAX ((size_t)1 << 20)

/* A table of n groups and as many chunks. */
static struct rb_table_digests *table_of(uint32_t n)
{
	struct rb_table_digests *table = rb_table_digests_new();

	assert_non_null(table);
	memset(table->tree.id, (int)n, sizeof(table->tree.id));
	for (uint32_t i = 0; i < n; i++) {
		struct rb_group group = {.rows = i + 1};
		const struct rb_chunk_note note = {.rows = n - i,
		                                   .path_hash = UINT64_MAX - i,
		                                   .rank = (unsigned char)(i % 11),
		                                   .begins_segment = i % 3 == 0};

		memset(group.digest, (int)(i + 100), sizeof(group.digest));
		assert_int_equal(rb_groups_add(&table->groups, &group, NULL), RB_OK);
		assert_int_equal(rb_table_digests_chunk(table, &note, NULL), RB_OK);
	}
	return table;
}

static void save(const char *path)
{
	struct rb_digests *digests = NULL;

	assert_int_equal(rb_digests_new(&digests, NULL), RB_OK);
	assert_int_equal(rb_digests_put(digests, "public.a", table_of(3), NULL), RB_OK);
	assert_int_equal(rb_digests_put(digests, "public.\"B\xff\"", table_of(20), NULL), RB_OK);
	assert_int_equal(rb_digests_put(digests, "public.a", table_of(3), NULL), RB_E_EXISTS);
	assert_int_equal(rb_digests_save(digests, path, FORM, NULL), RB_OK);
	rb_digests_free(digests);
}

static void assert_table(const struct rb_digests *digests, const char *name, uint32_t n)
{
	const struct rb_table_digests *got = rb_digests_get(digests, name);
	struct rb_table_digests *want = table_of(n);

	assert_non_null(got);
	assert_true(rb_oid_equal(&got->tree, &want->tree));
	assert_int_equal(got->groups.count, n);
	assert_int_equal(got->groups.rows, want->groups.rows);
	assert_memory_equal(got->groups.list, want->groups.list, n * sizeof(struct rb_group));
	assert_int_equal(got->chunk_count, n);
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(got->chunks[i].rows, want->chunks[i].rows);
		assert_true(got->chunks[i].path_hash == want->chunks[i].path_hash);
		assert_int_equal(got->chunks[i].rank, want->chunks[i].rank);
		assert_int_equal(got->chunks[i].begins_segment, want->chunks[i].begins_segment);
	}
	rb_table_digests_free(want);
}

static void what_is_saved_is_loaded(void **state)
{
	struct rb_digests *digests = NULL;
	struct stat st;

	(void)state;
	save("digests");
	assert_int_equal(stat("digests", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(rb_digests_load("digests", FORM, &digests, NULL), RB_OK);
	assert_table(digests, "public.a", 3);
	assert_table(digests, "public.\"B\xff\"", 20);
	assert_null(rb_digests_get(digests, "public.c"));
	rb_digests_free(digests);
	rb_digests_free(NULL);
}

static void another_form_is_told(void **state)
{
	struct rb_digests *digests = NULL;

	(void)state;
	save("digests");
	assert_int_equal(rb_digests_load("digests", FORM "0", &digests, NULL), RB_E_CONFLICT);
	assert_int_equal(rb_digests_load("digests", "", &digests, NULL), RB_E_CONFLICT);
	assert_int_equal(rb_digests_load("none", FORM, &digests, NULL), RB_E_NOTFOUND);
	assert_null(digests);
}

/* Whatever byte is another, and wherever it ends. */
static void damage_is_found(void **state)
{
	struct rb_buf whole = RB_BUF(FILE_MAX);
	struct rb_digests *digests = NULL;

	(void)state;
	save("digests");
	assert_int_equal(rb_fs_read("digests", &whole, NULL), RB_OK);
	for (size_t i = 0; i < whole.len; i++) {
		whole.data[i] ^= 4;
		assert_int_equal(rb_fs_replace("bad", whole.data, whole.len, 0600, NULL), RB_OK);
		assert_int_equal(rb_digests_load("bad", FORM, &digests, NULL), RB_E_FORMAT);
		whole.data[i] ^= 4;
		assert_int_equal(rb_fs_replace("bad", whole.data, i, 0600, NULL), RB_OK);
		assert_int_equal(rb_digests_load("bad", FORM, &digests, NULL), RB_E_FORMAT);
	}
	rb_buf_release(&whole);
	assert_null(digests);
}

/* A file with a sum that is right, and something else that is not. */
static void assert_refused(struct rb_buf *text)
{
	struct rb_digests *digests = NULL;
	struct rb_sha256 *sha = NULL;
	unsigned char sum[RB_SHA256_SIZE];
	size_t len = text->len - sizeof(sum);

	assert_int_equal(rb_sha256_new(&sha, NULL), RB_OK);
	assert_int_equal(rb_sha256_add(sha, text->data, len, NULL), RB_OK);
	assert_int_equal(rb_sha256_end(sha, sum, NULL), RB_OK);
	rb_sha256_free(sha);
	memcpy(text->data + len, sum, sizeof(sum));
	assert_int_equal(rb_fs_replace("bad", text->data, text->len, 0600, NULL), RB_OK);
	assert_int_equal(rb_digests_load("bad", FORM, &digests, NULL), RB_E_FORMAT);
	assert_null(digests);
}

/* Numbers that ask for more than there is, or do not fit each other. */
static void numbers_are_not_believed(void **state)
{
	static const size_t names = sizeof("rowback digests 1\n") - 1 + 2 + sizeof(FORM) - 1;
	static const struct {
		size_t at; /* behind the form */
		unsigned char byte;
	} cases[] = {
	        {0, 0x80},                                   /* tables */
	        {3, 1},                                      /* one that is left over */
	        {4, 0x40},                                   /* bytes of a name */
	        {6, 0},                                      /* a NUL in it */
	        {4 + 2 + 8 + 20, 0x7f},                      /* groups */
	        {4 + 2 + 8 + 20 + 3, 2},                     /* one fewer */
	        {4 + 2 + 8 + 20 + 4 + 3, 0},                 /* no rows in one */
	        {4 + 2 + 8 + 20 + 4 + 3, 2},                 /* a row more than in chunks */
	        {4 + 2 + 8 + 20 + 4 + 3 * 24 + 1, 0x7f},     /* chunks */
	        {4 + 2 + 8 + 20 + 4 + 3 * 24 + 4 + 3, 0},    /* no rows in one */
	        {4 + 2 + 8 + 20 + 4 + 3 * 24 + 4 + 3, 0x7f}, /* more rows than in groups */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rb_buf whole = RB_BUF(FILE_MAX);

		save("digests");
		assert_int_equal(rb_fs_read("digests", &whole, NULL), RB_OK);
		whole.data[names + cases[i].at] = (char)cases[i].byte;
		assert_refused(&whole);
		rb_buf_release(&whole);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_is_saved_is_loaded),
	        cmocka_unit_test(another_form_is_told),
	        cmocka_unit_test(damage_is_found),
	        cmocka_unit_test(numbers_are_not_believed),
	};

	sh_isolate_git();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
