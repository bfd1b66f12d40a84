#!/usr/bin/env python3
"""Through the real client: an artifact whose last payload is firmware, and fails. Everything is as before."""
import io
import os
import sys
import tarfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "../scenarios"), os.path.join(HERE, "../support")]
import scenario  # noqa: E402
import serial_device  # noqa: E402
from scenario import payload  # noqa: E402

MODULES = os.environ["PATCHBAY_MODULES"].split(":")


def archive(**files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


class ThreePayloads(scenario.Scenario):
    def setUp(self):
        self.device = self.new_device(())
        for module in MODULES:
            os.symlink(module, os.path.join(self.device.module_dir, os.path.basename(module)))
        self.motors = []
        for name in ("left", "right"):
            motor = serial_device.SerialDevice(self.device.path(name), None, serial_device.firmware("1.0"))
            motor.plug()
            self.addCleanup(motor.unplug)
            self.motors.append(motor)
        self.device.write("etc/firmware.d/motor.yaml", "driver: serial\nsettle-seconds: 0.4\nanswer-seconds: 0.2\ndevices:\n" +
                          "".join("  - {name: %s, port: %s}\n" % (n, self.device.path(n)) for n in ("left", "right")))
        self.device.write("srv/app/file", "old")
        self.device.write("srv/app.conf", "old")

    def payloads(self):
        root = self.device.path("srv").encode()
        return [payload("directory", [("update.tar", archive(file="new")), ("dest_dir", root + b"/app\n")]),
                payload("single-file", [("dest_dir", root + b"\n"), ("filename", b"app.conf\n"), ("permissions", b"644\n"),
                                        ("app.conf", b"new")]),
                payload("firmware", [("motor.bin", serial_device.firmware("2.0"))], meta={"version": "2.0"})]

    def state(self):
        with open(self.device.path("srv/app/file")) as one, open(self.device.path("srv/app.conf")) as two:
            return [one.read(), two.read()] + [motor.version for motor in self.motors]

    def test_all_new(self):
        self.install(*self.payloads())
        self.client("commit")
        self.assertEqual(self.state(), ["new", "new", "2.0", "2.0"])
        self.assertEqual(self.device.leftovers(), [])

    def test_last_device_of_the_last_payload_fails(self):
        for fault in ("write:2:fail", "verify:1:fail", "start:1:fail"):
            with self.subTest(fault):
                self.motors[1].fault(fault)
                result = self.install(*self.payloads(), code=1)
                self.assertIn("right", result.stderr)
                self.assertEqual(self.state(), ["old", "old", "1.0", "1.0"])
                self.assert_name("unknown")
                self.assertEqual(self.device.leftovers(), [])
                self.assertFalse(os.path.exists(os.path.join(self.device.data, "firmware")))

    def test_device_that_falls_back_fails_the_commit_of_all(self):
        self.install(*self.payloads())
        self.motors[0].flash = serial_device.firmware("1.0")
        self.client("commit", code=1)
        self.assertEqual(self.state(), ["old", "old", "1.0", "1.0"])

    def test_rollback_of_all(self):
        self.install(*self.payloads())
        self.client("rollback")
        self.assertEqual(self.state(), ["old", "old", "1.0", "1.0"])


if __name__ == "__main__":
    scenario.main()
