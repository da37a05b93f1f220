#!/bin/sh
# PostgreSQL: what is recognised as unchanged without being read, and that nothing is that was not.
. "$(dirname "$0")/../harness/cli.sh"
# shellcheck source=tests/harness/postgres.sh
. "$root/tests/harness/postgres.sh"
need git jq python3
pg_for_tests

q() { pg_psql "$pg" -q -d app -c "$1" >"$work/psql" 2>&1 || fail "$(cat "$work/psql")"; }
rb() { "$ROWBACK" -C "$work/s" "$@"; }

# read_now true|false: whether a backup reads the database.
read_now() {
	expect_status 0 rb --json backup
	[ "$(jq -r '.sources[0].read' "$work/out")" = "$1" ] || fail "read: not $1"
}

pg_psql "$pg" -q -d postgres -c 'CREATE DATABASE app'
q "CREATE TABLE t(id serial PRIMARY KEY, v text); INSERT INTO t(v) VALUES('a'), ('b')"
git init -q --bare r.git
"$ROWBACK" -q init --source "app=$(pg_url "$pg" app)" --remote "$work/r.git" s

idle_is_not_read() {
	read_now true
	read_now false
	q "SELECT count(*) FROM t"
	read_now false
	# The check is recorded all the same.
	git -C r.git rev-parse -q --verify refs/rowback/check/main
	# --full trusts nothing.
	expect_status 0 rb --json backup --full
	[ "$(jq -r '.sources[0].read, .committed' "$work/out" | tr '\n' ' ')" = 'true false ' ]
	read_now false
}

every_change_is_read() {
	for change in "UPDATE t SET v = 'c' WHERE id = 1" "INSERT INTO t(v) VALUES('d')" \
		"DELETE FROM t WHERE v = 'd'" "SELECT nextval('t_id_seq')" \
		"SELECT nextval('t_id_seq')" "SELECT setval('t_id_seq', 50, false)" \
		"SELECT setval('t_id_seq', 90, false)" "CREATE INDEX ON t(v)" \
		"COMMENT ON TABLE t IS 'things'" "ALTER TABLE t ADD w int" \
		"SELECT lo_from_bytea(4711, 'abc')" "TRUNCATE t"; do
		q "$change"
		expect_status 0 rb --json backup
		[ "$(jq -r '.sources[0].read, .committed' "$work/out" | tr '\n' ' ')" = 'true true ' ] ||
			fail "not backed up: $change"
		read_now false
	done
	# No row changed, and another database's change cannot be told from one: read, and equal.
	pg_psql "$pg" -q -d postgres -c 'CREATE TABLE other(a int)'
	expect_status 0 rb --json backup
	[ "$(jq -r '.sources[0].read, .committed' "$work/out" | tr '\n' ' ')" = 'true false ' ]
}

a_transaction_under_way_is_not_passed_over() {
	mkfifo go
	# It has its id, and ends after the backup.
	pg_psql "$pg" -q -d app >/dev/null 2>&1 <go &
	exec 9>go
	echo "BEGIN; INSERT INTO t(v) VALUES('late'); SELECT pg_notify('x', 'y');" >&9
	i=0
	until [ "$(pg_psql "$pg" -q -d app -Atc "SELECT count(*) FROM pg_stat_activity
		WHERE state = 'idle in transaction' AND backend_xid IS NOT NULL")" -eq 1 ]; do
		i=$((i + 1))
		[ $i -lt 200 ] || fail 'the transaction does not begin'
		sleep 0.05
	done
	expect_status 0 rb -q backup
	expect_status 0 rb -q backup
	echo 'COMMIT;' >&9
	exec 9>&-
	wait
	read_now true
	[ "$(git -C s log -1 --format='%(trailers:key=Backup-Changes,valueonly)' | head -n 1)" = '+1 ~0 -0' ] ||
		fail "$(git -C s log -1)"
}

# Whatever was written, a backup that trusts the proof has the tree of one that reads all.
random_writers() {
	python3 - >steps <<'END'
import random
random.seed(4711)
for i in range(40):
    print(random.choice([
        "SELECT 1", "SELECT 1", "VACUUM t", "ANALYZE t", "CHECKPOINT",
        "INSERT INTO t(v) SELECT md5(i::text) FROM generate_series(1, 50) AS i",
        "UPDATE t SET v = 'x' || id WHERE id %% 7 = %d" % (i % 7),
        "DELETE FROM t WHERE id %% 11 = %d" % (i % 11),
        "BEGIN; DELETE FROM t; ROLLBACK",
        "SELECT nextval('t_id_seq')",
        "CREATE TABLE n%d(a int PRIMARY KEY)" % i]))
END
	while IFS= read -r step; do
		q "$step"
		expect_status 0 rb -q backup
		before=$(git -C s rev-parse 'main^{tree}')
		expect_status 0 rb -q backup --full
		[ "$(git -C s rev-parse 'main^{tree}')" = "$before" ] || fail "after: $step"
	done <steps
}

what_proves_nothing_is_read() {
	q "CREATE UNLOGGED TABLE u(a int)"
	read_now true
	read_now true
	q "DROP TABLE u"
	read_now true
	read_now false
	stop_server_only
	read_now true
}

stop_server_only() {
	pg_as "$(pg_bin)/pg_ctl" -D "$pg/data" -w -m fast restart >"$work/restart" 2>&1 </dev/null ||
		fail "$(cat "$work/restart")"
}

check 'an idle server is not read' idle_is_not_read
check 'every change is read' every_change_is_read
check 'a transaction under way is not passed over' a_transaction_under_way_is_not_passed_over
check 'random writers' random_writers
check 'what proves nothing is read' what_proves_nothing_is_read
