#!/bin/sh
# PostgreSQL as a source, on a server of our own: every type, equal trees from sessions with
# other settings and from tables of other layout, what is named instead of kept, what a
# migration does meanwhile, connections that end.
#
# postgres_types.sql makes the types' database, postgres_types.rows is what its rows are.
. "$(dirname "$0")/../harness/cli.sh"
# shellcheck source=tests/harness/postgres.sh
. "$root/tests/harness/postgres.sh"
need git jq
pg_for_tests

psql_in() {
	db=$1
	shift
	pg_psql "$pg" -d "$db" "$@"
}

# make_db NAME [SQL]
make_db() {
	psql_in postgres -c "CREATE DATABASE $1"
	[ -z "${2-}" ] || psql_in "$1" -c "$2" >/dev/null
}

# make_store NAME DB [USER]
make_store() {
	"$ROWBACK" -q init --no-check --source "app=$(pg_url "$pg" "$2" "${3-}")" "$1"
}

backup() { "$ROWBACK" -C "$1" backup; }

# rows STORE TABLE: its lines, in order.
rows() { find "$1/app/$2/rows" -type f | LC_ALL=C sort | tr '\n' '\0' | xargs -0 cat; }

# The tree of a store's data: what equal data has equal.
tree() { git -C "$1" rev-parse "main:app"; }

# await SQL: until it gives "t".
await() {
	tries=0
	until [ "$(psql_in postgres -Atc "$1")" = t ]; do
		tries=$((tries + 1))
		[ $tries -lt 500 ] || fail "never came true: $1"
		sleep 0.02
	done
}

# Until somebody waits for a lock, or N do.
await_waiting() {
	await "SELECT count(*) = ${1:-1} FROM pg_locks WHERE NOT granted"
}

# hold DB SQL...: a session that runs SQL, and waits for a line in $work/hold with more.
hold() {
	rm -f "$work/hold"
	mkfifo "$work/hold"
	psql_in "$1" -f "$work/hold" >"$work/held" 2>&1 &
	holder=$!
	exec 9>"$work/hold"
	echo "$2; SELECT pg_advisory_lock(4711);" >&9
	await "SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND granted"
}

# let_go [SQL]: the session runs SQL and ends.
let_go() {
	echo "${1-};" >&9
	exec 9>&-
	wait "$holder" || { cat "$work/held"; fail "the other session failed"; }
}

every_type_is_kept_to_the_byte() {
	make_db types
	psql_in types -f "$root/tests/integration/postgres_types.sql" >/dev/null 2>"$work/notices"
	make_store types types
	expect_status 0 backup types
	(cd types/app && for table in *.*/; do
		[ ! -d "$table/rows" ] || { echo "== ${table%/}" && rows .. "${table%/}"; }
	done) >"$work/rows"
	same_text "the rows" "$work/rows" "$root/tests/integration/postgres_types.rows"
	find types/app -name '*.jsonl' -exec cat {} + | jq -c . >/dev/null
}
check "every type is kept to the byte" every_type_is_kept_to_the_byte

