#!/bin/sh
# verify, show and log.
. "$(dirname "$0")/../harness/cli.sh"
. "$root/tests/harness/stores.sh"
need sqlite3 git jq

verify() { "$ROWBACK" -C store verify "$@"; }
show() { "$ROWBACK" -C store show "$@"; }

# three: a place with app.db and a store with three backups; their ids are in $a, $b, $c.
three() {
	place "$1"
	sql app.db "
		CREATE TABLE n(id INTEGER PRIMARY KEY, v TEXT);
		INSERT INTO n VALUES(1, 'one'), (2, 'two'), (3, 'three');
		CREATE TABLE t(k TEXT PRIMARY KEY, v) WITHOUT ROWID;
		INSERT INTO t VALUES('a', 1.5), ('b', NULL)"
	store_of store "$PWD/app.db"
	back_up store --label first --note "the very first"
	a=$id
	sql app.db "UPDATE n SET v = 'TWO' WHERE id = 2; DELETE FROM n WHERE id = 3; INSERT INTO n VALUES(4, 'four');
		INSERT INTO t VALUES('c', x'00ff')"
	back_up store --trigger deploy
	b=$id
	sql app.db "CREATE TABLE made(x); INSERT INTO made VALUES(1); DROP TABLE t; CREATE VIEW w AS SELECT 1"
	back_up store --label third
	c=$id
}

# json FILTER WANTED: of the last report.
json() {
	jq -cS "$1" "$work/out" >got
	same_text "$1" got "$2"
}

verifies() {
	three plain
	expect_status 0 verify
	expect_out "git fsck --strict: done
read: 4 rows of 2 tables in 1 backup
not checked: other backups (--all reads every one)
not checked: whether it restores (--drill does it)
not checked: the live source (--source compares it)"
	expect_status 0 verify first --no-fsck --json
	json . '{"backup":"'"$a"'","backups":1,"chunks":2,"drill_passed":false,"drills":0,"fsck":false,"message_type":"verify","not_checked":["other backups (--all reads every one)","git'"'"'s objects as a whole (--no-fsck)","whether it restores (--drill does it)","the live source (--source compares it)"],"problems":[],"rows":5,"source_changes":[],"source_compared":false,"source_others_changed":0,"tables":2}'
	expect_status 0 verify --all --drill --source --json
	json '[.backup, .backups, .rows, .tables, .drills, .drill_passed, .source_compared, .not_checked]' \
		'["'"$c"'",3,15,6,1,true,true,[]]'
	expect_status 10 verify nothing
}

compares_the_live_source() {
	three live
	expect_status 0 verify --source
	grep -qx "source: the same as the backup" "$work/out"
	sql app.db "INSERT INTO n VALUES(9, 'nine'); DELETE FROM made; UPDATE n SET v = 'x' WHERE id = 1"
	expect_status 15 verify --source
	expect_err "rowback: error: the live source differs from backup $c in 2 tables
hint: when that is right, keep it: rowback backup"
	sed -n '/^table/,/^not/p' "$work/out" >got
	same_text "the table" got "table     added  changed  removed
app/made      0        0        1
app/n         1        1        0
not checked: other backups (--all reads every one)"
	# Looking leaves nothing of the live data in the store.
	ls store/.git/objects/pack >packs
	sql app.db "UPDATE n SET v = 'never backed up' WHERE id = 2"
	expect_status 15 verify --source
	expect_status 0 "$ROWBACK" -C store gate --effect live --max-removed 100%
	expect_status 0 "$ROWBACK" -C store restore -n
	expect_status 0 "$ROWBACK" -C store backup -n
	ls store/.git/objects/pack | diff packs -
	sql app.db "UPDATE n SET v = 'TWO' WHERE id = 2"
	expect_status 15 verify --source --json
	jq -cs '.[0].source_changes | map([.table, .inserted, .updated, .deleted])' "$work/out" >got
	same_text "the changes" got '[["made",0,0,1],["n",1,1,0]]'
	# Against an older backup, and when a definition alone differs.
	expect_status 15 verify --source first
	back_up store
	sql app.db "DROP VIEW w"
	expect_status 15 verify --source
	expect_err_has "the live source differs from backup $id in 1 definition or setting"
	sql app.db "PRAGMA user_version = 4"
	expect_status 15 verify --source
	expect_err_has "the live source differs from backup $id in 2 definitions or settings"
	# Nothing was written.
	whole store
	[ "$(git -C store rev-list --count HEAD)" = 4 ] || fail "a commit was made"
	mv app.db away.db
	expect_status 13 verify --source
	expect_err_has "app.db"
}

