#!/usr/bin/env python3
"""Files in images of whole disks, and in FAT file systems: `cat`, `cp`, `install`, `rm`, `modify`."""
import os
import subprocess

import artifact_tool as tool
import scenario

MIB = 1024 * 1024
# number: (kind, begin, size) in MiB
PARTITIONS = {1: ("fat", 1, 8), 2: ("ext4", 9, 8), 3: ("ext4", 17, 8), 4: ("ext4", 25, 8)}


class Disk(tool.Case):
    def setUp(self):
        super().setUp()
        scenario.need("mender-artifact", "parted", "mkfs.ext4", "mkfs.vfat", "mcopy", "debugfs", "e2fsck")
        self.file("root/etc/mender/artifact_info", "artifact_name=old")
        self.file("root/etc/mender/mender.conf", '{"ServerURL": "https://old"}')
        self.file("config.txt", "gpu=1\n")
        self.file("new", "new\n", 0o640)

    def shell(self, *words):
        subprocess.run([str(word) for word in words], check=True, cwd=self.directory, capture_output=True)

    def fat(self, name, mebibytes=8):
        with open(self.path(name), "wb") as file:
            file.truncate(mebibytes * MIB)
        self.shell("mkfs.vfat", name)
        self.shell("mmd", "-i", name, "::/EFI")
        self.shell("mcopy", "-i", name, "config.txt", "::/config.txt")
        self.shell("mcopy", "-i", name, "config.txt", "::/EFI/A long name.txt")
        return name

    def disk(self, name="d.sdimg", label="msdos", second_root=True):
        with open(self.path(name), "wb") as file:
            file.truncate(34 * MIB)
        parts = [word for number, (kind, begin, size) in PARTITIONS.items() for word in (
            "mkpart", "primary" if label == "msdos" else "p%d" % number, "fat32" if kind == "fat" else kind,
            "%dMiB" % begin, "%dMiB" % (begin + size))]
        self.shell("parted", "-s", name, "mklabel", label, *parts)
        for number, (kind, begin, size) in PARTITIONS.items():
            if kind == "ext4" and (number != 3 or second_root):
                tree = ["-d", "root"] if number in (2, 3) else []
                self.shell("mkfs.ext4", "-q", "-F", *tree, "-E", "offset=%d" % (begin * MIB), name, "%dM" % size)
        self.fat("boot.vfat")
        self.shell("dd", "if=boot.vfat", "of=" + name, "bs=1M", "seek=1", "conv=notrunc")
        return name

    def partition(self, disk, number):
        _, begin, size = PARTITIONS[number]
        return self.bytes_of(disk)[begin * MIB:(begin + size) * MIB]

    def in_partition(self, disk, number, path):
        """A file of one partition, by the file system's own tool."""
        self.file("part", self.partition(disk, number))
        if PARTITIONS[number][0] == "fat":
            out = subprocess.run(["mtype", "-i", "part", "::" + path], cwd=self.directory, capture_output=True)
        else:
            out = subprocess.run(["debugfs", "-R", "cat " + path, "part"], cwd=self.directory, capture_output=True)
        return out.stdout

    def test_reads_what_the_reference_reads(self):
        disk = self.disk()
        for path in ("/uboot/config.txt", "/boot/efi/EFI/A long name.txt", "/boot/grub/config.txt",
                     "/etc/mender/artifact_info"):
            with self.subTest(path):
                expected = self.real("cat", disk + ":" + path).stdout
                self.assertNotEqual(expected, "")
                self.assertEqual(self.own("cat", disk + ":" + path).stdout, expected)
                self.assertEqual(self.compat("cat", disk + ":" + path).stdout, expected)
        self.compat("cp", disk + ":/uboot/config.txt", "copy")
        self.assertEqual(self.bytes_of("copy"), b"gpu=1\n")

    def test_changes_the_partition_that_the_path_is_on(self):
        for label in ("msdos", "gpt"):
            disk = self.disk(label=label)
            before = self.bytes_of(disk)
            for numbers, path, inside in (((1,), "/uboot/new", "/new"), ((1,), "/boot/efi/EFI/", "/EFI/new"),
                                          ((4,), "/data/new", "/new"), ((2, 3), "/etc/new", "/etc/new")):
                with self.subTest(label=label, path=path):
                    others = {n: self.partition(disk, n) for n in PARTITIONS if n not in numbers}

                    self.compat("cp", "new", disk + ":" + path)

                    for number in numbers:
                        self.assertEqual(self.in_partition(disk, number, inside), b"new\n")
                    for number, content in others.items():
                        self.assertEqual(self.partition(disk, number), content)
            self.assertEqual(len(self.bytes_of(disk)), len(before))
            self.assertEqual(self.bytes_of(disk)[:MIB], before[:MIB])
            self.assertEqual(self.bytes_of(disk)[33 * MIB:], before[33 * MIB:])

    def test_install_and_remove(self):
        disk = self.disk()
        self.own("install", "-m", "0755", "new", disk + ":/etc/run")
        self.own("install", "-m", "0644", "new", disk + ":/uboot/run")
        self.own("install", "-d", disk + ":/uboot/a/b")
        self.own("install", "-d", disk + ":/data/a/b")
        self.own("cp", "new", disk + ":/data/a/b/")
        self.own("cp", disk + ":/etc/run", "run")
        self.assertEqual(os.stat(self.path("run")).st_mode & 0o777, 0o755)
        self.assertEqual(self.own("cat", disk + ":/data/a/b/new").stdout, "new\n")

        self.own("rm", disk + ":/uboot/run")
        self.refused("rm", disk + ":/uboot/EFI", says=("--recursive", "/EFI"))
        self.own("rm", "-r", disk + ":/uboot/EFI/")
        self.own("rm", disk + ":/uboot/a/b")
        self.compat("rm", "-r", disk + ":/data/a/")
        self.own("rm", disk + ":/etc/run")
        for path in ("/uboot/run", "/uboot/EFI/A long name.txt", "/data/a/b/new", "/etc/run"):
            self.refused("cat", disk + ":" + path, says="there is no")

    def test_modify_changes_both_root_file_systems(self):
        disk = self.disk()
        self.own("modify", "-n", "fresh", "-u", "https://new", disk)

        for number in (2, 3):
            self.assertEqual(self.in_partition(disk, number, "/etc/mender/artifact_info"), b"artifact_name=fresh")
            self.assertIn(b"https://new", self.in_partition(disk, number, "/etc/mender/mender.conf"))
        self.refused("modify", "-p", "a:b", disk, says="not an artifact")

    def test_a_second_root_that_is_empty_stays_so(self):
        disk = self.disk(second_root=False)
        before = self.partition(disk, 3)

        self.own("cp", "new", disk + ":/etc/new")

        self.assertEqual(self.in_partition(disk, 2, "/etc/new"), b"new\n")
        self.assertEqual(self.partition(disk, 3), before)

    def test_a_failed_change_leaves_the_disk_alone(self):
        disk = self.disk()
        before = self.bytes_of(disk)
        for words, says in ((("cp", "new", disk + ":/none/new"), "/none"), (("cp", "new", disk + ":/uboot/no/x"), "/no"),
                            (("rm", disk + ":/data/none"), "/none"), (("rm", "-r", disk + ":/uboot/"), "root"),
                            (("cp", "new", disk + ":/uboot/a*b"), "a*b"), (("cp", "new", disk + ":/uboot/EFI"), "/EFI"),
                            (("cat", disk + ":/uboot/EFI"), "not a regular file"), (("cat", disk + ":file"), "is a disk"),
                            (("cp", "new", disk + ":/etc/new", "-k", "key.pem"), "cannot be signed")):
            with self.subTest(words):
                self.refused(*words, says=says)
                self.assertEqual(self.bytes_of(disk), before)
        self.assertEqual([name for name in os.listdir(self.directory) if "tmp" in name], [])

    def test_disks_that_are_not_laid_out_like_that(self):
        with open(self.path("two.img"), "wb") as file:
            file.truncate(20 * MIB)
        self.shell("parted", "-s", "two.img", "mklabel", "msdos", "mkpart", "primary", "1MiB", "5MiB",
                   "mkpart", "primary", "5MiB", "10MiB")
        self.refused("cat", "two.img:/data/x", says=("no partition 4", "/data"))
        self.refused("cat", "two.img:/etc/x", says=("/etc/x", "holds no ext2"))
        self.refused("cat", "two.img:/uboot/x", says=("/uboot/x", "holds no ext2"))
        self.file("odd.img", b"\0" * 510 + b"\x55\xaa" + b"\0" * 4096)
        self.refused("cat", "odd.img:/etc/x", code=None, says="odd.img")

    def test_fat_file_system_alone_and_in_an_artifact(self):
        self.fat("boot.img", 4)
        self.own("cp", "new", "boot.img:/EFI/ünï.txt")
        self.assertEqual(self.own("cat", "boot.img:/efi/ünï.TXT").stdout, "new\n")
        self.refused("cat", "boot.img:/EFI/other.txt", says="/EFI/other.txt")
        self.own("cp", "config.txt", "boot.img:/EFI/ünï.txt")
        self.assertEqual(self.own("cat", "boot.img:/EFI/ünï.txt").stdout, "gpu=1\n")

        self.own("write", "module", "-T", "boot", "-n", "r", "-t", "b", "-f", "boot.img", "-o", "a.mender")
        self.own("cp", "new", "a.mender:/EFI/new")
        self.own("validate", "a.mender")
        self.assertEqual(self.own("cat", "a.mender:/EFI/new").stdout, "new\n")


if __name__ == "__main__":
    tool.main()
