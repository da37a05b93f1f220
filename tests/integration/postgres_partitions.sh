#!/bin/sh
# Restores in place where partitions are gone: they are made again for a table that has its keys and
# indexes by then.  pg_dump says whether all is as it was.
. "$(dirname "$0")/../harness/cli.sh"
. "$root/tests/harness/stores.sh"
# shellcheck source=tests/harness/postgres.sh
. "$root/tests/harness/postgres.sh"
need git jq pg_dump
pg_for_tests

rb() { "$ROWBACK" -C store "$@"; }

# All that pg_dump says of a database: the schema in its order, rows in any.
state() {
	pg_dump -h "$pg" -U rowback --schema-only app >dumped 2>dump.err || fail "$(cat dump.err)"
	grep -vE '^\\(un)?restrict ' dumped
	pg_dump -h "$pg" -U rowback --data-only --disable-triggers app >dumped 2>dump.err || fail "$(cat dump.err)"
	grep -vE '^\\(un)?restrict ' dumped | sort
}

in_app() {
	for statement; do
		psql_in app -q -c "$statement" >/dev/null 2>sql.err || fail "$statement: $(cat sql.err)"
	done
}

# app_of NAME STATEMENT...: a database and its backup.
app_of() {
	place "$1"
	shift
	psql_in postgres -q -c "DROP DATABASE IF EXISTS app" -c "CREATE DATABASE app TEMPLATE template0" \
		>/dev/null 2>&1 || fail "no database"
	in_app "$@"
	"$ROWBACK" -q init --no-check --source "app=$(pg_url "$pg" app)" store || fail "no store"
	expect_status 0 rb backup
	backup=$(rb --json log -1 | jq -r '.backups[0].id')
	state >wanted
	# The oracle sees partitions, what they take from their table, and rows.
	grep -q 'ATTACH PARTITION' wanted || fail "no partition was dumped"
}

# All indexes, and what they are attached to.
indexes() {
	psql_in app -c "SELECT i.indexrelid::regclass, i.indrelid::regclass, i.indisvalid, h.inhparent::regclass
		FROM pg_index i LEFT JOIN pg_inherits h ON h.inhrelid = i.indexrelid
		WHERE i.indrelid >= 16384 AND i.indexrelid::regclass::text !~ '^pg_' ORDER BY i.indexrelid::regclass::text"
}

# comes_back NAME OPTION... -- STATEMENT...: what statements do is undone, and nothing else is.
comes_back() {
	what=$1
	shift
	options=''
	while [ "$1" != -- ]; do
		options="$options $1"
		shift
	done
	shift
	indexes >wanted.indexes
	in_app "$@"
	state >gone
	! cmp -s wanted gone || fail "$what: nothing has changed"
	# shellcheck disable=SC2086 # options
	expect_status 0 rb --json restore "$backup" --yes $options
	[ "$(jq -c '[.verified, .written]' "$work/out")" = '[true,true]' ] || fail "$what: $(cat "$work/out")"
	state >got
	diff -u wanted got || fail "not as it was: $what"
	indexes | diff -u wanted.indexes - || fail "other indexes: $what"
	expect_status 0 rb verify --source
}

keys() {
	app_of keys "CREATE TABLE p(id int, d date, PRIMARY KEY (id, d)) PARTITION BY RANGE (d)" \
		"CREATE TABLE p_old PARTITION OF p FOR VALUES FROM ('2000-01-01') TO ('2020-01-01')" \
		"CREATE TABLE p_new PARTITION OF p FOR VALUES FROM ('2020-01-01') TO ('2040-01-01')" \
		"INSERT INTO p SELECT i, date '2010-01-01' + i FROM generate_series(1, 9000) i"
	comes_back "a partition" -- "DROP TABLE p_old"
	comes_back "all partitions" -- "DROP TABLE p_old, p_new"
	comes_back "one that is a table by itself" -- "ALTER TABLE p DETACH PARTITION p_new"
	comes_back "one that has lost its key" -- "ALTER TABLE p DETACH PARTITION p_new" \
		"ALTER TABLE p_new DROP CONSTRAINT p_new_pkey"
	comes_back "a table among tables" --table public.p_old -- "DROP TABLE p_old"
	comes_back "a changed partition" -- "ALTER TABLE p_new ALTER COLUMN id SET DEFAULT 7"
}

