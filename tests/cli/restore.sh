#!/bin/sh
# Restoring into a database that holds something.
. "$(dirname "$0")/../harness/cli.sh"
. "$root/tests/harness/stores.sh"
need sqlite3 git jq

# app DIR: a place with app.db, its store, and one backup, labelled "first".
app() {
	place "$1"
	sql app.db "
		PRAGMA user_version = 3;
		CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT);
		CREATE TABLE orders(id INTEGER PRIMARY KEY AUTOINCREMENT, user_id INTEGER NOT NULL
			REFERENCES users(id) ON DELETE CASCADE, total REAL, picture BLOB);
		CREATE TABLE tags(name TEXT PRIMARY KEY, n INT, v);
		CREATE TABLE pairs(a, b);
		CREATE TABLE log(what);
		CREATE INDEX orders_by_user ON orders(user_id);
		CREATE VIEW spending AS SELECT name, sum(total) FROM users u JOIN orders o ON o.user_id = u.id;
		CREATE TRIGGER logged AFTER INSERT ON users BEGIN INSERT INTO log VALUES(new.email); END;
		CREATE TRIGGER logged2 AFTER DELETE ON users BEGIN INSERT INTO log VALUES('gone'); END;
		WITH RECURSIVE i(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM i WHERE i < 3000)
		INSERT INTO users SELECT i, 'u' || i || '@example.com', 'name ' || i FROM i;
		INSERT INTO orders SELECT id, id, id / 4.0, CASE WHEN id < 4 THEN zeroblob(600000) END FROM users;
		INSERT INTO tags VALUES('a', 1, 'x'), ('b', 2, 'y'), (NULL, 3, 'z'), (NULL, 3, 'z');
		INSERT INTO pairs VALUES(1, 1), (1, 1), (2, 2);
		DELETE FROM log;"
	store_of store "$PWD/app.db"
	back_up store --label first
	cp app.db first.db
}

restore() { "$ROWBACK" -C store restore "$@"; }

# planned: table, action and rows of the last report, a line a table.
planned() {
	jq -r '.tables[] | "\(.table) \(.action) +\(.insert) ~\(.update) -\(.delete)"' "$work/out" >got
	same_text "the plan" got "$1"
}

expect_json() {
	jq -c "$1" "$work/out" >got
	same_text "$1" got "$2"
}

# undone: the safety backup brings back exactly what was there, now kept in before.db.
undone() {
	safety=$(jq -r .safety_backup "$work/out")
	expect_status 0 "$ROWBACK" -C store --json restore "$safety" --yes
	expect_json '[.verified, .written]' '[true,true]'
	same_content before.db app.db
	sound app.db
}

# goes_back PLAN [OPTION...]: the database as it is now becomes the first backup, and back.
goes_back() {
	wanted=$1
	shift
	sql app.db ".backup before.db"
	expect_status 0 restore first --json --yes "$@"
	planned "$wanted"
	expect_json '[.written, .verified, .declined, .dry_run, .into_new]' '[true,true,false,false,false]'
	same_content first.db app.db
	sound app.db
	undone
	whole store
}

takes_rows_back() {
	app rows
	sql app.db "
		UPDATE users SET name = 'changed' WHERE id = 5;
		UPDATE users SET id = 9000 WHERE id = 6;
		DELETE FROM users WHERE id BETWEEN 100 AND 110;
		INSERT INTO users(id, email) VALUES(5000, 'new@example.com');
		UPDATE tags SET v = 'w' WHERE name = 'a';
		DELETE FROM tags WHERE rowid = 4;
		INSERT INTO pairs VALUES(1, 1), (3, 3);
		UPDATE orders SET picture = zeroblob(600001) WHERE id = 2;
		INSERT INTO orders(user_id) VALUES(1);
		DELETE FROM orders WHERE id = 3001;
		DELETE FROM log"
	goes_back "orders keep +0 ~1 -0
pairs keep +0 ~0 -2
sqlite_sequence keep +1 ~0 -1
tags keep +1 ~1 -0
users keep +12 ~1 -2"
	[ "$(sql app.db "SELECT count(*) FROM log")" = 0 ] || fail "a trigger fired"
}

