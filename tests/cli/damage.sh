#!/bin/sh
# Stores that are damaged, or were written by somebody else: what is wrong is named, and
# no database is touched.
. "$(dirname "$0")/../harness/cli.sh"
. "$root/tests/harness/stores.sh"
need sqlite3 git jq python3

# app DIR: app.db in a store, with a backup of it; then its rows change.
app() {
	place "$1"
	sql app.db "
		CREATE TABLE n(id INTEGER PRIMARY KEY, v TEXT);
		WITH RECURSIVE i(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM i WHERE i < 5000)
		INSERT INTO n SELECT i, 'value ' || i FROM i;
		CREATE TABLE t(k TEXT PRIMARY KEY, v);
		INSERT INTO t VALUES('a', 1), ('b', 2), ('c', 3);
		CREATE TABLE b(id INTEGER PRIMARY KEY, v BLOB);
		INSERT INTO b VALUES(1, zeroblob(600000))"
	store_of store "$PWD/app.db"
	back_up store
}

# Between the two, the working tree becomes the newest backup.
edit() { git -C store checkout -q -B edit main; }
edited() {
	git -C store commit -q -a -m "$(git -C store log -1 --format=%B main)"
	git -C store update-ref refs/heads/main HEAD
	git -C store checkout -q main
}

# edited_by SED FILE
edited_by() {
	edit
	sed -i "$1" "store/$2"
	edited
}

rows_of() { (cd store && find "app/$1/rows" -type f | sort | head -n 1); }

# refused STATUS MESSAGE: by a restore into a new database, by one into the live database,
# and by verify.
refused() {
	sql app.db "DELETE FROM n WHERE id % 2; DELETE FROM t; DELETE FROM b"
	cp app.db before.db
	expect_status "$1" "$ROWBACK" -C store restore latest --to "sqlite:$PWD/new.db"
	expect_err_has "$2"
	[ ! -e new.db ] || fail "new.db was made"
	expect_status "$1" "$ROWBACK" -C store restore latest --yes
	expect_err_has "$2"
	same_content before.db app.db
	sound app.db
	expect_status 15 "$ROWBACK" -C store verify "${3:-latest}"
	expect_err_has "$2"
	expect_status 15 "$ROWBACK" -C store verify "${3:-latest}" --no-fsck --json
	[ "$(jq -s '.[0].problems | length' "$work/out")" = 1 ] || fail "not one problem: $(cat "$work/out")"
}

rows_out_of_order() {
	app order
	edited_by '1{h;d};2{G}' "$(rows_of t)"
	refused 2 "table 't', rows/$(basename "$(rows_of t)"), line 2: its key is not after the row before"
}

a_row_twice() {
	app twice
	edited_by '1p' "$(rows_of t)"
	refused 2 "table 't', rows/$(basename "$(rows_of t)"), line 2: its key is not after the row before"
}

a_row_that_is_no_json() {
	app syntax
	edited_by '2s/}$/,}/' "$(rows_of t)"
	refused 2 "table 't', rows/$(basename "$(rows_of t)"), line 2"
}

a_row_with_a_blank() {
	app blank
	edited_by '2s/:/: /' "$(rows_of t)"
	refused 2 "table 't', rows/$(basename "$(rows_of t)"), line 2"
}

a_row_of_another_table() {
	app column
	edited_by '2s/"v"/"w"/' "$(rows_of t)"
	refused 2 "table 't', rows/$(basename "$(rows_of t)"), line 2"
}

a_line_without_an_end() {
	app end
	edit
	file=$(rows_of t)
	printf '%s' "$(cat "store/$file")" >"store/$file.new"
	mv "store/$file.new" "store/$file"
	edited
	refused 2 "table 't', rows/$(basename "$file"), line 3: the last line has no end"
}

a_wrong_number_of_rows() {
	app count
	edited_by '/"path": "t"/{n;s/3/4/}' rowback.json
	refused 2 "table 't' has 3 rows"
}

