"""What the tests of the board with flash share."""
import hashlib
import sys
import unittest

import flash_parts
import workbench
from workbench import artifact


class FlashBench(workbench.Workbench):
    loaders = {"flash": flash_parts.Flash}
    kind_of_parts = flash_parts.FlashParts

    def image(self, name, content, promised=None):
        """A medium with an artifact of that name for a root file system, which need not be one; with the sum
        of `promised` instead of its own."""
        root = workbench.root_payload(name, content, promised)
        return self.put(artifact.write(self.path(name + ".mender"), [root], name=name))


class FlashCase(unittest.TestCase):
    def start(self, made):
        """A board that has just started v1, and has that medium."""
        board = self.bench.machine_at(self.bench.first(), medium=made[0])
        self.addCleanup(board.pull_plug)
        return board

    def boots_next(self, board):
        return board.expect(0, "boot-slot status").split()

    def sum(self, board, device, size):
        """SHA-256 of the first bytes there."""
        line = "dd if=%s bs=64k iflag=count_bytes count=%d 2> /dev/null | sha256sum" % (device, size)
        return board.expect(0, line).split()[0]

    def change_settings(self, board):
        """From now on, until it restarts, the board's settings can be changed."""
        board.expect(0, "cp -r /etc/mender /run/mender && mount --bind /run/mender /etc/mender")

    def load(self, board, name, options=""):
        """Has the board load that module of its kernel."""
        board.expect(0, "while read -r file _; do insmod /lib/modules/%s/$file %s 2> /dev/null; done < /lib/modules/%s/order; "
                        "test -d /sys/module/%s" % (name, options, name, name))


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def main(*kinds):
    """Runs the tests of these classes; if there are arguments, those whose names have one of them in it."""
    workbench.skip_where_impossible("flash", FlashBench.loaders)
    tests = [kind(name) for kind in kinds for name in unittest.defaultTestLoader.getTestCaseNames(kind)
             if not sys.argv[1:] or any(part in name for part in sys.argv[1:])]
    with FlashBench("flash") as bench:
        FlashCase.bench = bench
        result = unittest.TextTestRunner(verbosity=2).run(unittest.TestSuite(tests))
    sys.exit(0 if tests and result.wasSuccessful() else 1)
