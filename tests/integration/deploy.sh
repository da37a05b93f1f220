#!/bin/sh
# A team deploys by `git push`: an application's repository with its remote and a backup remote,
# both over ssh, rowback's own gate behind the hooks.
. "$(dirname "$0")/../harness/cli.sh"
# shellcheck source=tests/harness/servers.sh
. "$root/tests/harness/servers.sh"
need sqlite3 git jq python3
SERVERS_HOME=$root/tests/harness
servers=$(make_server_dir) || fail "no directory for servers"
at_exit() { stop_servers "$servers"; }

start_sshd "$servers" >"$work/sshd.log" 2>&1 || skip "${why:-$(tail -n 1 "$work/sshd.log")}"
# shellcheck disable=SC1091 # made by the server
. "$servers/env"
GIT_SSH_COMMAND="ssh -F $SSH_CONFIG"
export GIT_SSH_COMMAND

NOW=1795190400 # 2026-11-20T16:00:00Z
at() { # MINUTES COMMAND...: run it so many minutes later
	ROWBACK_NOW=$((NOW + $1 * 60))
	export ROWBACK_NOW
	shift
	"$@"
}

rb() { "$ROWBACK" -C "$work/store" "$@"; }
deploy() { git -C "$work/app" push -q origin master; }
commit() { git -C "$work/app" commit -q --allow-empty -m "$1"; }
deployed() { [ "$(git -C "$work/app.git" rev-parse master)" = "$(git -C "$work/app" rev-parse master)" ]; }

refused() { # MINUTES PATTERN: a deploy is refused, and says why
	expect_status 1 at "$1" deploy
	grep -q "$2" "$work/err" || fail "not said: $2: $(cat "$work/err")"
	grep -q "rowback: push refused: 'refs/heads/master' is protected" "$work/err"
	deployed && fail 'it was deployed'
	return 0
}

allowed() {
	expect_status 0 at "$1" deploy
	deployed || fail 'it was not deployed'
}

a_team_is_set_up() {
	git init -q --bare -b master app.git
	# As on a server: its HEAD is on a branch that is never pushed.
	git init -q --bare -b master backups.git
	git init -q -b master app
	git -C app remote add origin "far:$work/app.git"
	echo 1 >app/version
	git -C app add version
	commit 'version 1'
	sql app.db "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT NOT NULL);
		CREATE TABLE orders(id INTEGER PRIMARY KEY, user INTEGER NOT NULL REFERENCES users(id));
		INSERT INTO users VALUES(1, 'ann'), (2, 'bob'); INSERT INTO orders VALUES(1, 1), (2, 2)"
	"$ROWBACK" -q init --source app=sqlite:app.db --remote "far:$work/backups.git" store
	git -C store config app.path "$work/app"
	expect_status 0 rb hook install app --max-age 1h --require full
}

without_a_backup_it_is_refused() {
	refused 0 'no .*backup'
	grep -q "hint: .*backup" err
	grep -qF "rowback -C $work/store backup" err || fail "no command to make one: $(cat err)"
}

a_backup_makes_it_possible() {
	at 0 rb -q backup
	[ "$(git -C backups.git rev-parse main)" = "$(git -C store rev-parse main)" ]
	allowed 1
}

one_that_is_too_old_does_not() {
	commit 'version 2'
	refused 62 'old'
	# An idle database is looked at, and that is as good.
	at 62 rb -q backup --no-push
	refused 63 'remote'
	at 63 rb -q backup
	allowed 64
}

one_that_was_not_pushed_does_not() {
	commit 'version 3'
	sql app.db "INSERT INTO users VALUES(3, 'cyd')"
	at 200 rb -q backup --no-push
	refused 201 'remote'
	at 201 rb -q sync
	allowed 202
}

a_quick_one_does_not() {
	commit 'version 4'
	at 300 rb -q backup --quick
	refused 301 'full'
	rb hook install app --max-age 1h --require quick
	allowed 301
	rb hook install app --max-age 1h --require full
}

the_hook_can_take_one() {
	commit 'version 5'
	sql app.db "INSERT INTO users VALUES(4, 'dan')"
	rb hook install app --max-age 1h --backup
	allowed 400
	[ "$(git -C backups.git rev-parse main)" = "$(git -C store rev-parse main)" ]
	expect_status 0 rb --json log -1
	[ "$(jq -r '.backups[0].kind' out)" = full ]
	rb hook install app --max-age 1h
}

a_dead_remote_refuses() {
	commit 'version 6'
	mv backups.git gone.git
	refused 402 'remote'
	mv gone.git backups.git
	allowed 402
}

a_linked_worktree_is_no_way_around() {
	git -C app worktree add -q ../tree -b topic
	git -C tree commit -q --allow-empty -m 'from a worktree'
	expect_status 1 at 700 git -C tree push -q origin topic:master
	grep -q 'old' err
	expect_status 0 at 700 git -C tree push -q origin topic
}

continuous_integration_asks_the_remote_alone() {
	git clone -q --no-checkout "far:$work/backups.git" ci
	expect_status 0 at 410 "$ROWBACK" -C ci --json gate --max-age 1h
	[ "$(jq -r '.pass' out)" = true ]
	expect_status 17 at 900 "$ROWBACK" -C ci --json gate --max-age 1h
	[ "$(jq -r '.pass' out)" = false ]
	[ "$(ls ci)" = '' ]
}

# By path: a server's clock cannot be set through ssh.
the_server_asks_although_the_hook_was_passed_by() {
	"$ROWBACK" -q -C ci hook install app.git --hook pre-receive --max-age 1h
	git -C app remote add server "$work/app.git"
	commit 'version 7'
	expect_status 1 at 900 git -C app push -q --no-verify server master
	grep -q 'old' err
	at 900 rb -q backup --quick
	expect_status 1 at 901 git -C app push -q --no-verify server master
	sql app.db "INSERT INTO users VALUES(5, 'eve')"
	at 901 rb -q backup
	expect_status 0 at 902 git -C app push -q --no-verify server master
	deployed
}

check 'a team is set up' a_team_is_set_up
check 'without a backup it is refused' without_a_backup_it_is_refused
check 'a backup makes it possible' a_backup_makes_it_possible
check 'one that is too old does not' one_that_is_too_old_does_not
check 'one that was not pushed does not' one_that_was_not_pushed_does_not
check 'a quick one does not' a_quick_one_does_not
check 'the hook can take one' the_hook_can_take_one
check 'a dead remote refuses' a_dead_remote_refuses
check 'a linked worktree is no way around' a_linked_worktree_is_no_way_around
check 'continuous integration asks the remote alone' continuous_integration_asks_the_remote_alone
check 'the server asks although the hook was passed by' the_server_asks_although_the_hook_was_passed_by
