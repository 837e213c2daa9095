# SPDX-License-Identifier: MIT
"""Two hosts and what is between them: namespaces of the network, which end with the program.

    Side     a host: a namespace with a link eth0 and two addresses. Programs run in it, sockets are made in it.
    Link     a veth pair between two of them.
    Wire     the same as two TAP devices, and a thread that carries the frames: with loss, delay, doubles, and cuts in
             one direction or both. It needs no qdisc of the kernel's (netem is not in every kernel).
    Program  a program on a side: what it says is waited for, line by line.
"""
import ctypes
import fcntl
import heapq
import os
import queue
import random
import re
import select
import signal
import socket
import struct
import subprocess
import threading
import time

PATIENCE = 30  # seconds until something is said: far more than it takes
LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 2, 0x1000
ADDRESSES = {"a": {4: "10.7.0.1", 6: "fd07::1"}, "b": {4: "10.7.0.2", 6: "fd07::2"}}


class Failure(Exception):
    pass


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


class Side:
    def __init__(self, name):
        self.name, self.address = name, ADDRESSES[name]
        self.holder = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo; exec sleep 300"], stdout=subprocess.PIPE)
        self.holder.stdout.readline()
        self.path = f"/proc/{self.holder.pid}/ns/net"
        self.enter = ["nsenter", f"--net={self.path}"]

    def ip(self, *words):
        return run(*self.enter, "ip", *words)

    def set(self, key, value):
        """A sysctl, as a path below /proc/sys/net."""
        run(*self.enter, "sh", "-c", f"echo {value} > /proc/sys/net/{key}")

    def within(self, action):
        """What the action returns, which runs on a thread of its own in this namespace."""
        result = []

        def work():
            handle = os.open(self.path, os.O_RDONLY)
            try:
                if LIBC.setns(handle, CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
                result.append(action())
            except OSError as error:
                result.append(error)
            os.close(handle)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        if isinstance(result[0], OSError):
            raise result[0]
        return result[0]

    def connect(self, address, port):
        """A connected socket of Python's."""
        return self.within(lambda: socket.create_connection((address, port), timeout=PATIENCE))

    def raise_links(self):
        self.ip("link", "set", "lo", "up")
        self.ip("link", "set", "eth0", "up")
        self.ip("addr", "add", f"{self.address[4]}/24", "dev", "eth0")
        if os.path.exists("/proc/net/if_inet6"):
            self.set("ipv6/conf/eth0/keep_addr_on_down", 1)
            self.ip("addr", "add", f"{self.address[6]}/64", "dev", "eth0", "nodad")

    def hurry(self):
        """A neighbour that is not there is found out soon."""
        self.set("ipv4/neigh/eth0/retrans_time_ms", 50)
        if os.path.exists("/proc/net/if_inet6"):
            self.set("ipv6/neigh/eth0/retrans_time_ms", 50)

    def close(self):
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()


class Link:
    def __init__(self, a, b):
        a.ip("link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", str(b.holder.pid))

    def close(self):
        pass


class Wire:
    def __init__(self, a, b):
        self.ends = [side.within(open_tap) for side in (a, b)]
        self.cut_from = {"a": False, "b": False}  # what a sends does not come
        self.loss = self.doubled = self.delay = self.jitter = 0
        self.random = random.Random(7)
        self.lost = 0
        self.over, self.wake = os.pipe()
        self.thread = threading.Thread(target=self.carry)
        self.thread.start()

    def cut(self, sides="ab"):
        for side in sides:
            self.cut_from[side] = True

    def heal(self):
        self.cut_from = {"a": False, "b": False}

    def judge(self, index, frame, waiting):
        """Puts down when the frame is to be handed over, if at all, and how often."""
        if self.cut_from["ab"[index]] or self.random.random() < self.loss:
            self.lost += 1
            return
        for _ in range(2 if self.random.random() < self.doubled else 1):
            due = time.monotonic() + self.delay + self.random.random() * self.jitter
            heapq.heappush(waiting, (due, self.random.random(), 1 - index, frame))

    def carry(self):
        waiting = []
        poll = select.poll()
        for handle in (*self.ends, self.over):
            poll.register(handle, select.POLLIN)
        while True:
            now = time.monotonic()
            while waiting and waiting[0][0] <= now:
                _, _, index, frame = heapq.heappop(waiting)
                try:
                    os.write(self.ends[index], frame)
                except OSError:
                    self.lost += 1  # that link is down
            timeout = max(0, (waiting[0][0] - now) * 1000) if waiting else None
            for handle, _ in poll.poll(timeout):
                if handle == self.over:
                    return
                try:
                    self.judge(self.ends.index(handle), os.read(handle, 70000), waiting)
                except OSError:
                    time.sleep(0.001)

    def close(self):
        os.close(self.wake)
        self.thread.join()
        for handle in (*self.ends, self.over):
            os.close(handle)


def open_tap():
    handle = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    try:
        fcntl.ioctl(handle, TUNSETIFF, struct.pack("16sH22x", b"eth0", IFF_TAP | IFF_NO_PI))
    except OSError:
        os.close(handle)
        raise
    return handle


class Program:
    """Its output, and what it says of errors, come in one."""

    def __init__(self, side, *words):
        self.words = [os.path.basename(words[0]), *words[1:]]
        self.process = subprocess.Popen([*side.enter, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, errors="replace", bufsize=1)
        self.lines, self.new = [], queue.Queue()
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self):
        for line in self.process.stdout:
            self.new.put(line.rstrip("\n"))
        self.new.put(None)

    def do(self, *commands):
        for command in commands:
            self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def hear(self, pattern, seconds=PATIENCE):
        """The first line, of those that were not heard yet, in which this is found."""
        for at, line in enumerate(self.lines):
            if re.search(pattern, line):
                return self.lines.pop(at)
        until = time.monotonic() + seconds
        while True:
            try:
                line = self.new.get(timeout=max(0, until - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                raise Failure(f"{' '.join(self.words)} does not say '{pattern}', but: {' | '.join(self.lines[-6:])}")
            if re.search(pattern, line):
                return line
            self.lines.append(line)

    def write_until(self, name, pattern):
        """A probe writes on the connection, now and then, until it says this."""
        for _ in range(PATIENCE * 5):
            self.do(f"write {name} 10")
            try:
                return self.hear(pattern, 0.2)
            except Failure:
                pass
        return self.hear(pattern, 0)

    def end(self, expected=0, number=None):
        """Its input ends, or it gets a signal: then it ends with this status."""
        if number is not None:
            self.process.send_signal(number)
        if not self.process.stdin.closed:
            self.process.stdin.close()
        status = self.process.wait(PATIENCE)
        if status != expected:
            raise Failure(f"{' '.join(self.words)} ends with {status}: {' | '.join(self.lines[-6:])}")

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.thread.join()
        for stream in (self.process.stdin, self.process.stdout):
            try:
                stream.close()
            except OSError:
                pass


class World:
    """Both sides, and what was started on them."""

    def __init__(self, link, programs, driver, family):
        self.programs, self.driver, self.family = programs, driver, family
        self.running = []
        self.link = None
        self.a, self.b = Side("a"), Side("b")
        try:
            self.link = (Wire if link == "wire" else Link)(self.a, self.b)
            for side in (self.a, self.b):
                side.raise_links()
        except BaseException:
            self.close()
            raise

    def host(self, side):
        return side.address[self.family]

    def text(self, host, port):
        """As the library writes it, for a pattern."""
        return re.escape(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")

    def start(self, side, program, *words):
        self.running.append(Program(side, self.programs[program], "--driver", self.driver, *words))
        return self.running[-1]

    def probe(self, side):
        return self.start(side, "probe")

    def close(self):
        for program in self.running:
            program.kill()
        if self.link is not None:
            self.link.close()
        self.a.close()
        self.b.close()


SIGNALS = {"int": signal.SIGINT, "term": signal.SIGTERM}
