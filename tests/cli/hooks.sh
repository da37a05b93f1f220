#!/bin/sh
# rowback hook: what is put into repositories of others, what it lets through, how it goes.
. "$(dirname "$0")/../harness/cli.sh"
need sqlite3 jq

# make_app NAME: an application's repository with a bare remote, and one commit on master.
make_app() {
	git init -q --bare -b master "$1.git"
	git init -q -b master "$1"
	git -C "$1" remote add origin "$work/$1.git"
	commit "$1" first
}

commit() { git -C "$1" commit -q --allow-empty -m "$2"; }

# make_store NAME: a database, a backup remote, a store; nothing backed up yet.
make_store() {
	sql "$1.db" "CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES(1, 'one')"
	git init -q --bare "$1-backups.git"
	"$ROWBACK" -q init --source "app=sqlite:$1.db" --remote "$work/$1-backups.git" "$1-store"
}

# The hook calls a stand-in for rowback here: it says what it was asked, and does as $work/answer
# says.  Whether rowback's own gate is asked well, the last tests see.
STAND_IN=$work
export STAND_IN
make_stand_in() {
	cat >"$work/stand-in" <<'END'
#!/bin/sh
{
	echo "$ROWBACK_HOOK $*"
	env | grep '^GIT_DIR\|^GIT_WORK_TREE\|^GIT_QUARANTINE\|^GIT_OBJECT' || :
} >>"$STAND_IN/asked"
exit "$(cat "$STAND_IN/answer")"
END
	chmod 755 "$work/stand-in"
}

answer() {
	echo "$1" >"$work/answer"
	rm -f "$work/asked"
}

hook() { "$ROWBACK" -C "$work/s-store" -q hook "$@"; }
remote_has() { [ "$(git -C "$1.git" rev-parse "$2" 2>/dev/null)" = "$(git -C "$1" rev-parse "$3")" ]; }

protects() {
	hook install "$@"
	git -C "$1" config rowback.pre-push.program "$work/stand-in"
}

an_app_is_protected() {
	make_store s
	make_stand_in
	make_app app
	expect_status 0 "$ROWBACK" -C s-store hook install app --max-age 1h --require full
	expect_out "$work/app/.git/hooks/pre-push asks the store $work/s-store"
	cmp "$root/hooks/pre-push" app/.git/hooks/pre-push
	[ "$(git -C app config rowback.pre-push.program)" = "$(readlink -f "$ROWBACK")" ]
	git -C app config rowback.pre-push.program "$work/stand-in"
	answer 17
	expect_status 1 git -C app push -q origin master
	grep -qx "rowback: push refused: 'refs/heads/master' is protected, and there is no backup to come back to" err
	[ "$(cat asked)" = "pre-push -C $work/s-store gate --require full --max-age 1h" ] ||
		fail "$(cat asked)"
	git -C app.git rev-parse -q --verify master && fail 'it was pushed'
	answer 0
	expect_status 0 git -C app push -q origin master
	remote_has app master master
}

other_refs_pass() {
	answer 17
	commit app second
	git -C app tag v1
	expect_status 0 git -C app push -q origin v1 HEAD:refs/heads/feature
	expect_status 0 git -C app push -q origin :feature :v1
	[ ! -e asked ]
	# One protected ref among others is enough.
	expect_status 1 git -C app push -q origin v1 master
	[ "$(git -C app.git tag)" = '' ]
	# Deleting what is protected passes as configured.
	git -C app.git config receive.denyDeleteCurrent ignore
	expect_status 0 git -C app push -q origin :master
	answer 0
	git -C app push -q origin master
	answer 17
	protects app --refuse-deletion
	expect_status 1 git -C app push -q origin :master
	grep -q "protected and must not be deleted" err
	[ ! -e asked ]
}

