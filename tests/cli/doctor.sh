#!/bin/sh
# rowback doctor: what is there, what is wrong, and what to do about each.
. "$(dirname "$0")/../harness/cli.sh"
need sqlite3 jq

sql app.db "CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES(1, 'one')"
git init -q --bare remote.git
"$ROWBACK" -q init --source "app=sqlite:$work/app.db" --remote "$work/remote.git" well
"$ROWBACK" -q -C well backup
cp -a well template
cp -a remote.git template.git

fresh() {
	rm -rf well remote.git
	cp -a template well
	cp -a template.git remote.git
}

doctor() { "$ROWBACK" -C well doctor "$@"; }
json() { jq -r "$1" "$work/out"; }

# finds SECTION NAME STATUS TEXT HINT: by the report for programs, and by the one for people.
finds() {
	expect_status 1 doctor --json
	json '.checks[] | [.section, .name, .status, .text, .hint // ""] | join("|")' >lines
	grep -F -- "$1|$2|$3|" lines >found || { cat lines; fail "not found: $1|$2|$3"; }
	grep -qF -- "$4" found || { cat lines; fail "not found: $4"; }
	grep -qF -- "$5" found || { cat lines; fail "no hint: $5"; }
	[ "$(json '.errors + .warnings')" = \
		"$(json '[.checks[] | select(.status == "error" or .status == "warning")] | length')" ]
	expect_status 1 doctor
	grep "^$1  *$2  *$3: " "$work/out" >found || { cat "$work/out"; fail "not told"; }
	grep -qF -- "$4" found || { cat "$work/out"; fail "not told: $4"; }
	[ -z "$5" ] || expect_out_has "$5"
}

all_is_well() {
	id=$(git -C well log -1 --format='%(trailers:key=Backup-Id,valueonly)' | head -n 1)
	expect_status 0 doctor
	grep '^versions' "$work/out" | tr -s ' ' | cut -d ' ' -f 2 | tr '\n' ' ' >names
	[ "$(cat names)" = 'rowback git libgit2 sqlite jansson ' ]
	grep -v '^versions' "$work/out" | sed 's/, .* ago$/, AGO/; s/, in .*/, AGO/' >rest
	same_text "the report" rest "store     path                 $work/well
store     backups              ok: 1
store     newest backup        $id, AGO
config    file                 $work/well/.git/config
config    rowback.branch       main
config    rowback.remote       origin
config    rowback.maxAge       93600 s
config    rowback.pushTimeout  3600 s
config    rowback.busyTimeout  5 s
source    app                  ok: sqlite:$work/app.db can be read
remote    url                  $work/remote.git
remote    reachable            ok: it answers
remote    branch               ok: it has the newest backup
remote    private              ok: it is a path on this machine"
	expect_status 0 doctor --json
	[ "$(json '.message_type, .errors, .warnings' | tr '\n' ' ')" = 'doctor 0 0 ' ]
	[ "$(json '[.checks[].status] | unique | join(" ")')" = 'info ok' ]
	# It only looks.
	find well -type f -exec sha256sum {} + | sort >after
	(cd template && find . -type f -exec sha256sum {} + | sed 's#\./#well/#' | sort) >before
	diff before after
	expect_status 0 doctor --offline
	! grep -q 'reachable' "$work/out"
}

no_store() {
	mkdir elsewhere
	expect_status 1 "$ROWBACK" -C elsewhere doctor
	expect_out_has "error: there is no git repository at 'elsewhere' or above it"
	expect_out_has "hint: rowback init elsewhere"
}

an_unknown_key() {
	fresh
	git -C well config rowback.brnach x
	finds store open error "rowback.brnach" "rowback.branch"
}

nothing_yet() {
	fresh
	rm -rf remote.git
	git init -q --bare remote.git
	"$ROWBACK" -q init --source "app=sqlite:$work/app.db" --remote "$work/remote.git" young
	rm -rf well
	mv young well
	finds store backups warning 0 "take the first: rowback backup"
	grep -qF "remote|branch|info|it has no branch 'main' yet" lines
}

too_old() {
	fresh
	git -C well config rowback.maxAge 1s
	ROWBACK_NOW=1924992000
	export ROWBACK_NOW
	finds store age warning "the source was last looked at" "take one: rowback backup"
	# A look that found nothing new counts.
	expect_status 0 "$ROWBACK" -C well backup
	expect_status 0 doctor
}

waits_for_the_remote() {
	fresh
	"$ROWBACK" -q -C well backup --force --no-push
	finds store "not pushed" warning "the remote has not confirmed 1 backup" \
		"bring them to the remote: rowback sync"
	grep -qF 'remote|branch|warning|it does not have the newest backup|rowback sync' lines
}

was_killed() {
	fresh
	: >well/.git/rowback/running
	finds store "working tree" warning "an operation was killed while it wrote files" \
		"the next backup puts it right: rowback backup"
}

is_running() {
	need flock
	fresh
	# An operation that writes the working tree, and somebody who holds the lock for it.
	: >well/.git/rowback/running
	printf '{"pid":4242,"command":"backup","started":"2026-11-20T15:58:00Z"}\n' >well/.git/rowback/lock
	exec 8<well/.git/rowback/lock
	flock 8
	expect_status 0 doctor
	expect_out_has "is running: backup, pid 4242, since 2026-11-20T15:58:00Z"
	! grep -q "was killed" "$work/out"
	exec 8<&-
	finds store "working tree" warning "an operation was killed while it wrote files" ""
}

