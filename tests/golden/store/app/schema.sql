-- The schema of a SQLite database, as SQLite keeps it.
-- To make an empty copy: sqlite3 NEW.db < schema.sql
PRAGMA page_size = 4096;
PRAGMA encoding = 'UTF-8';
PRAGMA auto_vacuum = 0;
PRAGMA application_id = 1196444487;
PRAGMA user_version = -5;
CREATE TABLE ""("");
CREATE TABLE "Customers"(id INTEGER PRIMARY KEY, name TEXT UNIQUE, parent REFERENCES "Customers");
CREATE TABLE "Plain"(a);
CREATE TABLE "a name of more than eighty bytes, as long as it takes, so that its form is cut in the middle"(a);
CREATE TABLE blobs(k BLOB, n INT, v TEXT, PRIMARY KEY(n, k));
CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1, +label);
CREATE TABLE "con.a/b. "(a, b, FOREIGN KEY(b, a) REFERENCES pair ON DELETE SET NULL);
CREATE TABLE keyless(rowid, _rowid_, oid);
CREATE VIRTUAL TABLE names USING fts5(name, content = 'Customers', content_rowid = 'id');
CREATE TABLE orders(
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	customer INT NOT NULL REFERENCES "Customers"(id) ON UPDATE CASCADE,
	at TEXT DEFAULT CURRENT_TIMESTAMP, -- UTC
	total DECIMAL(10,2) NOT NULL DEFAULT 0 CHECK (total >= 0),
	cents INT AS (CAST(total * 100 AS INT)) STORED,
	label TEXT COLLATE NOCASE GENERATED ALWAYS AS ('#' || id) VIRTUAL
);
CREATE TABLE pair(a TEXT, b, v, PRIMARY KEY(b, a DESC)) WITHOUT ROWID;
CREATE TABLE reals(k REAL PRIMARY KEY, v TEXT) WITHOUT ROWID;
CREATE TABLE "rÿ"("ÿa");
CREATE VIRTUAL TABLE search USING fts5(title, body, prefix = '2');
CREATE TABLE strict(a ANY, i INTEGER, PRIMARY KEY(a)) STRICT, WITHOUT ROWID;
CREATE TABLE texts(k TEXT PRIMARY KEY, n, v TEXT);
CREATE TABLE "values"(id INTEGER PRIMARY KEY, v, "$v", "$rowid", "q""\	Ã©");
CREATE INDEX orders_at ON orders(at DESC) WHERE total > 0;
CREATE VIEW totals AS SELECT customer, sum(total) AS total FROM orders GROUP BY customer;
CREATE TRIGGER named AFTER INSERT ON "Customers" BEGIN
	INSERT INTO names(rowid, name) VALUES(new.id, new.name);
END;
