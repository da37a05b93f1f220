#!/bin/sh
# Backups of one engine in a database of the other, both ways, with a real server; psql and
# the sqlite3 shell say what came out.  With ROWBACK_CORPUS, every SQLite database and every
# script of PostgreSQL's below it goes there, too.
. "$(dirname "$0")/../harness/cli.sh"
. "$root/tests/harness/stores.sh"
# shellcheck source=tests/harness/postgres.sh
. "$root/tests/harness/postgres.sh"
need git jq sqlite3 pg_dump
pg_for_tests

# store URL NAME: a store with one backup of a database.
store() {
	"$ROWBACK" -q init --no-check --source "app=$1" "$2" || fail "no store"
	expect_status 0 "$ROWBACK" -C "$2" backup
}

# listed LINE: a change that the report must list, as "object: what".
listed() {
	jq -r '.converted[] | .object + ": " + .change' "$work/out" >list
	grep -qxF "$1" list || {
		cat list
		fail "not listed: $1"
	}
}

music() {
	sql "$1" "
		CREATE TABLE Artist(ArtistId INTEGER PRIMARY KEY, Name NVARCHAR(120));
		CREATE TABLE Album(AlbumId INTEGER PRIMARY KEY, Title NVARCHAR(160) NOT NULL,
			ArtistId INTEGER NOT NULL REFERENCES Artist ON DELETE CASCADE);
		CREATE TABLE Track(TrackId INTEGER PRIMARY KEY, Name TEXT NOT NULL COLLATE NOCASE,
			AlbumId INTEGER, Price NUMERIC(10,2) NOT NULL DEFAULT 0.99, Cover BLOB,
			CHECK (Price >= 0), FOREIGN KEY (AlbumId) REFERENCES Album(AlbumId));
		CREATE TABLE Playlist(List INTEGER, Track INTEGER, PRIMARY KEY (List, Track)) WITHOUT ROWID;
		CREATE INDEX TrackAlbum ON Track (AlbumId, \"Name\" DESC);
		CREATE UNIQUE INDEX ArtistName ON Artist(Name);
		CREATE INDEX lower_title ON Album(lower(Title));
		CREATE VIEW Titles AS SELECT Title FROM Album;
		CREATE TRIGGER none AFTER INSERT ON Artist BEGIN SELECT 1; END;
		INSERT INTO Artist VALUES (1, 'AC/DC'), (2, 'Anto''nio \"Jobim\"'), (40, NULL), (41, 'Mötley' || char(10) || char(9) || '\\N');
		INSERT INTO Album VALUES (1, 'For Those', 1), (2, '', 2);
		INSERT INTO Track VALUES (1, 'a', 1, 0.99, NULL), (2, 'B', 2, 1.99, x'00ff'), (-3, 'c', NULL, 0.1, x'');
		INSERT INTO Playlist VALUES (1, 1), (1, -3), (9223372036854775807, 2);"
}

sqlite_to_postgres() {
	place there
	music music.db
	store "sqlite:$PWD/music.db" one
	expect_status 0 "$ROWBACK" -C one --json restore -n --to "$(pg_url "$pg" music)"
	listed 'Track: column "Price": NUMERIC(10,2) becomes double precision'
	expect_status 0 "$ROWBACK" -C one --json restore --to "$(pg_url "$pg" music)"
	[ "$(jq -c '[.verified, .written, .into_new, .rows_compared]' "$work/out")" = '[true,true,true,12]' ] ||
		fail "not verified: $(cat "$work/out")"
	listed 'Track: left behind: CHECK in its definition'
	listed 'lower_title: left behind: index'
	listed 'none: left behind: trigger'
	listed 'Artist: column "ArtistId" becomes an identity: the next number is 42'
}

what_came_out() {
	place came
	psql_in music -c 'SELECT * FROM "Track" ORDER BY 1' -c "SELECT encode(convert_to(\"Name\", 'UTF8'), 'hex') FROM \"Artist\" WHERE \"ArtistId\" = 41" >got
	same_text "rows" got "-3|c||0.1|\\x
1|a|1|0.99|
2|B|2|1.99|\\x00ff
4dc3b6746c65790a095c4e"
	psql_in music -c "INSERT INTO \"Artist\"(\"Name\") VALUES ('next') RETURNING \"ArtistId\"" \
		-c "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexdef NOT LIKE '%pkey%' ORDER BY 1" \
		-c "SELECT conrelid::regclass, confrelid::regclass, confdeltype, convalidated FROM pg_constraint WHERE contype = 'f' ORDER BY 1" >got
	same_text "definitions" got '42
CREATE INDEX "TrackAlbum" ON public."Track" USING btree ("AlbumId", "Name" DESC)
CREATE UNIQUE INDEX "ArtistName" ON public."Artist" USING btree ("Name")
"Album"|"Artist"|c|t
"Track"|"Album"|a|t'
	psql_in music -c "DELETE FROM \"Artist\" WHERE \"ArtistId\" = 42"
}

there_and_back() {
	place back
	store "$(pg_url "$pg" music)" two
	expect_status 0 "$ROWBACK" -C two restore --to sqlite:back.db
	grep -q '^verified: 12 rows read back and compared, with ' "$work/out" || fail "$(cat "$work/out")"
	music music.db
	for table in Artist Album Track Playlist; do
		sql music.db ".mode quote" "SELECT * FROM $table ORDER BY 1, 2" >want
		sql back.db ".mode quote" "SELECT * FROM $table ORDER BY 1, 2" >got
		diff -u want got || fail "$table is not what it was"
	done
	sql back.db "PRAGMA integrity_check" "PRAGMA foreign_key_check" \
		"SELECT name FROM sqlite_schema WHERE type = 'index' AND sql NOT NULL ORDER BY 1" >got
	same_text "checks and indexes" got "ok
ArtistName
TrackAlbum"
}

odd_values_of_sqlite() {
	place odd
	sql odd.db "
		CREATE TABLE odd(mixed, money NUMERIC, nul TEXT, big REAL, bytes BLOB, i INTEGER, ctid TEXT, none TEXT, g AS (i + 1));
		INSERT INTO odd VALUES (1, 1, 'a' || char(0) || 'b', 1e300, x'00', 9223372036854775807, 'x', NULL);
		INSERT INTO odd VALUES ('1', 1.5, 'plain', 9e999, x'', -9223372036854775808, '', NULL);
		INSERT INTO odd VALUES (x'01', -2.25, cast(x'ff' AS TEXT), -9e999, NULL, NULL, '\\.', NULL);
		INSERT INTO odd VALUES (2.5, 0.1, '', 5e-324, x'ff', 0, '\\N', NULL);
		INSERT INTO odd VALUES (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
		CREATE TABLE keyless(a TEXT PRIMARY KEY, b);
		INSERT INTO keyless VALUES (NULL, 1), (NULL, 1), ('x', 2);
		CREATE TABLE child(id INTEGER PRIMARY KEY, up INTEGER REFERENCES child(id), other REFERENCES gone(x));
		INSERT INTO child VALUES (9223372036854775807, NULL, NULL), (5, 6, NULL);"
	store "sqlite:$PWD/odd.db" one
	expect_status 1 "$ROWBACK" -C one --json restore --to "$(pg_url "$pg" odd)"
	listed 'odd: column "mixed": no type becomes text: values of several kinds are mixed, so each becomes its JSON'
	listed 'odd: column "money": NUMERIC becomes numeric: integers and reals are mixed'
	listed 'odd: column "nul": TEXT becomes bytea: texts with NUL or that are not UTF-8 are there, so all become their bytes'
	listed 'odd: "ctid" is called "ctid_2" there'
	listed 'odd: its rowid becomes a column: it has no other key'
	listed 'odd: left behind: column "g", which is generated'
	listed 'keyless: left behind: the primary key, which has NULL'
	listed 'child: column "id" numbers no rows there: the last number is in use'
	listed 'child: left behind: a foreign key to "gone", which is not there or has no such columns'
	psql_in odd -c "SELECT * FROM odd ORDER BY rowid" >got
	same_text "rows" got "1|1|1|\\x610062|1e+300|\\x00|9223372036854775807|x|
2|\"1\"|1.5|\\x706c61696e|Infinity|\\x|-9223372036854775808||
3|{\"\$blob\":\"AQ==\"}|-2.25|\\xff|-Infinity|||\\.|
4|2.5|0.1|\\x|5e-324|\\xff|0|\\N|
5||||||||"
}

odd_values_of_postgres() {
	place values
	psql_in postgres -c "CREATE DATABASE \"values\" TEMPLATE template0"
	psql_in values -c "CREATE SCHEMA other" -c "CREATE TYPE mood AS ENUM ('sad', 'ok')" -c "
		CREATE TABLE v(n numeric PRIMARY KEY, d float8, f float4, b bool, t text, x bytea, ts timestamptz,
			j json, a int[], m mood, i int8, g int GENERATED ALWAYS AS (1) STORED)" -c "
		INSERT INTO v VALUES (1.50, 'NaN', 0.1, true, E'a\\n', '\\x00ff', '2024-01-02 03:04:05+00', '{\"a\": 1, \"a\":2}', '{1,NULL}', 'ok', -1),
			('NaN', '-0', 'Infinity', false, '', '', 'infinity', 'null', '{}', 'sad', 9223372036854775807),
			(123456789012345678901234567890.10, NULL, NULL, NULL, '12', NULL, NULL, NULL, NULL, NULL, NULL)" -c "
		CREATE TABLE other.t(a int, b text UNIQUE)" -c "CREATE TABLE \"other.t\"(\"A\" int, a int)" -c "
		INSERT INTO other.t VALUES (1, 'x'), (1, NULL), (1, NULL)" -c "INSERT INTO \"other.t\" VALUES (1, 2)" -c "
		CREATE TABLE nothing()" -c "CREATE VIEW w AS SELECT 1" -c "CREATE INDEX part ON v(i) WHERE b"
	store "$(pg_url "$pg" values)" one
	expect_status 0 "$ROWBACK" -C one --json restore --to sqlite:values.db
	listed 'public.v: column "n": numeric becomes TEXT: each digit is kept, and it sorts as text'
	listed 'public.v: column "b": boolean becomes INTEGER: true is 1, false is 0'
	listed "public.v: column \"d\": double precision becomes BLOB: NaN, which becomes the text 'NaN', or -0.0 are there"
	listed 'public.w: left behind: view'
	listed 'public.part: left behind: index'
	listed 'public.nothing: left behind: a table that stores no columns'
	listed 'public."other.t": "a" is called "a_2" there'
	sql values.db ".mode quote" "SELECT n, typeof(d), f = 0.1 OR f > 1e308, b, t, x, ts, j, a, m, i FROM v ORDER BY n" >got
	same_text "rows" got "'1.50','text',1,1,'a
',X'00ff','2024-01-02 03:04:05+00','{\"a\": 1, \"a\":2}','{1,NULL}','ok',-1
'123456789012345678901234567890.10','null',NULL,NULL,'12',NULL,NULL,NULL,NULL,NULL,NULL
'NaN','real',1,0,'',X'','infinity','null','{}','sad',9223372036854775807"
	sql values.db 'SELECT count(*) FROM "other.t"' 'SELECT * FROM "other.t_2"' >got
	same_text "names that meet" got "3
1|2"
}

only_where_nothing_is() {
	place full
	music music.db
	store "$(pg_url "$pg" music)" two
	expect_status 2 "$ROWBACK" -C two restore --yes --to sqlite:music.db
	expect_err_has "is not empty"
	expect_err_has "hint: name a new database with --to"
	expect_status 0 "$ROWBACK" -C two restore --table 'public."Artist"' --to sqlite:one.db
	sql one.db "SELECT group_concat(name) FROM sqlite_schema WHERE type = 'table'" >got
	same_text "tables" got "Artist"
	expect_status 0 "$ROWBACK" -C two restore -n --to sqlite:never.db
	[ ! -e never.db ] || fail "a dry run made a file"
}

# $path is a database of the corpus: to the other engine, and to its own again.
sqlite_of_the_corpus() {
	place "case$number"
	for suffix in '' -wal -journal; do
		[ ! -f "$path$suffix" ] || cp "$path$suffix" "copy.db$suffix"
	done
	store "sqlite:$PWD/copy.db" one
	"$ROWBACK" -C one restore --to "$(pg_url "$pg" "case$number")" >out 2>err || [ $? -eq 1 ] || fail "$(cat err)"
	grep -q '^verified: ' out || fail "not verified: $(cat out)"
	store "$(pg_url "$pg" "case$number")" two
	expect_status 0 "$ROWBACK" -C two restore --to sqlite:back.db
	psql_in postgres -c "DROP DATABASE \"case$number\""
}

# $path is a script that makes a database, of which psql takes what it can.
script_of_the_corpus() {
	place "case$number"
	psql_in postgres -c "CREATE DATABASE case$number"
	grep -viE '^(\\c|create database|drop database)' "$path" >script.sql
	PGHOST=$pg PGUSER=rowback "$(pg_bin)/psql" -X -q -d "case$number" -f script.sql >script.out 2>&1 || :
	store "$(pg_url "$pg" "case$number")" one
	expect_status 0 "$ROWBACK" -C one restore --to sqlite:copy.db
	grep -q '^verified: ' "$work/out" || fail "not verified: $(cat "$work/out")"
	sql copy.db "PRAGMA integrity_check" >got
	same_text "integrity" got "ok"
	psql_in postgres -c "DROP DATABASE case$number"
}

check "SQLite to PostgreSQL" sqlite_to_postgres
check "what came out of it" what_came_out
check "there and back gives equal rows" there_and_back
check "odd values of SQLite" odd_values_of_sqlite
check "odd values of PostgreSQL" odd_values_of_postgres
check "only where nothing is" only_where_nothing_is

number=0
[ -z "${ROWBACK_CORPUS:-}" ] || for path in "$ROWBACK_CORPUS"/sqlite/* "$ROWBACK_CORPUS"/postgres/*.sql; do
	number=$((number + 1))
	case $path in
	*.sql) check "$(basename "$path")" script_of_the_corpus ;;
	*) if [ "$(head -c 15 "$path" | tr -d '\0')" = "SQLite format 3" ]; then
		check "$(basename "$path")" sqlite_of_the_corpus
	fi ;;
	esac
done
