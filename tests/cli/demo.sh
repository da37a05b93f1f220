#!/bin/sh
# scripts/demo, and `make demo`: the first thing that anybody tries.
. "$(dirname "$0")/../harness/cli.sh"
need sqlite3 git

shows_the_main_job() {
	mkdir here
	expect_status 0 sh -c 'cd here && "$0"' "$root/scripts/demo"
	expect_err ""
	[ "$(tail -n 1 "$work/out")" = '# app.db and new.db hold the same 22008 lines of SQL' ]
	expect_out_has "drill: 1 source restored, exported again: the same tree"
	expect_out_has '- app/orders {"id":42,"user_id":295,"total":52.5}'
	expect_out_has '+ app/orders {"id":42,"user_id":295,"total":99.5}'
	expect_out_has "20000 orders"
	expect_out_has "rowback: push refused: 'refs/heads/master' is protected"
	expect_out_has "pass: full backup 2"
	! grep -n ' $' "$work/out" || fail "a line ends with a blank"
	! grep -n "$(printf '\033')" "$work/out" || fail "colours without a terminal"
	find here "$TMPDIR" -mindepth 1 >left
	[ ! -s left ] || fail "it left $(cat left)"
}

shows_it_on_a_database_of_yours() {
	sql mine.db "CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES(1, 'one')"
	git init -q --bare mine.git
	before=$(sha256sum <mine.db)
	expect_status 0 sh -c 'cd here && "$0" ../mine.db ../mine.git' "$root/scripts/demo"
	[ "$(tail -n 1 "$work/out")" = '# the store stays in ./rowback-store' ]
	[ "$(git -C mine.git rev-list --count main)" -eq 1 ]
	[ "$(git -C here/rowback-store rev-parse main)" = "$(git -C mine.git rev-parse main)" ]
	expect_status 0 "$root/scripts/demo" mine.db
	expect_out_has "drill: 1 source restored, exported again: the same tree"
	[ "$before" = "$(sha256sum <mine.db)" ]
	[ -z "$(ls -A "$TMPDIR")" ] || fail "it left $(ls -A "$TMPDIR")"
	# The second time the store is there.
	expect_status 2 sh -c 'cd here && "$0" ../mine.db ../mine.git' "$root/scripts/demo"
	expect_err_has "there is a git repository at './rowback-store' already"
}

make_passes_them_on() {
	expect_status 0 make -C "$root" -n BUILD="$BUILD" demo DB=a.db REMOTE=b.git STORE=c
	expect_out_has 'scripts/demo "a.db" "b.git" "c"'
	expect_out_has 'scripts/install-deps --demo'
	expect_status 0 make -C "$root" -n BUILD="$BUILD" demo
	grep -q 'scripts/demo *$' "$work/out"
	expect_status 0 make -C "$root" help
	grep -q '^make demo  *install what is missing' "$work/out"
}

check "shows the main job" shows_the_main_job
check "shows it on a database of yours" shows_it_on_a_database_of_yours
check "make passes on what it is given" make_passes_them_on
