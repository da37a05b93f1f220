# shellcheck shell=sh
# For shell tests about stores; read after cli.sh.

# store_of DIR DB [NAME]: make a store in DIR for the database DB, as source NAME.
store_of() {
	expect_status 0 "$ROWBACK" -q init --no-check --source "${3:-app}=sqlite:$2" "$1"
}

# back_up DIR [OPTION...]: take a backup; its id is in $id.
# shellcheck disable=SC2034 # for the caller
back_up() {
	cli_store=$1
	shift
	expect_status 0 "$ROWBACK" -C "$cli_store" backup "$@"
	id=$(id_of "$cli_store")
}

# id_of DIR [COMMIT]: the id of a backup.
id_of() {
	git -C "$1" log -1 --format='%(trailers:key=Backup-Id,valueonly,separator=)' "${2:-HEAD}"
}

# tree_of DIR [COMMIT]: the name of source app's tree.
tree_of() {
	git -C "$1" rev-parse "${2:-HEAD}:app"
}

# whole DIR: git finds nothing wrong with a store, and its working tree is what HEAD says.
whole() {
	expect_status 0 git -C "$1" fsck --strict --full
	expect_status 0 git -C "$1" status --porcelain
	expect_out ""
}

# same_trees DIR DIR: the newest backups of two stores are equal.
same_trees() {
	[ "$(tree_of "$1")" != "$(tree_of "$2")" ] || return 0
	git -C "$1" fetch -q "$PWD/$2" HEAD
	git -C "$1" diff HEAD:app FETCH_HEAD:app | head -n 60
	fail "the newest backups of $1 and $2 are not equal"
}

# same_content DB DB
same_content() {
	[ "$(db_digest "$1")" = "$(db_digest "$2")" ] || fail "$1 and $2 have other contents"
}

# sound DB: SQLite finds nothing wrong.
sound() {
	[ "$(sql "$1" "PRAGMA integrity_check(3)" 2>&1)" = ok ] ||
		fail "$1: $(sql "$1" "PRAGMA integrity_check(3)" 2>&1)"
}

# place NAME: a clean directory to be in.
place() {
	rm -rf "${work:?}/$1"
	mkdir "$work/$1"
	cd "$work/$1" || exit 1
}
