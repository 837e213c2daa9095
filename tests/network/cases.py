# SPDX-License-Identifier: MIT
"""What happens between two hosts. Each case has a world of its own (world.py); the probes' words are in probe.c.

Time-outs are short where they are what is waited for, and long where nothing may time out. Nothing is measured.
"""
import collections
import contextlib
import os
import tempfile
import time

from world import SIGNALS, Failure, run

Case = collections.namedtuple("Case", "name play link families")
CASES = []
NOWHERE = {4: "203.0.113.9", 6: "2001:db8::9"}
ABSENT = {4: "10.7.0.99", 6: "fd07::99"}  # on the link, but nobody has it
LOST = "lost: connection timed out"


def case(name, link="link", families=(4, 6)):
    def enter(play):
        CASES.append(Case(name, play, link, families))
        return play
    return enter


def pair(w, port, listening="", *connections):
    """A probe on b that listens, as s, and one on a with these connections: s1, s2, ... on b."""
    b, a = w.probe(w.b), w.probe(w.a)
    b.do(f"listen s {w.host(w.b)} {port} {listening}")
    b.hear("^s listening")
    for at, (name, options) in enumerate(connections):
        a.do(f"connect {name} {w.host(w.b)} {port} {options}")
        a.hear(f"^{name} open")
        b.hear(f"^s{at + 1} opens")
    return a, b


# ---- who cannot be reached ----

@case("no route")
def no_route(w):
    nowhere = NOWHERE[w.family]
    a = w.probe(w.a)
    a.do(f"connect c {nowhere} 7", f"datagrams u {w.host(w.a)} 0", f"send u {nowhere} 7 10")
    a.hear(f"^c closed: connect to {w.text(nowhere, 7)}: network is unreachable$")
    a.hear("^u not sent: Network is unreachable$")
    w.a.ip("route", "add", "unreachable", nowhere)
    a.do(f"connect d {nowhere} 7")
    a.hear(f"^d closed: connect to {w.text(nowhere, 7)}: no route to host$")
    w.a.ip("route", "replace", "prohibit", nowhere)
    a.do(f"connect e {nowhere} 7")
    a.hear(f"^e closed: connect to {w.text(nowhere, 7)}: permission denied$")
    client = w.start(w.a, "tcp_echo_client", "--host", nowhere, "--port", "7")
    client.hear(f"^tcp_echo_client: connect to {w.text(nowhere, 7)}: permission denied$")
    client.end(1)
    a.end()


@case("a neighbour that is not there")
def absent(w):
    host = ABSENT[w.family]
    w.a.hurry()
    a = w.probe(w.a)
    a.do(f"connect c {host} 7", f"datagrams u {w.host(w.a)} 0", f"send u {host} 7 10")
    a.hear(f"^c closed: connect to {w.text(host, 7)}: no route to host$")
    a.hear(f"^u told: No route to host of {w.text(host, 7)}$")
    a.end()


@case("a black hole")
def black_hole(w):
    host = ABSENT[w.family]
    w.a.ip("neigh", "add", host, "lladdr", "02:00:00:00:00:99", "dev", "eth0", "nud", "permanent")
    a = w.probe(w.a)
    a.do(f"connect c {host} 7 connect=300")
    a.hear(f"^c closed: connect to {w.text(host, 7)}: connection timed out")
    client = w.start(w.a, "tcp_echo_client", "--host", host, "--port", "7", "--timeout", "0.3", "--connections", "3")
    for _ in range(3):
        client.hear(f"^tcp_echo_client: connect to {w.text(host, 7)}: connection timed out")
    client.hear("3 failed$")
    client.end(1)
    a.end()


@case("nobody has the port")
def refused(w):
    a = w.probe(w.a)
    host = w.host(w.b)
    a.do(f"connect c {host} 7", f"datagrams u {w.host(w.a)} 0", f"datagrams p {w.host(w.a)} 0 {host} 9",
         f"send u {host} 8 10", "send p - 0 10")
    a.hear(f"^c closed: connect to {w.text(host, 7)}: connection refused$")
    a.hear(f"^u told: Connection refused of {w.text(host, 8)}$")
    a.hear(f"^p told: Connection refused of {w.text(host, 9)}$")
    query = w.start(w.a, "dns_query", "--server", host, "--port", "53", "some.test")
    query.hear("some.test: [Cc]onnection refused")
    query.end(1)
    a.end()


