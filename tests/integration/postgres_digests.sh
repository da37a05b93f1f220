#!/bin/sh
# PostgreSQL: rows that the server's digests show to be as they were are not read, and the tree is
# what reading all of them gives: random writers, every kind of key, encodings, writers meanwhile,
# what is remembered damaged or lost, bytes on the wire.
. "$(dirname "$0")/../harness/cli.sh"
# shellcheck source=tests/harness/postgres.sh
. "$root/tests/harness/postgres.sh"
need git jq python3
pg=$(make_pg_dir) || fail "no directory for a server"
proxy=
at_exit() {
	[ -z "$proxy" ] || kill "$proxy" 2>/dev/null
	rm -rf "$pg-proxy"
	stop_pg "$pg"
}
start_pg "$pg" >"$work/pg.log" 2>&1 || skip "${why:-$(tail -n 1 "$work/pg.log")}"

# q DB SQL, and a file of statements, each for itself where a transaction is not allowed.
q() { pg_psql "$pg" -d "$1" -c "$2" >"$work/psql" 2>&1 || fail "$2: $(cat "$work/psql")"; }
q_lines() { pg_psql "$pg" -d "$1" >"$work/psql" 2>&1 || fail "$(cat "$work/psql")"; }

# store NAME DB always|never|auto
store() {
	"$ROWBACK" -q init --no-check --source "app=$(pg_url "$pg" "$2")" "$1"
	git -C "$1" config source.app.digests "$3"
}

# backup STORE [OPTION...]: its report is in $work/out.
backup() {
	store=$1
	shift
	expect_status 0 "$ROWBACK" -C "$store" --json backup "$@"
}
tree() { git -C "$1" rev-parse main:app; }
proved() { jq '.sources[0].proved_rows' "$work/out"; }
is_clean() {
	[ -z "$(git -C "$1" status --porcelain)" ] || fail "$(git -C "$1" status --porcelain)"
	git -C "$1" fsck --strict >"$work/fsck" 2>&1 || fail "$(cat "$work/fsck")"
	[ ! -s "$work/fsck" ] || ! grep -v '^dangling\|^Checking' "$work/fsck" || fail 'fsck'
}

# same_as_all: a backup by digests has the tree of one that reads all.
same_as_all() {
	backup s "$@"
	cp "$work/out" "$work/report"
	backup full --full
	[ "$(tree s)" = "$(tree full)" ] || fail "another tree: $(git -C s log -1 --format=%B)"
	is_clean s
	cp "$work/report" "$work/out"
}

pg_psql "$pg" -d postgres -c 'CREATE DATABASE app'
pg_psql "$pg" -d app -f "$root/tests/integration/postgres_digests.sql" >"$work/psql" 2>&1 ||
	fail "$(cat "$work/psql")"
store s app always
store full app never

only_what_changed_is_read() {
	same_as_all
	[ "$(proved)" = 0 ]
	q app "UPDATE k_int SET v = v WHERE id = 1"
	same_as_all
	# One table is too small, and one is the engine's own.
	rows=$(jq .rows "$work/out")
	[ "$(proved)" -ge $((rows - 101)) ] || fail "$(proved) of $rows are proved"
	q app "UPDATE k_int SET v = 'another' WHERE id = 3000"
	same_as_all
	[ "$(jq -r '.changed.updated, .sources[0].bytes < 200000' "$work/out" | tr '\n' ' ')" = '1 true ' ]
	[ "$(proved)" -ge $((rows - 101 - 2000)) ]
	q app "UPDATE k_int SET v = 'one more' WHERE id = 3000"
	expect_status 0 "$ROWBACK" -C s backup
	grep -q "rows, [0-9,]* proved unchanged by the server's digests, [0-9.]* k*B read" "$work/out"
	# --full trusts nothing, and makes them anew.
	rm s/.git/rowback/digests-app
	backup s --full
	[ "$(proved)" = 0 ]
	q app "UPDATE k_int SET v = v WHERE id = 1"
	backup s
	[ "$(proved)" -gt 0 ]
}