# Unique columns that change places meet half-way, unless all go before any comes.
swaps_unique_values() {
	app swap
	sql app.db "
		UPDATE users SET email = 'tmp' WHERE id = 1;
		UPDATE users SET email = 'u1@example.com' WHERE id = 2;
		UPDATE users SET email = 'u2@example.com' WHERE id = 1;
		DELETE FROM log"
	goes_back "users keep +0 ~2 -0"
}

takes_definitions_back() {
	app definitions
	sql app.db "
		ALTER TABLE users ADD COLUMN added TEXT DEFAULT 'd';
		DROP TABLE tags;
		CREATE TABLE newer(x PRIMARY KEY, y);
		INSERT INTO newer VALUES(1, 2);
		CREATE INDEX newer_by_y ON newer(y);
		DROP INDEX orders_by_user;
		CREATE INDEX other ON orders(total);
		DROP VIEW spending;
		CREATE VIEW spending AS SELECT 1;
		CREATE VIEW another AS SELECT * FROM newer;
		DROP TRIGGER logged;
		CREATE TRIGGER later AFTER UPDATE ON pairs BEGIN SELECT 1; END;
		PRAGMA user_version = 4"
	goes_back "tags create +4 ~0 -0
users recreate +3000 ~0 -3000
newer drop +0 ~0 -1"
}

takes_one_definition_back() {
	for change in "DROP INDEX orders_by_user" "CREATE VIEW v AS SELECT 1" "DROP TRIGGER logged" \
		"PRAGMA user_version = 9" "PRAGMA application_id = 7"; do
		app one-definition
		sql app.db "$change"
		expect_status 0 restore first --json -n
		expect_json .objects_changed 1
		goes_back ""
	done
}

replaces_a_table_by_a_view() {
	app kinds
	sql app.db "DROP TABLE tags; CREATE VIEW tags AS SELECT 1 AS name; DROP VIEW spending;
		CREATE TABLE spending(name)"
	goes_back "tags create +4 ~0 -0
spending drop +0 ~0 -0"
}

does_nothing_when_nothing_is_to_do() {
	app nothing
	cp app.db before.db
	commit=$(git -C store rev-parse HEAD)
	expect_status 0 restore latest --json --yes
	expect_json '[.written, .verified, .tables, .objects_changed]' '[false,false,[],0]'
	expect_status 0 restore latest --yes
	expect_out "safety backup: $id
nothing to restore: sqlite:$PWD/app.db holds backup $id already"
	cmp app.db before.db
	[ "$(git -C store rev-parse HEAD)" = "$commit" ] || fail "a commit was made"
}

a_dry_run_writes_nothing() {
	app dry
	sql app.db "DELETE FROM orders; DROP TABLE tags; CREATE TABLE x(y)"
	cp app.db before.db
	git -C store for-each-ref >refs
	expect_status 0 restore first -n --json
	planned "orders keep +3000 ~0 -0
tags create +4 ~0 -0
x drop +0 ~0 -0"
	expect_json '[.written, .verified, .dry_run, .safety_backup]' '[false,false,true,null]'
	expect_status 0 restore first -n --to "sqlite:$PWD/new.db"
	expect_status 0 restore first -n --to "sqlite:$PWD/first.db"
	cmp app.db before.db
	[ "$(find . -name '*.db*' | sort | tr '\n' ' ')" = "./app.db ./before.db ./first.db " ] ||
		fail "files were left: $(ls)"
	git -C store for-each-ref | diff refs - || fail "refs were made"
	whole store
}

asks_and_takes_no_for_an_answer() {
	need python3
	app ask
	sql app.db "DELETE FROM pairs"
	cp app.db before.db
	for answer in n '' maybe; do
		expect_status 2 python3 "$root/tests/harness/answer.py" "$answer" : \
			"$ROWBACK" -C store restore first
		grep -q "nothing was written" "$work/out" || fail "it does not say so"
		cmp app.db before.db
	done
	expect_status 2 restore first
	expect_err_has "nobody to ask whether to write to sqlite:$PWD/app.db: use --yes"
	cmp app.db before.db
	expect_status 0 python3 "$root/tests/harness/answer.py" y : "$ROWBACK" -C store restore first
	same_content first.db app.db
}

