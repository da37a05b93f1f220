#!/bin/sh
# The activity log: what was done to a store, by whom, and how it ended.
. "$(dirname "$0")/../harness/cli.sh"
. "$root/tests/harness/stores.sh"
need sqlite3 git jq

SUDO_USER=deploy
export SUDO_USER

# app DIR: a place with app.db and its store.
app() {
	place "$1"
	sql app.db "CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES(1, 'one')"
	store_of store "$PWD/app.db"
	log=store/.git/rowback/activity.jsonl
}

rb() { "$ROWBACK" -C store "$@"; }

# lines FILTER WANTED: what jq makes of each line of the log, oldest first.
lines() {
	jq -c "$1" "$log" >got
	same_text "$1" got "$2"
}

# last FILTER WANTED: of the newest line.
last() {
	tail -n 1 "$log" | jq -c "$1" >got
	same_text "$1" got "$2"
}

count() { wc -l <"$log"; }

every_command_that_writes_is_a_line() {
	app all
	lines '[.action, .result, .status, .user]' '["init","ok",0,"deploy"]'
	expect_status 0 rb backup --no-push --label first
	first=$(id_of store)
	last '[.action, .arguments, .result, .backup, .detail]' \
		'["backup",["--no-push","--label","first"],"ok","'"$first"'","+1 rows in 1 of 1 tables"]'
	last '[.pid, .duration_ms | type]' '["number","number"]'
	last .host "\"$(hostname)\""
	[ "$(stat -c %a "$log")" = 600 ] || fail "others may read it"
	expect_status 0 rb backup
	last '[.action, .result, .backup, .detail]' '["backup","nothing","'"$first"'","nothing changed"]'
	sql app.db "INSERT INTO t VALUES(2, 'two')"
	expect_status 0 rb export
	last '[.action, .result, .backup, .detail]' '["export","ok",null,"2 rows in the working tree"]'
	expect_status 0 rb sync
	last '[.action, .result, .backup]' '["sync","ok","'"$(id_of store)"'"]'
	expect_status 0 rb restore first --yes
	last '[.action, .arguments, .result, .backup]' '["restore",["first","--yes"],"ok","'"$first"'"]'
	last .detail '"-1 rows in sqlite:'"$PWD"'/app.db, safety backup '"$(id_of store HEAD~1)"'"'
	expect_status 0 rb restore first --yes
	last '[.action, .result]' '["restore","nothing"]'
	expect_status 0 rb verify --drill
	last '[.action, .result, .detail]' \
		'["verify","ok","1 source restored, exported again: the same tree"]'
	jq -e . "$log" >/dev/null
}

looking_is_no_line() {
	app looking
	expect_status 0 rb backup
	before=$(count)
	for command in log show doctor verify activity "backup -n" "restore -n latest" help "backup --help"; do
		# shellcheck disable=SC2086 # words
		rb $command >/dev/null 2>&1 || :
		[ "$(count)" -eq "$before" ] || fail "$command was recorded"
	done
	# What was not understood was not begun.
	expect_status 2 rb backup --nonsense
	expect_status 2 rb nonsense
	[ "$(count)" -eq "$before" ] || fail "a mistake was recorded"
}

failures_are_lines_with_their_message() {
	app failing
	mv app.db gone.db
	expect_status 13 rb backup
	last '[.action, .result, .status]' '["backup","failed",13]'
	last .detail "\"$(sed -n 's/^rowback: error: //p' "$work/err")\""
	mv gone.db app.db
	expect_status 0 rb backup
	expect_status 10 rb restore 2001 --yes
	last '[.action, .result, .status, .detail]' '["restore","failed",10,"there is no backup '"'2001'"'"]'
	expect_status 0 rb activity --failed
	[ "$(wc -l <"$work/out")" -eq 3 ] || { cat "$work/out"; fail "the table"; }
}

another_run_has_the_store() {
	need flock
	app busy
	exec 8<store/.git/rowback/lock
	flock 8
	expect_status 11 rb backup
	exec 8<&-
	last '[.action, .result, .status]' '["backup","failed",11]'
}