# Where rows of both kinds meet: between equal rows, at the table's ends, where a row that begins a
# group is put behind the last one.
seams() {
	q postgres 'CREATE DATABASE seams'
	q seams "CREATE TABLE equal(a int, v text);
		INSERT INTO equal SELECT i % 3000, repeat(md5((i % 3000)::text), 4) FROM generate_series(1, 24000) i;
		CREATE TABLE grows(id int PRIMARY KEY, v text);
		INSERT INTO grows SELECT i, repeat(md5(i::text), 5) FROM generate_series(1, 20000) i"
	rm -rf s full
	store s seams always
	store full seams never
	same_as_all
	for a in 2900 2500 2000 1700 1200 900 500 40; do
		q seams "UPDATE equal SET v = v || 'x' WHERE ctid = (SELECT min(ctid) FROM equal WHERE a = $a)"
		same_as_all
		[ "$(proved)" -gt 30000 ] || fail "$a: $(proved)"
	done
	for i in 1 2 3; do
		# The rule of adapter.h: this row begins a group, and those before it are as they were.
		q seams "INSERT INTO grows SELECT id, v FROM (SELECT 30000 + $i, $i || '-' || t
			FROM generate_series(1, 100000) t) AS r(id, v) WHERE sha256(textsend(ROW(id, v)::text))
			< int8send(octet_length(textsend(ROW(id, v)::text))::int8 * 1125899906842624) LIMIT 1"
		same_as_all
		[ "$(jq -r '.changed.inserted, .rows - .sources[0].proved_rows' "$work/out" | tr '\n' ' ')" = \
			'1 1 ' ] || fail "$i: $(cat "$work/out")"
		q seams "DELETE FROM grows WHERE id = $((i * 100))"
		same_as_all
		q seams "INSERT INTO grows VALUES(-$i, 'before all')"
		same_as_all
	done
}

# Long rows make names of chunks that do not tell their order, and equal ones fill several.
equal_rows_of_many_chunks() {
	q postgres 'CREATE DATABASE equal'
	q equal "CREATE TABLE t(v text, d double precision, n int);
		INSERT INTO t SELECT repeat('x', 100) || i % 5, CASE WHEN i % 2 = 0 THEN '-0'::float8 ELSE 0 END, 1
		FROM generate_series(1, 12000) i"
	rm -rf s full
	store s equal always
	store full equal never
	same_as_all
	q equal "INSERT INTO t SELECT repeat('y', 100) || md5(i::text), 0, 1 FROM generate_series(1, 12000) i"
	same_as_all
	q equal "UPDATE t SET n = 2 WHERE v LIKE 'y%ab0c%'; DELETE FROM t WHERE v LIKE 'y%777'"
	same_as_all
	[ "$(proved)" -gt 12000 ] || fail "$(cat "$work/out")"
	expect_status 0 "$ROWBACK" -C s verify --all --drill
	q postgres 'DROP DATABASE equal'
}

random_writers() {
	python3 "$root/tests/integration/postgres_digests.py" 18 >steps
	number=0 sum=0
	while IFS= read -r step; do
		number=$((number + 1))
		echo "round $number: $step"
		printf '%s;\n' "$step" | sed 's/; /;\n/g' | q_lines app
		if [ $((number % 3)) -eq 0 ]; then same_as_all --jobs 3; else same_as_all; fi
		echo "proved $(proved) of $(jq .rows "$work/out")"
		sum=$((sum + $(proved)))
	done <steps
	[ "$sum" -gt 1000000 ] || fail "hardly anything was proved: $sum"
	expect_status 0 "$ROWBACK" -C s verify --all
}

other_encodings() {
	for encoding in LATIN1 SQL_ASCII; do
		q postgres "CREATE DATABASE other TEMPLATE template0 ENCODING '$encoding' LC_COLLATE 'C' LC_CTYPE 'C'"
		q other "CREATE TABLE t(id text PRIMARY KEY, v text);
			INSERT INTO t SELECT 'k' || md5(i::text), repeat(convert_from('\\xe4f6fc20'::bytea,
			'$encoding'), 20 + i % 60) FROM generate_series(1, 9000) i"
		rm -rf s full
		store s other always
		store full other never
		same_as_all
		q other "UPDATE t SET v = v || convert_from('\\xdf'::bytea, '$encoding') WHERE id LIKE 'k00%'"
		same_as_all
		[ "$(proved)" -gt 4000 ] || fail "$encoding: $(proved)"
		q other "UPDATE t SET id = convert_from('\\xe4'::bytea, '$encoding') || id WHERE id LIKE 'k11%'"
		same_as_all
		[ "$(proved)" -gt 4000 ]
		q postgres 'DROP DATABASE other'
	done
}

