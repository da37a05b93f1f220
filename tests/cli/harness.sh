#!/bin/sh
# The harness of these tests: a wrong result must show, or no other test is worth much.
. "$(dirname "$0")/../harness/cli.sh"

# A script of tests with the harness, run by itself; it leaves its output in $work/out.
run_script() {
	mkdir -p "$work/tests/cli"
	ln -sfn "$root/tests/harness" "$work/tests/harness"
	{
		# shellcheck disable=SC2016 # expanded by the script
		echo '. "$(dirname "$0")/../harness/cli.sh"'
		cat
	} >"$work/tests/cli/inner.sh"
	expect_status "$1" sh "$work/tests/cli/inner.sh"
}

tells_good_from_bad() {
	run_script 1 <<'END'
good() { echo noise; }
bad() { echo first; false; echo not reached; }
wrong_status() { expect_status 0 sh -c 'exit 3'; }
crash() { expect_status 1 sh -c 'kill -SEGV $$'; }
wrong_out() { expect_status 0 echo a; expect_out b; }
missing() { need rb-no-such-program; }
unset_variable() { echo "$no_such_variable"; }
check "good" good
check "bad" bad
check "wrong status" wrong_status
check "crash" crash
check "wrong out" wrong_out
check "missing" missing
check "unset variable" unset_variable
END
	grep -v '^-\|^+\|^@' "$work/out" | grep '^ok\|^FAIL\|^SKIP' >"$work/lines" || true
	sed -i 's/inner.sh: [0-9]*:/inner.sh:/; s/^\(FAIL unset variable\):.*/\1/' "$work/lines"
	cat >"$work/lines.wanted" <<'END'
ok good
FAIL bad: first
FAIL wrong status: 'sh -c exit 3' ended with status 3, not 0
FAIL crash: 'sh -c kill -SEGV $$' was ended by signal 11, not exit status 1
FAIL wrong out: standard output is not what it should be
SKIP missing: rb-no-such-program is not installed
FAIL unset variable
END
	diff -u "$work/lines.wanted" "$work/lines"
}
check "the harness tells good from bad" tells_good_from_bad

leaves_nothing() {
	# shellcheck disable=SC2016 # expanded by the script
	run_script 0 <<'END'
at_exit() { rm -f "$OUTSIDE"; }
touch "$OUTSIDE"
mkdir -p a/b; chmod 0 a
check "where it was" echo "$work"
echo "$work"
END
	inner=$(tail -n 1 "$work/out")
	[ -n "$inner" ] && [ ! -e "$inner" ] && [ ! -e "$OUTSIDE" ]
}
OUTSIDE=$work/outside
export OUTSIDE
check "the harness leaves nothing behind" leaves_nothing

