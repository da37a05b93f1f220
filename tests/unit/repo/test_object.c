/*
 * rowback/repo/object.h: names are git's names.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "harness/sh.h"
#include "rowback/base/encode.h"
#include "rowback/base/fs.h"
#include "rowback/repo/object.h"

static void assert_name(enum rb_object_type type, const void *data, size_t len, const char *want)
{
	struct rb_oid oid;
	char hex[RB_OID_HEX_SIZE];

	assert_int_equal(rb_object_id(type, data, len, &oid, NULL), RB_OK);
	rb_oid_hex(&oid, hex);
	assert_string_equal(hex, want);
}

static void empty_blob_and_tree_have_their_known_names(void **state)
{
	(void)state;
	assert_name(RB_OBJECT_BLOB, "", 0, "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
	assert_name(RB_OBJECT_TREE, "", 0, "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
}

static void names_are_those_of_git_hash_object(void **state)
{
	static const struct {
		enum rb_object_type type;
		const char *name;
	} types[] = {{RB_OBJECT_COMMIT, "commit"},
	             {RB_OBJECT_TREE, "tree"},
	             {RB_OBJECT_BLOB, "blob"},
	             {RB_OBJECT_TAG, "tag"}};
	const char data[] = "bytes\0with a NUL\n";

	(void)state;
	assert_int_equal(rb_fs_replace("data", data, sizeof(data) - 1, 0600, NULL), RB_OK);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		char *want = sh_out("git hash-object --literally -t %s data", types[i].name);

		assert_name(types[i].type, data, sizeof(data) - 1, want);
		free(want);
	}
}

static void sha256_is_that_of_sha256sum(void **state)
{
	char hex[65];

	(void)state;
	assert_int_equal(rb_sha256_hex("abc", 3, hex, NULL), RB_OK);
	assert_string_equal(hex,
	                    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void sha256_of_pieces_is_that_of_the_whole(void **state)
{
	struct rb_sha256 *sha = NULL;
	unsigned char digest[RB_SHA256_SIZE];
	char whole[65];
	char hex[2 * RB_SHA256_SIZE + 1];

	(void)state;
	assert_int_equal(rb_sha256_new(&sha, NULL), RB_OK);
	/* One digest after the other: each begins with nothing. */
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(rb_sha256_add(sha, "some", 4, NULL), RB_OK);
		assert_int_equal(rb_sha256_add(sha, "", 0, NULL), RB_OK);
		assert_int_equal(rb_sha256_add(sha, " bytes", i, NULL), RB_OK);
		assert_int_equal(rb_sha256_end(sha, digest, NULL), RB_OK);
		rb_hex_encode(digest, sizeof(digest), hex);
		assert_int_equal(rb_sha256_hex("some bytes", 4 + i, whole, NULL), RB_OK);
		assert_string_equal(hex, whole);
	}
	rb_sha256_free(sha);
	rb_sha256_free(NULL);
}

static void hex_is_read_and_written(void **state)
{
	const char *text = "0123456789abcdef0123456789abcdef01234567";
	char hex[RB_OID_HEX_SIZE];
	struct rb_oid oid;

	(void)state;
	assert_true(rb_oid_parse(text, &oid));
	rb_oid_hex(&oid, hex);
	assert_string_equal(hex, text);
	assert_true(rb_oid_parse("0123456789ABCDEF0123456789abcdef01234567", &oid));
	rb_oid_hex(&oid, hex);
	assert_string_equal(hex, text);
}

static void other_text_is_no_name(void **state)
{
	static const char *const bad[] = {
	        "",
	        "0123",
	        "0123456789abcdef0123456789abcdef0123456",
	        "0123456789abcdef0123456789abcdef012345678",
	        "0123456789abcdef0123456789abcdef0123456g",
	        " 123456789abcdef0123456789abcdef01234567",
	};
	struct rb_oid oid;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(rb_oid_parse(bad[i], &oid));
}

static void none_is_all_zero(void **state)
{
	struct rb_oid a = {{0}};
	struct rb_oid b = {{0}};

	(void)state;
	assert_true(rb_oid_is_none(&a));
	assert_true(rb_oid_equal(&a, &b));
	b.id[19] = 1;
	assert_false(rb_oid_is_none(&b));
	assert_false(rb_oid_equal(&a, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(empty_blob_and_tree_have_their_known_names),
	        cmocka_unit_test(names_are_those_of_git_hash_object),
	        cmocka_unit_test(sha256_is_that_of_sha256sum),
	        cmocka_unit_test(sha256_of_pieces_is_that_of_the_whole),
	        cmocka_unit_test(hex_is_read_and_written),
	        cmocka_unit_test(other_text_is_no_name),
	        cmocka_unit_test(none_is_all_zero),
	};

	sh_isolate_git();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