# Somebody writes between the plan and the answer.
a_write_in_between_is_a_conflict() {
	need python3
	for mode in delete wal; do
		app between
		sql app.db "PRAGMA journal_mode = $mode" >/dev/null
		sql app.db "DELETE FROM pairs"
		expect_status 16 python3 "$root/tests/harness/answer.py" y \
			"sqlite3 app.db \"INSERT INTO tags VALUES('in between', 1, 1)\"" \
			"$ROWBACK" -C store restore first
		grep -q "changed by another program meanwhile" "$work/out" || fail "it does not say why"
		[ "$(sql app.db "SELECT count(*) FROM pairs")" = 0 ] || fail "it was written all the same"
		[ "$(sql app.db "SELECT count(*) FROM tags WHERE name = 'in between'")" = 1 ] ||
			fail "the other program's row is lost"
	done
}

# A reader sees what it began with, and the restore does not wait for it in WAL mode.
a_reader_keeps_its_snapshot() {
	need python3
	app reader
	sql app.db "PRAGMA journal_mode = WAL" >/dev/null
	sql app.db "DELETE FROM pairs; UPDATE users SET name = 'now'"
	python3 - "$ROWBACK" <<'END'
import sqlite3, subprocess, sys
db = sqlite3.connect("app.db", isolation_level=None)
db.execute("BEGIN")
look = "SELECT (SELECT count(*) FROM pairs), (SELECT count(*) FROM users WHERE name = 'now')"
assert db.execute(look).fetchone() == (0, 3000)
done = subprocess.run([sys.argv[1], "-C", "store", "restore", "first", "--yes"])
assert done.returncode == 0, done
assert db.execute(look).fetchone() == (0, 3000)
db.execute("COMMIT")
assert db.execute(look).fetchone() == (3, 0)
END
	same_content first.db app.db
}

# Without WAL a reader would be cut off, so it is waited for; then nothing is changed.
a_reader_is_not_cut_off() {
	need python3
	app locked
	git -C store config rowback.busyTimeout 1s
	sql app.db "DELETE FROM pairs"
	python3 - "$ROWBACK" <<'END'
import sqlite3, subprocess, sys
db = sqlite3.connect("app.db", isolation_level=None)
db.execute("BEGIN")
assert db.execute("SELECT count(*) FROM pairs").fetchone() == (0,)
done = subprocess.run([sys.argv[1], "-C", "store", "restore", "first", "--yes"], stderr=subprocess.PIPE)
assert done.returncode == 13, done
assert b"nothing was changed" in done.stderr, done
db.execute("COMMIT")
assert db.execute("SELECT count(*) FROM pairs").fetchone() == (0,)
END
	sound app.db
	expect_status 0 restore first --yes
	same_content first.db app.db
}

restores_single_tables() {
	app tables
	sql app.db "
		DELETE FROM pairs;
		UPDATE tags SET v = NULL;
		UPDATE users SET name = NULL WHERE id < 10;
		DELETE FROM log"
	sql app.db ".backup before.db"
	expect_status 0 restore first --json --yes --table pairs --table tags
	planned "pairs keep +3 ~0 -0
tags keep +2 ~2 -2"
	[ "$(digest_table app.db "$(printf pairs | od -An -tx1 | tr -d ' \n')")" = \
		"$(digest_table first.db "$(printf pairs | od -An -tx1 | tr -d ' \n')")" ] || fail "pairs"
	[ "$(sql app.db "SELECT count(*) FROM users WHERE name IS NULL")" = 9 ] || fail "users were written"
	undone
	# A table that was dropped, or is defined otherwise; the others stay.
	sql app.db "DROP TABLE tags; ALTER TABLE pairs ADD COLUMN c; CREATE INDEX pairs_by_c ON pairs(c)"
	sql app.db ".backup before.db"
	expect_status 0 restore first --json --yes --table pairs --table tags
	planned "pairs recreate +3 ~0 -0
tags create +4 ~0 -0"
	undone
	expect_status 2 restore first --yes --table nonsense
	expect_err_has "the backup has no rows of a table 'nonsense'"
	same_content before.db app.db
}

