#!/bin/sh
# There and back: a database is backed up, restored into a new one, and that is backed up
# into a store of its own.  Both trees must have one name, and the databases one content.
. "$(dirname "$0")/../harness/cli.sh"
. "$root/tests/harness/stores.sh"
need sqlite3 git

# goes_round: app.db does.
goes_round() {
	store_of one "$PWD/app.db"
	store_of two "$PWD/new.db"
	back_up one
	whole one
	expect_status 0 "$ROWBACK" -C one restore latest --to "sqlite:$PWD/new.db"
	cp "$work/err" restore.err
	sound new.db
	back_up two
	whole two
	same_trees one two
	same_content app.db new.db
}

# no_difference: the SQLite project's own program finds none.  It matches rows by rowid, so
# this is not for tables that are kept by a key of another sort.
no_difference() {
	command -v sqldiff >/dev/null || return 0
	expect_status 0 sqldiff app.db new.db
	expect_out ""
}

# Values that are stored as they are, whatever a column is declared.
values() {
	cat <<'END'
		(NULL), (0), (1), (-1), (9223372036854775807), (-9223372036854775808), (1.0), (1.5), (-0.0),
		(0.0), (9e999), (-9e999), (1e-320), (5e-324), (1.7976931348623157e308),
		(0.1), (3.141592653589793238462643383279502884197), (1e22), (123456789012345680.0),
		(9007199254740993), ('9007199254740993'), (''), (x''), ('text'), ('1'), ('1.0'), ('1e5'),
		('123456789012345678901234567890.123456789012345678901234567890'),
		(CAST(x'610062' AS TEXT)), (CAST(x'00' AS TEXT)), (CAST(x'fffe' AS TEXT)),
		(CAST(x'c080' AS TEXT)), (CAST(x'eda080' AS TEXT)), (CAST(x'f4908080' AS TEXT)),
		(x'00ff10'), ('{"json":[1,2,{"a":"b"}]}'), ('{"$blob":"AAEC"}'), ('{"$text":"x"}'),
		(char(10,13,9,8,12,34,92,127,128,159)), (char(8232,8233,65534,65535,65536,1114111)),
		('ümlaut'), (char(117,776)), (' space '), ('"quoted"'), ('\u0041'), ('NaN'), ('null'), ('true')
END
}

holds_every_value_in_every_column() {
	place every
	{
		for type in '' INTEGER INT REAL DOUBLE NUMERIC 'DECIMAL(10,5)' TEXT 'VARCHAR(10)' BLOB \
			DATETIME BOOLEAN ANY 'long name'; do
			echo "CREATE TABLE \"t $type\"(id INTEGER PRIMARY KEY, v $type);"
			echo "INSERT INTO \"t $type\"(v) VALUES $(values);"
		done
	} | sql app.db
	goes_round
	no_difference
}

holds_every_value_as_a_key() {
	place keys
	{
		for type in '' INT REAL NUMERIC TEXT BLOB; do
			echo "CREATE TABLE \"k $type\"(k $type PRIMARY KEY, n);"
			echo "INSERT OR IGNORE INTO \"k $type\"(k) VALUES $(values);"
			echo "CREATE TABLE \"w $type\"(k $type PRIMARY KEY, n) WITHOUT ROWID;"
			echo "INSERT OR IGNORE INTO \"w $type\"(k) VALUES $(values | sed '1s/(NULL), //');"
			echo "CREATE TABLE \"u $type\"(k $type UNIQUE, n);"
			echo "INSERT OR IGNORE INTO \"u $type\"(k) VALUES $(values);"
		done
	} | sql app.db
	goes_round
}

