#!/bin/sh
# Every SQLite database below $ROWBACK_CORPUS, there and back: `make corpus`.
#
# Each is copied with its log and journal, backed up, restored into a new database, and
# that is backed up into a store of its own.  Then these must agree: both trees, the
# contents as SQLite's own shell shows them, and its integrity check.  A database that is
# refused is skipped, with the reason, where SQLite itself finds something wrong with it,
# or rowback said what it cannot keep; else it has failed.
. "$(dirname "$0")/../harness/cli.sh"

[ -d "${ROWBACK_CORPUS:-}" ] || fail "ROWBACK_CORPUS names no directory"
need sqlite3 git

# is_sqlite FILE: by the first bytes, as file(1) would.
is_sqlite() {
	[ "$(head -c 15 "$1" | tr -d '\0')" = "SQLite format 3" ]
}

# copy_of FILE DIR: a copy that shares nothing; prints its path.
copy_of() {
	mkdir -p "$2"
	for suffix in '' -wal -journal; do
		[ ! -f "$1$suffix" ] || cp "$1$suffix" "$2/copy.db$suffix"
	done
	chmod -R u+rw "$2"
	echo "$2/copy.db"
}

# what_sqlite_says DB: "ok", or the first thing that is wrong.
what_sqlite_says() {
	sql "$1" "PRAGMA integrity_check(1)" 2>&1 | head -n 1
}

# is_refused STATUS: say why and skip, when that is true; else fail.
is_refused() {
	why=$(sed -n 's/^rowback: error: //p' "$work/err" | head -n 1)
	wrong=$(what_sqlite_says "$(copy_of "$path" looked-at)")
	rm -rf looked-at
	case $1:$wrong:$why in
	3:ok:* | 13:ok:*) fail "refused with $1, but SQLite finds nothing wrong: $why" ;;
	3:* | 13:* | 2:*"SQLite does not keep"*) ;;
	*) fail "status $1: $why" ;;
	esac
	skip "refused: $why (SQLite: $wrong)"
}

# run_or_refuse COMMAND...: statuses 0 and 1 (remarks) are successes.
run_or_refuse() {
	status=0
	"$@" >"$work/out" 2>"$work/err" || status=$?
	[ "$status" -lt 2 ] || is_refused "$status"
}

goes_there_and_back() {
	path=$1
	rm -rf case
	mkdir case
	cd case || fail "no directory"
	db=$(copy_of "$path" original)
	expect_status 0 "$ROWBACK" -q init --no-check --source "app=sqlite:$PWD/original/copy.db" one
	expect_status 0 "$ROWBACK" -q init --no-check --source "app=sqlite:$PWD/new.db" two
	run_or_refuse "$ROWBACK" -C one backup
	run_or_refuse "$ROWBACK" -C one restore --to "sqlite:$PWD/new.db"
	expect_status 0 "$ROWBACK" -C two backup
	first=$(git -C one rev-parse HEAD:app)
	second=$(git -C two rev-parse HEAD:app)
	if [ "$first" != "$second" ]; then
		git -C one fetch -q ../two HEAD
		git -C one diff --stat "$first" FETCH_HEAD:app
		fail "the restored database exports to another tree"
	fi
	expect_status 0 git -C one fsck --strict
	[ -z "$(git -C one status --porcelain)" ] || fail "git status is not clean"
	[ "$(db_digest "$db")" = "$(db_digest new.db)" ] || fail "SQLite shows other contents"
	before=$(what_sqlite_says "$db")
	after=$(what_sqlite_says new.db)
	[ "$after" = ok ] || [ "$after" = "$before" ] || fail "integrity check: $after"
}

find "$ROWBACK_CORPUS" -type f -size +0 | LC_ALL=C sort >"$work/files"
while IFS= read -r file; do
	is_sqlite "$file" || continue
	check "${file#"$ROWBACK_CORPUS"/}" goes_there_and_back "$file" >"$work/lines"
	cat "$work/lines"
	cat "$work/lines" >>"$work/all-lines"
	rm -rf "$work/case"
done <"$work/files"
[ -f "$work/all-lines" ] || fail "there is no SQLite database below $ROWBACK_CORPUS"

counts=$(awk '/^ok /{p++} /^FAIL /{f++} /^SKIP /{s++} END {print p + 0, f + 0, s + 0}' "$work/all-lines")
[ -z "${ROWBACK_COUNTS:-}" ] || echo "$counts" >>"$ROWBACK_COUNTS"
# shellcheck disable=SC2086 # three numbers
printf 'corpus: %d passed, %d failed, %d skipped\n' $counts