# A database of one table of 20 MB.
large() {
	q postgres 'CREATE DATABASE large'
	q large "CREATE TABLE t(id int PRIMARY KEY, v text, n int NOT NULL);
		INSERT INTO t SELECT i, repeat(md5(i::text), 5), 0 FROM generate_series(1, 120000) i"
	rm -rf s full
	store s large always
	store full large never
	same_as_all
}

# sent COMMAND...: bytes that the server sent meanwhile.
sent() {
	rm -rf "$pg-proxy"
	mkdir "$pg-proxy"
	python3 "$root/tests/harness/pg_proxy.py" "$pg-proxy" "$pg" 0 count &
	proxy=$!
	tries=0
	until [ -S "$pg-proxy/.s.PGSQL.5432" ]; do
		tries=$((tries + 1))
		[ $tries -lt 500 ] || fail 'the proxy does not listen'
		sleep 0.02
	done
	url=$(git -C s config source.app.url)
	git -C s config source.app.url "$(pg_url "$pg-proxy" large)"
	"$@"
	git -C s config source.app.url "$url"
	kill "$proxy"
	wait "$proxy" 2>/dev/null || true
	proxy=
	bytes=$(cat "$pg-proxy/bytes")
}

little_goes_over_the_wire() {
	large
	# Definitions are read in any case: as many bytes as from an empty database.
	sent backup s --full
	all=$bytes
	q postgres 'CREATE DATABASE empty'
	"$ROWBACK" -q init --no-check --source "app=$(pg_url "$pg-proxy" empty)" empty
	sent "$ROWBACK" -q -C empty backup
	fixed=$bytes
	all=$((all - fixed))
	[ "$all" -gt 18000000 ] || fail "$all bytes for all rows"
	q large "UPDATE t SET v = 'x' WHERE id = 77777"
	sent backup s
	bytes=$((bytes - fixed))
	[ "$bytes" -lt $((all / 100)) ] || fail "$bytes bytes for a row of $all"
	# 0.1 % of the rows, spread.
	q large "UPDATE t SET n = 1 WHERE id % 1000 = 5"
	sent backup s
	bytes=$((bytes - fixed))
	[ "$bytes" -lt $((all / 4)) ] || fail "$bytes bytes for 120 rows of $all"
	backup full --full
	[ "$(tree s)" = "$(tree full)" ]
}

# damage_and_back_up COMMAND...: something happens to what is remembered, and a row changes.
damage_and_back_up() {
	"$@"
	q large "UPDATE t SET n = n + 1 WHERE id = 500"
	same_as_all
	[ "$(proved)" = "$want" ] || fail "after '$*' $(proved) rows are proved"
	q large "UPDATE t SET n = n + 1 WHERE id = 500"
	same_as_all
	[ "$(proved)" -gt 110000 ] || fail "after '$*' nothing is remembered"
}

what_is_remembered_may_be_lost() {
	digests=s/.git/rowback/digests-app
	want=0
	damage_and_back_up rm "$digests"
	damage_and_back_up truncate -s -1 "$digests"
	damage_and_back_up truncate -s 0 "$digests"
	damage_and_back_up truncate -s 1000 "$digests"
	flip() { printf '\377' | dd of="$digests" bs=1 seek=2000 conv=notrunc status=none; }
	damage_and_back_up flip
	# One of an older backup, and one of another table.
	older() {
		cp "$digests" kept
		q large "UPDATE t SET n = n + 1 WHERE id = 9"
		backup s
		cp kept "$digests"
	}
	damage_and_back_up older
	stranger() {
		q large "ALTER TABLE t RENAME TO u"
		backup s
		q large "ALTER TABLE u RENAME TO t"
	}
	damage_and_back_up stranger
	[ "$(stat -c %a "$digests")" = 600 ]
	# What is not for certain, after a run that was killed, is read.
	touch s/.git/rowback/running
	want=0
	damage_and_back_up true
}