keeps_foreign_keys() {
	app keys
	sql app.db "INSERT INTO users VALUES(7000, 'later@example.com', 'later');
		INSERT INTO orders(id, user_id) VALUES(7000, 7000); DELETE FROM log"
	sql app.db ".backup before.db"
	expect_status 16 restore first --yes --table users
	expect_err_has "nothing was written: table 'orders' would have rows without what they refer to"
	expect_err_has "hint: restore the table it refers to as well, or all tables"
	same_content before.db app.db
	# What was broken before is nobody's fault now.
	sql app.db "INSERT INTO orders(id, user_id) VALUES(8000, 8000); DELETE FROM orders WHERE id = 7000"
	expect_status 0 restore first --yes --table users
	expect_status 0 restore first --yes
	same_content first.db app.db
}

undoes_sequences() {
	app sequence
	sql app.db "INSERT INTO orders(id, user_id) VALUES(100000, 1); DELETE FROM orders WHERE id = 100000"
	goes_back "sqlite_sequence keep +1 ~0 -1"
	sql app.db "DELETE FROM sqlite_sequence"
	goes_back "sqlite_sequence keep +1 ~0 -0"
}

restores_virtual_tables() {
	place virtual
	sql app.db "
		CREATE TABLE docs(id INTEGER PRIMARY KEY, a);
		INSERT INTO docs VALUES(1, 'alpha'), (2, 'beta');
		CREATE VIRTUAL TABLE own USING fts5(a);
		INSERT INTO own VALUES('first'), ('second');
		INSERT INTO own(own, rank) VALUES('automerge', 2);
		CREATE VIRTUAL TABLE ext USING fts5(a, content = 'docs', content_rowid = 'id');
		INSERT INTO ext(ext) VALUES('rebuild');
		CREATE VIRTUAL TABLE none USING fts5(a, content = '');
		INSERT INTO none(rowid, a) VALUES(1, 'hidden');
		CREATE VIRTUAL TABLE box USING rtree(id, a, b);
		INSERT INTO box VALUES(1, 2, 3), (2, 3, 4)"
	store_of store "$PWD/app.db"
	back_up store --label first
	cp app.db first.db
	sql app.db "
		DELETE FROM own WHERE rowid = 1; INSERT INTO own VALUES('third');
		INSERT INTO none(rowid, a) VALUES(2, 'more');
		UPDATE docs SET a = 'gamma' WHERE id = 1;
		UPDATE box SET b = 9 WHERE id = 1"
	expect_status 0 restore first --yes
	same_content first.db app.db
	sound app.db
	[ "$(sql app.db "SELECT rowid FROM ext WHERE ext MATCH 'alpha'")" = 1 ] || fail "ext is not rebuilt"
	[ "$(sql app.db "SELECT rowid FROM none WHERE none MATCH 'hidden'")" = 1 ] || fail "none"
	# Defined otherwise, or gone.
	sql app.db "
		DROP TABLE own; CREATE VIRTUAL TABLE own USING fts5(a, b); INSERT INTO own VALUES('x', 'y');
		DROP TABLE none; CREATE VIRTUAL TABLE none USING fts5(a, b, content = '');
		INSERT INTO none(rowid, a) VALUES(7, 'z');
		DROP TABLE box; DROP TABLE ext"
	sql app.db ".backup before.db"
	expect_status 0 restore first --yes --json
	same_content first.db app.db
	sound app.db
	[ "$(sql app.db "SELECT rowid FROM none WHERE none MATCH 'hidden'")" = 1 ] || fail "none anew"
	[ "$(sql app.db "SELECT rowid FROM ext WHERE ext MATCH 'alpha'")" = 1 ] || fail "ext anew"
	undone
	expect_status 0 restore first --yes --table none --table box
	[ "$(sql app.db "SELECT rowid FROM none WHERE none MATCH 'hidden'")" = 1 ] || fail "none alone"
	[ "$(sql app.db "SELECT count(*) FROM box")" = 2 ] || fail "box alone"
}

