"""What all tests of the board share: its parts, artifacts for it, and comparing what runs."""
import os
import shutil
import signal
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "scenarios"))

import artifact  # noqa: E402
import machine  # noqa: E402
import parts  # noqa: E402
from loaders import LOADERS  # noqa: E402

SLOT_OF = {"/dev/vda2": "A", "/dev/vda3": "B"}


def skip_where_impossible(loader):
    lack = parts.missing(LOADERS[loader])
    if lack:
        print("skipped: the board needs " + ", ".join(lack))
        sys.exit(77)


class Workbench:
    """A directory in memory with everything built once; gone at the end."""

    def __init__(self, loader="grub"):
        self.loader = LOADERS[loader]()
        memory = "/dev/shm"
        usable = os.path.isdir(memory) and shutil.disk_usage(memory).free > 2 << 30
        self.directory = tempfile.mkdtemp(prefix="patchbay-board-", dir=memory if usable else None)
        self.parts = parts.Parts(self.directory, self.loader, os.environ["PATCHBAY"],
                                 os.environ["PATCHBAY_MODULES"].split(":"))
        self.first = self.parts.disk(self.parts.root_image("v1"), "first-disk")

    def __enter__(self):
        signal.signal(signal.SIGTERM, self._terminated)
        return self

    def _terminated(self, *_):
        shutil.rmtree(self.directory, ignore_errors=True)
        os._exit(1)  # other threads may be waiting for their boards, which end with us

    def __exit__(self, *_):
        shutil.rmtree(self.directory, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.directory, name)

    def disk(self, name):
        """A fresh disk that runs v1."""
        return shutil.copy(self.first, self.path(name))

    def machine(self, disk, **more):
        return machine.Machine(disk, self.loader, **more)

    def artifact(self, version, change=None, more=(), scripts=None):
        """An artifact named `version` with that root file system, and payloads of other types after
        it; a file that can be a disk. Returns (path, size)."""
        image = self.parts.root_image(version, change)
        with open(image, "rb") as file:
            root = artifact.payload("rootfs-image", [("root.img", file.read())],
                                    {"rootfs-image.version": version}, ["rootfs-image.*"])
        os.unlink(image)
        path = artifact.write(self.path(version + ".mender"), [root, *more], name=version, scripts=scripts)
        size = os.path.getsize(path)
        os.truncate(path, (size + 511) // 512 * 512)
        return path, size


def install(board, made):
    """The command that installs the artifact on the second disk."""
    return "head -c %d /dev/vdb | client install -" % made[1]


def boots_next(board):
    """'A' or 'B', and whether on trial, as the boot environment says."""
    said = board.expect(0, board.loader.print_variables)
    values = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    return {"2": "A", "3": "B"}[values["mender_boot_part"]], values["upgrade_available"] == "1"
