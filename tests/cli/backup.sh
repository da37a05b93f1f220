#!/bin/sh
# rowback backup, export and sync: what is committed, what is not, what stays.
. "$(dirname "$0")/../harness/cli.sh"
need sqlite3 jq

# make_store NAME: a database of two tables, a remote and a store, nothing backed up yet.
make_store() {
	sql "$1.db" "CREATE TABLE t(id INTEGER PRIMARY KEY, v);
		CREATE TABLE log(id INTEGER PRIMARY KEY, line TEXT);
		INSERT INTO t VALUES(1, 'one'), (2, 'two'); INSERT INTO log VALUES(1, 'started')"
	git init -q --bare "$1.git"
	"$ROWBACK" -q init --source "app=sqlite:$1.db" --remote "$work/$1.git" "$1"
}

rb() {
	store=$1
	shift
	"$ROWBACK" -C "$store" "$@"
}

json() { jq -r "$1" "$work/out"; }
commits() { git -C "$1" rev-list --count main; }
trailer() { git -C "$1" log -1 --format="%(trailers:key=$2,valueonly)" | head -n 1; }

clean() {
	git -C "$1" status --porcelain >"$work/dirty"
	[ ! -s "$work/dirty" ] || fail "git status of $1: $(cat "$work/dirty")"
}

