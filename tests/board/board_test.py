#!/usr/bin/env python3
"""Root file system updates on a board with a real boot loader, with real reboots. Arguments are parts
of names of tests; without any, all run."""
import argparse
import sys
import time
import unittest

import build
import workbench
from loaders import LOADERS
from spoilt import bare, hangs, no_init, torn, without_tools
from workbench import artifact


FILE = artifact.payload("single-file", [("dest_dir", b"/data/app\n"), ("filename", b"conf\n"),
                                        ("permissions", b"644\n"), ("conf", b"new\n")],
                        {"rootfs-image.single-file.version": "2"})


def late(fails_in):
    """A third payload, which fails in that state."""
    return artifact.payload("late", [("setting", b"new\n"), ("fails-in", fails_in.encode() + b"\n")],
                            {"rootfs-image.late.version": "2"})


# A second stage that starts nothing.
RESETS = "echo Second stage NAME\nreset\n"


class BoardCase(unittest.TestCase):
    def go_on(self, moment, made):
        board = bench.machine_at(moment, medium=made[0])
        self.addCleanup(board.pull_plug)
        return board

    def start(self, made):
        """A board that has just started v1."""
        board = self.go_on(bench.first(), made)
        self.assertEqual(board.expect(0, "cat /etc/version").strip(), "v1")
        return board

    def installed(self, made):
        board = self.start(made)
        said = board.expect(4, workbench.install(made))
        self.assertIn("not committed yet", said)
        self.assertEqual(workbench.boots_next(board), ("B", True))
        return board

    def assert_old(self, board):
        """v1 runs, is booted, is on record, and nothing is left to do."""
        self.assertEqual(workbench.boots_next(board), ("A", False))
        self.assertEqual(board.expect(0, "client show-artifact").strip(), "v1")
        self.assertIn("Pending:     nothing", board.expect(0, "client status"))
        board.expect(2, "client resume")


