#!/bin/sh
# Deploys between two backups.
. "$(dirname "$0")/../harness/cli.sh"
. "$root/tests/harness/stores.sh"
need sqlite3 git jq

T0=1795190400 # 2026-11-20T16:00:00Z
deploy() { "$ROWBACK" -C store deploy "$@"; }
at() { export ROWBACK_NOW=$((T0 + $1)); }
labels() { git -C store log --format='%(trailers:key=Backup-Label,valueonly,separator=)'; }

shop() {
	place "$1"
	at 0
	sql app.db "CREATE TABLE n(id INTEGER PRIMARY KEY, v TEXT);
		WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 100)
		INSERT INTO n SELECT i, 'row ' || i FROM c"
	git init -q --bare remote.git
	store_of store "$PWD/app.db"
	git -C store remote add origin "$PWD/remote.git"
}

same_remote() {
	[ "$(git -C remote.git rev-parse main)" = "$(git -C store rev-parse main)" ] || fail "not pushed"
}

deploys() {
	shop plain
	at 60
	expect_status 0 deploy --label v2 -- sh -c 'echo "said: $*"; sqlite3 app.db "UPDATE n SET v = 1 WHERE id = 1"' x --json '--label' 'a b'
	expect_out "said: --json --label a b"
	expect_err_has "taking a backup: the remote has no backup"
	expect_err_has "deployed; to go back: rowback -C $PWD/store rollback 20261120T160100Z"
	same_text "the labels" /dev/stdin "v2 deployed
v2" <<-END
		$(labels)
	END
	[ "$(git -C store log --format='%(trailers:key=Backup-Trigger,valueonly,separator=)' | sort -u)" = deploy ] ||
		fail "another trigger"
	same_remote
	# A fresh one is there: none is taken before, and one is after, also when no data changed.
	at 120
	expect_status 0 deploy -- true
	[ "$(labels | head -n 1)" = deployed ] || fail "$(labels)"
	[ "$(git -C store rev-list --count HEAD)" = 3 ] || fail "not one backup more"
	at 720
	expect_status 0 deploy --max-age 5m --label v3 -- true
	expect_err_has "taking a backup: the newest full backup that the remote has is 10 minutes old"
	# Nothing changed before it, so that check is the backup; its way back is the one before.
	expect_err_has "to go back: rowback -C $PWD/store rollback 20261120T160200Z"
	expect_status 0 deploy -q -- true
	expect_err ""
	same_remote
	whole store
}

tells_the_way_back() {
	shop fails
	expect_status 3 deploy --label v2 -- sh -c 'echo half; sqlite3 app.db "DELETE FROM n WHERE id < 9"; exit 3'
	expect_out half
	grep -v "^taking\|^gate\|^backup" "$work/err" >got
	same_text "what is said" got "rowback: error: the command failed with status 3
hint: to go back: rowback -C $PWD/store rollback 20261120T160000Z"
	[ "$(labels | head -n 1)" = "v2 failed with status 3" ] || fail "$(labels)"
	same_remote
	at 60
	status=0
	deploy -- sh -c 'kill -TERM $$' 2>err || status=$?
	[ $status = 143 ] || fail "status $status"
	[ "$(labels | head -n 1)" = "ended by signal 15" ] || fail "$(labels)"
	grep -q "^rowback: error: the command was ended by signal 15" err || fail "$(cat err)"
	count=$(git -C store rev-list --count HEAD)
	expect_status 127 deploy -- no-such-program-here
	expect_err_has "cannot run 'no-such-program-here': No such file or directory"
	expect_status 126 deploy -- /
	[ "$(git -C store rev-list --count HEAD)" = "$count" ] || fail "nothing was run, but backed up"
	expect_status 2 deploy
	expect_err_has "COMMAND is missing"
	expect_status 2 deploy true
	expect_err_has "'--' must stand before COMMAND"
	expect_status 2 deploy --label "a
b" -- touch ran
	[ ! -e ran ] || fail "it was run"
	whole store
}

