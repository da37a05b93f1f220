#!/usr/bin/env python3
"""Stand between a client and a server, and break the connection on purpose.

tcp_proxy.py PORT_FILE TARGET_PORT MODE

Listens on a free port of 127.0.0.1, writes its number to PORT_FILE, and passes bytes on to
TARGET_PORT of 127.0.0.1 until it is killed.

MODE  pass     all bytes
      cut:N    resets the connection once the client has sent N bytes over it
      stall:N  passes nothing on any more from then, and keeps the connection
"""
import os
import socket
import struct
import sys
import threading


def cut(sock):
    """Close with a reset, as when a router forgets the connection."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def forward(source, sink, limit, on_limit):
    """Pass bytes on until the end or the limit."""
    passed = 0
    try:
        while True:
            data = source.recv(16384)
            if not data:
                break
            if limit is not None and passed + len(data) > limit:
                sink.sendall(data[: limit - passed])
                on_limit()
                return
            sink.sendall(data)
            passed += len(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def serve(client, target_port, mode):
    server = socket.create_connection(("127.0.0.1", target_port))
    kind, _, number = mode.partition(":")
    limit = int(number) if number else None

    def on_limit():
        if kind == "cut":
            cut(client)
            cut(server)
        else:
            threading.Event().wait()

    threading.Thread(target=forward, args=(server, client, None, None), daemon=True).start()
    forward(client, server, limit, on_limit)


def main():
    port_file, target_port, mode = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(16)
    with open(port_file + ".new", "w", encoding="ascii") as out:
        out.write("%d\n" % listener.getsockname()[1])
    os.rename(port_file + ".new", port_file)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client, target_port, mode), daemon=True).start()


main()