the_first_one() {
	make_store s
	expect_status 0 rb s --json backup
	[ "$(json '.committed, .pushed, .rows, .tables, .sources[0].read, .push.commits' | tr '\n' ' ')" = \
		'true true 3 2 true 1 ' ]
	[ "$(json .commit)" = "$(git -C s rev-parse main)" ]
	[ "$(json .commit)" = "$(git -C s.git rev-parse main)" ]
	[ "$(json .id)" = "$(trailer s Backup-Id)" ]
	clean s
	git -C s fsck --strict --no-dangling
	printf '{"id":1,"v":"one"}\n{"id":2,"v":"two"}\n' | cmp - s/app/t/rows/*.jsonl
}

unchanged_is_not_read() {
	expect_status 0 rb s --json backup
	[ "$(json '.committed, .pushed, .sources[0].read' | tr '\n' ' ')" = 'false true false ' ]
	[ "$(commits s)" -eq 1 ]
	expect_status 0 rb s backup
	expect_out "app: not written since it was read last
nothing changed since backup $(trailer s Backup-Id)
backed up: $work/s.git has it"
	# One page is looked at, which says what was written; a sanitizer and strace do not
	# go together.
	if command -v strace >/dev/null && ! grep -q __asan_init "$ROWBACK"; then
		strace -f -e trace=pread64 -y -o "$work/trace" "$ROWBACK" -q -C s backup
		[ "$(grep -c 's\.db>.* 4096) = 4096' "$work/trace" || true)" -le 1 ] ||
			fail "$(grep 's\.db' "$work/trace")"
	fi
	expect_status 0 rb s --json backup --full
	[ "$(json '.committed, .sources[0].read' | tr '\n' ' ')" = 'false true ' ]
	expect_status 0 rb s --json backup --force
	[ "$(json '.committed, .changed.inserted' | tr '\n' ' ')" = 'true 0 ' ]
	[ "$(commits s)" -eq 2 ]
	clean s
}

a_check_is_recorded() {
	check_ref=refs/rowback/check/main
	before=$(git -C s.git rev-parse "$check_ref")
	expect_status 0 env ROWBACK_NOW=1798761600 "$ROWBACK" -C s backup
	after=$(git -C s.git rev-parse "$check_ref")
	[ "$before" != "$after" ]
	[ "$after" = "$(git -C s rev-parse "$check_ref")" ]
	[ "$(git -C s.git rev-parse "$check_ref^")" = "$(git -C s rev-parse main)" ]
	i=1
	while [ $i -le 12 ]; do
		ROWBACK_NOW=17987616$((i + 10)) "$ROWBACK" -q -C s backup
		i=$((i + 1))
	done
	loose=$(git -C s count-objects | cut -d ' ' -f 1)
	[ "$loose" -le 4 ] || fail "$loose loose objects"
	git -C s fsck --strict --no-dangling
	[ "$(git -C s.git rev-parse "$check_ref")" = "$(git -C s rev-parse "$check_ref")" ]
}

says_who_and_why() {
	sql s.db "UPDATE t SET v = 'uno' WHERE id = 1"
	expect_status 0 rb s backup --label 'before upgrade' --trigger deploy --note 'first line
Backup-Kind: safety'
	[ "$(trailer s Backup-Label)" = 'before upgrade' ]
	[ "$(trailer s Backup-Trigger)" = deploy ]
	[ "$(trailer s Backup-Kind)" = full ]
	[ "$(trailer s Backup-Source)" = app ]
	[ "$(trailer s Backup-Rows)" = 3 ] || fail "$(git -C s log -1)"
	[ "$(trailer s Tool-Version)" = "$("$ROWBACK" --version | cut -d ' ' -f 2)" ]
	git -C s log -1 --format=%B | grep -q 'first line'
	[ "$(git -C s log -1 --format=%s)" = 'backup: app ~1 rows in 1 of 2 tables' ] ||
		fail "$(git -C s log -1 --format=%s)"
	before=$(git -C s rev-parse main)
	expect_status 2 rb s backup --force --label 'two
lines'
	expect_status 2 rb s backup --force --trigger never
	[ "$before" = "$(git -C s rev-parse main)" ]
}

# A name that somebody asks for must be found later, also when nothing changed.
a_name_is_never_lost() {
	expect_status 0 rb s backup
	count=$(git -C s rev-list --count main)
	expect_status 0 rb s backup --label before-upgrade
	[ "$(trailer s Backup-Label)" = before-upgrade ]
	[ "$(git -C s rev-list --count main)" -eq $((count + 1)) ]
	# A schedule that always gives it makes no commit a night.
	expect_status 0 rb s backup --label before-upgrade
	expect_out_has "nothing changed"
	expect_status 0 rb s backup
	expect_out_has "nothing changed"
	[ "$(git -C s rev-list --count main)" -eq $((count + 1)) ]
	expect_status 0 rb s backup --note 'looked at by ann'
	git -C s log -1 --format=%B | grep -q 'looked at by ann'
	[ "$(git -C s rev-list --count main)" -eq $((count + 2)) ]
	expect_status 0 rb s show before-upgrade
	clean s
}

one_source_of_several() {
	make_store two
	sql crm.db "CREATE TABLE c(id INTEGER PRIMARY KEY); INSERT INTO c VALUES(1)"
	git -C two config source.crm.url "sqlite:$work/crm.db"
	expect_status 0 rb two backup
	sql two.db "INSERT INTO t VALUES(3, 'three')"
	sql crm.db "INSERT INTO c VALUES(2)"
	app=$(git -C two rev-parse main:app)
	expect_status 0 rb two --json backup --source crm
	[ "$(json '[.sources[].name] | join(" ")')" = crm ]
	[ "$(git -C two rev-parse main:app)" = "$app" ]
	[ "$(git -C two show main:rowback.json | jq -r '.sources | keys | join(" ")')" = 'app crm' ]
	[ "$(trailer two Backup-Source)" = crm ]
	clean two
	expect_status 0 rb two --json backup
	[ "$(json '.committed, (.sources[] | .read)' | tr '\n' ' ')" = 'true true false ' ]
	expect_status 2 rb two backup --source csm
	expect_err_has "csm"
	expect_status 2 rb two backup --source crm --source crm
	expect_err_has "source 'crm' is named twice"
}

pushes_what_waits() {
	make_store wait
	expect_status 0 rb wait backup --no-push
	expect_err ""
	sql wait.db "INSERT INTO t VALUES(3, 'three')"
	expect_status 0 rb wait backup --no-push
	expect_status 0 rb wait --json log
	[ "$(json '[.backups[].pushed] | join(" ")')" = 'false false' ]
	[ -z "$(git -C wait.git for-each-ref)" ]
	expect_status 0 rb wait --json backup
	[ "$(json '.committed, .pushed, .push.commits' | tr '\n' ' ')" = 'false true 2 ' ]
	[ "$(git -C wait.git rev-parse main)" = "$(git -C wait rev-parse main)" ]
	expect_status 0 rb wait --json log
	[ "$(json '[.backups[].pushed] | join(" ")')" = 'true true' ]
}

without_a_remote() {
	expect_status 0 "$ROWBACK" -q init --source app=sqlite:s.db alone
	expect_status 0 rb alone backup
	expect_err "rowback: warning: no remote is configured: the backup is on this machine only"
	expect_status 0 rb alone -q backup
	expect_out ""
	expect_err "rowback: warning: no remote is configured: the backup is on this machine only"
}

exports_then_syncs() {
	make_store ex
	rb ex -q backup
	sql ex.db "UPDATE t SET v = 'TWO' WHERE id = 2; INSERT INTO t VALUES(3, 'three')"
	expect_status 0 rb ex export
	[ "$(commits ex)" -eq 1 ]
	git -C ex diff >"$work/diff"
	grep -q '^-{"id":2,"v":"two"}' "$work/diff"
	grep -q '^+{"id":2,"v":"TWO"}' "$work/diff"
	git -C ex status --porcelain | grep -q '^ M app/t/rows/'
	expect_status 0 rb ex --json sync -m 'rows by hand'
	[ "$(json '.committed, .pushed, .changed.inserted, .changed.updated' | tr '\n' ' ')" = \
		'true true 1 1 ' ]
	[ "$(git -C ex log -1 --format=%s)" = 'rows by hand' ]
	[ "$(git -C ex.git rev-parse main)" = "$(git -C ex rev-parse main)" ]
	clean ex
	# It is the tree that a backup makes.
	tree=$(git -C ex rev-parse 'main^{tree}')
	expect_status 0 rb ex --json backup --full --force
	[ "$(git -C ex rev-parse 'main^{tree}')" = "$tree" ]
	before=$(git -C ex rev-parse main)
	expect_status 0 rb ex sync
	expect_out_has "nothing changed since backup"
	[ "$(git -C ex rev-parse main)" = "$before" ]
}

syncs_other_exporters() {
	mkdir ex/settings
	echo '{"theme":"dark"}' >ex/settings/app.json
	expect_status 0 rb ex sync
	[ "$(git -C ex show main:settings/app.json)" = '{"theme":"dark"}' ]
	sql ex.db "INSERT INTO t VALUES(4, 'four')"
	expect_status 0 rb ex backup
	[ "$(git -C ex show main:settings/app.json)" = '{"theme":"dark"}' ]
	clean ex
	expect_status 0 rb ex restore latest --to sqlite:ex2.db
	[ "$(db_digest ex.db)" = "$(db_digest ex2.db)" ]
	ln -s /etc/passwd ex/link
	expect_status 2 rb ex sync
	expect_err_has "link"
	rm ex/link
	clean ex
}

# What a person did to a table is kept, and said.
a_spoilt_table_is_said() {
	echo garbage >>ex/app/log/rows/0000000001.jsonl
	expect_status 1 rb ex sync
	expect_err_has "changes are not counted, see 'rowback verify': table 'log', rows/0000000001.jsonl, line"
	expect_status 15 rb ex verify
	expect_status 0 rb ex backup
	expect_status 0 rb ex verify
}

half_an_export_is_not_synced() {
	sql ex.db "DELETE FROM t WHERE id < 4; DELETE FROM log"
	: >ex/.git/rowback/running # as a killed export leaves it
	before=$(git -C ex rev-parse main)
	expect_status 3 rb ex sync
	expect_err_has "hint: write it anew with: rowback backup (or: rowback export)"
	[ "$(git -C ex rev-parse main)" = "$before" ]
	expect_status 0 rb ex export
	expect_status 0 rb ex sync
	[ "$(git -C ex show main:rowback.json | jq '[.. | .rows? // empty] | add')" -eq 1 ]
	: >ex/.git/rowback/running
	expect_status 0 rb ex backup
	[ ! -e ex/.git/rowback/running ]
	expect_status 0 rb ex sync
}

a_failed_first_one_leaves_no_files() {
	make_store bad
	sql bad.db "CREATE TABLE big(v); WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1
		FROM n WHERE i < 2000) INSERT INTO big SELECT printf('%0500d', i) FROM n"
	printf 'garbage garbage garbage' |
		dd of=bad.db bs=1 seek=$((4096 * 100)) conv=notrunc status=none
	expect_status 3 rb bad backup
	clean bad
	[ "$(ls -A bad)" = .git ] || fail "$(ls -A bad)"
	[ ! -e bad/.git/rowback/running ]
	expect_status 0 rb bad --json log
	[ "$(json '.backups | length')" -eq 0 ]
}

its_memory_may_be_deleted() {
	make_store forget
	rb forget -q backup
	sql forget.db "INSERT INTO t VALUES(3, 'three')"
	rb forget -q backup --no-push
	rm -rf forget/.git/rowback
	expect_status 0 rb forget --json log
	[ "$(json '[.backups[].pushed] | join(" ")')" = 'false true' ]
	expect_status 0 rb forget --json backup
	[ "$(json '.committed, .pushed, .sources[0].read' | tr '\n' ' ')" = 'false true true ' ]
	rm -rf forget/.git/rowback
	rb forget -q backup # pushes its record of a check without knowing of the last
	rm -rf forget/.git/rowback
	expect_status 0 env ROWBACK_NOW=1830297600 "$ROWBACK" -C forget backup
	expect_err ""
	[ "$(git -C forget rev-parse refs/rowback/check/main)" = \
		"$(git -C forget.git rev-parse refs/rowback/check/main)" ]
	rm -rf forget/.git/rowback
	expect_status 0 rb forget restore latest --to sqlite:forget2.db
	[ "$(db_digest forget.db)" = "$(db_digest forget2.db)" ]
	rm -rf forget/.git/rowback
	expect_status 0 rb forget verify --drill
	clean forget
}

stays_tidy() {
	make_store tidy
	i=1
	while [ $i -le 50 ]; do
		sql tidy.db "INSERT INTO log VALUES($i + 10, 'run $i')"
		[ $i -ne 7 ] || cp tidy.db seventh.db
		[ $i -ne 7 ] || label=seventh
		rb tidy -q backup --no-push ${label:+--label "$label"} 2>"$work/err"
		label=
		i=$((i + 1))
	done
	packs=$(find tidy/.git/objects/pack -name '*.pack' | wc -l)
	[ "$packs" -le 41 ] || fail "$packs packs"
	git -C tidy fsck --strict --no-dangling
	[ "$(commits tidy)" -eq 50 ]
	expect_status 0 rb tidy verify --all
	expect_status 0 rb tidy restore seventh --to sqlite:seventh2.db
	[ "$(db_digest seventh.db)" = "$(db_digest seventh2.db)" ]
	clean tidy
}

leaves_tables_out() {
	make_store left
	git -C left config source.app.exclude 'lo*'
	expect_status 0 rb left backup
	[ ! -e left/app/log/rows ]
	[ -e left/app/t/rows ]
	grep -q 'CREATE TABLE log' left/app/schema.sql
	# Another list of what is left out is another backup, though no row changed.
	git -C left config --unset source.app.exclude
	expect_status 0 rb left --json backup
	[ "$(json '.committed, .sources[0].read' | tr '\n' ' ')" = 'true true ' ]
	[ -e left/app/log/rows ]
	clean left
}

a_wrong_key_is_an_error() {
	git -C left config rowback.brnach other
	expect_status 2 rb left backup
	expect_err_has "rowback.brnach"
	expect_err_has "rowback.branch"
	git -C left config --unset rowback.brnach
	git -C left config source.app.exlude 'x'
	expect_status 2 rb left backup
	expect_err_has "exclude"
	git -C left config --unset source.app.exlude
	git -C left config rowback.maxAge soon
	expect_status 2 rb left backup
	expect_err_has "'rowback.maxage' is 'soon'"
	git -C left config --unset rowback.maxAge
}

a_dry_run_writes_nothing() {
	make_store dry
	for round in first later; do
		find dry dry.git -type f ! -name lock -exec sha256sum {} + | sort >"$work/before"
		expect_status 0 rb dry --json backup -n
		[ "$(json '.committed, .dry_run, .changed.inserted' | tr '\n' ' ')" = 'false true 3 ' ] ||
			[ $round = later ]
		find dry dry.git -type f ! -name lock -exec sha256sum {} + | sort >"$work/after"
		diff "$work/before" "$work/after" || fail "$round: files differ"
		expect_status 0 rb dry backup -n
		[ $round = later ] || expect_out_has "would back up +3 rows"
		rb dry -q backup
		sql dry.db "UPDATE t SET v = '$round'"
	done
	expect_status 0 rb dry backup -n
	expect_out_has "would back up ~2 rows"
}

what_is_the_users_survives() {
	make_store mine
	rb mine -q backup
	echo 'my notes' >mine/notes.txt
	mkdir mine/scripts && echo 'echo hi' >mine/scripts/run.sh
	sql mine.db "INSERT INTO t VALUES(5, 'five')"
	expect_status 0 rb mine backup
	[ "$(cat mine/notes.txt)" = 'my notes' ] && [ -e mine/scripts/run.sh ]
	[ -z "$(git -C mine ls-tree -r --name-only main notes.txt)" ]
	git -C mine add notes.txt
	git -C mine commit -q -m 'notes of mine'
	mine=$(git -C mine rev-parse main)
	sql mine.db "INSERT INTO t VALUES(6, 'six')"
	expect_status 0 rb mine backup
	[ "$(git -C mine rev-parse main^)" = "$mine" ]
	[ "$(git -C mine show main:notes.txt)" = 'my notes' ]
	# On top of a commit that is no backup, nothing has changed either.
	git -C mine commit -q --allow-empty -m 'another of mine'
	expect_status 0 rb mine backup
	expect_status 0 rb mine --json log
	[ "$(json '.backups | length')" -eq 3 ]
	[ "$(git -C mine.git rev-parse main)" = "$(git -C mine rev-parse main)" ]
	expect_status 0 rb mine restore latest --to sqlite:mine2.db
	[ "$(db_digest mine.db)" = "$(db_digest mine2.db)" ]
	# A file staged and not committed stays so.
	echo more >>mine/notes.txt
	git -C mine add notes.txt
	sql mine.db "INSERT INTO t VALUES(7, 'seven')"
	expect_status 0 rb mine backup
	[ "$(git -C mine status --porcelain)" = 'M  notes.txt
?? scripts/' ] || fail "$(git -C mine status --porcelain)"
	[ "$(cat mine/notes.txt)" = 'my notes
more' ]
}

incomplete_is_said() {
	make_store inc
	sql inc.db "CREATE TABLE big(v); WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1
		FROM n WHERE i < 2000) INSERT INTO big SELECT printf('%0500d', i) FROM n"
	rb inc -q backup
	before=$(git -C inc rev-parse main)
	sql inc.db "UPDATE t SET v = 'after' WHERE id = 1"
	dd if=/dev/zero of=inc.db bs=4096 seek=100 count=2 conv=notrunc status=none
	expect_status 3 rb inc backup
	expect_err_has "nothing was committed: this could not be read whole: app/big"
	expect_err_has "hint: repair the source, or back up the rest with: rowback backup --allow-incomplete"
	[ "$(git -C inc rev-parse main)" = "$before" ]
	[ "$(git -C inc.git rev-parse main)" = "$before" ]
	clean inc
	expect_status 0 rb inc restore latest --to sqlite:inc2.db
	[ "$(sql inc2.db 'SELECT count(*) FROM big')" -eq 2000 ]
	expect_status 1 rb inc --json backup --allow-incomplete
	[ "$(json '.committed, .pushed, .sources[0].incomplete' | tr '\n' ' ')" = 'true true true ' ]
	[ "$(trailer inc Backup-Incomplete)" = app/big ]
	git -C inc grep -qhF '{"id":1,"v":"after"}' main -- app/t
	clean inc
	git -C inc fsck --strict --no-dangling
	# It is looked at again each time, until it is whole.
	expect_status 3 rb inc backup
}

# SQLite refuses every statement over such a schema; the tables it can read are kept.
malformed_is_said() {
	make_store mal
	sql mal.db "CREATE TABLE lost(a); INSERT INTO lost VALUES(1); CREATE TABLE past(a);
		CREATE INDEX t_v ON t(v); PRAGMA writable_schema = ON;
		UPDATE sqlite_schema SET sql = 'CREATE TABLE lost(a' WHERE name = 'lost';
		UPDATE sqlite_schema SET rootpage = 1000 WHERE name = 'past';
		UPDATE sqlite_schema SET sql = 'CREATE INDEX t_v ON t(gone)' WHERE name = 't_v'"
	expect_status 3 rb mal backup
	expect_err_has "not exported: sqlite_schema: malformed database schema"
	expect_err_has "not exported: lost: its definition cannot be read"
	expect_err_has "nothing was committed: this could not be read whole: app/lost, app/past"
	[ "$(git -C mal rev-list --count --all)" = 0 ]
	expect_status 1 rb mal --json backup --allow-incomplete
	git -C mal show main:rowback.json >manifest
	[ "$(jq -c '.sources.app.missing' manifest)" = '["lost","past"]' ]
	expect_status 0 rb mal verify --drill
	expect_out_has "not checked: drill of source 'app': t_v: this index was not made: no such column: gone"
	expect_status 1 rb mal restore latest --to sqlite:mal2.db
	expect_err_has "not restored: lost: this table was not made: incomplete input"
	expect_err_has "not restored: t_v: this index was not made: no such column: gone"
	[ "$(sql mal2.db 'SELECT count(*) FROM t')" -gt 0 ]
	[ "$(sql mal2.db 'PRAGMA integrity_check')" = ok ]
	git -C mal fsck --strict --no-dangling
	# Which of two would the rows be of?
	sql mal.db "PRAGMA writable_schema = ON;
		UPDATE sqlite_schema SET name = 't', tbl_name = 't' WHERE name = 'past'"
	expect_status 13 rb mal backup
	expect_err_has "malformed database schema: two tables are named 't'"
}

check "the first backup" the_first_one
check "an unchanged source is not read" unchanged_is_not_read
check "a check is recorded, and old records go" a_check_is_recorded
check "label, note and trigger stand in the commit" says_who_and_why
check "a name is never lost" a_name_is_never_lost
check "one source of several" one_source_of_several
check "what waits is pushed by the next run" pushes_what_waits
check "without a remote it warns" without_a_remote
check "export, then sync" exports_then_syncs
check "sync takes what another exporter wrote" syncs_other_exporters
check "a spoilt table is synced, and said" a_spoilt_table_is_said
check "half an export is not synced" half_an_export_is_not_synced
check "a failed first backup leaves no files" a_failed_first_one_leaves_no_files
check ".git/rowback may be deleted" its_memory_may_be_deleted
check "fifty backups stay tidy" stays_tidy
check "tables are left out" leaves_tables_out
check "a wrong key is an error" a_wrong_key_is_an_error
check "a dry run writes nothing" a_dry_run_writes_nothing
check "the user's own files and commits survive" what_is_the_users_survives
check "an incomplete export is said, not committed" incomplete_is_said
check "a malformed definition is said, the rest is kept" malformed_is_said