holds_rows_without_a_key() {
	place keyless
	sql app.db "
		CREATE TABLE plain(a, b);
		INSERT INTO plain VALUES(1, 'x'), (1, 'x'), (1, 'x'), (NULL, NULL), (NULL, NULL);
		INSERT INTO plain(rowid, a) VALUES(1000, 'far'), (-5, 'negative');
		CREATE TABLE taken(rowid TEXT, _rowid_ INT, oid BLOB);
		INSERT INTO taken VALUES('a', 1, x'00'), ('a', 1, x'00'), (NULL, NULL, NULL), ('0', 0.0, -0.0),
			('0', 0, 0.0), (NULL, NULL, NULL);
		CREATE TABLE half(rowid TEXT, b);
		INSERT INTO half VALUES('a', 1), ('a', 1);
		CREATE TABLE nullable(k TEXT PRIMARY KEY, v);
		INSERT INTO nullable VALUES(NULL, 1), (NULL, 1), (NULL, 0.0), (NULL, -0.0), ('a', 1), ('A', 2);
		CREATE TABLE pair(a INT, b TEXT, c, PRIMARY KEY(b, a));
		INSERT INTO pair VALUES(1, NULL, 1), (1, NULL, 1), (NULL, 'x', 2), (NULL, 'x', 2), (2, 'x', 3);
		CREATE TABLE empty(a, b);"
	goes_round
}

holds_keys_of_other_orders() {
	place orders
	sql app.db "
		CREATE TABLE nocase(k TEXT PRIMARY KEY COLLATE NOCASE, v);
		INSERT INTO nocase VALUES('b', 1), ('A', 2), ('C', 3), ('Ä', 4), ('ä', 5);
		CREATE TABLE nocase_w(k TEXT PRIMARY KEY COLLATE NOCASE, v) WITHOUT ROWID;
		INSERT INTO nocase_w SELECT * FROM nocase;
		CREATE TABLE rtrim_w(k TEXT PRIMARY KEY COLLATE RTRIM, v) WITHOUT ROWID;
		INSERT INTO rtrim_w VALUES('a ', 1), ('b', 2), ('b c', 3), ('', 4);
		CREATE TABLE desc_w(a INT, b TEXT, PRIMARY KEY(a DESC, b ASC)) WITHOUT ROWID;
		INSERT INTO desc_w VALUES(1, 'a'), (1, 'b'), (2, 'a'), (1.0e15, 'c'), (2.5, 'd');
		CREATE TABLE desc_r(a INTEGER PRIMARY KEY DESC, b);
		INSERT INTO desc_r VALUES(3, 'a'), (1, 'b'), (NULL, 'c'), (NULL, 'c');
		CREATE TABLE mixed(k PRIMARY KEY, v) WITHOUT ROWID;
		INSERT INTO mixed VALUES(1, 'int'), (1.5, 'real'), ('1', 'text'), (x'31', 'blob'),
			(CAST(x'ff' AS TEXT), 'raw'), (CAST(x'31ff' AS TEXT), 'raw');
		CREATE TABLE twice(a, b, PRIMARY KEY(a, a, b)) WITHOUT ROWID;
		INSERT INTO twice VALUES(2, 1), (1, 2), (1, 1);"
	goes_round
}

