#!/bin/sh
# PostgreSQL that fails while rows are read: what breaks the connection, what the role may not
# see, very many tables; and the role of docs/postgres.md.
#
# ROWBACK_LONG=1 makes 10,000 tables instead of 1,000.
. "$(dirname "$0")/../harness/cli.sh"
# shellcheck source=tests/harness/postgres.sh
. "$root/tests/harness/postgres.sh"
need git jq pg_dump python3
pg=$(make_pg_dir) || fail "no directory for a server"

proxy=

at_exit() {
	[ -z "$proxy" ] || kill "$proxy" 2>/dev/null
	stop_pg "$pg"
	rm -rf "$pg-proxy"
}

status=0
start_pg "$pg" UTF8 ${ROWBACK_LONG:+'max_locks_per_transaction = 600'} || status=$?
[ "$status" -ne 77 ] || skip "$why"
[ "$status" -eq 0 ] || fail "the server did not start"

psql_in() {
	db=$1
	shift
	pg_psql "$pg" -At -d "$db" "$@"
}

# make_store NAME DB [USER]
make_store() {
	"$ROWBACK" -q init --no-check --source "app=$(pg_url "$pg" "$2" "${3-}")" "$1"
}

backup() { "$ROWBACK" -C "$1" backup; }
commits() { git -C "$1" rev-list --count --all; }
tree() { git -C "$1" rev-parse "main:app"; }

# await SQL: until it gives "t".
await() {
	tries=0
	until [ "$(psql_in postgres -c "$1")" = t ]; do
		tries=$((tries + 1))
		[ $tries -lt 500 ] || fail "never came true: $1"
		sleep 0.02
	done
}

no_session_is_left() {
	await "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name IN ('rowback', 'pg_dump')"
}


# start_proxy stall|cut: a server's socket in $pg-proxy that stops 3 MB into an answer.
start_proxy() {
	rm -rf "$pg-proxy"
	mkdir "$pg-proxy"
	python3 "$root/tests/harness/pg_proxy.py" "$pg-proxy" "$pg" 3000000 "$1" &
	proxy=$!
	trap 'kill $proxy 2>/dev/null || :' EXIT
	await_file "$pg-proxy/.s.PGSQL.5432"
}

await_file() {
	tries=0
	until [ -e "$1" ]; do
		tries=$((tries + 1))
		[ $tries -lt 1000 ] || fail "never there: $1"
		sleep 0.02
	done
}

# A backup that is in the middle of a table's rows, with $backup_pid.
begin_backup() {
	start_proxy stall
	"$ROWBACK" -C large backup >"$work/out" 2>"$work/err" &
	backup_pid=$!
	await_file "$pg-proxy/reached"
}

# ended STATUS: how it went; nothing was committed, nothing is left behind.
ended() {
	touch "$pg-proxy/go"
	got=0
	wait "$backup_pid" || got=$?
	[ "$got" -eq "$1" ] || { cat "$work/err"; fail "exit status $got, not $1"; }
	kill "$proxy"
	[ "$(commits large)" = 0 ] || fail "something was committed"
	git -C large fsck --strict --no-dangling
	[ -z "$(find large/.git -name 'tmp_*')" ] || fail "left: $(find large/.git -name 'tmp_*')"
}

a_large_table() {
	psql_in postgres -c "CREATE DATABASE large"
	psql_in large -c "CREATE TABLE early(id int PRIMARY KEY, t text)" \
		-c "INSERT INTO early SELECT i, 'row ' || i FROM generate_series(1, 3000) i" \
		-c "CREATE TABLE rows(id int PRIMARY KEY, t text)" \
		-c "INSERT INTO rows SELECT i, repeat(md5(i::text), 20) FROM generate_series(1, 20000) i" \
		-c "CREATE TABLE zero(id int)"
	make_store large large
	git -C large config source.app.url "$(pg_url "$pg-proxy" large)"
}

a_session_that_is_ended_midway() {
	a_large_table
	begin_backup
	psql_in postgres -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE application_name = 'rowback'" >/dev/null
	ended 13
	expect_err_has "table 'public.rows': connection to 'large@$pg-proxy': server closed the connection unexpectedly This probably means"
}

a_connection_that_is_cut_midway() {
	start_proxy cut
	expect_status 13 backup large
	expect_err_has "connection to 'large@$pg-proxy'"
	[ "$(commits large)" = 0 ]
	kill "$proxy"
	no_session_is_left
}

a_server_that_stops_midway() {
	begin_backup
	pg_control "$pg" 'stop -m immediate'
	ended 13
	pg_control "$pg" start
}

a_signal_midway() {
	for signal in INT TERM; do
		begin_backup
		kill "-$signal" "$backup_pid"
		case $signal in INT) ended 130 ;; TERM) ended 143 ;; esac
		no_session_is_left
	done
	# Nor does it wait for a server that says nothing.
	begin_backup
	kill -INT "$backup_pid"
	got=0
	wait "$backup_pid" || got=$?
	[ "$got" -eq 130 ] || { cat "$work/err"; fail "exit status $got, not 130"; }
	kill "$proxy"
	no_session_is_left
}

a_statement_cancelled_midway() {
	begin_backup
	psql_in postgres -c "SELECT pg_cancel_backend(pid) FROM pg_stat_activity
		WHERE application_name = 'rowback'" >/dev/null
	ended 3
	expect_err_has "cannot read table 'public.rows': canceling statement due to user request"
}

