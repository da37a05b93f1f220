#!/bin/sh
# Old backups go by rule: against a model, with undo, pins, refusing remotes, and killed at
# every step.
#
# The 400 backups are made by the program itself, with a clock that ROWBACK_NOW sets and a tiny
# database: some 20 seconds, and every restore point is one that the program would make.
#
# FAULTS_MAX=N looks at up to N points of each kind (6), spread evenly over all there are.
. "$(dirname "$0")/../harness/cli.sh"
need sqlite3 git python3
FAULTS_MAX=${FAULTS_MAX:-6}
model=$root/tests/cli/prune_model.py
now=1795000000 # 2026-11-18
export ROWBACK_NOW=$now

faults_work() {
	[ -e "$BUILD/preload_fault.so" ] || skip "no preload_fault.so: make cli-test builds it"
	! grep -q __asan_init "$ROWBACK" || skip "the program is built with sanitizers"
}

at() { ROWBACK_NOW=$1 && export ROWBACK_NOW && shift && "$@"; }

# make_store DIR: DIR/store, of DIR/app.db and DIR/code, pushes to DIR/remote.git.
make_store() {
	mkdir "$1"
	sql "$1/app.db" "CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t(v) VALUES('first')"
	git init -q "$1/code"
	git -C "$1/code" commit -q --allow-empty -m "the app"
	git init -q --bare "$1/remote.git"
	"$ROWBACK" -q init --source "app=sqlite:$work/$1/app.db" --remote "$work/$1/remote.git" \
		"$1/store"
	git -C "$1/store" config app.path "$work/$1/code"
	git -C "$1/store" config app.branch main
}

# What a copy of a store has paths to is where it was made.
move_in() {
	git -C "$1/store" config source.app.url "sqlite:$work/$1/app.db"
	git -C "$1/store" config app.path "$work/$1/code"
	git -C "$1/store" remote set-url origin "$work/$1/remote.git"
}

ids() { git -C "$1" log --first-parent --format='%(trailers:key=Backup-Id,valueonly)' "${2:-main}" | sed '/^$/d'; }

refs() { git -C "$1" for-each-ref --format='%(refname) %(objectname)' | grep -v remotes/ || true; }

whole() {
	git -C "$1/store" fsck --strict --no-dangling >"$work/fsck" 2>&1 || fail "$2: $(cat "$work/fsck")"
	[ ! -s "$work/fsck" ] || fail "$2: git fsck: $(cat "$work/fsck")"
	git -C "$1/store" status --porcelain >"$work/dirty"
	[ ! -s "$work/dirty" ] || fail "$2: git status: $(cat "$work/dirty")"
}

remote_has_it() {
	[ "$(git -C "$1/remote.git" rev-parse main)" = "$(git -C "$1/store" rev-parse main)" ] ||
		fail "$2: the remote is elsewhere"
	[ "$(git -C "$1/store" rev-parse origin/main)" = "$(git -C "$1/store" rev-parse main)" ] ||
		fail "$2: the tracking ref is elsewhere"
}

# 400 backups in three years, at odd times; every third is quick, the data changes in each
# other one.
python3 - >times.txt <<'END'
import random
random.seed(20261118)
times = sorted({1795000000 - int(random.random() ** 2 * 3 * 365 * 86400) for i in range(420)})
print("\n".join(str(t) for t in times[-400:]))
END
make_store many
n=0
while read -r time; do
	n=$((n + 1))
	if [ $((n % 3)) -eq 2 ]; then
		at "$time" "$ROWBACK" -q -C many/store backup --quick --no-push 2>err || fail "$(cat err)"
	else
		sql many/app.db "INSERT INTO t(v) VALUES('$n')"
		at "$time" "$ROWBACK" -q -C many/store backup --no-push 2>err || fail "$(cat err)"
	fi
done <times.txt
"$ROWBACK" -q -C many/store sync 2>err || fail "$(cat err)"
[ "$(ids many/store | wc -l)" -eq 400 ] || fail "$(ids many/store | wc -l) backups were made"
cp -a many many.template

fresh_many() {
	rm -rf many
	cp -a many.template many
}