holds_tables_of_every_sort() {
	place sorts
	sql app.db "
		PRAGMA user_version = -5;
		PRAGMA application_id = 1196444487;
		CREATE TABLE strict(i INT, r REAL, t TEXT, b BLOB, a ANY, k INTEGER PRIMARY KEY) STRICT;
		INSERT INTO strict VALUES(1, 1, '1', x'31', '001', 1), (NULL, -0.0, '', x'', 1.0, 2),
			(9223372036854775807, 9e999, CAST(x'ff00' AS TEXT), x'00', 1, 3);
		CREATE TABLE strict_w(k TEXT, n INT, PRIMARY KEY(k, n)) STRICT, WITHOUT ROWID;
		INSERT INTO strict_w VALUES('b', 1), ('a', 2), ('a', 1);
		CREATE TABLE gen(a INT, b INT GENERATED ALWAYS AS (a * 2) VIRTUAL,
			c TEXT AS (a || 'x') STORED, d, e AS (d) UNIQUE);
		INSERT INTO gen(a, d) VALUES(1, 'p'), (2, NULL), (NULL, NULL);
		CREATE TABLE seq(id INTEGER PRIMARY KEY AUTOINCREMENT, v);
		INSERT INTO seq(id, v) VALUES(5, 'a'), (1000, 'gone');
		DELETE FROM seq WHERE id = 1000;
		CREATE TABLE never(id INTEGER PRIMARY KEY AUTOINCREMENT);
		CREATE TABLE parent(id INTEGER PRIMARY KEY, code TEXT UNIQUE);
		CREATE TABLE child(id INTEGER PRIMARY KEY, p INT REFERENCES parent ON DELETE CASCADE,
			c TEXT REFERENCES parent(code) ON UPDATE SET NULL DEFERRABLE INITIALLY DEFERRED,
			CHECK (p > 0));
		INSERT INTO parent VALUES(1, 'a'), (2, 'b');
		INSERT INTO child VALUES(1, 1, 'a'), (2, 77, 'orphan');
		CREATE TABLE log(what);
		CREATE TRIGGER after_child AFTER INSERT ON child BEGIN INSERT INTO log VALUES('fired'); END;
		CREATE TRIGGER no_delete BEFORE DELETE ON parent BEGIN SELECT RAISE(ABORT, 'no'); END;
		CREATE VIEW both AS SELECT p.code, c.id FROM parent p JOIN child c ON c.p = p.id;
		CREATE VIEW broken AS SELECT * FROM not_there;
		CREATE TRIGGER instead INSTEAD OF INSERT ON both BEGIN INSERT INTO log VALUES(new.code); END;
		CREATE INDEX by_expr ON parent(lower(code), length(code) DESC);
		CREATE UNIQUE INDEX partial ON child(p) WHERE p < 10 AND c IS NOT NULL;
		CREATE INDEX by_nocase ON parent(code COLLATE NOCASE);
		ANALYZE;"
	goes_round
	[ "$(sql new.db "SELECT count(*) FROM log")" = 0 ] || fail "a trigger fired"
	[ "$(sql new.db "SELECT seq FROM sqlite_sequence WHERE name = 'seq'")" = 1000 ] ||
		fail "the sequence went back"
	[ "$(sql new.db "PRAGMA user_version; PRAGMA application_id" | tr '\n' ' ')" = "-5 1196444487 " ] ||
		fail "settings are lost"
}

holds_names_of_every_sort() {
	place names
	{
		n=0
		for name in 'CON' 'con.txt' '..' '.' '.git' 'a/b' 'a\b' 'with space ' 'tab	le' "it's" 'dou""ble' \
			'%25' 'Größe' 'semi;colon' '[brackets]' 'COM1' 'a:b' 'star*?' 'rows' 'table.json' \
			'schema.sql' 'blobs' '-rf' '~tilde' 'UPPER' 'sqliteish' 'select' '' \
			'a_very_long_name_that_goes_on_and_on_and_on_and_on_and_on_and_on_and_on_and_on_and_on_and_on_and_on_and_on_and_on_and_on_and_on_and_on_and_on_and_on_and_on_and_on_and_on_and_on_and_on_and_on_and_on_and_on_and_on_'; do
			n=$((n + 1))
			printf 'CREATE TABLE "%s"(k INTEGER PRIMARY KEY, "%s" TEXT, "" INT);\n' "$name" "${name:-other}"
			printf 'INSERT INTO "%s" VALUES(%d, %d, %d);\n' "$name" $n $n $n
			printf 'CREATE INDEX "i %s" ON "%s"("%s");\n' "$name" "$name" "${name:-other}"
		done
	} | sql app.db
	# The shell would not take these.
	python3 - <<'END' || skip "python3 is not installed"
import sqlite3
db = sqlite3.connect("app.db")
db.execute('CREATE TABLE "line\nbreak\x1b[2J"("co\nl" PRIMARY KEY)')
db.execute('INSERT INTO "line\nbreak\x1b[2J" VALUES(1)')
db.commit()
END
	goes_round
	no_difference
}

