#!/bin/sh
# RESTORE.md keeps its word: the script in it makes the database again out of a plain clone,
# with git, a shell and sqlite3, and names what it cannot do.
. "$(dirname "$0")/../harness/cli.sh"
. "$root/tests/harness/stores.sh"
need sqlite3 git

# As RESTORE.md says it, for the clone we are in.
take_script_out() {
	sed -n '/^```sh$/,/^```$/p' RESTORE.md | sed '1d;$d' >../restore.sh
	[ "$(head -n 1 ../restore.sh)" = '#!/bin/sh' ] || fail "there is no script in RESTORE.md"
}

# A clone of a backup of app.db, and the script out of it.
clone_backup() {
	git init -q --bare remote.git
	expect_status 0 "$ROWBACK" -q init --no-check --source "app=sqlite:$PWD/app.db" \
		--remote "$PWD/remote.git" store
	expect_status 0 "$ROWBACK" -C store -q backup
	git clone -q remote.git clone
	(cd clone && take_script_out)
}

# run STATUS: the script, in the clone, into new.db.
run() {
	(cd clone && expect_status "$1" sh ../restore.sh app ../new.db)
	expect_out ""
}

comes_back_the_same() {
	clone_backup
	run 0
	expect_err ""
	same_content app.db new.db
	sound new.db
}

# Values as they are stored; a text with the two bytes $1 is no Unicode.
values() {
	cat <<END
		(NULL), (0), (-1), (9223372036854775807), (-9223372036854775808), (9007199254740993),
		(1.0), (-0.0), (0.1), (-1.5e-300), (9e999), (-9e999), (1e15), (1e16),
		(''), ('it''s'), ('"q" \\ \\\\ \\u0000 \\\\u0000'), ('{"\$blob":"AA=="}'), ('[1]'), ('null'),
		(char(0)), ('a' || char(0) || 'b' || char(0, 0)), ('\\' || char(0)), (char(1) || 'a'),
		(char(13, 10) || 'x' || char(10) || '.quit' || char(10, 13, 9, 8, 12, 27, 127, 133)),
		('ü€' || char(65536, 8232, 65279)), (x''), (x'00'), (x'0001'), (x'000102'), (x'00010203'),
		(CAST(x'$1' AS TEXT)), (CAST(x'$1$1' AS TEXT))
END
}

