/*
 * rowback/value/key.h: keys and names stand in the order that is defined.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/fault.h"
#include "rowback/value/key.h"

#define KEY_TEST_MAX ((size_t)1 << 20)

static struct rb_value of_int(int64_t i)
{
	return (struct rb_value){.kind = RB_VALUE_INT, .u.i = i};
}

static struct rb_value of_real(double r)
{
	return (struct rb_value){.kind = RB_VALUE_REAL, .u.r = r};
}

static struct rb_value of_bytes(enum rb_value_kind kind, const char *data, size_t len)
{
	return (struct rb_value){.kind = kind, .u.bytes = {.data = data, .len = len}};
}

static struct rb_value of_text(const char *text)
{
	return of_bytes(RB_VALUE_TEXT, text, strlen(text));
}

static void assert_key(const struct rb_value *value, const char *want_hex)
{
	static const char digits[] = "0123456789abcdef";
	struct rb_buf key = RB_BUF(KEY_TEST_MAX);
	struct rb_buf hex = RB_BUF(KEY_TEST_MAX);

	assert_int_equal(rb_key_add(value, &key, NULL), RB_OK);
	for (size_t i = 0; i < key.len; i++) {
		unsigned char c = (unsigned char)key.data[i];
		const char two[2] = {digits[c >> 4], digits[c & 15]};

		assert_int_equal(rb_buf_add(&hex, two, 2, NULL), RB_OK);
	}
	assert_string_equal(rb_buf_str(&hex), want_hex);
	rb_buf_release(&hex);
	rb_buf_release(&key);
}

/* docs/format.md has these bytes. */
static void encodings_are_the_documented_bytes(void **state)
{
	const struct rb_value yes = {.kind = RB_VALUE_BOOL, .u.i = 1};
	const struct rb_value none = {.kind = RB_VALUE_NULL};
	const struct {
		struct rb_value value;
		const char *hex;
	} cases[] = {
	        {none, "05"},
	        {yes, "0801"},
	        {of_int(0), "108000000000000000000000"},
	        {of_int(1), "10bff0000000000000000000"},
	        {of_int(-1), "10400fffffffffffff000000"},
	        {of_real(1.0), "10bff0000000000000000001"},
	        {of_real(0.0), "108000000000000000000001"},
	        {of_real(-0.0), "108000000000000000000001"},
	        {of_int(INT64_MAX), "10c3dfffffffffffff03ff00"},
	        {of_int(INT64_MIN), "103c1fffffffffffff000000"},
	        {of_int(9007199254740993), "10c340000000000000000100"},
	        {of_int(-9007199254740993), "103cbffffffffffffe000100"},
	        {of_real(INFINITY), "10fff0000000000000000001"},
	        {of_real(-INFINITY), "10000fffffffffffff000001"},
	        {of_real((double)NAN), "11"},
	        {of_bytes(RB_VALUE_NUMBER, "1.50", 4), "12312e35300001"},
	        {of_text(""), "200001"},
	        {of_bytes(RB_VALUE_TEXT, "a\0b", 3), "206100ff620001"},
	        {of_bytes(RB_VALUE_TEXT_RAW, "\xff", 1), "21ff0001"},
	        {of_bytes(RB_VALUE_BLOB, "\0\1", 2), "3000ff010001"},
	        {of_bytes(RB_VALUE_BLOB, NULL, 0), "300001"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_key(&cases[i].value, cases[i].hex);
}

/* Computed by an independent program. */
static void hashes_are_the_documented_numbers(void **state)
{
	(void)state;
	assert_true(rb_key_hash("", 0) == 0xefd01f60ba992926u);
	assert_true(rb_key_hash("a", 1) == 0x82a2a958a9bece5bu);
	assert_true(rb_key_hash("foobar", 6) == 0x2c22194922d1672bu);
	assert_true(rb_key_hash("\x10\xbf\xf0\0\0\0\0\0\0\0\0\0", 12) == 0x0a82181fa35eed23u);
}

static void a_shorter_key_stands_before_the_longer_one_it_starts(void **state)
{
	(void)state;
	assert_true(rb_key_compare("ab", 2, "abc", 3) < 0);
	assert_true(rb_key_compare("abc", 3, "ab", 2) > 0);
	assert_true(rb_key_compare("ab", 2, "ab", 2) == 0);
	assert_true(rb_key_compare("b", 1, "abc", 3) > 0);
	assert_true(rb_key_compare(NULL, 0, "a", 1) < 0);
	assert_true(rb_key_compare(NULL, 0, NULL, 0) == 0);
}

static void assert_name(const struct rb_value *values, size_t count, uint64_t ordinal,
                        const char *want)
{
	const size_t positions[] = {0, 1, 2, 3};
	struct rb_buf name = RB_BUF(KEY_TEST_MAX);

	assert_int_equal(rb_key_name(values, positions, count, ordinal, &name, NULL), RB_OK);
	assert_string_equal(rb_buf_str(&name), want);
	rb_buf_release(&name);
}

static void names_are_the_documented_text(void **state)
{
	const struct rb_value none = {.kind = RB_VALUE_NULL};
	const struct rb_value no = {.kind = RB_VALUE_BOOL, .u.i = 0};
	const struct {
		struct rb_value value;
		const char *name;
	} cases[] = {
	        {none, "%"},
	        {no, "%f"},
	        {of_int(42), "0000000042"},
	        {of_int(9999999999), "9999999999"},
	        {of_int(10000000000), "=0000000010000000000"},
	        {of_int(INT64_MAX), "=9223372036854775807"},
	        {of_int(-1), "-9223372036854775807"},
	        {of_int(INT64_MIN), "-0000000000000000000"},
	        {of_real(2.5), "0000000002rc004000000000000"},
	        {of_real(-0.0), "0000000000r8000000000000000"},
	        {of_real(-0.5), "-9223372036854775807r401fffffffffffff"},
	        {of_real(-0x1p63), "-0000000000000000000r3c1fffffffffffff"},
	        {of_real(0x1p63), "=rc3e0000000000000"},
	        {of_real(INFINITY), "=rfff0000000000000"},
	        {of_real(-INFINITY), "+000fffffffffffff"},
	        {of_real((double)NAN), "@"},
	        {of_bytes(RB_VALUE_NUMBER, "-1.5", 4), "^%2d1%2e5#"},
	        {of_text("Ab c"), "_=ab%20c#"},
	        {of_text("09:@AZ[^_`az{~"), "_09;3a;40=a=z@5b@5e_`60az~7b~7e#"},
	        {of_text("\xc3\xa9"), "_~c3~a9#"},
	        {of_bytes(RB_VALUE_TEXT_RAW, "\xff", 1), "`~ff#"},
	        {of_bytes(RB_VALUE_BLOB, "\0\xAB", 2), "x00ab#"},
	};
	const struct rb_value pair[] = {of_text("Ab c"), none};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_name(&cases[i].value, 1, 0, cases[i].name);
	assert_name(pair, 2, 0, "_=ab%20c#%");
	assert_name(NULL, 0, 0, "%");
	assert_name(NULL, 0, 1, "%=0000000001");
}

static void an_ordinal_follows_the_name(void **state)
{
	const struct rb_value seven = of_int(7);

	(void)state;
	assert_name(&seven, 1, 3, "0000000007=0000000003");
	assert_name(&seven, 1, 9999999999, "0000000007=9999999999");
	assert_name(&seven, 1, 10000000000, "0000000007==00000000010000000000");
	assert_name(&seven, 1, UINT64_MAX, "0000000007==18446744073709551615");
}

static void a_long_name_is_cut_and_told_apart_by_its_hash(void **state)
{
	char text[200];
	struct rb_value value = of_bytes(RB_VALUE_TEXT, text, 78);
	const size_t position = 0;
	struct rb_buf a = RB_BUF(KEY_TEST_MAX);
	struct rb_buf b = RB_BUF(KEY_TEST_MAX);
	struct rb_buf key = RB_BUF(KEY_TEST_MAX);
	char want[17];

	(void)state;
	memset(text, 'k', sizeof(text));
	assert_int_equal(rb_key_name(&value, &position, 1, 0, &a, NULL), RB_OK);
	assert_int_equal(a.len, 80);
	assert_memory_equal(a.data + 1, text, 78);
	assert_int_equal(a.data[79], '#');

	rb_buf_clear(&a);
	value.u.bytes.len = 79;
	assert_int_equal(rb_key_name(&value, &position, 1, 0, &a, NULL), RB_OK);
	assert_int_equal(a.len, 78);
	assert_memory_equal(a.data + 1, text, 59);
	assert_memory_equal(a.data + 60, "~~", 2);
	assert_int_equal(rb_key_add(&value, &key, NULL), RB_OK);
	snprintf(want, sizeof(want), "%016llx", (unsigned long long)rb_key_hash(key.data, key.len));
	assert_string_equal(a.data + 62, want);

	assert_int_equal(rb_key_name(&value, &position, 1, 2, &b, NULL), RB_OK);
	assert_int_equal(rb_buf_add(&key, "\0\0\0\0\0\0\0\2", 8, NULL), RB_OK);
	snprintf(want, sizeof(want), "%016llx", (unsigned long long)rb_key_hash(key.data, key.len));
	assert_string_equal(b.data + 62, want);
	assert_memory_equal(a.data, b.data, 62);
	rb_buf_release(&a);
	rb_buf_release(&b);
	rb_buf_release(&key);
}

static void without_memory_or_room_the_buffer_is_as_it_was(void **state)
{
	char text[200];
	struct rb_value values[] = {of_int(1), of_bytes(RB_VALUE_TEXT, text, sizeof(text))};
	const size_t positions[] = {0, 1};
	struct rb_buf out = RB_BUF(50);
	struct rb_err err = {0};

	(void)state;
	memset(text, 'k', sizeof(text));
	assert_int_equal(rb_buf_adds(&out, "before", NULL), RB_OK);
	assert_int_equal(rb_key_of_row(values, positions, 2, &out, &err), RB_E_LIMIT);
	assert_string_equal(rb_buf_str(&out), "before");
	assert_int_equal(rb_key_name(values, positions, 2, 0, &out, &err), RB_E_LIMIT);
	assert_string_equal(rb_buf_str(&out), "before");

	out.max = 1000;
	fault_arm(FAULT_MALLOC, 1, ENOMEM);
	assert_int_equal(rb_key_name(values, positions, 2, 0, &out, &err), RB_E_NOMEM);
	assert_int_equal(fault_disarm(), 1);
	assert_string_equal(rb_buf_str(&out), "before");
	rb_buf_release(&out);
}

/* What follows compares random keys with an order worked out in another way. */

static uint64_t random_state = 88172645463325252u;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static double random_double(void)
{
	uint64_t bits = next_random();
	double r;

	memcpy(&r, &bits, sizeof(r));
	return r;
}

/* Integers near the places where encodings change. */
static int64_t random_int(void)
{
	static const int64_t near[] = {
	        0,        9999999999,          INT64_C(1) << 53, INT64_C(1) << 54,
	        -1000000, -(INT64_C(1) << 53), INT64_C(1) << 62, INT64_C(1) << 60};
	uint64_t r = next_random();

	if (r & 1)
		return (int64_t)next_random();
	if (r & 2)
		return INT64_MAX - (int64_t)(next_random() % 3000);
	if (r & 4)
		return INT64_MIN + (int64_t)(next_random() % 3000);
	return near[r >> 8 & 7] + (int64_t)(r >> 16 & 7) - 4;
}

static struct rb_value random_number(void)
{
	uint64_t r = next_random() >> 11;
	double real = random_double();

	switch (r & 7) {
	case 0:
		return of_real(real);
	case 1:
		return of_real((double)random_int());
	case 2:
		return of_real((double)(int64_t)(r >> 3 & 63) / 4 - 8);
	case 3:
		return of_real(r & 8 ? INFINITY : r & 16 ? -INFINITY : r & 32 ? (double)NAN : -0.0);
	case 4:
		return of_int((int64_t)(r >> 3 & 15) - 8);
	default:
		return of_int(random_int());
	}
}

/* Short strings over few bytes, so that one is often the start of another. */
static struct rb_value random_value(char *room)
{
	static const char bytes[] = {'\0', '\1', 'a', 'A', '#', '%', '~', '`',
	                             '_',  'z',  '0', '=', '@', ';', '{', '\xff'};
	uint64_t r = next_random() >> 13;
	size_t len = r >> 4 & 3;

	for (size_t i = 0; i < len; i++)
		room[i] = bytes[r >> (8 + 4 * i) & 15];
	switch (r & 15) {
	case 0:
		return (struct rb_value){.kind = RB_VALUE_NULL};
	case 1:
		return (struct rb_value){.kind = RB_VALUE_BOOL, .u.i = (int64_t)(len & 1)};
	case 2:
		return of_bytes(RB_VALUE_NUMBER, room, len);
	case 3:
		return of_bytes(RB_VALUE_TEXT_RAW, room, len);
	case 4:
	case 5:
		return of_bytes(RB_VALUE_BLOB, room, len);
	case 6:
	case 7:
	case 8:
		return of_bytes(RB_VALUE_TEXT, room, len);
	default:
		return random_number();
	}
}

static bool is_numeric(const struct rb_value *value)
{
	return value->kind == RB_VALUE_INT || (value->kind == RB_VALUE_REAL && !isnan(value->u.r));
}

/* NULL, BOOL, numbers, NaN, NUMBER, TEXT, TEXT_RAW, BLOB. */
static int rank_of(const struct rb_value *value)
{
	switch (value->kind) {
	case RB_VALUE_NULL:
		return 0;
	case RB_VALUE_BOOL:
		return 1;
	case RB_VALUE_INT:
		return 2;
	case RB_VALUE_REAL:
		return isnan(value->u.r) ? 3 : 2;
	default:
		return (int)value->kind;
	}
}

static int sign_of(int order)
{
	return (order > 0) - (order < 0);
}

static int compare_numbers(const struct rb_value *a, const struct rb_value *b)
{
	/* Exact for both: a long double has 64 bits of mantissa at least (asserted). */
	long double x = a->kind == RB_VALUE_INT ? (long double)a->u.i : (long double)a->u.r;
	long double y = b->kind == RB_VALUE_INT ? (long double)b->u.i : (long double)b->u.r;

	if (x != y)
		return x < y ? -1 : 1;
	return sign_of((int)a->kind - (int)b->kind);
}

static int compare_strings(const struct rb_bytes *a, const struct rb_bytes *b)
{
	for (size_t i = 0; i < a->len && i < b->len; i++)
		if (a->data[i] != b->data[i])
			return (unsigned char)a->data[i] < (unsigned char)b->data[i] ? -1 : 1;
	return (a->len > b->len) - (a->len < b->len);
}

static int compare_values(const struct rb_value *a, const struct rb_value *b)
{
	if (rank_of(a) != rank_of(b))
		return rank_of(a) < rank_of(b) ? -1 : 1;
	if (is_numeric(a))
		return compare_numbers(a, b);
	if (a->kind == RB_VALUE_BOOL)
		return (a->u.i > b->u.i) - (a->u.i < b->u.i);
	if (a->kind == RB_VALUE_NULL || a->kind == RB_VALUE_REAL)
		return 0;
	return compare_strings(&a->u.bytes, &b->u.bytes);
}

static void assert_name_is_safe(const struct rb_buf *name)
{
	assert_in_range(name->len, 1, RB_KEY_NAME_MAX);
	for (size_t i = 0; i < name->len; i++)
		assert_non_null(
		        strchr("0123456789abcdefghijklmnopqrstuvwxyz_%#;=@~`+^-", name->data[i]));
}

/* Whether a file or directory of the one name is listed before one of the other. */
static bool is_listed_before(const char *a, const char *b)
{
	static const char *const suffixes[] = {"", ".jsonl", "/"};
	char a_path[RB_KEY_NAME_MAX + 8];
	char b_path[RB_KEY_NAME_MAX + 8];

	for (int i = 0; i < 3; i++) {
		for (int k = 0; k < 3; k++) {
			snprintf(a_path, sizeof(a_path), "%s%s", a, suffixes[i]);
			snprintf(b_path, sizeof(b_path), "%s%s", b, suffixes[k]);
			if (strcmp(a_path, b_path) >= 0)
				return false;
		}
	}
	return true;
}

/* A random row, its key and its name without and with an ordinal. */
struct case_row {
	struct rb_value values[2];
	char room[2][4];
	struct rb_buf key;
	struct rb_buf name;
	struct rb_buf second;
};

static const size_t swapped[] = {1, 0};

static void set_up_row(struct case_row *row)
{
	memset(row, 0, sizeof(*row));
	rb_buf_init(&row->key, KEY_TEST_MAX);
	rb_buf_init(&row->name, KEY_TEST_MAX);
	rb_buf_init(&row->second, KEY_TEST_MAX);
}

static void tear_down_row(struct case_row *row)
{
	rb_buf_release(&row->key);
	rb_buf_release(&row->name);
	rb_buf_release(&row->second);
}

/* first  its first key column, or NULL for a random one */
static void make_row(struct case_row *row, size_t columns, const struct rb_value *first)
{
	row->values[0] = random_value(row->room[0]);
	row->values[1] = first ? *first : random_value(row->room[1]);
	rb_buf_clear(&row->key);
	rb_buf_clear(&row->name);
	rb_buf_clear(&row->second);
	assert_int_equal(rb_key_of_row(row->values, swapped, columns, &row->key, NULL), RB_OK);
	assert_int_equal(rb_key_name(row->values, swapped, columns, 0, &row->name, NULL), RB_OK);
	assert_int_equal(rb_key_name(row->values, swapped, columns, 1, &row->second, NULL), RB_OK);
	assert_name_is_safe(&row->name);
	assert_name_is_safe(&row->second);
}

static void random_keys_and_names_stand_in_the_defined_order(void **state)
{
	struct case_row rows[2];
	struct case_row *a = &rows[0];
	struct case_row *b = &rows[1];

	(void)state;
	assert_true(LDBL_MANT_DIG >= 64);
	set_up_row(a);
	set_up_row(b);
	for (int turn = 0; turn < 200000; turn++) {
		size_t columns = 1 + (next_random() >> 20 & 1);
		int want;

		make_row(a, columns, NULL);
		make_row(b, columns, next_random() & 64 ? &a->values[1] : NULL);
		want = compare_values(&a->values[1], &b->values[1]);
		if (want == 0 && columns == 2)
			want = compare_values(&a->values[0], &b->values[0]);

		assert_int_equal(
		        sign_of(rb_key_compare(a->key.data, a->key.len, b->key.data, b->key.len)),
		        want);
		assert_true(is_listed_before(a->name.data, a->second.data));
		if (want == 0) {
			assert_string_equal(a->name.data, b->name.data);
			continue;
		}
		if (want > 0) {
			struct case_row *other = a;

			a = b;
			b = other;
		}
		assert_true(is_listed_before(a->second.data, b->name.data));
	}
	tear_down_row(a);
	tear_down_row(b);
}

/* What is decoded encodes to the same key; a key cut short is refused. */
static void random_keys_are_decoded(void **state)
{
	static const size_t in_order[] = {0, 1};
	struct rb_buf again = RB_BUF(KEY_TEST_MAX);
	struct rb_buf room = RB_BUF(KEY_TEST_MAX);
	struct rb_value values[2];
	struct case_row row;

	(void)state;
	set_up_row(&row);
	for (int turn = 0; turn < 50000; turn++) {
		make_row(&row, 2, NULL);
		assert_int_equal(rb_key_decode(row.key.data, row.key.len, values, 2, &room, NULL),
		                 RB_OK);
		assert_int_equal(values[0].kind, row.values[1].kind);
		assert_int_equal(values[1].kind, row.values[0].kind);
		rb_buf_clear(&again);
		assert_int_equal(rb_key_of_row(values, in_order, 2, &again, NULL), RB_OK);
		assert_int_equal(rb_key_compare(again.data, again.len, row.key.data, row.key.len),
		                 0);
		for (size_t len = 0; len < row.key.len; len++)
			assert_int_equal(rb_key_decode(row.key.data, len, values, 2, &room, NULL),
			                 RB_E_FORMAT);
	}
	tear_down_row(&row);
	rb_buf_release(&again);
	rb_buf_release(&room);
}

static void long_names_are_safe_and_differ(void **state)
{
	struct rb_buf last = RB_BUF(KEY_TEST_MAX);
	struct rb_buf name = RB_BUF(KEY_TEST_MAX);
	const size_t position = 0;
	char text[300];

	(void)state;
	for (size_t len = 0; len < sizeof(text); len++) {
		struct rb_value value = of_bytes(RB_VALUE_TEXT, text, len);

		text[len] = (char)next_random();
		rb_buf_clear(&name);
		assert_int_equal(rb_key_name(&value, &position, 1, len & 1, &name, NULL), RB_OK);
		assert_name_is_safe(&name);
		assert_true(rb_key_compare(name.data, name.len, last.data, last.len) != 0);
		rb_buf_clear(&last);
		assert_int_equal(rb_buf_add(&last, name.data, name.len, NULL), RB_OK);
	}
	rb_buf_release(&last);
	rb_buf_release(&name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(encodings_are_the_documented_bytes),
	        cmocka_unit_test(hashes_are_the_documented_numbers),
	        cmocka_unit_test(a_shorter_key_stands_before_the_longer_one_it_starts),
	        cmocka_unit_test(names_are_the_documented_text),
	        cmocka_unit_test(an_ordinal_follows_the_name),
	        cmocka_unit_test(a_long_name_is_cut_and_told_apart_by_its_hash),
	        cmocka_unit_test(without_memory_or_room_the_buffer_is_as_it_was),
	        cmocka_unit_test(random_keys_and_names_stand_in_the_defined_order),
	        cmocka_unit_test(random_keys_are_decoded),
	        cmocka_unit_test(long_names_are_safe_and_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
