#!/bin/sh
# The bytes of a store, pinned: what rowback makes of tests/golden/make.sql is tests/golden/store,
# and what rowback reads from there is that database.
#
# A difference here is a change of format.  When it is meant, it moves the format's version
# (RB_FORMAT_VERSION, docs/format.md), and
#
#	GOLDEN=write sh tests/cli/golden.sh
#
# writes the files anew.
. "$(dirname "$0")/../harness/cli.sh"
. "$root/tests/harness/stores.sh"
need sqlite3 git

golden=$root/tests/golden

make_store() {
	sql app.db <"$golden/make.sql"
	expect_status 0 "$ROWBACK" -q init --no-check --source "app=sqlite:$PWD/app.db" store
	expect_status 0 "$ROWBACK" -C store -q backup --no-push
}

# RESTORE.md has a file of its own in the sources, and its words are not pinned.
if [ "${GOLDEN:-}" = write ]; then
	make_store
	rm -rf "$golden/store"
	mkdir "$golden/store"
	git -C store archive HEAD | tar -x -C "$golden/store"
	rm "$golden/store/RESTORE.md"
	tree_of store >"$golden/tree"
	echo "ok written"
	exit 0
fi

writes_the_golden_files() {
	place write
	make_store
	expect_status 0 diff -r --exclude=.git --exclude=RESTORE.md "$golden/store" store
	cmp store/RESTORE.md "$root/src/format/RESTORE.md"
	[ "$(tree_of store)" = "$(cat "$golden/tree")" ] || fail "the tree has another name"
	whole store
}

# The files come from outside, as those of another machine would.
reads_the_golden_files() {
	place read
	sql app.db <"$golden/make.sql"
	git init -q --bare remote.git
	git init -q -b main other
	cp -R "$golden/store/." other
	git -C other add .
	git -C other commit -q -F - <<'END'
backup: golden

Backup-Id: 20261120T155800Z
Backup-Kind: full
Backup-Source: app
END
	[ "$(tree_of other)" = "$(cat "$golden/tree")" ] || fail "the tree has another name"
	git -C other push -q "$PWD/remote.git" main
	expect_status 0 "$ROWBACK" -q init --remote "$PWD/remote.git" store
	expect_status 0 "$ROWBACK" -C store verify
	expect_status 0 "$ROWBACK" -C store -q restore latest --to "sqlite:$PWD/new.db"
	same_content app.db new.db
	sound new.db
}

# reference.py knows nothing but docs/format.md.
writes_what_the_specification_says() {
	command -v python3 >/dev/null || skip "python3 is not installed"
	place say
	make_store
	expect_status 0 python3 "$golden/reference.py" app.db said
	expect_status 0 diff -r --exclude=.git --exclude=.gitattributes --exclude=RESTORE.md said store

	place many
	sql app.db "
		CREATE TABLE n(id INTEGER PRIMARY KEY, v TEXT, r REAL);
		INSERT INTO n SELECT value * 7 - 50000, hex(zeroblob(value * 7919 % 90)),
			ieee754(value * 2654435761, value % 1900 - 1000) FROM generate_series(1, 20000);
		CREATE TABLE k(a, b, v, PRIMARY KEY(a, b));
		INSERT INTO k SELECT CASE id % 5 WHEN 0 THEN NULL WHEN 1 THEN v WHEN 2 THEN r
			WHEN 3 THEN CAST(r AS BLOB) ELSE id END, CASE id % 4 WHEN 0 THEN NULL ELSE id END,
			CASE id % 3 WHEN 0 THEN r ELSE 'x' END FROM n LIMIT 8000;
		CREATE TABLE x(rowid, _rowid_, oid);
		INSERT INTO x SELECT id % 3, NULL, CASE id % 2 WHEN 0 THEN 0.0 ELSE -0.0 END FROM n LIMIT 5000;"
	expect_status 0 "$ROWBACK" -q init --no-check --source "app=sqlite:$PWD/app.db" store
	expect_status 0 "$ROWBACK" -C store -q backup --no-push
	expect_status 0 python3 "$golden/reference.py" app.db said
	expect_status 0 diff -r --exclude=.git --exclude=.gitattributes --exclude=RESTORE.md said store
	[ -n "$(find store/app/n/rows -mindepth 1 -type d)" ] || fail "there is no directory of chunks"
}

# | key | `bytes` | `hash` |
has_the_hashes_of_the_specification() {
	command -v python3 >/dev/null || skip "python3 is not installed"
	python3 - "$golden" "$root/docs/format.md" <<'END'
import re, sys
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
from reference import hash64
found = re.findall(r"^\| [^|]+ \| (?:`([0-9a-f]*)`)? ?\| `([0-9a-f]{16})` \|$",
                   open(sys.argv[2]).read(), re.M)
assert len(found) > 15, len(found)
for data, want in found:
    assert "%016x" % hash64(bytes.fromhex(data)) == want, data
END
}

check "writes the golden files" writes_the_golden_files
check "reads the golden files" reads_the_golden_files
check "writes what the specification says" writes_what_the_specification_says
check "has the hashes of the specification" has_the_hashes_of_the_specification
