#!/bin/sh
# Going back behind a migration, with a real server: what depends on a table that has to be
# made anew is dropped and made again.  pg_dump says whether it is as it was.
. "$(dirname "$0")/../harness/cli.sh"
. "$root/tests/harness/stores.sh"
# shellcheck source=tests/harness/postgres.sh
. "$root/tests/harness/postgres.sh"
need git jq pg_dump
pg_for_tests

in_db() {
	db_name=$1
	shift
	pg_psql "$pg" -Atq -d "$db_name" "$@" 2>sql.err || fail "$(cat sql.err)"
}

pg_psql "$pg" -d postgres -q -c "CREATE ROLE reader" -c "CREATE ROLE keeper" -c "CREATE DATABASE shop TEMPLATE template0"
pg_psql "$pg" -d shop -f "$root/tests/integration/postgres_dependents.sql" >"$work/shop.log" 2>&1 || {
	cat "$work/shop.log"
	fail "the database cannot be made"
}
"$ROWBACK" -q init --no-check --source "app=$(pg_url "$pg" shop)" "$work/store" || fail "no store"
"$ROWBACK" -q -C "$work/store" backup || fail "no backup"
backup=$("$ROWBACK" -C "$work/store" --json log -1 | jq -r '.backups[0].id')

rb() { "$ROWBACK" -C "$work/store" "$@"; }

# All that pg_dump says of shop, and the rows of views: schema in its order, rows in any.
state() {
	pg_dump -h "$pg" -U rowback --schema-only shop >dumped 2>dump.err || fail "$(cat dump.err)"
	grep -vE '^\\(un)?restrict ' dumped
	pg_dump -h "$pg" -U rowback --data-only --disable-triggers shop >dumped 2>dump.err || fail "$(cat dump.err)"
	grep -vE '^\\(un)?restrict ' dumped | sort
	in_db shop -c "SELECT matviewname, ispopulated FROM pg_matviews ORDER BY 1"
	if [ "${1-}" = all ]; then
		in_db shop -c 'TABLE totals ORDER BY 1' -c 'TABLE "Other Schema".all_of_it ORDER BY 1, 2, 3'
	fi
}

dump_odd() {
	pg_dump -h "$pg" -U rowback odd >dumped 2>dump.err || fail "$(cat dump.err)"
	grep -vE '^\\(un)?restrict ' dumped
}

is_as_it_was() {
	state all >got
	diff -u "$work/wanted" got || fail "not as it was: $1"
}

# back_from NAME STATEMENT...: a migration, back behind it, forward and back again.
back_from() {
	what=$1
	shift
	for statement; do in_db shop -c "$statement"; done
	state >migrated
	expect_status 0 rb --json restore "$backup" --yes
	[ "$(jq -c '[.verified, .written]' "$work/out")" = '[true,true]' ] || fail "$what: $(cat "$work/out")"
	is_as_it_was "$what"
	# The safety backup is what the migration had made.
	safety=$(jq -r .safety_backup "$work/out")
	expect_status 0 rb restore "$safety" --yes
	state >got
	diff -u migrated got || fail "$what: forward again"
	expect_status 0 rb restore "$backup" --yes
	is_as_it_was "$what, again"
}

table_migrations() {
	place table
	back_from "add a column" "ALTER TABLE customers ADD COLUMN age integer"
	back_from "add a column that is not null" \
		"ALTER TABLE customers ADD COLUMN age integer NOT NULL DEFAULT 7; UPDATE customers SET name = 'x' WHERE id < 5"
	back_from "drop a column" "ALTER TABLE orders DROP COLUMN state"
	back_from "retype a column" "ALTER TABLE customers ALTER COLUMN since TYPE text"
	back_from "rename a column" "ALTER TABLE customers RENAME COLUMN name TO full_name"
	back_from "rename a table" "ALTER TABLE customers RENAME TO clients"
	back_from "a column that others use is dropped" "ALTER TABLE customers DROP COLUMN mail CASCADE"
	back_from "a table whose rows are values of another one" "ALTER TABLE noted ADD COLUMN at date"
	back_from "a partitioned table" "ALTER TABLE parts ADD COLUMN more text"
	back_from "a default of the partitioned table alone" "ALTER TABLE ONLY parts ALTER COLUMN customer SET DEFAULT 5"
	back_from "the key of a table" "ALTER TABLE customers DROP CONSTRAINT customers_mail_key CASCADE"
}

view_migrations() {
	place view
	back_from "drop a view" "DROP VIEW named CASCADE"
	back_from "replace a view by another one" "CREATE OR REPLACE VIEW named AS SELECT id, upper(name) AS name, mail FROM customers"
	back_from "more columns in a view" "CREATE OR REPLACE VIEW per_customer AS
		SELECT c.id, c.name, sum(o.total) AS total, count(*) FROM customers c JOIN orders o ON o.customer = c.id GROUP BY c.id"
	back_from "a new view on a table that changes" \
		"CREATE VIEW newer AS SELECT * FROM customers; ALTER TABLE customers ADD COLUMN x text; CREATE VIEW newest AS SELECT x, newer.* FROM customers, newer"
	back_from "another materialized view" "DROP MATERIALIZED VIEW not_filled;
		DROP MATERIALIZED VIEW totals; CREATE MATERIALIZED VIEW totals AS SELECT 1 AS id; CREATE INDEX totals_by_id ON totals(id)"
}

