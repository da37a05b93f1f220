#!/usr/bin/env python3
"""Print statements that change tests/integration/postgres_digests.sql's tables, a round a line.

postgres_digests.py ROUNDS
"""
import random
import sys

KEYS = {  # a key out of a number, as SQL
    "k_int": "{n}", "k_big": "{n} * 1000003::bigint - 3000000000",
    "k_text": "'n' || md5('{n}')", "k_long": "repeat('https://example.com/', 6) || md5('n{n}')",
    "k_uuid": "md5('n{n}')::uuid", "k_numeric": "{n} * 1.01 - 5000.5",
    "k_bytea": "decode(md5('n{n}'), 'hex')", "parts_low": "{n} % 90000", "parts_high": "100000 + {n}",
    "k_gone": "{n}", "files": "{n}", "small": "{n}",
}
TABLES = sorted(KEYS) + ["k_pair", "k_date", "k_none"]
# Where a value can be changed, and what tells rows apart.
VALUES = {"k_gone": "rowback_1"}
ORDER = {"k_pair": "a, b", "k_date": "id, at", "k_none": "a, v"}


def some(table, count):
    """Rows by chance, as places in the server's files."""
    return ("ctid IN (SELECT ctid FROM ONLY %s ORDER BY md5(ctid::text || '%d') LIMIT %d)"
            % (table, random.randrange(10**6), count))


def change(table):
    value = VALUES.get(table, "v")
    number = random.randrange(1, 80000)
    kind = random.choice(["update", "update", "insert", "delete", "key", "span", "same"])
    if kind == "update":
        return "UPDATE %s SET %s = 'changed %d' WHERE %s" % (
            table, value, number, some(table, random.choice([1, 1, 5, 40])))
    if kind == "insert" and table in KEYS:
        key = KEYS[table].format(n=number)
        return "INSERT INTO %s(id, %s) VALUES (%s, filler(%d)) ON CONFLICT DO NOTHING" % (
            table, value, key, number)
    if kind == "key" and table in KEYS and table not in ("parts_low", "parts_high"):
        key = KEYS[table].format(n=number)
        return "DELETE FROM %s WHERE id = %s; UPDATE %s SET id = %s WHERE %s" % (
            table, key, table, key, some(table, 1))
    if kind == "span":
        order = ORDER.get(table, "id")
        return ("DELETE FROM %s WHERE ctid IN (SELECT ctid FROM ONLY %s ORDER BY %s OFFSET %d LIMIT %d)"
                % (table, table, order, random.randrange(6000), random.choice([3, 300])))
    if kind == "same":
        return "UPDATE %s SET %s = %s WHERE %s" % (table, value, value, some(table, 10))
    return "DELETE FROM %s WHERE %s" % (table, some(table, random.choice([1, 20])))


# What happens once, in the round of its number.
ONCE = {
    2: "VACUUM FULL k_int",
    3: "ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'",
    4: "ALTER TABLE target_of_names RENAME TO \"New Name\"",
    5: "ALTER TABLE k_big ADD later text",
    6: "ALTER TABLE k_gone DROP drop_me",
    7: "ALTER TABLE k_uuid RENAME v TO v2; ALTER TABLE k_uuid RENAME v2 TO v",
    8: "ALTER TABLE k_bytea ALTER v TYPE varchar(2000)",
    9: "UPDATE parts SET id = id + 300000 WHERE id BETWEEN 500 AND 520",
    10: "TRUNCATE k_numeric; INSERT INTO k_numeric SELECT i, filler(i) FROM generate_series(1, 9000) i",
    11: "ALTER TYPE pair ADD ATTRIBUTE extra int CASCADE",
    12: "TRUNCATE k_bytea",
    13: "CLUSTER k_text USING k_text_pkey; ALTER TABLE k_none ADD PRIMARY KEY (id)",
    14: "ALTER TABLE k_pair DROP CONSTRAINT k_pair_pkey",
    15: "UPDATE files SET v = repeat('another long one', 50000) WHERE id = 2007",
    16: "UPDATE k_int SET d = 0 WHERE id = 5; UPDATE k_none SET b = -b WHERE a = 7",
}
# A key for rows that may be equal; before the round that needs it.
ONCE[13] = "CLUSTER k_text USING k_text_pkey; ALTER TABLE k_none ADD id serial"


def main():
    random.seed(20261130)
    for number in range(1, int(sys.argv[1]) + 1):
        statements = [change(random.choice(TABLES)) for _ in range(random.choice([0, 1, 3, 8]))]
        if number in ONCE:
            statements.insert(random.randrange(len(statements) + 1), ONCE[number])
        print("; ".join(statements) or "SELECT 1")


main()
