/*
 * See data_rows.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/data_rows.h"

#define WORDS 2048
#define WORD_BYTES 32
#define TEXT_BYTES 4096
#define BLOB_BYTES 3000
#define FIRST_DAY 19358 /* 2023-01-01, in days since 1970 */
#define DAY_S 86400

/* A text being put together. */
struct text {
	char data[TEXT_BYTES];
	size_t len;
};

static char words[WORDS][WORD_BYTES];

_Noreturn void fail(const char *what, const char *why)
{
	fprintf(stderr, "make_data: %s: %s\n", what, why);
	exit(2);
}

void check(sqlite3 *db, int rc, const char *what)
{
	if (rc != SQLITE_OK && rc != SQLITE_DONE && rc != SQLITE_ROW)
		fail(what, db ? sqlite3_errmsg(db) : sqlite3_errstr(rc));
}

/* ------------------------------------------------------------------ random values */

static uint64_t next(struct rng *rng)
{
	uint64_t z = rng->state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

int64_t pick(struct rng *rng, int64_t below)
{
	return (int64_t)(next(rng) % (uint64_t)below);
}

static int one_in(struct rng *rng, int64_t many)
{
	return pick(rng, many) == 0;
}

double money(struct rng *rng, int64_t cents_max)
{
	return (double)pick(rng, cents_max) / 100;
}

/* 0 to 1, all 53 bits in use: 16 or 17 digits. */
static double fraction(struct rng *rng)
{
	return (double)(next(rng) >> 11) / 9007199254740992.0;
}

/* A row of a table that others refer to. */
static int64_t reference(struct maker *maker, enum table_id table)
{
	int64_t id = 1 + pick(&maker->rng, maker->counts[table]);

	return id % UNREFERRED == 0 ? id - 1 : id;
}

/* ------------------------------------------------------------------ texts */

static void add(struct text *text, const char *bytes)
{
	size_t len = strlen(bytes);

	if (len > sizeof(text->data) - text->len)
		fail("text", "longer than TEXT_BYTES");
	memcpy(text->data + text->len, bytes, len);
	text->len += len;
}

static void add_int(struct text *text, int64_t n)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%lld", (long long)n);
	add(text, digits);
}

static void add_hex(struct text *text, struct rng *rng, int digits)
{
	static const char hex[] = "0123456789abcdef";
	uint64_t bits = next(rng);

	for (int i = 0; i < digits; i++, bits >>= 4) {
		char digit[2] = {hex[bits & 15], '\0'};

		add(text, digit);
	}
}

/* Syllables in a row; one word in twenty is not ASCII. */
void make_words(void)
{
	static const char *const syllables[] = {
	        "an",  "ber", "cor", "da",  "el",  "fin", "gra", "hel", "in",  "jo", "ka",
	        "lin", "mor", "na",  "or",  "pel", "qua", "ri",  "sta", "to",  "un", "ver",
	        "win", "xa",  "ya",  "zen", "ing", "ed",  "er",  "ly",  "est", "ous"};
	static const char *const foreign[] = {"ü", "é", "ß",  "ø",  "ñ",  "ł",
	                                      "ж", "λ", "日", "本", "語", "🙂"};
	struct rng rng = {.state = 1};

	for (size_t i = 0; i < WORDS; i++) {
		int64_t parts = 1 + pick(&rng, 4);

		for (int64_t part = 0; part < parts; part++)
			strcat(words[i], syllables[pick(&rng, 32)]);
		if (one_in(&rng, 20))
			strcat(words[i], foreign[pick(&rng, 12)]);
	}
}

/* Some words are common, most are rare, as in any language. */
static const char *word(struct rng *rng)
{
	uint64_t bits = next(rng);

	return words[bits % WORDS * (bits >> 32 & (WORDS - 1)) / WORDS];
}

