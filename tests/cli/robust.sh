#!/bin/sh
# What happens when it is killed, the disk is full, the source or the store is held: the
# right status and message, a store that is whole, and a next run that goes on.
#
# FAULTS_MAX=N looks at up to N points of each kind (8), spread evenly over all there are.
. "$(dirname "$0")/../harness/cli.sh"
need sqlite3 git
[ -e "$BUILD/preload_fault.so" ] || skip "no preload_fault.so: make cli-test builds it"
FAULTS_MAX=${FAULTS_MAX:-8}
pids=

at_exit() {
	for pid in $pids; do
		kill "$pid" 2>/dev/null
	done
}

# A preloaded library and a sanitizer do not go together.
faults_work() {
	! grep -q __asan_init "$ROWBACK" || skip "the program is built with sanitizers"
}

dump() { sql "$1" .dump | sort | sha256sum | cut -d ' ' -f 1; }

# Two states of a database, and a store that has the first one.
sql one.db "PRAGMA page_size = 1024; CREATE TABLE t(id INTEGER PRIMARY KEY, v);
	CREATE TABLE u(a TEXT PRIMARY KEY, b BLOB); CREATE TABLE gone(x);
	INSERT INTO gone VALUES(1), (2);
	WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
	INSERT INTO t SELECT i, printf('value %d of many', i) FROM n;
	INSERT INTO u VALUES('a', x'00'), ('b', x'ff');"
cp one.db two.db
sql two.db "UPDATE t SET v = 'changed' WHERE id IN (5, 1500, 2900); DELETE FROM t WHERE id = 7;
	INSERT INTO u VALUES('c', x'01'); DROP TABLE gone; CREATE TABLE added(y);
	INSERT INTO added VALUES('new')"
dump_one=$(dump one.db)
dump_two=$(dump two.db)
mkdir case
cp one.db case/app.db
"$ROWBACK" -q init --source "app=sqlite:$work/case/app.db" case/store
"$ROWBACK" -q -C case/store backup --label one 2>/dev/null
cp -a case template
commit_one=$(git -C case/store rev-parse main)

# A fresh store whose source has changed since its backup.
fresh() {
	rm -rf case
	cp -a template case
	cp two.db case/app.db
}

backup() { "$ROWBACK" -C case/store backup; }

no_leftovers() {
	# What git itself may still be at is left alone for an hour.
	find case/store/.git \( -name 'tmp_*' -o -name 'holder.*' \) \
		-exec touch -d '2 hours ago' {} +
	expect_status 0 backup
	find case/store -name 'tmp_*' -o -name '*.lock' -o -name '*.new' -o -name 'holder.*' \
		-o -name '*.tmp*' -o -name running >"$work/left"
	[ ! -s "$work/left" ] || fail "$1: left behind: $(cat "$work/left")"
}

# whole WHAT: the store is valid, the old backup restores, the next run goes on.
whole() {
	git -C case/store fsck --strict --no-dangling >"$work/fsck" 2>&1 ||
		fail "$1: git fsck: $(cat "$work/fsck")"
	[ ! -s "$work/fsck" ] || fail "$1: git fsck: $(cat "$work/fsck")"
	rm -f restored.db
	expect_status 0 "$ROWBACK" -C case/store restore one --to sqlite:restored.db
	[ "$(dump restored.db)" = "$dump_one" ] || fail "$1: the old backup is another one now"
	expect_status 0 backup
	git -C case/store status --porcelain >"$work/dirty"
	[ ! -s "$work/dirty" ] || fail "$1: git status: $(cat "$work/dirty")"
	no_leftovers "$1"
	[ "$(git -C case/store rev-list --count main)" -eq 2 ] ||
		fail "$1: $(git -C case/store rev-list --count main) backups"
	rm -f restored.db
	expect_status 0 "$ROWBACK" -C case/store restore latest --to sqlite:restored.db
	[ "$(dump restored.db)" = "$dump_two" ] || fail "$1: the next backup is not the database"
}