# A table that keeps its content has rows, one without is kept by its storage.
changes_how_full_text_is_kept() {
	for module in fts4 fts5; do
		place kept
		sql app.db "
			CREATE TABLE t(a); INSERT INTO t VALUES(1);
			CREATE VIRTUAL TABLE docs USING $module(a, content='');
			INSERT INTO docs(rowid, a) VALUES(1, 'hidden')"
		store_of store "$PWD/app.db"
		back_up store --label without
		cp app.db without.db
		sql app.db "
			DROP TABLE docs;
			CREATE VIRTUAL TABLE docs USING $module(a, b);
			INSERT INTO docs VALUES('shown', 'too'), ('second', NULL)"
		sql app.db ".backup before.db"
		back_up store --label with
		expect_status 0 restore without --yes --json
		jq -r '.tables[] | select(.table == "docs") | "\(.action) -\(.delete)"' "$work/out" >got
		same_text "the plan" got "recreate -2"
		same_content without.db app.db
		sound app.db
		sql app.db "SELECT rowid FROM docs WHERE docs MATCH 'hidden'" >got
		same_text "what is found" got 1
		expect_status 0 restore with --yes --json
		same_content before.db app.db
		sound app.db
		expect_status 0 restore "$(jq -r .safety_backup "$work/out")" --yes
		same_content without.db app.db
		expect_status 0 restore with --yes --table docs
		same_content before.db app.db
		expect_status 0 restore without --yes --table docs
		same_content without.db app.db
		whole store
	done
}

