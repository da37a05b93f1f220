#!/bin/sh
# Code and data go back to a backup, together or not at all.
. "$(dirname "$0")/../harness/cli.sh"
. "$root/tests/harness/stores.sh"
need sqlite3 git jq python3

# made DIR: a place with code (on branch "master", pushed to code.git), app.db and its store
# (pushed to backups.git).  Backup "old" has the commit "one" and the data of old.db, backup
# "new" the commit "two" and the data of new.db, which is what is there now.
made() {
	place "$1"
	git init -q --bare -b master code.git
	git init -q --bare backups.git
	git init -q -b master code
	git -C code remote add origin "$PWD/code.git"
	mkdir code/lib
	echo 1 >code/main
	echo 1 >code/lib/gone
	git -C code add .
	git -C code commit -qm one
	git -C code push -q origin master
	sql app.db "
		CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE);
		CREATE TABLE orders(id INTEGER PRIMARY KEY AUTOINCREMENT, user_id INTEGER NOT NULL
			REFERENCES users(id) ON DELETE CASCADE, total REAL);
		CREATE TABLE log(what);
		CREATE TRIGGER logged AFTER INSERT ON users BEGIN INSERT INTO log VALUES(new.email); END;
		CREATE TRIGGER gone AFTER DELETE ON users BEGIN INSERT INTO log VALUES('gone'); END;
		WITH RECURSIVE i(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM i WHERE i < 50)
		INSERT INTO users SELECT i, 'u' || i || '@example.com' FROM i;
		INSERT INTO orders SELECT id, id, id / 4.0 FROM users;
		DELETE FROM log"
	store_of store "$PWD/app.db"
	git -C store remote add origin "$PWD/backups.git"
	git -C store config app.path "$PWD/code"
	back_up store --label old
	old=$id
	sql app.db ".backup old.db"
	echo 2 >code/main
	echo 2 >code/added
	git -C code rm -q lib/gone
	git -C code add .
	git -C code commit -qm two
	git -C code push -q origin master
	sql app.db "PRAGMA foreign_keys = ON; DELETE FROM users WHERE id > 40;
		UPDATE orders SET total = -1 WHERE id = 3;
		ALTER TABLE users ADD COLUMN name TEXT; INSERT INTO users VALUES(900, 'n@example.com', 'n')"
	back_up store --label new
	new=$id
	sql app.db ".backup new.db"
	one=$(git -C code rev-parse master~1)
	two=$(git -C code rev-parse master)
}

rollback() { "$ROWBACK" -C store rollback "$@"; }
yes_app() { rollback "$@" --yes --confirm app; }

# code_as COMMIT: the branch here has its tree, so has the remote, and so have the files.
code_as() {
	[ "$(git -C code rev-parse "master^{tree}")" = "$(git -C code rev-parse "$1^{tree}")" ] ||
		fail "the code is not that of $1"
	[ "$(git -C code.git rev-parse master)" = "$(git -C code rev-parse master)" ] ||
		fail "the remote is at $(git -C code.git log -1 --format='%h %s' master)"
	[ "$(git -C code rev-parse --is-bare-repository)" = true ] ||
		[ -z "$(git -C code status --porcelain)" ] || fail "$(git -C code status --porcelain)"
}

# data_as DB
data_as() {
	same_content "$1" app.db
	sound app.db
	[ -z "$(sqldiff "$1" app.db 2>/dev/null || :)" ] || fail "sqldiff finds differences"
}

# report FILTER: of the last report; an error stands after it.
report() {
	jq -rs ".[0] | $1" "$work/out"
}

# states: "data code remote command" of the last report.
states() {
	report '[.parts[].state] | join(" ")' >got
	same_text "the parts" got "$1"
}

# untouched: code, remote and data are what they were after made, and nothing was begun.
untouched() {
	[ "$(git -C code rev-parse master)" = "$two" ] || fail "the branch has moved"
	code_as "$two"
	data_as new.db
	settled
}

# settled: no rollback is unfinished, and the store is whole.
settled() {
	[ ! -e store/.git/rowback/rollback.json ] || fail "a journal is left"
	whole store
}

# newest TRAILER: of the newest commit of the store.
newest() {
	git -C store log -1 --format="%(trailers:key=$1,valueonly,separator=)"
}

