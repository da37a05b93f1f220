# shellcheck shell=sh
# For shell tests, which begin with
#
#	. "$(dirname "$0")/../harness/cli.sh"
#
# and then say `check NAME COMMAND...` for each test, COMMAND mostly being a function:
#
#	shows_its_version() {
#		expect_status 0 "$ROWBACK" --version
#		expect_out "rowback 0.1.0"
#	}
#	check "shows its version" shows_its_version
#
# A test runs in a subshell with `set -eu`, in $work; what it leaves there the next one
# finds, so a test that needs a clean place makes a directory of its own.
#
#	$ROWBACK  the program under test
#	$BUILD    the build directory
#	$root     the source tree
#	$work     a directory that goes at the end
set +e -u

root=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
BUILD=$(cd "${BUILD:-$root/build}" && pwd) || exit 1
ROWBACK=$BUILD/rowback
work=$(mktemp -d) || exit 1
log=$(mktemp) || exit 1
cli_failed=0
cli_test=

# Nothing of the person who runs the tests gets in: no configuration, no identity, no
# zone, no language, no repository around us.
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_SSH GIT_SSH_COMMAND GIT_ASKPASS SSH_ASKPASS
unset GIT_SSL_CAINFO GIT_SSL_CAPATH GIT_SSL_NO_VERIFY SSL_CERT_FILE CURL_CA_BUNDLE
unset SSH_AUTH_SOCK XDG_CONFIG_HOME ROWBACK_NOW MAKEFLAGS MFLAGS http_proxy https_proxy
HOME=$work/home
GIT_CONFIG_GLOBAL=$HOME/.gitconfig # where libgit2 looks, too
GIT_CONFIG_SYSTEM=/dev/null
GIT_AUTHOR_NAME='Test Author' GIT_AUTHOR_EMAIL=author@example.com
GIT_COMMITTER_NAME='Test Committer' GIT_COMMITTER_EMAIL=committer@example.com
GIT_TERMINAL_PROMPT=0
TMPDIR=$work/tmp
TZ=UTC LC_ALL=C TERM=dumb
export BUILD ROWBACK HOME TMPDIR TZ LC_ALL TERM GIT_CONFIG_GLOBAL GIT_CONFIG_SYSTEM
export GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL
export GIT_TERMINAL_PROMPT
mkdir "$HOME" "$TMPDIR"
cat >"$GIT_CONFIG_GLOBAL" <<END
[user]
	name = Test User
	email = user@example.com
[init]
	defaultBranch = main
[gc]
	autoDetach = false
[maintenance]
	autoDetach = false
END
cd "$work" || exit 1

# A script may define at_exit() to end what it started.
at_exit() { :; }

cli_end() {
	status=$?
	at_exit
	cd / || exit 1
	chmod -R u+rwx "$work" 2>/dev/null
	rm -rf "$work" "$log"
	[ "$cli_failed" -eq 0 ] || status=1
	exit "$status"
}
trap cli_end EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# check NAME COMMAND...: run one test, and print its line.
check() {
	cli_test=$1
	shift
	# Not in an `if`: there `set -e` would not count.
	(
		trap - EXIT
		set -eu
		cd "$work"
		"$@"
	) >"$log" 2>&1
	case $? in
	0) echo "ok $cli_test" ;;
	77) echo "SKIP $cli_test: $(tail -n 1 "$log")" ;;
	*)
		cat "$log"
		echo "FAIL $cli_test: $(tail -n 1 "$log")"
		cli_failed=1
		;;
	esac
	cli_test=
}

# fail WHY: end this test, or outside of one the script.
fail() {
	if [ -n "$cli_test" ]; then
		echo "$*"
	else
		echo "FAIL $(basename "$0"): $*"
	fi
	exit 1
}

# skip WHY: this test, or outside of one this script, cannot run here.
skip() {
	if [ -n "$cli_test" ]; then
		echo "$*"
		exit 77
	fi
	echo "SKIP $(basename "$0"): $*"
	exit 0
}

# need PROGRAM...: skip where one of them is not installed.
need() {
	for program in "$@"; do
		command -v "$program" >/dev/null || skip "$program is not installed"
	done
}

# expect_status N COMMAND...: run it, keep what it prints in $work/out and $work/err, and
# fail unless it exits with N.  A program that a signal ended has not failed cleanly,
# whatever N is, unless N says that signal.
expect_status() {
	want=$1
	shift
	status=0
	"$@" >"$work/out" 2>"$work/err" || status=$?
	[ "$status" -ne "$want" ] || return 0
	echo "-- standard output:"
	cat "$work/out"
	echo "-- standard error:"
	cat "$work/err"
	if [ "$status" -gt 128 ]; then
		fail "'$*' was ended by signal $((status - 128)), not exit status $want"
	fi
	fail "'$*' ended with status $status, not $want"
}

# same_text WHAT FILE WANTED: WANTED is a file, or the text itself without its last newline.
same_text() {
	if [ -f "$3" ]; then
		cat "$3" >"$work/.wanted"
	elif [ -n "$3" ]; then
		printf '%s\n' "$3" >"$work/.wanted"
	else
		: >"$work/.wanted"
	fi
	diff -u "$work/.wanted" "$2" || fail "$1 is not what it should be"
}

