-- A small database with all that the store format (docs/format.md) has a rule for.
-- For the sqlite3 shell; what it makes must not depend on its version.
PRAGMA page_size = 4096;
PRAGMA encoding = 'UTF-8';
PRAGMA application_id = 1196444487;
PRAGMA user_version = -5;

-- Every value, in a column that changes none.
CREATE TABLE "values"(id INTEGER PRIMARY KEY, v, "$v", "$rowid", "q""\	é");
INSERT INTO "values"(v) VALUES
	(NULL), (0), (-1), (9223372036854775807), (-9223372036854775808), (9007199254740993),
	(1.0), (-0.0), (0.1), (-1.5e-300), (1e15), (1e16), (123456789012345.6), (0.00001),
	(9e999), (-9e999), (''), ('it''s'), ('"\/'), (char(0, 1, 8, 9, 10, 11, 12, 13, 27, 31, 127)),
	('a' || char(0)), ('é€' || char(128512, 8232, 65279)), ('{"$blob":"AA=="}'),
	(x''), (x'00'), (x'0001'), (x'000102'), (x'fbefff'),
	(CAST(x'c3' AS TEXT)), (CAST(x'61ff00' AS TEXT)), (zeroblob(524289));
INSERT INTO "values"(id, "$v", "$rowid", "q""\	é") VALUES(-5, 1, 2, 3), (9999999999, 'a', 'b', 'c');

-- Rows enough for several chunks, and a directory.
CREATE TABLE orders(
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	customer INT NOT NULL REFERENCES "Customers"(id) ON UPDATE CASCADE,
	at TEXT DEFAULT CURRENT_TIMESTAMP, -- UTC
	total DECIMAL(10,2) NOT NULL DEFAULT 0 CHECK (total >= 0),
	cents INT AS (CAST(total * 100 AS INT)) STORED,
	label TEXT COLLATE NOCASE GENERATED ALWAYS AS ('#' || id) VIRTUAL
);
WITH RECURSIVE i(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM i WHERE i < 1500)
INSERT INTO orders(id, customer, at, total)
	SELECT i * 1030 - 20000, i * 7 % 3 + 1, '2026-11-20 15:58:' || (10 + i % 50), i * 13 % 997 / 8.0
	FROM i;
CREATE TABLE "Customers"(id INTEGER PRIMARY KEY, name TEXT UNIQUE, parent REFERENCES "Customers");
INSERT INTO "Customers" VALUES(1, 'Ada', NULL), (2, 'Bob', 1), (3, NULL, 1);

-- Keys of every sort, in rows so long that each is a chunk.
CREATE TABLE pair(a TEXT, b, v, PRIMARY KEY(b, a DESC)) WITHOUT ROWID;
INSERT INTO pair VALUES('Ab c', -7, 1), ('z', 2.5, 2), ('', 'text', 3), ('~', x'00ff', 4),
	('x', -1e300, 5), ('y', 1e300, 6), ('x', 3, 7), ('w', 3.0, 8);
CREATE TABLE reals(k REAL PRIMARY KEY, v TEXT) WITHOUT ROWID;
INSERT INTO reals SELECT column1, replace(hex(zeroblob(5000)), '00', substr(column1 || '      ', 1, 4))
	FROM (VALUES (-1e300), (-2.5), (-0.0), (1e300));
CREATE TABLE texts(k TEXT PRIMARY KEY, n, v TEXT);
INSERT INTO texts SELECT column1, rowid, replace(hex(zeroblob(5000)), '00', 'text') FROM (
	SELECT column1, column1 AS rowid FROM (VALUES ('Ab c'), ('a:Z^`~'), (NULL), (CAST(x'ff' AS TEXT)),
	('a long key that makes a name of more than eighty bytes, so it is cut and told apart')));
CREATE TABLE blobs(k BLOB, n INT, v TEXT, PRIMARY KEY(n, k));
INSERT INTO blobs SELECT x'00ab', column1, replace(hex(zeroblob(5000)), '00', 'blob')
	FROM (VALUES (-1), (9999999999), (10000000000));

-- No key at all: equal rows have numbers.
CREATE TABLE keyless(rowid, _rowid_, oid);
INSERT INTO keyless SELECT column1, replace(hex(zeroblob(5000)), '00', 'same'), NULL
	FROM (VALUES (1), (1), (0.0), (-0.0), (0.0));
CREATE TABLE strict(a ANY, i INTEGER, PRIMARY KEY(a)) STRICT, WITHOUT ROWID;
INSERT INTO strict VALUES('1', 1), (1, 2), (x'31', 3);

-- Names.
CREATE TABLE "Plain"(a);
INSERT INTO "Plain"(rowid, a) VALUES(7, 1);
CREATE TABLE "con.a/b. "(a, b, FOREIGN KEY(b, a) REFERENCES pair ON DELETE SET NULL);
CREATE TABLE ""("");
INSERT INTO "" VALUES(1);
CREATE TABLE "a name of more than eighty bytes, as long as it takes, so that its form is cut in the middle"(a);
CREATE TABLE raw(a);
INSERT INTO raw VALUES(1);

-- Virtual tables.
CREATE VIRTUAL TABLE search USING fts5(title, body, prefix = '2');
INSERT INTO search(rowid, title, body) VALUES(3, 'hello', 'world'), (9, 'x', NULL);
CREATE VIRTUAL TABLE names USING fts5(name, content = 'Customers', content_rowid = 'id');
CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1, +label);
INSERT INTO boxes VALUES(5, -1, 2.5, 'a'), (2, 0, 0, NULL);

CREATE INDEX orders_at ON orders(at DESC) WHERE total > 0;
CREATE VIEW totals AS SELECT customer, sum(total) AS total FROM orders GROUP BY customer;
CREATE TRIGGER named AFTER INSERT ON "Customers" BEGIN
	INSERT INTO names(rowid, name) VALUES(new.id, new.name);
END;

-- What the shell cannot say: names that are not UTF-8.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET name = CAST(x'72ff' AS TEXT), tbl_name = CAST(x'72ff' AS TEXT),
	sql = CAST(x'435245415445205441424c45202272ff222822ff612229' AS TEXT) WHERE name = 'raw';
