#!/bin/sh
# What a restore into PostgreSQL proves of definitions: pg_dump sees them when they are committed,
# so a server that makes something else of a statement has to be noticed then.
. "$(dirname "$0")/../harness/cli.sh"
. "$root/tests/harness/stores.sh"
# shellcheck source=tests/harness/postgres.sh
. "$root/tests/harness/postgres.sh"
need git jq pg_dump
pg_for_tests

rb() { "$ROWBACK" -C store "$@"; }
databases() { psql_in postgres -c "SELECT datname FROM pg_database ORDER BY 1" | tr '\n' ' '; }
schema() {
	pg_dump -h "$pg" -U rowback --schema-only "$1" >dumped 2>dump.err || fail "$(cat dump.err)"
	grep -vE '^\\(un)?restrict ' dumped
}

expect_json() {
	jq -c "select(.message_type != \"error\") | $1" "$work/out" >got
	same_text "$1" got "$2"
}

# begins NAME: a shop in a database of that name, and a store with a backup of it.
begins() {
	place "$1"
	psql_in postgres -c "SET client_min_messages = warning" -c "DROP DATABASE IF EXISTS made" -c "CREATE DATABASE $1 TEMPLATE template0"
	psql_in "$1" -f "$root/tests/integration/postgres_restore.sql" >shop.log 2>&1 || fail "$(cat shop.log)"
	[ "$#" -lt 2 ] || psql_in "$1" -c "$2" >/dev/null
	"$ROWBACK" -q init --no-check --source "app=$(pg_url "$pg" "$1")" store
	expect_status 0 rb backup
}

# waits_for DATABASE QUERY: until it counts something.
waits_for() {
	tries=0
	until [ "$(psql_in "$1" -c "$2")" != 0 ]; do
		tries=$((tries + 1))
		[ "$tries" -lt 1000 ] || fail "it never happened: $2"
		sleep 0.01
	done
}

pg_psql "$pg" -d postgres -c "CREATE ROLE reader" -c "CREATE ROLE keeper LOGIN"

# Each of these runs in databases where nothing interferes.
equal_definitions_pass() {
	begins equal
	schema equal >wanted.sql
	expect_status 0 rb restore --to "$(pg_url "$pg" made)"
	expect_out_has "verified: exported again and compared"
	expect_out_has "definitions: compared"
	schema made | diff -u wanted.sql - || fail "another schema"
	psql_in postgres -c "DROP DATABASE made" -c "CREATE DATABASE made TEMPLATE template0"
	expect_status 0 rb --json restore --to "$(pg_url "$pg" made)"
	expect_json '[.verified, .definitions, .definitions_why, .differences]' '[true,"compared",null,[]]'

	# In place, with tables gone, and what is otherwise than in a new database.
	psql_in equal -q -c "SET client_min_messages = warning; DROP TABLE people CASCADE; DROP TABLE loose" \
		-c "ALTER TABLE numbers DISABLE ROW LEVEL SECURITY; COMMENT ON SCHEMA public IS NULL" \
		-c "ALTER SCHEMA public OWNER TO keeper; GRANT CREATE ON SCHEMA public TO reader"
	expect_status 0 rb --json restore --yes
	expect_json '[.verified, .definitions, .differences]' '[true,"compared",[]]'
	schema equal | diff -u wanted.sql - || fail "another schema"
}

# Single tables, and the other strategies, are held against what should have stayed.
parts_are_compared() {
	begins parts
	schema parts >wanted.sql
	for how in "--table public.numbers" "--schema public" "--strategy upsert"; do
		psql_in parts -c "UPDATE numbers SET n = 8 WHERE id = 3" -c "DELETE FROM people WHERE id = 505"
		# shellcheck disable=SC2086 # words
		expect_status 0 rb --json restore --yes $how
		expect_json '[.written, .definitions]' '[true,"compared"]'
		schema parts | diff -u wanted.sql - || fail "another schema: $how"
	done
	psql_in parts -c "DROP TABLE loose"
	expect_status 0 rb --json restore --yes --table public.loose
	expect_json '[.written, .definitions]' '[true,"compared"]'
	expect_status 1 rb --json restore --to "$(pg_url "$pg" made)" --table public.teams
	expect_json '.definitions' '"compared"'
}