patterns_and_tags_can_be_protected() {
	protects app --branch 'release/*' --branch main --tag 'v*'
	answer 17
	commit app third
	expect_status 0 git -C app push -q origin master
	expect_status 1 git -C app push -q origin HEAD:release/1.2
	expect_status 1 git -C app push -q origin HEAD:main
	expect_status 1 git -C app push -q origin v1
	expect_status 0 git -C app push -q origin HEAD:mainline
	[ "$(wc -l <asked)" -eq 3 ]
	[ "$(git -C app config --get-all rowback.pre-push.branch | tr '\n' ' ')" = 'release/* main ' ]
	protects app
	[ "$(git -C app config --get-all rowback.pre-push.branch)" = master ]
	git -C app config rowback.pre-push.tag && fail 'tags are still protected'
	expect_status 2 "$ROWBACK" -C s-store hook install app --branch=-x
	expect_status 2 "$ROWBACK" -C s-store hook install app --max-age soon
}

options_are_passed_on() {
	protects app --backup --require quick
	answer 17
	commit app 'for options'
	expect_status 1 git -C app push -q origin HEAD:master --force
	expect_file asked "pre-push -C $work/s-store gate --require quick --backup --lock-wait 10m"
	protects app
	answer 17
	expect_status 1 git -C app push -q origin HEAD:master --force
	expect_file asked "pre-push -C $work/s-store gate"
}

expect_file() {
	printf '%s\n' "$2" | cmp - "$1" || fail "$1: $(cat "$1")"
}

a_hook_that_was_there_goes_first() {
	make_app two
	cat >two/.git/hooks/pre-push <<'END'
#!/bin/sh
echo "$1 $2" >>"$STAND_IN/theirs"
cat >>"$STAND_IN/theirs"
exit "$(cat "$STAND_IN/their-answer")"
END
	chmod 755 two/.git/hooks/pre-push
	cp two/.git/hooks/pre-push theirs.sh
	expect_status 0 "$ROWBACK" -C s-store hook install two
	expect_out "$work/two/.git/hooks/pre-push asks the store $work/s-store
the hook that was there before is called first"
	git -C two config rowback.pre-push.program "$work/stand-in"
	answer 0
	echo 3 >their-answer
	expect_status 1 git -C two push -q origin master
	[ ! -e asked ]
	echo 0 >their-answer
	expect_status 0 git -C two push -q origin master
	[ -e asked ]
	head -n 1 theirs | grep -qx "origin $work/two.git"
	sed -n 2p theirs | grep -qx "refs/heads/master $(git -C two rev-parse master) refs/heads/master 0*"
	# Again: it is not taken for one that was there before.
	hook install two
	cmp theirs.sh two/.git/hooks/pre-push.before-rowback
	cmp "$root/hooks/pre-push" two/.git/hooks/pre-push
	expect_status 0 "$ROWBACK" hook remove two
	cmp theirs.sh two/.git/hooks/pre-push
	[ ! -e two/.git/hooks/pre-push.before-rowback ]
	git -C two config --get-regexp '^rowback\.' && fail 'settings are left'
	# Removed twice: nothing to do, and theirs stays.
	expect_status 0 "$ROWBACK" hook remove two
	cmp theirs.sh two/.git/hooks/pre-push
	expect_status 1 "$ROWBACK" hook status two
}

two_hooks_before_are_not_mixed() {
	touch two/.git/hooks/pre-push.before-rowback
	expect_status 2 "$ROWBACK" -C s-store hook install two
	cmp theirs.sh two/.git/hooks/pre-push
	rm two/.git/hooks/pre-push.before-rowback
}

a_linked_worktree_is_protected() {
	protects app
	git -C app worktree add -q ../tree -b topic
	answer 17
	commit tree fourth
	expect_status 1 git -C tree push -q origin topic:master --force
	expect_file asked "pre-push -C $work/s-store gate"
	# From a sub-directory, and with git's own variables set, as below another hook.
	mkdir tree/sub
	answer 0
	(cd tree/sub && GIT_DIR="$work/app/.git/worktrees/tree" GIT_WORK_TREE="$work/tree" \
		git push -q origin topic:master --force)
	expect_file asked "pre-push -C $work/s-store gate"
	# Installed through the worktree it is the same.
	expect_status 0 "$ROWBACK" --json hook remove tree
	[ "$(jq -r '.file' out)" = "$work/app/.git/hooks/pre-push" ]
	[ ! -e app/.git/hooks/pre-push ]
	expect_status 0 hook install tree
	[ -x app/.git/hooks/pre-push ]
}

