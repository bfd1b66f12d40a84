#!/usr/bin/env python3
"""Updates of a board whose root file systems are UBI volumes, with real reboots, and of volumes in the
kernel's simulation of NAND flash. Arguments are parts of names of tests; without any, all run."""
import random

import flash_bench
import flash_parts
import workbench
from build import MEBI, run

VOLUME_SIZE = flash_parts.VOLUME_BLOCKS * flash_parts.LOGICAL_BLOCK


class UbiCase(flash_bench.FlashCase):
    def attribute(self, board, volume, name):
        return board.expect(0, "cat /sys/class/ubi/%s/%s" % (volume, name)).strip()

    def cut_in_the_middle(self, board, made, volume):
        """Gives the client half of the artifact, and kills it and its module while they wait for the rest."""
        board.expect(0, "mkfifo /run/half")
        board.expect(0, "(dd if=/dev/vdb bs=64k iflag=count_bytes count=%d 2> /dev/null; exec sleep 600) > /run/half & giver=$!"
                     % (made[1] // 2))
        board.expect(0, "client install - < /run/half & taker=$!")
        board.expect(0, "until [ $(cat /sys/class/ubi/%s/upd_marker) = 1 ]; do sleep 0.1; done; sleep 1" % volume)
        board.expect(0, "killall -9 patchbay rootfs-image; wait $taker; kill $giver; rm /run/half")


class UbiRoot(UbiCase):
    """Root file systems in two UBI volumes: the running one is the root of the board."""

    def assert_old(self, board):
        """v1 runs, is booted, is on record, and nothing is left to do."""
        self.assertEqual(self.boots_next(board), ["slot=A", "trial=0"])
        self.assertEqual(board.expect(0, "client show-artifact").strip(), "v1")
        self.assertIn("Pending:     nothing", board.expect(0, "client status"))
        board.expect(2, "client resume")

    def test_update_is_committed_after_a_reboot(self):
        made = self.bench.artifact("v2")
        board = self.start(made)
        said = board.expect(4, workbench.install(made))
        self.assertIn("not committed yet", said)
        self.assertEqual(self.boots_next(board), ["slot=B", "trial=1"])
        self.assertEqual(board.reboot(), ("v2", "ubi0:root_b"))
        board.expect(0, "client commit")
        self.assertEqual(self.boots_next(board), ["slot=B", "trial=0"])
        self.assertEqual(board.expect(0, "client show-artifact").strip(), "v2")
        self.assertEqual(board.reboot(), ("v2", "ubi0:root_b"))
        # The other way round, into the volume with the old system.
        self.assertIn("slot A (/dev/ubi0_0)", board.expect(0, workbench.given(made, "plan")))
        board.expect(4, workbench.install(made))
        self.assertEqual(board.reboot(), ("v2", "ubi0:root_a"))
        board.expect(0, "client commit")

    def test_rollback_before_and_after_the_reboot(self):
        made = self.bench.artifact("v2")
        board = self.start(made)
        board.expect(4, workbench.install(made))
        board.expect(0, "client rollback")
        self.assert_old(board)
        self.assertEqual(board.reboot(), ("v1", "ubi0:root_a"))
        board.expect(4, workbench.install(made))
        self.assertEqual(board.reboot(), ("v2", "ubi0:root_b"))
        board.expect(4, "client rollback")
        self.assertEqual(board.reboot(), ("v1", "ubi0:root_a"))
        self.assert_old(board)

    def test_a_system_that_cannot_be_mounted_falls_back_and_the_commit_says_so(self):
        made = self.bench.image("none", b"none" * MEBI)
        board = self.start(made)
        board.expect(4, workbench.install(made))
        board.restart()
        board.wait_for_console("boots slot B, trial 1")
        board.wait_for_console("boots slot A, trial 0")
        self.assertEqual(board.wait_up(), ("v1", "ubi0:root_a"))
        self.assertIn("did not start: the boot loader has gone back", board.expect(1, "client commit"))
        self.assert_old(board)

    def test_an_image_that_is_there_already_is_not_written_again(self):
        made = self.bench.artifact("v2")
        board = self.start(made)
        board.expect(4, workbench.install(made))
        board.expect(0, "client rollback")
        before = self.attribute(board, "ubi0", "max_ec")
        board.expect(4, workbench.install(made))
        self.assertEqual(self.attribute(board, "ubi0", "max_ec"), before)
        self.assertIn("wrote 0 B of", board.expect(0, "cat /data/mender/deployments.*.log"))
        self.assertEqual(board.reboot(), ("v2", "ubi0:root_b"))
        board.expect(0, "client commit")

    def test_an_image_that_is_another_than_its_sum_says_is_refused_where_that_sum_is_already(self):
        content = random.Random(4).randbytes(MEBI)
        made = self.bench.image("right", content)
        wrong = self.bench.image("wrong", content[::-1], promised=content)
        board = self.start(made)
        board.expect(4, workbench.install(made))
        board.expect(0, "client rollback; sync")
        before = self.sum(board, "/dev/ubi0_1", MEBI)
        board.pull_plug()
        board = self.bench.machine(self.bench.path("disk"), medium=wrong[0])
        self.addCleanup(board.pull_plug)
        self.assertEqual(board.wait_up(), ("v1", "ubi0:root_a"))
        self.assertIn("the artifact was made wrong", board.expect(1, workbench.install(wrong)))
        self.assertEqual(self.sum(board, "/dev/ubi0_1", MEBI), before)
        self.assert_old(board)

    def test_an_image_larger_than_the_volume_is_refused_before_the_first_byte(self):
        made = self.bench.image("large", b"\0" * (VOLUME_SIZE + 1))
        board = self.start(made)
        before = self.sum(board, "/dev/ubi0_1", VOLUME_SIZE)
        said = board.expect(1, workbench.install(made))
        self.assertIn("but /dev/ubi0_1 has only %d" % VOLUME_SIZE, said)
        self.assertEqual(self.sum(board, "/dev/ubi0_1", VOLUME_SIZE), before)
        self.assert_old(board)

    def test_a_volume_that_is_mounted_is_not_written(self):
        made = self.bench.artifact("v2")
        board = self.start(made)
        board.expect(0, "mkdir /run/b && mount -t ubifs -o ro ubi0:root_b /run/b")
        said = board.expect(1, workbench.install(made))
        self.assertIn("/dev/ubi0_1 is in use: it is mounted at /run/b; unmount it first", said)
        self.assertEqual(self.attribute(board, "ubi0_1", "upd_marker"), "0")

    def test_a_volume_with_a_read_only_block_device_runs_or_is_in_use(self):
        """How file systems that are none of flash, like SquashFS, are put into volumes."""
        image = self.bench.path("block.ext4")
        run("mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", image, "4M")
        with open(image, "rb") as file:
            made = self.bench.image("block", file.read())
        board = self.start(made)
        board.expect(4, workbench.install(made))
        board.expect(0, "client rollback")
        board.expect(0, "ubiblock --create /dev/ubi0_1 && mkdir /run/b && mount -t ext4 -o ro /dev/ubiblock0_1 /run/b")
        self.assertIn("/dev/ubi0_1 is in use: it is mounted at /run/b", board.expect(1, workbench.install(made)))
        self.change_settings(board)
        board.expect(0, "boot-slot keep B")
        board.expect(0, "sed -i 's,{,{\"RootDirectory\": \"/run/b\"\\, ,' /etc/mender/rootfs-image.json")
        self.assertIn("slot A (/dev/ubi0_0)", board.expect(0, workbench.given(made, "plan")))

    def test_an_update_killed_while_it_writes_is_undone_and_can_be_repeated(self):
        made = self.bench.artifact("v2")
        board = self.start(made)
        self.cut_in_the_middle(board, made, "ubi0_1")
        board.run("client resume")
        self.assert_old(board)
        board.expect(4, workbench.install(made))
        self.assertEqual(board.reboot(), ("v2", "ubi0:root_b"))
        board.expect(0, "client commit")

    def test_a_plug_pulled_while_it_writes_leaves_the_old_system_and_the_update_can_be_repeated(self):
        made = self.bench.artifact("v2")
        board = self.start(made)
        self.cut_in_the_middle(board, made, "ubi0_1")
        # Flash has no cache that could be lost, but the disk that stands in for it has.
        board.expect(0, "sync")
        board.pull_plug()
        board = self.bench.machine(self.bench.path("disk"), medium=made[0])
        self.addCleanup(board.pull_plug)
        self.assertEqual(board.wait_up(), ("v1", "ubi0:root_a"))
        self.assertEqual(self.attribute(board, "ubi0_1", "upd_marker"), "1")
        board.run("client resume")
        self.assert_old(board)
        board.expect(4, workbench.install(made))
        self.assertEqual(board.reboot(), ("v2", "ubi0:root_b"))
        board.expect(0, "client commit")


def nand_options(pages):
    """What the kernel's simulation of NAND flash is told: 256 erase blocks of 64 pages of 2 KiB, two of the
    blocks bad from the start; and what is special about pages."""
    return "first_id_byte=0x20 second_id_byte=0xa1 third_id_byte=0x00 fourth_id_byte=0x15 overridesize=8 badblocks=3,17 " + pages


class Nand(UbiCase):
    """The slot that does not run is a volume on (simulated) NAND flash, with pages, bad blocks, and its faults."""

    def start_with_nand(self, made, pages):
        board = self.start(made)
        self.load(board, "nandsim", nand_options(pages))
        board.expect(0, "ubiattach -p /dev/mtd1 && ubimkvol /dev/ubi1 -N root_b -s 12MiB")
        self.change_settings(board)
        board.expect(0, "sed -i s/ubi0_1/ubi1_0/ /etc/mender/mender.conf")
        return board

    def assert_installed(self, board, made, content):
        self.assertIn("slot B (/dev/ubi1_0)", board.expect(0, workbench.given(made, "plan")))
        board.expect(4, workbench.install(made))
        self.assertEqual(self.boots_next(board), ["slot=B", "trial=1"])
        self.assertEqual(self.sum(board, "/dev/ubi1_0", len(content)), flash_bench.sha256(content))

    def test_bad_blocks_and_pages_that_cannot_be_written_do_not_matter(self):
        content = random.Random(1).randbytes(8 * MEBI + 12345)
        made = self.bench.image("nand", content)
        # The eleventh page of every eighth block cannot be written.
        weak = ",".join("%d:0" % (block * 64 + 10) for block in range(16, 256, 8))
        board = self.start_with_nand(made, "weakpages=" + weak)
        self.assert_installed(board, made, content)
        self.assertNotEqual(self.attribute(board, "ubi1", "bad_peb_count"), "2")
        board.expect(0, "client rollback")
        self.assertEqual(self.boots_next(board), ["slot=A", "trial=0"])

    def test_cut_in_the_middle(self):
        content = random.Random(2).randbytes(8 * MEBI)
        made = self.bench.image("nand", content)
        board = self.start_with_nand(made, "")
        self.cut_in_the_middle(board, made, "ubi1_0")
        board.run("client resume")
        self.assertEqual(self.boots_next(board), ["slot=A", "trial=0"])
        self.assertEqual(self.attribute(board, "ubi1_0", "corrupted"), "0")
        self.assert_installed(board, made, content)

    def test_pages_that_cannot_be_read_are_found_by_reading_back(self):
        made = self.bench.image("nand", random.Random(3).randbytes(4 * MEBI))
        board = self.start_with_nand(made, "gravepages=" + ",".join("%d:0" % (block * 64 + 10) for block in range(0, 256, 3)))
        said = board.expect(1, workbench.install(made))
        self.assertIn("read /dev/ubi1_0 at byte", said)
        self.assertIn("Bad message", said)
        self.assertEqual(self.boots_next(board), ["slot=A", "trial=0"])


if __name__ == "__main__":
    flash_bench.main(UbiRoot, Nand)
