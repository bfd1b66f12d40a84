"""Two slots on loop devices for the module rootfs-image, and a boot environment that is played."""
import json
import os
import shutil
import subprocess

import scenario

# The boot environment is a file; both programs read and write it. `mount` tells Mender's client which
# slot it shall take for the running one.
TOOLS = {
    "fw_printenv": '[ $# -gt 0 ] || exec cat ENV; grep "^$1=" ENV || exit 1',
    "fw_setenv": 'while read -r line; do name=${line%%[ =]*}; grep -v "^$name=" ENV > ENV.new; '
                 'echo "$name=${line#$name?}" >> ENV.new; mv ENV.new ENV; done',
    "mount": '[ $# -eq 0 ] || exec /usr/bin/mount "$@"; echo RUNNING on / type ext4',
}


class RootRig:
    """Beside a Scenario: its device has the slots, and runs the first one."""

    size = 4 << 20  # bytes of a slot, and of an image

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
        os.truncate(file, self.size)
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
        os.truncate(image, self.size)
        subprocess.run(["mke2fs", "-q", "-t", "ext4", "-L", "fresh", image], check=True)
        return image

    def says(self, line):
        with open(self.environment) as file:
            return line in file.read().splitlines()