keeps_what_the_model_keeps() {
	fresh_many
	drilled=$(ids many/store | sed -n 200p)
	pinned=$(ids many/store | sed -n 321p)
	"$ROWBACK" -q -C many/store verify --drill --no-fsck "$drilled" >/dev/null
	"$ROWBACK" -q -C many/store pin "$pinned"
	python3 "$model" history many/store main >before.json
	python3 "$model" policy before.json '{"floor": 3, "pinned": ["'"$pinned"'"],
		"drilled": ["'"$drilled"'"],
		"full": {"last": 5, "daily": 9, "weekly": 6, "monthly": 12, "yearly": 5, "within": 864000},
		"quick": {"last": 10, "daily": 9, "weekly": 6, "monthly": 12, "yearly": 5, "within": 864000}}' >want
	set -- --keep-last 5 --keep-daily 9 --keep-weekly 6 --keep-monthly 12 --keep-yearly 5 \
		--keep-within 10d --keep-quick 10
	tip=$(git -C many/store rev-parse main)

	# Without --confirm, or with -n, nothing changes.
	refs many/store >refs.before
	expect_status 0 "$ROWBACK" -C many/store --json prune "$@"
	python3 -c 'import json, sys
for b in json.load(sys.stdin)["backups"]:
    if b["keep"]: print(b["id"])' <out >plan
	diff -u want plan || fail "the plan is not the model's"
	expect_status 0 "$ROWBACK" -C many/store prune "$@" --confirm -n
	expect_out_has "nothing was changed: --confirm does it"
	refs many/store >refs.after
	diff refs.before refs.after || fail "a plan moved refs"

	expect_status 0 "$ROWBACK" -C many/store prune "$@" --confirm
	ids many/store >left
	diff -u want left || fail "what is left is not the model's"
	python3 "$model" history many/store main >after.json
	python3 "$model" same before.json after.json || fail "a backup is another one now"
	whole many "after a prune"
	remote_has_it many "after a prune"
	git -C many/store log -1 --format=%B | grep -q '^Event: prune$' || fail "no event"
	[ "$(git -C many/store rev-parse "refs/rowback/pin/$pinned")" = \
		"$(git -C many/remote.git rev-parse "refs/rowback/pin/$pinned")" ] || fail "the remote's pin"
	git -C many/store merge-base --is-ancestor "refs/rowback/pin/$pinned" main ||
		fail "the pin stayed behind"
	# The drill's note is found under the commit's new name, by both.
	new=$(git -C many/store log --format=%H --grep="Backup-Id: $drilled" main)
	git -C many/store notes --ref rowback show "$new" | grep -q '^drill: passed' || fail "no note"
	expect_status 0 "$ROWBACK" -C many/store --json log
	python3 -c '
import json, sys
backups = {b["id"]: b for b in json.load(open("out"))["backups"]}
assert backups[sys.argv[1]]["drill"].startswith("passed"), "no drill"
assert [i for i, b in backups.items() if b["pinned"]] == [sys.argv[2]], "pins"
assert all(b["pushed"] for b in backups.values()), "pushed"' "$drilled" "$pinned"
	# A second prune finds nothing to do.
	expect_status 0 "$ROWBACK" -C many/store prune "$@" --confirm
	expect_out_has "all $(wc -l <want) backups stay"

	every_point_restores

	expect_status 0 "$ROWBACK" -C many/store prune --undo
	expect_out_has "nothing was changed"
	expect_status 0 "$ROWBACK" -C many/store prune --undo --confirm
	[ "$(git -C many/store rev-parse main)" = "$tip" ] || fail "undo made another history"
	whole many "after undo"
	remote_has_it many "after undo"
	[ -z "$(git -C many/store for-each-ref refs/rowback/trash refs/rowback/replaced)" ] ||
		fail "left: $(git -C many/store for-each-ref)"
	git -C many/store merge-base --is-ancestor "refs/rowback/pin/$pinned" main ||
		fail "the pin did not come back"
	expect_status 10 "$ROWBACK" -C many/store prune --undo --confirm
	expect_err_has "there is no prune to take back"
}