# Signals that come to rowback go to the command; its end is recorded all the same.
passes_signals_on() {
	shop signals
	for name in TERM INT; do
		status=0
		# Started by exec: a shell in the background would ignore SIGINT.
		env -u X sh -c 'trap - INT; exec "$@"' x \
			"$ROWBACK" -C store deploy -- sh -c "trap 'exit 9' $name; kill -$name \$PPID; while :; do sleep 0.02; done" \
			2>err || status=$?
		[ $status = 9 ] || fail "$name: status $status: $(cat err)"
		[ "$(labels | head -n 1)" = "failed with status 9" ] || fail "$(labels)"
	done
	whole store
}

# Ctrl-C at the terminal reaches the command once, and rowback goes on.
has_the_terminal() {
	need python3
	shop terminal
	expect_status 0 python3 - "$ROWBACK" <<-'END'
		import os, pty, sys
		script = "trap 'echo got it; n=1$n' INT; test -t 0 && test -t 1 && echo ready; " \
		         "while [ ! \"$n\" ]; do sleep 0.02; done; sleep 0.1; exit 4$n"
		pid, fd = pty.fork()
		if pid == 0:
		    os.execv(sys.argv[1], ["rowback", "-C", "store", "deploy", "--", "sh", "-c", script])
		seen = b""
		while True:
		    try:
		        got = os.read(fd, 1024)
		    except OSError:
		        break
		    if not got:
		        break
		    if b"ready" not in seen and b"ready" in seen + got:
		        os.write(fd, b"\x03")
		    seen += got
		status = os.WEXITSTATUS(os.waitpid(pid, 0)[1])
		sys.stdout.write(seen.decode())
		sys.exit(0 if status == 41 and seen.count(b"got it") == 1 else 1)
	END
	[ "$(labels | head -n 1)" = "failed with status 41" ] || fail "$(labels)"
}

# What the command gets: input, output, umask, the place; and no lock of ours.
leaves_the_command_alone() {
	shop alone
	git init -q code
	: >code/file
	git -C code add file
	git -C code commit -q -m one
	git init -q --bare production.git
	umask 022
	echo typed | deploy -- sh -c 'read line; echo "$line $(umask) $(pwd)"' >out 2>err
	same_text "the output" out "typed 0022 $PWD"
	# It pushes, past a hook that asks the gate, and takes backups itself.
	expect_status 0 "$ROWBACK" -C store hook install "$PWD/code" --branch master
	at 60
	expect_status 0 deploy -- sh -c "git -C code push -q '$PWD/production.git' HEAD:master && '$ROWBACK' -C store backup --force --label inside"
	[ "$(git -C production.git rev-parse master)" = "$(git -C code rev-parse HEAD)" ] || fail "not pushed"
	[ "$(labels | head -n 2 | tr '\n' ,)" = "deployed,inside," ] || fail "$(labels)"
	same_remote
}

refuses_before() {
	shop refuses
	mv app.db away.db
	expect_status 17 deploy -- touch ran
	expect_err_has "the gate refused: the remote has no backup; taking one failed: "
	mv away.db app.db
	mv remote.git away.git
	expect_status 17 deploy -- touch ran
	expect_err_has "the gate refused: the remote could not be asked"
	expect_status 17 deploy --json -- touch ran
	[ "$(jq -sc 'map([.ok, .status, .gate.reason, .command.run, .before, .rollback])' "$work/out")" = \
		'[[false,17,"remote_unreachable",false,null,null]]' ] || fail "$(cat "$work/out")"
	mv away.git remote.git
	[ ! -e ran ] || fail "it was run"
	# A clone without the database cannot take the second backup: said before anything is run.
	back_up store
	git clone -q remote.git x
	expect_status 2 "$ROWBACK" -C x deploy -- touch ran
	expect_err_has "no source is configured here"
	expect_status 2 "$ROWBACK" -C x deploy --json -- touch ran
	[ "$(jq -sc 'map(.message_type)' "$work/out")" = '["error"]' ] || fail "$(cat "$work/out")"
	[ ! -e ran ] || fail "it was run"
}

says_when_the_second_backup_fails() {
	shop second
	expect_status 13 deploy -- mv app.db away.db
	expect_err_has "rowback: error: the backup after the deploy failed: "
	expect_err_has "to go back: rowback -C $PWD/store rollback 20261120T160000Z"
	mv away.db app.db
	expect_status 14 deploy -- mv remote.git away.git
	expect_err_has "was not pushed"
	mv away.git remote.git
	expect_status 5 deploy --json -- sh -c 'mv app.db away.db; exit 5'
	[ "$(jq -sc 'map([.status, .command.status, .after.id, (.after.error | length > 0)])' "$work/out")" = '[[5,5,null,true]]' ] ||
		fail "$(cat "$work/out")"
	expect_err_has "the command failed with status 5; the backup after it failed too: "
}

