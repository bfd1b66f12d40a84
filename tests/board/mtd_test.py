#!/usr/bin/env python3
"""Boot loaders in flash, with real reboots. Arguments are parts of names of tests; without any, all run."""
import json
import random

import flash_bench
import flash_parts
import workbench
from workbench import artifact

KIBI = 1024
BLOCK = 64 * KIBI
SIZE = 8 * BLOCK  # of a copy


def loader(seed, size=SIZE - 5000):
    """A boot loader."""
    return b"\xeb\0\0\0BOOT" + random.Random(seed).randbytes(size - 8)


class MtdCase(flash_bench.FlashCase):
    def made(self, **images):
        """A medium with an artifact for each boot loader."""
        return self.bench.several(*((name, artifact.payload("bootloader", [("loader.img", image)],
                                                            {"bootloader.version": name}))
                                    for name, image in images.items()))

    def has(self, board, device, image):
        """Whether the device begins with it."""
        return self.sum(board, device, len(image)) == flash_bench.sha256(image)


class Pair(MtdCase):
    """Two MTD partitions on a part of the disk that acts as flash and is still there after a reboot. U-Boot's
    environment, in a file, says which of them the machine starts from."""

    def find_flash(self, board):
        board.expect(0, "echo /dev/vda2,%d > /sys/module/block2mtd/parameters/block2mtd" % BLOCK)
        board.expect(0, "mtdpart add /dev/mtd1 loader_a 0 %d && mtdpart add /dev/mtd1 loader_b %d %d" % (SIZE, SIZE, SIZE))

    def start_with_flash(self, made):
        """A board with old content in both copies, which starts from A."""
        board = self.start(made)
        self.find_flash(board)
        for device in ("mtd2", "mtd3"):
            board.expect(0, "dd if=/dev/urandom of=/run/old bs=%d count=1 2> /dev/null && cat /run/old > /dev/%s" % (SIZE, device))
        board.expect(0, "dd if=/dev/zero of=/data/uboot.env bs=16k count=1 2> /dev/null && "
                        "printf 'loader=a\\nloader_trial=0\\n' > /run/values && fw_setenv -f /run/values -s /run/values")
        return board

    def reboot(self, board):
        self.assertEqual(board.reboot(), ("v1", "ubi0:root_a"))
        self.find_flash(board)

    def chosen(self, board):
        return board.expect(0, "fw_printenv loader loader_trial").split()

    def copies(self, board):
        return board.expect(0, "sha256sum < /dev/mtd2; sha256sum < /dev/mtd3").splitlines()

    def test_update_is_committed_after_a_reboot_and_so_is_the_next(self):
        images = {"two": loader(2), "three": loader(3, SIZE)}
        made = self.made(**images)
        board = self.start_with_flash(made)
        first = self.copies(board)[0]
        board.expect(4, workbench.install_one(made, 0))
        self.assertEqual(self.chosen(board), ["loader=b", "loader_trial=1"])
        self.reboot(board)
        self.assertTrue(self.has(board, "/dev/mtd3", images["two"]))
        board.expect(0, "client commit")
        self.assertEqual(self.chosen(board), ["loader=b", "loader_trial=0"])
        self.assertEqual(self.copies(board)[0], first)
        second = self.copies(board)[1]
        board.expect(4, workbench.install_one(made, 1))
        self.reboot(board)
        self.assertTrue(self.has(board, "/dev/mtd2", images["three"]))
        board.expect(0, "client commit")
        self.assertEqual(self.chosen(board), ["loader=a", "loader_trial=0"])
        self.assertEqual(self.copies(board)[1], second)

    def test_rollback_puts_back_every_byte(self):
        made = self.made(two=loader(2), three=loader(3))
        board = self.start_with_flash(made)
        before = self.copies(board)
        board.expect(4, workbench.install_one(made, 0))
        self.assertNotEqual(self.copies(board), before)
        board.expect(0, "client rollback")
        self.assertEqual(self.copies(board), before)
        board.expect(4, workbench.install_one(made, 1))
        self.reboot(board)
        board.expect(4, "client rollback")
        self.assertEqual(self.chosen(board), ["loader=a", "loader_trial=0"])
        self.reboot(board)
        board.run("client resume")
        self.assertEqual(self.copies(board), before)
        self.assertEqual(board.expect(0, "client show-artifact").strip(), "v1")

    def test_a_loader_that_the_machine_has_given_up_is_told_and_undone(self):
        made = self.made(two=loader(2))
        board = self.start_with_flash(made)
        before = self.copies(board)
        board.expect(4, workbench.install_one(made, 0))
        # What a first stage does whose second one does not come up.
        board.expect(0, "printf 'loader=a\\nloader_trial=0\\n' > /run/values && fw_setenv -s /run/values")
        self.reboot(board)
        self.assertIn("did not start: the machine has gone back to copy A", board.expect(1, "client commit"))
        self.assertEqual(self.copies(board), before)

    def stop_at(self, board, made, call, number):
        """Installs, and stops the module in front of that call for the flash; then kills it and the client."""
        client = "strace -f -o /run/calls -P /dev/mtd3 -e trace=ioctl,pwrite64 -e inject=%s:delay_enter=600s:when=%d patchbay" % (
            call, number)
        board.expect(0, "(%s) > /run/said 2>&1 & taker=$!" % workbench.install_one(made, 0, client))
        board.expect(0, "until [ \"$(cut -d ' ' -f 1 /proc/$(pidof bootloader)/syscall 2> /dev/null)\" = %d ]; do sleep 0.1; done"
                     % {"pwrite64": 18, "ioctl": 16}[call])
        board.expect(0, "sleep 0.5; killall -9 patchbay bootloader strace; wait $taker; true")

    def test_an_update_killed_while_it_writes_is_undone(self):
        made = self.made(two=loader(2))
        board = self.start_with_flash(made)
        before = self.copies(board)
        # Of eight erase blocks the first is erased first and written last; the very first ioctl looks.
        for call, number in (("ioctl", 3), ("pwrite64", 1), ("pwrite64", 4), ("pwrite64", 8)):
            self.stop_at(board, made, call, number)
            self.assertNotEqual(self.copies(board), before)
            board.run("client resume")
            self.assertEqual(self.copies(board), before)
            self.assertEqual(self.chosen(board), ["loader=a", "loader_trial=0"])
        board.expect(4, workbench.install_one(made, 0))

    def test_a_plug_pulled_while_it_writes(self):
        made = self.made(two=loader(2))
        board = self.start_with_flash(made)
        before = self.copies(board)
        self.stop_at(board, made, "pwrite64", 5)
        # As in ubi_test.py.
        board.expect(0, "sync")
        board.pull_plug()
        board = self.bench.machine(self.bench.path("disk"), medium=made[0])
        self.addCleanup(board.pull_plug)
        self.assertEqual(board.wait_up(), ("v1", "ubi0:root_a"))
        self.find_flash(board)
        self.assertEqual(self.copies(board)[0], before[0])
        self.assertNotEqual(self.copies(board)[1], before[1])
        board.run("client resume")
        self.assertEqual(self.copies(board), before)
        self.assertEqual(self.chosen(board), ["loader=a", "loader_trial=0"])
        board.expect(4, workbench.install_one(made, 0))
        self.reboot(board)
        board.expect(0, "client commit")


