#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ports.py LIBRINGMAIL PLUGIN: what ringmail.py can do, and a test of it. PLUGIN is the first version of the counter
of examples/upgrade: an actor of C in a shared object.

    shard 0, stepped by this program        shard 1, with its own thread
    an actor in Python: doubles numbers     the counter, in C
"""
import ctypes
import sys
import threading

import ringmail

passed = failed = 0


def expect(condition, what):
    global passed, failed
    if condition:
        passed += 1
    else:
        failed += 1
        print("FAILED  python: %s" % what)


def number(n):
    return n.to_bytes(8, "little")


def unnumber(body):
    return int.from_bytes(body[:8], "little")


class Doubler:
    """An actor in Python. It answers requests, echoes messages, and hears of a timer."""

    def __init__(self, tags):
        self.tags = tags
        self.ticks = 0

    def receive(self, ctx, body):
        if ctx.tag == self.tags["timer"]:
            self.ticks += 1
        elif ctx.tag == self.tags["fail"]:
            raise ValueError("on purpose")
        elif ctx.is_request:
            ctx.reply(ctx.tag, number(2 * unnumber(body)))
            ctx.after(0.001)
        else:
            ctx.send(ctx.sender, ctx.tag, body[::-1])
        return False


def one(system, port):
    """The next item for a port of the thread that also steps the embedded shard."""
    items = []
    ringmail.wait_until(system, lambda: items or items.extend(port.receive()) or items)
    return items[0]


def talk_to_python(system, port, doubler, actor, tags):
    port.request(doubler, tags["user"], number(21), cookie=7)
    item = one(system, port)
    expect(item.kind == ringmail.value("RIM_PORT_OUTCOME") and item.error == 0, "an outcome of a Python actor")
    expect(unnumber(item.body) == 42 and item.cookie == 7, "its reply and the cookie")
    port.send(doubler, tags["user"], b"abc")
    item = one(system, port)
    expect(item.body == b"cba" and item.sender == doubler, "a message of a Python actor")
    ringmail.wait_until(system, lambda: actor.ticks == 1)
    expect(actor.ticks == 1, "a timer of a Python actor")


def count_in_c(system, counter):
    """A thread of its own, with its own port: it waits in receive while other threads run."""
    port = ringmail.Port(system, shard=1)  # not the one that the main thread steps: it waits for this one
    for _ in range(1000):
        port.send(counter, ringmail.value("RIM_USER"))
    port.request(counter, ringmail.value("RIM_USER") + 1, cookie=1)
    items = port.receive(60)
    port.close()
    return unnumber(items[0].body) if items and items[0].error == 0 else items


def talk_to_c(system, counter):
    results = []
    threads = [threading.Thread(target=lambda: results.append(count_in_c(system, counter))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect(len(results) == 4 and max(results) == 4000, "four threads count in C: %s" % results)


def answer_a_port(system, port):
    other = ringmail.Port(system)
    other.request(port.ref, ringmail.value("RIM_USER"), b"who?")
    item = one(system, port)
    expect(item.kind == ringmail.value("RIM_PORT_REQUEST") and item.body == b"who?", "a request to a port")
    port.reply(item, item.tag, b"Python")
    expect(one(system, other).body == b"Python", "the reply of a port")
    other.close()


def see_it_fail(system, port, doubler, tags):
    port.monitor(doubler, cookie=5)
    port.send(doubler, tags["fail"])
    item = one(system, port)
    code = ringmail.Layout("rim_down_event").read(item.body, "code")
    expect(item.tag == ringmail.value("RIM_DOWN") and item.cookie == 5, "the end of a Python actor is told")
    expect(code == ringmail.value("RIM_EXIT_FAILED"), "it has failed")
    expect(len(system.errors) == 1, "by its exception")


def main(library, plugin_path):
    ringmail.load(library)
    tags = {"user": ringmail.value("RIM_USER"), "fail": ringmail.value("RIM_USER") + 9,
            "timer": ringmail.value("RIM_TIMER")}
    plugin = ctypes.CDLL(plugin_path)
    behaviour = ctypes.c_void_p.in_dll(plugin, "plugin").value  # its first field
    with ringmail.System(shards=2, embedded=True, embedded_shards=1) as system:
        actor = Doubler(tags)
        doubler = system.spawn_python(actor)
        counter = system.spawn(behaviour, place=ringmail.value("RIM_ON_SHARD"), shard=1)
        system.start()
        port = ringmail.Port(system, shard=1)
        talk_to_python(system, port, doubler, actor, tags)
        talk_to_c(system, counter)
        answer_a_port(system, port)
        see_it_fail(system, port, doubler, tags)
        port.close()
        report = system.stop()
        expect(report == {"lost": 0, "dead": report["dead"], "adds_up": 1, "leaks": 0}, "the stop: %s" % report)
    try:
        ringmail.value("RIM_NO_SUCH_THING")
        expect(False, "an unknown name")
    except ringmail.Error as error:
        expect("ENOENT" in str(error), "an unknown name has an error")
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
