#!/usr/bin/env python3
"""Stand between a client and a PostgreSQL server's socket, and stop in the middle of an answer.

pg_proxy.py DIR SERVER_DIR BYTES stall|cut

Listens on DIR/.s.PGSQL.5432 and passes bytes on to the socket in SERVER_DIR until it is killed.
Once the server has sent BYTES over one connection, makes DIR/reached and

stall  passes no more of its bytes on until DIR/go is there
cut    closes the connection on both sides
"""
import os
import socket
import sys
import threading
import time

NAME = ".s.PGSQL.5432"


def forward(source, sink, limit, on_limit):
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
        for pair in ((server, client, limit, on_limit), (client, server, None, None)):
            threading.Thread(target=forward, args=pair, daemon=True).start()


main()
