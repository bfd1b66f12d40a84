#!/usr/bin/env python3
"""A device changes clients in the middle of a root file system update: Mender's client of Debian, which
has that module built in, has written the other slot and waits for the commit; Patchbay ends it."""
import hashlib
import json
import os
import shutil
import subprocess

import scenario
from drop_in_test import DropIn

# The boot environment is a file; both programs read and write it. `mount` tells Mender's client which
# slot it shall take for the running one.
TOOLS = {
    "fw_printenv": '[ $# -gt 0 ] || exec cat ENV; grep "^$1=" ENV || exit 1',
    "fw_setenv": 'while read -r line; do name=${line%%[ =]*}; grep -v "^$name=" ENV > ENV.new; '
                 'echo "$name=${line#$name?}" >> ENV.new; mv ENV.new ENV; done',
    "mount": '[ $# -eq 0 ] || exec /usr/bin/mount "$@"; echo RUNNING on / type ext4',
}


class RootHandover(DropIn):
    def setUp(self):
        scenario.need("losetup", "mke2fs")
        if os.geteuid() != 0:
            self.skipTest("loop devices need root")
        super().setUp()
        self.slots = [self.slot("a"), self.slot("b")]
        self.environment = self.device.path("boot.env")
        self.boot(0)
        self.running(0)
        slots = dict(zip(("RootfsPartA", "RootfsPartB"), self.slots))
        self.device.configure(**slots, Patchbay={"ModuleDirectories": [self.module_directory()]})
        self.device.env["PATH"] = self.device.path("tools") + ":" + self.device.env["PATH"]

    def module_directory(self):
        directory = self.device.path("root-module")
        os.makedirs(directory)
        shutil.copy(os.environ["PATCHBAY_ROOTFS_MODULE"], directory)
        return directory

    def slot(self, name):
        file = self.device.write(name + ".img", "")
        os.truncate(file, 4 << 20)
        subprocess.run(["mke2fs", "-q", "-t", "ext4", file], check=True)
        loop = subprocess.run(["losetup", "--find", "--show", file], check=True, capture_output=True,
                              text=True).stdout.strip()
        self.addCleanup(subprocess.run, ["losetup", "--detach", loop], check=True)
        return loop

    def boot(self, slot, trial=0):
        self.device.write("boot.env", "mender_boot_part=%s\nupgrade_available=%d\nbootcount=0\n"
                          % (self.number(slot), trial))

    def number(self, slot):
        return self.slots[slot].removeprefix("/dev/loop")

    def running(self, slot):
        """That slot's file system is the root, for both clients."""
        for name, body in TOOLS.items():
            body = body.replace("ENV", self.environment).replace("RUNNING", self.slots[slot])
            self.device.write("tools/" + name, "#!/bin/sh\n%s\n" % body, 0o755)
        root = self.device.path("root-%d" % slot)
        os.makedirs(root)
        subprocess.run(["/usr/bin/mount", "-o", "ro", self.slots[slot], root], check=True)
        self.addCleanup(subprocess.run, ["umount", root], check=True)
        self.device.write("etc/rootfs-image.json", json.dumps({
            "BootEnvironment": "uboot", "BootValueA": self.number(0), "BootValueB": self.number(1),
            "RootDirectory": root}))

    def fresh_image(self):
        image = self.device.write("fresh.img", "")
        os.truncate(image, 4 << 20)
        subprocess.run(["mke2fs", "-q", "-t", "ext4", "-L", "fresh", image], check=True)
        return image

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

    def says(self, line):
        with open(self.environment) as file:
            return line in file.read().splitlines()

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
