#!/bin/sh
# What is backed up and what is not: tables by include and exclude, columns; and what a restore
# makes of a column that is not in the backup.
. "$(dirname "$0")/../harness/cli.sh"
# shellcheck source=tests/harness/stores.sh
. "$root/tests/harness/stores.sh"
need git jq sqlite3

sql() {
	db=$1
	shift
	sqlite3 -batch -init /dev/null "$db" "$@"
}

# app NAME: a database with things to leave out, and a store for it.
app() {
	place "$1"
	sql app.db "
		CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, secret BLOB,
			token TEXT NOT NULL DEFAULT 'none', n INT GENERATED ALWAYS AS (id + 1));
		INSERT INTO users(id, name, secret, token) VALUES
			(1, 'ann', x'00ff', 'token-1'), (2, 'bob', 2.0, 't2'), (3, 'cay', 'text', 't3');
		CREATE TABLE pairs(a TEXT COLLATE NOCASE, b REAL, secret, PRIMARY KEY(a, b)) WITHOUT ROWID;
		INSERT INTO pairs VALUES('x', 1.0, 's1'), ('X', 2.5, 's2');
		CREATE TABLE bag(v, secret); INSERT INTO bag VALUES(1, 'b1'), (1, 'b2');
		CREATE TABLE logs(x); INSERT INTO logs VALUES(1);
		CREATE VIRTUAL TABLE docs USING fts5(body); INSERT INTO docs VALUES('some words')"
	store_of store "$PWD/app.db"
}

rb() { "$ROWBACK" -C store "$@"; }

# secrets DB: what no backup has.
secrets() {
	sql "$1" "SELECT 'u', id, quote(secret), typeof(secret), token FROM users;
		SELECT 'p', a, b, secret FROM pairs; SELECT 'b', rowid, v, secret FROM bag"
}

tables_are_included() {
	app include
	git -C store config source.app.include 'users, do*'
	back_up store
	[ "$(jq -r '.sources.app.tables[].name' store/rowback.json | tr '\n' ' ')" = \
		"docs docs_config users " ] || fail "tables: $(jq -c .sources store/rowback.json)"
	grep -q 'CREATE TABLE logs' store/app/schema.sql
	# A restore leaves the others alone, and makes them empty where they are not.
	sql app.db "UPDATE logs SET x = 7; DELETE FROM users"
	expect_status 0 rb restore --yes
	[ "$(sql app.db "SELECT x FROM logs; SELECT count(*) FROM users" | tr '\n' ' ')" = "7 3 " ]
	expect_status 0 rb restore --to "sqlite:$PWD/new.db"
	[ "$(sql new.db "SELECT count(*) FROM logs; SELECT count(*) FROM users" | tr '\n' ' ')" = "0 3 " ]
	expect_status 0 rb verify --drill --source
}
check "tables are included" tables_are_included

another_selection_is_another_backup() {
	app again
	back_up store
	git -C store config source.app.exclude logs
	expect_status 0 rb backup
	expect_out_has "1 of"
	git -C store config source.app.excludeColumns '*.secret, !bag.secret'
	expect_status 0 rb backup
	git -C store config --unset source.app.exclude
	expect_status 0 rb backup
	expect_status 0 rb backup
	expect_out_has "not written since"
}
check "another selection is read anew, though nothing was written" another_selection_is_another_backup

what_matches_nothing_is_told() {
	app nothing
	git -C store config source.app.exclude 'logs, cache_*, gone'
	expect_status 1 rb backup
	expect_err_has "exclude: no table matches 'gone'"
	if grep -q "cache_" "$work/err"; then fail "a pattern may match nothing"; fi
	git -C store config source.app.exclude 'logs, cache_*'
	git -C store config source.app.include 'users, bags*'
	expect_status 1 rb backup
	expect_err_has "include: no table matches 'bags*'"
	git -C store config --unset source.app.include
	git -C store config source.app.excludeColumns 'users.*secrets'
	expect_status 1 rb backup
	expect_err_has "excludeColumns: no column matches 'users.*secrets'"
	git -C store config --unset source.app.excludeColumns
	git -C store config source.app.excludeSchemas 'main'
	expect_status 1 rb backup
	expect_err_has "excludeSchemas: no schema matches 'main'"
}
check "a name that nothing has is told of" what_matches_nothing_is_told