# Each holds the rows that it had when it was taken: those of the full one before, if quick.
every_point_restores() {
	python3 - <<'END' >counts
import json
count = {}
rows = 0
for commit in reversed(json.load(open("before.json"))):
    if commit["kind"] == "full":
        rows += 1
    if commit["id"]:
        count[commit["id"]] = rows
left = {i.strip() for i in open("left")}
first = count[min(count)]
for i, n in count.items():
    if i in left:
        print(i, n - first)
END
	base=
	while read -r id more; do
		rm -f restored.db
		"$ROWBACK" -q -C many/store restore "$id" --to sqlite:restored.db >/dev/null 2>err ||
			fail "$id: $(cat err)"
		rows=$(sql restored.db "SELECT count(*) FROM t")
		base=${base:-$((rows - more))}
		[ "$rows" -eq $((base + more)) ] || fail "$id has $rows rows, not $((base + more))"
	done <counts
}

# A small store: eight backups, one pinned, one drilled, one checked, one aside, one of the
# user's own, an event.
make_small() {
	make_store small
	for n in 1 2 3 4 5 6 7 8; do
		sql small/app.db "INSERT INTO t(v) VALUES('$n')"
		at $((now - 90000 + n * 3600)) "$ROWBACK" -q -C small/store backup --no-push
		case $n in
		2) at $((now - 90000 + n * 3600 + 60)) "$ROWBACK" -q -C small/store pin latest --no-push ;;
		3)
			echo mine >small/store/MINE
			git -C small/store add MINE
			git -C small/store commit -q -m "a file of mine"
			;;
		4)
			cp small/app.db small/other.db
			sql small/other.db "DELETE FROM t WHERE id = 1"
			at $((now - 90000 + n * 3600 + 60)) "$ROWBACK" -q -C small/store restore latest \
				--to "sqlite:$work/small/other.db" --yes >/dev/null
			;;
		5) "$ROWBACK" -q -C small/store verify --drill --no-fsck >/dev/null ;;
		esac
	done
	at $((now - 50000)) "$ROWBACK" -q -C small/store backup >/dev/null
	cp -a small small.template
}
make_small 2>err || fail "$(cat err)"

fresh() {
	rm -rf case
	cp -a small.template case
	move_in case
	git -C case/store config retention.keepMin 2
}

prune() { "$ROWBACK" -C case/store prune --keep-last 2 "$@"; }

undo() { "$ROWBACK" -C case/store prune --undo --confirm; }

what_is_not_a_backup() {
	fresh
	git -C case/store config retention.keepMin 1
	[ "$(git -C case/store log --format=%s --grep='^Event: restore' main | wc -l)" -eq 1 ] || fail "no event"
	expect_status 0 prune --confirm
	# The user's own commit stays, with its file; the event follows the pinned one.
	git -C case/store log --format=%s main >log
	grep -qx "a file of mine" log || fail "$(cat log)"
	git -C case/store ls-tree main | grep -q MINE || fail "the file is gone"
	[ "$(ids case/store | wc -l)" -eq 4 ] || fail "$(ids case/store)"
	whole case "after a prune"
	# The safety backup aside, and the last check, lie on the new history.
	for ref in $(git -C case/store for-each-ref --format='%(refname)' refs/rowback/safety refs/rowback/check); do
		git -C case/store merge-base --is-ancestor "$ref^" main || fail "$ref stayed behind"
		[ "$(git -C case/store rev-parse "$ref")" = "$(git -C case/remote.git rev-parse "$ref")" ] ||
			fail "the remote has another $ref"
	done
}

an_event_in_front_goes() {
	rm -rf front
	make_store front
	"$ROWBACK" -q -C front/store backup
	sql front/other.db "CREATE TABLE t(id INTEGER PRIMARY KEY, v)"
	"$ROWBACK" -q -C front/store restore --to "sqlite:$work/front/other.db" --yes >/dev/null
	for n in 2 3; do
		sql front/app.db "INSERT INTO t(v) VALUES('$n')"
		"$ROWBACK" -q -C front/store backup
	done
	git -C front/store config retention.keepMin 1
	expect_status 0 "$ROWBACK" -C front/store prune --keep-last 2 --confirm
	git -C front/store log --format='%(trailers:key=Event,valueonly)' main | sed '/^$/d' >log
	same_text "the events" log prune
	[ "$(ids front/store | wc -l)" -eq 2 ] || fail "$(ids front/store)"
	whole front "after a prune"
}