drills() {
	three drill
	expect_status 0 verify --drill
	grep -qx "drill: 1 source restored, exported again: the same tree" "$work/out"
	git -C store notes --ref rowback show HEAD >note
	grep -qE "^drill: passed [0-9-]{10}T[0-9:]{8}Z rowback " note || fail "the note says: $(cat note)"
	expect_status 0 show
	grep -q "^drill    passed " "$work/out" || fail "show does not tell: $(cat "$work/out")"
	expect_status 0 show --json first
	json .drill null
	[ -z "$(ls -A "$TMPDIR")" ] || fail "something was left in $TMPDIR: $(ls -A "$TMPDIR")"
	whole store
}

# A failed drill is found, kept as a note, and nothing of it stays behind.
drills_fail() {
	three fails
	git -C store checkout -q -B edit
	sed -i 's/CREATE TABLE made(x)/CREATE TABLE made(y)/' store/app/schema.json
	git -C store commit -q -a -m "$(git -C store log -1 --format=%B)"
	git -C store update-ref refs/heads/main HEAD
	git -C store checkout -q main
	expect_status 0 verify
	expect_status 15 verify --drill
	expect_err_has "drill of source 'app': "
	git -C store notes --ref rowback show HEAD | grep -q "^drill: failed" || fail "no note"
	[ -z "$(ls -A "$TMPDIR")" ] || fail "something was left in $TMPDIR"
}