a_shared_directory_of_hooks_serves() {
	make_app three
	make_app four
	mkdir shared
	git -C three config core.hooksPath "$work/shared"
	git -C four config core.hooksPath "$work/shared"
	protects three
	[ -x shared/pre-push ]
	[ ! -e three/.git/hooks/pre-push ]
	answer 17
	expect_status 1 git -C three push -q origin master
	# The other repository has no settings: it is not protected.
	rm -f asked
	expect_status 0 git -C four push -q origin master
	[ ! -e asked ]
	protects four
	commit four second
	expect_status 1 git -C four push -q origin master
	expect_status 0 "$ROWBACK" hook remove three
	grep -q 'other repositories may use it' err
	expect_status 0 git -C three push -q origin master
	expect_status 1 git -C four push -q origin master
	# One within the working tree belongs to the repository alone.
	make_app five
	git -C five config core.hooksPath .githooks
	protects five
	expect_status 1 git -C five push -q origin master
	expect_status 0 "$ROWBACK" hook remove five
	[ ! -e five/.githooks/pre-push ]
	# A manager that writes its files anew would take ours away.
	git -C five config core.hooksPath .husky/_
	expect_status 2 hook install five
	grep -q husky err
}

PATH_WITHOUT=$(dirname "$(command -v git)"):/usr/bin:/bin

without_rowback_it_refuses() {
	protects app
	git -C app config rowback.pre-push.program "$work/gone/rowback"
	expect_status 1 env PATH="$PATH_WITHOUT" git -C app push -q origin HEAD:master --force
	grep -qx "rowback: push refused: rowback is not there: neither '$work/gone/rowback' nor in PATH" err
	grep -q '^hint: install it' err
	# Found in PATH it serves.
	mkdir -p bin
	ln -sf "$work/stand-in" bin/rowback
	answer 0
	commit app fifth
	expect_status 0 env PATH="$work/bin:$PATH_WITHOUT" git -C app push -q origin HEAD:master --force
	[ -e asked ]
}

# The command that it says to run must work in the shell of whoever pushes.
its_hint_names_the_program() {
	make_app seven
	hook install seven
	expect_status 1 env PATH="$PATH_WITHOUT" git -C seven push -q origin master
	grep -qx "hint: take one: $(readlink -f "$ROWBACK") -C $work/s-store backup" err
	ln -sf "$ROWBACK" bin/rowback
	expect_status 1 env PATH="$work/bin:$PATH_WITHOUT" git -C seven push -q origin master
	grep -qx "hint: take one: rowback -C $work/s-store backup" err
	rm bin/rowback
}

# Each linked worktree has its own directory of hooks then.
hooks_in_the_working_tree_are_told() {
	make_app eight
	git -C eight config core.hooksPath .githooks
	expect_status 0 hook install eight
	grep -q "warning: '$work/eight/.githooks/pre-push' lies in the working tree" err
	expect_status 0 "$ROWBACK" --json hook status eight
	[ "$(jq .in_worktree out)" = true ]
	expect_status 0 "$ROWBACK" --json hook status seven
	[ "$(jq .in_worktree out)" = false ]
	git -C eight config rowback.pre-push.program "$work/stand-in"
	git -C eight add .githooks
	commit eight hooks
	git -C eight worktree add -q ../eighth -b topic
	answer 17
	expect_status 1 git -C eighth push -q origin topic:master
	[ -e asked ]
}

# A rollback holds the lock of the store while it pushes, and has a backup of its own.
a_rollback_is_not_asked() {
	make_app nine
	protects nine
	answer 17
	expect_status 0 env ROWBACK_ROLLBACK="$work/s-store" git -C nine push -q origin master
	[ ! -e asked ]
	commit nine second
	expect_status 1 env ROWBACK_ROLLBACK="$work/other-store" git -C nine push -q origin master
	[ -e asked ]
}

