/*
 * The benchmark's database: six tables as an application would have them.
 *
 *	make_data OUT.db [ROWS]          make it anew; 1,000,000 rows give about 320 MB
 *	make_data --change PERMILLE DB   change so many of every thousand rows in every table:
 *	                                 70 % updates and 10 % deletes at random places,
 *	                                 20 % inserts at the end
 *	make_data --change-one DB        update one row
 *
 * Everything follows from the arguments and the database alone: own random numbers, no
 * time, no locale.  A row's values follow from its table and number, so that the tables can
 * be made in any order.  Users, products and orders whose number ends in 0 are referred to
 * by nobody: they are the ones that may be deleted, so that no foreign key ever breaks.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/data_rows.h"

#define ROWS_DEFAULT 1000000
#define ROWS_MIN 1000
#define ROWS_MAX 1000000000

static const char schema[] =
        "CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE,"
        " name TEXT NOT NULL, bio TEXT, country TEXT NOT NULL, balance REAL NOT NULL,"
        " latitude REAL, longitude REAL, is_active INTEGER NOT NULL, created_at TEXT NOT NULL);"
        "CREATE TABLE products(id INTEGER PRIMARY KEY, sku TEXT NOT NULL UNIQUE,"
        " name TEXT NOT NULL, description TEXT NOT NULL, price REAL NOT NULL, weight REAL,"
        " stock INTEGER NOT NULL, thumbnail BLOB, updated_at TEXT NOT NULL);"
        "CREATE TABLE orders(id INTEGER PRIMARY KEY,"
        " user_id INTEGER NOT NULL REFERENCES users(id), status TEXT NOT NULL,"
        " total REAL NOT NULL, currency TEXT NOT NULL, discount REAL, address TEXT NOT NULL,"
        " note TEXT, placed_at TEXT NOT NULL, shipped_at TEXT);"
        "CREATE TABLE order_items(id INTEGER PRIMARY KEY,"
        " order_id INTEGER NOT NULL REFERENCES orders(id),"
        " product_id INTEGER NOT NULL REFERENCES products(id), count INTEGER NOT NULL,"
        " price REAL NOT NULL, tax REAL NOT NULL, comment TEXT);"
        "CREATE TABLE events(id INTEGER PRIMARY KEY,"
        " user_id INTEGER NOT NULL REFERENCES users(id), kind TEXT NOT NULL,"
        " payload TEXT NOT NULL, score REAL, at_ms INTEGER NOT NULL);"
        "CREATE TABLE sessions(id TEXT PRIMARY KEY NOT NULL,"
        " user_id INTEGER NOT NULL REFERENCES users(id), user_agent TEXT NOT NULL,"
        " data TEXT NOT NULL, expires_at INTEGER NOT NULL, note TEXT);";

static const char indexes[] = "CREATE INDEX orders_by_user ON orders(user_id);"
                              "CREATE INDEX orders_by_time ON orders(placed_at);"
                              "CREATE INDEX order_items_by_order ON order_items(order_id);"
                              "CREATE INDEX order_items_by_product ON order_items(product_id);"
                              "CREATE INDEX events_by_user ON events(user_id, at_ms);"
                              "CREATE INDEX events_by_kind ON events(kind, at_ms);"
                              "CREATE INDEX sessions_by_user ON sessions(user_id);";

static void exec(sqlite3 *db, const char *sql)
{
	check(db, sqlite3_exec(db, sql, NULL, NULL, NULL), sql);
}

static sqlite3 *open_db(const char *path, int flags)
{
	sqlite3 *db = NULL;

	check(db, sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | flags, NULL), path);
	exec(db, "PRAGMA synchronous=OFF; PRAGMA cache_size=-262144");
	return db;
}

static void close_db(sqlite3 *db)
{
	check(db, sqlite3_close(db), "close");
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt = NULL;

	check(db, sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), sql);
	return stmt;
}

static void step(sqlite3 *db, sqlite3_stmt *stmt)
{
	check(db, sqlite3_step(stmt), sqlite3_sql(stmt));
	check(db, sqlite3_reset(stmt), sqlite3_sql(stmt));
	check(db, sqlite3_clear_bindings(stmt), sqlite3_sql(stmt));
}

static void insert_row(sqlite3 *db, sqlite3_stmt *stmt, const struct maker *counts, int table,
                       int64_t id)
{
	struct maker maker = *counts;

	maker.id = id;
	maker.rng.state = ((uint64_t)table + 1) << 56 ^ (uint64_t)id << 8;
	tables[table].bind(stmt, &maker);
	step(db, stmt);
}

static void make(const char *path, int64_t rows)
{
	struct maker counts = {.id = 0};
	int64_t left = rows;
	sqlite3 *db;

	if (remove(path) != 0 && errno != ENOENT)
		fail(path, strerror(errno));
	db = open_db(path, SQLITE_OPEN_CREATE);
	exec(db, "PRAGMA journal_mode=OFF; BEGIN");
	exec(db, schema);
	for (int i = 0; i < TABLES; i++) {
		counts.counts[i] = i < TABLES - 1 ? rows * tables[i].permille / 1000 : left;
		left -= counts.counts[i];
	}
	for (int i = 0; i < TABLES; i++) {
		sqlite3_stmt *stmt = prepare(db, tables[i].insert);

		for (int64_t id = 1; id <= counts.counts[i]; id++)
			insert_row(db, stmt, &counts, i, id);
		sqlite3_finalize(stmt);
	}
	exec(db, indexes);
	exec(db, "COMMIT");
	close_db(db);
}

static int64_t ask(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt = prepare(db, sql);
	int64_t answer;

	check(db, sqlite3_step(stmt), sql);
	answer = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return answer;
}

/* Run on rows picked at random, until it has changed `times` of those that are there. */
static void change_rows(sqlite3 *db, const char *sql, int64_t times, int64_t last, int64_t every,
                        struct rng *rng)
{
	sqlite3_stmt *stmt = prepare(db, sql);
	int values = sqlite3_bind_parameter_count(stmt);

