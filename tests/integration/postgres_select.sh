#!/bin/sh
# What is backed up of PostgreSQL and what is not: schemas, tables, columns, a platform's own
# schemas; and that a restore leaves alone what is not in the backup.
. "$(dirname "$0")/../harness/cli.sh"
. "$root/tests/harness/stores.sh"
# shellcheck source=tests/harness/postgres.sh
. "$root/tests/harness/postgres.sh"
need git jq pg_dump
pg_for_tests

rb() { "$ROWBACK" -C store "$@"; }
configure() { git -C store config "$@"; }
tables() { jq -r '.sources.app.tables[].name' store/rowback.json | tr '\n' ' '; }

# app NAME: a place and a database with schemas to choose from.
app() {
	place "$1"
	pg_psql "$pg" -d postgres -c "CREATE DATABASE $1 TEMPLATE template0"
	psql_in "$1" >/dev/null <<-'END'
		CREATE EXTENSION citext;
		CREATE SCHEMA sales; CREATE SCHEMA scratch; CREATE SCHEMA "My, Schema";
		CREATE TABLE public.users(id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
			name text NOT NULL UNIQUE, secret json, mail citext,
			token uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000');
		INSERT INTO public.users(name, secret, mail, token) VALUES
			('ann', '{"a": 1}', 'Ann@x', '11111111-1111-1111-1111-111111111111'),
			('bob', '{"b": 2}', 'bob@x', '22222222-2222-2222-2222-222222222222'),
			('cay', NULL, NULL, '33333333-3333-3333-3333-333333333333');
		CREATE TABLE public.mails(mail citext, at timestamptz, secret point, PRIMARY KEY (mail, at));
		INSERT INTO public.mails VALUES ('A@x', '2026-01-01', '(1,2)'), ('b@x', '-infinity', NULL);
		CREATE TABLE public.bag(v int, secret text); INSERT INTO public.bag VALUES (1, 'x');
		CREATE TABLE sales.orders(id serial PRIMARY KEY, user_id int REFERENCES public.users);
		INSERT INTO sales.orders(user_id) VALUES (1), (2);
		CREATE TABLE sales.lines(id int PRIMARY KEY); INSERT INTO sales.lines VALUES (7);
		CREATE TABLE scratch.notes(id serial PRIMARY KEY, x text);
		INSERT INTO scratch.notes(x) VALUES ('n');
		CREATE FUNCTION scratch.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
		CREATE TABLE "My, Schema"."T"(id int PRIMARY KEY); INSERT INTO "My, Schema"."T" VALUES (1);
	END
	"$ROWBACK" -q init --no-check --source "app=$(pg_url "$pg" "$1")" store
}

drop() { pg_psql "$pg" -d postgres -c "DROP DATABASE $1"; }

# What pg_dump says of a schema.
dump() {
	pg_dump -h "$pg" -U rowback -n "$2" "$1" 2>dump.err | grep -vE '^\\(un)?restrict '
}

schemas_are_left_out() {
	app whole
	configure source.app.excludeSchemas 'scratch, My*'
	expect_status 0 rb backup --label one
	expect_err_has 'schemas: left out with all that is in them: "My, Schema", scratch'
	[ "$(tables)" = "pg_catalog.pg_sequence public.bag public.mails public.users sales.lines sales.orders " ]
	if grep -qE 'scratch|My, Schema"\.' store/app/schema.sql; then fail "its definitions are kept"; fi
	[ "$(jq -r .settings.schemas_left_out store/app/schema.json)" = '"My, Schema", scratch' ]
	cat store/app/pg_catalog.pg_sequence/rows/* | jq -r .sequence | tr '\n' ' ' |
		grep -qx 'public.users_id_seq sales.orders_id_seq '
	dump whole scratch >scratch.before
	# What is not in the backup stays, whatever the configuration says by then.
	psql_in whole -c "DELETE FROM sales.orders" -c "CREATE TABLE sales.later(id int)"
	expect_status 0 rb restore one --yes
	dump whole scratch | diff scratch.before - || fail "scratch was touched"
	[ "$(psql_in whole -c 'SELECT count(*) FROM sales.orders')" = 2 ]
	[ "$(psql_in whole -c "SELECT to_regclass('sales.later') IS NULL")" = t ]
	configure --unset source.app.excludeSchemas
	psql_in whole -c "DELETE FROM sales.orders"
	expect_status 0 rb restore one --yes
	dump whole scratch | diff scratch.before - || fail "scratch was dropped"
	[ "$(psql_in whole -c 'SELECT count(*) FROM sales.orders')" = 2 ]
	[ "$(psql_in whole -c 'SELECT count(*) FROM "My, Schema"."T"')" = 1 ]
	# And a backup that has it does not go over what no safety backup has.
	expect_status 0 rb backup --label two
	configure source.app.excludeSchemas scratch
	psql_in whole -c "UPDATE scratch.notes SET x = 'new'"
	expect_status 16 rb restore two --yes
	expect_err_has "the backup has schema 'scratch', which is left out now"
	[ "$(psql_in whole -c 'SELECT x FROM scratch.notes')" = new ]
	# Into a new database all of it goes.
	expect_status 0 rb restore two --to "$(pg_url "$pg" fresh)"
	[ "$(psql_in fresh -c 'SELECT x FROM scratch.notes')" = n ]
	drop fresh
	expect_status 0 rb restore one --to "$(pg_url "$pg" fresh)"
	[ "$(psql_in fresh -c "SELECT to_regnamespace('scratch') IS NULL")" = t ]
	expect_status 0 rb verify --drill
	drop fresh && drop whole
}
check "schemas are left out, and left alone" schemas_are_left_out

tables_are_included() {
	app part
	configure source.app.include 'sales.*, public.users, !sales.lines'
	configure rowback.jobs 2
	expect_status 0 rb backup
	[ "$(tables)" = "pg_catalog.pg_sequence public.users sales.orders " ]
	grep -q 'CREATE TABLE scratch.notes' store/app/schema.sql
	psql_in part -c "UPDATE sales.lines SET id = 8" -c "TRUNCATE public.users CASCADE"
	expect_status 0 rb restore --yes
	[ "$(psql_in part -c 'SELECT id FROM sales.lines' -c 'SELECT count(*) FROM sales.orders' | tr '\n' ' ')" = "8 2 " ]
	expect_status 0 rb verify --drill --source
	drop part
}
check "tables are included" tables_are_included

# What no backup has, of rows by their key.
secrets() {
	psql_in "$1" -c "SELECT id, secret, token FROM public.users ORDER BY id" \
		-c "SELECT mail, secret FROM public.mails ORDER BY 1"
}

columns_are_left_out() {
	app cols
	configure source.app.excludeColumns 'public.users.token, *.secret, !public.bag.*'
	expect_status 0 rb backup --label one
	expect_err_has "columns: their values are left out: public.mails.secret, public.users.secret, public.users.token"
	if git -C store cat-file --batch-all-objects --batch | grep -aqE '11111111-|"b"'; then
		fail "it is in the store all the same"
	fi
	expect_status 0 rb verify --drill --source
	expect_status 1 rb restore --to "$(pg_url "$pg" fresh)"
	expect_err_has "public.users: column secret, token: not in the backup: all rows have the default"
	[ "$(psql_in fresh -c "SELECT DISTINCT secret IS NULL, token FROM public.users")" = \
		"t|00000000-0000-0000-0000-000000000000" ]
	drop fresh
	secrets cols >before
	# Names change places; a trigger and a rule that nobody is to see.
	psql_in cols >/dev/null <<-'END'
		UPDATE public.users SET name = 'x' WHERE id = 1; UPDATE public.users SET name = 'ann' WHERE id = 2;
		UPDATE public.users SET name = 'bob' WHERE id = 1; DELETE FROM public.bag;
		UPDATE public.mails SET at = at + '1 day'; UPDATE public.mails SET mail = 'B@x' WHERE mail = 'b@x';
	END
	expect_status 1 rb restore one --yes --json
	jq -r '.tables[] | "\(.table) \(.action) +\(.insert) ~\(.update) -\(.delete) \(.left_out)"' \
		"$work/out" >plan
	same_text "the plan" plan "public.bag keep +1 ~0 -0 null
public.mails keep +2 ~0 -2 secret
public.users keep +0 ~2 -0 secret, token"
	secrets cols | grep -v @x >after
	grep -v @x before | diff - after || fail "what is not in the backup was changed"
	# Another definition: the table is made anew.
	secrets cols >before
	psql_in cols -c "ALTER TABLE public.mails ADD COLUMN later int" -c "UPDATE public.mails SET later = 1"
	expect_status 1 rb restore one --yes --json
	[ "$(jq -r '.tables[] | select(.table == "public.mails") | .action' "$work/out")" = recreate ]
	secrets cols | diff before - || fail "made anew without them"
	expect_status 0 rb verify --source one
	# A role that cannot turn triggers off by a setting.
	psql_in cols -c "DO 'BEGIN CREATE ROLE owner LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END'" \
		-c "ALTER TABLE public.users OWNER TO owner" -c "ALTER TABLE public.bag OWNER TO owner" \
		-c "ALTER TABLE public.mails OWNER TO owner" -c "GRANT USAGE, CREATE ON SCHEMA public TO owner" \
		-c "CREATE TABLE seen(x text)" -c "GRANT ALL ON seen TO owner" \
		-c "CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO seen VALUES (TG_OP); RETURN NEW; END'" \
		-c "CREATE TRIGGER see AFTER INSERT OR UPDATE OR DELETE ON public.users FOR EACH ROW EXECUTE FUNCTION see()" \
		-c "CREATE RULE on_update AS ON UPDATE TO public.users DO ALSO INSERT INTO seen VALUES ('rule')" \
		-c "GRANT USAGE ON SCHEMA sales, scratch, \"My, Schema\" TO owner" \
		-c "GRANT SELECT, REFERENCES ON ALL TABLES IN SCHEMA sales, scratch, \"My, Schema\", public TO owner" \
		-c "GRANT SELECT ON ALL SEQUENCES IN SCHEMA sales, scratch, public TO owner" \
		-c "ALTER TABLE sales.orders OWNER TO owner"
	expect_status 0 rb backup --label two
	secrets cols >before
	psql_in cols -c "SET session_replication_role = replica; ALTER TABLE public.users DISABLE RULE on_update; UPDATE public.users SET name = name || '!'; ALTER TABLE public.users ENABLE RULE on_update"
	configure source.app.url "$(pg_url "$pg" cols owner)"
	expect_status 1 rb restore two --yes --table 'public.us*'
	secrets cols | diff before - || fail "as another role"
	[ "$(psql_in cols -c "SELECT count(*) FROM seen" -c "SELECT min(name) FROM public.users" | tr '\n' ' ')" = "0 ann " ]
	drop cols
}
check "columns are left out, and left alone" columns_are_left_out

a_column_that_rows_need_is_not_left_out() {
	app needed
	psql_in needed -c "CREATE TABLE t(k int PRIMARY KEY, always int GENERATED ALWAYS AS IDENTITY)"
	for column in public.users.id public.users.name public.mails.at public.bag.v public.t.always; do
		configure source.app.excludeColumns "$column"
		expect_status 2 rb backup
		expect_err_has "column '$column' cannot be left out: it"
	done
	if git -C store rev-parse -q --verify main; then fail "something was committed"; fi
	drop needed
}
check "a column that rows need is not left out" a_column_that_rows_need_is_not_left_out

supabases_schemas_are_asked_for() {
	app supa
	psql_in supa >/dev/null <<-'END'
		CREATE ROLE supabase_admin; CREATE ROLE supabase_auth_admin;
		CREATE SCHEMA auth AUTHORIZATION supabase_auth_admin;
		CREATE SCHEMA storage AUTHORIZATION supabase_admin;
		CREATE SCHEMA realtime AUTHORIZATION supabase_admin;
		CREATE TABLE auth.users(id int PRIMARY KEY); INSERT INTO auth.users VALUES (1);
		CREATE TABLE auth.sessions(id int PRIMARY KEY); INSERT INTO auth.sessions VALUES (1);
		CREATE TABLE storage.objects(id int PRIMARY KEY);
		CREATE TABLE public.profiles(id int PRIMARY KEY REFERENCES auth.users);
		INSERT INTO public.profiles VALUES (1);
	END
	expect_status 0 rb backup --label without
	[ "$(jq -r .settings.schemas_left_out store/app/schema.json)" = "auth, realtime, storage" ]
	configure source.app.include '*, auth.users'
	expect_status 0 rb backup --label with
	expect_err_has "schemas: left out with all that is in them: realtime, storage"
	tables | grep -q 'auth.users pg_catalog'
	if tables | grep -qE 'auth.sessions|storage'; then fail "more than was asked for: $(tables)"; fi
	# The one that has not got it leaves it alone; the one that has brings it back.
	psql_in supa -c "DELETE FROM public.profiles"
	expect_status 0 rb restore without --yes
	[ "$(psql_in supa -c 'SELECT count(*) FROM auth.users' -c 'SELECT count(*) FROM public.profiles' | tr '\n' ' ')" = "1 1 " ]
	psql_in supa -c "DELETE FROM public.profiles" -c "DELETE FROM auth.users" -c "INSERT INTO auth.sessions VALUES (2)"
	expect_status 0 rb restore with --yes
	[ "$(psql_in supa -c 'SELECT count(*) FROM auth.users' -c 'SELECT count(*) FROM public.profiles' \
		-c 'SELECT count(*) FROM auth.sessions' | tr '\n' ' ')" = "1 1 2 " ]
	expect_status 0 rb verify --drill --source
	# Not asked for any more: not written to either.
	configure source.app.include '*'
	expect_status 16 rb restore with --yes
	expect_err_has "the backup has schema 'auth', which is left out now"
	drop supa
}
check "Supabase's schemas are taken in when they are asked for" supabases_schemas_are_asked_for

a_schema_is_restored() {
	app back
	expect_status 0 rb backup
	psql_in back -c "DELETE FROM sales.orders" -c "DELETE FROM sales.lines" -c "DELETE FROM public.bag" \
		-c 'DELETE FROM "My, Schema"."T"'
	expect_status 0 rb restore --yes --schema sales --schema 'My, Schema'
	[ "$(psql_in back -c 'SELECT count(*) FROM sales.orders' -c 'SELECT count(*) FROM sales.lines' \
		-c 'SELECT count(*) FROM "My, Schema"."T"' -c 'SELECT count(*) FROM public.bag' | tr '\n' ' ')" = "2 1 1 0 " ]
	expect_status 0 rb restore --yes --table 'public.b*'
	[ "$(psql_in back -c 'SELECT count(*) FROM public.bag')" = 1 ]
	expect_status 2 rb restore --yes --schema sale
	expect_err_has "the backup has no rows of tables in a schema 'sale'"
	# Into a new database: what its tables count goes on behind their rows.
	expect_status 1 rb restore --schema sales --schema scratch --to "$(pg_url "$pg" fresh)"
	expect_err_has "sales.orders orders_user_id_fkey: this fk constraint was not made"
	[ "$(psql_in fresh -c 'INSERT INTO sales.orders DEFAULT VALUES RETURNING id' \
		-c "INSERT INTO scratch.notes DEFAULT VALUES RETURNING id" | grep -v INSERT | tr '\n' ' ')" = "3 2 " ]
	drop fresh && drop back
}
check "a schema is restored" a_schema_is_restored
