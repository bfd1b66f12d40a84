#!/usr/bin/env python3
"""Every unattended row of ../scenarios/trace_cases.txt once more, ordered by a server: the same calls and
the same end, and the server hears of it what it should. A client that is killed is started again.

    daemon_trace_test.py [--list] [--only TEXT] [--part 2/4] [--sample 5]

--sample 5 takes every fifth row. Exit code 77: rows were skipped, as nobody may mount here.
"""
import os
import sys
import unittest

import fleet
from fleet import scenario

import trace_test  # noqa: E402  (fleet.py says where it is)

SHORT = {"downloading": "d", "installing": "i", "rebooting": "r", "success": "S", "failure": "F"}


def expected_reports(case):
    """What a server hears: a report in front of each step that changes something, and the end."""
    calls = case.expected
    forward = calls[:calls.index("ArtifactRollback")] if "ArtifactRollback" in calls else calls
    steps = [("d", True), ("i", has(calls, "ArtifactInstall")), ("r", has(forward, "ArtifactReboot", "reboot")),
             ("i", has(calls, "ArtifactCommit")), ("S" if case.result == "new" else "F", True)]
    return "".join(letter for letter, said in steps if said)


def has(calls, *steps):
    return any(call.split("_")[0] in steps for call in calls)


class Row(fleet.FleetScenario):
    """One row; `case` is set from outside."""

    case = None
    settings = {**fleet.QUICK, "UpdatePollIntervalSeconds": 3600, "InventoryPollIntervalSeconds": 3600}

    def setUp(self):
        self.conf = self.case.conf
        super().setUp()
        if "hang" in self.case.conf:
            self.configure(ModuleTimeoutSeconds=1, StateScriptTimeoutSeconds=1)
        if self.case.scripts:
            self.device.device_scripts()

    def prefix(self):
        """The boot id changes with every reboot."""
        if not self.case.needs_boots():
            return ()
        boots = self.device.path("boots")
        count = os.path.getsize(boots) if os.path.exists(boots) else 0
        return scenario.with_boot_id(self.device.write("boot_id", "boot-%d\n" % count))

    def runTest(self):
        scripts = self.device.scripts() if self.case.scripts else None
        deployment = self.deploy(artifact={"scripts": scripts})
        self.start()
        self.until(lambda: deployment.devices and deployment.only().ended(), "the end", restarts=60)
        self.settled()
        self.daemon.stop()
        self.check(deployment)

    def check(self, deployment):
        run = trace_test.Run(self.case, self.device)
        run.check()
        self.assertEqual("".join(SHORT[report] for report in deployment.reports), expected_reports(self.case), self.story())
        self.assertEqual(deployment.log is not None, self.case.result != "new")


def rows():
    with open(os.path.join(fleet.HERE, "../scenarios/trace_cases.txt")) as file:
        cases = [trace_test.Case(line) for line in file if line.strip() and not line.startswith("#")]
    cases = [case for case in cases if case.unattended]
    cases = cases[::int(trace_test.option("--sample", "1"))]
    return [case for case in scenario.parts_of(cases, trace_test.option("--part", "1/1"))
            if trace_test.option("--only", "") in case.title]


def main():
    if "--list" in sys.argv:
        print("\n".join("%s: %s" % (case.title, expected_reports(case)) for case in rows()))
        return
    suite, skipped = unittest.TestSuite(), 0
    for case in rows():
        if case.needs_boots() and not scenario.own_mounts():
            skipped += 1
            print("SKIPPED (nobody may mount here): " + case.title)
        else:
            row = type("Row", (Row,), {"case": case, "__doc__": case.title})
            suite.addTest(row())
    result = unittest.TextTestRunner(verbosity=1, descriptions=True).run(suite)
    print("%d rows, %d skipped" % (result.testsRun, skipped))
    sys.exit(1 if not result.wasSuccessful() else scenario.SKIPPED if skipped else 0)


if __name__ == "__main__":
    main()