# The points to look at: up to FAULTS_MAX numbers from 1 to $1.
points() {
	awk -v n="$1" -v max="$FAULTS_MAX" 'BEGIN {
		if (n <= max)
			for (i = 1; i <= n; i++) print i
		else
			for (i = 0; i < max; i++) print 1 + int(i * (n - 1) / (max - 1))
	}'
}

each_call() {
	faults_work
	call=$1 how=$2
	fresh
	count_faults "$call" "$work/case/" "$ROWBACK" -q -C case/store backup 2>/dev/null
	count=$(cat "$work/count")
	[ "$count" -gt 0 ] || fail "no $call in a backup"
	for nth in $(points "$count"); do
		fresh
		what="$call $nth of $count, $how"
		status=0
		with_fault "$call" "$work/case/" "$nth" "$how" \
			"$ROWBACK" -C case/store backup >"$work/out" 2>"$work/err" || status=$?
		case $how:$status in
		KILL:137) ;;
		E*:2)
			grep -q '^rowback: error: .*[/.]' "$work/err" ||
				fail "$what: $(cat "$work/err")"
			;;
		E*:0) # what only tidies may fail
			[ "$(git -C case/store rev-parse main)" != "$commit_one" ] ||
				fail "$what: status 0, and nothing committed"
			;;
		*) fail "$what: status $status: $(cat "$work/err")" ;;
		esac
		whole "$what"
	done
}


# A restore into the live database, and into a new one.
each_call_of_a_restore() {
	faults_work
	call=$1 how=$2 target=$3
	fresh_target
	count_faults "$call" "$work/case/target" "$ROWBACK" -q -C case/store restore one --yes \
		--to sqlite:case/target.db
	count=$(cat "$work/count")
	[ "$count" -gt 0 ] || fail "no $call in a restore"
	for nth in $(points "$count"); do
		fresh_target
		what="$target: $call $nth of $count, $how"
		status=0
		with_fault "$call" "$work/case/target" "$nth" "$how" \
			"$ROWBACK" -C case/store restore one --yes --to sqlite:case/target.db \
			>"$work/out" 2>"$work/err" || status=$?
		case $how:$status in
		KILL:137) ;;
		E*:2) grep -q "^\(rowback: error\|hint\): .*/" "$work/err" || fail "$what: $(cat "$work/err")" ;;
		E*:0) # it was done, and only what tidies failed
			[ "$(dump case/target.db)" = "$dump_one" ] || fail "$what: status 0, not restored"
			;;
		*) fail "$what: status $status: $(cat "$work/err")" ;;
		esac
		target_is_whole
		rm -f case/target.db
		cp two.db case/target.db
		expect_status 0 "$ROWBACK" -C case/store restore one --yes --to sqlite:case/target.db
		[ "$(dump case/target.db)" = "$dump_one" ] || fail "$what: the next restore differs"
		git -C case/store fsck --strict --no-dangling
		git -C case/store status --porcelain >"$work/dirty"
		[ ! -s "$work/dirty" ] || fail "$what: git status: $(cat "$work/dirty")"
	done
}

fresh_target() {
	fresh
	cp one.db case/app.db
	[ "$target" = new ] || cp two.db case/target.db
}

target_is_whole() {
	if [ "$target" = new ]; then
		[ ! -e case/target.db ] || [ "$(dump case/target.db)" = "$dump_one" ] ||
			fail "$what: half a database has the target's name"
		[ "$how" = KILL ] || [ -e case/target.db ] || [ -z "$(find case -name '*target*')" ] ||
			fail "$what: left behind: $(ls case)"
		return
	fi
	[ "$(sql case/target.db 'PRAGMA integrity_check')" = ok ] || fail "$what: not whole"
	now=$(dump case/target.db)
	[ "$now" = "$dump_two" ] || [ "$now" = "$dump_one" ] ||
		fail "$what: the content is neither the old nor the new one"
	[ "$how" = KILL ] || [ "$status" -eq 0 ] || [ "$now" = "$dump_two" ] ||
		[ "$call" != write ] || fail "$what: it failed, and the content changed"
}