class Board(BoardCase):
    def waiting(self):
        """A board that runs v2, which waits for its commit; and the artifact."""
        made = bench.artifact("v2")

        def reach():
            board = self.installed(made)
            self.assertEqual(board.reboot(), ("v2", "/dev/vda3"))
            return board

        return self.go_on(bench.moment("v2-waits", reach), made), made

    def test_update_and_commit_and_the_way_back(self):
        board, made = self.waiting()
        said = board.run("client resume")[1]
        self.assertIn("waits: keep it with 'patchbay commit'", said)
        board.expect(0, "client commit")
        self.assertEqual(workbench.boots_next(board), ("B", False))
        self.assertEqual(board.expect(0, "client show-artifact").strip(), "v2")
        self.assertEqual(board.reboot(), ("v2", "/dev/vda3"))
        # The same artifact the other way round, into the slot with the old system.
        plan = board.expect(0, workbench.given(made, "plan"))
        self.assertIn("slot A (/dev/vda2)", plan)

    def test_a_delta_of_the_running_system_is_enough(self):
        start, size = (number * build.MEBI for number in build.PARTITIONS[1])
        with open(bench.first().disk, "rb") as disk:
            disk.seek(start)
            old = disk.read(size)
        with open(bench.parts.root_image("v2", bench.directory), "rb") as image:
            new = image.read()
        payload = workbench.delta_payload("v2", old, new, bench.path("delta"))
        self.assertLess(len(payload["files"][0][1]), len(new) // 4)
        made = bench.put(workbench.artifact.write(bench.path("v2.mender"), [payload], name="v2"))
        board = self.installed(made)
        self.assertEqual(board.reboot(), ("v2", "/dev/vda3"))
        board.expect(0, "client commit")
        self.assertEqual(workbench.boots_next(board), ("B", False))
        # It is a delta of the system of before, which does not run any more.
        self.assertIn("made from another image than that in slot B", board.expect(1, workbench.given(made, "install")))

    def test_a_system_that_panics_falls_back_and_the_commit_says_so(self):
        made = bench.artifact("panics", no_init)
        board = self.installed(made)
        board.restart()
        board.wait_for_console("Kernel panic")
        self.assertEqual(board.wait_up(), ("v1", "/dev/vda2"))
        self.assertIn("did not start: the boot loader has gone back", board.expect(1, "client commit"))
        self.assert_old(board)
        # At the next attempt it is there already.
        said = board.expect(4, workbench.given(made, "--log-level info install"))
        self.assertIn("has the image already", said)
        self.assertEqual(workbench.boots_next(board), ("B", True))

    def test_a_system_that_hangs_falls_back_and_the_commit_says_so(self):
        board = self.installed(bench.artifact("hangs", hangs))
        board.expect(0, "sync")
        board.pull_plug()
        board = bench.machine(bench.path("disk"), time_by_instructions=True)
        self.addCleanup(board.pull_plug)
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

    def went_back(self, version, change):
        """A board that has installed `version` unattended, has rebooted into it, and from there goes on."""
        made = bench.artifact(version, change)
        board = self.start(made)
        board.start(workbench.given(made, "install --unattended"))
        self.assertEqual(board.wait_up()[0], version)
        board.start("client resume")
        self.assertEqual(board.wait_up()[0], "v1")
        return board

    def test_a_lost_configuration_is_undone(self):
        for version, change, why in (("bare", bare, "RootfsPartA is not set"), ("torn", torn, "mender.conf")):
            with self.subTest(version):
                board = self.went_back(version, change)
                said = board.expect(1, "client resume")
                self.assertIn("Rolled back", said)
                self.assertIn(why, said)
                self.assert_old(board)
                board.pull_plug()

    def test_a_lost_way_to_the_boot_loader_is_gone_by_a_reboot(self):
        board = self.went_back("toolless", without_tools)
        self.assertIn("Rolled back", board.expect(1, "client resume"))
        self.assert_old(board)

    def test_a_forgotten_commit_is_reported_at_boot_and_goes_back_at_the_next(self):
        board, _ = self.waiting()
        self.assertIn('"v2" is installed and waits', board.expect(2, "client resume"))
        self.assertEqual(board.reboot(), ("v1", "/dev/vda2"))
        self.assertIn('"v2" is installed and waits', board.expect(2, "client resume"))
        self.assertIn("did not start: the boot loader has gone back", board.expect(1, "client commit"))
        self.assert_old(board)

    def test_half_a_superblock_under_the_datastore_is_put_back_with_nothing_lost(self):
        board, _ = self.waiting()
        board.expect(0, "echo here > /data/kept && sync")
        board.pull_plug()
        checksum = build.PARTITIONS[3][0] * build.MEBI + 1024 + 0x3FC
        with open(bench.path("disk"), "r+b") as disk:
            disk.seek(checksum)
            before = disk.read(4)
            disk.seek(checksum)
            disk.write(bytes(byte ^ 0xFF for byte in before))
        board = bench.machine(bench.path("disk"))
        self.addCleanup(board.pull_plug)
        # The plug was a boot that nobody has committed.
        self.assertEqual(board.wait_up(), ("v1", "/dev/vda2"))
        self.assertEqual(board.expect(0, "cat /data/kept").strip(), "here")
        self.assertIn("did not start: the boot loader has gone back", board.expect(1, "client commit"))
        self.assert_old(board)

    def with_files(self, made):
        """A board that has what payloads two and three will change."""
        board = self.start(made)
        board.expect(0, "mkdir /data/app && echo old > /data/app/conf && echo old > /data/setting && sync")
        return board

    def assert_files(self, board, word):
        self.assertEqual(board.expect(0, "cat /data/app/conf /data/setting").split(), [word, word])
        if word == "old":  # until the end, what is needed for the way back lies beside the new file
            self.assertEqual(board.expect(0, "ls -A /data/app").split(), ["conf"])

    def test_three_payloads_of_which_the_last_fails_before_the_reboot(self):
        script = artifact.payload("script", [("run.sh", b"#!/bin/sh\necho half > /data/setting\nexit 3\n"),
                                             ("undo.sh", b"#!/bin/sh\necho old > /data/setting\n")],
                                  {"rootfs-image.script.version": "2"}, meta={"rollback": "undo.sh"})
        made = bench.artifact("three", more=(FILE, script))
        board = self.with_files(made)
        said = board.expect(1, workbench.install(made))
        self.assertIn("Rolled back", said)
        self.assertEqual(workbench.boots_next(board), ("A", False))
        self.assert_files(board, "old")
        self.assertEqual(board.reboot(), ("v1", "/dev/vda2"))
        self.assert_files(board, "old")
        self.assert_old(board)

    def test_three_payloads_of_which_the_last_fails_in_the_commit_after_the_reboot(self):
        made = bench.artifact("three", more=(FILE, late("ArtifactCommit")))
        board = self.with_files(made)
        board.expect(4, workbench.install(made))
        self.assertEqual(board.reboot(), ("three", "/dev/vda3"))
        self.assert_files(board, "new")
        said = board.expect(1, "client commit")
        self.assertIn("unwell in ArtifactCommit", said)
        self.assertIn("A reboot is needed", said)
        self.assertEqual(workbench.boots_next(board), ("A", False))
        self.assertEqual(board.reboot(), ("v1", "/dev/vda2"))
        self.assert_files(board, "old")
        self.assert_old(board)

    def test_three_payloads_of_which_the_last_fails_its_check_after_the_reboot_unattended(self):
        made = bench.artifact("three", more=(FILE, late("ArtifactVerifyReboot")))
        board = self.with_files(made)
        board.start(workbench.given(made, "install --unattended"))
        self.assertEqual(board.wait_up(), ("three", "/dev/vda3"))
        self.assert_files(board, "new")
        # What the start-up unit does: it finds the check failing, goes back, and reboots by itself.
        board.start("client resume")
        self.assertEqual(board.wait_up(), ("v1", "/dev/vda2"))
        self.assertIn("Rolled back", board.expect(1, "client resume"))
        self.assert_files(board, "old")
        self.assert_old(board)


class Lines(BoardCase):
    """The line to the board, which may lose what is said over it."""

    def sending(self, send):
        """A board to which everything goes through `send(plainly, message)`."""
        board = self.start(bench.medium())
        plainly = board._send
        board._send = lambda message: send(plainly, message)
        return board

    def losing(self, lost):
        """A board that does not get that part of the first message."""
        parts = [lost]

        def send(plainly, message):
            part = parts.pop() if parts else slice(0)
            begin, end, _ = part.indices(len(message))
            plainly(message[:begin] + message[end:])

        return self.sending(send)

    def test_lines_that_do_not_come_whole_are_given_again(self):
        for lost in (slice(0, 1), slice(0, 18), slice(4, 9), slice(-3, None)):
            with self.subTest(lost=lost):
                board = self.losing(lost)
                self.assertEqual(board.expect(0, "echo once >> /run/times; cat /run/times"), "once\n")
                board.expect(3, "(exit 3)")
                board.pull_plug()  # the next one has the same disk

    def test_lines_that_come_twice_run_once(self):
        board = self.sending(lambda plainly, message: plainly(message + message))
        board.expect(0, "echo once >> /run/times")
        self.assertEqual(board.expect(0, "cat /run/times"), "once\n")
        board.restart()
        self.assertEqual(board.wait_up(), ("v1", "/dev/vda2"))
        board.expect(1, "test -e /run/times")

    def test_lines_that_restart_it_are_given_again_too(self):
        board = self.losing(slice(2, 20))
        board.restart()
        self.assertEqual(board.wait_up(), ("v1", "/dev/vda2"))

    def test_lines_are_whole_where_a_process_ends_while_they_come(self):
        def send(plainly, message):
            plainly(message[:12])
            time.sleep(1)
            plainly(message[12:])

        board = self.sending(send)
        board.expect(0, "sleep 0.5 &")
        board.expect(0, "echo whole")
        self.assertNotIn("BOARD-AGAIN", board.shell.said)

    def test_lines_cannot_be_read_by_what_they_start(self):
        board = self.start(bench.medium())
        self.assertEqual(board.expect(0, "cat; echo end"), "end\n")


class SecondStage(BoardCase):
    """A boot loader in two raw areas, of which the first stage starts one: on trial, and back."""

    def chosen(self, board):
        values = workbench.variables(board)
        return values["loader"], values["loader_trial"]

    def areas(self, board):
        return [board.expect(0, "dd if=/dev/vda bs=64k skip=%d count=1 2> /dev/null | sha256sum" % (at >> 16))
                for at in board.loader.areas]

    def test_second_stage_is_tried_kept_and_one_that_does_not_start_is_not(self):
        made = bench.loader_artifacts(("two", None), ("resets", RESETS))
        board = self.start(made)
        self.assertEqual(self.chosen(board), ("a", "0"))
        first_area = self.areas(board)[0]
        board.expect(4, workbench.install_one(made, 0))
        self.assertEqual(self.chosen(board), ("b", "1"))
        board.restart()
        board.wait_for_console("Second stage two boots partition 2")
        self.assertEqual(board.wait_up(), ("v1", "/dev/vda2"))
        board.expect(0, "client commit")
        self.assertEqual(self.chosen(board), ("b", "0"))
        self.assertEqual(board.expect(0, "client show-artifact").strip(), "two")
        before = self.areas(board)
        self.assertEqual(before[0], first_area)

        board.expect(4, workbench.install_one(made, 1))
        self.assertEqual(self.chosen(board), ("a", "1"))
        self.assertNotEqual(self.areas(board)[0], first_area)
        board.restart()
        board.wait_for_console("Second stage resets")
        board.wait_for_console("Second stage: goes back to b")
        board.wait_for_console("Second stage two boots partition 2")
        self.assertEqual(board.wait_up(), ("v1", "/dev/vda2"))
        said = board.expect(1, "client commit")
        self.assertIn("did not start: the machine has gone back to copy B", said)
        self.assertEqual(self.areas(board), before)
        self.assertEqual(self.chosen(board), ("b", "0"))


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--loader", choices=sorted(LOADERS), default="grub")
    options.add_argument("part", nargs="*")
    options = options.parse_args()
    workbench.skip_where_impossible(options.loader)
    kinds = (Board, SecondStage) if options.loader == "uboot" else (Board, Lines)
    tests = [kind(name) for kind in kinds for name in unittest.defaultTestLoader.getTestCaseNames(kind)
             if not options.part or any(part in name for part in options.part)]
    global bench
    with workbench.Workbench(options.loader) as bench:
        result = unittest.TextTestRunner(verbosity=2).run(unittest.TestSuite(tests))
    return 0 if tests and result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