# Functions that only the application has, and JSON, whose functions all have.
does_without_functions() {
	place functions
	sql app.db "
		CREATE TABLE j(a, b AS (json_extract(a, '\$.b')) STORED, c AS (a->>'c'), CHECK(json_valid(a)));
		CREATE INDEX j_c ON j(c); CREATE INDEX j_d ON j(json_extract(a, '\$.d')) WHERE json_type(a) = 'object';
		INSERT INTO j(a) VALUES('{\"b\":1,\"c\":\"x\"}'), ('[2]');
		CREATE VIEW seen AS SELECT json_array(b, c) AS text, rowid FROM j;
		CREATE TABLE t(a, b AS (abs(a)) STORED); INSERT INTO t(a) VALUES(-1), (-2);
		CREATE TABLE u(a); INSERT INTO u VALUES(-3), ('{');
		CREATE INDEX u_a ON u(abs(a)); CREATE INDEX u_json ON u(hex(a));
		CREATE TABLE kept(a, CHECK(abs(a) > 0)); INSERT INTO kept VALUES(-4);
		CREATE TABLE w(a); INSERT INTO w VALUES(-3); CREATE INDEX w_a ON w(abs(a));
		PRAGMA writable_schema = ON;
		UPDATE sqlite_schema SET sql = replace(replace(sql, 'abs(', 'theirs('), 'hex(', 'json(')"
	store_of store "$PWD/app.db"
	back_up store
	expect_status 1 restore --to sqlite:new.db --yes
	cat >wanted <<'END'
rowback: warning: t: made without the application's own theirs(): run REINDEX "t"; UPDATE "t" SET "a" = "a"; REINDEX "t" in the application before use
rowback: warning: u_a: made without the application's own theirs(): run REINDEX "u_a" in the application before use
rowback: warning: not restored: u_json: this index was not made: malformed JSON
rowback: warning: w_a: made without the application's own theirs(): run REINDEX "w_a" in the application before use
END
	diff -u wanted "$work/err"
	sql new.db "SELECT * FROM j; SELECT * FROM seen; SELECT a FROM t; SELECT a FROM u; SELECT * FROM kept" >got
	same_text "rows" got '{"b":1,"c":"x"}|1|x
[2]||
[1,"x"]|1
[null,null]|2
-1
-2
-3
{
-4'
	sql new.db "SELECT name FROM sqlite_schema WHERE type = 'index' ORDER BY 1" >got
	same_text "indexes" got "j_c
j_d
u_a
w_a"
	# An index that was there before is another matter.
	sql app.db "DELETE FROM j"
	expect_status 0 restore --yes --table j
	sql app.db "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'theirs(', 'abs(')"
	sql app.db "DELETE FROM w"
	sql app.db "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'abs(', 'theirs(')"
	cp app.db before.db
	expect_status 2 restore --yes --table w
	expect_err_has "theirs()"
	expect_err_has "hint: where the application has what is missing here, restore to a new database"
	cmp before.db app.db
}

leaves_excluded_tables_alone() {
	app excluded
	sql app.db "
		CREATE TABLE cache_a(k PRIMARY KEY, v); INSERT INTO cache_a VALUES(1, 1);
		CREATE TABLE cache_b(x); INSERT INTO cache_b VALUES(1);
		CREATE INDEX cache_b_x ON cache_b(x)"
	git -C store config source.app.exclude 'cache_*'
	back_up store --label second
	sql app.db "
		INSERT INTO cache_a VALUES(2, 2);
		ALTER TABLE cache_b ADD COLUMN y; DROP INDEX cache_b_x; CREATE INDEX cache_b_y ON cache_b(y);
		CREATE TABLE cache_new(z); INSERT INTO cache_new VALUES(1);
		DELETE FROM pairs"
	sql app.db .dump | grep cache >caches
	expect_status 0 restore second --yes --json
	planned "pairs keep +3 ~0 -0"
	expect_json .objects_changed 0
	sql app.db .dump | grep cache | diff caches - || fail "what is left out was touched"
	# The same in another database, that has no configuration.
	cp app.db other.db
	sql other.db "DELETE FROM tags"
	expect_status 0 restore second --yes --to "sqlite:$PWD/other.db" --json
	planned "tags keep +4 ~0 -0
cache_new drop +0 ~0 -1"
	sql other.db "SELECT count(*) FROM cache_a" | grep -qx 2 || fail "cache_a of the other one"
	# Where they are not there, they are made, and empty.
	sql app.db "DROP TABLE cache_b"
	expect_status 0 restore second --yes --json
	sql app.db "SELECT count(*) FROM cache_b; SELECT count(*) FROM cache_a" | tr '\n' ' ' | grep -qx '0 2 ' ||
		fail "cache_b is not made"
	expect_status 0 restore second --yes --to "sqlite:$PWD/new.db"
	sql new.db "SELECT count(*) FROM cache_a" | grep -qx 0 || fail "cache_a of a new one"
}

# A table that a backup could not read is not in it: restoring must not empty it.
leaves_missing_tables_alone() {
	app missing
	sql app.db "CREATE TABLE victim(id INTEGER PRIMARY KEY, v); INSERT INTO victim SELECT id, hex(zeroblob(200)) FROM users"
	cp app.db good.db
	page=$(sql app.db "SELECT rootpage FROM sqlite_schema WHERE name = 'victim'")
	size=$(sql app.db "PRAGMA page_size")
	dd if=/dev/zero of=app.db bs="$size" seek=$((page - 1)) count=1 conv=notrunc 2>/dev/null
	expect_status 3 "$ROWBACK" -C store backup
	expect_status 1 "$ROWBACK" -C store backup --allow-incomplete --label broken
	cp good.db app.db
	sql app.db "DELETE FROM pairs"
	expect_status 1 restore broken --yes --json
	expect_err_has "warning: victim: its rows are not in the backup: it could not be read when that was made"
	planned "pairs keep +3 ~0 -0"
	same_content good.db app.db
	expect_status 1 restore broken --to "sqlite:$PWD/new.db"
	sql new.db "SELECT count(*) FROM victim" | grep -qx 0 || fail "victim is not made"
}

restores_into_another_database() {
	app other
	sql other.db "CREATE TABLE pairs(a, b); INSERT INTO pairs VALUES(5, 5); 
		CREATE TABLE mine(x INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO mine VALUES(1)"
	cp other.db before.db
	head=$(git -C store rev-parse HEAD)
	expect_status 0 restore first --to "sqlite:$PWD/other.db" --yes --json
	safety=$(jq -r .safety_backup "$work/out")
	[ "$(sql other.db "SELECT count(*) FROM users; SELECT sum(total) FROM orders")" = \
		"$(sql first.db "SELECT count(*) FROM users; SELECT sum(total) FROM orders")" ] || fail "rows"
	# The branch has no backup of it, only a word.
	[ "$(git -C store rev-parse HEAD~1)" = "$head" ] || fail "the branch has moved"
	event "restore: sqlite:$PWD/other.db is as in backup $id, +6007 ~1 -2 rows" "$safety"
	git -C store rev-parse --verify -q "refs/rowback/safety/$safety" >/dev/null || fail "no safety backup"
	expect_status 0 "$ROWBACK" -C store --json log
	jq -c '.backups[] | [.kind, .aside, .note]' "$work/out" >got
	same_text "the log" got "[\"safety\",true,\"sqlite:$PWD/other.db\"]
[\"full\",false,null]"
	# "latest" is not it, and it can be restored.
	expect_status 0 "$ROWBACK" -C store --json show latest
	expect_json .id "\"$id\""
	expect_status 0 restore "$safety" --to "sqlite:$PWD/other.db" --yes
	same_content before.db other.db
	whole store
}

# event SUBJECT SAFETY: the newest commit is that event, and no backup.
event() {
	git -C store log -1 --format='%s%n%(trailers:key=Event,key=Event-Backup,key=Event-Source)' >got
	same_text "the event" got "$1
Event: restore
Event-Backup: $id
Event-Source: app
"
	[ "$(git -C store log -1 --format='%(trailers:key=Event-Safety,valueonly,separator=)')" = "$2" ] ||
		fail "the safety backup"
	[ -z "$(id_of store)" ] || fail "it is a backup"
	[ "$(git -C store rev-parse 'HEAD^{tree}')" = "$(git -C store rev-parse 'HEAD~1^{tree}')" ] ||
		fail "it has another tree"
}

records_restores_in_the_history() {
	app recorded
	git init -q --bare remote.git
	git -C store remote add origin "$PWD/remote.git"
	expect_status 0 "$ROWBACK" -C store sync
	sql app.db "DELETE FROM users WHERE id > 2990; DELETE FROM tags"
	expect_status 0 restore first --yes --json
	safety=$(jq -r .safety_backup "$work/out")
	event "restore: app is as in backup $id, +14 -10 rows" "$safety"
	# It waits for the next push: the restore itself pushed nothing.
	[ "$(git -C remote.git rev-list --count main)" -eq 1 ] || fail "it was pushed"
	# A backup on top of it is what it was: the data is that of the first one again.
	expect_status 0 "$ROWBACK" -C store --json backup
	[ "$(jq -r .committed "$work/out")" = true ]
	[ "$(tree_of store)" = "$(tree_of store HEAD~3)" ] || fail "another tree"
	[ "$(git -C remote.git rev-parse main~1)" = "$(git -C store rev-parse HEAD~1)" ] || fail "not pushed"
	newest=$(id_of store)
	# Where nothing differs, nothing is recorded, and nothing is new.
	expect_status 0 restore first --yes
	[ "$(id_of store)" = "$newest" ] || fail "a restore of nothing was recorded"
	sql app.db "DELETE FROM users WHERE id = 7; DELETE FROM pairs; DELETE FROM tags"
	expect_status 0 "$ROWBACK" -C store backup
	expect_status 0 restore first --yes --table pairs --table tags
	event "restore: app (pairs, tags) is as in backup $id, +7 rows" "$(id_of store HEAD~1)"
	sql app.db "DELETE FROM pairs"
	expect_status 0 restore first --yes --table users --strategy upsert
	event "restore: app (users) has the rows of backup $id (upsert), +1 rows" "$(id_of store HEAD~1)"
	expect_status 0 restore first --yes
	sql app.db "DROP INDEX orders_by_user"
	expect_status 0 restore first --yes
	event "restore: app is as in backup $id, definitions changed" "$(id_of store HEAD~1)"
	# A copy somewhere else changed nothing that anybody had; the own database did.
	head=$(git -C store rev-parse HEAD)
	expect_status 0 restore first --to "sqlite:$PWD/copy.db"
	[ "$(git -C store rev-parse HEAD)" = "$head" ] || fail "a copy was recorded"
	rm app.db
	expect_status 0 restore first
	git -C store log -1 --format=%s | grep -q "^restore: app is as in backup $id, +" || fail "not recorded"
	whole store
	expect_status 0 "$ROWBACK" -C store --json log
	[ "$(jq '[.backups[] | select(.id == null)] | length' "$work/out")" -eq 0 ] || fail "log"
}

a_restore_that_cannot_be_recorded_is_done() {
	app unrecorded
	sql app.db "DELETE FROM tags"
	expect_status 0 "$ROWBACK" -C store backup
	: >store/.git/refs/heads/main.lock
	expect_status 0 restore first --yes
	expect_err_has "warning: the restore was not recorded in the history: ref 'refs/heads/main' is locked"
	same_content first.db app.db
	rm store/.git/refs/heads/main.lock
}

finds_the_backup_that_is_meant() {
	app meant
	first=$id
	for n in 2 3 4; do
		sql app.db "INSERT INTO pairs VALUES($n, $n)"
		back_up store
		eval "id$n=\$id"
	done
	second=$(git -C store log --format=%H --reverse | sed -n 2p)
	count() { sql "$1.db" "SELECT count(*) FROM pairs"; }
	n=0
	for spec in "first 3" "$first 3" "$id2 4" "$second 4" "$(printf %.9s "$second") 4" "latest~2 4" \
		"latest 6" "latest~3 3"; do
		n=$((n + 1))
		# shellcheck disable=SC2086 # two words
		set -- $spec
		expect_status 0 restore "$1" --to "sqlite:$PWD/t$n.db"
		[ "$(count t$n)" = "$2" ] || fail "$1 has $(count t$n) rows, not $2"
	done
	when=@$(git -C store log -1 --format=%ct "$second")
	expect_status 0 restore --at "$when" --to "sqlite:$PWD/at.db"
	[ "$(count at)" = 4 ] || fail "--at has $(count at) rows"
	expect_status 10 restore --at 2001-01-01 --to "sqlite:$PWD/no.db"
	expect_err "rowback: error: there is no backup as old as 2001-01-01T00:00:00Z
hint: see what there is with: rowback log"
	expect_status 10 restore latest~9 --to "sqlite:$PWD/no.db"
	expect_status 10 restore nonsense --to "sqlite:$PWD/no.db"
	expect_err "rowback: error: there is no backup 'nonsense'
hint: see what there is with: rowback log"
	expect_status 2 restore "$(printf %.4s "$first")" --to "sqlite:$PWD/no.db"
	expect_err "rowback: error: '$(printf %.4s "$first")' is the start of 4 backups
hint: give more of it, as in $id"
	[ ! -e no.db ] || fail "no.db was made"
}

refuses_what_it_cannot_restore() {
	app refuses
	expect_status 2 restore first --to "mysql://host/db"
	expect_status 2 restore first --source nope --to "sqlite:$PWD/n.db"
	expect_err "rowback: error: the backup has no source 'nope'
hint: its sources: app"
	expect_status 13 restore first --to "sqlite:$PWD/no/such/dir.db"
	echo "no database" >text.db
	cp text.db text.before
	expect_status 13 restore first --yes --to "sqlite:$PWD/text.db"
	cmp text.db text.before
	# A live database that cannot be read whole has no safety backup.
	cp app.db broken.db
	size=$(sql app.db "PRAGMA page_size")
	page=$(sql app.db "SELECT rootpage FROM sqlite_schema WHERE name = 'users'")
	dd if=/dev/zero of=app.db bs="$size" seek=$((page - 1)) count=1 conv=notrunc 2>/dev/null
	cp app.db damaged.db
	expect_status 18 restore first --yes
	expect_err_has "nothing was restored: the safety backup failed: "
	expect_err_has "hint: restore into a new database instead: --to sqlite:PATH"
	cmp app.db damaged.db
}

check "rows go back, and forth" takes_rows_back
check "unique values change places" swaps_unique_values
check "definitions go back, and forth" takes_definitions_back
check "a single definition goes back" takes_one_definition_back
check "a table and a view change places" replaces_a_table_by_a_view
check "nothing is done when nothing is to do" does_nothing_when_nothing_is_to_do
check "a dry run writes nothing" a_dry_run_writes_nothing
check "no is an answer" asks_and_takes_no_for_an_answer
check "a write in between is a conflict" a_write_in_between_is_a_conflict
check "a reader keeps its snapshot" a_reader_keeps_its_snapshot
check "a reader is not cut off" a_reader_is_not_cut_off
check "single tables go back" restores_single_tables
check "foreign keys are kept" keeps_foreign_keys
check "sequences go back" undoes_sequences
check "virtual tables go back" restores_virtual_tables
check "full text that kept its content keeps none, and back" changes_how_full_text_is_kept
check "functions that are not here are done without, and named" does_without_functions
check "excluded tables are left alone" leaves_excluded_tables_alone
check "tables that a backup has not are left alone" leaves_missing_tables_alone
check "another database is backed up aside" restores_into_another_database
check "restores stand in the history" records_restores_in_the_history
check "a restore that cannot be recorded is done" a_restore_that_cannot_be_recorded_is_done
check "the backup that is meant is found" finds_the_backup_that_is_meant
check "what cannot be restored is refused" refuses_what_it_cannot_restore