# ---- partitions ----

@case("a partition ends connections", "wire")
def partition(w):
    a, b = pair(w, 700, "idle=700", ("idle", "idle=400"), ("read", "read=400"), ("write", "write=400"),
                ("keep", "keep=1"), ("fine", ""))
    w.link.cut()
    a.do("write write 100000", "write fine 10")
    for name in ("idle", "read", "write", "keep"):
        a.hear(f"^{name} closed: connection to {w.text(w.host(w.b), 700)} {LOST}")
    for at in range(1, 6):
        b.hear(f"^s{at} closed: connection to .* {LOST}")
    w.link.heal()
    a.hear("^fine (ended|closed: connection to .* lost: connection reset by peer)$")  # b has given it up
    b.end()
    a.end()


@case("a partition that heals", "wire")
def healing(w):
    a, b = pair(w, 700, "idle=20000", ("c", "idle=20000 write=20000 keep=10"))
    a.do("write c 3000000")
    b.do("expect s1 10000", "write s1 200000")
    b.hear("^s1 has 10000$")
    w.link.cut()
    time.sleep(0.4)  # so long it is cut; nobody waits for this
    w.link.heal()
    a.do("expect c 200000")
    b.do("expect s1 3000000")
    b.hear("^s1 has 3000000$")
    a.hear("^c has 200000$")
    a.do("flush c")
    a.hear("^c flushed 3000000$")
    a.do("end c")
    b.hear("^s1 ended$")
    b.do("close s1")
    a.hear("^c ended$")
    b.end()
    a.end()


@case("an asymmetric partition", "wire")
def asymmetric(w):
    a, b = pair(w, 700, "write=500", ("c", "read=60000"), ("d", "write=500"))
    w.link.cut("a")  # b is heard, and does not hear
    b.do("write s1 500000")
    a.do("expect c 1000")
    a.hear("^c has 1000$")
    b.hear(f"^s1 closed: connection to .* {LOST}")
    a.do(f"connect e {w.host(w.b)} 700 connect=300")
    a.hear(f"^e closed: connect to {w.text(w.host(w.b), 700)}: connection timed out")
    w.link.heal()
    w.link.cut("b")
    a.do("write d 500000")
    b.do("expect s2 1000")
    b.hear("^s2 has 1000$")
    a.hear(f"^d closed: connection to .* {LOST}")
    w.link.heal()
    a.do(f"connect f {w.host(w.b)} 700")
    a.hear("^f open")
    b.end()
    a.end()


@case("a peer that was started anew behind a partition", "wire", (4,))
def restarted(w):
    a, b = pair(w, 700, "", ("c", ""))
    w.link.cut()
    b.kill()
    a.do("write c 1000")
    again = w.probe(w.b)
    for _ in range(100):  # what the old one's ring had under way may keep the port a little longer
        again.do(f"listen s {w.host(w.b)} 700")
        if "listening" in again.hear("^s (listening|failed: .* in use)"):
            break
        time.sleep(0.05)
    w.link.heal()
    heard = a.hear(f"^c (ended|closed: connection to {w.text(w.host(w.b), 700)} lost: connection reset by peer)$")
    if heard == "c ended":  # the old one's kernel has ended it: after that only a write finds out
        a.write_until("c", "^c closed: .* lost: (connection reset by peer|broken pipe)$")
    a.do(f"connect d {w.host(w.b)} 700")
    a.hear("^d open")
    again.end()
    a.end()