# Text of a UTF-16 database is kept by its units, also where they are no characters.
holds_utf16() {
	for encoding in UTF-16le UTF-16be; do
		place "$encoding"
		case $encoding in
		*le) lone=00d8 low=00dc pair=3dd800de odd=6100 nul=610000006200 ;;
		*be) lone=d800 low=dc00 pair=d83dde00 odd=0061 nul=006100000062 ;;
		esac
		sql app.db "
			PRAGMA encoding = '$encoding';
			CREATE TABLE t(k TEXT PRIMARY KEY, v) WITHOUT ROWID;
			INSERT INTO t VALUES('plain', 1), ('ümlaut €', 'ümlaut €'),
				(CAST(x'$lone' AS TEXT), 'lone'), (CAST(x'$low' AS TEXT), 'low'),
				(CAST(x'$lone$odd' AS TEXT), CAST(x'$low$lone' AS TEXT)),
				(CAST(x'$pair' AS TEXT), CAST(x'$nul' AS TEXT)), (char(65535), char(65534, 1114111));
			CREATE TABLE n(id INTEGER PRIMARY KEY, v TEXT COLLATE NOCASE UNIQUE);
			INSERT INTO n(v) SELECT k FROM t;
			CREATE VIEW \"Sicht ü\" AS SELECT 'ü€' AS x;"
		goes_round
		[ "$(sql new.db "PRAGMA encoding")" = "$encoding" ] || fail "the encoding is another"
	done
}

holds_full_text() {
	place fts
	sql app.db "
		CREATE VIRTUAL TABLE five USING fts5(title, body, tokenize = 'porter unicode61', prefix = '2 3');
		INSERT INTO five(rowid, title, body) VALUES(7, 'Running', 'the runner runs'), (9, 'x', NULL);
		INSERT INTO five(five, rank) VALUES('rank', 'bm25(10.0, 1.0)');
		INSERT INTO five(five, rank) VALUES('automerge', 2);
		DELETE FROM five WHERE rowid = 9;
		CREATE TABLE docs(id INTEGER PRIMARY KEY, a, b);
		INSERT INTO docs VALUES(1, 'alpha', 'one'), (2, 'beta', 'two');
		CREATE VIRTUAL TABLE external USING fts5(a, b, content = 'docs', content_rowid = 'id');
		INSERT INTO external(external) VALUES('rebuild');
		CREATE VIRTUAL TABLE contentless USING fts5(x, content = '');
		INSERT INTO contentless(rowid, x) VALUES(3, 'only the index'), (4, 'knows this');
		CREATE VIRTUAL TABLE four USING fts4(a, b, tokenize=porter);
		INSERT INTO four(docid, a, b) VALUES(5, 'walking', 'walked'), (6, NULL, '');
		CREATE VIRTUAL TABLE four_less USING fts4(content=\"\", a);
		INSERT INTO four_less(docid, a) VALUES(8, 'hidden words');
		CREATE VIRTUAL TABLE three USING fts3(a);
		INSERT INTO three VALUES('third');
		CREATE VIRTUAL TABLE box USING rtree(id, x0, x1, y0, y1, +label);
		INSERT INTO box VALUES(1, 0, 1.5, -2, 3, 'one'), (5, 1e10, 2e10, 0, 0, NULL);
		CREATE VIRTUAL TABLE box_i USING rtree_i32(id, x0, x1);
		INSERT INTO box_i VALUES(2, -3, 4);"
	goes_round
	for query in "SELECT rowid FROM five WHERE five MATCH 'run'" \
		"SELECT rowid FROM external WHERE external MATCH 'beta'" \
		"SELECT rowid FROM contentless WHERE contentless MATCH 'index'" \
		"SELECT docid FROM four WHERE four MATCH 'walk'" \
		"SELECT docid FROM four_less WHERE four_less MATCH 'words'" \
		"SELECT id FROM box WHERE x1 > 1e9"; do
		found=$(sql new.db "$query")
		[ -n "$found" ] || fail "$query finds nothing"
		[ "$found" = "$(sql app.db "$query")" ] || fail "$query: '$found'"
	done
	sql new.db "INSERT INTO five(five) VALUES('integrity-check')"
	sql new.db "INSERT INTO four(four) VALUES('integrity-check')"
}

# 16 bytes under and over each border at which a value moves to files of its own.
holds_long_values() {
	place long
	sql app.db "
		CREATE TABLE b(id INTEGER PRIMARY KEY, v BLOB, w);
		INSERT INTO b VALUES(1, randomblob(524288 - 16), 1), (2, randomblob(524288 + 16), 2),
			(3, randomblob(32 * 1048576 - 1), 3), (4, randomblob(32 * 1048576 + 1), 4),
			(5, zeroblob(70 * 1048576), 5), (6, zeroblob(70 * 1048576), 6), (7, x'', 7);
		CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT);
		INSERT INTO t VALUES(1, hex(zeroblob(300000))), (2, replace(hex(zeroblob(17000000)), '00', 'üa')),
			(3, CAST(randomblob(600000) AS TEXT)), (4, replace(hex(zeroblob(300000)), '0', char(10)));
		CREATE TABLE k(k TEXT PRIMARY KEY, v) WITHOUT ROWID;
		INSERT INTO k VALUES(replace(hex(zeroblob(1000)), '0', 'x') || 'b', 1),
			(replace(hex(zeroblob(1000)), '0', 'x') || 'a', 2), (hex(zeroblob(300000)), 3);"
	goes_round
	largest=$(git -C one ls-tree -r -l HEAD | awk '$4 > max { max = $4 } END { print max }')
	[ "$largest" -le $((32 * 1048576)) ] || fail "a file has $largest bytes"
}