types_and_keys_are_recorded() {
	jq -r '.columns[] | "\(.name) \(.type) \(.form)"' types/app/public.numbers/table.json \
		>"$work/columns"
	same_text "columns" "$work/columns" "id integer int
i2 smallint int
i4 integer int
i8 bigint int
n numeric number
nn numeric(40,20) number
f4 real real
f8 double precision real
o oid int
p public.posint int
p2 public.posint2 int
m public.money_amount number
fl public.flag bool"
	[ "$(jq -c .key types/app/public.numbers/table.json)" = \
		'{"kind":"primary","columns":["id"]}' ]
	[ "$(jq -r .columns[0].default types/app/public.numbers/table.json)" = \
		"nextval('public.numbers_id_seq'::regclass)" ]
	[ "$(jq -r .key.kind types/app/public.nokey/table.json)" = row ]
	[ "$(jq -c . types/app/pg_catalog.pg_sequence/rows/*)" = \
		'{"sequence":"public.numbers_id_seq","last_value":10,"is_called":true}
{"sequence":"public.texts_id_seq","last_value":6,"is_called":true}' ]
}
check "types, keys, defaults and sequences are recorded" types_and_keys_are_recorded

other_settings_give_the_same_tree() {
	psql_in postgres <<-'END'
		CREATE ROLE odd SUPERUSER LOGIN;
		ALTER ROLE odd SET TimeZone = 'Asia/Kathmandu';
		ALTER ROLE odd SET DateStyle = 'German';
		ALTER ROLE odd SET IntervalStyle = 'iso_8601';
		ALTER ROLE odd SET extra_float_digits = -15;
		ALTER ROLE odd SET bytea_output = 'escape';
		ALTER ROLE odd SET xmloption = 'document';
		ALTER ROLE odd SET search_path = '"My Schema"', public;
		ALTER ROLE odd SET client_encoding = 'LATIN1';
		ALTER ROLE odd SET standard_conforming_strings = off;
		ALTER ROLE odd SET quote_all_identifiers = on;
		ALTER ROLE odd SET statement_timeout = '20ms';
		ALTER ROLE odd SET idle_in_transaction_session_timeout = '1ms';
		ALTER ROLE odd SET default_transaction_isolation = 'serializable';
		ALTER ROLE odd SET enable_sort = off;
		ALTER DATABASE types SET DateStyle = 'SQL, MDY';
	END
	make_store odd types odd
	PGTZ=America/New_York PGDATESTYLE='Postgres, DMY' PGCLIENTENCODING=SQL_ASCII \
		LC_ALL=C.UTF-8 expect_status 0 backup odd
	[ "$(tree types)" = "$(tree odd)" ]
	psql_in postgres -c 'ALTER DATABASE types RESET ALL' -c 'DROP ROLE odd'
}
check "other settings of role and database give the same tree" other_settings_give_the_same_tree

another_layout_gives_the_same_tree() {
	psql_in types <<-'END'
		UPDATE numbers SET i4 = i4;
		VACUUM FULL;
		CLUSTER numbers USING numbers_pkey;
		ALTER TABLE numbers SET WITHOUT CLUSTER;
		REINDEX TABLE texts;
		UPDATE texts SET t = t WHERE id < 4;
		ANALYZE;
	END
	expect_status 0 backup types
	expect_out_has "nothing changed"
	make_db types2
	"$(pg_bin)/pg_dump" -h "$pg" -U rowback types | psql_in types2 >/dev/null
	make_store types2 types2
	expect_status 0 backup types2
	[ "$(tree types)" = "$(tree types2)" ]
}
check "another layout, and a copy by pg_dump, give the same tree" another_layout_gives_the_same_tree

tables_of_every_kind_have_a_rule() {
	make_db kinds
	psql_in kinds >/dev/null <<-'END'
		CREATE TABLE part (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
		CREATE TABLE part_a PARTITION OF part FOR VALUES FROM ('2026-01-01') TO ('2026-07-01');
		CREATE TABLE part_b PARTITION OF part FOR VALUES FROM ('2026-07-01') TO ('2027-01-01')
			PARTITION BY HASH (id);
		CREATE TABLE part_b0 PARTITION OF part_b FOR VALUES WITH (MODULUS 1, REMAINDER 0);
		INSERT INTO part VALUES (1, '2026-02-01'), (2, '2026-08-01');
		CREATE TABLE base (id int PRIMARY KEY);
		CREATE TABLE heir (more text) INHERITS (base);
		INSERT INTO base VALUES (1);
		INSERT INTO heir VALUES (2, 'x');
		CREATE TABLE made (a int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
			b int GENERATED BY DEFAULT AS IDENTITY,
			c text GENERATED ALWAYS AS ('<' || d || '>') STORED, d text NOT NULL UNIQUE);
		INSERT INTO made(d) VALUES ('x'), ('y');
		CREATE UNLOGGED TABLE quick (id int); INSERT INTO quick VALUES (7);
		CREATE FOREIGN DATA WRAPPER none; CREATE SERVER far FOREIGN DATA WRAPPER none;
		CREATE FOREIGN TABLE elsewhere (id int) SERVER far;
		CREATE MATERIALIZED VIEW seen AS SELECT * FROM made;
		CREATE VIEW looked AS SELECT * FROM made;
		CREATE TABLE refs (id int, at date, self int UNIQUE NOT NULL REFERENCES refs(self),
			u text REFERENCES made(d) ON DELETE CASCADE ON UPDATE SET NULL,
			FOREIGN KEY (id, at) REFERENCES part);
		CREATE TABLE nothing ();
		INSERT INTO nothing DEFAULT VALUES; INSERT INTO nothing DEFAULT VALUES;
		ALTER TABLE refs DROP COLUMN u; ALTER TABLE refs ADD u text REFERENCES made(d) ON DELETE CASCADE;
		CREATE TEMPORARY TABLE gone (id int);
		CREATE TABLE twice (a int NOT NULL, b int NOT NULL, c int, d int NOT NULL);
		CREATE UNIQUE INDEX z ON twice (d DESC) WHERE c > 0;
		CREATE UNIQUE INDEX y ON twice (b, a) INCLUDE (c);
		CREATE UNIQUE INDEX x ON twice (abs(a));
		CREATE UNIQUE INDEX w ON twice (c);
		INSERT INTO twice VALUES (2, 1, NULL, 0), (1, 1, NULL, 0), (0, 2, NULL, 0);
		SELECT lo_from_bytea(4711, ''), lo_from_bytea(1, '\x00ff'),
			lo_from_bytea(99, convert_to(repeat('0123456789abcdef', 100000), 'UTF8'));
		CREATE EXTENSION pg_trgm;
	END
	make_store kinds kinds
	expect_status 0 backup kinds
	jq -r '.sources.app.tables[] | "\(.name) \(.rows)"' kinds/rowback.json >"$work/tables"
	same_text "the tables" "$work/tables" "pg_catalog.pg_largeobject 4
pg_catalog.pg_sequence 2
public.base 1
public.heir 1
public.made 2
public.nothing 2
public.part_a 1
public.part_b0 1
public.quick 1
public.refs 0
public.twice 3"
	cat "$work/out" "$work/err" >"$work/said"
	grep -qF 'a foreign table: only its definition is kept' "$work/said"
	grep -qF 'an unlogged table: a crash of the server empties it' "$work/said"
	[ "$(rows kinds public.made)" = '{"a":1,"b":1,"d":"x"}
{"a":2,"b":2,"d":"y"}' ]
	[ "$(rows kinds public.heir)" = '{"id":2,"more":"x"}' ]
	[ "$(rows kinds public.nothing)" = '{}
{}' ]
	[ "$(rows kinds public.twice)" = '{"a":1,"b":1,"d":0}
{"a":2,"b":1,"d":0}
{"a":0,"b":2,"d":0}' ]
	jq -r '.note' kinds/app/public.part_b0/table.json kinds/app/public.heir/table.json \
		>"$work/notes"
	same_text "notes" "$work/notes" "partition of public.part_b
inherits from public.base"
	[ "$(jq -r .options kinds/app/public.quick/table.json)" = UNLOGGED ]
	[ "$(jq -c '[.columns[] | .default // .generated]' kinds/app/public.made/table.json)" = \
		'["GENERATED ALWAYS AS IDENTITY","GENERATED BY DEFAULT AS IDENTITY","stored",null]' ]
	[ "$(jq -c .key kinds/app/public.twice/table.json)" = '{"kind":"unique","columns":["b","a"]}' ]
	jq -r '.foreignKeys[] | "\(.columns) \(.table) \(.references) \(.onUpdate) \(.onDelete)"' \
		kinds/app/public.refs/table.json | tr -d '"' >"$work/foreign"
	same_text "foreign keys" "$work/foreign" "[id,at] public.part [id,at] NO ACTION NO ACTION
[self] public.refs [self] NO ACTION NO ACTION
[u] public.made [d] NO ACTION CASCADE"
	rows kinds pg_catalog.pg_largeobject | jq -c '[.loid, .pageno, (.data | keys[0])]' >"$work/lo"
	same_text "large objects" "$work/lo" '[1,0,"$blob"]
[99,0,"$blobfile"]
[99,1,"$blobfile"]
[4711,0,"$blob"]'
	[ "$(cat kinds/app/pg_catalog.pg_largeobject/blobs/*/* | wc -c)" -eq 1600000 ]
}
check "tables of every kind have a rule" tables_of_every_kind_have_a_rule

an_extensions_table_is_kept_as_far_as_it_says() {
	make_db ext
	# As an extension's script would do it by pg_extension_config_dump().
	psql_in ext <<-'END'
		CREATE EXTENSION hstore;
		CREATE TABLE config(id int PRIMARY KEY); INSERT INTO config VALUES (1), (11), (12);
		CREATE TABLE own(id int); INSERT INTO own VALUES (1);
		ALTER EXTENSION hstore ADD TABLE config; ALTER EXTENSION hstore ADD TABLE own;
		UPDATE pg_extension SET extconfig = ARRAY['config'::regclass::oid],
			extcondition = ARRAY['WHERE id > 10'] WHERE extname = 'hstore';
	END
	make_store ext ext
	expect_status 0 backup ext
	[ "$(jq -c '[.sources.app.tables[] | .name, .rows]' ext/rowback.json)" = '["public.config",2]' ]
	[ "$(rows ext public.config)" = '{"id":11}
{"id":12}' ]
	[ "$(jq -r .note ext/app/public.config/table.json)" = \
		"of extension hstore: rows that it says are users'" ]
}
check "an extension's table is kept as far as it says" an_extensions_table_is_kept_as_far_as_it_says

# not_whole STORE TABLE WHY: exit 3, the table named, and nothing committed.
not_whole() {
	expect_status 3 backup "$1"
	cat "$work/out" "$work/err" >"$work/said"
	grep -F "$2" "$work/said" | grep -qF "$3" || { cat "$work/said"; fail "not named: $2: $3"; }
	if git -C "$1" rev-parse -q --verify main:app >/dev/null; then fail "something was committed"; fi
}

a_role_that_does_not_see_all_is_told() {
	make_db rights "CREATE ROLE reader LOGIN; CREATE TABLE a(id int); INSERT INTO a VALUES (1);
		CREATE TABLE b(id int); CREATE TABLE c(id int, who text);
		GRANT SELECT ON a, c TO reader; GRANT INSERT ON b TO reader"
	make_store rights rights reader
	not_whole rights public.b 'permission denied for table b'
	expect_status 0 git -C rights config source.app.exclude 'public.b'
	expect_status 0 backup rights
	psql_in rights -c 'ALTER TABLE c ENABLE ROW LEVEL SECURITY' \
		-c "CREATE POLICY own ON c USING (who = current_user)"
	make_store rights2 rights reader
	git -C rights2 config source.app.exclude 'public.b'
	not_whole rights2 public.c 'row-level security policy'
	psql_in rights -c 'ALTER ROLE reader BYPASSRLS'
	expect_status 0 backup rights2
	psql_in rights -c 'CREATE SCHEMA closed' -c 'CREATE TABLE closed.t()' \
		-c 'GRANT SELECT ON closed.t TO reader' -c 'CREATE SEQUENCE hidden'
	make_store rights3 rights reader
	git -C rights3 config source.app.exclude 'public.b'
	not_whole rights3 closed.t 'permission denied for schema closed'
	grep -qF 'permission denied for sequence hidden' "$work/said"
}
check "a role that does not see all is told so, exit 3" a_role_that_does_not_see_all_is_told

a_table_that_is_locked_is_named() {
	make_db locked "CREATE TABLE a(id int); CREATE TABLE m(id int); CREATE TABLE z(id int)"
	make_store locked locked
	git -C locked config rowback.busyTimeout 1s
	hold locked 'BEGIN; LOCK TABLE m, z IN ACCESS EXCLUSIVE MODE'
	not_whole locked public.m 'another session holds a lock on it'
	grep -F public.z "$work/said" | grep -qF 'another session holds a lock on it'
	let_go
	expect_status 0 backup locked
}
check "a table that a migration holds is named" a_table_that_is_locked_is_named

what_is_truncated_meanwhile_is_not_empty() {
	make_db moved "CREATE TABLE a(id int PRIMARY KEY); CREATE TABLE n(id int)"
	psql_in moved -c 'INSERT INTO a SELECT generate_series(1, 1000)' -c 'INSERT INTO n VALUES (1)'
	make_store moved moved
	hold moved 'BEGIN; ALTER TABLE a ALTER id TYPE bigint; UPDATE n SET id = 2'
	"$ROWBACK" -C moved backup >"$work/out" 2>"$work/err" &
	backup_pid=$!
	await_waiting
	let_go COMMIT
	wait "$backup_pid" || { cat "$work/err"; fail "the backup failed"; }
	[ "$(rows moved public.a | wc -l)" -eq 1000 ]
	[ "$(rows moved public.n)" = '{"id":2}' ]
	[ "$(jq -r '.columns[0].type' moved/app/public.a/table.json)" = bigint ]
}
check "a table rewritten behind the snapshot is read from a later one" \
	what_is_truncated_meanwhile_is_not_empty

# A backup that waits for a lock, with $backup_pid and its session's $backend.
waiting_backup() {
	hold "$1" 'BEGIN; LOCK TABLE a IN ACCESS EXCLUSIVE MODE'
	"$ROWBACK" -C "$1" backup >"$work/out" 2>"$work/err" &
	backup_pid=$!
	await_waiting
	backend=$(psql_in postgres -Atc \
		"SELECT pid FROM pg_stat_activity WHERE application_name = 'rowback'")
}

# ended STATUS: how the backup went.
ended() {
	got=0
	wait "$backup_pid" || got=$?
	[ "$got" -eq "$1" ] || { cat "$work/err"; fail "exit status $got, not $1"; }
	let_go
}

what_ends_a_session_ends_the_backup() {
	make_db ended "CREATE TABLE a(id int)"
	make_store ended ended
	waiting_backup ended
	psql_in postgres -c "SELECT pg_terminate_backend($backend)" >/dev/null
	ended 13
	expect_err_has 'terminating connection due to administrator command'
	waiting_backup ended
	kill -INT "$backup_pid"
	ended 130
	await "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'rowback'"
	expect_status 0 backup ended
}
check "a session that is ended, and a signal, end the backup" what_ends_a_session_ends_the_backup

who_cannot_connect_is_told_why() {
	psql_in postgres -c "CREATE ROLE guarded LOGIN SUPERUSER PASSWORD 's3cret'"
	conf=$(pg_as cat "$pg/data/pg_hba.conf")
	printf 'local all guarded scram-sha-256\n%s\n' "$conf" | pg_as tee "$pg/data/pg_hba.conf" >/dev/null
	psql_in postgres -c 'SELECT pg_reload_conf()' >/dev/null
	make_store guarded kinds guarded
	expect_status 12 backup guarded
	expect_err_has 'hint: a password comes from PGPASSWORD'
	PGPASSWORD=wrong expect_status 12 backup guarded
	expect_err_has "password authentication failed for user \"guarded\""
	PGPASSWORD=s3cret expect_status 0 backup guarded
	echo "*:*:*:guarded:s3cret" >"$work/pass"
	chmod 600 "$work/pass"
	PGPASSFILE=$work/pass expect_status 0 backup guarded
	printf '[crm]\nhost=%s\ndbname=kinds\nuser=guarded\npassword=s3cret\n' "$pg" >"$work/services"
	"$ROWBACK" -q init --no-check --source app=postgres:service=crm service
	PGSERVICEFILE=$work/services expect_status 0 backup service
	[ "$(tree service)" = "$(tree guarded)" ]
	expect_status 2 "$ROWBACK" init --no-check argv --source \
		"app=postgres://guarded:s3cret@/kinds?host=$pg"
	expect_err_has "source 'app': a password does not belong on the command line"
	[ ! -e argv ]
	make_store nosuch nosuch
	expect_status 13 backup nosuch
	expect_err_has 'database "nosuch" does not exist'
	expect_err_has "hint: check the database's name"
	"$ROWBACK" -q init --no-check --source 'app=postgres://me@/x?host=/nonexistent' down
	expect_status 13 backup down
	expect_err_has 'hint: is the server up'
	if grep -rqF s3cret guarded service down "$work/err" "$work/out"; then fail "a password was kept"; fi
}
check "who cannot connect is told why" who_cannot_connect_is_told_why

other_encodings_are_kept() {
	psql_in postgres -c "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0" \
		-c "CREATE DATABASE raw ENCODING 'SQL_ASCII' TEMPLATE template0"
	PGCLIENTENCODING=UTF8 psql_in latin -c \
		"CREATE TABLE t(a text); INSERT INTO t VALUES ('é'), ('z'), ('ÿ'), ('Z'), (NULL)"
	make_store latin latin
	expect_status 0 backup latin
	[ "$(rows latin public.t)" = '{}
{"a":"Z"}
{"a":"z"}
{"a":"é"}
{"a":"ÿ"}' ]
	psql_in raw -c "CREATE TABLE t(a text, n int NOT NULL UNIQUE);
		INSERT INTO t VALUES (E'caf\\xe9', 1), (E'caf\\xc3\\xa9', 2), (E'\\xff', 3), ('~', 4)" \
		-c "CREATE TABLE k(a text PRIMARY KEY); INSERT INTO k SELECT a FROM t"
	make_store raw raw
	expect_status 0 backup raw
	[ "$(rows raw public.t)" = '{"a":{"$text":"Y2Fm6Q=="},"n":1}
{"a":"café","n":2}
{"a":{"$text":"/w=="},"n":3}
{"a":"~","n":4}' ]
	[ "$(rows raw public.k)" = '{"a":"café"}
{"a":"~"}
{"a":{"$text":"Y2Fm6Q=="}}
{"a":{"$text":"/w=="}}' ]
}
check "texts of other encodings are kept" other_encodings_are_kept

wide_rows_and_long_ones_are_read() {
	make_db wide
	psql_in wide >/dev/null <<-'END'
		DO $$ BEGIN
			EXECUTE 'CREATE TABLE w(' || (SELECT string_agg('c' || i || ' ' ||
				(ARRAY['int2', 'text', 'bool', 'char(1)'])[i % 4 + 1], ',')
				FROM generate_series(1, 1600) i) || ')'; END $$;
		INSERT INTO w(c4, c8, c1599) VALUES (1, 2, 'a'), (1, 1, 'b'), (NULL, 5, NULL), (1, 1, NULL);
		CREATE TABLE big(id int PRIMARY KEY, b bytea, t text);
		ALTER TABLE big ALTER b SET STORAGE EXTERNAL;
		INSERT INTO big SELECT 1, decode(repeat('00ff5c0a', 52428800), 'hex'), repeat(E'ab\\\n', 2500000);
		INSERT INTO big VALUES (2, '', '');
	END
	make_store wide wide
	expect_status 0 backup wide
	[ "$(rows wide public.w)" = '{"c8":5}
{"c4":1,"c8":1}
{"c4":1,"c8":1,"c1599":"b"}
{"c4":1,"c8":2,"c1599":"a"}' ]
	[ "$(rows wide public.big | jq -c '[.id, (.b, .t | .size?)]')" = '[1,209715200,10000000]
[2,null]' ]
	file=$(rows wide public.big | jq -r '.b["$blobfile"] // empty')
	[ "$(cat wide/app/public.big/blobs/*/"$file"* | sha256sum | cut -d ' ' -f 1)" = "$file" ]
	psql_in postgres -c 'DROP DATABASE wide'
	rm -rf wide
}
check "1,600 columns, and a row of 200 MB" wide_rows_and_long_ones_are_read

supabase_schemas_are_left_out() {
	make_db supa
	psql_in supa >/dev/null <<-'END'
		CREATE ROLE supabase_admin; CREATE ROLE supabase_auth_admin;
		CREATE SCHEMA auth; CREATE SCHEMA storage; CREATE SCHEMA realtime; CREATE SCHEMA mine;
		CREATE TABLE auth.users(id serial); CREATE TABLE mine.t(id serial);
	END
	make_store supa supa
	expect_status 0 backup supa
	[ -d supa/app/auth.users ]
	psql_in supa -c 'ALTER SCHEMA auth OWNER TO supabase_auth_admin' \
		-c 'ALTER SCHEMA storage OWNER TO supabase_admin' \
		-c 'ALTER SCHEMA realtime OWNER TO supabase_admin'
	make_store supa2 supa
	expect_status 0 backup supa2
	[ ! -d supa2/app/auth.users ] && [ -d supa2/app/mine.t ]
	[ "$(rows supa2 pg_catalog.pg_sequence | jq -r .sequence)" = mine.t_id_seq ]
	cat "$work/out" "$work/err" >"$work/said"
	grep -qF "schemas: left out with all that is in them: auth, realtime, storage" "$work/said"
}
check "Supabase's own schemas are left out, and only there" supabase_schemas_are_left_out

# Money is only ever moved: each backup has the same sum, over two tables.
a_write_load_is_seen_at_one_moment() {
	make_db bank "CREATE TABLE left_side(id int PRIMARY KEY, amount int NOT NULL);
		CREATE TABLE right_side(id int PRIMARY KEY, amount int NOT NULL);
		CREATE TABLE moves(id bigserial PRIMARY KEY, at timestamptz DEFAULT clock_timestamp());
		INSERT INTO left_side SELECT i, 100 FROM generate_series(1, 2000) i;
		INSERT INTO right_side SELECT i, 100 FROM generate_series(1, 2000) i"
	echo "\\set a random(1, 2000)
\\set b random(1, 2000)
\\set n random(1, 50)
BEGIN;
UPDATE left_side SET amount = amount - :n WHERE id = :a;
UPDATE right_side SET amount = amount + :n WHERE id = :b;
INSERT INTO moves DEFAULT VALUES;
COMMIT;" >move.sql
	"$(pg_bin)/pgbench" -h "$pg" -U rowback -n -f move.sql -c 3 -T 600 bank >bench.log 2>&1 &
	load=$!
	await "SELECT count(*) > 0 FROM pg_stat_database WHERE datname = 'bank' AND xact_commit > 200"
	make_store bank bank
	trap 'kill $load 2>/dev/null || :' EXIT
	for _ in 1 2 3 4; do
		expect_status 0 backup bank
		expect_out_has 'backup 2'
		[ "$(cat bank/app/public.left_side/rows/* bank/app/public.right_side/rows/* |
			jq -n '[inputs.amount] | add')" -eq 400000 ] || fail "money was made"
		moves=$(rows bank public.moves | wc -l)
		[ "$(rows bank pg_catalog.pg_sequence | jq .last_value)" -ge "$moves" ]
	done
	kill "$load"
	wait "$load" || true
}
check "a write load is seen at one moment" a_write_load_is_seen_at_one_moment

# Several connections read one snapshot: nothing of what is written meanwhile gets in, and the
# tree is that of one connection.
several_connections_read_one_snapshot() {
	make_db jobs "CREATE TABLE accounts(id int PRIMARY KEY, amount int);
		INSERT INTO accounts SELECT i, 100 FROM generate_series(1, 2000) AS i;
		CREATE TABLE ledger(id int PRIMARY KEY, amount int);
		INSERT INTO ledger SELECT i, 100 FROM generate_series(1, 2000) AS i;
		CREATE TABLE a AS SELECT i AS n, md5(i::text) AS v FROM generate_series(1, 5000) AS i;
		CREATE TABLE b AS TABLE a; CREATE TABLE c AS TABLE a; CREATE SEQUENCE s"
	make_store jobs jobs
	make_store alone jobs
	expect_status 0 backup alone
	expect_status 0 "$ROWBACK" -C jobs -v backup --jobs 4
	! grep -q 'one reader less' "$work/err" || fail "$(cat "$work/err")"
	[ "$(tree jobs)" = "$(tree alone)" ]
	# Money moves between the two tables; the sum never changes.
	touch moving
	while [ -e moving ]; do
		psql_in jobs -qc "BEGIN; UPDATE accounts SET amount = amount - 1 WHERE id % 50 = 1;
			UPDATE ledger SET amount = amount + 1 WHERE id % 50 = 1; COMMIT"
	done &
	mover=$!
	for round in 1 2 3 4 5 6; do
		expect_status 0 "$ROWBACK" -C jobs backup --jobs $((round % 4 + 2))
		[ "$(cat jobs/app/public.accounts/rows/*.jsonl jobs/app/public.ledger/rows/*.jsonl |
			jq -s 'map(.amount) | add')" -eq 400000 ] || fail "round $round: the sum is another"
	done
	rm moving
	wait "$mover"
	git -C jobs config rowback.jobs 3
	expect_status 0 backup jobs
	expect_status 0 backup alone
	[ "$(tree jobs)" = "$(tree alone)" ]
	[ "$(psql_in postgres -Atc "SELECT count(*) FROM pg_stat_activity WHERE datname = 'jobs'")" -eq 0 ]
	expect_status 2 "$ROWBACK" -C jobs backup --jobs 9
}
check "several connections read one snapshot" several_connections_read_one_snapshot

the_server_ends_the_backup_ends() {
	waiting_backup ended
	pg_control "$pg" 'stop -m immediate'
	got=0
	wait "$backup_pid" || got=$?
	[ "$got" -eq 13 ] || { cat "$work/err"; fail "exit status $got, not 13"; }
	exec 9>&-
	wait "$holder" || true
	pg_control "$pg" start
	expect_status 0 backup ended
}
check "a server that stops ends the backup, and the next one is whole" the_server_ends_the_backup_ends