@case("a stop behind a partition", "wire", (4,))
def stopping(w):
    server = w.start(w.b, "tcp_echo", "--host", w.host(w.b), "--port", "700", "--shards", "2")
    server.hear("listening on")
    a = w.probe(w.a)
    a.do(f"connect c {w.host(w.b)} 700", "write c 1000", "expect c 1000")
    a.hear("^c has 1000$")
    w.link.cut()
    server.end(0, SIGNALS["term"])
    server.hear("drained: 0 connections ended, 1 were aborted$")
    a.end()


@case("the link goes down and comes up")
def link_down(w):
    a, b = pair(w, 700, "idle=20000", ("c", "idle=400"), ("d", "idle=20000"))
    w.a.ip("link", "set", "eth0", "down")
    a.do(f"connect e {w.host(w.b)} 700", f"datagrams u {w.host(w.a)} 0", f"send u {w.host(w.b)} 7 10", "write d 5000")
    a.hear(f"^e closed: connect to {w.text(w.host(w.b), 700)}: network is unreachable$")
    a.hear("^u not sent: Network is unreachable$")
    a.hear(f"^c closed: connection to .* {LOST}")
    w.a.ip("link", "set", "eth0", "up")
    b.do("expect s2 5000")
    b.hear("^s2 has 5000$")
    a.do(f"connect f {w.host(w.b)} 700")
    a.hear("^f open")
    b.end()
    a.end()


# ---- addresses ----

@case("an address vanishes")
def address_vanishes(w):
    host, bits = w.host(w.b), {4: 24, 6: 64}[w.family]
    a, b = pair(w, 700, "idle=500", ("c", "idle=20000"))
    b.do(f"listen l {host} 702", f"datagrams u {host} 0")
    b.hear("^l listening")
    a.do(f"connect d {host} 702")
    a.hear("^d open")
    b.hear("^u on ")
    w.b.ip("addr", "del", f"{host}/{bits}", "dev", "eth0")
    b.do(f"listen t {host} 701", f"datagrams v {host} 0")
    b.hear(f"^t failed: .*{w.text(host, 701)}: Cannot assign requested address")
    b.hear(f"^v failed: .*{w.text(host, 0)}: Cannot assign requested address")
    b.do(f"send u {w.host(w.a)} 7 10", "write s1 1000")
    b.hear("^u not sent: (Invalid argument|Cannot assign requested address|Network is unreachable)$")
    b.hear("^s1 closed: connection to .* lost: (connection timed out|no route to host|network is unreachable)$")
    w.b.ip("addr", "add", f"{host}/{bits}", "dev", "eth0", *(["nodad"] if w.family == 6 else []))
    a.do("write d 5000", f"connect e {host} 702")
    b.do("expect l1 5000")
    b.hear("^l1 has 5000$")
    a.hear("^e open")
    b.end()
    a.end()


# ---- sizes ----

@case("a small MTU")
def mtu(w):
    for side in (w.a, w.b):
        side.ip("link", "set", "eth0", "mtu", "1300")
    a, b = pair(w, 700, "", ("c", ""))
    host = w.host(w.b)
    b.do(f"datagrams u {host} 7")
    b.hear("^u on ")
    a.do(f"datagrams u {w.host(w.a)} 0", f"send u {host} 7 5000", f"send u {host} 7 66000",
         f"send u {host} 7 4500 1000", f"send u {host} 7 4500 2000")
    b.hear("^u got 5000 ")  # in fragments
    a.hear("^u not sent: Message too long$")
    for size in (1000, 1000, 1000, 1000, 500, 2000, 2000, 500):
        b.hear(f"^u got {size} ")
    a.do("write c 200000")
    b.do("expect s1 100000")
    b.hear("^s1 has 100000$")
    for side in (w.a, w.b):
        side.ip("link", "set", "eth0", "mtu", "1280")
    a.do("write c 200000")
    b.do("expect s1 400000")
    b.hear("^s1 has 400000$")
    b.end()
    a.end()


# ---- loss and delay ----

def make_bad(w):
    w.link.loss, w.link.doubled, w.link.delay, w.link.jitter = 0.02, 0.02, 0.001, 0.002


