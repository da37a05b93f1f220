#!/bin/sh
# rowback init: a store is made, or continued from its remote; a failure leaves nothing.
. "$(dirname "$0")/../harness/cli.sh"
need sqlite3 jq

sql app.db "CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES(1, 'one'), (2, 'two')"

config() { git -C "$1" config --get-all "$2"; }

makes_a_store() {
	git init -q --bare empty.git
	expect_status 0 "$ROWBACK" init --source "sqlite:$work/app.db" --remote "$work/empty.git" first
	expect_out "made the store $work/first
remote $work/empty.git: it answers
next: rowback -C $work/first backup"
	expect_err ""
	[ "$(config first source.app.url)" = "sqlite:$work/app.db" ]
	[ "$(config first rowback.branch)" = main ]
	[ "$(config first remote.origin.url)" = "$work/empty.git" ]
	[ "$(config first remote.origin.fetch)" = '+refs/heads/*:refs/remotes/origin/*' ]
	[ "$(git -C first symbolic-ref HEAD)" = refs/heads/main ]
	[ "$(git -C first rev-parse --is-bare-repository)" = false ]
	[ "$(stat -c %a first first/.git | tr '\n' ' ')" = '700 700 ' ]
	[ -z "$(git -C first status --porcelain)" ]
}

next_command_works() {
	git init -q --bare next.git
	expect_status 0 "$ROWBACK" init --source sqlite:app.db --remote "$work/next.git" next
	next=$(sed -n 's/^next: rowback //p' "$work/out")
	# shellcheck disable=SC2086 # words, on purpose
	expect_status 0 "$ROWBACK" $next
	[ "$(git -C next.git rev-list --count main)" -eq 1 ]
}

makes_a_bare_store() {
	expect_status 0 "$ROWBACK" init --bare --source sqlite:app.db bare
	[ "$(git -C bare rev-parse --is-bare-repository)" = true ]
	expect_status 0 "$ROWBACK" -C bare backup
	[ "$(git -C bare show main:rowback.json | jq -r '.sources | keys[0]')" = app ]
}

in_the_current_directory() {
	mkdir here
	(cd here && expect_status 0 "$ROWBACK" init --source sqlite:../app.db)
	expect_out "made the store $work/here
next: rowback -C $work/here backup"
	[ "$(config here source.app.url)" = "sqlite:$work/app.db" ]
}

names_follow_the_rule() {
	cp app.db 'My App (2).db'
	expect_status 0 "$ROWBACK" init --source "sqlite:My App (2).db" named
	[ "$(config named source.my-app-2.url)" = "sqlite:$work/My App (2).db" ]
	expect_status 0 "$ROWBACK" init --source crm=sqlite:app.db named2
	[ "$(config named2 source.crm.url)" = "sqlite:$work/app.db" ]
	for name in CON con A/b .x 'a b' ''; do
		expect_status 2 "$ROWBACK" init --source "$name=sqlite:app.db" refused
		expect_err_has "rowback: error:"
		[ ! -e refused ] || fail "'$name' left something"
	done
	expect_status 2 "$ROWBACK" init --source con=sqlite:app.db refused
	expect_err_has "'con' cannot be the name of a source"
	expect_err_has "hint: use a to z"
}

two_sources() {
	cp app.db crm.db
	expect_status 0 "$ROWBACK" init --source sqlite:app.db --source sqlite:crm.db two
	[ "$(config two source.crm.url)" = "sqlite:$work/crm.db" ]
	expect_status 0 "$ROWBACK" -C two backup
	[ "$(git -C two ls-tree --name-only HEAD | tr '\n' ' ')" = \
		'.gitattributes RESTORE.md app crm rowback.json ' ]
	mkdir other
	cp app.db other/app.db
	expect_status 2 "$ROWBACK" init --source sqlite:app.db --source sqlite:other/app.db same
	expect_err "rowback: error: two sources are named 'app'
hint: give each a name: --source NAME=URL"
	[ ! -e same ]
}

a_source_must_be_one() {
	expect_status 13 "$ROWBACK" init --source sqlite:missing.db gone
	expect_err_has "source 'missing': "
	expect_err_has "$work/missing.db"
	[ ! -e gone ] && [ ! -e missing.db ]
	echo "this is a text, and no database at all" >notes.db
	expect_status 13 "$ROWBACK" init --source sqlite:notes.db gone
	expect_err_has "not a database"
	[ ! -e gone ]
	mkdir dir.db
	expect_status 13 "$ROWBACK" init --source sqlite:dir.db gone
	[ ! -e gone ]
	expect_status 2 "$ROWBACK" init --source oracle:app.db gone
	expect_err_has "oracle"
	expect_status 2 "$ROWBACK" init --source app.db gone
	expect_err_has "hint: it begins with the engine: sqlite:/path/to/file.db"
	[ ! -e gone ]
	mkdir -p deep/kept
	expect_status 13 "$ROWBACK" init --source sqlite:missing.db deep/kept
	[ -z "$(ls -A deep/kept)" ] || fail "$(ls -A deep/kept) was left"
	expect_status 13 "$ROWBACK" init --bare --source sqlite:missing.db deep/kept
	[ -z "$(ls -A deep/kept)" ] || fail "$(ls -A deep/kept) was left"
}