class OneDevice(MtdCase):
    """Both copies in one device, of which the machine starts the first that is valid."""

    def configure(self, board, begin_b=SIZE):
        copies = [{"Device": "/dev/mtd1", "Offset": 0, "Size": SIZE},
                  {"Device": "/dev/mtd1", "Offset": begin_b, "Size": 2 * SIZE - begin_b}]
        area = {**flash_parts.LOADER, "Copies": copies, "Select": {"By": "order"}}
        board.expect(0, "echo '%s' > /etc/mender/bootloader.json" % json.dumps({"Areas": {"loader": area}}))

    def test_update_and_rollback_on_mtdram(self):
        image = loader(2)
        made = self.made(two=image, large=loader(3, SIZE + 1))
        board = self.start(made)
        self.load(board, "mtdram", "total_size=1024 erase_size=64")
        self.change_settings(board)
        self.configure(board)
        board.expect(0, "(printf '1234BOOT'; dd if=/dev/urandom bs=1000 count=1000 2> /dev/null) > /dev/mtd1")
        before = self.sum(board, "/dev/mtd1", 2 * SIZE)
        self.assertIn("has room for %d" % SIZE, board.expect(1, workbench.install_one(made, 1)))
        self.assertEqual(self.sum(board, "/dev/mtd1", 2 * SIZE), before)
        board.expect(4, workbench.install_one(made, 0))
        self.assertTrue(self.has(board, "/dev/mtd1", image))
        board.expect(0, "client rollback")
        self.assertEqual(self.sum(board, "/dev/mtd1", 2 * SIZE), before)
        self.configure(board, begin_b=SIZE + 4 * KIBI)
        self.assertIn("have to be multiples of the erase blocks", board.expect(1, workbench.install_one(made, 0)))

    def test_nand_is_refused(self):
        made = self.made(two=loader(2))
        board = self.start(made)
        self.load(board, "nandsim")
        self.change_settings(board)
        self.configure(board)
        self.assertIn("is NAND flash, whose bad blocks", board.expect(1, workbench.install_one(made, 0)))


if __name__ == "__main__":
    flash_bench.main(Pair, OneDevice)