rolls_back_and_undoes() {
	made both
	git -C store config rollback.run 'pwd >>../ran; echo "$ROWBACK_BACKUP $ROWBACK_CODE_COMMIT" >>../ran; echo deployed'
	expect_status 0 yes_app "$old" --json
	states "done done done done"
	safety=$(report .safety_backup)
	expect_err_has deployed
	code_as "$one"
	data_as old.db
	settled
	[ "$(stat -c %a code/main code/lib | xargs)" = "644 755" ] || fail "files of the code are closed"
	[ "$(git -C code rev-parse master~1)" = "$two" ] || fail "no commit on top"
	[ "$(git -C code log -1 --format=%s)" = "Roll back to one ($(git -C code rev-parse --short "$one"))" ]
	[ "$(git -C code log -1 --format='%(trailers:key=Rowback-Backup,valueonly,separator=)')" = "$old" ]
	same_text "what ran" ran "$PWD/code
$old $(git -C code rev-parse master)"
	# The safety backup has the code and the data of before, and is on the remote.
	expect_status 0 "$ROWBACK" -C store --json show "$safety"
	[ "$(newest Event) $(newest Event-Backup) $(newest Event-Safety) $(newest Event-Source)" = \
		"rollback $old $safety app" ] || fail "the event"
	[ "$(newest Event-Code-Before) $(newest Event-Code-After)" = "$two $(git -C code rev-parse master)" ]
	[ "$(git -C store log -1 --format=%s)" = "rollback: app is as in backup $old, code is as in $(git -C code rev-parse --short "$one") 'one'" ]
	[ "$(git -C store rev-parse HEAD)" = "$(git -C backups.git rev-parse main)" ] || fail "not pushed"
	[ "$(git -C store log --format='%(trailers:key=Code-Commit,valueonly,separator=)' -1 HEAD~1)" = "$two" ]
	[ "$(git -C code rev-parse "refs/rowback/rollback/$safety")" = "$two" ] || fail "no ref keeps it"

	rm ran
	expect_status 0 yes_app --undo --json
	states "done done done done"
	undone=$(report .safety_backup)
	code_as "$two"
	data_as new.db
	settled
	[ "$(newest Event) $(newest Event-Backup)" = "undo $safety" ] || fail "the event"
	[ "$(tail -n 1 ran)" = "$safety $(git -C code rev-parse master)" ] || fail "the command"
	# Not twice, but by the name of a backup.
	expect_status 10 yes_app --undo
	expect_err_has "the newest rollback was taken back already"
	expect_err_has "rowback rollback $undone"
	expect_status 0 yes_app "$undone"
	code_as "$one"
	data_as old.db
}

shows_what_it_would_do() {
	made plan
	git -C store config rollback.run ./deploy
	git -C code for-each-ref >refs
	head=$(git -C store rev-parse HEAD)
	expect_status 0 rollback -n old
	expect_out "rolls back to backup $old (full)
code:    branch 'master' of $PWD/code
         from $(git -C code rev-parse --short "$two") 'two'
         to   $(git -C code rev-parse --short "$one") 'one'
         1 commit undone, by a new commit on top
         pushed to 'origin'
data:    sqlite:$PWD/app.db (source app)
table   insert  update  delete  conflicts
log          0       0      11          0
orders      10       1       0          0
users       50       0      41          0  made anew: defined otherwise
other definitions and settings to change: 4
command: ./deploy
dry run: nothing was changed"
	git -C code for-each-ref | diff refs -
	[ "$(git -C store rev-parse HEAD)" = "$head" ] || fail "the store has moved"
	untouched
	expect_status 0 rollback -n old --json --reset
	[ "$(report '"\(.code.way) \(.code.commits_undone) \(.confirm) \(.data[0].tables[1].insert)"')" = "reset 1 app 10" ]
	untouched
}

asks_for_the_name() {
	made name
	expect_status 2 rollback old --yes --confirm crm
	expect_err_has "nothing was changed: --confirm has the wrong name: this is about 'app'"
	untouched
	expect_status 2 rollback old --yes
	expect_err_has "--yes and --confirm NAME go together"
	expect_status 2 rollback old --confirm app
	expect_status 2 rollback old
	expect_err_has "nobody to ask"
	expect_status 2 rollback
	expect_status 2 rollback --undo old
	expect_status 2 rollback old --code-only --data-only
	expect_status 2 yes_app old --code-only
	expect_err_has "this is about 'master'"
	expect_status 10 yes_app nosuch
	expect_status 10 yes_app --undo
	expect_err_has "there is no rollback to take back"
	untouched
}