# What a table needs comes with its owner, rights and comment; what is there stays as it is.
what_tables_need_is_whole() {
	begins needs "CREATE TYPE tone AS ENUM ('a'); ALTER TYPE tone OWNER TO keeper; COMMENT ON TYPE tone IS 'of songs';
		REVOKE ALL ON TYPE tone FROM PUBLIC; GRANT USAGE ON TYPE tone TO reader;
		CREATE FUNCTION secret() RETURNS tone LANGUAGE sql AS \$\$ SELECT 'a'::tone \$\$;
		REVOKE ALL ON FUNCTION secret() FROM PUBLIC; CREATE TABLE songs(id integer PRIMARY KEY, t public.tone)"
	expect_status 0 rb --json restore --to "$(pg_url "$pg" made)" --table public.songs
	expect_json '[.verified, .definitions]' '[true,"compared"]'
	psql_in made -c "SELECT typowner::regrole, typacl, obj_description(oid, 'pg_type') FROM pg_type WHERE typname = 'tone'" \
		-c "SELECT proacl FROM pg_proc WHERE proname = 'secret'" >got
	same_text "the type and the function" got "keeper|{keeper=U/keeper,reader=U/keeper}|of songs
{rowback=X/rowback}"
	psql_in made -c "ALTER TYPE tone OWNER TO reader; DROP TABLE songs"
	expect_status 0 rb --json restore --to "$(pg_url "$pg" made)" --table public.songs --yes
	expect_json '[.verified, .definitions]' '[true,"compared"]'
	psql_in made -c "SELECT typowner::regrole FROM pg_type WHERE typname = 'tone'" >got
	same_text "the owner of a type that was there" got reader
}

# A table that is made anew is in the publications that it was in.
publications_keep_their_tables() {
	begins published "SET client_min_messages = error; CREATE PUBLICATION p FOR TABLE loose WHERE (a > 1), numbers;
		ALTER TABLE loose REPLICA IDENTITY FULL"
	schema published >wanted.sql
	for how in "" "--table public.loose"; do
		psql_in published -c "ALTER TABLE loose ADD COLUMN later integer"
		# shellcheck disable=SC2086 # words
		expect_status 0 rb --json restore --yes $how
		expect_json '[.verified, .definitions]' '[true,"compared"]'
		schema published | diff -u wanted.sql - || fail "another schema: $how"
	done
	psql_in published -c "ALTER PUBLICATION p ADD TABLE teams; ALTER PUBLICATION p DROP TABLE numbers"
	expect_status 0 rb restore --yes
	schema published | diff -u wanted.sql - || fail "another schema"
}

# A role that is gone: what was told of is no difference, nor are rights that follow from it.
what_was_told_of_does_not_count_twice() {
	psql_in postgres -c "CREATE ROLE gone"
	begins told "CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION f() OWNER TO gone;
		REVOKE ALL ON FUNCTION f() FROM PUBLIC; GRANT EXECUTE ON FUNCTION f() TO rowback;
		ALTER TABLE loose OWNER TO gone; GRANT ALL ON loose TO rowback; GRANT SELECT ON loose TO reader;
		CREATE SCHEMA hers AUTHORIZATION gone; ALTER DEFAULT PRIVILEGES FOR ROLE gone GRANT SELECT ON TABLES TO reader;
		SET session_replication_role = replica; UPDATE people SET boss = 77777 WHERE id = 9"
	psql_in told -c "SET client_min_messages = warning; DROP OWNED BY gone CASCADE"
	psql_in postgres -c "DROP ROLE gone"
	for to in told made; do
		expect_status 1 rb --json restore --yes --to "$(pg_url "$pg" $to)"
		expect_json '[.verified, .definitions]' '[true,"compared"]'
		expect_err_has 'owners that could not be set: '
	done
	expect_err_has "rows break this foreign key: it was made NOT VALID"
}

# A house rule, as hosters install them: each new table has row-level security.
rule='CREATE FUNCTION secure() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE made record;
BEGIN
	FOR made IN SELECT * FROM pg_event_trigger_ddl_commands() WHERE command_tag = $t$CREATE TABLE$t$ LOOP
		EXECUTE format($t$ALTER TABLE %s ENABLE ROW LEVEL SECURITY$t$, made.object_identity);
	END LOOP;
END $$;
CREATE EVENT TRIGGER secure ON ddl_command_end EXECUTE FUNCTION secure();
ALTER EVENT TRIGGER secure ENABLE ALWAYS;'