what_is_no_repository_is_refused() {
	mkdir -p empty
	expect_status 2 hook install empty
	grep -q empty err
	grep -q '^hint: name a git repository' err
	expect_status 2 hook install "$work/not-there"
	expect_status 10 "$ROWBACK" -C empty hook install app
	expect_status 2 "$ROWBACK" hook print no-such
	expect_status 2 "$ROWBACK" hook instal app
}

the_server_asks_too() {
	make_app six
	"$ROWBACK" -C s-store hook install six.git --hook pre-receive --max-age 30m
	cmp "$root/hooks/pre-receive" six.git/hooks/pre-receive
	git -C six.git config rowback.pre-receive.program "$work/stand-in"
	answer 17
	expect_status 1 git -C six push -q --no-verify origin master
	grep -q "rowback: push refused: 'refs/heads/master' is protected" err
	# Nothing of the push's repository gets to the gate.
	expect_file asked "pre-receive -C $work/s-store gate --max-age 30m"
	expect_status 0 git -C six push -q origin master:feature
	answer 0
	expect_status 0 git -C six push -q origin master
	remote_has six master master
}

a_remote_only_grows() {
	git init -q --bare grows.git
	"$ROWBACK" hook install grows.git --hook append-only
	cmp "$root/hooks/append-only" grows.git/hooks/update
	"$ROWBACK" hook print append-only | cmp - grows.git/hooks/update
	sql g.db "CREATE TABLE t(a); INSERT INTO t VALUES(1)"
	"$ROWBACK" -q init --source app=sqlite:g.db --remote "$work/grows.git" g
	"$ROWBACK" -q -C g backup
	"$ROWBACK" -q -C g backup
	sql g.db "INSERT INTO t VALUES(2)"
	"$ROWBACK" -q -C g backup
	"$ROWBACK" -q -C g backup
	"$ROWBACK" -q -C g verify --drill
	"$ROWBACK" -q -C g backup
	git -C grows.git config receive.denyDeleteCurrent ignore
	tip=$(git -C g rev-parse main)
	[ "$(git -C grows.git rev-parse main)" = "$tip" ]
	git -C g branch old main~1
	expect_status 1 git -C g push -q --force origin old:main
	grep -q "'refs/heads/main' cannot be rewritten; this remote only grows" err
	expect_status 1 git -C g push -q origin :main
	grep -q "'refs/heads/main' cannot be deleted" err
	expect_status 1 git -C g push -q --force origin old:refs/notes/rowback
	# Checks replace each other, and new branches come.
	expect_status 0 git -C g push -q --force origin old:refs/rowback/check/main old
	# What a person on that machine allows is possible once, and is no deletion.
	git -C grows.git config rowback.allowRewrite "refs/heads/main:$tip"
	expect_status 1 git -C g push -q origin :main
	expect_status 0 git -C g push -q --force origin old:main
	git -C g push -q origin main
	expect_status 1 git -C g push -q --force origin "$(git -C g rev-parse old)^{tree}:refs/heads/main"
	[ "$(git -C grows.git rev-parse main)" = "$tip" ]
}

