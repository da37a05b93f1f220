#!/bin/sh
# The gate: what passes, what is refused and why.
. "$(dirname "$0")/../harness/cli.sh"
. "$root/tests/harness/stores.sh"
need sqlite3 git jq

T0=1795190400 # 2026-11-20T16:00:00Z
gate() { "$ROWBACK" -C store gate "$@"; }
at() { export ROWBACK_NOW=$((T0 + $1)); }

# shop NAME: a place with app.db, a store with it as source app, and remote.git as its remote.
shop() {
	place "$1"
	at 0
	sql app.db "CREATE TABLE n(id INTEGER PRIMARY KEY, v TEXT);
		WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 1000)
		INSERT INTO n SELECT i, 'row ' || i FROM c;
		CREATE TABLE empty(x)"
	git init -q --bare remote.git
	store_of store "$PWD/app.db"
	git -C store remote add origin "$PWD/remote.git"
}

# refused REASON LINE [HINT] [OPTION...]: the gate refuses, in both forms.
refused() {
	reason=$1 line=$2 hint=$3
	shift 3
	expect_status 17 gate "$@"
	expect_out "refused: $line
hint: $hint"
	expect_err ""
	expect_status 17 gate --json "$@"
	expect_err ""
	[ "$(jq -s length "$work/out")" = 1 ] || fail "not one document"
	[ "$(jq -r '"\(.pass) \(.reason) \(.message)"' "$work/out")" = "false $reason $line" ] ||
		fail "the document says: $(cat "$work/out")"
	[ "$(jq -r '.hint // ""' "$work/out")" = "$hint" ] || fail "hint: $(jq .hint "$work/out")"
}

# passes LINE [OPTION...]: likewise.
passes() {
	line=$1
	shift
	expect_status 0 gate "$@"
	expect_out "pass: $line"
	expect_err ""
	expect_status 0 gate --json "$@"
	[ "$(jq -r '"\(.pass) \(.reason) \(.message) \(.hint)"' "$work/out")" = "true null $line null" ] ||
		fail "the document says: $(cat "$work/out")"
}

take_one="take one: rowback -C $work/plain/store backup"

asks_for_a_fresh_backup() {
	shop plain
	refused no_backup "the remote has no backup" "$take_one"
	back_up store
	at 720
	passes "full backup $id, 12 minutes old, the remote has it" --max-age 1h
	commit=$(git -C store rev-parse HEAD)
	jq -cS 'del(.message)' "$work/out" >got
	same_text "the document" got '{"backup":{"age_s":720,"code":null,"commit":"'"$commit"'","found_unchanged":false,"id":"'"$id"'","kind":"full","label":null,"source":"app"},"effect":null,"hint":null,"max_age_s":3600,"message_type":"gate","offline":false,"pass":true,"reason":null,"remote":{"asked":true,"has":true,"name":"origin","url":"'"$PWD"'/remote.git"},"require":"full","taken":null}'
	passes "full backup $id, 12 minutes old, the remote has it" # 26 hours
	expect_status 0 gate -q
	expect_out ""
	at 10800
	refused too_old "the newest full backup that the remote has is 3 hours old, allowed is 1h" \
		"$take_one" --max-age 1h
	expect_status 17 gate -q --max-age 1h
	[ -s "$work/out" ] || fail "a refusal is not told"
	git -C store config gate.maxAge 90m
	refused too_old "the newest full backup that the remote has is 3 hours old, allowed is 90m" \
		"$take_one"
	passes "full backup $id, 3 hours old, the remote has it" --max-age 3h
	git -C store config gate.maxAge 4h
	passes "full backup $id, 3 hours old, the remote has it"
	expect_status 2 gate --source crm
	expect_err_has "crm"
	expect_status 2 gate --accept
	expect_err_has "'--accept' needs --effect"
	expect_status 2 gate --effect --max-age 1h
	whole store
}

