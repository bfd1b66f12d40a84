"""What all tests of the board share: its parts, artifacts for it, and comparing what runs."""
import hashlib
import os
import shutil
import signal
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "scenarios"))

import artifact  # noqa: E402
import build  # noqa: E402
import machine  # noqa: E402
import parts  # noqa: E402
from build import MEBI  # noqa: E402
from loaders import LOADERS  # noqa: E402

SLOT_OF = {"/dev/vda2": "A", "/dev/vda3": "B"}
PIECE = 2 * MEBI  # of a root image
# Of the disk that artifacts come on. One that goes on from a moment expects it to be as large as then.
MEDIUM_SIZE = 64 * MEBI


def skip_where_impossible(loader, loaders=LOADERS):
    lack = parts.missing(loaders[loader])
    if lack:
        print("skipped: the board needs " + ", ".join(lack))
        sys.exit(77)


class Workbench:
    """A directory in memory for the disks of the tests; gone at the end. The parts are those that
    prepare.py has left in the directory PATCHBAY_BOARD, or are built here, once."""
    loaders = LOADERS
    kind_of_parts = parts.Parts

    def __init__(self, loader="grub", prepares=False):
        self.loader = self.loaders[loader]()
        memory = "/dev/shm"
        usable = os.path.isdir(memory) and shutil.disk_usage(memory).free > 2 << 30
        self.directory = tempfile.mkdtemp(prefix="patchbay-board-", dir=memory if usable else None)
        prepared = os.path.join(os.environ.get("PATCHBAY_BOARD", self.directory), loader)
        known = prepares or os.path.isdir(prepared)
        self.parts = self.kind_of_parts(prepared if known else self.path("parts"), self.loader, os.environ["PATCHBAY"],
                                        os.environ["PATCHBAY_MODULES"].split(":"))
        self._moments = {}

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

    def first(self):
        """The Moment at which v1 has just started for the first time."""
        moment = machine.Moment(self.parts.path("first.disk"), self.parts.path("first.memory"))
        if not os.path.exists(moment.disk):
            disk = self.parts.disk(self.parts.root_image("v1", self.directory), "new-disk")
            with self.machine(disk, medium=self.first_medium()) as board:
                if board.wait_up() != ("v1", self.loader.root_a):
                    raise machine.BoardError("the board does not start with its first system")
                board.keep(self.parts.path("first"))
        return moment

    def first_medium(self):
        """What the board has as its second disk when it starts for the first time; None: there is none."""
        return self.medium()[0]

    def moment(self, name, reach):
        """The Moment of that name: that at which the board is that `reach()` gives, the first time."""
        if name not in self._moments:
            self._moments[name] = reach().keep(self.path(name))
        return self._moments[name]

    def disk(self, name, moment=None):
        """A disk as it was at the moment; else a fresh one, of a board that runs v1."""
        path = self.path(name)
        parts.copy_disk((moment or self.first()).disk, path)
        return path

    def machine(self, disk, **more):
        """Switched on with that disk."""
        return machine.Machine(disk, self.loader, **more)

    def machine_at(self, moment, name="disk", **more):
        """Goes on from the moment, with a disk of its own."""
        return self.machine(self.disk(name, moment), memory=moment.memory, **more)

    def artifact(self, version, change=None, more=(), scripts=None):
        """As written_artifact, on a medium. Returns (path, size)."""
        return self.put(self.written_artifact(version, change, more, scripts))

    def written_artifact(self, version, change=None, more=(), scripts=None):
        """An artifact named `version` with that root file system, and payloads of other types after it."""
        image = self.parts.root_image(version, self.directory, change)
        with open(image, "rb") as file:
            root = root_payload(version, file.read())
        os.unlink(image)
        return artifact.write(self.path(version + ".mender"), [root, *more], name=version, scripts=scripts)

    def put(self, path):
        """A finished artifact as a medium. Returns (path, size)."""
        return path, self._make_medium(path)

    def loader_artifacts(self, *stages):
        """A medium with artifacts for the boot loader of the board: (name, text or None) of second stages. As
        `several` does it."""
        payloads = []
        for name, text in stages:
            with open(self.loader.second_stage(self.path(name), name, text), "rb") as file:
                payloads.append((name, artifact.payload("bootloader", [("stage.img", file.read())],
                                                        {"bootloader.version": name},
                                                        meta={"version": "second_stage=" + name})))
        return self.several(*payloads)

    def several(self, *payloads):
        """A medium with an artifact for each (name, payload), at the next MiB. Returns (path, sizes)."""
        path, sizes = self.path("several.mender"), []
        with open(path, "wb") as medium:
            for index, (name, payload) in enumerate(payloads):
                with open(artifact.write(self.path("one.mender"), [payload], name=name), "rb") as file:
                    medium.seek(index * MEBI)
                    sizes.append(medium.write(file.read()))
        self._make_medium(path)
        return path, sizes

    def medium(self):
        """One without anything on it."""
        path = self.path("nothing")
        with open(path, "wb"):
            pass
        return path, self._make_medium(path)

    @staticmethod
    def _make_medium(path):
        size = os.path.getsize(path)
        if size > MEDIUM_SIZE:
            raise RuntimeError("%s does not fit on the medium" % path)
        os.truncate(path, MEDIUM_SIZE)
        return size