@case("loss and delay: tcp_echo", "wire")
def bad_tcp(w):
    make_bad(w)
    server = w.start(w.b, "tcp_echo", "--host", w.host(w.b), "--port", "700", "--shards", "2")
    server.hear("listening on")
    client = w.start(w.a, "tcp_echo_client", "--host", w.host(w.b), "--port", "700", "--connections", "5", "--bytes",
                     "60000", "--timeout", "25")
    client.hear("^5 connections, .* 0 failed$")
    client.end()
    server.end(0, SIGNALS["term"])


@case("loss and delay: udp_echo", "wire")
def bad_udp(w):
    make_bad(w)
    host = w.host(w.b)
    server = w.start(w.b, "udp_echo", "--host", host, "--port", "700", "--shards", "2")
    server.hear(" shards$")
    a = w.probe(w.a)
    a.do(f"datagrams u {w.host(w.a)} 0")
    sent = set()
    for size in range(1, 101):  # each by its size
        a.do(f"send u {host} 700 {size}")
        sent.add(size)
    heard = {int(a.hear("^u got ").split()[2]) for _ in range(60)}  # with doubles, a share of them
    if not heard <= sent or len(heard) < 30:
        raise Failure(f"of 100 datagrams came {sorted(heard)}")
    a.end()
    server.end(0, SIGNALS["int"])


@contextlib.contextmanager
def papers():
    """A certificate for b.test, which is its own authority, and its key."""
    with tempfile.TemporaryDirectory() as folder:
        cert, key = os.path.join(folder, "cert"), os.path.join(folder, "key")
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
            "-out", cert, "-days", "2", "-subj", "/CN=b.test", "-addext", "subjectAltName=DNS:b.test")
        yield cert, key


@case("loss and delay: tls_echo", "wire", (4,))
def bad_tls(w):
    make_bad(w)
    if "tls_echo" not in w.programs:
        return
    with papers() as (cert, key):
        server = w.start(w.b, "tls_echo", "--cert", cert, "--key", key, "--host", w.host(w.b), "--port", "700")
        server.hear("listening on")
        client = w.start(w.a, "tls_fetch", "--ca", cert, "--name", "b.test", "--half-close", w.host(w.b), "700")
        client.do(*(f"line {number} {'x' * 200}" for number in range(300)))
        client.process.stdin.close()
        for number in range(300):
            client.hear(f"^line {number} x+$")
        client.end()
        server.end(0, SIGNALS["term"])


@case("loss and delay: kv", "wire", (4,))
def bad_kv(w):
    make_bad(w)
    if "kv" not in w.programs:
        return
    w.start(w.b, "kv", "--bind", w.host(w.b), "--port", "700", "--shards", "2")
    for _ in range(500):
        try:
            one = w.a.connect(w.host(w.b), 700)
            break
        except ConnectionRefusedError:
            time.sleep(0.02)
    with one:
        asked = b"".join(b"SET k%d %s\r\nGET k%d\r\n" % (n, b"v" * n, n) for n in range(1, 200))
        one.sendall(asked)
        wanted = b"".join(b"+OK\r\n$%d\r\n%s\r\n" % (n, b"v" * n) for n in range(1, 200))
        heard = b""
        while len(heard) < len(wanted):
            piece = one.recv(65536)
            if not piece:
                raise Failure("kv has ended the connection")
            heard += piece
        if heard != wanted:
            raise Failure("kv has answered something else")


# ---- groups ----

@case("multicast_chat")
def chat(w):
    group = {4: "239.77.77.77", 6: "ff15::7777"}[w.family]
    words = ("--group", group, "--interface", "eth0", "--port", "7007")
    b = w.start(w.b, "multicast_chat", "--name", "Bob", *words)
    a = w.start(w.a, "multicast_chat", "--name", "Ada", *words)
    for one in (a, b):
        one.hear("has joined")
    a.do("hello")
    b.hear("^Ada: hello$")
    a.hear("^Ada: hello$")
    b.do("good day")
    a.hear("^Bob: good day$")
    a.end()
    b.hear("^Ada: .leaves")
    b.end()