looks_at_the_effect() {
	shop effect
	git -C store config gate.maxRemovedRows 5%
	expect_status 0 deploy -- sqlite3 app.db "DELETE FROM n WHERE id <= 5"
	at 60
	expect_status 0 "$ROWBACK" -C store backup
	expect_status 17 deploy --max-age 0 -- sqlite3 app.db "DELETE FROM n WHERE id <= 20"
	expect_err_has "the gate refused: app/n -15 of 95 (15.8%) rows removed between the backups"
	expect_err_has "to go back: rowback -C $PWD/store rollback "
	[ "$(labels | head -n 1)" = deployed ] || fail "$(labels)"
	same_remote
	expect_status 4 deploy --json -- sh -c 'sqlite3 app.db "DROP TABLE n"; exit 4'
	[ "$(jq -c '[.status, .effect.over, .effect.tables[0].dropped]' "$work/out")" = '[4,true,true]' ] ||
		fail "$(cat "$work/out")"
}

gives_one_document() {
	shop json
	expect_status 0 deploy --json --label v2 -- sh -c 'echo to stdout'
	expect_err_has "to stdout"
	jq -cS 'del(.gate, .command.duration_ms)' "$work/out" >got
	same_text "the document" got '{"after":{"error":null,"id":"20261120T160001Z","label":"v2 deployed","pushed":true},"before":"20261120T160000Z","command":{"argv":["sh","-c","echo to stdout"],"run":true,"signal":null,"status":0},"dry_run":false,"effect":null,"hint":null,"message":null,"message_type":"deploy","ok":true,"rollback":"rowback -C '"$PWD"'/store rollback 20261120T160000Z","status":0}'
	[ "$(jq -c '[.gate.pass, .gate.taken]' "$work/out")" = '[true,"20261120T160000Z"]' ] || fail "the gate: $(cat "$work/out")"
	expect_status 6 deploy --json -- sh -c 'exit 6'
	[ "$(jq -s length "$work/out")" = 1 ] || fail "not one document"
	jq -e '.ok == false and .status == 6 and (.message | test("status 6")) and (.hint | test("rollback"))' "$work/out" >/dev/null ||
		fail "$(cat "$work/out")"
	expect_err_has "rowback: error: the command failed with status 6"
}

shows_a_plan() {
	shop dry
	expect_status 0 deploy -n --label v2 -- touch ran
	expect_out "would take a full backup first: the remote has no backup
would run: touch ran
would take a full backup after it, labelled as it went: v2 deployed"
	back_up store
	expect_status 0 deploy -n -- touch ran
	expect_out "the gate passes: full backup $id, 0 seconds old, the remote has it
would take a full backup first, unless nothing changed
would run: touch ran
would take a full backup after it, labelled as it went: deployed"
	expect_status 0 deploy -n --json -- touch ran
	[ "$(jq -c '[.ok, .dry_run, .command.run, .rollback]' "$work/out")" = '[true,true,false,null]' ] || fail "$(cat "$work/out")"
	[ ! -e ran ] || fail "it was run"
	[ "$(git -C store rev-list --count HEAD)" = 1 ] || fail "a backup was taken"
}

# The gate is content with a backup of an hour ago; what was written since must not be lost.
goes_back_to_what_was_there() {
	shop now
	back_up store
	at 3600
	sql app.db "INSERT INTO n(v) VALUES('written since')"
	expect_status 0 "$ROWBACK" -C store gate
	expect_status 3 deploy --label v2 -- sh -c 'sqlite3 app.db "DELETE FROM n"; exit 3'
	expect_err_has "taking a backup: of what is there now"
	expect_err_has "to go back: rowback -C $PWD/store rollback 20261120T170000Z"
	expect_status 0 "$ROWBACK" -C store rollback 20261120T170000Z --yes --confirm app
	[ "$(sql app.db "SELECT count(*) FROM n WHERE v = 'written since'")" = 1 ] || fail "it is lost"
	[ "$(sql app.db "SELECT count(*) FROM n")" = 101 ] || fail "not all is back"
	# An age that is given says that it may be.
	at 7200
	sql app.db "INSERT INTO n(v) VALUES('and then')"
	count=$(git -C store rev-list --count HEAD)
	expect_status 0 deploy --max-age 2h -- true
	[ "$(git -C store rev-list --count HEAD)" = $((count + 1)) ] || fail "another backup was taken before"
	# What cannot be backed up is not deployed on.
	mv app.db away.db
	at 7260
	expect_status 13 deploy -- touch ran
	expect_err_has "rowback: error: nothing was run: the backup before it failed: source 'app': "
	[ ! -e ran ] || fail "it was run"
	whole store
}

