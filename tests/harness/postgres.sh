# shellcheck shell=sh
# PostgreSQL servers for tests, each in a directory of its own, on a socket there only.
#
#	. tests/harness/postgres.sh
#	pg=$(make_pg_dir)
#	start_pg "$pg" || echo "SKIP: $why"
#	pg_psql "$pg" -d postgres -c "CREATE DATABASE app"
#	url=$(pg_url "$pg" app)
#	stop_pg "$pg"                      ends it, and removes the directory
#
# To be read by a POSIX shell.  start_pg DIR [ENCODING] returns 77 with the reason in $why
# where no server is installed; 1 is a server that should have started.  The superuser is
# "rowback"; nobody is asked for a password.  A server does not run as root: it runs as
# "postgres" then, or as "nobody".  Settings of ours make it fast, and careless of crashes.

# The name is short: it becomes that of a socket.
make_pg_dir() {
	mktemp -d /tmp/rb-pg.XXXXXX
}

# Print where the newest server's programs are.
pg_bin() {
	for pg_dir in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -t/ -k5,5nr); do
		[ ! -x "$pg_dir/initdb" ] || { echo "$pg_dir" && return 0; }
	done
	return 1
}

# Print the user that a server runs as.
pg_user() {
	if [ "$(id -u)" -ne 0 ]; then
		id -un
	elif id postgres >/dev/null 2>&1; then
		echo postgres
	else
		echo nobody
	fi
}

# Run a program as that user.
pg_as() {
	if [ "$(id -u)" -eq 0 ]; then
		(cd / && setpriv --reuid "$(pg_user)" --regid "$(id -g "$(pg_user)")" --clear-groups \
			env HOME=/nonexistent "$@")
	else
		(cd / && "$@")
	fi
}

# start_pg DIR [ENCODING [SETTING...]]
start_pg() {
	pg_programs=$(pg_bin) || {
		why="no PostgreSQL server is installed"
		return 77
	}
	pg_home=$1 pg_encoding=${2:-UTF8}
	[ "$#" -lt 2 ] && shift || shift 2
	[ "$(id -u)" -ne 0 ] || chown "$(pg_user)" "$pg_home" || return 1
	chmod 755 "$pg_home"
	pg_as "$pg_programs/initdb" -D "$pg_home/data" -U rowback -A trust --no-sync \
		-E "$pg_encoding" --locale=C >"$pg_home/log" 2>&1 </dev/null || {
		cat "$pg_home/log"
		return 1
	}
	{
		echo "listen_addresses = ''"
		echo "unix_socket_directories = '$pg_home'"
		echo "unix_socket_permissions = 0777"
		echo "fsync = off"
		echo "full_page_writes = off"
		echo "synchronous_commit = off"
		echo "shared_buffers = 32MB"
		echo "max_connections = 20"
		for pg_setting in "$@"; do echo "$pg_setting"; done
	} | pg_as tee -a "$pg_home/data/postgresql.conf" >/dev/null
	pg_control "$pg_home" start
}

# pg_control DIR start|restart|"stop -m MODE"
pg_control() {
	# shellcheck disable=SC2086 # words
	pg_as "$(pg_bin)/pg_ctl" -D "$1/data" -l "$1/data/server.log" -w -t 60 $2 \
		>"$1/start.log" 2>&1 </dev/null || {
		cat "$1/start.log" "$1/data/server.log"
		return 1
	}
}

# pg_url DIR DBNAME [USER]
pg_url() {
	echo "postgresql://${3:-rowback}@/$2?host=$1"
}

# pg_psql DIR ARGUMENT...: psql without anybody's configuration, ending at the first error.
pg_psql() {
	pg_home=$1
	shift
	PGHOST=$pg_home PGUSER=${PGUSER:-rowback} "$(pg_bin)/psql" -X -q -v ON_ERROR_STOP=1 "$@"
}

stop_pg() {
	[ ! -e "$1/data/postmaster.pid" ] ||
		pg_as "$(pg_bin)/pg_ctl" -D "$1/data" -m immediate -w -t 60 stop >/dev/null 2>&1 </dev/null
	rm -rf "$1"
}

# pg_for_tests: a server in $pg for a script that reads cli.sh, too; it goes when that ends.
pg_for_tests() {
	pg=$(make_pg_dir) || fail "no directory for a server"
	at_exit() { stop_pg "$pg"; }
	why=''
	# shellcheck disable=SC2154 # cli.sh sets it
	start_pg "$pg" >"$work/pg.log" 2>&1 || {
		[ -n "$why" ] && skip "$why"
		cat "$work/pg.log"
		fail "the server does not start"
	}
}

# psql_in DATABASE ARGUMENT...: rows alone, a line each.
psql_in() {
	psql_db=$1
	shift
	pg_psql "$pg" -At -d "$psql_db" "$@"
}