# An idle database is as fresh as the last look at it, once the remote knows of that look.
takes_checks_for_backups() {
	shop idle
	back_up store
	at 7200
	expect_status 0 "$ROWBACK" -C store backup --no-push
	expect_out_has "nothing changed"
	at 7260
	refused not_pushed "that full backup $id was found unchanged 60 seconds ago has not reached the remote" \
		"push it: rowback -C $PWD/store backup" --max-age 1h
	expect_status 0 "$ROWBACK" -C store backup
	at 7560
	passes "full backup $id, found unchanged 5 minutes ago, the remote has it" --max-age 1h
	# The same from another machine, which has to fetch that record.
	git clone -q remote.git clone
	expect_status 0 "$ROWBACK" -C clone gate --max-age 1h
	expect_out "pass: full backup $id, found unchanged 5 minutes ago, the remote has it"
	expect_status 0 "$ROWBACK" -C store gate --max-age 1h --offline
	# The check of another state does not count.
	sql app.db "UPDATE n SET v = 'x' WHERE id = 7"
	at 7600
	back_up store
	at 14400
	expect_status 17 gate --max-age 1h
	expect_out_has "is 2 hours old"
}

wants_it_at_the_remote() {
	shop push
	back_up store --no-push
	at 60
	refused not_pushed "full backup $id, 60 seconds old, has not reached the remote" \
		"push it: rowback -C $PWD/store backup"
	expect_status 0 "$ROWBACK" -C store backup
	passes "full backup $id, found unchanged 0 seconds ago, the remote has it" --max-age 30
	# What the remote has is asked, not remembered.
	git -C remote.git update-ref -d refs/heads/main
	expect_status 17 gate
	expect_out_has "has not reached the remote"
	expect_status 0 gate --offline
	expect_out "pass: full backup $id, 60 seconds old, the remote had it when it was asked last (--offline)"
	expect_status 0 gate --offline --json
	[ "$(jq -c '[.offline, .remote.asked, .remote.has]' "$work/out")" = "[true,false,true]" ] ||
		fail "$(cat "$work/out")"
	mv remote.git away.git
	expect_status 17 gate
	expect_out_has "refused: the remote could not be asked: "
	expect_out_has "to trust the last confirmed push: rowback -C $PWD/store gate --offline"
	expect_status 17 gate --json
	[ "$(jq -c '[.reason, .remote.asked]' "$work/out")" = '["remote_unreachable",false]' ] ||
		fail "$(cat "$work/out")"
	git -C store remote remove origin
	expect_status 17 gate
	expect_out_has "refused: there is no remote 'origin': the backups are on this machine only"
}

# A CI step: nothing but the remote, by any way of cloning it.
works_in_a_plain_clone() {
	shop clones
	git -C store config rowback.branch trunk
	git -C store symbolic-ref HEAD refs/heads/trunk
	back_up store
	git -C remote.git symbolic-ref HEAD refs/heads/trunk
	at 300
	git clone -q remote.git x
	git clone -q --bare remote.git bare.git
	git clone -q --no-checkout remote.git none
	for clone in x bare.git none; do
		expect_status 0 "$ROWBACK" -C "$clone" gate --max-age 1h --json
		[ "$(jq -r '"\(.pass) \(.backup.id) \(.remote.asked)"' "$work/out")" = "true $id true" ] ||
			fail "$clone: $(cat "$work/out")"
	done
	at 7200
	expect_status 17 "$ROWBACK" -C x gate --max-age 1h
	expect_out_has "hint: take one on the machine that has the database: rowback backup"
	# Another machine pushed meanwhile: no ref moves here, and nothing is said of the index.
	sql app.db "DELETE FROM n WHERE id = 1"
	back_up store
	for clone in x bare.git none; do
		git -C "$clone" for-each-ref >before
		expect_status 0 "$ROWBACK" -C "$clone" gate --max-age 1h
		expect_out_has "pass: full backup $id, 0 seconds old, the remote has it"
		git -C "$clone" for-each-ref >after
		same_text "the refs of $clone" after before
	done
	# No configuration of ours, no lock, and the tracking ref is what --offline goes by.
	expect_status 17 "$ROWBACK" -C x gate --max-age 1h --offline
	git -C x pull -q
	expect_status 0 "$ROWBACK" -C x gate --max-age 1h --offline
	whole x
}