/* From `least` to `most` words, with what has to be escaped now and then. */
static void add_words(struct text *text, struct rng *rng, int64_t least, int64_t most)
{
	int64_t count = least + pick(rng, most - least + 1);

	for (int64_t i = 0; i < count; i++) {
		if (i > 0)
			add(text, one_in(rng, 12) ? ", " : " ");
		add(text, word(rng));
		if (one_in(rng, 60))
			add(text, ".\n");
		else if (one_in(rng, 80))
			add(text, " \"");
	}
}

static void add_time(struct text *text, int64_t unix_s)
{
	/* The civil date of a day: years begin in March, eras have 400 years. */
	int64_t z = unix_s / DAY_S + 719468;
	int64_t day_of_era = z % 146097;
	int64_t year =
	        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day = day_of_era - (365 * year + year / 4 - year / 100);
	int64_t shifted = (5 * day + 2) / 153;
	int64_t month = shifted < 10 ? shifted + 3 : shifted - 9;
	char stamp[64];

	year += z / 146097 * 400 + (month <= 2);
	snprintf(stamp, sizeof(stamp), "%04d-%02d-%02dT%02d:%02d:%02dZ", (int)year, (int)month,
	         (int)(day - (153 * shifted + 2) / 5 + 1), (int)(unix_s / 3600 % 24),
	         (int)(unix_s / 60 % 60), (int)(unix_s % 60));
	add(text, stamp);
}

/* Later rows are later in time. */
static int64_t time_of(struct maker *maker, int64_t step_s)
{
	return (int64_t)FIRST_DAY * DAY_S + maker->id * step_s + pick(&maker->rng, step_s);
}

/* ------------------------------------------------------------------ rows */

static void bind_text(sqlite3_stmt *stmt, int at, const struct text *text)
{
	check(NULL, sqlite3_bind_text(stmt, at, text->data, (int)text->len, SQLITE_TRANSIENT),
	      "bind");
}

void bind_words(sqlite3_stmt *stmt, int at, struct rng *rng, int64_t least, int64_t most)
{
	struct text text = {.len = 0};

	add_words(&text, rng, least, most);
	bind_text(stmt, at, &text);
}

static void bind_time(sqlite3_stmt *stmt, int at, int64_t unix_s)
{
	struct text text = {.len = 0};

	add_time(&text, unix_s);
	bind_text(stmt, at, &text);
}

static void bind_choice(sqlite3_stmt *stmt, int at, struct rng *rng, const char *const *choices,
                        int64_t count)
{
	check(NULL, sqlite3_bind_text(stmt, at, choices[pick(rng, count)], -1, SQLITE_STATIC),
	      "bind");
}

static void bind_user(sqlite3_stmt *stmt, struct maker *maker)
{
	static const char *const countries[] = {"DE", "FR", "GB", "US", "JP", "BR", "IN", "PL"};
	struct rng *rng = &maker->rng;
	struct text email = {.len = 0};

	add(&email, word(rng));
	add(&email, ".");
	add(&email, word(rng));
	add_int(&email, maker->id);
	add(&email, "@example.com");
	sqlite3_bind_int64(stmt, 1, maker->id);
	bind_text(stmt, 2, &email);
	bind_words(stmt, 3, rng, 2, 3);
	if (!one_in(rng, 3))
		bind_words(stmt, 4, rng, 5, 40);
	bind_choice(stmt, 5, rng, countries, 8);
	sqlite3_bind_double(stmt, 6, money(rng, 1000000));
	if (!one_in(rng, 4)) {
		sqlite3_bind_double(stmt, 7, fraction(rng) * 180 - 90);
		sqlite3_bind_double(stmt, 8, fraction(rng) * 360 - 180);
	}
	sqlite3_bind_int(stmt, 9, !one_in(rng, 20));
	bind_time(stmt, 10, time_of(maker, 1400));
}