a_long_value_that_is_another() {
	app value
	file=$(cd store && find app/b/blobs -type f)
	edit
	printf x | dd of="store/$file" conv=notrunc bs=1 seek=77 2>/dev/null
	edited
	refused 2 "table 'b', rows/$(basename "$(rows_of b)"), line 1"
}

a_long_value_that_is_gone() {
	app gone
	edit
	git -C store rm -q -r app/b/blobs
	edited
	refused 2 "table 'b', rows/$(basename "$(rows_of b)"), line 1"
}

a_document_that_is_none() {
	app document
	edited_by '1s/{/[/' app/t/table.json
	refused 2 "app/t/table.json"
}

a_format_of_the_future() {
	app future
	edited_by 's/"format": [0-9]*/"format": 999/' rowback.json
	refused 2 "999"
}

# Another cutting of the same rows is no damage, but it is not what an export makes.
chunks_of_another_size() {
	app chunks
	edit
	first=$(cd store/app/n/rows && find . -type f | sed 's,^./,,' | sort | sed -n 1p)
	second=$(cd store/app/n/rows && find . -type f | sed 's,^./,,' | sort | sed -n 2p)
	(
		cd store/app/n/rows || exit 1
		cat "$second" >>"$first"
		rm "$second"
	)
	edited
	expect_status 15 "$ROWBACK" -C store verify
	expect_err_has "table 'n': its rows are cut otherwise: there is no rows/$second"
	expect_status 15 "$ROWBACK" -C store restore latest --to "sqlite:$PWD/new.db"
	expect_err_has "after the restore table 'n' is not as it should be; nothing was kept"
	[ ! -e new.db ] || fail "new.db was made"
}

# swapped OID OID: the pack's index says of each object that it lies where the other does.
swapped() {
	index=$(find store/.git/objects/pack -name '*.idx')
	chmod u+w "$index"
	python3 - "$index" "$@" <<'END'
import hashlib
import sys
with open(sys.argv[1], "rb") as f:
    data = bytearray(f.read())
count = int.from_bytes(data[8 + 255 * 4:8 + 256 * 4], "big")
names = 8 + 256 * 4
places = []
for name in sys.argv[2:]:
    at = 0
    while data[names + 20 * at:names + 20 * at + 20] != bytes.fromhex(name):
        at += 1
    places.append(at)
for table in (names + 20 * count, names + 24 * count):
    a, b = (slice(table + 4 * at, table + 4 * at + 4) for at in places)
    data[a], data[b] = data[b], data[a]
data[-20:] = hashlib.sha1(data[:-20]).digest()
with open(sys.argv[1], "wb") as f:
    f.write(data)
END
}

# Deflated data is whole, and rows can be read: only the names of objects tell.
chunks_in_each_others_place() {
	app swapped
	sql app.db "UPDATE n SET v = 'another ' || id; DELETE FROM t; DELETE FROM b"
	first=$(git -C store ls-tree -r main -- app/t/rows | awk 'NR == 1 { print $3 }')
	back_up store
	git -C store repack -q -a -d -f --depth=0
	second=$(printf '{"k":"a","v":7}\n{"k":"b","v":2}\n{"k":"c","v":3}\n' |
		git -C store hash-object -w --stdin)
	git -C store tag rows "$second"
	git -C store repack -q -a -d -f --depth=0
	swapped "$first" "$second"
	expect_status 2 "$ROWBACK" -C store restore latest~1 --to "sqlite:$PWD/new.db"
	expect_err_has "table 't': rows/"
	expect_err_has "object $first is damaged: its content is another's"
	[ ! -e new.db ] || fail "new.db was made"
	cp app.db before.db
	expect_status 2 "$ROWBACK" -C store restore latest~1 --yes
	expect_err_has "object $first is damaged: its content is another's"
	same_content before.db app.db
}