no_rule_is_a_mistake() {
	fresh
	expect_status 2 "$ROWBACK" -C case/store prune
	expect_err_has "no rule says which backups stay"
	expect_err_has "hint: for example: rowback prune --keep-last 10"
	git -C case/store config retention.keepLast 2
	expect_status 0 "$ROWBACK" -C case/store prune
	expect_out_has "last 2"
	git -C case/store config retention.full.keepLast 3
	expect_status 0 "$ROWBACK" -C case/store prune
	expect_out_has "last 3"
	expect_status 0 "$ROWBACK" -C case/store prune --keep-last 4
	expect_out_has "last 4"
	expect_status 0 "$ROWBACK" -C case/store prune --keep-last 4 --keep-full 5
	expect_out_has "last 5"
	expect_status 0 "$ROWBACK" -C case/store prune --keep-quick 1 --keep-full 0
	expect_out_has "floor: 2 full ones on the remote"
}

pins_hold() {
	fresh
	id=$(ids case/store | sed -n 3p)
	expect_status 0 "$ROWBACK" -C case/store pin "$id"
	expect_out "backup $id is pinned"
	git -C case/remote.git rev-parse -q --verify "refs/rowback/pin/$id" >/dev/null || fail "not pushed"
	expect_status 2 "$ROWBACK" -C case/store delete "$id" --confirm
	expect_err_has "backup $id stays: pinned"
	expect_err_has "rowback unpin $id"
	expect_status 0 prune --confirm
	ids case/store | grep -qx "$id" || fail "it went"
	expect_status 0 "$ROWBACK" -C case/store unpin "$id"
	[ -z "$(git -C case/remote.git for-each-ref "refs/rowback/pin/$id")" ] || fail "the remote has it still"
	expect_status 0 "$ROWBACK" -C case/store unpin "$id"
	expect_out "backup $id was not pinned"
	expect_status 0 prune --confirm
	ids case/store | grep -qx "$id" && fail "it stayed"
	remote_has_it case "after it all"
}

one_goes() {
	fresh
	id=$(ids case/store | sed -n 3p)
	tip=$(git -C case/store rev-parse main)
	expect_status 0 "$ROWBACK" -C case/store delete "$id"
	expect_out_has "nothing was changed"
	[ "$(git -C case/store rev-parse main)" = "$tip" ] || fail "it was done"
	# The newest, the drilled, and the floor.
	for n in 1 2 4; do
		expect_status 2 "$ROWBACK" -C case/store delete "$(ids case/store | sed -n ${n}p)" --confirm
	done
	expect_status 10 "$ROWBACK" -C case/store delete nothing --confirm
	[ "$(git -C case/store rev-parse main)" = "$tip" ] || fail "a refusal changed something"
	expect_status 0 "$ROWBACK" -C case/store delete "$id" --confirm
	ids case/store | grep -qx "$id" && fail "it stayed"
	[ "$(ids case/store | wc -l)" -eq 7 ] || fail "$(ids case/store)"
	git -C case/store log -1 --format=%B | grep -qx "Event-Backup: $id" || fail "no event"
	remote_has_it case "after delete"
	whole case "after delete"
	expect_status 0 "$ROWBACK" -C case/store prune --undo --confirm
	[ "$(git -C case/store rev-parse main)" = "$tip" ] || fail "undo made another history"
}

