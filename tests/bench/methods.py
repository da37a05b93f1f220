"""The ways of backing up that bench.py measures: what each of them runs."""
import os
import shutil
import time

TABLES = ["users", "products", "orders", "order_items", "events", "sessions"]


class Method:
    """One way.  A subclass says what save, push and restore run."""

    must_be_equal = True  # what it restores, to what it was given
    phases = ("first", "unchanged", "change", "one", "restore")
    remote = None  # path of a bare repository, when it pushes

    def __init__(self, work, name, title):
        self.name = name
        self.title = title
        self.dir = os.path.join(work, name)
        self.db = os.path.join(self.dir, "app.db")
        self.store = os.path.join(self.dir, "store")

    def prepare(self, bench):
        """Make an empty store; not timed."""
        os.makedirs(self.store)

    def save(self, phase):
        """The command that brings the data into the local store."""
        raise NotImplementedError

    def push(self):
        """The command that brings it to the remote; None when there is none."""
        return None

    def restore(self, new):
        """The command that makes the database `new`."""
        raise NotImplementedError

    def check(self, bench, phase):
        """After each phase; not timed."""

    def finish(self, bench, results):
        """After the last one; may add results["notes"]."""


def shell(script):
    return ["/bin/sh", "-ec", script]


class Rowback(Method):
    phases = ("first", "unchanged", "same", "change", "one", "restore")

    def __init__(self, work, program, name="rowback", title="rowback"):
        super().__init__(work, name, title)
        self.program = program
        self.remote = os.path.join(self.dir, "remote.git")
        self.top = os.path.join(self.dir, "top")
        self.store = os.path.join(self.top, ".git")
        self.init_opts = []

    def prepare(self, bench):
        bench.quiet(["git", "init", "-q", "--bare", self.remote])
        bench.quiet([self.program, "init", "--source", "sqlite:" + self.db, "--remote",
                     self.remote] + self.init_opts + [self.top])

    def save(self, phase):
        return [self.program, "-C", self.top, "backup", "--no-push"]

    def push(self):
        return [self.program, "-C", self.top, "--json", "sync"]

    def restore(self, new):
        return [self.program, "-C", self.top, "restore", "latest", "--to", "sqlite:" + new,
                "--yes"]

    def check(self, bench, phase):
        dirt = bench.quiet(["git", "-C", self.top, "status", "--porcelain"])
        if dirt:
            bench.fail("%s: git status is not clean after %s" % (self.name, phase))
        if self.push():
            heads = [bench.quiet(["git", "-C", where, "rev-parse", "HEAD"])
                     for where in (self.top, self.remote)]
            if heads[0] != heads[1]:
                bench.fail("%s: the remote does not have the backup (%s)" % (self.name, phase))

    def finish(self, bench, results):
        bench.quiet(["git", "-C", self.top, "fsck", "--strict", "--no-dangling"])
        if self.name != "rowback":
            return
        clone = os.path.join(self.dir, "clone")
        step = bench.measure(["git", "clone", "-q", "file://" + self.remote, clone], self.dir)
        files = sum(len(names) for where, _, names in os.walk(clone) if "/.git" not in where)
        start = time.monotonic()
        bench.quiet(["git", "-C", clone, "status", "--porcelain"])
        results["notes"] = [
            "git clone of rowback's remote with checkout: %.2f s wall, %.2f s cpu, %d files; "
            "git status there %.2f s; git fsck --strict of the store found nothing." %
            (step["wall"], step["cpu"], files, time.monotonic() - start)]


class BareRowback(Rowback):
    """Without a working tree, and without a push: what the files cost shows beside it."""

    phases = ("first", "change")

    def __init__(self, work, program):
        super().__init__(work, program, "bare", "rowback, bare store")
        self.store = self.top
        self.init_opts = ["--bare"]

    def push(self):
        return None

    def check(self, bench, phase):
        pass


