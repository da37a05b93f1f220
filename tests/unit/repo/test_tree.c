/*
 * rowback/repo/tree.h: finding, listing and walking, with git's trees and bad ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/sh.h"
#include "rowback/base/cancel.h"
#include "rowback/base/fs.h"
#include "rowback/repo/tree.h"
#include "tree_priv.h"

struct fixture {
	char dir[32];
	struct rb_repo *repo;
};

static const struct rb_oid none;

static int set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	if (!fx)
		return -1;
	*state = fx;
	snprintf(fx->dir, sizeof(fx->dir), "tree.XXXXXX");
	if (!mkdtemp(fx->dir))
		return -1;
	sh("git init -q --bare %s", fx->dir);
	return rb_repo_open(fx->dir, &fx->repo, NULL);
}

static int tear_down(void **state)
{
	struct fixture *fx = *state;
	int rc;

	rb_cancel_request(0);
	rb_repo_free(fx->repo);
	rc = rb_fs_remove_tree(fx->dir, NULL);
	free(fx);
	return rc;
}

static struct rb_oid sh_oid(const struct fixture *fx, const char *command)
{
	char *text = sh_out("cd %s && %s", fx->dir, command);
	struct rb_oid oid;

	assert_true(rb_oid_parse(text, &oid));
	free(text);
	return oid;
}

/* As `git ls-tree`: "100644 blob 4b825dc6...\tpath". */
static int collect(void *ctx, const struct rb_tree_entry *entry, struct rb_err *err)
{
	char hex[RB_OID_HEX_SIZE];

	rb_oid_hex(&entry->oid, hex);
	return rb_buf_addf(ctx, err, "%06o %s %s\t%s\n", (unsigned int)entry->mode,
	                   entry->mode == RB_MODE_TREE ? "tree"
	                   : entry->mode == 0160000    ? "commit"
	                                               : "blob",
	                   hex, entry->path);
}

/* A tree with names whose order is not that of strcmp. */
static struct rb_oid make_tree(const struct fixture *fx)
{
	return sh_oid(fx,
	              "B=$(echo x | git hash-object -w --stdin); export GIT_INDEX_FILE=tmp-index;"
	              "for p in a a-b a.b a/x a0 'b c/d' b/c/d/e/f zz/1 zz/10 zz/2 "
	              "'caf\xc3\xa9' \"$(printf '\\377')\"; do"
	              " test \"$p\" = a || echo \"100644 $B 0\t$p\"; done |"
	              " git update-index --index-info &&"
	              "git update-index --add --cacheinfo 100755,$B,bin/tool &&"
	              "git update-index --add --cacheinfo 120000,$B,bin/link &&"
	              "git update-index --add --cacheinfo 160000,$B,bin/module &&"
	              "git write-tree && rm tmp-index");
}

static void walk_is_that_of_git_ls_tree(void **state)
{
	struct fixture *fx = *state;
	struct rb_oid root = make_tree(fx);
	struct rb_buf out = RB_BUF(100000);
	char hex[RB_OID_HEX_SIZE];
	char *want;

	rb_oid_hex(&root, hex);
	want = sh_out("git -C %s ls-tree -r -z %s | tr '\\0' '\\n'", fx->dir, hex);
	assert_int_equal(rb_tree_walk(fx->repo, &root, collect, &out, NULL), RB_OK);
	out.data[out.len - 1] = '\0';
	assert_string_equal(out.data, want);
	free(want);

	rb_buf_clear(&out);
	want = sh_out("git -C %s ls-tree -z %s | tr '\\0' '\\n'", fx->dir, hex);
	assert_int_equal(rb_tree_list(fx->repo, &root, collect, &out, NULL), RB_OK);
	out.data[out.len - 1] = '\0';
	assert_string_equal(out.data, want);
	free(want);
	rb_buf_release(&out);
}

static void none_and_the_empty_tree_hold_nothing(void **state)
{
	struct fixture *fx = *state;
	struct rb_oid empty = sh_oid(fx, "git mktree </dev/null");
	struct rb_buf out = RB_BUF(100);
	struct rb_oid oid;
	uint32_t mode;

	assert_int_equal(rb_tree_walk(fx->repo, &none, collect, &out, NULL), RB_OK);
	assert_int_equal(rb_tree_list(fx->repo, &none, collect, &out, NULL), RB_OK);
	assert_int_equal(rb_tree_walk(fx->repo, &empty, collect, &out, NULL), RB_OK);
	assert_int_equal(rb_tree_list(fx->repo, &empty, collect, &out, NULL), RB_OK);
	assert_int_equal(out.len, 0);
	assert_int_equal(rb_tree_find(fx->repo, &none, "a", &oid, &mode, NULL), RB_E_NOTFOUND);
	assert_int_equal(rb_tree_find(fx->repo, &empty, "a", &oid, &mode, NULL), RB_E_NOTFOUND);
}

