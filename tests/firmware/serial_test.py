#!/usr/bin/env python3
"""The module firmware with serial boot loaders: everything that devices and power can do to it."""
import os
import signal
import subprocess
import time
import unittest

import bench
from bench import firmware


class Updates(bench.Case):
    def test_install_reaches_all_devices_and_keeps_the_firmware(self):
        self.motors()
        self.update("2.0")
        self.assertEqual(self.versions(), ["2.0", "2.0"])
        self.assertEqual([device.flash for device in self.devices], [firmware("2.0")] * 2)
        self.assertEqual([content for content in self.store().values() if content and b"firmware 2.0" in content],
                         [firmware("2.0")])
        self.assertEqual(len(self.store()), 5)  # directories: 3; the list, the firmware

    def test_upgrades_follow_each_other(self):
        self.motors()
        for version in ("2.0", "2.1", "10.0"):
            self.update(version)
            self.assertEqual(self.versions(), [version] * 2)
        self.assertEqual(len(self.store()), 5)

    def test_same_version_again_writes_nothing(self):
        left, right = self.motors()
        self.update("2.0")
        before = self.store()
        self.update("2.0")
        self.assertEqual((left.counts["erase"], right.counts["erase"]), (1, 1))
        self.assertEqual(self.store(), before)

    def test_only_devices_that_need_it_are_written(self):
        left, right = self.motors()
        right.flash = firmware("2.0")
        self.update("2.0")
        self.assertEqual(left.version, "2.0")
        self.assertNotIn("erase", right.counts)

    def test_one_after_the_other(self):
        left, right = self.motors()
        order = []
        left.before = lambda command, _: order.append("left " + command)
        right.before = lambda command, _: order.append("right " + command)
        self.update("2.0")
        self.assertLess(order.index("left start"), order.index("right enter"))

    def test_rollback_before_commit(self):
        self.motors()
        self.calls("Download", "ArtifactInstall")
        self.assertEqual(self.call("SupportsRollback").stdout, "Yes\n")
        self.calls("ArtifactRollback", "ArtifactFailure", "Cleanup")
        self.assertEqual([device.flash for device in self.devices], [firmware("1.0")] * 2)
        self.assertEqual(list(self.store()), ["."])

    def test_rollback_after_commit_and_twice(self):
        self.motors()
        self.update("2.0")
        before = self.store()
        self.new_tree("3.0")
        self.calls("ArtifactInstall", "ArtifactCommit", "ArtifactRollback", "ArtifactRollback", "Cleanup", "Cleanup")
        self.assertEqual(self.versions(), ["2.0", "2.0"])
        self.assertEqual(self.store(), before)

    def test_rollback_uses_what_was_kept_when_the_device_cannot_be_read(self):
        self.motors(can_read=False)
        self.calls("ArtifactInstall")
        self.assertEqual(self.call("SupportsRollback").stdout, "No\n")  # nobody has the first firmware
        self.calls("ArtifactCommit", "Cleanup")
        self.new_tree("3.0")
        self.calls("ArtifactInstall")
        self.assertEqual(self.call("SupportsRollback").stdout, "Yes\n")
        self.calls("ArtifactRollback", "Cleanup")
        self.assertEqual(self.versions(), ["2.0", "2.0"])

    def test_rollback_uses_the_factory_image(self):
        self.write("factory.bin", firmware("1.0"))
        self.motors(can_read=False, more="factory-image: %s\nfactory-version: '1.0'\n" % self.path("factory.bin"))
        self.calls("ArtifactInstall", "ArtifactRollback", "Cleanup")
        self.assertEqual(self.versions(), ["1.0", "1.0"])

    def test_rollback_without_install_does_nothing(self):
        self.motors()
        self.update("2.0")
        before = self.store()
        self.new_tree("3.0")
        self.calls("ArtifactRollback", "ArtifactFailure", "Cleanup")
        self.assertEqual(self.versions(), ["2.0", "2.0"])
        self.assertEqual(self.store(), before)

    def test_downgrade_is_refused_unless_allowed(self):
        self.motors()
        self.update("10.0")
        self.new_tree("9.9")
        self.refused("left has 10.0, which is newer than 9.9", "allow-downgrade")
        self.update("9.9", allow_downgrade=True)
        self.assertEqual(self.versions(), ["9.9", "9.9"])

    def test_a_device_without_firmware_gets_it(self):
        left, right = self.motors()
        left.valid, left.flash = False, b""
        left.power_cycle()
        self.update("2.0")
        self.assertEqual(self.versions(), ["2.0", "2.0"])

    def test_progress_and_plan(self):
        self.motors()
        plan = self.call("Plan").stdout
        self.assertEqual(plan, "write 2.0 to left (now 1.0)\nwrite 2.0 to right (now 1.0)\n")
        result = subprocess.run(["sh", "-c", 'exec "$0" ArtifactInstall "$1" 3>&1', bench.MODULE, self.path("tree")],
                                env={**self.environment, "PATCHBAY_PROGRESS_FD": "3"}, stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, check=True)
        self.assertIn(b"status writing left\nprogress 0\nprogress 34\n", result.stdout)

    def test_questions(self):
        self.motors()
        self.assertEqual(self.call("NeedsArtifactReboot").stdout, "No\n")
        self.assertIn('"type":"firmware"', self.call("Describe").stdout)
        self.assertEqual(self.call("SomethingNew").stdout, "")


