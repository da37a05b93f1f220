/*
 * src/repo/pack_idx_priv.h: the index that git makes, with large offsets too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/fault.h"
#include "harness/sh.h"
#include "pack_idx_priv.h"
#include "rowback/base/fs.h"

/* A pack of git's making and what its index says. */
struct fixture {
	char dir[32];
	struct rb_idx_entry entries[64];
	size_t count;
	struct rb_oid checksum;
};

static int set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));
	char *list;
	char *sum;

	if (!fx)
		return -1;
	*state = fx;
	snprintf(fx->dir, sizeof(fx->dir), "idx.XXXXXX");
	if (!mkdtemp(fx->dir))
		return -1;
	sh("cd %s && git init -q --bare . && for i in $(seq 1 60); do"
	   " seq $i $((i * 9)) | git hash-object -w --stdin; done |"
	   " git pack-objects -q --window=0 all && mv all-*.pack p && rm all-*.idx",
	   fx->dir);
	list = sh_out("cd %s && git index-pack -o i p >/dev/null && git show-index <i |"
	              " sort -k1n | tr -d '()'",
	              fx->dir);
	for (const char *line = list; line && *line; line = strchr(line, '\n')) {
		unsigned long long offset;
		unsigned int crc;
		char hex[RB_OID_HEX_SIZE];

		line += *line == '\n';
		assert_int_equal(sscanf(line, "%llu %40s %x", &offset, hex, &crc), 3);
		assert_true(rb_oid_parse(hex, &fx->entries[fx->count].oid));
		fx->entries[fx->count].offset = offset;
		fx->entries[fx->count++].crc = crc;
	}
	free(list);
	sum = sh_out("tail -c 20 %s/p | od -An -v -tx1 | tr -d ' \\n'", fx->dir);
	assert_true(rb_oid_parse(sum, &fx->checksum));
	free(sum);
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fx = *state;
	int rc = rb_fs_remove_tree(fx->dir, NULL);

	fault_disarm();
	free(fx);
	return rc;
}

static int write_idx(struct fixture *fx, uint32_t offset_max, uint64_t *size)
{
	struct rb_idx_opts opts = {.name = "ours",
	                           .entries = fx->entries,
	                           .count = fx->count,
	                           .pack_checksum = fx->checksum,
	                           .offset_max = offset_max};
	char path[64];
	int rc;

	snprintf(path, sizeof(path), "%s/ours", fx->dir);
	opts.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(opts.fd >= 0);
	rc = rb_pack_idx_write(&opts, size, NULL);
	assert_int_equal(close(opts.fd), 0);
	return rc;
}

static void index_is_that_of_git(void **state)
{
	struct fixture *fx = *state;
	uint64_t size = 0;

	assert_int_equal(fx->count, 60);
	assert_int_equal(write_idx(fx, RB_IDX_OFFSET_MAX, &size), RB_OK);
	assert_int_equal(size, 8 + 1024 + 60 * 28 + 40);
	sh("cmp %s/i %s/ours", fx->dir, fx->dir);
}

static void offsets_past_the_limit_have_a_table_of_their_own(void **state)
{
	static const uint32_t limits[] = {12, 200, 1000};
	struct fixture *fx = *state;

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		uint64_t size = 0;

		assert_int_equal(write_idx(fx, limits[i], &size), RB_OK);
		assert_true(size > 8 + 1024 + 60 * 28 + 40);
		sh("cd %s && rm -f i && git index-pack --index-version=2,%u -o i p >/dev/null &&"
		   "cmp i ours && cp p p.pack && cp ours p.idx && git verify-pack p.idx",
		   fx->dir, limits[i]);
	}
}

static void offsets_past_4_gib_are_kept(void **state)
{
	struct fixture *fx = *state;
	uint64_t size = 0;
	char *list;

	fx->count = 2;
	fx->entries[0].offset = UINT64_C(0x123456789a);
	fx->entries[1].offset = UINT64_C(0x80000000);
	assert_int_equal(write_idx(fx, RB_IDX_OFFSET_MAX, &size), RB_OK);
	list = sh_out("git show-index <%s/ours | cut -d' ' -f1 | sort -n", fx->dir);
	assert_string_equal(list, "2147483648\n78187493530");
	free(list);
}

static void full_disk_is_an_error(void **state)
{
	struct fixture *fx = *state;
	uint64_t size = 0;

	fault_arm(FAULT_WRITE, 1, ENOSPC);
	assert_int_equal(write_idx(fx, RB_IDX_OFFSET_MAX, &size), RB_E_IO);
	assert_int_equal(fault_disarm(), 1);
	fault_arm(FAULT_WRITE, 2, ENOSPC);
	assert_int_equal(write_idx(fx, RB_IDX_OFFSET_MAX, &size), RB_E_IO);
	assert_int_equal(fault_disarm(), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	        TEST(index_is_that_of_git),
	        TEST(offsets_past_the_limit_have_a_table_of_their_own),
	        TEST(offsets_past_4_gib_are_kept),
	        TEST(full_disk_is_an_error),
	};

	sh_isolate_git();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