the_table_is_for_people() {
	ROWBACK_NOW=1795190279
	export ROWBACK_NOW
	app table
	ROWBACK_NOW=1795190280
	expect_status 0 rb backup --label first
	sql app.db "DELETE FROM t"
	ROWBACK_NOW=1795193880
	expect_status 0 rb backup
	expect_status 0 rb activity
	sed 's/  *[0-9.]* ms  */ MS /; s/  *[0-9.]* s  */ MS /; s/@[^ ]*/@HOST/' "$work/out" | tr -s ' ' >got
	sed -n '2,3p' got >rows
	same_text "the rows" rows "2026-11-20T16:58:00Z deploy@HOST backup ok 20261120T165800Z MS -1 rows in 1 of 1 tables
2026-11-20T15:58:00Z deploy@HOST backup ok 20261120T155800Z MS +1 rows in 1 of 1 tables"
	head -n 1 got >title
	same_text "the titles" title "when who action result backup took detail"
	for filter in "-1 1" "-n 2 2" "--action backup 2" "--action init 1" "--action nothing 0" \
		"--since 2026-11-20T16:00:00Z 1" "--until 2026-11-20T16:00:00Z 2" "--failed 0"; do
		# shellcheck disable=SC2086 # words
		expect_status 0 rb activity --json ${filter% *}
		[ "$(wc -l <"$work/out")" -eq "${filter##* }" ] || fail "$filter: $(cat "$work/out")"
	done
	# The lines as they stand, oldest first.
	expect_status 0 rb activity --json
	cmp "$work/out" "$log"
}

an_old_log_is_read_too() {
	app old
	cp "$log" "${log%.jsonl}.1.jsonl"
	printf 'torn {"time"\n' >>"$log"
	expect_status 0 rb backup
	expect_status 0 rb activity --json
	jq -s -c '[.[].action]' "$work/out" >got
	same_text "actions" got '["init","init","backup"]'
}

secrets_are_not_kept() {
	place secret
	sql app.db "CREATE TABLE t(x)"
	token=ghp_0123456789abcdefghijklmnopqrstuvwxyz
	expect_status 0 "$ROWBACK" -q init --no-check --source "app=sqlite:$PWD/app.db" \
		--remote "https://me:hunter2@localhost:1/x.git" store
	log=store/.git/rowback/activity.jsonl
	last '.arguments[-2]' '"https://me:***@localhost:1/x.git"'
	git -C store config rowback.pushTimeout 5s
	git -C store config rowback.allowPublic true
	"$ROWBACK" -C store backup --note "use $token now" --label "https://x:geheim@h" 2>/dev/null || :
	last '[.action, .arguments]' '["backup",["--note","use *** now","--label","https://x:***@h"]]'
	git -C store remote set-url origin "https://me:hunter3@localhost:1/x.git"
	git -C store config source.other.url "sqlite:$PWD/app.db?token=$token"
	git -C store config rollback.run "curl -H 'Authorization: Bearer $token' https://h/deploy"
	"$ROWBACK" -C store backup --no-push 2>/dev/null || :
	"$ROWBACK" -C store activity >/dev/null
	! grep -rn -e hunter2 -e hunter3 -e geheim -e "$token" store/.git/rowback || fail "a secret is kept"
	jq -r 'select(.action == "config") | .detail' "$log" | tail -n 1 >got
	grep -qF 'remote.origin.url: https://me:***@localhost:1/x.git (what is hidden changed)' got || fail "$(cat got)"
	grep -qF "rollback.run: not set -> curl -H 'Authorization: Bearer ***' https://h/deploy" got ||
		fail "$(cat got)"
}

changes_of_the_configuration_are_lines() {
	app config
	expect_status 0 rb backup
	# Seen first by init.
	lines .action '"init"
"backup"'
	git -C store config rowback.maxAge 1h
	git -C store config --add source.app.exclude 'cache_*'
	git -C store config --add source.app.exclude 'tmp_*'
	git -C store config user.name somebody
	expect_status 0 rb backup
	jq -c 'select(.action == "config") | [.arguments, .detail, .result]' "$log" >got
	same_text "the change" got '[["rowback.maxage","source.app.exclude"],"rowback.maxage: not set -> 1h; source.app.exclude: not set -> cache_*, tmp_*","ok"]'
	expect_status 0 rb backup
	[ "$(jq -r .action "$log" | grep -c config)" -eq 1 ] || fail "recorded twice"
	git -C store config rowback.maxAge 2h
	git -C store config --unset-all source.app.exclude
	expect_status 0 rb backup -n
	[ "$(jq -r .action "$log" | grep -c config)" -eq 1 ] || fail "a dry run recorded it"
	expect_status 0 rb backup
	tail -n 2 "$log" | head -n 1 | jq -r .detail >got
	same_text "the change" got "rowback.maxage: 1h -> 2h; source.app.exclude: cache_*, tmp_* -> not set"
	# Another file has a memory of its own.
	cp store/.git/config other.conf
	git config -f other.conf rowback.maxAge 9h
	expect_status 0 rb --config other.conf backup
	last .action '"backup"'
	[ "$(jq -r .action "$log" | grep -c config)" -eq 2 ] || fail "the other file was compared"
	git config -f other.conf rowback.maxAge 8h
	expect_status 0 rb --config other.conf backup
	tail -n 2 "$log" | head -n 1 | jq -r .detail >got
	same_text "the change" got "rowback.maxage: 9h -> 8h"
}