function_and_type_migrations() {
	place function
	back_from "another body" \
		"CREATE OR REPLACE FUNCTION first_state() RETURNS state LANGUAGE sql IMMUTABLE AS \$\$SELECT 'paid'::public.state\$\$"
	back_from "another result" \
		"ALTER TABLE orders ALTER COLUMN state DROP DEFAULT; DROP FUNCTION first_state(); CREATE FUNCTION first_state() RETURNS text LANGUAGE sql AS \$\$SELECT 'paid'\$\$; ALTER TABLE with_default ALTER COLUMN label SET DEFAULT first_state()"
	back_from "another name of an argument" \
		"DROP FUNCTION count_many(customers[], integer); CREATE FUNCTION count_many(customers[], m integer) RETURNS bigint LANGUAGE sql AS 'SELECT 1'"
	back_from "one more value of a type" "ALTER TYPE state ADD VALUE 'lost' AFTER 'paid'" "UPDATE orders SET state = 'lost' WHERE id = 3"
}

# A body that is given anew lets all that depends on the function stay where it is.
nothing_is_dropped_for_a_body() {
	place body
	in_db shop -c "CREATE OR REPLACE FUNCTION label(customers) RETURNS text LANGUAGE sql STABLE AS \$\$SELECT 'changed'::text\$\$"
	in_db shop -c "SELECT 'with_default'::regclass::oid, '\"Named \"\"2\"\"\"'::regclass::oid" >before
	expect_status 0 rb restore "$backup" --yes
	in_db shop -c "SELECT 'with_default'::regclass::oid, '\"Named \"\"2\"\"\"'::regclass::oid" >after
	cmp before after || fail "a table or a view was made anew"
	is_as_it_was "a body"
}

the_plan_says_so() {
	place plan
	in_db shop -c "ALTER TABLE orders ADD COLUMN x text"
	state >before
	expect_status 0 rb --json restore "$backup" --dry-run
	jq -c '[.tables[] | [.table, .action]]' "$work/out" >got
	same_text "tables" got '[["public.orders","recreate"]]'
	[ "$(jq '.objects_changed' "$work/out")" -gt 10 ] || fail "$(cat "$work/out")"
	state | diff -u before - || fail "a dry run wrote"
	expect_status 0 rb restore "$backup" --yes
	is_as_it_was "the plan"
}

# --table: what is alike on both sides is made again, and what is not stays.
single_tables() {
	place single
	in_db shop -c "ALTER TABLE orders ADD COLUMN x text; UPDATE noted SET what = 'stays' WHERE mail = 'm1'"
	expect_status 0 rb restore "$backup" --yes --table public.orders
	[ "$(in_db shop -c "SELECT what FROM noted WHERE mail = 'm1'")" = stays ] || fail "another table was written"
	in_db shop -c "UPDATE noted SET what = 'by hand' WHERE mail = 'm1'"
	is_as_it_was "a single table"
	in_db shop -c "ALTER TABLE orders ADD COLUMN x text; CREATE OR REPLACE VIEW per_customer AS
		SELECT c.id, c.name, sum(o.total) + 1 AS total FROM customers c JOIN orders o ON o.customer = c.id GROUP BY c.id;
		CREATE VIEW newer AS SELECT * FROM orders"
	state >before
	expect_status 16 rb restore "$backup" --yes --table public.orders
	expect_err_has "what depends on definitions that have to go stays"
	expect_err_has "view public.per_customer"
	expect_err_has "view public.newer"
	state | diff -u before - || fail "something was changed"
	expect_status 0 rb restore "$backup" --yes
	is_as_it_was "after a conflict"
	# A table whose rows would go.
	in_db shop -c "ALTER TABLE noted ADD COLUMN x text"
	state >before
	expect_status 16 rb restore "$backup" --yes --table public.noted
	expect_err_has "table public.like_them"
	state | diff -u before - || fail "something was changed"
	expect_status 0 rb restore "$backup" --yes
	is_as_it_was "after another conflict"
}