static void bind_product(sqlite3_stmt *stmt, struct maker *maker)
{
	struct rng *rng = &maker->rng;
	struct text sku = {.len = 0};

	add(&sku, "SKU-");
	add_hex(&sku, rng, 4);
	add(&sku, "-");
	add_int(&sku, maker->id);
	sqlite3_bind_int64(stmt, 1, maker->id);
	bind_text(stmt, 2, &sku);
	bind_words(stmt, 3, rng, 2, 6);
	bind_words(stmt, 4, rng, 20, 130);
	sqlite3_bind_double(stmt, 5, money(rng, 50000));
	if (!one_in(rng, 3))
		sqlite3_bind_double(stmt, 6, (double)pick(rng, 100000) / 1000);
	sqlite3_bind_int64(stmt, 7, pick(rng, 5000));
	if (one_in(rng, 4)) {
		unsigned char blob[BLOB_BYTES];
		int64_t len = 300 + pick(rng, BLOB_BYTES - 300 + 1);

		for (int64_t i = 0; i < len; i++)
			blob[i] = (unsigned char)next(rng);
		check(NULL, sqlite3_bind_blob(stmt, 8, blob, (int)len, SQLITE_TRANSIENT), "bind");
	}
	bind_time(stmt, 9, time_of(maker, 4000));
}

static void bind_order(sqlite3_stmt *stmt, struct maker *maker)
{
	static const char *const states[] = {"paid",      "shipped", "delivered", "delivered",
	                                     "delivered", "open",    "cancelled", "returned"};
	static const char *const currencies[] = {"EUR", "EUR", "EUR", "USD", "GBP", "JPY"};
	struct rng *rng = &maker->rng;
	int64_t placed = time_of(maker, 500);

	sqlite3_bind_int64(stmt, 1, maker->id);
	sqlite3_bind_int64(stmt, 2, reference(maker, USERS));
	bind_choice(stmt, 3, rng, states, 8);
	sqlite3_bind_double(stmt, 4, money(rng, 200000));
	bind_choice(stmt, 5, rng, currencies, 6);
	if (one_in(rng, 10))
		sqlite3_bind_double(stmt, 6, money(rng, 2000));
	bind_words(stmt, 7, rng, 5, 11);
	if (one_in(rng, 4))
		bind_words(stmt, 8, rng, 4, 30);
	bind_time(stmt, 9, placed);
	if (!one_in(rng, 5))
		bind_time(stmt, 10, placed + pick(rng, (int64_t)5 * DAY_S));
}

static void bind_order_item(sqlite3_stmt *stmt, struct maker *maker)
{
	static const double taxes[] = {0.19, 0.19, 0.07, 0.2, 0};
	struct rng *rng = &maker->rng;
	/* The items of an order stand together, as they were written. */
	int64_t order = 1 + maker->id * maker->counts[ORDERS] / (maker->counts[ORDER_ITEMS] + 1);

	if (order > maker->counts[ORDERS])
		order = maker->counts[ORDERS];
	sqlite3_bind_int64(stmt, 1, maker->id);
	sqlite3_bind_int64(stmt, 2, order % UNREFERRED == 0 ? order - 1 : order);
	sqlite3_bind_int64(stmt, 3, reference(maker, PRODUCTS));
	sqlite3_bind_int64(stmt, 4, 1 + pick(rng, 5));
	sqlite3_bind_double(stmt, 5, money(rng, 50000));
	sqlite3_bind_double(stmt, 6, taxes[pick(rng, 5)]);
	if (one_in(rng, 3))
		bind_words(stmt, 7, rng, 3, 14);
}

