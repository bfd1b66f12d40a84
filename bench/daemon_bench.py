#!/usr/bin/env python3
"""The daemon against Debian's Mender client, turn and turn about, each with a server of its own: memory when it has
nothing to do, and a deployment of a small artifact from the server's offer to its report of success. Needs root.

A missed target is printed, never an error.
"""

import argparse
import os
import pathlib
import re
import shutil
import statistics
import sys

HERE = pathlib.Path(__file__).resolve().parent
TARGETS = {"memory": 0.5, "deployment": 0.5}


def load_tests(build):
    os.environ["PATCHBAY"] = str(pathlib.Path(build).resolve() / "core/app/patchbay")
    sys.path.insert(0, str(HERE.parent / "tests/fleet"))
    import fleet
    return fleet


def memory(pid):
    """MiB that a process and its children have in memory."""
    text = pathlib.Path("/proc/%d/status" % pid).read_text(encoding="ascii")
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024


def turn(device):
    """(MiB, seconds) of one daemon."""
    device.setUp()
    try:
        device.start()
        device.requested("inventory", status=200)
        device.until(lambda: device.server.named("next", 204), "an answer that there is nothing to do")
        idle = memory(device.daemon.process.pid)
        device.ends(device.deploy(), "success", seconds=60)
        offer = device.server.named("next", 200)[0]
        success = device.server.named("status:success", 204)[0]
        return idle, success.time - offer.time
    finally:
        device.doCleanups()


def devices(fleet):
    class Ours(fleet.FleetScenario):
        def runTest(self):
            turn(self)

    class Mender(fleet.ReferenceDaemon, fleet.FleetScenario):
        def runTest(self):
            turn(self)

    return Ours, Mender


def show(case, ours, theirs, unit, scale):
    ratio = statistics.median(ours) / statistics.median(theirs)
    verdict = "reached" if ratio <= TARGETS[case] else "MISSED"
    print("%-12s Patchbay %7.1f %s   Mender %7.1f %s   %.2f x   <= %.1f %s"
          % (case, statistics.median(ours) * scale, unit, statistics.median(theirs) * scale, unit, ratio,
             TARGETS[case], verdict))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    if os.geteuid() != 0 or not shutil.which("mender"):
        print("left out: needs root and mender-client")
        return
    ours, theirs = [], []
    for _ in range(options.runs):
        for cls, figures in zip(devices(load_tests(options.build)), (ours, theirs)):
            figures.append(turn(cls()))
    show("memory", [one[0] for one in ours], [one[0] for one in theirs], "MiB", 1)
    show("deployment", [one[1] for one in ours], [one[1] for one in theirs], "ms", 1000)


if __name__ == "__main__":
    main()