# expect_out WANTED, expect_err WANTED: all that the last expect_status printed.
expect_out() { same_text "standard output" "$work/out" "$1"; }
expect_err() { same_text "standard error" "$work/err" "$1"; }

# expect_err_has TEXT: it stands in standard error, as it is.
expect_err_has() {
	grep -qF -- "$1" "$work/err" && return
	cat "$work/err"
	fail "standard error does not say: $1"
}

# expect_out_has TEXT: likewise, in standard output.
expect_out_has() {
	grep -qF -- "$1" "$work/out" && return
	cat "$work/out"
	fail "standard output does not say: $1"
}

# sql DB [OPTION...] STATEMENTS: by the shell of SQLite, with no one's ~/.sqliterc.
sql() {
	db=$1
	shift
	sqlite3 -batch -init /dev/null "$db" "$@"
}

# digest_table DB NAME-IN-HEX: a line a row, each value as its type and exact bytes;
# quote() would cut text at NUL and lose the sign of -0.0.  The hidden rowid is content of
# tables without a declared key only.
digest_table() {
	name="CAST(x'$2' AS TEXT)"
	select=$(sql "$1" "
		WITH cols AS (
			SELECT lower(name) AS name, cid FROM pragma_table_xinfo($name) WHERE hidden <> 1
		), row_id AS (
			SELECT column1 AS word FROM (VALUES ('rowid'), ('_rowid_'), ('oid'))
			WHERE column1 NOT IN (SELECT name FROM cols)
			AND EXISTS (SELECT 1 FROM pragma_table_list($name)
				WHERE type = 'table' AND wr = 0 AND schema = 'main')
			AND NOT EXISTS (SELECT 1 FROM pragma_table_xinfo($name) WHERE pk > 0)
			AND $name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
			LIMIT 1
		), parts AS (
			SELECT -1 AS cid, word FROM row_id
			UNION ALL
			SELECT cid, '\"' || replace(name, '\"', '\"\"') || '\"'
			FROM pragma_table_xinfo($name) WHERE hidden <> 1
			ORDER BY 1
		)
		SELECT 'SELECT ' || group_concat(printf('typeof(%s) || '':'' || CASE typeof(%s) '
			|| 'WHEN ''real'' THEN hex(ieee754_to_blob(%s)) '
			|| 'WHEN ''text'' THEN hex(%s) WHEN ''blob'' THEN hex(%s) '
			|| 'ELSE quote(%s) END', word, word, word, word, word, word),
			' || ''|'' || ') || ' FROM main.\"' || replace($name, '\"', '\"\"') || '\";'
		FROM parts") || return
	sql "$1" "$select"
}

# db_digest DB: one line that is equal for databases of equal content: all rows of all
# tables but shadow tables (a virtual table shows theirs) and ANALYZE's, and the schema,
# in an order that does not depend on the file.  A table that SQLite cannot read gives
# its message instead.
db_digest() {
	{
		sql "$1" "PRAGMA user_version; PRAGMA application_id; PRAGMA encoding;
			SELECT quote(type), quote(name), quote(tbl_name), quote(sql) FROM sqlite_schema
			WHERE name NOT IN (SELECT name FROM pragma_table_list WHERE type = 'shadow')
			AND name NOT LIKE 'sqlite\\_stat_' ESCAPE '\\'
			ORDER BY 1, 2, 3, 4;"
		sql "$1" "SELECT hex(name) FROM pragma_table_list
			WHERE schema = 'main' AND type IN ('table', 'virtual')
			AND name NOT IN ('sqlite_schema', 'sqlite_master')
			AND name NOT LIKE 'sqlite\\_stat_' ESCAPE '\\' ORDER BY 1" |
			while IFS= read -r table; do
				echo "table $table"
				digest_table "$1" "$table" 2>&1 | sort
			done
	} | sha256sum | cut -d ' ' -f 1
}

# with_fault CALL PATH NTH ERR COMMAND...: see harness/preload_fault.c.
with_fault() {
	cli_call=$1 cli_path=$2 cli_nth=$3 cli_err=$4
	shift 4
	env LD_PRELOAD="$BUILD/preload_fault.so" ROWBACK_FAULT_CALL="$cli_call" \
		ROWBACK_FAULT_PATH="$cli_path" ROWBACK_FAULT_NTH="$cli_nth" \
		ROWBACK_FAULT_ERR="$cli_err" "$@"
}

# count_faults CALL PATH COMMAND...: run it unharmed, and leave in $work/count how many
# calls with_fault could hit.
count_faults() {
	cli_call=$1 cli_path=$2
	shift 2
	env LD_PRELOAD="$BUILD/preload_fault.so" ROWBACK_FAULT_CALL="$cli_call" \
		ROWBACK_FAULT_PATH="$cli_path" ROWBACK_FAULT_COUNT="$work/count" "$@"
}