what_is_needed_is_not_left_out() {
	app needed
	for column in users.id users.name pairs.b docs.body; do
		git -C store config source.app.excludeColumns "$column"
		expect_status 2 rb backup
		expect_err_has "column '$column' cannot be left out: it"
		if git -C store rev-parse -q --verify main; then fail "committed"; fi
	done
	expect_status 2 rb backup
	sql app.db "CREATE TABLE no_id(k INT NOT NULL, v, PRIMARY KEY(k)) WITHOUT ROWID"
	git -C store config source.app.excludeColumns 'no_id.k'
	expect_status 2 rb backup
	git -C store config source.app.excludeColumns 'users.n, users.secret'
	expect_status 0 rb backup
}
check "a column that rows need is not left out" what_is_needed_is_not_left_out

# The columns of the table, and what is in the backup of them.
columns_are_left_out() {
	app columns
	git -C store config source.app.excludeColumns 'users.secret, users.token, pairs.secret'
	expect_status 0 rb backup
	expect_err_has "columns: their values are left out: pairs.secret, users.secret, users.token"
	jq -r '.columns[] | "\(.name) \(.leftOut)"' store/app/users/table.json >columns
	same_text "table.json" columns "id null
name null
secret true
token true
n null"
	cat store/app/users/rows/* >rows
	same_text "rows" rows '{"id":1,"name":"ann"}
{"id":2,"name":"bob"}
{"id":3,"name":"cay"}'
	# And in no object of the repository.
	if git -C store cat-file --batch-all-objects --batch | grep -aqE 'token-1|"s1"'; then
		fail "it is in the store all the same"
	fi
	expect_status 0 rb verify --drill --source
	expect_status 1 rb restore --to "sqlite:$PWD/new.db"
	expect_err_has "users: column secret, token: not in the backup: all rows have the default"
	[ "$(sql new.db "SELECT id, name, quote(secret), token, n FROM users WHERE id < 3" | tr '\n' ' ')" = \
		"1|ann|NULL|none|2 2|bob|NULL|none|3 " ] || fail "$(sql new.db 'SELECT * FROM users')"
	[ "$(sql new.db "SELECT count(*), count(secret) FROM pairs")" = "2|0" ]
}
check "columns are left out, and a new database has their defaults" columns_are_left_out

live_values_stay() {
	app live
	git -C store config source.app.excludeColumns 'users.secret, users.token, pairs.secret'
	back_up store --label first
	secrets app.db >before
	# Rows change, also such that they change places, and the secrets with them.
	sql app.db "UPDATE users SET name = 'x' WHERE id = 1; UPDATE users SET name = 'ann' WHERE id = 2;
		UPDATE users SET name = 'bob' WHERE id = 1; UPDATE pairs SET secret = 'newer' WHERE b = 1;
		INSERT INTO users(id, name, secret) VALUES (9, 'new', 'lost'); UPDATE bag SET v = 5"
	expect_status 1 rb restore first --yes --json
	planned "bag keep +0 ~2 -0 null
users keep +0 ~2 -1 secret, token"
	expect_err_has "of those that go no backup has it"
	secrets app.db >after
	sed 's/^p|x|1.0|s1$/p|x|1.0|newer/' before | diff - after || fail "what is not in the backup was changed"
	sound app.db
	# What was deleted comes back without them.
	sql app.db "DELETE FROM users WHERE id = 2"
	expect_status 1 rb restore first --yes
	[ "$(sql app.db "SELECT name, quote(secret), token FROM users WHERE id = 2")" = "bob|NULL|none" ]
	[ "$(sql app.db "SELECT quote(secret), token FROM users WHERE id = 1")" = "X'00FF'|token-1" ]
	expect_status 0 rb verify --source first
	# The table made anew keeps them, too.
	sql app.db "ALTER TABLE users ADD COLUMN later; CREATE INDEX l ON users(later); UPDATE users SET later = id"
	sql app.db "SELECT id, quote(secret), token FROM users" >before
	expect_status 1 rb restore first --yes --json
	planned "users recreate +3 ~0 -3 secret, token"
	sql app.db "SELECT id, quote(secret), token FROM users" | diff before - || fail "made anew without them"
	expect_status 0 rb verify --source first
	# And the other strategies.
	sql app.db "UPDATE users SET name = 'zoe' WHERE id = 3"
	expect_status 1 rb restore first --yes --strategy upsert
	sql app.db "SELECT id, quote(secret), token FROM users" | diff before - || fail "upsert"
	[ "$(sql app.db "SELECT name FROM users WHERE id = 3")" = cay ]
}

# planned LINES: what the report of the last restore says.
planned() {
	jq -r '.tables[] | "\(.table) \(.action) +\(.insert) ~\(.update) -\(.delete) \(.left_out)"' \
		"$work/out" >plan
	same_text "the plan" plan "$1"
}
check "live values of columns that are not in the backup stay" live_values_stay

another_selection_than_then() {
	app earlier
	back_up store --label all
	git -C store config source.app.excludeColumns 'users.secret'
	expect_status 0 rb backup --label less
	sql app.db "UPDATE users SET secret = 'fresh', name = name || '!'"
	# The backup would overwrite what no safety backup has.
	expect_status 16 rb restore all --yes
	expect_err_has "the backup has column 'users.secret', which is left out now"
	[ "$(sql app.db "SELECT group_concat(secret || name) FROM users")" = "freshann!,freshbob!,freshcay!" ]
	expect_status 16 rb restore all -n
	# Where it is in the safety backup, but not in the one that is restored, it stays.
	git -C store config --unset source.app.excludeColumns
	expect_status 1 rb restore less --yes
	[ "$(sql app.db "SELECT group_concat(secret || name) FROM users")" = "freshann,freshbob,freshcay" ]
	safety=$(sed -n 's/^undo it with: rowback restore //p' "$work/out")
	sql app.db "UPDATE users SET secret = 'x'"
	expect_status 0 rb restore "$safety" --yes
	[ "$(sql app.db "SELECT group_concat(secret || name) FROM users")" = "freshann!,freshbob!,freshcay!" ]
	# Another database than the source's: all of it is in its safety backup.
	cp app.db other.db
	sql other.db "DELETE FROM users WHERE id = 1"
	expect_status 1 rb restore less --yes --to "sqlite:$PWD/other.db"
	[ "$(sql other.db "SELECT quote(secret), name FROM users" | tr '\n' ' ')" = "NULL|ann 'fresh'|bob 'fresh'|cay " ]
	safety=$(sed -n 's/^undo it with: rowback restore //p' "$work/out")
	expect_status 0 rb restore "$safety" --yes --to "sqlite:$PWD/other.db"
	[ "$(sql other.db "SELECT group_concat(secret || name) FROM users")" = "freshbob!,freshcay!" ]
}
check "a backup that left out other columns" another_selection_than_then

tables_are_named_by_patterns() {
	app patterns
	back_up store
	sql app.db "DELETE FROM users; DELETE FROM pairs; DELETE FROM bag; CREATE TABLE \"p*\"(x); INSERT INTO \"p*\" VALUES(1)"
	expect_status 0 rb restore --yes --table 'u*' --table 'p*s'
	[ "$(sql app.db "SELECT count(*) FROM users; SELECT count(*) FROM pairs; SELECT count(*) FROM bag" |
		tr '\n' ' ')" = "3 2 0 " ]
	expect_status 2 rb restore --yes --table 'zz*'
	expect_err_has "no table of the backup matches 'zz*'"
	# A name is a name where a table has it.
	sql app.db "DELETE FROM pairs"
	back_up store
	sql app.db "DELETE FROM \"p*\"; INSERT INTO pairs VALUES('y', 1, 2)"
	expect_status 0 rb restore --yes --table 'p*'
	[ "$(sql app.db "SELECT count(*) FROM \"p*\"; SELECT count(*) FROM pairs" | tr '\n' ' ')" = "1 1 " ]
	expect_status 2 rb restore --yes --schema main
	expect_err_has "the backup has no rows of tables in a schema 'main'"
}
check "tables are named by patterns" tables_are_named_by_patterns
