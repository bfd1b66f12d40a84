#!/usr/bin/env python3
"""Root file system updates on a board with a real boot loader, with real reboots. Arguments are parts
of names of tests; without any, all run."""
import os
import sys
import unittest

import workbench
from workbench import artifact
from machine import Machine


def no_init(tree):
    """A system whose kernel panics: there is nothing to start."""
    os.unlink(tree + "/sbin/init")


def hangs(tree):
    """A system that starts and then does nothing, not even feed the watchdog."""
    with open(tree + "/sbin/init", "w") as init:
        init.write("#!/bin/sh\nwhile :; do sleep 1000; done\n")


class Board(unittest.TestCase):
    def start(self, made, name="disk"):
        board = Machine(bench.disk(name), medium=made[0])
        self.addCleanup(board.pull_plug)
        self.assertEqual(board.wait_up(), ("v1", "/dev/vda2"))
        return board

    def installed(self, made):
        board = self.start(made)
        said = board.expect(4, workbench.install(board, made))
        self.assertIn("not committed yet", said)
        self.assertEqual(workbench.boots_next(board), ("B", True))
        return board

    def assert_old(self, board):
        """v1 runs, is booted, is on record, and nothing is left to do."""
        self.assertEqual(workbench.boots_next(board), ("A", False))
        self.assertEqual(board.expect(0, "client show-artifact").strip(), "v1")
        self.assertIn("Pending:     nothing", board.expect(0, "client status"))
        board.expect(2, "client resume")

    def test_update_and_commit_and_the_way_back(self):
        board = self.installed(bench.artifact("v2"))
        self.assertEqual(board.reboot(), ("v2", "/dev/vda3"))
        said = board.run("client resume")[1]
        self.assertIn("waits: keep it with 'patchbay commit'", said)
        board.expect(0, "client commit")
        self.assertEqual(workbench.boots_next(board), ("B", False))
        self.assertEqual(board.expect(0, "client show-artifact").strip(), "v2")
        self.assertEqual(board.reboot(), ("v2", "/dev/vda3"))
        # The same artifact the other way round, into the slot with the old system.
        size = os.path.getsize(bench.path("v2.mender"))
        self.assertGreater(size, 0)
        plan = board.expect(0, "head -c %d /dev/vdb | client plan -" % size)
        self.assertIn("slot A (/dev/vda2)", plan)

    def test_a_system_that_panics_falls_back_and_the_commit_says_so(self):
        board = self.installed(bench.artifact("panics", no_init))
        board.restart()
        board.wait_for("Kernel panic", 240)
        self.assertEqual(board.wait_up(), ("v1", "/dev/vda2"))
        self.assertIn("did not start: the boot loader has gone back", board.expect(1, "client commit"))
        self.assert_old(board)

    def test_a_system_that_hangs_falls_back_and_the_commit_says_so(self):
        board = self.installed(bench.artifact("hangs", hangs))
        board.restart()
        self.assertEqual(board.wait_up(), ("v1", "/dev/vda2"))
        self.assertIn("did not start: the boot loader has gone back", board.expect(1, "client commit"))
        self.assert_old(board)

    def test_a_system_that_refuses_to_commit_is_rolled_back(self):
        scripts = {"ArtifactCommit_Enter_50_health": "#!/bin/sh\necho unwell >&2\nexit 1\n"}
        board = self.installed(bench.artifact("unwell", scripts=scripts))
        self.assertEqual(board.reboot(), ("unwell", "/dev/vda3"))
        said = board.expect(1, "client commit")
        self.assertIn("A reboot is needed", said)
        self.assertEqual(workbench.boots_next(board), ("A", False))
        self.assertEqual(board.reboot(), ("v1", "/dev/vda2"))
        self.assert_old(board)

    def test_a_forgotten_commit_is_reported_at_boot_and_goes_back_at_the_next(self):
        board = self.installed(bench.artifact("v2"))
        self.assertEqual(board.reboot(), ("v2", "/dev/vda3"))
        self.assertIn('"v2" is installed and waits', board.expect(2, "client resume"))
        self.assertEqual(board.reboot(), ("v1", "/dev/vda2"))
        self.assertIn('"v2" is installed and waits', board.expect(2, "client resume"))
        self.assertIn("did not start: the boot loader has gone back", board.expect(1, "client commit"))
        self.assert_old(board)

    def test_three_payloads_of_which_the_last_fails_leave_everything_as_it_was(self):
        file = artifact.payload("single-file", [("dest_dir", b"/data/app\n"), ("filename", b"conf\n"),
                                                ("permissions", b"644\n"), ("conf", b"new\n")],
                                {"rootfs-image.single-file.version": "2"})
        # Fits the running system only: after the reboot its commit would find another one.
        script = artifact.payload("script", [("run.sh", b"#!/bin/sh\nexit 3\n"), ("undo.sh", b"#!/bin/sh\n")],
                                  {"rootfs-image.script.version": "2"}, meta={"rollback": "undo.sh"})
        made = bench.artifact("three", more=(file, script))
        board = self.start(made)
        board.expect(0, "mkdir /data/app && echo old > /data/app/conf && sync")
        said = board.expect(1, workbench.install(board, made))
        self.assertIn("Rolled back", said)
        self.assertEqual(workbench.boots_next(board), ("A", False))
        self.assertEqual(board.expect(0, "cat /data/app/conf").strip(), "old")
        self.assertEqual(board.reboot(), ("v1", "/dev/vda2"))
        self.assertEqual(board.expect(0, "cat /data/app/conf; ls -A /data/app").split(), ["old", "conf"])
        self.assert_old(board)


if __name__ == "__main__":
    workbench.skip_where_impossible()
    wanted = unittest.TestSuite(
        Board(name) for name in unittest.defaultTestLoader.getTestCaseNames(Board)
        if not sys.argv[1:] or any(part in name for part in sys.argv[1:]))
    with workbench.Workbench() as bench:
        result = unittest.TextTestRunner(verbosity=2).run(wanted)
    raise SystemExit(0 if result.wasSuccessful() else 1)