# What reached the file is read again before it gets its name.
a_disk_that_keeps_something_else() {
	faults_work
	target=new
	fresh_target
	count_faults write "$work/case/target" "$ROWBACK" -q -C case/store restore one --yes \
		--to sqlite:case/target.db
	count=$(cat "$work/count")
	found=0
	for nth in $(points "$count"); do
		fresh_target
		what="bit turned in write $nth of $count"
		status=0
		with_fault write "$work/case/target" "$nth" FLIP \
			"$ROWBACK" -C case/store restore one --yes --to sqlite:case/target.db \
			>"$work/out" 2>"$work/err" || status=$?
		case $status in
		0)
			# An index, or what no row is in.
			[ "$(dump case/target.db)" = "$dump_one" ] || fail "$what: not found"
			;;
		2 | 3 | 13 | 15)
			found=$((found + 1))
			[ -z "$(find case -name '*target*')" ] || fail "$what: left behind: $(ls case)"
			;;
		*) fail "$what: exit status $status: $(cat "$work/err")" ;;
		esac
	done
	[ "$found" -gt 0 ] || fail "no bit was found"
}

# A run that was killed and whose parent has not waited for it: a zombie, whose process
# id still answers.
a_zombies_lock_is_stale() {
	need python3
	faults_work
	fresh
	cat >zombie.py <<'END'
import os, subprocess, sys
held = subprocess.Popen(sys.argv[2:], stderr=subprocess.DEVNULL)
os.waitid(os.P_PID, held.pid, os.WEXITED | os.WNOWAIT)
lock = os.path.exists("case/store/.git/index.lock")
after = subprocess.run([sys.argv[1], "-C", "case/store", "backup"], stderr=subprocess.PIPE)
sys.stderr.buffer.write(after.stderr)
if not lock:
    sys.exit(99)
sys.exit(after.returncode)
END
	count_faults fsync "$work/case/store/.git/objects" "$ROWBACK" -q -C case/store backup 2>err
	fresh
	expect_status 0 python3 zombie.py "$ROWBACK" env LD_PRELOAD="$BUILD/preload_fault.so" \
		ROWBACK_FAULT_CALL=fsync ROWBACK_FAULT_PATH="$work/case/store/.git/objects" \
		ROWBACK_FAULT_NTH=1 ROWBACK_FAULT_ERR=KILL "$ROWBACK" -C case/store backup
	git -C case/store status --porcelain >dirty
	[ ! -s dirty ] || fail "$(cat dirty)"
}

a_disk_that_is_full() {
	[ "$(id -u)" -eq 0 ] || skip "only root can mount a small disk"
	mkdir -p disk
	mount -t tmpfs -o size=2m tmpfs disk 2>/dev/null || skip "this machine mounts nothing"
	status=0
	(full_disk) || status=$?
	umount disk
	return "$status"
}

full_disk() {
	cp -a template disk/case
	sql disk/grow.db "CREATE TABLE z(v)" 2>/dev/null
	rm disk/grow.db
	cp one.db big.db
	sql big.db "CREATE TABLE noise(v); WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1
		FROM n WHERE i < 4000) INSERT INTO noise SELECT randomblob(1000) FROM n"
	git -C disk/case/store config source.app.url "sqlite:$work/big.db"
	expect_status 2 "$ROWBACK" -C disk/case/store backup
	expect_err_has "No space left on device"
	git -C disk/case/store fsck --strict --no-dangling
	expect_status 0 "$ROWBACK" -C disk/case/store restore one --to sqlite:small.db
	[ "$(dump small.db)" = "$dump_one" ] || fail "the old backup is another one now"
	expect_status 2 "$ROWBACK" -C disk/case/store backup
	git -C disk/case/store config source.app.url "sqlite:$work/two.db"
	expect_status 0 "$ROWBACK" -C disk/case/store backup
	git -C disk/case/store status --porcelain >dirty
	[ ! -s dirty ] || fail "$(cat dirty)"
	rm -f small.db
}