# On a terminal it asks twice.
asks_twice() {
	made terminal
	for answers in n "y
crm"; do
		expect_status 2 python3 "$root/tests/harness/answer.py" "$answers" true \
			"$ROWBACK" -C store rollback old
		expect_out_has "nothing was changed"
		untouched
	done
	expect_status 0 python3 "$root/tests/harness/answer.py" "y
app" true "$ROWBACK" -C store rollback old
	expect_out_has "type 'app' to go on: "
	code_as "$one"
	data_as old.db
}

sets_the_branch_back() {
	made reset
	expect_status 0 yes_app old --reset --json
	states "done done done none"
	[ "$(git -C code rev-parse master)" = "$one" ] || fail "not set back"
	code_as "$one"
	data_as old.db
	expect_status 0 yes_app --undo
	[ "$(git -C code rev-parse master)" = "$two" ] || fail "not moved on"
	code_as "$two"
	data_as new.db
}

works_with_a_branch_that_is_not_checked_out() {
	made elsewhere
	git -C code switch -qc other
	echo mine >>code/main
	for how in "" --reset; do
		# shellcheck disable=SC2086 # an option, or none
		expect_status 0 yes_app old $how
		[ "$(git -C code rev-parse 'master^{tree}')" = "$(git -C code rev-parse "$one^{tree}")" ]
		[ "$(git -C code.git rev-parse master)" = "$(git -C code rev-parse master)" ]
		[ "$(cat code/main)" = "2
mine" ] || fail "files were touched"
		data_as old.db
		expect_status 0 yes_app --undo
		[ "$(git -C code rev-parse 'master^{tree}')" = "$(git -C code rev-parse "$two^{tree}")" ]
		data_as new.db
	done
	settled
}

works_in_the_worktree_that_has_the_branch() {
	made worktree
	git -C code switch -qc other
	git -C code worktree add -q ../tree master
	expect_status 0 yes_app old
	[ "$(cat tree/main)" = 1 ] && [ ! -e tree/added ] && [ -e tree/lib/gone ] || fail "its files stayed"
	[ -z "$(git -C tree status --porcelain)" ]
	[ "$(cat code/main)" = 2 ] || fail "other files were touched"
	echo mine >tree/main
	expect_status 16 yes_app --undo
	expect_err_has "'main'"
	git -C tree checkout -q main
	expect_status 0 yes_app --undo
	[ "$(cat tree/main)" = 2 ]
}

works_with_a_bare_repository() {
	made bare
	git clone -q --bare code.git bare.git
	git -C bare.git remote set-url origin "$PWD/code.git"
	git -C store config app.path "$PWD/bare.git"
	for how in "" --reset; do
		# shellcheck disable=SC2086 # an option, or none
		expect_status 0 yes_app old $how
		[ "$(git -C bare.git rev-parse 'master^{tree}')" = "$(git -C code rev-parse "$one^{tree}")" ]
		[ "$(git -C code.git rev-parse master)" = "$(git -C bare.git rev-parse master)" ]
		data_as old.db
		expect_status 0 yes_app --undo
		[ "$(git -C bare.git rev-parse 'master^{tree}')" = "$(git -C code rev-parse "$two^{tree}")" ]
		data_as new.db
	done
}

fetches_a_commit_that_is_not_there() {
	made fetched
	git clone -q --depth 1 "file://$PWD/code.git" shallow
	git -C store config app.path "$PWD/shallow"
	expect_status 0 yes_app old
	[ "$(git -C shallow rev-parse 'master^{tree}')" = "$(git -C code rev-parse "$one^{tree}")" ]
	[ "$(git -C code.git rev-parse master)" = "$(git -C shallow rev-parse master)" ]
	data_as old.db
}

does_without_a_remote() {
	made alone
	git -C code remote remove origin
	expect_status 0 yes_app old --json
	states "done done none none"
	[ "$(git -C code rev-parse 'master^{tree}')" = "$(git -C code rev-parse "$one^{tree}")" ]
	data_as old.db
	expect_status 0 yes_app --undo
	[ "$(git -C code rev-parse 'master^{tree}')" = "$(git -C code rev-parse "$two^{tree}")" ]
	git -C store config app.remote nosuch
	expect_status 2 yes_app old
	expect_err_has "has no remote 'nosuch'"
}

takes_one_part_only() {
	made parts
	expect_status 0 rollback old --code-only --yes --confirm master --json
	states "none done done none"
	code_as "$one"
	data_as new.db
	expect_status 0 rollback --undo --yes --confirm master
	code_as "$two"
	data_as new.db
	expect_status 0 yes_app old --data-only --json
	states "done none none none"
	code_as "$two"
	data_as old.db
	expect_status 0 yes_app --undo
	code_as "$two"
	data_as new.db
	# Without an app repository it is about data.
	git -C store config --unset app.path
	expect_status 2 rollback old --code-only --yes --confirm master
	expect_status 0 yes_app old
	expect_out_has "no app repository is set"
	data_as old.db
}

goes_back_to_a_quick_backup() {
	made quick
	git -C code revert --no-edit HEAD >/dev/null
	git -C code push -q origin master
	expect_status 0 "$ROWBACK" -C store backup --quick --label quick
	git -C code commit -q --allow-empty -m four
	echo 4 >code/four
	git -C code add .
	git -C code commit -qm five
	git -C code push -q origin master
	sql app.db "DELETE FROM orders WHERE id = 7"
	sql app.db ".backup later.db"
	expect_status 2 yes_app quick --data-only
	expect_err_has "is a quick one"
	expect_status 0 rollback quick --yes --confirm master --json
	states "none done done none"
	code_as "$one"
	data_as later.db
	expect_status 0 rollback quick -n
	expect_out "nothing to roll back: code is as in backup $("$ROWBACK" -C store --json show quick | jq -r .id)"
	git -C store config --unset app.path
	expect_status 2 rollback quick --yes --confirm master
	expect_err_has "no app repository is set"
}

says_when_there_is_nothing_to_do() {
	made nothing
	head=$(git -C store rev-parse HEAD)
	expect_status 0 yes_app new
	expect_out "nothing to roll back: code and data are as in backup $new"
	[ "$(git -C store rev-parse HEAD)" = "$head" ] || fail "something was recorded"
	untouched
}

refuses_files_of_ones_own() {
	made dirty
	# What does not move is nobody's concern.
	echo note >code/notes
	cp code/main kept
	echo mine >>code/main
	echo mine >code/lib
	expect_status 16 yes_app old
	expect_err_has "has changes of its own in what would move: 'main'"
	expect_status 16 rollback -n old
	mv kept code/main
	expect_status 16 yes_app old
	expect_err_has "'lib'"
	rm code/lib
	git -C code add notes
	rm code/added
	expect_status 16 yes_app old --reset
	expect_err_has "'added'"
	git -C code checkout -q added
	[ "$(git -C code rev-parse master)" = "$two" ]
	data_as new.db
	settled
	expect_status 0 yes_app old
	[ "$(git -C code status --porcelain)" = "A  notes" ] || fail "the note"
	expect_status 0 yes_app --undo
	[ "$(git -C code status --porcelain)" = "A  notes" ] || fail "the note"
	data_as new.db
}

refuses_while_somebody_is_at_work() {
	made busy
	touch code/.git/index.lock
	expect_status 11 yes_app old
	expect_err_has "another git is at work in the app repository"
	rm code/.git/index.lock
	git -C code branch side "$one"
	git -C code switch -q side
	echo x >code/main
	git -C code commit -qam side
	git -C code switch -q master
	! git -C code merge -q side >/dev/null 2>&1 || fail "it was to conflict"
	expect_status 16 yes_app old
	expect_err_has "a merge is not finished"
	git -C code merge --abort
	untouched
	# The store's own lock.
	exec 8>>store/.git/rowback/lock
	flock 8
	expect_status 11 yes_app old
	exec 8>&-
	untouched
}

refuses_a_remote_that_is_elsewhere() {
	made moved
	git clone -q code.git other
	echo 3 >other/main
	git -C other commit -qam three
	git -C other push -q origin master
	for how in "" --reset; do
		# shellcheck disable=SC2086 # an option, or none
		expect_status 14 yes_app old $how
		expect_err_has "is at $(echo "$two" | cut -c1-12) here, at $(git -C other rev-parse HEAD | cut -c1-12) on remote 'origin'"
	done
	[ "$(git -C code rev-parse master)" = "$two" ]
	[ "$(git -C code.git log -1 --format=%s master)" = three ]
	data_as new.db
	settled
	mv code.git away.git
	expect_status 14 yes_app old
	expect_err_has "cannot ask remote 'origin' of the app repository"
	[ "$(git -C code rev-parse master)" = "$two" ]
	data_as new.db
}

# taken_back STATUS WORDS [OPTION...]: a rollback that fails leaves all as it was.
taken_back() {
	status=$1
	words=$2
	shift 2
	expect_status "$status" yes_app old --json "$@"
	expect_err_has "$words"
	[ "$(report .taken_back)" = true ] || fail "not taken back"
	report '[.parts[].state] | join(" ")' >parts
	cp "$work/err" said
	data_as new.db
	code_as "$two"
	settled
	[ -z "$(git -C code for-each-ref refs/rowback)" ] || fail "a ref is left"
}

# Somebody pushes between the look at the remote and the push.
takes_back_when_somebody_was_quicker() {
	for how in "" --reset; do
		made quicker
		git clone -q code.git other
		echo 3 >other/main
		git -C other commit -qam three
		printf '#!/bin/sh\ngit -C ../other push -q origin master\n' >code/.git/hooks/pre-push
		sed -i 's/git /env -u GIT_DIR git /' code/.git/hooks/pre-push
		chmod +x code/.git/hooks/pre-push
		# shellcheck disable=SC2086 # an option, or none
		expect_status 14 yes_app old --json $how
		[ "$(report .taken_back)" = true ] || fail "not taken back"
		states "taken-back taken-back as-was none"
		[ "$(git -C code rev-parse master)" = "$two" ] || fail "the branch"
		[ "$(git -C code.git log -1 --format=%s master)" = three ] || fail "the remote"
		data_as new.db
		settled
	done
}

needs_its_safety_backup() {
	made safety
	mv backups.git away.git
	expect_status 18 yes_app old
	expect_err_has "nothing was changed: the safety backup failed"
	untouched
	[ -z "$(git -C code for-each-ref refs/rowback)" ] || fail "a ref is left"
	mv away.git backups.git
	expect_status 0 yes_app old
}

takes_back_what_a_refused_push_leaves() {
	made refused
	printf '#!/bin/sh\necho no deploys today >&2\nexit 1\n' >code.git/hooks/pre-receive
	chmod +x code.git/hooks/pre-receive
	taken_back 14 "no deploys today"
	same_text "the parts" parts "taken-back taken-back as-was none"
	[ "$(git -C code rev-parse master)" = "$two" ] || fail "another commit"
	taken_back 14 "no deploys today" --reset
	[ "$(git -C code rev-parse master)" = "$two" ] || fail "another commit"
	rm code.git/hooks/pre-receive
	# A hook of the repository itself.
	printf '#!/bin/sh\necho not from here >&2\nexit 1\n' >code/.git/hooks/pre-push
	chmod +x code/.git/hooks/pre-push
	taken_back 14 "the pre-push hook of the app repository refused"
	grep -q "not from here" said || fail "what the hook says is not shown"
	[ "$(git -C code rev-parse master)" = "$two" ] || fail "another commit"
}

takes_back_when_the_command_fails() {
	made command
	git -C store config rollback.run 'echo "$ROWBACK_CODE_COMMIT" >>../ran; [ "$(cat main)" != 1 ]'
	taken_back 2 "the command ended with status 1"
	same_text "the parts" parts "taken-back taken-back taken-back taken-back"
	# The remote has the commit, so another one takes it back; the command deploys that.
	[ "$(git -C code rev-parse master~2)" = "$two" ] || fail "history"
	[ "$(tail -n 1 ran)" = "$(git -C code rev-parse master)" ] || fail "the command was not run again"
	two=$(git -C code rev-parse master)
	taken_back 2 "the command ended with status 1" --reset
	[ "$(git -C code rev-parse master)" = "$two" ] || fail "another commit"
}

takes_back_when_the_data_cannot_be_written() {
	made locked
	hold app.db
	git -C store config rowback.busyTimeout 1
	expect_status_any yes_app old --json
	let_go
	states "as-was taken-back as-was none"
	code_as "$two"
	[ "$(git -C code rev-parse master)" = "$two" ]
	data_as new.db
	settled
}

# What is written between the safety backup and the restore is in another one, which counts.
keeps_what_is_written_meanwhile() {
	made meanwhile
	printf '#!/bin/sh\nsqlite3 "%s/app.db" "INSERT INTO log VALUES(7777)"\n' "$PWD" >code/.git/hooks/post-merge
	chmod +x code/.git/hooks/post-merge
	expect_status 0 yes_app old
	rm code/.git/hooks/post-merge
	data_as old.db
	expect_status 0 yes_app --undo
	sql new.db "INSERT INTO log VALUES(7777)"
	data_as new.db
	code_as "$two"
}

restores_several_sources() {
	made several
	sql crm.db "CREATE TABLE t(x INTEGER PRIMARY KEY); INSERT INTO t VALUES(1), (2)"
	git -C store config source.crm.url "sqlite:$PWD/crm.db"
	back_up store --label both
	sql crm.db ".backup crm1.db"
	sql crm.db "DELETE FROM t"
	sql crm.db ".backup crm2.db"
	sql app.db "DELETE FROM orders"
	sql app.db ".backup later.db"
	expect_status 2 rollback both --yes --confirm app
	expect_err_has "this is about 'app,crm'"
	expect_status 0 rollback both --yes --confirm app,crm
	same_content crm1.db crm.db
	data_as new.db
	[ "$(newest Event-Source)" = "app crm" ] || fail "the event"
	expect_status 0 rollback --undo --yes --confirm app,crm
	same_content crm2.db crm.db
	data_as later.db
	expect_status 0 rollback both --yes --confirm crm --source crm
	same_content crm1.db crm.db
	data_as later.db
	# One that cannot be written takes the other back.
	expect_status 0 rollback --undo --yes --confirm crm
	git -C store config rowback.busyTimeout 1
	hold crm.db
	expect_status_any rollback both --yes --confirm app,crm
	let_go
	data_as later.db
	same_content crm2.db crm.db
	settled
}

# The hook of the app repository asks the gate, as for any push: the safety backup is fresh.
passes_the_gate() {
	made gate
	expect_status 0 "$ROWBACK" -C store hook install "$PWD/code" --max-age 1h
	git -C store config gate.require full
	expect_status 0 yes_app old
	code_as "$one"
	expect_status 0 yes_app --undo
	code_as "$two"
	data_as new.db
	# A restore may take longer than that, and the hook must not wait for the lock of its rollback.
	cat >slow <<-'END'
		#!/bin/sh
		begun=$(date +%s)
		while [ "$(date +%s)" = "$begun" ]; do :; done
	END
	"$ROWBACK" -q -C store hook remove "$PWD/code"
	install -m 755 slow code/.git/hooks/pre-push
	expect_status 0 "$ROWBACK" -C store hook install "$PWD/code" --max-age 0 --backup
	git -C store config rollback.run "git push -q origin HEAD:refs/heads/master"
	expect_status 0 yes_app old
	code_as "$one"
	data_as old.db
	expect_status 0 yes_app --undo
	code_as "$two"
	# Anybody else is asked.
	git -C code commit -q --allow-empty -m three
	git -C store config --unset rollback.run
	"$ROWBACK" -q -C store hook install "$PWD/code" --max-age 0
	expect_status 1 env ROWBACK_NOW=$(($(date +%s) + 86400)) git -C code push -q origin master
	expect_err_has "there is no backup to come back to"
}

# The rules of a nightly prune must not take away what undoes it.
outlives_a_prune() {
	made pruned
	git -C store config retention.keepLast 1
	expect_status 0 yes_app old
	safety=$("$ROWBACK" -C store --json log -1 | jq -r '.backups[0].id')
	sql app.db "DELETE FROM orders WHERE id = 9"
	expect_status 0 "$ROWBACK" -C store restore old --yes
	restored=$("$ROWBACK" -C store --json log -1 | jq -r '.backups[0].id')
	sql app.db "DELETE FROM orders WHERE id = 10"
	expect_status 0 "$ROWBACK" -C store backup
	for i in 1 2 3 4; do
		expect_status 0 "$ROWBACK" -C store backup --force
	done
	expect_status 0 "$ROWBACK" -C store prune --confirm
	expect_out_has "$safety"
	expect_status 0 "$ROWBACK" -C store --json log
	[ "$(jq -r '[.backups[] | select(.kind == "safety").id] | sort | join(" ")' "$work/out")" = "$safety $restored" ] ||
		fail "safety backups: $(cat "$work/out")"
	expect_status 2 "$ROWBACK" -C store delete "$safety" --confirm
	expect_err_has "backup $safety stays: way back"
	expect_status 0 yes_app --undo
	code_as "$two"
	data_as new.db
}

# hold DB: somebody writes to it, until let_go.
hold() {
	rm -f held let-go
	python3 - "$1" <<'END' &
import sqlite3, sys, time, os
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN IMMEDIATE")
open("held", "w").close()
while not os.path.exists("let-go"):
    time.sleep(0.02)
db.execute("ROLLBACK")
END
	while [ ! -e held ]; do sleep 0.02; done
}

let_go() {
	touch let-go
	wait
}

# expect_status_any COMMAND...: it fails, and is not ended by a signal.
expect_status_any() {
	status=0
	"$@" >"$work/out" 2>"$work/err" || status=$?
	[ "$status" -ne 0 ] && [ "$status" -lt 128 ] || fail "status $status"
}

says_what_is_stuck() {
	made stuck
	# The remote takes one push, and no other.
	cat >code.git/hooks/pre-receive <<'END'
#!/bin/sh
[ ! -e "$PWD/taken" ] || { echo closed >&2; exit 1; }
touch "$PWD/taken"
END
	chmod +x code.git/hooks/pre-receive
	git -C store config rollback.run false
	expect_status 2 yes_app old --json
	states "taken-back taken-back stuck stuck"
	expect_err_has "COULD NOT BE TAKEN BACK"
	expect_err_has "rowback rollback --undo"
	[ "$(report '.parts[2].by_hand')" = \
		"git -C '$PWD/code' push origin $(git -C code rev-parse master):refs/heads/master" ] || fail "by hand"
	data_as new.db
	[ -e store/.git/rowback/rollback.json ] || fail "no journal"
	expect_status 16 yes_app old
	expect_err_has "take it back first: rowback rollback --undo"
	rm code.git/hooks/pre-receive
	git -C store config rollback.run true
	expect_status 0 yes_app --undo
	code_as "$two"
	data_as new.db
	settled
}

stops_when_told() {
	made stopped
	git -C store config rollback.run 'if [ ! -e ../stopped ]; then touch ../stopped; kill -TERM "$(cat ../pid)"; sleep 60; fi'
	expect_status 143 sh -c 'echo $$ >pid; exec "$0" -C store rollback old --yes --confirm app' "$ROWBACK"
	code_as "$two"
	data_as new.db
	settled
}

# broken_off: the rollback that was killed is known, and --undo takes it back.
broken_off() {
	[ -e store/.git/rowback/rollback.json ] || fail "no journal"
	expect_status 16 yes_app new
	expect_err_has "broken off"
	expect_status 1 "$ROWBACK" -C store doctor --offline
	expect_out_has "rowback rollback --undo"
	expect_status 0 rollback --undo -n
	if grep -q "nothing had been changed yet" "$work/out"; then
		[ "$(git -C code rev-parse master)" = "$two" ] || fail "the branch has moved"
	else
		expect_status 2 rollback --undo --yes --confirm wrong
	fi
	expect_status 0 yes_app --undo
	[ -z "$(git -C code for-each-ref refs/rowback)" ] || fail "a ref is left"
	data_as new.db
	code_as "$two"
	settled
	expect_status 0 yes_app old
	code_as "$one"
	data_as old.db
}

# killed HOW COMMAND...: it is killed.
is_killed() {
	status=0
	"$@" >"$work/out" 2>"$work/err" || status=$?
	[ "$status" -eq 137 ] || { cat "$work/err"; fail "status $status: it was to be killed"; }
}

is_known_after_a_kill_in_the_command() {
	for how in "" --reset; do
		made killed
		git -C store config rollback.run 'if [ ! -e ../killed ]; then touch ../killed; kill -9 "$(cat ../pid)"; fi'
		is_killed sh -c 'echo $$ >pid; exec "$0" -C store rollback old --yes --confirm app $1' "$ROWBACK" "$how"
		data_as old.db
		broken_off
	done
}

# In the middle of a step, whose git goes on by itself.
is_known_after_a_kill_in_a_step() {
	for hook in code/.git/hooks/post-merge code/.git/hooks/pre-push code.git/hooks/pre-receive \
		code.git/hooks/post-receive; do
		made middle
		printf '#!/bin/sh\nrm "$0"\nkill -9 "$(cat "%s/pid")"\n' "$PWD" >"$hook"
		chmod +x "$hook"
		is_killed sh -c 'echo $$ >pid; exec "$0" -C store rollback old --yes --confirm app' "$ROWBACK"
		for_git_to_end
		broken_off
	done
}

# for_git_to_end: nobody works in the code's repositories any more.
for_git_to_end() {
	while readlink /proc/[0-9]*/cwd 2>/dev/null | grep -q "^$PWD/code"; do
		sleep 0.02
	done
}

# Each journal is written before its step, and each step is killed in the middle of it.
is_known_after_a_kill_at_each_step() {
	made steps
	count_faults rename rollback.json "$ROWBACK" -C store rollback old --yes --confirm app >/dev/null 2>&1
	count=$(cat "$work/count")
	[ "$count" -ge 4 ] || fail "only $count writes of the journal"
	n=1
	while [ "$n" -le "$count" ]; do
		for how in "" --reset; do
			made "steps$n"
			# shellcheck disable=SC2086 # an option, or none
			is_killed with_fault rename rollback.json "$n" KILL "$ROWBACK" -C store rollback old --yes --confirm app $how
			if [ "$n" -eq 1 ]; then
				untouched
			else
				broken_off
			fi
			# And behind the write.
			made "steps$n"
			# shellcheck disable=SC2086 # an option, or none
			is_killed with_fault fsync "store/.git/rowback" "$((2 * n))" KILL \
				"$ROWBACK" -C store rollback old --yes --confirm app $how
			[ -e store/.git/rowback/rollback.json ] || continue
			broken_off
		done
		n=$((n + 1))
	done
}

# And so is one that is killed while it takes a rollback back.
is_known_after_a_kill_of_the_undo() {
	made undo
	expect_status 0 yes_app old
	expect_status 0 yes_app --undo
	for n in 1 2 3 4 5; do
		made "undo$n"
		git -C store config rollback.run 'if [ ! -e ../killed ]; then touch ../killed; kill -9 "$(cat ../pid)"; fi'
		is_killed sh -c 'echo $$ >pid; exec "$0" -C store rollback old --yes --confirm app' "$ROWBACK"
		status=0
		with_fault rename,unlink rowback/ "$n" KILL "$ROWBACK" -C store rollback --undo --yes --confirm app >"$work/out" 2>"$work/err" || status=$?
		[ "$status" -eq 137 ] || [ "$status" -eq 0 ] || fail "status $status"
		if [ -e store/.git/rowback/rollback.json ]; then
			expect_status 0 yes_app --undo
		fi
		data_as new.db
		code_as "$two"
		settled
	done
}

check "code and data go back, and come again" rolls_back_and_undoes
check "-n shows the plan, and changes nothing" shows_what_it_would_do
check "nothing happens without the right name" asks_for_the_name
check "on a terminal it asks twice" asks_twice
check "--reset sets the branch back" sets_the_branch_back
check "a branch that is not checked out moves without files" works_with_a_branch_that_is_not_checked_out
check "a linked worktree that has the branch follows it" works_in_the_worktree_that_has_the_branch
check "a bare app repository" works_with_a_bare_repository
check "a commit that is not there is fetched" fetches_a_commit_that_is_not_there
check "an app repository without a remote" does_without_a_remote
check "--code-only, --data-only, no app repository" takes_one_part_only
check "a quick backup takes code back alone" goes_back_to_a_quick_backup
check "nothing to do" says_when_there_is_nothing_to_do
check "files with changes of their own are not touched" refuses_files_of_ones_own
check "somebody at work in the app repository" refuses_while_somebody_is_at_work
check "a remote that somebody pushed to" refuses_a_remote_that_is_elsewhere
check "no rollback without a safety backup on the remote" needs_its_safety_backup
check "a refused push takes everything back" takes_back_what_a_refused_push_leaves
check "somebody who was quicker takes everything back" takes_back_when_somebody_was_quicker
check "a failing command takes everything back" takes_back_when_the_command_fails
check "a database that cannot be written takes the code back" takes_back_when_the_data_cannot_be_written
check "what is written meanwhile is not lost" keeps_what_is_written_meanwhile
check "several sources go together" restores_several_sources
check "the push passes the gate" passes_the_gate
check "it can be undone after a prune" outlives_a_prune
check "what cannot be taken back is said, and can be later" says_what_is_stuck
check "a signal takes everything back" stops_when_told
check "killed while the command ran: --undo" is_known_after_a_kill_in_the_command
check "killed in the middle of a step: --undo" is_known_after_a_kill_in_a_step
check "killed at each step: --undo" is_known_after_a_kill_at_each_step
check "killed while it was taken back: --undo" is_known_after_a_kill_of_the_undo