names_damaged_objects() {
	three damage
	oid=$(git -C store rev-parse "HEAD~2:app/n/rows" | xargs git -C store ls-tree | awk '{ print $3; exit }')
	git -C store repack -q -a -d
	mkdir packs
	mv store/.git/objects/pack/* packs
	for pack in packs/*.pack; do git -C store unpack-objects -q <"$pack"; done
	loose=store/.git/objects/$(echo "$oid" | sed 's/^../&\//')
	chmod u+w "$loose"
	printf 'damaged' | dd of="$loose" bs=1 seek=10 conv=notrunc 2>/dev/null
	expect_status 15 verify --all
	expect_err_has "problems were found, the first: "
	grep -q "^problem: $a: table 'n', rows/" "$work/out" || grep -q "^problem: $a: rows/" "$work/out" ||
		fail "it does not name the chunk: $(cat "$work/out")"
	grep -q "git fsck: " "$work/out" || fail "git fsck's finding is not told"
	expect_status 0 verify latest --no-fsck
	rm "$loose"
	expect_status 15 verify --all --no-fsck
}

shows() {
	three show
	hex=$(git -C store rev-parse HEAD~)
	time=$(git -C store log -1 --format=%cd --date=format:%Y-%m-%dT%H:%M:%SZ HEAD~)
	expect_status 0 show "$b"
	sed 's/ *$//' "$work/out" >got
	same_text "show" got "backup   $b
commit   $hex
taken    $time
kind     full
trigger  deploy
pushed   no

table  rows   size  files
app/n     3  $(sed -n 's/^app\/n  *3  *\(.*[kMB]*B\)  *1$/\1/p' got)      1
app/t     3  $(sed -n 's/^app\/t  *3  *\(.*[kMB]*B\)  *1$/\1/p' got)      1

changes since $a
table  added  changed  removed
app/n      1        1        1
app/t      1        0        0"
	expect_status 0 show "$b" --json
	json 'del(.tables[].bytes, .bytes, .bytes_added)' '{"aside":false,"before":"'"$a"'","changed":{"deleted":1,"inserted":2,"updated":1},"changes":[{"created":false,"definition_changed":false,"deleted":1,"dropped":false,"inserted":1,"source":"app","table":"n","updated":1},{"created":false,"definition_changed":false,"deleted":0,"dropped":false,"inserted":1,"source":"app","table":"t","updated":0}],"code":null,"commit":"'"$hex"'","data_backup":null,"drill":null,"id":"'"$b"'","incomplete":null,"kind":"full","label":null,"message_type":"show","note":null,"others_changed":0,"pushed":false,"rows":6,"sources":"app","tables":[{"chunks":1,"rows":3,"source":"app","table":"n"},{"chunks":1,"rows":3,"source":"app","table":"t"}],"time":"'"$time"'","trigger":"deploy"}'
	sizes=$(git -C store ls-tree -r -l "$hex" app/n | awk '{ sum += $4 } END { print sum }')
	json '.tables[0].bytes' "$sizes"
	expect_status 0 show latest --json
	json '[.others_changed, (.changes | map([.table, .created, .dropped, .inserted, .deleted]))]' \
		'[1,[["made",true,false,1,0],["t",false,true,0,3]]]'
	expect_status 0 show first --json
	json '[.before, .label, .note, .changed]' '[null,"first","the very first",{"deleted":0,"inserted":5,"updated":0}]'
	expect_status 0 show "$b" --table t --json
	json '[.rows, .changed, [.tables[].table], [.changes[].table]]' \
		'[3,{"deleted":0,"inserted":1,"updated":0},["t"],["t"]]'
	expect_status 2 show "$b" --table nope
	expect_err "rowback: error: the backup has no table 'nope'"
}

shows_rows() {
	three rows
	expect_status 0 show "$b" --rows
	expect_out '- app/n {"id":2,"v":"two"}
+ app/n {"id":2,"v":"TWO"}
- app/n {"id":3,"v":"three"}
+ app/n {"id":4,"v":"four"}
+ app/t {"k":"c","v":{"$blob":"AP8="}}'
	expect_status 0 show "$b" --rows --table t
	expect_out '+ app/t {"k":"c","v":{"$blob":"AP8="}}'
	expect_status 0 show "$b" --rows --json
	expect_out '{"message_type":"row","op":"update","source":"app","table":"n","old":{"id":2,"v":"two"},"new":{"id":2,"v":"TWO"}}
{"message_type":"row","op":"delete","source":"app","table":"n","old":{"id":3,"v":"three"},"new":null}
{"message_type":"row","op":"insert","source":"app","table":"n","old":null,"new":{"id":4,"v":"four"}}
{"message_type":"row","op":"insert","source":"app","table":"t","old":null,"new":{"k":"c","v":{"$blob":"AP8="}}}'
	expect_status 0 show first --rows
	[ "$(wc -l <"$work/out")" = 5 ] || fail "the first backup added 5 rows"
	expect_status 0 show latest --rows
	expect_out '+ app/made {"$rowid":1,"x":1}
- app/t {"k":"a","v":1.5}
- app/t {"k":"b"}
- app/t {"k":"c","v":{"$blob":"AP8="}}'
}

# Names and values cannot steer a terminal.
shows_without_steering() {
	need python3
	place steer
	python3 - <<'END'
import sqlite3
db = sqlite3.connect("app.db")
db.execute('CREATE TABLE "bad\x1b[2Jname"(k PRIMARY KEY)')
db.execute('INSERT INTO "bad\x1b[2Jname" VALUES(?)', ("\x1b]0;x\x07 \u009b2J \x7f",))
db.commit()
END
	store_of store "$PWD/app.db"
	back_up store
	for command in "show" "show --rows" "log" "verify --all" "show --json" "show --rows --json"; do
		# shellcheck disable=SC2086 # words
		expect_status 0 "$ROWBACK" -C store $command
		python3 - "$work/out" <<'END' || fail "$command printed control characters"
import sys, unicodedata
text = open(sys.argv[1], encoding="utf-8", newline="").read()
json = text.startswith("{")
sys.exit(any(unicodedata.category(c) == "Cc" and c != "\n" and not (json and ord(c) > 0x7e) for c in text))
END
	done
}

# A log of three, and a safety backup of another database.
logs() {
	three log
	sql other.db "CREATE TABLE o(x)"
	expect_status 0 "$ROWBACK" -C store restore first --yes --to "sqlite:$PWD/other.db"
	# On top of the branch lies the record of it, which is no backup.
	expect_status 0 "$ROWBACK" -C store log --json
	json '.message_type' '"log"'
	json '.backups[1] | del(.commit, .time, .subject, .bytes_added)' '{"aside":false,"changed":{"deleted":3,"inserted":1,"updated":0},"code":null,"drill":null,"id":"'"$c"'","incomplete":null,"kind":"full","label":"third","note":null,"pinned":false,"pushed":false,"rows":4,"sources":"app","trigger":"manual"}'
	json '[.backups[] | .kind]' '["safety","full","full","full"]'
	json '[.backups[1, 2, 3].id]' '["'"$c"'","'"$b"'","'"$a"'"]'
	json '.backups[1].commit' "\"$(git -C store rev-parse HEAD~1)\""
	json '.backups[1].subject' "\"$(git -C store log -1 --format=%s HEAD~1)\""
	for filter in "-2 2" "-n 1 1" "--max-count 3 3" "--kind safety 1" "--kind full 3" "--kind quick 0" \
		"--label third 1" "--label thir 0" "--source app 4" "--source nope 0" "--since @4102444800 0" \
		"--since yesterday 4" "--until yesterday 0" "--until @4102444800 4"; do
		count=${filter##* }
		# shellcheck disable=SC2086 # words
		expect_status 0 "$ROWBACK" -C store log --json ${filter% *}
		json '.backups | length' "$count"
	done
	expect_status 0 "$ROWBACK" -C store log --since "@$(git -C store log -1 --format=%ct HEAD~2)" \
		--until "@$(git -C store log -1 --format=%ct HEAD~2)" --json
	json '[.backups[].id]' "[\"$b\"]"
	expect_status 0 "$ROWBACK" -C store log -1 --kind full
	[ "$(sed -n 2p "$work/out" | awk '{ print $1 }')" = "$c" ] || fail "the table: $(cat "$work/out")"
	# Commits of people in between are passed over.
	git -C store commit -q --allow-empty -m "a person's own"
	expect_status 0 "$ROWBACK" -C store log --json
	json '.backups | length' 4
	expect_status 0 show --json
	json .id "\"$c\""
}

knows_what_is_pushed() {
	place pushed
	git init -q --bare remote.git
	sql app.db "CREATE TABLE t(x); INSERT INTO t VALUES(1)"
	expect_status 0 "$ROWBACK" -q init --source "app=sqlite:$PWD/app.db" --remote "$PWD/remote.git" store
	back_up store
	sql app.db "INSERT INTO t VALUES(2)"
	back_up store --no-push
	expect_status 0 "$ROWBACK" -C store log --json
	json '[.backups[].pushed]' '[false,true]'
	expect_status 0 show --json
	json .pushed false
	expect_status 0 show latest~1 --json
	json .pushed true
	back_up store
	expect_status 0 "$ROWBACK" -C store log --json
	json '[.backups[].pushed]' '[true,true]'
}

check "verify reads, and says what it did not" verifies
check "verify compares the live source" compares_the_live_source
check "verify drills" drills
check "a drill that fails is told and kept" drills_fail
check "verify names damaged objects" names_damaged_objects
check "show shows" shows
check "show shows rows" shows_rows
check "what is shown cannot steer a terminal" shows_without_steering
check "log lists and filters" logs
check "log knows what is pushed" knows_what_is_pushed
