#!/usr/bin/env python3
"""Measure backups of PostgreSQL beside pg_dump on the same data; print ratios and CPU seconds.

usage: bench_postgres.py BUILD_DIR          (make bench-postgres does it)

  BENCH_RUNS, BENCH_ROWS, BENCH_DIR, BENCH_KEEP   as in bench.py

A server is started on a socket in a directory of its own, and holds the rows of make_data.c, as
rowback restores them from SQLite.  Each way goes through the same phases, one after the other,
before the next phase begins.  Ways with git push to a bare remote of their own on the same disk;
a way that does not push is compared with rowback's backup alone.  cpu is that of the client's
processes: the server's are the same for all, and are not counted.  The server's autovacuum is off: it
writes when it likes.  Ends with 1 when the restored database is not equal to the source, or git fsck
finds anything.
"""
import os
import shutil
import subprocess
import sys

import bench as common

HERE = os.path.dirname(os.path.abspath(__file__))
TABLES = ("users", "products", "orders", "order_items", "events", "sessions")
PHASES = [
    ("first", "first backup", None),
    ("unchanged", "nothing was written", None),
    ("same", "written, rows the same", "UPDATE users SET name = name WHERE id = 1"),
    ("change", "0.1 % of rows changed", """
        UPDATE orders SET total = total + 1 WHERE id % 503 = 1;
        UPDATE events SET score = score + 1 WHERE id % 2003 = 1;
        DELETE FROM order_items WHERE id % 4001 = 7;
        INSERT INTO events(user_id, kind, payload, score, at_ms)
            SELECT user_id, kind, payload, score, at_ms + 1 FROM events WHERE id % 2011 = 3"""),
]


NOTHING = {"wall": 0, "cpu": 0, "peak": 0, "sent": 0}


class Server:
    """A server of the benchmark's own."""

    def __init__(self):
        self.dir = self._shell("make_pg_dir").strip()
        self._shell("start_pg %s UTF8 'shared_buffers = 256MB' 'max_wal_size = 4GB'"
                    " 'autovacuum = off'" % self.dir)
        self.bin = self._shell("pg_bin").strip()

    @staticmethod
    def _shell(script):
        done = subprocess.run(["sh", "-c", ". '%s/../harness/postgres.sh'; %s" % (HERE, script)],
                              stdout=subprocess.PIPE, check=False)
        if done.returncode != 0:
            sys.exit("bench: no PostgreSQL server can be started here")
        return done.stdout.decode()

    def sql(self, database, text):
        done = subprocess.run([self.bin + "/psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-h",
                               self.dir, "-U", "rowback", "-d", database], input=text.encode(),
                              stdout=subprocess.PIPE, check=True)
        return done.stdout.decode()

    def url(self, database):
        return "postgres://rowback@/%s?host=%s" % (database, self.dir)

    def stop(self):
        self._shell("stop_pg " + self.dir)


class Way:
    """A way of backing up: a directory that its backups go to."""

    def __init__(self, bench, server, name, title):
        self.bench, self.server, self.name, self.title = bench, server, name, title
        self.dir = os.path.join(bench.work, name)
        self.remote = None
        self.dump = "%s/pg_dump -h %s -U rowback" % (server.bin, server.dir)
        os.makedirs(self.dir)

    def add_remote(self):
        self.remote = self.dir + "/remote.git"
        self.bench.quiet(["git", "init", "-q", "--bare", self.remote])
        return self.remote

    def push(self):
        """The command that pushes; None: this way does not."""
        return None

    def shell(self, script):
        return ["/bin/sh", "-ec", script]


class Rowback(Way):
    def __init__(self, bench, server):
        super().__init__(bench, server, "rowback", "rowback")
        bench.quiet([bench.rowback, "-q", "init", "--source", "app=" + server.url("app"),
                     "--remote", self.add_remote(), self.dir + "/top"])
        self.store = self.dir + "/top/.git"

    def save(self, _):
        return [self.bench.rowback, "-C", self.dir + "/top", "backup", "--no-push"]

    def push(self):
        return [self.bench.rowback, "-C", self.dir + "/top", "sync"]

    def restore(self):
        return [self.bench.rowback, "-C", self.dir + "/top", "restore", "--yes", "--to",
                self.server.url("new_rowback")]

    def check(self):
        self.bench.quiet(["git", "-C", self.dir + "/top", "fsck", "--strict", "--no-dangling"])


class Custom(Way):
    def __init__(self, bench, server):
        super().__init__(bench, server, "custom", "pg_dump -Fc")
        self.store = self.dir

    def save(self, phase):
        return self.shell("%s -Fc -f %s/%s.dump app" % (self.dump, self.dir, phase))

    def restore(self):
        # As rowback does: all or nothing.
        return self.shell("cd %s && %s/createdb -h %s -U rowback -T template0 new_custom && "
                          "%s/pg_restore -1 -h %s -U rowback -d new_custom change.dump" % (
                              self.dir, self.server.bin, self.server.dir, self.server.bin,
                              self.server.dir))

    def check(self):
        pass


class PlainGit(Way):
    def __init__(self, bench, server):
        super().__init__(bench, server, "plain", "pg_dump -Fp, git")
        bench.quiet(["git", "init", "-q", "-b", "main", self.dir + "/top"])
        bench.quiet(["git", "-C", self.dir + "/top", "remote", "add", "origin", self.add_remote()])
        self.store = self.dir + "/top/.git"

    def save(self, _):
        # What differs from run to run would make a commit of nothing.
        return self.shell("cd %s/top && %s -Fp app | grep -vE '^.(un)?restrict ' >app.sql && "
                          "git add app.sql && { git diff --cached --quiet || git commit -q -m b; }"
                          % (self.dir, self.dump))

    def push(self):
        return ["git", "-C", self.dir + "/top", "push", "-q", "origin", "main"]

    def restore(self):
        return self.shell("cd %s/top && %s/createdb -h %s -U rowback -T template0 new_plain && "
                          "git show main:app.sql | %s/psql -X -q -1 -v ON_ERROR_STOP=1 -o /dev/null "
                          "-h %s -U rowback -d new_plain" % (
                              self.dir, self.server.bin, self.server.dir, self.server.bin,
                              self.server.dir))

    def check(self):
        pass