# The code alone is protected where that is all that is asked for.
deploys_with_quick_backups() {
	shop quick
	git init -q code
	git -C code commit -q --allow-empty -m one
	git -C code branch -M master
	git -C store config app.path "$PWD/code"
	at -7200
	back_up store
	at 0
	expect_status 0 deploy --require quick --max-age 1h --label v2 -- true
	[ "$(git -C store log --format='%(trailers:key=Backup-Kind,valueonly,separator=)' | tr '\n' ,)" = quick,quick,full, ] ||
		fail "$(git -C store log)"
	same_remote
}

check "backs up, runs, backs up with the outcome" deploys
check "a failure's status is kept, and the way back told" tells_the_way_back
check "passes signals on" passes_signals_on
check "has the terminal, where Ctrl-C is for the command" has_the_terminal
check "leaves the command what is its own" leaves_the_command_alone
check "refuses before anything is run" refuses_before
check "says when the second backup fails" says_when_the_second_backup_fails
# A push deploys: what runs is what the remote has, not what is committed here.
goes_back_to_what_was_deployed() {
	shop code
	git init -q -b master code
	git init -q --bare -b master code.git
	git -C code remote add origin "$PWD/code.git"
	echo 1 >code/version
	git -C code add version
	git -C code commit -q -m "version 1"
	git -C code push -q origin master
	git -C store config app.path "$PWD/code"
	at 0
	"$ROWBACK" -q -C store backup
	deployed=$(git -C code rev-parse HEAD)
	[ "$(git -C store log -1 --format='%(trailers:key=Code-Deployed,valueonly)')" = "" ]
	echo 2 >code/version
	git -C code commit -q -a -m "version 2"
	# The backup is fresh, but of other code.
	at 60
	expect_status 1 deploy -- sh -c 'git -C code push -q origin master && sqlite3 app.db "DELETE FROM n" && exit 1'
	expect_err_has "taking a backup: the newest one is of other code"
	expect_err_has "to go back: rowback -C $PWD/store rollback 20261120T160100Z --deployed"
	expect_status 0 "$ROWBACK" -C store --json show 20261120T160100Z
	[ "$(jq -r '.code.commit, .code.deployed' "$work/out" | tr '\n' ' ')" = "$(git -C code rev-parse HEAD) $deployed " ]
	expect_status 0 "$ROWBACK" -C store rollback 20261120T160100Z -n
	expect_err_has "what was deployed then was another commit, $(echo "$deployed" | cut -c 1-7): --deployed goes there"
	at 120
	expect_status 0 "$ROWBACK" -C store rollback 20261120T160100Z --deployed --yes --confirm app
	git -C code diff --exit-code "$deployed" HEAD
	git -C code.git diff --exit-code "$deployed" master
	[ "$(sqlite3 app.db 'SELECT count(*) FROM n')" -eq 100 ]
	expect_status 2 "$ROWBACK" -C store rollback latest --deployed --data-only
	# Where the code's commit cannot be told, nothing could take the code back.
	mv code elsewhere
	count=$(git -C store rev-list --count HEAD)
	expect_status 2 deploy -- touch ran
	expect_err_has "rowback: error: nothing was run: cannot open the app repository '$PWD/code'"
	[ ! -e ran ] || fail "it was run"
	[ "$(git -C store rev-list --count HEAD)" = "$count" ] || fail "a backup was taken"
}

check "goes back to what was deployed" goes_back_to_what_was_deployed
check "goes back to what was there" goes_back_to_what_was_there
check "looks at the effect" looks_at_the_effect
check "gives one document" gives_one_document
check "shows what would be done" shows_a_plan
check "deploys with quick backups" deploys_with_quick_backups