the_next_run_goes_on() {
	git -C large config source.app.url "$(pg_url "$pg" large)"
	expect_status 0 backup large
	expect_out_has '+23,000 rows in 3 of 3 tables'
	git -C large fsck --strict --no-dangling
	no_session_is_left
	psql_in postgres -c "DROP DATABASE large"
}


the_role_of_the_guide() {
	psql_in postgres -c "CREATE ROLE app LOGIN" -c "CREATE DATABASE crm OWNER app" \
		-c "REVOKE ALL ON DATABASE crm FROM PUBLIC"
	PGUSER=app psql_in crm -c "CREATE SCHEMA sales" \
		-c "CREATE TABLE sales.orders(id serial PRIMARY KEY, total numeric)" \
		-c "INSERT INTO sales.orders(total) VALUES (1.50), (2.00)"
	sed -n '/^    CREATE ROLE rowback_reader/,/^$/p' "$root/docs/postgres.md" >guide.sql
	[ "$(wc -l <guide.sql)" -gt 8 ]
	psql_in crm -f guide.sql
	# What comes later is covered.
	PGUSER=app psql_in crm -c "CREATE TABLE sales.later(id serial PRIMARY KEY)"
	make_store crm crm rowback_reader
	expect_status 0 backup crm
	jq -r '.sources.app.tables[] | "\(.name) \(.rows)"' crm/rowback.json >got
	same_text "the tables" got "pg_catalog.pg_sequence 2
sales.later 0
sales.orders 2"
	PGUSER=rowback_reader psql_in crm -c "INSERT INTO sales.later DEFAULT VALUES" 2>refused &&
		fail "the role may write"
	make_store all crm
	expect_status 0 backup all
	[ "$(tree all)" = "$(tree crm)" ] || fail "the role sees less than the superuser"
}

what_it_may_not_see() {
	psql_in crm -c "CREATE TABLE public.secret(id int)" -c "INSERT INTO public.secret VALUES (1)" \
		-c "ALTER TABLE sales.later ENABLE ROW LEVEL SECURITY"
	before=$(commits crm)
	expect_status 3 backup crm
	expect_err_has "not exported: public.secret: cannot read table 'public.secret': permission denied for table secret"
	expect_err_has "not exported: sales.later: cannot read table 'sales.later': query would be affected by row-level security"
	[ "$(commits crm)" = "$before" ] || fail "something was committed"
	# What could not be read is not taken for deleted.
	expect_status 1 "$ROWBACK" -C crm backup --allow-incomplete
	[ "$(commits crm)" -eq $((before + 1)) ]
	git -C crm ls-tree -r --name-only main | grep -q '^app/sales.orders/rows/'
	psql_in crm -c "GRANT pg_read_all_data TO rowback_reader" \
		-c "ALTER ROLE rowback_reader BYPASSRLS"
	expect_status 0 backup crm
	expect_status 0 backup all
	[ "$(tree all)" = "$(tree crm)" ] || fail "the role sees less than the superuser"
}

no_password_is_an_argument() {
	for url in postgres://me:geheim@h/db 'postgres:host=h password=geheim'; do
		expect_status 2 "$ROWBACK" -C crm restore --to "$url"
		expect_err_has "a password does not belong on the command line"
		if grep -q geheim "$work/err"; then fail "it is shown"; fi
	done
	# In a file it may be, and serves a drill, too.
	echo "postgres://rowback:geheim@/crm?host=$pg" >"$work/crm.url"
	git -C all config --unset source.app.url
	git -C all config source.app.urlFile "$work/crm.url"
	expect_status 0 "$ROWBACK" -C all verify --drill
	expect_out_has "drill: 1 source restored"
}

very_many_tables() {
	tables=1000
	[ -z "${ROWBACK_LONG-}" ] || tables=10000
	psql_in postgres -c "CREATE DATABASE many"
	# pg_dump locks all of them: there is room for 64 times 20, as the server is set here.
	i=0
	while [ $i -lt $tables ]; do
		psql_in many -c "DO \$\$ BEGIN FOR i IN $i..$((i + 499)) LOOP
			EXECUTE format('CREATE TABLE t%s(id int PRIMARY KEY, t text)', i);
			EXECUTE format('INSERT INTO t%s VALUES (1, %L)', i, i); END LOOP; END \$\$"
		i=$((i + 500))
	done
	make_store many many
	expect_status 0 "$ROWBACK" -C many --json backup
	[ "$(jq -s -c 'map(select(.tables)) | .[0] | [.tables, .rows]' "$work/out")" = "[$tables,$tables]" ]
	expect_status 0 backup many
	expect_out_has "nothing changed"
	[ -z "${ROWBACK_LONG-}" ] || return 0
	# More than the server has room for.
	make_store more many
	for n in 1 2 3 4; do
		psql_in many -c "DO \$\$ BEGIN FOR i IN 1..500 LOOP
			EXECUTE format('CREATE TABLE more${n}_%s()', i); END LOOP; END \$\$"
	done
	expect_status 13 backup more
	expect_err_has "out of shared memory"
	expect_err_has "hint: the server says: You might need to increase max_locks_per_transaction."
}

check "a session that is ended midway" a_session_that_is_ended_midway
check "a connection that is cut midway" a_connection_that_is_cut_midway
check "a server that stops midway" a_server_that_stops_midway
check "a signal midway" a_signal_midway
check "a statement that is cancelled midway" a_statement_cancelled_midway
check "the next run goes on" the_next_run_goes_on
check "the role of the guide backs up all, and writes nothing" the_role_of_the_guide
check "what a role may not see is named, and not taken for deleted" what_it_may_not_see
check "no password is an argument" no_password_is_an_argument
check "very many tables" very_many_tables
