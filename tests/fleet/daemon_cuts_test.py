#!/usr/bin/env python3
"""Power cuts while the daemon carries out a deployment: it and all it has started are killed in front of a
system call that changes something or talks to the server. The next start has to come to an end of which
the device, its module and the server think the same.

    daemon_cuts_test.py [--points 20] [--only reboot] [--point reboot:117]

The calls are counted anew in every run; without --points each of them is a point. The client is $PATCHBAY,
the tracer $PATCHBAY_CUT_AT.
"""
import argparse
import contextlib
import os
import random
import signal
import sys
import unittest

import fleet
from fleet import scenario

CUT_AT = os.environ.get("PATCHBAY_CUT_AT", "patchbay-cut-at")
CANNOT_TRACE = 77
SEED = 2026

# What is installed is a word in a file; the module can take it back as often as it is asked.
MODULE = """
state=%(state)s
echo "$1" >> %(log)s
case $1 in
    SupportsRollback) echo Yes;;
    NeedsArtifactReboot) echo %(reboot)s;;
    ArtifactInstall) cp files/a.txt "$state.tmp" && mv "$state.tmp" "$state" && exit %(install)s;;
    ArtifactVerifyReboot) grep -q new "$state";;
    ArtifactRollback) echo old > "$state";;
esac
"""
FLOWS = {"success": {"reboot": "No", "install": 0}, "failure": {"reboot": "No", "install": 1},
         "reboot": {"reboot": "Yes", "install": 0}}


class Cut(fleet.FleetScenario):
    """One flow, cut at the call `nth`; 0 only counts."""

    flow, nth = "success", 0
    settings = {"UpdatePollIntervalSeconds": 3600, "InventoryPollIntervalSeconds": 3600, "RetryPollIntervalSeconds": 1}

    def setUp(self):
        super().setUp()
        self.state = self.device.write("state", "old\n")
        self.module("probe", MODULE % {"state": self.state, "log": self.device.log, **FLOWS[self.flow]})
        self.deployment = self.deploy(scenario.payload("probe", [("a.txt", b"new\n")], {"rootfs-image.probe.version": "1"}))

    def is_over(self):
        ended = self.deployment.devices and self.deployment.only().ended()
        return ended and self.device.status()["deployment"] is None

    def cut(self):
        """(whether the call was reached, how many calls there were)"""
        report = self.device.path("report")
        self.device.env["ASAN_OPTIONS"] = "detect_leaks=0"  # which cannot work under ptrace
        self.daemon.command = [CUT_AT, report, str(self.nth), "client+sockets", *self.command()]
        self.daemon.start()
        scenario.wait_for(lambda: not self.daemon.runs() or self.is_over(), "the cut", fleet.LIMIT)
        if self.daemon.runs():
            self.end_traced()
        if self.daemon.ended() == CANNOT_TRACE:
            self.skipTest("nobody may trace here")
        with open(report) as file:
            reached, calls, code, call = file.read().split(" ", 3)
        self.said = "cut %s:%s in front of %s (%s)" % (self.flow, self.nth, call.strip(), code)
        return reached == "1", int(calls)

    def end_traced(self):
        pid = self.daemon.process.pid
        with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
            children = file.read().split()
        for child in children:
            with contextlib.suppress(ProcessLookupError):  # it may have come to the call by now
                os.kill(int(child), signal.SIGTERM)

    def runTest(self):
        self.cut()
        asked = len(self.server.named("next"))
        self.daemon.command = self.command()
        self.start()
        self.until(self.is_over, "the end after " + self.said)
        self.requested("next", asked + 1)
        self.assertEqual(self.daemon.stop(), 0, self.said)
        self.check()

    def check(self):
        with open(self.state) as file:
            installed = file.read().strip()
        ends = {report for report in self.deployment.reports if report in ("success", "failure")}
        name = self.device.provides()["artifact_name"]
        want = {"success": ("new", "new", {"success"}), "failure": ("unknown", "old", {"failure"})}[self.deployment.status]
        self.assertEqual((name, installed, ends), want, self.said + "\n" + self.story())
        self.assertEqual(self.device.leftovers(), [], self.said)


def case(flow, nth):
    return type("Cut", (Cut,), {"flow": flow, "nth": nth})()


def count(flow):
    counting = case(flow, 0)
    counting.runTest = lambda: setattr(counting, "counted", counting.cut()[1])
    result = counting.run()
    if result.skipped:
        print("SKIPPED: nobody may trace here")
        sys.exit(scenario.SKIPPED)
    if not result.wasSuccessful():
        sys.exit("counting %s: %s" % (flow, (result.errors + result.failures)[0][1]))
    return counting.counted


def points(options):
    if options.point:
        flow, nth = options.point.split(":")
        return [(flow, int(nth))]
    every = [(flow, nth) for flow in FLOWS if options.only in flow for nth in range(1, count(flow) + 1)]
    if not options.points:
        return every
    return random.Random(SEED).sample(every, min(options.points, len(every)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--points", type=int, default=0)
    parser.add_argument("--only", default="")
    parser.add_argument("--point", default="")
    chosen = points(parser.parse_args())
    suite = unittest.TestSuite(case(*point) for point in chosen)
    result = unittest.TextTestRunner(verbosity=1).run(suite)
    print("%d points" % result.testsRun)
    sys.exit(0 if result.wasSuccessful() else 1)


if __name__ == "__main__":
    main()
