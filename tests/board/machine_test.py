#!/usr/bin/env python3
"""What a Machine says of an emulator that does not start. Without QEMU."""
import os
import tempfile
import time
import unittest
from unittest import mock

import machine


class Loader:
    def qemu_options(self):
        return []


class Emulator(unittest.TestCase):
    """One that is a script of ours."""

    def start(self, script):
        directory = tempfile.TemporaryDirectory(prefix="patchbay-machine-")
        self.addCleanup(directory.cleanup)
        program = os.path.join(directory.name, "qemu-system-x86_64")
        with open(program, "w") as file:
            file.write("#!/bin/sh\n" + script)
        os.chmod(program, 0o755)
        with mock.patch.dict(os.environ, PATH=directory.name + ":" + os.environ["PATH"]):
            return machine.Machine(os.path.join(directory.name, "disk"), Loader())

    def test_end_at_once_is_told_with_its_last_words(self):
        begun = time.monotonic()
        with self.assertRaisesRegex(machine.BoardError, "ended with 3\n.*could not open the disk"):
            self.start("echo 'could not open the disk' >&2; exit 3\n")
        self.assertLess(time.monotonic() - begun, machine.ORDER_SECONDS / 4)

    def test_silence_is_told(self):
        with mock.patch.object(machine, "ORDER_SECONDS", 0.1):
            with self.assertRaisesRegex(machine.BoardError, "does not answer to qmp_capabilities"):
                self.start("exec sleep 5\n")


if __name__ == "__main__":
    unittest.main()