what_a_server_changes_is_told_of() {
	begins changed "$rule"
	psql_in changed -c "DROP TABLE loose"
	schema changed >before.sql
	expect_status 15 rb restore --yes
	expect_err_has "the rows were restored, but 1 definition is not as it should be: public.loose: this row security should not be there: ALTER TABLE public.loose ENABLE ROW LEVEL SECURITY;"
	safety=$(git -C store log --format='%(trailers:key=Backup-Id,valueonly,separator=)' --grep='^Backup-Kind: safety' -1)
	expect_err_has "undo it with: rowback restore $safety"
	expect_out_has "definitions: differ"
	if grep -q 'verified' "$work/out"; then fail "it says verified"; fi
	[ "$(psql_in changed -c "SELECT count(*) FROM loose")" = 4 ] || fail "no rows"
	git -C store log -1 --format=%s >got
	case $(cat got) in "restore: app is as in backup "*) ;; *) fail "not recorded: $(cat got)" ;; esac
	expect_status 0 rb restore "$safety" --yes
	schema changed | diff -u before.sql - || fail "it is not as it was"

	expect_status 15 rb --json restore "$(git -C store log --reverse --format='%(trailers:key=Backup-Id,valueonly,separator=)' | head -n 1)" --yes --table public.loose
	expect_json '[.written, .verified, .definitions, .differences[0].object]' '[true,false,"differ","public.loose"]'
	[ "$(jq -r 'select(.message_type == "error").status' "$work/out")" = 15 ] || fail "$(cat "$work/out")"
}

# A rollback that comes to other definitions is taken back.
a_rollback_is_taken_back() {
	begins rolled "$rule"
	git init -q --bare code.git
	git init -q -b master code
	git -C code remote add origin "$PWD/code.git"
	git -C code commit -qm one --allow-empty
	git -C code push -q origin master
	git -C store config app.path "$PWD/code"
	expect_status 0 rb backup --force
	id=$(rb --json log -1 | jq -r '.backups[0].id')
	git -C code commit -qm two --allow-empty
	psql_in rolled -c "DROP TABLE loose"
	schema rolled >before.sql
	expect_status 15 rb rollback "$id" --yes --confirm app
	expect_err_has "the rollback failed while the data was restored, and was taken back: source 'app': the rows were restored, but 1 definition"
	expect_err_has "hint: something on the server changes what is made: an event trigger, a setting"
	schema rolled | diff -u before.sql - || fail "it is not as it was"
	git -C code log -1 --format=%s >got
	same_text "the code" got two
}

# A template that the rule is part of, as if it were the server's: pg_dump does not say it then.
changes_template() {
	psql_in postgres -c "ALTER DATABASE template0 ALLOW_CONNECTIONS true"
	psql_in template0 -c "$rule" -c "ALTER EXTENSION plpgsql ADD EVENT TRIGGER secure" \
		-c "ALTER EXTENSION plpgsql ADD FUNCTION secure()"
	psql_in postgres -c "ALTER DATABASE template0 ALLOW_CONNECTIONS false"
}
takes_template_back() {
	psql_in postgres -c "ALTER DATABASE template0 ALLOW_CONNECTIONS true"
	psql_in template0 -c "ALTER EXTENSION plpgsql DROP EVENT TRIGGER secure" -c "DROP EVENT TRIGGER secure" \
		-c "ALTER EXTENSION plpgsql DROP FUNCTION secure()" -c "DROP FUNCTION secure()"
	psql_in postgres -c "ALTER DATABASE template0 ALLOW_CONNECTIONS false"
}

a_new_database_that_differs_is_not_kept() {
	begins template
	changes_template
	before=$(databases)
	expect_status 15 rb restore --to "$(pg_url "$pg" made)"
	expect_err_has "definitions are not as they should be; nothing was kept: "
	expect_err_has "this row security should not be there: ALTER TABLE public."
	[ "$(databases)" = "$before" ] || fail "left behind: $(databases)"
	expect_status 15 rb verify --drill
	expect_err_has "definitions are not as they should be"
	[ "$(databases)" = "$before" ] || fail "left behind: $(databases)"
	takes_template_back
	expect_status 0 rb verify --drill
	expect_out_has "drill: 1 source restored, exported again: the same tree"
	[ "$(databases)" = "$before" ] || fail "left behind: $(databases)"
}

# Rights by default are for tables of later: one that comes back has those it had.
defaults_give_no_rights() {
	begins defaults "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO reader;
		ALTER DEFAULT PRIVILEGES GRANT SELECT ON SEQUENCES TO reader;
		ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC"
	schema defaults >wanted.sql
	psql_in defaults -q -c "SET client_min_messages = warning; DROP TABLE teams, loose CASCADE;
		DROP FUNCTION noted() CASCADE"
	expect_status 0 rb --json restore --yes
	expect_json '[.verified, .definitions]' '[true,"compared"]'
	schema defaults | diff -u wanted.sql - || fail "another schema"
	psql_in defaults -c "DROP TABLE loose"
	expect_status 0 rb restore --yes --table public.loose
	schema defaults | diff -u wanted.sql - || fail "another schema"
	psql_in defaults -c "CREATE TABLE later()" -c "SELECT has_table_privilege('reader', 'later', 'DELETE')" >got
	same_text "rights of a later table" got t
}