# Enough rows for directories of chunks, under keys of different sorts.
holds_many_rows() {
	place many
	sql app.db "
		CREATE TABLE n(id INTEGER PRIMARY KEY, v TEXT);
		WITH RECURSIVE i(i) AS (VALUES(-50000) UNION ALL SELECT i + 7 FROM i WHERE i < 600000)
		INSERT INTO n SELECT i, 'value ' || (i * 7919 % 1000) FROM i;
		INSERT INTO n VALUES(9223372036854775807, 'last'), (-9223372036854775808, 'first');
		CREATE TABLE t(k TEXT PRIMARY KEY, v) WITHOUT ROWID;
		INSERT INTO t SELECT hex(id * 2654435761) || v, id FROM n;
		CREATE TABLE d(a TEXT, b REAL, v, PRIMARY KEY(a, b DESC)) WITHOUT ROWID;
		INSERT INTO d SELECT 'group ' || (id % 17), id / 3.0, v FROM n;
		CREATE TABLE p(k TEXT PRIMARY KEY, v) WITHOUT ROWID;
		INSERT INTO p SELECT replace(hex(zeroblob(40)), '0', 'long prefix ') || id, id FROM n LIMIT 9000;
		CREATE TABLE x(a, b, c);
		INSERT INTO x SELECT id % 3, id % 5, NULL FROM n LIMIT 20000;"
	goes_round
	expect_status 0 "$ROWBACK" -C one verify
}

holds_an_empty_database() {
	place empty
	sql app.db "VACUUM"
	goes_round
	place nothing
	sql app.db "CREATE TABLE t(a); DROP TABLE t; PRAGMA page_size = 8192; VACUUM"
	goes_round
}

# 50 columns more than an SQL function of ours takes arguments.
holds_wide_tables() {
	place wide
	columns=$(seq -f 'c%g' -s ', ' 1 1500)
	sql app.db "
		CREATE TABLE wide($columns);
		INSERT INTO wide(c1, c750, c1500) VALUES(1, 2, 3), (1, 2, 3), (NULL, NULL, NULL);
		CREATE TABLE wide_k($columns, PRIMARY KEY(c1, c2));
		INSERT INTO wide_k(c1, c1500) VALUES(1, 2), (1, 2), (2, 1);"
	goes_round
}

check "every value in every column goes round" holds_every_value_in_every_column
check "every value as a key goes round" holds_every_value_as_a_key
check "rows without a key go round" holds_rows_without_a_key
check "keys of other orders go round" holds_keys_of_other_orders
check "tables of every sort go round" holds_tables_of_every_sort
check "names of every sort go round" holds_names_of_every_sort
check "UTF-16 goes round" holds_utf16
check "full text and boxes go round" holds_full_text
check "long values go round" holds_long_values
check "many rows go round" holds_many_rows
check "an empty database goes round" holds_an_empty_database
check "wide tables go round" holds_wide_tables
