#!/bin/sh
# The code's commit in backups, quick backups, and which backup belongs to a deploy.
. "$(dirname "$0")/../harness/cli.sh"
need sqlite3 jq

rb() {
	store=$1
	shift
	"$ROWBACK" -C "$store" "$@"
}

json() { jq -r "$1" "$work/out"; }
commits() { git -C "$1" rev-list --count main; }
trailer() { git -C "$1" log -1 --format="%(trailers:key=$2,valueonly)" ${3:+"$3"} | head -n 1; }
code() { git -C "$1.app" rev-parse "${2:-master}"; }
newest() { trailer "$1" Backup-Id; }

# deploy NAME SUBJECT: a commit of the application.
deploy() {
	echo "$2" >"$1.app/version"
	git -C "$1.app" add version
	git -C "$1.app" commit -qm "$2"
}

# make NAME [INIT-OPTION...]: a database, a remote, an application with one commit, a store.
make() {
	name=$1
	shift
	sql "$name.db" "CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES(1, 'one')"
	git init -q --bare "$name.git"
	git init -q -b master "$name.app"
	deploy "$name" "first release"
	"$ROWBACK" -q init "$@" --source "app=sqlite:$name.db" --remote "$work/$name.git" "$name"
	git -C "$name" config app.path "$work/$name.app"
}

clean() {
	git -C "$1" status --porcelain >dirty
	[ ! -s dirty ] || fail "git status of $1: $(cat dirty)"
	git -C "$1" fsck --strict --no-dangling
}