another_ones_directory_is_untouched() {
	mkdir full
	echo mine >full/file
	expect_status 2 "$ROWBACK" init --source sqlite:app.db full
	expect_err "rowback: error: the directory 'full' is not empty
hint: give the store a directory of its own"
	[ "$(ls -A full)" = file ] && [ "$(cat full/file)" = mine ]
	git init -q repo
	git -C repo config me.mine yes
	expect_status 2 "$ROWBACK" init --source sqlite:app.db repo
	expect_err_has "there is a git repository at 'repo' already"
	[ "$(git -C repo config me.mine)" = yes ]
	before=$(cd first && find . | sort | sha256sum)
	expect_status 2 "$ROWBACK" init --source sqlite:app.db first
	[ "$before" = "$(cd first && find . | sort | sha256sum)" ]
	echo file >plain
	expect_status 2 "$ROWBACK" init --source sqlite:app.db plain
	expect_err_has "'plain' is not a directory"
}

# make_remote NAME: one that holds a store with three backups.
make_remote() {
	git init -q --bare "$1.git"
	cp app.db "$1.db"
	"$ROWBACK" -q init --source "app=sqlite:$1.db" --remote "$work/$1.git" "$1"
	"$ROWBACK" -q -C "$1" backup --label one
	sql "$1.db" "INSERT INTO t VALUES(3, 'three')"
	"$ROWBACK" -q -C "$1" backup --label two
	"$ROWBACK" -q -C "$1" backup # the record of a check
	"$ROWBACK" -q -C "$1" verify --drill >verified
	sql "$1.db" "DELETE FROM t WHERE id = 1"
	"$ROWBACK" -q -C "$1" backup --label three
}

continues_from_the_remote() {
	make_remote lost
	rm -rf lost
	expect_status 0 "$ROWBACK" init --remote "$work/lost.git" found
	expect_out "made the store $work/found
remote $work/lost.git: it answers
continued from it: 3 backups
say where 'app' is: git -C $work/found config source.app.url sqlite:PATH
next: rowback -C $work/found log"
	[ -z "$(git -C found status --porcelain)" ]
	git -C found fsck --strict --no-dangling
	expect_status 0 "$ROWBACK" -C found --json log
	[ "$(jq -r '[.backups[] | .label, .pushed] | join(" ")' "$work/out")" = \
		"three true two true one true" ]
	expect_status 0 "$ROWBACK" -C found restore latest --to sqlite:again.db
	[ "$(db_digest again.db)" = "$(db_digest lost.db)" ]
	expect_status 0 "$ROWBACK" -C found restore latest~1 --to sqlite:before.db
	[ "$(sql before.db 'SELECT count(*) FROM t')" -eq 3 ]
	git -C found config source.app.url "sqlite:$work/lost.db"
	expect_status 0 "$ROWBACK" -C found backup
	expect_out "app: 2 rows read, 40 B
nothing changed since backup $(git -C found log -1 --format='%(trailers:key=Backup-Id,valueonly)' | head -n 1)
backed up: $work/lost.git has it"
	sql lost.db "INSERT INTO t VALUES(9, 'nine')"
	expect_status 0 "$ROWBACK" -C found backup
	[ "$(git -C lost.git rev-list --count main)" -eq 4 ]
}

continues_bare() {
	make_remote tolost
	expect_status 0 "$ROWBACK" init --bare --remote "$work/tolost.git" found.git
	expect_status 0 "$ROWBACK" -C found.git restore latest --to sqlite:again2.db
	[ "$(db_digest again2.db)" = "$(db_digest tolost.db)" ]
	# With the source given at once, the next run needs no push of old ones.
	expect_status 0 "$ROWBACK" init --remote "$work/tolost.git" --source app=sqlite:tolost.db both
	expect_out "made the store $work/both
remote $work/tolost.git: it answers
continued from it: 3 backups
next: rowback -C $work/both log"
	expect_status 0 "$ROWBACK" -C both backup
	expect_out_has "nothing changed since backup"
}