holds_every_value() {
	for encoding in UTF-8 UTF-16le UTF-16be; do
		case $encoding in *-8) raw=c3ff ;; *le) raw=00d8 ;; *be) raw=d800 ;; esac
		place "values-$encoding"
		sql app.db "
			PRAGMA encoding = '$encoding';
			CREATE TABLE v(id INTEGER PRIMARY KEY, x, y);
			INSERT INTO v(x) VALUES $(values "$raw");
			INSERT INTO v(y) VALUES $(values "$raw");
			INSERT INTO v(x, y) VALUES(randomblob(3071), randomblob(3072)), (randomblob(3073), 1),
				(randomblob(100000), replace(hex(zeroblob(3000)), '00', char(0, 10))),
				(CAST(replace(hex(zeroblob(9000)), '0', '''') AS TEXT), 2);
			CREATE TABLE k(x PRIMARY KEY, y) WITHOUT ROWID;
			INSERT OR IGNORE INTO k SELECT x, id FROM v WHERE x IS NOT NULL;"
		comes_back_the_same
	done
}

# SQLite reads every so many of these as a neighbour: bits of every sort, and round decimals.
holds_every_real() {
	place reals
	sql app.db "
		CREATE TABLE r(id INTEGER PRIMARY KEY, x);
		INSERT INTO r(x) SELECT ieee754_from_blob(randomblob(8)) FROM generate_series(1, 20000);
		INSERT INTO r(x) SELECT abs(random() % 1000000000) / 100.0 FROM generate_series(1, 10000);
		INSERT INTO r(x) SELECT abs(random() % 1000000000) * 1e9 + 5e8 FROM generate_series(1, 5000);
		INSERT INTO r(x) SELECT ieee754((1 << 52) + column1, value)
			FROM generate_series(-1126, 971), (VALUES (-1), (0), (1), (2));
		INSERT INTO r(x) SELECT ieee754(value, -1074) FROM generate_series(1, 2000);
		UPDATE r SET x = -x WHERE id % 2;"
	comes_back_the_same
}

holds_tables_of_every_sort() {
	place sorts
	sql app.db "
		PRAGMA page_size = 8192;
		PRAGMA user_version = -5;
		PRAGMA application_id = 1196444487;
		CREATE TABLE plain(a, b);
		INSERT INTO plain(rowid, a) VALUES(1000, 'far'), (-5, 'x'), (7, 'x');
		CREATE TABLE hidden(oid, _rowid_, RowId);
		INSERT INTO hidden VALUES(1, 2, 3), (1, 2, 3);
		CREATE TABLE keyed(k TEXT PRIMARY KEY, n);
		INSERT INTO keyed VALUES('b', 1), (NULL, 2), (NULL, 2), ('a', 3);
		CREATE TABLE pair(a TEXT, b, c, PRIMARY KEY(b, a DESC)) WITHOUT ROWID;
		INSERT INTO pair VALUES('x', 1, 2), ('y', 1, 3), ('x', x'00', NULL);
		CREATE TABLE strict(i INT, r REAL NOT NULL, a ANY) STRICT;
		INSERT INTO strict VALUES(1, 1, '001'), (NULL, 2.5, 1.0);
		CREATE TABLE gen(g AS (a + 1), a INTEGER PRIMARY KEY, b AS (a * 2) STORED, c);
		INSERT INTO gen(a, c) VALUES(5, 'x'), (6, NULL);
		CREATE TABLE seq(id INTEGER PRIMARY KEY AUTOINCREMENT, v);
		INSERT INTO seq VALUES(5, 'a'), (1000, 'gone');
		DELETE FROM seq WHERE id = 1000;
		CREATE TABLE parent(id INTEGER PRIMARY KEY, code TEXT UNIQUE ON CONFLICT REPLACE);
		CREATE TABLE child(id INTEGER PRIMARY KEY, p INT REFERENCES parent ON DELETE CASCADE,
			CHECK (p < 50));
		INSERT INTO parent VALUES(1, 'a');
		INSERT INTO child VALUES(1, 1), (2, 7);
		CREATE TABLE log(what);
		CREATE TRIGGER counted AFTER INSERT ON child BEGIN INSERT INTO log VALUES('fired'); END;
		CREATE TRIGGER refused BEFORE INSERT ON parent BEGIN SELECT RAISE(ABORT, 'no'); END;
		CREATE VIEW both AS SELECT code FROM parent JOIN child ON p = parent.id;
		CREATE INDEX by_expr ON parent(lower(code) DESC);
		CREATE UNIQUE INDEX partial ON child(p) WHERE p < 10;
		CREATE TABLE never(id INTEGER PRIMARY KEY AUTOINCREMENT);
		ANALYZE;"
	comes_back_the_same
	[ "$(sql new.db "SELECT count(*) FROM log")" = 0 ] || fail "a trigger fired"
	[ "$(sql new.db "PRAGMA page_size; PRAGMA user_version" | tr '\n' ' ')" = "8192 -5 " ] ||
		fail "settings are lost"
	[ "$(sql new.db "SELECT * FROM sqlite_stat1 ORDER BY 1, 2")" = \
		"$(sql app.db "SELECT * FROM sqlite_stat1 ORDER BY 1, 2")" ] || fail "statistics are lost"
}

# An empty table of counts is as much part of a database as one with a count.
holds_sequences() {
	place emptied
	sql app.db "
		CREATE TABLE seq(id INTEGER PRIMARY KEY AUTOINCREMENT, v);
		INSERT INTO seq VALUES(5, 'a');
		DELETE FROM sqlite_sequence;"
	comes_back_the_same
	place left
	sql app.db "
		CREATE TABLE seq(id INTEGER PRIMARY KEY AUTOINCREMENT, v);
		INSERT INTO seq VALUES(5, 'a');
		INSERT INTO sqlite_sequence VALUES('of old', 9);
		DROP TABLE seq;"
	comes_back_the_same
}

holds_virtual_tables() {
	place virtual
	sql app.db "
		CREATE VIRTUAL TABLE five USING fts5(title, body, prefix = '2 3');
		INSERT INTO five(rowid, title, body) VALUES(7, 'Running', 'the runner runs'), (9, 'x', NULL);
		INSERT INTO five(five, rank) VALUES('rank', 'bm25(10.0, 1.0)');
		CREATE TABLE docs(id INTEGER PRIMARY KEY, a, b);
		CREATE VIRTUAL TABLE external USING fts5(a, b, content = 'docs', content_rowid = 'id');
		CREATE TRIGGER follow AFTER INSERT ON docs BEGIN
			INSERT INTO external(rowid, a, b) VALUES(new.id, new.a, new.b); END;
		INSERT INTO docs VALUES(1, 'alpha', 'one'), (2, 'beta', 'two');
		CREATE VIRTUAL TABLE contentless USING fts5(x, content = '');
		INSERT INTO contentless(rowid, x) VALUES(3, 'only the index'), (4, 'knows this');
		CREATE VIRTUAL TABLE four USING fts4(a, languageid=\"lid\", tokenize=porter);
		INSERT INTO four(docid, a, lid) VALUES(5, 'walking', 2);
		CREATE VIRTUAL TABLE four_external USING fts4(content=\"docs\", a);
		INSERT INTO four_external(four_external) VALUES('rebuild');
		CREATE VIRTUAL TABLE four_less USING fts4(content=\"\", a);
		INSERT INTO four_less(docid, a) VALUES(8, 'hidden words');
		CREATE VIRTUAL TABLE box USING rtree(id, x0, x1, +label);
		INSERT INTO box VALUES(1, 0.1, 1.7, 'one'), (5, 1e10, 2e10, NULL);"
	comes_back_the_same
	for query in "SELECT rowid FROM five WHERE five MATCH 'runs'" \
		"SELECT v FROM five_config WHERE k = 'rank'" \
		"SELECT rowid FROM external WHERE external MATCH 'beta'" \
		"SELECT rowid FROM contentless WHERE contentless MATCH 'index'" \
		"SELECT docid FROM four WHERE four MATCH 'walk' AND lid = 2" \
		"SELECT docid FROM four_external WHERE four_external MATCH 'alpha'" \
		"SELECT docid FROM four_less WHERE four_less MATCH 'words'" \
		"SELECT id FROM box WHERE x1 > 1e9"; do
		found=$(sql new.db "$query")
		[ -n "$found" ] || fail "$query: nothing"
		[ "$found" = "$(sql app.db "$query")" ] || fail "$query: '$found'"
	done
	sql new.db "INSERT INTO external(external) VALUES('integrity-check')"
}

holds_names() {
	place names
	{
		n=0
		for name in 'CON' 'con.txt' '..' '.git' 'a/b' 'a\b' 'with space ' "it's" 'dou""ble' '%25' \
			'Größe' 'semi;colon' '[brackets]' 'star*?' 'rows' 'blobs' 'schema.sql' '-rf' '~tilde' \
			'UPPER' '$dollar' '$$two' '$rowid' 'restore.sh' 'line' 'select' ''; do
			n=$((n + 1))
			printf 'CREATE TABLE "%s"(k, "%s" TEXT, "" INT);\n' "$name" "${name:-other}"
			printf 'INSERT INTO "%s" VALUES(%d, %d, %d);\n' "$name" $n $n $n
		done
	} | sql app.db
	comes_back_the_same
}

# The shell of SQLite takes a carriage return off the end of a line.
holds_definitions_with_carriage_returns() {
	place returns
	printf '%s\r\n' 'CREATE TABLE t(a,' "	b DEFAULT '1' -- it's" ');' >ddl.sql
	sql app.db "CREATE TABLE t(a); INSERT INTO t VALUES(1); PRAGMA writable_schema = ON;
		UPDATE sqlite_schema SET sql = CAST(readfile('ddl.sql') AS TEXT)
			WHERE name = 't';
		UPDATE sqlite_schema SET sql = substr(sql, 1, instr(sql, ';') - 1);"
	[ "$(sql app.db "SELECT sql LIKE '%' || char(13, 10) || '%' FROM sqlite_schema")" = 1 ]
	comes_back_the_same
}

holds_long_values() {
	place long
	sql app.db "
		CREATE TABLE b(id INTEGER PRIMARY KEY, v);
		INSERT INTO b VALUES(1, randomblob(524288)), (2, randomblob(524289)),
			(3, randomblob(32 * 1048576 + 1)), (4, zeroblob(70 * 1048576)),
			(5, replace(hex(zeroblob(300000)), '00', 'ü' || char(10))),
			(6, replace(hex(zeroblob(300000)), '00', 'a' || char(0))),
			(7, CAST(randomblob(600000) AS TEXT));"
	comes_back_the_same
}

holds_many_rows() {
	place many
	sql app.db "
		CREATE TABLE n(id INTEGER PRIMARY KEY, v TEXT);
		INSERT INTO n SELECT value * 7 - 50000, 'value ' || value FROM generate_series(1, 60000);
		CREATE TABLE w($(seq -f 'c%g' -s ', ' 1 1500));
		INSERT INTO w(c1, c1500) VALUES(1, 2), (NULL, NULL);"
	comes_back_the_same
}

# What it cannot do is named, and the rest is there.
names_what_it_cannot_do() {
	place cannot
	sql app.db "
		CREATE TABLE good(a);
		INSERT INTO good VALUES(1);
		CREATE TABLE \"path\"(\"a\"\".b\");
		INSERT INTO path VALUES(1);
		CREATE TABLE other(n, ok);
		INSERT INTO other VALUES('12', 1), (5.0, 2);
		CREATE TABLE raw(x);
		INSERT INTO raw VALUES(1);
		CREATE TABLE refused(n);
		INSERT INTO refused VALUES(NULL);
		PRAGMA writable_schema = ON;
		UPDATE sqlite_schema SET sql = 'CREATE TABLE other(n INTEGER, ok)' WHERE name = 'other';
		UPDATE sqlite_schema SET sql = 'CREATE TABLE refused(n NOT NULL)' WHERE name = 'refused';
		UPDATE sqlite_schema SET sql = CAST(x'435245415445205441424c4520ff2861ff29' AS TEXT),
			name = CAST(x'ff' AS TEXT), tbl_name = CAST(x'ff' AS TEXT) WHERE name = 'raw';"
	clone_backup
	run 1
	cat >wanted <<'END'
restore.sh: other: column "n" holds other types than in the backup
restore.sh: path: this script cannot say a name of this table or of a column
restore.sh: %ff: this script cannot say a name of this table or of a column
END
	grep -v -e '^Runtime error' -e 'refused: its rows were not restored$' "$work/err" | diff - wanted
	expect_err_has "restore.sh: refused: its rows were not restored"
	[ "$(sql new.db "SELECT a FROM good; SELECT count(*) FROM path; SELECT * FROM other;
		SELECT count(*) FROM refused" | tr '\n' ' ')" = "1 0 12|1 5|2 0 " ] || fail "rows are missing"
}

# Columns that are not in the backup have their default.
holds_no_column_that_was_left_out() {
	mkdir columns
	cd columns || exit 1
	sql app.db "CREATE TABLE t(id INTEGER PRIMARY KEY, secret, name, token NOT NULL DEFAULT 'none');
		INSERT INTO t VALUES(1, 's', 'ann', 'x'), (2, NULL, NULL, 'y')"
	git init -q --bare remote.git
	expect_status 0 "$ROWBACK" -q init --no-check --source "app=sqlite:$PWD/app.db" \
		--remote "$PWD/remote.git" store
	git -C store config source.app.excludeColumns 't.secret, t.token'
	expect_status 0 "$ROWBACK" -C store -q backup
	git clone -q remote.git clone
	(cd clone && take_script_out)
	run 0
	[ "$(sql new.db "SELECT id, quote(secret), quote(name), token FROM t" | tr '\n' ' ')" = \
		"1|NULL|'ann'|none 2|NULL|NULL|none " ] || fail "$(sql new.db 'SELECT * FROM t')"
}

touches_nothing_that_is_there() {
	place there
	sql app.db "CREATE TABLE t(a); INSERT INTO t VALUES(1);"
	clone_backup
	echo mine >new.db
	run 2
	expect_err "restore.sh: '../new.db' is there already"
	[ "$(cat new.db)" = mine ] || fail "it was overwritten"
	rm new.db
	cd clone || exit 1
	expect_status 2 sh ../restore.sh none ../new.db
	expect_err "restore.sh: there is no source 'none' here"
	expect_status 2 sh ../restore.sh app
	expect_err "restore.sh: usage: sh restore.sh SOURCE NEW.db"
	sed -i 's/"format": 1,/"format": 2,/' rowback.json
	expect_status 2 sh ../restore.sh app ../new.db
	expect_err "restore.sh: this script is for format 1"
	cd ../remote.git || exit 1
	expect_status 2 sh ../restore.sh app ../new.db
	expect_err "restore.sh: there is no rowback.json here"
	[ ! -e ../new.db ] || fail "it made a database"
	[ -z "$(ls "$TMPDIR")" ] || fail "it left files"
}

check "every value comes back" holds_every_value
check "every real comes back" holds_every_real
check "tables of every sort come back" holds_tables_of_every_sort
check "sequences come back" holds_sequences
check "virtual tables come back" holds_virtual_tables
check "names come back" holds_names
check "definitions with carriage returns come back" holds_definitions_with_carriage_returns
check "long values come back" holds_long_values
check "many rows come back" holds_many_rows
check "what cannot be done is named" names_what_it_cannot_do
check "columns that were left out have their default" holds_no_column_that_was_left_out
check "nothing is overwritten or left behind" touches_nothing_that_is_there