# A row too many in a file of its own, and counted.
a_chunk_too_many() {
	app many
	edit
	echo '{"id":9999,"v":"put in"}' >store/app/n/rows/0000009999.jsonl
	sed -i 's/"rows": 5000/"rows": 5001/' store/rowback.json
	git -C store add -A
	edited
	expect_status 15 "$ROWBACK" -C store verify
	expect_err_has "table 'n': its rows are cut otherwise: into "
}

a_table_that_is_forgotten() {
	app forgotten
	edit
	jq --indent 2 'del(.sources.app.tables[] | select(.name == "n"))' store/rowback.json >manifest
	cp manifest store/rowback.json
	edited
	refused 2 "app/n is a table that rowback.json does not name"
}

a_table_without_a_definition() {
	app undefined
	edit
	jq --indent 2 'del(.objects[] | select(.name == "t"))' store/app/schema.json >schema
	cp schema store/app/schema.json
	edited
	expect_status 15 "$ROWBACK" -C store verify
	expect_err_has "table 't' has no definition in schema.json"
	expect_status 2 "$ROWBACK" -C store restore latest --to "sqlite:$PWD/new.db"
	[ ! -e new.db ] || fail "new.db was made"
}

# flipped OFFSET-FROM-END: turn one bit of the pack.
flipped() {
	pack=$(find store/.git/objects/pack -name '*.pack')
	chmod u+w "$pack"
	python3 - "$pack" "$1" <<'END'
import sys
with open(sys.argv[1], "r+b") as f:
    data = bytearray(f.read())
    at = int(len(data) * float(sys.argv[2]))
    data[at] ^= 4
    f.seek(0)
    f.write(data)
END
}

# Whatever bit turns, nothing wrong is ever restored.
a_bit_that_turned() {
	app bits
	# Apart from the remembered state, so that nothing is read from the live database.
	sql app.db "DELETE FROM n WHERE id % 2"
	cp app.db before.db
	cp -R store whole
	for at in 0.05 0.2 0.35 0.5 0.65 0.8 0.95 0.999; do
		rm -rf store new.db
		cp -R whole store
		flipped $at
		status=0
		"$ROWBACK" -C store restore latest --to "sqlite:$PWD/new.db" >"$work/out" 2>"$work/err" || status=$?
		case $status in
		0) [ "$(sql new.db "SELECT count(*), sum(length(v)) FROM n")" = "5000|48893" ] || fail "bit $at: other rows" ;;
		2 | 15) [ ! -e new.db ] || fail "bit $at: new.db was made" ;;
		*) fail "bit $at: status $status: $(cat "$work/err")" ;;
		esac
		status=0
		"$ROWBACK" -C store restore latest --yes >"$work/out" 2>"$work/err" || status=$?
		case $status in
		0) ;;
		2 | 15 | 18) same_content before.db app.db ;;
		*) fail "bit $at, in place: status $status: $(cat "$work/err")" ;;
		esac
		cp before.db app.db
		expect_status 15 "$ROWBACK" -C store verify latest
	done
}

check "rows out of order are refused" rows_out_of_order
check "a row that is there twice is refused" a_row_twice
check "a row that is no JSON is refused" a_row_that_is_no_json
check "a row with a blank is refused" a_row_with_a_blank
check "a row of another table is refused" a_row_of_another_table
check "a line without an end is refused" a_line_without_an_end
check "a wrong number of rows is refused" a_wrong_number_of_rows
check "a long value that is another is refused" a_long_value_that_is_another
check "a long value that is gone is refused" a_long_value_that_is_gone
check "a document that is none is refused" a_document_that_is_none
check "a format of the future is refused" a_format_of_the_future
check "chunks of another size are not kept" chunks_of_another_size
check "chunks in each other's place are named" chunks_in_each_others_place
check "a chunk too many is found" a_chunk_too_many
check "a table that the manifest forgets is refused" a_table_that_is_forgotten
check "a table without a definition is found" a_table_without_a_definition
check "a bit that turned restores nothing wrong" a_bit_that_turned
