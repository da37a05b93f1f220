/*
 * A fuzz target's corpus as a plain test: linked with one target in place of libFuzzer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "rowback/base/buf.h"
#include "rowback/base/fs.h"

#define INPUT_MAX ((size_t)16 << 20)

/* From memory of its exact length, so that a sanitizer sees an over-read. */
static void try_input(const char *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	if (len > 0)
		memcpy(copy, data, len);
	LLVMFuzzerTestOneInput(copy, len);
	free(copy);
}

static void try_whole(const struct rb_buf *input)
{
	try_input(input->data, input->len);
}

static void try_every_start(const struct rb_buf *input)
{
	for (size_t len = 0; len < input->len; len++)
		try_input(input->data, len);
}

static void for_each_file(void (*try)(const struct rb_buf *input))
{
	char dir_path[4096];
	struct dirent *entry;
	size_t count = 0;
	DIR *dir;

	snprintf(dir_path, sizeof(dir_path), "%s/fuzz/corpus/%s", RB_TEST_DIR, fuzz_name);
	dir = opendir(dir_path);
	if (!dir)
		fail_msg("no corpus at '%s'", dir_path);
	while ((entry = readdir(dir))) {
		struct rb_buf input = RB_BUF(INPUT_MAX);
		char *path;

		if (entry->d_name[0] == '.')
			continue;
		path = rb_fs_join(dir_path, entry->d_name);
		assert_non_null(path);
		/* Should the target abort, this tells where. */
		print_message("%s\n", entry->d_name);
		assert_int_equal(rb_fs_read(path, &input, NULL), RB_OK);
		try(&input);
		rb_buf_release(&input);
		free(path);
		count++;
	}
	closedir(dir);
	assert_true(count > 0);
}

static void every_corpus_file_holds(void **state)
{
	(void)state;
	for_each_file(try_whole);
}

static void every_start_of_a_corpus_file_holds(void **state)
{
	(void)state;
	for_each_file(try_every_start);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_corpus_file_holds),
	        cmocka_unit_test(every_start_of_a_corpus_file_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