counts_only_what_is_whole_and_on_the_branch() {
	shop kinds
	# message KIND [TRAILER...]: a commit that says it is a backup.
	message() {
		printf 'backup: made here\n\nBackup-Id: %s\nBackup-Kind: %s\nBackup-Source: %s\n' \
			"$(date -u -d "@$ROWBACK_NOW" +%Y%m%dT%H%M%SZ)" "$1" "$2"
		[ $# -lt 3 ] || printf '%s\n' "$3"
	}
	at -7200
	back_up store
	at 0
	message quick "" | git -C store commit -q --allow-empty -F -
	git -C store push -q origin main
	expect_status 17 gate --max-age 1h
	expect_out_has "refused: the newest full backup that the remote has is 2 hours old, allowed is 1h"
	expect_status 0 gate --max-age 1h --require quick
	expect_out_has "pass: quick backup 20261120T160000Z, 0 seconds old"
	message full app 'Backup-Incomplete: app/n' | git -C store commit -q --allow-empty -F -
	git -C store push -q origin main
	expect_status 17 gate --max-age 1h
	git -C store config gate.require quick
	expect_status 0 gate --max-age 1h
	git -C store config --unset gate.require
	# A safety backup on the branch is one of the data as it was; one aside of it is not ours.
	git -C store update-ref refs/rowback/safety/20261120T160000Z \
		"$(message safety app | git -C store commit-tree HEAD^\{tree\} -p HEAD)"
	git -C store push -q origin 'refs/rowback/*:refs/rowback/*'
	expect_status 17 gate --max-age 1h
	message safety app | git -C store commit -q --allow-empty -F -
	git -C store push -q origin main
	expect_status 0 gate --max-age 1h
	expect_out_has "pass: safety backup 20261120T160000Z, 0 seconds old"

	# Only quick ones, only incomplete ones, only those of another source.
	for case in "kind:quick" "incomplete:full:Backup-Incomplete: app/n" "source_missing:full"; do
		place none
		shop none
		rest=${case#*:}
		trailer=${rest#*:}
		[ "$trailer" != "$rest" ] || trailer="X: y"
		[ "${case%%:*}" != source_missing ] || other=crm
		message "${rest%%:*}" "${other:-app}" "$trailer" | git -C store commit -q --allow-empty -F -
		git -C store push -q origin main
		expect_status 17 gate --json
		[ "$(jq -r .reason "$work/out")" = "${case%%:*}" ] || fail "$case: $(cat "$work/out")"
		unset other
	done
}

asks_for_every_source() {
	shop sources
	back_up store
	sql crm.db "CREATE TABLE c(id INTEGER PRIMARY KEY); INSERT INTO c VALUES(1)"
	git -C store config source.crm.url "sqlite:$PWD/crm.db"
	refused source_missing "the remote has no full backup of source 'crm'" \
		"take one: rowback -C $PWD/store backup"
	expect_status 0 gate --source app
	expect_out_has "pass: full backup $id of source 'app', 0 seconds old"
	at 3600
	sql crm.db "INSERT INTO c VALUES(2)"
	back_up store --source crm
	crm=$id
	at 5400
	# Each source by its own newest one: the older of them decides.
	expect_status 17 gate --max-age 1h
	expect_out_has "refused: the newest full backup of source 'app' that the remote has is"
	expect_status 0 gate --max-age 1h --source crm
	expect_out_has "pass: full backup $crm of source 'crm', 30 minutes old"
	# That one of them was found unchanged says nothing of the other.
	at 6000
	expect_status 0 "$ROWBACK" -C store backup --source crm
	expect_out_has "nothing changed"
	expect_status 17 gate --max-age 1h
	expect_status 0 gate --max-age 1 --source crm
	expect_status 0 "$ROWBACK" -C store backup
	expect_status 0 gate --max-age 1
	# A clone knows no sources: the backups tell, and each of them counts there as well.
	git clone -q remote.git x
	expect_status 0 "$ROWBACK" -C x gate --max-age 1h
	at 7200
	expect_status 0 "$ROWBACK" -C x gate --max-age 1h --source app
	at 9700
	sql crm.db "INSERT INTO c VALUES(3)"
	back_up store --source crm
	expect_status 17 "$ROWBACK" -C x gate --max-age 1h
	expect_out "refused: the newest full backup of source 'app' that the remote has was found unchanged 62 minutes ago, allowed is 1h
hint: take one on the machine that has the database: rowback backup; where some sources no longer count, name those that do: rowback gate --source NAME"
	expect_status 0 "$ROWBACK" -C x gate --max-age 1h --source crm
	expect_out "pass: full backup $id of source 'crm', 0 seconds old, the remote has it"
	at 10800
	expect_status 17 "$ROWBACK" -C x gate --max-age 1h --source app
	expect_out_has "was found unchanged 80 minutes ago"
	expect_status 17 "$ROWBACK" -C x gate --source other
	expect_out_has "refused: the remote has no full backup of source 'other'"
}

refuses_a_clock_that_is_wrong() {
	shop clock
	back_up store
	at -240
	passes "full backup $id, 0 seconds old, the remote has it"
	at -7200
	refused clock "full backup $id is 2 hours in the future: a clock is wrong, here or where it was made" \
		"compare what both say: date -u; when they are right again: rowback -C $PWD/store backup --force"
	# A new one is of now, though its id follows; one that only looks for changes is not enough.
	wrong=$id
	expect_status 0 "$ROWBACK" -C store backup
	expect_status 17 gate
	expect_status 0 "$ROWBACK" -C store backup --force
	expect_err_has "warning: the backup or event before has a later time than it is now (2026-11-20T14:00:00Z)"
	id=$(id_of store)
	[ "$id" = 20261120T160001Z ] || fail "the id does not follow $wrong: $id"
	[ "$(git -C store log -1 --format=%ct)" = $((T0 - 7200)) ] || fail "the commit is not of now"
	passes "full backup $id, 0 seconds old, the remote has it"
	at -3000
	refused too_old "the newest full backup that the remote has is 70 minutes old, allowed is 1h" \
		"take one: rowback -C $PWD/store backup" --max-age 1h
	expect_status 0 "$ROWBACK" -C store --json log -1
	[ "$(jq -r '.backups[0].time' "$work/out")" = 2026-11-20T14:00:00Z ] || fail "$(cat "$work/out")"
	# No commit that somebody made anew lets an old backup look fresh.
	at 90000
	GIT_COMMITTER_DATE="$((T0 + 90000)) +0000" git -C store commit -q --amend --no-edit --allow-empty
	git -C store push -q --force origin main
	expect_status 17 gate --max-age 1h
	whole store
}

# The bare repository's HEAD is often on a branch that nobody pushed.
finds_the_branch_of_a_clone() {
	shop unborn
	back_up store
	git -C remote.git symbolic-ref HEAD refs/heads/trunk
	git clone -q --no-checkout remote.git x 2>"$work/err"
	git clone -q --bare remote.git y 2>"$work/err"
	for clone in x y; do
		expect_status 0 "$ROWBACK" -C $clone gate
		expect_out "pass: full backup $id, 0 seconds old, the remote has it"
	done
	# It is not only the gate that finds it there.
	for clone in x y; do
		expect_status 0 "$ROWBACK" -C $clone --json log
		[ "$(jq -r '.backups[].id' "$work/out")" = "$id" ] || fail "$(cat "$work/out")"
		expect_status 0 "$ROWBACK" -C $clone show
		expect_status 0 "$ROWBACK" -C $clone restore latest --to "sqlite:$clone.db"
		same_content app.db $clone.db
		git -C $clone fsck --strict
	done
	[ "$(git -C x symbolic-ref HEAD)" = refs/heads/main ] || fail "HEAD is elsewhere"
	git -C x config source.app.url "sqlite:$PWD/app.db"
	sql app.db "INSERT INTO n(v) VALUES('from the clone')"
	back_up x
	[ "$(git -C remote.git rev-parse main)" = "$(git -C x rev-parse main)" ] || fail "it was not pushed"
	whole x
	git -C remote.git branch -m main backups
	git clone -q --no-checkout remote.git only 2>"$work/err"
	expect_status 0 "$ROWBACK" -C only gate
	git -C remote.git branch other backups
	git clone -q --no-checkout remote.git several 2>"$work/err"
	expect_status 17 "$ROWBACK" -C several gate
	git -C several config rowback.branch backups
	expect_status 0 "$ROWBACK" -C several gate
}

# However short the age is that is allowed: what was taken for this very question will do.
is_content_with_what_it_took() {
	shop took
	unset ROWBACK_NOW
	# A push that takes a second at least, by the real clock.
	cat >remote.git/hooks/pre-receive <<-'END'
		#!/bin/sh
		begun=$(date +%s)
		while [ "$(date +%s)" = "$begun" ]; do :; done
	END
	chmod 755 remote.git/hooks/pre-receive
	expect_status 0 gate --backup --max-age 0
	expect_out_has "pass: full backup "
	expect_status 17 gate --max-age 0
	expect_status 0 "$ROWBACK" -C store deploy --max-age 0 -- true
}

takes_a_backup_when_it_is_missing() {
	shop take
	expect_status 0 gate --backup --json
	id=$(id_of store)
	[ "$(jq -r '"\(.pass) \(.taken) \(.backup.id)"' "$work/out")" = "true $id $id" ] ||
		fail "$(cat "$work/out")"
	[ "$(git -C store log -1 --format='%(trailers:key=Backup-Trigger,valueonly,separator=)')" = deploy ] ||
		fail "another trigger"
	[ "$(git -C remote.git rev-parse main)" = "$(git -C store rev-parse main)" ] || fail "not pushed"
	# Nothing is taken when there is one, and nothing with -n.
	expect_status 0 gate --backup --json
	[ "$(jq -r .taken "$work/out")" = null ] || fail "another one was taken"
	at 7200
	git -C store config gate.backup true
	expect_status 17 gate -n --max-age 1h
	sql app.db "INSERT INTO n(v) VALUES('new')"
	expect_status 0 gate --max-age 1h
	[ "$(git -C store rev-list --count HEAD)" = 2 ] || fail "no backup was taken"
	expect_err_has "taking a backup: the newest full backup that the remote has is 2 hours old"
	# It fails: refused, with the reason, and nothing is left behind.
	at 14400
	mv app.db away.db
	expect_status 17 gate --max-age 1h --json
	jq -e '.reason == "backup_failed" and (.message | contains("app.db"))' "$work/out" >/dev/null ||
		fail "$(cat "$work/out")"
	whole store
	mv away.db app.db
	sql app.db "INSERT INTO n(v) VALUES('newer')"
	# While somebody else works on the store.
	flock store/.git/rowback/lock "$ROWBACK" -C store gate --max-age 1h >out && fail "it took no lock"
	grep -q "taking one failed: the store is in use" out || fail "$(cat out)"
	flock store/.git/rowback/lock "$ROWBACK" -C store gate --max-age 4h >out || fail "asking takes a lock"
}

tells_removed_rows() {
	shop effect
	back_up store --label before
	a=$id
	at 60
	sql app.db "DELETE FROM n WHERE id <= 50; UPDATE n SET v = 'other'; INSERT INTO empty VALUES(1)"
	back_up store
	b=$id
	expect_status 2 gate --effect
	expect_err_has "neither gate.maxRemovedRows (of each table) nor gate.maxRemovedRowsTotal is set"
	passes "-50 of 1000 (5%) rows removed between the backups $a and $b, allowed is 5% of a table" \
		--effect --max-removed 5%
	refused effect "app/n -50 of 1000 (5%) rows removed between the backups $a and $b, allowed is 49 of a table" \
		"when that is right: rowback -C $PWD/store gate --effect $a..$b --max-removed 49 --accept" \
		--effect --max-removed 49
	git -C store config gate.maxRemovedRows 4.9%
	expect_status 17 gate --effect --json
	jq -cS '.effect | del(.percent, .tables[].percent)' "$work/out" >got
	same_text "the document" got '{"accepted":false,"from":"'"$a"'","limit":"4.9%","limit_total":null,"over":true,"removed":50,"rows_before":1000,"tables":[{"dropped":false,"over":true,"removed":50,"rows_before":1000,"source":"app","table":"n"}],"to":"'"$b"'","total_over":false}'
	expect_status 17 gate --effect before..latest
	expect_status 17 gate --effect before..
	expect_status 17 gate --effect ..
	expect_status 2 gate --effect a..b..c
	expect_status 2 gate --effect ''
	expect_status 0 gate --effect "$b..$b"
	expect_status 2 gate --effect "$b"
	expect_status 10 gate --effect "$b..nothing"
	# A dropped table has lost everything; one made anew with the same keys nothing.
	sql app.db "DROP TABLE empty; CREATE TABLE made(id INTEGER PRIMARY KEY, v, w); INSERT INTO made SELECT id, v, 1 FROM n;
		DROP TABLE n; ALTER TABLE made RENAME TO n"
	expect_status 17 gate --effect live
	expect_out_has "refused: app/empty -1 of 1 (100%), dropped rows removed since backup $b, allowed is 4.9% of a table"
	expect_status 17 gate --effect "$b..live" --json
	[ "$(jq -c '[.effect.to, (.effect.tables | map(.table))]' "$work/out")" = '["live",["empty"]]' ] ||
		fail "$(cat "$work/out")"
	expect_status 0 gate --effect live --max-removed 1
	# Over all tables.
	git -C store config gate.maxRemovedRowsTotal 0
	expect_status 17 gate --effect live --max-removed 100%
	expect_out_has "refused: app/empty -1 of 1 (100%), dropped; all tables -1 of 951 (0.105%) rows removed since backup $b, allowed is 100% of a table and 0 of all rows"
	whole store
}

accepts_and_records_it() {
	shop accept
	git -C store config gate.maxRemovedRows 1%
	back_up store
	a=$id
	at 60
	sql app.db "DELETE FROM n WHERE id <= 50"
	back_up store
	b=$id
	at 120
	expect_status 17 gate --effect --accept -n
	expect_status 0 gate --effect --accept
	expect_out "pass: app/n -50 of 1000 (5%) rows removed between the backups $a and $b, allowed is 1% of a table; accepted"
	[ "$(git -C store log -1 --format='%s|%(trailers:key=Event,valueonly,separator=)|%(trailers:key=Event-Backup,valueonly,separator=)')" = \
		"accept: removed app/n -50 of 1000 (5%) between the backups $a and $b|accept|$b" ] ||
		fail "$(git -C store log -1)"
	[ "$(git -C store rev-parse 'HEAD^{tree}')" = "$(git -C store rev-parse 'HEAD~^{tree}')" ] || fail "another tree"
	# Nothing to accept, nothing recorded.
	expect_status 0 gate --effect --accept --max-removed 50
	[ "$(git -C store rev-list --count HEAD)" = 3 ] || fail "it was recorded twice"
	expect_status 0 gate --offline # the event is no backup, and the backup stays the newest
	whole store
}

check "asks for a fresh backup, and says what to do" asks_for_a_fresh_backup
check "a check counts once the remote knows of it" takes_checks_for_backups
check "asks the remote, or trusts the last push" wants_it_at_the_remote
check "works in a plain clone of the remote" works_in_a_plain_clone
check "incomplete, quick and other backups do not count" counts_only_what_is_whole_and_on_the_branch
check "asks for every source" asks_for_every_source
check "refuses a clock that is wrong" refuses_a_clock_that_is_wrong
check "finds the branch of a clone" finds_the_branch_of_a_clone
check "is content with what it took" is_content_with_what_it_took
check "takes a backup when it is missing" takes_a_backup_when_it_is_missing
check "tells how many rows were removed" tells_removed_rows
check "accepts, and records that" accepts_and_records_it
