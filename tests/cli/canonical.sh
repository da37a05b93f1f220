#!/bin/sh
# The tree of a backup depends on the data alone.
. "$(dirname "$0")/../harness/cli.sh"
. "$root/tests/harness/stores.sh"
need sqlite3 git jq

# Tables whose content is the same in whatever order they are filled.
schema="
	CREATE TABLE n(id INTEGER PRIMARY KEY, v TEXT, w REAL);
	CREATE TABLE t(k TEXT PRIMARY KEY, v) WITHOUT ROWID;
	CREATE TABLE u(k TEXT PRIMARY KEY, v);
	CREATE TABLE p(a INT, b INT, v, PRIMARY KEY(a, b));
	CREATE TABLE later(id INTEGER PRIMARY KEY, v);
	CREATE INDEX n_by_v ON n(v);
	CREATE VIEW w AS SELECT * FROM n;
	CREATE TRIGGER g AFTER INSERT ON later BEGIN SELECT 1; END;"

# fill DB ORDER: the same rows in another order.
fill() {
	sql "$1" "
		BEGIN;
		WITH RECURSIVE i(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM i WHERE i < 20000)
		INSERT INTO n SELECT i, 'value ' || (i * 7919 % 1000), i / 8.0 FROM i ORDER BY $2;
		INSERT INTO t SELECT hex(v) || id, id FROM n ORDER BY $2;
		INSERT INTO u SELECT v || id, CASE id % 3 WHEN 0 THEN NULL WHEN 1 THEN id ELSE id * 1.0 END
			FROM n ORDER BY $2;
		INSERT INTO u SELECT NULL, id % 2 FROM n WHERE id <= 9 ORDER BY $2;
		INSERT INTO p SELECT id % 100, id / 100, CASE WHEN id % 50 = 0 THEN zeroblob(3) END FROM n
			ORDER BY $2;
		INSERT INTO later VALUES(1, 'a'), (2, 'b');
		COMMIT;" >/dev/null
}

made_otherwise_is_the_same() {
	place same
	sql a.db "$schema"
	fill a.db 1
	# Other pages, another log, rows that came and went, objects in another order.
	sql b.db "PRAGMA journal_mode = WAL; CREATE TABLE later(id INTEGER PRIMARY KEY, v);
		DROP TABLE later; $schema" >/dev/null
	sql b.db "INSERT INTO n SELECT value, hex(randomblob(90)), 0 FROM generate_series(50000, 60000)" 2>/dev/null ||
		sql b.db "WITH RECURSIVE i(i) AS (VALUES(50000) UNION ALL SELECT i + 1 FROM i WHERE i < 60000)
			INSERT INTO n SELECT i, hex(randomblob(90)), 0 FROM i"
	sql b.db "INSERT INTO t SELECT v, 1 FROM n; DELETE FROM n; DELETE FROM t WHERE v = 1"
	fill b.db 'random()'
	sql b.db "UPDATE n SET v = v || 'x' WHERE id % 7 = 0;
		UPDATE n SET v = substr(v, 1, length(v) - 1) WHERE id % 7 = 0"
	cp a.db c.db
	sql c.db "PRAGMA journal_mode = TRUNCATE; DELETE FROM n WHERE id % 2; VACUUM" >/dev/null
	sql c.db "ATTACH 'a.db' AS a; INSERT INTO n SELECT * FROM a.n WHERE id % 2 ORDER BY id DESC"
	for db in a b c; do
		store_of "s$db" "$PWD/$db.db"
		back_up "s$db"
		whole "s$db"
	done
	same_trees sa sb
	same_trees sa sc
	[ "$(git -C sa rev-parse 'HEAD^{tree}')" = "$(git -C sb rev-parse 'HEAD^{tree}')" ] ||
		fail "the roots are not equal"
}

threads_do_not_show() {
	place threads
	sql a.db "$schema"
	fill a.db 1
	sql a.db "CREATE TABLE b(id INTEGER PRIMARY KEY, v); INSERT INTO b SELECT id, zeroblob(600000 + id)
		FROM n WHERE id <= 5"
	for workers in 1 0 2 3 4; do
		store_of "w$workers" "$PWD/a.db"
		git -C "w$workers" config rowback.workers "$workers"
		back_up "w$workers"
		whole "w$workers"
		same_trees w1 "w$workers"
	done
}

# What a locale, a zone, a mask or a clock says is nowhere in the tree.
surroundings_do_not_show() {
	place around
	sql a.db "$schema"
	fill a.db 1
	store_of one "$PWD/a.db"
	back_up one
	store_of two "$PWD/a.db"
	(
		umask 077
		LC_ALL=$(locale -a | grep -iE '^(de|fr|tr|C).*utf' | head -n 1) TZ=Asia/Kolkata
		export LC_ALL TZ
		expect_status 0 "$ROWBACK" -C two backup --label other --note 'a note' --trigger deploy
	)
	[ "$(git -C one rev-parse 'HEAD^{tree}')" = "$(git -C two rev-parse 'HEAD^{tree}')" ] ||
		fail "the roots are not equal"
}

# A tree does not tell how many backups came before it.
the_past_does_not_show() {
	place past
	sql a.db "$schema"
	fill a.db 1
	store_of one "$PWD/a.db"
	back_up one
	for n in 1 2 3 4 5 6; do
		sql a.db "UPDATE n SET v = 'changed $n' WHERE id % 97 = $n;
			DELETE FROM t WHERE v % 89 = $n;
			INSERT INTO n(id, v, w) SELECT id + 30000 * $n, v, w FROM n WHERE id < 900;
			INSERT INTO t SELECT 'new ' || id, id FROM n WHERE id % 83 = $n;
			DELETE FROM n WHERE id BETWEEN 1000 * $n AND 1300 * $n"
		[ "$n" != 3 ] || sql a.db "ALTER TABLE n ADD COLUMN added TEXT; ALTER TABLE later RENAME TO sooner"
		back_up one
		store_of "fresh$n" "$PWD/a.db"
		back_up "fresh$n"
		same_trees "fresh$n" one
	done
	whole one
	expect_status 0 "$ROWBACK" -C one verify --all
}

# A nullable column that is added changes the table's document, and not one chunk.
a_new_column_rewrites_no_row() {
	place column
	sql a.db "$schema"
	fill a.db 1
	store_of one "$PWD/a.db"
	back_up one
	sql a.db "ALTER TABLE n ADD COLUMN added TEXT"
	back_up one
	[ "$(git -C one rev-parse HEAD:app/n/rows)" = "$(git -C one rev-parse HEAD~:app/n/rows)" ] ||
		fail "rows were rewritten"
	expect_status 0 "$ROWBACK" -C one --json show latest
	jq -c '[.changed, (.changes | map({table, definition_changed}))]' "$work/out" >got
	same_text "what changed" got '[{"inserted":0,"updated":0,"deleted":0},[{"table":"n","definition_changed":true}]]'
}

check "a database made in another way makes the same tree" made_otherwise_is_the_same
check "the number of threads does not show" threads_do_not_show
check "surroundings do not show" surroundings_do_not_show
check "the past does not show" the_past_does_not_show
check "a new column rewrites no row" a_new_column_rewrites_no_row