# What the table has more than a key; names that are nobody's default.
indexes_and_references() {
	app_of more "CREATE TABLE kinds(kind text PRIMARY KEY)" "INSERT INTO kinds VALUES ('a'), ('b')" \
		'CREATE SCHEMA "Old Ones"' \
		"CREATE TABLE p(id int, d date, kind text REFERENCES kinds ON DELETE CASCADE, note text DEFAULT 'n' CHECK (note <> ''),
			CONSTRAINT \"the key\" PRIMARY KEY (id, d)) PARTITION BY RANGE (d)" \
		"CREATE INDEX by_kind ON p(kind, lower(note))" "CREATE UNIQUE INDEX once ON p(d, id) WHERE kind = 'a'" \
		"CREATE TABLE \"Old Ones\".\"p 1\"(id int NOT NULL, d date NOT NULL, kind text, note text CONSTRAINT p_note_check CHECK (note <> ''), CONSTRAINT own PRIMARY KEY (id, d))" \
		'CREATE INDEX "own index" ON "Old Ones"."p 1"(kind, lower(note))' \
		"CREATE INDEX alone ON \"Old Ones\".\"p 1\"(note)" \
		"COMMENT ON INDEX \"Old Ones\".\"own index\" IS 'own'" \
		"ALTER TABLE p ATTACH PARTITION \"Old Ones\".\"p 1\" FOR VALUES FROM ('2000-01-01') TO ('2020-01-01')" \
		"CREATE TABLE p_rest PARTITION OF p DEFAULT" \
		"ALTER TABLE p_rest ADD UNIQUE (note)" "ALTER TABLE p_rest CLUSTER ON p_rest_pkey" \
		"CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'" \
		"CREATE TRIGGER each_row AFTER INSERT ON p FOR EACH ROW EXECUTE FUNCTION nothing()" \
		"CREATE TABLE refers(id int, d date, FOREIGN KEY (id, d) REFERENCES p)" \
		"INSERT INTO p SELECT i, date '2010-01-01' + i * 3, CASE WHEN i % 2 = 0 THEN 'a' ELSE 'b' END, 'n' || i FROM generate_series(1, 2000) i" \
		"INSERT INTO refers SELECT id, d FROM p WHERE id IN (5, 1999)"
	comes_back "a partition" -- "DELETE FROM refers WHERE id = 5" "ALTER TABLE p DETACH PARTITION \"Old Ones\".\"p 1\"" \
		'DROP SCHEMA "Old Ones" CASCADE'
	comes_back "the default one" -- "DELETE FROM refers WHERE id = 1999" "ALTER TABLE p DETACH PARTITION p_rest" "DROP TABLE p_rest"
	# The table's own index goes, too.
	comes_back "a partition and an index" -- "DROP INDEX by_kind" "DELETE FROM refers WHERE id = 1999" \
		"ALTER TABLE p DETACH PARTITION p_rest" "DROP TABLE p_rest"
	in_app "INSERT INTO kinds VALUES ('c')" "INSERT INTO p VALUES (1, '2001-01-01', 'c', 'new'), (1, '2051-01-01', 'c', 'new')" \
		"DELETE FROM kinds WHERE kind = 'c'"
	[ "$(psql_in app -c "SELECT count(*) FROM p WHERE note = 'new'")" = 0 ] || fail "the foreign key does not reach all partitions"
}

# Partitions of partitions wait for the uppermost one.
two_levels() {
	app_of levels "CREATE TABLE p(id int, d date, note text, PRIMARY KEY (id, d)) PARTITION BY RANGE (d)" \
		"CREATE INDEX by_note ON p(note)" \
		"CREATE TABLE b_part PARTITION OF p FOR VALUES FROM ('2000-01-01') TO ('2020-01-01') PARTITION BY HASH (id)" \
		"CREATE TABLE a_leaf PARTITION OF b_part FOR VALUES WITH (MODULUS 2, REMAINDER 0)" \
		"CREATE TABLE c_leaf PARTITION OF b_part FOR VALUES WITH (MODULUS 2, REMAINDER 1)" \
		"CREATE TABLE other PARTITION OF p FOR VALUES FROM ('2020-01-01') TO ('2040-01-01') PARTITION BY LIST (id)" \
		"CREATE TABLE other_rest PARTITION OF other DEFAULT" \
		"CREATE UNIQUE INDEX within ON b_part(d, id)" \
		"INSERT INTO p SELECT i, date '2010-01-01' + i, 'n' || i FROM generate_series(1, 9000) i"
	comes_back "a leaf" -- "DROP TABLE c_leaf"
	comes_back "a partition with its own" -- "DROP TABLE b_part"
	comes_back "all" -- "DROP TABLE b_part, other"
}

check "keys" keys
check "indexes and references" indexes_and_references
check "two levels" two_levels