a_limit_on_files() {
	fresh
	sql case/app.db "CREATE TABLE noise(v); WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT
		i + 1 FROM n WHERE i < 2000) INSERT INTO noise SELECT randomblob(1000) FROM n"
	# SIGXFSZ is ignored, so that the call fails; in blocks of 512 bytes, by POSIX.
	status=0
	(
		trap '' XFSZ
		ulimit -f 1000
		exec "$ROWBACK" -C case/store backup >"$work/out" 2>"$work/err"
	) || status=$?
	[ "$status" -eq 2 ] || fail "status $status: $(cat err)"
	expect_err_has "File too large"
	git -C case/store fsck --strict --no-dangling
	git -C case/store status --porcelain >dirty
	[ ! -s dirty ] || fail "$(cat dirty)"
	expect_status 0 backup
}

# hold DB: let another program hold it locked, until release.
hold() {
	rm -f hold.in held
	mkfifo hold.in
	sqlite3 -batch -init /dev/null "$1" <hold.in >/dev/null 2>&1 &
	holder=$!
	pids="$pids $holder"
	exec 7>hold.in
	printf 'BEGIN EXCLUSIVE;\n.shell touch held\n' >&7
	await test -e held
}

release() {
	exec 7>&-
	wait "$holder" || true
}

# await COMMAND...: until it is true, for half a minute at most.
await() {
	tries=0
	until "$@"; do
		tries=$((tries + 1))
		[ $tries -lt 600 ] || fail "waited in vain for: $*"
		sleep 0.05
	done
}

a_locked_source() {
	fresh
	git -C case/store config rowback.busyTimeout 1s
	hold case/app.db
	expect_status 13 backup
	expect_err_has "$work/case/app.db"
	grep -q '^hint: ' err || fail "$(cat err)"
	[ "$(git -C case/store rev-parse main)" = "$commit_one" ]
	release
	whole "after a locked source"
}

two_at_once() {
	fresh
	git -C case/store config rowback.busyTimeout 60s
	: >case/store/.git/rowback/lock
	hold case/app.db
	"$ROWBACK" -q -C case/store backup 2>first.err 7>&- &
	first=$!
	pids="$pids $first"
	await test -s case/store/.git/rowback/lock
	expect_status 11 backup
	expect_err_has "rowback: error: the store is in use by 'rowback backup' (pid $first) since "
	expect_err_has "hint: wait for it with --lock-wait 10m, or try again later"
	expect_status 11 "$ROWBACK" -C case/store --lock-wait 1s sync
	expect_err_has "after 1 s of waiting"
	# Looking needs no lock.
	expect_status 0 "$ROWBACK" -C case/store log
	expect_status 0 "$ROWBACK" -C case/store show latest
	"$ROWBACK" -q -C case/store --lock-wait 60s backup --label waited --force 2>second.err 7>&- &
	second=$!
	pids="$pids $second"
	release
	wait "$first" || fail "the first: $(cat first.err)"
	wait "$second" || fail "the second: $(cat second.err)"
	[ "$(git -C case/store rev-list --count main)" -eq 3 ]
	git -C case/store fsck --strict --no-dangling
}

# ends_by SIGNAL STATUS: while it waits for a source that is held.
ends_by() {
	fresh
	git -C case/store config rowback.busyTimeout 60s
	: >case/store/.git/rowback/lock
	hold case/app.db
	"$ROWBACK" -C case/store backup >out 2>err 7>&- &
	run=$!
	pids="$pids $run"
	await test -s case/store/.git/rowback/lock
	kill -s "$1" "$run"
	status=0
	wait "$run" || status=$?
	[ "$status" -eq "$2" ] || fail "status $status: $(cat err)"
	grep -q "stopped by SIG$1" err || fail "$(cat err)"
	release
	whole "after SIG$1"
}

