/*
 * rowback/format/documents.h: what .gitattributes does to files, by git's own word; and that
 * RESTORE.md is whole.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/sh.h"
#include "rowback/base/fs.h"
#include "rowback/format/documents.h"

static const char rows[] = "{\"id\":1,\"t\":\"a\"}\n{\"id\":2,\"t\":\"$Id$\"}\n";

static void put(const char *path, const void *data, size_t len)
{
	assert_int_equal(rb_fs_replace(path, data, len, 0600, NULL), RB_OK);
}

/* A user whose configuration would change every file on its way in and out. */
static void configure(void)
{
	static const char attributes[] = "* text=auto ident filter=upper merge=union diff=word "
	                                 "working-tree-encoding=UTF-16LE\n";
	char config[2048];
	char path[1024];

	assert_non_null(getcwd(path, sizeof(path)));
	snprintf(config, sizeof(config),
	         "[core]\n\tattributesFile = \"%s/attributes\"\n\tautocrlf = true\n"
	         "[filter \"upper\"]\n\tclean = tr a-z A-Z\n\tsmudge = tr a-z A-Z\n\trequired\n",
	         path);
	put("attributes", attributes, strlen(attributes));
	put("gitconfig", config, strlen(config));
	strncat(path, "/gitconfig", sizeof(path) - strlen(path) - 1);
	assert_int_equal(setenv("GIT_CONFIG_GLOBAL", path, 1), 0);
}

/* A store's tree, in "r". */
static int set_up(void **state)
{
	(void)state;
	sh_isolate_git();
	configure();
	sh("rm -rf r c && git init -q -b main r && mkdir -p r/app/t/rows r/app/t/blobs/aa "
	   "r/app/blobs/rows r/app/blobs/blobs/bb");
	put("r/.gitattributes", rb_gitattributes(), strlen(rb_gitattributes()));
	put("r/RESTORE.md", "a\n", 2);
	put("r/rowback.json", "{}\n", 3);
	put("r/app/schema.sql", "CREATE TABLE t(\r\n a)\n", 21);
	put("r/app/t/table.json", "{}\n", 3);
	put("r/app/t/rows/0000000001.jsonl", rows, strlen(rows));
	put("r/app/t/blobs/aa/aa11", "text\r\n\0\n", 8);
	put("r/app/blobs/rows/_a#.jsonl", rows, strlen(rows));
	put("r/app/blobs/blobs/bb/bb22.000", "text\r\n", 6);
	sh("git -C r add . && git -C r commit -q -m one");
	return 0;
}

static void assert_attributes(const char *path, const char *diff)
{
	char want[256];

	snprintf(want, sizeof(want),
	         "text: unset\nfilter: unset\nident: unset\nmerge: unset\n"
	         "working-tree-encoding: unspecified\ndiff: %s",
	         diff);
	sh_assert(want, sh_out("git -C r check-attr text filter ident merge working-tree-encoding "
	                       "diff -- '%s' | sed 's/^.*: \\(.*: \\)/\\1/'",
	                       path));
}

static void no_conversion_applies_to_any_file(void **state)
{
	(void)state;
	assert_attributes("rowback.json", "word");
	assert_attributes("RESTORE.md", "word");
	assert_attributes(".gitattributes", "word");
	assert_attributes("app/schema.sql", "word");
	assert_attributes("app/t/table.json", "word");
	assert_attributes("app/t/rows/0000000001.jsonl", "set");
	assert_attributes("app/t/rows/a/b/c.jsonl", "set");
	assert_attributes("app/t/blobs/aa/aa11", "unset");
	/* A table called blobs is one like any other. */
	assert_attributes("app/blobs/table.json", "word");
	assert_attributes("app/blobs/rows/_a#.jsonl", "set");
	assert_attributes("app/blobs/blobs/bb/bb22.000", "unset");
}

/* Whoever clones it gets every byte, whatever is configured there. */
static void files_go_into_git_and_back_unchanged(void **state)
{
	(void)state;
	sh("git clone -q r c");
	sh("diff -r --exclude=.git r c");
	sh_assert("", sh_out("git -C c status --porcelain"));
	sh_assert("1", sh_out("git -C r cat-file -p HEAD:app/t/rows/0000000001.jsonl | "
	                      "cmp -s - r/app/t/rows/0000000001.jsonl && echo 1"));
}

static void rows_are_shown_line_by_line_and_long_values_not_at_all(void **state)
{
	static const char changed[] = "{\"id\":1,\"t\":\"b\"}\n{\"id\":2,\"t\":\"$Id$\"}\n";

	(void)state;
	put("r/app/t/rows/0000000001.jsonl", changed, strlen(changed));
	put("r/app/blobs/blobs/bb/bb22.000", "TEXT\r\n", 6);
	sh_assert("-{\"id\":1,\"t\":\"a\"}\n+{\"id\":1,\"t\":\"b\"}\n {\"id\":2,\"t\":\"$Id$\"}",
	          sh_out("git -C r diff app/t | sed '1,/^@@/d'"));
	sh_assert("Binary files a/app/blobs/blobs/bb/bb22.000 and b/app/blobs/blobs/bb/bb22.000 "
	          "differ",
	          sh_out("git -C r diff app/blobs | tail -n 1"));
	sh_assert("1\t1\tapp/t/rows/0000000001.jsonl", sh_out("git -C r diff --numstat app/t"));
}

/* Two backups are never mixed: rows that merge well may be no state that ever was. */
static void a_merge_of_rows_is_a_conflict(void **state)
{
	static const char first[] = "{\"id\":1,\"t\":\"b\"}\n{\"id\":2,\"t\":\"$Id$\"}\n";
	static const char last[] =
	        "{\"id\":1,\"t\":\"a\"}\n{\"id\":2,\"t\":\"$Id$\"}\n{\"id\":3}\n";

	(void)state;
	put("r/app/t/rows/0000000001.jsonl", first, strlen(first));
	sh("git -C r checkout -q -b other && git -C r commit -q -a -m other");
	sh("git -C r checkout -q main");
	put("r/app/t/rows/0000000001.jsonl", last, strlen(last));
	sh("git -C r commit -q -a -m main");
	assert_int_equal(sh_status("git -C r merge other"), 1);
	sh_assert("UU app/t/rows/0000000001.jsonl", sh_out("git -C r status --porcelain"));
	sh_assert("0", sh_out("grep -c '^<<<' r/app/t/rows/0000000001.jsonl || true"));
}

static void restore_md_is_whole_text_in_ascii(void **state)
{
	const char *text = rb_restore_md();
	size_t len = strlen(text);

	(void)state;
	assert_memory_equal(text, "# How to restore this backup\n", 29);
	assert_string_equal(text + len - 5, "\n```\n");
	assert_ptr_equal(strstr(text, "```sh\n"), strstr(strstr(text, "\n\n```sh\n"), "```sh\n"));
	for (size_t i = 0; i < len; i++)
		assert_true((text[i] >= ' ' && text[i] <= '~') || text[i] == '\n' ||
		            text[i] == '\t');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup(no_conversion_applies_to_any_file, set_up),
	        cmocka_unit_test_setup(files_go_into_git_and_back_unchanged, set_up),
	        cmocka_unit_test_setup(rows_are_shown_line_by_line_and_long_values_not_at_all,
	                               set_up),
	        cmocka_unit_test_setup(a_merge_of_rows_is_a_conflict, set_up),
	        cmocka_unit_test(restore_md_is_whole_text_in_ascii),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
