#!/usr/bin/env python3
"""A device changes clients in the middle of a root file system update: Mender's client of Debian, which
has that module built in, has written the other slot and waits for the commit; Patchbay ends it."""
import hashlib
import os
import subprocess

import root_rig
import scenario
from drop_in_test import DropIn


class RootHandover(root_rig.RootRig, DropIn):
    def installed_by_mender(self):
        update = self.device.path("root.mender")
        self.mender_artifact("write", "rootfs-image", "-t", "board", "-n", "release-2", "-f", self.fresh_image(), "-o",
                             update)
        self.install_with_mender(update)

    def install_with_mender(self, update):
        self.mender("install", update)
        image = self.device.path("fresh.img")
        with open(image, "rb") as want, open(self.device.path("b.img"), "rb") as have:
            self.assertEqual(want.read(), have.read())
        self.assertFalse(os.path.exists(os.path.join(self.device.data, "modules/v3/payloads/0000/tree")))

    def built_in_module_installs_what_we_write(self, *options):
        update = self.device.path("root.mender")
        subprocess.run([os.environ["PATCHBAY_ARTIFACT"], "write", "rootfs-image", self.fresh_image(), "-t", "board", "-n",
                        "release-2", "-o", update, *options], check=True, capture_output=True)
        self.install_with_mender(update)
        self.assertTrue(self.says("upgrade_available=1"))
        self.assertTrue(self.says("mender_boot_part=" + self.number(1)))
        self.running(1)
        self.mender("commit")
        self.assertEqual(self.device.run("show-artifact").stdout.strip(), "release-2")
        with open(self.device.path("fresh.img"), "rb") as file:
            checksum = hashlib.sha256(file.read()).hexdigest()
        self.assertIn("rootfs-image.checksum=" + checksum, self.device.run("show-provides").stdout.splitlines())

    def test_the_built_in_module_installs_what_we_write(self):
        self.built_in_module_installs_what_we_write()

    def test_the_built_in_module_installs_xz_without_compat(self):
        self.built_in_module_installs_what_we_write("--compression", "xz")

    def test_the_built_in_module_installs_what_is_not_compressed(self):
        self.built_in_module_installs_what_we_write("--compression", "none", "--compat")

    def test_we_commit_what_the_built_in_module_installed(self):
        self.installed_by_mender()
        self.running(1)
        result = self.device.run("commit")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue(self.says("upgrade_available=0"))
        self.assertTrue(self.says("mender_boot_part=" + self.number(1)))
        self.assertEqual(self.device.run("show-artifact").stdout.strip(), "release-2")

    def test_we_roll_back_what_the_built_in_module_installed(self):
        self.installed_by_mender()
        self.running(1)
        result = self.device.run("rollback")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue(self.says("upgrade_available=0"))
        self.assertTrue(self.says("mender_boot_part=" + self.number(0)))

    def test_what_fell_back_is_not_committed(self):
        self.installed_by_mender()
        self.boot(0)
        result = self.device.run("commit")
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn("not say that an update is on trial", result.stderr)
        self.assertTrue(self.says("mender_boot_part=" + self.number(0)))


if __name__ == "__main__":
    scenario.main()
