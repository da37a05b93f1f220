/*
 * rowback/base/map.h: every key is found again, in order, and nothing else is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "harness/fault.h"
#include "rowback/base/map.h"

static void an_empty_map_holds_nothing(void **state)
{
	struct rb_map *map = NULL;
	const void *key;
	size_t key_len;
	void *value;

	(void)state;
	assert_int_equal(rb_map_new(4, &map, NULL), RB_OK);
	assert_int_equal(rb_map_count(map), 0);
	assert_null(rb_map_get(map, "a", 1));
	assert_null(rb_map_get(map, "", 0));
	assert_int_equal(rb_map_at(map, 0, &key, &key_len, &value), 0);
	rb_map_free(map);
	rb_map_free(NULL);
}

/* Enough keys for several growths; lengths around the hash's word sizes. */
static void every_key_is_found_with_its_value(void **state)
{
	struct rb_map *map = NULL;
	char text[64];

	(void)state;
	assert_int_equal(rb_map_new(sizeof(uint64_t), &map, NULL), RB_OK);
	for (uint64_t i = 0; i < 20000; i++) {
		int len = snprintf(text, sizeof(text), "%0*u", (int)(i % 50) + 1, (unsigned int)i);

		assert_int_equal(rb_map_put(map, text, (size_t)len, &i, NULL), RB_OK);
	}
	assert_int_equal(rb_map_count(map), 20000);

	for (uint64_t i = 0; i < 20000; i++) {
		int len = snprintf(text, sizeof(text), "%0*u", (int)(i % 50) + 1, (unsigned int)i);
		const void *key = NULL;
		size_t key_len = 0;
		void *value = NULL;

		assert_int_equal(rb_map_at(map, i, &key, &key_len, &value), 1);
		assert_int_equal(key_len, len);
		assert_memory_equal(key, text, key_len);
		assert_ptr_equal(rb_map_get(map, text, key_len), value);
		assert_int_equal(*(uint64_t *)value, i);
	}
	rb_map_free(map);
}

static void a_second_put_replaces_the_value_in_place(void **state)
{
	struct rb_map *map = NULL;
	int *value;

	(void)state;
	assert_int_equal(rb_map_new(sizeof(int), &map, NULL), RB_OK);
	assert_int_equal(rb_map_put(map, "a", 1, &(int){1}, NULL), RB_OK);
	value = rb_map_get(map, "a", 1);
	assert_int_equal(rb_map_put(map, "b", 1, &(int){2}, NULL), RB_OK);
	assert_int_equal(rb_map_put(map, "a", 1, &(int){3}, NULL), RB_OK);
	assert_int_equal(rb_map_count(map), 2);
	assert_ptr_equal(rb_map_get(map, "a", 1), value);
	assert_int_equal(*value, 3);
	rb_map_free(map);
}

static void keys_are_bytes_and_may_be_empty(void **state)
{
	struct rb_map *map = NULL;

	(void)state;
	assert_int_equal(rb_map_new(0, &map, NULL), RB_OK);
	assert_int_equal(rb_map_put(map, "a\0b", 3, NULL, NULL), RB_OK);
	assert_int_equal(rb_map_put(map, NULL, 0, NULL, NULL), RB_OK);
	assert_int_equal(rb_map_put(map, "\0", 1, NULL, NULL), RB_OK);
	assert_int_equal(rb_map_count(map), 3);
	assert_non_null(rb_map_get(map, "a\0b", 3));
	assert_non_null(rb_map_get(map, "", 0));
	assert_non_null(rb_map_get(map, "\0", 1));
	assert_null(rb_map_get(map, "\0\0", 2));
	assert_null(rb_map_get(map, "a\0c", 3));
	assert_null(rb_map_get(map, "a", 1));
	rb_map_free(map);
}

static void a_key_larger_than_a_block_fits(void **state)
{
	static char big[200000];
	struct rb_map *map = NULL;

	(void)state;
	memset(big, 'x', sizeof(big));
	assert_int_equal(rb_map_new(1, &map, NULL), RB_OK);
	assert_int_equal(rb_map_put(map, "small", 5, "1", NULL), RB_OK);
	assert_int_equal(rb_map_put(map, big, sizeof(big), "2", NULL), RB_OK);
	assert_int_equal(rb_map_put(map, big, sizeof(big) - 1, "3", NULL), RB_OK);
	assert_memory_equal(rb_map_get(map, "small", 5), "1", 1);
	assert_memory_equal(rb_map_get(map, big, sizeof(big)), "2", 1);
	assert_memory_equal(rb_map_get(map, big, sizeof(big) - 1), "3", 1);
	rb_map_free(map);
}

/* Whichever allocation fails, what was in the map is in it, and the put can be repeated. */
static void a_failed_put_changes_nothing(void **state)
{
	struct rb_map *map = NULL;
	struct rb_err err = {0};
	unsigned int failed = 0;

	(void)state;
	assert_int_equal(rb_map_new(sizeof(int), &map, NULL), RB_OK);
	for (int i = 0; i < 200; i++) {
		for (unsigned int nth = 1; nth <= 3; nth++) {
			int rc;

			fault_arm(FAULT_MALLOC, nth, ENOMEM);
			rc = rb_map_put(map, &i, sizeof(i), &i, &err);
			if (fault_disarm() == 0) {
				assert_int_equal(rc, RB_OK);
				break;
			}
			failed++;
			assert_int_equal(rc, RB_E_NOMEM);
			assert_int_equal(rb_map_count(map), i);
			assert_null(rb_map_get(map, &i, sizeof(i)));
		}
		assert_int_equal(rb_map_put(map, &i, sizeof(i), &i, NULL), RB_OK);
	}
	assert_true(failed > 10);
	for (int i = 0; i < 200; i++)
		assert_int_equal(*(int *)rb_map_get(map, &i, sizeof(i)), i);
	rb_map_free(map);

	fault_arm(FAULT_MALLOC, 1, ENOMEM);
	assert_int_equal(rb_map_new(1, &map, &err), RB_E_NOMEM);
	assert_string_equal(err.msg, "no memory for a map");
	fault_disarm();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(an_empty_map_holds_nothing),
	        cmocka_unit_test(every_key_is_found_with_its_value),
	        cmocka_unit_test(a_second_put_replaces_the_value_in_place),
	        cmocka_unit_test(keys_are_bytes_and_may_be_empty),
	        cmocka_unit_test(a_key_larger_than_a_block_fits),
	        cmocka_unit_test(a_failed_put_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