	while (times > 0) {
		sqlite3_bind_int64(stmt, 1, every * (1 + pick(rng, last / every)));
		if (values >= 2)
			bind_words(stmt, 2, rng, 1, 8);
		if (values >= 3)
			sqlite3_bind_double(stmt, 3, money(rng, 100000));
		if (values >= 4)
			sqlite3_bind_int64(stmt, 4, pick(rng, 2000000000));
		step(db, stmt);
		times -= sqlite3_changes(db);
	}
	sqlite3_finalize(stmt);
}

static void change_table(sqlite3 *db, int table, int64_t permille, struct maker *counts)
{
	int64_t last = counts->counts[table];
	int64_t changes = last * permille / 1000;
	int64_t inserts = changes / 5;
	int64_t deletes = changes / 10;
	sqlite3_stmt *insert = prepare(db, tables[table].insert);
	char sql[128];

	change_rows(db, tables[table].update, changes - inserts - deletes, last, 1, &counts->rng);
	snprintf(sql, sizeof(sql), "DELETE FROM %s WHERE rowid=?1", tables[table].name);
	change_rows(db, sql, deletes, last, tables[table].is_referred_to ? UNREFERRED : 1,
	            &counts->rng);
	for (int64_t i = 1; i <= inserts; i++)
		insert_row(db, insert, counts, table, last + i);
	sqlite3_finalize(insert);
}

static void change(const char *path, int64_t permille)
{
	struct maker counts = {.id = 0};
	sqlite3 *db = open_db(path, 0);
	char sql[128];

	for (int i = 0; i < TABLES; i++) {
		snprintf(sql, sizeof(sql), "SELECT max(rowid) FROM %s", tables[i].name);
		counts.counts[i] = ask(db, sql);
		/* Rows were added by the run before, so the next one picks others. */
		counts.rng.state += (uint64_t)counts.counts[i];
	}
	exec(db, "BEGIN IMMEDIATE");
	for (int i = 0; i < TABLES; i++)
		change_table(db, i, permille, &counts);
	exec(db, "COMMIT");
	close_db(db);
}

static void change_one(const char *path)
{
	sqlite3 *db = open_db(path, 0);

	exec(db, "UPDATE orders SET total = total + 1, status = 'returned' WHERE id ="
	         " (SELECT id FROM orders WHERE id >= (SELECT max(id) / 2 FROM orders)"
	         " ORDER BY id LIMIT 1)");
	if (sqlite3_changes(db) != 1)
		fail(path, "no row to change");
	close_db(db);
}

static int64_t number(const char *text, int64_t least, int64_t most)
{
	char *end = NULL;
	long long value = strtoll(text, &end, 10);

	if (end == text || *end != '\0' || value < least || value > most)
		fail(text, "not a number, or out of range");
	return value;
}

int main(int argc, char **argv)
{
	make_words();
	if (argc == 3 && strcmp(argv[1], "--change-one") == 0) {
		change_one(argv[2]);
	} else if (argc == 4 && strcmp(argv[1], "--change") == 0) {
		change(argv[3], number(argv[2], 1, 500));
	} else if ((argc == 2 || argc == 3) && argv[1][0] != '-') {
		make(argv[1], argc == 3 ? number(argv[2], ROWS_MIN, ROWS_MAX) : ROWS_DEFAULT);
	} else {
		fprintf(stderr, "usage: make_data OUT.db [ROWS]\n"
		                "       make_data --change PERMILLE DB\n"
		                "       make_data --change-one DB\n");
		return 2;
	}
	return 0;
}
