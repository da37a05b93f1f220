#!/bin/sh
# restore --strategy upsert and merge.
. "$(dirname "$0")/../harness/cli.sh"
. "$root/tests/harness/stores.sh"
need sqlite3 git jq

restore() { "$ROWBACK" -C store restore --json --yes "$@"; }

# app DIR: app.db in a store of its own, with two backups: "base", and "second", which
# changed some rows.
app() {
	place "$1"
	sql app.db "
		CREATE TABLE n(id INTEGER PRIMARY KEY, v TEXT);
		CREATE TABLE t(k TEXT PRIMARY KEY, v);
		CREATE TABLE w(a INT, b TEXT, v, PRIMARY KEY(a, b)) WITHOUT ROWID;
		CREATE TABLE x(a, b);
		CREATE TABLE gone(a INTEGER PRIMARY KEY);
		WITH RECURSIVE i(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM i WHERE i < 20)
		INSERT INTO n SELECT i, 'base ' || i FROM i;
		INSERT INTO t SELECT 'k' || id, v FROM n;
		INSERT INTO w SELECT id % 3, 'b' || id, v FROM n;
		INSERT INTO x VALUES(1, 1), (1, 1), (2, 2);
		INSERT INTO gone VALUES(1), (2);"
	store_of store "$PWD/app.db"
	back_up store --label base
	sql app.db "
		UPDATE n SET v = 'second' WHERE id = 2;
		DELETE FROM n WHERE id = 3;
		INSERT INTO n VALUES(21, 'second');
		UPDATE t SET v = 'second' WHERE k = 'k2';
		DELETE FROM t WHERE k = 'k3';
		INSERT INTO t VALUES('k21', 'second');
		UPDATE w SET v = 'second' WHERE b = 'b2';
		INSERT INTO x VALUES(3, 3);
		INSERT INTO gone VALUES(3)"
	back_up store --label second
}

# rows TABLE: all of them, a line a row.
rows() { sql app.db "SELECT * FROM $1 ORDER BY 1"; }

# expect_rows TABLE WANTED
expect_rows() {
	rows "$1" >got
	same_text "table $1" got "$2"
}

planned() {
	jq -r '.tables[]? | "\(.table) \(.action) +\(.insert) ~\(.update) -\(.delete) !\(.conflicts)"' "$work/out" >got
	same_text "the plan" got "$1"
}

undone() {
	safety=$(jq -r .safety_backup "$work/out")
	expect_status 0 restore "$safety"
	same_content before.db app.db
	sound app.db
}

upsert_puts_rows_back() {
	app upsert
	sql app.db "
		UPDATE n SET v = 'live' WHERE id IN (2, 4);
		DELETE FROM n WHERE id IN (5, 6);
		INSERT INTO n VALUES(50, 'live');
		UPDATE t SET v = 'live' WHERE k IN ('k2', 'k4');
		DELETE FROM t WHERE k = 'k5';
		INSERT INTO t VALUES('k50', 'live');
		UPDATE w SET v = 'live' WHERE b = 'b4';
		DELETE FROM x WHERE a = 1;
		INSERT INTO x VALUES(9, 9);
		DROP TABLE gone;
		CREATE TABLE live(a); INSERT INTO live VALUES(1)"
	sql app.db ".backup before.db"
	expect_status 0 restore second --strategy upsert
	planned "gone create +3 ~0 -0 !0
n keep +2 ~2 -0 !0
t keep +1 ~2 -0 !0
w keep +0 ~1 -0 !0
x keep +2 ~0 -0 !0"
	jq -c '[.written, .verified]' "$work/out" >got
	same_text "outcome" got '[true,true]'
	cp "$work/out" report
	[ "$(sql app.db "SELECT group_concat(v) FROM n WHERE id IN (2, 4, 5, 50)")" = "second,base 4,base 5,live" ] ||
		fail "n: $(rows n)"
	[ "$(sql app.db "SELECT count(*) FROM t WHERE v = 'live'")" = 1 ] || fail "t: $(rows t)"
	expect_rows live 1
	expect_rows gone "1
2
3"
	cp report "$work/out"
	undone
}

# A row that stays may have a value that one of the backup's rows has, too.
upsert_meets_a_unique_index() {
	app unique
	sql app.db "CREATE UNIQUE INDEX n_v ON n(v) WHERE id > 10; DELETE FROM n WHERE id = 15;
		INSERT INTO n VALUES(99, 'base 15')"
	sql app.db ".backup before.db"
	expect_status 16 restore second --strategy upsert
	expect_err_has "cannot insert into table 'n': UNIQUE constraint failed: n.v"
	expect_err_has "hint: nothing was written"
	same_content before.db app.db
}

upsert_refuses_other_definitions() {
	app otherwise
	sql app.db "ALTER TABLE n ADD COLUMN added"
	sql app.db ".backup before.db"
	for strategy in upsert merge; do
		expect_status 16 restore second --strategy $strategy
		expect_err_has "table 'n' is defined otherwise in the backup"
	done
	expect_status 0 restore second --strategy upsert --table t
	same_content before.db app.db
}

