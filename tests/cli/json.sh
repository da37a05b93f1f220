#!/bin/sh
# What programs read: every document is valid JSON, and has the keys that docs/json.md has.
. "$(dirname "$0")/../harness/cli.sh"
. "$root/tests/harness/stores.sh"
need sqlite3 git jq

rb() { "$ROWBACK" -C store --json "$@"; }

# paths TYPE: each value of the documents in $work/out as "a.b[].c".  Behind the document of a
# command that found something wrong stands an error.
paths() {
	jq -r --arg type "$1" 'select(($type == "error") == (.message_type == "error")) |
		paths | map(if type == "number" then "[]" else . end) | join(".") | gsub("\\.\\[\\]"; "[]")' \
		"$work/out"
}

# documented TYPE: the keys in that section of docs/json.md.
documented() {
	sed -n "/^## \`$1\`/,/^## /p" "$root/docs/json.md" | sed -n 's/^| \(`[^|]*\) |.*/\1/p' |
		tr ',' '\n' | sed 's/[` ]//g'
}

# is_documented TYPE STATUS COMMAND...: run it; each of its keys, or an object that it is in, is
# documented.  The keys are kept, for all that is documented to be there.
is_documented() {
	type=$1
	shift
	expect_status "$@"
	jq -e . "$work/out" >"$work/valid" || fail "no JSON: $(cat "$work/out")"
	documented "$type" >"$work/keys"
	[ -s "$work/keys" ] || fail "docs/json.md has no section '$type'"
	paths "$type" | sort -u >"$work/paths"
	cat "$work/paths" >>"$work/seen.$type"
	while IFS= read -r path; do
		case $path in message_type | *.message_type | *'[]') continue ;; esac
		while IFS= read -r key; do
			case $path in "$key" | "$key"[.[]*) continue 2 ;; esac
			# An object whose keys are documented one by one.
			case $key in "$path"[.[]*) continue 2 ;; esac
		done <"$work/keys"
		fail "'$type' has the key '$path', and docs/json.md does not: $*"
	done <"$work/paths"
}

# all_there TYPE: what is documented was seen.
all_there() {
	documented "$1" | while IFS= read -r key; do
		grep -qxF -- "$key" "$work/seen.$1" || fail "'$1' never had the documented key '$key'"
	done || fail "see above"
}

prepares() {
	git init -q --bare remote.git
	git init -q --bare code.git
	git init -q -b master code
	git -C code remote add origin "$work/code.git"
	echo 1 >code/v
	git -C code add v
	git -C code commit -qm one
	git -C code push -q origin master
	sql app.db "CREATE TABLE n(id INTEGER PRIMARY KEY, v); CREATE TABLE other(x);
		INSERT INTO n VALUES(1, 'one'), (2, 'two'), (3, 'three')"
	is_documented init 0 "$ROWBACK" --json init --source app=sqlite:app.db \
		--remote "$work/remote.git" store
	all_there init
	git -C store config app.path "$work/code"
	git -C store config gate.maxRemovedRows 10%
}

is_kept_in_a_store() {
	is_documented backup 0 rb backup --label first
	is_documented backup 0 rb backup --quick
	is_documented backup 0 rb sync
	is_documented backup 0 rb export
	sql app.db "DELETE FROM n WHERE id = 1; UPDATE n SET v = 2"
	is_documented backup 0 rb backup
	is_documented verify 0 rb verify --drill
	sql app.db "DELETE FROM n"
	is_documented verify 15 rb verify --source
	is_documented restore 0 rb restore -n
	is_documented restore 0 rb restore --yes
	is_documented log 0 rb log
	echo 2 >code/v
	git -C code commit -qam two
	is_documented log 1 rb log --code "$(git -C code rev-parse HEAD)"
	is_documented show 0 rb show latest
	is_documented usage 0 rb usage
	is_documented doctor 1 rb doctor
	is_documented error 10 rb show no-such-one
	is_documented error 2 rb gate --source no-such-one
	for type in backup restore verify log show doctor error; do
		all_there $type
	done
}

is_asked_of_deploys() {
	is_documented gate 0 rb gate
	is_documented gate 17 rb gate --effect latest~1..latest
	is_documented deploy 0 rb deploy -n -- true
	is_documented deploy 3 rb deploy --label v2 -- sh -c "sqlite3 app.db 'DELETE FROM n'; exit 3"
	is_documented hook 0 rb hook install code
	is_documented hook 0 rb hook status code
	is_documented hook 0 rb hook remove code
	git -C code push -q origin master
	is_documented rollback 0 rb rollback first -n
	is_documented rollback 0 rb rollback first --yes --confirm app
	is_documented rollback 0 rb rollback --undo --yes --confirm app
	for type in gate deploy hook rollback; do
		all_there $type
	done
}

goes_by_rule() {
	for i in 1 2 3 4; do
		sql app.db "INSERT INTO n(v) VALUES($i)"
		expect_status 0 rb backup
	done
	is_documented pin 0 rb pin latest
	is_documented pin 0 rb unpin latest
	is_documented prune 0 rb prune --keep-last 1
	is_documented prune 0 rb prune --keep-last 1 --confirm
	is_documented usage 0 rb usage
	is_documented prune_undo 0 rb prune --undo
	is_documented prune_undo 0 rb prune --undo --confirm
	is_documented prune 0 rb delete first
	is_documented activity 0 rb activity
	for type in pin prune prune_undo usage activity; do
		all_there $type
	done
}

check "init" prepares
check "backups, restores, the catalog" is_kept_in_a_store
check "gate, deploy, hook, rollback" is_asked_of_deploys
check "prune, pin, usage, activity" goes_by_rule