# Every object of the store as a file of its own.
loosen() {
	mkdir packs
	mv s/.git/objects/pack/* packs
	for pack in packs/*.pack; do git -C s unpack-objects -q <"$pack"; done
	rm -rf packs
}
file_of() { echo "s/.git/objects/$(echo "$1" | cut -c 1-2)/$(echo "$1" | cut -c 3-)"; }

what_the_store_lacks_is_read_again() {
	loosen
	chunk=$(git -C s ls-tree -r main:app/public.t/rows | sed -n '3s/.* blob \([0-9a-f]*\).*/\1/p')
	rm -f "$(file_of "$chunk")"
	want=0
	damage_and_back_up true
	# What cannot be read shows midway.
	loosen
	git -C s ls-tree -r main:app/public.t/rows | cut -d ' ' -f 3 | cut -f 1 |
		while read -r chunk; do
			rm -f "$(file_of "$chunk")"
			echo garbage >"$(file_of "$chunk")"
		done
	q large "UPDATE t SET n = n + 1 WHERE id = 501"
	backup s
	expect_err_has 'all rows are read'
	[ "$(proved)" = 0 ]
	backup full --full
	[ "$(tree s)" = "$(tree full)" ]
	[ -z "$(git -C s status --porcelain)" ]
}

auto_is_for_servers_elsewhere() {
	rm -rf s
	store s large auto
	backup s
	[ ! -e s/.git/rowback/digests-app ]
	expect_status 1 "$ROWBACK" -C s doctor --offline
	expect_out_has 'digests: not used, all rows are read'
	git -C s config source.app.digests always
	expect_status 1 "$ROWBACK" -C s doctor --offline
	expect_out_has 'digests: the server tells which rows changed, and only those are read'
	git -C s config source.app.digests perhaps
	expect_status 2 "$ROWBACK" -C s backup
	expect_err_has 'must be auto, always or never'
	git -C s config source.app.digests always
	# A dry run reads, and remembers nothing.
	backup s --dry-run
	[ ! -e s/.git/rowback/digests-app ]
	backup s --full
	[ "$(proved)" = 0 ]
	q large "UPDATE t SET n = 7 WHERE id = 9"
	backup s --dry-run
	[ "$(proved)" -gt 100000 ]
	[ "$(jq .changed.updated "$work/out")" = 1 ]
	is_clean s
}

# Until others have committed ten transactions more.
await_writers() {
	pg_psql "$pg" -d large -Atc 'SELECT txid_current()' >"$work/begin"
	tries=0
	until [ "$(pg_psql "$pg" -d large -Atc 'SELECT txid_snapshot_xmin(txid_current_snapshot())')" -gt \
		$(($(cat "$work/begin") + 10)) ]; do
		tries=$((tries + 1))
		[ $tries -lt 1000 ] || fail 'nobody writes'
		sleep 0.02
	done
}

# Money goes from one row to another while backups are made: their sum is always the same.
writers_meanwhile() {
	rm -rf s full
	store s large always
	store full large never
	q large "UPDATE t SET n = 100"
	backup s
	mkdir writers
	for writer in 1 2; do
		(
			step=0
			while [ ! -e stop ]; do
				step=$((step + 1))
				from=$(((step * 7919 + writer * 104729) % 9000 + 1))
				echo "BEGIN; UPDATE t SET n = n - 5 WHERE id = $from;
					UPDATE t SET n = n + 5 WHERE id = $(((from * 31) % 9000 + 1));
					COMMIT; SELECT pg_sleep(0.01);"
			done | pg_psql "$pg" -d large >"writers/$writer" 2>&1
		) &
	done
	for round in 1 2 3 4 5; do
		await_writers
		backup s
		[ "$(proved)" -gt 0 ] || fail "round $round: nothing is proved"
		[ "$(jq .changed.updated "$work/out")" -gt 0 ] || fail "round $round: nobody writes"
		total=$(find s/app/public.t/rows -name '*.jsonl' -exec cat {} + |
			jq -n '[inputs.n] | add, length' | tr '\n' ' ')
		[ "$total" = '12000000 120000 ' ] || fail "round $round: $total"
		is_clean s
	done
	touch stop
	wait
	grep -h ERROR writers/* && fail 'a writer failed'
	same_as_all
}

check 'only what changed is read' only_what_changed_is_read
check 'random writers' random_writers
check 'equal rows of many chunks' equal_rows_of_many_chunks
check 'seams' seams
check 'other encodings' other_encodings
check 'little goes over the wire' little_goes_over_the_wire
check 'what is remembered may be lost' what_is_remembered_may_be_lost
check 'what the store lacks is read again' what_the_store_lacks_is_read_again
check 'auto is for servers elsewhere' auto_is_for_servers_elsewhere
check 'writers meanwhile' writers_meanwhile
