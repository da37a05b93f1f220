#!/usr/bin/env python3
"""Measure what the server's digests save: backups of PostgreSQL over a slow line, and over none.

usage: bench_digests.py BUILD_DIR           (make bench-digests does it)

  BENCH_ROWS, BENCH_DIR, BENCH_KEEP   as in bench.py
  BENCH_MBIT=100                      of the slow line, from the server

The same changes are backed up by digests and by reading all rows, through a proxy that lets so
many bits pass, and over the server's socket.  received is what the server sent, cpu the client's.
Ends with 1 when the trees differ.
"""
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

import bench as common
from bench_postgres import fill, main

PHASES = [
    ("written, rows the same", "UPDATE users SET name = name WHERE id = 1"),
    ("one row changed", "UPDATE orders SET total = total + 1 WHERE id = 1000"),
    ("0.1 % of rows changed, the newest",
     "UPDATE events SET kind = 'other' WHERE id > (SELECT max(id) - %(some)d FROM events)"),
    ("0.1 % of rows changed, spread",
     "UPDATE order_items SET count = count + 1 WHERE id %% 400 = 7"),
]


class Line:
    """A socket of a server behind a line of so many bits a second."""

    def __init__(self, directory, server_dir, mbit):
        self.dir, self.target = directory, os.path.join(server_dir, ".s.PGSQL.5432")
        self.bytes_s, self.received, self.free_at = mbit * 1e6 / 8, 0, time.monotonic()
        self.lock = threading.Lock()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(os.path.join(directory, ".s.PGSQL.5432"))
        self.listener.listen(16)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.socket(socket.AF_UNIX)
            server.connect(self.target)
            threading.Thread(target=self.forward, args=(server, client, True), daemon=True).start()
            threading.Thread(target=self.forward, args=(client, server, False), daemon=True).start()

    def wait(self, count):
        """Until the line has room for so many bytes more; all connections share it."""
        with self.lock:
            self.received += count
            now = time.monotonic()
            self.free_at = max(self.free_at, now) + count / self.bytes_s
            delay = self.free_at - now
        if delay > 0.002:
            time.sleep(delay)

    def forward(self, source, sink, is_counted):
        try:
            while data := source.recv(65536):
                if is_counted:
                    self.wait(len(data))
                sink.sendall(data)
        except OSError:
            pass
        for sock in (source, sink):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Way:
    """A store that is backed up by digests, or by reading all; line None: over the socket."""

    def __init__(self, bench, server, line, use):
        self.bench, self.line = bench, line
        self.dir = os.path.join(bench.work, use + ("-slow" if line else ""))
        url = "postgres://rowback@/app?host=" + (line.dir if line else server.dir)
        bench.quiet([bench.rowback, "-q", "init", "--no-check", "--source", "app=" + url, self.dir])
        bench.quiet(["git", "-C", self.dir, "config", "source.app.digests", use])

    def backup(self):
        before = self.line.received if self.line else 0
        result = self.bench.measure([self.bench.rowback, "-C", self.dir, "-q", "backup"],
                                    self.bench.work)
        result["received"] = self.line.received - before if self.line else None
        return result

    def tree(self):
        return subprocess.run(["git", "-C", self.dir, "rev-parse", "main:app"], check=True,
                              stdout=subprocess.PIPE).stdout


def run(bench, server, sockets):
    mbit = float(os.environ.get("BENCH_MBIT") or "100")
    fill(bench, server)
    server.sql("app", "VACUUM ANALYZE; CHECKPOINT")
    ways = [(title, kind, Way(bench, server, line, use))
            for title, line in (("%g Mbit/s" % mbit, Line(sockets, server.dir, mbit)),
                                ("socket", None))
            for kind, use in (("digests", "always"), ("all rows", "never"))]
    print("| phase | line | way | wall s | client cpu s | peak MiB | received MB |")
    print("|---|---|---|---|---|---|---|")
    for title, change in [("first backup", "")] + PHASES:
        server.sql("app", change % {"some": bench.rows // 1000})
        for line, kind, way in ways:
            it = way.backup()
            print("| %s | %s | %s | %.2f | %.2f | %d | %s |" % (
                title, line, kind, it["wall"], it["cpu"], round(it["peak"] / common.MIB),
                "-" if it["received"] is None else "%.2f" % (it["received"] / 1e6)), flush=True)
        if len({way.tree() for _, _, way in ways}) != 1:
            bench.fail("%s: the trees differ" % title)
    print("\nMachine: %s; load when begun %.1f.  Data: %d rows.  %s" % (
        common.machine(), bench.load, bench.rows,
        "FAILED" if bench.failures else "All trees were the same."))


def measure(bench, server):
    # The name of a socket is short.
    with tempfile.TemporaryDirectory(dir="/tmp") as sockets:
        run(bench, server, sockets)


if __name__ == "__main__":
    main(__doc__, measure)
