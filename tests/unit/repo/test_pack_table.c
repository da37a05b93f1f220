/*
 * pack_table_priv.h: every name is in once, with its place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "harness/fault.h"
#include "pack_table_priv.h"

/* Names that begin alike, and end so that each is another. */
static struct rb_oid name(uint32_t number)
{
	struct rb_oid oid = {{0}};

	memcpy(oid.id + sizeof(oid.id) - sizeof(number), &number, sizeof(number));
	oid.id[0] = (unsigned char)(number >> 6);
	return oid;
}

static void every_name_is_in_once(void **state)
{
	struct rb_pack_table table = {0};
	struct rb_oid oid;
	bool is_new;
	size_t at;

	(void)state;
	for (uint32_t i = 0; i < 5000; i++) {
		oid = name(i);
		assert_int_equal(rb_pack_table_add(&table, &oid, &at, &is_new, NULL), RB_OK);
		assert_true(is_new);
		assert_int_equal(at, i);
		assert_int_equal(table.entries[at].offset, 0);
		assert_int_equal(table.entries[at].crc, 0);
		table.entries[at].offset = i + 1;
	}
	for (uint32_t i = 0; i < 5000; i++) {
		oid = name(i);
		assert_int_equal(rb_pack_table_add(&table, &oid, &at, &is_new, NULL), RB_OK);
		assert_false(is_new);
		assert_int_equal(at, i);
		assert_int_equal(table.entries[at].offset, i + 1);
	}
	assert_int_equal(table.count, 5000);
	rb_pack_table_release(&table);
	assert_int_equal(table.count, 0);
}

/* What was in stays in, and what failed may be tried again. */
static void without_memory_nothing_is_lost(void **state)
{
	(void)state;
	for (unsigned int nth = 1;; nth++) {
		struct rb_pack_table table = {0};
		unsigned int failed = 0;

		fault_arm(FAULT_MALLOC, nth, ENOMEM);
		for (uint32_t i = 0; i < 500; i++) {
			struct rb_oid oid = name(i);
			bool is_new = false;
			size_t at = 0;
			int rc = rb_pack_table_add(&table, &oid, &at, &is_new, NULL);

			if (rc < 0) {
				assert_int_equal(rc, RB_E_NOMEM);
				failed++;
				rc = rb_pack_table_add(&table, &oid, &at, &is_new, NULL);
			}
			assert_int_equal(rc, RB_OK);
			assert_true(is_new);
			assert_int_equal(at, i);
		}
		assert_int_equal(table.count, 500);
		rb_pack_table_release(&table);
		if (fault_disarm() == 0)
			break;
		assert_int_equal(failed, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_name_is_in_once),
	        cmocka_unit_test(without_memory_nothing_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