isolated() {
	[ "$(git config --global user.email)" = user@example.com ]
	[ "$(git var GIT_AUTHOR_IDENT | cut -d '>' -f 1)" = 'Test Author <author@example.com' ]
	[ "$(git config --system --list | wc -l)" -eq 0 ]
	case $HOME in "$work"/*) ;; *) fail "HOME is $HOME" ;; esac
}
check "no configuration of the user is seen" isolated

# The rest needs the shell of SQLite, which is the oracle.
same_digest() { [ "$(db_digest "$1")" = "$(db_digest "$2")" ] || fail "$1 and $2 differ"; }
other_digest() { [ "$(db_digest "$1")" != "$(db_digest "$2")" ] || fail "$1 and $2 are equal"; }

digest_is_of_content() {
	sql a.db "CREATE TABLE t(id INTEGER PRIMARY KEY, v); CREATE TABLE \"we'ird \"\"name\"(x);
		CREATE VIRTUAL TABLE f USING fts5(body);
		INSERT INTO t VALUES(1, 'a'), (2, NULL), (3, x'00ff'), (4, 1.5);
		INSERT INTO \"we'ird \"\"name\" VALUES(7); INSERT INTO f VALUES('some words');"
	sql b.db "PRAGMA page_size = 1024; CREATE TABLE \"we'ird \"\"name\"(x);
		CREATE VIRTUAL TABLE f USING fts5(body);
		CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES(9, 'gone');
		INSERT INTO t VALUES(4, 1.5), (3, x'00ff'), (2, NULL), (1, 'a');
		DELETE FROM t WHERE id = 9; INSERT INTO f VALUES('some words');
		INSERT INTO \"we'ird \"\"name\" VALUES(7); INSERT INTO f VALUES('x');
		DELETE FROM f WHERE body = 'x'; ANALYZE;"
	same_digest a.db b.db
}
check "a digest is equal for equal content" digest_is_of_content

digest_sees_changes() {
	for change in "UPDATE t SET v = x'61' WHERE id = 1" "UPDATE t SET v = '' WHERE id = 2" \
		"UPDATE t SET v = 'a' || char(0) || 'b' WHERE id = 1" "DELETE FROM t WHERE id = 2" \
		"UPDATE \"we'ird \"\"name\" SET x = 7.0" "UPDATE \"we'ird \"\"name\" SET rowid = 2" \
		"UPDATE f SET body = 'others'" "CREATE INDEX i ON t(v)" "PRAGMA user_version = 1" \
		"UPDATE t SET v = 1.5000000000000002 WHERE id = 4" "CREATE VIEW w AS SELECT 1"; do
		cp a.db c.db
		sql c.db "$change"
		other_digest a.db c.db
	done
	sql d.db "CREATE TABLE z(v); INSERT INTO z VALUES(0.0)"
	sql e.db "CREATE TABLE z(v); INSERT INTO z VALUES(-0.0)"
	other_digest d.db e.db
}
check "a digest sees every change" digest_sees_changes

# What a program does that writes a file as it should: sqlite3, in its rollback mode.
store() { sql f.db "BEGIN; INSERT INTO t VALUES('$1'); COMMIT;"; }

counts_calls() {
	sql f.db "CREATE TABLE t(v)"
	count_faults fsync f.db sqlite3 -batch f.db "INSERT INTO t VALUES('counted')"
	fsyncs=$(cat "$work/count")
	[ "$fsyncs" -gt 1 ] || fail "$fsyncs calls of fsync"
	count_faults fsync,unlink f.db-journal sqlite3 -batch f.db "INSERT INTO t VALUES('x')"
	count_faults any no-such-file sqlite3 -batch f.db "INSERT INTO t VALUES('x')"
	[ "$(cat "$work/count")" -eq 0 ] || fail "$(cat "$work/count") calls of no file"
}
check "faults are counted by call and path" counts_calls

kills_at_each_call() {
	for call in write fsync unlink; do
		count_faults $call f.db sqlite3 -batch f.db "INSERT INTO t VALUES('y')"
		count=$(cat "$work/count")
		[ "$count" -gt 0 ]
		nth=1
		while [ "$nth" -le "$count" ]; do
			expect_status 137 with_fault $call f.db "$nth" KILL \
				sqlite3 -batch f.db "INSERT INTO t VALUES('z')"
			[ "$(sql f.db "PRAGMA integrity_check")" = ok ]
			nth=$((nth + 1))
		done
		expect_status 0 with_fault $call f.db "$nth" KILL \
			sqlite3 -batch f.db "INSERT INTO t VALUES('z')"
	done
}
check "a program is killed at each of its calls" kills_at_each_call

fails_once_or_for_good() {
	expect_status 13 with_fault write f.db 1 ENOSPC sqlite3 -batch f.db "INSERT INTO t VALUES(1)"
	expect_err_has "database or disk is full"
	expect_status 10 with_fault fsync f.db 1 EIO sqlite3 -batch f.db "INSERT INTO t VALUES(1)"
	expect_err_has "disk I/O error"
	expect_status 0 with_fault write f.db 0 EIO sqlite3 -batch f.db "INSERT INTO t VALUES(1)"
	with_fault write lines 2 ENOSPC sh -c 'for i in 1 2 3; do echo $i; done' \
		>"$work/lines" 2>/dev/null || true
	[ "$(tr '\n' ' ' <"$work/lines")" = '1 3 ' ]
	with_fault write lines 2 ENOSPC+ sh -c 'for i in 1 2 3; do echo $i; done' \
		>"$work/lines" 2>/dev/null || true
	[ "$(tr '\n' ' ' <"$work/lines")" = '1 ' ]
}
check "a call fails once, or from then on" fails_once_or_for_good

children_are_spared() {
	expect_status 0 with_fault write lines 1 KILL \
		sh -c 'sh -c "echo child; env" >lines && ! grep -q "PRELOAD\|ROWBACK_FAULT" lines'
	grep -q '^child' lines
}
check "children of the program are spared" children_are_spared