tells_the_last_failure() {
	fresh
	git -C well config source.app.url "sqlite:$work/none.db"
	ROWBACK_NOW=1795190280
	export ROWBACK_NOW
	expect_status 13 "$ROWBACK" -C well backup
	git -C well config source.app.url "sqlite:$work/app.db"
	git -C well config rowback.maxAge 100y
	ROWBACK_NOW=1795193880
	expect_status 0 doctor
	expect_out_has "backup, 60 minutes ago: "
	expect_out_has "$work/none.db"
	expect_out_has "hint: rowback activity --failed"
	# A day later it is no news.
	ROWBACK_NOW=1795280000
	expect_status 0 doctor
	! grep -q "last failure" "$work/out"
}

knows_what_an_event_is() {
	fresh
	sql app.db "INSERT INTO t VALUES(2, 'two')"
	expect_status 0 "$ROWBACK" -C well restore --yes
	"$ROWBACK" -q -C well sync
	sql app.db "INSERT INTO t VALUES(3, 'three')"
	"$ROWBACK" -q -C well backup
	sql app.db "DELETE FROM t WHERE id = 3"
	"$ROWBACK" -q -C well backup
	expect_status 0 "$ROWBACK" -C well restore --yes latest~1
	# The record of the restore is no backup that waits.
	expect_status 0 doctor
	expect_out_has "ok: it has the newest backup; the next push brings what was recorded since"
	sql app.db "DELETE FROM t WHERE id > 1"
}

open_to_others() {
	fresh
	chmod 755 well
	finds store permissions warning "others on this machine may read it (mode 755)" \
		"close it: chmod 700 STORE"
}

is_incomplete() {
	fresh
	cp app.db torn.db
	sql torn.db "CREATE TABLE big(v); WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1
		FROM n WHERE i < 2000) INSERT INTO big SELECT printf('%0500d', i) FROM n"
	dd if=/dev/zero of=torn.db bs=4096 seek=100 count=2 conv=notrunc status=none
	git -C well config source.app.url "sqlite:$work/torn.db"
	expect_status 1 "$ROWBACK" -C well backup --allow-incomplete
	finds store incomplete warning "the newest backup lacks app/big" "repair the source"
}

no_source() {
	fresh
	git -C well config --remove-section source.app
	finds source none warning "no source is configured" "source.app.url sqlite:/path/app.db"
	git -C well config source.app.url "sqlite:$work/none.db"
	finds source app error "$work/none.db" ""
	git -C well config source.app.url "oracle:x"
	finds source app error "oracle" ""
	git -C well config source.app.url "sqlite:$work/app.db"
	git -C well config source.app.exclude 'cache_*'
	expect_status 0 doctor
	expect_out_has "rows of these tables are left out: cache_*"
}

no_remote() {
	fresh
	git -C well remote remove origin
	finds remote origin warning "no remote is configured" "add one: git remote add origin URL"
}

a_remote_that_does_not_answer() {
	fresh
	rm -rf remote.git
	finds remote reachable error "$work/remote.git" "make the repository there first"
}

a_remote_that_diverged() {
	fresh
	git clone -q remote.git clone
	git -C clone commit -q --allow-empty -m theirs
	git -C clone push -q
	finds remote branch error "it diverged" "git config rowback.branch NAME"
}

no_branch_there() {
	fresh
	git -C remote.git update-ref -d refs/heads/main
	finds remote branch warning "it has no branch 'main' yet" "rowback sync"
}

public_is_allowed() {
	fresh
	git -C well config rowback.allowPublic true
	finds config rowback.allowPublic warning "data may be pushed to a remote that anybody can read" ""
}

secrets_are_hidden() {
	fresh
	git -C well remote set-url origin "https://me:s3cret@localhost:1/x.git"
	git -C well config rowback.pushTimeout 5s
	expect_status 1 doctor
	expect_out_has "https://me:***@localhost:1/x.git"
	! grep s3cret "$work/out" "$work/err"
	expect_status 1 doctor --json
	! grep s3cret "$work/out" "$work/err"
}

bare() {
	rm -rf well
	"$ROWBACK" -q init --bare --source "app=sqlite:$work/app.db" well
	"$ROWBACK" -q -C well backup 2>/dev/null
	finds remote origin warning "no remote is configured" ""
	grep -qF "store|path|info|$work/well (bare)" lines
	fresh
}

check "all is well" all_is_well
check "no store" no_store
check "an unknown key" an_unknown_key
check "no backup yet" nothing_yet
check "a backup that is too old" too_old
check "backups that wait for the remote" waits_for_the_remote
check "an operation that was killed" was_killed
check "an operation that is running" is_running
check "the last failure is told" tells_the_last_failure
check "a record in the history is no backup that waits" knows_what_an_event_is
check "a store that others may read" open_to_others
check "a backup that is incomplete" is_incomplete
check "a source that is not there" no_source
check "no remote" no_remote
check "a remote that does not answer" a_remote_that_does_not_answer
check "a remote that diverged" a_remote_that_diverged
check "a remote without the branch" no_branch_there
check "a public remote that is allowed" public_is_allowed
check "secrets are hidden" secrets_are_hidden
check "a bare store" bare