undo_keeps_what_came_after() {
	fresh
	ids case/store >all
	expect_status 0 prune --confirm
	sql case/app.db "INSERT INTO t(v) VALUES('after')"
	expect_status 0 at $((now + 10)) "$ROWBACK" -C case/store backup
	new=$(ids case/store | head -n 1)
	expect_status 0 at $((now + 20)) undo
	{
		echo "$new"
		cat all
	} >want
	ids case/store >got
	diff -u want got || fail "not what there was, and the new one"
	whole case "after undo"
	remote_has_it case "after undo"
	git -C case/store log --format=%B main | grep -q '^Event: prune$' && fail "the event stayed"
	rm -f restored.db
	expect_status 0 "$ROWBACK" -C case/store restore "$new" --to sqlite:restored.db
	[ "$(sql restored.db "SELECT v FROM t ORDER BY id DESC LIMIT 1")" = after ] || fail "another state"
}

two_are_taken_back_one_by_one() {
	fresh
	tip=$(git -C case/store rev-parse main)
	expect_status 0 "$ROWBACK" -C case/store prune --keep-last 4 --confirm
	middle=$(ids case/store)
	expect_status 0 at $((now + 60)) prune --confirm
	expect_status 0 undo
	[ "$(ids case/store)" = "$middle" ] || fail "$(ids case/store)"
	expect_status 0 undo
	[ "$(git -C case/store rev-parse main)" = "$tip" ] || fail "undo made another history"
}

