#!/bin/sh
# PostgreSQL over TLS, with a certificate of the test's own, and passwords from everywhere they may
# come from; they show nowhere.
. "$(dirname "$0")/../harness/cli.sh"
# shellcheck source=tests/harness/postgres.sh
. "$root/tests/harness/postgres.sh"
need git openssl python3
pg=$(make_pg_dir) || fail "no directory for a server"

at_exit() { stop_pg "$pg"; }

openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
	-addext subjectAltName=DNS:localhost -keyout "$pg/key.pem" -out "$pg/cert.pem" 2>/dev/null ||
	fail "no certificate"
chmod 600 "$pg/key.pem"
[ "$(id -u)" -ne 0 ] || chown "$(pg_user)" "$pg/key.pem"
cp "$pg/cert.pem" "$work/cert.pem"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
PGPORT=$port
export PGPORT
why=''
start_pg "$pg" UTF8 "listen_addresses = 'localhost'" "port = $port" "ssl = on" \
	"ssl_cert_file = '$pg/cert.pem'" "ssl_key_file = '$pg/key.pem'" >"$work/pg.log" 2>&1 || {
	[ -n "$why" ] && skip "$why"
	cat "$work/pg.log"
	fail "the server does not start"
}
password='s3cr3t-"Pw'
pg_psql "$pg" -d postgres -c "CREATE ROLE keeper SUPERUSER LOGIN PASSWORD '$password'" -c "CREATE DATABASE app"
pg_psql "$pg" -d app -c "CREATE TABLE t(id int PRIMARY KEY)" -c "INSERT INTO t VALUES (1)"
printf 'hostssl all keeper localhost scram-sha-256\nlocal all rowback trust\n' >"$pg/data/pg_hba.conf"
pg_psql "$pg" -d postgres -c "SELECT pg_reload_conf()" >/dev/null
unset PGPORT
base="keeper@localhost:$port/app?sslmode=verify-full&sslrootcert=$work/cert.pem"
"$ROWBACK" -q init --no-check --source "app=postgres://$base" store || fail "no store"

# backs_up STATUS [SETTING...]: with these in the environment.
backs_up() {
	want=$1
	shift
	expect_status "$want" env "$@" "$ROWBACK" -C store -v backup --force
	if grep -q s3cr3t "$work/out" "$work/err"; then fail "the password is printed"; fi
}
use() {
	git -C store config --remove-section source.app
	git -C store config "source.app.$1" "$2"
}

from_everywhere() {
	backs_up 12
	backs_up 12 PGPASSWORD=wrong
	backs_up 0 "PGPASSWORD=$password"
	echo "localhost:$port:*:keeper:$password" >pass
	chmod 600 pass
	backs_up 0 "PGPASSFILE=$work/pass"
	printf '[svc]\nhost=localhost\nport=%s\ndbname=app\nuser=keeper\npassword=%s\nsslmode=verify-full\nsslrootcert=%s\n' \
		"$port" "$password" "$work/cert.pem" >services
	use url 'postgres:service=svc'
	backs_up 0 "PGSERVICEFILE=$work/services"
	echo "postgres://keeper:s3cr3t-%22Pw@${base#*@}" >url
	use urlFile "$work/url"
	backs_up 0
	use urlCommand "cat '$work/url'"
	backs_up 0
	expect_status 0 "$ROWBACK" -C store verify --drill
	expect_status 0 git -C store cat-file --batch-all-objects --batch
	if grep -aq s3cr3t "$work/out"; then fail "the password is in the store"; fi
	if grep -rlq s3cr3t store; then fail "the password is in the store: $(grep -rl s3cr3t store)"; fi
}
check "passwords come from everywhere, and show nowhere" from_everywhere

another_server_is_refused() {
	use url "postgres://keeper@127.0.0.1:$port/app?sslmode=verify-full&sslrootcert=$work/cert.pem"
	backs_up 13 "PGPASSWORD=$password"
	expect_err_has "does not match host name"
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout other.key -out other.pem 2>/dev/null
	use url "postgres://keeper@localhost:$port/app?sslmode=verify-full&sslrootcert=$work/other.pem"
	backs_up 13 "PGPASSWORD=$password"
	expect_err_has "certificate verify failed"
	use url "postgres://keeper@localhost:$port/app?sslmode=disable"
	backs_up 12 "PGPASSWORD=$password"
}
check "another certificate is refused, and so is no TLS" another_server_is_refused