class Failures(bench.Case):
    """A failure in each step, on the first device and on the last: all devices have what they had."""

    def fails(self, *faults, second=False, says=()):
        devices = self.motors()
        devices[1 if second else 0].fault(*faults)
        result = self.call("ArtifactInstall", code=1)
        for word in says:
            self.assertIn(word, result.stderr)
        for device in devices:
            device.faults = []
        self.calls("ArtifactRollback", "ArtifactFailure", "Cleanup")
        self.assertEqual([device.flash for device in devices], [firmware("1.0")] * 2)
        self.assertFalse(any(device.in_loader for device in devices))
        self.assertEqual(list(self.store()), ["."])
        return devices

    def test_device_refuses(self):
        for second in (False, True):
            for fault in ("erase:1:fail", "write:2:fail", "verify:1:fail", "start:1:fail"):
                with self.subTest(fault, second=second):
                    self.fails(fault, second=second, says=["right" if second else "left", "the flash memory does not take it"])
                    self.doCleanups()
                    self.devices = []
                    self.setUp()

    def test_stops_at_the_first_failure(self):
        left, right = self.fails("write:1:fail")
        self.assertNotIn("erase", right.counts)

    def test_bit_that_falls_over_is_found_by_verify(self):
        self.fails("write:2:flip", says=["verify", "checksum differs"])

    def test_device_that_hangs_in_mid_flash_is_told_and_restored_after_a_restart(self):
        left, right = self.motors()
        right.fault("write:2:hang")
        result = self.call("ArtifactInstall", code=1)
        self.assertIn("right: write: the device at %s does not answer" % right.link, result.stderr)
        self.assertEqual(left.version, "1.0")  # undone at once
        self.assertIn("does not answer", self.call("ArtifactRollback", code=1).stderr)
        right.faults = []
        right.power_cycle()
        self.calls("ArtifactRollback", "ArtifactFailure", "Cleanup")
        self.assertEqual([device.flash for device in self.devices], [firmware("1.0")] * 2)

    def test_device_that_vanishes_in_mid_flash_is_restored_when_it_is_back(self):
        left, right = self.motors()
        right.fault("write:2:vanish")
        self.call("ArtifactInstall", code=1)
        self.assertEqual(left.version, "1.0")
        self.call("ArtifactRollback", code=1)
        right.faults = []
        right.plug()
        self.calls("ArtifactRollback", "ArtifactFailure", "Cleanup")
        self.assertEqual([device.flash for device in self.devices], [firmware("1.0")] * 2)

    def test_device_that_stays_away_is_named_and_its_firmware_kept(self):
        _, right = self.motors()
        right.fault("erase:1:vanish")
        self.call("ArtifactInstall", code=1)
        self.call("ArtifactRollback", code=1)
        self.assertIn(self.path("data/firmware"), self.call("Cleanup", code=1).stderr)
        self.assertIn(firmware("1.0"), self.store().values())

    def test_device_that_lies_about_its_version(self):
        left, right = self.motors()
        lie = lambda command, _: setattr(right, "lie", "7.7" if command in ("start", "verify") and right.version != "1.0" else right.lie)
        right.before = lie
        result = self.call("ArtifactInstall", code=1)
        self.assertIn("right says it has 7.7, not 2.0", result.stderr)
        right.before, right.lie = None, None
        self.calls("ArtifactRollback", "Cleanup")
        self.assertEqual(self.versions(), ["1.0", "1.0"])

    def test_device_that_falls_back_before_the_commit_fails_it(self):
        left, _ = self.motors()
        self.calls("ArtifactInstall")
        left.flash = firmware("1.0")
        self.assertIn("left says it has 1.0, not 2.0", self.call("ArtifactCommit", code=1).stderr)
        self.calls("ArtifactRollback", "Cleanup")
        self.assertEqual(self.versions(), ["1.0", "1.0"])

    def test_device_says_nonsense(self):
        self.motors("left")
        for lie in ("x" * 65, "1\x1b[2J", "\xff\xfe"):
            with self.subTest(lie):
                self.devices[0].lie = lie
                self.refused("left", "version that cannot be one")

    def test_lost_and_broken_frames_are_sent_again(self):
        left, _ = self.motors()
        left.fault("hello:1:lose", "erase:1:corrupt", "write:1:lose", "write:3:corrupt", "verify:1:lose")
        self.update("2.0")
        self.assertEqual(left.flash, firmware("2.0"))
        self.assertEqual(left.counts["write"], 3)  # 3000 bytes in three frames: none was written twice

    def test_absent_device_is_told_before_anything_is_touched(self):
        _, right = self.motors()
        right.unplug()
        self.refused("right", "No such file or directory")
        right.plug()

    def test_port_in_use_is_told(self):
        self.motors("left")
        with open(self.path("left"), "rb") as port:
            import fcntl
            fcntl.flock(port, fcntl.LOCK_EX)
            self.refused("in use by another program")

    def test_port_that_is_none(self):
        self.motors("left")
        self.write("file", "")
        self.describe("driver: serial\ndevices: [{name: left, port: %s}]\n" % self.path("file"))
        self.refused("is not a serial port")

    def test_firmware_without_room(self):
        self.motors("left")
        self.new_tree(files={"motor.bin": b"x" * ((1 << 20) + 1)})
        self.refused("room for 1.0 MiB")

    def test_damaged_copy_of_the_old_firmware_is_not_put_back(self):
        self.motors(can_read=False)
        self.update("2.0")
        for name, content in self.store().items():
            if content and b"firmware 2.0" in content:
                self.write("data/" + name, content[:-1] + b"!")
        self.new_tree("3.0")
        self.calls("ArtifactInstall")
        self.assertEqual(self.call("SupportsRollback").stdout, "No\n")
        self.assertIn("no firmware 2.0 is kept", self.call("ArtifactRollback", code=1).stderr)

    def test_no_space_for_the_old_firmware(self):
        if os.geteuid() != 0:
            self.skipTest("mounting needs root")
        self.motors("left")
        self.new_tree(files={"motor.bin": b"firmware 2.0\n" + os.urandom(200_000)})
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", self.path("data")], check=True)
        self.addCleanup(subprocess.run, ["umount", self.path("data")], check=True)
        self.refused("no space on the file system of " + self.path("data"))


