#!/bin/sh
# Every script of PostgreSQL below $ROWBACK_CORPUS/postgres, there and back: `make corpus`.
#
# Each is run into a database, which is backed up, restored into a new database, and that is
# backed up into a store of its own.  Then these must agree: what pg_dump says of both, schema
# and rows, and both trees.  The tree must also be the same after VACUUM FULL, and a copy in
# SQLite must have as many rows.
. "$(dirname "$0")/../harness/cli.sh"
# shellcheck source=tests/harness/postgres.sh
. "$root/tests/harness/postgres.sh"

[ -d "${ROWBACK_CORPUS:-}" ] || fail "ROWBACK_CORPUS names no directory"
[ -d "$ROWBACK_CORPUS/postgres" ] || skip "$ROWBACK_CORPUS has no directory postgres"
need git jq sqlite3
pg_for_tests

dump() {
	"$(pg_bin)/pg_dump" -h "$pg" -U rowback "$@" | grep -vE '^\\(un)?restrict '
}

# backed_up STORE DB: its tree, in $tree.
backed_up() {
	[ -d "$1" ] || expect_status 0 "$ROWBACK" -q init --no-check --source "app=$(pg_url "$pg" "$2")" "$1"
	expect_status 0 "$ROWBACK" -C "$1" backup
	tree=$(git -C "$1" rev-parse main:app)
}

goes_there_and_back() {
	rm -rf case
	mkdir case
	cd case || fail "no directory"
	for name in corpus copy; do pg_psql "$pg" -d postgres -c "DROP DATABASE IF EXISTS $name"; done
	pg_psql "$pg" -d postgres -c "CREATE DATABASE corpus TEMPLATE template0"
	# One of them makes a database of its own, and roles that are not there are no matter.
	pg_psql "$pg" -d corpus -v ON_ERROR_STOP=0 -f "$1" >load.log 2>&1
	name=$(sed -n 's/^CREATE DATABASE \([a-z_]*\);.*/\1/p' "$1" | head -n 1)
	name=${name:-corpus}
	backed_up one "$name"
	before=$tree
	rows=$(jq '[.sources.app.tables[].rows] | add' one/rowback.json)
	[ "$rows" -gt 0 ] || fail "no rows"
	status=0
	"$ROWBACK" -C one restore --to "$(pg_url "$pg" copy)" >out 2>err || status=$?
	[ "$status" -lt 2 ] || fail "restore: status $status: $(cat err)"
	backed_up two copy
	[ "$tree" = "$before" ] || fail "the copy has another tree"
	dump -s "$name" >schema.1
	dump -s copy | diff schema.1 - || fail "the copy has another schema"
	dump -a "$name" | sort >rows.1
	dump -a copy | sort | diff rows.1 - || fail "the copy has other rows"
	pg_psql "$pg" -d "$name" -c 'VACUUM FULL'
	backed_up one "$name"
	[ "$tree" = "$before" ] || fail "another layout gives another tree"
	status=0
	"$ROWBACK" -C one restore --json --to "sqlite:$PWD/copy.db" >out 2>err || status=$?
	[ "$status" -lt 2 ] || fail "restore into SQLite: status $status: $(cat err)"
	sqlite3 copy.db "SELECT name FROM sqlite_schema WHERE type = 'table'" | while read -r table; do
		sqlite3 copy.db "SELECT count(*) FROM \"$table\""
	done | awk '{ n += $1 } END { print n + 0 }' >count
	wanted=$(jq '[.sources.app.tables[] | select(.name | startswith("pg_catalog.") | not) | .rows] | add' \
		one/rowback.json)
	[ "$(cat count)" = "$wanted" ] || fail "SQLite has $(cat count) rows, not $wanted"
	[ "$name" = corpus ] || pg_psql "$pg" -d postgres -c "DROP DATABASE $name"
}

for file in "$ROWBACK_CORPUS"/postgres/*.sql; do
	check "$(basename "$file")" goes_there_and_back "$file"
done
