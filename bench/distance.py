# SPDX-License-Identifier: MIT
"""distance - for the scripts of this folder: how far the CPUs are from each other, and which runs are of one machine.

A virtual machine's CPUs are moved by their host (distance.h says more): a run is near, far or shared by what `rimbench
line` saw before and after it, or changed when that was not the same.
"""
import collections
import json
import os
import subprocess
import sys
import time

NEAR, FAR, SHARED, CHANGED = KINDS = ("near", "far", "shared", "changed")  # in the order in which a figure prefers them
FAR_TIMES = 1.6
AGAIN = 4         # times a run is repeated, at most
WAIT_SECONDS = 20  # for the CPUs to come near, before a run is repeated
NAP_SECONDS = 0.1

Look = collections.namedtuple("Look", "line is_shared")


def kind_of_look(look, shortest):
    """`shortest`: the shortest way of a line between CPUs that did not share a core; None: there was none."""
    if look.is_shared:
        return SHARED
    return FAR if shortest is not None and look.line > FAR_TIMES * shortest else NEAR


def kind_of(looks, shortest):
    """Of a run, by all looks around it; where nobody looked it is near."""
    kinds = {kind_of_look(look, shortest) for look in looks} or {NEAR}
    return kinds.pop() if len(kinds) == 1 else CHANGED


class Distance:
    """The looks of one script. `patience` is how many seconds it waits in all for CPUs that are not near."""

    def __init__(self, build, patience):
        self.program = os.path.join(build, "bench", "rimbench")
        self.lines, self.shortest = [], None
        self.patience, self.runs, self.missed = patience, 0, 0
        self.is_known = len(os.sched_getaffinity(0)) > 1 and os.path.exists(self.program)

    def look(self):
        """A list of one look, or of none where that cannot be known."""
        if not self.is_known:
            return []
        done = subprocess.run([self.program, "line", "--json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              text=True)
        if done.returncode != 0:
            self.is_known = False
            return []
        told = json.loads(done.stdout)
        look = Look(told["line"], told["is_shared"])
        self.learn([look])
        return [look]

    def learn(self, looks):
        """The shortest line but one counts: one alone may be of a moment in which the CPUs were moved."""
        self.lines = sorted(self.lines + [look.line for look in looks if not look.is_shared])[:2]
        self.shortest = self.lines[-1] if self.lines else None

    def kind_of(self, looks):
        return kind_of(looks, self.shortest)

    def wanted(self):
        return NEAR if self.shortest is not None or not self.is_known else SHARED

    def wait(self):
        """Until the CPUs are near. False: they did not come, or there is no patience left."""
        begin = time.monotonic()
        end = begin + min(WAIT_SECONDS, self.patience)
        try:
            while time.monotonic() < end:
                if self.kind_of(self.look()) == self.wanted():
                    return True
                time.sleep(NAP_SECONDS)
            return False
        finally:
            self.patience -= time.monotonic() - begin

    def plays(self, run):
        """Runs it until the CPUs were near meanwhile: a list of what it gave and the looks around it, the best last."""
        played = []
        while True:
            looks = self.look()
            told = run()
            looks += self.look()
            played.append((told, looks))
            if self.kind_of(looks) == self.wanted():
                break
            if len(played) > AGAIN or not self.wait():
                self.missed += 1
                break
        self.runs += 1
        return played

    def near(self, run):
        """What a run gave in which the CPUs were near, if there was one; else the last."""
        return self.plays(run)[-1][0]

    def tell(self):
        if self.missed > 0:
            print(f"# in {self.missed} of {self.runs} runs the CPUs were far from each other, or one core, or moved",
                  file=sys.stderr)