static void bind_event(sqlite3_stmt *stmt, struct maker *maker)
{
	static const char *const kinds[] = {"page_view", "page_view",   "page_view", "click",
	                                    "search",    "add_to_cart", "login",     "error"};
	static const char *const systems[] = {"ios", "android", "windows", "macos", "linux"};
	struct rng *rng = &maker->rng;
	struct text payload = {.len = 0};

	add(&payload, "{\"page\":\"/products/");
	add_int(&payload, reference(maker, PRODUCTS));
	add(&payload, "\",\"request\":\"");
	add_hex(&payload, rng, 16);
	add(&payload, "\",\"referrer\":");
	add(&payload, one_in(rng, 2) ? "null" : "\"https://www.example.org/search\"");
	add(&payload, ",\"duration_ms\":");
	add_int(&payload, pick(rng, 60000));
	add(&payload, ",\"device\":{\"os\":\"");
	add(&payload, systems[pick(rng, 5)]);
	add(&payload, "\",\"version\":\"");
	add_int(&payload, 10 + pick(rng, 8));
	add(&payload, "\"},\"tags\":[\"");
	add(&payload, word(rng));
	add(&payload, "\",\"");
	add(&payload, word(rng));
	add(&payload, "\"],\"query\":\"");
	for (int64_t i = 20 + pick(rng, 70); i > 0; i--) {
		add(&payload, word(rng));
		add(&payload, i > 1 ? " " : "\"}");
	}
	sqlite3_bind_int64(stmt, 1, maker->id);
	sqlite3_bind_int64(stmt, 2, reference(maker, USERS));
	bind_choice(stmt, 3, rng, kinds, 8);
	bind_text(stmt, 4, &payload);
	if (!one_in(rng, 3))
		sqlite3_bind_double(stmt, 5, fraction(rng));
	sqlite3_bind_int64(stmt, 6, time_of(maker, 340) * 1000 + pick(rng, 1000));
}

static void bind_session(sqlite3_stmt *stmt, struct maker *maker)
{
	static const char *const agents[] = {
	        "Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0",
	        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Safari/605",
	        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15",
	        "curl/7.88.1"};
	static const int groups[] = {8, 4, 4, 4, 12};
	struct rng *rng = &maker->rng;
	struct text id = {.len = 0};
	struct text data = {.len = 0};

	for (int i = 0; i < 5; i++) {
		add(&id, i > 0 ? "-" : "");
		add_hex(&id, rng, groups[i]);
	}
	add(&data, "{\"csrf\":\"");
	add_hex(&data, rng, 16);
	add(&data, "\",\"cart\":[");
	for (int64_t i = pick(rng, 4); i >= 0; i--) {
		add_int(&data, reference(maker, PRODUCTS));
		add(&data, i > 0 ? "," : "]}");
	}
	bind_text(stmt, 1, &id);
	sqlite3_bind_int64(stmt, 2, reference(maker, USERS));
	bind_choice(stmt, 3, rng, agents, 4);
	bind_text(stmt, 4, &data);
	sqlite3_bind_int64(stmt, 5, time_of(maker, 900));
	if (one_in(rng, 4))
		bind_words(stmt, 6, rng, 5, 20);
}

const struct table tables[TABLES] = {
        [USERS] = {"users", 60, 1, "INSERT INTO users VALUES(?,?,?,?,?,?,?,?,?,?)",
                   "UPDATE users SET bio=?2, balance=?3 WHERE rowid=?1", bind_user},
        [PRODUCTS] = {"products", 20, 1, "INSERT INTO products VALUES(?,?,?,?,?,?,?,?,?)",
                      "UPDATE products SET name=?2, price=?3, stock=?4 WHERE rowid=?1",
                      bind_product},
        [ORDERS] = {"orders", 170, 1, "INSERT INTO orders VALUES(?,?,?,?,?,?,?,?,?,?)",
                    "UPDATE orders SET note=?2, total=?3 WHERE rowid=?1", bind_order},
        [ORDER_ITEMS] = {"order_items", 400, 0, "INSERT INTO order_items VALUES(?,?,?,?,?,?,?)",
                         "UPDATE order_items SET comment=?2, price=?3 WHERE rowid=?1",
                         bind_order_item},
        [EVENTS] = {"events", 250, 0, "INSERT INTO events VALUES(?,?,?,?,?,?)",
                    "UPDATE events SET kind=?2, score=?3 WHERE rowid=?1", bind_event},
        [SESSIONS] = {"sessions", 100, 0, "INSERT INTO sessions VALUES(?,?,?,?,?,?)",
                      "UPDATE sessions SET note=?2, expires_at=?4 WHERE rowid=?1", bind_session},
};