# What cannot be made again keeps all of it as it is.
failures_leave_all_as_it_is() {
	place failure
	in_db postgres -c "CREATE DATABASE odd TEMPLATE template0"
	in_db odd -c "CREATE TABLE t(id integer PRIMARY KEY, n integer)" -c "INSERT INTO t VALUES (1, 0)" \
		-c "CREATE VIEW v AS SELECT id, n FROM t" -c "GRANT SELECT ON v TO reader" \
		-c "CREATE MATERIALIZED VIEW m AS SELECT id, 1 / (n + 1) AS q FROM v"
	"$ROWBACK" -q init --no-check --source "app=$(pg_url "$pg" odd)" store
	expect_status 0 "$ROWBACK" -C store backup
	in_db odd -c "ALTER TABLE t ADD COLUMN x text"
	# Nobody may make a view with a definition like this one.
	in_db odd -c "CREATE FUNCTION guard() RETURNS event_trigger LANGUAGE plpgsql AS
		\$\$BEGIN IF EXISTS (SELECT FROM pg_views WHERE viewname = 'v') THEN RAISE 'no more views here'; END IF; END\$\$"
	in_db odd -c "CREATE EVENT TRIGGER guard ON ddl_command_end WHEN TAG IN ('CREATE VIEW') EXECUTE FUNCTION guard()" \
		-c "ALTER EVENT TRIGGER guard ENABLE ALWAYS"
	expect_status 0 "$ROWBACK" -C store backup
	in_db odd -c "ALTER TABLE t ADD COLUMN y text"
	dump_odd >before
	expect_status 2 "$ROWBACK" -C store restore latest --yes
	expect_err_has "cannot make view 'public.v': "
	expect_err_has "no more views here"
	dump_odd | diff -u before - || fail "something was changed"
	in_db postgres -c "DROP DATABASE odd"
}

# An extension's objects can depend on a table, and have no definition of ours.
what_has_no_definition_is_named() {
	place unknown
	in_db postgres -c "CREATE DATABASE odd TEMPLATE template0"
	in_db odd -c "CREATE TABLE t(id integer)" -c "CREATE FUNCTION f(t, t) RETURNS boolean LANGUAGE sql AS 'SELECT true'" \
		-c "CREATE OPERATOR ### (LEFTARG = t, RIGHTARG = t, FUNCTION = f)"
	"$ROWBACK" -q init --no-check --source "app=$(pg_url "$pg" odd)" store
	expect_status 0 "$ROWBACK" -C store backup
	in_db odd -c "ALTER TABLE t ADD COLUMN x text"
	dump_odd >before
	expect_status 16 "$ROWBACK" -C store restore latest --yes
	expect_err_has "operator public.###(public.t,public.t)"
	dump_odd | diff -u before - || fail "something was changed"
	in_db postgres -c "DROP DATABASE odd"
}

# An owner of all of it, who is no superuser, may do so as well; names need not be plain.
owners_may() {
	place owner
	in_db postgres -c "CREATE ROLE \"Ow ner\" LOGIN" -c "CREATE DATABASE odd TEMPLATE template0 OWNER \"Ow ner\""
	PGUSER='Ow ner' pg_psql "$pg" -d odd -c "CREATE SCHEMA \"S.1\"" -c "CREATE TABLE \"S.1\".\"T \"\"x\"(id integer PRIMARY KEY, \"C c\" text)" \
		-c "INSERT INTO \"S.1\".\"T \"\"x\" VALUES (1, 'a'), (2, 'b')" \
		-c "CREATE VIEW \"S.1\".\"V;\" AS SELECT * FROM \"S.1\".\"T \"\"x\"" \
		-c "CREATE FUNCTION \"S.1\".\"F (x)\"(\"S.1\".\"T \"\"x\") RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT \$1.\"C c\"'" \
		-c "REVOKE ALL ON FUNCTION \"S.1\".\"F (x)\"(\"S.1\".\"T \"\"x\") FROM PUBLIC" \
		-c "CREATE INDEX \"I i\" ON \"S.1\".\"T \"\"x\"((\"S.1\".\"F (x)\"(\"T \"\"x\".*)))" \
		-c "COMMENT ON INDEX \"S.1\".\"I i\" IS 'c'" -c "COMMENT ON VIEW \"S.1\".\"V;\" IS 'v'" || fail "the database cannot be made"
	"$ROWBACK" -q init --no-check --source "app=$(pg_url "$pg" odd | sed 's|//rowback@|//Ow%20ner@|')" store
	expect_status 0 "$ROWBACK" -C store backup
	dump_odd >before
	PGUSER='Ow ner' pg_psql "$pg" -d odd -c "ALTER TABLE \"S.1\".\"T \"\"x\" ADD COLUMN x integer"
	expect_status 0 "$ROWBACK" -C store restore latest --yes
	dump_odd | diff -u before - || fail "not as it was"
	in_db postgres -c "DROP DATABASE odd"
}

rollbacks() {
	place rollback
	in_db shop -c "ALTER TABLE customers ADD COLUMN age integer NOT NULL DEFAULT 7; DROP VIEW \"Other Schema\".all_of_it"
	expect_status 0 rb rollback "$backup" --yes --confirm app
	is_as_it_was "a rollback"
}

cd "$work" || exit 1
state all >"$work/wanted"
check "tables' migrations" table_migrations
check "views' migrations" view_migrations
check "functions' and types' migrations" function_and_type_migrations
check "nothing is dropped for a body" nothing_is_dropped_for_a_body
check "the plan says so" the_plan_says_so
check "single tables" single_tables
check "failures leave all as it is" failures_leave_all_as_it_is
check "what has no definition is named" what_has_no_definition_is_named
check "owners may" owners_may
check "rollbacks" rollbacks