class Naive(Method):
    """The script that one writes first: a JSON file a table, committed and pushed."""

    must_be_equal = False  # the shell prints BLOBs as text

    def __init__(self, work):
        super().__init__(work, "naive", "sqlite3 -json, git")
        self.top = os.path.join(self.dir, "top")
        self.store = os.path.join(self.top, ".git")
        self.remote = os.path.join(self.dir, "remote.git")

    def prepare(self, bench):
        bench.quiet(["git", "init", "-q", "--bare", self.remote])
        bench.quiet(["git", "init", "-q", self.top])
        bench.quiet(["git", "-C", self.top, "remote", "add", "origin", self.remote])

    def save(self, phase):
        return shell("""
            cd '%s'
            sqlite3 '%s' .schema >schema.sql
            for table in %s; do
                sqlite3 -json '%s' "SELECT * FROM $table" >$table.json
            done
            git add -A
            git diff --cached --quiet || git commit -q -m backup
            """ % (self.top, self.db, " ".join(TABLES), self.db))

    def push(self):
        return ["git", "-C", self.top, "push", "--progress", "origin", "main"]

    def restore(self, new):
        # What the script's author finds out on the day: the JSON back into columns.
        return shell("""
            cd '%s'
            git archive HEAD | tar -xf - -C '%s'
            sqlite3 '%s' <'%s/schema.sql'
            for table in %s; do
                columns=$(sqlite3 '%s' "SELECT group_concat('json_extract(value, ''$.' || name ||
                    ''')') FROM pragma_table_info('$table')")
                sqlite3 '%s' "INSERT INTO $table SELECT $columns
                    FROM json_each(readfile('%s/$table.json'))"
            done
            """ % (self.top, self.dir, new, self.dir, " ".join(TABLES), new, new, self.dir))


class Zstd(Method):
    """A compressed copy each time; there is no remote."""

    def __init__(self, work):
        super().__init__(work, "zstd", ".backup, zstd -3")

    def save(self, phase):
        return shell("""
            sqlite3 '%s' '.backup copy.db'
            zstd -q -3 copy.db -o '%s/%s.db.zst'
            rm copy.db
            """ % (self.db, self.store, phase))

    def restore(self, new):
        return ["zstd", "-q", "-d", os.path.join(self.store, "one.db.zst"), "-o", new]


class Copying(Method):
    """A program that backs up files: it gets a copy made by .backup."""

    def __init__(self, work, name, init, save, restore):
        super().__init__(work, name, name + " of a .backup")
        self.texts = init, save, restore

    def script(self, text):
        return shell(text.format(store=self.store, dir=self.dir))

    def prepare(self, bench):
        bench.quiet(self.script(self.texts[0]), cwd=self.dir)

    def save(self, phase):
        return self.script("sqlite3 app.db '.backup copy.db'; " + self.texts[1] + "; rm copy.db")

    def restore(self, new):
        return self.script("mkdir out; cd out; " + self.texts[2] + "; mv $(find . -name copy.db) " +
                           "'" + new + "'")


def copying(work):
    return [
        Copying(work, "restic",
                "export RESTIC_PASSWORD=x; restic -q -r '{store}' init",
                "export RESTIC_PASSWORD=x; restic -q -r '{store}' backup copy.db",
                "export RESTIC_PASSWORD=x; restic -q -r '{store}' restore latest --target ."),
        Copying(work, "borg",
                "borg init -e none '{store}'",
                "borg create '{store}::{{utcnow:%H%M%S.%f}}' copy.db",
                "borg extract '{store}::'$(borg list --last 1 --short '{store}')"),
        Copying(work, "bup",
                "bup -d '{store}' init",
                "bup -d '{store}' index copy.db; bup -d '{store}' save -q -n app copy.db",
                "bup -d '{store}' restore -q -C . /app/latest/'{dir}'/copy.db"),
    ]


def chosen(bench, work, say):
    """The methods asked for that can run here."""
    wanted = os.environ.get("BENCH_METHODS")
    every = [Rowback(work, bench.rowback), BareRowback(work, bench.rowback),
             Naive(work), Zstd(work)] + copying(work)
    result = []
    for method in every:
        if wanted and method.name not in wanted.split(","):
            continue
        program = {"rowback": bench.rowback, "bare": bench.rowback,
                   "naive": "sqlite3"}.get(method.name, method.name)
        if shutil.which(program):
            result.append(method)
        else:
            say("%s: left out, %s is not installed" % (method.title, program))
    return result