static void path_is_found(void **state)
{
	static const char *const paths[] = {"a-b",       "a.b",   "a0",       "a",
	                                    "a/x",       "b",     "b c/d",    "b/c/d",
	                                    "b/c/d/e/f", "zz/10", "bin/tool", "bin/link"};
	struct fixture *fx = *state;
	struct rb_oid root = make_tree(fx);
	char root_hex[RB_OID_HEX_SIZE];

	rb_oid_hex(&root, root_hex);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct rb_oid oid;
		uint32_t mode = 0;
		char hex[RB_OID_HEX_SIZE];
		char got[64];
		char *want = sh_out("git -C %s ls-tree %s --format='%%(objectmode) %%(objectname)' "
		                    "'%s'",
		                    fx->dir, root_hex, paths[i]);

		assert_int_equal(rb_tree_find(fx->repo, &root, paths[i], &oid, &mode, NULL), RB_OK);
		rb_oid_hex(&oid, hex);
		snprintf(got, sizeof(got), "%06o %s", (unsigned int)mode, hex);
		assert_string_equal(got, want);
		free(want);
	}
}

static void path_that_is_not_there_is_notfound(void **state)
{
	static const char *const paths[] = {"x", "a/y", "a/x/y", "a-b/x", "A", "a//x", "/a"};
	struct fixture *fx = *state;
	struct rb_oid root = make_tree(fx);
	struct rb_err err = {0};
	struct rb_oid oid = {{7}};
	uint32_t mode = 7;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		assert_int_equal(rb_tree_find(fx->repo, &root, paths[i], &oid, &mode, &err),
		                 RB_E_NOTFOUND);
	assert_string_equal(err.msg, "there is no '/a' in the tree");
	assert_int_equal(oid.id[0], 7);
	assert_int_equal(mode, 7);
}

static int stop(void *ctx, const struct rb_tree_entry *entry, struct rb_err *err)
{
	unsigned int *left = ctx;

	if (--*left > 0)
		return 0;
	return rb_err_set(err, RB_E_CONFLICT, "at %s", entry->path);
}

static void failure_of_the_callback_ends_the_walk(void **state)
{
	struct fixture *fx = *state;
	struct rb_oid root = make_tree(fx);
	struct rb_err err = {0};
	unsigned int left = 3;

	assert_int_equal(rb_tree_walk(fx->repo, &root, stop, &left, &err), RB_E_CONFLICT);
	assert_string_equal(err.msg, "at a/x");
	left = 3;
	assert_int_equal(rb_tree_list(fx->repo, &root, stop, &left, &err), RB_E_CONFLICT);
	assert_string_equal(err.msg, "at a");
}

static void walk_stops_on_request(void **state)
{
	struct fixture *fx = *state;
	struct rb_oid root = make_tree(fx);
	struct rb_buf out = RB_BUF(100000);

	rb_cancel_request(2);
	assert_int_equal(rb_tree_walk(fx->repo, &root, collect, &out, NULL), RB_E_CANCELLED);
	rb_cancel_request(0);
	rb_buf_release(&out);
}

static void tree_that_is_missing_is_notfound(void **state)
{
	struct fixture *fx = *state;
	struct rb_oid root =
	        sh_oid(fx, "printf '040000 tree 0123456789012345678901234567890123456789"
	                   "\\td\\n' | git mktree --missing");
	struct rb_err err = {0};
	struct rb_buf out = RB_BUF(1000);

	assert_int_equal(rb_tree_walk(fx->repo, &root, collect, &out, &err), RB_E_NOTFOUND);
	assert_string_equal(err.msg, "there is no object 0123456789012345678901234567890123456789");
	rb_buf_release(&out);
}

/* 64 directories deep is as far as it goes. */
static void too_deep_a_tree_is_format(void **state)
{
	struct fixture *fx = *state;
	struct rb_err err = {0};
	struct rb_buf out = RB_BUF(100000);
	struct rb_oid root;

	root = sh_oid(fx,
	              "T=$(printf \"100644 blob $(echo x | git hash-object -w --stdin)\\tf\\n\" |"
	              " git mktree); for i in $(seq 63); do"
	              " T=$(printf \"040000 tree $T\\td\\n\" | git mktree); done; echo $T");
	assert_int_equal(rb_tree_walk(fx->repo, &root, collect, &out, NULL), RB_OK);
	root = sh_oid(fx,
	              "T=$(printf \"100644 blob $(echo x | git hash-object -w --stdin)\\tf\\n\" |"
	              " git mktree); for i in $(seq 64); do"
	              " T=$(printf \"040000 tree $T\\td\\n\" | git mktree); done; echo $T");
	assert_int_equal(rb_tree_walk(fx->repo, &root, collect, &out, &err), RB_E_FORMAT);
	assert_non_null(strstr(err.msg, "/d/' is more than 64 directories deep"));
	rb_buf_release(&out);
}