refusals_and_hooks_are_lines() {
	app gate
	git init -q --bare remote.git
	git -C store remote add origin "$PWD/remote.git"
	expect_status 17 rb gate -n
	last .action '"init"'
	expect_status 17 rb gate
	last '[.action, .result, .status, .arguments]' '["gate","refused",17,[]]'
	[ "$(tail -n 1 "$log" | jq '.detail | length')" -gt 10 ] || fail "no reason"
	expect_status 0 rb gate --backup
	last '[.action, .result, .backup]' '["gate","ok","'"$(id_of store)"'"]'
	before=$(count)
	expect_status 0 rb gate
	expect_status 0 rb gate -n
	[ "$(count)" -eq "$before" ] || fail "a question was recorded"
	ROWBACK_HOOK=pre-push
	export ROWBACK_HOOK
	expect_status 0 rb gate --require full
	last '[.action, .result, .arguments]' '["hook","ok",["pre-push","gate","--require","full"]]'
}

what_takes_backups_out_is_a_line() {
	app pruning
	for i in 1 2 3 4 5; do
		sql app.db "INSERT INTO t(v) VALUES($i)"
		expect_status 0 rb backup
	done
	oldest=$(id_of store HEAD~4)
	before=$(count)
	expect_status 0 rb prune --keep-last 1
	[ "$(count)" -eq "$before" ] || fail "a look was recorded"
	expect_status 0 rb pin "$oldest"
	last '[.action, .result, .backup]' '["pin","ok","'"$oldest"'"]'
	expect_status 0 rb unpin "$oldest"
	last '[.action, .result, .backup]' '["unpin","ok","'"$oldest"'"]'
	expect_status 0 rb delete "$oldest" --confirm
	last '[.action, .result, .backup, .detail]' '["delete","ok","'"$oldest"'","1 of 5 backups removed"]'
	expect_status 0 rb prune --undo --confirm
	last '[.action, .result]' '["prune","ok"]'
}

a_quick_backup_says_what_it_is() {
	app quick
	git init -q -b master code
	git -C code commit -q --allow-empty -m one
	git -C store config app.path "$PWD/code"
	expect_status 0 rb backup
	data=$(id_of store)
	git -C code commit -q --allow-empty -m two
	expect_status 0 rb backup --quick
	last '[.result, .backup, .detail]' '["ok","'"$(id_of store)"'","code commit '"$(
		git -C code rev-parse HEAD | cut -c 1-7
	)"', the data is that of '"$data"'"]'
}

other_repositories_get_no_log() {
	app others
	git init -q code
	(cd code && "$ROWBACK" hook status . >/dev/null 2>&1) || :
	expect_status 0 rb hook install code
	last '[.action, .result, .arguments]' '["hook","ok",["install","code"]]'
	(cd code && expect_status 0 "$ROWBACK" hook remove .)
	[ ! -e code/.git/rowback ] || fail "a log in the application's repository"
	expect_status 10 "$ROWBACK" -C / backup
	mkdir code/sub
	printf 'x' >code/sub/file
	expect_status 2 "$ROWBACK" init code/sub
	[ ! -e code/.git/rowback ] || fail "a log above a store that was not made"
}

a_log_that_cannot_be_written_is_a_warning() {
	app full
	rm "$log"
	ln -s /nowhere/else "$log"
	expect_status 0 rb backup
	expect_err_has "warning: this run was not recorded in the activity log: cannot open the activity log"
	rm "$log"
	expect_status 0 rb activity
	expect_out ""
	expect_status 0 with_fault write activity.jsonl 1 ENOSPC "$ROWBACK" -C store backup
	expect_err_has "warning: this run was not recorded in the activity log: cannot write the activity log"
	expect_status 0 rb backup
	[ "$(count)" -eq 1 ] || fail "lines"
}

check "every command that writes is a line" every_command_that_writes_is_a_line
check "looking is no line" looking_is_no_line
check "failures are lines with their message" failures_are_lines_with_their_message
check "a run that waits for another is a line" another_run_has_the_store
check "the table is for people" the_table_is_for_people
check "an older log is read, too" an_old_log_is_read_too
check "secrets are not kept" secrets_are_not_kept
check "changes of the configuration are lines" changes_of_the_configuration_are_lines
check "refusals and hooks are lines" refusals_and_hooks_are_lines
check "what takes backups out is a line" what_takes_backups_out_is_a_line
check "a quick backup says what it is" a_quick_backup_says_what_it_is
check "other repositories get no log" other_repositories_get_no_log
check "a log that cannot be written is a warning" a_log_that_cannot_be_written_is_a_warning
