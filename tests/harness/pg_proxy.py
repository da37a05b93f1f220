#!/usr/bin/env python3
"""Stand between a client and a PostgreSQL server's socket: count, or stop in the middle of an answer.

pg_proxy.py DIR SERVER_DIR BYTES stall|cut|count

Listens on DIR/.s.PGSQL.5432 and passes bytes on to the socket in SERVER_DIR until it is killed.
Once the server has sent BYTES over one connection, makes DIR/reached and

stall  passes no more of its bytes on until DIR/go is there
cut    closes the connection on both sides

count  writes how many bytes the server has sent over all connections to DIR/bytes; BYTES is 0
"""
import os
import socket
import sys
import threading
import time

NAME = ".s.PGSQL.5432"


class Counter:
    """Bytes over all connections, in a file that is there before they are passed on."""

    def __init__(self, path):
        self.path, self.total, self.lock = path, 0, threading.Lock()

    def add(self, count):
        with self.lock:
            self.total += count
            with open(self.path + ".new", "w", encoding="ascii") as file:
                file.write("%d\n" % self.total)
            os.rename(self.path + ".new", self.path)


def forward(source, sink, limit, on_limit, counter=None):
    """Pass bytes on until the end."""
    passed = 0
    try:
        while True:
            data = source.recv(65536)
            if not data:
                break
            if limit and passed < limit <= passed + len(data) and not on_limit():
                break
            passed += len(data)
            if counter:
                counter.add(len(data))
            sink.sendall(data)
    except OSError:
        pass
    for sock in (source, sink):
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def main():
    own, theirs, limit, mode = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]

    def on_limit():
        with open(os.path.join(own, "reached"), "w", encoding="ascii"):
            pass
        while mode == "stall" and not os.path.exists(os.path.join(own, "go")):
            time.sleep(0.01)
        return mode == "stall"

    counter = Counter(os.path.join(own, "bytes")) if mode == "count" else None
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(os.path.join(own, NAME))
    listener.listen(16)
    while True:
        client, _ = listener.accept()
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(os.path.join(theirs, NAME))
        except OSError:
            client.close()
            continue
        for pair in ((server, client, limit, on_limit, counter), (client, server, None, None)):
            threading.Thread(target=forward, args=pair, daemon=True).start()


main()