# What hangs on a history that is pruned: a safety backup of another database, pins, notes.
what_hangs_on_a_pruned_history_follows() {
	git init -q --bare hangs.git
	"$ROWBACK" hook install hangs.git --hook append-only
	sql h.db "CREATE TABLE t(a); INSERT INTO t VALUES(1)"
	sql elsewhere.db "CREATE TABLE t(a); INSERT INTO t VALUES(99)"
	"$ROWBACK" -q init --source app=sqlite:h.db --remote "$work/hangs.git" h
	for i in 2 3 4 5 6 7; do
		sql h.db "INSERT INTO t VALUES($i)"
		"$ROWBACK" -q -C h backup
		[ $i -ne 3 ] || "$ROWBACK" -q -C h pin latest
		[ $i -ne 4 ] || "$ROWBACK" -q -C h restore latest --to "sqlite:$work/elsewhere.db" \
			--strategy replace --yes >/dev/null
	done
	safety=$(git -C h for-each-ref --format='%(refname)' refs/rowback/safety)
	[ -n "$safety" ]
	git -C hangs.git for-each-ref >before
	grep -q "$safety" before
	grep -q refs/rowback/pin/ before
	expect_status 14 "$ROWBACK" -C h prune --keep-last 1 --confirm
	# Refused, nothing has moved.
	git -C hangs.git for-each-ref | diff before -
	git -C hangs.git config rowback.allowRewrite "refs/heads/main:$(git -C hangs.git rev-parse main)"
	expect_status 0 "$ROWBACK" -C h prune --keep-last 1 --confirm
	expect_err ''
	for ref in $(git -C h for-each-ref --format='%(refname)' refs/rowback/safety refs/rowback/pin refs/notes); do
		[ "$(git -C hangs.git rev-parse "$ref")" = "$(git -C h rev-parse "$ref")" ] || fail "$ref"
	done
	grep -q "$(git -C hangs.git rev-parse "$safety")" before && fail 'it did not follow'
	# Another content, or none, is no safety backup that only moved.
	expect_status 1 git -C h push -q --force origin "main:$safety"
	grep -q "'$safety' cannot be rewritten" err
	expect_status 1 git -C h push -q origin ":$safety"
	git -C h cat-file commit "$safety" | sed 's/^tree .*/tree '"$(git -C h rev-parse 'main^{tree}')"/ >forged
	expect_status 1 git -C h push -q --force origin "$(git -C h hash-object -t commit -w --stdin <forged):$safety"
}

a_confirmed_prune_is_let_through_once() {
	for i in 3 4 5 6; do
		sql g.db "INSERT INTO t VALUES($i)"
		"$ROWBACK" -q -C g backup
	done
	tip=$(git -C g rev-parse main)
	expect_status 14 "$ROWBACK" -C g prune --keep-last 1 --confirm
	grep -q 'append-only\|refused\|only grows' err
	[ "$(git -C g rev-parse main)" = "$tip" ]
	[ "$(git -C grows.git rev-parse main)" = "$tip" ]
	git -C grows.git config rowback.allowRewrite "refs/heads/main:$tip"
	expect_status 0 "$ROWBACK" -C g prune --keep-last 1 --confirm
	[ "$(git -C grows.git rev-parse main)" = "$(git -C g rev-parse main)" ]
	[ "$(git -C g log --format=%B main | grep -c "^Backup-Id")" -eq 4 ] # three by keepMin, and the drilled one
	git -C grows.git fsck --strict --no-dangling
	# Used up: taking it back would be another rewrite.
	expect_status 14 "$ROWBACK" -C g prune --undo --confirm
}

check 'an app is protected' an_app_is_protected
check 'other refs pass' other_refs_pass
check 'patterns and tags can be protected' patterns_and_tags_can_be_protected
check 'options are passed on to the gate' options_are_passed_on
check 'a hook that was there goes first' a_hook_that_was_there_goes_first
check 'two hooks before are not mixed' two_hooks_before_are_not_mixed
check 'a linked worktree is protected' a_linked_worktree_is_protected
check 'a shared directory of hooks serves' a_shared_directory_of_hooks_serves
check 'without rowback it refuses' without_rowback_it_refuses
check 'its hint names the program' its_hint_names_the_program
check 'hooks in the working tree are told' hooks_in_the_working_tree_are_told
check 'a rollback is not asked' a_rollback_is_not_asked
check 'what is no repository is refused' what_is_no_repository_is_refused
check 'the server asks, too' the_server_asks_too
check 'a remote only grows' a_remote_only_grows
check 'what hangs on a pruned history follows' what_hangs_on_a_pruned_history_follows
check 'a confirmed prune is let through, once' a_confirmed_prune_is_let_through_once