ends_in_the_middle() {
	fresh
	sql case/app.db "CREATE TABLE long(a INTEGER PRIMARY KEY, b); WITH RECURSIVE n(i) AS (VALUES(1)
		UNION ALL SELECT i + 1 FROM n WHERE i < 400000) INSERT INTO long SELECT i, 'row ' || i FROM n"
	for signal in INT TERM; do
		"$ROWBACK" -C case/store backup >out 2>err &
		run=$!
		pids="$pids $run"
		await test -e case/store/.git/rowback/running
		kill -s $signal "$run"
		status=0
		wait "$run" || status=$?
		[ "$signal:$status" = INT:130 ] || [ "$signal:$status" = TERM:143 ] ||
			fail "SIG$signal: status $status: $(cat err)"
		git -C case/store fsck --strict --no-dangling
		[ "$(git -C case/store rev-parse main)" = "$commit_one" ]
		[ -z "$(find case/store/.git -name '*.lock' -o -name 'tmp_*')" ] ||
			fail "$(find case/store/.git -name '*.lock' -o -name 'tmp_*')"
	done
	expect_status 3 "$ROWBACK" -C case/store sync
	expect_status 0 backup
	git -C case/store status --porcelain >dirty
	[ ! -s dirty ] || fail "$(cat dirty)"
}

a_source_that_is_none() {
	fresh
	for what in missing directory text empty; do
		rm -rf case/app.db
		case $what in
		directory) mkdir case/app.db ;;
		text) seq 1 2000 >case/app.db ;;
		empty) : >case/app.db ;;
		esac
		status=0
		backup >out 2>err || status=$?
		case $what:$status in
		empty:0) # a database without tables, which is what SQLite says of it
			continue
			;;
		*:13) ;;
		*) fail "$what: status $status: $(cat err)" ;;
		esac
		expect_err_has "source 'app': "
		expect_err_has "$work/case/app.db"
		[ "$(git -C case/store rev-parse main)" = "$commit_one" ] || fail "$what was committed"
		[ "$what" = missing ] && [ -e case/app.db ] && fail "it was made"
	done
	git -C case/store fsck --strict --no-dangling
}

an_unreadable_source() {
	[ "$(id -u)" -ne 0 ] || command -v setpriv >/dev/null || skip "root reads everything"
	fresh
	chmod 0 case/app.db
	if [ "$(id -u)" -eq 0 ]; then
		chmod 711 "$work" && chmod -R a+rX case/store && chown -R nobody case
		as="setpriv --reuid=nobody --clear-groups"
	else
		as=
	fi
	# shellcheck disable=SC2086 # words, on purpose
	expect_status 13 $as "$ROWBACK" -C "$work/case/store" backup
	expect_err_has "$work/case/app.db"
}

a_git_program_at_work() {
	fresh
	: >case/store/.git/index.lock
	find case/store -type f ! -path '*/rowback/*' -exec sha256sum {} + | sort >before
	expect_status 11 backup
	expect_err_has "case/store/.git/index.lock"
	grep -q "^hint: another git program took it .*; if none works here: rm '$work" err ||
		fail "$(cat err)"
	find case/store -type f ! -path '*/rowback/*' -exec sha256sum {} + | sort >after
	diff before after || fail "something changed"
	rm case/store/.git/index.lock
	whole "after another git program"
}

for call in write fsync rename link unlink; do
	check "killed at each $call of a backup" each_call $call KILL
	# No disk is too full to remove a file.
	[ $call = unlink ] || check "a full disk at each $call of a backup" each_call $call ENOSPC
done
check "an I/O error from each write on" each_call write EIO+
for way in "write old" "fsync old" "unlink old" "write new" "fsync new" "rename new"; do
	check "killed at each ${way% *} of a restore, ${way#* } database" \
		each_call_of_a_restore "${way% *}" KILL "${way#* }"
	check "a full disk at each ${way% *} of a restore, ${way#* } database" \
		each_call_of_a_restore "${way% *}" ENOSPC "${way#* }"
done
check "a disk that keeps something else" a_disk_that_keeps_something_else
check "the lock of a run that was not waited for is stale" a_zombies_lock_is_stale
check "a disk that is full" a_disk_that_is_full
check "a limit on the size of files" a_limit_on_files
check "a source that another program holds" a_locked_source
check "two runs at once" two_at_once
check "SIGINT ends it" ends_by INT 130
check "SIGTERM ends it" ends_by TERM 143
check "a signal in the middle of an export" ends_in_the_middle
check "a source that is no database" a_source_that_is_none
check "a source that may not be read" an_unreadable_source
check "another git program at work" a_git_program_at_work