finds_another_branch() {
	make_remote trunk
	git -C trunk config rowback.branch trunk
	git -C trunk.git symbolic-ref HEAD refs/heads/trunk
	git -C trunk.git branch -m main trunk
	expect_status 0 "$ROWBACK" init --remote "$work/trunk.git" follows
	[ "$(config follows rowback.branch)" = trunk ]
	[ "$(git -C follows symbolic-ref HEAD)" = refs/heads/trunk ]
	expect_out_has "continued from it: 3 backups"
	[ -z "$(git -C follows status --porcelain)" ]
	# Another one that is asked for is begun.
	expect_status 0 "$ROWBACK" init --remote "$work/trunk.git" --branch host2 \
		--source sqlite:app.db second
	expect_out_has "next: rowback -C $work/second backup"
	expect_status 0 "$ROWBACK" -C second backup
	[ "$(git -C trunk.git rev-list --count host2)" -eq 1 ]
	expect_status 2 "$ROWBACK" init --branch 'a b' --source sqlite:app.db gone
	[ ! -e gone ]
}

another_repository_is_refused() {
	git init -q code
	git -C code commit -q --allow-empty -m code
	expect_status 16 "$ROWBACK" init --remote "$work/code" --source sqlite:app.db gone
	expect_err "rowback: error: branch 'main' of the remote holds something else than a rowback store
hint: give an empty repository, or another branch with --branch NAME"
	[ ! -e gone ]
	mkdir kept
	expect_status 16 "$ROWBACK" init --remote "$work/code" --source sqlite:app.db kept
	[ -z "$(ls -A kept)" ] || fail "$(ls -A kept) was left"
	expect_status 0 "$ROWBACK" init --remote "$work/code" --branch backups --source sqlite:app.db beside
}

a_remote_must_answer() {
	status=0
	"$ROWBACK" init --remote "$work/no-such.git" --source sqlite:app.db gone >out 2>err || status=$?
	[ "$status" -eq 2 ] || fail "status $status"
	grep -qF "$work/no-such.git" err || fail "$(cat err)"
	grep -q '^hint: ' err || fail "$(cat err)"
	[ ! -e gone ]
	expect_status 0 "$ROWBACK" init --no-check --remote "$work/no-such.git" \
		--source sqlite:not-yet.db unchecked
	expect_out "made the store $work/unchecked
remote $work/no-such.git: not asked
next: rowback -C $work/unchecked backup"
	expect_status 13 "$ROWBACK" -C unchecked backup
}

a_relative_remote_stays_right() {
	git init -q --bare rel.git
	expect_status 0 "$ROWBACK" init --remote rel.git --source sqlite:app.db rel
	[ "$(config rel remote.origin.url)" = "$work/rel.git" ]
	expect_status 0 "$ROWBACK" -C rel backup
	[ "$(git -C rel.git rev-list --count main)" -eq 1 ]
	expect_status 0 "$ROWBACK" init --remote ./rel.git rel2
	expect_out_has "continued from it: 1 backup"
}

for_programs() {
	expect_status 0 "$ROWBACK" --json init --source sqlite:app.db json
	[ "$(jq -cS . "$work/out")" = '{"adopted":0,"message_type":"init","missing_sources":[],"remote":null,"remote_asked":false,"remote_is_public":false,"sources":1,"store":"'"$work"'/json"}' ]
	expect_status 0 "$ROWBACK" --json init --remote "$work/lost.git" json2
	[ "$(jq -r '.adopted, .missing_sources[0], .remote_asked' "$work/out" | tr '\n' ' ')" = \
		'4 app true ' ]
	expect_status 0 "$ROWBACK" -q init --source sqlite:app.db quiet
	expect_out ""
	expect_err ""
}

without_a_source() {
	expect_status 0 "$ROWBACK" init sourceless
	expect_out "made the store $work/sourceless
next: git -C $work/sourceless config source.app.url sqlite:/path/app.db"
	expect_status 2 "$ROWBACK" -C sourceless backup
	expect_err_has "no source is configured"
	git -C sourceless config source.app.url "sqlite:$work/app.db"
	expect_status 0 "$ROWBACK" -C sourceless backup
}

check "makes a store with its configuration" makes_a_store
check "the command that it names next works" next_command_works
check "makes a bare store" makes_a_bare_store
check "makes it in the current directory" in_the_current_directory
check "names of sources follow the rule" names_follow_the_rule
check "two sources may be given" two_sources
check "a source that cannot be read leaves nothing" a_source_must_be_one
check "what is there already is untouched" another_ones_directory_is_untouched
check "continues from the remote" continues_from_the_remote
check "continues from the remote, bare or with its source" continues_bare
check "finds the branch that the remote has" finds_another_branch
check "a remote of something else is refused" another_repository_is_refused
check "a remote that does not answer is refused" a_remote_must_answer
check "a relative remote stays right" a_relative_remote_stays_right
check "one document for programs" for_programs
check "a source may come later" without_a_source
