"""Random databases against a model: property.py ROWBACK SEED

Makes a database of random tables and rows, and changes it between backups.  Checked are:

- what `show` counts is what the model counts
- a backup that follows others has the tree of a fresh store's first one
- restoring any backup, into a new database or into the live one, gives what was there
  when it was taken, and that exports to the same tree
- upsert and merge come to what the model says
"""
import collections
import json
import os
import random
import shutil
import sqlite3
import struct
import subprocess
import sys

ROWBACK, SEED = sys.argv[1], int(sys.argv[2])
rand = random.Random(SEED)


def run(store, *args, status=0):
    done = subprocess.run([ROWBACK, "-C", store, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != status:
        sys.exit(f"seed {SEED}: {args} ended with {done.returncode}, not {status}\n"
                 f"{done.stdout.decode()}{done.stderr.decode()}")
    return done.stdout


def check(is_right, what, *more):
    if not is_right:
        sys.exit(f"seed {SEED}: {what} " + " ".join(str(m) for m in more))


def git(store, *args):
    return subprocess.run(["git", "-C", store, *args], check=True, stdout=subprocess.PIPE).stdout.decode().strip()


def new_store(name, db):
    run(".", "init", "-q", "--no-check", "--source", "app=sqlite:" + os.path.abspath(db), name)
    return name


def connect(db):
    connection = sqlite3.connect(db, isolation_level=None)
    connection.text_factory = bytes
    return connection


# --- values

def value(kind):
    """A random value: SQL, and what is bound to its '?'."""
    if kind == "key":
        pick = rand.choice(["int", "text", "int", "text", "real", "blob"])
    else:
        pick = rand.choice(["null", "null", "int", "big", "real", "text", "text", "raw", "blob", "zero", "long"])
    return {
        "null": lambda: ("?", None),
        "int": lambda: ("?", rand.randint(-40, 40)),
        "big": lambda: ("?", rand.choice([2**63 - 1, -2**63, 2**53 + 1, rand.getrandbits(62)])),
        "real": lambda: ("?", rand.choice([0.5, 1.0, 2.0, -3.0, 1e300, 5e-324, float("inf"), rand.random() * 100])),
        "zero": lambda: ("?", 0.0),
        "text": lambda: ("?", rand.choice(["", "a", "A", "b", "10", "1.0", "ü", "nul\0in", "x" * 50, str(rand.random())])),
        "raw": lambda: ("CAST(? AS TEXT)", bytes(rand.getrandbits(8) for _ in range(4))),
        "blob": lambda: ("?", bytes(rand.getrandbits(8) for _ in range(rand.randint(0, 9)))),
        "long": lambda: ("?", str(rand.random()) * 200),
    }[pick]()


def exact(kind, v):
    return (kind, struct.pack(">d", v) if kind == b"real" else v)


# --- tables

class Table:
    def __init__(self, name):
        self.name = name
        self.columns = [f"c{i}" for i in range(rand.randint(1, 5))]
        self.key = []
        types = [rand.choice(["", "INT", "TEXT", "REAL", "NUMERIC", "BLOB"]) for _ in self.columns]
        shape = rand.choice(["none", "rowid", "rowid", "one", "several", "without", "without"])
        parts = [f"{c} {t}" for c, t in zip(self.columns, types)]
        self.is_rowid = shape == "rowid"
        if shape == "rowid":
            parts[0] = "c0 INTEGER PRIMARY KEY"
            self.key = ["c0"]
        elif shape != "none":
            count = 1 if shape == "one" else rand.randint(1, len(self.columns))
            self.key = rand.sample(self.columns, count)
            collate = rand.choice(["", "", " COLLATE NOCASE"])
            parts.append("PRIMARY KEY(" + ", ".join(c + collate + rand.choice(["", " DESC"]) for c in self.key) + ")")
        self.without_rowid = shape == "without"
        self.sql = f"CREATE TABLE {name}(" + ", ".join(parts) + ")" + (" WITHOUT ROWID" if self.without_rowid else "")

    def insert(self, db):
        values = []
        for column in self.columns:
            if self.is_rowid and column == "c0":
                values.append(("?", rand.choice([None, rand.randint(-300, 300)])))
            elif column in self.key and (self.without_rowid or rand.random() < 0.8):
                values.append(value("key"))
            else:
                values.append(value("any"))
        db.execute(f"INSERT OR IGNORE INTO {self.name}({', '.join(self.columns)}) VALUES({', '.join(v[0] for v in values)})",
                   [v[1] for v in values])

    def some(self):
        """A condition that some of the rows fulfil."""
        column = rand.choice(self.columns)
        return rand.choice([f"length({column}) % 3 = {rand.randint(0, 2)}", f"{column} IS NULL",
                            f"unicode(quote({column})) % 4 = {rand.randint(0, 3)}"])

    def change(self, db):
        for _ in range(rand.randint(0, 12)):
            self.insert(db)
        for _ in range(rand.randint(0, 2)):
            column = rand.choice(self.columns)
            new = value("any")
            if column not in self.key:
                db.execute(f"UPDATE {self.name} SET {column} = {new[0]} WHERE {self.some()}", [new[1]])
        if rand.random() < 0.6:
            db.execute(f"DELETE FROM {self.name} WHERE {self.some()} AND {self.some()}")
        if rand.random() < 0.15:
            self.columns.append(f"c{len(self.columns)}")
            default = rand.choice(["", "", " DEFAULT 7"])
            db.execute(f"ALTER TABLE {self.name} ADD COLUMN {self.columns[-1]}{default}")


# --- the model: for each table its definition, rows by key, and rows that have none

def model_of(path):
    db = connect(path)
    model = {}
    for name, sql in db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table' ORDER BY name").fetchall():
        name = name.decode()
        info = db.execute(f"PRAGMA table_info({name})").fetchall()
        columns = [row[1].decode() for row in info]
        key = [row[1].decode() for row in sorted((r for r in info if r[5]), key=lambda r: r[5])]
        if not key:
            key = ["rowid"]
            columns = ["rowid"] + columns
        keyed, loose = {}, collections.Counter()
        for row in db.execute(f"SELECT {', '.join(f'typeof({c}), {c}' for c in columns)} FROM {name}"):
            full = {c: exact(row[2 * i], row[2 * i + 1]) for i, c in enumerate(columns) if row[2 * i] != b"null"}
            if all(k in full for k in key):
                at = tuple(full[k] for k in key)
                assert at not in keyed
                keyed[at] = full
            else:
                loose[tuple(sorted(full.items()))] += 1
        model[name] = (sql, tuple(key), keyed, loose)
    db.close()
    return model


def contents(model):
    return {name: (keyed, loose) for name, (_, _, keyed, loose) in model.items()}


def count(old, new):
    """Inserted, updated and deleted rows of one table."""
    if old is None or new is None or old[1] != new[1]:
        size = lambda t: len(t[2]) + sum(t[3].values()) if t else 0
        return (size(new), 0, size(old))
    was, now = old[2], new[2]
    return (len(now.keys() - was.keys()) + sum((new[3] - old[3]).values()),
            sum(was[k] != now[k] for k in was.keys() & now.keys()),
            len(was.keys() - now.keys()) + sum((old[3] - new[3]).values()))


def changes(old, new):
    out = {}
    for name in old.keys() | new.keys():
        a, b = old.get(name), new.get(name)
        if a is None or b is None or a[0] != b[0] or a[2:] != b[2:]:
            out[name] = count(a, b)
    return out


# --- what the strategies come to

def upserted(live, backup):
    keyed = dict(live[2])
    keyed.update(backup[2])
    return keyed, live[3] | backup[3]


def merged(base, live, backup, winner):
    keyed = dict(live[2])
    conflicts = 0
    for key in base[2].keys() | backup[2].keys():
        b, l, n = base[2].get(key), live[2].get(key), backup[2].get(key)
        if n == b or l == n:
            continue
        if l != b:
            conflicts += 1
            if winner != "backup":
                continue
        if n is None:
            keyed.pop(key, None)
        else:
            keyed[key] = n
    return keyed, conflicts


# --- the test

class Run:
    def __init__(self):
        self.path = "app.db"
        self.store = new_store("store", self.path)
        self.tables = []
        self.states = []  # (id, model, tree)

    def mutate(self):
        db = connect(self.path)
        db.execute("BEGIN")
        while len(self.tables) < 2 or rand.random() < 0.3:
            table = Table(f"t{len(self.states)}_{len(self.tables)}_{rand.randint(0, 999)}")
            db.execute(table.sql)
            self.tables.append(table)
        if len(self.tables) > 3 and rand.random() < 0.4:
            gone = self.tables.pop(rand.randrange(len(self.tables)))
            db.execute(f"DROP TABLE {gone.name}")
        for table in self.tables:
            if rand.random() < 0.8:
                table.change(db)
        db.execute("COMMIT")
        db.close()

    def back_up(self):
        before = self.states[-1][1] if self.states else {}
        report = json.loads(run(self.store, "backup", "--force", "--json"))
        now = model_of(self.path)
        tree = git(self.store, "rev-parse", "HEAD:app")
        shown = json.loads(run(self.store, "show", "latest", "--json"))
        found = {c["table"]: (c["inserted"], c["updated"], c["deleted"]) for c in shown["changes"]}
        wanted = changes(before, now)
        check(found == wanted, "show counts", found, "but the model", wanted)
        check([t["table"] for t in shown["tables"]] == sorted(now), "tables of show")
        check(shown["rows"] == sum(len(t[2]) + sum(t[3].values()) for t in now.values()), "rows of show")
        lines = [json.loads(line) for line in run(self.store, "show", "latest", "--rows", "--json").splitlines()]
        ops = collections.Counter((line["table"], line["op"]) for line in lines)
        for name, counts in wanted.items():
            check(tuple(ops[name, op] for op in ("insert", "update", "delete")) == counts, "rows of", name)
        fresh = new_store(f"fresh{len(self.states)}", self.path)
        run(fresh, "backup", "-q")
        check(git(fresh, "rev-parse", "HEAD:app") == tree, "a fresh store has another tree than", report["id"])
        shutil.rmtree(fresh)
        self.states.append((report["id"], now, tree))

    def restore_to_new(self, state):
        run(self.store, "restore", state[0], "--to", "sqlite:" + os.path.abspath("new.db"))
        check(contents(model_of("new.db")) == contents(state[1]), "restored to a new database:", state[0])
        again = new_store("again", "new.db")
        run(again, "backup", "-q")
        check(git(again, "rev-parse", "HEAD:app") == state[2], "exported again:", state[0])
        shutil.rmtree(again)
        os.remove("new.db")

    def restore_in_place(self, state):
        run(self.store, "restore", state[0], "--yes")
        check(contents(model_of(self.path)) == contents(state[1]), "restored in place:", state[0])
        db = connect(self.path)
        check(db.execute("PRAGMA integrity_check").fetchall() == [(b"ok",)], "integrity check")
        db.close()

    def strategies(self):
        """Restore with upsert and merge to copies of the live database."""
        index = rand.randrange(1, len(self.states))
        base, backup = self.states[index - 1][1], self.states[index][1]
        live = model_of(self.path)
        for name in sorted(set(base) & set(backup) & set(live)):
            if len({m[name][0] for m in (base, backup, live)}) > 1 or base[name][3] or live[name][3] or backup[name][3]:
                continue
            if b"NOCASE" in live[name][0] or not live[name][1]:
                continue  # 'a' and 'A' meet in one unique index
            wanted = upserted(live[name], backup[name])
            self.apply(index, name, wanted[0], "--strategy", "upsert")
            for winner in ("backup", "live"):
                keyed, conflicts = merged(base[name], live[name], backup[name], winner)
                self.apply(index, name, keyed, "--strategy", "merge", "--on-conflict", winner)
            self.apply(index, name, live[name][2] if conflicts else keyed, "--strategy", "merge",
                       status=16 if conflicts else 0)

    def apply(self, index, name, wanted, *args, status=0):
        if collides(wanted):
            return
        shutil.copy(self.path, "copy.db")
        run(self.store, "restore", self.states[index][0], "--to", "sqlite:" + os.path.abspath("copy.db"), "--yes",
            "--table", name, *args, status=status)
        found = model_of("copy.db")[name][2]
        check(found == wanted, args, "of", name, "\nfound", found, "\nwanted", wanted)
        os.remove("copy.db")


def collides(keyed):
    """Whether keys that differ for us are one for SQLite: 1 and 1.0."""
    seen = set()
    for key in keyed:
        same = tuple(struct.unpack(">d", v)[0] if kind == b"real" else
                     v if kind == b"integer" else (kind, v) for kind, v in key)
        if same in seen:
            return True
        seen.add(same)
    return False


def main():
    test = Run()
    for _ in range(4):
        test.mutate()
        test.back_up()
    for state in test.states:
        test.restore_to_new(state)
    for state in rand.sample(test.states, len(test.states)) + [test.states[-1]]:
        test.restore_in_place(state)
    test.mutate()
    test.strategies()
    run(test.store, "verify", "--all")
    check(git(test.store, "status", "--porcelain") == "", "git status is not clean")


main()