a_remote_that_only_appends() {
	fresh
	cat >case/remote.git/hooks/pre-receive <<'END'
#!/bin/sh
while read -r old new ref; do
	case $ref in refs/heads/*) ;; *) continue ;; esac
	git merge-base --is-ancestor "$old" "$new" || { echo "only fast-forwards here" >&2; exit 1; }
done
END
	chmod +x case/remote.git/hooks/pre-receive
	# What the notes say of the new names may stay: it is true of both.
	refs case/store | grep -v notes >refs.before
	git -C case/remote.git for-each-ref >remote.before
	expect_status 14 prune --confirm
	expect_err_has "nothing was pruned: "
	expect_err_has "hint: the remote takes no history that was rewritten"
	refs case/store | grep -v notes >refs.after
	diff refs.before refs.after || fail "the old history is not back"
	git -C case/remote.git for-each-ref >remote.after
	diff remote.before remote.after || fail "the remote was changed"
	whole case "after a refusal"
	sql case/app.db "INSERT INTO t(v) VALUES('after')"
	expect_status 0 "$ROWBACK" -C case/store backup
	remote_has_it case "after the next backup"
	# Nothing is left to take back.
	expect_status 10 undo
}

a_remote_that_is_elsewhere() {
	fresh
	git clone -q case/remote.git elsewhere
	git -C elsewhere commit -q --allow-empty -m "somebody else"
	git -C elsewhere push -q
	refs case/store >refs.before
	expect_status 14 prune --confirm
	expect_err_has "nothing was pruned: "
	refs case/store >refs.after
	diff refs.before refs.after || fail "something was changed"
	# A prune of this store alone does not let the next push overwrite it either.
	expect_status 0 prune --no-push --confirm
	expect_status 14 "$ROWBACK" -C case/store sync
	[ "$(git -C case/remote.git log -1 --format=%s main)" = "somebody else" ] || fail "it was overwritten"
	rm -rf elsewhere
}

a_remote_that_is_away() {
	fresh
	mv case/remote.git case/away.git
	refs case/store >refs.before
	expect_status 14 prune --confirm
	expect_err_has "nothing was pruned: "
	refs case/store >refs.after
	diff refs.before refs.after || fail "something was changed"
	expect_status 0 prune --no-push --confirm
	mv case/away.git case/remote.git
	[ "$(ids case/store | wc -l)" -lt "$(ids case/remote.git | wc -l)" ] || fail "it was pushed"
	# The next push brings it.
	sql case/app.db "INSERT INTO t(v) VALUES('after')"
	expect_status 0 "$ROWBACK" -C case/store backup
	remote_has_it case "after the next backup"
	[ -z "$(git -C case/store for-each-ref refs/rowback/replaced)" ] || fail "left to be replaced"
}

a_store_without_a_remote() {
	fresh
	git -C case/store remote remove origin
	expect_status 0 prune --confirm
	whole case "without a remote"
	expect_status 0 undo
	whole case "without a remote"
}

# By the real clock, which libgit2 writes reflogs by.
trash_goes_and_space_comes_back() {
	fresh
	now=$(date +%s)
	at "$now" :
	sql case/app.db "CREATE TABLE noise(v); INSERT INTO noise VALUES(randomblob(2000000))"
	"$ROWBACK" -q -C case/store backup --label large
	large=$(git -C case/store rev-parse "main^{tree}")
	sql case/app.db "DROP TABLE noise"
	for n in 1 2 3; do
		sql case/app.db "INSERT INTO t(v) VALUES('small $n')"
		at $((now + n)) "$ROWBACK" -q -C case/store backup
	done
	at $((now + 60)) prune -q --confirm >/dev/null
	expect_status 0 at $((now + 70)) "$ROWBACK" -C case/store --json usage
	python3 - <<'END' || fail "$(cat out)"
import json
doc = json.load(open("out"))
assert len(doc["trash"]) == 1 and doc["trash"][0]["backups"] > 3, doc["trash"]
assert doc["packs_bytes"] > 2000000 and not doc["large"], doc
assert doc["trash"][0]["bytes"] <= doc["packs_bytes"], doc
assert doc["tables"][0]["table"] == "t", doc["tables"]
END
	git -C case/store config store.warnSize 1MB
	sql case/app.db "INSERT INTO t(v) VALUES('more')"
	expect_status 0 at $((now + 80)) "$ROWBACK" -C case/store backup
	expect_err_has "rowback: warning: the store has grown to "
	git -C case/store cat-file -e "$large" || fail "it went too early"
	expect_status 0 "$ROWBACK" -C case/store --json usage
	before=$(jq .objects_bytes out)
	# Two weeks later git holds what is young (by the real clock), in no more space than it took.
	expect_status 0 at $((now + 15 * 86400)) "$ROWBACK" -C case/store backup
	[ -z "$(git -C case/store for-each-ref refs/rowback/trash)" ] || fail "the trash is there"
	git -C case/store cat-file -e "$large" || fail "git's own two weeks do not count"
	expect_status 0 "$ROWBACK" -C case/store --json usage
	[ "$(jq .objects_bytes out)" -le "$((before + 20000))" ] || fail "it grew from $before: $(cat out)"
	[ "$(git -C case/store count-objects | cut -d ' ' -f 1)" -lt 10 ] || fail "$(git -C case/store count-objects)"
	# Those are said to be over.
	git -C case/store config gc.pruneExpire now
	expect_status 0 at $((now + 31 * 86400)) "$ROWBACK" -C case/store backup
	git -C case/store cat-file -e "$large" 2>/dev/null && fail "it is there still"
	whole case "after the sweep"
	expect_status 0 "$ROWBACK" -C case/store --json usage
	python3 -c 'import json
doc = json.load(open("out"))
assert doc["trash"] == [] and doc["objects_bytes"] < 1000000, doc'
	expect_status 10 undo
}

# one_or_the_other WHAT: the branch is the old history or the new one, whole.
one_or_the_other() {
	ids case/store >ids.now
	diff -q ids.now ids.old >/dev/null || diff -q ids.now ids.new >/dev/null ||
		fail "$1: neither history: $(cat ids.now)"
	whole case "$1"
}

points() {
	awk -v n="$1" -v max="$FAULTS_MAX" 'BEGIN {
		if (n <= max)
			for (i = 1; i <= n; i++) print i
		else
			for (i = 0; i < max; i++) print 1 + int(i * (n - 1) / (max - 1))
	}'
}

# hit_at CALL HOW NEXT WHAT: at each such call of a prune, or of an undo; then NEXT goes on.
hit_at() {
	faults_work
	call=$1 how=$2 next=$3 what=$4
	fresh
	ids case/store >ids.old
	[ "$what" = prune ] || prune -q --confirm >/dev/null
	[ "$what" = prune ] && set -- prune --keep-last 2 --confirm || set -- prune --undo --confirm
	# As git's own maintenance leaves them.
	[ "$what" = prune ] || git -C case/store pack-refs --all
	rm -rf case.start
	cp -a case case.start
	count_faults "$call" "$work/case/store" "$ROWBACK" -q -C case/store "$@" >/dev/null
	count=$(cat count)
	[ "$count" -gt 0 ] || fail "no $call in it"
	ids case/store >ids.new
	[ "$what" = prune ] || ids case.start/store >ids.old
	for nth in $(points "$count"); do
		rm -rf case
		cp -a case.start case
		at="$what: $call $nth of $count"
		status=0
		with_fault "$call" "$work/case/store" "$nth" "$how" "$ROWBACK" -q -C case/store "$@" \
			>out 2>err || status=$?
		case $how:$status in
		KILL:137) ;;
		E*:2 | E*:14) grep -q '^rowback: error: ' err || fail "$at: $(cat err)" ;;
		E*:0) # what only tidies, or remembers, may fail
			ids case/store >ids.now
			diff -q ids.new ids.now >/dev/null || fail "$at: status 0, and it was not done"
			;;
		*) fail "$at: status $status: $(cat err)" ;;
		esac
		find case/store -name index.lock | grep -q . && fail "$at: index.lock"
		one_or_the_other "$at"
		case $next in
		again)
			status=0
			"$ROWBACK" -q -C case/store "$@" >out 2>err || status=$?
			[ "$status" -eq 0 ] || { [ "$what:$status" = undo:10 ] && "$ROWBACK" -q -C case/store sync; } ||
				fail "$at: then $status: $(cat err)"
			ids case/store >ids.now
			diff -u ids.new ids.now || fail "$at: not what was asked for"
			;;
		backup)
			sql case/app.db "INSERT INTO t(v) VALUES('after')"
			expect_status 0 "$ROWBACK" -q -C case/store backup
			sed 1d <<-END >ids.rest
				$(ids case/store)
			END
			diff -q ids.rest ids.old >/dev/null || diff -q ids.rest ids.new >/dev/null ||
				fail "$at: then $(cat ids.rest)"
			;;
		esac
		whole case "$at, and then"
		remote_has_it case "$at, and then"
		[ -z "$(git -C case/store for-each-ref refs/rowback/replaced)" ] || fail "$at: replaced"
		[ "$next" = backup ] || follows "$at"
	done
}

# Pins and safety backups aside lie on the branch, here and there.
follows() {
	git -C case/store for-each-ref --format='%(refname)' refs/rowback/pin refs/rowback/safety >list
	while read -r ref; do
		git -C case/store merge-base --is-ancestor "$ref" main 2>/dev/null ||
			git -C case/store merge-base --is-ancestor "$ref^" main || fail "$1: $ref stayed behind"
	done <list
}

check "400 backups are pruned as a plain model says" keeps_what_the_model_keeps
check "commits that are no backups stay or follow" what_is_not_a_backup
check "an event in front of the first backup goes" an_event_in_front_goes
check "no rule is a mistake; which rule counts" no_rule_is_a_mistake
check "pins hold, here and on the remote" pins_hold
check "one backup goes" one_goes
check "undo keeps what came after" undo_keeps_what_came_after
check "two prunes are taken back one by one" two_are_taken_back_one_by_one
check "a remote that only appends brings the old history back" a_remote_that_only_appends
check "a remote that is elsewhere is not overwritten" a_remote_that_is_elsewhere
check "a remote that is away ends it before it begins" a_remote_that_is_away
check "a store without a remote" a_store_without_a_remote
check "trash goes, and space comes back" trash_goes_and_space_comes_back
for call in write fsync rename unlink; do
	check "killed at each $call of a prune, which then goes on" hit_at $call KILL again prune
	check "killed at each $call of an undo, which then goes on" hit_at $call KILL again undo
	# No disk is too full to remove a file.
	[ $call = unlink ] ||
		check "a full disk at each $call of a prune" hit_at $call ENOSPC again prune
done
check "a full disk at each fsync of an undo" hit_at fsync ENOSPC again undo
check "killed at each rename of a prune, and then a backup" hit_at rename KILL backup prune
check "killed at each unlink of an undo, and then a backup" hit_at unlink KILL backup undo