def digest(server, database):
    """Of all rows, made by the server."""
    return [server.sql(database, "SELECT count(*), md5(string_agg(md5(t::text), '' ORDER BY"
                                 " md5(t::text))) FROM %s t" % table) for table in TABLES]


def fill(bench, server):
    """The database: rows of make_data.c, by way of SQLite."""
    data = bench.work + "/data"
    os.makedirs(data)
    bench.quiet([os.path.join(os.path.dirname(bench.rowback), "bench", "make_data"),
                 data + "/app.db", str(bench.rows)])
    bench.quiet([bench.rowback, "-q", "init", "--source", "app=sqlite:" + data + "/app.db",
                 data + "/store"])
    bench.quiet([bench.rowback, "-q", "-C", data + "/store", "backup", "--no-push"])
    bench.quiet([bench.rowback, "-q", "-C", data + "/store", "restore", "--yes", "--to",
                 server.url("app")])
    shutil.rmtree(data)


def measure(bench, server):
    """{way: {phase: result}} of one run."""
    fill(bench, server)
    server.sql("app", "VACUUM ANALYZE; CHECKPOINT")
    ways = [Rowback(bench, server), Custom(bench, server), PlainGit(bench, server)]
    results = {way.name: {} for way in ways}
    for phase, title, change in PHASES:
        if change:
            server.sql("app", change)
        for way in ways:
            before = common.tree_bytes(way.store)
            had = common.tree_bytes(way.remote) if way.remote else 0
            result = {"save": bench.measure(way.save(phase), way.dir),
                      "push": bench.measure(way.push(), way.dir) if way.push() else NOTHING}
            result["store+"] = max(common.tree_bytes(way.store) - before, 0)
            result["remote+"] = (max(common.tree_bytes(way.remote) - had, 0) if way.remote
                                 else None)
            results[way.name][phase] = result
            common.say("%-24s %-24s %6.2f s" % (way.title, title, result["save"]["wall"] +
                                                 result["push"]["wall"]))
    source = digest(server, "app")
    for way in ways:
        results[way.name]["restore"] = {"save": bench.measure(way.restore(), way.dir),
                                        "push": NOTHING}
        if digest(server, "new_" + way.name) != source:
            bench.fail("%s: what was restored is not what was backed up" % way.title)
        server.sql("postgres", "DROP DATABASE new_" + way.name)
        way.check()
    return ways, results


def together(result, key, pushes):
    """What a step cost, with its push or without: the sum, or the larger peak."""
    save, push = result["save"][key], result["push"][key]
    if not pushes:
        return save
    return max(save, push) if key == "peak" else save + push


def table(ways, results):
    print("| phase | way | save: wall / cpu s | push: wall / cpu s | peak MiB: save, push | store + |"
          " remote + | times rowback's: wall | cpu | peak | store |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for phase, title, _ in PHASES + [("restore", "restore", None)]:
        own = results["rowback"][phase]
        for way in ways:
            it = results[way.name][phase]
            times = ["" if way.name == "rowback" else
                     common.ratio(together(it, key, True), together(own, key, way.push()), 0)
                     for key in ("wall", "cpu", "peak")]
            added = it.get("store+")
            times.append("" if way.name == "rowback" or added is None
                         else common.ratio(added, own["store+"], 1000))
            there = it.get("remote+")
            peaks = [str(round(step["peak"] / common.MIB)) for step in
                     (it["save"], it["push"]) if step["peak"]]
            print("| %s | %s | %s | %s | %s | %s | %s | %s |" % (
                title, way.title, common.pair(it["save"]), common.pair(it["push"]), ", ".join(peaks),
                "-" if added is None else common.size(added),
                "-" if there is None else common.size(there), " | ".join(times)))


def run(bench, server):
    runs = []
    version = server.sql("postgres", "SHOW server_version").split()[0]
    for number in range(bench.runs):
        bench.work = os.path.join(bench.dir, os.path.basename(bench.work), "run-%d" % number)
        os.makedirs(bench.work)
        ways, results = measure(bench, server)
        size = int(server.sql("app", "SELECT pg_database_size('app')"))
        server.sql("postgres", "DROP DATABASE app")
        runs.append(results)
        bench.work = os.path.dirname(bench.work)
    table(ways, common.median(runs))
    print("\nMachine: %s; load when begun %.1f; PostgreSQL %s; %s.  Data: %d rows, %s in the "
          "database." % (common.machine(), bench.load, version,
                         "one run" if bench.runs == 1 else "medians of %d runs" % bench.runs,
                         bench.rows, common.size(size)))
    print("What each restored is equal to the source; git fsck --strict of the store found nothing."
          if not bench.failures else "FAILED: " + "; ".join(bench.failures))


def main(usage, measure_all):
    """Call measure_all(bench, server), and clean up."""
    if len(sys.argv) != 2:
        sys.exit(usage)
    bench = common.Bench(sys.argv[1])
    server = Server()
    try:
        measure_all(bench, server)
    except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
        sys.exit("bench: %s" % error)
    finally:
        server.stop()
        bench.end()
    if bench.failures:
        sys.exit(1)


if __name__ == "__main__":
    main(__doc__, run)