class Cuts(bench.Case):
    """Power that goes at any moment: of the machine, of the device, of both."""

    def again(self, **options):
        self.doCleanups()
        self.setUp()
        return self.motors("left", "right", **options)

    def each_cut(self, state, before, after, want, stride=1):
        nth = 1
        while True:
            self.again()
            self.calls(*before)
            reached = self.cut(state, nth)
            self.calls(*after)
            versions = self.versions()
            self.assertIn(versions, [[version] * 2 for version in want], self.last_cut)
            self.assertFalse(any(device.in_loader for device in self.devices), self.last_cut)
            kept = [content for content in self.store().values() if content]
            self.assertEqual(len(kept), 0 if versions[0] == "1.0" else 2, self.last_cut)
            if not reached:
                return nth
            nth += stride

    def test_install_then_rollback(self):
        self.assertGreater(self.each_cut("ArtifactInstall", [], ["ArtifactRollback", "ArtifactFailure", "Cleanup"], ["1.0"]), 40)

    def test_install_then_cleanup_only(self):
        self.each_cut("ArtifactInstall", [], ["Cleanup"], ["1.0", "2.0"], stride=3)

    def test_install_cut_then_again(self):
        self.each_cut("ArtifactInstall", [], ["ArtifactInstall", "ArtifactCommit", "Cleanup"], ["2.0"], stride=3)

    def test_rollback(self):
        self.each_cut("ArtifactRollback", ["ArtifactInstall"], ["ArtifactRollback", "Cleanup"], ["1.0"])

    def test_rollback_after_commit_then_cleanup(self):
        self.each_cut("ArtifactRollback", ["ArtifactInstall", "ArtifactCommit"], ["ArtifactRollback", "Cleanup"], ["1.0"], stride=3)

    def test_cleanup_after_success(self):
        self.each_cut("Cleanup", ["ArtifactInstall", "ArtifactCommit"], ["Cleanup"], ["2.0"])

    def test_cleanup_after_rollback(self):
        self.each_cut("Cleanup", ["ArtifactInstall", "ArtifactRollback"], ["Cleanup"], ["1.0"])

    def test_killed_at_every_frame_with_and_without_the_device(self):
        """The module dies at the Nth command that a device gets; the device loses power with it, or not."""
        for state, before in (("ArtifactInstall", []), ("ArtifactRollback", ["ArtifactInstall"])):
            for power in (False, True):
                nth = 0
                while True:
                    nth += 1
                    self.again()
                    self.calls(*before)
                    seen, victim = [], []

                    def kill(command, _):
                        seen.append(command)
                        if len(seen) == nth:
                            while not victim:
                                time.sleep(0.001)
                            os.kill(victim[0].pid, signal.SIGKILL)
                            victim[0].wait()
                    for device in self.devices:
                        device.before = kill
                    victim.append(self.start(state))
                    code = victim[0].wait()
                    for device in self.devices:
                        device.before = None
                        if power:
                            device.power_cycle()
                    self.calls("ArtifactRollback", "ArtifactFailure", "Cleanup")
                    self.assertEqual([device.flash for device in self.devices], [firmware("1.0")] * 2, (state, nth, seen))
                    self.assertEqual(list(self.store()), ["."])
                    if code == 0:
                        break
                self.assertGreater(nth, 12)


if __name__ == "__main__":
    unittest.main(verbosity=2)