merge_applies_what_the_backup_changed() {
	app merge
	# The state of "base", with changes of its own to other rows.
	expect_status 0 restore base
	sql app.db "
		UPDATE n SET v = 'live' WHERE id = 4;
		DELETE FROM n WHERE id = 5;
		INSERT INTO n VALUES(50, 'live');
		UPDATE t SET v = 'live' WHERE k = 'k4';
		DELETE FROM t WHERE k = 'k5';
		INSERT INTO t VALUES('k50', 'live');
		INSERT INTO x(rowid, a, b) VALUES(90, 9, 9);
		DELETE FROM x WHERE rowid = 1;
		CREATE TABLE live(a); INSERT INTO live VALUES(1)"
	sql app.db ".backup before.db"
	expect_status 0 restore second --strategy merge
	planned "gone keep +1 ~0 -0 !0
n keep +1 ~1 -1 !0
t keep +1 ~1 -1 !0
w keep +0 ~1 -0 !0
x keep +1 ~0 -0 !0"
	cp "$work/out" report
	[ "$(sql app.db "SELECT group_concat(id || v) FROM n WHERE id < 6 OR id > 20")" = \
		"1base 1,2second,4live,21second,50live" ] || fail "n: $(rows n)"
	[ "$(sql app.db "SELECT group_concat(k || v) FROM (SELECT * FROM t WHERE v NOT LIKE 'base%' ORDER BY k)")" = \
		"k2second,k21second,k4live,k50live" ] || fail "t: $(rows t)"
	cp report "$work/out"
	undone
	# Both did the same: no conflict, and nothing left to do.
	expect_status 0 restore second
	sql app.db "UPDATE n SET v = 'live' WHERE id = 7"
	expect_status 0 restore second --strategy merge
	planned ""
}

merge_reports_conflicts() {
	app conflicts
	expect_status 0 restore base
	sql app.db "
		UPDATE n SET v = 'live' WHERE id IN (2, 3, 4);
		INSERT INTO n VALUES(21, 'live');
		DELETE FROM t WHERE k = 'k2';
		UPDATE t SET v = 'live' WHERE k = 'k7'"
	sql app.db ".backup before.db"
	cp app.db before.bytes
	expect_status 16 restore second --strategy merge
	planned "gone keep +1 ~0 -0 !0
n keep +0 ~2 -1 !3
t keep +2 ~0 -1 !1
w keep +0 ~1 -0 !0
x keep +1 ~0 -0 !0"
	expect_err_has "nothing was written: 4 rows were changed on both sides, the first in table 'n': "
	expect_err_has "hint: say who wins with --on-conflict backup or --on-conflict live"
	cmp before.bytes app.db
	expect_status 16 restore second --strategy merge -n
	cmp before.bytes app.db
	expect_status 0 restore second --strategy merge --on-conflict live
	cp "$work/out" report
	[ "$(sql app.db "SELECT group_concat(id || v) FROM n WHERE id < 5 OR id > 20")" = \
		"1base 1,2live,3live,4live,21live" ] || fail "live: $(rows n)"
	[ "$(sql app.db "SELECT count(*) FROM t WHERE k = 'k2'")" = 0 ] || fail "live: $(rows t)"
	[ "$(sql app.db "SELECT count(*) FROM t WHERE k IN ('k3', 'k21')")" = 1 ] || fail "the rest: $(rows t)"
	cp report "$work/out"
	undone
	expect_status 0 restore second --strategy merge --on-conflict backup
	cp "$work/out" report
	[ "$(sql app.db "SELECT group_concat(id || v) FROM n WHERE id < 5 OR id > 20")" = \
		"1base 1,2second,4live,21second" ] || fail "backup: $(rows n)"
	[ "$(sql app.db "SELECT v FROM t WHERE k = 'k2'")" = second ] || fail "backup: $(rows t)"
	cp report "$work/out"
	undone
}

merge_knows_dropped_tables() {
	app dropped
	expect_status 0 restore base
	# The backup changed one of them.
	sql app.db "DROP TABLE gone; DROP TABLE w"
	sql app.db "CREATE TABLE w(a INT, b TEXT, v, PRIMARY KEY(a, b)) WITHOUT ROWID; DROP TABLE w"
	sql app.db ".backup before.db"
	expect_status 16 restore second --strategy merge
	expect_err_has "the first in table 'gone': the database has dropped the table"
	same_content before.db app.db
	expect_status 0 restore second --strategy merge --on-conflict live
	[ "$(sql app.db "SELECT count(*) FROM sqlite_schema WHERE name IN ('gone', 'w')")" = 0 ] || fail "made anew"
	sql app.db "UPDATE n SET v = 'base 2' WHERE id = 2"
	expect_status 0 restore second --strategy merge --on-conflict backup
	expect_rows gone "1
2
3"
}

merge_needs_a_backup_before() {
	app first
	expect_status 2 restore base --strategy merge
	expect_err_has "is the first: there is none before it to merge against"
}

check "upsert puts rows back" upsert_puts_rows_back
check "upsert meets a unique index" upsert_meets_a_unique_index
check "upsert refuses other definitions" upsert_refuses_other_definitions
check "merge applies what the backup changed" merge_applies_what_the_backup_changed
check "merge reports conflicts" merge_reports_conflicts
check "merge knows dropped tables" merge_knows_dropped_tables
check "merge needs a backup before" merge_needs_a_backup_before