def root_payload(version, image, promised=None):
    """As `patchbay-artifact write rootfs-image` makes it; with another sum, as mender-artifact does."""
    checksum = hashlib.sha256(promised or image).hexdigest()
    sums = (hashlib.sha256(image[at:at + PIECE]).hexdigest() for at in range(0, len(image), PIECE))
    pieces = {"pieces": {"of": checksum, "size": PIECE, "sha256": "".join(sums)}}
    return artifact.payload("rootfs-image", [("root.img", image)],
                            {"rootfs-image.version": version, "rootfs-image.checksum": checksum}, ["rootfs-image.*"],
                            meta=None if promised else pieces)


def delta_payload(version, old, image, scratch):
    """What differs between two images, as `patchbay-artifact write rootfs-delta` makes it."""
    paths = [scratch + end for end in (".old", ".new", ".signature", ".delta")]
    for path, content in zip(paths, (old, image)):
        with open(path, "wb") as file:
            file.write(content)
    build.run("rdiff", "-f", "-b", "2048", "signature", paths[0], paths[2])
    build.run("rdiff", "-f", "delta", paths[2], paths[1], paths[3])
    with open(paths[3], "rb") as file:
        delta = file.read()
    for path in paths:
        os.unlink(path)
    sums = [hashlib.sha256(content).hexdigest() for content in (old, image)]
    meta = {"from": {"size": len(old), "sha256": sums[0]}, "to": {"size": len(image), "sha256": sums[1]}}
    return artifact.payload("rootfs-delta", [("image.rdiff", delta)],
                            {"rootfs-image.version": version, "rootfs-image.checksum": sums[1]},
                            ["rootfs-image.*"], meta=meta)


def given(made, command):
    """That command of the client, with the artifact on the second disk as its input."""
    return "dd if=/dev/vdb bs=64k iflag=count_bytes count=%d 2> /dev/null | client %s -" % (made[1], command)


def install(made):
    return given(made, "install")


def install_one(made, index, client="client"):
    """That artifact of several."""
    return "dd if=/dev/vdb bs=1M skip=%d count=1 2> /dev/null | head -c %d | %s install -" % (index, made[1][index], client)


def running(board):
    """The version that runs, and in which slot."""
    version, device = board.expect(0, "cat /etc/version; sed 's/.*root=\\([^ ]*\\).*/\\1/' /proc/cmdline").split()
    return version, SLOT_OF[device]


def check_at_rest(board, version):
    """What runs, what is recorded and what will be booted are that version, and nothing is left to do."""
    runs, slot = running(board)
    boots, trial = boots_next(board)
    recorded = board.expect(0, "client show-artifact").strip()
    status = board.expect(0, "client status")
    if {runs, recorded} != {version} or trial or boots != slot or "Pending:     nothing" not in status:
        raise machine.BoardError("not %s: %s runs in slot %s, %s is recorded, slot %s is booted%s\n%s" % (
            version, runs, slot, recorded, boots, " on trial" if trial else "", status))


def boots_next(board):
    """'A' or 'B', and whether on trial, as the boot environment says."""
    values = variables(board)
    return {"2": "A", "3": "B"}[values["mender_boot_part"]], values["upgrade_available"] == "1"


def variables(board):
    """The boot environment."""
    said = board.expect(0, board.loader.print_variables)
    return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
