/*
 * The rows of the benchmark's database: what stands in them, and nothing of files.
 *
 * A row's values follow from its table and number alone.
 */
#ifndef ROWBACK_TESTS_BENCH_DATA_ROWS_H
#define ROWBACK_TESTS_BENCH_DATA_ROWS_H

#include <stdint.h>

#include <sqlite3.h>

/** Rows of some tables whose number ends in 0 are referred to by nobody. */
#define UNREFERRED 10

enum table_id { USERS, PRODUCTS, ORDERS, ORDER_ITEMS, EVENTS, SESSIONS, TABLES };

/** Splitmix64: enough for data, and the same everywhere. */
struct rng {
	uint64_t state;
};

/** What a row is made from. */
struct maker {
	struct rng rng;
	int64_t id;
	int64_t counts[TABLES]; /**< rows that may be referred to, by table */
};

struct table {
	const char *name;
	int permille;       /**< its share of all rows */
	int is_referred_to; /**< only rows whose number ends in 0 may be deleted */
	const char *insert;
	/** ?1 the row, ?2 a text, ?3 a real, ?4 an integer; may leave some out. */
	const char *update;
	void (*bind)(sqlite3_stmt *stmt, struct maker *maker);
};

extern const struct table tables[TABLES];

/** Say so and end: there is nothing to go on with. */
_Noreturn void fail(const char *what, const char *why);

/** Any result of SQLite's that is not a success ends the program. */
void check(sqlite3 *db, int rc, const char *what);

/** Before all others. */
void make_words(void);

/** 0 to below - 1. */
int64_t pick(struct rng *rng, int64_t below);

/** An amount with two digits after the point. */
double money(struct rng *rng, int64_t cents_max);

/** A text of so many words. */
void bind_words(sqlite3_stmt *stmt, int at, struct rng *rng, int64_t least, int64_t most);

#endif /* ROWBACK_TESTS_BENCH_DATA_ROWS_H */
