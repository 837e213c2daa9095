#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""hand_over.py TCP_ECHO DRIVER - servers that take turns on one listening socket, under load: nobody is refused."""
import os
import signal
import socket
import subprocess
import sys
import threading

TURNS, CLIENTS = 4, 6


def start(listener, driver):
    server = subprocess.Popen([sys.argv[1], "--adopt", str(listener.fileno()), "--driver", driver, "--shards", "2"],
                              pass_fds=[listener.fileno()], stdout=subprocess.PIPE, text=True)
    if "listening" not in server.stdout.readline():
        sys.exit("hand_over: the server does not listen")
    return server


def ask(address, over, counts, errors):
    """Connection after connection, each with one question."""
    while not over.is_set():
        try:
            with socket.create_connection(address, timeout=20) as one:
                one.sendall(b"question")
                one.shutdown(socket.SHUT_WR)
                answer = b""
                while piece := one.recv(100):
                    answer += piece
                if answer != b"question":
                    raise OSError(f"answered {answer!r}")
            counts.append(1)
        except OSError as error:
            errors.append(error)
            return


def main():
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    server, over, counts, errors = start(listener, sys.argv[2]), threading.Event(), [], []
    clients = [threading.Thread(target=ask, args=(listener.getsockname(), over, counts, errors)) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    for _ in range(TURNS):
        seen = len(counts)
        after = start(listener, sys.argv[2])
        server.send_signal(signal.SIGTERM)
        if server.wait(timeout=30) != 0:
            errors.append("a server did not end well")
        server = after
        while len(counts) < seen + 50 and not errors:
            over.wait(0.01)
    over.set()
    for client in clients:
        client.join()
    server.send_signal(signal.SIGTERM)
    if server.wait(timeout=30) != 0 or errors:
        sys.exit(f"hand_over: {errors or 'the last server did not end well'}")
    print(f"# {len(counts)} connections over {TURNS + 1} servers on {os.path.basename(sys.argv[1])}, none refused")


main()
