#!/usr/bin/env python3
"""A release of a root file system that differs from the one before in 1 % of its files: what is
transferred, and how long the installation takes, as a delta and as the whole image.

The two images are ext4 file systems made of computed files, alike but for every hundredth file, which
has 100 bytes more in its middle, and one new file of 1 MiB. The old one runs from one loop device over
memory, the new one goes to another. swupdate gets the same delta, where it is built with librsync; its
second of sleep at the start is taken off. Needs root.

A missed target is printed, never an error.
"""
import os
import shutil
import sys

import install_bench
import rootfs_bench
from install_bench import say
from rootfs_bench import run

FILE = 256 << 10
CLEAN = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}  # without the bench's own mount
UUID = "5d1f7a3e-0000-4000-8000-000000000001"


class DeltaBench(rootfs_bench.RootfsBench):
    SMALL = "rootfs-delta"

    def prepare_device(self):
        self.images = [self.release(number) for number in (1, 2)]
        super().prepare_device()
        shutil.copy(self.module, self.work / "modules-ours" / self.SMALL)

    def make_slot_a(self):
        device = self.loop("a", self.options.size)
        run("dd", f"if={self.images[0]}", f"of={device}", "bs=4M")
        return device

    def release(self, number):
        """The image of a release, kept for the next run."""
        path = self.data / f"release-{self.options.size}-{number}.ext4"
        if path.exists():
            return path
        say(f"writing {path.name}")
        tree = self.memory / "tree"
        tree.mkdir()
        content = self.image(self.options.size * 7 // 8).read_bytes()
        for index in range(0, len(content) // FILE):
            piece = content[index * FILE:(index + 1) * FILE]
            if number == 2 and index % 100 == 0:
                piece = piece[:FILE // 3] + b"changed" * 14 + piece[FILE // 3:]
            (tree / f"{index:05}").write_bytes(piece)
        if number == 2:
            (tree / "new").write_bytes(content[:1 << 20][::-1])
        part = path.with_suffix(".part")
        run("mke2fs", "-q", "-t", "ext4", "-U", UUID, "-E", f"hash_seed={UUID}", "-d", tree, part,
            f"{self.options.size}M", env=dict(os.environ, SOURCE_DATE_EPOCH="1700000000"))
        shutil.rmtree(tree)
        os.rename(part, path)
        return path

    def reset(self, fill=True):
        super().reset(fill)
        shutil.copy(self.known, self.work / "ours/bootstrap.mender")

    def prepare_image(self):
        super().prepare_image_of(self.images[1])
        # A device that was flashed has to be told once what it runs.
        self.known = self.work / "bootstrap.mender"
        run(self.build / "sdk/artifact/patchbay-artifact", "write", "bootstrap", "-n", "release-1", "-t",
            install_bench.DEVICE, "-p", f"rootfs-image.checksum:{run('sha256sum', self.images[0])[:64]}", "-o", self.known)
        self.artifacts = {kind: self.artifact_of(kind) for kind in ("rootfs-image", self.SMALL)}

    def words_of_small(self):
        return ["--from", self.images[0]]

    def artifact_of(self, kind):
        path = self.work / f"{kind}.mender"
        words = self.words_of_small() if kind == self.SMALL else []
        say(f"writing {path.name}")
        cost = self.measure([self.build / "sdk/artifact/patchbay-artifact", "write", kind, "--generators",
                             rootfs_bench.SOURCES / "modules", "-n", "release-2", "-t", install_bench.DEVICE,
                             "--compression", "zstd", "-o", path, *words, self.images[1]])
        self.row(f"make {kind}, {self.options.size} MiB, zstd", install_bench.summary([cost]), None)
        return path

    def swupdate_delta(self):
        """The delta of our artifact in swupdate's wrapping; None where it cannot take one."""
        if not shutil.which("swupdate"):
            return None
        folder = self.memory / "parts"
        run(self.build / "sdk/artifact/patchbay-artifact", "extract", "-o", folder, self.artifacts["rootfs-delta"])
        [delta] = folder.glob("**/image.rdiff")
        path = self.swu_of(delta, f'type = "rdiff_image"; properties: {{ rdiffbase = "{self.slot_a}"; }};')
        return ["timeout", "120", "swupdate", "-H", "bench:1.0", "-M", "-m", "-k", self.work / "cert", "-i", path]

    def one_of_swupdate(self, command):
        """With the old system not mounted: it reads the device through the page cache, where a mounted ext4 has
        its journal's superblock changed, and what it writes is another image then, reported as a success."""
        run("umount", self.work / "root", env=CLEAN)
        try:
            return self.one("swupdate", command)
        finally:
            run("mount", "-o", "ro", self.slot_a, self.work / "root", env=CLEAN)

    def look_at_swupdate(self, command):
        try:
            self.one("swupdate", command)
        except RuntimeError as error:
            say(f"with the old system mounted, {error}")

    def compare_small(self):
        turns = {"delta": lambda: self.one("ours", self.ours("install", self.artifacts["rootfs-delta"])),
                 "whole": lambda: self.one("ours", self.ours("install", self.artifacts["rootfs-image"]))}
        swupdate = self.swupdate_delta()
        if swupdate:
            self.look_at_swupdate(swupdate)
            turns["swupdate"] = lambda: self.one_of_swupdate(swupdate)
        samples = {who: [] for who in turns}
        for turn in range(self.options.runs):
            for who in list(turns) if turn % 2 == 0 else list(turns)[::-1]:
                samples[who].append(turns[who]())
        self.raw["delta"] = samples
        measured = {who: install_bench.summary(rows) for who, rows in samples.items()}
        self.row("install the delta (to the whole image)", measured["delta"], measured["whole"])
        if swupdate:
            self.row("install the delta (to swupdate, nothing mounted)", measured["delta"], measured["swupdate"])
        self.row("  peak memory", None, None, 16, value=measured["delta"]["rss"], unit="MiB")

    def run(self):
        self.prepare_clients()
        try:
            self.prepare_device()
            self.prepare_image()
            sizes = [path.stat().st_size for path in self.artifacts.values()]
            for kind, size in zip(self.artifacts, sizes):
                self.row(f"size of the artifact, {kind}", None, None, value=size / (1 << 20), unit="MiB")
            self.compare_small()
        finally:
            self.clean_up()


if __name__ == "__main__":
    rootfs_bench.main(sys.argv[1:], DeltaBench)