# A setting of the role that changes what a text means.
settings_change_nothing() {
	begins settings "CREATE TABLE lists(id integer PRIMARY KEY, a text[] DEFAULT '{a,NULL}'::text[])"
	psql_in postgres -c "ALTER ROLE rowback SET array_nulls = off"
	status=0
	rb restore --to "$(pg_url "$pg" made)" >"$work/out" 2>"$work/err" || status=$?
	psql_in postgres -c "ALTER ROLE rowback RESET array_nulls"
	[ "$status" -eq 0 ] || fail "status $status: $(cat "$work/err")"
	[ "$(psql_in made -c "INSERT INTO lists(id) VALUES (1) RETURNING a[2] IS NULL")" = t ] || fail "another default"
}

# pg_dump was there when the restore began, and is not when it is committed.
says_what_it_could_not_compare() {
	begins unread
	mkdir bin
	{
		echo '#!/bin/sh'
		echo "case \$* in --version) exec $(command -v pg_dump) --version ;; esac"
		echo "[ \"\$('$(pg_bin)/psql' -X -h '$pg' -U rowback -At -d unread -c 'SELECT n FROM numbers WHERE id = 3')\" != 1.500 ] || { echo 'pg_dump: error: no such thing' >&2; exit 1; }"
		echo "exec $(command -v pg_dump) \"\$@\""
	} >bin/pg_dump
	chmod 755 bin/pg_dump
	psql_in unread -c "UPDATE numbers SET n = 9 WHERE id = 3"
	PATH="$PWD/bin:$PATH" expect_status 1 rb restore --yes
	expect_out_has "definitions: not compared: cannot read the schema of 'unread@$pg': no such thing"
	expect_out_has "verified: exported again and compared"
	psql_in unread -c "UPDATE numbers SET n = 9 WHERE id = 3"
	PATH="$PWD/bin:$PATH" expect_status 1 rb --json restore --yes
	expect_json '[.written, .verified, .definitions, .differences]' '[true,true,"not compared",[]]'
}

# Somebody waits for a table that the restore holds, and holds it when its definition is to be read.
says_which_tables_were_locked() {
	begins locked "CREATE MATERIALIZED VIEW gate AS SELECT pg_advisory_lock_shared(7)::text"
	git -C store config rowback.busyTimeout 1s
	psql_in locked -c "UPDATE numbers SET n = 9 WHERE id = 3"
	psql_in locked -c "SELECT pg_advisory_lock(7)" -c "SELECT pg_sleep(300)" >/dev/null 2>&1 &
	gate=$!
	waits_for locked "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
	rb restore --yes >out 2>err &
	restore=$!
	waits_for locked "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
	psql_in locked -c "BEGIN" -c "LOCK TABLE loose" -c "SELECT pg_sleep(300)" >/dev/null 2>&1 &
	locker=$!
	waits_for locked "SELECT count(*) FROM pg_locks WHERE relation = 'loose'::regclass AND NOT granted"
	psql_in locked -c "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock'" >/dev/null
	status=0
	wait "$restore" || status=$?
	psql_in locked -c "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE relation = 'loose'::regclass" >/dev/null
	wait "$gate" "$locker" || :
	[ "$status" -eq 1 ] || fail "status $status: $(cat out err)"
	grep -qxF "definitions: not compared: public.loose: its definition could not be read: another session holds a lock on it, or this role may not read it" out ||
		fail "$(cat out err)"
}

check "equal definitions pass" equal_definitions_pass
check "what tables need is whole" what_tables_need_is_whole
check "publications keep their tables" publications_keep_their_tables
check "what was told of does not count twice" what_was_told_of_does_not_count_twice
check "it says which tables were locked" says_which_tables_were_locked
check "parts are compared" parts_are_compared
check "what a server changes is told of" what_a_server_changes_is_told_of
check "a rollback is taken back" a_rollback_is_taken_back
check "a new database that differs is not kept" a_new_database_that_differs_is_not_kept
check "defaults give no rights" defaults_give_no_rights
check "settings change nothing" settings_change_nothing
check "it says what it could not compare" says_what_it_could_not_compare