static void names_that_git_would_not_check_out_are_unsafe(void **state)
{
	static const char *const unsafe[] = {
	        "",
	        ".",
	        "..",
	        "a/b",
	        "/",
	        ".git",
	        ".GIT",
	        ".Git",
	        ".git ",
	        ".git.",
	        ".git. . .",
	        ".git::$INDEX_ALLOCATION",
	        ".git:x",
	        ".git\\hooks",
	        "git~1",
	        "GIT~1",
	        "git~1 .",
	        "a\\.git",
	        "a\\b\\.git.",
	        ".g\xe2\x80\x8cit",
	        "\xef\xbb\xbf.git",
	        ".git\xe2\x80\x8d",
	        ".\xe2\x81\xafG\xe2\x80\xaaI\xe2\x80\xaeT",
	};
	static const char *const safe[] = {
	        "a",     ".gitattributes", ".gitignore", "git",  ".gi",
	        ".gitx", "git~2",          "...",        ".a",   "a.git",
	        "..git", " .git",          "a b",        "\xff", ".g\xe2\x80\xa6it",
	        "\\",    "a\\b",           "CON",        "git~", ".git~1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(unsafe) / sizeof(unsafe[0]); i++)
		if (rb_tree_name_is_safe(unsafe[i], strlen(unsafe[i])))
			fail_msg("'%s' passes", unsafe[i]);
	for (size_t i = 0; i < sizeof(safe) / sizeof(safe[0]); i++)
		if (!rb_tree_name_is_safe(safe[i], strlen(safe[i])))
			fail_msg("'%s' is refused", safe[i]);
	assert_false(rb_tree_name_is_safe("a\0b", 3));
}

/* A tree object of these bytes, '@' for the 20 bytes of a name. */
static int parse_all(const char *text, size_t len, struct rb_err *err)
{
	struct rb_buf data = RB_BUF(100000);
	struct rb_tree_reader reader;
	struct rb_tree_item item;
	int rc;

	for (size_t i = 0; i < len; i++)
		assert_int_equal(text[i] == '@'
		                         ? rb_buf_add(&data, "12345678901234567890", 20, NULL)
		                         : rb_buf_add(&data, text + i, 1, NULL),
		                 RB_OK);
	rb_tree_reader_init(&reader, data.data, data.len);
	while ((rc = rb_tree_reader_next(&reader, &item, err)) == 1)
		;
	rb_buf_release(&data);
	return rc;
}

#define BYTES(text) text, sizeof(text) - 1

static void damaged_tree_is_format(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *message;
	} trees[] = {
	        {BYTES("1"), "the object is damaged at byte 0"},
	        {BYTES("100644"), "the object is damaged at byte 0"},
	        {BYTES("100644 a"), "the object is damaged at byte 0"},
	        {BYTES("100644 a\0"), "the object is damaged at byte 0"},
	        {BYTES("100644 a\0short"), "the object is damaged at byte 0"},
	        {BYTES(" a\0@"), "the object is damaged at byte 0"},
	        {BYTES("0100644 a\0@"), "the object is damaged at byte 0"},
	        {BYTES("040000 a\0@"), "the object is damaged at byte 0"},
	        {BYTES("100648 a\0@"), "the object is damaged at byte 0"},
	        {BYTES("100600 a\0@"), "the object is damaged at byte 0"},
	        {BYTES("7777777777777 a\0@"), "the object is damaged at byte 0"},
	        {BYTES("100644 a\0@1"), "the object is damaged at byte 29"},
	        {BYTES("100644 \0@"), "the name '' is not allowed"},
	        {BYTES("100644 ..\0@"), "the name '..' is not allowed"},
	        {BYTES("40000 .Git\0@"), "the name '.Git' is not allowed"},
	        {BYTES("100644 a/b\0@"), "the name 'a/b' is not allowed"},
	        {BYTES("100644 b\0@100644 a\0@"), "'a' stands in the wrong place"},
	        {BYTES("100644 a\0@100644 a\0@"), "'a' stands in the wrong place"},
	        {BYTES("40000 a\0@100644 a-b\0@"), "'a-b' stands in the wrong place"},
	        {BYTES("100644 a\0@40000 a\0@"), "'a' is a file and a directory"},
	        {BYTES("100644 a\0@100644 a-b\0@100644 a.b\0@40000 a\0@"),
	         "'a' is a file and a directory"},
	        {BYTES("120000 a\0@100644 a-\0@100644 a-!\0@40000 a-\0@"),
	         "'a-' is a file and a directory"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(trees) / sizeof(trees[0]); i++) {
		struct rb_err err = {0};

		assert_int_equal(parse_all(trees[i].text, trees[i].len, &err), RB_E_FORMAT);
		assert_string_equal(err.msg, trees[i].message);
	}
}

static void names_may_begin_with_one_another(void **state)
{
	static const char ordered[] = "100644 a\0@100644 a-\0@100644 a-b\0@40000 a.b\0@100644 a0\0@"
	                              "40000 a0b\0@40000 b\0@100644 b0\0@";
	struct rb_buf text = RB_BUF(100000);
	char name[100] = "";

	(void)state;
	assert_int_equal(parse_all(ordered, sizeof(ordered) - 1, NULL), 0);
	for (size_t i = 0; i < RB_TREE_PREFIXES_MAX + 1; i++) {
		name[i] = 'x';
		assert_int_equal(rb_buf_addf(&text, NULL, "100644 %s", name), RB_OK);
		assert_int_equal(rb_buf_add(&text, "\0@", 2, NULL), RB_OK);
		assert_int_equal(parse_all(text.data, text.len, NULL),
		                 i < RB_TREE_PREFIXES_MAX ? 0 : RB_E_LIMIT);
	}
	rb_buf_release(&text);
}

static void message_names_the_tree(void **state)
{
	struct fixture *fx = *state;
	struct rb_oid root = sh_oid(fx, "printf '100644 ..\\00012345678901234567890' |"
	                                " git hash-object -w --literally -t tree --stdin");
	struct rb_err err = {0};
	struct rb_buf out = RB_BUF(1000);
	struct rb_oid oid;
	uint32_t mode;
	char hex[RB_OID_HEX_SIZE];
	char want[100];

	rb_oid_hex(&root, hex);
	snprintf(want, sizeof(want), "tree %s: the name '..' is not allowed", hex);
	assert_int_equal(rb_tree_walk(fx->repo, &root, collect, &out, &err), RB_E_FORMAT);
	assert_string_equal(err.msg, want);
	assert_int_equal(rb_tree_list(fx->repo, &root, collect, &out, &err), RB_E_FORMAT);
	assert_string_equal(err.msg, want);
	assert_int_equal(rb_tree_find(fx->repo, &root, "x", &oid, &mode, &err), RB_E_FORMAT);
	assert_string_equal(err.msg, want);
	rb_buf_release(&out);
}

/* Whatever bytes a tree has, the reader stays inside (the sanitizers see). */
static void no_tree_leads_outside_of_itself(void **state)
{
	static const char seed[] = "100644 a\0"
	                           "12345678901234567890"
	                           "100755 b\0"
	                           "12345678901234567890"
	                           "40000 dir\0"
	                           "12345678901234567890"
	                           "100644 some-name.jsonl\0"
	                           "12345678901234567890";
	uint32_t x = 1;

	(void)state;
	for (unsigned int round = 0; round < 20000; round++) {
		size_t len = round % sizeof(seed);
		char *data = malloc(len + 1);
		struct rb_tree_reader reader;
		struct rb_tree_item item;

		assert_non_null(data);
		memcpy(data, seed, len);
		for (unsigned int i = 0; len > 0 && i < round % 4; i++) {
			x = x * 1664525u + 1013904223u;
			data[(x >> 8) % len] ^= (char)(1 << (x & 7));
		}
		data = realloc(data, len ? len : 1);
		rb_tree_reader_init(&reader, data, len);
		while (rb_tree_reader_next(&reader, &item, NULL) == 1)
			assert_int_equal(strlen(item.name), item.name_len);
		free(data);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	        TEST(walk_is_that_of_git_ls_tree),
	        TEST(none_and_the_empty_tree_hold_nothing),
	        TEST(path_is_found),
	        TEST(path_that_is_not_there_is_notfound),
	        TEST(failure_of_the_callback_ends_the_walk),
	        TEST(walk_stops_on_request),
	        TEST(tree_that_is_missing_is_notfound),
	        TEST(too_deep_a_tree_is_format),
	        cmocka_unit_test(names_that_git_would_not_check_out_are_unsafe),
	        cmocka_unit_test(damaged_tree_is_format),
	        cmocka_unit_test(names_may_begin_with_one_another),
	        TEST(message_names_the_tree),
	        cmocka_unit_test(no_tree_leads_outside_of_itself),
	};

	sh_isolate_git();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