a_full_one_records_the_code() {
	make full
	expect_status 0 rb full --json backup
	[ "$(json '.code | .commit, .branch, .subject, .clean' | tr '\n' '|')" = \
		"$(code full)|master|first release|true|" ]
	[ "$(json .code_problem)" = null ]
	[ "$(json .data_backup)" = null ]
	[ "$(trailer full Backup-Kind)" = full ]
	[ "$(trailer full Code-Commit)" = "$(code full)" ]
	[ "$(trailer full Code-Branch)" = master ]
	[ "$(trailer full Code-Subject)" = 'first release' ]
	[ "$(trailer full Code-State)" = clean ]
	[ "$(trailer full Backup-Bytes)" = "$(json .bytes_added)" ]
	size=$(cat full/.git/objects/pack/* | wc -c)
	[ "$(trailer full Backup-Bytes)" -eq "$size" ] || fail "not $size"
	sql full.db "INSERT INTO t VALUES(2, 'two')"
	echo changed >full.app/version
	expect_status 0 rb full backup
	expect_out_has "code: $(code full | cut -c 1-7) first release (master, dirty)"
	[ "$(trailer full Code-State)" = dirty ]
	[ "$(git -C full log -1 --format=%s)" = 'backup: app +1 rows in 1 of 1 table' ]
	git -C full.app checkout -q version
	clean full
}

another_commit_alone_makes_a_backup() {
	before=$(commits full)
	expect_status 0 rb full --json backup
	[ "$(json .committed)" = false ]
	deploy full 'second release'
	expect_status 0 rb full --dry-run backup
	expect_out "app: not written since it was read last
would back up nothing new
code: $(code full | cut -c 1-7) second release (master)"
	[ "$(commits full)" -eq "$before" ]
	expect_status 0 rb full --json backup
	[ "$(json '.committed, .pushed, .sources[0].read' | tr '\n' ' ')" = 'true true false ' ]
	[ "$(commits full)" -eq $((before + 1)) ]
	[ "$(git -C full log -1 --format=%s)" = \
		"backup: app unchanged, code $(code full | cut -c 1-7) second release" ]
	[ "$(git -C full rev-parse 'main^{tree}')" = "$(git -C full rev-parse 'main~1^{tree}')" ]
	expect_status 0 rb full --json backup
	[ "$(json '.committed, .id' | tr '\n' ' ')" = "false $(newest full) " ]
	# Only another commit counts: files that are changed there are not deployed.
	echo x >full.app/new
	expect_status 0 rb full --json backup
	[ "$(json .committed)" = false ]
	rm full.app/new
	expect_status 0 rb full --dry-run backup
	! grep code "$work/out" || fail "there is nothing to record"
	clean full
}

data_comes_before_code() {
	make data
	mv data.app away
	expect_status 0 rb data backup
	expect_err "rowback: warning: the code commit is not recorded: cannot open the app repository \
'$work/data.app': No such file or directory (say where it is and what is deployed: \
git config app.path DIR, git config app.branch NAME)"
	[ -z "$(trailer data Code-Commit)$(trailer data Code-State)" ]
	[ "$(git -C data.git rev-parse main)" = "$(git -C data rev-parse main)" ]
	expect_status 0 rb data --json backup
	[ "$(json '.committed, .code' | tr '\n' ' ')" = 'false null ' ]
	json .code_problem | grep -qF "cannot open the app repository '$work/data.app'"
	mv away data.app
	git -C data config app.branch live
	expect_status 0 rb data --json backup --force
	json .code_problem | grep -qF "has no commit on branch 'live'"
	# It is there again: the next one has the code.
	git -C data config app.branch master
	expect_status 0 rb data --json backup
	[ "$(json '.committed, .code.commit' | tr '\n' ' ')" = "true $(code data) " ]
	git -C data config --unset app.path
	expect_status 0 rb data --json backup --force
	[ "$(json '.code, .code_problem' | tr '\n' ' ')" = 'null null ' ]
	expect_err ''
}

sync_records_it_too() {
	git -C data config app.path "$work/data.app"
	sql data.db "INSERT INTO t VALUES(9, 'nine')"
	rb data -q export
	expect_status 0 rb data sync
	[ "$(trailer data Code-Commit)" = "$(code data)" ]
}

quick_needs_an_app_and_a_backup() {
	make quick
	git -C quick config --unset app.path
	expect_status 2 rb quick backup --quick
	expect_err 'rowback: error: a quick backup records the commit of the app repository, and none is configured
hint: say where it is: git config app.path DIR (and app.branch, when that is not master)'
	git -C quick config app.path "$work/nowhere"
	expect_status 2 rb quick backup --quick
	expect_err_has "no quick backup was made: cannot open the app repository '$work/nowhere'"
	expect_err_has 'hint: say where it is and what is deployed: git config app.path DIR'
	git -C quick config app.path "$work/quick.app"
	expect_status 10 rb quick backup --quick
	expect_err 'rowback: error: a quick backup holds no data of its own, and there is no backup of data yet that it could stand on
hint: take the first: rowback backup'
	# A commit of somebody's own is no backup.
	git -C quick commit -q --allow-empty -m mine
	expect_status 10 rb quick backup --quick
	for option in --full --force --allow-incomplete --source=app; do
		expect_status 2 rb quick backup --quick "$option"
		expect_err "rowback: error: ${option%%=*} has no meaning with --quick
hint: --quick reads no data; leave one of them out"
	done
	expect_status 2 rb quick backup --quick --label "$(printf 'a\nb')"
	[ "$(commits quick)" -eq 1 ]
}

quick_records_the_code_and_reads_nothing() {
	ROWBACK_NOW=1800000000 rb quick -q backup
	data=$(newest quick)
	deploy quick 'text changes'
	# Neither there nor to be read: nobody asks for it.
	mv quick.db away.db
	expect_status 0 env ROWBACK_NOW=1800010800 "$ROWBACK" -C quick backup --quick \
		--label before-texts --note 'texts only' --trigger deploy
	id=$(newest quick)
	expect_out "quick backup $id: code commit $(code quick | cut -c 1-7) recorded: text changes (master)
it protects no data: the data is that of backup $data, taken 3 hours ago
$(tail -n 1 "$work/out")"
	tail -n 1 "$work/out" | grep -q "^backed up: $work/quick.git has it"
	expect_err ''
	[ "$(trailer quick Backup-Kind)" = quick ]
	[ "$(trailer quick Backup-Label)" = before-texts ]
	[ "$(trailer quick Backup-Trigger)" = deploy ]
	[ "$(trailer quick Backup-Source)" = app ]
	[ "$(trailer quick Backup-Rows)" = 1 ]
	[ "$(trailer quick Backup-Bytes)" = 0 ]
	[ "$(trailer quick Code-Commit)" = "$(code quick)" ]
	[ "$(git -C quick log -1 --format=%s)" = \
		"quick backup: code $(code quick | cut -c 1-7) text changes" ]
	git -C quick log -1 --format=%B | grep -qx '> texts only'
	[ "$(git -C quick rev-parse 'main^{tree}')" = "$(git -C quick rev-parse 'main~1^{tree}')" ]
	[ "$(git -C quick rev-parse main)" = "$(git -C quick.git rev-parse main)" ]
	clean quick
	expect_status 0 env ROWBACK_NOW=1800010900 "$ROWBACK" -C quick --json backup --quick --no-push
	[ "$(json '.committed, .pushed, .data_backup, .rows, (.sources | length), .code.commit' |
		tr '\n' ' ')" = "true false $data 1 0 $(code quick) " ]
	[ "$(git -C quick rev-parse main~1)" = "$(git -C quick.git rev-parse main)" ]
	before=$(commits quick)
	expect_status 0 env ROWBACK_NOW=1800010900 "$ROWBACK" -C quick -n backup --quick
	expect_out "would record code commit $(code quick | cut -c 1-7): text changes (master)
it protects no data: the data is that of backup $data, taken 3 hours ago"
	[ "$(commits quick)" -eq "$before" ]
	mv away.db quick.db
	# Quick ones do not hide from the next full one that the code is another.
	expect_status 0 env ROWBACK_NOW=1800011000 "$ROWBACK" -C quick --json backup
	[ "$(json .committed)" = true ]
	clean quick
}

quick_in_a_bare_store() {
	make bare --bare
	rb bare -q backup
	deploy bare 'second'
	expect_status 0 rb bare --json backup --quick
	[ "$(json '.committed, .pushed' | tr '\n' ' ')" = 'true true ' ]
	[ "$(trailer bare Code-Commit main)" = "$(code bare)" ]
	git -C bare fsck --strict --no-dangling
}

a_push_that_fails_leaves_it_in_the_store() {
	mv quick.git gone.git
	expect_status 14 rb quick backup --quick
	id=$(newest quick)
	[ "$(trailer quick Backup-Kind)" = quick ]
	expect_err_has "backup $id is safe in the store, but was not pushed"
	expect_out_has "quick backup $id: code commit"
	mv gone.git quick.git
	expect_status 0 rb quick sync
}

# In the middle of a hook git's variables name the app repository, or any other.
below_a_hook() {
	before=$(commits quick)
	expect_status 0 env GIT_DIR="$work/full.app/.git" GIT_WORK_TREE="$work" GIT_PREFIX=x/ \
		GIT_INDEX_FILE=/nonexistent "$ROWBACK" -C quick --json backup --quick
	[ "$(json .code.commit)" = "$(code quick)" ]
	[ "$(commits quick)" -eq $((before + 1)) ]
	git -C quick.app worktree add -q -b live "$work/linked" HEAD~1
	git -C quick config app.path "$work/linked"
	git -C quick config app.branch live
	expect_status 0 rb quick --json backup --quick
	[ "$(json .code.commit)" = "$(code quick live)" ]
	git -C quick config app.path "$work/quick.app"
	git -C quick config --unset app.branch
}

# catalog: a store with three releases of code, full and quick backups, at known times.
catalog() {
	make cat
	ROWBACK_NOW=1800000000 rb cat -q backup --label one
	deploy cat two
	ROWBACK_NOW=1800100000 rb cat -q backup --quick --label two
	sql cat.db "INSERT INTO t VALUES(2, 'two')"
	ROWBACK_NOW=1800200000 rb cat -q backup --label two
	deploy cat three
	deploy cat four
	ROWBACK_NOW=1800300000 rb cat -q backup --quick
	cp -a cat cat.kept
}

# lists IDS OPTION...: what a log has, newest first.
lists() {
	ids=$1
	shift
	expect_status 0 rb cat --json log "$@"
	[ "$(json '[.backups[].id] | join(" ")')" = "$ids" ] || fail "$(json '.backups[].id')"
	[ "$(json .nearest)" = null ]
}

log_filters_combine() {
	catalog
	one=20270115T080000Z two=20270116T114640Z three=20270117T153320Z four=20270118T192000Z
	lists "$four $three $two $one"
	lists "$four $two" --kind quick
	lists "$three $one" --kind full
	lists "$two" --kind quick --label two
	lists "$three $two" --label two --since @1800000001 --until @1800200000
	lists "$three" --since @1800100001 --until @1800299999
	lists "" --kind full --since @1800300000
	lists "$three $two" --code "$(code cat master~2)"
	lists "$three $two" --code "$(code cat master~2 | cut -c 1-4)"
	lists "$three $two" --code "$(code cat master~2 | cut -c 1-12 | tr a-f A-F)"
	lists "$two" --code master~2 --kind quick
	lists "$three" --code master~2 --until '2027-01-17 23:00' --since 2027-01-17
	lists "$four" --code master
	lists "$three" --code master~2 -n 1
	git -C cat.app tag -a -m v2 v2 master~2
	lists "$three $two" --code v2 --source app
	lists "$four $three $two $one" --source app
	[ "$(rb cat --json log -1 | jq -cS '.backups[0] | .code, .bytes_added')" = \
		"{\"branch\":\"master\",\"commit\":\"$(code cat)\",\"deployed\":\"$(code cat)\",\"state\":\"clean\",\"subject\":\"four\"}
0" ]
}

no_backup_of_a_deploy() {
	expect_status 1 rb cat log --code master~1
	expect_out ''
	expect_err "no backup is of code commit $(code cat master~1); the nearest before it is \
20270117T153320Z, of code commit $(code cat master~2 | cut -c 1-7)"
	expect_status 1 rb cat --json log --code master~1
	[ "$(json '.backups | length')" = 0 ]
	[ "$(json .nearest.id)" = 20270117T153320Z ]
	expect_status 1 rb cat log --code master --kind full
	expect_err "no backup of those that were asked for is of code commit $(code cat); \
20270118T192000Z is"
	git -C cat.app checkout -q --orphan other
	git -C cat.app commit -q --allow-empty -m unrelated
	expect_status 1 rb cat log --code other
	expect_err "no backup is of code commit $(code cat other), nor of one before it"
	git -C cat.app checkout -q master
	expect_status 1 rb cat log --code 0123456
	expect_err 'no backup is of code commit 0123456'
	expect_status 2 rb cat log --code no-such-tag
	expect_err "rowback: error: the app repository '$work/cat.app' has no commit 'no-such-tag'"
}

# A fresh clone on another machine has hashes only.
the_log_without_the_app() {
	mv cat.app away
	lists "20270117T153320Z 20270116T114640Z" --code "$(git -C away rev-parse master~2)"
	lists "20270118T192000Z" --code "$(git -C away rev-parse --short master)"
	git -C cat config --unset app.path
	lists "20270118T192000Z" --code "$(git -C away rev-parse --short master)"
	expect_status 2 rb cat log --code master
	expect_err "rowback: error: 'master' is no commit's hash, nor the start of one
hint: names are for the app repository to resolve; say where it is: git config app.path DIR"
	expect_status 2 rb cat log --code abc
	mv away cat.app
	git -C cat config app.path "$work/cat.app"
}

the_table_is_narrow() {
	expect_status 0 env ROWBACK_NOW=1800400000 "$ROWBACK" -C cat log
	sed 's/[0-9.]* kB/SIZE kB/' "$work/out" >table
	same_text "the table" table "backup            taken         kind   rows  changed     size  pushed  code     label
20270118T192000Z  28 hours ago  quick     2               0 B  yes     $(code cat | cut -c 1-7)
20270117T153320Z  2 days ago    full      2  +1       SIZE kB  yes     $(code cat master~2 | cut -c 1-7)  two
20270116T114640Z  3 days ago    quick     1               0 B  yes     $(code cat master~2 | cut -c 1-7)  two
20270115T080000Z  5 days ago    full      1  +1       SIZE kB  yes     $(code cat master~3 | cut -c 1-7)  one"
	expect_status 0 env ROWBACK_NOW=1800400000 "$ROWBACK" -C cat log --kind quick -1
	expect_out "backup            taken         kind   rows  size  pushed  code
20270118T192000Z  28 hours ago  quick     2   0 B  yes     $(code cat | cut -c 1-7)"
	# Where sources differ they are shown.
	git -C cat config source.crm.url "sqlite:$work/full.db"
	rb cat -q backup
	expect_status 0 rb cat log
	head -n 2 "$work/out" | tail -n 1 | grep -q 'full  *app crm '
	[ "$(awk '{ if (length > m) m = length } END { print m }' "$work/out")" -le 100 ] ||
		fail "it is wide: $(cat "$work/out")"
	rm -rf cat && cp -a cat.kept cat
	git -C cat push -qf origin main
}

show_has_the_code() {
	expect_status 0 rb cat show 20270116T114640Z
	sed -n '1,/^pushed/p' "$work/out" >the-head
	same_text "the head" the-head "backup   20270116T114640Z
commit   $(git -C cat rev-parse main~2)
taken    2027-01-16T11:46:40Z
kind     quick
data of  20270115T080000Z
trigger  manual
label    two
code     $(code cat master~2)
subject  two
branch   master
state    clean
pushed   yes"
	expect_out_has 'no changes since 20270115T080000Z'
	expect_status 0 rb cat --json show 20270116T114640Z
	[ "$(json '.kind, .data_backup, .code.commit, .bytes_added' | tr '\n' ' ')" = \
		"quick 20270115T080000Z $(code cat master~2) 0 " ]
	# What came before a full one is the data before, not the quick one between.
	expect_status 0 rb cat --json show 20270117T153320Z
	[ "$(json '.before, .data_backup' | tr '\n' ' ')" = '20270115T080000Z null ' ]
}

latest_is_of_data() {
	for spec in "" latest; do
		expect_status 0 rb cat --json show $spec
		[ "$(json .id)" = 20270117T153320Z ]
	done
	expect_status 0 rb cat --json show latest~1
	[ "$(json .id)" = 20270115T080000Z ]
	expect_status 10 rb cat show latest~2
	expect_status 0 rb cat --json show --at @1800150000
	[ "$(json .id)" = 20270115T080000Z ]
	# By its id, its commit or its label a quick one is found.
	expect_status 0 rb cat --json show 20270118T1
	[ "$(json .id)" = 20270118T192000Z ]
	expect_status 0 rb cat --json show "$(git -C cat rev-parse main)"
	[ "$(json .kind)" = quick ]
}

restoring_a_quick_one_says_whose_data() {
	expect_status 0 env ROWBACK_NOW=1800400000 "$ROWBACK" -C cat restore 20270118T192000Z \
		--to sqlite:got.db --yes
	expect_err '20270118T192000Z is a quick backup: its data is that of backup 20270117T153320Z, taken 2 days ago'
	expect_out_has 'backup 20270117T153320Z to'
	[ "$(sql got.db 'SELECT count(*) FROM t')" = 2 ]
	expect_status 0 rb cat --json verify --drill 20270118T192000Z
	[ "$(json .backup)" = 20270117T153320Z ] || fail "$(cat "$work/out")"
	expect_err_has '20270118T192000Z is a quick backup: its data is that of backup 20270117T153320Z'
	expect_status 0 rb cat --json verify --all
	# A merge is against what changed with the data, not against the same tree.
	sql got.db "DELETE FROM t WHERE id = 2; INSERT INTO t VALUES(3, 'mine')"
	expect_status 0 rb cat restore 20270118T192000Z --to sqlite:got.db --strategy merge --yes
	[ "$(sql got.db 'SELECT group_concat(id) FROM t')" = 1,2,3 ]
}

# Its data outlives the backup that brought it: the tree is the same.
a_quick_one_alone() {
	git clone -q cat.kept alone
	git -C alone checkout -q --orphan rest
	git -C alone commit -q -C origin/main
	git -C alone branch -qM main
	git -C alone config source.app.url "sqlite:$work/cat.db"
	expect_status 0 rb alone restore 20270118T192000Z --to sqlite:alone.db --yes
	expect_err '20270118T192000Z is a quick backup: its data is of a backup that is gone'
	[ "$(sql alone.db 'SELECT count(*) FROM t')" = 2 ]
	expect_status 10 rb alone show
}

a_restore_keeps_the_code_with_the_safety_backup() {
	sql cat.db "INSERT INTO t VALUES(3, 'three')"
	expect_status 0 rb cat --json restore 20270115T080000Z --yes
	safety=$(json .safety_backup)
	[ "$(rb cat --json show "$safety" | jq -r '.kind + " " + .code.commit')" = "safety $(code cat)" ]
	# With nothing to save it is the newest backup of data, not the quick one on top of it.
	rb cat -q backup --quick
	expect_status 0 rb cat --json restore "$safety" --yes
	other=$(json .safety_backup)
	[ "$(rb cat --json show "$other" | jq -r .kind)" != quick ]
	[ "$(sql cat.db 'SELECT count(*) FROM t')" = 3 ]
}

doctor_looks_at_the_app() {
	expect_status 0 rb full --json doctor
	json '.checks[] | select(.section == "app") | [.name, .status, .text] | join("|")' >lines
	same_text "the report" lines "path|info|$work/full.app
branch|info|master
commit|ok|$(code full | cut -c 1-12) second release
state|info|clean"
	echo x >full.app/new
	git -C full.app checkout -q --detach
	expect_status 0 rb full doctor
	expect_out_has "app       state                dirty: files there are not as in a commit; \
this branch is not what is checked out there"
	rm full.app/new
	git -C full config app.branch main
	expect_status 1 rb full doctor
	expect_out_has "app       commit               error: the app repository '$work/full.app' has no \
commit on branch 'main'"
	git -C full config app.branch master
	# A quick backup does not make old data look fresh.
	expect_status 1 env ROWBACK_NOW=1900000000 "$ROWBACK" -C full --json doctor
	ROWBACK_NOW=1900000000 rb full -q backup --quick
	expect_status 1 env ROWBACK_NOW=1900000000 "$ROWBACK" -C full --json doctor
	[ "$(json '[.checks[] | select(.name == "age") | .status] | join(" ")')" = warning ]
}

check "a full backup records the code" a_full_one_records_the_code
check "another commit of the code alone makes a backup" another_commit_alone_makes_a_backup
check "data is backed up although the app repository is broken" data_comes_before_code
check "sync records the code" sync_records_it_too
check "a quick backup needs an app and a backup of data" quick_needs_an_app_and_a_backup
check "a quick backup records the code and reads nothing" quick_records_the_code_and_reads_nothing
check "a quick backup in a bare store" quick_in_a_bare_store
check "a quick backup that is not pushed stays" a_push_that_fails_leaves_it_in_the_store
check "git's environment and linked worktrees" below_a_hook
check "log filters combine" log_filters_combine
check "log says which backup is nearest to a deploy" no_backup_of_a_deploy
check "log finds hashes without the app repository" the_log_without_the_app
check "the table of the log is narrow" the_table_is_narrow
check "show has the code" show_has_the_code
check "latest is of data" latest_is_of_data
check "restoring a quick backup says whose data it is" restoring_a_quick_one_says_whose_data
check "a quick backup whose data's backup is gone" a_quick_one_alone
check "safety backups have the code" a_restore_keeps_the_code_with_the_safety_backup
check "doctor looks at the app repository" doctor_looks_at_the_app
